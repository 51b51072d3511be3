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


SIZES = """
    import torch.nn as nn

    def stack(sizes, act=nn.ReLU, last=nn.Identity):
        layers = []
        {layers}
        return nn.Sequential(*layers)

    class Pair(nn.Module):
        def __init__(self, width, actions, hidden=(64, 64)):
            super().__init__()
            self.actor = stack([width, 64, actions])
            self.critic = stack([width + 4, 64, 64, 1])
            self.added = stack([width + 4] + list(hidden) + [1], nn.Tanh)
            self.twin = stack([width, 64, 6])

        def forward(self, rows):
            return self.actor(rows), self.critic(rows), self.added(rows), self.twin(rows)
"""
LOOP = "for i in range(len(sizes) - 1):\n    "


def of_sizes(project, layers):
    graph = project(SIZES.replace("{layers}", "\n        ".join(layers.splitlines())))
    calls = {graph.source("main.py", n): n for n in graph.module("main.py").nodes_of(ir.Call)}
    return [width_of_call(graph.symbols, calls[f"self.{name}(rows)"]) for name in ("actor", "critic", "added", "twin")]


@pytest.mark.parametrize(
    "layers",
    [
        f"{LOOP}layers.append(nn.Linear(sizes[i], sizes[i + 1]))\n    if i < len(sizes) - 2:\n"
        "        layers.append(act())",
        f"{LOOP}layers += [nn.Linear(sizes[i], sizes[i + 1]), act()]",
        f"{LOOP}chosen = act if i < len(sizes) - 2 else last\n"
        "    layers += [nn.Linear(sizes[i], sizes[i + 1]), chosen()]",
    ],
)
def test_a_stack_of_sizes_is_as_wide_as_the_last(project, layers):
    assert of_sizes(project, layers) == [None, 1, 1, 6]


@pytest.mark.parametrize(
    "layers",
    [
        "for i in range(len(sizes) - 2):\n    layers.append(nn.Linear(sizes[i], sizes[i + 1]))",
        f"{LOOP}layers.append(nn.Linear(sizes[i + 1], sizes[i]))",
        f"{LOOP}layers.append(nn.Linear(sizes[i], sizes[i + 1]))\nlayers.append(nn.Flatten(0))",
    ],
)
def test_a_stack_that_ends_before_or_with_another_layer_is_not_guessed(project, layers):
    assert of_sizes(project, layers) == [None] * 4
