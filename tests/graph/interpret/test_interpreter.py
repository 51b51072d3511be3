"""What the interpreter knows of small programs."""

import pytest

from per_audit.graph import PRIORITISED, UNIFORM
from per_audit.graph.interpret.entries import Entries
from per_audit.graph.interpret.interpreter import Interpreter
from per_audit.graph.interpret.values import Alloc, Drawn, Instance, Item, Literal, TupleOf

STORE = """
    import random
    import numpy as np
    from collections import deque, namedtuple

    Row = namedtuple("Row", "state action reward next_state done")


    class Memory:
        def __init__(self, size):
            self.rows = deque(maxlen=size)

        def add(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))

        def sample(self, n):
            return random.sample(self.rows, n)
"""


def draws(graph):
    return {graph.source(draw.path, draw.node): draw for draw in graph.events.draws.values()}


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("s, a, r, s2, d = zip(*memory.sample(8))\n        use(r)", "r"),
        ("for s, a, r, s2, d in memory.sample(8):\n            use(r)", "r"),
        ("got = memory.sample(8)\n        for row in got:\n            use(row[2])", "row[2]"),
        ("x = [row[2] for row in memory.sample(8)]\n        use(np.array(x))", "np.array(x)"),
        ("self.batch = memory.sample(8)\n        for s, a, r, s2, d in self.batch:\n            use(r)", "r"),
        ("rows = np.array(memory.sample(8), dtype=object)\n        use(rows[:, 2])", "rows[:, 2]"),
        ("s, *rest = random.choice(memory.rows)\n        use(s)", "s"),
        ("r = map(lambda row: row[2], memory.sample(8))\n        use(list(r))", "list(r)"),
        ("for row in filter(lambda row: row[4], memory.sample(8)):\n            use(row[2])", "row[2]"),
    ],
)
def test_drawn_fields_are_followed_through_unpacking(project, value_of, body, name):
    graph = project(
        STORE
        + f"""

    class Agent:
        def learn(self, memory: Memory, use):
            {body.replace(chr(10) + "    ", chr(10) + "        ")}


    memory = Memory(100)
    memory.add(1, 2, 3.0, 4, False)
    Agent().learn(memory, print)
    """
    )
    value = value_of(graph, name)
    assert value.tagged("draw") & {draw.node for draw in graph.events.draws.values()}
    if name == "r":
        assert "reward" in value.roles


@pytest.mark.parametrize(
    ("returned", "taken"),
    [
        ("return states, rewards, picked", "s, r, i = memory.draw(4)"),
        ("batch = states, rewards, picked\n            return batch", "got = memory.draw(4)\n    s, r, i = got"),
        ("return dict(s=states, r=rewards, i=picked)", "g = memory.draw(4)\n    s, r, i = g['s'], g['r'], g['i']"),
        ("return {'s': states, 'r': rewards, 'i': picked}", "g = memory.draw(4)\n    s, r, i = g['s'], g['r'], g['i']"),
        ("out = {'s': states}\n            out['r'], out['i'] = rewards, picked\n            return out",
         "g = memory.draw(4)\n    s, r, i = g['s'], g['r'], g['i']"),
        ("return Triple(states, rewards, picked)", "g = memory.draw(4)\n    s, r, i = g.s, g.r, g.i"),
        ("return Triple(**{'s': states, 'r': rewards, 'i': picked})", "s, r, i = memory.draw(4)"),
        ("return self.pack(states, rewards, picked)", "s, r, i = memory.draw(4)"),
        ("yield states, rewards, picked", "s, r, i = next(memory.draw(4))"),
    ],
)  # fmt: skip
def test_the_return_map_of_a_draw(project, value_of, returned, taken):
    graph = project(f"""
    import numpy as np
    from collections import namedtuple

    Triple = namedtuple("Triple", ["s", "r", "i"])


    class Ring:
        def __init__(self):
            self.states, self.rewards = np.zeros((9, 3)), np.zeros(9)

        def pack(self, *parts):
            return parts

        def draw(self, n):
            picked = np.random.randint(0, 9, size=n)
            states, rewards = self.states[picked], self.rewards[picked]
            {returned}


    memory = Ring()
    {taken}
    print(s, r, i)
    """)
    (draw,) = graph.events.draws
    assert value_of(graph, "i").tagged("index") == {draw}
    assert value_of(graph, "r").tagged("draw") == {draw}
    assert not value_of(graph, "r").tagged("index")
    assert {(gather.container.kind, draw in gather.draws) for gather in graph.events.gathers.values()} == {
        ("array", True)
    }


