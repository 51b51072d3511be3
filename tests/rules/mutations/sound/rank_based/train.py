"""DQN over the ranked memory."""

import numpy as np
import torch
import torch.nn.functional as F
from memory import RankedMemory


def train(env, net, target, optimizer, steps, capacity=5_000, gamma=0.99):
    memory = RankedMemory(capacity, 4)
    state, _ = env.reset()
    for step in range(steps):
        with torch.no_grad():
            action = int(net(torch.as_tensor(state)).argmax()) if np.random.rand() > 0.1 else np.random.randint(2)
        next_state, reward, terminated, truncated, _ = env.step(action)
        memory.add(state, action, reward, next_state, terminated)
        state = env.reset()[0] if terminated or truncated else next_state
        if memory.count >= 64:
            (states, actions, rewards, next_states, ends), slots, weights = memory.sample(
                32, min(1.0, 0.4 + 0.6 * step / steps)
            )
            q = net(torch.as_tensor(states)).gather(1, torch.as_tensor(actions).unsqueeze(1)).squeeze(1)
            with torch.no_grad():
                ahead = target(torch.as_tensor(next_states)).max(1).values
                goal = torch.as_tensor(rewards) + gamma * (1 - torch.as_tensor(ends)) * ahead
            loss = (torch.as_tensor(weights) * F.mse_loss(q, goal, reduction="none")).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            memory.update(slots, (q - goal).detach().numpy())
    return memory
