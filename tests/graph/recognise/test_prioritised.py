"""Draws by priority, and the weights that belong to them."""

import pytest

from per_audit.graph import PRIORITISED, UNIFORM


def test_probabilities_of_one_draw_that_are_narrowed_to_it_are_no_population(project):
    graph = project("""
    import numpy as np


    class Memory:
        def __init__(self):
            self.rows, self.priorities = [], []

        def add(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))
            self.priorities.append(1.0)

        def sample(self, beta):
            self.p = np.array(self.priorities) / sum(self.priorities)
            index = np.random.choice(len(self.rows), 8, p=self.p)
            self.p = self.p[index]
            return [self.rows[i] for i in index], (len(self.rows) * self.p) ** -beta
    """)
    assert [buffer.kind for buffer in graph.buffers] == ["prioritised"]


@pytest.mark.parametrize(
    ("call", "found"),
    [
        ("pick(self.rows, 8)", [UNIFORM]),
        ("pick(self.rows, 8, p=None)", [UNIFORM]),
        ("pick(self.rows, 8, self.masses)", [PRIORITISED]),
        ("pick(self.rows, 8, p=self.masses)", [PRIORITISED]),
        ("pick(self.rows, *self.settings)", [PRIORITISED]),
    ],
)
def test_a_helper_whose_probabilities_are_left_out(project, call, found, kinds):
    graph = project(f"""
    import numpy as np

    def pick(items, size, p=None):
        return [items[i] for i in np.random.choice(range(len(items)), size=size, p=p)]

    class Learner:
        def __init__(self, net, masses, settings):
            self.net, self.rows, self.masses, self.settings = net, [], masses, settings

        def act(self, actions):
            return pick([0, 1, 2], 1, p=self.net(actions))[0]

        def keep(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))
            if len(self.rows) > 1000:
                self.rows.pop(0)

        def learn(self):
            self.net.loss({call}).backward()
    """)
    assert kinds(graph) == found


def test_weights_that_an_array_is_filled_with_one_by_one_reach_the_loss(project):
    graph = project("""
    import numpy as np
    import torch

    class Memory:
        def __init__(self, size):
            self.rows, self.priorities, self.size, self.at = [None] * size, np.zeros(size), size, 0

        def add(self, state, action, reward, next_state, done):
            self.rows[self.at % self.size] = (state, action, reward, next_state, done)
            self.priorities[self.at % self.size] = 1.0
            self.at += 1

        def sample(self, n, beta):
            p = self.priorities / self.priorities.sum()
            slots = np.random.choice(self.size, n, p=p)
            weights = np.empty(n)
            for k in range(n):
                weights[k] = (self.size * p[slots[k]]) ** -beta
            return [self.rows[i] for i in slots], slots, weights

    def train(net, memory: Memory, steps):
        memory = Memory(10)
        for step in range(steps):
            batch, slots, weights = memory.sample(4, 0.5)
            loss = (net.errors(batch) ** 2 * torch.from_numpy(weights)).mean()
            loss.backward()
    """)
    (buffer,) = graph.buffers
    assert graph.priorities(buffer).weights_used()


def test_windows_of_steps_that_are_drawn_by_priority_are_transitions(project, kinds):
    graph = project(
        """
        from collections import namedtuple
        import numpy as np

        Step = namedtuple("Step", ["state", "action", "reward", "next_state"])

        class Traces:
            def __init__(self, length):
                self.traces, self.scores, self.window, self.length = [], np.array([]), [], length

            def put(self, state, action, reward, next_state):
                self.window.append(Step(state, action, reward, next_state))
                if len(self.window) < self.length:
                    return
                self.traces.append(tuple(self.window))
                self.scores = np.append(self.scores, 1.0)
                self.window = self.window[1:]

            def get(self, n):
                p = self.scores ** 0.6
                self.last = np.random.choice(len(self.traces), n, p=p / p.sum())
                return [self.traces[i] for i in self.last]

        def train(memory, net):
            net.loss(memory.get(8)).backward()
        """
    )
    assert kinds(graph) == [PRIORITISED]


@pytest.mark.parametrize(
    ("power", "known"),
    [
        ("(1 / self.size * 1 / p[slots]) ** power", True),
        ("np.power(1 / (self.size * p[slots]), power)", True),
        ("(1 / self.size * 1 / p[slots]) ** 0.5", True),
        ("(1 / self.size * 1 / p[slots]) ** 2", False),
        ("(1 / self.size) ** power", False),
        ("(1 / p[slots]) ** self.alpha", False),
    ],
)
def test_a_power_of_one_over_what_was_drawn_is_weights(project, power, known):
    graph = project(f"""
    import numpy as np

    class Memory:
        def __init__(self, size, alpha):
            self.rows, self.mass, self.size, self.alpha, self.at = [None] * size, np.ones(size), size, alpha, 0

        def add(self, state, action, reward, next_state, done):
            self.rows[self.at % self.size] = (state, action, reward, next_state, done)
            self.at += 1

        def sample(self, n, power):
            p = self.mass / self.mass.sum()
            slots = np.random.choice(self.size, n, p=p)
            return [self.rows[i] for i in slots], {power}
    """)
    (buffer,) = graph.buffers
    assert bool(graph.priorities(buffer).weights) is known


