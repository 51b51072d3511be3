"""Memories that come from where they cannot be followed: loaded from a file, or made by what a string names.

What transitions are appended to is a container, whoever made it. Only what is still unknown when all else has been
learnt is taken for one, since what a function is given may be found out late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.known import externals as ext
from per_audit.graph.interpret.roles import looks_like_transition
from per_audit.graph.interpret.values import Alloc, Instance, Result, Value, of, roles_in

if TYPE_CHECKING:
    from per_audit.graph.interpret.frame import Frame
    from per_audit.graph.interpret.interpreter import Interpreter

_LOADS = {"load", "loads"}
FOREIGN = "foreign"  # the kind of such a container: a list, a deque, or a list in another process


class Foreign:
    """Finds what transitions are appended to that nothing is known of."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        self._met: dict[ir.Call, ir.Expr] = {}
        self._taken: dict[ir.Call, Alloc] = {}

    def append(self, node: ir.Call, receiver: Value, value: Value, frame: Frame) -> None:
        """Record `rows.append(value)` where nothing is known of the rows; bind them to a container once it is time."""
        if not isinstance(node.func, ir.Attr) or node.func.attr != "append" or not _is_unknown(receiver):
            return
        rows = node.func.value
        if not isinstance(rows, (ir.Name, ir.Attr)) or not looks_like_transition(roles_in(value)):
            return
        self.interpreter.reruns.note_read((FOREIGN, node))
        self._met[node] = rows
        made = self._taken.get(node)
        if made is None:
            return
        self.interpreter.targets.store(made, node, frame, "append", value, node.args[0].value)
        if isinstance(rows, ir.Name):
            self.interpreter.evaluator.bind_name(rows.id, of(made), frame)
            return
        for owner in self.interpreter.order.atoms(self.interpreter.events.value(rows.value).atoms):
            if isinstance(owner, Instance):
                self.interpreter.write_attribute(owner, rows.attr, of(made))

    def take(self) -> bool:
        """Take for containers what nothing has become known of; whether there is any."""
        found = [node for node, rows in self._met.items() if _is_unknown(self.interpreter.events.value(rows))]
        fresh = [node for node in found if node not in self._taken]
        for node in fresh:
            stands_in = ir.Name(node.start, node.end, FOREIGN)  # no file holds what makes it
            self._taken[node] = Alloc(stands_in, FOREIGN)
            self.interpreter.reruns.touch((FOREIGN, node))
        return bool(fresh)


def _is_unknown(value: Value) -> bool:
    """Whether nothing is known of a value, or only that it was loaded."""
    return value == Value(value.atoms) and all(
        isinstance(atom, Result) and ext.last(atom.name) in _LOADS for atom in value.atoms
    )
