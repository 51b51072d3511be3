"""What code may find by names that are not written in it: of modules, of objects, and of whatever a text names."""

from __future__ import annotations

import posixpath
import re
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from per_audit.facts import ir
from per_audit.graph.interpret.values import ClassRef, External, Instance, Literal, ModuleRef, Result
from per_audit.source.imports import packages_of_unwritten

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from per_audit.facts import ModuleFacts
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.interpret.values import Atom
    from per_audit.graph.model import ReplayGraph

_Unit: TypeAlias = ir.Class | ir.Function

# What makes objects of classes, or calls functions, that a text names, of whatever file. A module that is imported by a
# name that is not written runs itself; what is in it is still named where it is used.
_BY_TEXT = (
    *("runpy.", "pydoc."),
    *(f"hydra.utils.{name}" for name in ("instantiate", "call", "get_class", "get_method", "get_object")),
)
_OF_FILE = {"eval", "exec", "globals", *(f"builtins.{name}" for name in ("eval", "exec", "globals"))}
_OF_ARGUMENT = ("inspect.getmembers", "operator.attrgetter")
_ATTRIBUTES = {"__subclasses__", "__getattribute__", "__dict__"}
_LOOKS_UP = (b"getattr(", b"vars(", b"locals(", *(name.encode() for name in sorted(_ATTRIBUTES)))
_IMPORTERS = ("importlib.", "builtins.__import__", "imp.", "sys.modules")
_DEEPEST = 3  # modules that a module has names of


class _Lookup(NamedTuple):
    """`held` is searched for a name; None stands for the names of a function or of the file."""

    path: str
    node: ir.Node
    held: ir.Expr | None


