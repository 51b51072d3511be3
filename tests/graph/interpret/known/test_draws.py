"""The same uniform pipeline, written for each library of tensors: one buffer, found once, at its draw."""

import pytest

from per_audit.graph import PRIORITISED, UNIFORM
from per_audit.graph.interpret.known.draws import batch_argument, replacement, takes_many

RING = """
    {imports}


    class Ring:
        def __init__(self, size, width, seed=0):
            self.states = {zeros}((size, width))
            self.actions = {zeros}((size,))
            self.rewards = {zeros}((size,))
            self.next_states = {zeros}((size, width))
            self.dones = {zeros}((size,))
            self.size, self.count = size, 0
            {seeded}

        def add(self, state, action, reward, next_state, done):
            at = self.count % self.size
            {store}
            self.count += 1

        def sample(self, n, key=None):
            picked = {draw}  # draw
            {gather}


    def train(env, net, target, optimizer, key):
        ring = Ring(10000, 4)
        state = env.reset()
        while True:
            action = net.act(state)
            next_state, reward, done, _ = env.step(action)
            ring.add(state, action, reward, next_state, done)
            state = next_state
            s, a, r, s2, d = ring.sample(32, key)
            {learn}
"""
STORE = """self.states[at], self.actions[at], self.rewards[at] = state, action, reward
            self.next_states[at], self.dones[at] = next_state, done"""
JAX_STORE = """self.states = self.states.at[at].set(state)
            self.actions = self.actions.at[at].set(action)
            self.rewards = self.rewards.at[at].set(reward)
            self.next_states = self.next_states.at[at].set(next_state)
            self.dones = self.dones.at[at].set(done)"""
GATHER = """return (self.states[picked], self.actions[picked], self.rewards[picked],
                    self.next_states[picked], self.dones[picked])"""
TF_GATHER = """return tuple(tf.gather(column, picked) for column in (
                self.states, self.actions, self.rewards, self.next_states, self.dones))"""
TORCH_LEARN = """loss = ((net(s)[a] - r - (1 - d) * target(s2).max(1).values) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()"""
KERAS_LEARN = "net.fit(s, r + (1 - d) * target.predict(s2).max(1))"
TAPE_LEARN = """with tf.GradientTape() as tape:
                loss = tf.reduce_mean((net(s) - r - (1 - d) * target(s2)) ** 2)
            optimizer.apply_gradients(zip(tape.gradient(loss, net.weights), net.weights))"""
GRAPH_LEARN = "net.session.run(net.minimise, {net.s: s, net.a: a, net.r: r, net.s2: s2, net.d: d})"
JAX_LEARN = "net = net.update(jax.grad(net.loss)(net.params, s, a, r, s2, d))"
PLAIN_LEARN = "net.fit(s, r + (1 - d) * target.predict(s2).max(1))"

TORCH = {"zeros": "torch.zeros", "store": STORE, "gather": GATHER, "learn": TORCH_LEARN}
KERAS = {"zeros": "np.zeros", "store": STORE, "gather": GATHER, "learn": KERAS_LEARN}
TAPE = {"zeros": "np.zeros", "store": STORE, "gather": TF_GATHER, "learn": TAPE_LEARN}
GRAPH = {"zeros": "np.zeros", "store": STORE, "gather": GATHER, "learn": GRAPH_LEARN}
JAX = {"zeros": "jnp.zeros", "store": JAX_STORE, "gather": GATHER, "learn": JAX_LEARN}
PLAIN = {"zeros": "np.zeros", "store": STORE, "gather": GATHER, "learn": PLAIN_LEARN}
NP = "import numpy as np"


