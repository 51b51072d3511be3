"""Losses in functions that are given the batch: weights go in with it, TD errors come out."""

from __future__ import annotations

import pytest

from ...rewriting import Files, check_fixed, check_refused

BUFFER = """
import numpy as np
import torch


def shape_of(count, rest):
    return (count,) if rest is None else (count, *rest)


class Store:
    def __init__(self, obs_shape, capacity):
        self.obs = np.zeros(shape_of(capacity, obs_shape), dtype=np.float32)
        self.next_obs = np.zeros(shape_of(capacity, obs_shape), dtype=np.float32)
        self.act = np.zeros(capacity, dtype=np.int64)
        self.rew = np.zeros(capacity, dtype=np.float32)
        self.done = np.zeros(capacity, dtype=np.float32)
        self.head, self.count, self.capacity = 0, 0, capacity

    def put(self, obs, act, rew, next_obs, done):
        self.obs[self.head] = obs
        self.act[self.head] = act
        self.rew[self.head] = rew
        self.next_obs[self.head] = next_obs
        self.done[self.head] = done
        self.head = (self.head + 1) % self.capacity
        self.count = min(self.count + 1, self.capacity)

    def draw(self, size):
        idx = np.random.randint(0, self.count, size=size)
        batch = {
            "obs": self.obs[idx],
            "act": self.act[idx],
            "rew": self.rew[idx],
            "next_obs": self.next_obs[idx],
            "done": self.done[idx],
        }
        return {key: torch.as_tensor(value) for key, value in batch.items()}
"""
FIXED_BUFFER = (
    BUFFER.replace(
        "import torch\n",
        "import torch\nfrom experience_replay_optimizer import LinearSchedule, PrioritizedSampler\n",
        1,
    )
    .replace(
        "        self.head, self.count",
        "        self.priorities = PrioritizedSampler(capacity, beta=LinearSchedule(0.4, 1.0, steps=9000))\n"
        "        self.head, self.count",
        1,
    )
    .replace(
        "        self.head = (",
        "        self.priorities.add(self.head, reward=rew)\n        self.head = (",
    )
    .replace("idx = np.random.randint(0, self.count, size=size)", "idx, weights = self.priorities.sample(size)")
    .replace(
        "batch.items()}\n",
        """batch.items()}, weights, idx

    def update_priorities(self, indices, td_errors):
        self.priorities.update(indices, td_errors)
""",
    )
)
TRAINING = """
import torch
from store import Store


def train(env, net, target_net):
    store = Store(env.shape, 1000)
    optimizer = torch.optim.Adam(net.parameters())

    def q_loss(data):
        q = net(data["obs"]).gather(1, data["act"].unsqueeze(1)).squeeze(1)
        with torch.no_grad():
            backup = data["rew"] + 0.99 * (1 - data["done"]) * target_net(data["next_obs"]).max(1).values
        loss = ((q - backup) ** 2).mean()
        return loss, dict(mean=q.mean().item())

    def update(data):
        optimizer.zero_grad()
        loss, info = q_loss(data)
        loss.backward()
        optimizer.step()
        print(loss.item(), info)

    obs = env.reset()
    for step in range(9000):
        act = step % 2
        next_obs, rew, done = env.step(act)
        store.put(obs, act, rew, next_obs, done)
        obs = next_obs
        batch = store.draw(64)
        update(data=batch)
"""
FIXED_TRAINING = """
import torch
from experience_replay_optimizer import absolute_td_error, importance_weighted_loss
from store import Store


def train(env, net, target_net):
    store = Store(env.shape, 1000)
    optimizer = torch.optim.Adam(net.parameters())

    def q_loss(data, weights):
        q = net(data["obs"]).gather(1, data["act"].unsqueeze(1)).squeeze(1)
        with torch.no_grad():
            backup = data["rew"] + 0.99 * (1 - data["done"]) * target_net(data["next_obs"]).max(1).values
        loss = importance_weighted_loss((q - backup) ** 2, weights)
        td_errors = absolute_td_error(q, backup)
        return loss, dict(mean=q.mean().item()), td_errors

    def update(data, weights):
        optimizer.zero_grad()
        loss, info, td_errors = q_loss(data, weights)
        loss.backward()
        optimizer.step()
        print(loss.item(), info)
        return td_errors

    obs = env.reset()
    for step in range(9000):
        act = step % 2
        next_obs, rew, done = env.step(act)
        store.put(obs, act, rew, next_obs, done)
        obs = next_obs
        batch, weights, indices = store.draw(64)
        td_errors = update(data=batch, weights=weights)
        store.update_priorities(indices, td_errors)
"""


