"""Whether a pipeline knows the ends of episodes, and where it looks at those that it has drawn."""

import pytest

from per_audit.facts import ir
from per_audit.graph.episodes import endings, moments

AGENT = """
    import random
    import torch

    class Agent:
        def __init__(self, net, device):
            self.net, self.device, self.rows = net, device, []

        def store(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))

        def own(self, value):
            return value

        def learn(self, env):
            s, a, r, s2, done = zip(*random.sample(self.rows, 32))
            {code}
            self.net.fit(s, a, r, s2)
"""


def learnt(project, code, template=AGENT):
    graph = project(template.replace("{code}", "\n            ".join(code.splitlines())))
    (buffer,) = graph.buffers
    (body,) = [
        body for body in endings.bodies(graph, buffer) if isinstance(body[0], ir.Function) and body[0].name == "learn"
    ]
    return graph, buffer, body


@pytest.mark.parametrize(
    "code",
    [
        "target = r * (1 - done)\nself.own(target)",
        "target = r if done else s2\nself.own(target)",
        "while done: pass",
        "keep = ~torch.tensor(done)\nself.own(keep)",
        "mask = torch.logical_not(done)\nself.own(mask[0])",
        "last = done == 1\nreturn last",
        "q = s2\nq[done] = 0",
        "q = s2.masked_fill(done, 0)\nself.own(q)",
        "q = [x for x in s2 if x is not None]",
        "keep = []\nkeep.append(0.0 if done[0] else 1.0)\nself.own(keep)",
        "w = (2 * r[0]) ** -self.beta\ny = 0 if done[0] else w\nself.own(y)",
    ],
)
def test_computing_with_a_drawn_end_or_testing_it_is_looking_at_it(project, code):
    graph, _, body = learnt(project, code)
    assert endings.looks_at_ends(graph, body, drawn_only=True)


@pytest.mark.parametrize(
    "code",
    [
        "pass",
        "done = torch.tensor(done)",
        "done = torch.FloatTensor(done).to(self.device).view(-1, 1)",
        "d = self.own(done)",
        "self.done = torch.as_tensor(done).float()",
        "batch = (s, a, r, s2, done)",
        "batch = dict(s=s, a=a, done=done)",
        "return done",
        "del done",
        "first = done[0]\ndone = first",
        "keep = []\nfor end in done: keep.append(0.0 if end else 1.0)\nkeep = torch.tensor(keep)",
        "mask = 1 - torch.tensor(done)",
        "w = [(2 * share) ** -self.beta if share > 0 else 0 for share in a]\nself.own(w)",
        "q = self.net(s2)[:, self.net.action_mask]\nself.own(q)",
    ],
)
def test_converting_a_drawn_end_and_handing_it_on_is_not(project, code):
    graph, _, body = learnt(project, code)
    assert not endings.looks_at_ends(graph, body, drawn_only=False)


def test_the_end_of_the_step_that_is_taken_here_is_not_a_drawn_one(project):
    code = "state, reward, over, info = env.step(0)\nif over: env.reset()"
    graph, _, body = learnt(project, code)
    assert not endings.looks_at_ends(graph, body, drawn_only=False)


def test_a_name_alone_counts_unless_the_value_must_be_drawn(project):
    graph, _, body = learnt(project, "return 1 - self.net.terminal")
    assert endings.looks_at_ends(graph, body, drawn_only=False)
    assert not endings.looks_at_ends(graph, body, drawn_only=True)


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("non_final_mask", True),
        ("is_last", True),
        ("batch['terminated']", True),
        ("batch.done", True),
        ("batch['reward']", False),
        ("final_layer_reward", True),
        ("last_layer", False),
        ("discount", False),
        ("reward", False),
    ],
)
def test_what_tells_an_end(project, text, known):
    graph = project(f"shown = {text}")
    node = graph.module("main.py").body[0].value
    assert endings.is_end(graph, node) is known


def test_a_discount_tells_an_end_only_where_it_was_drawn(project):
    graph, _, (_, _, statements) = learnt(
        project, "s, a, r, s2, discount = random.sample(self.rows, 32)[0]\nx = discount"
    )
    (drawn,) = [
        n for n in ir.walk(*statements) if isinstance(n, ir.Name) and n.id == "discount" and moments.is_drawn(graph, n)
    ][-1:]
    assert endings.is_end(graph, drawn)


