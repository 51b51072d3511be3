"""Dictionaries that get a key of its own for each row: `rows[count] = row`, with a count that only ever rises."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import name_of
from per_audit.graph.interpret.targets import BUILDERS
from per_audit.graph.interpret.values import Instance, Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph

_DEEPEST = 3
_SPELT = {"str", "int"}  # what a number is made a key by
_COUNTER = "itertools.count"


def has_new_key(graph: ReplayGraph, store: ev.Store) -> bool:
    """Whether a store into a dictionary is under a key that was never there before: how many there are, or a count."""
    if store.how != "index" or store.container.kind != "dict" or store.index is None:
        return False
    return _rises(graph, store, store.index)


def _rises(graph: ReplayGraph, store: ev.Store, key: ir.Expr, depth: int = _DEEPEST) -> bool:
    if isinstance(key, ir.Call):
        return _is_counted(graph, store, key, depth)
    if isinstance(key, ir.Attr):
        return _is_raised(_changes_of(graph, key))
    if not isinstance(key, ir.Name) or not depth:
        return False
    changes = list(_assignments(graph, store, key.id))
    (only,) = changes if len(changes) == 1 else (None,)
    if isinstance(only, ir.Assign) and only.value is not None:
        return _rises(graph, store, only.value, depth - 1)
    # What is said once begins the count: at the top of a file or function, outside of loops.
    looped = [change for change in changes if any(graph.loops_around(store.path, change))]
    if _is_shared(store, key.id):
        looped += [c for c in changes if graph.symbols.function_of(store.path, c) is not None and c not in looped]
    return _is_raised(looped)


def _is_counted(graph: ReplayGraph, store: ev.Store, key: ir.Call, depth: int) -> bool:
    """`len(rows)`, `next(numbers)` of `itertools.count()`, or one of these as a word."""
    name, given = name_of(key.func), key.argument(0)
    if given is None:
        return False
    atoms = graph.events.value(given).atoms
    if name == "len":
        return store.container in atoms
    if name == "next":
        return any(isinstance(atom, Result) and atom.name == _COUNTER for atom in atoms)
    return name in _SPELT and len(key.args) == 1 and _rises(graph, store, given, depth)


def _changes_of(graph: ReplayGraph, count: ir.Attr) -> Iterator[ir.Node]:
    """The assignments to an attribute of an object of the project, but for those that its constructor makes."""
    owners = {atom.node for atom in graph.events.value(count.value).atoms if isinstance(atom, Instance)}
    family = {cls for owner in owners for cls in (*graph.classes.mro(owner), *graph.classes.heirs(owner))}
    for write in graph.events.writes.values():
        is_built = getattr(write.function, "name", "") in BUILDERS
        if write.attribute == count.attr and write.owner.node in family and not is_built:
            yield write.node


def _is_shared(store: ev.Store, name: str) -> bool:
    """Whether others bind a name as well that is stored under: one of the file, or of a function around."""
    body = store.function.body if isinstance(store.function, ir.Function) else None
    return body is None or any(isinstance(part, ir.Scope) and name in part.names for part in ir.walk_scope(body))


def _assignments(graph: ReplayGraph, store: ev.Store, name: str) -> Iterator[ir.Node]:
    """What a function binds a name with; of a name that others bind as well all that its file does."""
    nodes: Iterable[ir.Node] = graph.module(store.path).nodes
    if not _is_shared(store, name) and isinstance(store.function, ir.Function):
        nodes = ir.walk_scope(store.function.body)
    for part in nodes:
        if isinstance(part, (ir.Assign, ir.Aug, ir.For)):
            targets = part.targets if isinstance(part, ir.Assign) else [part.target]
            bound = (item for each in targets for item in (each.items if isinstance(each, ir.Seq) else [each]))
            if any(isinstance(each, ir.Name) and each.id == name for each in bound):
                yield part


def _is_raised(changes: Iterable[ir.Node]) -> bool:
    """Whether there are changes, and each adds a number above 0: `count += 1`, `count = count + 1`."""
    known = list(changes)
    return bool(known) and all(map(_adds, known))


def _adds(change: ir.Node) -> bool:
    if isinstance(change, ir.Aug):
        return change.op == "+" and _is_above_zero(change.value)
    if not isinstance(change, ir.Assign) or not isinstance(change.value, ir.Bin) or change.value.op != "+":
        return False
    before, added = change.value.left, change.value.right
    return any(name_of(target) == name_of(before) for target in change.targets) and _is_above_zero(added)


def _is_above_zero(node: ir.Expr) -> bool:
    return isinstance(node, ir.Const) and isinstance(node.value, (int, float)) and node.value > 0
