"""Uniform draws that are no draws of a batch from a memory."""

import pytest

from per_audit.graph import PRIORITISED, UNIFORM


def test_one_memory_for_each_action_is_no_uniform_draw(project):
    graph = project("""
    import random


    class Balanced:
        def __init__(self, actions):
            self.rows = {action: [] for action in range(actions)}

        def add(self, state, action, reward, next_state, done):
            self.rows[action].append((state, action, reward, next_state, done))

        def sample(self, n):
            batch = []
            for action in self.rows:
                memory = self.rows[action]
                batch += random.sample(memory, n)
            return batch
    """)
    assert graph.buffers == []


def test_a_goal_from_later_in_the_episode_is_no_draw_from_a_memory(project):
    graph = project("""
    import random

    def relabel(env, memory):
        episode = []
        state = env.reset()
        for step in range(50):
            next_state, reward, done, _ = env.step(0)
            episode.append((state, 0, reward, next_state, done))
            state = next_state
        for t in range(len(episode)):
            later = random.randint(t, len(episode) - 1)
            state, action, reward, next_state, done = episode[later]
            memory.put(state, action, reward, next_state)
    """)
    assert graph.buffers == []


@pytest.mark.parametrize(
    ("called", "found"),
    [
        ("for t, step in enumerate(episode): self.relabel(episode, t)", 0),
        ("for t, step in enumerate(episode): self.relabel(at=t, episode=episode)", 0),
        ("self.relabel(episode, self.start)", 1),
    ],
)
def test_a_goal_that_a_method_draws_from_after_a_step_that_its_callers_count(project, called, found):
    graph = project(f"""
    import numpy as np

    class Learner:
        def __init__(self, env, memory, start):
            self.env, self.memory, self.start = env, memory, start

        def play(self):
            episode = []
            state = self.env.reset()
            for step in range(50):
                next_state, reward, done, _ = self.env.step(0)
                episode.append((state, 0, reward, next_state, done))
                state = next_state
            {called}

        def relabel(self, episode, at):
            for goal in [self.later(episode, at) for _ in range(4)]:
                state, action, reward, next_state, done = episode[goal]
                self.memory.put(state, action, reward, next_state)

        def later(self, episode, at):
            return np.random.choice(np.arange(at + 1, len(episode)))
    """)
    assert len(graph.buffers) == found


HINDSIGHT = """
    import numpy as np

    class Learner:
        def __init__(self, env, memory):
            self.env, self.memory = env, memory

        def play(self):
            episode = []
            state = self.env.reset()
            for step in range(50):
                next_state, reward, done, _ = self.env.step(0)
                episode.append((state, 0, reward, next_state, done))
                state = next_state
            for t, (state, action, reward, next_state, done) in enumerate(episode):
                at = {drawn}
                {read}
                self.memory.put(state, action, reward, next_state, done, {goal})
"""


@pytest.mark.parametrize(
    ("drawn", "read", "goal", "found"),
    [
        ("np.random.randint(0, len(episode))", "s, a, r, reached, d = episode[at]", "reached", 0),
        ("np.random.randint(0, len(episode))", "reached = episode[at][3]", "reached", 0),
        ("np.random.randint(0, len(episode))", "s, a, r, reached, d = episode[at]", "(s, a, r, reached, d)", 1),
        (
            "np.random.randint(0, len(episode))",
            "reached = episode[at][3]\n                at = np.random.randint(0, len(episode))\n"
            "                reached = episode[at][3]",
            "reached",
            0,
        ),
        ("int(np.random.uniform() * (len(episode) - t))", "s, a, r, s2, d = episode[t + at]", "(s, a, r, s2, d)", 0),
        ("int(np.random.uniform() * len(episode))", "s, a, r, s2, d = episode[at]", "(s, a, r, s2, d)", 1),
    ],
)
def test_a_goal_that_is_read_at_a_position_of_the_episode_is_no_batch(project, drawn, read, goal, found):
    assert len(project(HINDSIGHT.format(drawn=drawn, read=read, goal=goal)).buffers) == found


GROWN = """
    import numpy as np

    class Memory:
        def __init__(self, size):
            self.rows, self.size = {first}, size

        def add(self, state, action, reward, next_state, done):
            row = np.hstack((state, action, reward, next_state, done))
            {add}

        def clear(self):
            self.rows = {first}

        def sample(self, n):
            return self.rows[np.random.choice(len(self.rows), n)]

    def train(env, net, optimizer):
        memory, state = Memory(10_000), env.reset()
        for update in range(1000):
            for step in range(100):
                next_state, reward, done, _ = env.step(0)
                memory.add(state, 0, reward, next_state, done)
                state = next_state
            net.loss(memory.sample(32)).backward()
            {after}
"""


