"""Ratios of two policies."""

import pytest

from per_audit.facts import extract
from per_audit.graph.recognise.learning.on_policy import compares_policies


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("ratio = torch.exp(new - old)", True),
        ("ratio = (new - old).exp()", True),
        ("ratio = (new - old).sum(-1).exp()", True),
        ("change = new - old\nratio = np.exp(change)", True),
        ("change = (new - old).sum(-1)\nratio = change.exp()", True),
        ("change = new + old\nratio = np.exp(change)", False),
        ("epsilon = low + math.exp(-step / decay)", False),
        ("change = new - old", False),
        ("alpha = log_alpha.exp()", False),
    ],
)
def test_the_exponential_of_a_difference(code, expected):
    assert compares_policies(extract("main.py", code.encode())) is expected
