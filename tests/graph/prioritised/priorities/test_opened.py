"""Priorities that come from calls which were not followed at first."""

import pytest

from per_audit.facts import ir
from per_audit.graph.prioritised.priorities.opened import opened
from per_audit.graph.symbolic.term import Term

CODE = """
    import tensorflow as tf

    class Agent:
        def __init__(self, session):
            self.session = session
            self.size, self.other = self.graph()
            self.either = 3.0

        def graph(self):
            goal, value = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.float32, [None])
            return tf.abs(goal - value), value

        def change(self):
            self.either = tf.abs(self.other)

        def errors(self, goal, value):
            return abs(goal - value), goal

        def learn(self, fed):
            {learn}
"""


@pytest.fixture
def learnt(project):
    def find(text):
        graph = project(CODE.replace("{learn}", f"return {text}"))
        nodes = graph.module("main.py").nodes_of(ir.Return)
        return graph, graph.symbols.term("main.py", nodes[-1].value)

    return find


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("self.size.eval(feed_dict=fed)", "detach(abs(sub("),
        ("self.session.run([self.other, self.size], feed_dict=fed)[1] + 1e-6", "add(detach(abs(sub("),
        ("self.either.eval(feed_dict=fed)", "call[.eval]("),  # one of two
        ("max(self.size.eval(feed_dict=fed), 0.1)", "maximum(detach(abs(sub("),
        ("fed[self.size.eval(feed_dict=fed)]", "at(param[learn.fed], call["),  # a position
        ("self.other.read()", "call["),
    ],
)
def test_answers_of_a_session(learnt, text, expected):
    graph, term = learnt(text)
    assert str(opened(term, graph.symbols)).startswith(expected)


def test_what_a_function_returns_that_was_not_followed(learnt):
    graph, _ = learnt("fed")
    function = next(f for f in graph.project.functions if f.name == "errors")
    call = Term("call", (), ("project", function, 0))
    assert str(opened(Term("pow", (call, call)), graph.symbols)).startswith("pow(abs(sub(")
    assert opened(call, graph.symbols, 0) is call
    nothing = next(f for f in graph.project.functions if f.name == "change")
    assert opened(Term("call", (), ("project", nothing)), graph.symbols).op in ("const", "unknown")
