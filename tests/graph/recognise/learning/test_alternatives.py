"""Uniform draws beside which there is another way, and rollouts."""

import textwrap

import pytest

from per_audit.facts import extract, ir
from per_audit.graph import PRIORITISED, UNIFORM, link
from per_audit.graph.recognise.learning.alternatives import Alternatives
from per_audit.graph.recognise.learning.wrapped import Wrappers
from per_audit.source.resolve import Modules


@pytest.mark.parametrize(
    "draw",
    [
        "picked = self.tree.sample(4) if self.prioritized else np.random.randint(0, 9, 4)",
        "if args.use_per:\n                picked = self.by_priority(4)\n            else:\n"
        "                picked = np.random.randint(0, 9, 4)",
    ],
)
def test_a_switch_to_priorities_is_no_uniform_only_draw(project, draw):
    graph = project(f"""
    import numpy as np


    class Memory:
        def __init__(self, tree, prioritized):
            self.rows, self.tree, self.prioritized = [None] * 9, tree, prioritized

        def add(self, state, action, reward, next_state, done):
            self.rows[0] = (state, action, reward, next_state, done)

        def sample(self, args):
            {draw}
            return [self.rows[i] for i in picked]
    """)
    assert graph.buffers == []


TWINS = """
    import random
    from collections import deque

    import numpy as np

    class Plain:
        def __init__(self, size):
            self.rows = deque(maxlen=size)

        def add(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))

        def sample(self, n):
            return random.sample(self.rows, n), np.ones(n), None

    class Prioritised:
        def __init__(self, size):
            self.rows, self.priorities = deque(maxlen=size), deque(maxlen=size)

        def add(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))
            self.priorities.append(max(self.priorities, default=1.0))

        def sample(self, n):
            p = np.array(self.priorities) ** 0.6
            p /= p.sum()
            drawn = np.random.choice(len(self.rows), n, p=p)
            return [self.rows[i] for i in drawn], (len(self.rows) * p[drawn]) ** -0.4, drawn

        def update(self, drawn, errors):
            for i, error in zip(drawn, errors):
                self.priorities[i] = abs(error) + 1e-6

    def train(env, net, optimizer, prioritized):
        memory = Prioritised(100_000) if prioritized else Plain(100_000)
        state = env.reset()
        while True:
            action = net.act(state)
            next_state, reward, done, _ = env.step(action)
            memory.add(state, action, reward, next_state, done)
            state = next_state
            batch, weights, drawn = memory.sample(8)
            errors = net.errors(batch)
            loss = (weights * errors**2).mean()
            loss.backward()
            optimizer.step()
            if drawn is not None:
                memory.update(drawn, errors)
"""


def test_a_uniform_twin_of_a_prioritised_memory_is_known_as_such(project):
    graph = project(TWINS)
    assert [(graph.name_of(buffer), buffer.kind) for buffer in graph.buffers] == [("Prioritised", PRIORITISED)]
    assert [(graph.name_of(buffer), buffer.kind) for buffer in graph.twins] == [("Plain", UNIFORM)]


CHOSEN = """
    import random
    from collections import deque

    import numpy as np

    class Plain:
        def __init__(self, size):
            self.rows = deque(maxlen=size)

        def add(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))

        def take(self, n):
            return random.sample(self.rows, n)

    class Weighted(Plain):
        def __init__(self, size):
            super().__init__(size)
            self.errors = deque(maxlen=size)

        def add(self, *row):
            super().add(*row)
            self.errors.append(max(self.errors, default=1.0))

        def by_error(self, n):
            p = np.array(self.errors) / sum(self.errors)
            drawn = np.random.choice(len(self.rows), n, p=p)
            return [self.rows[i] for i in drawn], (len(self.rows) * p[drawn]) ** -0.4, drawn

    def make(kind):
        if kind.number > 2:
            return Weighted(100_000)
        return Plain(100_000)

    def plainly(net, memory):
        loss = net.loss(memory.take(8)).mean()
        loss.backward()

    def weightedly(net, memory):
        batch, weights, drawn = memory.by_error(8)
        errors = net.errors(batch)
        (weights * errors**2).mean().backward()
        for i, error in zip(drawn, errors):
            memory.errors[i] = abs(error) + 1e-6

    def train(env, net, setting, learn):
        memory = {made}
        state = env.reset()
        while True:
            action = net.act(state)
            next_state, reward, done, _ = env.step(action)
            memory.add(state, action, reward, next_state, done)
            state = next_state
            learn(net, memory)

    def main(env, net, args):
        train(env, net, args, plainly if args.kind == 1 else weightedly)
"""


