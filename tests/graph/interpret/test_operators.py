"""What operators compute, and what their results were made of."""

import pytest

from per_audit.graph.interpret.values import Alloc, Literal, TupleOf


def literals(value):
    """The constants that a value may be."""
    return [atom.value for atom in value.atoms if isinstance(atom, Literal)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2 + 3", [5]),
        ("2 - 3", [-1]),
        ("2 * 3", [6]),
        ("7 / 2", [3.5]),
        ("7 // 2", [3]),
        ("2 ** 10", [1024]),
        ("-(2)", [-2]),
        ("1 / 0", []),
        ("0 ** -1", []),
        ("10 ** 1000", []),
        ("(0 - 8) ** 0.5", []),
        ("7 % 2", []),
        ("unknown + 1", []),
    ],
)
def test_numbers_are_computed_where_that_is_cheap_and_possible(project, value_of, text, expected):
    assert literals(value_of(project(f"shown = {text}\n"), text)) == expected


@pytest.mark.parametrize("text", ["[None] * n", "n * [None]", "[0.0] * 8"])
def test_a_repeated_list_is_a_new_container(project, value_of, text):
    atoms = value_of(project(f"def f(n):\n    shown = {text}\n"), text).atoms
    assert [atom.kind for atom in atoms if isinstance(atom, Alloc)] == ["list"]


def test_an_array_with_a_number_added_is_that_array(project, value_of):
    graph = project("import numpy as np\na = np.zeros(9)\nb = a + 1e-5\nc = a * a\n")
    assert [atom.kind for atom in value_of(graph, "a + 1e-5").atoms if isinstance(atom, Alloc)] == ["array"]
    assert not [atom for atom in value_of(graph, "a * a").atoms if isinstance(atom, Alloc)]


def test_tuples_that_are_added_have_the_items_of_both(project, value_of):
    value = value_of(project("shown = (1, 2) + (3,)\n"), "(1, 2) + (3,)")
    (joined,) = [atom for atom in value.atoms if isinstance(atom, TupleOf)]
    assert [literals(item) for item in joined.items] == [[1], [2], [3]]


MEMORY = """
    import random
    import numpy as np

    class Memory:
        def __init__(self, size):
            self.rows, self.mass = [None] * size, np.zeros(size)

        def push(self, at, state, action, reward, next_state, done):
            self.rows[at] = (state, action, reward, next_state, done)
            self.mass[at] = 1.0

        def sample(self, n, beta, power, alpha):
            p = self.mass / self.mass.sum()
            at = np.random.choice(len(self.rows), n, p=p)
            weights = {weights}
            return weights, at
"""


@pytest.mark.parametrize(
    ("weights", "known"),
    [
        ("(len(self.rows) * p[at]) ** -beta", True),
        ("(len(self.rows) * p[at]) ** (-power)", True),
        ("(1 / (len(self.rows) * p[at])) ** beta", True),
        ("(1 / (len(self.rows) * p[at])) ** power", True),
        ("(1 / len(self.rows) * 1 / p[at]) ** 0.4", True),
        ("1 / (len(self.rows) * p[at]) ** beta", True),
        ("(len(self.rows) * p[at]) ** -0.4", True),
        ("1 / (len(self.rows) * p[at])", True),
        ("1 / len(self.rows) * 1 / p[at]", True),
        ("np.array([1 / (len(self.rows) * p[i]) for i in at]) ** 0.5", True),
        ("np.array([self.mass.sum() / (len(self.rows) * self.mass[i]) for i in at]) ** 0.5", True),
        ("np.array([p[i] for i in at]) ** 0.5", False),
        ("(p[at] / p.sum()) ** 0.5", False),
        ("np.array([1 / (len(self.rows) * p[i]) for i in at]) ** 2", False),
        ("1 / p[at]", False),
        ("1 / (len(self.rows) * self.mass[at])", False),
        ("1 / np.sqrt(len(self.rows) * p[at])", True),
        ("1.0 / (len(self.rows) * p[at]).sqrt()", True),
        ("1 / np.sqrt(p[at] + 1e-10)", True),
        ("2 / np.sqrt(p[at])", False),
        ("np.sqrt(p[at])", False),
        ("1 / np.sqrt(p.var())", False),
        ("1 / np.sqrt(len(self.rows))", False),
        ("p.var() ** -0.5", False),
        ("p[at] ** alpha", False),
        ("(1 / p[at]) ** alpha", False),
        ("(1 / p[at]) ** 2", False),
        ("p[at] ** 2", False),
        ("p[at] * beta", False),
        ("p[at] ** -1", False),
    ],
)
def test_the_forms_of_importance_sampling_weights(project, value_of, weights, known):
    graph = project(MEMORY.replace("{weights}", weights))
    assert bool(value_of(graph, weights).tagged("isw")) is known


