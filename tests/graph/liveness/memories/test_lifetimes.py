"""Containers that one episode fills, and classes that nothing names."""

import pytest

from per_audit.graph import UNIFORM
from per_audit.graph.liveness.memories.lifetimes import is_another

GOALS = """
    import random
    from memory import Memory

    def main(env, net, optimizer):
        memory = Memory(100)
        for episode in range(100):
            steps = []
            state, done = env.reset(), False
            while not done:
                action = net.act(state)
                next_state, reward, done, _ = env.step(action)
                steps.append((state, action, reward, next_state, done))
                state = next_state
            for state, action, reward, next_state, done in steps:
                for at in {draw}:
                    goal = steps[at][3]
                    memory.add(state, action, env.reward(next_state, goal), next_state, done)
            loss = net.loss(memory.sample(8))
            loss.backward()
            optimizer.step()
"""
MEMORY = """
    import random

    class Memory:
        def __init__(self, size):
            self.rows, self.size = [], size

        def add(self, *row):
            state, action, reward, next_state, done = row
            if len(self.rows) == self.size:
                self.rows.pop(0)
            self.rows.append((state, action, reward, next_state, done))

        def sample(self, n):
            return random.sample(self.rows, n)
"""


def names(graph):
    return [graph.name_of(buffer) for buffer in graph.buffers]


@pytest.mark.parametrize("draw", ["random.choices(range(len(steps)), k=4)", "random.sample(range(20), 4)"])
def test_goals_out_of_the_episode_just_played(project, draw):
    assert names(project(memory=MEMORY, main_loop=GOALS.format(draw=draw))) == ["Memory"]


@pytest.mark.parametrize(
    ("after", "found"),
    [
        ("    ", [UNIFORM]),  # drawn from while it is filled: a memory for each seed
        ("", []),  # filled, then drawn from: a rollout
    ],
)
def test_what_a_loop_makes_anew(project, after, found):
    graph = project(f"""
    import random

    def main(env, net, optimizer):
        for seed in range(10):
            rows = []
            state = env.reset()
            for step in range(1000):
                action = net.act(state)
                next_state, reward, done, _ = env.step(action)
                rows.append((state, action, reward, next_state, done))
                state = next_state
            {after}loss = net.loss(random.sample(rows, 8))
            {after}loss.backward()
            {after}optimizer.step()
    """)
    assert [buffer.kind for buffer in graph.buffers] == found


OTHER = """
    import random

    class {name}:
        def __init__(self):
            self.kept = []

        def keep(self, state, action, reward, next_state, done):
            self.kept.append((state, action, reward, next_state, done))

        def draw(self, n):
            return super({name}, self) or random.sample(self.kept, n)
"""
LOOP = """
    from memory import Memory
    from other import Spare

    def main(env, net):
        memory = Memory(100)
        while True:
            memory.add(*env.transition())
            net.loss(memory.sample(8)).backward()
"""


def test_a_class_that_is_only_imported_is_no_memory_beside_one_in_use(project):
    assert names(project(memory=MEMORY, other=OTHER.format(name="Spare"), loop=LOOP)) == ["Memory"]


@pytest.mark.parametrize(
    "more",
    ["KINDS = {'spare': Spare}\n", "__all__ = ['Memory', 'Spare']\n", "import other\nMAKE = other.Spare\n"],
)
def test_a_class_that_something_names_may_be_in_use(project, more):
    extra = "from other import Spare\n" + more
    graph = project(memory=MEMORY, other=OTHER.format(name="Spare"), loop=LOOP, kinds=extra)
    assert sorted(names(graph)) == ["Memory", "Spare"]


def test_a_class_alone_is_what_there_is_to_judge(project):
    assert names(project(other=OTHER.format(name="Spare"))) == ["Spare"]


