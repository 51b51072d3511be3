"""PER401 and PER402 weigh what a full memory costs by how often it is paid."""

import pytest

from per_audit.facts import extract
from per_audit.findings import Severity
from per_audit.graph import link
from per_audit_rules.per401_linear_time_sampling import LinearTimeSampling
from per_audit_rules.per402_linear_time_maximum import LinearTimeMaximum

AGENT = """import argparse
import torch
import numpy as np
from collections import deque

parser = argparse.ArgumentParser()
parser.add_argument("--room", type=int, default=5_000)
args = parser.parse_args()


class Memory:
    def __init__(self, size):
        self.rows, self.priorities, self.size, self.at = [None] * size, {made}, size, 0

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.priorities[self.at] = {first}
        self.at = (self.at + 1) % self.size

    def sample(self, n, beta):
        p = {before}
        slots = {draw}
        w = (self.size * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, w / w.max()

    def shares(self):
        scaled = self.priorities**0.6
        return scaled / sum(scaled)

    def update(self, slots, errors):
        self.priorities[slots] = abs(errors) + 1e-6


def train(env, net):
    memory, state = Memory({size}), env.reset()
    for step in range(500_000):
        next_state, reward, done, _ = env.step(net.act(state))
        memory.push(state, net.last, reward, next_state, done)
        state = next_state
        {learns}


def learn(net, memory):
    rows, slots, weights = memory.sample(32, 0.4)
    errors = net.errors(rows)
    (weights * errors**2).mean().backward()
    memory.update(slots, errors.detach())


train(make(), Net())
"""
USUAL = {
    "made": "np.zeros(size)",
    "first": "1.0",
    "before": "self.priorities / self.priorities.sum()",
    "draw": "np.random.choice(self.size, n, p=p)",
    "size": "100_000",
    "learns": "learn(net, memory)",
}
TORCH = {"draw": "torch.multinomial(p, n)", "made": "torch.zeros(size)"}

CHEAP = {"draw": "torch.multinomial(p, n, replacement=True)", "made": "np.ones(size)"}


def findings(rule, **changed):
    graph = link([extract("agent.py", AGENT.format(**USUAL | changed).encode())])
    return list(rule().check(graph))


@pytest.mark.parametrize(
    ("changed", "severity", "end"),
    [
        ({}, Severity.WARNING, "of all transitions each time, about 660 µs at 100,000"),
        (
            {"before": "self.priorities[-n:] / self.priorities[-n:].sum()"},
            Severity.WARNING,
            "of up to all transitions each time, at most about 660 µs at 100,000",
        ),
        (
            {"before": "self.priorities[(self.at - np.arange(n)) % self.size] ** 0.6"},
            Severity.WARNING,
            "of up to all transitions each time, at most about 790 µs at 100,000",
        ),
        ({"learns": "if step % 4 == 0:\n            learn(net, memory)"}, Severity.WARNING, "100,000, once in 4 steps"),
        (
            {"learns": "if step % 500 == 0:\n            learn(net, memory)"},
            Severity.INFO,
            "about 660 µs at 100,000, once in 500 steps",
        ),
        ({"learns": "if done:\n            learn(net, memory)"}, Severity.WARNING, "at 100,000, once an episode"),
        ({"size": "30_000", "learns": "if done:\n            learn(net, memory)"}, Severity.INFO, "once an episode"),
        (TORCH, Severity.WARNING, "about 1.9 ms at 100,000"),
        (
            TORCH | {"draw": "torch.multinomial(p, n, replacement=True)"},
            Severity.INFO,
            "100,000; a tree that Python goes through leaf by leaf takes about 240 µs, one of arrays less",
        ),
        (
            {"draw": "np.random.choice(self.size, 256, p=p)"},
            Severity.INFO,
            "100,000; a tree that Python goes through leaf by leaf takes about 1.9 ms, one of arrays less",
        ),
        ({"draw": "np.random.choice(self.size, 64, p=p)"}, Severity.WARNING, "about 660 µs at 100,000"),
        (
            {"before": "self.shares()"},
            Severity.WARNING,
            "about 5.3 ms at 100,000, most of it to make the probabilities",
        ),
        (
            {"draw": "[np.random.choice(self.size, p=p) for _ in range(n)]"},
            Severity.WARNING,
            "about 20 ms at 100,000 for the 32 calls of a batch",
        ),
        (
            {"draw": "[np.random.choice(self.size, p=p) for _ in self.wanted]"},
            Severity.WARNING,
            "about 660 µs at 100,000, by a call for each transition",
        ),
        (
            {
                "draw": "[]\n"
                "        for _ in range(n):\n"
                "            while True:\n"
                "                slot = np.random.choice(self.size, p=p)\n"
                "                if slot != self.at:\n"
                "                    break\n"
                "            slots.append(slot)"
            },
            Severity.WARNING,
            "about 20 ms at 100,000 for the 32 calls of a batch",
        ),
        (
            {"size": "read()"},
            Severity.WARNING,
            "how many there are cannot be read here, up to 10,000 cost little",
        ),
        (
            {"made": "deque([0.0] * size, maxlen=size)", "before": "np.array(self.priorities) / sum(self.priorities)"},
            Severity.WARNING,
            "about 5.8 ms at 100,000, most of it to make the probabilities",
        ),
    ],
)
def test_a_draw_is_weighed_by_the_numbers_of_the_program(changed, severity, end):
    (finding,) = findings(LinearTimeSampling, **changed)
    assert finding.message.endswith(end)
    assert finding.severity is severity


