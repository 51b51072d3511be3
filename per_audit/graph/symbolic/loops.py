"""What the bodies of loops do, each looked at once: many calls run the same one."""

from __future__ import annotations

from per_audit.facts import ir
from per_audit.graph.interpret.spelled import asks_by_name


class Loops:
    """Asked what is in the body of a loop."""

    def __init__(self) -> None:
        self._by_name: dict[ir.For, bool] = {}
        self._bound: dict[ir.Node, tuple[frozenset[str], frozenset[str]]] = {}

    def asks_by_name(self, loop: ir.For) -> bool:
        """Whether a loop reads or sets attributes by their names."""
        if loop not in self._by_name:
            self._by_name[loop] = any(map(asks_by_name, loop.body))
        return self._by_name[loop]

    def bound_in(self, loop: ir.For | ir.While) -> tuple[frozenset[str], frozenset[str]]:
        """The names and the attributes that a loop assigns."""
        if loop not in self._bound:
            self._bound[loop] = _bound_in(loop.body)
        return self._bound[loop]


def _bound_in(body: list[ir.Stmt]) -> tuple[frozenset[str], frozenset[str]]:
    """The names and the attributes that statements assign."""
    names: set[str] = set()
    attributes: set[str] = set()
    for node in ir.walk_scope(body):
        targets = node.targets if isinstance(node, ir.Assign) else [node.target] if isinstance(node, ir.Aug) else ()
        for target in targets:
            parts = target.items if isinstance(target, ir.Seq) else [target]
            names |= {part.id for part in parts if isinstance(part, ir.Name)}
            attributes |= {part.attr for part in parts if isinstance(part, ir.Attr)}
    return frozenset(names), frozenset(attributes)
