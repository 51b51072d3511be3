"""Where beta comes from, and what changes it."""

import pytest

from per_audit.graph.prioritised.beta.schedule import Beta, unbounded
from per_audit.graph.symbolic import Term
from per_audit.graph.symbolic.term import const

MAIN = """
import numpy as np
import torch


class Memory:
    def __init__(self, size, beta=0.4):
        self.rows, self.mass, self.size, self.at = [None] * size, np.zeros(size), size, 0
        self.beta, self.rate = beta, 0.001

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at % self.size] = (state, action, reward, next_state, done)
        self.mass[self.at % self.size] = 1.0
        self.at += 1

    def sample(self, n, beta):
        p = self.mass / self.mass.sum()
        slots = np.random.choice(self.size, n, p=p)
        CHANGE
        weights = (self.size * p[slots]) ** -BETA
        return [self.rows[i] for i in slots], slots, weights

    def update(self, slots, errors):
        self.mass[slots] = np.abs(errors)


def train(net):
    memory = Memory(100)
    for step in range(1000):
        memory.push(*net.step())
        batch, slots, weights = memory.sample(32, GIVEN)
        errors = net.errors(batch)
        (torch.as_tensor(weights) * errors**2).mean().backward()
        memory.update(slots, errors)
"""


@pytest.fixture
def beta(project):
    def find(beta, change="pass", given="0.4"):
        graph = project(MAIN.replace("BETA", beta).replace("CHANGE", change).replace("GIVEN", given))
        return Beta(graph, graph.anatomy(graph.buffers[0]))

    return find


@pytest.mark.parametrize(
    ("change", "written"),
    [
        ("pass", 0),
        ("self.beta = min(1.0, self.beta + self.rate)", 1),
        ("self.beta += 0.001", 1),
        ("self.rate = 0.1", 0),
    ],
)
def test_writes_of_an_attribute(beta, change, written):
    found = beta("self.beta", change)
    assert found.fields[0].data[1] == "beta"
    assert len(found.later_writes) == written
    assert len(found.first_values(found.fields[0])) == 1


@pytest.mark.parametrize(("given", "grows"), [("0.4", False), ("0.4 + 0.6 * step / 1000", True)])
def test_what_callers_pass(beta, given, grows):
    found = beta("beta", given=given)
    (exponent,) = found.exponents
    assert exponent.op == "param"
    assert found.fields == []
    (passed,) = found.passed(exponent)
    assert found.counts(passed) is grows
    assert (found.literals(passed) is None) is grows


def test_a_bound_is_no_part_of_the_step():
    step = Term("add", (Term("field", (), ("Memory", "beta")), const(0.1)))
    assert unbounded(Term("minimum", (const(1.0), step))) == step
    assert unbounded(Term("clip", (step, const(0.0), const(1.0)))) == step
    assert unbounded(step) == step


def test_a_number_is_an_exponent_without_its_sign(project):
    graph = project("HALF = 0.5\n" + MAIN.replace("-BETA", "(-HALF)").replace("CHANGE", "pass").replace("GIVEN", "1"))
    assert [exponent.number for exponent in Beta(graph, graph.anatomy(graph.buffers[0])).exponents] == [0.5]


@pytest.mark.parametrize(("raised", "known"), [("shares", ["param[sample.beta]"]), ("self.ages", [])])
def test_a_power_of_what_the_nodes_of_a_tree_hold(project, raised, known):
    graph = project(
        memory=f"""
            import random
            import numpy as np

            class Knot:
                def __init__(self, left, right, mass, slot):
                    self.left, self.right, self.mass, self.slot, self.parent = left, right, mass, slot, None
                    if left is not None:
                        left.parent = right.parent = self

            def find(knot, mass):
                if knot.left is None:
                    return knot
                if mass <= knot.left.mass:
                    return find(knot.left, mass)
                return find(knot.right, mass - knot.left.mass)

            def rate(knot, mass):
                change, knot.mass = mass - knot.mass, mass
                while knot.parent is not None:
                    knot = knot.parent
                    knot.mass += change

            class Memory:
                def __init__(self):
                    self.rows, self.at, self.ages = [None] * 2, 0, np.ones(2)
                    self.leaves = [Knot(None, None, 0.0, slot) for slot in range(2)]
                    self.root = Knot(*self.leaves, 0.0, None)

                def add(self, state, action, reward, next_state, done):
                    self.rows[self.at] = (state, action, reward, next_state, done)
                    rate(self.leaves[self.at], 1.0)
                    self.at = 1 - self.at

                def update(self, slots, errors):
                    for slot, error in zip(slots, errors):
                        rate(self.leaves[slot], abs(error) + 1e-6)

                def sample(self, n, beta):
                    knots = [find(self.root, random.uniform(0, self.root.mass)) for _ in range(n)]
                    shares = np.array([knot.mass / self.root.mass for knot in knots])
                    weights = (2 * {raised}) ** -beta
                    return [self.rows[knot.slot] for knot in knots], weights, [knot.slot for knot in knots]
        """,
        train="""
            import torch
            from memory import Memory

            def train(env, net, optimizer):
                memory, state = Memory(), env.reset()
                for step in range(1000):
                    next_state, reward, done, _ = env.step(net.act(state))
                    memory.add(state, 0, reward, next_state, done)
                    state = next_state
                    rows, weights, slots = memory.sample(2, 0.4)
                    errors = net.errors(rows)
                    (torch.as_tensor(weights) * errors**2).mean().backward()
                    optimizer.step()
                    memory.update(slots, errors.tolist())
        """,
    )
    (buffer,) = graph.buffers
    assert [repr(term) for term in Beta(graph, graph.anatomy(buffer)).exponents] == known
