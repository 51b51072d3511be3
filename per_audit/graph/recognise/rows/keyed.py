"""Arrays that a dict holds by the names of the fields, each of which a loop over the names writes to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import role_of_name
from per_audit.graph.symbolic import alternatives, strip

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph

_VIEWS = ("keys", "items")


def keyed_roles(graph: ReplayGraph, store: ev.Store) -> frozenset[str]:
    """The roles of the names that a loop goes through as it stores: `for key in FIELDS: rows[key][at] = row[key]`."""
    if not isinstance(store.node, ir.Assign) or not isinstance(target := store.node.targets[0], ir.Sub):
        return frozenset()
    held = target.value
    if not isinstance(held, ir.Sub) or not isinstance(held.index, ir.Name):
        return frozenset()
    for around in graph.ancestors(store.path, store.node):
        if isinstance(around, ir.For) and _counts(around, held.index.id):
            return frozenset(role for name in _names(graph, store.path, around.iter) if (role := role_of_name(name)))
    return frozenset()


def _counts(loop: ir.For, name: str) -> bool:
    """Whether a loop goes through keys by a name, alone or before what they stand for."""
    first = loop.target.items[0] if isinstance(loop.target, ir.Seq) else loop.target
    return isinstance(first, ir.Name) and first.id == name


def _names(graph: ReplayGraph, path: str, keys: ir.Expr) -> set[str]:
    """The names that a dict has, or a row of them."""
    if isinstance(keys, ir.Call) and isinstance(keys.func, ir.Attr) and keys.func.attr in _VIEWS:
        keys = keys.func.value
    term = strip(graph.symbols.term(path, keys))
    found: set[str] = set()
    for option in [term, *graph.symbols.options(term)]:
        for part in map(strip, alternatives(option)):
            if part.op == "record" and isinstance(part.data, tuple):
                found |= {name for name in part.data if isinstance(name, str)}
            elif part.op == "tuple":
                found |= {item.data for item in part.args if item.op == "const" and isinstance(item.data, str)}
    return found