@pytest.mark.parametrize(
    ("room", "count"),
    [
        ("args.room", 0),
        ("10 * args.room", 1),
        ("read(args.room)", 1),
        ("read().get('size', 9_000)", 0),
        ("read().get('size', 20_000)", 1),
    ],
)
def test_an_option_of_the_command_line_counts_as_its_default(room, count):
    assert len(findings(LinearTimeSampling, size=room)) == count
    assert len(findings(LinearTimeMaximum, size=room, first="max(self.priorities)")) == count


@pytest.mark.parametrize(
    ("changed", "severity", "end"),
    [
        (CHEAP, Severity.WARNING, "their largest, whenever a transition is stored: about 11 µs for 100,000"),
        (CHEAP | {"size": "20_000"}, Severity.INFO, "about 3.5 µs for 20,000"),
        ({}, Severity.WARNING, "about 11 µs for 100,000; the draw costs far more"),
        (
            {"learns": "if step % 4 == 0:\n            learn(net, memory)"},
            Severity.WARNING,
            "100,000; the draw costs far more",
        ),
        ({"learns": "if step % 16 == 0:\n            learn(net, memory)"}, Severity.WARNING, "about 11 µs for 100,000"),
        ({"size": "20_000", "first": "max(self.priorities)"}, Severity.WARNING, "about 560 µs for 20,000"),
        (
            CHEAP | {"size": "read()"},
            Severity.WARNING,
            "whenever a transition is stored; how many there are cannot be read here, up to 10,000 cost little",
        ),
        ({"size": "read()"}, Severity.WARNING, "up to 10,000 cost little; the draw costs far more"),
        ({"size": "read()", "first": "max(self.priorities)"}, Severity.WARNING, "up to 10,000 cost little"),
        ({"first": "max(self.priorities[-50_000:])"}, Severity.WARNING, "about 1.4 ms for 50,000"),
    ],
)
def test_a_maximum_is_weighed_by_the_numbers_of_the_program(changed, severity, end):
    (finding,) = findings(LinearTimeMaximum, **{"first": "self.priorities.max()"} | changed)
    assert finding.message.endswith(end)
    assert finding.severity is severity


def test_the_largest_of_the_few_that_came_last_costs_little():
    assert findings(LinearTimeMaximum, first="max(self.priorities[-1_000:])") == []


def test_all_that_a_memory_looks_for_is_weighed_together():
    twice = "self.priorities / self.priorities.min()"
    found = findings(LinearTimeMaximum, **CHEAP | {"size": "20_000", "first": "self.priorities.max()", "before": twice})
    assert [each.severity for each in found] == [Severity.WARNING] * 2
    assert "for their smallest, at each draw" in found[1].message


