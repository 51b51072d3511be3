"""Which field of a transition a name stands for, by the vocabulary of the field.

Names are weak evidence: a role is used only in combination (a stored group with a reward and a next observation), and
what `env.step` returned has its role from there, whatever it is called.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

from per_audit.facts import ir

_REWARD = {"reward", "rewards", "rew", "rews", "rwd", "rwds", "rewd", "rewds", "r"}
_DONE = {
    "done", "dones", "terminal", "terminals", "terminate", "terminated", "terminates", "truncated", "termination",
    "terminations", "truncation", "truncations", "term", "terms",
    "finished", "over", "dead", "notdone", "nonterminal", "nonterminals", "dw", "d", "mask", "masks", "end", "ends",
    "ended", "gameover", "isdone", "isend", "isfinal", "isover", "isterminal",
    "discount", "discounts",
}  # fmt: skip
_ENDS = {("is", "final"), ("is", "last")}
_MASK = {"mask", "masks"}
_LEGAL = {"attention", "avail", "available", "legal", "padding"}
_STATE = {
    "state",
    "states",
    "obs",
    "obsv",
    "observation",
    "observations",
    "ob",
    "obses",
    "s",
    "o",
    "frame",
    "frames",
    "screen",
}
_ACTION = {"action", "actions", "act", "acts", "actn", "actns", "acs", "ac", "a", "u"}
_NEXT = {"next", "nxt", "new", "prime", "succ", "successor", "tp1", "after", "post"}
_SEEN = {"board", "feature", "features", "glob", "graph", "grid", "image", "images", "img", "imgs", "input", "inputs",
         "latent", "latents", "map", "pixels"}  # fmt: skip
_NEXT_NAMES = re.compile(
    r"(s|o|ob|obs|x|state|states|observation|observations)(_|__|1|2|p|_1|_2|_p|_n|t1|_t1|n)|ns|sp|nobs"
)
_POLICY = {"logp", "logps", "logprob", "logprobs", "neglogp", "neglogps", "neglogpacs", "logpac", "logpacs", "adv",
           "advs", "advantage", "advantages", "gae", "returns", "vpred", "vpreds"}  # fmt: skip
_BETA = {"beta", "betas"}
_SCHEDULED = {*_BETA, "eps", "epsilon", "explore", "exploration", "lr", "alpha", "tau", "temperature", "noise", "sigma",
              "std", "anneal", "annealing", "decay"}  # fmt: skip
_LAST = {"end", "ends", "final"}
_COUNTED = {"steps", "timesteps", "frames", "updates", "iterations", "iters"}
_JOINED = re.compile(
    r"(new|next|nxt)(states?|obs|obses|observations?)(batch)?"
    r"|(states?|obs|obses|observations?|actions?|rewards?|dones?|terminals?)(next|new|batch)"
)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

REWARD, DONE, STATE, ACTION, NEXT, POLICY, VALUE = "reward", "done", "state", "action", "next", "policy", "value"
EARNED = frozenset({REWARD})


@lru_cache(maxsize=20_000)
def words(name: str) -> tuple[str, ...]:
    """The lower-case words of an identifier in snake or camel case."""
    return tuple(word.lower() for word in _WORDS.findall(name))


@lru_cache(maxsize=20_000)
def role_of_name(name: str) -> str | None:
    """The role that an identifier suggests, None where it suggests none."""
    parts = _apart(words(name))
    if not parts:
        return None
    joined = "".join(parts)
    if not _POLICY.isdisjoint(parts) or joined in _POLICY or ("log" in parts and ("prob" in joined or "pi" in parts)):
        return POLICY
    if joined in ("value", "values", "vals", "vs"):
        return VALUE
    if not _REWARD.isdisjoint(parts):
        return REWARD
    lowered = name.lower().strip("_") + ("_" if name.endswith("_") else "")
    later = not _NEXT.isdisjoint((*parts, *lowered.split("_")))  # `tp1` is two words
    if _NEXT_NAMES.fullmatch(lowered) or (
        later and (not _STATE.isdisjoint(parts) or not _SEEN.isdisjoint(parts) or len(parts) == 1 or lowered in _NEXT)
    ):
        return NEXT
    if _tells_end(parts) and not _is_of_choices(parts):
        return None if is_of_run(parts) else DONE
    if not _ACTION.isdisjoint(parts):
        return ACTION
    return STATE if not _STATE.isdisjoint(parts) else None


def _apart(parts: tuple[str, ...]) -> tuple[str, ...]:
    """The words of a name, two that are written as one apart: `newstate`, `rewardbatch`."""
    found = [_JOINED.fullmatch(part) for part in parts]
    if not any(found):
        return parts
    apart = ([word for word in two.groups() if word] if two else [part] for part, two in zip(parts, found, strict=True))
    return tuple(word for each in apart for word in each)


def _tells_end(parts: tuple[str, ...]) -> bool:
    return not _DONE.isdisjoint(parts) or not _ENDS.isdisjoint(pairwise(parts))


def is_of_run(parts: tuple[str, ...]) -> bool:
    """Whether the words of a name tell how far a run has come, or goes: `steps_done`, `epsilon_end`, `final_beta`."""
    if parts[-1:] == ("done",):
        return not _COUNTED.isdisjoint(parts[-2:])
    return not _SCHEDULED.isdisjoint(parts) and not _LAST.isdisjoint(parts)


def _is_of_choices(parts: tuple[str, ...]) -> bool:
    """Whether a mask picks actions or parts of a state: `legal_action_mask`, `state_mask`."""
    masked = {part for part in parts if len(part) > 2}
    return not _MASK.isdisjoint(parts) and parts[0] not in _DONE and not masked.isdisjoint(_ACTION | _STATE | _LEGAL)


def name_of(expression: ir.Node | None) -> str | None:
    """The identifier that an expression ends in: `b` of `a.b`, the key of `d["b"]`, the name under a conversion."""
    while True:
        if isinstance(expression, ir.Name):
            return expression.id
        if isinstance(expression, ir.Attr):
            return expression.attr
        if isinstance(expression, ir.Const):
            return None
        if isinstance(expression, ir.Sub):
            if isinstance(expression.index, ir.Const) and isinstance(expression.index.value, str):
                return expression.index.value
            expression = expression.value
        elif isinstance(expression, ir.Star):
            expression = expression.value
        elif isinstance(expression, ir.Seq) and len(expression.items) == 1:
            expression = expression.items[0]
        elif isinstance(expression, ir.Un):
            expression = expression.operand
        elif isinstance(expression, ir.Bin) and isinstance(expression.left, ir.Const):
            expression = expression.right  # 1 - done, 1.0 * reward
        elif isinstance(expression, ir.Call):
            # float(done), np.array([r]), state.copy(): conversions keep the name of what they convert.
            if expression.args:
                expression = expression.args[0].value
            elif isinstance(expression.func, ir.Attr):
                expression = expression.func.value
            else:
                return None
        else:
            return None


def role_of(expression: ir.Node | None) -> str | None:
    """The role that an expression's identifier suggests."""
    name = name_of(expression)
    return None if name is None else role_of_name(name)


def is_beta(name: str) -> bool:
    """Whether the identifier names the exponent of the importance-sampling weights."""
    return not _BETA.isdisjoint(words(name))


def looks_like_transition(roles: frozenset[str] | set[str]) -> bool:
    """Whether a group of fields is a transition of off-policy learning.

    Candidates of a search have a value, a state and a successor as well, but neither actions nor episodes.
    """
    if VALUE in roles and not roles & {ACTION, DONE}:
        return False
    return REWARD in roles and bool(roles & {NEXT, DONE}) and POLICY not in roles and len(roles) >= 3
