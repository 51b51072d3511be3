"""PER403 speaks once of each read, with the capacity that the project gives."""

import pytest

from per_audit.facts import extract
from per_audit.findings import Severity
from per_audit.graph import link
from per_audit_rules.per403_deque_random_access import DequeRandomAccess

AGENT = """import random
from collections import deque


class Agent:
    def __init__(self, net, size=100_000):
        self.net, self.rows = net, deque(maxlen=size)

    def store(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def learn(self):
        batch = random.sample(self.rows, 32)
        self.net.loss(batch).backward()


def train(env, net, **options):
    agent = Agent(net, **options)
    {more}
    state = env.reset()
    while True:
        next_state, reward, done, _ = env.step(agent.net.act(state))
        agent.store(state, 0, reward, next_state, done)
        state = next_state
        agent.learn()


{start}
"""


@pytest.mark.parametrize(
    ("more", "start", "count"),
    [
        ("pass", "train(make(), Net())", 1),
        ("agent.rows = deque([], 200_000)", "train(make(), Net())", 1),  # one of two deques, read in one place
        ("pass", "train(make(), Net(), size=20_000)", 0),
        ("pass", "train(make(), Net(), **read())", 0),
    ],
)
def test_each_read_is_told_once(more, start, count):
    graph = link([extract("agent.py", AGENT.format(more=more, start=start).encode())])
    assert len(list(DequeRandomAccess().check(graph))) == count


def test_the_deque_is_named_with_the_place_that_makes_it():
    graph = link([extract("agent.py", AGENT.format(more="pass", start="train(make(), Net())").encode())])
    (finding,) = DequeRandomAccess().check(graph)
    assert "is a deque of up to 100,000 items (made at agent.py:7), read at random" in finding.message
    assert finding.message.endswith("an end, about 18 µs for 32 once it is full")
    assert finding.severity is Severity.WARNING


def test_of_several_deques_in_one_place_the_first_that_is_made_is_named():
    forgets = "    def forget(self):\n        self.rows = deque(maxlen=100_000)\n\n    def learn("
    text = AGENT.format(more="agent.forget()", start="train(make(), Net())").replace("    def learn(", forgets)
    graph = link([extract("agent.py", text.encode())])
    (finding,) = DequeRandomAccess().check(graph)
    assert "(made at agent.py:7)" in finding.message


@pytest.mark.parametrize(
    ("read", "cost"),
    [
        ("[self.rows[i] for i in at]", "18 µs for 32 once it is full"),
        ("[self.rows[i][0] for i in at], [self.rows[i][2] for i in at]", "35 µs for 32 read 2 times once it is full"),
        ("[self.rows[i] for i in at] if self.net else [self.rows[i][0] for i in at]", "18 µs for 32 once it is full"),
    ],
)
def test_each_field_that_is_read_at_the_drawn_positions_costs(read, cost):
    text = AGENT.format(more="pass", start="train(make(), Net())").replace("import random", "import numpy as np")
    drawn = f"at = np.random.randint(len(self.rows), size=32)\n        batch = {read}"
    text = text.replace("batch = random.sample(self.rows, 32)", drawn)
    (finding,) = DequeRandomAccess().check(link([extract("agent.py", text.encode())]))
    assert finding.message.endswith(cost)


@pytest.mark.parametrize(
    ("drawn", "end", "severity"),
    [
        (
            "np.random.choice(len(self.rows), 32, replace=False)",
            "; the draw costs far more: about 950 µs, as it shuffles all positions",
            Severity.INFO,
        ),
        ("np.random.choice(len(self.rows), 32)", "32 once it is full", Severity.WARNING),
        ("np.random.default_rng().choice(len(self.rows), 32, replace=False)", "once it is full", Severity.WARNING),
        ("np.random.choice(len(self.rows), 512, replace=False)", "for 512 once it is full", Severity.WARNING),
    ],
)
def test_beside_a_draw_that_shuffles_all_positions_a_read_is_a_hint(drawn, end, severity):
    text = AGENT.format(more="pass", start="train(make(), Net())").replace("import random", "import numpy as np")
    drawn = f"batch = [self.rows[i] for i in {drawn}]"
    text = text.replace("batch = random.sample(self.rows, 32)", drawn)
    (finding,) = DequeRandomAccess().check(link([extract("agent.py", text.encode())]))
    assert finding.message.endswith(end)
    assert finding.severity is severity


