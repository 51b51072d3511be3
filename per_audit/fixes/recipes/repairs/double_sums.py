"""Sums in 32 bits that are kept by adding differences: the array of the sums gets 64 bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Refused

if TYPE_CHECKING:
    from per_audit.fixes.draft import Draft
    from per_audit.fixes.recipes.repairs.defect import Defect

RULE = "PER307"
_NOTE = "in 64 bits what differences leave behind is too little to matter"
_FILLERS = {"zeros", "ones", "empty", "full"}
_MODULES = {"np", "numpy", "torch", "th", "T"}


def repair(draft: Draft, defect: Defect) -> None:
    """Make the array of 64 bits, or raise Refused."""
    path, added = defect.path, defect.node(ir.Aug)
    held = added.target.value if isinstance(added.target, ir.Sub) else None
    if held is None:
        raise Refused(f"the sum at {defect.where} is one number, which is to be computed anew before each draw")
    field = draft.graph.symbols.term(path, held)
    writes = draft.graph.symbols.written(field) if field.op == "field" else []
    _, write, where = writes[0] if len(writes) == 1 else (None, None, "")
    if write is None:
        raise Refused(f"the array of the sums at {defect.where} is not made in one place")
    call = _filler(draft.graph.statement(where, write.node), write.attribute)
    if call is None or not isinstance(call.func, ir.Attr):
        raise Refused(f"how the array of the sums at {draft.where(where, write.node)} is made is not understood")
    module = draft.text(where, call.func.value)
    if module not in ("np", "numpy"):
        draft.assumptions.append("tensors that are made of the sums get 64 bits as well, and what takes them can be so")
    kind = call.keyword("dtype") or next((arg for arg in call.args[1:] if _is_of_32(draft, where, arg.value)), None)
    if kind is None:
        if module in ("np", "numpy"):
            raise Refused(f"where the 32 bits of the array at {draft.where(where, call)} come from is not clear")
        draft.add_argument(where, call, f"dtype={module}.float64", _NOTE)
        return
    if not _is_of_32(draft, where, kind.value):
        raise Refused(f"the type of the array at {draft.where(where, call)} is not written out")
    if isinstance(kind.value, ir.Name):
        raise Refused(f"{kind.value.id} at {draft.where(where, call)} is imported by name, and float64 may not be")
    text = draft.text(where, kind.value).replace("float32", "float64")
    draft.replace(where, kind.value.start, kind.value.end, text, _NOTE)


def _filler(statement: ir.Stmt, attribute: str) -> ir.Call | None:
    """The call that makes the array: what is assigned, or the item of it that belongs to the attribute."""
    value, target = (statement.value, statement.targets[0]) if isinstance(statement, ir.Assign) else (None, None)
    if isinstance(value, ir.Seq) and isinstance(target, ir.Seq) and len(value.items) == len(target.items):
        names = [getattr(item, "attr", None) for item in target.items]
        value = value.items[names.index(attribute)] if attribute in names else None
    if isinstance(value, ir.Call) and isinstance(value.func, ir.Attr) and value.func.attr in _FILLERS:
        return value if getattr(value.func.value, "id", "") in _MODULES else None
    return None


def _is_of_32(draft: Draft, path: str, node: ir.Expr) -> bool:
    return draft.text(path, node).strip("\"'").rpartition(".")[2] == "float32"