@pytest.mark.parametrize(
    ("weights", "known"),
    [
        ("(1 / len(self.rows) / p[at]) ** beta", True),  # a batch size that is given for beta makes other weights
        ("(1 / p[at]) ** power", False),
        ("at ** beta", False),
    ],
)
def test_a_beta_above_one_is_the_exponent_of_weights_where_its_base_is_that_of_weights(
    project, value_of, weights, known
):
    graph = project(MEMORY.replace("{weights}", weights) + "\n    Memory(8).sample(4, 64, 64, 64)\n")
    assert bool(value_of(graph, weights).tagged("isw")) is known


def test_a_product_of_weights_with_what_was_drawn_is_recorded_once(project):
    graph = project(
        MEMORY.replace("{weights}", "(len(self.rows) * p[at]) ** -beta"),
        learn="""
        from main import Memory

        def learn(memory: Memory, net):
            weights, at = memory.sample(8, 0.4, 1, 1)
            losses = net(memory.rows[at[0]])
            total = (weights * losses).mean()
            double = weights * weights
            scaled = weights * 3
        """,
    )
    found = {graph.source(weighting.path, node) for node, weighting in graph.events.weightings.items()}
    assert found == {"weights * losses"}
    (weighting,) = graph.events.weightings.values()
    assert graph.source("learn.py", weighting.weights) == "weights"
    assert graph.source("learn.py", weighting.other) == "losses"


@pytest.mark.parametrize(("power", "known"), [("power", True), ("1 - power", True), ("2", False), ("alpha", False)])
@pytest.mark.parametrize("odds", ["1 / (len(self.rows) * p[at])", "1 / len(self.rows) * 1 / p[at]"])
def test_odds_become_weights_where_they_are_raised_to_beta(project, value_of, odds, power, known):
    text = MEMORY.replace("{weights}", odds).replace("return weights, at", f"return (weights / 3) ** ({power}), at")
    graph = project(text)
    assert bool(value_of(graph, f"(weights / 3) ** ({power})").tagged("isw")) is known
    assert {graph.source("main.py", node) for node in graph.events.raised} == {odds}


LENGTHENED = """
    import numpy as np

    class Memory:
        def __init__(self, size, by_mass):
            self.rows, self.mass, self.by_mass = np.zeros(size), np.ones(size), by_mass

        def draw(self, n, beta):
            p = self.mass / self.mass.sum()
            slots = np.random.choice(len(p), n, p=p)
            batch = (self.rows[slots], n)
            if self.by_mass:
                batch {} (slots, (len(p) * p[slots]) ** -beta)
            return {}

    rows, size, slots, weights = Memory(9, read()).draw(3, 0.4)
    learn(weights, slots, size)
"""


@pytest.mark.parametrize("added", ["+=", "= batch +"])
@pytest.mark.parametrize("returned", ["batch", "batch if self.by_mass else batch + (None, None)"])
def test_a_tuple_that_a_branch_lengthens(project, value_of, added, returned):
    graph = project(LENGTHENED.format(added, returned))
    assert value_of(graph, "weights").tagged("isw")
    assert value_of(graph, "slots").tagged("index")
    assert not value_of(graph, "slots").tagged("isw")
    assert not value_of(graph, "size").tagged("isw")


@pytest.mark.parametrize("form", ["dict(rows=rows, weights=w, at=places)", "Batch(rows, w, places)"])
def test_the_weights_of_a_batch_are_one_of_its_parts_where_it_may_be_another_memory_s(project, value_of, form):
    graph = project(f"""
    import collections, pickle
    import numpy as np

    Batch = collections.namedtuple("Batch", "rows weights at")

    class Memory:
        def __init__(self):
            self.rows, self.p = [], []

        def find(self, n):
            return [self.look() for _ in range(n)]

        def sample(self, n, beta):
            p, places = np.array(self.p) / sum(self.p), self.find(n)
            w, rows = (n * p[places]) ** -beta, [self.rows[i] for i in places]
            return {form}

    def load(path):
        memory = Memory()
        if path:
            memory = pickle.load(path)
        return memory

    batch = load(read()).sample(8, 0.4)
    at, weights = {'batch["at"], batch["weights"]' if "dict" in form else "batch.at, batch.weights"}
    print(at, weights)
    """)
    assert value_of(graph, "weights").tagged("isw")
    assert not value_of(graph, "at").tagged("isw")


