"""What runs of a TensorFlow 1 graph feed to its placeholders."""

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
