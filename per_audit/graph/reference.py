"""What the buffers and samplers of the reference package do, for code that uses them already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.graph import events as ev
from per_audit.graph.project import REFERENCE
from per_audit.graph.values import SCALAR, UNKNOWN, Alloc, Drawn, Tag, TupleOf, Value, of, taint

if TYPE_CHECKING:
    from per_audit.facts import ir
    from per_audit.graph.evaluate import Evaluator
    from per_audit.graph.frame import Frame

BUFFER, SAMPLER = "prioritised buffer", "prioritised sampler"
REFERENCE_KINDS = (BUFFER, SAMPLER)
_MADE = {
    "PrioritizedReplayBuffer": BUFFER,
    "CombinedReplayBuffer": BUFFER,
    "AdvancedReplayBuffer": BUFFER,
    "PrioritizedSampler": SAMPLER,
    "CombinedSampler": SAMPLER,
}
_FIELDS = ("state", "action", "reward", "next", "done")


def call(name: str, node: ir.Call, values: list[Value], frame: Frame, evaluator: Evaluator) -> Value | None:
    """The result of a function or class of the reference package, None for another package's."""
    package, _, member = name.partition(".")
    if package != REFERENCE:
        return None
    if member in _MADE:
        return of(Alloc(node, _MADE[member]))
    if member == "importance_weighted_loss" and len(node.args) >= 2:
        evaluator.interpreter.operators.weigh(node, node.args[0].value, values[0], node.args[1].value, values[1], frame)
        return Value(tags=taint(*values).tags, reduction=SCALAR)
    return Value(tags=taint(*values).tags)


def method(
    atom: Alloc, node: ir.Call, name: str, values: list[Value], frame: Frame, evaluator: Evaluator
) -> Value | None:
    """The result of a method of a reference buffer or sampler, None where a plain container's meaning applies."""
    if atom.kind not in (BUFFER, SAMPLER):
        return None
    events = evaluator.interpreter.events
    if name == "sample":
        draw = events.draws.get(node)
        if draw is None:
            draw = ev.Draw(node, frame.function, frame.module.path, name, atom.kind == BUFFER, True)
            events.draws[node] = draw
        draw.containers.add(atom)
        index: Tag = ("index", node)
        weights = Value(tags=frozenset((("isw", node),)))
        if atom.kind == SAMPLER:
            return of(TupleOf(node, (Value(tags=frozenset((index,))), weights)))
        drawn = Value(frozenset((Drawn(node),)), frozenset((("draw", node),)))
        return of(TupleOf(node, (drawn, weights, Value(tags=frozenset((index,))))))
    if name in ("update", "update_priorities"):
        events.updates[node, atom] = ev.PriorityUpdate(atom, node, frame.function, frame.module.path)
        return UNKNOWN
    if name == "add":
        if atom.kind == BUFFER:
            items = tuple(v.with_role(role) for v, role in zip(values, _FIELDS, strict=False))
            evaluator.interpreter.targets.store(atom, node, frame, "append", of(TupleOf(node, items)), None)
        return UNKNOWN
    return UNKNOWN if name in ("next_slot", "protect", "slots") else None
