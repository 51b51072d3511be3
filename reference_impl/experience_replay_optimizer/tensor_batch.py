"""Batches as torch tensors, without a copy on the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch

from .replay_buffer import Sample
from .storage.batch import Batch

if TYPE_CHECKING:
    from torch import Tensor

    Batches = TypeVar("Batches", Batch, Sample)


def as_tensors(sample_or_batch: Batches, device: Any = None) -> Batches:
    """A sample or a batch with torch tensors in place of its arrays.

    Args:
        sample_or_batch: what `sample` returned, or its batch. Observations may be (nested) dicts of arrays.
        device: where the tensors are to be. None leaves them on the CPU, where they share the memory of the arrays:
            what is written to one is seen in the other.

    Returns:
        A `Batch` of tensors in the dtypes of the arrays. Of a sample: (batch, weights, indices) with the weights a
        tensor too; the indices are left as they are, for they go back to the buffer.

    Raises:
        TypeError: neither; objects given to `append` have no columns.
    """
    if isinstance(sample_or_batch, Batch):
        return _batch(sample_or_batch, device)
    if not isinstance(sample_or_batch, tuple) or len(sample_or_batch) != 3 or not isinstance(sample_or_batch[0], Batch):
        given = sample_or_batch[0] if isinstance(sample_or_batch, tuple) and sample_or_batch else sample_or_batch
        raise TypeError(
            f"as_tensors takes a Batch or what sample() returned, not {type(given).__name__}; transitions stored with"
            " add() come as a Batch"
        )
    batch, weights, indices = sample_or_batch
    return Sample(_batch(batch, device), _tensors(weights, device), indices)


def _batch(batch: Batch, device: Any) -> Batch:
    columns = (batch.states, batch.actions, batch.rewards, batch.next_states, batch.dones)
    states, actions, rewards, next_states, dones = (_tensors(column, device) for column in columns)
    return Batch(states, actions, rewards, next_states, dones, _tensors(dict(batch.extras), device))


def _tensors(column: Any, device: Any) -> Any:
    if isinstance(column, dict):
        return {name: _tensors(part, device) for name, part in column.items()}
    tensor: Tensor = column if isinstance(column, torch.Tensor) else torch.from_numpy(np.asarray(column))
    return tensor if device is None else tensor.to(device)
