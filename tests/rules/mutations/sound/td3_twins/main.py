"""The loop over the environment."""

import numpy as np
import torch
from store import Store


def main(env, agent, steps, capacity=10_000, state_dim=4, action_dim=1):
    store = Store(capacity, state_dim, action_dim)
    state, _ = env.reset()
    for step in range(steps):
        with torch.no_grad():
            action = agent.actor(torch.as_tensor(state)).numpy() + np.random.normal(0, 0.1, action_dim)
        next_state, reward, terminated, truncated, _ = env.step(action)
        store.add(state, action, reward, next_state, terminated)
        state = env.reset()[0] if terminated or truncated else next_state
        if store.size >= 64:
            agent.update(store, 32, min(1.0, 0.4 + 0.6 * step / steps))
    return store


def start(env, networks, actor_optimizer, critic_optimizer, steps):
    from td3 import TD3

    return main(env, TD3(*networks, actor_optimizer, critic_optimizer), steps)
