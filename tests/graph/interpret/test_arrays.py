"""Arrays that a draw makes of lists and deques, in every form in which they are made."""

import pytest

COLUMNS = """
    import random
    from collections import deque
    import numpy as np
    import torch

    class Memory:
        def __init__(self, size):
            self.states, self.actions, self.rewards = deque(maxlen=size), deque(maxlen=size), deque(maxlen=size)

        def add(self, state, action, reward):
            self.states.append(state)
            self.actions.append(action)
            self.rewards.append(reward)

        def sample(self, n):
            at = random.sample(range(len(self.rewards) - 1), n)
            after = 1 + np.array(at)
            {draw}

    def train(env, net, target, optimizer):
        memory, state = Memory(5_000), env.reset()
        while True:
            action = net.act(state)
            state, reward, done, _ = env.step(action)
            memory.add(state, action, reward)
            states, actions, later, rewards = memory.sample(32)
            value = net(states).gather(1, actions[:, None])[:, 0]
            goal = rewards + 0.99 * target(later).gather(1, net(later).argmax(1)[:, None])[:, 0]
            (value - goal.detach()).pow(2).mean().backward()
            optimizer.step()
"""
NAMED = """states, actions = {make}(self.states), {make}(self.actions)
            rewards = {make}(self.rewards)
            return states[at], actions[at], states[after], rewards[at]"""
DRAWN = "return {0}(self.states){1}[at], {0}(self.actions){1}[at], {0}(self.states){1}[after], {0}(self.rewards){1}[at]"


@pytest.mark.parametrize(
    "draw",
    [
        *(DRAWN.format(make, "") for make in ("np.array", "torch.tensor", "torch.Tensor", "torch.LongTensor")),
        DRAWN.format("torch.Tensor", ".to(self.device)"),
        DRAWN.format("torch.Tensor", "").replace("[at]", "[at].to(self.device)"),
        DRAWN.format("np.asarray", ".astype(float)"),
        *(NAMED.format(make=make) for make in ("np.array", "torch.tensor", "torch.FloatTensor")),
    ],
)
def test_rows_of_arrays_that_are_made_of_columns_are_drawn(project, draw):
    graph = project(COLUMNS.replace("{draw}", draw))
    (buffer,) = graph.buffers
    assert buffer.kind == "uniform"
    assert {gather.container for gather in graph.events.gathers.values()} == buffer.containers
    assert {store.how for store in graph.events.stores.values()} == {"append"}  # what is added to rewards is no row


@pytest.mark.parametrize("draw", [DRAWN.format("self.codec.read", ""), NAMED.format(make="self.codec.read")])
def test_of_what_is_not_known_no_row_is_drawn(project, draw):
    graph = project(COLUMNS.replace("{draw}", draw))
    assert not graph.events.gathers


def test_a_name_that_stands_for_two_things_is_followed_to_neither(project):
    twice = NAMED.format(make="np.array").replace(
        "return", "states, actions, rewards = self.mix(at)\n            return"
    )
    graph = project(COLUMNS.replace("{draw}", twice))
    assert not any(
        graph.source(gather.path, gather.node).startswith("states") for gather in graph.events.gathers.values()
    )