@pytest.mark.parametrize(
    ("made", "found"),
    [
        ('Weighted(100_000) if setting["memory"] == "per" else Plain(100_000)', [PRIORITISED]),
        ("Weighted(100_000) if setting.kind == 3 else Plain(100_000)", [PRIORITISED]),
        ("{0: Weighted, 1: Plain}[setting.kind](100_000)", [PRIORITISED]),
        ("make(setting)", [PRIORITISED]),
        ("Plain(100_000)", [UNIFORM, PRIORITISED]),
    ],
)
def test_a_switch_is_known_by_its_two_ways(project, kinds, made, found):
    assert kinds(project(CHOSEN.replace("{made}", made))) == found


@pytest.mark.parametrize(
    ("notebook", "found"),
    [
        ("plain = Plain(9)\nplain.add(1, 2, 3, 4, 5)\nprint(plain.take(1))\n", [PRIORITISED]),
        ("plain = Plain(9)\nplainly(net, plain)\n", [UNIFORM, PRIORITISED]),
    ],
)
def test_what_a_notebook_only_tries_out_is_no_other_way(kinds, notebook, found):
    program = textwrap.dedent(CHOSEN.replace("{made}", "make(setting)")).encode()
    trial = f"from main import Plain, plainly\n{notebook}".encode()
    assert kinds(link([extract("main.py", program), extract("trial.ipynb", trial)])) == found


@pytest.mark.parametrize(
    ("last", "found"),
    [("print(plain.take(1))", [PRIORITISED]), ("net.loss(plain.take(1)).backward()", [UNIFORM, PRIORITISED])],
)
def test_what_a_function_only_tries_out_is_no_other_way(project, kinds, last, found):
    trial = f"""
    def check(net):
        plain = Plain(9)
        plain.add(1, 2, 3, 4, 5)
        {last}
    """
    assert kinds(project(CHOSEN.replace("{made}", "make(setting)") + trial)) == found


@pytest.mark.parametrize(
    ("test", "found"),
    [
        ("step % steps_per_update == 0", [UNIFORM]),
        ("step % args.frames_per_gradient_move == 0", [UNIFORM]),
        ("step % args.train_per_env_step == 0", [UNIFORM]),
        ("args.use_per_here", []),
    ],
)
def test_a_number_per_step_is_no_switch(project, kinds, test, found):
    graph = project(f"""
    import random
    from collections import deque

    def train(env, net, optimizer, steps_per_update, args):
        memory, state = deque(maxlen=10_000), env.reset()
        for step in range(100_000):
            action = net.act(state)
            next_state, reward, done, _ = env.step(action)
            memory.append((state, action, reward, next_state, done))
            state = next_state
            if {test}:
                states, actions, rewards, next_states, dones = zip(*random.sample(memory, 32))
                net.loss(states, actions, rewards, next_states, dones).backward()
                optimizer.step()
    """)
    assert kinds(graph) == found


def test_a_twin_that_nobody_makes_is_none(project):
    graph = project(TWINS.replace("Prioritised(100_000) if prioritized else Plain(100_000)", "Prioritised(100_000)"))
    assert graph.twins == []


