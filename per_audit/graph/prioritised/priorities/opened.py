"""Priorities with what functions return that were too unwieldy to be followed, and what TensorFlow 1 answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.graph.symbolic import Term
from per_audit.graph.symbolic.answers import asked

if TYPE_CHECKING:
    from per_audit.graph.symbolic.symbols import Symbols

_DEEPEST = 3  # calls in what calls return
_FORMS = {"at", "item", "slice", "gather", "pow", "clip", "abs", "neg", "detach", "reshape", "unsqueeze", "squeeze",
          "stack", "max", "min", "mean", "element", "collect"}  # fmt: skip
_SIDES = {"add", "mul", "div", "maximum", "minimum", "phi"}


def opened(term: Term, symbols: Symbols, depth: int = _DEEPEST) -> Term:
    """A value with the calls opened that it is made of, as long as it tells more: not of positions and exponents."""
    if not depth or not term.has("call"):
        return term
    if (inside := symbols.inside(term)) is not None:
        return inside if inside.op == "unknown" else opened(inside, symbols, depth - 1)
    if (wanted := asked(term)) is not None:
        options = symbols.options(wanted) if wanted.op == "field" else [wanted]
        return (
            opened(Term("detach", (options[0],), None, term.node, term.path), symbols, depth - 1)
            if len(options) == 1
            else term
        )
    if term.op in _FORMS:
        return term.replaced((opened(term.args[0], symbols, depth), *term.args[1:]))
    if term.op == "filled":
        return term.replaced((*term.args[:1], *(opened(part, symbols, depth) for part in term.args[1:])))
    if term.op in _SIDES:
        return term.replaced(tuple(opened(part, symbols, depth) for part in term.args))
    return term
