import pytest

from .repairing import changed, check_left, check_repaired, example

CODE = "PER101"
FUNCTIONAL = "a functional loss, PyTorch"
LOSS = "F.mse_loss(q, torch.as_tensor(targets))"
NONE = 'F.mse_loss(q, torch.as_tensor(targets), reduction="none")'
LINE = f"loss = (torch.as_tensor(weights) * {LOSS}).mean()"
MANY = "are as many as the elements of the loss"
WEIGHTS = "torch.as_tensor(weights)"


def test_a_functional_loss():
    files = example(CODE, FUNCTIONAL)
    check_repaired(CODE, files, (f"{WEIGHTS} * {LOSS}", f"{WEIGHTS}.reshape(q.shape) * {NONE}"), unsafe=MANY)


@pytest.mark.parametrize(
    ("title", "old", "new"),
    [
        ("the loss of a linear model, numpy", "np.mean(goals - features @ theta)", "goals - features @ theta"),
        (
            "the mean inside a closure, JAX",
            "jnp.mean(jnp.square(apply(params, rows) - goals))",
            "jnp.square(apply(params, rows) - goals)",
        ),
    ],
)
def test_a_mean_of_our_own(title, old, new):
    check_repaired(CODE, example(CODE, title), (old, new))


def test_a_loss_object():
    files = example(CODE, "a criterion, the weights from another file")
    made = ("nn.SmoothL1Loss()", 'nn.SmoothL1Loss(reduction="none")')
    check_repaired(CODE, files, made, ("correction * error", "correction.reshape(error.shape) * error"), unsafe=MANY)


def test_a_loss_object_with_another_use_is_left():
    files = example(CODE, "a criterion, the weights from another file")
    files["agent.py"] += "        return self.criterion(self.net(states), goals).item()\n"
    check_left(CODE, files, "its loss object is also used at agent.py:16")


@pytest.mark.parametrize(
    "lines",
    [
        f"loss = {LOSS}\n        loss = torch.as_tensor(weights) * loss\n        loss = torch.mean(loss)",
        f"loss = {LOSS}\n        total = torch.as_tensor(weights) * loss\n        loss = total.mean()",
    ],
)
def test_a_loss_with_a_name(lines):
    changes = (LOSS, NONE), (f"{WEIGHTS} * loss", f"{WEIGHTS}.reshape(loss.shape) * loss")
    check_repaired(CODE, changed(example(CODE, FUNCTIONAL), (LINE, lines)), *changes, unsafe=MANY)


def test_a_loss_that_is_printed_too_is_left():
    lines = f"loss = {LOSS}\n        print(loss.item())\n        loss = (torch.as_tensor(weights) * loss).mean()"
    check_left(CODE, changed(example(CODE, FUNCTIONAL), (LINE, lines)), "loss is also used at learn.py:18")


def test_a_product_that_is_not_averaged_is_left():
    lines = f"loss = {LOSS}\n        total = torch.as_tensor(weights) * loss\n        loss = total[0]"
    check_left(CODE, changed(example(CODE, FUNCTIONAL), (LINE, lines)), "is not averaged afterwards")


def test_weights_get_the_shape_of_a_column():
    files = changed(
        example(CODE, FUNCTIONAL),
        (
            "q = self.net(torch.as_tensor(states))",
            "q = self.net(torch.as_tensor(states)).gather(1, torch.tensor(actions)[:, None])",
        ),
        (LINE, f"w = torch.as_tensor(weights)\n        loss = (w * {LOSS}).mean()"),
    )
    check_repaired(CODE, files, (f"(w * {LOSS})", f"(w[:, None] * {NONE})"))


def test_a_keras_loss_object_is_left():
    check_left(CODE, example(CODE, "a Keras loss object of the module"), "keeps its elements is not known")


def test_the_gradient_is_that_of_the_weighted_mean():
    torch = pytest.importorskip("torch")
    from torch.nn.functional import mse_loss

    q, target, weights = torch.rand(6, 1, requires_grad=True), torch.rand(6, 1), torch.rand(6)
    (weights[:, None] * mse_loss(q, target, reduction="none")).mean().backward()
    assert torch.allclose(q.grad[:, 0], weights * 2 * (q - target)[:, 0].detach() / 6)
