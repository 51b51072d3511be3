"""Stratified draws under any law of the priorities (Schaul et al. 2015, appendix B.2.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._validate import as_count, as_float
from .mixture import sample_mixture

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .mixture import Law


def sample_stratified(
    law: Law, size: int, batch_size: Any, beta: Any, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Draw a batch of B with one slot from each of B segments of equal probability.

    On average that is B P(i) copies of slot i, as with independent draws, with less variance.

    Args:
        law: P(i) of the slots.
        size: number of slots N that hold something.
        batch_size: B, at most N.
        beta: exponent of the weights in [0, 1].
        rng: where the random numbers come from.

    Returns:
        Slots in random order, int64 of shape (B,), and their weights (N P(i))^-beta over the largest of the batch,
        float32 of shape (B,).

    Raises:
        ValueError: batch_size above `size` or below 1, or beta outside [0, 1].
        TypeError: batch_size is no int.
    """
    count = as_count(batch_size, "batch_size")
    if count > size:
        raise ValueError(f"batch_size is {count}, and the memory holds only {size} transitions")
    exponent = as_float(beta, "beta", 0.0, 1.0)
    # The order is random, so that a part of the batch is no different from the rest.
    points = (rng.permutation(count) + rng.random(count)) / count
    np.minimum(points, np.nextafter(1.0, 0.0), out=points)  # the sum may have been rounded up to the next segment
    return sample_mixture(law, points, None, (), (), size, 0.0, exponent, "batch")
