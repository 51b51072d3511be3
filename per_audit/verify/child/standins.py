"""Objects that constructors ask for beside numbers: one that holds settings, one that stands for an environment."""

from __future__ import annotations

import importlib
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from per_audit.verify.child.marks import WIDTH

if TYPE_CHECKING:
    from collections.abc import Callable


class Options:
    """Settings by attribute or by key: `value_of(name)` gives each, and raises KeyError for what it has none for."""

    def __init__(self, value_of: Callable[[str], Any]) -> None:
        self.__dict__["_value_of"] = value_of

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self._value_of(name)
        except KeyError:
            raise AttributeError(f"no meaning of the setting `{name}` could be inferred") from None

    def __getitem__(self, name: str) -> Any:
        return self._value_of(name)

    def get(self, name: str, default: Any = None) -> Any:
        """As of a dict."""
        try:
            return self._value_of(name)
        except KeyError:
            return default


def space(kind: str) -> Any:
    """A space of gymnasium, or of gym where the target brought that along: "action_space" is one of four actions."""
    library = importlib.import_module("gym" if "gym" in sys.modules and "gymnasium" not in sys.modules else "gymnasium")
    if kind == "action_space":
        return library.spaces.Discrete(4)
    return library.spaces.Box(-np.inf, np.inf, (WIDTH,), np.float32)


def environment() -> Any:
    """What has the spaces of an environment and nothing else; plain objects where no gymnasium is installed."""
    try:
        spaces = {kind: space(kind) for kind in ("observation_space", "action_space")}
    except ImportError:
        spaces = {
            "observation_space": SimpleNamespace(shape=(WIDTH,), dtype=np.dtype(np.float32)),
            "action_space": SimpleNamespace(shape=(), n=4, dtype=np.dtype(np.int64)),
        }
    return SimpleNamespace(**spaces, **{f"single_{kind}": value for kind, value in spaces.items()}, num_envs=1)
