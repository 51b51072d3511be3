"""The way of a priority: from its error to the store, and from the store to the draw."""

import pytest

from per_audit.findings import Evidence, Place
from per_audit.graph.prioritised.priorities import trail
from per_audit.graph.symbolic.term import Term, const

RING = """
    import random
    import numpy as np

    class Ring:
        def __init__(self, size, alpha=0.6):
            self.rows, self.mass, self.at, self.alpha = [None] * size, np.zeros(size), 0, alpha

        def push(self, state, action, reward, next_state, done):
            self.rows[self.at] = (state, action, reward, next_state, done)
            self.mass[self.at] = 1.0
            self.at = (self.at + 1) % len(self.rows)

        def sample(self, n):
            {draw}
            return [self.rows[i] for i in at], at

        def update(self, at, errors):
            {update}
"""
TRAIN = """
    from ring import Ring

    class Agent:
        def __init__(self, net, target_net):
            self.net, self.target_net, self.ring = net, target_net, Ring(1000)

        def errors(self, rows):
            return self.target_net(rows) - self.net(rows)

        def give(self, at, values):
            self.ring.update(at, values)

        def learn(self, state, action, reward, next_state, done):
            self.ring.push(state, action, reward, next_state, done)
            rows, at = self.ring.sample(8)
            {code}
"""
DRAW = "p = self.mass / self.mass.sum()\nat = np.random.choice(len(self.rows), n, p=p)"
UPDATE = "self.mass[at] = (np.abs(errors) + 1e-6) ** self.alpha"
LEARN = "delta = self.target_net(rows) - self.net(rows)\nself.give(at, delta)"


def indented(code):
    return "\n            ".join(code.splitlines())


@pytest.fixture
def anatomy_of(project):
    def make(draw=DRAW, update=UPDATE, learn=LEARN):
        ring = RING.replace("{draw}", indented(draw)).replace("{update}", indented(update))
        graph = project(ring=ring, train=TRAIN.replace("{code}", indented(learn)))
        (buffer,) = graph.buffers
        return graph.anatomy(buffer)

    return make


def updates(anatomy):
    return [write for write in anatomy.writes if not write.inserts]


@pytest.mark.parametrize(
    ("learn", "text"),
    [
        (LEARN, "self.give(at, delta)"),
        (
            "self.give(at, self.target_net(rows) - self.net(rows))",
            "self.give(at, self.target_net(rows) - self.net(rows))",
        ),
        ("self.give(at, self.errors(rows))", "self.give(at, self.errors(rows))"),
        ("self.give(at, self.net(rows))", "self.ring.update(at, values)"),
    ],
)
def test_a_priority_is_handed_over_where_its_error_is_made_else_where_the_buffer_ends(anatomy_of, learn, text):
    anatomy = anatomy_of(learn=learn)
    (write,) = updates(anatomy)
    step = trail.handover(anatomy, write)
    assert step.path == "train.py"
    assert anatomy.graph.source(step.path, step.node) == text


def test_the_evidence_leads_from_the_error_to_the_store(anatomy_of):
    anatomy = anatomy_of()
    (write,) = updates(anatomy)
    links = trail.evidence(anatomy, write)
    assert [link.role for link in links] == ["error", "priority", "update", "update", "store"]
    assert [link.place.path for link in links] == ["train.py", "ring.py", "train.py", "train.py", "ring.py"]
    assert [link.place.line for link in links[2:4]] == sorted([link.place.line for link in links[2:4]])
    assert trail.evidence_at(anatomy, trail.handover(anatomy, write)) == trail.evidence(anatomy, write)


def test_two_ways_of_one_place_share_their_links(anatomy_of):
    anatomy = anatomy_of(learn="if done:\n    self.give(at, self.errors(rows))\nelse:\n    self.ring.update(at, -1.0)")
    steps = {trail.handover(anatomy, write).node for write in updates(anatomy)}
    assert len(steps) == 2
    for write in updates(anatomy):
        links = trail.evidence_at(anatomy, trail.handover(anatomy, write))
        assert links[-1].role == "store"
        assert len({(link.place, link.role) for link in links}) == len(links)


def link(line, role="update", note=""):
    return Evidence(Place("a.py", line, 1, line, 5), role, note)


def test_the_first_link_of_a_line_and_role_stays():
    links = [link(1, note="first"), None, link(1, note="second"), link(1, "store"), link(2)]
    assert trail.unique(links) == (links[0], links[3], links[4])


def test_a_chain_is_no_longer_than_people_read():
    assert len(trail.unique([link(line) for line in range(50)])) == 10


