"""Whether the rows of a loss are the rows of the batch, in its order: weights and indices belong to rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Draft, Refused
from per_audit.graph.interpret.values import Drawn

if TYPE_CHECKING:
    from per_audit.fixes.recipes.learning.losses import Loss, Losses
    from per_audit.graph import ReplayBuffer

_ALONG_ROWS = {"concatenate", "cat", "concat", "vstack"}
_CHANGES = {"append", "extend", "insert", "pop", "remove", "sort", "reverse"}


def refuse_other_rows(draft: Draft, buffer: ReplayBuffer) -> None:
    """Refuse where drawn transitions are reordered, left out or joined by others."""
    draws = set(buffer.draws)
    value = draft.graph.events.value

    def is_batch(node: ir.Expr) -> bool:
        return any(isinstance(atom, Drawn) and atom.draw in draws for atom in value(node).atoms)

    for site in draft.graph.events.calls.values():
        func = site.node.func
        method = func.attr if isinstance(func, ir.Attr) else getattr(func, "id", None)
        changes = isinstance(func, ir.Attr) and method in _CHANGES and is_batch(func.value)
        if changes or (method == "shuffle" and any(value(arg.value).tagged("draw") & draws for arg in site.node.args)):
            raise Refused(f"the drawn batch is changed at {draft.where(site.path, site.node)}")
        if _joins_others(draft, site.node, draws):
            raise Refused(f"the drawn batch is joined by others at {draft.where(site.path, site.node)}")
    for node in list(draft.graph.events.values):
        if isinstance(node, ir.Bin) and node.op == "+" and (is_batch(node.left) or is_batch(node.right)):
            raise Refused(f"the drawn batch is joined by others at {draft.where(draft.path_of(node), node)}")
        if isinstance(node, ir.Comp) and any(is_batch(g.iter) and not _keeps_all(g) for g in node.generators):
            raise Refused(f"drawn transitions are left out at {draft.where(draft.path_of(node), node)}")


def _joins_others(draft: Draft, call: ir.Call, draws: set[ir.Call]) -> bool:
    """Whether rows at drawn positions are put behind or before other rows: `concatenate([own, kept[drawn]])`."""
    first = call.argument(0)
    axis = call.argument(1, "axis") or call.argument(None, "dim")
    is_along_rows = axis is None or (isinstance(axis, ir.Const) and axis.value == 0)
    if ir.last_name(call.func) not in _ALONG_ROWS or not isinstance(first, ir.Seq) or not is_along_rows:
        return False
    value = draft.graph.events.value
    of_draw = [item for item in first.items if value(item).tagged("draw") & draws]
    at_positions = any(isinstance(item, ir.Sub) and isinstance(item.index, ir.Name) for item in of_draw)
    return at_positions and len(of_draw) < len(first.items)


def _keeps_all(generator: ir.Generator) -> bool:
    """Whether nothing but None is left out."""
    return all(isinstance(test, ir.Cmp) and test.ops == ["is not"] for test in generator.ifs)


def refuse_parts(losses: Losses, loss: Loss) -> None:
    """Refuse a loss of single rows or of a part of them."""
    draft, path = losses.draft, losses.path
    where = draft.where(path, loss.node)
    nodes = list(losses.sources(loss.prediction, loss.target))
    names = {node.id for node in nodes if isinstance(node, ir.Name)}
    for ancestor in draft.graph.ancestors(path, loss.node):
        if isinstance(ancestor, (ir.Comp, ir.Lambda)):
            raise Refused(f"the loss at {where} stands in a comprehension")
        if losses.consumer.arrival in ir.walk(ancestor):
            break
        if isinstance(ancestor, ir.For):
            bound = {node.id for node in ir.walk(ancestor.target) if isinstance(node, ir.Name)}
            if bound & names:
                raise Refused(f"the loss at {where} is of a part of the batch in each turn of a loop")
    turns = _turns(losses.body, loss.node)
    for node in nodes:
        if (
            isinstance(node, ir.Sub)
            and _selects_rows(node.index)
            and not any(_is_of_turn(node, loop) for loop in turns)
            and draft.graph.events.value(node.value).tagged("draw")
        ):
            raise Refused(f"the loss at {where} is of a part of the batch: {draft.graph.source(path, node)}")


def _turns(body: list[ir.Stmt], loss: ir.Node) -> list[ir.For]:
    """The loops before a loss that make all rows of a target, one after the other: `for i in range(n)`."""
    found = []
    for loop in ir.walk_scope(body):
        if not isinstance(loop, ir.For) or loop.end > loss.start or not isinstance(loop.iter, ir.Call):
            continue
        name = getattr(loop.iter.func, "id", "")
        counter = loop.target.items[0] if name == "enumerate" and isinstance(loop.target, ir.Seq) else loop.target
        leaves_out = any(isinstance(node, ir.Jump) and node.kind != "pass" for node in ir.walk_scope(loop.body))
        is_counted = name in ("range", "enumerate") and len(loop.iter.args) == 1 and isinstance(counter, ir.Name)
        if is_counted and not leaves_out:
            found.append(loop)
    return found


def _is_of_turn(node: ir.Sub, loop: ir.For) -> bool:
    """Whether a loop reads an element by its counter, or by a field of the transition whose turn it is."""
    bound = {each.id for each in ir.walk(loop.target) if isinstance(each, ir.Name)}
    return isinstance(node.index, ir.Name) and node.index.id in bound and loop.start <= node.start < loop.end


def _selects_rows(index: ir.Expr) -> bool:
    if isinstance(index, ir.Slice):
        return index.lower is not None or index.upper is not None
    return not isinstance(index, (ir.Const, ir.Seq, ir.Un))