AROUND = """
import numpy as np, torch

class Plant:
    def __init__(self, net, size):
        self.net = net
        self.states, self.actions, self.rewards, self.ends = [0] * size, [0] * size, np.zeros(size), np.zeros(size)

    def keep(self, at, state, action, reward, done):
        self.states[at], self.actions[at], self.rewards[at], self.ends[at] = state, action, reward, done

    def use(self):
        {made}
        for at in range(len(self.rewards)):
            if {compared} <= self.rewards[at]:
                return self.states[at], self.actions[at], self.rewards[at], self.ends[at]
            {reduced}
"""


@pytest.mark.parametrize(
    ("made", "found"),
    [
        ("needed = np.random.rand() * self.rewards.sum()", [PRIORITISED]),
        ("needed = 3 + 2 * (np.random.rand() - 0.5)", []),
    ],
)
def test_noise_about_0_searches_for_nothing(project, made, found, kinds):
    text = AROUND.format(made=made, compared="needed", reduced="needed -= self.rewards[at]")
    assert kinds(project(text)) == found


@pytest.mark.parametrize(("many", "found"), [("8", [PRIORITISED]), ("1", [])])
def test_one_drawn_for_each_row_is_an_action(project, many, found, kinds):
    made = f"drawn = torch.multinomial(torch.as_tensor(self.rewards), {many}, True)"
    rows = "return [(self.states[i], self.actions[i], self.rewards[i], self.ends[i]) for i in drawn]"
    text = AROUND.format(made=made, compared="0", reduced=rows)
    assert kinds(project(text)) == found


SUMS = """
    import random
    import numpy as np

    class Sums:
        def __init__(self, size):
            self.size, self.at = size, 0
            self.nodes, self.rows = [0.0] * (2 * size), [None] * size

        def put(self, value, row):
            self.rows[self.at] = row
            self.set(self.at + self.size, value)
            self.at = (self.at + 1) % self.size

        def set(self, node, value):
            change = value - self.nodes[node]
            while node:
                self.nodes[node] += change
                node //= 2

        def look(self):
            mass, node = random.uniform(0, self.nodes[1]), 1
            while node < self.size:
                node *= 2
                if mass > self.nodes[node]:
                    mass -= self.nodes[node]
                    node += 1
            return node

        def draw(self):
            node = self.look()
            return node, self.rows[node - self.size]

    def work(pipe, model):
        sums, states, actions, rewards = Sums(1000), [], [], []
        while True:
            sums.put(1.0, pipe.recv())
            found = [sums.draw() for _ in range(32)]
            for node, row in found:
                states.append(row[0])
                actions.append(row[1])
                rewards.append(row[2])
            values = model.predict(np.array(states))
            for i in range(32):
                sums.set(found[i][0], abs(rewards[i] - values[i][actions[i]]))
            model.fit(np.array(states), np.array(rewards))
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", "", [PRIORITISED]),
        ("sums.set(found[i][0], ", "print(", []),  # a lottery
        ("sums.set(found[i][0], abs(", "sums.set(i + 1000, abs(", []),
        ("rewards.append", "labels.append", []),
    ],
)
def test_what_is_found_by_mass_and_rated_anew_is_replay_where_rewards_are_read_of_it(
    project, old, new, expected, kinds
):
    text = SUMS.replace(old, new) if old else SUMS
    graph = project(text)
    assert kinds(graph) == expected
    assert all(graph.priorities(buffer).is_about_priorities for buffer in graph.buffers)


WRITTEN_OUT = """
    import numpy as np

    class Memory:
        def __init__(self, size):
            self.rows, self.p, self.size, self.at = [None] * size, np.zeros(size), size, 0

        def add(self, state, action, reward, next_state, done):
            self.rows[self.at % self.size] = (state, action, reward, next_state, done)
            self.p[self.at % self.size] = 1.0
            self.at += 1

        def draw(self, n):
            p = self.p / self.p.sum()
            at = np.random.choice(self.size, n, p=p)
            w = (self.size * p[at]) ** -0.4
            return [self.rows[i] for i in at], at, w

        def update(self, at, errors):
            self.p[at] = np.abs(errors) + 1e-6

    def train(env, net, optimizer):
        memory = Memory(1000)
        while True:
            memory.add(*env.transition())
            rows, at, w = memory.draw(8)
            errors = net.errors(rows)
            scaled = (errors.var() + 1e-5) ** -0.5
            loss = (w * errors**2).mean()
            loss.backward()
            optimizer.step()
            memory.update(at, errors)
