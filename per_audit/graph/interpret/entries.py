"""Functions with what their parameters are: what is interpreted, and remembered by that."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import role_of_name
from per_audit.graph.interpret.spreading import behind_a_star, length_of_star
from per_audit.graph.interpret.values import (
    UNKNOWN,
    Alloc,
    ClassRef,
    Columns,
    Drawn,
    External,
    Func,
    Instance,
    Item,
    Record,
    Step,
    TupleOf,
    of,
    shallow,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.graph.interpret.interpreter import Interpreter
    from per_audit.graph.interpret.values import Atom, Value

_Defaults = tuple[tuple[ir.Expr, "Value | None"], ...]
_FIRST = itemgetter(0)
_COMMAND_LINE = ("argparse.", "configargparse.")
_CARRIERS = (Alloc, Drawn, Item, Columns, Step, Func, ClassRef)


class Entry:
    """A function with what its parameters are; equal ones are one object, which is found without being compared.

    `given` says for which state of what is known of the parameters (`_grown`) this entry adds nothing to it.
    """

    __slots__ = ("carries", "classes", "env", "given", "node", "owner")

    def __init__(self, node: ir.Function | ir.Lambda, owner: Instance | None, env: dict[str, Value]) -> None:
        self.node = node
        self.owner = owner
        self.env = env
        self.given = -1
        self.carries = any(map(_carries, env.values()))
        told = (atom for value in env.values() for atom in value.atoms) if self.carries else ()
        self.classes = frozenset(atom for atom in told if isinstance(atom, ClassRef))


class Entries:
    """The entries of a project: a call that repeats an earlier one has the same."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        self._entries: dict[object, Entry] = {}
        self._calls: dict[object, tuple[Entry, _Defaults]] = {}

    def called(
        self, node: ir.Function, owner: Instance | None, arguments: list[tuple[str | None, str, Value]]
    ) -> Entry:
        """The function bound to the arguments; remembered, since most calls of a project repeat an earlier one."""
        if any(star for _, star, _ in arguments):  # what they give changes with what containers hold
            return self.entered(node, owner, self.bind(node, owner, arguments))
        key = (node, owner, *arguments)
        known = self._calls.get(key)
        values = self.interpreter.events.values
        if known is not None and all(values.get(default) is value for default, value in known[1]):
            return known[0]
        entry = self.entered(node, owner, self.bind(node, owner, arguments))
        defaults = tuple((p.default, values.get(p.default)) for p in node.parameters if p.default is not None)
        self._calls[key] = entry, defaults
        return entry

    def entered(
        self,
        node: ir.Function | ir.Lambda,
        owner: Instance | None,
        env: dict[str, Value],
        around: tuple[Value | None, ...] = (),
    ) -> Entry:
        """The one entry for a function with these parameters; for a lambda where this is what it reads around it."""
        key = (node, owner, tuple(sorted(env.items(), key=_FIRST)), around)
        known = self._entries.get(key)
        if known is None:
            known = self._entries[key] = Entry(node, owner, env)
        return known

    def own_result(self, entry: Entry, result: Value) -> Value:
        """What all calls of a function give, but for objects of the classes that it is given by other calls alone."""
        if not any(isinstance(atom, Instance) and ClassRef(atom.node) in entry.classes for atom in result.atoms):
            return result
        others: set[Atom] = set()
        for name in entry.env:
            self.interpreter.reruns.note_read((entry.node, name))
            others |= self.interpreter.parameters.get((entry.node, name), UNKNOWN).atoms - entry.classes
        own = (atom for atom in result.atoms if not isinstance(atom, Instance) or ClassRef(atom.node) not in others)
        return result._replace(atoms=frozenset(own))

    def bind_self(self, node: ir.Function | ir.Lambda, owner: Instance | None, env: dict[str, Value]) -> None:
        """Give the first parameter of a method the object or class that it is called on."""
        if owner is None or isinstance(node, ir.Lambda) or not node.parameters:
            return
        names = self.interpreter.classes.decorators(node)
        if "staticmethod" in names:
            return
        is_of_class = "classmethod" in names
        env[node.parameters[0].name] = (
            of(ClassRef(owner.node)) if is_of_class else self.interpreter.calls.made_of(owner)
        )

    def bind(
        self, node: ir.Function | ir.Lambda, owner: Instance | None, arguments: list[tuple[str | None, str, Value]]
    ) -> dict[str, Value]:
        """What the parameters of a function are for the arguments of a call; defaults where it gives none."""
        env: dict[str, Value] = {}
        parameters = node.parameters
        skip = 0
        if owner is not None and isinstance(node, ir.Function):
            self.bind_self(node, owner, env)
            skip = 1 if env else 0
        positional = [p for p in parameters[skip:] if not p.kind and not p.keyword_only]
        rest: list[Value] = []
        unknown_star = UNKNOWN
        place = 0
        for number, (keyword, star, value) in enumerate(arguments):
            if star == "*":
                left, behind = positional[place:], arguments[number + 1 :]
                items = self._spread(value, length_of_star(parameters, left, behind))
                if items is None:
                    unknown_star = unknown_star.join(self.interpreter.parts.element(value))
                    env |= _joined(behind_a_star(parameters, left, behind))
                    place = len(positional)
                    continue
                plain = list(items)
            elif keyword is None and not star:
                plain = [value]
            else:
                if keyword is not None:
                    env[keyword] = value
                else:
                    env.update(self.interpreter.parts.fields_of(value))
                continue
            for item in plain:
                if place < len(positional):
                    env[positional[place].name] = item
                    place += 1
                else:
                    rest.append(item)
        for parameter in parameters[skip:]:
            if parameter.kind == "*":
                star_value = of(TupleOf(parameter, tuple(rest))) if unknown_star is UNKNOWN else unknown_star
                env[parameter.name] = star_value
            elif parameter.kind == "**":
                known = {p.name for p in parameters}
                extra = {k: v for k, v in env.items() if k not in known}
                env[parameter.name] = of(
                    Record(self.interpreter.evaluator.dict_type(tuple(extra)), parameter, tuple(extra.values()))
                )
            elif parameter.name not in env:
                default = parameter.default
                env[parameter.name] = self.interpreter.events.value(default) if default is not None else UNKNOWN
            elif isinstance(parameter.default, (ir.Name, ir.Attr)) and _is_chosen(env[parameter.name]):
                env[parameter.name] = self._or_class(env[parameter.name], parameter.default)
        names = {p.name: p for p in parameters}
        return {
            name: shallow(value).with_role(role_of_name(name) if not names[name].kind else None)
            for name, value in env.items()
            if name in names
        }

    def _spread(self, value: Value, length: int | None) -> tuple[Value, ...] | None:
        """The items that a star stands for, which are as many as the parameters need where that tells how many."""
        items = self.interpreter.parts.items_of(value)
        return items if items is not None or length is None else self.interpreter.parts.items_of(value, length)

    def _or_class(self, given: Value, default: ir.Expr) -> Value:
        """What a caller gives, which is not known, or the class that is the default: a choice that is left open."""
        value = self.interpreter.events.value(default)
        return given.join(value) if any(isinstance(atom, ClassRef) for atom in value.atoms) else given


def _joined(given: Iterable[tuple[str, Value]]) -> dict[str, Value]:
    """What names may be, of which some are told several times."""
    found: dict[str, Value] = {}
    for name, value in given:
        found[name] = found[name].join(value) if name in found else value
    return found


def _is_chosen(value: Value) -> bool:
    """Whether nothing is known to be a value, or it is what a command line says."""
    return all(isinstance(atom, External) and atom.name.startswith(_COMMAND_LINE) for atom in value.atoms)


def _carries(value: Value) -> bool:
    """Whether a value holds a container, something drawn or computed from that, or what is called."""
    if value.tags or value.roles:
        return True
    return any(
        isinstance(atom, _CARRIERS) or (isinstance(atom, (TupleOf, Record)) and any(map(_carries, atom.items)))
        for atom in value.atoms
    )
