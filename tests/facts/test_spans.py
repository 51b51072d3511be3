"""Spans of nodes, against libcst's own provider and against what the nodes say."""

import libcst as cst
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper

from per_audit.facts.spans import spans_of

STATEMENTS = [
    "x = 1",
    'größe = \'ä\' + """ü\n  ß"""  # 漢字',
    "x[a:b, ::2] = (  (y)  , *z)",
    "f(a, *b, c = 3, **d)(lambda q, /, r=1, *, s: q)",
    "import a.b as c, d ; from . import (e,\n  f)",
    "value = not  -x if y else (yield)",
    "g = f'{x!r:>{w}} 𝄞 {y=}'",
    "a : int = 3",
    "x @= y \\\n  + z",
    "del x, y",
    "{**a, 'b': 1, 2: [c for c in d if e for f in g]}",
    "if x :\n    y = 1\n    # é\n\n    z = 2\nelif q: pass\nelse :\n\ty",
    "@deco( 'é' )\n\n# between\nasync def f ( a : int = 1 , * , b ) -> c :\n    async with a as b , c: await d",
    "class A ( B , metaclass = C ) :\n    '''dé'''\n    x = 1",
    "try:\n    a\nexcept (B, C) as d :\n    raise E from f\nelse: g\nfinally:\n    h",
    "while x < y <= z != w: break",
    "for i, (j, k) in l : continue",
    "match x:\n    case [1, *r] | {'a': b, **c} if d: pass\n    case P(q, s=t) as u: pass",
    "(x := 1)",
    "a = b = c",
    "",
    "# only a comment, ö",
]
NEWLINES = st.sampled_from(["\n", "\r\n"])
SOURCES = st.builds(
    lambda statements, newline, end: (newline.join(s.replace("\n", newline) for s in statements)) + end,
    st.lists(st.sampled_from(STATEMENTS), max_size=6),
    NEWLINES,
    st.sampled_from(["", "\n", "\n\n", "  # é", "\r\n"]),
)


def parsed(text: str) -> tuple[cst.Module, dict[cst.CSTNode, tuple[int, int]]]:
    module = cst.parse_module(text)
    spans, trusted = spans_of(module, text)
    assert trusted
    return module, spans


def nodes_of(node: cst.CSTNode) -> list[cst.CSTNode]:
    found, stack = [], [node]
    while stack:
        found.append(stack.pop())
        stack.extend(found[-1].children)
    return found


@given(SOURCES)
def test_spans_are_those_of_libcst(text):
    wrapper = MetadataWrapper(cst.parse_module(text))
    expected = wrapper.resolve(ByteSpanPositionProvider)
    spans, trusted = spans_of(wrapper.module, text)
    assert trusted is (wrapper.module.code == text)
    for node, span in expected.items():
        start, end = spans[node]
        assert (start, end - start) == (span.start, span.length), type(node).__name__


@given(SOURCES)
def test_the_text_in_a_span_is_the_node(text):
    assume(cst.parse_module(text).code == text)  # libcst loses a few forms of the last line
    module, spans = parsed(text)
    data = text.encode()
    for node in nodes_of(module):
        start, end = spans[node]
        shown = data[start:end].decode()
        if isinstance(node, (cst.Name, cst.Integer, cst.SimpleString, cst.Comment)):
            assert shown == node.value
        elif isinstance(node, (cst.Attribute, cst.Call, cst.Subscript, cst.BinaryOperation, cst.List, cst.Dict)):
            assert cst.parse_expression(f"({shown}\n)").with_changes(lpar=node.lpar, rpar=node.rpar).deep_equals(node)


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("x = (  é  )\n", "é", (7, 9)),
        ("'ä'; abc\n", "abc", (6, 9)),
        ("if a:\n\té = abc\n", "abc", (12, 15)),
    ],
)
def test_offsets_count_bytes(text, name, expected):
    module, spans = parsed(text)
    (node,) = [node for node in nodes_of(module) if isinstance(node, cst.Name) and node.value == name]
    assert spans[node] == expected
    assert text.encode()[slice(*expected)].decode() == name


def test_a_tree_of_another_text_is_not_trusted():
    module = cst.parse_module("x = 1\n")
    assert not spans_of(module, "x = 2\n")[1]
    assert not spans_of(module, "x = 1\n\n")[1]


@pytest.mark.parametrize("text", ["x = 1\r", "x = 1\ry = 2\r", "", "\n", "x"])
def test_the_forms_of_the_last_line_are_trusted(text):
    assert spans_of(cst.parse_module(text), text)[1]
