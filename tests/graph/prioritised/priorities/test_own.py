import pytest

MEMORY = """
import numpy as np


class Memory:
    def __init__(self, size):
        self.rows, self.priorities, self.size, self.at = [None] * size, np.zeros(size), size, 0

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at % self.size] = (state, action, reward, next_state, done)
        self.priorities[self.at % self.size] = 1.0
        self.at += 1

    def sample(self, n, beta):
        p = self.priorities / self.priorities.sum()
        slots = np.random.choice(self.size, n, p=p)
        weights = (self.size * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        self.priorities[slots] = np.abs(errors) + 1e-6


class Plain:
    def __init__(self, size):
        self.rows = []
"""

AGENTS = """
from memory import Memory, Plain


def made(size, plain=False):
    kind = Plain if plain else Memory
    memory = kind(size)
    return memory


shared = Memory(100)


def kept(size):
    return shared


class Slow{base}:
    def __init__(self, net, memory):
        self.net = net
        {slow}

    def learn(self):
        rows, slots, weights = self.memory.sample(32, 0.4)
        errors = self.net.errors(rows)
        (weights * errors**2).mean().backward()
        return slots, errors


class Quick:
    def __init__(self, net, memory):
        self.net = net
        {quick}

    def learn(self):
        rows, slots, weights = self.memory.sample(32, 0.4)
        errors = self.net.errors(rows)
        (weights * errors**2).mean().backward()
        self.memory.update(slots, errors)


def main(env, net):
    for kind in (Slow, Quick):
        agent = kind(net, Memory(10))
        state = env.reset()
        for step in range(100):
            next_state, reward, done, _ = env.step(0)
            agent.memory.push(state, 0, reward, next_state, done)
            found = agent.learn()
            {end}
"""
OWN = "self.memory = Memory(100)"


def neglected(graph):
    """Who never updates a memory of its own, of those that there are one kind of."""
    (buffer,) = [buffer for buffer in graph.buffers if buffer.kind == "prioritised"]
    about = graph.priorities(buffer)
    assert about.updated()
    return [getattr(maker, "name", maker) for maker, _ in about.neglected()]


@pytest.mark.parametrize(
    ("base", "slow", "quick", "end", "expected"),
    [
        ("", OWN, OWN, "", ["Slow"]),
        ("", "self.memory = Memory(100) if net.rated else Plain(100)", OWN, "", ["Slow"]),
        ("", "self.memory = made(100)", "self.memory = made(100)", "", ["Slow"]),
        ("", "self.memory = kept(100)", "self.memory = kept(100)", "", []),
        # one memory may be both agents', for all that is known
        ("", "self.memory = memory", OWN, "", []),
        ("", OWN, "self.memory = memory", "", []),
        ("", "self.memory = memory or Memory(100)", OWN, "", []),
        # what anybody does with a memory that it is given may be done with this one
        ("", OWN, OWN, "agent.memory.update(*found)", []),
        ("", OWN, OWN, "agent.memory = Memory(100)", []),
        ("", OWN + "; getattr(self.memory, 'update')([0], [1.0])", OWN, "", []),
        # an heir's own memory is the one that its base updates
        ("(Quick)", OWN, OWN, "", []),
    ],
)
def test_the_memory_of_an_agent_is_its_own_where_it_makes_it(project, base, slow, quick, end, expected):
    agents = AGENTS.format(base=base, slow=slow, quick=quick, end=end or "pass")
    assert neglected(project(memory=MEMORY, agents=agents)) == expected


TRIED = """
from memory import Memory


def test_priorities():
    memory = Memory(10)
    memory.push(0, 0, 1.0, 0, False)
    rows, slots, weights = memory.sample(4, 0.4)
    memory.update(slots, [10.0] * 4)
"""

SCRIPT = """
from memory import Memory
{top}

def main(env, net):
    {inside}
    state = env.reset()
    for step in range(100):
        next_state, reward, done, _ = env.step(0)
        memory.push(state, 0, reward, next_state, done)
        rows, slots, weights = memory.sample(32, 0.4)
        errors = net.errors(rows)
        (weights * errors**2).mean().backward()
        {end}


if __name__ == "__main__":
    main(gym.make("CartPole-v1"), Net())
"""


@pytest.mark.parametrize(
    ("top", "inside", "end", "expected"),
    [
        ("", "memory = Memory(100)", "", ["main"]),
        ("memory = Memory(100)", "pass", "", ["train.py"]),
        ("", "memory = Memory(100)", "memory.update(slots, errors)", []),
        ("memory = Memory(100)", "pass", "memory.update(slots, errors)", []),
        ("", "memory = net.memory or Memory(100)", "", []),
    ],
)
def test_what_a_test_does_with_the_memory_that_it_makes_is_no_training(project, top, inside, end, expected):
    script = SCRIPT.format(top=top, inside=inside, end=end or "pass")
    graph = project(memory=MEMORY, train=script, test_memory=TRIED)
    assert neglected(graph) == expected


