"""Branches under settings that the program never has."""

from textwrap import dedent

import pytest

from per_audit.facts import ir
from per_audit.graph.liveness.settings.switched import Switches

SETTINGS = """
    FAST = True
    MODE = "mass"
    CHANGED = False

    def change():
        global CHANGED
        CHANGED = True
"""
AGENT = """
    from dataclasses import dataclass
    from enum import Enum
    from settings import CHANGED, FAST, MODE

    class Kind(Enum):
        EVEN = 0
        MASS = 1

    SIZES = {{"fast": False}}

    @dataclass
    class Taken:
        fast: bool = False

    class Agent:
        def __init__(self, weighted=False, **more):
            self.weighted = weighted
            self.other = more
            self.taken = Taken(**read())

        def learn(self, slow=True):
            {body}

    {calls}
"""
ATTRIBUTES = (
    "Agent()\n\n    def flatten(self):\n        names = [{}]\n"
    "        for name in names:\n            self.__dict__[name] = change(self.__dict__[name])"
)


@pytest.mark.parametrize(
    ("body", "calls", "off"),
    [
        ("if self.weighted:\n    mark()", "Agent().learn()", True),
        ("if self.weighted:\n    pass\nelse:\n    mark()", "Agent().learn()", False),
        ("if not self.weighted:\n    pass\nelse:\n    mark()", "Agent().learn()", True),
        ("if self.weighted is Kind.MASS:\n    mark()", "Agent(Kind.EVEN).learn()", True),
        ("if self.weighted == Kind.EVEN:\n    mark()", "Agent(Kind.EVEN).learn()", False),
        ("if self.weighted != Kind.EVEN:\n    mark()", "Agent(Kind.EVEN).learn(); Agent(Kind.MASS)", False),
        ("if self.weighted == Kind.MASS:\n    mark()", "Agent(Kind[read()]).learn()", False),
        ("if self.weighted == Kind.MASS:\n    mark()", "Agent(Kind(read())).learn()", False),
        ("if self.weighted == Kind.MASS:\n    mark()", "for kind in Kind:\n        Agent(kind).learn()", False),
        ("if self.weighted == Kind.MASS:\n    mark()", "Agent(Kind.EVEN if read() else Kind.MASS).learn()", False),
        ("if self.weighted:\n    mark()", "Agent(); Agent(True)", False),
        ("if not self.weighted:\n    mark()", "Agent(); Agent(True)", False),
        ("if not self.weighted:\n    mark()", "Agent(weighted=True); Agent(True)", True),
        ("if not self.weighted:\n    mark()", "Agent(weighted=True); Agent(*read())", False),
        ("if self.weighted:\n    mark()", "[Agent(), " * 9 + "]" * 9, False),  # too many to be looked at
        ("if self.weighted:\n    mark()", "Agent(read())", False),
        ("if self.weighted:\n    mark()", "pass", False),  # whoever makes one may switch it on
        ("if self.other:\n    mark()", "Agent()", False),
        ("if not slow:\n    mark()", "Agent().learn()", True),
        ("mark() if FAST else None", "Agent()", False),
        ("None if FAST else mark()", "Agent()", True),
        ("if SLOW:\n    mark()", "SLOW = not True\n    Agent()", True),
        ("if SLOW:\n    mark()", "SLOW = not read()\n    Agent()", False),
        ("if FAST and slow:\n    mark()", "Agent()", False),
        ("if FAST and slow:\n    pass\nelse:\n    mark()", "Agent().learn()", True),
        ("if FAST or self.weighted:\n    pass\nelse:\n    mark()", "Agent(read())", True),
        ("if MODE == 'rank':\n    mark()", "Agent()", True),
        ("if MODE != 'rank':\n    mark()", "Agent()", False),
        ("if slow is None:\n    mark()", "Agent().learn(None)", False),
        ("if slow is None:\n    mark()", "Agent().learn('a')", True),
        ("if slow == 3:\n    mark()", "Agent().learn(2)", True),
        ("if slow > 1:\n    mark()", "Agent().learn(1)", True),
        ("if slow > 1:\n    mark()", "Agent().learn(1); Agent().learn(3)", False),
        ("if slow > 1:\n    mark()", "Agent().learn(None)", False),
        ("while read():\n    if slow > 1:\n        mark()\n    slow += 1", "Agent().learn(1)", False),  # it counts
        ("if LONG:\n    mark()", "STEPS = 1\n    LONG = STEPS > 1", True),
        ("if LONG:\n    mark()", "STEPS = 3\n    LONG = STEPS > 1", False),
        ("if self.rows > 1:\n    mark()\nself.rows = 0", "Agent().learn()", True),
        ("if self.rows > 1:\n    mark()\nif read():\n    self.rows = 0\nself.rows += 1", "Agent().learn()", False),
        ("self.rows = 0\nfor _ in slow:\n    if self.rows > 1:\n        mark()\n    self.rows += 1", "Agent()", False),
        ("rows = 0\nfor _ in slow:\n    rows += 1\n    if rows > 1:\n        mark()", "Agent()", False),
        ("if self.rows > 1:\n    mark()\nself.rows = 0", "read().rows += 1", False),
        ("if CHANGED:\n    mark()", "Agent()", False),
        ("if SIZES['fast']:\n    mark()", "Agent()", True),
        ("if self.weighted:\n    mark()", "agent = Agent()\n    setattr(agent, read(), True)", False),
        ("if self.weighted:\n    mark()", "Agent()\n    for a in read():\n        a.weighted = True", False),
        ("if self.taken.fast:\n    mark()", "Agent()", False),
        ("if self.weighted:\n    mark()", "Agent()\n    print(vars(read()), vars(read()).items())", True),
        ("if self.weighted:\n    mark()", "vars(Agent())[read()] = True", False),
        ("if self.weighted:\n    mark()", "vars(Agent()).update(read())", False),
        ("if self.weighted:\n    mark()", "own = vars(Agent())", False),
        ("if self.weighted:\n    mark()", ATTRIBUTES.format("'rows', 'others'"), True),
        ("if self.weighted:\n    mark()", ATTRIBUTES.format("'rows', 'weighted'"), False),
        ("if self.weighted:\n    mark()", ATTRIBUTES.format("'rows', read()"), False),
        ("if self.weighted:\n    mark()", "change(vars(Agent()))\n\n    def change(own):\n        pass", False),
        ("if True:\n    pass\nelse:\n    mark()", "Agent()", False),  # taken out by hand, for now
        ("if not self.weighted:\n    return\nmark()", "Agent().learn()", True),
        ("if not self.weighted:\n    slow = 2\n    pass\nmark()", "Agent().learn()", False),
        ("if self.weighted:\n    return\nmark()", "Agent().learn()", False),
        ("if self.weighted:\n    slow = 2\nelse:\n    return\nmark()", "Agent().learn()", True),
        ("for row in slow:\n    if not self.weighted:\n        continue\n    mark()", "Agent().learn()", True),
    ],
)
def test_settings_that_are_one_constant_everywhere(project, body, calls, off):
    text = AGENT.format(body=body.replace("\n", "\n            "), calls=calls)
    graph = project(text, settings=SETTINGS)
    assert (Switches(graph).off("main.py", marked(graph)) is not None) is off


