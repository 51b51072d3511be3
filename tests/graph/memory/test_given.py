"""What parameters and attributes are given by the program that runs."""

import pytest

from per_audit.graph.memory.given import class_around, given
from per_audit.graph.symbolic import Term

MEMORY = """
    class Memory:
        def __init__(self, size=16):
            self.rows = [None] * size

        def add(self, row):
            self.rows.append(row)

    class Small(Memory):
        def __init__(self):
            super().__init__(4)

    class Large(Memory):
        def __init__(self):
            super().__init__(1024)
"""


def numbers(graph, owner):
    """What the parameter `size` of `Memory.__init__` is given in objects of a class."""
    classes = {cls.name: cls for cls in graph.project.classes}
    method, cls = classes["Memory"].body[0], classes.get(owner)
    term = graph.symbols.term("memory.py", method.body[0].value.right)
    assert term.op == "param"
    return {option.number for option in given(graph, term, cls)}


@pytest.mark.parametrize(
    ("run", "owner", "expected"),
    [
        ("Memory(64)", "Memory", {64}),
        ("Memory(64)\nMemory()", "Memory", {64, 16}),
        ("Small()\nLarge()", "Small", {4}),
        ("Small()\nLarge()", "Large", {1024}),
        ("Small()\nLarge()", None, {4, 1024}),
        ("Memory(64)\nSmall()", "Small", {4, 64}),  # the base itself is made as well
    ],
)
def test_what_other_heirs_give_their_base_is_not(project, run, owner, expected):
    graph = project(memory=MEMORY, run=f"from memory import Large, Memory, Small\n\n{run}\n")
    found = numbers(graph, owner)
    assert expected <= found
    assert not {4, 1024} & (found - expected)


@pytest.mark.parametrize(
    ("path", "expected"),
    [("test_memory", {64}), ("tests__try", {64}), ("more", {64, 2})],
)
def test_what_tests_give_is_not_the_program_s(project, path, expected):
    memory = MEMORY[: MEMORY.index("    class Small")]
    made = "from memory import Memory\n\nMemory({})\n"
    graph = project(memory=memory, run=made.format(64), **{path: made.format(2)})
    assert numbers(graph, "Memory") == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("config = Config()\nconfig.size = 64", {64}),
        ("config = Config()", {16}),
        ("config = Config()\nconfig.size = 64\nother = Config()", {16, 64}),
        ("config = Config()\nif config:\n    config.size = 64", {16, 64}),
        ("config = Config()\nconfig = read(config)\nother.size = 64", {16}),
    ],
)
def test_what_an_attribute_was_before_the_program_set_it_is_not(project, body, expected):
    text = f"class Config:\n    def __init__(self):\n        self.size = 16\n\n{body}\nprint(config.size)\n"
    graph = project(text)
    (cls,) = graph.project.classes
    assert {option.number for option in given(graph, Term("field", (), (cls, "size")), cls)} == expected


def test_the_innermost_class_around_a_node(project):
    graph = project("class A:\n    class B:\n        x = 1\n    y = 2\nz = 3\n")
    outer = graph.module("main.py").body[0]
    inner = outer.body[0]
    nodes = [inner.body[0], outer.body[1], graph.module("main.py").body[1]]
    assert [class_around(graph, "main.py", node) for node in nodes] == [inner, outer, None]


PARTS = """
    class Ring:
        def __init__(self, size):
            self.rows = [None] * size

    class Memory:
        def __init__(self, limit):
            self.states, self.rewards = Ring(limit), Ring(limit)

    class Copy(Memory):
        def __init__(self):
            super().__init__(7)
            self.states = Ring(8)

    class Game:
        def __init__(self):
            self.frames = Ring(4)

    Memory(64)
    Copy()
    Game()
    Ring(2)
"""


@pytest.mark.parametrize(
    ("holder", "expected"),
    [("Memory", {64, 7, 8}), ("Copy", {64, 7, 8}), ("Game", {4}), ("Ring", {64, 7, 8, 4, 2}), (None, {64, 7, 8, 4, 2})],
)
def test_a_ring_is_as_long_as_the_memory_makes_it(project, holder, expected):
    graph = project(PARTS)
    classes = {cls.name: cls for cls in graph.project.classes}
    term = graph.symbols.term("main.py", classes["Ring"].body[0].body[0].value.right)
    options = given(graph, term, classes["Ring"], holder=classes.get(holder))
    numbers = {inner.number for each in options for inner in ([each], given(graph, each))[each.op == "param"]}
    assert numbers == expected


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("import train", {64}),  # where the program makes one, what is tried out is none of it
        ("", {3}),
    ],
)
def test_what_is_tried_out_under_main_is_not_the_program_s(project, more, expected):
    memory = (
        MEMORY[: MEMORY.index("    class Small")]
        + """
    if __name__ == "__main__":
        memory = Memory(3)
        memory.add(1)
        print(memory.rows)
"""
    )
    files = {"train": "from memory import Memory\n\nMemory(64)\n"} if more else {}
    graph = project(memory=memory, run=more, **files)
    assert numbers(graph, "Memory") == expected


