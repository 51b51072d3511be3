"""Calls that by the tests around them find an object of another class in an attribute."""

import pytest

from per_audit.graph.recognise.draws.receivers import holds_another

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
    (ranked,) = [function for function in graph.callers if function.name == "add" and len(function.parameters) == 3]
    sites = sorted(graph.callers[ranked], key=lambda site: site.node.start)
    return [holds_another(graph, site, ranked) for site in sites]


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
