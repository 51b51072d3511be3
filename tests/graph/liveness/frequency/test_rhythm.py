"""How often a place is run."""

import pytest

from per_audit.facts import ir
from per_audit.graph.liveness.frequency.rhythm import Rhythm, rhythm_of

AGENT = """
    import argparse

    class Agent:
        def __init__(self, memory, every=8):
            self.memory, self.every, self.count = memory, every, 0

        def observe(self, row):
            self.memory.append(row)
            {observe}

        def learn(self):
            self.memory.sample(32)

    parser = argparse.ArgumentParser()
    parser.add_argument("--period", type=int, default=20)
    args = parser.parse_args()

    def wait(env):
        for _ in range(50):
            env.step(0)

    def explore(env, policy):
        action = policy(env)
        for _ in range(4):
            env.step(action)

    def play(env, policy):
        done = False
        while not done:
            row, done = env.step(policy(env))

    def collect(env, policy):
        for _ in range(32):
            row, done = env.step(policy(env))

    def train(env, policy, agent, steps=1_000):
        {train}

    train(Env(), Policy(), Agent(Memory(), 8))
"""
STEPS = "for step in range(steps):\n    row, done = env.step(policy(row))\n    "
ROUNDS = (
    "while steps:\n    for _ in range({count}):\n        row, done = env.step(policy(row))\n"
    "        if done:\n            {ends}\n    agent.learn()"
)
REPEATED = (
    "while steps:\n    action = policy(row)\n    for _ in range(4):\n        row, done = env.step({action})\n"
    "        if done:\n            break\n    agent.learn()"
)
OBSERVED = STEPS + "agent.observe(row)"


