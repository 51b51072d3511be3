from __future__ import annotations

import json
from typing import Any

import pytest

from per_audit.source.notebooks import NotebookError, code_cells, read_cells


def cell(source: Any, kind: str = "code", **more: Any) -> dict[str, Any]:
    return {"cell_type": kind, "metadata": {}, "source": source, **more}


def notebook(*cells: Any, **metadata: Any) -> bytes:
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}).encode()


def test_cells_of_all_kinds_are_counted_from_one() -> None:
    data = notebook(cell("# Title", "markdown"), cell("x = 1\ny = 2"), cell("", "code"), cell(["z = 3\n", "w = 4"]))
    assert code_cells(data) == {2: "x = 1\ny = 2", 4: "z = 3\nw = 4"}


def test_outputs_count_for_nothing() -> None:
    outputs = [{"output_type": "display_data", "data": {"image/png": "replay_buffer.sample()"}}]
    assert code_cells(notebook(cell("x = 1", outputs=outputs, execution_count=7))) == {1: "x = 1"}


def test_the_third_format_keeps_cells_in_worksheets() -> None:
    cells = [
        {"cell_type": "heading", "source": "Title", "level": 1},
        {"cell_type": "code", "language": "python", "input": ["x = 1\n", "y = 2"], "prompt_number": 3},
        {"cell_type": "code", "language": "bash", "input": "ls"},
    ]
    worksheets = [{"cells": cells}, {"cells": [{"cell_type": "code", "input": "z = 3"}]}]
    data = json.dumps({"metadata": {}, "nbformat": 3, "worksheets": worksheets}).encode()
    assert code_cells(data) == {2: "x = 1\ny = 2", 4: "z = 3"}


@pytest.mark.parametrize(
    "metadata",
    [
        {"kernelspec": {"language": "julia", "name": "julia-1.9"}},
        {"language_info": {"name": "R"}, "kernelspec": {"name": "ir"}},
    ],
)
def test_other_kernels_have_no_python(metadata: Any) -> None:
    assert code_cells(notebook(cell("x = 1"), **metadata)) == {}


@pytest.mark.parametrize(
    "metadata",
    [{}, {"kernelspec": {"name": "conda-env-rl"}}, {"language_info": {"name": "ipython"}}, {"kernelspec": 3}],
)
def test_without_a_word_about_the_language_it_is_python(metadata: Any) -> None:
    assert code_cells(notebook(cell("x = 1"), **metadata)) == {1: "x = 1"}


def test_a_single_cell_may_be_in_another_language() -> None:
    other = cell("SELECT 1", metadata={"vscode": {"languageId": "sql"}})
    assert code_cells(notebook(cell("x = 1"), other)) == {1: "x = 1"}


@pytest.mark.parametrize("data", [b"", b"\n \n", b"{}", b'{"cells": []}', b'{"worksheets": []}'])
def test_empty_notebooks(data: bytes) -> None:
    assert code_cells(data) == {}


def test_line_ends_are_those_of_the_editor() -> None:
    assert code_cells(notebook(cell("x = 1\r\ny = 2\rz = 3"))) == {1: "x = 1\ny = 2\nz = 3"}


@pytest.mark.parametrize(
    ("data", "line", "reason"),
    [
        (b'{"cells": [\n<<<<<<< HEAD\n', 2, "not valid JSON"),
        (b"version https://git-lfs.github.com/spec/v1", 1, "not valid JSON"),
        (b'{"cells": ["\xff\xff"]}', 1, "not valid JSON: not utf-8"),
        (b"[1, 2]", 1, "holds no object"),
        (b'{"cells": 3}', 1, "its cells are no list"),
        (b'{"worksheets": [3]}', 1, "its cells are no list"),
        (b"[" * 200_000, 1, "nested too deeply"),
        (notebook(cell("x = 1"), cell({"a": 1})), 1, "the source of cell 2 is no text"),
    ],
)
def test_broken_notebooks(data: bytes, line: int, reason: str) -> None:
    with pytest.raises(NotebookError) as caught:
        code_cells(data)
    assert caught.value.line == line
    assert reason in caught.value.reason


def test_cells_that_are_no_python_are_left_out_with_the_reason() -> None:
    cells = ["x = 1", "y = 2\nprint 'x'", "%%bash\nls", "%time z = 3", "state = f(?, ?)"]
    pieces, broken = read_cells(notebook(*map(cell, cells)))
    assert [(piece.cell, piece.lines) for piece in pieces] == [(1, ("x = 1",)), (4, ("0;    z = 3",))]
    assert {number: (line, text) for number, (line, _, text) in broken.items()} == {2: (2, cells[1]), 5: (1, cells[4])}
    assert "Missing parentheses" in broken[2][1]
