"""Containers that move their items when one is evicted, beside containers that keep them in their places."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.known.externals import IN_PLACE, draw_call
from per_audit.graph.interpret.roles import name_of
from per_audit.graph.interpret.values import Alloc
from per_audit.graph.memory.growth import has_limit, is_guarded
from per_audit.graph.prioritised.priorities.updates import BUILDERS
from per_audit.graph.symbolic import strip

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.prioritised.anatomy import Anatomy
    from per_audit.graph.prioritised.priorities.writes import PriorityWrite, Step
    from per_audit.graph.symbolic import Symbols, Term

_INSORTS = {"insort", "insort_left", "insort_right"}


def takes_first(evict: ev.Evict) -> bool:
    """Whether the statement takes out the first items: `popleft()`, `pop(0)`, `del x[0]`, `del x[:n]`."""
    node = evict.node
    if isinstance(node, ir.Call):
        first = node.argument(0, "index")
        if isinstance(node.func, ir.Attr) and node.func.attr == "popleft":
            return True
        return evict.how == "pop" and isinstance(first, ir.Const) and first.value == 0
    for part in ir.walk(node):
        if isinstance(part, ir.Sub):
            index = part.index
            if isinstance(index, ir.Slice):
                return evict.how == "delete" and index.lower is None and index.upper is not None
            return evict.how == "delete" and isinstance(index, ir.Const) and index.value == 0
    return False


def sorted_containers(graph: ReplayGraph) -> set[Alloc]:
    """Lists in another order than that of what was added: `insort(rows, row)`, `rows.sort()`, `rows = sorted(rows)`."""
    found: set[Alloc] = set()
    for site in graph.events.calls.values():
        held = _sorts(graph, site)
        if held is not None and not _is_copy(held, site.function):
            found |= {atom for atom in graph.events.value(held).atoms if isinstance(atom, Alloc)}
    return found


def shuffled_containers(graph: ReplayGraph) -> set[Alloc]:
    """Lists that are shuffled where they are: what is taken out of them is any of what was added."""
    found: set[Alloc] = set()
    for site in graph.events.calls.values():
        if any(known is not None and known.method == IN_PLACE for known in map(draw_call, site.names)):
            held = site.node.argument(0, "x")
            if held is not None and not _is_copy(held, site.function):
                found |= {atom for atom in graph.events.value(held).atoms if isinstance(atom, Alloc)}
    return found


def _is_copy(held: ir.Expr, function: ev.Owner) -> bool:
    """Whether a function has made a name anew of what else there is: `rows = list(self.rows)`, `self.rows[-9:]`."""
    if isinstance(held, (ir.Call, ir.Sub)):
        return True
    assigned = (node for node in ir.walk(function) if isinstance(node, ir.Assign)) if function is not None else ()
    return isinstance(held, ir.Name) and any(
        isinstance(node.value, (ir.Call, ir.Sub)) and any(getattr(t, "id", "") == held.id for t in node.targets)
        for node in assigned
    )


def _sorts(graph: ReplayGraph, site: ev.CallSite) -> ir.Expr | None:
    """The list that a call sorts, or that is replaced by a sorted one."""
    node = site.node
    name = name_of(node.func)
    if name in _INSORTS and node.args:
        return node.args[0].value
    if name == "sort" and isinstance(node.func, ir.Attr) and not site.targets:
        return node.func.value
    if name != "sorted" or not node.args:
        return None
    assign = graph.parents(site.path).get(node)
    if not isinstance(assign, ir.Assign):
        return None
    held, place = node.args[0].value, site.path
    kept = graph.source(place, assign.targets[0]) == graph.source(place, held)
    return held if kept else None


def shifting(graph: ReplayGraph, container: Alloc) -> ev.Store | ev.Evict | None:
    """What moves all items of a container by a place once it is full; None where they stay, or nobody can tell.

    That is an addition at one end of a deque with a maximum length, or the eviction of a list's first item.
    """
    stores = [store for store in graph.events.stores.values() if store.container == container]
    added = [store for store in stores if store.how in ("append", "insert")]
    evicted = [e for e in graph.events.evictions.values() if e.container == container]
    if not added or any(store.how in ("slice", "rebuild", "extend") for store in stores):
        return None
    if container.kind == "deque" and not evicted:
        replaced = {store.function for store in stores if store.how == "index"} & {s.function for s in added}
        return added[0] if has_limit(graph, container.node) and not replaced else None
    if container.kind in ("list", "deque") and evicted and all(takes_first(evict) for evict in evicted):
        return evicted[0]
    return None


def _stays(graph: ReplayGraph, container: Alloc) -> bool:
    """Whether items keep their places: nothing is evicted, and what is added comes after the others."""
    stores = [store for store in graph.events.stores.values() if store.container == container]
    if any(evict.container == container for evict in graph.events.evictions.values()):
        return False
    keeping = {"index", "append"} if container.kind == "list" else {"index"}
    kept = all(store.how in keeping or getattr(store.function, "name", "") in BUILDERS for store in stores)
    return bool(stores) and kept and container.kind in ("array", "list")


def _drawn_rows(anatomy: Anatomy, priorities: set[Alloc]) -> set[Alloc] | None:
    """The containers that transitions are read from at drawn positions; None where a position is recomputed."""
    graph, found = anatomy.graph, set()
    filled = {store.container for store in graph.events.stores.values()}
    for gather in graph.events.gathers.values():
        if gather.container in priorities or gather.container not in anatomy.buffer.containers & filled:
            continue
        if gather.draws.isdisjoint(anatomy.buffer.sources):
            continue
        node = gather.node
        index = graph.symbols.term(gather.path, node.index) if isinstance(node, ir.Sub) else None
        if index is None or any(_moves(anatomy, part) for part in index.walk()):
            return None
        found.add(gather.container)
    return found


def _moves(anatomy: Anatomy, part: object) -> bool:
    """Whether a part of an index is an attribute that changes after the buffer was built: a pointer."""
    symbols = anatomy.symbols
    if getattr(part, "op", "") != "field" or part in anatomy.containers:
        return False
    written = symbols.written(part)  # type: ignore[arg-type]
    return any(w is not None and getattr(w.function, "name", "") not in BUILDERS for _, w, _ in written)


def _remade(anatomy: Anatomy) -> bool:
    """Whether the priorities' attribute is assigned again later: rolled, concatenated, copied."""
    fields = [term for term in anatomy.containers if term.op == "field"]
    return any(
        w is not None and getattr(w.function, "name", "") not in BUILDERS
        for field in fields
        for _, w, _ in anatomy.symbols.written(field)
    )


