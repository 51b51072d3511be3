"""Local names that only the replaced draw has read go with it."""

from __future__ import annotations

import pytest

from ...rewriting import check_fixed
from ..batch.test_returned import DRAWN, NEW
from .test_container_swap import FIXED_SPLIT, SPLIT, changed
from .test_index_swap import DRAW, FILES, FIXED

LINE = "        ind = np.random.randint(0, self.size, size=batch_size)\n"
FIXED_LINE = "        ind, weights = self.priorities.sample(batch_size)\n"
FILLED = "        filled = min(self.ptr, self.max_size)\n"
CHOICE = LINE.replace(DRAW, "np.random.choice(filled, batch_size)")


@pytest.mark.parametrize(
    ("before", "left"),
    [
        (FILLED, ""),
        ("        filled = self.ptr if self.ptr < self.max_size \\\n            else self.max_size\n", ""),
        ("        count = self.ptr\n        filled = min(count, self.max_size)\n", ""),
        # Read by something else, or more than a number.
        (FILLED + "        print(filled)\n", FILLED + "        print(filled)\n"),
        ("        filled = self.settle()\n", "        filled = self.settle()\n"),
        (FILLED.replace("\n", "  # of all\n"), FILLED.replace("\n", "  # of all\n")),
        ("        filled = 1\n        filled += self.size\n", "        filled = 1\n        filled += self.size\n"),
    ],
)
def test_positions(before: str, left: str) -> None:
    check_fixed(changed(FILES, (LINE, before + CHOICE)), changed(FIXED, (FIXED_LINE, left + FIXED_LINE)))


def test_a_size_that_is_drawn_is_read() -> None:
    size = "        batch_size = min(batch_size, len(self.items))\n        count = min(batch_size, 32)\n"
    draw, new = (line.replace("batch_size)", "count)") for line in (DRAWN, NEW))
    check_fixed(changed(SPLIT, (DRAWN, size + draw)), changed(FIXED_SPLIT, (NEW, size + new)))
