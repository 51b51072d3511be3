"""Copies of libraries in a program's own tree: the modules of them that the program has no use for."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph import frameworks
from per_audit.source.imports import packages_of_unwritten

if TYPE_CHECKING:
    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.project import Project


@dataclass(frozen=True, slots=True)
class Spare:
    """That a module came along with the rest of a library, in words."""

    library: str

    def __str__(self) -> str:
        return f"the program imports other modules of its copy of {self.library}"


def spare(graph: ReplayGraph) -> dict[str, Spare]:
    """The modules of copied libraries that no other file of the program leads to by imports, by their paths.

    A copy that nothing else imports, or imports most of, may be what the project is about. Modules that are imported
    by a name which is not written may be any.
    """
    project = graph.project
    copies = _copies(project)
    inside = {folder: {path for path in project.modules if path.startswith(f"{folder}/")} for folder in copies}
    own = project.modules.keys() - set().union(*inside.values())
    if not copies or not own:
        return {}
    every = set().union(*inside.values())
    said = b"\n".join([*(project.modules[path].text for path in own), *graph.unread])
    reached = project.reached(own | {path for path in every if _is_named(path, copies, said)})
    if any(packages_of_unwritten(project.modules[path].text) for path in reached):
        return {}
    return {
        path: Spare(copies[folder])
        for folder, paths in inside.items()
        if 0 < 2 * len(paths & reached) < len(paths)
        for path in paths - reached
    }


def _copies(project: Project) -> dict[str, str]:
    """The folders of known libraries' packages, with the title of each: where one of its buffers is in its place."""
    found: dict[str, str] = {}
    folders = {step for path in project.modules for step in posixpath.dirname(path).split("/")}
    for library in filter(None, map(frameworks.framework, sorted(folders & frameworks.packages()))):
        for path, module in project.modules.items():
            if not any(f"/{path}".endswith(f"/{source}") for source in library.sources):
                continue
            if any(isinstance(node, ir.Class) and library.kind(node.name) for node in module.nodes_of(ir.Class)):
                begin = f"/{path}".rindex(f"/{library.package}/")
                found[path[: begin + len(library.package)]] = library.title
    return found


def _is_named(path: str, copies: dict[str, str], said: bytes) -> bool:
    """Whether the program names a module of a copy as one that Python starts, or as a file."""
    above = max(posixpath.dirname(folder) for folder in copies if path.startswith(f"{folder}/"))
    name = path.removeprefix(f"{above}/").removesuffix(".py")
    return any(each.encode() in said for each in (name, name.replace("/", ".")))
