"""Weights of shape (B,) times errors of shape (B, 1), or the reverse: the weights get the shape of the errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Refused
from per_audit.fixes.recipes.repairs import splices
from per_audit.graph.prioritised.weights.broadcast import shape_of_weights, shapes_of_errors
from per_audit.graph.symbolic import alternatives, contexts
from per_audit.graph.symbolic.shape import is_column_conflict

if TYPE_CHECKING:
    from per_audit.fixes.draft import Draft
    from per_audit.fixes.recipes.repairs.defect import Defect
    from per_audit.graph.prioritised.weights.corrections import Product
    from per_audit.graph.symbolic import Term

RULE = "PER102"

_CONVERTERS = {"tensor", "as_tensor", "FloatTensor", "Tensor", "convert_to_tensor", "array", "asarray"}


def repair(draft: Draft, defect: Defect) -> None:
    """Index the weights so that each meets its own error, or raise Refused."""
    node = defect.node(ir.Expr)
    products = [product for product in draft.graph.corrections.products if product.node is node]
    if not products:
        raise Refused(f"the product at {draft.where(defect.path, node)} is not written as one")
    path = defect.path
    weights = operand(draft, path, node, products)
    given = {weight for product in products for weight in _given(draft, product)}
    made_of = (draft.graph.symbols.term(path, weights), *given)
    if not _is_converted(weights) and any(term.op in ("collect", "tuple") for term in made_of):
        raise Refused(f"the weights at {draft.where(path, node)} were gathered in a list, and may still be one")
    shapes = {shape for product in products for shape in _weight_shapes(draft, product)}
    if len(shapes) != 1 or None in shapes:
        raise Refused(f"the weights at {draft.where(path, node)} do not have the same shape for all callers")
    (shape,) = shapes
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


def _is_converted(node: ir.Expr) -> bool:
    """Whether an expression makes a tensor or an array, of a list as well: `torch.tensor(x).to(device)`."""
    while isinstance(node, ir.Call) and isinstance(node.func, ir.Attr):
        if node.func.attr in _CONVERTERS:
            return True
        node = node.func.value
    return False


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


def _given(draft: Draft, product: Product) -> set[Term]:
    """The weights that callers pass to a product, in all contexts."""
    graph = draft.graph
    around = contexts(graph.symbols, product.weight, product.other)
    return {weight for context in around for weight in graph.corrections.weights_in(product.weight, context)}


def _weight_shapes(draft: Draft, product: Product) -> set[object]:
    """The shapes of the weights of a product, None where they fit already or are not known."""
    graph, found = draft.graph, set[object]()
    for context in contexts(graph.symbols, product.weight, product.other):
        others = shapes_of_errors(graph, product, context) - {None}
        # Ones that stand in for weights that are not given have a shape as well.
        here = alternatives(context.head(product.weight))
        given = {*graph.corrections.weights_in(product.weight, context)}
        given |= {option for option in here if option.op not in ("param", "field")}
        shapes = {shape_of_weights(graph, weight, context) for weight in given}
        conflict = bool(others) and all(is_column_conflict(shape, other) for shape in shapes for other in others)
        found |= shapes if conflict and shapes else {None}
    return found
