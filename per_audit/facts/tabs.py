"""Files that Python 3 refuses for the tabs and spaces of their indentation, as Python 2 read them."""

from __future__ import annotations

import ast
import warnings
from itertools import pairwise
from typing import NamedTuple

from per_audit.facts.limits import interpreted

_WIDTH = 8  # of a tab to Python 2, and the first that Python 3 tries


class Evened(NamedTuple):
    """What the interpreter reads of a file whose indentation is of spaces alone.

    `starts` are the offsets from which the columns of a line count in the file as it is: its tabs are narrower there.
    `line` is the one at which Python 3 gives up.
    """

    tree: ast.Module
    starts: list[int]
    line: int


def evened(encoded: bytes, starts: list[int]) -> Evened | None:
    """How a file is read that nothing but its tabs keeps from being Python 3; None where something else does."""
    line = _refused_for_tabs(encoded)
    if line is None:
        return None
    lines, shifted = [], []
    for begin, end in pairwise([*starts, len(encoded)]):
        rest = encoded[begin:end].lstrip(b" \t")
        margin = encoded[begin : end - len(rest)].expandtabs(_WIDTH)
        lines.append(margin + rest)
        shifted.append(end - len(rest) - len(margin))
    tree = interpreted(b"".join(lines).decode())
    return None if tree is None else Evened(tree, shifted, line)


def _refused_for_tabs(encoded: bytes) -> int | None:
    if b"\t" not in encoded:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(encoded.decode())
    except TabError as error:
        return error.lineno or 1
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return None