@pytest.mark.parametrize(
    ("first", "add", "after", "found"),
    [
        ("np.empty((0, 11))", "self.rows = np.append(self.rows, [row], axis=0)", "pass", [UNIFORM]),
        (
            "None",
            "self.rows = [row] if self.rows is None else self.rows; self.rows = np.vstack((self.rows, row))",
            "pass",
            [UNIFORM],
        ),
        ("np.empty((0, 11))", "self.rows = np.concatenate([self.rows, [row]])[-self.size :]", "pass", [UNIFORM]),
        ("np.empty((0, 11))", "self.rows = np.vstack((self.rows, row))", "memory.clear()", []),
        ("np.empty((0, 11))", "self.last = np.vstack((self.rows, row))", "pass", []),
        ("None", "self.rows = np.concatenate(self.rows, row)", "pass", []),
    ],
)
def test_an_array_that_each_row_is_joined_to_is_a_memory(project, kinds, first, add, after, found):
    assert kinds(project(GROWN.format(first=first, add=add, after=after))) == found


GOALS = """
    import random

    class Learner:
        def __init__(self, env, memory):
            self.env, self.memory, self.episode = env, memory, []

        def play(self):
            state = self.env.reset()
            for step in range(50):
                next_state, reward, done, _ = self.env.step(0)
                self.episode.append((state, 0, reward, next_state, done))
                state = next_state
            for t in range(50):
                self.goals(t, 4)

        def goals(self, t, n):
            goals = []
            {drawn}
            {loop}
                {apart}
                goals.append({goal})
            return goals
"""
PARTS = "state, action, reward, next_state, done"


@pytest.mark.parametrize(
    ("drawn", "loop", "apart", "goal", "found"),
    [
        ("at = t + 1; ahead = self.episode[at:]", "for step in random.sample(ahead, n):", f"{PARTS} = step", PARTS, 0),
        ("at = t + 1; ahead = self.episode[-at:]", "for step in random.sample(ahead, n):", f"{PARTS} = step", PARTS, 1),
        ("at = n; ahead = self.episode[at:]", "for step in random.sample(ahead, n):", f"{PARTS} = step", PARTS, 1),
        ("drawn = random.sample(self.episode, n)", "for step in drawn:", f"{PARTS} = step", "next_state", 0),
        ("drawn = random.sample(self.episode, n)", "for step in drawn:", f"{PARTS} = step", "step, next_state", 1),
        ("drawn = random.sample(self.episode, n)", "for step in drawn:", f"{PARTS} = step", "reward + next_state", 1),
        ("pass", f"for {PARTS} in random.sample(self.episode, n):", "pass", "next_state", 0),
        ("pass", f"for {PARTS} in random.sample(self.episode, n):", "pass", PARTS, 1),
    ],
)
def test_goals_that_are_drawn_of_an_episode_are_no_batch(project, drawn, loop, apart, goal, found):
    graph = project(GOALS.format(drawn=drawn, loop=loop, apart=apart, goal=goal))
    assert len(graph.buffers) == found


def test_a_base_whose_heir_draws_by_priority_in_its_place_is_not_uniform(project):
    graph = project("""
    import numpy as np

    class Base:
        def __init__(self, size):
            self.rows, self.size, self.at = [None] * size, size, 0

        def add(self, state, action, reward, next_state, done):
            self.rows[self.at % self.size] = (state, action, reward, next_state, done)
            self.at += 1

        def sample(self, n):
            return [self.rows[i] for i in np.random.randint(0, self.size, n)]

    class Prioritised(Base):
        def __init__(self, size):
            super().__init__(size)
            self.priorities = np.ones(size)

        def sample(self, n):
            return [self.rows[i] for i in np.random.choice(self.size, n, p=self.priorities / self.priorities.sum())]

    memory = Prioritised(10)
    memory.add(1, 2, 3.0, 4, False)
    memory.sample(4)
    """)
    assert [buffer.kind for buffer in graph.buffers] == [PRIORITISED]


def test_a_bootstrap_of_all_data_for_each_model_of_an_ensemble_is_no_batch(project, kinds):
    text = """
        import numpy as np

        class Rows:
            def __init__(self, size):
                self.rows, self.count = np.zeros((size, 9)), 0

            def add(self, state, action, reward, next_state, done):
                self.rows[self.count] = np.hstack((state, action, reward, next_state, done))
                self.count += 1

            def draw(self, models):
                return self.rows[np.random.choice(self.count, size={size})]

        def main(rows, net):
            net.loss(rows.draw(5)).backward()
        """
    assert kinds(project(text.format(size="(models, 32)"))) == [UNIFORM]
    assert kinds(project(text.format(size="(models, self.count)"))) == []


