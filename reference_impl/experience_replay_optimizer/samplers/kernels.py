"""The compiled half of the index: draws, weights and updates over the arrays of `SumTree`, in numba.

Each kernel keeps the level of the tree in the outer loop and the rows of the batch in the inner one, so that the memory
accesses of a level overlap, and compares arithmetically, without a branch. A node is the sum of its eight children in
their order; the searches rely on the very same rounding.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

_BELOW_ONE = 1.0 - 2.0**-52


def _compiled(function: Any) -> Any:
    try:
        return numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:  # no place that can be written to for the cache
        return numba.njit(nogil=True)(function)


@_compiled
def repair(leaves, nodes, offsets, low, high):  # type: ignore[no-untyped-def]
    """Recompute the nodes above the leaves low..high."""
    low >>= 3
    high >>= 3
    start = offsets[-1]
    for at in range(low, high + 1):
        total = 0.0
        for child in range(8 * at, 8 * at + 8):
            total += leaves[child]
        nodes[start + at] = total
    for level in range(offsets.size - 2, -1, -1):
        low >>= 3
        high >>= 3
        start, below = offsets[level], offsets[level + 1]
        for at in range(low, high + 1):
            total = 0.0
            for child in range(below + 8 * at, below + 8 * at + 8):
                total += nodes[child]
            nodes[start + at] = total


@_compiled
def recompute(leaves, nodes, offsets, slots):  # type: ignore[no-untyped-def]
    """Recompute the nodes above the leaves of `slots`."""
    at = np.empty(slots.size, np.int64)
    start = offsets[-1]
    for i in range(slots.size):
        at[i] = slots[i] >> 3
        total = 0.0
        for child in range(8 * at[i], 8 * at[i] + 8):
            total += leaves[child]
        nodes[start + at[i]] = total
    for level in range(offsets.size - 2, -1, -1):
        start, below = offsets[level], offsets[level + 1]
        for i in range(slots.size):
            children = below + 8 * (at[i] >> 3)
            at[i] >>= 3
            total = 0.0
            for child in range(children, children + 8):
                total += nodes[child]
            nodes[start + at[i]] = total


@_compiled
def find(leaves, nodes, offsets, points):  # type: ignore[no-untyped-def]
    """Slots at quantiles `points` of the cumulative sum."""
    count = points.size
    at = np.zeros(count, np.int64)
    rest = np.empty(count)
    for i in range(count):
        rest[i] = min(points[i], _BELOW_ONE) * nodes[0]
    for level in range(1, offsets.size):
        start = offsets[level]
        for i in range(count):
            first = start + 8 * at[i]
            below = 0.0
            total = 0.0
            place = 0
            for k in range(7):
                node = nodes[first + k]
                total += node
                right = rest[i] >= total
                place += right
                below += node * right
            # Less than the whole node: nothing but empty children lies beyond a partial sum that is the node's own.
            rest[i] = min(rest[i] - below, nodes[first + place] * _BELOW_ONE)
            at[i] = 8 * at[i] + place
    for i in range(count):
        first = 8 * at[i]
        total = 0.0
        place = 0
        for k in range(7):
            total += leaves[first + k]
            place += rest[i] >= total
        at[i] = first + place
    return at


@_compiled
def weigh(density, size, smallest, beta, normalise):  # type: ignore[no-untyped-def]
    """Importance-sampling weights of rows with the sampling probabilities `density`, float32.

    normalise: 0 leaves (size * density)^-beta, 1 divides by the largest of the batch, 2 by that of `smallest`.
    """
    weights = np.empty(density.size, np.float32)
    if normalise == 0:
        for i in range(density.size):
            weights[i] = min((size * density[i]) ** -beta, 3.4028234e38)
        return weights
    if normalise == 1:
        smallest = density[0]
        for i in range(density.size):
            smallest = min(smallest, density[i])
    for i in range(density.size):
        weights[i] = (smallest / density[i]) ** beta
    return weights


@_compiled
def sample(leaves, nodes, offsets, points, size, smallest, beta, normalise):  # type: ignore[no-untyped-def]
    """Slots by priority alone, and their weights."""
    slots = find(leaves, nodes, offsets, points)
    density = np.empty(slots.size)
    for i in range(slots.size):
        density[i] = leaves[slots[i]] / nodes[0]
    return slots, weigh(density, size, smallest, beta, normalise)


@_compiled
def sample_mixture(leaves, nodes, offsets, points, keys, sets, shares, size, smallest, beta, normalise):  # type: ignore[no-untyped-def]
    """Slots by priority and, by `shares`, from `sets` of (ring, bits, head, members), each placed by one of `keys`."""
    count = points.size
    by_priority = count - keys.size
    slots = np.empty(count, np.int64)
    slots[:by_priority] = find(leaves, nodes, offsets, points[:by_priority])
    row = by_priority
    for (ring, _, head, members), share in zip(sets, shares):  # noqa: B905
        for _ in range(share):
            place = np.int64(keys[row - by_priority] * (row + 1))
            slots[row] = slots[place]
            slots[place] = ring[(head + np.int64(points[row] * members)) % ring.size]
            row += 1
    density = np.empty(count)
    scale = by_priority / count / nodes[0]
    for i in range(count):
        density[i] = leaves[slots[i]] * scale
    for (_, bits, _, members), share in zip(sets, shares):  # noqa: B905
        if share > 0:
            each = share / count / members
            for i in range(count):
                density[i] += each * (bits[slots[i] >> 3] >> (slots[i] & 7) & 1)
    return slots, weigh(density, size, smallest, beta, normalise)


@_compiled
def update(leaves, nodes, offsets, handles, newest, indices, errors, epsilon, floor, alpha, low, high):  # type: ignore[no-untyped-def]
    """Set leaves to (max(|error|, floor) + epsilon)^alpha and recompute what is above them.

    `handles` says for each slot which handle stands for what it holds, and `newest` which handle was given out last;
    `handles` is empty where `indices` are the slots themselves.

    Returns:
        The largest |error| + epsilon that was set and the number of stale indices, or (-1.0, 0) where something is
        refused and nothing has changed: an index out of range or of an empty slot, an error or a leaf out of bounds.
    """
    count = indices.size
    values = np.empty(count, np.float32)
    slots = np.empty(count, np.int64)
    kept = 0
    largest = 0.0
    for i in range(count):
        index = indices[i]
        if index < 0 or not np.isfinite(errors[i]):
            return -1.0, 0
        if handles.size > 0:
            if index > newest:
                return -1.0, 0
            slot = index % handles.size
            if handles[slot] != index:
                continue
        else:
            slot = index
            if slot >= leaves.size:
                return -1.0, 0
        priority = max(abs(np.float64(errors[i])), floor) + epsilon
        value = priority**alpha
        if not low <= value <= high or leaves[slot] == 0.0:
            return -1.0, 0
        largest = max(largest, priority)
        values[kept] = value
        slots[kept] = slot
        kept += 1
    for i in range(kept):
        leaves[slots[i]] = values[i]
    recompute(leaves, nodes, offsets, slots[:kept])
    return largest, count - kept
