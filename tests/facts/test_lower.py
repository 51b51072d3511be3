"""libcst nodes -> facts: one small case a construct, and none left out."""

import ast
import inspect
import sys

import libcst as cst
import pytest

from per_audit.facts import ModuleFacts, ir
from per_audit.facts.lower import Lowering
from per_audit.facts.parse import lowered


def shape(node):
    """A node as text: its kind, its plain fields, its parts."""
    if isinstance(node, list):
        return "[" + ", ".join(map(shape, node)) + "]"
    if isinstance(node, tuple):
        return "(" + ", ".join(map(shape, node)) + ")"
    if isinstance(node, ir.Name):
        return node.id
    if not isinstance(node, ir.Node):
        return repr(node)
    values = [getattr(node, name) for name in type(node).__dataclass_fields__ if name not in ("start", "end")]
    while values and (values[-1] is None or values[-1] == []):
        values.pop()
    return f"{type(node).__name__}({', '.join(map(shape, values))})"


def facts(text):
    body, exact = lowered(text, None)
    return ModuleFacts("x.py", body, text.encode(), exact)


def names(module):
    """The names that the facts of a module mention, in order of their places."""
    found = sorted((node for node in ir.walk(*module.body) if isinstance(node, ir.Name)), key=lambda node: node.start)
    return [node.id for node in found]


def concrete(base):
    """The classes of libcst that a file can hold, below a base."""
    for cls in base.__subclasses__():
        if not inspect.isabstract(cls):
            yield cls
        yield from concrete(cls)


@pytest.mark.parametrize(
    "cls",
    sorted(
        {*concrete(cst.BaseExpression), *concrete(cst.BaseSmallStatement), *concrete(cst.BaseCompoundStatement)},
        key=lambda cls: cls.__name__,
    ),
    ids=lambda cls: cls.__name__,
)
def test_each_kind_of_expression_and_statement_is_read(cls):
    assert hasattr(Lowering, f"_{cls.__name__}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", "a"),
        ("None", "Const()"),
        ("True", "Const(True)"),
        ("...", "Const(Ellipsis)"),
        ("1_000", "Const(1000)"),
        ("0x1f", "Const(31)"),
        ("1e-3", "Const(0.001)"),
        ("2j", "Const(2j)"),
        ("'a\\n'", "Const('a\\n')"),
        ("rb'\\d'", "Const(b'\\\\d')"),
        ("'a' \"b\" 'c'", "Const('abc')"),
        ("b'a' b'b'", "Const(b'ab')"),
        ("f'{a}'", "Other('FormattedString', [a])"),
        ("f'{a!r:>{b}.{c}}'", "Other('FormattedString', [a, b, c])"),
        ("f'{a=}{b:x}'", "Other('FormattedString', [a, b])"),
        ("'a' f'{b}'", "Other('FormattedString', [b])"),
        (
            "f'{a}' 'b' f'{c:{d}}'",
            "Other('FormattedString', [a, c, d])",
        ),
        ("a.b.c", "Attr(Attr(a, 'b'), 'c')"),
        ("a(b, *c, d=e, **f)", "Call(a, [Arg(b, None, ''), Arg(c, None, '*'), Arg(e, 'd', ''), Arg(f, None, '**')])"),
        ("a[b]", "Sub(a, b)"),
        ("a[b,]", "Sub(a, Seq('tuple', [b]))"),
        ("a[(b), (c)]", "Sub(a, Seq('tuple', [b, c]))"),
        ("a[b:c, ::d, ...]", "Sub(a, Seq('tuple', [Slice(b, c), Slice(None, None, d), Const(Ellipsis)]))"),
        ("()", "Seq('tuple')"),
        ("(a,)", "Seq('tuple', [a])"),
        ("a, *b", "Seq('tuple', [a, Star(b)])"),
        ("[a, *b]", "Seq('list', [a, Star(b)])"),
        ("{a, *b}", "Seq('set', [a, Star(b)])"),
        ("{a: b, **c}", "Map([a, None], [b, c])"),
        ("a @ b", "Bin('@', a, b)"),
        ("a // b ** c", "Bin('//', a, Bin('**', b, c))"),
        ("a << b >> c", "Bin('>>', Bin('<<', a, b), c)"),
        ("not -a", "Un('not', Un('-', a))"),
        ("~a", "Un('~', a)"),
        ("a < b is not c not in d", "Cmp(a, ['<', 'is not', 'not in'], [b, c, d])"),
        ("a and b or c", "Logic('or', Logic('and', a, b), c)"),
        ("a if b else c", "IfExp(b, a, c)"),
        ("[a for b in c if d if e]", "Comp('list', None, a, [Generator(b, c, [d, e])])"),
        ("{a for b in c for d in e}", "Comp('set', None, a, [Generator(b, c), Generator(d, e)])"),
        ("{a: b for c in d}", "Comp('dict', a, b, [Generator(c, d)])"),
        ("f(a for b in c)", "Call(f, [Arg(Comp('generator', None, a, [Generator(b, c)]), None, '')])"),
        ("[(y := x) for x in z]", "Comp('list', None, Walrus(y, x), [Generator(x, z)])"),
        ("lambda: a", "Lambda([], a)"),
        (
            "lambda a, /, b=c, *d, e=f, **g: h",
            "Lambda([Parameter('a', None, '', False), Parameter('b', c, '', False), Parameter('d', None, '*', False), "
            "Parameter('e', f, '', True), Parameter('g', None, '**', False)], h)",
        ),
        ("await a", "Other('Await', [a])"),
        ("(yield)", "Other('Yield')"),
        ("(yield a)", "Other('Yield', [a])"),
        ("(yield from a)", "Other('YieldFrom', [a])"),
    ],
)
def test_an_expression(text, expected):
    module = facts(f"async def function():\n    x = {text}\n")
    assert shape(module.body[0].body[0].value) == expected


