"""Weights times an averaged loss: the loss keeps its elements, and the mean is taken of the product."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Refused
from per_audit.fixes.recipes.repairs import splices
from per_audit.fixes.recipes.repairs.weights_reshaped import factors, operand
from per_audit.graph.interpret.known.externals import last
from per_audit.graph.interpret.values import Result
from per_audit.graph.symbolic import contexts
from per_audit.graph.symbolic.shape import is_column_conflict

if TYPE_CHECKING:
    from per_audit.fixes.draft import Draft
    from per_audit.fixes.recipes.repairs.defect import Defect
    from per_audit.graph.prioritised.weights.corrections import Product
    from per_audit.graph.symbolic.shape import Shape

RULE = "PER101"
_NOTE = "a weight for each transition, then the mean"
_LOSSES = {"mse_loss", "smooth_l1_loss", "huber_loss", "l1_loss"}
_OBJECTS = {"MSELoss", "SmoothL1Loss", "HuberLoss", "L1Loss"}
_OPTIONS = {"beta", "delta", "reduction"}
_MEANS = {"mean", "reduce_mean"}
_OUTER = {*_MEANS, "sum", "reduce_sum"}


def repair(draft: Draft, defect: Defect) -> None:
    """Average the product in place of the loss, or raise Refused."""
    path, node = defect.path, defect.node(ir.Expr)
    products = [product for product in draft.graph.corrections.products if product.node is node]
    if not products:
        raise Refused(f"the product at {draft.where(path, node)} is not written as one")
    weights = operand(draft, path, node, products)
    loss = _loss(draft, path, next(part for part in factors(node) if part is not weights))
    elements = _elements(draft, path, loss)
    if not _is_averaged(draft, path, node):
        raise Refused(f"the product at {draft.where(path, node)} is not averaged afterwards")
    shaped = _shaped(draft, path, node, weights, loss)
    _match(draft, path, weights, elements, products, shaped)


def _shaped(draft: Draft, path: str, node: ir.Expr, weights: ir.Expr, loss: ir.Call) -> str | None:
    """A name of torch's element-wise loss, or of what it compares, whose shape the weights can be given."""
    site = draft.graph.events.calls.get(loss)
    if site is None or not any(name.startswith("torch.") for name in site.names) or not loss.args:
        return None
    named = [part for part in factors(node) if part is not weights] + [loss.args[0].value]
    return next((draft.text(path, part) for part in named if isinstance(part, ir.Name)), None)


def _loss(draft: Draft, path: str, factor: ir.Expr) -> ir.Call:
    """The call that averages, where the product is its only use."""
    if isinstance(factor, ir.Name):
        factor = _only_value(draft, path, factor)
    if not isinstance(factor, ir.Call) or any(arg.star for arg in factor.args):
        raise Refused(f"the loss at {draft.where(path, factor)} is not averaged by one call")
    return factor


def _only_value(draft: Draft, path: str, name: ir.Name) -> ir.Expr:
    """What a name stands for at a place that is its only use before it is bound anew."""
    function, around = draft.graph.symbols.function_of(path, name), draft.graph.statement(path, name)
    made = splices.bindings(draft, path, function, name.id)
    before = [node for node in made if node.start < around.start]
    single = before[-1] if before else None
    where = draft.where(path, name)
    if not isinstance(single, ir.Assign) or single.value is None or not isinstance(single.targets[0], ir.Name):
        raise Refused(f"what {name.id} is at {where} was not understood")
    until = next((node.start for node in made if node.start > around.start), None)
    end = around.end if around in made else until
    for use in splices.uses(draft, path, function, name.id):
        if (
            use is not name
            and single.end < use.start
            and (end is None or use.start < end)
            and use not in _targets(around)
        ):
            raise Refused(f"{name.id} is also used at {draft.where(path, use)}")
    if around not in draft.block(path, single):
        raise Refused(f"{name.id} is made and weighted in different blocks at {where}")
    return single.value


def _targets(statement: ir.Stmt) -> list[ir.Expr]:
    return statement.targets if isinstance(statement, ir.Assign) else []


def _elements(draft: Draft, path: str, loss: ir.Call) -> ir.Expr:
    """Keep the elements of a loss or of a mean; gives an expression of their shape."""
    name = ir.last_name(loss.func)
    site = draft.graph.events.calls.get(loss)
    names = site.names if site is not None else set()
    where = draft.where(path, loss)
    known = {last(each) for each in names}
    if name not in _MEANS and len(known) == 1:  # self.loss = F.mse_loss
        (name,) = known
    if name in _LOSSES and any(each.startswith("torch.") for each in names):
        if len([arg for arg in loss.args if arg.keyword is None]) > 2 or len(loss.args) < 2:
            raise Refused(f"the loss at {where} has positional options")
        if any(loss.keyword(old) for old in ("reduce", "size_average")):
            raise Refused(f"the loss at {where} has options that are not understood")
        _keep(draft, path, loss)
        return loss.args[0].value
    if name in _MEANS and isinstance(loss.func, ir.Attr):
        is_method = not loss.args
        inner = loss.func.value if is_method else loss.args[0].value
        if len(loss.args) > 1 or not (is_method or any(each.endswith(f".{name}") for each in names)):
            raise Refused(f"the mean at {where} is not one of everything")
        keeps = is_method or splices.is_tight(inner) or splices.stands_alone(draft, path, loss)
        if is_method:
            own = draft.own_parentheses(path, inner)
            if own is not None and _needs_none(draft, path, inner, loss):
                draft.replace(path, own[0], inner.start, "", _NOTE)
                own = None
            draft.replace(path, own[1] if own else inner.end, loss.end, "", _NOTE)
        else:
            begin = draft.graph.module(path).text.index(b"(", loss.func.end)
            draft.replace(path, loss.start, begin + 1 if keeps else begin, "", _NOTE)
            if keeps:
                draft.replace(path, inner.end, loss.end, "", _NOTE)
        return inner
    criterion = _criterion(draft, loss)
    if criterion is not None and len(loss.args) == 2 and not any(arg.keyword for arg in loss.args):
        if any(arg.star or arg.keyword not in _OPTIONS for arg in criterion.args):
            raise Refused(f"the loss object at {where} has options that are not understood")
        _keep(draft, draft.path_of(criterion), criterion)
        return loss.args[0].value
    raise Refused(f"how the loss at {where} keeps its elements is not known")


