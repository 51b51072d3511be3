"""Code that a program never runs: of classes that nothing makes, and behind settings that are off."""

import textwrap

import pytest

from per_audit.facts import extract, ir
from per_audit.graph import link
from per_audit.graph.liveness.idle import Idle

MEMORIES = """
    import random
    import numpy as np

    class Memory:
        def __init__(self):
            self.rows = []

        def add(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))

        def sample(self, n):
            return random.sample(self.rows, n)

    class Weighted(Memory):
        def sample(self, n):
            self.mark = len(np.random.choice(self.rows, n))
            return self.mark
"""
AGENT = """
    from memories import Memory, Weighted

    class Agent:
        def __init__(self, net, optimizer, weighted=False):
            self.net, self.optimizer = net, optimizer
            {made}

        def learn(self):
            self.net.loss(self.memory.sample(8)).backward()
            self.optimizer.step()

    {after}
"""
RUN = "from agent import Agent\nAgent(1, 2).learn()\n"


def why(graph, text="self.mark = len", **options):
    idle = Idle(graph, **options)
    for path, module in graph.project.modules.items():
        if text.encode() in module.text:
            node = next(n for cls in module.body for n in walked(cls) if module.source(n).startswith(text))
            return idle.why(graph.place(path, node))
    raise AssertionError(text)


def walked(node):
    return (n for n in ir.walk(node) if isinstance(n, ir.Assign))


PLAIN = "self.memory = Memory()"
SWITCH = "self.memory = Weighted() if weighted else Memory()"


