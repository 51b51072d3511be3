"""`fix --interactive`: one question a fix, and nothing written before the last answer."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from per_audit.rule import all_rules

OLD, NEW = "width = self.tree.total() // n", "width = self.tree.total() / n"
FILES = "one/memory.py", "two/memory.py"


@pytest.fixture
def broken(project: Path) -> Path:
    """A project with two defects that have nothing to do with each other."""
    bad = next(rule.bad for rule in all_rules() if rule.code == "PER305")
    (width,) = [each for each in bad if each.title == "a method's total"]
    for folder in ("one", "two"):
        (project / folder).mkdir()
        for path, text in width.plain.items():
            (project / folder / path).write_text(text)
    return project


@pytest.fixture
def answered(run: Any, broken: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs `fix --interactive` with answers; gives the result and which of the two defects are gone."""

    def answer(text: str) -> tuple[Any, list[bool]]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))
        result = run("fix", "-i", "--select", "PER305")
        return result, [OLD not in (broken / path).read_text() for path in FILES]

    return answer


def test_yes_and_no(answered: Any) -> None:
    result, gone = answered("y\nn\n")
    assert gone == [True, False]
    assert result.code == 1
    assert f"-        {OLD}" in result.err
    assert f"+        {NEW}" in result.err
    assert "left by your answer: not wanted" in result.out
    assert "Fixed 1 defect in 1 file; left 1." in result.out


def test_all(answered: Any) -> None:
    result, gone = answered("a\n")
    assert (result.code, gone) == (0, [True, True])
    assert result.err.count("Make this fix?") == 1


def test_quit_keeps_what_was_answered_before(answered: Any) -> None:
    result, gone = answered("y\nq\n")
    assert (result.code, gone) == (1, [True, False])


def test_what_the_letters_mean(answered: Any) -> None:
    result, gone = answered("?\nn\nn\n")
    assert gone == [False, False]
    assert "e - edit the result first; it is audited again" in result.err


def test_ctrl_c_leaves_everything_as_it_is(answered: Any, broken: Path) -> None:
    before = {path: path.read_bytes() for path in broken.rglob("*") if path.is_file()}
    result, gone = answered("y\n")  # and no more: as if the terminal were gone
    assert (result.code, gone) == (130, [False, False])
    assert {path: path.read_bytes() for path in broken.rglob("*") if path.is_file()} == before


def test_a_fix_that_is_edited(answered: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def edit(text: str, **options: Any) -> str:
        seen.append((text, options["extension"]))
        return text.replace(NEW, "width = 1.0 * self.tree.total() / n")

    monkeypatch.setattr(click, "edit", edit)
    result, gone = answered("e\ny\nn\n")
    assert gone == [True, False]
    assert NEW in seen[0][0]
    assert seen[0][1] == ".py"
    assert "+        width = 1.0 * self.tree.total() / n" in result.err
    assert "Fixed 1 defect in 1 file" in result.out


@pytest.mark.parametrize(
    ("change", "problem"),
    [((NEW, OLD), "the finding would stay: PER305"), (("def ", "def def "), "one/memory.py: line")],
)
def test_an_edit_that_does_not_pass(
    answered: Any, monkeypatch: pytest.MonkeyPatch, change: tuple[str, str], problem: str
) -> None:
    monkeypatch.setattr(click, "edit", lambda text, **_: text.replace(*change))
    result, gone = answered("e\ny\nn\n")
    assert gone == [True, False]
    assert f"Not kept: {problem}" in result.err


def test_nothing_saved_in_the_editor(answered: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(click, "edit", lambda text, **_: None)
    assert answered("e\nn\nn\n")[1] == [False, False]


def test_an_assumption_is_asked_about_after_all(run: Any, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = next(rule.bad for rule in all_rules() if rule.code == "PER104")
    text = next(each.plain for each in bad if each.title == "a fraction turned over, PyTorch")["agent.py"]
    (project / "one.py").write_text(text)
    (project / "two.py").write_text(text)
    monkeypatch.setattr(sys, "stdin", io.StringIO("a\ny\n"))
    result = run("fix", "--interactive", "--select", "PER104")
    assert result.err.count("assumes: the learning rate") == 2
    assert result.code == 0


@pytest.mark.parametrize("other", [("--diff",), ("--format", "json")])
def test_what_it_excludes(run: Any, project: Path, other: tuple[str, ...]) -> None:
    code, _, err = run("fix", "--interactive", *other)
    assert code == 2
    assert "exclude each other" in err
