"""Weights that never leave the function that computes them: whoever calls it, they correct nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.prioritised.priorities.priorities import Priorities

_COMPUTES = ("numpy.", "torch.", "math.")


def are_left_behind(about: Priorities) -> bool:
    """Whether the functions that compute a buffer's weights let none of them out."""
    makers = {about.graph.symbols.function_of(path, node) for path, node in _made(about)}
    return bool(makers) and not any(
        function is None or about.uses.are_in(function) or _lets_out(about, function) for function in makers
    )


def _made(about: Priorities) -> list[tuple[str, ir.Node]]:
    """Where weights are computed."""
    places = [(about.graph.path_of(node), node) for node in about.weights]
    return [(path, node) for path, node in places if path is not None]


def _lets_out(about: Priorities, function: ev.Owner) -> bool:
    """Whether weights get out of a function: returned, yielded, or handed to a call."""
    for node in about.bodies({function}):
        if isinstance(node, ir.Return) and _holds(about, node.value):
            return True
        if isinstance(node, ir.Assign) and _holds(about, node.value) and not about.is_weight(node.value):
            return True  # in something that is not followed
        if isinstance(node, (ir.Other, ir.Lambda, ir.Function)) and node is not function:
            return True  # what is done there is not followed
        if isinstance(node, ir.Call) and any(_holds(about, argument.value) for argument in node.args):
            site = about.graph.events.calls.get(node)
            if site is None or not any(name.startswith(_COMPUTES) for name in site.names):
                return True
    return False


def _holds(about: Priorities, node: ir.Expr | None) -> bool:
    """Whether an expression is made of weights, in whatever it puts them."""
    return node is not None and any(about.is_weight(part) for part in ir.walk(node) if isinstance(part, ir.Expr))