@pytest.mark.parametrize(
    ("observe", "train", "expected"),
    [
        ("self.learn()", OBSERVED, ""),
        ("pass", STEPS + "if step % 500 == 0:\n        agent.learn()", "once in 500 steps"),
        ("pass", STEPS + "if done and step % 500 == 0:\n        agent.learn()", "once in 500 steps"),
        ("pass", STEPS + "if not step % args.period:\n        agent.learn()", "once in 20 steps"),
        ("pass", STEPS + "if step % 500 == 0:\n        pass\n    else:\n        agent.learn()", ""),
        ("pass", STEPS + "if step % policy.every == 0:\n        agent.learn()", ""),
        (
            "self.count = (self.count + 1) % self.every\nif self.count == 0:\n    self.learn()",
            OBSERVED,
            "once in 8 steps",
        ),
        (
            "self.count += 1\nif self.count == self.every:\n    self.learn()\n    self.count = 0",
            OBSERVED,
            "once in 8 steps",
        ),
        (
            "self.count += 1\nif self.memory and self.count >= self.every:\n    self.count = 0\n    self.learn()",
            OBSERVED,
            "once in 8 steps",
        ),
        ("self.count += 1\nif self.count >= self.every:\n    self.learn()", OBSERVED, ""),
        ("self.count += row.n\nif self.count >= self.every:\n    self.learn()\n    self.count = 0", OBSERVED, ""),
        (
            "for _ in row:\n    self.count += 1\nif self.count >= self.every:\n    self.learn()\n    self.count = 0",
            OBSERVED,
            "",
        ),
        (
            "pass",
            "n = 0\n" + STEPS + "n += 1\n    if n == 60:\n        agent.learn()\n        n = 0",
            "once in 60 steps",
        ),
        (
            "pass",
            "n = 0\n" + STEPS + "n += 1\n    if n == 60 or done:\n        agent.learn()\n        n = 0",
            "",
        ),
        ("self.count += 1\nif self.count % self.every:\n    return\nself.learn()", OBSERVED, "once in 8 steps"),
        ("self.count += 1\nif self.count % self.every != 0:\n    return 0\nself.learn()", OBSERVED, "once in 8 steps"),
        ("self.count += 1\nif self.count % self.every == 0:\n    return\nself.learn()", OBSERVED, ""),
        (
            "pass",
            STEPS + "if step % 40 == 0:\n        for _ in range(4):\n            agent.learn()",
            "4 times in 40 steps",
        ),
        ("pass", STEPS + "if step % 40 == 0:\n        for _ in range(row.n):\n            agent.learn()", ""),
        ("pass", STEPS + "if step % 40 == 0:\n        for _ in range(40):\n            agent.learn()", ""),
        ("pass", STEPS + "if done:\n        agent.learn()", "once an episode"),
        ("pass", STEPS + "if done or row.truncated:\n        agent.learn()", "once an episode"),
        ("pass", STEPS + "if not done:\n        agent.learn()", ""),
        ("pass", STEPS + "if done:\n        for _ in range(50):\n            agent.learn()", "50 times an episode"),
        ("pass", "for episode in range(9):\n    play(env, policy)\n    agent.learn()", "once an episode"),
        (
            "pass",
            "while steps:\n    explore(env, policy)\n    if steps % 50 == 0:\n        agent.learn()",
            "once in 50 steps",
        ),
        ("pass", "while steps:\n    wait(env)\n    agent.learn()", ""),
        # side by side, one after the other in each step, and an evaluation now and then
        ("pass", "while steps:\n    for i in range(4):\n        envs[i].step(policy(i))\n    agent.learn()", ""),
        ("pass", "while steps:\n    for player in players:\n        env.step(player.act())\n    agent.learn()", ""),
        ("pass", OBSERVED + "\n    agent.learn()\n    while steps % 9 == 0:\n        env.step(policy(row))", ""),
        (
            "pass",
            "while steps:\n    wait(env)\n    agent.learn()\n    if steps % 9 == 0:\n        play(env, policy)",
            "",
        ),
        (
            "pass",
            "while steps:\n    agent.learn()\n    if steps % 9 == 0:\n        while 1:\n            env.step(row)",
            "",
        ),
        (
            "pass",
            "for episode in range(9):\n    while steps:\n        env.step(policy(row))\n    agent.learn()",
            "once an episode",
        ),
        ("pass", ROUNDS.format(ends="pass", count=64), "once in 64 steps"),
        ("pass", ROUNDS.format(ends="pass", count="policy.n"), "once in `policy.n` steps"),
        ("pass", ROUNDS.format(ends="break", count=64), "once an episode"),
        ("pass", "while steps:\n    collect(env, policy)\n    agent.learn()", "once in 32 steps"),
        # several episodes or rounds in each pass
        (
            "pass",
            "while steps:\n    for _ in range(2):\n        play(env, policy)\n"
            "    for _ in range(40):\n        agent.learn()",
            "40 times in 2 episodes",
        ),
        (
            "pass",
            "while steps:\n    rows = [play(env, policy) for _ in range(16)]\n    agent.learn()",
            "once in 16 episodes",
        ),
        (
            "pass",
            "while steps:\n    for _ in range(3):\n        while True:\n            row, done = env.step(policy(row))\n"
            "            if done:\n                break\n    agent.learn()",
            "once in 3 episodes",
        ),
        (
            "pass",
            "while steps:\n    for each in envs:\n        play(each, policy)\n    agent.learn()",
            "once an episode",
        ),
        (
            "pass",
            "while steps:\n    for _ in range(2):\n        collect(env, policy)\n    agent.learn()",
            "once in 64 steps",
        ),
        (
            "pass",
            "for episode in range(9):\n    play(env, policy)\n    if episode % 4 == 0:\n        agent.learn()",
            "once in 4 episodes",
        ),
        # an action that is repeated, in whatever form, until the episode ends
        ("pass", REPEATED.format(action="np.array(TABLE[action], dtype=np.float32)"), ""),
        ("pass", REPEATED.format(action="action.cpu().numpy()"), ""),
        ("pass", REPEATED.format(action="[int(action)]"), ""),
        ("pass", REPEATED.format(action="np.array(policy(row))"), "once an episode"),
        ("pass", REPEATED.format(action="policy.act()"), "once an episode"),
        ("pass", REPEATED.format(action="np.array(TABLE[row])"), "once an episode"),
    ],
)
def test_the_rhythm_of_a_draw(project, observe, train, expected):
    graph = project(
        AGENT.format(observe=observe.replace("\n", "\n            "), train=train.replace("\n", "\n        "))
    )
    calls = (n for n in ir.walk(*graph.module("main.py").body) if isinstance(n, ir.Call))
    (node,) = (n for n in calls if isinstance(n.func, ir.Attr) and n.func.attr == "sample")
    assert str(rhythm_of(graph, "main.py", node)) == expected


