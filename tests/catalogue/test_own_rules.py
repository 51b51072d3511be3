"""Rules that users add: by file, folder and entry point."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from per_audit.catalogue import own_rules
from per_audit.cli import main
from per_audit.errors import UserError
from per_audit.rule import HEADINGS
from per_audit.settings import load

pytestmark = pytest.mark.usefixtures("engine")

DOC = "\n\n".join(["Says frob.", *(f"    ## {heading}\n    Words." for heading in HEADINGS)])
RULE = f'''\
from per_audit.findings import Evidence, Finding, Place, Severity
from per_audit.rule import Rule


class Frob(Rule):
    """{DOC}
    """

    code = "ACME001"
    name = "no-frob"
    severity = Severity.WARNING

    def check(self, graph):
        for path, number, line in graph.lines():
            if line.startswith("frob()"):
                place = Place(path, number, 1, number, 5)
                yield Finding(self.code, self.name, self.severity, "high", "frob is called", place, "frob")
'''


@pytest.fixture
def frob(project: Path) -> Path:
    """A project with a rule of its own that is configured, and a line that it reports."""
    (project / "tools").mkdir()
    (project / "tools" / "house.py").write_text(RULE)
    (project / "pyproject.toml").write_text('[tool.per-audit]\nrules = ["tools/house.py"]\n')
    (project / "a.py").write_text("x = 1\nfrob()\n")
    return project


@pytest.fixture
def scan(capsys: pytest.CaptureFixture[str]) -> Any:
    def scan(*arguments: str) -> tuple[int, list[tuple[str, str, int, str]]]:
        capsys.readouterr()
        code = main(["scan", "--format", "json", *arguments])
        out, err = capsys.readouterr()
        if code == 2:
            raise UserError(err)
        findings = json.loads(out)["findings"]
        return code, [(f["rule"], f["path"], f["line"], f["severity"]) for f in findings]

    return scan


FOUND = ("ACME001", "a.py", 2, "warning")


def configure(project: Path, text: str) -> None:
    (project / "pyproject.toml").write_text(f'[tool.per-audit]\nrules = ["tools/house.py"]\n{text}\n')


def test_a_configured_rule_reports(frob: Path, scan: Any) -> None:
    assert scan() == (1, [FOUND])


def test_the_document_follows_the_schema(frob: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import jsonschema

    from per_audit.report.json import schema

    main(["scan", "--format", "json"])
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, schema())
    assert document["findings"][0]["docs"] is None


def test_what_is_not_configured_is_not_imported(frob: Path, scan: Any) -> None:
    (frob / "tools" / "house.py").write_text("raise SystemExit('imported')\n")
    (frob / "pyproject.toml").write_text("[tool.per-audit]\n")
    assert scan() == (0, [])
    configure(frob, "")
    assert scan("--no-config") == (0, [])
    with pytest.raises(UserError, match="imported"):
        scan()


def test_a_rule_is_named_on_the_command_line(frob: Path, scan: Any) -> None:
    assert scan("--no-config", "--rules", "tools/house.py") == (1, [FOUND])
    assert scan("--rules", "tools/house.py") == (1, [FOUND])  # twice the same is once


def test_select_and_ignore(frob: Path, scan: Any) -> None:
    (frob / "a.py").write_text("uniform()\nfrob()\n")
    assert scan("--select", "ACME") == (1, [FOUND])
    assert scan("--select", "no-frob") == (1, [FOUND])
    assert [found[0] for found in scan("--ignore", "ACME001")[1]] == ["PER001"]
    assert [found[0] for found in scan("--select", "PER")[1]] == ["PER001"]


def test_overrides(frob: Path, scan: Any) -> None:
    configure(frob, 'severity = { ACME001 = "info" }')
    assert scan() == (0, [("ACME001", "a.py", 2, "info")])
    configure(frob, 'per-file-ignores = { "a.py" = ["no-frob"] }')
    assert scan() == (0, [])


def test_suppression(frob: Path, scan: Any) -> None:
    (frob / "a.py").write_text("frob()  # per-audit: ignore[ACME001] the old interface\n")
    assert scan() == (0, [])
    (frob / "a.py").write_text("brof()  # per-audit: ignore[no-frob] the old interface\n")
    assert scan() == (1, [("PER910", "a.py", 1, "warning")])


def test_fix_knows_the_rule(frob: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fix", "--diff", "--format", "json", "--select", "ACME001"]) in (0, 1)
    assert "ACME001" in capsys.readouterr().out


def test_the_list_and_the_page(frob: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules"]) == 0
    assert capsys.readouterr().out.startswith("ACME001  no-frob")
    assert main(["explain", "no-frob", "--format", "json"]) == 0
    page = json.loads(capsys.readouterr().out)
    assert (page["code"], page["group"], page["docs"], page["summary"]) == ("ACME001", "project", None, "Says frob.")
    assert main(["explain", "ACME001", "--no-config"]) == 2
    assert "unknown rule 'ACME001'" in capsys.readouterr().err


def test_the_cache_goes_by_the_source_of_the_rules(frob: Path, scan: Any, tmp_path: Path) -> None:
    cache = ["--cache-dir", str(tmp_path / "cache")]
    assert scan(*cache) == scan(*cache) == (1, [FOUND])
    house = frob / "tools" / "house.py"
    house.write_text(house.read_text().replace("frob()", "x = 1"))
    configure(frob, 'extend-exclude = ["tools"]')
    before = scan(*cache)
    assert before == (1, [("ACME001", "a.py", 1, "warning")])
    house.write_text(house.read_text().replace("x = 1", "never"))
    assert scan(*cache) == (0, [])


def test_a_folder_whose_modules_import_each_other(frob: Path, scan: Any) -> None:
    folder = frob / "tools"
    (folder / "_words.py").write_text("WORD = 'frob()'\n")
    house = RULE.replace('"frob()"', "WORD")
    house = house.replace("from per_audit.rule", "from ._words import WORD\nfrom per_audit.rule")
    (folder / "house.py").write_text(house)
    (folder / "test_house.py").write_text("raise RuntimeError\n")
    (frob / "pyproject.toml").write_text('[tool.per-audit]\nrules = ["tools"]\n')
    assert FOUND in scan()[1]
    assert not list(folder.rglob("__pycache__"))
    (folder / "_words.py").write_text("WORD = 'absent!'\n")
    assert FOUND not in scan()[1]


def test_what_a_rule_prints_is_no_part_of_the_document(frob: Path, capsys: pytest.CaptureFixture[str]) -> None:
    house = RULE.replace("        for path", "        print('checking')\n        for path")
    (frob / "tools" / "house.py").write_text(f"print('imported')\n{house}")
    main(["scan", "--format", "json"])
    out, err = capsys.readouterr()
    assert json.loads(out)["findings"]
    assert "imported" in err
    assert "checking" in err


BAD = {
    "no Python file": (None, "is no Python file and no folder of such"),
    "syntax": ("def f(:\n", "cannot be imported: SyntaxError"),
    "import": ("import not_there_at_all\n", r"ModuleNotFoundError.*\(house.py, line 1\)"),
    "exit": ("raise SystemExit(0)\n", "cannot be imported: SystemExit"),
    "no rule": ("x = 1\n", "defines no rule"),
    "code": (RULE.replace("ACME001", "acme-1"), "code = 'acme-1': must be 2 to 8 capital letters and 3 digits"),
    "prefix": (RULE.replace("ACME001", "PER801"), "codes that begin with PER are of per-audit"),
    "name": (RULE.replace("no-frob", "No frob"), "name = 'No frob': must be small letters"),
    "name taken": (RULE.replace("no-frob", "weights-broadcast"), "'weights-broadcast' is taken by a rule of per-audit"),
    "severity": (RULE.replace("Severity.WARNING", "'bad'"), "severity = 'bad': must be a per_audit.findings.Severity"),
    "headings": (RULE.replace("## Use instead", "").replace("## Example", ""), "lacks `## Example`, `## Use instead`"),
    "twice": (RULE + RULE.partition("\n\n\n")[2].replace("Frob", "Brof"), "'ACME001' is taken by a rule of .*house.py"),
    "made": (RULE + "\n    def __init__(self, word):\n        pass\n", "cannot be made without arguments: TypeError"),
}


@pytest.mark.parametrize(("text", "said"), BAD.values(), ids=BAD)
def test_bad_rules(frob: Path, text: str | None, said: str) -> None:
    house = frob / "tools" / "house.py"
    house.unlink() if text is None else house.write_text(text)
    with pytest.raises(UserError, match=said) as caught:
        load(frob)
    assert f"{frob / 'pyproject.toml'}: tool.per-audit.rules" in str(caught.value)
    assert "house.py" in str(caught.value)


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ("raise KeyError('w')", r"rule ACME001 \(no-frob\) failed: KeyError: 'w'; mend it, or leave it out"),
        ("yield 3", "reported an object of type int that is no finding of its own"),
    ],
)
def test_a_rule_that_fails_is_its_author_s_to_mend(frob: Path, scan: Any, check: str, said: str) -> None:
    head = RULE.partition("        for path")[0]
    (frob / "tools" / "house.py").write_text(f"{head}        {check}\n")
    with pytest.raises(UserError, match=said):
        scan()


def test_debug_shows_where(frob: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (frob / "tools" / "house.py").write_text("1 / 0\n")
    assert main(["--debug", "rules"]) == 2
    assert "Traceback" in capsys.readouterr().err
    assert main(["rules"]) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("value", ['"tools"', "[1]", '["../elsewhere.py"]'])
def test_bad_paths(frob: Path, value: str) -> None:
    (frob / "pyproject.toml").write_text(f"[tool.per-audit]\nrules = {value}\n")
    with pytest.raises(UserError, match=r"must be a list of paths|outside of the project"):
        load(frob)


def install(site: Path, value: str) -> None:
    """A package `acme` in a folder of packages."""
    info = site / "acme-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[per_audit.rules]\nhouse = {value}\n")
    (site / "acme_house").mkdir()
    (site / "acme_house" / "__init__.py").write_text("")
    (site / "acme_house" / "frob.py").write_text(RULE)


@pytest.mark.parametrize("value", ["acme_house", "acme_house.frob", "acme_house.frob:Frob"])
def test_installed_rules(frob: Path, scan: Any, tmp_path: Path, monkeypatch: Any, value: str) -> None:
    import sys

    (frob / "pyproject.toml").unlink()
    install(tmp_path / "site", value)
    monkeypatch.syspath_prepend(tmp_path / "site")
    for name in [name for name in sys.modules if name.startswith("acme_house")]:
        monkeypatch.delitem(sys.modules, name)
    assert scan() == (1, [FOUND])
    assert scan("--no-config") == (0, [])
    assert load(frob).catalogue.digest


def test_packages_in_archives(tmp_path: Path, monkeypatch: Any) -> None:
    install(tmp_path / "site", "acme_house")
    monkeypatch.syspath_prepend(shutil.make_archive(str(tmp_path / "packages"), "zip", tmp_path / "site"))
    assert [entry.value for entry in own_rules._entry_points()] == ["acme_house"]


def test_broken_packages(frob: Path, tmp_path: Path, monkeypatch: Any) -> None:
    install(tmp_path / "site", "acme_nowhere")
    monkeypatch.syspath_prepend(tmp_path / "site")
    with pytest.raises(UserError, match=r"entry point 'house' of acme 1.0: acme_nowhere cannot be imported"):
        load(frob)


def test_metadata_in_the_current_directory_is_of_no_package(frob: Path, monkeypatch: Any) -> None:
    (frob / "pyproject.toml").unlink()
    install(frob, "acme_house.frob")
    monkeypatch.syspath_prepend(frob)
    assert load(frob).catalogue.own == ()


def test_watching_sees_the_rules_change(frob: Path) -> None:
    from per_audit.team.watch import snapshot

    settings = load(frob)
    (frob / "tools" / "house.py").write_text(RULE + "# more\n")
    outside = frob / "a.py"
    before = snapshot(frob, [outside], settings)
    (frob / "tools" / "house.py").write_text(RULE + "# and more\n")
    assert snapshot(frob, [outside], settings) != before


def test_pedantic_rules_all_at_once(frob: Path, scan: Any) -> None:
    (frob / "tools" / "house.py").write_text(RULE.replace("    name =", "    pedantic = True\n    name ="))
    assert scan() == (0, [])
    assert scan("--pedantic") == (1, [FOUND])
    assert scan("--pedantic", "--select", "PER") == (0, [])
    assert scan("--pedantic", "--ignore", "ACME") == (0, [])
    configure(frob, "pedantic = true")
    assert scan() == (1, [FOUND])
    configure(frob, "pedantic = 1")
    with pytest.raises(UserError, match="must be true or false"):
        scan()
