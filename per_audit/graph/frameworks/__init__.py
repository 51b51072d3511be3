"""What is known of the replay buffers of other libraries: one data file a library, named after its package.

A file states what the library's documentation and source say (`framework.schema.json` describes its keys), so that a
library is added or corrected without code. Files are read only when a project imports their library.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Union

if TYPE_CHECKING:
    from collections.abc import Mapping

UNIFORM, PRIORITISED = "uniform", "prioritised"
_SUFFIX = ".toml"
_FILES = Path(__file__).parent


class Fields(NamedTuple):
    """A mapping or record that a draw returns: the names of the fields that matter, by what they hold."""

    named: tuple[tuple[str, str], ...]


# What a draw returns: what it is ("batch", "weights", "indices", "probabilities"), a tuple of such, or named fields.
Shape = Union[str, tuple["Shape", ...], Fields]  # noqa: UP007 (evaluated on import)


@dataclass(frozen=True, slots=True)
class Switch:
    """An argument that decides how a buffer draws: its values, or the classes it may be made of, by how they draw."""

    argument: str
    position: int | None
    default: str
    uniform: frozenset[str]
    prioritised: frozenset[str]

    def draws(self, values: set[str]) -> str:
        """How the buffer draws when the argument may have these values; "unknown" unless all draw alike."""
        if values and values <= self.uniform:
            return UNIFORM
        return PRIORITISED if values and values <= self.prioritised else "unknown"


@dataclass(frozen=True, slots=True)
class Kind:
    """One or several classes or factories of a library that make the same sort of buffer.

    `draws` is uniform, prioritised, on-policy, offline or other. `sample`, `store` and `update` are the names of its
    methods. `needs` are methods of which one must be given the buffer before it is a replay memory at all, `unless`
    arguments that make it none. `steps` say how a project comes from it to prioritised replay. Where only the losses of
    one module weigh by themselves, that is `losses`, and `fields` are the names under which a batch has its weights.
    `weigh` are methods that answer with the weights of positions, whenever they are asked.
    A `functional` one changes nothing by itself: its methods return what it holds then, and `replace` a buffer like it.
    Where the arguments `lengths` are one, it is only drawn from when it is full.
    """

    names: frozenset[str]
    draws: str
    switch: Switch | None
    sample: frozenset[str]
    store: frozenset[str]
    update: frozenset[str]
    returns: Shape | None
    weighted_by_library: bool
    instead: str
    needs: frozenset[str]
    unless: frozenset[str]
    steps: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    losses: str = ""
    functional: bool = False
    lengths: tuple[str, ...] = ()
    weigh: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Algorithm:
    """An algorithm of a library: how it draws by default, and the argument that takes another buffer, if any.

    One that makes its buffer itself is trained by the methods `trained_by`, or `trains` when it is called; both are
    empty where the project makes the buffer. `steps` say how a project comes from it to prioritised replay. It draws
    from the step that its argument `starts_at` says, to that of the argument `stops_at` of its training.
    """

    draws: str
    changed_by: str
    trained_by: frozenset[str] = frozenset()
    trains: bool = False
    steps: tuple[str, ...] = ()
    starts_at: str = ""
    stops_at: str = ""


@dataclass(frozen=True, slots=True)
class Framework:
    """One library.

    `modules` are the dotted prefixes its buffers are imported from. `replaceable` is False where its agents accept
    no other buffer than their own. `configurations` are keys of a dict that name a buffer's class. `sources` are the
    files of the library in which its buffers are written. `collectors` are the classes that fill a buffer they are
    given, and do no more with it, `answers` the methods by which a policy answers a batch, without its rewards.
    """

    package: str
    title: str
    documentation: str
    version: str
    modules: tuple[str, ...]
    replaceable: bool
    kinds: tuple[Kind, ...]
    algorithms: dict[str, Algorithm]
    configurations: tuple[str, ...]
    settings: dict[str, str]
    sources: tuple[str, ...]
    collectors: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()

    def kind(self, name: str) -> Kind | None:
        """The buffer of that name."""
        return next((kind for kind in self.kinds if name in kind.names), None)

    def algorithm(self, dotted: str) -> Algorithm | None:
        """The algorithm that a dotted name ends in; the names of some begin with their module."""
        return next((known for name, known in self.algorithms.items() if f".{dotted}".endswith(f".{name}")), None)

    def holds(self, dotted: str) -> bool:
        """Whether the dotted name is one of the modules, or inside one of them."""
        return any(dotted == prefix or dotted.startswith(f"{prefix}.") for prefix in self.modules)

    def find(self, dotted: str) -> tuple[str, Kind] | None:
        """The buffer that a dotted name of the library stands for, and the part of the name that says so."""
        if not self.holds(dotted):
            return None
        found = ((name, self.kind(name)) for name in reversed(dotted.split(".")[1:]))
        return next(((name, kind) for name, kind in found if kind is not None), None)


@cache
def packages() -> frozenset[str]:
    """The packages that there is a data file for."""
    return frozenset(f.name.removesuffix(_SUFFIX) for f in _FILES.iterdir() if f.name.endswith(_SUFFIX))


def content(package: str) -> dict[str, Any]:
    """The data file of a package as it is written."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(_FILES.joinpath(f"{package}{_SUFFIX}").read_text(encoding="utf-8"))


