"""Where an object is made: a loop around that goes through several objects, and a caller of it begins another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from per_audit.facts import ir

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

_MAX_DEPTH = 8


class Made(NamedTuple):
    """A node that makes an object, by itself or in what it calls, and the attributes that hold the object then."""

    path: str
    node: ir.Node
    function: ev.Owner
    kept: frozenset[str] = frozenset()


class Lives:
    """Where an object is made anew, as far as that is written: what is done outside of that is done to other objects.

    `parts` are the nodes that make each of its containers: it is another object where all of them are others.
    """

    def __init__(self, graph: ReplayGraph, parts: Iterable[Iterable[Made]]) -> None:
        self.graph = graph
        self._parts = [self._outwards(part) for part in parts]

    @classmethod
    def of_buffer(cls, graph: ReplayGraph, buffer: ReplayBuffer) -> Lives:
        """Of the containers that are drawn from, or of the library's buffer that the draws belong to."""
        known = graph.lives.get(buffer)
        if known is None:
            known = graph.lives[buffer] = cls(graph, cls._parts_of(graph, buffer))
        return known

    @staticmethod
    def _parts_of(graph: ReplayGraph, buffer: ReplayBuffer) -> list[list[Made]]:
        draws = [graph.events.draws.get(draw) for draw in buffer.draws]
        drawn = {each for draw in draws if draw is not None for each in draw.containers} & buffer.containers
        parts: list[list[Made]] = []
        for container in drawn or buffer.containers:
            path = graph.path_of(container.node) or buffer.path
            function = graph.symbols.function_of(path, container.node)
            if function is None and buffer.owner is not None:  # a field in the body of the class
                parts.append([Made(site.path, site.node, site.function) for site in buffer.instances])
            else:
                parts.append([Made(path, container.node, function)])
        if not parts:
            ready = [each for each in graph.library if any(site.node in buffer.draws for site in each.samples)]
            parts = [[Made(each.path, each.node, each.function)] for each in ready]
        return parts

    @classmethod
    def of_class(cls, graph: ReplayGraph, made: ir.Class | None) -> Lives:
        """Of the objects of a class."""
        sites = [site for site in graph.events.calls.values() if made in site.classes]
        return cls(graph, [[Made(site.path, site.node, site.function) for site in sites]])

    def begin_in(self, path: str, around: ir.Node | None, node: ir.Node, used: frozenset[str]) -> bool:
        """Whether each pass of a loop, or each call of the function, makes the object that a node in it works on.

        `used` are the names that are read on the way from the node down to where the object is used.
        """
        return bool(self._parts) and all(
            any(made.path == path and self._is_begun(made, around, node, used) for made in part) for part in self._parts
        )

    def holder(self, function: ev.Owner) -> ir.Class | None:
        """The class around a method, where objects of it make one each for themselves and keep it."""
        class_of = self.graph.project.class_of
        cls = class_of.get(function) if function is not None else None
        if cls is None or not self._parts:
            return None
        related = {part for part in ir.walk(*self.graph.classes.mro(cls)) if isinstance(part, ir.Function)}
        return cls if all(any(made.function in related for made in part) for part in self._parts) else None

    def _outwards(self, part: Iterable[Made]) -> list[Made]:
        """The nodes that make it, and the calls that get there each time that they are made."""
        edge = list(part)
        found = {made.node: made for made in edge}
        for _ in range(_MAX_DEPTH):
            reached: list[Made] = []
            for made in edge:
                if made.function is None or self._is_skipped(made, made.function):
                    continue
                sites = [site for site in self.graph.callers.get(made.function, ()) if site.node not in found]
                kept = frozenset(held for held in self._holders(made) if held[0] == ".") if sites else frozenset()
                reached += [Made(site.path, site.node, site.function, kept) for site in sites]
            # On several ways to a call that hold the object alike, the same follows; of other ways the last one counts.
            edge = list(dict.fromkeys(reversed(reached)))[::-1]
            found |= {made.node: made for made in edge}
        return list(found.values())

    def _is_begun(self, made: Made, around: ir.Node | None, node: ir.Node, used: frozenset[str]) -> bool:
        graph = self.graph
        outer = list(graph.ancestors(made.path, made.node))
        if (around is not None and around not in outer) or self._is_skipped(made, around, node):
            return False
        if made.function is not graph.symbols.function_of(made.path, node):
            return False
        return node in outer or made.node is node or bool(self._holders(made) & (used | names_in(graph, node)))

    def _is_skipped(self, made: Made, around: ir.Node | None, node: ir.Node | None = None) -> bool:
        """Whether a test around what makes the object, and not around the node, may keep the one that there is."""
        shared = list(self.graph.ancestors(made.path, node)) if node is not None else []
        below = made.node
        for ancestor in self.graph.ancestors(made.path, made.node):
            is_choice = isinstance(ancestor, ir.If) and bool(ancestor.orelse)
            is_tested = isinstance(ancestor, ir.If) or _is_left_before(ancestor, below)
            if is_tested and not is_choice and ancestor not in shared:
                return True
            if ancestor is around:
                return False
            below = ancestor
        return False

    def _holders(self, made: Made) -> set[str]:
        """The names and attributes that hold what is made, by itself or inside of another object."""
        graph, function = self.graph, made.function
        scope = made.path if function is None else function
        if (assigned := graph.assigned.get(scope)) is None:
            body = function.body if isinstance(function, ir.Function) else graph.module(made.path).body
            assigned = graph.assigned[scope] = [
                (names_in(graph, node.value), frozenset(_targets(node)))
                for node in ir.walk_scope(body)
                if isinstance(node, ir.Assign) and node.value is not None
            ]
        statement = graph.statement(made.path, made.node)
        holders = set(_targets(statement) if isinstance(statement, ir.Assign) else made.kept)
        before: set[str] = set()
        while holders != before:
            before = set(holders)
            for names, targets in assigned:
                holders |= frozenset() if names.isdisjoint(holders) else targets
        return holders


def names_in(graph: ReplayGraph, node: ir.Node) -> frozenset[str]:
    """The names, and behind a dot the attributes, that are read in a node."""
    known = graph.names.get(node)
    if known is None:
        known = graph.names[node] = frozenset(
            each.id if isinstance(each, ir.Name) else f".{each.attr}"
            for each in ir.walk(node)
            if isinstance(each, (ir.Name, ir.Attr))
        )
    return known


def _targets(statement: ir.Assign) -> Iterator[str]:
    """What an assignment binds, as `names_in` writes it."""
    for target in statement.targets:
        for item in target.items if isinstance(target, ir.Seq) else [target]:
            yield from _name(item.value if isinstance(item, ir.Sub) else item)


def _name(node: ir.Node) -> Iterator[str]:
    if isinstance(node, ir.Name):
        yield node.id
    elif isinstance(node, ir.Attr):
        yield f".{node.attr}"


def _is_left_before(around: ir.Node, node: ir.Node) -> bool:
    """Whether a test in front of a statement of a block leaves it."""
    blocks = [b for name in ("body", "orelse", "final") if isinstance(b := getattr(around, name, None), list)]
    block = next((block for block in blocks if node in block), [])
    tests = [each for each in block[: block.index(node)] if isinstance(each, ir.If)] if block else []
    return any(_leaves(test.body[-1]) for test in tests if test.body)


def _leaves(last: ir.Stmt) -> bool:
    return isinstance(last, ir.Return) or (isinstance(last, ir.Jump) and last.kind != "pass")
