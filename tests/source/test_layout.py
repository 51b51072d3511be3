from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from per_audit.source import decode
from per_audit.source.layout import Piece, assemble

LINES = st.lists(st.text(alphabet="xé", max_size=3), min_size=1, max_size=4).map(tuple)


@given(st.lists(LINES, max_size=5))
def test_every_line_of_a_cell_is_found_and_found_again(cells: list[tuple[str, ...]]) -> None:
    data, layout = assemble(Piece(lines, 2 * number) for number, lines in enumerate(cells, 1))
    text = data.decode().split("\n")
    for number, lines in enumerate(cells, 1):
        for line, content in enumerate(lines, 1):
            where = layout.module_line(2 * number, line)
            assert text[where - 1] == content
            assert layout.locate(where, 4) == (2 * number, line, 4)
            assert text[where - 1 - line] == ""


def test_lines_of_a_block_may_be_indented_differently() -> None:
    _, layout = assemble([Piece(("if x:", "", "    y"), None, 10, (4, 0, 4)), Piece(("z",), None, 20, (0,))])
    assert [layout.locate(line, 5) for line in (3, 4, 5, 7)] == [
        (None, 10, 9),
        (None, 11, 5),
        (None, 12, 9),
        (None, 20, 5),
    ]
    assert [layout.module_line(None, line) for line in (10, 11, 12, 20)] == [3, 4, 5, 7]


def test_a_comment_about_the_encoding_does_not_count() -> None:
    data, _ = assemble([Piece(("# -*- coding: latin-1 -*-", "s = 'é'"), 1)])
    assert "é" in decode(data)


def test_nothing_is_a_module_too() -> None:
    data, layout = assemble([])
    assert decode(data).strip() == ""
    assert layout.locate(1) == (None, 1, 1)
