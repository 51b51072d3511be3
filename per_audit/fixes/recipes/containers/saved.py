"""Containers that are saved to files and read back: files that exist already must stay readable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Draft, Refused

if TYPE_CHECKING:
    from per_audit.graph.interpret.values import Alloc

_DUMPS = {"pickle.dump", "pickle.dumps", "dill.dump", "cloudpickle.dump", "joblib.dump"}
_LOADS = {"pickle.load", "pickle.loads", "dill.load", "cloudpickle.load", "joblib.load"}


def save_as_list(draft: Draft, path: str, call: ir.Call, node: ir.Expr) -> bool:
    """Save a list of the transitions, as before, where a call saves the container; tells whether it is such a call."""
    site = draft.graph.events.calls.get(call)
    if site is None or not site.names & _DUMPS or call.argument(0) is not node:
        return False
    draft.once(path, node.start, node.end, f"list({draft.text(path, node)})", "files hold the transitions, as before")
    return True


def fill_from_files(draft: Draft, container: Alloc, emptied: list[ir.Assign]) -> None:
    """Fill the buffer where its attribute is set to what a file holds. Refuses where it is set to anything else.

    What is `emptied` is not looked at: statements that put an empty container there.
    """
    path = draft.path_of(container.node)
    made = draft.graph.statement(path, container.node)
    target = made.targets[0] if isinstance(made, ir.Assign) else None
    if not isinstance(target, ir.Attr):
        return
    owners = {w.owner for w in draft.graph.events.writes.values() if w.attribute == target.attr and w.node is made}
    for write in list(draft.graph.events.writes.values()):
        if write.attribute != target.attr or write.owner not in owners or write.node in [made, *emptied]:
            continue
        call, statement = write.expression, write.node
        site = draft.graph.events.calls.get(call) if isinstance(call, ir.Call) else None
        where = draft.where(write.path, write.node)
        if site is None or not site.names & _LOADS or not isinstance(statement, ir.Assign):
            raise Refused(f"{draft.text(write.path, write.node).partition('=')[0].strip()} is set again at {where}")
        handle, value = draft.text(write.path, statement.targets[0]), draft.text(write.path, site.node)
        indent = draft.indent(write.path, statement)
        text = f"{handle}.clear()\n{indent}{handle}.extend({value})"
        draft.once(write.path, statement.start, statement.end, text, "what is read back starts with equal priorities")
        draft.steps.append(f"transitions read back at {where} start with the highest priority, as new ones do")
