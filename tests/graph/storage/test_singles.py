"""Names that hold one whole number."""

import pytest

from per_audit.facts import ir
from per_audit.graph.storage.singles import Singles

TEXT = """
    import random
    import numpy as np

    def act(q, state):
        if random.random() < 0.1:
            return {first}
        return {second}

    def learn(q, action={default}):
        print(action)

    def main(q, env, steps):
        for _ in range(steps):
            {given}
"""


@pytest.mark.parametrize(
    ("first", "second", "is_single"),
    [
        ("random.randrange(4)", "int(np.argmax(q))", True),
        ("random.randint(0, 3)", "np.argmax(q)", True),
        ("random.choice([0, 1])", "q.argmax().item()", True),
        ("env.action_space.sample()", "1 if state else 0", True),
        ("np.random.choice(4, 3)", "0", False),
        ("np.random.randint(4, size=3)", "0", False),
        ("0", "np.argmax(q, axis=1)", False),
        ("0", "q.argmax(1)", False),
        ("0", "q.max(1)[1]", False),
        ("0", "1.5", False),
    ],
)
def test_numbers_that_are_chosen(project, first, second, is_single):
    text = TEXT.format(first=first, second=second, default="0", given="learn(q, act(q, 0))")
    assert of_learning(project(text)) == is_single


@pytest.mark.parametrize(
    ("given", "default", "is_single"),
    [
        ("learn(q)", "3", True),
        ("learn(q)", "None", False),
        ("learn(q, action=len(q))", "3", True),
        ("_, a = act(q, 0), 1; learn(q, a)", "3", False),
        ("pass", "3", False),
        ("learn(*q)", "3", True),
    ],
)
def test_numbers_that_are_given(project, given, default, is_single):
    text = TEXT.format(first="0", second="1", default=default, given=given)
    assert of_learning(project(text)) == is_single


def of_learning(graph):
    """Whether what the learning is given is a number."""
    (function,) = [node for node in graph.project.modules["main.py"].nodes_of(ir.Function) if node.name == "learn"]
    (name,) = [node for node in ir.walk(*function.body) if isinstance(node, ir.Name) and node.id == "action"]
    return Singles(graph).is_single(name, "main.py")
