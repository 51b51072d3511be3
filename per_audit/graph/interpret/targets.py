"""Targets of assignments, and what is put into containers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret import events as ev
from per_audit.graph.interpret import spelled
from per_audit.graph.interpret.known import mappings
from per_audit.graph.interpret.roles import POLICY, VALUE, role_of, role_of_name
from per_audit.graph.interpret.values import (
    UNKNOWN,
    Alloc,
    ClassRef,
    Func,
    Instance,
    ModuleRef,
    Record,
    TupleOf,
    Value,
    of,
    taint,
)

if TYPE_CHECKING:
    from per_audit.graph.interpret.frame import Frame
    from per_audit.graph.interpret.interpreter import Interpreter

BUILDERS = frozenset(("__init__", "__post_init__", "build", "setup"))


class Targets:
    """Binds values to names, attributes, items and target lists."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter

    def assign(self, target: ir.Expr, value: Value, frame: Frame, node: ir.Node, source: ir.Expr | None) -> None:
        """Bind a value to a target of an assignment, a loop or a with statement."""
        if isinstance(target, ir.Name):
            told = self.interpreter.interactions.roles.get(target)
            if told is None:
                bound = value.with_role(role_of_name(target.id))
            else:  # what a loop does with it says more than what it was made of
                bound = value._replace(roles=frozenset((told,)))
            self.interpreter.evaluator.bind_name(target.id, bound, frame)
            values = self.interpreter.events.values
            known = values.get(target)
            if known is not value:
                values[target] = value if known is None else known.join(value)
        elif isinstance(target, ir.Seq):
            self._unpack(target, value, frame, node)
        elif isinstance(target, ir.Star):
            self.assign(target.value, value, frame, node, None)
        elif isinstance(target, ir.Attr):
            self.assign_attribute(target, value, frame, node, source)
        elif isinstance(target, ir.Sub):
            self._assign_item(target, value, frame, node, source)

    def _unpack(self, target: ir.Seq, value: Value, frame: Frame, node: ir.Node) -> None:
        unpacks = self.interpreter.events.unpacks
        known = unpacks.get(target)
        joined = value if known is None else known.value.join(value)
        unpacks[target] = ev.Unpack(target, frame.function, frame.module.path, joined)
        stars = [place for place, item in enumerate(target.items) if isinstance(item, ir.Star)]
        items = self.interpreter.parts.items_of(value, None if stars else len(target.items))
        if stars and items is not None:
            after = len(target.items) - stars[0] - 1
            if len(items) < stars[0] + after:
                items = None  # too few: the program fails here
            else:
                rest = items[stars[0] : len(items) - after]
                items = (*items[: stars[0]], of(TupleOf(target, rest)), *items[len(items) - after :])
        for position, item in enumerate(target.items):
            if items is not None:
                part = items[position]
            else:
                part = self.interpreter.parts.element(value)
                part = part if len(target.items) == 1 else part.only_taint()
            self.assign(item, part, frame, node, None)

    def assign_attribute(
        self, target: ir.Attr, value: Value, frame: Frame, node: ir.Node, source: ir.Expr | None
    ) -> None:
        """`owner.name = value`, for every object that the owner may be."""
        owner = self.interpreter.evaluator.eval(target.value, frame)
        value = value.with_role(role_of(target))
        for atom in self.interpreter.order.atoms(owner.atoms):
            if isinstance(atom, ClassRef):
                atom = Instance(atom.node)
            if isinstance(atom, Instance):
                self.interpreter.write_attribute(atom, target.attr, value)
                write = ev.AttributeWrite(atom, target.attr, node, frame.function, frame.module.path, source)
                self.interpreter.events.writes[node, atom, target.attr] = write
                self._note_reset(atom, target, value, node, frame)
            elif isinstance(atom, ModuleRef):
                env = self.interpreter.module_env(atom.path)
                before = env.get(target.attr, UNKNOWN)
                env[target.attr] = before.join(value)
                if env[target.attr] != before:
                    self.interpreter.touch_global(atom.path, target.attr)

    def _note_reset(self, owner: Instance, target: ir.Attr, value: Value, node: ir.Node, frame: Frame) -> None:
        """A container attribute that is assigned anew outside the constructor loses what it held.

        So does one of an object that another of its class takes the place of.
        """
        function = frame.function
        if not isinstance(function, ir.Function) or function.name in BUILDERS:
            return
        fresh = {a for a in value.atoms if isinstance(a, Alloc)}
        if any(self._is_grown(a) for a in fresh):
            return  # it holds what it held, and more
        is_new = bool(fresh) or _begins_anew(node, function)
        for atom in self.interpreter.order.atoms(self.interpreter.attribute(owner, target.attr).atoms):
            if isinstance(atom, Alloc) and is_new and (atom not in fresh or node.start <= atom.node.start < node.end):
                self._reset(atom, node, frame)
            elif isinstance(atom, Instance) and atom in value.atoms and isinstance(node, ir.Assign):
                made = self.interpreter.events.calls.get(node.value) if isinstance(node.value, ir.Call) else None
                if made is not None and atom.node in made.classes:
                    self.reset(atom, node, frame)

    def reset(self, owner: Instance, node: ir.Node, frame: Frame) -> None:
        """Record that an object begins anew, with its containers empty."""
        for cls in self.interpreter.classes.mro(owner.node):
            self.interpreter.reruns.note_read(("holder", cls))
            for atom in self.interpreter.order.atoms(frozenset(self.interpreter.holders.get(cls, ()))):
                self._reset(atom, node, frame)

    def _reset(self, container: Alloc, node: ir.Node, frame: Frame) -> None:
        evict = ev.Evict(container, node, frame.function, frame.module.path, "reset")
        self.interpreter.events.evictions[node, container] = evict

    def _assign_item(self, target: ir.Sub, value: Value, frame: Frame, node: ir.Node, source: ir.Expr | None) -> None:
        container = self.interpreter.evaluator.eval(target.value, frame)
        index = self.interpreter.evaluator.eval(target.index, frame)
        key = index.literal()
        owner = spelled.owner_of(target.value)
        if owner is not None and isinstance(key, str):
            self.assign_attribute(ir.Attr(target.start, target.end, owner, key), value, frame, node, source)
            return
        role = (role_of(target) if isinstance(key, str) else None) or role_of(target.value)
        if isinstance(target.value, ir.Sub):
            for array in self._rows_of(target.value, container):
                self.store(array, node, frame, "index", value, source, target.value.index, role)
        for atom in self.interpreter.order.atoms(container.atoms):
            if isinstance(atom, Alloc) and _is_whole(target.index) and isinstance(source, ir.Seq) and not source.items:
                where = (frame.function, frame.module.path)
                self.interpreter.events.evictions[node, atom] = ev.Evict(atom, node, *where, "clear")
            elif isinstance(atom, Alloc):
                self.store(atom, node, frame, "index", value, source, target.index, role)
            elif isinstance(atom, Record) and isinstance(key, str):
                mappings.set_fields(self.interpreter, target.value, container, {key: value.with_role(role)}, frame)
            elif isinstance(atom, Instance):
                method = self.interpreter.classes.find_method(atom.node, "__setitem__")
                if method is not None:
                    arguments: list[tuple[str | None, str, Value]] = [(None, "", index), (None, "", value)]
                    self.interpreter.parts.note_subscript(target, Func(method, atom), frame, stores=True)
                    self.interpreter.call_function(Func(method, atom), arguments, frame.depth)

    def _rows_of(self, row: ir.Sub, known: Value) -> list[Alloc]:
        """The arrays of numbers of which a part is written by way of a row: `self.rewards[at][agent] = reward`."""
        if any(isinstance(atom, Alloc) for atom in known.atoms):
            return []
        held = self.interpreter.order.atoms(self.interpreter.events.value(row.value).atoms)
        return [atom for atom in held if isinstance(atom, Alloc) and atom.kind == "array"]

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
        if role is not None and role not in (POLICY, VALUE):
            roles -= {POLICY, VALUE}  # what other callers give: the column says what it is for
        if known is not None:
            roles |= known.roles
        stores[key] = ev.Store(container, node, frame.function, frame.module.path, how, joined, source, index, roles)
        self.interpreter.add_content(container, value)

    def _is_grown(self, container: Alloc) -> bool:
        """Whether the call that makes an array joins it to what there was."""
        store = self.interpreter.events.stores.get((container.node, container))
        return store is not None and store.how == "append"

    def set_at(self, node: ir.Call, part: ir.Expr, value: Value, frame: Frame) -> list[Value]:
        """`rows.at[index].set(row)` of JAX, an array with something put into it; nothing where `part` is no `at[]`."""
        if not isinstance(part, ir.Sub) or not isinstance(part.value, ir.Attr) or part.value.attr != "at":
            return []
        held = self.interpreter.evaluator.eval(part.value.value, frame)  # of this call, as one is made for each leaf
        rows = [atom for atom in self.interpreter.order.atoms(held.atoms) if isinstance(atom, Alloc)]
        for atom in rows:
            source, role = node.args[0].value, role_of(part.value.value)
            self.store(atom, node, frame, "index", value, source, part.index, role)
        return [held] if rows else []

    def augment(self, node: ir.Aug, frame: Frame) -> None:
        """`target op= value`."""
        before = self.interpreter.evaluator.eval(node.target, frame)
        value = self.interpreter.evaluator.eval(node.value, frame)
        target = node.target
        if node.op == "|" and mappings.holds_fields(before):
            mappings.set_fields(self.interpreter, target, before, mappings.held(self.interpreter, value), frame)
            return
        if node.op == "+":
            for atom in self.interpreter.order.atoms(before.atoms):
                if (
                    isinstance(atom, Alloc)
                    and atom.kind in ("list", "deque")
                    and isinstance(target, (ir.Name, ir.Attr))
                ):
                    self.store(atom, node, frame, "extend", self.interpreter.parts.element(value), node.value)
        if isinstance(target, ir.Sub):
            if node.op == "-" and not isinstance(node.value, ir.Const):
                for mass in self.interpreter.order.nodes(before.tagged("mass")):
                    self.interpreter.draws.note_reduced(mass, node, frame)
            self._assign_item(target, taint(before, value), frame, node, None)
        elif isinstance(target, ir.Attr):
            owner = self.interpreter.evaluator.eval(target.value, frame)
            for atom in self.interpreter.order.atoms(owner.atoms):
                if isinstance(atom, Instance):
                    write = ev.AttributeWrite(
                        atom, target.attr, node, frame.function, frame.module.path, node.value, augmented=True
                    )
                    self.interpreter.events.writes[node, atom, target.attr] = write
                    joined = self.interpreter.operators.arithmetic(
                        node, node.op, node.target, before, node.value, value, frame
                    )
                    self.interpreter.write_attribute(atom, target.attr, joined)
        elif isinstance(target, ir.Name) and not any(isinstance(a, Alloc) for a in before.atoms):
            operators = self.interpreter.operators
            is_tuple = node.op == "+" and isinstance(node.value, ir.Seq) and node.value.kind == "tuple"
            longer = operators.joined(node, before, value) if is_tuple else None
            if longer is None:
                longer = operators.arithmetic(node, node.op, target, before, node.value, value, frame)
            self.interpreter.evaluator.bind_name(target.id, longer, frame)


def _is_whole(index: ir.Expr) -> bool:
    """Whether a subscript is of everything: `rows[:]`."""
    return isinstance(index, ir.Slice) and index.lower is None and index.upper is None and index.step is None


def _begins_anew(node: ir.Node, function: ir.Function) -> bool:
    """Whether a function always assigns a list that is spelled out, `self.rows = [first]`: nothing else is in it."""
    listed = node.value if isinstance(node, ir.Assign) else None
    if not isinstance(listed, ir.Seq) or listed.kind != "list" or node not in function.body:
        return False
    before = ir.walk_scope(function.body[: function.body.index(node)])
    is_spread = any(isinstance(item, ir.Star) for item in listed.items)
    return not is_spread and not any(isinstance(part, ir.Return) for part in before)
