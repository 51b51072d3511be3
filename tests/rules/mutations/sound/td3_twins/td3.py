"""TD3 with twin critics; the priority is the larger of the two absolute errors."""

import torch
import torch.nn.functional as F


class TD3:
    def __init__(self, actor, critic1, critic2, actor_goal, goal1, goal2, actor_optimizer, critic_optimizer):
        self.actor, self.critic1, self.critic2 = actor, critic1, critic2
        self.actor_goal, self.goal1, self.goal2 = actor_goal, goal1, goal2
        self.actor_optimizer, self.critic_optimizer = actor_optimizer, critic_optimizer
        self.updates = 0

    def update(self, store, n, beta, gamma=0.99):
        state, action, reward, next_state, alive, weights, slots = store.sample(n, beta)
        with torch.no_grad():
            noise = (torch.randn_like(action) * 0.2).clamp(-0.5, 0.5)
            next_action = (self.actor_goal(next_state) + noise).clamp(-1, 1)
            pair = torch.cat([next_state, next_action], 1)
            target = reward + gamma * alive * torch.min(self.goal1(pair), self.goal2(pair))
        taken = torch.cat([state, action], 1)
        q1, q2 = self.critic1(taken), self.critic2(taken)
        loss1 = (weights * F.mse_loss(q1, target, reduction="none")).mean()
        loss2 = (weights * F.mse_loss(q2, target, reduction="none")).mean()
        self.critic_optimizer.zero_grad()
        (loss1 + loss2).backward()
        self.critic_optimizer.step()
        errors = torch.max((q1 - target).abs(), (q2 - target).abs()).detach().squeeze(1).numpy()
        store.update(slots, errors)
        self.updates += 1
        if self.updates % 2 == 0:
            actor_loss = -self.critic1(torch.cat([state, self.actor(state)], 1)).mean()
            self.actor_optimizer.zero_grad()
            actor_loss.backward()
            self.actor_optimizer.step()
