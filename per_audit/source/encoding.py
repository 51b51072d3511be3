"""Bytes to text as the interpreter does it: byte-order mark, PEP 263 cookie, universal newlines."""

from __future__ import annotations

import io
import tokenize


class DecodingError(Exception):
    """The bytes are no Python source text; `line` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


def decode(data: bytes) -> str:
    """The text of a Python file, without its byte-order mark; raises DecodingError."""
    nul = data.find(b"\0")
    if nul >= 0:
        raise DecodingError(1 + data.count(b"\n", 0, nul), "binary file: it holds NUL bytes")
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return data.decode(encoding)
    except SyntaxError as error:
        raise DecodingError(1, str(error.msg)) from error
    except UnicodeDecodeError as error:
        line = 1 + data.count(b"\n", 0, error.start)
        raise DecodingError(line, f"byte {data[error.start]:#04x} is not {error.encoding}") from error
    except LookupError as error:  # a codec such as rot13 that does not turn bytes into text
        raise DecodingError(1, str(error)) from error


def split_lines(text: str) -> list[str]:
    """The lines as Python counts them (LF, CRLF and CR end one; form feeds do not), endings removed."""
    return [line.rstrip("\n") for line in io.StringIO(text, newline=None)]