def test_an_element_of_a_draw_keeps_its_identity_until_it_is_computed_with(project, value_of):
    graph = project("""
    import random

    rows = []
    rows.append((1, 2.0))
    batch = random.sample(rows, 4)
    row = batch[0]
    other = row + 1
    """)
    (draw,) = graph.events.draws
    assert Drawn(draw) in value_of(graph, "batch").atoms
    assert Item(draw) in value_of(graph, "batch[0]").atoms
    assert Item(draw) not in value_of(graph, "row + 1").atoms
    assert value_of(graph, "row + 1").tagged("draw") == {draw}


@pytest.mark.parametrize("first", ["draw", "keep"])
def test_what_a_row_at_a_drawn_position_is_unpacked_into_was_drawn_whatever_is_run_first(project, value_of, first):
    keep = """
    def keep(at, state, action, reward):
        ROWS[at] = (state, action, reward)
    """
    draw = """
    def draw(count):
        for at in np.random.randint(0, count, 4):
            s, a, r = ROWS[at]
            print(r, s)
    """
    graph = project(
        f"""
    import numpy as np

    ROWS = [None] * 100
    {draw if first == "draw" else keep}
    {keep if first == "draw" else draw}
    """
    )
    (drawn,) = graph.events.draws
    assert value_of(graph, "r").tagged("draw") == {drawn}
    assert value_of(graph, "s").tagged("draw") == {drawn}


def test_calls_across_files_through_attributes_and_inheritance(project):
    graph = project(
        base="""
        class Base:
            def __init__(self, memory):
                self.memory = memory

            def batch(self):
                return self.memory.sample(4)
        """,
        memory=STORE,
        agent="""
        from base import Base


        class Agent(Base):
            def __init__(self, memory):
                super().__init__(memory)

            def learn(self):
                s, a, r, s2, d = zip(*self.batch())
                return r
        """,
        main="""
        from agent import Agent
        from memory import Memory

        agent = Agent(Memory(10))
        agent.memory.add(0, 1, 2.0, 3, False)
        agent.learn()
        """,
    )
    (buffer,) = graph.buffers
    assert buffer.kind == UNIFORM
    assert graph.name_of(buffer) == "Memory"
    assert [site.path for site in buffer.instances] == ["main.py"]
    assert [site.path for site in buffer.samples] == ["base.py"]


def test_closures_and_globals_are_seen(project, value_of):
    graph = project("""
    memory = []


    def outer(limit):
        def inner():
            return limit

        return inner()


    def fill():
        global memory
        memory = [1, 2, 3, 4]


    result = outer(7)
    fill()
    print(result)
    print(memory)
    """)
    assert value_of(graph, "result").literal() == 7
    assert any(isinstance(atom, (Alloc, TupleOf)) for atom in value_of(graph, "memory").atoms)


def test_recursion_and_import_cycles_end(project):
    graph = project(
        first="from second import g\n\n\ndef f(n, x):\n    return g(n - 1, (x, x)) if n else x\n",
        second="from first import f\n\n\ndef g(n, x):\n    return f(n - 1, [x]) if n else x\n",
        main="from first import f\n\nprint(f(10, 1))\n",
    )
    assert graph.buffers == []


