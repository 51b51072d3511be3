"""What `fix` did, for machines."""

import json

import pytest

from per_audit.findings import Applicability, Report
from per_audit.fixes.plan import Edit, FixOptions, Plan
from per_audit.fixes.result import FixResult, Refusal, Why
from per_audit.fixes.transaction import Change
from per_audit.report import fix_json


@pytest.fixture
def result(report, tmp_path):
    plan = Plan(
        "Agent",
        "Make the deque a prioritised buffer",
        "container-swap",
        Applicability.UNSAFE,
        reason="nothing else reads it",
        edits=[Edit("agent.py", 0, 1, "x", "swapped"), Edit("agent.py", 4, 5, "y", "swapped")],
        imports={"lib/b.py": {"PrioritizedReplayBuffer"}},
        findings=("0123456789abcdef",),
        steps=("look at it",),
    )
    left = Plan("Other", "Weight each element", "losses", Applicability.MANUAL)
    return FixResult(
        root=tmp_path,
        project=tmp_path,
        options=FixOptions(),
        report=report,
        fail_on="error",
        applied=[plan],
        refused=[Refusal(left, Why.MANUAL, "the loss comes from a library")],
        changes=[Change("agent.py", b"\xff\n", "é\n".encode()), Change("old.py", b"", None)],
        copied=[Change("experience_replay_optimizer/__init__.py", None, b"")],
        notes=["a note"],
        written=True,
    )


def test_the_document_is_ascii_and_the_same_each_time(result):
    text = fix_json.render(result)
    assert text.isascii()
    assert text.endswith("}\n")
    assert json.loads(text) == fix_json.document(result)
    assert text == fix_json.render(result)


def test_the_summary_counts_what_the_lists_hold(result):
    document = fix_json.document(result)
    assert document["summary"] == {"applied": 1, "refused": 1, "files": 2, "copied": 1, "remaining": 2}
    assert [change["kind"] for change in document["changes"]] == ["edit", "remove", "create"]
    assert len(document["findings"]) == document["summary"]["remaining"]


def test_a_plan_has_its_files_and_each_note_once(result):
    (plan,) = fix_json.document(result)["applied"]
    assert plan["files"] == ["agent.py", "lib/b.py"]
    assert plan["edits"] == [{"path": "agent.py", "note": "swapped"}]
    assert (plan["applicability"], plan["reason"]) == ("unsafe", "nothing else reads it")
    (refusal,) = fix_json.document(result)["refused"]
    assert (refusal["why"], refusal["reason"]) == ("manual", "the loss comes from a library")


def test_bytes_that_are_no_text_do_not_break_the_diff(result):
    assert "\\xff" in fix_json.document(result)["diff"]


def test_the_next_step_is_told_only_of_what_was_written(result, tmp_path):
    assert fix_json.document(result)["next"] == "per-audit verify"
    dry = FixResult(tmp_path, tmp_path, FixOptions(diff=True), Report(tmp_path.as_posix()), "error")
    assert fix_json.document(dry)["next"] is None
    assert fix_json.document(dry)["diff"] == ""
