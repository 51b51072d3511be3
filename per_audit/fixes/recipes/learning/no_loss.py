"""Why no TD loss that can be weighted was found: the shape that stands in its place, where it is a known one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.recipes.learning.fitted_by import FITS
from per_audit.fixes.recipes.learning.losses import Losses
from per_audit.fixes.recipes.settled import targets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.fixes.draft import Draft
    from per_audit.fixes.recipes.batch.travel import Consumer
    from per_audit.graph import ReplayBuffer


def reason(draft: Draft, buffer: ReplayBuffer, consumers: list[Consumer]) -> str:
    """What to say of functions in which no loss was found."""
    names = ", ".join(f"{draft.graph.symbol(each.function, each.path)} ({each.path})" for each in consumers)
    said = f"no TD loss that can be weighted was found in {names}"
    shapes = (shape for each in consumers for shape in _shapes(draft, Losses(draft, buffer, each)))
    shape = next(shapes, "")
    return f"{said}: {shape}" if shape else said


def _shapes(draft: Draft, losses: Losses) -> Iterator[str]:
    """The known shapes in a function, the most telling first."""
    nodes = [node for node in ir.walk_scope(losses.body) if isinstance(node, ir.Expr)]
    for node in nodes:
        if losses.difference(node) is not None and _is_of_one(losses, node):
            where = losses.where(node)
            yield f"the squared error at {where} is of one transition, in each turn of a loop over the batch"
    for node in nodes:
        is_fit = isinstance(node, ir.Call) and isinstance(node.func, ir.Attr) and node.func.attr in FITS
        if is_fit and _is_drawn(losses, node):
            yield (
                f"how the targets that the model is fitted to at {losses.where(node)} differ from what it predicts for"
                " the same inputs, which is the TD error, is not understood"
            )
    for site in draft.graph.calls_of(losses.consumer.function, (losses.path,)):
        for function in {func.node for func in site.targets}:
            if not isinstance(function, ir.Function) or not any(_is_drawn(losses, a.value) for a in site.node.args):
                continue
            path = draft.graph.project.module_of[function].path
            made = [draft.text(path, each) for each in function.decorators]
            if any(text.startswith(("tf.function", "tensorflow.function")) for text in made):
                where = draft.where(path, function)
                yield f"the function at {where} that is given the batch is traced into a graph (tf.function)"


def _is_of_one(losses: Losses, node: ir.Expr) -> bool:
    """Whether an expression stands in a loop over drawn transitions."""
    around = losses.graph.ancestors(losses.path, node)
    loops = [each for each in around if isinstance(each, ir.For) and each in set(ir.walk_scope(losses.body))]
    return any(_is_drawn(losses, loop.iter) for loop in loops)


def _is_drawn(losses: Losses, node: ir.Expr) -> bool:
    """Whether drawn transitions are in an expression, or what the batch was taken apart into."""
    arrived = {each.id for each in targets(losses.consumer.arrival) if isinstance(each, ir.Name)}
    parts = [each for each in ir.walk(node) if isinstance(each, ir.Expr)]
    return any(
        losses.draws & losses.graph.events.value(each).tagged("draw")
        or (isinstance(each, ir.Name) and each.id in arrived)
        for each in parts
    )
