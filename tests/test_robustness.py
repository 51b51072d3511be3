"""The whole audit on broken and extreme files: it refuses or reads them, and never fails."""

import keyword
import random
import re
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

import per_audit.graph as engine
from per_audit.audit import audit
from per_audit.catalogue import catalogue
from per_audit.settings import Settings

REPLAY = """
import random
from collections import deque

rows = deque(maxlen=1000)


def learn(net, optimiser):
    for state, action, reward, next_state, done in random.sample(rows, 32):
        loss = (net(state) - reward) ** 2
        loss.backward()
        optimiser.step()


def act(state, action, reward, next_state, done):
    rows.append((state, action, reward, next_state, done))
"""
EXAMPLES = [
    text for rule in catalogue() for example in (*rule.bad, *rule.good) for text in example.plain.values() if text
]


def scanned(root: Path, *texts: bytes):
    for number, text in enumerate(texts):
        (root / f"file{number}.py").write_bytes(text)
    return audit(root, [root], Settings(root)).report


@pytest.mark.parametrize("seed", range(12))
def test_mutants_of_examples_are_audited(tmp_path, seed):
    generator = random.Random(seed)
    mutants = []
    for _ in range(8):
        text = generator.choice(EXAMPLES)
        start = generator.randrange(len(text))
        middle = generator.choice(["", "(", "]", "\n", "'''", "\r", text[start // 2 : start]])
        mutants.append((text[:start] + middle + text[start + generator.randrange(30) :]).encode())
    assert scanned(tmp_path, *mutants).files == 8


KNOWN = sorted({
    name
    for file in Path(*engine.__path__).rglob("*.py")
    for name in re.findall(r'"([a-zA-Z_]\w*(?:\.[a-zA-Z_]\w*)*)"', file.read_text("utf-8"))
    if not any(map(keyword.iskeyword, name.split(".")))
})  # fmt: skip
"""The words that the engine compares names of functions and methods with, among others."""
GIVEN = ["", "*args", "rows, *args", "*args, **options", "1, *args, axis=0", "**options", "*rows", "rows, rows, 1"]


@pytest.mark.parametrize("part", range(16))
def test_whatever_is_known_may_be_called_in_any_way(tmp_path, part):
    texts = []
    for name in KNOWN[part::16]:
        module, _, last = name.rpartition(".")
        called = [
            name,
            f"np.{last}",
            f"torch.{last}",
            f"random.{last}",
            f"tf.{last}",
            f"rows.{last}",
            f"self.table.{last}",
        ]
        calls = "".join(f"        self.keep({each}({given}))\n" for each in called for given in GIVEN)
        texts.append(
            f"""import random
import numpy as np
import tensorflow as tf
import torch
{f"import {module}" if module else ""}

class Memory:
    def __init__(self):
        self.rows, self.table = [], np.zeros(10)

    def keep(self, row):
        self.rows.append(row)

    def all(self, rows, *args, **options):
{calls}

memory = Memory()
memory.all(memory.rows)
memory.all(memory.rows, 1)
memory.all(memory.rows, memory.table, 2, 3)
""".encode()
        )
    assert len(texts) > 20
    assert scanned(tmp_path, *texts).files == len(texts)


@pytest.mark.parametrize(
    "text",
    [
        "x = " + " + ".join(["rows"] * 380),
        "x = " + "[" * 200 + "rows" + "]" * 200,
        "x = " + "act(" * 150 + "rows" + ")" * 150,
        "x = rows" + ".copy()" * 180,
        "x = " + "rows if x else " * 300 + "rows",
        "x = " + "lambda y: " * 300 + "rows",
        "if rows: pass\n" + "elif rows: x = rows\n" * 300,
        "x = rows\n" + "x = (x, x)\n" * 100,
        "a, b = rows, [rows]\n" + "a, b = (b, a), [a, b]\n" * 60,
        "\n".join(f"def f{i}(x): return f{i + 1}(x)" for i in range(150)),
    ],
    ids=["sum", "lists", "calls", "methods", "conditions", "lambdas", "elif", "pairs", "swaps", "functions"],
)
def test_deep_and_long_code_leaves_the_findings_as_they_are(tmp_path, text):
    report = scanned(tmp_path, f"{REPLAY}\n{text}\n".encode())
    assert "PER001" in {finding.rule for finding in report.findings}
    assert not report.notices


@contextmanager
def shallow_stack():
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(700)  # fewer frames than a sum of 380 takes, more than the tests themselves do
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


def test_a_statement_that_cannot_be_followed_is_a_notice_of_its_file(tmp_path, monkeypatch):
    monkeypatch.setattr("per_audit.graph.deep_stack", shallow_stack)
    deep = "y = " + " + ".join(["rows"] * 380)
    report = scanned(tmp_path, REPLAY.encode(), f"import loss; reward = done = 1\n{deep}\n".encode())
    assert [(notice.path, notice.line) for notice in report.notices] == [("file1.py", 2)]
    assert "in part" in report.notices[0].message
    assert "PER001" in {finding.rule for finding in report.findings}