def test_constants_are_folded(project, value_of):
    graph = project("a = 10\nb = int(1e3) * a + 2 ** 3\nc = -b\n")
    assert value_of(graph, "-b").literal() == -10008
    assert value_of(graph, "2 ** 3").atoms == {Literal(8)}


@pytest.mark.parametrize(
    ("weights", "is_weight"),
    [
        ("(n * p) ** -beta", True),
        ("np.power(n * p, -self.beta)", True),
        ("pow(n * p, -self.beta)", True),
        ("pow(n * p, 2)", False),
        ("1 / (n * p) ** beta", True),
        ("(p.min() / p) ** beta", True),
        ("p ** 0.6", False),
        ("p ** -1", False),
    ],
)
def test_importance_weights_are_known_by_their_form(project, value_of, weights, is_weight):
    graph = project(f"""
    import numpy as np


    class Memory:
        def weigh(self, p, n, beta):
            return {weights}
    """)
    assert bool(value_of(graph, weights).tagged("isw")) == is_weight


@pytest.mark.parametrize("made", ["[]", "deque()"])
def test_an_array_of_what_collects_weights_holds_weights(project, value_of, made):
    graph = project(f"""
    from collections import deque
    import numpy as np


    class Memory:
        def weigh(self, p, n, beta):
            weights = {made}
            for each in p:
                weights.append((n * each) ** -beta)
            return np.array(weights)
    """)
    assert value_of(graph, "np.array(weights)").tagged("isw")


def test_a_gate_or_an_order_of_files_changes_nothing(project):
    user = "from memory import Memory\n\nmemory = Memory(5)\nmemory.add(1, 2, 3.0, 4, False)\nlearn(memory.sample(2))\n"
    one = project(memory=STORE, a_user=user)
    two = project(z_user=user, memory=STORE)
    assert [(b.kind, b.path, b.roles) for b in one.buffers] == [(b.kind, b.path, b.roles) for b in two.buffers]
    assert one.buffers


def test_a_sum_tree_is_a_prioritised_draw(project):
    graph = project("""
    import random


    class Tree:
        def __init__(self, size):
            self.sums, self.rows, self.size, self.at = [0.0] * (2 * size), [None] * size, size, 0

        def add(self, priority, row):
            self.rows[self.at] = row
            self.sums[self.at + self.size] = priority

        def find(self, mass):
            node = 1
            while node < self.size:
                node *= 2
                if mass > self.sums[node]:
                    mass -= self.sums[node]
                    node += 1
            return self.rows[node - self.size]


    class Memory:
        def __init__(self):
            self.tree = Tree(8)

        def add(self, state, action, reward, next_state, done):
            self.tree.add(1.0, (state, action, reward, next_state, done))

        def sample(self):
            return self.tree.find(random.uniform(0, self.tree.sums[1]))


    memory = Memory()
    memory.add(1, 2, 3.0, 4, False)
    state, action, reward, next_state, done = memory.sample()
    """)
    (buffer,) = graph.buffers
    assert buffer.kind == PRIORITISED
    assert {"reward", "next", "done"} <= buffer.roles


@pytest.mark.parametrize(
    "wrap",
    ["wrap = lambda *args, **kwargs: to_device(*args, **kwargs)", "def wrap(*args):\n    return to_device(*args)"],
)
def test_arguments_that_are_handed_on_keep_what_is_known_of_them(project, value_of, wrap):
    graph = project(f"import numpy as np\n{wrap}\nslots = np.random.randint(0, 5, 3)\nwrap(slots)\n")
    assert value_of(graph, "wrap(slots)").tagged("index") == set(graph.events.draws)


def test_a_tensor_of_a_list_keeps_what_is_known_of_its_items(project, value_of):
    graph = project("""
        import numpy as np
        import torch

        slots = []
        for _ in range(3):
            slots.append(np.random.randint(0, 5))
        torch.FloatTensor(slots)
    """)
    assert value_of(graph, "torch.FloatTensor(slots)").tagged("index") == set(graph.events.draws)


