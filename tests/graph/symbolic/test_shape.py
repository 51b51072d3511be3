"""Shapes of terms."""

import pytest

from per_audit.facts import ir
from per_audit.graph.symbolic.shape import BATCH, OPEN, SOME, broadcast, is_column_conflict

PROGRAM = """
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import tensorflow as tf

class Critic(nn.Module):
    def __init__(self):
        self.one = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1), nn.Tanh())
        self.many = nn.Linear(8, 6)

def learn(net, p, rows, states, goals, gamma):
    critic = Critic()
    at = np.random.choice(len(rows), 32, p=p)
    picked = p[at]
    unknown = rows[at]
    column = picked.reshape(-1, 1)
    alike = picked.reshape(column.shape)
    raised = picked.reshape((32,) + (1,) * (len(goals.shape) - 1))
    viewed = torch.as_tensor(picked).view(column.size())
    actions = torch.as_tensor(picked).unsqueeze(1)
    chosen = net(states).gather(1, actions)
    best = net(states).max(1)[0]
    kept = net(states).sum(1, keepdim=True)
    pairs = net(states)[np.arange(32), at]
    width = critic.one(states)
    widths = critic.many(states)
    moved = goals + gamma * best
    beside = goals + gamma * kept
    error = chosen - goals
    losses = F.mse_loss(chosen, goals, reduction="none")
    averaged = F.mse_loss(chosen, goals)
    rowwise = tf.keras.losses.mse(chosen, column)
    placed = tf.compat.v1.placeholder(tf.float32, [None, 1])
    filled = np.empty((32, 1))
    filled[0] = picked[0]
    bent = picked ** goals
    crossed = -(pairs * pairs.log()).sum(1)
    table = net(states)[np.arange(32), column]
    summed = -(unknown * table.log()).sum(1)
    kept_actions = np.zeros((100, 1), int)
    some = kept_actions[net.places(states)]
    tabled = net(states)[np.arange(32), some]
    flattened = net(states)[np.arange(32), some.squeeze(1)]
    spread = -(unknown * tabled.log()).sum(1)
    typed = np.zeros(32, int)
    typed[0] = picked[0]
    return picked, unknown, column, alike, viewed, chosen, best, kept, pairs, width, widths, moved, beside, error, \\
        losses, averaged, rowwise, placed, filled, bent, crossed, table, summed, typed, \\
        some, tabled, flattened, spread, raised
"""


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("picked", (BATCH,)),
        ("unknown", None),
        ("column", (BATCH, 1)),
        ("alike", (BATCH, 1)),
        ("viewed", (BATCH, 1)),
        ("chosen", (BATCH, 1)),
        ("best", (BATCH,)),
        ("kept", (BATCH, 1)),
        ("pairs", (BATCH,)),
        ("width", (BATCH, 1)),
        ("widths", (BATCH, SOME)),
        ("moved", (BATCH,)),
        ("beside", None),
        ("error", (BATCH, 1)),
        ("losses", (BATCH, 1)),
        ("averaged", ()),
        ("rowwise", (BATCH,)),
        ("placed", (BATCH, 1)),
        ("filled", (BATCH, 1)),
        ("bent", (BATCH,)),
        ("crossed", (BATCH,)),
        ("table", OPEN),
        ("summed", OPEN),
        ("typed", (BATCH,)),
        ("some", None),
        ("tabled", OPEN),
        ("flattened", None),
        ("spread", OPEN),
        ("raised", None),
    ],
)
def test_shapes(project, name, shape):
    graph = project(PROGRAM)
    node = [n for n in ir.walk(*graph.module("main.py").body) if isinstance(n, ir.Name) and n.id == name][-1]
    assert graph.shapes.of(graph.symbols.term("main.py", node)) == shape


@pytest.mark.parametrize(
    ("a", "b", "both"),
    [
        ((BATCH,), (BATCH, 1), (BATCH, BATCH)),
        ((BATCH, 1), (BATCH, SOME), (BATCH, SOME)),
        ((SOME,), (BATCH,), (BATCH,)),
        ((), (BATCH, 1), (BATCH, 1)),
    ],
)
def test_broadcasting(a, b, both):
    assert broadcast(a, b) == broadcast(b, a) == both


def test_a_row_and_a_column_conflict():
    assert is_column_conflict((BATCH,), (BATCH, 1))
    assert is_column_conflict((BATCH, 1), (BATCH,))
    assert not is_column_conflict((BATCH, 1), (BATCH, SOME))
    assert not is_column_conflict((BATCH,), None)


def test_a_parameter_that_a_function_passes_to_itself(project):
    graph = project(
        """
        import numpy as np

        def halve(values, times):
            if times == 0:
                return values
            return halve(values / 2, times - 1)

        halve(np.zeros((4, 1)), 3)
        """
    )
    node = next(n for n in ir.walk(*graph.module("main.py").body) if isinstance(n, ir.Bin))
    assert graph.shapes.of(graph.symbols.term("main.py", node.left)) == (SOME, 1)


