"""Positions that are drawn evenly, each between the bounds of a stratum: ranks, of which each stratum is as likely."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import name_of
from per_audit.graph.recognise.draws.hindsight import counters, given, loops

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph

_COUNTING = ("range", "arange", "xrange", "enumerate")
_AS_NUMBERS = ("float", "array", "asarray")


def of_strata(graph: ReplayGraph) -> set[ir.Node]:
    """The draws of one position in each stratum, where what was drawn gets weights: strata that differ in size.

    Their bounds are read next to each other, `bounds[k]` and `bounds[k + 1]`, or one after the other. Without weights
    they may as well be those of episodes, of each of which a step is drawn, but where the class has a law of ranks.
    """
    draws = graph.events.draws.values()
    found: set[ir.Node] = {
        draw.node for draw in draws if not (draw.weighted or draw.items) and _is_between_neighbours(graph, draw)
    }
    return found & (_weighed(graph) | _of_ranks(graph, found)) if found else found


def _is_between_neighbours(graph: ReplayGraph, draw: ev.Draw) -> bool:
    loop = next(loops(graph, draw.path, draw.node), None)
    if loop is None or not isinstance(draw.function, ir.Function):
        return False
    bounds = [given(argument.value, draw.function) for argument in draw.node.args]
    names = counters(loop)
    if isinstance(loop, ir.For) and len(bounds) == 2 and _is_handed_on(loop, bounds[0], bounds[1], names):
        return True
    read = [part for part in ir.walk(*bounds) if isinstance(part, ir.Sub)]
    at = {graph.source(draw.path, part.value) for part in read if getattr(part.index, "id", None) in names}
    return bool(at) and any(graph.source(draw.path, part.value) in at and _is_next(part.index, names) for part in read)


def _is_handed_on(loop: ir.For, low: ir.Node, high: ir.Node, names: set[str]) -> bool:
    """Whether the upper bound is what a loop counts, and becomes the lower one of its next round: `low = high`."""
    if not isinstance(low, ir.Name) or not isinstance(high, ir.Name) or high.id not in names:
        return False
    given_anew = [n for n in loop.body if isinstance(n, ir.Assign) and getattr(n.targets[0], "id", None) == low.id]
    return any(getattr(n.value, "id", None) == high.id for n in given_anew)


def _is_next(index: ir.Node, names: set[str]) -> bool:
    """Whether an index is the one after that which a loop counts, or before it."""
    return (
        isinstance(index, ir.Bin)
        and index.op in ("+", "-")
        and getattr(index.left, "id", None) in names
        and isinstance(index.right, ir.Const)
        and index.right.value == 1
    )


def _weighed(graph: ReplayGraph) -> set[ir.Node]:
    """The draws of which something is raised to the power -beta."""
    return {
        draw
        for node, value in graph.events.values.items()
        if ("isw", node) in value.tags and ("odds", node) not in value.tags
        for draw in value.tagged("draw") | value.tagged("index")
    }


def _of_ranks(graph: ReplayGraph, nodes: set[ir.Node]) -> set[ir.Node]:
    """The draws in classes that raise the ranks, counted from the first, to a power below 0: `(1 / (i + 1)) ** a`."""
    found = set()
    for node in nodes:
        function = graph.events.draws[node].function
        owner = graph.project.class_of.get(function) if function is not None else None
        kin = graph.classes.mro(owner) if owner is not None else ()
        if any(_is_law_of_ranks(part) for cls in kin for part in ir.walk(cls)):
            found.add(node)
    return found


def _is_law_of_ranks(node: ir.Node) -> bool:
    """Whether numbers from the first are gone through, or made at once, and raised to a power below 0."""
    if isinstance(node, ir.For):
        counted, ranks, inside = counters(node), node.iter, list(ir.walk(*node.body))
        for part in inside:
            if isinstance(part, ir.Assign) and name_of(_first_of(part.value)) in counted:
                counted |= {target.id for target in part.targets if isinstance(target, ir.Name)}
    elif isinstance(node, ir.Comp) and len(node.generators) == 1:
        counted, ranks, inside = counters(node), node.generators[0].iter, list(ir.walk(node.elt))
    elif isinstance(node, ir.Call) and name_of(node.func) == "map" and len(node.args) == 2:
        made, ranks = node.args[0].value, node.args[1].value
        counted = {parameter.name for parameter in made.parameters} if isinstance(made, ir.Lambda) else set()
        inside = list(ir.walk(made))
    else:
        return _counts(_raised_to_less(node))
    return _counts(ranks) and any(getattr(_raised_to_less(part), "id", None) in counted for part in inside)


def _counts(node: ir.Node | None) -> bool:
    return isinstance(node, ir.Call) and ir.last_name(node.func) in _COUNTING


def _raised_to_less(node: ir.Node) -> ir.Node | None:
    """What a node raises to a power below 0, `x` of `(x + 1) ** -a` or `pow(1 / x, a)`; None for other nodes."""
    if isinstance(node, ir.Bin) and node.op == "**":
        base, exponent = node.left, node.right
    elif isinstance(node, ir.Call) and ir.last_name(node.func) in ("pow", "power") and len(node.args) == 2:
        base, exponent = (argument.value for argument in node.args)
    else:
        return None
    is_below = isinstance(exponent, ir.Un) and exponent.op == "-"
    if isinstance(base, ir.Bin) and base.op == "/" and isinstance(base.left, ir.Const):
        is_below, base = not is_below, base.right
    return _first_of(base) if is_below else None


def _first_of(node: ir.Node | None) -> ir.Node | None:
    """`x` of `float(x)`, of `x + 1` and of `1 + x`."""
    while isinstance(node, ir.Call) and ir.last_name(node.func) in _AS_NUMBERS and node.args:
        node = node.args[0].value
    if isinstance(node, ir.Bin) and node.op == "+":
        return _first_of(node.right if isinstance(node.left, ir.Const) else node.left)
    return node
