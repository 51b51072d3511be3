"""A cheap look at a file's bytes that tells whether it can matter to the audit.

Files are dropped together with all that imports connect them to, and only where none of them passes: a generic module
(`segment_tree.py`, `config.py`) without a word of replay is read with those that use it. So `may_matter` asks for
shapes that no replay code can do without, not for vocabulary, and only saves time.

`speaks_of_replay` is for many files at once: among all that a large library stores, draws and weighs, something looks
like a memory by chance. None is where no code names a reward or a replay, steps an environment, or uses a library
that replays.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# A file that defines or calls something which stores, draws or learns. `sample`, index draws and containers cover
# buffers; `.step(` and `.backward(` cover loops and learners, `learn(` those of libraries; `class`/`def` with a
# tree-like name cover generic trees.
_SHAPES = re.compile(
    rb"[Ss]ampl|[Rr]eplay|[Pp]riorit|deque|shuffle|randint|randrange|multinomial|random_int|random_uniform|randperm|permutation|\.choice|choices|integers\("
    rb"|[Mm]emory|[Bb]uffer|backward|GradientTape|minimize\(|value_and_grad|\.grad\(|train_on_batch|\.fit\("
    rb"|\.step\(|\blearn\(|loss|namedtuple|[Tt]ree\b|transition|experience|reward"
)

_WORDS = (b"reward", b"replay", b"experience")
# What `step` returns is an environment's where it is taken apart, whatever the parts are called.
_THREE = re.compile(rb"[\w\])][ \t]*,[^=\n,]+,[^=\n]*=[^=\n]*\Z")
_LONGEST = 400  # bytes of a line that takes apart what `step` returns: lines of data are as long as they like
# The libraries whose memories are known (`per_audit.graph.frameworks`).
LIBRARIES = frozenset({
    "agilerl", "baselines", "chainerrl", "cleanrl_utils", "cpprb", "d3rlpy", "ding", "dopamine", "elegantrl",
    "flashbax", "garage", "machin", "mushroom_rl", "pfrl", "ptan", "ray", "reverb", "rl", "rlkit", "sb3_contrib",
    "skrl", "stable_baselines", "stable_baselines3", "tf_agents", "tianshou", "torchrl",
})  # fmt: skip
_COMMENT_OR_STRING = re.compile(
    rb"\"\"\"(?:[^\\]|\\.)*?\"\"\"|'''(?:[^\\]|\\.)*?'''|#[^\n]*"
    rb"|(\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')",
    re.DOTALL,
)


def may_matter(data: bytes) -> bool:
    """Whether something can be found in the file, or by what is connected to it."""
    return _SHAPES.search(data) is not None


def speaks_of_replay(data: bytes, imported: Iterable[str]) -> bool:
    """Whether the code, beside its comments and long strings, has a word or a shape of learning from rewards.

    `imported` are the names of what the file imports, as `imports_of` tells them.
    """
    if any(name.partition(".")[0].rstrip("*") in LIBRARIES for name in imported):
        return True
    return _says(data) and _says(_COMMENT_OR_STRING.sub(lambda found: found[1] or b"", data))


def _says(data: bytes) -> bool:
    lower = data.lower()
    return any(word in lower for word in _WORDS) or any(map(_takes_apart, data.split(b".step(")[:-1]))


def _takes_apart(before: bytes) -> bool:
    """Whether what stands in front of a call of `step` gives names to three or more parts of what it returns."""
    return _THREE.search(before[-_LONGEST:].rpartition(b"\n")[2]) is not None
