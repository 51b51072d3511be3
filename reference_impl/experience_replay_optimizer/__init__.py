"""Replay buffers that sample by priority, keep rare events and correct their bias."""

from __future__ import annotations

from .buffer_base import Sample
from .combined_buffer import AdvancedReplayBuffer, CombinedReplayBuffer
from .losses import absolute_td_error, importance_weighted_loss
from .prioritized_buffer import PrioritizedReplayBuffer
from .samplers.combined import CombinedSampler
from .samplers.prioritized import PrioritizedSampler
from .schedules import LinearSchedule
from .storage.batch import Batch

__version__ = "0.1.0"

__all__ = [
    "AdvancedReplayBuffer",
    "Batch",
    "CombinedReplayBuffer",
    "CombinedSampler",
    "LinearSchedule",
    "PrioritizedReplayBuffer",
    "PrioritizedSampler",
    "Sample",
    "absolute_td_error",
    "importance_weighted_loss",
]
