"""Positions that are drawn again for what was earned there: rewards have a share of each batch, whatever is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import REWARD, name_of, role_of_name

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph


def is_rejected(graph: ReplayGraph, draw: ev.Draw) -> bool:
    """Whether a loop draws a position, and a test of the reward that is stored there has it draw another one."""
    statement = graph.statement(draw.path, draw.node)
    target = statement.targets[0] if isinstance(statement, ir.Assign) and statement.value is draw.node else None
    loop = next((each for each in graph.ancestors(draw.path, draw.node) if isinstance(each, (ir.For, ir.While))), None)
    if draw.items or not isinstance(target, ir.Name) or loop is None:
        return False
    branches = (node for node in ir.walk_scope(loop.body) if isinstance(node, ir.If) and node.start > draw.node.end)
    return any(_goes_on(branch.body) and _asks_for_reward(branch.test, target.id) for branch in branches)


def _goes_on(body: list[ir.Stmt]) -> bool:
    last = body[-1] if body else None
    return isinstance(last, ir.Jump) and last.kind == "continue"


def _asks_for_reward(test: ir.Expr, position: str) -> bool:
    return any(
        isinstance(part, ir.Sub)
        and isinstance(part.index, ir.Name)
        and part.index.id == position
        and role_of_name(name_of(part.value) or "") == REWARD
        for part in ir.walk(test)
    )
