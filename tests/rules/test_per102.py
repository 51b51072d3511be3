"""What the weights are said to meet."""

import pytest

from per_audit.facts import extract
from per_audit.graph import link
from per_audit.rule import all_rules


@pytest.mark.parametrize(
    ("multiplied", "what"),
    [
        ("torch.mean(torch.mul(w, errors.pow(2)))", "errors"),
        ("-torch.mean(w * self.critic(state, self.actor(state)))", "values"),
        ("torch.mean(-self.critic(state, self.actor(state)) * w)", "values"),
    ],
)
def test_what_a_network_answers_is_no_error(multiplied, what):
    (rule,) = (rule for rule in all_rules() if rule.code == "PER102")
    files = next(e.plain for e in rule.bad if e.title.startswith("a critic of width one"))
    written = "torch.mean(torch.mul(w, errors.pow(2)))"
    assert written in files["ddpg.py"]
    files = files | {"ddpg.py": files["ddpg.py"].replace(written, multiplied)}
    (finding,) = rule.check(link([extract(path, text.encode()) for path, text in files.items()]))
    assert f"times {what} of shape (B, 1)" in finding.message
    assert f"that of the {what}, and" in finding.message
