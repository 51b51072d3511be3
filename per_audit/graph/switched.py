"""What the program as it stands never runs: branches under a setting that is a constant everywhere it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.symbolic import alternatives

if TYPE_CHECKING:
    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.symbolic import Term


def is_switched_off(graph: ReplayGraph, path: str, node: ir.Node) -> bool:
    """Whether a test around a node asks for a setting that fails it, whatever the program gives to it."""
    below = node
    for around in graph.ancestors(path, node):
        if isinstance(around, (ir.If, ir.IfExp)) and below is not around.test:
            body = around.body if isinstance(around.body, list) else [around.body]
            if _fails(graph, path, around.test, wanted=any(below is part for part in body)):
                return True
        below = around
    return False


def _fails(graph: ReplayGraph, path: str, test: ir.Expr, wanted: bool) -> bool:
    """Whether a bare setting is a constant of the other truth than is wanted, everywhere that it is given."""
    while isinstance(test, ir.Un) and test.op == "not":
        test, wanted = test.operand, not wanted
    if isinstance(test, ir.Const) or not isinstance(test, (ir.Name, ir.Attr)):
        return False
    given = _values(graph, graph.symbols.term(path, test))
    return given is not None and given == {not wanted}


def _values(graph: ReplayGraph, term: Term, depth: int = 4) -> set[bool] | None:
    """The truths that a setting has in the program; None where one is not known, or nothing in the project gives it."""
    found: set[bool] = set()
    for option in alternatives(term):
        inner: set[bool] | None = None
        if option.op == "const" and isinstance(option.data, bool):
            inner = {option.data}
        elif depth and (option.op == "field" or (option.op == "param" and graph.callers.get(option.data[0]))):
            given = [_values(graph, outer, depth - 1) for outer in graph.symbols.options(option)]
            inner = set().union(*(values for values in given if values)) if given and None not in given else None
        if not inner:
            return None
        found |= inner
    return found
