"""What PER001 shows beside the way of the transitions."""

import pytest

from per_audit.facts import extract
from per_audit.graph import link
from per_audit.rule import all_rules

MEMORIES = b"""import random
import numpy as np


class Plain:
    def __init__(self):
        self.rows = []

    def add(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))
        if len(self.rows) > 1000:
            self.rows.pop(0)

    def draw(self, n):
        return random.sample(self.rows, n)


class Weighted(Plain):
    def __init__(self):
        super().__init__()
        self.priorities = np.ones(1000)

    def pick(self, n):
        return [self.rows[i] for i in np.random.choice(1000, n, p=self.priorities / self.priorities.sum())]
"""
AGENTS = b"""from memories import Plain, Weighted


def first(env, net):
    memory = Plain()
    while True:
        memory.add(*env.transition())
        net.loss(memory.draw(32)).backward()


def second(env, net):
    memory = %s()
    while True:
        memory.add(*env.transition())
        net.loss(memory.pick(32)).backward()
"""


def roles(second):
    graph = link([extract("memories.py", MEMORIES), extract("agents.py", AGENTS % second)])
    (rule,) = (rule for rule in all_rules() if rule.code == "PER001")
    (finding,) = rule.check(graph)
    return [(link.role, link.place.line) for link in finding.evidence]


def test_a_prioritised_buffer_of_another_agent_is_shown():
    assert ("prioritised", 24) in roles(b"Weighted")


def test_one_that_no_agent_uses_is_not():
    assert "prioritised" not in dict(roles(b"Plain"))


LIBRARY = b"""import cpprb
from memories import Plain


def first(env, net):
    memory = Plain()
    while True:
        memory.add(*env.transition())
        net.loss(memory.draw(32)).backward()


def second(env, net):
    memory = cpprb.%s(1000)
    while True:
        memory.add(*env.transition())
        net.loss(memory.sample(32)).backward()
"""


def library_roles(name):
    graph = link([extract("memories.py", MEMORIES), extract("agents.py", LIBRARY % name)])
    (rule,) = (rule for rule in all_rules() if rule.code == "PER001")
    return [[link.role for link in finding.evidence if link.role == "prioritised"] for finding in rule.check(graph)]


def test_one_of_a_library_is_shown_as_well():
    assert library_roles(b"PrioritizedReplayBuffer") == [["prioritised"]]
    assert library_roles(b"ReplayBuffer") == [[], []]


OWN = b"""import random

class ReplayBuffer:
    def __init__(self, size):
        self.rows = []

    def add(self, *row):
        self.rows.append(row)

    def sample(self, n):
        return picked(self.rows, n)
"""


@pytest.mark.parametrize(("files", "whose"), [({}, "cpprb"), ({"cpprb.py": OWN}, "this project's own `cpprb`")])
def test_a_package_of_the_project_is_no_library_whatever_its_name(files, whose):
    texts = {**files, "agents.py": LIBRARY % b"ReplayBuffer"}
    graph = link([extract(path, text) for path, text in texts.items()])
    (rule,) = (rule for rule in all_rules() if rule.code == "PER001")
    (finding,) = rule.check(graph)
    assert finding.message.startswith(f"ReplayBuffer of {whose} draws its transitions uniformly")


TWO = b"""import random
from collections import deque


class Agent:
    def __init__(self, net):
        self.net, self.won, self.lost = net, deque(maxlen=1000), deque(maxlen=1000)

    def keep(self, state, action, reward, next_state, done):
        if reward > 0:
            self.won.append((state, action, reward, next_state, done))
        else:
            self.lost.append((state, action, reward, next_state, done))

    def learn(self):
        batch = random.sample(self.won, 16) + random.sample(self.lost, 16)
        self.net.loss(*zip(*batch)).backward()
"""


@pytest.mark.parametrize(
    ("test", "what", "severity"),
    [
        (b"reward > 0", "one of 2 memories drawn from together, one of them of chosen transitions, draws", "INFO"),
        (b"len(self.won) < len(self.lost)", "one of 2 memories drawn from together, draws", "ERROR"),
        (b"action == 1", "one of 2 memories drawn from together, one for each action, draws", "ERROR"),
        (b"action == 1 and reward > 0", "one of them of chosen transitions, draws", "INFO"),
    ],
)
def test_memories_that_share_a_batch_are_said_to(test, what, severity):
    graph = link([extract("agent.py", TWO.replace(b"reward > 0", test))])
    (rule,) = (rule for rule in all_rules() if rule.code == "PER001")
    findings = list(rule.check(graph))
    assert len(findings) == 2
    assert all(what in finding.message for finding in findings)
    assert {finding.severity.name for finding in findings} == {severity}


