"""Sum trees of a project, tried out: a tree of a few leaves is built, filled and searched by the code's own methods.

What a method is for is told by what it does, not by its name: `insert` puts a priority among the nodes, `find` answers
a mass with the leaf it falls on. A tree that cannot be followed is not known, and nothing is said about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import permutations
from typing import TYPE_CHECKING, Any

from per_audit.facts import ir
from per_audit.graph.machine import Machine, Single, Stopped, Thing, Token
from per_audit.graph.machine.library import numpy
from per_audit.graph.memory.capacity import Capacity, read
from per_audit.graph.symbolic import Term

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.graph.model import ReplayBuffer, ReplayGraph

SIZES = (4, 8, 2, 3, 5, 6, 7, 9)
_BUILDERS = {"__init__", "__post_init__", "reset", "clear"}
_MOST_GIVEN = 4
_MOST_PARTS = 10_000


@dataclass(frozen=True, slots=True)
class Entry:
    """A method that puts a priority into the tree: the role of each of its parameters, `p`, `i` (slot) or `t`."""

    function: ir.Function
    roles: tuple[str, ...]
    takes_arrays: bool = False

    def given(self, slot: int, priority: float | Single) -> list[Any]:
        """The arguments that give a slot a priority."""
        values: dict[str, Any] = {"p": priority, "i": slot, "t": Token(f"t{slot}")}
        if self.takes_arrays:
            values |= {"p": numpy().array([priority]), "i": numpy().array([slot])}
        return [values[role] for role in self.roles]


class SumTree:
    """One class of sum trees, with the container `field` that holds its nodes."""

    def __init__(
        self, graph: ReplayGraph, cls: ir.Class, field: str, writers: list[ir.Function], seekers: list[ir.Function]
    ) -> None:
        self.graph = graph
        self.cls = cls
        self.field = field
        self.machine = Machine(graph)
        self._writers = writers
        self._seekers = seekers

    @property
    def path(self) -> str:
        """The file of the class."""
        return self.graph.project.module_of[self.cls].path

    @cached_property
    def capacity(self) -> Capacity:
        """For how many priorities the project makes the tree, where the code says so in numbers."""
        function = self.graph.classes.find_method(self.cls, "__init__")
        sizes = [Term("param", (), (function, p.name), p, self.path) for p in _required(function)]
        return read(self.graph, sizes)

    # ---------------------------------------------------------------- building and filling

    def build(self, size: int) -> Thing | None:
        """An empty tree for so many priorities; None where none can be made."""
        function = self.graph.classes.find_method(self.cls, "__init__")
        required = _required(function)
        for place in range(len(required) if len(required) <= _MOST_GIVEN else 0):
            given = [size if at == place else 0.5 for at in range(len(required))]
            try:
                thing = self.machine.make(self.cls, *given)
            except Stopped:
                continue
            if size <= len(self.nodes(thing)) <= 4 * size + 4:
                return thing
        return None

    def nodes(self, thing: Thing) -> list[float]:
        """The numbers in all nodes, levels of a tree of lists one after the other."""
        return list(_numbers(thing.fields.get(self.field)))

    @cached_property
    def entries(self) -> list[Entry]:
        """The methods that put a priority into a leaf."""
        found: list[Entry] = []
        for function in self._writers:
            count = len(_required(function))
            optional = len(_plain(function)) - 1 - count
            if count == 1 and optional:
                count = 2
            if count > 3:
                continue
            ways = [r for r in permutations("pti", count) if "p" in r and len(r) > 1]
            candidates = [Entry(function, roles, arrays) for arrays in (False, True) for roles in ways]
            found += [entry for entry in candidates if self._enters(entry)][:1]
        return found

    def _enters(self, entry: Entry) -> bool:
        thing = self.filled(4, [1.0, 2.0, 4.0, 8.0], entry)
        return thing is not None and {1.0, 2.0, 4.0, 8.0} <= set(self.nodes(thing)) and self._in_order(entry)

    def _in_order(self, entry: Entry) -> bool:
        """Whether a slot keeps its leaf: written again, it replaces what it was, and no other leaf."""
        thing = self.filled(4, [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0], entry)
        return thing is not None and not {1.0, 2.0, 4.0, 8.0} & set(self.nodes(thing))

    def filled(self, size: int, priorities: Iterable[float | Single], entry: Entry | None = None) -> Thing | None:
        """A tree with these priorities in its slots, starting again at the first when all are filled."""
        entry = entry or next(iter(self.entries), None)
        thing = self.build(size)
        if thing is None or entry is None:
            return None
        try:
            for count, priority in enumerate(priorities):
                self.machine.call(thing, entry.function, *entry.given(count % size, priority))
            for function in self._writers:
                if not _plain(function)[1:]:  # one that brings all sums up to date
                    self.machine.call(thing, function)
        except Stopped:
            return None
        return thing

    # ---------------------------------------------------------------- asking

    @cached_property
    def find(self) -> ir.Function | None:
        """The method that answers a mass with the leaf that it falls on."""
        thing = self.filled(4, [1.0] * 4)
        if thing is None:
            return None
        for function in self._seekers:
            reached = [self._asked(thing, function, mass + 0.5) for mass in range(4)]
            if None not in reached and len(set(reached)) == 4:
                return function
        return None

    @property
    def seekers(self) -> list[ir.Function]:
        """The methods that may answer a mass with a leaf."""
        return self._seekers

    def single(self, thing: Thing) -> bool:
        """Whether the nodes are one array or list of numbers."""
        held = thing.fields.get(self.field)
        one_axis = isinstance(held, numpy().ndarray) and held.ndim == 1
        return one_axis or (isinstance(held, list) and all(isinstance(part, (int, float)) for part in held))

    def is_small(self, thing: Thing) -> bool:
        """Whether the nodes are numbers of 32 bits or less."""
        held = thing.fields.get(self.field)
        held = held[0] if isinstance(held, list) and held else held
        return isinstance(held, (numpy().ndarray, numpy().generic)) and held.dtype.itemsize <= 4

    def leaf(self, thing: Thing, mass: float) -> tuple[object, ...] | None:
        """Which leaf a mass falls on: the positions and the transition that the tree answers with."""
        return None if self.find is None else self._asked(thing, self.find, mass)

    def _asked(self, thing: Thing, function: ir.Function, mass: float) -> tuple[object, ...] | None:
        try:
            answer = self.machine.call(thing, function, mass)
        except Stopped:
            try:
                answer = self.machine.call(thing, function, numpy().array([mass]))
            except Stopped:
                return None
        parts = answer if isinstance(answer, (tuple, list)) else (answer,)
        known = tuple(key for part in parts if (key := _key(part)) is not None)
        return known or None

    def ask(self, thing: Thing, function: ir.Function, *given: Any) -> float | None:
        """The number that a method answers with, None where it gives none."""
        try:
            answer = self.machine.call(thing, function, *given)
        except Stopped:
            return None
        numbers = list(_numbers(answer))
        return numbers[0] if len(numbers) == 1 else None

    def totals(self, thing: Thing) -> set[float]:
        """What the methods without arguments answer with."""
        found: set[float] = set()
        for cls in self.graph.classes.mro(self.cls):
            for function in cls.body:
                if isinstance(function, ir.Function) and not function.name.startswith("__") and not _required(function):
                    answer = self.ask(thing, function)
                    if answer is not None:
                        found.add(answer)
        return found


def trees_of(graph: ReplayGraph, buffer: ReplayBuffer) -> list[SumTree]:
    """The sum trees that a buffer draws by."""
    anatomy = graph.anatomy(buffer)
    masses = [graph.events.masses[source] for source in buffer.sources if source in graph.events.masses]
    compared = {f for mass in masses for f in (*mass.compared_in, *mass.reduced_in) if isinstance(f, ir.Function)}
    found: dict[tuple[ir.Class, str], SumTree] = {}
    for term in sorted(anatomy.containers, key=repr):
        root, name = term.data
        for descent in sorted(compared, key=lambda f: f.start):
            cls = graph.project.class_of.get(_method_around(graph, descent))
            if cls is None and _is_asked_of(graph, root, descent):
                cls = root
            cls = _made_as(graph, cls)
            if cls is None or root not in graph.classes.mro(cls) or (cls, name) in found:
                continue
            methods = [f for c in graph.classes.mro(cls) for f in c.body if isinstance(f, ir.Function)]
            methods = [f for f in methods if f.name not in _BUILDERS]
            stores = {store.function for store in anatomy.stores}
            writers = [f for f in methods if graph.reachable(f, 3) & stores]
            around = compared | {_method_around(graph, f) for f in compared}
            seekers = [f for f in methods if len(_required(f)) == 1 and around & graph.reachable(f, 3)]
            found[cls, name] = SumTree(graph, cls, name, _outer_first(writers), _outer_first(seekers))
    return list(found.values())


def _made_as(graph: ReplayGraph, cls: ir.Class | None) -> ir.Class | None:
    """The class that objects are made of: a mixin, which has no constructor, is one as a part of its only heir."""
    if cls is None or graph.classes.find_method(cls, "__init__") is not None:
        return cls
    made = [heir for heir in graph.classes.heirs(cls) if graph.classes.find_method(heir, "__init__") is not None]
    return made[0] if len(made) == 1 else cls


def _is_asked_of(graph: ReplayGraph, cls: ir.Class, descent: ir.Function) -> bool:
    """Whether a class has its nodes searched by a function outside of it, such as one that is compiled."""
    methods = (f for f in cls.body if isinstance(f, ir.Function))
    return any(descent in graph.reachable(method, 1) for method in methods)


def _outer_first(functions: list[ir.Function]) -> list[ir.Function]:
    """Methods that others use come after those that are meant to be called."""
    return sorted(functions, key=lambda f: f.name.startswith("_") and not f.name.endswith("__"))


def _method_around(graph: ReplayGraph, function: ir.Function) -> ir.Function:
    while function in graph.project.outer_of and function not in graph.project.class_of:
        function = graph.project.outer_of[function]
    return function


def _plain(function: ir.Function | None) -> list[ir.Parameter]:
    return [] if function is None else [p for p in function.parameters if not p.kind]


def _required(function: ir.Function | None) -> list[ir.Parameter]:
    """The parameters after `self` that a caller has to give."""
    return [p for p in _plain(function)[1:] if p.default is None]


def _key(part: object) -> object:
    if isinstance(part, Token):
        return part.name
    if isinstance(part, (bool, float)) or part is None:
        return None
    np = numpy()
    if isinstance(part, (int, np.integer)):
        return int(part)
    if isinstance(part, np.ndarray) and part.size == 1 and part.dtype.kind == "i":
        return int(part.item())
    return None


def _numbers(value: object) -> Iterator[float]:
    """The numbers in an array, or in lists within lists, in order; of what is said many times over the first."""
    np = numpy()
    stack = [value]
    for _ in range(_MOST_PARTS):
        if not stack:
            return
        part = stack.pop()
        if isinstance(part, (bool, int, float, Single, np.integer, np.floating)):
            yield float(part)
        elif isinstance(part, np.ndarray) and part.dtype.kind in "fi":
            yield from (float(number) for number in part.ravel())
        elif isinstance(part, (list, tuple)):
            stack += reversed(part)
