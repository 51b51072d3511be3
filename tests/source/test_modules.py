"""Files of all kinds as Python modules."""

import json
from pathlib import Path

import pytest

from per_audit.findings import Notice
from per_audit.source.discovery import SourceFile
from per_audit.source.modules import as_module, is_document, shown_lines


def file(name, data):
    return SourceFile(Path("/r", name), name, data)


def notebook(*cells):
    sources = [{"cell_type": kind, "source": text, "metadata": {}, "outputs": []} for kind, text in cells]
    return json.dumps({"cells": sources, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def test_a_python_file_is_itself():
    given = file("a.py", b"x = 1\n")
    assert as_module(given) is given


def test_a_notebook_is_the_python_of_its_cells():
    module = as_module(file("a.ipynb", notebook(("markdown", "# x = 0"), ("code", "x = 1"), ("code", "y = 2"))))
    assert isinstance(module, SourceFile)
    assert [line for line in module.data.decode().splitlines() if line.strip()] == ["x = 1", "y = 2"]
    assert module.layout is not None
    assert module.notices == ()


def test_a_notebook_that_cannot_be_read_is_a_notice():
    notice = as_module(file("a.ipynb", b"{"))
    assert isinstance(notice, Notice)
    assert notice.path == "a.ipynb"
    assert notice.message.startswith("not audited: ")


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.ipynb", notebook(("markdown", "text"))), ("a.ipynb", notebook()), ("a.md", b"# text\n\nno code\n")],
)
def test_what_holds_no_python_is_nothing(name, data):
    assert as_module(file(name, data)) is None


def test_a_text_is_the_python_of_its_blocks():
    module = as_module(file("a.md", b"# text\n\n```python\nx = 1\n```\n\n```sh\nls\n```\n"))
    assert isinstance(module, SourceFile)
    assert module.data.decode().split() == ["x", "=", "1"]


def test_documents():
    assert is_document("docs/a.md")
    assert not is_document("a.mdx.py")


def test_lines_are_shown_by_cell_or_all_at_once(tmp_path):
    path = tmp_path / "a.py"
    path.write_bytes(b"x = 1\r\ny = 2\r\n")
    assert shown_lines(path)[None][:2] == ["x = 1", "y = 2"]
    assert shown_lines(path, b"z\n")[None][0] == "z"
    cells = shown_lines(tmp_path / "a.ipynb", notebook(("code", "x\ny"), ("markdown", "m"), ("code", "z")))
    assert list(cells.values()) == [["x", "y"], ["z"]]


@pytest.mark.parametrize(("name", "data"), [("gone.py", None), ("a.ipynb", b"{"), ("a.py", b"# coding: no-such\n")])
def test_what_cannot_be_read_has_no_lines(tmp_path, name, data):
    assert shown_lines(tmp_path / name, data) == {}
