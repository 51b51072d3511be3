"""Nodes: what lies inside them, and what a call is given."""

import pytest

from per_audit.facts import extract, ir


def statement(text):
    return extract("x.py", text.encode()).body[0]


def names(nodes):
    return [node.id for node in nodes if isinstance(node, ir.Name)]


def test_a_walk_reads_as_the_source_does():
    loop = statement("for a, b in c:\n    if d: e = f\nelse:\n    g[h](i)\n")
    assert names(ir.walk(loop)) == list("abcdefghi")


def test_the_nodes_directly_inside():
    tried = statement("try: a\nexcept b as c: d\nfinally: e\n")
    assert [type(node) for node in ir.children(tried)] == [ir.Do, ir.Do, ir.Do, ir.Catch]
    assert ir.children(statement("pass")) == []


def test_a_scope_ends_where_another_begins():
    body = extract("x.py", b"a\ndef f(b=c):\n    d\nclass G(h):\n    i\nlambda j: k\n").body
    assert names(ir.walk_scope(body)) == ["a"]
    assert [type(node) for node in ir.walk_scope(body) if isinstance(node, (ir.Function, ir.Class, ir.Lambda))] == [
        ir.Function,
        ir.Class,
        ir.Lambda,
    ]


@pytest.mark.parametrize(
    ("call", "given"),
    [("f(a, b)", "b"), ("f(a, y=b)", "b"), ("f(a)", None), ("f(*a, b)", None), ("f(y=b, *a)", "b"), ("f(x=a)", None)],
)
def test_the_argument_at_a_position_or_by_a_keyword(call, given):
    found = statement(call).value.argument(1, "y")
    assert (None if found is None else found.id) == given


@pytest.mark.parametrize(("text", "name"), [("a", "a"), ("a.b", "b"), ("a().b", "b"), ("a[b]", ""), ("a()", "")])
def test_the_last_name(text, name):
    assert ir.last_name(statement(text).value) == name