def test_parts_of_one_memory_for_each_action_are_said_to_be_that():
    text = b"""import random
from collections import deque


class Store:
    def __init__(self, size):
        self.size, self.left, self.right = size, deque(), deque()

    def keep(self, row: tuple):
        action = row[1]
        if action == 0:
            self.left.append(row)
            if len(self.left) > self.size / 2:
                self.left.popleft()
        elif action == 1:
            self.right.append(row)
            if len(self.right) > self.size / 2:
                self.right.popleft()

    def some(self, n):
        rows = random.sample(list(self.left), n // 2)
        rows.extend(random.sample(list(self.right), n // 2))
        return rows


def train(net, env):
    store = Store(1000)
    state = env.reset()
    while True:
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        store.keep((state, action, reward, next_state, done))
        state = env.reset() if done else next_state
        net.loss(*zip(*store.some(32))).backward()
"""
    (rule,) = (rule for rule in all_rules() if rule.code == "PER001")
    (finding,) = rule.check(link([extract("agent.py", text)]))
    said = "Store, which keeps the transitions of each action apart, draws those of each part uniformly"
    assert (finding.severity.name, finding.message[: len(said)]) == ("ERROR", said)


@pytest.mark.parametrize(
    ("draw", "severity"),
    [
        (b"batch = random.sample(self.won, 16) + random.sample(self.lost, 16)", "INFO"),
        (b"batch = random.sample(self.won, 16)\n        batch.extend(random.sample(self.lost, 16))", "INFO"),
        (b"batch = random.sample(self.won, 16)\n        batch += random.sample(self.lost, 16)", "INFO"),
        (b"self.net.loss(random.sample(self.won, 16))\n        batch = random.sample(self.lost, 16)", "ERROR"),
    ],
)
def test_what_else_a_test_asks_counts_where_the_draws_are_put_into_one_batch(draw, severity):
    text = TWO.replace(b"reward > 0", b"next_state[0] > 1").replace(
        b"batch = random.sample(self.won, 16) + random.sample(self.lost, 16)", draw
    )
    (rule,) = (rule for rule in all_rules() if rule.code == "PER001")
    findings = list(rule.check(link([extract("agent.py", text)])))
    assert [finding.severity.name for finding in findings] == [severity] * 2


COLUMNS = b"""won, lost = random.sample(self.won, 16), random.sample(self.lost, 16)
        before = np.concatenate((np.stack([row[0] for row in won]), np.stack([row[0] for row in lost])))
        gains = np.concatenate(([row[2] for row in won], [row[2] for row in lost]))
        self.net.loss(before, gains).backward()
"""


@pytest.mark.parametrize(
    ("columns", "severity"),
    [
        (COLUMNS, "INFO"),
        (COLUMNS.replace(b"16), random", b"16) or random.sample(self.lost, 16), random"), "INFO"),
        (COLUMNS.replace(b"lost])))", b"lost])), axis=1)").replace(b"lost]))\n", b"lost]), axis=1)\n"), "ERROR"),
        (COLUMNS.replace(b" in lost]", b" in won]"), "ERROR"),
    ],
)
def test_columns_of_two_memories_may_be_put_below_each_other(columns, severity):
    """Beside each other, they are what several agents see."""
    text = TWO.replace(b"reward > 0", b"next_state[0] > 1").replace(
        b"import random", b"import random\nimport numpy as np"
    )
    text = text[: text.index(b"batch =")] + columns
    (rule,) = (rule for rule in all_rules() if rule.code == "PER001")
    findings = list(rule.check(link([extract("agent.py", text)])))
    assert {finding.severity.name for finding in findings} == {severity}