ROLLOUT = """
    import numpy as np

    class Rollout:
        def __init__(self):
            self.rows = []

        def add(self, *row):
            self.rows.append(row)

        def empty(self):
            self.rows.clear()

    class Agent:
        def __init__(self, net, optimizer):
            self.net, self.optimizer, self.rollout = net, optimizer, Rollout()

        def update(self):
            rows = list(self.rollout.rows)
            {before}
            for epoch in range(10):
                drawn = np.random.choice(len(rows), 64)
                states, actions, rewards, next_states, dones = zip(*[rows[i] for i in drawn])
                self.net.loss(states, actions, rewards, next_states, dones).backward()
                self.optimizer.step()
            {after}

    def main(env, net, optimizer):
        agent = Agent(net, optimizer)
        state = env.reset()
        while True:
            action = net.act(state)
            next_state, reward, done, _ = env.step(action)
            agent.rollout.add(state, action, reward, next_state, done)
            state = next_state
            if done:
                agent.update()
"""


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("self.rollout.empty()", "pass", []),
        ("pass", "self.rollout.empty()", []),
        ("pass", "pass", [UNIFORM]),
    ],
)
def test_what_each_update_empties_is_a_rollout(project, before, after, found, kinds):
    graph = project(ROLLOUT.replace("{before}", before).replace("{after}", after))
    assert kinds(graph) == found


EMPTIED = """
    import numpy as np

    class Steps:
        def __init__(self):
            self.states, self.actions, self.rewards, self.dones = [], [], [], []

        def add(self, state, action, reward, done):
            self.states.append(state)
            self.actions.append(action)
            self.rewards.append(reward)
            self.dones.append(done)

        def some(self, n):
            at = np.random.choice(len(self.states), n)
            return [np.array(column)[at] for column in (self.states, self.actions, self.rewards, self.dones)]

        def forget(self):
            self.__init__()

    class Agent:
        def __init__(self, net):
            self.net, self.steps = net, Steps()

        def update(self):
            for epoch in range(10):
                states, actions, rewards, dones = self.steps.some(64)
                self.net.loss(states, actions, rewards, dones).backward()

    def train(agent, env):
        for episode in range(100):
            state, done = env.reset(), False
            while not done:
                action = agent.net.act(state)
                state, reward, done, _ = env.step(action)
                agent.steps.add(state, action, reward, done)
            agent.update()
            {each_episode}

    def main(net, env):
        agent = Agent(net)
        for run in range(5):
            train(agent, env)
            {each_run}
"""


@pytest.mark.parametrize(
    ("each_episode", "each_run", "found"),
    [
        ("agent.steps.forget()", "pass", []),
        ("agent.steps.__init__()", "pass", []),
        ("agent.steps = Steps()", "pass", []),
        ("pass", "agent.steps.__init__()", [UNIFORM]),
        ("pass", "agent.steps = Steps()", [UNIFORM]),
        ("pass", "agent.steps.forget()", [UNIFORM]),
    ],
)
def test_an_object_that_begins_anew_after_each_update_is_a_rollout(project, kinds, each_episode, each_run, found):
    text = EMPTIED.replace("{each_episode}", each_episode).replace("{each_run}", each_run)
    assert kinds(project(text)) == found


@pytest.mark.parametrize(
    ("each_step", "each_episode", "found"),
    [
        ("for k in range(2): agent.update()", "pass", [UNIFORM]),
        ("pass", "for k in range(2): agent.update()", [UNIFORM]),
        ("pass", "for k in range(2): agent.update()\n            agent.steps.forget()", []),
    ],
)
def test_what_is_filled_around_the_updates_begins_anew_for_another_run(project, kinds, each_step, each_episode, found):
    text = EMPTIED.replace("            agent.update()\n", "").replace("{each_run}", "agent.steps.forget()")
    text = text.replace("action, reward, done)\n            {", "action, reward, done)\n                " + each_step)
    text = text.replace(each_step + "each_episode}", each_step + "\n            " + each_episode)
    assert kinds(project(text)) == found


