"""Data classes: what the objects made of them begin with, be it given to them or written in the class."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.values import Instance

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.symbolic.symbols import Symbols
    from per_audit.graph.symbolic.term import Term


def record_fields(cls: ir.Class) -> tuple[str, ...] | None:
    """The fields of a data class or typed named tuple."""
    names = {ir.last_name(each.func if isinstance(each, ir.Call) else each) for each in cls.decorators}
    bases = {ir.last_name(base) for base in cls.bases}
    if "NamedTuple" not in bases and not any("dataclass" in str(name) for name in names):
        return None
    if any(isinstance(s, ir.Function) and s.name == "__init__" for s in cls.body):
        return None
    return tuple(
        s.targets[0].id
        for s in cls.body
        if isinstance(s, ir.Assign) and s.annotation is not None and isinstance(s.targets[0], ir.Name)
    )


def has_default(cls: ir.Class, name: str) -> bool:
    """Whether the body of a class says what a field is where nobody gives it."""
    return any(
        isinstance(s, ir.Assign) and s.value is not None and any(getattr(t, "id", None) == name for t in s.targets)
        for s in cls.body
    )


class Records:
    """Asked what the calls that make objects of a data class give to a field."""

    def __init__(self, symbols: Symbols) -> None:
        self._symbols = symbols

    @cached_property
    def _made(self) -> dict[ir.Class, list[ev.CallSite]]:
        """By data class, the calls that make objects of it."""
        found: dict[ir.Class, list[ev.CallSite]] = defaultdict(list)
        for site in self._symbols.events.calls.values():
            for cls in site.classes:
                if record_fields(cls) is not None:
                    found[cls].append(site)
        return found

    def given(self, cls: ir.Class, name: str) -> tuple[list[tuple[Term, str]], bool]:
        """What calls give to a field, each with its file, and whether every call that makes an object gives it."""
        fields, made = record_fields(cls) or (), self._made.get(cls, [])
        place = fields.index(name) if name in fields else None
        passed = [(site.node.argument(place, name), site.path) for site in made if place is not None]
        terms = [(self._symbols.term(path, value), path) for value, path in passed if value is not None]
        return terms, bool(passed) and len(terms) == len(passed)

    def is_open(self, term: Term) -> bool:
        """Whether whoever starts the program may give another value to a field: `Config(**vars(parser.parse_args()))`.

        So it is where attributes are set by names that are not written.
        """
        if term.op != "field":
            return False
        cls, name = term.data
        made = self._made.get(cls, ())
        unpacked = (site for site in made if any(argument.star == "**" for argument in site.node.args))
        return cls in self._set_by_name or any(site.node.argument(None, name) is None for site in unpacked)

    @cached_property
    def _set_by_name(self) -> set[ir.Class]:
        """The classes of objects of which any attribute may be set: `setattr(config, key, value)`."""
        calls = self._symbols.events.calls
        told = [node.args for node in calls if ir.last_name(node.func) == "setattr" and len(node.args) == 3]
        held = [args[0].value for args in told if not isinstance(args[1].value, ir.Const)]
        return {
            atom.node for each in held for atom in self._symbols.events.value(each).atoms if isinstance(atom, Instance)
        }
