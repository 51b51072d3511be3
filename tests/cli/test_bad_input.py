"""Bad input through the real engine: each with its message and its exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

LOOP = "buffer = []\nbatch = random.sample(buffer, 3)\nloss.backward()\n"


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (b"buffer = []\nprint 'loss'\n", 2),
        (b"def sample(self):\n\treturn 1\n    return 2\n", None),
        (b"loss = 1\x00\n", 1),
        (b"# coding: klingon\nloss = 1\n", 1),
        (b"loss = '\xff'\n", 1),
        (b"loss = " + b"[" * 5000 + b"]" * 5000 + b"\n", 1),
        (b"loss = " + b"-" * 20000 + b"1\n", 1),
        (b"loss = x" + b".y" * 20000 + b"\n", 1),
        (b"<<<<<<< HEAD\nloss = 1\n=======\nloss = 2\n>>>>>>> other\n", None),
    ],
    ids=["python-2", "mixed-tabs", "binary", "unknown-encoding", "not-utf-8", "brackets", "signs", "chain", "conflict"],
)
def test_a_file_that_does_not_parse_is_one_notice(run: Any, project: Path, source: bytes, line: int | None) -> None:
    (project / "bad.py").write_bytes(source + b"reward = done\n")
    (project / "good.py").write_text(LOOP)
    code, out, err = run("scan", "--format", "json", "--fail-on", "never")
    assert (code, err) == (0, "")
    report = json.loads(out)
    (notice,) = report["notices"]
    assert (notice["path"], notice["kind"]) == ("bad.py", "unparsable-file")
    assert notice["message"].startswith("not audited: ")
    assert line in (None, notice["line"])
    assert report["summary"]["files"] == 2


def test_long_sums_do_not_stop_the_scan(run: Any, project: Path) -> None:
    (project / "sum.py").write_text("loss = " + " + ".join(["x"] * 20_000) + "\n")
    assert run("scan", "--fail-on", "never").code == 0


def test_an_empty_file(run: Any, project: Path) -> None:
    (project / "__init__.py").touch()
    assert run("scan", "--no-gates") == (0, "No findings in 1 file, 0 replay pipelines.\n", "")
