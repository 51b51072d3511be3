"""Transitions that are read at drawn positions."""

from __future__ import annotations

import pytest

from ...rewriting import check_fixed, check_refused, dedented
from .test_container_swap import FIXED_SPLIT, SPLIT, changed

DRAW = "        return random.sample(self.items, batch_size)\n"
NEW = "        return self.items.sample(batch_size)\n"
IMPORT = ("import random\n", "import numpy as np\n")
POSITIONS = "        at = np.random.choice(len(self.items), batch_size, replace=False)\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("        return [self.items[i] for i in at]\n", "        return batch, weights, at\n"),
        (
            "        found = [self.items[i] for i in at]\n        return found\n",
            "        found = batch\n        return found, weights, at\n",
        ),
        (
            "        return [keep(self.items[i]) for i in at]\n",
            "        return [keep(transition) for transition in batch], weights, at\n",
        ),
        (
            "        for i in at:\n            print(self.items[i])\n        return [self.items[i] for i in at]\n",
            "        for transition in batch:\n            print(transition)\n        return batch, weights, at\n",
        ),
        (
            "        print([self.items[i].reward for i in at])\n        return [keep(self.items[i]) for i in at]\n",
            "        print([transition.reward for transition in batch])\n"
            "        return [keep(transition) for transition in batch], weights, at\n",
        ),
        (
            "        for i in at:\n            print([near(self.items[i], self.items[k]) for k in at])\n"
            "        return [self.items[i] for i in at]\n",
            "        for transition in batch:\n            print([near(transition, drawn) for drawn in batch])\n"
            "        return batch, weights, at\n",
        ),
    ],
)
def test_reads(before, after):
    user = changed(SPLIT, IMPORT, (DRAW, POSITIONS + before))
    fixed = changed(
        FIXED_SPLIT,
        (NEW, "        batch, weights, at = self.items.sample(batch_size)\n" + after),
    )
    check_fixed(user, fixed)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("        self.at = at\n        return [self.items[i] for i in at]\n", "positions are used otherwise"),
        ("        return [(i, self.items[i]) for i in at]\n", "positions are used otherwise"),
        ("        return [self.items[i] for i in sorted(at)]\n", "positions are used otherwise"),
    ],
)
def test_refused(body, reason):
    check_refused(changed(SPLIT, IMPORT, (DRAW, POSITIONS + body)), reason)


def test_episodes_that_are_drawn_by_their_lengths_are_refused():
    lengths = "        sizes = np.array([len(item) for item in self.items])\n"
    body = lengths + "        at = np.random.choice(len(self.items), batch_size, p=sizes / sizes.sum())\n"
    body += "        return [random.choice(self.items[i]) for i in at]\n"
    user = changed(SPLIT, ("import random\n", "import random\nimport numpy as np\n"), (DRAW, body))
    check_refused(user, "whole episodes, by their lengths")


ROWS = """
import numpy as np
import torch
import torch.nn.functional as F


class Memory:
    def __init__(self, size):
        self.rows = []
        self.size = size
        self.at = 0

    def push(self, state, action, reward, next_state, done):
        row = {"state": state, "action": action, "reward": reward, "next_state": next_state, "done": done}
        if len(self.rows) < self.size:
            self.rows.append(row)
        else:
            self.rows[self.at] = row
        self.at = (self.at + 1) % self.size

    def sample(self, n):
        at = np.random.choice(len(self.rows), n)
        states = torch.tensor([self.rows[i]["state"] for i in at])
        actions = torch.tensor([self.rows[i]["action"] for i in at])
        rewards = torch.tensor([self.rows[i]["reward"] for i in at])
        next_states = torch.tensor([self.rows[i]["next_state"] for i in at])
        return states, actions, rewards, next_states, torch.tensor([self.rows[i]["done"] for i in at])


def train(env, net, target_net, optimizer):
    memory = Memory(1000)
    state = env.reset()
    for step in range(5000):
        next_state, reward, done, _ = env.step(0)
        memory.push(state, 0, reward, next_state, done)
        state = next_state
        states, actions, rewards, next_states, dones = memory.sample(32)
        q = net(states).gather(1, actions.unsqueeze(1)).squeeze(1)
        with torch.no_grad():
            target = rewards + 0.9 * (1 - dones) * target_net(next_states).max(1).values
        loss = F.mse_loss(q, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


def test_rows_that_are_dictionaries_read_field_by_field():
    fixed = dedented(ROWS)
    for old, new in (
        ("import numpy as np\n", ""),
        (
            "import torch.nn.functional as F\n",
            "import torch.nn.functional as F\nfrom experience_replay_optimizer import (\n    LinearSchedule,\n"
            "    PrioritizedReplayBuffer,\n    absolute_td_error,\n    importance_weighted_loss,\n)\n",
        ),
        (
            "self.rows = []",
            "self.rows = PrioritizedReplayBuffer(\n            size,\n"
            "            beta=LinearSchedule(0.4, 1.0, steps=5000),\n"
            '            reward="reward",\n        )',
        ),
        (
            "        if len(self.rows) < self.size:\n            self.rows.append(row)\n        else:\n"
            "            self.rows[self.at] = row\n",
            "        self.rows.append(row)\n",
        ),
        ("at = np.random.choice(len(self.rows), n)", "batch, weights, at = self.rows.sample(n, repeat=True)"),
        (
            " for i in at])\n\n",
            " for i in at]), weights, at\n\n    def update_priorities(self, indices, td_errors):\n"
            "        self.rows.update_priorities(indices, td_errors)\n\n",
        ),
        ("self.rows[i][", "transition["),
        (" for i in at", " for transition in batch"),
        ("next_states, dones = memory", "next_states, dones, weights, indices = memory"),
        (
            "F.mse_loss(q, target)",
            'importance_weighted_loss(F.mse_loss(q, target, reduction="none"), weights)',
        ),
        (
            "        optimizer.step()\n",
            "        optimizer.step()\n        memory.update_priorities(indices, absolute_td_error(q, target))\n",
        ),
    ):
        assert old in fixed
        fixed = fixed.replace(old, new)
    check_fixed({"train.py": ROWS}, {"train.py": fixed})