PARTS = b"""import numpy as np


class Memory:
    def __init__(self, size):
        self.won, self.rest, self.i, self.j, self.n, self.m = size // 4, size - size // 4, 0, 0, 0, 0
        self.states, self.following, self.rewards = np.zeros((size, 4)), np.zeros((size, 4)), np.zeros(size)

    def keep(self, state, reward, next_state):
        if reward > 0:
            at = self.i
            self.i, self.n = (self.i + 1) % self.won, min(self.n + 1, self.won)
        else:
            at = self.won + self.j
            self.j, self.m = (self.j + 1) % self.rest, min(self.m + 1, self.rest)
        self.states[at], self.rewards[at], self.following[at] = state, reward, next_state

    def some(self, n):
        first = np.random.randint(0, self.n, n // 4)
        at = np.concatenate([first, self.won + np.random.randint(0, self.m, n - n // 4)])
        return self.states[at], self.rewards[at], self.following[at]


def train(net, env):
    memory = Memory(1000)
    state = env.reset()
    while True:
        next_state, reward, done, _ = env.step(net.act(state))
        memory.keep(state, reward, next_state)
        state = env.reset() if done else next_state
        net.loss(*memory.some(32)).backward()
"""


@pytest.mark.parametrize(
    ("test", "said"),
    [
        (b"reward > 0", ("INFO", "Memory, a part of which is for chosen transitions, draws those of each part unif")),
        (b"self.n < self.size", ("ERROR", "Memory draws its transitions uniformly")),
        (b"self.i < self.won", ("ERROR", "Memory draws its transitions uniformly")),
    ],
)
def test_chosen_transitions_may_have_a_part_of_the_memory(test, said):
    (rule,) = (rule for rule in all_rules() if rule.code == "PER001")
    (finding,) = rule.check(link([extract("agent.py", PARTS.replace(b"reward > 0", test))]))
    assert (finding.severity.name, finding.message[: len(said[1])]) == said


POSITIONS = b"""import random

import numpy as np


class Memory:
    def __init__(self, size):
        self.size, self.rows, self.at, self.count, self.high = size, [None] * size, 0, 0, set()

    def keep(self, state, action, reward, next_state, done):
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.high.discard(self.at)
        if reward > 0:
            self.high.add(self.at)
        self.at, self.count = (self.at + 1) % self.size, min(self.count + 1, self.size)

    def some(self, n):
        first = np.random.choice(np.fromiter(self.high, int), n // 2)
        at = np.concatenate([first, np.random.choice(np.arange(self.count), n - n // 2)])
        return [self.rows[i] for i in at]


def train(net, env):
    memory = Memory(1000)
    state = env.reset()
    while True:
        next_state, reward, done, _ = env.step(net.act(state))
        memory.keep(state, 0, reward, next_state, done)
        state = env.reset() if done else next_state
        net.loss(*zip(*memory.some(32))).backward()
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (POSITIONS, ("INFO", "Memory, of each batch of which chosen transitions have a share, draws its")),
        (
            POSITIONS.replace(b"if reward > 0", b"if self.count > 10"),
            ("ERROR", "Memory draws its transitions uniformly"),
        ),
        (POSITIONS.replace(b"np.arange(self.count)", b"np.fromiter(self.high, int)"), ("ERROR", "Memory draws its")),
    ],
)
def test_chosen_positions_may_have_a_share_of_each_batch(text, said):
    found = {rule.code: list(rule.check(link([extract("agent.py", text)]))) for rule in all_rules()}
    (finding,) = found["PER001"]
    assert (finding.severity.name, finding.message[: len(said[1])]) == said
    assert len(found["PER002"]) == 1  # they are forgotten with the rest


def test_a_test_that_both_memories_are_filled_under_chooses_for_none():
    text = TWO.replace(b"        else:\n            self.lost", b"            self.lost")
    (rule,) = (rule for rule in all_rules() if rule.code == "PER001")
    assert {finding.severity.name for finding in rule.check(link([extract("agent.py", text)]))} == {"ERROR"}


def test_a_prioritised_buffer_that_tests_alone_draw_from_serves_no_agent():
    modules = [extract("memories.py", MEMORIES), extract("tests/test_memories.py", AGENTS % b"Weighted")]
    modules += [extract("agents.py", AGENTS.partition(b"def second")[0])]
    graph = link(modules)
    (rule,) = (rule for rule in all_rules() if rule.code == "PER001")
    assert [finding.message.rpartition(", and ")[2] for finding in rule.check(graph)] == [
        "nothing draws them by priority"
    ]


TRIED = b"""

if __name__ == "__main__":
    import numpy as np

    memory = Plain()
    memory.add(np.zeros(4), np.zeros(2).clip(-1, 1), 1.0, np.zeros(4), False)
    print(np.abs(memory.draw(1)[0][0]).max(), net.answer.parameters())
