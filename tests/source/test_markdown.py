from __future__ import annotations

from textwrap import dedent

import pytest

from per_audit.source.markdown import read_blocks


def blocks(text: str) -> list[tuple[int, str]]:
    return [(piece.line, "\n".join(piece.lines)) for piece in read_blocks(dedent(text).encode())]


@pytest.mark.parametrize(
    "info", ["python", "py", " python", "Python3", "python title='a.py'", "{.python}", "ipython", "{code-cell} python"]
)
def test_python_blocks(info: str) -> None:
    assert blocks(f"Text\n\n```{info}\nx = 1\n\ny = 2\n```\n") == [(4, "x = 1\n\ny = 2")]


@pytest.mark.parametrize("info", ["", "bash", "pycon", "pytb", "python-repl", "text python"])
def test_other_blocks(info: str) -> None:
    assert blocks(f"```{info}\nx = 1\n```\n") == []


def test_tildes_longer_fences_and_fences_within() -> None:
    assert blocks('~~~~py\ns = """\n```python\n~~~\n"""\n~~~~~\n```python\ny = 2\n```\n') == [
        (2, 's = """\n```python\n~~~\n"""'),
        (8, "y = 2"),
    ]


def test_blocks_in_lists_quotations_and_boxes() -> None:
    text = """\
        1. First

           ```python
           if x:
               y = 1

           z = 2
           ```

        - ```python
          a = 1
          ```

        > ```python
        > if b:
        >     c = 1
        >
        > d = 2
        > ```

        !!! note
            === "tab"
                ```python
                e = 1
                ```
        """
    assert blocks(text) == [
        (4, "if x:\n    y = 1\n\nz = 2"),
        (11, "a = 1"),
        (15, "if b:\n    c = 1\n\nd = 2"),
        (24, "e = 1"),
    ]
    assert [piece.cut for piece in read_blocks(dedent(text).encode())] == [(3, 3, 0, 3), (2,), (2, 2, 1, 2), (8,)]


def test_fragments_are_left_out_without_a_word() -> None:
    text = "".join(
        f"```python\n{code}\n```\n" for code in (">>> x", "x = ...", "buffer.sample(\n    ...", "!ls\ny = 1")
    )
    assert blocks(text) == [(5, "x = ..."), (12, "#ls\ny = 1")]


def test_code_in_a_paragraph_is_no_fence_and_an_open_block_is_none() -> None:
    assert blocks("```python x``` is code\n\n```py\nx = 1\n```\n\n```python\ny = 1\n") == [(4, "x = 1")]


@pytest.mark.parametrize("data", [b"", b"\xff\xfe```python\nx = 1\n```", b"```python\n```\n", b"\0```"])
def test_odd_files(data: bytes) -> None:
    assert read_blocks(data) == []


def test_windows_line_ends_and_a_byte_order_mark() -> None:
    (piece,) = read_blocks(b"\xef\xbb\xbf```python\r\nx = 1\r\ny = 2\r\n```\r\n")
    assert (piece.line, piece.lines) == (2, ("x = 1", "y = 2"))
