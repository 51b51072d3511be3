"""Classes of one name, and which of them a call makes an object of."""

import pytest

from per_audit.graph.interpret.values import Instance


@pytest.mark.parametrize(
    ("call", "made"),
    [
        ("Past(100, 0.6)", {"alpha"}),
        ("Past(100)", {"size"}),
        ("Past(size=100)", {"size"}),
        ("Past(100, alpha=0.6)", {"alpha"}),
        ("Past(100, 0.6, 3, 4)", {"alpha", "size"}),  # none takes it: nothing is told apart
        ("Past(*given)", {"alpha", "size"}),
        ("Past(**given)", {"alpha", "size"}),
    ],
)
def test_a_call_makes_the_class_that_takes_what_it_gives(project, value_of, call, made):
    graph = project(f"""
        import sys

        given = tuple(sys.argv)
        if given:
            class Past:
                def __init__(self, size, alpha):
                    self.size, self.alpha = size, alpha
        else:
            class Past:
                def __init__(self, size):
                    self.size = size

        def play():
            return {call}

        play()
    """)
    found = {atom.node for atom in value_of(graph, call).atoms if isinstance(atom, Instance)}
    assert {cls.body[0].parameters[-1].name for cls in found} == made


def test_what_decorates_a_class_or_takes_any_arguments_refuses_none(project, value_of):
    graph = project("""
        import sys

        from tools import wrapped

        if sys.argv:
            @wrapped
            class Past:
                def __init__(self, size):
                    self.size = size
        elif sys.path:
            class Past:
                def __init__(self, *sizes, **more):
                    self.sizes = sizes
        else:
            class Past:
                def __init__(self, size, alpha, beta=0.4):
                    self.size = size

        def play():
            return Past(100, 0.6)

        play()
    """)
    assert len([atom for atom in value_of(graph, "Past(100, 0.6)").atoms if isinstance(atom, Instance)]) == 3
