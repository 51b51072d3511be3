"""A repaired buffer passes the check of `verify` that the broken one fails."""

from __future__ import annotations

import json

import pytest

from per_audit.cli import main

from .rewriting import run

np = pytest.importorskip("numpy")

TRAIN = """import torch
from memory import Memory


def train(env, net, optimizer, steps):
    memory = Memory(1000)
    state = env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(net.act(state))
        memory.add(state, net.last, reward, next_state, done)
        state = env.reset() if done else next_state
        memory.beta = min(1.0, 0.4 + 0.6 * step / steps)
        batch, slots, weights = memory.sample(32)
        states, actions, rewards, next_states, dones = (torch.tensor(column) for column in zip(*batch))
        q = net(states).gather(1, actions[:, None]).squeeze(1)
        with torch.no_grad():
            goals = rewards + 0.99 * (1 - dones) * net(next_states).max(1).values
        errors = goals - q
        (torch.tensor(weights) * errors**2).mean().backward()
        optimizer.step()
        memory.update_priorities(slots, errors.detach().numpy())
"""
TREE = """import numpy as np


class Memory:
    def __init__(self, capacity, alpha=0.6, beta=0.4):
        self.capacity, self.alpha, self.beta = capacity, alpha, beta
        self.rows, self.at, self.size, self.highest = [None] * capacity, 0, 0, 1.0
        self.leaves = 1
        while self.leaves < capacity:
            self.leaves *= 2
        self.sums = np.zeros(2 * self.leaves)

    def __len__(self):
        return self.size

    def add(self, state, action, reward, next_state, done):
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.put(self.at, self.highest**self.alpha)
        self.at = (self.at + 1) % self.capacity
        self.size = min(self.size + 1, self.capacity)

    def put(self, slot, priority):
        node = slot + self.leaves
        self.sums[node] = priority
        while node > 1:
            node //= 2
            self.sums[node] = self.sums[2 * node] + self.sums[2 * node + 1]

    def total(self, first, stop):
        return self.sums[self.leaves + first : self.leaves + stop].sum()

    def find(self, mass):
        node = 1
        while node < self.leaves:
            node *= 2
            if mass >= self.sums[node] and self.sums[node + 1] > 0:
                mass -= self.sums[node]
                node += 1
        return node - self.leaves

    def sample(self, n):
        mass = self.total(0, self.size)
        width = mass / n
        slots = [self.find((k + np.random.random()) * width) for k in range(n)]
        p = np.array([self.sums[slot + self.leaves] for slot in slots]) / self.sums[1]
        weights = (self.size * p) ** -self.beta
        return [self.rows[slot] for slot in slots], slots, weights / weights.max()

    def update_priorities(self, slots, errors):
        for slot, error in zip(slots, errors):
            priority = abs(error) + 1e-6
            self.put(slot, priority**self.alpha)
            self.highest = max(self.highest, priority)
"""
CLIMB = """        self.sums[node] = priority
        while node > 1:
            node //= 2
            self.sums[node] = self.sums[2 * node] + self.sums[2 * node + 1]
"""
DIFFERENCES = """        change = priority - self.sums[node]
        self.sums[node] = priority
        while node > 1:
            node //= 2
            self.sums[node] += change
"""
ROUNDED = """        self.leaves = 1
        while self.leaves < capacity:
            self.leaves *= 2
"""
OF_BATCH = "        return [self.rows[slot] for slot in slots], slots, weights / weights.max()\n"
OF_LEAST = """        least = np.min(self.sums[self.leaves :]) / self.sums[1]
        return [self.rows[slot] for slot in slots], slots, weights / (self.size * least) ** -self.beta
"""
RANKS = """import numpy as np


class Memory:
    def __init__(self, capacity, alpha=0.7, beta=0.5):
        self.capacity, self.alpha, self.beta = capacity, alpha, beta
        self.rows, self.at, self.size, self.highest = [None] * capacity, 0, 0, 1.0
        self.errors = np.zeros(capacity)

    def __len__(self):
        return self.size

    def add(self, state, action, reward, next_state, done):
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.errors[self.at] = self.highest
        self.at = (self.at + 1) % self.capacity
        self.size = min(self.size + 1, self.capacity)

    def sample(self, n):
        ranks = np.argsort(np.argsort(-self.errors[: self.size])) + 1
        p = (1.0 / ranks) ** self.alpha
        p = p / p.sum()
        slots = np.random.choice(self.size, n, p=p)
        weights = (self.size * p[slots]) ** -self.beta
        return [self.rows[slot] for slot in slots], slots, weights / weights.max()

    def update_priorities(self, slots, errors):
        for slot, error in zip(slots, errors):
            self.errors[slot] = abs(error) + 1e-6
            self.highest = max(self.highest, self.errors[slot])
"""


@pytest.mark.parametrize(
    ("code", "memory", "sound", "broken", "check"),
    [
        ("PER305", TREE, "width = mass / n", "width = mass // n", "frequencies"),
        ("PER301", TREE, "self.total(0, self.size)", "self.total(0, self.size - 1)", "reach"),
        ("PER104", TREE, "(self.size * p) ** -self.beta", "(self.size * p) ** self.beta", "weights"),
        (
            "PER302",
            RANKS,
            "np.argsort(np.argsort(-self.errors[: self.size])) + 1",
            "np.argsort(-self.errors[: self.size]) + 1",
            "frequencies",
        ),
        ("PER105", TREE.replace(ROUNDED, "        self.leaves = capacity\n"), OF_BATCH, OF_LEAST, "weights"),
        (
            "PER307",
            TREE.replace(CLIMB, DIFFERENCES),
            "np.zeros(2 * self.leaves)",
            "np.zeros(2 * self.leaves, dtype=np.float32)",
            "drift",
        ),
    ],
)
def test_the_check_passes_again(code, memory, sound, broken, check, tmp_path, capsys):
    assert memory.count(sound) == 1
    files = {"memory.py": memory.replace(sound, broken), "train.py": TRAIN}
    result, found = run(files, codes=(code,), unsafe=True)
    assert [plan.mends for plan in result.applied] == [code]
    assert verdict(files["memory.py"], check, tmp_path / "before", capsys) == "FAIL"
    assert verdict(found["memory.py"], check, tmp_path / "after", capsys) == "PASS"


def verdict(text, check, folder, capsys):
    folder.mkdir()
    path = folder / "memory.py"
    path.write_text(text)
    main(["verify", f"{path}:Memory", "--check", check, "--efficiency", "off", "--format", "json", "--no-record"])
    (target,) = json.loads(capsys.readouterr().out)["targets"]
    (done,) = [each for each in target["checks"] if each["check"] == check]
    return done["verdict"]


def test_a_maximum_that_is_kept_is_what_new_items_get(tmp_path, capsys):
    broken = RANKS.replace("= self.highest\n", "= self.errors.max() if self.size else 1.0\n")
    broken = broken.replace("            self.highest = max(self.highest, self.errors[slot])\n", "")
    files = {"memory.py": broken, "train.py": TRAIN.replace("Memory(1000)", "Memory(100_000)")}
    result, found = run(files, codes=("PER402",), unsafe=True)
    assert [plan.mends for plan in result.applied] == ["PER402"]
    assert ".max()" not in found["memory.py"].replace("weights.max()", "")
    assert verdict(found["memory.py"], "new-items", tmp_path / "after", capsys) == "PASS"
