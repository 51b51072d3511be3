"""From the replay graph to plans: one for each buffer that is only drawn from uniformly, and for each repair."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.findings import Applicability
from per_audit.fixes.draft import Draft, Refused
from per_audit.fixes.plan import Plan
from per_audit.fixes.recipes import container_swap, index_swap
from per_audit.fixes.recipes.shared import sharers
from per_audit.fixes.repair import plan_repairs
from per_audit.graph import UNIFORM

if TYPE_CHECKING:
    from per_audit.audit import Audit
    from per_audit.fixes.plan import FixOptions
    from per_audit.graph import ReplayBuffer, ReplayGraph

_RECIPES = (("container-swap", container_swap), ("index-swap", index_swap))
_RESOLVED = {"PER001"}


def plan_fixes(audit: Audit, options: FixOptions) -> list[Plan]:
    """A plan for every buffer that is only drawn from uniformly, and for every defect that a repair knows.

    Each is safe, unsafe, or manual with the reason.
    """
    plans = []
    for graph in (*audit.graphs, *audit.documents):
        for buffer in graph.buffers:
            if buffer.kind == UNIFORM:
                together = sharers(graph, buffer)
                if buffer is not together[0]:
                    continue
                places = {graph.place(each.path, draw) for each in together for draw in each.draws}
                findings = tuple(f.id for f in audit.report.findings if f.rule in _RESOLVED and f.place in places)
                if findings:
                    plans.append(plan_buffer(graph, buffer, options, findings))
        plans += plan_repairs(graph, audit.report.findings, options)
    return plans


def plan_buffer(graph: ReplayGraph, buffer: ReplayBuffer, options: FixOptions, findings: tuple[str, ...]) -> Plan:
    """The plan for one buffer."""
    name = graph.name_of(buffer)
    draft = Draft(graph, options)
    for recipe, module in _RECIPES:
        if not module.applies(draft, buffer):
            continue
        title = f"draw from {name} by priority"
        try:
            module.convert(draft, buffer)
        except Refused as refusal:
            return _manual(name, recipe, str(refusal), findings)
        embedded = sorted(path for path in draft.paths if graph.module(path).layout is not None)
        if embedded:
            reason = f"{embedded[0]} is no plain Python file; notebooks and Markdown are edited by hand"
            return _manual(name, recipe, reason, findings)
        applicability = Applicability.UNSAFE if draft.assumptions else Applicability.SAFE
        return Plan(
            pipeline=f"{buffer.path}:{name}",
            title=title,
            recipe=recipe,
            applicability=applicability,
            reason="; ".join(draft.assumptions),
            edits=draft.edits(),
            imports={path: names for path, names in draft.imports.items() if names},
            unneeded=dict(draft.unneeded),
            findings=findings,
            steps=tuple(draft.steps),
        )
    kinds = sorted({container.kind for container in buffer.containers}) or ["container that is not known"]
    return _manual(
        name, "none", f"{name} keeps its transitions in a shape without a recipe ({', '.join(kinds)})", findings
    )


def _manual(name: str, recipe: str, reason: str, findings: tuple[str, ...]) -> Plan:
    return Plan(
        pipeline=name,
        title=f"draw from {name} by priority",
        recipe=recipe,
        applicability=Applicability.MANUAL,
        reason=reason,
        findings=findings,
        steps=(
            "replace the draw by PrioritizedSampler or PrioritizedReplayBuffer of experience_replay_optimizer",
            "multiply the element-wise loss by the weights, then take the mean (importance_weighted_loss)",
            "give the TD errors back after the step (update_priorities, absolute_td_error)",
            "run per-audit scan and per-audit verify",
        ),
    )