@pytest.mark.parametrize(
    ("parts", "imports", "draw", "seeded"),
    [
        (TORCH, "import torch", "torch.randint(0, min(self.count, self.size), (n,))", ""),
        (TORCH, "import torch as T\n    import torch", "T.randint(self.count, (n,))", ""),
        (TORCH, "import torch", "torch.randint(high=self.count, size=(n,))", ""),
        (TORCH, "import torch", "torch.randperm(self.count)[:n]", ""),
        (KERAS, NP, "np.random.randint(0, self.count, size=n)", ""),
        (KERAS, NP, "np.random.choice(self.count, n, replace=False)", ""),
        (KERAS, f"from numpy import random as nr\n    {NP}", "nr.choice(self.count, n)", ""),
        (KERAS, f"from numpy.random import randint\n    {NP}", "randint(0, self.count, n)", ""),
        (KERAS, NP, "np.random.permutation(self.count)[:n]", ""),
        (KERAS, NP, "self.rng.integers(0, self.count, size=n)", "self.rng = np.random.default_rng(seed)"),
        (KERAS, NP, "self.dice.integers(self.count, size=n)", "self.dice = np.random.default_rng(seed)"),
        (KERAS, NP, "self.dice.choice(self.count, size=n)", "self.dice = np.random.Generator(np.random.PCG64(seed))"),
        (KERAS, NP, "self.dice.randint(0, self.count, n)", "self.dice = np.random.RandomState(seed)"),
        (KERAS, NP, "np.random.default_rng().integers(0, self.count, n)", ""),
        (PLAIN, f"import random as rnd\n    {NP}", "rnd.sample(range(self.count), n)", ""),
        (PLAIN, f"from random import sample as pick\n    {NP}", "pick(range(self.count), n)", ""),
        (PLAIN, f"from random import choices\n    {NP}", "choices(range(self.count), k=n)", ""),
        (PLAIN, f"import random\n    {NP}", "[random.randrange(self.count) for _ in range(n)]", ""),
        (PLAIN, f"import random\n    {NP}", "[random.randint(0, self.count - 1) for _ in range(n)]", ""),
        (
            PLAIN,
            f"import random\n    {NP}",
            "self.dice.sample(range(self.count), n)",
            "self.dice = random.Random(seed)",
        ),
        (TAPE, f"import tensorflow as tf\n    {NP}", "tf.random.uniform((n,), 0, self.count, dtype=tf.int32)", ""),
        (TAPE, f"import tensorflow as tf\n    {NP}", "tf.random.uniform([n], maxval=self.count, dtype='int64')", ""),
        (TAPE, f"import tensorflow as tf\n    {NP}", "tf.random.shuffle(tf.range(self.count))[:n]", ""),
        (TAPE, f"import tensorflow as tf\n    {NP}", "np.random.randint(0, self.count, n)", ""),
        (
            TAPE,
            f"import tensorflow as tf\n    {NP}",
            "self.dice.uniform((n,), 0, self.count, dtype=tf.int32)",
            "self.dice = tf.random.Generator.from_seed(seed)",
        ),
        (GRAPH, f"import tensorflow as tf\n    {NP}", "np.random.choice(self.count, size=n)", ""),
        (GRAPH, f"import tensorflow.compat.v1 as tf\n    {NP}", "tf.random_uniform([n], 0, self.count, tf.int32)", ""),
        (JAX, "import jax\n    import jax.numpy as jnp", "jax.random.randint(key, (n,), 0, self.count)", ""),
        (JAX, "import jax\n    import jax.numpy as jnp", "jax.random.choice(key, self.count, (n,))", ""),
        (JAX, "import jax\n    from jax import numpy as jnp, random", "random.randint(key, (n,), 0, self.count)", ""),
        (JAX, "import jax\n    from jax import numpy as jnp, random", "random.choice(key, self.count, shape=(n,))", ""),
        (
            JAX,
            "import jax\n    from jax import numpy as jnp, random",
            "random.choice(key, self.count, (n,), False)",
            "",
        ),
        (
            JAX,
            "import jax\n    import jax.numpy as jnp\n    import jax.random as jr",
            "jr.permutation(key, self.count)[:n]",
            "",
        ),
    ],
)
def test_a_uniform_ring_is_found_once_at_its_draw(project, parts, imports, draw, seeded):
    text = RING.format(imports=imports, draw=draw, seeded=seeded, **parts)
    graph = project(text)
    (buffer,) = graph.buffers
    assert buffer.kind == UNIFORM
    (node,) = buffer.draws
    line = graph.place(buffer.path, node).line
    assert text.splitlines()[line - 1].endswith("# draw")
    assert graph.library == []