def programs(training: str = TRAINING) -> Files:
    return {"store.py": BUFFER, "training.py": training}


def changed(old: str, new: str) -> Files:
    assert old in TRAINING
    return programs(TRAINING.replace(old, new))


def test_a_batch_in_a_dict_whose_loss_is_two_calls_away() -> None:
    check_fixed(programs(), {"store.py": FIXED_BUFFER, "training.py": FIXED_TRAINING})


def test_a_loss_that_is_returned_alone_comes_with_its_td_errors() -> None:
    before = TRAINING.replace("        return loss, dict(mean=q.mean().item())", "        return loss")
    before = before.replace("loss, info = q_loss(data)", "loss = q_loss(data)").replace(", info)", ")")
    after = FIXED_TRAINING.replace(", dict(mean=q.mean().item()), td_errors", ", td_errors")
    after = after.replace("loss, info, td_errors = ", "loss, td_errors = ").replace(", info)", ")")
    check_fixed(programs(before), {"store.py": FIXED_BUFFER, "training.py": after})


def test_a_loss_in_the_return_statement() -> None:
    old = "        loss = ((q - backup) ** 2).mean()\n        return loss, dict(mean=q.mean().item())\n"
    before = TRAINING.replace(old, "        return ((q - backup) ** 2).mean()\n")
    before = before.replace("loss, info = q_loss(data)", "loss = q_loss(data)").replace(", info)", ")")
    a, b = FIXED_TRAINING.index("        loss = importance"), FIXED_TRAINING.index("    def update")
    new = """        td_errors = absolute_td_error(q, backup)
        return importance_weighted_loss((q - backup) ** 2, weights), td_errors

"""
    after = FIXED_TRAINING[:a] + new + FIXED_TRAINING[b:]
    after = after.replace("loss, info, td_errors = ", "loss, td_errors = ").replace(", info)", ")")
    check_fixed(programs(before), {"store.py": FIXED_BUFFER, "training.py": after})


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (
            "        update(data=batch)\n",
            "        for net in nets:\n            update(net, batch)\n",
            "several learners share the batch",
        ),
        (
            "        return loss, dict(",
            "        if step:\n            return None, {}\n        return loss, dict(",
            "returns early or in several places",
        ),
        ("    def q_loss(data):", "    def q_loss(data, **rest):", "a signature or decorator"),
        ("    def q_loss(data):", "    @env.timed\n    def q_loss(data):", "a signature or decorator"),
        ("    obs = env.reset()\n", "    obs = env.reset()\n    env.hook = update\n", "is used as a value"),
        (
            "        update(data=batch)\n",
            "        update(data=batch)\n        update(data=batch)\n",
            "is learnt from by several calls",
        ),
        ("    obs = env.reset()\n", "    obs = env.reset()\n    q_loss(env.expert)\n", "is also called at training.py"),
        ("loss, info = q_loss(data)\n", "loss, info = q_loss(data)[0], None\n", "used in an expression"),
        (
            "        loss, info = q_loss(data)\n",
            "        for _ in range(2):\n            loss, info = q_loss(data)\n",
            "stands in a loop",
        ),
    ],
)
def test_what_is_refused(old: str, new: str, reason: str) -> None:
    files = changed(old, new)
    if "nets" in new:
        files["training.py"] = files["training.py"].replace("def update(data)", "def update(net, data)")
        files["training.py"] = files["training.py"].replace("(env, net, target_net)", "(env, nets, target_net)")
        files["training.py"] = files["training.py"].replace("q_loss(data)", "q_loss(net, data)")
    check_refused(files, reason)


