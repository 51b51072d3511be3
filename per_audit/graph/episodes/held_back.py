"""Wrappers whose step does not always step what they are around: its time limit counts fewer steps than theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.graph.model import ReplayGraph


def holds_steps_back(graph: ReplayGraph, step: ir.Call) -> bool:
    """Whether a step is the project's own, and steps an environment inside on some ways through it only."""
    site = graph.events.calls.get(step)
    called = [func.node for func in site.targets if isinstance(func.node, ir.Function)] if site is not None else []
    return any(_steps(ir.walk_scope(each.body)) and not _always_steps(each.body) for each in called)


def _steps(nodes: Iterable[ir.Node]) -> bool:
    """Whether one of some nodes is a step of an environment, by the name of the method."""
    return any(isinstance(node, ir.Call) and getattr(node.func, "attr", "").startswith("step") for node in nodes)


def _always_steps(body: list[ir.Stmt]) -> bool:
    """Whether each way through some statements comes by a step; one that is left by an error before is none."""
    for part in body:
        if isinstance(part, ir.If):
            ways = [part.body, part.orelse]
            if all(_always_steps(way) or _fails(way) for way in ways):
                return True
            if any(_returns(way) and not _always_steps(way) for way in ways):
                return False
        elif isinstance(part, (ir.With, ir.Try)):
            if _always_steps(part.body):
                return True
        elif _steps(ir.walk(part)):
            return True
    return False


def _fails(body: list[ir.Stmt]) -> bool:
    return bool(body) and isinstance(body[-1], ir.Raise)


def _returns(body: list[ir.Stmt]) -> bool:
    return any(isinstance(part, ir.Return) for part in ir.walk_scope(body))
