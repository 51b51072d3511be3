"""Priorities back: the TD errors of the batch become its priorities, after the step that used them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Draft, Refused
from per_audit.fixes.recipes.batch.returned import return_errors
from per_audit.graph.interpret.roles import name_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from per_audit.fixes.recipes.batch.travel import Consumer
    from per_audit.fixes.recipes.learning.losses import Loss, Losses
    from per_audit.graph import ReplayBuffer

_HELPER = "absolute_td_error"


def absolute_errors(draft: Draft, losses: Losses, found: list[Loss]) -> tuple[str, ir.Stmt, set[str]]:
    """What gives the TD errors of losses, the last statement with a loss, and the names that it is computed from."""
    path = losses.path
    predictions: list[str] = []
    targets: list[str] = []
    for number, loss in enumerate(found, 1):
        suffix = str(number) if len(found) > 1 else ""
        predictions.append(losses.operand(loss.prediction, f"prediction{suffix}"))
        targets.append(losses.operand(loss.target, f"td_target{suffix}"))
    if len(set(targets)) > 1:
        raise Refused(f"the critics at {draft.where(path, found[0].node)} learn from different targets")
    statements = [draft.graph.statement(path, loss.node) for loss in found]
    last = statements[-1]
    block = draft.block(path, last)
    if any(statement not in block for statement in statements):
        last = _choice(draft, path, statements, predictions)
    unique = list(dict.fromkeys(predictions))
    error = unique[0] if len(unique) == 1 else f"({', '.join(unique)})"
    option = ', reduce="mean"' if draft.options.priority == "mean" and len(unique) > 1 else ""
    draft.imports[path].add(_HELPER)
    parts = [part for loss in found for part in (loss.prediction, loss.target)]
    names = {node.id for part in parts for node in ir.walk(part) if isinstance(node, ir.Name)}
    return f"{_HELPER}({error}, {targets[0]}{option})", last, names


def _choice(draft: Draft, path: str, statements: list[ir.Stmt], predictions: list[str]) -> ir.Stmt:
    """The `if` each way through which computes one loss of the same predictions. Refuses losses in other blocks."""
    by_statement: dict[ir.Stmt, set[str]] = {}
    for statement, prediction in zip(statements, predictions, strict=True):
        by_statement.setdefault(statement, set()).add(prediction)
    is_same = len({frozenset(each) for each in by_statement.values()}) == 1
    for ancestor in draft.graph.ancestors(path, statements[0]) if is_same else ():
        if isinstance(ancestor, ir.If) and all(ancestor.start <= each.start < ancestor.end for each in statements):
            if _chooses(ancestor, set(by_statement)):
                if _leaves([*ancestor.body, *ancestor.orelse]):
                    raise Refused(f"a branch at {draft.where(path, ancestor)} leaves before the priorities are updated")
                return ancestor
            break
    raise Refused(f"the losses after {draft.where(path, statements[0])} stand in different blocks")


def _chooses(choice: ir.If, statements: set[ir.Stmt]) -> bool:
    """Whether each branch holds exactly one of the statements, itself or in a choice of its own."""
    for branch in (choice.body, choice.orelse):
        own = [each for each in branch if each in statements]
        inner = [each for each in branch if isinstance(each, ir.If) and _chooses(each, statements)]
        inside = [each for each in statements if any(one.start <= each.start < one.end for one in branch)]
        if len(own) + len(inner) != 1 or (own and len(inside) != 1):
            return False
    return True


def _leaves(block: list[ir.Stmt], in_loop: bool = False) -> bool:
    """Whether statements may leave the function, or the loop around them; `in_loop`, they stand in one of their own."""
    for statement in block:
        if isinstance(statement, (ir.Return, ir.Raise)):
            return True
        if isinstance(statement, ir.Jump) and statement.kind != "pass" and not in_loop:
            return True
        if isinstance(statement, (ir.Function, ir.Class)):
            continue
        if isinstance(statement, (ir.For, ir.While)):
            if _leaves(statement.body, True) or _leaves(statement.orelse, in_loop):
                return True
        elif _leaves([node for node in ir.children(statement) if isinstance(node, ir.Stmt)], in_loop):
            return True
    return False


def give_back(
    draft: Draft, buffer: ReplayBuffer, consumer: Consumer, losses: Losses, found: list[Loss]
) -> Callable[[], None]:
    """Name what the TD errors are computed from; gives what inserts the update, once the losses are weighted."""
    path = consumer.path
    errors, statement, names = absolute_errors(draft, losses, found)
    if isinstance(statement, ir.Return) and draft.graph.learns(consumer.function, (path,)):
        raise Refused(f"the loss at {draft.where(path, statement)} is returned; its step is taken elsewhere")

    def finish() -> None:
        note = "the TD errors become the priorities"
        if not consumer.update:
            for where, caller, text in return_errors(draft, buffer, consumer, errors):
                after = after_step(draft, where, caller, set())
                draft.insert_after(where, after, [text], note)
            return
        if isinstance(statement, ir.Return):
            line = draft.call(path, statement, "", consumer.update, [consumer.indices, errors])
            draft.insert_before(path, statement, [line], note)
            return
        after = after_step(draft, path, statement, names)
        line = draft.call(path, after, "", consumer.update, [consumer.indices, errors])
        draft.insert_after(path, after, [line], note)

    return finish


def after_step(draft: Draft, path: str, statement: ir.Stmt, names: set[str]) -> ir.Stmt:
    """The step that a loss is for, or the loss itself where the names of its TD errors are bound anew before that."""
    block = draft.block(path, statement)
    while isinstance(around := draft.graph.parents(path).get(statement), ir.With) and not _learns(block):
        statement, block = around, draft.block(path, around)
    first = block.index(statement)
    last = _applied_after(block, first) or _step_after(block, first)
    if last + 1 < len(block) and _receivers(block[last], "step") & _receivers(block[last + 1], "update"):
        last += 1  # of a gradient scaler
    if any(rebinds(each, names) for each in block[first + 1 : last + 1]):
        last = first
    return block[last]


def _step_after(block: list[ir.Stmt], first: int) -> int:
    """The index of the optimiser's step that follows the loss, or of the backward pass, or of the loss itself.

    The backward pass is that of the loss where it can be told by its name, else the first one.
    """
    backward: int | None = None
    first = _own_backward(block, first)
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


def _own_backward(block: list[ir.Stmt], first: int) -> int:
    """The index of `loss.backward()`, of the loss or of a sum with it; of the loss itself where there is none."""
    names: set[str] = set()
    for index in range(first, len(block)):
        node = block[index]
        if isinstance(node, ir.Assign) and node.value is not None:
            used = {part.id for part in ir.walk(node.value) if isinstance(part, ir.Name)}
            if index == first or used & names:
                names |= {target.id for target in node.targets if isinstance(target, ir.Name)}
        elif "backward" in _methods(node) and _receivers(node, "backward") & names:
            return index
    return first


def _applied_after(block: list[ir.Stmt], first: int) -> int | None:
    """The index of the last statement that applies gradients of a tape which the loss stands under."""
    last = None
    for index in range(first + 1, len(block)):
        if isinstance(block[index], (ir.With, ir.For, ir.While, ir.If)):
            break
        if "apply_gradients" in _methods(block[index]):
            last = index
    return last


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


def rebinds(statement: ir.Stmt, names: set[str]) -> bool:
    """Whether a statement, or one inside of it, binds one of the names."""
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
