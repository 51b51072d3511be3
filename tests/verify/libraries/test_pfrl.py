from __future__ import annotations

CHECKS = ("reach", "frequencies", "weights", "mixture", "updates-take-effect", "new-items", "stale-handle", "seed")


def test_prioritised(verdicts):
    found = verdicts("pfrl", "pfrl", "pfrl.replay_buffers:PrioritizedReplayBuffer", CHECKS)
    assert {name: verdict for name, verdict in found.items() if verdict != "PASS"} == {"stale-handle": "NOT PROVIDED"}


def test_what_the_adapter_remembers_does_not_grow(verdicts):
    found = verdicts("pfrl", "pfrl", "pfrl.replay_buffers:PrioritizedReplayBuffer", ("memory",))
    assert found == {"memory": "PASS"}
