"""How often calls lead to a place: each with its own arguments, and to the object that it names."""

import pytest

from per_audit.facts import extract
from per_audit.graph import link
from per_audit.graph.memory.stored import stored_at_most

PAST = """import random
from collections import deque


class Past:
    def __init__(self, limit):
        self.rows = deque(maxlen=limit)

    def keep(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def some(self, n):
        return random.sample(self.rows, n)

"""
TRAINER = f"""{PAST}
class Trainer:
    def __init__(self, env, model, past):
        self.env, self.model, self.past = env, model, past

    def collect(self, steps=7):
        for step in range(steps):
            next_state, reward, done, _ = self.env.step(self.model.act())
            self.past.keep(step, 0, reward, next_state, done)

    def train(self, epochs, a_round):
        for epoch in range(epochs):
            for turn in range(500):
                self.collect(a_round)
                self.model.fit(self.past.some(32))

"""
MAIN = """
def main(env, model):
    trainer = Trainer(env, model, Past(30_000))
    {}

main(make(), net())
"""


def most_of(*texts):
    graph = link([extract(f"run{count}.py", text.encode()) for count, text in enumerate(texts)])
    (buffer,) = graph.buffers
    return stored_at_most(graph, buffer)


@pytest.mark.parametrize(
    ("calls", "most"),
    [
        ("trainer.train(10, 1)", 5_000),
        ("trainer.collect(1_000)\n    trainer.train(10, 1)", 6_000),
        ("trainer.collect(steps=1_000)\n    trainer.train(10, a_round=1)", 6_000),
        ("trainer.collect()\n    trainer.train(10, 1)", 5_007),
        ("trainer.collect(1_000)\n    trainer.train(10, 1)\n    trainer.train(2, 3)", 9_000),
        ("if env.big:\n        trainer.train(100, 1)\n    else:\n        trainer.train(2, 60)", 60_000),
        ("trainer.collect(env.first())\n    trainer.train(10, 1)", None),
    ],
)
def test_each_call_has_its_own_arguments(calls, most):
    assert most_of(TRAINER + MAIN.format(calls)) == most


def test_programs_have_their_own_arguments():
    start = "from run0 import Past, Trainer\ntrainer = Trainer(make(), net(), Past({0:_}))\ntrainer.train({1}, {2})\n"
    texts = [start.format(100_000, 100, 1), start.format(200_000, 4, 2_000)]
    assert most_of(TRAINER, *texts) == 4 * 500 * 2_000


PLAYER = f"""{PAST}
class Player:
    def __init__(self, env, {{given}}):
        self.env, self.past = env, {{made}}

    def step(self, model):
        next_state, reward, done, _ = self.env.step(model.act())
        self.past.keep(1, 0, reward, next_state, done)
        model.fit(self.past.some(32))

def main(env, model, pick):
    {{players}}
    for step in range(100):
        {{steps}}

main(make(), net(), choose())
"""
TWO = "one, two = None, None\n    one = Player(env)\n    two = Player(env)"
KEYS = "some = {}\n    some['one'] = Player(env)\n    some['two'] = Player(env)"
WRITTEN = "some = {'one': Player(env), 'two': Player(env)}"


@pytest.mark.parametrize(
    ("players", "steps", "most"),
    [
        (TWO, "one.step(model)", 100),
        (TWO, "one.step(model); two.step(model)", 100),
        (TWO, "one.step(model); two.step(model); one.step(model)", 200),
        (f"{TWO}\n    other = one if pick else two", "one.step(model); two.step(model); other.step(model)", 200),
        (KEYS, "some['one'].step(model); some['two'].step(model)", 100),
        (KEYS, "some['one'].step(model); some['two'].step(model); some[pick].step(model)", 200),
        (f"{KEYS}\n    some[pick] = some['one']", "some['one'].step(model); some['two'].step(model)", 200),
        (WRITTEN, "some['one'].step(model); some['two'].step(model)", 100),
        (f"{WRITTEN}\n    some['two'] = some['one']", "some['one'].step(model); some['two'].step(model)", 200),
        ("one = two = Player(env)", "one.step(model); two.step(model)", 200),
    ],
)
def test_objects_that_the_code_names_have_a_memory_each(players, steps, most):
    assert most_of(PLAYER.format(given="", made="Past(30_000)", players=players, steps=steps)) == most


def test_objects_may_share_a_memory():
    players = "past = Past(30_000)\n    one = Player(env, past)\n    two = Player(env, past)"
    text = PLAYER.format(given="past", made="past", players=players, steps="one.step(model); two.step(model)")
    assert most_of(text) == 200


@pytest.mark.parametrize(("other", "most"), [("Past(9_000)", 100), ("self.first", 200)])
def test_attributes_that_hold_an_object_each(other, most):
    text = f"""{PAST}
class Agent:
    def __init__(self, env, model):
        self.env, self.model = env, model
        self.first = Past(30_000)
        self.second = {other}

    def run(self):
        for step in range(100):
            next_state, reward, done, _ = self.env.step(self.model.act())
            self.first.keep(1, 0, reward, next_state, done)
            self.second.keep(1, 0, reward, next_state, done)
            self.model.fit(self.first.some(32) + self.second.some(32))

Agent(make(), net()).run()
"""
    assert most_of(text) == most
