"""Losses that get another value before anything reads them."""

from textwrap import indent

import pytest

from per_audit.facts import ir
from per_audit.graph.liveness.idle import Idle

AGENT = """
import random
from collections import deque

STEPS = {steps}

class Agent:
    def __init__(self, net, steps=STEPS):
        self.net, self.rows, self.is_long = net, deque(maxlen=100_000), True if steps > 1 else False

    def add(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def learn(self):
        batch = random.sample(self.rows, 32)
        loss = self.net.weights(batch) * self.net.errors(batch)
{then}
        loss.backward()

Agent(make()).learn()
"""
FAR = "loss = self.net.errors(batch)"
LONG = f"if self.is_long:\n    {FAR}"
BOTH = f"if read():\n    {FAR}\nelse:\n    {FAR}"


def why(project, then, steps=3):
    graph = project(AGENT.format(then=indent(then, " " * 8), steps=steps))
    product = next(node for node in graph.module("main.py").nodes_of(ir.Bin))
    return Idle(graph).why(graph.place("main.py", product))


@pytest.mark.parametrize("then", [FAR, f"pass\n{FAR}", f"if read():\n    print(batch)\n{FAR}", BOTH])
def test_a_loss_that_is_always_overwritten(project, then):
    line = 17 + then.split(FAR)[0].count("\n")
    assert why(project, then) == f"never used here: line {line} gives `loss` another value before anything reads it"


def test_a_setting_has_a_loss_overwritten(project):
    told = "line 18 gives `loss` another value before anything reads it"
    is_set = "and `self.is_long` is the same wherever the program sets it"
    assert why(project, LONG) == f"never used here: {told}, {is_set}"
    assert why(project, LONG, steps=1) is None


@pytest.mark.parametrize(
    "then",
    [
        "pass",
        "loss = loss + self.net.errors(batch)",
        "loss += self.net.errors(batch)",
        f"print(loss)\n{FAR}",
        f"if read():\n    {FAR}",
        f"if loss > 3:\n    {FAR}\nelse:\n    {FAR}",
        f"for _ in range(3):\n    if read():\n        break\n    {FAR}",
        f"try:\n    {FAR}\nexcept ValueError:\n    pass",
        f"self.net.step(lambda: loss)\n{FAR}",
        f"def now():\n    return loss\nself.net.step(now)\n{FAR}",
        f"global loss\n{FAR}",
    ],
)
def test_a_loss_that_may_be_read(project, then):
    assert why(project, then) is None


def test_what_a_function_of_the_project_is_given_it_may_keep(project):
    kept = "\n    def note(self, numbers):\n        self.numbers = numbers\n\n    def learn"
    text = AGENT.replace("\n    def learn", kept)
    product = "self.net.weights(batch) * self.net.errors(batch)"
    graph = project(text.replace(product, f"self.note({product})").format(then=f"        {FAR}", steps=1))
    node = next(node for node in graph.module("main.py").nodes_of(ir.Bin))
    assert Idle(graph).why(graph.place("main.py", node)) is None


def test_a_draw_takes_its_time_all_the_same(project):
    drawn = "batch = random.sample(self.rows, 32)\n"
    graph = project(AGENT.replace(drawn, f"{drawn}        {drawn}").format(then="", steps=1))
    first, second = (graph.place("main.py", draw) for buffer in graph.buffers for draw in buffer.draws)
    assert first.line + 1 == second.line
    assert Idle(graph).why(first) is None


@pytest.mark.parametrize(
    ("call", "body", "is_known"),
    [
        ("run(Agent, make())", "Kind(net).learn()", True),
        ("run(Kind=Agent, net=make())", "Kind(net).learn()", True),
        ("run(Agent, make())", "Kind(net, 1).learn()", False),
        ("run(Agent, make())", "Kind(net).learn()\n    keep(Kind)", False),
        ("run(*(Agent, make()))", "Kind(net).learn()", False),
    ],
)
def test_a_setting_of_a_class_that_a_function_is_given_to_make_objects_of(project, call, body, is_known):
    text = AGENT.format(then=indent(LONG, " " * 8), steps=3).replace("Agent(make()).learn()\n", "")
    graph = project(f"{text}\ndef run(Kind, net):\n    {body}\n\n{call}\n")
    product = next(node for node in graph.module("main.py").nodes_of(ir.Bin))
    assert (Idle(graph).why(graph.place("main.py", product)) is not None) == is_known
