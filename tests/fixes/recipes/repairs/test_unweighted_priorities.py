import pytest

from .repairing import changed, check_left, check_repaired, example

CODE = "PER205"
TORCH = "the weighted loss of each transition, PyTorch"
RETURNED = "a function that returns the loss and the priorities, two files"
MADE = "        losses = torch.as_tensor(weights) * (q - y) ** 2\n"
SPLIT = "        unweighted = (q - y) ** 2\n        losses = torch.as_tensor(weights) * unweighted\n"
HANDED = "memory.update(slots, losses.detach().numpy())"


def test_the_errors_get_a_name_before_they_are_weighted():
    check_repaired(
        CODE, example(CODE, TORCH), (MADE, SPLIT), (HANDED, "memory.update(slots, unweighted.detach().numpy())")
    )


def test_what_is_made_of_them_on_the_way():
    files = changed(
        example(CODE, TORCH),
        (
            MADE,
            MADE.replace("torch.as_tensor(weights) * (q - y) ** 2", "(q - y).pow(2) * torch.as_tensor(weights)")
            + "        rated = losses + 1e-5\n",
        ),
        ("losses.mean().backward()", "losses = losses.mean()\n        losses.backward()"),
        (HANDED, "memory.update(slots, rated.detach().numpy())"),
    )
    check_repaired(
        CODE,
        files,
        (
            "        losses = (q - y).pow(2) * torch.as_tensor(weights)\n",
            "        unweighted = (q - y).pow(2)\n        losses = unweighted * torch.as_tensor(weights)\n",
        ),
        ("rated = losses + 1e-5", "rated = unweighted + 1e-5"),
    )


def test_errors_that_have_a_name_keep_it():
    files = changed(
        example(CODE, TORCH),
        (MADE, "        errors = (q - y) ** 2\n        losses = torch.as_tensor(weights) * errors\n"),
    )
    check_repaired(CODE, files, (HANDED, "memory.update(slots, errors.detach().numpy())"))


def test_a_name_that_is_weighted_in_place():
    files = changed(
        example(CODE, TORCH),
        (MADE, "        losses = (q - y) ** 2\n        losses = torch.as_tensor(weights) * losses\n"),
    )
    check_repaired(
        CODE,
        files,
        (
            "        losses = torch.as_tensor(weights) * losses\n",
            "        unweighted = losses\n        losses = torch.as_tensor(weights) * unweighted\n",
        ),
        (HANDED, "memory.update(slots, unweighted.detach().numpy())"),
    )


def test_one_error_after_the_other_in_parentheses_of_its_own():
    goal = "goal - self.theta[action] @ state"
    check_repaired(
        CODE,
        example(CODE, "weighted errors one by one, linear Q-learning in numpy"),
        (f"step = weight * ({goal})", f"unweighted = {goal}\n            step = weight * unweighted"),
        ("abs(step)", "abs(unweighted)"),
    )


def test_errors_that_are_weighted_under_a_condition_are_left():
    weighted = "        if step > 100:\n            losses = torch.as_tensor(weights) * losses\n"
    files = changed(example(CODE, TORCH), (MADE, "        losses = (q - y) ** 2\n" + weighted))
    check_left(CODE, files, "may not have been run")


@pytest.mark.parametrize(
    ("title", "reason"),
    [
        ("what Keras answers for a row and its weight", "is multiplied by the weights is not clear"),
        ("an operation of a TensorFlow 1 graph", "have no name of their own"),
    ],
)
def test_what_is_weighted_elsewhere_is_left(title, reason):
    check_left(CODE, example(CODE, title), reason)


def test_errors_that_another_file_returns():
    weighted = "    weighted = torch.as_tensor(weights) * "
    error = 'torch.nn.functional.smooth_l1_loss(q, y, reduction="none")'
    check_repaired(
        CODE,
        example(CODE, RETURNED),
        (f"{weighted}{error}", f"    unweighted = {error}\n{weighted}unweighted"),
        ("weighted.mean(), weighted + 1e-5", "weighted.mean(), unweighted + 1e-5"),
    )


@pytest.mark.parametrize("averaged", ["torch.nn.functional.mse_loss(q, y)", "((q - y) ** 2).mean()"])
def test_an_average_is_no_error_of_a_transition(averaged):
    files = changed(
        example(CODE, TORCH),
        (MADE, f"        losses = {averaged}\n        losses = losses * torch.as_tensor(weights)\n"),
    )
    check_left(CODE, files, "were averaged over the batch before they were weighted")
