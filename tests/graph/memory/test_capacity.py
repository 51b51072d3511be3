"""Capacities that can be read."""

import pytest

from per_audit.graph.interpret.values import Alloc
from per_audit.graph.memory.capacity import capacity_of


def capacity(graph):
    stores = [s for s in graph.events.stores.values() if s.how in ("append", "index")]
    return capacity_of(graph, {store.container for store in stores if isinstance(store.container, Alloc)})


@pytest.mark.parametrize(
    ("made", "stored", "largest", "complete"),
    [
        ("deque(maxlen=500)", "m.append(1)", 500, True),
        ("deque([], LIMIT)", "m.append(1)", 2000, True),
        ("deque(maxlen=size)", "m.append(1)", None, False),
        ("np.zeros((300, 4))", "m[0] = 1", 300, True),
        ("np.zeros(2)", "m[0] = 1", 2, True),
        ("np.zeros(1)", "m[0] = 1", None, False),  # a number, and no memory of one transition
        ("[None] * 70", "m[0] = 1", 70, True),
        ("np.array([0] * 70, dtype=float)", "m[0] = 1", 70, True),
        ("np.array([0] * size)", "m[0] = 1", None, False),
        ("np.array([{} for _ in range(60)])", "m[0] = 1", 60, True),
        ("[None] * min(70, size)", "m[0] = 1", 70, True),
        ("[None] * min(size, 70, 60)", "m[0] = 1", 60, True),
        ("[]", "m.append(1)", None, False),
        ("[]", "m.append(1)\n    if len(m) > 900:\n        m.pop(0)", 900, True),
        ("deque(maxlen=500)", "m.append(1)\n    if len(m) > 900:\n        m.popleft()", 500, True),
        ("deque(maxlen=size)", "m.append(1)\n    if len(m) > 900:\n        m.popleft()", 900, False),
        ("[]", "if len(m) < 800:\n        m.append(1)", 800, True),
        ("[]", "if len(m) == 800:\n        m[0] = 1\n    else:\n        m.append(1)", 800, True),
        ("[]", "if len(m) == 800:\n        m.append(1)", None, False),
        ("[]", "if len(others) < 9:\n        m.append(1)", None, False),
        ("[]", "if n < 700:\n        m.append(1)\n        n += 1", 700, True),
        ("[]", "if n < 700:\n        m.append(1)\n    n += 1", None, False),
        ("[]", "m.append(1)\n    n += 1\n    if n > 700:\n        m.pop(0)", 700, True),
        ("[]", "m.append(1)\n    n += 2\n    if n > 700:\n        m.pop(0)", None, False),
        ("[]", "m.append(1)\n    n += 1\n    if n > 700:\n        n -= 1\n        m.pop(0)", 700, True),
        ("[]", "m.append([])\n    n += 1\n    if n > 700:\n        n -= len(m[0])\n        m.pop(0)", None, False),
        ("[]", "m.append(1)\n    k['n'] += 1\n    if k['n'] > 700:\n        m.pop(0)", 700, True),
        ("[]", "m.append(1)\n    k['n'] += 1\n    if k['o'] > 700:\n        m.pop(0)", None, False),
        ("[]", "m.append(1)\n    if n < 700:\n        m[n % 700] = 1", 700, True),
        ("[]", "m.append(1)\n    if n < size:\n        m[n % size] = 1", None, False),
        ("[]", "m.append(1)\n    m[0] = 1", None, False),
    ],
)
def test_what_the_container_is_made_with(project, made, stored, largest, complete):
    graph = project(
        "from collections import deque\nimport numpy as np\nLIMIT = 2000\n"
        f"def f(size):\n    m, others, n = {made}, [], 0\n    {stored}\n"
    )
    found = capacity(graph)
    assert (found.largest, found.complete) == (largest, complete)


@pytest.mark.parametrize(
    ("test", "largest"), [("if len(self.rows) < self.size:", 600), ("if len(self.others) < self.size:", None)]
)
def test_an_array_that_is_put_together_anew_while_there_is_room(project, test, largest):
    graph = project(f"""
    import numpy as np

    class Memory:
        def __init__(self, size):
            self.rows, self.others, self.size = np.array([(0, 0, 0, 0)]), [], size

        def push(self, state, action, reward, next_state):
            {test}
                self.rows = np.vstack((self.rows, (state, action, reward, next_state)))

    Memory(600).push(1, 2, 3, 4)
    """)
    assert capacity(graph).largest == largest


