"""A scan of what has not changed says what the scan before it said, without auditing again."""

import os
from dataclasses import replace

import pytest

from per_audit import audit as audits_of
from per_audit import scan as scans
from per_audit.cache import Store
from per_audit.cache.facts import StoredFacts
from per_audit.rule import all_rules
from per_audit.settings import Settings

EXAMPLE = all_rules()[0].bad[1]
LONG_AGO = 1_600_000_000


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    for name, text in EXAMPLE.files.items():
        (folder / name).write_text(text)
        os.utime(folder / name, (LONG_AGO, LONG_AGO))
    return folder


@pytest.fixture
def audits(monkeypatch):
    """The audits that were made."""
    made = []
    audit = audits_of.audit_report

    def counted(*arguments):
        made.append(arguments)
        return audit(*arguments)

    monkeypatch.setattr(audits_of, "audit_report", counted)
    return made


@pytest.fixture
def report(root, tmp_path):
    def report(**choices):
        settings = replace(Settings(base=root), **choices)
        return scans.scan(root, [root], settings, scans.Request(), store=Store(tmp_path / "cache")).report

    return report


def test_the_same_files_are_audited_once(report, audits):
    first, second = report(), report()
    assert len(audits) == 1
    assert first == second
    assert first.findings


def test_a_changed_file_is_audited_again(report, audits, root):
    before = report()
    name = before.findings[0].place.path
    (root / name).write_text("\n" + (root / name).read_text())
    after = report()
    assert len(audits) == 2
    assert after.findings[0].place.line == before.findings[0].place.line + 1


def test_a_new_file_and_a_missing_one_are_other_trees(report, audits, root):
    report()
    (root / "new.py").write_text("")
    assert report().files == len(EXAMPLE.files) + 1
    (root / "new.py").unlink()
    assert report().files == len(EXAMPLE.files)
    assert len(audits) == 2  # the first tree is known


def test_choices_that_change_findings_ask_for_another_audit(report, audits):
    report()
    assert report(select=("PER004",)).findings == []
    assert len(audits) == 2
    report(format="json", fail_on="never")
    assert len(audits) == 2


def test_a_file_that_changes_during_the_audit_is_not_remembered(report, audits, root, monkeypatch):
    made = audits_of.audit_report

    def slow(*arguments):
        found = made(*arguments)
        (root / "late.py").write_text("")
        (root / next(iter(EXAMPLE.files))).write_text("")
        return found

    monkeypatch.setattr(audits_of, "audit_report", slow)
    report()
    monkeypatch.setattr(audits_of, "audit_report", made)
    assert report().findings == []


def test_a_damaged_report_is_made_again(report, audits, tmp_path):
    first = report()
    for path in (tmp_path / "cache").rglob("reports/*/*"):
        path.write_bytes(path.read_bytes()[:-5])
    assert report() == first
    assert len(audits) == 2


def test_kept_facts_give_the_same_report(root, tmp_path):
    def scanned(cache):
        return scans.scan(root, [root], Settings(base=root), scans.Request(), cache=cache).report

    fresh = scanned({})
    assert scanned(StoredFacts(Store(tmp_path / "cache"))) == fresh
    assert scanned(StoredFacts(Store(tmp_path / "cache"))) == fresh
    assert list((tmp_path / "cache").rglob("facts/*/*"))
