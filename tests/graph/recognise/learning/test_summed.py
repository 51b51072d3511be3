"""Batches that are learnt from by sums of the rewards in them."""

import pytest

ROWS = """
    import random
    from collections import deque

    class Rows:
        def __init__(self, size):
            self.rows = deque(maxlen=size)

        def add(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))

        def sample(self, n):
            return zip(*random.sample(self.rows, n))
"""
LEARNER = """
    import torch

    from rows import Rows

    class Learner:
        def __init__(self, policy, optimizer, gamma):
            self.policy, self.optimizer, self.gamma, self.rows = policy, optimizer, gamma, Rows(10_000)

        def play(self, env):
            state, done = env.reset(), False
            while not done:
                action = self.policy.act(state)
                next_state, reward, done, _ = env.step(action)
                self.rows.add(state, action, reward, next_state, done)
                state = next_state
            self.learn()

        def learn(self):
            {take} = self.rows.sample(64)
            total, losses = 0.0, []
            for i in reversed(range(len(rewards))):
                {step}
                losses.append(-torch.log(self.policy(states[i])[actions[i]]) * total)
            self.optimizer.zero_grad()
            torch.stack(losses).sum().backward()
            self.optimizer.step()
"""
PARTLY = "states, actions, rewards, _, _"
WHOLE = "states, actions, rewards, next_states, dones"
SUM = "total = self.gamma * total + rewards[i]"


@pytest.mark.parametrize(
    ("take", "step", "found"),
    [
        (PARTLY, SUM, 0),
        (WHOLE, SUM, 0),
        ("states, actions, rewards, _, dones", "total = rewards[i] + self.gamma * total * (1 - dones[i])", 0),
        (PARTLY, "total = rewards[i]", 1),
        (PARTLY, "total = 1.0; total = rewards[i] + self.gamma * total", 1),
        (PARTLY, f"{SUM}; losses.append(rewards[i] + self.gamma * self.policy(states[i + 1]).max())", 1),
        (WHOLE, f"{SUM}; losses.append(self.policy(next_states[i]))", 1),
        (WHOLE, "total = self.policy(next_states[i]).max(); total = rewards[i] + self.gamma * total", 1),
    ],
)
def test_sums_of_rewards_need_no_next_states(project, take, step, found):
    learner = LEARNER.replace("{take}", take).replace("{step}", step)
    assert len(project(rows=ROWS, learner=learner).buffers) == found


RATIO = """
    from collections import deque

    import numpy as np
    import torch

    class Clipped:
        def __init__(self, actor, critic, optimizer, gamma):
            self.actor, self.critic, self.optimizer, self.gamma = actor, critic, optimizer, gamma
            self.kept = deque(maxlen=1000)

        def step(self, state, action, reward, next_state, done):
            self.kept.append((state, action, reward, next_state, done))
            if len(self.kept) >= 64:
                self.improve()

        def advantages(self, rewards, values, dones):
            found, running = [], 0.0
            for t in reversed(range(len(rewards) - 1)):
                error = rewards[t] + self.gamma * values[t + 1] * (1 - dones[t]) - values[t]
                running = error + self.gamma * 0.95 * (1 - dones[t]) * running
                found.append(running)
            return found[::-1]

        def improve(self):
            rows = [self.kept[i] for i in np.random.choice(len(self.kept), 64, replace=False)]
            states = torch.stack([row[0] for row in rows])
            actions = torch.tensor([row[1] for row in rows])
            rewards = [row[2] for row in rows]
            next_states = torch.stack([row[3] for row in rows])
            dones = [row[4] for row in rows]
            gains = torch.tensor(self.advantages(rewards, {values}, dones))
            before = self.actor(states).log_prob(actions).detach()
            for _ in range(4):
                now = self.actor(states).log_prob(actions)
                loss = -({ratio} * gains).mean()
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
"""


@pytest.mark.parametrize(
    ("values", "ratio", "found"),
    [
        ("self.critic(states)", "torch.exp(now - before)", 0),
        ("self.critic(next_states)", "torch.exp(now - before)", 1),
        ("self.critic(states)", "now", 1),
    ],
)
def test_advantages_and_ratios_need_no_next_states(project, values, ratio, found):
    assert len(project(RATIO.replace("{values}", values).replace("{ratio}", ratio)).buffers) == found


BANDIT = """
    import torch

    from rows import Rows

    def run(env, net, optimizer):
        rows, state, {earned}, missed = Rows(10_000), env.reset(), 0.0, 0.0
        for step in range(100_000):
            action = net.act(state)
            next_state, reward, done, _ = env.step(action)
            {earned} = {earned} + reward
            rows.add(state, action, reward, next_state, done)
            state = env.reset() if done else next_state
            states, actions, rewards, _, _ = rows.sample(64)
            loss = (net(torch.tensor(states))[actions] - torch.tensor(rewards)).pow(2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            missed = missed + loss.item()
"""


@pytest.mark.parametrize("earned", ["earned", "total_reward"])
def test_what_is_summed_up_for_the_log_makes_no_rollout(project, earned):
    assert len(project(rows=ROWS, bandit=BANDIT.replace("{earned}", earned)).buffers) == 1
