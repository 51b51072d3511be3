"""What is computed for a name that gets another value before anything reads it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from per_audit.graph.model import ReplayGraph


@dataclass(frozen=True, slots=True)
class Discarded:
    """That a value is thrown away, in words; `test` is what decides so, where it takes a setting."""

    name: str
    line: int
    test: str | None = None

    def __str__(self) -> str:
        where = f", and `{self.test}` is the same wherever the program sets it" if self.test is not None else ""
        return f"line {self.line} gives `{self.name}` another value before anything reads it{where}"


def discarded(
    graph: ReplayGraph, path: str, node: ir.Node, outcome: Callable[[str, ir.Expr], bool | None]
) -> Discarded | None:
    """What takes the place of the value that a node is computed for; None where something may read that before.

    `outcome` tells how a test comes out that is the same wherever the program sets it. What is drawn counts all the
    same: a draw takes its time, and may change what is drawn next. So does what the project's functions are given: they
    may keep it.
    """
    parents = graph.parents(path)
    statement = graph.statement(path, node)
    around = parents.get(statement)
    if not isinstance(statement, ir.Assign) or len(statement.targets) != 1 or around is None or node is statement:
        return None
    target = statement.targets[0]
    scope = next((each for each in graph.ancestors(path, node) if isinstance(each, (ir.Function, ir.Class))), None)
    if not isinstance(target, ir.Name) or not isinstance(scope, ir.Function) or _is_shared(target.id, scope):
        return None
    if _draws(graph, node) or _is_given(graph, path, node):
        return None
    blocks = (value for name in ("body", "orelse") if isinstance(value := getattr(around, name, None), list))
    block = next((each for each in blocks if any(part is statement for part in each)), None)
    if block is None:
        return None
    later = next(position for position, part in enumerate(block) if part is statement) + 1
    return _overwritten(graph, path, block[later:], target.id, outcome)


def _overwritten(
    graph: ReplayGraph, path: str, block: Sequence[ir.Stmt], name: str, outcome: Callable[[str, ir.Expr], bool | None]
) -> Discarded | None:
    """What gives a name another value in statements that run one after the other, where nothing reads it before."""
    for statement in block:
        if isinstance(statement, ir.Assign) and any(getattr(each, "id", "") == name for each in statement.targets):
            is_read = statement.value is None or _is_named(name, statement.value)
            return None if is_read else Discarded(name, graph.module(path).locate(statement.start).line)
        if isinstance(statement, ir.If) and not _is_named(name, statement.test):
            truth = outcome(path, statement.test)
            taken = [statement.body] * (truth is not False) + [statement.orelse] * (truth is not True)
            found = [each for block in taken if (each := _overwritten(graph, path, block, name, outcome)) is not None]
            if len(found) == len(taken):
                test = graph.source(path, statement.test, 40) if truth is not None else found[0].test
                return replace(found[0], test=test)
            if any(_is_named(name, *block) or _jumps(*block) for block in taken):
                return None
        elif _is_named(name, statement) or _jumps(statement):
            return None
    return None


def _is_named(name: str, *nodes: ir.Node) -> bool:
    return any(isinstance(node, ir.Name) and node.id == name for node in ir.walk(*nodes))


def _jumps(*nodes: ir.Node) -> bool:
    """Whether code may go on at another place than its end, where the name may be read."""
    inside = list(ir.walk(*nodes))
    return any(isinstance(node, ir.Try) or (isinstance(node, ir.Jump) and node.kind != "pass") for node in inside)


def _is_shared(name: str, function: ir.Function) -> bool:
    """Whether code that may run in between has a name: a function inside, or others by `global`."""
    inner = (node for node in ir.walk(*function.body) if isinstance(node, (ir.Function, ir.Lambda)))
    scopes = (node for node in ir.walk(*function.body) if isinstance(node, ir.Scope))
    return _is_named(name, *inner) or any(name in scope.names for scope in scopes)


def _is_given(graph: ReplayGraph, path: str, node: ir.Node) -> bool:
    """Whether a value is what a function of the project makes, or is given."""
    around = itertools.takewhile(lambda each: not isinstance(each, ir.Stmt), (node, *graph.ancestors(path, node)))
    sites = (graph.events.calls.get(each) for each in around if isinstance(each, ir.Call))
    return any(site is not None and (site.targets or site.classes) for site in sites)


def _draws(graph: ReplayGraph, node: ir.Node) -> bool:
    """Whether a memory is drawn from inside a node."""
    inside = set(ir.walk(node))
    memories = (*graph.buffers, *graph.twins)
    sites = {site.node for memory in memories for site in memory.samples}
    return not inside.isdisjoint(sites.union(*(memory.draws for memory in memories)))
