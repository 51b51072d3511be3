"""Expressions: what each may be, and what was read, written and unpacked on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from per_audit.facts import ir
from per_audit.graph.interpret import spelled
from per_audit.graph.interpret.events import Read
from per_audit.graph.interpret.iteration import turns_of
from per_audit.graph.interpret.known import externals as ext
from per_audit.graph.interpret.known import frames, mappings, reference
from per_audit.graph.interpret.parts import is_display, of_each
from per_audit.graph.interpret.roles import role_of, role_of_name
from per_audit.graph.interpret.values import (
    OPEN,
    UNKNOWN,
    Alloc,
    Atom,
    ClassRef,
    Drawn,
    External,
    Func,
    Instance,
    Literal,
    ModuleRef,
    Record,
    RecordType,
    Result,
    TupleOf,
    Value,
    join_all,
    of,
    shallow,
    taint,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Callable

    from per_audit.graph.interpret.frame import Frame
    from per_audit.graph.interpret.interpreter import Interpreter

_BUILTINS = {
    "range", "len", "zip", "list", "tuple", "dict", "set", "deque", "enumerate", "reversed", "sorted", "map", "filter",
    "min", "max", "sum", "abs", "int", "float", "bool", "str", "super", "iter", "next", "isinstance", "print", "pow",
    "round", "any", "all", "getattr", "setattr", "hasattr", "slice", "type", "vars", "object", "property", "xrange",
}  # fmt: skip


class Evaluator:
    """Evaluates expressions in a frame of the interpreter."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        operators = interpreter.operators
        self._meanings: dict[type[ir.Expr], Callable[[Any, Frame], Value]] = {
            ir.Name: self._name,
            ir.Attr: self._attr,
            ir.Const: self._const,
            ir.Call: interpreter.calls.call,
            ir.Sub: self._sub,
            ir.Slice: self._slice_value,
            ir.Seq: self._seq,
            ir.Map: self._map,
            ir.Bin: operators.bin,
            ir.Un: operators.un,
            ir.Cmp: operators.cmp,
            ir.Logic: self._logic,
            ir.IfExp: self._ifexp,
            ir.Comp: self._comp,
            ir.Lambda: self._lambda,
            ir.Star: self._star,
            ir.Walrus: self._walrus,
            ir.Other: self._other,
        }
        self._values = interpreter.events.values
        self._externals: dict[tuple[str, str], Value] = {}
        self._enclosing = frozenset(interpreter.project.outer_of.values())

    def eval(self, node: ir.Expr, frame: Frame) -> Value:
        """The value of an expression; also joined into `events.values`."""
        value = self._meanings[type(node)](node, frame)
        values = self._values
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
                    self.interpreter.reruns.note_read(self.interpreter.key_of_name(here, name))
                found = here.env[name]
                return self.interpreter.redefined.met(name, found, frame) if here.is_of_module else found
            here = here.parent
        env = self.interpreter.module_env(frame.module.path)
        self.interpreter.note_global(frame.module.path, name)
        if name in env:
            return self.interpreter.redefined.met(name, env[name], frame)
        return of(External(f"builtins.{name}")) if name in _BUILTINS else None

    def bind_name(self, name: str, value: Value, frame: Frame) -> None:
        """Assign to a name in the scope where the assignment takes effect."""
        value = shallow(value)
        if name in frame.globals:
            env = self.interpreter.module_env(frame.module.path)
            before = env.get(name, UNKNOWN)
            env[name] = before.join(value)
            if env[name] != before:
                self.interpreter.touch_global(frame.module.path, name)
        else:
            self.interpreter.redefined.bind(name, value, frame)
            frame.env[name] = value
            encloses = frame.parent is not None if frame.function is None else frame.function in self._enclosing
            if encloses:
                self.interpreter.note_bound(self.interpreter.key_of_name(frame, name), value)

    def _name(self, node: ir.Name, frame: Frame) -> Value:
        name = node.id
        if frame.function is not None and name in frame.env and name not in frame.globals:
            return frame.env[name]  # asked most often: its own
        return self.lookup(name, frame) or UNKNOWN

    # ---------------------------------------------------------------- attributes and subscripts

    def _attr(self, node: ir.Attr, frame: Frame) -> Value:
        value = self.eval(node.value, frame)
        if value.tags and not any(self._declares(atom, node.attr) for atom in value.atoms):
            self._note_field(node, node.attr, value)
        return self.attribute(value, node.attr, frame)

    def _declares(self, atom: Atom, name: str) -> bool:
        """Whether a name of something is given it by code: not that of a batch whose fields are called as its keys."""
        if isinstance(atom, Instance):
            is_own = self.interpreter.classes.find_method(atom.node, name) is not None
            return is_own or self.interpreter.attribute(atom, name) != UNKNOWN
        return isinstance(atom, ModuleRef)

    def attribute(self, value: Value, name: str, frame: Frame) -> Value:
        """`value.name`."""
        found: list[Value] = []
        for atom in self.interpreter.order.atoms(value.atoms):
            if isinstance(atom, ModuleRef):
                found.append(self._member(atom.path, name))
            elif isinstance(atom, (External, Result)):
                found.append(self._external(atom.name, name))
            elif isinstance(atom, Instance):
                found.append(self._instance_attribute(atom, name, frame))
            elif isinstance(atom, ClassRef):
                method = self.interpreter.classes.find_method(atom.node, name)
                if method is None:
                    own = self.interpreter.attribute(Instance(atom.node), name)
                    found.append(of(atom) if own == UNKNOWN and name == ext.REMOTE else own)
                    continue
                is_of_class = "classmethod" in self.interpreter.classes.decorators(method)
                found.append(of(Func(method, Instance(atom.node) if is_of_class else None)))
            elif isinstance(atom, Func) and name == ext.REMOTE:
                found.append(of(atom))
            elif isinstance(atom, Record) and name in atom.type.fields:
                found.append(atom.items[atom.type.fields.index(name)])
            elif isinstance(atom, Record) and atom.type.name == OPEN:
                found.append(Value(tags=frozenset((("draw", atom.node),))))
            elif isinstance(atom, Alloc) and any(is_it(atom, name) for is_it in _THE_SAME):
                found.append(of(atom))
        result = join_all(found)
        if not found or name in ("T", "data", "values", "real"):
            # A field of something unknown: of a drawn batch (`batch.reward`), or of a tensor (`x.data`).
            result = result.join(Value(tags=value.tags, roles=value.roles if name in ("T", "data") else frozenset()))
        elif value.tags and not is_display(value):
            result = result if any(isinstance(a, Func) for a in result.atoms) else result.with_all(of_each(value))
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
        self.interpreter.note_global(path, name)
        if name in env:
            return env[name]
        inner = (
            self.interpreter.project.find_module(path, name, 1) if self.interpreter.project.is_package(path) else None
        )
        return of(ModuleRef(inner)) if inner else UNKNOWN

    def _instance_attribute(self, owner: Instance, name: str, frame: Frame) -> Value:
        method = self.interpreter.classes.find_method(owner.node, name)
        if method is not None and _says_nothing(method):  # an attribute that heirs are to have
            known = self.interpreter.attribute(owner, name)
            if known != UNKNOWN:
                return known
        if method is not None:
            names = self.interpreter.classes.decorators(method)
            if "property" in names:
                return self.interpreter.call_function(Func(method, owner), [], frame.depth)
            return of(Func(method, None if "staticmethod" in names else owner))
        known = self.interpreter.attribute(owner, name)
        if known == UNKNOWN:
            getter = self.interpreter.classes.find_method(owner.node, "__getattr__")
            if getter is not None:
                return self.interpreter.call_function(Func(getter, owner), [(None, "", of(Literal(name)))], frame.depth)
        return known

    def _sub(self, node: ir.Sub, frame: Frame) -> Value:
        value = self.eval(node.value, frame)
        index = self.eval(node.index, frame)
        owner, name = spelled.owner_of(node.value), index.literal()
        if owner is not None and isinstance(name, str):
            return self.attribute(self.eval(owner, frame), name, frame).with_role(role_of_name(name))
        result = self.interpreter.parts.subscript(value, index, node, frame)
        if result.tags and isinstance(node.index, ir.Const) and isinstance(node.index.value, str):
            self._note_field(node, node.index.value, result)
        return result

    def _note_field(self, node: ir.Sub | ir.Attr, name: str, value: Value) -> None:
        """Record that what was drawn is read by the name of a field of a transition."""
        if role_of_name(name) is not None and (draws := frozenset(value.tagged("draw"))):
            reads = self.interpreter.events.reads
            known = reads.get(node)
            reads[node] = Read(node, name, draws if known is None else draws | known.draws)

    # ---------------------------------------------------------------- operators

    def _logic(self, node: ir.Logic, frame: Frame) -> Value:
        return self.eval(node.left, frame).join(self.eval(node.right, frame))

    def _ifexp(self, node: ir.IfExp, frame: Frame) -> Value:
        self.eval(node.test, frame)
        return self.eval(node.body, frame).join(self.eval(node.orelse, frame))

    # ---------------------------------------------------------------- displays and the rest

    def _const(self, node: ir.Const, frame: Frame) -> Value:  # noqa: ARG002
        known = self.interpreter.events.values.get(node)
        return known or (of(Literal(node.value)) if _hashable(node.value) else UNKNOWN)

    def _seq(self, node: ir.Seq, frame: Frame) -> Value:
        items: list[Value] = []
        known = True
        for item in node.items:
            value = self.eval(item, frame)
            if isinstance(item, ir.Star):
                inner = self.interpreter.parts.items_of(value)
                if inner is None:
                    known = False
                    items.append(self.interpreter.parts.element(value))
                else:
                    items.extend(inner)
            else:
                items.append(value.with_role(role_of(item)))
        if known and items and node.kind in ("tuple", "list"):
            if node.kind == "list" and all(i.literal() is not None or i == UNKNOWN for i in items) and len(items) < 3:
                return of(Alloc(node, "list"))
            return Value(frozenset((TupleOf(node, tuple(items)),)), taint(*items).tags)
        if not known:
            self.interpreter.add_content(node, join_all(items))
            if len(items) == len(node.items):
                self.interpreter.add_places(node, items)
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
        return mappings.display(self.interpreter, node, names, values)

    def _comp(self, node: ir.Comp, frame: Frame) -> Value:
        inner = replace_env(frame)
        if (items := self._spelled(node, inner)) is not None:
            return Value(frozenset((TupleOf(node, items),)), taint(*items).tags)
        for generator in node.generators:
            iterated = self.eval(generator.iter, inner)
            self.interpreter.targets.assign(
                generator.target, turns_of(self.interpreter, iterated, inner), inner, node, None
            )
            for test in generator.ifs:
                self.eval(test, inner)
        if node.key is not None:
            self.eval(node.key, inner)
        value = self.eval(node.elt, inner)
        self.interpreter.views.note_listed(node)
        roles = value.roles or (frozenset((role,)) if (role := role_of(node.elt)) else frozenset())
        return self.listed(node, value, "dict" if node.kind == "dict" else "list")._replace(roles=roles)

    def listed(self, node: ir.Expr, value: Value, kind: str = "list") -> Value:
        """A container of its own of values that are alike; of what was drawn it is a batch."""
        self.interpreter.add_content(node, value)
        drawn = frozenset(Drawn(atom.draw) for atom in value.atoms if isinstance(atom, Drawn))
        return Value(drawn or frozenset((Alloc(node, kind),)), value.tags, value.roles)

    def _spelled(self, node: ir.Comp, inner: Frame) -> tuple[Value, ...] | None:
        """The items of a comprehension over things that are written out, None for another.

        They are a display, or names by which it asks for attributes.
        """
        if node.kind not in ("list", "generator") or len(node.generators) > 1 or node.generators[0].ifs:
            return None
        generator = node.generators[0]
        if not isinstance(generator.iter, (ir.Name, ir.Attr, ir.Seq, ir.Call)):
            return None
        iterated = self.eval(generator.iter, inner)
        items: list[Value] = []
        turns = spelled.turns(self.interpreter, iterated, generator.iter, [node.elt])
        if turns is None:
            turns = spelled.items(self.interpreter, iterated, generator.iter)
        for turn in turns or ():
            self.interpreter.targets.assign(generator.target, turn, inner, node, None)
            item = self.eval(node.elt, inner)
            named = not turn.roles and isinstance(generator.target, ir.Name)  # by a name that all items have in turn
            several = len(item.roles) > 1 or (named and item.roles == {role_of(generator.target)})
            items.append(item._replace(roles=frozenset()) if several else item)
        return tuple(items) if turns is not None else None

    def _lambda(self, node: ir.Lambda, frame: Frame) -> Value:
        self.interpreter.closures[node] = frame
        for parameter in node.parameters:
            if parameter.default is not None:
                self.eval(parameter.default, frame)
        return of(Func(node))

    def _star(self, node: ir.Star, frame: Frame) -> Value:
        return self.eval(node.value, frame)

    def _walrus(self, node: ir.Walrus, frame: Frame) -> Value:
        value = self.eval(node.value, frame)
        while frame.comprehension and frame.parent is not None:
            frame = frame.parent  # the name outlives the comprehension
        self.interpreter.targets.assign(node.target, value, frame, node, node.value)
        return value

    def _slice_value(self, node: ir.Slice, frame: Frame) -> Value:
        parts = [self.eval(part, frame) for part in (node.lower, node.upper, node.step) if part is not None]
        return taint(*parts) if parts else UNKNOWN

    def _other(self, node: ir.Other, frame: Frame) -> Value:
        parts = [self.eval(part, frame) for part in node.parts]
        if node.kind == "Await" and parts:
            return parts[0]
        if node.kind in ("Yield", "YieldFrom") and parts:
            # What a generator function returns is iterated over.
            item = parts[0] if node.kind == "Yield" else self.interpreter.parts.element(parts[0])
            self.interpreter.add_content(node, item)
            made = of(Alloc(node, "list"))
            frame.returned = made if frame.returned is None else frame.returned.join(made)
        return taint(*parts) if parts else UNKNOWN


def replace_env(frame: Frame) -> Frame:
    """The frame of a comprehension: its own names over those around it."""
    return replace(frame, env={}, parent=frame, globals=set(), comprehension=True)


def _is_inside(made: Alloc, name: str) -> bool:
    """Whether it is what a queue between threads keeps its items in, `tasks.queue`, or a `UserList` its own."""
    return (name == "queue" and made.kind == "deque") or (name == "data" and isinstance(made.node, ir.Class))


# What an attribute of a container is where it is the container itself, or what is done to it is.
_THE_SAME = (reference.has_part, _is_inside, frames.is_view)


def _says_nothing(method: ir.Function) -> bool:
    """Whether a method only declares: it has a text, `pass` or an error that says so, and nothing else."""
    return all(
        isinstance(part, (ir.Jump, ir.Raise)) or (isinstance(part, ir.Do) and isinstance(part.value, ir.Const))
        for part in method.body
    )


def _hashable(value: object) -> bool:
    return isinstance(value, (int, float, complex, str, bytes, bool, type(None), type(...)))