COLUMNS = """
    import random
    from operator import itemgetter

    import numpy as np
    import torch

    class Memory:
        def __init__(self, n):
            self.state, self.action, self.reward = torch.zeros(n), torch.zeros(n), torch.zeros(n)
            self.later, self.done, self.size, self.n = torch.zeros(n), torch.zeros(n), 0, n

        def add(self, state, action, reward, next_state, done):
            i = self.size % self.n
            self.state[i], self.action[i], self.reward[i] = state, action, reward
            self.later[i], self.done[i] = next_state, done
            self.size += 1

        def divide(self, share):
            self.held_out = np.random.choice(np.arange(self.size), int(self.size * share), {again})
            self.rest = np.setdiff1d(np.arange(self.size), self.held_out)

        def sample(self, n):
            {draw}
            return {batch}

    def train(env, net, optimizer, steps):
        memory, state = Memory(1000), env.reset()
        for step in range(steps):
            action = net(state)
            next_state, reward, done, _ = env.step(action)
            memory.add(state, action, reward, next_state, done)
            states, actions, rewards, later, dones = memory.sample(32)
            loss = ((net(states)[actions] - rewards - 0.99 * (1 - dones) * net(later).max(1)) ** 2).mean()
            loss.backward()
            optimizer.step()
"""
AT = "self.state[at], self.action[at], self.reward[at], self.later[at], self.done[at]"


def drawn(project, draw, batch=AT, again="replace=False"):
    text = COLUMNS.replace("{again}", again).replace("{draw}", draw).replace("{batch}", batch)
    return [(graph.source(b.path, b.draws[0])) for graph in [project(text)] for b in graph.buffers]


@pytest.mark.parametrize(
    "all_there_are",
    [
        "torch.arange(self.size)",
        "np.arange(self.size)",
        "torch.nonzero(self.done == 0).flatten()",
        "np.where(self.done == 0)[0]",
        "np.flatnonzero(self.reward)",
    ],
)
def test_positions_drawn_of_positions_are_a_batch(project, all_there_are):
    code = f"which = {all_there_are}; at = which[np.random.randint(0, len(which), n)]"
    assert drawn(project, code) == ["np.random.randint(0, len(which), n)"]


def test_what_itemgetter_reads_is_a_batch(project):
    columns = ("state", "action", "reward", "later", "done")
    batch = ", ".join(f"np.stack(itemgetter(*at)(self.{name}))" for name in columns)
    assert drawn(project, "at = random.sample(range(self.size), n)", batch) == ["random.sample(range(self.size), n)"]


@pytest.mark.parametrize(
    ("part", "again", "found"),
    [
        ("self.rest", "replace=False", []),
        ("self.held_out", "replace=False", []),
        ("self.size", "replace=False", ["np.random.choice(self.size, n)"]),
        ("self.held_out", "replace=True", ["np.random.choice(self.held_out, n)"]),
    ],
)
def test_rows_for_training_and_for_tests_are_those_of_a_data_set(project, part, again, found):
    assert drawn(project, f"at = np.random.choice({part}, n)", again=again)[-1:] == found


JOINED = """
    import numpy as np

    class Rows:
        def __init__(self, rows):
            self.rows = rows

        def more(self, rows):
            {more}

        def part(self, n):
            return Rows([self.rows[i] for i in np.random.choice(len(self.rows), n)])

    def train(env, net, optimizer):
        batch, state = Rows([]), env.reset()
        while True:
            action = net(state)
            next_state, reward, done, _ = env.step(action)
            {use}
            state = next_state
            for state, action, reward, next_state, done in batch.part(32).rows:
                net.loss(state, action, reward, next_state, done).backward()
                optimizer.step()
"""


NEW = "batch.more([(state, action, reward, next_state, done)])"


@pytest.mark.parametrize(
    ("more", "use", "found"),
    [
        ("return Rows(self.rows + rows)", f"longer = {NEW}", 0),
        ("return Rows(self.rows + rows)", f"batch = {NEW}", 1),  # a memory that is never changed, but replaced
        ("self.rows = self.rows + rows", NEW, 1),
        ("self.rows += rows", NEW, 1),
    ],
)
def test_a_batch_that_others_are_joined_with_is_no_memory(project, kinds, more, use, found):
    assert len(kinds(project(JOINED.replace("{more}", more).replace("{use}", use)))) == found


MERGED = """
    import numpy as np

    def read(file, rows):
        for line in file:
            state, action, reward, next_state, done = line.split()
            rows.append({"state": state, "action": action, "reward": reward, "next_state": next_state, "done": done})
        return rows

    def load(file):
        rows = []
        for line in file:
            state, action, reward, next_state, done = line.split()
            rows.append({"state": state, "action": action, "reward": reward, "next_state": next_state, "done": done})
        return rows

    def merge(first, second, n, kept):
        mine, theirs = {mine}, load(second)
        found = []
        {loop}
            for one in np.random.choice(len(mine), n, replace=False):
                found.append(mine[one])
        return found + theirs

    def main(first, second, net):
        kept = []
        while True:
            read(first, kept)
            for row in merge(first, second, 32, kept):
                net.loss(row["state"], row["action"], row["reward"], row["next_state"], row["done"]).backward()
"""


@pytest.mark.parametrize(
    ("mine", "loop", "found"),
    [
        ("load(first)", "if n:", 0),
        ("load(first)", "while len(found) < 10_000:", 1),
        ("kept", "if n:", 1),
    ],
)
def test_rows_that_are_read_for_one_call_are_a_data_set(project, kinds, mine, loop, found):
    assert len(kinds(project(MERGED.replace("{mine}", mine).replace("{loop}", loop)))) == found


