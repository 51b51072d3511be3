"""Classes that nothing connects with the rest of a project."""

import json
from pathlib import Path

import pytest

from per_audit.audit import audit, audit_report
from per_audit.findings import Severity
from per_audit.settings import Settings

MEMORY = """import random

class Memory:
    def __init__(self, size=100):
        self.rows, self.size = [], size

    def add(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))
        if len(self.rows) > self.size:
            self.rows.pop(0)

    def sample(self, n):
        return random.sample(self.rows, n)
"""
TRAIN = """from memory import Memory

def train(env, net, optimizer):
    memory = Memory()
    while True:
        memory.add(*env.transition())
        net.loss(memory.sample(8)).backward()
        optimizer.step()
"""
USED = {"memory.py": MEMORY, "train.py": TRAIN}


def found(root: Path, files: dict[str, str]) -> set[str]:
    """The files with a finding, which are the same however the audit is made."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    settings = Settings(root)
    report = audit(root, [root], settings).report
    kept: dict = {}
    for again in (
        audit(root, [root], Settings(root, gates=False)).report,
        audit_report(root, [root], settings, jobs=2),
        audit_report(root, [root], settings, outcomes=kept),
        audit_report(root, [root], settings, outcomes=kept),
    ):
        assert [f.id for f in again.findings] == [f.id for f in report.findings]
        assert again.pipelines == report.pipelines
    return {finding.place.path for finding in report.findings}


BY_FILE = """import importlib
import os

agent_file = "{file}"
name, extension = os.path.splitext(agent_file)
agent = getattr(importlib.import_module(name.replace("/", ".")), os.path.basename(name))()
"""


@pytest.mark.parametrize(
    ("more", "paths"),
    [
        ({"old_memory.py": MEMORY}, {"memory.py"}),
        ({"old_memory.py": MEMORY, "old_train.py": TRAIN.replace("memory import", "old_memory import")},
         {"memory.py", "old_memory.py"}),
        ({"old_memory.py": MEMORY, "run.py": "import os\nos.system('python old_memory.py')\n"},
         {"memory.py", "old_memory.py"}),
        ({"old_memory.py": MEMORY, "run.py": "from lib.far.old_memory import Memory\n"},
         {"memory.py", "old_memory.py"}),
        ({"old_memory.py": MEMORY, "run.py": "import importlib\nimportlib.import_module(read())\n"},
         {"memory.py", "old_memory.py"}),
        ({"old_memory.py": MEMORY, "run.py": "from importlib import import_module\nimport_module('old_memory')\n"},
         {"memory.py", "old_memory.py"}),
        ({"old_memory.py": MEMORY, "run.py": "from importlib import import_module as load\nload(read())\n"},
         {"memory.py", "old_memory.py"}),
        ({"old_memory.py": MEMORY, "run.py": "import importlib.util\nimportlib.import_module('torch')\n"},
         {"memory.py"}),
        ({"old_memory.py": MEMORY, "run.py": "import importlib\nimportlib.import_module('envs.' + read())\n"},
         {"memory.py"}),
        ({"old_memory.py": MEMORY, "run.py": BY_FILE.format(file="agents/idle.py")}, {"memory.py"}),
        ({"old_memory.py": MEMORY, "run.py": "import gym  # instantiate it (or not)\n"}, {"memory.py"}),
        ({"old_memory.py": MEMORY, "run.py": "from hydra.utils import instantiate\ninstantiate(read())\n"},
         {"memory.py", "old_memory.py"}),
        ({"envs/old_memory.py": MEMORY, "run.py": "import importlib\nimportlib.import_module(f'envs.{read()}')\n"},
         {"memory.py", "envs/old_memory.py"}),
        ({"program.py": MEMORY + "\nmemory = Memory()\nmemory.sample(3)\n"}, {"memory.py", "program.py"}),
    ],
)  # fmt: skip
def test_a_module_that_nothing_imports_beside_one_in_use(tmp_path, more, paths):
    assert found(tmp_path, {**USED, **more}) == paths


WRAPPED = """from stable_baselines3.common.buffers import ReplayBuffer

class Wrapped:
    def __init__(self, size, space, actions):
        self.rows = ReplayBuffer(size, space, actions, "cpu")

    def add(self, obs, next_obs, action, reward, done):
        self.rows.add(obs, next_obs, action, reward, done, [{}])

    def learn(self, q_network, update):
        update(q_network, self.rows.sample(128))
