"""Recognition of replay buffers by structure: what is stored, how it is drawn, who learns from it."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph import events as ev
from per_audit.graph import externals as ext
from per_audit.graph.draws import batch_argument
from per_audit.graph.libraries import find_library_buffers, is_test
from per_audit.graph.lifetimes import is_uncalled, is_unused, lives_for_one_pass
from per_audit.graph.model import PRIORITISED, UNIFORM, ReplayBuffer, ReplayGraph
from per_audit.graph.pipelines import modules_that_draw
from per_audit.graph.reference import is_pal
from per_audit.graph.resampling import replaces_its_population
from per_audit.graph.roles import NEXT, POLICY, VALUE, looks_like_transition, name_of, role_of, role_of_name, words
from per_audit.graph.values import (
    Alloc,
    Atom,
    ClassRef,
    Columns,
    Drawn,
    Instance,
    Item,
    TupleOf,
    Value,
    is_observed,
    roles_in,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_RANGED = {"randint", "integers", "randrange", "random_integers"}  # draws of positions from the first to the second
_SWITCHES = {"prioritized", "prioritised", "prioritize", "prioritise", "priority", "priorities", "prio", "per"}


def find_buffers(graph: ReplayGraph) -> None:
    """Fill `graph.buffers`, in order of their places."""
    finder = _Finder(graph)
    prioritised = finder.prioritised()
    uniform = [
        buffer
        for buffer in finder.uniform()
        if not finder.is_part_of(buffer, prioritised) and not finder.is_overridden(buffer, prioritised)
    ]
    found = _without_dead(prioritised + uniform)
    if any(buffer.instances for buffer in found):
        found = [b for b in found if b.kind == PRIORITISED or not is_unused(graph, b)]
    if any(buffer.samples for buffer in found):
        found = [b for b in found if b.kind == PRIORITISED or not is_uncalled(graph, b)]
    graph.buffers = sorted(found, key=lambda b: (b.path, b.draws[0].start))
    heirs = graph.interpreter.subclasses
    known = {cls for b in uniform if b.owner is not None for cls in (b.owner, *heirs.get(b.owner, ()))}
    graph.library = find_library_buffers(graph.project.modules, graph.events, known)
    replaced = {site.path for buffer in graph.library if buffer.prioritised for site in buffer.samples}
    graph.buffers = [b for b in graph.buffers if b.kind == PRIORITISED or b.path not in replaced or _is_made(b)]


# Modules that store in one memory. What seems to be stored from more are values that could not be told apart.
_MOST_MODULES = 8


class _Finder:
    def __init__(self, graph: ReplayGraph) -> None:
        self.graph = graph
        self.events = graph.events
        self.project = graph.project
        self.gathers: dict[ir.Node, set[Alloc]] = defaultdict(set)
        for gather in self.events.gathers.values():
            for node in self._own_draws(gather):
                self.gathers[node].add(gather.container)
        self.stores: dict[Alloc, list[ev.Store]] = defaultdict(list)
        for store in self.events.stores.values():
            self.stores[store.container].append(store)
        self.evictions: dict[Alloc, list[ev.Evict]] = defaultdict(list)
        for evict in self.events.evictions.values():
            self.evictions[evict.container].append(evict)
        self.writes: dict[ir.Class, list[ev.AttributeWrite]] = defaultdict(list)
        for write in self.events.writes.values():
            self.writes[write.owner.node].append(write)
        self._returned: dict[ev.Owner, set[ir.Seq]] = {}
        self.unpacks: dict[ir.Node, list[ev.Unpack]] = defaultdict(list)
        for unpack in self.events.unpacks.values():
            if len(unpack.node.items) >= 3:
                for node in self._taken_apart(unpack.value):
                    self.unpacks[node].append(unpack)
        self.instances: dict[ir.Class, list[ev.CallSite]] = defaultdict(list)
        for site in self.events.calls.values():
            for cls in site.classes:
                self.instances[cls].append(site)
        self.weighted_functions = {d.function for d in self.events.draws.values() if d.weighted and self._gathered(d)}
        self.weighted_functions |= {
            mass.function for mass in self.events.masses.values() if mass.descends and self._picks(mass)
        }
        self.weighted_functions.discard(None)

    def _taken_apart(self, value: Value, depth: int = 2) -> set[ir.Node]:
        """The draws of which the value is an element, the batch, its columns, or what the drawing function returned."""
        found: set[ir.Node] = set()
        for atom in value.atoms:
            if isinstance(atom, (Item, Drawn)):
                found.add(atom.draw)
            elif isinstance(atom, Columns) and depth:
                rows = self.graph.interpreter.parts.element(atom.rows)
                found |= self._taken_apart(rows, depth - 1)
            elif isinstance(atom, TupleOf) and len(atom.items) >= 4:
                found |= {
                    node
                    for node in set.intersection(*(item.tagged("draw") | item.tagged("index") for item in atom.items))
                    if self._is_returned(atom.node, node)
                }
        return found

    def _is_returned(self, display: ir.Node, draw: ir.Node) -> bool:
        """Whether the display stands in a return statement of the function that draws."""
        site = self.events.draws.get(draw) or self.events.masses.get(draw)
        if site is None or site.function is None:
            return False
        if site.function not in self._returned:
            returns = self.events.returns.get(site.function, {})
            self._returned[site.function] = {n for r in returns for n in ir.walk(r) if isinstance(n, ir.Seq)}
        return display in self._returned[site.function]

    # ---------------------------------------------------------------- prioritised

    def prioritised(self) -> list[ReplayBuffer]:
        found: list[ReplayBuffer] = []
        for draw in self.events.draws.values():
            if draw.weighted and not is_test(draw.path) and not _is_of_one_each(draw):
                containers = self._gathered(draw)
                buffer = self._buffer(PRIORITISED, draw.path, draw.function, [draw.node], containers)
                if (containers and self._is_replay(buffer)) or self._is_weighted(buffer):
                    found.append(buffer)
        walked: set[ev.Owner] = set()  # of classes that draw; what a script puts into their trees is no draw of its own
        for mass in sorted(self.events.masses.values(), key=lambda m: m.function not in self.project.class_of):
            if mass.descends and self._picks(mass) and not self._is_of_environment(mass.function):
                containers, walkers = self._family(mass.function), self._walkers(mass)
                if mass.function in self.project.class_of:
                    walked |= walkers
                elif walked.isdisjoint(walkers):  # a function or script that holds its tree in a variable
                    containers = containers.union(*map(self._family, walkers))
                buffer = self._buffer(PRIORITISED, mass.path, mass.function, [mass.node], containers)
                if self._is_replay(buffer) or self._is_weighted(buffer):
                    found.append(buffer)
                else:
                    found += self._around(mass)
        return _merged([buffer for buffer in found if not replaces_its_population(self.events, buffer)])

    def _picks(self, mass: ev.Mass) -> bool:
        """Whether the code that makes the number has it searched for, or reaches the loop or recursion that does."""
        around = self.graph.parents(mass.path).get(mass.node)
        if isinstance(around, ir.Bin) and around.op == "-" and around.left is mass.node:
            return False  # noise about 0
        walked = self._walkers(mass)
        makers = [mass.function, *(site.function for site in self.graph.callers.get(mass.function, ()))]
        return mass.searched or mass.function is None or any(f and self.graph.reachable(f) & walked for f in makers)

    def _walkers(self, mass: ev.Mass) -> set[ev.Owner]:
        """The functions that go down a tree with the number: they compare it, and take sums off it."""
        return {function for function in mass.compared_in & mass.reduced_in if self._repeats(function)}

    def _is_of_environment(self, function: ev.Owner) -> bool:
        """Whether an environment draws the number: a goal, a start, noise, that the observations then depend on."""
        owner = self.project.class_of.get(function) if function is not None else None
        return owner is not None and self._is_environment(owner)

    def _repeats(self, function: ev.Owner) -> bool:
        """Whether the function has a loop or calls itself."""
        if function is None:
            return True
        has_loop = any(isinstance(n, (ir.For, ir.While, ir.Comp)) for n in ir.walk(function))
        return has_loop or any(function in self.graph.reachable(f, 2) for f in self.graph.callees(function))

    def _around(self, mass: ev.Mass) -> list[ReplayBuffer]:
        """The buffers that ask a sum tree for positions: the tree draws, they read their rows there."""
        found: list[ReplayBuffer] = []
        readers = {
            gather.function: gather.path
            for gather in self.events.gathers.values()
            if mass.node in gather.draws and gather.function is not mass.function
        }
        for function in self._weights_of.get(mass.node, ()):
            if function is not None and function is not mass.function:
                readers[function] = self.project.module_of[function].path
        for function, path in sorted(readers.items(), key=lambda item: (item[1], item[0].start if item[0] else 0)):
            sites = [s for s in self.graph.calls_of(function, (path,)) if s.path == path]
            asked = [s.node for s in sites if any(mass.function in self.graph.reachable(f.node, 1) for f in s.targets)]
            if asked:
                buffer = self._buffer(PRIORITISED, path, function, asked, self._family(function), {mass.node})
                if self._is_replay(buffer) or self._is_weighted(buffer):
                    found.append(buffer)
        return found

    def _is_weighted(self, buffer: ReplayBuffer) -> bool:
        """Whether the class of the buffer computes importance-sampling weights of what it draws."""
        methods = {s for s in buffer.owner.body if isinstance(s, ir.Function)} if buffer.owner is not None else set()
        return any(function in methods for source in buffer.sources for function in self._weights_of.get(source, ()))

    @cached_property
    def _weights_of(self) -> dict[ir.Node, set[ev.Owner]]:
        """The functions that raise something computed from a draw to the power -beta, by the draw."""
        found: dict[ir.Node, set[ev.Owner]] = defaultdict(set)
        for function in self.project.functions:
            for node in ir.walk_scope(function.body):
                if isinstance(node, (ir.Bin, ir.Call)):
                    value = self.events.value(node)
                    if ("isw", node) in value.tags:
                        for source in value.tagged("draw") | value.tagged("index"):
                            found[source].add(function)
        return found

    @cached_property
    def _held(self) -> dict[ir.Class, list[Atom]]:
        """What the attributes of each class may be."""
        held: dict[ir.Class, list[Atom]] = defaultdict(list)
        for (holder, _), value in self.graph.interpreter.attributes.items():
            held[holder] += value.atoms
        return held

    @cached_property
    def _holders(self) -> dict[Alloc, set[ir.Class]]:
        """The classes that have each container in an attribute."""
        holders: dict[Alloc, set[ir.Class]] = defaultdict(set)
        for cls, atoms in self._held.items():
            for atom in atoms:
                if isinstance(atom, Alloc):
                    holders[atom].add(cls)
        return holders

    def _family(self, function: ev.Owner) -> set[Alloc]:
        """The containers that the class of the function, and the objects in its attributes, hold."""
        owner = self.project.class_of.get(function) if function is not None else None
        classes = [owner] if owner is not None else []
        known = set(classes)
        found: set[Alloc] = set()
        for cls in classes:
            for holder in self.graph.interpreter.mro(cls):
                for atom in self._held.get(holder, ()):
                    if isinstance(atom, Alloc):
                        found.add(atom)
                    elif isinstance(atom, (Instance, ClassRef)) and atom.node not in known:
                        known.add(atom.node)
                        classes.append(atom.node)
        return found

    # ---------------------------------------------------------------- uniform

    def uniform(self) -> list[ReplayBuffer]:
        found: list[ReplayBuffer] = []
        for draw in self.events.draws.values():
            if draw.weighted or is_test(draw.path):
                continue
            if self._is_pass(draw) or self._is_stratified(draw) or self._is_ahead(draw):
                continue
            containers = self._gathered(draw)
            buffer = self._buffer(UNIFORM, draw.path, draw.function, [draw.node], containers)
            if not self._is_replay(buffer) or self._has_prioritised_path(buffer) or self._is_on_policy(buffer):
                continue
            if self._is_pal(buffer) or lives_for_one_pass(self.graph, buffer):
                continue
            found.append(buffer)
        return _merged(found)

    def _own_draws(self, gather: ev.Gather) -> set[ir.Node]:
        """The draws of the positions read: those of the class that reads, where it draws any itself.

        What it is given beside them, such as errors that depend on an action drawn elsewhere, is no position.
        """
        reader = self.project.class_of.get(gather.function) if gather.function is not None else None
        family = set(self.graph.interpreter.mro(reader)) if reader is not None else set()
        makers = {node: self.events.draws.get(node) or self.events.masses.get(node) for node in gather.draws}
        own = {
            n
            for n, made in makers.items()
            if made and made.function and self.project.class_of.get(made.function) in family
        }
        return own or set(gather.draws)

    def _gathered(self, draw: ev.Draw) -> set[Alloc]:
        """What is drawn from; nothing where that is the tables in which environments look up what an action does."""
        found = draw.containers | self.gathers.get(draw.node, set())
        return set() if all(map(self._is_model, found)) else found

    def _is_model(self, container: Alloc) -> bool:
        stores = self.stores.get(container, ())
        return bool(stores) and all(self._is_of_environment(store.function) for store in stores)

    def _is_pass(self, draw: ev.Draw) -> bool:
        """Whether the draw only shuffles: a permutation that is walked through rather than cut to a batch.

        So does a draw of as many as there are, for each model of an ensemble: a bootstrap of all data.
        """
        size = draw.node.argument(1, "size")
        if isinstance(size, ir.Seq) and draw.method == "choice" and draw.node.args:
            everything = self.graph.source(draw.path, draw.node.args[0].value, 200)
            return any(self.graph.source(draw.path, item, 200) == everything for item in size.items)
        if draw.method not in ("permutation", "randperm"):
            return False
        parent = self.graph.parents(draw.path).get(draw.node)
        cut = isinstance(parent, ir.Sub) and isinstance(parent.index, ir.Slice) and parent.index.lower is None
        return not cut

    def is_part_of(self, buffer: ReplayBuffer, prioritised: list[ReplayBuffer]) -> bool:
        """Whether a prioritised buffer, other than of an heir of its class, holds what the buffer draws from."""
        mro = self.graph.interpreter.mro
        return any(
            buffer.containers & other.containers
            and (buffer.owner is None or other.owner is None or buffer.owner not in mro(other.owner))
            for other in prioritised
        )

    def _is_stratified(self, draw: ev.Draw) -> bool:
        """Whether the draw is one of several, each from a memory of its own: equal shares for unequal memories."""
        loop = next(self._loops(draw), None)
        if loop is None or not draw.items or not draw.node.args:
            return False
        names = _counters(loop)
        population: list[ir.Node] = [draw.node.args[0].value]
        if isinstance(population[0], ir.Name):
            # A name for one of the memories, given inside the loop.
            name = population[0].id
            assigned = (n for n in ir.walk(loop) if isinstance(n, ir.Assign) and n.value is not None)
            population += [
                n.value for n in assigned if any(getattr(t, "id", None) == name for t in n.targets) and n.value
            ]
        return any(isinstance(n, ir.Name) and n.id in names for n in ir.walk(*population))

    def _loops(self, draw: ev.Draw) -> Iterator[ir.For | ir.Comp]:
        """The loops of its function around a draw, innermost first."""
        for around in self.graph.ancestors(draw.path, draw.node):
            if isinstance(around, (ir.Function, ir.Lambda)):
                return
            if isinstance(around, (ir.For, ir.Comp)):
                yield around

    def _is_ahead(self, draw: ev.Draw) -> bool:
        """Whether the draw is of what follows a step that a loop counts: a goal reached later in the episode."""
        if not draw.node.args:
            return False
        first: ir.Node = draw.node.args[0].value
        if isinstance(first, ir.Call) and getattr(first.func, "id", "") == "range" and len(first.args) > 1:
            lower: ir.Node | None = first.args[0].value
        elif isinstance(first, ir.Sub) and isinstance(first.index, ir.Slice):
            lower = first.index.lower
        else:
            second = draw.node.argument(1, "high")
            lower = first if second is not None and draw.method in _RANGED else None
        counted = set().union(*(_counters(loop) for loop in self._loops(draw)))
        return lower is not None and any(isinstance(n, ir.Name) and n.id in counted for n in ir.walk(lower))

    def is_overridden(self, buffer: ReplayBuffer, prioritised: list[ReplayBuffer]) -> bool:
        """Whether the project makes no object of the class itself, but of one that draws by priority in its place."""
        if buffer.owner is None or any(buffer.owner in site.classes for site in buffer.instances):
            return False
        name = getattr(buffer.function, "name", "")
        heirs = self.graph.interpreter.subclasses.get(buffer.owner, ())
        return any(
            other.owner in heirs
            and other.instances
            and self.graph.interpreter.find_method(other.owner, name) is not buffer.function
            for other in prioritised
            if other.owner is not None
        )

    # ---------------------------------------------------------------- evidence

    def _buffer(
        self,
        kind: str,
        path: str,
        function: ev.Owner,
        draws: list[ir.Call],
        containers: set[Alloc],
        sources: set[ir.Node] | None = None,
    ) -> ReplayBuffer:
        owner = self.project.class_of.get(function) if function is not None else None
        buffer = ReplayBuffer(kind, path, owner, function, draws, containers)
        drawn = buffer.sources = set(draws) if sources is None else sources
        # A list that the batch is put together in is no memory; what a method of the buffer keeps of its caller's is,
        # although the states that a policy leads to depend on what it has learnt from. So it is with the methods of the
        # one class whose memory a function draws positions of; what several classes share is a helper.
        holders = {cls for container in containers for cls in self._holders.get(container, ())}
        keeper = next(iter(holders)) if owner is None and len(holders) == 1 else owner
        keeping = self._methods(keeper) - self.graph.reachable(function, 3)
        buffer.stores = [
            store
            for container in sorted(containers, key=lambda alloc: (alloc.node.start, alloc.kind))
            for store in self.stores.get(container, ())
            if not store.value.tagged("draw") & drawn or is_observed(store.value) or store.function in keeping
        ]
        buffer.stores.sort(key=_place)
        buffer.evictions = [e for container in containers for e in self.evictions.get(container, ())]
        buffer.evictions.sort(key=_place)
        roles: set[str] = set()
        for store in buffer.stores:
            roles |= roles_in(store.value) | store.roles
            for atom in store.value.atoms:
                if isinstance(atom, Instance):
                    roles |= self._fields(atom.node)
                elif isinstance(atom, Alloc) and kind == PRIORITISED and store.path == path:
                    # Several steps in a row are stored as one item, where the memory is kept: not what agents hold
                    # of several environments.
                    roles = roles.union(*(roles_in(inner.value) | inner.roles for inner in self.stores.get(atom, ())))
        buffer.roles = frozenset(roles)
        if function is not None:
            buffer.samples = self.graph.callers.get(function, [])
        if owner is not None:
            heirs = {owner, *self.graph.interpreter.subclasses.get(owner, ())}
            buffer.instances = [site for cls in heirs for site in self.instances.get(cls, ())]
        return buffer

    def _methods(self, owner: ir.Class | None) -> set[ev.Owner]:
        classes = self.graph.interpreter.mro(owner) if owner is not None else ()
        return {s for cls in classes for s in cls.body if isinstance(s, ir.Function)}

    def _is_environment(self, cls: ir.Class) -> bool:
        """Whether objects of the class are acted in: `reset()`, and a `step(action)` that returns several things."""
        if any(words(ext.last(base))[-1:] == ("env",) for base in self.graph.interpreter.external_bases(cls)):
            return True
        step = self.graph.interpreter.find_method(cls, "step")
        if step is None or self.graph.interpreter.find_method(cls, "reset") is None:
            return False
        needed = [p for p in step.parameters[1:] if p.default is None and not p.kind]
        returned = [node.value for node in ir.walk(step) if isinstance(node, ir.Return)]
        if any(not {"env", "environment"}.isdisjoint(words(c.name)) for c in self.graph.interpreter.mro(cls)):
            return len(needed) == 1 and bool(returned)  # what it returns may be an object of its own
        return len(needed) == 1 and any(isinstance(value, ir.Seq) and len(value.items) >= 3 for value in returned)

    def _fields(self, cls: ir.Class) -> set[str]:
        """The roles of the fields of a class that does nothing but hold them: a data class or the like."""
        if any(isinstance(s, ir.Function) and not s.name.startswith("__") for s in cls.body):
            return set()
        names = {s.targets[0].id for s in cls.body if isinstance(s, ir.Assign) and isinstance(s.targets[0], ir.Name)}
        names |= {w.attribute for w in self.writes.get(cls, ())}
        return {role for name in names if (role := role_of_name(name))}

    def _is_replay(self, buffer: ReplayBuffer) -> bool:
        roles = set(buffer.roles)
        if buffer.owner is not None and self._is_environment(buffer.owner):
            return False
        if len({store.path for store in buffer.stores}) > _MOST_MODULES:
            return False
        if POLICY in roles or (VALUE in roles and NEXT not in roles):
            return False
        if looks_like_transition(roles):
            return True
        consumed = self._consumed_roles(buffer.sources)
        if POLICY in consumed or (VALUE in consumed and NEXT not in consumed):
            return False
        if not buffer.containers and not self._drawn_from_something(buffer.draws):
            return False
        buffer.roles = frozenset(roles | consumed)
        return looks_like_transition(consumed) or (looks_like_transition(roles | consumed) and len(consumed) >= 2)

    def _drawn_from_something(self, draws: Iterable[ir.Call]) -> bool:
        return any(node in self.events.draws and self.events.draws[node].items for node in draws)

    def _consumed_roles(self, draws: Iterable[ir.Node]) -> set[str]:
        """The roles of the names that drawn transitions are taken apart into."""
        unpacks = [unpack for draw in draws for unpack in self.unpacks.get(draw, ())]
        return {role for unpack in unpacks for item in unpack.node.items if (role := role_of(item))}

    # ---------------------------------------------------------------- what is not uniform only

    def _has_prioritised_path(self, buffer: ReplayBuffer) -> bool:
        function = buffer.function
        if function in self.weighted_functions:
            return True
        if buffer.owner is not None:
            methods = [s for s in buffer.owner.body if isinstance(s, ir.Function)]
            if any(method in self.weighted_functions for method in methods):
                return True
        if self.weighted_functions & self.graph.reachable(function, 3):
            return True
        if self._under_switch(buffer.path, buffer.draws[0]):
            return True
        if buffer.instances and all(self._under_switch(site.path, site.node) for site in buffer.instances):
            return True
        callers = buffer.samples
        return bool(callers) and all(self._is_switched(site) for site in callers)

    def _under_switch(self, path: str, node: ir.Node) -> bool:
        """Whether a test of a setting called something like `prioritized` decides about the node."""
        for around in self.graph.ancestors(path, node):
            if isinstance(around, (ir.If, ir.IfExp)):
                names = (name_of(part) for part in ir.walk(around.test) if isinstance(part, (ir.Name, ir.Attr, ir.Sub)))
                if any(not _SWITCHES.isdisjoint(words(name)) for name in names if name):
                    return True
            elif isinstance(around, ir.Function):
                return False
        return False

    def _is_switched(self, site: ev.CallSite) -> bool:
        """Whether the function that makes the call may draw by priority as well."""
        if {func.node for func in site.targets} & self.weighted_functions:
            return True
        return bool(self.weighted_functions & self.graph.reachable(site.function, 2)) and site.function is not None

    def _is_pal(self, buffer: ReplayBuffer) -> bool:
        """Whether the loss gives uniform draws the expected gradient of draws by priority."""
        functions = self.graph.training_functions(buffer)
        paths = modules_that_draw(buffer)
        return any(is_pal(site) for function in functions for site in self.graph.calls_of(function, paths))

    def _is_on_policy(self, buffer: ReplayBuffer) -> bool:
        """Whether the containers are emptied as often as they are learnt from."""
        emptying = [e for e in buffer.evictions if e.how in ("clear", "reset")]
        if not emptying:
            return False
        functions = {e.function for e in emptying}
        if buffer.function in functions:
            return True
        sites = list(buffer.samples)
        seen: set[ev.Owner] = {buffer.function}
        for _ in range(3):
            outer: list[ev.CallSite] = []
            for site in sites:
                if self._loop_empties(site, functions):
                    return True
                if site.function is not None and site.function not in seen:
                    seen.add(site.function)
                    outer += self.graph.callers.get(site.function, [])
            sites = outer
        return False

    def _loop_empties(self, site: ev.CallSite, emptying: set[ev.Owner]) -> bool:
        """Whether the innermost loop around a call (or else its function) also empties the buffer."""
        scope: ir.Node | None = site.function
        for ancestor in self.graph.ancestors(site.path, site.node):
            if isinstance(ancestor, (ir.For, ir.While)):
                scope = ancestor
                break
            if isinstance(ancestor, (ir.Function, ir.Lambda)):
                break
        if scope is None:
            return False
        if isinstance(scope, ir.Function) and not self.graph.learns(scope):
            return False
        inside = {n for n in ir.walk(scope) if isinstance(n, ir.Call)}
        for call in inside:
            other = self.events.calls.get(call)
            if other is None or other is site:
                continue
            for func in other.targets:
                if func.node in emptying or self.graph.callees(func.node) & emptying:
                    return True
        return any(
            e.node in inside for e in self.events.evictions.values() if e.how == "clear" and e.function in emptying
        )


def _counters(loop: ir.For | ir.Comp) -> set[str]:
    """The names that a loop gives to what it goes through."""
    targets = [loop.target] if isinstance(loop, ir.For) else [g.target for g in loop.generators]
    return {n.id for n in ir.walk(*targets) if isinstance(n, ir.Name)}


def _is_made(buffer: ReplayBuffer) -> bool:
    """Whether the project makes an object of the buffer's class, or has none for it."""
    return buffer.owner is None or bool(buffer.instances)


