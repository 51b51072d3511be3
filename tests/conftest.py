"""A small engine in place of facts, graph and rules, for tests of what lies around them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import settings

from per_audit import facts, graph, rule
from per_audit.findings import Applicability, Evidence, Finding, FixOffer, Place, Severity
from per_audit.rule import Example, Rule

# No test measures time.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@dataclass
class FakeFacts:
    path: str
    lines: list[str]
    uneven: int | None = None


@dataclass
class FakeGraph:
    modules: list[FakeFacts]
    tree: Any = None

    @property
    def buffers(self) -> list[Any]:
        """Nothing that a fix could be planned for."""
        return []

    @property
    def library(self) -> list[Any]:
        """Nothing of other libraries."""
        return []

    @property
    def project(self) -> Any:
        """Nothing that could be repaired either."""
        return SimpleNamespace(modules={})

    @property
    def events(self) -> Any:
        """Nothing that learns."""
        return SimpleNamespace(calls={})

    def describe(self) -> list[dict[str, Any]]:
        return [{"name": module.path} for module in self.modules]

    def lines(self) -> Iterator[tuple[str, int, str]]:
        for module in self.modules:
            for number, line in enumerate(module.lines, 1):
                yield module.path, number, line


class WordRule(Rule):
    """Reports each line that holds a word."""

    word = ""

    def check(self, graph: Any) -> Iterable[Finding]:
        for path, number, line in graph.lines():
            column = line.find(self.word)
            if column >= 0 and not line.lstrip().startswith("#"):
                place = Place(path, number, column + 1, number, column + 1 + len(self.word))
                yield Finding(
                    rule=self.code,
                    name=self.name,
                    severity=self.severity,
                    confidence="high",
                    message=f"the line says {self.word}",
                    place=place,
                    symbol=line.partition("(")[0].strip(),
                    evidence=(Evidence(place, "draw", "drawn here"),),
                    fix=FixOffer(Applicability.SAFE, "unword", "Remove the word", ""),
                )


class Uniform(WordRule):
    """A pipeline draws uniformly.

    ## What it does
    Finds `uniform`.
    """

    code, name, severity, word = "PER001", "uniform-only-sampling", Severity.ERROR, "uniform("
    bad = (Example("a call", {"a.py": "uniform()  # <- PER001\n"}),)

    def witness(self) -> str:
        return "uniform is uniform"


class Broadcast(WordRule):
    """Weights broadcast | badly."""

    code, name, severity, word = "PER102", "weights-broadcast", Severity.WARNING, "broadcast("


class Eviction(WordRule):
    """Rare events are lost."""

    code, name, severity, word = "PER002", "rare-events-not-preserved", Severity.INFO, "evict("


@dataclass
class Engine:
    """What the tests may change: `rules`; and `extracted`, the files that were parsed."""

    rules: tuple[Rule, ...] = (Uniform(), Eviction(), Broadcast())
    extracted: list[str] = field(default_factory=list)

    def extract(self, path: str, data: bytes) -> FakeFacts:
        self.extracted.append(path)
        if b"print 'x'" in data:
            raise facts.Unparsable(3, "Python 2")
        return FakeFacts(path, data.decode().splitlines())


@pytest.fixture(autouse=True)
def _no_cache_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is kept between tests: where nothing can be written, nothing is."""
    for variable in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(Path(__file__)))


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    engine = Engine()
    monkeypatch.setattr(facts, "extract", engine.extract)
    monkeypatch.setattr(facts, "may_matter", lambda data: b"nothing" not in data)
    monkeypatch.setattr(graph, "link", FakeGraph, raising=False)
    monkeypatch.setattr(rule, "all_rules", lambda: engine.rules)
    return engine


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory, which is the current one."""
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    return root
