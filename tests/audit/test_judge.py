"""What is found in a part: with ids that stay, and told of files that could not be read."""

from collections import Counter

import pytest

from per_audit.audit.judge import Judge
from per_audit.audit.outcome import with_ids
from per_audit.audit.parts import Sources
from per_audit.facts.pool import extract_all
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


def test_a_file_that_mixes_tabs_and_spaces_is_judged_and_is_a_notice(tmp_path):
    example = next(rule for rule in all_rules() if rule.code == "PER001").bad[0].plain
    (evenly,) = judged(tmp_path, example)
    uneven = {
        name: text.replace("\n        ", "\n\t").replace("\n\t", "\n        ", 1) for name, text in example.items()
    }
    (outcome, _), *_ = judged(tmp_path, uneven)
    told = {(finding.rule, finding.place.line) for finding in outcome.findings}
    assert told == {(finding.rule, finding.place.line) for finding in evenly[0].findings}
    assert {notice.kind for notice in outcome.notices} == {"uneven-tabs"}
    assert outcome.unparsable == frozenset()


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


LEARNER = """
import numpy as np
import torch


class Learner:
    def __init__(self, net, optimizer, corrected={corrected}):
        self.net, self.optimizer, self.corrected = net, optimizer, corrected
        self.rows, self.priorities = [], np.ones(100)

    def store(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def learn(self, beta):
        p = self.priorities / self.priorities.sum()
        at = np.random.choice(len(self.rows), 32, p=p)
        weights = (len(self.rows) * p[at]) ** -beta
        errors = self.net(self.rows, at)
        loss = (errors**2).mean()
        if self.corrected:
            loss = (torch.as_tensor(weights) * loss).mean()
        loss.backward()
        self.priorities[at] = np.abs(errors) + 1e-6
"""
MAIN = """
from learn import Learner

learner = Learner(net, optimizer)
learner.store(1, 2, 3.0, 4, False)
learner.learn(0.4)
"""


def severities(outcome, code):
    return [
        (finding.severity.value, "never run here" in finding.message)
        for finding in outcome.findings
        if finding.rule == code
    ]


@pytest.mark.parametrize(("corrected", "expected"), [(True, ("error", False)), (False, ("info", True))])
def test_what_is_wrong_in_code_that_is_never_run_is_a_hint(tmp_path, corrected, expected):
    files = {"learn.py": LEARNER.format(corrected=corrected), "main.py": MAIN}
    ((outcome, _),) = judged(tmp_path, files)
    assert severities(outcome, "PER101") == [expected]


def test_a_library_may_be_told_to_run_it(tmp_path):
    (tmp_path / "setup.py").write_text("from setuptools import setup\n\nsetup()\n")
    files = {"learn.py": LEARNER.format(corrected=False), "main.py": MAIN}
    outcomes = [outcome for outcome, _ in judged(tmp_path, files)]
    assert [each for outcome in outcomes for each in severities(outcome, "PER101")] == [("error", False)]


def test_a_program_around_a_package_is_none(tmp_path):
    (tmp_path / "world").mkdir()
    (tmp_path / "world/setup.py").write_text("from setuptools import setup\n\nsetup()\n")
    world = {"world/env.py": "class Env:\n    def step(self, action):\n        return 0, 0.0, True, {}\n"}
    files = {"learn.py": LEARNER.format(corrected=False), "main.py": f"from world.env import Env\n{MAIN}", **world}
    outcomes = [outcome for outcome, _ in judged(tmp_path, files)]
    assert [each for outcome in outcomes for each in severities(outcome, "PER101")] == [("info", True)]


UNIFORM = """
import random


class Agent:
    def __init__(self, net):
        self.net, self.rows = net, []

    def store(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def learn(self):
        self.net.fit(random.sample(self.rows, 32))
"""


@pytest.mark.parametrize(("text", "times"), [(LEARNER.format(corrected=True), 1), (UNIFORM, 2)])
def test_rules_are_asked_again_only_where_a_program_beside_leaves_memories_out(tmp_path, monkeypatch, text, times):
    asked = Counter()
    check = Judge._check
    monkeypatch.setattr(
        Judge, "_check", lambda judge, rule, *rest: asked.update([rule.code]) or check(judge, rule, *rest)
    )
    ((outcome, graph),) = judged(tmp_path, {"learn.py": text})
    assert (outcome.in_use, len(graph.buffers)) == (False, 1)
    assert outcome.without_unmade is not None
    assert set(asked.values()) == {times}


