"""Loss-adjusted replay (`--buffer lap`): the critics' losses become Huber's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Draft, Refused
from per_audit.graph.interpret.values import Result

if TYPE_CHECKING:
    from per_audit.fixes.recipes.learning.losses import Loss, Losses
    from per_audit.graph.interpret import events as ev

_HELPER = "lap_loss"
_NOTE = "Huber's loss, which needs no weights under draws by max(|TD error|, 1)^alpha"
_HUBER = {"smooth_l1_loss", "huber_loss", "SmoothL1Loss", "HuberLoss"}

_STEP = (
    "LAP (Fujimoto et al. 2020, arXiv 2007.06049) draws by max(|TD error|, minimum)^alpha and corrects for it by"
    " Huber's loss with the same minimum, 1 unless set: where nearly all TD errors are smaller than that, as with small"
    " rewards, draws are uniform, so set minimum= of the buffer and of lap_loss to the scale of the TD errors"
)
_HALVED = (
    "lap_loss is half of the squared TD error up to its minimum, as in the paper: where the loss was the plain square,"
    " gradients of small errors are half of what they were"
)


def adjust(losses: Losses, found: list[Loss]) -> None:
    """Make every loss Huber's with the threshold of the priorities."""
    losses.draft.weighted |= {loss.node for loss in found}
    for loss in found:
        _refuse_rows(losses, loss)
        if len(loss.criteria) > 1:
            raise Refused(f"the loss at {losses.where(loss.node)} is one of several, and LAP is with Huber's alone")
    squared = [loss for loss in found if not _is_huber(loss)]
    halves = [_half(losses.draft, losses.path, loss.node) for loss in squared]
    inner = [_inner_factor(losses, loss) for loss in squared]
    are_halved = [factor == 0.5 or half is not None for factor, half in zip(inner, halves, strict=True)]
    if (len(squared) < len(found) or 0.5 in inner) and not all(are_halved):
        raise Refused(
            f"the critics at {losses.where(found[0].node)} learn from squares with a half, or Huber's loss, and without"
            " one: with Huber's for all, one critic would count less beside the other than it did"
        )
    for loss, half in zip(squared, halves, strict=True):
        _replace(losses, loss)
        if all(are_halved) and half is not None:
            losses.draft.replace(losses.path, *half, "", "the loss has the half already")
    _say(losses.draft, *(() if all(are_halved) else (_HALVED,)), _STEP)


def _inner_factor(losses: Losses, loss: Loss) -> float:
    """The number that squares are multiplied by before their mean: 1 or 0.5, and not twice. Refuses any other one."""
    factor = losses.scaled(loss.mean_of)[0] if loss.mean_of is not None else 1.0
    is_halved_twice = factor == 0.5 and _half(losses.draft, losses.path, loss.node) is not None
    if factor not in (1, 0.5) or is_halved_twice:
        raise Refused(f"the loss at {losses.where(loss.node)} has a factor that Huber's would not have")
    return factor


def _refuse_rows(losses: Losses, loss: Loss) -> None:
    """Refuse rows of all actions one element of which is overwritten: their mean is no TD error to compare with 1."""
    for side in (loss.prediction, loss.target):
        name = side.id if isinstance(side, ir.Name) else None
        for node in ir.walk_scope(losses.body) if name is not None else ():
            for target in node.targets if isinstance(node, ir.Assign) else ():
                root = target
                while isinstance(root, ir.Sub):
                    root = root.value
                if root is not target and isinstance(root, ir.Name) and root.id == name:
                    raise Refused(
                        f"the loss at {losses.where(loss.node)} is of rows of all actions ({name} is written to at"
                        f" {losses.where(node)}), and LAP compares the TD error of a transition with its minimum"
                    )


def _is_huber(loss: Loss) -> bool:
    """Whether the loss is Huber's with threshold 1 and a plain mean already."""
    return loss.kind in _HUBER and loss.mean_of is None and _is_plain(loss)


def _is_plain(loss: Loss) -> bool:
    """Whether a loss of two values has no options but the usual ones."""
    options = [arg for made in loss.criteria for arg in made.args] if loss.criteria else loss.node.args[2:]
    usual = {"reduction": "mean", "beta": 1, "delta": 1}
    return len(loss.node.args) == (2 if loss.criteria else len(options) + 2) and all(
        arg.keyword in usual and isinstance(arg.value, ir.Const) and arg.value.value == usual[arg.keyword]
        for arg in options
    )


