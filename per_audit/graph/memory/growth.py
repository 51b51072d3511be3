"""Whether a container of transitions can grow without bound: by what happens to it, not by how it is spelt."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import looks_like_transition, role_of, role_of_name
from per_audit.graph.interpret.values import Alloc, Instance, roles_in
from per_audit.graph.liveness.memories.lifetimes import filled_by_one_call
from per_audit.graph.memory.capacity import filled_by_count, number_of
from per_audit.graph.memory.joined import only_grows
from per_audit.graph.memory.keyed import has_new_key
from per_audit.graph.memory.unfed import is_of_nobody
from per_audit.graph.memory.unlimited import is_unlimited

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

_BUILDERS = {"__init__", "__post_init__"}
_GROWS = ("append", "insert", "extend")
_MANY = 10_000
_UNREACHED = 10**9  # transitions that no machine's memory holds


def growing_stores(graph: ReplayGraph, buffer: ReplayBuffer) -> list[ev.Store]:
    """The stores that add to a container of the buffer which nothing ever bounds; empty where all are bounded."""
    found: list[ev.Store] = []
    for container in sorted(buffer.containers, key=lambda alloc: alloc.node.start):
        grows = [
            store
            for store in buffer.stores
            if store.container == container and store.node in buffer.fresh
            if _adds(graph, store)
        ]
        # Beside its transitions a buffer may keep other lists: of times, of what it drew last.
        holds = any(_holds_rows(graph, store) for store in grows)
        once = filled_by_one_call(graph, buffer, container) is not None  # what it returns is whole
        if holds and not (once or _is_bounded(graph, container, grows)):
            found += grows
    return sorted(found, key=lambda store: (store.path, store.node.start))


def _adds(graph: ReplayGraph, store: ev.Store) -> bool:
    """Whether a store makes its container longer."""
    if store.container.kind in ("list", "deque", "heap"):
        return store.how in _GROWS and not _is_column(graph, store)
    return has_new_key(graph, store) or only_grows(graph, store)


def _holds_rows(graph: ReplayGraph, store: ev.Store) -> bool:
    """Whether what is stored is a transition, or a list of them: an episode; or an object that has its fields."""
    inner = graph.interpreter.parts.element(store.value) if _handed(graph, store) else store.value
    if store.roles or roles_in(store.value, 3) or roles_in(inner, 3) or _is_of_fields(store):
        return True
    classes = {atom.node for value in (store.value, inner) for atom in value.atoms if isinstance(atom, Instance)}
    fields = (name for cls, name in graph.interpreter.attributes if cls in classes) if classes else ()
    return looks_like_transition(frozenset(role for name in fields if (role := role_of_name(name))))


def _is_of_fields(store: ev.Store) -> bool:
    """Whether all of a list that is named for a field is added: `self.states += states`."""
    return store.how == "extend" and store.expression is not None and role_of(store.expression) is not None


def _is_column(graph: ReplayGraph, store: ev.Store) -> bool:
    """Whether a constructor adds a container that is made there: one for each agent, say, to be filled later."""
    if getattr(store.function, "name", "") not in _BUILDERS or store.expression is None:
        return False
    inside = set(ir.walk(store.expression))
    atoms = graph.events.value(store.expression).atoms
    return bool(atoms) and all(isinstance(atom, Alloc) and atom.node in inside for atom in atoms)


def _handed(graph: ReplayGraph, store: ev.Store) -> set[Alloc]:
    """The lists that are stored as they are, or of which all items are: what they are rid of then is not gone."""
    values = (store.value, graph.events.value(store.expression))
    return {atom for value in values for atom in value.atoms if isinstance(atom, Alloc)}


def takes_place(graph: ReplayGraph, evict: ev.Evict, stores: Iterable[ev.Store]) -> bool:
    """Whether an eviction may limit what is stored: not one in a method that nothing calls, though it does store."""
    if is_unlimited(graph, evict, stores):
        return False
    return not _is_idle(graph, evict.function, stores)


def _is_idle(graph: ReplayGraph, function: ev.Owner, stores: Iterable[ev.Store]) -> bool:
    """Whether nothing calls a method, though something does call what stores."""
    is_driven = any(graph.callers.get(store.function) for store in stores if isinstance(store.function, ir.Function))
    return is_driven and is_of_nobody(graph, function)


def _is_bounded(graph: ReplayGraph, container: Alloc, grows: list[ev.Store]) -> bool:
    evictions = [evict for evict in graph.events.evictions.values() if takes_place(graph, evict, grows)]
    content = graph.interpreter.content_of  # what is taken out of another goes with that
    if any(evict.container == container or container in content(evict.container).atoms for evict in evictions):
        return True
    # Of several lists in one object, what is taken from one may have come from another, but from what it goes to.
    handed = set().union(*(_handed(graph, store) for store in grows))
    evictions = [evict for evict in evictions if evict.container not in handed]
    holders = {cls for (cls, _), value in graph.interpreter.attributes.items() if container in value.atoms}
    methods = {s for cls in holders for s in cls.body if isinstance(s, ir.Function)}
    if any(evict.function in methods for evict in evictions) or _is_of_items(graph, holders, evictions):
        return True
    if container.kind == "array":
        return any(is_guarded(graph, store, container) for store in grows)
    path = graph.path_of(container.node)
    if path is None or isinstance(container.node, ir.Class) or has_limit(graph, container.node):
        return True
    if all(_is_filled_once(graph, store, container) for store in grows):
        return True
    if (filled_by_count(graph, container) or _MANY) < _MANY or _is_gathered(graph, container, grows):
        return True
    # Made anew in each iteration, or by a comprehension or display that fills it once.
    if any(isinstance(a, (ir.For, ir.While)) for a in graph.ancestors(path, container.node)):
        return True
    whole = ("rebuild",) if container.kind == "dict" else ("index", "rebuild")
    others = [s for s in graph.events.stores.values() if s.container == container and s.how in whole]
    if any(not _is_idle(graph, store.function, grows) for store in others):
        return True  # a ring that is filled first, or a copy of the newest part
    kept = (s for s in graph.events.stores.values() if s.how == "index" and container in s.value.atoms)
    if any(not _is_idle(graph, store.function, grows) for store in kept):
        return True  # one list of several, each replaced when it has served
    return any(is_guarded(graph, store, container) for store in grows) or container in graph.cut_containers


def _is_of_items(graph: ReplayGraph, holders: set[ir.Class], evictions: list[ev.Evict]) -> bool:
    """Whether the objects that hold a container are made in turn, and become items of one that is bounded.

    Each holds a game then, or an episode, and a ring the newest of them.
    """
    into = [
        store
        for store in graph.events.stores.values()
        if any(isinstance(atom, Instance) and atom.node in holders for atom in store.value.atoms)
    ]
    evicted = {evict.container for evict in evictions}
    if not into or not all(
        (store.container.kind == "array" and store.how == "index")
        or store.container in evicted
        or has_limit(graph, store.container.node)
        for store in into
    ):
        return False
    made = [site for site in graph.events.calls.values() if not site.classes.isdisjoint(holders)]
    return bool(made) and all(
        any(isinstance(around, (ir.For, ir.While)) for around in graph.ancestors(site.path, site.node)) for site in made
    )


def _is_filled_once(graph: ReplayGraph, store: ev.Store, container: Alloc) -> bool:
    """Whether the function that makes the container stores into it outside of any loop."""
    for around in graph.ancestors(store.path, store.node):
        if isinstance(around, (ir.For, ir.While, ir.Comp)):
            return False
        if isinstance(around, ir.Function):
            return around.name not in _BUILDERS and any(node is container.node for node in ir.walk(around))
    return False


def _is_gathered(graph: ReplayGraph, container: Alloc, grows: list[ev.Store]) -> bool:
    """Whether a call makes the container, fills it from others and then draws: it ends with what it was filled from.

    A loop that stores and draws in turn is a training with a memory of its own, however local.
    """
    path = graph.path_of(container.node)
    made = graph.symbols.function_of(path, container.node) if path is not None else None
    if not isinstance(made, ir.Function) or made.name in _BUILDERS:
        return False
    if any(store.function is not made for store in grows):
        return False
    if any(container in value.atoms for value in graph.interpreter.attributes.values()):
        return False
    draws = [draw for draw in graph.events.draws.values() if container in draw.containers]
    if not draws or any(draw.function is not made for draw in draws):
        return False
    drawn, stored = {draw.node for draw in draws}, {store.node for store in grows}
    loops = ((loop, set(ir.walk(loop))) for loop in ir.walk(made) if isinstance(loop, (ir.For, ir.While)))
    filling = [(loop, inside) for loop, inside in loops if not inside.isdisjoint(stored)]
    return all(isinstance(loop, ir.For) and inside.isdisjoint(drawn) for loop, inside in filling)


def has_limit(graph: ReplayGraph, node: ir.Node) -> bool:
    """`deque(items, maxlen)`, `Queue(maxsize)`: a limit other than None, and one that memory reaches."""
    if not isinstance(node, ir.Call):
        return False
    limit = node.argument(None, "maxlen") or node.argument(None, "maxsize")
    name = ir.last_name(node.func)
    if limit is None:
        limit = node.argument(0 if "ueue" in name and name != "deque" else 1)
    if limit is None:
        return any(arg.star for arg in node.args)
    constant = graph.events.value(limit).literal()
    if isinstance(constant, (int, float)) and constant >= _UNREACHED:
        return False
    return not (isinstance(limit, ir.Const) and limit.value is None) and constant != 0


def is_guarded(graph: ReplayGraph, store: ev.Store, container: Alloc) -> bool:
    """Whether the store happens only under a test that compares a length or count, or ends its function early.

    How long an episode is that is stored says nothing of how many there are.
    """
    handed = _handed(graph, store) - {container}

    def is_of_handed(test: ir.Cmp) -> bool:
        sides = (side for side in (test.left, *test.rights) if isinstance(side, ir.Call) and side.args)
        return any(not handed.isdisjoint(graph.events.value(side.args[0].value).atoms) for side in sides)

    for around in graph.ancestors(store.path, store.node):
        if isinstance(around, (ir.If, ir.IfExp)) and _compares_size(around.test, is_of_handed):
            return True
        if isinstance(around, ir.Function):
            return any(
                isinstance(s, ir.If)
                and _compares_size(s.test, is_of_handed)
                and any(isinstance(n, ir.Return) for n in s.body)
                for s in around.body
                if s.start < store.node.start
            )
    return False


def _compares_size(test: ir.Expr, is_of_another: Callable[[ir.Cmp], bool]) -> bool:
    for node in ir.walk(test):
        if (
            isinstance(node, ir.Cmp)
            and not is_of_another(node)
            and any(op in ("<", "<=", ">", ">=", "==", "!=") for op in node.ops)
        ):
            for part in ir.walk(node):
                name = ir.last_name(part)
                if name in ("len", "__len__", "size", "qsize", "count", "full", "is_full", "counter", "num"):
                    return True
                if isinstance(name, str) and any(
                    word in name.lower() for word in ("size", "len", "capacity", "count", "cnt", "max")
                ):
                    return True
    return False


def last_kept(graph: ReplayGraph) -> dict[Alloc, list[tuple[str, ir.Expr]]]:
    """By how many of its last items a list is replaced, and the file that says so: `self.rows = self.rows[-n:]`."""
    found: dict[Alloc, list[tuple[str, ir.Expr]]] = defaultdict(list)
    for write in graph.events.writes.values():
        value = write.expression
        cut = value.index if isinstance(value, ir.Sub) else None
        lower = cut.lower if isinstance(cut, ir.Slice) and cut.upper is None else None
        if not isinstance(value, ir.Sub) or not isinstance(lower, ir.Un) or lower.op != "-":
            continue
        if isinstance(value.value, ir.Attr) and value.value.attr == write.attribute:
            for atom in graph.events.value(value.value).atoms:
                if isinstance(atom, Alloc):
                    found[atom].append((write.path, lower.operand))
    return dict(found)


def cut_containers(graph: ReplayGraph) -> set[Alloc]:
    """The containers of which a part is assigned in place of the whole: `memory = memory[-limit:]`.

    Not where nothing calls the method that does so, or no memory of a machine holds as much as the part.
    """
    found: set[Alloc] = set()
    for path, module in graph.project.modules.items():
        for node in module.nodes_of(ir.Assign):
            if isinstance(node.value, ir.Sub) and isinstance(node.value.index, ir.Slice):
                held = {atom for atom in graph.events.value(node.value.value).atoms if isinstance(atom, Alloc)}
                into = {atom for target in node.targets for atom in graph.events.value(target).atoms}
                attribute = any(isinstance(target, ir.Attr) for target in node.targets)
                cut = {atom for atom in held if attribute or atom in into} - found
                found |= cut if cut and _is_cut_short(graph, path, node.value.index, cut) else set()
    return found


def _is_cut_short(graph: ReplayGraph, path: str, index: ir.Slice, containers: set[Alloc]) -> bool:
    """Whether something reaches the place where containers are cut, and what is left of them is a part."""
    function = graph.symbols.function_of(path, index)
    if _is_idle(graph, function, (s for s in graph.events.stores.values() if s.container in containers)):
        return False
    if index.upper is not None or not isinstance(index.lower, ir.Un) or index.lower.op != "-":
        return True
    least = number_of(graph, path, index.lower.operand).least
    return least is None or least < _UNREACHED
