"""The pointer of a ring skips protected slots, and what asks for slot 0 asks whether the ring is full."""

from __future__ import annotations

import pytest

from ...rewriting import check_fixed, check_refused
from .test_container_swap import changed
from .test_index_swap import FILES, FIXED

MOVE = "self.ptr = (self.ptr + 1) % self.max_size"
NEXT = "self.ptr = self.priorities.next_slot(self.ptr)"
FULL = "len(self.priorities) == self.max_size"
COMBINED = (
    ("import LinearSchedule, PrioritizedSampler", "import CombinedSampler, LinearSchedule"),
    ("PrioritizedSampler(", "CombinedSampler("),
)


@pytest.mark.parametrize(
    ("flag", "asked"),
    [
        ("self.full = self.full or {}", "self.ptr == 0"),
        ("self.full = {} or self.full", "0 == self.ptr"),
        ("if {}:\n            self.full = True", "self.ptr == 0"),
    ],
)
def test_a_flag_that_slot_0_sets_is_set_when_all_are_filled(flag, asked):
    files = changed(FILES, (MOVE, f"{MOVE}\n        {flag.format(asked)}"))
    after = changed(FIXED, (MOVE, f"{NEXT}\n        {flag.format(FULL)}"), *COMBINED)
    check_fixed(files, after, buffer="combined")


@pytest.mark.parametrize(
    "asking", ["if self.ptr == 0:\n            self.save()", "self.full = self.ptr == 0", "print(self.ptr == 0)"]
)
def test_what_else_asks_for_slot_0_is_refused(asking):
    files = changed(FILES, (MOVE, f"{MOVE}\n        {asking}"))
    check_refused(files, "slot 0 may be protected", buffer="combined")


def test_a_local_name_of_the_pointer():
    at = [("[self.ptr] =", "[at] ="), ("        self.state[at]", "        at = self.ptr\n        self.state[at]")]
    files = changed(FILES, *at)
    after = changed(FIXED, *at, ("priorities.add(self.ptr", "priorities.add(at"), (MOVE, NEXT), *COMBINED)
    check_fixed(files, after, buffer="combined")
