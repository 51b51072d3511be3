"""What containers are called."""

import pytest

_ROW = "(state, action, reward, next_state, done)"


@pytest.mark.parametrize(
    ("begun", "stored"),
    [
        ("[]", f"past.append({_ROW})"),
        ("[]", f"past += [{_ROW}]"),
        ("[]", f"past = past + [{_ROW}]"),
        ("[]", f"past = [{_ROW}] + past"),
        ("[]", f"past = [*past, {_ROW}]"),
        ("[None] * 99", f"past[at % 99] = {_ROW}"),
        ("np.empty((0, 5))", f"past = np.vstack((past, {_ROW}))"),
        ("np.empty((0, 5))", f"past = np.append(past, [{_ROW}], axis=0)"),
    ],
)
def test_a_memory_is_called_as_the_name_that_is_stored_into(project, begun, stored):
    graph = project(
        f"""
        import random
        import numpy as np

        past, at = {begun}, 0
        for at in range(10**6):
            state, action = env.state, net(env.state)
            next_state, reward, done, _ = env.step(action)
            {stored}
            s, a, r, n, d = zip(*random.sample(list(past), 32))
            learn(s, a, r, n, d)
        """
    )
    (buffer,) = graph.buffers
    assert graph.name_of(buffer) == "past"


def test_a_column_under_a_key_is_called_as_what_holds_it(project):
    columns = ("state", "action", "reward", "next_state", "done")
    stored = "\n            ".join(f"past['{name}'] = torch.cat((past['{name}'], {name}))" for name in columns)
    made = ", ".join(f"'{name}': torch.empty(0)" for name in columns)
    graph = project(
        f"""
        import torch

        past = {{{made}}}
        while True:
            state, action = env.state, net(env.state)
            next_state, reward, done, _ = env.step(action)
            {stored}
            at = torch.randint(len(past["reward"]), (32,))
            learn(past["state"][at], past["action"][at], past["reward"][at], past["next_state"][at], past["done"][at])
        """
    )
    (buffer,) = graph.buffers
    assert graph.name_of(buffer) == "past"


@pytest.mark.parametrize(
    ("made", "column", "name"),
    [
        ("self.before, self.gains, self.after = np.zeros((99, 4)), np.zeros(99), np.zeros((99, 4))", "{}", "Player"),
        ("self.past = {'before': [], 'gains': [], 'after': []}", "past['{}']", "Player.past"),
    ],
)
def test_an_agent_with_a_column_in_each_attribute_is_the_memory_itself(project, made, column, name):
    before, gains, after = (f"self.{column.format(field)}" for field in ("before", "gains", "after"))
    graph = project(f"""
        import numpy as np

        class Player:
            def __init__(self, net):
                self.net, self.count = net, 0
                {made}

            def keep(self, state, reward, following):
                at = self.count % 99
                {before}[at] = state
                {gains}[at] = reward
                {after}[at] = following
                self.count += 1

            def learn(self):
                for at in np.random.randint(0, min(self.count, 99), 32):
                    goal = {gains}[at] + 0.99 * self.net({after}[at]).max()
                    loss = (self.net({before}[at]) - goal) ** 2
                    loss.backward()

        def play(env, net):
            player, state = Player(net), env.reset()
            while True:
                following, reward, over = env.step(net.act(state))
                player.keep(state, reward, following)
                player.learn()
                state = following
    """)
    (buffer,) = graph.buffers
    assert graph.name_of(buffer) == name
