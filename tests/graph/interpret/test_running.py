"""Loops that add numbers up until a random number is reached."""

import pytest

from per_audit.graph import PRIORITISED, UNIFORM
from per_audit.graph.prioritised.priorities.handed import numbers_for_positions

MEMORY = """
    import random

    class Memory:
        def __init__(self, size):
            self.size, self.rows, self.rates, self.at, self.top = size, [None] * size, [0.0] * size, 0, 1.0
            self.by_slot = dict()

        def add(self, state, action, reward, next_state, done):
            self.rows[self.at] = (state, action, reward, next_state, done)
            self.rates[self.at] = self.top
            self.by_slot[self.at] = self.top
            self.at = (self.at + 1) % self.size

        def update(self, slots, errors):
            for slot, error in zip(slots, errors):
                self.rates[slot] = self.by_slot[slot] = abs(error) + 1e-6
                self.top = max(self.top, self.rates[slot])

        def pick(self, n):
            found = []
            for _ in range(n):
                mass, sum_so_far = random.uniform(0, sum(self.rates)), 0.0
                {search}
                found.append(slot)
            return found

        def sample(self, n):
            slots = self.pick(n)
            return [self.rows[slot] for slot in slots], slots

    def train(env, net, optimizer, size):
        memory, state = Memory(size), env.reset()
        for step in range(100_000):
            {act}
            next_state, reward, done, _ = env.step(action)
            memory.add(state, action, reward, next_state, done)
            state = next_state
            rows, slots = memory.sample(32)
            states, actions, rewards, next_states, dones = map(list, zip(*rows))
            errors = rewards + 0.99 * (1 - dones) * net(next_states).max() - net(states)[actions]
            (errors**2).mean().backward()
            optimizer.step()
            memory.update(slots, errors.tolist())
"""
COUNTED = """for slot, rate in enumerate(self.rates):
                    sum_so_far += rate
                    if sum_so_far >= mass:
                        break"""
READ = """for slot in range(self.size):
                    sum_so_far += self.rates[slot]
                    if mass < sum_so_far:
                        break"""
KEYED = """for slot, rate in self.by_slot.items():
                    sum_so_far += rate
                    if sum_so_far > mass:
                        break"""
WHILE = """slot = 0
                while sum_so_far < mass:
                    sum_so_far += self.rates[slot]
                    slot += 1"""


def kinds(project, search, act="action = net.act(state)"):
    graph = project(MEMORY.format(search=search, act=act))
    assert not any(list(numbers_for_positions(graph.anatomy(b))) for b in graph.buffers if b.kind == PRIORITISED)
    return [buffer.kind for buffer in graph.buffers]


@pytest.mark.parametrize("search", [COUNTED, READ, KEYED, WHILE])
def test_what_a_sum_of_priorities_comes_to_is_drawn_by_priority(project, search):
    assert kinds(project, search) == [PRIORITISED]


@pytest.mark.parametrize(
    "search",
    [
        READ.replace("sum_so_far += self.rates[slot]", "sum_so_far += 1.0"),
        READ.replace("break", "print(slot)"),
        READ.replace("+=", "="),
        COUNTED.replace("sum_so_far += rate", "sum_so_far += step").replace("enumerate(self.rates)", "self.rows"),
    ],
)
def test_what_is_not_stopped_by_a_sum_of_several_numbers_is_not(project, search):
    assert PRIORITISED not in kinds(project, search)


def test_an_action_that_is_chosen_so_is_no_transition(project):
    choice = """chance, total = random.random(), 0.0
            for action, odds in enumerate(net.policy(state)):
                total += odds
                if total >= chance:
                    break"""
    assert kinds(project, "slot = random.randrange(self.size)", choice) == [UNIFORM]
