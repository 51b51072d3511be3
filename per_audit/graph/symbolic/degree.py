"""The degree of alpha: which exponents of prioritisation a term was raised to, and from what it started."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from per_audit.graph.interpret.roles import words
from per_audit.graph.symbolic.bounds import stays
from per_audit.graph.symbolic.term import Term, strip

if TYPE_CHECKING:
    from collections.abc import Callable

    from per_audit.graph.symbolic.symbols import Symbols

RAW, STORED, OPEN = "raw", "stored", "open"
_MOST_CHAINS = 12
_SETTINGS = ("field", "param", "global", "external", "item", "call", "phi")
_FIRST = {"abs", "neg", "item", "at", "slice", "max", "min", "mean", "found", "loop", "clip", "gather", "sort"}
_CONSTANT = ("const", "field", "global")
_EACH = {"add", "mul", "div", "maximum", "minimum"}


@dataclass(frozen=True, slots=True)
class Chain:
    """The exponents that a value was raised to, innermost first, and its start.

    `start` is RAW for an error or a loss, STORED for a priority that was read back, OPEN for what is not known.
    `raised` are the powers themselves, in the same order.
    """

    start: str
    exponents: tuple[Term, ...] = ()
    raised: tuple[Term, ...] = ()

    def repeated(self, more: tuple[Term, ...] = ()) -> bool:
        """Whether the exponents, and `more` of them after these, hold alpha twice."""
        given = [*self.exponents, *more]
        return any(same_alpha(a, b) for i, a in enumerate(given) for b in given[i + 1 :])


def is_alpha(exponent: Term) -> bool:
    """Whether an exponent is a setting between 0 and 1: neither a square, nor a root, nor negative like -beta."""
    exponent = strip(exponent)
    if exponent.is_number:
        return 0 < (exponent.number or 0) < 1 and exponent.number != 0.5
    return exponent.op in _SETTINGS


def same_alpha(a: Term, b: Term) -> bool:
    """Whether two exponents are the same setting, or both are told to be alpha; a number is where the other is."""
    a, b = _bare(a), _bare(b)
    named = [_is_named_alpha(a), _is_named_alpha(b)]
    return a == b or all(named) or (any(named) and (a.is_number or b.is_number))


def _bare(exponent: Term) -> Term:
    exponent = strip(exponent)
    return strip(exponent.args[0]) if exponent.op == "neg" else exponent


def _is_named_alpha(exponent: Term) -> bool:
    name = exponent.data[-1] if isinstance(exponent.data, tuple) else exponent.data
    return isinstance(name, str) and "alpha" in words(name.rpartition(".")[2])


class Exponents:
    """Finds the chains of terms. `is_stored` tells whether a term reads the priorities that are kept."""

    def __init__(self, symbols: Symbols, is_stored: Callable[[Term], bool]) -> None:
        self.symbols = symbols
        self.is_stored = is_stored

    def of(self, term: Term, depth: int = 4, seen: frozenset[Term] = frozenset()) -> frozenset[Chain]:
        """The chains of a term; none for a constant, which stands for itself on every scale."""
        term = strip(term)
        if self.is_stored(term):
            return frozenset((Chain(STORED),))
        if term.op == "const" or term in seen:
            return frozenset()
        found = frozenset(self._of(term, depth, seen))
        return found if len(found) <= _MOST_CHAINS else frozenset((Chain(OPEN),))

    def _of(self, term: Term, depth: int, seen: frozenset[Term]) -> set[Chain]:
        op = term.op
        if op == "pow":
            return {self._raised(chain, term) for chain in self.of(term.args[0], depth, seen)}
        if op in ("sub", "loss"):
            return {Chain(RAW)}
        if op in _FIRST and term.args:
            return set(self.of(term.args[0], depth, seen))
        if op == "phi":
            return {chain for arg in term.args for chain in self.of(arg, depth, seen)}
        if op in _EACH:
            return self._each(term, depth, seen)
        if op in ("field", "param") and depth:
            options = self.symbols.options(term)
            if options and op == "field" and stays(term, options, self.symbols):
                return set()
            if options:
                found = {chain for option in options for chain in self.of(option, depth - 1, seen | {term})}
                return found - {Chain(STORED)} if self._is_raw_maximum(term, options, depth, seen) else found
        return {Chain(OPEN)}

    def _is_raw_maximum(self, field: Term, options: list[Term], depth: int, seen: frozenset[Term]) -> bool:
        """Whether a field is the largest of all values as they are, from one upwards: none of their powers is above it.

        What alpha has made of a value is stored, and may be compared with the field all the same.
        """
        running = [
            option for option in map(strip, options) if option.op in ("max", "maximum") and field in option.walk()
        ]
        others = [option for option in map(strip, options) if option not in running]
        if not others or not all(option.is_number and (option.number or 0) >= 1 for option in others):
            return False
        each = [self.of(option, depth - 1, seen | {field}) for option in running]
        return any(chains and all(c.start != STORED and not c.exponents for c in chains) for chains in each)

    def _each(self, term: Term, depth: int, seen: frozenset[Term]) -> set[Chain]:
        """What is added or multiplied: a setting beside the value, as an epsilon is, has no scale of its own."""
        each = [self.of(arg, depth, seen) for arg in term.args if not self._is_factor(arg, term.op)]
        known = {chain for chains in each[: 1 if term.op == "div" else None] for chain in chains}
        if term.op == "mul" and any(chain.start != STORED for chain in known):
            known = {chain for chain in known if chain.start != STORED}  # weights, made of stored priorities
        telling = {chain for chain in known if chain != Chain(OPEN)}
        return telling or known

    def _is_factor(self, term: Term, beside: str) -> bool:
        """A power of a setting, as the discount of n steps is.

        What callers give may be a value as well: it is a setting where all of them give one, and where none is known,
        what something else is multiplied by. Each of several is a value.
        """
        term = strip(term)
        if term.op != "pow":
            return False
        base = strip(term.args[0])
        if base.op == "param":
            given = [strip(option) for option in self.symbols.options(base)]
            is_setting = all(option.op in _CONSTANT for option in given) if given else beside in ("mul", "div")
            return is_setting and not term.args[0].has("element")
        return base.op in _CONSTANT and not self.is_stored(base)

    def _raised(self, chain: Chain, power: Term) -> Chain:
        exponent = strip(power.args[1])
        if exponent.op == "div" and exponent.args[0].number == 1:  # the inverse
            less = replace(chain, exponents=chain.exponents[:-1], raised=chain.raised[:-1])
            return less if chain.raised else Chain(RAW)
        if not is_alpha(exponent) and not (exponent.op == "neg" and _is_named_alpha(_bare(exponent))):
            return chain if (exponent.number or 0) > 0 else Chain(OPEN)
        return replace(chain, exponents=(*chain.exponents, exponent), raised=(*chain.raised, power))