@pytest.mark.parametrize("store", ["self.rows.extend(steps)", "for step in steps: self.rows.append(step)"])
@pytest.mark.parametrize(
    ("fields", "found"), [("states, actions, rewards, next_states, dones", 1), ("images, labels", 0)]
)
def test_the_steps_of_several_environments_are_stored_by_zip(project, store, fields, found):
    graph = project(f"""
    import random
    from collections import deque

    import numpy as np


    class Store:
        def __init__(self, capacity):
            self.rows = deque(maxlen=capacity)

        def add_all(self, steps):
            {store}

        def draw(self, n):
            return map(np.array, zip(*random.sample(self.rows, n)))


    def run(envs, model, images, labels):
        store = Store(1000)
        states = envs.reset()
        while True:
            actions = model.act(states)
            next_states, rewards, dones, infos = envs.step(actions)
            store.add_all(zip({fields}))
            states = next_states
            model.update(*store.draw(32))
    """)
    assert len(graph.buffers) == found


@pytest.mark.parametrize(
    ("made", "stored", "read"),
    [
        (
            "self.rows = np.recarray(size, dtype=[('s', float, 4), ('a', int), ('r', float), ('s2', float, 4)])",
            "self.rows[at] = (state, action, reward, next_state)",
            "rows = self.rows[picked]; return rows.s, rows.a, rows.r, rows.s2",
        ),
        (
            "file = h5py.File('rows.h5', 'w'); self.s = file.create_dataset('s', (size, 4)); "
            "self.a = file.create_dataset('a', (size,)); self.r = file.create_dataset('r', (size,)); "
            "self.s2 = file.create_dataset('s2', (size, 4))",
            "self.s[at], self.a[at], self.r[at], self.s2[at] = state, action, reward, next_state",
            "return self.s[picked], self.a[picked], self.r[picked], self.s2[picked]",
        ),
    ],
)
def test_records_and_data_sets_of_files_are_memories(project, made, stored, read):
    lines = "\n            ".join
    graph = project(f"""
    import h5py
    import numpy as np


    class Memory:
        def __init__(self, size):
            {lines(made.split("; "))}
            self.size, self.count = size, 0

        def add(self, state, action, reward, next_state):
            at = self.count % self.size
            {stored}
            self.count += 1

        def sample(self, n):
            picked = np.sort(np.random.choice(min(self.count, self.size), n, replace=False))
            {lines(read.split("; "))}
    """)
    assert [buffer.kind for buffer in graph.buffers] == [UNIFORM]


def test_a_helper_that_environments_alone_draw_by_is_no_memory(project, kinds):
    graph = project("""
    import random
    import numpy as np

    class Grid:
        def free(self, n):
            cells = [(x, y) for x in range(9) for y in range(9)]
            return random.sample(cells, n)

    class GridEnv:
        def __init__(self):
            self.grid = Grid()

        def reset(self):
            self.cells = self.grid.free(4)
            return self.cells

        def step(self, action):
            return self.cells, self.cells[action][0], False, {}

    def main(net):
        env = GridEnv()
        state = env.reset()
        while True:
            action = net.act(state)
            next_state, reward, done, _ = env.step(action)
            row = np.array([state, action, reward, next_state, done])
            actions = row[1]
            states = row[0]
            rewards = row[2]
            next_states = row[3]
            dones = row[4]
            net.loss(states, actions, rewards, next_states, dones).backward()
            state = next_state
    """)
    assert kinds(graph) == []


LEADS = """
    import random
    from collections import deque

    class Agent:
        def __init__(self, net):
            self.net, self.memory = net, deque(maxlen=1000)

        def keep(self, state, action, reward, next_state, done):
            self.memory.append((state, action, reward, next_state, done))

        def replay(self):
            {replay}

    class MazeEnvironment:
        def reset(self):
            self.at = 0
            return self.at

        def step(self, action):
            self.at += action
            return self.at, -1.0, self.at > 10

        def run(self, agent):
            for episode in range(1000):
                state, done = self.reset(), False
                while not done:
                    action = agent.net.act(state)
                    next_state, reward, done = self.step(action)
                    {keep}
                    state = next_state
                    {learn}

    def main(net):
        MazeEnvironment().run(Agent(net))
"""


ROW = "state, action, reward, next_state, done"


@pytest.mark.parametrize(
    ("replay", "keep", "learn"),
    [
        (
            f"{ROW} = zip(*random.sample(self.memory, 32)); self.net.loss({ROW}).backward()",
            f"agent.memory.append(({ROW}))",
            "agent.replay()",
        ),
        ("return random.sample(self.memory, 32)", f"agent.keep({ROW})", "agent.net.loss(agent.replay()).backward()"),
    ],
)
def test_an_environment_that_leads_has_an_agent_draw_transitions(project, kinds, replay, keep, learn):
    text = LEADS.replace("{replay}", replay).replace("{keep}", keep).replace("{learn}", learn)
    assert kinds(project(text)) == [UNIFORM]