@pytest.mark.parametrize(("every", "severity"), [(1, Severity.WARNING), (4, Severity.INFO)])
def test_the_little_that_is_looked_for_beside_something_dear_is_a_hint(every, severity):
    rare = f"if step % {every} == 0:\n            learn(net, memory)"
    twice = "self.priorities / self.priorities.min()"
    found = findings(LinearTimeMaximum, **CHEAP | {"first": "self.priorities.max()", "before": twice, "learns": rare})
    found.sort(key=lambda each: each.place.line)
    assert [each.severity for each in found] == [Severity.WARNING, severity]


def test_beside_a_draw_that_no_tree_makes_faster_an_extreme_is_a_hint():
    usual = {"first": "self.priorities.max()", "draw": "np.random.choice(self.size, 256, p=p)"}
    (sampling,), (maximum,) = findings(LinearTimeSampling, **usual), findings(LinearTimeMaximum, **usual)
    assert sampling.severity is maximum.severity is Severity.INFO
    usual["draw"] = "np.random.choice(self.size, 64, p=p)"
    (sampling,), (maximum,) = findings(LinearTimeSampling, **usual), findings(LinearTimeMaximum, **usual)
    assert sampling.severity is maximum.severity is Severity.WARNING


def test_what_is_made_for_a_draw_and_for_an_extreme_is_a_cost_of_the_draw():
    made = "deque([1.0] * size, maxlen=size)"
    shared = "np.array(self.priorities)\n        lowest = p.min()\n        p = p / p.sum()"
    (finding,) = findings(LinearTimeMaximum, made=made, before=shared)
    assert finding.message.endswith("smallest, at each draw: about 11 µs for 100,000; the draw costs far more")
    (finding,) = findings(
        LinearTimeMaximum, made=made, first="np.array(self.priorities).max()", before="np.array(self.priorities)"
    )
    assert finding.message.endswith("whenever a transition is stored: about 4 ms for 100,000")


@pytest.mark.parametrize(
    ("made", "steps", "maximum", "draw"),
    [
        ("deque(maxlen=size)", "40_000", "WARNING about 600 µs for the 40,000 that", "WARNING about 1.9 ms at the 40"),
        ("deque(maxlen=size)", "9_000", "INFO about 140 µs for the 9,000 that", "INFO about 420 µs at the 9,000 that"),
        ("np.zeros(size)", "40_000", "WARNING about 2.8 ms for 100,000", "WARNING about 630 µs at 100,000"),
        ("[]", "9_000", "INFO about 140 µs for the 9,000 that", "INFO about 230 µs at the 9,000 that"),
    ],
)
def test_a_run_that_stores_less_than_there_is_room_for(made, steps, maximum, draw):
    first, before = "max(self.priorities)", "self.priorities" if made != "[]" else "np.array(self.priorities) ** 0.6"
    text = AGENT.format(**USUAL | {"made": made, "first": first, "before": before})
    text = text.replace("[None] * size", "deque(maxlen=size)").replace("500_000", steps)
    text = text.replace(
        "self.rows[self.at] = (state, action, reward, next_state, done)", "self.rows.append((state, 0))"
    )
    if made != USUAL["made"]:
        text = text.replace(f"self.priorities[self.at] = {first}", f"self.priorities.append({first})")
    graph = link([extract("agent.py", text.encode())])
    for rule, told in ((LinearTimeMaximum, maximum), (LinearTimeSampling, draw)):
        (finding,) = rule().check(graph)
        assert f"{finding.severity.name} {finding.message[finding.message.index('about') :]}".startswith(told)


def test_what_is_looked_for_once_for_many_transitions_is_a_hint():
    usual = {"first": "max(self.priorities)", "size": "100_000"}
    (single,) = findings(LinearTimeMaximum, **usual)
    text = AGENT.replace("self.priorities[self.at] =", "self.priorities[self.at : self.at + len(state)] =")
    graph = link([extract("agent.py", text.format(**USUAL | usual).encode())])
    (many,) = LinearTimeMaximum().check(graph)
    assert (single.severity, many.severity) == (Severity.WARNING, Severity.INFO)
    assert "whenever a transition is stored: " in single.message
    assert "whenever a batch of transitions is stored: " in many.message


@pytest.mark.parametrize(
    ("size", "first", "count"),
    [
        ("10_000", "self.priorities.max()", 0),
        ("10_001", "self.priorities.max()", 1),
        ("10_000", "max(self.priorities)", 1),
    ],
)
def test_what_is_little_and_of_few_is_not_told(size, first, count):
    assert len(findings(LinearTimeMaximum, size=size, first=first)) == count