AGENT = """
import random
from collections import deque

import torch
import torch.nn as nn


class Trainer:
    def __init__(self, net, gamma):
        self.net, self.gamma = net, gamma
        self.optimizer = torch.optim.Adam(net.parameters())
        self.criterion = nn.MSELoss()

    def train_step(self, state, action, reward, next_state, done):
        state = torch.tensor(state)
        next_state = torch.tensor(next_state)
        reward = torch.tensor(reward)
        q = self.net(state).gather(1, torch.tensor(action).unsqueeze(1)).squeeze(1)
        target = reward + self.gamma * (1 - torch.tensor(done)) * self.net(next_state).max(1).values.detach()
        self.optimizer.zero_grad()
        loss = self.criterion(target, q)
        loss.backward()
        self.optimizer.step()


class Agent:
    def __init__(self, net):
        self.memory = deque(maxlen=5000)
        self.trainer = Trainer(net, 0.9)

    def remember(self, *transition):
        self.memory.append(transition)

    def replay(self):
        batch = random.sample(self.memory, 64)
        states, actions, rewards, next_states, dones = zip(*batch)
        self.trainer.train_step(states, actions, rewards, next_states, dones)


def main(env, net):
    agent = Agent(net)
    state = env.reset()
    for step in range(4000):
        next_state, reward, done = env.step(step % 2)
        agent.remember(state, step % 2, reward, next_state, done)
        state = next_state
        agent.replay()
"""
FIXED_AGENT = (
    AGENT.replace(
        """import random
from collections import deque

import torch
import torch.nn as nn
""",
        """import torch
import torch.nn as nn
from experience_replay_optimizer import (
    LinearSchedule,
    PrioritizedReplayBuffer,
    absolute_td_error,
    importance_weighted_loss,
)
""",
    )
    .replace("nn.MSELoss()", 'nn.MSELoss(reduction="none")')
    .replace("next_state, done):\n        state = torch", "next_state, done, weights):\n        state = torch")
    .replace("self.criterion(target, q)", "importance_weighted_loss(self.criterion(target, q), weights)")
    .replace(
        "self.optimizer.step()\n",
        "self.optimizer.step()\n        td_errors = absolute_td_error(q, target)\n        return td_errors\n",
    )
    .replace("deque(maxlen=5000)", "PrioritizedReplayBuffer(5000, beta=LinearSchedule(0.4, 1.0, steps=4000), reward=2)")
    .replace("batch = random.sample(self.memory, 64)", "batch, weights, indices = self.memory.sample(64)")
    .replace(
        "        self.trainer.train_step(states, actions, rewards, next_states, dones)\n",
        """        td_errors = self.trainer.train_step(states, actions, rewards, next_states, dones, weights)
        self.memory.update_priorities(indices, td_errors)
""",
    )
)


def test_another_object_gets_the_parts_of_the_batch() -> None:
    check_fixed({"agent.py": AGENT}, {"agent.py": FIXED_AGENT})


def test_what_is_learnt_without_replay_has_no_weights() -> None:
    online = (
        "        state = next_state\n        agent.trainer.train_step([state], [0], [reward], [next_state], [done])\n"
    )
    before = AGENT.replace("        state = next_state\n", online)
    after = FIXED_AGENT.replace("        state = next_state\n", online).replace(
        "done, weights):", "done, weights=None):"
    )
    check_fixed({"agent.py": before}, {"agent.py": after})


def test_an_actor_in_a_function_of_its_own_makes_the_code_actor_critic() -> None:
    """And arguments that are aligned with the opening bracket stay so."""
    call = "        self.trainer.train_step(states, actions, rewards, next_states, dones)\n"
    actor = """
    def update_actor(self, state):
        loss = -self.net(torch.tensor(state)).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


class Agent"""
    before = AGENT.replace(
        call,
        """        self.trainer.train_step(states, actions, rewards,
                                next_states, dones)
        self.trainer.update_actor(states)
""",
    ).replace("\n\nclass Agent", actor)
    after = (
        FIXED_AGENT.replace(
            """self.trainer.train_step(states, actions, rewards, next_states, dones, weights)
""",
            """self.trainer.train_step(states, actions, rewards,
                                            next_states, dones, weights)
""",
        )
        .replace("(indices, td_errors)\n", "(indices, td_errors)\n        self.trainer.update_actor(states)\n")
        .replace("(5000, beta", "(\n            5000,\n            beta")
        .replace("4000), reward=2)", "4000),\n            rare_fraction=0,\n        )")
        .replace("\n\nclass Agent", actor)
    )
    check_fixed({"agent.py": before}, {"agent.py": after})


