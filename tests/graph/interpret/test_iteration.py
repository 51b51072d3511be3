"""Memories that are iterated over: as their own iterators, or through what `__iter__` makes."""

import pytest

from per_audit.graph import UNIFORM

PROGRAM = """
    import random

    class Past:
        def __init__(self):
            self.rows, self.at = [], 0

        def keep(self, *row):
            self.rows.append(row)

        {give}

    class Turns:
        def __init__(self, past):
            self.past = past

        def __next__(self):
            return random.choice(self.past.rows)

    def main(env, net):
        past, state = Past(), env.reset()
        while True:
            action = net.act(state)
            next_state, reward, done, _ = env.step(action)
            past.keep(state, action, reward, next_state, done)
            state = env.reset() if done else next_state
            {take}
            net.loss(before, done_there, earned, after, ended).backward()
"""
NAMES = "before, done_there, earned, after, ended"
NEXT = f"{NAMES} = next(past)"
LOOP = f"for {NAMES} in past:\n                break"
COMPREHENSION = f"{NAMES} = zip(*[row for row in past])"
DRAWS = "def __next__(self):\n            return random.choice(self.rows)"
YIELDS = "def __iter__(self):\n            while True:\n                yield random.choice(self.rows)"
MAKES = "def __iter__(self):\n            return Turns(self)"
IN_ORDER = "def __next__(self):\n            self.at += 1\n            return self.rows[self.at]"


@pytest.mark.parametrize(
    ("give", "take", "found"),
    [
        (DRAWS, NEXT, [UNIFORM]),
        (DRAWS, NEXT.replace("next(past)", "next(iter(past))"), [UNIFORM]),
        (DRAWS, LOOP, [UNIFORM]),
        (YIELDS, NEXT.replace("next(past)", "next(iter(past))"), [UNIFORM]),
        (YIELDS, COMPREHENSION, [UNIFORM]),
        (MAKES, LOOP, [UNIFORM]),
        (IN_ORDER, NEXT, []),
        ("pass", NEXT, []),
    ],
)
def test_what_a_memory_gives_where_it_is_iterated_over(project, kinds, give, take, found):
    graph = project(PROGRAM.replace("{give}", give).replace("{take}", take))
    assert kinds(graph) == found
    taken = [unpack for unpack in graph.events.unpacks.values() if len(unpack.node.items) == 5]
    assert any(unpack.value.tagged("draw") for unpack in taken) == bool(found)