FUNCTIONAL = """
    import jax
    import jax.numpy as jnp
    {imports}

    {kind}
        states: jax.Array
        actions: jax.Array
        rewards: jax.Array
        later: jax.Array
        ends: jax.Array
        at: int

    def empty(size):
        return Rows(
            states=jnp.zeros((size, 4)), actions=jnp.zeros(size), rewards=jnp.zeros(size), later=jnp.zeros((size, 4)),
            ends=jnp.zeros(size), at=0,
        )

    def add(rows, state, action, reward, next_state, done):
        i = rows.at % 1000
        return rows.{change}(
            states=rows.states.at[i].set(state), actions=rows.actions.at[i].set(action),
            rewards=rows.rewards.at[i].set(reward), later=rows.later.at[i].set(next_state),
            ends=rows.ends.at[i].{put}(done), at=rows.at + 1,
        )

    def draw(rows, key):
        i = jax.random.randint(key, (32,), 0, rows.at)
        return rows.states[i], rows.actions[i], rows.rewards[i], rows.later[i], rows.ends[i]

    def train(env, net, key, optimizer):
        rows, state = empty(1000), env.reset()
        for _ in range(9000):
            action = net.act(state)
            next_state, reward, done, _ = env.step(action)
            rows = add(rows, state, action, reward, next_state, done)
            state = next_state
            one, two, three, four, five = draw(rows, key)
            net.params = optimizer.update(jax.grad(net.loss)(net.params, one, two, three, four, five), net.params)
"""


@pytest.mark.parametrize(
    ("imports", "kind", "change"),
    [
        ("from flax import struct", "@struct.dataclass\n    class Rows:", "replace"),
        ("from typing import NamedTuple", "class Rows(NamedTuple):", "_replace"),
    ],
)
def test_arrays_that_functions_hand_on_are_a_memory(project, imports, kind, change):
    text = FUNCTIONAL.replace("{imports}", imports).replace("{kind}", kind).replace("{change}", change)
    (buffer,) = project(text.replace("{put}", "set")).buffers
    assert buffer.roles == {"state", "action", "reward", "next", "done"}
    assert len(buffer.stores) == len(buffer.containers) == 5
    (buffer,) = project(text.replace("{put}", "add")).buffers
    assert len(buffer.stores) == 4


@pytest.mark.parametrize(
    ("body", "found"),
    [("pass", [UNIFORM]), ('"""Text."""\n            raise NotImplementedError', [UNIFORM]), ("return []", [])],
)
def test_an_attribute_that_heirs_are_to_have_is_no_method(project, kinds, body, found):
    graph = project(f"""
    import random
    from abstract import attribute

    class Base:
        @attribute
        def rows(self):
            {body}

    class Memory(Base):
        def __init__(self):
            self.rows = []

        def add(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))
            del self.rows[:-1000]

        def sample(self):
            return random.sample(self.rows, 32)

    def train(net, memory: Memory):
        states, actions, rewards, next_states, dones = zip(*memory.sample())
        net.loss(states, actions, rewards, next_states, dones).backward()

    Memory().add(1, 2, 3, 4, 5)
    """)
    assert kinds(graph) == found


@pytest.mark.parametrize(
    ("store", "loss", "found"),
    [
        ("if self.said: self.log_probs[i] = log_prob", "loss(*batch)", [UNIFORM]),
        ("self.log_probs[i] = log_prob", "loss(*batch)", []),
        ("if self.at < 9: self.log_probs[i] = log_prob", "loss(*batch)", []),
        ("if self.said: self.log_probs[i], self.rewards[i] = log_prob, reward", "loss(*batch)", []),
        ("if self.said: self.log_probs[i] = log_prob", "ratio(torch.exp(net(batch[0]) - batch[3]))", []),
        ("if self.said: self.log_probs[i] = log_prob", "ratio((net(batch[0]) - batch[3]).sum(-1).exp())", []),
        ("if self.said: self.log_probs[i] = log_prob", "loss(torch.exp(net(batch[0])))", [UNIFORM]),
    ],
)
def test_what_a_policy_said_may_be_kept_beside_transitions(project, kinds, store, loss, found):
    graph = project(f"""
    import numpy as np
    import torch

    class Memory:
        def __init__(self, size, said):
            self.states, self.later, self.said = np.zeros((size, 4)), np.zeros((size, 4)), said
            self.rewards, self.log_probs, self.at = np.zeros(size), np.zeros(size), 0

        def add(self, state, reward, next_state, log_prob=None):
            i = self.at % len(self.rewards)
            self.states[i], self.later[i] = state, next_state
            {"" if "reward" in store else "self.rewards[i] = reward"}
            {store}
            self.at += 1

        def sample(self, n):
            i = np.random.randint(0, self.at, n)
            return self.states[i], self.rewards[i], self.later[i], self.log_probs[i]

    def train(net, memory: Memory):
        batch = memory.sample(32)
        net.{loss}.backward()

    Memory(9, False).add(1, 2, 3)
    """)
    assert kinds(graph) == found


