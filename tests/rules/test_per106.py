"""PER106 says whose agents were published with a constant beta of that number."""

import pytest

from per_audit.facts import extract
from per_audit.graph import link
from per_audit_rules.per106_beta_not_annealed import BetaNotAnnealed

WRITTEN = """
import math

import numpy as np
import tensorflow as tf
import torch


class Memory:
    def __init__(self, size, beta=0.4):
        self.rows, self.mass, self.at, self.beta = [None] * size, np.zeros(size), 0, beta

    def put(self, state, action, reward, next_state, done):
        self.rows[self.at], self.mass[self.at] = (state, action, reward, next_state, done), self.mass.max() or 1.0
        self.at = (self.at + 1) % len(self.rows)

    def some(self, n):
        size, beta, shares = len(self.rows), self.beta, self.mass / self.mass.sum()
        slots = np.random.choice(size, n, p=shares)
        p = shares[slots]
        weights = WEIGHTS
        return [self.rows[slot] for slot in slots], slots, weights / weights.max()

    def rate(self, slots, errors):
        self.mass[slots] = abs(errors) + 1e-6


def train(env, net, optimizer):
    memory = Memory(10_000)
    for _ in range(100_000):
        memory.put(*env.turn())
        rows, slots, weights = memory.some(32)
        errors = net.errors(rows)
        (torch.as_tensor(weights) * errors**2).mean().backward()
        optimizer.step()
        memory.rate(slots, errors.detach().numpy())
"""


@pytest.mark.parametrize(
    ("beta", "told"), [("0.6", "as in R2D2, which"), ("0.5", "as in Dopamine's Rainbow, which"), ("0.4", None)]
)
def test_what_was_published_so_is_said(beta, told):
    files = BetaNotAnnealed.bad[0].plain
    text = files["memory.py"].replace("beta=0.4", f"beta={beta}")
    modules = {**files, "memory.py": text}
    graph = link([extract(path, source.encode()) for path, source in modules.items()])
    (finding,) = BetaNotAnnealed().check(graph)
    assert ("published so" in finding.message) is (told is not None)
    assert told is None or told in finding.message


@pytest.mark.parametrize(
    "weights",
    [
        "(size * p) ** -beta",
        "(size * p) ** (-1 * beta)",
        "(size * p) ** (beta * -1.0)",
        "(size * p) ** (0 - beta)",
        "np.power(size * p, -beta)",
        "np.power(size * p, -1 * beta)",
        "1 / (size * p) ** beta",
        "np.power(1 / (size * p), beta)",
        "np.array([math.pow(size * each, -beta) for each in p])",
        "np.array([math.pow(1 / (size * each), beta) for each in p])",
        "torch.pow(torch.as_tensor(size * p), -beta).numpy()",
        "tf.pow(size * p, -beta).numpy()",
        "np.exp(-beta * np.log(size * p))",
    ],
)
def test_a_constant_beta_is_known_however_the_power_is_written(weights):
    (finding,) = BetaNotAnnealed().check(link([extract("memory.py", WRITTEN.replace("WEIGHTS", weights).encode())]))
    assert "`beta`" in finding.message or "`0.4`" in finding.message


BUFFER = """
import numpy as np


class Memory:
    def __init__(self, size):
        self.rows, self.mass, self.at = [None] * size, np.zeros(size), 0

    def put(self, *row):
        self.rows[self.at], self.mass[self.at] = row, self.mass.max() or 1.0
        self.at = (self.at + 1) % len(self.rows)

    def some(self, n, beta):
        shares = self.mass / self.mass.sum()
        slots = np.random.choice(len(self.rows), n, p=shares)
        weights = (len(self.rows) * shares[slots]) ** -beta
        return [self.rows[slot] for slot in slots], slots, weights / weights.max()

    def rate(self, slots, errors):
        self.mass[slots] = abs(errors) + 1e-6
"""
LEARNER = """
import torch
from buffer import Memory


class Agent:
    def __init__(self, net, optimizer):
        self.net, self.optimizer, self.memory = net, optimizer, Memory(10_000)
        self.BETA = 0.4

    def learn(self, state, action, reward, next_state, done):
        self.memory.put(state, action, reward, next_state, done)
        rows, slots, weights = self.memory.some(32, self.BETA)
        errors = self.net.errors(rows)
        (torch.as_tensor(weights) * errors**2).mean().backward()
        self.optimizer.step()
        self.memory.rate(slots, errors.detach().numpy())


def train(env, net, optimizer):
    agent = Agent(net, optimizer)
    while True:
        agent.learn(*env.turn())
"""
RAISED = LEARNER.replace("        rows, slots", "        self.BETA = min(1.0, self.BETA + 1e-5)\n        rows, slots")


def found(**files):
    return list(BetaNotAnnealed().check(link([extract(f"{name}.py", text.encode()) for name, text in files.items()])))


def test_each_of_several_learners_has_a_beta_of_its_own():
    first, second = LEARNER.replace("BETA", "beta"), LEARNER.replace("BETA", "exponent")
    places = [(each.place.path, each.place.line) for each in found(buffer=BUFFER, first=first, second=second)]
    assert places == [("first.py", 9), ("second.py", 9)]
    assert not found(buffer=BUFFER, first=first, second=RAISED.replace("BETA", "exponent"))


