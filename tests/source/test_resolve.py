"""Names that mean a library wherever a tree has modules of the same name."""

import pytest

from per_audit.source.resolve import Modules

TREE = Modules(
    [
        "agents/random.py",
        "agents/torch/__init__.py",
        "agents/__init__.py",
        "agents/torch/dqn.py",
        "numpy/__init__.py",
        "numpy/random.py",
        "numpy/linalg/norms.py",
        "site-packages/six.py",
        "site-packages/one/a.py",
        "site-packages/one/b.py",
        "site-packages/two/c.py",
        "setup.py",
        "utils.py",
    ]
)


@pytest.mark.parametrize(
    ("importer", "dotted", "found"),
    [
        ("train.py", "random", None),
        ("agents/dqn.py", "random", None),
        ("agents/torch/dqn.py", "torch", None),
        ("train.py", "numpy.random", None),
        ("numpy/linalg/norms.py", "numpy.random", "numpy/random.py"),
        ("numpy/linalg/norms.py", "numpy", "numpy/__init__.py"),
        ("site-packages/one/a.py", "one.b", "site-packages/one/b.py"),
        ("site-packages/one/a.py", "two.c", None),
        ("site-packages/one/a.py", "six", None),
        ("train.py", "six", None),
        ("train.py", "two.c", None),
        ("train.py", "setuptools.setup", None),
        ("train.py", "torchvision.utils", None),
        ("train.py", "project.utils", "utils.py"),
    ],
)
def test_libraries(importer, dotted, found):
    assert TREE.find(importer, dotted) == found


def test_relative_imports_are_files_whatever_they_are_called():
    assert TREE.find("agents/dqn.py", "random", 1) == "agents/random.py"


SCRIPTS = Modules(
    [
        "algorithms/__init__.py",
        "algorithms/dqn.py",
        "algorithms/profile.py",
        "common/__init__.py",
        "common/plots.py",
        "scripts/train.py",
        "scripts/profile.py",
        "tools/calendar.py",
        "library/__init__.py",
        "library/wrappers/__init__.py",
        "library/wrappers/pettingzoo.py",
        "library/wrappers/envs/__init__.py",
    ]
)


@pytest.mark.parametrize(
    ("importer", "dotted", "found"),
    [
        ("scripts/train.py", "profile", "scripts/profile.py"),
        ("algorithms/dqn.py", "profile", None),
        ("scripts/train.py", "calendar", None),
        ("algorithms/dqn.py", "plots", "common/plots.py"),
        ("algorithms/dqn.py", "pettingzoo", None),
        ("algorithms/dqn.py", "wrappers.pettingzoo", "library/wrappers/pettingzoo.py"),
        ("library/wrappers/envs/__init__.py", "pettingzoo", "library/wrappers/pettingzoo.py"),
    ],
)
def test_bare_names(importer, dotted, found):
    """The standard library is itself but for files beside a script, and nobody names what is deep in a package."""
    assert SCRIPTS.find(importer, dotted) == found


def test_a_package_of_another_project_means_what_is_installed():
    several = Modules(
        [
            "ours/agents/__init__.py",
            "ours/agents/dqn.py",
            "ours/envs/__init__.py",
            "ours/envs/maze/__init__.py",
            "theirs/agents_b/__init__.py",
            "theirs/agents_b/dqn.py",
            "theirs/train.py",
        ]
    )
    assert several.find("ours/agents/dqn.py", "maze") == "ours/envs/maze/__init__.py"
    assert several.find("theirs/train.py", "maze") == "ours/envs/maze/__init__.py"
    assert several.find("theirs/agents_b/dqn.py", "maze") is None


