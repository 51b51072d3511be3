"""The interpreter's expressions -> the facts' own nodes."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from per_audit.facts import ir
from per_audit.facts.brackets import Brackets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BINARY = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
    ast.MatMult: "@", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^", ast.LShift: "<<", ast.RShift: ">>",
}  # fmt: skip
_UNARY = {ast.USub: "-", ast.UAdd: "+", ast.Invert: "~", ast.Not: "not"}
_COMPARE = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Is: "is",
    ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip


class NotRead(Exception):
    """The interpreter's tree does not say all that is needed of this file."""


class ExpressionReader:
    """Turns expressions into facts. Dispatches on the class name of the node."""

    def __init__(self, text: bytes, line_starts: Sequence[int]) -> None:
        self.text = text
        self.brackets = Brackets(text, line_starts)
        self.at = self.brackets.at
        self._methods: dict[type[ast.AST], Callable[[Any], Any]] = {}

    def method(self, kind: type[ast.AST]) -> Callable[[Any], Any]:
        """What reads this kind of node. Raises NotRead where nothing does."""
        found: Callable[[Any], Any] | None = getattr(self, "_" + kind.__name__, None)
        if found is None:
            raise NotRead(kind.__name__)
        self._methods[kind] = found
        return found

    def expr(self, node: ast.expr) -> ir.Expr:
        """Any expression. Raises NotRead for one that the interpreter's tree says too little of."""
        kind = type(node)
        read: Callable[[Any], ir.Expr] = self._methods.get(kind) or self.method(kind)
        return read(node)

    def optional(self, node: ast.expr | None) -> ir.Expr | None:
        """`expr` of a part that may be missing."""
        return None if node is None else self.expr(node)

    def _Name(self, node: ast.Name) -> ir.Expr:
        return ir.Name(*self.at(node), node.id)

    def _Constant(self, node: ast.Constant) -> ir.Expr:
        return ir.Const(*self.at(node), node.value)

    def _JoinedStr(self, node: ast.JoinedStr) -> ir.Expr:
        parts = self._fields(node)
        for part in ir.walk(*parts):
            # Older interpreters misplace what stands in some strings.
            named = part.id if isinstance(part, ir.Name) else part.attr if isinstance(part, ir.Attr) else ""
            if not self.text[part.start : part.end].endswith(named.encode()):
                raise NotRead("f-string")
        return ir.Other(*self.at(node), "FormattedString", parts)

    def _fields(self, node: ast.JoinedStr) -> list[ir.Expr]:
        """The expressions in an f-string, those of how they are to be formatted behind each."""
        found: list[ir.Expr] = []
        for value in node.values:
            if isinstance(value, ast.FormattedValue):
                found.append(self.expr(value.value))
                if isinstance(value.format_spec, ast.JoinedStr):
                    found += self._fields(value.format_spec)
        return found

    def _Attribute(self, node: ast.Attribute) -> ir.Expr:
        return ir.Attr(*self.at(node), self.expr(node.value), node.attr)

    def _Call(self, node: ast.Call) -> ir.Expr:
        func = self.expr(node.func)
        start, end = self.at(node)
        if not node.args and not node.keywords:
            return ir.Call(start, end, func, [])
        return ir.Call(start, end, func, self._arguments(node, self.at(node.func)[1]))

    def _arguments(self, node: ast.Call, before: int) -> list[ir.Arg]:
        given: list[ast.expr | ast.keyword] = [*node.args, *node.keywords]
        if node.args and node.keywords:
            given.sort(key=_place)
        own = 1  # the call's own parenthesis
        found: list[ir.Arg] = []
        for each in given:
            start, end = self.at(each)
            if isinstance(each, ast.keyword):
                found.append(self.keyword(each))
            elif isinstance(each, ast.Starred):
                found.append(ir.Arg(start, end, self.expr(each.value), None, "*"))
            else:
                opened = self.brackets.opened(before, start)
                value = self.expr(each)
                if not opened and own:  # a generator alone: its parentheses are those of the call
                    found.append(ir.Arg(value.start, value.end, value, None, ""))
                elif len(opened) > own:
                    stop = self.brackets.closed(end, len(opened) - own)
                    found.append(ir.Arg(opened[own], stop, value, None, ""))
                else:
                    found.append(ir.Arg(start, end, value, None, ""))
            before, own = end, 0
        return found

    def keyword(self, node: ast.keyword) -> ir.Arg:
        """A named argument of a call or of a class statement, or `**`."""
        return ir.Arg(*self.at(node), self.expr(node.value), node.arg, "" if node.arg is not None else "**")

    def _Subscript(self, node: ast.Subscript) -> ir.Expr:
        value = self.expr(node.value)
        return ir.Sub(*self.at(node), value, self.expr(node.slice))

    def _Slice(self, node: ast.Slice) -> ir.Expr:
        return ir.Slice(*self.at(node), self.optional(node.lower), self.optional(node.upper), self.optional(node.step))

    def _Tuple(self, node: ast.Tuple) -> ir.Expr:
        start, end = self.at(node)
        if node.elts:
            span = self.brackets.tuple_inside(start, [self.at(item) for item in node.elts])
            start, end = (start, end) if span is None else span
        return ir.Seq(start, end, "tuple", [self.expr(item) for item in node.elts])

    def _List(self, node: ast.List) -> ir.Expr:
        return ir.Seq(*self.at(node), "list", [self.expr(item) for item in node.elts])

    def _Set(self, node: ast.Set) -> ir.Expr:
        return ir.Seq(*self.at(node), "set", [self.expr(item) for item in node.elts])

    def _Starred(self, node: ast.Starred) -> ir.Expr:
        return ir.Star(*self.at(node), self.expr(node.value))

    def _Dict(self, node: ast.Dict) -> ir.Expr:
        keys = [self.optional(key) for key in node.keys]
        return ir.Map(*self.at(node), keys, [self.expr(value) for value in node.values])

    def _BinOp(self, node: ast.BinOp) -> ir.Expr:
        return ir.Bin(*self.at(node), BINARY[type(node.op)], self.expr(node.left), self.expr(node.right))

    def _UnaryOp(self, node: ast.UnaryOp) -> ir.Expr:
        return ir.Un(*self.at(node), _UNARY[type(node.op)], self.expr(node.operand))

    def _BoolOp(self, node: ast.BoolOp) -> ir.Expr:
        operator = "and" if isinstance(node.op, ast.And) else "or"
        start, end = self.at(node)
        found = self.expr(node.values[0])
        before = self.at(node.values[0])[1]
        for value in node.values[1:-1]:
            first, last = self.at(value)
            found = ir.Logic(start, self.brackets.around(before, first, last)[1], operator, found, self.expr(value))
            before = last
        return ir.Logic(start, end, operator, found, self.expr(node.values[-1]))

    def _Compare(self, node: ast.Compare) -> ir.Expr:
        operators = [_COMPARE[type(operator)] for operator in node.ops]
        return ir.Cmp(*self.at(node), self.expr(node.left), operators, [self.expr(right) for right in node.comparators])

    def _IfExp(self, node: ast.IfExp) -> ir.Expr:
        return ir.IfExp(*self.at(node), self.expr(node.test), self.expr(node.body), self.expr(node.orelse))

    def _ListComp(self, node: ast.ListComp) -> ir.Expr:
        return self._comprehension(node, "list", None, node.elt)

    def _SetComp(self, node: ast.SetComp) -> ir.Expr:
        return self._comprehension(node, "set", None, node.elt)

    def _GeneratorExp(self, node: ast.GeneratorExp) -> ir.Expr:
        found = self._comprehension(node, "generator", None, node.elt)
        first = self.at(node.elt)[0]
        opened = self.brackets.opened(found.start, first)
        found.start = opened[1] if len(opened) > 1 else first
        found.end = found.generators[-1].end
        return found

    def _DictComp(self, node: ast.DictComp) -> ir.Expr:
        return self._comprehension(node, "dict", node.key, node.value)

    def _comprehension(self, node: Any, kind: str, key: ast.expr | None, elt: ast.expr) -> ir.Comp:
        before = self.at(elt)[1]
        clauses = []
        for clause in node.generators:
            start = self.brackets.clause(before, self.at(clause.target)[0])
            stop = before = self.at(clause.target)[1]
            for last in (clause.iter, *clause.ifs):
                first, end = self.at(last)
                stop, before = self.brackets.around(before, first, end)[1], end
            tests = [self.expr(test) for test in clause.ifs]
            clauses.append(ir.Generator(start, stop, self.expr(clause.target), self.expr(clause.iter), tests))
        return ir.Comp(*self.at(node), kind, self.optional(key), self.expr(elt), clauses)

    def _NamedExpr(self, node: ast.NamedExpr) -> ir.Expr:
        return ir.Walrus(*self.at(node), self.expr(node.target), self.expr(node.value))

    def _Lambda(self, node: ast.Lambda) -> ir.Expr:
        return ir.Lambda(*self.at(node), self.parameters(node.args), self.expr(node.body))

    def _Await(self, node: ast.Await) -> ir.Expr:
        return ir.Other(*self.at(node), "Await", [self.expr(node.value)])

    def _Yield(self, node: ast.Yield) -> ir.Expr:
        return ir.Other(*self.at(node), "Yield", [self.expr(node.value)] if node.value is not None else [])

    def _YieldFrom(self, node: ast.YieldFrom) -> ir.Expr:
        return ir.Other(*self.at(node), "YieldFrom", [self.expr(node.value)])

    def parameters(self, node: ast.arguments) -> list[ir.Parameter]:
        """The parameters of a function, in order."""
        found: list[ir.Parameter] = []

        def add(parameter: ast.arg, default: ast.expr | None, kind: str = "", keyword_only: bool = False) -> None:
            start, end = self.at(parameter)
            start = self.text.rindex(kind.encode(), 0, start) if kind else start
            if default is not None:
                end = self.brackets.around(end, *self.at(default))[1]
            annotation = self.optional(parameter.annotation)
            found.append(
                ir.Parameter(start, end, parameter.arg, self.optional(default), kind, keyword_only, annotation)
            )

        plain = [*node.posonlyargs, *node.args]
        without = len(plain) - len(node.defaults)
        for number, parameter in enumerate(plain):
            add(parameter, node.defaults[number - without] if number >= without else None)
        if node.vararg is not None:
            add(node.vararg, None, "*")
        for parameter, default in zip(node.kwonlyargs, node.kw_defaults, strict=True):
            add(parameter, default, keyword_only=True)
        if node.kwarg is not None:
            add(node.kwarg, None, "**")
        return found


def _place(node: ast.expr | ast.keyword) -> tuple[int, int]:
    return node.lineno, node.col_offset
