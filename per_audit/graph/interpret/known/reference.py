"""What the buffers and samplers of the reference package do, for code that uses them already."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from per_audit.graph.interpret import events as ev
from per_audit.graph.interpret.roles import role_of_name
from per_audit.graph.interpret.values import (
    SCALAR,
    UNKNOWN,
    Alloc,
    Drawn,
    Record,
    RecordType,
    Tag,
    TupleOf,
    Value,
    of,
    taint,
)
from per_audit.source.resolve import REFERENCE

if TYPE_CHECKING:
    from per_audit.facts import ir
    from per_audit.graph.interpret.frame import Frame
    from per_audit.graph.interpret.interpreter import Interpreter

PRIORITISED, LAP, UNIFORM = "prioritised", "LAP", "uniform"
_FIELDS = "state action reward next_state done"


class _Kind(NamedTuple):
    """A buffer or sampler: the law of its draws, what a draw returns, and the fields that are stored, in order."""

    law: str
    drawn: tuple[str, ...]
    stored: tuple[str, ...]
    is_record: bool  # whether the parts of a draw have these names


def _kind(law: str, drawn: str, stored: str = _FIELDS, is_record: bool = False) -> _Kind:
    return _Kind(law, tuple(drawn.split()), tuple(stored.split()), is_record)


_COLUMNS = "states actions rewards next_states dones"
_SB3_FIELDS = "obs next_obs action reward done"
_SB3_COLUMNS = "observations actions next_observations dones rewards"
_KINDS = {
    **{f"{law} buffer": _kind(law, "batch weights indices", is_record=True) for law in (PRIORITISED, LAP, UNIFORM)},
    **{f"{law} sampler": _kind(law, "indices weights", "") for law in (PRIORITISED, LAP, UNIFORM)},
    "prioritised experience buffer": _kind(PRIORITISED, f"{_COLUMNS} weights indices"),
    "prioritised tensor buffer": _kind(PRIORITISED, f"{_COLUMNS} indices probabilities"),
    "uniform experience buffer": _kind(UNIFORM, _COLUMNS),
    "prioritised memory": _kind(PRIORITISED, "batch indices weights"),
    "uniform memory": _kind(UNIFORM, "batch"),
    "rank-based memory": _kind(PRIORITISED, "obs action reward next_obs done idxs weights", is_record=True),
    "CleanRL buffer": _kind(PRIORITISED, f"{_SB3_COLUMNS} weights indices", _SB3_FIELDS, True),
    "Stable-Baselines3 buffer": _kind(PRIORITISED, f"{_SB3_COLUMNS} discounts weights indices", _SB3_FIELDS, True),
}
REFERENCE_KINDS = tuple(_KINDS)
LAP_KINDS = tuple(name for name, kind in _KINDS.items() if kind.law == LAP)

_MADE = {
    "PrioritizedReplayBuffer": "prioritised buffer",
    "CombinedReplayBuffer": "prioritised buffer",
    "AdvancedReplayBuffer": "prioritised buffer",
    "SequenceReplayBuffer": "prioritised buffer",
    "TensorReplayBuffer": "prioritised buffer",
    "PrioritizedSampler": "prioritised sampler",
    "CombinedSampler": "prioritised sampler",
    "RankBasedSampler": "prioritised sampler",
    "DevicePrioritizedSampler": "prioritised sampler",
    "LapReplayBuffer": "LAP buffer",
    "LapSampler": "LAP sampler",
    "UniformSampler": "uniform sampler",
    "dqn.PrioritizedReplayBuffer": "prioritised experience buffer",
    "dqn.ReplayBuffer": "uniform experience buffer",
    "tensors_out.PrioritizedReplayBuffer": "prioritised tensor buffer",
    "tensors_out.ReplayBuffer": "uniform experience buffer",
    "memory.PrioritizedReplayMemory": "prioritised memory",
    "memory.ReplayMemory": "uniform memory",
    "per.PER": "rank-based memory",
    "cleanrl.ReplayBuffer": "CleanRL buffer",
    "stable_baselines3.SB3PrioritizedReplayBuffer": "Stable-Baselines3 buffer",
    "stable_baselines3.SB3PrioritizedDictReplayBuffer": "Stable-Baselines3 buffer",
}
# Where the buffer is among the arguments of what stands in front of it: what is added to the one goes to the other.
_IN_FRONT = {"NStep": 2, "HindsightExperienceReplay": 3}
# Training steps that draw, weigh the loss and give the priorities back, and where their buffer is.
_STEPS = {"train_with_prioritized_replay": (1, "buffer"), "rank_based_training_step": (0, "memory")}
_PARTS = {"buffer", "prioritized_buffer", "sampler", "priorities"}


def call(name: str, node: ir.Call, values: list[Value], frame: Frame, interpreter: Interpreter) -> Value | None:
    """The result of a function or class of the reference package, None for another package's."""
    if REFERENCE not in name:
        return None
    parts = name.split(".")
    if REFERENCE not in parts:
        return None
    inner = parts[parts.index(REFERENCE) + 1 :]  # a copy may lie in a package of the project
    member = inner[-1] if inner else ""
    kind = _MADE.get(".".join(inner[-2:])) or _MADE.get(member)
    if kind is not None:
        return of(Alloc(node, kind))
    if member == "ReplayBuffer":
        return _around(node, _argument(node, values, 0, "sampler"))
    if member in _IN_FRONT:
        return Value(frozenset(_reference(_argument(node, values, _IN_FRONT[member], "buffer"))))
    if member == "Recorder":
        fields = tuple(UNKNOWN.with_role(role_of_name(field)) for field in _FIELDS.split())
        for atom in _reference(_argument(node, values, 1, "buffer")):
            interpreter.targets.store(atom, node, frame, "append", of(TupleOf(node, fields)), None)
        return UNKNOWN
    if member in _STEPS:
        return _step(node, _reference(_argument(node, values, *_STEPS[member])), frame, interpreter)
    if member == "as_tensors":
        return _argument(node, values, 0, "sample_or_batch")
    if member == "importance_weighted_loss" and len(node.args) == 2:
        (loss, weights), (a, b) = (arg.value for arg in node.args), values
        if node.args[0].keyword == "weights":
            loss, weights, a, b = weights, loss, b, a
        interpreter.operators.weigh(node, loss, a, weights, b, frame)
    scalar = member in ("importance_weighted_loss", "lap_loss", "pal_loss")
    return Value(tags=taint(*values).tags, reduction=SCALAR if scalar else None)


