import numpy as np
import pytest

from experience_replay_optimizer import absolute_td_error, importance_weighted_loss, lap_loss, pal_loss

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


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
@pytest.mark.parametrize("of_numpy", [True, False])
def test_lap_is_the_huber_loss_without_a_gradient_into_the_target(shape, of_numpy):
    values = tf.Variable(np.array([0.5, 4.0, -3.0], np.float32).reshape(shape))
    goal = tf.Variable(np.zeros(3, np.float32))
    with tf.GradientTape() as tape:
        loss = lap_loss(values, goal.numpy().astype(np.float64) if of_numpy else goal)
    assert loss.numpy() == pytest.approx((0.125 + 3.5 + 2.5) / 3)
    inner, outer = tape.gradient(loss, [values, goal])
    np.testing.assert_allclose(inner.numpy().reshape(3), np.array([0.5, 1.0, -1.0]) / 3, rtol=1e-6)
    assert outer is None
    with pytest.raises(ValueError, match="one value a transition"):
        lap_loss(tf.ones((3, 2)), tf.ones((3, 2)))
    with pytest.raises(TypeError, match="TensorFlow"):
        pal_loss(values, goal)
