"""Classes that say which fields of a transition they hold."""

import pytest

from per_audit.graph import UNIFORM

PROJECT = """
    import random

    class Seen:
        known = ["obs", "action", "reward", "done", "next_obs", "value"]
        obs: list
        action: int
        reward: float
        done: bool
        {last}: list

        def __init__(self, **fields):
            self.fields = {{}}
            self.update(**fields)

        def update(self, **fields):
            for name, given in fields.items():
                if name in Seen.known:
                    self.fields[name] = given
                    self.__dict__[name] = given
            return self

        def {method}

    class Memory:
        def __init__(self, size):
            self.rows, self.size = [], size

        def add(self, **fields):
            self.rows.append(Seen(**fields))
            if len(self.rows) > self.size:
                self.rows.pop(0)

        def sample(self, n):
            drawn = random.sample(self.rows, n)
            return {{name: [getattr(row, name) for row in drawn] for name in self.rows[0].__dict__}}

    class Agent:
        def __init__(self, net, optimizer):
            self.net, self.optimizer, self.memory = net, optimizer, Memory(5000)

        def step(self, seen):
            self.memory.add(**seen.fields)
            loss = self.net.loss(self.memory.sample(32))
            loss.backward()
            self.optimizer.step()
"""


@pytest.mark.parametrize(
    ("method", "last", "expected"),
    [
        ("get(self, name): return self.fields.get(name)", "next_obs", [UNIFORM]),
        ("plain(self): return {name: to_list(each) for name, each in self.fields.items()}", "next_obs", [UNIFORM]),
        ("size(self): return len(self.fields)", "next_obs", [UNIFORM]),
        ("plain(self): return dict(self.fields)", "following", []),  # not a whole transition
        ("act(self, env): return env.step(self.action)", "next_obs", []),
        ("learn(self): return train(self)", "next_obs", []),
    ],
)
def test_a_class_that_declares_a_transition_and_hands_it_on_is_one(project, kinds, method, last, expected):
    assert kinds(project(PROJECT.format(method=method, last=last))) == expected