def test_hints_about_what_is_never_run_are_none(tmp_path):
    other = LEARNER.format(corrected=True).replace("Learner", "Other")
    ((outcome, _),) = judged(tmp_path, {"learn.py": LEARNER.format(corrected=True) + other, "main.py": MAIN})
    assert sorted(severities(outcome, "PER101")) == [("error", False), ("info", True)]
    assert len([finding for finding in outcome.findings if finding.rule == "PER006"]) == 1


def test_what_is_never_run_costs_nothing(tmp_path):
    learner = LEARNER.format(corrected=True).replace("np.ones(100)", "np.ones(200_000)")
    other = learner.replace("Learner", "Other")
    ((outcome, _),) = judged(tmp_path, {"learn.py": learner + other, "main.py": MAIN})
    assert severities(outcome, "PER401") == [("warning", False)]
    assert sorted(severities(outcome, "PER101")) == [("error", False), ("info", True)]


CHOSEN = """        if self.corrected:
            weights = (filled * p[slots]) ** -beta
            weights = weights / weights.max()
        else:
            weights = np.ones(n)
        return [self.rows[i] for i in slots], slots, weights
"""


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ('settings = {"size": 1000, "corrected": False}', ("info", True)),
        ('settings = {"size": 1000, "corrected": True}', ("warning", False)),
        ('settings = {"size": 1000, "corrected": env.is_fair}', ("warning", False)),
        ('settings = {"size": 1000, "corrected": False}\n    settings["corrected"] = read()', ("warning", False)),
    ],
)
def test_what_weights_do_that_a_setting_leaves_out_is_a_hint(tmp_path, given, expected):
    text = next(rule for rule in all_rules() if rule.code == "PER205").bad[0].plain["per.py"]
    begin, end = text.index("        weights = ("), text.index("    def update")
    text = f"{text[:begin]}{CHOSEN}\n{text[end:]}"
    for old, new in (
        ("def __init__(self, size):\n", "def __init__(self, settings):\n        size = settings['size']\n"),
        ("self.rows,", "self.corrected = settings['corrected']\n        self.rows,"),
        ("memory = Memory(1000)", f"{given}\n    memory = Memory(settings)"),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    ((outcome, _),) = judged(tmp_path, {"per.py": text})
    assert severities(outcome, "PER205") == [expected]


TWO_DRAWS = """
import numpy as np
import torch

AS_COLUMN = {column}


class Learner:
    def __init__(self, net, optimizer):
        self.net, self.optimizer, self.rows, self.priorities = net, optimizer, [], np.ones(100)

    def store(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def draw(self, beta):
        p = self.priorities / self.priorities.sum()
        at = np.random.choice(100, 32, p=p)
        weights = (100 * p[at]) ** -beta
        return [self.rows[i] for i in at], at, weights / weights.max()

    def draw_column(self, beta):
        p = self.priorities / self.priorities.sum()
        at, weights = np.random.choice(100, 32, p=p), np.empty((32, 1))
        for place, slot in enumerate(at):
            weights[place, 0] = (100 * p[slot]) ** -beta
        return [self.rows[i] for i in at], at, weights / weights.max()

    def learn(self, beta):
        if AS_COLUMN:
            rows, at, weights = self.draw_column(beta)
        else:
            rows, at, weights = self.draw(beta)
        states, actions, rewards, following, ends = map(torch.tensor, zip(*rows))
        values = self.net(states).gather(1, actions.unsqueeze(1))
        following_values = self.net(following).detach().max(1, keepdim=True)[0]
        errors = rewards.unsqueeze(1) + 0.99 * (1 - ends.unsqueeze(1)) * following_values - values
        (torch.tensor(weights) * errors**2).mean().backward()
        self.optimizer.step()
        self.priorities[at] = errors.detach().abs().squeeze(1).numpy() + 1e-6


learner = Learner(net, optimizer)
learner.store(1, 2, 3.0, 4, False)
learner.learn(0.4)
"""


@pytest.mark.parametrize(("column", "expected"), [("True", ("info", True)), ("False", ("error", False))])
def test_a_form_that_weights_have_where_a_setting_never_draws_them_is_a_hint(tmp_path, column, expected):
    ((outcome, _),) = judged(tmp_path, {"learn.py": TWO_DRAWS.format(column=column)})
    assert severities(outcome, "PER102") == [expected]
