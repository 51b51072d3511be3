"""Estimates of what a memory costs."""

import pytest

from per_audit.graph.memory import costs


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [
        (0.275, "about 0.28 µs"),
        (8.8, "about 8.8 µs"),
        (352, "about 350 µs"),
        (6_300, "about 6.3 ms"),
        (125_000, "about 120 ms"),
        (1_130_000, "about 1.1 s"),
    ],
)
def test_estimates_for_people(microseconds, text):
    assert costs.spelled(microseconds) == text


def test_reads_out_of_a_deque_cost_by_its_length():
    assert costs.of_read(1_000_000) == pytest.approx(20 * costs.of_read(50_000))


def found(project, text):
    graph = project(f"import random, torch\nimport numpy as np\nfrom collections import deque\n{text}\n")
    (*_, last) = graph.module("main.py").body[-1].body
    return graph, last.value


@pytest.mark.parametrize(
    ("operand", "call", "least", "most"),
    [
        # Medians measured on one core, at 100,000; right is what is within a factor of three.
        ("np.ones(100_000)", "p.max()", 8.7, 9.9),
        ("np.ones(100_000)", "np.min(p[-100_000:])", 8.7, 9.9),
        ("np.ones(100_000)", "max(p)", 2_828, 2_828),
        ("np.ones(100_000)", "p[p > 0].min()", 60, 60),
        ("[1.0] * 100_000", "max(p)", 1_105, 1_105),
        ("[1.0] * 100_000", "np.max(p)", 1_916, 4_904),
        ("[1.0] * 100_000", "sorted(p)", 15_434, 15_434),
        ("[1.0] * 100_000", "max(x**0.6 for x in p)", 3_900, 4_500),
        ("deque(maxlen=100_000)", "max([x for x in p])", 1_600, 2_000),
        ("[1.0] * 100_000", "max(x for x in p)", 1_850, 2_200),
        ("[1.0] * 100_000", "max([*p, 1.0])", 1_105, 1_105),
        ("np.ones(100_000)", "max([*p, 1.0])", 3_400, 3_400),
        ("deque(maxlen=100_000)", "max(p)", 1_184, 1_184),
        ("deque(maxlen=100_000)", "np.array(p, dtype=float).max()", 3_100, 3_100),
        ("np.ones(100_000)", "p.argsort()", 1_331, 1_331),
        ("np.ones(100_000, dtype=np.float32)", "p.max()", 5.1, 5.1),
        ("deque(maxlen=100_000)", "np.sum(np.abs(p))", 1_900, 5_000),
        ("np.ones(100_000, dtype=object)", "p.max()", 1_389, 1_389),
        ("np.empty(100_000, dtype=np.ndarray)", "np.sum(p[:, 0])", 1_261, 1_261),
        ("np.empty(100_000, dtype=np.ndarray)", "np.sum((p + 1e-6) ** 0.6)", 9_800, 9_800),
        ("np.empty(100_000, dtype=object)", "np.sum(np.array(p, dtype=float))", 1_500, 1_500),
        ("[1.0] * 100_000", "torch.tensor(p).max()", 10_000, 10_000),
        ("[1.0] * 100_000", "torch.FloatTensor(p).max()", 4_466, 4_466),
        ("[1.0] * 100_000", "np.vstack(p).max()", 78_000, 108_000),
    ],
)
def test_a_reduction_costs_by_what_it_goes_through_and_who_does_it(project, operand, call, least, most):
    graph, node = found(project, f"def f():\n    p = {operand}\n    p[0] = 2.0\n    x = {call}")
    cost = costs.of_reduction(graph, "main.py", node, 100_000)
    assert most / 3 < cost < 3 * least


def test_to_list_the_items_before_costs_less_than_to_look_for_the_largest(project):
    graph, plain = found(project, "def f():\n    p = deque(maxlen=9)\n    x = max(p)")
    alone = costs.of_reduction(graph, "main.py", plain, 1_000_000)
    graph, listed = found(project, "def f():\n    p = deque(maxlen=9)\n    x = max([each for each in p])")
    assert 1.5 < costs.of_reduction(graph, "main.py", listed, 1_000_000) / alone < 1.8


@pytest.mark.parametrize(("again", "measured"), [("True", 575), ("False", 1_262), ("some", 575)])
def test_numpys_draw_takes_twice_as_long_where_it_does_not_put_back(project, again, measured):
    graph, _ = found(
        project, f"def f(some):\n    a = np.ones(100_000)\n    x = np.random.choice(100_000, 64, replace={again}, p=a)"
    )
    (event,) = graph.events.draws.values()
    assert 0.8 * measured < costs.of_draw(graph, event, 100_000) < 1.2 * measured


def test_the_sum_of_a_list_lies_between_those_of_pythons_numbers_and_of_numpys(project):
    graph, node = found(project, "def f():\n    p = [1.0] * 100_000\n    p[0] = 2.0\n    x = sum(p)")
    assert 372 < costs.of_reduction(graph, "main.py", node, 100_000) < 3_500


@pytest.mark.parametrize("call", ["len(p)", "p.mean()", "min(p, q, default=1)", "p[0]", "max(torch.ones(9))"])
def test_what_was_not_measured_has_no_estimate(project, call):
    graph, node = found(project, f"def f(p, q):\n    x = {call}")
    cost = costs.of_reduction(graph, "main.py", node, 100_000)
    assert cost is None or call.startswith("min")


