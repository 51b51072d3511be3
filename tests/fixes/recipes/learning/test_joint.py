"""Several learners of one batch: all of them are weighted, and their TD errors become one."""

from __future__ import annotations

import pytest

from ...rewriting import Files, check_fixed, check_refused
from ..containers.test_container_swap import changed

BUFFER = """
import random
from collections import deque

import torch


class Memory:
    def __init__(self):
        self.rows = deque(maxlen=5000)

    def put(self, row):
        self.rows.append(row)

    def draw(self, n):
        rows = random.sample(self.rows, n)
        s, a, r, s2, d = map(torch.tensor, zip(*rows))
        return s, a, r, s2, d
"""
FIXED_BUFFER = """
import torch
from experience_replay_optimizer import LinearSchedule, PrioritizedReplayBuffer


class Memory:
    def __init__(self):
        self.rows = PrioritizedReplayBuffer(
            5000,
            beta=LinearSchedule(0.4, 1.0, steps=20_000),
            {option},
        )

    def put(self, row):
        self.rows.append(row)

    def draw(self, n):
        rows, weights, indices = self.rows.sample(n)
        s, a, r, s2, d = map(torch.tensor, zip(*rows))
        return (s, a, r, s2, d), weights, indices

    def update_priorities(self, indices, td_errors):
        self.rows.update_priorities(indices, td_errors)
"""
CRITIC = """
import torch
import torch.nn.functional as F


class Critic:
    def __init__(self, network):
        self.network = network
        self.optimizer = torch.optim.Adam(network.parameters())

    def learn(self, goal, batch):
        s, a, r, s2, d = batch
        q = self.network(s, a)
        loss = F.mse_loss(q, goal)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


class Actor:
    def __init__(self, network):
        self.network = network
        self.optimizer = torch.optim.Adam(network.parameters())

    def learn(self, critic, batch):
        s, a, r, s2, d = batch
        loss = -critic.network(s, self.network(s)).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
"""
FIXED_CRITIC = (
    CRITIC.replace(
        "import torch.nn.functional as F\n",
        "import torch.nn.functional as F\n"
        "from experience_replay_optimizer import absolute_td_error, importance_weighted_loss\n",
    )
    .replace("goal, batch):", "goal, batch, weights):")
    .replace("F.mse_loss(q, goal)", 'importance_weighted_loss(F.mse_loss(q, goal, reduction="none"), weights)')
    .replace(
        "        self.optimizer.step()\n",
        "        self.optimizer.step()\n        td_errors = absolute_td_error(q, goal)\n        return td_errors\n",
        1,
    )
)
MAIN = """
import numpy as np
import torch
from learners import Actor, Critic
from memory import Memory


def goal_of(actor, critic, batch):
    s, a, r, s2, d = batch
    with torch.no_grad():
        goal = r + 0.9 * (1 - d) * critic.network(s2, actor.network(s2))
    return goal


def main(env, networks):
    memory = Memory()
    q1, q2, actor = Critic(networks[0]), Critic(networks[1]), Actor(networks[2])
    state = env.reset()
    for step in range(20_000):
        next_state, reward, done = env.step(0)
        memory.put((state, 0, reward, next_state, done))
        state = next_state
        batch = memory.draw(32)
        goal = goal_of(actor, q1, batch)
        q1.learn(goal, batch)
        q2.learn(goal, batch)
        actor.learn(q1, batch)
"""
CALLS = "        q1.learn(goal, batch)\n        q2.learn(goal, batch)\n"
FIXED_CALLS = """\
        td_errors1 = q1.learn(goal, batch, weights)
        td_errors2 = q2.learn(goal, batch, weights)
        memory.update_priorities(indices, np.maximum(td_errors1, td_errors2))
"""
DRAW = ("batch = memory.draw(32)", "batch, weights, indices = memory.draw(32)")
TWINS: Files = {"memory.py": BUFFER, "learners.py": CRITIC, "main.py": MAIN}
FIXED_TWINS: Files = {
    "memory.py": FIXED_BUFFER.replace("{option}", "rare_fraction=0"),
    "learners.py": FIXED_CRITIC,
    "main.py": MAIN.replace(*DRAW).replace(CALLS, FIXED_CALLS),
}
LOOP = "        for critic in (q1, q2):\n            critic.learn(goal, batch)\n"
FIXED_LOOP = """\
        all_td_errors = []
        for critic in (q1, q2):
            td_errors = critic.learn(goal, batch, weights)
            all_td_errors.append(td_errors)
        memory.update_priorities(indices, np.{}(all_td_errors, axis=0))
"""
FIXED_ONE = """\
        td_errors = q1.learn(batch, weights)
        memory.update_priorities(indices, td_errors)
"""
IMPORTED = (
    "import torch.nn.functional as F\n"
    "from experience_replay_optimizer import absolute_td_error, importance_weighted_loss\n"
)
RETURNED = "        self.optimizer.step()\n        td_errors = absolute_td_error(q, goal)\n        return td_errors\n"