@pytest.mark.parametrize(
    ("made", "after", "run", "expected"),
    [
        (PLAIN, "", RUN, "nothing in the project makes Weighted"),
        ("self.memory = Weighted()", "", RUN, None),
        (SWITCH, "", RUN, "`weighted` is the same wherever the program sets it"),
        (SWITCH, "", RUN.replace("1, 2", "1, 2, True"), None),
        (SWITCH, "", RUN.replace("1, 2", "1, 2, weighted=read()"), None),
        # only what nothing makes or calls could make one
        (PLAIN, "class Other(Agent):\n        memory = Weighted()", RUN, "nothing in the project makes Other"),
        (PLAIN, "class Other(Weighted):\n        x = Weighted()", RUN, "nothing in the project makes Other"),
        (PLAIN, "def started_by_hand():\n        return Weighted()", RUN, None),
        (PLAIN, "def other(memory: Weighted):\n        return isinstance(memory, Weighted)", RUN, "makes Weighted"),
        (PLAIN, "", RUN + "from memories import Weighted as W\n", None),
        (
            PLAIN,
            "class Other:\n        @staticmethod\n        def f():\n            Weighted()\n    Other()",
            RUN,
            "calls Other.f",
        ),
        (PLAIN, "class Other:\n        def f(self):\n            Weighted()\n    Other()", RUN, None),
        # names that are looked up
        (PLAIN, "KINDS = ['memories.Weighted']", RUN, None),
        (PLAIN, "print('no Weighted here')", RUN, "makes Weighted"),
        (PLAIN, "eval(read())", RUN, None),
        (PLAIN, "import hydra\n    hydra.utils.instantiate(read())", RUN, None),
        (PLAIN, "import hydra\n    @hydra.main()\n    def main(cfg):\n        pass", RUN, "makes Weighted"),
        (PLAIN, "import importlib\n    importlib.import_module(read())", RUN, "makes Weighted"),
        (PLAIN, "import importlib\n    getattr(importlib.import_module(read()), read())", RUN, None),
        (PLAIN, "import memories\n    getattr(memories, read())", RUN, None),
        (PLAIN, "getattr(read(), 'rows')", RUN, "makes Weighted"),
        (PLAIN, "import torch\n    getattr(torch.optim, read())", RUN, "makes Weighted"),
        (
            PLAIN,
            "import importlib\n    getattr(importlib.import_module(f'envs.{read()}'), read())",
            RUN,
            "makes Weighted",
        ),
        (PLAIN, "import importlib\n    getattr(importlib.import_module('memories'), read())", RUN, None),
        (PLAIN, "import importlib\n    getattr(importlib.import_module('os'), read())", RUN, "makes Weighted"),
        (
            PLAIN,
            "",
            RUN + "import importlib\nfor name in ['os', 're']:\n    getattr(importlib.import_module(name), read())\n",
            "makes Weighted",
        ),
        (PLAIN, "def show(thing):\n        getattr(thing, read())()", RUN, "makes Weighted"),
        (
            PLAIN,
            "import memories\n    def show(thing):\n        getattr(thing, read())()\n    show(memories)",
            RUN,
            None,
        ),
        (PLAIN, "", RUN + "def show(thing):\n    getattr(thing, read())()\nimport memories\nTHINGS = memories\n", None),
        (PLAIN, "", RUN + "import sys\ngetattr(sys.modules[read()], read())()\n", None),
        (PLAIN, "", RUN + "eval(read())\n", "makes Weighted"),
        (PLAIN, "", RUN + "import agent\neval(read())\n", None),
        (PLAIN, "", RUN + "import agent\nglobals()[read()]()\n", None),
        (
            PLAIN,
            "",
            RUN + "import agent\nif 'get_ipython' in globals():\n    show(globals()['agent'])\n",
            "makes Weighted",
        ),
        (PLAIN, "", RUN + "from agent import *\nimport fire\nfire.Fire()\n", None),
        # other things that have the name
        (PLAIN, "", RUN + "from torch import *\nWeighted(3)\n", "makes Weighted"),
        (PLAIN, "", RUN + "from torch.utils import Weighted\nWeighted(3)\n", "makes Weighted"),
        (PLAIN, "", RUN + "Weighted = read()\nWeighted(3)\n", "makes Weighted"),
        (
            PLAIN,
            "",
            RUN + "class Weighted:\n    pass\nWeighted()\n",
            "nothing in the project makes Weighted of memories.py",
        ),
        (PLAIN, "", RUN + "def other(Weighted):\n    return Weighted(3)\n", "makes Weighted"),
        (PLAIN, "", RUN + "Weighted(3)\n", None),  # its import is missing
        (PLAIN, "", RUN + "from memories import *\nWeighted(3)\n", None),
        (PLAIN, "", RUN + "from lib.memories import *\nWeighted(3)\n", None),
        (PLAIN, "", RUN + "from memories.lib import *\nWeighted(3)\n", None),
        # of an object only what its class has
        (PLAIN, "getattr(Memory(), read())", RUN, "makes Weighted"),
        (PLAIN, "print(vars(Memory())[read()])", RUN, "makes Weighted"),
        (
            PLAIN,
            "class A:\n        @staticmethod\n        def f():\n            Weighted()\n    getattr(A(), read())()",
            RUN,
            None,
        ),
        # whoever uses the classes may make any of them
        (PLAIN, "", "", None),
    ],
)
def test_what_the_program_never_makes(project, made, after, run, expected):
    graph = project(memories=MEMORIES, agent=AGENT.format(made=made, after=after), run=run)
    found = why(graph)
    assert found is None if expected is None else found is not None and expected in found


@pytest.mark.parametrize(
    ("run", "is_off"),
    [
        ("import newer\ngetattr(newer, read())()\n", True),
        ("import using\ngetattr(using, read())()\n", True),
        ("import newer, memories\ngetattr(newer if read() else memories, read())()\n", False),
    ],
)
def test_a_namesake_that_is_found_without_being_named(project, run, is_off):
    others = {"newer": "class Weighted:\n    pass\n", "using": "from newer import Weighted\n"}
    graph = project(memories=MEMORIES, agent=AGENT.format(made=PLAIN, after=""), run=RUN + run, **others)
    assert why(graph) == ("never run here: nothing in the project makes Weighted of memories.py" if is_off else None)


