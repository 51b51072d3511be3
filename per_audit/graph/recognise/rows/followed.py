"""Rows that hold the action which was taken next: SARSA, which learns what the policy that acts is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import ACTION, name_of, role_of_name, words

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer

_NEXT = {"next", "prime", "following"}
# What may be done next rather than what was: which actions, or how many.
_CHOICES = {
    *("admissible", "allowed", "avail", "available", "feasible", "legal", "possible", "valid"),
    *("count", "dim", "mask", "masks", "n", "num", "prob", "probs", "size", "space"),
}


def holds_next_actions(buffer: ReplayBuffer) -> bool:
    """Whether what is stored is called an action, and the next one."""
    return any(map(_is_next_action, buffer.stores))


def _is_next_action(store: ev.Store) -> bool:
    """Whether an item of a row, or all that is stored, is the next action, or a number made of it.

    Several next actions beside the one that was taken are those that may be taken.
    """
    if store.expression is None:
        return False
    items = store.expression.items if isinstance(store.expression, ir.Seq) else [store.expression]
    parts = (part for item in items for part in ir.walk(item) if isinstance(part, (ir.Name, ir.Attr)))
    named = [words(name) for part in parts if (name := name_of(part)) and role_of_name(name) == ACTION]
    following = [each for each in named if not _NEXT.isdisjoint(each) and _CHOICES.isdisjoint(each)]
    is_one = any("actions" not in each for each in named if _NEXT.isdisjoint(each))
    return any(not (is_one and "actions" in each) for each in following)