@pytest.mark.parametrize(
    ("draw", "measured"),
    [
        ("np.random.choice(len(rows), 32, p=np.array(p))", 2_500),
        ("np.random.choice(range(len(rows)), 32, p=q)", 6_195),
        ("np.random.choice(len(rows), 32, p=p)", 3_222),
        ("np.random.choice(len(rows), 32, replace=False, p=np.array(p))", 3_200),
        ("random.choices(rows, weights=p, k=32)", 2_527),
        ("random.choices(rows, weights=a, k=32)", 6_024),
        ("torch.multinomial(q, 32)", 1_945),
        ("torch.multinomial(q, 32, True)", 74),
        ("torch.multinomial(q, 32, replacement=True)", 74),
        ("q.multinomial(32)", 1_945),
        ("np.random.choice(len(rows), 32, p=np.abs(d) / np.sum(np.abs(d)))", 4_400),
    ],
)
def test_a_draw_costs_by_its_library_and_by_what_it_is_given(project, draw, measured):
    made = "p, q, a, d = [1.0] * 100_000, torch.ones(100_000), np.ones(100_000), deque(maxlen=100_000)"
    graph, _ = found(project, f"rows = [None] * 100_000\ndef f():\n    {made}\n    x = {draw}")
    (event,) = graph.events.draws.values()
    cost = costs.of_draw(graph, event, 100_000) + costs.of_preparation(graph, "main.py", event.probabilities, 100_000)
    assert measured / 3 < cost < 3 * measured


OPTION = """
import argparse, torch

parser = argparse.ArgumentParser()
parser.add_argument("--twice", type=bool, default={default})
args = parser.parse_args()

class Memory:
    def __init__(self, twice):
        self.p, self.twice = torch.ones(100_000), twice

    def sample(self, n):
        return torch.multinomial(self.p, n, replacement=self.twice)

Memory({given}).sample(32)
"""


@pytest.mark.parametrize(
    ("given", "default", "expected"),
    [
        ("True", "False", 77),
        ("False", "True", 1_902),
        ("args.twice", "True", 77),
        ("args.twice", "False", 1_902),
        ("read()", "True", None),
    ],
)
def test_a_draw_that_a_setting_makes_put_back(project, given, default, expected):
    graph = project(OPTION.format(given=given, default=default))
    (event,) = graph.events.draws.values()
    assert costs.of_draw(graph, event, 100_000) == (expected and pytest.approx(expected, 0.01))


def test_a_name_that_is_assigned_what_is_made_of_itself(project):
    graph, node = found(project, "def f():\n    p = np.ones(9)\n    p = p / p.sum()\n    x = max(p)")
    assert costs.of_reduction(graph, "main.py", node, 100_000) == pytest.approx(2_828, 0.1)


@pytest.mark.parametrize("draw", ["np.random.permutation(len(rows))", "random.choices(rows, weights=2 * q, k=32)"])
def test_draws_that_were_not_measured(project, draw):
    graph, _ = found(project, f"rows = [None] * 100_000\ndef f():\n    q = torch.ones(100_000)\n    x = {draw}")
    (event,) = graph.events.draws.values()
    assert costs.of_draw(graph, event, 1_000_000) is None


@pytest.mark.parametrize(
    ("made", "computed", "is_single"),
    [
        ("np.zeros(100, dtype=np.float32)", "p", True),
        ("np.zeros(100, np.float32)", "p[:9]", True),
        ("np.full((100,), 1.0, 'f4')", "p ** 0.6 / 9", True),
        ("np.zeros(100)", "p[:9]", False),
        ("np.zeros(100, dtype=np.float64)", "p ** 0.6", False),
        ("np.zeros(100, dtype=np.float32)", "p.astype(np.float64)", False),
        ("[0.0] * 100", "p", False),
    ],
)
def test_floats_of_32_bits_are_told_where_an_array_is_made(project, made, computed, is_single):
    graph, node = found(project, f"def f():\n    p = {made}\n    p[0] = 2.0\n    x = {computed}")
    assert costs.is_single(graph, "main.py", node) is is_single


def test_floats_of_32_bits_cost_half_to_compare_and_twice_to_draw_by(project):
    def cost(kind):
        text = f"def f():\n    p = np.ones(50_000, dtype={kind})\n    q = p / p.sum()\n"
        graph, node = found(project, f"{text}    x = p.max()")
        drawn, _ = found(project, f"{text}    x = np.random.choice(50_000, 32, p=q)")
        (draw,) = drawn.events.draws.values()
        return costs.of_reduction(graph, "main.py", node, 50_000), costs.of_draw(drawn, draw, 50_000)

    (compared, by_pairs), (least, most) = cost("np.float64"), cost("np.float32")
    assert (least / compared, most / by_pairs) == (pytest.approx(0.6, abs=0.1), pytest.approx(2, abs=0.1))


@pytest.mark.parametrize(
    ("made", "written", "measured"),
    [
        ("[1.0] * 10_000", "[x / sum(p) for x in p]", 1_300_000),
        ("deque(maxlen=10_000)", "[x / sum(p) for x in p]", 1_300_000),
        ("deque(maxlen=10_000)", "[p[i] / sum(p) for i in range(len(p))]", 1_300_000),
        ("[1.0] * 10_000", "[x / total for x in p]", 400),
        ("[1.0] * 10_000", "[sum(x) for x in p]", 400),
        ("[1.0] * 10_000", "[x / sum(weights) for x in p]", 400),
    ],
)
def test_a_sum_for_each_item_goes_through_all_pairs(project, made, written, measured):
    text = f"def f(weights):\n    p = {made}\n    p[0] = 2.0\n    total = sum(p)\n    x = {written}"
    graph, node = found(project, text)
    assert costs.is_quadratic(graph, "main.py", node) is (measured > 1_000)
    assert measured / 3 < costs.of_preparation(graph, "main.py", node, 10_000) < 3 * measured
