"""Draws that make a new population of an old one: particle filters, evolution. What was not drawn is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret.events import Events
    from per_audit.graph.model import ReplayBuffer


def replaces_its_population(events: Events, buffer: ReplayBuffer) -> bool:
    """Whether an attribute becomes its own drawn items, as in `self.particles = self.particles[index]`.

    An attribute that the drawing function has computed itself, such as the probabilities of one draw, does not count.
    """
    if buffer.owner is None:
        return False
    for function in (s for s in buffer.owner.body if isinstance(s, ir.Function)):
        assigned = list(_assigned(function))
        for name, value in assigned:
            if sum(name == other for other, _ in assigned) == 1 and any(
                isinstance(node, ir.Sub)
                and _attribute(node.value) == name
                and events.value(node.index).tagged("index") & buffer.sources
                for node in ir.walk(value)
            ):
                return True
    return False


def _assigned(function: ir.Function) -> Iterator[tuple[tuple[str, str], ir.Expr]]:
    """The attributes that the function assigns as a whole, with what it assigns."""
    for node in ir.walk(function):
        if isinstance(node, ir.Assign) and node.value is not None:
            for target in node.targets:
                pairs = [(target, node.value)]
                if isinstance(target, ir.Seq) and isinstance(node.value, ir.Seq):
                    pairs = list(zip(target.items, node.value.items, strict=False))
                for left, right in pairs:
                    whole = left.value if isinstance(left, ir.Sub) and _is_all(left.index) else left
                    name = _attribute(whole)
                    if name is not None:
                        yield name, right


def _is_all(index: ir.Expr) -> bool:
    return isinstance(index, ir.Slice) and index.lower is None and index.upper is None and index.step is None


def _attribute(node: ir.Expr) -> tuple[str, str] | None:
    if isinstance(node, ir.Attr) and isinstance(node.value, ir.Name):
        return node.value.id, node.attr
    return None
