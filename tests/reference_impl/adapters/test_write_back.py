from __future__ import annotations

import pytest

from experience_replay_optimizer import PrioritizedSampler
from experience_replay_optimizer.adapters._write_back import DRAWS_WITHOUT_UPDATE, WriteBackGuard


def draw(guard, times):
    for _ in range(times):
        guard.before_draw()


@pytest.mark.parametrize("shares", [{"alpha": 0.6, "rare_fraction": 0.0}, {"alpha": 0.0, "rare_fraction": 0.1}])
def test_draws_without_an_update_are_refused(shares):
    guard = WriteBackGuard(PrioritizedSampler(8, **shares), "do it")
    draw(guard, DRAWS_WITHOUT_UPDATE)
    for _ in range(2):
        with pytest.raises(RuntimeError, match=rf"^{DRAWS_WITHOUT_UPDATE} batches were drawn .*; do it$"):
            guard.before_draw()


def test_an_update_starts_the_count_anew():
    guard = WriteBackGuard(PrioritizedSampler(8), "do it")
    for _ in range(5):
        draw(guard, DRAWS_WITHOUT_UPDATE)
        guard.after_update()


def test_uniform_draws_are_never_refused():
    draw(WriteBackGuard(PrioritizedSampler(8, alpha=0.0, rare_fraction=0.0), "do it"), 5 * DRAWS_WITHOUT_UPDATE)
