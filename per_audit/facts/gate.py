"""A cheap look at a file's bytes that tells whether it can matter to the audit.

The gate only saves time. Files are dropped together with all that imports connect them to, and only where none of them
passes: a generic module (`segment_tree.py`, `config.py`) without a word of replay is read with those that use it. So
it asks for shapes that no replay code can do without, not for vocabulary.
"""

from __future__ import annotations

import re

# A file that defines or calls something which stores, draws or learns. `sample`, index draws and containers cover
# buffers; `.step(` and `.backward(` cover loops and learners, `learn(` those of libraries; `class`/`def` with a
# tree-like name cover generic trees.
_SHAPES = re.compile(
    rb"sampl|[Rr]eplay|[Pp]riorit|deque|shuffle|randint|randrange|multinomial|random_int|random_uniform|randperm|permutation|\.choice|choices|integers\("
    rb"|[Mm]emory|[Bb]uffer|backward|GradientTape|minimize\(|value_and_grad|\.grad\(|train_on_batch|\.fit\("
    rb"|\.step\(|\blearn\(|loss|namedtuple|[Tt]ree\b|transition|experience|reward"
)


def may_matter(data: bytes) -> bool:
    """Whether something can be found in the file, or by what is connected to it."""
    return _SHAPES.search(data) is not None