@pytest.mark.parametrize(
    ("given", "stays"),
    [("", True), (", None", True), (", self.BETA", True), (", min(1.0, 0.4 + self.turn * 1e-6)", False)],
)
def test_what_stands_in_for_none_is_the_exponent(given, stays):
    """A memory has a beta of its own for those that give none: None, handed on by an agent, is no number."""
    memory = BUFFER.replace("some(self, n, beta)", "some(self, n, beta=None)")
    memory = memory.replace(
        "        shares = ", "        if beta is None:\n            beta = self.beta\n        shares = "
    )
    memory = memory.replace("np.zeros(size), 0\n", "np.zeros(size), 0\n        self.beta = 0.4\n")
    learner = LEARNER.replace(", self.BETA)", f"{given})").replace("BETA", "exponent")
    learner = learner.replace("        rows, slots", "        self.turn += 1\n        rows, slots")
    learner = learner.replace("self.exponent = 0.4", "self.exponent, self.turn = 0.4, 0")
    assert bool(found(buffer=memory, learner=learner)) is stays


def test_weights_of_another_buffer_are_those_of_its_own_methods():
    own = BUFFER.replace("some(self, n, beta)", "some(self, n)").replace("** -beta", "** -self.beta")
    own = own.replace("        shares = ", "        self.beta = min(1.0, self.beta + 1e-5)\n        shares = ")
    own = own.replace("np.zeros(size), 0\n", "np.zeros(size), 0\n        self.beta = 0.4\n")
    learner = LEARNER.replace("from buffer import Memory", "import buffer\nimport raised").replace("self.BETA", "0.4")
    learner = learner.replace("0.4 = 0.4", "self.is_raised = optimizer.is_raised")
    learner = learner.replace("Memory(10_000)", "(raised if optimizer.is_raised else buffer).Memory(10_000)")
    learner = learner.replace(
        "        rows, slots, weights = self.memory.some(32, 0.4)\n",
        "        if self.is_raised:\n            rows, slots, weights = self.memory.some(32)\n"
        "        else:\n            rows, slots, weights = self.memory.some(32, 0.4)\n",
    )
    (finding,) = found(buffer=BUFFER, raised=own, learner=learner)
    assert finding.place.path == "learner.py"


@pytest.mark.parametrize(
    ("step", "given", "count"),
    [
        ("self.beta * self.pace", "1.0", 1),
        ("self.beta + self.pace", "0.0", 1),
        ("self.beta * self.pace", "1.001", 0),
        ("self.beta * self.pace", "net.pace", 0),
        ("self.beta + self.pace", "1.0", 0),
    ],
)
def test_a_step_that_changes_nothing_raises_nothing(step, given, count):
    own = BUFFER.replace("some(self, n, beta)", "some(self, n)").replace("** -beta", "** -self.beta")
    own = own.replace("        return [", f"        self.beta = min(1, {step})\n        return [")
    own = own.replace("(self, size)", f"(self, size, beta=0.4, pace={given if given[0] in '01' else 1.0})")
    own = own.replace("np.zeros(size), 0\n", "np.zeros(size), 0\n        self.beta, self.pace = beta, pace\n")
    learner = LEARNER.replace("self.BETA", "0.4").replace("0.4 = 0.4", "self.is_ready = True")
    learner = learner.replace("some(32, 0.4)", "some(32)").replace("Memory(10_000)", f"Memory(10_000, 0.4, {given})")
    assert len(found(buffer=own, learner=learner)) == count


@pytest.mark.parametrize(
    ("beta", "why", "title"),
    [
        ("1 - self.gamma", "what it is computed of is the same at every draw", "raise beta to 1 over the training"),
        (
            "self.schedule.at(self.learnt)",
            "`learnt`, which its schedule goes by, stays 0",
            "count up what the schedule of beta goes by",
        ),
    ],
)
def test_why_what_is_computed_stays(beta, why, title):
    files = next(each.plain for each in BetaNotAnnealed.bad if "count which nothing raises" in each.title)
    agent = files["agent.py"].replace("self.schedule.at(self.learnt)", beta)
    modules = {**files, "agent.py": agent.replace("self.updates = 0", "self.updates, self.gamma = 0, 0.99")}
    (found,) = BetaNotAnnealed().check(link([extract(path, text.encode()) for path, text in modules.items()]))
    assert why in found.message
    assert found.fix.title == title


@pytest.mark.parametrize(
    ("imports", "given", "is_hedged"),
    [
        ("import json", "json.load(open('settings.json'))['beta']", True),
        ("import yaml", "yaml.safe_load(open('settings.yaml'))['beta']", True),
        ("import json", "0.4 * json.dumps({})", False),
        ("import json", "0.4", False),
    ],
)
def test_a_file_may_say_anything(imports, given, is_hedged):
    learner = LEARNER.replace("self.BETA", "self.exponent").replace("self.exponent = 0.4", f"self.exponent = {given}")
    (finding,) = found(buffer=BUFFER, learner=f"{imports}\n{learner}")
    assert finding.message.endswith("part of the bias stays") is not is_hedged
    assert ("unless the file that it is read from says 1" in finding.message) is is_hedged


def test_a_file_may_say_what_is_taken_apart():
    learner = LEARNER.replace("self.BETA", "self.exponent").replace("self.exponent = 0.4", "self.exponent = beta")
    learner = learner.replace("def __init__(self, ", "def __init__(self, beta, ")
    learner += (
        "\n\ndef main(**given):\n    Agent(given['beta'], None, None)\n\n\nmain(**json.load(open('settings.json')))\n"
    )
    (finding,) = found(buffer=BUFFER, learner=f"import json\n{learner}")
    assert "unless the file that it is read from says 1" in finding.message
