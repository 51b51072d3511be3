"""Bytes -> facts: spans, encodings, newlines, and what is refused."""

import ast
import contextlib
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from per_audit.facts import Unparsable, extract, ir

PROGRAM = '''
import numpy as np
from torch.nn import functional as F
from . import memory as m


class Ring(Base, metaclass=Meta):
    """A docstring."""

    limit: int = 10
    kinds = {"a": 1, **{}, "b": [*range(3)]}

    def __init__(self, size, *rest, flag=False, **more):
        self.rows, self.at = [None] * size, 0
        self.rows[0] = (lambda x, y=1: x + y)(1)

    @property
    def last(self):
        return self.rows[-1][..., 1:2, ::3] if self.rows else not None

    async def sample(self, n):
        picked = [self.rows[i] for i in range(n) if i % 2 for _ in ()]
        total = {k: v for k, v in zip(picked, picked)}
        if (found := len(picked)) > 3 >= 1 and n or -n:
            del picked[:2], total
        elif n is not None:
            raise ValueError(f"{n!r:>{found}} rows") from None
        else:
            assert n not in (1, 2), "no"
        with open("x") as f, open("y"):
            pass
        try:
            x = y = await f.read()
        except (OSError, ValueError):
            x += 1
        finally:
            global G
        while True:
            for i, (a, b) in enumerate(total.items()):
                yield i
                break
            else:
                continue
        match n:
            case 1 | 2:
                x **= 2
        return np.random.choice(n, size=2, p=[0.5, 0.5]), "é" "b", 1e-3
'''


def expressions(body):
    return [node for node in ir.walk(*body) if isinstance(node, ir.Expr)]


def same(left, right):
    return ast.dump(left) == ast.dump(right)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("indent", ["    ", "\t", "  "])
def test_the_text_at_a_span_is_the_node(newline, indent):
    text = PROGRAM.replace("    ", indent).replace("\n", newline)
    facts = extract("ring.py", text.encode())
    assert facts.exact
    found = expressions(facts.body)
    assert len(found) > 150
    whole = {ast.dump(node) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.expr)}
    for node in found:
        source = facts.source(node)
        if isinstance(node, (ir.Slice, ir.Star)) or source == "..." or ":" in source.split("[")[0]:
            continue
        parsed = ast.parse(f"({source})", mode="eval").body if "yield" not in source and "await" not in source else None
        if parsed is not None and not isinstance(parsed, ast.Tuple):
            stored = ast.dump(parsed)
            contexts = {stored, stored.replace("ctx=Load()", "ctx=Store()"), stored.replace("ctx=Load()", "ctx=Del()")}
            outermost = {stored[::-1].replace(")(daoL=xtc", f"){kind}=xtc", 1)[::-1] for kind in ("(erotS", "(leD")}
            assert (contexts | outermost) & whole, source


def test_every_statement_is_where_its_text_is():
    facts = extract("ring.py", PROGRAM.encode())
    statements = [node for node in ir.walk(*facts.body) if isinstance(node, ir.Stmt)]
    firsts = {"Return": "return", "If": ("if", "elif"), "For": "for", "While": "while", "Class": "class", "Try": "try"}
    for node in statements:
        word = firsts.get(type(node).__name__)
        assert word is None or facts.source(node).startswith(word)
        assert facts.source(node) == facts.source(node).strip()


def test_no_node_lies_outside_its_parent():
    facts = extract("ring.py", PROGRAM.encode())
    for parent in ir.walk(*facts.body):
        for child in ir.children(parent):
            decorated = isinstance(parent, (ir.Function, ir.Class)) and child in parent.decorators
            assert decorated or parent.start <= child.start <= child.end <= parent.end


def test_positions_count_characters_and_spans_count_bytes():
    facts = extract("x.py", "é = 'ü' + name\n".encode())
    name = next(n for n in ir.walk(*facts.body) if isinstance(n, ir.Name) and n.id == "name")
    assert facts.position(name.start) == (1, 11)
    assert facts.text[name.start : name.end] == b"name"


