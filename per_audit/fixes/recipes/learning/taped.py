"""TensorFlow 2: squared TD errors under a gradient tape, whose mean becomes a weighted one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Refused
from per_audit.graph.interpret.values import Result

if TYPE_CHECKING:
    from per_audit.fixes.recipes.learning.losses import Losses

_MEANS = {"reduce_mean", "mean"}
_SQUARES = {"square"}
_OF_PAIRS = {"MSE", "mse", "mean_squared_error"}
_ROOTS = ("tensorflow.", "keras.")


def mean_of_square(losses: Losses, node: ir.Call) -> tuple[ir.Expr, ir.Expr, ir.Expr] | None:
    """What `tf.reduce_mean(tf.square(q - target))` takes the mean of, and the two that it compares."""
    if not _is_called(losses, node, _MEANS) or len(node.args) != 1 or node.args[0].keyword or not _taped(losses, node):
        return None
    inner = node.args[0].value
    pair, square = losses.difference(inner), losses.scaled(inner)[1]
    if pair is None and isinstance(square, ir.Call):
        given = [arg.value for arg in square.args if arg.keyword is None]
        if len(given) == 1 and _is_called(losses, square, _SQUARES):
            pair = losses.subtraction(given[0])
        elif len(given) == 2 and _is_called(losses, square, {"squared_difference"}):
            return inner, given[0], given[1]
    return (inner, pair.left, pair.right) if pair is not None else None


def mean_of_pair(losses: Losses, node: ir.Call) -> tuple[ir.Expr, ir.Expr] | None:
    """The two that `keras.losses.MSE(target, q)` or a loss object of Keras compares."""
    objects = {
        atom.name.rpartition(".")[2]
        for atom in losses.graph.events.value(node.func).atoms
        if isinstance(atom, Result) and atom.name.startswith(_ROOTS) and ".losses." in atom.name
    }
    if not (objects or _is_called(losses, node, _OF_PAIRS, ".losses")) or not _taped(losses, node):
        return None
    if objects - {"MeanSquaredError"}:
        name = min(objects - {"MeanSquaredError"})
        raise Refused(
            f"the loss at {losses.where(node)} is Keras's {name}, which has no form of one value a transition"
        )
    if len(node.args) != 2 or any(arg.keyword or arg.star for arg in node.args):
        raise Refused(f"the loss at {losses.where(node)} has options that are not understood")
    return node.args[0].value, node.args[1].value


def replace_pair(losses: Losses, node: ir.Call, helper: str) -> None:
    """Turn `MSE(target, q)` into `helper((target - q) ** 2, weights)`."""
    draft, path = losses.draft, losses.path
    first, second = (arg.value for arg in node.args)
    note = "weights on every squared TD error, then the mean"
    draft.replace(path, node.func.start, node.func.end, helper, note)
    draft.replace(path, first.start, first.start, "(", note)
    draft.replace(path, first.end, second.start, " - ", note)
    draft.replace(path, second.end, node.end - 1, f") ** 2, {losses.consumer.weights}", note)
    draft.assumptions.append(f"what the loss at {losses.where(node)} compares has one value a transition")


def refuse_graphs(losses: Losses) -> None:
    """Refuse code that is traced into a graph, where TD errors have no values yet."""
    function = losses.consumer.function
    decorators = function.decorators if isinstance(function, ir.Function) else []
    if decorators:
        raise Refused(f"the function at {losses.where(decorators[0])} may be traced into a graph (tf.function)")


def _is_called(losses: Losses, node: ir.Call, names: set[str], module: str = "") -> bool:
    site = losses.graph.events.calls.get(node)
    known = site.names if site is not None else set()
    return any(
        name.startswith(_ROOTS) and name.rpartition(".")[2] in names and name.rpartition(".")[0].endswith(module)
        for name in known
    )


def _taped(losses: Losses, node: ir.Call) -> bool:
    """Whether gradients of what stands here are recorded by a tape."""
    return any(
        isinstance(item.value, ir.Call) and losses.draft.text(losses.path, item.value.func).endswith("GradientTape")
        for statement in losses.graph.ancestors(losses.path, node)
        if isinstance(statement, ir.With)
        for item in statement.items
    )
