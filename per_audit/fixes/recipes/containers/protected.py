"""`--buffer combined`: the pointer of a ring of arrays skips the slots that are protected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Draft, Refused
from per_audit.fixes.recipes.settled import targets

if TYPE_CHECKING:
    from per_audit.graph import ReplayBuffer
    from per_audit.graph.interpret import events as ev


def skip(
    draft: Draft, buffer: ReplayBuffer, store: ev.Store, slot: ir.Expr, sampler: str, block: list[ir.Stmt]
) -> None:
    """Move the pointer past protected slots; `block` is where transitions are written, `slot` where to."""
    path = store.path
    source = _source(draft, path, slot, block)
    if isinstance(source, ir.Bin) and source.op == "%":
        text = draft.text(path, source)
        raise Refused(
            f"the slot at {draft.where(path, slot)} is a count modulo the capacity ({text}) and no pointer, so"
            " protected slots cannot be skipped; --buffer per and lap leave it as it is"
        )
    pointer = draft.text(path, source)
    for statement in block:
        is_after = statement.start > store.node.end
        if is_after and isinstance(statement, ir.Assign) and draft.text(path, statement.targets[0]) == pointer:
            value = statement.value
            if isinstance(value, ir.Bin) and value.op == "%" and _is_next(draft, path, value.left, pointer):
                text = f"{sampler}.next_slot({pointer})"
                draft.replace(path, value.start, value.end, text, "skips protected slots")
                _come_round(draft, buffer, path, pointer, f"len({sampler}) == {draft.text(path, value.right)}")
                return
    raise Refused(f"how the pointer {pointer} moves is not understood, so protected slots cannot be skipped")


def _source(draft: Draft, path: str, slot: ir.Expr, block: list[ir.Stmt]) -> ir.Expr:
    """What a slot is written from: the only value that a local name has in the block, or the slot itself."""
    if not isinstance(slot, ir.Name):
        return slot
    given = [node for node in ir.walk(*block) if any(draft.text(path, each) == slot.id for each in targets(node))]
    value = given[0].value if len(given) == 1 and isinstance(given[0], ir.Assign) else None
    is_plain = isinstance(value, (ir.Name, ir.Attr, ir.Bin)) and given[0] in block and given[0].start < slot.start
    return value if value is not None and is_plain else slot


def _is_next(draft: Draft, path: str, node: ir.Expr, pointer: str) -> bool:
    """Whether an expression is the pointer plus one."""
    return (
        isinstance(node, ir.Bin)
        and (node.op, draft.text(path, node.left)) == ("+", pointer)
        and isinstance(node.right, ir.Const)
        and node.right.value == 1
    )


def _come_round(draft: Draft, buffer: ReplayBuffer, path: str, pointer: str, filled: str) -> None:
    """Let a flag that is set once the pointer is back at 0 be set once all slots are filled: 0 may be skipped."""
    parents, owner = draft.graph.parents(path), buffer.owner
    is_here = owner is not None and draft.graph.project.module_of[owner].path == path
    for node in ir.walk(*owner.body) if owner is not None and is_here else ():
        if not isinstance(node, ir.Cmp) or not _is_zero(draft, path, node, pointer):
            continue
        around = parents.get(node)
        if not _sets_flag(draft, path, node, around, parents.get(around) if around is not None else None):
            raise Refused(
                f"{draft.text(path, node)} at {draft.where(path, node)} asks whether the ring begins anew, and slot 0"
                " may be protected and skipped"
            )
        draft.replace(path, node.start, node.end, filled, "slot 0 may be protected and skipped")


def _is_zero(draft: Draft, path: str, node: ir.Cmp, pointer: str) -> bool:
    """Whether a comparison is `pointer == 0` or `0 == pointer`."""
    sides = [node.left, *node.rights]
    zeros = [side for side in sides if isinstance(side, ir.Const) and side.value == 0]
    return node.ops == ["=="] and len(zeros) == 1 and any(draft.text(path, side) == pointer for side in sides)


def _sets_flag(draft: Draft, path: str, node: ir.Cmp, around: ir.Node | None, above: ir.Node | None) -> bool:
    """Whether a comparison only ever sets a flag: `full = full or ptr == 0`, and `if ptr == 0: full = True`."""
    if isinstance(around, ir.Logic) and around.op == "or" and isinstance(above, ir.Assign):
        text = draft.text(path, above.targets[0])
        return len(above.targets) == 1 and any(draft.text(path, each) == text for each in (around.left, around.right))
    if not isinstance(around, ir.If) or around.test is not node or around.orelse or len(around.body) != 1:
        return False
    (statement,) = around.body
    value = statement.value if isinstance(statement, ir.Assign) else None
    return isinstance(value, ir.Const) and value.value is True