EPISODES = """
    import random

    class Episode:
        def __init__(self):
            self.steps = []

        def push(self, state, action, reward, next_state, done):
            self.steps.append((state, action, reward, next_state, done))

        def sample(self, n):
            return random.sample(self.steps, n)
"""
PLAY = """
    from episode import Episode
    from memory import Memory

    def main(env, net):
        memory = Memory(100)
        episode = Episode()
        while True:
            row = state, action, reward, next_state, done = env.transition()
            memory.add(*row)
            episode.push(*row)
            net.loss(memory.sample(8)).backward()
            net.act(env.action_space.sample())
            {more}
"""


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ("", ["Memory"]),
        ("net.loss(unknown().sample(8)).backward()", ["Episode", "Memory"]),
        ("net.later(episode.sample)", ["Episode", "Memory"]),
        ("net.loss(episode.sample(8)).backward()", ["Episode", "Memory"]),
    ],
)
def test_a_draw_that_no_call_can_mean(project, more, found):
    graph = project(episode=EPISODES, memory=MEMORY, play=PLAY.format(more=more))
    assert sorted(names(graph)) == found


def test_a_draw_whose_name_is_put_together_when_it_runs_may_be_in_use(project):
    dynamic = EPISODES.replace("def sample(", "def sample_{kind}(").format(kind="steps")
    graph = project(episode=dynamic, memory=MEMORY, play=PLAY.format(more="getattr(episode, 'sample_' + 'steps')(8)"))
    assert sorted(names(graph)) == ["Episode", "Memory"]


def test_an_iterator_is_called_without_its_name(project):
    rows = EPISODES.replace("def sample(self, n)", "def __next__(self)").replace("self.steps, n", "self.steps, 8")
    more = "net.loss(next(episode)).backward()\n            super(list, iter([])).__next__()"
    graph = project(episode=rows, memory=MEMORY, play=PLAY.format(more=more))
    assert sorted(names(graph)) == ["Episode", "Memory"]


AGENT = """
    from memory import Memory

    class Agent{bases}:
        def __init__(self, net, optimizer):
            self.net, self.optimizer, self.memory = net, optimizer, Memory(100)

        def act(self, state):
            return self.net(state)

        {decorator}
        def learn(self):
            self.net.loss(self.memory.sample(8)).backward()
            self.optimizer.step()

        def run(self, env):
            self.learn()
"""
MAKES = "    from agent import Agent\n    agent = Agent(net, optimizer)\n"


@pytest.mark.parametrize(
    ("program", "found"),
    [
        ("    agent.act(state)\n", []),
        ("    agent.run(env)\n", ["Memory"]),
        ("    agent.learn()\n", ["Memory"]),
        ("    on_step(agent.learn)\n", ["Memory"]),
        ("    getattr(agent, 'learn')()\n", ["Memory"]),
    ],
)
def test_a_learner_that_nobody_calls(project, program, found):
    agent = AGENT.format(bases="", decorator="")
    assert names(project(memory=MEMORY, agent=agent, main_loop=MAKES + program)) == found


def test_a_training_that_nobody_starts_any_more(project):
    agent = AGENT.format(bases="", decorator="").replace(
        "self.learn()\n", "self.memory.add(*env.transition())\n" + 12 * " " + "self.learn()\n"
    )
    assert names(project(memory=MEMORY, agent=agent, main_loop=MAKES + "    agent.act(state)\n")) == ["Memory"]


@pytest.mark.parametrize(
    ("bases", "decorator"), [("(framework.Agent)", ""), ("", "@framework.each_step"), ("", "@property")]
)
def test_a_learner_that_a_framework_may_call(project, bases, decorator):
    agent = "    import framework\n" + AGENT.format(bases=bases, decorator=decorator)
    assert names(project(memory=MEMORY, agent=agent, main_loop=MAKES + "    agent.act(state)\n")) == ["Memory"]


def test_an_abstract_base_calls_nothing(project):
    agent = "    import abc\n" + AGENT.format(bases="(abc.ABC)", decorator="")
    assert names(project(memory=MEMORY, agent=agent, main_loop=MAKES + "    agent.act(state)\n")) == []


def test_a_learner_of_a_class_that_only_tests_make(project):
    agent = AGENT.format(bases="", decorator="")
    assert names(project(memory=MEMORY, agent=agent)) == ["Memory"]
    assert names(project(memory=MEMORY, agent=agent, tests__test_agent=MAKES)) == ["Memory"]


