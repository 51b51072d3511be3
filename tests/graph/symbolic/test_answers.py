"""What sessions of TensorFlow 1 were asked for."""

import pytest

from per_audit.graph.symbolic.answers import asked

GRAPH = """
    import tensorflow as tf

    session = tf.Session()
    state = tf.placeholder(tf.float32, [None, 4])
    size, step = tf.abs(state), tf.square(state)
"""


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("size.eval(feed_dict={state: 1})", "abs"),
        ("size.eval({state: 1}, session)", "abs"),
        ("size.eval(session=session)", None),  # whoever evaluates it, it depends on nothing that is drawn
        ("session.run(size, feed_dict={state: 1})", "abs"),
        ("session.run(size)", "abs"),
        ("session.run([step, size], feed_dict={state: 1})[1]", "abs"),
        ("other.run(size, feed_dict={state: 1})", "abs"),
        ("other.run(size)", None),
        ("other.eval()", None),
        ("other.step(size, feed_dict={state: 1})", None),
        ("size", None),
    ],
)
def test_what_an_answer_was_asked_for(term_of, answer, expected):
    found = asked(term_of(answer, GRAPH + f"    {answer}\n"))
    assert (found.op if found is not None else None) == expected
