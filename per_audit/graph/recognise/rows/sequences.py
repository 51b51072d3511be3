"""Items that hold many steps: whole episodes, and windows of steps, which a list or one for each field collects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import ACTION, REWARD, looks_like_transition, role_of_name
from per_audit.graph.interpret.values import Alloc, Instance, Record, TupleOf, Value, roles_in
from per_audit.graph.symbolic import alternatives

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.interpret.values import Atom
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

_WHOLE = {"append", "insert", "index"}
_ADDED = {"append", "insert"}
_JOINED = {"stack", "concat"}


def sequence_in(graph: ReplayGraph, buffer: ReplayBuffer, container: Alloc) -> ev.Store | None:
    """Where a container is given an item that holds many steps, which were collected one by one."""
    stores = [s for s in buffer.stores if s.container == container and s.how in _WHOLE]
    return next((s for s in stores if any(_is_sequence(graph, value) for value in _stored(graph, s))), None)


def filled_by_step(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether each row of the arrays is filled with one step after the other: `rows[episode, step] = state`.

    A column that is written out, and one for each pass of a loop around (an agent's), is a part of one transition.
    """
    stores = [store for store in buffer.stores if store.how == "index" and store.container.kind == "array"]
    return any(len(_positions(graph, store)) > 1 for store in stores)


def _positions(graph: ReplayGraph, store: ev.Store) -> list[ir.Expr]:
    parts = store.index.items if isinstance(store.index, ir.Seq) else []
    loops = [node for node in graph.ancestors(store.path, store.node) if isinstance(node, ir.For)]
    turns = {node.id for loop in loops for node in ir.walk(loop.target) if isinstance(node, ir.Name)}
    return [
        part
        for part in parts
        if not isinstance(part, (ir.Slice, ir.Const)) and not (isinstance(part, ir.Name) and part.id in turns)
    ]


def _stored(graph: ReplayGraph, store: ev.Store) -> Iterator[Value]:
    """What is stored, and what it is an array of: `np.stack(steps)`."""
    yield store.value
    for option in alternatives(graph.symbols.expanded(graph.symbols.term(store.path, store.expression))):
        inner = option.args[0] if option.op in _JOINED and option.args else option
        if isinstance(inner.node, ir.Expr):
            yield graph.events.value(inner.node)


def _is_sequence(graph: ReplayGraph, value: Value) -> bool:
    return any(_holds_rows(graph, atom) or _holds_columns(graph, atom) for atom in value.atoms)


def _holds_rows(graph: ReplayGraph, atom: Atom) -> bool:
    """Whether whole transitions are added to a list, or to one in an object's attribute."""
    lists = [atom] if isinstance(atom, Alloc) else []
    if isinstance(atom, Instance):
        lists = [held for _, value in _attributes(graph, atom) for held in value.atoms if isinstance(held, Alloc)]
    return any(_is_row(store) for each in lists for store in _added(graph, each))


def _is_row(store: ev.Store) -> bool:
    if any(isinstance(atom, (TupleOf, Record)) for atom in store.value.atoms):
        return looks_like_transition(roles_in(store.value))
    return isinstance(store.expression, ir.Call) and looks_like_transition(store.value.roles)


def _holds_columns(graph: ReplayGraph, atom: Atom) -> bool:
    """Whether actions and rewards are lists in a row or an object, each of which a step is added to at a time."""
    fields: list[tuple[str, Value]] = []
    if isinstance(atom, Record):
        fields = list(zip(atom.type.fields, atom.items, strict=False))
    elif isinstance(atom, TupleOf):
        fields = [("", item) for item in atom.items]
    elif isinstance(atom, Instance):
        fields = _attributes(graph, atom)
    roles = {role for name, value in fields if _grows(graph, value) for role in {*value.roles, role_of_name(name)}}
    return {ACTION, REWARD} <= roles


def _attributes(graph: ReplayGraph, atom: Instance) -> list[tuple[str, Value]]:
    own = set(graph.classes.mro(atom.node))
    return [(name, value) for (cls, name), value in graph.interpreter.attributes.items() if cls in own]


def _grows(graph: ReplayGraph, value: Value) -> bool:
    """Whether a list is added to step by step: not one of several agents' parts of one step, which a loop collects."""
    lists = [atom for atom in value.atoms if isinstance(atom, Alloc)]
    return any(_is_of_step(graph, each, store) for each in lists for store in _added(graph, each))


def _is_of_step(graph: ReplayGraph, held: Alloc, store: ev.Store) -> bool:
    """Whether it is added to what lasts in each call of a function, or pass of a loop that steps an environment."""
    around = graph.ancestors(store.path, store.node)
    inside = next((node for node in around if isinstance(node, (ir.For, ir.While, ir.Comp, ir.Function))), None)
    if inside is None or isinstance(inside, ir.Comp):
        return False
    if held.node in set(ir.walk(inside)):
        return False
    if isinstance(inside, ir.Function):
        return True
    calls = (node for node in ir.walk_scope(inside.body) if isinstance(node, ir.Call))
    return any(ir.last_name(call.func) == "step" and call.args for call in calls)


def _added(graph: ReplayGraph, held: Alloc) -> list[ev.Store]:
    return [s for s in graph.events.stores.values() if s.container == held and s.how in _ADDED]
