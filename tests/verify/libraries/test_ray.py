from __future__ import annotations

CHECKS = ("reach", "frequencies", "weights", "mixture", "updates-take-effect", "new-items", "seed")


def test_prioritised(verdicts):
    found = verdicts("ray", "rllib", "ray.rllib.utils.replay_buffers:PrioritizedReplayBuffer", CHECKS)
    assert set(found.values()) == {"PASS"}
