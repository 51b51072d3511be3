"""The parts of values: items, elements, subscripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret import events as ev
from per_audit.graph.interpret import logarithms, sharing
from per_audit.graph.interpret.arrays import Arrays
from per_audit.graph.interpret.known.mappings import REST
from per_audit.graph.interpret.roles import role_of
from per_audit.graph.interpret.values import (
    OPEN,
    UNKNOWN,
    Alloc,
    ClassRef,
    Columns,
    Drawn,
    Func,
    Instance,
    Ints,
    Item,
    Record,
    Result,
    Step,
    Tag,
    TupleOf,
    Value,
    join_all,
    of,
)

if TYPE_CHECKING:
    from per_audit.graph.interpret.frame import Frame
    from per_audit.graph.interpret.interpreter import Interpreter

_ITERATED: set[type] = {Alloc, Drawn, TupleOf, Record, Columns}  # what gives something where it is iterated over
_STEP_ROLES = {4: ("next", "reward", "done", "info"), 5: ("next", "reward", "done", "done", "info")}


class Parts:
    """Takes values apart."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        self.arrays = Arrays(interpreter.events)
        self.ends: set[ir.Node] = set()  # displays that something of unknown length was put before

    def subscript(self, value: Value, index: Value, node: ir.Sub, frame: Frame) -> Value:
        """`value[index]`, recording a gather where a container is read at drawn positions."""
        if (cut := self.interpreter.draws.cut.get(node)) is not None:
            return cut
        found: list[Value] = []
        is_slice = isinstance(node.index, ir.Slice)
        is_column = isinstance(node.index, ir.Const) and isinstance(node.index.value, str)
        drawn = frozenset(index.tagged("index") | self.element(index).tagged("index"))
        is_window = isinstance(node.index, ir.Slice) and not value.tagged("draw") and self._is_window(node, frame)
        reads_items = False
        copied = self.arrays.lists(node.value, frame) if drawn else frozenset()
        value = logarithms.read(value, node) if drawn else value
        for atom in self.interpreter.order.atoms(value.atoms | copied):
            if isinstance(atom, Alloc) and (atom in copied or is_window):
                found.append(self._rows(atom, drawn, node, frame))
            elif isinstance(atom, Alloc):
                if drawn and not is_slice:
                    self.gather(atom, drawn, node, frame)
                content = self.interpreter.content_of(atom)
                is_part = is_slice or (is_column and atom.kind == "array")
                found.append(of(atom) if is_part else content)
                reads_items = reads_items or not is_part
            elif atom == Ints() and drawn:
                found.append(Value(frozenset(), frozenset(("index", draw) for draw in drawn)))  # positions of positions
            elif isinstance(atom, Instance):
                method = self.interpreter.classes.find_method(atom.node, "__getitem__")
                if method is not None:
                    func = Func(method, atom)
                    self.note_subscript(node, func, frame, stores=False)
                    found.append(self.interpreter.call_function(func, [(None, "", index)], frame.depth))
            else:
                found.append(self._item(atom, index, node))
        if reads_items:
            found += [of(Item(draw)) for draw in drawn]
        result = join_all(found)
        if reads_items and drawn:
            result = self.spread(result, frozenset(("draw", draw) for draw in drawn))
        roles = result.roles or value.roles
        role = role_of(node) if isinstance(node.index, ir.Const) and isinstance(node.index.value, str) else None
        told = index.no_position().without("mass")  # what stands at a random place is no sum that was picked
        tags = sharing.union(told.tags, frozenset(("draw", n) for n in drawn))
        if not is_display(value):
            tags = sharing.union(tags, of_each(value))
        tags = sharing.union(tags, frozenset(("draw", a.draw) for a in value.atoms if isinstance(a, Item)))
        made = Value(result.atoms, sharing.union(result.tags, tags), roles, result.reduction)
        return made.with_role(role or role_of(node.value))

    def item_at(self, atom: Alloc, draws: frozenset[ir.Node], node: ir.Node, frame: Frame) -> Value:
        """One item of a container, at a drawn position."""
        self.gather(atom, draws, node, frame)
        found = join_all([self.interpreter.content_of(atom.node), *(of(Item(draw)) for draw in draws)])
        return self.spread(found, frozenset(("draw", draw) for draw in draws))

    def rows_at(self, held: Value, draws: frozenset[ir.Node], node: ir.Node, frame: Frame) -> Value | None:
        """The rows of containers at drawn positions, all at once; None of what is no container."""
        found = [self._rows(atom, draws, node, frame) for atom in held.atoms if isinstance(atom, Alloc)]
        return join_all(found).with_tags(*(("draw", draw) for draw in draws)) if found else None

    def _is_window(self, node: ir.Sub, frame: Frame) -> bool:
        """Whether a slice begins at a drawn place, one of several, and ends so far from it, or goes on in steps.

        All that comes before or after a drawn place is no batch, and a single run of steps no sample of all.
        """
        part = node.index
        assert isinstance(part, ir.Slice)
        starts, ends = (self.interpreter.events.value(each).tagged("index") for each in (part.lower, part.upper))
        return bool(starts) and (part.step is not None or (bool(starts & ends) and is_repeated(node, frame)))

    def _rows(self, atom: Alloc, draws: frozenset[ir.Node], node: ir.Node, frame: Frame) -> Value:
        """The rows of a list at drawn positions, all at once."""
        self.gather(atom, draws, node, frame)
        known = [draw for draw in draws if draw in self.interpreter.events.draws]
        for draw in known:
            self.interpreter.draws.add_containers(self.interpreter.events.draws[draw], {atom})
        return join_all([of(atom), *(of(Drawn(draw)) for draw in known)])

    def note_subscript(self, node: ir.Sub, func: Func, frame: Frame, stores: bool) -> None:
        """Record that a subscript calls a method of the project."""
        table = self.interpreter.events.subscripts
        if node not in table:
            table[node] = ev.SubscriptCall(node, frame.function, frame.module.path, stores)
        table[node].targets.add(func)

    def _item(self, atom: object, index: Value, node: ir.Sub) -> Value:
        position = index.literal()
        if isinstance(atom, (TupleOf, Record)):
            if isinstance(position, int) and -len(atom.items) <= position < len(atom.items):
                return atom.items[position]
            if isinstance(atom, Record) and isinstance(position, str) and position in atom.type.fields:
                return atom.items[atom.type.fields.index(position)]
            if isinstance(atom, Record) and isinstance(position, str) and REST in atom.type.fields:
                return atom.items[atom.type.fields.index(REST)]
            if isinstance(atom, Record) and atom.type.name == OPEN:
                return Value(tags=frozenset((("draw", atom.node),)))
            if isinstance(node.index, ir.Slice):
                return self._slice(atom, node.index)
            joined = join_all(atom.items)
            return joined.join(self.interpreter.content_of(atom.node)) if is_list(atom) else joined
        if isinstance(atom, Drawn):
            return of(atom) if isinstance(node.index, ir.Slice) else self.element(of(atom))
        if isinstance(atom, Columns):
            row = self.element(atom.rows)
            return join_all(self._item(inner, index, node) for inner in row.atoms if not isinstance(inner, Columns))
        if isinstance(atom, Result):
            return self.interpreter.content_of(atom.call)  # what a file holds that the project put there
        if isinstance(atom, ClassRef):
            return of(atom)  # of a generic class, with what it holds: `Ring[Row]`
        if isinstance(atom, Ints):
            return of(atom)  # one of them, or the first of the axes that `np.where` gives
        if isinstance(atom, Step) and isinstance(position, int):
            roles = {0: "next", 1: "reward", 2: "done", 3: "done"}
            return UNKNOWN.with_role(roles.get(position))
        return UNKNOWN

    def _slice(self, atom: TupleOf | Record, node: ir.Slice) -> Value:
        def bound(part: ir.Expr | None) -> int | None:
            value = self.interpreter.events.value(part).literal()
            return value if isinstance(value, int) else None

        if isinstance(atom, TupleOf):
            if is_list(atom) and self.interpreter.content_of(atom.node) != UNKNOWN:
                return of(atom)  # a list that grows: a part of it holds what it holds
            step = bound(node.step)
            if node.step is None or step:
                return of(TupleOf(node, atom.items[bound(node.lower) : bound(node.upper) : step]))
        return join_all(atom.items)

    def gather(self, atom: Alloc, draws: frozenset[ir.Node], node: ir.Node, frame: Frame) -> None:
        """Record that a container is read at drawn positions."""
        gathers = self.interpreter.events.gathers
        known = gathers.get((node, atom))
        if known is not None:
            draws = sharing.union(known.draws, draws)
            if draws is known.draws:
                return
        gathers[node, atom] = ev.Gather(atom, node, frame.function, frame.module.path, draws)

    def element(self, value: Value) -> Value:
        """What iterating over the value yields."""
        if _ITERATED.isdisjoint(map(type, value.atoms)):
            return value.only_taint()
        found: list[Value] = []
        tags: set[Tag] = set(value.tags)
        for atom in value.atoms:
            if isinstance(atom, Alloc):
                found.append(self.interpreter.content_of(atom))
            elif isinstance(atom, Drawn):
                draw = self.interpreter.events.draws.get(atom.draw)
                self.interpreter.reruns.note_read(("drawn", atom.draw))
                found += [self.interpreter.content_of(c) for c in (draw.containers if draw else ())]
                found.append(of(Item(atom.draw)))
                tags.add(("draw", atom.draw))
            elif isinstance(atom, (TupleOf, Record)):
                found.append(join_all(atom.items))
                if is_list(atom):
                    found.append(self.interpreter.content_of(atom.node))
            elif isinstance(atom, Columns):
                found.append(self.element(atom.rows).only_taint())
        result = join_all(found)
        return self.spread(result, frozenset(tags))

    def spilled(self, value: Value) -> Value:
        """The value with the tags of what it holds: computing with a list or array is computing with its items."""
        tags: frozenset[Tag] = frozenset()
        for atom in value.atoms:
            is_list_display = isinstance(atom, TupleOf) and is_list(atom)
            if is_list_display or (isinstance(atom, Alloc) and atom.kind in ("list", "deque", "array")):
                held = atom if isinstance(atom, Alloc) else atom.node  # type: ignore[union-attr]
                tags = sharing.union(tags, self.interpreter.content_of(held).tags)
        return value.with_all(tags)

    def spread(self, value: Value, tags: frozenset[Tag]) -> Value:
        """The value and its known parts with more tags."""
        return sharing.made(_spread, value, tags) if tags else value

    def fields_of(self, value: Value) -> dict[str, Value]:
        """The fields of the dicts that `**value` may be."""
        fields: dict[str, Value] = {}
        for atom in self.interpreter.order.atoms(value.atoms):
            if isinstance(atom, Record):
                for name, item in zip(atom.type.fields, atom.items, strict=True):
                    fields[name] = fields.get(name, UNKNOWN).join(item)
        return fields

    def items_by_length(self, value: Value) -> list[tuple[Value, ...]]:
        """The items of what is taken apart, joined where it has as many; none where it may be something else."""
        lengths = {len(a.items) for a in value.atoms if isinstance(a, (TupleOf, Record))}
        if not all(isinstance(a, (TupleOf, Record)) for a in value.atoms):
            lengths = set()
        known = [self.items_of(value, length) for length in sorted(lengths)] or [self.items_of(value)]
        return [items for items in known if items is not None]

    def items_of(self, value: Value, wanted: int | None = None) -> tuple[Value, ...] | None:
        """The items of a value that is taken apart, None where they are not known one by one."""
        options: list[tuple[Value, ...]] = []
        for atom in value.atoms:
            if isinstance(atom, (TupleOf, Record)):
                options.append(atom.items)
            elif isinstance(atom, Alloc) and isinstance(atom.node, ir.Seq) and wanted is not None:
                places = self.interpreter.places_of(atom.node, wanted)
                options += [places] if places is not None else []
            elif isinstance(atom, Columns):
                row = self.element(atom.rows)
                plain = row._replace(atoms=frozenset(a for a in row.atoms if not isinstance(a, Columns)))
                inner = self.items_of(plain, wanted)
                if inner is not None:
                    shared = _besides(inner, atom.rows.tags)
                    options.append(tuple(Value(tags=i.tags | shared, roles=i.roles) for i in inner))
            elif isinstance(atom, Step) and wanted in _STEP_ROLES:
                options.append(tuple(UNKNOWN.with_role(role) for role in _STEP_ROLES[wanted]))
        options = [o for o in options if wanted is None or len(o) == wanted]
        if not options or (wanted is None and len({len(o) for o in options}) > 1):
            return None if wanted is None else self._ending(value, wanted)
        columns = [join_all(column) for column in zip(*options, strict=True)]
        if wanted in _STEP_ROLES and any(isinstance(atom, Step) for atom in value.atoms):
            columns = [column.told() for column in columns]
        return tuple(columns)

    def _ending(self, value: Value, wanted: int) -> tuple[Value, ...] | None:
        """The items of `columns + [weights, indices]`, the last of which are known however many columns there are."""
        last = [a for a in value.atoms if isinstance(a, TupleOf) and a.node in self.ends and len(a.items) < wanted]
        if len(last) != 1:
            return None
        items = last[0].items
        others = self.element(value._replace(atoms=value.atoms.difference(last), tags=_besides(items, value.tags)))
        return (*[others.only_taint()] * (wanted - len(items)), *items)


