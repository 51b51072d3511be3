"""What repairs of beta share: how long a training is, and a parameter more for a constructor."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Refused
from per_audit.fixes.recipes.schedule.budget import times
from per_audit.graph.liveness.frequency.lives import Lives

if TYPE_CHECKING:
    from per_audit.fixes.draft import Draft


def steps_of(draft: Draft, path: str, node: ir.Node) -> str:
    """How often a training goes through a node, as it is written in code. Raises Refused where that is not known."""
    graph = draft.graph
    function = graph.symbols.function_of(path, node)
    cls = graph.project.class_of.get(function) if function is not None else None
    budget = times(graph, path, node, function, Lives.of_class(graph, cls))
    if budget is None:
        raise Refused(f"how often a training goes through {draft.where(path, node)} is not known")
    if budget.early:  # a beta that never gets to 1 would be no better than one that gets there too soon
        raise Refused(f"how long a training is cannot be read: {', '.join(budget.early)} may end sooner")
    sources = ", ".join(budget.sources)
    draft.steps.append(f"beta rises to 1 over {int(budget.steps):,} draws, as read from {sources}")
    draft.assumptions.append(f"beta rises over {int(budget.steps):,} draws, the most that the loops at {sources} make")
    return f"{int(budget.steps):_}"


def constructor(draft: Draft, cls: ir.Class) -> tuple[str, ir.Function]:
    """The file and the constructor of a class that has one of its own and no heirs. Raises Refused."""
    path = draft.graph.project.module_of[cls].path
    if draft.graph.classes.heirs(cls):
        raise Refused(f"{cls.name} has heirs, whose constructors would have to follow")
    for node in cls.body:
        if isinstance(node, ir.Function) and node.name == "__init__" and node.parameters:
            if _has_slash(draft, path, node):
                raise Refused(f"the constructor at {draft.where(path, node)} takes parameters by their place alone")
            return path, node
    raise Refused(f"{cls.name} at {draft.where(path, cls)} has no constructor of its own")


def _has_slash(draft: Draft, path: str, function: ir.Function) -> bool:
    """Whether a `/` stands behind one of the parameters."""
    text = draft.graph.module(path).text
    starts = [*(each.start for each in function.parameters[1:]), function.body[0].start]
    for parameter, start in zip(function.parameters, starts, strict=True):
        between = re.sub(rb"#[^\n]*", b"", text[parameter.end : start])
        if re.match(rb"[\s)]*,\s*/\s*[,)]", between):
            return True
    return False


def pass_everywhere(draft: Draft, cls: ir.Class, name: str, value: str, note: str) -> None:
    """Pass `name=value` wherever the class is made.

    Raises Refused where that is nowhere, or not written out, and where something is passed as that already.
    """
    sites = [site for site in draft.graph.events.calls.values() if cls in site.classes]
    if not sites:
        raise Refused(f"where {cls.name} is made is not known")
    for site in sites:
        where = draft.where(site.path, site.node)
        if draft.graph.module(site.path).layout is not None:
            raise Refused(f"{where} is in no plain Python file")
        if any(arg.star for arg in site.node.args) or len(site.classes) > 1:
            raise Refused(f"what {where} makes, and with what, is not written out")
        if name in draft.graph.symbols.arguments(site.node, constructor(draft, cls)[1], site.path):
            raise Refused(f"{where} gives {cls.name} its {name} already")
        draft.add_argument(site.path, site.node, f"{name}={value}", note)


def add_parameter(draft: Draft, cls: ir.Class, name: str, default: str, note: str) -> str:
    """Add a parameter with a default at the end of the constructor's; returns its name there."""
    path, function = constructor(draft, cls)
    last = function.parameters[-1]
    if any(parameter.kind for parameter in function.parameters) or last.keyword_only:
        raise Refused(f"the parameters at {draft.where(path, function)} end with a star")
    name = draft.fresh(path, function, name)
    draft.once(path, last.end, last.end, f", {name}={default}", note)
    return name
