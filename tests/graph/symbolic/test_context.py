"""What parameters are in one chain of callers."""

from per_audit.facts import ir
from per_audit.graph.symbolic import contexts

PROGRAM = """
    import numpy as np

    def product(a, b):
        return a * b

    def outer(pair):
        first, second = pair
        return product(first, second)

    def rows(x, y):
        return product(x, y)

    rows(np.zeros(4), np.ones(4))
    outer((np.zeros((4, 1)), np.ones((4, 1))))
"""


def sides(graph):
    found = [n for n in ir.walk(*graph.module("main.py").body) if isinstance(n, ir.Bin)]
    return [graph.symbols.term("main.py", side) for side in (found[0].left, found[0].right)]


def test_the_arguments_of_one_call_stay_together(project):
    graph = project(PROGRAM)
    a, b = sides(graph)
    names = {(context.head(a).data, context.head(b).data) for context in contexts(graph.symbols, a, b)}
    assert names == {("zeros", "ones")}
    lengths = {(len(context.head(a).args), len(context.head(b).args)) for context in contexts(graph.symbols, a, b)}
    assert lengths == {(1, 1), (2, 2)}


def test_steps_lead_outwards(project):
    graph = project(PROGRAM)
    lines = {
        tuple(graph.place(path, node).line for node, path in context.steps)
        for context in contexts(graph.symbols, *sides(graph))
    }
    assert lines == {(9, 15), (12, 14)}


def test_what_nobody_calls_stays_a_parameter(project):
    graph = project("def product(a, b):\n    return a * b\n")
    (context,) = contexts(graph.symbols, *sides(graph))
    assert context.steps == ()
    assert context.head(sides(graph)[0]).op == "param"


def test_a_function_that_calls_itself_ends(project):
    graph = project("def f(a, b):\n    return a * b + f(b, a)\nf(1, 2)\n")
    assert contexts(graph.symbols, *sides(graph))


def test_columns_of_zipped_rows(project):
    graph = project(
        """
        def product(a, b):
            return a * b

        def outer(batch):
            first, second = batch
            return product(first, second)

        outer(zip(*[(i, str(i)) for i in range(4)]))
        """
    )
    a, b = sides(graph)
    (context,) = contexts(graph.symbols, a, b)
    assert context.head(a).op == context.head(b).op == "collect"
    assert context.head(a) != context.head(b)


def test_a_parameter_that_a_function_passes_on_to_itself_changed_stays_open(project):
    graph = project(
        """
        def clipped(a, b, limit):
            if limit:
                return clipped(a * 2, b, limit - 1)
            return a * b

        clipped(1, 2, 3)
        """
    )
    body = [n for n in ir.walk(*graph.module("main.py").body) if isinstance(n, ir.Return)][1].value
    pair = [graph.symbols.term("main.py", side) for side in (body.left, body.right)]
    heads = [(context.head(pair[0]), context) for context in contexts(graph.symbols, *pair)]
    assert heads
    assert not any(head.contains(pair[0]) for head, _ in heads if head != pair[0])
