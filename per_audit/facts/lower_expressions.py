"""libcst expressions -> the facts' own nodes."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

import libcst as cst

from per_audit.facts import ir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from per_audit.facts.spans import Spans

BINARY = {
    cst.Add: "+", cst.Subtract: "-", cst.Multiply: "*", cst.Divide: "/", cst.FloorDivide: "//", cst.Modulo: "%",
    cst.Power: "**", cst.MatrixMultiply: "@", cst.BitAnd: "&", cst.BitOr: "|", cst.BitXor: "^",
    cst.LeftShift: "<<", cst.RightShift: ">>",
}  # fmt: skip
_UNARY = {cst.Minus: "-", cst.Plus: "+", cst.BitInvert: "~", cst.Not: "not"}
_COMPARE = {
    cst.Equal: "==", cst.NotEqual: "!=", cst.LessThan: "<", cst.LessThanEqual: "<=", cst.GreaterThan: ">",
    cst.GreaterThanEqual: ">=", cst.Is: "is", cst.IsNot: "is not", cst.In: "in", cst.NotIn: "not in",
}  # fmt: skip


class Expressions:
    """Turns expressions into facts. Dispatches on the class name of the libcst node."""

    def __init__(self, spans: Spans) -> None:
        self.spans = spans

    def at(self, node: cst.CSTNode) -> tuple[int, int]:
        """The byte span of a libcst node, without the parentheses around it."""
        return self.spans[node]

    def around(self, node: Any) -> tuple[int, int]:
        """The byte span of an expression with the parentheses around it."""
        start, end = self.spans[node]
        if node.lpar:
            start, end = self.spans[node.lpar[0]][0], self.spans[node.rpar[-1]][1]
        return start, end

    # ---------------------------------------------------------------- expressions

    def expr(self, node: cst.CSTNode) -> ir.Expr:
        """Any expression; what has no form of its own becomes `Other` with its parts."""
        method: Callable[[Any], ir.Expr] | None = getattr(self, "_" + type(node).__name__, None)
        if method is not None:
            return method(node)
        return ir.Other(*self.at(node), type(node).__name__, self.parts(node.children))

    def parts(self, nodes: Iterable[cst.CSTNode]) -> list[ir.Expr]:
        """The outermost expressions of these nodes and of what they consist of."""
        found: list[ir.Expr] = []
        for node in nodes:
            if isinstance(node, cst.BaseExpression):
                found.append(self.expr(node))
            else:
                found += self.parts(node.children)
        return found

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
            return ir.Const(*self.at(node), ast.literal_eval(node.value))
        except (ValueError, SyntaxError):  # an integer of thousands of digits
            return ir.Other(*self.at(node), type(node).__name__, [])

    _Integer = _Float = _Imaginary = _number

    def _SimpleString(self, node: cst.SimpleString) -> ir.Expr:
        try:
            return ir.Const(*self.at(node), ast.literal_eval(node.value))
        except (ValueError, SyntaxError):
            return ir.Other(*self.at(node), "SimpleString", [])

    def _ConcatenatedString(self, node: cst.ConcatenatedString) -> ir.Expr:
        pieces: list[cst.BaseExpression] = []
        rest: cst.BaseExpression = node
        while isinstance(rest, cst.ConcatenatedString):
            pieces.append(rest.left)
            rest = rest.right
        pieces.append(rest)
        plain = [piece.value for piece in pieces if isinstance(piece, cst.SimpleString)]
        if len(plain) < len(pieces):
            fields = [part for piece in pieces for part in getattr(piece, "parts", ())]
            return ir.Other(*self.at(node), "FormattedString", self.parts(fields))
        try:
            return ir.Const(*self.at(node), ast.literal_eval(" ".join(plain)))
        except (ValueError, SyntaxError):
            return ir.Other(*self.at(node), "ConcatenatedString", [])

    def _Ellipsis(self, node: cst.Ellipsis) -> ir.Expr:
        return ir.Const(*self.at(node), ...)

    def _FormattedString(self, node: Any) -> ir.Expr:
        return ir.Other(*self.at(node), type(node).__name__, self.parts(node.parts))

    _TemplatedString = _FormattedString

    def _Attribute(self, node: cst.Attribute) -> ir.Expr:
        return ir.Attr(*self.at(node), self.expr(node.value), node.attr.value)

    def _Call(self, node: cst.Call) -> ir.Expr:
        return ir.Call(*self.at(node), self.expr(node.func), [self.argument(arg) for arg in node.args])

    def argument(self, node: cst.Arg) -> ir.Arg:
        """An argument of a call or of a class statement."""
        keyword = node.keyword.value if node.keyword else None
        return ir.Arg(*self.at(node), self.expr(node.value), keyword, node.star)

    def _Subscript(self, node: cst.Subscript) -> ir.Expr:
        indices = [self._index(element.slice) for element in node.slice]
        start, end = self.at(node.slice[0].slice)[0], self.at(node.slice[-1].slice)[1]
        trailing = node.slice[-1].comma
        if isinstance(trailing, cst.Comma):
            end = self.at(trailing)[1]
        index = indices[0]
        if len(indices) > 1 or isinstance(trailing, cst.Comma) or isinstance(index, ir.Star):
            index = ir.Seq(start, end, "tuple", indices)
        return ir.Sub(*self.at(node), self.expr(node.value), index)

    def _index(self, node: cst.BaseSlice) -> ir.Expr:
        if isinstance(node, cst.Slice):
            parts = (self.optional(node.lower), self.optional(node.upper), self.optional(node.step))
            return ir.Slice(*self.at(node), *parts)
        assert isinstance(node, cst.Index)
        value = self.expr(node.value)
        return ir.Star(*self.at(node), value) if node.star else value

    def _Tuple(self, node: cst.Tuple) -> ir.Expr:
        start, end = self.at(node)
        if not node.elements:  # nothing but its parentheses
            start, end = self.at(node.lpar[-1])[0], self.at(node.rpar[0])[1]
        return ir.Seq(start, end, "tuple", [self.expr(e) for e in self.plain(node.elements)])

    def _List(self, node: cst.List) -> ir.Expr:
        return ir.Seq(*self.at(node), "list", [self.expr(e) for e in self.plain(node.elements)])

    def _Set(self, node: cst.Set) -> ir.Expr:
        return ir.Seq(*self.at(node), "set", [self.expr(e) for e in self.plain(node.elements)])

    def plain(self, elements: Iterable[cst.BaseElement]) -> Iterator[cst.BaseExpression]:
        """The expressions of a display's elements."""
        for element in elements:
            yield element if isinstance(element, cst.StarredElement) else element.value

    def _StarredElement(self, node: cst.StarredElement) -> ir.Expr:
        return ir.Star(*self.at(node), self.expr(node.value))

    def _Dict(self, node: cst.Dict) -> ir.Expr:
        keys = [self.expr(e.key) if isinstance(e, cst.DictElement) else None for e in node.elements]
        return ir.Map(*self.at(node), keys, [self.expr(e.value) for e in node.elements])

    def _BinaryOperation(self, node: cst.BinaryOperation) -> ir.Expr:
        operator = BINARY.get(type(node.operator), "?")
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

    def _ListComp(self, node: cst.ListComp) -> ir.Expr:
        return ir.Comp(*self.at(node), "list", None, self.expr(node.elt), self._generators(node.for_in))

    def _SetComp(self, node: cst.SetComp) -> ir.Expr:
        return ir.Comp(*self.at(node), "set", None, self.expr(node.elt), self._generators(node.for_in))

    def _GeneratorExp(self, node: cst.GeneratorExp) -> ir.Expr:
        return ir.Comp(*self.at(node), "generator", None, self.expr(node.elt), self._generators(node.for_in))

    def _DictComp(self, node: cst.DictComp) -> ir.Expr:
        key, value = self.expr(node.key), self.expr(node.value)
        return ir.Comp(*self.at(node), "dict", key, value, self._generators(node.for_in))

    def _StarredDictComp(self, node: Any) -> ir.Expr:
        return ir.Comp(*self.at(node), "dict", None, self.expr(node.value), self._generators(node.for_in))

    def _generators(self, node: cst.CompFor | None) -> list[ir.Generator]:
        found = []
        while node is not None:
            tests = [self.expr(test.test) for test in node.ifs]
            start, end = (
                self.at(node.whitespace_before)[1],
                self.around(node.ifs[-1].test if node.ifs else node.iter)[1],
            )
            found.append(ir.Generator(start, end, self.expr(node.target), self.expr(node.iter), tests))
            node = node.inner_for_in
        return found

    def _NamedExpr(self, node: cst.NamedExpr) -> ir.Expr:
        return ir.Walrus(*self.at(node), self.expr(node.target), self.expr(node.value))

    def _Lambda(self, node: cst.Lambda) -> ir.Expr:
        return ir.Lambda(*self.at(node), self.parameters(node.params), self.expr(node.body))

    def _Await(self, node: cst.Await) -> ir.Expr:
        return ir.Other(*self.at(node), "Await", [self.expr(node.expression)])

    def _Yield(self, node: cst.Yield) -> ir.Expr:
        value = node.value.item if isinstance(node.value, cst.From) else node.value
        kind = "YieldFrom" if isinstance(node.value, cst.From) else "Yield"
        return ir.Other(*self.at(node), kind, [self.expr(value)] if value is not None else [])

    def parameters(self, node: cst.Parameters) -> list[ir.Parameter]:
        """The parameters of a function, in order."""
        found: list[ir.Parameter] = []

        def add(parameter: cst.Param, kind: str, keyword_only: bool) -> None:
            annotation = self.annotation(parameter.annotation)
            default = self.optional(parameter.default)
            start, end = self.at(parameter)  # libcst's span ends with the name
            if parameter.annotation is not None:
                end = self.at(parameter.annotation)[1]
            if parameter.default is not None:
                end = self.around(parameter.default)[1]
            name = parameter.name.value
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

    def annotation(self, node: cst.Annotation | None) -> ir.Expr | None:
        """The expression of an annotation that may be missing."""
        return None if node is None else self.expr(node.annotation)