def has_part(atom: Alloc, name: str) -> bool:
    """Whether it is a reference buffer with a part of that name: what is done to the part is done to the buffer."""
    return atom.kind in _KINDS and name in _PARTS


def method(
    atom: Alloc, node: ir.Call, name: str, values: list[Value], frame: Frame, interpreter: Interpreter
) -> Value | None:
    """The result of a method of a reference buffer or sampler, None where a plain container's meaning applies."""
    kind = _KINDS.get(atom.kind)
    if kind is None:
        return None
    if name in ("sample", "draw_samples"):
        return _draw(atom, kind, node, frame, interpreter)
    if name in ("update", "update_priorities", "update_priority"):
        interpreter.events.updates[node, atom] = ev.PriorityUpdate(atom, node, frame.function, frame.module.path)
        return UNKNOWN
    if name in ("add", "add_batch", "push", "store", "add_experience"):
        if kind.stored:
            fields = _stored(kind, node, values, interpreter)
            interpreter.targets.store(atom, node, frame, "append", of(TupleOf(node, fields)), None)
        return UNKNOWN
    return UNKNOWN if name in ("next_slot", "protect", "unprotect", "slots", "save", "load", "end_episode") else None


def is_pal(site: ev.CallSite) -> bool:
    """Whether the call is of the loss that does for uniform draws what drawing by priority does."""
    return any(REFERENCE in name.split(".") and name.endswith(".pal_loss") for name in site.names)