def test_a_size_that_the_command_line_may_change_is_said_to_be_so():
    text = AGENT.format(more="pass", start="train(make(), Net())").replace(
        "import random", "import argparse\nimport random"
    )
    option = 'parser = argparse.ArgumentParser()\nparser.add_argument("--size", type=int, default=100_000)\n'
    text = text.replace("Agent(net, **options)", "Agent(net, parser.parse_args().size)").replace(
        "\n\nclass", f"\n{option}\n\nclass"
    )
    (finding,) = DequeRandomAccess().check(link([extract("agent.py", text.encode())]))
    assert "a deque of up to 100,000 items unless told otherwise (made at agent.py:" in finding.message


def test_another_size_that_cannot_be_read_is_told():
    text = AGENT.format(more="pass", start="train(make(), Net())")
    text = text.replace("Agent(net, **options)", "Agent(net, read() if net else 200_000)")
    (finding,) = DequeRandomAccess().check(link([extract("agent.py", text.encode())]))
    assert "up to 200,000 items (made at agent.py:7), as far as that can be read, read at random" in finding.message


@pytest.mark.parametrize(
    ("size", "batch", "after", "severity"),
    [
        ("100_000", "32", "agent.learn()", Severity.WARNING),
        ("100_000", "net.batch", "agent.learn()", Severity.WARNING),
        ("50_000", "32", "agent.learn()", Severity.WARNING),
        ("50_000", "16", "agent.learn()", Severity.INFO),
        ("1_000_000", "64", "for row in state:\n            agent.learn()", Severity.WARNING),
    ],
)
def test_what_a_draw_costs_is_said_and_little_is_a_hint(size, batch, after, severity):
    text = AGENT.format(more="pass", start="train(make(), Net())").replace("100_000", size)
    text = text.replace("self.rows, 32", f"self.rows, {batch}").replace("        agent.learn()", f"        {after}")
    (finding,) = DequeRandomAccess().check(link([extract("agent.py", text.encode())]))
    assert finding.severity is severity


@pytest.mark.parametrize(
    ("steps", "end", "severity"),
    [
        ("60_000", "about 11 µs for 32 with the 60,000 that a run stores at most unless told otherwise", "WARNING"),
        ("49_000", "about 8.6 µs for 32 with the 49,000 that a run stores at most unless told otherwise", "INFO"),
        ("100_000", "about 18 µs for 32 once it is full", "WARNING"),
        ("env.steps()", "about 18 µs for 32 once it is full; whether a run fills it is not known here", "WARNING"),
        (None, "about 18 µs for 32 once it is full", "WARNING"),
    ],
)
def test_a_run_that_stores_less_than_there_is_room_for(steps, end, severity):
    loop = "while True" if steps is None else f"for _ in range({steps})"
    text = AGENT.format(more="pass", start="train(make(), Net())").replace("while True", loop)
    (finding,) = DequeRandomAccess().check(link([extract("agent.py", text.encode())]))
    assert finding.message.endswith(f"from an end, {end}")
    assert finding.severity is Severity[severity]


EPISODES = """
    for episode in range(900):
        state, done = env.reset(), False
        while not done:
            next_state, reward, done, _ = env.step(agent.net.act(state))
            agent.store(state, 0, reward, next_state, done)
            state = next_state
{learns}


"""


@pytest.mark.parametrize(
    ("learns", "severity", "when"),
    [
        ("        agent.learn()", None, ""),
        ("        for _ in range(2):\n            agent.learn()", Severity.INFO, "2 times an episode"),
        ("        for _ in range(10):\n            agent.learn()", Severity.WARNING, "10 times an episode"),
        ("        for _ in range(4):\n            agent.learn()", Severity.INFO, "4 times an episode"),
        ("            agent.learn()", Severity.WARNING, "once it is full"),
        ("            agent.learn()\n        agent.learn()", Severity.WARNING, "once it is full"),
    ],
)
def test_few_draws_an_episode_are_a_hint(learns, severity, when):
    text = AGENT.partition("    state = env.reset()")[0].format(more="pass") + EPISODES.format(learns=learns)
    text = text.replace("100_000", "600_000")
    found = list(DequeRandomAccess().check(link([extract("agent.py", f"{text}train(make(), Net())\n".encode())])))
    assert [finding.severity for finding in found] == ([] if severity is None else [severity])
    assert all(f.message.endswith(f"{when}; whether a run fills it is not known here") for f in found)


