"""Calls that by the tests around them find an object of another class in an attribute."""

import pytest

from per_audit.graph.liveness.frequency.receivers import holds_another

CODE = """
    class Ranked:
        def add(self, row, first=None):
            pass

    class Finer(Ranked):
        pass

    class Plain:
        def add(self, row):
            pass

    class Agent:
        def __init__(self, config, ranked):
            self.config, self.ranked, self.kind = config, ranked, config.kind
            {made}

        def keep(self, row):
            {called}
"""
BY_FLAG = "self.kept = Ranked() if ranked else Plain()"


def sites_told(project, made, called):
    indented = [text.replace("\n", "\n" + " " * 12) for text in (made, called)]
    graph = project(agent=CODE.format(made=indented[0], called=indented[1]))
    (ranked,) = [f for f in graph.project.functions if f.name == "add" and len(f.parameters) == 3]
    calls = sorted(graph.events.calls.values(), key=lambda site: site.node.start)
    sites = [site for site in calls if any(target.node is ranked for target in site.targets)]
    told = [holds_another(graph, site, ranked) for site in sites]
    of_several = [site for site, is_other in zip(sites, told, strict=True) if not (is_other and len(site.targets) > 1)]
    assert sorted(graph.callers.get(ranked, ()), key=lambda site: site.node.start) == of_several
    return told


@pytest.mark.parametrize(
    ("made", "called", "told"),
    [
        (BY_FLAG, "if self.ranked:\n    self.kept.add(row, 1)\nelse:\n    self.kept.add(row)", [False, True]),
        (BY_FLAG, "if not self.ranked:\n    self.kept.add(row)\nelse:\n    self.kept.add(row, 1)", [True, False]),
        (BY_FLAG, "if self.ranked:\n    self.kept.add(row, 1)\n    return\nself.kept.add(row)", [False, True]),
        (BY_FLAG, "self.kept.add(row)", [False]),
        (BY_FLAG, "if row:\n    self.kept.add(row)\nelse:\n    self.kept.add(row, 1)", [False, False]),
        (
            "if config.ranked:\n    self.kept = Finer()\nelse:\n    self.kept = Plain()",
            "self.kept.add(row, 1) if self.config.ranked else self.kept.add(row)",
            [False, True],
        ),
        (
            "if self.kind == 'ranked':\n    self.kept = Ranked()\nelse:\n    self.kept = Plain()",
            "if self.kind != 'ranked':\n    self.kept.add(row)",
            [True],
        ),
        (
            "if ranked:\n    self.kept = Ranked()\nelse:\n    self.kept = Ranked()",
            "if not self.ranked:\n    self.kept.add(row)",
            [False],
        ),
        (
            "self.kept = None\nif ranked:\n    self.kept = Ranked()\nelse:\n    self.kept = config.other()",
            "if not self.ranked:\n    self.kept.add(row)",
            [False],
        ),
        (
            "self.kept = None\nif ranked:\n    self.kept = Ranked()\nelse:\n    self.kept = Plain()",
            "if not self.ranked:\n    self.kept.add(row)",
            [True],
        ),
        (
            "if self.kind == 'ranked':\n    self.kept = Ranked()\nelif self.kind == 'plain':\n    self.kept = Plain()",
            "if self.kind == 'plain':\n    self.kept.add(row)\nelif self.kind == 'ranked':\n    self.kept.add(row, 1)",
            [True, False],
        ),
        (
            "if self.kind == 'ranked':\n    self.kept = Ranked()\nelif self.kind == 'plain':\n    self.kept = Plain()",
            "if self.kind != 'other':\n    self.kept.add(row)",
            [False],
        ),
        (
            "if len(config) > 3:\n    self.kept = Ranked()",
            "if not len(self.config) > 3:\n    self.kept.add(row)",
            [False],
        ),
    ],
)
def test_a_test_that_comes_out_otherwise(project, made, called, told):
    assert sites_told(project, made, called) == told


def test_a_flag_that_changes_is_another_in_each_place(project):
    called = "self.ranked = row\nif not self.ranked:\n    self.kept.add(row)"
    assert sites_told(project, BY_FLAG, called) == [False]