"""


def test_a_wrapper_of_a_librarys_memory_that_nothing_makes_is_told_as_a_hint(tmp_path):
    assert "wrapped.py" in found(tmp_path, {**USED, "wrapped.py": WRAPPED})
    told = audit(tmp_path, [tmp_path], Settings(tmp_path)).report.findings
    assert {finding.severity for finding in told if finding.place.path == "wrapped.py"} == {Severity.INFO}


def test_a_wrapper_of_a_librarys_memory_in_a_library_is_judged(tmp_path):
    found(tmp_path, {"wrapped.py": WRAPPED})
    told = audit(tmp_path, [tmp_path], Settings(tmp_path)).report.findings
    assert Severity.ERROR in {finding.severity for finding in told}


def test_what_a_file_of_python_2_makes_is_in_use(tmp_path):
    old = "from memory import Memory\n\nprint 'start'\nMemory().sample(8)\n"
    files = {"memory.py": MEMORY, "run.py": old, "left_over.py": MEMORY}
    assert found(tmp_path, files) == {"memory.py"}


@pytest.mark.parametrize(
    ("last", "is_told"),
    [
        (TRAIN.partition("\n\n")[2] + "    return memory.\n", True),
        ("def train(env):\n    memory = Queue(\n", False),
        ("print(Memory)\n", True),
    ],
)
def test_what_a_cell_that_does_not_parse_makes_is_in_use(tmp_path, last, is_told):
    """It may make what the other cells of its notebook define."""
    cells = [{"cell_type": "code", "source": source} for source in (MEMORY, last)]
    files = {**USED, "try.ipynb": json.dumps({"cells": cells, "metadata": {}})}
    assert found(tmp_path, files) == ({"memory.py", "try.ipynb"} if is_told else {"memory.py"})


def test_a_folder_of_its_own_is_a_project_of_its_own(tmp_path):
    assert found(tmp_path, {**USED, "lesson_2/memory_2.py": MEMORY}) == {"memory.py", "lesson_2/memory_2.py"}


PACKAGED = {
    "code/learning/online/memory.py": MEMORY,
    "code/learning/online/train.py": TRAIN.replace("from memory", "from learning.online.memory"),
    "code/run.py": "from learning.online.train import train\n\ntrain(read(), read(), read())\n",
    "code/learning/replay/extra.py": MEMORY,
}


@pytest.mark.parametrize(
    ("more", "is_meant"),
    [
        ({}, False),
        ({"code/other.py": "from learning.replay.extra import Memory\n\nMemory().sample(8)\n"}, True),
        ({"tests/test_extra.py": "from learning.replay.extra import Memory\n\nrows = Memory()\n"}, True),
        ({"code/run.sh.py": "read('learning/replay/extra.py')\n"}, True),
        ({"setup.py": "import setuptools\n\nsetuptools.setup(packages=['learning'])\n"}, True),
        ({"pyproject.toml": "[build-system]\n"}, True),
        ({"code/learning/replay/start.py": "if __name__ == '__main__':\n    print(read())\n"}, True),
    ],
)
def test_a_module_of_the_package_that_a_program_imports_others_of(tmp_path, more, is_meant):
    paths = found(tmp_path, {**PACKAGED, **more})
    assert "code/learning/online/memory.py" in paths
    assert ("code/learning/replay/extra.py" in paths) is is_meant


@pytest.mark.parametrize(
    ("more", "is_meant"),
    [
        ({"kit/__init__.py": "", "kit/deep/__init__.py": ""}, False),
        ({"kit/__init__.py": "from .deep.memory_2 import Memory\n", "kit/deep/__init__.py": ""}, True),
        ({"kit/__init__.py": ""}, True),  # a folder of its own
        ({"lib/kit/__init__.py": ""}, True),
    ],
)
def test_a_package_beside_a_program_that_imports_nothing_of_it(tmp_path, more, is_meant):
    assert ("kit/deep/memory_2.py" in found(tmp_path, {**USED, "kit/deep/memory_2.py": MEMORY, **more})) is is_meant


BY_LIBRARY = """from stable_baselines3 import DQN

