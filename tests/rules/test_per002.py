"""In what order a buffer is said to forget."""

import pytest

from per_audit.facts import extract
from per_audit.graph import link
from per_audit.rule import all_rules


@pytest.mark.parametrize(
    ("fill", "order"),
    [
        ("append", "forgets the newest of its first transitions, and from then on the oldest first, rare"),
        ("appendleft", "forgets its oldest transitions first, rare"),
    ],
)
def test_the_order_of_forgetting(fill, order):
    (rule,) = (rule for rule in all_rules() if rule.code == "PER002")
    (turned,) = (example for example in rule.bad if "turned" in example.title)
    text = turned.plain["agent.py"].replace("past.append(", f"past.{fill}(")
    (finding,) = rule.check(link([extract("agent.py", text.encode())]))
    assert order in finding.message


RINGS = """import numpy as np


class Ring:
    def __init__(self, size):
        self.rows, self.at, self.size = np.zeros(size), 0, size

    def put(self, row):
        self.rows[self.at % self.size] = row
        self.at += 1


class Memory:
    def __init__(self, limit):
        self.states, self.rewards, self.following, self.ends = Ring(limit), Ring(limit), Ring(limit), Ring(limit)

    def add(self, state, reward, next_state, done):
        self.states.put(state)
        self.rewards.put(reward)
        self.following.put(next_state)
        self.ends.put(done)

    def sample(self, n):
        at = np.random.randint(0, min(self.states.at, self.states.size), size=n)
        return self.states.rows[at], self.rewards.rows[at], self.following.rows[at], self.ends.rows[at]


class Game:
    def __init__(self, env):
        self.env, self.frames = env, Ring(4)

    def step(self, action):
        state, reward, done, _ = self.env.step(action)
        self.frames.put(state)
        return self.frames.rows, reward, done


def train(env, net):
    game, memory, state = Game(env), Memory({limit}), 0
    while net.goes_on():
        next_state, reward, done = game.step(net.act(state))
        memory.add(state, reward, next_state, done)
        net.loss(memory.sample(32)).backward()
        state = next_state
"""


@pytest.mark.parametrize(("limit", "said"), [("20_000", ["once it holds 20,000;"]), ("1_000_000", [])])
def test_a_memory_holds_what_its_own_rings_hold(limit, said):
    (rule,) = (rule for rule in all_rules() if rule.code == "PER002")
    found = list(rule.check(link([extract("agent.py", RINGS.format(limit=limit).encode())])))
    assert len(found) == len(said)
    assert all(text in finding.message for text, finding in zip(said, found, strict=True))
