"""Which values carry an autograd graph."""

import pytest

from per_audit.facts import ir
from per_audit.graph.gradients.autograd import Autograd

PROGRAM = """
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Linear(4, 8), nn.Sequential(nn.ReLU(), nn.Linear(8, 2))

        def forward(self, x):
            x = torch.relu(self.one(x))
            return self.two(x), x

    class Agent:
        def __init__(self):
            self.net, self.last, self.rows = Net(), None, []

        def act(self, state):
            value, hidden = self.net(state)
            return value, hidden.detach()

        def run(self, state):
{code}
            use(kept)

    def main():
        Agent().run(0)
"""


def carried(project, code, program=PROGRAM):
    graph = project(program.replace("{code}", "\n".join(" " * 12 + line for line in code.splitlines())))
    calls = [n for n in ir.walk(*graph.module("main.py").body) if isinstance(n, ir.Call)]
    (use,) = [n for n in calls if isinstance(n.func, ir.Name) and n.func.id == "use"]
    function = graph.symbols.function_of("main.py", use)
    found = Autograd(graph).kept("main.py", function, use.args[0].value)
    return {graph.source(one.layer_path, one.layer) for one in found}


@pytest.mark.parametrize(
    "code",
    [
        "kept = self.net(state)[0]",
        "kept, _ = self.act(state)",
        "kept = self.act(state)[0].clamp(-1, 1).unsqueeze(0).cpu() * 2 + 1",
        "kept = torch.tanh(self.net.forward(state)[0])",
        "kept = {'a': 1, 'v': self.act(state)[0]}['v']",
        "kept = torch.distributions.Normal(self.act(state)[0], 1).rsample()",
        "kept = self.act(state)[0].max(1)[0]",
        "kept = torch.max(self.act(state)[0], self.act(state)[0]).clamp(1.0).view(-1)",
        "kept = 0\nfor _ in range(3):\n    use_not = kept\n    kept = self.act(state)[0]",
        "self.last, _ = self.act(state)\nkept = self.last",
        "self.rows.append((state, self.act(state)[0]))\nkept = self.rows[0][1]",
        "for _, kept in [(0, self.act(state)[0])]:\n    pass",
        "for _, kept in zip(state, self.act(state)[0]):\n    pass",
        "for _, kept in enumerate(self.act(state)[0]):\n    pass",
        "if state:\n    kept = self.act(state)[0]\nelse:\n    kept = 0",
    ],
)
def test_what_a_network_computes_carries_a_graph(project, code):
    assert carried(project, code) == {"self.two(x)"}


@pytest.mark.parametrize(
    "code",
    [
        "_, kept = self.act(state)",
        "with torch.no_grad():\n    kept = self.act(state)[0]",
        "with torch.inference_mode():\n    value = self.act(state)\nkept = value[0]",
        "kept = self.act(state)[0].item()",
        "kept = torch.max(self.act(state)[0], self.act(state)[0]).clamp(1.0).cpu().detach()",
        "kept = self.act(state)[0].data",
        "kept = self.act(state)[0].argmax(-1)",
        "kept = self.act(state)[0].max(1)[1]",
        "kept = float(self.act(state)[0])",
        "kept = torch.tensor(self.act(state)[0])",
        "kept = torch.distributions.Normal(self.act(state)[0], 1).sample()",
        "kept = self.act(state)[0].to(torch.int64)",
        "kept = {'a': 1, 'v': self.act(state)[0]}['a']",
        "kept = self.act(state)[0]\nkept = kept.detach()",
        "kept = self.act(state)[0]\nif state:\n    kept = kept.detach()",
        "kept = unknown(state)",
        "for kept, _ in zip(state, self.act(state)[0]):\n    pass",
        "for kept, _ in enumerate(self.act(state)[0]):\n    pass",
        "self.rows.append((state, self.act(state)[0]))\nkept = self.rows[0][0]",
        "for p in self.net.parameters():\n    p.requires_grad = False\nkept = self.net(state)[0]",
    ],
)
def test_what_is_cut_off_carries_none(project, code):
    assert carried(project, code) == set()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("        def act(", "        @torch.no_grad()\n        def act("),
        ("        def run(", "        @torch.inference_mode()\n        def run("),
        ("        Agent().run(0)", "        with torch.no_grad():\n            Agent().run(0)"),
        ("    def main():", "    torch.set_grad_enabled(False)\n\n    def main():"),
    ],
)
def test_gradients_may_be_off_around_it(project, old, new):
    program = PROGRAM.replace(old, new)
    assert program != PROGRAM
    assert carried(project, "kept = self.act(state)[0]", program) == (set() if "flax" not in new else {"self.two(x)"})


def test_a_value_that_a_caller_passes(project):
    graph = project("""
        def train(net, optimizer):
            optimizer.add(net.parameters())
            keep(net(1), 2)
            keep(3, 4)

        def keep(value, other):
            use(value)
    """)
    (use,) = [
        n
        for n in ir.walk(*graph.module("main.py").body)
        if isinstance(n, ir.Call) and isinstance(n.func, ir.Name) and n.func.id == "use"
    ]
    (found,) = Autograd(graph).kept("main.py", graph.symbols.function_of("main.py", use), use.args[0].value)
    assert found.passed is found.made is found.layer
    assert graph.source("main.py", found.layer) == "net(1)"


def test_values_that_feed_on_themselves_come_to_an_end(project):
    assert carried(project, "kept = self.act(state)\nfor i in range(9):\n    kept = kept[0]") <= {"self.two(x)"}
    assert carried(project, "kept = kept[0] if state else [kept]") == set()
