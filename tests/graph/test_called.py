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
