"""Whether anything that may run writes new priorities into a prioritised buffer."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import name_of
from per_audit.graph.interpret.values import Alloc, Func, Instance, Item, Record, Result, TupleOf, Value, is_observed
from per_audit.graph.liveness.memories.lifetimes import is_another
from per_audit.graph.prioritised.priorities.heaps import is_drawn_by_row
from per_audit.graph.prioritised.priorities.inherited import Inherited
from per_audit.graph.prioritised.priorities.own import Own
from per_audit.graph.prioritised.priorities.unseen import is_drawn_from_unseen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import Mention
    from per_audit.graph.prioritised.priorities.own import Maker
    from per_audit.graph.prioritised.priorities.priorities import Priorities

_FAR = 3  # calls from what draws to what starts it, and from there to what is run with it
BUILDERS = {"__init__", "__post_init__", "reset", "clear", "build", "setup"}
# Libraries through which an object of the project may be spoken to from elsewhere.
_REMOTE = {"ray", "multiprocessing", "torch.multiprocessing", "torch.distributed", "concurrent", "dask", "xmlrpc"}


def is_rated(events: ev.Events, stores: Iterable[ev.Store], source: ir.Node) -> bool:
    """Whether something is stored at the position that a random number led to, made of what was found there."""
    return any(
        source in events.value(store.index).tagged("index") and source in store.value.tagged("draw")
        for store in stores
        if store.index is not None
    )


def _rows(value: Value) -> list[TupleOf | Record]:
    return [atom for atom in value.atoms if isinstance(atom, (TupleOf, Record))]


def _assigned(method: ir.Function) -> set[str]:
    """The attributes that a method assigns to."""
    return {
        part.attr
        for node in ir.walk_scope(method.body)
        if isinstance(node, (ir.Assign, ir.Aug))
        for part in ir.walk(*(node.targets if isinstance(node, ir.Assign) else [node.target]))
        if isinstance(part, ir.Attr)
    }


def _base(node: ir.Node | None) -> ir.Node | None:
    """What an item of an item, and so on, is one of."""
    while isinstance(node, ir.Sub):
        node = node.value
    return node


class Updates:
    """Looks for whatever may give a buffer new priorities. What cannot be followed counts as an update.

    Given a `maker`, what others do with memories that they make for themselves is none of its own; `by_all` are the
    updates by whomever.
    """

    def __init__(self, about: Priorities, maker: Maker | None = None, by_all: Updates | None = None) -> None:
        self.about = about
        self.graph = about.graph
        self.events = about.graph.events
        self.drawing = about.buffer.function
        self.inherited = Inherited(self.graph)
        self._maker = maker
        self._by_all = by_all

    def found(self) -> bool:
        """Whether there is an update: at drawn positions, or by a call outside of what stores transitions."""
        if any(update.container in self.about.made for update in self.events.updates.values()):
            return True
        if self.about.is_reference:
            # Assigned one by one: `memory.priorities[indices] = ...`.
            return any(s.container in self.about.made and self.about.is_drawn(s.index) for s in self.about.stores())
        ways = (self._writes_drawn, self._tells_drawn, self._adds_again, self._puts_back, self._reaches_writer)
        return self.about.is_opaque or is_drawn_from_unseen(self.about, self._relatives) or any(way() for way in ways)

    def neglected(self) -> list[tuple[Maker, ev.CallSite]]:
        """Who learns from a memory of its own without any of the updates, which others make of theirs.

        Each with the place at which it has a batch drawn.
        """
        trained = self._own.trained()
        return [(maker, site) for maker, site in trained.items() if not Updates(self.about, maker, self).found()]

    @cached_property
    def _own(self) -> Own:
        return self._by_all._own if self._by_all is not None else Own(self.about, self._relatives)

    # ---------------------------------------------------------------- written where it was drawn

    def _writes_drawn(self) -> bool:
        """A store at drawn positions, a drawn item put back, an attribute of a drawn item assigned."""
        for store in self.about.stores():
            if store.container not in self.about.containers or self._is_left(store.function):
                continue
            if is_observed(store.value) and not self._was_there(store):
                continue
            if self.about.is_drawn(store.index):
                return True
            # Beside a new transition goes its first priority, whatever network that was computed with.
            if self._is_for_adding(store.function):
                continue
            tags = store.value.tagged("draw") | store.value.tagged("index")
            if self.about.is_drawn(store.expression) or (
                tags & self.about.draws and store.function in self.about.functions
            ):
                return True
        return any(
            isinstance(target, ir.Attr) and self.about.is_drawn(target.value)
            for module in self.graph.project.modules.values()
            for node in module.nodes_of(ir.Assign, ir.Aug)
            for target in (node.targets if isinstance(node, ir.Assign) else [node.target])
        )

    def _is_left(self, function: ev.Owner) -> bool:
        """Whether a method is never run, or called by methods alone that never are, or by others than the maker."""
        if self._is_never_run(function):
            return True
        if self._by_all is not None and function in self._by_all._alive - self._alive:
            sites = self.graph.callers.get(function, ())
            return all(isinstance(site.node.func, ir.Attr) for site in sites)  # else something got the method by a text
        inside = [mention.inside for mention in self._mentions(function)] if self.graph.callers.get(function) else []
        return bool(inside) and all(any(map(self._is_never_run, around)) for around in inside)

    def _is_never_run(self, function: ev.Owner) -> bool:
        """Whether nothing runs a function; where nothing has a batch drawn, what comes to that counts all the same."""
        return function not in self._beside_draws and self.inherited.is_never_run(function)

    @cached_property
    def _beside_draws(self) -> set[ev.Owner]:
        """What is run whenever batches are drawn, where nothing starts that as the project stands."""
        sites = self.about.buffer.samples
        if self._maker is not None:
            sites = [s for s in sites if not self._is_others(self._own.maker(s.path, s.node.func, s.function))]
        drawing = {site.function for site in sites} or {self.drawing}
        if not all(map(self.inherited.is_never_run, drawing)):
            return set()
        found = set(drawing)
        for _ in range(_FAR):
            found |= {site.function for function in found for site in self.graph.callers.get(function, ())}
        return found.union(*(self.graph.reachable(function, _FAR) for function in found))

    def _is_for_adding(self, function: ev.Owner, depth: int = 3) -> bool:
        """Whether a function stores transitions, or is a helper of those that do, and of nothing else."""
        if function in self.about.adding:
            return True
        if function is None or not depth or function in self.graph.reachable(self.drawing, 3):
            return False
        callers = {site.function for site in self.graph.callers.get(function, ())}
        callers |= {asking for asking, methods in self._subscripted.items() if function in methods}
        callers -= {function} | (self.about.functions - self._live - self._run_to_add)
        return bool(callers) and all(self._is_for_adding(caller, depth - 1) for caller in callers)

    def _was_there(self, store: ev.Store) -> bool:
        """Whether a row that is stored is one of those that something else has stored, with other fields.

        One that is put together of what lay there, `row[:-1] + (priority,)`, is so as well.
        """
        others = (o for o in self.about.stores() if o.container == store.container and o.function != store.function)
        known = {row.node for other in others for row in _rows(other.value)}
        return any(row.node in known or self._is_made_of(row.node, known, store.function) for row in _rows(store.value))

    def _is_made_of(self, node: ir.Node, rows: set[ir.Node], function: ev.Owner) -> bool:
        """Whether one of some rows is read where another is made, or what the function has unpacked from one."""
        read = [part for part in ir.walk(node) if isinstance(part, (ir.Name, ir.Sub))]
        names = {part.id for part in read if isinstance(part, ir.Name)}
        unpacked = (
            each.value
            for each in (ir.walk(function) if function is not None else ())
            if isinstance(each, ir.Assign) and names & {name_of(part) for part in ir.walk(*each.targets)}
        )
        return any(row.node in rows for part in (*read, *unpacked) for row in _rows(self.events.value(part)))

    def _tells_drawn(self) -> bool:
        """Whether a drawn item is told what draws go by, by a method of its own: `row.set_priority(error)`."""
        return any(
            isinstance(site.node.func, ir.Attr)
            and site.node.args
            and self.about.is_drawn(site.node.func.value)
            and any(map(self._sets_what_is_read, site.targets))
            for site in self.events.calls.values()
        )

    def _sets_what_is_read(self, func: Func) -> bool:
        """Whether a method assigns to a field that the buffer, or the training on it, reads elsewhere."""
        method = func.node
        if not isinstance(method, ir.Function) or not (fields := _assigned(method)):
            return False
        around = list(self.about.bodies(self.about.around - {method}))
        written = {
            part
            for node in around
            if isinstance(node, (ir.Assign, ir.Aug))
            for target in (node.targets if isinstance(node, ir.Assign) else [node.target])
            for part in (target.items if isinstance(target, ir.Seq) else [target])
        }
        return any(isinstance(node, ir.Attr) and node.attr in fields and node not in written for node in around)

    def _adds_again(self) -> bool:
        """Whether a drawn transition is given to what stores transitions."""
        return any(
            self._is_drawn_row(value)
            for site in self.events.calls.values()
            if any(func.node in self._adders for func in site.targets)
            for value in site.arguments
        )

    def _puts_back(self) -> bool:
        """Whether draws take out the rows that several methods put in, one of them those that were taken out."""
        buffer = self.about.buffer
        storing = {store.function for store in buffer.stores if getattr(store.function, "name", "") not in BUILDERS}
        taken = any(each.function is self.drawing and each.how == "pop" for each in buffer.evictions)
        return taken and len(storing) > 1

    def _is_drawn_row(self, value: Value) -> bool:
        for atom in value.atoms:
            if isinstance(atom, Item) and atom.draw in self.about.draws:
                return True
            if isinstance(atom, (TupleOf, Record)):
                told = [item for item in atom.items if not {"reward", "next"}.isdisjoint(item.roles)]
                if any(item.tagged("draw") & self.about.draws for item in told):
                    return True
        return False

    # ---------------------------------------------------------------- written by a call

    def _reaches_writer(self) -> bool:
        """Whether something that may run, outside of what stores transitions, writes into the containers."""
        outside = self._writers - self.about.functions - self.about.adding
        return not all(map(self._is_never_run, outside)) or any(
            function is not self.drawing and (self._reached(function) & self._writers or self._fills(function))
            for function in self._live
        )

    def _fills(self, function: ev.Owner) -> bool:
        """Whether a method assigns to an item of what its object holds, in a form that is not followed."""
        if not isinstance(function, ir.Function) or function in self.graph.reachable(self.drawing, 3):
            return False
        if self._puts_copy_back(function):
            return True
        items = {  # that have names of their own: `episode = self.episodes[i]`
            node.targets[0].id: node.value
            for node in ir.walk(function)
            if isinstance(node, ir.Assign) and isinstance(node.value, ir.Sub) and isinstance(node.targets[0], ir.Name)
        }
        for node in ir.walk(function):
            for target in node.targets if isinstance(node, ir.Assign) else [getattr(node, "target", None)]:
                base = _base(target)
                base = _base(items[base.id]) if isinstance(base, ir.Name) and base.id in items else base
                on_self = isinstance(base, ir.Attr) and isinstance(base.value, ir.Name) and base.value.id == "self"
                known = any(isinstance(atom, Instance) for atom in self.events.value(base).atoms)
                if isinstance(target, ir.Sub) and on_self and not known:
                    return True
        return False

    def _puts_copy_back(self, function: ir.Function) -> bool:
        """Whether items of a local copy are assigned, and the copy takes the place of what the object holds."""
        assigned = [node for node in ir.walk(function) if isinstance(node, ir.Assign)]
        copies = {
            target.value.id
            for node in assigned
            for target in node.targets
            if isinstance(target, ir.Sub) and isinstance(target.value, ir.Name)
        }
        return any(
            isinstance(target, ir.Attr)
            and target.attr in self._held
            and any(isinstance(part, ir.Name) and part.id in copies for part in ir.walk(node.value))
            for node in assigned
            if node.value is not None
            for target in node.targets
        )

    @cached_property
    def _held(self) -> set[str]:
        """The attributes in which the family holds its containers."""
        attributes = self.graph.interpreter.attributes.items()
        return {
            name
            for (cls, name), value in attributes
            if cls in self.about.family and not self.about.containers.isdisjoint(value.atoms)
        }

    @cached_property
    def _writers(self) -> set[ev.Owner]:
        return {
            store.function
            for store in self.about.stores()
            if store.container in self._containers and getattr(store.function, "name", "") not in BUILDERS
        }

    @cached_property
    def _containers(self) -> set[Alloc]:
        """Where priorities may be: in the rows themselves where the largest of them are taken as they are ordered."""
        by_row = self.about.made and is_drawn_by_row(self.graph.anatomy(self.about.buffer))
        return self.about.made if by_row else self.about.containers

    @cached_property
    def _adders(self) -> set[ev.Owner]:
        """The functions of the family that store transitions and draw none."""
        return {
            f
            for f in self.about.functions
            if f is not None
            and self.graph.reachable(f, 3) & self.about.adding
            and self.drawing not in self.graph.reachable(f, 3)
        }

    @cached_property
    def _run_to_add(self) -> set[ev.Owner]:
        """What storing transitions runs, its helpers with it: a tree's update of the sums, say."""
        return self._adders.union(*(self.graph.reachable(function, _FAR) for function in self._adders))

    def _reached(self, function: ev.Owner) -> set[ev.Owner]:
        """The function and what it may call, three calls deep, other than to store transitions."""
        seen = {function}
        edge = {function}
        for _ in range(3):
            called = {callee for f in edge for callee in self.graph.callees(f)}
            edge = called.union(*(self._subscripted.get(f, ()) for f in edge)) - seen - self._adders
            edge = {f for f in edge if not self._is_never_run(f)}
            seen |= edge
        return seen

    @cached_property
    def _subscripted(self) -> dict[ev.Owner, set[ev.Owner]]:
        """The methods that stand behind the subscripts in each function."""
        found: dict[ev.Owner, set[ev.Owner]] = defaultdict(set)
        for site in self.events.subscripts.values():
            found[site.function] |= {func.node for func in site.targets}
        return found

    @cached_property
    def _live(self) -> set[ev.Owner]:
        """The functions of the family that something names that may run, other than to store transitions."""
        live: set[ev.Owner] = {self.drawing} if self.drawing not in self._adders else set()
        named = {f for f in self.about.functions if f is not None and f not in self._adders}
        named = {f for f in named if f is self.drawing or not self._is_never_run(f)}
        while True:
            more = {
                function
                for function in named - live
                if any(self._runs(mention.inside, live) for mention in self._mentions(function))
                or any(self._runs((f,), live) for f, methods in self._subscripted.items() if function in methods)
            }
            if not more:
                return {f for f in live if getattr(f, "name", "") not in BUILDERS}
            live |= more

    @cached_property
    def _alive(self) -> set[ev.Owner]:
        """What of the family is run, other than to store transitions."""
        return set().union(*map(self._reached, self._live))

    def _mentions(self, function: ev.Owner) -> Iterator[Mention]:
        """Where the function, or another of its name that cannot be told from it, is named."""
        mentions = self.graph.mentions.get(getattr(function, "name", ""), ())
        return (m for m in mentions if self._means(m, function) and not self._is_of_other(m))

    def _is_of_other(self, mention: Mention) -> bool:
        """Whether a method is named of a memory that another than the maker has made for itself."""
        inside = mention.inside[-1] if mention.inside else None
        return self._maker is not None and self._is_others(self._own.maker(mention.path, mention.node, inside))

    def _is_others(self, maker: Maker | None) -> bool:
        return not (maker is None or self._maker is None or self._own.is_kin(maker, self._maker))

    def _runs(self, inside: Iterable[ev.Owner], live: set[ev.Owner]) -> bool:
        """Whether the code in some functions may run: it is no part of the family, or a part that is named itself."""
        return not any((f in self.about.functions and f not in live) or self._is_never_run(f) for f in inside)

    def _means(self, mention: Mention, function: ev.Owner) -> bool:
        """Whether a name like that of the function may be it: it is given what the function takes, if it is called."""
        node = mention.node
        known = {atom.node for atom in self.events.value(node).atoms if isinstance(atom, Func)}
        if known:
            return function in known
        if not isinstance(node, ir.Attr):
            return True
        if isinstance(function, ir.Function) and is_another(self.graph, mention.path, node, function):
            return False
        atoms = self.events.value(node.value).atoms
        return not atoms or any(
            (isinstance(atom, Instance) and atom.node in self._relatives)
            or (isinstance(atom, Result) and self._may_stand_for_family(atom))
            for atom in atoms
        )

    @cached_property
    def _relatives(self) -> set[ir.Class]:
        return self.about.family | {heir for cls in self.about.family for heir in self.graph.classes.heirs(cls)}

    def _may_stand_for_family(self, atom: Result) -> bool:
        """Whether what a library returned may be the buffer: another process's, or wrapped by the call."""
        if atom.name.startswith(tuple(_REMOTE)):
            return True
        site = self.events.calls.get(atom.call) if isinstance(atom.call, ir.Call) else None
        return site is not None and any(
            getattr(given, "node", None) in self._relatives for value in site.arguments for given in value.atoms
        )
