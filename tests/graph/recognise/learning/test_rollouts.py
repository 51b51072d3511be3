"""Memories that each update leaves empty, drawn from for epochs; and those that are emptied now and then."""

import textwrap

import pytest

from per_audit.graph import UNIFORM

ARRAYS = """
    import numpy as np

    class Buffer:
        def __init__(self, size):
            self.size, self.ptr, self.count = size, 0, 0
            self.s, self.s2 = np.zeros((size, 4)), np.zeros((size, 4))
            self.a, self.r, self.d = np.zeros(size), np.zeros(size), np.zeros(size)

        def store(self, state, action, reward, next_state, done):
            i = self.ptr
            self.s[i], self.a[i], self.r[i], self.s2[i], self.d[i] = state, action, reward, next_state, done
            self.ptr = (self.ptr + 1) % self.size
            self.count = min(self.count + 1, self.size)

        def clear(self):
            self.ptr, self.count = 0, 0

        def __len__(self):
            return self.count

        def sample(self, n):
            i = np.random.choice({bound}, n)
            return self.s[i], self.a[i], self.r[i], self.s2[i], self.d[i]
"""
LISTS = """
    import random
    from collections import deque

    class Buffer:
        def __init__(self, size):
            self.size, self.rows = size, {rows}

        def store(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))

        def clear(self):
            {clear}

        def __len__(self):
            return len(self.rows)

        def sample(self, n):
            states, actions, rewards, next_states, dones = zip(*random.sample(self.rows, n))
            return states, actions, rewards, next_states, dones
"""
COLUMNS = """
    import numpy as np

    class Buffer:
        def __init__(self, size):
            self.size = size
            self.clear()

        def clear(self):
            {clear}

        def store(self, state, action, reward, next_state, done):
            self.s.append(state)
            self.a.append(action)
            self.r.append(reward)
            self.s2.append(next_state)
            self.d.append(done)

        def __len__(self):
            return len(self.r)

        def sample(self, n):
            i = np.random.choice(len(self.r), n)
            return [np.array(column)[i] for column in (self.s, self.a, self.r, self.s2, self.d)]
"""
KINDS = {
    "arrays": ARRAYS.replace("{bound}", "self.count"),
    "arrays by len": ARRAYS.replace("{bound}", "len(self)"),
    "full arrays": ARRAYS.replace("{bound}", "self.size").replace("ptr + 1) % self.size", "ptr + 1)"),
    "list anew": LISTS.replace("{rows}", "[]").replace("{clear}", "self.rows = []"),
    "list": LISTS.replace("{rows}", "[]").replace("{clear}", "self.rows.clear()"),
    "list cut": LISTS.replace("{rows}", "[]").replace("{clear}", "del self.rows[:]"),
    "deque": LISTS.replace("{rows}", "deque(maxlen=size)").replace("{clear}", "self.rows.clear()"),
    "columns": COLUMNS.replace("{clear}", "self.s, self.a, self.r, self.s2, self.d = [], [], [], [], []"),
}
AGENT = """
    class Agent:
        def __init__(self, net, optimizer):
            self.net, self.optimizer, self.memory = net, optimizer, Buffer(2048)

        def learn(self):
            for epoch in range(10):
                states, actions, rewards, next_states, dones = self.memory.sample(64)
                self.net.loss(states, actions, rewards, next_states, dones).backward()
                self.optimizer.step()
            {last}

    def main(env, net, optimizer):
        {begin}
        agent = Agent(net, optimizer)
        state = env.reset()
        for step in range(100_000):
            {first}
            action = net.act(state)
            next_state, reward, done, info = env.step(action)
            agent.memory.store(state, action, reward, next_state, done)
            state = next_state
            {each}
"""
FULL = "if len(agent.memory) == 2048: agent.learn()"