def test_an_unpacked_index_is_a_tuple():
    # Syntax of Python 3.11, read by any interpreter.
    assert shape(facts("x = a[*b]\n").body[0].value) == "Sub(a, Seq('tuple', [Star(b)]))"
    assert shape(facts("x = a[*(b), c]\n").body[0].value) == "Sub(a, Seq('tuple', [Star(b), c]))"


def test_an_integer_of_thousands_of_digits_is_no_constant():
    value = facts(f"x = {'1' * 5000}\n").body[0].value
    assert isinstance(value, (ir.Const if sys.version_info < (3, 10, 7) else (ir.Other, ir.Const)))
    assert not (isinstance(value, ir.Const) and value.value is ...)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", "Do(a)"),
        ("a = b = c", "Assign([a, b], c)"),
        ("a, *b = c", "Assign([Seq('tuple', [a, Star(b)])], c)"),
        ("a: b", "Assign([a], None, b)"),
        ("a.b: c = d", "Assign([Attr(a, 'b')], d, c)"),
        ("a @= b", "Aug(a, '@', b)"),
        ("a >>= b", "Aug(a, '>>', b)"),
        ("del a, b[c]", "Delete([a, Sub(b, c)])"),
        ("del (a, (b, c))", "Delete([a, Seq('tuple', [b, c])])"),
        ("pass", "Jump('pass')"),
        ("raise", "Raise()"),
        ("raise a", "Raise(a)"),
        ("raise a from b", "Raise(a, b)"),
        ("assert a", "Assert(a)"),
        ("assert a, f'{b}'", "Assert(a, Other('FormattedString', [b]))"),
        ("global a, b", "Scope('global', ['a', 'b'])"),
        ("import a.b as c, d", "Import([('a.b', 'c'), ('d', None)])"),
        ("from ..a import b as c", "ImportFrom('a', 2, [('b', 'c')])"),
        ("from . import *", "ImportFrom('', 1, [('*', None)])"),
        ("if a: b\nelif c: d\nelse: e", "If(a, [Do(b)], [If(c, [Do(d)], [Do(e)])])"),
        ("for a, b in c: d\nelse: e", "For(Seq('tuple', [a, b]), c, [Do(d)], [Do(e)])"),
        ("while a:\n  break\nelse: continue_", "While(a, [Jump('break')], [Do(continue_)])"),
        ("with a as b, c: d", "With([WithItem(a, b), WithItem(c)], [Do(d)])"),
        ("with (a as b, c as (d, e)): f", "With([WithItem(a, b), WithItem(c, Seq('tuple', [d, e]))], [Do(f)])"),
        (
            "try: a\nexcept (B, C) as d: e\nexcept: f\nelse: g\nfinally: h",
            "Try([Do(a)], [[Do(e)], [Do(f)]], [Do(g)], [Do(h)], [Catch(Seq('tuple', [B, C]), d), Catch()])",
        ),
        ("try: a\nexcept* B as c: d", "Try([Do(a)], [[Do(d)]], [], [], [Catch(B, c)])"),
        (
            "match a:\n  case 1 | b.C: d\n  case _: e",
            "Match(a, [[Do(d)], [Do(e)]], [Pattern([], [Const(1), Attr(b, 'C')]), Pattern()])",
        ),
        (
            "match a:\n  case [b, (c, *d)] if e: f",
            "Match(a, [[Do(f)]], [Pattern([b, c, d], [], e)])",
        ),
        (
            "match a:\n  case {'k': b, K.x: None, **rest}: c",
            "Match(a, [[Do(c)]], [Pattern([rest, b], [Const('k'), Attr(K, 'x'), Const()])])",
        ),
        (
            "match a:\n  case A.B(-1, c, d=e) as f: g",
            "Match(a, [[Do(g)]], [Pattern([f, c, e], [Attr(A, 'B'), Un('-', Const(1))])])",
        ),
        ("def f(a: b = c, *d: e) -> g: h",
         "Function('f', [Parameter('a', c, '', False, b), Parameter('d', None, '*', False, e)], [Do(h)], [], g)"),
        ("@a.b(c)\n@d\nclass E(F, *g, metaclass=H, total=i, **j): k",
         "Class('E', [F, Star(g)], [Do(k)], [Call(Attr(a, 'b'), [Arg(c, None, '')]), d], "
         "[Arg(H, 'metaclass', ''), Arg(i, 'total', ''), Arg(j, None, '**')])"),
        ("type A = b", "Assign([A], b)"),
        ("type A[T: b, *U, **V] = c[T]", "Assign([A], Sub(c, T), None, Other('TypeParameters', [b]))"),
        ("def f[T: (a, b)](): c",
         "Function('f', [], [Do(c)], [], None, Other('TypeParameters', [Seq('tuple', [a, b])]))"),
        ("class A[T]: b", "Class('A', [], [Do(b)], [], [], Other('TypeParameters'))"),
    ],
)  # fmt: skip
def test_a_statement(text, expected):
    assert shape(facts(text + "\n").body[0]) == expected


