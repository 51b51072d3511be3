from __future__ import annotations

import pytest

from per_audit.audit import audit
from per_audit.settings import Settings
from per_audit.verify.configuration import configurations, drawn_with

from .test_project import TRAIN, ZOO

CALL = "Correct(1000)"
FUNCTION = "def train("


@pytest.fixture
def read(tmp_path):
    """The configurations of `Correct` in the training of test_project, with another call and with lines before it."""

    def run(call, before="", **others):
        (tmp_path / "lib").mkdir()
        (tmp_path / "lib" / "memory.py").write_text(ZOO.read_text("utf-8").split("class RankBased")[0])
        (tmp_path / "train.py").write_text(before + "\n" + TRAIN.replace(CALL, call))
        for name, text in others.items():
            (tmp_path / f"{name}.py").write_text(text)
        found = [
            configuration
            for graph in audit(tmp_path, [tmp_path], Settings(base=tmp_path)).graphs
            for buffer in graph.buffers
            if buffer.owner is not None and buffer.owner.name == "Correct"
            for configuration in configurations(graph, buffer)
        ]
        assert found
        return found

    return run


def test_literals_and_what_is_left_to_the_class(read):
    (found,) = read("Correct(1000, alpha=0.7, seed=None)")
    assert found.values == {"capacity": 1000, "alpha": 0.7, "seed": None}
    assert found.defaults == {"beta": "0.4", "epsilon": "1e-6"}
    assert found.place.startswith("train.py:")
    assert not found.unknown


def test_constants_of_modules_and_arithmetic(read):
    before = "from settings import ALPHA\nSIZE = int(1e5)\n"
    (found,) = read("Correct(2 * SIZE, ALPHA, -(-1 / 2))", before, settings="ALPHA = 0.7\n")
    assert found.values == {"capacity": 200_000, "alpha": 0.7, "beta": 0.5}
    assert found.settings["alpha"].place.startswith("ALPHA at train.py:")


@pytest.mark.parametrize(
    "before",
    [
        "import argparse\nparser = argparse.ArgumentParser()\n"
        "parser.add_argument('--alpha', type=float, default=0.7)\nargs = parser.parse_args()\n",
        "import tyro\nfrom dataclasses import dataclass\n\n@dataclass\nclass Args:\n    alpha: float = 0.7\n\n"
        "args = tyro.cli(Args)\n",
        "from dataclasses import dataclass\n\n@dataclass\nclass Args:\n    alpha: float = 0.7\n\nargs = Args()\n",
    ],
    ids=["argparse", "tyro", "dataclass"],
)
def test_defaults_of_options(read, before):
    (found,) = read("Correct(1000, args.alpha)", before)
    assert found.values == {"capacity": 1000, "alpha": 0.7}
    assert found.settings["alpha"].place.startswith("train.py:")


def test_defaults_of_click(read):
    before = (
        "import click\n\n@click.command()\n@click.option('--per-alpha', default=0.7)\ndef cli(per_alpha):\n"
        "    make(per_alpha)\n\ndef make(alpha):\n    return Correct(500, alpha)\n\nfrom lib.memory import Correct\n"
    )
    first, second = read("Correct(1000)", before)
    assert first.values == {"capacity": 500, "alpha": 0.7}
    assert second.values == {"capacity": 1000}


def test_options_of_other_scripts_are_not_taken(read):
    before = "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('--alpha', default={})\n"
    (found,) = read(
        "Correct(1000, args.alpha)", before.format(0.7) + "args = parser.parse_args()\n", other=before.format(0.1)
    )
    assert found.values["alpha"] == 0.7
    assert not found.settings["alpha"].others


def test_what_callers_pass(read):
    (found,) = read("Correct(size)", "def main(q, o, env):\n    train(q, o, env)\n\nsize = 500\n")
    assert found.values == {"capacity": 500}


def test_what_cannot_be_read_is_named(read):
    (found,) = read("Correct(int(input()), beta=env.beta)")
    assert not found.values
    assert found.unknown["beta"].startswith("env.beta (train.py:")


def test_a_star_hides_the_rest(read):
    (found,) = read("Correct(1000, **settings)", "settings = load()\n")
    assert found.values == {"capacity": 1000}
    assert list(found.unknown.values()) == ["what the star stands for"]
    assert not found.defaults


def test_a_dtype(read, tmp_path):
    del tmp_path
    (found,) = read("Correct(1000, seed=np.float32)", "import numpy as np\n")
    assert found.values["seed"] == {"dtype": "numpy.float32"}
    assert "numpy.float32" in found.words["configured"]


@pytest.mark.parametrize(
    ("argument", "values", "words"),
    [
        (", beta=0.5", {"beta": 0.5}, "beta = 0.5 (train.py:"),
        (", BETA", {"beta": 0.7}, "beta = 0.7 (train.py:1)"),
        (", beta=anneal()", {}, "beta: anneal() (train.py:"),
        ("", {}, None),
    ],
)
def test_exponents_that_draws_pass(tmp_path, argument, values, words):
    text = ZOO.read_text("utf-8").split("class RankBased")[0]
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "memory.py").write_text(
        text.replace("def sample(self, batch_size)", "def sample(self, batch_size, beta=0.4)")
    )
    (tmp_path / "train.py").write_text("BETA = 0.7\n" + TRAIN.replace("sample(32)", f"sample(32{argument})"))
    (found,) = [
        drawn_with(graph, buffer)
        for graph in audit(tmp_path, [tmp_path], Settings(base=tmp_path)).graphs
        for buffer in graph.buffers
        if buffer.owner is not None and buffer.owner.name == "Correct"
    ]
    assert found[0] == values
    assert found[1].get("drawn with", "").startswith(words or "")
    assert bool(found[1]) == bool(words)
