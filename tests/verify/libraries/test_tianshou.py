from __future__ import annotations

CHECKS = ("reach", "frequencies", "weights", "mixture", "updates-take-effect", "new-items", "poison", "seed")


def test_prioritised(verdicts):
    found = verdicts("tianshou", "tianshou", "tianshou.data:PrioritizedReplayBuffer", CHECKS)
    # A NaN is taken, and the next draw ends in a bare AssertionError.
    assert {name: verdict for name, verdict in found.items() if verdict != "PASS"} == {"poison": "FAIL"}
