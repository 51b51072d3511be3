"""What the top level of a file says and others change: names that functions assign anew, dicts that are written to."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.values import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret.events import Events
    from per_audit.graph.project import Project

_CHANGES = {"update", "setdefault", "pop", "clear", "popitem"}


class Shared:
    """Asked which names of a file its functions assign anew, and which dicts are written to."""

    def __init__(self, project: Project, events: Events) -> None:
        self._project = project
        self._events = events
        self._known: dict[str, frozenset[str]] = {}

    def names(self, path: str) -> frozenset[str]:
        """The names of the top level of a file that functions of it assign."""
        if path not in self._known:
            self._known[path] = frozenset(self._assigned(path))
        return self._known[path]

    def is_kept(self, part: ir.Sub) -> bool:
        """Whether what is read by keys out of dicts is what a file displays there: nothing writes to them."""
        held: ir.Expr = part
        while isinstance(held, ir.Sub):
            key = held.index.value if isinstance(held.index, ir.Const) else None
            held = held.value
            displays = {record.node for record in self._records(held)}
            if any((display, each) in self._changed for display in displays for each in (key, None)):
                return False
        return True

    @cached_property
    def _changed(self) -> set[tuple[ir.Node, object]]:
        """The dict displays that are written to by an assignment or a method, each with the key; None for any."""
        found: set[tuple[ir.Node, object]] = set()
        for module in self._project.modules.values():
            for node in module.nodes_of(ir.Assign, ir.Aug, ir.Call):
                for held, key in _written(node):
                    for record in self._records(held):
                        found.add((record.node, key))
                        found.update((inside, None) for inside in _inside(record, key))
        return found

    def _records(self, node: ir.Expr) -> list[Record]:
        return [atom for atom in self._events.value(node).atoms if isinstance(atom, Record)]

    def _assigned(self, path: str) -> set[str]:
        module = self._project.modules[path]
        if b"global" not in module.text:
            return set()
        return {
            name
            for function in module.nodes_of(ir.Function)
            if isinstance(function, ir.Function)
            for name in _declared(function) & _bound(function)
        }


def _written(node: ir.Node) -> Iterator[tuple[ir.Expr, object]]:
    """What a node writes to, as into a dict, with the key; None for one that is not written."""
    if isinstance(node, ir.Call):
        if isinstance(node.func, ir.Attr) and node.func.attr in _CHANGES:
            yield node.func.value, None
        return
    targets = node.targets if isinstance(node, ir.Assign) else [node.target] if isinstance(node, ir.Aug) else []
    for target in targets:
        if isinstance(target, ir.Sub):
            yield target.value, target.index.value if isinstance(target.index, ir.Const) else None


def _inside(record: Record, key: object) -> Iterator[ir.Node]:
    """The dicts that one holds under a key, or under any."""
    for name, value in zip(record.type.fields, record.items, strict=False):
        for atom in value.atoms if key in (name, None) else ():
            if isinstance(atom, Record):
                yield atom.node
                yield from _inside(atom, None)


def _declared(function: ir.Function) -> set[str]:
    scopes = (node for node in ir.walk_scope(function.body) if isinstance(node, ir.Scope))
    return {name for scope in scopes if scope.kind == "global" for name in scope.names}


def _bound(function: ir.Function) -> set[str]:
    targets: list[ir.Expr] = []
    for node in ir.walk_scope(function.body):
        if isinstance(node, ir.Assign):
            targets += node.targets
        elif isinstance(node, (ir.Aug, ir.For)):
            targets.append(node.target)
    return {part.id for part in ir.walk(*targets) if isinstance(part, ir.Name)}
