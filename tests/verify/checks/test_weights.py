from __future__ import annotations

import numpy as np
import pytest

from per_audit.verify import statistics
from per_audit.verify.checks import discover
from per_audit.verify.child.bench import log_grid
from per_audit.verify.results import Verdict

CHECK = "weights"


def test_a_mutant_fails(mutant, assert_it_fails):
    assert_it_fails(mutant)


def measured(weigh, seed=0, alpha=0.6):
    rng = np.random.default_rng(seed)
    parts = {}
    for label, count in (("full", 50), ("part", 25)):
        td = log_grid(count)
        law = statistics.power_law(td, alpha)
        rows = []
        for _ in range(60):
            ids = rng.choice(count, 20, p=law)
            rows.append([ids.tolist(), weigh(law, ids, count).tolist(), 0.4, 0.4])
        parts[label] = {"td": td.tolist(), "rows": rows, "unreached": []}
        parts[label]["counts"] = rng.multinomial(8000, law).tolist()
    return parts


def undivided(law, ids, count):
    return (count * law[ids]) ** -0.4


def by_the_batch(law, ids, count):
    return undivided(law, ids, count) / undivided(law, ids, count).max()


@pytest.mark.parametrize(
    ("weigh", "words"),
    [
        (undivided, "not divided by anything"),
        (by_the_batch, "divided by the largest of the batch"),
        (lambda law, ids, count: (law[ids] / law.min()) ** -0.4, "divided by a constant"),
    ],
)
def test_every_constant_factor_passes(judge, weigh, words):
    found = judge(measured(weigh))
    assert found.verdict is Verdict.PASS
    assert words in found.message


@pytest.mark.parametrize(
    ("weigh", "words"),
    [
        (lambda law, ids, count: undivided(law, ids, count) ** 1.1, "P^-0.44, but beta is 0.4"),
        (lambda law, ids, count: np.where(ids == 7, 1.1, 1.0) * undivided(law, ids, count), "not all of them"),
        (lambda law, ids, count: np.full(len(ids), np.nan), "not finite"),
        (lambda law, ids, count: np.zeros(len(ids)), "zero or negative"),
        (lambda law, ids, count: (50 * law[ids]) ** -0.4, "is not the number of stored items"),
    ],
)
def test_what_is_off_fails(judge, weigh, words):
    found = judge(measured(weigh))
    assert found.verdict is Verdict.FAIL
    assert words in found.message


def test_weights_of_another_law_that_is_really_drawn_are_right(judge):
    found = judge(measured(by_the_batch, alpha=1.0))
    assert found.verdict is Verdict.PASS
    assert "which is not p^alpha" in found.message
    wrong = judge(measured(lambda law, ids, count: undivided(law, ids, count) ** 2, alpha=1.0))
    assert wrong.verdict is Verdict.FAIL


def test_another_law_excuses_no_zeros_of_a_part_filled_buffer(judge):
    found = measured(by_the_batch, alpha=1.0)
    found["part"]["rows"][0][1][0] = 0.0
    assert judge(found).verdict is Verdict.FAIL


@pytest.mark.parametrize("alpha", [0.3, 1.0])
def test_without_a_known_alpha_the_draws_tell_it(judge, alpha):
    assert judge(measured(by_the_batch, alpha=alpha), alpha=None).verdict is Verdict.PASS
    wrong = measured(lambda law, ids, count: undivided(law, ids, count) ** 2, alpha=alpha)
    assert judge(wrong, alpha=None).verdict is Verdict.FAIL


def test_the_picture_shows_each_item_on_the_line():
    facts = {"alpha": 0.6, "beta": 0.4, "epsilon": None, "recent_fraction": None}
    picture = discover()[CHECK].picture(measured(by_the_batch), facts)
    returned, line = picture.series
    (x0, y0), (x1, y1) = line.points
    slope = np.log(y1 / y0) / np.log(x1 / x0)
    assert slope == pytest.approx(-0.4)
    assert len(returned.points) > 40
    assert all(y == pytest.approx(y0 * (x / x0) ** slope, rel=1e-6) for x, y in returned.points)


def test_uniform_draws_on_purpose_have_nothing_to_weigh(judge):
    equal = measured(lambda law, ids, count: np.ones(len(ids)), alpha=0.0)
    assert judge(equal, alpha=0.0).verdict is Verdict.NOT_PROVIDED
