"""What becomes of a batch that was drawn."""

import pytest

from per_audit.graph.recognise.learning.consumed import Consumed

MEMORY = """
    import random

    rows = []

    def draw(n):
        batch = random.sample(rows, n)
        {returned}

    def learn(net):
        {code}
"""


def consumed(graph):
    (draw,) = graph.events.draws
    return Consumed(graph), draw


@pytest.mark.parametrize(
    ("returned", "code", "roles"),
    [
        ("return batch", "for state, action, reward in draw(8): pass", {"state", "action", "reward"}),
        ("return batch", "for state, reward in draw(8): pass", set()),  # a pair may be anything
        ("return zip(*batch)", "state, action, reward, gamma = draw(8)", {"state", "action", "reward", "done"}),
        ("return zip(*batch)", "state, action, reward = draw(8)", {"state", "action", "reward"}),
        ("return batch", "batch = draw(8); net(batch.state, batch.reward)", set()),  # of a data set
        ("return batch", "batch = draw(8); net(batch.next_state, batch.reward)", {"next", "reward"}),
        ("return batch", "pass", set()),
    ],
)
def test_the_names_that_a_batch_is_taken_apart_into(project, returned, code, roles):
    found, draw = consumed(project(MEMORY.format(returned=returned, code=code)))
    assert found.roles([draw]) == roles


@pytest.mark.parametrize(
    ("names", "roles"),
    [
        (("states", "actions", "rewards", "next_states"), {"state", "action", "reward", "next"}),
        (("rewards", "next_states"), set()),
    ],
)
def test_numbered_columns_that_are_named_one_by_one(project, names, roles):
    lines = "; ".join(f"{name} = batch[:, {at}]" for at, name in enumerate(names))
    code = "import numpy as np; batch = np.array(draw(8)); " + lines
    found, draw = consumed(project(MEMORY.format(returned="return batch", code=code)))
    assert found.roles([draw]) == roles


def test_lists_that_parts_of_a_batch_are_put_into(project):
    code = "rewards, others = [], []\n        for row in draw(8): rewards.append(row[2])"
    found, draw = consumed(project(MEMORY.format(returned="return batch", code=code)))
    assert found.columns(draw) == {"reward"}


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("random.sample(rows, n)", True),
        ("random.choice(rows)", False),
        ("[random.choice(rows) for _ in range(n)]", True),
        ("[random.choice(rows) for _ in agents]", False),
        ("[f(random.choice(rows)) for _ in range(n)]", False),
        ("[random.choice(rows) for _ in range(n) for _ in range(2)]", False),
    ],
)
def test_a_draw_of_many_at_once(project, call, expected):
    text = MEMORY.format(returned="return batch", code="pass").replace("random.sample(rows, n)", call)
    found, draw = consumed(project(text))
    assert found.takes_batch(draw) is expected
