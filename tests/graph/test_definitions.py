"""The definitions that reach the use of a name."""

import pytest

from per_audit.facts import ir
from per_audit.graph.definitions import Definitions, positions_of


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("x = 1\nx = 2\nuse(x)", {("2", ())}),
        ("x = 1\nif a:\n    x = 2\nuse(x)", {("1", ()), ("2", ())}),
        ("if a:\n    x = 1\nelse:\n    x = 2\n    use(x)", {("2", ())}),
        ("x = 1\nfor i in a:\n    use(x)\n    x = 2", {("1", ()), ("2", ())}),
        ("for i in a:\n    x = 1\n    use(x)\n    x = 2", {("1", ())}),
        ("y, (z, x) = a", set()),
        ("y, (z, x) = a\nuse(x)", {("a", (1, 1))}),
        ("for i, x in a:\n    use(x)", {("a", ("*", 1))}),
        ("with a as x:\n    use(x)", {("a", ())}),
        ("x = 1\nx += 2\nuse(x)", {("2", ()), ("x", ())}),
        ("[use(x) for x in a]", {("a", ("*",))}),
        ("x = 1\ndef f():\n    use(x)", {("1", ())}),
    ],
)
def test_what_reaches_a_use(project, code, expected):
    graph = project(code)
    found = {
        (graph.source("main.py", value), places)
        for node in ir.walk(*graph.module("main.py").body)
        if isinstance(node, ir.Call) and isinstance(node.func, ir.Name) and node.func.id == "use"
        for value, places in Definitions(graph).reaching(node.args[0].value, "main.py").values
    }
    assert found == expected


def test_a_parameter_reaches_until_it_is_assigned(project):
    graph = project("def f(x, a):\n    one(x)\n    if a:\n        x = 1\n    two(x)\n    x = 2\n    three(x)")
    uses = [n.args[0].value for n in ir.walk(*graph.module("main.py").body) if isinstance(n, ir.Call)]
    found = [Definitions(graph).reaching(use, "main.py") for use in uses]
    assert [one.parameter is not None for one in found] == [True, True, False]
    assert [len(one.values) for one in found] == [0, 1, 1]


def test_what_a_call_gives_to_parameters(project):
    graph = project("""
        class A:
            def f(self, a, b=0, *rest, c=1):
                pass

        A().f(1, 2, 3, 4, c=5)
    """)
    (call,) = [
        n for n in ir.walk(*graph.module("main.py").body) if isinstance(n, ir.Call) and isinstance(n.func, ir.Attr)
    ]
    (function,) = graph.project.functions
    given = positions_of(graph, call, function)
    assert {name: [graph.source("main.py", part) for part in parts] for name, parts in given.items()} == {
        "a": ["1"],
        "b": ["2"],
        "rest": ["3", "4"],
        "c": ["5"],
    }
