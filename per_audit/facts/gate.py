"""A cheap look at a file's bytes that tells whether it can matter to the audit.

The gate only saves time. It must let through every file that can change a finding: stores, draws, losses, training
loops, and the generic modules (`segment_tree.py`) that carry no word of reinforcement learning. So it asks for shapes
that replay code cannot do without, not for vocabulary.
"""

from __future__ import annotations

import re

# A file that defines or calls something which stores, draws or learns. `sample`, index draws and containers cover
# buffers; `.step(` and `.backward(` cover loops and learners; `class`/`def` with a tree-like name cover generic trees.
_SHAPES = re.compile(
    rb"sampl|[Rr]eplay|[Pp]riorit|deque|shuffle|randint|random_int|randperm|permutation|\.choice|choices|integers\("
    rb"|[Mm]emory|[Bb]uffer|backward|GradientTape|minimize\(|value_and_grad|\.grad\(|train_on_batch|\.fit\("
    rb"|\.step\(|loss|namedtuple|[Tt]ree\b|transition|experience|reward"
)


def may_matter(data: bytes) -> bool:
    """Whether the file must be parsed. False means that it cannot change any finding."""
    return _SHAPES.search(data) is not None
