"""What both swaps write into the new object: a seed, where the project seeds the generator that drew before."""

from __future__ import annotations

import pytest

from ..rewriting import Files, dedented, run
from .test_container_swap import LEARNER, MAIN, MEMORY

CONSTRUCTOR = "    def __init__(self, capacity):\n        self.items = deque([], maxlen=capacity)\n"
SEEDING = "    def __init__(self, capacity, seed=0):\n{before}        self.items = deque([], maxlen=capacity)\n{after}"


def seed_in(files: Files) -> str | None:
    """The seed that the fix gives to the buffer of `memory.py`."""
    _, after = run(files)
    lines = [line.strip() for line in after["memory.py"].splitlines() if "seed=" in line and "def " not in line]
    return lines[0].rstrip(",") if lines else None


def program(before: str = "", after: str = "", main: str = "") -> Files:
    """The project with statements around the making of the deque and at the head of its main module."""
    memory = dedented(MEMORY)
    assert CONSTRUCTOR in memory
    memory = memory.replace(CONSTRUCTOR, SEEDING.format(before=before, after=after))
    return {"memory.py": memory, "learner.py": dedented(LEARNER), "main.py": main + dedented(MAIN)}


@pytest.mark.parametrize(
    ("files", "seed"),
    [
        (program(), None),
        (program(main="import random\n\nrandom.seed(0)\n"), "seed=random.getrandbits(32)"),
        (program(before="        random.seed(seed)\n"), "seed=random.getrandbits(32)"),
        # Seeded only after the buffer was made: what the generator would give there is not repeatable.
        (program(after="        random.seed(seed)\n"), "seed=seed"),
        # Above the buffer, `seed` is something else than what the generator is seeded with.
        (program(after="        seed = seed + 1\n        random.seed(seed)\n"), None),
        (program(main="import numpy as np\n\nnp.random.seed(0)\n"), None),
    ],
)
def test_runs_stay_repeatable(files: Files, seed: str | None) -> None:
    assert seed_in(files) == seed
