"""Of which of several things that stand at one place a method can be."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.known.externals import last
from per_audit.graph.interpret.values import Alloc, Instance

if TYPE_CHECKING:
    from per_audit.graph.interpret.interpreter import Interpreter
    from per_audit.graph.interpret.values import Atom, Value

_SEQUENCES: dict[str, type] = {"list": list, "deque": deque}


def having(name: str, receiver: Value, interpreter: Interpreter) -> frozenset[Atom]:
    """What of a receiver may have a method: no list without it, where an object has it that may be there instead.

    A base class makes a deque, say, in the place of which an heir puts a tree, whose `update` no deque has.
    """
    objects = (atom.node for atom in receiver.atoms if isinstance(atom, Instance))
    if not any(interpreter.classes.find_method(cls, name) is not None for cls in objects):
        return receiver.atoms
    return frozenset(a for a in receiver.atoms if not isinstance(a, Alloc) or _may_have(a, name, interpreter))


def _may_have(made: Alloc, name: str, interpreter: Interpreter) -> bool:
    """Whether a container has a method: queues have others than the deques that they are taken for."""
    site = interpreter.events.calls.get(made.node) if isinstance(made.node, ir.Call) else None
    is_queue = site is not None and any("queue" in last(called).lower() for called in site.names)
    kind = None if is_queue or isinstance(made.node, ir.Class) else _SEQUENCES.get(made.kind)
    return kind is None or hasattr(kind, name)
