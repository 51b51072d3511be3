"""From findings to plans: what mends prioritised replay that is there and broken."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING, Protocol

from per_audit.findings import Applicability
from per_audit.fixes.comments import with_comments
from per_audit.fixes.draft import Draft, Refused
from per_audit.fixes.plan import Plan
from per_audit.fixes.recipes import repairs
from per_audit.fixes.recipes.repairs.defect import Defect, nodes_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.findings import Finding
    from per_audit.fixes.plan import Edit, FixOptions
    from per_audit.graph import ReplayGraph


class Repair(Protocol):
    """A module of `recipes.repairs`."""

    RULE: str

    def repair(self, draft: Draft, defect: Defect) -> None:
        """Make the edits, or raise Refused."""


@cache
def all_repairs() -> dict[str, tuple[str, Repair]]:
    """The name and the module of each repair, by the code of its rule."""
    found: dict[str, tuple[str, Repair]] = {}
    for info in pkgutil.iter_modules(repairs.__path__):
        module = importlib.import_module(f"{repairs.__name__}.{info.name}")
        if hasattr(module, "RULE"):
            found[module.RULE] = info.name.replace("_", "-"), module
    return found


def plan_repairs(graph: ReplayGraph, findings: Iterable[Finding], options: FixOptions) -> Iterator[Plan]:
    """A plan for every finding in what `graph` describes whose rule has a repair."""
    for finding in findings:
        if finding.rule in all_repairs() and finding.place.path in graph.project.modules:
            yield plan_repair(graph, finding, options)


def plan_repair(graph: ReplayGraph, finding: Finding, options: FixOptions) -> Plan:
    """The plan for one finding: safe, unsafe, or manual with the reason."""
    name, recipe = all_repairs()[finding.rule]
    path = finding.place.path
    draft = Draft(graph, options)
    try:
        if graph.module(path).layout is not None:
            raise Refused(f"{path} is no plain Python file; notebooks and Markdown are edited by hand")
        recipe.repair(draft, Defect(finding, path, nodes_at(graph, finding.place)))
        edits = with_comments(graph, draft.edits())
    except Refused as refusal:
        return _plan(finding, name, Applicability.MANUAL, str(refusal), Draft(graph, options), [])
    applicability = Applicability.UNSAFE if draft.assumptions else Applicability.SAFE
    return _plan(finding, name, applicability, "; ".join(draft.assumptions), draft, edits)


def _plan(
    finding: Finding, recipe: str, applicability: Applicability, reason: str, draft: Draft, edits: list[Edit]
) -> Plan:
    title = finding.fix.title or finding.message
    steps = tuple(draft.steps)
    if applicability is Applicability.MANUAL:
        steps = (title, f"run `per-audit scan`: {finding.rule} must be gone")
    return Plan(
        pipeline=f"{finding.place.path}:{finding.symbol}",
        title=title,
        recipe=recipe,
        applicability=applicability,
        reason=reason,
        edits=edits,
        imports={path: names for path, names in draft.imports.items() if names},
        unneeded=dict(draft.unneeded),
        findings=(finding.id,),
        steps=steps,
        mends=finding.rule,
    )
