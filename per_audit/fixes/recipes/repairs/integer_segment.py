"""`total // n` and `int(total / n)`: the strata become as wide as the total allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Refused
from per_audit.fixes.recipes.repairs import splices

if TYPE_CHECKING:
    from per_audit.fixes.draft import Draft
    from per_audit.fixes.recipes.repairs.defect import Defect

RULE = "PER305"
_NOTE = "the strata cover the whole mass"
_WHOLE = {"range", "randint", "randrange", "integers", "arange"}


def repair(draft: Draft, defect: Defect) -> None:
    """Divide without rounding, or raise Refused."""
    path, node = defect.path, defect.node(ir.Expr)
    _refuse_whole_numbers(draft, path, node)
    if isinstance(node, ir.Call):
        if splices.stands_alone(draft, path, node):
            inner = node.args[0].value
            draft.replace(path, node.start, inner.start, "", _NOTE)
            draft.replace(path, inner.end, node.end, "", _NOTE)
        else:
            draft.replace(path, node.start, node.func.end, "", _NOTE)
        return
    division = defect.node(ir.Bin)
    start, end = splices.operator(draft, path, division.left, division.right, "//")
    draft.replace(path, start, end, "/", _NOTE)


def _refuse_whole_numbers(draft: Draft, path: str, node: ir.Expr) -> None:
    """Refuse where the width is needed as a whole number: as a bound of a draw of integers, or as a position."""
    statement = draft.graph.statement(path, node)
    function = draft.graph.symbols.function_of(path, node)
    names: set[str] = set()
    parts: list[ir.Node] = [*splices.body_of(draft, path, function)]
    if isinstance(statement, ir.Assign):
        names = {target.id for target in statement.targets if isinstance(target, ir.Name)}
    for _ in range(3):  # what is computed from the width: a, b = width * i, width * (i + 1)
        for part in ir.walk(*parts):
            if isinstance(part, ir.Assign) and part.value is not None and _mentions(part.value, names):
                bound = [item for t in part.targets for item in (t.items if isinstance(t, ir.Seq) else [t])]
                names |= {item.id for item in bound if isinstance(item, ir.Name)}
    for part in ir.walk(*parts):
        called = ir.last_name(part.func) if isinstance(part, ir.Call) else ""
        is_whole = isinstance(part, ir.Call) and called in _WHOLE and any(_mentions(a.value, names) for a in part.args)
        if is_whole or (isinstance(part, ir.Slice) and _mentions(part, names)):
            raise Refused(f"the width of the strata is used as a whole number at {draft.where(path, part)}")


def _mentions(node: ir.Node, names: set[str]) -> bool:
    return any(isinstance(part, ir.Name) and part.id in names for part in ir.walk(node))
