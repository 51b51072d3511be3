"""One way in which a project constructs a class: what it passes, and where each value stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Setting:
    """One argument that could be read: `value` is a plain one, or {"dtype": "numpy.float32"}, or {"fields": {...}}.

    `place` says where the value stands; `others` are values that it has on other ways, in words.
    """

    value: Any
    place: str
    others: tuple[str, ...] = ()
    of_a_file: bool = False

    @property
    def words(self) -> str:
        """The value and its place, for people."""
        if isinstance(self.value, dict) and "fields" in self.value:
            shown = f"an object with {', '.join(self.value['fields'])}"
        else:
            shown = self.value["dtype"] if isinstance(self.value, dict) else repr(self.value)
        other = f"; also {', '.join(self.others)}" if self.others else ""
        return f"{shown} ({self.place}{other})"


@dataclass(frozen=True)
class Configuration:
    """One way in which a project constructs a class: `settings` by parameter, `unknown` parameters with their source.

    `defaults` are the parameters that the call leaves to the class, with the source of their defaults; `files` those of
    settings that were read.
    """

    place: str
    settings: dict[str, Setting]
    unknown: dict[str, str]
    defaults: dict[str, str] = field(default_factory=dict)
    files: frozenset[Path] = frozenset()

    @property
    def path(self) -> str:
        """The file of the constructing call."""
        return self.place.partition(":")[0]

    @property
    def of_a_test(self) -> bool:
        """Whether the call is one of a test, by the name of its file."""
        return "test" in self.path.lower()

    @property
    def values(self) -> dict[str, Any]:
        """The values by parameter."""
        return {name: setting.value for name, setting in self.settings.items()}

    @property
    def words(self) -> dict[str, str]:
        """What was read, left to the class, and not found, for people."""
        said = {"made at": self.place}
        if self.settings:
            said["configured"] = ", ".join(f"{name} = {setting.words}" for name, setting in self.settings.items())
        if self.defaults:
            said["class's defaults"] = ", ".join(f"{name} = {text}" for name, text in self.defaults.items())
        if self.unknown:
            said["not found"] = ", ".join(f"{name}: {text}" for name, text in self.unknown.items())
        return said
