"""The way of transitions from a buffer to a loss."""

import pytest

from per_audit.graph import PRIORITISED, UNIFORM, pipelines

MEMORY = """
    import random

    class Memory:
        def __init__(self):
            self.rows = []

        def push(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))

        def sample(self, n):
            return random.sample(self.rows, n)
"""
TRAIN = """
    from memory import Memory

    def step(net, batch):
        {learn}

    def learn(net, memory):
        batch = memory.sample(8)
        step(net, batch)

    def evaluate(net, memory):
        return net(1)

    def train(env, net):
        memory = Memory()
        state, reward, done = env.reset(), 0, False
        memory.push(state, 0, reward, state, done)
        learn(net, memory)
"""
LEARN = "net(batch).mean().backward()"


@pytest.fixture
def linked(project):
    def make(learn=LEARN):
        graph = project(memory=MEMORY, train=TRAIN.replace("{learn}", learn))
        (buffer,) = graph.buffers
        return graph, buffer

    return make


@pytest.mark.parametrize(
    ("learn", "known"),
    [
        (LEARN, True),
        ("net.fit(batch, 0)", True),
        ("net.opt.minimize(batch)", True),
        ("import jax\n        return jax.value_and_grad(net)(batch)", True),
        ("net.predict(batch)", False),
        ("fit(batch)", False),
    ],
)
def test_the_calls_that_train_on_a_batch(linked, learn, known):
    graph, buffer = linked(learn)
    sites = pipelines.learning_sites(graph, buffer)
    assert bool(sites) is known
    assert {getattr(site.function, "name", None) for site in sites} <= {"step"}


def test_functions_beside_the_way_do_not_train(linked):
    graph, buffer = linked()
    names = {getattr(function, "name", None) for function in pipelines.training_functions(graph, buffer)}
    assert {"sample", "learn", "step"} <= names
    assert "evaluate" not in names


def test_the_chain_has_each_part_once_and_in_order(linked):
    graph, buffer = linked()
    links = pipelines.chain(graph, buffer)
    assert [link.role for link in links] == ["made", "stored", "drawn", "sampled", "learnt"]
    assert [link.place.path for link in links] == ["train.py", "memory.py", "memory.py", "train.py", "train.py"]


@pytest.mark.parametrize(
    ("last", "note"), [("return rows", "a batch is requested here"), ("net.fit(rows)", "what draws")]
)
def test_a_batch_is_requested_of_what_gives_one(project, last, note):
    graph = project(f"""
    import random

    def learn(net):
        rows = random.sample(ROWS, 32)
        {last}

    def train(env, net):
        while True:
            state, action, reward, next_state, done = env.transition()
            ROWS.append((state, action, reward, next_state, done))
            net.fit(learn(net))

    ROWS = []
    """)
    (buffer,) = graph.buffers
    (link,) = [link for link in pipelines.chain(graph, buffer) if link.role == "sampled"]
    assert link.note.startswith(note)


def test_very_many_links_of_a_role_are_counted(project):
    draws = "\n".join(f"        memory.sample({number})" for number in range(9))
    graph = project(
        memory=MEMORY,
        train=f"""
    from memory import Memory

    def train(memory: Memory):
        memory.push(1, 2, 3.0, 4, False)
{draws}

    train(Memory())
    """,
    )
    (buffer,) = graph.buffers
    sampled = [link for link in pipelines.chain(graph, buffer) if link.role == "sampled"]
    assert len(sampled) == 6
    assert sampled[-1].note.endswith("(3 more)")
    assert not sampled[0].note.endswith("more)")


def test_descriptions_are_in_order_of_their_places(project):
    graph = project(b=MEMORY, a=MEMORY.replace("Memory", "Other"))
    found = pipelines.describe(graph)
    assert [(entry["name"], entry["path"]) for entry in found] == [("Other", "a.py"), ("Memory", "b.py")]
    for entry in found:
        assert entry["kind"] == "uniform"
        assert entry["drawn"] == [{"path": entry["path"], "cell": None, "line": entry["line"]}]
        assert entry["roles"] == sorted(entry["roles"])


def test_the_files_that_draw_at_their_top_level(project):
    graph = project(memory=MEMORY, run="from memory import Memory\nm = Memory()\nm.sample(3)\n")
    (buffer,) = graph.buffers
    assert pipelines.modules_that_draw(buffer) == {"run.py"}
    graph = project(
        """
        import random

        rows, state = [], env.reset()
        for _ in range(100):
            next_state, reward, done, info = env.step(0)
            rows.append((state, 0, reward, next_state, done))
        random.sample(rows, 3)
        """
    )
    (script,) = graph.buffers
    assert pipelines.modules_that_draw(script) == {"main.py"}


