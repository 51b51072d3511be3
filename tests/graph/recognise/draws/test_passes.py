"""What gives all that there is, in another order, is no draw of a batch."""

import pytest

MEMORY = """
    import numpy as np

    class Replay:
        def __init__(self, size, width):
            self.s, self.s2, self.r = np.zeros((size, width)), np.zeros((size, width)), np.zeros(size)
            self.d, self.size, self.count = np.zeros(size), size, 0

        def put(self, state, reward, next_state, done):
            i = self.count % self.size
            self.s[i], self.r[i], self.s2[i], self.d[i] = state, reward, next_state, done
            self.count += 1

        def get(self):
            at = np.random.choice({drawn})
            return self.s[at], self.r[at], self.s2[at], self.d[at]

    def train(env, net, steps):
        replay, state = Replay(1000, 4), env.reset()
        for _ in range(steps):
            next_state, reward, done = env.step(net.act(state))
            replay.put(state, reward, next_state, done)
            state = next_state
            before, rewards, after, done = replay.get()
            net.fit(before, rewards + 0.99 * (1 - done) * net.predict(after).max(axis=1))
"""


@pytest.mark.parametrize(
    ("drawn", "found"),
    [
        ("self.size, 32, replace=False", 1),
        ("self.size, self.size", 1),
        ("self.size, self.size, replace=False", 0),
        ("self.size, size=self.size, replace=False", 0),
    ],
)
def test_all_of_them_in_another_order(project, drawn, found):
    assert len(project(MEMORY.format(drawn=drawn)).buffers) == found


ROWS = """
    import random

    rows = []

    def put(state, reward, next_state, done):
        rows.append(dict(state=state, reward=reward, next_state=next_state, done=done))

    def train(env, net, steps):
        state = env.reset()
        for _ in range(steps):
            next_state, reward, done = env.step(net.act(state))
            put(state, reward, next_state, done)
            state = next_state
            kept = []
            kept = {drawn} + kept
            for row in kept[-32:]:
                after = (1 - row["done"]) * net.predict(row["next_state"]).max(axis=1)
                net.fit(row["state"], row["reward"] + 0.99 * after)
"""


@pytest.mark.parametrize(
    ("drawn", "found"),
    [
        ("random.sample(rows, 32)", 1),
        ("random.sample(rows, k=len(rows) // 2)", 1),
        ("random.sample(rows, len(rows))", 0),
        ("random.sample(rows, k=len(rows))", 0),
        ("(random.sample(rows, len(rows)) if len(rows) < 32 else random.sample(rows, 32))", 1),
    ],
)
def test_as_many_rows_as_there_are(project, drawn, found):
    assert len(project(ROWS.format(drawn=drawn)).buffers) == found


@pytest.mark.parametrize(
    ("before", "drawn", "found"),
    [
        ("n = len(rows)", "random.sample(rows, n)", 0),
        ("n = min(len(rows), 32)", "random.sample(rows, n)", 1),
        ("n = len(rows); rows.append(rows[0])", "random.sample(rows, n)", 1),
        ("n = 32 if len(rows) > 32 else len(rows)", "random.sample(rows, n)", 1),
        ("n = len(others)", "random.sample(rows, n)", 1),
    ],
)
def test_their_number_has_a_name(project, before, drawn, found):
    rows = ROWS.replace("            kept = []\n", f"            {before}\n            kept = []\n")
    assert len(project(rows.format(drawn=drawn)).buffers) == found


def test_a_number_from_before_the_loop_is_not_that_of_now(project):
    rows = ROWS.replace("        state = env.reset()\n", "        state, n = env.reset(), 0\n        n = len(rows)\n")
    assert len(project(rows.format(drawn="random.sample(rows, n)")).buffers) == 1


TOLD = """
    import random

    class Replay:
        def __init__(self):
            self.rows = []

        def __len__(self):
            return len(self.rows)

        def put(self, state, reward, next_state, done):
            self.rows.append(dict(state=state, reward=reward, next_state=next_state, done=done))

        def take(self, n):
            return random.sample(self.rows, n)

    def train(env, net, steps):
        replay, state = Replay(), env.reset()
        for _ in range(steps):
            next_state, reward, done = env.step(net.act(state))
            replay.put(state, reward, next_state, done)
            state = next_state
            for row in {taken}:
                after = (1 - row["done"]) * net.predict(row["next_state"]).max(axis=1)
                net.fit(row["state"], row["reward"] + 0.99 * after)
"""


@pytest.mark.parametrize(
    ("taken", "found"),
    [
        ("replay.take(32)", 1),
        ("replay.take(len(replay))", 0),
        ("replay.take(n=len(replay.rows))", 0),
        ("replay.take(len(replay)) + replay.take(8)", 1),
        ("replay.take(len(env))", 1),
    ],
)
def test_callers_say_how_many(project, taken, found):
    assert len(project(TOLD.format(taken=taken)).buffers) == found


def test_a_length_may_be_that_of_something_else(project):
    told = TOLD.replace("return len(self.rows)", "return 32")
    assert len(project(told.format(taken="replay.take(len(replay))")).buffers) == 1


def test_a_function_is_given_the_rows_and_their_number(project):
    rows = (
        ROWS
        + """
    def mixed(items, n):
        return random.sample(items, n)
"""
    )
    assert len(project(rows.format(drawn="mixed(rows, len(rows))")).buffers) == 0
    assert len(project(rows.format(drawn="mixed(rows, 32)")).buffers) == 1
