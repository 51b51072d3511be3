"""The byte span of every libcst node, and the text that the tree stands for, in one pass.

libcst's position providers do the same at twice the price: they run on a wrapper, encode each token, and enter a
generator for each node. A second pass would be needed to see whether the tree reproduces its text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst
from libcst._nodes.internal import CodegenState

if TYPE_CHECKING:
    from types import TracebackType

Spans = dict[cst.CSTNode, tuple[int, int]]


def spans_of(module: cst.Module, text: str) -> tuple[Spans, bool]:
    """The span of each node in bytes of UTF-8, and whether the tree reproduces `text`, so that they can be trusted."""
    state = _State(default_indent=module.default_indent, default_newline=module.default_newline)
    state.spans = {}
    state.offset = 0
    state.starts = []
    state.ascii = text.isascii()
    module._codegen(state)
    # Of a file whose lines end in carriage returns alone, libcst forgets the last.
    return state.spans, "".join(state.tokens) in (text, text.removesuffix("\r"))


class _State(CodegenState):
    """What libcst's code generation reports to: tokens, and the nodes that they belong to."""

    spans: Spans
    offset: int
    starts: list[int]
    ascii: bool

    def add_indent_tokens(self) -> None:
        for token in self.indent_tokens:
            self.add_token(token)

    def add_token(self, value: str) -> None:
        self.tokens.append(value)
        self.offset += len(value) if self.ascii else len(value.encode("utf-8"))

    def before_codegen(self, node: cst.CSTNode) -> None:  # noqa: ARG002
        self.starts.append(self.offset)

    def after_codegen(self, node: cst.CSTNode) -> None:
        start = self.starts.pop()
        if node not in self.spans:  # unless its span without whitespace is known
            self.spans[node] = (start, self.offset)

    def record_syntactic_position(  # type: ignore[override]
        self, node: cst.CSTNode, *, start_node: cst.CSTNode | None = None, end_node: cst.CSTNode | None = None
    ) -> _Syntactic:
        return _Syntactic(self, node, start_node, end_node)


class _Syntactic:
    """Records the span of a node without the whitespace that it owns."""

    __slots__ = ("end_node", "node", "start", "start_node", "state")

    def __init__(
        self, state: _State, node: cst.CSTNode, start_node: cst.CSTNode | None, end_node: cst.CSTNode | None
    ) -> None:
        self.state, self.node, self.start_node, self.end_node = state, node, start_node, end_node
        self.start = state.offset

    def __enter__(self) -> None:
        self.start = self.state.offset

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        spans = self.state.spans
        if kind is None:
            start = self.start if self.start_node is None else spans[self.start_node][0]
            end = self.state.offset if self.end_node is None else spans[self.end_node][1]
            spans[self.node] = (start, end)
