"""Shapes that no recipe converts are named, with the steps that fit them."""

from __future__ import annotations

import pytest

from .rewriting import Files, check_refused

GRAPH = """
import random
from collections import deque

import numpy as np
import tensorflow as tf


class Agent:
    def __init__(self, q, target, train):
        self.session = tf.Session()
        self.states, self.goals = tf.placeholder(tf.float32, [None, 4]), tf.placeholder(tf.float32, [None])
        self.q, self.target, self.train = q, target, train
        self.memory = deque(maxlen=1000)

    def remember(self, state, action, reward, next_state, done):
        self.memory.append((state, action, reward, next_state, done))

    def learn(self):
        batch = random.sample(self.memory, 32)
        states, actions, rewards, next_states, dones = map(np.array, zip(*batch))
        future = self.session.run(self.target, feed_dict={self.states: next_states}).max(axis=1)
        goals = rewards + 0.9 * (1 - dones) * future
        self.session.run(self.train, feed_dict={self.states: states, self.goals: goals})
"""
KERAS_RL = """
from rl.agents.dqn import DQNAgent
from rl.memory import SequentialMemory


def main(env, model, policy):
    memory = SequentialMemory(limit=50000, window_length=1)
    dqn = DQNAgent(model=model, nb_actions=2, memory=memory, policy=policy)
    dqn.compile("adam")
    dqn.fit(env, nb_steps=50000)
"""
TIANSHOU = """
from tianshou.data import Collector, VectorReplayBuffer


def main(policy, envs, trainer):
    buffer = VectorReplayBuffer(20000, 10)
    collector = Collector(policy, envs, buffer)
    trainer(policy, collector).run()
"""
TORCHRL = """
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer


def main(collector, loss_module, optimizer):
    buffer = TensorDictReplayBuffer(storage=LazyTensorStorage(20000), batch_size=32)
    for data in collector:
        buffer.extend(data)
        batch = buffer.sample()
        loss = loss_module(batch)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
CPPRB = """
import torch.nn.functional as F
from cpprb import ReplayBuffer


