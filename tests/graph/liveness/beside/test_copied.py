"""Copies of libraries in the tree of a program that needs other modules of them."""

import textwrap

import pytest

from per_audit.facts import extract
from per_audit.graph import link
from per_audit.graph.liveness.idle import Idle

# The library's own memory, in its place, and modules that a program may copy it for.
LIBRARY = {
    "baselines/deepq/replay_buffer.py": """
        import random

        class ReplayBuffer:
            def __init__(self, size):
                self.rows = []

            def add(self, obs, action, reward, next_obs, done):
                self.rows.append((obs, action, reward, next_obs, done))

            def sample(self, n):
                return [random.choice(self.rows) for _ in range(n)]
        """,
    "baselines/deepq/deepq.py": """
        from baselines.common import plots
        from baselines.deepq.replay_buffer import ReplayBuffer

        def learn(env, net, optimizer):
            memory = ReplayBuffer(100)
            memory.add(*env.step())
            net.loss(memory.sample(8)).backward()
            optimizer.step()
        """,
    "baselines/deepq/__init__.py": "from baselines.deepq.deepq import learn\n",
    "baselines/run.py": "from baselines.deepq import learn\nfrom importlib import import_module\nlearn(1, 2, 3)\n",
    "baselines/__init__.py": "",
    "baselines/common/__init__.py": "",
    "baselines/common/plots.py": "LINES = 3\n",
}
PROGRAM = """
    import random
    from baselines.common.plots import LINES

    rows = []

    def train(env, net, optimizer):
        while True:
            rows.append(env.step())
            net.loss(random.sample(rows, 8)).backward()
            optimizer.step()
    """
IMPORTS = "from baselines.common.plots import LINES"
MOST = PROGRAM.replace(IMPORTS, f"{IMPORTS}\n    import baselines.run, baselines.deepq.deepq")
NO_LEARNER = f"{IMPORTS}\n"


def why(files: dict[str, str], is_package: bool = False) -> str | None:
    """Why the draw of the library's memory is never run."""
    graph = link([extract(path, textwrap.dedent(text).encode()) for path, text in files.items()])
    (path,) = (path for path in files if path.endswith("/replay_buffer.py"))
    (buffer,) = (buffer for buffer in graph.buffers if buffer.path == path)
    return Idle(graph, is_package).why(graph.place(path, buffer.draws[0]))


def moved(above: str) -> dict[str, str]:
    return {f"{above}/{path}": text for path, text in LIBRARY.items()}


@pytest.mark.parametrize("library", [LIBRARY, moved("agents/multi")])
def test_modules_of_a_copy_that_the_program_does_not_lead_to(library):
    said = "never run here: the program imports other modules of its copy of Baselines"
    assert why({**library, "main.py": PROGRAM}) == said


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"main.py": NO_LEARNER},
        {"main.py": PROGRAM.replace(IMPORTS, "")},
        {"main.py": PROGRAM + "    from baselines import deepq\n"},
        {"main.py": PROGRAM, "play.py": "from baselines.deepq.replay_buffer import ReplayBuffer\n"},
        {"main.py": PROGRAM, "play.py": "import subprocess\nsubprocess.run('python -m baselines.run', shell=True)\n"},
        {"main.py": PROGRAM, "play.py": "import subprocess\nsubprocess.run(['python', 'baselines/run.py'])\n"},
        {"main.py": PROGRAM, "play.py": "import importlib\nimportlib.import_module(input())\n"},
        {"main.py": PROGRAM, "baselines/common/plots.py": "import baselines.run\n"},
    ],
)
def test_what_a_program_leads_to_or_is_may_run(more):
    assert why({**LIBRARY, **more}) is None


def test_a_library_that_most_of_is_in_use_may_be_what_the_project_is_about():
    bare = {"baselines/run.py": "", "baselines/deepq/deepq.py": "", "baselines/deepq/__init__.py": ""}
    assert "its copy" in (why({**LIBRARY, **bare, "main.py": PROGRAM}) or "")
    assert "nothing in the project makes" in (why({**LIBRARY, **bare, "main.py": MOST}) or "")


def test_modules_of_a_package_are_for_its_users():
    assert why({**LIBRARY, "main.py": PROGRAM}, is_package=True) is None


def test_a_package_of_the_program_is_no_copy_by_its_name():
    files = {path.replace("deepq/", "agents/"): text.replace("deepq", "agents") for path, text in LIBRARY.items()}
    assert why({**files, "main.py": PROGRAM}) is None


LOOKS_UP = "import main\n\ndef made(name):\n    return globals()[name]()\n"


@pytest.mark.parametrize(
    ("text", "imports", "is_found"),
    [
        (LOOKS_UP, "import baselines.deepq.deepq\n", True),
        (LOOKS_UP, "", False),
        ("", "import baselines.deepq.deepq\n", False),
    ],
)
def test_what_they_look_up_by_name_is_none_of_the_program(text, imports, is_found):
    program = textwrap.dedent(PROGRAM) + "\nclass Own:\n    pass\n"
    files = {**LIBRARY, "baselines/deepq/deepq.py": text, "main.py": program, "start.py": imports}
    graph = link([extract(path, textwrap.dedent(text).encode()) for path, text in files.items()])
    (own,) = (cls for cls in graph.project.classes if cls.name == "Own")
    why = Idle(graph).why(graph.place("main.py", own))
    assert why == (None if is_found else "never run here: nothing in the project makes Own")
