"""Weights on their way into losses."""

import pytest

from per_audit.facts import ir
from per_audit.graph.symbolic import Term

WEIGHTS = """
    import numpy as np
    import torch
    import torch.nn.functional as F

    def draw(rows, p, beta):
        at = np.random.choice(len(rows), 32, p=p)
        return rows[at], (len(rows) * p[at]) ** -beta
"""


def products(graph):
    return [graph.source(product.path, product.node) for product in graph.corrections.products]


def weights(graph, text):
    found = [
        graph.symbols.term(path, node)
        for path, module in graph.project.modules.items()
        for node in ir.walk(*module.body)
        if isinstance(node, ir.Expr) and module.source(node) == text
    ]
    return graph.corrections.is_weight(found[-1])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("w", True),
        ("w / w.max()", True),
        ("torch.as_tensor(w).unsqueeze(1)", True),
        ("0.5 * w", True),
        ("(1 - done) * w", True),
        ("np.maximum(w, 0.1)", True),
        ("w[3]", True),
        ("w ** 0.5", False),
        ("net(batch) * w", False),
        ("batch", False),
    ],
)
def test_weights_in_other_forms(project, text, expected):
    graph = project(
        WEIGHTS,
        learn=f"from main import draw\nimport numpy as np\nimport torch\ndef learn(net, rows, p, done):\n"
        f"    batch, w = draw(rows, p, 0.5)\n    return {text}\n",
    )
    assert weights(graph, text) is expected


def test_weights_go_through_fields_and_parameters(project):
    graph = project(
        WEIGHTS,
        agent="""
        from main import draw

        class Agent:
            def sample(self, rows, p):
                self.batch, self.scale = draw(rows, p, 0.5)
                return self.loss(self.net(self.batch), self.scale)

            def loss(self, q, factors):
                return (factors * q).mean() + (self.scale * q).sum()
        """,
    )
    assert products(graph) == ["factors * q", "self.scale * q"]


def test_placeholders_are_what_is_fed_to_them(project):
    graph = project(
        WEIGHTS,
        graph="""
        import tensorflow.compat.v1 as tf
        from main import draw

        scale, goals = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.float32, [None])
        loss = tf.reduce_mean(scale * tf.square(goals))

        def train(session, rows, p):
            batch, w = draw(rows, p, 0.5)
            session.run(loss, feed_dict={scale: w, goals: batch})
        """,
    )
    assert products(graph) == ["scale * tf.square(goals)"]


def test_numbers_and_other_powers_are_no_products_of_weights(project):
    graph = project(
        WEIGHTS,
        learn="""
        from main import draw

        def learn(net, rows, p):
            batch, w = draw(rows, p, 0.5)
            return 2 * w, net(batch) * 0.99, w / w.max()
        """,
    )
    assert products(graph) == []


def test_an_error_weighted_on_the_way_is_found_inside(project):
    graph = project(
        WEIGHTS,
        learn="""
        from main import draw

        def learn(net, rows, p):
            batch, w = draw(rows, p, 0.5)
            td = net(batch) - 1
            return abs(w * td).detach() + 1e-6, abs(td) + 1e-6
        """,
    )
    node = next(n for n in ir.walk(*graph.module("learn.py").body) if isinstance(n, ir.Return))
    weighted, plain = graph.symbols.term("learn.py", node.value).args
    assert graph.source("learn.py", graph.corrections.weighted_inside(weighted).node) == "w * td"
    assert graph.corrections.weighted_inside(plain) is None


@pytest.mark.parametrize(
    "product",
    [
        "scaled(w, net(batch))",
        "net(batch).mul(w)",
        "weigh(net(batch), w)",
    ],
)
def test_a_product_is_seen_however_it_is_written(project, product):
    graph = project(
        WEIGHTS,
        learn=f"""
        from main import draw
        from torch import multiply as scaled

        def weigh(errors, by):
            errors *= by
            return errors

        def learn(net, rows, p):
            batch, w = draw(rows, p, 0.5)
            return {product}
        """,
    )
    assert products(graph) == ["errors *= by" if product.startswith("weigh") else product]


@pytest.mark.parametrize(("factors", "found"), [("factors", True), ("1.0", False)])
def test_a_loss_that_is_made_for_a_batch_multiplies_its_weights(project, factors, found):
    graph = project(
        WEIGHTS,
        learn=f"""
        from main import draw

        def weighted_by(factors):
            def squared(goals, values):
                return (goals - values) ** 2 * {factors}
            return squared

        def learn(net, rows, p):
            batch, w = draw(rows, p, 0.5)
            net.compile(loss=weighted_by(w))
        """,
    )
    assert products(graph) == ["(goals - values) ** 2 * factors"] * found


def test_a_value_that_is_made_of_itself_again_and_again_is_looked_into_once(project):
    graph = project(WEIGHTS)
    value = Term("sub", (Term("call", data="net"), Term("call", data="target")))
    for _ in range(60):
        value = Term("add", (Term("abs", (value,)), Term("maximum", (value, Term("abs", (value,))))))
    assert graph.corrections.weighted_inside(value) is None