def _place(event: ev.Store | ev.Evict) -> tuple[str, int]:
    return event.path, event.node.start


def _without_dead(buffers: list[ReplayBuffer]) -> list[ReplayBuffer]:
    """Without the draws of methods that nobody calls while another drawing method of the same class is called."""
    alive = {buffer.owner for buffer in buffers if buffer.owner is not None and buffer.samples}
    return [b for b in buffers if b.samples or b.owner not in alive]


def _merged(buffers: list[ReplayBuffer]) -> list[ReplayBuffer]:
    """Draws that one function makes from the same containers are one buffer."""
    found: list[ReplayBuffer] = []
    for buffer in buffers:
        for known in found:
            same = known.function is buffer.function and known.path == buffer.path
            if same and (known.containers & buffer.containers or not buffer.containers):
                known.draws += [node for node in buffer.draws if node not in known.draws]
                known.sources |= buffer.sources
                new = buffer.containers - known.containers
                known.stores += [s for s in buffer.stores if s.container in new]
                known.evictions += [e for e in buffer.evictions if e.container in new]
                known.containers |= new
                known.roles |= buffer.roles
                break
        else:
            found.append(buffer)
    for buffer in found:
        buffer.draws.sort(key=lambda node: node.start)
    return found


def _is_of_one_each(draw: ev.Draw) -> bool:
    """Whether one is drawn by each row of masses: an action, a token."""
    many = batch_argument(draw.node, draw.method) if draw.method.endswith("multinomial") else None
    return isinstance(many, ir.Const) and many.value == 1