def _keep(draft: Draft, path: str, call: ir.Call) -> None:
    """Let a loss function, or the object that is one, keep the elements."""
    told = call.keyword("reduction")
    if told is None:
        draft.add_argument(path, call, 'reduction="none"', _NOTE)
    elif isinstance(told.value, ir.Const) and told.value.value == "mean":
        draft.replace(path, told.value.start, told.value.end, '"none"', _NOTE)
    else:
        raise Refused(f"the loss at {draft.where(path, call)} has reduction={draft.text(path, told.value)}")


def _needs_none(draft: Draft, path: str, inner: ir.Expr, mean: ir.Call) -> bool:
    """Whether an expression needs no parentheses where its mean stands."""
    around = draft.graph.parents(path).get(mean)
    binds = isinstance(inner, ir.Bin) and inner.op == "**" and isinstance(around, ir.Bin) and around.op in "+-*/"
    return (binds or splices.stands_alone(draft, path, mean)) and "\n" not in draft.text(path, mean)


def _criterion(draft: Draft, loss: ir.Call) -> ir.Call | None:
    """Where the loss object is made that a call calls and nothing else does."""
    made = _objects(draft, loss)
    if len(made) != 1:
        return None
    others = [site for site in draft.graph.events.calls.values() if site.node is not loss]
    used = next((site for site in others if made & _objects(draft, site.node)), None)
    if used is not None:
        raise Refused(f"its loss object is also used at {draft.where(used.path, used.node)}")
    return made.pop()


def _objects(draft: Draft, call: ir.Call) -> set[ir.Call]:
    atoms = draft.graph.events.value(call.func).atoms
    results = [atom for atom in atoms if isinstance(atom, Result) and atom.name.startswith("torch.")]
    return {atom.call for atom in results if last(atom.name) in _OBJECTS and isinstance(atom.call, ir.Call)}


def _is_averaged(draft: Draft, path: str, node: ir.Expr) -> bool:
    """Whether a mean or a sum is taken of a value: of the expression, or of the only name that it gets."""
    table = draft.graph.parents(path)
    parent = table.get(node)
    call = table.get(parent) if isinstance(parent, (ir.Attr, ir.Arg)) else None
    if isinstance(call, ir.Call):
        return ir.last_name(call.func) in _OUTER and len(call.args) < 2
    if isinstance(parent, ir.Assign) and isinstance(parent.targets[0], ir.Name):
        function = draft.graph.symbols.function_of(path, node)
        uses = splices.uses(draft, path, function, parent.targets[0].id)
        after = [use for use in uses if use.start > node.end]
        return bool(after) and _is_averaged(draft, path, after[0])
    return False


def _match(
    draft: Draft, path: str, weights: ir.Expr, elements: ir.Expr, products: list[Product], shaped: str | None
) -> None:
    """Give the weights the shape of the elements; where one of the two is not known, that is an assumption."""
    graph = draft.graph
    pairs: set[tuple[Shape | None, Shape | None]] = set()
    term = graph.symbols.term(path, elements)
    for product in products:
        for context in contexts(graph.symbols, product.weight, term):
            shapes = graph.shapes.within(context)
            for weight in graph.corrections.weights_in(product.weight, context):
                pairs.add((shapes.of(weight), shapes.of(term)))
    if not pairs or any(None in pair for pair in pairs):
        text = draft.text(path, weights)
        if shaped is not None:
            splices.behind(draft, path, weights, f".reshape({shaped}.shape)", "each weight meets its own error")
            draft.assumptions.append(f"{text} at {draft.where(path, weights)} are as many as the elements of the loss")
            return
        draft.assumptions.append(f"{text} at {draft.where(path, weights)} has the shape of the element-wise loss")
    elif all(is_column_conflict(*pair) for pair in pairs) and len({pair[0] for pair in pairs}) == 1:
        ((shape, _), *_) = pairs
        splices.index(draft, path, weights, ":, None" if shape == ("B",) else ":, 0", "each weight meets its own error")
    elif any(is_column_conflict(*pair) for pair in pairs):
        raise Refused(f"the weights at {draft.where(path, weights)} do not have the same shape for all callers")
