"""Methods that draw from memories which a program makes, and that it does not call, or calls for a look alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.liveness.beside.demos import Trial

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph


def never_drawn(graph: ReplayGraph) -> set[ev.Owner]:
    """The methods that draw from memories which the program makes, and that it never calls.

    So are those that are only called by methods of other memories, around several of them, which nobody calls.
    """
    memories = [b for b in (*graph.buffers, *graph.twins) if b.owner and b.instances and not graph.is_agent(b)]
    found: set[ev.Owner] = set()
    for buffer in memories:
        around = {site.function for site in buffer.samples}
        if not any(_may_be_called(graph, function) for function in around):
            found |= {buffer.function, *around}
    return found


def _may_be_called(graph: ReplayGraph, function: ev.Owner) -> bool:
    """Whether something calls what draws from a memory, or it learns, or is started by hand."""
    is_method = function is not None and graph.project.class_of.get(function) is not None
    return not is_method or bool(graph.callers.get(function)) or graph.learns(function)


def looked_at(graph: ReplayGraph) -> dict[ev.Owner, Trial]:
    """The methods that draw from memories only for notebooks in which nothing learns: for a picture, say."""
    held = (b for b in (*graph.buffers, *graph.twins) if b.owner is not None and not graph.is_agent(b))
    return {
        b.function: Trial(b.samples[0].path)
        for b in held
        if b.samples and all(_is_looked(graph, site) for site in b.samples)
    }


def _is_looked(graph: ReplayGraph, site: ev.CallSite) -> bool:
    """Whether what a call in a notebook draws is given a name there, and nothing in the notebook learns."""
    is_named = isinstance(graph.parents(site.path).get(site.node), ir.Assign)
    inside = site.function is None and site.path.endswith(".ipynb")
    return is_named and inside and graph.demos.is_dry(site.path, site.node)
