"""Bytes of a Python file -> facts, guarded against what makes the parser abort."""

from __future__ import annotations

import ast
import io
import sys
import tokenize
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import libcst as cst
from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper

from per_audit.facts.ir import ModuleFacts
from per_audit.facts.lower import Lowering

if TYPE_CHECKING:
    from collections.abc import Iterator

# libcst's parser recurses on the C stack and aborts the process at about 2,000 levels; people's code stays below 100.
MAX_DEPTH = 400


class Unparsable(Exception):
    """The file is not Python 3 that can be audited: `line` (from 1) and a reason for people."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason

    def __reduce__(self) -> tuple[type[Unparsable], tuple[int, str]]:
        return type(self), (self.line, self.reason)


def decode(data: bytes) -> str:
    """The file's text by its byte order mark or coding cookie, line endings kept. Raises Unparsable."""
    if b"\0" in data:
        raise Unparsable(1, "not a text file (it holds NUL bytes)")
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return data.decode(encoding)
    except (SyntaxError, LookupError) as error:
        raise Unparsable(1, f"unknown encoding: {error}") from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unparsable(line, f"not valid {error.encoding}: byte 0x{data[error.start]:02x}") from None


def extract(path: str, data: bytes) -> ModuleFacts:
    """The facts of one file.

    Raises:
        Unparsable: the bytes are no text, no Python 3, or nested too deeply for the parser.
    """
    text = decode(data)
    _refuse_depth(text)
    # libcst's round trip loses form feeds and reads a lone carriage return as a line of its own; both are one byte, so
    # replacing them keeps every offset.
    plain = text.replace("\f", " ")
    try:
        with _deep_stack():
            module = cst.parse_module(plain)
            wrapper = MetadataWrapper(module, unsafe_skip_copy=True)
            spans = wrapper.resolve(ByteSpanPositionProvider)
            body = Lowering(spans).block(module.body)
            exact = module.code == plain
    except cst.ParserSyntaxError as error:
        raise Unparsable(error.raw_line, _reason(text, error)) from None
    except RecursionError:
        raise Unparsable(1, "nested too deeply to be analysed") from None
    return ModuleFacts(path, body, text.encode("utf-8"), exact)


def _reason(text: str, error: cst.ParserSyntaxError) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except SyntaxError as found:
        return f"not valid Python 3: {found.msg}"
    return f"not valid Python 3: {error.message.splitlines()[0]}"


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
        level = [child for node in level for child in ast.iter_child_nodes(node)]


def _textual_depth(text: str) -> tuple[int, int]:
    """An upper bound of the nesting of a text that cannot be parsed, and the line where it is reached.

    Brackets are counted as they stand (in strings too), operators and dots by the longest run of a logical line.
    """
    deepest, where, depth, run, line = 0, 1, 0, 0, 1
    for character in text:
        if character in "([{":
            depth += 1
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
