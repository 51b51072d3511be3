"""Arguments that follow a star of unknown length: `step(*batch, weights)`."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from per_audit.facts import ir

_Given = TypeVar("_Given")


def behind_a_star(
    parameters: Sequence[ir.Parameter],
    left: Sequence[ir.Parameter],
    behind: Sequence[tuple[str | None, str, _Given]],
) -> Iterator[tuple[str, _Given]]:
    """The names of parameters that arguments behind a star are for, each with what it is given; some are several.

    `left` are those of the parameters that are given by position and that nothing before the star filled. The star
    stands for as many as those without a default need, or for some of those with one as well.
    """
    if any(star for _, star, _ in behind) or any(parameter.kind == "*" for parameter in parameters):
        return
    named = {keyword for keyword, _, _ in behind}
    unnamed = [parameter for parameter in left if parameter.name not in named]
    last = [given for keyword, _, given in behind if keyword is None]
    needed = sum(parameter.default is None for parameter in unnamed)
    for filled in range(max(needed, len(last)), len(unnamed) + 1):
        for parameter, given in zip(unnamed[filled - len(last) : filled], last, strict=True):
            yield parameter.name, given


def length_of_star(
    parameters: Sequence[ir.Parameter],
    left: Sequence[ir.Parameter],
    behind: Sequence[tuple[str | None, str, _Given]],
) -> int | None:
    """How many parameters a star stands for where each of those that are left needs a value; None where it may vary."""
    if any(parameter.default is not None for parameter in left) or any(p.kind == "*" for p in parameters):
        return None
    if any(star for _, star, _ in behind):
        return None
    return max(len(left) - len(behind), 0)
