"""What a machine computes with, beside Python's own numbers and containers and numpy's arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import pack, unpack
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


class Single:
    """A number of 32 bits as a tensor of PyTorch holds it: what is computed with it is one again."""

    __slots__ = ("value",)
    __array_ufunc__ = None  # numpy leaves the arithmetic to this class, as it does to a tensor's
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: float) -> None:
        self.value: float = unpack("f", pack("f", value))[0]

    def __float__(self) -> float:
        return float(self.value)

    def __add__(self, other: Any) -> Single:
        return Single(self.value + Single(other).value)

    def __sub__(self, other: Any) -> Single:
        return Single(self.value - Single(other).value)

    def __rsub__(self, other: Any) -> Single:
        return Single(Single(other).value - self.value)

    def __mul__(self, other: Any) -> Single:
        return Single(self.value * Single(other).value)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Single:
        return Single(-self.value)

    def __abs__(self) -> Single:
        return Single(abs(self.value))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (int, float, Single)) and self.value == float(other)

    def __lt__(self, other: Any) -> bool:
        return self.value < float(other)

    def __le__(self, other: Any) -> bool:
        return self.value <= float(other)

    def __gt__(self, other: Any) -> bool:
        return self.value > float(other)

    def __ge__(self, other: Any) -> bool:
        return self.value >= float(other)
