"""Which locks keep the slots of a batch from being stored into before they are updated."""

import pytest

from per_audit.facts import extract
from per_audit.findings import Severity
from per_audit.graph import link
from per_audit.rule import all_rules

MEMORY = """import threading

import numpy as np


class Memory:
    def __init__(self, capacity):
        self.rows, self.at, self.limit, self.mutex = [], 0, capacity, threading.RLock()
        self.tree = np.zeros(2 * capacity)

    def add(self, state, action, reward, next_state, done):
        if self.at >= len(self.rows):
            self.rows.append((state, action, reward, next_state, done))
        else:
            self.rows[self.at] = (state, action, reward, next_state, done)
        self.tree[self.at] = self.tree.max() or 1.0
        self.at = (self.at + 1) % self.limit

    def sample(self, n, beta):
        held = len(self.rows)
        p = self.tree[:held] / self.tree[:held].sum()
        slots = np.random.choice(held, n, p=p)
        weights = (held * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        self.tree[slots] = (np.abs(errors) + 1e-6) ** 0.6
"""
RUN = """import threading
import time

from memory import Memory
from model import net, optimizer, steps, queue, tape

memory = Memory({capacity})
guard, other = threading.Lock(), threading.Lock()


def train(step):
    with {inside}:
        rows, slots, weights = memory.sample(32, min(1.0, 0.4 + 0.6 * step / steps))
        errors = net.errors(rows)
        (weights * errors**2).mean().backward()
        optimizer.step()
    with {later}:
        memory.update(slots, errors.detach().numpy())


class Pull(threading.Thread):
    def run(self):
        while True:
            with {stored}:
                memory.add(*queue.get())


Pull().start()
for step in range(steps):
    with {around}:
        train(step)
"""
FREE = "tape.scope()"


def found(around=FREE, stored=FREE, inside=FREE, later=FREE, capacity="1_000", more=()):
    run = RUN.format(around=around, stored=stored, inside=inside, later=later, capacity=capacity)
    (rule,) = (rule for rule in all_rules() if rule.code == "PER308")
    files = {"memory.py": MEMORY, "main.py": run, **dict(more)}
    return list(rule.check(link([extract(path, text.encode()) for path, text in files.items()])))


@pytest.mark.parametrize("lock", ["guard", "memory.mutex"])
def test_a_lock_around_the_call_that_draws_and_updates_holds_the_slots(lock):
    assert not found(around=lock, stored=lock)


def test_a_lock_that_the_storing_does_not_take_holds_nothing():
    assert found(around="guard")
    assert found(around="guard", stored="other")
    assert found(stored="guard")


def test_a_lock_that_is_given_back_before_the_update_holds_nothing():
    assert found(inside="guard", later="guard", stored="guard")


def test_a_context_that_is_no_lock_holds_nothing():
    assert found(around=FREE, stored=FREE)


def test_what_is_stored_before_the_thread_begins_needs_no_lock():
    filled = RUN.replace("Pull().start()", "memory.add(*queue.get())\nPull().start()")
    (rule,) = (rule for rule in all_rules() if rule.code == "PER308")
    text = filled.format(around="guard", stored="guard", inside=FREE, later=FREE, capacity="9")
    assert not list(rule.check(link([extract("memory.py", MEMORY.encode()), extract("main.py", text.encode())])))


def test_each_program_has_a_lock_of_its_own():
    second = RUN.format(around="guard", stored="guard", inside=FREE, later=FREE, capacity="9")
    assert not found(around="guard", stored="guard", more={"second.py": second}.items())
    (finding,) = found(around="guard", stored="other", more={"second.py": second}.items())
    assert finding.place.path == "main.py"


@pytest.mark.parametrize(("capacity", "severity"), [("1_000", Severity.WARNING), ("150_000", Severity.INFO)])
def test_the_slots_are_those_of_the_transitions_not_of_the_tree(capacity, severity):
    (finding,) = found(capacity=capacity)
    assert finding.severity is severity
    assert ("150,000" in finding.message) is (severity is Severity.INFO)