BY_DEFAULT = """
from agent import Agent
{imported}

class Started:
    def run(self):
        self.mark = len(self.rows)

def main(_):
    env = gym.make(read())
    Started().run()

if __name__ == "__main__":
    {started}
"""


@pytest.mark.parametrize(
    ("imported", "started", "is_run"),
    [
        ("import gym, tensorflow as tf", "tf.app.run()", True),
        ("import gym, tensorflow as tf", "tf.app.run(argv=words)", True),
        ("import gym, tensorflow.compat.v1 as tf", "tf.app.run()", True),
        ("import gym\nfrom tensorflow.python.platform import app", "app.run()", True),
        ("import gym, tensorflow as tf", "tf.app.run(main)", True),
        ("import gym, tensorflow as tf", "tf.app.run(Agent)", False),
        ("import gym, flask\napp = flask.Flask('memory')", "app.run()", False),
        ("import gym", "Agent(1, 2).learn()", False),
    ],
)
def test_a_library_that_is_given_no_function_starts_main(project, imported, started, is_run):
    text = BY_DEFAULT.format(imported=imported, started=started)
    graph = project(memories=MEMORIES, agent=AGENT.format(made=PLAIN, after=""), run=RUN, start=text)
    idle = Idle(graph)
    (node,) = (n for n in graph.module("start.py").nodes if graph.module("start.py").source(n) == "Started()")
    assert (idle.why(graph.place("start.py", node)) is None) is is_run


@pytest.mark.parametrize(
    ("after", "is_off"),
    [
        ("import memories\n    vars(memories)[read()]()", False),
        ("import memories\n    memories.__dict__[read()]()", False),
        ("import memories\n    memories.__getattribute__(read())()", False),
        ("from memories import *\n    locals()[read()]()", False),
        ("from memories import *\n    globals()[read()]()", False),
        ("import inspect, memories\n    dict(inspect.getmembers(memories))[read()]()", False),
        ("from pydoc import locate\n    locate(read())()", False),
        ("import memories\n    from operator import attrgetter\n    attrgetter(read())(memories)()", False),
        ("[each() for each in Memory.__subclasses__()]", False),
        ("class Other:\n        pass\n    [each() for each in Other.__subclasses__()]", True),
        ("print(vars(read()))", True),
        ("import memories\n    vars(memories).get(read())()", False),
        ("save(locals())", True),
        ("def show(width):\n        print({name: each for name, each in locals().items()})", True),
        ("def begin(name):\n        from memories import Weighted\n        locals().get(name)()", False),
    ],
)
def test_classes_that_are_found_without_being_named(project, after, is_off):
    graph = project(memories=MEMORIES, agent=AGENT.format(made=PLAIN, after=after), run=RUN)
    assert (why(graph) is not None) is is_off


@pytest.mark.parametrize(
    ("base", "is_off"),
    [
        ("Base:\n        def __init_subclass__(cls, **more):\n            KINDS[cls.__name__] = cls", False),
        ("Base(metaclass=Registry):\n        pass", False),
        ("Base(metaclass=kinds.Registry):\n        pass", False),
        ("Base(metaclass=ABCMeta):\n        pass", True),
        ("Base:\n        pass", True),
    ],
)
def test_classes_that_a_base_may_keep(project, base, is_off):
    start = f"""
    import kinds
    from abc import ABCMeta

    KINDS = {{}}

    class Registry(type):
        pass

    class {base}
"""
    memories = start + MEMORIES.replace("class Memory:", "class Memory(Base):")
    graph = project(memories=memories, agent=AGENT.format(made=PLAIN, after=""), run=RUN)
    assert (why(graph) is not None) is is_off


def test_a_memory_in_a_program_that_learns_without_one(project):
    program = "import torch.optim as optim\n\ndef run(net):\n    net.loss().backward()\n    optim.Adam(net).step()\n"
    graph = project(memories=MEMORIES, program=program)
    found = why(graph)
    assert found is not None
    assert "nothing in the project makes Weighted" in found
    assert why(project(memories=MEMORIES)) is None


