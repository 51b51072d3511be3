"""The agenda as text, Markdown and JSON."""

from __future__ import annotations

import json

import jsonschema
import pytest

from per_audit.findings import Applicability, Finding, Notice, Place, Severity
from per_audit.fixes.agenda import Agenda, Anchor, Left, Step, Task
from per_audit.report import Look, plan_json, plan_markdown, plan_text

PLACE = Place("train.py", 3, 5, 3, 9)
FINDING = Finding("PER305", "integer-segment", Severity.ERROR, "high", "rounds", PLACE, "Memory.sample", id="0" * 16)
EDIT = Step("divide *all*", (Anchor(PLACE, "width = total // n"),), "width = total // n\n", "width = total / n\n")
LOOK = Step("look at it", (Anchor(Place("a.ipynb", 1, 1, 1, 2, 4), "x = `y`", "why"),))


def task(applicability: Applicability, reason: str, steps: tuple[Step, ...], **more: str) -> Task:
    held, checks = ("it is gone",), ("per-audit scan",)
    return Task("Memory (m.py)", "mend it", "mend", applicability, reason, (FINDING,), steps, held, checks, **more)


AGENDA = Agenda(
    "/r",
    (
        task(Applicability.SAFE, "", (EDIT,), apply="per-audit fix"),
        task(Applicability.MANUAL, "a reason\x1b[0m", (LOOK,), instead="width = total / n\n"),
    ),
)


def test_text() -> None:
    assert plan_text.render(AGENDA) == (
        """Memory (m.py)

- mend it (PER305 integer-segment)
  `fix` does this
  1. divide *all*
     train.py:3: width = total // n
     - width = total // n
     + width = total / n
  must hold: it is gone
  run: per-audit fix
  run: per-audit scan

- mend it (PER305 integer-segment)
  for a person: a reason\ufffd[0m
  1. look at it
     a.ipynb:cell 4:1: x = `y`  (why)
  for example:
      width = total / n
  must hold: it is gone
  run: per-audit scan

2 tasks: 1 `fix` does, 1 for a person.
"""
    )
    assert "\x1b[" in plan_text.render(AGENDA, Look(colour=True))


def test_markdown() -> None:
    text = plan_markdown.render(AGENDA)
    assert text.startswith("# per-audit plan\n\n2 tasks: 1 `fix` does, 1 for a person.\n\n## Memory (m.py)\n")
    assert "1. divide \\*all\\*\n   - train.py:3: `width = total // n`\n\n   ```diff\n   - width = total // n\n" in text
    assert "   - a.ipynb:cell 4:1: `` x = `y` `` (why)" in text
    assert "- [ ] it is gone\n\n```sh\nper-audit fix\nper-audit scan\n```" in text
    assert "\x1b" not in text


def test_nothing_to_do() -> None:
    empty = Agenda("/r", ())
    assert plan_text.render(empty) == "Nothing to do.\n"
    assert plan_markdown.render(empty) == "# per-audit plan\n\nNothing to do.\n"
    jsonschema.validate(plan_json.document(empty), plan_json.schema())


LEFT = Agenda(
    "/r",
    (),
    (Left("Memory (m.py)", "a *reason*", Anchor(PLACE, "rows[-n:]"), ("draw",)),),
    tuple(Notice(f"{i}.py", 2, "unparsable-file", "not audited: no") for i in range(12)),
)


def test_what_is_left_comes_last() -> None:
    text = plan_text.render(LEFT)
    assert text.startswith(
        """Left as it is

- Memory (m.py): a *reason*
     train.py:3: rows[-n:]
  1. draw

- 0.py:2: not audited: no
"""
    )
    assert "\n- 9.py:2: not audited: no\n\n- 2 more; `--format json` lists all\n" in text
    assert text.endswith("\n\nNo tasks; 1 left as it is.\n")
    assert "- Memory (m.py): a \\*reason\\*\n  - train.py:3: `rows[-n:]`\n  1. draw\n" in plan_markdown.render(LEFT)
    document = plan_json.document(LEFT)
    jsonschema.validate(document, plan_json.schema())
    assert [each["steps"] for each in document["left"]] == [["draw"]]
    assert len(document["unread"]) == 12


def test_json() -> None:
    jsonschema.Draft202012Validator.check_schema(plan_json.schema())
    document = json.loads(plan_json.render(AGENDA))
    jsonschema.validate(document, plan_json.schema())
    assert document["summary"] == {"tasks": 2, "by_applicability": {"safe": 1, "unsafe": 0, "manual": 1, "none": 0}}
    ((first, second),) = [pipeline["tasks"] for pipeline in document["pipelines"]]
    assert first["steps"][0]["edit"] == {"old": EDIT.old, "new": EDIT.new}
    assert second["steps"][0]["edit"] is None
    assert second["steps"][0]["anchors"][0]["cell"] == 4


@pytest.mark.parametrize(
    "spoil",
    [
        lambda document: document.pop("root"),
        lambda document: document["pipelines"][0]["tasks"][0].update(applicability="maybe"),
        lambda document: document["pipelines"][0]["tasks"][0]["steps"][0].pop("anchors"),
        lambda document: document["pipelines"][0]["tasks"][0]["steps"][0]["anchors"][0].update(path="/absolute.py"),
        lambda document: document.update(extra=1),
    ],
)
def test_the_schema_tells_wrong_documents(spoil: object) -> None:
    document = plan_json.document(AGENDA)
    spoil(document)  # type: ignore[operator]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, plan_json.schema())