"""


def test_a_beta_that_is_written_out_makes_weights(project):
    graph = project(WRITTEN_OUT)
    (buffer,) = graph.buffers
    about = graph.priorities(buffer)
    assert [graph.source("main.py", node) for node in about.weights] == ["(self.size * p[at]) ** -0.4"]
    assert about.weights_used()


MADE_UP = """
    import torch

    class Memory:
        def __init__(self):
            self.states, self.rewards, self.size = torch.zeros(9), torch.zeros(9), 0
            self.next_states, self.dones = torch.zeros(9), torch.zeros(9)

        def fill(self, state, reward, next_state, done):
            for i in range(len(state)):
                if state[i] > self.size:
                    state[i] = state[i] - self.size
            self.states[: len(state)] = state
            self.rewards[: len(state)] = reward
            self.next_states[: len(state)] = next_state
            self.dones[: len(state)] = done

    data = torch.rand((1000,)) * 6 - 3
    memory = Memory()
    memory.fill(data, data, data, data < 0)
    data = data - 1
    print(data)
"""


def test_numbers_that_many_functions_compare_are_data(project, kinds):
    checks = "".join(f"\n    def check_{n}(row):\n        return row < {n}\n    check_{n}(data)\n" for n in range(25))
    assert kinds(project(MADE_UP + checks)) == []


SEARCHED = """
import numpy as np
from checks import *

class Memory:
    def __init__(self, size):
        self.mass, self.rows, self.size, self.at = np.zeros(size), [None] * size, size, 0

    def add(self, state, action, reward, next_state, done):
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.at = (self.at + 1) % self.size

    def numbers(self, n):
        return np.random.uniform(size=n)

    def find(self, mass):
        return np.searchsorted(self.mass.cumsum(), mass)

    def sample(self, n, beta):
        mass = self.numbers(n)
        CHECKS
        SLOTS
        return [self.rows[slot] for slot in slots], slots, (self.size * self.mass[slots]) ** -beta

    def update(self, slots, errors):
        self.mass[slots] = abs(errors) + 1e-6
"""


@pytest.mark.parametrize(
    ("slots", "most", "found"),
    [
        ("slots = np.searchsorted(self.mass.cumsum(), mass)", 3, True),
        ("slots = np.searchsorted(self.mass.cumsum(), mass)", 25, True),
        ("spread(self, mass); slots = np.arange(n)", 3, True),
        ("spread(self, mass); slots = np.arange(n)", 25, False),
    ],
)
def test_numbers_that_many_functions_compare_are_searched_for_where_they_are_made(project, kinds, slots, most, found):
    checks = "".join(f"\ndef check_{n}(slot):\n    return slot < {n}\n" for n in range(most))
    checks += "\ndef spread(memory, mass):\n    return memory.find(mass)\n"
    memory = SEARCHED.replace("CHECKS", "; ".join(f"check_{n}(mass)" for n in range(most))).replace("SLOTS", slots)
    assert (kinds(project(checks=checks, memory=memory)) == ["prioritised"]) is found


def test_a_number_that_its_own_function_takes_down_a_tree_is_no_data(project, kinds):
    checks = "".join(f"\ndef check_{n}(slot):\n    return slot < {n}\n" for n in range(25))
    tree = """
import numpy as np
from checks import *

class Memory:
    def __init__(self, size):
        self.tree, self.rows, self.size, self.at = np.zeros(2 * size), [None] * size, size, 0

    def add(self, state, action, reward, next_state, done):
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.at = (self.at + 1) % self.size

    def sample(self, n, beta):
        mass = np.random.uniform(np.arange(n), np.arange(n) + 1) * self.tree[1] / n
        node = np.ones(n, int)
        while node[0] < self.size:
            right = mass > self.tree[2 * node]
            mass -= right * self.tree[2 * node]
            node = 2 * node + right
        CHECKS
        slots = node - self.size
        return [self.rows[slot] for slot in slots], slots, (self.size * self.tree[node] / self.tree[1]) ** -beta

    def update(self, slots, errors):
        self.tree[slots + self.size] = abs(errors) + 1e-6
"""
    tree = tree.replace("CHECKS", "; ".join(f"check_{n}(mass)" for n in range(25)))
    assert kinds(project(checks=checks, memory=tree)) == ["prioritised"]


def test_hard_examples_of_a_data_set_are_no_replay(project):
    graph = project("""
    import numpy as np


    class Hard:
        def __init__(self, examples, alpha, beta):
            self.examples, self.losses, self.alpha, self.beta = examples, np.ones(len(examples)), alpha, beta

        def sample(self, n):
            p = self.losses**self.alpha
            p = p / p.sum()
            at = np.random.choice(len(self.examples), n, p=p)
            weights = 1 / (len(self.examples) * p[at])
            return [self.examples[i] for i in at], at, weights

        def update(self, at, losses):
            self.losses[at] = losses


    def fit(model, examples, steps):
        hard = Hard(examples, 0.6, 0.4)
        for _ in range(steps):
            batch, at, weights = hard.sample(32)
            losses = model.losses(batch)
            (weights * losses).mean().backward()
            hard.update(at, losses)
    """)
    assert graph.buffers == []


WORLD = """
    import random
    import numpy as np

    {helper}

    class WorldEnv:
        def __init__(self, levels):
            self.levels, self.starts = levels, [(0, 0.0)]

        def reset(self):
            self.state = {start}
            return self.state

        def step(self, action):
            left, level = random.uniform(0, sum(self.levels)), 0
            for level, weight in enumerate(self.levels):
                if left < weight:
                    break
                left -= weight
            self.state = self.state + action
            return self.state, level, False, {}

    def main(net, levels):
        env, rows = WorldEnv(levels), []
        state = env.reset()
        while True:
            action = net.act(state)
            next_state, reward, done, _ = env.step(action)
            rows.append((state, action, reward, next_state, done))
            del rows[:-1000]
            net.loss(random.sample(rows, 32)).backward()
            state = next_state
