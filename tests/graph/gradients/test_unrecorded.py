"""What is changed in place and keeps the gradient that it had."""

import textwrap

import pytest

from per_audit.facts import extract, ir
from per_audit.graph import link
from per_audit.graph.gradients.unrecorded import is_unrecorded


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("loss = f(x)\nwith torch.no_grad():\n    loss *= w\nloss.mean().backward()", True),
        ("loss = f(x)\nwith torch.inference_mode():\n    loss *= w\ntotal = loss.sum()\ntotal.backward()", True),
        ("loss = f(x)\nloss *= w\nloss.mean().backward()", False),
        ("loss = f(x)\nwith torch.enable_grad():\n    loss *= w\nloss.mean().backward()", False),
        ("loss = f(x)\nwith tf.GradientTape():\n    loss *= w\nloss.mean().backward()", False),
        ("loss = f(x)\nwith torch.no_grad():\n    goal = g(x)\n    goal *= w\n(loss - goal).backward()", False),
        ("loss = f(x)\nloss.backward()\nstep = x.grad\nwith torch.no_grad():\n    step *= w", False),
        ("loss = f(x)\nwith torch.no_grad():\n    loss *= w\n(0.5 * loss.sum()).backward()", True),
        ("part = torch.ones(9)\nwith torch.no_grad():\n    part *= w\n(part * f(x)).mean().backward()", False),
        ("with torch.no_grad():\n    loss *= w\nloss.mean().backward()", False),
    ],
)
def test_a_change_under_no_grad_of_what_was_made_before(body, expected):
    text = "import tensorflow as tf\nimport torch\n\ndef learn(f, g, x, w):\n" + textwrap.indent(body, "    ")
    graph = link([extract("main.py", text.encode())])
    (change,) = graph.module("main.py").nodes_of(ir.Aug)
    assert is_unrecorded(graph, "main.py", change) is expected