GRAPH = """
import tensorflow as tf
from memory import Memory


class Base:
    def build(self, loss):
        setattr(self, self.prefix + "step", tf.train.AdamOptimizer().minimize(loss))


class Slow(Base):
    def __init__(self, session):
        self.session = session
        self.memory = Memory(100)
        self.prefix = "slow_"

    def learn(self):
        rows, slots, weights = self.memory.sample(32, 0.4)
        {run}


class Quick(Base):
    def __init__(self, session):
        self.session = session
        self.memory = Memory(100)
        self.prefix = "quick_"

    def learn(self):
        rows, slots, weights = self.memory.sample(32, 0.4)
        errors, _ = self.session.run([self.errors, self.quick_step], {{self.rows: rows}})
        self.memory.update(slots, errors)


def main(env, session):
    for kind in (Slow, Quick):
        agent = kind(session)
        agent.memory.push(0, 0, 1.0, 0, False)
        agent.learn()
"""


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ("self.session.run([self.slow_step], {self.rows: rows, self.weights: weights})", ["Slow"]),
        ("print(rows)", []),  # looked at, not learnt from
    ],
)
def test_what_a_session_is_asked_for_may_be_a_training_step(project, run, expected):
    graph = project(memory=MEMORY, agents=GRAPH.format(run=run))
    assert neglected(graph) == expected


APART = """
import numpy as np


class Priorities:
    def __init__(self, size):
        self.values, self.size = np.zeros(size), size

    def add(self, slot, error):
        self.values[slot % self.size] = abs(error) + 1e-6

    def sample(self, n):
        p = self.values / self.values.sum()
        slots = np.random.choice(self.size, n, p=p)
        return slots, (self.size * p[slots]) ** -0.4

    def update(self, slot, error):
        self.values[slot % self.size] = abs(error) + 1e-6


class Agent:
    def __init__(self, net):
        self.net, self.rows = net, []
        self.priorities = Priorities(100)

    def store(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))
        self.priorities.add(len(self.rows), self.net.error(state, action, reward, next_state, done))

    def learn(self):
        slots, weights = self.priorities.sample(32)
        rows = [self.rows[slot] for slot in slots]
        errors = self.net.errors(rows)
        (weights * errors**2).mean().backward()
        for slot, error in zip(slots, errors):
            self.priorities.update(int(slot), float(error))


def main(env, net):
    agent = Agent(net)
    agent.store(*env.step(0))
    agent.learn()
"""


def test_what_stores_a_priority_may_be_what_updates_it(project):
    assert neglected(project(APART)) == []


CLOSED = """
from memory import Memory


def OTHER(env, net):
    memory = Memory(100)
    rows, slots, weights = memory.sample(32, 0.4)
    errors = net.errors(rows)
    (weights * errors**2).mean().backward()
    memory.update(slots, errors)


def main(env, net):
    memory = Memory(100)

    def learn(rows, slots, weights):
        errors = net.errors(rows)
        (weights * errors**2).mean().backward()
        AFTER

    memory.push(0, 0, 1.0, 0, False)
    learn(*memory.sample(32, 0.4))
"""


@pytest.mark.parametrize(("after", "expected"), [("memory.update(slots, errors)", []), ("print(errors)", ["main"])])
@pytest.mark.parametrize("other", ["first", "last"])
def test_a_function_inside_another_has_its_memory(project, after, expected, other):
    assert neglected(project(memory=MEMORY, train=CLOSED.replace("AFTER", after).replace("OTHER", other))) == expected


SHARED = CLOSED.replace("def OTHER", "def alone").replace(
    "def main(env, net):\n    memory = Memory(100)\n",
    "memory = None\n\n\ndef begin():\n    global memory\n    memory = Memory(100)\n    BEGUN\n\n\n"
    "def main(env, net):\n    begin()\n",
)


@pytest.mark.parametrize(
    ("after", "begun", "expected"),
    [
        ("memory.update(slots, errors)", "pass", []),
        ("print(errors)", "memory.update([0], [1.0])", []),
        ("print(errors)", "pass", ["train.py"]),
    ],
)
def test_a_function_may_make_the_memory_of_its_file(project, after, begun, expected):
    assert neglected(project(memory=MEMORY, train=SHARED.replace("AFTER", after).replace("BEGUN", begun))) == expected
