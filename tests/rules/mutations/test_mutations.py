"""Sound implementations are silent under all rules; each small change that breaks one is found by its rule.

`sound/NAME/` is a complete implementation. `CODE.toml` lists what breaks one: `[[mutation]]` with `title`, `project`
(the NAME), `file`, `old` (a text that stands in the file once), `new`, and `at`, a part of the line that must be
reported. `missed = true` marks what the rule does not find yet: the test fails once it does, so that the mark goes.
"""

import sys
from pathlib import Path

import pytest

from per_audit.facts import extract
from per_audit.findings import Severity
from per_audit.graph import link
from per_audit.rule import all_rules

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).parent
RULES = {rule.code: rule for rule in all_rules()}
SOUND = {
    folder.name: {path.name: path.read_text("utf-8") for path in sorted(folder.glob("*.py"))}
    for folder in sorted((HERE / "sound").iterdir())
}
MUTATIONS = [
    pytest.param(
        path.stem,
        mutation,
        id=f"{path.stem}-{mutation['project']}-{mutation['title']}",
        marks=[pytest.mark.xfail(strict=True, reason="not found yet")] if mutation.get("missed") else [],
    )
    for path in sorted(HERE.glob("*.toml"))
    for mutation in tomllib.loads(path.read_text("utf-8"))["mutation"]
]


def linked(files):
    return link([extract(path, text.encode()) for path, text in files.items()])


@pytest.mark.parametrize("name", SOUND)
def test_sound_implementations_are_silent(name):
    graph = linked(SOUND[name])
    found = [finding for rule in RULES.values() for finding in rule.check(graph)]
    told = [(f.rule, f.place.path, f.place.line, f.message) for f in found if f.severity is not Severity.INFO]
    assert told == []
    assert [buffer.kind for buffer in graph.buffers] == ["prioritised"], "the audit must see the buffer to judge it"


@pytest.mark.parametrize(("code", "mutation"), MUTATIONS)
def test_mutations_are_found(code, mutation):
    files = dict(SOUND[mutation["project"]])
    before = files[mutation["file"]]
    assert before.count(mutation["old"]) == 1
    files[mutation["file"]] = before.replace(mutation["old"], mutation["new"])
    found = list(RULES[code].check(linked(files)))
    lines = [files[finding.place.path].splitlines()[finding.place.line - 1] for finding in found]
    assert [line for line in lines if mutation["at"] in line], lines


def test_error_rules_have_three_mutations_in_two_implementations():
    projects = {}
    for path in HERE.glob("*.toml"):
        projects[path.stem] = [entry["project"] for entry in tomllib.loads(path.read_text("utf-8"))["mutation"]]
    assert set(projects) <= set(RULES)
    errors = {code for code, rule in RULES.items() if rule.severity is Severity.ERROR}
    enough = {code for code, named in projects.items() if len(named) >= 3 and len(set(named)) >= 2}
    assert errors <= enough
