"""Beta that stays what it was set to: it rises to 1 with each draw, over as many as the constructions pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Refused
from per_audit.fixes.recipes.repairs import splices
from per_audit.fixes.recipes.repairs.constructed import add_parameter, constructor, pass_everywhere, steps_of

if TYPE_CHECKING:
    from per_audit.fixes.draft import Draft
    from per_audit.fixes.recipes.repairs.defect import Defect

RULE = "PER106"
_NOTE = "beta rises to 1 over the training"


def repair(draft: Draft, defect: Defect) -> None:
    """Raise beta before each use, or raise Refused."""
    graph, path = draft.graph, defect.path
    if defect.finding.form == "scheduled":
        raise Refused(f"there is a schedule of beta: what it is asked for at {defect.where} has to be counted")
    if defect.finding.form == "computed":
        raise Refused(f"beta is computed: what it is made of at {defect.where} has to rise with the training")
    made = next((node for node in defect.nodes if isinstance(node, ir.Assign)), None)
    target = _target(defect, made)
    function = graph.symbols.function_of(path, made) if made is not None else None
    cls = graph.project.class_of.get(function) if function is not None else None
    if made is None or target is None or cls is None or getattr(function, "name", "") != "__init__":
        raise Refused(f"beta at {defect.where} is no attribute that a constructor sets in a statement of its own")
    _, builder = constructor(draft, cls)
    own, attribute = builder.parameters[0].name, target.attr
    before = _use(draft, path, cls, draft.text(path, target), defect)
    if not splices.is_builtin(draft, path, "min"):
        raise Refused(f"`min` is something else in {path}")
    step = _step(draft, path, defect)
    steps = steps_of(draft, path, before)
    given = add_parameter(draft, cls, "beta_steps", steps, _NOTE)
    pass_everywhere(draft, cls, given, steps, _NOTE)
    beta = f"{own}.{attribute}"
    draft.insert_after(path, made, [f"{own}.{step} = (1.0 - {beta}) / {given}"], _NOTE)
    draft.insert_before(path, before, [f"{beta} = min(1.0, {beta} + {own}.{step})"], _NOTE)


def _target(defect: Defect, made: ir.Assign | None) -> ir.Attr | None:
    """The attribute that is beta, also among others: `self.alpha, self.beta = alpha, beta`."""
    if made is None or len(made.targets) != 1:
        return None
    whole = made.targets[0]
    given = [whole] if not isinstance(whole, ir.Seq) else whole.items
    attributes = [node for node in given if isinstance(node, ir.Attr)]
    named = [node for node in attributes if f"`{node.attr}`" in defect.finding.message]
    return named[0] if len(named) == 1 else None


def _step(draft: Draft, path: str, defect: Defect) -> str:
    """A name for what beta rises by that no attribute in the file has."""
    taken = {node.attr for node in ir.walk(*draft.graph.module(path).body) if isinstance(node, ir.Attr)}
    name = next((wish for wish in ("beta_step", "beta_rise") if wish not in taken), None)
    if name is None:
        raise Refused(f"`beta_step` and `beta_rise` are attributes of something else in {defect.path}")
    return name


def _use(draft: Draft, path: str, cls: ir.Class, text: str, defect: Defect) -> ir.Stmt:
    """The statement in the body of the only method that reads beta which reads it first."""
    methods = [node for node in cls.body if isinstance(node, ir.Function) and node.name != "__init__"]
    found: list[ir.Stmt] = []
    for method in methods:
        for statement in method.body:
            reads = (node for node in ir.walk(statement) if isinstance(node, ir.Attr))
            if any(draft.text(path, node) == text for node in reads):
                found.append(statement)
                break
    if len(found) != 1:
        raise Refused(f"beta at {defect.where} is not read by one method of {cls.name} alone")
    return found[0]
