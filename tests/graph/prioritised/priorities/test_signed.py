"""Which priorities keep the sign of the error, and which draws take it away."""

import pytest

from per_audit.graph.prioritised.priorities.signed import draws_unsigned, keeps_sign
from per_audit.rule import all_rules

MEMORY = """
    import numpy as np

    class Memory:
        def __init__(self, size, eps=1e-5):
            self.rows, self.mass, self.size, self.at, self.eps = [None] * size, np.zeros(size), size, 0, eps

        def add(self, state, action, reward, next_state, done):
            self.rows[self.at] = (state, action, reward, next_state, done)
            self.mass[self.at] = 1.0
            self.at = (self.at + 1) % self.size

        def sample(self, n, beta):
            p = {drawn} / ({drawn}).sum()
            at = np.random.choice(self.size, n, p=p)
            w = (self.size * p[at]) ** -beta
            return [self.rows[i] for i in at], at, w / w.max()

        def update(self, at, goal, q):
            self.mass[at] = {stored}
"""


@pytest.mark.parametrize(
    ("stored", "drawn", "is_signed", "is_unsigned"),
    [
        ("goal - q", "self.mass", True, False),
        ("goal - q + self.eps", "self.mass", True, False),
        ("np.abs(goal - q) + self.eps", "self.mass", False, False),
        ("np.maximum(goal - q, 1e-3)", "self.mass", False, False),
        ("goal - q", "np.abs(self.mass)", False, True),
        ("goal", "self.mass", False, False),
    ],
)
def test_the_sign_of_what_is_stored(project, stored, drawn, is_signed, is_unsigned):
    graph = project(MEMORY.format(stored=stored, drawn=drawn))
    (buffer,) = graph.buffers
    anatomy = graph.anatomy(buffer)
    (write,) = (write for write in anatomy.writes if not write.inserts)
    assert keeps_sign(anatomy, write) is is_signed
    assert draws_unsigned(anatomy) is is_unsigned


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ("goal - q", "stores the error, its sign included, with nothing"),
        ("abs(goal - q)", "stores the size of the error"),
    ],
)
def test_what_nothing_is_added_to(project, stored, said):
    (rule,) = (rule for rule in all_rules() if rule.code == "PER203")
    (finding,) = rule.check(project(MEMORY.format(stored=stored, drawn="self.mass")))
    assert said in finding.message
