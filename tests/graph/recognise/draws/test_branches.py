"""Draws under tests that no call passes."""

import pytest

MEMORY = """
    import random

    class Memory:
        def __init__(self):
            self.rows = []

        def add(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))
            if len(self.rows) > 1000:
                self.rows.pop(0)

        def take(self, n, how="last", shuffled=False):
            {change}
            if how == "all":
                return self.rows
            elif how == "last":
                return self.rows[-n:]
            elif {test}:
                return random.sample(self.rows, n)
            return None
"""
TRAIN = """
    from memory import Memory

    def train(env, net, optimizer, how):
        memory = Memory()
        memory.add(*env.transition())
        net.loss({call}).backward()
        optimizer.step()
"""


def kinds(project, call, test, change="pass"):
    graph = project(memory=MEMORY.format(test=test, change=change), train=TRAIN.format(call=call))
    return len(graph.buffers)


@pytest.mark.parametrize(
    ("call", "test", "found"),
    [
        ("memory.take(8)", "how == 'random'", 0),
        ("memory.take(8, 'all')", "how == 'random'", 0),
        ("memory.take(8, 'all')", "'random' == how", 0),
        ("memory.take(8, 'random')", "how == 'random'", 1),
        ("memory.take(8, how='random')", "how == 'random'", 1),
        ("memory.take(8) + memory.take(8, 'random')", "how == 'random'", 1),
        ("memory.take(8, how)", "how == 'random'", 1),
        ("memory.take(*how)", "how == 'random'", 1),
        ("memory.take(8, 'all' if env else 'random')", "how == 'random'", 1),
        ("memory.take(8, None)", "shuffled", 0),
        ("memory.take(8, None, True)", "shuffled", 1),
        ("memory.take(8, None)", "not shuffled", 1),
        ("memory.take(8, None, shuffled=1)", "not shuffled", 0),
        ("memory.take(8, 'random')", "how != 'random'", 0),
        ("memory.take(8, 'some')", "how != 'random'", 1),
        ("memory.take(8, 'some')", "self.rows == 'random'", 1),
        ("memory.take(8, 'some', True)", "shuffled is None", 0),
        ("memory.take(8, 'some', None)", "shuffled is None", 1),
    ],
)
def test_what_the_calls_give_decides(project, call, test, found):
    assert kinds(project, call, test) == found


def test_a_parameter_that_is_set_again_says_nothing(project):
    assert kinds(project, "memory.take(8, 'all')", "how == 'random'", "how = self.rows or 'random'") == 1


def test_a_method_that_nobody_calls_may_be_given_anything(project):
    assert kinds(project, "memory.rows", "how == 'random'") == 1


def test_a_parameter_that_is_set_under_the_test_alone_is_as_it_was_given(project):
    text = MEMORY.format(test="how == 'random'", change="pass")
    text = text.replace("return random", "how = 'all'\n                return random")
    graph = project(memory=text, train=TRAIN.format(call="memory.take(8, 'all')"))
    assert graph.buffers == []