TIMES = """
    import time
    from memory import Memory

    def main(env, net):
        memory = Memory(100)
        spent = 0.0
        for step in range(1000):
            memory.add(*env.transition())
            start = time.time()
            {draw}
            spent += time.time() - start
        print(spent)
"""


@pytest.mark.parametrize(
    ("draw", "found"),
    [
        ("state, action, reward, next_state, done = memory.sample(8)", []),
        ("state, *rest, done = memory.sample(8)", []),
        ("state, action, reward, next_state, done = memory.sample(8); net(done)", ["Memory"]),
        ("net.state, action, reward = memory.sample(8)", ["Memory"]),
        ("loss = memory.sample(8)", ["Memory"]),
        ("memory.sample(8)", ["Memory"]),
        ("state, *rest, done = memory.sample(8); later(memory.sample)", ["Memory"]),
    ],
)
def test_batches_that_nobody_reads(project, draw, found):
    assert names(project(memory=MEMORY, times=TIMES.format(draw=draw))) == found


HEIR = """
    class Counting(Memory):
        def sample(self, n):
            {sample}
"""
LEARN = """
    from memory import memory

    def main(net):
        net.loss(memory.sample(8)).backward()
"""


@pytest.mark.parametrize(
    ("before", "sample", "after", "found"),
    [
        ("memory = Memory(9)", "return list(self.rows)", "memory = Counting(9)", []),
        ("memory = Memory(9)", "return list(self.rows)", "", ["Memory"]),
        ("memory = Memory(9)\n    print(memory)", "return list(self.rows)", "memory = Counting(9)", ["Memory"]),
        ("memory = Memory(9)", "return list(self.rows)", "memory = Counting(memory)", ["Memory"]),
        ("memory = other = Memory(9)", "return list(self.rows)", "memory = Counting(9)", ["Memory"]),
        ("memory = Memory(9)", "return super().sample(n)", "other = Counting(9)", ["Memory"]),
    ],
)
def test_an_object_that_another_takes_the_place_of(project, before, sample, after, found):
    memory = f"{MEMORY}\n    {before}\n{HEIR.format(sample=sample)}\n    {after}\n"
    assert names(project(memory=memory, learn=LEARN)) == found


PLAYED = """
    import random

    def play(env, policy):
        state, done = env.reset(), False
        states, actions, rewards, dones = [], [], [], []
        while not done:
            action = policy(state)
            states.append(state)
            state, reward, done, _ = env.step(action)
            actions.append(action)
            rewards.append(reward)
            dones.append(done)
        return {"states": states, "actions": actions, "rewards": rewards, "dones": dones}

    def check(env, policy, model):
        {before}
        for trial in range(10):
            {inside}
            states, actions = steps["states"], steps["actions"]
            rewards, dones = steps["rewards"], steps["dones"]
            at = random.randint(0, 100)
            model.loss(states[at], actions[at], rewards[at], dones[at]).backward()
"""


@pytest.mark.parametrize(
    ("before", "inside", "found"),
    [("pass", "steps = play(env, policy)", []), ("steps = play(env, policy)", "pass", [UNIFORM])],
)
def test_what_each_pass_has_made_and_filled_by_a_call_is_no_memory(project, kinds, before, inside, found):
    graph = project(PLAYED.replace("{before}", before).replace("{inside}", inside))
    assert kinds(graph) == found
    assert not [store for buffer in graph.buffers for store in graph.growing_stores(buffer)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("random.sample(rows, 8)", True),
        ("Replay().sample(8)", False),
        ("kept.sample(8)", False),
        ("rng.sample(rows, 8)", True),
        ("unseen.sample(8)", False),
    ],
)
def test_what_a_library_is_asked_for_is_another_thing(project, text, told):
    graph = project(
        f"""
        import random
        from parts.memories import unseen
        class Replay:
            def sample(self, n):
                return n
        rng = random
        def main(kept, rows):
            {text}
        """
    )
    replay = next(cls for cls in graph.project.classes if cls.name == "Replay")
    (mention,) = graph.mentions["sample"]
    assert is_another(graph, mention.path, mention.node, replay.body[0]) == told
