import pytest

from .repairing import changed, check_left, check_repaired, example

CODE = "PER302"


@pytest.mark.parametrize(
    ("title", "old", "new"),
    [
        ("one argsort", "np.argsort(-self.errors[:filled])", "np.argsort(np.argsort(-self.errors[:filled]))"),
        ("ranks from a helper in another file", "np.argsort(errors)[::-1]", "np.argsort(np.argsort(errors)[::-1])"),
        (
            "one argsort, PyTorch",
            "torch.argsort(self.error[:filled], descending=True)",
            "torch.argsort(torch.argsort(self.error[:filled], descending=True))",
        ),
        (
            "one argsort, turned round",
            "self.errors[:filled].argsort()[::-1]",
            "self.errors[:filled].argsort()[::-1].argsort()",
        ),
    ],
)
def test_the_order_is_sorted_once_more(title, old, new):
    check_repaired(CODE, example(CODE, title), (old, new))


def test_the_ranks_are_ranks():
    np = pytest.importorskip("numpy")
    errors = np.random.default_rng(0).permutation(50) / 50
    for ranks in (np.argsort(np.argsort(errors)[::-1]), np.argsort(np.argsort(-errors)), (-errors).argsort().argsort()):
        assert [errors[ranks == rank].item() for rank in range(50)] == sorted(errors, reverse=True)


def test_an_axis_of_length_1_is_left():
    check_left(CODE, example(CODE, "two argsorts along a column"), "goes along an axis of length 1")


def test_a_part_of_the_order_is_left():
    files = changed(
        example(CODE, "one argsort, turned round"),
        ("self.errors[:filled].argsort()[::-1]", "self.errors[:filled].argsort()[: filled + 1]"),
    )
    check_left(CODE, files, "a part of the order is taken")
