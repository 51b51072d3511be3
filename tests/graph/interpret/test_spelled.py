"""Attributes that loops read and set by names which are written out."""

import pytest

from per_audit.rule import all_rules

MEMORY = """
    from dataclasses import dataclass
    import numpy as np

    NAMES = ("obs", "act", "rew", "later", "term")

    @dataclass
    class Batch:
        obs: np.ndarray
        act: np.ndarray
        rew: np.ndarray
        later: np.ndarray
        term: np.ndarray

    class Ring:
        def __init__(self, size, width):
            self.rows = Batch(
                np.empty((size, width)), np.empty(size), np.empty(size), np.empty((size, width)), np.empty(size)
            )
            self.size, self.at, self.full = size, 0, 0

        def add(self, batch, obs, act, rew, later, term):
            {put}
            self.at = (self.at + 1) % self.size
            self.full = min(self.full + 1, self.size)

        def sample(self, n):
            at = np.random.randint(0, self.full, n)
            {take}

    def train(env, net, optimizer):
        ring, obs = Ring(10_000, 4), env.reset()
        while True:
            act = net.act(obs)
            later, rew, terminated, truncated, _ = env.step(act)
            ring.add(Batch(obs, act, rew, later, terminated), obs, act, rew, later, terminated)
            obs = env.reset() if terminated or truncated else later
            drawn = ring.sample(32)
            loss = net.loss(drawn.obs, drawn.act, drawn.rew + 0.99 * (1 - drawn.term) * net.value(drawn.later))
            loss.backward()
            optimizer.step()
"""
TAKE = "return Batch(*(getattr(self.rows, name)[at] for name in NAMES))"
PUTS = {
    "of another object": "for name in NAMES:\n    getattr(self.rows, name)[self.at] = getattr(batch, name)",
    "of several values": (
        "for name, value in zip(NAMES, (obs, act, rew, later, term)):\n    getattr(self.rows, name)[self.at] = value"
    ),
    "through vars": "for name in NAMES:\n    vars(self.rows)[name][self.at] = vars(batch)[name]",
    "through the dict": "for name in NAMES:\n    self.rows.__dict__[name][self.at] = batch.__dict__[name]",
}
TAKES = {
    "a generator": TAKE,
    "a list": "return Batch(*[vars(self.rows)[name][at] for name in NAMES])",
    "pairs": "return Batch(*[column[at] for column in [self.rows.__dict__[name] for name in NAMES]])",
}


def made(project, put=PUTS["of another object"], take=TAKE):
    indented = "\n            ".join(put.splitlines())
    return project(MEMORY.replace("{put}", indented).replace("{take}", take))


@pytest.mark.parametrize("put", PUTS)
def test_each_name_is_a_column_of_its_own(project, put):
    graph = made(project, PUTS[put])
    stored = [store.roles for store in graph.events.stores.values() if store.how == "index"]
    assert len(stored) == 5
    assert [{"action"}, {"reward"}, {"done"}] == [roles for roles in stored if "next" not in roles]


@pytest.mark.parametrize("take", TAKES)
def test_a_memory_of_named_columns_is_one(project, take):
    graph = made(project, take=TAKES[take])
    assert [graph.name_of(buffer) for buffer in graph.buffers] == ["Ring"]
    (unread,) = (rule for rule in all_rules() if rule.code == "PER502")
    assert list(unread.check(graph)) == []


def test_what_is_set_by_name(project):
    graph = project(
        """
        class Memory:
            def __init__(self, size, alpha):
                for name, value in zip(("size", "alpha"), (size, alpha)):
                    setattr(self, name, value)
                for name in ("rows", "ends"):
                    setattr(self, name, [])
                self.__dict__["beta"] = 0.4

        Memory(10, 0.6)
        """
    )
    (memory,) = graph.project.classes
    held = {name: value for (_, name), value in graph.interpreter.attributes.items()}
    assert (held["size"].literal(), held["alpha"].literal(), held["beta"].literal()) == (10, 0.6, 0.4)
    assert {"rows", "ends"} <= held.keys()
    told = [value.op for value, _, _ in graph.symbols.written(graph.symbols.field(memory, "size"))]
    assert told == ["unknown"]


def test_a_loop_over_other_names_is_as_it_was(project, value_of):
    graph = project(
        """
        import os

        for name in ("a", "b"):
            found = os.path.exists(name)
            seen = name
        """
    )
    assert len(value_of(graph, "name").atoms) == 2


ROWS = """
    import random

    class Row:
        def __init__(self, **fields):
            {set}

    class Memory:
        def __init__(self):
            self.rows = []

        def add(self, **fields):
            self.rows.append(Row(**fields))

        def sample(self, n):
            return random.sample(self.rows, n)

    memory = Memory()
    while True:
        action = net(state)
        next_state, reward, done, _ = env.step(action)
        memory.add({given})
        batch = memory.sample(32)
        learn([row.seen for row in batch], [row.earned for row in batch])
"""
GIVEN = "state=state, action=action, reward=reward, next_state=next_state, done=done"


@pytest.mark.parametrize(
    "written",
    [
        "self.__dict__.update(fields)",
        "vars(self).update(**fields)",
        "for name, value in fields.items():\n                setattr(self, name, value)",
        "for name in fields:\n                self.__dict__[name] = fields[name]",
        "for name, value in fields.items():\n                self.__dict__[name] = value",
    ],
)
@pytest.mark.parametrize(("given", "found"), [(GIVEN, 1), ("state=state, action=action", 0)])
def test_an_object_has_the_fields_that_it_is_given_by_name(project, written, given, found):
    assert len(project(ROWS.format(set=written, given=given)).buffers) == found


@pytest.mark.parametrize(
    ("listed", "role"),
    [
        ("[c[at] for c in (self.x, self.y)]", {"reward"}),
        ("[c[at] for c in columns]", {"reward"}),
        ("[c[at] for c in (self.x, self.y) if c is not None]", set()),
        ("[np.copy(d) for d in (self.x[at], make(at))]", set()),
        ("[np.copy(d) for d in (self.x[at], self.y[at])]", {"reward"}),
    ],
)
def test_items_of_a_display_are_taken_one_by_one(project, value_of, listed, role):
    text = f"""
        import numpy as np

        class Memory:
            def __init__(self):
                self.x, self.y, self.at = np.zeros(9), np.zeros(9), 0

            def add(self, state, reward):
                self.x[self.at], self.y[self.at] = state, reward
                self.at += 1

            def sample(self):
                at = np.random.randint(0, self.at, 4)
                columns = (self.x, self.y)
                return {listed}

        memory = Memory()
        memory.add(observation, reward)
        one, other = memory.sample()
        print(other)
    """
    assert set(value_of(project(text), "other").roles) == role
