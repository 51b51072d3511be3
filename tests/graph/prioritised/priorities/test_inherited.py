"""Of methods of one name that of the class which is made updates the priorities, or does nothing."""

import pytest

MEMORY = """
    import numpy as np

    class Even:
        def __init__(self, size):
            self.rows, self.size, self.at = [None] * size, size, 0

        def push(self, state, action, reward, next_state, done):
            self.rows[self.at % self.size] = (state, action, reward, next_state, done)
            self.at += 1

        def sample(self, n):
            at = np.random.randint(0, self.at, n)
            return [self.rows[i] for i in at], at

        def update(self, *args):
            pass

    class Rated(Even):
        def __init__(self, size):
            super().__init__(size)
            self.priorities = np.zeros(size)

        def push(self, *row):
            self.priorities[self.at % self.size] = self.priorities.max() or 1.0
            super().push(*row)

        def sample(self, n):
            p = self.priorities / self.priorities.sum()
            at = np.random.choice(self.size, n, p=p)
            return [self.rows[i] for i in at], at

        {rated}

    class Frozen(Rated):
        def update(self, at, errors):
            {frozen}
"""
WRITE = """def update(self, at, errors):
            self.priorities[at] = np.abs(errors)"""
INNER = """def update(self, at, errors):
            for i, error in zip(at, errors):
                self.rate(i, error)

        def rate(self, i, error):
            pass

    class ByError(Rated):
        def rate(self, i, error):
            self.priorities[i] = abs(error)
"""
LOOP = """
    from memory import Even, Frozen, Rated
    {names}

    def train(env, net):
        memory = {made}
        while True:
            memory.push(*env.transition())
            rows, at = memory.sample(8)
            errors = net.errors(rows)
            errors.mean().backward()
            memory.update(at, errors.detach().numpy())
"""
AGENT = """
    from memory import Even, Rated

    class Base:
        def __init__(self, net):
            self.net, self.memory = net, self.make()

        def make(self):
            return Rated(100)

        def rate(self, at, errors):
            pass

        def run(self, env):
            while True:
                self.memory.push(*env.transition())
                rows, at = self.memory.sample(8)
                errors = self.net.errors(rows)
                errors.mean().backward()
                self.rate(at, errors.detach().numpy())

    {gives}

    class Heir({bases}):
        {heir}

    {end}
"""
GIVES = """class Gives:
        def rate(self, at, errors):
            self.memory.update(at, errors)
"""


def updated(graph):
    """Whether priorities are updated, of the one memory that has any."""
    (buffer,) = [buffer for buffer in graph.buffers if buffer.kind == "prioritised" and buffer.owner.name == "Rated"]
    return graph.priorities(buffer).updated()


@pytest.mark.parametrize(
    ("rated", "frozen", "made", "expected"),
    [
        (WRITE, "pass", "Rated(100)", True),
        (WRITE, "pass", "Frozen(100)", False),
        (WRITE, "super().update(at, errors)", "Frozen(100)", True),
        (WRITE, "Rated.update(self, at, errors)", "Frozen(100)", True),
        (WRITE, "pass", "Rated(100) if env.rated else Frozen(100)", True),
        (WRITE, "pass", "{'rated': Rated, 'frozen': Frozen}[env.name](100)", True),
        (WRITE.replace("update", "update_all"), "pass", "Rated(100)", False),
        ("", "pass", "Rated(100)", False),
        (INNER, "pass", "Rated(100)", False),
        (INNER, "pass", "ByError(100)", True),
        # an heir that may be made for all that is known
        (INNER, "pass", "(env.kind or Rated)(100); print('ByError')", True),
        (INNER, "pass", "(Rated.__subclasses__() or [Rated])[0](100)", True),
    ],
)
def test_the_method_of_the_class_that_is_made(project, rated, frozen, made, expected):
    names = "from memory import ByError" if made.startswith("ByError") else ""
    graph = project(memory=MEMORY.format(rated=rated, frozen=frozen), main=LOOP.format(names=names, made=made))
    assert updated(graph) is expected


@pytest.mark.parametrize(
    ("bases", "heir", "end", "expected"),
    [
        ("Base", "def rate(self, at, errors):\n            self.memory.update(at, errors)", "Heir(net).run(env)", True),
        (
            "Base",
            "def rated(self, at, errors):\n            self.memory.update(at, errors)",
            "Heir(net).run(env)",
            False,
        ),
        (
            "Base",
            "def rate(self, at, errors):\n            self.memory.update(at, errors)",
            "Base(net).run(env)",
            False,
        ),
        ("Gives, Base", "pass", "Heir(net).run(env)", True),
        ("Base, Gives", "pass", "Heir(net).run(env)", False),
        ("Base", "def rate(self, *given):\n            self.memory.update(*given)", "pick('Heir')(net).run(env)", True),
        ("Base", "def rate(self, *given):\n            self.memory.update(*given)", "", True),
    ],
)
def test_the_hook_of_the_agent_that_is_made(project, bases, heir, end, expected):
    gives = GIVES if "Gives" in bases else ""
    main = AGENT.format(gives=gives, bases=bases, heir=heir, end=end)
    graph = project(memory=MEMORY.format(rated=WRITE, frozen="pass"), main=main)
    assert updated(graph) is expected
