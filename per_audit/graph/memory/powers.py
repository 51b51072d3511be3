"""Sizes that are rounded up to a power of two, as trees with all leaves on one level have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.symbolic import strip

if TYPE_CHECKING:
    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.symbolic import Term


def power_of_two(count: int) -> int:
    """The smallest power of two that is no less."""
    return 1 << max(count - 1, 0).bit_length()


def rounded(graph: ReplayGraph, term: Term) -> Term | None:
    """What a term rounds up: n of `2 ** ceil(log2(n))`, of `1 << (n - 1).bit_length()`, of a loop that doubles."""
    if term.op == "mul":
        return _doubled(graph, term)
    if term.op == "pow" and term.args[0].number == 2:
        return _exponent(term.args[1])
    is_shift = isinstance(term.node, ir.Bin) and term.node.op == "<<" and len(term.args) == 2
    return _exponent(term.args[1]) if is_shift and term.args[0].number == 1 else None


def _exponent(term: Term) -> Term | None:
    """n of `ceil(log2(n))`, and of `(n - 1).bit_length()`."""
    term = strip(term)
    name = str(term.data).rpartition(".")[2] if term.op == "call" else ""
    of = strip(term.args[0]) if name in ("ceil", "bit_length") and term.args else None
    if of is None:
        return None
    if name == "bit_length":
        return of.args[0] if of.op == "sub" and of.args[1].number == 1 else None
    is_log = of.op == "call" and str(of.data).rpartition(".")[2] == "log2"
    return of.args[0] if is_log and len(of.args) == 1 else None


def _doubled(graph: ReplayGraph, term: Term) -> Term | None:
    """n of `while leaves < n: leaves *= 2`, which began with 1."""
    for counted, factor in (term.args, term.args[::-1]):
        if counted.op != "loop" or factor.number != 2 or counted.args[0].number != 1:
            continue
        loop, what = counted.data
        test = loop.test if isinstance(loop, ir.While) and len(loop.body) == 1 else None
        if isinstance(test, ir.Cmp) and test.ops == ["<"] and _is_what(test.left, what):
            return graph.symbols.term(counted.path, test.rights[0])
        if isinstance(test, ir.Cmp) and test.ops == [">"] and _is_what(test.rights[0], what):
            return graph.symbols.term(counted.path, test.left)
    return None


def _is_what(node: ir.Expr, what: str | Term) -> bool:
    """Whether an expression is the name, or the attribute, that a loop changes."""
    if isinstance(what, str):
        return isinstance(node, ir.Name) and node.id == what
    return isinstance(node, ir.Attr) and node.attr == what.data[1]
