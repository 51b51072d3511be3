"""In what order a buffer is said to forget."""

import pytest

from per_audit.facts import extract
from per_audit.graph import link
from per_audit.rule import all_rules


@pytest.mark.parametrize(
    ("fill", "order"),
    [
        ("append", "forgets the newest of its first transitions, and from then on the oldest first, rare"),
        ("appendleft", "forgets its oldest transitions first, rare"),
    ],
)
def test_the_order_of_forgetting(fill, order):
    (rule,) = (rule for rule in all_rules() if rule.code == "PER002")
    text = rule.bad[-1].plain["agent.py"].replace("past.append(", f"past.{fill}(")
    (finding,) = rule.check(link([extract("agent.py", text.encode())]))
    assert order in finding.message
