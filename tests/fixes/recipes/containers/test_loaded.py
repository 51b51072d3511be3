"""Arrays that are also filled in one go: every slot enters the sampler."""

from __future__ import annotations

import pytest

from ...rewriting import check_fixed, check_refused
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


RESUME = """
    def resume(self, path):
        data = np.load(path)
        self.state = data["state"]
        self.action, self.reward = data["action"], data["reward"]
        self.next_state = data["next_state"]
        self.not_done = data["not_done"]
        self.ptr = int(data["ptr"])
        self.size = int(data["size"])
"""


def test_arrays_that_saved_ones_take_the_place_of_enter_the_sampler() -> None:
    after = changed(FIXED, ("    def sample(self", f"{RESUME[1:]}{FILLED}\n    def sample(self"))
    before = changed(FILES, ("    def sample(self", f"{RESUME[1:]}\n    def sample(self"))
    check_fixed(before, after, unsafe="what Ring.resume reads in (ring.py) starts with the highest priority")


def test_how_many_are_filled_has_a_name_where_they_are_drawn() -> None:
    name = ("np.random.randint(0, self.size,", "np.random.randint(0, most,")
    most = "        most = min(self.size, self.max_size)\n"
    before = changed(FILES, name, ("        ind = ", f"{most}        ind = "))
    before = changed(before, ("    def sample(self", f"{RESUME[1:]}\n    def sample(self"))
    slots = FILLED.replace("self.size", "min(self.size, self.max_size)")
    after = changed(FIXED, ("    def sample(self", f"{RESUME[1:]}{slots}\n    def sample(self"))
    check_fixed(before, after, unsafe="what Ring.resume reads in")


def test_arrays_that_hold_the_same_transitions() -> None:
    method = "    def scale(self, mean):\n        self.state = self.state - mean\n\n    def sample(self"
    check_fixed(changed(FILES, ("    def sample(self", method)), changed(FIXED, ("    def sample(self", method)))


def test_arrays_that_are_replaced_by_empty_ones() -> None:
    method = "    def fresh(self, blank):\n        self.state = blank\n        self.size = 0\n"
    forgets = f"{method}        self.priorities.clear()\n"
    before = changed(FILES, ("    def sample(self", f"{method}\n    def sample(self"))
    check_fixed(before, changed(FIXED, ("    def sample(self", f"{forgets}\n    def sample(self")))


def test_arrays_that_are_replaced_in_one_branch_are_refused() -> None:
    lines = "        if path:\n            self.state = np.load(path)\n        self.size = 9\n"
    method = f"    def resume(self, path):\n{lines}\n    def sample(self"
    check_refused(changed(FILES, ("    def sample(self", method)), "how many slots are filled is not clear")


def test_arrays_that_are_replaced_from_outside_are_refused() -> None:
    use = ("    state = env.reset()\n", "    ring.state = env.states()\n    state = env.reset()\n")
    check_refused(changed(FILES, use), "are replaced from outside their class")


ROWS = """
    def add_rows(self, states, actions, next_states, rewards, ends):
        count = len(states)
        at = np.arange(self.ptr, self.ptr + count) % self.max_size
        self.state[at] = states
        self.action[at] = actions
        self.next_state[at] = next_states
        self.reward[at] = rewards
        self.not_done[at] = 1.0 - ends
        self.ptr = (self.ptr + count) % self.max_size
        self.size = min(self.size + count, self.max_size)
"""
LAST = "        self.not_done[at] = 1.0 - ends\n"


def test_rows_that_are_stored_at_once_enter_the_sampler() -> None:
    after = ROWS[1:].replace(LAST, LAST + "        self.priorities.add(at)\n")
    check_fixed(
        changed(FILES, ("    def sample(self", f"{ROWS[1:]}\n    def sample(self")),
        changed(FIXED, ("    def sample(self", f"{after}\n    def sample(self")),
    )


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("np.arange(self.ptr, self.ptr + count) % self.max_size", "self.free(count)", "filled in several functions"),
        (
            "np.arange(self.ptr, self.ptr + count) % self.max_size",
            "(self.ptr + 1) % self.max_size",
            "several functions",
        ),
        ("        self.reward[at] = rewards\n", "", "filled in different ways at ring.py"),
        (LAST, "        if count > 1:\n    " + LAST, "filled in different ways at ring.py"),
        ("        count = len(states)\n", "        count, at = len(states), None\n", "several functions"),
    ],
)
def test_other_ways_to_store_rows_are_refused(old: str, new: str, reason: str) -> None:
    rows = ROWS[1:].replace(old, new)
    assert rows != ROWS[1:]
    check_refused(changed(FILES, ("    def sample(self", f"{rows}\n    def sample(self")), reason)


def test_rows_that_are_stored_at_once_skip_no_protected_slots() -> None:
    files = changed(FILES, ("    def sample(self", f"{ROWS[1:]}\n    def sample(self"))
    check_refused(files, "protected slots cannot be skipped", buffer="combined")
