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


FILLED = """
    import csv
    import pickle
    import random
    import d4rl
    import h5py
    import numpy as np

    class Ring:
        def __init__(self, size, width):
            self.states, self.after = np.zeros((size, width)), np.zeros((size, width))
            self.actions, self.rewards, self.dones = np.zeros(size, int), np.zeros(size), np.zeros(size)
            self.at, self.held, self.size = 0, 0, size

        def push(self, state, action, reward, next_state, done):
            self.states[self.at], self.actions[self.at], self.rewards[self.at] = state, action, reward
            self.after[self.at], self.dones[self.at] = next_state, done
            self.at, self.held = (self.at + 1) % self.size, min(self.held + 1, self.size)

        def sample(self, n):
            at = np.random.randint(0, self.held, n)
            return self.states[at], self.actions[at], self.rewards[at], self.after[at], self.dones[at]

    def number(text):
        return float(text.strip())

    def contents(path):
        with open(path, "rb") as file:
            return pickle.load(file)

    {more}

    def train(env, net, steps, more):
        memory = Ring(1000, 4)
        {load}
        for _ in range(steps):
            states, actions, rewards, after, dones = memory.sample(32)
            net.fit(states, rewards + 0.99 * (1 - dones) * net.predict(after).max(axis=1))
"""
FILL = """def fill(memory, rows):
        for state, action, reward, next_state, done in rows:
            memory.push(np.array(state), action, reward, np.array(next_state), done)
"""
TRAINER = """class Trainer:
        def __init__(self, path):
            self.data = np.load(path)
            self.memory = Ring(1000, 4)

        def load(self, net):
            for i in range(len(self.data["r"])):
                self.memory.push(self.data["s"][i], self.data["a"][i], self.data["r"][i], self.data["s2"][i], False)
"""
_PUSH = "memory.push(row[0], row[1], row[2], row[3], row[4])"
_TRAINER = "trainer = Trainer('x'); trainer.load(net); memory = trainer.memory"


@pytest.mark.parametrize(
    "load",
    [
        f"for row in pickle.load(open('x', 'rb')):\n            {_PUSH}",
        "with open('x') as file:\n            for row in csv.reader(file):\n"
        "                memory.push(number(row[0]), int(row[1]), number(row[2]), number(row[3]), row[4] == '1')",
        "data = h5py.File('x')\n        for i in range(data['r'].shape[0] - 1):\n"
        "            memory.push(data['s'][i], data['a'][i], data['r'][i], data['s'][i + 1], bool(data['d'][i]))",
        "data = d4rl.qlearning_dataset(env)\n        for i in range(len(data['r'])):\n"
        "            memory.push(data['s'][i], data['a'][i], data['r'][i], data['s2'][i], data['d'][i])",
        "fill(memory, contents('x'))",
        "rows = contents('x')\n        fill(memory, rows)",
        _TRAINER,
    ],
)
def test_a_memory_that_is_filled_from_files_through_its_methods_is_a_data_set(project, load):
    more = TRAINER if "Trainer" in load else FILL if "fill" in load else ""
    assert project(FILLED.format(load=load, more=more)).buffers == []


@pytest.mark.parametrize(
    ("load", "more"),
    [
        ("fill(memory, more)", FILL),
        ("fill(memory, contents('x'))\n        fill(memory, more)", FILL),
        ("fill(memory, contents('x'))\n        later(memory.push)", FILL),
        (f"for row in contents('x'):\n            net.fit(row[0]); {_PUSH}", ""),
        ("for a in contents('x'):\n            s2, r, d, s = env.step(a); memory.push(s, a, r, s2, d)", ""),
        (f"while env.runs():\n            for row in contents('x'):\n                {_PUSH}", ""),
        ("rows = [env.transition() for _ in range(99)]\n        fill(memory, rows)", FILL),
        (_TRAINER, TRAINER.replace('self.data["a"][i]', "net.act(i)")),
        (_TRAINER.replace("trainer.load", "trainer.data = more; trainer.load"), TRAINER),
    ],
)
def test_a_memory_that_others_may_fill_is_none(project, load, more):
    assert len(project(FILLED.format(load=load, more=more)).buffers) == 1