DQN("MlpPolicy", "CartPole-v1", buffer_size=50_000).learn(100_000)
"""


def test_a_program_that_learns_by_a_library_has_a_memory_in_use(tmp_path):
    assert found(tmp_path, {"train.py": BY_LIBRARY, "extra.py": MEMORY}) == {"train.py"}
    assert "extra.py" in found(tmp_path, {"train.py": BY_LIBRARY.replace(".learn(100_000)", "")})


def test_a_library_stays_as_it_is(tmp_path):
    assert found(tmp_path, {"memory.py": MEMORY, "other.py": MEMORY}) == {"memory.py", "other.py"}


def test_what_a_text_shows_makes_nothing(tmp_path):
    text = f"```python\n{MEMORY}\nmemory = Memory()\n```\n"
    assert found(tmp_path, {"memory.py": MEMORY, "README.md": text}) == {"memory.py"}


def test_what_a_file_only_tries_out_is_told_as_a_hint(tmp_path):
    tried = MEMORY + "\nif __name__ == '__main__':\n    memory = Memory()\n    print(memory.sample(1))\n"
    assert "old.py" in found(tmp_path, {**USED, "old.py": tried})
    report = audit(tmp_path, [tmp_path], Settings(tmp_path)).report
    told = [finding for finding in report.findings if finding.place.path == "old.py"]
    assert all(finding.severity is Severity.INFO for finding in told)
    assert any("only the `__main__` block of old.py leads to it" in finding.message for finding in told)


def notes(root: Path, files: dict[str, str]) -> dict[str, set[str]]:
    """What the files of the findings are said not to run for."""
    found(root, files)
    report = audit(root, [root], Settings(root)).report
    told: dict[str, set[str]] = {}
    for finding in report.findings:
        assert finding.severity is not Severity.INFO or finding.rule == "PER002"
        told.setdefault(finding.place.path, set()).add(finding.message.partition("(not run as it stands: ")[2])
    return told


def test_what_nothing_makes_is_told_of_a_library(tmp_path):
    said = {"nothing in the project makes Memory)"}
    assert notes(tmp_path, {"memory.py": MEMORY, "other.py": MEMORY}) == {"memory.py": said, "other.py": said}


@pytest.mark.parametrize(
    ("more", "is_told"),
    [
        ({}, True),
        ({"run.py": "import importlib\nimportlib.import_module(read()).Memory()\n"}, False),
        ({"run.py": "import importlib\nimportlib.import_module(f'envs.{read()}').Memory()\n"}, True),
        ({"tests/run.py": "import importlib\nimportlib.import_module(read()).Memory()\n"}, True),
        ({"run.py": BY_FILE.format(file="agents/idle.py")}, True),
        ({"run.py": BY_FILE.format(file="agents/memory.py")}, False),
    ],
)
def test_what_another_file_may_make_is_not(tmp_path, more, is_told):
    assert notes(tmp_path, {"memory.py": MEMORY, **more}) == {
        "memory.py": {"nothing in the project makes Memory)" if is_told else ""}
    }


def test_what_a_package_has_for_its_users_is_told_to_be_made_by_none_of_its_own_code(tmp_path):
    files = {"setup.py": "from setuptools import setup\nsetup()\n", "train.py": BY_LIBRARY}
    files |= {"kit/__init__.py": "", "kit/memory.py": MEMORY}
    assert notes(tmp_path, files)["kit/memory.py"] == {"nothing in the project makes Memory)"}


SLOW = """import numpy as np

class Slow:
    def __init__(self, size):
        self.size = size
        self.p, self.rows, self.at = np.zeros(size), [None] * size, 0

    def add(self, state, action, reward, next_state, done):
        self.rows[self.at], self.p[self.at] = (state, action, reward, next_state, done), 1.0
        self.at = (self.at + 1) % self.size

    def sample(self, n):
        share = self.p / self.p.sum()
        slots = np.random.choice(self.size, n, p=share)
        return slots, [self.rows[i] for i in slots], (share[slots] / share.min()) ** -0.4

    def update(self, slots, errors):
        self.p[slots] = np.abs(errors)
