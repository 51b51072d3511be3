"""What the buffers with `push` share: float32 observations, int64 actions, float32 rewards and flags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._dtypes import as_float32, as_int64
from ._validate import as_count
from .replay_buffer import ReplayBuffer
from .samplers.uniform import UniformSampler

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from .storage.batch import Batch

    Columns = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]


class FixedShapeBuffer:
    """Transitions of one shape in columns of fixed dtypes, pushed one by one; the oldest gives way.

    Args:
        buffer: where they are kept and drawn from.
    """

    def __init__(self, buffer: ReplayBuffer) -> None:
        self._buffer = buffer

    @property
    def capacity(self) -> int:
        """Number of transitions at most."""
        return self._buffer.capacity

    def push(self, state: Any, action: Any, reward: Any, next_state: Any, done: Any) -> None:
        """Store a transition.

        Args:
            state, next_state: numbers of one shape throughout; kept as float32.
            action: integer, or integers of one shape throughout; kept as int64.
            reward: finite number; kept as float32.
            done: flag; whether to bootstrap from `next_state` is decided by it, so pass `terminated`, not `truncated`.

        Raises:
            TypeError: a field that is not made of numbers.
            ValueError: another shape than the first transition's, an action that is no integer, a reward that is not
                finite, or a value that float32 cannot hold. Nothing has changed then.
        """
        number = as_float32(reward, "reward")
        self._buffer.add(
            as_float32(state, "state"),
            as_int64(action, "action")[()],  # scalars, not arrays of no dimensions: storing them is much faster
            number.item() if number.ndim == 0 else number,
            as_float32(next_state, "next_state"),
            done,
        )

    def __len__(self) -> int:
        return len(self._buffer)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """The transitions, oldest first, as (state, action, reward, next_state, done)."""
        return iter(self._buffer)

    def is_ready(self, batch_size: int) -> bool:
        """Whether `sample(batch_size)` can be served. TypeError or ValueError if that is no positive int."""
        return as_count(batch_size, "batch_size") <= len(self)

    def clear(self) -> None:
        """Forget all transitions and their priorities."""
        self._buffer.clear()

    @property
    def _newest_slot(self) -> int:
        """Where the last transition was put."""
        return self._buffer.newest_slot

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} of {self.capacity})"


def uniform(capacity: int, seed: Any) -> ReplayBuffer:
    """A buffer that draws uniformly, no transition twice in a batch."""
    sampler: Any = UniformSampler(capacity, replace=False, seed=seed)  # has the methods of a prioritised one
    return ReplayBuffer(sampler)


def columns(batch: Batch) -> Columns:
    """States (B, *shape) float32, actions (B,) int64, rewards (B,) float32, next states, dones (B,) float32."""
    return batch.states, batch.actions, batch.rewards, batch.next_states, batch.dones.astype(np.float32)
