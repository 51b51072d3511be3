"""Which names the functions of a file share with its top level."""

import textwrap

import pytest

from per_audit.facts import extract, ir
from per_audit.graph.liveness.names.scopes import seen_from_top


@pytest.mark.parametrize(
    ("function", "seen"),
    [
        ("def show():\n    print(rows)", 2),
        ("def show(rows):\n    print(rows)", 1),
        ("def show():\n    rows = 2\n    print(rows)", 1),
        ("def show():\n    for rows, _ in each:\n        print(rows)", 1),
        ("def show():\n    with each as rows:\n        print(rows)", 1),
        ("def show():\n    if (rows := each):\n        print(rows)", 1),
        ("def show():\n    rows[0] = 2\n    print(rows)", 3),
        ("def show():\n    global rows\n    rows = 2\n    print(rows)", 3),
        ("def show(rows):\n    def inner():\n        print(rows)", 1),
        ("def show(rows):\n    def inner():\n        global rows\n        print(rows)", 2),
        ("class Show:\n    def rows_of(self):\n        print(rows)", 2),
    ],
)
def test_the_names_of_the_top_level(function, seen):
    module = extract("main.py", f"rows = 1\n{textwrap.dedent(function)}\n".encode())
    names = [node for node in seen_from_top(module.body) if isinstance(node, ir.Name) and node.id == "rows"]
    assert len(names) == seen
