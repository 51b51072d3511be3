"""Memories that are emptied before anything is stored again beside what was drawn: rollouts, learnt from for epochs."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.definitions import positions_of
from per_audit.graph.interpret.targets import BUILDERS
from per_audit.graph.interpret.values import Alloc, Record, TupleOf
from per_audit.graph.libraries.buffers import is_test
from per_audit.graph.recognise.draws.hindsight import counters, loops
from per_audit.graph.recognise.learning.flow import DRAW, EMPTY, MAKE, STORE, Flow, Happening

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.interpret.values import Value
    from per_audit.graph.model import ReplayBuffer, ReplayGraph
    from per_audit.graph.symbolic import Term

_FAR = 2  # calls from where something is taken out to where it is drawn from
_DEEPEST = 3  # containers in others
_LIKE = ("zeros_like", "empty_like", "ones_like", "full_like")  # of its shape alone
_EMPTYING = ("clear", "reset")


class Holders:
    """Which objects of a project hold containers, by themselves or in other ones."""

    def __init__(self, graph: ReplayGraph) -> None:
        self.graph = graph
        self._inside: dict[tuple[ir.Node, int], set[Alloc]] = {}

    @cached_property
    def classes(self) -> dict[Alloc, set[ir.Class]]:
        """The classes whose objects hold each container."""
        found: dict[Alloc, set[ir.Class]] = defaultdict(set)
        for (cls, _), value in self.graph.interpreter.attributes.items():
            for container in self.held(value):
                found[container].add(cls)
        return dict(found)

    def held(self, value: Value, depth: int = _DEEPEST) -> set[Alloc]:
        """The containers that a value is, or holds."""
        found: set[Alloc] = set()
        for atom in value.atoms if depth else ():
            if isinstance(atom, Alloc):
                found.add(atom)
                found |= self._held_in(atom.node, depth - 1)
            elif isinstance(atom, (TupleOf, Record)):
                for each in atom.items:
                    found |= self.held(each, depth - 1)
        return found

    def _held_in(self, container: ir.Node, depth: int) -> set[Alloc]:
        """The containers in a container; many attributes hold the same ones."""
        key = (container, depth)
        if key not in self._inside:
            self._inside[key] = self.held(self.graph.interpreter.content_of(container), depth)
        return self._inside[key]


def is_rollout(holders: Holders, buffer: ReplayBuffer) -> bool:
    """Whether all that is ever drawn was stored since the memory was last emptied, and nothing in between."""
    if not buffer.stores:
        return False
    graph = holders.graph
    rollout = _Rollout(holders, buffer)
    emptied = list(rollout.emptied())
    return bool(emptied) and Flow(graph, [*emptied, *rollout.used()], rollout.is_of_another).is_emptied_after_draws()


class _Rollout:
    """What is done to one memory."""

    def __init__(self, holders: Holders, buffer: ReplayBuffer) -> None:
        self.graph = graph = holders.graph
        self.events = graph.events
        self.buffer = buffer
        self.stored = {store.node for store in buffer.stores}
        self._held = holders.held
        self.holders = self._holders(holders)
        interpreter = graph.interpreter
        self.family = {
            part for classes in self.holders.values() for cls in classes for part in interpreter.classes.kin(cls)
        }
        sites = (site for site in graph.events.calls.values() if not site.classes.isdisjoint(self.family))
        self.is_one = sum(not is_test(site.path) for site in sites) < 2
        self.names = self._names()

    def used(self) -> Iterator[Happening]:
        """Where it is stored into and drawn from."""
        for store in self.buffer.stores:
            yield Happening(store.path, store.node, store.function, STORE)
        drawn: list[ir.Node] = [*self.buffer.draws]
        drawn += [gather.node for gather in self.events.gathers.values() if gather.draws & self.buffer.sources]
        names = {part.id for part in ir.walk(*drawn) if isinstance(part, ir.Name)}
        copied = list(self._copied(self.buffer.path, self.buffer.function, names, _FAR))
        for draw in () if copied else self.buffer.draws:
            yield Happening(self.buffer.path, draw, self.buffer.function, DRAW)
        yield from copied

    def emptied(self) -> Iterator[Happening]:
        """Where it is emptied: cleared, made anew, or counted from 0 again."""
        for evict in self.buffer.evictions:
            empties = evict.how in _EMPTYING or _is_last_popped(self.graph, evict)
            if empties and not self._is_kept(evict.node) and self._is_meant(evict.function, evict.node):
                yield Happening(evict.path, evict.node, evict.function, EMPTY)
        for container in self.buffer.containers:
            yield from self._made(container)
        yield from self._counted_from_zero()
        yield from self._filled_again()

    def _copied(self, path: str, function: ev.Owner, names: set[str], far: int) -> Iterator[Happening]:
        """Where names are given what a call takes out of the memory, which need not be there any more when it is drawn.

        They may be those of a function, or what its callers call its parameters.
        """
        if not isinstance(function, ir.Function):
            return
        found = False
        for node in ir.walk_scope(function.body):
            if (
                isinstance(node, ir.Assign)
                and isinstance(node.value, ir.Call)
                and self._is_held_in(node.value)
                and not names.isdisjoint(ir.last_name(part) for part in ir.walk(*node.targets))
            ):
                found = True
                yield Happening(path, node, function, DRAW)
        if found or not far or names.isdisjoint(parameter.name for parameter in function.parameters):
            return
        for site in self.graph.callers.get(function, ()):
            given = positions_of(self.graph, site.node, function)
            outer = {ir.last_name(part) for name in names for part in given.get(name, ())} - {""}
            if outer:
                yield from self._copied(site.path, site.function, outer, far - 1)

    def _is_held_in(self, call: ir.Call) -> bool:
        """Whether what a call returns is of the memory: all of it, its columns."""
        return not self.buffer.containers.isdisjoint(self._held(self.events.value(call)))

    # ---------------------------------------------------------------- which object

    def _holders(self, holders: Holders) -> dict[Alloc, set[ir.Class]]:
        """The classes whose objects hold each container, by itself or in another one, and those that are one."""
        found: dict[Alloc, set[ir.Class]] = {}
        for container in self.buffer.containers:
            classes = set(holders.classes.get(container, ()))
            if isinstance(container.node, ir.Class):
                classes.add(container.node)
            if classes:
                found[container] = classes
        return found

    def _names(self) -> set[str]:
        """What the object is called where something is drawn from it."""
        if self.buffer.owner in self.family:
            return {name for site in self.buffer.samples for name in self._names_of(site)}
        read = [gather.node for gather in self.events.gathers.values() if gather.draws & set(self.buffer.draws)]
        return {ir.last_name(part) for part in ir.walk(*self.buffer.draws, *read)} - {"self", ""}

    def _names_of(self, site: ev.CallSite) -> set[str]:
        """What the object that is drawn from is called there, and by those who give it to the function."""
        if not isinstance(site.node.func, ir.Attr):
            return set()
        held = site.node.func.value
        found = {ir.last_name(part) for part in ir.walk(held)} - {"self"}
        if isinstance(held, ir.Name) and isinstance(site.function, ir.Function):
            for outer in self.graph.callers.get(site.function, ()):
                given = positions_of(self.graph, outer.node, site.function).get(held.id, ())
                found |= {ir.last_name(part) for part in given}
        return found - {""}

    def _is_meant(self, function: ev.Owner, node: ir.Node) -> bool:
        """Whether what empties an object may mean the one that is drawn from; there may be others of its class."""
        if self.is_one or self._is_own(function):
            return True
        return any(ir.last_name(part) in self.names for part in ir.walk(node))

    def _is_own(self, function: ev.Owner) -> bool:
        """Whether a function is a method of what holds the memory."""
        return function is not None and self.graph.project.class_of.get(function) in self.family

    def is_of_another(self, site: ev.CallSite) -> bool:
        """Whether a call from outside makes or empties an object that is called otherwise than what is drawn from."""
        if self.is_one or self._is_own(site.function):
            return False
        if not any(self._is_own(func.node) for func in site.targets):
            return False
        node: ir.Node = site.node
        if site.classes:
            node = self.graph.statement(site.path, node)
        elif isinstance(site.node.func, ir.Attr):
            node = site.node.func.value
        return all(ir.last_name(part) not in self.names for part in ir.walk(node))

    # ---------------------------------------------------------------- how it is emptied

    def _is_kept(self, node: ir.Node) -> bool:
        """Whether an assignment makes something of what there was: `self.rows = [row for row in self.rows if ...]`."""
        value = node.value if isinstance(node, ir.Assign) and not isinstance(node.value, ir.Seq) else None
        return value is not None and self._reads(value)

    def _reads(self, made: ir.Node) -> bool:
        """Whether something that is made is made of the memory."""
        if isinstance(made, ir.Call) and ir.last_name(made.func) in _LIKE:
            return False
        parts = ir.walk(*ir.children(made))
        return any(not self.buffer.containers.isdisjoint(self.events.value(part).atoms) for part in parts)

    def _made(self, container: Alloc) -> Iterator[Happening]:
        """Where the container is made, with nothing in it that it held before."""
        if isinstance(container.node, ir.Class):  # an heir of a list or deque
            for site in self.buffer.instances:
                if container.node in site.classes and self._is_meant(site.function, site.node):
                    yield Happening(site.path, site.node, site.function, MAKE)
            return
        path = self.graph.path_of(container.node)
        if path is None or container.node in self.stored or self._reads(container.node):
            return
        if _is_default(self.graph, path, container.node):
            return
        if container not in self.holders and not _is_repeated(self.graph, path, container.node):
            return  # it ends with the call
        yield Happening(path, container.node, self.graph.symbols.function_of(path, container.node), MAKE)

    def _counted_from_zero(self) -> Iterator[Happening]:
        """Where what bounds the draws, or else the position of what is stored, is set to 0."""
        fields = self._bounds() or self._positions()
        for field in fields:
            for value, write, _ in self.graph.symbols.written(field):
                if write is not None and value.number == 0 and self._is_meant(write.function, write.node):
                    yield Happening(write.path, write.node, write.function, EMPTY)

    def _bounds(self) -> set[Term]:
        """The counters of an object that the draws are bounded by."""
        terms = [
            self.graph.symbols.term(self.buffer.path, argument.value)
            for draw in self.buffer.draws
            for argument in draw.args
        ]
        return {field for term in terms for field in self._counters(term)}

    def _positions(self) -> set[Term]:
        """The counters of an object that alone tell where something is stored: not a step in one of many episodes."""
        found: set[Term] = set()
        for store in self.buffer.stores:
            if store.index is not None:
                told = self._counters(self.graph.symbols.term(store.path, store.index))
                found |= told if len(told) == 1 else set()
        return found

    def _counters(self, term: Term) -> set[Term]:
        """The fields in a term that methods other than constructors change."""
        if term.has("param"):
            term = self.graph.symbols.expanded(term, 2)
        writes_of = self.graph.symbols.writes_of
        return {
            part
            for part in term.walk()
            if part.op == "field"
            and any(getattr(write.function, "name", "") not in BUILDERS for write in writes_of.get(part.data, ()))
        }

    def _filled_again(self) -> Iterator[Happening]:
        """The loops that fill it from the first place on, and where a name that counts the places is set to 0."""
        stores = [store for store in self.buffer.stores if store.index is not None]
        if len(stores) < len(self.buffer.stores):
            return
        for store in stores:
            name = store.index.id if isinstance(store.index, ir.Name) else None
            function = store.function
            yield from self._loops_from_start(store.path, store.node, function, name)
            parameters = function.parameters if isinstance(function, ir.Function) else ()
            if any(parameter.name == name for parameter in parameters) and isinstance(function, ir.Function):
                for site in self.graph.callers.get(function, ()):
                    given = positions_of(self.graph, site.node, function).get(name or "", ())
                    for part in given:
                        yield from self._loops_from_start(
                            site.path, site.node, site.function, getattr(part, "id", None)
                        )

    def _loops_from_start(self, path: str, node: ir.Node, function: ev.Owner, name: str | None) -> Iterator[Happening]:
        """What lets a name count from 0 that tells the place: a loop around the node, or a statement."""
        if name is None:
            return
        for loop in loops(self.graph, path, node):
            if isinstance(loop, ir.For) and name in counters(loop) and _begins_at_zero(loop.iter):
                yield Happening(path, loop, function, EMPTY)
        body = function.body if isinstance(function, ir.Function) else self.graph.module(path).body
        for statement in ir.walk_scope(body) if isinstance(body, list) else ():
            if isinstance(statement, ir.Assign) and _sets_to_zero(statement, name):
                yield Happening(path, statement, function, EMPTY)


def _is_last_popped(graph: ReplayGraph, evict: ev.Evict) -> bool:
    """Whether a loop pops as long as anything is there: `while rows: rows.pop()`."""
    loop = next((each for each in graph.ancestors(evict.path, evict.node) if isinstance(each, ir.While)), None)
    if evict.how != "pop" or loop is None:
        return False
    test: ir.Expr = loop.test
    if isinstance(test, ir.Cmp) and test.ops in (["!="], [">"]) and getattr(test.rights[0], "value", None) == 0:
        test = test.left
    if isinstance(test, ir.Call) and ir.last_name(test.func) == "len" and test.args:
        test = test.args[0].value
    return evict.container in graph.events.value(test).atoms


def _is_default(graph: ReplayGraph, path: str, node: ir.Node) -> bool:
    """Whether what is made is put only where nothing stands yet: `rows.setdefault(key, [])`."""
    around = next((each for each in graph.ancestors(path, node) if not isinstance(each, ir.Arg)), None)
    return isinstance(around, ir.Call) and ir.last_name(around.func) == "setdefault"


def _is_repeated(graph: ReplayGraph, path: str, node: ir.Node) -> bool:
    """Whether a loop of its function goes over a node again and again."""
    for around in graph.ancestors(path, node):
        if isinstance(around, (ir.Function, ir.Lambda)):
            return False
        if isinstance(around, (ir.For, ir.While)):
            return True
    return False


def _begins_at_zero(node: ir.Expr) -> bool:
    """Whether a loop counts from 0: `range(n)`, `enumerate(rows)`."""
    if not isinstance(node, ir.Call):
        return False
    begins = ir.last_name(node.func) in ("enumerate", "trange") or len(node.args) == 1
    return begins and ir.last_name(node.func) in ("range", "trange", "enumerate")


def _sets_to_zero(statement: ir.Assign, name: str) -> bool:
    """Whether an assignment gives a name the number 0."""
    for target in statement.targets:
        pairs = [(target, statement.value)]
        if isinstance(target, ir.Seq) and isinstance(statement.value, ir.Seq):
            pairs = list(zip(target.items, statement.value.items, strict=False))
        for part, value in pairs:
            if isinstance(part, ir.Name) and part.id == name and isinstance(value, ir.Const) and value.value == 0:
                return True
    return False
