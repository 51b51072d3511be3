"""The abstract values that the audit computes with.

A value is a product of small lattices: what it may be (`atoms`), what it was computed from (`tags`), which field of a
transition it is (`roles`), and whether a loss in it has been averaged already (`reduction`). Unknown is a value: no
atoms, no tags. Every atom and every value is immutable and hashable: named tuples, which are made and compared faster
than data classes. `sort` keeps atoms of two kinds apart that have the same fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Union

from per_audit.facts import ir
from per_audit.graph.interpret import sharing
from per_audit.graph.interpret.roles import ACTION, NEXT, POLICY, REWARD, STATE, VALUE, name_of, role_of_name

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, eq=False)
class Literal:
    """A constant of the program. `1`, `1.0` and `True` are three of them."""

    value: object

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Literal):
            return NotImplemented
        return self.value == other.value and type(self.value) is type(other.value)

    def __hash__(self) -> int:
        return hash(self.value)


class External(NamedTuple):
    """A name of another library, fully qualified: `torch.nn.functional.mse_loss`."""

    name: str
    sort: str = "external"


class Result(NamedTuple):
    """What an external call returned; `name` is the callee, so `torch.nn.MSELoss` is an instance of it."""

    name: str
    call: ir.Node
    sort: str = "result"


class ModuleRef(NamedTuple):
    """A module of the project."""

    path: str
    sort: str = "module ref"


class Func(NamedTuple):
    """A function of the project, bound to `owner` where it is a method of an instance."""

    node: ir.Function | ir.Lambda
    owner: Instance | None = None
    sort: str = "func"


class ClassRef(NamedTuple):
    """A class of the project."""

    node: ir.Class
    sort: str = "class ref"


class Instance(NamedTuple):
    """An object of a class of the project; all objects of one class are one."""

    node: ir.Class
    sort: str = "instance"


class Super(NamedTuple):
    """`super()` inside a method of `node`, bound to `owner`."""

    node: ir.Class
    owner: Instance
    sort: str = "super"


class Alloc(NamedTuple):
    """A container made at `node`; `kind` is list, deque, dict, set, array or heap.

    `leaf` tells those apart that one expression makes, one for each leaf of a tree.
    """

    node: ir.Node
    kind: str
    sort: str = "alloc"
    leaf: str = ""


class Drawn(NamedTuple):
    """A sequence of elements that a draw took out of containers."""

    draw: ir.Node
    sort: str = "drawn"


class Item(NamedTuple):
    """One element that a draw took out of a container, as it was stored. Computing with it makes another value."""

    draw: ir.Node
    sort: str = "item"


class TupleOf(NamedTuple):
    """A tuple or list display with known items; the node tells displays apart, for the return map."""

    node: ir.Node
    items: tuple[Value, ...]
    sort: str = "tuple of"


class RecordType(NamedTuple):
    """A named tuple or similar: its name and fields."""

    name: str
    fields: tuple[str, ...]
    sort: str = "record type"


class Record(NamedTuple):
    """An instance of a record type or a dict display with constant keys."""

    type: RecordType
    node: ir.Node
    items: tuple[Value, ...]
    sort: str = "record"


class Step(NamedTuple):
    """What `env.step(...)` returned, before it is unpacked."""

    call: ir.Node
    sort: str = "step"


class Columns(NamedTuple):
    """`zip(*rows)`: the columns of the rows that `rows` describes."""

    rows: Value
    sort: str = "columns"


class Ints(NamedTuple):
    """`range(n)`, `len(x)`, an integer: a population of positions rather than of items."""

    sort: str = "ints"


class Crowd(NamedTuple):
    """One of so many containers that it tells nothing which: what a registry or a generic field of a large project is.

    To follow all of them takes most of the time there, and leads from each to all the others.
    """

    sort: str = "crowd"


Atom = Union[  # noqa: UP007 (evaluated on import, where Python 3.10 can join no quoted names)
    Literal, External, Result, ModuleRef, Func, ClassRef, Instance, Super, Alloc, Drawn, Item, TupleOf, RecordType,
    Record, Step, Columns, Ints, Crowd,
]  # fmt: skip

# What a value was computed from: ("draw", node) items of a draw, ("index", node) its positions,
# ("isw", node) importance-sampling weights, ("odds", node) 1 / (N P) before it is raised to beta: weights as well,
# as long as nothing raises it; ("log", node) as `logarithms` says...
Tag = tuple[str, ir.Node]

OPEN = "open"  # the name of a record type of which only some fields are known
ELEMENTWISE, SCALAR, MIXED = "elementwise", "scalar", "mixed"
_MOST_ATOMS, _MOST_HELD = 12, 24
_NO_NODES: frozenset[ir.Node] = frozenset()
_MANY = 24  # atoms and tags whose join is worth remembering
_DISPLAYS: set[type] = {TupleOf, Record, Columns}
_OBSERVED, _ESTIMATED = frozenset({STATE, NEXT}), frozenset({POLICY, VALUE})
_HELD = (Alloc, Drawn, Item, Crowd)
_LASTING = (Instance, Func, *_HELD)  # what a value with too many atoms keeps
_CROWD = Crowd()


class Value(NamedTuple):
    """One abstract value. `reduction` is None where it does not apply, MIXED where it is not known.

    A named tuple rather than a dataclass: millions are made, compared and hashed in one audit.
    """

    atoms: frozenset[Atom] = frozenset()
    tags: frozenset[Tag] = frozenset()
    roles: frozenset[str] = frozenset()
    reduction: str | None = None

    def join(self, other: Value) -> Value:
        """The least value above both."""
        if self is other or other is UNKNOWN or self == other:
            return self
        if self is UNKNOWN:
            return other
        if len(self.atoms) + len(other.atoms) + len(self.tags) + len(other.tags) > _MANY:
            return sharing.made(_joined, self, other)
        return _joined(self, other)

    def only_taint(self) -> Value:
        """A value computed from this one in an unknown way: the tags stay, the rest is lost."""
        return Value(tags=self.tags) if self.tags else UNKNOWN

    def no_position(self) -> Value:
        """This value as something computed from drawn positions that is no position itself."""
        return self.without("index")

    def without(self, kind: str) -> Value:
        """This value without its tags of a kind."""
        if not self.tags or not any(tag[0] == kind for tag in self.tags):
            return self
        tags = frozenset(tag for tag in self.tags if tag[0] != kind)
        return Value(self.atoms, tags, self.roles, self.reduction)

    def with_tags(self, *tags: Tag) -> Value:
        """This value with more tags."""
        return self.with_all(frozenset(tags))

    def with_all(self, tags: frozenset[Tag]) -> Value:
        """This value with the tags of a set too."""
        united = sharing.union(self.tags, tags)
        return self if united is self.tags else Value(self.atoms, united, self.roles, self.reduction)

    def with_role(self, role: str | None) -> Value:
        """This value with a role, unless it has one already.

        What is called a state is one, also where it was made of something called returns: prices have such.
        """
        if role is None:
            return self
        if role in _OBSERVED and self.roles <= _OBSERVED | _ESTIMATED:
            roles = self.roles - _ESTIMATED or frozenset((role,))
        elif self.roles:
            return self
        else:
            roles = frozenset((role,))
        return Value(self.atoms, self.tags, roles, self.reduction)

    def told(self) -> Value:
        """This value as something that an environment told, whatever it was made of there: returns of prices, say."""
        return self if self.roles.isdisjoint(_ESTIMATED) else self._replace(roles=self.roles - _ESTIMATED)

    def tagged(self, kind: str) -> frozenset[ir.Node]:
        """The nodes of the tags of that kind."""
        return sharing.made(_of_kind, self.tags, kind) if self.tags else _NO_NODES

    def literal(self) -> object:
        """The constant that this value is, or None."""
        if len(self.atoms) == 1:
            (atom,) = self.atoms
            if isinstance(atom, Literal):
                return atom.value
        return None


def _of_kind(tags: frozenset[Tag], kind: str) -> frozenset[ir.Node]:
    return frozenset(node for name, node in tags if name == kind)


def _joined(one: Value, other: Value) -> Value:
    ours, theirs = one.atoms, other.atoms
    same = one.reduction == other.reduction
    holds = ours is theirs or ours >= theirs
    if holds and same and one.tags >= other.tags and one.roles >= other.roles:
        return one
    tags = sharing.union(one.tags, other.tags) if other.tags else one.tags
    if holds:
        atoms = ours
    elif theirs > ours:
        atoms = sharing.shared(_bounded(theirs))
    else:
        merged, lost = _merged(ours | theirs)
        atoms, tags = sharing.shared(_bounded(merged)), sharing.union(tags, lost)
    if not same:
        if other == UNKNOWN:
            return one
        if one == UNKNOWN:
            return other
    reduction = one.reduction if same else MIXED
    return Value(atoms, tags, one.roles | other.roles, reduction)


def _bounded(atoms: frozenset[Atom]) -> frozenset[Atom]:
    """The atoms, or of too many those that last; too many containers are a crowd, which takes others in."""
    if len(atoms) > _MOST_ATOMS:
        atoms = frozenset(atom for atom in atoms if isinstance(atom, _LASTING))
    elif _CROWD not in atoms:
        return atoms
    held = frozenset(atom for atom in atoms if isinstance(atom, _HELD))
    return atoms if len(held) <= _MOST_HELD and _CROWD not in held else atoms - held | {_CROWD}


def _merged(atoms: frozenset[Atom]) -> tuple[frozenset[Atom], frozenset[Tag]]:
    """The atoms with at most one tuple or record for each display, its items joined.

    Of tuples of different lengths only the weights in them stay: slices of batches with and without weights.
    """
    displays: dict[ir.Node, list[TupleOf | Record]] = {}
    lost: frozenset[Tag] = frozenset()
    if len(atoms) < 2 or _DISPLAYS.isdisjoint(map(type, atoms)):
        return atoms, lost
    for atom in atoms:
        if isinstance(atom, (TupleOf, Record)):
            displays.setdefault(atom.node, []).append(atom)
    for group in displays.values():
        if len(group) > 1:
            atoms -= frozenset(group)
            shapes = {_shape(atom) for atom in group}
            if len(shapes) == 1:
                items = tuple(join_all(column) for column in zip(*(atom.items for atom in group), strict=True))
                atoms |= {group[0]._replace(items=items)}
            elif records := [atom for atom in group if isinstance(atom, Record)]:
                atoms |= {_union(records)}
            else:
                held = (tag for atom in group for item in atom.items for tag in item.tags)
                lost = lost.union(tag for tag in held if tag[0] == "isw")
    return atoms, lost


def _shape(atom: TupleOf | Record) -> tuple[object, ...]:
    return atom.type if isinstance(atom, Record) else (len(atom.items),)


def _union(records: list[Record]) -> Record:
    """One record with the fields of all: a dict that got further keys on some way."""
    names = tuple(sorted({name for record in records for name in record.type.fields}))
    items = tuple(join_all(r.items[r.type.fields.index(n)] for r in records if n in r.type.fields) for n in names)
    name = min(record.type.name for record in records)
    return Record(RecordType(name, names), records[0].node, items)


def shallow(value: Value, depth: int = 3) -> Value:
    """The value with what lies deeper than `depth` displays forgotten, so that values cannot grow for ever."""
    if not value.atoms or _DISPLAYS.isdisjoint(map(type, value.atoms)):
        return value
    return sharing.made(_cut, value, depth) if depth else value.only_taint()


def _cut(value: Value, depth: int) -> Value:
    atoms: set[Atom] = set()
    for atom in value.atoms:
        if isinstance(atom, (TupleOf, Record)):
            atoms.add(atom._replace(items=tuple(shallow(item, depth - 1) for item in atom.items)))
        elif isinstance(atom, Columns):
            atoms.add(Columns(shallow(atom.rows, depth - 1)))
        else:
            atoms.add(atom)
    return value._replace(atoms=sharing.shared(frozenset(atoms)))


UNKNOWN = Value()

# The arguments of a call: keyword, star ("", "*" or "**") and value of each.
Arguments = list[tuple["str | None", str, Value]]


def of(atom: Atom) -> Value:
    """The value that is just this atom."""
    return Value(frozenset((atom,)))


def join_all(values: Iterable[Value]) -> Value:
    """The join of all values, unknown for none; the same in whatever order they come."""
    known: list[Value] = []
    for value in values:
        if value is not UNKNOWN:
            known.append(value)  # noqa: PERF401 - most have one, for which a comprehension takes longer
    if len(known) < 3:
        return UNKNOWN if not known else known[0] if len(known) == 1 else known[0].join(known[1])
    known = list(dict.fromkeys(known))
    if len(known) < 3:
        return known[0] if len(known) == 1 else known[0].join(known[1])
    return sharing.made(_all_joined, *known)


def _all_joined(*known: Value) -> Value:
    reductions = {value.reduction for value in known if value != UNKNOWN}
    atoms, lost = _merged(frozenset().union(*{value.atoms for value in known}))
    return Value(
        sharing.shared(_bounded(atoms)),
        sharing.shared(lost.union(*{value.tags for value in known})),
        frozenset().union(*{value.roles for value in known}),
        reductions.pop() if len(reductions) == 1 else MIXED,
    )


def taint(*values: Value) -> Value:
    """A value computed from all of these in an unknown way."""
    tags: frozenset[Tag] = frozenset()
    for value in values:
        if value.tags:
            tags = sharing.union(tags, value.tags)
    return Value(tags=tags) if tags else UNKNOWN


def is_observed(value: Value) -> bool:
    """Whether the value is a transition fresh from the environment: its reward or next state comes from no draw.

    The action of such a transition may well depend on draws, through what was learnt from them.
    """
    return not _DISPLAYS.isdisjoint(map(type, value.atoms)) and sharing.made(_is_observed, value)


def _is_observed(value: Value) -> bool:
    return any(
        not item.tagged("draw") and not {"reward", "next"}.isdisjoint(item.roles)
        for atom in value.atoms
        if isinstance(atom, (TupleOf, Record))
        for item in atom.items
    )


def roles_in(value: Value, depth: int = 2) -> frozenset[str]:
    """The roles of a value and of the items of its displays, down to a depth.

    What an observation is made of is no field of the row that it stands in, whatever it is called: `d` a distance; but
    all that a step told, an observation among it, may be called one, and so may an action beside what it earned.
    """
    if not depth or _DISPLAYS.isdisjoint(map(type, value.atoms)):
        return value.roles
    return sharing.made(_roles_in, value, depth)


def _roles_in(value: Value, depth: int) -> frozenset[str]:
    found = value.roles
    for atom in value.atoms:
        if isinstance(atom, (TupleOf, Record)):
            found = found.union(*(_roles_of_item(item, depth - 1) for item in atom.items))
    return found


def _roles_of_item(item: Value, depth: int) -> frozenset[str]:
    if not item.roles or not item.roles <= _OBSERVED:
        return roles_in(item, depth)
    rows = (atom.items for atom in item.atoms if isinstance(atom, (TupleOf, Record)))
    holds_another = any(not part.roles.isdisjoint(_OBSERVED) for row in rows for part in row)
    return roles_in(item, depth) if holds_another or any(map(_spells_step, item.atoms)) else item.roles


def _spells_step(atom: Atom) -> bool:
    """Whether an action and a reward are spelt out in a display, not by letters that may mean anything."""
    if not isinstance(atom, TupleOf) or not isinstance(atom.node, ir.Seq):
        return False
    names = (name for item in atom.node.items if (name := name_of(item)) is not None)
    return {ACTION, REWARD} <= {role_of_name(name) for name in names if len(name) > 1}