@pytest.mark.parametrize(
    "rounded",
    [
        "self.n = 1\n        while self.n < size:\n            self.n *= 2",
        "n = 1\n        while size > n:\n            n = 2 * n\n        self.n = n",
        "self.n = 1 << (size - 1).bit_length()",
        "self.n = 2 ** (size - 1).bit_length()",
        "self.n = int(2 ** np.ceil(np.log2(size)))",
    ],
)
def test_what_is_rounded_up_to_a_power_of_two(project, rounded):
    graph = project(
        "import numpy as np\nclass Tree:\n    def __init__(self, size):\n"
        f"        {rounded}\n        self.m = np.zeros(2 * self.n)\n    def put(self, at):\n        self.m[at] = 1\n"
        "tree = Tree(1000)\ntree.put(5)\n"
    )
    found = capacity(graph)
    assert (found.largest, found.complete) == (2048, True)


@pytest.mark.parametrize("step", ["self.n *= 3", "self.n += 2", "self.n *= 2\n            size += 1"])
def test_what_is_counted_up_in_another_way_is_not_known(project, step):
    graph = project(
        "import numpy as np\nclass Tree:\n    def __init__(self, size):\n        self.n = 1\n"
        f"        while self.n < size:\n            {step}\n        self.m = np.zeros(self.n)\n"
        "    def put(self, at):\n        self.m[at] = 1\ntree = Tree(1000)\ntree.put(5)\n"
    )
    assert not capacity(graph).complete


def test_the_largest_of_what_callers_pass(project):
    graph = project("""
        from collections import deque
        class Memory:
            def __init__(self, limit):
                self.rows = deque(maxlen=limit)
            def add(self, row):
                self.rows.append(row)
        small, large = Memory(10), Memory(int(1e5))
    """)
    assert capacity(graph).largest == 100_000
    assert capacity(graph).complete


def test_a_list_that_is_filled_beside_the_one_with_room(project):
    graph = project("""
        class Memory:
            def __init__(self, limit):
                self.rows, self.errors, self.limit = [], [], limit
            def add(self, row):
                if len(self.rows) < self.limit:
                    self.rows.append(row)
                    self.errors.append(1.0)
        memory = Memory(400)
    """)
    assert capacity(graph).is_at_most(400)


@pytest.mark.parametrize(("cut", "largest"), [("self.rows[-self.limit:]", 400), ("self.others[-300:]", None)])
def test_a_list_that_is_replaced_by_its_last_items(project, cut, largest):
    graph = project(f"""
        class Memory:
            def __init__(self, limit):
                self.rows, self.others, self.limit = [], [], limit
            def add(self, row):
                self.rows.append(row)
                self.rows = {cut}
        Memory(400).add(1)
    """)
    assert capacity(graph).largest == largest


def test_one_unknown_caller_makes_it_incomplete(project):
    graph = project("""
        from collections import deque
        class Memory:
            def __init__(self, limit):
                self.rows = deque(maxlen=limit)
            def add(self, row):
                self.rows.append(row)
        def build(config):
            return Memory(10), Memory(config.limit)
    """)
    assert capacity(graph).largest == 10
    assert not capacity(graph).is_at_most(10)


def test_the_default_of_a_command_line_option_can_be_read(project):
    graph = project("""
        import argparse
        from collections import deque
        parser = argparse.ArgumentParser()
        parser.add_argument("-m", "--memory-size", type=int, default=70_000)
        args = parser.parse_args()
        rows = deque(maxlen=args.memory_size)
        rows.append(1)
    """)
    assert capacity(graph).largest == 70_000
    assert not capacity(graph).complete