def test_other_encodings_and_marks_are_read_as_utf_8():
    latin = extract("x.py", "# -*- coding: latin-1 -*-\nx = 'é'\n".encode("latin-1"))
    marked = extract("x.py", b"\xef\xbb\xbf" + "x = 'é'\n".encode())
    assert [n.value for n in ir.walk(*latin.body) if isinstance(n, ir.Const)] == ["é"]
    assert marked.source(marked.body[0]) == "x = 'é'"


@pytest.mark.parametrize(
    "text",
    ["x = 1\n\f\ny = 2\n", "x = 1", "", "\n\n", "# only a comment", "if a:\n\tb = 1\n\tc = 2\n", "x = (1,\n\f  2)\n"],
)
def test_form_feeds_tabs_and_missing_ends_keep_their_places(text):
    facts = extract("x.py", text.encode())
    assert facts.exact
    assert facts.text == text.encode()
    for node in facts.body:
        assert not facts.source(node).startswith((" ", "\f", "\t"))


def test_newer_f_strings_are_read_by_any_interpreter():
    facts = extract("x.py", b"print(f'{'a' + 'b'}', buffer.sample(3))\n")
    assert any(isinstance(node, ir.Attr) and node.attr == "sample" for node in ir.walk(*facts.body))


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "(" * 3000 + ")" * 3000,
        "x = " + "[" * 3000 + "]" * 3000,
        "x = " + " + ".join(["1"] * 5000),
        "x = a" + ".b" * 5000,
        "x = f" + "(1)" * 5000,
        "x = " + "not " * 5000 + "1",
        "x = " + "-" * 5000 + "1",
        "x = " + "a if b else " * 3000 + "c",
        "x = '''unfinished" + "(" * 3000,
        "if a:\n    pass\n" + "elif a:\n    pass\n" * 3000,
    ],
    ids=["brackets", "lists", "sum", "attributes", "calls", "not", "minus", "conditional", "unfinished", "elif"],
)
def test_nesting_that_would_abort_the_parser_is_refused(text):
    with pytest.raises(Unparsable) as caught:
        extract("deep.py", text.encode())
    assert caught.value.line >= 1


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"x = 1\nprint 'two'\n", 2),
        (b"x = 1\n\xff\xfe = 2\n", 2),
        (b"x = 1\n\ny = \x00\n", 3),
        (b"# coding: no-such-encoding\n", 1),
        (b"x = 1\n<<<<<<< HEAD\ny = 2\n", 2),
        (b"if a:\n    x = 1\n\ty = 2\n", 3),
        (b"def f(:\n", 1),
    ],
    ids=["python 2", "bytes", "nul", "cookie", "conflict", "mixed tabs", "syntax"],
)
def test_what_is_no_python_3_says_where_and_why(data, line):
    with pytest.raises(Unparsable) as caught:
        extract("x.py", data)
    assert caught.value.line == line
    assert caught.value.reason


NAMES = st.sampled_from(["a", "b", "self.rows", "memory[0]", "f(x, *y)", "'é'", "1.5", "(a, b)", "[c]", "{d: e}"])
EXPRESSIONS = st.recursive(
    NAMES,
    lambda inner: st.one_of(
        st.builds("({} + {})".format, inner, inner),
        st.builds("g({}, key={})".format, inner, inner),
        st.builds("[{} for i in {}]".format, inner, inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("{{'k': {}}}".format, inner),
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(EXPRESSIONS, min_size=1, max_size=5), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_assigned_expressions_are_found_again_at_their_spans(texts, newline, comments):
    note = "  # é" if comments else ""
    facts = extract("x.py", "".join(f"v = {text}{note}{newline}" for text in texts).encode())
    assert facts.exact
    for text, node in zip(texts, facts.body, strict=True):
        assert facts.source(node) == f"v = {text}"
        source = facts.source(node.value)
        assert same(ast.parse(f"({source})"), ast.parse(text))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=80))
def test_any_bytes_are_facts_or_refused(data):
    with contextlib.suppress(Unparsable):
        assert extract("x.py", data).path == "x.py"


def test_lines_that_share_a_row_are_taken_apart():
    facts = extract(
        "x.py",
        textwrap.dedent("""
        a = 1; b = 2
        if c: d = 3; e = 4
        """).encode(),
    )
    assert [facts.source(node) for node in facts.body[:2]] == ["a = 1", "b = 2"]
    assert [facts.source(node) for node in facts.body[2].body] == ["d = 3", "e = 4"]
