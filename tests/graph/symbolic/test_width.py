"""How many values networks give for each row."""

import pytest

from per_audit.facts import ir
from per_audit.graph.symbolic.width import MANY, width_of_call

PROGRAM = """
    import torch.nn as nn

    def stack(inside, hidden, outside, last=None):
        {layers}

    class Pair:
        def __init__(self, width, actions, settings):
            self.actor = stack(width, 64, actions, nn.Tanh())
            self.critic = stack(width + 4, settings["hidden"], 1)
            self.twin = stack(width, 64, 6)

    def learn(pairs: Pair, rows):
        one, six, asked = pairs.critic(rows), pairs.twin(rows), pairs.actor(rows)
        local = stack(8, 64, 1)
        return local(rows)
"""
LISTED = "layers = [nn.Linear(inside, hidden), nn.ReLU(), nn.Linear(hidden, outside)]"


def width(project, layers, text):
    graph = project(PROGRAM.replace("{layers}", "\n        ".join(layers.splitlines())))
    (call,) = (n for n in graph.module("main.py").nodes_of(ir.Call) if graph.source("main.py", n) == text)
    return width_of_call(graph.symbols, call)


@pytest.mark.parametrize(
    "layers",
    [
        "return nn.Sequential(nn.Linear(inside, hidden), nn.ReLU(), nn.Linear(hidden, outside))",
        f"{LISTED}\nreturn nn.Sequential(*layers)",
        f"{LISTED}\nif last is not None:\n    layers.append(last)\nreturn nn.Sequential(*layers)",
        f"{LISTED}\nlayers += [nn.Identity()]\nreturn nn.Sequential(*layers)",
        "layers = []\nfor _ in range(2):\n    layers.extend([nn.Linear(inside, hidden), nn.ReLU()])\n"
        "layers.append(nn.Linear(hidden, outside))\nreturn nn.Sequential(*layers)",
    ],
    ids=["arguments", "a list", "an activation that callers give", "one more", "put in one by one"],
)
def test_each_network_has_the_width_that_its_maker_is_told(project, layers):
    assert width(project, layers, "pairs.critic(rows)") == 1
    assert width(project, layers, "pairs.twin(rows)") == 6
    assert width(project, layers, "pairs.actor(rows)") in (None, MANY)
    assert width(project, layers, "local(rows)") == 1


@pytest.mark.parametrize(
    "layers",
    [
        f"{LISTED}\nlayers.append(nn.LayerNorm(outside))\nreturn nn.Sequential(*layers)",
        f"{LISTED}\nif last is None:\n    layers.append(nn.Linear(outside, 3))\nreturn nn.Sequential(*layers)",
        f"{LISTED}\nif last is None:\n    layers = [nn.Linear(inside, 3)]\nreturn nn.Sequential(*layers)",
        f"{LISTED}\nlayers = layers + [last]\nreturn nn.Sequential(*layers)",
        f"{LISTED}\nlayers.insert(0, last)\nlayers.extend(last)\nreturn nn.Sequential(*layers)",
        "return nn.Sequential(*last)",
    ],
    ids=["of any width", "wider behind a test", "another list", "a sum", "of anything", "given"],
)
def test_what_a_stack_ends_with_is_not_guessed(project, layers):
    assert width(project, layers, "pairs.critic(rows)") is None
