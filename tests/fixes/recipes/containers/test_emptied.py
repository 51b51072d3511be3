"""Methods that empty a memory of arrays, and the end of a ring, which empties nothing."""

from __future__ import annotations

import pytest

from ...rewriting import check_fixed, check_refused
from .test_container_swap import changed
from .test_index_swap import DRAW, FILES, FIXED

SIZE = "        self.size = min(self.size + 1, self.max_size)\n"
MOVED = "        self.ptr = (self.ptr + 1) % self.max_size\n"
MADE = "        self.size = 0\n"
ENDS = "self.ptr == self.max_size"
RING = f"        self.ptr += 1\n        if {ENDS}:\n            self.full = True\n            self.ptr = 0\n"
WITH_FLAG = ((MADE, "        self.full = False\n"), (MOVED, RING), (SIZE, ""))
BOUNDS = [
    "self.max_size if self.full else self.ptr",
    "self.ptr if not self.full else self.max_size",
    "(self.full and self.max_size) or self.ptr",
]
EMPTY = "    def reset(self):\n        {}\n"
FORGETS = "        self.priorities.clear()\n"
BEFORE = "    def sample(self"


@pytest.mark.parametrize("statement", ["self.size = 0", "self.ptr, self.size = 0, 0", "self.ptr = self.size = 0"])
def test_a_ring_that_is_emptied_forgets_its_slots(statement: str) -> None:
    method = EMPTY.format(statement)
    before = changed(FILES, (BEFORE, f"{method}\n{BEFORE}"))
    check_fixed(before, changed(FIXED, (BEFORE, f"{method}{FORGETS}\n{BEFORE}")))


@pytest.mark.parametrize("bound", BOUNDS)
def test_the_end_of_a_ring_forgets_nothing(bound: str) -> None:
    before = changed(FILES, *WITH_FLAG, (DRAW, f"np.random.randint(0, {bound}, size=batch_size)"))
    check_fixed(before, changed(FIXED, *WITH_FLAG))


def test_the_end_of_a_ring_whose_length_a_method_tells() -> None:
    length = (
        "    def __len__(self):\n        if self.full:\n            return self.max_size\n        return self.ptr\n\n"
    )
    pairs = (*WITH_FLAG, (BEFORE, length + BEFORE))
    before = changed(FILES, *pairs, (DRAW, "np.random.randint(0, len(self), size=batch_size)"))
    check_fixed(before, changed(FIXED, *pairs))


def test_the_end_of_a_ring_whose_length_two_branches_set() -> None:
    lines = "        if self.full:\n            most = self.max_size\n        else:\n            most = self.ptr\n"
    before = changed(FILES, *WITH_FLAG, ("        ind = ", f"{lines}        ind = "))
    before = changed(before, (DRAW, "np.random.randint(0, most, size=batch_size)"))
    check_fixed(before, changed(FIXED, *WITH_FLAG, ("        ind, weights = ", f"{lines}        ind, weights = ")))


@pytest.mark.parametrize("bound", BOUNDS)
def test_a_flag_that_is_set_back_as_well(bound: str) -> None:
    method = EMPTY.format("self.full = False\n        self.ptr = 0")
    before = changed(FILES, *WITH_FLAG, (BEFORE, f"{method}\n{BEFORE}"))
    before = changed(before, (DRAW, f"np.random.randint(0, {bound}, size=batch_size)"))
    check_fixed(before, changed(FIXED, *WITH_FLAG, (BEFORE, f"{method}{FORGETS}\n{BEFORE}")))


def test_a_length_that_a_method_tells_is_set_to_nothing() -> None:
    method = EMPTY.format("self.size = 0") + "\n    def __len__(self):\n        return min(self.size, self.max_size)\n"
    forgets = method.replace("self.size = 0\n", f"self.size = 0\n{FORGETS}")
    before = changed(FILES, (BEFORE, f"{method}\n{BEFORE}"), (DRAW, "np.random.randint(0, len(self), batch_size)"))
    check_fixed(before, changed(FIXED, (BEFORE, f"{forgets}\n{BEFORE}")))


def test_a_pointer_up_to_which_is_drawn_begins_anew() -> None:
    ring = f"        self.ptr += 1\n        if {ENDS}:\n            self.ptr = 0\n"
    forgets = ring + "            self.priorities.clear()\n"
    pairs = ((MADE, ""), (SIZE, ""))
    before = changed(FILES, (MOVED, ring), *pairs, (DRAW, "np.random.randint(0, self.ptr, size=batch_size)"))
    check_fixed(before, changed(FIXED, (MOVED, forgets), *pairs))


def test_what_a_write_sets_to_nothing_for_an_unknown_bound_is_refused() -> None:
    ring = RING.replace("self.full = True", "self.rounds += 1")
    pairs = ((MADE, "        self.rounds = 0\n"), (MOVED, ring), (SIZE, ""))
    bound = "self.ptr if self.rounds == 0 else self.max_size"
    before = changed(FILES, *pairs, (DRAW, f"np.random.randint(0, {bound}, size=batch_size)"))
    check_refused(before, "is emptied at ring.py:29 is not clear")
