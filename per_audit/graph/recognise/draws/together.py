"""Which of the containers that one draw may read belong together: the fields of a transition lie side by side.

What is drawn may lead far, by way of names that a model of the project cannot tell apart: a letter that becomes a
formula, an automaton, and the key of many tables. The reward of one and the next state of another make no transition.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator

    from per_audit.facts import ir
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.interpret.values import Alloc
    from per_audit.graph.model import ReplayGraph


class Together:
    """Groups containers by what holds them, fills them, or reads them at positions that were drawn."""

    def __init__(self, graph: ReplayGraph, holders: dict[Alloc, set[ir.Class]]) -> None:
        self.graph = graph
        self.holders = holders

    def groups(self, containers: Iterable[Alloc], drawing: ev.Owner) -> list[set[Alloc]]:
        """The containers that one class holds, or one function fills or reads: a container may be in several.

        What the function that draws has read for it, or a method for its object, counts as read there; a program calls
        all sorts of things.
        """
        groups: dict[Hashable, set[Alloc]] = defaultdict(set)
        for container in containers:
            for key in self._keys(container):
                groups[key].add(container)
            for caller in self._callers.get(container, ()):
                if caller is drawing or caller in self.graph.project.class_of:
                    groups[caller].add(container)
        return list(groups.values())

    def _keys(self, container: Alloc) -> Iterator[Hashable]:
        yield container.node
        for cls in self.holders.get(container, ()):
            yield from self.graph.classes.mro(cls)
        yield from self._places.get(container, ())

    @cached_property
    def _places(self) -> dict[Alloc, set[Hashable]]:
        """The functions that fill a container or read it."""
        places: dict[Alloc, set[Hashable]] = defaultdict(set)
        events: list[ev.Store | ev.Gather] = [*self.graph.events.stores.values(), *self.graph.events.gathers.values()]
        for event in events:
            places[event.container].add(event.function or event.path)
        return places

    @cached_property
    def _callers(self) -> dict[Alloc, set[ev.Owner]]:
        """The functions that have a container read for them."""
        callers: dict[Alloc, set[ev.Owner]] = defaultdict(set)
        for gather in self.graph.events.gathers.values():
            sites = self.graph.callers.get(gather.function, ()) if gather.function is not None else ()
            callers[gather.container].update(site.function for site in sites)
        return callers
