"""Probabilities that a draw takes and nobody gives: with None in their place all have the same chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from collections.abc import Container

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.interpret.values import Atom
    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.symbolic import Term


def is_left_out(graph: ReplayGraph, draw: ev.Draw) -> bool:
    """Whether the probabilities of a draw are None, or made of None alone, whoever calls the function that draws."""
    return _is_none(graph, graph.symbols.term(draw.path, draw.probabilities), frozenset())


def _is_none(graph: ReplayGraph, term: Term, seen: frozenset[Term]) -> bool:
    """Whether a term is made of None alone: what is asked of None first, such as whether it is a tensor, is passed."""
    if term.op == "const":
        return term.data is None
    if term.op == "param" and term not in seen:
        return _is_given_none(graph, term, seen | {term})
    if term.op == "call" and isinstance(term.data, tuple):
        return False  # a function of the project may know more
    return bool(term.args) and all(_is_none(graph, part, seen) for part in term.args)


def _is_given_none(graph: ReplayGraph, parameter: Term, seen: frozenset[Term]) -> bool:
    """Whether all calls leave a parameter at its default, None, or give it what is None.

    A function that nobody calls may be given anything; what it hands on to one that others call is its default.
    """
    function, name = parameter.data
    default = next((p.default for p in function.parameters if p.name == name), None)
    sites = graph.symbols.calls_of.get(function, ())
    for call, _, path in sites:
        if isinstance(call, ir.Call) and any(argument.star for argument in call.args):
            return False
        given = graph.symbols.arguments(call, function, path).get(name)
        if not (ir.is_none(default) if given is None else _is_none(graph, given, seen)):
            return False
    return bool(sites) or (len(seen) > 1 and ir.is_none(default))


def is_left_out_of(graph: ReplayGraph, draw: ev.Draw, rows: Container[Atom]) -> bool:
    """Whether a function takes probabilities that may be None, and no call that gives it these rows gives any."""
    function, given = draw.function, draw.probabilities
    if not isinstance(function, ir.Function) or not isinstance(given, ir.Name):
        return False
    taken = function.parameters[1:] if graph.symbols.takes_self(function) else function.parameters
    place = next((i for i, p in enumerate(taken) if p.name == given.id and ir.is_none(p.default)), None)
    sites = [
        site
        for site in graph.callers.get(function, ())
        if any(atom in rows for value in site.arguments for atom in value.atoms)
    ]
    if place is None or not sites or any(argument.star for site in sites for argument in site.node.args):
        return False
    passed = [site.node.argument(place, given.id) for site in sites]
    return all(node is None or ir.is_none(node) for node in passed)
