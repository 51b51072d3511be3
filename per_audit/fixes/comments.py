"""Comments inside of what a fix replaces or removes: they stay, on lines of their own before the statement."""

from __future__ import annotations

import re
import tokenize
from bisect import bisect_left
from collections import defaultdict
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Refused
from per_audit.fixes.plan import Edit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.facts import ModuleFacts
    from per_audit.graph import ReplayGraph

# Comments that tell tools about the code on their line mean something else on a line of their own.
DIRECTIVE = re.compile(
    r"#\s*(noqa|type:|fmt:|isort:|pylint:|pragma|pyright:|mypy:|ruff:|nosec|per-audit:)", re.IGNORECASE
)
_NOTE = "the comment stays"


def with_comments(graph: ReplayGraph, edits: list[Edit]) -> list[Edit]:
    """The edits, and insertions of the comments that would go with them. Raises Refused where there is no place."""
    result = list(edits)
    by_path: dict[str, list[int]] = defaultdict(list)
    for at, edit in enumerate(edits):
        taken = graph.module(edit.path).text[edit.start : edit.end]
        if b"#" in taken and not (taken.lstrip().startswith(b"#") and not edit.text):  # taken on purpose
            by_path[edit.path].append(at)
    for path, places in by_path.items():
        module = graph.module(path)
        comments = comments_of(module)
        starts = [start for start, _ in comments]
        for at in places:
            edit = edits[at]
            inside = comments[bisect_left(starts, edit.start) : bisect_left(starts, edit.end)]
            lost = [text for _, text in inside if text not in edit.text and not DIRECTIVE.match(text)]
            if not lost:
                continue
            if edit.start in module.line_starts and not edit.text:
                line = module.text[edit.start : edit.end]
                margin = line[: len(line) - len(line.lstrip())].rpartition(b"\n")[2].decode()
                result[at] = replace(edit, text="".join(f"{margin}{text}\n" for text in lost))
                continue
            begin = module.line_starts[module.line(_statement(module.body, edit).start) - 1]
            line = module.text[begin:].partition(b"\n")[0]
            margin = line[: len(line) - len(line.lstrip())].decode()
            result.append(Edit(path, begin, begin, "".join(f"{margin}{text}\n" for text in lost), _NOTE))
    return sorted(result, key=lambda edit: (edit.path, edit.start, edit.end))


def comments_of(module: ModuleFacts) -> list[tuple[int, str]]:
    """The byte offset and the text of each comment."""
    starts = [*module.line_starts, len(module.text)]
    lines = [module.text[start:end].decode() for start, end in pairwise(starts)]
    unread = iter(lines)
    try:
        tokens = list(tokenize.generate_tokens(lambda: next(unread, "")))
    except (tokenize.TokenError, SyntaxError) as error:
        raise Refused(f"the comments in {module.path} could not be read: {error}") from error
    return [
        (starts[row - 1] + len(lines[row - 1][:column].encode()), token.string)
        for token in tokens
        if token.type == tokenize.COMMENT
        for row, column in [token.start]
    ]


def _statement(body: Iterable[ir.Node], edit: Edit) -> ir.Node:
    """The innermost statement that holds the edit."""
    around = [n for n in ir.walk(*body) if isinstance(n, ir.Stmt) and n.start <= edit.start and edit.end <= n.end]
    if not around:
        raise Refused("a comment stands between statements that change together")
    return min(around, key=lambda node: node.end - node.start)