def _spread(value: Value, tags: frozenset[Tag]) -> Value:
    if any(isinstance(atom, (TupleOf, Record)) for atom in value.atoms):
        atoms = frozenset(
            a._replace(items=tuple(_spread(i, _besides(a.items, tags)) for i in a.items))
            if isinstance(a, (TupleOf, Record))
            else a
            for a in value.atoms
        )
        value = value._replace(atoms=sharing.shared(atoms))
    return value.with_all(tags)


def _besides(items: tuple[Value, ...], tags: frozenset[Tag]) -> frozenset[Tag]:
    """What is known of a display as a whole that holds for each item: where one is the weights, the others are not."""
    if any(item.tagged("isw") for item in items):
        return frozenset(tag for tag in tags if tag[0] != "isw")
    return tags


def of_each(value: Value) -> frozenset[Tag]:
    """What is known of a value as a whole that holds for each part of it, where it may be a display or something else.

    A batch that a memory gives, or another that was loaded from a file, has its weights where the display has them.
    """
    tags = value.tags
    for atom in value.atoms:
        if isinstance(atom, (TupleOf, Record)):
            tags = _besides(atom.items, tags)
    return tags


def is_list(atom: TupleOf | Record) -> bool:
    """Whether the display is a list, to which more may be added."""
    return isinstance(atom.node, ir.Seq) and atom.node.kind == "list"


def is_display(value: Value) -> bool:
    """Whether all that the value may be is a tuple or record whose parts are known one by one."""
    displays = sum(isinstance(atom, (TupleOf, Record)) for atom in value.atoms)
    return displays > 0 and all(isinstance(atom, (TupleOf, Record, Item)) for atom in value.atoms)


def is_repeated(node: ir.Node, frame: Frame) -> bool:
    """Whether a loop or comprehension of the function that is run goes over a node again and again."""
    body = frame.module.body if frame.function is None else [frame.function]
    around = (each for each in ir.walk(*body) if isinstance(each, (ir.For, ir.While, ir.Comp)))
    return any(part is node for each in around for part in ir.walk(each))