@pytest.mark.parametrize(
    ("imports", "is_off"),
    [
        (b"from memories import Weighted", False),
        (b"import agent, memories", False),
        (b"from agent import Weighted", False),
        (b"import importlib\nimportlib.import_module(name)", False),
        (b"# memories.py", False),
        (b"from elsewhere import Weighted", True),
        (b"from run import start", False),
    ],
)
def test_a_memory_that_a_file_names_which_cannot_be_parsed(project, imports, is_off):
    graph = project(memories=MEMORIES, agent=AGENT.format(made=PLAIN, after=""), run=RUN)
    graph.unread = (imports + b"\nprint 'start'\nWeighted().sample(3)\n",)
    assert (why(graph) is not None) is is_off


def test_the_users_of_a_package_make_its_classes(project):
    graph = project(memories=MEMORIES, agent=AGENT.format(made=PLAIN, after=""), run=RUN)
    assert why(graph, is_package=True) is None


def test_files_beside_a_program_are_none_of_its_own(project):
    graph = project(memories=MEMORIES)
    assert (why(graph), why(graph, beside=True)) == (None, "never run here: nothing in the project makes Weighted")


@pytest.mark.parametrize(
    ("run", "is_off"),
    [
        ("from agent import Agent, weighted\nif __name__ == '__main__':\n    Agent(1, 2).learn()\n", True),
        ("from agent import Agent, weighted\nAgent(1, 2).learn()\n", False),
        (
            "from agent import Agent, weighted\nif __name__ == '__main__':\n    Agent(1, 2).learn()\n    weighted()",
            False,
        ),
        ("from agent import Agent\nif __name__ == '__main__':\n    Agent(1, 2).learn()\n", False),
    ],
)
def test_a_function_that_is_imported_where_a_program_starts_and_never_called(project, run, is_off):
    after = "def weighted():\n        return Weighted()"
    graph = project(memories=MEMORIES, agent=AGENT.format(made=PLAIN, after=after), run=run)
    assert why(graph) == ("never run here: nothing in the project calls weighted" if is_off else None)


@pytest.mark.parametrize(
    ("named", "maker"),
    [("from memories import Weighted", "First"), ("from helpers import *", "Second")],
)
def test_what_names_a_class_for_certain_tells_why_it_is_not_made(project, named, maker):
    makes = "class {}:\n    def __init__(self):\n        self.memory = Weighted()\n"
    graph = project(
        a=f"{named}\n{makes.format('First')}",
        b=f"from memories import Weighted\n{makes.format('Second')}",
        helpers="size = 9\n",
        memories=MEMORIES,
        agent=AGENT.format(made=PLAIN, after=""),
        run=RUN,
    )
    assert why(graph) == f"never run here: nothing in the project makes {maker}"


RING = """
    class Ring:
        def __init__(self):
            self.stored = []

        def add(self, state, action, reward, next_state, done):
            self.mark = len(self.stored)
            self.stored.append((state, action, reward, next_state, done))

        def drawn(self, n):
            return random.sample(self.stored, n)
"""


@pytest.mark.parametrize(
    ("after", "is_left"),
    [
        ("def make():\n        return Ring()", True),
        ("def make():\n        return Ring()\n\n    def learn(net):\n        net.loss(make().drawn(8))", False),
        ("def make():\n        return Ring()\n\n    def learn(net, ring):\n        net.loss(ring.drawn(8))", False),
    ],
)
def test_a_memory_that_nothing_draws_from(project, after, is_left):
    agent = AGENT.replace("import Memory", "import Memory, Ring").format(made=PLAIN, after=after)
    graph = project(memories=MEMORIES.replace("self.mark", "self.kept") + RING, agent=agent, run=RUN)
    assert why(graph) == ("never drawn from here: nothing in the project calls Ring.drawn" if is_left else None)


