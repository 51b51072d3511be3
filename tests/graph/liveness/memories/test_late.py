"""Agents that are made once the training of another is over."""

import pytest

AGENTS = """import random
from collections import deque
import gymnasium as gym
import numpy as np
import torch


class Deep:
    def __init__(self, path):
        self.net, self.memory = torch.load(path), deque(maxlen=10_000)
        self.optimizer = torch.optim.Adam(self.net.parameters())

    def act(self, state):
        return int(self.net(torch.as_tensor(state)).argmax())

    def observe(self, state, action, reward, next_state, done):
        self.memory.append((state, action, reward, next_state, done))
        if len(self.memory) > 64:
            s, a, r, s2, d = map(torch.as_tensor, map(np.array, zip(*random.sample(self.memory, 64))))
            y = r + 0.99 * (1 - d) * self.net(s2).max(1).values.detach()
            loss = ((self.net(s).gather(1, a[:, None]).squeeze(1) - y) ** 2).mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()


class Linear:
    def __init__(self):
        self.theta = np.zeros((4, 2))

    def act(self, state):
        return int((state @ self.theta).argmax())

    def observe(self, state, action, reward, next_state, done):
        self.theta[:, action] += 0.01 * reward * state


env = gym.make("CartPole-v1")
agent = Linear()


def train(episodes):
    for _ in range(episodes):
        state, done = env.reset()[0], False
        while not done:
            action = agent.act(state)
            next_state, reward, done, _, _ = env.step(action)
            agent.observe(state, action, reward, next_state, done)
            state = next_state


"""
TRAIN = "train(500)\n"
SHOW = "for agent in [Deep('a.pt'), Deep('b.pt')]:\n    print(agent.act(env.reset()[0]))\n"


def test_agents_made_after_the_training_of_another_only_act(project):
    assert project(play=AGENTS + TRAIN + SHOW).buffers == []


def test_agents_that_no_call_reaches_only_act(project):
    shown = SHOW.replace("for agent in", "for old in").replace("agent.act", "old.act")
    assert project(play=AGENTS + TRAIN + shown).buffers == []


@pytest.mark.parametrize(
    "end",
    [
        TRAIN + SHOW + TRAIN,
        SHOW + TRAIN,
        TRAIN + SHOW + "    train(10)\n",
        TRAIN + SHOW + "    agent.observe(0, 0, 0, 0, False)\n",
        TRAIN + "def more():\n    train(10)\n\n\n" + SHOW + "more()\n",
    ],
)
def test_agents_that_may_be_trained_after_they_are_made_learn(project, end):
    (buffer,) = project(play=AGENTS + end).buffers
    assert buffer.kind == "uniform"