%s"""


@pytest.mark.parametrize(("more", "severity"), [(b"", "INFO"), (b"    net.loss(memory.draw(8)).backward()\n", "ERROR")])
def test_what_a_demonstration_alone_makes_is_a_hint(more, severity):
    graph = link([extract("memories.py", MEMORIES + TRIED % more)])
    (rule,) = (rule for rule in all_rules() if rule.code == "PER001")
    (finding,) = rule.check(graph)
    assert finding.severity.name == severity


PUT_APART = b"""import random
from collections import deque


def train(env, net, steps):
    memory, prioritised = deque(maxlen=9000), deque(maxlen=1000)
    state = env.reset()
    for _ in range(steps):
        action = net.act(state)
        next_state, reward, done = env.step(action)
        if %s:
            prioritised.append((state, action, reward, next_state, done))
        else:
            memory.append((state, action, reward, next_state, done))
        state = next_state
        if len(prioritised) >= 8:
            batch = random.sample(prioritised, 8)
        else:
            batch = random.sample(prioritised, len(prioritised))
        batch.extend(random.sample(memory, 32 - len(batch)))
        for before, choice, gain, after, end in batch:
            net.fit(before, gain + 0.99 * (1 - end) * net.predict(after).max())
"""
EXTRA = b"""import random
from collections import deque


class Memory:
    def __init__(self):
        self.rows = deque(maxlen=9000)

    def add(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def draw(self, n):
        return random.sample(self.rows, n)


def learn(net, batch):
    for before, choice, gain, after, end in batch:
        net.fit(before, gain + 0.99 * (1 - end) * net.predict(after).max())


def train(env, net, steps):
    memory, extra = Memory(), Memory()
    state = env.reset()
    for step in range(steps):
        action = net.act(state)
        next_state, reward, done = env.step(action)
        memory.add(state, action, reward, next_state, done)
        if %s:
            extra.add(state, action, reward, next_state, done)
        state = next_state
        learn(net, memory.draw(32))
        learn(net, extra.draw(32))
"""


@pytest.mark.parametrize(
    ("text", "test", "severity"),
    [
        (PUT_APART, b"reward > 0", "info"),
        (PUT_APART, b"len(memory) > 10", "error"),
        (EXTRA, b"reward <= -1", "info"),
        (EXTRA, b"step % 3 == 0", "error"),
    ],
)
def test_transitions_that_are_put_apart_have_a_share_of_what_is_learnt(text, test, severity):
    graph = link([extract("main.py", text % test)])
    (rule,) = (rule for rule in all_rules() if rule.code == "PER001")
    findings = list(rule.check(graph))
    assert {finding.severity.value for finding in findings} == {severity}
    assert severity != "info" or all("one of 2 memories" in finding.message for finding in findings)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("SAC('M', env)", "SAC of Stable-Baselines3 draws"),
        ("(PPO if env else SAC)('M', env)", "SAC of Stable-Baselines3, one of several that may be made, draws"),
        ("{1: PPO, 2: TD3, 3: SAC}[kind]('M', env)", "SAC or TD3 of Stable-Baselines3, whichever is made, draws"),
        ("SAC('M', env)", "; no replay_buffer_class is given"),
        ("SAC('M', env, **more)", "; no replay_buffer_class is given anywhere in the project"),
    ],
)
def test_of_several_algorithms_all_that_draw_uniformly_are_named(made, said):
    text = f"from stable_baselines3 import PPO, SAC, TD3\n\n\ndef main(env, kind, more):\n    {made}.learn(9)\n"
    (rule,) = (rule for rule in all_rules() if rule.code == "PER001")
    (finding,) = rule.check(link([extract("main.py", text.encode())]))
    assert said in finding.message
    assert said.endswith(("draws", "project")) or finding.message.endswith(said)


@pytest.mark.parametrize(
    ("unread", "end"),
    [
        ((), "and nothing draws them by priority"),
        ((b"from memories import Plain\nprint 'it'\n",), "and nothing draws them by priority"),
        (
            (b"from memories import Weighted\nprint 'it'\n",),
            "and nothing that could be read draws them by priority; Weighted is named by a file that could not",
        ),
    ],
)
def test_a_prioritised_buffer_that_a_file_names_which_could_not_be_read(unread, end):
    first = AGENTS.partition(b"def second")[0]
    graph = link([extract("memories.py", MEMORIES), extract("agents.py", first)])
    graph.unread = unread
    (rule,) = (rule for rule in all_rules() if rule.code == "PER001")
    (finding,) = rule.check(graph)
    assert finding.message.endswith(end)
