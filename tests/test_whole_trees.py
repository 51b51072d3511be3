"""What is found in a project does not depend on what is read at once, by whom, or on what else lies in the tree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from per_audit.audit import audit, audit_report, workers
from per_audit.facts import pool
from per_audit.report import render
from per_audit.rule import all_rules
from per_audit.settings import Settings

GENERIC = {
    "tools/config.py": "BATCH = 32\nSIZE = 1000\n",
    "tools/segment_tree.py": "class Segments:\n    def total(self):\n        return self.nodes[1]\n",
    "tools/old.py": "print 'Python 2'\n",
    "web/__init__.py": "from web.views import page\n",
    "web/views.py": "import random\n\ndef page():\n    return random.choice(['a', 'b'])\n",
    "random.py": "def choice(items):\n    return items[0]\n",
}


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def document(root: Path, cache: Any = None, jobs: int = 1, **settings: Any) -> dict[str, Any]:
    report = audit(root, [root], Settings(root, **settings), jobs=jobs, cache=cache).report
    return json.loads(render(report, "json"))


@pytest.fixture(scope="module")
def joined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One bad and one good example of each rule, each in a folder of its own, and what has nothing to do with them."""
    root = tmp_path_factory.mktemp("joined")
    for rule in all_rules():
        for kind, examples in (("bad", rule.bad), ("good", rule.good)):
            for example in examples[:1]:
                write(root / f"{rule.code}_{kind}", example.plain)
    write(root, GENERIC)
    return root


@pytest.fixture(scope="module")
def plain(joined: Path) -> dict[str, Any]:
    return document(joined)


def test_gates_change_nothing(joined: Path, plain: dict[str, Any]) -> None:
    assert len(plain["findings"]) >= len(all_rules())
    assert document(joined, gates=False) == plain


FOREIGN = """
import random
from collections import deque
import torch.nn.functional as F

class Speicher:
    def __init__(self):
        self.reihen = deque(maxlen=10000)

    def hinein(self, zustand, aktion, lohn, folge, ende):
        self.reihen.append((zustand, aktion, lohn, folge, ende))

    def heraus(self, n):
        return random.sample(self.reihen, n)

def lernen(welt, netz, ziel, opt):
    speicher = Speicher()
    z = welt.reset()
    while True:
        a = netz.handeln(z)
        antwort = welt.step(a)
        folge, lohn, ende = antwort[0], antwort[1], antwort[2]
        speicher.hinein(z, a, lohn, folge, ende)
        z = folge
        zz, aa, ll, ff, ee = zip(*speicher.heraus(32))
        verlust = F.mse_loss(netz(zz), ll + 0.99 * ziel(ff) * (1 - ee))
        opt.zero_grad()
        verlust.backward()
        opt.step()
"""


def test_gates_ask_for_no_words_of_a_language(tmp_path: Path) -> None:
    write(tmp_path, {"lernen.py": FOREIGN})
    found = document(tmp_path)
    assert [finding["rule"] for finding in found["findings"]] == ["PER001", "PER002"]
    assert document(tmp_path, gates=False) == found


WEIGHTED = """import numpy as np

class Forest:
    def __init__(self, n):
        self.rng = np.random.default_rng(0)
        self.p = np.ones(n) / n

    def draw(self, n, beta):
        drawn = self.rng.choice(len(self.p), n, p=self.p)
        return drawn, (len(self.p) * self.p[drawn]) ** -beta

    def fit(self, drawn, errors):
        self.p[drawn] = np.abs(errors)
"""


