"""What each of several programs gives to what they share."""

import pytest

from per_audit.facts import extract
from per_audit.graph import link
from per_audit.graph.liveness.frequency.rhythm import rhythm_of
from per_audit.graph.memory.capacity import capacity_of
from per_audit.graph.memory.programs import programs
from per_audit_rules.per401_linear_time_sampling import LinearTimeSampling
from per_audit_rules.per402_linear_time_maximum import LinearTimeMaximum
from per_audit_rules.per403_deque_random_access import DequeRandomAccess

AGENT = """import random
from collections import deque


class Memory:
    def __init__(self, room):
        self.rows = deque(maxlen=room)

    def some(self, n):
        return random.sample(self.rows, n)


class Agent:
    def __init__(self, net, room, n=32):
        self.net, self.n, self.memory = net, n, Memory(room)

    def learn(self):
        self.net.loss(self.memory.some(self.n)).backward()


def train(env, agent, every):
    state, step = env.reset(), 0
    while True:
        later, reward, done, _ = env.step(agent.net.act(state))
        agent.memory.rows.append((state, 0, reward, later, done))
        state, step = later, step + 1
        if step % every == 0:
            agent.learn()
"""


BIG = """from agent import Memory


class Big:
    def __init__(self, net):
        self.net, self.memory = net, Memory(500_000)

    def learn(self):
        self.net.loss(self.memory.some(64)).backward()


def train(env, agent):
    while True:
        state, done = env.reset(), False
        while not done:
            later, reward, done, _ = env.step(agent.net.act(state))
            agent.memory.rows.append((state, 0, reward, later, done))
            state = later
        for _ in range(10):
            agent.learn()
"""
SMALL = (
    BIG.replace("Big", "Small")
    .replace("500_000", "9_000")
    .replace("        for _ in range(10):\n            agent.learn()", "            agent.learn()")
)
RANKED = """import numpy as np


class Memory:
    def __init__(self, room):
        self.rows, self.room, self.at = [None] * room, room, 0
        self.priorities = np.zeros(room)

    def add(self, row):
        self.rows[self.at] = row
        self.priorities[self.at] = 1.0
        self.at = (self.at + 1) % self.room

    def some(self, n):
        best = self.priorities.max()
        at = np.random.choice(self.room, n, p=self.priorities / self.priorities.sum())
        return at, [self.rows[i] for i in at], best

    def update(self, at, errors):
        self.priorities[at] = np.abs(errors) + 1e-5
"""


def linked(*starts):
    texts = [
        f"from agent import Agent, train\ntrain(make(), Agent(net(), {room}{n}), {every})\n"
        for room, n, every in starts
    ]
    files = [extract(f"run{number}.py", text.encode()) for number, text in enumerate(texts)]
    return link([extract("agent.py", AGENT.encode()), *files])


def test_each_program_has_numbers_of_its_own():
    graph = linked((20_000, "", 2), (200_000, ", 128", 10))
    (buffer,) = graph.buffers
    made_in = next(function for function in graph.callers if function.name == "__init__" and function.start < 200)
    of_each = programs(graph, made_in)
    assert [capacity_of(graph, buffer.containers, calls=calls).largest for calls in of_each] == [20_000, 200_000]
    assert [str(rhythm_of(graph, buffer.path, buffer.draws[0], calls)) for calls in of_each] == [
        "once in 2 steps",
        "once in 10 steps",
    ]
    assert str(rhythm_of(graph, buffer.path, buffer.draws[0])) == "once in 2 steps"


def test_one_program_is_none_of_several():
    graph = linked((20_000, "", 2))
    assert all(programs(graph, function) == [] for function in graph.callers)


@pytest.mark.parametrize(
    ("starts", "told"),
    [
        ([(20_000, "", 2), (200_000, ", 128", 10)], "140 µs for 128 once it is full, once in 10 steps"),
        ([(200_000, "", 2), (200_000, ", 128", 10)], "35 µs for 32 once it is full, once in 2 steps"),
        ([(200_000, "", 2)], "35 µs for 32 once it is full, once in 2 steps"),
    ],
)
def test_a_finding_is_of_the_program_that_it_costs_most(starts, told):
    (finding,) = DequeRandomAccess().check(linked(*starts))
    assert "up to 200,000 items" in finding.message
    assert finding.message.endswith(f"about {told}")


def test_what_no_program_has_room_for_is_silent():
    assert list(DequeRandomAccess().check(linked((20_000, "", 1), (30_000, "", 2)))) == []


def test_how_often_is_that_of_the_program_with_the_room():
    """The size of one program and the draws of another one are no finding together."""
    memory = AGENT.partition("class Agent")[0]
    run = "train(make(), {}(net()))\n"
    files = {"agent.py": memory, "big.py": BIG + run.format("Big"), "small.py": SMALL + run.format("Small")}
    (finding,) = DequeRandomAccess().check(link([extract(path, text.encode()) for path, text in files.items()]))
    assert "up to 500,000 items" in finding.message
    assert finding.message.endswith("10 times an episode")


def test_a_class_that_nothing_makes_leaves_a_program_its_own_room():
    idle = BIG.replace("Big", "Idle").replace("from agent import Memory\n", "").partition("def train")[0]
    run = BIG.replace("500_000", "60_000") + idle + "train(make(), Big(net()))\n"
    other = SMALL.replace("9_000", "900_000") + "train(make(), Small(net()))\n"
    files = {"agent.py": AGENT.partition("class Agent")[0], "run.py": run, "other.py": other}
    (finding,) = DequeRandomAccess().check(link([extract(path, text.encode()) for path, text in files.items()]))
    assert "up to 900,000 items" in finding.message
    assert "an episode" not in finding.message


@pytest.mark.parametrize("is_made", [True, False])
def test_each_class_of_a_program_has_a_memory_of_its_own(is_made):
    small = SMALL.replace("from agent import Memory\n", "").replace("def train", "def often")
    runs = "train(make(), Big(net()))\n" + "often(make(), Small(net()))\n" * is_made
    files = {"agent.py": AGENT.partition("class Agent")[0], "run.py": BIG + small + runs}
    graph = link([extract(path, text.encode()) for path, text in files.items()])
    (finding,) = DequeRandomAccess().check(graph)
    assert "up to 500,000 items" in finding.message
    assert finding.message.endswith("10 times an episode")


@pytest.mark.parametrize(
    ("room", "told", "when"),
    [(20_000, "20,000", "at each draw"), (500, "500,000", "once an episode")],
)
def test_draws_by_priority_are_of_one_program_too(room, told, when):
    learn = "        at, rows, _ = self.memory.some(64)\n        errors = self.net.errors(rows)\n"
    learn += "        errors.mean().backward()\n        self.memory.update(at, errors)\n"
    big, small = (
        text.replace("memory.rows.append", "memory.add").replace(
            "        self.net.loss(self.memory.some(64)).backward()\n", learn
        )
        for text in (BIG.replace("        for _ in range(10):\n    ", ""), SMALL.replace("9_000", str(room)))
    )
    run = "train(make(), {}(net()))\n"
    files = {"agent.py": RANKED, "big.py": big + run.format("Big"), "small.py": small + run.format("Small")}
    graph = link([extract(path, text.encode()) for path, text in files.items()])
    (draw,) = LinearTimeSampling().check(graph)
    (largest,) = LinearTimeMaximum().check(graph)
    assert f" at {told}" in draw.message
    assert f" for {told}" in largest.message
    assert when in largest.message
    assert ("once an episode" in draw.message) is (when == "once an episode")
