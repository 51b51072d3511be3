"""Masks of a batch's targets that are what the latest step said: one flag for all, of none of the transitions drawn."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.episodes import bootstrap, endings
from per_audit.graph.episodes.environments import TERMINATED, TRUNCATED
from per_audit.graph.episodes.truncation import is_step
from per_audit.graph.symbolic import strip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.episodes.bootstrap import BootstrapTarget
    from per_audit.graph.model import ReplayBuffer, ReplayGraph
    from per_audit.graph.symbolic import Term

_TURNS = {"sub", "phi", "not", "detach", "reshape", "unsqueeze", "squeeze"}  # what a flag becomes a mask by


def unmasked(graph: ReplayGraph, buffer: ReplayBuffer) -> list[tuple[BootstrapTarget, ir.Node]]:
    """The targets whose only mask is the flag of a step that the loop around them takes, and that mask.

    Learning that waits until the flag is raised is left out: there the flag is the same each time.
    """
    found: list[tuple[BootstrapTarget, ir.Node]] = []
    bodies: list[endings.Body] | None = None
    for target in bootstrap.targets(graph, buffer):
        masks = [factor for factor in target.factors if _is_latest(graph, buffer, target, factor)]
        if not masks or masks[0].node is None:
            continue
        bodies = endings.bodies(graph, buffer) if bodies is None else bodies
        rest = tuple(factor for factor in target.factors if factor not in masks)
        if bootstrap.is_unmasked(graph, replace(target, factors=rest), bodies):
            found.append((target, masks[0].node))
    return found


def _is_latest(graph: ReplayGraph, buffer: ReplayBuffer, target: BootstrapTarget, factor: Term) -> bool:
    """Whether a factor is made of a step's flag and numbers; the step is taken in the loop that the target stands in.

    A model of the environment that is stepped from drawn states says something of each of them.
    """
    flags = list(_flags(factor))
    if not flags or any(flag is None for flag in flags):
        return False
    around = _loops(graph, target.path, target.node)
    for flag in flags:
        step = strip(flag.args[0]) if flag is not None else None
        if step is None or step.node is None or step.path != target.path:
            return False
        if any(part.op == "draw" and part.data in buffer.sources for part in step.walk()):
            return False
        inside = _loops(graph, step.path, step.node)
        if graph.symbols.function_of(step.path, step.node) is not target.function or not inside or inside - around:
            return False
    return True


def _flags(term: Term) -> Iterator[Term | None]:
    """The flags of steps that a term is made of; None for anything else but numbers."""
    if term.op == "item" and term.data in (TERMINATED, TRUNCATED) and is_step(term.args[0]):
        yield term
    elif term.op in _TURNS:
        for part in term.args:
            yield from () if part.is_number else _flags(part)
    else:
        yield None


def _loops(graph: ReplayGraph, path: str, node: ir.Node) -> set[ir.Node]:
    """The loops around a node in its function."""
    found: set[ir.Node] = set()
    for around in graph.ancestors(path, node):
        if isinstance(around, ir.Function):
            break
        if isinstance(around, (ir.For, ir.While)):
            found.add(around)
    return found
