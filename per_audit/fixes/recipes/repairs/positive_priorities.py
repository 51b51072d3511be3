"""|TD error| as the priority: a small constant is added, so that an error of 0 is drawn again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Refused
from per_audit.fixes.recipes.repairs import splices
from per_audit.fixes.recipes.repairs.splices import CARRIERS
from per_audit.graph import PRIORITISED
from per_audit.graph.prioritised.priorities import trail

if TYPE_CHECKING:
    from per_audit.fixes.draft import Draft
    from per_audit.fixes.recipes.repairs.defect import Defect

RULE = "PER203"
_NOTE = "an error of 0 keeps a chance to be drawn"
_EPSILON = "1e-6"


def repair(draft: Draft, defect: Defect) -> None:
    """Add the constant, or raise Refused."""
    path, size = _absolute(draft, defect)
    _refuse_other_uses(draft, path, size, defect)
    here = _carried(draft, path, size)
    if splices.stands_alone(draft, path, here):
        draft.replace(path, here.end, here.end, f" + {_EPSILON}", _NOTE)
        return
    draft.replace(path, here.start, here.start, "(", _NOTE)
    draft.replace(path, here.end, here.end, f" + {_EPSILON})", _NOTE)


def _absolute(draft: Draft, defect: Defect) -> tuple[str, ir.Expr]:
    """The only place where an absolute value is taken for the priorities that are handed over there."""
    graph = draft.graph
    found: dict[ir.Node, str] = {}
    for buffer in graph.buffers:
        if buffer.kind != PRIORITISED:
            continue
        anatomy = graph.anatomy(buffer)
        for write in anatomy.written.opened:
            if not write.inserts and trail.handover(anatomy, write).node in defect.nodes:
                found |= {t.node: t.path for t in write.value.walk() if t.op == "abs" and t.node is not None}
    if len(found) != 1:
        raise Refused(f"where the absolute value of what is stored at {defect.where} is taken is not clear")
    ((node, path),) = found.items()
    name = ir.last_name(node.func) if isinstance(node, ir.Call) else ""
    if name not in ("abs", "absolute", "fabs") or not isinstance(node, ir.Call):
        raise Refused(f"the absolute value at {draft.where(path, node)} is taken in another way")
    return path, node


def _carried(draft: Draft, path: str, node: ir.Expr) -> ir.Expr:
    """The expression with the calls behind it that only carry it elsewhere, and `.data`."""
    table = draft.graph.parents(path)
    while isinstance(attribute := table.get(node), ir.Attr) and attribute.value is node:
        call = table.get(attribute)
        if isinstance(call, ir.Call) and call.func is attribute and attribute.attr in CARRIERS:
            node = call
        elif attribute.attr == "data":
            node = attribute
        else:
            break
    return node


def _refuse_other_uses(draft: Draft, path: str, size: ir.Expr, defect: Defect) -> None:
    """Refuse where the absolute errors are also something else than priorities, as a loss is."""
    graph = draft.graph
    statement = graph.statement(path, size)
    function = graph.symbols.function_of(path, size)
    if not isinstance(statement, ir.Assign) or not isinstance(statement.targets[0], ir.Name):
        return
    if path != defect.path or not graph.learns(function, (path,)):
        return
    name = statement.targets[0].id
    handed = [node for node in ir.walk(*defect.nodes) if isinstance(node, ir.Name)]
    uses = [use for use in splices.uses(draft, path, function, name) if use not in statement.targets]
    if len(splices.bindings(draft, path, function, name)) != 1 or any(use not in handed for use in uses):
        raise Refused(f"{name} at {draft.where(path, statement)} is used for something else as well")
