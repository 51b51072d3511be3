"""A batch drawn partly by priority and partly from sets of slots, with the weights of that mixture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from numpy.typing import NDArray

    from .slot_set import SlotSet

    class Law(Protocol):
        """What is needed of the law of the prioritised share."""

        def find(self, points: NDArray[np.float64]) -> NDArray[np.int64]:
            """Slots at quantiles of the law."""

        def density(self, slots: NDArray[np.int64]) -> NDArray[np.float64]:
            """P(i)."""


_LARGEST = float(np.finfo(np.float32).max)


def sample_mixture(
    law: Law,
    points: NDArray[np.float64],
    keys: NDArray[np.float64] | None,
    sets: Sequence[SlotSet],
    shares: Sequence[int],
    size: int,
    smallest: float,
    beta: float,
    normalise: str | None,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Slots, int64 of shape (B,), and their importance-sampling weights, float32 of shape (B,).

    Args:
        law: of the prioritised share.
        points: B numbers in [0, 1), one a row.
        keys: one number in [0, 1) for each row that does not come by priority: it decides on the place of the row in
            the batch (the shuffle of Fisher and Yates). None where all rows come by priority.
        sets, shares: rows drawn from each set; the others come by priority.
        size: number of slots N that are stored.
        smallest: the least q of all of them, where `normalise` is "buffer".
        beta, normalise: as in `PrioritizedSampler`.
    """
    if keys is None:
        slots = law.find(points)
    else:
        row = points.size - keys.size
        slots = np.empty(points.size, np.int64)
        slots[:row] = law.find(points[:row])
        places = (keys * (np.arange(row, points.size) + 1)).astype(np.int64)
        first = row
        for one, share in zip(sets, shares):  # noqa: B905
            drawn = one.draw(points[row : row + share]) if share else ()
            for slot, place in zip(drawn, places[row - first : row - first + share].tolist()):  # noqa: B905
                slots[row] = slots[place]
                slots[place] = slot
                row += 1
    q = density(law, slots, sets, shares, points.size)
    if normalise is None:
        return slots, np.minimum((size * q) ** -beta, _LARGEST).astype(np.float32)
    # (q_min / q)^beta is the quotient of the two weights, and cannot overflow.
    lowest: Any = q.min() if normalise == "batch" else smallest
    return slots, ((lowest / q) ** beta).astype(np.float32)


def density(
    law: Law, slots: NDArray[np.int64], sets: Sequence[SlotSet], shares: Sequence[int], batch_size: int
) -> NDArray[np.float64]:
    """q_i, the expected share of each slot in a batch drawn so, float64 of shape (len(slots),)."""
    q = law.density(slots)
    others = sum(shares)
    if others:
        q *= (batch_size - others) / batch_size
        for one, share in zip(sets, shares):  # noqa: B905
            if share:
                q += one.contains(slots) * (share / batch_size / len(one))
    return q
