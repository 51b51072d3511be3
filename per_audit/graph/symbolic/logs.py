"""Powers that are computed by logarithms: `exp(b * log(x))` is `x**b`, `exp(v - max(v))` is `exp(v) / max(exp(v))`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.graph.symbolic.term import Term, bounded, const, phi

if TYPE_CHECKING:
    from per_audit.facts import ir

_SUMS = {"add": "mul", "sub": "div"}  # of logarithms, and what they are of what the logarithms are of
_FORMS = {"detach", "reshape", "unsqueeze", "squeeze", "stack", "collect", "element", "at", "slice", "item", "gather"}
_EXTREMES = {"max", "min", "maximum", "minimum"}  # exp grows, and keeps their order


def exponential(logarithm: Term, node: ir.Node, path: str) -> Term:
    """`exp` of a term, as the power or product that it is where logarithms are in it."""
    if not logarithm.has("log"):
        return bounded(Term("exp", (logarithm,), None, node, path))
    return _of(logarithm, node, path)


def _of(term: Term, node: ir.Node, path: str) -> Term:
    def make(op: str, *args: Term) -> Term:
        return bounded(Term(op, args, term.data if op == term.op else None, node, path))

    first, *rest = term.args or (term,)
    if not term.has("log"):
        return make("exp", term)
    if term.op == "log":
        return first
    if term.op in _SUMS:
        return make(_SUMS[term.op], _of(first, node, path), _of(rest[0], node, path))
    if term.op == "phi":
        return phi((_of(option, node, path) for option in term.args), node, path)
    if term.op in _EXTREMES:
        return make(term.op, *(_of(arg, node, path) for arg in term.args))
    if term.op in _FORMS:
        return make(term.op, _of(first, node, path), *rest)
    scaled = _scaled(term)
    if scaled is None:
        return make("exp", term)
    logarithm, exponent = scaled
    return make("pow", _of(logarithm, node, path), exponent)


def _scaled(term: Term) -> tuple[Term, Term] | None:
    """The logarithm in a product with a number, and the number: `-b * log(x)`, `log(x) / t`; None for others."""
    if term.op == "neg":
        inner = _scaled(term.args[0])
        return (term.args[0], const(-1)) if inner is None else (inner[0], _negative(inner[1]))
    if term.op == "div" and not term.args[1].has("log"):
        return term.args[0], Term("div", (const(1), term.args[1]))
    if term.op != "mul":
        return None
    for logarithm, number in (term.args, term.args[::-1]):
        if logarithm.has("log") and not number.has("log"):
            return (logarithm.args[0], _negative(number)) if logarithm.op == "neg" else (logarithm, number)
    return None


def _negative(number: Term) -> Term:
    if number.op == "neg":
        return number.args[0]
    return const(-number.number) if number.number is not None else Term("neg", (number,))
