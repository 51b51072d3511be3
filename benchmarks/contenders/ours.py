"""The buffers of this repository. Options are the constructor's.

`frames` stores each frame once; "overlapping" gathers it once too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import ALPHA, BETA, Contender, Transitions


class Buffer(Contender):
    installs = (("numpy", "numba"),)
    distributions = ("numpy", "numba")

    def open(self) -> None:
        from experience_replay_optimizer import PrioritizedReplayBuffer

        options = dict(self.options)
        if frames := options.pop("frames", False):
            from experience_replay_optimizer.storage.frames import FrameStackStorage

            axis = 0 if self.like.states.shape[1] == 4 else -1
            options["storage"] = FrameStackStorage(4, axis, overlap=frames == "overlapping")
        self.buffer = PrioritizedReplayBuffer(self.capacity, ALPHA, BETA, 0.0, seed=0, **options)

    def add(self, state: Any, action: int, reward: float, next_state: Any, done: bool) -> None:
        self.buffer.add(state, action, reward, next_state, done)

    def add_batch(self, batch: Transitions) -> None:
        self.buffer.add_batch(*batch.columns)

    def sample(self, count: int) -> Any:
        return self.buffer.sample(count).indices

    def update(self, drawn: Any, errors: Any) -> None:
        self.buffer.update_priorities(drawn, errors)

    def changed(self, draws: int) -> int:
        """How many arrays of a batch that is kept are no longer what they were after so many further draws."""

        def arrays() -> list[Any]:
            batch, weights, indices = kept
            columns = (batch.states, batch.actions, batch.rewards, batch.next_states, batch.dones)
            return [np.asarray(array) for array in (*columns, weights, indices)]

        first, kept = self.like.rows()[0], self.buffer.sample(32)
        copies = [array.copy() for array in arrays()]
        for _ in range(draws):
            self.buffer.add(*first)
            self.buffer.update_priorities(self.buffer.sample(32).indices, np.full(32, 2.0))
        return sum(not np.array_equal(*pair) for pair in zip(arrays(), copies, strict=True))
