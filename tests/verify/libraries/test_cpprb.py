from __future__ import annotations

CHECKS = ("reach", "frequencies", "weights", "mixture", "updates-take-effect", "new-items", "poison", "seed")


def test_prioritised(verdicts):
    found = verdicts("cpprb", "cpprb", "cpprb:PrioritizedReplayBuffer", CHECKS)
    # Its generator is one of C++ that nothing seeds; a NaN becomes the priority of a transition.
    assert {name for name, verdict in found.items() if verdict != "PASS"} == {"poison", "seed"}
    assert {found["poison"], found["seed"]} == {"FAIL"}


def test_uniform(verdicts):
    found = verdicts("cpprb", "cpprb", "cpprb:ReplayBuffer", ("reach", "frequencies", "weights"))
    assert found == {"reach": "PASS", "frequencies": "PASS", "weights": "NOT PROVIDED"}