@pytest.mark.parametrize(
    ("made", "sums", "cost"),
    [
        ("[0.0] * size", "list(accumulate(self.priorities))", "about 1.4 ms at 100,000"),
        ("np.zeros(size)", "list(accumulate(self.priorities))", "about 38 ms at 100,000"),
        ("np.zeros(size)", "np.cumsum(self.priorities)", "about 340 µs at 100,000"),
        ("np.zeros(size)", "np.add.accumulate(self.priorities)", "about 340 µs at 100,000"),
        ("[0.0] * size", "np.cumsum(self.priorities)", "about 2.1 ms at 100,000"),
        ("np.zeros(size)", "np.maximum.accumulate(self.priorities)", None),
        ("[0.0] * size", "list(accumulate(self.priorities, max))", None),
    ],
)
def test_sums_that_are_made_anew_are_weighed_by_how_they_are_made(made, sums, cost):
    draw = "[bisect(p, random.random() * p[-1]) for _ in range(n)]"
    text = AGENT.replace("import argparse\n", "import argparse\nimport random\nfrom bisect import bisect\n")
    text = text.replace("import torch\n", "import torch\nfrom itertools import accumulate\n", 1)
    text = text.replace("p[slots]", "self.priorities[slots]")
    graph = link([extract("agent.py", text.format(**USUAL | {"made": made, "before": sums, "draw": draw}).encode())])
    found = [finding.message.partition("each time, ")[2] for finding in LinearTimeSampling().check(graph)]
    assert found == ([] if cost is None else [cost])


@pytest.mark.parametrize(
    ("shares", "size", "end"),
    [
        ("[p / sum(self.priorities) for p in self.priorities]", "5_000", "about 280 ms at 5,000"),
        ("[p / sum(self.priorities) for p in self.priorities]", "100_000", "about 110 s at 100,000"),
        ("[p / self.total for p in self.priorities]", "5_000", None),
        ("[p / sum(self.priorities) for p in self.priorities]", "200", None),
    ],
)
def test_priorities_that_are_added_up_for_each_of_them_are_told_of_few(shares, size, end):
    changed = {"made": "[1.0] * size", "before": f"np.array({shares})", "size": size}
    told = findings(LinearTimeSampling, **changed)
    assert len(told) == (end is not None)
    for finding in told:
        assert finding.severity is Severity.WARNING
        assert finding.message.endswith(f"{end}, most of it to go through them all again for each of them")


def test_the_largest_in_a_column_of_a_table_of_objects():
    text = AGENT.format(**USUAL | {"first": "self.priorities[: self.at + 1].max()"})
    table = (
        text.replace("np.zeros(size)", "np.empty((size, 2), dtype=object)")
        .replace("self.priorities[: self.at + 1].max()", "self.priorities[: self.at + 1, 0].max()")
        .replace("self.priorities[self.at] =", "self.priorities[self.at, 0] =")
        .replace("self.priorities[slots] =", "self.priorities[slots, 0] =")
        .replace("self.priorities / self.priorities.sum()", "self.priorities[:, 0] / self.priorities[:, 0].sum()")
    )
    ends = ("for 100,000; the draw costs far more", "for 100,000")
    for code, end, cost in ((text, ends[0], "about 11 µs"), (table, ends[1], "about 1.4 ms")):
        (finding,) = LinearTimeMaximum().check(link([extract("agent.py", code.encode())]))
        assert finding.message.endswith(f"{cost} {end}")


@pytest.mark.parametrize("read", ["args.room", "yaml.safe_load(open('run.yaml')).get('room', 50_000)"])
def test_a_default_is_said_to_be_one(read):
    text = AGENT.replace("default=5_000", "default=50_000").format(**USUAL | {"size": read})
    (finding,) = LinearTimeSampling().check(link([extract("agent.py", f"import yaml\n{text}".encode())]))
    assert finding.message.endswith("about 330 µs at 50,000 unless told otherwise")