class Lookups:
    """Asked whether something may be found that no code names.

    `aside` are files that the program does not come to: what they look up is never found.
    """

    def __init__(self, graph: ReplayGraph, aside: Collection[str] = ()) -> None:
        self._graph = graph
        self._modules = {path: module for path, module in graph.project.modules.items() if path not in aside}
        self._known: dict[_Unit, bool] = {}

    def reach(self, unit: _Unit) -> bool:
        """Whether code may find a class or a function by a name that is not written out."""
        if unit not in self._known:
            is_method = isinstance(unit, ir.Function) and self._graph.project.class_of.get(unit) is not None
            reached = self._reach_of_class(unit) if is_method else self._reach_of_module(unit)
            self._known[unit] = self._is_told_by_text or reached
        return self._known[unit]

    def is_lent(self, unit: _Unit) -> bool:
        """Whether a library has objects of the class of a method, or of its heirs."""
        cls = self._graph.project.class_of.get(unit) if isinstance(unit, ir.Function) else None
        return cls is not None and not self._lent.isdisjoint({cls, *self._graph.classes.heirs(cls)})

    # ---------------------------------------------------------------- names of modules

    def _reach_of_module(self, unit: _Unit) -> bool:
        """Whether a name of a module may be found there."""
        return any(self._sees(path, unit) for path in self._searched) or any(
            self._is_heir_of(unit, each) for each in self._lookups if getattr(each.node, "attr", "") == "__subclasses__"
        )

    def _is_heir_of(self, unit: _Unit, lookup: _Lookup) -> bool:
        """Whether a class is among what `__subclasses__` gives."""
        if not isinstance(unit, ir.Class) or lookup.held is None:
            return False
        atoms = self._graph.events.value(lookup.held).atoms
        known = {atom.node for atom in atoms if isinstance(atom, ClassRef)}
        return len(known) < len(atoms) or not atoms or not known.isdisjoint(self._graph.classes.mro(unit))

    @cached_property
    def _searched(self) -> set[str]:
        """The modules whose names are looked up."""
        of_file = [site for site in self._sites if any(_is_of_file(name) for name in _called(site))]
        found = {site.path for site in of_file if not self._is_of_written(site)}
        for each in self._lookups:
            found |= {each.path} if each.held is None else self._modules_of(self._graph.events.value(each.held).atoms)
        for site in self._sites:
            if any(name.startswith(_OF_ARGUMENT) for name in site.names):
                found |= self._modules_of(frozenset().union(*(value.atoms for value in site.arguments[:1])))
        return found

    def _is_of_written(self, site: ev.CallSite) -> bool:
        """Whether `globals()` is asked whether it has a name, or for one that is written out."""
        around = self._graph.parents(site.path).get(site.node)
        if site.node.args:
            return False
        return isinstance(around, ir.Cmp) or (isinstance(around, ir.Sub) and isinstance(around.index, ir.Const))

    def _modules_of(self, atoms: frozenset[Atom]) -> set[str]:
        """The modules that a value may be: where it is not known, any that is used as a value somewhere."""
        if not atoms:
            return self._handed | self._imported_by_text
        found = {atom.path for atom in atoms if isinstance(atom, ModuleRef)}
        if any(isinstance(atom, (External, Result)) and atom.name.startswith(_IMPORTERS) for atom in atoms):
            found |= self._imported_by_text
        return found

    @cached_property
    def _handed(self) -> set[str]:
        """The modules that are named other than to read something of them."""
        found: set[str] = set()
        for path, module in self._modules.items():
            parents = self._graph.parents(path)
            for node in module.nodes_of(ir.Name, ir.Attr):
                if not isinstance(parents.get(node), ir.Attr):
                    atoms = self._graph.events.value(node).atoms
                    found |= {atom.path for atom in atoms if isinstance(atom, ModuleRef)}
        return found

    @cached_property
    def _imported_by_text(self) -> set[str]:
        """The modules that calls may import by names, or that may be taken from what is imported."""
        modules = self._graph.project.modules
        found: set[str] = set()
        for path, module in self._modules.items():
            for package in packages_of_unwritten(module.text):
                below = f"{posixpath.dirname(path)}/" if package == "." else f"/{package.replace('.', '/')}/"
                found |= {each for each in modules if not package or f"/{below}".replace("//", "/") in f"/{each}"}
            found.update(self._graph.project.loaded_by(path))
            if b"sys.modules" in module.text:
                found |= {path} if b"sys.modules[__name__]" in module.text else set(modules)
        return found

    def _sees(self, path: str, unit: _Unit, deepest: int = _DEEPEST, seen: frozenset[str] = frozenset()) -> bool:
        """Whether a module, or one that it has a name of, has a class or function among its own."""
        module = self._graph.project.modules.get(path)
        if module is None or path in seen:
            return False
        own = self._graph.project.module_of[unit].path
        is_below = self._graph.project.is_package(path) and own.startswith(f"{posixpath.dirname(path)}/")
        is_named = re.search(rb"\b%s\b" % re.escape(unit.name.encode()), module.text) is not None
        if own == path or is_below or (is_named and not self._has_namesake(path, unit)):
            return True
        if not deepest:
            return False
        return any(self._sees(each, unit, deepest - 1, seen | {path}) for each in self._imported_by(path))

    def _has_namesake(self, path: str, unit: _Unit) -> bool:
        """Whether a module gives the name of a class or function to another one for certain: its own, or an import."""
        if _defines(self._graph.module(path), unit.name):
            return True
        imports = (each for each in self._graph.module(path).nodes_of(ir.ImportFrom) if isinstance(each, ir.ImportFrom))
        brought = [each for each in imports if any((alias or name) == unit.name for name, alias in each.names)]
        homes = [self._graph.project.find_module(path, each.module, each.level) for each in brought]
        own, modules = self._graph.project.module_of[unit], self._graph.project.modules
        others = [modules.get(home) if home is not None else None for home in homes]
        return bool(others) and all(each is not own and _defines(each, unit.name) for each in others)

    def _imported_by(self, path: str) -> set[str]:
        find = self._graph.project.find_module
        found: set[str | None] = set()
        for node in self._graph.module(path).nodes_of(ir.Import, ir.ImportFrom):
            if isinstance(node, ir.Import):
                found |= {find(path, dotted) for dotted, _ in node.names}
            elif isinstance(node, ir.ImportFrom):
                whole = f"{node.module}." if node.module else ""
                found |= {find(path, f"{whole}{name}", node.level) for name, _ in node.names if name != "*"}
                found |= {find(path, node.module, node.level) for name, _ in node.names if name == "*"}
        return {each for each in found if each is not None}

    # ---------------------------------------------------------------- names of objects

    def _reach_of_class(self, method: _Unit) -> bool:
        """Whether a method may be called by a name that is not written: of an object that may be of its class."""
        if any(_is_of_file(name) or name.startswith(_OF_ARGUMENT) for site in self._sites for name in _called(site)):
            return True
        cls = self._graph.project.class_of.get(method) if isinstance(method, ir.Function) else None
        kin = {cls, *self._graph.classes.heirs(cls)} if cls is not None else set()
        for each in self._lookups:
            atoms = self._graph.events.value(each.held).atoms if each.held is not None else frozenset()
            own = {atom.node for atom in atoms if isinstance(atom, (Instance, ClassRef))}
            others = [atom for atom in atoms if not isinstance(atom, (Instance, ClassRef, ModuleRef, Literal))]
            is_open = others and (self.is_lent(method) or any(not isinstance(a, (External, Result)) for a in others))
            if (each.held is not None and not atoms) or kin & own or is_open:
                return True
        return False

    @cached_property
    def _lent(self) -> set[ir.Class]:
        """The classes of the objects that libraries are given or may make, or hold in attributes, and may give back."""
        graph = self._graph
        others = (site for site in self._sites if not site.targets and not site.classes)
        values = [value for site in others if not is_builtin(site) for value in site.arguments]
        assigned = (node for module in graph.project.modules.values() for node in module.nodes_of(ir.Assign))
        values += (
            graph.events.value(node.value)
            for node in assigned
            if isinstance(node, ir.Assign) and any(map(self._is_of_library, node.targets))
        )
        return {atom.node for value in values for atom in value.atoms if isinstance(atom, (Instance, ClassRef))}

    def _is_of_library(self, target: ir.Expr) -> bool:
        """Whether a target is a part of what a library has made."""
        held = self._graph.events.value(target.value).atoms if isinstance(target, (ir.Attr, ir.Sub)) else ()
        return any(isinstance(atom, (External, Result)) for atom in held)

    # ---------------------------------------------------------------- what looks names up

    @cached_property
    def _sites(self) -> list[ev.CallSite]:
        return [site for site in self._graph.events.calls.values() if site.path in self._modules]

    @cached_property
    def _is_told_by_text(self) -> bool:
        return any(name.startswith(_BY_TEXT) for site in self._sites for name in site.names)

    @cached_property
    def _lookups(self) -> list[_Lookup]:
        return [
            _Lookup(module.path, node, _searched(node))
            for module in self._modules.values()
            if any(mark in module.text for mark in _LOOKS_UP)
            for node in module.nodes
            if _looks_up(node) and not self._is_of_locals(module.path, node)
        ]

    def _is_of_locals(self, path: str, node: ir.Node) -> bool:
        """Whether a function looks through its own names, of which none is imported there."""
        held = node.value if isinstance(node, (ir.Attr, ir.Sub)) else None
        if held is None or not _is_call(held, "locals"):
            return False
        function = self._graph.symbols.function_of(path, node)
        imports = (ir.Import, ir.ImportFrom)
        return function is not None and not any(isinstance(part, imports) for part in ir.walk(function))


