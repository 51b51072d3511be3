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


EPISODES = """import numpy as np


class Episodes:
    def __init__(self, size, length):
        self.states, self.following = np.zeros((size, length, 4)), np.zeros((size, length, 4))
        self.rewards, self.ends = np.zeros((size, length)), np.zeros((size, length))
        self.lengths, self.size, self.newest = np.zeros(size, dtype=int), size, 0

    def add(self, episode, state, reward, next_state, done):
        row = episode % self.size
        if episode > self.newest:
            self.lengths[row] = 0
        step = self.lengths[row]
        self.states[row, step], self.following[row, step] = state, next_state
        self.rewards[row, step], self.ends[row, step] = reward, done
        self.lengths[row] += 1
        self.newest = episode

    def sample(self, n):
        rows = np.random.randint(0, min(self.newest + 1, self.size), n)
        at = rows, np.random.randint(0, 50, n) % self.lengths[rows]
        return self.states[at], self.rewards[at], self.following[at], self.ends[at]


def train(env, net, episodes):
    memory = Episodes(5_000, 50)
    for episode in range(episodes):
        state, done = env.reset(), False
        while not done:
            next_state, reward, done, _ = env.step(net.act(state))
            memory.add(episode, state, reward, next_state, done)
            net.loss(memory.sample(32)).backward()
            state = next_state
"""
AGENTS = """import numpy as np


class Past:
    def __init__(self, size, agents):
        self.states, self.following = np.zeros((size, agents, 4)), np.zeros((size, agents, 4))
        self.rewards, self.ends = np.zeros((size, agents)), np.zeros((size, 1))
        self.size, self.agents, self.count = size, agents, 0

    def add(self, states, rewards, following, done):
        row = self.count % self.size
        for agent in range(self.agents):
            self.states[row, agent], self.following[row, agent] = states[agent], following[agent]
            self.rewards[row, agent] = rewards[agent]
        self.ends[row, 0] = done
        self.count += 1

    def sample(self, n):
        rows = np.random.randint(0, min(self.count, self.size), n)
        return self.states[rows], self.rewards[rows], self.following[rows], self.ends[rows]


def train(env, net, agents):
    memory, states = Past(5_000, agents), env.reset()
    while net.goes_on():
        following, rewards, done, _ = env.step(net.act(states))
        memory.add(states, rewards, following, done)
        net.loss(memory.sample(32)).backward()
        states = following
"""


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (EPISODES, "once it holds 5,000 rows of several transitions each; whether a run fills as many is not known"),
        (AGENTS, "once it holds 5,000; whether a run stores more"),
    ],
)
def test_rows_that_are_filled_step_by_step_are_no_transitions(program, said):
    (rule,) = (rule for rule in all_rules() if rule.code == "PER002")
    (finding,) = rule.check(link([extract("agent.py", program.encode())]))
    assert said in finding.message
