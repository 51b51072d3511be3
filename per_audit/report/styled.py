"""Text with colours, where a terminal shows them: rich takes longer to import than most scans take without it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_TAB = 8


class Styled:
    """Pieces of text, each in a style over that of the whole, in rich's words."""

    def __init__(self, text: str = "", style: str = "") -> None:
        self.style = style
        self.pieces: list[tuple[str, str]] = [(text, "")]

    def append(self, text: str | Styled, style: str = "") -> Styled:
        """Add a piece, or all those of another text."""
        self.pieces += text.pieces if isinstance(text, Styled) else [(text, style)]
        return self

    def __str__(self) -> str:
        """The text without its styles."""
        return "".join(text for text, _ in self.pieces).expandtabs(_TAB)


def shown(texts: Iterable[Styled], colour: bool) -> str:
    """The texts, each with a line break behind it."""
    if not colour:
        return "".join(f"{text}\n" for text in texts)
    from rich.console import Console
    from rich.text import Text

    # Only the colours are rich's: lines are as long as they are, and nothing in them is markup or a link.
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, color_system="standard", highlight=False)
    for text in texts:
        console.print(Text.assemble(*text.pieces, style=text.style), soft_wrap=True, overflow="ignore", crop=False)
    return out.getvalue()


def cells(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
