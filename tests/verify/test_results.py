"""What a verification says as a whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from per_audit.verify.results import CheckResult, TargetResult, Verdict, Verification, worst

VERDICTS = st.lists(st.sampled_from(list(Verdict)), max_size=5)


def verification(*targets):
    def result(verdict):
        return CheckResult("share", verdict, None, None, seed=0, seconds=0.0, message="")

    return Verification([TargetResult("t", checks=[result(v) for v in each]) for each in targets], 0, True)


@given(VERDICTS, VERDICTS)
def test_the_verdict_of_the_whole_is_the_gravest_of_its_parts(one, other):
    assert worst([*one, *other]) == worst([*other, *one])
    if one and other:
        assert worst([*one, *other]) == worst([worst(one), worst(other)]) == verification(one, other).verdict


@given(VERDICTS, st.sampled_from([Verdict.FAIL, Verdict.REGRESSION]))
def test_no_other_verdict_hides_a_failure(others, failure):
    assert worst([*others, failure]) in (Verdict.FAIL, Verdict.REGRESSION)
    assert verification([*others, failure]).exit_code() == 3


def test_nothing_measured_is_an_error():
    assert worst([]) == Verdict.ERROR
    assert verification().exit_code() == 2
    assert verification([]).exit_code() == 2


@pytest.mark.parametrize(
    ("verdicts", "verdict", "code", "strict"),
    [
        ([Verdict.PASS], Verdict.PASS, 0, 0),
        ([Verdict.PASS, Verdict.NOT_PROVIDED], Verdict.PASS, 0, 3),
        ([Verdict.NOT_PROVIDED], Verdict.NOT_PROVIDED, 0, 3),
        ([Verdict.PASS, Verdict.INCONCLUSIVE], Verdict.INCONCLUSIVE, 0, 3),
        ([Verdict.PASS, Verdict.ERROR], Verdict.ERROR, 2, 2),
        ([Verdict.INCONCLUSIVE, Verdict.ERROR], Verdict.ERROR, 2, 2),
        ([Verdict.ERROR, Verdict.FAIL], Verdict.FAIL, 3, 3),
        ([Verdict.REGRESSION, Verdict.FAIL], Verdict.FAIL, 3, 3),
    ],
)
def test_verdicts_and_exit_codes(verdicts, verdict, code, strict):
    whole = verification(verdicts)
    assert whole.verdict == verdict
    assert (whole.exit_code(), whole.exit_code(strict=True)) == (code, strict)
