"""Arrays that are filled from the front each time are data sets, whatever the method that draws from them is called."""

import pytest

PROGRAM = """
    import numpy as np
    import torch

    class Rows:
        def __init__(self, size, width):
            self.states = torch.zeros((size, width))
            self.actions = torch.zeros((size, 2))
            self.rewards = torch.zeros((size, 1))
            self.following = torch.zeros((size, width))
            self.ends = torch.zeros((size, 1))
            self.size, self.count, self.at = size, 0, 0

        def take(self, table):
            n = len(table["rewards"])
            {front}
            self.actions[:n] = torch.tensor(table["actions"])
            self.rewards[:n] = torch.tensor(table["rewards"][..., None])
            self.following[:n] = torch.tensor(table["next_observations"])
            self.ends[:n] = torch.tensor(table["terminals"][..., None])
            self.count = n

        def put(self, state, action, reward, next_state, done):
            {put}

        def draw(self, n):
            at = np.random.randint(0, self.count, size=n)
            return self.states[at], self.actions[at], self.rewards[at], self.following[at], self.ends[at]

    def main(table, net, target, optimizer, env, steps):
        rows = Rows(100_000, 4)
        rows.take(table)
        for _ in range(steps):
            {act}
            states, actions, rewards, following, ends = rows.draw(256)
            goal = rewards + 0.99 * (1 - ends) * target(following).max(1, keepdim=True).values.detach()
            loss = torch.nn.functional.mse_loss(net(states).gather(1, actions), goal)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
"""
FRONT = 'self.states[:n] = torch.tensor(table["observations"])'
SHIFTED = """self.states[:-1] = self.states[1:]
            self.states[-1] = torch.tensor(table["observations"])"""
JOINED = 'self.states[:] = torch.cat([self.states[n:], torch.tensor(table["observations"])])'
PUT = """self.states[self.at], self.actions[self.at], self.rewards[self.at] = state, action, reward
            self.following[self.at], self.ends[self.at] = next_state, done
            self.at = (self.at + 1) % self.size"""
ACT = """state, action = env.state, net.act(env.state)
            next_state, reward, done, _ = env.step(action)
            rows.put(state, action, reward, next_state, done)"""


@pytest.mark.parametrize(
    ("front", "put", "act", "found"),
    [
        (FRONT, "raise NotImplementedError", "pass", 0),
        (FRONT.replace("[:n]", "[0:n, :]"), "pass", "pass", 0),
        (FRONT.replace("[:n]", "[:]"), "pass", "pass", 0),
        (FRONT, PUT, ACT, 1),
        (FRONT.replace("[:n]", "[self.count:]"), "pass", "pass", 1),
        (FRONT.replace("[:n]", "[:, self.at]"), "pass", "pass", 1),
        (SHIFTED, "pass", "pass", 1),
        (JOINED, "pass", "pass", 1),
    ],
    ids=["rows", "two axes", "all", "beside what an agent adds", "behind", "a column", "shifted", "joined"],
)
def test_what_is_laid_out_from_the_front_is_a_data_set(project, front, put, act, found):
    assert len(project(PROGRAM.format(front=front, put=put, act=act)).buffers) == found
