"""Settings that bound a training: read where options, classes and assignments declare them."""

from __future__ import annotations

import pytest

from ...rewriting import dedented
from .test_budget import steps

LOOP = """
agent = Agent(None, None)
for step in range(TOTAL):
    state, reward, done = env.step(0)
    action = next_state = state
    STORE
    LEARN
"""
OPTION = """
import argparse


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--time-steps", type=int, default=30_000)
    return parser.parse_args()
"""
CONFIG = """
from dataclasses import dataclass, field

import tyro


@dataclass
class Config:
    seed: int = 0
    total: int = 20_000
    other: int = field(default=30_000)
"""


def loop(total: str, margin: str = "") -> str:
    """A training whose loop ends at what an expression says."""
    return "".join(f"{margin}{line}\n" for line in dedented(LOOP).replace("TOTAL", total).splitlines())


TRAIN = "def train(config):\n" + loop("config.total", "    ")


@pytest.mark.parametrize(
    ("main", "expected"),
    [
        # options of argparse
        (dedented(OPTION) + "args = options()\n" + loop("args.time_steps"), "30_000"),
        (dedented(OPTION) + "args = options()\nargs.time_steps = 50_000\n" + loop("args.time_steps"), "50_000"),
        (dedented(OPTION) + "args = options()\nargs.time_steps = env.length\n" + loop("args.time_steps"), None),
        ("import argparse\nparser = argparse.ArgumentParser()\n"
         "parser.add_argument('-n', '--steps', dest='total', default=30_000)\n"
         "args, _ = parser.parse_known_args()\n" + loop("args.total"), "30_000"),
        ("import argparse\nparser = argparse.ArgumentParser()\n"
         "parser.add_argument('--steps', dest='total', default=30_000)\n"
         "args = parser.parse_args()\n" + loop("args.steps"), None),
        ("import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('--total', default=30_000)\n"
         "parser.set_defaults(total=40_000)\nargs = parser.parse_args()\n" + loop("args.total"), "40_000"),
        (dedented(OPTION) + "args = options()\n" + loop("min(args.time_steps, 10**6)"), "30_000"),
        # options of click and typer, flags
        ("import click\n@click.command()\n@click.option('--total', default=30_000)\n"
         "@click.option('--seed', default=5000)\ndef main(seed, total):\n" + loop("total", "    ") + "main()\n",
         "30_000"),
        ("import click\n@click.command()\n@click.option('-n', '--steps', 'total', default=30_000)\n"
         "def main(total):\n    train(total)\ndef train(count):\n" + loop("count", "    ") + "main()\n", "30_000"),
        ("import click\n@click.command()\n@click.option('--total', required=True)\ndef main(total):\n"
         + loop("total", "    ") + "main()\n", None),
        ("import typer\ndef main(total: int = typer.Option(30_000)):\n" + loop("total", "    ") + "typer.run(main)\n",
         "30_000"),
        ("from absl import flags\nFLAGS = flags.FLAGS\nflags.DEFINE_integer('total', 30_000, '')\n"
         + loop("FLAGS.total"), "30_000"),
        # classes of settings
        (dedented(CONFIG) + "config = Config()\n" + loop("config.total"), "20_000"),
        (dedented(CONFIG) + "config = Config()\n" + loop("config.other"), "30_000"),
        (dedented(CONFIG) + "config = tyro.cli(Config)\n" + loop("config.total"), "20_000"),
        (dedented(CONFIG) + TRAIN + "train(Config(total=40_000))\n", "40_000"),
        (dedented(CONFIG) + TRAIN + "train(Config(1, 40_000))\n", "40_000"),
        (dedented(CONFIG) + TRAIN + "train(Config(total=env.length))\n", None),
        (dedented(CONFIG) + "config = Config()\nconfig.total = 50_000\n" + loop("config.total"), "50_000"),
        (dedented(CONFIG) + TRAIN.replace("(config)", "(config: Config)") + "train(tyro.cli(Config))\n", "20_000"),
        ("class Config:\n    total = 30_000\n" + loop("Config.total"), "30_000"),
        ("class Trainer:\n    def __init__(self, total=1000):\n        self.total = total\n    def train(self):\n"
         + loop("self.total", " " * 8) + "Trainer(30_000).train()\nTrainer(20_000).train()\n", "30_000"),
    ],
)  # fmt: skip
def test_settings(main: str, expected: str | None) -> None:
    assert steps(main) == expected


RUNNER = """
class Runner:
    def __init__(self, args):
        self.args = args

    def run(self):
"""


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"options": OPTION}, "30_000"),
        # Which of the two is meant?
        ({"options": OPTION, "other": "from agent import Runner\n" + OPTION + "\n\nRunner(options()).run()\n"}, None),
        ({"options": OPTION.replace(", default=30_000", "")}, None),
    ],
)
def test_an_option_of_another_file(files: dict[str, str], expected: str | None) -> None:
    main = "from options import options\n\n" + dedented(RUNNER) + loop("self.args.time_steps", " " * 8)
    main += "\n\nRunner(options()).run()\n"
    assert steps(main, **{name: dedented(text) for name, text in files.items()}) == expected


EVERY = """
import tyro


class Config:
    total: int = 20_000
    start: int = 100
    every: int = 4


config = tyro.cli(Config)
agent = Agent(None, None)
for step in range(config.total):
    state, reward, done = env.step(0)
    action = next_state = state
    STORE
    if step > config.start and step % config.every == 0:
        LEARN
"""


def test_a_period_that_is_a_setting() -> None:
    assert steps(EVERY) == "5000"
    assert steps(dedented(EVERY) + "config.every = 8\n") is None
