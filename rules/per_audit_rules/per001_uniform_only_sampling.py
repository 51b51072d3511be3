"""PER001 uniform-only-sampling."""

from __future__ import annotations

from collections.abc import Iterable

from per_audit.findings import Finding, Severity
from per_audit.graph import UNIFORM, ReplayGraph
from per_audit.rule import Rule


class UniformOnlySampling(Rule):
    """A learning pipeline draws its transitions uniformly and has no prioritised path."""

    code = "PER001"
    name = "uniform-only-sampling"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each buffer that is only drawn from uniformly, at its draw."""
        for buffer in graph.buffers:
            if buffer.kind == UNIFORM:
                place = graph.place(buffer.path, buffer.draws[0])
                yield Finding(self.code, self.name, self.severity, "high", "uniform", place, graph.name_of(buffer),
                    tuple(graph.evidence(s.path, s.node, "made", "") for s in buffer.instances))
