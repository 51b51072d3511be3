"""How long a loop goes on that a test inside of it leaves: after so many steps, or after so many episodes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.known.draws import same
from per_audit.graph.interpret.roles import name_of
from per_audit.graph.memory.capacity import number_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.model import ReplayGraph

_EXITS = {"exit", "_exit", "quit"}
_SHORTENS = {"pop", "popleft", "clear", "remove"}


def passes_until_left(graph: ReplayGraph, path: str, loop: ir.For | ir.While) -> int | None:
    """How many passes of a loop there are at most, by a count at whose limit it is left; None where none is known.

    What is counted are the passes themselves, or episodes of which each is ended by a count of passes.
    """
    if any(isinstance(part, ir.Jump) and part.kind == "continue" for part in ir.walk(*loop.body)):
        return None  # a pass may be left before it is counted
    for branch in _branches(loop):
        last = branch.body[-1]
        if isinstance(last, ir.Jump) and last.kind == "break":
            for count, limit in _reached(loop, branch.test):
                most = number_of(graph, path, limit).usual
                passes = _passes_of_each(graph, path, loop, count)
                if most is not None and passes is not None:
                    return (most + 1) * passes
    return None


def is_left_after(around: ir.Node, part: ir.Node) -> bool:
    """Whether a loop is left with the block of a branch that holds a part: `if done: store(episode); break`."""
    for block in (around.body, around.orelse) if isinstance(around, ir.If) else ():
        if part in block and isinstance(block[-1], ir.Jump) and block[-1].kind == "break":
            return not any(isinstance(each, ir.Jump) and each.kind == "continue" for each in ir.walk(*block))
    return False


def is_never_left(loop: ir.While) -> bool:
    """Whether a loop goes on until somebody stops the program: nothing in it leaves it."""
    if not isinstance(loop.test, ir.Const) or not loop.test.value:
        return False
    inner = {
        part for node in ir.walk(*loop.body) if isinstance(node, (ir.For, ir.While)) for part in ir.walk(*node.body)
    }
    return not any(
        isinstance(part, (ir.Return, ir.Raise))
        or (isinstance(part, ir.Jump) and part.kind == "break" and part not in inner)
        or (isinstance(part, ir.Call) and name_of(part.func) in _EXITS)
        for part in ir.walk(*loop.body)
    )


def _passes_of_each(graph: ReplayGraph, path: str, loop: ir.For | ir.While, count: ir.Name) -> int | None:
    """How many passes there are at most until a count grows by one."""
    if _changes(loop.body, count):
        return None
    if _grows_in(loop.body, count) or _is_counted_by(loop, count):
        return 1
    for branch in _branches(loop):
        for step, limit in _reached(loop, branch.test) if _grows_in(branch.body, count) else ():
            resets = _changes(branch.body, step)
            is_begun = any(isinstance(each, ir.Assign) and isinstance(each.value, ir.Const) for each in resets)
            most = number_of(graph, path, limit).usual
            if most is not None and is_begun and _changes(loop.body, step) == resets and _grows_in(loop.body, step):
                return most + 1
    return None


def _branches(loop: ir.For | ir.While) -> list[ir.If]:
    """The tests that each pass of a loop comes by."""
    return [part for part in loop.body if isinstance(part, ir.If)]


def _is_counted_by(loop: ir.For | ir.While, count: ir.Name) -> bool:
    """Whether a loop goes through all numbers from 0 by a name: `for step in itertools.count():`."""
    if not isinstance(loop, ir.For) or not isinstance(loop.iter, ir.Call):
        return False
    return same(loop.target, count) and name_of(loop.iter.func) == "count" and not loop.iter.args


def _reached(loop: ir.For | ir.While, test: ir.Expr) -> Iterator[tuple[ir.Name, ir.Expr]]:
    """The counts and limits of which one is enough for a test: `step >= limit`, `done or len(returns) > limit`.

    A count that is a multiple of the limit has been another of its multiples as many passes before.
    """
    if isinstance(test, ir.Logic) and test.op == "or":
        yield from _reached(loop, test.left)
        yield from _reached(loop, test.right)
    elif isinstance(test, ir.Name):
        told = [part for part in _changes(loop.body, test) if isinstance(part, ir.Assign)]
        if len(told) == 1 and told[0] in loop.body and isinstance(told[0].value, ir.Cmp):
            yield from _reached(loop, told[0].value)
        for branch in _branches(loop):
            if branch.start < test.start and _raises(branch, test) and all(each.start < branch.end for each in told):
                yield from _reached(loop, branch.test)
    elif isinstance(test, ir.Cmp) and test.ops in ([">"], [">="], ["=="]):
        left, limit = test.left, test.rights[0]
        if isinstance(left, ir.Bin) and left.op == "%" and isinstance(limit, ir.Const) and limit.value == 0:
            limit, left = left.right, left.left
        is_length = isinstance(left, ir.Call) and getattr(left.func, "id", "") == "len" and len(left.args) == 1
        count = left.args[0].value if isinstance(left, ir.Call) and is_length else left
        if isinstance(count, ir.Name):  # an attribute may be set elsewhere
            yield count, limit


def _raises(branch: ir.If, flag: ir.Name) -> bool:
    """Whether all that a branch does to a flag is to raise it: `if step >= limit: done = True`."""
    told = [part for part in ir.walk(*branch.body, *branch.orelse) if _is_change(part, flag)]
    raised = told[0] if len(told) == 1 and told[0] in branch.body else None
    return isinstance(raised, ir.Assign) and isinstance(raised.value, ir.Const) and raised.value.value is True


def _grows_in(body: list[ir.Stmt], count: ir.Name) -> bool:
    """Whether statements add one to a count, or append to a list, in any case."""
    return any(_is_one_more(part, count) for part in body)


def _is_one_more(part: ir.Node, count: ir.Name) -> bool:
    if isinstance(part, ir.Aug):
        is_one = isinstance(part.value, ir.Const) and part.value.value == 1
        return part.op == "+" and is_one and same(part.target, count)
    call = part.value if isinstance(part, ir.Do) else None
    func = call.func if isinstance(call, ir.Call) else None
    return isinstance(func, ir.Attr) and func.attr == "append" and same(func.value, count)


def _changes(body: list[ir.Stmt], count: ir.Name) -> list[ir.Node]:
    """What else statements do to a count, or to a list, at any depth."""
    return [part for part in ir.walk(*body) if not _is_one_more(part, count) and _is_change(part, count)]


def _is_change(part: ir.Node, count: ir.Name) -> bool:
    if isinstance(part, ir.Call):
        return isinstance(part.func, ir.Attr) and part.func.attr in _SHORTENS and same(part.func.value, count)
    if isinstance(part, (ir.Assign, ir.Delete)):
        return any(same(node, count) for node in ir.walk(*part.targets) if isinstance(node, ir.Expr))
    return isinstance(part, (ir.Aug, ir.For)) and same(part.target, count)
