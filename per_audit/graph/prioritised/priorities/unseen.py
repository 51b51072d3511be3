"""Memories that code draws from which the project has not: what it makes of their priorities is not known."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from per_audit.graph.interpret.values import Instance
from per_audit.graph.libraries.buffers import is_test

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from per_audit.facts import ir
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.prioritised.priorities.priorities import Priorities

_KNOWN = {*sys.stdlib_module_names, "builtins", "jax", "numpy", "tensorflow", "torch"}


def is_drawn_from_unseen(about: Priorities, relatives: AbstractSet[ir.Class]) -> bool:
    """Whether nothing of the project but the memory itself has a batch drawn, and unknown code is given the memory.

    Such as the agent of a module that is not there: `agent.learn(memory)`.
    """
    if about.buffer.owner is None or _is_drawn_from_here(about, relatives):
        return False
    calls = about.events.calls.values()
    return any(not is_test(site.path) and _is_unseen(site) and _is_given(site, relatives) for site in calls)


def _is_drawn_from_here(about: Priorities, relatives: AbstractSet[ir.Class]) -> bool:
    """Whether the draw, or a method of the memory's classes that leads to it, is asked for by anything else."""
    class_of, asked = about.graph.project.class_of, [about.buffer.function]
    for function in asked:
        for site in about.graph.callers.get(function, ()):
            cls = class_of.get(site.function) if site.function is not None else None
            if cls is None or cls not in relatives:
                return True
            if site.function not in asked:
                asked.append(site.function)
    return False


def _is_given(site: ev.CallSite, relatives: AbstractSet[ir.Class]) -> bool:
    return any(isinstance(a, Instance) and a.node in relatives for value in site.arguments for a in value.atoms)


def _is_unseen(site: ev.CallSite) -> bool:
    """Whether what is called is neither the project's, nor Python's, nor a library's for numbers."""
    roots = {name.partition(".")[0] for name in site.names}
    return bool(roots) and not site.targets and not site.classes and roots.isdisjoint(_KNOWN)
