"""The replay graph: the buffers of a project, where they are filled, drawn from and learnt from."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from per_audit.facts import ModuleFacts, ir
from per_audit.findings import Evidence, Place
from per_audit.graph import pipelines
from per_audit.graph.called import are_columns, container_name
from per_audit.graph.episodes import limits
from per_audit.graph.gradients.backward import Gradients
from per_audit.graph.interpret.known.reference import REFERENCE_KINDS
from per_audit.graph.interpret.values import Alloc, Func, Instance
from per_audit.graph.libraries.use import LibraryUse
from per_audit.graph.liveness.beside.demos import Demos
from per_audit.graph.liveness.frequency.receivers import holds_another
from per_audit.graph.liveness.names.unread import words_unread
from per_audit.graph.memory import growth, shifts
from per_audit.graph.memory.fill import Fill
from per_audit.graph.prioritised.anatomy import Anatomy
from per_audit.graph.prioritised.priorities.priorities import Priorities
from per_audit.graph.prioritised.weights.corrections import Corrections
from per_audit.graph.prioritised.weights.feeds import Feeds
from per_audit.graph.prioritised.weights.weights import Weights
from per_audit.graph.symbolic import Shapes, Symbols

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.interpret.interpreter import Interpreter
    from per_audit.graph.libraries.buffers import LibraryBuffer
    from per_audit.graph.liveness.frequency.lives import Lives
    from per_audit.graph.symbolic import Term

UNIFORM, PRIORITISED = "uniform", "prioritised"


@dataclass(slots=True, eq=False)
class ReplayBuffer:
    """One replay buffer: its containers, and the draws that one function makes from them.

    `owner` is the class that holds it, None where it is a variable of a function or module. `function` draws from it.
    `sources` are the random calls that decide what is drawn: the draws themselves, or calls inside what they call.
    `fresh` are the nodes of the stores of what has not been drawn before: new transitions. `switched` are the calls
    that make a uniform one, in whose place a setting has one made that is drawn from by priority, or that is given what
    draws so in its place: `wrapped` are the calls that give it that, each with the class or function of what it is.
    """

    kind: str
    path: str
    owner: ir.Class | None
    function: ev.Owner
    draws: list[ir.Call]
    containers: set[Alloc] = field(default_factory=set)
    stores: list[ev.Store] = field(default_factory=list)
    evictions: list[ev.Evict] = field(default_factory=list)
    roles: frozenset[str] = frozenset()
    instances: list[ev.CallSite] = field(default_factory=list)
    samples: list[ev.CallSite] = field(default_factory=list)
    sources: set[ir.Node] = field(default_factory=set)
    fresh: set[ir.Node] = field(default_factory=set)
    switched: set[ir.Node] = field(default_factory=set)
    wrapped: list[tuple[ev.CallSite, ir.Class | ir.Function]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Mention:
    """A name or attribute, and the functions around it, outermost first."""

    node: ir.Expr
    path: str
    inside: tuple[ir.Function, ...]


def _unverified(paths: frozenset[str]) -> bool:
    """Whether the files are verified, where there is no record to ask: no."""
    return not paths


class ReplayGraph:
    """What the rules and the fixes ask questions of."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        self.classes = interpreter.classes
        self.project = interpreter.project
        self.events = interpreter.events
        self.buffers: list[ReplayBuffer] = []
        self.twins: list[ReplayBuffer] = []  # drawn from uniformly where the project can draw by priority as well
        self.library: list[LibraryBuffer] = []
        self._priorities: dict[int, Priorities] = {}
        self._anatomies: dict[int, Anatomy] = {}
        self._weights: dict[int, Weights] = {}
        # Remembered by those who follow objects: what assignments read and bind, by function or file, ...
        self.assigned: dict[str | ir.Function | ir.Lambda, list[tuple[frozenset[str], frozenset[str]]]] = {}
        self.names: dict[ir.Node, frozenset[str]] = {}  # those that are read in a node
        self.lives: dict[ReplayBuffer, Lives] = {}  # where the objects of buffers are made anew
        self.unread: tuple[bytes, ...] = ()  # what files of the part hold that could not be parsed; set by the audit
        self.left_out: dict[str, bytes] = {}  # the like of cells, by the paths of their notebooks; set by the audit
        # Tells whether a current verification record covers all of the files, by their paths; set by the audit.
        self.verified: Callable[[frozenset[str]], bool] = _unverified

    def followed_in_part(self) -> list[Place]:
        """In each file that is nested too deeply to be followed wholly, a statement that was left out."""
        return [self.place(path, node) for path, node in self.interpreter.too_deep.items()]

    # ---------------------------------------------------------------- places and names

    def module(self, path: str) -> ModuleFacts:
        """The facts of a file."""
        return self.project.modules[path]

    def place(self, path: str, node: ir.Node) -> Place:
        """Where a node is. A class or function is shown by its first line."""
        module = self.module(path)
        end = node.end
        if isinstance(node, (ir.Class, ir.Function, ir.For, ir.While, ir.If, ir.With)):
            end = min(end, module.line_end(node.start))
        first, last = module.locate(node.start), module.locate(end)
        return Place(path, first.line, first.column, last.line, last.column, first.cell)

    def evidence(self, path: str, node: ir.Node, role: str, note: str) -> Evidence:
        """A link of a finding's chain."""
        return Evidence(self.place(path, node), role, note)

    def source(self, path: str, node: ir.Node, limit: int = 60) -> str:
        """The text of a node on one line, shortened."""
        text = " ".join(self.module(path).source(node).split())
        return text if len(text) <= limit else text[: limit - 3] + "..."

    def symbol(self, function: ev.Owner, path: str) -> str:
        """The name of a function for people, the module's name where there is none."""
        if function is None:
            return path.removesuffix(".py").replace("/", ".") if path.endswith(".py") else path
        return self.project.qualified(function)

    def name_of(self, buffer: ReplayBuffer) -> str:
        """The name of a buffer for people: its class, or the variable or attribute that holds it."""
        if buffer.owner is not None and (
            not self.is_agent(buffer) or are_columns((store.node for store in buffer.stores), self.events)
        ):
            return self.project.qualified(buffer.owner)
        for store in buffer.stores:
            text = container_name(store.node, self.events)
            if text and buffer.owner is not None:
                return f"{self.project.qualified(buffer.owner)}.{text}"
            if text:
                helper = self.project.class_of.get(store.function) if store.function is not None else None
                return self.project.qualified(self._around_columns(helper, buffer)) if helper is not None else text
        return self.symbol(buffer.function, buffer.path)

    def _around_columns(self, cls: ir.Class, buffer: ReplayBuffer) -> ir.Class:
        """The class that holds most objects of a class, a column in each attribute; failing that the class itself.

        Where only some of those that hold one are ever made, it is one of them, and of several columns or drawn from.
        An heir that alone draws, by a function of nobody's, is what its base stores for.
        """
        drawing = {self.project.class_of.get(site.function) for site in buffer.samples if site.function is not None}
        heir = next(iter(drawing)) if len(drawing) == 1 else None
        if heir is not None and cls in self.classes.mro(heir):
            return heir
        columns = Counter(
            holder
            for (holder, _), value in self.interpreter.attributes.items()
            if any(isinstance(atom, Instance) and atom.node is cls for atom in value.atoms)
        )
        if not self.made.isdisjoint(columns) and not self.made.issuperset(columns):
            columns = Counter({each: n + (each in drawing) for each, n in columns.items() if each in self.made})
        return max((holder for holder, count in columns.items() if count > 1), key=columns.__getitem__, default=cls)

    def is_agent(self, buffer: ReplayBuffer) -> bool:
        """Whether the class that holds the buffer also learns from it: an agent with a container, no buffer class."""
        return buffer.owner is not None and self.learns(buffer.function, (buffer.path,))

    def learns(self, function: ev.Owner, paths: Iterable[str] = ()) -> bool:
        """Whether the function itself trains something: a backward pass, a fit, a minimisation, a gradient.

        None stands for the top level of the files at `paths`.
        """
        if function is not None:
            return function in self._learning
        return any(pipelines.learns_at(site, self.events) for site in self.calls_of(None, paths))

    @cached_property
    def _learning(self) -> set[ev.Owner]:
        calling = {site.function for site in self.events.calls.values() if pipelines.learns_at(site, self.events)}
        return calling | self.events.own_learners

    @cached_property
    def weighted(self) -> list[ReplayBuffer]:
        """The prioritised buffers, but those whose weights reach no loss."""
        return [b for b in self.buffers if b.kind == PRIORITISED and not self.priorities(b).discards_weights]

    def reference_buffers(self) -> list[ev.CallSite]:
        """Where buffers and samplers of the reference package are made, in order of their places."""
        made = [
            site
            for site in self.events.calls.values()
            if any(
                isinstance(atom, Alloc) and atom.node is site.node and atom.kind in REFERENCE_KINDS
                for atom in site.result.atoms
            )
        ]
        return sorted(made, key=lambda site: (site.path, site.node.start))

    # ---------------------------------------------------------------- pipelines

    def chain(self, buffer: ReplayBuffer) -> tuple[Evidence, ...]:
        """Where a buffer is made, stored into, drawn from and learnt from."""
        return pipelines.chain(self, buffer)

    def priorities(self, buffer: ReplayBuffer) -> Priorities:
        """A prioritised buffer, to be asked about its priorities and weights."""
        known = self._priorities.get(id(buffer))
        if known is None:
            known = self._priorities[id(buffer)] = Priorities(self, buffer)
        return known

    def anatomy(self, buffer: ReplayBuffer) -> Anatomy:
        """The parts of a prioritised buffer: its priorities, who writes them, its weights."""
        known = self._anatomies.get(id(buffer))
        if known is None:
            known = self._anatomies[id(buffer)] = Anatomy(self, buffer)
        return known

    def weights(self, buffer: ReplayBuffer) -> Weights:
        """The importance-sampling weights of a prioritised buffer."""
        known = self._weights.get(id(buffer))
        if known is None:
            known = self._weights[id(buffer)] = Weights(self.anatomy(buffer))
        return known

    def is_full_at(self, path: str, node: ir.Node, buffer: ReplayBuffer, container: Term) -> bool:
        """Whether an expression is reached only once a container of the buffer is full."""
        return Fill(self.anatomy(buffer)).is_full_at(path, node, container)

    def growing_stores(self, buffer: ReplayBuffer) -> list[ev.Store]:
        """The stores that add to a container of the buffer which nothing ever bounds."""
        return growth.growing_stores(self, buffer)

    @cached_property
    def cut_containers(self) -> set[Alloc]:
        """The containers of which only a part is kept at times."""
        return growth.cut_containers(self)

    @cached_property
    def last_kept(self) -> dict[Alloc, list[tuple[str, ir.Expr]]]:
        """By how many of its last items a list is replaced, and the file that says so: `self.rows = self.rows[-n:]`."""
        return growth.last_kept(self)

    @cached_property
    def sorted_containers(self) -> set[Alloc]:
        """The lists that are kept in another order than that of what was added to them."""
        return shifts.sorted_containers(self)

    @cached_property
    def shuffled_containers(self) -> set[Alloc]:
        """The lists whose items are put in any order, so that the first is not the oldest."""
        return shifts.shuffled_containers(self)

    def files_of(self, buffer: ReplayBuffer) -> frozenset[str]:
        """The files that define a buffer: its classes, and what they call."""
        classes = self.priorities(buffer).family
        return frozenset({buffer.path, *(self.project.module_of[cls].path for cls in classes)})

    def library_use(self, buffer: LibraryBuffer) -> LibraryUse:
        """What the project does with a prioritised buffer of a library."""
        draws = [site.node for site in buffer.samples]
        stand_in = ReplayBuffer(PRIORITISED, buffer.path, None, buffer.function, draws, samples=list(buffer.samples))
        return LibraryUse(self, buffer, Priorities(self, stand_in))

    def library_chain(self, buffer: LibraryBuffer) -> tuple[Evidence, ...]:
        """Where a library's buffer is made, stored into and drawn from."""
        return pipelines.library_chain(self, buffer)

    def training_functions(self, buffer: ReplayBuffer) -> list[ev.Owner]:
        """The functions in which transitions drawn from the buffer may be learnt from."""
        return pipelines.training_functions(self, buffer)

    def describe(self) -> list[dict[str, Any]]:
        """JSON-ready descriptions of the replay pipelines."""
        return pipelines.describe(self)

    @cached_property
    def symbols(self) -> Symbols:
        """The expressions of the project as terms."""
        return Symbols(self)

    @cached_property
    def shapes(self) -> Shapes:
        """The shapes of these terms."""
        return Shapes(self.symbols)

    @cached_property
    def unread_words(self) -> dict[bytes, set[str]]:
        """The words in what could not be parsed, each with the modules that may be meant by it."""
        return words_unread(self.project, self.unread, self.left_out)

    @cached_property
    def time_limits(self) -> list[float]:
        """The time limits of the environments that the files make, where all are known."""
        return limits.time_limits(self)

    @cached_property
    def usual_time_limits(self) -> list[float]:
        """The same, where an option of the command line is what it is where nobody gives it."""
        return limits.usual_time_limits(self)

    @cached_property
    def fed(self) -> Feeds:
        """What is fed to the placeholders of TensorFlow 1 graphs."""
        return Feeds(self)

    @cached_property
    def demos(self) -> Demos:
        """What only tries something out."""
        return Demos(self)

    @cached_property
    def corrections(self) -> Corrections:
        """The importance-sampling weights, and what they are multiplied with."""
        return Corrections(self)

    @cached_property
    def gradients(self) -> Gradients:
        """What carries the graph of a backward pass."""
        return Gradients(self)

    # ---------------------------------------------------------------- the call graph

    @cached_property
    def _calls_in(self) -> dict[ir.Node | str, list[ev.CallSite]]:
        """The calls that stand in each function, and at the top level of each file by its path."""
        table: dict[ir.Node | str, list[ev.CallSite]] = defaultdict(list)
        for site in self.events.calls.values():
            table[site.path if site.function is None else site.function].append(site)
        return dict(table)

    def calls_of(self, function: ev.Owner, paths: Iterable[str] = ()) -> list[ev.CallSite]:
        """The calls that stand in a function; for None those at the top level of the files at `paths`."""
        if function is not None:
            return self._calls_in.get(function, [])
        return [site for path in sorted(set(paths)) for site in self._calls_in.get(path, ())]

    @cached_property
    def mentions(self) -> dict[str, list[Mention]]:
        """Where something with the name of a function of the project is named, by that name."""
        names = {function.name for function in self.project.functions}
        table: dict[str, list[Mention]] = defaultdict(list)
        for path, module in self.project.modules.items():
            stack: list[tuple[ir.Node, tuple[ir.Function, ...]]] = [(s, ()) for s in module.body]
            while stack:
                node, inside = stack.pop()
                if isinstance(node, (ir.Name, ir.Attr)):
                    name = node.id if isinstance(node, ir.Name) else node.attr
                    if name in names:
                        table[name].append(Mention(node, path, inside))
                elif isinstance(node, ir.Function):
                    inside = (*inside, node)
                stack += [(child, inside) for child in ir.children(node)]
        return dict(table)

    @cached_property
    def makers(self) -> dict[ir.Class, list[ev.CallSite]]:
        """The calls that may make objects of each class itself."""
        table: dict[ir.Class, list[ev.CallSite]] = defaultdict(list)
        for site in self.events.calls.values():
            for cls in site.classes:
                table[cls].append(site)
        return dict(table)

    @cached_property
    def callers(self) -> dict[ev.Owner, list[ev.CallSite]]:
        """The calls that may reach each function directly, but for those that find another's method there."""
        table: dict[ev.Owner, list[ev.CallSite]] = defaultdict(list)
        for site in self.events.calls.values():
            functions = {func.node for func in site.targets}
            is_of_several = len({self.project.class_of.get(function) for function in functions}) > 1
            for function in functions:
                if not (is_of_several and isinstance(function, ir.Function) and holds_another(self, site, function)):
                    table[function].append(site)
        return dict(table)

    @cached_property
    def resolved(self) -> frozenset[ir.Expr]:
        """What is called, wherever that leads to functions of the project."""
        return frozenset(site.node.func for site in self.events.calls.values() if site.targets)

    @cached_property
    def made(self) -> frozenset[ir.Class]:
        """The classes that something makes an object of, and their bases."""
        sites = self.events.calls.values()
        return frozenset(cls for site in sites for made in site.classes for cls in self.interpreter.classes.mro(made))

    @cached_property
    def _callees(self) -> dict[ev.Owner, set[ev.Owner]]:
        table: dict[ev.Owner, set[ev.Owner]] = defaultdict(set)
        for site in self.events.calls.values():
            if site.function is not None:
                table[site.function].update(func.node for func in site.targets)
                if "builtins.map" in site.names and site.arguments:
                    table[site.function].update(a.node for a in site.arguments[0].atoms if isinstance(a, Func))
        return dict(table)

    def callees(self, function: ev.Owner) -> set[ev.Owner]:
        """The functions of the project that a function may call directly."""
        return self._callees.get(function, set())

    def reachable(self, function: ev.Owner, depth: int = 4) -> set[ev.Owner]:
        """The function and those that it may call, up to a depth."""
        seen = {function}
        edge: Iterable[ev.Owner] = (function,)
        for _ in range(depth):
            edge = {callee for f in edge for callee in self.callees(f)} - seen
            seen |= edge
        return seen

    # ---------------------------------------------------------------- the syntax around a node

    @cached_property
    def _parents(self) -> dict[str, dict[ir.Node, ir.Node]]:
        return {}

    def parents(self, path: str) -> dict[ir.Node, ir.Node]:
        """The parent of each node of a file."""
        table = self._parents.get(path)
        if table is None:
            module = self.module(path)
            table = {child: node for node in module.nodes for child in ir.children(node)}
            self._parents[path] = table
        return table

    def path_of(self, node: ir.Node) -> str | None:
        """The file that holds an expression that was interpreted."""
        return self.project.path_of(node)

    def ancestors(self, path: str, node: ir.Node) -> Iterator[ir.Node]:
        """The nodes around a node, innermost first."""
        table = self.parents(path)
        here = table.get(node)
        while here is not None:
            yield here
            here = table.get(here)

    def loops_around(self, path: str, node: ir.Node) -> Iterator[ir.For | ir.While]:
        """The loops of its function that a node stands in, innermost first."""
        for around in self.ancestors(path, node):
            if isinstance(around, (ir.Function, ir.Lambda)):
                return
            if isinstance(around, (ir.For, ir.While)):
                yield around

    def statement(self, path: str, node: ir.Node) -> ir.Stmt:
        """The statement that holds an expression, or the node itself."""
        if isinstance(node, ir.Stmt):
            return node
        return next(a for a in self.ancestors(path, node) if isinstance(a, ir.Stmt))