@cache
def framework(package: str) -> Framework | None:
    """What is known of the library that is imported as `package`, None where nothing is."""
    if package not in packages():
        return None
    table = content(package)
    return Framework(
        package,
        table["title"],
        table["documentation"],
        table["version"],
        tuple(table.get("modules", (package,))),
        table.get("replaceable", True),
        tuple(map(_kind, table.get("buffer", ()))),
        {name: _algorithm(group) for group in table.get("algorithm", ()) for name in group["names"]},
        tuple(table.get("configurations", ())),
        table.get("settings", {}),
        tuple(table["sources"]),
        tuple(table.get("collectors", ())),
        tuple(table.get("answers", ())),
    )


@cache
def drawn_shape(name: str) -> Shape | None:
    """What a call of that qualified name returns, where it draws from a library's buffer, or asks it for weights."""
    package = name.partition(".")[0]
    known = framework(package) if package in packages() else None
    owner, _, method = name.rpartition(".")
    found = known.find(owner) if known is not None else None
    if found is not None and method in found[1].weigh:
        return "weights"
    return found[1].returns if found is not None and method in found[1].sample else None


@cache
def is_replaced(name: str) -> bool:
    """Whether a call of that qualified name makes a library's buffer anew: `buffer.replace(add=jit(buffer.add))`."""
    package, (owner, _, method) = name.partition(".")[0], name.rpartition(".")
    known = framework(package) if method == "replace" and package in packages() else None
    found = known.find(owner) if known is not None else None
    return found is not None and found[1].functional and owner.endswith(f".{found[0]}")


def _algorithm(table: Mapping[str, Any]) -> Algorithm:
    return Algorithm(
        table["draws"],
        table.get("changed_by", ""),
        frozenset(table.get("trained_by", ())),
        table.get("trains", False),
        tuple(table.get("steps", ())),
        table.get("starts_at", ""),
        table.get("stops_at", ""),
    )


def _kind(table: Mapping[str, Any]) -> Kind:
    switch = table.get("switch")
    return Kind(
        frozenset(table["names"]),
        table["draws"],
        None
        if switch is None
        else Switch(
            switch["argument"],
            switch.get("position"),
            switch["default"],
            frozenset(switch.get(UNIFORM, ())),
            frozenset(switch.get(PRIORITISED, ())),
        ),
        frozenset(table.get("sample", ())),
        frozenset(table.get("store", ())),
        frozenset(table.get("update", ())),
        _shape(table["returns"]) if "returns" in table else None,
        table.get("weighted_by_library", False),
        table.get("instead", ""),
        frozenset(table.get("needs", ())),
        frozenset(table.get("unless", ())),
        tuple(table.get("steps", ())),
        tuple(table.get("fields", ())),
        table.get("losses", ""),
        table.get("functional", False),
        tuple(table.get("lengths", ())),
        frozenset(table.get("weigh", ())),
    )


def _shape(written: str | list[Any] | dict[str, str]) -> Shape:
    if isinstance(written, str):
        return written
    if isinstance(written, dict):
        return Fields(tuple(sorted(written.items())))
    return tuple(map(_shape, written))