def main(env, network, optimizer, layout):
    buffer = ReplayBuffer(20000, layout)
    for step in range(20000):
        buffer.add(**env.step(0))
        batch = buffer.sample(32)
        loss = F.mse_loss(network(batch["obs"]), batch["rew"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
RLLIB = """
from ray.rllib.algorithms.dqn import DQNConfig

config = DQNConfig().training(replay_buffer_config={"type": "EpisodeReplayBuffer", "capacity": 50000})
algorithm = config.build()
for _ in range(100):
    algorithm.train()
"""
STABLE_BASELINES = """
import gymnasium as gym
from {package} import {name}

model = {name}("MlpPolicy", gym.make("CartPole-v1"))
model.learn(50_000)
"""
EPISODES = """
import numpy as np
import torch
import torch.nn.functional as F


class Episodes:
    def __init__(self, size, length):
        self.state, self.next_state = np.zeros((size, length, 4)), np.zeros((size, length, 4))
        self.action, self.reward = np.zeros((size, length, 1)), np.zeros((size, length))
        self.length, self.count = length, 0

    def add(self, state, action, reward, next_state, step):
        self.state[self.count, step], self.action[self.count, step] = state, action
        self.reward[self.count, step], self.next_state[self.count, step] = reward, next_state

    def sample(self, n):
        episodes = np.random.randint(0, self.count, n)
        steps = np.random.randint(0, self.length, n)
        return (self.state[episodes, steps], self.action[episodes, steps], self.reward[episodes, steps],
                self.next_state[episodes, steps])


def learn(memory, q, target, optimizer):
    s, a, r, s2 = map(torch.as_tensor, memory.sample(32))
    y = r + 0.9 * target(s2).max(1).values.detach()
    loss = F.mse_loss(q(s).gather(1, a).squeeze(1), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def main(q, target, optimizer):
    memory = Episodes(100, 50)
    memory.add(np.zeros(4), 0, 1.0, np.zeros(4), 0)
    learn(memory, q, target, optimizer)
"""
WHOLE_EPISODES = """
import numpy as np
import torch
import torch.nn.functional as F


class Episodes:
    def __init__(self, size, length):
        self.state, self.next_state = np.zeros((size, length, 4)), np.zeros((size, length, 4))
        self.reward = np.zeros((size, length))
        self.size, self.length, self.count = size, length, 0

    def add(self, state, reward, next_state):
        index = self.count % self.size
        self.state[index] = state
        self.reward[index] = reward
        self.next_state[index] = next_state
        self.count += 1

    def sample(self, n):
        filled = min(self.count, self.size)
        episodes = np.random.randint(0, filled, n)
        steps = np.random.randint(self.length, size=n)
        return self.state[episodes, steps], self.reward[episodes, steps], self.next_state[episodes, steps]


def learn(memory, value, target, optimizer):
    s, r, s2 = memory.sample(32)
    y = torch.tensor(r) + 0.9 * target(torch.tensor(s2)).squeeze(1).detach()
    loss = F.mse_loss(value(torch.tensor(s)).squeeze(1), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def main(episodes, value, target, optimizer):
    memory = Episodes(100, 50)
    for states, rewards, next_states in episodes:
        memory.add(states, rewards, next_states)
        learn(memory, value, target, optimizer)
"""
HEIR = """
from stable_baselines3.common.buffers import ReplayBuffer


class Counted(ReplayBuffer):
    def add(self, *args):
        self.added = getattr(self, "added", 0) + 1
        super().add(*args)


def main(env, network, optimizer):
    memory = Counted(10_000, env.observation_space, env.action_space)
    for step in range(20_000):
        memory.add(*env.step(0))
        loss = network.loss(memory.sample(32))
        loss.backward()
        optimizer.step()
"""
TF_AGENTS = """
from tf_agents.replay_buffers import tf_uniform_replay_buffer


def main(agent, driver, steps):
    memory = tf_uniform_replay_buffer.TFUniformReplayBuffer(agent.collect_data_spec, 1, max_length=50_000)
    drawn = iter(memory.as_dataset(sample_batch_size=64, num_steps=2))
    for _ in range(steps):
        driver.run(memory.add_batch)
        experience, _ = next(drawn)
        agent.train(experience)
"""
WHOLE = """
import random
from collections import deque, namedtuple

import torch
import torch.nn.functional as F

Step = namedtuple("Step", ("state", "action", "reward", "next_state"))


class Memory:
    def __init__(self, capacity):
        self.items, self.running = deque(maxlen=capacity), []

    def push(self, done, *args):
        self.running.append(Step(*args))
        if done:
            self.items.append(self.running.copy())
            self.running = []

    def sample(self, n):
        return random.sample(self.items, n)


def learn(memory, network, optimizer):
    batch = Step(*zip(*memory.sample(32)))
    actions = torch.tensor(batch.action)[:, None]
    target = torch.tensor(batch.reward) + 0.9 * network(torch.stack(batch.next_state)).max(1).values.detach()
    loss = F.mse_loss(network(torch.stack(batch.state)).gather(1, actions).squeeze(1), target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def main(env, network, optimizer):
    memory = Memory(1000)
    state = env.reset()
    for _ in range(20_000):
        action = network(state).argmax()
        next_state, reward, done, _ = env.step(action)
        memory.push(done, state, action, reward, next_state)
        state = env.reset() if done else next_state
        learn(memory, network, optimizer)
"""
SB3 = STABLE_BASELINES.format(package="stable_baselines3", name="DQN")
SB2 = STABLE_BASELINES.format(package="stable_baselines", name="DQN")


@pytest.mark.parametrize(
    ("program", "reason", "step"),
    [
        (GRAPH, "a graph of TensorFlow 1: no TD loss", "add a placeholder for the weights"),
        (KERAS_RL, "replay of a library (Keras-RL): the agents of Keras-RL", "subclass that of Keras-RL"),
        (TIANSHOU, "(tianshou)", "make PrioritizedVectorReplayBuffer of tianshou"),
        (TORCHRL, "(TorchRL)", "buffer.update_tensordict_priority(batch)"),
        (HEIR, "Counted is derived from ReplayBuffer of the library Stable-Baselines3", "PrioritizedReplayBuffer"),
        (CPPRB, "(cpprb)", 'buffer.update_priorities(batch["indexes"], td_errors)'),
        (SB3, "DQN of Stable-Baselines3 makes its buffer itself", "make PrioritizedDQN"),
        (SB2, "DQN of Stable-Baselines makes its buffer itself", "prioritized_replay=True"),
        (TF_AGENTS, "has none of its interface that draws by priority", "selectors.Prioritized(0.6)"),
        (RLLIB, "(RLlib)", '"type": "PrioritizedEpisodeReplayBuffer"'),
        (EPISODES, "transitions at two drawn positions", "divmod"),
        (WHOLE_EPISODES, "and a step of it: the priority of one position would be that of all", "divmod"),
        (WHOLE, "many steps in a row, such as an episode: one error is no priority of all", "of its steps and 0.1"),
    ],
)
def test_shapes_are_named(program: str, reason: str, step: str) -> None:
    files: Files = {"program.py": program}
    result = check_refused(files, reason)
    assert any(step in each for each in result.refused[0].plan.steps)
