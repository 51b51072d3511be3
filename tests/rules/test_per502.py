"""Whose transitions hold one flag for two ends, where several memories inherit what stores them."""

import pytest

from per_audit.facts import extract
from per_audit.findings import Severity
from per_audit.graph import link
from per_audit.rule import all_rules

MEMORIES = """import numpy as np


class Base:
    def store(self, *row):
        self.rows.append(row)


class Plain(Base):
    def __init__(self, size):
        self.rows, self.priorities = [], np.ones(size)

    def sample(self, n):
        return [self.rows[i] for i in np.random.randint(len(self.rows), size=n)]


class Rated({rated}):
    def __init__(self, size):
        self.rows, self.priorities = [], np.ones(size)

    def sample(self, n):
        p = self.priorities[: len(self.rows)] / self.priorities[: len(self.rows)].sum()
        return [self.rows[i] for i in np.random.choice(len(self.rows), n, p=p)]
"""
AGENT = """from memories import {memory}


class Agent:
    def __init__(self, env, net, optimizer):
        self.env, self.net, self.optimizer = env, net, optimizer
        self.memory = {memory}(1000)

    def step(self, state, action):
        next_state, reward, terminated, truncated, _ = self.env.step(action)
        done = terminated or truncated
        self.memory.store(state, action, reward, next_state, done)

    def learn(self):
        self.net.loss(self.memory.sample(32)).backward()
        self.optimizer.step()
"""
RUN = """import plain
import rated

for make in (plain.Agent, rated.Agent):
    agent = make(read(), read(), read())
    for _ in range(1000):
        agent.step(read(), read())
        agent.learn()
"""


@pytest.fixture(params=["Base", "Plain"])
def graph(request):
    files = {"memories.py": MEMORIES.format(rated=request.param), "run.py": RUN}
    files |= {f"{name.lower()}.py": AGENT.format(memory=name) for name in ("Plain", "Rated")}
    return link([extract(path, text.encode()) for path, text in files.items()])


def test_the_memory_that_is_called_is_named(graph):
    (rule,) = (rule for rule in all_rules() if rule.code == "PER502")
    named = {finding.place.path: finding.message.partition(" stores")[0] for finding in rule.check(graph)}
    assert named == {"plain.py": "Plain", "rated.py": "Rated"}


def test_a_memory_is_made_where_an_object_of_its_own_is(graph):
    made = {
        graph.name_of(buffer): {link.place.path for link in graph.chain(buffer) if link.role == "made"}
        for buffer in graph.buffers
    }
    assert made == {"Plain": {"plain.py"}, "Rated": {"rated.py"}}


LEARNER = """import random
from collections import deque

import gymnasium as gym


def train(net, optimizer):
    env, memory = {env}, deque(maxlen=10_000)
    state, _ = env.reset()
    for _ in range(100_000):
        next_state, reward, terminated, truncated, _ = env.step(net.act(state))
        done = terminated or truncated
        memory.append((state, 0, reward, next_state, done))
        state = env.reset()[0] if done else next_state
        net.loss(random.sample(memory, 32)).backward()
        optimizer.step()
"""


@pytest.mark.parametrize(
    ("env", "severity", "said"),
    [
        ("gym.make('CartPole-v1')", Severity.WARNING, "the time limit of CartPole-v1 (500 steps) the target"),
        (
            "gym.make('Own-v0', max_episode_steps=80)",
            Severity.WARNING,
            "the time limit of Own-v0 (80 steps) the target",
        ),
        ("gym.wrappers.TimeLimit(gym.make('Own-v0'), 70)", Severity.WARNING, "the time limit of TimeLimit (70 steps)"),
        ("gym.make('ALE/Pong-v5')", Severity.INFO, "ALE/Pong-v5 (108,000 frames), which few episodes reach,"),
        ("gym.make('Own-v0')", Severity.INFO, "should the environment, which is not known here, tell a time limit"),
    ],
)
def test_the_limit_is_named_or_that_it_is_not_known(env, severity, said):
    (rule,) = (rule for rule in all_rules() if rule.code == "PER502")
    (finding,) = rule.check(link([extract("train.py", LEARNER.format(env=env).encode())]))
    assert (finding.severity, said in finding.message) == (severity, True), finding.message


OWN = """import random
from collections import deque


class Game:
    def __init__(self, max_attempts=20):
        self.max_attempts = max_attempts
        self.reset()

    def reset(self):
        self.attempts, self.secret, self.state = 0, random.randrange(16), [0] * 16
        return self.state, {{}}

    def step(self, guess):
        self.attempts += 1
        hit = guess == self.secret
        over = hit or self.attempts >= self.max_attempts
        return self.state, (1 if hit else -1), {flags}, {{}}


net, memory, env = Net(), deque(maxlen=5_000), Game()
optimizer = Adam(net.parameters())
state, _ = env.reset()
for _ in range(20_000):
    next_state, reward, done, truncated, _ = env.step(net.act(state))
    memory.append((state, 0, reward, next_state, done or truncated))
    state = env.reset()[0] if done or truncated else next_state
    states, actions, rewards, following, ends = zip(*random.sample(memory, 32))
    loss = ((net(states) - rewards - 0.99 * (1 - ends) * net(following).max(1)) ** 2).mean()
    loss.backward()
    optimizer.step()
"""


@pytest.mark.parametrize(("flags", "count"), [("hit, self.attempts >= self.max_attempts", 1), ("over, over", 0)])
def test_an_end_that_is_told_by_both_flags_is_the_games_own(flags, count):
    (rule,) = (rule for rule in all_rules() if rule.code == "PER502")
    graph = link([extract("train.py", OWN.format(flags=flags).encode())])
    assert len(list(rule.check(graph))) == count
