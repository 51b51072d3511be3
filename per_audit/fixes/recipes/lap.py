"""Loss-adjusted replay (`--buffer lap`): whether it is chosen, and that no weights are carried to the losses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.fixes.draft import Refused

if TYPE_CHECKING:
    from per_audit.fixes.draft import Draft

WEIGHTS = "_"
"""The name of what stands in the place of the weights: ones, which nothing reads."""

ACTOR_CRITIC = (
    "prioritised draws often fall behind uniform ones in actor-critic code, because the actor learns from transitions"
    " with large TD errors (Saglam et al., JAIR 2023); LAP was made for such code: compare with the code as it was"
)


def is_chosen(draft: Draft) -> bool:
    """Whether the fix is one to loss-adjusted replay."""
    return draft.options.buffer == "lap"


def carried(draft: Draft, weights: str, indices: str, *, is_raw: bool = False) -> list[str]:
    """What travels behind the batch: weights and indices, without weights indices alone.

    What a draw gives (`is_raw`) are three values in any case.
    """
    if not is_chosen(draft):
        return [weights, indices]
    return [WEIGHTS, indices] if is_raw else [indices]


def refuse_library(draft: Draft, buffer: str) -> None:
    """Refuse buffers of libraries: what takes their place is prioritised with weights."""
    if is_chosen(draft):
        raise Refused(f"what takes the place of {buffer} draws with weights; --buffer lap is for buffers of your own")