def parted(anatomy: Anatomy) -> tuple[ev.Store | ev.Evict, ev.Store, bool] | None:
    """What shifts either the transitions or the priorities of a buffer while the others keep their places.

    The eviction or addition that shifts, a store into what stays, and whether the transitions are what shifts. None
    where both move together, or where that is not known.
    """
    graph = anatomy.graph
    priorities = {alloc for term in anatomy.containers for alloc in anatomy.allocs(term)}
    rows = _drawn_rows(anatomy, priorities)
    updated = [store for store in anatomy.stores if store.how == "index"]
    if not rows or not priorities or not updated or _remade(anatomy):
        return None
    stored = [s for s in anatomy.buffer.stores if s.container in rows and s.how == "index"]
    for moved, kept, first in ((rows, priorities, True), (priorities, rows, False)):
        causes = [shifting(graph, each) for each in _in_order(moved)]
        stays = updated if first else stored
        if stays and causes and causes[0] is not None and all(causes) and all(_stays(graph, each) for each in kept):
            return causes[0], stays[0], first
    return None


def outgrown(anatomy: Anatomy) -> tuple[ev.Store, ev.Store] | None:
    """What adds a priority behind the others for each new transition, and what puts that in an older one's slot.

    None where priorities take the slots of others as well, or lose the first, or where that is not known.
    """
    graph = anatomy.graph
    priorities = {alloc for term in anatomy.containers for alloc in anatomy.allocs(term)}
    rows = _drawn_rows(anatomy, priorities)
    first = [write.store for write in anatomy.writes if write.inserts]
    if not rows or not first or any(alloc.kind != "list" for alloc in priorities) or _remade(anatomy):
        return None
    if any(store.how != "append" or is_guarded(graph, store, store.container) for store in first):
        return None
    if any(store.how in ("slice", "rebuild", "extend", "insert") for store in anatomy.stores):
        return None
    if priorities & graph.cut_containers or any(e.container in priorities for e in graph.events.evictions.values()):
        return None
    if not all(_stays(graph, each) for each in rows):
        return None
    adding = {store.function for store in first}
    replacing = [s for s in anatomy.buffer.stores if s.container in rows and s.how == "index" and s.function in adding]
    return (first[0], replacing[0]) if replacing else None


