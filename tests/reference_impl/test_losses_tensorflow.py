import numpy as np
import pytest

from experience_replay_optimizer import absolute_td_error, importance_weighted_loss

tf = pytest.importorskip("tensorflow")

WEIGHTS = np.array([1.0, 0.5, 0.25])


@pytest.mark.parametrize("shape", [(3,), (3, 1), (3, 4)])
@pytest.mark.parametrize("weights", [WEIGHTS, WEIGHTS[:, None], WEIGHTS.tolist(), tf.constant(WEIGHTS), None])
def test_each_row_gets_its_own_weight(shape, weights):
    values = tf.Variable(np.arange(np.prod(shape), dtype=np.float32).reshape(shape))
    with tf.GradientTape() as tape:
        loss = importance_weighted_loss(values**2, weights)
    expected = np.ones(3) if weights is None else WEIGHTS
    rows = values.numpy().reshape(3, -1)
    assert loss.shape == ()
    assert loss.numpy() == pytest.approx((rows**2 * expected[:, None]).mean())
    gradient = tape.gradient(loss, values).numpy().reshape(3, -1)
    np.testing.assert_allclose(gradient, 2 * rows * expected[:, None] / rows.size, rtol=1e-6)


def test_refused():
    with pytest.raises(ValueError, match="averaged already"):
        importance_weighted_loss(tf.constant(1.0), WEIGHTS)
    with pytest.raises(ValueError, match="do not fit"):
        importance_weighted_loss(tf.ones(4), WEIGHTS)


def test_td_errors():
    np.testing.assert_allclose(absolute_td_error(tf.constant([[1.0], [2.0]]), tf.constant([3.0, 1.0])), [2.0, 1.0])
