"""A repaired buffer passes `verify`, also the check that the broken one fails."""

from __future__ import annotations

import pytest

from .verified import RANKS, TRAIN, TREE, is_sound, mutated, repaired, verdicts

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
def test_the_check_passes_again(code, memory, sound, broken, check, capsys):
    files = {"memory.py": mutated(memory, sound, broken), "train.py": TRAIN}
    found = repaired(files, code)
    assert verdicts(capsys, files, check) == {check: "FAIL"}
    assert is_sound(verdicts(capsys, found))


def test_a_maximum_that_is_kept_is_what_new_items_get(capsys):
    broken = mutated(RANKS, "= self.highest\n", "= self.errors.max() if self.size else 1.0\n")
    broken = mutated(broken, "            self.highest = max(self.highest, self.errors[slot])\n", "")
    files = {"memory.py": broken, "train.py": mutated(TRAIN, "Memory(1000)", "Memory(100_000)")}
    found = repaired(files, "PER402")
    assert ".max()" not in found["memory.py"].replace("weights.max()", "")
    assert is_sound(verdicts(capsys, found))
