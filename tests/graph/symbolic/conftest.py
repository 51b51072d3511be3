"""Terms of small programs."""

from __future__ import annotations

import pytest

from per_audit.facts import ir
from per_audit.graph import ReplayGraph


@pytest.fixture
def term_of(project):
    """The term of the last expression whose text is the given one, in a project of one or several files."""

    def find(text: str, main: str = "", **files: str):
        graph: ReplayGraph = project(main, **files)
        found = [
            (path, node)
            for path, module in graph.project.modules.items()
            for node in ir.walk(*module.body)
            if isinstance(node, ir.Expr) and module.source(node) == text
        ]
        assert found, f"no expression {text!r}"
        return graph.symbols.term(*found[-1])

    return find
