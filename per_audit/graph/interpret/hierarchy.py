"""The classes of a project: their bases as far as they are known, their heirs, and which methods their objects have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.values import ClassRef, External

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from per_audit.graph.interpret.entries import Entry
    from per_audit.graph.interpret.reruns import Reruns
    from per_audit.graph.interpret.values import Atom, Value


_IDLE_BASES = ("builtins.object", "abc.ABC", "typing.Generic", "typing.Protocol")  # call no method of their heirs


class Hierarchy:
    """What statements of classes have told so far; `reruns` hears who asks and what changes.

    `ordered` puts atoms in a fixed order.
    """

    def __init__(self, reruns: Reruns[Entry], ordered: Callable[[frozenset[Atom]], Iterable[Atom]]) -> None:
        self._heirs: dict[ir.Class, list[ir.Class]] = {}
        self._reruns = reruns
        self._ordered = ordered
        self._mro: dict[ir.Class, list[ir.Class]] = {}
        self._methods: dict[ir.Class, dict[str, ir.Function]] = {}
        self._defined: dict[ir.Class, dict[str, ir.Function]] = {}
        self._bases: dict[ir.Class, list[Value]] = {}
        self._decorators: dict[ir.Function, frozenset[str]] = {}
        self._called: dict[ir.Function, frozenset[str]] = {}

    def begin(self) -> None:
        """A round begins: orders of bases and methods are made anew."""
        self._mro.clear()
        self._methods.clear()

    def bases(self, node: ir.Class) -> list[Value]:
        """The values of a class's bases."""
        return self._bases.get(node, [])

    def set_bases(self, node: ir.Class, bases: list[Value]) -> None:
        """Remember the bases of a class when its statement is run; whoever has asked before is run again."""
        if node in self._mro and self._bases.get(node, []) != bases:
            self._reruns.touch("bases")
        self._bases[node] = bases

    def mro(self, node: ir.Class) -> list[ir.Class]:
        """The class and its bases in the project, nearest first."""
        self._reruns.note_read("bases")
        known = self._mro.get(node)
        if known is None:
            known = [node]
            self._mro[node] = known
            for base in self.bases(node):
                for atom in self._ordered(base.atoms):
                    if isinstance(atom, ClassRef):
                        known += [c for c in self.mro(atom.node) if c not in known]
        return known

    def external_bases(self, node: ir.Class) -> set[str]:
        """The names of the library classes among a class's ancestors, but for those that do nothing with it."""
        return {
            atom.name
            for cls in self.mro(node)
            for base in self.bases(cls)
            for atom in base.atoms
            if isinstance(atom, External) and atom.name not in _IDLE_BASES
        }

    def find_method(self, node: ir.Class, name: str) -> ir.Function | None:
        """The method that an object of the class answers with, by the order of its bases."""
        self._reruns.note_read("bases")
        known = self._methods.get(node)
        if known is None:
            known = self._methods[node] = {}
            for cls in reversed(self.mro(node)):
                if cls not in self._defined:
                    self._defined[cls] = _defined(cls)
                known.update(self._defined[cls])
        return known.get(name)

    def decorators(self, node: ir.Function) -> frozenset[str]:
        """The plain names that decorate a function."""
        known = self._decorators.get(node)
        if known is None:
            known = self._decorators[node] = frozenset(d.id for d in node.decorators if isinstance(d, ir.Name))
        return known

    def heirs(self, node: ir.Class) -> Sequence[ir.Class]:
        """The classes that the class is a base of, near or far, as of the last `find_heirs`."""
        return self._heirs.get(node, ())

    def heirs_with(self, node: ir.Class, function: ir.Function, most: int) -> list[ir.Class]:
        """Heirs that have a method of the class as it stands, so many at most.

        Those come first in whose objects it, or what it calls of them, calls a method that is run for none before.
        """
        heirs = [heir for heir in self.heirs(node) if self.find_method(heir, function.name) is function]
        if len(heirs) <= most:
            return heirs
        seen = self._answering(node, function)
        other: list[ir.Class] = []
        for heir in heirs:
            answering = self._answering(heir, function)
            if not answering <= seen:
                seen |= answering
                other.append(heir)
        return [*other, *(heir for heir in heirs if heir not in other)][:most]

    def _answering(self, node: ir.Class, function: ir.Function) -> set[ir.Function]:
        """The methods that one calls of its own object where that is of a class, and those that these call."""
        found = {function}
        ahead = [function]
        while ahead:
            called = (self.find_method(node, name) for name in self._names_called(ahead.pop()))
            more = {method for method in called if method is not None} - found
            found |= more
            ahead += more
        return found

    def _names_called(self, function: ir.Function) -> frozenset[str]:
        """The names of the methods that a method calls of its own object."""
        known = self._called.get(function)
        if known is None:
            own = function.parameters[0].name if function.parameters else ""
            known = self._called[function] = frozenset(
                part.func.attr
                for part in ir.walk(*function.body)
                if isinstance(part, ir.Call)
                and isinstance(part.func, ir.Attr)
                and isinstance(part.func.value, ir.Name)
                and part.func.value.id == own
            )
        return known

    def kin(self, node: ir.Class) -> set[ir.Class]:
        """The class, its bases in the project and its heirs: what its objects may have in common."""
        return {*self.mro(node), *self.heirs(node)}

    def find_heirs(self, classes: Sequence[ir.Class]) -> None:
        """Look for the heirs of all classes; whoever has asked for some that changed is run again."""
        before = dict(self._heirs)
        self._heirs.clear()
        for node in classes:
            for base in self.mro(node)[1:]:
                self._heirs.setdefault(base, []).append(node)
        for base in classes:
            if before.get(base) != self._heirs.get(base):
                self._reruns.touch(("heirs", base))


def _defined(cls: ir.Class) -> dict[str, ir.Function]:
    """What a class defines as methods, by name: the last, which hides the others; not stubs and setters beside it."""
    beside = {"overload", "setter", "deleter"}
    return {
        s.name: s
        for s in cls.body
        if isinstance(s, ir.Function) and not any(ir.last_name(d) in beside for d in s.decorators)
    }
