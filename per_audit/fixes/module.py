"""What the import edits need to know of a file: its top-level statements with their byte ranges, and its names."""

from __future__ import annotations

import ast
import re
import warnings
from bisect import bisect_right
from dataclasses import dataclass

from per_audit.fixes.edits import EditError

PACKAGE = "experience_replay_optimizer"
_LINE_START = re.compile(rb"\r\n|\r|\n")
# Where a file stops being its head, for files whose whole syntax this interpreter does not know.
_FIRST_BLOCK = re.compile(rb"^(?:async|def|class|@|if|for|while|with|match|type)\b|^@", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Statement:
    """A top-level statement and its range of bytes, decorators included."""

    node: ast.stmt
    start: int
    end: int


class Module:
    """A file as the import edits see it; `is_whole` tells whether all of it could be read, or only its head."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self._lines = [0, *(match.end() for match in _LINE_START.finditer(body))]
        tree = _parse(body)
        self.is_whole = tree is not None
        if tree is None:
            head = _FIRST_BLOCK.search(body)
            tree = _parse(body[: head.start()] if head else body)
        if tree is None:
            raise EditError("its imports cannot be read by this version of Python; run per-audit under the project's")
        self.tree = tree
        self.statements = [self._statement(node) for node in tree.body]

    def range(self, node: ast.stmt | ast.alias) -> tuple[int, int]:
        """The bytes of a node."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._lines[node.lineno - 1] + node.col_offset, self._lines[node.end_lineno - 1] + node.end_col_offset

    def line_start(self, offset: int) -> int:
        """The first byte of the line that `offset` is on."""
        return self._lines[bisect_right(self._lines, offset) - 1]

    def line_end(self, offset: int) -> int:
        """The first byte after the line that `offset` is on, and after its line ending."""
        line = bisect_right(self._lines, offset)
        return self._lines[line] if line < len(self._lines) else len(self.body)

    def is_blank(self, start: int) -> bool:
        """Whether nothing is on the line that starts here."""
        return start < len(self.body) and not self.body[start : self.line_end(start)].strip()

    def uses(self, name: str) -> bool:
        """Whether the file may need the name: as a name, in a string that is code, in a type comment or a doctest."""
        word = re.compile(rf"\b{re.escape(name)}\b")
        if not word.search(self.body.decode()):
            return False
        if re.search(rf"#\s*type:[^\r\n]*\b{re.escape(name)}\b", self.body.decode()):
            return True
        docstrings = _docstrings(self.tree)
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Name) and node.id == name:
                return True
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and word.search(node.value):
                if ">>>" in node.value:
                    return True
                if id(node) not in docstrings and name in _names(_parse(node.value.encode(errors="replace"))):
                    return True
        return False

    def binds(self, name: str) -> bool:
        """Whether the file gives the name a meaning of its own."""
        if not self.is_whole:
            own = rf"\b(?:class|def)\s+{name}\b|^\s*{name}\s*[:=]"
            return re.search(own.encode(), self.body, re.MULTILINE) is not None
        return any(name in _bound(node) for node in ast.walk(self.tree))

    def mentions(self, statement: Statement, names: set[str]) -> bool:
        """Whether a statement uses one of the names."""
        return not names.isdisjoint(_names(statement.node))

    def _statement(self, node: ast.stmt) -> Statement:
        start, end = self.range(node)
        decorators = getattr(node, "decorator_list", [])
        if decorators:
            start = self._lines[decorators[0].lineno - 1]
        return Statement(node, start, end)


def _parse(body: bytes) -> ast.Module | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(body.decode())
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def _names(tree: ast.AST | None) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} if tree else set()


def _docstrings(tree: ast.Module) -> set[int]:
    """The identities of the constants that are statements of their own."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def _bound(node: ast.AST) -> set[str]:
    """The names that a node binds, other than imports from the package itself."""
    if isinstance(node, ast.ImportFrom) and node.module == PACKAGE:
        return set()
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {node.name}
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        return {node.id}
    return {node.arg} if isinstance(node, ast.arg) else set()
