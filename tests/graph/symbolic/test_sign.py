"""Signs of terms."""

import pytest

from per_audit.facts import ir
from per_audit.graph.symbolic.sign import above_zero, not_negative

MAIN = """
import numpy as np
import torch.nn.functional as F

SMALL = 1e-6

def f(a, b):
    value = {}
    return value
"""


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("abs(a - b)", True),
        ("(a - b) ** 2", True),
        ("(a - b) * (a - b)", True),
        ("np.abs(a - b) + 0.1", True),
        ("np.maximum(a - b, 0)", True),
        ("np.clip(a - b, 0, 1)", True),
        ("np.clip(a - b, -1, 1)", False),
        ("abs(a) * 2", True),
        ("abs(a) / abs(b)", True),
        ("F.mse_loss(a, b)", True),
        ("np.exp(a)", True),
        ("np.sqrt(abs(a - b))", True),
        ("a - b", False),
        ("-abs(a)", False),
        ("-(a * F.log_softmax(b, 1)).sum(1)", None),
        ("-np.log(a)", None),
        ("-(a * b).sum(1)", False),
        ("(a - b) ** 3", False),
        ("np.mean(a - b)", False),
        ("np.minimum(abs(a), a - b)", False),
        ("a", None),
        ("abs(a) + b", None),
        ("-1", False),
    ],
)
def test_not_negative(project, text, known):
    graph = project(MAIN.format(text))
    (path,) = graph.project.modules
    module = graph.module(path)
    node = [n for n in ir.walk(*module.body) if isinstance(n, ir.Expr) and module.source(n) == text][-1]
    assert not_negative(graph.symbols.term(path, node), graph.symbols) is known


ADDED = """
class Memory:
    def __init__(self, small{default}):
        self.small = {made}

    def rate(self, old, new):
        {change}
        return {sign} + self.small


memory = Memory({given})
"""


@pytest.mark.parametrize(
    ("given", "default", "made", "change", "sign", "known"),
    [
        ("0.01", "", "small", "pass", "(new - old)", False),
        ("", "=1e-5", "small", "pass", "(new - old)", False),
        ("", "", "1e-5", "pass", "(new - old)", False),
        ("0.01", "", "small", "pass", "abs(new - old)", True),
        ("0.01", "", "small", "self.small = max(self.small, -new.min())", "(new - old)", None),
        ("0.01", "", "small", "self.small += old", "(new - old)", None),
        ("0.01", "", "small", "pass", "old", None),
    ],
)
def test_a_setting_that_is_added_is_no_bound(project, given, default, made, change, sign, known):
    graph = project(ADDED.format(given=given, default=default, made=made, change=change, sign=sign))
    (path,) = graph.project.modules
    module = graph.module(path)
    node = [n for n in ir.walk(*module.body) if isinstance(n, ir.Bin) and module.source(n) == f"{sign} + self.small"]
    assert not_negative(graph.symbols.term(path, node[-1]), graph.symbols) is known


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("abs(a - b) + 1e-6", True),
        ("abs(a - b) + SMALL", True),
        ("np.maximum(abs(a - b), 0.01)", True),
        ("np.clip(abs(a - b), 1e-3, 1)", True),
        ("(abs(a - b) + 1e-6) ** 0.6", True),
        ("abs(a - b)", False),
        ("abs(a - b) + 0", False),
        ("abs(a - b) + b * a", None),
        ("abs(a - b) ** 0.6", False),
        ("0.3 * max(a) + (1 - 0.3) * (abs(a - b) + 1e-6)", True),
        ("b * max(a) + (1 - b) * (abs(a - b) + 1e-6)", None),
        ("np.minimum(abs(a - b), 1)", False),
        ("F.mse_loss(a, b, reduction='none')", False),
        ("F.smooth_l1_loss(a, b, reduction='none')", False),
        ("F.cross_entropy(a, b, reduction='none')", None),
        ("a", None),
    ],
)
def test_above_zero(project, text, known):
    graph = project(MAIN.format(text))
    (path,) = graph.project.modules
    module = graph.module(path)
    node = [n for n in ir.walk(*module.body) if isinstance(n, ir.Expr) and module.source(n) == text][-1]
    assert above_zero(graph.symbols.term(path, node), graph.symbols) is known


SETTING = """
class Memory:
    def __init__(self, small{default}):
        self.small = small{later}

    def rate(self, error):
        return abs(error) + self.small


memory = Memory({given})
"""


@pytest.mark.parametrize(
    ("given", "default", "later", "known"),
    [
        ("0.01", "", "", True),
        ("0.0", "", "", False),
        ("", "=0", "", False),
        ("1e-5", "=0", "", True),
        ("read()", "", "", True),
        ("0", "", "\n\n    def lift(self, by):\n        self.small = by", True),
        ("0", "", "\n\n    def lift(self, by):\n        self.small += by", True),
    ],
)
def test_a_setting_counts_unless_it_is_known_to_be_zero(project, given, default, later, known):
    graph = project(SETTING.format(given=given, default=default, later=later))
    (path,) = graph.project.modules
    module = graph.module(path)
    node = next(n for n in ir.walk(*module.body) if module.source(n) == "abs(error) + self.small")
    found = above_zero(graph.symbols.term(path, node), graph.symbols)
    assert (found is True) is known
