"""What a repair is given: a finding, and the nodes at its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from per_audit.facts import ir
from per_audit.fixes.draft import Refused
from per_audit.graph import PRIORITISED
from per_audit.graph.prioritised.priorities import trail

if TYPE_CHECKING:
    from per_audit.findings import Finding, Place
    from per_audit.graph import ReplayGraph

N = TypeVar("N", bound=ir.Node)


@dataclass(frozen=True, slots=True)
class Defect:
    """A finding, and the nodes that stand at its place."""

    finding: Finding
    path: str
    nodes: tuple[ir.Node, ...]

    def node(self, kind: type[N]) -> N:
        """The node of that kind. Raises Refused where there is none."""
        for node in self.nodes:
            if isinstance(node, kind):
                return node
        raise Refused(f"the code at {self.where} is written in a way that is not understood")

    @property
    def where(self) -> str:
        """`path:line` of the finding, for messages."""
        return f"{self.path}:{self.finding.place.line}"


def handed_errors(graph: ReplayGraph, defect: Defect, inserted: bool = True) -> set[ir.Node]:
    """Where the errors are made that become priorities at the place of the finding; of new rows where `inserted`."""
    return {
        error.node
        for buffer in graph.buffers
        if buffer.kind == PRIORITISED
        for write in graph.anatomy(buffer).writes
        if inserted or not write.inserts
        if trail.handover(graph.anatomy(buffer), write).node in defect.nodes
        for error in trail.errors(write.value)
        if error.node is not None
    }


def nodes_at(graph: ReplayGraph, place: Place) -> tuple[ir.Node, ...]:
    """The nodes of a plain file that stand at a place, outermost first."""
    module = graph.module(place.path)
    begin = module.line_starts[place.line - 1]
    line = module.text[begin : module.line_end(begin)].decode("utf-8", "replace")
    start = begin + len(line[: place.column - 1].encode())
    here = [node for node in ir.walk(*module.body) if node.start == start and graph.place(place.path, node) == place]
    return tuple(here)
