import pytest

from .repairing import changed, check_left, check_repaired, example

CODE = "PER204"
PASSED = "the training passes the difference, PyTorch, two files"


@pytest.mark.parametrize(
    ("title", "old", "new"),
    [
        (PASSED, "td.detach().numpy())", "abs(td.detach().numpy()))"),
        ("a negative number to the power of alpha, numpy", "(error + 0.01) ** 0.6", "(abs(error) + 0.01) ** 0.6"),
        ("clipped from above only, JAX", "memory.mark(at, error)", "memory.mark(at, abs(error))"),
        (
            "two critics, averaged before the absolute value, two files",
            "((error_1 + error_2) / 2)",
            "((abs(error_1) + abs(error_2)) / 2)",
        ),
        (
            "two critics of layers, one of several targets",
            "(error_1 + error_2) / 2",
            "(abs(error_1) + abs(error_2)) / 2",
        ),
        ("two critics under a square root of the squared mean", "0.5 * (one + two)", "0.5 * (abs(one) + abs(two))"),
    ],
)
def test_the_sign_goes(title, old, new):
    check_repaired(CODE, example(CODE, title), (old, new))


def test_a_list_is_left():
    files = changed(
        example(CODE, PASSED),
        ("td.detach().numpy())", "td.tolist())"),
    )
    check_left(CODE, files, "are a list")


def test_another_abs_is_left():
    files = example(CODE, PASSED)
    files["train.py"] += "\n\ndef abs(x):\n    return x\n"
    check_left(CODE, files, "`abs` has a meaning of its own")


def test_a_power_of_its_own_is_left():
    files = changed(
        example(CODE, "a negative number to the power of alpha, numpy"),
        ("(error + 0.01) ** 0.6", "np.power(error + 0.01, 0.6)"),
    )
    check_left(CODE, files, "does to the TD error")
