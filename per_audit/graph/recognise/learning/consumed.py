"""What becomes of a batch that was drawn: the names that it is taken apart into, and the fields that are read of it."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.known.draws import is_repeated, takes_many
from per_audit.graph.interpret.roles import DONE, NEXT, POLICY, name_of, role_of, role_of_name
from per_audit.graph.interpret.values import Alloc, Columns, Drawn, Item, TupleOf
from per_audit.graph.recognise.learning.bootstrapped import bootstrapped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.interpret.values import Value
    from per_audit.graph.model import ReplayGraph

_DISCOUNTS = ("gamma", "gammas")
_FEWEST_NAMED = 4  # fields that are named one by one


class Consumed:
    """What a project does with what it draws. `unpacks` are the displays that take a batch of each draw apart."""

    def __init__(self, graph: ReplayGraph) -> None:
        self.graph = graph
        self.events = graph.events
        self.project = graph.project
        self._returned: dict[ev.Owner, set[ir.Seq]] = {}
        self.unpacks: dict[ir.Node, list[ev.Unpack]] = defaultdict(list)
        for unpack in self.events.unpacks.values():
            if len(unpack.node.items) >= 3:
                for node in self._taken_apart(unpack.value):
                    self.unpacks[node].append(unpack)
        self.fields: dict[ir.Node, set[str]] = defaultdict(set)
        for read in self.events.reads.values():
            for node in read.draws:
                self.fields[node].add(read.name)

    def _taken_apart(self, value: Value, depth: int = 2) -> set[ir.Node]:
        """The draws of which the value is an element, the batch, its columns, or what the drawing function returned."""
        found: set[ir.Node] = set()
        for atom in value.atoms:
            if isinstance(atom, (Item, Drawn)):
                found.add(atom.draw)
            elif isinstance(atom, Columns) and depth:
                rows = self.graph.interpreter.parts.element(atom.rows)
                found |= self._taken_apart(rows, depth - 1)
            elif isinstance(atom, TupleOf) and len(atom.items) >= 4:
                tagged = (item.tagged("draw") | item.tagged("index") for item in atom.items)
                found |= {node for node in frozenset.intersection(*tagged) if self._is_returned(atom.node, node)}
            elif isinstance(atom, Alloc) and isinstance(atom.node, ir.Comp) and depth and _is_of_each(atom.node):
                found |= self._taken_apart(self.events.value(atom.node.generators[0].iter), depth - 1)
        return found

    def _is_returned(self, display: ir.Node, draw: ir.Node) -> bool:
        """Whether the display stands in a return statement of the function that draws."""
        site = self.events.draws.get(draw) or self.events.masses.get(draw)
        if site is None or site.function is None:
            return False
        if site.function not in self._returned:
            returns = self.events.returns.get(site.function, {})
            self._returned[site.function] = {n for r in returns for n in ir.walk(r) if isinstance(n, ir.Seq)}
        return display in self._returned[site.function]

    def roles(self, draws: Iterable[ir.Node]) -> set[str]:
        """The roles of the names that drawn transitions are taken apart into, or that their fields are read by.

        Fields say so of batches of which one is of the next step: many a data set has rewards, and what an
        environment does depends on the one action that was drawn.
        """
        draws = list(draws)
        unpacks = [unpack for draw in draws for unpack in self.unpacks.get(draw, ())]
        roles = {role for unpack in unpacks for item in unpack.node.items if (role := _role_of_column(item))}
        batches = [d for d in draws if self.takes_batch(d)]
        read = {role for draw in batches for name in self.fields.get(draw, ()) if (role := role_of_name(name))}
        for draw in batches:
            for named in self._named.get(draw, {}).values():
                read |= named if len(named) >= _FEWEST_NAMED else set()
        return roles | read if NEXT in read or POLICY in read else roles

    def is_bootstrapped(self, draws: Iterable[ir.Node], *, unspoken: bool = False) -> bool:
        """Whether a discounted part of a batch that a draw takes at once is added to its reward, be that `unspoken`."""
        known = self._bootstrapped
        return any(known[draw] or unspoken for draw in draws if draw in known and self.takes_batch(draw))

    @cached_property
    def _bootstrapped(self) -> dict[ir.Node, bool]:
        return bootstrapped(self.graph)

    def takes_batch(self, node: ir.Node) -> bool:
        """Whether a draw takes a batch at once, or by its sums one transition of it after the other."""
        made = self.events.draws.get(node)
        if made is None:
            return node in self.events.masses
        return takes_many(made.node, made.method) or is_repeated(
            made.node, self.graph.parents(made.path).get(made.node)
        )

    @cached_property
    def _named(self) -> dict[ir.Node, dict[ev.Owner, set[str]]]:
        """The roles of the names that a function gives to numbered parts of a batch: `rewards = batch[:, 2]`."""
        found: dict[ir.Node, dict[ev.Owner, set[str]]] = defaultdict(lambda: defaultdict(set))
        for module in self.project.modules.values():
            naming: dict[ir.Node, list[tuple[ir.Node, str]]] = {
                node: named for node in module.nodes_of(ir.Assign) if (named := self._naming(node))
            }
            if not naming:
                continue
            scopes: list[tuple[ev.Owner, list[ir.Stmt]]] = [(None, module.body)]
            scopes += [(f, f.body) for f in self.project.functions if self.project.module_of[f] is module]
            for function, body in scopes:
                for node in ir.walk_scope(body):
                    for draw, role in naming.get(node, ()):
                        found[draw][function].add(role)
        return found

    def named(self, draws: Iterable[ir.Node], function: ir.Function) -> list[ir.Expr]:
        """The names that a function gives to numbered parts of what was drawn."""
        wanted = set(draws)
        assigned = (node for node in ir.walk_scope(function.body) if isinstance(node, ir.Assign))
        return [each.targets[0] for each in assigned if any(draw in wanted for draw, _ in self._naming(each))]

    def _naming(self, node: ir.Assign) -> list[tuple[ir.Node, str]]:
        """The draws of which an assignment names a numbered part, and the role of that name."""
        target = node.targets[0]
        role = role_of_name(target.id) if isinstance(target, ir.Name) and len(node.targets) == 1 else None
        if role is None or node.value is None:
            return []
        parts = (part for part in ir.walk(node.value) if isinstance(part, ir.Sub) and _is_numbered(part))
        return [(draw, role) for part in parts for draw in self.events.value(part).tagged("draw")]

    def columns(self, draw: ir.Node) -> set[str]:
        """The roles of the lists that parts of what was drawn are put into, one by one."""
        return {
            role
            for store in self.events.stores.values()
            if isinstance(store.node, ir.Call)
            and isinstance(store.node.func, ir.Attr)
            and draw in store.value.tagged("draw")
            and (role := role_of(store.node.func.value)) is not None
        }


def _is_of_each(node: ir.Comp) -> bool:
    """Whether a comprehension does the same to each part of one thing: it has as many parts, in their order."""
    return node.kind in ("list", "generator") and len(node.generators) == 1 and not node.generators[0].ifs


def _role_of_column(item: ir.Expr) -> str | None:
    """The role of a part of a batch: its discounts say where episodes end, be they called by the Greek letter."""
    return DONE if name_of(item) in _DISCOUNTS else role_of(item)


def _is_numbered(node: ir.Sub) -> bool:
    """Whether a subscript has a number, alone or for the columns."""
    index = node.index.items[-1] if isinstance(node.index, ir.Seq) and node.index.items else node.index
    return isinstance(index, ir.Const) and isinstance(index.value, int) and not isinstance(index.value, bool)
