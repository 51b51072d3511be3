"""Rewards that a project makes itself, out of those of an environment or instead of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from per_audit.graph.model import ReplayGraph

_PLACE = 1  # of the reward in what a step returns
_FEWEST = 4


def pays_otherwise(graph: ReplayGraph, paths: Collection[str]) -> bool:
    """Whether files make an environment that rewards anew, or replace the rewards that a step returned.

    Rewards that are scaled, clipped or converted are still those of the environment.
    """
    made = {cls for site in graph.events.calls.values() if site.path in paths for cls in site.classes}
    return any(_rewards(cls) for cls in made) or any(
        _replaces(graph, path, step, target.id)
        for path in {*paths, *(graph.project.module_of[cls].path for cls in made)}
        for step, target in _stepped(graph, path)
        if isinstance(target, ir.Name)
    )


def _rewards(cls: ir.Class) -> bool:
    """Whether a class computes rewards as a wrapper of Gymnasium's `RewardWrapper` does."""
    return bool(cls.bases) and any(
        isinstance(method, ir.Function) and method.name == "reward" and len(method.parameters) == 2
        for method in cls.body
    )


def _stepped(graph: ReplayGraph, path: str) -> Iterator[tuple[ir.Assign, ir.Expr]]:
    """The assignments of what a step of an environment returns, and what the reward gets into."""
    for node in graph.module(path).nodes_of(ir.Assign):
        assert isinstance(node, ir.Assign)
        call, target = node.value, node.targets[0]
        is_step = isinstance(call, ir.Call) and isinstance(call.func, ir.Attr) and call.func.attr == "step"
        if is_step and isinstance(target, ir.Seq) and len(target.items) >= _FEWEST:
            yield node, target.items[_PLACE]


def _replaces(graph: ReplayGraph, path: str, step: ir.Assign, reward: str) -> bool:
    """Whether the reward gets another value between a step and the next one, or is handed on as another one."""
    inner = (ir.For, ir.While, ir.Function)
    around = next((node for node in graph.ancestors(path, step) if isinstance(node, inner)), None)
    body = around.body if around is not None else graph.module(path).body
    for node in ir.walk_scope(body):
        if isinstance(node, ir.Return) and isinstance(around, ir.Function) and around.name == "step":
            told = node.value.items if isinstance(node.value, ir.Seq) else []
            if len(told) >= _FEWEST and not _keeps(graph, told[_PLACE], reward):
                return True
        if isinstance(node, ir.Assign) and node.start > step.start and node.value is not None:
            is_bound = any(isinstance(target, ir.Name) and target.id == reward for target in node.targets)
            if is_bound and not _keeps(graph, node.value, reward):
                return True
    return False


def _keeps(graph: ReplayGraph, value: ir.Expr, reward: str) -> bool:
    """Whether a value is computed from the reward by more than asking for it, in each case."""
    if isinstance(value, ir.IfExp):
        return _keeps(graph, value.body, reward) and _keeps(graph, value.orelse, reward)
    tested = {
        node for each in ir.walk(value) if isinstance(each, (ir.Cmp, ir.Logic, ir.IfExp)) for node in ir.walk(each)
    }
    calls = (graph.events.calls.get(node) for node in ir.walk(value) if isinstance(node, ir.Call))
    is_own = any(site is not None and site.targets for site in calls)
    return not is_own and any(
        isinstance(node, ir.Name) and node.id == reward for node in ir.walk(value) if node not in tested
    )
