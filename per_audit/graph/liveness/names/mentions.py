"""Where the classes and functions of a project are named, and which names are those of something else."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from per_audit.facts import ir
from per_audit.graph.interpret.known.externals import STARTS_MAIN
from per_audit.graph.interpret.texts import called_of_texts
from per_audit.graph.interpret.values import ClassRef, External, Func, Literal, Result
from per_audit.graph.liveness.names.missing import is_missing
from per_audit.source.imports import packages_of_unwritten

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from per_audit.graph.liveness.names.lookups import Lookups
    from per_audit.graph.model import ReplayGraph

_DOTTED = re.compile(r"[\w.:/-]+")  # a text that may name something, as against a sentence
_WORD = re.compile(r"\w+")
_NAMING = (ir.Attr, ir.Const, ir.ImportFrom)
_NOT_WHOLE = (ir.Do, ir.Assign, ir.Call, ir.Parameter, ir.Function)  # of these not all that is inside counts
_Unit: TypeAlias = ir.Class | ir.Function


class Mentions:
    """Asked where the classes and functions of a project are named."""

    def __init__(self, graph: ReplayGraph, lookups: Lookups) -> None:
        self._graph = graph
        self._lookups = lookups

    def of(self, unit: _Unit) -> Sequence[tuple[str, ir.Node]]:
        """Where something with the name of a class or function is named, other than to import it or as a type.

        Also where a library calls a function by itself: `tf.app.run()` has no need of the name of `main`.
        """
        named = self._of_names.get(unit.name, ())
        callers = self._graph.callers.get(unit, ()) if isinstance(unit, ir.Function) else ()
        return [*named, *((site.path, site.node) for site in callers if not STARTS_MAIN.isdisjoint(site.names))]

    @cached_property
    def _of_names(self) -> dict[str, list[tuple[str, ir.Node]]]:
        project = self._graph.project
        names = {cls.name for cls in project.classes} | {function.name for function in project.functions}
        found: dict[str, list[tuple[str, ir.Node]]] = defaultdict(list)
        for path, module in project.modules.items():
            stack: list[ir.Node] = list(module.body)
            while stack:
                node = stack.pop()
                if isinstance(node, ir.Name):
                    if node.id in names:
                        found[node.id].append((path, node))
                    continue
                for name in names.intersection(_named_by(node)) if isinstance(node, _NAMING) else ():
                    found[name].append((path, node))
                stack += _inside(node) if isinstance(node, _NOT_WHOLE) else ir.children(node)
        return dict(found)

    def is_out_of_sight(self, path: str, node: ir.Node, unit: _Unit) -> bool:
        """Whether a file that has a name brings in none of the project's: a variable of its own, or from a library.

        A class that is made by a name which the file gets from nowhere is meant to be imported. A text means what the
        imports of its file lead to, where that has the name.
        """
        project = self._graph.project
        if isinstance(node, ir.Const):
            return self._means_namesake(path, unit)
        if not isinstance(node, ir.Name) or path == project.module_of[unit].path or path.endswith(".ipynb"):
            return False
        if isinstance(unit, ir.Class) and is_missing(self._graph, path, node.id):
            return False
        imports = (each for each in project.modules[path].nodes_of(ir.ImportFrom) if isinstance(each, ir.ImportFrom))
        brought = [each for each in imports for name, alias in each.names if (alias or name) in (node.id, "*")]
        return not any(self._may_be_own(path, each) for each in brought)

    def _means_namesake(self, path: str, unit: _Unit) -> bool:
        """Whether the imports of a file lead to others that have a name, and not to the one which is asked for."""
        project, own = self._graph.project, self._graph.project.module_of[unit].path
        if path == own or not self._homes.get(unit.name, set()) - {own}:
            return False
        if project.loaded_by(path) or packages_of_unwritten(project.modules[path].text):
            return False
        reached = project.reached([path])
        return own not in reached and not reached.isdisjoint(self._homes[unit.name])

    @cached_property
    def _homes(self) -> dict[str, set[str]]:
        """The files that have something of their own under a name."""
        found: dict[str, set[str]] = defaultdict(set)
        for path, module in self._graph.project.modules.items():
            for each in module.body:
                if isinstance(each, (ir.Class, ir.Function)):
                    found[each.name].add(path)
        return found

    def _may_be_own(self, path: str, imported: ir.ImportFrom) -> bool:
        """Whether names may come from a module of the project, or one that has the name of one of its files."""
        if imported.level or self._graph.project.find_module(path, imported.module) is not None:
            return True
        return imported.module.partition(".")[0] in self._words

    @cached_property
    def _words(self) -> set[str]:
        """The names of the files and folders of the project."""
        return {word for path in self._graph.project.modules for word in path.removesuffix(".py").split("/")}

    def is_of_others(self, node: ir.Node, unit: _Unit) -> bool:
        """Whether a name is that of a method of what a library has or made: `random.sample`, `action_space.sample`."""
        value = self._graph.events.value
        if not isinstance(node, ir.Attr) or self._lookups.is_lent(unit):
            return False
        held: ir.Expr = node
        while isinstance(held, ir.Attr) and not value(held).atoms:
            held = held.value
        known = value(held).atoms
        return bool(known) and all(isinstance(atom, (External, Result, Literal)) for atom in known)


def is_another(graph: ReplayGraph, node: ir.Node, unit: ir.Function | ir.Class) -> bool:
    """Whether a name stands for other classes and functions for certain."""
    atoms = graph.events.value(node).atoms if isinstance(node, (ir.Name, ir.Attr)) else frozenset()
    meant = {atom.node for atom in atoms if isinstance(atom, (ClassRef, Func))}
    return bool(meant) and len(meant) == len(atoms) and unit not in meant


def is_meant(graph: ReplayGraph, node: ir.Node, unit: ir.Function | ir.Class) -> bool:
    """Whether a name is known to stand for a class or function, whatever else it may stand for."""
    atoms = graph.events.value(node).atoms if isinstance(node, (ir.Name, ir.Attr)) else frozenset()
    return any(isinstance(atom, (ClassRef, Func)) and atom.node is unit for atom in atoms)


def is_no_method(graph: ReplayGraph, path: str, node: ir.Node, unit: ir.Function | ir.Class) -> bool:
    """Whether a name cannot be that of a method: a variable has it, outside of the class.

    Nor where it calls something that is no object of the class, by the tests that it stands under.
    """
    if isinstance(node, ir.Name):
        cls = graph.project.class_of.get(unit) if isinstance(unit, ir.Function) else None
        around = (each for each in graph.ancestors(path, node) if isinstance(each, (ir.Class, ir.Function, ir.Lambda)))
        return cls is not None and next(around, None) is not cls
    call = graph.parents(path).get(node)
    if (
        not isinstance(unit, ir.Function)
        or not isinstance(call, ir.Call)
        or call.func is not node
        or not isinstance(node, ir.Attr)
    ):
        return False
    if call in called_of_texts(graph.module(path)):
        return True
    site = graph.events.calls.get(call)
    is_target = site is not None and any(target.node is unit for target in site.targets)
    return is_target and site not in graph.callers.get(unit, ())


def _named_by(node: ir.Node) -> Iterator[str]:
    """The names that a node that is no plain name names by itself."""
    if isinstance(node, ir.Attr):
        yield node.attr
    elif isinstance(node, ir.Const) and isinstance(node.value, str) and _DOTTED.fullmatch(node.value):
        yield from _WORD.findall(node.value)
    elif isinstance(node, ir.ImportFrom):
        yield from (name for name, alias in node.names if alias not in (None, name))


def _inside(node: ir.Node) -> list[ir.Node]:
    """What is inside a node, but annotations, lists of what a file offers and what only asks for a class."""
    if isinstance(node, ir.Do) and isinstance(node.value, ir.Const):
        return []
    if isinstance(node, ir.Assign) and any(getattr(target, "id", "") == "__all__" for target in node.targets):
        return []
    if isinstance(node, ir.Call) and isinstance(node.func, ir.Name) and node.func.id in ("isinstance", "issubclass"):
        return list(node.args[:1])
    inside = ir.children(node)
    if isinstance(node, (ir.Assign, ir.Parameter, ir.Function)):
        told = node.returns if isinstance(node, ir.Function) else node.annotation
        return [child for child in inside if child is not told]
    return inside
