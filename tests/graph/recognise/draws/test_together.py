"""The reward of one table and the next state of another make no transition: fields of one lie side by side."""

import pytest

TASKS = """
    import random

    from machine import Machine
    from progress import Progress


    class Tasks:
        def __init__(self, letters):
            self.letters = letters

        def pick(self):
            return random.sample(self.letters, 3)


    def main(letters, env, net):
        machine, progress = Machine(), Progress()
        while True:
            for letter in Tasks(letters).pick():
                state = env.reset()
                machine.enter(letter)
                progress.follow(letter, env.step(net(state)))
                print(machine.paid(letter), progress.after(letter))
"""
MACHINE = """
    class Machine:
        def __init__(self):
            self.rewards = {}
            self.states = {}

        def enter(self, letter):
            self.rewards[letter] = reward = 1.0
            self.states[letter] = state = 0

        def paid(self, letter):
            return self.rewards[letter], self.states[letter]
"""
PROGRESS = """
    class Progress:
        def __init__(self):
            self.known = {}

        def follow(self, letter, found):
            next_state, reward, done, info = found
            self.known[letter] = next_state

        def after(self, letter):
            return self.known[letter]
"""


def test_tables_of_unrelated_classes_make_no_transition(project):
    assert project(tasks=TASKS, machine=MACHINE, progress=PROGRESS).buffers == []


COLUMNS = """
    import numpy as np

    {classes}

    class Memory:
        def __init__(self, size):
            {made}
            self.size, self.count = size, 0

        def add(self, state, action, reward, next_state, done):
            at = self.count % self.size
            {added}
            self.count += 1

        def draw(self, n):
            at = np.random.randint(0, min(self.count, self.size), n)
            return {drawn}


    def main(env, net, steps):
        memory, state = Memory(10_000), env.reset()
        for _ in range(steps):
            action = net.act(state)
            next_state, reward, done, _ = env.step(action)
            memory.add(state, action, reward, next_state, done)
            net.learn(*memory.draw(32))
            state = next_state
"""
FIELDS = ("state", "action", "reward", "next_state", "done")
COLUMN = """class {name}:
        def __init__(self, size):
            self.rows = [None] * size

        def put(self, at, row):
            self.rows[at] = row

        def read(self, at):
            return [self.rows[i] for i in at]

    """


def _columns(classes, names):
    lines = "\n            ".join
    return COLUMNS.format(
        classes=classes,
        made=lines(f"self.{field} = {name}(size)" for field, name in zip(FIELDS, names, strict=True)),
        added=lines(f"self.{field}.put(at, {field})" for field in FIELDS),
        drawn=", ".join(f"self.{field}.read(at)" for field in FIELDS),
    )


@pytest.mark.parametrize("names", [["Column"] * 5, ["States", "Actions", "Rewards", "Following", "Ends"]])
def test_columns_that_one_method_has_read_belong_together(project, names):
    classes = "".join(COLUMN.format(name=name) for name in dict.fromkeys(names))
    assert len(project(_columns(classes, names)).buffers) == 1
