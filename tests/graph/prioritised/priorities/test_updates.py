import pytest

MEMORY = """
import random


class Tree:
    def __init__(self, size):
        self.sums, self.rows, self.size, self.at = [0.0] * (2 * size), [None] * size, size, 0

    def add(self, priority, row):
        self.rows[self.at] = row
        self.update(self.at, priority)
        self.at = (self.at + 1) % self.size

    def update(self, slot, priority):
        node = slot + self.size
        change = priority - self.sums[node]
        while node:
            self.sums[node] += change
            node //= 2

    def find(self, mass):
        node = 1
        while node < self.size:
            node *= 2
            if mass > self.sums[node]:
                mass -= self.sums[node]
                node += 1
        return node - self.size


class Memory:
    def __init__(self, size):
        self.tree = Tree(size)

    def add(self, state, action, reward, next_state, done):
        self.tree.add(1.0, (state, action, reward, next_state, done))

    def sample(self, n):
        slots = [self.tree.find(random.uniform(0, self.tree.sums[1])) for _ in range(n)]
        return slots, [self.tree.rows[slot] for slot in slots]

    def update_priority(self, slot, error):
        self.tree.update(slot, abs(error) ** 0.6)


def train(env, net, steps):
    memory = Memory(64)
    state = env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(0)
        memory.add(state, 0, reward, next_state, done)
        slots, batch = memory.sample(8)
        loss, errors = net.loss(batch)
        loss.backward()
"""


@pytest.mark.parametrize(
    ("update", "found"),
    [
        ("", False),
        ("        for slot, error in zip(slots, errors):\n            memory.update_priority(slot, error)\n", True),
        ("        net.correct(memory.update_priority)\n", True),
        ("        memory.update_priority.remote(slots, errors)\n", True),
        ("        print(loss, errors)\n", False),
    ],
)
def test_priorities_are_updated_where_a_method_that_writes_them_is_named(project, update, found):
    graph = project(MEMORY + update)
    (buffer,) = graph.buffers
    assert graph.priorities(buffer).updated() is found


def test_what_is_passed_to_an_executor_may_run(project):
    graph = project(
        MEMORY
        + """

def correct(memory, data):
    memory.update_priority(*data)


def serve(pool, memory, data):
    pool.submit(correct, memory, data)
"""
    )
    (buffer,) = graph.buffers
    assert graph.priorities(buffer).updated()


HEAP = """
import heapq
from collections import deque


class Agent:
    def __init__(self, net):
        self.net, self.rows, self.scores = net, [], deque(maxlen=10)

    def remember(self, td_error, state, action, reward, next_state, done):
        heapq.heappush(self.rows, (-td_error, state, action, reward, next_state, done))

    def learn(self, n):
        for entry in heapq.nsmallest(n, self.rows):
            self.net.fit(entry)


def play(env, net):
    agent, state = Agent(net), env.reset()
    for step in range(1000):
        next_state, reward, done, _ = env.step(0)
        agent.remember(reward - net(state), state, 0, reward, next_state, done)
        agent.scores.append(reward)
        agent.learn(32)
"""


@pytest.mark.parametrize(
    ("learnt", "found"),
    [
        ("self.net.fit(entry)", False),
        ("heapq.heappush(self.rows, (-self.net.fit(entry), *entry[1:]))", True),
    ],
)
def test_in_a_heap_of_rows_priorities_are_in_the_rows(project, learnt, found):
    graph = project(HEAP.replace("self.net.fit(entry)", learnt))
    (buffer,) = graph.buffers
    assert graph.priorities(buffer).updated() is found


