"""What is found in a part: with ids that stay, and told of files that could not be read."""

from per_audit.facts.pool import extract_all
from per_audit.judge import Judge, with_ids
from per_audit.parts import Sources
from per_audit.rule import all_rules
from per_audit.settings import Settings
from per_audit.source import discover

EXAMPLE = next(rule for rule in all_rules() if rule.code == "PER101").bad[0].plain


def judged(root, files, with_offers=False):
    for name, text in files.items():
        (root / name).write_text(text)
    settings = Settings(root)
    sources = Sources(discover(root, [root], settings.filters))
    modules = {}
    for part in (parts := list(sources.parts())):
        for file in part.files:
            (modules[file.relative],) = extract_all([(file.relative, file.data)], jobs=1)
    judge = Judge(root, settings, sources.tree, modules)
    return [judge(part, with_offers) for part in parts]


def test_findings_have_ids_and_the_graph_is_there(tmp_path):
    ((outcome, graph),) = judged(tmp_path, EXAMPLE)
    assert "PER101" in {finding.rule for finding in outcome.findings}
    assert len({finding.id for finding in outcome.findings}) == len(outcome.findings)
    assert with_ids(outcome.findings) == list(outcome.findings)
    assert graph.buffers


def test_a_file_that_cannot_be_read_is_a_notice(tmp_path):
    ((outcome, graph),) = judged(tmp_path, {"old.py": "x = 1\nprint 'reward', done\n"})
    assert (graph, outcome.findings, outcome.unparsable) == (None, (), {"old.py"})
    assert [(notice.path, notice.line) for notice in outcome.notices] == [("old.py", 2)]


def test_nothing_is_said_of_files_that_cannot_matter(tmp_path):
    ((outcome, _),) = judged(tmp_path, {"old.py": "print 'text'\n"})
    assert (outcome.notices, outcome.unparsable) == ((), {"old.py"})


def test_offers_are_made_where_they_are_asked_for(tmp_path):
    example = next(rule for rule in all_rules() if rule.code == "PER001").bad[0].plain
    ((without, _),) = judged(tmp_path, example)
    ((offered, _),) = judged(tmp_path, example, with_offers=True)
    recipes = [
        [finding.fix.recipe for finding in each.findings if finding.rule == "PER001"] for each in (without, offered)
    ]
    assert recipes[0] != recipes[1]
