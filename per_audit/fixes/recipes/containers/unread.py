"""Local names that only the replaced draw has read go with it: `filled = min(self.count, self.size)`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import name_of

if TYPE_CHECKING:
    from per_audit.fixes.draft import Draft
    from per_audit.graph import ReplayBuffer

_PLAIN = (ir.Name, ir.Attr, ir.Const, ir.Bin, ir.Un, ir.Cmp, ir.Logic, ir.IfExp, ir.Arg)
_CALLS = {"min", "max", "len", "int", "range", "arange"}


def drop(draft: Draft, buffer: ReplayBuffer) -> None:
    """Remove the assignments whose names nothing reads any more, now that the draws are replaced.

    Attributes stay: other code may read them.
    """
    function, path = buffer.function, buffer.path
    if not isinstance(function, ir.Function):
        return
    wanted = _names(*buffer.draws)
    while wanted:
        name = wanted.pop()
        statement = _only_binding(function, name)
        if statement is None or statement.value is None or not _is_plain(statement.value):
            continue
        if _is_alone(draft, path, statement) and not _is_read(draft, path, function, name, statement):
            draft.remove(path, statement, "nothing reads it any more")
            wanted |= _names(statement.value)


def _names(*nodes: ir.Node) -> set[str]:
    return {node.id for node in ir.walk(*nodes) if isinstance(node, ir.Name)}


def _only_binding(function: ir.Function, name: str) -> ir.Assign | None:
    """The only statement of a function that binds a name, where that is a plain assignment to it."""
    inside = list(ir.walk(function))
    if any(isinstance(node, ir.Parameter) and node.name == name for node in inside):
        return None
    if any(isinstance(node, ir.Scope) and name in node.names for node in inside):
        return None
    found = [node for node in inside if isinstance(node, ir.Assign) and name in _names(*node.targets)]
    if len(found) != 1 or len(found[0].targets) != 1 or not isinstance(found[0].targets[0], ir.Name):
        return None
    return found[0]


def _is_plain(value: ir.Expr) -> bool:
    """Whether computing a value changes nothing, so that it need not be computed."""
    return all(
        isinstance(node, _PLAIN) or (isinstance(node, ir.Call) and name_of(node.func) in _CALLS)
        for node in ir.walk(value)
    )


def _is_alone(draft: Draft, path: str, statement: ir.Assign) -> bool:
    """Whether a statement has lines of its own, no comment, and neighbours, so that it can be removed."""
    module = draft.graph.module(path)
    start = module.line_starts[module.line(statement.start) - 1]
    after = module.text[statement.end :].partition(b"\n")[0]
    is_whole = not module.text[start : statement.start].strip() and not after.strip()
    return is_whole and b"#" not in module.text[start : statement.end] and len(draft.block(path, statement)) > 1


def _is_read(draft: Draft, path: str, function: ir.Function, name: str, statement: ir.Assign) -> bool:
    """Whether anything but what has been replaced, or what has replaced it, reads a name."""
    edits = [e for e in draft.edits() if e.path == path and function.start <= e.start and e.end <= function.end]
    if any(re.search(rf"\b{re.escape(name)}\b", edit.text) for edit in edits):
        return True
    return any(
        isinstance(node, ir.Name)
        and node.id == name
        and node is not statement.targets[0]
        and not any(edit.start <= node.start and node.end <= edit.end for edit in edits)
        for node in ir.walk(function)
    )
