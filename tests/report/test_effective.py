from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from per_audit.findings import Severity
from per_audit.report.effective import render_files, render_settings
from per_audit.settings import Settings

ROOT = Path("/r")
CHOSEN = Settings(
    ROOT,
    config=ROOT / "pyproject.toml",
    select=("PER0",),
    fail_on="error",
    per_file_ignores=(("tests/**", ("PER001", "PER1")),),
    severity=(("PER101", Severity.INFO),),
    origins={"select": "--select", "fail_on": "/r/pyproject.toml"},
)


def test_settings_as_lines_of_toml_with_their_origins() -> None:
    text = render_settings(ROOT, CHOSEN, [])
    assert text.startswith("# root: /r\n# configuration: /r/pyproject.toml\n# rules: \n")
    for line in (
        'select = ["PER0"]  # --select',
        "ignore = []  # default",
        'per-file-ignores = { "tests/**" = ["PER001", "PER1"] }  # default',
        'severity = { "PER101" = "info" }  # default',
        'fail-on = "error"  # /r/pyproject.toml',
    ):
        assert f"\n{line}\n" in text


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib")
def test_the_lines_are_toml() -> None:
    import tomllib

    values = tomllib.loads(render_settings(ROOT, CHOSEN, []))
    assert values["per-file-ignores"] == {"tests/**": ["PER001", "PER1"]}
    assert values["gates"] is True


def test_settings_as_json() -> None:
    document = json.loads(render_settings(ROOT, Settings(ROOT), [], "json"))
    assert (document["root"], document["config"], document["rules"]) == ("/r", None, [])
    assert document["settings"]["fail-on"] == {"value": "warning", "origin": "default"}
    assert document["settings"]["baseline"] == {"value": None, "origin": "default"}
    assert "base" not in document["settings"]


def test_files() -> None:
    assert render_files(ROOT, ["a.py", "b\x1b.py"]) == "a.py\nb\ufffd.py\n"
    assert json.loads(render_files(ROOT, ["a.py"], "json")) == {"root": "/r", "files": ["a.py"]}
    assert render_files(ROOT, []) == ""