@pytest.mark.parametrize(
    ("read", "what"),
    [
        ("self.table[slots, np.random.randint(50, size=n)]", "sequences"),
        ("self.table[slots, 3]", "transitions"),
        ("self.table[slots, slots % 4]", "transitions"),
    ],
)
def test_a_draw_of_sequences_out_of_which_another_one_takes_a_step(read, what):
    text = AGENT.format(**USUAL).replace("[self.rows[i] for i in slots]", f"{read}, [self.rows[i] for i in slots]")
    (finding,) = LinearTimeSampling().check(link([extract("agent.py", text.encode())]))
    assert f"through the probabilities of all {what} each time" in finding.message


@pytest.mark.parametrize(
    ("told", "end", "severity"),
    [
        ("print 'start'", "cannot be read here, up to 10,000 cost little", Severity.WARNING),
        ("print agent.Memory(3000)", "stands in a file that cannot be parsed, up to 10,000 cost little", Severity.INFO),
    ],
)
def test_a_number_that_stands_in_a_file_that_cannot_be_parsed(told, end, severity):
    text = AGENT.format(**USUAL | {"first": "self.priorities.max()"})
    text = text.replace("Memory(100_000)", "Memory(env.size)")
    graph = link([extract("agent.py", text.encode())])
    graph.unread = (f"import agent\n{told}\n".encode(),)
    for rule in (LinearTimeSampling(), LinearTimeMaximum()):
        (finding,) = rule.check(graph)
        assert finding.message.removesuffix("; the draw costs far more").endswith(end)
        assert finding.severity is severity


HEIR = """import numpy as np


def strata(total, n):
    return [np.random.uniform(i * total / n, (i + 1) * total / n) for i in range(n)]


class Ring:
    def __init__(self, size):
        self.size, self.at = size, 0
        self.states, self.actions, self.rewards = np.zeros((size, 4)), np.zeros(size), np.zeros(size)

    def add(self, state, action, reward, next_state):
        slot = self.at % self.size
        self.states[slot], self.actions[slot], self.rewards[slot] = state, action, reward
        self.nexts[slot] = next_state
        self.at += 1


class Ranked(Ring):
    def __init__(self, size):
        self.size, self.at = size, 0
        self.states, self.actions, self.rewards = np.zeros((size, 4)), np.zeros(size), np.zeros(size)
        self.nexts, self.sums = np.zeros((size, 4)), np.zeros(2 * size - 1)

    def add(self, state, action, reward, next_state):
        node = self.at % self.size + self.size - 1
        super().add(state, action, reward, next_state)
        self.put(node, max(np.max(self.sums[self.size - 1 :]), 1.0))

    def empty(self):
        self.sums = np.zeros(2 * self.size - 1)

    def put(self, node, priority):
        change = priority - self.sums[node]
        while node >= 0:
            self.sums[node] += change
            node = (node - 1) // 2

    def sample(self, n):
        nodes = []
        for mass in strata(self.sums[0], n):
            node = 0
            while node < self.size - 1:
                left = 2 * node + 1
                if mass <= self.sums[left]:
                    node = left
                else:
                    mass -= self.sums[left]
                    node = left + 1
            nodes.append(node)
        at = np.array(nodes) - self.size + 1
        weights = (self.size * self.sums[nodes] / self.sums[0]) ** -0.5
        batch = self.states[at], self.actions[at], self.rewards[at], self.nexts[at]
        return batch, nodes, weights / weights.max()

    def rate(self, nodes, errors):
        for node, error in zip(nodes, errors):
            self.put(node, abs(error) ** 0.6)


def train(env, net):
    memory, state = Ranked(40_000), env.reset()
    while True:
        next_state, reward, done, _ = env.step(net.act(state))
        memory.add(state, net.last, reward, next_state)
        batch, nodes, weights = memory.sample(32)
        errors = net.errors(batch)
        (weights * errors**2).mean().backward()
        memory.rate(nodes, errors.detach())
        state = env.reset() if done else next_state


def other(args):
    return Ring(args.size)


train(make(), Net())
"""


def test_the_leaves_of_a_tree_of_the_memory_that_draws():
    """Not those of the base, which another part of the program makes of an unknown size."""
    (finding,) = LinearTimeMaximum().check(link([extract("ring.py", HEIR.encode())]))
    assert "all priorities of Ranked for their largest" in finding.message
    assert finding.message.endswith("for 40,000")