A, B = Term("param", data=("f", "a")), Term("param", data=("f", "b"))
SUB = Term("sub", (A, B))
LOSS = Term("loss", (A, B))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Term("pow", (Term("add", (Term("abs", (SUB,)), const(0.1))), const(0.6))), [SUB]),
        (Term("mul", (LOSS, SUB)), [LOSS, SUB]),
        (Term("mean", (Term("phi", (SUB, LOSS)),)), [SUB, LOSS]),
        (Term("at", (A, SUB)), []),
        (Term("pow", (A, SUB)), []),
        (Term("slice", (A, SUB, B, B)), []),
        (Term("call", (SUB,), data="f"), []),
        (Term("add", (Term("mul", (A, B)), Term("mul", (SUB, Term("sub", (const(1), B)))))), [SUB]),
        (Term("add", (SUB, SUB)), [SUB]),
        (Term("detach", (SUB,)), [SUB]),
        (Term("sub", (SUB, LOSS)), [Term("sub", (SUB, LOSS))]),
        (const(1.0), []),
    ],
)
def test_the_errors_that_a_priority_is_made_of(value, expected):
    assert trail.errors(value) == expected


CHOOSE = "\nat = np.random.choice(len(self.rows), n, p=p)"


@pytest.mark.parametrize(
    ("draw", "known"),
    [
        (DRAW, False),
        ("p = self.mass ** self.alpha\np = p / p.sum()" + CHOOSE, False),
        ("p = 2 * self.mass\np = p / p.sum()" + CHOOSE, False),
        ("p = self.mass + 1e-6\np = p / p.sum()" + CHOOSE, True),
        ("p = 0.9 * self.mass / self.mass.sum() + 0.1 / len(self.rows)" + CHOOSE, True),
        ("p = 1 / (1 + np.argsort(np.argsort(-self.mass)))\np = p / p.sum()" + CHOOSE, True),
        ("p = unknown(self.mass)" + CHOOSE, True),
        (DRAW + "\nif n > 8: at = np.random.randint(len(self.rows), size=n)", True),
    ],
)
def test_whether_a_priority_of_zero_may_be_drawn(anatomy_of, draw, known):
    assert trail.lifted(anatomy_of(draw=draw)) is known


@pytest.mark.parametrize(
    ("draw", "count"),
    [
        (DRAW, 0),
        ("p = self.mass ** self.alpha\np = p / p.sum()" + CHOOSE, 1),
        ("p = (self.mass ** self.alpha) ** 0.7\np = p / p.sum()" + CHOOSE, 2),
        ("p = self.mass ** 2\np = p / p.sum()" + CHOOSE, 0),
    ],
)
def test_the_exponents_of_the_draw(anatomy_of, draw, count):
    chain = trail.drawn_powers(anatomy_of(draw=draw))
    assert (chain.start, len(chain.exponents)) == ("stored", count)


def test_probabilities_are_those_of_each_branch(anatomy_of):
    anatomy = anatomy_of(draw="p = self.mass if n > 2 else self.mass / self.mass.sum()" + CHOOSE)
    assert [term.op for term in trail.probabilities(anatomy)] == ["field", "div"]


@pytest.mark.parametrize(
    ("update", "expected"),
    [
        (UPDATE, {("raw", 1)}),
        ("self.mass[at] = np.abs(errors)", {("raw", 0)}),
        ("self.mass[at] = self.mass[at] ** self.alpha", {("stored", 1)}),
        ("self.mass[at] = 1.0", set()),
    ],
)
def test_how_often_alpha_was_applied(anatomy_of, update, expected):
    anatomy = anatomy_of(update=update)
    (write,) = updates(anatomy)
    found = {(chain.start, len(chain.exponents)) for chain in trail.chains_of(anatomy, write.value)}
    assert found == expected


@pytest.mark.parametrize(
    ("update", "known"),
    [
        (UPDATE, False),
        ("for i, e in zip(at, errors):\n    self.mass[i] = abs(e)\n    i = (i - 1) // 2", False),
        ("self.mass[at // 2] = errors", True),
        ("self.mass[at] = self.mass[2 * at] + self.mass[2 * at + 1]", True),
        ("self.mass[at] = self.mass[at] + errors", False),
    ],
)
def test_whether_sums_are_in_the_array_as_well(anatomy_of, update, known):
    assert trail.is_tree(anatomy_of(update=update)) is known


@pytest.mark.parametrize(
    ("asserted", "expected"),
    [
        ("(errors > 0).all()", True),
        ("np.all(0 < errors) and self.alpha > 0", True),
        ("self.alpha > 0", False),
        ("errors >= 0", False),
        ("not errors > 0", False),
        ("(errors > 0).all() or self.alpha", False),
        ("len(errors) > 0, errors > 0", False),
    ],
)
def test_an_assertion_that_lets_no_zero_pass(anatomy_of, asserted, expected):
    anatomy = anatomy_of(update=f"assert {asserted}\nself.mass[at] = np.abs(errors) ** self.alpha")
    writes = [write for write in anatomy.writes if not write.inserts]
    assert [trail.is_asserted(anatomy, write) for write in writes] == [expected]