def agent(kind, last="pass", first="pass", each=FULL, begin="pass"):
    filled = AGENT.replace("{last}", last).replace("{first}", first).replace("{each}", each).replace("{begin}", begin)
    return textwrap.dedent(KINDS[kind]) + textwrap.dedent(filled)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_emptied_before_anything_is_stored_again_is_a_rollout(project, kinds, kind):
    assert kinds(project(agent(kind))) == [UNIFORM]
    assert kinds(project(agent(kind, last="self.memory.clear()"))) == []
    later = "if len(agent.memory) == 2048:\n                agent.learn()\n                agent.memory.clear()"
    assert kinds(project(agent(kind, each=later))) == []
    assert kinds(project(agent(kind, each=later.replace("memory.clear()", "memory = Buffer(2048)")))) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "rarely",
    [
        {"each": "agent.learn()\n            if info['task']: agent.memory.clear()"},
        {"each": "agent.learn()\n            if step % 50_000 == 0: agent.memory.clear()"},
        {"each": "agent.learn()", "first": "if step == 1000: agent.memory.clear()"},
        {"each": "agent.learn()\n            if len(agent.memory) == 2048: agent.memory.clear()"},
        {"each": "if len(agent.memory) > 64: agent.learn()\n            if done: agent.memory.clear()"},
        {"each": "agent.learn()\n        agent.memory.clear()"},
    ],
)
def test_what_is_emptied_now_and_then_is_a_memory(project, kinds, kind, rarely):
    assert kinds(project(agent(kind, **rarely))) == [UNIFORM]


LOOPS = """
    def main(env, net, optimizer):
        memory = Buffer(2048)
        for iteration in range(1000):
            {before}
            state, done = env.reset(), False
            while not done:
                action = net.act(state)
                next_state, reward, done, info = env.step(action)
                memory.store(state, action, reward, next_state, done)
                state = next_state
                {inside}
            updates = 0
            while updates < 10:
                states, actions, rewards, next_states, dones = memory.sample(64)
                net.loss(states, actions, rewards, next_states, dones).backward()
                optimizer.step()
                updates += 1
            {after}
"""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("before", "inside", "after", "found"),
    [
        ("memory.clear()", "pass", "pass", []),
        ("memory = Buffer(2048)", "pass", "pass", []),
        ("pass", "pass", "memory.clear()", []),
        ("pass", "pass", "if iteration % 9 == 0: net.save()\n            memory.clear()", []),
        ("pass", "pass", "if info['new']: memory.clear()", [UNIFORM]),
        ("if iteration == 0: memory.clear()", "pass", "pass", [UNIFORM]),
        ("pass", "if info['new']: memory.clear()", "pass", [UNIFORM]),
        ("pass", "pass", "for each in [memory]: each.clear()", []),
    ],
)
def test_the_place_of_the_emptying_makes_no_difference(project, kinds, kind, before, inside, after, found):
    text = LOOPS.replace("{before}", before).replace("{inside}", inside).replace("{after}", after)
    assert kinds(project(textwrap.dedent(KINDS[kind]) + textwrap.dedent(text))) == found


ROWS = """
    import random

    class Buffer:
        def __init__(self):
            self.rows = []

        def store(self, state, action, reward, next_state, done):
            {begin}
            self.rows.append((state, action, reward, next_state, done))

        def clear(self):
            {clear}

        def {sample}(self, n):
            states, actions, rewards, next_states, dones = zip(*random.sample(self.rows, n))
            {end}
            {give} states, actions, rewards, next_states, dones

    def main(env, net, optimizer):
        buffer = Buffer()
        state = env.reset()
        for step in range(100_000):
            action = net.act(state)
            next_state, reward, done, info = env.step(action)
            buffer.store(state, action, reward, next_state, done)
            state = next_state
            if len(buffer.rows) >= 2048:
                for {batch} in {batches}:
                    net.loss({drawn}).backward()
                    optimizer.step()
                {after}
"""
USUAL = {
    "begin": "pass",
    "clear": "self.rows = []",
    "sample": "sample",
    "end": "pass",
    "give": "return",
    "batch": "epoch",
    "batches": "range(10)",
    "drawn": "*buffer.sample(64)",
    "after": "pass",
}
GENERATED = {"sample": "batches", "give": "yield", "batch": "batch", "batches": "buffer.batches(64)", "drawn": "*batch"}


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({}, [UNIFORM]),
        ({"end": "self.clear()"}, []),
        ({"after": "buffer.rows = []"}, []),
        ({"after": "buffer.__init__()"}, []),
        ({"after": "del buffer; buffer = Buffer()"}, []),
        ({"after": "buffer.clear()", "clear": "self.rows[:] = []"}, []),
        ({"after": "buffer.clear()", "clear": "while self.rows: self.rows.pop()"}, []),
        ({"after": "buffer.clear()", "clear": "while len(self.rows) > 0: self.rows.pop()"}, []),
        ({"after": "buffer.clear()", "clear": "while len(self.rows) > 9: self.rows.pop()"}, [UNIFORM]),
        ({"after": "buffer.clear()", "clear": "self.rows = [row for row in self.rows if row[2]]"}, [UNIFORM]),
        ({"after": "buffer.clear()", **GENERATED}, []),
        (GENERATED, [UNIFORM]),
        ({"begin": "if len(self.rows) > 5000: self.clear()"}, [UNIFORM]),
    ],
)
def test_what_empties_it(project, kinds, changed, found):
    text = ROWS
    for key, value in {**USUAL, **changed}.items():
        text = text.replace(f"{{{key}}}", value)
    assert kinds(project(text)) == found


