import pytest

from .repairing import check_repaired, example

CODE = "PER211"


@pytest.mark.parametrize(
    ("title", "old", "new"),
    [
        ("`.numpy()` of |td|, two files", "(q - goal).abs().numpy()", "(q - goal).abs().detach().numpy()"),
        ("two critics", "worst.cpu().numpy()", "worst.detach().cpu().numpy()"),
        ("NumPy's functions on tensors", "np.abs(goal - q)", "np.abs((goal - q).detach())"),
        ("the losses of the single transitions", "(losses + 1e-5).cpu()", "(losses + 1e-5).detach().cpu()"),
        (
            "converted before the backward pass",
            "np.asarray((one - goal).abs())",
            "np.asarray((one - goal).abs().detach())",
        ),
        ("tensors kept in a list", "= abs(error) + 1e-5", "= (abs(error) + 1e-5).detach()"),
        ("tensors kept in a deque", "= abs(error) + 1e-5", "= (abs(error) + 1e-5).detach()"),
        (
            "assigned into a tensor of priorities, three files",
            "self.replay.correct(slots, errors)",
            "self.replay.correct(slots, errors.detach())",
        ),
    ],
)
def test_the_errors_are_detached(title, old, new):
    check_repaired(CODE, example(CODE, title), (old, new))
