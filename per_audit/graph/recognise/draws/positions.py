"""Of which draws the positions are at which a container is read."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret import events as ev
from per_audit.graph.interpret.known.draws import is_repeated, takes_many
from per_audit.graph.interpret.roles import ACTION, role_of

if TYPE_CHECKING:
    from per_audit.graph.model import ReplayGraph


class Positions:
    """Asked of what is read at a position which draws that is of."""

    def __init__(self, graph: ReplayGraph) -> None:
        self._graph = graph
        self._read_elsewhere: dict[tuple[ir.Node, ev.Owner], bool] = {}

    def draws_of(self, gather: ev.Gather) -> set[ir.Node]:
        """The draws of the positions read: those of the class that reads, where it draws any itself.

        What it is given beside them, such as errors that depend on an action drawn elsewhere, is no position; nor is
        one number that was drawn where nothing leads to the reading, such as that action.
        """
        reader = self._graph.project.class_of.get(gather.function) if gather.function is not None else None
        family = set(self._graph.classes.mro(reader)) if reader is not None else set()
        makers = {
            node: self._graph.events.draws.get(node) or self._graph.events.masses.get(node) for node in gather.draws
        }
        makers = {
            node: made
            for node, made in makers.items()
            if not self._elsewhere(node, made, gather.function) and not self._is_column(node, made, gather)
        }
        own = {
            n
            for n, made in makers.items()
            if made and made.function and self._graph.project.class_of.get(made.function) in family
        }
        return self._rows(own or set(makers), gather)

    def steps_of(self, gather: ev.Gather) -> set[ir.Node]:
        """The draws of the second of two positions by probabilities, where the first was drawn: a step of an episode.

        They are none of `draws_of`, nor is what is read of one field that is no action: where a goal was reached.
        """
        index = gather.node.index if isinstance(gather.node, ir.Sub) else None
        if not isinstance(index, ir.Seq) or not _may_be_actions(gather.node):
            return set()
        first, *others = (self._graph.events.value(item).tagged("index") for item in index.items)
        draws = self._graph.events.draws
        found = set().union(*others) - first if first else set()
        return {node for node in found if (made := draws.get(node)) is not None and made.weighted}

    def _rows(self, draws: set[ir.Node], gather: ev.Gather) -> set[ir.Node]:
        """Without those that only choose among the columns of rows drawn before: one of several environments."""
        index = gather.node.index if isinstance(gather.node, ir.Sub) else None
        if not isinstance(index, ir.Seq):
            return draws
        return draws & self._graph.events.value(index.items[0]).tagged("index") or draws

    def _is_column(self, node: ir.Node, made: ev.Draw | ev.Mass | None, gather: ev.Gather) -> bool:
        """Whether one number is the second of two and called an action: that in a table of states and actions.

        What a memory of several agents is read at is as well the second of two.
        """
        index = gather.node.index if isinstance(gather.node, ir.Sub) else None
        if not isinstance(index, ir.Seq) or not isinstance(made, ev.Draw) or takes_many(made.node, made.method):
            return False
        first = index.items[0]
        drawn = [item for item in index.items if node in self._graph.events.value(item).tagged("index")]
        acts = any(role_of(item) == ACTION for item in drawn)
        return acts and first not in drawn and isinstance(first, (ir.Name, ir.Attr, ir.Call))

    def _elsewhere(self, node: ir.Node, made: ev.Draw | ev.Mass | None, reading: ev.Owner) -> bool:
        known = self._read_elsewhere.get((node, reading))
        if known is None:
            known = self._read_elsewhere[node, reading] = self._is_elsewhere(made, reading)
        return known

    def _is_elsewhere(self, made: ev.Draw | ev.Mass | None, reading: ev.Owner) -> bool:
        """Whether a single number is drawn in a function that neither reads, nor calls or is called by what reads.

        One that a constructor draws is a seed or a start.
        """
        if not isinstance(made, ev.Draw) or made.weighted or takes_many(made.node, made.method):
            return False
        if self._is_of_many(made) or made.node in self._listed:
            return False
        if getattr(made.function, "name", "") == "__init__" and reading is not made.function:
            return True
        sites = self._graph.callers.get(made.function, ())
        if any(self._is_asked_for_many(site, made, reading) for site in sites):
            return False
        return reading not in {site.function for site in sites} | {made.function} | self._graph.reachable(
            made.function, 2
        )

    def _is_asked_for_many(self, site: ev.CallSite, made: ev.Draw, reading: ev.Owner) -> bool:
        """Whether what reads asks a method of its own for so many positions: `[self._start() for _ in range(n)]`."""
        class_of = self._graph.project.class_of
        if made.function is None or reading is None or class_of.get(made.function) is not class_of.get(reading):
            return False
        around = self._graph.parents(site.path).get(site.node)
        return is_repeated(site.node, around) and made.node in self._graph.events.value(site.node).tagged("index")

    def _is_of_many(self, made: ev.Draw) -> bool:
        """Whether a comprehension draws many numbers one by one; beside others in a tuple each may be of any use."""
        for around in self._graph.ancestors(made.path, made.node):
            if isinstance(around, ir.Comp):
                return True
            if isinstance(around, ir.Seq) and len(around.items) > 1:
                return False
        return False

    @cached_property
    def _listed(self) -> set[ir.Node]:
        """The draws of single numbers that their function puts into a list one by one, which it returns: no actions."""
        events = self._graph.events
        found: set[ir.Node] = set()
        for store in events.stores.values():
            if store.how != "append" or store.container.kind != "list" or not isinstance(store.node, ir.Call):
                continue
            acts = isinstance(store.node.func, ir.Attr) and role_of(store.node.func.value) == ACTION
            returned = events.returns.get(store.function, {}).values()
            if not acts and any(store.container in value.atoms for value in returned):
                drawn = filter(None, map(events.draws.get, store.value.tagged("index")))
                found |= {made.node for made in drawn if made.function is store.function}
        return found


def _may_be_actions(node: ir.Node) -> bool:
    """Whether what is read is called actions, or by a key that is not written: `{k: table[k][at] for k in table}`."""
    table = node.value if isinstance(node, ir.Sub) else None
    return not (isinstance(table, ir.Sub) and isinstance(table.index, ir.Const)) or role_of(table) == ACTION
