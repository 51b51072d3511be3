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


_MEMORY = """
    import numpy as np

    class Memory:
        def __init__(self, size):
            self.rows, self.{mass}, self.at = [None] * size, np.zeros(size), 0

        def push(self, state, action, reward, next_state, done):
            self.rows[self.at] = (state, action, reward, next_state, done)
            self.{mass}[self.at] = 1.0

        def sample(self, n, beta):
            p = self.{mass} / self.{mass}.sum()
            at = np.random.choice(len(self.rows), n, p=p)
            {weights}
            return [self.rows[i] for i in at], at, w

        def update(self, at, errors):
            self.{mass}[at] = np.abs(errors)
"""
_TRAIN = """
    import torch
    import torch.nn.functional as F
    from memory import Memory

    def train(env, net):
        memory = Memory(64)
        memory.push(1, 2, 3.0, 4, False)
        rows, at, weights = memory.sample(8, 0.4)
        errors = net(rows)
        {code}
        errors.mean().backward()
"""
_WEIGHTS = "w = (len(self.rows) * p[at]) ** -beta"


@pytest.fixture
def kinds():
    """The kind of each buffer that a graph has."""
    return lambda graph: [buffer.kind for buffer in graph.buffers]


@pytest.fixture
def memory_text():
    """The text of a prioritised memory, with another line for its weights or another name for its priorities."""
    return lambda weights=_WEIGHTS, mass="priorities": _MEMORY.replace("{mass}", mass).replace("{weights}", weights)


@pytest.fixture
def priorities_of(project, memory_text):
    """What is known of the priorities of that memory, where `code` learns from a batch of it."""

    def make(code="pass", **memory: str):
        learner = _TRAIN.replace("{code}", "\n        ".join(code.splitlines()))
        graph = project(memory=memory_text(**memory), train=learner)
        (buffer,) = graph.buffers
        return graph.priorities(buffer)

    return make
