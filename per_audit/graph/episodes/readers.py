"""Who reads the ends that are stored with transitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import DONE
from per_audit.graph.liveness.memories.usage import is_name_read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

_FEWEST = 3


def near(
    graph: ReplayGraph, buffer: ReplayBuffer, store: ev.Store, calls: tuple[tuple[ir.Node, str], ...]
) -> set[ev.Owner] | None:
    """The functions that may read what is stored, where an agent draws from its memory by itself; else None, for all.

    They are the methods of the agent's class, and of those that it inherits from or that inherit from it, and what
    they call.
    """
    interpreter, class_of = graph.interpreter, graph.project.class_of
    stored_by = {store.function, *(graph.symbols.function_of(path, call) for call, path in calls)}
    agents = {class_of.get(function) for function in stored_by if isinstance(function, ir.Function)}
    drawn_by = {class_of.get(site.function) for site in buffer.samples if isinstance(site.function, ir.Function)}
    own = {cls for cls in agents & drawn_by if cls is not None and cls is not buffer.owner}
    if not own:
        return None
    related = {each for cls in own for each in interpreter.classes.kin(cls)}
    methods = {part for cls in related for part in cls.body if isinstance(part, ir.Function)}
    return {function for method in methods for function in graph.reachable(method)} | methods


def is_read(
    graph: ReplayGraph, readers: set[ev.Owner] | None, buffer: ReplayBuffer, name: str, place: tuple[int, int]
) -> bool:
    """Whether a field is read: by its name in the functions, or where what is drawn is taken apart by place.

    A place is skipped where its part gets a name that nothing reads.
    """
    unpacks = [
        unpack
        for unpack in graph.events.unpacks.values()
        if len(unpack.node.items) >= _FEWEST
        and (readers is None or unpack.function in readers)
        and unpack.value.tagged("draw") & buffer.sources
    ]
    if not all(_skips(graph, unpack, place) for unpack in unpacks) or not (name or unpacks):
        return True
    keys = {name} if name else {place[0], place[0] - place[1]}
    return any(
        (node.attr if isinstance(node, ir.Attr) else _key(node)) in keys
        and (name or graph.events.value(node.value).tagged("draw") & buffer.sources)
        for node in _reading(graph, readers)
    )


def _reading(graph: ReplayGraph, readers: set[ev.Owner] | None) -> Iterator[ir.Attr | ir.Sub]:
    if readers is None:
        for module in graph.project.modules.values():
            yield from module.nodes_of(ir.Attr, ir.Sub)
    else:
        yield from (node for each in readers if each for node in ir.walk(each) if isinstance(node, (ir.Attr, ir.Sub)))


def _skips(graph: ReplayGraph, unpack: ev.Unpack, place: tuple[int, int]) -> bool:
    """Whether a row of so many fields is taken apart, and the name for the one at a place is never read."""
    number, many = place
    items = unpack.node.items
    item = items[number] if len(items) == many else None
    if item is None or any(isinstance(each, ir.Star) for each in items):
        return False
    return _is_unread(graph, unpack, item)


def _key(node: ir.Sub) -> object:
    return node.index.value if isinstance(node.index, ir.Const) else None


def is_dropped(graph: ReplayGraph, buffer: ReplayBuffer, store: ev.Store) -> bool:
    """Whether a column of ends gets a name that nothing reads, wherever what is drawn is taken apart."""
    if store.roles != {DONE} or not all(_is_taken_apart(graph, site) for site in buffer.samples):
        return False
    taken = [u for u in graph.events.unpacks.values() if u.value.tagged("draw") & buffer.sources]
    ends = [(u, [item for item in u.node.items if graph.events.value(item).roles == {DONE}]) for u in taken]
    return bool(ends) and all(
        items and all(_is_unread(graph, unpack, item) for item in items) for unpack, items in ends
    )


def _is_taken_apart(graph: ReplayGraph, site: ev.CallSite) -> bool:
    """Whether what a call gives goes to several names at once."""
    made = graph.statement(site.path, site.node)
    return isinstance(made, ir.Assign) and made.value is site.node and isinstance(made.targets[0], ir.Seq)


def _is_unread(graph: ReplayGraph, unpack: ev.Unpack, item: ir.Expr) -> bool:
    if not isinstance(item, ir.Name):
        return False
    return item.id == "_" or not is_name_read(graph, unpack.path, unpack.function, item.id)
