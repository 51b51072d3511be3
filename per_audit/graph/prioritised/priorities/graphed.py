"""Priorities that a graph of a library asks a memory for: what is made of them there, weights for one, nobody sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.values import Func

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.prioritised.priorities.priorities import Priorities

_FAR = 2  # calls from what a library is given to what reads the priorities


def are_asked_for_in_a_graph(about: Priorities) -> bool:
    """Whether a library is given a method to call that returns stored priorities: `py_func(memory.priorities_at, ...)`.

    A method that draws is none: what it returns is the batch.
    """
    given = {
        atom.node
        for site in about.events.calls.values()
        if not site.targets
        for value in site.arguments
        for atom in value.atoms
        if isinstance(atom, Func) and atom.node in about.functions
    }
    return any(_reads(about, function) for function in given)


def _reads(about: Priorities, function: ir.Function | ir.Lambda) -> bool:
    if not any(node.value is not None for node in about.events.returns.get(function, ())):
        return False
    reached = about.graph.reachable(function, _FAR)
    return about.buffer.function not in reached and any(_looks_up(about, each) for each in reached)


def _looks_up(about: Priorities, function: ev.Owner) -> bool:
    """Whether a function reads the priorities."""
    held = about.graph.anatomy(about.buffer)
    kept = {alloc for term in held.containers for alloc in held.allocs(term)}
    return isinstance(function, ir.Function) and any(
        isinstance(node, ir.Sub) and not kept.isdisjoint(about.events.value(node.value).atoms)
        for node in ir.walk(*function.body)
    )
