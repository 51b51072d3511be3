"""Bases and heirs of the classes of a project, and the methods of their objects."""

import pytest

PROGRAM = """
    import abc

    import gymnasium

    class Memory(abc.ABC):
        def add(self, row): ...

        @property
        def size(self): ...

    class Ring(Memory):
        def add(self, row): ...

    class Ranked(Ring):
        def sample(self, n): ...

    class Env(gymnasium.Env):
        def step(self, action): ...
"""


@pytest.fixture
def classes(project):
    graph = project(PROGRAM)
    return graph.classes, {cls.name: cls for cls in graph.project.classes}


def names(found):
    return [cls.name for cls in found]


def test_bases_come_nearest_first_and_heirs_near_and_far(classes):
    hierarchy, known = classes
    assert names(hierarchy.mro(known["Ranked"])) == ["Ranked", "Ring", "Memory"]
    assert sorted(names(hierarchy.heirs(known["Memory"]))) == ["Ranked", "Ring"]
    assert hierarchy.heirs(known["Ranked"]) == ()
    assert sorted(names(hierarchy.kin(known["Ring"]))) == ["Memory", "Ranked", "Ring"]


def test_bases_of_libraries_count_where_they_do_something(classes):
    hierarchy, known = classes
    assert hierarchy.external_bases(known["Ranked"]) == set()
    assert hierarchy.external_bases(known["Env"]) == {"gymnasium.Env"}


def test_an_object_answers_with_the_nearest_method(classes):
    hierarchy, known = classes
    assert hierarchy.find_method(known["Ranked"], "add") is known["Ring"].body[0]
    assert hierarchy.find_method(known["Ring"], "sample") is None


FAMILY = """
    class Base:
        def run(self):
            return self.step()

        def step(self):
            return self.loss()

        def loss(self):
            return 0
""" + "".join(
    f"""
    class Heir{number}(Base):
        def {method}(self):
            return {number}
"""
    for number, method in enumerate([*["show"] * 5, "loss", "run", *["show"] * 5])
)


def test_heirs_of_which_something_else_is_run_come_first(project):
    graph = project(FAMILY)
    known = {cls.name: cls for cls in graph.project.classes}
    run = next(part for part in known["Base"].body if part.name == "run")
    whole = names(graph.classes.heirs_with(known["Base"], run, 20))
    assert set(whole) == known.keys() - {"Base", "Heir6"}
    first = names(graph.classes.heirs_with(known["Base"], run, 3))
    assert first == ["Heir5", *whole[:2]]


def test_what_a_late_heir_puts_in_the_place_of_a_method_is_called(project):
    graph = project(FAMILY)
    (late,) = (cls for cls in graph.project.classes if cls.name == "Heir5")
    assert graph.callers[late.body[0]]
