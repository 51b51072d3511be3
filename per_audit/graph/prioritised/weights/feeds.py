"""Placeholders of TensorFlow 1 graphs: what runs of the graph feed to them."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.values import Result

if TYPE_CHECKING:
    from per_audit.graph.interpret.values import Value
    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.symbolic import Term

_PLACEHOLDERS = ("placeholder", "placeholder_v2", "placeholder_with_default")


class Feeds:
    """Finds what `session.run(..., feed_dict={placeholder: value})` gives to each placeholder."""

    def __init__(self, graph: ReplayGraph) -> None:
        self.graph = graph

    def is_placeholder(self, term: Term) -> bool:
        """Whether the term is a placeholder."""
        return str(term.data).rpartition(".")[2] in _PLACEHOLDERS

    def of(self, term: Term) -> list[tuple[ir.Expr, str]]:
        """The expressions that are fed to a placeholder, each with its file."""
        return self._table.get(term.node, []) if term.node is not None else []

    @property
    def placeholders(self) -> list[ir.Node]:
        """The placeholders that something is fed to."""
        return list(self._table)

    @cached_property
    def _table(self) -> dict[ir.Node, list[tuple[ir.Expr, str]]]:
        table: dict[ir.Node, list[tuple[ir.Expr, str]]] = defaultdict(list)
        for path, module in self.graph.project.modules.items():
            for node in module.nodes_of(ir.Map):
                for key, value in zip(node.keys, node.values, strict=True):
                    for placeholder in self._placeholders(key):
                        table[placeholder].append((value, path))
        return table

    def _placeholders(self, key: ir.Expr | None) -> list[ir.Node]:
        value: Value = self.graph.events.value(key)
        return [
            atom.call
            for atom in sorted((a for a in value.atoms if isinstance(a, Result)), key=lambda a: a.call.start)
            if atom.name.rpartition(".")[2] in _PLACEHOLDERS
        ]