def test_a_network_that_is_moved_to_a_device_stays_itself(project, value_of):
    graph = project(
        """
        import torch.nn as nn

        class Net(nn.Module):
            def forward(self, x):
                return x

        net = Net().to("cuda").eval()
        other = net.parameters()
        """
    )
    (network,) = value_of(graph, 'Net().to("cuda").eval()').atoms
    assert network.node.name == "Net"
    assert network not in value_of(graph, "net.parameters()").atoms


def test_equal_tags_are_one_set_in_a_linked_project(project):
    drawn = "\n".join(f"n{i} = random.sample(rows, {i})" for i in range(2, 22))
    used = "\n".join(f"x{i} = (n{i}, y)" for i in range(2, 22))
    total = " + ".join(f"n{i}[0]" for i in range(2, 22))
    graph = project(f"import random\nrows = []\n{drawn}\ny = {total}\n{used}\n")
    large = [value.tags for value in graph.events.values.values() if len(value.tags) > 10]
    assert len(large) > 20
    assert len({id(tags) for tags in large}) == len(set(large))


def test_a_lambda_that_is_called_again_sees_what_has_changed_since(project, value_of):
    graph = project("""
        class Box:
            held = 1

        box = Box()
        get = lambda: box.held
        get()
        box.held = 2
        get()
    """)
    assert value_of(graph, "get()").atoms == {Literal(1), Literal(2)}


def test_lambdas_that_call_each_other_twice_are_not_run_once_for_each_way(project, monkeypatch):
    called = []
    call = Interpreter.call_function

    def counted(self, func, arguments, depth):
        called.append(func)
        return call(self, func, arguments, depth)

    monkeypatch.setattr(Interpreter, "call_function", counted)
    steps = "".join(f"f{n} = lambda: f{n - 1}() + f{n - 1}()\n" for n in range(1, 9))
    project(f"f0 = lambda: 1\n{steps}f8()\n")
    assert 16 < len(called) < 3 * 20  # not two to the eighth


def test_an_object_holds_what_its_own_class_is_made_with(project):
    graph = project("""
    class Plain:
        def draw(self):
            return 1

    class Ranked:
        def draw(self):
            return 2

    class Agent:
        def __init__(self, memory):
            self.memory = memory

        def learn(self):
            return self.memory.draw()

    class RankedAgent(Agent):
        def learn(self):
            return self.memory.draw() + 1

    def main(ranked):
        agent = RankedAgent(Ranked()) if ranked else Agent(Plain())
        agent.learn()
    """)
    called = {
        site.function.start: {graph.project.class_of[func.node].name for func in site.targets}
        for site in graph.events.calls.values()
        if getattr(site.node.func, "attr", "") == "draw"
    }
    assert [called[at] for at in sorted(called)] == [{"Plain"}, {"Plain", "Ranked"}]


def test_what_a_module_in_a_circle_of_imports_gets_later_is_seen(project, value_of):
    graph = project(
        first="""
        import second

        def make():
            return []
        """,
        second="""
        from first import *

        made = make()
        """,
    )
    assert [type(atom) for atom in value_of(graph, "make()").atoms] == [Alloc]


ACTORS = """
    import ray
    from collections import deque
    from memory import Memory


    class Learner:
        def __init__(self, memory):
            self.memory = memory

        def learn(self, use):
            for s, a, r, s2, d in ray.get(self.memory.sample.remote(8)):
                use(r)


    {remote}
    memory = {made}(100)
    memory.add.options(num_returns=0).remote(1, 2, 3.0, 4, False)
    actor = ray.remote(num_cpus=1)(Learner).remote(memory)
    actor.learn.remote(print)
"""


