"""The agenda: what is to be done about each finding, where, and how one sees that it is done."""

import pytest

from per_audit.audit import audit
from per_audit.findings import Applicability, Severity
from per_audit.fixes.agenda import agenda
from per_audit.fixes.plan import FixOptions
from per_audit.settings import Settings

from .recipes.repairs.repairing import example
from .rewriting import agent
from .test_planner import KERAS, LEARN


@pytest.fixture
def planned(tmp_path):
    """A function that writes files and gives the tasks for some rules."""

    def plan(files, *codes):
        for path, text in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
        return agenda(audit(tmp_path, [tmp_path], Settings(tmp_path, select=codes)), FixOptions())

    return plan


def test_what_fix_would_do_is_its_edits(planned):
    (task,) = planned(agent(LEARN), "PER001").tasks
    assert (task.applicability, task.reason) == (Applicability.SAFE, "")
    assert task.pipeline == "Agent.memory (agent.py)"
    assert task.apply == "per-audit fix --select PER001"
    first, second, *_ = task.steps
    assert first.anchors[0].source == first.old.strip() == "self.memory = deque(maxlen=1000)"
    assert "PrioritizedReplayBuffer(" in first.new
    assert second.new.strip() == "batch, weights, indices = self.memory.sample(32)"
    (update,) = [step for step in task.steps if "update_priorities" in (step.new or "")]
    assert (update.old, update.anchors[0].note) == ("", "after this line")
    assert update.anchors[0].source == "self.optimizer.step()"
    assert any("absolute_td_error" in step.text and "import" in step.text for step in task.steps)
    assert any("beta" in held for held in task.holds)


def test_the_edits_are_those_of_fix(planned, tmp_path):
    from per_audit.fixes.run import fix

    files = example("PER305", "a method's total")
    (task,) = planned(files, "PER305").tasks
    (step,) = task.steps
    fix(tmp_path, [], Settings(tmp_path, select=("PER305",)), FixOptions(allow_dirty=True))
    assert (tmp_path / "memory.py").read_text() == files["memory.py"].replace(step.old, step.new)
    assert step.anchors[0].place.line == files["memory.py"].partition(step.old)[0].count("\n") + 1


def test_an_unsafe_fix_names_its_assumption(planned):
    (task,) = planned(example("PER101", "a functional loss, PyTorch"), "PER101").tasks
    assert task.applicability is Applicability.UNSAFE
    assert "are as many as the elements of the loss" in task.reason
    assert task.apply == "per-audit fix --select PER101 --unsafe-fixes"


def test_a_conversion_that_stops_has_steps_along_the_pipeline(planned):
    (task,) = planned({"agent.py": KERAS}, "PER001").tasks
    assert task.applicability is Applicability.MANUAL
    assert "no TD loss that can be weighted was found" in task.reason
    assert task.apply is None
    text = "\n".join(step.anchors[0].source for step in task.steps)
    places = [text.index(call) for call in ("self.memory.append(", "random.sample(", "self.model.fit(")]
    assert places == sorted(places)
    assert all(step.old is step.new is None for step in task.steps)


def test_a_defect_that_is_left_shows_what_it_rests_on(planned):
    (task,) = planned(example("PER302", "two argsorts along a column"), "PER302").tasks
    assert "axis of length 1" in task.reason
    remedy, rest = task.steps
    assert "np.argsort" in remedy.anchors[0].source
    assert "np.random.choice" in rest.anchors[0].source
    assert "np.argsort(np.argsort(-priorities))" in task.instead
    assert task.checks == ("per-audit scan --select PER302", "per-audit scan", "per-audit verify memory.py:Memory")


def test_a_rule_without_a_repair(planned):
    (task,) = planned(example("PER401", "numpy, the memory a class"), "PER401").tasks
    assert (task.recipe, task.applicability) == (None, Applicability.NONE)
    assert task.reason == "there is no recipe for linear-time-sampling"


def test_every_finding_that_matters_has_one_task(planned, tmp_path):
    files = example("PER101", "a criterion, the weights from another file")
    found = planned({**files, **{f"other/{path}": text for path, text in files.items()}})
    report = audit(tmp_path, [tmp_path], Settings(tmp_path)).report
    told = [finding.id for task in found.tasks for finding in task.findings]
    assert len(told) == len(set(told))
    assert {each.id for each in report.findings if each.severity is not Severity.INFO} <= set(told)
    assert list(found.pipelines) == ["Memory (memory.py)", "Memory (other/memory.py)"]


def test_nothing_to_do(planned):
    assert planned({"a.py": "x = 1\n"}).tasks == ()


SWITCH = """
import random
from collections import deque

import numpy as np


class Plain:
    def __init__(self):
        self.rows = deque(maxlen=1000)

    def add(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def sample(self, n):
        return random.sample(self.rows, n)


class Preferring(Plain):
    def __init__(self):
        super().__init__()
        self.priorities = np.ones(1000)

    def sample(self, n):
        p = self.priorities[: len(self.rows)]
        slots = np.random.choice(len(self.rows), n, p=p / p.sum())
        return [self.rows[i] for i in slots], slots

    def update(self, slots, errors):
        self.priorities[slots] = abs(errors) + 1e-6


def make(settings):
    memory = Preferring() if settings.by_error else Plain()
    memory.add(0, 0, 1.0, 1, False)
    return memory.sample(8)
"""
NEWEST = """
from collections import deque


class Memory:
    def __init__(self):
        self.rows = deque(maxlen=1000)

    def put(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def sample(self, n):
        return list(self.rows)[-n:]
"""


def test_memories_without_a_task_are_left_with_the_reason(planned):
    old = "batch = random.sample(memory, 9)\nprint reward\n"
    found = planned({"plain.py": SWITCH, "newest.py": NEWEST, "old.py": old}, "PER001")
    assert found.tasks == ()
    newest, switched, preferring = found.left
    assert (newest.name, newest.anchor.source) == ("Memory (newest.py)", "return list(self.rows)[-n:]")
    assert "none is drawn" in newest.reason
    assert newest.steps
    assert switched.name == "Plain (plain.py)"
    assert "from Preferring (plain.py:" in switched.reason
    assert (preferring.name, preferring.steps) == ("Preferring (plain.py)", ())
    assert "by priority already" in preferring.reason
    (notice,) = found.unread
    assert (notice.path, notice.line) == ("old.py", 2)


def test_a_memory_with_a_task_is_not_left(planned):
    files = example("PER305", "a method's total")
    found = planned(files, "PER305")
    assert found.tasks
    assert found.left == ()
