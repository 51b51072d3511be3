"""Files of all kinds as Python modules: what the rest of the audit reads."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from per_audit.findings import Notice
from per_audit.source.encoding import DecodingError, decode, split_lines
from per_audit.source.layout import assemble
from per_audit.source.markdown import read_blocks
from per_audit.source.notebooks import NotebookError, code_cells, read_cells

if TYPE_CHECKING:
    from pathlib import Path

    from per_audit.source.discovery import SourceFile


def is_document(path: str) -> bool:
    """Whether the file is a text about code."""
    return path.endswith(".md")


def as_module(file: SourceFile) -> SourceFile | Notice | None:
    """The file with the Python in it as its data, and with the layout of that.

    None where a notebook or text holds no Python; a notice where a notebook cannot be read.
    """
    if file.relative.endswith(".ipynb"):
        try:
            pieces, broken = read_cells(file.data)
        except NotebookError as error:
            return Notice(file.relative, error.line, "unparsable-file", f"not audited: {error.reason}")
        notices = [
            Notice(file.relative, line, "unparsable-cell", f"the cell is not audited: {reason}", cell)
            for cell, (line, reason, _) in broken.items()
        ]
        left_out = "\n".join(text for *_, text in broken.values())
    elif is_document(file.relative):
        pieces, notices, left_out = read_blocks(file.data), [], ""
    else:
        return file
    if not pieces and not notices:
        return None
    data, layout = assemble(pieces)
    unread = left_out.encode("utf-8", "replace")
    return replace(file, data=data, layout=layout, notices=tuple(notices), left_out=unread)


def shown_lines(path: Path, data: bytes | None = None) -> dict[int | None, list[str]]:
    """The lines of a file as people see them: by cell for a notebook, else all under None; none where it is gone.

    `data` are its contents where they are other than those on the disk.
    """
    try:
        data = path.read_bytes() if data is None else data
        if path.suffix == ".ipynb":
            return {cell: text.split("\n") for cell, text in code_cells(data).items()}
        text = data.decode("utf-8-sig", "replace") if is_document(path.name) else decode(data)
        return {None: split_lines(text)}
    except (OSError, DecodingError, NotebookError):
        return {}