def _replace(losses: Losses, loss: Loss) -> None:
    """Exchange a loss."""
    draft, path = losses.draft, losses.path
    if loss.mean_of is not None:
        left, right = loss.between or (None, None)
        assert left is not None
        assert right is not None
        if loss.mean_of.start <= left.start and right.end <= loss.mean_of.end:
            first, second = _named(loss, left)
            draft.replace(path, loss.node.start, left.start, f"{_HELPER}({first}", _NOTE)
            draft.replace(path, left.end, right.start, f", {second}", _NOTE)
            draft.replace(path, right.end, loss.node.end, ")", _NOTE)
        else:
            prediction, target = losses.operand(loss.prediction, "prediction"), losses.operand(loss.target, "td_target")
            draft.replace(path, loss.node.start, loss.node.end, f"{_HELPER}({prediction}, {target})", _NOTE)
    else:
        _replace_call(losses, loss)
    draft.imports[path].add(_HELPER)


def _replace_call(losses: Losses, loss: Loss) -> None:
    """Turn `F.mse_loss(q, target)` or `criterion(q, target)` into the loss of the same two."""
    draft, path, call = losses.draft, losses.path, loss.node
    where = losses.where(call)
    given, told = call.args[:2], call.args[2:]
    if any(arg.star or arg.keyword for arg in given) or len(given) < 2 or not _is_plain(loss):
        raise Refused(f"the loss at {where} has options that are not understood")
    first, second = _named(loss, given[0].value)
    for arg, text in zip(given, (first, second), strict=True):
        if text:
            draft.replace(path, arg.value.start, arg.value.start, text, _NOTE)
    draft.replace(path, call.func.start, call.func.end, _HELPER, _NOTE)
    if told:
        draft.replace(path, given[1].value.end, told[-1].value.end, "", _NOTE)
    root: ir.Expr = call.func
    while isinstance(root, ir.Attr):
        root = root.value
    if isinstance(root, ir.Name):
        draft.unneeded[path].add(root.id)
    for made in loss.criteria:
        _remove_criterion(draft, made)


def _named(loss: Loss, first: ir.Expr) -> tuple[str, str]:
    """What to write before two operands: the target is the second, or is named so. No gradient flows into it."""
    return ("target=", "prediction=") if first is loss.target else ("", "")


def _half(draft: Draft, path: str, node: ir.Expr) -> tuple[int, int] | None:
    """Where a half of the loss is written, as in `0.5 * loss` and `loss / 2`; Huber's has it already."""
    around = draft.graph.parents(path).get(node)
    if not isinstance(around, ir.Bin) or draft.own_parentheses(path, node) is not None:
        return None
    other = around.left if around.right is node else around.right
    value = other.value if isinstance(other, ir.Const) else None
    if not ((around.op == "*" and value == 0.5) or (around.op == "/" and value == 2 and around.left is node)):
        return None
    return (around.start, node.start) if around.right is node else (node.end, around.end)


def _say(draft: Draft, *steps: str) -> None:
    draft.steps += [step for step in steps if step not in draft.steps]


def _remove_criterion(draft: Draft, made: ir.Call) -> None:
    """Remove the statement that makes a loss object which nothing uses any more."""
    path = draft.path_of(made)
    statement = draft.graph.parents(path).get(made)
    is_alone = isinstance(statement, ir.Assign) and len(statement.targets) == 1 and not statement.annotation
    if not is_alone or not isinstance(statement, ir.Assign) or not isinstance(statement.targets[0], (ir.Name, ir.Attr)):
        return
    replaced = {call.func for call in draft.weighted}
    for node, value in draft.graph.events.values.items():
        is_it = any(isinstance(atom, Result) and atom.call is made for atom in value.atoms)
        if is_it and isinstance(node, ir.Expr) and node not in replaced | {made, statement.targets[0]}:
            return
    if len(draft.block(path, statement)) < 2:
        return
    draft.remove(path, statement, "the loss object has no use any more")
    draft.unneeded[path] |= {node.id for node in ir.walk(made.func) if isinstance(node, ir.Name)}


def compile_huber(draft: Draft, sites: list[tuple[ev.CallSite, ir.Expr]], fit: str) -> None:
    """Let Keras models that were compiled with a squared loss have Huber's, whose threshold is 1 there as well."""
    if not sites:
        raise Refused(f"where the model that is fitted at {fit} gets its loss is not known: it has to be Huber's")
    changed = []
    for site, loss in sites:
        name = loss.value if isinstance(loss, ir.Const) and isinstance(loss.value, str) else None
        if name in ("huber", "huber_loss"):
            continue
        if name not in ("mse", "mean_squared_error", "MSE"):
            where, text = draft.where(site.path, site.node), draft.text(site.path, loss)
            raise Refused(f"the loss {text} of the model made at {where} has to be Huber's, which is written by hand")
        draft.once(site.path, loss.start, loss.end, '"huber"', _NOTE)
        changed.append(draft.where(site.path, site.node))
    if len(changed) > 1:
        draft.assumptions.append(f"all models that are compiled at {', '.join(changed)} learn with Huber's loss now")
    _say(draft, *((_HALVED,) if changed else ()), _STEP)
