"""Arrays that are also filled in one go: every slot enters the sampler."""

from __future__ import annotations

import pytest

from ..rewriting import check_fixed, check_refused
from .test_container_swap import changed
from .test_index_swap import FILES, FIXED

LOAD = """
    def load(self, folder):
        rewards = np.load(f"{folder}/reward.npy")
        self.size = min(len(rewards), self.max_size)
        self.reward[: self.size] = rewards[: self.size]
        self.state[: self.size] = np.load(f"{folder}/state.npy")[: self.size]
        self.action[: self.size] = np.load(f"{folder}/action.npy")[: self.size]
        self.next_state[: self.size] = np.load(f"{folder}/next_state.npy")[: self.size]
        self.not_done[: self.size] = np.load(f"{folder}/not_done.npy")[: self.size]
"""
FILLED = """\
        self.priorities.clear()
        for slot in range(self.size):
            self.priorities.add(slot)
"""


def test_what_is_read_from_files_enters_the_sampler() -> None:
    after = changed(FIXED, ("    def sample(self", f"{LOAD[1:]}{FILLED}\n    def sample(self"))
    before = changed(FILES, ("    def sample(self", f"{LOAD[1:]}\n    def sample(self"))
    check_fixed(before, after, unsafe="what Ring.load reads in (ring.py) starts with the highest priority")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("self.state[: self.size] =", "self.state[: self.max_size] =", "filled to different lengths"),
        (
            "        self.not_done[:",
            "        if folder:\n            self.not_done[:",
            "filled to different lengths",
        ),
        ("self.state[: self.size] =", "self.state[self.ptr : self.size] =", "is filled in several functions"),
    ],
)
def test_refused(old: str, new: str, reason: str) -> None:
    assert old in LOAD
    text = LOAD[1:].replace(old, new)
    check_refused(changed(FILES, ("    def sample(self", f"{text}\n    def sample(self")), reason)


@pytest.mark.parametrize("statement", ["self.size = 0", "self.ptr, self.size = 0, 0", "self.ptr = self.size = 0"])
def test_a_ring_that_is_emptied_forgets_its_slots(statement: str) -> None:
    method = f"    def reset(self):\n        {statement}\n"
    forgets = f"{method}        self.priorities.clear()\n"
    before = changed(FILES, ("    def sample(self", f"{method}\n    def sample(self"))
    check_fixed(before, changed(FIXED, ("    def sample(self", f"{forgets}\n    def sample(self")))
