"""Containers of positions: what is drawn from them is where another container is read, `rows[random.choice(valid)]`."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.interpret.values import Alloc
    from per_audit.graph.model import ReplayGraph


class PutAside:
    """Asked of what is drawn from whether it holds positions, and of what these are."""

    def __init__(self, graph: ReplayGraph) -> None:
        self._graph = graph

    def meant(self, draw: ev.Draw | ev.Mass, found: set[Alloc]) -> set[Alloc]:
        """What is read at the positions that are drawn: `found` itself where it holds none."""
        of = set().union(*(self._positions.get(container, set()) for container in found)) - found
        return {container for container in of if self._is_read(draw, container)} or found

    @cached_property
    def _positions(self) -> dict[Alloc, set[Alloc]]:
        """By what positions are put into, the containers that are written at them in the same function."""
        stores = self._graph.events.stores.values()
        written: dict[tuple[ev.Owner, tuple[str, ...]], set[Alloc]] = defaultdict(set)
        for store in stores:
            if store.how == "index" and store.index is not None:
                written[store.function, self._texts(store.path, store.index)].add(store.container)
        found: dict[Alloc, set[Alloc]] = defaultdict(set)
        for store in stores:
            expression = store.expression
            if isinstance(expression, (ir.Name, ir.Attr, ir.Seq)):
                at = written.get((store.function, self._texts(store.path, expression)), set())
                if store.container not in at:
                    found[store.container] |= at
        return found

    def _texts(self, path: str, index: ir.Expr) -> tuple[str, ...]:
        """How the parts of a position are spelt, without those that take all there is: `at, step` of `at, step, :`."""
        parts = index.items if isinstance(index, ir.Seq) else [index]
        return tuple(self._graph.source(path, part) for part in parts if not isinstance(part, ir.Slice))

    def _is_read(self, draw: ev.Draw | ev.Mass, container: Alloc) -> bool:
        """Whether the function that draws reads a container at what was drawn, rather than writing there."""
        if not isinstance(draw.function, ir.Function):
            return False
        value, nodes = self._graph.events.value, list(ir.walk(draw.function))
        written = {node for part in nodes if isinstance(part, ir.Assign) for node in ir.walk(*part.targets)}
        return any(
            isinstance(node, ir.Sub)
            and node not in written
            and container in value(node.value).atoms
            and any(draw.node in value(part).tagged("draw") for part in ir.walk(node.index))
            for node in nodes
        )
