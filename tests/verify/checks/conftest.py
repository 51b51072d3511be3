from __future__ import annotations

from pathlib import Path

import pytest

from per_audit.verify.checks import discover
from per_audit.verify.results import Verdict

from ..mutants import FAULTS
from ..opened import Opened

MUTANTS = Path(__file__).parents[1] / "mutants.py"
SEEDS = (0, 1, 2)


def pytest_generate_tests(metafunc):
    """`mutant`: every faulty buffer whose fault the check of this file names."""
    if "mutant" in metafunc.fixturenames:
        name = metafunc.module.CHECK
        metafunc.parametrize("mutant", [mutant for mutant, (check, _) in FAULTS.items() if check == name])


@pytest.fixture
def assert_it_fails():
    def look(mutant):
        check, words = FAULTS[mutant]
        with Opened(MUTANTS, mutant) as target:
            outcomes = [target.run(discover()[check], seed) for seed in SEEDS]
        assert [outcome.verdict for outcome in outcomes] == [Verdict.FAIL] * len(SEEDS), outcomes
        assert words in outcomes[0].message

    return look


@pytest.fixture
def judge(request):
    """The judge of this file's check, on measurements that are made up."""
    facts = {"alpha": 0.6, "beta": 0.4, "epsilon": None, "signed": False, "handles": True, "weights": True}
    facts |= {"updates": True, "recent_fraction": None, "recent_size": None, "rare_fraction": None}
    check = discover()[request.module.CHECK]
    return lambda measured, **known: check.judge(measured, {**facts, **known})
