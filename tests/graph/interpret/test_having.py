"""Of which of several things that stand at one place a method is called."""

import pytest


@pytest.mark.parametrize(
    ("name", "made", "kept"),
    [
        ("update", "deque()", []),
        ("add", "[]", []),
        ("append", "deque()", ["append"]),
        ("update", "{}", ["extend"]),
        ("put", "deque()", []),
        ("put", "queue.Queue()", ["append"]),
        ("other", "deque()", []),
    ],
)
def test_a_list_has_no_method_that_only_the_object_in_its_place_has(project, name, made, kept):
    graph = project(
        f"""
        import queue
        from collections import deque

        class Tree:
            def {name}(self, at):
                self.at = at

        class Agent:
            def __init__(self):
                self.memory = {made}

        class Sorted(Agent):
            def __init__(self):
                super().__init__()
                self.memory = Tree()

            def learn(self):
                self.memory.{name}(3)

        Sorted().learn()
        """
    )
    assert [store.how for store in graph.events.stores.values()] == kept
    (call,) = (site for site in graph.events.calls.values() if getattr(site.node.func, "attr", "") == name)
    assert [func.node.name for func in call.targets] == [name]
