"""Classes and methods of one name, and which of them a call means."""

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


@pytest.mark.parametrize(
    ("call", "filled"),
    [
        ("memory.put(state, 1, reward=0.5)", {"Steps"}),
        ("memory.put(state)", {"Views"}),
        ("memory.put(item=state)", {"Views"}),
        ("memory.put(*given)", {"Steps", "Views"}),
        ("memory.put(state, 1, 2, 3, 4)", {"Steps", "Views"}),  # none takes it: nothing is told apart
    ],
)
def test_a_method_of_the_objects_that_are_kept_together_is_that_which_takes_what_it_is_given(project, call, filled):
    graph = project(f"""
        import sys

        given = tuple(sys.argv)

        class Steps:
            def __init__(self):
                self.rows = []
            def put(self, state, action, reward=0.0, following=None):
                self.rows.append((state, action, reward, following))

        class Views:
            def __init__(self):
                self.rows = []
            def put(self, item):
                self.rows.append(item)

        class Player:
            def __init__(self, memories):
                self.memories = memories
            def play(self, name, state):
                memory = self.memories[name]
                {call}

        Player([Steps(), Views()]).play(int(sys.argv[1]), 0)
    """)
    assert _called(graph, "memory.put") == filled


def test_what_decorates_a_method_may_take_anything(project):
    graph = project("""
        import sys

        from tools import wrapped

        class Steps:
            def __init__(self):
                self.rows = []
            def put(self, state, action):
                self.rows.append((state, action))

        class Views:
            def __init__(self):
                self.rows = []
            @wrapped
            def put(self, item):
                self.rows.append(item)

        memories = [Steps(), Views()]
        memories[int(sys.argv[1])].put(0, 1)
    """)
    assert _called(graph, "put") == {"Steps", "Views"}


def _called(graph, method):
    """The classes whose method a call by such a name leads to."""
    sites = [site for site in graph.events.calls.values() if graph.source(site.path, site.node.func).endswith(method)]
    return {graph.project.class_of[func.node].name for site in sites for func in site.targets}
