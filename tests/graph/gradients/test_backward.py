"""What carries the graph of a backward pass."""

import pytest

from per_audit.facts import ir
from per_audit.graph.gradients.backward import COPIES

LEARN = """
    import torch
    import torch.nn.functional as F

    def learn(net, goal_net, batch, optimizer):
        state, reward, ahead = batch
        q = net(state).max(1).values
        with torch.no_grad():
            goal = reward + goal_net(ahead).max(1).values
            again = goal - net(ahead).max(1).values
        other = goal_net(state).max(1).values
        error = goal - q
        copied = torch.tensor(error + 1)
        F.smooth_l1_loss(q, goal).backward()
        return [@]
"""


@pytest.mark.parametrize(
    ("text", "carries"),
    [
        ("q", True),
        ("goal - q", True),
        ("error.abs().cpu()", True),
        ("q.detach() - goal", False),
        ("error.data", False),
        ("goal", False),
        ("again", False),
        ("other", False),
        ("error + 1", False),
        ("reward", False),
        ("q.argmax()", False),
    ],
)
def test_what_carries_the_graph(project, text, carries):
    graph = project(LEARN.replace("@", text))
    learn = next(f for f in graph.project.functions if f.name == "learn")
    shown = next(node for node in ir.walk(learn) if isinstance(node, ir.Return)).value.items[0]
    cut = graph.gradients.cuts(learn, "main.py", COPIES)
    assert bool(graph.gradients.carried(graph.symbols.term("main.py", shown), learn, "main.py", cut)) is carries


def test_networks_of_one_input_are_networks(project):
    graph = project(
        """
        def learn(one, two, pair, goal):
            a, b = one(pair), two(pair)
            ((a - goal) ** 2 + (b - goal) ** 2).mean().backward()
        """
    )
    learn = graph.project.functions[0]
    assert len(graph.gradients.backward(learn, "main.py").networks) == 2


def test_calls_of_which_nothing_is_known_carry_nothing(project):
    graph = project(
        """
        def learn(one, two, state, goal):
            ((one(state) - two(goal)) ** 2).mean().backward()
        """
    )
    learn = graph.project.functions[0]
    assert graph.gradients.backward(learn, "main.py").networks == frozenset()


def test_modules_that_are_asked_for_their_parameters_are_networks(project):
    graph = project(
        """
        def learn(one, two, state, goal, make):
            optimizer = make(one.parameters())
            ((one(state) - two(goal)) ** 2).mean().backward()
        """
    )
    learn = graph.project.functions[0]
    assert len(graph.gradients.backward(learn, "main.py").networks) == 1


def test_no_backward_no_graph(project):
    graph = project("def f(net, x):\n    return net(x)\n")
    assert graph.gradients.backward(graph.project.functions[0], "main.py") is None


@pytest.mark.parametrize(
    ("returned", "carries"),
    [
        ("net(whole).max(1).values", True),
        ("net(whole).max(1).values.detach()", False),
        ("torch.tensor(net(whole).max(1).values)", False),
        ("whole.max(1).values", False),
        ("value(net, whole)", True),
    ],
)
def test_what_a_function_returns_of_a_network_carries_its_graph(project, returned, carries):
    whole = " + ".join(f"state[{place}]" for place in range(60))  # too much to be followed into
    graph = project(f"""
        import torch

        def value(net, state):
            again = {whole}
            return net(again).max(1).values

        def estimated(net, state):
            whole = {whole}
            return {returned}

        def learn(net, goal_net, state, ahead, optimizer):
            optimizer.zero_grad(net.parameters())
            q = estimated(net, state)
            ((q - goal_net(ahead)) ** 2).mean().backward()
            return q
    """)
    learn = next(f for f in graph.project.functions if f.name == "learn")
    shown = next(node for node in ir.walk(learn) if isinstance(node, ir.Return)).value
    term = graph.symbols.term("main.py", shown)
    assert bool(graph.gradients.carried(term, learn, "main.py", frozenset())) is carries
