from __future__ import annotations

import pytest

from per_audit.verify.child import libraries
from per_audit.verify.results import Verdict
from per_audit.verify.run import Options, verify


def a_class(module, name, base=object):
    return type(name, (base,), {"__module__": module})


def test_classes_of_a_library_and_those_derived_from_them():
    theirs = a_class("cpprb.PyReplayBuffer", "PrioritizedReplayBuffer")
    assert libraries.find(theirs)[0] == "cpprb"
    assert libraries.find(a_class("agents.memory", "Mine", theirs))[0] == "cpprb"


@pytest.mark.parametrize(
    ("module", "name"), [("memory", "ReplayBuffer"), ("cpprb_tools", "ReplayBuffer"), ("cpprb.x", "SelectiveEnv")]
)
def test_others_are_left_to_inference(module, name):
    assert libraries.find(a_class(module, name)) is None


PACKAGE = """
class ReplayBuffer:
    pass
"""
OWN = """
import random
from collections import deque
from pfrl import ReplayBuffer

class Memory(ReplayBuffer):
    def __init__(self, maxlen):
        self.items = deque(maxlen=maxlen)

    def push(self, state, action, reward, next_state, done):
        self.items.append((state, action, reward, next_state, done))

    def sample(self, batch_size):
        return random.sample(self.items, batch_size)
"""


def test_a_derived_class_with_an_interface_of_its_own_is_inferred(tmp_path, monkeypatch):
    (tmp_path / "pfrl.py").write_text(PACKAGE)
    (tmp_path / "memory.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    found = verify(["memory.py:Memory"], Options(checks=("reach",))).targets[0]
    assert found.verdict is Verdict.PASS, found.checks
    assert found.mapping["add"].startswith("push()")
