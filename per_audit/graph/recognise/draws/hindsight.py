"""Draws of goals that an episode reached, for hindsight: no batches from a memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.known.draws import FRACTION
from per_audit.graph.interpret.roles import name_of, role_of_name, words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph

_FEWEST = 4  # names that a transition is taken apart into
_DEEPEST = 4
_GOALS = {"goal", "goals"}
_RANGED = {"randint", "integers", "randrange", "random_integers"}  # draws of positions from the first to the second


def loops(graph: ReplayGraph, path: str, node: ir.Node) -> Iterator[ir.For | ir.Comp]:
    """The loops of its function around a node, innermost first."""
    for around in graph.ancestors(path, node):
        if isinstance(around, (ir.Function, ir.Lambda)):
            return
        if isinstance(around, (ir.For, ir.Comp)):
            yield around


def is_ahead(graph: ReplayGraph, draw: ev.Draw) -> bool:
    """Whether the draw is of what follows a step that a loop counts: a goal reached later in the episode."""
    if draw.method == FRACTION:
        return _is_of_rest(graph, draw)
    if not draw.node.args:
        return False
    written: ir.Node = draw.node.args[0].value
    first = given(written, draw.function)
    if isinstance(first, ir.Sub) and isinstance(first.index, ir.Slice) and isinstance(first.index.lower, ir.Un):
        first = written  # the newest ones
    if isinstance(first, ir.Call) and name_of(first.func) in ("list", "tuple") and len(first.args) == 1:
        first = first.args[0].value
    called = first.func if isinstance(first, ir.Call) else None
    if isinstance(first, ir.Call) and name_of(called) in ("range", "arange") and len(first.args) > 1:
        lower: ir.Node | None = first.args[0].value
    elif isinstance(first, ir.Sub) and isinstance(first.index, ir.Slice):
        lower = first.index.lower
    else:
        second = draw.node.argument(1, "high")
        lower = written if second is not None and draw.method in _RANGED else None
    if lower is None:
        return False
    counted = _counted(graph, draw.path, draw.node, draw.function)
    names = [n for n in ir.walk(lower) if isinstance(n, ir.Name)]
    if not isinstance(lower, ir.Un):
        names += [n for name in names for n in ir.walk(given(name, draw.function)) if isinstance(n, ir.Name)]
    return any(name.id in counted for name in names)


def _is_of_rest(graph: ReplayGraph, draw: ev.Draw) -> bool:
    """Whether a fraction is one of `length - t`, where a loop counts t."""
    product = graph.parents(draw.path).get(draw.node)
    if not isinstance(product, ir.Bin):
        return False
    rest = product.left if product.right is draw.node else product.right
    counted = _counted(graph, draw.path, draw.node, draw.function)
    return isinstance(rest, ir.Bin) and rest.op == "-" and any(_is(rest.right, name) for name in counted)


def given(node: ir.Node, function: ev.Owner) -> ir.Node:
    """What a name of a function stands for where one statement alone gives it a value; other nodes themselves."""
    if not isinstance(node, ir.Name) or not isinstance(function, ir.Function):
        return node
    given = [
        part.value
        for part in ir.walk_scope(function.body)
        if isinstance(part, ir.Assign) and any(_is(target, node.id) for target in ir.walk(*part.targets))
    ]
    return given[0] if len(given) == 1 and given[0] is not None else node


def is_of_goals(graph: ReplayGraph, draw: ev.Draw) -> bool:
    """Whether each drawn transition is taken apart and one part alone is used: a goal that was reached then."""
    statement = graph.statement(draw.path, draw.node)
    if not isinstance(draw.function, ir.Function):
        return False
    nodes = list(ir.walk_scope(draw.function.body))
    over = [node for node in nodes if isinstance(node, ir.For)]
    if isinstance(statement, ir.Assign) and statement.value is draw.node and isinstance(statement.targets[0], ir.Name):
        name = statement.targets[0].id
        bound = {target for node in nodes if isinstance(node, ir.Assign) for target in node.targets}
        uses = [node for node in nodes if _is(node, name) and node not in bound]
        if not draw.items:
            return bool(uses) and (
                _reads_one_part(graph, draw.path, uses, nodes) or _reads_one_field(graph, draw, uses)
            )
        over = [loop for loop in over if loop.iter in uses]
        return bool(over) and len(over) == len(uses) and all(map(_takes_one_part, over))
    over = [loop for loop in over if loop.iter is draw.node]
    return draw.items and bool(over) and all(map(_takes_one_part, over))


def _reads_one_part(graph: ReplayGraph, path: str, positions: list[ir.Node], nodes: list[ir.Node]) -> bool:
    """Whether rows at positions are read for one part, by its number or by the one name of many that is used."""
    parents = graph.parents(path)
    parts: set[object] = set()
    for position in positions:
        row = parents.get(position)
        if not isinstance(row, ir.Sub) or row.index is not position:
            return False
        around = parents.get(row)
        if isinstance(around, ir.Sub) and isinstance(around.index, ir.Const) and around.value is row:
            parts.add(around.index.value)
        elif isinstance(around, ir.Assign) and around.value is row:
            parts |= _used(around.targets[0], nodes)
        else:
            return False
    return len(parts) == 1


def _reads_one_field(graph: ReplayGraph, draw: ev.Draw, positions: list[ir.Node]) -> bool:
    """Whether one field alone of a table is read at positions, the name of which says that it is no whole row."""
    parents = graph.parents(draw.path)
    rows = [row for row in map(parents.get, positions) if isinstance(row, ir.Sub) and row.index in positions]
    fields = {_field(row.value, draw.function) for row in rows}
    return len(rows) == len(positions) and len(fields) == 1 and _is_of_part(next(iter(fields)))


def _field(node: ir.Node, function: ev.Owner) -> str:
    """The key of the field that an expression is, or is a copy or the beginning of; empty where it is none."""
    for _ in range(_DEEPEST):
        read = given(node, function)
        if isinstance(read, ir.Call) and isinstance(read.func, ir.Attr) and read.func.attr == "copy":
            node = read.func.value
        elif isinstance(read, ir.Sub) and isinstance(read.index, ir.Slice):
            node = read.value
        else:
            key = read.index if isinstance(read, ir.Sub) else None
            return key.value if isinstance(key, ir.Const) and isinstance(key.value, str) else ""
    return ""


def _is_of_part(key: str) -> bool:
    return role_of_name(key) is not None or not _GOALS.isdisjoint(words(key))


def _counted(graph: ReplayGraph, path: str, node: ir.Node, function: ev.Owner, depth: int = 2) -> set[str]:
    """The names that the loops around a node count with, and the parameters that callers give such a name to."""
    names = set().union(*(counters(loop) for loop in loops(graph, path, node)))
    if not depth or not isinstance(function, ir.Function):
        return names
    taken = function.parameters[1:] if graph.symbols.takes_self(function) else function.parameters
    for site in graph.callers.get(function, ()):
        counted = _counted(graph, site.path, site.node, site.function, depth - 1)
        for position, parameter in enumerate(taken):
            given = site.node.argument(position, parameter.name)
            if given is not None and any(isinstance(n, ir.Name) and n.id in counted for n in ir.walk(given)):
                names.add(parameter.name)
    return names


def counters(loop: ir.For | ir.Comp) -> set[str]:
    """The names that a loop gives to what it goes through."""
    targets = [loop.target] if isinstance(loop, ir.For) else [g.target for g in loop.generators]
    return {n.id for n in ir.walk(*targets) if isinstance(n, ir.Name)}


def _is(node: ir.Node, name: str) -> bool:
    return isinstance(node, ir.Name) and node.id == name


def _takes_one_part(loop: ir.For) -> bool:
    """Whether a loop gives names to the parts of what it goes through, and uses one of them."""
    whole = loop.target.id if isinstance(loop.target, ir.Name) else None
    inside = list(ir.walk(*loop.body))
    apart = [n for n in inside if isinstance(n, ir.Assign) and n.value is not None and _is(n.value, whole or "")]
    if whole is not None and sum(_is(n, whole) for n in inside) != 1:
        return False
    target = loop.target if whole is None else apart[0].targets[0] if apart else None
    return target is not None and len(_used(target, inside)) == 1


def _used(target: ir.Expr, nodes: list[ir.Node]) -> set[object]:
    """The names among those of a target that are used in nodes; the target where it is no row of names."""
    if not isinstance(target, ir.Seq) or len(target.items) < _FEWEST:
        return {target, None}
    told = set(ir.walk(target))
    names = {n.id for n in told if isinstance(n, ir.Name)}
    return {n.id for n in nodes if isinstance(n, ir.Name) and n.id in names and n not in told}