def test_a_run_of_a_session_trains_where_it_is_asked_for_what_a_minimisation_made(project):
    graph = project(
        """
        import tensorflow as tf

        class Agent:
            def __init__(self, session):
                self.session = session
                self.states = tf.placeholder(tf.float32, [None, 4])
                self.values = tf.layers.dense(self.states, 2)
                self.loss = tf.reduce_mean(self.values)
                self.train_step = tf.train.AdamOptimizer(1e-3).minimize(self.loss)

            def act(self, state):
                return self.session.run(self.values, feed_dict={self.states: [state]}).argmax()

            def learn(self, states):
                _, loss = self.session.run([self.train_step, self.loss], feed_dict={self.states: states})
                return loss
        """
    )
    learns = {f.name for f in graph.project.class_of if getattr(f, "name", "") and graph.learns(f)}
    assert learns == {"__init__", "learn"}


OWN = """
    import numpy as np
    import sklearn.cluster
    from sklearn.decomposition import PCA
    from sklearn.ensemble import ExtraTreesRegressor

    class Axes:
        def fit(self, rows):
            self.axes = np.linalg.svd(rows)[2]
            return self

        def transform(self, rows):
            return rows @ self.axes.T

        def fitted(self, rows):
            self.fit(rows)
            return self.transform(rows)

    class Values:
        def fit(self, states, goals):
            self.weights = np.linalg.lstsq(states, goals)[0]

        def predict(self, states):
            return states @ self.weights

    def look(rows, goals, net):
        {call}
"""


@pytest.mark.parametrize(
    ("call", "learns"),
    [
        ("Axes().fit(rows)", False),
        ("PCA(2).fit(rows)", False),
        ("sklearn.cluster.KMeans(4).fit(rows)", False),
        ("Values().fit(rows, goals)", True),
        ("ExtraTreesRegressor().fit(rows, goals)", True),
        ("net.fit(rows, goals)", True),
    ],
)
def test_a_fit_that_finds_how_rows_lie_learns_nothing_from_them(project, call, learns):
    graph = project(OWN.format(call=call))
    (look,) = (function for function in graph.project.functions if function.name == "look")
    assert graph.learns(look) is learns


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ("Memory()", ["Memory is made here"]),
        ("maker()", ["what Memory stores in is made here"]),
    ],
)
def test_a_class_that_nothing_makes_is_not_said_to_be_made(project, made, told):
    graph = project(f"""
    import random

    class Memory:
        def __init__(self):
            self.rows = []

        def add(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))

        def sample(self, n):
            return random.sample(self.rows, n)

    def train(maker, env):
        memory = {made}
        memory.add(*env.transition())
        return memory.sample(8)
    """)
    (buffer,) = graph.buffers
    assert [link.note for link in pipelines.chain(graph, buffer) if link.role == "made"] == told


@pytest.mark.parametrize(
    ("returned", "known"),
    [("memory.sample(8)", True), ("[memory.sample(8)]", True), ("memory", False)],
)
def test_who_asks_for_a_batch_through_a_function_trains_beside_one_who_draws_it(project, returned, known):
    train = (
        TRAIN.replace("{learn}", LEARN)
        + f"""
    def drawn(memory):
        print(len(memory.sample(8)))
        return {returned}

    def teach(net, memory):
        net(drawn(memory)).mean().backward()

    def both(net):
        teach(net, Memory())
    """
    )
    (buffer,) = (graph := project(memory=MEMORY, train=train)).buffers
    names = {getattr(function, "name", None) for function in pipelines.training_functions(graph, buffer)}
    assert {"learn", "step", "drawn"} <= names
    assert ("teach" in names) is known
    assert "both" not in names


def test_the_links_of_a_uniform_memory_are_not_those_of_a_switch_to_a_prioritised_one(project):
    memories = """
    import random
    import numpy as np

    class Even:
        def __init__(self, size):
            self.rows = []

        def add(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))

        def sample(self, n):
            return random.sample(self.rows, n)

    class Ranked(Even):
        def __init__(self, size):
            super().__init__(size)
            self.mass = np.ones(size)

        def sample(self, n):
            p = self.mass[: len(self.rows)] / self.mass[: len(self.rows)].sum()
            return [self.rows[i] for i in np.random.choice(len(self.rows), n, p=p)]
    """
    learn = """
    def learn(env, fit, by_rank):
        if by_rank:
            memory = Ranked(100)
        else:
            memory = Even(100)
        run(env, memory, fit)
        fit(memory.sample(32))

    def run(env, memory, fit):
        state = env.reset()
        action = env.action_space.sample()
        next_state, reward, done, _ = env.step(action)
        memory.add(state, action, reward, next_state, done)
    """
    plain = """
    from memories import Even
    from learn import run

    def plain(env, fit):
        memory = Even(50)
        run(env, memory, fit)
        fit(memory.sample(16))
    """
    graph = project(memories=memories, learn="    from memories import Even, Ranked\n" + learn, plain=plain)
    links = {b.kind: [link for link in graph.chain(b) if link.role in ("made", "sampled")] for b in graph.buffers}
    assert {link.place.path for link in links[UNIFORM]} == {"plain.py"}
    assert {link.place.path for link in links[PRIORITISED]} == {"learn.py"}