"""


@pytest.mark.parametrize(
    ("files", "severity"),
    [
        ({"kit/slow.py": SLOW}, Severity.INFO),
        ({"kit/memory.py": MEMORY + SLOW}, Severity.INFO),
        ({"kit/slow.py": SLOW, "kit/__init__.py": "from kit.slow import Slow\n"}, Severity.WARNING),
        ({"kit/slow.py": SLOW, "kit/__init__.py": "from kit.slow import *\n"}, Severity.WARNING),
    ],
)
def test_what_the_memories_that_a_package_has_only_for_its_users_cost_is_a_hint(tmp_path, files, severity):
    train = TRAIN.replace("from memory", "from kit.memory")
    project = {"setup.py": "from setuptools import setup\nsetup()\n", "kit/__init__.py": "", "kit/memory.py": MEMORY}
    found(tmp_path, {**project, "train.py": train, **files})
    told = [each for each in audit(tmp_path, [tmp_path], Settings(tmp_path)).report.findings if "Slow" in each.message]
    assert {each.severity for each in told if each.rule == "PER401"} == {severity}
    assert {each.severity for each in told if each.rule == "PER105"} == {Severity.ERROR}
    assert all("(not run as it stands: nothing in the project makes Slow)" in each.message for each in told)


ROLLOUT = """import torch

def train(net, env, optimizer):
    state, sums = env.reset(), []
    for _ in range(100):
        action, said = net(state)
        state, reward, done, _ = env.step(action)
        sums.append(said * reward)
    torch.stack(sums).sum().backward()
    optimizer.step()

train(make_net(), make_env(), make_optimizer())
"""


@pytest.mark.parametrize(
    ("more", "severity"),
    [
        ({"src/__init__.py": "", "src/utils/__init__.py": "", "src/policy.py": ROLLOUT}, Severity.INFO),
        ({"src/policy.py": ROLLOUT.replace("train(make", "# train(make")}, Severity.INFO),
        ({"src/policy.py": ROLLOUT, "setup.py": "from setuptools import setup\nsetup()\n"}, Severity.ERROR),
        ({"src/policy.py": "def act(net, state):\n    return net(state)\n"}, Severity.ERROR),
    ],
)
def test_what_nothing_makes_beside_what_learns_without_it_is_a_hint(tmp_path, more, severity):
    found(tmp_path, {"src/utils/memory.py": MEMORY, **more})
    (told,) = [
        each for each in audit(tmp_path, [tmp_path], Settings(tmp_path)).report.findings if each.rule == "PER001"
    ]
    assert told.severity is severity
    assert "(not run as it stands: nothing in the project makes Memory)" in told.message


def test_a_function_that_nothing_calls_may_be_called_by_hand(tmp_path):
    main = "".join(f"    {line}\n" for line in TRAIN.splitlines())
    found(tmp_path, {"memory.py": MEMORY, "main.py": f"import gym\n\ndef main(net):\n    env = gym.make(ID)\n{main}"})
    told = audit(tmp_path, [tmp_path], Settings(tmp_path)).report.findings
    assert any("nothing in the project calls main" in each.message for each in told)
    assert Severity.ERROR in {each.severity for each in told}


def test_a_memory_of_a_learner_that_is_switched_off_is_told_as_before(tmp_path):
    learns = "        net.loss(memory.sample(8)).backward()\n        optimizer.step()\n"
    main = TRAIN.replace(learns, "        if not WATCH:\n" + learns.replace("        ", "            "))
    found(tmp_path, {"memory.py": MEMORY, "main.py": f"WATCH = True\n{main}"})
    severities = {each.severity for each in audit(tmp_path, [tmp_path], Settings(tmp_path)).report.findings}
    assert Severity.ERROR in severities


USES_SLOW = TRAIN.replace("from memory import Memory", "").replace("Memory()", "Slow(200_000)")


@pytest.mark.parametrize(("used", "severity"), [("", Severity.INFO), (USES_SLOW, Severity.WARNING)])
def test_what_a_memory_costs_that_nothing_makes_is_a_hint(tmp_path, used, severity):
    found(tmp_path, {"slow.py": SLOW, "main.py": f"from slow import Slow\n{used}"})
    told = audit(tmp_path, [tmp_path], Settings(tmp_path)).report.findings
    assert {each.severity for each in told if each.rule == "PER401"} == {severity}
    assert {each.severity for each in told if each.rule == "PER105"} == {Severity.ERROR}


AGENT = """import random
from slow import Slow

class Agent:
    def __init__(self, net):
        self.net, self.rows, self.rated = net, [], Slow(200_000)

    def learn(self):
        self.net.loss(random.sample(self.rows, 8)).backward()

    def learn_by_rank(self):
        slots, rows, weights = self.rated.sample(8)
        errors = self.net.errors(rows)
        (weights * errors).mean().backward()
        self.rated.update(slots, errors)
"""
RUN = """import lightning
from agent import Agent

def main(env, net):
    agent = Agent(net)
    while True:
        agent.rows.append(env.transition())
        agent.learn()
