"""Counts of an episode's steps that a program keeps itself: here, in what is called over and over, or over methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.episodes.counted import BOARD
from per_audit.graph.episodes.limits import goes_on, is_reset
from per_audit.graph.interpret.known.draws import same
from per_audit.graph.interpret.roles import name_of
from per_audit.graph.liveness.frequency.again import is_called_again
from per_audit.graph.memory.ranges import range_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.symbolic import Term

_DEEPEST = 4
_TURNED = {"<=": ">=", "<": ">", "==": "=="}
_REACHED = {"==", ">=", ">"}
_COUNTED = {"loop", "element"}  # what a count is in a loop


def sides(test: ir.Cmp) -> tuple[ir.Expr, ir.Expr, str] | None:
    """What a comparison asks to have come to what, and how: `count >= limit`, from either side."""
    if len(test.ops) != 1:
        return None
    op, left, right = test.ops[0], test.left, test.rights[0]
    if op in _TURNED and (op != "==" or isinstance(left, ir.Const)):
        return right, left, _TURNED[op]
    return (left, right, op) if op in _REACHED else None


def count_in(side: ir.Expr) -> ir.Name | ir.Attr | None:
    """The one name or attribute that is counted up in one side of a comparison: `step`, `self.t + 1`."""
    leaves = list(_leaves(side))
    if len(leaves) != 1:
        return None
    (leaf,) = leaves
    is_own = isinstance(leaf, ir.Attr) and isinstance(leaf.value, ir.Name)
    return leaf if isinstance(leaf, ir.Name) or is_own else None  # type: ignore[return-value]


def counts_an_episode(graph: ReplayGraph, path: str, node: ir.Node, count: ir.Name | ir.Attr, depth: int = 0) -> bool:
    """Whether something counts the turns of a loop around a node, and begins anew with each episode.

    So it does in a loop around that one, be it that of a caller; where a turn of the loop itself resets the
    environment; as what callers give for a parameter; or as an attribute that one method counts and another begins.
    """
    function = graph.symbols.function_of(path, node)
    loops = list(graph.loops_around(path, node))
    for inner, outer in zip(loops, [*loops[1:], function], strict=False):
        if _is_target(inner, count):
            return isinstance(outer, (ir.For, ir.While)) or _is_episode(graph, inner, outer)
        if not _is_counted(inner.body, count):
            continue
        if _is_begun_at_reset(inner, count):
            return True
        if outer is not None and _is_begun_before(inner, outer, count):
            return isinstance(outer, (ir.For, ir.While)) or _is_episode(graph, inner, outer)
    if not isinstance(function, ir.Function):
        return False
    if isinstance(count, ir.Attr):
        return _is_begun_beside(graph, function, count)
    return depth < _DEEPEST and _is_given_count(graph, function, count, depth)


def is_of_steps(graph: ReplayGraph, path: str, test: ir.Cmp) -> bool:
    """Whether a test asks for so many turns of the loop around it, in each of which the environment takes a step.

    A small number may be all that the task has places for, unless the loop itself ends at it.
    """
    asked = sides(test)
    count = count_in(asked[0]) if asked is not None else None
    if asked is None or count is None:
        return False
    limit, number = _apart(graph, path, asked[1])
    for loop in graph.loops_around(path, test):
        if _is_target(loop, count) or _is_counted_always(loop, count):
            stop = _stop(graph, path, loop)
            is_last = limit is not None and stop is not None and _apart(graph, path, stop)[0] == limit
            steps = (isinstance(part, ir.Call) and name_of(part.func) == "step" for part in ir.walk(*loop.body))
            return any(steps) and (is_last or (limit is None and (stop is not None or number >= BOARD)))
    return False


def is_met(graph: ReplayGraph, path: str, test: ir.Cmp) -> bool:
    """Whether a count may come to its limit: not where the loop around it has gone through its turns before."""
    asked = sides(test)
    count = count_in(asked[0]) if asked is not None else None
    if asked is None or count is None:
        return False
    side, limit, op = asked
    for loop in graph.loops_around(path, test):
        if isinstance(loop, ir.For) and _is_target(loop, count):
            last = _stop(graph, path, loop)
            return last is None or not _is_below(graph, path, (side, count), (limit, op), (last, -1))
        if isinstance(loop, ir.While) and _is_counted(loop.body, count):
            raised = next(part for part in ir.walk(*loop.body) if isinstance(part, ir.Aug) and same(part.target, count))
            asks = [part for part in ir.walk(loop.test) if isinstance(part, ir.Cmp) and same(part.left, count)]
            bounds = [(part.rights[0], -(part.ops[0] == "<")) for part in asks if part.ops in (["<"], ["<="])]
            most = [(bound, extra + (raised.start < test.start)) for bound, extra in bounds]
            return not any(_is_below(graph, path, (side, count), (limit, op), bound) for bound in most)
    return True


def is_observed(graph: ReplayGraph, path: str, count: ir.Expr, rows: Sequence[Term]) -> bool:
    """Whether a count is stored with a step, by itself or as a part of what the environment shows.

    Not as what the action was chosen with, or a reward computed.
    """
    counts = {(part.node, part.data) for part in graph.symbols.term(path, count).walk() if part.op in _COUNTED}

    def is_count(part: Term | None) -> bool:
        return part is not None and part.op in _COUNTED and (part.node, part.data) in counts

    steps = (part for row in rows for part in row.walk() if _is_call(part, "step"))
    actions = {part.args[1] for part in steps if len(part.args) > 1}
    for row in rows:
        parts = list(_without(actions, row))
        if is_count(_apart_of(row)[0]) or (any(map(is_count, parts)) and any(map(_is_shown, parts))):
            return True
    return False


def _is_shown(part: Term) -> bool:
    """Whether a term is what an environment shows: what a reset returns, or the first thing that a step does."""
    if part.op == "item" and part.data == 0:
        return _is_call(part.args[0], "step")
    return _is_call(part, "reset")


def _is_call(term: Term, name: str) -> bool:
    return term.op == "call" and isinstance(term.node, ir.Call) and name_of(term.node.func) == name


def _without(actions: set[Term], row: Term) -> Iterator[Term]:
    """The parts of a field outside of the actions."""
    stack = [row]
    while stack:
        part = stack.pop()
        if part not in actions:
            yield part
            stack += part.args


def _leaves(side: ir.Expr) -> Iterator[ir.Expr]:
    if isinstance(side, ir.Bin):
        yield from _leaves(side.left)
        yield from _leaves(side.right)
    elif not isinstance(side, ir.Const):
        yield side


def _is_target(loop: ir.For | ir.While, count: ir.Expr) -> bool:
    return isinstance(loop, ir.For) and any(_is(part, count) for part in ir.walk(loop.target))


def _is(node: ir.Node, count: ir.Expr) -> bool:
    return isinstance(node, ir.Expr) and same(node, count)


def _is_counted(body: Sequence[ir.Node], count: ir.Expr) -> bool:
    return any(isinstance(part, ir.Aug) and part.op == "+" and _is(part.target, count) for part in ir.walk(*body))


def _gives(statement: ir.Assign, count: ir.Expr) -> bool:
    return any(_is(part, count) for part in ir.walk(*statement.targets))


def _is_counted_always(loop: ir.For | ir.While, count: ir.Expr) -> bool:
    """Whether each turn of a loop adds one to a count, and none begins it anew."""
    raised = [part for part in ir.walk(*loop.body) if isinstance(part, ir.Aug) and _is(part.target, count)]
    given = any(isinstance(part, ir.Assign) and _gives(part, count) for part in ir.walk(*loop.body))
    return len(raised) == 1 and raised[0] in loop.body and _is_one(raised[0]) and not given


def _stop(graph: ReplayGraph, path: str, loop: ir.For | ir.While) -> ir.Expr | None:
    """The number at which a loop over a range ends."""
    call = range_of(graph, path, loop) if isinstance(loop, ir.For) else None
    return call.args[min(len(call.args), 2) - 1].value if call is not None and call.args else None


def _is_one(statement: ir.Aug) -> bool:
    return statement.op == "+" and isinstance(statement.value, ir.Const) and statement.value.value == 1


def _is_begun_before(inner: ir.For | ir.While, outer: ir.Node, count: ir.Expr) -> bool:
    inside = set(ir.walk(inner))
    begun = (part for part in ir.walk(outer) if isinstance(part, ir.Assign) and part not in inside)
    return any(_gives(part, count) for part in begun)


def _is_begun_at_reset(loop: ir.For | ir.While, count: ir.Expr) -> bool:
    """Whether a turn of a loop resets the environment and begins a count anew."""
    ends = [part.body for part in ir.walk(*loop.body) if isinstance(part, ir.If)]
    parts = (list(ir.walk(*body)) for body in ends)
    return any(
        any(map(is_reset, body)) and any(isinstance(part, ir.Assign) and _gives(part, count) for part in body)
        for body in parts
    )


def _is_episode(graph: ReplayGraph, loop: ir.For | ir.While, function: ev.Owner) -> bool:
    """Whether the outermost loop of a function goes through one episode, and the function is called in a loop."""
    return isinstance(function, ir.Function) and not goes_on(loop) and is_called_again(graph, function)


def _is_begun_beside(graph: ReplayGraph, function: ir.Function, count: ir.Attr) -> bool:
    """Whether a method counts an attribute that another one begins anew, other than the constructor."""
    cls = graph.project.class_of.get(function)
    if cls is None or not _is_counted(function.body, count) or not is_called_again(graph, function):
        return False
    others = [part for part in cls.body if isinstance(part, ir.Function) and part.name != "__init__"]
    return any(
        isinstance(part, ir.Assign) and isinstance(part.value, ir.Const) and _gives(part, count)
        for other in others
        if other is not function
        for part in ir.walk(*other.body)
    )


def _is_given_count(graph: ReplayGraph, function: ir.Function, count: ir.Name, depth: int) -> bool:
    """Whether callers count what they give for a parameter."""
    place = next((n for n, parameter in enumerate(function.parameters) if parameter.name == count.id), None)
    if place is None:
        return False
    skipped = graph.symbols.takes_self(function)
    given = [(site, site.node.argument(place - skipped, count.id)) for site in graph.callers.get(function, ())]
    return any(
        counts_an_episode(graph, site.path, site.node, told, depth + 1)
        for site, value in given
        if value is not None and (told := count_in(value)) is not None
    )


def _is_below(
    graph: ReplayGraph,
    path: str,
    asked: tuple[ir.Expr, ir.Expr],
    limit: tuple[ir.Expr, str],
    most: tuple[ir.Expr, int],
) -> bool:
    """Whether what is `asked`, with its count at the most that it comes to, is still below a limit."""
    side, count = asked
    whole, of_count = _apart(graph, path, side), graph.symbols.term(path, count)
    base = _apart_of(of_count)
    last, bound = _apart(graph, path, most[0]), _apart(graph, path, limit[0])
    if whole[0] != base[0] or last[0] != bound[0]:
        return False
    highest = last[1] + most[1] + whole[1] - base[1]
    return highest < bound[1] or (limit[1] == ">" and highest == bound[1])


def _apart(graph: ReplayGraph, path: str, node: ir.Expr) -> tuple[Term | None, float]:
    return _apart_of(graph.symbols.term(path, node))


def _apart_of(term: Term) -> tuple[Term | None, float]:
    """A term as something and a number that is added to it; a number is nothing and that."""
    if term.number is not None:
        return None, term.number
    if term.op in ("add", "sub") and term.args[1].number is not None:
        base, number = _apart_of(term.args[0])
        return base, number + term.args[1].number * (1 if term.op == "add" else -1)
    return term, 0.0
