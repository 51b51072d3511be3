"""Functions that Python has built in: `zip`, `map`, `super`, `getattr` and the like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.iteration import turns_of
from per_audit.graph.interpret.known import externals as ext
from per_audit.graph.interpret.known.views import joins_lists
from per_audit.graph.interpret.roles import EARNED, role_of, role_of_name
from per_audit.graph.interpret.values import (
    UNKNOWN,
    Alloc,
    Arguments,
    ClassRef,
    Columns,
    Func,
    Ints,
    Literal,
    Super,
    TupleOf,
    Value,
    join_all,
    of,
    taint,
)

if TYPE_CHECKING:
    from per_audit.graph.interpret.frame import Frame
    from per_audit.graph.interpret.interpreter import Interpreter


class BuiltIn:
    """Gives calls of built-in functions their meaning."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter

    def call(self, name: str, node: ir.Call, arguments: Arguments, frame: Frame) -> Value | None:
        """The result of a call; None for what makes containers and for other functions."""
        values = [value for _, _, value in arguments]
        first = values[0] if values else UNKNOWN
        if name == "super":
            return self._super(values, frame)
        if name in ("len", "range", "xrange"):
            # How many there are says nothing of which.
            return Value(frozenset((Ints(),)), frozenset() if name == "len" else taint(*values).tags)
        if name == "zip":
            return self._zip(node, arguments)
        if name == "enumerate":
            self.interpreter.views.note(node, first)
            return self._iterable(
                node, of(TupleOf(node, (of(Ints()), self.interpreter.parts.element(first)))), taint(*values)
            )
        if name in ("map", "filter") and len(values) == 2:
            made = self._map if name == "map" else self._filter
            return made(node, values[0], values[1], frame)
        if name in ("list", "tuple", "sorted", "reversed", "iter") and values:
            return first
        if name == "next" and values:
            return turns_of(self.interpreter, first, frame).join(first.only_taint())
        if name in ("int", "float", "bool", "abs", "round"):
            constant = first.literal()
            if name == "int" and isinstance(constant, (int, float)) and abs(constant) < 1e18:
                return of(Literal(int(constant)))
            return Value(tags=first.tags, roles=first.roles, reduction=first.reduction)
        if name in ("min", "max"):
            return (
                join_all(values)
                if len(values) > 1
                else self.interpreter.parts.element(first).only_taint().join(first.only_taint())
            )
        if name in ("setattr", "getattr"):
            return self._by_string(name, node, values, frame)
        if f"builtins.{name}" in ext.CONTAINERS or name == "pow" or joins_lists(f"builtins.{name}", node):
            return None  # told with those of libraries
        if name == "sum" and self.interpreter.operators.is_earned(first):
            return Value(tags=taint(*values).tags, roles=EARNED)  # of several steps
        return Value(tags=taint(*values).tags)

    def _zip(self, node: ir.Call, arguments: Arguments) -> Value:
        """The rows that `zip` makes of columns, or the columns that it makes of rows."""
        values = [value for _, _, value in arguments]
        first = values[0] if values else UNKNOWN
        if len(arguments) == 1 and arguments[0][1] == "*":
            return Value(frozenset((Columns(first),)), first.tags)
        self.interpreter.views.note(node, *values)
        rows = tuple(
            self.interpreter.parts.element(value).with_role(min(value.roles, default=None) or role_of(given.value))
            for given, value in zip(node.args, values, strict=False)
        )
        if len(rows) == 1 and len(first.roles) > 1:
            rows = (rows[0]._replace(roles=first.roles),)  # rows of an array, each in a tuple of its own
        return self._iterable(node, of(TupleOf(node, rows)), taint(*values))

    def _by_string(self, name: str, node: ir.Call, values: list[Value], frame: Frame) -> Value:
        """`setattr` and `getattr` by a name that is known."""
        first = values[0] if values else UNKNOWN
        key = values[1].literal() if len(values) > 1 else None
        if not isinstance(key, str):
            return UNKNOWN
        if name == "setattr" and len(node.args) == 3:
            target = ir.Attr(node.start, node.end, node.args[0].value, key)
            # By names that a loop goes through one expression is several values, which no term tells apart.
            source = node.args[2].value if isinstance(node.args[1].value, ir.Const) else None
            self.interpreter.targets.assign_attribute(target, values[2], frame, node, source)
            return UNKNOWN
        if name == "getattr":
            found = self.interpreter.evaluator.attribute(first, key, frame).with_role(role_of_name(key))
            return found.join(values[2]) if len(values) > 2 else found
        return UNKNOWN

    def _iterable(self, node: ir.Node, element: Value, source: Value) -> Value:
        self.interpreter.add_content(node, element)
        return Value(frozenset((Alloc(node, "list"),)), source.tags)

    def _map(self, node: ir.Call, function: Value, iterable: Value, frame: Frame) -> Value:
        results: list[Value] = []
        read = node.args[0].value
        if isinstance(read, ir.Attr) and read.attr == "__getitem__":
            draws = frozenset(self.interpreter.parts.element(iterable).tagged("index"))
            for held in self.interpreter.order.atoms(self.interpreter.events.value(read.value).atoms) if draws else ():
                if isinstance(held, Alloc):
                    item = self.interpreter.parts.item_at(held, draws, node, frame)
                    results.append(self.interpreter.evaluator.listed(node, item))
        for atom in self.interpreter.order.atoms(function.atoms):
            if isinstance(atom, Func):
                results += [of(row) for row in iterable.atoms if isinstance(row, Columns)]
                result = self.interpreter.calls.project_call(
                    atom, [(None, "", self.interpreter.parts.element(iterable))], frame
                )
                self.interpreter.add_content(node, result)
                results.append(Value(frozenset((Alloc(node, "list"),)), iterable.tags))
        return join_all(results) if results else iterable

    def _filter(self, node: ir.Call, function: Value, iterable: Value, frame: Frame) -> Value:
        """What a comprehension with a test makes."""
        element = self.interpreter.parts.element(iterable)
        for atom in self.interpreter.order.atoms(function.atoms):
            if isinstance(atom, Func):
                self.interpreter.calls.project_call(atom, [(None, "", element)], frame)
        return self.interpreter.evaluator.listed(node, element)

    def _super(self, values: list[Value], frame: Frame) -> Value:
        function = frame.function
        if frame.owner is None or not isinstance(function, ir.Function):
            return UNKNOWN
        for atom in self.interpreter.order.atoms(values[0].atoms) if values else ():
            if isinstance(atom, ClassRef):
                return of(Super(atom.node, frame.owner))
        owner = self.interpreter.project.class_of.get(function)
        return of(Super(owner, frame.owner)) if owner is not None else UNKNOWN