def test_what_a_block_for_starting_a_file_gives_that_trains_is_the_program_s(project):
    memory = (
        MEMORY[: MEMORY.index("    class Small")]
        + """
    if __name__ == "__main__":
        memory = Memory(3)
        loss(memory.rows).backward()
"""
    )
    graph = project(memory=memory, run="from memory import Memory\n\nMemory(64)\n")
    assert numbers(graph, "Memory") == {3, 64}


FAMILY = """
    class Agent:
        def __init__(self, env, *, size=500, **options):
            self.rows = [None] * size

    class Learner(Agent):
        def __init__(self, *args, {own}**options):
            super().__init__(*args, **options)

    class Deep(Learner):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
"""


@pytest.mark.parametrize(
    ("own", "run", "tested", "expected"),
    [
        ("", "", "Deep(1, size=7)", {500}),  # what tests give by name is none of it
        ("", "Deep(1)", "Deep(1, size=7)", {500}),
        ("", "Deep(1, size=64)", "Deep(1, size=7)", {64}),
        ("", "Deep(1, size=64)", "", {64}),
        ("", "Deep(1, size=64); Learner(2)", "Deep(1, size=7)", {64, 500}),
        ("", "Deep(1, **read())", "Deep(1, size=7)", {None}),  # nobody knows
        ("size=9, ", "Deep(1, size=64)", "", {500}),  # not handed on
    ],
)
def test_what_is_handed_on_by_name_is_what_the_program_gives(project, own, run, tested, expected):
    files = {"tests/test_agents": f"from agents import *\n\n{tested}\n"} if tested else {}
    graph = project(agents=FAMILY.format(own=own), run=f"from agents import *\n\n{run}\n", **files)
    agent = next(cls for cls in graph.project.classes if cls.name == "Agent")
    (term,) = (graph.symbols.term("agents.py", agent.body[0].body[0].value.right),)
    assert {option.number for option in given(graph, term)} == expected


@pytest.mark.parametrize(
    ("path", "function", "expected"),
    [("trials.py", "test_run", {50_000}), ("tests/trials.py", "run", {50_000}), ("trials.py", "run", {50_000, 50})],
)
def test_what_a_test_sets_is_not_the_program_s(project, path, function, expected):
    trainer = """
    class Trainer:
        def __init__(self):
            self.size = 50_000

        def make(self):
            return [None] * self.size
    """
    trial = f"""
    from trainer import Trainer


    def {function}():
        def small():
            trainer.size = 50

        trainer = Trainer()
        small()
        trainer.make()
    """
    graph = project(trainer=trainer, **{path.removesuffix(".py").replace("/", "__"): trial})
    (cls,) = graph.project.classes
    term = graph.symbols.term("trainer.py", cls.body[1].body[0].value.right)
    assert {option.number for option in given(graph, term)} == expected


@pytest.mark.parametrize(("mixed", "expected"), [("Base", {64, 9}), ("Large, Sized", {64, 2_000, 9})])
def test_what_another_heir_sets_for_itself_is_not_read_here(project, mixed, expected):
    """But what the objects that are read from may have of another of their bases is."""
    graph = project(
        memory=f"""
    class Base:
        def cut(self):
            self.size = 9

    class Large(Base):
        def __init__(self):
            self.size = 64

        def make(self):
            return [None] * self.size

    class Sized(Base):
        def grow(self):
            self.size = 2_000

    class Both({mixed}):
        pass


    Large().make()
    Sized().cut()
    Both().cut()
    """
    )
    large = next(cls for cls in graph.project.classes if cls.name == "Large")
    term = graph.symbols.term("memory.py", large.body[1].body[0].value.right)
    assert {option.number for option in given(graph, term)} == expected


@pytest.mark.parametrize(
    ("begins", "expected"),
    [
        ("self.size = 64", {64}),
        ("super().__init__()", {9}),
        ("self.size = 64\n            Base.__init__(self)", {64, 9}),
    ],
)
def test_what_a_constructor_sets_that_is_never_run_is_not(project, begins, expected):
    graph = project(
        memory=f"""
    class Base:
        def __init__(self):
            self.size = 9

    class Large(Base):
        def __init__(self):
            {begins}

        def make(self):
            return [None] * self.size


    Base()
    Large().make()
    """
    )
    large = next(cls for cls in graph.project.classes if cls.name == "Large")
    term = graph.symbols.term("memory.py", large.body[1].body[0].value.right)
    assert {option.number for option in given(graph, term)} == expected


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([64] * 11 + [1000], {64, 1000}),
        (range(1, 11), {*range(1, 8), None}),  # more different ones than are read
        ([64] * 60 + [1000], {64, None}),
    ],
)
def test_what_the_last_of_many_calls_gives_is_read_or_not_known(project, sizes, expected):
    run = "\n".join(f"Memory({size})" for size in sizes)
    assert numbers(project(memory=MEMORY, run=f"from memory import Memory\n\n{run}\n"), "Memory") == expected
