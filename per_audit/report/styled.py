"""Text with colours, where a terminal shows them: rich takes longer to import than most scans take without it."""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

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


def console_on(out: IO[str], colour: bool, width: int | None = None) -> Console:
    """A console that writes what it is told, in colours of any terminal or in none."""
    from rich.console import Console

    return Console(
        file=out,
        width=width,
        force_terminal=colour,
        color_system="standard" if colour else None,
        highlight=False,
        legacy_windows=False,
    )


def shown(texts: Iterable[Styled], colour: bool) -> str:
    """The texts, each with a line break behind it."""
    if not colour:
        return "".join(f"{text}\n" for text in texts)
    from rich.text import Text

    # Only the colours are rich's: lines are as long as they are, and nothing in them is markup or a link.
    out = io.StringIO()
    console = console_on(out, colour)
    for text in texts:
        console.print(Text.assemble(*text.pieces, style=text.style), soft_wrap=True, overflow="ignore", crop=False)
    return out.getvalue()


def laid_out(markdown: str) -> str:
    """A page of Markdown as a terminal shows it."""
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console(force_terminal=True)
    with console.capture() as capture:
        console.print(Markdown(markdown, hyperlinks=False))
    return capture.get()


def cells(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