@pytest.mark.parametrize(
    ("imports", "draw"),
    [
        ("import jax", "jax.random.choice(key, self.count, (n,), p=self.rewards)"),
        ("from jax import random", "random.choice(key, self.count, (n,), True, self.rewards)"),
        ("import jax", "jax.random.categorical(key, self.rewards, shape=(n,))"),
        ("import torch", "torch.multinomial(self.rewards, n)"),
        ("import random", "random.choices(range(self.count), self.rewards, k=n)"),
        ("import numpy as np", "np.random.default_rng(0).choice(self.count, n, p=self.rewards)"),
        ("import tensorflow as tf", "tf.random.categorical(self.rewards, n)"),
    ],
)
def test_a_draw_by_given_probabilities_is_not_uniform(project, imports, draw):
    parts = {"imports": f"import numpy as np\n    {imports}", "draw": draw, "seeded": ""}
    graph = project(RING.format(**parts, **PLAIN))
    assert [buffer.kind for buffer in graph.buffers if buffer.kind == UNIFORM] == []


MASSES = """
    import numpy as np
    import torch


    class Buffer:
        def __init__(self, size):
            self.rows, self.priorities, self.size, self.at = [None] * size, torch.zeros(size), size, 0

        def add(self, state, action, reward, next_state, done):
            self.rows[self.at] = (state, action, reward, next_state, done)
            self.priorities[self.at] = self.priorities.max()
            self.at = (self.at + 1) % self.size

        def sample(self, n):
            p = self.priorities / self.priorities.sum()
            return [self.rows[i] for i in {draw}]


    def train(net, buffer):
        net.loss(buffer.sample(8)).backward()
"""


@pytest.mark.parametrize(
    ("draw", "masses", "size", "again"),
    [
        ("torch.multinomial(p, n, True)", "p", "n", "True"),
        ("p.multinomial(n, True)", "p", "n", "True"),
        ("p.multinomial(num_samples=n, replacement=True)", "p", "n", "True"),
    ],
)
def test_masses_of_a_tensor_are_drawn_by_function_or_method(project, draw, masses, size, again):
    graph = project(MASSES.format(draw=draw))
    (found,) = graph.events.draws.values()
    assert [buffer.kind for buffer in graph.buffers] == [PRIORITISED]
    assert found.weighted
    parts = (found.probabilities, batch_argument(found.node, found.method), replacement(found.node, found.method))
    assert [graph.source(found.path, part) for part in parts] == [masses, size, again]


@pytest.mark.parametrize("draw", ["np.random.default_rng(0).multinomial(n, p)", "self.rng.multinomial(n, p)"])
def test_how_often_each_comes_in_many_draws_is_no_draw_of_positions(project, draw):
    assert project(MASSES.format(draw=draw)).buffers == []


@pytest.mark.parametrize(
    ("call", "many"),
    [
        ("random.sample(rows, n)", True),
        ("random.choices(rows, k=n)", True),
        ("np.random.choice(size, n)", True),
        ("np.random.choice(size, size=n, replace=False)", True),
        ("np.random.randint(0, size, n)", True),
        ("np.random.randint(size, size=n)", True),
        ("torch.randint(size, (n,))", True),
        ("random.choices(rows, k=1)", False),
        ("random.sample(rows, 1)", False),
        ("random.sample(rows, k=n)", True),
        ("torch.randint(0, size, (1,))", False),
        ("random.choices(rows)", False),
        ("random.choice(rows)", False),
        ("random.randrange(size)", False),
        ("random.randint(0, 9)", False),
        ("torch.randint(0, 4, [n, 1])", False),  # an action for each row
        ("np.random.randint(4, size=(n, 1))", False),
        ("tf.random.uniform((n,), 0, size, tf.int32)", True),
        ("tf.random.uniform((), 0, size, tf.int32)", False),
        ("tf.random.uniform(shape=[], maxval=size, dtype=tf.int32)", False),
    ],
)
def test_what_takes_a_batch(project, call, many):
    imports = "import random\nimport numpy as np\nimport tensorflow as tf\nimport torch\n"
    graph = project(f"{imports}\ndef draw(rows, size, n):\n    return {call}\n")
    (draw,) = graph.events.draws.values()
    assert takes_many(draw.node, draw.method) is many


