"""Small functions that do the same for one array after the other: that make them, write a row, read what was drawn.

    self.states, self.rewards = filled_with_zeros(shape, size), filled_with_zeros((), size)
    write(self.rewards, self.at, reward)

What such a function makes is another array for each call of it, and what it puts into one array is in no other.
"""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.values import UNKNOWN, Alloc, Value

if TYPE_CHECKING:
    from per_audit.graph.interpret.interpreter import Interpreter
    from per_audit.graph.interpret.values import Atom

_MOST_NODES = 160  # of a small function
_MADE = ("array", "dict")
_LOOKS = {"items", "keys", "values"}


class Helpers:
    """Which functions of a project are helpers, and what those make that are called for it."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        self._makers: dict[ir.Function | ir.Lambda, bool] = {}
        self._tools: dict[ir.Function | ir.Lambda, bool] = {}

    def made(self, function: ir.Function | ir.Lambda, result: Value, call: ir.Call, path: str) -> Value:
        """What a call gives: of what the function makes at each call, that of this one alone."""
        if not any(isinstance(atom, Alloc) and not atom.leaf for atom in result.atoms) or not self._is_maker(function):
            return result
        return self._own(function, result, f"{path}:{call.start}")

    def _own(self, function: ir.Function | ir.Lambda, value: Value, leaf: str) -> Value:
        return value._replace(atoms=frozenset(self._own_atom(function, atom, leaf) for atom in value.atoms))

    def _own_atom(self, function: ir.Function | ir.Lambda, atom: Atom, leaf: str) -> Atom:
        if not isinstance(atom, Alloc) or atom.leaf or atom.kind not in _MADE or not _is_inside(function, atom.node):
            return atom
        own = atom._replace(leaf=leaf)
        held = self.interpreter.content_of(atom) if atom.kind == "dict" else UNKNOWN
        if held is not UNKNOWN:
            self.interpreter.add_content(own, self._own(function, held, leaf))
        return own

    def _is_maker(self, function: ir.Function | ir.Lambda) -> bool:
        known = self._makers.get(function)
        if known is None:
            known = self._makers[function] = isinstance(function, ir.Function) and _makes(function)
        return known

    def is_tool(self, function: ir.Function | ir.Lambda) -> bool:
        """Whether a function does nothing but to read or write at places of what it is given."""
        known = self._tools.get(function)
        if known is None:
            known = isinstance(function, ir.Function) and function not in self.interpreter.project.class_of
            known = self._tools[function] = known and _reads_or_writes(function)  # type: ignore[arg-type]
        return known


def _is_inside(function: ir.Node, node: ir.Node) -> bool:
    return any(part is node for part in ir.walk(function))


def _makes(function: ir.Function) -> bool:
    """Whether a function only makes what it returns: it keeps nothing, and puts nothing in but what it makes."""
    parts = _small(function)
    if not parts:
        return False
    for part in parts:
        if isinstance(part, ir.Assign):
            if not all(isinstance(target, ir.Name) or _is_entry(target, part.value) for target in part.targets):
                return False
        elif isinstance(part, (ir.Aug, ir.Scope)) or (isinstance(part, ir.Do) and not isinstance(part.value, ir.Const)):
            return False
    return any(isinstance(part, ir.Return) and part.value is not None for part in parts)


def _is_entry(target: ir.Expr, value: ir.Expr | None) -> bool:
    """Whether an array is made as one of several under their names: `arrays[name] = np.zeros(size)`."""
    return isinstance(target, ir.Sub) and isinstance(target.value, ir.Name) and isinstance(value, ir.Call)


def _reads_or_writes(function: ir.Function) -> bool:
    parts = _small(function)
    given = {parameter.name for parameter in function.parameters if not parameter.kind}
    calls = [part for part in parts if isinstance(part, ir.Call)]
    known = (
        call.func.attr in _LOOKS if isinstance(call.func, ir.Attr) else hasattr(builtins, ir.last_name(call.func))
        for call in calls
    )
    at_places = (part.value for part in parts if isinstance(part, ir.Sub))
    return all(known) and any(isinstance(held, ir.Name) and held.id in given for held in at_places)


def _small(function: ir.Function) -> list[ir.Node]:
    """The parts of a function that is small and undecorated, and neither a generator nor one that holds others."""
    if function.decorators:
        return []
    parts = list(ir.walk(*function.body))
    if len(parts) > _MOST_NODES:
        return []
    others = (ir.Function, ir.Class, ir.Lambda)
    is_odd = any(isinstance(part, others) or (isinstance(part, ir.Other) and "Yield" in part.kind) for part in parts)
    return [] if is_odd else parts