def test_critics_that_train_themselves_and_an_actor_that_stays():
    check_fixed(TWINS, FIXED_TWINS)


def test_a_batch_whose_fields_are_read_by_number():
    pairs = (
        ("        goal = goal_of(actor, q1, batch)\n", ""),
        (CALLS, "        q1.learn(batch)\n"),
        (
            "def learn(self, goal, batch):\n        s, a, r, s2, d = batch\n",
            "def learn(self, batch):\n        s, a, r = batch[0], batch[1], batch[2]\n",
        ),
        (
            "        loss = F.mse",
            "        goal = r + 0.9 * (1 - batch[4]) * self.network(batch[3], a)\n        loss = F.mse",
        ),
    )
    after = changed(
        TWINS,
        *pairs,
        DRAW,
        ("        q1.learn(batch)\n", FIXED_ONE),
        ("def learn(self, batch):", "def learn(self, batch, weights):"),
        ("F.mse_loss(q, goal)", 'importance_weighted_loss(F.mse_loss(q, goal, reduction="none"), weights)'),
        ("import torch.nn.functional as F\n", IMPORTED),
        ("        self.optimizer.step()\n\n\nclass Actor", RETURNED + "\n\nclass Actor"),
    )
    check_fixed(changed(TWINS, *pairs), after | {"memory.py": FIXED_TWINS["memory.py"]})


def test_the_mean_of_their_errors():
    pair = ("np.maximum(td_errors1, td_errors2)", "np.mean([td_errors1, td_errors2], axis=0)")
    check_fixed(TWINS, changed(FIXED_TWINS, pair), priority="mean")


def test_three_critics():
    third = ("        actor.learn", "        actor.critic.learn(goal, batch)\n        actor.learn")
    made = ("    state = env.reset()\n", "    actor.critic = Critic(networks[3])\n    state = env.reset()\n")
    after = changed(
        FIXED_TWINS,
        made,
        ("        memory.update_priorities(indices, np.maximum(td_errors1, td_errors2))\n", ""),
        (
            "        actor.learn",
            "        td_errors3 = actor.critic.learn(goal, batch, weights)\n"
            "        memory.update_priorities(indices, np.max([td_errors1, td_errors2, td_errors3], axis=0))\n"
            "        actor.learn",
        ),
    )
    check_fixed(changed(TWINS, third, made), after)


@pytest.mark.parametrize("priority", ["max", "mean"])
def test_a_loop_over_learners(priority):
    after = changed(FIXED_TWINS, (FIXED_CALLS, FIXED_LOOP.format(priority)))
    share = "largest" if priority == "max" else "mean"
    assumed = f"share one batch: the priority of a transition is the {share} of their TD errors"
    check_fixed(changed(TWINS, (CALLS, LOOP)), after, unsafe=assumed, priority=priority)


@pytest.mark.parametrize(
    ("pairs", "reason"),
    [
        ([("q2.learn", "q1.learn")], "is learnt from by several calls"),
        ([("        q2.learn", "        if step % 2:\n            q2.learn")], "is learnt from by several calls"),
        ([("import numpy as np\n", "")], "main.py does not import numpy"),
        (
            [(CALLS, LOOP.replace("            critic", "            if step:\n                critic"))],
            "depends on a condition",
        ),
        ([("goal_of(actor, q1, batch)", "batch[0] * 2")], "no TD loss that can be weighted"),
    ],
)
def test_refused(pairs, reason):
    check_refused(changed(TWINS, *pairs), reason)
