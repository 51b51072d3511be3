"""Which engine does the index arithmetic: numba where it is installed, numpy otherwise."""

from __future__ import annotations

import importlib.util
import os
import warnings
from typing import Any

VARIABLE = "EXPERIENCE_REPLAY_KERNELS"


def load_kernels() -> Any:
    """The module of compiled kernels, or None where numpy is to be used.

    The environment variable EXPERIENCE_REPLAY_KERNELS says which: "auto" (numba if it is installed; the default),
    "numba" or "numpy". It is read whenever a sampler is made. A numba that is installed but cannot be imported, as
    happens with a numpy that is newer than it knows, is passed over with a RuntimeWarning under "auto".

    Raises:
        ValueError: another value.
        ImportError: "numba", and numba cannot be imported.
    """
    choice = os.environ.get(VARIABLE) or "auto"
    if choice not in ("auto", "numba", "numpy"):
        raise ValueError(f'{VARIABLE} must be "auto", "numba" or "numpy", not {choice!r}')
    if choice == "numpy" or (choice == "auto" and importlib.util.find_spec("numba") is None):
        return None
    try:
        # At the first use only: importing numba takes a third of a second.
        from . import kernels
    except ImportError as error:
        if choice == "numba":
            raise
        warnings.warn(f"numba is installed but cannot be used, numpy is instead: {error}", RuntimeWarning, stacklevel=4)
        return None
    return kernels
