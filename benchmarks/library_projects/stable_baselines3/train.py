"""DQN on CartPole with the replay buffer of Stable-Baselines3."""

import gymnasium as gym
import numpy as np
import torch
import torch.nn as nn
from stable_baselines3.common.buffers import ReplayBuffer

STEPS = 5_000


def network(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, outputs))


def main():
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    env = gym.make("CartPole-v1")
    online, target = network(4, 2), network(4, 2)
    target.load_state_dict(online.state_dict())
    optimizer = torch.optim.Adam(online.parameters(), lr=1e-3)
    buffer = ReplayBuffer(5_000, env.observation_space, env.action_space, "cpu", handle_timeout_termination=False)
    obs, _ = env.reset(seed=0)
    for step in range(STEPS):
        if rng.random() < max(0.05, 1 - step / 2_000):
            action = int(rng.integers(2))
        else:
            with torch.no_grad():
                action = int(online(torch.as_tensor(obs)).argmax())
        next_obs, reward, terminated, truncated, info = env.step(action)
        buffer.add(obs, next_obs, np.array([action]), np.array([reward]), np.array([terminated]), [info])
        obs = env.reset()[0] if terminated or truncated else next_obs
        if step >= 200:
            data = buffer.sample(64)
            with torch.no_grad():
                best = target(data.next_observations).max(dim=1).values
                goal = data.rewards.flatten() + 0.99 * best * (1 - data.dones.flatten())
            value = online(data.observations).gather(1, data.actions).squeeze(1)
            loss = nn.functional.smooth_l1_loss(value, goal)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if step % 100 == 0:
            target.load_state_dict(online.state_dict())


if __name__ == "__main__":
    main()
