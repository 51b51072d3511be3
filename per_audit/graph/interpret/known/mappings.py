"""Dictionaries that are made of others: `d.update(weights=w)`, `d | {"weights": w}`, `{**d, "weights": w}`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import role_of_name
from per_audit.graph.interpret.values import (
    UNKNOWN,
    Alloc,
    Instance,
    Record,
    RecordType,
    TupleOf,
    Value,
    join_all,
    taint,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from per_audit.graph.interpret.frame import Frame
    from per_audit.graph.interpret.interpreter import Interpreter
    from per_audit.graph.interpret.values import Arguments

DICT = "dict"  # the record type of a dictionary
REST = "**"  # the field for what is there by keys that are not known
_MOST_FIELDS = 24  # of a dict whose keys are followed one by one


def held(interpreter: Interpreter, value: Value) -> dict[str, Value]:
    """What a dictionary, or a list of pairs, holds by its keys; what keys are not known of is the `REST`."""
    fields = interpreter.parts.fields_of(value)
    others: list[Value] = []
    for atom in interpreter.order.atoms(value.atoms):
        pairs = [_pair(item) for item in atom.items] if isinstance(atom, TupleOf) else []
        if pairs and None not in pairs:
            fields.update(pair for pair in pairs if pair is not None)
        elif not isinstance(atom, Record):
            others.append(_values(interpreter, atom))
    others += [] if value.atoms else [value.only_taint()]
    rest = join_all(others)
    return fields if rest == UNKNOWN else _over(fields, {REST: rest})


def _values(interpreter: Interpreter, atom: object) -> Value:
    """What a container holds as values: of pairs the second of each."""
    if not isinstance(atom, Alloc):
        return UNKNOWN
    content = interpreter.content_of(atom)
    if atom.kind == DICT:
        return content
    return join_all(each.items[1] for each in content.atoms if isinstance(each, TupleOf) and len(each.items) == 2)


def _pair(item: Value) -> tuple[str, Value] | None:
    """The key and the value of a pair whose key is known."""
    (atom,) = item.atoms if len(item.atoms) == 1 else (None,)
    if not isinstance(atom, TupleOf) or len(atom.items) != 2:
        return None
    key = atom.items[0].literal()
    return (key, atom.items[1]) if isinstance(key, str) else None


def _over(fields: dict[str, Value], later: dict[str, Value]) -> dict[str, Value]:
    """The fields once others were put over them."""
    rest = [part[REST] for part in (fields, later) if REST in part]
    return {**fields, **later, **({REST: join_all(rest)} if rest else {})}


def given(interpreter: Interpreter, arguments: Arguments) -> dict[str, Value]:
    """What the arguments of `dict` or `update` give by their keys."""
    fields: dict[str, Value] = {}
    for keyword, _, value in arguments:
        by_key = held(interpreter, value) if keyword is None else {keyword: value.with_role(role_of_name(keyword))}
        fields = _over(fields, by_key)
    return fields


def united(interpreter: Interpreter, node: ir.Node, parts: Iterable[dict[str, Value]]) -> Value:
    """The dictionary that `node` makes of these, of which later ones count; one of which no key is known is a list."""
    fields: dict[str, Value] = {}
    for part in parts:
        fields = _over(fields, part)
    tags = taint(*fields.values()).tags
    if fields.keys() <= {REST}:
        interpreter.add_content(node, fields.get(REST, UNKNOWN))
        return Value(frozenset((Alloc(node, DICT),)), tags)
    return Value(frozenset((Record(RecordType(DICT, tuple(fields)), node, tuple(fields.values())),)), tags)


def display(interpreter: Interpreter, node: ir.Map, names: Sequence[object], values: Sequence[Value]) -> Value:
    """The dictionary that a display makes with `**other` or keys in it that are not known; `names` are those known."""
    parts = (
        held(interpreter, value) if key is None else {name if isinstance(name, str) else REST: value}
        for key, name, value in zip(node.keys, names, values, strict=True)
    )
    return united(interpreter, node, parts)


def joined(interpreter: Interpreter, node: ir.Node, left: Value, right: Value) -> Value | None:
    """`left | right` of dictionaries; None for other things."""
    if not holds_fields(left) and not holds_fields(right):
        return None
    return united(interpreter, node, (held(interpreter, left), held(interpreter, right)))


def set_fields(
    interpreter: Interpreter, holder: ir.Expr, before: Value, fields: dict[str, Value], frame: Frame
) -> None:
    """A dictionary that a name or attribute holds gets these fields: from now on it holds one that has them."""
    records = [atom for atom in before.atoms if _is_dict(atom)]
    atoms = set(before.atoms.difference(records))
    for atom in records:
        assert isinstance(atom, Record)
        known = _over(dict(zip(atom.type.fields, atom.items, strict=True)), fields)
        atoms.add(Record(RecordType(DICT, tuple(known)), atom.node, tuple(known.values())))
    if not records or any(isinstance(atom, Record) and len(atom.items) > _MOST_FIELDS for atom in atoms):
        return
    after = before._replace(atoms=frozenset(atoms)).with_all(taint(*fields.values()).tags)
    if isinstance(holder, ir.Name):
        interpreter.evaluator.bind_name(holder.id, after, frame)
    elif isinstance(holder, ir.Attr):
        for owner in interpreter.order.atoms(interpreter.events.value(holder.value).atoms):
            if isinstance(owner, Instance):
                interpreter.write_attribute(owner, holder.attr, after)


def method(
    interpreter: Interpreter, atom: Record, node: ir.Call, before: Value, arguments: Arguments, frame: Frame
) -> Value | None:
    """The result of a method of a dictionary whose keys are known; None for others."""
    if not isinstance(node.func, ir.Attr) or not _is_dict(atom):
        return None
    name = node.func.attr
    if name == "update" and arguments:
        set_fields(interpreter, node.func.value, before, given(interpreter, arguments), frame)
        return UNKNOWN
    if name == "copy" and not arguments:
        return Value(frozenset((atom,)), before.tags)
    key = arguments[0][2].literal() if arguments and name in ("get", "pop", "setdefault") else None
    if isinstance(key, str) and key in atom.type.fields:
        return join_all([atom.items[atom.type.fields.index(key)], *(value for _, _, value in arguments[1:])])
    if isinstance(key, str) and name == "setdefault" and len(arguments) == 2:
        set_fields(interpreter, node.func.value, before, {key: arguments[1][2]}, frame)
        return arguments[1][2]
    return None


def holds_fields(value: Value) -> bool:
    """Whether a value may be a dictionary whose keys are known."""
    return any(map(_is_dict, value.atoms))


def _is_dict(atom: object) -> bool:
    return isinstance(atom, Record) and atom.type.name == DICT