ROWS = """
    import numpy as np

    class Row:
        def __init__(self, state, action, reward, next_state, done):
            self.state, self.action, self.reward = state, action, reward
            self.next_state, self.done, self.priority, self.seen = next_state, done, 1.0, 0

        def rate(self, priority):
            self.priority = priority

        def mark(self, step):
            self.seen = step

    class Memory:
        def __init__(self):
            self.rows, self.masses = [], []

        def add(self, state, action, reward, next_state, done):
            self.rows.append(Row(state, action, reward, next_state, done))

        def weigh(self):
            total = sum(row.priority for row in self.rows)
            self.masses = [row.priority / total for row in self.rows]

        def sample(self, n):
            return [self.rows[i] for i in np.random.choice(len(self.rows), n, p=self.masses)]

    def train(env, net, optimizer):
        memory, state = Memory(), env.reset()
        for step in range(10_000):
            next_state, reward, done, _ = env.step(net.act(state))
            memory.add(state, 0, reward, next_state, done)
            memory.weigh()
            drawn = memory.sample(32)
            losses = net.losses([(r.state, r.action, r.reward, r.next_state, r.done) for r in drawn])
            losses.mean().backward()
            optimizer.step()
            for row, loss in zip(drawn, losses):
                {told}
"""


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ("row.rate(loss.item())", True),
        ("print(row.state, loss)", False),
        ("row.show()", False),
        ("row.mark(step)", False),  # no draw goes by it
    ],
)
def test_a_row_that_is_told_its_priority(project, told, found):
    graph = project(ROWS.format(told=told))
    (buffer,) = graph.buffers
    assert buffer.kind == "prioritised"
    assert graph.priorities(buffer).updated() is found


REPLACED = """
import numpy as np
import torch
from collections import namedtuple

Row = namedtuple("Row", "state reward next_state end error")


class Memory:
    def __init__(self, size):
        self.rows = []

    def add(self, state, reward, next_state, end):
        self.rows.append(Row(state, reward, next_state, end, 1.0))

    def sample(self, n):
        odds = np.array([row.error for row in self.rows])
        at = np.random.choice(len(self.rows), n, p=odds / odds.sum())
        return at, [self.rows[i] for i in at]

    def update(self, at, errors):
        for i, error in zip(at, errors):
            self.rows[i] = self.rows[i]._replace(error=abs(error))


def train(env, net, steps):
    memory = Memory(64)
    state = env.reset()
    for step in range(steps):
        next_state, reward, end, _ = env.step(0)
        memory.add(state, reward, next_state, end)
        at, batch = memory.sample(8)
        loss, errors = net.loss(batch)
        loss.backward()
        memory.update(at, errors)
"""


@pytest.mark.parametrize("call", ["memory.update(at, errors)", ""])
def test_a_row_that_is_put_back_with_another_error(project, call):
    graph = project(REPLACED.replace("memory.update(at, errors)", call))
    (buffer,) = graph.buffers
    assert graph.priorities(buffer).updated() is bool(call)


PLAIN = (
    REPLACED.replace("row.error", "row[-1]")
    .replace("def add(self, state, reward, next_state, end)", "def add(self, row)")
    .replace("Row(state, reward, next_state, end, 1.0)", "row")
    .replace("memory.add(state, reward, next_state, end)", "memory.add((state, reward, next_state, end, 1.0))")
)


@pytest.mark.parametrize("call", ["memory.update(at, errors)", ""])
@pytest.mark.parametrize(
    "lines",
    [
        "self.rows[i] = self.rows[i][:-1] + (abs(error),)",
        "row = self.rows[i]; self.rows[i] = (*row[:-1], abs(error))",
        "row = list(self.rows[i]); row[-1] = abs(error); self.rows[i] = tuple(row)",
        "s, r, n, e, _ = self.rows[i]; self.rows[i] = (s, r, n, e, abs(error))",
    ],
)
def test_a_row_that_is_put_together_of_the_one_that_was_there(project, lines, call):
    put = "self.rows[i] = self.rows[i]._replace(error=abs(error))"
    graph = project(PLAIN.replace(put, lines).replace("memory.update(at, errors)", call))
    (buffer,) = graph.buffers
    assert graph.priorities(buffer).updated() is bool(call)


RANKED = """
import bisect

import numpy as np



class Entry:
    def __init__(self, row, priority):
        self.row, self.priority = row, priority

    def __lt__(self, other):
        return self.priority < other.priority


class Ranked:
    def __init__(self):
        self.rows = []

    def add(self, row, priority=1.0):
        bisect.insort(self.rows, Entry(row, priority))

    def put_back(self, row, priority):
        bisect.insort(self.rows, Entry(row, priority))

    def sample(self, n, beta):
        ranks = np.arange(len(self.rows), 0, -1)
        p = (1 / ranks) / (1 / ranks).sum()
        slots = sorted(np.random.choice(len(self.rows), n, p=p))
        weights = (len(self.rows) * p[slots]) ** -beta
        batch = [self.rows.pop(slot).row for slot in reversed(slots)]
        return slots, batch, weights / weights.max()


def train(env, net, steps):
    memory = Ranked()
    state = env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(0)
        memory.add((state, 0, reward, next_state, done))
        slots, batch, weights = memory.sample(8, 0.4)
        loss, errors = net.loss(batch, weights)
        loss.backward()
        for i in range(8):
            memory.put_back(batch[i], abs(errors[i]))
"""


