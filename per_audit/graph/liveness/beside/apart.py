"""Notebooks that bring in nothing of the files of a memory, whatever others give the classes that they share."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from per_audit.source.imports import imports_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from per_audit.graph.model import ReplayGraph

# What brings in more than imports do; a magic of a notebook is a comment in its text.
_MAKES_MORE = (b"#run", b"run_line_magic", b"importlib", b"__import__", b"exec(", b"runpy")


def is_apart(graph: ReplayGraph, path: str, files: Collection[str]) -> bool:
    """Whether a notebook runs without any of some files: no import leads to them, nor to another of such a name."""
    if not path.endswith(".ipynb") or not files:
        return False
    reached = graph.project.reached([path])
    modules = [graph.module(each) for each in reached]
    if not reached.isdisjoint(files) or any(mark in module.text for module in modules for mark in _MAKES_MORE):
        return False
    words = {word for module in modules for dotted in imports_of(module.text) for word in dotted.split(".")}
    return words.isdisjoint(posixpath.splitext(posixpath.basename(file))[0] for file in files)
