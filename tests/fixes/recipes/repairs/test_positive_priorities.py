import pytest

from .repairing import changed, check_left, check_repaired, example

CODE = "PER203"
PASSED = "the training passes |td|, PyTorch, two files"


@pytest.mark.parametrize(
    ("title", "old", "new"),
    [
        (PASSED, "td.abs().detach().numpy())", "td.abs().detach().numpy() + 1e-6)"),
        ("the power of |td| is stored by the agent itself, numpy", "abs(error) ** 0.6", "(abs(error) + 1e-6) ** 0.6"),
        ("clipped from above only, the power in the buffer", "np.abs(errors), 1.0", "np.abs(errors) + 1e-6, 1.0"),
    ],
)
def test_a_constant_is_added(title, old, new):
    check_repaired(CODE, example(CODE, title), (old, new))


def test_before_it_becomes_a_list():
    files = changed(example(CODE, PASSED), ("td.abs().detach().numpy())", "td.abs().detach().tolist())"))
    check_repaired(CODE, files, ("td.abs().detach().tolist()", "(td.abs().detach() + 1e-6).tolist()"))


def test_errors_that_are_learnt_from_are_left():
    files = changed(
        example(CODE, PASSED),
        ("    td = goal - q\n", "    td = (goal - q).abs()\n"),
        ("td.abs().detach().numpy())", "td.detach().numpy())"),
    )
    check_left(CODE, files, "td at train.py:13 is used for something else as well")
