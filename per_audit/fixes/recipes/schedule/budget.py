"""How often a buffer will be sampled in a run, from the loops around its draws: the steps of the beta schedule."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from per_audit.facts import ir
from per_audit.fixes.recipes.containers.branches import drawn_at
from per_audit.fixes.recipes.schedule.counters import Loop, counted, counts, is_endless, is_range, loop_around
from per_audit.fixes.recipes.schedule.frequency import Frequency
from per_audit.fixes.recipes.schedule.numbers import difference, number
from per_audit.graph.episodes.limits import conjuncts, longest
from per_audit.graph.interpret.values import Result
from per_audit.graph.liveness.frequency.lives import Lives, names_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from per_audit.fixes.draft import Draft
    from per_audit.graph import ReplayBuffer, ReplayGraph
    from per_audit.graph.interpret import events as ev

_MAX_DEPTH = 8
_LEAST = 1000  # fewer draws than this are a loop inside a training step whose outer loop is elsewhere
_MOST = 10**9  # more than this nobody trains: something was multiplied that does not belong together
PLACEHOLDER = 100_000


@dataclass(frozen=True, slots=True)
class Budget:
    """The number of draws of a run, and the loops that it was read from.

    `early` are those of the loops that may end before their last turn, as episodes do: the number is a bound then.
    """

    steps: Fraction
    sources: tuple[str, ...]
    early: tuple[str, ...] = ()


def schedule(draft: Draft, buffer: ReplayBuffer) -> str:
    """The `beta=` argument of the new buffer. Without a known budget the plan rests on an assumption."""
    budget = find_budget(draft.graph, buffer)
    path = buffer.path
    draft.imports[path].add("LinearSchedule")
    if budget is None:
        draft.assumptions.append(
            f"the number of training steps is not known: set steps= of LinearSchedule(0.4, 1.0, steps={PLACEHOLDER:_}) "
            "to how often the buffer is sampled in a run"
        )
        return f"beta=LinearSchedule(0.4, 1.0, steps={PLACEHOLDER:_})"
    steps = int(budget.steps)
    if budget.early:
        draft.steps.append(
            f"beta rises to 1 over {steps:,} draws, which is the most that {', '.join(budget.sources)} allow:"
            f" {', '.join(budget.early)} may end sooner and leave beta below 1, so set steps= to what you expect"
        )
    else:
        draft.steps.append(f"beta rises to 1 over {steps:,} draws, as read from {', '.join(budget.sources)}")
    return f"beta=LinearSchedule(0.4, 1.0, steps={steps if steps < 10_000 else f'{steps:_}'})"


def find_budget(graph: ReplayGraph, buffer: ReplayBuffer) -> Budget | None:
    """The largest number of draws over the ways in which the program reaches the draw, None where one is unknown."""
    return times(graph, buffer.path, drawn_at(graph, buffer), buffer.function, Lives.of_buffer(graph, buffer))


def times(graph: ReplayGraph, path: str, node: ir.Node, function: ev.Owner, lives: Lives) -> Budget | None:
    """The largest number of times that the program goes through a node in one life of what the node works on.

    None where a loop around it is unknown.
    """
    found = _Reach(graph, lives).of(path, node, function)
    return found if found is not None and _LEAST <= found.steps <= _MOST else None


class _Reach:
    """The ways to a node, from where the object is made that it works on: what is around that makes other ones."""

    def __init__(self, graph: ReplayGraph, lives: Lives) -> None:
        self.graph = graph
        self.lives = lives

    def of(
        self,
        path: str,
        node: ir.Node,
        function: ev.Owner,
        seen: tuple[ev.Owner, ...] = (),
        used: frozenset[str] = frozenset(),
    ) -> Budget | None:
        """The way on which the node is gone through most often. `seen` and `used` are functions and names below it."""
        here = _loops(self.graph, path, node, lambda around: self.lives.begin_in(path, around, node, used))
        if here is None or len(seen) > _MAX_DEPTH or function in seen:
            return None
        if function is None or self.lives.begin_in(path, None, node, used):
            return here
        options: list[Budget] = []
        above = (*seen, function), used | names_in(self.graph, function)
        for site in self.graph.callers.get(function, []):
            outer = self.of(site.path, site.node, site.function, *above)
            if outer is None:
                return None
            steps = here.steps * outer.steps
            options.append(Budget(steps, here.sources + outer.sources, here.early + outer.early))
        return max(options, key=lambda budget: budget.steps, default=here)


@dataclass(slots=True)
class _Level:
    """A loop around a node: how often it is gone through, and in which share of its passes what is inside is reached.

    None is what cannot be read. Outside of all loops, `loop` is None.
    """

    loop: Loop | None
    passes: int | None
    share: Fraction | None
    source: str = ""
    is_early: bool = False


def _loops(graph: ReplayGraph, path: str, node: ir.Node, is_other: Callable[[Loop], bool]) -> Budget | None:
    """How often a node is reached inside its function, or in one pass of a loop that works on another object in each.

    None where a loop or a test around it cannot be read.
    """
    levels: list[_Level] = []
    share: Fraction | None = Fraction(1)
    below = node
    for ancestor in graph.ancestors(path, node):
        for test, wanted in _tests(graph, path, ancestor, below):
            share = _both(share, Frequency(graph, partial(_length, graph)).of(path, test, wanted))
        if isinstance(ancestor, (ir.Function, ir.Lambda, ir.Class)):
            break
        if isinstance(ancestor, ir.Comp):
            return None
        if isinstance(ancestor, Loop):
            if is_other(ancestor):
                break
            levels = _around(graph, path, ancestor, [*levels, _Level(ancestor, None, share)])
            share = Fraction(1)
        below = ancestor
    levels.append(_Level(None, 1, share))
    steps = Fraction(1)
    for level in levels:
        if level.passes is None or level.share is None:
            return None
        steps *= level.passes * level.share
    sources = [level.source for level in levels if level.source]
    return Budget(steps, tuple(sources), tuple(level.source for level in levels if level.is_early))


def _both(share: Fraction | None, other: Fraction | None) -> Fraction | None:
    """The share of the passes in which two tests come out as wanted."""
    if share is None or other is None or (share < 1 and other < 1):
        return None  # two tests of one pass may be of the same count: t % 4 == 0 and t % 10 == 0
    return share * other


def _around(graph: ReplayGraph, path: str, loop: Loop, levels: list[_Level]) -> list[_Level]:
    """The levels with the passes of the last one's loop.

    Where a count that rises in an inner loop ends it, that tells the passes of the inner loop in all passes of this
    one: `while steps < 10_000: while not done: steps += 1`. What lies between the two does not matter then.
    """
    bound = _bound(graph, path, loop)
    inner = next((level for level in levels if bound is not None and level.loop is bound.turn), None)
    if bound is None or inner is None:
        return levels
    inner.passes, inner.source = bound.passes, graph.module(path).where(loop.start)
    inner.is_early = bound.is_early or _ends_early(graph, path, loop)
    return levels[: levels.index(inner) + 1]


def _tests(graph: ReplayGraph, path: str, around: ir.Node, node: ir.Node) -> Iterator[tuple[ir.Expr, bool]]:
    """The tests that a part of what is `around` it comes after or stands under, and how they must turn out.

    What leaves a loop says nothing of how often there is another pass, and what leaves a function inside of one too.
    """
    if isinstance(around, (ir.If, ir.IfExp)) and node is not around.test:
        body = around.body if isinstance(around.body, list) else [around.body]
        yield around.test, any(node is part for part in body)
    block = next(
        (b for n in ("body", "orelse", "final") if isinstance(b := getattr(around, n, None), list) and node in b), []
    )
    for earlier in block[: block.index(node)] if node in block else ():
        if isinstance(earlier, ir.If):
            for branch, wanted in ((earlier.body, False), (earlier.orelse, True)):
                if branch and _skips(graph, path, branch[-1]):
                    yield earlier.test, wanted


def _skips(graph: ReplayGraph, path: str, last: ir.Stmt) -> bool:
    """Whether a statement ends a pass, or a function that is in no loop of its own there."""
    if isinstance(last, ir.Return):
        outer = itertools.takewhile(lambda node: not isinstance(node, ir.Function), graph.ancestors(path, last))
        return not any(isinstance(node, Loop) for node in outer)
    return isinstance(last, ir.Jump) and last.kind == "continue"


def _ends_early(graph: ReplayGraph, path: str, loop: Loop) -> bool:
    """Whether a loop has a break of its own, or leaves its function, other than by the count that is its length."""
    inside = list(ir.walk_scope(loop.body))
    inner = {node for each in inside if isinstance(each, Loop) for node in ir.walk_scope(each.body)}
    leaving = {n for n in inside if isinstance(n, ir.Return) or (isinstance(n, ir.Jump) and n.kind == "break")}
    leaving -= {node for node in inner if isinstance(node, ir.Jump)}
    end = _end(graph, path, loop)
    return bool(leaving - set(end[0].body if end is not None and end[2] else ())) or bool(_set_again(graph, path, loop))


class _Bound(NamedTuple):
    """How many passes a loop makes at most; of `turn`, which may lie inside of it. `is_early`: it may be fewer."""

    passes: int
    turn: Loop
    is_early: bool = False


def _length(graph: ReplayGraph, path: str, loop: Loop) -> int | None:
    """How many passes a loop makes at most, None where that is not known."""
    bound = _bound(graph, path, loop)
    return bound.passes if bound is not None and bound.turn is loop else None


def _bound(graph: ReplayGraph, path: str, loop: Loop) -> _Bound | None:
    """What the code says of the end of a loop, else after how many steps an environment ends each episode."""
    found = _written(graph, path, loop)
    most = longest(graph, loop) if found is None and _plays(graph, loop) else None
    return found if most is None or most == inf else _Bound(int(most), loop, is_early=True)


def _plays(graph: ReplayGraph, loop: Loop) -> bool:
    """Whether all that a loop steps is an environment that a library makes."""
    sites = [graph.events.calls.get(node) for node in ir.walk_scope(loop.body) if isinstance(node, ir.Call)]
    steps = [s for s in sites if s is not None and isinstance(s.node.func, ir.Attr) and s.node.func.attr == "step"]
    played = [site.receiver.atoms for site in steps if site.node.args]
    return bool(played) and all(atoms and all(isinstance(atom, Result) for atom in atoms) for atoms in played)


def _written(graph: ReplayGraph, path: str, loop: Loop) -> _Bound | None:
    if isinstance(loop, ir.While) and not _is_true(loop.test):
        return _conjunct(graph, path, loop)
    row = counted(graph.symbols.term(path, loop.iter)) if isinstance(loop, ir.For) else None
    if row is None or is_endless(row):
        end = _end(graph, path, loop)
        return end[1] if end is not None else None
    iterated = row.node
    if not is_range(row) or not isinstance(iterated, ir.Call):
        return None
    ends = [arg.value for arg in iterated.args if arg.keyword is None]
    length = difference(graph, row.path, *ends[:2]) if ends else None
    stride = number(graph, row.path, ends[2]) if len(ends) > 2 else 1
    return None if length is None or stride is None else _Bound(max(length // stride, 1), loop)


def _end(graph: ReplayGraph, path: str, loop: Loop) -> tuple[ir.If, _Bound, bool] | None:
    """The test of a count that leaves a loop without an end of its own, after how many passes, and whether only then.

    `if step > last: break` of `for step in itertools.count():`.
    """
    for statement in loop.body:
        if not isinstance(statement, ir.If) or not statement.body:
            continue
        last = statement.body[-1]
        if not isinstance(last, ir.Return) and not (isinstance(last, ir.Jump) and last.kind == "break"):
            continue
        for test in _either(statement.test):
            passes = _passes(graph, path, loop, test)
            if passes is not None:
                return statement, passes, test is statement.test
    return None


def _either(test: ir.Expr) -> Iterator[ir.Expr]:
    """The tests each of which is enough."""
    if isinstance(test, ir.Logic) and test.op == "or":
        yield from _either(test.left)
        yield from _either(test.right)
    else:
        yield test


def _passes(graph: ReplayGraph, path: str, loop: Loop, test: ir.Expr) -> _Bound | None:
    """After how many passes a count that begins with the loop is what a test asks for."""
    if not isinstance(test, ir.Cmp) or len(test.ops) != 1 or test.ops[0] not in (">", ">=", "=="):
        return None
    last = number(graph, path, test.rights[0])
    for count in counts(graph, graph.symbols.term(path, test.left), path, test):
        if last is not None and count.stride is not None and count.turn is not None and count.loop is loop:
            return _Bound(max(last // count.stride, 1), count.turn)
    return None


def _is_true(test: ir.Expr) -> bool:
    return isinstance(test, ir.Const) and bool(test.value)


def _conjunct(graph: ReplayGraph, path: str, loop: ir.While) -> _Bound | None:
    """The least passes that one of the conditions allows which have to hold: `not done and step < 200`."""
    tests = list(conjuncts(loop.test))
    if len(tests) > 1:  # one of several may only be there to end the whole training
        tests = [test for test in tests if _begins_with(graph, path, loop, test)]
    found = [bound for test in tests if (bound := _counted(graph, path, loop, test)) is not None]
    least = min(found, key=lambda bound: bound.passes, default=None)
    return least._replace(is_early=isinstance(loop.test, ir.Logic)) if least is not None else None


def _begins_with(graph: ReplayGraph, path: str, loop: ir.While, test: ir.Expr) -> bool:
    """Whether what a test counts is set anew each time before the loop, where another loop is around it."""
    outer = next((node for node in graph.ancestors(path, loop) if isinstance(node, (Loop, ir.Function))), None)
    if not isinstance(test, ir.Cmp) or not isinstance(outer, Loop):
        return isinstance(test, ir.Cmp)
    text = graph.module(path).source
    parts = (node for node in ir.walk_scope(outer.body) if isinstance(node, ir.Assign) and node.start < loop.start)
    given = (item for node in parts for t in node.targets for item in (t.items if isinstance(t, ir.Seq) else [t]))
    return any(text(item) == text(test.left) for item in given)


def _counted(graph: ReplayGraph, path: str, loop: ir.While, test: ir.Expr) -> _Bound | None:
    """The passes that a condition allows: `count < last`, where one known number is added in one loop."""
    if not isinstance(test, ir.Cmp) or test.ops not in (["<"], ["<="], ["!="]):
        return None
    text, last = graph.module(path).source(test.left), number(graph, path, test.rights[0])
    rises = {
        (number(graph, path, node.value), loop_around(graph, path, node))
        for node in ir.walk_scope(loop.body)
        if isinstance(node, ir.Aug) and node.op == "+" and graph.module(path).source(node.target) == text
    }
    stride, turn = rises.pop() if len(rises) == 1 else (None, None)
    if test.ops == ["!="] and stride != 1:
        return None  # it may never be that very number
    ends = graph.module(path).source(test.rights[0])
    for value in _set_again(graph, path, loop):
        set_to = number(graph, path, value)
        is_past = last is not None and set_to is not None and set_to >= last
        if not is_past and graph.module(path).source(value) != ends:
            return None  # it begins anew, and who knows how often
    return _Bound(max(last // stride, 1), turn) if last is not None and stride is not None and turn else None


def _set_again(graph: ReplayGraph, path: str, loop: Loop) -> list[ir.Expr]:
    """What the count that a `while` asks for is set to inside of it: its end, as where an episode is over before."""
    if not isinstance(loop, ir.While) or not isinstance(loop.test, ir.Cmp):
        return []
    text = graph.module(path).source(loop.test.left)
    return [
        node.value
        for node in ir.walk_scope(loop.body)
        if isinstance(node, ir.Assign) and node.value is not None
        if any(graph.module(path).source(target) == text for target in node.targets)
    ]
