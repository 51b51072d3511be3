"""Rows that are objects of a class which says what it holds, and hands that on: `obs: Array`, `reward: float`, ..."""

from __future__ import annotations

import builtins

from per_audit.facts import ir
from per_audit.graph.interpret.roles import ACTION, NEXT, REWARD, STATE, role_of_name

_WHOLE = {STATE, ACTION, REWARD, NEXT}
# Of dictionaries and lists, which hold the fields by their names.
_OF_DATA = {name for kind in (dict, list) for name in dir(kind)}


def declared_roles(cls: ir.Class) -> set[str]:
    """The roles of the fields that a class declares, if they are a whole transition and its methods act on nothing.

    What an agent knows of its last step may be as much, but it asks others for it.
    """
    told = (part.targets[0] for part in cls.body if isinstance(part, ir.Assign) and part.annotation is not None)
    roles = {role for name in told if isinstance(name, ir.Name) and (role := role_of_name(name.id)) is not None}
    methods = [part for part in cls.body if isinstance(part, ir.Function)]
    return roles if roles >= _WHOLE and all(_only_hands_on(each, methods) for each in methods) else set()


def _only_hands_on(method: ir.Function, methods: list[ir.Function]) -> bool:
    """Whether a method does nothing but to its own object and what it is given: it calls no method of any other."""
    known = _OF_DATA | {each.name for each in methods}
    own = {parameter.name for parameter in method.parameters[:1]}
    for call in (part for part in ir.walk(*method.body) if isinstance(part, ir.Call)):
        if isinstance(call.func, ir.Attr) and call.func.attr in known:
            continue
        given = {part.id for part in ir.walk(*(arg.value for arg in call.args)) if isinstance(part, ir.Name)}
        if not isinstance(call.func, ir.Name) or (own & given and not hasattr(builtins, call.func.id)):
            return False
    return True
