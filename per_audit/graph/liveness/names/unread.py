"""What files name that cannot be parsed: code of Python 2, say. No more than their imports lead to counts."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.source.imports import imports_of, packages_of_unwritten

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.project import Project

_WORD = re.compile(rb"[\w\x80-\xff]+")  # names of other scripts included


def words_unread(project: Project, texts: Iterable[bytes], cells: Mapping[str, bytes]) -> dict[bytes, set[str]]:
    """The words in files, each with the modules that the imports of these files lead to.

    A module that a file names as a file is started by it, and one that imports under names which are not written may
    mean any. The cells of a notebook mean what the others define and import.
    """
    found: dict[bytes, set[str]] = {}
    for path, text in cells.items():
        reached = project.reached([path])
        for word in set(_WORD.findall(text)):
            found.setdefault(word, set()).update(reached)
    for text in texts:
        named = {word.rstrip("*") for dotted in imports_of(text) for word in dotted.split(".")}
        is_any = bool(packages_of_unwritten(text))
        reached = project.reached(path for path in project.modules if is_any or _is_told(path, named, text))
        for word in set(_WORD.findall(text)):
            found.setdefault(word, set()).update(reached)
    return found


def is_of_unread(graph: ReplayGraph, path: str, named: ir.Expr) -> bool:
    """Whether what a file names is of a module that is there and could not be parsed."""
    names = {part.id for part in ir.walk(named) if isinstance(part, ir.Name)}
    find, known = graph.project.find_module, graph.project.modules
    for node in graph.module(path).nodes_of(ir.Import, ir.ImportFrom):
        for name, alias in node.names:
            if (alias or name.partition(".")[0]) not in names:
                continue
            if isinstance(node, ir.Import):
                found = find(path, name)
            else:
                found = find(path, f"{node.module}.{name}".lstrip("."), node.level) or find(
                    path, node.module, node.level
                )
            if found is not None and found not in known:
                return True
    return False


def _is_told(path: str, told: set[str], text: bytes) -> bool:
    """Whether a module has the name of one that is imported, or stands in a text as a file."""
    folder, name = posixpath.split(path)
    stem = posixpath.basename(folder) if name == "__init__.py" else posixpath.splitext(name)[0]
    return stem in told or (name != "__init__.py" and name.encode() in text)
