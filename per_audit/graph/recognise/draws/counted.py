"""Draws of what a dict counts, by the counts: each occurrence has the same chance, and none a priority."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.values import Alloc
from per_audit.graph.symbolic import alternatives, strip

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.symbolic import Term


def is_counted(graph: ReplayGraph, draw: ev.Draw) -> bool:
    """Whether the probabilities of a draw are the values of a dict by their sum, all of which count how often."""
    options = [strip(option) for option in alternatives(graph.symbols.term(draw.path, draw.probabilities))]
    return bool(options) and all(_is_of_counts(graph, option) for option in options)


def _is_of_counts(graph: ReplayGraph, term: Term) -> bool:
    while term.op == "div" and term.args[1].op == "sum":
        term = strip(term.args[0])
    if term.op != "call" or term.data != ".values":
        return False
    counts = {atom for atom in graph.events.value(term.args[0].node).atoms if isinstance(atom, Alloc)}
    stores = [store for store in graph.events.stores.values() if store.container in counts]
    return bool(stores) and all(_counts_up(graph, store) or _is_one(store.expression) for store in stores)


def _counts_up(graph: ReplayGraph, store: ev.Store) -> bool:
    """Whether a store is `counts[key] += 1`, or `counts[key] = counts.get(key, 0) + 1`."""
    node = store.node
    if isinstance(node, ir.Aug):
        return node.op == "+" and _is_one(node.value)
    if not isinstance(node, ir.Assign) or not isinstance(node.value, ir.Bin) or node.value.op != "+":
        return False
    sides = node.value.left, node.value.right
    before = next((side for side, other in (sides, sides[::-1]) if _is_one(other)), None)
    held: ir.Expr | None = None
    if isinstance(before, ir.Sub):
        held = before.value
    elif isinstance(before, ir.Call) and isinstance(before.func, ir.Attr) and before.func.attr == "get":
        held = before.func.value
    return held is not None and store.container in graph.events.value(held).atoms


def _is_one(node: ir.Expr | None) -> bool:
    return isinstance(node, ir.Const) and not isinstance(node.value, bool) and node.value == 1
