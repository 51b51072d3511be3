"""Names that a file calls and gets from nowhere: an import is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.model import ReplayGraph


def is_missing(graph: ReplayGraph, path: str, name: str) -> bool:
    """Whether a file only ever calls a name, and neither imports nor defines it."""
    module = graph.module(path)
    parents = graph.parents(path)
    used = [node for node in module.nodes_of(ir.Name) if node.id == name]
    called = [isinstance(call := parents.get(node), ir.Call) and call.func is node for node in used]
    return bool(called) and all(called) and not {name, "*"} & set(_brought(module.nodes))


def _brought(nodes: list[ir.Node]) -> Iterator[str]:
    """The names that imports, definitions and parameters bring into a file; `*` for those that cannot be told."""
    for node in nodes:
        if isinstance(node, (ir.Import, ir.ImportFrom)):
            yield from (alias or name for name, alias in node.names)
        elif isinstance(node, (ir.Function, ir.Class, ir.Parameter)):
            yield node.name
        elif isinstance(node, ir.Scope):
            yield from node.names
