"""Modules of the project that a file imports and that are not there: the file cannot run as it stands."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from per_audit.graph.model import ReplayGraph

_GENERATED = ("_pb2", "_pb2_grpc", "version")  # made when the project is built


def lacks_a_module(graph: ReplayGraph, path: str) -> bool:
    """Whether the top of a file imports from a folder of the project a module that no file of the tree is.

    What has no folder here may be an installed package, or an extension that is compiled later.
    """
    return any(
        graph.project.find_module(path, statement.module, statement.level) is None
        for statement in graph.module(path).body
        if isinstance(statement, ir.ImportFrom)
        and not statement.module.endswith(_GENERATED)
        and _has_folder(graph, path, statement)
    )


def _has_folder(graph: ReplayGraph, path: str, statement: ir.ImportFrom) -> bool:
    """Whether the folder that a module is imported from lies in the tree, and has other modules."""
    *packages, last = statement.module.split(".")
    if not last or last.startswith("_") or path.count("/") + 1 < statement.level or not (packages or statement.level):
        return False
    folder = posixpath.dirname(path)
    for _ in range(1, statement.level):
        folder = posixpath.dirname(folder)
    within = posixpath.join(folder, *packages)
    return any(posixpath.dirname(other) == within and other != path for other in graph.project.modules)
