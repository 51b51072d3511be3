"""What phases that make many objects, or recurse into nested code, ask of the interpreter that runs them."""

from __future__ import annotations

import atexit
import gc
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# The nesting of code that is analysed; people's code stays below 100.
MAX_DEPTH = 400
# Facts that are pickled nest as deeply as the code that they are of.
MAX_PICKLED_DEPTH = 40_000


@contextmanager
def collector_paused() -> Iterator[None]:
    """Nothing made inside is scanned for cycles: it halves the time of the parser, whose trees have none."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def collector_stopped() -> None:
    """Nothing is scanned for cycles any more, not even at the end of the process, which is to come soon."""
    gc.disable()
    atexit.register(gc.freeze)


@contextmanager
def deep_stack() -> Iterator[None]:
    """Room for the several Python frames that each level of nesting takes: at 400 levels a dozen each."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, 12 * MAX_DEPTH + 2000))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
