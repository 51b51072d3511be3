"""Lists that are made with all their slots keep them: only the draw of positions becomes prioritised."""

from __future__ import annotations

import pytest

from ...rewriting import check_fixed, check_refused
from .test_container_swap import FIXED_SPLIT, SPLIT, changed

MEMORY = """
import random
from collections import namedtuple

Transition = namedtuple("Transition", ("state", "action", "next_state", "reward"))


class Memory:
    def __init__(self, capacity):
        self.items = [None] * capacity
        self.capacity = capacity
        self.next = 0
        self.size = 0

    def push(self, *args):
        self.items[self.next] = args
        self.size = min(self.size + 1, self.capacity)
        self.next = (self.next + 1) % self.capacity

    def sample(self, batch_size):
        positions = random.sample(range(self.size), batch_size)
        return [Transition(*self.items[i]) for i in positions]

    def __len__(self):
        return self.size
"""
FIXED_MEMORY = """
from collections import namedtuple

from experience_replay_optimizer import LinearSchedule, PrioritizedSampler

Transition = namedtuple("Transition", ("state", "action", "next_state", "reward"))


class Memory:
    def __init__(self, capacity):
        self.items = [None] * capacity
        self.priorities = PrioritizedSampler(capacity, beta=LinearSchedule(0.4, 1.0, steps=20_000))
        self.capacity = capacity
        self.next = 0
        self.size = 0

    def push(self, *args):
        self.items[self.next] = args
        self.priorities.add(self.next, reward=args[3])
        self.size = min(self.size + 1, self.capacity)
        self.next = (self.next + 1) % self.capacity

    def sample(self, batch_size):
        positions, weights = self.priorities.sample(batch_size)
        return [Transition(*self.items[i]) for i in positions], weights, positions

    def update_priorities(self, indices, td_errors):
        self.priorities.update(indices, td_errors)

    def __len__(self):
        return self.size
"""
BEFORE = SPLIT | {"memory.py": MEMORY}
AFTER = FIXED_SPLIT | {"memory.py": FIXED_MEMORY}


@pytest.mark.parametrize(
    "made",
    ["[None] * capacity", "capacity * [None]", "[None for _ in range(capacity)]", "[0 for i in range(capacity)]"],
)
def test_a_list_with_all_its_slots(made):
    pair = ("[None] * capacity", made)
    check_fixed(changed(BEFORE, pair), changed(AFTER, pair))


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ("[None for _ in range(1, capacity)]", "not empty at first"),
        ("[None, None] * capacity", "not empty at first"),
    ],
)
def test_lists_of_other_lengths(made, reason):
    check_refused(changed(BEFORE, ("[None] * capacity", made)), reason)