@pytest.mark.parametrize(
    ("declared", "read", "usual"),
    [
        ('flags.DEFINE_integer("size", 70_000, "rows")', "FLAGS.size", 70_000),
        ('flags.DEFINE_integer(name="size", default=70_000, help="rows")', "FLAGS.size", 70_000),
        ('SIZE = flags.DEFINE_integer("size", 70_000, "rows")', "SIZE.value", 70_000),
        ('SIZE = flags.DEFINE_integer("size", None, "rows")', "SIZE.value", None),
        ('flags.DEFINE_multi_integer("size", 70_000, "rows")', "FLAGS.size[0]", None),
        ('flags.DEFINE_integer("other", 70_000, "rows")', "FLAGS.size", None),
    ],
)
@pytest.mark.parametrize("library", ["from absl import flags", "import tensorflow as tf\nflags = tf.app.flags"])
def test_the_default_of_a_flag_can_be_read(project, library, declared, read, usual):
    settings = f"{library}\nFLAGS = flags.FLAGS\n{declared}\n"
    graph = project(f"from settings import *\nfrom collections import deque\nrows = deque(maxlen={read})\n"
                    "rows.append(1)\n", settings=settings)  # fmt: skip
    assert capacity(graph).usual == usual
    assert not capacity(graph).complete


PARSED = """
    import argparse

    def options():
        parser = argparse.ArgumentParser()
        parser.add_argument("--size", type=int, default={size})
        return parser.parse_args()
"""


@pytest.mark.parametrize("name", ["dqn__train", "td3__train", "dqn__other"])
def test_options_of_one_name_are_told_apart_by_the_files_that_are_imported(project, name):
    texts = {name: PARSED.format(size=70_000), "sac__train": PARSED.format(size=1_000_000)}
    reader = f"""
        from collections import deque
        from {name.partition("__")[2]} import options
        args = options()
        rows = deque(maxlen=args.size)
        rows.append(1)
    """
    graph = project(**texts, **{f"{name.partition('__')[0]}__run": reader})
    assert capacity(graph).largest == 70_000


def test_a_deque_holds_no_more_than_its_limit_however_much_a_script_puts_in(project):
    graph = project("from collections import deque\nm = deque(maxlen=40)\nfor i in range(900):\n    m.append(i)\n")
    found = capacity(graph)
    assert (found.largest, found.complete) == (40, True)


def test_options_of_one_name_are_those_of_the_file_that_reads_them(project):
    parser = "import argparse\nfrom shared import start\nparser = argparse.ArgumentParser()\n"
    read = parser + "parser.add_argument('--size', type=int, default={})\nargs = parser.parse_args()\n"
    store = "from collections import deque\nm = deque(maxlen=args.size)\nm.append(start)\n"
    graph = project(read.format(50) + store, shared="start = 0\n", two=read.format(9000))
    assert capacity(graph).usual == 50


@pytest.mark.parametrize(
    ("body", "largest"),
    [
        ("return (n,) if rest is None else (n, *rest)", 300),
        ("if rest is None:\n        return n\n    return (n,) + tuple(rest)", 300),
        ("return (*rest, n)", None),
        ("n = 2 * n\n    return (n, *rest)", None),
        ("return (n + 1, *rest)", None),
    ],
)
def test_a_shape_that_a_function_puts_together(project, body, largest):
    graph = project(
        "import numpy as np\n"
        f"def shape(n, rest=None):\n    {body}\n"
        "others = np.zeros(shape(900))\n"
        "m = np.zeros(shape(300, (4, 2)), dtype=np.float32)\nm[0] = 1\n"
    )
    assert capacity(graph).largest == largest


SETTINGS = """
    import argparse
    from collections import deque

    parser = argparse.ArgumentParser()
    parser.add_argument("--room", type=int, default=5_000)
    args = vars(parser.parse_args())
    SOME = {{"room": 5_000}}

    class Memory:
        def __init__(self, config, **others):
            self.rows = deque(maxlen={limit})

        def add(self, row):
            self.rows.append(row)

    memory = Memory({given}, room=5_000)
"""