@pytest.mark.parametrize(
    ("importer", "dotted", "level", "found"),
    [
        ("train.py", "agent", 0, "Agent.py"),
        ("train.py", "Common.Sum_tree", 0, "common/sum_tree.py"),
        ("common/plots.py", "agent", 0, "Agent.py"),
        ("common/plots.py", "Sum_Tree", 1, "common/sum_tree.py"),
        ("common/plots.py", "agent", 1, None),
        ("train.py", "COMMON", 0, "common/__init__.py"),
        ("train.py", "memory", 0, "memory.py"),
        ("train.py", "MEMORY", 0, None),
        ("train.py", "Queue", 0, None),
        ("train.py", "gym", 0, None),
        ("train.py", "sum_tree2", 0, None),
        ("site-packages/a/b.py", "agent", 0, None),
    ],
)
def test_capitals(importer, dotted, level, found):
    """A file in whose name they differ is meant where none has them right, and where it is the only one."""
    paths = (
        "Agent.py memory.py Memory.py queue.py Gym.py train.py common/__init__.py common/plots.py common/sum_tree.py"
    )
    assert Modules([*paths.split(), "site-packages/a/b.py"]).find(importer, dotted, level) == found


def test_the_scanned_directory_may_be_a_package():
    whole = Modules(["__init__.py", "train.py", "common/__init__.py", "common/plots.py", "agents/dqn.py"])
    assert whole.find("agents/dqn.py", "plots") is None
    assert whole.find("agents/dqn.py", "train") == "train.py"


@pytest.mark.parametrize(
    ("importer", "dotted", "found"),
    [
        ("buffer.py", "baselines.Agent.tree", "tree.py"),
        ("__init__.py", "baselines.Agent.Agent", "Agent.py"),
        ("parts/rows.py", "baselines.Agent.tree", "tree.py"),
        ("buffer.py", "baselines.Other.tree", None),
        ("buffer.py", "baselines.Agent.missing", None),
        ("scripts/run.py", "baselines.Agent.tree", None),  # what is installed: the folder is in no package
    ],
)
def test_a_package_may_be_known_by_the_name_of_its_main_module(importer, dotted, found):
    paths = ["__init__.py", "Agent.py", "tree.py", "buffer.py", "parts/__init__.py", "parts/rows.py", "scripts/run.py"]
    assert Modules(paths).find(importer, dotted) == found


def test_paths_may_begin_at_the_top_of_the_file_system():
    top = Modules(["/train.py", "/code/gym/__init__.py", "/code/gym/envs.py", "/code/agents/dqn.py"])
    assert top.find("/code/gym/envs.py", "gym") == "/code/gym/__init__.py"
    assert top.find("/code/agents/dqn.py", "gym") is None
    assert top.find("/code/agents/dqn.py", "agents.sac") is None
    assert top.find("/code/agents/dqn.py", "train") == "/train.py"


@pytest.mark.parametrize(
    ("importer", "dotted", "found"),
    [
        ("rainbow/agent.py", "memory", "shared/memory.py"),
        ("shared/runner.py", "memory", "shared/memory.py"),
        ("old/first/dqn.py", "memory", "old/first/memory.py"),
        ("old/second/agents/dqn.py", "memory", "old/second/tools/memory.py"),
        ("old/third/dqn.py", "memory", "old/first/memory.py"),
        ("main.py", "memory", "shared/memory.py"),
        # several are as near
        ("rainbow/agent.py", "settings", None),
        ("elsewhere/deep/run.py", "tree", None),
    ],
)
def test_of_several_modules_of_a_name_the_one_beside_is_meant(importer, dotted, found):
    several = Modules(
        [
            "shared/memory.py",
            "old/first/memory.py",
            "old/second/tools/memory.py",
            "old/second/agents/dqn.py",
            "dqn/settings.py",
            "ddpg/settings.py",
            "old/first/tree.py",
            "old/second/tree.py",
        ]
    )
    assert several.find(importer, dotted) == found


def test_of_several_modules_of_a_name_the_package_that_is_installed_is_meant():
    paths = ("run.py", "envs/cart/setup.py", "envs/cart/cart/__init__.py", "envs/cart/cart/worlds/cart.py")
    inits = ("envs/cart/cart/worlds/__init__.py",)
    assert Modules((*paths, *inits)).find("run.py", "cart") == "envs/cart/cart/__init__.py"
    assert Modules((*paths[:1], *paths[2:], *inits)).find("run.py", "cart") is None
    twice = ("old/cart/setup.py", "old/cart/cart/__init__.py")
    assert Modules((*paths, *inits, *twice)).find("run.py", "cart") is None
