"""What the user says of rare events: a test of their own, and flags in the environment's info."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class RareMarks:
    """Whether a transition is rare by the user's test or by its info.

    Args:
        is_rare: called with the transition or object, returns a bool; None for no test.
        flags: keys of `info` that mark a rare event.

    Raises:
        TypeError: `is_rare` that cannot be called, or one string in place of a sequence.
    """

    def __init__(self, is_rare: Callable[[Any], bool] | None, flags: Sequence[str]) -> None:
        if is_rare is not None and not callable(is_rare):
            raise TypeError(f"is_rare must be callable, not {is_rare!r}")
        if isinstance(flags, str):
            raise TypeError(f'rare_flags must be a sequence of names, not one string; write ("{flags}",)')
        self.is_rare = is_rare
        self.flags = tuple(flags)

    def verdict(self, item: Any, info: Mapping[str, Any] | None) -> bool | None:
        """Whether `item` is rare; None where neither says anything.

        Raises:
            TypeError: `info` is no dict.
        """
        if info is not None:
            if not hasattr(info, "get"):
                raise TypeError(f"info must be a dict or None, not {type(info).__name__}")
            if any(bool(info.get(flag, False)) for flag in self.flags):
                return True
        return bool(self.is_rare(item)) if self.is_rare is not None else None
