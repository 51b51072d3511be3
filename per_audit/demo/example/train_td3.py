"""Train TD3 to push a point to a target."""

import sys

import numpy as np
import torch
from envs import PointMass
from replay import RingBuffer
from td3 import TD3

TOTAL_STEPS = 1500
WARM_UP = 200
EXPLORATION = 0.2
REPORT_EVERY = 100


def main(seed=0):
    """Train and say how far from the target the last episodes ended."""
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(1)  # more only get in the way of networks as small as these
    env = PointMass(seed)
    agent = TD3(state_size=4, action_size=2)
    replay_buffer = RingBuffer(4, 2, 10_000)
    distances = []
    state = env.reset()
    for step in range(TOTAL_STEPS):
        if step < WARM_UP:
            action = np.random.uniform(-1.0, 1.0, size=2)
        else:
            action = np.clip(agent.act(state) + EXPLORATION * np.random.randn(2), -1.0, 1.0)
        next_state, reward, terminated, truncated = env.step(action)
        replay_buffer.add(state, action, reward, next_state, terminated)
        state = next_state
        if step >= WARM_UP:
            agent.train(replay_buffer)
        if terminated or truncated:
            distances.append(-reward)
            state = env.reset()
        if (step + 1) % REPORT_EVERY == 0:
            print(f"step {step + 1}: the last ten episodes ended {np.mean(distances[-10:]):.3f} from the target")
    print(f"TD3: the last ten episodes ended {np.mean(distances[-10:]):.3f} from the target")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
