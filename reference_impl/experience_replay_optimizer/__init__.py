"""Replay buffers that sample by priority, keep rare events and correct their bias."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .combined_buffer import AdvancedReplayBuffer, CombinedReplayBuffer
from .hindsight import HindsightExperienceReplay, concatenate_goal
from .lap_buffer import LapReplayBuffer
from .losses import absolute_td_error, importance_weighted_loss, lap_loss, pal_loss
from .n_step import NStep
from .prioritized_buffer import PrioritizedReplayBuffer
from .replay_buffer import ReplayBuffer, Sample
from .samplers.combined import CombinedSampler
from .samplers.lap import LapSampler
from .samplers.prioritized import PrioritizedSampler
from .samplers.rank_based import RankBasedSampler
from .samplers.uniform import UniformSampler
from .schedules import LinearSchedule
from .sequences import SequenceReplayBuffer
from .storage.batch import Batch
from .storage.columns import ColumnStorage
from .storage.frames import FrameStackStorage
from .storage.next_by_index import NextByIndexStorage

if TYPE_CHECKING:
    from .samplers.device import DevicePrioritizedSampler
    from .storage.tensors import TensorStorage
    from .tensor_batch import as_tensors
    from .tensor_buffer import TensorReplayBuffer
    from .training import train_with_prioritized_replay

__version__ = "0.1.0"

__all__ = [
    "AdvancedReplayBuffer",
    "Batch",
    "ColumnStorage",
    "CombinedReplayBuffer",
    "CombinedSampler",
    "DevicePrioritizedSampler",
    "FrameStackStorage",
    "HindsightExperienceReplay",
    "LapReplayBuffer",
    "LapSampler",
    "LinearSchedule",
    "NStep",
    "NextByIndexStorage",
    "PrioritizedReplayBuffer",
    "PrioritizedSampler",
    "RankBasedSampler",
    "ReplayBuffer",
    "Sample",
    "SequenceReplayBuffer",
    "TensorReplayBuffer",
    "TensorStorage",
    "UniformSampler",
    "absolute_td_error",
    "as_tensors",
    "concatenate_goal",
    "importance_weighted_loss",
    "lap_loss",
    "pal_loss",
    "train_with_prioritized_replay",
]

# What needs torch is imported when it is asked for.
_WITH_TORCH = {
    "DevicePrioritizedSampler": ".samplers.device",
    "TensorReplayBuffer": ".tensor_buffer",
    "TensorStorage": ".storage.tensors",
    "as_tensors": ".tensor_batch",
    "train_with_prioritized_replay": ".training",
}


def __getattr__(name: str) -> Any:
    if name not in _WITH_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(_WITH_TORCH[name], __name__), name)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ImportError(f"{name} needs torch: pip install torch") from error
