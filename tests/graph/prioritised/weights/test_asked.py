"""Weights that leave the draw under a name that nothing reads."""

import pytest

from per_audit.graph.prioritised.weights.asked import are_never_asked_for

MEMORY = """
import numpy as np


class Row:
    def __init__(self, **fields):
        self.__dict__.update(fields)


class Memory:
    def __init__(self, size):
        self.rows, self.priorities = [None] * size, np.zeros(size)

    def push(self, at, state, action, reward, next_state, done):
        self.rows[at] = (state, action, reward, next_state, done)
        self.priorities[at] = 1.0

    def sample(self, n, beta):
        p = self.priorities / self.priorities.sum()
        at = np.random.choice(len(self.rows), n, p=p)
        w = (len(self.rows) * p[at]) ** -beta
        s, a, r, s2, d = (np.array(each) for each in zip(*(self.rows[i] for i in at)))
        {out}

    def update(self, at, errors):
        self.priorities[at] = np.abs(errors) + 0.01


class Learner:
    def __init__(self, net, optimizer):
        self.net, self.optimizer, self.memory = net, optimizer, Memory(1000)

    def act(self, env, state):
        action = self.net.act(state)
        next_state, reward, done, _ = env.step(action)
        self.memory.push(0, state, action, reward, next_state, done)

    def learn(self):
        batch = self.memory.sample(32, 0.4)
        {before}
        errors = batch["r"] + 0.9 * self.net(batch["s2"]).max(1) - self.net(batch["s"])[batch["a"]]
        loss = {loss}
        loss.backward()
        self.optimizer.step()
        self.memory.update(batch["at"], errors)
"""
OUT = 'return {"s": s, "a": a, "r": r, "s2": s2, "at": at, "corrections": w}'
LATER = 'batch = {"s": s, "a": a, "r": r, "s2": s2, "at": at}; batch["corrections"] = w; return batch'
PLAIN = "(errors ** 2).mean()"


@pytest.mark.parametrize(
    ("out", "before", "loss", "expected"),
    [
        (OUT, "pass", PLAIN, True),
        (LATER, "pass", PLAIN, True),
        (OUT, "pass", '(batch["corrections"] * errors ** 2).mean()', False),
        (OUT, "pass", '(batch.get("corrections") * errors ** 2).mean()', False),
        (OUT, "pass", "weighted(**batch)", True),  # no function of the project takes any by that name
        (OUT, "from losses import weighted", "weighted(**batch)", False),
        (OUT, "*_, w = batch.values()", "(w * errors ** 2).mean()", False),
        ('return {"s": s, "a": a, "r": r, "s2": s2, "at": at}, w', "batch, w = batch", PLAIN, False),
        ("return Row(s=s, a=a, r=r, s2=s2, at=at, corrections=w)", "pass", PLAIN, False),  # no dictionary
    ],
)
def test_whether_anything_asks_for_the_weights(project, out, before, loss, expected):
    graph = project(MEMORY.format(out=out, before=before, loss=loss))
    (buffer,) = graph.buffers
    assert are_never_asked_for(graph.priorities(buffer)) is expected


TAKES = """

def weighted(s, a, r, s2, at, corrections=1):
    return (corrections * (r - s) ** 2).mean()
"""


def test_a_function_that_takes_them_by_name_asks_for_them(project):
    text = MEMORY.format(out=OUT, before="pass", loss="weighted(**batch)")
    (buffer,) = (graph := project(text + TAKES)).buffers
    assert not are_never_asked_for(graph.priorities(buffer))


def test_an_attribute_of_drawn_rows(project):
    """What networks have by the same name is not asked of the rows."""
    text = MEMORY.replace('batch["', "batch.").replace('"]', "")
    out = "batch = Row(s=s, a=a, r=r, s2=s2, at=at); batch.corrections = w; return batch"
    for before, expected in (("pass", True), ("told(batch.corrections)", False), ("x = Other().corrections", True)):
        other = "\n\nclass Other:\n    def __init__(self):\n        self.corrections = 3\n"
        (buffer,) = (graph := project(text.format(out=out, before=before, loss=PLAIN) + other)).buffers
        assert are_never_asked_for(graph.priorities(buffer)) is expected
