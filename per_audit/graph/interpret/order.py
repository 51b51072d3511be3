"""One order for what a value may be, the same in each run: sets have none, and what is met first is followed first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from per_audit.facts import ir
from per_audit.graph.interpret.values import ClassRef, Func, Instance, Literal, RecordType, Super

if TYPE_CHECKING:
    from collections.abc import Collection

    from per_audit.graph.interpret.values import Atom
    from per_audit.graph.project import Project

_Atom = TypeVar("_Atom", bound="Atom")
_Place = tuple[str, int, str, int, str, str]


class _Spot(NamedTuple):
    path: str
    start: int
    end: int


class Order:
    """Puts atoms and nodes in order.

    In a large project where not all ways are followed, the order says which are: one that changed from run to run,
    as that of sets does, would change what is found.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._known: dict[frozenset[Any], list[Any]] = {}

    def atoms(self, atoms: frozenset[_Atom]) -> Collection[_Atom]:
        """The atoms: those that stand for functions and classes of the project come last, by their places."""
        if len(atoms) < 2:
            return atoms
        known = self._known.get(atoms)
        if known is None:
            known = self._known[atoms] = sorted(atoms, key=self._place)
        return known

    def nodes(self, nodes: Collection[ir.Node]) -> Collection[ir.Node]:
        """The nodes by their places."""
        return sorted(nodes, key=self._spot) if len(nodes) > 1 else nodes

    def _place(self, atom: Atom) -> _Place:
        """Where the function or class that an atom stands for is defined, and that of its owner; else what it is."""
        if isinstance(atom, Func):
            owner = self._defined(atom.owner.node) if atom.owner is not None else ("", 0)
            return *self._defined(atom.node), *owner, "", ""
        if isinstance(atom, (Instance, ClassRef, Super)):
            return *self._defined(atom.node), "", 0, atom.sort, ""
        return "", 0, "", 0, type(atom).__name__, self._said(atom)

    def _said(self, atom: Atom) -> str:
        """What tells an atom from others of its kind."""
        if isinstance(atom, Literal):
            return f"{type(atom.value).__name__} {atom.value!r}"
        parts = (self._spot(part) if isinstance(part, ir.Node) else part for part in atom)
        return " ".join(repr(part) for part in parts if isinstance(part, (str, _Spot, RecordType)))

    def _defined(self, node: ir.Node) -> tuple[str, int]:
        module = self._project.module_of.get(node)
        return (module.path if module is not None else ""), node.start

    def _spot(self, node: ir.Node) -> _Spot:
        return _Spot(self._project.path_of(node) or "", node.start, node.end)