@pytest.mark.parametrize(("episodes", "severity"), [("249", Severity.INFO), ("250", Severity.WARNING)])
def test_episodes_that_are_too_few_make_a_hint(episodes, severity):
    text = AGENT.partition("    state = env.reset()")[0].format(more="pass")
    text += EPISODES.format(learns="            agent.learn()").replace("900", episodes) + "train(make(), Net())\n"
    (finding,) = DequeRandomAccess().check(link([extract("agent.py", text.encode())]))
    assert finding.severity is severity


HELPER = """    def learn(self):
        self.net.loss([self.row(i) for i in random.sample(range(len(self.rows)), 32)]).backward()

    def row(self, i):
        return self.rows[i]
"""


def test_a_read_that_another_function_makes_of_each_drawn_row_is_told_there():
    before, _, after = AGENT.format(more="pass", start="train(make(), Net())").partition("    def learn(self):")
    text = (
        before
        + HELPER.replace("[self.row(i)", "[(self.rows[i], self.row(i))")
        + "\n\ndef train"
        + after.partition("def train")[2]
    )
    (finding,) = DequeRandomAccess().check(link([extract("agent.py", text.encode())]))
    assert finding.symbol == "Agent.learn"


def test_of_several_batch_sizes_none_is_told():
    text = AGENT.replace("size=100_000)", "size=100_000, n=32)").replace("self.rows, 32)", "self.rows, self.n)")
    text = text.replace("self.net, self.rows = net,", "self.n, self.net, self.rows = n, net,")
    text = text.format(more="Agent(net, n=512).learn()", start="train(make(), Net())").replace("**options)", "n=32)")
    (finding,) = DequeRandomAccess().check(link([extract("agent.py", text.encode())]))
    assert "about 0.55 µs a read, 35 µs for a batch of 64 once it is full" in finding.message


def test_deques_of_other_fields_are_beside_it_and_one_in_its_place_is_not():
    fields = next(example for example in DequeRandomAccess.bad if example.title.startswith("a deque for each field"))
    (finding,) = DequeRandomAccess().check(link([extract(path, t.encode()) for path, t in fields.plain.items()]))
    assert " more beside it" in finding.message
    again = AGENT.format(more="agent.rows = deque(agent.read(), 200_000)", start="train(make(), Net())")
    (finding,) = DequeRandomAccess().check(link([extract("agent.py", again.encode())]))
    assert sum(link.role == "made" for link in finding.evidence) == 2
    assert "beside" not in finding.message


@pytest.mark.parametrize(("steps", "count"), [(2_000, 0), (10_000, 0), (20_000, 1)])
def test_what_nobody_would_feel_is_not_told(steps, count):
    text = AGENT.format(more="pass", start="train(make(), Net())").replace("while True:", f"for _ in range({steps}):")
    assert len(list(DequeRandomAccess().check(link([extract("agent.py", text.encode())])))) == count


BESIDE = """import numpy as np
from collections import deque


class Memory:
    def __init__(self, size=200_000):
        self.rows, self.masses = deque(maxlen=size), deque(maxlen=size)

    def store(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))
        self.masses.append(1.0)

    def draw(self, n):
        p = np.array(self.masses)
        p = p / p.sum()
        return np.random.choice(len(p), n, p=p), p

    def sample(self, n, beta):
        at, p = self.draw(n)
        weights = (len(p) * p[at]) ** -beta
        return self.taken(at), at, weights / weights.max()

    def taken(self, at):
        return [self.rows[i] for i in at]

    def update(self, at, errors):
        for i, error in zip(at, errors):
            self.masses[i] = abs(error) + 1e-5


def train(env, net):
    memory, state = Memory(), env.reset()
    while True:
        next_state, reward, done, _ = env.step(net.act(state))
        memory.store(state, 0, reward, next_state, done)
        state = next_state
        rows, at, weights = memory.sample({batch}, 0.4)
        errors = net.errors(rows)
        (weights * errors**2).mean().backward()
        memory.update(at, errors.detach())


train(make(), Net())
"""


@pytest.mark.parametrize(("batch", "severity"), [(64, Severity.INFO), (4_096, Severity.WARNING)])
def test_a_read_beside_a_draw_that_costs_far_more_is_a_hint(batch, severity):
    graph = link([extract("memory.py", BESIDE.replace("{batch}", str(batch)).encode())])
    (finding,) = (each for each in DequeRandomAccess().check(graph) if "self.rows" in each.message)
    assert finding.severity is severity
    assert finding.message.endswith("; the draw costs far more") is (severity is Severity.INFO)
