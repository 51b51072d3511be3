"""Time limits of a program's own: `if step == max_steps: done = True`, told to what is stored as if the task ended."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.symbolic import Term

_REACHED = {"==", ">=", ">"}
_LIMIT = {"max", "maximum", "limit", "timeout"}
_STEPS = {"len", "length", "step", "steps", "timesteps", "horizon"}
_EPISODE = {"ep", "episode", "episodes"}


def own_limit(graph: ReplayGraph, field: Term) -> tuple[str, ir.Cmp] | None:
    """The file and the comparison by which a field, otherwise the environment's word, is set at a limit of steps."""
    for option in field.args if field.op == "phi" else ():
        if option.path is None or option.node is None:
            continue
        if option.op == "cmp" and isinstance(option.node, ir.Cmp) and _is_limit(graph, option.path, option.node):
            return option.path, option.node
        if option.op == "const" and option.data is True:
            for test in _tests(graph, option.path, option.node):
                if _is_limit(graph, option.path, test):
                    return option.path, test
    return None


def _tests(graph: ReplayGraph, path: str, node: ir.Node) -> Iterator[ir.Cmp]:
    """The comparison that alone decides on the statement around a node."""
    statement = graph.statement(path, node)
    around = graph.parents(path).get(statement)
    if isinstance(around, ir.If) and statement in around.body and isinstance(around.test, ir.Cmp):
        yield around.test


def _is_limit(graph: ReplayGraph, path: str, test: ir.Cmp) -> bool:
    """Whether a count of the steps of an episode is compared with what is called a limit."""
    if len(test.ops) != 1 or test.ops[0] not in _REACHED or not isinstance(test.left, (ir.Name, ir.Bin)):
        return False
    named = {
        word
        for node in ir.walk(test.rights[0])
        if isinstance(node, (ir.Name, ir.Attr))
        for word in words(node.id if isinstance(node, ir.Name) else node.attr)
    }
    if named.isdisjoint(_LIMIT) and (named.isdisjoint(_STEPS) or named.isdisjoint(_EPISODE)):
        return False
    counts = [node.id for node in ir.walk(test.left) if isinstance(node, ir.Name)]
    return len(counts) == 1 and _counts_an_episode(graph, path, test, counts[0])


def _counts_an_episode(graph: ReplayGraph, path: str, node: ir.Node, name: str) -> bool:
    """Whether a name counts the turns of a loop, and begins anew in a loop around that one."""
    loops: list[ir.For | ir.While] = []
    for around in graph.ancestors(path, node):
        if isinstance(around, (ir.Function, ir.Lambda)):
            break
        if isinstance(around, (ir.For, ir.While)):
            loops.append(around)
    for inner, outer in pairwise(loops):
        if isinstance(inner, ir.For) and any(_is(part, name) for part in ir.walk(inner.target)):
            return True
        inside = set(ir.walk(inner))
        counted = any(isinstance(part, ir.Aug) and part.op == "+" and _is(part.target, name) for part in inside)
        begun = (part for part in ir.walk(outer) if isinstance(part, ir.Assign) and part not in inside)
        if counted and any(_is(target, name) for part in begun for target in ir.walk(*part.targets)):
            return True
    return False


def _is(node: ir.Node, name: str) -> bool:
    return isinstance(node, ir.Name) and node.id == name
