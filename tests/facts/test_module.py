"""Places of facts: lines, columns, line ends."""

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from per_audit.facts import ModuleFacts, extract, ir


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_each_kind_of_line_end_counts_once(newline):
    text = newline.join(["a = 1", "", "if b:", "    c = '''", "é''' + d", ""])
    module = extract("x.py", text.encode())
    assert module.exact
    assert [module.position(node.start) for node in module.body] == [(1, 1), (3, 1)]
    name = module.body[1].body[0].value.right
    assert module.position(name.start) == (5, 8)
    assert module.source(name) == "d"
    assert module.text[: module.line_end(module.body[1].start)].decode().endswith("if b:")


@pytest.mark.parametrize("mark", ["\f", "\v", "\x1c", "\x85", "\u2028"])
def test_other_separators_end_no_line(mark):
    module = extract("x.py", f"a = '{mark}'; b = 1 # {mark}\nc = 2\n".encode())
    assert [module.position(node.start)[0] for node in module.body] == [1, 1, 2]


def test_a_line_that_goes_on_after_a_form_feed_is_one_statement():
    module = extract("x.py", b"a = 1 \\\n\f + 2\nb = 3\n")
    assert [module.source(node) for node in module.body] == ["a = 1 \\\n\f + 2", "b = 3"]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(["a = 1", "", "# é", "b = 'é'", "if c: d"]), min_size=1), st.randoms())
def test_lines_are_those_of_the_interpreter(lines, random):
    text = "".join(line + random.choice(["\n", "\r\n", "\r"]) for line in lines)
    module = ModuleFacts("x.py", [], text.encode())
    for node in ast.parse(text).body:
        offset = module.line_starts[node.lineno - 1] + node.col_offset
        assert module.position(offset) == (node.lineno, node.col_offset + 1)


def test_the_nodes_of_a_file_are_those_of_a_walk():
    facts = extract("train.py", b"import os\nclass A:\n    def f(self, xs):\n        return [x + 1 for x in xs]\nA()\n")
    assert isinstance(facts, ModuleFacts)
    walked = list(ir.walk(*facts.body))
    assert facts.nodes == walked
    assert facts.nodes_of(ir.Name, ir.Call) == [node for node in walked if isinstance(node, (ir.Name, ir.Call))]
    assert [type(node) for node in facts.nodes_of(ir.Import)] == [ir.Import]
    assert facts.nodes_of(ir.While) == []
