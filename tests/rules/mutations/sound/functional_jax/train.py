import jax
import jax.numpy as jnp
import numpy as np
from replay import Replay


def train(env, apply, params, steps):
    replay = Replay(8_000)

    def loss(params, obs, actions, targets, weights):
        errors = jnp.take_along_axis(apply(params, obs), actions[:, None], axis=1)[:, 0] - targets
        return jnp.mean(weights * errors**2), errors

    obs, _ = env.reset()
    for step in range(steps):
        action = int(jnp.argmax(apply(params, obs[None])))
        next_obs, reward, terminated, truncated, _ = env.step(action)
        replay.put(obs, action, reward, next_obs, terminated)
        obs = env.reset()[0] if terminated or truncated else next_obs
        if step > 64:
            (s, a, r, s2, d), weights, slots = replay.take(64, min(1.0, 0.4 + 0.6 * step / steps))
            y = r + 0.99 * (1 - d) * jnp.max(apply(params, s2), axis=1)
            gradients, errors = jax.grad(loss, has_aux=True)(params, s, a, y, weights)
            params = jax.tree_util.tree_map(lambda p, g: p - 1e-3 * g, params, gradients)
            replay.reprioritise(slots, np.asarray(errors))
    return params
