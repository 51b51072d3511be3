"""PER003 fixed-priorities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from per_audit.findings import Finding, FixOffer, Severity
from per_audit.graph import PRIORITISED, ReplayGraph
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable


class FixedPriorities(Rule):
    """Transitions are drawn by priority, but no training step ever gives them new priorities.

    ## What it does

    Reports a prioritised buffer that the project makes and draws from, while nothing that the training reaches writes
    priorities again: no update method is called, no priority is assigned, no transition is put back.

    ## Why is this bad

    New transitions get the largest priority so that each is drawn at least once. Without updates all priorities stay
    equal, or stay as they were at insertion: the draw is uniform, or follows errors of a network long gone, and the
    weights correct for a distribution that means nothing. Everything that prioritised replay costs is paid for nothing.

    ## Known problems

    Code that updates priorities through objects of another library, or through names that are only known at run time,
    cannot be followed; there the rule is silent. Buffers that are never made in the project are not reported.

    ## Example

    ```python
    batch, weights, indices = memory.sample(32)
    loss = (weights * errors**2).mean()
    loss.backward()
    ```

    ## Use instead

    ```python
    batch, weights, indices = memory.sample(32)
    loss = (weights * errors**2).mean()
    loss.backward()
    memory.update_priorities(indices, errors)
    ```

    ## Fix safety

    The line to add needs the TD error of each drawn transition; it is added only where one is at hand.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, Algorithm 1, lines 11 and 12
    """

    code = "PER003"
    name = "fixed-priorities"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each prioritised buffer in use whose priorities nobody updates."""
        for buffer in graph.buffers:
            if buffer.kind != PRIORITISED:
                continue
            about = graph.priorities(buffer)
            if not (about.in_use and about.is_about_priorities) or about.updated():
                continue
            if not (about.is_reference or about.writes_priorities()):
                continue
            name = graph.name_of(buffer)
            yield Finding(
                self.code,
                self.name,
                self.severity,
                "high" if about.is_reference else "medium",
                f"{name} draws by priority, but no training step updates its priorities: they stay as they were stored",
                graph.place(buffer.path, buffer.draws[0]),
                graph.symbol(buffer.function, buffer.path),
                graph.chain(buffer),
                FixOffer(title="give the TD errors back after each training step"),
                pipeline=name,
            )

    def witness(self) -> str:
        """Priorities that stay at the maximum draw uniformly; updated ones draw what has a large error."""
        rng = np.random.default_rng(0)
        errors = np.full(100, 0.1)
        errors[:5] = 10.0
        fixed = np.ones(100)
        drawn = rng.choice(100, 20_000, p=fixed / fixed.sum())
        updated = errors**0.6
        drawn_updated = rng.choice(100, 20_000, p=updated / updated.sum())
        before, after = (drawn < 5).mean(), (drawn_updated < 5).mean()
        assert abs(before - 0.05) < 0.01
        assert after > 0.4
        return f"five large errors of 100 get {before:.0%} of the draws with fixed priorities, {after:.0%} when updated"

    bad = (
        Example(
            "an update method that nobody calls, in two files",
            {
                "memory.py": """import numpy as np


class Memory:
    def __init__(self, size):
        self.rows, self.priorities, self.size, self.at = [None] * size, np.zeros(size), size, 0

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at % self.size] = (state, action, reward, next_state, done)
        self.priorities[self.at % self.size] = 1.0
        self.at += 1

    def sample(self, n, beta):
        p = self.priorities / self.priorities.sum()
        slots = np.random.choice(self.size, n, p=p)  # <- PER003
        weights = (self.size * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        self.priorities[slots] = np.abs(errors) + 1e-6
""",
                "train.py": """import torch
from memory import Memory


def train(env, net, optimizer):
    memory = Memory(1000)
    state = env.reset()
    while True:
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        memory.push(state, action, reward, next_state, done)
        state = next_state
        batch, slots, weights = memory.sample(32, 0.4)
        loss = (torch.as_tensor(weights) * net.errors(batch) ** 2).mean()
        loss.backward()
        optimizer.step()
""",
            },
        ),
        Example(
            "the reference buffer without updates",
            {
                "train.py": """from experience_replay_optimizer import PrioritizedReplayBuffer, importance_weighted_loss


def train(env, net, optimizer):
    memory = PrioritizedReplayBuffer(10_000)
    state = env.reset()
    for step in range(100_000):
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        memory.add(state, action, reward, next_state, done)
        state = next_state
        batch, weights, indices = memory.sample(32)  # <- PER003
        loss = importance_weighted_loss(net.squared_errors(batch), weights)
        loss.backward()
        optimizer.step()
"""
            },
        ),
        Example(
            "no update method at all, Keras",
            {
                "agent.py": """import random
import numpy as np


class Agent:
    def __init__(self, model):
        self.model, self.past, self.priority = model, [], []

    def remember(self, state, action, reward, next_state, done):
        self.past.append((state, action, reward, next_state, done))
        self.priority.append(1.0)
        if len(self.past) > 5000:
            self.past.pop(0)
            self.priority.pop(0)

    def replay(self):
        picked = random.choices(range(len(self.past)), weights=self.priority, k=32)  # <- PER003
        for i in picked:
            state, action, reward, next_state, done = self.past[i]
            goal = reward if done else reward + 0.9 * np.max(self.model.predict(next_state))
            self.model.fit(state, goal)


def main(env, model):
    agent = Agent(model)
    state = env.reset()
    for step in range(10000):
        next_state, reward, done, _ = env.step(0)
        agent.remember(state, 0, reward, next_state, done)
        agent.replay()
"""
            },
        ),
    )
    good = (
        Example(
            "updated after each step, under a name of its own, in two files",
            {
                "memory.py": bad[0]
                .files["memory.py"]
                .replace("def update(", "def absorb(")
                .replace("  # <- PER003", ""),
                "train.py": bad[0].files["train.py"] + "        memory.absorb(slots, net.errors(batch))\n",
            },
        ),
        Example(
            "the reference buffer with updates",
            {
                "train.py": bad[1].files["train.py"].replace("  # <- PER003", "")
                + "        memory.update_priorities(indices, net.errors(batch))\n",
            },
        ),
        Example(
            "priorities assigned in place",
            {
                "agent.py": bad[2]
                .files["agent.py"]
                .replace("  # <- PER003", "")
                .replace(
                    "            self.model.fit(state, goal)\n",
                    "            self.model.fit(state, goal)\n            self.priority[i] = abs(goal)\n",
                ),
            },
        ),
        Example(
            "a class that the project never makes",
            {"memory.py": bad[0].files["memory.py"].replace("  # <- PER003", "")},
        ),
        Example(
            "a uniform buffer",
            {
                "agent.py": """import random


class Agent:
    def __init__(self, model):
        self.model, self.past = model, []

    def remember(self, state, action, reward, next_state, done):
        self.past.append((state, action, reward, next_state, done))

    def replay(self):
        self.model.fit(random.sample(self.past, 32))
"""
            },
        ),
    )
