"""Fields of dataclasses of settings are what the program makes them with, also of an object that is not known."""

from __future__ import annotations

import pytest

from per_audit.facts import ir
from per_audit.graph.liveness.settings.switched import Switches

PROGRAM = """from dataclasses import dataclass
import lib
import torch

@dataclass
class Config:
    size: int = 100
    by_priority: bool = True

class Agent:
    def __init__(self, config=None):
        self.config = config or Config()

    def learn(self):
        if self.config.by_priority:
            mark()

{program}
"""
TRAIN = "Agent(Config(by_priority=False)).learn()"
SHOW = "\nAgent(torch.load('agent.pt')['config']).learn()"


@pytest.mark.parametrize(
    ("program", "off"),
    [
        (TRAIN, True),
        (TRAIN + SHOW, True),
        ("Agent(Config(100, False)).learn()" + SHOW, True),
        ("Agent(Config(50, by_priority=False)).learn()\nAgent(Config(by_priority=False))" + SHOW, True),
        # the default is taken somewhere
        (TRAIN + SHOW + "\nAgent().learn()", False),
        (TRAIN + SHOW + "\nAgent(None).learn()", False),
        (TRAIN + SHOW + "\nAgent(Config(5))", False),
        (TRAIN + SHOW + "\nAgent(Config(by_priority=read()))", False),
        # something else gives it
        (TRAIN + SHOW + "\nAgent(Config(**read()))", False),
        (TRAIN + SHOW + "\nread().by_priority = True", False),
        (TRAIN + SHOW + "\nset_up(by_priority=True)", False),
        (TRAIN + SHOW + "\nsetattr(Config(by_priority=False), read(), True)", False),
        (TRAIN + SHOW + "\nsetattr(read(), read(), True)", False),
        (TRAIN + SHOW + "\nchange(Config(by_priority=False), 'by_priority')", False),
        (TRAIN + SHOW + "\nmake = Config\nmake(read())", False),
        (TRAIN + SHOW + "\nAgent(lib.merged(Config(by_priority=False), read())).learn()", False),
        (TRAIN + SHOW + "\nlib.log(Config(by_priority=False))", True),
        (TRAIN + SHOW + "\nsize = len(Config(by_priority=False))", True),
        (TRAIN + SHOW + "\n@lib.wrap()\ndef main(config: Config):\n    Agent(config).learn()", False),
    ],
)
def test_a_field_that_the_program_gives_one_value(project, program, off):
    graph = project(PROGRAM.format(program=program))
    calls = (node for node in ir.walk(*graph.module("main.py").body) if isinstance(node, ir.Call))
    (node,) = (each for each in calls if isinstance(each.func, ir.Name) and each.func.id == "mark")
    assert (Switches(graph).off("main.py", node) is not None) is off
    assert Switches(graph, is_package=True).off("main.py", node) is None
