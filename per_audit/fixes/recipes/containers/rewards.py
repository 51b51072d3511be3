"""Where the reward is in whole transitions that are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import REWARD, role_of_name
from per_audit.graph.interpret.values import Instance, Record, TupleOf, Value

if TYPE_CHECKING:
    from per_audit.graph import ReplayBuffer


def place_of_reward(buffer: ReplayBuffer) -> str | None:
    """Where the reward is in what is stored: a position or, quoted, a field."""
    stores = [s for s in buffer.stores if s.how in ("append", "insert", "index")]
    found = {_reward_in(s.value) for s in stores if not isinstance(s.expression, ir.Const)}
    return found.pop() if len(found) == 1 else None


def _reward_in(value: Value) -> str | None:
    for atom in value.atoms:
        if isinstance(atom, Instance):
            declared = [name for name in _declared(atom.node) if role_of_name(name) == REWARD]
            if len(declared) == 1:
                return f'"{declared[0]}"'
        if isinstance(atom, Record):
            named = [field for field in atom.type.fields if role_of_name(field) == REWARD]
            if len(named) == 1:
                return f'"{named[0]}"'
        if isinstance(atom, (TupleOf, Record)):
            # What was computed from a done flag may have that role too, so the only place with this one is enough.
            places = [i for i, item in enumerate(atom.items) if REWARD in item.roles]
            if len(places) == 1 and isinstance(atom, Record):
                name = atom.type.fields[places[0]]  # a record may be a dict, which has no positions
                return None if name.isdigit() else f'"{name}"'
            if len(places) == 1:
                return str(places[0])
    return None


def _declared(owner: ir.Class) -> list[str]:
    """The fields that a class declares, as data classes do."""
    return [
        target.id
        for node in owner.body
        if isinstance(node, ir.Assign) and node.annotation is not None
        for target in node.targets
        if isinstance(target, ir.Name)
    ]
