"""A container that is made anew is emptied, and its priorities with it."""

from __future__ import annotations

import pytest

from ...rewriting import check_fixed, check_refused
from .test_container_swap import FIXED_SPLIT, SPLIT, changed
from .test_index_swap import FILES, FIXED

LAST = "    def __len__(self):\n"


@pytest.mark.parametrize(
    "anew",
    ["deque([], maxlen=capacity)", "deque(maxlen=self.items.maxlen)", "deque((), 100)"],
)
def test_a_deque_that_takes_the_place_of_the_first_one(anew):
    method = "    def forget(self, capacity):\n        self.items = {}\n\n"
    emptied = "    def forget(self, capacity):\n        self.items.clear()\n\n"
    check_fixed(
        changed(SPLIT, (LAST, method.format(anew) + LAST)),
        changed(FIXED_SPLIT, (LAST, emptied + LAST)),
    )


COUNTED = """
import random
from collections import deque, namedtuple

Transition = namedtuple("Transition", ("state", "action", "next_state", "reward"))


class Memory:
    def __init__(self, capacity):
        self.items = deque()
        self.capacity = capacity
        self.count = 0

    def push(self, *args):
        if self.count < self.capacity:
            self.items.append(Transition(*args))
            self.count += 1
        else:
            self.items.popleft()
            self.items.append(Transition(*args))

    def sample(self, batch_size):
        if self.count < batch_size:
            positions = None
            drawn = random.sample(self.items, self.count)
        else:
            positions = None
            drawn = random.sample(self.items, batch_size)
        return drawn

    def forget(self):
        self.items = deque()
        self.count = 0

    def __len__(self):
        return self.count
"""
FIXED_COUNTED = """
from collections import namedtuple

from experience_replay_optimizer import LinearSchedule, PrioritizedReplayBuffer

Transition = namedtuple("Transition", ("state", "action", "next_state", "reward"))


class Memory:
    def __init__(self, capacity):
        self.items = PrioritizedReplayBuffer(
            capacity,
            beta=LinearSchedule(0.4, 1.0, steps=20_000),
            reward="reward",
        )
        self.capacity = capacity
        self.count = 0

    def push(self, *args):
        if self.count < self.capacity:
            self.items.append(Transition(*args))
            self.count += 1
        else:
            self.items.append(Transition(*args))

    def sample(self, batch_size):
        if self.count < batch_size:
            positions = None
            drawn, weights, indices = self.items.sample(self.count)
        else:
            positions = None
            drawn, weights, indices = self.items.sample(batch_size)
        return drawn, weights, indices

    def update_priorities(self, indices, td_errors):
        self.items.update_priorities(indices, td_errors)

    def forget(self):
        self.items.clear()
        self.count = 0

    def __len__(self):
        return self.count
"""


def test_a_deque_that_a_counter_bounds():
    check_fixed(SPLIT | {"memory.py": COUNTED}, FIXED_SPLIT | {"memory.py": FIXED_COUNTED})


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        ("    def forget(self):\n        self.items = deque([1], maxlen=3)\n\n", "several containers"),
        ("    def forget(self):\n        self.items = []\n\n", "several containers"),
    ],
)
def test_what_is_no_empty_one_of_the_same_kind(method, reason):
    check_refused(changed(SPLIT, (LAST, method + LAST)), reason)


def test_arrays_that_take_the_place_of_the_first_ones():
    size = "        self.size = min(self.size + 1, self.max_size)\n"
    method = "\n    def forget(self):\n        self.ptr = 0\n        self.size = 0\n{}"
    arrays = "".join(
        f"        self.{name} = np.zeros_like(self.{name})\n" for name in ("state", "action", "next_state", "reward")
    ).replace("np.zeros_like(self.reward)", "np.zeros((self.max_size, 1))")
    cleared = "        self.priorities.clear()\n"
    check_fixed(
        changed(FILES, (size, size + method.format(arrays))),
        changed(FIXED, (size, size + method.format(cleared + arrays))),
    )
