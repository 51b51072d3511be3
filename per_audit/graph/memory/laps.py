"""Positions that go round: how long a lap of them is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.prioritised.priorities.updates import BUILDERS
from per_audit.graph.symbolic import alternatives, strip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.interpret.values import Alloc
    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.symbolic import Term

_DEEPEST = 3


def lengths_of_laps(graph: ReplayGraph, container: Alloc) -> list[Term]:
    """What the positions are taken modulo of at which items are written: how many a ring holds."""
    return [
        length
        for store in graph.events.stores.values()
        if store.how == "index" and store.container == container
        for length in _moduli(graph, graph.symbols.term(store.path, store.index))
    ]


def _moduli(graph: ReplayGraph, position: Term, depth: int = _DEEPEST) -> Iterator[Term]:
    """What a position is taken modulo of, where it is computed or where its attribute is set."""
    for option in map(strip, alternatives(position)):
        if option.op == "mod":
            yield option.args[1]
        elif option.op in ("field", "param") and depth:
            outer = graph.symbols.options(option)
            for value in outer:
                if value != option:
                    yield from _moduli(graph, value, depth - 1)


def goes_round(graph: ReplayGraph, position: Term, depth: int = _DEEPEST) -> bool:
    """Whether a position is taken modulo something, or set back to 0 under a test."""
    for part in position.walk():
        if part.op == "mod":
            return True
        if part.op == "field" and depth:
            for value, write, _ in graph.symbols.written(part):
                if write is not None and _is_set_back(graph, value, write):
                    return True
                if value != part and goes_round(graph, value, depth - 1):
                    return True
        elif part.op == "param" and depth:
            options = graph.symbols.options(part)
            if any(goes_round(graph, option, depth - 1) for option in options if option != part):
                return True
    return False


def _is_set_back(graph: ReplayGraph, value: Term, write: ev.AttributeWrite) -> bool:
    """Whether a method that fills the object writes a 0 in some cases only."""
    if getattr(write.function, "name", "") in BUILDERS:
        return False
    options = alternatives(value)
    if all(option.number != 0 for option in options):
        return False
    for around in graph.ancestors(write.path, write.node):
        if isinstance(around, ir.If):
            return True
        if isinstance(around, ir.Function):
            break
    return len(options) > 1
