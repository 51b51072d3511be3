"""From the replay graph to plans: one for each buffer that is only drawn from uniformly, and for each repair."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from per_audit.findings import Applicability
from per_audit.fixes.comments import with_comments
from per_audit.fixes.draft import Draft, Refused, TravelsWhole
from per_audit.fixes.plan import Plan
from per_audit.fixes.recipes.containers import container_swap, index_swap
from per_audit.fixes.recipes.libraries import library_own, library_swap
from per_audit.fixes.recipes.libraries.library_copy import scripts_with
from per_audit.fixes.recipes.shared import sharers
from per_audit.fixes.repair import plan_repairs
from per_audit.fixes.shapes import ANY, Shape, library_shape, shape_of
from per_audit.graph import UNIFORM

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from per_audit.audit.outcome import Audit
    from per_audit.findings import Finding, Place
    from per_audit.fixes.plan import FixOptions
    from per_audit.graph import LibraryBuffer, ReplayBuffer, ReplayGraph

_RECIPES = (("container-swap", container_swap), ("index-swap", index_swap))
_LIBRARY_RECIPES = (("library-swap", library_swap), ("library-own", library_own))
_RESOLVED = {"PER001"}


def plan_fixes(audit: Audit, options: FixOptions) -> list[Plan]:
    """The plans for what an audit found."""
    return plans_for(audit.report.findings, (*audit.graphs, *audit.documents), options)


def plans_for(findings: Sequence[Finding], graphs: Iterable[ReplayGraph], options: FixOptions) -> list[Plan]:
    """A plan for every buffer that is only drawn from uniformly, and for every defect that a repair knows.

    Each is safe, unsafe, or manual with the reason.
    """
    plans = []
    for graph in graphs:
        for buffer in graph.buffers:
            if buffer.kind == UNIFORM:
                together = sharers(graph, buffer)
                if buffer is not together[0]:
                    continue
                places = {graph.place(each.path, draw) for each in together for draw in each.draws}
                resolved = tuple(f.id for f in findings if f.rule in _RESOLVED and not places.isdisjoint(_drawn(f)))
                if resolved:
                    plans += _uniform_plans(graph, buffer, options, resolved)
        plans += plan_repairs(graph, findings, options)
        plans += _library_plans(graph, findings, options)
    return plans


def _drawn(finding: Finding) -> list[Place]:
    """Where the memory of a finding is drawn from."""
    return [finding.place, *(link.place for link in finding.evidence if link.role == "drawn")]


def _uniform_plans(
    graph: ReplayGraph, buffer: ReplayBuffer, options: FixOptions, findings: tuple[str, ...]
) -> list[Plan]:
    """The plan for a buffer, or one for each script that makes it where it is a library's that lies in the project."""
    copy = f"{graph.module(buffer.path).where(buffer.draws[0].start)} is the library's own code, unchanged"
    made = scripts_with(graph, buffer)
    return [replace(_library_plan(graph, each, options, findings, copy), shares=True) for each in made] or [
        plan_buffer(graph, buffer, options, findings)
    ]


def plan_buffer(graph: ReplayGraph, buffer: ReplayBuffer, options: FixOptions, findings: tuple[str, ...]) -> Plan:
    """The plan for one buffer."""
    name = graph.name_of(buffer)
    for recipe, module in _RECIPES:
        draft = Draft(graph, options)
        if not module.applies(draft, buffer):
            continue
        try:
            try:
                module.convert(draft, buffer)
            except TravelsWhole:
                draft = Draft(graph, options, whole=True)
                module.convert(draft, buffer)
            return _drafted(draft, recipe, name, f"{buffer.path}:{name}", findings)
        except Refused as refusal:
            return _manual(name, recipe, str(refusal), findings, shape_of(graph, buffer))
    kinds = sorted({container.kind for container in buffer.containers}) or ["container that is not known"]
    reason = f"{name} keeps its transitions in a shape without a recipe ({', '.join(kinds)})"
    return _manual(name, "none", reason, findings, shape_of(graph, buffer))


def _drafted(draft: Draft, recipe: str, name: str, pipeline: str, findings: tuple[str, ...]) -> Plan:
    """The plan of what a recipe has drafted."""
    embedded = sorted(path for path in draft.paths if draft.graph.module(path).layout is not None)
    if embedded:
        reason = f"{embedded[0]} is no plain Python file; notebooks and Markdown are edited by hand"
        return _manual(name, recipe, reason, findings)
    return Plan(
        pipeline=pipeline,
        title=f"draw from {name} by priority",
        recipe=recipe,
        applicability=Applicability.UNSAFE if draft.assumptions else Applicability.SAFE,
        reason="; ".join(draft.assumptions),
        edits=with_comments(draft.graph, draft.edits()),
        imports={path: names for path, names in draft.imports.items() if names},
        unneeded=dict(draft.unneeded),
        findings=findings,
        steps=tuple(draft.steps),
    )


def _manual(
    name: str, recipe: str, reason: str, findings: tuple[str, ...], shape: Shape = ANY, pipeline: str = ""
) -> Plan:
    return Plan(
        pipeline=pipeline or name,
        title=f"draw from {name} by priority",
        recipe=recipe,
        applicability=Applicability.MANUAL,
        reason=f"{shape.name}: {reason}" if shape.name else reason,
        findings=findings,
        steps=shape.steps,
    )


def _library_plans(graph: ReplayGraph, findings: Sequence[Finding], options: FixOptions) -> list[Plan]:
    """A plan for each buffer of a library that is reported."""
    plans = []
    for buffer in graph.library:
        place = graph.place(buffer.path, buffer.node)
        ids = tuple(f.id for f in findings if f.rule in _RESOLVED and f.place == place)
        if ids:
            plans.append(_library_plan(graph, buffer, options, ids))
    return plans


def _library_plan(
    graph: ReplayGraph, buffer: LibraryBuffer, options: FixOptions, findings: tuple[str, ...], copy: str = ""
) -> Plan:
    """The plan for a buffer of a library; `copy` is what is assumed where the library lies in the project."""
    pipeline = f"{buffer.name} ({graph.module(buffer.path).where(buffer.node.start)})"
    reason, shape = library_shape(buffer)
    draft = Draft(graph, options)
    for recipe, module in _LIBRARY_RECIPES:
        if not module.applies(buffer):
            continue
        try:
            module.convert(draft, buffer)
            if copy:
                draft.assumptions.append(copy)
            return _drafted(draft, recipe, buffer.name, pipeline, findings)
        except Refused as refusal:
            return _manual(buffer.name, recipe, str(refusal), findings, shape, pipeline)
    return _manual(buffer.name, "none", reason, findings, shape, pipeline)
