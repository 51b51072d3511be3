from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from per_audit.errors import UserError
from per_audit.findings import Severity
from per_audit.settings import Settings, load, override, settings

pytestmark = pytest.mark.usefixtures("engine")


def configure(root: Path, text: str) -> None:
    root.mkdir(parents=True, exist_ok=True)
    (root / "pyproject.toml").write_text(text)


def test_every_key_is_a_field() -> None:
    assert {key.replace("-", "_") for key in settings._KEYS} <= {field.name for field in fields(Settings)}


def test_defaults_without_configuration(project: Path) -> None:
    assert load(project) == Settings(base=project)


def test_every_key(project: Path) -> None:
    configure(
        project,
        """
        [tool.per-audit]
        select = ["PER0", "weights-broadcast"]
        ignore = ["PER002"]
        include = ["*.py"]
        exclude = ["old"]
        extend-exclude = ["third_party/"]
        fail-on = "error"
        format = "json"
        baseline = "known.json"
        per-file-ignores = { "tests/**" = ["PER0"], "old.py" = ["weights-broadcast", "PER001"] }
        severity = { PER1 = "info", uniform-only-sampling = "warning" }
        """,
    )
    assert load(project) == Settings(
        base=project,
        config=project / "pyproject.toml",
        select=("PER0", "weights-broadcast"),
        ignore=("PER002",),
        include=("*.py",),
        exclude=("old",),
        extend_exclude=("third_party/",),
        fail_on="error",
        format="json",
        baseline="known.json",
        per_file_ignores=(("tests/**", ("PER0",)), ("old.py", ("weights-broadcast", "PER001"))),
        severity=(("PER1", Severity.INFO), ("uniform-only-sampling", Severity.WARNING)),
    )
    assert load(project).filters.exclude == ("old", "third_party/")


def test_the_nearest_table_upwards_counts(project: Path) -> None:
    configure(project, "[tool.per-audit]\nfail-on = 'never'\n")
    configure(project / "sub", "[project]\nname = 'x'\n")
    assert load(project / "sub").fail_on == "never"
    assert load(project / "sub").base == project
    configure(project / "sub", "[tool.per-audit]\n")
    assert load(project / "sub").fail_on == "warning"


def test_not_beyond_the_repository(project: Path) -> None:
    configure(project, "[tool.per-audit]\nfail-on = 'never'\n")
    (project / "repo" / ".git").mkdir(parents=True)
    (project / "repo" / "sub").mkdir()
    assert load(project / "repo" / "sub").fail_on == "warning"


def test_no_config(project: Path) -> None:
    configure(project, "[tool.per-audit\n")
    assert load(project, use_config=False) == Settings(base=project)


def test_a_broken_file_that_does_not_name_the_tool_is_not_ours(project: Path) -> None:
    configure(project, "[tool.{{ template }}\n")
    assert load(project) == Settings(base=project)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tool.per-audit", ["is no valid TOML", "--no-config"]),
        ("[tool.per-audit]\nselekt = []", ["tool.per-audit.selekt = []", "unknown key", "did you mean 'select'?"]),
        ("[tool.per-audit]\nzzz = 1", ["unknown key", "the keys are select, ignore,"]),
        ("[tool.per-audit]\nselect = 'PER001'", ["tool.per-audit.select = 'PER001'", "must be a list of strings"]),
        ("[tool.per-audit]\nexclude = [1]", ["tool.per-audit.exclude = [1]", "must be a list of strings"]),
        ("[tool.per-audit]\nfail-on = 'fatal'", ["fail-on = 'fatal'", "must be one of 'error', 'warning'"]),
        ("[tool.per-audit]\nfail-on = ['error']", ["fail-on = ['error']", "must be one of"]),
        ("[tool.per-audit]\nselect = ['PER8']", ["select: 'PER8'", "`per-audit rules` lists them"]),
        ("[tool.per-audit]\nignore = ['weigths-broadcast']", ["did you mean 'weights-broadcast'?"]),
        ("[tool.per-audit]\nbaseline = ['a']", ["baseline = ['a']", "must be the name of a file"]),
        ("[tool.per-audit]\nper-file-ignores = ['PER001']", ["must be a table, such as"]),
        ("[tool.per-audit]\nper-file-ignores.'a.py' = 'PER001'", ['per-file-ignores."a.py"', "list of strings"]),
        ("[tool.per-audit.per-file-ignores]\n'a.py' = ['PER777']", ["'PER777' is no rule's code"]),
        ("[tool.per-audit.severity]\nPER777 = 'info'", ["'PER777' is no rule's code"]),
        ("[tool.per-audit.severity]\nPER001 = 'off'", ["severity.PER001 = 'off'", "must be one of 'error', 'warning'"]),
        ("[tool.per-audit]\nseverity = 'info'", ["severity = 'info'", "must be a table"]),
        ("[tool]\nper-audit = 3", ["tool.per-audit is 3", "[tool.per-audit]"]),
    ],
)
def test_what_makes_no_sense_names_file_key_value_and_remedy(project: Path, text: str, said: list[str]) -> None:
    configure(project, text)
    with pytest.raises(UserError) as caught:
        load(project)
    for part in [str(project / "pyproject.toml"), *said]:
        assert part in str(caught.value)


def test_options_over_the_configuration(project: Path) -> None:
    base = Settings(project, select=("PER0",), ignore=("PER001",), fail_on="error")
    assert override(base, (), ()) == base
    assert override(base, (), (), fail_on="never", format=None).fail_on == "never"
    selected = override(base, ("PER1, PER001", "rare-events-not-preserved"), ())
    assert (selected.select, selected.ignore) == (("PER1", "PER001", "rare-events-not-preserved"), ())
    ignored = override(base, (), ("per102",))
    assert (ignored.select, ignored.ignore) == (("PER0",), ("per102",))


def test_options_that_name_no_rule(project: Path) -> None:
    with pytest.raises(UserError, match="--select: 'PER77' is no rule's code, name or prefix"):
        override(Settings(project), ("PER77",), ())
    with pytest.raises(UserError, match="--ignore: 'PER77' is no rule's code, name or prefix"):
        override(Settings(project), (), ("PER001,PER77",))


def test_origins_name_the_file_or_the_option(project: Path) -> None:
    configure(project, "[tool.per-audit]\nfail-on = 'error'\nignore = ['PER002']\n")
    path = str(project / "pyproject.toml")
    loaded = load(project)
    assert loaded.origins == {"fail_on": path, "ignore": path}
    changed = override(loaded, ("PER001",), (), fail_on="never", gates=False, format=None)
    assert changed.origins == {
        "fail_on": "--fail-on",
        "ignore": "--select",
        "select": "--select",
        "gates": "--no-gates",
    }
