"""Exponents that are computed of what stays the same."""

import pytest

from per_audit.facts import ir
from per_audit.graph.prioritised.beta.standing import Standing, numbers_under, set_elsewhere

AGENT = """
    import argparse
    import time

    parser = argparse.ArgumentParser()
    parser.add_argument("--beta", type=float, default=0.4)
    parser.add_argument("--full_beta", type=float, default=1.0)
    parser.add_argument("--share", type=float)
    args = parser.parse_args()

    class Agent:
        def __init__(self, first, given):
            self.first, self.last, self.steps, self.given = first, 1.0, 1000, given
            self.idle, self.counted, self.handed = 0, 0, 0

        def learn(self, step):
            self.counted += 1
            shown = {shown}

    def give(other):
        other.handed = 1

    agent = Agent(0.5, args.beta)
    for step in range(1000):
        agent.learn(step)
"""


def judged(project, shown):
    graph = project(AGENT.replace("{shown}", shown))
    module = graph.module("main.py")
    (value,) = (
        node.value
        for node in ir.walk(*module.body)
        if isinstance(node, ir.Assign) and getattr(node.targets[0], "id", "") == "shown"
    )
    standing = Standing(graph)
    is_below = standing.below_one(graph.symbols.term("main.py", value))
    return is_below, [clock.data[1] for clock in standing.clocks]


@pytest.mark.parametrize(
    "shown",
    [
        "self.first + self.idle * (self.last - self.first) / self.steps",
        "self.first + (self.last - self.first) * min(1.0, self.idle / self.steps)",
        "min(1.0, self.first + 1e-5 * self.idle)",
        "1.0 - (1.0 - self.first) * max(0.0, 1 - self.idle / self.steps)",
        "args.beta + self.idle * (1.0 - args.beta)",
        "min(1.0, max(0.0, self.given + 0.001 * self.idle))",
    ],
)
def test_what_goes_by_an_attribute_that_nothing_counts_stands_still(project, shown):
    assert judged(project, shown) == (True, ["idle"])


def test_what_goes_by_a_number_stands_still(project):
    assert judged(project, "self.first + 0 * (self.last - self.first)") == (True, [])


@pytest.mark.parametrize(
    "shown",
    [
        "self.first + self.counted * 1e-4",
        "self.first + self.handed * 1e-4",
        "self.first + step * 1e-4 + self.idle",
        "self.first + time.time() * self.idle",
        "self.last + self.idle * 1e-4",
        "self.first + 0.5 + self.idle",
        "args.full_beta + self.idle * 1e-4",
        "args.share + self.idle * 1e-4",
        "args.beta + args.share + self.idle",
        "self.first / self.idle",
        "self.first ** (1 - self.idle)",
        "self.first",
        "max(1.0, self.given + self.idle)",
    ],
)
def test_what_may_rise_or_reach_one_does_not(project, shown):
    assert not judged(project, shown)[0]


@pytest.mark.parametrize(
    ("code", "known"),
    [
        ("thing.least = 1", True),
        ("thing.least -= 1", True),
        ("setattr(thing, 'least', 1)", True),
        ("thing.least.part = 1", False),
        ("print(thing.least, 'least')", False),
        ("kept = Kept()\n        kept.least = 1", False),  # the audit knows of which object
    ],
)
def test_attributes_that_are_assigned_on_an_object_that_is_not_known(project, code, known):
    text = """
    class Kept:
        def __init__(self):
            self.least = 0

    def change(thing):
        {code}
    """
    assert set_elsewhere(project(text.format(code=code)), "least") is known


def test_what_the_dicts_of_a_project_hold_under_a_key(project):
    graph = project("HALF = 0.5\nsmall, large = {'beta': HALF, 'n': 1}, dict(beta=1, n=2)\nasked = {'beta': input()}\n")
    assert numbers_under(graph, "beta") == {0.5, 1, None}
    assert numbers_under(graph, "rate") == set()


@pytest.mark.parametrize(("path", "expected"), [("train", True), ("test_memory", False)])
def test_the_moment_that_a_test_alone_asks_for_is_not_that_of_the_training(project, path, expected):
    call = "from main import beta_at\n\ndef run():\n    return beta_at(51)\n"
    graph = project(
        """
        def beta_at(step):
            beta = min(1.0, 0.4 + step * 0.0001)
            return beta
        """,
        **{path: call},
    )
    module = graph.module("main.py")
    (made,) = (node.value for node in ir.walk(*module.body) if isinstance(node, ir.Assign))
    assert Standing(graph).below_one(graph.symbols.term("main.py", made)) is expected