@pytest.mark.parametrize(("is_package", "said"), [(False, "nothing in the project calls Ring.drawn"), (True, None)])
def test_what_stores_into_a_memory_that_nothing_draws_from_is_noted_where_nothing_learns(project, is_package, said):
    graph = project(
        memories=MEMORIES.replace("self.mark", "self.kept") + RING + "\n    ring = Ring()\n    print(ring.stored)\n"
    )
    (store,) = (s for s in graph.events.writes.values() if s.attribute == "mark")
    idle = Idle(graph, is_package)
    assert idle.why(graph.place(store.path, store.node)) is None
    assert idle.note(graph.place(store.path, store.node)) == (said and f"not drawn from as it stands: {said}")


def test_what_is_around_a_class_is_run(project):
    graph = project(memories=MEMORIES + "\n    later = 1\n", agent=AGENT.format(made=PLAIN, after=""), run=RUN)
    assert why(graph, "later") is None
    assert why(graph, "self.rows") is None


@pytest.mark.parametrize(("test", "is_off"), [("self.fast", True), ("self.net", False)])
def test_a_method_that_is_only_called_behind_a_setting(project, test, is_off):
    body = f"""
        {PLAIN}
            self.fast = False

        def act(self):
            if {test}:
                self.rank()

        def rank(self):
            marked = 1
    """
    graph = project(memories=MEMORIES, agent=AGENT.format(made=body.strip(), after=""), run=RUN + "Agent(1, 2).act()\n")
    assert (why(graph, "marked") is not None) is is_off


@pytest.mark.parametrize(
    ("other", "is_off"),
    [
        ("pass", False),
        ("net.loss().backward()", True),
        ("net.learn()", True),
        ("step = net.optimizer.minimize(net.loss())", False),  # what a session will be told to do
    ],
)
def test_where_nothing_learns_a_trained_agent_is_shown_for_now(project, other, is_off):
    text = f"""
    import random

    TRAINING = False
    rows = []

    def main(net):
        {other}
        for step in range(1000):
            if TRAINING:
                rows.append((state, action, reward, next_state, done))
                batch = random.sample(rows, 8)
                net.loss(batch).backward()

    main(read())
    """
    assert (why(project(text), "batch") is not None) is is_off


DEEP = "def deep0():\n        load().backward()\n\n    " + "".join(
    f"def deep{depth}():\n        deep{depth - 1}()\n\n    " for depth in range(1, 13)
)
TRIED = "if __name__ == '__main__':\n        memory = Weighted()\n        memory.add(1, 2, 3, 4, 5)\n        "


@pytest.mark.parametrize(
    ("drawn", "expected"),
    [
        ("", "nothing in the project calls Weighted.sample"),
        ("random.sample(read(), 2)", "nothing in the project calls Weighted.sample"),
        ("self.memory.sample(8)", "nothing in the project calls Weighted.sample"),
        ("self.other.sample(8)", None),
        ("read().sample(8)", None),
        ("weakref.proxy(self.other).sample(8)", None),
        ("random.other = self.other; random.other.sample(8)", None),
        ("print(self.other); random.sample(read(), 2)", "nothing in the project calls Weighted.sample"),
    ],
)
def test_a_memory_that_is_made_and_never_drawn_from(project, drawn, expected):
    text = AGENT.replace("self.memory.sample(8)).backward()", "self.memory.sample(8)).backward()\n            {drawn}")
    text = "\n    import random, weakref" + text.format(
        made=PLAIN + "\n            self.other = Weighted()", after="", drawn=drawn or "pass"
    )
    memories = MEMORIES.replace(
        "self.mark = len(np.random.choice(self.rows, n))",
        """
            p = np.array([row[2] for row in self.rows])
            self.mark = len(p)
            at = np.random.choice(len(p), n, p=p / p.sum())
            return [self.rows[i] for i in at]""",
    )
    found = why(project(memories=memories, agent=text, run=RUN))
    assert found is None if expected is None else found is not None and expected in found