"""
HELPER = """def pick(rows, masses):
        return rows[np.random.choice(len(rows), p=masses)]
"""


@pytest.mark.parametrize(
    ("helper", "start"),
    [
        ("", "random.choices(self.starts, weights=self.levels)[0]"),
        ("", "self.starts[np.random.choice(len(self.starts), p=self.levels)]"),
        (HELPER, "pick(self.starts, self.levels)"),
    ],
)
def test_what_an_environment_draws_by_masses_is_no_way_to_draw_transitions_by_priority(project, kinds, helper, start):
    assert kinds(project(WORLD.replace("{helper}", helper).replace("{start}", start))) == ["uniform"]


def test_a_tree_of_priorities_alone_is_a_part_of_the_memory_that_asks_it(project):
    graph = project("""
    import random
    import numpy as np

    class Tree:
        def __init__(self, depth):
            self.depth, self.levels = depth, [np.zeros(2**i) for i in range(depth + 1)]

        def put(self, slot, priority):
            self.levels[-1][slot] = priority
            for level in reversed(range(self.depth)):
                slot //= 2
                self.levels[level][slot] = self.levels[level + 1][2 * slot] + self.levels[level + 1][2 * slot + 1]

        def pick(self):
            mass, slot = random.uniform(0, self.levels[0][0]), 0
            for level in range(self.depth):
                left = self.levels[level + 1][2 * slot]
                slot = 2 * slot
                if mass >= left:
                    slot, mass = slot + 1, mass - left
            return slot

    class Memory:
        def __init__(self, depth):
            self.rows, self.at, self.tree = [None] * 2**depth, 0, Tree(depth)

        def add(self, state, action, reward, next_state, done):
            self.rows[self.at] = (state, action, reward, next_state, done)
            self.tree.put(self.at, 1.0)
            self.at = (self.at + 1) % len(self.rows)

        def sample(self, n):
            self.last = [self.tree.pick() for _ in range(n)]
            return [self.rows[slot] for slot in self.last]

        def rate(self, errors):
            for slot, error in zip(self.last, errors):
                self.tree.put(slot, abs(error) + 1e-6)

    class Agent:
        def __init__(self, net, optimizer):
            self.net, self.optimizer, self.memory = net, optimizer, Memory(10)

        def learn(self):
            states, actions, rewards, next_states, dones = zip(*self.memory.sample(32))
            losses = self.net.losses(states, actions, rewards, next_states, dones)
            losses.mean().backward()
            self.optimizer.step()
            self.memory.rate(losses)
    """)
    assert [graph.name_of(buffer) for buffer in graph.buffers] == ["Memory"]


MARKET = """
    import random

    class MarketEnv:
        def __init__(self, prices):
            self.prices, self.fee = prices, 0.1

        def reset(self):
            self.at, self.cash = 0, 100.0
            return self.prices[0]

        def step(self, action):
            for price in self.prices[self.at :]:
                if self.fee < price:
                    self.fee -= price
                    break
            self.at += 1
            return self.prices[self.at], self.cash - self.fee, self.at > 9, {}

    class Trainer:
        def __init__(self, env, net):
            self.env, self.net, self.rows = env, net, []

        def play(self):
            self.env.fee = {fee}
            state, done, cash = self.env.reset(), False, 0.0
            while not done:
                action = self.net.act(state)
                next_state, reward, done, _ = self.env.step(action)
                self.rows.append((state, action, reward, next_state, done))
                if reward < cash:
                    cash -= reward
                state = next_state
            self.net.loss(self.rows[-8:]).backward()

    def main(prices, net):
        Trainer(MarketEnv(prices), net).play()
