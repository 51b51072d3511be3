"""Rows of the program's own environment, whose states follow from what was learnt: stored, not drawn."""

import pytest

LOOP = """
    import numpy as np

    class Walk:
        def __init__(self, rs):
            self.rs = rs

        def reset(self):
            self.at = np.zeros(2)
            return self.at

        def step(self, move):
            self.at = self.at + move + self.rs.randn(2)
            return self.at, -float(np.abs(self.at).sum()), bool(self.at[0] > 3), {}

    def main():
        rs = np.random.RandomState(1)
        walk, weights, table = Walk(rs), np.zeros((2, 2)), np.zeros((5000, 6))
        n = 0
        for episode in range(90):
            state, done = walk.reset(), False
            while not done:
                move = weights @ state
                next_state, reward, done, _ = walk.step(move)
                table[n % 5000] = STORED
                n += 1
                state = next_state
                batch = table[rs.randint(min(n, 5000), size=32)]
                y = batch[:, 3] + 0.9 * (1 - batch[:, 5]) * (batch[:, 4:6] @ weights).max(1)
                weights -= 0.1 * np.outer(y, batch[:, 0]).sum()

    main()
"""


@pytest.mark.parametrize(
    ("stored", "count"),
    [
        ("(state, move, reward, next_state, done)", 1),
        ("(weights, weights[0], weights[1])", 0),
    ],
)
def test_what_a_step_returned_is_stored_although_what_was_learnt_led_there(project, stored, count):
    graph = project(LOOP.replace("STORED", stored))
    kept = [store for buffer in graph.buffers for store in buffer.stores]
    assert len(kept) == count
    assert [graph.name_of(buffer) for buffer in graph.buffers] == ["table"] * count