def runs_on(anatomy: Anatomy) -> tuple[Step, ev.Store] | None:
    """What writes each new priority a slot further for ever, and what stores the transitions in a ring.

    None where the pointer of the priorities is set back, or another store goes on with it.
    """
    symbols = anatomy.symbols
    for write in anatomy.writes:
        place = strip(write.index) if write.inserts and write.index is not None else None
        if place is None or write.store.how != "index":
            continue
        parts = [place, *place.args] if place.op == "add" else [place]
        if len(parts) > 1 and any(part.has("mod") for part in parts):
            continue
        pointers = [part for part in map(strip, parts) if part.op == "field" and _only_rises(symbols, part)]
        held = {alloc for term in anatomy.containers for alloc in anatomy.allocs(term)}
        if (
            len(pointers) != 1
            or _is_asked_for(pointers[0].data[1], write)
            or any(alloc.kind not in ("array", "list") for alloc in held)
        ):
            continue
        ring = [
            store
            for store in anatomy.buffer.stores
            if store.container not in held
            and store.function in write.functions
            and store.index is not None
            and _is_ring(symbols, strip(symbols.term(store.path, store.index)))
        ]
        if ring:
            moved = anatomy.graph.classes.heirs(pointers[0].data[0])
            steps = zip(write.steps, write.functions, strict=True)
            near = (step for step, f in steps if anatomy.class_of(f) in (pointers[0].data[0], *moved))
            return next(near, write.outermost), ring[0]
    return None


def _only_rises(symbols: Symbols, pointer: Term) -> bool:
    """Whether an attribute is 0 at first, and all that is done to it afterwards is to add 1."""
    later = [option for option in map(strip, symbols.options(pointer)) if option.number != 0]
    set_back = [
        w
        for option, w, _ in symbols.written(pointer)
        if w is not None and getattr(w.function, "name", "") not in BUILDERS and strip(option).number is not None
    ]
    return bool(later) and not set_back and all(_adds_one(option, pointer) for option in later)


def _is_asked_for(name: str, write: PriorityWrite) -> bool:
    """Whether a function on the way of a write tests an attribute: it may end where that is too large."""
    tests = (
        part
        for function in write.functions
        for node in (ir.walk(function) if function is not None else ())
        if isinstance(node, (ir.If, ir.IfExp, ir.While, ir.Assert))
        for part in ir.walk(node.test)
    )
    return any(isinstance(part, ir.Attr) and part.attr == name for part in tests)


def _adds_one(term: Term, pointer: Term) -> bool:
    return term.op == "add" and pointer in term.args and any(arg.number == 1 for arg in term.args)


def _is_ring(symbols: Symbols, place: Term) -> bool:
    """Whether a position is one of a ring: a remainder, or an attribute that becomes one."""
    options = [place, *map(strip, symbols.options(place))] if place.op == "field" else [place]
    return any(option.op == "mod" for option in options)


def _in_order(containers: Iterable[Alloc]) -> list[Alloc]:
    return sorted(containers, key=lambda alloc: alloc.node.start)
