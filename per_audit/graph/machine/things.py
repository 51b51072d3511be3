"""What a machine computes with, beside Python's own numbers and containers and numpy's arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from per_audit.facts import ir


class Stopped(Exception):
    """The run ended early."""


class Unsupported(Stopped):
    """The code does something that is not followed."""


class Failed(Stopped):
    """The code itself raises an error on these numbers."""


@dataclass(slots=True, eq=False)
class Thing:
    """An object of a class of the project."""

    cls: ir.Class
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Token:
    """Something of which nothing matters but which one it is: a transition."""

    name: str = ""


@dataclass(slots=True, eq=False)
class Names:
    """The names of a body, and those of the body around it."""

    table: dict[str, Any]
    outer: Names | None = None


@dataclass(slots=True, eq=False)
class Method:
    """A function of the project, bound to an object or to the names around it."""

    function: ir.Function | ir.Lambda
    thing: Thing | None = None
    names: Names | None = None


@dataclass(slots=True, eq=False)
class Builder:
    """A class of the project, to be called."""

    cls: ir.Class


@dataclass(slots=True, eq=False)
class Parent:
    """`super()`: the bases of a class, bound to an object."""

    cls: ir.Class
    thing: Thing


@dataclass(slots=True, eq=False)
class Library:
    """A name of a library, by its dotted path."""

    name: str