HEIRS = """
    import random
    import numpy as np

    class Plain:
        def __init__(self):
            self.rows = []

        def add(self, *row):
            state, action, reward, next_state, done = row
            self.rows.append((state, action, reward, next_state, done))
            del self.rows[:-1000]

        def draw(self):
            return random.sample(self.rows, 32)

    class Ranked(Plain):
        def draw(self):
            errors = np.array([abs(row[2]) for row in self.rows])
            at = np.random.choice(len(self.rows), 32, p=errors / errors.sum())
            return [self.rows[i] for i in at]

    class Agent:
        def __init__(self, net):
            self.net, self.memory = net, self.{method}()

        def {method}(self):
            return Plain()

        def learn(self):
            self.net.loss(self.memory.draw()).backward()

    class RankedAgent(Agent):
        def {other}(self):
            return Ranked()

    def main(env, net, ranked):
        agent = RankedAgent(net) if ranked else Agent(net)
        state = env.reset()
        while True:
            action = net.act(state)
            next_state, reward, done, _ = env.step(action)
            agent.memory.add(state, action, reward, next_state, done)
            agent.learn()
            state = next_state
"""


@pytest.mark.parametrize(("other", "found"), [("make", [PRIORITISED]), ("made", [UNIFORM, PRIORITISED])])
def test_a_method_that_an_heir_overrides_is_one_of_two_ways(project, kinds, other, found):
    assert kinds(project(HEIRS.replace("{method}", "make").replace("{other}", other))) == found


SWITCHED = """
    import sys
    import numpy as np

    RANKED = {flag}

    class Memory:
        def __init__(self):
            self.rows, self.errors = [], []

        def add(self, *row):
            state, action, reward, next_state, done = row
            self.rows.append((state, action, reward, next_state, done))
            self.errors.append(1.0)
            if len(self.rows) > 1000:
                del self.rows[0], self.errors[0]

        def draw(self):
            masses = np.array(self.errors)
            at = np.random.choice(len(self.rows), 32, p=masses / masses.sum() if RANKED else None)
            return [self.rows[i] for i in at], at

        def rate(self, at, errors):
            for i, error in zip(at, errors):
                self.errors[i] = error

    def main(env, net):
        memory = Memory()
        state = env.reset()
        while True:
            action = net.act(state)
            next_state, reward, done, _ = env.step(action)
            memory.add(state, action, reward, next_state, done)
            batch, at = memory.draw()
            net.loss(batch).backward()
            state = next_state
"""


@pytest.mark.parametrize(
    ("flag", "found"), [("False", []), ("True", [PRIORITISED]), ("len(sys.argv) > 1", [PRIORITISED])]
)
def test_probabilities_that_a_constant_leaves_out_are_a_switch(project, kinds, flag, found):
    assert kinds(project(SWITCHED.replace("{flag}", flag))) == found


KEPT = """
    import numpy as np

    class Agent:
        def __init__(self, net):
            self.net = net
            self.start()

        def start(self):
            self.states, self.actions, self.rewards, self.dones = [], [], [], []

        def keep(self, state, action, reward, done):
            self.states.append(state)
            self.actions.append(action)
            self.rewards.append(reward)
            self.dones.append(done)

        def update(self):
            at = np.random.choice(len(self.states), 64)
            columns = self.states, self.actions, self.rewards, self.dones
            states, actions, rewards, dones = [np.array([column[i] for i in at]) for column in columns]
            self.net.loss(states, actions, rewards, dones).backward()
            {after}

    def main(net, env):
        agent = Agent(net)
        state = env.reset()
        while True:
            action = agent.net.act(state)
            next_state, reward, done, _ = env.step(action)
            agent.keep(state, action, reward, done)
            state = next_state
            agent.update()
"""


@pytest.mark.parametrize(("after", "found", "grows"), [("self.start()", [], False), ("pass", [UNIFORM], True)])
def test_what_each_update_leaves_empty_is_a_rollout(project, kinds, after, found, grows):
    graph = project(KEPT.replace("{after}", after))
    assert kinds(graph) == found
    assert any(graph.growing_stores(buffer) for buffer in graph.buffers) is grows


