"""Facts of all files -> the replay graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.graph.gradients.own import note_own_networks
from per_audit.graph.interpret.events import Weighting
from per_audit.graph.interpret.interpreter import Interpreter
from per_audit.graph.interpret.sharing import equals_shared
from per_audit.graph.interpret.values import ELEMENTWISE, SCALAR
from per_audit.graph.libraries.buffers import LibraryBuffer
from per_audit.graph.model import PRIORITISED, UNIFORM, ReplayBuffer, ReplayGraph
from per_audit.graph.project import Project
from per_audit.graph.recognise import find_buffers
from per_audit.runtime import collector_paused, deep_stack

if TYPE_CHECKING:
    from per_audit.facts import ModuleFacts
    from per_audit.source.resolve import Modules

__all__ = [
    "ELEMENTWISE",
    "PRIORITISED",
    "SCALAR",
    "UNIFORM",
    "LibraryBuffer",
    "ReplayBuffer",
    "ReplayGraph",
    "Weighting",
    "link",
]


def link(modules: list[ModuleFacts], tree: Modules | None = None) -> ReplayGraph:
    """The replay graph of a project: its modules interpreted together, its replay buffers recognised.

    `tree` are all files that imports may mean, these modules where it is not given.
    """
    with collector_paused(), deep_stack(), equals_shared():
        interpreter = Interpreter(Project(modules, tree))
        interpreter.run()
        graph = ReplayGraph(interpreter)
        note_own_networks(graph)
        find_buffers(graph)
    return graph
