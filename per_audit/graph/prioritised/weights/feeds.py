"""Placeholders of TensorFlow 1 graphs: what runs of the graph feed to them."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import name_of
from per_audit.graph.interpret.values import Result

if TYPE_CHECKING:
    from per_audit.graph.interpret.values import Value
    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.symbolic import Term

_PLACEHOLDERS = ("placeholder", "placeholder_v2", "placeholder_with_default")
_BY_NAME = b"get_tensor_by_name"


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

    def is_read(self, key: ir.Expr | None) -> bool:
        """Whether anything in the graph is made of what a value is fed to; True for what is no placeholder."""
        placeholders = self._placeholders(key)
        return not placeholders or self._are_named_in_texts or any(map(self._is_named_again, placeholders))

    @cached_property
    def _are_named_in_texts(self) -> bool:
        """Whether parts of a graph are asked for by texts: `graph.get_tensor_by_name("weights:0")`."""
        return any(_BY_NAME in module.text for module in self.graph.project.modules.values())

    def _is_named_again(self, placeholder: ir.Node) -> bool:
        """Whether the name that a placeholder has is read anywhere but where it is fed."""
        path = self.graph.path_of(placeholder)
        statement = self.graph.statement(path, placeholder) if path is not None else None
        if not isinstance(statement, ir.Assign) or statement.value is not placeholder or len(statement.targets) > 1:
            return True
        target = statement.targets[0]
        if isinstance(target, ir.Attr):
            return (ir.Attr, target.attr) in self._read
        return not isinstance(target, ir.Name) or any((kind, target.id) in self._read for kind in (ir.Name, ir.Attr))

    @cached_property
    def _read(self) -> set[tuple[type[ir.Node], str | None]]:
        """The names and attributes that stand anywhere but as targets and as keys."""
        found: set[tuple[type[ir.Node], str | None]] = set()
        for module in self.graph.project.modules.values():
            aside: set[ir.Node | None] = {key for node in module.nodes_of(ir.Map) for key in node.keys}
            aside.update(target for node in module.nodes_of(ir.Assign) for target in node.targets)
            named = (*module.nodes_of(ir.Name), *module.nodes_of(ir.Attr))
            found |= {(type(node), name_of(node)) for node in named if node not in aside}
        return found

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
