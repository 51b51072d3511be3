"""What the interpreter remembers."""

import pytest

from per_audit.graph.interpret.values import UNKNOWN


@pytest.mark.parametrize(
    ("code", "known"),
    [
        ("while at < 8:\n    at = 2 * at\n    if mass > sums[at]:\n        mass -= sums[at]", True),
        ("while at < 8:\n    at = 2 * at\n    if mass > sums[at]:\n        mass = mass - sums[at]", True),
        ("while at < 8:\n    at = 2 * at\n    if mass > sums[at]:\n        mass -= 1", False),
        ("while at < 8:\n    if mass > 0.5: at += 1", False),
        ("left = mass - sums[0]", False),
        ("at = np.searchsorted(np.cumsum(sums), mass)", True),
    ],
)
def test_a_random_number_that_is_compared_and_reduced_walks_a_tree(project, code, known):
    body = "\n            ".join(code.splitlines())
    graph = project(
        f"""
        import random
        import numpy as np

        def find(sums):
            at, mass = 1, random.random()
            {body}
            return at

        find(np.zeros(16))
        """
    )
    assert [mass.descends for mass in graph.events.masses.values()] == [known]


def test_comparing_in_one_function_and_reducing_in_another_is_no_walk(project):
    graph = project(
        """
        import random

        def less(mass, total):
            return mass < total

        def rest(mass, total):
            return mass - total

        def find(total):
            mass = random.random()
            less(mass, total)
            return rest(mass, total)

        find(3.5)
        """
    )
    (mass,) = graph.events.masses.values()
    assert mass.compared_in
    assert mass.reduced_in
    assert not mass.descends


@pytest.mark.parametrize(
    ("drawn", "walks"),
    [("for _ in range(8):\n    mass = random.random()", False), ("mass = random.random()\nfor _ in range(8):", True)],
)
def test_what_is_taken_once_from_each_random_number_chooses_and_walks_no_tree(project, drawn, walks):
    body = "\n            ".join(drawn.splitlines())
    graph = project(
        f"""
        import random

        def choose(first, second):
            {body}
                if mass >= first:
                    mass -= first
                    print(mass < second)

        choose(0.2, 0.3)
        """
    )
    assert [mass.descends for mass in graph.events.masses.values()] == [walks]


def test_a_random_number_that_a_function_hands_to_itself_walks_a_tree(project):
    graph = project(
        """
        import random

        def find(sums, at=0, mass=None):
            if mass is None:
                mass = random.random() * sums[0]
            if at >= 8:
                return at
            return find(sums, 2 * at, mass) if mass < sums[at] else find(sums, 2 * at + 1, mass - sums[at])

        find([1.0] * 16)
        """
    )
    assert [mass.descends for mass in graph.events.masses.values()] == [True]


def test_what_was_not_reached_is_unknown(project):
    graph = project("x = 1\n")
    assert graph.events.value(None) is UNKNOWN
    assert graph.events.value(graph.module("main.py").body[0]) is UNKNOWN


def test_a_method_that_an_heir_overrides_is_named_for_all_objects(project, value_of):
    graph = project(
        """
        class Memory:
            def sample(self):
                return self.pick()

            def pick(self):
                return 1

        class Balanced(Memory):
            def pick(self):
                return 2

        Memory().sample()
        Balanced().sample()
        """
    )
    assert {graph.project.class_of[atom.node].name for atom in value_of(graph, "self.pick").atoms} == {
        "Memory",
        "Balanced",
    }
