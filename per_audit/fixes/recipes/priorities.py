"""Priorities back: the TD errors of the batch become its priorities, after the step that used them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Draft, Refused
from per_audit.graph.roles import name_of

if TYPE_CHECKING:
    from per_audit.fixes.recipes.losses import Loss, Losses
    from per_audit.fixes.recipes.travel import Consumer

_HELPER = "absolute_td_error"


def give_back(draft: Draft, consumer: Consumer, losses: Losses, found: list[Loss]) -> None:
    """Insert the update of the priorities behind the optimiser's step."""
    path = consumer.path
    predictions: list[str] = []
    targets: list[str] = []
    for number, loss in enumerate(found, 1):
        suffix = str(number) if len(found) > 1 else ""
        predictions.append(losses.operand(loss.prediction, f"prediction{suffix}"))
        targets.append(losses.operand(loss.target, f"td_target{suffix}"))
    if len(set(targets)) > 1:
        raise Refused(f"the critics at {draft.where(path, found[0].node)} learn from different targets")
    statements = [draft.graph.statement(path, loss.node) for loss in found]
    block = draft.block(path, statements[-1])
    if any(statement not in block for statement in statements):
        raise Refused(f"the losses after {draft.where(path, statements[0])} stand in different blocks")
    if isinstance(statements[-1], ir.Return):
        raise Refused(f"the loss at {draft.where(path, statements[-1])} is returned; its step is taken elsewhere")
    statement = statements[-1]
    while isinstance(around := draft.graph.parents(path).get(statement), ir.With) and not _learns(block):
        statement, block = around, draft.block(path, around)
    first = block.index(statement)
    last = _after_step(block, first)
    if last + 1 < len(block) and _receivers(block[last], "step") & _receivers(block[last + 1], "update"):
        last += 1  # of a gradient scaler
    names = {
        n.id for loss in found for e in (loss.prediction, loss.target) for n in ir.walk(e) if isinstance(n, ir.Name)
    }
    if any(_rebinds(statement, names) for statement in block[first + 1 : last + 1]):
        last = first
    unique = list(dict.fromkeys(predictions))
    error = unique[0] if len(unique) == 1 else f"({', '.join(unique)})"
    option = ', reduce="mean"' if draft.options.priority == "mean" and len(unique) > 1 else ""
    arguments = [consumer.indices, f"{_HELPER}({error}, {targets[0]}{option})"]
    line = draft.call(path, block[last], "", consumer.update, arguments)
    draft.insert_after(path, block[last], [line], "the TD errors become the priorities")
    draft.imports[path].add(_HELPER)


def _after_step(block: list[ir.Stmt], first: int) -> int:
    """The index of the optimiser's step that follows the loss, or of the backward pass, or of the loss itself."""
    backward: int | None = None
    for index in range(first, len(block)):
        methods = _methods(block[index])
        if backward is not None and "step" in methods:
            return index
        if backward is not None and ("zero_grad" in methods or "backward" in methods):
            break
        if "backward" in methods:
            backward = index
            if "step" in methods:
                return index
    return first if backward is None else backward


def _learns(block: list[ir.Stmt]) -> bool:
    return any("backward" in _methods(statement) for statement in block)


def _methods(statement: ir.Stmt) -> set[str]:
    if not isinstance(statement, ir.Do):
        return set()
    return {
        node.func.attr for node in ir.walk(statement) if isinstance(node, ir.Call) and isinstance(node.func, ir.Attr)
    }


def _receivers(statement: ir.Stmt, method: str) -> set[str | None]:
    return {
        name_of(node.func.value)
        for node in ir.walk(statement)
        if isinstance(node, ir.Call) and isinstance(node.func, ir.Attr) and node.func.attr == method
    }


def _rebinds(statement: ir.Stmt, names: set[str]) -> bool:
    for node in ir.walk(statement):
        targets: list[ir.Expr] = []
        if isinstance(node, ir.Assign):
            targets = node.targets
        elif isinstance(node, (ir.Aug, ir.For)):
            targets = [node.target]
        for target in targets:
            if any(isinstance(part, ir.Name) and part.id in names for part in ir.walk(target)):
                return True
    return False
