"""What a container holds after something was put into it."""

from __future__ import annotations

from per_audit.facts import ir
from per_audit.graph.symbolic.term import Term, bounded, phi


def filled(before: Term, value: Term) -> tuple[Term, Term]:
    """An array, and what is in it after a value was put into it."""
    if before.op == "filled":
        return before.args[0], phi((before.args[1], value))
    return before, value


def put_by_key(record: Term, target: ir.Sub, value: Term, path: str) -> Term:
    """A dictionary after `record[key] = value` or `record[key][index] = value`.

    Where the key is not known, each item may be another from then on.
    """
    into = target
    while isinstance(into.value, ir.Sub):
        into = into.value
    key = into.index.value if isinstance(into.index, ir.Const) else None
    items, keys = record.args, record.data
    if key in keys:
        at = keys.index(key)
        made = value if into is target else Term("filled", filled(items[at], value), None, target, path)
        items = (*items[:at], made, *items[at + 1 :])
    elif isinstance(key, str):
        items, keys = ((*items, value), (*keys, key)) if into is target else (items, keys)
    else:
        items = tuple(phi((item, Term("unknown", (), target, target, path))) for item in items)
    return bounded(Term("record", items, keys, record.node, record.path))


def either(options: list[Term]) -> Term:
    """One of several terms; of dictionaries with the same keys, one that has either item under each key."""
    first = options[0]
    if len(options) > 1 and all(option.op == "record" and option.data == first.data for option in options):
        columns = zip(*(option.args for option in options), strict=True)
        return bounded(Term("record", tuple(phi(items) for items in columns), first.data, first.node, first.path))
    return phi(options, first.node, first.path)