"""


@pytest.mark.parametrize(
    ("more", "severity"),
    [
        ("", Severity.INFO),
        ("        agent.learn_by_rank()\n", Severity.WARNING),
        ("        getattr(agent, read())()\n", Severity.WARNING),
        ("        lightning.fit(agent)\n", Severity.WARNING),  # it may call any method of it
    ],
)
def test_what_the_memory_costs_whose_methods_nothing_comes_to_is_a_hint(tmp_path, more, severity):
    found(tmp_path, {"slow.py": SLOW, "agent.py": AGENT, "run.py": RUN + more})
    told = [each for each in audit(tmp_path, [tmp_path], Settings(tmp_path)).report.findings if each.rule == "PER401"]
    assert [each.severity for each in told] == [severity]
    note = "(not run as it stands: nothing in the project calls Agent.learn_by_rank)"
    assert [note in each.message for each in told] == [severity is Severity.INFO]


def test_a_program_whose_learning_is_switched_off_is_told_to_be(tmp_path):
    learns = "        net.loss(memory.sample(8)).backward()\n        optimizer.step()\n"
    main = TRAIN.replace(learns, "        if not WATCH:\n" + learns.replace("        ", "            "))
    told = notes(tmp_path, {"memory.py": MEMORY, "main.py": f"WATCH = True\n{main}"})
    assert told == {"memory.py": {"`not WATCH` is the same wherever the program sets it)"}}


LIBRARY_RUN = """import gym
from stable_baselines3 import DQN
from .shared import show

def main(name, steps):
    model = DQN("MlpPolicy", gym.make(name), buffer_size=50_000)
    model.learn(steps)
    show(model)
"""
STARTED = """import importlib
import sys

if __name__ == "__main__":
    for kind in sys.argv[1:]:
        {begin}
"""
BY_TEXT = 'importlib.import_module(f"runs.run_{kind}").main("CartPole-v1", 100_000)'


@pytest.mark.parametrize(
    ("begin", "is_run"),
    [
        (BY_TEXT, True),
        (BY_TEXT.replace('f"runs.run_{kind}"', '"runs.run_" + kind'), True),
        (BY_TEXT.replace("run_{kind}", "run_two"), False),
    ],
)
def test_functions_of_modules_that_a_program_names_by_a_text_are_run(tmp_path, begin, is_run):
    runs = {f"runs/run_{name}.py": LIBRARY_RUN for name in ("one", "two")}
    found(tmp_path, {"start.py": STARTED.format(begin=begin), "runs/shared.py": "def show(x):\n    print(x)\n", **runs})
    told = audit(tmp_path, [tmp_path], Settings(tmp_path)).report.findings
    assert {f.severity is Severity.ERROR for f in told if "run_one" in f.place.path} == {is_run}
    assert {f.severity is Severity.ERROR for f in told if "run_two" in f.place.path} == {True}


UNASKED = """import random
from collections import deque

class Ring:
    def __init__(self, size):
        self.rows = deque(maxlen=size)

    def put(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def take(self, n):
        return random.sample(self.rows, n)

class Player:
    def __init__(self, size):
        self.ring = Ring(size)

    def train(self, net, target, states, rewards):
        return (net(states) - rewards - target(states)) ** 2

"""
STARTS = 'if __name__ == "__main__":\n    print(Player(1000).train(net, target, states, rewards))\n'


@pytest.mark.parametrize(
    ("start", "severity"),
    [
        (STARTS, Severity.INFO),
        (STARTS.replace("print", "print(play()) if net else print") + "def play():\n    return 1\n", Severity.INFO),
        ("def begin():\n    return Player(1000)\n" + STARTS.replace("Player(1000)", "begin()"), Severity.INFO),
        ("def begin():\n    return Player(1000)\n", Severity.ERROR),  # for others, who may draw from it
        ('if __name__ == "__main__":\n    print(Player(1000).ring.rows)\n', Severity.ERROR),  # only looked at
        ("", Severity.ERROR),
    ],
)
def test_a_memory_that_a_script_makes_and_never_draws_from_is_a_hint_though_nothing_learns(tmp_path, start, severity):
    found(tmp_path, {"player.py": UNASKED + start, "net.py": "def net(states):\n    return states\n"})
    told = [each for each in audit(tmp_path, [tmp_path], Settings(tmp_path)).report.findings if each.rule == "PER001"]
    assert [each.severity for each in told] == [severity]