def _argument(node: ir.Call, values: list[Value], place: int, name: str) -> Value:
    """The value of an argument by its position or name, unknown where it is not given."""
    for position, (argument, value) in enumerate(zip(node.args, values, strict=True)):
        if argument.keyword == name or (position == place and argument.keyword is None):
            return value
    return UNKNOWN


def _reference(value: Value) -> list[Alloc]:
    """The reference buffers that a value may be."""
    return [atom for atom in value.atoms if isinstance(atom, Alloc) and atom.kind in _KINDS]


def _around(node: ir.Call, sampler: Value) -> Value:
    """A buffer around a sampler draws as that does; nothing is known of one around another sampler."""
    laws = {_KINDS[atom.kind].law for atom in _reference(sampler)}
    law = next((law for law in (PRIORITISED, LAP, UNIFORM) if law in laws), None)
    return UNKNOWN if law is None else of(Alloc(node, f"{law} buffer"))


def _record_draw(atom: Alloc, node: ir.Call, frame: Frame, interpreter: Interpreter) -> None:
    kind = _KINDS[atom.kind]
    draws = interpreter.events.draws
    draw = draws.get(node)
    if draw is None:
        path = frame.module.path
        draw = draws[node] = ev.Draw(node, frame.function, path, "sample", bool(kind.stored), kind.law != UNIFORM)
    interpreter.draws.add_containers(draw, {atom})


def _draw(atom: Alloc, kind: _Kind, node: ir.Call, frame: Frame, interpreter: Interpreter) -> Value:
    """What a draw returns: transitions, weights and indices, in the order of the kind."""
    _record_draw(atom, node, frame, interpreter)
    weight: tuple[Tag, ...] = () if kind.law == UNIFORM else (("isw", node),)
    items = []
    for part in kind.drawn:
        if part in ("indices", "idxs"):
            items.append(Value(tags=frozenset((("index", node),))))
        elif part in ("weights", "probabilities"):
            items.append(Value(tags=frozenset(weight)))
        elif part == "batch":
            items.append(Value(frozenset((Drawn(node),)), frozenset((("draw", node),))))
        else:
            items.append(Value(tags=frozenset((("draw", node),))).with_role(role_of_name(part)))
    if len(items) == 1:
        return items[0]
    if kind.is_record:
        return of(Record(RecordType("sample", kind.drawn), node, tuple(items)))
    return of(TupleOf(node, tuple(items)))


def _stored(kind: _Kind, node: ir.Call, values: list[Value], interpreter: Interpreter) -> tuple[Value, ...]:
    """The fields of the transitions that a call stores, with their roles."""
    items: list[Value] = []
    for argument, value in zip(node.args, values, strict=True):
        if argument.keyword:
            items.append(value.with_role(role_of_name(argument.keyword)))
            continue
        rest = kind.stored[len(items) :]
        parts: tuple[Value, ...] = (value,)
        if argument.star:
            known = interpreter.parts.items_of(value) if argument.star == "*" else None
            parts = (value.only_taint(),) * len(rest) if known is None else known
        roles = (role_of_name(field) for field in rest)
        items += [part.with_role(next(roles, None)) for part in parts]
    return tuple(items)


def _step(node: ir.Call, buffers: list[Alloc], frame: Frame, interpreter: Interpreter) -> Value:
    """A training step on a buffer: the draw, the weighted loss and the update are one call."""
    events = interpreter.events
    for atom in buffers:
        _record_draw(atom, node, frame, interpreter)
        events.updates[node, atom] = ev.PriorityUpdate(atom, node, frame.function, frame.module.path)
        events.weightings[node] = ev.Weighting(node, frame.function, frame.module.path, node, node, UNKNOWN)
    return Value(tags=frozenset((("isw", node), ("draw", node)))) if buffers else UNKNOWN
