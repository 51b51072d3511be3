"""`(w * td) ** 2`: the weights leave the square, or the loss that is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Refused
from per_audit.fixes.recipes.repairs import splices
from per_audit.fixes.recipes.repairs.weights_reshaped import factors, operand

if TYPE_CHECKING:
    from per_audit.fixes.draft import Draft
    from per_audit.fixes.recipes.repairs.defect import Defect

RULE = "PER103"
_LOSSES = {"mse_loss", "smooth_l1_loss", "huber_loss", "l1_loss"}
_NOTE = "each weight multiplies a squared error"


def repair(draft: Draft, defect: Defect) -> None:
    """Multiply the square in place of what is squared, or raise Refused."""
    path, product = defect.path, defect.node(ir.Expr)
    products = [each for each in draft.graph.corrections.products if each.node is product]
    weights = operand(draft, path, product, products)
    error = next(part for part in factors(product) if part is not weights)
    square = draft.graph.parents(path).get(product)
    if isinstance(square, ir.Arg):
        _weigh_loss(draft, path, product, weights)
        return
    where = draft.where(path, product)
    if not isinstance(product, ir.Bin):
        raise Refused(f"the product at {where} is not written with `*`")
    if isinstance(square, ir.Attr):
        square = _called(draft, path, square)
    elif not (isinstance(square, ir.Bin) and square.op == "**" and square.left is product and _is_two(square.right)):
        raise Refused(f"what is squared is not the product at {where} itself")
    body = draft.graph.module(path)
    own = draft.own_parentheses(path, product)
    if own is None or b"\n" in body.text[own[0] : square.end]:
        raise Refused(f"what is squared at {where} is spread over several lines")
    inner = draft.text(path, error) if splices.is_tight(error) else f"({draft.text(path, error)})"
    tail = body.text[own[1] : square.end].decode()
    new = f"{_factor(draft, path, weights)} * {inner}{tail}"
    around = draft.graph.parents(path).get(square)
    if not splices.stands_alone(draft, path, square) and not (isinstance(around, ir.Bin) and around.op in "+-*"):
        new = f"({new})"
    draft.replace(path, square.start, square.end, new, _NOTE)


def _weigh_loss(draft: Draft, path: str, product: ir.Expr, weights: ir.Expr) -> None:
    """Take the weights out of both sides of a loss, or out of what a function squares."""
    table = draft.graph.parents(path)
    call = table.get(table[product])
    where = draft.where(path, product)
    if not isinstance(call, ir.Call) or any(arg.star for arg in call.args):
        raise Refused(f"what happens to the product at {where} is not understood")
    name = ir.last_name(call.func)
    factor = draft.text(path, weights)
    sides = [_without(draft, path, arg.value, factor) for arg in call.args]
    text = draft.text(path, call.func)
    if None in sides or any(arg.keyword for arg in call.args) or b"\n" in draft.text(path, call).encode():
        raise Refused(f"not everything that `{text}` compares at {where} is weighted alike")
    if name == "square" and len(sides) == 1:
        new = f"{_factor(draft, path, weights)} * {text}({sides[0]})"
        new = new if splices.stands_alone(draft, path, call) else f"({new})"
    elif name in _LOSSES and len(sides) == 2:
        new = f'({_factor(draft, path, weights)} * {text}({sides[0]}, {sides[1]}, reduction="none")).mean()'
    else:
        raise Refused(f"what `{text}` does to the weights at {where} is not understood")
    draft.replace(path, call.start, call.end, new, _NOTE)


def _factor(draft: Draft, path: str, weights: ir.Expr) -> str:
    """The text of the weights as the first factor of a product. Refuses what else than a mask multiplies them."""
    if isinstance(weights, ir.Bin) and weights.op == "*":
        for part in factors(weights):
            is_mask = isinstance(part, ir.Un) and part.op == "~"
            is_mask |= isinstance(part, ir.Bin) and part.op == "-" and draft.text(path, part.left) in ("1", "1.0")
            if not is_mask and not draft.graph.corrections.is_weight(draft.graph.symbols.term(path, part)):
                raise Refused(f"{draft.text(path, part)} is squared with the weights at {draft.where(path, weights)}")
        return draft.text(path, weights)
    return draft.text(path, weights) if splices.is_tight(weights) else f"({draft.text(path, weights)})"


def _without(draft: Draft, path: str, node: ir.Expr, factor: str) -> str | None:
    """The text of what a factor multiplies, None where it does not."""
    parts = factors(node)
    texts = [draft.text(path, part) for part in parts]
    return texts[1 - texts.index(factor)] if isinstance(node, ir.Bin) and texts.count(factor) == 1 else None


def _called(draft: Draft, path: str, method: ir.Attr) -> ir.Call:
    """The call of `.pow(2)` or `.square()`."""
    call = draft.graph.parents(path).get(method)
    if isinstance(call, ir.Call) and call.func is method:
        if method.attr == "square" and not call.args:
            return call
        if method.attr == "pow" and len(call.args) == 1 and _is_two(call.args[0].value):
            return call
    raise Refused(f"what `.{method.attr}` at {draft.where(path, method)} does to the weights is not understood")


def _is_two(node: ir.Expr) -> bool:
    return isinstance(node, ir.Const) and node.value == 2
