from __future__ import annotations

import pytest

from per_audit.verify.results import Verdict

CHECK = "specification-script"


@pytest.mark.parametrize(("passed", "verdict"), [(100, Verdict.PASS), (99, Verdict.NOT_PROVIDED)])
def test_it_never_fails(judge, passed, verdict):
    found = judge({"passed": passed, "said": "said"})
    assert found.verdict is verdict
    assert "not prioritisation by TD error" in found.message
