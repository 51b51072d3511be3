"""Prioritised replay that is set to draw evenly: with an exponent of 0 all priorities count as 1, and all weights."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from per_audit.findings import Severity
from per_audit.graph.prioritised.priorities import trail
from per_audit.graph.prioritised.priorities.held import held_in
from per_audit.graph.symbolic import Term, alternatives, strip

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from per_audit.facts import ir
    from per_audit.findings import Finding
    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.prioritised.anatomy import Anatomy


def draws_evenly(anatomy: Anatomy) -> bool:
    """Whether alpha is 0 wherever the project sets it: at the draw, or in all that updates the priorities."""
    for mass in trail.probabilities(anatomy):
        for power in (part for part in mass.walk() if part.op == "pow"):
            if held_in(anatomy.graph, power.args[0]) & anatomy.containers and _is_level(anatomy, power):
                return True
    updates = [write.value for write in anatomy.writes if not write.inserts]
    return bool(updates) and all(_is_level(anatomy, option) for value in updates for option in alternatives(value))


def without_effect(anatomies: Iterable[Anatomy], finding: Finding) -> Finding:
    """The finding about weights of some buffers, as a hint where all of them draw evenly: nothing changes by it yet."""
    about = list(anatomies)
    if not about or not all(map(draws_evenly, about)):
        return finding
    message = f"{finding.message} (nothing changes by it yet: alpha is 0 here, so that all transitions are drawn alike)"
    return replace(finding, severity=Severity.INFO, message=message)


def making(graph: ReplayGraph, weights: Container[ir.Node]) -> Iterator[Anatomy]:
    """The anatomies of the buffers that some weights are computed for."""
    for buffer in graph.weighted:
        anatomy = graph.anatomy(buffer)
        if any(formula.node in weights for formula in anatomy.formulas):
            yield anatomy


def _is_level(anatomy: Anatomy, term: Term) -> bool:
    """Whether a term is a power whose exponent is 0 in every way that it is given."""
    power = strip(term)
    if power.op != "pow":
        return False
    return all(option.number == 0 for option in map(strip, alternatives(anatomy.symbols.expanded(power.args[1]))))
