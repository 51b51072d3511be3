"""Small programs through the real engine."""

from __future__ import annotations

import textwrap

import pytest

from per_audit.facts import extract, ir
from per_audit.graph import ReplayGraph, link


@pytest.fixture
def project():
    """Link source texts by path; the one positional text is `main.py`."""

    def linked(main: str = "", **files: str) -> ReplayGraph:
        texts = {"main.py": main, **{name.replace("__", "/") + ".py": text for name, text in files.items()}}
        return link([extract(path, textwrap.dedent(text).encode()) for path, text in texts.items() if text])

    return linked


@pytest.fixture
def value_of():
    """The value of the last expression in the project whose text is the given one."""

    def find(graph: ReplayGraph, text: str):
        found = [
            graph.events.value(node)
            for module in graph.project.modules.values()
            for node in ir.walk(*module.body)
            if isinstance(node, ir.Expr) and module.source(node) == text and node in graph.events.values
        ]
        assert found, f"no value for {text!r}"
        return found[-1]

    return find
