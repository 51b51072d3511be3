"""IPython's own syntax in a cell: neutralised in place, so that the Python keeps its lines and columns."""

from __future__ import annotations

import ast
import re
import warnings

# Cell magics whose body runs as the cell itself would; that of any other one is another language or process.
_TRANSPARENT = frozenset({"capture", "debug", "ipytest", "memit", "prun", "time", "timeit", "wandb"})
# Line magics that run the statement after their options.
_RUNS = re.compile(r"%(?:time|timeit|prun|memit)(?:[ \t]+-\w+(?:[ \t]+\d+)?)*[ \t]+(?=\S)")
_ESCAPED = re.compile(r"[%!?,;/]")
_HELP = re.compile(r"[^\W\d](?:[\w.*]|\[[^\]]*\])*\?\??[ \t]*;?[ \t]*(?:#.*)?$")
# The commands that IPython takes without a percent sign. Two words in a row are no Python, unless one is an operator.
_COMMAND = re.compile(
    r"(?:cat|cd|clear|conda|cp|ls|mamba|mkdir|mv|pip3?|rm|rmdir|uv)[ \t]+(?!(?:and|if|in|is|not|or)\b)[\w.~/$-]"
)
_ASSIGNED = re.compile(r"[^\W\d][\w.,\[\] \t]*=[ \t]*(?=[%!])")
_PIECE = re.compile(r"\\.|\"\"\"|'''|[\"'#()\[\]{}]")


def plain_python(text: str) -> str | None:
    """The cell with IPython's syntax replaced by as many characters of Python.

    None where the cell is in another language. What comes back need not be valid: the cell may be broken besides.
    """
    if problem(text) is None:
        return text
    lines = text.split("\n")
    depth, quote = 0, ""
    is_command = is_continued = False
    at_top = True
    for number, line in enumerate(lines):
        magic = line.strip() if at_top else ""
        if magic.startswith("%%"):
            if magic[2:].split(maxsplit=1)[:1] and re.split(r"\W", magic[2:])[0] not in _TRANSPARENT:
                return None
            lines[number] = _inert(line)
            continue
        at_top = at_top and (not magic or magic.startswith("#"))
        neutral = _commented(line, "#") if is_command else None
        if neutral is None and not depth and not quote and not is_continued:
            neutral = _neutral(line)
        if neutral is not None:
            lines[number] = neutral
            is_command = line.endswith("\\")
            continue
        depth, quote = _scan(line, depth, quote)
        is_continued = line.endswith("\\") and not line.lstrip().startswith("#")
    return "\n".join(lines)


def problem(text: str) -> tuple[int, str] | None:
    """The line and the reason why a text is no Python 3, None where it is."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except SyntaxError as error:
        return error.lineno or 1, f"not valid Python 3: {error.msg}"
    except (RecursionError, MemoryError):
        return 1, "nested too deeply to be analysed"
    except ValueError as error:  # NUL characters, halves of surrogate pairs
        return 1, f"not valid Python 3: {error}"
    return None


def _neutral(line: str) -> str | None:
    """A line at which a statement begins as Python, None where nothing in it is IPython's."""
    body = line.lstrip()
    indent = line[: len(line) - len(body)]
    runs = _RUNS.match(body)
    if runs:
        timed = "0;".ljust(runs.end()) + body[runs.end() :]
        if problem(timed) is None:
            return indent + timed
    if _ESCAPED.match(body) or _HELP.match(body) or _COMMAND.match(body):
        return _inert(line)
    assigned = _ASSIGNED.match(body)
    if assigned is None:
        return None
    target, value = body[: assigned.end()], body[assigned.end() :]
    runs = _RUNS.match(value)
    if runs and problem(value[runs.end() :]) is None:
        return indent + target + " " * runs.end() + value[runs.end() :]
    # A name without a value: what the command gives is not known.
    return indent + target + f"_#{value[2:]}"[: len(value)]


def _inert(line: str) -> str:
    """A comment of the same length; in a block, which may hold nothing else, a statement without effect before it."""
    return _commented(line, "0#" if line[:1].isspace() else "#")


def _commented(line: str, mark: str) -> str:
    body = line.lstrip()
    return line[: len(line) - len(body)] + (mark + body[len(mark) :])[: len(body)]


def _scan(line: str, depth: int, quote: str) -> tuple[int, str]:
    """How many brackets are open behind the line, and the quotes of the string that is."""
    for piece in _PIECE.findall(line):
        if quote:
            if piece == quote or piece[0] == quote:
                quote = ""
        elif piece == "#":
            break
        elif piece[0] in "\"'":
            quote = piece
        elif piece in "([{":
            depth += 1
        elif piece in ")]}":
            depth = max(0, depth - 1)
    if len(quote) == 1 and not line.endswith("\\"):
        quote = ""
    return depth, quote
