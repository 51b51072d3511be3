"""What `fix` and `undo` did, for people."""

from pathlib import Path

import pytest

from per_audit.findings import Applicability, Report
from per_audit.fixes.journal import Undone
from per_audit.fixes.plan import Edit, FixOptions, Plan
from per_audit.fixes.result import FixResult, Refusal, Why
from per_audit.fixes.transaction import Change
from per_audit.report import fix_text


def plan(applicability=Applicability.SAFE, **more):
    return Plan("Agent", "Swap it", "swap", applicability, edits=[Edit("a.py", 0, 1, "x", "noted")], **more)


def result(**more):
    diff = more.pop("diff", False)
    root = Path("/somewhere")
    report = more.pop("report", Report("/somewhere"))
    return FixResult(root, root, FixOptions(diff=diff), report, "error", **more)


def test_what_was_fixed_is_told_with_its_notes():
    text = fix_text.render(result(applied=[plan()], changes=[Change("a.py", b"a", b"x")], written=True))
    assert "fixed a.py: Swap it (swap)\n  a.py  noted\n" in text
    assert "Fixed 1 replay pipeline in 1 file.\n" in text
    assert "Next: `per-audit verify /somewhere`. To take the fix back: `per-audit undo /somewhere`.\n" in text


def test_a_dry_run_says_would():
    text = fix_text.render(result(applied=[plan()], changes=[Change("a.py", b"a", b"x")], diff=True))
    assert text.startswith("would fix a.py")
    assert "Would fix 1 replay pipeline in 1 file.\n" in text
    assert "Next:" not in text


def test_assumptions_are_told_of_unsafe_plans_alone():
    assert "assumes: it holds" in fix_text.render(result(applied=[plan(Applicability.UNSAFE, reason="it holds")]))
    assert "assumes" not in fix_text.render(result(applied=[plan(reason="it holds")]))


@pytest.mark.parametrize("why", list(Why))
def test_what_was_left_says_why_and_what_to_do(why):
    refused = Refusal(plan(steps=("first", "then")), why, "the reason")
    text = fix_text.render(result(refused=[refused]))
    assert text.startswith("left a.py: Swap it (swap)\n")
    assert ": the reason\n  1. first\n  2. then\n" in text
    assert "Fixed nothing; left 1.\n" in text


def test_nothing_to_do_differs_from_nothing_that_can_be_done(report):
    assert fix_text.render(result()) == "Nothing to fix.\n"
    text = fix_text.render(result(report=report))
    assert text == "Nothing that can be fixed automatically.\nRemaining: 1 error, 1 warning.\n"


def test_copied_packages_are_one_line():
    name = "experience_replay_optimizer"
    copied = [Change(f"src/{name}/{file}", None, b"") for file in ("a.py", "b.py")]
    text = fix_text.render(result(applied=[plan()], copied=[*copied, Change("pyproject.toml", b"", b"x")]))
    assert f"copied src/{name} (2 files): the reference buffers\n" in text
    assert "declared per-audit in pyproject.toml\n" in text


def test_control_characters_do_not_reach_the_terminal():
    text = fix_text.render(result(applied=[plan(steps=("\x1b[31mred",))], notes=["\x07"]))
    assert "\x1b" not in text
    assert "\x07" not in text


def test_the_diff_names_copied_files_without_their_text():
    given = result(changes=[Change("a.py", b"a\n", b"b\n")], copied=[Change("z.py", None, b"1\n2\n")])
    text = fix_text.render_diff(given)
    assert "-a\n+b\n" in text
    assert text.endswith("new file z.py: 2 lines\n")
    assert fix_text.render_diff(result()) == ""


def test_what_was_taken_back():
    text = fix_text.render_undone(Undone("PER for DQN", ("a.py",), ("b.py",)), Path("/p"))
    assert text == "restored a.py\nremoved b.py\nTook back in 2 files: PER for DQN.\n"
    assert fix_text.render_undone(None, Path("/p")) == "Nothing to undo in /p.\n"