def test_rows_that_draws_take_out_are_put_back_with_new_priorities(project):
    graph = project(RANKED)
    (buffer,) = graph.buffers
    assert graph.priorities(buffer).updated()


LARGEST = MEMORY.replace("self.tree = Tree(size)", "self.tree, self.largest = Tree(size), 1.0")
LARGEST = LARGEST.replace("self.tree.add(1.0, (", "self.tree.add(self.largest, (")
LARGEST = LARGEST.replace("        self.tree.update(slot, abs(error) ** 0.6)\n", "        {update}\n")
LARGEST += "        for slot, error in zip(slots, errors):\n            memory.update_priority(slot, error)\n"


@pytest.mark.parametrize(
    ("update", "expected"),
    [
        ("self.largest = max(self.largest, abs(error))", False),
        ("self.largest = max(self.largest, abs(error)); self.tree.update(slot, abs(error))", True),
        ("self.largest = max(self.largest, abs(error)); self.correct(slot, error)", True),
    ],
)
def test_the_largest_priority_that_is_kept_for_new_transitions_is_no_update(project, update, expected):
    correct = (
        "    def correct(self, slot, error):\n        self.tree.update(slot, abs(error))\n\n    def update_priority"
    )
    graph = project(LARGEST.replace("{update}", update).replace("    def update_priority", correct))
    (buffer,) = graph.buffers
    assert graph.priorities(buffer).updated() is expected


def test_a_subscript_that_only_storing_uses_is_a_part_of_it(project):
    text = LARGEST.replace("{update}", "self.largest = max(self.largest, abs(error))")
    text = text.replace("def update(self, slot, priority)", "def __setitem__(self, slot, priority)")
    text = text.replace("self.update(self.at, priority)", "self[self.at] = priority")
    graph = project(text)
    (buffer,) = graph.buffers
    assert not graph.priorities(buffer).updated()
    changed = text.replace("abs(error))\n", "abs(error)); self.tree[slot] = abs(error)\n", 1)
    graph = project(changed)
    (buffer,) = graph.buffers
    assert graph.priorities(buffer).updated()


STARTED = """
from memory import Memory


class Trainer:
    def __init__(self, env, net):
        self.env, self.net, self.memory = env, net, Memory(64)

    def learn(self):
        slots, batch = self.memory.sample(8)
        loss, errors = self.net.loss(batch)
        loss.backward()
        {update}

    def train(self, steps):
        state = self.env.reset()
        for step in range(steps):
            next_state, reward, done, _ = self.env.step(0)
            self.memory.add(state, 0, reward, next_state, done)
            self.learn()

    def rate(self, slots, errors):
        {rate}


trainer = Trainer(gym.make("CartPole-v1"), Net())
{start}
"""
RATED = "[self.memory.update_priority(slot, error) for slot, error in zip(slots, errors)]"


@pytest.mark.parametrize(
    ("update", "rate", "start", "found"),
    [
        (RATED, "pass", "trainer.train(1000)", True),
        (RATED, "pass", "# trainer.train(1000)", True),
        ("pass", "pass", "# trainer.train(1000)", False),
        ("pass", RATED, "# trainer.train(1000)", False),
        ("pass", RATED, "trainer.train(1000)", False),
        ("self.rate(slots, errors)", RATED, "# trainer.train(1000)", True),
    ],
)
def test_where_nothing_starts_the_training_its_updates_count_as_its_draws_do(project, update, rate, start, found):
    memory = MEMORY.partition("def train(")[0]
    graph = project(memory=memory, main=STARTED.format(update=update, rate=rate, start=start))
    (buffer,) = [buffer for buffer in graph.buffers if buffer.kind == "prioritised"]
    assert graph.priorities(buffer).updated() is found


