"""The least priority over slots that were never written: it is taken over those above 0, which were."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Refused
from per_audit.fixes.recipes.repairs import splices

if TYPE_CHECKING:
    from per_audit.fixes.draft import Draft
    from per_audit.fixes.recipes.repairs.defect import Defect

RULE = "PER105"
_NOTE = "slots that were never written hold 0 and are not drawn"
_MODULES = {"np", "numpy", "torch", "jnp"}


def repair(draft: Draft, defect: Defect) -> None:
    """Leave the empty slots out, or raise Refused."""
    path, call = defect.path, defect.node(ir.Call)
    over = _over(draft, path, call)
    if not isinstance(over, (ir.Name, ir.Attr, ir.Sub)):
        raise Refused(f"what the minimum at {defect.where} goes over is not a plain container")
    if isinstance(call.func, ir.Name):
        name = draft.fresh(path, draft.graph.symbols.function_of(path, call), "p", "priority")
        text = f"{name} for {name} in {draft.text(path, over)} if {name} > 0"
        draft.replace(path, over.start, over.end, text, _NOTE)
        return
    if not isinstance(over, ir.Name):
        statement = draft.graph.statement(path, call)
        around = list(draft.graph.ancestors(path, call))
        if any(isinstance(node, (ir.Comp, ir.Lambda)) for node in around[: around.index(statement)]):
            raise Refused(f"the minimum at {defect.where} is taken again and again inside of an expression")
        name = draft.fresh(path, draft.graph.symbols.function_of(path, call), "written", "stored")
        draft.insert_before(path, statement, [f"{name} = {draft.text(path, over)}"], _NOTE)
        if not call.args:
            draft.replace(path, call.start, call.end, f"{_numpy(draft, defect)}.min({name}[{name} > 0])", _NOTE)
            return
    else:
        name = over.id
    draft.replace(path, over.start, over.end, f"{name}[{name} > 0]", _NOTE)


def _numpy(draft: Draft, defect: Defect) -> str:
    """What the file calls NumPy."""
    imports = (node for node in draft.graph.module(defect.path).body if isinstance(node, ir.Import))
    for name, alias in (pair for node in imports for pair in node.names):
        if name == "numpy":
            return alias or name
    raise Refused(f"the minimum at {defect.where} is of something that may be no array of NumPy")


def _over(draft: Draft, path: str, call: ir.Call) -> ir.Expr | None:
    """The container whose least value a call gives: `x.min()`, `np.min(x)`, `min(x)`."""
    func = call.func
    if isinstance(func, ir.Attr) and func.attr == "min" and not call.args:
        return func.value
    if len(call.args) != 1 or call.args[0].star or call.args[0].keyword:
        return None
    is_array = isinstance(func, ir.Attr) and func.attr in ("min", "amin") and getattr(func.value, "id", "") in _MODULES
    is_builtin = isinstance(func, ir.Name) and func.id == "min" and splices.is_builtin(draft, path, "min")
    return call.args[0].value if is_array or is_builtin else None
