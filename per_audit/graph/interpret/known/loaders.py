"""Loaders of torch: batches of a data set, at positions that are drawn at random, or as it streams them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.graph.interpret.iteration import turns_of
from per_audit.graph.interpret.known import externals as ext
from per_audit.graph.interpret.values import (
    UNKNOWN,
    Alloc,
    Func,
    Instance,
    Ints,
    Item,
    Record,
    TupleOf,
    Value,
    join_all,
    of,
)

if TYPE_CHECKING:
    from per_audit.facts import ir
    from per_audit.graph.interpret.frame import Frame
    from per_audit.graph.interpret.interpreter import Interpreter


def batches(node: ir.Call, frame: Frame, interpreter: Interpreter) -> Value | None:
    """What a loader that is told to shuffle, or given a sampler that draws, is iterated over for; None for others."""
    value = interpreter.events.value
    if (streamed := _streamed(value(node.argument(0, "dataset")), frame, interpreter)) is not None:
        interpreter.add_content(node, streamed)
        return of(Alloc(node, "list"))
    sampler = node.argument(3, "sampler") or node.argument(4, "batch_sampler")
    if sampler is not None:
        drawn = frozenset(value(sampler).tagged("index"))
    elif value(node.argument(2, "shuffle")).literal() is True:
        drawn = frozenset(interpreter.draws.draw(node, ext.LOADER, False, [of(Ints())], frame).tagged("index"))
    else:
        return None
    rows = _rows(node, value(node.argument(0, "dataset")), drawn, frame, interpreter) if drawn else UNKNOWN
    if rows == UNKNOWN:
        return None
    interpreter.add_content(node, interpreter.parts.spread(rows, frozenset(("draw", draw) for draw in drawn)))
    return of(Alloc(node, "list"))


def _streamed(held: Value, frame: Frame, interpreter: Interpreter) -> Value | None:
    """What a data set gives that decides itself what comes next; None for one that is read at positions."""
    objects = [atom for atom in held.atoms if isinstance(atom, Instance)]
    if not any(interpreter.classes.external_bases(atom.node) & ext.STREAMS for atom in objects):
        return None
    row = turns_of(interpreter, held, frame)
    parts = [row, *(part for atom in row.atoms if isinstance(atom, (TupleOf, Record)) for part in atom.items)]
    drawn = {draw for part in parts for draw in part.tagged("draw")}
    return join_all([row, *(of(Item(draw)) for draw in sorted(drawn, key=lambda draw: draw.start))])


def _rows(node: ir.Call, held: Value, drawn: frozenset[ir.Node], frame: Frame, interpreter: Interpreter) -> Value:
    """The rows of a data set, or of a list of rows, at drawn positions."""
    found: list[Value] = []
    index = Value(tags=frozenset(("index", draw) for draw in drawn))
    find = interpreter.classes.find_method
    for atom in interpreter.order.atoms(held.atoms):
        if isinstance(atom, Alloc):
            interpreter.parts.gather(atom, drawn, node, frame)
            found.append(interpreter.content_of(atom))
        elif isinstance(atom, Instance) and (getter := find(atom.node, "__getitem__")) is not None:
            found.append(interpreter.calls.project_call(Func(getter, atom), [(None, "", index)], frame))
    return join_all(found)