@pytest.mark.parametrize(
    ("code", "known"),
    [
        ("if done[0]:\n    self.net(s)", True),
        ("while r[0] > 0:\n    self.net(s)", True),
        ("if self.device:\n    self.net(s)", False),
        ("for _ in done:\n    self.net(s)", False),
        ("if done[0]:\n    def inner(): self.net(s)", False),
        ("self.net(s)", False),
    ],
)
def test_a_branch_taken_by_what_was_drawn(project, code, known):
    graph, _, (_, path, statements) = learnt(project, code)
    (node,) = [n for n in ir.walk(*statements) if graph.source(path, n) == "self.net(s)" and isinstance(n, ir.Call)]
    assert endings.is_conditional(graph, path, node) is known


SCRIPT = """
    import random
    import gymnasium as gym

    env = gym.make("{task}")
    rows, s = [], env.reset()
    for t in range(1000):
        s2, r, done, info = env.step(0)
        rows.append((s, 0, r, s2))
        s = env.reset() if done else s2
        for before, a, reward, after in random.sample(rows, 32):
            model.fit(before, reward + 0.9 * model.predict(after))
"""


@pytest.mark.parametrize(
    ("task", "known"),
    [("CartPole-v1", True), ("Pendulum-v1", False), ("robotics/FetchReach-v2", False), ("MyPendulum-v0", True)],
)
def test_tasks_without_a_terminal_state_have_no_ends(project, task, known):
    graph = project(SCRIPT.replace("{task}", task))
    (buffer,) = graph.buffers
    found = endings.observed(graph, buffer)
    assert (found is not None) is known
    if found is not None:
        assert (found[0], graph.source(*found)) == ("main.py", "done")


def test_the_top_level_of_a_script_is_a_body(project):
    graph = project(SCRIPT.replace("{task}", "CartPole-v1"))
    (buffer,) = graph.buffers
    assert [(function, path) for function, path, _ in endings.bodies(graph, buffer)] == [(None, "main.py")]


@pytest.mark.parametrize(("fields", "known"), [("s, a, r, s2, done", True), ("s, a, r, s2", False)])
def test_stored_ends(project, fields, known):
    graph = project(
        f"""
        import random

        rows = []

        def add(s, a, r, s2, done):
            rows.append(({fields}))

        def draw():
            return random.sample(rows, 8)
        """
    )
    (buffer,) = graph.buffers
    assert endings.stored(buffer) is known


def test_the_environment_may_be_stepped_far_outside(project):
    graph = project(
        """
        import random

        class Memory:
            def __init__(self): self.rows = []
            def add(self, row): self.rows.append(row)
            def sample(self): return random.sample(self.rows, 8)

        class Agent:
            def __init__(self): self.memory = Memory()
            def remember(self, state, reward, next_state): self.memory.add((state, reward, next_state))

        def episode(agent, env, s):
            s2, r, done, info = env.step(0)
            agent.remember(s, r, s2)
            if done:
                return

        episode(Agent(), make(), 0)
        Agent().memory.sample()
        """
    )
    (buffer,) = graph.buffers
    found = endings.observed(graph, buffer)
    assert found is not None
    assert graph.source(*found) == "done"


@pytest.mark.parametrize(("learner", "endless"), [("maze.py", False), ("pendulum.py", True), ("other.py", True)])
def test_what_ends_is_asked_of_the_environment_that_the_learner_meets(project, learner, endless):
    text = """
        class Learner:
            def __init__(self, env): self.env = env
            def learn(self): self.env.step(0)
        """
    graph = project(
        maze=text,
        pendulum=text,
        other=text,
        run_maze="""
        from maze import Learner

        class Maze:
            def reset(self): return 0.0
            def step(self, action): return 0.0, 1.0, action == 1, {}

        Learner(Maze()).learn()
        """,
        run_pendulum="""
        import gym
        from pendulum import Learner

        Learner(gym.make("Pendulum-v1")).learn()
        """,
    )
    (learn,) = [s for s in graph.module(learner).body[0].body if s.name == "learn"]
    assert endings.is_endless(graph, learner, learn) is endless
