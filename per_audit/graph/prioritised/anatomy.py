"""The anatomy of a prioritised buffer: where its priorities are kept, who writes them, what its weights are made of.

Everything is told as terms, so that rules ask what a value is made of and need not know how the code spells it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.values import Alloc, Instance, roles_in
from per_audit.graph.memory.capacity import Capacity, capacity_of
from per_audit.graph.memory.programs import programs_making
from per_audit.graph.prioritised.priorities.held import allocs_of, drawn_by, held_in, is_container, keys_drawn_by
from per_audit.graph.prioritised.priorities.writes import Writes
from per_audit.graph.symbolic import Term, alternatives, strip
from per_audit.graph.symbolic.term import const

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.memory.given import Calls
    from per_audit.graph.model import ReplayBuffer, ReplayGraph
    from per_audit.graph.prioritised.priorities.priorities import Priorities
    from per_audit.graph.prioritised.priorities.writes import PriorityWrite

_BUILDERS = {"__init__", "__post_init__", "reset", "clear", "build", "setup", "load", "load_state_dict", "__setstate__"}
# What holds its first argument; `add` does where a list is made longer by another.
_INSIDE = {"at", "slice", "item", "element", "detach", "reshape", "loop", "found", "pow", "add"}
CHOSEN = ("draw", "mass", "found")


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

    @cached_property
    def keys(self) -> frozenset[int | str]:
        """The fields of the rows that hold the priorities, where these are parts of the transitions themselves."""
        return keys_drawn_by(self.graph, self.buffer, self.containers)

    def is_container(self, term: Term) -> bool:
        """Whether a field holds many values rather than one."""
        return is_container(self.graph, term)

    def allocs(self, term: Term) -> set[Alloc]:
        """The containers that a field or name of a module holds, those inside it included."""
        return allocs_of(self.graph, term)

    @cached_property
    def capacity(self) -> Capacity:
        """How many priorities there is room for, where the code says so in numbers."""
        return self.room(None)

    def room(self, calls: Calls | None) -> Capacity:
        """How many priorities there is room for in the program that makes these calls."""
        allocs = (alloc for term in self.containers for alloc in self.allocs(term))
        return capacity_of(self.graph, allocs, calls=calls, holder=self.buffer.owner)

    @cached_property
    def programs(self) -> list[Calls | None]:
        """The programs that make the priorities, each with its calls; None alone where they are not told apart."""
        allocs = sorted({a for term in self.containers for a in self.allocs(term)}, key=lambda a: a.node.start)
        return [*programs_making(self.graph, allocs)] or [None]

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
                if store.container in shared and self.class_of(store.function) not in self.parts:
                    continue
                found.setdefault(store.node, store)
        return sorted(found.values(), key=lambda store: (store.path, store.node.start))

    def _made_elsewhere(self, alloc: Alloc) -> bool:
        """Whether a container comes from a helper, which makes containers for others as well."""
        path = self.graph.path_of(alloc.node)
        if path is None or isinstance(alloc.node, ir.Class):
            return path is not None
        function = self.symbols.function_of(path, alloc.node)
        return function is not None and self.class_of(function) not in self.parts

    def priority_base(self, term: Term) -> bool:
        """Whether the term reads a container of priorities, at whatever position."""
        term = strip(term)
        return term.op in ("at", "item", "slice") and self.base_of(term) in self.containers

    def class_of(self, function: ev.Owner) -> ir.Class | None:
        """The class of a method."""
        return self.graph.project.class_of.get(function) if function is not None else None

    @cached_property
    def adding(self) -> set[ev.Owner]:
        """The functions that store transitions."""
        allocs = {atom for term in self.containers for atom in self.allocs(term)}
        own: set[ir.Class | None] = {None, *self.holders}
        if self.buffer.owner is not None:
            own.update(self.graph.classes.mro(self.buffer.owner))
        rows = [
            s
            for s in self.buffer.stores
            if s.function is not None and s.container not in allocs and self.class_of(s.function) in own
        ]
        start = {s.function for s in rows if s.roles or roles_in(s.value, 3)} or {s.function for s in rows}
        start = start or {s.function for s in self.stores if _calls_base(s.function)} or self.about.adding
        return {function for function in start if getattr(function, "name", "") not in (*_BUILDERS, "__setitem__")}

    @cached_property
    def written(self) -> Writes:
        """How values get into the priorities."""
        return Writes(self)

    @property
    def writes(self) -> list[PriorityWrite]:
        """Every way that a value takes into the priorities, from each function where it starts."""
        return self.written.found

    # ---------------------------------------------------------------- weights

    @cached_property
    def formulas(self) -> list[WeightFormula]:
        """The powers that make the importance-sampling weights of this buffer, in order of their places.

        What a method of another buffer computes is that one's, although both may be drawn from under one name.
        """
        found: list[WeightFormula] = []
        for node in self.about.weights:
            path = self.graph.path_of(node)
            if path is None:
                continue
            function = self.symbols.function_of(path, node)
            for option in alternatives(self.symbols.term(path, node)):
                power = _power(option) or self._odds(option, node)
                if power is not None:
                    found.append(WeightFormula(node, path, function, power))
        found = [formula for formula in found if self.class_of(formula.function) not in self.others] or found
        return sorted(found, key=lambda formula: (formula.path, formula.node.start))

    def _odds(self, term: Term, node: ir.Node) -> Term | None:
        """Of weights that no exponent is written for, `1 / (n * p)`, the power of 1 that they are."""
        term = strip(term)
        if term.op != "div" or term.node is not node or ("odds", node) not in self.events.value(node).tags:
            return None
        return Term("pow", (term, const(1)), None, node, term.path)

    @cached_property
    def family(self) -> set[ir.Class]:
        """The classes that the buffer consists of."""
        return self.about.family

    @cached_property
    def parts(self) -> set[ir.Class]:
        """The family, and the classes of the objects in its attributes that hold priorities: trees."""
        found = set(self.family)
        found |= self.holders
        for (cls, _), value in self.graph.interpreter.attributes.items():
            if cls in self.family:
                found |= {a.node for a in value.atoms if isinstance(a, Instance) and a.node in self.holders}
        return found

    @cached_property
    def others(self) -> set[ir.Class]:
        """The classes of other prioritised buffers, whose trees may be of the same class as this one's."""
        owners = {b.owner for b in self.graph.buffers if b.kind == "prioritised" and b.owner is not None}
        own = set().union(*map(self.graph.classes.mro, self.parts), *map(self.graph.classes.mro, owners & self.family))
        heirs = set().union(*(self.graph.classes.heirs(cls) for cls in self.family))
        return owners - own - heirs - self.holders

    @cached_property
    def holders(self) -> set[ir.Class]:
        """The classes that hold the priorities in attributes."""
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
