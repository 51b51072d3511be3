"""Signed TD errors as priorities: the absolute value of each is taken where they are handed over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Refused
from per_audit.fixes.recipes.repairs import splices
from per_audit.fixes.recipes.repairs.defect import handed_errors
from per_audit.fixes.recipes.repairs.splices import CARRIERS

if TYPE_CHECKING:
    from per_audit.fixes.draft import Draft
    from per_audit.fixes.recipes.repairs.defect import Defect

RULE = "PER204"
_NOTE = "how surprising an error is does not depend on its sign"


def repair(draft: Draft, defect: Defect) -> None:
    """Take absolute values, or raise Refused."""
    path = defect.path
    if not splices.is_builtin(draft, path, "abs"):
        raise Refused(f"`abs` has a meaning of its own in {path}")
    if defect.finding.form == "averaged":
        for part in _averaged(draft, path, defect.node(ir.Expr)):
            splices.call(draft, path, part, "abs", _NOTE)
        return
    node = next((node for node in defect.nodes if isinstance(node, (ir.Call, ir.Assign))), None)
    given = [arg.value for arg in node.args if not arg.star] if isinstance(node, ir.Call) else []
    given += [node.value] if isinstance(node, ir.Assign) and node.value is not None else []
    errors = handed_errors(draft.graph, defect, inserted=False)
    signed = [value for value in given if _holds(draft, path, value, errors)]
    if len(signed) != 1:
        raise Refused(f"which value at {defect.where} is the TD error is not clear")
    error = _core(signed[0])
    term = draft.graph.symbols.term(path, error)
    if "tolist" in draft.text(path, error) or term.op in ("collect", "tuple"):
        raise Refused(f"the TD errors at {defect.where} are a list")
    if not _holds(draft, path, error, errors) or not isinstance(error, (ir.Name, ir.Attr, ir.Sub, ir.Call, ir.Bin)):
        raise Refused(f"what is done to the TD error at {defect.where} was not understood")
    if isinstance(error, ir.Call) and not _carries(error):
        raise Refused(f"what `{draft.text(path, error.func)}` does to the TD error at {defect.where} is not known")
    splices.call(draft, path, error, "abs", _NOTE)


def _holds(draft: Draft, path: str, value: ir.Expr, errors: set[ir.Node]) -> bool:
    return any(part.node in errors for part in draft.graph.symbols.term(path, value).walk())


def _core(node: ir.Expr) -> ir.Expr:
    """What a power is taken of, and what a constant is added to: `error` of `(error + 0.01) ** alpha`."""
    while isinstance(node, ir.Bin):
        if node.op == "**" or (node.op == "+" and _is_setting(node.right)):
            node = node.left
        elif node.op == "+" and _is_setting(node.left):
            node = node.right
        else:
            break
    return node


def _is_setting(node: ir.Expr) -> bool:
    """Whether an operand is a constant, or a setting by its name: `1e-6`, `EPSILON`, `self.epsilon`."""
    name = ir.last_name(node)
    return isinstance(node, ir.Const) or any(word in name.lower() for word in ("eps", "const", "offset", "min"))


def _carries(call: ir.Call) -> bool:
    """Whether a call only carries numbers elsewhere: `td.detach().cpu().numpy()`."""
    if not isinstance(call.func, ir.Attr) or call.func.attr not in CARRIERS:
        return False
    inner = call.func.value
    inner = inner.value if isinstance(inner, ir.Attr) and inner.attr == "data" else inner
    return not isinstance(inner, ir.Call) or _carries(inner)


def _averaged(draft: Draft, path: str, node: ir.Expr) -> list[ir.Expr]:
    """The two errors of an average: the sides of its sum."""
    node = _core(node)
    while isinstance(node, ir.Bin) and node.op in ("/", "*"):
        node = node.right if isinstance(node.left, ir.Const) else node.left
    if not isinstance(node, ir.Bin) or node.op != "+" or any(map(_is_setting, (node.left, node.right))):
        raise Refused(f"the average at {draft.where(path, node)} is not written as a sum")
    return [node.left, node.right]
