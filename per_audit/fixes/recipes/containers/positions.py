"""Whole transitions read at drawn positions: `[memory[i] for i in positions]` becomes the batch itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Draft, Refused

if TYPE_CHECKING:
    from per_audit.graph import ReplayBuffer
    from per_audit.graph.interpret.values import Alloc


def handle_of(draft: Draft, buffer: ReplayBuffer, container: Alloc) -> str:
    """The text by which the drawing function reaches the container. Refuses where there are several."""
    body = buffer.function.body if isinstance(buffer.function, ir.Function) else draft.graph.module(buffer.path).body
    texts = {
        draft.text(buffer.path, node.value)
        for node in ir.walk_scope(body)
        if isinstance(node, ir.Sub) and container in draft.graph.events.value(node.value).atoms
    }
    if not texts:
        where = draft.where(buffer.path, buffer.draws[0])
        raise Refused(f"the positions drawn at {where} are read in another function than they are drawn in")
    if len(texts) != 1:
        raise Refused(f"{draft.graph.name_of(buffer)} is read under several names where it is drawn from")
    return texts.pop()


def read_from_batch(draft: Draft, buffer: ReplayBuffer, positions: ir.Name, handle: str, batch: str) -> None:
    """Replace every read of the container at the positions by the drawn transitions, in the same order."""
    path = buffer.path
    body = buffer.function.body if isinstance(buffer.function, ir.Function) else draft.graph.module(path).body
    table = draft.graph.parents(path)
    named: dict[ir.Node, str] = {}
    for node in ir.walk_scope(body):
        if not isinstance(node, ir.Name) or node.id != positions.id or node is positions:
            continue
        around = table.get(node)
        where = draft.where(path, node)
        if not isinstance(around, (ir.Generator, ir.For)) or around.iter is not node:
            raise Refused(f"the drawn positions are used otherwise at {where}")
        scope = table.get(around) if isinstance(around, ir.Generator) else around
        assert scope is not None
        counter = around.target
        if not isinstance(counter, ir.Name):
            raise Refused(f"the drawn positions are used otherwise at {where}")
        reads = _reads(draft, path, scope, counter, handle)
        if reads is None:
            raise Refused(f"the drawn positions are used otherwise at {where}")
        if isinstance(scope, ir.Comp) and scope.kind == "list" and scope.elt in reads and len(scope.generators) == 1:
            draft.replace(path, scope.start, scope.end, batch, "the drawn transitions")
            continue
        apart = named.keys().isdisjoint([scope, *draft.graph.ancestors(path, scope)])  # one name does for them
        item = next(iter(named.values()), "") if apart else ""
        item = named[scope] = item or draft.fresh(path, buffer.function, "transition", "drawn")
        draft.replace(path, counter.start, counter.end, item, "the drawn transitions")
        draft.replace(path, node.start, node.end, batch, "the drawn transitions")
        for read in reads:
            draft.replace(path, read.start, read.end, item, "the drawn transitions")


def _reads(draft: Draft, path: str, scope: ir.Node, counter: ir.Name, handle: str) -> list[ir.Expr] | None:
    """The subscripts of the container by the counter, None where the counter has another use."""
    table = draft.graph.parents(path)
    found: list[ir.Expr] = []
    for node in ir.walk(scope):
        if isinstance(node, ir.Name) and node.id == counter.id and node is not counter:
            read = table.get(node)
            if not isinstance(read, ir.Sub) or read.index is not node or draft.text(path, read.value) != handle:
                return None
            found.append(read)
    return found
