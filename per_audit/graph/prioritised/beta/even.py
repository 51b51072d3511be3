"""Prioritised replay that draws evenly as it stands: the exponent is 0, or all priorities are alike and stay so."""

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


_HELD = "held"


def draws_evenly(anatomy: Anatomy) -> bool:
    """Whether alpha is 0 wherever the project sets it: at the draw, or in all that updates the priorities."""
    for mass in trail.probabilities(anatomy):
        for power in (part for part in mass.walk() if part.op == "pow"):
            if held_in(anatomy.graph, power.args[0]) & anatomy.containers and _is_level(anatomy, power):
                return True
    updates = [write.value for write in anatomy.writes if not write.inserts]
    return bool(updates) and all(_is_level(anatomy, option) for value in updates for option in alternatives(value))


def keeps_alike(anatomy: Anatomy) -> bool:
    """Whether priorities are stored as a number, or as the largest of those that are held, and never updated."""
    about = anatomy.graph.priorities(anatomy.buffer)
    stored = [part for write in anatomy.writes if write.inserts for part in _stored(anatomy, write.value)]
    return bool(stored) and None not in stored and len(set(stored) - {_HELD}) < 2 and not about.updated()


def without_effect(anatomies: Iterable[Anatomy], finding: Finding) -> Finding:
    """The finding about weights of some buffers, as a hint where all of them draw evenly: nothing changes by it yet."""
    about = list(anatomies)
    if about and all(map(draws_evenly, about)):
        why = "alpha is 0 here, so that all transitions are drawn alike"
    elif about and all(map(keeps_alike, about)):
        why = "all priorities are stored alike and never updated, so that all transitions are drawn alike"
    else:
        return finding
    return replace(finding, severity=Severity.INFO, message=f"{finding.message} (nothing changes by it yet: {why})")


def making(graph: ReplayGraph, weights: Container[ir.Node]) -> Iterator[Anatomy]:
    """The anatomies of the buffers that some weights are computed for."""
    for buffer in graph.weighted:
        anatomy = graph.anatomy(buffer)
        if any(formula.node in weights for formula in anatomy.formulas):
            yield anatomy


def _stored(anatomy: Anatomy, term: Term) -> Iterator[float | str | None]:
    """The numbers that a priority may be stored as, `_HELD` for one of those that are held, None for anything else."""
    for option in alternatives(strip(term)):
        value = strip(option)
        if value.op in ("max", "maximum", "tuple"):
            for arg in value.args:
                yield from [_HELD] if held_in(anatomy.graph, arg) & anatomy.containers else _stored(anatomy, arg)
        else:
            yield value.number


def _is_level(anatomy: Anatomy, term: Term) -> bool:
    """Whether a term is a power whose exponent is 0 in every way that it is given."""
    power = strip(term)
    if power.op != "pow":
        return False
    return all(option.number == 0 for option in map(strip, alternatives(anatomy.symbols.expanded(power.args[1]))))
