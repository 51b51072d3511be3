"""Networks of a project's own: which of its calls and functions learn."""

import pytest

MEMORY = """
    import random
    class Memory:
        def __init__(self):
            self.rows = []
        def add(self, s, a, r, s2, done):
            self.rows.append((s, a, r, s2, done))
        def sample(self, n):
            return random.sample(self.rows, n)
"""
LAYERS = """
    import numpy as np
    class Layer:
        def __init__(self, n, m):
            self.w, self.b = np.random.randn(n, m), np.zeros(m)
        def ahead(self, x):
            self.x = x
            return x @ self.w + self.b
        def behind(self, g):
            self.gw, self.gb = self.x.T @ g, g.sum(axis=0)
            return g @ self.w.T
    class Net:
        def __init__(self, sizes):
            self.layers = [Layer(n, m) for n, m in sizes]
        def __call__(self, x):
            for layer in self.layers:
                x = layer.ahead(x)
            return x
        def propagate(self, g):
            for layer in reversed(self.layers):
                g = layer.behind(g)
            self.apply()
        def apply(self):
            for layer in self.layers:
                {move}
        def follow(self, other, share, rows):
            for mine, its in zip(self.layers, other.layers):
                mine.w += share * (its.w - mine.w)
                mine.b = mine.b + share * (its.b - mine.b)
"""
STEP = "layer.w -= 0.01 * layer.gw"
LOOP = "for p, g in ((layer.w, layer.gw), (layer.b, layer.gb)):\n                    p -= 0.01 * g"
MAIN = """
    import numpy as np
    from memory import Memory
    from net import Net
    class Agent:
        def __init__(self):
            self.memory, self.net, self.old = Memory(), Net([(4, 2)]), Net([(4, 2)])
        def teach(self):
            s, a, r, s2, done = map(np.array, zip(*self.memory.sample(8)))
            q = self.net(s)
            g = np.zeros_like(q)
            g[np.arange(8), a] = q[np.arange(8), a] - r - self.old(s2).max(axis=1)
            {learn}
        def run(self, env):
            self.memory.add(*env.now())
            self.teach()
    Agent().run(read())
"""
PROPAGATE = "self.net.propagate(g)"


def learning(graph):
    return {graph.source(graph.path_of(node), node) for node in graph.events.own_steps}


def test_what_leads_from_rows_that_were_drawn_to_weights_learns(project):
    for move in (STEP, LOOP, "layer.w = layer.w - 0.01 * layer.gw", "layer.w[:] -= 0.01 * layer.gw"):
        graph = project(MAIN.format(learn=PROPAGATE), memory=MEMORY, net=LAYERS.format(move=move))
        assert learning(graph) == {PROPAGATE}
        (teach,) = (each for each in graph.project.functions if each.name == "teach")
        assert graph.learns(teach)
        assert not any(graph.learns(each) for each in graph.project.functions if each.name in ("run", "follow"))


@pytest.mark.parametrize(
    ("learn", "move"),
    [
        (PROPAGATE, "layer.w = 0.01 * layer.gw"),  # forgets what was there
        (PROPAGATE, "layer.count += 1"),
        ("self.net.propagate(np.zeros((8, 2)))", STEP),  # nothing that was drawn
        ("self.net.follow(self.old, 0.1, g)", "layer.count += 1"),  # a copy
        ("print(g)", STEP),
    ],
)
def test_what_does_not(project, learn, move):
    graph = project(MAIN.format(learn=learn), memory=MEMORY, net=LAYERS.format(move=move))
    assert not learning(graph)
    (teach,) = (each for each in graph.project.functions if each.name == "teach")
    assert not graph.learns(teach)


def test_a_network_in_a_dictionary_that_a_function_moves(project):
    graph = project(
        """
        import numpy as np
        from memory import Memory
        memory = Memory()
        net = {"w": np.random.randn(4, 2)}
        def ahead(net, s):
            return np.dot(s, net["w"])
        def move(net, grads):
            for key in net:
                net[key] -= 0.01 * grads[key]
        def teach():
            s, a, r, s2, done = map(np.array, zip(*memory.sample(8)))
            error = ahead(net, s) - r
            move(net, {"w": s.T.dot(error)})
        memory.add(1, 2, 3, 4, 5)
        teach()
        """,
        memory=MEMORY,
    )
    assert learning(graph) == {'move(net, {"w": s.T.dot(error)})'}


def test_a_function_that_does_it_all(project):
    graph = project(
        """
        import numpy as np
        from memory import Memory
        class Agent:
            def __init__(self):
                self.memory, self.w, self.seen = Memory(), np.zeros((4, 2)), 0
            def teach(self):
                s, a, r, s2, done = map(np.array, zip(*self.memory.sample(8)))
                error = s @ self.w - r
                self.w -= 0.01 * s.T @ error
                self.seen += 1
        agent = Agent()
        agent.memory.add(1, 2, 3, 4, 5)
        agent.teach()
        """,
        memory=MEMORY,
    )
    assert not learning(graph)
    (teach,) = graph.events.own_learners
    assert graph.learns(teach)
    assert teach.name == "teach"


def test_the_state_of_an_environment_is_no_network(project):
    graph = project(
        """
        import numpy as np
        class World:
            def __init__(self):
                self.m, self.now = np.eye(4), np.random.uniform(-1, 1, 4)
            def step(self, action):
                self.now = self.now + 0.1 * (self.m @ self.now)
                return self.now
        world = World()
        world.step(np.random.randint(4))
        """
    )
    assert not learning(graph)
    assert not graph.events.own_learners


@pytest.mark.parametrize(
    ("made", "key", "learns"),
    [("{}", "tuple(state)", False), ("{}", '"head"', True), ("np.zeros((4, 9))", "action", True)],
)
def test_what_is_kept_for_each_state_is_a_table(project, made, key, learns):
    graph = project(
        f"""
        import numpy as np
        from memory import Memory
        memory, held = Memory(), {made}
        class Values:
            def __init__(self):
                self.of = held
            def best(self, state, action, w):
                return np.dot(self.of[{key}], w)
            def teach(self, w):
                state, action, r, s2, done = memory.sample(1)[0]
                error = r - self.best(state, action, w)
                self.of[{key}][:] += 0.1 * error
        memory.add(1, 2, 3, 4, 5)
        Values().teach(1)
        """,
        memory=MEMORY,
    )
    (teach,) = (each for each in graph.project.functions if each.name == "teach")
    assert graph.learns(teach) == learns