WINDOW = """
from collections import deque
import numpy as np

class Actor:
    def __init__(self, env, gamma, scales):
        self.env, self.gamma, self.scales, self.window = env, gamma, scales, []
        self.gains, self.seen = deque(maxlen=3), deque(maxlen=3)
        self.gammas = np.array([gamma**i for i in range(3)])

    def act(self, net):
        state = self.env.reset()
        following, earned, over, _ = self.env.step(1)
        self.window.append((state, 1, earned))
        self.gains.append(earned)
        self.seen.append(state)
        total = {start}
        factor = 1.0
        for _, _, gain in self.window:
            {step}
            factor *= self.gamma
        shown = {shown}
"""


@pytest.mark.parametrize(
    ("start", "step", "shown", "roles"),
    [
        ("0.0", "total += factor * gain", "total", {"reward"}),
        ("0", "total = gain + total", "total", {"reward"}),
        ("0.0", "total = gain + self.gamma * total", "total", {"reward"}),
        ("0.0", "total += self.gamma**2 * gain", "total", {"reward"}),
        ("0.0", "pass", "sum(self.gamma**i * row[2] for i, row in enumerate(self.window))", {"reward"}),
        ("0.0", "total += net(gain)", "total", set()),
        ("0.0", "total += net(state) * gain", "total", set()),
        ("0.0", "total = gain + self.gamma * net(following)", "total", set()),
        ("net(following)", "total = gain + self.gamma * total", "total", set()),
        ("0.0", "total = gain - factor", "total", set()),
        ("0.0", "total += factor", "total", set()),
        ("0.0", "pass", "sum(row[0] for row in self.window)", set()),
        ("0.0", "pass", "np.sum(self.gains * self.gammas)", {"reward"}),
        ("0.0", "pass", "(np.array(self.gains) * 0.9 ** np.arange(3)).sum()", {"reward"}),
        ("0.0", "pass", "np.array(self.gains) @ self.gammas", {"reward"}),
        ("0.0", "pass", "np.sum(self.gains * self.scales)", set()),
        ("0.0", "pass", "np.sum(self.gains * 2.5 ** np.arange(3))", set()),
        ("0.0", "pass", "np.mean(self.gains * self.scales)", set()),
        ("0.0", "pass", "np.sum(self.seen * self.gammas)", set()),
    ],
)
def test_a_sum_of_rewards_is_one_whatever_it_is_called(project, value_of, start, step, shown, roles):
    code = WINDOW.replace("{start}", start).replace("{step}", step).replace("{shown}", shown)
    assert value_of(project(code), shown).roles == roles


LEAVES = """
import random

class Tree:
    def __init__(self, size):
        self.size = 4096
        self.sums, self.rows = [0 for _ in range(2 * self.size)], [None for _ in range(self.size)]

    def put(self, at, row, mass):
        self.rows[at] = row
        node, change = at + self.size, mass - self.sums[at + self.size]
        while node:
            self.sums[node] += change
            node //= 2

    def down(self, mass, node):
        if node >= self.size:
            return self.rows[node - self.size], self.sums[node], node - self.size
        left = self.sums[2 * node]
        return self.down(mass, 2 * node) if mass <= left else self.down(mass - left, 2 * node + 1)

    def find(self, mass):
        mass *= self.sums[1]
        return self.down(mass, 1)

    def draw(self, beta):
        row, mass, at = self.find(random.random())
        weight = {weight}
        return row, weight
"""


@pytest.mark.parametrize(
    ("weight", "drawn"),
    [
        ("1 / self.size / mass", True),
        ("1 / self.size / self.sums[1]", False),
        ("1 / self.size / 4", False),
    ],
)
def test_what_is_read_where_a_draw_says_is_no_constant(project, value_of, weight, drawn):
    value = value_of(project(LEAVES.replace("{weight}", weight)), weight)
    assert (bool(value.tagged("draw")), not value.atoms) == (drawn, drawn)
