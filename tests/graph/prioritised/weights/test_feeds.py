"""What runs of a TensorFlow 1 graph feed to its placeholders."""

import pytest

from per_audit.facts import ir

MAIN = """
import tensorflow as tf


class Net:
    def __init__(self):
        self.weights = tf.placeholder(tf.float32, [None])
        self.unfed = tf.placeholder(tf.float32, [None])
        self.loss = tf.reduce_mean(self.weights * self.unfed)

    def train(self, session, weights, again):
        session.run(self.loss, feed_dict={self.weights: weights})
        session.run(self.loss, {self.weights: again})
        return {"weights": weights}
"""


def test_every_run_feeds_its_placeholder(project):
    graph = project(MAIN)
    feeds = graph.fed
    (node,) = feeds.placeholders
    path = graph.path_of(node)
    term = graph.symbols.term(path, node)
    assert feeds.is_placeholder(term)
    assert [graph.source(where, value) for value, where in feeds.of(term)] == ["weights", "again"]


def test_a_placeholder_that_nothing_is_fed_to(project):
    graph = project(MAIN.replace("self.weights: ", '"w": '))
    assert graph.fed.placeholders == []


@pytest.mark.parametrize(
    ("change", "is_read"),
    [
        (("", ""), True),
        (("self.weights * self.unfed", "self.unfed"), False),
        (("self.weights = tf", "self.weights = self.also = tf"), True),
        (('{"weights": weights}', "self.weights"), True),
        (('{"weights": weights}', 'session.graph.get_tensor_by_name("weights:0")'), True),
    ],
)
def test_a_placeholder_of_which_nothing_is_made(project, change, is_read):
    text = MAIN if "" in change else MAIN.replace("self.weights * self.unfed", "self.unfed").replace(*change)
    graph = project(text)
    keys = [node.keys[0] for node in graph.module("main.py").nodes_of(ir.Map)]
    fed = [key for key in keys if isinstance(key, ir.Attr)]
    assert [graph.fed.is_read(key) for key in fed] == [is_read] * len(fed)
    assert all(graph.fed.is_read(key) for key in keys if key not in fed)  # what is no placeholder
