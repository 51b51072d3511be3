"""Models of an environment: what it answers to an action in a state, as planning goes by, be that prioritised."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import ACTION, NEXT, REWARD, STATE
from per_audit.graph.interpret.values import roles_in
from per_audit.graph.model import UNIFORM
from per_audit.graph.pipelines import training_modules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

_LOOKS_UP = ("setdefault", "get")


def is_model(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether dicts hold what followed on an action in a state, where it was last seen to: `model[s, a] = r, s2`.

    Nothing in them is forgotten or there twice. A list of the pairs that they know may lie beside them. A memory that
    keeps whole transitions so, lest one be there twice, is one for all that where a network learns from it; and so is a
    model that a network learns from by priority: more of some pairs moves what it says of the others.
    """
    told = list(filter(_is_told, buffer.stores))
    outcomes = [store for store in told if _is_keyed(store)]
    for store in told:
        if not _is_keyed(store):
            under = _kept_under(graph, store)
            if not under:
                return False
            outcomes += under
    if not outcomes:
        return False
    if not all({STATE, ACTION} <= _of_key(graph, store) for store in outcomes):
        return False
    if buffer.kind == UNIFORM and not any(ACTION in roles_in(store.value) for store in outcomes):
        return True
    modules = training_modules(graph, buffer)
    return not any(graph.learns(function, modules) for function in graph.training_functions(buffer))


def _is_keyed(store: ev.Store) -> bool:
    return store.how == "index" and store.container.kind == "dict"


def _is_told(store: ev.Store) -> bool:
    """Whether what is stored says what followed."""
    return not (roles_in(store.value) | store.roles).isdisjoint((REWARD, NEXT))


def _kept_under(graph: ReplayGraph, store: ev.Store) -> list[ev.Store]:
    """The outcomes that the same function keeps in a dict under what it adds to a list here."""
    if store.how != "append" or store.expression is None:
        return []
    key = graph.source(store.path, store.expression, 200)
    beside = (each for each in graph.events.stores.values() if each.function is store.function and _is_keyed(each))
    return [
        each
        for each in beside
        if each.index is not None and graph.source(each.path, each.index, 200) == key and _is_told(each)
    ]


def _of_key(graph: ReplayGraph, store: ev.Store) -> frozenset[str]:
    """The roles of the keys under which something is stored, in a dict or one inside of another."""
    keys = [store.index, *_outer(store)] if store.index is not None else []
    return frozenset(role for key in keys for role in roles_in(graph.events.value(key)))


def _outer(store: ev.Store) -> Iterator[ir.Expr]:
    """The keys under which the dict that is stored into lies in others: `model[s][a]`, `model.setdefault(s, {})[a]`."""
    targets = store.node.targets if isinstance(store.node, ir.Assign) else []
    for target in targets:
        held: ir.Expr | None = target.value if isinstance(target, ir.Sub) and target.index is store.index else None
        while isinstance(held, (ir.Sub, ir.Call)):
            if isinstance(held, ir.Sub):
                yield held.index
                held = held.value
            elif isinstance(held.func, ir.Attr) and held.func.attr in _LOOKS_UP and held.args:
                yield held.args[0].value
                held = held.func.value
            else:
                return