def _defines(module: ModuleFacts | None, name: str) -> bool:
    return module is not None and any(
        isinstance(each, (ir.Class, ir.Function)) and each.name == name for each in module.body
    )


def _is_of_file(name: str) -> bool:
    """Whether what has a name looks for others among those of the file that calls it."""
    return name in _OF_FILE or name.startswith("fire.")


def is_builtin(site: ev.CallSite) -> bool:
    """Whether a call is of what Python has itself, `len` or `print`, which keeps nothing of what it is given."""
    return bool(site.names) and all(name.startswith("builtins.") for name in site.names)


def _called(site: ev.CallSite) -> Iterable[str]:
    """The names of what a call calls, as far as they are not of the project."""
    own = {site.node.func.id} if isinstance(site.node.func, ir.Name) and not site.targets else set()
    return site.names | own


def _looks_up(node: ir.Node) -> bool:
    """Whether something is looked for by a name that is not written there, other than in its own object."""
    if isinstance(node, ir.Attr):
        is_of_names = _is_call(node.value, "locals") or (
            node.attr in ("get", "values") and _is_call(node.value, "vars")
        )
        return is_of_names or (node.attr in _ATTRIBUTES and getattr(node.value, "id", "") != "self")
    if isinstance(node, ir.Sub):
        return _is_call(node.value, "locals") or _is_call(node.value, "vars")
    if not isinstance(node, ir.Call) or not node.args or getattr(node.args[0].value, "id", "") == "self":
        return False
    return _is_call(node, "getattr") and len(node.args) > 1 and not isinstance(node.args[1].value, ir.Const)


def _searched(node: ir.Node) -> ir.Expr | None:
    """What `_looks_up` has seen a name looked for in; None for the names of a function."""
    if isinstance(node, ir.Call):
        return node.args[0].value
    held = node.value if isinstance(node, (ir.Attr, ir.Sub)) else None
    if isinstance(held, ir.Call) and isinstance(held.func, ir.Name) and held.func.id in ("locals", "vars"):
        return held.args[0].value if held.args else None
    return held


def _is_call(node: ir.Expr, name: str) -> bool:
    return isinstance(node, ir.Call) and getattr(node.func, "id", "") == name