SAME = """
    def train(env, net):
        memory, episode = Buffer(2048), Buffer(2048)
        for number in range(100):
            {before}
            for _ in range(100):
                {inside}
            for _ in range(10):
                states, actions, rewards, next_states, dones = memory.sample(64)
                net.loss(states, actions, rewards, next_states, dones).backward()
            {after}
"""


@pytest.mark.parametrize("kind", ["arrays", "list"])
@pytest.mark.parametrize(
    ("before", "inside", "after", "found"),
    [
        ("pass", "memory.store(*env.transition())", "memory.clear()", []),
        ("pass", "memory.store(*env.transition()); episode.store(*env.transition())", "episode.clear()", [UNIFORM]),
        ("episode = Buffer(2048)", "memory.store(*env.transition())", "pass", [UNIFORM]),
        ("memory = Buffer(2048)", "memory.store(*env.transition())", "pass", []),
    ],
)
def test_another_object_of_the_class_is_another_memory(project, kinds, kind, before, inside, after, found):
    text = SAME.replace("{before}", before).replace("{inside}", inside).replace("{after}", after)
    assert kinds(project(textwrap.dedent(KINDS[kind]) + textwrap.dedent(text))) == found


def test_a_memory_that_one_program_empties_and_another_does_not(project, kinds):
    program = """
    from memory import Buffer

    def train(env, net):
        memory = Buffer(2048)
        for number in range(100):
            memory.store(*env.transition())
            net.loss(*memory.sample(64)).backward()
            {after}
    """
    ppo = program.replace("{after}", "memory.clear()")
    dqn = program.replace("{after}", "pass")
    assert kinds(project(memory=KINDS["list"], ppo=ppo)) == []
    assert kinds(project(memory=KINDS["list"], ppo=ppo, dqn=dqn)) == [UNIFORM]


TEST = """
    from memory import Buffer

    def test_it():
        memory = Buffer(4)
        memory.store(1, 2, 3, 4, 5)
        assert memory.sample(1)
        {after}
        memory.store(1, 2, 3, 4, 5)
"""


@pytest.mark.parametrize(("after", "found"), [("memory.clear()", []), ("pass", [UNIFORM])])
def test_tests_of_a_memory_say_nothing_of_it(project, kinds, after, found):
    train = f"""
    from memory import Buffer

    def train(env, net):
        memory = Buffer(2048)
        for number in range(100):
            memory.store(*env.transition())
            net.loss(*memory.sample(64)).backward()
            {after}
    """
    for other in ("memory.clear()", "pass"):
        tests = TEST.replace("{after}", other)
        assert kinds(project(memory=KINDS["list"], train=train, tests__test_memory=tests)) == found


PARALLEL = """
    import numpy as np

    class Storage:
        def __init__(self, length, count):
            self.length, self.count, self.t = length, count, 0
            self.obs, self.following = np.zeros((length, count, 4)), np.zeros((length, count, 4))
            self.act, self.rew = np.zeros((length, count)), np.zeros((length, count))
            self.end = np.zeros((length, count))

        def insert(self, {given}obs, action, reward, next_obs, done):
            self.obs[{at}], self.act[{at}], self.rew[{at}] = obs, action, reward
            self.following[{at}], self.end[{at}] = next_obs, done
            {on}

        def begin(self):
            self.t = 0

        def sample(self, n):
            t, e = np.random.randint(0, self.length, n), np.random.randint(0, self.count, n)
            return self.obs[t, e], self.act[t, e], self.rew[t, e], self.following[t, e], self.end[t, e]

    def main(envs, net, optimizer):
        storage = Storage(128, 8)
        obs = envs.reset()
        for update in range(1000):
            for step in range({steps}):
                action = net.act(obs)
                next_obs, reward, done, info = envs.step(action)
                storage.insert({place}obs, action, reward, next_obs, done)
                obs = next_obs
            for epoch in range(40):
                net.loss(*storage.sample(256)).backward()
                optimizer.step()
            {after}
"""


