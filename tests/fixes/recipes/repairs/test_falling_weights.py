import pytest

from .repairing import changed, check_left, check_repaired, example

CODE = "PER104"
FRACTION = "a fraction turned over, PyTorch"
RATE = "the learning rate was chosen with these weights"


@pytest.mark.parametrize(
    ("title", "old", "new"),
    [
        (FRACTION, "(1 / (filled * p[at])) ** -beta", "(1 / (filled * p[at])) ** beta"),
        (
            "a helper that is given probabilities and turns them over",
            "(size * probability) ** beta",
            "(size * probability) ** -beta",
        ),
    ],
)
def test_the_exponent_changes_its_sign(title, old, new):
    check_repaired(CODE, example(CODE, title), (old, new), unsafe=RATE)


def test_its_parentheses_go():
    files = changed(example(CODE, FRACTION), ("** -beta", "** (-beta)"))
    check_repaired(CODE, files, ("** (-beta)", "** beta"), unsafe=RATE)


@pytest.mark.parametrize(
    "title", ["the raw smallest priority, in two files", "the largest probability as the normaliser"]
)
def test_other_formulas_are_left(title):
    check_left(CODE, example(CODE, title), "for a person to say")


OLD = "(1 / (filled * p[at])) ** -beta"
LARGEST = "weights / weights.max()"


def test_a_fraction_that_has_lost_its_parentheses_is_left():
    files = changed(example(CODE, FRACTION), (OLD, "(1 / filled * p[at]) ** beta"), (LARGEST, "weights"))
    check_left(CODE, files, "is P / N and not N P")


def test_the_division_by_the_largest_weight_takes_any_factor_out():
    files = changed(example(CODE, FRACTION), (OLD, "(1 / filled * p[at]) ** beta"))
    check_repaired(CODE, files, ("p[at]) ** beta", "p[at]) ** -beta"), unsafe=RATE)


def test_a_divisor_that_is_inverted_too_is_left():
    files = changed(
        example(CODE, FRACTION), (OLD, "(filled * p[at]) ** beta"), (LARGEST, "weights / (filled * p.min()) ** beta")
    )
    check_left(CODE, files, "turned round together")
