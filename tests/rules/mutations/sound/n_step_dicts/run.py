"""The loop."""

import numpy as np
from learner import learn
from replay import NStepReplay


def run(env, net, target, optimizer, steps, capacity=5_000):
    replay = NStepReplay(capacity)
    state, _ = env.reset()
    for step in range(steps):
        action = np.random.randint(2)
        next_state, reward, terminated, truncated, _ = env.step(action)
        replay.append(state, action, reward, next_state, terminated, truncated)
        state = env.reset()[0] if terminated or truncated else next_state
        if replay.count >= 64:
            batch = replay.sample(32, min(1.0, 0.4 + 0.6 * step / steps))
            replay.update(batch["slot"], learn(net, target, optimizer, batch))
    return replay
