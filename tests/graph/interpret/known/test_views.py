"""What is drawn from pairs, chains and copies of the items of a memory is drawn from the memory."""

import pytest

AGENT = """
    import itertools
    import random
    from collections import deque
    import numpy as np

    class Agent:
        def __init__(self, env, net):
            self.env, self.net = env, net
            {made}

        def run(self, steps):
            state = self.env.reset()
            for _ in range(steps):
                action = self.net.act(state)
                next_state, reward, done, _ = self.env.step(action)
                {kept}
                state = self.env.reset() if done else next_state
                self.learn(32)
                {after}

        def learn(self, n):
            {drawn}
            s, a, r, s2, d = map(np.array, zip(*batch))
            self.net.fit(s, a, r + 0.99 * (1 - d) * self.net.predict(s2).max(axis=1))
"""
ROWS = "self.rows = deque(maxlen=10_000)"
KEPT = "self.rows.append((state, action, reward, next_state, done))"
PARTS = "self.parts, self.part = deque(maxlen=100), []"
IN_PARTS = (
    "self.part.append((state, action, reward, next_state, done)); done and self.parts.append(self.part)\n"
    "                self.part = [] if done else self.part"
)


@pytest.fixture
def found(project, kinds):
    def find(drawn, made=ROWS, kept=KEPT, after="pass"):
        lines = drawn.replace("; ", "\n            ")
        return kinds(project(AGENT.format(drawn=lines, made=made, kept=kept, after=after)))

    return find


OF_ROWS = [
    "batch = [row for _, row in random.sample(list(enumerate(self.rows)), n)]",
    "at, batch = zip(*random.sample(list(enumerate(self.rows)), n))",
    "copied = [(i, row) for i, row in enumerate(self.rows)]; batch = [row for _, row in random.sample(copied, n)]",
    "batch = random.sample([row for row in self.rows], n)",
    "batch = random.sample(list(itertools.chain(self.rows)), n)",
    "rng = np.random.default_rng(); batch = rng.permutation(np.array(self.rows, dtype=object))[:n]",
    "batch = np.random.choice(np.array(self.rows, dtype=object), n)",
]


@pytest.mark.parametrize("drawn", OF_ROWS)
def test_draws_from_views_are_draws_from_what_is_behind_them(found, drawn):
    assert found(drawn) == ["uniform"]
    assert found(drawn, after="self.rows.clear()") == []  # emptied after each update


@pytest.mark.parametrize(
    "drawn",
    [
        "batch = random.sample([row for part in self.parts for row in part], n)",
        "batch = random.sample(list(itertools.chain.from_iterable(self.parts)), n)",
        "batch = random.sample(list(itertools.chain(*self.parts)), n)",
        "batch = random.sample(sum(self.parts, []), n)",
    ],
)
def test_draws_from_all_episodes_laid_end_to_end(found, drawn):
    assert found(drawn, PARTS, IN_PARTS) == ["uniform"]
    assert found(drawn, PARTS, IN_PARTS, "self.parts.clear()") == []


WINDOWS = [
    "batch = [r for at in random.sample(range(len(self.rows)), n) for r in itertools.islice(self.rows, at, at + 8)]",
    "batch = [r for at in random.sample(range(len(self.rows) - 8), n) for r in list(self.rows)[at : at + 8]]",
    "by = len(self.rows) // n; at = random.randrange(by); batch = list(self.rows)[at::by]",
]


@pytest.mark.parametrize("drawn", WINDOWS)
def test_rows_in_a_row_from_a_drawn_place_are_drawn(found, drawn):
    assert found(drawn) == ["uniform"]
    assert found(drawn, after="self.rows.clear()") == []


@pytest.mark.parametrize(
    "drawn",
    [
        "at = random.randrange(len(self.rows)); batch = list(self.rows)[:at]",  # all that came before
        "at = len(self.rows) - n; batch = list(self.rows)[at : at + n]",
        "at = random.randrange(len(self.rows) - n); batch = list(self.rows)[at : at + n]",  # a single run of steps
        "at = random.randrange(len(self.rows) - n); batch = list(itertools.islice(self.rows, at, at + n))",
        "batch = list(itertools.islice(self.rows, 0, n))",
    ],
)
def test_other_parts_are_no_draws(found, drawn):
    assert found(drawn) == []


@pytest.mark.parametrize(
    "drawn",
    [
        "batch = list(map(self.rows.__getitem__, random.sample(range(len(self.rows)), n)))",
        "batch = [self.rows.__getitem__(i) for i in random.sample(range(len(self.rows)), n)]",
    ],
)
def test_reads_by_the_method_of_a_subscript(found, drawn):
    assert found(drawn) == ["uniform"]
    assert found(drawn.replace("random.sample(range(len(self.rows)), n)", "range(n)")) == []


def test_what_a_queue_keeps_its_items_in(found):
    made = "import queue\n            self.rows = queue.Queue()"
    kept = KEPT.replace("append", "put")
    assert found("batch = random.sample(list(self.rows.queue), n)", made, kept) == ["uniform"]
    assert found("batch = [self.rows.get() for _ in range(n)]", made, kept) == []


@pytest.mark.parametrize("library", ["np.arange", "torch.arange", "range"])
def test_positions_counted_on_from_a_drawn_one_are_drawn(project, kinds, library):
    code = """
    import numpy as np
    import torch

    class Ring:
        def __init__(self, size):
            self.s, self.s2, self.count = np.zeros((size, 4)), np.zeros((size, 4)), 0
            self.a, self.r, self.d = np.zeros(size, int), np.zeros(size), np.zeros(size)

        def add(self, state, action, reward, next_state, done):
            at = self.count % len(self.s)
            self.s[at], self.a[at], self.r[at], self.s2[at], self.d[at] = state, action, reward, next_state, done
            self.count += 1

        def sample(self, n):
            start = {start}
            at = {library}(start, start + n)
            return self.s[at], self.a[at], self.r[at], self.s2[at], self.d[at]
    """
    drawn = "int(torch.randint(0, len(self.s) - n, (1,)))"
    assert kinds(project(code.format(start=drawn, library=library))) == ["uniform"]
    assert kinds(project(code.format(start="len(self.s) - n", library=library))) == []


def test_one_step_of_each_episode_that_was_drawn(found):
    drawn = "batch = [random.choice(part) for part in random.choices(self.parts, k=n)]"
    assert found(drawn, PARTS, IN_PARTS) == ["uniform"]
    assert found("batch = [random.choice(part) for part in self.parts]", PARTS, IN_PARTS) == []  # the same of each
