"""Which values are tensors: what networks return, cut off from its graph or not, until somebody makes numbers of it."""

import pytest

from per_audit.facts import ir
from per_audit.graph.gradients.tensors import Tensors

PROGRAM = """
    import numpy as np
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.one = nn.Linear(4, 8)

        def forward(self, x):
            return torch.relu(self.one(x))

    def errors(net, state):
        with torch.no_grad():
            return abs(net(state)[0] - 1)

    def run(state):
        net = Net()
{code}
        use(kept)

    run(0)
"""


def is_tensor(project, code):
    graph = project(PROGRAM.replace("{code}", "\n".join(" " * 8 + line for line in code.splitlines())))
    (use,) = [n for n in graph.module("main.py").nodes_of(ir.Call) if getattr(n.func, "id", "") == "use"]
    function = graph.symbols.function_of("main.py", use)
    return bool(Tensors(graph).kept("main.py", function, use.args[0].value))


@pytest.mark.parametrize(
    "code",
    [
        "kept = errors(net, state)",
        "kept = net(state).data[0][1]",
        "kept = net(state).detach().cpu().abs() ** 0.6",
        "kept = np.power(np.abs(errors(net, state)) + 0.01, 0.6)",
        "for at, kept in enumerate(errors(net, state)):\n    print(at)",
        "for at, kept in zip(range(3), errors(net, state)):\n    print(at)",
    ],
)
def test_what_a_network_returns_is_a_tensor(project, code):
    assert is_tensor(project, code)


@pytest.mark.parametrize(
    "code",
    [
        "kept = errors(net, state).item()",
        "kept = float(errors(net, state))",
        "kept = errors(net, state).numpy()[0]",
        "kept = np.array(errors(net, state))",
        "kept = errors(net, state).double()",
        "for kept, error in enumerate(errors(net, state)):\n    print(error)",
        "for kept, error in zip(state, errors(net, state)):\n    print(error)",
        "kept = abs(state)",
    ],
)
def test_numbers_and_arrays_are_none(project, code):
    assert not is_tensor(project, code)
