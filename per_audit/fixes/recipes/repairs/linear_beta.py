"""A schedule of beta that compounds, has its bound the wrong way round, or has none: it rises to 1 and stays there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Refused
from per_audit.fixes.recipes.repairs import splices

if TYPE_CHECKING:
    from per_audit.fixes.draft import Draft
    from per_audit.fixes.recipes.repairs.defect import Defect

RULE = "PER108"
_FIRST = "a share of the training leads from the first beta to 1, not from the last one"
_LEAST = {"max": "min", "maximum": "minimum"}


def repair(draft: Draft, defect: Defect) -> None:
    """Mend the schedule, or raise Refused."""
    form = defect.finding.form
    if form == "compounding":
        _from_first(draft, defect)
    elif form == "maximum":
        _turned(draft, defect)
    elif form == "unbounded":
        _bounded(draft, defect)
    else:
        raise Refused(f"what beta is to be made from at {defect.where} is for a person to say")
    draft.assumptions.append("the learning rate was chosen with the weights of this schedule, and may have to follow")


def _from_first(draft: Draft, defect: Defect) -> None:
    """Keep the first beta beside the current one, and start from it each time."""
    path, statement = defect.path, _statement(draft, defect)
    target = statement.target if isinstance(statement, ir.Aug) else statement.targets[0]
    changes = [write for write in draft.graph.events.writes.values() if write.node is statement]
    if not isinstance(target, ir.Attr) or len(changes) != 1:
        raise Refused(f"beta at {defect.where} is no attribute of one class, so where it begins is not clear")
    field = draft.graph.symbols.field(changes[0].owner.node, changes[0].attribute)
    built = [write for _, write, _ in draft.graph.symbols.written(field) if write is not None]
    built = [write for write in built if getattr(write.function, "name", "") == "__init__"]
    if len(built) != 1 or built[0].augmented:
        raise Refused(f"beta at {defect.where} is not set in one place, by a constructor")
    where = built[0].path
    made = draft.graph.statement(where, built[0].node)
    name = _name(draft, {path, where}, target.attr)
    text = draft.text(path, target)
    first = f"{draft.text(path, target.value)}.{name}"
    assert statement.value is not None
    reads = [node for node in ir.walk(statement.value) if isinstance(node, ir.Attr) and draft.text(path, node) == text]
    for node in reads:
        draft.replace(path, node.start, node.end, first, _FIRST)
    if isinstance(statement, ir.Aug):
        start, end = splices.operator(draft, path, statement.target, statement.value, "+=")
        draft.replace(path, start, end, f"= {first} +", _FIRST)
    own = _owner(draft, where, made, target.attr)
    draft.insert_after(where, made, [f"{own}.{name} = {own}.{target.attr}"], _FIRST)


def _turned(draft: Draft, defect: Defect) -> None:
    """`max(1, beta + step)` becomes `min(1, beta + step)`."""
    nodes = [node for found in defect.nodes for node in ir.walk(found) if isinstance(node, ir.Call)]
    calls = {node for node in nodes if _name_of(node) in _LEAST}
    if len(calls) != 1:
        raise Refused(f"the bound of beta at {defect.where} is not written as one call")
    func = calls.pop().func
    new = _LEAST[ir.last_name(func)]
    if isinstance(func, ir.Name) and not splices.is_builtin(draft, defect.path, new):
        raise Refused(f"`{new}` is something else in {defect.path}")
    draft.replace(defect.path, func.end - (len(new)), func.end, new, "1 is the most that beta may be")


def _bounded(draft: Draft, defect: Defect) -> None:
    """`beta += step` becomes `beta = min(1.0, beta + step)`."""
    path, statement, note = defect.path, _statement(draft, defect), "beyond 1 the weights would overcorrect"
    if not splices.is_builtin(draft, path, "min") or statement.value is None:
        raise Refused(f"`min` is something else in {path}")
    value = statement.value
    own = draft.own_parentheses(path, value)
    start, end = own or (value.start, value.end)
    if isinstance(statement, ir.Aug):
        left, right = splices.operator(draft, path, statement.target, value, "+=")
        draft.replace(path, left, right, "=", note)
        draft.replace(path, start, start, f"min(1.0, {draft.text(path, statement.target)} + ", note)
    else:
        draft.replace(path, start, start, "min(1.0, ", note)
    draft.replace(path, end, end, ")", note)


def _statement(draft: Draft, defect: Defect) -> ir.Assign | ir.Aug:
    """The one assignment at the place of the finding."""
    statement = draft.graph.statement(defect.path, defect.node(ir.Node))
    if isinstance(statement, ir.Aug) and statement.op == "+":
        return statement
    if isinstance(statement, ir.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ir.Attr):
        return statement
    raise Refused(f"how beta is changed at {defect.where} is not understood")


def _name(draft: Draft, paths: set[str], attribute: str) -> str:
    """A name for the first beta that no attribute in these files has."""
    wishes = (f"first_{attribute.lstrip('_')}", f"initial_{attribute.lstrip('_')}")
    nodes = (node for path in paths for node in ir.walk(*draft.graph.module(path).body))
    taken = {node.attr for node in nodes if isinstance(node, ir.Attr)}
    name = next((wish for wish in wishes if wish not in taken), None)
    if name is None:
        raise Refused(f"`{wishes[0]}` and `{wishes[1]}` are attributes of something else")
    return name


def _owner(draft: Draft, path: str, made: ir.Stmt, attribute: str) -> str:
    """What the constructor calls the object: `self`."""
    targets = made.targets if isinstance(made, ir.Assign) else []
    for node in ir.walk(*targets):
        if isinstance(node, ir.Attr) and node.attr == attribute:
            return draft.text(path, node.value)
    raise Refused(f"how beta is set at {draft.where(path, made)} is not understood")


def _name_of(call: ir.Call) -> str:
    return ir.last_name(call.func)
