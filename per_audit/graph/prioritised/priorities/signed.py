"""Priorities that keep the sign of the TD error, and draws that take it away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.graph.prioritised.priorities import trail
from per_audit.graph.symbolic import alternatives, strip
from per_audit.graph.symbolic.sign import not_negative

if TYPE_CHECKING:
    from per_audit.graph.prioritised.anatomy import Anatomy
    from per_audit.graph.prioritised.priorities.writes import PriorityWrite
    from per_audit.graph.symbolic import Term


def keeps_sign(anatomy: Anatomy, write: PriorityWrite) -> bool:
    """Whether a write stores the error with its sign, and the draw takes it for the priority as it is."""
    signed = (signed_error(anatomy, value) for value in alternatives(strip(write.value)))
    return any(error is not None for error in signed) and not draws_unsigned(anatomy)


def signed_error(anatomy: Anatomy, value: Term) -> Term | None:
    """The difference that a priority is made of, where it never meets an absolute value, a square or a bound."""
    found = trail.errors(value)
    is_signed = bool(found) and all(map(is_error, found)) and not_negative(value, anatomy.symbols) is False
    return found[0] if is_signed else None


def draws_unsigned(anatomy: Anatomy) -> bool:
    """Whether the draw takes the absolute value or the square of what is stored."""
    drawn = trail.probabilities(anatomy)
    return bool(drawn) and all(_is_unsigned(anatomy, term) for term in drawn)


def is_error(term: Term) -> bool:
    """A difference of two values that are computed: neither a constant less something, nor less its own minimum."""
    if term.op != "sub":
        return False
    left, right = (strip(arg) for arg in term.args)
    return not (left.is_number or right.is_number or right.op in ("min", "minimum") or left.op in ("max", "maximum"))


def _is_unsigned(anatomy: Anatomy, term: Term) -> bool:
    """Whether a draw takes the absolute value or the square of all priorities that its probabilities are made of."""
    term = strip(term)
    if term.op == "abs" or (term.op == "pow" and term.args[1].number == 2):
        return True
    if anatomy.base_of(term) in anatomy.containers or term.op in ("field", "global", "param", "unknown", "call"):
        return False
    return all(_is_unsigned(anatomy, arg) for arg in term.args)
