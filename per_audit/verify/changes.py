"""Where code changes a mapping that a call reads: stores, methods, and functions that are given it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.model import ReplayGraph

_DEEPEST = 3
_METHODS = ("update", "setdefault", "pop", "merge_with", "merge_update", "merge_from_file", "merge_from_list", "clear")
_SETTERS = ("setattr", "delattr", "setitem", "__setattr__", "__setitem__", "merge_with", "merge_update")
_SELF = ("self", "cls")

Trail = list[str | None]


def change(graph: ReplayGraph, path: str, argument: ir.Expr, key: str | None) -> ir.Node | None:
    """The first node of a file that changes what an argument reads, under that key or, without one, as a whole."""
    read = trail(argument)
    return _change(graph, list(graph.module(path).body), read, key, _DEEPEST) if read else None


def trail(node: ir.Expr) -> Trail:
    """`cfg["a"].b` as cfg, a, b, with None for what only the run knows; nothing where no name is at its start."""
    keys: Trail = []
    while not isinstance(node, ir.Name):
        if isinstance(node, ir.Attr):
            keys, node = [node.attr, *keys], node.value
        elif isinstance(node, ir.Sub):
            keys, node = [_text(node.index), *keys], node.value
        elif isinstance(node, ir.Call) and isinstance(node.func, ir.Attr) and node.func.attr == "get" and node.args:
            keys, node = [_text(node.args[0].value), *keys], node.func.value
        else:
            return []
    return [node.id, *keys]


def _text(node: ir.Expr) -> str | None:
    return node.value if isinstance(node, ir.Const) and isinstance(node.value, str) else None


def _change(graph: ReplayGraph, body: list[ir.Stmt], read: Trail, key: str | None, depth: int) -> ir.Node | None:
    nodes = list(ir.walk(*body))
    same = _same(nodes, read)
    wanted = {key, *(name for one in same for name in one[1:])} if key is not None else set()
    for node in nodes:
        for touched, stored in _touched(graph, node, same, wanted, depth):
            if not any(_meet(touched, one) for one in same):
                continue
            if touched[0] in _SELF and len(touched) == 1 + stored:
                continue  # an attribute that is bound, or a method of the object: no mapping that is changed
            if key is None or not stored or touched[-1] is None or touched[-1] in wanted:
                return node
    return None


def _same(nodes: list[ir.Node], read: Trail) -> list[Trail]:
    """The trail, and those that assignments of names make of it."""
    found = [read]
    bound = [
        (target.id, trail(node.value))
        for node in nodes
        if isinstance(node, ir.Assign) and node.value is not None
        for target in node.targets
        if isinstance(target, ir.Name)
    ]
    for _ in range(_DEEPEST):
        for name, value in bound:
            for one in list(found):
                made: Trail = []
                if value and one[0] == name and value[0] != name:
                    made = [*value, *one[1:]]
                elif value and _meet(value, one) and value[0] == one[0] != name:
                    made = [name, *one[len(value) :]]
                if made and made not in found and len(found) < 20:
                    found.append(made)
    return found


def _meet(one: Trail, other: Trail) -> bool:
    """Whether both start from one name, and of an object's attributes from the same."""
    if one[:1] != other[:1] or not one:
        return False
    if one[0] not in _SELF:
        return True
    return all(a == b or a is None or b is None for a, b in zip(one, other, strict=False))


def _touched(
    graph: ReplayGraph, node: ir.Node, same: list[Trail], wanted: set[str | None], depth: int
) -> Iterator[tuple[Trail, bool]]:
    """The trails that a node changes; the second says whether it stores into the last key of it."""
    targets: list[ir.Expr] = []
    if isinstance(node, (ir.Assign, ir.Delete)):
        targets = [i for t in node.targets for i in (t.items if isinstance(t, ir.Seq) else [t])]
    elif isinstance(node, ir.Aug):
        targets = [node.target]
        if isinstance(node.target, ir.Name):
            yield [node.target.id], False
    for target in targets:
        if isinstance(target, (ir.Attr, ir.Sub)) and (stored := trail(target)):
            yield stored, True
    if isinstance(node, ir.Call):
        yield from ((touched, False) for touched in _given(graph, node, same, wanted, depth))


def _given(
    graph: ReplayGraph, node: ir.Call, same: list[Trail], wanted: set[str | None], depth: int
) -> Iterator[Trail]:
    """The trails that a call changes: of what its method is, and of what it is given."""
    last = node.func.attr if isinstance(node.func, ir.Attr) else getattr(node.func, "id", "")
    if isinstance(node.func, ir.Attr) and last in _METHODS:
        yield trail(node.func.value)
    plain = [arg for arg in node.args if arg.keyword is None]
    if plain and (last in _SETTERS or (last == "update" and len(node.args) > 1)):
        yield trail(plain[0].value)
    given = [(number, arg) for number, arg in enumerate(node.args) if depth]
    given = [(n, arg) for n, arg in given if any(_meet(trail(arg.value), one) for one in same)]
    site = graph.events.calls.get(node) if given else None
    for function in [func.node for func in site.targets] if site is not None else []:
        if not isinstance(function, ir.Function):
            continue
        for number, arg in given:
            near = function.parameters[number : number + 2] if arg.keyword is None else function.parameters
            for parameter in near:
                if arg.keyword not in (None, parameter.name) or parameter.name in _SELF:
                    continue
                keys: list[str | None] = [name for name in wanted if name]
                if any(_change(graph, function.body, [parameter.name], key, depth - 1) for key in keys or [None]):
                    yield trail(arg.value)
