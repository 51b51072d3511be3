"""Losses of libraries, and whether they make one number of a batch."""

import pytest

from per_audit.graph.interpret.values import ELEMENTWISE, SCALAR

GRAPHS = "import tensorflow as tf\n\nx = tf.placeholder(tf.float32)\n"


@pytest.mark.parametrize(
    ("call", "reduction"),
    [
        ("F.mse_loss(q, y)", SCALAR),
        ("F.mse_loss(q, y, reduction='sum')", SCALAR),
        ("F.mse_loss(q, y, reduction='none')", ELEMENTWISE),
        ("F.mse_loss(q, y, reduce=False)", ELEMENTWISE),
        ("F.mse_loss(q, y, reduce=read())", None),
        ("F.mse_loss(q, y, reduction=read())", None),
        ("torch.nn.MSELoss()(q, y)", SCALAR),
        ("torch.nn.MSELoss(reduction='none')(q, y)", ELEMENTWISE),
        ("torch.nn.MSELoss().to(device)(q, y)", SCALAR),
        ("torch.nn.MSELoss(reduction='none').cuda()(q, y)", ELEMENTWISE),
        ("tf.keras.losses.mse(q, y)", ELEMENTWISE),
        ("optax.huber_loss(q, y)", ELEMENTWISE),
        ("tf.keras.losses.Huber()(q, y)", SCALAR),
        ("tf.keras.losses.Huber(reduction=tf.keras.losses.Reduction.NONE)(q, y)", ELEMENTWISE),
        ("tf.compat.v1.losses.mean_squared_error(q, y)", SCALAR),
        ("tf.compat.v1.losses.mean_squared_error(q, y, reduction='none')", ELEMENTWISE),
        ("tf.losses.mean_squared_error(q, y)", ELEMENTWISE),  # that of Keras
        ("measure(q, y)", None),
    ],
)
def test_what_a_loss_makes_of_a_batch(project, value_of, call, reduction):
    imports = "import optax\nimport tensorflow as tf\nimport torch\nimport torch.nn.functional as F\n"
    graph = project(f"{imports}loss = {call}\n")
    assert value_of(graph, call).reduction == reduction


@pytest.mark.parametrize(("start", "reduction"), [(GRAPHS, SCALAR), ("import tensorflow as tf\n", ELEMENTWISE)])
def test_a_loss_of_graphs_that_keras_has_by_the_same_name(project, value_of, start, reduction):
    graph = project(f"{start}loss = tf.losses.mean_squared_error(q, y)\n")
    assert value_of(graph, "tf.losses.mean_squared_error(q, y)").reduction == reduction
