"""Calls that end in a TypeError: with a keyword that what is called does not take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from per_audit.graph.model import ReplayGraph


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call that ends in a TypeError, in words: what it calls takes no such `keyword`."""

    called: str
    keyword: str

    def __str__(self) -> str:
        return f"{self.called} is called with `{self.keyword}`, which it does not take"


def refusal(graph: ReplayGraph, path: str, node: ir.Node, unit: ir.Class | ir.Function) -> Refusal | None:
    """Why a call of a class or function that a node names never gets into it."""
    call = graph.parents(path).get(node)
    atoms = graph.events.value(node).atoms if isinstance(node, ir.Expr) else frozenset()
    is_unit = {getattr(atom, "node", None) for atom in atoms} == {unit}
    if not isinstance(call, ir.Call) or call.func is not node or unit.decorators or not is_unit:
        return None
    called = _constructor(graph, unit) if isinstance(unit, ir.Class) else unit
    if called is None or called.decorators or any(each.kind == "**" for each in called.parameters):
        return None
    names = {each.name for each in called.parameters if not each.kind}
    wrong = (arg.keyword for arg in call.args if arg.keyword is not None and arg.keyword not in names)
    return next((Refusal(unit.name, keyword) for keyword in wrong), None)


def _constructor(graph: ReplayGraph, cls: ir.Class) -> ir.Function | None:
    interpreter = graph.interpreter
    if cls.keywords or interpreter.external_bases(cls) or interpreter.find_method(cls, "__new__") is not None:
        return None
    return interpreter.find_method(cls, "__init__")
