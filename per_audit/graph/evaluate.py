"""Expressions: what each may be, and what was read, written and unpacked on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph import events as ev
from per_audit.graph.roles import is_beta, role_of
from per_audit.graph.values import (
    ELEMENTWISE,
    SCALAR,
    UNKNOWN,
    Alloc,
    ClassRef,
    Columns,
    Drawn,
    External,
    Func,
    Instance,
    Ints,
    Item,
    Literal,
    ModuleRef,
    Record,
    RecordType,
    Result,
    Step,
    Tag,
    TupleOf,
    Value,
    join_all,
    of,
    shallow,
    taint,
)  # fmt: skip

if TYPE_CHECKING:
    from per_audit.graph.interpreter import Frame, Interpreter

_STEP_ROLES = {4: ("next", "reward", "done", "info"), 5: ("next", "reward", "done", "done", "info")}
_MOST_FIELDS = 24  # of a dict whose keys are followed one by one
_BUILTINS = {
    "range", "len", "zip", "list", "tuple", "dict", "set", "deque", "enumerate", "reversed", "sorted", "map", "filter",
    "min", "max", "sum", "abs", "int", "float", "bool", "str", "super", "iter", "next", "isinstance", "print", "pow",
    "round", "any", "all", "getattr", "setattr", "hasattr", "slice", "type", "vars", "object", "property", "xrange",
}  # fmt: skip


class Evaluator:
    """Evaluates expressions in a frame of the interpreter."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        self._externals: dict[tuple[str, str], Value] = {}

    def eval(self, node: ir.Expr, frame: Frame) -> Value:
        """The value of an expression; also joined into `events.values`."""
        value = _EXPRESSIONS[type(node)](self, node, frame)
        values = self.interpreter.events.values
        known = values.get(node)
        if known is not value:
            values[node] = value if known is None else known.join(value)
        return value

    # ---------------------------------------------------------------- names

    def lookup(self, name: str, frame: Frame) -> Value | None:
        """The value of a name: local, enclosing, of the module, built in; None where it is not bound yet."""
        here: Frame | None = frame
        while here is not None:
            if name in here.env and name not in here.globals:
                if here.function is not frame.function:
                    self.interpreter.note_read("closure")
                return here.env[name]
            here = here.parent
        env = self.interpreter.module_env(frame.module.path)
        if name in env:
            return env[name]
        return of(External(f"builtins.{name}")) if name in _BUILTINS else None

    def bind_name(self, name: str, value: Value, frame: Frame) -> None:
        """Assign to a name in the scope where the assignment takes effect."""
        value = shallow(value)
        if name in frame.globals:
            env = self.interpreter.module_env(frame.module.path)
            before = env.get(name, UNKNOWN)
            env[name] = before.join(value)
            if env[name] != before:
                self.interpreter.touch_module(frame.module.path)
        else:
            frame.env[name] = value

    def _name(self, node: ir.Name, frame: Frame) -> Value:
        return self.lookup(node.id, frame) or UNKNOWN

    # ---------------------------------------------------------------- attributes and subscripts

    def _attr(self, node: ir.Attr, frame: Frame) -> Value:
        return self.attribute(self.eval(node.value, frame), node.attr, frame)

    def attribute(self, value: Value, name: str, frame: Frame) -> Value:
        """`value.name`."""
        found: list[Value] = []
        for atom in value.atoms:
            if isinstance(atom, ModuleRef):
                found.append(self._member(atom.path, name))
            elif isinstance(atom, (External, Result)):
                found.append(self._external(atom.name, name))
            elif isinstance(atom, Instance):
                found.append(self._instance_attribute(atom, name, frame))
            elif isinstance(atom, ClassRef):
                method = self.interpreter.find_method(atom.node, name)
                found.append(of(Func(method)) if method else self.interpreter.attribute(Instance(atom.node), name))
            elif isinstance(atom, Record) and name in atom.type.fields:
                found.append(atom.items[atom.type.fields.index(name)])
        result = join_all(found)
        if not found or name in ("T", "data", "values", "real"):
            # A field of something unknown: of a drawn batch (`batch.reward`), or of a tensor (`x.data`).
            result = result.join(Value(tags=value.tags, roles=value.roles if name in ("T", "data") else frozenset()))
        elif value.tags and not is_display(value):
            result = result.with_tags(*value.tags) if not any(isinstance(a, Func) for a in result.atoms) else result
        return result

    def _external(self, owner: str, name: str) -> Value:
        """A member of a library's name; remembered, since each use of a library asks for one."""
        key = (owner, name)
        known = self._externals.get(key)
        if known is None:
            known = self._externals[key] = of(External(f"{owner}.{name}"))
        return known

    def _member(self, path: str, name: str) -> Value:
        env = self.interpreter.module_env(path)
        if name in env:
            return env[name]
        inner = (
            self.interpreter.project.find_module(path, name, 1) if self.interpreter.project.is_package(path) else None
        )
        return of(ModuleRef(inner)) if inner else UNKNOWN

    def _instance_attribute(self, owner: Instance, name: str, frame: Frame) -> Value:
        method = self.interpreter.find_method(owner.node, name)
        if method is not None:
            names = {d.id for d in method.decorators if isinstance(d, ir.Name)}
            if "property" in names:
                return self.interpreter.call_function(Func(method, owner), [], frame.depth)
            return of(Func(method, None if "staticmethod" in names else owner))
        known = self.interpreter.attribute(owner, name)
        if known == UNKNOWN:
            getter = self.interpreter.find_method(owner.node, "__getattr__")
            if getter is not None:
                return self.interpreter.call_function(Func(getter, owner), [(None, "", of(Literal(name)))], frame.depth)
        return known

    def _sub(self, node: ir.Sub, frame: Frame) -> Value:
        value = self.eval(node.value, frame)
        index = self.eval(node.index, frame)
        return self.subscript(value, index, node, frame)

    def subscript(self, value: Value, index: Value, node: ir.Sub, frame: Frame) -> Value:
        """`value[index]`, recording a gather where a container is read at drawn positions."""
        found: list[Value] = []
        is_slice = isinstance(node.index, ir.Slice)
        drawn = frozenset(index.tagged("index") | self.element(index).tagged("index"))
        for atom in value.atoms:
            if isinstance(atom, Alloc):
                if drawn and not is_slice:
                    self.gather(atom, drawn, node, frame)
                content = self.interpreter.content_of(atom.node)
                found.append(of(atom) if is_slice else content)
                if not is_slice:
                    found += [of(Item(draw)) for draw in drawn]
            elif isinstance(atom, Instance):
                method = self.interpreter.find_method(atom.node, "__getitem__")
                if method is not None:
                    func = Func(method, atom)
                    found.append(self.interpreter.call_function(func, [(None, "", index)], frame.depth))
            else:
                found.append(self._item(atom, index, node))
        drawn_tags: tuple[Tag, ...] = tuple(("draw", n) for n in drawn)
        result = join_all(found)
        roles = result.roles or value.roles
        role = role_of(node) if isinstance(node.index, ir.Const) and isinstance(node.index.value, str) else None
        tags = {t for t in index.tags if t[0] != "index"} | frozenset(drawn_tags)
        if not is_display(value):
            tags |= value.tags
        return result._replace(tags=result.tags | tags, roles=roles).with_role(role or role_of(node.value))

    def _item(self, atom: object, index: Value, node: ir.Sub) -> Value:
        position = index.literal()
        if isinstance(atom, (TupleOf, Record)):
            if isinstance(position, int) and -len(atom.items) <= position < len(atom.items):
                return atom.items[position]
            if isinstance(atom, Record) and isinstance(position, str) and position in atom.type.fields:
                return atom.items[atom.type.fields.index(position)]
            if isinstance(node.index, ir.Slice):
                return self._slice(atom, node.index)
            return join_all(atom.items)
        if isinstance(atom, Drawn):
            return of(atom) if isinstance(node.index, ir.Slice) else self.element(of(atom))
        if isinstance(atom, Columns):
            row = self.element(atom.rows)
            return join_all(self._item(inner, index, node) for inner in row.atoms if not isinstance(inner, Columns))
        if isinstance(atom, Step) and isinstance(position, int):
            roles = {0: "next", 1: "reward", 2: "done", 3: "done"}
            return UNKNOWN.with_role(roles.get(position))
        return UNKNOWN

    def _slice(self, atom: TupleOf | Record, node: ir.Slice) -> Value:
        def bound(part: ir.Expr | None) -> int | None:
            value = self.interpreter.events.value(part).literal()
            return value if isinstance(value, int) else None

        if node.step is None and isinstance(atom, TupleOf):
            return of(TupleOf(node, atom.items[bound(node.lower) : bound(node.upper)]))
        return join_all(atom.items)

    def gather(self, atom: Alloc, draws: frozenset[ir.Node], node: ir.Node, frame: Frame) -> None:
        """Record that a container is read at drawn positions."""
        gathers = self.interpreter.events.gathers
        known = gathers.get((node, atom))
        if known is not None:
            draws |= known.draws
        gathers[node, atom] = ev.Gather(atom, node, frame.function, frame.module.path, draws)

    # ---------------------------------------------------------------- parts of values

    def element(self, value: Value) -> Value:
        """What iterating over the value yields."""
        found: list[Value] = []
        tags: set[Tag] = set(value.tags)
        for atom in value.atoms:
            if isinstance(atom, Alloc):
                found.append(self.interpreter.content_of(atom.node))
            elif isinstance(atom, Drawn):
                draw = self.interpreter.events.draws.get(atom.draw)
                for container in draw.containers if draw else ():
                    found.append(self.interpreter.content_of(container.node))
                found.append(of(Item(atom.draw)))
                tags.add(("draw", atom.draw))
            elif isinstance(atom, (TupleOf, Record)):
                found.append(join_all(atom.items))
            elif isinstance(atom, Columns):
                found.append(self.element(atom.rows).only_taint())
        result = join_all(found)
        return self._spread(result, frozenset(tags))

    def spilled(self, value: Value) -> Value:
        """The value with the tags of what it holds: computing with a list or array is computing with its items."""
        tags: frozenset[Tag] = frozenset()
        for atom in value.atoms:
            if isinstance(atom, Alloc) and atom.kind in ("list", "array"):
                tags |= self.interpreter.content_of(atom.node).tags
        return value.with_tags(*tags) if tags else value

    def _spread(self, value: Value, tags: frozenset[Tag]) -> Value:
        """The value and its known parts with more tags."""
        if not tags:
            return value
        atoms = frozenset(
            replace(a, items=tuple(self._spread(i, tags) for i in a.items)) if isinstance(a, (TupleOf, Record)) else a
            for a in value.atoms
        )
        return value._replace(atoms=atoms, tags=value.tags | tags)

    def fields_of(self, value: Value) -> dict[str, Value]:
        """The fields of the dicts that `**value` may be."""
        fields: dict[str, Value] = {}
        for atom in value.atoms:
            if isinstance(atom, Record):
                for name, item in zip(atom.type.fields, atom.items, strict=True):
                    fields[name] = fields.get(name, UNKNOWN).join(item)
        return fields

    def items_of(self, value: Value, wanted: int | None = None) -> tuple[Value, ...] | None:
        """The items of a value that is taken apart, None where they are not known one by one."""
        options: list[tuple[Value, ...]] = []
        for atom in value.atoms:
            if isinstance(atom, (TupleOf, Record)):
                options.append(atom.items)
            elif isinstance(atom, Columns):
                row = self.element(atom.rows)
                plain = row._replace(atoms=frozenset(a for a in row.atoms if not isinstance(a, Columns)))
                inner = self.items_of(plain, wanted)
                if inner is not None:
                    options.append(tuple(Value(tags=i.tags | atom.rows.tags, roles=i.roles) for i in inner))
            elif isinstance(atom, Step) and wanted in _STEP_ROLES:
                options.append(tuple(UNKNOWN.with_role(role) for role in _STEP_ROLES[wanted]))
        options = [o for o in options if wanted is None or len(o) == wanted]
        if not options or (wanted is None and len({len(o) for o in options}) > 1):
            return None
        return tuple(join_all(column) for column in zip(*options, strict=True))

    # ---------------------------------------------------------------- targets

    def assign(self, target: ir.Expr, value: Value, frame: Frame, node: ir.Node, source: ir.Expr | None) -> None:
        """Bind a value to a target of an assignment, a loop or a with statement."""
        if isinstance(target, ir.Name):
            self.bind_name(target.id, value.with_role(role_of(target)), frame)
            self.interpreter.events.values[target] = self.interpreter.events.value(target).join(value)
        elif isinstance(target, ir.Seq):
            self._unpack(target, value, frame, node)
        elif isinstance(target, ir.Star):
            self.assign(target.value, value.only_taint(), frame, node, None)
        elif isinstance(target, ir.Attr):
            self._assign_attribute(target, value, frame, node, source)
        elif isinstance(target, ir.Sub):
            self._assign_item(target, value, frame, node, source)

    def _unpack(self, target: ir.Seq, value: Value, frame: Frame, node: ir.Node) -> None:
        unpacks = self.interpreter.events.unpacks
        known = unpacks.get(target)
        joined = value if known is None else known.value.join(value)
        unpacks[target] = ev.Unpack(target, frame.function, frame.module.path, joined)
        starred = any(isinstance(item, ir.Star) for item in target.items)
        items = None if starred else self.items_of(value, len(target.items))
        for position, item in enumerate(target.items):
            if items is not None:
                part = items[position]
            else:
                part = self.element(value)
                part = part if len(target.items) == 1 else part.only_taint()
            self.assign(item, part, frame, node, None)

    def _assign_attribute(
        self, target: ir.Attr, value: Value, frame: Frame, node: ir.Node, source: ir.Expr | None
    ) -> None:
        owner = self.eval(target.value, frame)
        value = value.with_role(role_of(target))
        for atom in owner.atoms:
            if isinstance(atom, ClassRef):
                atom = Instance(atom.node)
            if isinstance(atom, Instance):
                self.interpreter.write_attribute(atom, target.attr, value)
                write = ev.AttributeWrite(atom, target.attr, node, frame.function, frame.module.path, source)
                self.interpreter.events.writes[node, atom, target.attr] = write
                self._note_reset(atom, target.attr, value, node, frame)
            elif isinstance(atom, ModuleRef):
                env = self.interpreter.module_env(atom.path)
                env[target.attr] = env.get(target.attr, UNKNOWN).join(value)

    def _note_reset(self, owner: Instance, name: str, value: Value, node: ir.Node, frame: Frame) -> None:
        """A container attribute that is assigned anew outside the constructor loses what it held."""
        function = frame.function
        if not isinstance(function, ir.Function) or function.name in ("__init__", "__post_init__", "build", "setup"):
            return
        fresh = {a for a in value.atoms if isinstance(a, Alloc)}
        for atom in self.interpreter.attribute(owner, name).atoms:
            if isinstance(atom, Alloc) and atom not in fresh and fresh:
                key = (node, atom)
                self.interpreter.events.evictions[key] = ev.Evict(atom, node, function, frame.module.path, "reset")

    def _assign_item(self, target: ir.Sub, value: Value, frame: Frame, node: ir.Node, source: ir.Expr | None) -> None:
        container = self.eval(target.value, frame)
        index = self.eval(target.index, frame)
        key = index.literal()
        role = (role_of(target) if isinstance(key, str) else None) or role_of(target.value)
        for atom in container.atoms:
            if isinstance(atom, Alloc):
                self.store(atom, node, frame, "index", value, source, target.index, role)
            elif isinstance(atom, Record) and isinstance(key, str):
                self._set_field(target.value, container, atom, key, value.with_role(role), frame)
            elif isinstance(atom, Instance):
                method = self.interpreter.find_method(atom.node, "__setitem__")
                if method is not None:
                    arguments: list[tuple[str | None, str, Value]] = [(None, "", index), (None, "", value)]
                    self.interpreter.call_function(Func(method, atom), arguments, frame.depth)

    def _set_field(self, holder: ir.Expr, before: Value, atom: Record, key: str, value: Value, frame: Frame) -> None:
        """`holder[key] = value` for a dict display that a name holds: the name holds a dict with that key from now on."""
        if not isinstance(holder, ir.Name) or len(atom.items) > _MOST_FIELDS:
            return
        fields = dict(zip(atom.type.fields, atom.items, strict=True))
        fields[key] = value
        changed = Record(RecordType(atom.type.name, tuple(fields)), atom.node, tuple(fields.values()))
        self.bind_name(
            holder.id, before._replace(atoms=before.atoms - {atom} | {changed}, tags=before.tags | value.tags), frame
        )

    def store(
        self,
        container: Alloc,
        node: ir.Node,
        frame: Frame,
        how: str,
        value: Value,
        source: ir.Expr | None,
        index: ir.Expr | None = None,
        role: str | None = None,
    ) -> None:
        """Record that a value is put into a container."""
        stores = self.interpreter.events.stores
        key = (node, container)
        known = stores.get(key)
        joined = value if known is None else known.value.join(value)
        roles = value.roles or (frozenset((role,)) if role else frozenset())
        if known is not None:
            roles |= known.roles
        stores[key] = ev.Store(container, node, frame.function, frame.module.path, how, joined, source, index, roles)
        self.interpreter.add_content(container.node, value)

    def augment(self, node: ir.Aug, frame: Frame) -> None:
        """`target op= value`."""
        before = self.eval(node.target, frame)
        value = self.eval(node.value, frame)
        target = node.target
        if node.op == "+":
            for atom in before.atoms:
                if (
                    isinstance(atom, Alloc)
                    and atom.kind in ("list", "deque")
                    and isinstance(target, (ir.Name, ir.Attr))
                ):
                    self.store(atom, node, frame, "extend", self.element(value), node.value)
        if isinstance(target, ir.Sub):
            self._assign_item(target, taint(before, value), frame, node, None)
        elif isinstance(target, ir.Attr):
            owner = self.eval(target.value, frame)
            for atom in owner.atoms:
                if isinstance(atom, Instance):
                    write = ev.AttributeWrite(
                        atom, target.attr, node, frame.function, frame.module.path, node.value, augmented=True
                    )
                    self.interpreter.events.writes[node, atom, target.attr] = write
                    joined = self._arithmetic(node, node.op, node.target, before, node.value, value, frame)
                    self.interpreter.write_attribute(atom, target.attr, joined)
        elif isinstance(target, ir.Name) and not any(isinstance(a, Alloc) for a in before.atoms):
            self.bind_name(target.id, self._arithmetic(node, node.op, target, before, node.value, value, frame), frame)

    # ---------------------------------------------------------------- operators

    def _bin(self, node: ir.Bin, frame: Frame) -> Value:
        left = self.eval(node.left, frame)
        right = self.eval(node.right, frame)
        if node.op == "*":
            for side, other in ((left, right), (right, left)):
                lists = [a for a in side.atoms if isinstance(a, (Alloc, TupleOf)) and _is_list(a)]
                if lists and not other.tags:  # [None] * capacity
                    self.interpreter.add_content(node, self.element(side))
                    return of(Alloc(node, "list"))
        if node.op == "+" and any(isinstance(a, (Alloc, TupleOf)) for a in left.atoms):
            return self._concatenate(node, left, right, frame)
        return self._arithmetic(node, node.op, node.left, left, node.right, right, frame)

    def _concatenate(self, node: ir.Bin, left: Value, right: Value, frame: Frame) -> Value:
        ours, theirs = self.items_of(left), self.items_of(right)
        if ours is not None and theirs is not None:
            return of(TupleOf(node, ours + theirs))
        for atom in left.atoms:
            if isinstance(atom, Alloc) and atom.kind in ("list", "deque"):
                self.store(atom, node, frame, "extend", self.element(right), node.right)
        return left.join(right)

    def _arithmetic(
        self, node: ir.Node, op: str, left: ir.Expr, a: Value, right: ir.Expr, b: Value, frame: Frame
    ) -> Value:
        a, b = self.spilled(a), self.spilled(b)
        result = taint(a, b)
        if op == "-" and not isinstance(right, ir.Const):
            for mass in a.tagged("mass"):
                self.interpreter.events.masses[mass].reduced = True
        constants = a.literal(), b.literal()
        if all(isinstance(c, (int, float)) for c in constants):
            return of(_folded(op, *constants))
        if op == "**" and _weight_exponent(right):
            result = result.with_tags(("isw", node))
        if op == "/" and isinstance(left, ir.Const) and left.value in (1, 1.0):
            if isinstance(right, ir.Bin) and right.op == "**" and any(_names_beta(right.right)):
                result = result.with_tags(("isw", node))
        if op == "*" and isinstance(node, (ir.Bin, ir.Aug)):
            self.weigh(node, left, a, right, b, frame)
        reductions = {v.reduction for v, e in ((a, left), (b, right)) if not isinstance(e, ir.Const)}
        reduction = ELEMENTWISE if ELEMENTWISE in reductions else SCALAR if reductions == {SCALAR} else None
        if op == "*" and SCALAR in reductions and (a.tagged("isw") or b.tagged("isw")):
            reduction = ELEMENTWISE
        if op in ("/", "**", "@") or (op == "*" and not (_is_number(a) or _is_number(b))):
            result = result.no_position()
        roles = a.roles if isinstance(right, ir.Const) else b.roles if isinstance(left, ir.Const) else frozenset()
        return result._replace(reduction=reduction, roles=roles)

    def weigh(self, node: ir.Node, left: ir.Expr, a: Value, right: ir.Expr, b: Value, frame: Frame) -> None:
        """Record a product of weights with a value that was computed from drawn transitions."""
        for weights, side, other, value in ((left, a, right, b), (right, b, left, a)):
            if side.tagged("isw") and not value.tagged("isw") and value.tagged("draw") and isinstance(node, ir.Expr):
                table = self.interpreter.events.weightings
                known = table.get(node)
                joined = value if known is None else known.other_value.join(value)
                table[node] = ev.Weighting(node, frame.function, frame.module.path, weights, other, joined)

    def _un(self, node: ir.Un, frame: Frame) -> Value:
        value = self.eval(node.operand, frame)
        constant = value.literal()
        if node.op == "-" and isinstance(constant, (int, float)):
            return of(Literal(-constant))
        return Value(tags=value.tags, roles=value.roles, reduction=value.reduction)

    def _cmp(self, node: ir.Cmp, frame: Frame) -> Value:
        values = [self.eval(node.left, frame), *(self.eval(r, frame) for r in node.rights)]
        for value in values:
            for mass in value.tagged("mass"):
                self.interpreter.events.masses[mass].compared = True
        return taint(*values)

    def _logic(self, node: ir.Logic, frame: Frame) -> Value:
        return self.eval(node.left, frame).join(self.eval(node.right, frame))

    def _ifexp(self, node: ir.IfExp, frame: Frame) -> Value:
        self.eval(node.test, frame)
        return self.eval(node.body, frame).join(self.eval(node.orelse, frame))

    # ---------------------------------------------------------------- displays and the rest

    def _const(self, node: ir.Const, frame: Frame) -> Value:
        known = self.interpreter.events.values.get(node)
        return known or (of(Literal(node.value)) if _hashable(node.value) else UNKNOWN)

    def _seq(self, node: ir.Seq, frame: Frame) -> Value:
        items: list[Value] = []
        known = True
        for item in node.items:
            value = self.eval(item, frame)
            if isinstance(item, ir.Star):
                inner = self.items_of(value)
                if inner is None:
                    known = False
                    items.append(self.element(value))
                else:
                    items.extend(inner)
            else:
                items.append(value.with_role(role_of(item)))
        if known and items and node.kind in ("tuple", "list"):
            if node.kind == "list" and all(i.literal() is not None or i == UNKNOWN for i in items) and len(items) < 3:
                return of(Alloc(node, "list"))
            return Value(frozenset((TupleOf(node, tuple(items)),)), taint(*items).tags)
        return Value(frozenset((Alloc(node, "set" if node.kind == "set" else "list"),)), taint(*items).tags)

    def dict_type(self, keys: tuple[str, ...]) -> RecordType:
        """The record type of a dict with these keys."""
        return RecordType("dict", keys)

    def _map(self, node: ir.Map, frame: Frame) -> Value:
        keys = [UNKNOWN if key is None else self.eval(key, frame) for key in node.keys]
        values = [self.eval(value, frame) for value in node.values]
        names = [key.literal() for key in keys]
        if names and all(isinstance(name, str) for name in names):
            items = tuple(
                v.with_role(role_of(ir.Name(0, 0, str(n))) or role_of(e))
                for v, n, e in zip(values, names, node.values, strict=True)
            )
            return Value(frozenset((Record(self.dict_type(tuple(map(str, names))), node, items),)), taint(*items).tags)
        return of(Alloc(node, "dict"))

    def _comp(self, node: ir.Comp, frame: Frame) -> Value:
        inner = replace_env(frame)
        for generator in node.generators:
            iterated = self.eval(generator.iter, inner)
            self.assign(generator.target, self.element(iterated), inner, node, None)
            for test in generator.ifs:
                self.eval(test, inner)
        if node.key is not None:
            self.eval(node.key, inner)
        value = self.eval(node.elt, inner)
        alloc = Alloc(node, "dict" if node.kind == "dict" else "list")
        self.interpreter.add_content(node, value)
        draws = {atom.draw for atom in value.atoms if isinstance(atom, Drawn)}
        atoms: set[object] = {alloc} if not draws else {Drawn(d) for d in draws}
        roles = value.roles or (frozenset((role,)) if (role := role_of(node.elt)) else frozenset())
        return Value(frozenset(atoms), value.tags, roles)  # type: ignore[arg-type]

    def _lambda(self, node: ir.Lambda, frame: Frame) -> Value:
        self.interpreter.closures[node] = frame
        return of(Func(node))

    def _star(self, node: ir.Star, frame: Frame) -> Value:
        return self.eval(node.value, frame)

    def _walrus(self, node: ir.Walrus, frame: Frame) -> Value:
        value = self.eval(node.value, frame)
        self.assign(node.target, value, frame, node, node.value)
        return value

    def _slice_value(self, node: ir.Slice, frame: Frame) -> Value:
        parts = [self.eval(part, frame) for part in (node.lower, node.upper, node.step) if part is not None]
        return taint(*parts) if parts else UNKNOWN

    def _other(self, node: ir.Other, frame: Frame) -> Value:
        parts = [self.eval(part, frame) for part in node.parts]
        if node.kind == "Await" and parts:
            return parts[0]
        if node.kind == "Yield" and parts:
            frame.returned = parts[0] if frame.returned is None else frame.returned.join(parts[0])
        return taint(*parts) if parts else UNKNOWN

    def _call(self, node: ir.Call, frame: Frame) -> Value:
        return self.interpreter.calls.call(node, frame)


