"""Tests that come out one way in a call: of a parameter that this call leaves at None, or gives a truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from collections.abc import Mapping

    from per_audit.graph.symbolic.term import Term


def is_settled(term: Term) -> bool:
    """Whether a term is a constant that tests ask for: None, True or False."""
    return term.op == "const" and (term.data is None or isinstance(term.data, bool))


def outcome(test: ir.Expr, given: Mapping[str, Term]) -> bool | None:
    """What a test of names comes out as where they have these constants; None where that is not known."""
    if isinstance(test, ir.Name):
        return bool(given[test.id].data) if test.id in given else None
    if isinstance(test, ir.Un) and test.op == "not":
        inner = outcome(test.operand, given)
        return None if inner is None else not inner
    if isinstance(test, ir.Logic):
        decisive = test.op == "or"
        sides = [outcome(side, given) for side in (test.left, test.right)]
        return decisive if decisive in sides else None if None in sides else not decisive
    if isinstance(test, ir.Cmp) and len(test.ops) == 1 and isinstance(test.left, ir.Name) and test.left.id in given:
        other, constant = test.rights[0], given[test.left.id].data
        if test.ops[0] in ("is", "is not") and isinstance(other, ir.Const):
            return (constant is other.value) is (test.ops[0] == "is")
    return None
