"""Weights of shape (B,) times errors of shape (B, 1), or the reverse: the weights get the shape of the errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Refused
from per_audit.fixes.recipes.repairs import splices
from per_audit.graph.symbolic import alternatives, contexts
from per_audit.graph.symbolic.shape import is_column_conflict

if TYPE_CHECKING:
    from per_audit.fixes.draft import Draft
    from per_audit.fixes.recipes.repairs.defect import Defect
    from per_audit.graph.prioritised.weights.corrections import Product

RULE = "PER102"


def repair(draft: Draft, defect: Defect) -> None:
    """Index the weights so that each meets its own error, or raise Refused."""
    node = defect.node(ir.Expr)
    products = [product for product in draft.graph.corrections.products if product.node is node]
    if not products:
        raise Refused(f"the product at {draft.where(defect.path, node)} is not written as one")
    path = defect.path
    weights = operand(draft, path, node, products)
    shapes = {shape for product in products for shape in _weight_shapes(draft, product)}
    if len(shapes) != 1:
        raise Refused(f"the weights at {draft.where(path, node)} do not have the same shape for all callers")
    (shape,) = shapes
    if draft.graph.symbols.term(path, weights).op in ("collect", "tuple"):
        raise Refused(f"the weights at {draft.where(path, node)} are a list")
    if _is_summed(draft, path, node):
        where = draft.where(path, node)
        draft.assumptions.append(f"the sum at {where} was one of all pairs, and gets smaller by the size of the batch")
    note = "each weight meets its own error"
    if shape == ("B",):
        splices.index(draft, path, weights, ":, None", note)
    elif (row := _row(weights)) is not None:
        own = draft.own_parentheses(path, row)
        draft.replace(path, own[1] if own is not None else row.end, weights.end, "", note)
    else:
        splices.index(draft, path, weights, ":, 0", note)


def _is_summed(draft: Draft, path: str, node: ir.Expr) -> bool:
    """Whether a product is summed, not averaged: `x.sum()`, `tf.reduce_sum(x)`."""
    table = draft.graph.parents(path)
    around = table.get(node)
    call = table.get(around) if isinstance(around, (ir.Attr, ir.Arg)) else None
    if not isinstance(call, ir.Call) or isinstance(table.get(call), ir.Bin):
        return False
    return getattr(call.func, "attr", "") in ("sum", "reduce_sum") and not any(arg.keyword for arg in call.args)


def _row(node: ir.Expr) -> ir.Expr | None:
    """What a column is made of: x in `x.unsqueeze(1)`, `x.view(-1, 1)`, `x.reshape(-1, 1)`, `x[:, None]`."""
    if isinstance(node, ir.Sub) and isinstance(node.index, ir.Seq) and len(node.index.items) == 2:
        rows, new = node.index.items
        is_all = isinstance(rows, ir.Slice) and rows.lower is rows.upper is rows.step is None
        is_new = (isinstance(new, ir.Const) and new.value is None) or getattr(new, "attr", "") == "newaxis"
        return node.value if is_all and is_new else None
    if not isinstance(node, ir.Call) or not isinstance(node.func, ir.Attr):
        return None
    sizes = [_number(arg.value) for arg in node.args]
    wanted = {"unsqueeze": ([1], [-1]), "view": ([-1, 1],), "reshape": ([-1, 1],)}
    return node.func.value if sizes in wanted.get(node.func.attr, ()) else None


def _number(node: ir.Expr) -> object:
    if isinstance(node, ir.Un) and node.op == "-" and isinstance(node.operand, ir.Const):
        return -node.operand.value if isinstance(node.operand.value, int) else None
    return node.value if isinstance(node, ir.Const) else None


def operand(draft: Draft, path: str, node: ir.Expr, products: list[Product]) -> ir.Expr:
    """The operand of a product that is the weights."""
    parts = factors(node)
    terms = {part: draft.graph.symbols.term(path, part) for part in parts}
    found = [part for part in parts if any(terms[part] == product.weight for product in products)]
    if len(found) != 1:
        raise Refused(f"which factor at {draft.where(path, node)} is the weights is not clear")
    return found[0]


def factors(node: ir.Expr) -> list[ir.Expr]:
    """The two sides of a product, whether it is an operator or a call."""
    if isinstance(node, ir.Bin) and node.op == "*":
        return [node.left, node.right]
    if isinstance(node, ir.Call) and isinstance(node.func, ir.Attr) and node.func.attr in ("mul", "multiply"):
        given = [arg.value for arg in node.args if arg.keyword is None]
        return given if len(given) == 2 else [node.func.value, *given]
    return []


def _weight_shapes(draft: Draft, product: Product) -> set[object]:
    """The shapes of the weights of a product, None where they fit already or are not known."""
    graph, found = draft.graph, set[object]()
    for context in contexts(graph.symbols, product.weight, product.other):
        shapes = graph.shapes.within(context)
        other = shapes.of(product.other)
        given = [shapes.of(weight) for weight in graph.corrections.weights_in(product.weight, context)]
        # Ones that stand in for weights that are not given have a shape as well.
        given += [shapes.of(option) for option in alternatives(product.weight) if option.op not in ("param", "field")]
        found |= {shape if is_column_conflict(shape, other) else None for shape in given or [None]}
    return found
