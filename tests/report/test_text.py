from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from per_audit.findings import Evidence, Finding, FixOffer, Notice, Place, Report
from per_audit.report import Look, render

EXPECTED = """\
agent.py:6:17: error PER001 uniform-only-sampling
  transitions are drawn uniformly
    5 |     def learn(self):
  > 6 |         batch = random.sample(self.memory, 64)
      |                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    7 |         return loss(
  buffer  lib/memory.py:12:9  a deque of 10,000 transitions
  draw    agent.py:6:17       drawn here
  fix: Make the deque a prioritised buffer

agent.py:7:9: warning PER101 weights-after-reduction
  the loss is averaged first
     6 |         batch = random.sample(self.memory, 64)
  >  7 |         return loss(
  >  8 |             batch,
  >  9 |             2,
  > 10 |         )
  by hand: Weight each element: the loss comes from a library

notice: old.py:3: not audited: Python 2 (unparsable-file)
Found 1 error, 1 warning, 1 suppressed in 3 files, 1 replay pipeline.
1 fixable with `per-audit fix`.
"""


def test_the_whole_report(report: Report) -> None:
    assert render(report) == EXPECTED


def test_colours_add_nothing_but_colours(report: Report) -> None:

    coloured = render(report, look=Look(colour=True))
    assert "\x1b[1;31m" in coloured
    assert "\x1b]8" not in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == EXPECTED


def test_quiet_shows_the_findings_alone(report: Report) -> None:
    quiet = render(report, look=Look(quiet=True))
    assert EXPECTED.startswith(quiet)
    assert "notice" not in quiet
    assert "Found" not in quiet


def test_nothing_found() -> None:
    assert render(Report("/r", files=1)) == "No findings in 1 file, 0 replay pipelines.\n"
    assert render(Report("/r", files=2, suppressed=3)) == "No findings in 2 files, 0 replay pipelines, 3 suppressed.\n"
    hidden = Report("/r", files=2, suppressed=3, known=2, unchanged=1)
    assert render(hidden) == (
        "No findings in 2 files, 0 replay pipelines, 3 suppressed, 2 in the baseline, 1 not touched by the changes.\n"
    )
    assert render(Report("/r"), look=Look(quiet=True)) == ""


def test_many_notices_are_counted() -> None:
    text = render(Report("/r", notices=[Notice(f"{n}.py", 1, "unparsable-file", "bad") for n in range(13)]))
    assert text.count("unparsable-file") == 10
    assert "3 more notices; `--format json` lists all" in text


def one(report: Report, root: Path, source: bytes, place: Place, **changes: object) -> str:
    (root / place.path).write_bytes(source)
    finding: Finding = replace(report.findings[0], place=place, evidence=(), fix=FixOffer(), **changes)  # type: ignore[arg-type]
    return render(Report(root.as_posix(), [finding]), look=Look(quiet=True)).partition("uniformly\n")[2]


@pytest.mark.parametrize(
    ("source", "place", "frame"),
    [
        ("\tx = f(1)\n", (1, 6, 1, 10), "  > 1 |  x = f(1)\n      |      ^^^^\n"),
        ("s = '日本'; f()\n", (1, 11, 1, 14), "  > 1 | s = '日本'; f()\n      |             ^^^\n"),
        ("a\n\nx\n\nb\n", (3, 1, 3, 2), "  > 3 | x\n      | ^\n"),
        ("x\n", (9, 1, 9, 2), ""),
        ("x = 1\n", (1, 5, 1, 5), "  > 1 | x = 1\n      |     ^\n"),
        (
            "x\n" * 9,
            (1, 1, 9, 2),
            "".join(f"  > {n} | x\n" for n in range(1, 7)) + "    7 | x\n      | ... to line 9\n",
        ),
    ],
)
def test_code_frames(report: Report, tmp_path: Path, source: str, place: tuple[int, ...], frame: str) -> None:
    assert one(report, tmp_path, source.encode(), Place("a.py", *place)).rstrip("\n") == frame.rstrip("\n")


def test_long_lines_are_cut_around_the_range(report: Report, tmp_path: Path) -> None:
    source = b"x = [" + b"1, " * 400 + b"bad()," + b"1, " * 400 + b"]\n"
    frame = one(report, tmp_path, source, Place("a.py", 1, 1206, 1, 1211))
    code, carets, *_ = frame.splitlines()
    assert len(code) < 180
    assert code[carets.index("^") : carets.rindex("^") + 1] == "bad()"


def test_files_that_are_gone_or_no_text_have_no_frame(report: Report, tmp_path: Path) -> None:
    assert one(report, tmp_path, b"\x00", Place("a.py", 1, 1, 1, 2)).strip() == ""
    gone = Report((tmp_path / "nowhere").as_posix(), report.findings)
    assert "PER001" in render(gone)


def test_audited_code_cannot_steer_the_terminal(report: Report, tmp_path: Path) -> None:
    source = "x = '\x1b[2J\x9b\u202e'  # [bold]markup[/bold] :smile:\n".encode()
    place = Place("a.py", 1, 1, 1, 2)
    text = one(report, tmp_path, source, place)
    assert not {"\x1b", "\x9b", "\u202e"} & set(text)
    assert "[bold]markup[/bold] :smile:" in text
    odd = Place("b\udcff\x1b.py", 1, 1, 1, 1)
    finding = replace(report.findings[0], message="a\x07", place=odd, evidence=(Evidence(odd, "draw", "\x1b"),))
    render(Report("/r", [finding])).encode()


def test_wide_characters_and_tabs_take_as_much_as_a_terminal_gives_them(report: Report) -> None:
    """With colours and without, which are laid out by different programs."""
    finding = replace(report.findings[0], message="a\tb\tc", place=replace(report.findings[0].place, path="日本.py"))
    told = replace(report, findings=[finding])
    plain, coloured = render(told), render(told, look=Look(colour=True))
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain
    assert "  a     b       c\n" in plain
