"""The buffers that are compared, one module each, and the processes that they run in.

A module's class `Buffer` is a `Contender`. It imports its library when it is made: the module itself is also read
where the library is not installed, for the list of what to install.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .base import Contender


def contender(name: str) -> type[Contender]:
    return importlib.import_module(f"{__name__}.{name}").Buffer
