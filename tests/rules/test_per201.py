"""How severe PER201 is where the largest stored priority is raised again: 1 stays 1."""

import pytest

from per_audit.facts import extract
from per_audit.findings import Severity
from per_audit.graph import link
from per_audit.rule import all_rules


@pytest.mark.parametrize(
    ("base", "severity"),
    [
        ("self.p.max() + 0.01", Severity.ERROR),
        ("np.clip(self.p.max() + 0.01, 0, 1)", Severity.INFO),
        ("min(self.p.max() + 0.01, 1.0)", Severity.INFO),
        ("np.clip(self.p.max() + 0.01, 0, self.highest)", Severity.INFO),
        ("np.clip(self.p.max() + 0.01, 0, 100)", Severity.ERROR),
        ("np.clip(self.p[slot - 1] + 0.01, 0, 1)", Severity.ERROR),
    ],
)
def test_the_largest_priority_is_one_where_it_is_clipped_at_one(base, severity):
    (rule,) = (rule for rule in all_rules() if rule.code == "PER201")
    (text,) = (e.plain["agent.py"] for e in rule.bad if e.title == "the maximum of what is stored, raised again")
    text = text.replace("(self.p.max() + 0.01) **", f"({base}) **").replace("0\n", "0\n        self.highest = 1\n", 1)
    (finding,) = rule.check(link([extract("agent.py", text.encode())]))
    assert finding.severity is severity
    assert ("where it is 1" in finding.message) is (severity is Severity.INFO)
