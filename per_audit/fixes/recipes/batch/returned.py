"""What functions return besides: nothing where there is no batch, TD errors behind the loss for the caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Draft, Refused
from per_audit.fixes.recipes.batch import annotated

if TYPE_CHECKING:
    from collections.abc import Collection

    from per_audit.fixes.recipes.batch.travel import Consumer
    from per_audit.graph import ReplayBuffer
    from per_audit.graph.interpret import events as ev


def complete(draft: Draft, path: str, function: ev.Owner, drawn: Collection[ir.Expr], count: int = 3) -> None:
    """Let a function that returns what was `drawn` return `count` values where it returns nothing instead, too.

    Nothing is None, an empty list or the end of the function, which callers test for: each of them is that.
    Refuses any other value.
    """
    if not isinstance(function, ir.Function):
        return
    returns = [node for node in ir.walk_scope(function.body) if isinstance(node, ir.Return)]
    others = [node for node in returns if node.value not in drawn]
    note = "neither weights nor indices"
    for node in others:
        value = node.value
        if not (value is None or ir.is_none(value) or (isinstance(value, ir.Seq) and not value.items)):
            raise Refused(f"something else than the draw is returned at {draft.where(path, node)}")
        text = "None" if value is None else draft.text(path, value)
        draft.once(path, node.start, node.end, f"return {', '.join([text] * count)}", note)
    is_complete = _always_returns(function.body)
    if not is_complete:
        draft.insert_after(path, function.body[-1], [f"return {', '.join(['None'] * count)}"], note)
    if others or not is_complete:
        annotated.vague(draft, path, function.returns)
    else:
        annotated.accompanied(draft, path, function.returns, count - 1)


def _always_returns(body: list[ir.Stmt]) -> bool:
    last = body[-1]
    if isinstance(last, ir.If):
        return bool(last.orelse) and _always_returns(last.body) and _always_returns(last.orelse)
    if isinstance(last, ir.With):
        return _always_returns(last.body)
    return isinstance(last, (ir.Return, ir.Raise))


def return_errors(
    draft: Draft, buffer: ReplayBuffer, consumer: Consumer, errors: str
) -> list[tuple[str, ir.Stmt, str]]:
    """Return indices and TD errors behind the loss; gives where each caller must update the priorities, and how."""
    function, path = consumer.function, consumer.path
    where = draft.where(path, consumer.arrival)
    no_access = Refused(f"the function at {where} has no access to the buffer that it would give priorities to")
    if not isinstance(function, ir.Function):
        raise no_access
    returns = [node for node in ir.walk_scope(function.body) if isinstance(node, ir.Return)]
    if len(returns) != 1 or returns[0].value is None or isinstance(returns[0].value, (ir.Seq, ir.Const)):
        raise no_access
    batch = consumer.arrival.value if isinstance(consumer.arrival, ir.Assign) else None
    names = [parameter.name for parameter in function.parameters]
    if not isinstance(batch, ir.Name) or batch.id not in names:
        raise no_access
    updates = []
    for site in draft.graph.callers.get(function, []):
        handle = _handle(draft, buffer, function, site, batch.id)
        statement = draft.graph.parents(site.path).get(site.node)
        target = statement.targets[0] if isinstance(statement, ir.Assign) and len(statement.targets) == 1 else None
        if handle is None or not isinstance(statement, ir.Assign) or not isinstance(target, ir.Name):
            raise no_access
        indices = draft.fresh(site.path, site.function, "indices", "batch_indices")
        td_errors = draft.fresh(site.path, site.function, "td_errors")
        draft.append_name(site.path, target, [indices, td_errors])
        updates.append((site.path, statement, f"{handle}.update_priorities({indices}, {td_errors})"))
    if not updates:
        raise no_access
    draft.replace(
        path,
        returns[0].end,
        returns[0].end,
        f", {consumer.indices}, {errors}",
        "what the caller updates priorities with",
    )
    annotated.vague(draft, path, function.returns)
    return [(path, statement, line) for path, statement, line in updates]


def _handle(draft: Draft, buffer: ReplayBuffer, function: ir.Function, site: ev.CallSite, parameter: str) -> str | None:
    """How the caller reaches the buffer that its batch was drawn from."""
    position = [each.name for each in function.parameters].index(parameter)
    position -= any(func.node is function and func.owner is not None for func in site.targets)
    given = site.node.argument(position, parameter)
    if {func.node for func in site.targets} != {function} or not isinstance(given, ir.Name):
        return None
    body = site.function.body if isinstance(site.function, ir.Function) else draft.graph.module(site.path).body
    handles = set()
    for node in ir.walk_scope(body):
        if isinstance(node, ir.Assign) and any(isinstance(t, ir.Name) and t.id == given.id for t in node.targets):
            drawn = draft.graph.events.calls.get(node.value) if isinstance(node.value, ir.Call) else None
            is_drawn = drawn is not None and {func.node for func in drawn.targets} == {buffer.function}
            func = node.value.func if isinstance(node.value, ir.Call) else None
            handles.add(draft.text(site.path, func.value) if is_drawn and isinstance(func, ir.Attr) else None)
    return handles.pop() if len(handles) == 1 else None
