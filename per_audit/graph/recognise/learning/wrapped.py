"""Memories whose draws go through what is handed to them: of such a chain one may choose by priority what is drawn."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from per_audit.facts import ir
from per_audit.graph.interpret.values import Func, Instance
from per_audit.graph.libraries.buffers import is_test

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Set

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.interpret.values import Value
    from per_audit.graph.model import ReplayGraph

# A call that gives a memory what draws by priority in its place, and the class or function that this is of.
Handed: TypeAlias = "tuple[ev.CallSite, ir.Class | ir.Function]"


class Wrappers:
    """Asked what makes a memory draw by priority without being one; `weighted` are the functions that draw so."""

    def __init__(self, graph: ReplayGraph, weighted: Callable[[], Set[ev.Owner]]) -> None:
        self._graph = graph
        self._weighted = weighted

    def handed(self, owner: ir.Class | None) -> list[Handed]:
        """The calls by which an object of a class is given what draws by priority in its place; tests come last."""
        if owner is None or not self._handed:
            return []
        classes = self._graph.classes
        kin = {*classes.mro(owner), *classes.heirs(owner)}
        found = [each for cls, given in self._handed.items() if cls in kin for each in given]
        return sorted(found, key=lambda each: (is_test(each[0].path), each[0].path, each[0].node.start))

    @cached_property
    def _handed(self) -> dict[ir.Class, list[Handed]]:
        ahead = {each for each in self._weighted() if isinstance(each, ir.Function) and _goes_on(each)}
        found: dict[ir.Class, list[Handed]] = defaultdict(list)
        for site in self._graph.events.calls.values() if ahead else ():
            holders = [atom.node for atom in site.receiver.atoms if isinstance(atom, Instance)]
            for value in site.arguments if holders else ():
                for given in self._drawing(value, ahead):
                    for holder in holders:
                        found[holder].append((site, given))
        return found

    def _drawing(self, value: Value, functions: Set[ev.Owner]) -> Iterator[ir.Class | ir.Function]:
        """What a value is that has one of the methods, or is one of the functions."""
        for atom in value.atoms:
            if isinstance(atom, Func) and isinstance(atom.node, ir.Function) and atom.node in functions:
                yield atom.node
            elif isinstance(atom, Instance):
                classes = self._graph.classes.mro(atom.node)
                if any(part in functions for cls in classes for part in cls.body if isinstance(part, ir.Function)):
                    yield atom.node


def _goes_on(function: ir.Function) -> bool:
    """Whether a function calls what it is given: the next of a chain, which looks up what was chosen here."""
    given = {parameter.name for parameter in function.parameters}
    calls = (part.func for part in ir.walk_scope(function.body) if isinstance(part, ir.Call))
    return any(isinstance(func, ir.Name) and func.id in given for func in calls)
