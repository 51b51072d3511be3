"""The anatomy of a prioritised buffer: where its priorities are kept, who writes them, what its weights are made of.

Everything is told as terms, so that rules ask what a value is made of and need not know how the code spells it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.values import Alloc, Instance, roles_in
from per_audit.graph.libraries.buffers import is_test
from per_audit.graph.memory.capacity import Capacity, capacity_of
from per_audit.graph.prioritised.held import allocs_of, drawn_by, held_in, is_container
from per_audit.graph.symbolic import Term, alternatives, strip

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph
    from per_audit.graph.prioritised.priorities import Priorities

_BUILDERS = {"__init__", "__post_init__", "reset", "clear", "build", "setup", "load", "load_state_dict", "__setstate__"}
_MOST_CHAINS, _DEEPEST = 24, 5
# What holds its first argument; `add` does where a list is made longer by another.
_INSIDE = {"at", "slice", "item", "element", "detach", "reshape", "loop", "found", "pow", "add"}
CHOSEN = ("draw", "mass", "found")


@dataclass(frozen=True, slots=True)
class Step:
    """A link of the way that a value takes: a call or a store, and its file."""

    node: ir.Node
    path: str


@dataclass(frozen=True, slots=True)
class PriorityWrite:
    """A value that is written as a priority, followed outwards through its callers.

    `value` and `index` are the terms as the outermost function knows them; `steps` leads from the store outwards.
    `inserts`: the write belongs to storing a new transition; otherwise it updates one that was drawn.
    """

    store: ev.Store
    value: Term
    index: Term | None
    steps: tuple[Step, ...]
    functions: tuple[ev.Owner, ...]
    inserts: bool

    @property
    def outermost(self) -> Step:
        """Where the value is made or passed on first."""
        return self.steps[-1]


@dataclass(frozen=True, slots=True)
class WeightFormula:
    """An importance-sampling weight: `base` raised to `exponent` at `node`; `made` is the whole power as a term."""

    node: ir.Node
    path: str
    function: ev.Owner
    made: Term

    @property
    def base(self) -> Term:
        """What is raised."""
        return self.made.args[0]

    @property
    def exponent(self) -> Term:
        """The power that it is raised to."""
        return self.made.args[1]


class Anatomy:
    """The parts of one prioritised buffer."""

    def __init__(self, graph: ReplayGraph, buffer: ReplayBuffer) -> None:
        self.graph = graph
        self.buffer = buffer
        self.symbols = graph.symbols
        self.events = graph.events

    @cached_property
    def about(self) -> Priorities:
        """What the graph knows of the buffer's updates and weights."""
        return self.graph.priorities(self.buffer)

    # ---------------------------------------------------------------- where the priorities are

    @cached_property
    def containers(self) -> frozenset[Term]:
        """The fields and names that hold the priorities that are drawn by: arrays, lists, trees."""
        return drawn_by(self.graph, self.buffer)

    def is_container(self, term: Term) -> bool:
        """Whether a field holds many values rather than one."""
        return is_container(self.graph, term)

    def allocs(self, term: Term) -> set[Alloc]:
        """The containers that a field or name of a module holds, those inside it included."""
        return allocs_of(self.graph, term)

    @cached_property
    def capacity(self) -> Capacity:
        """How many priorities there is room for, where the code says so in numbers."""
        return capacity_of(self.graph, (alloc for term in self.containers for alloc in self.allocs(term)))

    def priority_of(self, term: Term) -> Term | None:
        """The container where the term is a stored priority at a position that was drawn; None for anything else."""
        term = strip(term)
        if term.op == "found":
            term = strip(term.args[0])
        if term.op in ("at", "item") and (
            term.op == "item" or term.args[1].has(*CHOSEN, "unknown", "param", "element")
        ):
            held = self.base_of(term.args[0])
            if held in self.containers:
                if self.is_root(term):
                    return None
                return held
        return None

    def base_of(self, term: Term) -> Term:
        """The container under subscripts, slices and changes of form."""
        while term.op in _INSIDE and term.args:
            if term.op == "pow" and term.args[0].op not in ("field", "slice", "at"):
                break
            if term.op == "add" and not _is_list(term.args[1]):
                break
            term = term.args[0]
        return term

    def rooted(self, term: Term) -> Term | None:
        """What the term is the first or the last entry of: of a sum tree, its root."""
        term = strip(term)
        first = term.op == "item" and term.data in (0, 1)
        place = term.args[1] if term.op == "at" else None
        last = place is not None and place.op == "sub" and place.args[1].number == 1
        if last and place is not None:
            last = place.args[0] == Term("len", (term.args[0],))
        return self.base_of(term.args[0]) if first or last else None

    def is_root(self, term: Term) -> bool:
        """Whether the term is the first or last entry of a container of priorities: the root of a sum tree."""
        return self.rooted(term) in self.containers

    def is_total(self, term: Term) -> bool:
        """Whether the term is the sum of all priorities: a sum over a container, a tree's root, a call that adds up."""
        term = strip(term)
        if term.op == "sum":
            return bool(held_in(self.graph, term) & self.containers)
        return self.is_root(term)

    # ---------------------------------------------------------------- who writes them

    @cached_property
    def stores(self) -> list[ev.Store]:
        """The statements that put a value into a container of priorities, outside of what builds the buffer."""
        allocs = {atom for term in self.containers for atom in self.allocs(term)}
        found: dict[ir.Node, ev.Store] = {}
        shared = {alloc for alloc in allocs if self._made_elsewhere(alloc)}
        for store in self.events.stores.values():
            name = getattr(store.function, "name", "")
            if store.container in allocs and store.how != "rebuild" and name not in _BUILDERS:
                if store.container in shared and self._class_of(store.function) not in self.parts:
                    continue
                found.setdefault(store.node, store)
        return sorted(found.values(), key=lambda store: (store.path, store.node.start))

    def _made_elsewhere(self, alloc: Alloc) -> bool:
        """Whether a container comes from a helper, which makes containers for others as well."""
        path = self.graph.path_of(alloc.node)
        if path is None or isinstance(alloc.node, ir.Class):
            return path is not None
        function = self.symbols.function_of(path, alloc.node)
        return function is not None and self._class_of(function) not in self.parts

    @cached_property
    def writes(self) -> list[PriorityWrite]:
        """Every way that a value takes into the priorities, from each function where it starts."""
        found: dict[tuple[ir.Node, Term], PriorityWrite] = {}
        for store in self.stores:
            value = self._leaf_value(store)
            if value is None:
                continue
            index = self.symbols.term(store.path, store.index) if store.index is not None else None
            step = Step(store.node, store.path)
            by_difference = _adds(store)
            if by_difference and value.op == "sub" and self.priority_base(value.args[1]):
                value, by_difference = value.args[0], False
            for write in self.outwards(store, value, index, (step,), (store.function,)):
                leaf = self._without_difference(write, by_difference)
                if leaf is not None:
                    found.setdefault((leaf.outermost.node, leaf.value), leaf)
        every = list(found.values())
        idle = {id(write) for write in every if self._is_left_over(write)}
        # Where nothing names any method that inserts, or none that updates, the project does that unseen.
        seen = {write.inserts for write in every if id(write) not in idle}
        live = [write for write in every if id(write) not in idle or write.inserts not in seen]
        return live[: 4 * _MOST_CHAINS]

    @cached_property
    def keyed(self) -> dict[str, set[Term]]:
        """The attributes of items that priorities are written into as well, by name: whose items. The key of a heap."""
        found: dict[str, set[Term]] = defaultdict(set)
        for write in self.writes:
            store, function = write.store, write.functions[0]
            if store.expression is None or not isinstance(function, ir.Function):
                continue
            kept = self.symbols.term(store.path, store.expression)
            for node in ir.walk_scope(function.body):
                if not isinstance(node, ir.Assign) or node.value is None:
                    continue
                for target in node.targets:
                    if isinstance(target, ir.Attr) and self.symbols.term(store.path, node.value) == kept:
                        held = self.symbols.term(store.path, target.value)
                        if held.op in ("at", "item"):
                            found[target.attr].add(self.base_of(held))
        return dict(found)

    def _is_left_over(self, write: PriorityWrite) -> bool:
        """Whether a method of a buffer that is drawn from writes it which nothing names, by whatever object."""
        method = write.functions[-1]
        if not isinstance(method, ir.Function) or not self.buffer.samples or method.decorators:
            return False
        named = self.graph.callers.get(method) or self.graph.mentions.get(method.name)
        return self._class_of(method) in self.parts and not named and not method.name.startswith("__")

    def _without_difference(self, write: PriorityWrite, by_difference: bool) -> PriorityWrite | None:
        """The write of p where p - old is added to what was there; None where only a change is passed on."""
        if not by_difference:
            return write
        value = strip(write.value)
        if value.op == "sub" and self.priority_base(value.args[1]):
            return replace(write, value=value.args[0])
        return None

    def _leaf_value(self, store: ev.Store) -> Term | None:
        """The term that becomes a leaf; None for a store that only carries a change or a sum towards the root."""
        run = self.symbols.run(store.function, store.path)
        node = store.node
        if isinstance(node, ir.Aug):
            return run.terms.get(node.value) if node.op == "+" else None
        if isinstance(node, ir.Call) and store.how == "index":  # np.add.at(tree, i, change)
            return run.terms.get(store.expression) if store.expression is not None else None
        target = node.targets[0] if isinstance(node, ir.Assign) else None
        value = run.terms.get(store.expression) if store.expression is not None else None
        if value is None and target is not None:
            value = run.terms.get(target)
        if value is None:
            return None
        return None if self._carries(strip(value)) else value

    def _carries(self, value: Term) -> bool:
        """Whether a value is made of other entries, as the sums and extremes of a tree are."""
        parts = value.args if value.op in ("add", "sub", "minimum", "maximum", "call") else (value,)
        return any(self.priority_base(option) for part in parts for option in alternatives(strip(part)))

    def priority_base(self, term: Term) -> bool:
        """Whether the term reads a container of priorities, at whatever position."""
        term = strip(term)
        return term.op in ("at", "item", "slice") and self.base_of(term) in self.containers

    def outwards(
        self,
        store: ev.Store,
        value: Term,
        index: Term | None,
        steps: tuple[Step, ...],
        functions: tuple[ev.Owner, ...],
    ) -> list[PriorityWrite]:
        """The write as each of the callers makes it, as long as the value still depends on a parameter."""
        function = functions[-1]
        open_parameters = [p for p in value.walk() if p.op == "param" and p.data[0] is function]
        callers = self.symbols.calls_of.get(function, ()) if open_parameters and function is not None else ()
        found: list[PriorityWrite] = []
        others = {node for node, f, _ in callers if self._class_of(f) in self.others or self._is_on_own_tree(node, f)}
        if callers and len(others) == len(callers):
            return []  # what other buffers put into a tree of the same class
        for node, caller, path in callers:
            if node in others or is_test(path) or self._is_of_another(node, caller, function):
                continue
            if caller in functions or len(steps) > _DEEPEST or not isinstance(function, ir.Function):
                continue
            given = self.symbols.arguments(node, function, path)

            def substituted(part: Term, given: dict[str, Term] = given) -> Term | None:
                return given.get(part.data[1]) if part.op == "param" and part.data[0] is function else None

            found += self.outwards(
                store,
                value.mapped(substituted),
                None if index is None else index.mapped(substituted),
                (*steps, Step(node, path)),
                (*functions, caller),
            )
            if len(found) >= _MOST_CHAINS:
                break
        if found:
            return found
        return [PriorityWrite(store, value, index, steps, functions, self._inserts(functions))]

    def _is_of_another(self, call: ir.Expr, caller: ev.Owner, method: ev.Owner) -> bool:
        """Whether code outside calls something else than the tree, likely the buffer, by a name that methods share."""
        site = self.events.calls.get(call) if isinstance(call, ir.Call) else None
        cls, owner = self._class_of(method), self.buffer.owner
        interpreter = self.graph.interpreter
        if site is None or cls is None or owner is None or cls in interpreter.mro(owner):
            return False
        objects = [atom.node for atom in site.receiver.atoms if isinstance(atom, Instance)]
        if self._class_of(caller) in self.parts or objects:
            return bool(objects) and all(cls not in interpreter.mro(made) for made in objects)
        return True

    def _inserts(self, functions: tuple[ev.Owner, ...]) -> bool:
        inner = [f for f in functions if (f is not None and self._class_of(f) in self.parts) or f in self.adding]
        return any(self.graph.reachable(function, 1) & self.adding for function in inner)

    def _class_of(self, function: ev.Owner) -> ir.Class | None:
        return self.graph.project.class_of.get(function) if function is not None else None

    @cached_property
    def adding(self) -> set[ev.Owner]:
        """The functions that store transitions."""
        allocs = {atom for term in self.containers for atom in self.allocs(term)}
        own: set[ir.Class | None] = {None, *self._holders}
        if self.buffer.owner is not None:
            own.update(self.graph.interpreter.mro(self.buffer.owner))
        rows = [
            s
            for s in self.buffer.stores
            if s.function is not None and s.container not in allocs and self._class_of(s.function) in own
        ]
        start = {s.function for s in rows if s.roles or roles_in(s.value, 3)} or {s.function for s in rows}
        start = start or {s.function for s in self.stores if _calls_base(s.function)} or self.about.adding
        return {function for function in start if getattr(function, "name", "") not in (*_BUILDERS, "__setitem__")}

    # ---------------------------------------------------------------- weights

    @cached_property
    def formulas(self) -> list[WeightFormula]:
        """The powers that make the importance-sampling weights of this buffer, in order of their places."""
        found: list[WeightFormula] = []
        for node in self.about.weights:
            path = self.graph.path_of(node)
            if path is None:
                continue
            function = self.symbols.function_of(path, node)
            for option in alternatives(self.symbols.term(path, node)):
                power = _power(option)
                if power is not None:
                    found.append(WeightFormula(node, path, function, power))
        return sorted(found, key=lambda formula: (formula.path, formula.node.start))

    @cached_property
    def family(self) -> set[ir.Class]:
        """The classes that the buffer consists of."""
        return self.about.family

    @cached_property
    def parts(self) -> set[ir.Class]:
        """The family, and the classes of the objects in its attributes that hold priorities: trees."""
        found = set(self.family)
        found |= self._holders
        for (cls, _), value in self.graph.interpreter.attributes.items():
            if cls in self.family:
                found |= {a.node for a in value.atoms if isinstance(a, Instance) and a.node in self._holders}
        return found

    @cached_property
    def others(self) -> set[ir.Class]:
        """The classes of other prioritised buffers, whose trees may be of the same class as this one's."""
        owners = {b.owner for b in self.graph.buffers if b.kind == "prioritised" and b.owner is not None}
        own = set().union(
            *map(self.graph.interpreter.mro, self.parts), *map(self.graph.interpreter.mro, owners & self.family)
        )
        heirs = set().union(*(self.graph.interpreter.subclasses.get(cls, ()) for cls in self.family))
        return owners - own - heirs - self._holders

    def _is_on_own_tree(self, call: ir.Expr, caller: ev.Owner) -> bool:
        """Whether a class outside of the buffer asks a tree of the same class that it has made for itself."""
        cls = self._class_of(caller)
        receiver = call.func.value if isinstance(call, ir.Call) and isinstance(call.func, ir.Attr) else None
        own = isinstance(receiver, ir.Attr) and isinstance(receiver.value, ir.Name)
        return own and cls in self._makers and cls not in self.parts | self._holders

    @cached_property
    def _makers(self) -> set[ir.Class]:
        """The classes that make themselves a tree such as the buffer makes for itself, other than its own and heirs."""
        made = {
            (maker, tree)
            for site in self.events.calls.values()
            for tree in self._holders.intersection(site.classes)
            if (maker := self._class_of(site.function)) is not None and maker is not tree
        }
        trees = {tree for maker, tree in made if maker in self.family}
        related = set().union(
            *map(self.graph.interpreter.mro, self.parts),
            *(self.graph.interpreter.subclasses.get(cls, ()) for cls in self.family),
        )
        return {maker for maker, tree in made if tree in trees} - related

    @cached_property
    def _holders(self) -> set[ir.Class]:
        return {term.data[0] for term in self.containers if term.op == "field"}


