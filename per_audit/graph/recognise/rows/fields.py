"""The roles of what is put into a container, as its fields are spelt and as they were made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import ACTION, DONE, NEXT, POLICY, REWARD, STATE, VALUE, role_of, role_of_name
from per_audit.graph.interpret.values import Atom, Record, TupleOf, Value, roles_in

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev

_FIELDS = {STATE, ACTION, REWARD, NEXT, DONE}


def stored_roles(store: ev.Store) -> frozenset[str]:
    """The roles of what is stored: a column that is named for one field holds nothing that a policy said beside it."""
    found = roles_in(store.value)
    for atom in store.value.atoms:
        if spelt := _spelt_roles(atom):
            found = found - {POLICY, VALUE} | spelt if _is_nothing_else(atom) else found | spelt
    return found - {POLICY, VALUE} | store.roles if store.roles and store.how == "index" else found | store.roles


def _spelt_roles(atom: Atom) -> frozenset[str]:
    """The roles of a row that is spelt as a whole transition, whatever its fields were computed from."""
    if not isinstance(atom, TupleOf) or not isinstance(atom.node, ir.Seq) or len(atom.items) != len(atom.node.items):
        return frozenset()
    spelt = frozenset(role for item in atom.node.items if (role := role_of(item)) is not None)
    return spelt if {STATE, ACTION, REWARD, NEXT} <= spelt else frozenset()


def has_unnamed_reward(store: ev.Store) -> bool:
    """Whether one field of a row has no role beside the others of a transition: what was earned, under another name."""
    rows = (atom.items for atom in store.value.atoms if isinstance(atom, TupleOf) and len(atom.items) > 4)
    return any(
        [bool(item.roles) for item in items].count(False) == 1
        and {STATE, ACTION, NEXT, DONE} <= frozenset().union(*(item.roles for item in items))
        for items in rows
    )


def names_reward(store: ev.Store) -> bool:
    """Whether something that is stored, or what it is stored in, is called a reward."""
    names = {node.id for node in ir.walk(store.node) if isinstance(node, ir.Name)}
    names |= {node.attr for node in ir.walk(store.node) if isinstance(node, ir.Attr)}
    names |= {node.value for node in ir.walk(store.node) if isinstance(node, ir.Const) and isinstance(node.value, str)}
    names |= {name for atom in store.value.atoms if isinstance(atom, Record) for name in atom.type.fields}
    return any(role_of_name(name) == REWARD for name in names)


def _is_nothing_else(row: Atom) -> bool:
    """Whether a row has the fields of a transition alone, of which the action is no more than that.

    What the others were made of may be called anything: a reward is made of the returns of prices, and what one agent
    of several answers with holds what its policy said beside the action. Nor is a further sensor anything else.
    """
    if not isinstance(row, TupleOf) or not isinstance(row.node, ir.Seq):
        return False
    fields = list(zip(map(role_of, row.node.items), row.items, strict=True))
    return all(_is_observed(item) if name is None else _is_field(name, item) for name, item in fields)


def _is_field(name: str, item: Value) -> bool:
    """Whether a column holds its field; one of actions is none that a policy said of them instead.

    What several policies answer with comes together where any of them may act: one says more beside its action.
    """
    return name in _FIELDS and (name != ACTION or POLICY not in item.roles or ACTION in item.roles)


def _is_observed(item: Value) -> bool:
    """Whether a field that is called nothing known holds nothing that a policy said."""
    return roles_in(item).isdisjoint({POLICY, VALUE})


def only_sets(method: ir.Function) -> bool:
    """Whether a method does nothing but put what it is given into fields."""
    return all(
        isinstance(statement, ir.Assign)
        and isinstance(statement.value, (ir.Name, ir.Const))
        and all(isinstance(target, ir.Attr) for target in statement.targets)
        for statement in method.body
    )
