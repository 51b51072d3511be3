"""What a full buffer forgets: whether that is known to be the oldest of what it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.episodes.bootstrap import role_at
from per_audit.graph.interpret.roles import REWARD, name_of
from per_audit.graph.memory.growth import has_limit, takes_place
from per_audit.graph.memory.laps import goes_round
from per_audit.graph.memory.shifts import takes_first

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.interpret.values import Alloc
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

_HEAPS = {"heappush", "heappushpop", "heapreplace"}


def forgets_oldest(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether a full buffer is known to lose what it was given first; False where nobody can tell.

    Its container is a deque with a limit, has its first items taken out, is cut to its last ones, or is a ring. A
    container that a test of the reward fills, beside one for what fails it, holds one kind apart from the other. One
    that holds lists which grow, as episodes do, loses as many transitions at once as nobody counts.
    """
    if _is_heap(graph, buffer) or _is_kept_apart(graph, buffer) or _is_handed_on(graph, buffer):
        return False
    if not (graph.sorted_containers | graph.shuffled_containers).isdisjoint(buffer.containers):
        return False
    of_rows = [c for c in buffer.containers if not _holds_lists(buffer, c)]
    return any(_is_queue(graph, c) or _is_cut(graph, c) or _is_ring(graph, c) for c in of_rows)


def forgets_newest_first(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether what a buffer was filled with goes from its new end on, and the oldest only of what came after that.

    `rows.append(row)` while there is room, and then `rows.pop(); rows.appendleft(row)`.
    """
    for container in buffer.containers:
        stores = [store for store in graph.events.stores.values() if store.container == container]
        evictions = [evict for evict in graph.events.evictions.values() if evict.container == container]
        turned = {store.function for store in stores if _adds_first(store)}
        filled = {store.function for store in stores if store.how == "append" and not _adds_first(store)}
        if turned & filled & {evict.function for evict in evictions if _takes_last(evict)}:
            return True
    return False


def _holds_lists(buffer: ReplayBuffer, container: Alloc) -> bool:
    """Whether all that is put into a container are lists of the buffer to which transitions are added."""
    grown = {store.container for store in buffer.stores if store.how in ("append", "extend", "insert")}
    kept = [store.value.atoms for store in buffer.stores if store.container == container]
    return bool(kept) and not any(grown.isdisjoint(atoms) for atoms in kept)


def _is_heap(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether the smallest goes first, at least from a part of the buffer; heirs may do so for themselves."""
    heirs = set(graph.classes.heirs(buffer.owner) if buffer.owner is not None else ())
    return any(
        isinstance(store.node, ir.Call)
        and name_of(store.node.func) in _HEAPS
        and (store.function is None or graph.project.class_of.get(store.function) not in heirs)
        for store in buffer.stores
    )


def _is_kept_apart(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    stored = {store.node for store in graph.events.stores.values() if store.container not in buffer.containers}
    for store in buffer.stores:
        for around in graph.ancestors(store.path, store.node):
            if isinstance(around, ir.If) and any(role_at(graph, part) == REWARD for part in ir.walk(around.test)):
                inside = set(ir.walk(*around.body))
                other = around.orelse if store.node in inside else around.body
                if not stored.isdisjoint(ir.walk(*other)):
                    return True
    return False


def _is_handed_on(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether the buffer makes something else of what leaves a container, such as to put it into the next one."""
    if buffer.owner is None:
        return False
    own = {*graph.classes.mro(buffer.owner)}
    for store in buffer.stores:
        function = store.function
        if store.how != "index" or not isinstance(function, ir.Function) or not _returns_old(graph, store):
            continue
        for site in graph.callers.get(function, ()):
            is_used = not isinstance(graph.statement(site.path, site.node), ir.Do)
            caller = graph.project.class_of.get(site.function) if site.function is not None else None
            if is_used and caller in own and caller is not graph.project.class_of.get(function):
                return True
    return False


def _returns_old(graph: ReplayGraph, store: ev.Store) -> bool:
    """Whether the function of a store returns what was in the container at a position."""
    nodes = list(ir.walk(store.function)) if store.function is not None else []
    old: set[str] = set()
    for node in nodes:
        for target, value in _pairs(node) if isinstance(node, ir.Assign) else ():
            if isinstance(value, ir.Sub) and store.container in graph.events.value(value.value).atoms:
                old.add(getattr(target, "id", ""))
    return any(isinstance(node, ir.Return) and getattr(node.value, "id", None) in old for node in nodes)


def _pairs(node: ir.Assign) -> Iterator[tuple[ir.Expr, ir.Expr]]:
    """Each target of an assignment with what it is given, as far as that is written out."""
    for target in node.targets:
        if isinstance(target, ir.Seq) and isinstance(node.value, ir.Seq):
            yield from zip(target.items, node.value.items, strict=False)
        elif node.value is not None:
            yield target, node.value


def _is_queue(graph: ReplayGraph, container: Alloc) -> bool:
    """Whether items go in at one end and come out at the other."""
    made = [container.node]
    if isinstance(container.node, ir.Class):  # an heir of deque, which calls the constructor of that
        made = [node for node in ir.walk(container.node) if isinstance(node, ir.Call) and node.argument(None, "maxlen")]
    if container.kind == "deque" and any(has_limit(graph, node) for node in made):
        return True
    stores = [store for store in graph.events.stores.values() if store.container == container]
    at_start = any(map(_adds_first, stores))
    evictions = (evict for evict in graph.events.evictions.values() if evict.container == container)
    evicted = [evict for evict in evictions if takes_place(graph, evict, stores)]
    return any(_takes_last(evict) if at_start else takes_first(evict) for evict in evicted)


def _adds_first(store: ev.Store) -> bool:
    is_left = isinstance(store.node, ir.Call) and getattr(store.node.func, "attr", "") == "appendleft"
    return is_left or (store.how == "insert" and isinstance(store.index, ir.Const) and store.index.value == 0)


def _takes_last(evict: ev.Evict) -> bool:
    node = evict.node
    return isinstance(node, ir.Call) and getattr(node.func, "attr", "") == "pop" and not node.args


def _is_cut(graph: ReplayGraph, container: Alloc) -> bool:
    """Whether the last items take the place of all: `rows = rows[1:]`, `rows = rows[-limit:]`."""
    return container in graph.cut_containers and any(
        isinstance(node, ir.Assign)
        and isinstance(node.value, ir.Sub)
        and isinstance(node.value.index, ir.Slice)
        and node.value.index.lower is not None
        and node.value.index.upper is None
        and container in graph.events.value(node.value.value).atoms
        for module in graph.project.modules.values()
        for node in module.nodes
    )


def _is_ring(graph: ReplayGraph, container: Alloc) -> bool:
    """Whether items are written at a position that goes round."""
    return any(
        store.how == "index"
        and store.container == container
        and goes_round(graph, graph.symbols.term(store.path, store.index))
        for store in graph.events.stores.values()
    )