def test_the_shape_of_what_is_drawn_holds_nothing(project):
    graph = project("import tensorflow as tf\n\ndef draw(n):\n    return tf.random.uniform((), 0, n, tf.int32)\n")
    (draw,) = graph.events.draws.values()
    assert not draw.containers


def test_how_many_there_are_of_random_numbers_draws_nothing(project):
    graph = project("""
import numpy as np


class Steps:
    def __init__(self):
        self.known = {}

    def at(self, env, state, action, now):
        if now not in self.known:
            next_state, reward, done, _ = env.step(action)
            self.known[now] = (state, action, reward, next_state, done)
        return self.known[now]


def train(env, net, optimizer):
    prices = np.random.randint(1000, 10000, 200)
    steps, state = Steps(), env.reset()
    for now in range(1000):
        state, action, reward, next_state, done = steps.at(env, state, net.act(state), min(now, len(prices) - 1))
        loss = (net(state)[action] - reward - (1 - done) * net(next_state).max()) ** 2
        loss.backward()
        optimizer.step()
""")
    assert not any(draw.containers for draw in graph.events.draws.values())
    assert not graph.buffers


@pytest.mark.parametrize(
    "batch",
    [
        "{name: column[slots] for name, column in self.columns.items()}",
        "{name: self.columns[name][slots] for name in self.columns}",
        "{name: column[slots, ...] for name, column in self.columns.items()}",
    ],
)
def test_a_dict_of_columns_is_read_pair_by_pair(project, batch):
    graph = project(f"""
import numpy as np


class Rows:
    def __init__(self, size, width):
        self.columns = {{
            "state": np.zeros((size, width)), "action": np.zeros(size), "reward": np.zeros(size),
            "next_state": np.zeros((size, width)), "done": np.zeros(size)
        }}
        self.size, self.count = size, 0

    def put(self, **row):
        for name, value in row.items():
            self.columns[name][self.count % self.size] = value
        self.count += 1

    def sample(self, n):
        slots = np.random.randint(0, min(self.count, self.size), n)
        return {batch}


def train(env, net, target):
    rows, state = Rows(10000, 4), env.reset()
    while True:
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        rows.put(state=state, action=action, reward=reward, next_state=next_state, done=done)
        state = next_state
        batch = rows.sample(32)
        ahead = (1 - batch["done"]) * target.predict(batch["next_state"]).max(1)
        net.fit(batch["state"], batch["reward"] + 0.99 * ahead)
""")
    (buffer,) = graph.buffers
    assert buffer.kind == UNIFORM
    assert len(buffer.containers) == 5


@pytest.mark.parametrize(
    "flags",
    [
        "torch.randint(0, 2, (n,), dtype=torch.bool)",
        "np.random.randint(0, 2, n, dtype=bool)",
        "self.rng.integers(0, 2, n, dtype='bool')",
    ],
)
def test_random_flags_are_no_positions(project, flags):
    graph = project(f"""
import numpy as np
import torch


class Rows:
    def __init__(self, size, width):
        self.rng = np.random.default_rng(0)
        self.states, self.rewards, self.next_states = np.zeros((size, width)), np.zeros(size), np.zeros((size, width))

    def put(self, at, state, reward, next_state):
        self.states[at], self.rewards[at], self.next_states[at] = state, reward, next_state

    def some(self, n):
        flags = {flags}
        return self.states[flags], self.rewards[flags], self.next_states[flags]
""")
    assert not graph.events.draws
    assert not graph.buffers


