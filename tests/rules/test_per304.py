"""How severe a leaf that was never written is."""

import pytest

from per_audit.facts import extract
from per_audit.findings import Severity
from per_audit.graph import link
from per_audit.rule import all_rules


@pytest.mark.parametrize(
    ("sums", "severity"),
    [("np.zeros(2 * capacity - 1)", Severity.INFO), ("np.zeros(2 * capacity - 1, np.float32)", Severity.WARNING)],
)
def test_a_mass_of_0_is_a_hint_in_sums_of_64_bits(sums, severity):
    (rule,) = (rule for rule in all_rules() if rule.code == "PER304")
    files = rule.bad[0].plain
    plain = "np.zeros(2 * capacity - 1)"
    assert sum(plain in text for text in files.values()) == 1
    graph = link([extract(path, text.replace(plain, sums).encode()) for path, text in files.items()])
    (finding,) = rule.check(graph)
    assert finding.severity is severity
    assert "a mass of 0 does" in finding.message
