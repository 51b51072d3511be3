"""One set where many are equal, and one result of what is computed from equal values again and again.

In a large project thousands of values have the same hundreds of tags: apart, they take gigabytes, and time grows with
the square of the project.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_FEW = 16  # elements of two sets whose union is made as fast as it is found

_open: list[_Tables] = []


class _Tables:
    __slots__ = ("results", "sets")

    def __init__(self) -> None:
        self.sets: dict[frozenset[Any], frozenset[Any]] = {}
        self.results: dict[tuple[Any, ...], Any] = {}


@contextmanager
def equals_shared() -> Iterator[None]:
    """Inside, equal sets and results are one; what that takes is given up at the end."""
    _open.append(_Tables())
    try:
        yield
    finally:
        _open.pop()


def shared(made: frozenset[_Item]) -> frozenset[_Item]:
    """The set that stands for all sets equal to this one."""
    return _open[-1].sets.setdefault(made, made) if _open else made


def union(ours: frozenset[_Item], theirs: frozenset[_Item]) -> frozenset[_Item]:
    """The union of two sets, which is one of them where it holds the other: the first where they are equal."""
    if ours is theirs or not theirs:
        return ours
    if not ours:
        return theirs
    if len(ours) + len(theirs) <= _FEW or not _open:
        return _union(ours, theirs)
    return made(_union, ours, theirs)


def _union(ours: frozenset[_Item], theirs: frozenset[_Item]) -> frozenset[_Item]:
    if ours >= theirs:
        return ours
    return theirs if theirs > ours else shared(ours | theirs)


def made(function: Callable[..., _Result], *arguments: Hashable) -> _Result:
    """What a function that depends on nothing else returns for the arguments."""
    if not _open:
        return function(*arguments)
    results = _open[-1].results
    key = (function, *arguments)
    known = results.get(key)
    if known is None:
        known = results[key] = function(*arguments)
    return known
