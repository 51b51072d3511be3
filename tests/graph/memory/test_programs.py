"""What each of several programs gives to what they share."""

import pytest

from per_audit.facts import extract
from per_audit.graph import link
from per_audit.graph.liveness.frequency.rhythm import rhythm_of
from per_audit.graph.memory.capacity import capacity_of
from per_audit.graph.memory.programs import programs
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
