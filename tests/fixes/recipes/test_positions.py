"""Transitions that are read at drawn positions."""

from __future__ import annotations

import pytest

from ..rewriting import check_fixed, check_refused
from .test_container_swap import FIXED_SPLIT, SPLIT, changed

DRAW = "        return random.sample(self.items, batch_size)\n"
NEW = "        return self.items.sample(batch_size)\n"
IMPORT = ("import random\n", "import numpy as np\n")
POSITIONS = "        at = np.random.choice(len(self.items), batch_size, replace=False)\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("        return [self.items[i] for i in at]\n", "        return batch, weights, at\n"),
        (
            "        found = [self.items[i] for i in at]\n        return found\n",
            "        found = batch\n        return found, weights, at\n",
        ),
        (
            "        return [keep(self.items[i]) for i in at]\n",
            "        return [keep(transition) for transition in batch], weights, at\n",
        ),
        (
            "        for i in at:\n            print(self.items[i])\n        return [self.items[i] for i in at]\n",
            "        for transition in batch:\n            print(transition)\n        return batch, weights, at\n",
        ),
    ],
)
def test_reads(before, after):
    user = changed(SPLIT, IMPORT, (DRAW, POSITIONS + before))
    fixed = changed(
        FIXED_SPLIT,
        (NEW, "        batch, weights, at = self.items.sample(batch_size)\n" + after),
    )
    check_fixed(user, fixed)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("        self.at = at\n        return [self.items[i] for i in at]\n", "positions are used otherwise"),
        ("        return [(i, self.items[i]) for i in at]\n", "positions are used otherwise"),
        ("        return [self.items[i] for i in sorted(at)]\n", "positions are used otherwise"),
    ],
)
def test_refused(body, reason):
    check_refused(changed(SPLIT, IMPORT, (DRAW, POSITIONS + body)), reason)


def test_episodes_that_are_drawn_by_their_lengths_are_refused():
    lengths = "        sizes = np.array([len(item) for item in self.items])\n"
    body = lengths + "        at = np.random.choice(len(self.items), batch_size, p=sizes / sizes.sum())\n"
    body += "        return [random.choice(self.items[i]) for i in at]\n"
    user = changed(SPLIT, ("import random\n", "import random\nimport numpy as np\n"), (DRAW, body))
    check_refused(user, "whole episodes, by their lengths")
