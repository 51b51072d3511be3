import numpy as np
import pytest

from experience_replay_optimizer import PrioritizedReplayBuffer, importance_weighted_loss, lap_loss

jax = pytest.importorskip("jax")
jnp = jax.numpy

WEIGHTS = np.array([1.0, 0.5, 0.25])


@pytest.mark.parametrize("shape", [(3,), (3, 1), (3, 4)])
@pytest.mark.parametrize("weights", [WEIGHTS, WEIGHTS[:, None], WEIGHTS.tolist(), jnp.asarray(WEIGHTS), None])
@pytest.mark.parametrize("compiled", [True, False])
def test_each_row_gets_its_own_weight(shape, weights, compiled):
    values = jnp.arange(np.prod(shape), dtype=jnp.float32).reshape(shape)
    take = jax.value_and_grad(lambda values: importance_weighted_loss(values**2, weights))
    loss, gradient = (jax.jit(take) if compiled else take)(values)
    expected = np.ones(3) if weights is None else WEIGHTS
    rows = np.asarray(values).reshape(3, -1)
    assert loss.shape == ()
    assert float(loss) == pytest.approx((rows**2 * expected[:, None]).mean())
    found = np.asarray(gradient).reshape(3, -1)
    np.testing.assert_allclose(found, 2 * rows * expected[:, None] / rows.size, rtol=1e-6)


def test_weights_that_are_an_argument_of_a_compiled_function_get_no_gradient():
    take = jax.jit(jax.grad(lambda weights, values: importance_weighted_loss(values * weights.sum(), weights)))
    alone = jax.grad(lambda weights, values: (values * weights.sum() * WEIGHTS).mean())
    values = jnp.array([1.0, 2.0, 3.0])
    given = jnp.asarray(WEIGHTS, jnp.float32)
    np.testing.assert_allclose(take(given, values), alone(given, values), rtol=1e-6)


def test_td_errors_of_jax_become_priorities():
    buffer = PrioritizedReplayBuffer(4, seed=0)
    for reward in range(4):
        buffer.add(np.zeros(2), 0, float(reward), np.zeros(2), False)
    buffer.update_priorities(np.arange(4), jnp.array([0.0, 0.0, 0.0, 100.0]))
    drawn = np.concatenate([buffer.sample(4).indices for _ in range(20)])
    assert (drawn == 3).mean() > 0.5


def test_refused():
    with pytest.raises(ValueError, match="averaged already"):
        importance_weighted_loss(jnp.asarray(1.0), WEIGHTS)
    with pytest.raises(ValueError, match="do not fit"):
        jax.jit(importance_weighted_loss)(jnp.ones(4), WEIGHTS)
    with pytest.raises(TypeError, match="of TensorFlow, or numpy arrays"):
        lap_loss(jnp.ones(3), jnp.zeros(3))