@pytest.mark.parametrize(
    ("limit", "given", "usual", "complete"),
    [
        ('config["room"]', "SOME", 5_000, True),
        ('config.get("room", 70)', "SOME", 5_000, True),
        ('config.get("rooms", 70)', "SOME", 70, True),
        ('config.get("room")', "SOME", 5_000, True),
        ('config.get("rooms")', "SOME", None, False),
        ('config.get("room", 70)', "read()", 5_000, False),  # what else is given under that name
        ('config.get("rooms", 70)', "read()", 70, False),
        ('config["rooms"]', "read()", None, False),
        ('others.get("room", 70)', "SOME", 5_000, True),
        ('config["room"]', "args", 5_000, False),
        ('config["rooms"]', "args", None, False),
        ('config["room"]', "vars(read())", None, False),
    ],
)
def test_settings_that_are_looked_up_in_a_dict(project, limit, given, usual, complete):
    found = capacity(project(SETTINGS.format(limit=limit, given=given)))
    assert (found.usual, found.complete) == (usual, complete)


def test_a_setting_that_is_handed_on_under_its_own_name(project):
    graph = project("""
        from collections import deque

        class Memory:
            def __init__(self, data):
                self.rows = deque(maxlen=data.get("room", 70))

            def add(self, row):
                self.rows.append(row)

        def begin(data):
            return start(data, room=data.get("room", 90))

        def start(data, room):
            return Memory(data)
    """)
    found = capacity(graph)
    assert (found.usual, found.largest, found.complete) == (90, 90, False)


@pytest.mark.parametrize(
    ("made", "largest"),
    [("Memory()", 100_000), ("Memory(5_000)", 5_000), ("Memory(5_000), Memory()", 100_000)],
)
def test_what_tests_make_counts_only_by_itself(project, made, largest):
    memory = """
        from collections import deque
        class Memory:
            def __init__(self, limit=100_000):
                self.rows = deque(maxlen=limit)
            def add(self, row):
                self.rows.append(row)
    """
    tried = "from memory import Memory\nMemory(1_000_000).add(1)\n"
    assert capacity(project(memory=memory, tests__test_memory=tried)).largest == 1_000_000
    trained = f"from memory import Memory\nm = {made}\n"
    assert capacity(project(trained, memory=memory, tests__test_memory=tried)).largest == largest


@pytest.mark.parametrize(
    ("index", "largest"),
    [("[:, at]", 999), ("[:, at, :]", 999), ("[at]", 3), ("[at, :]", 3), ("[1:, at]", 3)],
)
def test_a_ring_with_a_row_for_each_environment(project, index, largest):
    graph = project(f"""
        import numpy as np
        class Ring:
            def __init__(self, envs, size=1_000):
                self.size = size // envs
                self.rows = np.zeros((envs, self.size, 4))
            def put(self, at, row):
                self.rows{index} = row
        Ring(3).put(0, 1)
    """)
    assert capacity(graph).largest == largest


@pytest.mark.parametrize(
    ("test", "largest"),
    [
        ("self.limit != -1 and len(self.rows) > self.limit", 500),
        ("self.limit and len(self.rows) > self.limit", 500),
        ("self.more != -1 and len(self.rows) > self.limit", None),
    ],
)
def test_a_limit_beside_the_test_whether_there_is_one(project, test, largest):
    graph = project(f"""
        from collections import deque
        class Memory:
            def __init__(self, limit=-1, more=1):
                self.rows, self.limit, self.more = deque(), limit, more
            def add(self, row):
                self.rows.append(row)
                if {test}:
                    self.rows.popleft()
        Memory(500).add(1)
    """)
    assert capacity(graph).largest == largest


@pytest.mark.parametrize(
    ("made", "read"),
    [
        ("yaml.safe_load(open('run.yaml'))", "config.get('size', 700)"),
        ("json.load(open('run.json'))", "config.get('size', 700)"),
        ("os.environ", "int(config.get('SIZE', 700))"),
        ("other.settings()", "config.get('size', 700)"),
    ],
)
def test_the_default_beside_a_key_stands_where_the_dict_is_not_known(project, made, read):
    graph = project(f"""
    import json, os, yaml
    import other
    from collections import deque

    class Agent:
        def __init__(self, config):
            self.rows = deque(maxlen={read})

        def add(self, row):
            self.rows.append(row)

    Agent({made}).add(1)
    """)
    found = capacity(graph)
    assert (found.largest, found.by_default) == (700, True)


