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


COLUMNS = """
    import numpy as np

    class Batch:
        def __init__(self, **columns):
            self.__dict__.update(columns)
            {own}

        def __getitem__(self, index):
            made = Batch()
            for key, column in self.__dict__.items():
                made.__dict__[key] = column[index]
            return made

        def __setitem__(self, at, row):
            for key, column in self.__dict__.items():
                column[at] = row.__dict__[key]

    class Memory:
        def __init__(self, size, like):
            self.rows, self.size, self.at = Batch(**like), size, 0

        def keep(self, row):
            self.rows[self.at % self.size] = row
            self.at += 1

        def draw(self, n):
            return self.rows[np.random.choice(min(self.at, self.size), n)]

    def main(env, net, like):
        memory = Memory(100_000, like)
        while True:
            memory.keep(env.turn(net))
            batch = memory.draw(32)
            {learn}
"""


@pytest.mark.parametrize(
    ("own", "learn", "found"),
    [
        ("pass", "net.fit(batch.obs, batch.act, batch.rew + 0.99 * net(batch.next_obs))", 1),
        ("pass", "net.fit(batch.obs, batch.act, batch.label)", 0),
        ("pass", "net.fit(batch.obs, batch.act, batch.rew, batch.next_obs, batch.old_log_probs)", 0),
        ("self.next_obs = self.rew = 1.0", "net.fit(batch.obs, batch.act, batch.rew + 0.99 * net(batch.next_obs))", 0),
    ],
    ids=["a transition", "a data set", "a rollout", "numbers that every batch has"],
)
def test_fields_of_an_object_that_nothing_declares(project, own, learn, found):
    assert len(project(COLUMNS.replace("{own}", own).replace("{learn}", learn)).buffers) == found
