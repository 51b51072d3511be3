"""What phases that make many objects, or recurse into nested code, ask of the interpreter that runs them."""

from __future__ import annotations

import atexit
import gc
import sys
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")

# The nesting of code that is analysed; people's code stays below 100.
MAX_DEPTH = 400
# Facts that are pickled nest as deeply as the code that they are of.
MAX_PICKLED_DEPTH = 40_000
# Words of a frame that takes a piece of 4 MB, of which it leaves half: enough for the calls of code nested as deeply.
_ROOM = 263_000


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


def room_for_calls(function: Callable[_Parameters, _Result]) -> Callable[_Parameters, _Result]:
    """The same function; the calls below it take no memory from the system.

    CPython keeps the frames of calls in pieces of 16 KB. Where one is full, each call that a loop makes takes another,
    and gives it back when it returns. A large frame has a large piece, the rest of which is for the calls below it.
    """

    def call(*arguments: _Parameters.args, **options: _Parameters.kwargs) -> _Result:
        return function(*arguments, **options)

    call.__code__ = call.__code__.replace(co_stacksize=_ROOM)
    return wraps(function)(call)


@contextmanager
def deep_stack() -> Iterator[None]:
    """Room for the several Python frames that each level of nesting takes: at 400 levels a dozen each."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, 12 * MAX_DEPTH + 2000))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
