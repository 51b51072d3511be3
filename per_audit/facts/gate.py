"""A cheap look at a file's bytes that tells whether it can matter to the audit.

Files are dropped together with all that imports connect them to, and only where none of them passes: a generic module
(`segment_tree.py`, `config.py`) without a word of replay is read with those that use it. So `may_matter` asks for
shapes that no replay code can do without, not for vocabulary, and only saves time.

`speaks_of_replay` is for many files at once: among all that a large library stores, draws and weighs, something looks
like a memory by chance. None is where no file steps an environment, uses a library that replays, names a replay buffer,
or speaks of rewards or experience together with the other parts of learning from them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# A file that defines or calls something which stores, draws or learns. `sample`, index draws and containers cover
# buffers; `.step(` and `.backward(` cover loops and learners, `learn(` those of libraries; `class`/`def` with a
# tree-like name cover generic trees. Words are looked for one by one: that is many times faster than a pattern of all.
_WORDS = tuple(
    word.encode()
    for word in (
        "sampl", "Sampl", "loss", "shuffle", "memory", "Memory", "buffer", "Buffer", "replay", "Replay",
        "priorit", "Priorit", "reward", "experience", "transition",
        "backward", ".step(", ".fit(", "choices", ".choice", "randint", "randrange", "deque", "namedtuple",
        "multinomial", "random_int", "random_uniform", "randperm", "permutation", "integers(", "GradientTape",
        "minimize(", "value_and_grad", ".grad(", "train_on_batch",
    )
)  # fmt: skip
_WHOLE_WORDS = re.compile(rb"\blearn\(|[Tt]ree\b")

# What a file that learns from experience speaks of; a word alone, as in `replay` of a recorded log, is of anything.
_NAMED = re.compile(
    rb"(?:[Rr]eplay|REPLAY)_?(?:[Bb]uffer|BUFFER|[Mm]em|MEM)|(?:[Ee]xperience|[Pp]rioriti[sz]ed)_?[Rr]eplay"
)
_REWARD = (b"reward", b"Reward", b"REWARD")
_EXPERIENCE = (b"replay", b"Replay", b"REPLAY", b"experience", b"Experience", b"EXPERIENCE")
_DRAW = (b"priorit", b"Priorit", b"PRIORIT", b"sampl", b"Sampl", b"SAMPL")
_OTHERS = (
    re.compile(rb"next_|new_|obs|_next|\benv\b|_env\b"),
    re.compile(rb"[Tt]ransition|TRANSITION|[Ee]pisode|EPISODE|[Tt]rajector"),
    re.compile(rb"[Dd]one|DONE|[Tt]ermina|[Tt]runca"),
    re.compile(rb"[Gg]amma|GAMMA|[Dd]iscount|DISCOUNT|\btd_|TD"),
)
# What `step` returns is an environment's where it is taken apart, whatever the parts are called.
_THREE = re.compile(rb"[\w\])][ \t]*,[^=\n,]+,[^=\n]*=[^=\n]*\Z")
_LONGEST = 400  # bytes of a line that takes apart what `step` returns: lines of data are as long as they like
# The libraries whose memories are known (`per_audit.graph.frameworks`); of ray, that is RLlib.
LIBRARIES = frozenset({
    "agilerl", "anyrl", "baselines", "chainerrl", "cleanrl_utils", "cpprb", "d3rlpy", "ding", "dopamine", "elegantrl",
    "flashbax", "garage", "machin", "mushroom_rl", "pfrl", "ptan", "ray.rllib", "reverb", "rl", "rlkit", "sb3_contrib",
    "skrl", "stable_baselines", "stable_baselines3", "tf_agents", "tianshou", "torchrl",
})  # fmt: skip
_COMMENT_OR_STRING = re.compile(
    rb"\"\"\"(?:[^\\]|\\.)*?\"\"\"|'''(?:[^\\]|\\.)*?'''|#[^\n]*"
    rb"|(\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')",
    re.DOTALL,
)


def may_matter(data: bytes) -> bool:
    """Whether something can be found in the file, or by what is connected to it."""
    return _has(data, _WORDS) or _WHOLE_WORDS.search(data) is not None


def speaks_of_replay(data: bytes, imported: Iterable[str]) -> bool:
    """Whether the code, beside its comments and texts for people, has what learning from rewards cannot do without.

    `imported` are the names of what the file imports, as `imports_of` tells them.
    """
    if any(_is_of_library(name.rstrip("*")) for name in imported):
        return True
    return _says(data) and _says(_COMMENT_OR_STRING.sub(_kept, data))


def _is_of_library(name: str) -> bool:
    package, _, rest = name.partition(".")
    return package in LIBRARIES or f"{package}.{rest.partition('.')[0]}" in LIBRARIES


def _kept(found: re.Match[bytes]) -> bytes:
    """A text that may be a key; words between spaces are for people."""
    text: bytes = found[1] or b""
    return b"" if b" " in text else text


def _says(data: bytes) -> bool:
    if any(map(_takes_apart, data.split(b".step(")[:-1])):
        return True
    rewards, experience = _has(data, _REWARD), _has(data, _EXPERIENCE)
    if not (rewards or experience):
        return False
    if experience and _NAMED.search(data):
        return True
    draws = _has(data, _DRAW)
    others = sum(words.search(data) is not None for words in _OTHERS)
    return (rewards and experience + draws + others >= 3) or (experience and draws and others >= 2)


def _has(data: bytes, words: Iterable[bytes]) -> bool:
    return any(word in data for word in words)


def _takes_apart(before: bytes) -> bool:
    """Whether what stands in front of a call of `step` gives names to three or more parts of what it returns."""
    return _THREE.search(before[-_LONGEST:].rpartition(b"\n")[2]) is not None
