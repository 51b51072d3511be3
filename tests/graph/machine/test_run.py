"""Methods run on small numbers inside the audit."""

import numpy as np
import pytest

from per_audit.facts import ir
from per_audit.graph.machine import Failed, Machine, Single, Stopped, Thing, Token, Unsupported


@pytest.fixture
def run(project):
    """What `Case(*given).ask(*asked)` returns in a project of that text."""

    def answer(text, *asked, given=()):
        graph = project(text)
        cls = next(c for c in graph.project.classes if c.name == "Case")
        machine = Machine(graph)
        thing = machine.make(cls, *given)
        assert isinstance(thing, Thing)
        return machine.call(thing, graph.classes.find_method(cls, "ask"), *asked)

    return answer


def body(*lines, head="self"):
    return (
        "import math\nimport numpy as np\nclass Case:\n    def ask("
        + head
        + "):\n"
        + "".join(f"        {line}\n" for line in lines)
    )


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["return 7 // 2 + 2 ** 3 % 5 - (1 << 2)"], 2),
        (["x = [i * j for i in range(3) for j in range(3) if i != j]", "return sum(x)"], 4),
        (["a, (b, c) = 1, (2, 3)", "return a + b * c"], 7),
        (["n = 0", "while True:", "    n += 1", "    if n > 4:", "        break", "return n"], 5),
        (["n = 0", "for i in range(9):", "    if i % 2:", "        continue", "    n += i", "return n"], 20),
        (["for i in range(3):", "    pass", "else:", "    return 'all'"], "all"),
        (["return 1 if 2 < 3 <= 3 else 0"], 1),
        (["return None or 5 and 6"], 6),
        (["f = lambda x, y=2: x * y", "return f(4) + f(1, y=1)"], 9),
        (["def f(x):", "    return x + y", "y = 3", "return f(1)"], 4),
        (["return math.ceil(math.log2(9)) + int(2.9) + len([1, 2]) + max(1, 3)"], 11),
        (["a = np.zeros(4)", "a[1:3] = 2", "np.add.at(a, [0, 0], 1)", "return a.tolist()"], [2.0, 2.0, 2.0, 0.0]),
        (["a = np.zeros(2, dtype='uint32')", "a[0] = 7", "return a.tolist()"], [7, 0]),
        (["a = np.empty(2, dtype=object)", "a[0] = 1", "return a.tolist()"], [1, None]),
        (["a = np.arange(6).reshape(2, 3)", "return a[:, -1].sum()"], 7),
        (["d = {'a': 1}", "d['b'] = 2", "return sum(d.values())"], 3),
        (["assert isinstance(1, (int, np.integer))", "return (n := 4) + n"], 8),
    ],
)
def test_python_means_what_it_means(run, lines, expected):
    assert run(body(*lines)) == expected


def test_objects_hold_their_fields_and_call_their_methods(run):
    text = """
class Base:
    scale = 10

    def __init__(self, size, unit):
        self.rows = [unit] * size

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, at):
        return self.rows[at]

    def __setitem__(self, at, value):
        self.rows[at] = value

    def ask(self, value):
        return value


class Case(Base):
    def __init__(self, size):
        super().__init__(size, unit=1)
        self.other = Base(2, 0)

    @property
    def last(self):
        return self[-1]

    def ask(self, value):
        self[1] = value
        self.other[0] += 3
        return super().ask(self.last), self[1] * self.scale, len(self), len(self.other), self.other[0]
"""
    assert run(text, 5, given=(3,)) == (1, 50, 3, 2, 3)


def test_an_array_is_changed_in_place_under_all_names(run):
    assert run(body("a = np.ones(2)", "b = a", "b += 1", "return a.sum()")) == 4.0


def test_tokens_pass_through_and_are_not_looked_into(run):
    token = Token("row")
    assert run(body("kept = [None]", "kept[0] = row", "return kept[0]", head="self, row"), token) is token
    with pytest.raises(Unsupported):
        run(body("return row == 0", head="self, row"), token)
    with pytest.raises(Unsupported):
        run(body("return 1 if row else 2", head="self, row"), token)


@pytest.mark.parametrize(
    "lines",
    [
        ["return open('x')"],
        ["import os", "return os.getcwd()"],
        ["return eval('1')"],
        ["return np.load('x')"],
        ["return np.random.rand()"],
        ["return np.ones(10 ** 9)"],
        ["return [0] * 10 ** 9"],
        ["return 10 ** 10 ** 10"],
        ["return list(range(10 ** 9))"],
        ["with self as x:", "    return x"],
        ["yield 1"],
        ["return (1).__class__"],
        ["return np.lib.format()"],
        ["return 'a' * 9"],
        ["return something_unknown"],
    ],
)
def test_what_is_not_known_ends_the_run(run, lines):
    with pytest.raises(Stopped):
        run(body(*lines))


@pytest.mark.parametrize(
    "lines",
    [
        ["while True:", "    pass"],
        ["return self.ask()"],
        ["return [1][2]"],
        ["return 1 / 0"],
        ["assert False"],
        ["raise ValueError"],
        ["a, b = 1, 2, 3"],
        ["return np.zeros(2)[5]"],
    ],
)
def test_errors_of_the_code_are_told_as_such(run, lines):
    with pytest.raises(Failed):
        run(body(*lines))


def test_torch_arrays_are_of_32_bits(run):
    text = "import torch\n" + body("a = torch.zeros(3)", "a[0] = 0.1", "return a")
    answer = run(text)
    assert answer.dtype == np.float32


def test_arguments_by_name_default_and_star(run):
    text = body("def f(a, b=2, *c, d=4):", "    return a, b, c, d", "return f(1), f(1, 3, 5, 6, d=7), f(*[8, 9])")
    assert run(text) == ((1, 2, (), 4), (1, 3, (5, 6), 7), (8, 9, (), 4))


def test_every_kind_of_expression_is_followed_or_ends_the_run(project):
    graph = project("class Case:\n    def ask(self):\n        return f'{self}'\n")
    (cls,) = graph.project.classes
    function = next(s for s in cls.body if isinstance(s, ir.Function))
    machine = Machine(graph)
    with pytest.raises(Unsupported):
        machine.call(machine.make(cls), function)


def test_a_single_rounds_what_is_computed_with_it_as_a_tensor_does():
    small, large = np.float64(0.1), np.float64(1e8)
    for found, exact in [
        (large + Single(1.3), 1e8),
        (Single(1.3) + large, 1e8),
        (large - Single(1.3), 1e8),
        (Single(0.1) - small, 0.0),
        (Single(0.1) * 1, float(np.float32(0.1))),
        (abs(-Single(0.1)), float(np.float32(0.1))),
    ]:
        assert isinstance(found, Single)
        assert float(found) == exact
    held = np.zeros(2)
    held[1] = Single(0.5)
    assert list(held) == [0.0, 0.5]
    assert Single(0.5) == 0.5 <= Single(0.5) >= 0.5
    assert not Single(0.5) < 0.5
    assert not Single(0.5) > 0.5
    assert Single(0.5) != "0.5"
