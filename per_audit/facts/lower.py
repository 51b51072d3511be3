"""libcst nodes -> the facts' own nodes, in one pass."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

import libcst as cst

from per_audit.facts import ir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from per_audit.facts.spans import Spans

_BINARY = {
    cst.Add: "+", cst.Subtract: "-", cst.Multiply: "*", cst.Divide: "/", cst.FloorDivide: "//", cst.Modulo: "%",
    cst.Power: "**", cst.MatrixMultiply: "@", cst.BitAnd: "&", cst.BitOr: "|", cst.BitXor: "^",
    cst.LeftShift: "<<", cst.RightShift: ">>",
}  # fmt: skip
_UNARY = {cst.Minus: "-", cst.Plus: "+", cst.BitInvert: "~", cst.Not: "not"}
_COMPARE = {
    cst.Equal: "==", cst.NotEqual: "!=", cst.LessThan: "<", cst.LessThanEqual: "<=", cst.GreaterThan: ">",
    cst.GreaterThanEqual: ">=", cst.Is: "is", cst.IsNot: "is not", cst.In: "in", cst.NotIn: "not in",
}  # fmt: skip
_COMPREHENSIONS = {cst.ListComp: "list", cst.SetComp: "set", cst.GeneratorExp: "generator"}
_DISPLAYS = {cst.Tuple: "tuple", cst.List: "list", cst.Set: "set"}


class Lowering:
    """Turns the tree of one module into facts. Dispatches on the class name of the libcst node."""

    def __init__(self, spans: Spans) -> None:
        self.spans = spans

    def at(self, node: cst.CSTNode) -> tuple[int, int]:
        """The byte span of a libcst node."""
        return self.spans[node]

    # ---------------------------------------------------------------- expressions

    def expr(self, node: cst.CSTNode) -> ir.Expr:
        """Any expression; what has no form of its own becomes `Other` with its parts."""
        method: Callable[[Any], ir.Expr] | None = getattr(self, "_" + type(node).__name__, None)
        if method is not None:
            return method(node)
        if type(node) in _COMPREHENSIONS:
            return self._comprehension(node, _COMPREHENSIONS[type(node)])
        if type(node) in _DISPLAYS:
            return self._display(node, _DISPLAYS[type(node)])
        parts = [self.expr(child) for child in node.children if isinstance(child, cst.BaseExpression)]
        return ir.Other(*self.at(node), type(node).__name__, parts)

    def optional(self, node: cst.CSTNode | None) -> ir.Expr | None:
        """`expr` of a part that may be missing."""
        return None if node is None else self.expr(node)

    def _Name(self, node: cst.Name) -> ir.Expr:
        span = self.at(node)
        if node.value in ("True", "False", "None"):
            return ir.Const(*span, {"True": True, "False": False, "None": None}[node.value])
        return ir.Name(*span, node.value)

    def _number(self, node: cst.Integer | cst.Float | cst.Imaginary) -> ir.Expr:
        try:
            value: object = ast.literal_eval(node.value)
        except (ValueError, SyntaxError, MemoryError):
            value = ...
        return ir.Const(*self.at(node), value)

    _Integer = _Float = _Imaginary = _number

    def _SimpleString(self, node: cst.SimpleString) -> ir.Expr:
        try:
            value = node.evaluated_value
        except (ValueError, SyntaxError):
            value = ""
        return ir.Const(*self.at(node), value)

    def _ConcatenatedString(self, node: cst.ConcatenatedString) -> ir.Expr:
        return ir.Const(*self.at(node), node.evaluated_value or "")

    def _Ellipsis(self, node: cst.Ellipsis) -> ir.Expr:
        return ir.Const(*self.at(node), ...)

    def _FormattedString(self, node: cst.FormattedString) -> ir.Expr:
        parts = [self.expr(p.expression) for p in node.parts if isinstance(p, cst.FormattedStringExpression)]
        return ir.Other(*self.at(node), "FormattedString", parts)

    def _Attribute(self, node: cst.Attribute) -> ir.Expr:
        return ir.Attr(*self.at(node), self.expr(node.value), node.attr.value)

    def _Call(self, node: cst.Call) -> ir.Expr:
        arguments = [
            ir.Arg(*self.at(arg), self.expr(arg.value), arg.keyword.value if arg.keyword else None, arg.star)
            for arg in node.args
        ]
        return ir.Call(*self.at(node), self.expr(node.func), arguments)

    def _Subscript(self, node: cst.Subscript) -> ir.Expr:
        indices = [self._index(element.slice) for element in node.slice]
        if len(indices) == 1 and not isinstance(node.slice[0].comma, cst.Comma):
            index = indices[0]
        else:
            index = ir.Seq(indices[0].start, indices[-1].end, "tuple", indices)
        return ir.Sub(*self.at(node), self.expr(node.value), index)

    def _index(self, node: cst.BaseSlice) -> ir.Expr:
        if isinstance(node, cst.Slice):
            parts = (self.optional(node.lower), self.optional(node.upper), self.optional(node.step))
            return ir.Slice(*self.at(node), *parts)
        assert isinstance(node, cst.Index)
        return self.expr(node.value)

    def _display(self, node: Any, kind: str) -> ir.Expr:
        return ir.Seq(*self.at(node), kind, [self._element(e) for e in node.elements])

    def _element(self, node: cst.BaseElement) -> ir.Expr:
        value = self.expr(node.value)
        return ir.Star(*self.at(node), value) if isinstance(node, cst.StarredElement) else value

    def _Dict(self, node: cst.Dict) -> ir.Expr:
        keys = [self.expr(e.key) if isinstance(e, cst.DictElement) else None for e in node.elements]
        return ir.Map(*self.at(node), keys, [self.expr(e.value) for e in node.elements])

    def _BinaryOperation(self, node: cst.BinaryOperation) -> ir.Expr:
        operator = _BINARY.get(type(node.operator), "?")
        return ir.Bin(*self.at(node), operator, self.expr(node.left), self.expr(node.right))

    def _UnaryOperation(self, node: cst.UnaryOperation) -> ir.Expr:
        return ir.Un(*self.at(node), _UNARY[type(node.operator)], self.expr(node.expression))

    def _BooleanOperation(self, node: cst.BooleanOperation) -> ir.Expr:
        operator = "and" if isinstance(node.operator, cst.And) else "or"
        return ir.Logic(*self.at(node), operator, self.expr(node.left), self.expr(node.right))

    def _Comparison(self, node: cst.Comparison) -> ir.Expr:
        operators = [_COMPARE.get(type(c.operator), "?") for c in node.comparisons]
        return ir.Cmp(
            *self.at(node), self.expr(node.left), operators, [self.expr(c.comparator) for c in node.comparisons]
        )

    def _IfExp(self, node: cst.IfExp) -> ir.Expr:
        return ir.IfExp(*self.at(node), self.expr(node.test), self.expr(node.body), self.expr(node.orelse))

    def _comprehension(self, node: Any, kind: str) -> ir.Expr:
        return ir.Comp(*self.at(node), kind, None, self.expr(node.elt), self._generators(node.for_in))

    def _DictComp(self, node: cst.DictComp) -> ir.Expr:
        return ir.Comp(
            *self.at(node), "dict", self.expr(node.key), self.expr(node.value), self._generators(node.for_in)
        )

    def _generators(self, node: cst.CompFor | None) -> list[ir.Generator]:
        found = []
        while node is not None:
            tests = [self.expr(test.test) for test in node.ifs]
            found.append(ir.Generator(*self.at(node), self.expr(node.target), self.expr(node.iter), tests))
            node = node.inner_for_in
        return found

    def _NamedExpr(self, node: cst.NamedExpr) -> ir.Expr:
        return ir.Walrus(*self.at(node), self.expr(node.target), self.expr(node.value))

    def _Lambda(self, node: cst.Lambda) -> ir.Expr:
        return ir.Lambda(*self.at(node), self._parameters(node.params), self.expr(node.body))

    def _Await(self, node: cst.Await) -> ir.Expr:
        return ir.Other(*self.at(node), "Await", [self.expr(node.expression)])

    def _Yield(self, node: cst.Yield) -> ir.Expr:
        value = node.value.item if isinstance(node.value, cst.From) else node.value
        kind = "YieldFrom" if isinstance(node.value, cst.From) else "Yield"
        return ir.Other(*self.at(node), kind, [self.expr(value)] if value is not None else [])

    # ---------------------------------------------------------------- statements

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
        return method(node) if method is not None else ir.Jump(*self.at(node), type(node).__name__.lower())

    def _Expr(self, node: cst.Expr) -> ir.Stmt:
        return ir.Do(*self.at(node), self.expr(node.value))

    def _Assign(self, node: cst.Assign) -> ir.Stmt:
        return ir.Assign(*self.at(node), [self.expr(t.target) for t in node.targets], self.expr(node.value), None)

    def _AnnAssign(self, node: cst.AnnAssign) -> ir.Stmt:
        annotation = self.expr(node.annotation.annotation)
        return ir.Assign(*self.at(node), [self.expr(node.target)], self.optional(node.value), annotation)

    def _AugAssign(self, node: cst.AugAssign) -> ir.Stmt:
        operator = _BINARY.get(_PLAIN.get(type(node.operator), cst.Add), "?")
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
            items.append(ir.WithItem(value.start, target.end if target else value.end, value, target))
        return ir.With(*self.at(node), items, self.block(node.body))

    def _Try(self, node: cst.Try | cst.TryStar) -> ir.Stmt:
        handlers = [self.block(handler.body) for handler in node.handlers]
        final = self.block(node.finalbody.body) if node.finalbody else []
        return ir.Try(*self.at(node), self.block(node.body), handlers, self._orelse(node), final)

    _TryStar = _Try

    def _Match(self, node: cst.Match) -> ir.Stmt:
        return ir.Match(*self.at(node), self.expr(node.subject), [self.block(case.body) for case in node.cases])

    def _FunctionDef(self, node: cst.FunctionDef) -> ir.Stmt:
        decorators = [self.expr(d.decorator) for d in node.decorators]
        body = self.block(node.body)
        return ir.Function(*self.at(node), node.name.value, self._parameters(node.params), body, decorators)

    def _ClassDef(self, node: cst.ClassDef) -> ir.Stmt:
        bases = [self.expr(base.value) for base in node.bases]
        decorators = [self.expr(d.decorator) for d in node.decorators]
        return ir.Class(*self.at(node), node.name.value, bases, self.block(node.body), decorators)

    def _parameters(self, node: cst.Parameters) -> list[ir.Parameter]:
        found: list[ir.Parameter] = []

        def add(parameter: cst.Param, kind: str, keyword_only: bool) -> None:
            annotation = self.expr(parameter.annotation.annotation) if parameter.annotation else None
            default = self.optional(parameter.default)
            name = parameter.name.value
            start, end = self.at(parameter)
            # libcst's span ends with the name.
            end = max([end, *(part.end for part in (annotation, default) if part is not None)])
            found.append(ir.Parameter(start, end, name, default, kind, keyword_only, annotation))

        for parameter in (*node.posonly_params, *node.params):
            add(parameter, "", False)
        if isinstance(node.star_arg, cst.Param):
            add(node.star_arg, "*", False)
        for parameter in node.kwonly_params:
            add(parameter, "", True)
        if node.star_kwarg is not None:
            add(node.star_kwarg, "**", False)
        return found

    def _Import(self, node: cst.Import) -> ir.Stmt:
        names = [(_dotted(alias.name), _alias(alias)) for alias in node.names]
        return ir.Import(*self.at(node), names)

    def _ImportFrom(self, node: cst.ImportFrom) -> ir.Stmt:
        names: list[tuple[str, str | None]] = [("*", None)]
        if not isinstance(node.names, cst.ImportStar):
            names = [(_dotted(alias.name), _alias(alias)) for alias in node.names]
        module = _dotted(node.module) if node.module is not None else ""
        return ir.ImportFrom(*self.at(node), module, len(node.relative), names)

    def _Del(self, node: cst.Del) -> ir.Stmt:
        target = self.expr(node.target)
        return ir.Delete(*self.at(node), target.items if isinstance(target, ir.Seq) else [target])

    def _Raise(self, node: cst.Raise) -> ir.Stmt:
        return ir.Raise(*self.at(node), self.optional(node.exc))

    def _Assert(self, node: cst.Assert) -> ir.Stmt:
        return ir.Assert(*self.at(node), self.expr(node.test))

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
