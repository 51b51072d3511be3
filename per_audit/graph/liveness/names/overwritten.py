"""What something else takes the place of before it is run or read.

A class that its file defines again under the same name before anything could make an object of it, a method that is
assigned to its class anew, `Memory.sample = drawn_otherwise`, and a value under a name that gets another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.values import ClassRef, Func

if TYPE_CHECKING:
    from per_audit.graph.model import ReplayGraph


@dataclass(frozen=True, slots=True)
class Overwritten:
    """That a class takes the name of an earlier one, in words."""

    name: str
    line: int

    def __str__(self) -> str:
        return f"line {self.line} defines {self.name} again"


def overwritten(graph: ReplayGraph, path: str, node: ir.Node) -> Overwritten | None:
    """The class that takes the name of the one around a node; None where something in between may have a use for it.

    Whoever goes through the cells of a notebook may leave some out.
    """
    module = graph.project.modules[path]
    if path.endswith(".ipynb"):
        return None
    names = [(each, each.name) for each in module.body if isinstance(each, ir.Class) and not each.decorators]
    around = next((found for found in names if found[0].start <= node.start and node.end <= found[0].end), None)
    if around is None:
        return None
    first, name = around
    later = next((each for each, other in names if other == name and each.start > first.start), None)
    if later is None:
        return None
    between = module.body[module.body.index(first) + 1 : module.body.index(later)]
    mentions = (part for part in ir.walk(*between, *later.bases) if isinstance(part, ir.Name))
    if any(part.id == name for part in mentions):
        return None
    return Overwritten(name, module.locate(later.start).line)


@dataclass(frozen=True, slots=True)
class Patched:
    """That another function is assigned to a method, in words: in its own file, or in one that may be imported."""

    name: str
    line: int
    path: str
    is_own: bool

    def __str__(self) -> str:
        if self.is_own:
            return f"never run here: line {self.line} puts `{self.name}` in its place"
        return f"not run where {self.path} is imported, which puts `{self.name}` in its place in line {self.line}"


def patched(graph: ReplayGraph, path: str, node: ir.Node) -> Patched | None:
    """What is assigned to the method around a node at the top level of a file; None where nothing is."""
    around = (each for each in (node, *graph.ancestors(path, node)) if isinstance(each, ir.Function))
    method = next((each for each in around if each in graph.project.class_of), None)
    if method is None:
        return None
    cls, word = graph.project.class_of[method], f".{method.name}".encode()
    for other, module in graph.project.modules.items():
        for statement in module.body if word in module.text else ():
            if not isinstance(statement, ir.Assign) or not isinstance(statement.targets[0], ir.Attr):
                continue
            target, value = statement.targets[0], statement.value
            if value is None or not any(isinstance(atom, Func) for atom in graph.events.value(value).atoms):
                continue
            if target.attr == method.name and ClassRef(cls) in graph.events.value(target.value).atoms:
                name = graph.source(other, value, 40)
                return Patched(name, module.locate(statement.start).line, other, other == path)
    return None


def is_assigned_anew(graph: ReplayGraph, path: str, statement: ir.Assign, name: str) -> bool:
    """Whether a name gets another value before anything can read the one that a statement gives it.

    In between lie only statements of the same block that always run to their end.
    """
    around = graph.parents(path).get(statement)
    holder = graph.module(path) if around is None else around
    blocks = (getattr(holder, part, None) for part in ("body", "orelse", "final"))
    block = next((each for each in blocks if isinstance(each, list) and statement in each), [])
    for later in block[block.index(statement) + 1 :] if block else ():
        value = later.value if isinstance(later, (ir.Assign, ir.Do)) else None
        read = [part for part in ir.walk(value) if isinstance(part, ir.Name) and part.id == name] if value else []
        targets = later.targets if isinstance(later, ir.Assign) else []
        if read or not isinstance(later, (ir.Assign, ir.Do)):
            return False
        if any(isinstance(target, ir.Name) and target.id == name for target in targets):
            return value is not None
        if any(isinstance(part, ir.Name) and part.id == name for part in ir.walk(*targets)):
            return False
    return False