STREAMS = """
    class Streams:
        def __init__(self, size):
            self.parts = [Weighted(), Weighted()]

        def batches(self, n):
            return [part.sample(n) for part in self.parts]
"""


@pytest.mark.parametrize(
    ("more", "is_off"),
    [
        ("", True),
        ("self.other.batches(8)", False),
        ("read().batches(8)", False),
        ("import managers; managers.get().batches(8)", True),
        ("import managers; managers.register(Streams); managers.get().batches(8)", False),
    ],
)
def test_a_memory_inside_of_one_that_is_never_drawn_from(project, more, is_off):
    memories = MEMORIES.replace(
        "self.mark = len(np.random.choice(self.rows, n))",
        """
            p = np.array([row[2] for row in self.rows])
            self.mark = len(p)
            at = np.random.choice(len(p), n, p=p / p.sum())
            return [self.rows[i] for i in at]""",
    )
    agent = AGENT.replace("Memory, Weighted", "Memory, Streams").replace("backward()", "backward()\n            {more}")
    agent = agent.format(made=PLAIN + "\n            self.other = Streams(2)", after="", more=more or "pass")
    assert (why(project(memories=memories + STREAMS, agent=agent, run=RUN)) is not None) == is_off


@pytest.mark.parametrize(
    ("call", "takes", "expected"),
    [
        ("Agent(1, 2, wieghted=True)", "", "Agent is called with `wieghted`, which it does not take"),
        ("Agent(1, 2, weighted=True)", "", None),
        ("Agent(1, 2, **{'wieghted': True})", "", None),
        ("Agent(1, 2, wieghted=True)", ", **more", None),
        ("Agent(1, 2, wieghted=True)\nAgent(1, 2)", "", None),
        ("import random\nfrom agent import Agent\nrandom.sample([], k=2)\nAgent(1, 2).learn()", "", None),
    ],
)
def test_a_call_with_a_keyword_that_is_not_taken(project, call, takes, expected):
    agent = AGENT.format(made="self.memory = Weighted()", after="").replace("weighted=False", f"weighted=False{takes}")
    found = why(project(memories=MEMORIES, agent=agent, run=f"from agent import Agent\n{call}"))
    assert found == (expected and f"never run here: {expected}")


@pytest.mark.parametrize(
    ("after", "is_tried"),
    [
        (TRIED + "print(memory.sample(2))", True),
        ("def trial():\n        print(Weighted().sample(2))\n    if __name__ == '__main__':\n        trial()", True),
        ("if __name__ == 'agent':\n        print(Weighted().sample(2))", False),
        (TRIED + "env.step(memory.sample(2))", False),
        (TRIED + "net.loss(memory.sample(2)).backward()", False),
        (TRIED + "Agent(1, 2).learn()", False),
        (TRIED + "train(memory)", False),
        (TRIED + "import gymnasium\n        gymnasium.make('CartPole-v1')", False),
        (TRIED + "import os\n        os.system('python worker.py')", False),
        (TRIED + "import numpy\n        print(numpy.array(memory.sample(2)).mean())", True),
        (TRIED + "print(memory.sample(2)[0].mean())", True),
        (TRIED + "if not memory.sample(2):\n            raise ValueError('nothing')", True),
        (TRIED + "net.answer(memory.sample(2))", False),
        (TRIED + "import joblib\n        joblib.Parallel(4)(joblib.delayed(go)(seed) for seed in range(8))", False),
        (TRIED + "import tyro\n        tyro.cli(go)", False),
        (TRIED + "import sweeps\n        sweeps.agent('a', function=go)", False),
        (TRIED + "class Args:\n            size = 3\n        import tyro\n        tyro.cli(Args)", True),
        (
            TRIED
            + "class Args:\n            def run(self):\n                0\n        import tyro\n        tyro.cli(Args)",
            False,
        ),
        (TRIED + "import typer\n        typer.Typer().command()(go)", False),
        (TRIED + "import functools\n        functools.partial(go)()", False),
        (TRIED + "list(map(go, range(8)))", False),
        (TRIED + "deep12()", False),
        ("def fit():\n        Weighted().loss().backward()\n    if __name__ == '__main__':\n        fit()", False),
        (TRIED + "print(memory.sample(2))\n    def started_by_hand():\n        return Weighted()", False),
    ],
)
def test_what_only_a_demonstration_makes(project, after, is_tried):
    helpers = "def go(seed=0):\n        deep12()\n\n    " + DEEP
    found = why(project(memories=MEMORIES, agent=AGENT.format(made=PLAIN, after=helpers + after), run=RUN))
    expected = "never run here: only the `__main__` block of agent.py leads to it, and that learns nothing"
    assert found == (expected if is_tried else None)


