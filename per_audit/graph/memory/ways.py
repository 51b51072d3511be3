"""How often a run comes by a place in the program, along all calls that lead there from where it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from per_audit.facts import ir
from per_audit.graph.episodes.limits import conjuncts, rounds
from per_audit.graph.interpret.known.draws import same
from per_audit.graph.libraries.buffers import is_test
from per_audit.graph.liveness.frequency.lives import Lives, names_in
from per_audit.graph.liveness.frequency.receivers import object_of
from per_audit.graph.liveness.memories.usage import without_unmade
from per_audit.graph.liveness.names.uncalled import without_unnamed
from per_audit.graph.memory.branches import Way, together
from per_audit.graph.memory.breaks import is_left_after, passes_until_left
from per_audit.graph.memory.capacity import number_of
from per_audit.graph.memory.given import Calls
from per_audit.graph.recognise.draws.branches import without_ruled_out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph

FAR, MOST = 6, 8  # calls from the start of the program to a place, and calls of one function, that are followed

_Loop = ir.For | ir.While


def times(graph: ReplayGraph, path: str, node: ir.Node, lives: Lives | None = None) -> int | None:
    """How often a run comes by a node at most, in one life of what the node works on; None where that is open."""
    ways = Ways(graph, lives).to(path, node)
    return None if ways is None else in_one_life(graph, ways)


def in_one_life(graph: ReplayGraph, ways: list[Way]) -> int:
    """How often ways are gone at most with one object: those with nothing that tells them apart, and others with it."""
    counts = together(graph, ways)
    return max((sum(counts[other] for other in counts if other <= marks) for marks in counts), default=0)


class _Below(NamedTuple):
    """What has been followed up to a place: where it came by, by which calls, and the loops of each function."""

    places: tuple[tuple[str, ir.Node], ...] = ()
    functions: frozenset[ev.Owner] = frozenset()
    used: frozenset[str] = frozenset()
    calls: Calls = Calls()
    loops: tuple[tuple[str, list[_Loop]], ...] = ()
    marks: frozenset[object] = frozenset()


class Ways:
    """The ways from the start of the program to its places, and how often each is gone at most.

    `episode` are the steps that an episode counts for whose limit is not known.
    """

    def __init__(self, graph: ReplayGraph, lives: Lives | None, episode: int | None = None) -> None:
        self.graph = graph
        self._lives = lives
        self._episode = episode

    def to(self, path: str, node: ir.Node) -> list[Way] | None:
        """The ways to a node; None where one of them is open.

        The counts are by marks of what is worked on: what begins its life, a loop, a function or a file, the class or
        the call that made the object which holds it.
        """
        return self._to(path, node, _Below())

    def _to(self, path: str, node: ir.Node, below: _Below) -> list[Way] | None:
        around = self._loops(path, node, below.used)
        if around is None:
            return None
        loops, life = around
        if self._passes(path, loops) is None:
            return None
        below = below._replace(places=((path, node), *below.places), loops=(*below.loops, (path, loops)))
        if life is not None:
            return self._ended(below, life)
        graph, function = self.graph, self.graph.symbols.function_of(path, node)
        is_begun = self._lives is not None and self._lives.begin_in(path, None, node, below.used)
        if function is None or is_begun:
            return self._ended(below, (function or path) if is_begun else None)
        if not isinstance(function, ir.Function) or function in below.functions or len(below.functions) == FAR:
            return None
        callers = graph.callers.get(function, [])
        # Neither a test nor what belongs to an agent that nothing makes, or is named nowhere, is a run of the program.
        sites = without_unmade(graph, [site for site in callers if not is_test(site.path)])
        sites = without_unnamed(graph, without_ruled_out(graph, path, node, function, sites))
        if not callers and _is_by_hand(graph, function):
            return self._ended(below, None)
        if not sites or len(sites) > MOST:
            return None
        ways: list[Way] = []
        for site in sites:
            outer = self._to(site.path, site.node, self._above(below, function, site, len(callers) > 1))
            if outer is None:
                return None
            ways += outer
        return ways

    def _above(self, below: _Below, function: ir.Function, site: ev.CallSite, is_one_of_several: bool) -> _Below:
        """What has been followed once a function is left for one that calls it."""
        calls, marks = below.calls, set(below.marks)
        if is_one_of_several:
            calls = Calls(calls | {function: (site.node, site.path)})
        if self._lives is not None:
            cls, holder = self.graph.project.class_of.get(function), self._lives.holder(site.function)
            marks |= {holder} if holder is not None and holder is not cls else set()
            made = object_of(self.graph, site) if self._lives.holder(function) is not None else None
            marks |= {made} if made is not None else set()
        return below._replace(
            functions=below.functions | {function},
            used=below.used | names_in(self.graph, function),
            calls=calls,
            marks=frozenset(marks),
        )

    def _loops(self, path: str, node: ir.Node, used: frozenset[str]) -> tuple[list[_Loop], _Loop | None] | None:
        """The loops around a node in its function, up to one that begins a life in each pass; None for what is open."""
        loops: list[_Loop] = []
        below, once = node, False
        for around in self.graph.ancestors(path, node):
            once = once or is_left_after(around, below)
            below = around
            if isinstance(around, (ir.Lambda, ir.Comp)):
                return None
            if isinstance(around, ir.Function):
                break
            if isinstance(around, (ir.For, ir.While)):
                if self._lives is not None and self._lives.begin_in(path, around, node, used):
                    return loops, around
                loops += [] if once else [around]
                once = False
        return loops, None

    def _ended(self, below: _Below, life: object) -> list[Way] | None:
        """The one way that begins here."""
        count = 1
        for path, loops in below.loops:
            passes = self._passes(path, loops, below.calls)
            if passes is None:
                return None
            count *= passes
        return [Way(below.places, {below.marks | ({life} if life is not None else set()): count})]

    def _passes(self, path: str, loops: list[_Loop], calls: Calls | None = None) -> int | None:
        """How often the innermost of some loops is gone through; a loop around it may count its passes."""
        passes, outer = 1, loops
        for number, loop in enumerate(loops):
            counts = _counts(loop, loops[0]) if isinstance(loop, ir.While) else ()
            known = [self._passes_by(path, limit, apart, calls) for limit, apart in counts]
            most = [count for count in known if count is not None]
            if most:
                until = None if number else self._until_left(path, loop, calls)
                passes, outer = min([*most, until] if until is not None else most), loops[number + 1 :]
                break
        for loop in outer:
            turns = self._until_left(path, loop, calls)
            if turns is None:
                return None
            passes *= turns
        return passes

    def _until_left(self, path: str, loop: _Loop, calls: Calls | None) -> int | None:
        """How often a loop is gone through, by its numbers, as an episode, or by tests that leave it."""
        known = (rounds(self.graph, path, loop, self._episode, calls), passes_until_left(self.graph, path, loop))
        most = min((count for count in known if count is not None), default=None)
        return None if most is None else int(most)

    def _passes_by(self, path: str, limit: ir.Expr, apart: ir.Expr, calls: Calls | None) -> int | None:
        """How many passes it takes to count up to a limit, None where that is not known."""
        most = number_of(self.graph, path, limit, calls=calls).usual
        step = number_of(self.graph, path, apart, calls=calls)
        return None if most is None else -(-most // (step.least if step.usual and step.least else 1))


def _is_by_hand(graph: ReplayGraph, function: ir.Function) -> bool:
    """Whether a function that nobody calls is started by hand, rather than by those who are given it, or a method."""
    if function.decorators or graph.project.class_of.get(function) is not None:
        return False
    return not any(
        function.name in (getattr(node, "id", ""), getattr(node, "attr", ""))
        for module in graph.project.modules.values()
        if function.name.encode() in module.text
        for node in (*module.nodes_of(ir.Name), *module.nodes_of(ir.Attr))
    )


def _counts(loop: ir.While, inner: _Loop) -> Iterator[tuple[ir.Expr, ir.Expr]]:
    """What a loop counts up to, and by how much in a pass of a loop inside of it or its own.

    `while step < limit`, and with another test by which it may end before: `while not done and step < limit`.
    `while step != limit` counts where each pass adds 1, so that none steps over the limit.
    """
    for test in conjuncts(loop.test):
        if isinstance(test, ir.Cmp) and test.ops in (["<"], ["<="], ["!="]) and isinstance(test.left, ir.Name):
            steps = [node.value for node in inner.body if isinstance(node, ir.Aug) and _adds_to(node, test.left)]
            is_met = test.ops != ["!="] or (bool(steps) and isinstance(steps[0], ir.Const) and steps[0].value == 1)
            if steps and is_met and not _is_begun_in(loop, test.left):
                yield test.rights[0], steps[0]


def _adds_to(node: ir.Aug, count: ir.Name) -> bool:
    return node.op == "+" and same(node.target, count)


def _is_begun_in(loop: ir.While, count: ir.Name) -> bool:
    """Whether a count begins anew inside of a loop, as it does with each episode."""
    given = (target for part in ir.walk(*loop.body) if isinstance(part, ir.Assign) for target in part.targets)
    return any(same(node, count) for target in given for node in ir.walk(target) if isinstance(node, ir.Expr))
