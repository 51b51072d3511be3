import pytest

from .repairing import changed, check_left, check_repaired, example

CODE = "PER103"
SQUARE = "((weights * (q - target)) ** 2).mean()"


@pytest.mark.parametrize(
    ("written", "repaired"),
    [
        (SQUARE, "(weights * (q - target) ** 2).mean()"),
        ("torch.mean((weights * (q - target)).pow(2))", "torch.mean(weights * (q - target).pow(2))"),
        ("((q - target) * weights).square().mean()", "(weights * (q - target).square()).mean()"),
        ("torch.square(weights * (q - target)).mean()", "(weights * torch.square(q - target)).mean()"),
        (
            "torch.nn.functional.mse_loss(weights * q, weights * target)",
            '(weights * torch.nn.functional.mse_loss(q, target, reduction="none")).mean()',
        ),
    ],
)
def test_the_weights_leave_the_square(written, repaired):
    files = changed(example(CODE, "a square of the weighted error, PyTorch"), (SQUARE, written))
    check_repaired(CODE, files, (written, repaired))


def test_a_mask_leaves_it_with_them():
    check_repaired(
        CODE,
        example(CODE, "the terminal mask stands before the weights, TensorFlow"),
        ("tf.square((1 - ends[at]) * w * errors)", "(1 - ends[at]) * w * tf.square(errors)"),
    )


@pytest.mark.parametrize(
    ("title", "reason"),
    [
        ("a method that squares what another has weighted", "is not written with `*`"),
        ("a Huber loss of the weighted error", "what is squared is not the product"),
        ("both sides of a mean squared error, two files", "does to the weights"),
    ],
)
def test_indirect_forms_are_left(title, reason):
    check_left(CODE, example(CODE, title), reason)


def test_another_factor_than_a_mask_is_left():
    files = changed(
        example(CODE, "the terminal mask stands before the weights, TensorFlow"), ("(1 - ends[at]) * w", "0.5 * w")
    )
    check_left(CODE, files, "0.5 is squared with the weights")
