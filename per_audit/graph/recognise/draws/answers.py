"""Draws of which of several answers each row gets, as of the networks of an ensemble: every row is read, none drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.symbolic import Term, alternatives, strip

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph

_KEPT = ("field", "global")
_PARTS = ("item", "at", "slice")


def is_of_answers(graph: ReplayGraph, draw: ev.Draw) -> bool:
    """Whether all that is read at what is drawn is `answers[drawn, arange(rows)]`, of what the program just computed.

    An array that an object keeps may be a memory of several environments, of each of which one step is drawn.
    """
    return _is_of_answers(graph, draw.path, draw.node, draw.function, draw, helpers=1)


def _is_of_answers(
    graph: ReplayGraph, path: str, given: ir.Expr, function: ev.Owner, draw: ev.Draw, *, helpers: int
) -> bool:
    """Whether what is drawn is used so where an expression of a function gives it, be it to whoever asks for it."""
    if not isinstance(function, ir.Function):
        return False
    parents = graph.parents(path)
    around = parents.get(given)
    uses: list[ir.Expr] = [given]
    if isinstance(around, ir.Assign) and len(around.targets) == 1 and isinstance(target := around.targets[0], ir.Name):
        named = (node for node in ir.walk_scope(function.body) if isinstance(node, ir.Name) and node.id == target.id)
        uses = [name for name in named if name is not target]
    returned = [use for use in uses if isinstance(parents.get(use), ir.Return)]
    if len(returned) == len(uses) == 1 and helpers:
        sites = graph.callers.get(function, ())
        return bool(sites) and all(
            _is_of_answers(graph, site.path, site.node, site.function, draw, helpers=helpers - 1) for site in sites
        )
    return bool(uses) and all(_picks(graph, path, use, draw) for use in uses)


def _picks(graph: ReplayGraph, path: str, use: ir.Expr, draw: ev.Draw) -> bool:
    """Whether what is drawn stands beside the numbers of all rows, where something computed is read."""
    parents = graph.parents(path)
    index = parents.get(use)
    read = parents.get(index) if isinstance(index, ir.Seq) else None
    if not isinstance(index, ir.Seq) or not isinstance(read, ir.Sub) or read.index is not index:
        return False
    if any(gather.node is read for gather in graph.events.gathers.values() if draw.node in gather.draws):
        return False
    rows = (strip(graph.symbols.term(path, item)) for item in index.items if item is not use)
    return any(map(_counts, rows)) and not _is_kept(graph.symbols.term(path, read.value))


def _counts(term: Term) -> bool:
    """Whether a term is all numbers from 0 on."""
    return term.op == "range" and (len(term.args) == 1 or (len(term.args) == 2 and term.args[0].number == 0))


def _is_kept(read: Term) -> bool:
    """Whether what is read may be kept by an object, or a variable that all share."""
    for part in alternatives(strip(read)):
        while part.op in _PARTS:
            part = strip(part.args[0])
        if part.op in _KEPT:
            return True
    return False
