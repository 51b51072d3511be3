"""How a function that learns reaches the buffer that its batch was drawn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from per_audit.fixes.draft import Draft
    from per_audit.graph import ReplayBuffer
    from per_audit.graph.interpret import events as ev


def handle_of(draft: Draft, buffer: ReplayBuffer, path: str, function: ev.Owner, source: ir.Expr) -> str | None:
    """The receiver of the call that drew the batch, as the function can write it.

    None where it cannot, or in several ways.
    """
    sites = _origins(draft, buffer, path, function, source)
    handles = {text for site in sites if (text := _receiver(draft, site, function))}
    return handles.pop() if len(handles) == 1 else None


def _origins(draft: Draft, buffer: ReplayBuffer, path: str, function: ev.Owner, source: ir.Expr) -> list[ev.CallSite]:
    here = draft.graph.events.calls.get(source) if isinstance(source, ir.Call) else None
    if here is not None and any(func.node is buffer.function for func in here.targets):
        return [here]
    wrapped = draft.graph.callers.get(buffer.function, [])
    local = [site for site in wrapped if site.function is function and site.path == path]
    return local or wrapped


def _receiver(draft: Draft, site: ev.CallSite, function: ev.Owner) -> str | None:
    if not isinstance(site.node.func, ir.Attr):
        return None
    receiver = site.node.func.value
    text = draft.text(site.path, receiver)
    if site.function is function:
        return text
    root: ir.Expr = receiver
    while isinstance(root, ir.Attr):
        root = root.value
    if not isinstance(root, ir.Name):
        return None
    class_of, mro = draft.graph.project.class_of, draft.graph.classes.mro
    ours = class_of.get(function) if function is not None else None
    theirs = class_of.get(site.function) if site.function is not None else None
    if root.id == "self" and ours is not None and theirs is not None:
        return text if theirs in mro(ours) or ours in mro(theirs) else None
    return None