@pytest.mark.parametrize(
    "rows",
    [
        "np.array([None] * size)",
        "np.asarray(size * [None], dtype=object)",
        "np.array([{} for _ in range(size)])",
        "np.asarray(blank)",
        "np.empty(size)",
    ],
)
def test_an_array_made_of_one_thing_again_and_again_holds_rows(project, kinds, rows):
    graph = project(f"""
    import numpy as np

    class Memory:
        def __init__(self, size):
            blank = [[None]] * size
            self.rows, self.at = {rows}, 0

        def add(self, state, action, reward, next_state, done):
            self.rows[self.at % len(self.rows)] = (state, action, reward, next_state, done)
            self.at += 1

        def sample(self, n):
            return self.rows[np.random.randint(0, min(self.at, len(self.rows)), n)]

    def train(net, memory: Memory):
        net.loss(*zip(*memory.sample(32))).backward()

    Memory(9).add(1, 2, 3, 4, 5)
    """)
    assert kinds(graph) == [UNIFORM]


@pytest.mark.parametrize(
    ("row", "found"),
    [("Row(states[i], earned[i])", []), ("(states[i], actions[i], rewards[i], states[i + 1])", [UNIFORM])],
)
def test_states_and_what_was_earned_from_there_are_data_for_a_regression(project, kinds, row, found):
    graph = project(f"""
    import random
    import numpy as np
    from collections import namedtuple

    Row = namedtuple("Row", "observation discounted_return")

    class Search:
        def __init__(self, net):
            self.net, self.rows = net, []

        def play(self, env):
            state, states, actions, rewards, done = env.reset(), [], [], [], False
            while not done:
                states.append(state)
                state, reward, done, _ = env.step(self.net.act(state))
                actions.append(self.net.last)
                rewards.append(reward)
            earned, total_reward = [], 0.0
            for reward in reversed(rewards):
                total_reward = reward + 0.99 * total_reward
                earned.insert(0, np.array([total_reward]))
            for i in range(len(rewards)):
                self.rows.append({row})

        def learn(self):
            self.net.fit(random.sample(self.rows, 64))
    """)
    assert kinds(graph) == found


@pytest.mark.parametrize("made", ["Ring(9_000)", "Ring[tuple](9_000)"])
@pytest.mark.parametrize("rows", ["[None for _ in range(size)]", "cast(list[T], [None] * size)"])
def test_a_ring_of_a_generic_class_with_types_for_two_ways_to_read_it(project, kinds, made, rows):
    graph = project(f"""
    from typing import Generic, TypeVar, cast, overload
    import numpy as np

    T = TypeVar("T")

    class Ring(Generic[T]):
        def __init__(self, size):
            self._rows, self._size, self._at = {rows}, size, 0

        def store(self, row: T) -> None:
            self._rows[self._at % self._size] = row
            self._at += 1

        @overload
        def __getitem__(self, at: int) -> T: ...

        @overload
        def __getitem__(self, at: slice) -> list[T]: ...

        def __getitem__(self, at):
            return self._rows[at]

        def __len__(self):
            return min(self._at, self._size)

    class Memory:
        def __init__(self):
            self._ring = {made}

        def push(self, state, action, reward, next_state, terminated):
            self._ring.store((state, action, reward, next_state, terminated))

        def sample(self, n):
            return [self._ring[at] for at in np.random.choice(len(self._ring), n)]

    def train(env, net):
        memory, state = Memory(), env.reset()
        for _ in range(1_000):
            next_state, reward, terminated, _, _ = env.step(0)
            memory.push(state, 0, reward, next_state, terminated)
            net.loss(memory.sample(32)).backward()
            state = next_state
    """)
    assert kinds(graph) == [UNIFORM]


