"""Jupyter notebooks: the code cells of one are one module, for they run in order and share their names.

They are read with `json` alone: nbformat would bring a validator of JSON schemas, take a multiple of the time of
the parsing, and refuse notebooks whose code is sound.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from per_audit.source.layout import Piece
from per_audit.source.magics import plain_python, problem

if TYPE_CHECKING:
    from collections.abc import Iterator


class NotebookError(Exception):
    """The bytes are no notebook; `line` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


def code_cells(data: bytes) -> dict[int, str]:
    """The text of each Python cell, as Jupyter shows it, by its number: from 1, cells of all kinds counted.

    Empty for an empty file and for a notebook in another language. Raises NotebookError.
    """
    import json  # few projects have a notebook

    if not data.strip():
        return {}
    try:
        notebook = json.loads(data)
    except json.JSONDecodeError as error:
        raise NotebookError(error.lineno, f"not valid JSON: {error.msg}") from None
    except UnicodeDecodeError as error:
        raise NotebookError(1, f"not valid JSON: not {error.encoding}") from None
    except RecursionError:
        raise NotebookError(1, "not a notebook: nested too deeply") from None
    if not isinstance(notebook, dict):
        raise NotebookError(1, "not a notebook: its JSON holds no object")
    if not _is_python(_table(notebook, "metadata")):
        return {}
    return {number: text for number, cell in enumerate(_cells(notebook), 1) if (text := _code(number, cell))}


def read_cells(data: bytes) -> tuple[list[Piece], dict[int, tuple[int, str, str]]]:
    """The Python of a notebook by cells, and by cell the line and the reason why others are left out, with their text.

    Raises NotebookError.
    """
    pieces = []
    broken: dict[int, tuple[int, str, str]] = {}
    for number, cell in code_cells(data).items():
        text = plain_python(cell)
        if text is None:
            continue
        wrong = problem(text)
        if wrong is None:
            pieces.append(Piece(tuple(text.split("\n")), number))
        else:
            broken[number] = (*wrong, text)
    return pieces, broken


def _cells(notebook: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The cells of all kinds; up to version 3 of the format they were spread over worksheets."""
    holders = [notebook] if "cells" in notebook else notebook.get("worksheets", [])
    for holder in holders if isinstance(holders, list) else ():
        cells = holder.get("cells") if isinstance(holder, dict) else None
        if not isinstance(cells, list):
            raise NotebookError(1, "not a notebook: its cells are no list")
        for cell in cells:
            yield cell if isinstance(cell, dict) else {}


def _code(number: int, cell: dict[str, Any]) -> str:
    if cell.get("cell_type") != "code":
        return ""
    language = cell.get("language") or _table(_table(cell, "metadata"), "vscode").get("languageId") or "python"
    if language != "python":
        return ""
    source = cell.get("source", cell.get("input", ""))
    lines = source if isinstance(source, list) else [source]
    if not all(isinstance(line, str) for line in lines):
        raise NotebookError(1, f"not a notebook: the source of cell {number} is no text")
    return "".join(lines).replace("\r\n", "\n").replace("\r", "\n")


def _is_python(metadata: dict[str, Any]) -> bool:
    """Whether the kernel runs Python, as far as the notebook says."""
    kernel = _table(metadata, "kernelspec")
    language = _table(metadata, "language_info").get("name") or kernel.get("language") or "python"
    return "python" in str(language).lower()


def _table(holder: dict[str, Any], key: str) -> dict[str, Any]:
    found = holder.get(key)
    return found if isinstance(found, dict) else {}
