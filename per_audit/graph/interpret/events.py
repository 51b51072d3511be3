"""What the interpreter saw, for the rules and the fixes to ask about. Events of several contexts are one per node."""

from __future__ import annotations

from dataclasses import dataclass, field

from per_audit.facts import ir
from per_audit.graph.interpret.known.externals import REMOTE
from per_audit.graph.interpret.values import UNKNOWN, Alloc, Func, Instance, Value

Owner = ir.Function | ir.Lambda | None  # the function in which something happens; None at module level


@dataclass(slots=True)
class Draw:
    """A random draw. `items`: out of a sequence; otherwise of positions. `weighted`: by given probabilities."""

    node: ir.Call
    function: Owner
    path: str
    method: str
    items: bool
    weighted: bool
    containers: set[Alloc] = field(default_factory=set)
    population: Value = UNKNOWN
    probabilities: ir.Expr | None = None


@dataclass(slots=True)
class Store:
    """Something put into a container: `how` is append, index, insert, extend or rebuild."""

    container: Alloc
    node: ir.Node
    function: Owner
    path: str
    how: str
    value: Value
    expression: ir.Expr | None
    index: ir.Expr | None = None
    roles: frozenset[str] = frozenset()


@dataclass(slots=True)
class Evict:
    """Something taken out of a container: `how` is pop, delete, clear, slice or reset."""

    container: Alloc
    node: ir.Node
    function: Owner
    path: str
    how: str


@dataclass(slots=True)
class Gather:
    """A container read at drawn positions."""

    container: Alloc
    node: ir.Node
    function: Owner
    path: str
    draws: frozenset[ir.Node]


@dataclass(slots=True)
class CallSite:
    """A call: what it may call and with what. `guessed` is a target that only its name speaks for."""

    node: ir.Call
    function: Owner
    path: str
    names: set[str] = field(default_factory=set)
    targets: set[Func] = field(default_factory=set)
    classes: set[ir.Class] = field(default_factory=set)
    receiver: Value = UNKNOWN
    arguments: list[Value] = field(default_factory=list)
    result: Value = UNKNOWN
    guessed: Func | None = None

    @property
    def is_remote(self) -> bool:
        """Whether what is called runs in another process: `memory.sample.remote(32)`."""
        is_asked = any(isinstance(atom, Func) for atom in self.receiver.atoms)
        return is_asked and isinstance(self.node.func, ir.Attr) and self.node.func.attr == REMOTE

    def settle(self, callee: Value) -> None:
        """Drop the guess where what is called is known to be something else."""
        if self.guessed is not None and self.guessed not in callee.atoms:
            self.targets.discard(self.guessed)
        self.guessed = None


@dataclass(slots=True)
class SubscriptCall:
    """A subscript of an object of the project: what its `__getitem__` or, where it `stores`, `__setitem__` may be."""

    node: ir.Sub
    function: Owner
    path: str
    stores: bool
    targets: set[Func] = field(default_factory=set)


@dataclass(slots=True)
class Unpack:
    """A value taken apart into a target list."""

    node: ir.Seq
    function: Owner
    path: str
    value: Value


@dataclass(slots=True)
class Read:
    """A field read by name out of what was drawn: `batch["reward"]`, `batch.reward`."""

    node: ir.Sub | ir.Attr
    name: str
    draws: frozenset[ir.Node]


@dataclass(slots=True)
class Weighting:
    """A product of importance-sampling weights with something else, or an augmented assignment that makes one."""

    node: ir.Node
    function: Owner
    path: str
    weights: ir.Expr
    other: ir.Expr
    other_value: Value


@dataclass(slots=True)
class PriorityUpdate:
    """New priorities given to a buffer or sampler of the reference package."""

    container: Alloc
    node: ir.Call
    function: Owner
    path: str


@dataclass(slots=True)
class AttributeWrite:
    """An assignment to an attribute of an object of the project."""

    owner: Instance
    attribute: str
    node: ir.Node
    function: Owner
    path: str
    expression: ir.Expr | None
    augmented: bool = False


@dataclass(slots=True)
class Mass:
    """A continuous random number. One that a function compares with sums and reduces by them walks a sum tree.

    `sums` are the arrays that a library's function searches for it. `stops`: a loop that adds numbers up ends by it.
    """

    node: ir.Call
    function: Owner
    path: str
    compared_in: set[Owner] = field(default_factory=set)
    reduced_in: set[Owner] = field(default_factory=set)
    sums: set[ir.Expr] = field(default_factory=set)
    searched: bool = False
    stops: bool = False

    @property
    def descends(self) -> bool:
        """Whether the number picks a position by cumulative priority."""
        return self.stops or self.is_looked_up

    @property
    def is_looked_up(self) -> bool:
        """Whether sums are searched for the number, or a tree of them is walked down with it."""
        return self.searched or not self.compared_in.isdisjoint(self.reduced_in)


@dataclass(slots=True)
class Events:
    """Everything seen, by the node at which it happened."""

    draws: dict[ir.Node, Draw] = field(default_factory=dict)
    stores: dict[tuple[ir.Node, Alloc], Store] = field(default_factory=dict)
    evictions: dict[tuple[ir.Node, Alloc], Evict] = field(default_factory=dict)
    gathers: dict[tuple[ir.Node, Alloc], Gather] = field(default_factory=dict)
    calls: dict[ir.Call, CallSite] = field(default_factory=dict)
    subscripts: dict[ir.Node, SubscriptCall] = field(default_factory=dict)
    unpacks: dict[ir.Seq, Unpack] = field(default_factory=dict)
    reads: dict[ir.Node, Read] = field(default_factory=dict)
    weightings: dict[ir.Node, Weighting] = field(default_factory=dict)
    raised: set[ir.Node] = field(default_factory=set)  # odds that something is made of by an exponent
    updates: dict[tuple[ir.Node, Alloc], PriorityUpdate] = field(default_factory=dict)
    writes: dict[tuple[ir.Node, Instance, str], AttributeWrite] = field(default_factory=dict)
    values: dict[ir.Node, Value] = field(default_factory=dict)
    returns: dict[Owner, dict[ir.Return, Value]] = field(default_factory=dict)
    masses: dict[ir.Node, Mass] = field(default_factory=dict)
    # Calls that learn, and functions that do by themselves, by a network of the project's own: see `gradients.own`.
    own_steps: set[ir.Call] = field(default_factory=set)
    own_learners: set[Owner] = field(default_factory=set)

    def value(self, node: ir.Node | None) -> Value:
        """The value of an expression in any context, unknown for what was not reached."""
        return UNKNOWN if node is None else self.values.get(node, UNKNOWN)
