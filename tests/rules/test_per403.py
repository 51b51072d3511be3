"""PER403 speaks once of each read, with the capacity that the project gives."""

import pytest

from per_audit.facts import extract
from per_audit.graph import link
from per_audit_rules.per403_deque_random_access import DequeRandomAccess

AGENT = """import random
from collections import deque


class Agent:
    def __init__(self, net, size=100_000):
        self.net, self.rows = net, deque(maxlen=size)

    def store(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def learn(self):
        batch = random.sample(self.rows, 32)
        self.net.loss(batch).backward()


def train(env, net, **options):
    agent = Agent(net, **options)
    {more}
    state = env.reset()
    while True:
        next_state, reward, done, _ = env.step(agent.net.act(state))
        agent.store(state, 0, reward, next_state, done)
        state = next_state
        agent.learn()


{start}
"""


@pytest.mark.parametrize(
    ("more", "start", "count"),
    [
        ("pass", "train(make(), Net())", 1),
        ("agent.rows = deque([], 200_000)", "train(make(), Net())", 1),  # one of two deques, read in one place
        ("pass", "train(make(), Net(), size=20_000)", 0),
        ("pass", "train(make(), Net(), **read())", 0),
    ],
)
def test_each_read_is_told_once(more, start, count):
    graph = link([extract("agent.py", AGENT.format(more=more, start=start).encode())])
    assert len(list(DequeRandomAccess().check(graph))) == count


def test_the_deque_is_named_with_the_place_that_makes_it():
    graph = link([extract("agent.py", AGENT.format(more="pass", start="train(make(), Net())").encode())])
    (finding,) = DequeRandomAccess().check(graph)
    assert "is a deque of up to 100,000 items (made at agent.py:7), read at random" in finding.message
