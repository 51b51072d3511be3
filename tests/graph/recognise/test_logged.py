"""Transitions that a loop only takes out of a file are a data set, which no rule for replay memories is about."""

import pytest

PROGRAM = """
    import csv
    import json
    import random

    class Logs:
        def __init__(self):
            self.rows = []

        def load(self, path):
            {load}

        def get(self, n):
            return random.sample(self.rows, n)

    def train(env, net, steps):
        logs, state = Logs(), env.reset()
        logs.load("log.jsonl")
        for _ in range(steps):
            {act}
            before, actions, rewards, after, dones = zip(*logs.get(32))
            net.fit(before, rewards + 0.99 * (1 - dones) * net.predict(after).max(axis=1))
"""
ROW = 'self.rows.append((row["state"], row["action"], row["reward"], row["next_state"], row["done"]))'
BY_NAME = f"""with open(path) as file:
                for line in file:
                    row = json.loads(line)
                    {ROW}"""
ACTED = """for row in csv.DictReader(open(path)):
                state, action = row["price"], act(row["price"])
                next_state, reward, done = row["next"], action * row["gain"], row["last"]
                self.rows.append((state, action, reward, next_state, done))"""
AGAIN = f"""while True:
                for row in json.load(open(path)):
                    {ROW}"""
STEP = """next_state, reward, done = env.step(0)
            logs.rows.append((state, 0, reward, next_state, done))"""


@pytest.mark.parametrize(
    ("load", "act", "found"),
    [
        (BY_NAME, "pass", 0),
        (f"for row in json.load(open(path)):\n                {ROW}", "pass", 0),
        (f"for row in json.load(open(path)):\n                {ROW}", STEP, 1),
        (f"for row in path:\n                {ROW}", "pass", 1),
        (ACTED, "pass", 1),
        (AGAIN, "pass", 1),
    ],
    ids=["lines", "one document", "beside what an agent adds", "given", "an agent acts on each row", "again and again"],
)
def test_what_is_read_from_a_file_is_a_data_set(project, load, act, found):
    assert len(project(PROGRAM.format(load=load, act=act)).buffers) == found