@pytest.mark.parametrize(
    ("given", "at", "on", "steps", "place", "after", "found"),
    [
        ("", "self.t", "self.t += 1", "128", "", "storage.begin()", []),
        ("", "self.t", "self.t = (self.t + 1) % self.length", "128", "", "storage.t = 0", []),
        ("", "self.t", "self.t = (self.t + 1) % self.length", "4", "", "pass", [UNIFORM]),
        ("t, ", "t", "pass", "128", "step, ", "pass", []),
        ("t, ", "t", "pass", "1", "update % 128, ", "pass", [UNIFORM]),
    ],
)
def test_arrays_of_several_environments_are_filled_from_the_first_step_on(
    project, kinds, given, at, on, steps, place, after, found
):
    text = PARALLEL
    for key, value in (("given", given), ("at", at), ("on", on), ("steps", steps), ("place", place), ("after", after)):
        text = text.replace(f"{{{key}}}", value)
    assert kinds(project(text)) == found


def test_a_step_that_is_counted_from_0_in_each_of_many_episodes_empties_nothing(project, kinds):
    graph = project("""
    import numpy as np

    class Episodes:
        def __init__(self, n, length):
            self.n, self.e, self.t, self.full = n, 0, 0, 0
            self.s, self.s2 = np.zeros((n, length, 4)), np.zeros((n, length, 4))
            self.a, self.r, self.d = np.zeros((n, length)), np.zeros((n, length)), np.zeros((n, length))

        def store(self, state, action, reward, next_state, done):
            self.s[self.e, self.t], self.a[self.e, self.t], self.r[self.e, self.t] = state, action, reward
            self.s2[self.e, self.t], self.d[self.e, self.t] = next_state, done
            self.t += 1

        def close(self):
            self.t, self.e = 0, (self.e + 1) % self.n

        def sample(self, k):
            i = np.random.choice(self.n, k)
            return self.s[i], self.a[i], self.r[i], self.s2[i], self.d[i]

    def main(env, net):
        memory = Episodes(1000, 50)
        while True:
            state, done = env.reset(), False
            while not done:
                action = net.act(state)
                next_state, reward, done, _ = env.step(action)
                memory.store(state, action, reward, next_state, done)
                state = next_state
            net.loss(*memory.sample(32)).backward()
            memory.close()
    """)
    assert kinds(graph) == [UNIFORM]


SCRIPT = """
    import random

    import numpy as np

    env, net = make()
    rows = []
    S, A, R, S2, D = np.zeros((2048, 4)), np.zeros(2048), np.zeros(2048), np.zeros((2048, 4)), np.zeros(2048)
    state, t = env.reset(), 0
    for step in range(100_000):
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        {store}
        state = next_state
        t += 1
        if {when}:
            for _ in range(40):
                {draw}
                net.loss(states, actions, rewards, next_states, dones).backward()
            {after}
"""
APPENDED = (
    "rows.append((state, action, reward, next_state, done))",
    "states, actions, rewards, next_states, dones = zip(*random.sample(rows, 64))",
)
PLACED = (
    "S[t], A[t], R[t], S2[t], D[t] = state, action, reward, next_state, done",
    "i = np.random.choice(2048, 64); states, actions, rewards, next_states, dones = S[i], A[i], R[i], S2[i], D[i]",
)


@pytest.mark.parametrize(
    ("code", "when", "after", "found"),
    [
        (APPENDED, "t % 2048 == 0", "rows = []", []),
        (APPENDED, "t % 2048 == 0", "rows.clear()", []),
        (APPENDED, "t % 2048 == 0", "pass", [UNIFORM]),
        (APPENDED, "t % 2048 == 0", "rows.pop(0)", [UNIFORM]),
        (PLACED, "t == 2048", "t = 0", []),
        (PLACED, "done", "if t == 2048: t = 0", [UNIFORM]),
    ],
)
def test_names_of_a_script_hold_rollouts_as_objects_do(project, kinds, code, when, after, found):
    text = SCRIPT.replace("{store}", code[0]).replace("{draw}", code[1])
    assert kinds(project(text.replace("{when}", when).replace("{after}", after))) == found


DICTS = """
    import numpy as np

    class Memory:
        def __init__(self):
            self.reset()

        def reset(self):
            self.data = {data}

        def add(self, **step):
            for key, value in step.items():
                self.data[key].append(value)

        def batch(self, n):
            at = np.random.randint(0, len(self.data["reward"]), n)
            return {key: np.array(value)[at] for key, value in self.data.items()}

    def main(env, net):
        memory = Memory()
        state = env.reset()
        for iteration in range(1000):
            for _ in range(200):
                action = net.act(state)
                next_state, reward, done, _ = env.step(action)
                memory.add(state=state, action=action, reward=reward, next_state=next_state, done=done)
                state = next_state
            for epoch in range(10):
                b = memory.batch(64)
                net.loss(b["state"], b["action"], b["reward"], b["next_state"], b["done"]).backward()
            {after}
"""


