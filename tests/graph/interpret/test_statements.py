"""What statements bind."""

import pytest

from per_audit.facts import ir

STORE = """
    import random
    from collections import deque, namedtuple

    Row = namedtuple("Row", "state action reward next_state done")


    class Memory:
        def __init__(self, size):
            self.rows = deque(maxlen=size)

        def add(self, state, action, reward, next_state, done):
            self.rows.append(Row(state, action, reward, next_state, done))

        def sample(self, n):
            return random.sample(self.rows, n)
"""
BODY = """

    class Agent:
        def learn(self, memory: Memory, use, queue):
            {}


    memory = Memory(100)
    memory.add(1, 2, 3.0, 4, False)
    Agent().learn(memory, print)
"""


@pytest.mark.parametrize(
    "body",
    [
        "match memory.sample(8):\n                case [first, *others]: use(others)",
        "match memory.sample(8):\n                case {'rows': others, **more}: use(others)",
        "match memory.sample(8):\n                case Row(reward=others) as whole if whole: use(others)",
        "match memory.sample(8):\n                case 1 | others: use(others)",
        "[others := row for row in memory.sample(8)]\n            use(others)",
    ],
    ids=["list", "mapping", "class", "or", "walrus"],
)
def test_a_pattern_binds_what_comes_of_its_subject(project, value_of, body):
    graph = project(STORE + BODY.format(body))
    found = value_of(graph, "others")
    assert {kind for kind, _ in found.tags} == {"draw"}, found


def test_a_caught_exception_hides_the_name_it_takes(project, value_of):
    graph = project(
        """
        error = [1]
        try:
            print()
        except ValueError as error:
            inside = error
        """
    )
    assert not value_of(graph, "inside").atoms


@pytest.mark.parametrize(
    "text",
    [
        "assert x, call()",
        "raise x from call()",
        "class A(metaclass=call()): pass",
        "f = lambda x=call(): x",
        "try: pass\nexcept call(): pass",
        "match x:\n    case 1 if call(): pass",
        "x = 'a' f'{call()}'",
        "x = f'{x:{call()}}'",
        "x = y[*call()]",
    ],
)
def test_calls_in_rare_places_are_seen(project, text):
    graph = project(f"def call(): return 1\n{text}\n")
    assert any(
        isinstance(site.node.func, ir.Name) and site.node.func.id == "call" for site in graph.events.calls.values()
    )


REGISTRY = """
    KNOWN = {}

    def register(kind, name):
        def keep(cls):
            KNOWN[kind, name] = cls
            return cls
        return keep

    def plainly(cls):
        KNOWN["plain", cls.__name__] = cls
        return cls

    def build(kind, name, *args, **options):
        return KNOWN[kind, name](*args, **options)

    class Base:
        pass

    @register("memory", "uniform")
    class Uniform(Base):
        def sample(self, n):
            return n

    @plainly
    class Ranked(Base):
        def sample(self, n):
            return n

    class Other(Base):
        def sample(self, n):
            return n

    def train(settings):
        memory = build("memory", settings.pop("name"), **settings)
        return memory.sample(32)
"""


def test_a_class_that_a_decorator_registers_is_made_by_name(project):
    graph = project(REGISTRY)
    site = next(s for s in graph.events.calls.values() if graph.source(s.path, s.node).startswith("KNOWN[kind, name]("))
    assert {cls.name for cls in site.classes} == {"Uniform", "Ranked"}
    drawn = next(s for s in graph.events.calls.values() if graph.source(s.path, s.node) == "memory.sample(32)")
    assert {func.owner.node.name for func in drawn.targets} == {"Uniform", "Ranked"}
