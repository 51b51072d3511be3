"""Classes that a module defines again under the same name, as the cells of a notebook do."""

import textwrap

import pytest

_MODULE = """
class Buffer:
    def draw(self):
        return "first"

class First:
    def __init__(self):
        self.buffer = Buffer()

    def learn(self):
        return self.buffer.draw()

{early}

class Buffer:
    def draw(self):
        return "second"

class Second:
    def __init__(self):
        self.buffer = Buffer()

    def learn(self):
        return self.buffer.draw()

{late}
"""
_MAIN = 'if __name__ == "__main__":\n    First().learn()'


@pytest.mark.parametrize(
    ("early", "late", "expected"),
    [
        ("First().learn()", "Second().learn()", [{"first"}, {"second"}]),
        (_MAIN, "Second().learn()", [{"first"}, {"second"}]),
        ("def run():\n    First().learn()\nrun()", "Second().learn()", [{"first"}, {"second"}]),
        ("", "First().learn()", [{"second"}, {"second"}]),  # nothing ran before the second took its place
        ("First().learn()", "First().learn()", [{"first", "second"}, {"second"}]),
    ],
)
def test_what_runs_before_a_class_is_defined_again_means_the_first(project, early, late, expected):
    graph = project(textwrap.dedent(_MODULE).format(early=early, late=late))
    returned = {
        func.node: func.node.body[0].value.value for site in graph.events.calls.values() for func in site.targets
        if func.node.name == "draw"
    }  # fmt: skip
    drawn = [
        {returned[func.node] for func in site.targets}
        for site in sorted(graph.events.calls.values(), key=lambda site: site.node.start)
        if getattr(site.node.func, "attr", "") == "draw"
    ]
    assert drawn == expected
