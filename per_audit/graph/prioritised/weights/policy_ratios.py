"""Importance resampling: transitions drawn by the ratio of two policies' probabilities, which corrects the batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.symbolic import alternatives, strip

if TYPE_CHECKING:
    from per_audit.graph.interpret.events import Owner
    from per_audit.graph.model import ReplayBuffer, ReplayGraph
    from per_audit.graph.symbolic import Term


def is_resampled(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether ratios of policies are all that transitions are drawn by: no error ever becomes a priority."""
    values = [write.value for write in graph.anatomy(buffer).writes if write.inserts]
    return bool(values) and all(map(_is_ratio, values)) and not graph.priorities(buffer).updated()


def resamples(graph: ReplayGraph, buffer: ReplayBuffer, learner: Owner) -> bool:
    """Whether the learner's class stores its transitions by ratios of policies, whatever others store."""
    cls = graph.project.class_of.get(learner) if isinstance(learner, ir.Function) else None
    writes = [write for write in graph.anatomy(buffer).writes if write.inserts]
    classes = graph.project.class_of
    own = [
        write
        for write in writes
        if any(isinstance(function, ir.Function) and classes.get(function) is cls for function in write.functions)
    ]
    return cls is not None and bool(own) and all(_is_ratio(write.value) for write in own)


def _is_ratio(value: Term) -> bool:
    """Whether a priority is what one policy gives the action that was drawn, over what another gives the same."""
    for option in alternatives(value):
        ratio = strip(option)
        if ratio.op == "add" and ratio.args[1].is_number:
            ratio = strip(ratio.args[0])
        if ratio.op != "div":
            return False
        above, below = ratio.args
        if above.op != "at" or below.op != "at" or above.args[1] != below.args[1] or above.args[0] == below.args[0]:
            return False
        if not above.args[1].has("draw"):
            return False
    return True
