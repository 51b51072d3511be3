"""PER404 tells once what one block takes out of several lists, and the oldest only of lists in their order."""

import pytest

from per_audit.facts import extract
from per_audit.graph import link
from per_audit_rules.per404_list_eviction import ListEviction

COLUMNS = """import random

LIMIT = 100_000
states, actions, rewards, following = [], [], [], []


def train(env, net):
    state = env.reset()
    while True:
        next_state, reward, done, _ = env.step(net.act(state))
        states.append(state)
        actions.append(net.last)
        rewards.append(reward)
        following.append(next_state)
        state = next_state
        slots = random.sample(range(len(rewards)), 32)
        net.fit([states[i] for i in slots], [actions[i] for i in slots], [rewards[i] for i in slots],
                [following[i] for i in slots])
        if len(rewards) > LIMIT:
            del states[:1]
            del actions[:1]
            rewards.pop(0)
            following.pop(0)
"""
SORTED = """import bisect
import random


class Memory:
    def __init__(self, limit):
        self.rows, self.limit = [], limit

    def push(self, state, action, reward, next_state, done):
        {store}
        if len(self.rows) > self.limit:
            self.rows.pop(0)

    def sample(self, n):
        return random.sample(self.rows, n)


def train(env, net):
    memory, state = Memory(100_000), env.reset()
    while True:
        next_state, reward, done, _ = env.step(net.act(state))
        memory.push(state, 0, reward, next_state, done)
        state = next_state
        net.fit(memory.sample(32))
"""
ROW = "(reward, state, action, next_state, done)"


def told(text):
    (finding,) = ListEviction().check(link([extract("dqn.py", text.encode())]))
    return finding.message


def test_columns_are_told_together():
    assert told(COLUMNS).startswith(
        "the oldest items are taken out of 4 lists (`states`, `actions`, `rewards`, `following`), "
        "which moves all the others each time, once each holds 100,000"
    )


@pytest.mark.parametrize(
    ("store", "taken"),
    [
        (f"self.rows.append({ROW})", "Memory takes the oldest transition out of a list, "),
        (
            f"self.rows.append({ROW}); bisect.insort(self.rows, self.rows.pop())",
            "Memory takes the first transition out of a sorted list, ",
        ),
        (f"self.rows.append({ROW}); self.rows.sort()", "Memory takes the first transition out of a sorted list, "),
        (
            f"self.rows.append({ROW}); self.rows = sorted(self.rows)",
            "Memory takes the first transition out of a sorted list, ",
        ),
        (
            f"self.rows.append({ROW}); best = list(self.rows); best.sort()",
            "Memory takes the oldest transition out of a list, ",
        ),
        (f"self.rows.append({ROW}); print(sorted(self.rows))", "Memory takes the oldest transition out of a list, "),
    ],
)
def test_of_a_sorted_list_the_first_is_not_the_oldest(store, taken):
    assert told(SORTED.format(store=store)).startswith(taken)
