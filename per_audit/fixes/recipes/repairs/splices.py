"""Small splices that several repairs make: operators, operands, wrappers, and what they need to know of the code."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.fixes.draft import Draft
    from per_audit.graph.interpret import events as ev

_COMMENT = re.compile(rb"#[^\r\n]*")
CARRIERS = {"detach", "cpu", "numpy", "float", "item", "squeeze", "view", "reshape", "flatten", "ravel"}
"""Methods that only carry numbers to another place or into another form."""
_TIGHT = (ir.Name, ir.Attr, ir.Call, ir.Sub, ir.Const, ir.Seq, ir.Comp, ir.Map)


def operator(draft: Draft, path: str, left: ir.Node, right: ir.Node, symbol: str) -> tuple[int, int]:
    """The range of the operator between two operands. Raises Refused where it is not found."""
    body = draft.graph.module(path).text
    gap = _COMMENT.sub(lambda match: b" " * len(match[0]), body[left.end : right.start])
    at = gap.find(symbol.encode())
    if at < 0:
        raise Refused(f"the `{symbol}` at {draft.where(path, left)} was not found")
    return left.end + at, left.end + at + len(symbol)


def is_tight(node: ir.Expr) -> bool:
    """Whether an expression needs no parentheses as an operand, or before a dot or a bracket."""
    return isinstance(node, _TIGHT) and not (isinstance(node, ir.Seq) and node.kind == "tuple")


def stands_alone(draft: Draft, path: str, node: ir.Expr) -> bool:
    """Whether nothing binds to an expression: a value that is assigned or returned, an argument, an item."""
    parent = draft.graph.parents(path).get(node)
    loose = (ir.Assign, ir.Return, ir.Arg, ir.Do, ir.Aug, ir.Seq, ir.Parameter)
    if isinstance(parent, ir.Sub):
        return parent.index is node
    return isinstance(parent, loose) or draft.own_parentheses(path, node) is not None


def index(draft: Draft, path: str, node: ir.Expr, what: str, note: str) -> None:
    """Put `[what]` behind an expression."""
    behind(draft, path, node, f"[{what}]", note)


def behind(draft: Draft, path: str, node: ir.Expr, suffix: str, note: str) -> None:
    """Put an index, or a call of a method, behind an expression."""
    own = draft.own_parentheses(path, node)
    if is_tight(node) or own is not None:
        end = node.end if own is None or is_tight(node) else own[1]
        draft.once(path, end, end, suffix, note)
        return
    draft.once(path, node.start, node.start, "(", note)
    draft.once(path, node.end, node.end, f"){suffix}", note)


def call(draft: Draft, path: str, node: ir.Expr, function: str, note: str) -> None:
    """Make an expression the only argument of a call; parentheses of its own become those of the call."""
    own = draft.own_parentheses(path, node)
    if own is not None:
        draft.once(path, own[0], own[0], function, note)
        return
    draft.once(path, node.start, node.start, f"{function}(", note)
    draft.once(path, node.end, node.end, ")", note)


def body_of(draft: Draft, path: str, function: ev.Owner) -> list[ir.Stmt]:
    """The statements of a function, or of the file where there is none."""
    return function.body if isinstance(function, ir.Function) else draft.graph.module(path).body


def uses(draft: Draft, path: str, function: ev.Owner, name: str) -> Iterator[ir.Name]:
    """The names in a function, functions inside it included, that are this one: where it is read and where bound."""
    for node in ir.walk(*body_of(draft, path, function)):
        if isinstance(node, ir.Name) and node.id == name:
            yield node


def bindings(draft: Draft, path: str, function: ev.Owner, name: str) -> list[ir.Node]:
    """The nodes by which a function binds a name: assignments, loops, with statements, its own parameters."""
    found: list[ir.Node] = []
    if isinstance(function, ir.Function):
        found += [parameter for parameter in function.parameters if parameter.name == name]
    for node in ir.walk(*body_of(draft, path, function)):
        targets: list[ir.Expr | None] = []
        if isinstance(node, ir.Assign):
            targets = [*node.targets]
        elif isinstance(node, (ir.Aug, ir.For, ir.Generator, ir.WithItem, ir.Walrus)):
            targets = [node.target]
        if any(is_bound(target, name) for target in targets):
            found.append(node)
    return found


def is_bound(target: ir.Expr | None, name: str) -> bool:
    """Whether a target of an assignment binds a name, itself or in a tuple."""
    if isinstance(target, ir.Seq):
        return any(is_bound(item, name) for item in target.items)
    if isinstance(target, ir.Star):
        return is_bound(target.value, name)
    return isinstance(target, ir.Name) and target.id == name


def is_builtin(draft: Draft, path: str, name: str) -> bool:
    """Whether a file leaves a name to what Python means by it."""
    for node in ir.walk(*draft.graph.module(path).body):
        if isinstance(node, (ir.Function, ir.Class, ir.Parameter)):
            named = [node.name]
        elif isinstance(node, (ir.Import, ir.ImportFrom)):
            named = [alias or real for real, alias in node.names]
        else:
            targets = node.targets if isinstance(node, ir.Assign) else [node.target] if isinstance(node, ir.For) else []
            named = [name] if any(is_bound(target, name) for target in targets) else []
        if name in named or "*" in named:
            return False
    return True


def detach(draft: Draft, path: str, node: ir.Expr, note: str) -> None:
    """Cut a tensor off from its autograd graph before it is carried elsewhere: `x.detach().cpu()` of `x.cpu()`."""
    while isinstance(node, ir.Call):
        if isinstance(node.func, ir.Attr) and node.func.attr in CARRIERS:
            node = node.func.value
        elif isinstance(node.func, ir.Name) and node.func.id in ("list", "tuple") and len(node.args) == 1:
            node = node.args[0].value
        else:
            break
    if isinstance(node, ir.Comp) and node.kind in ("list", "generator"):
        detach(draft, path, node.elt, note)
        return
    if draft.graph.symbols.term(path, node).op in ("collect", "tuple"):
        raise Refused(f"{draft.text(path, node)} at {draft.where(path, node)} is no tensor but a list of them")
    own = draft.own_parentheses(path, node)
    if own is not None:
        draft.once(path, own[1], own[1], ".detach()", note)
    elif isinstance(node, (ir.Name, ir.Attr, ir.Sub, ir.Call)):
        draft.once(path, node.end, node.end, ".detach()", note)
    else:
        draft.once(path, node.start, node.start, "(", note)
        draft.once(path, node.end, node.end, ").detach()", note)
