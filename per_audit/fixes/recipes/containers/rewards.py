"""Where the reward is in whole transitions that are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import REWARD, role_of_name
from per_audit.graph.interpret.values import Instance, Record, TupleOf, Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from per_audit.fixes.draft import Draft
    from per_audit.graph import ReplayBuffer
    from per_audit.graph.interpret import events as ev


def stored_reward(draft: Draft, buffer: ReplayBuffer, stores: Sequence[ev.Store]) -> str | None:
    """The text of the reward alone where `stores` put the parts of a transition, or a row of all, into arrays."""
    alone = [s for s in stores if s.roles == {REWARD} and isinstance(s.expression, (ir.Name, ir.Attr))]
    if len(alone) == 1 and alone[0].expression is not None:
        return draft.text(alone[0].path, alone[0].expression)
    last, place = stores[-1], place_of_reward(buffer)
    if place is not None and place.isdigit() and isinstance(last.expression, (ir.Name, ir.Attr)):
        return f"{draft.text(last.path, last.expression)}[{place}]"
    return _part_of_row(draft, last) if len(stores) == 1 else None


def _part_of_row(draft: Draft, store: ev.Store) -> str | None:
    """The argument of the storing function that is the reward, where a row is put together of it and others."""
    if not isinstance(store.function, ir.Function) or REWARD not in store.roles:
        return None
    written = (node for node in ir.walk_scope(store.function.body) if isinstance(node, (ir.Assign, ir.Aug)))
    targets = (
        target for node in written for target in (node.targets if isinstance(node, ir.Assign) else [node.target])
    )
    given = {part.id for target in targets for part in ir.walk(target) if isinstance(part, ir.Name)}
    rewards = {
        node.id
        for node in ir.walk_scope(store.function.body)
        if isinstance(node, ir.Name) and draft.graph.events.value(node).roles == {REWARD}
    }
    parameters = {parameter.name for parameter in store.function.parameters}
    found = (rewards & parameters) - given
    return found.pop() if len(found) == 1 and len(rewards) == 1 else None


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
