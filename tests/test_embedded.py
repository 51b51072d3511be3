"""Notebooks and Markdown through the whole of scan and fix."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from per_audit.audit import audit, audit_report
from per_audit.findings import Applicability, Finding, Report
from per_audit.fixes.plan import FixOptions
from per_audit.fixes.result import Why
from per_audit.fixes.run import fix
from per_audit.report import Look, render
from per_audit.report.json import schema
from per_audit.settings import Settings
from per_audit.team.baseline import Baseline

MEMORY = """\
import random
from collections import deque


class Memory:
    def __init__(self, capacity):
        self.items = deque(maxlen=capacity)

    def push(self, state, action, reward, next_state, done):
        self.items.append((state, action, reward, next_state, done))

    def sample(self, n):
        return random.sample(self.items, n)"""
LEARN = """\
import torch.nn.functional as F


def learn(memory, network, optimizer):
    states, actions, rewards, next_states, dones = zip(*memory.sample(32))
    loss = F.mse_loss(network(states), rewards + 0.99 * (1 - dones) * network(next_states))
    loss.backward()
    optimizer.step()"""
TRAIN = """\
memory = Memory(1000)
for step in range(5000):
    memory.push(*env.step(0))
    learn(memory, network, optimizer)"""
# Text and images around the code, as in a notebook that was run.
SETUP = "%matplotlib inline\n!pip install -q gym\nnetwork?"


def notebook(*cells: str | tuple[str, str], count: int = 0, outputs: Any = ()) -> str:
    made = []
    for cell in cells:
        kind, source = ("code", cell) if isinstance(cell, str) else cell
        run = {"execution_count": count or None, "outputs": list(outputs)} if kind == "code" else {}
        made.append({"cell_type": kind, "metadata": {}, "source": source.splitlines(keepends=True), **run})
    return json.dumps({"cells": made, "metadata": {"language_info": {"name": "python"}}, "nbformat": 4}, indent=1)


def markdown(*blocks: str) -> str:
    return "# Title\n\n" + "\n".join(f"1. Step\n\n   ```python\n{_indented(block)}\n   ```\n" for block in blocks)


def _indented(text: str) -> str:
    return "\n".join(f"   {line}" if line else "" for line in text.split("\n"))


def scan(root: Path, **files: str) -> Report:
    write(root, files)
    return audit(root, [root], with_texts(root)).report


def with_texts(root: Path) -> Settings:
    return Settings(root, include=("*.py", "*.ipynb", "*.md"))


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        stem, _, suffix = name.rpartition("_")
        (root / f"{stem}.{suffix}").write_text(text, newline="\n")


def places(report: Report) -> list[tuple[str, str, int | None, int, int]]:
    return [(f.rule, f.place.path, f.place.cell, f.place.line, f.place.column) for f in report.findings]


def test_the_cells_of_a_notebook_are_one_module(tmp_path: Path) -> None:
    report = scan(tmp_path, dqn_ipynb=notebook(("markdown", "# DQN"), SETUP, MEMORY, LEARN, TRAIN))
    assert places(report) == [
        ("PER001", "dqn.ipynb", 3, 13, 16),
        ("PER002", "dqn.ipynb", 3, 13, 16),
    ]
    evidence = {(link.role, link.place.cell, link.place.line) for link in report.findings[0].evidence}
    assert {("made", 5, 1), ("sampled", 4, 5), ("learnt", 4, 7)} <= evidence
    assert (report.files, report.notices) == (1, [])
    (pipeline,) = report.pipelines
    assert (pipeline["path"], pipeline["cell"], pipeline["line"]) == ("dqn.ipynb", 3, 13)


def test_a_notebook_imports_from_the_project(tmp_path: Path) -> None:
    train = "import memory\nMemory = memory.Memory\n" + LEARN
    report = scan(tmp_path, memory_py=MEMORY + "\n", run_ipynb=notebook(train, TRAIN))
    assert places(report)[0] == ("PER001", "memory.py", None, 13, 16)
    assert {link.place.path for link in report.findings[0].evidence} == {"memory.py", "run.ipynb"}


def test_a_message_names_the_cell_of_a_place(tmp_path: Path) -> None:
    train = TRAIN.replace("1000", "100_000").replace("5000", "500_000")
    report = scan(tmp_path, dqn_ipynb=notebook(("markdown", "# DQN"), MEMORY, LEARN, train))
    (walks,) = [finding for finding in report.findings if finding.rule == "PER403"]
    assert "(made at dqn.ipynb:cell 2:7)" in walks.message


def test_the_report_shows_cells(tmp_path: Path) -> None:
    report = scan(tmp_path, dqn_ipynb=notebook(("markdown", "#"), MEMORY, LEARN, TRAIN, "loss = f(?)\nloss"))
    text = render(report, "text", Look())
    assert text.startswith("dqn.ipynb:cell 2:13:16: error PER001 uniform-only-sampling\n")
    assert "  > 13 |         return random.sample(self.items, n)\n" in text
    assert "dqn.ipynb:cell 4:1:10 " in text
    assert "notice: dqn.ipynb:cell 5:1: the cell is not audited: not valid Python 3" in text
    document = json.loads(render(report, "json"))
    jsonschema.validate(document, schema())
    finding = document["findings"][0]
    assert (finding["path"], finding["cell"], finding["line"], finding["end_line"]) == ("dqn.ipynb", 2, 13, 13)
    assert [(notice["cell"], notice["kind"]) for notice in document["notices"]] == [(5, "unparsable-cell")]


def test_ids_survive_another_run_and_new_cells(tmp_path: Path) -> None:
    image = {"output_type": "display_data", "data": {"image/png": "replay" * 1000}}
    before = scan(tmp_path, dqn_ipynb=notebook(MEMORY, LEARN, TRAIN))
    run = scan(tmp_path, dqn_ipynb=notebook(MEMORY, LEARN, TRAIN, count=7, outputs=[image]))
    assert run.findings == before.findings
    moved = scan(tmp_path, dqn_ipynb=notebook("x = 1", "\n\n" + MEMORY, ("markdown", "#"), LEARN, TRAIN, count=9))
    assert [finding.id for finding in moved.findings] == [finding.id for finding in before.findings]
    assert places(moved)[0] == ("PER001", "dqn.ipynb", 2, 15, 16)


def test_a_cell_that_is_no_python_does_not_take_the_others_with_it(tmp_path: Path) -> None:
    report = scan(tmp_path, dqn_ipynb=notebook("print 'hello'", "%%bash\nls *", MEMORY, LEARN, TRAIN))
    assert places(report)[0] == ("PER001", "dqn.ipynb", 3, 13, 16)
    assert [(notice.cell, notice.line, notice.kind) for notice in report.notices] == [(1, 1, "unparsable-cell")]


@pytest.mark.parametrize(("data", "line"), [('{"cells": [\n"replay.sample()', 2), ("[]", 1)])
def test_a_broken_notebook_is_one_notice(tmp_path: Path, data: str, line: int) -> None:
    report = scan(tmp_path, broken_ipynb=data, ok_py="x = 1\n")
    (notice,) = report.notices
    assert (notice.path, notice.line, notice.cell, notice.kind) == ("broken.ipynb", line, None, "unparsable-file")
    assert notice.message.startswith("not audited: not ")


def test_what_holds_no_python_is_no_file_of_the_audit(tmp_path: Path) -> None:
    report = scan(tmp_path, a_ipynb="", b_ipynb=notebook(("markdown", "#")), c_md="# Title\n", d_md="```sh\nls\n```\n")
    assert report.files == 0
    assert [notice.kind for notice in report.notices] == ["no-python-files"]


def test_suppressions_hold_in_their_cell(tmp_path: Path) -> None:
    comment = "# per-audit: ignore[PER001] the baseline"
    waived = MEMORY.replace("(self.items, n)", f"(self.items, n)  {comment}")
    report = scan(tmp_path, dqn_ipynb=notebook("x = 1\n" * 12 + f"y = 1  {comment}", waived, LEARN, TRAIN))
    assert report.suppressed == 1
    assert places(report) == [("PER910", "dqn.ipynb", 1, 13, 8), ("PER002", "dqn.ipynb", 2, 13, 16)]


def test_suppressions_for_a_whole_notebook_and_bad_ones(tmp_path: Path) -> None:
    head = "# per-audit: ignore-file[PER001, PER002] teaching material\n%matplotlib inline"
    report = scan(tmp_path, dqn_ipynb=notebook(("markdown", "#"), head, MEMORY, LEARN, TRAIN, "\n# per-audit: skip[]"))
    assert (report.findings, report.suppressed) == ([], 2)
    assert [(notice.cell, notice.line, notice.kind) for notice in report.notices] == [(6, 2, "bad-suppression")]


def test_a_comment_at_the_end_of_a_cell_says_nothing_of_the_next(tmp_path: Path) -> None:
    draw = "import random\nbatch = random.sample(memory.items, 32)\n"
    cells = [MEMORY, LEARN, TRAIN + "\n# per-audit: ignore[PER001] not this", draw]
    assert ("PER910", "dqn.ipynb", 3, 5, 1) in places(scan(tmp_path, dqn_ipynb=notebook(*cells)))


def test_the_blocks_of_a_text_are_one_module_by_the_lines_of_the_file(tmp_path: Path) -> None:
    text = markdown(MEMORY, "memory.sample(\n    ...", LEARN, TRAIN)
    report = scan(tmp_path, guide_md=text)
    line = 1 + text.split("\n").index("           return random.sample(self.items, n)")
    assert places(report) == [("PER001", "guide.md", None, line, 19)]
    assert report.notices == []
    shown = render(report, "text", Look())
    assert shown.startswith(f"guide.md:{line}:19: error PER001")
    assert f"  > {line} |            return random.sample(self.items, n)\n" in shown


def test_suppressions_in_a_text(tmp_path: Path) -> None:
    waived = MEMORY.replace("(self.items, n)", "(self.items, n)  # per-audit: ignore[PER001] shown on purpose")
    report = scan(tmp_path, guide_md=markdown(waived, LEARN, TRAIN))
    assert (report.findings, report.suppressed) == ([], 1)


def test_a_text_changes_nothing_of_what_is_found_in_the_code(tmp_path: Path) -> None:
    code = {"memory_py": MEMORY + "\n", "train_py": f"from memory import Memory\n{LEARN}\n\n\n{TRAIN}\n"}
    before = scan(tmp_path, **code)
    shown = "from memory import Memory\nmemory = Memory(10)\nmemory.items.clear()\nbatch = memory.sample(3)"
    after = scan(tmp_path, **code, readme_md=markdown(shown, LEARN, TRAIN))
    assert after.findings == before.findings
    assert before.findings != []


def test_a_text_that_shows_no_training_is_silent(tmp_path: Path) -> None:
    train = TRAIN.replace("learn(memory, network, optimizer)", "batch = memory.sample(32)")
    assert places(scan(tmp_path, guide_md=markdown(MEMORY, train))) == []
    assert places(scan(tmp_path, guide_md=markdown(MEMORY, train), dqn_ipynb=notebook(MEMORY, train))) != []


def test_include_and_exclude_choose_the_kinds(tmp_path: Path) -> None:
    write(tmp_path, {"dqn_ipynb": notebook(MEMORY, LEARN, TRAIN), "guide_md": markdown(MEMORY, LEARN, TRAIN)})
    only = audit(tmp_path, [tmp_path], Settings(tmp_path)).report
    assert {finding.place.path for finding in only.findings} == {"dqn.ipynb"}
    only = audit(tmp_path, [tmp_path], Settings(tmp_path, include=("*.md",))).report
    assert {finding.place.path for finding in only.findings} == {"guide.md"}
    only = audit(tmp_path, [tmp_path / "guide.md"], Settings(tmp_path, extend_exclude=("*.ipynb",))).report
    assert {finding.place.path for finding in only.findings} == {"guide.md"}


@pytest.mark.parametrize("name", ["dqn_ipynb", "guide_md"])
def test_fix_leaves_them_to_a_person(tmp_path: Path, name: str) -> None:
    make = notebook if name.endswith("ipynb") else markdown
    write(tmp_path, {name: make(MEMORY, LEARN, TRAIN)})
    (path,) = tmp_path.iterdir()
    before = path.read_bytes()
    assert (
        audit_report(tmp_path, [tmp_path], with_texts(tmp_path)).findings[0].fix.applicability is Applicability.MANUAL
    )
    result = fix(tmp_path, [], with_texts(tmp_path), FixOptions(unsafe=True, allow_dirty=True))
    (refusal,) = result.refused
    assert refusal.why is Why.MANUAL
    assert f"{path.name} is no plain Python file; notebooks and Markdown are edited by hand" in refusal.reason
    assert (result.changes, result.copied, path.read_bytes()) == ([], [], before)


def test_fix_changes_no_module_that_a_notebook_would_have_to_follow(tmp_path: Path) -> None:
    train = f"from memory import Memory\n{LEARN}"
    write(tmp_path, {"memory_py": MEMORY + "\n", "run_ipynb": notebook(train, TRAIN)})
    result = fix(tmp_path, [], Settings(tmp_path), FixOptions(unsafe=True, allow_dirty=True))
    (refusal,) = result.refused
    assert "run.ipynb is no plain Python file" in refusal.reason
    assert (tmp_path / "memory.py").read_text() == MEMORY + "\n"


def test_fix_repairs_the_modules_beside_a_notebook(tmp_path: Path) -> None:
    modules = {"memory_py": MEMORY + "\n", "train_py": f"from memory import Memory\n{LEARN}\n\n\n{TRAIN}\n"}
    write(tmp_path, {**modules, "look_ipynb": notebook(SETUP, "import random\nx = random.random()")})
    result = fix(tmp_path, [], Settings(tmp_path), FixOptions(diff=True, unsafe=True, allow_dirty=True))
    assert {change.path for change in result.changes} == {"memory.py", "train.py"}


def test_fix_keeps_an_import_that_a_notebook_uses(tmp_path: Path) -> None:
    modules = {"memory_py": MEMORY + "\n", "train_py": f"from memory import Memory\n{LEARN}\n\n\n{TRAIN}\n"}
    for cell, is_kept in (
        ("from memory import random\nrandom.seed(1)", True),
        ("import random\nrandom.seed(1)", False),
    ):
        write(tmp_path, {**modules, "look_ipynb": notebook(SETUP, cell)})
        result = fix(tmp_path, [], Settings(tmp_path), FixOptions(diff=True, unsafe=True, allow_dirty=True))
        after = next(change.after for change in result.changes if change.path == "memory.py")
        assert (b"import random" in after) is is_kept


def test_a_baseline_knows_findings_by_the_code_of_their_cell(tmp_path: Path) -> None:
    def findings(*cells: str | tuple[str, str]) -> list[Finding]:
        return scan(tmp_path, dqn_ipynb=notebook(*cells)).findings

    path = tmp_path / "known.json"
    known = Baseline(path, Baseline(path).entries_of(tmp_path, findings(MEMORY, LEARN, TRAIN)))
    assert {entry.code for entry in known.entries} == {"random.sample(self.items, n)"}
    match = known.match(tmp_path, findings(("markdown", "# Title"), SETUP, "\n\n" + MEMORY, LEARN, TRAIN))
    assert (match.new, match.gone) == ([], [])
