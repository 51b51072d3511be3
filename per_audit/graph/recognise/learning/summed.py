"""Batches that are learnt from by sums of the rewards in them, and of which nobody reads the next states: rollouts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import ACTION, NEXT, REWARD, STATE, role_of
from per_audit.graph.recognise.learning.bootstrapped import is_discounted, is_running_sum
from per_audit.graph.recognise.learning.on_policy import compares_policies
from per_audit.graph.recognise.rows.imitated import reads, roles_read_at

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph
    from per_audit.graph.recognise.evidence import Evidence

_FAR = 1  # calls from where a batch is taken apart to where rewards are summed up


def is_summed_up(evidence: Evidence, buffer: ReplayBuffer) -> bool:
    """Whether of rows with next states only the others are read, and their rewards summed up one after the other.

    Who discounts something else of the batch is no such learner, unless it goes by the ratio of two policies.
    """
    function, graph = buffer.function, evidence.graph
    if NEXT not in buffer.roles or not isinstance(function, ir.Function):
        return False
    gives = any(isinstance(node, ir.Return) and node.value is not None for node in ir.walk_scope(function.body))
    if gives:
        takers = [(site.path, site.function) for site in buffer.samples]
        taken = [roles_read_at(evidence, site) for site in buffer.samples]
    else:
        takers, taken = [(buffer.path, function)], [_parts_drawn(evidence, buffer, function)]
    if not takers or not all({REWARD, ACTION} <= read and NEXT not in read for read in taken):
        return False
    if not all(_sums_up(graph, path, taker, set(buffer.draws)) for path, taker in takers):
        return False
    return not evidence.consumed.is_bootstrapped(buffer.draws) or all(
        compares_policies(graph.module(path)) for path, _ in takers
    )


def _parts_drawn(evidence: Evidence, buffer: ReplayBuffer, function: ir.Function) -> set[str | None]:
    """The roles of the names, among those that the drawing function gives to parts of each row, that it reads."""
    named = evidence.consumed.named(buffer.draws, function)
    read = {name.id for name in reads(evidence, buffer.path, function)}
    given = {role_of(name) for name in named}
    return {role_of(name) for name in named if ir.last_name(name) in read} if {STATE, NEXT} <= given else set()


def _sums_up(graph: ReplayGraph, path: str, function: ev.Owner, draws: set[ir.Call]) -> bool:
    """Whether a function, or one that it calls, keeps a running sum of rewards that were drawn."""
    asked = [] if function is None else [each for each in graph.reachable(function, _FAR) if each is not None]
    parts: list[tuple[str, ir.Node]] = [(graph.project.module_of[each].path, each) for each in asked]
    if function is None:
        parts = [(path, node) for node in graph.module(path).body]
    return any(
        isinstance(part, ir.Bin)
        and part.op == "+"
        and is_running_sum(graph, where, part)
        and _is_of_rewards(graph, part, draws)
        for where, node in parts
        for part in ir.walk(node)
    )


def _is_of_rewards(graph: ReplayGraph, running: ir.Bin, draws: set[ir.Call]) -> bool:
    """Whether rewards of a batch are summed up, or what is made of them and discounted; a loss for the log is neither.

    Nor is what an environment pays as it goes.
    """
    parts = [part for part in ir.walk(running) if isinstance(part, ir.Expr)]
    values = [graph.events.value(part) for part in parts]
    if all(value.tagged("draw").isdisjoint(draws) for value in values):
        return False
    is_reward = any(REWARD in (value.roles or {role_of(part)}) for part, value in zip(parts, values, strict=True))
    return is_reward or is_discounted(graph, running.left) or is_discounted(graph, running.right)
