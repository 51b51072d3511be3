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


POND = """import random
import numpy as np
import torch

class Pond:
    def __init__(self, horizon):
        self.horizon = horizon

    def reset(self):
        self.at, self.t = np.zeros(2), 0
        return self.at

    def step(self, push):
        self.at = self.at + push
        self.t += 1
        near = bool(np.abs(self.at).sum() < 0.1)
        late = self.t >= self.horizon
        return TOLD

net = torch.nn.Linear(2, 2)
optimizer = torch.optim.Adam(net.parameters())

def main():
    pond, rows = Pond(200), []
    for episode in range(500):
        obs, over = pond.reset(), False
        while not over:
            action = int(net(torch.as_tensor(obs)).argmax())
            NAMES = pond.step(action)
            over = JOINED
            rows.append((obs, action, reward, next_obs, KEPT))
            obs = next_obs
            if len(rows) > 64:
                s, a, r, s2, d = map(np.array, zip(*random.sample(rows, 32)))
                ahead = net(torch.as_tensor(s2)).max(1)[0].detach()
                y = torch.as_tensor(r) + 0.99 * (1 - torch.as_tensor(d)) * ahead
                loss = ((net(torch.as_tensor(s)).max(1)[0] - y) ** 2).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
"""


@pytest.mark.parametrize(
    ("told", "names", "kept", "count"),
    [
        ("self.at, -1.0, near, late", "next_obs, reward, near, late", "over", 1),
        ("self.at, -1.0, near, late, {}", "next_obs, reward, near, late, _", "over", 1),
        ("self.at, -1.0, near, late", "next_obs, reward, done, timeout", "over", 1),
        ("self.at, -1.0, near, late", "next_obs, reward, near, late", "near", 0),  # the end of the task alone
        ("(self.at, self.t), -1.0, near, late", "next_obs, reward, near, late", "over", 0),  # the count is observed
        ("self.at, -1.0, near, late and near", "next_obs, reward, near, late", "near", 0),
        ("self.at, -1.0, near, {'late': late}", "next_obs, reward, near, late", "over", 0),  # no flag
        ("self.at, -1.0, near, self.t", "next_obs, reward, near, late", "over", 0),
    ],
)
def test_both_flags_of_a_step_of_four_are_joined(told, names, kept, count):
    ended, cut = names.split(", ")[2:4]
    text = POND.replace("TOLD", told).replace("NAMES", names).replace("JOINED", f"{ended} or {cut}")
    graph = link([extract("train.py", text.replace("KEPT", kept).encode())])
    found = [finding for rule in all_rules() if rule.code == "PER502" for finding in rule.check(graph)]
    assert [f.message.partition(" as ")[0] for f in found] == [f"rows stores `{ended} or {cut}`"] * count
