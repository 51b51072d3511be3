"""Classes that their file defines again under the same name before anything could make an object of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from per_audit.facts import ir

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
