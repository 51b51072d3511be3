"""Indentation that Python 3 refuses, read as Python 2 read it: the same facts as with spaces, where they stand."""

import pytest

from per_audit.facts import Unparsable, extract, ir

EVEN = '''class Ring:
    def put(self, row):
        self.rows[self.at] = row; text = """one
        two"""
        if self.full:
            return "é", (
                row)
        self.at += 1

        for k in row:
                self.tell(k)
'''
UNEVEN = '''class Ring:
    def put(self, row):
        self.rows[self.at] = row; text = """one
\ttwo"""
\tif self.full:
\t    return "é", (
\t\trow)
        self.at += 1
\t
    \tfor k in row:
\t\tself.tell(k)
'''


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_tabs_of_eight_columns_are_read_and_the_spans_are_those_of_the_file(newline):
    even = extract("x.py", EVEN.replace("\n", newline).encode())
    uneven = extract("x.py", UNEVEN.replace("\n", newline).encode())
    assert [type(node) for node in uneven.nodes] == [type(node) for node in even.nodes]
    for one, other in zip(uneven.nodes, even.nodes, strict=True):
        assert uneven.source(one).split() == even.source(other).split()
        assert uneven.line(one.start) == even.line(other.start)
    assert (even.uneven, even.exact) == (None, True)
    assert (uneven.uneven, uneven.exact) == (5, False)


@pytest.mark.parametrize(
    "text",
    [
        "if a:\n    x = 1\n\ty = 2\n",
        "if a:\n        x = 1\n\ty = 2\nprint 'two'\n",
        "if a:\n        x = 1\n\ty = 2\nz = (\n",
    ],
    ids=["tabs of four columns", "Python 2", "an open bracket"],
)
def test_what_more_than_tabs_is_wrong_with_is_refused(text):
    with pytest.raises(Unparsable):
        extract("x.py", text.encode())


def test_tabs_alone_and_tabs_within_a_line_are_even():
    facts = extract("x.py", b"if a:\n\tx = 1\t# one\n\ty = 2\n")
    assert (facts.uneven, facts.exact) == (None, True)
    assert isinstance(facts.body[0], ir.If)
