"""Expressions, run on values."""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from per_audit.facts import ir
from per_audit.graph.interpret.values import ClassRef, External, Func
from per_audit.graph.machine import library
from per_audit.graph.machine.things import (
    Builder,
    Failed,
    Library,
    Method,
    Names,
    Parent,
    Thing,
    Token,
    Unsupported,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from per_audit.graph.model import ReplayGraph

_MOST_STEPS = 30_000
_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
    "%": operator.mod, "&": operator.and_, "|": operator.or_, "^": operator.xor, "<<": operator.lshift,
    ">>": operator.rshift, "**": operator.pow,
}  # fmt: skip
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "is": operator.is_, "is not": operator.is_not, "in": lambda a, b: a in b, "not in": lambda a, b: a not in b,
}  # fmt: skip


class Expressions(ABC):
    """Evaluates expressions; `steps` counts what was done since the run began."""

    def __init__(self, graph: ReplayGraph) -> None:
        self.graph = graph
        self.interpreter = graph.interpreter
        self.steps = 0

    @abstractmethod
    def invoke(self, method: Method, given: list[Any], named: dict[str, Any]) -> Any:
        """What a function of the project returns."""

    @abstractmethod
    def apply(self, callee: Any, given: list[Any], named: dict[str, Any]) -> Any:
        """The result of calling a value."""

    def step(self) -> None:
        """Count a step; what goes on for too long has no end."""
        self.steps += 1
        if self.steps > _MOST_STEPS:
            raise Failed("steps without end")

    def guarded(self, action: Callable[..., Any], *given: Any) -> Any:
        """The result of an operation, its errors told as what they mean."""
        if any(isinstance(value, Token) for value in given) and action is not operator.setitem:
            raise Unsupported("a token")
        try:
            return library.sized(action(*given))
        except (ArithmeticError, LookupError, ValueError) as error:
            raise Failed(str(error)) from error
        except (TypeError, AttributeError) as error:
            raise Unsupported(str(error)) from error

    def binary(self, op: str, left: Any, right: Any) -> Any:
        """The result of a binary operation."""
        if op not in _BINARY:
            raise Unsupported(op)
        if op in ("**", "<<") and isinstance(right, (int, float)) and abs(right) > 64:
            raise Unsupported("a large power")
        if op == "*" and isinstance(left, (list, tuple)) and (not isinstance(right, int) or right > library.LARGEST):
            raise Unsupported("a large list")
        if isinstance(left, (Thing, str)) or isinstance(right, (Thing, str)):
            raise Unsupported("arithmetic of objects")
        return self.guarded(_BINARY[op], left, right)

    def iterable(self, value: Any) -> Any:
        """The value, where it can be gone through."""
        if isinstance(value, (list, tuple, range, dict, set, zip, enumerate, reversed, library.numpy().ndarray)):
            return value
        if type(value).__name__ == "list_reverseiterator":
            return value
        raise Unsupported("iteration")

    def bind(self, target: ir.Expr, value: Any, names: Names) -> None:
        """Give a target its value."""
        if isinstance(target, ir.Name):
            names.table[target.id] = value
        elif isinstance(target, ir.Attr):
            holder = self.eval(target.value, names)
            if not isinstance(holder, Thing):
                raise Unsupported("an attribute")
            holder.fields[target.attr] = value
        elif isinstance(target, ir.Seq):
            if any(isinstance(item, ir.Star) for item in target.items):
                raise Unsupported("a star")
            items = list(self.iterable(value))
            if len(items) != len(target.items):
                raise Failed("unpacking")
            for item, part in zip(target.items, items, strict=True):
                self.bind(item, part, names)
        elif isinstance(target, ir.Sub):
            holder = self.eval(target.value, names)
            index = self._index(target.index, names)
            if isinstance(holder, Thing):
                self._special(holder, "__setitem__", [index, value])
            elif isinstance(holder, (list, dict, library.numpy().ndarray)):
                self.guarded(operator.setitem, holder, index, value)
            else:
                raise Unsupported("a subscript")
        else:
            raise Unsupported("a target")

    def eval(self, node: ir.Expr, names: Names) -> Any:
        """The value of an expression."""
        self.step()
        handler = _EXPRESSIONS.get(type(node))
        if handler is None:
            raise Unsupported(type(node).__name__)
        return handler(self, node, names)

    def test(self, node: ir.Expr, names: Names) -> bool:
        """Whether a condition holds."""
        value = self.eval(node, names)
        if isinstance(value, (Thing, Token)):
            raise Unsupported("the truth of an object")
        return bool(self.guarded(bool, value))

    def _const(self, node: ir.Const, _names: Names) -> Any:
        return node.value

    def _name(self, node: ir.Name, names: Names) -> Any:
        here: Names | None = names
        while here is not None:
            if node.id in here.table:
                return here.table[node.id]
            here = here.outer
        known = self._known(node)
        return library.builtin(node.id) if known is None else known

    def _known(self, node: ir.Expr) -> Any:
        """What the audit knows that a name or an attribute means; None where it does not."""
        value = self.graph.events.value(node)
        for atom in value.atoms:
            if isinstance(atom, External):
                return library.constant(atom.name)
            if isinstance(atom, Func) and atom.owner is None:
                return Method(atom.node)
            if isinstance(atom, ClassRef):
                return Builder(atom.node)
        literal = value.literal()
        return literal if isinstance(literal, (int, float, str)) else None

    def _attr(self, node: ir.Attr, names: Names) -> Any:
        holder = self._holder(node, names)
        if isinstance(holder, Library):
            return library.constant(f"{holder.name}.{node.attr}")
        if isinstance(holder, Thing):
            return self._member(holder, node.attr)
        if isinstance(holder, Parent):
            for base in self.interpreter.classes.mro(holder.thing.cls)[self._after(holder) :]:
                for function in base.body:
                    if isinstance(function, ir.Function) and function.name == node.attr:
                        return Method(function, holder.thing)
            raise Unsupported("a base")
        if isinstance(holder, library.numpy().ndarray) and node.attr in ("shape", "size", "ndim", "T"):
            return getattr(holder, node.attr)
        raise Unsupported(node.attr)

    def _after(self, parent: Parent) -> int:
        order = self.interpreter.classes.mro(parent.thing.cls)
        return order.index(parent.cls) + 1 if parent.cls in order else len(order)

    def _holder(self, node: ir.Attr, names: Names) -> Any:
        try:
            return self.eval(node.value, names)
        except Unsupported:
            known = self._known(node)
            if known is None:
                raise
            return Library(known.name.rpartition(".")[0]) if isinstance(known, Library) else known

    def _member(self, thing: Thing, name: str) -> Any:
        if name in thing.fields:
            return thing.fields[name]
        function = self.interpreter.classes.find_method(thing.cls, name)
        if function is not None:
            method = Method(function, thing)
            is_property = any(name_of(d) in ("property", "cached_property") for d in function.decorators)
            return self.invoke(method, [], {}) if is_property else method
        for cls in self.interpreter.classes.mro(thing.cls):
            for statement in cls.body:
                targets = statement.targets if isinstance(statement, ir.Assign) else ()
                if any(isinstance(t, ir.Name) and t.id == name for t in targets):
                    return self.eval(getattr(statement, "value", None) or ir.Const(0, 0, None), Names({}))
        raise Unsupported(name)

    def _call(self, node: ir.Call, names: Names) -> Any:
        if isinstance(node.func, ir.Name) and node.func.id == "super":
            return self._super(node, names)
        given: list[Any] = []
        named: dict[str, Any] = {}
        for arg in node.args:
            value = self.eval(arg.value, names)
            if arg.star == "**":
                raise Unsupported("named arguments")
            if arg.star == "*":
                given += list(self.iterable(value))
            elif arg.keyword is not None:
                named[arg.keyword] = value
            else:
                given.append(value)
        if isinstance(node.func, ir.Attr):
            holder = self._holder(node.func, names)
            if not isinstance(holder, (Thing, Library, Parent, Builder)):
                return library.method(holder, node.func.attr, given, named)
            if isinstance(holder, Builder):
                return self._unbound(holder, node.func.attr, given, named)
            return self.apply(self._attr(node.func, names), given, named)
        callee = self.eval(node.func, names)
        if isinstance(callee, Library) and callee.name in ("builtins.len",) and isinstance(given[0], Thing):
            return self._special(given[0], "__len__", [])
        return self.apply(callee, given, named)

    def _unbound(self, holder: Builder, name: str, given: list[Any], named: dict[str, Any]) -> Any:
        function = self.interpreter.classes.find_method(holder.cls, name)
        if function is None:
            raise Unsupported(name)
        return self.invoke(Method(function), given, named)

    def _function_of(self, node: ir.Node) -> ir.Node | None:
        path = self.graph.path_of(node)
        return self.graph.symbols.function_of(path, node) if path is not None else None

    def _super(self, node: ir.Call, names: Names) -> Parent:
        function = self._function_of(node)
        owner = self.graph.project.class_of.get(function) if isinstance(function, ir.Function) else None
        if not isinstance(function, ir.Function) or owner is None or not function.parameters:
            raise Unsupported("super")
        thing = names.table.get(function.parameters[0].name)
        if not isinstance(thing, Thing):
            raise Unsupported("super")
        return Parent(owner, thing)

    def _special(self, thing: Thing, name: str, given: list[Any]) -> Any:
        function = self.interpreter.classes.find_method(thing.cls, name)
        if function is None:
            raise Unsupported(name)
        return self.invoke(Method(function, thing), given, {})

    def _index(self, node: ir.Expr, names: Names) -> Any:
        if isinstance(node, ir.Slice):
            parts = (node.lower, node.upper, node.step)
            return slice(*(None if p is None else _whole(self.eval(p, names)) for p in parts))
        if isinstance(node, ir.Seq) and node.kind == "tuple":
            return tuple(self._index(item, names) for item in node.items)
        return self.eval(node, names)

    def _sub(self, node: ir.Sub, names: Names) -> Any:
        holder = self.eval(node.value, names)
        index = self._index(node.index, names)
        if isinstance(holder, Thing):
            return self._special(holder, "__getitem__", [index])
        if isinstance(holder, (list, tuple, dict, range, library.numpy().ndarray)):
            return self.guarded(operator.getitem, holder, index)
        raise Unsupported("a subscript")

    def _seq(self, node: ir.Seq, names: Names) -> Any:
        items = [self.eval(item, names) for item in node.items]
        return tuple(items) if node.kind == "tuple" else set(items) if node.kind == "set" else items

    def _map(self, node: ir.Map, names: Names) -> Any:
        if any(key is None for key in node.keys):
            raise Unsupported("a spread dict")
        keys = [self.eval(key, names) for key in node.keys if key is not None]
        return dict(zip(keys, (self.eval(value, names) for value in node.values), strict=True))

    def _bin(self, node: ir.Bin, names: Names) -> Any:
        return self.binary(node.op, self.eval(node.left, names), self.eval(node.right, names))

    def _un(self, node: ir.Un, names: Names) -> Any:
        if node.op == "not":
            return not self.test(node.operand, names)
        value = self.eval(node.operand, names)
        if node.op == "+":
            return value
        return self.guarded(operator.neg if node.op == "-" else operator.invert, value)

    def _cmp(self, node: ir.Cmp, names: Names) -> Any:
        left = self.eval(node.left, names)
        result: Any = True
        for op, part in zip(node.ops, node.rights, strict=True):
            right = self.eval(part, names)
            if op not in _COMPARE or (op not in ("is", "is not") and isinstance(left, Thing)):
                raise Unsupported(op)
            result = self.guarded(_COMPARE[op], left, right) if op[:2] != "is" else _COMPARE[op](left, right)
            if len(node.ops) > 1 and not self.guarded(bool, result):
                return False
            left = right
        return result

    def _logic(self, node: ir.Logic, names: Names) -> Any:
        left = self.eval(node.left, names)
        holds = bool(self.guarded(bool, left))
        return self.eval(node.right, names) if holds == (node.op == "and") else left

    def _ifexp(self, node: ir.IfExp, names: Names) -> Any:
        return self.eval(node.body if self.test(node.test, names) else node.orelse, names)

    def _comp(self, node: ir.Comp, names: Names) -> Any:
        if node.key is not None or node.kind == "dict":
            raise Unsupported("a dict comprehension")
        inner, found = Names({}, names), []

        def nested(position: int) -> None:
            if position == len(node.generators):
                found.append(self.eval(node.elt, inner))
                return
            generator = node.generators[position]
            for item in self.iterable(self.eval(generator.iter, inner)):
                self.step()
                self.bind(generator.target, item, inner)
                if all(self.test(condition, inner) for condition in generator.ifs):
                    nested(position + 1)

        nested(0)
        return set(found) if node.kind == "set" else found

    def _lambda(self, node: ir.Lambda, names: Names) -> Any:
        return Method(node, None, names)

    def _walrus(self, node: ir.Walrus, names: Names) -> Any:
        value = self.eval(node.value, names)
        self.bind(node.target, value, names)
        return value


def name_of(decorator: ir.Expr) -> str:
    """The last part of a decorator's name."""
    node = decorator.func if isinstance(decorator, ir.Call) else decorator
    return ir.last_name(node)


def _whole(value: Any) -> Any:
    return value if value is None else operator.index(value)


_EXPRESSIONS: dict[type, Any] = {
    ir.Const: Expressions._const, ir.Name: Expressions._name, ir.Attr: Expressions._attr, ir.Call: Expressions._call,
    ir.Sub: Expressions._sub, ir.Seq: Expressions._seq, ir.Map: Expressions._map, ir.Bin: Expressions._bin,
    ir.Un: Expressions._un,
    ir.Cmp: Expressions._cmp, ir.Logic: Expressions._logic, ir.IfExp: Expressions._ifexp, ir.Comp: Expressions._comp,
    ir.Lambda: Expressions._lambda, ir.Walrus: Expressions._walrus,
}  # fmt: skip
