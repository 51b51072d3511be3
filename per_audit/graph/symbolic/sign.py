"""The sign lattice: which terms cannot be negative, and which are certainly above zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.graph.interpret.targets import BUILDERS
from per_audit.graph.symbolic.term import Term, strip

if TYPE_CHECKING:
    from per_audit.graph.symbolic.symbols import Symbols

_KEEPS = {"element", "item", "at", "slice", "max", "min", "mean", "sum", "stack", "gather", "loop", "sort"}
_KEEPS_ZERO = {"pow", "max", "min", "abs", "at", "slice", "neg", "sort", "gather", "loop"}
_LOGARITHMS = ("log_softmax", "log_prob", "logsigmoid")
# Losses of one transition that are zero where prediction and target agree; a cross entropy is not.
_ZERO_LOSSES = ("mse", "l1", "smooth_l1", "smoothl1", "huber", "squared", "absolute")


def not_negative(term: Term, symbols: Symbols) -> bool | None:
    """True where the term is never negative, False where a difference can be, None where that is not known.

    A setting that is added, an epsilon, is as little a bound as a number is.
    """
    term = strip(term)
    op = term.op
    if op in ("abs", "exp", "std", "len", "range"):
        return True
    if op == "pow":
        exponent = term.args[1].number
        if exponent is not None and exponent == int(exponent) and int(exponent) % 2 == 0:
            return True
        return not_negative(term.args[0], symbols)
    if term.is_number:
        return bool((term.number or 0) >= 0)
    if op in ("sub", "neg"):  # minus the logarithm of a probability is none, of a network that may also return values
        return None if op == "neg" and _may_be_logarithm(term.args[0]) else False
    if op == "loss":
        return True
    if op == "mul" and strip(term.args[0]) == strip(term.args[1]):
        return True
    if op in ("mul", "div"):
        signs = [not_negative(arg, symbols) for arg in term.args]
        numbers = [arg.is_number and (arg.number or 0) > 0 for arg in term.args]
        if any(numbers):
            return signs[numbers.index(False)] if False in numbers else True
        return True if all(signs) else False if False in signs and None not in signs else None
    if op in ("add", "phi"):
        computed = [arg for arg in term.args if op == "phi" or arg.is_number or not _is_chosen(arg, symbols)]
        signs = [not_negative(arg, symbols) for arg in computed or term.args]
        return True if all(signs) else False if False in signs and None not in signs else None
    if op in ("maximum", "clip"):
        lower = term.args[1] if op == "clip" else None
        if lower is not None and lower.number is not None and lower.number >= 0:
            return True
        signs = [not_negative(arg, symbols) for arg in (term.args if op == "maximum" else term.args[:1])]
        return True if True in signs else False if all(sign is False for sign in signs) else None
    if op == "minimum":
        signs = [not_negative(arg, symbols) for arg in term.args]
        return True if all(signs) else False if False in signs else None
    return not_negative(term.args[0], symbols) if op in _KEEPS else None


def _may_be_logarithm(term: Term) -> bool:
    """Whether a term may be logarithms of probabilities, or a sum over them."""
    term = strip(term)
    if term.op in ("mul", "phi"):
        return any(map(_may_be_logarithm, term.args))
    if term.op in _KEEPS:
        return _may_be_logarithm(term.args[0])
    return term.op == "log" or (term.op == "call" and str(term.data).endswith(_LOGARITHMS))


def above_zero(term: Term, symbols: Symbols, depth: int = 4) -> bool | None:
    """True where something positive is added to the term or bounds it from below, False where it can be zero.

    None where a part is not known. A setting (a parameter, a field or a constant of the file) that is added counts as
    positive unless it is known to be zero: that is how an epsilon is spelt. What mixes a positive value in on one
    branch only (`if error < eps: error = eps`) is not known: the branch may be the one for zero.
    """
    term = strip(term)
    op = term.op
    if term.is_number:
        return bool((term.number or 0) > 0)
    if op == "add":  # one that may be above zero keeps the sum there
        known = [_is_setting(arg, symbols) or above_zero(arg, symbols, depth) for arg in term.args]
        return True if True in known else None if None in known else False
    if op in ("maximum", "clip"):
        bounds = term.args if op == "maximum" else term.args[1:2]
        if any(_is_setting(b, symbols) for b in bounds):
            return True
        parts = term.args if op == "maximum" else term.args[:1]
        known = [above_zero(part, symbols, depth) for part in parts]
        return True if True in known else None if None in known else False
    if op in _KEEPS_ZERO or (op == "item" and isinstance(term.data, int)):
        return above_zero(term.args[0], symbols, depth)
    if op in ("mul", "div", "minimum"):
        parts = term.args if op != "div" else term.args[:1]
        return _weakest([above_zero(part, symbols, depth) for part in parts])
    if op == "phi":
        known = [above_zero(arg, symbols, depth) for arg in term.args if not _is_no_value(arg)]
        return None if len(set(known)) != 1 else known[0]
    if op == "sub":  # 1 - eta is a share, which may be all of it or nothing
        return None if term.args[0].is_number else False
    if op == "exp":
        return True
    if op == "loss":
        return False if term.data[1] != "scalar" and str(term.data[0]).lower().startswith(_ZERO_LOSSES) else None
    if op in ("field", "param") and depth:
        options = symbols.options(term)
        return _weakest([above_zero(option, symbols, depth - 1) for option in options]) if options else None
    return None


def _weakest(known: list[bool | None]) -> bool | None:
    return False if False in known else None if None in known or not known else True


def _is_no_value(term: Term) -> bool:
    return (term.op == "const" and term.data is None) or term.op == "object"


def _is_setting(term: Term, symbols: Symbols) -> bool:
    term = strip(term)
    if term.op == "const":
        return term.is_number and (term.number or 0) > 0
    if term.op in ("field", "param"):
        return not _is_nothing(term, symbols)
    return term.op in ("global", "external") or (
        term.op == "item" and isinstance(term.data, str) and _is_setting(term.args[0], symbols)
    )


def _is_chosen(term: Term, symbols: Symbols, depth: int = 3) -> bool:
    """Whether a term is a number that people choose and nothing computes: by a name, or what a class is made with."""
    term = strip(term)
    if term.op not in ("field", "param") or not depth:
        return term.is_number
    options = symbols.options(term)
    if not options and term.op == "param":
        return getattr(term.data[0], "name", "") in BUILDERS
    return bool(options) and all(_is_chosen(option, symbols, depth - 1) for option in options)


def _is_nothing(term: Term, symbols: Symbols, depth: int = 3) -> bool:
    """Whether all that is ever given for a parameter or assigned to a field is zero."""
    if term.op in ("field", "param") and depth:
        options = symbols.options(term)
        return bool(options) and all(_is_nothing(option, symbols, depth - 1) for option in options)
    return term.number == 0