def test_goals_from_a_box_and_later_ones_make_no_sums(project, kinds):
    graph = project("""
    import numpy as np

    class Relabel:
        def __init__(self, share, reward):
            self.share, self.reward = share, reward

        def sample(self, episodes, n):
            length = episodes["actions"].shape[1]
            row, t = np.random.randint(0, episodes["actions"].shape[0], n), np.random.randint(length, size=n)
            batch = {key: episodes[key][row, t].copy() for key in episodes.keys()}
            chosen = np.where(np.random.uniform(size=n) < self.share)[0]
            later = (t + 1 + (np.random.uniform(size=n) * (length - t)).astype(int))[chosen]
            goals = episodes["reached"][row[chosen], later]
            still = np.linalg.norm(goals - batch["reached"][chosen], axis=-1) < 0.01
            other = np.random.uniform([-0.4, -0.2], [0.4, 0.2], size=(len(chosen), 2))
            batch["goals"][chosen] = np.where(still[:, None], other, goals)
            near = np.linalg.norm(batch["goals"] - batch["reached_next"], axis=-1)
            batch["reward"] = np.where(near < 0.05, 0.0, -1.0)
            return batch

    class Memory:
        def __init__(self, size, length, draw):
            self.rows = {
                "states": np.empty((size, length + 1, 4)),
                "reached": np.empty((size, length + 1, 2)),
                "goals": np.empty((size, length, 2)),
                "actions": np.empty((size, length, 2)),
            }
            self.draw, self.at, self.size = draw, 0, size

        def store(self, states, reached, goals, actions):
            i = self.at % self.size
            self.rows["states"][i], self.rows["reached"][i] = states, reached
            self.rows["goals"][i], self.rows["actions"][i] = goals, actions
            self.at += 1

        def sample(self, n):
            rows = {key: self.rows[key][: self.at] for key in self.rows.keys()}
            rows["next_states"] = rows["states"][:, 1:, :]
            rows["reached_next"] = rows["reached"][:, 1:, :]
            return self.draw(rows, n)

    class Agent:
        def __init__(self, net, reward):
            self.net, self.memory = net, Memory(500, 50, Relabel(0.8, reward).sample)

        def learn(self, *episode):
            self.memory.store(*episode)
            batch = self.memory.sample(64)
            goal = batch["reward"] + 0.98 * self.net(batch["next_states"], batch["goals"])
            loss = (self.net(batch["states"], batch["actions"], batch["goals"]) - goal).pow(2).mean()
            loss.backward()
    """)
    assert kinds(graph) == [UNIFORM]


def test_columns_are_named_for_the_class_that_has_them_all(project):
    graph = project("""
    import random
    from collections import deque

    def places(count, n):
        return random.sample(range(count - 1), n)

    class Column:
        def __init__(self, size):
            self.items = deque(maxlen=size)

        def append(self, item):
            self.items.append(item)

        def __len__(self):
            return len(self.items)

        def __getitem__(self, at):
            return self.items[at]

    class Memory:
        def __init__(self, size):
            self.states, self.actions = Column(size), Column(size)
            self.rewards, self.ends = Column(size), Column(size)

        def append(self, state, action, reward, done):
            self.states.append(state)
            self.actions.append(action)
            self.rewards.append(reward)
            self.ends.append(done)

        def sample(self, n):
            drawn = places(len(self.states), n)
            return [(self.states[i], self.actions[i], self.rewards[i], self.states[i + 1], self.ends[i]) for i in drawn]

    def train(env, net):
        memory, state = Memory(5_000), env.reset()
        for _ in range(1_000):
            next_state, reward, done, _ = env.step(0)
            memory.append(state, 0, reward, done)
            state = next_state
            net.loss(memory.sample(32)).backward()
    """)
    assert {graph.name_of(buffer) for buffer in graph.buffers} == {"Memory"}


def test_rows_that_a_base_stores_are_named_for_the_heir_that_draws_them_by_a_function(project):
    graph = project("""
    import random

    def places(count, n):
        return random.sample(range(count), n)

    class Rows:
        def __init__(self):
            self.kept = []

        def put(self, state, action, reward, next_state, done):
            self.kept.append((state, action, reward, next_state, done))

    class Memory(Rows):
        def take(self, n):
            return [self.kept[i] for i in places(len(self.kept), n)]

    def train(env, net):
        memory, state = Memory(), env.reset()
        for _ in range(10_000):
            next_state, reward, done, _ = env.step(0)
            memory.put(state, 0, reward, next_state, done)
            state = next_state
            net.loss(memory.take(32)).backward()
    """)
    assert {graph.name_of(buffer) for buffer in graph.buffers} == {"Memory"}


@pytest.mark.parametrize(("made", "name"), [("Whole(5_000)", "Whole"), ("Apart(5_000)", "Apart")])
def test_rows_drawn_by_a_function_are_named_for_the_class_that_is_made(project, made, name):
    graph = project(f"""
    import random

    def places(count, n):
        return random.sample(range(count - 1), n)

    class Ring:
        def __init__(self, size):
            self.items, self.size, self.at = [None] * size, size, 0

        def append(self, item):
            self.items[self.at % self.size] = item
            self.at += 1

        def __len__(self):
            return min(self.at, self.size)

        def __getitem__(self, at):
            return self.items[at]

    class Apart:
        def __init__(self, size):
            self.states, self.actions, self.rewards, self.ends = Ring(size), Ring(size), Ring(size), Ring(size)

        def append(self, state, action, reward, next_state, done):
            self.states.append(state)
            self.actions.append(action)
            self.rewards.append(reward)
            self.ends.append(done)

        def sample(self, n):
            drawn = places(len(self.states), n)
            return [(self.states[i], self.actions[i], self.rewards[i], self.states[i + 1], self.ends[i]) for i in drawn]

    class Whole:
        def __init__(self, size):
            self.rows = Ring(size)

        def append(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))

        def sample(self, n):
            return [self.rows[i] for i in places(len(self.rows), n)]

    def train(env, net):
        memory, state = {made}, env.reset()
        for _ in range(10_000):
            next_state, reward, done, _ = env.step(0)
            memory.append(state, 0, reward, next_state, done)
            state = next_state
            net.loss(memory.sample(32)).backward()
    """)
    assert {graph.name_of(buffer) for buffer in graph.buffers} == {name}


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("picked.append(random.randrange(len(self.rows)))", [UNIFORM]),
        ("action = random.randrange(len(self.rows)); actions.append(action)", []),
    ],
)
def test_positions_that_are_drawn_one_by_one_into_a_list_are_a_batch(project, kinds, body, found):
    graph = project(f"""
    import random

    class Episodes:
        def __init__(self):
            self.rows = []

        def add(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))
            if len(self.rows) > 99:
                self.rows.pop(0)

        def pick(self, n):
            picked, actions = [], []
            for _ in range(n):
                {body}
            return picked or actions

        def read(self, chosen):
            return [self.rows[i] for i in chosen]

        def sample(self, n):
            return self.read(self.pick(n))

    def train(net, memory: Episodes):
        net.loss(*zip(*memory.sample(32))).backward()

    Episodes().add(1, 2, 3, 4, 5)
    """)
    assert kinds(graph) == found