BESIDE = """
    import random
    from collections import deque

    class Memory:
        def __init__(self, capacity):
            self.rows = deque(maxlen=capacity)

        def push(self, *row):
            state, action, reward, next_state, done = row
            self.rows.append((state, action, reward, next_state, done))

        def sample(self, n):
            return random.sample(self.rows, n)

    class Agent:
        def __init__(self, net):
            self.net, self.recent = net, Memory(50)
            self.forget()

        def forget(self):
            self.replay = Memory(100_000)

        def learn(self):
            self.net.loss(self.replay.sample(32)).backward()

    def main(env, net):
        agent = Agent(net)
        state = env.reset()
        for step in range(1_000_000):
            action = net.act(state)
            next_state, reward, done, info = env.step(action)
            agent.recent.push(state, action, reward, next_state, done)
            agent.replay.push(*agent.recent.rows[0])
            state = next_state
            if step > 1000:
                agent.learn()
            {after}
"""


@pytest.mark.parametrize(
    ("after", "found"),
    [
        ("agent.replay = Memory(100_000)", []),
        ("agent.replay.__init__(100_000)", []),
        ("agent.forget()", []),
        ("agent.recent = Memory(50)", [UNIFORM]),
        ("agent.recent.__init__(50)", [UNIFORM]),
        ("if step == 500_000: agent.replay = Memory(100_000)", [UNIFORM]),
        ("if step % 250_000 == 0: agent.replay.__init__(100_000)", [UNIFORM]),
        ("if info['task']: agent.forget()", [UNIFORM]),
    ],
)
def test_what_begins_anew_beside_what_is_drawn_from_or_seldom_makes_no_rollout(project, kinds, after, found):
    assert kinds(project(BESIDE.replace("{after}", after))) == found


UNSEEN = """
    import {imported}
    import memory
    import settings


    def train(env, net, steps):
        if settings.RANKED:
            store = {other}
        else:
            store = memory.Memory(1000)
        state = env.reset()
        for _ in range(steps):
            action = net.act(state)
            next_state, reward, done, _ = env.step(action)
            store.add(state, action, reward, next_state, done)
            net.loss(store.sample(32)).backward()
            net.optimizer.step()
"""
PLAIN_MEMORY = """
    import random
    from collections import deque

    class Memory:
        def __init__(self, size):
            self.rows = deque(maxlen=size)

        def add(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))

        def sample(self, n):
            return random.sample(self.rows, n)
"""


@pytest.mark.parametrize(
    ("imported", "other", "files", "found"),
    [
        ("by_priority", "by_priority.Memory(1000)", ["by_priority.py"], 0),
        ("ranks as by_priority", "by_priority.Memory(1000)", ["ranks.py"], 0),
        ("by_priority", "by_priority.Memory(1000)", [], 1),
        ("ranks", "ranks.Memory(1000)", ["ranks.py"], 1),
        ("by_priority", "memory.Memory(10)", ["by_priority.py"], 1),
    ],
    ids=["not read", "under another name", "nowhere", "not called so", "not used"],
)
def test_what_a_file_that_could_not_be_read_makes_may_be_the_other_way(imported, other, files, found):
    main = UNSEEN.format(imported=imported, other=other)
    texts = {"main.py": main, "memory.py": PLAIN_MEMORY, "settings.py": "RANKED = input()\n"}
    known = [extract(path, textwrap.dedent(text).encode()) for path, text in texts.items()]
    assert len(link(known, Modules([*texts, *files])).buffers) == found


_UNSEEN = """
    import numpy as np
    from trees.sums import Sums


    class Memory:
        def __init__(self, size, mode):
            self.states, self.actions = np.zeros(size), np.zeros(size)
            self.rewards, self.following = np.zeros(size), np.zeros(size)
            self.mode, self.size, self.at = mode, size, 0
            self.sums = Sums(size)

        def add(self, state, action, reward, next_state):
            self.states[self.at], self.actions[self.at] = state, action
            self.rewards[self.at], self.following[self.at] = reward, next_state
            self.sums[self.at] = 1.0
            self.at = (self.at + 1) % self.size

        def sample(self, n):
            if self.mode == 1:
                picked = []
                for i in range(n):
                    found = self.sums.find(np.random.uniform(i, i + 1) * self.sums.total() / n)
                    picked.append(found % self.size)
            else:
                picked = np.random.randint(0, self.size, n)
            return self.states[picked], self.actions[picked], self.rewards[picked], self.following[picked]
    """