@pytest.mark.parametrize(
    ("head", "remote", "made"),
    [
        ("import ray\n\n\n    @ray.remote", "", "Memory.remote"),
        ("import ray\n\n\n    @ray.remote(num_cpus=1)", "", "Memory.options(name='memory').remote"),
        ("", "Actor = ray.remote(Memory)", "Actor.remote"),
    ],
)
def test_objects_that_live_in_other_processes_are_those_of_their_class(project, value_of, head, remote, made):
    memory = STORE.replace("class Memory:", f"{head}\n    class Memory:")
    graph = project(memory=memory, main=ACTORS.format(remote=remote, made=made))
    (draw,) = graph.events.draws.values()
    assert ("draw", draw.node) in value_of(graph, "r").tags
    (buffer,) = graph.buffers
    assert [graph.source(site.path, site.node) for site in graph.callers[buffer.function]] == [
        "self.memory.sample.remote(8)"
    ]
    made_at = [graph.source(site.path, site.node) for site in graph.events.calls.values() if site.classes]
    assert f"{made}(100)" in made_at


def test_a_class_with_a_method_of_that_name_is_asked_itself(project, value_of):
    graph = project(
        """
        class Television:
            def remote(self, number):
                return number

            @classmethod
            def options(cls, number):
                return number


        one = Television.options(7)
        two = Television().remote(8)
        """
    )
    assert (
        value_of(graph, "Television.options(7)").literal(),
        value_of(graph, "Television().remote(8)").literal(),
    ) == (7, 8)


def test_what_a_cast_keeps_apart(project, value_of):
    """A container stays itself; a batch would bring its weights to all that is made of what a cast calls so."""
    graph = project(
        """
        from typing import Any, cast

        class Batch:
            pass

        rows = cast(list[int], [None] * 9)
        pair = cast(tuple[int, int], (1, 2))
        batch = cast(Any, Batch())
        use(rows, pair, batch)
        """
    )
    assert {type(atom) for atom in value_of(graph, "rows").atoms} == {Alloc}
    assert {type(atom) for atom in value_of(graph, "pair").atoms} == {TupleOf}
    assert not any(isinstance(atom, Instance) for atom in value_of(graph, "batch").atoms)


COMBINATORS = """
    def compose(outer, inner):
        return lambda x: outer(inner(x))

    def chain(h, g, f):
        return lambda x: h(g(f(x)))

    def fork(outer, a, b):
        return lambda x: outer(a(x), b(x))

    def fixed(function, value):
        return lambda x: function(x, value)

    def matching(function, target):
        return lambda x: function(x) == target

    def negated(function):
        return lambda x: not function(x)

    def shift(x, by=1):
        return x + by

    def program(x):
        a = compose(shift, negated(shift))
        b = chain(a, fixed(shift, 2), matching(a, 3))
        c = fork(shift, compose(a, b), chain(b, a, a))
        d = matching(negated(compose(c, fork(shift, a, c))), 4)
        return compose(chain(d, c, b), fork(shift, d, c))(x)
"""


def test_lambdas_that_call_what_they_are_given_are_not_followed_in_every_order(project, monkeypatch):
    calls = []
    bind = Entries.bind
    monkeypatch.setattr(Entries, "bind", lambda *args: calls.append(1) or bind(*args))
    project(COMBINATORS + "\n    program(1)\n")
    assert len(calls) < 5_000


@pytest.mark.parametrize(
    ("imported", "called"),
    [
        ("f'runs_{kind}'", {"runs_a", "runs_b"}),
        ("'runs_a'", {"runs_a"}),
        ("kind", {"runs_a", "runs_b"}),  # any that the file imports by a text
        ("'other'", {"other"}),
        ("'random'", set()),
    ],
)
def test_modules_that_are_imported_by_a_text_are_those_that_it_may_name(project, imported, called):
    runs = "def main(size):\n    use(size)\n"
    main = f"import importlib\nimportlib.import_module({imported}).main(3)\n"
    more = "for kind in ['a', 'b']:\n    path = importlib.import_module(f'runs_{kind}')\n" if imported == "kind" else ""
    graph = project(main + more, runs_a=runs, runs_b=runs, other=runs)
    (site,) = (site for site in graph.events.calls.values() if graph.source(site.path, site.node).endswith(".main(3)"))
    assert {graph.project.module_of[func.node].path.removesuffix(".py") for func in site.targets} == called
    sizes = {function: graph.interpreter.parameters.get((function, "size")) for function in graph.project.functions}
    assert {graph.project.module_of[each].path.removesuffix(".py") for each, size in sizes.items() if size} == called


