from __future__ import annotations

from pathlib import Path

import pytest

from per_audit.errors import UserError
from per_audit.verify.results import CheckResult, TargetResult, Verdict, Verification, worst
from per_audit.verify.run import Options, available_checks, verify
from per_audit.verify.targets import bundled, parse

ZOO = Path(__file__).with_name("zoo.py")


def verification(*verdicts):
    checks = [CheckResult(f"c{i}", verdict, None, None, 0, 0.0, "") for i, verdict in enumerate(verdicts)]
    return Verification([TargetResult("t", checks=checks)], 0, True)


@pytest.mark.parametrize(
    ("verdicts", "whole", "code", "strict"),
    [
        (["PASS"], "PASS", 0, 0),
        (["PASS", "NOT PROVIDED"], "PASS", 0, 3),
        (["PASS", "INCONCLUSIVE"], "INCONCLUSIVE", 0, 3),
        (["NOT PROVIDED"], "NOT PROVIDED", 0, 3),
        (["PASS", "FAIL"], "FAIL", 3, 3),
        (["PASS", "REGRESSION"], "REGRESSION", 3, 3),
        (["PASS", "ERROR"], "ERROR", 2, 2),
        (["FAIL", "ERROR"], "FAIL", 3, 3),
        ([], "ERROR", 2, 2),
    ],
)
def test_exit_codes(verdicts, whole, code, strict):
    result = verification(*map(Verdict, verdicts))
    assert result.verdict.value == whole
    assert result.exit_code() == code
    assert result.exit_code(strict=True) == strict
    assert worst([]) is Verdict.ERROR


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("replay.py", "no class is named"),
        ("nowhere.py:Buffer", "nowhere.py is no file"),
        ("a-b:Buffer", "neither a .py file nor a module"),
        ("replay.py:not a name", "no class is named"),
    ],
)
def test_bad_targets_are_refused(tmp_path, target, words):
    with pytest.raises(UserError, match=words):
        parse(target, tmp_path)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (Options(checks=("nonsense",)), "--check nonsense: there is no such check; choose from reach"),
        (Options(efficiency="all"), "--efficiency all: choose from off, quick, full"),
        (Options(adapter=Path("no.py")), "no such adapter file"),
        (Options(timeout=0), "--timeout"),
    ],
)
def test_bad_options_are_refused(options, words):
    with pytest.raises(UserError, match=words):
        verify([f"{ZOO}:Correct"], options)


def test_a_module_of_the_current_directory(tmp_path, monkeypatch):
    package = tmp_path / "agents"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "tree.py").write_text(ZOO.read_text())
    (package / "replay.py").write_text("from .tree import Correct\n\nclass Mine(Correct):\n    pass\n")
    monkeypatch.chdir(tmp_path)
    found = verify(["agents.replay:Mine", "agents/replay.py:Mine"], Options(checks=("seed",)))
    assert [target.verdict for target in found.targets] == [Verdict.PASS] * 2, found
    for target in found.targets:
        assert {Path(name).name for name in target.files} >= {"tree.py", "replay.py"}


ADAPTER = """
class Adapter:
    alpha, beta, epsilon = 0.6, 0.4, 1e-6

    def __init__(self, cls, capacity, alpha=0.6, seed=0):
        self.memory = cls(config={"size": capacity, "alpha": alpha, "seed": seed})

    def add(self, tid, reward, td, done):
        self.memory.core.add([tid], 0, reward, [tid], done)

    def draw(self, batch):
        items, weights, indices = self.memory.core.sample(batch)
        return [item[0][0] for item in items], indices, weights

    def update(self, handles, td):
        self.memory.core.update_priorities(handles, abs(td))
"""


def test_an_adapter_file(tmp_path):
    (tmp_path / "adapter.py").write_text(ADAPTER)
    (tmp_path / "memory.py").write_text(
        f"import sys; sys.path.insert(0, {str(ZOO.parent)!r})\n"
        "from zoo import Correct\n\n"
        "class Memory:\n    def __init__(self, config):\n"
        "        self.core = Correct(config['size'], config['alpha'], seed=config['seed'])\n"
    )
    target = f"{tmp_path / 'memory.py'}:Memory"
    without = verify([target], Options(checks=("reach",))).targets[0]
    assert without.verdict is Verdict.ERROR
    assert "no method that adds a transition" in without.checks[0].message
    assert "--adapter" in without.checks[0].message
    found = verify([target], Options(adapter=tmp_path / "adapter.py", efficiency="off")).targets[0]
    assert found.verdict is Verdict.PASS, found.checks
    (tmp_path / "adapter.py").write_text("")
    found = verify([target], Options(adapter=tmp_path / "adapter.py")).targets[0]
    assert "does not define a class `Adapter`" in found.checks[0].message


RANKED = """
from experience_replay_optimizer import RankBasedSampler, ReplayBuffer


class Ranked(ReplayBuffer):
    def __init__(self, capacity, alpha=0.7, beta=0.5, seed=None):
        super().__init__(RankBasedSampler(capacity, alpha, beta, seed=seed))
"""


def test_the_other_buffers_of_the_package_pass_what_they_provide(tmp_path):
    (tmp_path / "ranked.py").write_text(RANKED)
    package = "experience_replay_optimizer"
    targets = [f"{package}.dqn:PrioritizedReplayBuffer", f"{package}.memory:PrioritizedReplayMemory"]
    targets += [f"{package}.per:PER", f"{tmp_path / 'ranked.py'}:Ranked"]
    found = verify(targets, Options(efficiency="off"))
    for target in found.targets:
        bad = [check for check in target.checks if check.verdict not in (Verdict.PASS, Verdict.NOT_PROVIDED)]
        assert not bad, (target.target, bad)
        by_name = {check.check: check.verdict for check in target.checks}
        assert {by_name[name] for name in ("reach", "frequencies", "weights", "poison", "seed")} == {Verdict.PASS}


@pytest.mark.parametrize("engine", ["auto", "numpy"])
def test_the_bundled_buffers_pass_every_check(monkeypatch, engine):
    monkeypatch.setenv("EXPERIENCE_REPLAY_KERNELS", engine)
    calls = []
    found = verify((), Options(efficiency="off"), lambda done, total: calls.append((done, total)))
    assert [target.target for target in found.targets] == [target.name for target in bundled()]
    for target in found.targets:
        bad = [check for check in target.checks if check.verdict not in (Verdict.PASS, Verdict.NOT_PROVIDED)]
        assert not bad, bad
    by_name = {check.check: check.verdict for check in found.targets[0].checks}
    assert set(by_name.values()) == {Verdict.PASS}
    assert found.complete
    assert calls[-1][1] == 2 * len([name for name in available_checks() if not name.startswith("efficiency")])
