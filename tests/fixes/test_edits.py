from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from per_audit.fixes.edits import EditError, Text, apply, merge, syntax_error
from per_audit.fixes.plan import Edit


def edit(start: int, end: int, text: str, note: str = "", path: str = "a.py") -> Edit:
    return Edit(path, start, end, text, note)


def test_splices_whatever_their_order():
    assert apply(b"one two three\n", [edit(8, 13, "3"), edit(0, 3, "1"), edit(4, 4, "and ")]) == b"1 and two 3\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"a = 1\r\nb = 2\r\n", b"x\r\ny = 1\r\nb = 2\r\n"),
        (b"a = 1\rb = 2\r", b"x\ry = 1\rb = 2\r"),
        (b"a = 1\n\x0c\nb\t= 2", b"x\ny = 1\n\x0c\nb\t= 2"),
        (b"\xef\xbb\xbfa = 1\r\n", b"\xef\xbb\xbfx\r\ny = 1\r\n"),
        (b"a = 1", b"x\ny = 1"),
    ],
)
def test_the_line_ending_and_the_mark_of_the_file_survive(before, after):
    assert apply(before, [edit(0, 1, "x\ny")]) == after


def test_offsets_count_in_utf8_whatever_the_encoding_of_the_file():
    before = "# coding: latin-1\nname = 'é'; b = 2\n".encode("latin-1")
    start = len("# coding: latin-1\nname = 'é'; ".encode())
    assert apply(before, [edit(start, start + 1, "ü")]) == "# coding: latin-1\nname = 'é'; ü = 2\n".encode("latin-1")


def test_a_character_that_the_encoding_lacks_is_refused():
    with pytest.raises(EditError, match="'→', which is not latin-1"):
        apply(b"# coding: latin-1\na\n", [edit(18, 18, "→")])


def test_a_file_whose_bytes_do_not_come_back_is_refused():
    data = b"# coding: utf-7\nname = '+AGE-'\n"  # a plain `a`, in a spelling that encoding does not give
    with pytest.raises(EditError, match="does not survive rewriting"):
        apply(data, [edit(0, 0, "x = 1\n")])


def test_edits_that_change_the_encoding_are_refused():
    with pytest.raises(EditError, match="change the file's encoding"):
        apply(b"a = 1\n", [edit(0, 0, "# coding: latin-1\n")])


@pytest.mark.parametrize("place", [(-1, 0), (3, 2), (0, 99)])
def test_a_range_outside_the_file_is_refused(place):
    with pytest.raises(EditError, match="is not in the file"):
        apply(b"a = 1\n", [edit(*place, "")])


def test_an_offset_inside_a_character_or_a_line_ending_is_refused():
    with pytest.raises(EditError, match="inside a character"):
        apply("é\n".encode(), [edit(1, 2, "")])
    with pytest.raises(EditError, match="inside a line ending"):
        apply(b"a\r\n", [edit(0, 2, "b")])


def test_equal_edits_count_once():
    twice = [edit(0, 1, "x"), edit(0, 1, "x", "for another reason"), edit(2, 2, "y"), edit(2, 2, "z"), edit(2, 2, "y")]
    assert merge([], twice) == [edit(0, 1, "x"), edit(2, 2, "y"), edit(2, 2, "z")]
    assert merge(twice[:1], twice[:2]) == twice[:1]


@pytest.mark.parametrize(
    "other", [edit(0, 3, "z"), edit(1, 2, "z"), edit(1, 1, "z"), edit(2, 5, "z"), edit(0, 1, "z"), edit(4, 4, "z")]
)
def test_two_plans_conflict(other):
    plan = [edit(0, 3, "a"), edit(4, 4, "b")]
    with pytest.raises(EditError, match=r"a\.py: two changes"):
        merge(plan, [other])
    with pytest.raises(EditError, match=r"a\.py: two changes"):
        merge([other], plan)


def test_an_insertion_beside_a_replacement_is_no_conflict():
    edits = merge([edit(2, 4, "X")], [edit(2, 2, "<"), edit(4, 4, ">"), edit(2, 4, "!", path="b.py")])
    assert apply(b"abcdef", [e for e in edits if e.path == "a.py"]) == b"ab<X>ef"


def test_syntax():
    assert syntax_error(b"x = (1\n") is not None
    assert syntax_error("# coding: latin-1\nx = 'é\\d'\r\n".encode("latin-1")) is None
    assert syntax_error(b"a\0") is not None


texts = st.text(st.sampled_from("ab é\t→😀\x0c#\n\r'"), max_size=60).filter(lambda text: "coding" not in text)


def cuts(text: str) -> list[int]:
    """The offsets at which an edit may start or end."""
    return [len(text[:n].encode()) for n in range(len(text) + 1) if text[n - 1 : n + 1] != "\r\n"]


@given(text=texts, mark=st.booleans(), data=st.data())
def test_untouched_bytes_are_identical(text, mark, data):
    body = text.encode()
    places = sorted(data.draw(st.lists(st.sampled_from(cuts(text)), unique=True, max_size=8)))
    starts, ends = places[::2], places[1::2]
    starts = starts[: len(ends)]
    prefix = b"\xef\xbb\xbf" if mark else b""
    result = apply(prefix + body, [edit(start, end, "<>") for start, end in zip(starts, ends, strict=True)])
    assert result.startswith(prefix)
    kept = [body[a:b] for a, b in zip([0, *ends], [*starts, len(body)], strict=True)]
    assert result.removeprefix(prefix).split(b"<>") == kept


@given(texts)
def test_no_edit_no_change(text):
    data = text.encode()
    assert apply(data, []) == data
    assert Text.of(data).encoded() == data
