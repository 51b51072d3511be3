from __future__ import annotations

from textwrap import dedent

import pytest

from per_audit.source import Suppression, find_suppressions


def one(text: str) -> Suppression:
    (suppression,) = find_suppressions(dedent(text))
    return suppression


def span(text: str) -> tuple[int, int]:
    suppression = one(text)
    return suppression.first, suppression.last


def test_the_parts_of_a_comment() -> None:
    assert one("x = 1  # per-audit: ignore[PER001, weights-broadcast] a baseline\n") == Suppression(
        line=1,
        column=8,
        end_column=65,
        rules=("PER001", "weights-broadcast"),
        reason="a baseline",
        first=1,
        last=1,
    )


@pytest.mark.parametrize(
    ("comment", "reason"),
    [
        ("# per-audit: ignore[PER001]", ""),
        ("# per-audit: ignore[PER001] -- the control arm", "the control arm"),
        ("# noqa: E501  # per-audit: ignore[PER001]: known  # type: ignore", "known"),
        ("# per-audit: ignore[PER001] # noqa", ""),
        ("# per-audit:ignore [PER001] see #12 for why", "see #12 for why"),
        ("#per-audit: ignore[PER001] as in the paper", "as in the paper"),
    ],
)
def test_reasons(comment: str, reason: str) -> None:
    assert one(f"x = 1  {comment}\n").reason == reason


def test_not_inside_strings() -> None:
    text = '''
        """Write # per-audit: ignore[PER001] reason"""
        x = "# per-audit: ignore[PER001] reason"
        y = f"""
        # per-audit: ignore[PER001] reason
        """
    '''
    assert find_suppressions(dedent(text)) == []


def test_holds_for_the_whole_statement_it_stands_in() -> None:
    assert span("x = 1\nloss = mse(\n    q,\n    t,\n)  # per-audit: ignore[PER101] r\ny = 2\n") == (2, 5)
    assert span("loss = mse(\n    q,\n    # per-audit: ignore[PER101] r\n    t,\n)\n") == (1, 5)
    assert span("class A:  # per-audit: ignore[PER101] r\n    def f(self):\n        pass\n") == (1, 1)


def test_on_lines_of_its_own_it_holds_for_the_statement_right_below() -> None:
    assert span("# per-audit: ignore[PER001] r\nx = f(\n    1)\ny = 2\n") == (2, 3)
    assert span("# per-audit: ignore[PER001] r\n# more words\nx = 1\n") == (3, 3)
    assert span("def f():\n    # per-audit: ignore[PER001] r\n    return 1\n") == (3, 3)
    assert span("def f():\n    pass\n# per-audit: ignore[PER001] r\nx = 1\n") == (4, 4)
    assert span("# per-audit: ignore[PER001] r\n\nx = 1\n") == (1, 1)
    assert span("x = 1\n# per-audit: ignore[PER001] r") == (2, 2)


def test_decorators_belong_to_what_they_decorate() -> None:
    assert span("# per-audit: ignore[PER001] r\n@a\n@b(\n  1)\nclass A:\n    x = 1\n") == (2, 5)


def test_for_a_whole_file() -> None:
    suppression = one('#!/usr/bin/python\n"""Doc."""\n# per-audit: ignore-file[PER001] a demo\nimport x\ny = 1\n')
    assert not suppression.problem
    assert suppression.covers(1)
    assert suppression.covers(5)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("import x\n# per-audit: ignore-file[PER001] late\n", "move it to the top"),
        ("x = 1  # per-audit: ignore\n", "names no rule"),
        ("x = 1  # per-audit: ignore[]\n", "names no rule"),
        ("x = 1  # per-audit: ignore PER001\n", "names no rule"),
        ("x = 1  # per-audit: disable[PER001] r\n", "unknown comment `per-audit: disable`"),
    ],
)
def test_comments_that_suppress_nothing(text: str, problem: str) -> None:
    suppression = one(text)
    assert problem in suppression.problem
    assert not suppression.covers(suppression.line)


@pytest.mark.parametrize("broken", ["print 'x'\n", "x = (\n", "  y = 1\n z = 2\n", "'''\n", "$ ? \n"])
def test_comments_above_an_error_still_count(broken: str) -> None:
    assert one(f"x = 1  # per-audit: ignore[PER001] r\n{broken}").covers(1)


def test_any_line_ending() -> None:
    for ending in ("\n", "\r\n", "\r"):
        assert one(f"x = 1{ending}# per-audit: ignore[PER001] r{ending}y = 2{ending}").covers(3)