"""


@pytest.mark.parametrize("fee", ["0.1 * random.uniform(0.9, 1.1)", "random.random()"])
@pytest.mark.parametrize("name", ["MarketEnv", "Market"])
def test_a_number_that_an_environment_compares_and_takes_from_picks_no_transition(project, kinds, fee, name):
    assert kinds(project(MARKET.replace("{fee}", fee).replace("MarketEnv", name))) == []


def test_an_action_that_a_table_of_states_is_read_at_is_no_position(project, kinds):
    graph = project("""
    import numpy as np

    class Planner:
        def __init__(self, states, actions):
            self.values = np.zeros((states, actions))
            self.rewards, self.next_states = np.zeros((states, actions)), np.zeros((states, actions))
            self.dones = np.zeros((states, actions))

        def see(self, state, action, reward, next_state, done):
            self.rewards[state, action], self.next_states[state, action] = reward, next_state
            self.dones[state, action] = done

        def plan(self, state, masses):
            action = np.random.choice(4, p=masses)
            reward, next_state = self.rewards[state, action], self.next_states[state, action]
            if self.dones[state, action]:
                return
            self.values[state, action] += 0.1 * (reward + self.values[int(next_state)].max())

    def main(env, masses):
        planner = Planner(9, 4)
        planner.see(1, 2, 0.5, 3, False)
        planner.plan(1, masses)
    """)
    assert kinds(graph) == []


AGENTS = """
    import random
    import numpy as np

    class Memories:
        def __init__(self, agents, capacity):
            self.states, self.actions = np.zeros((agents, capacity)), np.zeros((agents, capacity))
            self.rewards, self.next_states = np.zeros((agents, capacity)), np.zeros((agents, capacity))
            self.dones, self.at, self.capacity = np.zeros((agents, capacity)), 0, capacity

        def add(self, agent, state, action, reward, next_state, done):
            at = self.at % self.capacity
            self.states[agent, at], self.actions[agent, at] = state, action
            self.rewards[agent, at], self.next_states[agent, at] = reward, next_state
            self.dones[agent, at] = done
            self.at += 1

        def sample(self, agent, size):
            rows = []
            for _ in range(size):
                i = {draw}
                rows.append((self.states[agent, i], self.actions[agent, i], self.rewards[agent, i],
                             self.next_states[agent, i], self.dones[agent, i]))
            return rows

    def main(env, net):
        memory = Memories(2, 10_000)
        state = env.reset()
        for step in range(100_000):
            action = net.act(state)
            next_state, reward, done, _ = env.step(action)
            memory.add(step % 2, state, action, reward, next_state, done)
            state = next_state
            net.loss(memory.sample(step % 2, 32)).backward()