def test_asynchronous_statements_are_as_the_others():
    module = facts("async def f():\n  async for a in b: c\n  async with d as e: g\n  return [h async for h in i]\n")
    assert [type(node) for node in module.body[0].body] == [ir.For, ir.With, ir.Return]
    assert names(module) == ["a", "b", "c", "d", "e", "g", "h", "h", "i"]


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("x[(a), (b)]", ir.Seq, "(a), (b)"),
        ("x[ a , ]", ir.Seq, "a ,"),
        ("x[(a):(b), c]", ir.Slice, "(a):(b)"),
        ("x = ()", ir.Seq, "()"),
        ("x = (( ))", ir.Seq, "( )"),
        ("x = ((a), (b))", ir.Seq, "(a), (b)"),
        ("f(*(a))", ir.Arg, "*(a)"),
        ("[a  for b in (c) ]", ir.Generator, "for b in (c)"),
        ("[a for b in c if (d) ]", ir.Generator, "for b in c if (d)"),
        ("def f(a: (b) = (c), *d): pass", ir.Parameter, "a: (b) = (c)"),
        ("def f(a: (b)): pass", ir.Parameter, "a: (b)"),
        ("with (a) as (b): pass", ir.WithItem, "(a) as (b)"),
        ("try: pass\nexcept (a) as b: pass", ir.Catch, "except (a) as b: pass"),
        ("match a:\n  case (b) | [c] if d: pass", ir.Pattern, "(b) | [c]"),
        ("f'{ a :{b}}'", ir.Other, "f'{ a :{b}}'"),
        ("def f[T: (a)](): pass", ir.Other, "[T: (a)]"),
        ("async def f(): pass", ir.Function, "async def f(): pass"),
        ("@a\nclass B: pass", ir.Class, "class B: pass"),
    ],
)
def test_where_a_part_begins_and_ends(text, kind, expected):
    module = facts(text + "\n")
    assert module.source(next(node for node in ir.walk(*module.body) if isinstance(node, kind))) == expected


def test_escapes_that_mean_nothing_cause_no_warning():
    # Warnings are errors in tests; on a terminal they would appear on standard error.
    assert facts("x = '\\d' '\\w'\n").body[0].value.value == "\\d\\w"


EVERYTHING = """
from __future__ import annotations
@decorated(by=1)
class Rows(Base[int], *bases, metaclass=Meta):
    held: list[tuple[int, ...]] = [(1, (2)), *more]
    def put(self, *rows: int, at: "int" = (-1), **rest) -> None:
        self.held[(at), (at)], *others = rows[::2], {**rest, (1): [*rows]}
        for i, (a, b) in enumerate(x for x in (rows) if (x) if not x): yield (i)
        with (open(a)) as (f), open(f"{a!r:>{b}}" "c"): del f, (a, b)
        try: assert (a), f"{b}"
        except (OSError, ValueError) as error: raise error from (a)
        return (lambda y=(a), *z: y if z else (w := {k: v for k, v in z}))(1)[..., None]
    async def get(self):
        async with self.lock as lock: return await lock, [r async for r in self if r is not None]
"""


def test_every_expression_of_the_interpreter_is_found_at_its_place():
    module = facts(EVERYTHING)
    assert module.exact
    spans = {(node.start, node.end) for node in ir.walk(*module.body)}
    tree = ast.parse(EVERYTHING)
    # Their places in strings are wrong before Python 3.12.
    in_strings = {part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    checked = 0
    for node in set(ast.walk(tree)) - in_strings:
        if isinstance(node, (ast.expr, ast.stmt)) and not _deleted(node):
            start = module.line_starts[node.lineno - 1] + node.col_offset
            end = module.line_starts[node.end_lineno - 1] + node.end_col_offset
            bare = EVERYTHING[start] == "(" and isinstance(node, (ast.Tuple, ast.GeneratorExp))
            assert (start, end) in spans or (bare and (start + 1, end - 1) in spans), EVERYTHING[start:end]
            checked += 1
    assert checked > 120


def _deleted(node):
    return isinstance(node, ast.Tuple) and isinstance(node.ctx, ast.Del)
