"""What the parameters of functions are in one chain of callers, all of them together.

`Symbols.options` lists what all callers pass for a parameter; in a context the arguments of one call stay together, so
that a question about two values (do their shapes fit?) is asked of values that meet.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.symbolic.term import Term, element_of, item_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from per_audit.graph.symbolic.symbols import Symbols

_MOST_CONTEXTS, _MOST_CALLERS, _DEEPEST = 24, 8, 5


@dataclass(frozen=True, slots=True)
class Context:
    """One chain of callers: what it passes for each parameter; `steps` are the calls, the innermost first."""

    bound: Mapping[Term, Term] = field(default_factory=dict)
    steps: tuple[tuple[ir.Expr, str], ...] = ()

    def head(self, term: Term) -> Term:
        """The term with its outermost operation known: a parameter as it is passed, a part of what is passed."""
        for _ in range(2 * _DEEPEST):
            if term in self.bound:
                term = self.bound[term]
            elif term.op in ("item", "element") and (holder := self.head(term.args[0])) is not term.args[0]:
                term = _part(term, holder)
                if term.op in ("item", "element"):
                    return term
            else:
                break
        return term


def _part(term: Term, holder: Term) -> Term:
    """The part that a term reads, of a holder that is known now."""
    if term.op == "element":
        return element_of(holder, term.node, term.path)
    total = None
    if holder.op == "collect" and holder.args[0].op == "tuple" and not isinstance(term.node, ir.Sub):
        total = len(holder.args[0].args)  # the target of an unpacking: `zip(*rows)` gives its columns
    return item_of(holder, term.data, term.node, term.path, total)


def contexts(symbols: Symbols, *terms: Term) -> list[Context]:
    """The contexts in which the terms may stand; an empty one where nothing calls the functions that they belong to."""
    found: list[Context] = []
    for context in _outwards(symbols, Context(), _functions(terms), frozenset()):
        found.append(context)
        if len(found) == _MOST_CONTEXTS:
            break
    return found


def _outwards(
    symbols: Symbols, context: Context, pending: list[ir.Function], entered: frozenset[ir.Node]
) -> Iterator[Context]:
    if len(context.steps) < _DEEPEST:
        for position, function in enumerate(pending):
            callers = symbols.calls_of.get(function, ()) if function not in entered else ()
            if not callers:
                continue
            for node, _, path in callers[:_MOST_CALLERS]:
                given = symbols.arguments(node, function, path)
                known = entered | {function}
                # A function that calls itself passes on its own parameter, changed: a binding without an end.
                bound = {
                    Term("param", (), (function, name)): term
                    for name, term in given.items()
                    if known.isdisjoint(_functions([term]))
                }
                inner = Context({**context.bound, **bound}, (*context.steps, (node, path)))
                rest = [*pending[position + 1 :], *_functions(given.values())]
                yield from _outwards(symbols, inner, rest, known)
            return
    yield context


def _functions(terms: Iterable[Term]) -> list[ir.Function]:
    """The functions whose parameters occur in terms, in order of their first."""
    found: dict[ir.Function, None] = {}
    for term in terms:
        for part in term.walk():
            if part.op == "param" and isinstance(part.data[0], ir.Function):
                found[part.data[0]] = None
    return list(found)
