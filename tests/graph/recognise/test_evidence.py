"""What is stored and what is made of a batch: which containers hold transitions."""

import pytest

from per_audit.graph import UNIFORM


@pytest.mark.parametrize(("parameters", "found"), [("action=None, light=''", 0), ("action", 0), ("", 1)])
def test_a_start_that_an_environment_draws_whose_action_may_be_left_out(project, parameters, found):
    graph = project(f"""
    import random

    class WorldEnv:
        def __init__(self, world):
            self.world, self.starts = world, []

        def see(self, state, reward, next_state, done):
            self.starts.append((state, reward, next_state, done))
            if len(self.starts) > 99:
                self.starts.pop(0)

        def reset(self):
            return random.sample(self.starts, 1)

        def step(self, {parameters}):
            return self.world.state, self.world.reward, False, {{}}
    """)
    assert len(graph.buffers) == found


def test_goals_that_an_environment_draws_are_no_positions_in_a_memory(project, kinds):
    graph = project(
        """
        import numpy as np

        class PointEnv:
            def reset(self):
                self.at, self.goal = 0.0, np.random.uniform(-2, 2)
                return self.at - self.goal

            def step(self, action):
                self.at += action
                return Step(observation=self.at - self.goal, reward=-abs(self.at - self.goal))

        class Step:
            def __init__(self, observation, reward):
                self.observation, self.reward = observation, reward

        class Table:
            def __init__(self):
                self.sums, self.rows = np.zeros(16), [None] * 8

            def find(self, left):
                at = 1
                while at < 8:
                    at = 2 * at
                    if left > self.sums[at]:
                        left = left - self.sums[at]
                        at += 1
                return at - 8

        class Worker:
            def __init__(self):
                self.env, self.table, self.steps = PointEnv(), Table(), []

            def play(self, policy):
                observation = self.env.reset()
                cell = self.table.find(observation)
                self.steps.append((observation, policy(cell), self.env.step(0.1).reward, self.table.rows[cell]))
                state, action, reward, next_state = self.steps[cell]
                return reward
        """
    )
    assert kinds(graph) == []


def test_tables_of_an_environment_that_actions_are_looked_up_in_are_no_memory(project, kinds):
    graph = project(
        """
        import numpy as np
        from gym.envs.toy_text.discrete import DiscreteEnv

        class Cliff(DiscreteEnv):
            def __init__(self):
                self.P = {}
                for s in range(48):
                    self.P[s] = {}
                    for a in range(4):
                        next_state, reward, done = self.move(s, a)
                        self.P[s][a] = [(1.0, next_state, reward, done)]

            def move(self, s, a):
                return s + a, -1.0, s > 40

            def look(self, state, action):
                for p, next_state, reward, done in self.P[state][action]:
                    return next_state, reward, done

        def main(policy):
            env = Cliff()
            state = 0
            while True:
                chances = policy.predict(state)
                action = np.random.choice(np.arange(4), p=chances)
                next_state, reward, done = env.look(state, action)
                policy.update(state, action, reward, next_state, done)
                state = next_state
        """
    )
    assert kinds(graph) == []


def test_rings_that_a_function_draws_the_indices_of_are_a_memory_whatever_the_policy_learns(project, kinds):
    graph = project(
        """
        import random
        import numpy as np

        class Ring:
            def __init__(self, size):
                self.data, self.at = [None] * size, 0

            def __getitem__(self, i):
                return self.data[i]

            def append(self, value):
                self.data[self.at % len(self.data)] = value
                self.at += 1

        def indices(high, n):
            return random.sample(range(high), n)

        class Memory:
            def __init__(self):
                self.states, self.actions, self.rewards, self.ends = Ring(100), Ring(100), Ring(100), Ring(100)

            def append(self, state, action, reward, done):
                self.states.append(state)
                self.actions.append(action)
                self.rewards.append(reward)
                self.ends.append(done)

            def sample(self, n):
                rows = []
                for i in indices(100, n):
                    rows.append((self.states[i], self.actions[i], self.rewards[i], self.states[i + 1], self.ends[i]))
                return rows

        class Agent:
            def __init__(self, net):
                self.memory, self.table = Memory(), np.zeros(8)

            def play(self, env):
                state = env.reset()
                while True:
                    action = self.table[state].argmax()
                    next_state, reward, done, _ = env.step(action)
                    self.memory.append(state, action, reward, done)
                    for state, action, reward, next_state, done in self.memory.sample(8):
                        self.table[state] += reward + self.table[next_state].max() - self.table[state]
                    state = next_state
        """
    )
    assert kinds(graph) == [UNIFORM]


