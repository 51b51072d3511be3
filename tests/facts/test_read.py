"""The interpreter's tree gives the facts that libcst's gives, span by span."""

import ast
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import per_audit
from per_audit.catalogue import catalogue
from per_audit.facts import ir
from per_audit.facts.limits import interpreted
from per_audit.facts.module import line_starts
from per_audit.facts.parse import lowered
from per_audit.facts.read import NotRead, Reader

OPERANDS = ["a", "(b)", "((c))", "(d, e)", "(f,)", "()", "[g]", "(h for h in (i) if (j))", "k.l", "(m)(n)", "'o'", "-1"]
SHAPES = [
    "x = {0} and {1} and {2} or {0}",
    "f({0}, ( {1} ), k=({2}))",
    "f(y for z in ({0}) if ({1}) for w in {2})",
    "x = {0}, {1}, {2} ,",
    "x = ({0}, {1}, # (\n {2} )",
    "x[{0}] = y[{1}, {2}]",
    "x[({0}):{1}, ::({2})] = [*({0}), {1}]",
    "with ({0}): pass",
    "with ({0}) as q, ({1}) as (r): pass",
    "with ({0}, # a )\n  ({1})): pass",
    "with ({0} as q, {1} as r): pass",
    "def f(p: ({0}) = ({1}), /, *q, r=({2}), **s) -> ({0}): return ({1})",
    "g = lambda p=({0}), *q: ({1})",
    "class A({0}, *p, k=({1}), **q): {2}",
    "for (p, q) in ({0}), {1}: {2}",
    "try:\n  ({0})\nexcept ({1}) as assassin: {2}\nexcept {0}: pass\nelse: {1}\nfinally: {2}",
    "x = f'{{a!r:>{{b.c}}}}' 'é' f'{{d}}' # (",
    "if ({0}): {1}\nelif {2}: pass\nelse:\n  ({0})\n",
    "del (p, q), r[{0}]",
    "p = ({0} if ({1}) else {2}) < ({0}) != {1}",
    "async def f():\n  async with ({0}) as p: return [q # for\n   async for # (\n q in ({1})]",
    "{{({0}): ({1}), **({2})}}",
    "x: ({0}) = (yield)",
    "assert ({0}), ({1})",
    "raise ({0}) from ({1})",
    "@({0})\n@p(({1}))\nclass B: pass",
    "global p, q",
    "from .. import p as q, r",
    "import p.q as r, s",
    "(p := ({0}))",
    "print({0}, *({1}), **({2}))",
]


def difference(left, right):
    """Where two facts differ, nothing where they do not."""
    if type(left) is not type(right):
        return left, right
    if isinstance(left, ir.Node):
        fields = (difference(getattr(left, name), getattr(right, name)) for name in type(left).__dataclass_fields__)
        return next(filter(None, fields), None)
    if isinstance(left, (list, tuple)):
        if len(left) != len(right):
            return left, right
        return next(filter(None, map(difference, left, right)), None)
    return None if left == right or left != left else (left, right)


def read(text):
    data = text.encode()
    return Reader(data, line_starts(data)).block(interpreted(text).body)


def assert_same(text):
    body, exact = lowered(text, None)
    assert exact
    assert difference(read(text), body) is None


@pytest.mark.parametrize("shape", SHAPES)
@given(st.permutations(OPERANDS), st.sampled_from(["\n", "\r\n", "\r"]))
def test_every_shape_is_read_as_libcst_reads_it(shape, operands, newline):
    text = (shape.format(*operands) + "\n").replace("\n", newline)
    try:
        ast.parse(text)
    except SyntaxError:
        assume(False)
    assert_same(text)


@pytest.mark.parametrize("rule", catalogue(), ids=lambda rule: rule.code)
def test_the_examples_of_the_rules_are_read_as_libcst_reads_them(rule):
    for example in (*rule.bad, *rule.good):
        for text in example.plain.values():
            assert_same(text)


@pytest.mark.parametrize("name", ["facts/ir.py", "facts/limits.py", "cli/__init__.py", "audit/run.py"])
def test_files_are_read_as_libcst_reads_them(name):
    assert_same((Path(per_audit.__file__).parent / name).read_text(encoding="utf-8"))


def test_patterns_are_left_to_libcst():
    with pytest.raises(NotRead):
        read("match a:\n case 1: pass\n")


def test_a_string_that_holds_names_where_they_are_not_is_left_to_libcst():
    text = "x = f'{abc}'\n"
    tree = ast.parse(text)
    tree.body[0].value.values[0].value.col_offset += 1
    data = text.encode()
    with pytest.raises(NotRead):
        Reader(data, line_starts(data)).block(tree.body)
