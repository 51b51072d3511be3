"""Twin delayed deep deterministic policy gradients."""

import copy

import torch
import torch.nn as nn
import torch.nn.functional as F


class Actor(nn.Module):
    """State to action in [-1, 1]."""

    def __init__(self, state_size, action_size):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(state_size, 64), nn.ReLU(), nn.Linear(64, action_size), nn.Tanh())

    def forward(self, state):
        """Actions of shape (batch, action_size)."""
        return self.layers(state)


class Critic(nn.Module):
    """Two independent values of a state and an action."""

    def __init__(self, state_size, action_size):
        super().__init__()
        size = state_size + action_size
        self.first = nn.Sequential(nn.Linear(size, 64), nn.ReLU(), nn.Linear(64, 1))
        self.second = nn.Sequential(nn.Linear(size, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, state, action):
        """Two values of shape (batch, 1)."""
        both = torch.cat([state, action], 1)
        return self.first(both), self.second(both)


class TD3:
    """The agent; it learns from batches of a replay buffer."""

    def __init__(self, state_size, action_size, gamma=0.98, tau=0.01, noise=0.2, noise_clip=0.5, policy_every=2):
        self.actor = Actor(state_size, action_size)
        self.actor_target = copy.deepcopy(self.actor)
        self.actor_optimizer = torch.optim.Adam(self.actor.parameters(), lr=1e-3)
        self.critic = Critic(state_size, action_size)
        self.critic_target = copy.deepcopy(self.critic)
        self.critic_optimizer = torch.optim.Adam(self.critic.parameters(), lr=1e-3)
        self.gamma = gamma
        self.tau = tau
        self.noise = noise
        self.noise_clip = noise_clip
        self.policy_every = policy_every
        self.updates = 0

    def act(self, state):
        """The action for one state."""
        with torch.no_grad():
            return self.actor(torch.from_numpy(state).unsqueeze(0)).squeeze(0).numpy()

    def train(self, replay_buffer, batch_size=64):
        """One step of gradient descent; every other time for the actor as well."""
        self.updates += 1
        states, actions, rewards, next_states, dones = replay_buffer.sample(batch_size)
        states = torch.from_numpy(states)
        actions = torch.from_numpy(actions)
        rewards = torch.from_numpy(rewards)
        next_states = torch.from_numpy(next_states)
        dones = torch.from_numpy(dones)

        with torch.no_grad():
            noise = (torch.randn_like(actions) * self.noise).clamp(-self.noise_clip, self.noise_clip)
            next_actions = (self.actor_target(next_states) + noise).clamp(-1.0, 1.0)
            next_q1, next_q2 = self.critic_target(next_states, next_actions)
            targets = rewards + self.gamma * (1 - dones) * torch.min(next_q1, next_q2)
        q1, q2 = self.critic(states, actions)
        critic_loss = F.mse_loss(q1, targets) + F.mse_loss(q2, targets)
        self.critic_optimizer.zero_grad()
        critic_loss.backward()
        self.critic_optimizer.step()

        if self.updates % self.policy_every == 0:
            actor_loss = -self.critic(states, self.actor(states))[0].mean()
            self.actor_optimizer.zero_grad()
            actor_loss.backward()
            self.actor_optimizer.step()
            self._follow(self.critic, self.critic_target)
            self._follow(self.actor, self.actor_target)

    def _follow(self, network, target):
        for parameter, goal in zip(network.parameters(), target.parameters()):
            goal.data.mul_(1 - self.tau).add_(self.tau * parameter.data)
