"""Beta that stays what it was set to: it rises to 1 with each draw, over as many as the constructions pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Refused
from per_audit.fixes.recipes import splices
from per_audit.fixes.recipes.repairs.constructed import add_parameter, constructor, pass_everywhere, steps_of

if TYPE_CHECKING:
    from per_audit.fixes.draft import Draft
    from per_audit.fixes.recipes.repairs.defect import Defect

RULE = "PER106"
_NOTE = "beta rises to 1 over the training"


def repair(draft: Draft, defect: Defect) -> None:
    """Raise beta before each use, or raise Refused."""
    graph, path = draft.graph, defect.path
    made = next((node for node in defect.nodes if isinstance(node, ir.Assign)), None)
    target = made.targets[0] if made is not None and len(made.targets) == 1 else None
    function = graph.symbols.function_of(path, made) if made is not None else None
    cls = graph.project.class_of.get(function) if function is not None else None
    if made is None or not isinstance(target, ir.Attr) or cls is None or getattr(function, "name", "") != "__init__":
        raise Refused(f"beta at {defect.where} is no attribute that a constructor sets in a statement of its own")
    _, builder = constructor(draft, cls)
    own, attribute = builder.parameters[0].name, target.attr
    before = _use(draft, path, cls, draft.text(path, target), defect)
    if not splices.is_builtin(draft, path, "min"):
        raise Refused(f"`min` is something else in {path}")
    steps = steps_of(draft, path, before)
    given = add_parameter(draft, cls, "beta_steps", steps, _NOTE)
    pass_everywhere(draft, cls, given, steps, _NOTE)
    beta = f"{own}.{attribute}"
    draft.insert_after(path, made, [f"{own}.beta_step = (1.0 - {beta}) / {given}"], _NOTE)
    draft.insert_before(path, before, [f"{beta} = min(1.0, {beta} + {own}.beta_step)"], _NOTE)


def _use(draft: Draft, path: str, cls: ir.Class, text: str, defect: Defect) -> ir.Stmt:
    """The statement in the body of the only method that reads beta which reads it first."""
    graph = draft.graph
    methods = [node for node in cls.body if isinstance(node, ir.Function) and node.name != "__init__"]
    found: list[ir.Stmt] = []
    for method in methods:
        for statement in method.body:
            reads = (node for node in ir.walk(statement) if isinstance(node, ir.Attr))
            if any(draft.text(path, node) == text for node in reads):
                found.append(statement)
                break
    taken = {node.attr for node in ir.walk(*graph.module(path).body) if isinstance(node, ir.Attr)}
    if len(found) != 1 or "beta_step" in taken:
        raise Refused(f"beta at {defect.where} is not read by one method of {cls.name} alone")
    return found[0]
