"""PER106 says whose agents were published with a constant beta of that number."""

import pytest

from per_audit.facts import extract
from per_audit.graph import link
from per_audit_rules.per106_beta_not_annealed import BetaNotAnnealed


@pytest.mark.parametrize(
    ("beta", "told"), [("0.6", "as in R2D2, which"), ("0.5", "as in Dopamine's Rainbow, which"), ("0.4", None)]
)
def test_what_was_published_so_is_said(beta, told):
    files = BetaNotAnnealed.bad[0].plain
    text = files["memory.py"].replace("beta=0.4", f"beta={beta}")
    modules = {**files, "memory.py": text}
    graph = link([extract(path, source.encode()) for path, source in modules.items()])
    (finding,) = BetaNotAnnealed().check(graph)
    assert ("published so" in finding.message) is (told is not None)
    assert told is None or told in finding.message
