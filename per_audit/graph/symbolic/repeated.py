"""Tests that a body asks more than once: what a name became in a branch, it is where the same test holds again."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from per_audit.graph.symbolic.term import Term

if TYPE_CHECKING:
    from collections.abc import Mapping

_OPPOSITE = {"!=": "==", "is not": "is", "not in": "in"}
# What these terms are made of stays as it is while a body runs; calls do where they ask for a type.
_STEADY = {"field", "param", "global", "const", "not", "logic", "item", "external", "phi", "function", "object"}
_TYPE_TESTS = {"builtins.isinstance", "builtins.issubclass", "builtins.hasattr", "builtins.callable"}


class _Split(NamedTuple):
    """A name after a branch: what it may be, and what it is where the test held and where it did not."""

    merged: Term
    held: Term | None
    failed: Term | None


class Repeated:
    """The tests that a body has asked, and what the names became on either side of them."""

    def __init__(self) -> None:
        self._splits: dict[Term, dict[str, _Split]] = {}

    def note(self, test: Term, held: Mapping[str, Term], failed: Mapping[str, Term], after: Mapping[str, Term]) -> None:
        """Remember what the names are on both sides of a test and behind it."""
        asked = steady_test(test)
        if asked is not None:
            term, holds = asked
            sides = (held, failed) if holds else (failed, held)
            split = {
                name: _Split(merged, sides[0].get(name), sides[1].get(name))
                for name, merged in after.items()
                if held.get(name) is not failed.get(name)
            }
            self._splits.setdefault(term, {}).update(split)

    def refined(self, test: Term, env: dict[str, Term], holds: bool) -> dict[str, Term]:
        """A copy of the names, as they are where the test holds, or where it does not."""
        found = dict(env)
        asked = steady_test(test)
        if asked is not None:
            for name, split in self._splits.get(asked[0], {}).items():
                side = split.held if holds is asked[1] else split.failed
                if side is not None and found.get(name) is split.merged:
                    found[name] = side
        return found


def steady_test(test: Term) -> tuple[Term, bool] | None:
    """The test without its negation, and whether it is asked as it is; None for one that may change between."""
    holds = True
    while test.op == "not":
        test, holds = test.args[0], not holds
    if test.op == "cmp" and len(test.data) == 1 and test.data[0] in _OPPOSITE:
        test, holds = Term("cmp", test.args, (_OPPOSITE[test.data[0]],), test.node, test.path), not holds
    return (test, holds) if all(map(_is_steady, test.walk())) else None


def _is_steady(part: Term) -> bool:
    if part.op == "cmp":
        return not {"<", "<=", ">", ">="} & {*part.data}  # counters
    return part.op in _STEADY or (part.op == "call" and part.data in _TYPE_TESTS)