@pytest.mark.parametrize(
    ("program", "largest", "complete"),
    [
        ("Agent(Config)", 700, True),
        ("Agent(Heir)", 700, True),
        ("Agent(Config())", 700, True),
        ("Config.size = ask()\nAgent(Config)", 700, False),
        ("Config.size = 900\nAgent(Config)", 900, True),
    ],
)
def test_what_the_body_of_a_class_says_that_is_handed_on_itself(project, program, largest, complete):
    graph = project(
        agent="""
    from collections import deque

    class Agent:
        def __init__(self, config):
            self.config = config
            self.rows = deque(maxlen=self.config.size)

        def add(self, row):
            self.rows.append(row)
    """,
        main="from agent import Agent\nclass Config:\n    size = 700\nclass Heir(Config):\n    pass\n"
        f"{program}.add(1)\n",
    )
    found = capacity(graph)
    assert (found.largest, found.complete) == (largest, complete)


@pytest.mark.parametrize(
    ("size", "usual", "complete"),
    [
        ("args.room", 900, False),
        ("args.most", None, False),  # the class does not say
        ("args.made", None, False),
        ("args.other", None, False),
    ],
)
@pytest.mark.parametrize("decorator", ["dataclass", "dataclass(frozen=True)"])
def test_what_a_data_class_says_of_a_field_that_the_command_line_fills(project, decorator, size, usual, complete):
    graph = project(f"""
        from collections import deque
        from dataclasses import dataclass, field
        import tyro

        @{decorator}
        class Settings:
            most: int
            room: int = 900
            made: int = field(default_factory=int)

        def run(args):
            rows = deque(maxlen={size})
            rows.append(1)

        run(tyro.cli(Settings))
    """)
    found = capacity(graph)
    assert (found.usual, found.complete) == (usual, complete)


@pytest.mark.parametrize(
    ("more", "usual"),
    [
        ("pass", 900),
        ("TABLE['chess']['room'] = 5", None),
        ("TABLE['chess'].update(read())", None),
        ("TABLE.update(read())", None),
        ("TABLE['chess'] = read()", None),
        ("TABLE['chess'][read()] = 5", None),
        ("TABLE['chess']['size'] += 5", 900),
        ("TABLE['go']['room'] = 5", 900),
        ("OTHER['room'] = 5", 900),
    ],
)
def test_settings_in_a_dict_of_another_file(project, more, usual):
    settings = "TABLE = {'chess': {'room': 900, 'size': 32}, 'go': {'room': 50}}\nOTHER = {'room': 9}\n"
    graph = project(
        f"""
        from collections import deque
        from settings import OTHER, TABLE

        def change():
            {more}

        def run():
            chosen = TABLE["chess"]
            rows = deque(maxlen=chosen["room"])
            rows.append(1)

        change()
        run()
        """,
        settings=settings,
    )
    assert capacity(graph).usual == usual


def test_a_size_that_is_computed_of_what_many_calls_hand_on(project):
    graph = project("""
        import numpy as np

        class Tree:
            def __init__(self, leaves):
                self.sums = np.zeros(2 * leaves - 1)
            def put(self, at):
                self.sums[at] = 1

        class Memory:
            def __init__(self, room):
                self.tree = Tree(room)
            def add(self):
                self.tree.put(0)

        class Agent:
            def __init__(self, memory_size):
                self.memory = Memory(memory_size)
                self.memory.add()

        def start(replay_size):
            return Agent(replay_size)

        def main(size=450):
            start(size)

        main()
    """)
    assert (capacity(graph).largest, capacity(graph).complete) == (899, True)


def test_how_long_a_training_goes_on_is_no_limit(project):
    graph = project("""
        import random

        def train(env, net, steps=1_000_000, size=50_000):
            rows, state, step = [], env.reset(), 0
            while step < steps:
                next_state, reward, done, _ = env.step(net.act(state))
                rows.append((state, 0, reward, next_state, done))
                if len(rows) > size:
                    del rows[0]
                net.fit(random.sample(rows, 32))
                state = next_state
                step += 1
    """)
    (buffer,) = graph.buffers
    size = capacity_of(graph, buffer.containers)
    assert (size.least, size.largest) == (50_000, 50_000)
