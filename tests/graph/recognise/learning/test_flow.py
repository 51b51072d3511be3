"""The order in which programs store, draw and empty."""

import pytest

from per_audit.facts import ir
from per_audit.graph.recognise.learning.flow import DRAW, EMPTY, MAKE, STORE, Flow, Happening

WHAT = {"store": STORE, "draw": DRAW, "empty": EMPTY, "make": MAKE}


def happenings(graph):
    """A call of a name that nothing defines is what it is called."""
    for path, module in graph.project.modules.items():
        for node in module.nodes_of(ir.Call):
            if ir.last_name(node.func) in WHAT:
                function = graph.symbols.function_of(path, node)
                yield Happening(path, node, function, WHAT[ir.last_name(node.func)])


def emptied_after_draws(graph):
    return Flow(graph, list(happenings(graph)), lambda site: False).is_emptied_after_draws()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("store(); draw(); empty()", True),
        ("store(); draw()", False),
        ("empty(); store(); draw()", True),
        ("store(); empty()", False),
        ("draw(); empty()", False),
        ("store()\n    if f(): draw(); empty()", True),
        ("store()\n    if f(): draw()\n    empty()", True),
        ("store(); draw()\n    if f(): empty()", False),
        ("store()\n    if f(): draw()\n    g()\n    if f(): empty()", True),
        ("store()\n    if f(): draw()\n    if g(): empty()", False),
        ("store()\n    if k % 3: draw()\n    k += 1\n    if k % 3: empty()", False),
        ("store()\n    if k: pass\n    else: draw()\n    if k: pass\n    else: empty()", True),
        ("store()\n    for _ in f(): draw()\n    empty()", True),
        ("store(); draw()\n    for each in f(): empty()", True),
        ("store(); draw()\n    while f(): empty()", True),
        ("store(); draw()\n    if f(): continue\n    empty()", False),
        ("store(); draw()\n    if f(): break\n    empty()", True),
        ("store(); draw()\n    try: f()\n    except E: g()\n    finally: empty()", True),
        ("store(); draw()\n    try: f()\n    except E: empty()", False),
        ("with f():\n        store(); draw()\n    empty()", True),
        ("store(); [draw() for _ in f()]; empty()", True),
        ("store(); empty() if f() else draw()", False),
        ("store(); f() and draw(); empty()", True),
        ("store(); draw(); f() and empty()", False),
        ("store(draw()); empty()", False),
        ("f(draw(store())); empty()", True),
        ("store(); draw()\n    match f():\n        case 1: empty()", False),
        ("store(); draw()\n    if f(): raise ValueError\n    empty()", True),
        ("store(); draw(); (lambda: 0)(); empty()", True),
    ],
)
def test_a_loop_over_statements(project, body, expected):
    assert emptied_after_draws(project(f"k = 0\nwhile True:\n    {body}\n")) is expected


AGENT = """
    class Agent:
        def __init__(self):
            {init}

        def remember(self):
            store()

        def learn(self):
            {first}
            for _ in range(9):
                draw()
            {last}

        def forget(self):
            empty()

    def main():
        agent = Agent()
        while True:
            agent.remember()
            agent.learn()
            {after}
"""


@pytest.mark.parametrize(
    ("first", "last", "after", "expected"),
    [
        ("pass", "pass", "pass", False),
        ("pass", "empty()", "pass", True),
        ("pass", "self.forget()", "pass", True),
        ("pass", "pass", "agent.forget()", True),
        ("if self.few: return", "empty()", "pass", True),
        ("pass", "if self.many: return\n            empty()", "pass", False),
        ("pass", "pass", "agent = Agent()", True),
        ("pass", "self.learn()", "agent.forget()", True),
    ],
)
def test_calls_lead_on(project, first, last, after, expected):
    text = AGENT.replace("{init}", "make()").replace("{first}", first).replace("{last}", last).replace("{after}", after)
    assert emptied_after_draws(project(text)) is expected


@pytest.mark.parametrize(("last", "expected"), [("empty()", True), ("pass", False)])
def test_what_nobody_calls_may_be_called_in_any_order(project, last, expected):
    text = AGENT.replace("{init}", "make()").replace("{first}", "pass").replace("{last}", last)
    assert emptied_after_draws(project(text.partition("    def main")[0])) is expected


@pytest.mark.parametrize(("begin", "expected"), [("make()", False), ("Agent()", False), ("empty()", True)])
def test_a_program_that_runs_again_makes_another_memory(project, begin, expected):
    graph = project(f"""
    class Agent:
        def __init__(self):
            empty()

    def main():
        {begin}
        store()
        draw()
    """)
    assert emptied_after_draws(graph) is expected


def test_what_empties_another_object_empties_none(project):
    graph = project("""
    def forget():
        empty()

    while True:
        store()
        draw()
        forget()
    """)
    found = list(happenings(graph))
    assert Flow(graph, found, lambda site: False).is_emptied_after_draws()
    assert not Flow(graph, found, lambda site: ir.last_name(site.node.func) == "forget").is_emptied_after_draws()
