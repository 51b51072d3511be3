"""What is handed on as `*args`."""

import pytest

CODE = """
    class Memory:
        def sample(self, n, share=0.4):
            return n, share
    class Outer:
        def __init__(self, given):
            self.held, self.given = Memory(), given
        def sample(self, *args):
            return self.held.sample(*args)
    def f(a):
        outer = Outer(a)
        CALLS
"""


@pytest.mark.parametrize(
    ("calls", "options"),
    [
        ("outer.sample(8)", ["const[0.4]"]),
        ("outer.sample(8, a)", ["param[f.a]"]),
        ("outer.sample(8, a); outer.sample(8)", ["param[f.a]", "const[0.4]"]),
        ("outer.sample(*a)", ["item[1](param[sample.args])"]),
    ],
)
def test_what_a_wrapper_hands_on_is_what_it_is_given(project, calls, options):
    graph = project(CODE.replace("CALLS", calls))
    inner = next(f for f in graph.project.functions if any(p.name == "share" for p in f.parameters))
    share = graph.symbols.run(inner, "main.py").env["share"]
    assert [repr(option) for option in graph.symbols.options(share)] == options
