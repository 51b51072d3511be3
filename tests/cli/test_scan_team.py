"""`per-audit scan` in a team: the baseline, changes, settings and statistics."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from per_audit.report.json import schema

pytestmark = pytest.mark.usefixtures("engine")


def test_a_baseline_by_option(run: Any, project: Path) -> None:
    (project / "a.py").write_text("uniform(1)\n")
    code, out, err = run("scan", "--baseline", "known.json", "--update-baseline")
    assert (code, out) == (0, "No findings in 1 file, 1 replay pipeline, 1 in the baseline.\n")
    assert err == f"per-audit: {project / 'known.json'}: 1 known, 1 of them new, 0 gone\n"
    assert run("scan", "--baseline", "known.json").code == 0
    assert run("scan").code == 1
    (project / "a.py").write_text("x = 1\n")
    assert run("scan", "--baseline", "known.json").code == 0
    code, out, _ = run("scan", "--baseline", "known.json", "--fail-on-stale")
    assert code == 1
    assert "notice: known.json:1: 1 finding of the baseline is gone (PER001 in a.py, uniform); run --update" in out
    assert run("scan", "--baseline", "known.json", "--prune-baseline").code == 0
    assert json.loads((project / "known.json").read_text())["findings"] == []


def test_a_baseline_in_the_configuration_lies_beside_it(
    run: Any, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "pyproject.toml").write_text("[tool.per-audit]\nbaseline = 'known.json'\n")
    (project / "sub").mkdir()
    (project / "sub" / "a.py").write_text("uniform(1)\n")
    assert "known.json: there is no such baseline" in run("scan").err
    assert run("scan", "--update-baseline").code == 0
    monkeypatch.chdir(project / "sub")
    assert run("scan").out == "No findings in 1 file, 1 replay pipeline, 1 in the baseline.\n"
    assert run("scan", "--no-config").code == 1


def test_with_json_only_the_document_is_on_standard_output(run: Any, project: Path) -> None:
    (project / "a.py").write_text("uniform(1)\n")
    out = run("scan", "--baseline", "known.json", "--update-baseline", "--format", "json").out
    document = json.loads(out)
    jsonschema.validate(document, schema())
    assert (document["summary"]["known"], document["summary"]["findings"]) == (1, 0)
    assert run("scan", "-q", "--baseline", "known.json", "--update-baseline") == (0, "", "")


def test_since(run: Any, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project.parent))
    (project / "a.py").write_text("uniform(1)\n")
    code, out, err = run("scan", "--since", "HEAD")
    assert (code, out) == (2, "")
    assert "--since needs a git work tree" in err
    subprocess.run(["git", "init", "-q"], check=True)
    identity = ["-c", "user.name=x", "-c", "user.email=x"]
    subprocess.run(["git", *identity, "commit", "-q", "-m", "x", "--allow-empty"], check=True)
    assert run("scan", "--since", "HEAD").code == 1
    (project / ".gitignore").write_text("a.py\n")
    assert run("scan", "a.py", "--since", "HEAD") == (
        0,
        "No findings in 1 file, 1 replay pipeline, 1 not touched by the changes.\n",
        "",
    )