@pytest.mark.parametrize(
    ("draw", "uniform"),
    [
        ("int(random.random() * len(self.rows))", True),
        ("int(np.random.uniform(0, 1) * len(self.rows))", True),
        ("int(np.random.uniform(0.9, 1.0) * len(self.rows))", False),
        ("int(random.random() * self.nodes[0])", False),
        ("int(random.random() * self.root())", False),
    ],
)
def test_a_part_of_a_size_is_a_position_and_a_part_of_a_root_or_of_the_newest_is_not(project, draw, uniform):
    graph = project(f"""
import random
import numpy as np


class Rows:
    def __init__(self):
        self.rows, self.nodes = [], np.zeros(8)

    def root(self):
        return self.nodes[0]

    def some(self, n):
        return [self.rows[{draw}] for _ in range(n)]
""")
    assert bool(graph.events.draws) is uniform


def test_which_environment_a_row_is_taken_of_is_no_draw_of_its_own(project):
    graph = project("""
import numpy as np


class Rows:
    def __init__(self, size, envs, width):
        self.size, self.envs, self.count = size, envs, 0
        self.states, self.next_states = np.zeros((size, envs, width)), np.zeros((size, envs, width))
        self.rewards, self.dones = np.zeros((size, envs)), np.zeros((size, envs))

    def put(self, state, reward, next_state, done):
        at = self.count % self.size
        self.states[at], self.rewards[at], self.next_states[at], self.dones[at] = state, reward, next_state, done
        self.count += 1

    def sample(self, n):
        return self.read(np.random.randint(0, min(self.count, self.size), n))

    def read(self, rows):
        envs = np.random.randint(0, self.envs, len(rows))
        return self.states[rows, envs], self.rewards[rows, envs], self.next_states[rows, envs], self.dones[rows, envs]


def train(env, net, target):
    rows, state = Rows(10000, 8, 4), env.reset()
    while True:
        next_state, reward, done, _ = env.step(net.act(state))
        rows.put(state, reward, next_state, done)
        state = next_state
        s, r, s2, d = rows.sample(32)
        net.fit(s, r + (1 - d) * target.predict(s2).max(1))
""")
    (buffer,) = graph.buffers
    (draw,) = buffer.draws
    assert graph.source(buffer.path, draw) == "np.random.randint(0, min(self.count, self.size), n)"


@pytest.mark.parametrize(
    "task",
    [
        "int(rng.integers(2**31))",
        "rng.integers(0, high=2**32 - 1, dtype=np.int64)",
        "(last, rng.integers(10_000))",
    ],
)
def test_a_seed_for_a_worker_is_no_draw_of_what_the_worker_leads_to(project, task):
    graph = project(f"""
import multiprocessing
import numpy as np


class Log:
    def __init__(self):
        self.parts, self.count = [], 0

    def append(self, previous, action, reward, done):
        self.parts.append({{"previous": previous, "action": action, "reward": reward, "done": done}})
        self.count += 1
        return self.count - 1

    def replay(self, last):
        actions = []
        while last >= 0:
            part = self.parts[last]
            actions.append(part["action"])
            last = part["previous"]
        return actions


def explore(task):
    raise NotImplementedError


def main():
    rng, log, last = np.random.default_rng(0), Log(), -1
    with multiprocessing.Pool(4) as pool:
        while log.count < 100_000:
            tasks = [{task} for _ in range(8)]
            for found in pool.map(explore, tasks):
                last = found["previous"]
                last = log.append(last, found["action"], found["reward"], found["done"])
    return log, last


log, last = main()
log.replay(last)
""")
    assert not graph.buffers


FILLED = """
    import torch

    class Rows:
        def __init__(self, size):
            self.rows, self.mass, self.at = [None] * size, torch.zeros(size), 0

        def put(self, state, action, reward, after, done):
            self.rows[self.at], self.mass[self.at] = (state, action, reward, after, done), self.mass.max()
            self.at = (self.at + 1) % len(self.rows)

        def some(self, n):
            sums = self.mass.cumsum(0)
            part = sums[-1] / n
            places = {drawn}
            return [self.rows[slot] for slot in torch.searchsorted(sums, places)]

        def rate(self, slots, errors):
            self.mass[slots] = errors.abs() + 1e-6

    def train(env, net, rows=Rows(1000)):
        {start}
        state = env.reset()
        while True:
            after, reward, done, _ = env.step(net.act(state))
            rows.put(state, 0, reward, after, done)
            net.learn(rows.some(32)).backward()
            state = after

    train(make_env(), make_net())
"""