def test_a_file_that_tries_out_its_own_memory_beside_no_program(project):
    tried = "    if __name__ == '__main__':\n        print(Weighted().sample(2))\n"
    assert why(project(memories=MEMORIES + tried)) is None
    assert why(project(memories=MEMORIES + tried), beside=True) is not None


@pytest.mark.parametrize(("text", "is_tried"), [("print(memory.sample(2))", True), ("fit(memory.sample(2))", False)])
def test_what_only_a_notebook_tries_out(text, is_tried):
    files = {"memories.py": MEMORIES, "agent.py": AGENT.format(made=PLAIN, after=""), "run.py": RUN}
    files["trial.ipynb"] = f"from memories import Weighted\nmemory = Weighted()\n{text}\n"
    graph = link([extract(path, textwrap.dedent(code).encode()) for path, code in files.items()])
    expected = "never run here: only trial.ipynb leads to it, and that learns nothing"
    assert why(graph) == (expected if is_tried else None)


@pytest.mark.parametrize(
    ("text", "is_looked_at"),
    [
        ("rows = memory.sample(2)\nplot(rows)", True),
        ("state, reward, done, info = env.step(1)\nrows = memory.sample(2)\nplot(shown.fit_transform(rows))", True),
        ("from sklearn.decomposition import PCA\nrows = memory.sample(2)\nplot(PCA(2).fit(rows).components_)", True),
        ("from sklearn.svm import SVR\nrows = memory.sample(2)\nplot(SVR(2).fit(rows).coef_)", False),
        ("plot(memory.sample(2))", False),
        ("rows = memory.sample(2)\nnet.train_on(rows)", False),
        ("def later():\n    return memory.sample(2)", False),
    ],
)
def test_what_a_notebook_draws_to_look_at(text, is_looked_at):
    files = {"memories.py": MEMORIES, "agent.py": AGENT.format(made=PLAIN, after=""), "run.py": RUN}
    files["look.ipynb"] = f"from memories import Weighted\nmemory = Weighted()\nenv.go(memory)\n{text}\n"
    graph = link([extract(path, textwrap.dedent(code).encode()) for path, code in files.items()])
    expected = "never run here: only look.ipynb leads to it, and that learns nothing"
    assert why(graph) == (expected if is_looked_at else None)


@pytest.mark.parametrize(
    ("text", "is_tried"),
    [
        ("def test_memory():\n    assert Weighted().sample(2)", True),
        ("class StepMemory(Weighted):\n    pass\n\ndef test_memory():\n    print(StepMemory().sample(2))", True),
        ("def test_agent():\n    agent.train(Weighted())", False),
        ("def check_memory():\n    assert Weighted().sample(2)", False),
    ],
)
def test_what_only_a_test_makes(project, text, is_tried):
    files = {"memories": MEMORIES, "agent": AGENT.format(made=PLAIN, after=""), "run": RUN}
    found = why(project(**files, trials=f"from memories import Weighted\n\n{text}\n"))
    assert (found is not None and "of trials.py leads to it, and that learns nothing" in found) == is_tried


