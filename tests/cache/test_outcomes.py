"""What did not change is not linked again, and the report is the one of an audit that keeps nothing."""

import json

import pytest

from per_audit import graph
from per_audit import scan as scans
from per_audit.cache import Store
from per_audit.cache.outcomes import StoredOutcomes
from per_audit.report import render
from per_audit.rule import all_rules
from per_audit.settings import Settings

ONE, OTHER = (next(rule for rule in all_rules() if rule.code == code).bad[0].plain for code in ("PER001", "PER101"))


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "project"
    for name, files in (("one", ONE), ("other", OTHER)):
        for path, text in files.items():
            (folder / name).mkdir(parents=True, exist_ok=True)
            (folder / name / path).write_text(text)
    (folder / "old.py").write_text("print 'sample', reward, done\n")
    return folder


@pytest.fixture
def linked(monkeypatch):
    """The paths of the files that were linked, for each time."""
    seen = []
    link = graph.link

    def counted(modules, *tree):
        seen.append(sorted(module.path for module in modules))
        return link(modules, *tree)

    monkeypatch.setattr(graph, "link", counted)
    return seen


@pytest.fixture
def scanned(root, tmp_path, linked):
    """Scan, hold the report against that of an audit without a store, and return what was linked for it."""

    def scanned(**choices):
        settings = Settings(root, **choices)
        found = scans.scan(root, [root], settings, scans.Request(), store=Store(tmp_path / "cache")).report
        made = [*linked]
        plain = scans.scan(root, [root], settings, scans.Request()).report
        assert json.loads(render(found, "json")) == json.loads(render(plain, "json"))
        linked.clear()
        return made

    return scanned


def test_only_the_part_that_changed_is_linked_again(root, scanned):
    assert len(scanned()) == 2
    (file,) = (root / "one").iterdir()
    file.write_text("# a line more\n" + file.read_text())
    assert scanned() == [[f"one/{file.name}"]]
    (root / "one" / "new.py").write_text(f"import {file.stem}\n")
    assert scanned() == [[f"one/{file.name}", "one/new.py"]]
    file.write_text(file.read_text() + "\ndef unfinished(:\n")
    assert scanned() == [["one/new.py"]]
    assert scanned() == []


def test_rules_that_were_not_asked_are_asked(scanned):
    assert len(scanned(select=("PER0",))) == 2
    assert len(scanned()) == 2
    (before, after) = (scanned(ignore=("PER0",)), scanned(ignore=("PER0",)))
    assert (len(before), after) == (2, [])


def test_a_name_that_means_another_file(root, scanned):
    (file,) = (root / "one").iterdir()
    for folder in ("lib/a", "run"):
        (root / folder).mkdir(parents=True)
    file.rename(root / "lib" / "a" / "memory.py")
    (root / "run" / "main.py").write_text("import memory\n")
    assert ["lib/a/memory.py", "run/main.py"] in scanned()
    (root / "lib" / "b").mkdir()
    (root / "lib" / "b" / "memory.py").write_text("")
    assert ["lib/a/memory.py"] in scanned()


def test_cells_of_a_notebook_that_moved(root, scanned):
    (file,) = (root / "one").iterdir()
    code = {"cell_type": "code", "metadata": {}, "outputs": [], "source": file.read_text()}
    text = {"cell_type": "markdown", "metadata": {}, "source": "A text."}
    book = root / "book.ipynb"
    for cells in ([code], [text, code]):
        book.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 2}))
        assert ["book.ipynb"] in scanned()


def test_what_is_no_longer_there_is_forgotten(root, scanned, tmp_path):
    scanned()
    for file in (root / "one").iterdir():
        file.unlink()
    scanned()
    kept = StoredOutcomes(Store(tmp_path / "cache"), root, Settings(root))
    assert len(kept._kept) == 1 + len(["old.py"])


def test_a_damaged_entry_is_made_again(root, scanned, tmp_path):
    scanned()
    (file,) = (tmp_path / "cache").glob("*/outcomes/*/*")
    file.write_bytes(file.read_bytes()[:-1])
    (root / "more.py").write_text("")
    assert len(scanned()) == 2
