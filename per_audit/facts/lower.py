"""libcst nodes -> the facts' own nodes, in one pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import libcst as cst

from per_audit.facts import ir
from per_audit.facts.lower_expressions import BINARY, Expressions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class Lowering(Expressions):
    """Turns the tree of one module into facts. Dispatches on the class name of the libcst node."""

    def block(self, node: cst.BaseSuite | Iterable[cst.CSTNode]) -> list[ir.Stmt]:
        """The statements of a suite, those that share a line taken apart."""
        statements: list[ir.Stmt] = []
        if isinstance(node, cst.SimpleStatementSuite):
            return [self.stmt(small) for small in node.body]
        for child in node.body if isinstance(node, cst.IndentedBlock) else node:  # type: ignore[union-attr]
            if isinstance(child, cst.SimpleStatementLine):
                statements += [self.stmt(small) for small in child.body]
            else:
                statements.append(self.stmt(child))
        return statements

    def stmt(self, node: cst.CSTNode) -> ir.Stmt:
        """Any statement."""
        method: Callable[[Any], ir.Stmt] | None = getattr(self, "_" + type(node).__name__, None)
        return method(node) if method is not None else self._jump(node)

    def _jump(self, node: cst.CSTNode) -> ir.Stmt:
        return ir.Jump(*self.at(node), type(node).__name__.lower())

    _Pass = _Break = _Continue = _jump

    def _Expr(self, node: cst.Expr) -> ir.Stmt:
        return ir.Do(*self.at(node), self.expr(node.value))

    def _Assign(self, node: cst.Assign) -> ir.Stmt:
        return ir.Assign(*self.at(node), [self.expr(t.target) for t in node.targets], self.expr(node.value), None)

    def _AnnAssign(self, node: cst.AnnAssign) -> ir.Stmt:
        target, annotation = self.expr(node.target), self.annotation(node.annotation)
        return ir.Assign(*self.at(node), [target], self.optional(node.value), annotation)

    def _TypeAlias(self, node: cst.TypeAlias) -> ir.Stmt:
        variables = self._type_parameters(node.type_parameters)
        return ir.Assign(*self.at(node), [self.expr(node.name)], self.expr(node.value), None, variables)

    def _AugAssign(self, node: cst.AugAssign) -> ir.Stmt:
        operator = BINARY.get(_PLAIN.get(type(node.operator), cst.Add), "?")
        return ir.Aug(*self.at(node), self.expr(node.target), operator, self.expr(node.value))

    def _Return(self, node: cst.Return) -> ir.Stmt:
        return ir.Return(*self.at(node), self.optional(node.value))

    def _If(self, node: cst.If) -> ir.Stmt:
        orelse: list[ir.Stmt] = []
        if isinstance(node.orelse, cst.Else):
            orelse = self.block(node.orelse.body)
        elif node.orelse is not None:
            orelse = [self.stmt(node.orelse)]
        return ir.If(*self.at(node), self.expr(node.test), self.block(node.body), orelse)

    def _orelse(self, node: Any) -> list[ir.Stmt]:
        return [] if node.orelse is None else self.block(node.orelse.body)

    def _For(self, node: cst.For) -> ir.Stmt:
        body = self.block(node.body)
        return ir.For(*self.at(node), self.expr(node.target), self.expr(node.iter), body, self._orelse(node))

    def _While(self, node: cst.While) -> ir.Stmt:
        return ir.While(*self.at(node), self.expr(node.test), self.block(node.body), self._orelse(node))

    def _With(self, node: cst.With) -> ir.Stmt:
        items = []
        for item in node.items:
            value = self.expr(item.item)
            target = self.expr(item.asname.name) if item.asname else None
            start, end = self.around(item.item)
            if item.asname:
                end = self.around(item.asname.name)[1]
            items.append(ir.WithItem(start, end, value, target))
        return ir.With(*self.at(node), items, self.block(node.body))

    def _Try(self, node: cst.Try | cst.TryStar) -> ir.Stmt:
        handlers = [self.block(handler.body) for handler in node.handlers]
        final = self.block(node.finalbody.body) if node.finalbody else []
        catches = [
            ir.Catch(
                *self.at(handler),
                self.optional(handler.type),
                self.expr(handler.name.name) if handler.name is not None else None,
            )
            for handler in node.handlers
        ]
        return ir.Try(*self.at(node), self.block(node.body), handlers, self._orelse(node), final, catches)

    _TryStar = _Try

    def _Match(self, node: cst.Match) -> ir.Stmt:
        cases = [self.block(case.body) for case in node.cases]
        return ir.Match(*self.at(node), self.expr(node.subject), cases, [self._case(case) for case in node.cases])

    def _case(self, node: cst.MatchCase) -> ir.Pattern:
        names: list[ir.Expr] = []
        values: list[ir.Expr] = []
        stack: list[cst.CSTNode] = [node.pattern]
        while stack:
            part = stack.pop()
            if isinstance(part, cst.BaseExpression):
                values.append(self.expr(part))
                continue
            bound = getattr(part, _BINDS.get(type(part), ""), None)
            hidden = part.key if isinstance(part, cst.MatchKeywordElement) else bound
            if bound is not None:
                names.append(self.expr(bound))
            stack += [child for child in reversed(part.children) if child is not hidden]
        return ir.Pattern(*self.at(node.pattern), names, values, self.optional(node.guard))

    def _FunctionDef(self, node: cst.FunctionDef) -> ir.Stmt:
        decorators = [self.expr(d.decorator) for d in node.decorators]
        return ir.Function(
            *self.at(node),
            node.name.value,
            self.parameters(node.params),
            self.block(node.body),
            decorators,
            self.annotation(node.returns),
            self._type_parameters(node.type_parameters),
        )

    def _ClassDef(self, node: cst.ClassDef) -> ir.Stmt:
        bases: list[ir.Expr] = []
        for base in node.bases:
            value = self.expr(base.value)
            bases.append(ir.Star(*self.at(base), value) if base.star else value)
        decorators = [self.expr(d.decorator) for d in node.decorators]
        keywords = [self.argument(keyword) for keyword in node.keywords]
        variables = self._type_parameters(node.type_parameters)
        return ir.Class(*self.at(node), node.name.value, bases, self.block(node.body), decorators, keywords, variables)

    def _type_parameters(self, node: cst.TypeParameters | None) -> ir.Expr | None:
        return None if node is None else ir.Other(*self.at(node), "TypeParameters", self.parts(_limits(node)))

    def _Import(self, node: cst.Import) -> ir.Stmt:
        names = [(_dotted(alias.name), _alias(alias)) for alias in node.names]
        return ir.Import(*self.at(node), names)

    _LazyImport = _Import

    def _ImportFrom(self, node: cst.ImportFrom) -> ir.Stmt:
        names: list[tuple[str, str | None]] = [("*", None)]
        if not isinstance(node.names, cst.ImportStar):
            names = [(_dotted(alias.name), _alias(alias)) for alias in node.names]
        module = _dotted(node.module) if node.module is not None else ""
        return ir.ImportFrom(*self.at(node), module, len(node.relative), names)

    _LazyImportFrom = _ImportFrom

    def _Del(self, node: cst.Del) -> ir.Stmt:
        target = self.expr(node.target)
        return ir.Delete(*self.at(node), target.items if isinstance(target, ir.Seq) else [target])

    def _Raise(self, node: cst.Raise) -> ir.Stmt:
        cause = node.cause.item if node.cause is not None else None
        return ir.Raise(*self.at(node), self.optional(node.exc), self.optional(cause))

    def _Assert(self, node: cst.Assert) -> ir.Stmt:
        return ir.Assert(*self.at(node), self.expr(node.test), self.optional(node.msg))

    def _Global(self, node: cst.Global) -> ir.Stmt:
        return ir.Scope(*self.at(node), "global", [item.name.value for item in node.names])

    def _Nonlocal(self, node: cst.Nonlocal) -> ir.Stmt:
        return ir.Scope(*self.at(node), "nonlocal", [item.name.value for item in node.names])


_PLAIN = {
    cst.AddAssign: cst.Add, cst.SubtractAssign: cst.Subtract, cst.MultiplyAssign: cst.Multiply,
    cst.DivideAssign: cst.Divide, cst.FloorDivideAssign: cst.FloorDivide, cst.ModuloAssign: cst.Modulo,
    cst.PowerAssign: cst.Power, cst.MatrixMultiplyAssign: cst.MatrixMultiply, cst.BitAndAssign: cst.BitAnd,
    cst.BitOrAssign: cst.BitOr, cst.BitXorAssign: cst.BitXor, cst.LeftShiftAssign: cst.LeftShift,
    cst.RightShiftAssign: cst.RightShift,
}  # fmt: skip


# The field of a pattern that names what it captures.
_BINDS = {cst.MatchAs: "name", cst.MatchStar: "name", cst.MatchMapping: "rest"}


def _limits(node: cst.TypeParameters) -> Iterator[cst.CSTNode]:
    """The bounds and defaults of type parameters."""
    for parameter in node.params:
        if isinstance(parameter.param, cst.TypeVar) and parameter.param.bound is not None:
            yield parameter.param.bound
        if (default := getattr(parameter, "default", None)) is not None:  # of newer libcst
            yield default


def _dotted(node: cst.CSTNode) -> str:
    parts: list[str] = []
    while isinstance(node, cst.Attribute):
        parts.append(node.attr.value)
        node = node.value
    if isinstance(node, cst.Name):
        parts.append(node.value)
    return ".".join(reversed(parts))


def _alias(node: cst.ImportAlias) -> str | None:
    return _dotted(node.asname.name) if node.asname is not None else None
