"""What comes only of other settings than those that a program has by itself is told as less."""

import pytest

from per_audit.facts import extract
from per_audit.findings import Severity
from per_audit.graph import link
from per_audit.rule import all_rules

OPTIONS = """import argparse

parser = argparse.ArgumentParser()
parser.add_argument("-n", "-n_step", dest="n", type=int, default={n})
parser.add_argument("--steps", type=int, default={steps})
args = parser.parse_args()
"""
RETURNS = (
    OPTIONS
    + """
import random
from collections import deque

class Replay:
    def __init__(self, capacity, n, gamma=0.99):
        self.rows, self.window = deque(maxlen=capacity), deque(maxlen=n)
        self.n, self.gamma = n, gamma

    def add(self, state, action, reward, next_state, done):
        self.window.append((state, action, reward, next_state, done))
        if len(self.window) == self.n:
            self.rows.append(self.summed())

    def summed(self):
        reward_sum = 0
        for i in range(self.n):
            reward_sum += self.gamma**i * self.window[i][2]
        return self.window[0][0], self.window[0][1], reward_sum, self.window[-1][3], self.window[-1][4]

    def sample(self, k):
        return random.sample(self.rows, k)

def train(env, model, optimizer):
    memory, state = Replay(10_000, args.n), env.reset()
    for step in range(args.steps):
        next_state, reward, done, _ = env.step(model.act(state))
        memory.add(state, 0, reward, next_state, done)
        state = env.reset() if done else next_state
        model.loss(memory.sample(32)).backward()
        optimizer.step()
"""
)
INSERTED = (
    OPTIONS
    + """
import random
from collections import deque

class Replay:
    def __init__(self, capacity):
        self.rows = deque(maxlen=capacity)

    def add(self, state, action, reward, next_state, done):
        self.rows.insert(0, (state, action, reward, next_state, done))

    def sample(self, k):
        return random.sample(self.rows, k)
"""
    + RETURNS[RETURNS.index("\ndef train") :].replace("10_000, args.n", "10_000")
)


HANDED_ON = (
    RETURNS.replace("import random\n", "import random\nimport ray\n")
    .replace("class Replay:", "@ray.remote\nclass Replay:")
    .replace("capacity, n, gamma=0.99", "capacity, settings, gamma=0.99")
    .replace("deque(maxlen=n)", "deque(maxlen=settings.n)")
    .replace("self.n, self.gamma = n, gamma", "self.n, self.gamma = settings.n, gamma")
    .replace("Replay(10_000, args.n)", "Replay.remote(10_000, settings=args)")
    .replace("memory.add(", "memory.add.remote(")
    .replace("memory.sample(32)", "ray.get(memory.sample.remote(32))")
)


@pytest.mark.parametrize(
    ("code", "text", "options", "severity", "said"),
    [
        ("PER503", RETURNS, {"n": 1, "steps": 50_000}, Severity.WARNING, "one step unless told otherwise"),
        ("PER503", RETURNS, {"n": 3, "steps": 50_000}, Severity.ERROR, "emptied"),
        ("PER503", HANDED_ON, {"n": 1, "steps": 50_000}, Severity.WARNING, "one step unless told otherwise"),
        ("PER503", HANDED_ON, {"n": 3, "steps": 50_000}, Severity.ERROR, "emptied"),
        ("PER406", INSERTED, {"n": 1, "steps": 10_000}, Severity.INFO, "stores 10,000 at most"),
        ("PER406", INSERTED, {"n": 1, "steps": 50_000}, Severity.ERROR, "drop an old element"),
    ],
)
def test_the_defaults_of_options(code, text, options, severity, said):
    for name, value in options.items():
        text = text.replace(f"{{{name}}}", str(value))
    rule = next(rule for rule in all_rules() if rule.code == code)
    (finding,) = rule.check(link([extract("train.py", text.encode())]))
    assert finding.severity is severity
    assert finding.message.rstrip(")").endswith((said, f"{said} unless told otherwise"))


@pytest.mark.parametrize(("slots", "severity"), [(5_000, Severity.WARNING), (200_000, Severity.INFO)])
def test_stale_slots_of_a_large_ring(slots, severity):
    rule = next(rule for rule in all_rules() if rule.code == "PER308")
    files = {path: text.replace("Memory(5_000)", f"Memory({slots})") for path, text in rule.bad[0].plain.items()}
    (finding,) = rule.check(link([extract(path, text.encode()) for path, text in files.items()]))
    assert finding.severity is severity
    assert ("a small part of the 200,000" in finding.message) == (severity is Severity.INFO)
