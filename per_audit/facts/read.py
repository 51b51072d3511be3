"""The interpreter's own syntax tree -> the facts' own nodes, in one pass.

It is there in a tenth of the time that libcst takes, and says the same of all but patterns, type parameters and what
this interpreter is too old for: files with such are left to `lower`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from per_audit.facts import ir
from per_audit.facts.read_expressions import BINARY, ExpressionReader, NotRead

if TYPE_CHECKING:
    import ast
    from collections.abc import Iterable

__all__ = ["NotRead", "Reader"]


class Reader(ExpressionReader):
    """Turns the tree of one module into facts. Dispatches on the class name of the node."""

    def block(self, body: Iterable[ast.stmt]) -> list[ir.Stmt]:
        """The statements of a suite. Raises NotRead where the tree says too little."""
        methods = self._methods
        return [(methods.get(type(node)) or self.method(type(node)))(node) for node in body]

    def _jump(self, node: ast.stmt) -> ir.Stmt:
        return ir.Jump(*self.at(node), type(node).__name__.lower())

    _Pass = _Break = _Continue = _jump

    def _Expr(self, node: ast.Expr) -> ir.Stmt:
        return ir.Do(*self.at(node), self.expr(node.value))

    def _Assign(self, node: ast.Assign) -> ir.Stmt:
        return ir.Assign(*self.at(node), [self.expr(target) for target in node.targets], self.expr(node.value), None)

    def _AnnAssign(self, node: ast.AnnAssign) -> ir.Stmt:
        target, annotation = self.expr(node.target), self.expr(node.annotation)
        return ir.Assign(*self.at(node), [target], self.optional(node.value), annotation)

    def _AugAssign(self, node: ast.AugAssign) -> ir.Stmt:
        return ir.Aug(*self.at(node), self.expr(node.target), BINARY[type(node.op)], self.expr(node.value))

    def _Return(self, node: ast.Return) -> ir.Stmt:
        return ir.Return(*self.at(node), self.optional(node.value))

    def _If(self, node: ast.If) -> ir.Stmt:
        return ir.If(*self.at(node), self.expr(node.test), self.block(node.body), self.block(node.orelse))

    def _For(self, node: ast.For) -> ir.Stmt:
        body = self.block(node.body)
        return ir.For(*self.at(node), self.expr(node.target), self.expr(node.iter), body, self.block(node.orelse))

    _AsyncFor = _For

    def _While(self, node: ast.While) -> ir.Stmt:
        return ir.While(*self.at(node), self.expr(node.test), self.block(node.body), self.block(node.orelse))

    def _With(self, node: ast.With) -> ir.Stmt:
        items = []
        start, stop = self.at(node)
        before = start
        for item in node.items:
            value, target = self.expr(item.context_expr), self.optional(item.optional_vars)
            first, last = self.at(item.context_expr)
            closing = self.brackets.closing(last)
            if len(node.items) == 1 and target is None:
                closing -= 1  # the outermost parentheses are the statement's
            opened = self.brackets.opened(before, first)
            opened = opened[-closing:] if closing > 0 else []
            begin, end = (opened[0], self.brackets.closed(last, len(opened))) if opened else (first, last)
            before = last
            if item.optional_vars is not None:
                end = self.brackets.around(last, *self.at(item.optional_vars))[1]
                before = self.at(item.optional_vars)[1]
            items.append(ir.WithItem(begin, end, value, target))
        return ir.With(start, stop, items, self.block(node.body))

    _AsyncWith = _With

    def _Try(self, node: ast.Try) -> ir.Stmt:
        handlers = [self.block(handler.body) for handler in node.handlers]
        catches = [self._catch(handler) for handler in node.handlers]
        body, orelse, final = self.block(node.body), self.block(node.orelse), self.block(node.finalbody)
        return ir.Try(*self.at(node), body, handlers, orelse, final, catches)

    _TryStar = _Try

    def _catch(self, node: ast.ExceptHandler) -> ir.Catch:
        kind = self.optional(node.type)
        name: ir.Expr | None = None
        if node.name is not None and node.type is not None:
            at = self.text.index(node.name.encode(), self.text.index(b"as", self.at(node.type)[1]) + 2)
            name = ir.Name(at, at + len(node.name.encode()), node.name)
        return ir.Catch(*self.at(node), kind, name)

    def _FunctionDef(self, node: ast.FunctionDef) -> ir.Stmt:
        _refuse_type_parameters(node)
        decorators = [self.expr(decorator) for decorator in node.decorator_list]
        parameters, body = self.parameters(node.args), self.block(node.body)
        return ir.Function(*self.at(node), node.name, parameters, body, decorators, self.optional(node.returns))

    _AsyncFunctionDef = _FunctionDef

    def _ClassDef(self, node: ast.ClassDef) -> ir.Stmt:
        _refuse_type_parameters(node)
        bases = [self.expr(base) for base in node.bases]
        decorators = [self.expr(decorator) for decorator in node.decorator_list]
        keywords = [self.keyword(keyword) for keyword in node.keywords]
        return ir.Class(*self.at(node), node.name, bases, self.block(node.body), decorators, keywords)

    def _Import(self, node: ast.Import) -> ir.Stmt:
        return ir.Import(*self.at(node), [(alias.name, alias.asname) for alias in node.names])

    def _ImportFrom(self, node: ast.ImportFrom) -> ir.Stmt:
        names = [(alias.name, alias.asname) for alias in node.names]
        return ir.ImportFrom(*self.at(node), node.module or "", node.level, names)

    def _Delete(self, node: ast.Delete) -> ir.Stmt:
        targets = [self.expr(target) for target in node.targets]
        if len(targets) == 1 and isinstance(targets[0], ir.Seq):
            targets = targets[0].items
        return ir.Delete(*self.at(node), targets)

    def _Raise(self, node: ast.Raise) -> ir.Stmt:
        return ir.Raise(*self.at(node), self.optional(node.exc), self.optional(node.cause))

    def _Assert(self, node: ast.Assert) -> ir.Stmt:
        return ir.Assert(*self.at(node), self.expr(node.test), self.optional(node.msg))

    def _Global(self, node: ast.Global) -> ir.Stmt:
        return ir.Scope(*self.at(node), "global", node.names)

    def _Nonlocal(self, node: ast.Nonlocal) -> ir.Stmt:
        return ir.Scope(*self.at(node), "nonlocal", node.names)


def _refuse_type_parameters(node: Any) -> None:
    if getattr(node, "type_params", None):
        raise NotRead("type parameters")