ESTIMATED = """
import random


class Tree:
    def __init__(self, size):
        self.sums, self.rows, self.size, self.at = [0.0] * (2 * size), [None] * size, size, 0

    def add(self, priority, row):
        self.rows[self.at] = row
        self.put(self.at + self.size, priority)
        self.at = (self.at + 1) % self.size

    def put(self, node, priority):
        change = priority - self.sums[node]
        self.sums[node] = priority
        self.raise_above(node, change)

    def raise_above(self, node, change):
        node //= 2
        self.sums[node] += change
        if node > 1:
            self.raise_above(node, change)

    def find(self, mass):
        node = 1
        while node < self.size:
            node *= 2
            if mass > self.sums[node]:
                mass -= self.sums[node]
                node += 1
        return node, self.rows[node - self.size]


class Memory:
    def __init__(self, size):
        self.tree = Tree(size)

    def push(self, row, error):
        self.tree.add(abs(error), row)

    def sample(self, n):
        return zip(*[self.tree.find(random.uniform(0, self.tree.sums[1])) for _ in range(n)])

    def update(self, node, error):
        self.tree.put(node, abs(error))


def error_of(net, state, action, reward, next_state, done):
    goal = reward + 0.99 * (1 - done) * net(next_state).max(-1)
    return goal - net(state)[action]


def train(env, net, settings, steps):
    memory = Memory(64)
    state = env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(0)
        memory.push((state, 0, reward, next_state, done), error_of(net, state, 0, reward, next_state, done))
        nodes, rows = memory.sample(8)
        states, actions, rewards, following, ends = zip(*rows)
        errors = error_of(net, states, actions, rewards, following, ends)
        (errors**2).mean().backward()
        {after}
"""


@pytest.mark.parametrize(
    ("after", "found"),
    [
        ("pass", False),
        ("[memory.update(node, error) for node, error in zip(nodes, errors)]", True),
        ("settings.update({'step': step})", False),  # takes another number of arguments
        ("settings.update(nodes, errors)", True),
    ],
)
def test_an_error_that_new_transitions_are_stored_with_is_no_update(project, after, found):
    graph = project(ESTIMATED.replace("{after}", after))
    (buffer,) = graph.buffers
    assert graph.priorities(buffer).updated() is found


EPISODES = """
import numpy as np


class Memory:
    def __init__(self):
        self.episodes = []

    def add(self, episode):
        self.episodes.append([{**step, "priority": 1.0} for step in episode])

    def sample(self, n):
        places = [(e, t) for e, episode in enumerate(self.episodes) for t in range(len(episode))]
        masses = np.array([self.episodes[e][t]["priority"] for e, t in places])
        drawn = np.random.choice(len(places), n, p=masses / masses.sum())
        rows = []
        for one in drawn:
            e, t = places[int(one)]
            rows.append({"episode": e, "step": t, **self.episodes[e][t]})
        return {key: np.asarray([row[key] for row in rows]) for key in rows[0]}

    def update_priorities(self, episodes, steps, errors):
        for e, t, error in zip(episodes, steps, np.abs(errors)):
            episode = self.episodes[int(e)]
            if t < len(episode):
                WRITE


def train(env, net, play, n):
    memory = Memory()
    for _ in range(n):
        state, episode, done = env.reset(), [], False
        while not done:
            next_state, reward, done, _ = env.step(play(state))
            episode.append({"state": state, "reward": reward, "next_state": next_state, "done": done})
            state = next_state
        memory.add(episode)
        batch = memory.sample(32)
        target = batch["reward"] + 0.99 * net.value(batch["next_state"]) * (1 - batch["done"])
        loss, errors = net.loss(batch["state"], target)
        loss.backward()
        memory.update_priorities(batch["episode"], batch["step"], errors)
"""


@pytest.mark.parametrize(
    ("write", "found"),
    [("episode[int(t)]['priority'] = float(error)", True), ("print(episode[int(t)]['priority'], error)", False)],
)
def test_an_item_of_what_the_memory_holds_may_be_written_under_a_name_of_its_own(project, write, found):
    graph = project(EPISODES.replace("WRITE", write))
    (buffer,) = graph.buffers
    assert graph.priorities(buffer).updated() is found
