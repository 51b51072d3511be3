"""Where the value of a name was assigned: the definitions that may reach a use, and what calls give to parameters."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph

_BLOCKS = (ir.If, ir.For, ir.While, ir.Try, ir.Match)
_LOOPS = (ir.For, ir.While)
Places = tuple["int | str", ...]


@dataclass(frozen=True, slots=True)
class Definition:
    """An assignment to a name: the statement, the value, and which part of the value the name is."""

    node: ir.Node
    value: ir.Expr
    places: Places


@dataclass(slots=True)
class Reaching:
    """What a name may be: values with the part of each, and the parameter that it is."""

    values: list[tuple[ir.Expr, Places]] = field(default_factory=list)
    parameter: ir.Parameter | None = None


class Definitions:
    """The assignments of one project."""

    def __init__(self, graph: ReplayGraph) -> None:
        self.graph = graph
        self._tables: dict[ir.Node | str, dict[str, list[Definition]]] = {}

    def reaching(self, use: ir.Name, path: str) -> Reaching:
        """The definitions that may reach a use of a name, in its function or else in what is around it."""
        function: ev.Owner = self.graph.symbols.function_of(path, use)
        inside: ir.Node | None = use
        while True:
            found = self._in(function, path).get(use.id, [])
            parameter = next((p for p in getattr(function, "parameters", ()) if p.name == use.id), None)
            if found or parameter is not None:
                if inside is None:  # of a function around, any of its assignments
                    return Reaching([(d.value, d.places) for d in found], None)
                return self._chosen(found, parameter, use, path)
            if function is None:
                return Reaching()
            function, inside = self.graph.project.outer_of.get(function), None

    def assigned(self, node: ir.Node, attribute: str) -> list[tuple[ir.Expr, Places]]:
        """What a statement assigns to an attribute of that name, and which part of it."""
        if isinstance(node, ir.Aug):
            return [(node.value, ())]
        if not isinstance(node, ir.Assign) or node.value is None:
            return []
        return [
            (node.value, places)
            for target in node.targets
            for part, places in _targets(target)
            if isinstance(part, ir.Attr) and part.attr == attribute
        ]

    def _in(self, function: ev.Owner, path: str) -> dict[str, list[Definition]]:
        key = path if function is None else function
        table = self._tables.get(key)
        if table is None:
            table = defaultdict(list)
            body = (
                [] if isinstance(function, ir.Lambda) else function.body if function else self.graph.module(path).body
            )
            for name, definition in _definitions(body):
                table[name].append(definition)
            self._tables[key] = table
        return table

    def _chosen(self, found: list[Definition], parameter: ir.Parameter | None, use: ir.Name, path: str) -> Reaching:
        around = list(self.graph.ancestors(path, use))
        reached = set(around)
        before = [d for d in found if d.node.end <= use.start and not self._elsewhere(d.node, use, path)]
        before += [d for d in found if isinstance(d.node, (*_LOOPS, ir.Comp, ir.With)) and d.node in reached]
        before.sort(key=lambda d: d.node.start)
        sure = [d for d in before if self._dominates(d.node, reached, path)]
        last = sure[-1] if sure else None
        chosen = [d for d in before if last is None or d.node.start >= last.node.start]
        for loop in around:
            if isinstance(loop, _LOOPS) and (last is None or not loop.start < last.node.start < loop.end):
                chosen += [d for d in found if loop.start < d.node.start < loop.end and d not in chosen]
        return Reaching([(d.value, d.places) for d in chosen], parameter if last is None else None)

    def _dominates(self, node: ir.Node, reached: set[ir.Node], path: str) -> bool:
        """Whether a definition is made whenever its use is reached."""
        if node in reached:
            return True
        return all(a in reached for a in self.graph.ancestors(path, node) if isinstance(a, _BLOCKS))

    def _elsewhere(self, node: ir.Node, use: ir.Node, path: str) -> bool:
        """Whether a definition stands in the other branch of a test than the use."""
        return any(
            isinstance(around, ir.If)
            and around.start <= use.start < around.end
            and _side(around, node) != _side(around, use)
            for around in self.graph.ancestors(path, node)
        )


def _side(node: ir.If, inner: ir.Node) -> int:
    for place, block in enumerate((node.body, node.orelse)):
        if any(s.start <= inner.start < s.end for s in block):
            return place
    return 2


def _definitions(body: list[ir.Stmt]) -> Iterator[tuple[str, Definition]]:
    for node in ir.walk_scope(body):
        pairs: list[tuple[ir.Expr, ir.Expr, Places]] = []
        if isinstance(node, ir.Assign) and node.value is not None:
            pairs += [(target, node.value, ()) for target in node.targets]
        elif isinstance(node, ir.Aug):
            pairs += [(node.target, node.value, ()), (node.target, node.target, ())]
        elif isinstance(node, ir.For):
            pairs.append((node.target, node.iter, ("*",)))
        elif isinstance(node, ir.With):
            pairs += [(item.target, item.value, ()) for item in node.items if item.target is not None]
        elif isinstance(node, ir.Walrus):
            pairs.append((node.target, node.value, ()))
        elif isinstance(node, ir.Comp):
            pairs += [(generator.target, generator.iter, ("*",)) for generator in node.generators]
        for target, value, places in pairs:
            for part, inner in _targets(target):
                if isinstance(part, ir.Name):
                    yield part.id, Definition(node, value, (*places, *inner))


def _targets(target: ir.Expr, places: Places = ()) -> Iterator[tuple[ir.Expr, Places]]:
    """The names and attributes of a target, each with the part of the value that it gets."""
    if isinstance(target, ir.Seq):
        for place, item in enumerate(target.items):
            yield from _targets(item, (*places, place))
    else:
        yield target, places


def positions_of(graph: ReplayGraph, call: ir.Call, function: ir.Function) -> dict[str, tuple[ir.Expr, ...]]:
    """The expressions that a call gives to each parameter of a function; of `*rest` all that are left."""
    parameters = function.parameters[1 if graph.symbols.takes_self(function) else 0 :]
    plain = [p for p in parameters if not p.kind and not p.keyword_only]
    found: dict[str, tuple[ir.Expr, ...]] = {}
    rest: list[ir.Expr] = []
    for arg in call.args:
        if arg.keyword is not None:
            found[arg.keyword] = (arg.value,)
        elif arg.star:
            break
        elif len(found) < len(plain) and plain[len(found)].name not in found:
            found[plain[len(found)].name] = (arg.value,)
        else:
            rest.append(arg.value)
    for parameter in parameters:
        if parameter.kind == "*":
            found[parameter.name] = tuple(rest)
    return found
