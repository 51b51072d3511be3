"""Rows whose rewards a learner leaves where they are: demonstrations, and what a model of the environment is fit to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import ACTION, DONE, NEXT, REWARD, STATE, role_of, role_of_name, words
from per_audit.graph.interpret.values import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer
    from per_audit.graph.recognise.evidence import Evidence

_DISCOUNTS = {"gamma", "discount"}  # words of a learner that makes its rewards itself
_GOALS = {"goal", "goals", "g"}
_FEWEST = 4  # parts of a batch, of which one is left out
_FAR = 4  # names and calls from the draw to where the batch is taken apart


def is_imitated(evidence: Evidence, buffer: ReplayBuffer) -> bool:
    """Whether the batches are only taken apart, and of their parts only states and actions are ever read."""
    unpacks = [unpack for draw in buffer.draws for unpack in evidence.consumed.unpacks.get(draw, ())]
    if not unpacks or any(evidence.consumed.fields.get(draw) for draw in buffer.draws):
        return False
    read = {role_of(item) for unpack in unpacks for item in _read(evidence, unpack)}
    if ACTION not in read or not read <= {STATE, ACTION}:
        return False
    apart = {evidence.graph.statement(unpack.path, unpack.node) for unpack in unpacks}
    return all(_is_only_in(evidence, apart, buffer.path, draw, buffer.function, _FAR) for draw in buffer.draws)


def is_of_pairs(evidence: Evidence, buffer: ReplayBuffer) -> bool:
    """Whether the function that draws gives batches of named fields, among which there are states and actions alone.

    With goals beside them they teach what to do on the way there: no field is a reward, an end or a next state. Where
    the states are those of several steps, who discounts something of them may compute rewards.
    """
    returned = evidence.events.returns.get(buffer.function, {}).values()
    atoms = [atom for value in returned for atom in value.atoms]
    if not atoms or not all(isinstance(atom, Record) and _is_of_pairs(atom) for atom in atoms):
        return False
    return not evidence.consumed.is_bootstrapped(buffer.draws, unspoken=True)


def _is_of_pairs(batch: Record) -> bool:
    named = {role_of_name(name) for name in batch.type.fields if _GOALS.isdisjoint(words(name))}
    return named == {STATE, ACTION} and not any(item.roles & {REWARD, DONE} for item in batch.items)


def is_foretold(evidence: Evidence, buffer: ReplayBuffer) -> bool:
    """Whether of all batches only states, actions and next states are read, where nothing is discounted.

    A model of the environment learns from them what the next states are.
    """
    return bool(buffer.samples) and all(_foretells(evidence, site) for site in buffer.samples)


def _foretells(evidence: Evidence, site: ev.CallSite) -> bool:
    if not {ACTION, NEXT} <= roles_read_at(evidence, site) <= {STATE, ACTION, NEXT}:
        return False
    around = [site.function] if site.function is not None else evidence.graph.module(site.path).body
    named = (ir.last_name(node) for node in ir.walk(*around))
    return all(_DISCOUNTS.isdisjoint(words(name)) for name in named)


def roles_read_at(evidence: Evidence, site: ev.CallSite) -> set[str | None]:
    """The roles of the parts that are read of a batch which is taken apart where it was asked for."""
    statement = evidence.graph.statement(site.path, site.node)
    target = statement.targets[0] if isinstance(statement, ir.Assign) and statement.value is site.node else None
    if not isinstance(target, ir.Seq) or len(target.items) < _FEWEST:
        return set()
    return {role_of(item) for item in _read_of(evidence, site.path, site.function, target)}


def _read(evidence: Evidence, unpack: ev.Unpack) -> Iterator[ir.Expr]:
    """The targets of an unpacking that are read, or may be."""
    return _read_of(evidence, unpack.path, unpack.function, unpack.node)


def _read_of(evidence: Evidence, path: str, function: ev.Owner, row: ir.Seq) -> Iterator[ir.Expr]:
    names = [node.id for node in reads(evidence, path, function)]
    for item in row.items:
        target = item.value if isinstance(item, ir.Star) else item
        if not isinstance(target, ir.Name) or target.id in names:
            yield target


def reads(evidence: Evidence, path: str, function: ev.Owner) -> list[ir.Name]:
    """The names that a function, or the top level of a file, reads."""
    nodes = list(ir.walk(*([function] if function is not None else evidence.graph.module(path).body)))
    bound = {id(part) for node in nodes for target in _targets(node) for part in ir.walk(target)}
    return [node for node in nodes if isinstance(node, ir.Name) and id(node) not in bound]


def _targets(node: ir.Node) -> Iterable[ir.Expr]:
    if isinstance(node, ir.Assign):
        return [target for target in node.targets if isinstance(target, (ir.Name, ir.Seq))]
    if isinstance(node, ir.Comp):
        return [generator.target for generator in node.generators]
    return [node.target] if isinstance(node, ir.For) else []


def _is_only_in(
    evidence: Evidence, apart: set[ir.Stmt], path: str, node: ir.Expr, function: ev.Owner, far: int
) -> bool:
    """Whether a batch, under any name and wherever it is returned to, is used in the given statements alone."""
    around = evidence.graph.statement(path, node)
    if around in apart:
        return True
    if not far:
        return False
    if isinstance(around, ir.Return):
        sites = evidence.graph.callers.get(function, ()) if function is not None else ()
        return bool(sites) and all(
            _is_only_in(evidence, apart, site.path, site.node, site.function, far - 1) for site in sites
        )
    if not isinstance(around, ir.Assign) or around.value is not node or not isinstance(around.targets[0], ir.Name):
        return False
    name = around.targets[0].id
    uses = [use for use in reads(evidence, path, function) if use.id == name]
    return bool(uses) and all(_is_only_in(evidence, apart, path, use, function, far - 1) for use in uses)