def test_positions_that_a_class_draws_itself_are_not_those_of_what_it_is_given_with_them(project):
    graph = project(
        """
        import random
        import torch

        class Ranked:
            def __init__(self, size, parts):
                self.rows, self.size, self.parts = [], size, parts

            def add(self, state, action, reward, next_state, done):
                self.rows.append([state, action, reward, next_state, done, 0.0])
                self.rows = self.rows[-self.size :]

            def sample(self, n):
                slots = []
                for k in range(n):
                    slots.append(random.randint(self.parts[k], self.parts[k + 1] - 1))
                return slots, [self.rows[slot] for slot in slots]

            def rate(self, slots, errors):
                for slot, error in map(list, zip(slots, errors)):
                    self.rows[slot][5] = error
                self.rows.sort(key=lambda row: row[5])

        class Agent:
            def __init__(self, net):
                self.net, self.memory = net, Ranked(1000, list(range(0, 1000, 30)))

            def act(self, state):
                if random.random() < 0.1:
                    return random.randint(0, 3)
                return self.net(state).argmax()

            def play(self, env):
                state = env.reset()
                while True:
                    action = self.act(state)
                    next_state, reward, done, _ = env.step(action)
                    self.memory.add(state, action, reward, next_state, done)
                    slots, rows = self.memory.sample(32)
                    errors = self.net.errors(rows)
                    errors.mean().backward()
                    self.memory.rate(slots, errors.detach().numpy())
                    state = next_state
        """
    )
    assert all("randint(0, 3)" not in graph.source(b.path, draw) for b in graph.buffers for draw in b.draws)


COLUMNS = """
    import numpy as np

    class Store:
        def __init__(self, columns, size):
            self.columns = {name: np.zeros((size, *shape)) for name, shape in columns}
            self.size, self.at = size, 0

        def append(self, row):
            for name, item in zip(row._fields, row):
                self.columns[name][self.at] = item
            self.at = (self.at + 1) % self.size

        def sample(self, n):
            drawn = np.random.randint(0, self.size, n)
            batch = {}
            for name, column in self.columns.items():
                batch[name] = column[drawn]
            return batch
"""


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        (("obs", "action", "reward", "next_obs", "done"), [UNIFORM]),
        (("obs", "action", "reward", "done"), []),  # a data set has rewards as well
        (("obs", "action", "advantage", "next_obs", "reward"), []),  # a rollout
        (("image", "label", "next_obs"), []),
    ],
)
def test_a_batch_is_known_by_the_fields_that_learners_read(project, fields, found, kinds):
    reads = "\n".join(f"    loss = loss + net(batch['{name}'])" for name in fields)
    learn = "from store import Store\n\ndef learn(store: Store, net, optimizer):\n    batch = store.sample(32)\n"
    learn += f"    loss = 0\n{reads}\n    loss.backward()\n    optimizer.step()\n"
    graph = project(store=COLUMNS, learn=learn)
    assert kinds(graph) == found


@pytest.mark.parametrize(
    ("positions", "found"),
    [("np.random.choice(len(self.rows), n, replace=False)", [UNIFORM]), ("[random.randrange(len(self.rows))]", [])],
)
def test_what_is_popped_at_drawn_positions_is_a_batch_unless_it_is_one_to_forget(project, positions, found, kinds):
    graph = project(
        f"""
        import random
        import numpy as np

        class Memory:
            def __init__(self):
                self.rows = []

            def add(self, state, action, reward, next_state, done):
                self.rows.append((state, action, reward, next_state, done))

            def take(self, n):
                positions = {positions}
                return [self.rows.pop(i) for i in sorted(positions, reverse=True)]

        def train(memory: Memory, net, optimizer):
            states, actions, rewards, next_states, dones = zip(*memory.take(32))
            loss = net(states, actions, rewards, next_states, dones)
            loss.backward()
            optimizer.step()
        """
    )
    assert kinds(graph) == found


ACTIONS = """
    import random
    import numpy as np

    class Agent:
        def __init__(self, net):
            self.net = net

        def act(self, state, epsilon):
            if random.random() < epsilon:
                return np.random.choice(4)
            return self.net(state).argmax()

    class Episodes:
        def __init__(self, size):
            self.rows, self.size = [None] * size, size

        def store(self, number, row):
            self.rows[number % self.size] = row

        def batch(self, number):
            return self.rows[number]

    def main(env, agent: Agent, memory: Episodes, optimizer):
        state, total = env.reset(), 0
        while True:
            action = agent.act(state, 0.1)
            next_state, reward, done, info = env.step(action)
            total += info.length(action)
            memory.store(total, {"obs": state, "action": action, "reward": reward, "next_obs": next_state})
            state = next_state
            row = memory.batch(total)
            loss = agent.net.loss(row["obs"], row["action"], row["reward"], row["next_obs"])
            loss.backward()
            optimizer.step()
"""


def test_an_action_is_no_position_of_what_is_read_later(project, kinds):
    assert kinds(project(ACTIONS)) == []


