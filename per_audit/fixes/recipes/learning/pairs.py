"""Targets of all pairs of rows: rewards of shape (B,) and values of shape (B, 1) make a matrix, and no TD errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Refused
from per_audit.fixes.recipes.containers.rewards import place_of_reward
from per_audit.graph.symbolic import Term, alternatives
from per_audit.graph.symbolic.shape import BATCH, Shape, is_column_conflict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.fixes.recipes.learning.losses import Loss, Losses
    from per_audit.graph.interpret import events as ev

_SUMS = {"add", "sub", "mul"}
_FORMS = {"detach", "neg", "clip"}
_FAR = 8


def refuse_pairs(losses: Losses, loss: Loss) -> None:
    """Refuse a loss whose target would be a number for each pair of rows: what comes from it is no error of a row."""
    target = losses.graph.symbols.term(losses.path, loss.target)
    for first, second in _sums(target):
        if is_column_conflict(_shape(losses, first), _shape(losses, second)):
            raise Refused(
                f"the target at {losses.where(loss.node)} is a number for each pair of rows: rewards of shape (B,) meet"
                " values of shape (B, 1), which are to be of one shape first"
            )


def _sums(term: Term, depth: int = _FAR) -> Iterator[tuple[Term, Term]]:
    """The two sides of each sum or product that a term is made of."""
    if depth and (term.op in _FORMS or (term.op in _SUMS and len(term.args) == 2)):
        if term.op in _SUMS:
            yield term.args[0], term.args[1]
        for part in term.args:
            yield from _sums(part, depth - 1)


def _shape(losses: Losses, term: Term) -> Shape | None:
    """The shape of one side; rewards that an environment gave one by one are a row."""
    known = losses.graph.shapes.of(term)
    if known or term.op != "item" or term.args[0].op != "draw" or term.args[0].data not in losses.draws:
        return known
    stores = losses.buffer.stores
    is_reward = str(term.data) == place_of_reward(losses.buffer)
    return (BATCH,) if is_reward and all(_is_a_number(losses, store, term.data) for store in stores) else None


def _is_a_number(losses: Losses, store: ev.Store, place: object) -> bool:
    """Whether what is stored at a place is the second thing that a step of an environment returns, as it is."""
    symbols, row = losses.graph.symbols, store.expression
    if not isinstance(place, int) or row is None:
        return False
    if isinstance(row, ir.Seq) and place < len(row.items) and isinstance(name := row.items[place], ir.Name):
        body = store.function.body if isinstance(store.function, ir.Function) else losses.graph.module(store.path).body
        if any(_steps(node, name.id) for node in ir.walk_scope(body)):
            return True
    stored = symbols.expanded(symbols.term(store.path, row))
    if stored.op != "tuple" or place >= len(stored.args):
        return False
    options = alternatives(symbols.expanded(stored.args[place]))
    return bool(options) and all(_is_step(option) for option in options)


def _steps(node: ir.Node, name: str) -> bool:
    """Whether a statement is `..., name, ... = env.step(...)`, with the name in the second place."""
    if not isinstance(node, ir.Assign) or len(node.targets) != 1 or not isinstance(node.targets[0], ir.Seq):
        return False
    items, call = node.targets[0].items, node.value
    is_second = len(items) > 1 and isinstance(items[1], ir.Name) and items[1].id == name
    return is_second and isinstance(call, ir.Call) and ir.last_name(call.func) == "step"


def _is_step(term: Term) -> bool:
    call = term.args[0] if term.op == "item" and term.data == 1 else None
    return call is not None and call.op == "call" and str(call.data).rpartition(".")[2] == "step"