"""


@pytest.mark.parametrize("draw", ["random.randrange(self.at)", "np.random.randint(0, self.at)"])
def test_a_memory_of_several_agents_is_drawn_from_one_by_one(project, kinds, draw):
    assert kinds(project(AGENTS.replace("{draw}", draw))) == ["uniform"]


@pytest.mark.parametrize(
    ("weights", "found"),
    [
        ("(len(self.rows) * p) ** -self.beta", [PRIORITISED]),
        ("p / p.max()", []),
    ],
)
def test_rewards_summed_under_another_name_are_replay_where_weights_are_made(project, kinds, weights, found):
    graph = project(f"""
    import random

    import numpy as np
    from sums import ahead_of


    class Memory:
        def __init__(self):
            self.rows, self.priorities, self.beta = [], [], 0.4

        def append(self, row):
            self.rows.append(row)
            self.priorities.append(1.0)

        def sample(self, n):
            p = np.array(self.priorities) / sum(self.priorities)
            weights = {weights}
            picked = random.choices(range(len(self.rows)), weights=p, k=n)
            return [(i, weights[i], *self.rows[i]) for i in picked]


    def play(env, net, memory, n=3):
        passed, state, done = [], env.reset(), False
        while not done:
            action = net(state).argmax()
            next_state, reward, done, _ = env.step(action)
            passed.append((state, action, reward, done, next_state))
            state = next_state
        for at, (s, a, r, d, s2) in enumerate(passed):
            ahead = passed[at : at + n]
            total = ahead_of([step[2] for step in ahead])
            memory.append((s, a, total, ahead[-1][3], ahead[-1][4]))


    def learn(env, net, optimizer):
        memory = Memory()
        play(env, net, memory)
        for row in memory.sample(32):
            net.loss(row).backward()
            optimizer.step()
    """)
    assert kinds(graph) == found


def test_what_environments_alone_make_draws_places_not_transitions(project, kinds):
    graph = project("""
    import random
    import gym
    import numpy as np

    class Map:
        def __init__(self, size):
            self.size = size
            self.goals = self.place()

        def place(self):
            while True:
                goals = np.random.rand(2, 2) * self.size
                if min(abs(goals[0] - goals[1])) > 3:
                    return goals

        def distance(self, state):
            return min(abs(state - goal).sum() for goal in self.goals)

    class MapEnv(gym.Env):
        def __init__(self):
            self.map = Map(20.0)

        def reset(self):
            self.at = self.map.goals[0]
            return self.at

        def step(self, action):
            self.at = self.at + action
            left = self.map.distance(self.at)
            return self.at, -left, left < 1, {}

    def train(net, optimizer):
        env, rows = MapEnv(), []
        state = env.reset()
        for _ in range(100):
            action = net(state)
            next_state, reward, done, _ = env.step(action)
            rows.append((state, action, reward, next_state, done))
            state = next_state
            for s, a, r, s2, d in random.sample(rows, 8):
                goal = r + 0.9 * net(s2).max() * (1 - d)
                while goal > 1:
                    goal -= 1
                (net(s)[a] - goal).backward()
            optimizer.step()
    """)
    assert kinds(graph) == ["uniform"]


def test_states_that_a_network_is_probed_with_are_no_draw(project):
    graph = project("""
    import gym
    import numpy as np
    import random
    import torch
    from torch import nn


    class Tree:
        def __init__(self, size):
            self.size, self.sums, self.rows, self.at = size, np.zeros(2 * size - 1), np.zeros(size, dtype=object), 0

        def add(self, priority, row):
            self.rows[self.at] = row
            self.set(self.at + self.size - 1, priority)
            self.at = (self.at + 1) % self.size

        def set(self, node, priority):
            change = priority - self.sums[node]
            self.sums[node] = priority
            while node:
                node = (node - 1) // 2
                self.sums[node] += change

        def find(self, node, mass):
            left = 2 * node + 1
            if left >= len(self.sums):
                return node
            if mass <= self.sums[left]:
                return self.find(left, mass)
            return self.find(left + 1, mass - self.sums[left])


    class Memory:
        def __init__(self, size):
            self.tree = Tree(size)

        def push(self, error, row):
            self.tree.add((abs(error) + 0.01) ** 0.6, row)

        def sample(self, count, beta):
            total = self.tree.sums[0]
            nodes = [self.tree.find(0, random.uniform(0, total)) for _ in range(count)]
            p = self.tree.sums[nodes] / total
            weights = (self.tree.size * p) ** -beta
            return [self.tree.rows[node - self.tree.size + 1] for node in nodes], nodes, weights / weights.max()

        def update(self, nodes, errors):
            for node, error in zip(nodes, errors):
                self.tree.set(node, (abs(error) + 0.01) ** 0.6)


    class Network(nn.Module):
        def __init__(self, width, actions):
            super().__init__()
            self.first, self.second = nn.Linear(width, 64), nn.Linear(64, actions)

        def forward(self, state):
            return self.second(torch.relu(self.first(state)))


    class Agent:
        def __init__(self, width=4, actions=2):
            self.network, self.memory = Network(width, actions), Memory(10_000)
            self.optimizer = torch.optim.Adam(self.network.parameters())

        def act(self, state):
            return self.network(torch.as_tensor(state).float()).argmax().item()

        def error(self, state, action, reward, following, done):
            with torch.no_grad():
                goal = reward + 0.99 * (1 - done) * self.network(torch.as_tensor(following).float()).max()
                return (goal - self.network(torch.as_tensor(state).float())[action]).item()

        def observe(self, state, action, reward, following, done):
            row = state, action, reward, following, done
            self.memory.push(self.error(*row), row)

        def learn(self, beta):
            rows, nodes, weights = self.memory.sample(32, beta)
            states, actions, rewards, after, ends = (torch.tensor(np.array(c)).float() for c in zip(*rows))
            goal = rewards + 0.99 * (1 - ends) * self.network(after).max(1).values.detach()
            errors = goal - self.network(states).gather(1, actions.long()[:, None])[:, 0]
            self.optimizer.zero_grad()
            (torch.tensor(weights) * errors**2).mean().backward()
            self.optimizer.step()
            self.memory.update(nodes, errors.detach().numpy())


    class Probe:
        def __init__(self, agent):
            self.agent = agent

        def states(self, count):
            states, actions = [], []
            for _ in range(count):
                state = np.random.uniform(0, 1, 4)
                actions.append(torch.argmax(self.agent.network(torch.FloatTensor(state))).item())
                states.append(state)
            return np.array(states), np.array(actions)

        def priorities(self, states, actions):
            return [self.agent.error(s, a, 1.0, s, False) for s, a in zip(states, actions)]


    def main():
        agent, env = Agent(), gym.make("CartPole-v1")
        state = env.reset()
        for step in range(50_000):
            action = agent.act(state)
            following, reward, done, _ = env.step(action)
            agent.observe(state, action, reward, following, done)
            state = env.reset() if done else following
            if step > 100:
                agent.learn(min(1.0, 0.4 + 0.6 * step / 50_000))
        probe = Probe(agent)
        states, actions = probe.states(1_000)
        for state, action in zip(states, actions):
            agent.memory.update([agent.memory.tree.size], [agent.error(state, action, 1.0, state, False)])
        print(probe.priorities(states, actions))


    main()
    """)
    assert [buffer.owner.name for buffer in graph.buffers] == ["Memory"]


def test_a_tree_may_be_searched_for_a_whole_array_of_numbers(project):
    graph = project("""
    import numpy as np


    class Tree:
        def __init__(self, size):
            self.size, self.sums = size, [0.0] * (2 * size)

        def put(self, slot, mass):
            slot += self.size
            self.sums[slot] = mass
            while slot > 1:
                slot //= 2
                self.sums[slot] = self.sums[2 * slot] + self.sums[2 * slot + 1]

        def find(self, mass):
            slot = 1
            while slot < self.size:
                slot *= 2
                if self.sums[slot] <= mass:
                    mass -= self.sums[slot]
                    slot += 1
            return slot - self.size


    class Memory:
        def __init__(self, size):
            self.rows, self.tree, self.size, self.at = [None] * size, Tree(size), size, 0
            self.find = np.vectorize(self.tree.find)

        def add(self, state, action, reward, next_state, done):
            self.rows[self.at] = (state, action, reward, next_state, done)
            self.tree.put(self.at, 1.0)
            self.at = (self.at + 1) % self.size

        def sample(self, n):
            slots = self.find(np.random.random(n) * self.tree.sums[1]).tolist()
            return [self.rows[slot] for slot in slots], slots

        def update(self, slots, errors):
            for slot, error in zip(slots, errors):
                self.tree.put(slot, error)
    """)
    (buffer,) = graph.buffers
    assert (buffer.kind, buffer.owner.name) == (PRIORITISED, "Memory")


GIVEN_AWAY = """
    import numpy as np

    class Tree:
        def __init__(self, size):
            self.size, self.nodes = size, np.zeros(2 * size - 1)

        def put(self, slot, priority):
            node = slot + self.size - 1
            change = priority - self.nodes[node]
            self.nodes[node] = priority
            while node:
                node = (node - 1) // 2
                self.nodes[node] += change

        def pick(self, n):
            slots = []
            for _ in range(n):
                mass, node = np.random.rand() * self.nodes[0], 0
                while node < self.size - 1:
                    left = 2 * node + 1
                    if self.nodes[left] >= mass:
                        node = left
                    else:
                        node, mass = left + 1, mass - self.nodes[left]
                slots.append(node - self.size + 1)
            return np.array(slots)

    class Rows:
        def __init__(self, size):
            self.size, self.at = size, 0
            self.states, self.later = np.zeros((size, 4)), np.zeros((size, 4))
            self.actions, self.rewards, self.ends = np.zeros(size), np.zeros(size), np.zeros(size)

        def __getitem__(self, slots):
            return self.states[slots], self.actions[slots], self.rewards[slots], self.later[slots], self.ends[slots]

    class Memory(Rows):
        def __init__(self, size):
            Rows.__init__(self, size)
            self.tree = Tree(size)

        def add(self, state, action, reward, next_state, done):
            self.states[self.at], self.actions[self.at], self.rewards[self.at] = state, action, reward
            self.later[self.at], self.ends[self.at] = next_state, done
            self.tree.put(self.at, 1.0)
            self.at = (self.at + 1) % self.size

        def chosen(self, n):
            return self.tree.pick(n)

        def rate(self, slots, errors):
            for slot, error in zip(slots, errors):
                self.tree.put(slot, abs(error) + 1e-6)

    class {other}:
        def __init__(self):
            self.tree = Tree(8)

        def chosen(self, n):
            return self.tree.pick(n)

    class Agent:
        def __init__(self, net, optimizer):
            self.net, self.optimizer, self.memory = net, optimizer, Memory(1024)

        def learn(self):
            slots = {asked}.chosen(32)
            states, actions, rewards, next_states, dones = self.memory[slots]
            losses = self.net.losses(states, actions, rewards, next_states, dones)
            losses.mean().backward()
            self.optimizer.step()
            self.memory.rate(slots, losses)