TABLES = """
    import json
    import numpy as np
    import pandas as pd

    def read(path):
        frame = pd.read_csv(path).sort_values("time")
        return frame.reset_index(drop=True), len(frame)

    def prepare(frame, memory):
        n = len(frame)
        prices, days = frame["price"].to_numpy(), frame["day"].to_numpy()
        states, ends = np.zeros((n, 4), dtype=np.float32), np.zeros(n)
        for i in range(n):
            {fill}
        ends[:-1] = days[1:] != days[:-1]
        ends[-1] = 1.0
        table = {"state": states, "action": frame["action"].to_numpy(), "reward": frame["gain"].to_numpy()}
        table["next_state"], table["done"] = np.roll(states, -1, axis=0), ends
        return table

    class Table:
        def __init__(self, columns):
            self.columns, self.n = columns, len(columns["reward"])

        def batch(self, k):
            at = np.random.choice(self.n, k)
            return {name: column[at] for name, column in self.columns.items()}

    def train(net, path, env, memory, steps):
        frame, n = {read}
        table = Table(prepare(frame[frame.day < 100], memory))
        for step in range(steps):
            {act}
            b = table.batch(32)
            goal = b["reward"] + 0.99 * (1 - b["done"]) * net.predict(b["next_state"]).max(axis=1)
            net.fit(b["state"], b["action"], goal)
"""
CUT = "row = prices[max(0, i - 4):i]\n            states[i, :len(row)] = row"


@pytest.mark.parametrize(
    ("read", "fill", "act", "found"),
    [
        ("read(path)", CUT, "pass", 0),
        ("pd.read_csv(path), 0", CUT, "pass", 0),
        ("read(path)", "states[i] = memory[i]", "pass", 1),
        ("read(path)", "states[i] = net.encode(prices[i])", "pass", 1),
        ("read(path)", CUT, 'table.columns["state"][step % 10] = env.step(0)[0]', 1),
        ("env.records(), 0", CUT, "pass", 1),
    ],
    ids=["read by a function", "read by the caller", "of a memory", "acted on", "written again", "of an environment"],
)
def test_arrays_filled_by_position_of_what_a_file_holds(project, read, fill, act, found):
    text = TABLES.replace("{read}", read).replace("{fill}", fill).replace("{act}", act)
    assert len(project(text).buffers) == found


REPLACED = """
    import d4rl
    import numpy as np

    class Replay:
        def __init__(self, size, width):
            self.s, self.s2, self.a = np.zeros((size, width)), np.zeros((size, width)), np.zeros(size)
            self.r, self.d, self.size, self.count = np.zeros(size), np.zeros(size), size, 0

        def put(self, state, action, reward, next_state, done):
            i = self.count % self.size
            self.s[i], self.a[i], self.r[i], self.s2[i], self.d[i] = state, action, reward, next_state, done
            self.count += 1

        def get(self, n):
            at = np.random.choice(self.count, n)
            return self.s[at], self.a[at], self.r[at], self.s2[at], self.d[at]

    def fill(data, memory):
        memory.s, memory.s2 = data["observations"], data["next_observations"]
        memory.a, memory.r = data["actions"], data["rewards"]
        memory.d = np.squeeze(data["terminals"])
        memory.count = len(data["rewards"])

    class Training:
        def __init__(self, env, net, memory, offline=False):
            self.env, self.net, self.memory, self.offline = env, net, memory, offline

        def run(self, steps):
            state = self.env.reset()
            for _ in range(steps):
                if not self.offline:
                    action = self.net.act(state)
                    next_state, reward, done = self.env.step(action)
                    self.memory.put(state, action, reward, next_state, done)
                    state = next_state
                before, actions, rewards, after, dones = self.memory.get(32)
                self.net.fit(before, rewards + 0.99 * (1 - dones) * self.net.predict(after).max(axis=1))

    def main(env, net):
        memory = Replay(1000, 4)
        {filled}
        Training(env, net, memory, offline=True).run(1000)
"""


@pytest.mark.parametrize(
    ("filled", "found"),
    [
        ("fill(d4rl.qlearning_dataset(env), memory)", 0),
        ("pass", 1),
        ("fill(net.rollout(env), memory)", 1),
        ("fill(d4rl.qlearning_dataset(env), Replay(1000, 4))", 1),
    ],
)
def test_what_was_read_takes_the_place_of_the_columns(project, filled, found):
    assert len(project(REPLACED.format(filled=filled)).buffers) == found


def test_another_function_of_the_name_is_not_the_one_that_fills(project):
    main = REPLACED.format(filled="fill(d4rl.qlearning_dataset(env), memory)")
    other = """
    def fill(data, basket):
        basket.rows = data

    fill([], net)
"""
    assert project(main=main, other=other).buffers == []