@pytest.mark.parametrize(
    "data",
    [
        '{"state": [], "action": [], "reward": [], "next_state": [], "done": []}',
        "dict(state=[], action=[], reward=[], next_state=[], done=[])",
        '{key: [] for key in ("state", "action", "reward", "next_state", "done")}',
    ],
)
@pytest.mark.parametrize(
    ("after", "found"),
    [("memory.reset()", []), ("memory = Memory()", []), ("if iteration == 9: memory.reset()", [UNIFORM])],
)
def test_the_columns_of_a_dict_are_made_anew(project, kinds, data, after, found):
    assert kinds(project(DICTS.replace("{data}", data).replace("{after}", after))) == found


TAKEN = """
    import random

    class Buffer:
        def __init__(self):
            self.rows = []

        def store(self, *row):
            self.rows.append(row)

        def clear(self):
            self.rows.clear()

    def update(net, rows):
        for _ in range(10):
            states, actions, rewards, next_states, dones = zip(*random.sample(rows, 64))
            net.loss(states, actions, rewards, next_states, dones).backward()

    def main(env, net):
        buffer, state = Buffer(), env.reset()
        while True:
            for _ in range(100):
                action = net.act(state)
                next_state, reward, done, _ = env.step(action)
                buffer.store(state, action, reward, next_state, done)
                state = next_state
            rows = list(buffer.rows)
            {after}
            update(net, rows)
"""


@pytest.mark.parametrize(("after", "found"), [("buffer.clear()", []), ("pass", [UNIFORM])])
def test_what_is_taken_out_before_it_is_emptied_is_drawn_from_later(project, kinds, after, found):
    assert kinds(project(TAKEN.replace("{after}", after))) == found


@pytest.mark.parametrize(
    ("when", "found"),
    [
        ("buffer.is_full()", []),
        ("buffer.count == 2048", []),
        ("buffer.count >= buffer.size", []),
        ("buffer.count >= 64", [UNIFORM]),
        ("step % 4 == 0", [UNIFORM]),
    ],
)
def test_what_is_full_when_it_is_drawn_from_and_then_begins_anew_is_a_rollout(project, kinds, when, found):
    graph = project(f"""
    import random

    class Buffer:
        def __init__(self, size):
            self.size, self.count, self.rows = size, 0, []

        def is_full(self):
            return self.count == self.size

        def store(self, state, action, reward, next_state, done):
            if self.count == self.size:
                self.rows, self.count = [], 0
            self.rows.append((state, action, reward, next_state, done))
            self.count += 1

    def main(env, net):
        buffer, state = Buffer(2048), env.reset()
        for step in range(100_000):
            action = net.act(state)
            next_state, reward, done, info = env.step(action)
            buffer.store(state, action, reward, next_state, done)
            state = next_state
            if {when}:
                for epoch in range(10):
                    states, actions, rewards, next_states, dones = zip(*random.sample(buffer.rows, 64))
                    net.loss(states, actions, rewards, next_states, dones).backward()
    """)
    assert kinds(graph) == found


KEYED = """
    import numpy as np

    class Buffer:
        def __init__(self):
            self.fields = {{}}

        def add(self, **row):
            for name, value in row.items():
                {put}

        def sample(self, n):
            at = np.random.randint(len(self.fields["reward"]), size=n)
            return {{name: [column[i] for i in at] for name, column in self.fields.items()}}

    memory = Buffer()
    while True:
        action = net(state)
        next_state, reward, done, _ = env.step(action)
        memory.add(state=state, action=action, reward=reward, next_state=next_state, done=done)
        {after}
        batch = memory.sample(32)
        learn(batch["state"], batch["action"], batch["reward"], batch["next_state"], batch["done"])
"""


@pytest.mark.parametrize(
    ("put", "after", "found"),
    [
        ("self.fields.setdefault(name, []).append(value)", "pass", [UNIFORM]),
        ("self.fields.setdefault(name, []).append(value)", "state = next_state", [UNIFORM]),
        ("self.fields[name] = [value]", "pass", []),
    ],
)
def test_a_column_that_is_made_where_none_stands_empties_nothing(project, put, after, found):
    assert [buffer.kind for buffer in project(KEYED.format(put=put, after=after)).buffers] == found