def is_display(value: Value) -> bool:
    """Whether all that the value may be is a tuple or record whose parts are known one by one."""
    displays = sum(isinstance(atom, (TupleOf, Record)) for atom in value.atoms)
    return displays > 0 and all(isinstance(atom, (TupleOf, Record, Item)) for atom in value.atoms)


def replace_env(frame: Frame) -> Frame:
    """The frame of a comprehension: its own names over those around it."""
    return replace(frame, env={}, parent=frame, globals=set())


def _is_number(value: Value) -> bool:
    return any(isinstance(atom, (Literal, Ints)) for atom in value.atoms)


def _is_list(atom: Alloc | TupleOf) -> bool:
    return (
        atom.kind == "list" if isinstance(atom, Alloc) else isinstance(atom.node, ir.Seq) and atom.node.kind == "list"
    )


def _hashable(value: object) -> bool:
    return isinstance(value, (int, float, complex, str, bytes, bool, type(None), type(...)))


def _folded(op: str, a: object, b: object) -> Literal | Ints:
    assert isinstance(a, (int, float)) and isinstance(b, (int, float))
    try:
        if op == "**" and (abs(a) > 1e6 or abs(b) > 64):
            return Ints()
        operations = {"+": a + b, "-": a - b, "*": a * b}
        if op in operations:
            return Literal(operations[op])
        if op == "**":
            return Literal(a**b)
        if b and op in ("/", "//"):
            return Literal(a / b if op == "/" else a // b)
    except (OverflowError, ValueError, ZeroDivisionError):
        return Ints()
    return Ints()


def _names_beta(expression: ir.Expr) -> list[str]:
    names = [
        n.id if isinstance(n, ir.Name) else n.attr for n in ir.walk(expression) if isinstance(n, (ir.Name, ir.Attr))
    ]
    return [name for name in names if is_beta(name)]


def _weight_exponent(expression: ir.Expr) -> bool:
    """Whether `x ** expression` is the form of an importance-sampling weight: `-b`, or an exponent called beta."""
    if isinstance(expression, ir.Un) and expression.op == "-" and not isinstance(expression.operand, ir.Const):
        return True
    return bool(_names_beta(expression))


_EXPRESSIONS = {
    ir.Name: Evaluator._name,
    ir.Attr: Evaluator._attr,
    ir.Const: Evaluator._const,
    ir.Call: Evaluator._call,
    ir.Sub: Evaluator._sub,
    ir.Slice: Evaluator._slice_value,
    ir.Seq: Evaluator._seq,
    ir.Map: Evaluator._map,
    ir.Bin: Evaluator._bin,
    ir.Un: Evaluator._un,
    ir.Cmp: Evaluator._cmp,
    ir.Logic: Evaluator._logic,
    ir.IfExp: Evaluator._ifexp,
    ir.Comp: Evaluator._comp,
    ir.Lambda: Evaluator._lambda,
    ir.Star: Evaluator._star,
    ir.Walrus: Evaluator._walrus,
    ir.Other: Evaluator._other,
}
