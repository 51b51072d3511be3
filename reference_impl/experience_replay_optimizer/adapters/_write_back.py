"""Draws by priority without updates are wrong and look right: whoever forgets the updates is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..samplers.prioritized import PrioritizedSampler

DRAWS_WITHOUT_UPDATE = 10


class WriteBackGuard:
    """Counts the batches drawn since priorities last came back, and refuses to draw on without any.

    A training loop written for uniform replay runs on prioritised draws without an error, yet it learns from the wrong
    distribution: no loss is weighted, and no priority ever changes. Where the draws are uniform (alpha 0 and no rare
    share) nothing has to come back.

    Args:
        sampler: whose draws are counted.
        remedy: what the user should write, the end of the error's sentence.
    """

    def __init__(self, sampler: PrioritizedSampler, remedy: str) -> None:
        self._sampler = sampler
        self._remedy = remedy
        self._draws = 0

    def before_draw(self) -> None:
        """A batch is asked for. RuntimeError after `DRAWS_WITHOUT_UPDATE` batches without an update."""
        if self._draws >= DRAWS_WITHOUT_UPDATE and (self._sampler.alpha > 0.0 or self._sampler.rare_fraction > 0.0):
            raise RuntimeError(
                f"{self._draws} batches were drawn by priority and update_priorities() was not called once since:"
                f" the training loop treats them as uniform draws; {self._remedy}"
            )
        self._draws += 1

    def after_update(self) -> None:
        """Priorities came back."""
        self._draws = 0
