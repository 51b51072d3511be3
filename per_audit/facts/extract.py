"""Bytes of a Python file -> facts, guarded against what makes the parser abort."""

from __future__ import annotations

import ast
import re
import sys
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import libcst as cst

from per_audit.facts.ir import ModuleFacts
from per_audit.facts.lower import Lowering
from per_audit.facts.memory import collector_paused
from per_audit.facts.spans import spans_of
from per_audit.source import DecodingError, decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.facts import ir

# libcst's parser recurses on the C stack and aborts the process at about 2,000 levels; people's code stays below 100.
MAX_DEPTH = 400
# A form feed at the beginning of a line starts its indentation anew; to libcst it is a character of the line.
_LEADING_FEEDS = re.compile(r"^[ \t\f]*\f", re.MULTILINE)


class Unparsable(Exception):
    """The file is not Python 3 that can be audited: `line` (from 1) and a reason for people."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason

    def __reduce__(self) -> tuple[type[Unparsable], tuple[int, str]]:
        return type(self), (self.line, self.reason)


def extract(path: str, data: bytes) -> ModuleFacts:
    """The facts of one file.

    Raises:
        Unparsable: the bytes are no text, no Python 3, or nested too deeply for the parser.
    """
    try:
        text = decode(data)
        encoded = text.encode("utf-8")
    except DecodingError as error:
        raise Unparsable(error.line, error.reason) from None
    except UnicodeError as error:  # a codec that fails in a way of its own, or that yields halves of surrogate pairs
        raise Unparsable(1, f"not a text file: {error}") from None
    with collector_paused(), _deep_stack():
        body, exact = _lowered(text)
    return ModuleFacts(path, body, encoded, exact)


def _lowered(text: str) -> tuple[list[ir.Stmt], bool]:
    _refuse_depth(text)
    # libcst's round trip loses form feeds. They are one byte each, so replacing them keeps every offset.
    plain = text
    if "\f" in text:
        plain = _LEADING_FEEDS.sub(lambda feeds: feeds[0].replace("\f", "\n"), text).replace("\f", " ")
    try:
        module = cst.parse_module(plain)
        spans, exact = spans_of(module, plain)
        return Lowering(spans).block(module.body), exact
    except cst.ParserSyntaxError as error:
        raise Unparsable(*_reason(text, error)) from None
    except RecursionError:
        raise Unparsable(1, "nested too deeply to be analysed") from None


def _reason(text: str, error: cst.ParserSyntaxError) -> tuple[int, str]:
    """The line and the reason, as the interpreter puts them where it refuses the file as well."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except SyntaxError as found:
        return found.lineno or error.raw_line, f"not valid Python 3: {found.msg}"
    return error.raw_line, f"not valid Python 3: {error.message.splitlines()[0]}"


def _refuse_depth(text: str) -> None:
    """Raise Unparsable for a file on which libcst would abort the process."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (RecursionError, MemoryError):
        raise Unparsable(1, "nested too deeply to be analysed") from None
    except (SyntaxError, ValueError):
        # Newer syntax than this interpreter's, or no Python 3 at all: measure what the text shows.
        depth, line = _textual_depth(text)
        if depth > MAX_DEPTH:
            raise Unparsable(line, "nested too deeply to be analysed") from None
        return
    level: list[ast.AST] = [tree]
    depth = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise Unparsable(getattr(level[0], "lineno", 1), "nested too deeply to be analysed")
        level = [child for node in level for child in _parts(node)]


def _parts(node: ast.AST) -> Iterable[ast.AST]:
    """The nodes below a node as libcst nests them: `a and b and c` is one node to the interpreter, two to libcst."""
    if isinstance(node, ast.BoolOp) and len(node.values) > 2:
        first, *rest = node.values
        return first, ast.copy_location(ast.BoolOp(node.op, rest), first)
    return ast.iter_child_nodes(node)


def _textual_depth(text: str) -> tuple[int, int]:
    """An upper bound of the nesting of a text that cannot be parsed, and the line where it is reached.

    Brackets are counted as they stand (in strings too), operators, dots and chained calls by the longest run of a
    logical line.
    """
    deepest, where, depth, run, line, before = 0, 1, 0, 0, 1, ""
    for character in text:
        if character in "([{":
            depth += 1
            if before in (")", "]"):
                run += 1
        elif character in ")]}":
            depth = max(depth - 1, 0)
        elif character == "\n":
            line += 1
            if depth == 0:
                run = 0
        elif character in "+-*/%@&|^.<>=~":
            run += 1
        if depth + run > deepest:
            deepest, where = depth + run, line
        before = character
    return deepest, where


@contextmanager
def _deep_stack() -> Iterator[None]:
    """Room for the several Python frames that libcst's code generator takes for each level of nesting."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, 12 * MAX_DEPTH + 2000))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
