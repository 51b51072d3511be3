import pytest

from .repairing import check_left, check_repaired, example

CODE = "PER110"


@pytest.mark.parametrize(
    ("title", "old", "new"),
    [
        ("half of a small buffer, PyTorch", "replace=False", "replace=True"),
        (
            "torch.multinomial, whose default is no replacement",
            "torch.multinomial(p, n)",
            "torch.multinomial(p, n, replacement=True)",
        ),
        ("a sampler of torch that is told not to put back", "replacement=False", "replacement=True"),
    ],
)
def test_transitions_are_put_back(title, old, new):
    check_repaired(CODE, example(CODE, title), (old, new))


@pytest.mark.parametrize(
    "title",
    ["leaves that are emptied while the batch is drawn, in two files", "without replacement once the buffer is full"],
)
def test_other_ways_are_left(title):
    check_left(CODE, example(CODE, title), "puts back is not written there")
