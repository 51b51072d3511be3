"""A cheap look at a file's bytes that tells whether it can matter to the audit.

The gate only saves time. Files are dropped together with all that imports connect them to: a generic module
(`segment_tree.py`, `config.py`) without a word of replay is read with those that use it. So of each file it asks for
shapes that no replay code can do without, and of the files together for a word that some of them must use: no memory is
recognised whose transitions have no reward, which is named so or is what an environment returned, unless it draws by
priority or is a library's.
"""

from __future__ import annotations

import re

from per_audit.source.imports import WHOLE, imports_of

# A file that defines or calls something which stores, draws or learns. `sample`, index draws and containers cover
# buffers; `.step(` and `.backward(` cover loops and learners; `class`/`def` with a tree-like name cover generic trees.
_SHAPES = re.compile(
    rb"sampl|[Rr]eplay|[Pp]riorit|deque|shuffle|randint|randrange|multinomial|random_int|random_uniform|randperm|permutation|\.choice|choices|integers\("
    rb"|[Mm]emory|[Bb]uffer|backward|GradientTape|minimize\(|value_and_grad|\.grad\(|train_on_batch|\.fit\("
    rb"|\.step\(|loss|namedtuple|[Tt]ree\b|transition|experience|reward"
)


def may_matter(data: bytes) -> bool:
    """Whether something can be found in the file, or by what is connected to it."""
    return _SHAPES.search(data) is not None


_SHORT = re.compile(rb"(?<![A-Za-z])(?i:rews?|rwds?)(?![a-z])|(?:Rew|Rwd)s?(?![a-z])")
_STEP = re.compile(rb"\.step\(")
_ENVIRONMENT = re.compile(rb"(?i:env)\w*(?:\[[^\]\n]*\])?(?:\.\w+)*\Z")
_NEAR = 200  # bytes of a line that are looked at: a line may be long, and hold many of what is looked for
# An action and a reward of one letter beside a state: `s, a, r, s_`, `np.hstack((s, [a, r], s_))`.
_ACTION_REWARD = rb"(?:\w+\.)?(?:a|ac|act|action|u)s?(?:_?[t\d])?\s*,\s*(?:\w+\.)?rs?(?:_?[t\d])?"
_STATE = rb"(?:\w+\.)?(?:s|o|x|ob|obs|state|ns|sp|so|nxt|next\w*|new\w*)(?:_?[tnp\d]|_|s)*"
_LETTERS = re.compile(
    rb"(?<!\w)%b\s*,\s*[\[(]?\s*%b(?!\w)|(?<!\w)%b\s*[\])]?\s*,\s*%b\s*(?:[,\])=\n]|\Z)"
    % (_STATE, _ACTION_REWARD, _ACTION_REWARD, _STATE)
)
_UNREAD = re.compile(rb"\"\"\"(?:[^\\]|\\.)*?\"\"\"|'''(?:[^\\]|\\.)*?'''|#[^\n]*", re.DOTALL)
# Beside a reward: what of a transition is no state and no action; beside priorities: what they are for.
_ENDS = re.compile(
    rb"done|termin|truncat|finished|dead|next(?!\s*\()|nxt|[Ee]nv|eplay|xperience|ransition|discount|emory|uffer\w*\.|(?<!\w)(?:dw?|s_|s2|ns|sp|o2)(?!\w)"
)
_ACTS = re.compile(rb"done|termin|action|(?<![A-Za-z])(?:obs?|acts?)(?![a-z])|[Ee]nv|eplay")
_PRIORITIES = re.compile(rb"[Pp]riorities|[Pp]rioriti[sz]ed|(?<![A-Za-z])[Pp]rios?(?![a-z])")
# Weights: what was drawn by its chance, to the power of minus beta.
_CORRECTION = re.compile(rb"(?:\*\*\s*\(?\s*-|pow(?:er)?\((?:[^\n]{0,200},)?\s*-)\s*(?:\w+\.)*\w*beta")
_WEIGHTED = re.compile(rb"(?:sample|choices?|multinomial)\(|searchsorted|bisect|cumsum")
_RLLIB = re.compile(rb"(?<![A-Za-z])rllib|eplay_buffer")
_LEARNT = re.compile(rb"eplay|xperience|(?<![a-z])[Tt][Dd]_?[Ee]rr|(?<![A-Za-z])(?:betas?|BETA)(?![a-z])|um_?[Tt]ree")
_DRAWS = re.compile(
    rb"sampl|choice|rand(?:om|int|perm|range)?\s*\(|multinomial|uniform|integers\(|searchsorted|bisect|nlargest|nsmallest|arg(?:sort|max)|topk"
)


def speaks_of_learning(data: bytes, libraries: frozenset[str]) -> bool:
    """Whether the file has a word for what only replay has: a reward, what an environment returned, or priorities.

    So has a file that imports one of the `libraries` with replay buffers.
    """
    if _speaks(data) and _speaks(_UNREAD.sub(b"", data)):
        return True
    heads = {name.partition(".")[0].rstrip(WHOLE) for name in imports_of(data)} & libraries
    return bool(heads) and (heads != {"ray"} or _RLLIB.search(data) is not None)  # ray is more than its RLlib


def _speaks(data: bytes) -> bool:
    if (b"eward" in data or b"EWARD" in data) and _ENDS.search(data):
        return True
    if (
        (b"rew" in data or b"rwd" in data or b"Rew" in data or b"REW" in data)
        and _SHORT.search(data)
        and _ACTS.search(data)
    ):
        return True
    if b"beta" in data and _CORRECTION.search(data) and _WEIGHTED.search(data):
        return True
    if b".step(" in data and any(_steps(data, found.start()) for found in _STEP.finditer(data)):
        return True
    if b"rio" in data and _DRAWS.search(data) and _LEARNT.search(data) and _is_about_priorities(data):
        return True
    return (b" r," in data or b",r," in data or b" r]" in data or b".r," in data) and bool(_LETTERS.search(data))


def _is_about_priorities(data: bytes) -> bool:
    if _PRIORITIES.search(data):
        return True
    return b"riority" in data and (b"eplay" in data or b"xperience" in data)


def _steps(data: bytes, at: int) -> bool:
    """Whether what stands before `.step(` is an environment, or takes three results."""
    line = data[max(data.rfind(b"\n", 0, at) + 1, at - _NEAR) : at]
    targets, equals, _ = line.partition(b"=")
    return (equals == b"=" and targets.count(b",") > 1) or _ENVIRONMENT.search(line) is not None