@pytest.mark.parametrize(
    "drawn",
    ["torch.zeros(n).uniform_(to=part) + torch.arange(n) * part", "torch.empty(n).uniform_(0, float(sums[-1]))"],
)
def test_masses_that_a_tensor_is_filled_with_are_searched_for(project, drawn):
    (buffer,) = project(FILLED.format(drawn=drawn, start="pass")).buffers
    assert buffer.kind == PRIORITISED


@pytest.mark.parametrize(
    ("made", "found"),
    [
        ("torch.empty(n)", 1),
        ("torch.empty(n, 4)", 1),
        ("sums.new_empty((n, 4), requires_grad=False)", 1),
        ("sums.new_empty((n, 10, 4), requires_grad=False)", 0),
        ("torch.zeros(n, 10, 4)", 0),
    ],
)
def test_a_table_that_a_tensor_is_filled_as_is_none_that_is_searched_for(project, made, found):
    drawn = f"{made}.uniform_(0, float(sums[-1]))"
    assert len(project(FILLED.format(drawn=drawn, start="pass")).buffers) == found


def test_weights_that_a_network_begins_with_draw_nothing(project):
    start = "net.weight.data.uniform_(-0.1, 0.1)"
    assert not project(FILLED.format(drawn="torch.arange(n) * part", start=start)).buffers


MANY_COLUMNS = """
    import numpy as np

    class Episodes:
        def __init__(self, args, size):
            self.size, self.count = size, 0
            if args.alone:
                self.columns = {{{few}}}
            else:
                self.columns = {{{many}}}

        def put(self, episode):
            at = self.count % self.size
            self.columns["o"][at], self.columns["u"][at] = episode["o"], episode["u"]
            self.columns["r"][at], self.columns["o_next"][at] = episode["r"], episode["o_next"]
            self.columns["terminated"][at] = episode["terminated"]
            self.count += 1

        def sample(self, n):
            batch = {{}}
            slots = np.random.randint(0, min(self.count, self.size), n)
            for key in self.columns.keys():
                batch[key] = self.columns[key][slots]
            return batch

    def train(worker, net, target, args):
        episodes = Episodes(args, 5000)
        while True:
            episodes.put(worker.episode())
            batch = episodes.sample(32)
            ahead = (1 - batch["terminated"]) * target.predict(batch["o_next"]).max(1)
            net.fit(batch["o"], batch["r"] + 0.99 * ahead)

    train(make_worker(), make_net(), make_net(), read_arguments())
"""


def test_a_batch_is_made_column_by_column_whichever_of_two_sets_of_many_there_is(project):
    few = ("o", "u", "r", "o_next", "terminated", "padded")
    many = (*few, "s", "s_next", "u_onehot", "avail_u", "avail_u_next")
    made = [
        ", ".join(f'"{name}": np.empty([size, {width}])' for name in names) for names, width in ((few, 1), (many, 2))
    ]
    (buffer,) = project(MANY_COLUMNS.format(few=made[0], many=made[1])).buffers
    assert buffer.kind == UNIFORM


SUM_TREE = """
    import random
    import numpy as np

    class Tree:
        def __init__(self, size):
            self.size, self.at = size, 0
            self.nodes, self.rows = np.zeros(2 * size - 1), [None] * size

        def add(self, priority, row):
            self.rows[self.at] = row
            self.update(self.at + self.size - 1, priority)
            self.at = (self.at + 1) % self.size

        def update(self, at, priority):
            change = priority - self.nodes[at]
            self.nodes[at] = priority
            while at:
                at = (at - 1) // 2
                self.nodes[at] += change

        def get(self, s):
            at = 0
            while 2 * at + 1 < len(self.nodes):
                left = 2 * at + 1
                if s <= self.nodes[left]:
                    at = left
                else:
                    s -= self.nodes[left]
                    at = left + 1
            return self.rows[at - self.size + 1]

    class Memory:
        def __init__(self, size):
            self.tree = Tree(size)

        def store(self, error, state, action, reward, next_state, done):
            self.tree.add(abs(error), (state, action, reward, next_state, done))

        def sample(self, n):
            rows, total = [], self.tree.nodes[0]
            part = int(total / n)
            for i in range(n):
                {drawn}
            return rows
"""
_TOLD = "{}\n                rows.append(self.tree.get(s))"