"""


def test_positions_that_a_memory_asks_its_tree_for_may_be_given_away_and_come_back(project):
    graph = project(GIVEN_AWAY.replace("{other}", "Other").replace("{asked}", "self.memory"))
    assert [graph.name_of(buffer) for buffer in graph.buffers] == ["Memory"]


LINKED = """
    import numpy as np

    class Node:
        def __init__(self, above, slot=None, mass=0.0):
            self.above, self.slot, self.mass, self.below = above, slot, mass, []

        def change(self, by):
            self.mass += by
            if self.above is not None:
                self.above.change(by)

    class Memory:
        def __init__(self, size):
            self.size, self.at, self.top, self.leaves = size, 0, Node(None), {}
            self.states, self.later = np.zeros((size, 4)), np.zeros((size, 4))
            self.actions, self.rewards, self.ends = np.zeros(size), np.zeros(size), np.zeros(size)
            self.grow(self.top, 12)

        def grow(self, node, depth):
            if depth:
                node.below = [Node(node), Node(node)]
                self.grow(node.below[0], depth - 1)
                self.grow(node.below[1], depth - 1)
            else:
                node.slot = len(self.leaves)
                self.leaves[node.slot] = node

        def add(self, state, action, reward, next_state, done):
            self.states[self.at], self.actions[self.at], self.rewards[self.at] = state, action, reward
            self.later[self.at], self.ends[self.at] = next_state, done
            self.rate([self.at], [1.0])
            self.at = (self.at + 1) % self.size

        def leaf(self, mass):
            node = self.top
            while node.below:
                first, second = node.below
                if mass < first.mass:
                    node = first
                else:
                    node, mass = second, mass - first.mass
            return node.slot

        def sample(self, n):
            masses = np.random.uniform(0, self.top.mass, n)
            slots = np.array({slots})
            rows = self.states[slots], self.actions[slots], self.rewards[slots], self.later[slots], self.ends[slots]
            return rows, slots

        def rate(self, slots, errors):
            for slot, error in zip(slots, errors):
                node = self.leaves[slot]
                node.change(abs(error) + 1e-6 - node.mass)

    def train(env, net):
        memory = Memory(4096)
        for _ in range(9000):
            memory.add(*env.turn())
            (states, actions, rewards, later, ends), slots = memory.sample(32)
            losses = net.losses(states, actions, rewards, later, ends)
            losses.mean().backward()
            memory.rate(slots, losses)
