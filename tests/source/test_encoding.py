from __future__ import annotations

import pytest

from per_audit.source import DecodingError, decode, split_lines


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"x = 1\n", "x = 1\n"),
        (b"\xef\xbb\xbfx = '\xc3\xa4'", "x = '\xe4'"),
        (b"# -*- coding: latin-1 -*-\nx = '\xe4'", "# -*- coding: latin-1 -*-\nx = '\xe4'"),
        (b"#!/usr/bin/python\n# vim: set fileencoding=cp1252 :\n# \x80", None),
        (b"", ""),
    ],
)
def test_decodes_like_the_interpreter(data: bytes, text: str | None) -> None:
    assert decode(data) == (text if text is not None else data.decode("cp1252"))


@pytest.mark.parametrize(
    ("data", "line", "reason"),
    [
        (b"x = 1\n\x00\x01", 2, "binary file: it holds NUL bytes"),
        (b"x = 1\ny = '\xe4'\n", 2, "byte 0xe4 is not utf-8"),
        (b"# coding: klingon\n", 1, "unknown encoding: klingon"),
        (b"# coding: rot13\nk", 1, "not a text encoding"),
        (b"\xef\xbb\xbf# coding: latin-1\n", 1, "encoding problem"),
    ],
)
def test_says_where_and_why_not(data: bytes, line: int, reason: str) -> None:
    with pytest.raises(DecodingError) as caught:
        decode(data)
    assert caught.value.line == line
    assert reason in caught.value.reason


def test_lines_are_those_of_python() -> None:
    assert split_lines("a\r\nb\rc\n\x0cd\u2028e\n\nf") == ["a", "b", "c", "\x0cd\u2028e", "", "f"]
    assert split_lines("") == []
