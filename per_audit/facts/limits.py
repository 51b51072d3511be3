"""What libcst's parser is never given: it aborts the process on deep nesting, and takes minutes for some shapes."""

from __future__ import annotations

import ast
import re
import warnings
from typing import TYPE_CHECKING

from per_audit.runtime import MAX_DEPTH

if TYPE_CHECKING:
    from collections.abc import Iterable

_HARMLESS = 30  # brackets within brackets that cost the parser no time to speak of
_MOST_EXCESS = 20_000  # levels beyond that, summed over the brackets of a file: about two seconds
_MOST_READINGS = 20_000  # how often the parser may read the innermost part of a pattern: a quarter of a second
_OPENING, _CLOSING = ("(", "[", "{"), (")", "]", "}")
_WORDS = (  # strings and comments
    r"\"\"\"(?:[^\\]|\\.)*?\"\"\"|'''(?:[^\\]|\\.)*?'''|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|#[^\n]*"
)
_TOKENS = re.compile(rf"{_WORDS}|[()\[\]{{}}:\n]|\bif\b", re.DOTALL)
# With the letters before a string that holds expressions.
_SPOKEN = re.compile(rf"(\b[rR]?[fFtT][rR]?)?({_WORDS})", re.DOTALL)
_CASES = re.compile(r"^[ \t]*case\b", re.MULTILINE)


class Unparsable(Exception):
    """The file is not Python 3 that can be audited: `line` (from 1) and a reason for people."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason

    def __reduce__(self) -> tuple[type[Unparsable], tuple[int, str]]:
        return type(self), (self.line, self.reason)


def interpreted(text: str) -> ast.Module | None:
    """The interpreter's own syntax tree, None where it has none: newer syntax than its own, or no Python 3 at all.

    Raises Unparsable for code that is nested too deeply.
    """
    try:
        with warnings.catch_warnings():  # of escapes in the audited code's strings
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (RecursionError, MemoryError):
        raise _too_deep(1) from None
    except (SyntaxError, ValueError):
        return None
    depth, line, _ = _nesting(tree)
    if depth > MAX_DEPTH:
        raise _too_deep(line)
    return tree


def refuse_what_the_parser_cannot_take(text: str, tree: ast.Module | None) -> None:
    """Raise Unparsable for a file on which libcst would abort the process or take minutes."""
    if tree is None:  # measure what the text shows
        depth, line = _textual_depth(text)
        may_match = "case" in text
    else:
        depth, line, may_match = _nesting(tree)
    if depth > MAX_DEPTH:
        raise _too_deep(line)
    if depth > _HARMLESS:
        _refuse_brackets(text)
    if may_match:
        _refuse_patterns(text)


def _too_deep(line: int) -> Unparsable:
    return Unparsable(line, "nested too deeply to be analysed")


def _nesting(tree: ast.Module) -> tuple[int, int, bool]:
    """How deep the code is nested, where it passes the limit, and whether it matches patterns."""
    level: list[ast.AST] = [tree]
    depth, line, may_match = 0, 1, False
    while level and depth <= MAX_DEPTH:
        depth += 1
        line = getattr(level[0], "lineno", 1)
        may_match = may_match or any(isinstance(node, ast.Match) for node in level)
        level = [child for node in level for child in _parts(node)]
    return depth, line, may_match


def _parts(node: ast.AST) -> Iterable[ast.AST]:
    """The nodes below a node as libcst nests them: `a and b and c` is one node to the interpreter, two to libcst."""
    if isinstance(node, ast.BoolOp) and len(node.values) > 2:
        first, *rest = node.values
        return first, ast.copy_location(ast.BoolOp(node.op, rest), first)
    dotted = node.name if isinstance(node, ast.alias) else node.module if isinstance(node, ast.ImportFrom) else None
    if dotted and "." in dotted:
        outer = ast.copy_location(ast.alias(dotted.rpartition(".")[0]), node)
        return outer, *_children(node)
    return _children(node)


def _children(node: ast.AST) -> Iterable[ast.AST]:
    """As `ast.iter_child_nodes`, in a third of the time."""
    found: list[ast.AST] = []
    for value in vars(node).values():
        if type(value) is list:
            found += [item for item in value if isinstance(item, ast.AST)]
        elif isinstance(value, ast.AST):
            found.append(value)
    return found


def _textual_depth(text: str) -> tuple[int, int]:
    """An upper bound of the nesting of a text that cannot be parsed, and the line where it is reached.

    Brackets are counted as they stand, operators, dots and chained calls by the longest run of a logical line; not in
    comments, nor in strings without expressions.
    """
    deepest, where, depth, run, line, before = 0, 1, 0, 0, 1, ""
    for character in _SPOKEN.sub(_unspoken, text):
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


def _unspoken(match: re.Match[str]) -> str:
    """What stands for a comment or string: its lines."""
    return match[0] if match[1] else "\n" * match[0].count("\n")


def _refuse_brackets(text: str) -> None:
    """libcst's time grows with the square of the depth of brackets."""
    depth = excess = 0
    for token in _TOKENS.finditer(text):
        if token[0] in _OPENING:
            depth += 1
            excess += max(depth - _HARMLESS, 0)
            if excess > _MOST_EXCESS:
                raise Unparsable(_line_at(text, token.start()), "brackets nested too deeply to be analysed")
        elif token[0] in _CLOSING:
            depth = max(depth - 1, 0)


def _refuse_patterns(text: str) -> None:
    """libcst reads each bracket of a pattern twice, those of mappings several times, and so what stands inside."""
    for case in _CASES.finditer(text):
        costs = [1]
        for token in _TOKENS.finditer(text, case.end()):
            if token[0] in _OPENING:
                costs.append(costs[-1] * (5 if token[0] == "{" else 2))
                if costs[-1] > _MOST_READINGS:
                    raise Unparsable(_line_at(text, case.end()), "a pattern nested too deeply to be analysed")
            elif token[0] in _CLOSING:
                costs.pop()
                if not costs:
                    break
            elif token[0] in (":", "if", "\n") and len(costs) == 1:
                break


def _line_at(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1
