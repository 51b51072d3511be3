import pytest

from .repairing import changed, check_left, check_repaired, example

CODE = "PER102"


@pytest.mark.parametrize(
    ("title", "old", "new"),
    [
        ("the values of the actions are a column, PyTorch", "(weights * (q", "(weights[:, None] * (q"),
        ("the weights are a column, made in another file", " * weights\n", " * weights[:, 0]\n"),
        ("placeholders of a graph, TensorFlow 1", "self.scale * tf.squ", "self.scale[:, 0] * tf.squ"),
        ("a critic of width one, DDPG in three files", "torch.mul(w, ", "torch.mul(w[:, None], "),
        ("a kept axis, TensorFlow 2", "- q) * weights", "- q) * weights[:, None]"),
        ("a column of weights in a closure, JAX", "weights * jnp.square", "weights[:, 0] * jnp.square"),
    ],
)
def test_the_weights_get_the_shape_of_the_errors(title, old, new):
    check_repaired(CODE, example(CODE, title), (old, new))


def test_a_column_is_not_made_at_all():
    files = changed(
        example(CODE, "the values of the actions are a column, PyTorch"),
        ("(weights * (q - target) ** 2)", "(weights.unsqueeze(1) * (q - target).squeeze(1) ** 2)"),
    )
    check_repaired(CODE, files, ("weights.unsqueeze(1) *", "weights *"))


def test_an_expression_gets_parentheses():
    shares = "weights / weights.max()"
    files = changed(example(CODE, "the values of the actions are a column, PyTorch"), ("(weights *", f"({shares} *"))
    check_repaired(CODE, files, (shares, f"({shares})[:, None]"))


def test_a_sum_changes_its_size():
    files = changed(example(CODE, "the values of the actions are a column, PyTorch"), ("** 2).mean()", "** 2).sum()"))
    unsafe = "the sum at learn.py:14 was one of all pairs, and gets smaller by the size of the batch"
    check_repaired(CODE, files, ("(weights * (q", "(weights[:, None] * (q"), unsafe=unsafe)


def test_callers_that_differ_are_left():
    files = example(CODE, "the weights are a column, made in another file")
    files["agent.py"] += """
    def plain(self, batch, n):
        p = self.memory.mass / self.memory.mass.sum()
        return self.step(batch, torch.as_tensor((n * p) ** -0.5))
"""
    check_left(CODE, files, "do not have the same shape for all callers")


def test_each_weight_meets_its_own_error():
    torch = pytest.importorskip("torch")
    weights, errors = torch.rand(5), torch.rand(5)
    expected = (weights * errors).mean()
    assert torch.equal((weights[:, None] * errors.unsqueeze(1)).mean(), expected)
    assert torch.equal((weights.unsqueeze(1)[:, 0] * errors).mean(), expected)


def test_ones_that_stand_in_for_the_weights_are_no_column():
    files = changed(
        example(CODE, "the weights are a column, made in another file"),
        ("def step(self, batch, weights):", "def step(self, batch, weights=None):"),
        (
            "        loss = F.smooth",
            "        if weights is None:\n            weights = torch.ones_like(q)\n        loss = F.smooth",
        ),
    )
    check_left(CODE, files, "do not have the same shape for all callers")


def test_what_was_gathered_in_a_list_is_left():
    title = "a list of weights, one for each leaf that a recursive tree was asked for"
    in_another = changed(
        example(CODE, title),
        ("(each * torch.tensor(weights)).mean().backward()", "weighted(each, weights).backward()"),
        ("def learn(", "def weighted(each, weights):\n    return (each * weights).mean()\n\n\ndef learn("),
    )
    check_left(CODE, in_another, "were gathered in a list, and may still be one")


def test_a_list_that_becomes_a_tensor_becomes_a_column():
    title = "a list of weights, one for each leaf that a recursive tree was asked for"
    check_repaired(CODE, example(CODE, title), ("torch.tensor(weights))", "torch.tensor(weights)[:, None])"))
