"""Bytes of a Python file -> facts.

They come from the interpreter's own parser where it reads the file and says enough of it, else from libcst, guarded
against what makes that abort: it knows newer syntax than an older interpreter.
"""

from __future__ import annotations

import ast
import re
import warnings
from typing import TYPE_CHECKING

from per_audit.facts.limits import Unparsable, interpreted, refuse_what_the_parser_cannot_take
from per_audit.facts.module import ModuleFacts, line_starts
from per_audit.facts.read import NotRead, Reader
from per_audit.facts.tabs import evened
from per_audit.runtime import collector_paused, deep_stack
from per_audit.source import DecodingError, decode

if TYPE_CHECKING:
    from libcst import ParserSyntaxError

    from per_audit.facts import ir

# A form feed at the beginning of a line starts its indentation anew; to libcst it is a character of the line.
_LEADING_FEEDS = re.compile(r"(?<!\\\n)(?<!\\\r\n)^[ \t\f]*\f", re.MULTILINE)


def parsed(path: str, data: bytes) -> ModuleFacts:
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
    starts = line_starts(encoded)
    with collector_paused(), deep_stack():
        try:
            tree = interpreted(text)
            even = evened(encoded, starts) if tree is None else None
            try:
                if tree is not None:
                    return ModuleFacts(path, Reader(encoded, starts).block(tree.body), encoded, True, starts)
                if even is not None:
                    body = Reader(encoded, even.starts).block(even.tree.body)
                    return ModuleFacts(path, body, encoded, False, starts, uneven=even.line)
            except NotRead:
                pass
            body, exact = lowered(text, tree)
        except RecursionError:
            raise Unparsable(1, "nested too deeply to be analysed") from None
    return ModuleFacts(path, body, encoded, exact, starts)


def lowered(text: str, tree: ast.Module | None) -> tuple[list[ir.Stmt], bool]:
    """What libcst reads of a file, and whether its spans can be trusted."""
    import libcst as cst  # takes longer to import than many files take to be read without it

    from per_audit.facts.lower import Lowering
    from per_audit.facts.spans import spans_of

    refuse_what_the_parser_cannot_take(text, tree)
    # libcst's round trip loses form feeds. They are one byte each, so replacing them keeps every offset.
    plain = text
    if "\f" in text:
        plain = _LEADING_FEEDS.sub(lambda feeds: feeds[0].replace("\f", "\n"), text).replace("\f", " ")
    try:
        module = cst.parse_module(plain)
        spans, exact = spans_of(module, plain)
        with warnings.catch_warnings():  # of escapes in the audited code's strings
            warnings.simplefilter("ignore")
            return Lowering(spans).block(module.body), exact
    except cst.ParserSyntaxError as error:
        raise Unparsable(*_reason(text, error)) from None


def _reason(text: str, error: ParserSyntaxError) -> tuple[int, str]:
    """The line and the reason, as the interpreter puts them where it refuses the file as well."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except SyntaxError as found:
        return found.lineno or error.raw_line, f"not valid Python 3: {found.msg}"
    except (ValueError, RecursionError, MemoryError):
        pass
    return error.raw_line, "syntax that the parser does not know"
