"""Containers of libraries: those that a `defaultdict` makes for a key that is asked for first."""

import pytest

from per_audit.graph import UNIFORM

_NAMES = ("state", "action", "reward", "next_state", "done")
_LOOP = """
    import random
    from collections import defaultdict, deque

    past = {made}
    while True:
        state, action = env.state, net(env.state)
        next_state, reward, done, _ = env.step(action)
        {stored}
        at = random.sample(range(len(past["reward"])), 32)
        batch = {{name: [past[name][i] for i in at] for name in past}}
        learn(batch["state"], batch["action"], batch["reward"], batch["next_state"], batch["done"])
"""
_BY_NAME = "\n        ".join(f"past['{name}'].append({name})" for name in _NAMES)
_IN_TURN = f"for name, value in zip({_NAMES}, ({', '.join(_NAMES)})):\n            past[name].append(value)"


@pytest.mark.parametrize("stored", [_BY_NAME, _IN_TURN])
@pytest.mark.parametrize(
    ("made", "grows"),
    [
        ("defaultdict(list)", True),
        ("defaultdict(deque)", True),
        ("defaultdict(lambda: [])", True),
        ("defaultdict(lambda: deque(maxlen=10000))", False),
    ],
)
def test_columns_that_are_made_when_they_are_first_asked_for_are_a_memory(project, made, grows, stored):
    graph = project(_LOOP.format(made=made, stored=stored))
    (buffer,) = graph.buffers
    assert buffer.kind == UNIFORM
    assert bool(graph.growing_stores(buffer)) is grows


def test_a_column_that_is_taken_out_does_not_grow_for_ever(project):
    graph = project(_LOOP.format(made="defaultdict(list)", stored=f"{_BY_NAME}\n        past.pop(name)"))
    assert not any(map(graph.growing_stores, graph.buffers))


@pytest.mark.parametrize(
    "stored",
    ["past[state].append(reward)", "past['reward'].append(reward)", "past[state, action].append((reward, done))"],
)
def test_what_is_kept_for_each_state_or_as_scores_is_no_memory(project, stored):
    code = """
    import random
    from collections import defaultdict

    past = defaultdict(list)
    while True:
        state, action = env.state, net(env.state)
        next_state, reward, done, _ = env.step(action)
        {stored}
        learn(state, random.choice(past[state]), random.sample(past["reward"], 8))
    """
    assert not project(code.format(stored=stored)).buffers
