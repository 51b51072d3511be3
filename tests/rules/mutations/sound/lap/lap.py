"""Loss-adjusted prioritisation: priorities max(|error|, 1)^alpha, a Huber loss and no weights."""

import numpy as np
import torch
import torch.nn.functional as F


class LossAdjusted:
    def __init__(self, capacity, alpha=0.4):
        self.rows, self.priority = [None] * capacity, np.zeros(capacity)
        self.capacity, self.alpha, self.count = capacity, alpha, 0

    def add(self, state, action, reward, next_state, terminated):
        self.rows[self.count % self.capacity] = (state, action, reward, next_state, terminated)
        self.priority[self.count % self.capacity] = self.priority.max() if self.count else 1.0
        self.count += 1

    def sample(self, n):
        filled = min(self.count, self.capacity)
        p = self.priority[:filled] / self.priority[:filled].sum()
        slots = np.random.choice(filled, n, p=p)
        return [np.stack(column) for column in zip(*[self.rows[slot] for slot in slots])], slots

    def update(self, slots, errors):
        self.priority[slots] = np.maximum(np.abs(errors), 1.0) ** self.alpha


def train(env, net, target, optimizer, steps, capacity=5_000, gamma=0.99):
    memory = LossAdjusted(capacity)
    state, _ = env.reset()
    for _ in range(steps):
        action = np.random.randint(2)
        next_state, reward, terminated, truncated, _ = env.step(action)
        memory.add(state, action, reward, next_state, terminated)
        state = env.reset()[0] if terminated or truncated else next_state
        if memory.count >= 64:
            (states, actions, rewards, next_states, ends), slots = memory.sample(32)
            q = net(torch.as_tensor(states)).gather(1, torch.as_tensor(actions)[:, None])[:, 0]
            with torch.no_grad():
                ahead = target(torch.as_tensor(next_states)).max(1).values
                alive = 1 - torch.as_tensor(ends, dtype=torch.float32)
                goal = torch.as_tensor(rewards, dtype=torch.float32) + gamma * alive * ahead
            loss = F.smooth_l1_loss(q, goal)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            memory.update(slots, (q - goal).detach().numpy())
    return memory
