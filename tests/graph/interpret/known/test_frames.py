"""Tables of pandas."""

import pytest

from per_audit.graph import PRIORITISED, UNIFORM

_NAMES = ("state", "action", "reward", "next_state", "done")
_ROW = f"[{', '.join(_NAMES)}]"
_FIELDS = "{" + ", ".join(f"'{name}': {name}" for name in _NAMES) + "}"
_LOOP = """
    import numpy as np
    import pandas as pd

    past = {made}
    count = 0
    for episode in range(500):
        state, done = env.reset(), False
        while not done:
            action = net(state)
            next_state, reward, done, _ = env.step(action)
            {stored}
            state, count = next_state, count + 1
            batch = {drawn}
            learn(batch["state"], batch["action"], batch["reward"].values, batch["next_state"], batch["done"])
"""
_EMPTY = f"pd.DataFrame(columns={list(_NAMES)})"
_SIZED = f"pd.DataFrame(index=range(10000), columns={list(_NAMES)})"


def kinds(graph):
    return [buffer.kind for buffer in graph.buffers]


@pytest.mark.parametrize(
    ("made", "stored"),
    [
        (_EMPTY, f"past.loc[len(past)] = {_ROW}"),
        (_SIZED, f"past.iloc[count % 10000] = {_ROW}"),
        ("pd.DataFrame()", f"past = past.append({_FIELDS}, ignore_index=True)"),
        ("pd.DataFrame()", f"past = pd.concat([past, pd.DataFrame([{_FIELDS}])], ignore_index=True)"),
        ("pd.DataFrame()", f"past = pd.concat([past, pd.DataFrame([{_ROW}], columns={list(_NAMES)})])"),
        ("pd.DataFrame(np.zeros((10000, 5)))", f"past.loc[count % 10000, :] = {_ROW}"),
    ],
)
@pytest.mark.parametrize(
    "drawn",
    ["past.sample(32)", "past.sample(n=32)", "past.iloc[:count].sample(32)", "past.iloc[np.random.choice(count, 32)]"],
)
def test_a_table_that_rows_are_put_into_is_a_memory(project, made, stored, drawn):
    graph = project(_LOOP.format(made=made, stored=stored, drawn=drawn))
    assert kinds(graph) == [UNIFORM]
    assert graph.name_of(graph.buffers[0]) == "past"


def test_rows_that_are_drawn_by_weights_are_drawn_by_priority(project):
    graph = project(_LOOP.format(made=_EMPTY, stored=f"past.loc[count] = {_ROW}", drawn="past.sample(32, weights=p)"))
    assert kinds(graph) == [PRIORITISED]


@pytest.mark.parametrize(
    ("made", "stored", "drawn"),
    [
        (_EMPTY, f"past.loc[count] = {_ROW}", "past.sample(frac=1)"),  # a shuffle
        ("pd.read_csv('steps.csv')", "pass", "past.sample(32)"),  # data that the program is given
        ("pd.DataFrame(rows)", "pass", "past.sample(32)"),
        (_EMPTY, "pass", "past.sample(32)"),
    ],
)
def test_a_table_that_nothing_is_put_into_or_that_is_shuffled_is_none(project, made, stored, drawn):
    assert kinds(project(_LOOP.format(made=made, stored=stored, drawn=drawn))) == []


def test_a_table_of_scores_is_none(project):
    graph = project(
        """
        import pandas as pd

        scores = pd.DataFrame(columns=["episode", "reward", "steps"])
        for episode in range(500):
            reward, steps = play(env)
            scores.loc[len(scores)] = [episode, reward, steps]
            print(scores.sample(5)["reward"].mean())
        """
    )
    assert kinds(graph) == []
