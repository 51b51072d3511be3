"""Adapters for the buffers of other libraries, one file a library, named as its top-level package is imported.

Each holds a class `Adapter` as an adapter file does, and `KINDS`: the names of the library's classes that it drives.
Nothing of a library is imported until a class of it is the target.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any


def find(cls: type) -> tuple[str, type[Any]] | None:
    """(library, adapter class) for a class of a library or one derived from it, or None."""
    known = {entry.name for entry in pkgutil.iter_modules(__path__)}
    for base in cls.__mro__:
        library = base.__module__.split(".")[0]
        if library in known:
            module = importlib.import_module(f"{__name__}.{library}")
            if base.__name__ in module.KINDS:
                return library, module.Adapter
    return None