def test_positions_drawn_one_by_one_for_another_method_are_a_batch(project, kinds):
    graph = project(
        """
        import random

        class Memory:
            def __init__(self, size):
                self.rows, self.size, self.at = [None] * size, size, 0

            def add(self, state, action, reward, next_state, done):
                self.rows[self.at % self.size] = (state, action, reward, next_state, done)
                self.at += 1

            def positions(self, n):
                return [random.randint(0, self.size - 1) for _ in range(n)]

            def at_positions(self, positions):
                return [self.rows[i] for i in positions]

        def train(memories: list, mine: Memory, other: Memory, net, optimizer):
            drawn = mine.positions(32)
            net.loss(mine.at_positions(drawn), other.at_positions(drawn)).backward()
            optimizer.step()
        """
    )
    assert kinds(graph) == [UNIFORM]


SEEDED = """
    import random

    class Workers:
        def __init__(self, start, count):
            {seed}
            self.inner = [start(seed + i) for i in range(count)]
            self.last = {}
            self.collect()

        def collect(self):
            for worker in self.inner:
                out = worker.receive()
                self.last[out.number] = {"obs": out.obs, "action": out.action, "reward": out.reward, "done": out.done}
            return [self.row(out.number) for worker in self.inner for out in worker.pending()]

        def row(self, number):
            return self.last[number]

    def main(start, net, optimizer):
        workers = Workers(start, 8)
        while True:
            for row in workers.collect():
                net.loss(row["obs"], row["action"], row["reward"], row["done"]).backward()
                optimizer.step()
"""


@pytest.mark.parametrize("seed", ["seed = 3", "seed = random.randint(0, 65536)"])
def test_what_a_constructor_draws_is_a_seed(project, kinds, seed):
    assert kinds(project(SEEDED.replace("{seed}", seed))) == []


NUMBERED = """
    import random
    from collections import deque

    import numpy as np

    class Team:
        def __init__(self, nets):
            self.nets, self.past = nets, deque(maxlen=10_000)

        def keep(self, step, count):
            self.past.append([step.of(number) for number in range(count)])

        def learn(self):
            batch = np.array(random.sample(self.past, 32))
            for number, net in enumerate(self.nets):
                own = batch[:, number]
                {names}
                loss = net.loss(first, second, third, fourth)
                loss.backward()
                net.optimizer.step()
"""


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("states", "actions", "rewards", "next_states"), [UNIFORM]),
        (("images", "labels", "weights", "next_states"), []),
        (("states", "actions", "returns", "next_states"), []),
        (("first", "second", "third", "fourth"), []),
    ],
)
def test_a_batch_is_known_by_the_names_of_its_numbered_parts(project, kinds, names, found):
    lines = [f"{name} = np.stack(own[:, {number}])" for number, name in enumerate(names)]
    lines.append(f"first, second, third, fourth = ({', '.join(names)})")
    graph = project(NUMBERED.replace("{names}", "\n                ".join(lines)))
    assert kinds(graph) == found


TWO_KINDS = """
    import numpy as np

    class Memory:
        def __init__(self, size):
            self.states, self.later, self.at = np.zeros((size, 4)), np.zeros((size, 4)), 0
            self.actions, self.rewards, self.ends = np.zeros(size), np.zeros(size), np.zeros(size)

        def add(self, state, action, reward, next_state, done):
            self.states[self.at], self.actions[self.at], self.later[self.at] = state, action, next_state
            self.rewards[self.at], self.ends[self.at] = reward, done
            self.at += 1

        def sample(self, n):
            i = np.random.randint(0, self.at, size=n)
            return self.states[i], self.actions[i], self.rewards[i], self.later[i], self.ends[i]

    class Off:
        def act(self, state):
            return self.net(state)

    class On:
        def act(self, state):
            action, log_prob, value = self.net(state)
            return action, log_prob, value

    def made(kind):
        return On() if kind == "on" else Off()

    def train(env, kind):
        agent, memory, state = made(kind), Memory(1000), env.reset()
        for _ in range(9000):
            action = agent.act(state)
            next_state, reward, done, _ = env.step(action)
            memory.add(state, action, reward, next_state, done)
            state = env.reset() if done else next_state
            agent.update(memory.sample(32))
"""


def test_what_another_agent_says_with_its_actions_is_not_in_a_column_of_actions(project, kinds):
    assert kinds(project(TWO_KINDS)) == [UNIFORM]


@pytest.mark.parametrize(
    ("fields", "written", "found"),
    [
        ("self.number = number", True, []),
        ("self.state, self.action, self.reward, self.next_state = number", False, [UNIFORM]),
    ],
)
def test_an_object_that_others_change_is_no_transition(project, kinds, fields, written, found):
    change = "one.state, one.action, one.reward, one.next_state = world.turn(one)" if written else "world.turn(one)"
    graph = project(f"""
    import random

    class Thing:
        def __init__(self, number):
            {fields}

    def run(world, net):
        things = []
        for number in range(99):
            things.append(Thing(number))
            for one in random.sample(things, 4):
                {change}
                net.loss(one.state, one.action, one.reward, one.next_state).backward()
                net.optimizer.step()
    """)
    assert kinds(graph) == found
