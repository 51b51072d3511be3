"""Draws with replacement that come before a batch is stored."""

from __future__ import annotations

import pytest

from ...rewriting import check_fixed
from .test_container_swap import FIXED_SPLIT, SPLIT, changed

GUARD = "    if len(memory) < BATCH:\n        return\n"
IMPORTS = ("import random\n", "import numpy as np\nimport random\n")
DRAWS = ("random.sample(self.items, batch_size)", "random.choices(self.items, k=batch_size)")
SAMPLE = "self.items.sample(batch_size)"
REPEATING = "self.items.sample(batch_size, repeat=True)"


def test_nothing_asks_whether_a_batch_is_stored():
    check_fixed(changed(SPLIT, DRAWS, (GUARD, "")), changed(FIXED_SPLIT, (SAMPLE, REPEATING), (GUARD, "")))


@pytest.mark.parametrize("wait", [10, 32])
def test_what_is_waited_for_in_numbers(wait):
    waiting = (GUARD, f"    if len(memory) < {wait}:\n        return\n")
    new = SAMPLE if wait == 32 else REPEATING
    check_fixed(changed(SPLIT, DRAWS, waiting), changed(FIXED_SPLIT, (SAMPLE, new), waiting))


@pytest.mark.parametrize(
    "guard",
    [
        GUARD,
        "    if len(memory) <= max(BATCH, 100):\n        return\n",
        "    assert len(memory) > BATCH\n",
    ],
)
def test_a_test_that_names_the_size_of_a_batch(guard):
    fed = ("BATCH = 32", "BATCH = int(open('batch.txt').read())")
    user = changed(SPLIT, DRAWS, (GUARD, guard), fed)
    check_fixed(user, changed(FIXED_SPLIT, (GUARD, guard), fed))


def test_a_draw_without_replacement_refuses_by_itself():
    check_fixed(changed(SPLIT, (GUARD, "")), changed(FIXED_SPLIT, (GUARD, "")))


def test_no_more_than_there_is():
    size = ("random.sample(self.items, batch_size)", "random.choices(self.items, k=min(batch_size, len(self.items)))")
    as_many = (SAMPLE, "self.items.sample(min(batch_size, len(self.items)))")
    check_fixed(changed(SPLIT, size, (GUARD, "")), changed(FIXED_SPLIT, as_many, (GUARD, "")))


@pytest.mark.parametrize(
    ("drawn", "new"),
    [
        ("np.random.randint(0, len(self.items), batch_size)", REPEATING),
        ("np.random.randint(len(self.items), size=(batch_size,))", REPEATING),
        ("np.random.choice(len(self.items), batch_size)", REPEATING),
        ("np.random.choice(len(self.items), batch_size, replace=False)", SAMPLE),
    ],
)
def test_positions(drawn, new):
    import_numpy = ("import random\n", "import numpy as np\n")
    body = f"        at = {drawn}\n        return [self.items[i] for i in at]\n"
    draw = ("        return random.sample(self.items, batch_size)\n", body)
    taken = (f"        return {SAMPLE}\n", f"        batch, weights, at = {new}\n        return batch, weights, at\n")
    user = changed(SPLIT, import_numpy, draw, (GUARD, ""))
    check_fixed(user, changed(FIXED_SPLIT, taken, (GUARD, "")))
