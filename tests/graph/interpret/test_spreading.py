"""What the last arguments of a call are for that follow a star of unknown length."""

import pytest


@pytest.mark.parametrize(
    ("signature", "called", "made"),
    [
        ("a, b, w", "*parts, 7", {7}),
        ("w, a, b", "*parts, 7", set()),
        ("a, w, b", "*parts, 7, 8", {7}),
        ("a, b, w", "5, *parts, 7", {7}),
        ("a, b, w=3", "*parts, 7", {7}),  # or b is, and w is what it is without
        ("a, w, b=3", "*parts, 7", {7}),
        ("a, b, w", "*parts, *parts, 7", set()),
        ("a, *w", "*parts, 7", set()),
        ("a, b, *, w", "*parts, w=7", {7}),
    ],
)
def test_arguments_behind_a_star_are_for_the_last_parameters(project, value_of, signature, called, made):
    graph = project(f"""
        def learn({signature}):
            return w

        def run(parts):
            return learn({called})
    """)
    value = value_of(graph, f"learn({called})")
    assert {value.literal()} - {None} == made


def test_a_star_has_as_many_parts_as_there_are_parameters_left(project, value_of):
    graph = project("""
        def learn(a, w, b):
            return w

        def run(test):
            parts = (1, 2) if test else (1, 2, 3, 4)
            return learn(*parts, 5)
    """)
    assert value_of(graph, "learn(*parts, 5)").literal() == 2