@pytest.mark.parametrize("names", ["s, a, r, s2", "w, x, y, z"])
def test_what_the_fields_of_rows_from_a_sum_tree_are_called_tells_what_they_are(project, kinds, names):
    s, a, r, s2 = names.split(", ")
    graph = project(f"""
    import random

    class Tree:
        def __init__(self, size):
            self.sums, self.rows, self.size = [0.0] * (2 * size), [None] * size, size

        def find(self, mass):
            node = 1
            while node < self.size:
                node *= 2
                if mass > self.sums[node]:
                    mass -= self.sums[node]
                    node += 1
            return self.rows[node - self.size]

        def put(self, at, row):
            self.rows[at] = row

    class Agent:
        def __init__(self):
            self.tree = Tree(64)

        def see(self, at, row):
            self.tree.put(at, row)

        def learn(self, net):
            batch = [self.tree.find(random.uniform(0, self.tree.sums[1])) for _ in range(32)]
            for i in range(32):
                row = batch[i]
                {s} = row[0]
                {a} = row[1]
                {r} = row[2]
                {s2} = row[3]
                net.fit({s}, {a}, {r} + net({s2}))
    """)
    assert kinds(graph) == ([PRIORITISED] if s == "s" else [])


@pytest.mark.parametrize(
    ("drawn", "window", "later", "found"),
    [
        ("random.sample(self.episodes, n)", "episode[at : at + length]", "next_state", [UNIFORM]),
        ("random.sample(self.episodes, n)", "episode[-length:]", "next_state", []),
        ("[random.choice(self.episodes)]", "episode[at : at + length]", "next_state", []),
        ("random.sample(self.episodes, n)", "episode[at : at + length]", "0", []),
    ],
)
@pytest.mark.parametrize("whole", ["steps", "list(zip(np.array(steps)))"])
def test_windows_of_episodes_that_are_drawn_many_at_once_are_a_batch(
    project, kinds, drawn, window, later, whole, found
):
    graph = project(f"""
    import random
    from collections import deque
    import numpy as np

    class Episodes:
        def __init__(self):
            self.episodes = deque(maxlen=500)

        def keep(self, episode):
            self.episodes.append(episode)

        def windows(self, n, length):
            found = []
            for episode in {drawn}:
                at = np.random.randint(0, len(episode) + 1 - length)
                found.append({window})
            return np.reshape(np.array(found), [n * length, 5])

    def train(env, net, memory: Episodes):
        while True:
            steps, state, done = [], env.reset(), False
            while not done:
                action = net.act(state)
                next_state, reward, done, _ = env.step(action)
                steps.append(np.reshape(np.array([state, action, reward, {later}, done]), [1, 5]))
                state = next_state
                got = memory.windows(4, 8)
                net.fit(got[:, 0], got[:, 1], got[:, 2] + 0.99 * (1 - got[:, 4]) * net(got[:, 3])).backward()
            memory.keep({whole})

    train(make(), net(), Episodes())
    """)
    assert kinds(graph) == found


@pytest.mark.parametrize("size", ["len(rows)", "len(rows) // 2"])
def test_a_shuffle_or_a_part_of_what_was_drawn_is_no_second_memory(project, size):
    graph = project(f"""
    import random

    import numpy as np


    class Memory:
        def __init__(self, size):
            self.size, self.rows, self.count = size, {{}}, 0

        def add(self, state, action, reward, next_state, done):
            if len(self.rows) == self.size:
                del self.rows[self.count - self.size]
            self.rows[self.count] = (state, action, reward, next_state, done)
            self.count += 1

        def draw(self, n):
            rows = []
            for k in np.random.choice(list(self.rows.keys()), n):
                rows.append(self.rows[k])
            return random.sample(rows, {size})


    def train(env, net):
        memory = Memory(5000)
        for _ in range(100_000):
            memory.add(*env.transition())
            net.loss(memory.draw(32)).backward()
    """)
    assert len(graph.buffers) == 1
