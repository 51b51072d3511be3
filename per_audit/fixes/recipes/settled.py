"""Whether an expression means the same at two places of a function, so that it can be written at the earlier one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.fixes.draft import Draft


def is_settled(draft: Draft, function: ir.Function, value: ir.Expr, start: int, end: int) -> bool:
    """Whether a constant, a name, or a field of one is at the offset `start` of a function what it is at `end`."""
    if isinstance(value, ir.Const):
        return True
    root = root_of(value)
    if root is None or root in changed(node for node in ir.walk(*function.body) if node.end > start):
        return False
    if isinstance(value, ir.Name) and (is_parameter(function, root) or _is_local(function, root)):
        return True
    between = [node for node in ir.walk(*function.body) if start <= node.start < end]
    leaves = any(isinstance(node, (ir.Return, ir.Raise, ir.Assert)) for node in between)
    return not leaves and not any(isinstance(node, ir.Call) and _may_change(draft, node, root) for node in between)


def is_parameter(function: ir.Function, name: str) -> bool:
    """Whether a function is given something by a name."""
    return any(parameter.name == name for parameter in function.parameters)


def _is_local(function: ir.Function, name: str) -> bool:
    nodes = list(ir.walk(*function.body))
    scopes = [node for node in nodes if isinstance(node, ir.Scope)]
    return name in changed(nodes) and name not in changed(scopes)


def _may_change(draft: Draft, call: ir.Call, root: str) -> bool:
    """Whether a call may change what a name or its fields are: all but a library's that is not given the object."""
    site = draft.graph.events.calls.get(call)
    is_library = site is not None and bool(site.names) and not site.targets and not site.classes
    return not is_library or any(isinstance(arg.value, ir.Name) and arg.value.id == root for arg in call.args)


def root_of(value: ir.Expr) -> str | None:
    """The name that a field or an item is reached from: `options` of `options.sizes[0]`."""
    while isinstance(value, (ir.Attr, ir.Sub)):
        value = value.value
    return value.id if isinstance(value, ir.Name) else None


def changed(nodes: Iterable[ir.Node]) -> set[str]:
    """The names that nodes bind or unbind, and those of the objects that they assign a field or an item of."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, (ir.Function, ir.Class, ir.Parameter)):
            found.add(node.name)
        elif isinstance(node, (ir.Import, ir.ImportFrom)):
            found |= {alias or name.partition(".")[0] for name, alias in node.names}
        elif isinstance(node, ir.Scope):
            found |= set(node.names)
        found |= {name for target in targets(node) if (name := root_of(target)) is not None}
        if isinstance(node, ir.Delete):
            found |= {name for target in node.targets if (name := root_of(target)) is not None}
    return found


def targets(node: ir.Node) -> list[ir.Expr]:
    """What a node assigns to, the parts of a tuple one by one."""
    given: list[ir.Expr | None] = []
    if isinstance(node, ir.Assign):
        given += node.targets
    elif isinstance(node, (ir.Aug, ir.For, ir.Generator, ir.WithItem, ir.Walrus)):
        given.append(node.target)
    elif isinstance(node, ir.Catch):
        given.append(node.name)
    elif isinstance(node, ir.Pattern):
        given += node.names
    return [part for target in given if target is not None for part in _parts(target)]


def _parts(target: ir.Expr) -> Iterator[ir.Expr]:
    if isinstance(target, ir.Star):
        yield from _parts(target.value)
    elif isinstance(target, ir.Seq):
        for item in target.items:
            yield from _parts(item)
    else:
        yield target
