"""Draws under tests that no call passes."""

import pytest

from per_audit.facts import ir
from per_audit.graph.memory.programs import programs
from per_audit.graph.recognise.draws.branches import is_ruled_out_by

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
        ("memory.take(8, 'some', env.step(0)[1])", "shuffled is None", 0),
        ("memory.take(8, 'some', env.step(0)[1])", "shuffled is not None", 1),
        ("memory.take(8, 'some', env.step(0)[0])", "shuffled is None", 1),
        ("memory.take(8, 'some', optimizer.step()[1])", "shuffled is None", 1),
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


SIZED = """
    import random

    class Memory:
        def __init__(self):
            self.rows = []

        def add(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))
            if len(self.rows) > 1000:
                self.rows.pop(0)

        def take(self, n=None, whole=False):
            {way}
"""
LEFT = """if {test}:
                return self.rows
            return random.sample(self.rows, n)
"""
CHOSEN = """if {test}:
                return self.rows
            else:
                return random.sample(self.rows, n)
"""


@pytest.mark.parametrize("way", [LEFT, CHOSEN])
@pytest.mark.parametrize(
    ("call", "test", "found"),
    [
        ("memory.take()", "n is None", 0),
        ("memory.take(32)", "n is None", 1),
        ("memory.take()", "n is None or n > len(self.rows)", 0),
        ("memory.take()", "n > len(self.rows) or n is None", 0),
        ("memory.take(32)", "n is None or n > len(self.rows)", 1),
        ("memory.take()", "n is None and len(self.rows) < 100", 1),
        ("memory.take(whole=True)", "not (n and not whole)", 0),
        ("memory.take(32)", "not (n and not whole)", 1),
    ],
)
def test_all_of_a_test_counts_and_what_returned_before(project, way, call, test, found):
    assert len(project(memory=SIZED.format(way=way.format(test=test)), train=TRAIN.format(call=call)).buffers) == found


def test_a_test_that_does_not_return_rules_nothing_out(project):
    way = LEFT.format(test="n is None").replace("return self.rows", "n = 32")
    assert len(project(memory=SIZED.format(way=way), train=TRAIN.format(call="memory.take()")).buffers) == 1


def test_a_parameter_that_is_set_before_the_early_return_says_nothing(project):
    way = "n = n or 32\n            " + LEFT.format(test="n is None")
    assert len(project(memory=SIZED.format(way=way), train=TRAIN.format(call="memory.take()")).buffers) == 1


@pytest.mark.parametrize(
    ("given", "is_made"),
    [("9", True), ("9, None", True), ("9, {'alpha': 1}", False), ("9, read()", True), ("9, ranked=[4]", False)],
)
def test_what_one_of_two_programs_gives_decides_for_it(project, given, is_made):
    memory = """
        class Memory:
            def __init__(self, room, ranked=None):
                self.rows = made(room) if ranked is None else ranked

        class Longer(Memory):
            def __init__(self, room, ranked=None):
                super().__init__(room, ranked=ranked)
    """
    play = "from memory import Longer\nmemory = Longer({})\n"
    graph = project(memory=memory, play=play.format(given), other=play.format("7"))
    made = next(node for node in graph.module("memory.py").nodes_of(ir.Call) if getattr(node.func, "id", "") == "made")
    function = graph.symbols.function_of("memory.py", made)
    found = {
        path: is_ruled_out_by(graph, "memory.py", made, function, calls)
        for calls in programs(graph, function)
        for _, path in calls.values()
    }
    assert found == {"other.py": False, "play.py": not is_made}


BY_HAND = """
    import random

    class Memory:
        def __init__(self):
            self.rows, self.errors = [], []

        def add(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))

        def take(self, n):
            {body}

    def train(env, net, optimizer):
        memory = Memory()
        memory.add(*env.transition())
        net.loss(memory.take(8)).backward()
        optimizer.step()
"""
WORST = "rows = [self.rows[i] for i in sorted(range(len(self.rows)), key=self.errors.__getitem__)[-n:]]"


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (f"if 0:\n    rows = random.sample(self.rows, n)\nelse:\n    {WORST}\nreturn rows", 0),
        (f"if True:\n    {WORST}\nelse:\n    rows = random.sample(self.rows, n)\nreturn rows", 0),
        (f"if 1:\n    rows = random.sample(self.rows, n)\nelse:\n    {WORST}\nreturn rows", 1),
        (f"if n:\n    rows = random.sample(self.rows, n)\nelse:\n    {WORST}\nreturn rows", 1),
        (f"{WORST}\nif 0:\n    rows = random.sample(self.rows, n)\nreturn rows", 1),  # left out, for now
    ],
)
def test_branches_that_somebody_chose_by_hand(project, body, found):
    graph = project(BY_HAND.format(body=body.replace("\n", "\n            ")))
    assert len(graph.buffers) == found