@pytest.mark.parametrize(
    ("added", "memories", "rules"),
    [
        ("", 1, []),
        (f"TEXT = '{'-' * 100_000}'\n", 0, []),
        (f"# a reward\nTEXT = '{'-' * 100_000}'\n", 0, []),
        (f"# per-audit: ignore[PER203]\nTEXT = '{'-' * 100_000}'\n", 0, ["PER910", "PER911"]),
        (f"reward = 0\nTEXT = '{'-' * 100_000}'\n", 0, []),
        (f"ROW = 'reward', 'next_state', 'done'  # of a transition\nTEXT = '{'-' * 100_000}'\n", 0, []),
        (f"ROW = 'reward', 'next_state', 'done', 'sampled'\nTEXT = '{'-' * 100_000}'\n", 1, []),
        (f"memory = ReplayMemory\nTEXT = '{'-' * 100_000}'\n", 1, []),
    ],
)
def test_much_code_that_learns_from_no_rewards_has_no_memory(
    tmp_path: Path, added: str, memories: int, rules: list[str]
) -> None:
    write(tmp_path, {"forest.py": WEIGHTED + added})
    found = document(tmp_path)
    assert (len(found["pipelines"]), [finding["rule"] for finding in found["findings"]]) == (memories, rules)
    assert document(tmp_path, gates=False) == found


def test_neither_processes_nor_a_cache_change_anything(
    joined: Path, plain: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_WORTH_WORKERS", 0)
    cache: dict[Any, Any] = {}
    assert document(joined, cache, jobs=3) == plain
    assert document(joined, cache) == plain


def test_a_report_says_the_same_from_many_processes(joined: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = render(audit_report(joined, [joined], Settings(joined)), "json")
    monkeypatch.setattr(workers, "_WORTH_WORKERS", 0)
    assert render(audit_report(joined, [joined], Settings(joined), jobs=3), "json") == plain


BUFFER = """import random

class Rows:
    def __init__(self, limit):
        self.limit = limit
        self.rows = []
    def put(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))
    def sample(self, n):
        return random.sample(self.rows, n)
"""
AGENT = """import torch

class Agent:
    def __init__(self, rows, net, opt):
        self.rows, self.net, self.opt = rows, net, opt
    def learn(self):
        state, action, reward, next_state, done = zip(*self.rows.sample(32))
        target = torch.tensor(reward) + 0.99 * self.net(next_state).max(1)[0]
        loss = ((self.net(state).gather(1, action) - target) ** 2).mean()
        self.opt.zero_grad()
        loss.backward()
        self.opt.step()
"""
MAIN = """from rows import Rows
from agent import Agent

agent = Agent(Rows(1000), net, opt)
while True:
    agent.learn()
"""


def test_a_script_without_any_word_of_replay_connects_its_parts(tmp_path: Path) -> None:
    write(tmp_path, {"rows.py": BUFFER, "agent.py": AGENT, "main.py": MAIN})
    report = document(tmp_path)
    assert report == document(tmp_path, gates=False)
    (pipeline,) = report["pipelines"]
    assert {place["path"] for place in pipeline["made"]} == {"main.py"}
    assert {place["path"] for place in pipeline["learnt"]} == {"agent.py"}


def test_what_else_is_in_the_tree_changes_no_finding(tmp_path: Path) -> None:
    write(tmp_path, {"mine/rows.py": BUFFER, "mine/agent.py": AGENT, "mine/main.py": MAIN})
    alone = document(tmp_path)
    assert alone["findings"]
    many = "".join(f"def f{n}(x):\n    return x + {n}\n" for n in range(400))
    write(tmp_path, {f"other/{name}": text for name, text in GENERIC.items()})
    write(tmp_path, {"other/memory.py": BUFFER + many, "numpy/__init__.py": "", "torch/__init__.py": many})
    after = document(tmp_path)
    assert [found for found in after["findings"] if found["path"].startswith("mine/")] == alone["findings"]


def test_only_what_can_matter_is_a_notice_where_it_cannot_be_read(tmp_path: Path) -> None:
    write(tmp_path, {"rows.py": BUFFER, "main.py": "import rows\nprint 'x'\n", "far.py": "print 'x'\n"})
    for gates in (True, False):
        assert [notice["path"] for notice in document(tmp_path, gates=gates)["notices"]] == ["main.py"]
