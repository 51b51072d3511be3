"""A library whose buffers lie in the project, beside the scripts that use them.

The audit reports one draw, in the class. What can be exchanged is the buffer of each script, as if the library were
installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.fixes.recipes.libraries import library_swap
from per_audit.graph import UNIFORM, LibraryBuffer, frameworks
from per_audit.graph.interpret.values import Instance
from per_audit.graph.libraries.buffers import dotted_name, imported, is_test, method_of

if TYPE_CHECKING:
    from per_audit.facts import ir
    from per_audit.graph import ReplayBuffer, ReplayGraph
    from per_audit.graph.frameworks import Framework
    from per_audit.graph.interpret import events as ev


def scripts_with(graph: ReplayGraph, buffer: ReplayBuffer) -> list[LibraryBuffer]:
    """The objects of the class that files outside the library make and draw from, in order of their places."""
    owner = buffer.owner
    library = _library(buffer.path) if owner is not None else None
    if owner is None or library is None:
        return []
    names = {path: imported(module) for path, module in graph.project.modules.items()}
    found = []
    for site in graph.events.calls.values():
        dotted = dotted_name(site.node.func, names[site.path])
        known = library.find(dotted) if dotted.partition(".")[0] == library.package else None
        if known is None or known[1].draws != UNIFORM or owner not in site.classes or is_test(site.path):
            continue
        name, kind = known
        made = LibraryBuffer(library, kind, name, False, site.path, site.node, site.function)
        uses = [call for call in graph.events.calls.values() if call.path == site.path and _is_of(call, owner)]
        made.samples = [call for call in uses if method_of(call) in kind.sample]
        made.stores = [call for call in uses if method_of(call) in kind.store]
        if library_swap.applies(made):
            found.append(made)
    return sorted(found, key=lambda each: (each.path, each.node.start))


def _is_of(call: ev.CallSite, owner: ir.Class) -> bool:
    """Whether the call is one of a method of an object of the class itself."""
    return any(isinstance(atom, Instance) and atom.node is owner for atom in call.receiver.atoms)


def _library(path: str) -> Framework | None:
    """The library that a file belongs to, as its place in the project says."""
    for package in sorted(frameworks.packages()):
        library = frameworks.framework(package)
        if library is not None and any(f"/{path}".endswith(f"/{source}") for source in library.sources):
            return library
    return None