CURIOUS = """
    class Curious(Agent):
        def __init__(self, {}**more):
            super().__init__({}**more)
"""


@pytest.mark.parametrize(
    ("own", "told", "calls", "off"),
    [
        ("", "", "", True),
        ("bonus=True, ", "", "", True),
        ("", "", "class Other(Curious):\n    pass", True),
        ("", "", "class Other(Curious):\n    pass\n\nOther(weighted=True)", False),
        ("", "", "Curious(weighted=True)", False),
        ("", "", "Curious(**read())", False),
        ("", "weighted=True, ", "", False),  # it is there to be switched on
    ],
)
def test_a_class_that_nothing_makes_hands_nothing_on(project, own, told, calls, off):
    text = dedent(AGENT.format(body="if self.weighted:\n                mark()", calls="Agent().learn()"))
    text += dedent(CURIOUS).format(own, told) + "\n" + calls + "\n"
    graph = project(text, settings=SETTINGS)
    assert (Switches(graph).off("main.py", marked(graph)) is not None) is off


COMMITTED = """
    import config, sys
    from dataclasses import dataclass
    from typing import NamedTuple

    from settings_of_others import FromEnvironment

    class Options:
        per = False

    @dataclass
    class Fields:
        by_field: bool = False
        n: int = 1

    class Row(NamedTuple):
        by_item: bool = False

    class Filled(FromEnvironment):
        by_environment: bool = False

    def learn(cfg):
        if cfg.{name}:
            mark()

    learn(config)
    learn(read(sys.argv))
    {other}
"""


@pytest.mark.parametrize(
    ("name", "other", "config", "off"),
    [
        ("weighted", "pass", "weighted = False", True),
        ("weighted", "pass", "weighted = True", False),
        ("weighted", "pass", "weighted = read()", False),
        ("weighted", "pass", "if read():\n    weighted = True\nweighted = False", False),
        ("per", "pass", "weighted = False", True),
        ("per", "pass", "per = True", False),
        ("per", "Options.per = True", "", False),
        ("per", "Options(per=True)", "", False),
        ("per", "parser.add_argument('--per', action='store_true')", "", False),
        ("per", "read({'per': True})", "", False),
        ("per", "yaml.safe_load(read())", "", False),
        ("other", "pass", "", False),
        ("by_field", "pass", "", True),
        ("by_field", "Fields(n=2)", "", True),
        ("by_field", "Fields(True)", "", False),
        ("by_field", "Fields(**read())", "", False),
        ("by_field", "read(Fields)", "", False),
        ("by_item", "Row()", "", True),
        ("by_item", "Row(True)", "", False),
        ("by_environment", "Filled()", "", False),
    ],
)
def test_settings_of_an_object_that_is_handed_on(project, name, other, config, off):
    graph = project(COMMITTED.format(name=name, other=other), config=config)
    assert (Switches(graph).off("main.py", marked(graph)) is not None) is off
    assert Switches(graph, is_package=True).off("main.py", marked(graph)) is None