def test_rows_at_what_unknown_code_answers_to_a_random_number_may_be_drawn_by_priority(project):
    assert project(_UNSEEN).buffers == []


@pytest.mark.parametrize(
    ("seen", "here"),
    [
        ("self.sums.find(np.random.uniform(i, i + 1) * self.sums.total() / n)", "np.random.uniform(0, self.size)"),
        ("picked.append(found % self.size)", "picked.append(i)"),  # whatever the tree answers, no row is read there
        ("self.sums.find(np.random.uniform(i, i + 1) * self.sums.total() / n)", "self.sums.find(i)"),
    ],
)
def test_rows_that_no_unknown_code_finds_are_drawn_uniformly(project, seen, here):
    assert seen in _UNSEEN
    assert [buffer.kind for buffer in project(_UNSEEN.replace(seen, here)).buffers] == [UNIFORM]


_EARLY = """
    import random


    class Memory:
        def __init__(self, tree, settings):
            self.rows, self.tree, self.settings = [], tree, settings

        def add(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))

        def sample(self, n):
            if self.settings["SWITCH"]:
                return [self.rows[i] for i in self.tree.chosen(n)]
            return random.sample(self.rows, n)
    """


@pytest.mark.parametrize(("switch", "found"), [("prioritised", []), ("small", [UNIFORM])])
def test_a_switch_that_returns_before_the_draw_decides_on_it(project, switch, found):
    assert [buffer.kind for buffer in project(_EARLY.replace("SWITCH", switch)).buffers] == found


AGENTS = """
    import random

    import numpy as np


    class Plain:
        def __init__(self, net):
            self.net, self.rows = net, []

        def update(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))
            self.net.loss(random.sample(self.rows, 8)).backward()


    class Sorted:
        def __init__(self, net):
            self.net, self.rows, self.errors = net, [], []

        def update(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))
            self.errors.append(1.0)
            p = np.array(self.errors) / sum(self.errors)
            drawn = np.random.choice(len(self.rows), 8, p=p)
            losses = self.net.losses([self.rows[i] for i in drawn])
            (losses * (len(self.rows) * p[drawn]) ** -0.4).mean().backward()
            for i, loss in zip(drawn, losses):
                self.errors[i] = float(loss) + 0.1


    def train(env, agent):
        state = env.reset()
        while True:
            action = agent.net(state)
            next_state, reward, done, _ = env.step(action)
            agent.update(state, action, reward, next_state, done)
            state = next_state


    {runs}
"""


@pytest.mark.parametrize(
    ("runs", "found"),
    [
        (
            'agents = {"a": Plain(net), "b": Sorted(net)}\n    for a in agents.values():\n        train(env, a)',
            True,
        ),
        ("for agent in (Plain(net), Sorted(net)):\n        train(env, agent)", True),
        ('agents = {"a": Plain(net), "b": Sorted(net)}\n    train(env, agents[name])', False),
        ("agent = Sorted(net) if sort else Plain(net)\n    train(env, agent)", False),
        ('train(env, {"a": Plain, "b": Sorted}[name](net))', False),
    ],
    ids=["loop", "display", "picked", "ways", "classes"],
)
def test_agents_that_are_all_trained_are_no_choice(project, kinds, runs, found):
    assert kinds(project(AGENTS.replace("{runs}", runs))) == ([UNIFORM] if found else []) + [PRIORITISED]


def test_the_other_way_is_none_where_what_it_makes_is_left_out(project):
    graph = project(
        """
        class Several:
            def sample(self, n):
                return n

        class Plain:
            pass

        memory = Several() if input() else Plain()
        """
    )
    calls = {ir.last_name(site.node.func): (site.path, site.node) for site in graph.events.calls.values()}
    (drawing,) = graph.project.functions
    alternatives = Alternatives(graph, {drawing}, Wrappers(graph, set))
    assert alternatives.has_other_way(*calls["Plain"])
    assert not alternatives.has_other_way(*calls["Plain"], but={calls["Several"][1]})
    assert not alternatives.has_other_way(*calls["Several"])
