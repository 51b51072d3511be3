"""Priorities of errors that the weights were multiplied into: the errors get a name before they are weighted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Refused
from per_audit.fixes.recipes.repairs import splices
from per_audit.fixes.recipes.repairs.defect import nodes_at
from per_audit.fixes.recipes.repairs.weights_reshaped import factors
from per_audit.graph.symbolic import Context

if TYPE_CHECKING:
    from per_audit.fixes.draft import Draft
    from per_audit.fixes.recipes.repairs.defect import Defect
    from per_audit.graph.interpret import events as ev

RULE = "PER205"
_NOTE = "priorities say how wrong a value is, and not how much of it was learnt"


def repair(draft: Draft, defect: Defect) -> None:
    """Give the unweighted errors back, or raise Refused."""
    path, product = _product(draft, defect)
    if path == defect.path and any(product in ir.walk(node) for node in defect.nodes):
        _leave_weights(draft, path, product)
        return
    statement = draft.graph.statement(path, product)
    target = statement.targets[0] if isinstance(statement, ir.Assign) and len(statement.targets) == 1 else None
    if not isinstance(target, ir.Name) or not isinstance(statement, ir.Assign) or statement.value is not product:
        raise Refused(f"the weighted errors at {draft.where(path, product)} have no name of their own")
    function = draft.graph.symbols.function_of(path, product)
    reads = _reads(draft, defect, path, statement, target.id, function)
    if not reads:
        raise Refused(f"what of {target.id} at {draft.where(path, statement)} becomes a priority is not clear")
    block = draft.block(path, statement)
    if any(not any(each.start <= read.start < each.end for each in block) for read in reads):
        raise Refused(f"{target.id} becomes a priority where {draft.where(path, statement)} may not have been run")
    others = {*splices.uses(draft, path, function, target.id)} - {target, *reads}
    if not others:
        _leave_weights(draft, path, product)
        return
    error = _error(draft, path, product)
    if isinstance(error, ir.Name) and error.id != target.id and _is_kept(draft, path, error, function):
        name = error.id
    else:
        name = draft.fresh(path, function, "unweighted", "unweighted_errors")
        draft.insert_before(path, statement, [f"{name} = {draft.text(path, error)}"], _NOTE)
        start, end = draft.own_parentheses(path, error) or (error.start, error.end)
        draft.replace(path, start, end, name, _NOTE)
    for read in reads:
        draft.replace(path, read.start, read.end, name, _NOTE)


def _leave_weights(draft: Draft, path: str, product: ir.Expr) -> None:
    """Hand the errors over without the weights, where they are multiplied there and then."""
    error = _error(draft, path, product)
    own = draft.own_parentheses(path, error)
    start, end = own or (error.start, error.end)
    inner = draft.graph.module(path).text[start:end].decode()
    around = product.start, product.end
    if own is not None or splices.is_tight(error):
        around = draft.own_parentheses(path, product) or around
    elif not splices.stands_alone(draft, path, product):
        inner = f"({inner})"
    draft.replace(path, *around, inner, _NOTE)


def _product(draft: Draft, defect: Defect) -> tuple[str, ir.Expr]:
    """Where the errors are multiplied by the weights."""
    for link in defect.finding.evidence:
        if link.role == "product" and draft.graph.module(link.place.path).layout is None:
            for node in nodes_at(draft.graph, link.place):
                if isinstance(node, ir.Expr) and factors(node):
                    return link.place.path, node
    raise Refused(f"where what is stored at {defect.where} is multiplied by the weights is not clear")


def _error(draft: Draft, path: str, product: ir.Expr) -> ir.Expr:
    """The factor that is not the weights."""
    graph = draft.graph
    parts = factors(product)
    weights = [part for part in parts if graph.corrections.is_weight(graph.symbols.term(path, part))]
    if len(weights) != 1 or len(parts) != 2 or isinstance(product, ir.Call):
        raise Refused(f"which factor at {draft.where(path, product)} is the weights is not clear")
    error = next(part for part in parts if part is not weights[0])
    if graph.corrections.is_averaged_loss(graph.symbols.term(path, error), Context()):
        # Only the weights make a value for each transition of it: without them, all would share one priority.
        raise Refused(
            f"the errors at {draft.where(path, product)} were averaged over the batch before they were weighted"
        )
    return error


def _reads(draft: Draft, defect: Defect, path: str, made: ir.Stmt, name: str, function: ev.Owner) -> list[ir.Name]:
    """The places behind `made` where the name is read for priorities: where these are handed over, or on the way."""
    wanted: list[ir.Node] = [*defect.nodes] if path == defect.path else []
    for link in defect.finding.evidence:
        if link.role == "value" and link.place.path == path:
            wanted += [node for node in nodes_at(draft.graph, link.place) if isinstance(node, ir.Expr)]
    for _ in range(3):  # prios = loss + 1e-5; memory.update(slots, prios)
        handed = {node.id for node in ir.walk(*wanted) if isinstance(node, ir.Name)} - {name}
        for other in handed:
            bound = splices.bindings(draft, path, function, other)
            if len(bound) == 1 and isinstance(bound[0], ir.Assign) and bound[0].value and bound[0].start > made.start:
                wanted.append(bound[0].value)
    parents = draft.graph.parents(path)
    found = {node for node in ir.walk(*wanted) if isinstance(node, ir.Name) and node.id == name}
    found = {node for node in found if node.start > made.end and not isinstance(parents.get(node), ir.Parameter)}
    again = [node.start for node in splices.bindings(draft, path, function, name) if node.start > made.start]
    if any(start < read.start for start in again for read in found):
        raise Refused(f"{name} at {draft.where(path, made)} is bound again before it becomes a priority")
    return sorted(found, key=lambda node: node.start)


def _is_kept(draft: Draft, path: str, error: ir.Name, function: ev.Owner) -> bool:
    """Whether a name stands for the errors throughout."""
    return len(splices.bindings(draft, path, function, error.id)) == 1