@pytest.mark.parametrize(
    ("path", "text", "is_tried"),
    [
        ("test2", "print(Weighted().sample(2))", True),
        ("test2", "Agent(1, Weighted()).learn()", False),
        ("more", "print(Weighted().sample(2))", False),
    ],
)
def test_what_only_a_file_makes_that_is_called_a_test(project, path, text, is_tried):
    files = {"memories": MEMORIES, "agent": AGENT.format(made=PLAIN, after=""), "run": RUN}
    files[path] = f"from memories import Weighted\nfrom agent import Agent\n\n{text}\n"
    assert (why(project(**files)) is not None) == is_tried


def test_a_list_of_what_a_file_offers_runs_nothing(project):
    files = {"memories": MEMORIES, "agent": AGENT.format(made=PLAIN, after=""), "run": RUN}
    graph = project(**files, offered='from memories import Memory, Weighted\n\n__all__ = ["Memory", "Weighted"]\n')
    assert why(graph) == "never run here: nothing in the project makes Weighted"


@pytest.mark.parametrize(
    ("imported", "base", "is_idle"),
    [
        ("from abc import ABC", "ABC", True),
        ("from typing import Generic, T", "Generic[T]", True),
        ("from abc import ABC", "object", True),
        ("from frame import Agent as Base", "Base", False),  # which may call the methods of its heirs
    ],
)
def test_a_base_that_calls_nothing_of_its_heirs_runs_none_of_them(imported, base, is_idle):
    agents = f"""
        {imported}
        from memories import Memory

        class Agent({base}):
            def learn(self, rows):
                pass

        class Ranked(Agent):
            def __init__(self):
                self.memory = Memory()

            def learn(self, rows):
                self.rows = self.memory.sample(8)

        class Plain(Agent):
            def learn(self, rows):
                self.net.loss(rows).backward()
                self.net.optimizer.step()
    """
    run = """
        from agents import Plain, Ranked

        TRAINED = True

        def play(env):
            agent = Ranked()
            while env.step(0):
                if not TRAINED:
                    agent.learn(None)

        def train(env):
            agent = Plain()
            while env.step(0):
                agent.learn(env.rows)
    """
    texts = {"memories.py": MEMORIES, "agents.py": agents, "run.py": run}
    graph = link([extract(path, textwrap.dedent(text).encode()) for path, text in texts.items()])
    reason = why(graph, "self.rows = self.memory.sample")
    assert (reason is not None and "`not TRAINED` is the same wherever" in reason) is is_idle


@pytest.mark.parametrize(
    ("unread", "said"),
    [
        ((), "not run as it stands: nothing in the project calls Learner.learn"),
        ((b"from learner import Learner\nlearner = Learner(net)\nlearner.learn()\nprint 'it'\n",), None),
        ((b"print 'it'\n",), "not run as it stands: nothing in the project calls Learner.learn"),
        (
            (b"from learner import Learner\nprint Learner(net).memory\n",),
            "not run as it stands: nothing in the project calls Learner.learn",
        ),
    ],
)
def test_a_method_of_a_class_that_a_file_names_which_cannot_be_parsed(project, unread, said):
    graph = project(
        memories=MEMORIES,
        learner="""
            import torch.optim as optim
            from memories import Memory

            class Learner:
                def __init__(self, net):
                    self.net, self.memory = net, Memory()

                def learn(self):
                    self.rows = self.memory.sample(32)
                    self.net.loss(self.rows).backward()
                    optim.Adam(self.net).step()
        """,
        other="""
            import torch.optim as optim
            from learner import Learner

            def show(net):
                return Learner(net).memory

            def run(net):
                net.loss().backward()
                optim.Adam(net).step()
        """,
    )
    graph.unread = unread
    module = graph.module("learner.py")
    node = next(n for n in ir.walk(*module.body) if module.source(n).startswith("self.rows"))
    assert Idle(graph).note(graph.place("learner.py", node)) == said
