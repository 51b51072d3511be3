"""Loaders of torch: batches of a data set, at positions that are drawn at random."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.graph.interpret.known import externals as ext
from per_audit.graph.interpret.values import UNKNOWN, Alloc, Func, Instance, Ints, Value, join_all, of

if TYPE_CHECKING:
    from per_audit.facts import ir
    from per_audit.graph.interpret.frame import Frame
    from per_audit.graph.interpret.interpreter import Interpreter


def batches(node: ir.Call, frame: Frame, interpreter: Interpreter) -> Value | None:
    """What a loader that is told to shuffle, or given a sampler that draws, is iterated over for; None for others."""
    value = interpreter.events.value
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


def _rows(node: ir.Call, held: Value, drawn: frozenset[ir.Node], frame: Frame, interpreter: Interpreter) -> Value:
    """The rows of a data set, or of a list of rows, at drawn positions."""
    found: list[Value] = []
    index = Value(tags=frozenset(("index", draw) for draw in drawn))
    for atom in interpreter.ordered(held.atoms):
        if isinstance(atom, Alloc):
            interpreter.parts.gather(atom, drawn, node, frame)
            found.append(interpreter.content_of(atom))
        elif isinstance(atom, Instance) and (getter := interpreter.find_method(atom.node, "__getitem__")) is not None:
            found.append(interpreter.calls.project_call(Func(getter, atom), [(None, "", index)], frame))
    return join_all(found)
