"""What is read back from a file: that of an earlier run, put back once and not at each step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.graph.symbolic import alternatives, strip

if TYPE_CHECKING:
    from per_audit.graph.symbolic import Term

_RESTORES = {"load", "loads", "loadtxt", "genfromtxt", "fromfile", "frombuffer", "memmap"}
_READS = "read_"  # of pandas and its like: read_parquet, read_csv
_PARTS = {"at", "item", "element", "slice"}


def is_restored(term: Term) -> bool:
    """Whether a term is what a file held, or a part of it, in each case that is known."""
    options = [strip(option) for option in alternatives(term)]
    return bool(options) and all(map(_is_of_file, options))


def _is_of_file(term: Term) -> bool:
    while term.op in _PARTS:
        term = strip(term.args[0])
    if term.op not in ("call", "external"):
        return False
    return any(part in _RESTORES or part.startswith(_READS) for part in str(term.data).split("."))