@pytest.mark.parametrize(
    "drawn",
    [
        "s = random.randint(i * part, (i + 1) * part)",
        "s = np.random.randint(i * part, (i + 1) * part)",
        "s = random.randrange(int(total))",
        "low = i * part\n                high = low + part\n                s = random.randint(low, high)",
        "s = random.choice(range(i * part, (i + 1) * part))",
        "s = random.sample(range(i * part, (i + 1) * part), 1)[0]",
    ],
)
def test_whole_numbers_are_searched_for_among_sums(project, kinds, drawn):
    assert kinds(project(SUM_TREE.replace("{drawn}", _TOLD.format(drawn)))) == [PRIORITISED]


@pytest.mark.parametrize(
    ("drawn", "found"),
    [
        ("total = len(self.tree.rows); rows.append(self.tree.rows[random.randrange(total)])", [UNIFORM]),
        ("rows.append(self.tree.rows[random.randrange(self.tree.size)])", [UNIFORM]),
        (_TOLD.format("s = random.randint(3, 9)"), []),
    ],
)
def test_whole_numbers_that_are_positions_are_no_sums(project, kinds, drawn, found):
    assert kinds(project(SUM_TREE.replace("{drawn}", drawn))) == found


@pytest.mark.parametrize(
    "made", ["np.random.rand(states, actions, atoms)", "np.random.uniform(size=(states, actions, atoms))"]
)
def test_a_table_of_random_numbers_is_none_that_is_searched_for(project, made):
    graph = project(f"""
    import random

    import numpy as np


    class Returns:
        def __init__(self, states, actions, atoms, past):
            self.odds, self.past = {made}, past
            self.odds = self.odds / self.odds.sum(axis=-1)[..., None]

        def worst(self, state, level):
            below = np.cumsum(self.odds[state], axis=-1)
            return np.argmax(below > np.random.uniform(0, level), axis=-1)

        def learn(self):
            for state, action, reward, ahead, done in self.past.some(32):
                goal = self.goal(reward, ahead, done)
                while goal[0] < self.odds[state, action, 0]:
                    self.odds[state, action] -= 0.1 * (self.odds[state, action] - goal)

        def goal(self, reward, ahead, done):
            return reward + (1 - done) * 0.99 * self.odds[ahead].max(axis=0)


    class Past:
        def __init__(self):
            self.rows = []

        def add(self, state, action, reward, ahead, done):
            self.rows.append((state, action, reward, ahead, done))

        def some(self, n):
            return random.sample(self.rows, n)


    def play(env, steps):
        past = Past()
        returns = Returns(40, 4, 51, past)
        state = env.reset()
        for _ in range(steps):
            action = returns.worst(state, 0.25)
            ahead, reward, done, _ = env.step(action)
            past.add(state, action, reward, ahead, done)
            returns.learn()
            state = env.reset() if done else ahead
    """)
    assert [buffer.kind for buffer in graph.buffers] == [UNIFORM]


@pytest.mark.parametrize("drawn", ["rand(n)", "rand(n, 1, 1)", "rand(lanes, n)", "uniform(0, 1, (lanes, n))"])
def test_batches_of_random_numbers_are_searched_for(project, drawn):
    graph = project(f"""
    import numpy as np


    class Past:
        def __init__(self, size):
            self.rows, self.ratings = [], []

        def add(self, state, action, reward, ahead, done):
            self.rows.append((state, action, reward, ahead, done))
            self.ratings.append(1.0)

        def some(self, n, lanes):
            sums = np.cumsum(self.ratings)
            found = np.searchsorted(sums, np.random.{drawn} * sums[-1]).reshape(-1)
            return [self.rows[at] for at in found]
    """)
    assert [buffer.kind for buffer in graph.buffers] == [PRIORITISED]
