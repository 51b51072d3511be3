"""Where PyTorch records gradients."""

import pytest

from per_audit.facts import extract, ir
from per_audit.graph.gradients.vocabulary import identifiers, switches_gradients


def expression(text):
    (statement,) = extract("a.py", f"x = {text}\n".encode()).body
    assert isinstance(statement, ir.Assign)
    assert statement.value is not None
    return statement.value


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("torch.no_grad()", True),
        ("torch.inference_mode()", True),
        ("torch.set_grad_enabled(training)", True),
        ("no_grad", True),
        ("agent.eval_mode()", True),
        ("without_Gradients(net)", True),
        ("open(path)", False),
        ("torch.autocast('cuda')", False),
        ("'no_grad'", False),
    ],
)
def test_what_may_switch_gradients_off(text, known):
    assert switches_gradients(expression(text)) is known


def test_identifiers_are_names_and_attributes_alone():
    assert identifiers(expression("a.b(c['d'], e=1)[f]")) == {"a", "b", "c", "f"}