LEVELS = """
import numpy as np

class Levels:
    def __init__(self, depth):
        self.tables = [np.zeros(1), np.zeros(2)]
        self.wide = [np.zeros((1, 4)), np.zeros((2, 4))]
        self.mixed = [np.zeros(1), np.zeros((2, 4))]
        for k in range(2, depth):
            self.tables.append(np.zeros(2**k))

    def find(self, n):
        mass = np.random.uniform(0, self.tables[0][0], size=n)
        at = np.zeros(n, dtype=int)
        for table in self.tables[1:]:
            at *= 2
            beyond = {test}
            at += beyond
            mass -= table[at] * beyond
        last = self.tables[-1]
        root = self.tables[0][0]
        read = last[at]
        row = self.wide[0]
        any = self.mixed[0]
        return at, last, root, read, row, any
"""


@pytest.mark.parametrize(
    ("name", "shape"),
    [("at", (BATCH,)), ("last", (SOME,)), ("root", ()), ("read", (BATCH,)), ("row", (SOME, SOME)), ("any", None)],
)
def test_places_that_are_found_level_by_level_in_a_list_of_arrays(project, name, shape):
    graph = project(LEVELS.replace("{test}", "np.greater(mass, table[at])"))
    node = [n for n in ir.walk(*graph.module("main.py").body) if isinstance(n, ir.Name) and n.id == name][-1]
    assert graph.shapes.of(graph.symbols.term("main.py", node)) == shape


@pytest.mark.parametrize(
    ("test", "shape"),
    [("mass > table[at]", (BATCH,)), ("np.less_equal(mass, table[at])", (BATCH,)), ("np.other(mass, table[at])", None)],
)
def test_a_comparison_is_as_long_as_what_is_compared(project, test, shape):
    graph = project(LEVELS.replace("{test}", test))
    node = [n for n in ir.walk(*graph.module("main.py").body) if isinstance(n, ir.Name) and n.id == "beyond"][-1]
    assert graph.shapes.of(graph.symbols.term("main.py", node)) == shape


HELD = """
import numpy as np
from collections import deque

class Memory:
    def __init__(self, size, power=0.6):
        self.ratings, self.power, self.size = deque(maxlen=size), power, size

    def weights(self, n, beta):
        shares = {shares}
        shares = shares / np.sum(shares)
        slots = np.random.choice(self.size, n, p=shares)
        weights = (self.size * shares[slots]) ** -beta
        return weights
"""


@pytest.mark.parametrize("shares", ["np.array(self.ratings) ** self.power", "np.array(self.ratings)"])
def test_a_list_in_an_attribute_is_no_setting(project, shares):
    graph = project(HELD.replace("{shares}", shares))
    (module,) = graph.project.modules.values()
    (returned,) = [node for node in module.nodes_of(ir.Return) if isinstance(node, ir.Return)]
    assert graph.shapes.of(graph.symbols.term(module.path, returned.value)) == (BATCH,)


@pytest.mark.parametrize(
    ("joined", "shape"),
    [
        ("torch.cat(actions)", (BATCH, 1)),
        ("torch.stack(actions)", None),
        ("torch.cat(given)", None),
        ("torch.cat([actions[0], given[0]])", None),
    ],
)
def test_tensors_of_the_rows_that_were_drawn_pick_a_value_for_each_where_they_are_joined(project, joined, shape):
    graph = project(f"""
        import numpy as np
        import torch

        def learn(net, p, rows, given):
            at = np.random.choice(len(rows), 32, p=p)
            states, actions = zip(*[rows[i] for i in at])
            chosen = net(torch.cat(states)).gather(1, {joined})
            return chosen
    """)
    (function,) = graph.project.functions
    assert graph.shapes.of(graph.symbols.run(function, "main.py").env["chosen"]) == shape


@pytest.mark.parametrize(
    ("picked", "shape"),
    [
        ("[shares[i] for i in slots]", (BATCH,)),
        ("[shares[i] for i in self.others]", None),
        ("[self.table[i] for i in slots]", None),  # may be rows
    ],
)
def test_numbers_picked_one_by_one_from_what_was_drawn_by_are_a_row(project, picked, shape):
    graph = project(f"""
        import numpy as np
        import torch

        class Memory:
            def __init__(self, rows, table, others):
                self.rows, self.table, self.others = rows, table, others

            def draw(self, n, by_rank=False):
                if by_rank:
                    ratings = [1 / (1 + row.place) for row in self.rows]
                else:
                    ratings = [row.rating for row in self.rows]
                shares = np.array(ratings) / np.sum(ratings)
                slots = np.random.choice(len(self.rows), n, p=shares)
                return torch.tensor({picked})

        def draw(rows, table, others):
            return Memory(rows, table, others).draw(32)
    """)
    function = [each for each in graph.project.functions if each.name == "draw"][-1]
    assert graph.shapes.of(graph.symbols.returned(function)) == shape