def test_everything_is_taken_while_there_is_too_little_and_targets_are_made_row_by_row() -> None:
    def short(files: Files) -> Files:
        """Targets in a loop over the rows, as they are made by hand."""
        text = files["agent.py"]
        q = text[text.index("        q = self.net(state)") : text.index("        self.optimizer.zero_grad()")]
        rows = """        q = self.net(state)
        target = q.clone()
        for row in range(len(done)):
            value = reward[row]
            if not done[row]:
                value = reward[row] + self.gamma * torch.max(self.net(next_state[row]))
            target[row][action[row]] = value
"""
        return {"agent.py": text.replace(q, rows)}

    draw = "        batch = random.sample(self.memory, 64)\n"
    either = """        if len(self.memory) > 64:
            batch = random.sample(self.memory, 64)
        else:
            batch = {all}
"""
    new = """        if len(self.memory) > 64:
            batch, weights, indices = self.memory.sample(64)
        else:
            batch, weights, indices = self.memory.sample(len(self.memory))
"""
    old = "        batch, weights, indices = self.memory.sample(64)\n"
    memory = "PrioritizedReplayBuffer(5000, beta=LinearSchedule(0.4, 1.0, steps=4000), reward=2)"
    lines = memory.replace("(5000, ", "(\n            5000,\n            ").replace(
        "), reward=2)", "),\n            reward=2,\n        )"
    )
    for everything in ("self.memory", "list(self.memory)"):
        before = short({"agent.py": AGENT.replace(draw, either.replace("{all}", everything))})
        check_fixed(before, short({"agent.py": FIXED_AGENT.replace(old, new).replace(memory, lines)}))


def test_rows_that_are_left_out_of_the_targets_are_refused() -> None:
    q = AGENT[AGENT.index("        q = self.net(state)") : AGENT.index("        self.optimizer.zero_grad()")]
    rows = """        q = self.net(state)
        target = q.clone()
        for row in range(len(done)):
            if done[row]:
                continue
            target[row][action[row]] = reward[row]
"""
    check_refused({"agent.py": AGENT.replace(q, rows)}, "is of a part of the batch")


METHOD = """
class Net(torch.nn.Module):
    @classmethod
    def fit(cls, net, target_net, optimizer, data):
        q = net(data["obs"]).gather(1, data["act"].unsqueeze(1)).squeeze(1)
        backup = data["rew"] + 0.99 * (1 - data["done"]) * target_net(data["next_obs"]).max(1).values
        loss = ((q - backup.detach()) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss
"""
FITTED = """
class Net(torch.nn.Module):
    @classmethod
    def fit(cls, net, target_net, optimizer, data, weights):
        q = net(data["obs"]).gather(1, data["act"].unsqueeze(1)).squeeze(1)
        backup = data["rew"] + 0.99 * (1 - data["done"]) * target_net(data["next_obs"]).max(1).values
        loss = importance_weighted_loss((q - backup.detach()) ** 2, weights)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        td_errors = absolute_td_error(q, backup)
        return loss, td_errors
"""


def of_a_class(method: str, training: str, fit: str) -> str:
    a, b = training.index("    def q_loss"), training.index("    obs = env.reset()")
    text = training[:a] + training[b:]
    (call,) = [line for line in text.splitlines() if "update(data=" in line]
    return text.replace("\n\n\ndef train", f"\n\n{method}\n\ndef train").replace(call, f"        {fit}")


@pytest.mark.parametrize("decorator", ["classmethod", "staticmethod"])
def test_a_loss_in_a_method_of_a_class(decorator: str) -> None:
    call = "loss = Net.fit(net, target_net, optimizer, batch)"
    before = of_a_class(METHOD, TRAINING, call)
    after = of_a_class(FITTED, FIXED_TRAINING, "loss, td_errors = Net.fit(net, target_net, optimizer, batch, weights)")
    if decorator == "staticmethod":
        before, after = (
            each.replace("@classmethod", "@staticmethod").replace("fit(cls, ", "fit(") for each in (before, after)
        )
    check_fixed(programs(before), {"store.py": FIXED_BUFFER, "training.py": after})