SET_BY_FILE = """
    import json
    from types import SimpleNamespace

    import gym
    import numpy as np

    class Columns:
        def __init__(self, size, agents, width):
            self.size, self.agents, self.count = size, agents, 0
            self.states, self.actions, self.rewards, self.after, self.dones = [], [], [], [], []
            for _ in range(agents):
                for column in (self.states, self.after):
                    column.append(np.zeros((size, width)))
                for column in (self.actions, self.rewards, self.dones):
                    column.append(np.zeros(size))

        def push(self, states, actions, rewards, after, dones):
            for agent in range(self.agents):
                self.states[agent][self.count] = states[agent]
                self.actions[agent][self.count] = actions[agent]
                self.rewards[agent][self.count] = rewards[agent]
                self.after[agent][self.count] = np.vstack(after[agent])
                self.dones[agent][self.count] = dones[agent]
            self.count += 1

        def sample(self, n):
            chosen = np.random.choice(np.arange(self.count), size=n, replace=False)
            columns = (self.states, self.actions, self.rewards, self.after, self.dones)
            return [[column[agent][chosen] for agent in range(self.agents)] for column in columns]

    class Learner:
        def __init__(self, nets, rate):
            self.nets, self.rate = nets, rate

        @classmethod
        def of(cls, env, rate):
            return cls([make_net(env, rate) for _ in range(env.agents)], rate)

        def update(self, batch):
            states, actions, rewards, after, dones = batch
            for net, s, r, a, d in zip(self.nets, states, rewards, after, dones):
                net.fit(s, r + 0.99 * (1 - d) * net.predict(a).max(axis=1))

    def make_env(name):
        return gym.make(name)

    def run(settings):
        {body}
        for _ in range(settings.updates):
            learner.update(memory.sample(settings.batch))

    with open("settings.json") as file:
        settings = SimpleNamespace(**{read})
    run(settings)
"""
LIVED = """env = make_env(settings.env)
        learner = Learner.of(env, settings.rate)
        memory = Columns(settings.size, settings.agents, 4)
        states = env.reset()
        for _ in range(settings.length):
            actions = [net.act(state) for net, state in zip(learner.nets, states)]
            after, rewards, dones, _ = env.step(actions)
            after = np.array([after[agent] for agent in range(settings.agents)])
            memory.push(states, actions, rewards, after, dones)
            states = after"""
LOGGED = """learner = Learner([], settings.rate)
        memory = Columns(settings.size, settings.agents, 4)
        logs = np.load(settings.path)
        for row in range(len(logs["rewards"])):
            memory.push(logs["s"][row], logs["a"][row], logs["rewards"][row], logs["after"][row], logs["dones"][row])"""


@pytest.mark.parametrize("read", ["json.load(file)", "eval(file.read())"])
@pytest.mark.parametrize(("body", "found"), [(LIVED, 1), (LOGGED, 0)], ids=["settings", "a data set"])
def test_what_a_program_lives_through_is_no_data_set_where_its_settings_are_read(project, read, body, found):
    assert len(project(SET_BY_FILE.format(read=read, body=body)).buffers) == found


ARRANGED = """
    import json
    import random

    class Rows:
        def __init__(self):
            self.rows = []

        def push(self, episode, weight):
            for step in episode:
                self.rows.append((step["s"], step["a"], step["r"], step["n"], weight))

        def get(self, n):
            return random.sample(self.rows, n)

    def arranged(logs):
        return [sorted(log, key=lambda step: step["t"]) for log in logs]

    def train(net, steps, path):
        rows = Rows()
        for episode in {logs}:
            rows.push(episode, 1.0)
        for _ in range(steps):
            states, actions, rewards, after, weights = zip(*rows.get(32))
            net.fit(states, rewards + 0.99 * net.predict(after).max(axis=1))

    train(make_net(), 1000, "log.json")
"""


@pytest.mark.parametrize(
    ("logs", "found"), [("arranged(json.load(open(path)))", 0), ("play(json.load(open(path)))", 1)]
)
def test_what_a_function_puts_in_order_was_read_and_what_it_plays_was_not(project, logs, found):
    player = "\n\n    def play(settings):\n        return [run(settings['env']).steps for _ in range(9)]"
    assert len(project(ARRANGED.format(logs=logs) + player).buffers) == found