"""


@pytest.mark.parametrize("slots", ["[self.leaf(mass) for mass in masses]", "list(map(self.leaf, masses))"])
def test_a_tree_of_linked_nodes_may_be_searched_by_a_function_that_is_mapped(project, kinds, slots):
    assert kinds(project(LINKED.replace("{slots}", slots))) == ["prioritised"]


def test_random_actions_in_what_a_tree_is_given_are_not_searched_for_in_it(project):
    graph = project("""
    import random
    from collections import deque
    import numpy as np

    class Tree:
        def __init__(self, size):
            self.size, self.sums, self.rows, self.at = size, np.zeros(2 * size - 1), [None] * size, 0

        def put(self, mass, row):
            self.rows[self.at] = row
            self.set(self.at + self.size - 1, mass)
            self.at = (self.at + 1) % self.size

        def set(self, node, mass):
            self.raise_by(node, mass - self.sums[node])

        def raise_by(self, node, change):
            self.sums[node] += change
            if node:
                self.raise_by((node - 1) // 2, change)

        def find(self, node, s):
            left = 2 * node + 1
            if left >= len(self.sums):
                return node
            if s <= self.sums[left]:
                return self.find(left, s)
            return self.find(left + 1, s - self.sums[left])

        def sample(self, n):
            nodes = [self.find(0, np.random.uniform(0.0, self.sums[0])) for _ in range(n)]
            return [self.rows[node - self.size + 1] for node in nodes], nodes

    class Plain:
        def __init__(self, size):
            self.rows = deque(maxlen=size)

        def put(self, state, action, reward, next_state):
            self.rows.append((state, action, reward, next_state))

        def sample(self, n):
            return random.sample(self.rows, n), None

    class Player:
        def __init__(self, game, net, by_mass):
            self.game, self.net = game, net
            self.past = Tree(1000) if by_mass else Plain(1000)
            self.by_mass = by_mass

        def play(self):
            state = self.game.start()
            while True:
                action = np.array([[np.random.rand(), np.random.rand()]])
                reward, next_state = self.game.shoot(action[0])
                if self.by_mass:
                    self.past.put(9.0, (state, action, reward, next_state))
                else:
                    self.past.put(state, action, reward, next_state)
                batch, nodes = self.past.sample(8)
                for node, error in zip(nodes, self.net.fit(batch)):
                    self.past.set(node, abs(error))
                state = next_state

    Player(game, net, True).play()
    """)
    assert {buffer.owner.name for buffer in graph.buffers if buffer.kind == PRIORITISED} == {"Tree"}


@pytest.mark.parametrize("columns", ['{"obs": np.zeros((n, 4)), "rew": np.zeros(n)}', "dict(obs=[0] * n, rew=[0] * n)"])
def test_a_class_that_finds_positions_in_its_tree_holds_the_columns_of_its_dict(project, columns):
    graph = project(f"""
    import numpy as np

    class Memory:
        def __init__(self, n):
            self.columns = {columns}
            self.sums, self.half, self.at = np.zeros(2 * n), n, 0

        def put(self, **step):
            for name, value in step.items():
                self.columns[name][self.at] = value
            self.set(self.at, 1.0)
            self.at = (self.at + 1) % self.half

        def set(self, slot, priority):
            node = slot + self.half
            self.sums[node] = priority
            while node > 1:
                node //= 2
                self.sums[node] = self.sums[2 * node] + self.sums[2 * node + 1]

        def find(self, mass):
            node = 1
            while node < self.half:
                node *= 2
                if mass >= self.sums[node]:
                    mass -= self.sums[node]
                    node += 1
            return node - self.half

        def get(self, n):
            slots = np.array([self.find(np.random.uniform(0.0, self.sums[1])) for _ in range(n)])
            return {{name: np.asarray(column)[slots] for name, column in self.columns.items()}}, slots

        def rate(self, slots, errors):
            for slot, error in zip(slots, errors):
                self.set(slot, abs(error) + 0.01)

    memory, obs = Memory(1024), env.reset()
    while True:
        following, rew, done, _ = env.step(net.act(obs))
        memory.put(obs=obs, rew=rew)
        obs = following
        batch, slots = memory.get(32)
        memory.rate(slots, net.fit(batch["obs"], batch["rew"]))
    """)
    (buffer,) = graph.buffers
    assert {store.function.name for store in buffer.stores} == {"put", "set"}
    assert {function.name for function in graph.anatomy(buffer).adding} == {"put"}
