"""Statements and calls, run on values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from per_audit.facts import ir
from per_audit.graph.machine import library
from per_audit.graph.machine.expressions import Expressions, name_of
from per_audit.graph.machine.things import Builder, Failed, Library, Method, Names, Stopped, Thing, Unsupported

if TYPE_CHECKING:
    from collections.abc import Callable

    from per_audit.graph.model import ReplayGraph

_DEEPEST = 40
_HARMLESS = {"property", "staticmethod", "njit", "jit", "override", "typechecked", "no_grad", "overload"}


class _Return(Exception):
    def __init__(self, value: Any) -> None:
        self.value = value


class _Jump(Exception):
    def __init__(self, kind: str) -> None:
        self.kind = kind


class Machine(Expressions):
    """Runs functions of a project. Objects that it made live on between calls."""

    def __init__(self, graph: ReplayGraph) -> None:
        super().__init__(graph)
        self.depth = 0

    # ---------------------------------------------------------------- calls

    def make(self, cls: ir.Class, *given: Any) -> Thing:
        """An object of a class.

        Raises:
            Stopped: The code cannot be followed, or fails on these arguments.
        """
        return self._entered(lambda: self._build(cls, list(given), {}))  # type: ignore[no-any-return]

    def call(self, thing: Thing, function: ir.Function, *given: Any) -> Any:
        """What a method of an object returns.

        Raises:
            Stopped: The code cannot be followed, or fails on these arguments.
        """
        return self._entered(lambda: self.invoke(Method(function, thing), list(given), {}))

    def _entered(self, action: Callable[[], Any]) -> Any:
        self.steps, self.depth = 0, 0
        try:
            with library.numpy().errstate(all="ignore"):
                return action()
        except Stopped:
            raise
        except Exception as error:  # whatever numpy makes of values that it does not expect
            raise Unsupported(str(error)) from error

    def _build(self, cls: ir.Class, given: list[Any], named: dict[str, Any]) -> Thing:
        thing = Thing(cls)
        for name in ("__init__", "__post_init__"):
            function = self.interpreter.classes.find_method(cls, name)
            if function is not None:
                self.invoke(Method(function, thing), given, named)
                return thing
        if given or named:
            raise Unsupported("no constructor")
        return thing

    def invoke(self, method: Method, given: list[Any], named: dict[str, Any]) -> Any:
        """What a function of the project returns."""
        function = method.function
        if self.depth > _DEEPEST:
            raise Failed("calls without end")
        if isinstance(function, ir.Function) and any(name_of(d) not in _HARMLESS for d in function.decorators):
            raise Unsupported("a decorator")
        takes_self = isinstance(function, ir.Function) and self.graph.symbols.takes_self(function)
        if takes_self and method.thing is not None:
            given = [method.thing, *given]
        names = Names({}, method.names)
        plain = [p for p in function.parameters if not p.kind and not p.keyword_only]
        if len(given) > len(plain) and not any(p.kind == "*" for p in function.parameters):
            raise Failed("too many arguments")
        for parameter, value in zip(plain, given, strict=False):
            names.table[parameter.name] = value
        names.table.update(named)
        for parameter in function.parameters:
            if parameter.kind == "*":
                names.table[parameter.name] = tuple(given[len(plain) :])
            elif parameter.kind == "**":
                names.table[parameter.name] = {}
            elif parameter.name not in names.table:
                if parameter.default is None:
                    raise Failed(f"{parameter.name} is not given")
                names.table[parameter.name] = self.eval(parameter.default, Names({}))
        self.depth += 1
        try:
            if isinstance(function, ir.Lambda):
                return self.eval(function.body, names)
            self.block(function.body, names)
        except _Return as result:
            return result.value
        finally:
            self.depth -= 1
        return None

    def apply(self, callee: Any, given: list[Any], named: dict[str, Any]) -> Any:
        """The result of calling a value."""
        if isinstance(callee, Method):
            return self.invoke(callee, given, named)
        if isinstance(callee, Builder):
            return self._build(callee.cls, given, named)
        if isinstance(callee, Library):
            given = [self._callable(value) for value in given]
            return library.call(callee.name, given, named)
        raise Unsupported("a call")

    def _callable(self, value: Any) -> Any:
        return list(value) if isinstance(value, (zip, enumerate, map)) else value

    # ---------------------------------------------------------------- statements

    def block(self, statements: list[ir.Stmt], names: Names) -> None:
        """Run statements in order."""
        for statement in statements:
            self.step()
            handler = _STATEMENTS.get(type(statement))
            if handler is None:
                raise Unsupported(type(statement).__name__)
            handler(self, statement, names)

    def _assign(self, node: ir.Assign, names: Names) -> None:
        if node.value is None:
            return
        value = self.eval(node.value, names)
        for target in node.targets:
            self.bind(target, value, names)

    def _aug(self, node: ir.Aug, names: Names) -> None:
        before = self.eval(node.target, names)
        after = self.binary(node.op, before, self.eval(node.value, names))
        if isinstance(before, library.numpy().ndarray) and isinstance(node.target, ir.Name) and before.ndim:
            before[...] = after  # in place, seen under all names
            return
        self.bind(node.target, after, names)

    def _return(self, node: ir.Return, names: Names) -> None:
        raise _Return(None if node.value is None else self.eval(node.value, names))

    def _do(self, node: ir.Do, names: Names) -> None:
        if not isinstance(node.value, ir.Const):
            self.eval(node.value, names)

    def _if(self, node: ir.If, names: Names) -> None:
        self.block(node.body if self.test(node.test, names) else node.orelse, names)

    def _while(self, node: ir.While, names: Names) -> None:
        while self.test(node.test, names):
            self.step()
            if self._body(node.body, names):
                return
        self.block(node.orelse, names)

    def _for(self, node: ir.For, names: Names) -> None:
        for item in self.iterable(self.eval(node.iter, names)):
            self.step()
            self.bind(node.target, item, names)
            if self._body(node.body, names):
                return
        self.block(node.orelse, names)

    def _body(self, body: list[ir.Stmt], names: Names) -> bool:
        """Run a loop's body once; whether it broke out."""
        try:
            self.block(body, names)
        except _Jump as jump:
            return jump.kind == "break"
        return False

    def _jump(self, node: ir.Jump, _names: Names) -> None:
        if node.kind != "pass":
            raise _Jump(node.kind)

    def _assert(self, node: ir.Assert, names: Names) -> None:
        if not self.test(node.test, names):
            raise Failed("assertion")

    def _raise(self, _node: ir.Raise, _names: Names) -> None:
        raise Failed("an error is raised")

    def _function(self, node: ir.Function, names: Names) -> None:
        names.table[node.name] = Method(node, None, names)

    def _nothing(self, _node: ir.Stmt, _names: Names) -> None:
        """Imports inside functions: their names are known by what they mean."""


_STATEMENTS: dict[type, Any] = {
    ir.Assign: Machine._assign, ir.Aug: Machine._aug, ir.Return: Machine._return, ir.Do: Machine._do,
    ir.If: Machine._if, ir.While: Machine._while, ir.For: Machine._for, ir.Jump: Machine._jump,
    ir.Assert: Machine._assert, ir.Raise: Machine._raise, ir.Function: Machine._function,
    ir.Import: Machine._nothing, ir.ImportFrom: Machine._nothing,
}  # fmt: skip