def _power(term: Term) -> Term | None:
    """The power inside a weight: also of `1 / x**b`, written as `x**-b`."""
    term = strip(term)
    if term.op == "pow":
        return term
    if term.op == "div" and term.args[0].is_number and strip(term.args[1]).op == "pow":
        inner = strip(term.args[1])
        return Term("pow", (inner.args[0], Term("neg", (inner.args[1],))), None, inner.node, inner.path)
    return None


def _calls_base(function: ev.Owner) -> bool:
    """Whether a method calls the one that it overrides: a base of a library stores the transitions there."""
    return isinstance(function, ir.Function) and any(
        isinstance(node, ir.Call)
        and isinstance(node.func, ir.Attr)
        and node.func.attr == function.name
        and isinstance(node.func.value, ir.Call)
        and isinstance(node.func.value.func, ir.Name)
        and node.func.value.func.id == "super"
        for node in ir.walk(function)
    )


def _is_list(term: Term) -> bool:
    """Whether a term is a list that is written out: items, a comprehension, `[0.0] * n`."""
    return term.op in ("collect", "tuple") or (term.op == "alloc" and term.data == "list")


def _adds(store: ev.Store) -> bool:
    """Whether the store adds to what was there: `tree[i] += change`, `np.add.at(tree, i, change)`."""
    return isinstance(store.node, ir.Aug) or (isinstance(store.node, ir.Call) and store.how == "index")