@pytest.mark.parametrize(
    ("rhythm", "cost"),
    [
        (Rhythm(), 600.0),
        (Rhythm(1, 500), 1.2),
        (Rhythm(4, 40), 60.0),
        (Rhythm(2, 1, episode=True), 12.0),
        (Rhythm(50, 1, episode=True), 30_000.0),
        (Rhythm(40, 2, episode=True), 12_000.0),
        (Rhythm(8, 2, episode=True), 24.0),
        (Rhythm(2, counted="n"), 0.0),
        (Rhythm(50, counted="n"), 30_000.0),
    ],
)
def test_what_a_cost_is_for_each_step(rhythm, cost):
    assert rhythm.a_step(600.0) == pytest.approx(cost)


@pytest.mark.parametrize(
    ("test", "reset", "expected"),
    [
        ("count == 64", "count = 0", "once in 64 steps"),
        ("count % 64 == 0", "pass", "once in 64 steps"),
        ("env", "pass", ""),
    ],
)
def test_a_loop_that_stores_what_its_own_simulation_gives(project, test, reset, expected):
    graph = project(f"""
    import random
    from collections import deque

    class Memory:
        def __init__(self):
            self.rows = deque(maxlen=100_000)

        def push(self, *row):
            self.rows.append(row)

        def sample(self, n):
            return random.sample(self.rows, n)

    def train(board, net):
        memory, count, state = Memory(), 0, board.start()
        while net.wants():
            action = net.act(state)
            next_state, reward, done = board.choose(action)
            memory.push(state, action, reward, next_state, done)
            state = next_state
            count += 1
            if {test}:
                net.fit(memory.sample(32))
                {reset}
    """)
    (buffer,) = graph.buffers
    assert str(rhythm_of(graph, buffer.path, buffer.draws[0])) == expected


@pytest.mark.parametrize(
    ("inner", "end", "expected"),
    [
        ("while not over", "pass", "once an episode"),
        ("while not over and len(memory.rows) < 9_000", "pass", "once an episode"),
        ("while True", "if over: break", "once an episode"),
        ("while net.wants()", "pass", ""),
        ("for board in boards", "pass", ""),
    ],
)
def test_the_games_of_a_simulation_with_a_move_of_its_own(project, inner, end, expected):
    graph = project(f"""
    import random
    from collections import deque

    class Memory:
        def __init__(self):
            self.rows = deque(maxlen=100_000)

        def push(self, *row):
            self.rows.append(row)

        def sample(self, n):
            return random.sample(self.rows, n)

    def train(board, boards, net):
        memory = Memory()
        for game in range(9_000):
            state, over = board.start(), False
            {inner}:
                action = net.act(state)
                next_state, reward, over = board.move(1, action)
                memory.push(state, action, reward, next_state, over)
                state = next_state
                {end}
            net.fit(memory.sample(32))
    """)
    (buffer,) = graph.buffers
    assert str(rhythm_of(graph, buffer.path, buffer.draws[0])) == expected


@pytest.mark.parametrize(
    ("others", "expected"),
    [("", "once in 8 steps"), ("Agent(Memory(), 2)", "once in 2 steps"), ("Agent(Memory(), 1)", "")],
)
def test_the_most_frequent_of_several_rhythms(project, others, expected):
    observe = "self.count += 1\n            if self.count % self.every == 0:\n                self.learn()"
    graph = project(AGENT.format(observe=observe, train=OBSERVED.replace("\n", "\n        ")) + f"    {others}\n")
    (site,) = (site for site in graph.events.calls.values() if getattr(site.node.func, "attr", "") == "sample")
    assert str(rhythm_of(graph, site.path, site.node)) == expected


def test_what_a_trial_at_the_end_of_a_file_does_is_done_once_a_run(project):
    trial = "agent = Agent(Memory(), 8)\n    for _ in range(100):\n        agent.learn()\n"
    train = OBSERVED.replace("\n", "\n        ")
    graph = project(AGENT.format(observe="self.learn()", train=train) + f"    {trial}")
    (site,) = (site for site in graph.events.calls.values() if getattr(site.node.func, "attr", "") == "sample")
    assert rhythm_of(graph, site.path, site.node) == Rhythm()