HANDED = """
    import functools, json, threading

    config = {{"per": False}}

    def override(settings):
        settings[read()] = True

    class Config:
        def __init__(self, per=False):
            self.per = per

    {decorator}
    def train(per=False, config=Config()):
        if {test}:
            mark()

    train(False)
    {other}
"""


@pytest.mark.parametrize(
    ("test", "other", "off"),
    [
        ("per", "pass", True),
        ("per", "threading.Thread(target=train, args=(True,)).start()", False),
        ("per", "functools.partial(train, per=True)()", False),
        ("per", "list(map(train, read()))", False),
        ("Config().per", "isinstance(read(), Config)", True),
        ("Config().per", "make = Config\n    make(read())", False),
        ("Config().per", "c = Config()\n    object.__setattr__(c, read(), True)", False),
        ("per", "gin.configurable", False),
        ("per", "ex.capture", False),
        ("per", "torch.no_grad()", True),
    ],
)
def test_settings_that_more_than_calls_give(project, test, other, off):
    decorates = other.startswith(("gin", "ex", "torch"))
    decorator, other = (f"@{other}", "pass") if decorates else ("", other)
    graph = project(HANDED.format(test=test, decorator=decorator, other=other))
    assert (Switches(graph).off("main.py", marked(graph)) is not None) is off


TREE = """
    class Tree:
        def put(self, plain, filled):
            filled[read()] = 3
            self.update(3)

        def update(self, slot):
            pass
"""


@pytest.mark.parametrize(
    ("other", "off"),
    [
        ("pass", True),
        ("config.update(json.load(read()))", False),
        ("override(config)", False),
        ("other.update(read())", True),
        ("Tree().put(config, other)", True),  # an object that fills itself, and what is given beside the settings
        ("Tree().put(other, config)", False),
    ],
)
def test_settings_of_dicts_that_are_filled(project, other, off):
    text = HANDED.format(test="config['per']", decorator="", other=other).replace(", config=Config()", "")
    graph = project(TREE + text)
    assert (Switches(graph).off("main.py", marked(graph)) is not None) is off


KEYED = """
    class Memory:
        def __init__(self, weighted):
            self.weighted = weighted

        def draw(self):
            if self.weighted:
                mark()

    class Agent:
        def __init__(self, config):
            self.weighted = config["weighted"] if "weighted" {} else True
            self.memory = Memory(self.weighted)

    {}
"""


@pytest.mark.parametrize(
    ("asked", "calls", "off"),
    [
        ("in config.keys()", "Agent({'weighted': False})", True),
        ("in config", "Agent({'weighted': False, 'lr': 3})", True),
        ("in config", "config = {'weighted': True}\n    config = {'weighted': False}\n    Agent(config)", True),
        ("in config", "Agent({'weighted': True})", False),
        ("in config", "Agent({'lr': 3})", False),
        ("in config", "Agent({'weighted': False})\n    Agent({'lr': 3})", False),
        ("in config", "Agent(read())", False),
        ("in config", "config = {'weighted': False}\n    config[read()] = True\n    Agent(config)", False),
        ("not in config", "Agent({'lr': 3, 'weighted': False})", False),
        ("in read()", "Agent({'weighted': False})", False),
    ],
)
def test_a_setting_whose_key_is_asked_for(project, asked, calls, off):
    graph = project(KEYED.format(asked, calls))
    assert (Switches(graph).off("main.py", marked(graph)) is not None) is off


@pytest.mark.parametrize(("calls", "off"), [("Agent().learn()", False), ("Agent(read())", False)])
def test_users_of_a_package_give_its_settings_as_well(project, calls, off):
    graph = project(AGENT.format(body="if self.weighted:\n                mark()", calls=calls), settings=SETTINGS)
    assert (Switches(graph, is_package=True).off("main.py", marked(graph)) is not None) is off
    fixed = project(AGENT.format(body="if not FAST:\n                mark()", calls=calls), settings=SETTINGS)
    assert Switches(fixed, is_package=True).off("main.py", marked(fixed)) is not None


def marked(graph):
    calls_in = (n for n in ir.walk(*graph.module("main.py").body) if isinstance(n, ir.Call))
    (node,) = (n for n in calls_in if isinstance(n.func, ir.Name) and n.func.id == "mark")
    return node


def test_a_number_that_counts_as_it_is_asked(project):
    graph = project("count = 0\nwhile read():\n    if (count := count + 1) > 4:\n        mark()\n")
    (node,) = (each for each in graph.module("main.py").nodes_of(ir.Call) if getattr(each.func, "id", "") == "mark")
    assert Switches(graph).off("main.py", node) is None
