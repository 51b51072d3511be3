"""Many parts: the same outcomes from one process and from several, whatever becomes of a worker."""

import multiprocessing
import os

import pytest

from per_audit.audit import workers
from per_audit.audit.parts import Sources
from per_audit.facts.pool import extract_all
from per_audit.rule import all_rules
from per_audit.settings import Settings
from per_audit.source import discover


class Deadly(bytes):
    """A text that ends the process that receives it, as a parser that overflows its stack would."""

    def __reduce__(self):
        return os._exit, (1,)


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """The parts of a tree with an example of some rules, and what else `judge_all` takes."""
    monkeypatch.setattr(workers, "_WORTH_WORKERS", 0)
    for rule in all_rules()[:6]:
        for name, text in rule.bad[0].plain.items():
            path = tmp_path / rule.code / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
    (tmp_path / "old.py").write_text("print 'reward', done\n")
    settings = Settings(tmp_path)
    sources = Sources(discover(tmp_path, [tmp_path], settings.filters))
    parts = list(sources.parts())
    files = [file for part in parts for file in part.files]
    facts = extract_all([(file.relative, file.data) for file in files], jobs=1)
    modules = dict(zip((file.relative for file in files), facts, strict=True))
    return parts, modules, tmp_path, settings, sources.tree


def test_workers_give_the_same_in_order(asked):
    alone = list(workers.judge_all(*asked, jobs=1))
    assert sum(len(outcome.findings) for outcome in alone) >= 6
    assert [notice.path for outcome in alone for notice in outcome.notices] == ["old.py"]
    assert list(workers.judge_all(*asked, jobs=2)) == alone
    assert multiprocessing.active_children() == []


def test_a_part_that_kills_its_worker_is_judged_here(asked):
    parts, modules, *others = asked
    alone = list(workers.judge_all(*asked, jobs=1))
    facts = modules[parts[0].files[0].relative]
    facts.text = Deadly(facts.text)
    assert list(workers.judge_all(parts, modules, *others, jobs=2)) == alone


def test_an_error_surfaces_with_its_cause(asked, monkeypatch):
    parts, modules, *others = asked
    broken = {**modules, parts[0].files[0].relative: None}
    with pytest.raises(AttributeError):
        list(workers.judge_all(parts, broken, *others, jobs=2))
    assert multiprocessing.active_children() == []


def test_an_interruption_ends_the_workers(asked):
    outcomes = workers.judge_all(*asked, jobs=2)
    next(outcomes)
    with pytest.raises(KeyboardInterrupt):
        outcomes.throw(KeyboardInterrupt)
    assert multiprocessing.active_children() == []


def test_one_part_starts_no_workers(asked, monkeypatch):
    parts, *others = asked
    monkeypatch.setattr(workers, "_workers", None)
    assert len(list(workers.judge_all(parts[:1], *others, jobs=4))) == 1
    assert list(workers.judge_all([], *others, jobs=4)) == []


def test_what_is_nested_too_deeply_to_be_sent_is_judged_here(asked, monkeypatch):
    alone = list(workers.judge_all(*asked, jobs=1))
    monkeypatch.setattr(workers, "_packed", lambda part, modules: None)
    assert list(workers.judge_all(*asked, jobs=2)) == alone
