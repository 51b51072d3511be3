"""Packages that give out names and that no program uses: there for others, though nothing says how to build them."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.libraries.buffers import is_test

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.facts import ModuleFacts
    from per_audit.graph.model import ReplayGraph

_LOOPS = (ir.For, ir.While, ir.With)
_TELLS = ("__all__", "__version__")


def exported(graph: ReplayGraph) -> frozenset[str]:
    """The files of packages that are given out: an unpacked wheel, or a folder of sources to copy.

    Such a package says in its `__init__` what it holds or which version it is, and takes something in there. No file
    around it uses it but for tests, and none in it does anything by itself.
    """
    modules = graph.project.modules
    if graph.unread:
        return frozenset()
    tops = {path: _top(modules, path) for path in modules if not is_test(path)}
    started = {top for path, top in tops.items() if _starts(graph, modules[path].body)}
    if None in tops.values():
        return frozenset()
    given = {top for top in set(tops.values()) - started if top is not None and _gives_out(modules[top])}
    return frozenset(path for path, top in tops.items() if top in given)


def _top(modules: Iterable[str], path: str) -> str | None:
    """The `__init__` of the outermost package that a file is of; None where it is of none."""
    folder, found = posixpath.dirname(path), None
    while folder and (init := f"{folder}/__init__.py") in modules:
        folder, found = posixpath.dirname(folder), init
    return found


def _gives_out(init: ModuleFacts) -> bool:
    """Whether the `__init__` of a package brings in names of its modules, and tells what it holds."""
    told = (target for part in init.body if isinstance(part, ir.Assign) for target in part.targets)
    tells = any(isinstance(target, ir.Name) and target.id in _TELLS for target in told)
    return tells and any(isinstance(part, ir.ImportFrom) for part in init.body)


def _starts(graph: ReplayGraph, body: Iterable[ir.Stmt]) -> bool:
    """Whether statements at the top of a file do something: a loop, or a call of what the project defines."""
    for part in body:
        if isinstance(part, _LOOPS):
            return True
        if isinstance(part, ir.Do):
            sites = (graph.events.calls.get(node) for node in ir.walk(part) if isinstance(node, ir.Call))
            if any(site is not None and site.targets for site in sites):
                return True
        if isinstance(part, ir.If) and any(isinstance(n, ir.Name) and n.id == "__name__" for n in ir.walk(part.test)):
            return True
        inside = ir.children(part) if isinstance(part, (ir.If, ir.Try)) else ()
        if _starts(graph, (each for each in inside if isinstance(each, ir.Stmt))):
            return True
    return False
