"""Windows of episodes: the place where one begins is drawn from no second memory."""

import pytest

from per_audit.graph import UNIFORM

MEMORY = """
    import numpy as np

    class Histories:
        def __init__(self, by_episode):
            self.by_episode = by_episode
            self.seen, self.done, self.gained, self.next_seen = [], [], [], []
            self.begin()

        def begin(self):
            self.s, self.a, self.r, self.n = [], [], [], []

        def add(self, state, action, reward, next_state, terminated):
            if not self.by_episode:
                self.seen.append(state)
                self.done.append(action)
                self.gained.append(reward)
                self.next_seen.append(next_state)
                return
            self.s.append(state)
            self.a.append(action)
            self.r.append(reward)
            self.n.append(next_state)
            if terminated:
                self.seen.append(self.s)
                self.done.append(self.a)
                self.gained.append(self.r)
                self.next_seen.append(self.n)
                self.begin()

        def sample(self, n, length):
            {draw}
            rows = []
            for i in range(n):
                total = len({first}[{at}])
                begin = np.random.randint(0, total)
                rows.append((
                    np.array({first}[{at}])[begin : begin + length],
                    np.array({second}[{at}])[begin : begin + length],
                    np.array({third}[{at}])[begin : begin + length],
                    np.array({fourth}[{at}])[begin : begin + length],
                ))
            return rows
"""
STORED = {"first": "self.seen", "second": "self.done", "third": "self.gained", "fourth": "self.next_seen"}


@pytest.mark.parametrize(
    ("draw", "at", "starts"),
    [
        ("chosen = np.random.randint(0, len(self.seen), size=n)", "chosen[i]", "np.random.randint(0, len(self.seen)"),
        ("newest = len(self.seen) - 1", "newest", "np.random.randint(0, total)"),
    ],
)
def test_a_place_in_a_drawn_episode_is_drawn_from_no_second_memory(project, draw, at, starts):
    graph = project(MEMORY.format(draw=draw, at=at, **STORED))
    (buffer,) = graph.buffers
    assert buffer.kind == UNIFORM
    assert [graph.source(buffer.path, node).startswith(starts) for node in buffer.draws] == [True]


def test_two_memories_that_one_method_draws_from_stay_two(project):
    draw = """batch = [self.steps[i] for i in np.random.randint(0, len(self.steps), size=n)]
            others = [self.games[i] for i in np.random.randint(0, len(self.games), size=n)]
            return batch, others"""
    graph = project(f"""
    import numpy as np

    class Two:
        def __init__(self):
            self.steps, self.games = [], []

        def add(self, state, action, reward, next_state, terminated, is_game):
            if is_game:
                self.games.append((state, action, reward, next_state, terminated))
            else:
                self.steps.append((state, action, reward, next_state, terminated))

        def sample(self, n):
            {draw}
    """)
    assert len(graph.buffers) == 2