@pytest.mark.parametrize(
    ("returned", "weights", "others"),
    [
        ("[np.array(c) for c in zip(*rows)] + [w, at]", True, False),
        ("tuple(np.array(c) for c in zip(*rows)) + (w, at)", True, False),
        ("[np.array(c) for c in zip(*rows)] + [at, w]", False, False),
        ("[states, actions] + [rewards, next_states, dones] + [w, at]", True, False),
    ],
)
def test_the_last_of_what_is_joined_to_columns_are_known(project, value_of, returned, weights, others):
    graph = project(f"""
    import numpy as np

    class Memory:
        def __init__(self):
            self.rows, self.p = [], []

        def sample(self, n, beta):
            w, p = np.empty(n), np.array(self.p) / sum(self.p)
            at = np.random.choice(len(self.rows), n, p=p)
            rows = [self.rows[i] for i in at]
            states, actions, rewards, next_states, dones = zip(*rows)
            for i in range(n):
                w[i] = (n * p[at[i]]) ** -beta
            return {returned}

    def train(net):
        memory = Memory()
        s, a, r, s2, d, w, at = memory.sample(8, 0.4)
        print(w + 0, s + 0)
    """)
    assert bool(value_of(graph, "w + 0").tagged("isw")) is weights
    assert bool(value_of(graph, "s + 0").tagged("isw")) is others


@pytest.mark.parametrize("given", ["", "1", "self.rows", "self.rows, 1", "1, 2, 3"])
@pytest.mark.parametrize(
    "call",
    ["np.multiply(*args)", "np.power(self.rows, *args)", "np.stack(*args, **options)", "self.rows.insert(*args)"],
)
def test_a_library_is_given_as_many_arguments_as_the_caller_has(project, call, given):
    text = f"""import numpy as np

class Memory:
    def __init__(self):
        self.rows = []

    def fill(self, *args, **options):
        self.rows.append({call})

    def go(self):
        self.fill({given})

Memory().go()
"""
    graph = project(text)
    assert any(store.how == "append" for store in graph.events.stores.values())


@pytest.mark.parametrize("made", ["np.asarray(*args, **options)", "torch.FloatTensor(*args)", "dict(rows=list(*args))"])
def test_what_a_wrapper_hands_on_is_still_what_was_drawn(project, value_of, made):
    text = f"""
    import random
    import numpy as np
    import torch

    rows = []
    wrapped = lambda *args, **options: {made}

    def learn(use):
        batch = wrapped(random.sample(rows, 8))
        use(batch)

    rows.append(1)
    learn(print)
    """
    graph = project(text)
    assert value_of(graph, "batch").tagged("draw")


@pytest.mark.parametrize(
    ("made", "sizes"),
    [
        ("partial(Memory, size=99)()", {99}),
        ("partial(Memory, size=99)(size=7)", {7}),
        ("partial(Memory, **{'size': 99})()", {99}),
        ("make(partial(Memory, size=99))", {99}),
        ("partial(make, Memory)()", set()),  # places are bound: what stands where is not told
        ("partial(unknown, size=99)()", set()),
    ],
)
def test_what_arguments_are_bound_to_is_called_with_them(project, made, sizes):
    graph = project(
        f"""
        from functools import partial

        class Memory:
            def __init__(self, size):
                self.size = size

        def make(cls):
            return cls()

        memory = {made}
        """
    )
    held = [value for (cls, name), value in graph.interpreter.attributes.items() if name == "size"]
    assert {atom.value for value in held for atom in value.atoms if isinstance(atom, Literal)} == sizes
