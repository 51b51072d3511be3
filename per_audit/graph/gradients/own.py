"""Networks that a project writes itself: arrays that rows are multiplied by, and that a step moves along a gradient.

A library's way to learn has a name, `loss.backward()`; a project may call its own whatever it likes. It is known by
what it does: it adds to arrays which are factors of a product of matrices elsewhere.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias

from per_audit.facts import ir
from per_audit.graph.interpret.roles import NEXT, STATE, role_of
from per_audit.graph.interpret.values import roles_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.facts import ModuleFacts
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.interpret.values import Value
    from per_audit.graph.model import ReplayGraph

_PRODUCTS = {"dot", "matmul", "tensordot", "einsum"}
_MARKS = (b"@", *(name.encode() + b"(" for name in sorted(_PRODUCTS)))
_OBSERVED = {STATE, NEXT}
_FARTHEST = 2  # calls between a method of a network and the one that moves its weights
_Move: TypeAlias = ir.Assign | ir.Aug


def note_own_networks(graph: ReplayGraph) -> None:
    """Record which calls and functions learn from what was drawn by moving the weights of a network of the project."""
    weights = {name for module in graph.project.modules.values() for name in _weights(module)}
    moving = _moving(graph, weights) if weights else {}
    moving = {
        function: left
        for function, moves in moving.items()
        if (left := [move for move in moves if not _is_of_table(graph, move)])
    }
    if not moving:
        return
    rows = {draw for gather in graph.events.gathers.values() for draw in gather.draws}
    rows |= {node for node, draw in graph.events.draws.items() if draw.items and draw.containers}

    def is_drawn(value: Value) -> bool:
        return not rows.isdisjoint(graph.interpreter.parts.spilled(value).tagged("draw"))

    classes = {graph.project.class_of[function] for function in moving if function in graph.project.class_of}
    for site in graph.events.calls.values():
        leads_on = any(_leads_on(graph, func.node, moving, classes) for func in site.targets)
        if leads_on and any(map(is_drawn, site.arguments)):
            graph.events.own_steps.add(site.node)
    for function, moves in moving.items():
        read = (part for move in moves for part in ir.walk(move) if isinstance(part, ir.Expr))
        if any(is_drawn(graph.events.value(part)) for part in read):
            graph.events.own_learners.add(function)


def _leads_on(
    graph: ReplayGraph, function: ev.Owner, moving: dict[ir.Function, list[_Move]], classes: set[ir.Class]
) -> bool:
    """Whether a function moves weights, or is of a class that does and comes to it."""
    if function in moving:
        return True
    cls = graph.project.class_of.get(function) if isinstance(function, ir.Function) else None
    return cls in classes and not moving.keys().isdisjoint(graph.reachable(function, _FARTHEST))


def _weights(module: ModuleFacts) -> Iterator[str]:
    """The names of the attributes, or of what holds arrays by keys, that are factors of products of matrices."""
    if not any(mark in module.text for mark in _MARKS):
        return
    for node in module.nodes_of(ir.Bin, ir.Call):
        factors: list[ir.Expr] = []
        if isinstance(node, ir.Bin) and node.op == "@":
            factors = [node.left, node.right]
        elif isinstance(node, ir.Call) and ir.last_name(node.func) in _PRODUCTS:
            factors = [arg.value for arg in node.args]
            factors += [node.func.value] if isinstance(node.func, ir.Attr) else []
        yield from (name for factor in factors if (name := _held_as(factor)))


def _held_as(node: ir.Expr) -> str:
    """The name of the attribute that an array is, or of what holds it under a key: `self.w.T`, `model["w"]`."""
    is_keyed = False
    while isinstance(node, ir.Sub) or (isinstance(node, ir.Attr) and node.attr == "T"):
        is_keyed = is_keyed or (isinstance(node, ir.Sub) and isinstance(node.index, (ir.Const, ir.Name)))
        node = node.value
    return ir.last_name(node) if is_keyed or isinstance(node, ir.Attr) else ""


def _moving(graph: ReplayGraph, weights: set[str]) -> dict[ir.Function, list[_Move]]:
    """The functions that add to weights, and where they do."""
    found: dict[ir.Function, list[_Move]] = {}
    places = {module.path: _places(module, weights) for module in graph.project.modules.values()}
    for function in graph.project.functions:
        module = graph.project.module_of[function]
        if not any(function.start <= place < function.end for place in places[module.path]):
            continue
        nodes = list(ir.walk_scope(function.body))
        moves = [node for node in nodes if isinstance(node, (ir.Assign, ir.Aug))]
        loops = [node for node in nodes if isinstance(node, ir.For)]
        moves = [each for each in moves if _moves_weights(module, each, loops, weights)]
        if moves:
            found[function] = moves
    return found


def _places(module: ModuleFacts, weights: set[str]) -> list[int]:
    """Where a file assigns to what has the name of weights, or to what a loop goes through them by."""
    text = module.text
    if text.isascii() and not any(name.encode() in text for name in weights):  # else a name has several spellings
        return []
    names = {
        ir.last_name(part)
        for loop in module.nodes_of(ir.For)
        if any(ir.last_name(part) in weights for part in ir.walk(loop.iter))
        for part in ir.walk(loop.target)
    }
    moves = module.nodes_of(ir.Assign, ir.Aug)
    return [move.start for move in moves if _held_as(_target(move)) in weights or _base(_target(move)) in names - {""}]


def _target(move: _Move) -> ir.Expr:
    return move.targets[0] if isinstance(move, ir.Assign) else move.target


def _is_of_table(graph: ReplayGraph, move: _Move) -> bool:
    """Whether a move is of what is kept for one state, `table[state][action]`: values side by side are no network."""
    target = _target(move)
    keys: list[ir.Expr] = []
    while isinstance(target, ir.Sub):
        keys += target.index.items if isinstance(target.index, ir.Seq) else [target.index]
        target = target.value
    return any(not _OBSERVED.isdisjoint({role_of(key)} | roles_in(graph.events.value(key))) for key in keys)


def _base(target: ir.Expr) -> str:
    """The name whose items, and theirs, are assigned to; empty for another target."""
    while isinstance(target, ir.Sub):
        target = target.value
    return target.id if isinstance(target, ir.Name) else ""


def _moves_weights(module: ModuleFacts, move: _Move, loops: list[ir.For], weights: set[str]) -> bool:
    """Whether a statement adds to weights, or to what a loop goes through them by; a copy of others does not."""
    target = _target(move)
    around: list[ir.Expr] = []
    if _held_as(target) not in weights:
        name = _base(target)
        if not name:
            return False
        while isinstance(target, ir.Sub):
            target = target.value
        around = [loop.iter for loop in loops if any(_is_name(part, name) for part in ir.walk(loop.target))]
        if not any(ir.last_name(part) in weights for each in around for part in ir.walk(each)):
            return False
    if not _adds(module, move):
        return False
    holders = defaultdict(set)
    for part in ir.walk(target, *around, *([move.value] if move.value is not None else [])):
        if isinstance(part, ir.Attr) and part.attr in weights:
            holders[part.attr].add(module.source(part.value))
    return all(len(each) == 1 for each in holders.values())


def _is_name(node: ir.Node, name: str) -> bool:
    return isinstance(node, ir.Name) and node.id == name


def _adds(module: ModuleFacts, move: _Move) -> bool:
    """Whether something is added to what there is: `w -= step`, `w = w - step`."""
    if isinstance(move, ir.Aug):
        return move.op in ("+", "-")
    if not isinstance(move.value, ir.Bin) or move.value.op not in ("+", "-") or len(move.targets) != 1:
        return False
    text = module.source(move.targets[0])
    return any(module.source(part) == text for part in ir.walk(move.value) if type(part) is type(move.targets[0]))
