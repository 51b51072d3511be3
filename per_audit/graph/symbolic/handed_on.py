"""What a function is given as `*args` and hands on: `return self.memory.sample(*args)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from per_audit.graph.symbolic.symbols import Symbols
    from per_audit.graph.symbolic.term import Term


def handed_on(symbols: Symbols, term: Term) -> tuple[list[Term], bool] | None:
    """What callers give at that place of `*args`, and whether some give nothing there.

    None where a term is no such place, or a caller hands on what is not known here.
    """
    if term.op != "item" or not isinstance(term.data, int) or term.data < 0 or term.args[0].op != "param":
        return None
    function, name = term.args[0].data
    if not any(parameter.name == name and parameter.kind == "*" for parameter in function.parameters):
        return None
    passed = symbols.passed(term.args[0])
    if not passed or any(given.op != "tuple" or _hands_on(call) for given, call, _ in passed):
        return None
    found = [given.args[term.data] for given, _, _ in passed if len(given.args) > term.data]
    return found, len(found) < len(passed)


def _hands_on(call: ir.Expr) -> bool:
    return isinstance(call, ir.Call) and any(argument.star for argument in call.args)
