"""Suppression comments: `# per-audit: ignore[PER001] reason` and `# per-audit: ignore-file[PER001] reason`."""

from __future__ import annotations

import io
import re
import tokenize
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK = b"per-audit:"
_COMMENT = re.compile(r"#\s*per-audit:\s*(?P<verb>[\w-]*)\s*(?:\[(?P<rules>[^\]]*)\])?(?P<rest>.*)")
# A further comment in the same comment (such as another tool's) is no part of the reason; `see #12` is.
_NEXT_COMMENT = re.compile(r"(?:^|\s)#\s?(?=[A-Za-z])")


@dataclass(frozen=True, slots=True)
class Suppression:
    """One comment. It holds for the lines `first` to `last`; `problem` says why a comment suppresses nothing."""

    line: int
    column: int
    end_column: int
    rules: tuple[str, ...]
    reason: str
    first: int
    last: int
    problem: str = ""

    def covers(self, line: int) -> bool:
        """Whether a finding that starts on `line` is meant."""
        return not self.problem and self.first <= line <= self.last


@dataclass(slots=True)
class _Statement:
    """A logical line: the physical lines it spans and the comments in it."""

    first: int
    last: int
    opens_with: tokenize.TokenInfo


def find_suppressions(text: str) -> list[Suppression]:
    """The suppression comments of a file, in order; comments inside strings are none.

    A comment holds for the logical line it stands in, so it may close a call of several lines. On lines of its own
    it holds for the logical line right below, decorators and what they decorate taken together.
    """
    comments, statements = _tokens(text)
    own_lines = {token.start[0] for token, inside in comments if not inside}
    code = next((s.first for s in statements if s.opens_with.type != tokenize.STRING), 1 << 60)
    end = text.count("\n") + text.count("\r") + 1
    found = []
    for token, inside in comments:
        match = _COMMENT.search(token.string)
        if not match:
            continue
        line = token.start[0]
        first, last = _span(line, inside, own_lines, statements)
        problem = _problem(match, late=line > code)
        if match["verb"] == "ignore-file":
            first, last = 1, end
        found.append(
            Suppression(
                line=line,
                column=token.start[1] + match.start() + 1,
                end_column=token.end[1] + 1,
                rules=tuple(name.strip() for name in (match["rules"] or "").split(",") if name.strip()),
                reason=_reason(match["rest"]),
                first=first,
                last=last,
                problem=problem,
            )
        )
    return found


def _problem(match: re.Match[str], late: bool) -> str:
    verb = match["verb"]
    if verb not in ("ignore", "ignore-file"):
        return f"unknown comment `per-audit: {verb}`; write `# per-audit: {_EXAMPLE}`"
    if not (match["rules"] or "").strip(" ,"):
        return f"the suppression names no rule; write `# per-audit: {_EXAMPLE}`"
    if verb == "ignore-file" and late:
        return "`ignore-file` stands below the first statement; move it to the top of the file"
    return ""


_EXAMPLE = "ignore[PER001] reason"


def _reason(rest: str) -> str:
    return _NEXT_COMMENT.split(rest, maxsplit=1)[0].strip(" \t-:\u2013\u2014")


def _tokens(text: str) -> tuple[list[tuple[tokenize.TokenInfo, bool]], list[_Statement]]:
    """The comments, each with whether it stands inside a logical line, and the logical lines."""
    comments: list[tuple[tokenize.TokenInfo, bool]] = []
    statements: list[_Statement] = []
    current: _Statement | None = None
    for token in _until_error(text):
        if token.type == tokenize.COMMENT:
            comments.append((token, current is not None))
        elif token.type == tokenize.NEWLINE:
            current = None
        elif token.type not in (tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER):
            if current is None:
                current = _Statement(token.start[0], token.end[0], token)
                statements.append(current)
            current.last = token.end[0]
    return comments, statements


def _until_error(text: str) -> Iterator[tokenize.TokenInfo]:
    """The tokens up to where the file stops being Python: a comment above a syntax error still counts."""
    try:
        yield from tokenize.generate_tokens(io.StringIO(text, newline=None).readline)
    except (tokenize.TokenError, SyntaxError):
        return


def _span(line: int, inside: bool, own_lines: set[int], statements: list[_Statement]) -> tuple[int, int]:
    if inside:
        statement = next(s for s in reversed(statements) if s.first <= line)
        return statement.first, max(statement.last, line)
    below = line + 1
    while below in own_lines:
        below += 1
    following = [s for s in statements if s.first >= below]
    if not following or following[0].first != below:
        return line, line
    last = following[0]
    for statement in following:
        last = statement
        if statement.opens_with.string != "@":
            break
    return below, last.last
