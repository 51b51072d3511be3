"""DQN with a replay buffer over a deque."""

import random
import sys
from collections import deque, namedtuple

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from envs import Corridor

TOTAL_STEPS = 2000
WARM_UP = 200
BATCH_SIZE = 32
GAMMA = 0.95
LEARNING_RATE = 1e-3
TARGET_EVERY = 100
REPORT_EVERY = 100

Transition = namedtuple("Transition", ("state", "action", "reward", "next_state", "done"))


class ReplayBuffer:
    """The last transitions."""

    def __init__(self, capacity):
        self.memory = deque(maxlen=capacity)

    def push(self, *args):
        """Store a transition."""
        self.memory.append(Transition(*args))

    def sample(self, batch_size):
        """Some of the transitions."""
        return random.sample(self.memory, batch_size)

    def __len__(self):
        return len(self.memory)


class QNetwork(nn.Module):
    """State to the value of each action."""

    def __init__(self, state_size, action_size):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(state_size, 64), nn.ReLU(), nn.Linear(64, action_size))

    def forward(self, state):
        """Values of shape (batch, actions)."""
        return self.layers(state)


class Agent:
    """Epsilon-greedy DQN with a target network."""

    def __init__(self, state_size, action_size):
        self.action_size = action_size
        self.network = QNetwork(state_size, action_size)
        self.target = QNetwork(state_size, action_size)
        self.target.load_state_dict(self.network.state_dict())
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=LEARNING_RATE)
        self.memory = ReplayBuffer(10_000)

    def act(self, state, epsilon):
        """An action for one state."""
        if random.random() < epsilon:
            return random.randrange(self.action_size)
        with torch.no_grad():
            return int(self.network(torch.from_numpy(state).unsqueeze(0)).argmax())

    def learn(self):
        """One step of gradient descent on one batch."""
        transitions = self.memory.sample(BATCH_SIZE)
        batch = Transition(*zip(*transitions))
        states = torch.from_numpy(np.stack(batch.state))
        actions = torch.tensor(batch.action).unsqueeze(1)
        rewards = torch.tensor(batch.reward, dtype=torch.float32)
        next_states = torch.from_numpy(np.stack(batch.next_state))
        dones = torch.tensor(batch.done, dtype=torch.float32)

        values = self.network(states).gather(1, actions).squeeze(1)
        with torch.no_grad():
            next_values = self.target(next_states).max(1).values
            targets = rewards + GAMMA * (1 - dones) * next_values
        loss = F.smooth_l1_loss(values, targets)

        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def update_target(self):
        """Copy the network to the target network."""
        self.target.load_state_dict(self.network.state_dict())


def main(seed=0):
    """Train and say how often the end was reached."""
    random.seed(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(1)  # more only get in the way of networks as small as these
    env = Corridor()
    agent = Agent(env.length, 2)
    reached, episodes = 0, 0
    state = env.reset()
    for step in range(TOTAL_STEPS):
        epsilon = max(0.05, 1.0 - step / (0.5 * TOTAL_STEPS))
        action = agent.act(state, epsilon)
        next_state, reward, terminated, truncated = env.step(action)
        agent.memory.push(state, action, reward, next_state, terminated)
        state = next_state
        if terminated or truncated:
            reached += terminated
            episodes += 1
            state = env.reset()
        if step >= WARM_UP:
            agent.learn()
        if step % TARGET_EVERY == 0:
            agent.update_target()
        if (step + 1) % REPORT_EVERY == 0:
            print(f"step {step + 1}: reached the end {reached} times")
    print(f"DQN: reached the end in {reached} of {episodes} episodes")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
