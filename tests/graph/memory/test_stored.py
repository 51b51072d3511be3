"""How many transitions the loops of a program store at most."""

import pytest

from per_audit.facts import extract
from per_audit.graph import link
from per_audit.graph.memory.stored import is_seldom_full, never_full, once_full, room_of, stored_at_most

PROGRAM = """import argparse, random
from collections import deque
import gymnasium as gym
import gymnasium

parser = argparse.ArgumentParser()
parser.add_argument("-episodes", type=int, default=40)
args = parser.parse_args()

class Past:
    def __init__(self, limit):
        self.rows = deque(maxlen=limit)

    def keep(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def some(self, n):
        return random.sample(self.rows, n)

def train(model, steps=5_000):
    env = gym.make("CartPole-v1")
    past, state, step = Past(30_000), env.reset(), 0
    {loop}
        action = model.act(state)
        next_state, reward, done, _ = env.step(action)
        past.keep(state, action, reward, next_state, done)
        state = next_state
        step += 1
        model.fit(past.some(32))
        {after}
"""
EPISODES = "for episode in range({}):\n      done = False\n      {}:"
GAMES = "if {}:\n            {}\n            games.append(0)\n        if len(games) > {}: break"


@pytest.mark.parametrize(
    ("loop", "after", "most"),
    [
        ("for step in range(20_000):", "", 20_000),
        ("for step in range(40_000):", "", None),
        (EPISODES.format(40, "while not done"), "", 20_000),
        (EPISODES.format(80, "while not done"), "", None),
        (EPISODES.format("args.episodes", "while True"), "if done: break", 20_000),
        (EPISODES.format("args.episodes", "while True"), "if done:\n          env.reset()\n          break", 20_000),
        (EPISODES.format(40, "while True"), "if done: env.reset()\n        if done and model.ends(): break", None),
        (EPISODES.format(40, "while model.wants()"), "", None),
        ("while step < steps:", "", 5_000),
        ("while step < steps:\n      for _ in model.turns():", "", 5_000),
        ("while step != steps:", "", 5_000),
        ("while step != steps:", "step += 1", 5_000),
        ("while step != steps:\n      for _ in model.turns():", "", 5_000),
        ("while step < steps * model.more():", "", None),
        ("while True:", "", None),
        ("while True:", "if step >= steps: break", 5_001),
        ("while True:", "if model.ends() or step > 20_000: break", 20_001),
        ("while True:", "if model.ends() and step > steps: break", None),
        ("while True:", "if step % steps == 0: break", 5_001),
        ("while True:", "if step % steps == 1: break", None),
        ("while True:", "if step > steps: break\n        if done: step = 0", None),
        ("while True:", "if done: continue\n        if step >= steps: break", None),
        ("while True:", GAMES.format("done or step >= 100", "step = 0", 50), 101 * 51),
        ("while True:", GAMES.format("done or step >= 100", "step = 0", 400), None),
        ("while True:", GAMES.format("done and step >= 100", "step = 0", 50), None),
        ("while True:", GAMES.format("done or step >= 100", "pass", 50), None),
        ("while True:", GAMES.format("done or step >= 100", "step = 0; games.clear()", 50), None),
        ("for state in model.states():", "", None),
        ("for step in range(60_000 // 2):", "", 30_000),
        ("for step in range(40_000 - steps):", "", None),
        ("for step in range(40_000 - 2 * steps):", "", 30_000),
        ("turns = range(1, 30_001)\n    for step in turns:", "", 30_000),
        ("bar = model.bar(range(20_000), unit=1)\n    for step in bar:", "", 20_000),
        ("for step in range(10_000, 50_000, 2):", "", 20_000),
        ("turns = range(9)\n    turns = model.turns()\n    for step in turns:", "", None),
        (EPISODES.format(40, "while not (done or step > 9)"), "", 20_000),
        (EPISODES.format(40, "while not done and model.wants()"), "", 20_000),
        (EPISODES.format(40, "while not (done and model.ends())"), "", None),
        (EPISODES.format(40, "while not done and step < 200"), "", 8_000),
        (EPISODES.format(40, "while step < 900 and not done"), "", 20_000),
        (EPISODES.format(40, "while model.wants() and step < 200"), "", 8_000),
        (EPISODES.format(40, "while model.wants() and step < 200"), "if done: step = 0", None),
        (EPISODES.format(40, "while model.wants() or step < 200"), "", None),
        ("while step < steps:", "if done: step = 0", None),
        (EPISODES.format(40, "while True"), "if done and model.ends(): break", None),
        (EPISODES.format(40, "while True"), "if done or model.ends(): break", 20_000),
        (EPISODES.format(40, "while True"), "if done is True: break", 20_000),
        (EPISODES.format(40, "for turn in range(3_000)"), "if done: break", 20_000),
        (EPISODES.format(40, "for turn in range(100)"), "if done: break", 4_000),
        (EPISODES.format(40, "for turn in range(3_000)"), "if done: env.reset()", None),
        ("for game in range(3_000):\n      while True:", "if done: break", None),
        (EPISODES.format(90, "for turn in count()"), "if turn >= 200: done = True\n        if done: break", 90 * 201),
        (EPISODES.format(90, "for turn in count()"), "if done: break\n        if turn >= 200: done = True", None),
        (EPISODES.format(90, "for turn in count()"), "if turn >= 200: done = False\n        if done: break", None),
        (EPISODES.format(90, "for turn in count(9)"), "if turn >= 200: done = True\n        if done: break", None),
        (EPISODES.format(40, "while True"), "over = done or model.ends()\n        if over: break", 20_000),
        (EPISODES.format(40, "while True"), "over, last = done or model.ends(), step\n        if over: break", 20_000),
        (EPISODES.format(40, "while True"), "last, over = done or model.ends(), step\n        if over: break", None),
    ],
)
def test_the_loops_of_a_program(loop, after, most):
    text = PROGRAM.format(loop=loop, after=after)
    graph = link([extract("train.py", text.encode())])
    (buffer,) = graph.buffers
    assert never_full(graph, buffer) == most


@pytest.mark.parametrize(
    ("loop", "after", "seldom"),
    [
        (EPISODES.format(150, "while not done"), "", True),
        (EPISODES.format(151, "while not done"), "", False),
        (EPISODES.format(150, "for turn in count()"), "if done: break", True),
        (EPISODES.format(150, "while model.wants()"), "", False),
        ("while True:", "if model.ends(): break", False),
        ("for step in range(40_000):", "", False),
    ],
)
def test_episodes_that_are_too_few_for_a_memory(loop, after, seldom):
    text = PROGRAM.format(loop=loop, after=after).replace("CartPole-v1", "Own-v0")
    graph = link([extract("train.py", text.encode())])
    (buffer,) = graph.buffers
    assert is_seldom_full(graph, buffer) is seldom


@pytest.mark.parametrize(
    ("loop", "after", "said"),
    [
        ("for step in range(40_000):", "", " of the 40,000 that a run stores at most unless told otherwise"),
        ("while True:", "", ""),
        ("while True:", "for _ in model.turns():\n          break", ""),
        ("while True:", "if model.ends(): break", "; whether a run stores more is not known here"),
        ("while True:", "for _ in model.turns():\n          return", "; whether a run stores more is not known here"),
        ("while model.wants():", "", "; whether a run stores more is not known here"),
        (EPISODES.format(40, "while model.wants()"), "", "; whether a run stores more is not known here"),
    ],
)
def test_when_a_memory_begins_to_forget(loop, after, said):
    text = PROGRAM.format(loop=loop, after=after) + "\n\ntrain(model)\n"
    graph = link([extract("train.py", text.encode())])
    (buffer,) = graph.buffers
    assert once_full(graph, buffer, "30,000") == f"once it holds 30,000{said}"
    assert once_full(graph, buffer, None).startswith("once it is full")


def test_a_time_limit_is_told_by_the_second_flag_of_two():
    mosts = []
    for flag in ("cut", "done"):
        text = PROGRAM.format(loop=EPISODES.format(40, f"while not {flag}"), after="")
        text = text.replace("next_state, reward, done, _", "next_state, reward, done, cut, _")
        (buffer,) = (graph := link([extract("train.py", text.encode())])).buffers
        mosts.append(never_full(graph, buffer))
    assert mosts == [20_000, None]


@pytest.mark.parametrize(
    ("returned", "is_seldom"),
    [("s, 0.0, s > 9, {}, 1.0", True), ("s, 0.0, s > 9, False, {}", True), ("s, 0.0, s > 9, s > 90, {}", False)],
)
def test_a_step_of_ones_own_may_give_other_things_behind_its_only_flag(returned, is_seldom):
    own = "class Own:\n    def reset(self): return 0\n"
    own += f"    def step(self, action):\n        s = action + 1\n        return {returned}\n\n"
    text = PROGRAM.format(loop=EPISODES.format(40, "while not done"), after="")
    text = text.replace('gym.make("CartPole-v1")', "Own()").replace("reward, done, _ =", "reward, done, _, _ =")
    (buffer,) = (graph := link([extract("train.py", (own + text).encode())])).buffers
    assert is_seldom_full(graph, buffer) is is_seldom


HELD = """import random
from collections import deque

class Agent{base}:
    def __init__(self):
        self.rows = deque(maxlen=30_000)

    def put(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    {decorator}
    def remember(self, state, action, reward, next_state, done):
        self.put(state, action, reward, next_state, done)

    def learn(self, model):
        model.fit(random.sample(self.rows, 32))

def train(env, model):
    agent = Agent()
    for step in range(20_000):
        next_state, reward, done, _ = env.step(model.act())
        agent.put(step, 0, reward, next_state, done)
        agent.learn(model)
        {call}
"""


@pytest.mark.parametrize(
    ("base", "decorator", "call", "most"),
    [
        ("", "", "", 20_000),
        ("(object)", "", "", 20_000),
        ("(Callback)", "", "", None),  # of whoever calls that
        ("", "@hook", "", None),
        ("", "", "model.tell(agent.remember)", None),
        ("", "", "getattr(agent, 'remember')(*model.row())", None),
    ],
)
def test_a_method_that_is_named_nowhere_stores_nothing(base, decorator, call, most):
    text = HELD.format(base=base, decorator=decorator, call=call)
    graph = link([extract("train.py", text.encode())])
    assert [never_full(graph, buffer) for buffer in graph.buffers] == [most]


def test_an_environment_that_is_an_option_of_the_command_line():
    text = PROGRAM.format(loop=EPISODES.format(40, "while not done"), after="")
    text = text.replace("args =", 'parser.add_argument("-env", default="CartPole-v0")\nargs =')
    text = text.replace('"CartPole-v1"', "args.env")
    graph = link([extract("train.py", text.encode())])
    assert [never_full(graph, buffer) for buffer in graph.buffers] == [40 * 200]


@pytest.mark.parametrize(
    ("store", "most"),
    [
        ("self.rows.extend([(state, action, reward, next_state, done)] * 4)", None),
        ("self.rows.append(None)\n        self.rows[-1] = (state, action, reward, next_state, done)", 5_000),
    ],
)
def test_what_lengthens_a_container(store, most):
    text = PROGRAM.format(loop="while step < steps:", after="")
    text = text.replace("self.rows.append((state, action, reward, next_state, done))", store)
    graph = link([extract("train.py", text.encode())])
    assert [never_full(graph, buffer) for buffer in graph.buffers] == [most]


FRESH = """import random
from collections import deque

class Past:
    def __init__(self, limit):
        self.rows = deque(maxlen=limit)

    def keep(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def some(self, n):
        return random.sample(self.rows, n)

def train(model, env, past):
    state = env.reset()
    for step in range(6_000):
        action = model.act(state)
        next_state, reward, done, _ = env.step(action)
        past.keep(state, action, reward, next_state, done)
        state = next_state
        model.fit(past.some(32))

def main(model, env):
    {before}
    for task in range(5):
        {inside}
        train(model, env, past)
"""


@pytest.mark.parametrize(
    ("before", "inside", "most"),
    [
        ("pass", "past = Past(10_000)", 6_000),
        ("past = Past(10_000)", "pass", None),
        ("past = Past(30_000)", "pass", 30_000),
        ("past = Past(10_000)", "if task == 3: past = Past(10_000)", None),
        ("pass", "past = Past(5_000)", None),
    ],
)
def test_a_loop_that_begins_another_buffer_fills_each_with_one_pass(before, inside, most):
    graph = link([extract("train.py", FRESH.format(before=before, inside=inside).encode())])
    (buffer,) = graph.buffers
    assert never_full(graph, buffer) == most


PAST = PROGRAM.split("def train")[0]
AGENT = """
class {name}:
    def __init__(self, {given}):
        self.past = {made}

    def run(self, model, env, steps):
        for step in range(steps):
            next_state, reward, done, _ = env.step(model.act())
            self.past.keep(step, 0, reward, next_state, done)
            model.fit(self.past.some(32))
"""
START = """
def main(model, env):
    shared = Past(30_000)
    {name}({given}).run(model, env, {steps})
"""


@pytest.mark.parametrize(("given", "made", "most"), [("", "Past(30_000)", 20_000), ("past", "past", None)])
def test_objects_of_several_classes_with_a_buffer_each(given, made, most):
    text = PAST
    for name, steps in (("First", 20_000), ("Second", 15_000)):
        text += AGENT.format(name=name, given=given, made=made)
        start = START.format(name=name, given="shared" if given else "", steps=steps)
        text += start.replace("main", f"main_{name}") if not given else ""
    if given:
        text += START.format(name="First", given="shared", steps=20_000)
        text += "    Second(shared).run(model, env, 15_000)\n"
    graph = link([extract("train.py", text.encode())])
    assert [never_full(graph, buffer) for buffer in graph.buffers] == [most]


def test_programs_with_a_buffer_each():
    steps = "from past import Past, play\npast = Past(30_000)\nfor step in range({}):\n    play(past, step)\n"
    play = """
def play(past, step):
    next_state, reward, done, _ = env.step(model.act())
    past.keep(step, 0, reward, next_state, done)
    model.fit(past.some(32))
"""
    starts = [extract(f"start_{count}.py", steps.format(count).encode()) for count in (20_000, 15_000)]
    graph = link([extract("past.py", (PAST + play).encode()), *starts])
    assert [never_full(graph, buffer) for buffer in graph.buffers] == [20_000]


def test_a_method_that_somebody_else_calls():
    text = PROGRAM.split("def train")[0]
    graph = link([extract("train.py", text.encode())])
    assert [never_full(graph, buffer) for buffer in graph.buffers] == [None]


def test_who_is_given_a_function_calls_it_as_often_as_he_likes():
    kept = """import random, socket_server
from collections import deque

past = deque(maxlen=1_000)

{before}def seen(state, action, reward, next_state, done):
    past.append((state, action, reward, next_state, done))

def learn(model):
    model.fit(random.sample(past, 32))

{after}
"""
    mosts = []
    for before, after in (("", ""), ("@socket_server.on('state')\n", ""), ("", "socket_server.serve(seen)")):
        graph = link([extract("train.py", kept.format(before=before, after=after).encode())])
        mosts += [never_full(graph, buffer) for buffer in graph.buffers]
    assert mosts == [1, None, None]


FIRST = """
def first(env, past):
    for step in range(100):
        past.keep(env.reset(), 0, 0.0, env.reset(), False)

def second(env, past):
    for step in range(40):
        past.keep(env.reset(), 1, 0.0, env.reset(), False)

def main(env, model, how):
    past = Past(30_000)
    {calls}
    model.fit(past.some(32))

main(make(), net(), ask())
"""
ONE, TWO = "\n        first(env, past)", "\n        first(env, past)\n        first(env, past)"


@pytest.mark.parametrize(
    ("calls", "most"),
    [
        (f"if True:{TWO}", 200),
        (f"if how:{ONE}\n    else:{ONE}", 100),
        (f"if how:{ONE}\n    else:\n        second(env, past)", 100),
        (f"if how:{ONE}\n    second(env, past)", 140),
        (f"if how:{ONE}\n    if not how:{ONE}", 200),
        (f"if how == 1:{ONE}\n    elif how:{TWO}\n    else:{ONE}\n    first(env, past)", 300),
    ],
)
def test_of_the_branches_of_a_test_one_is_taken(calls, most):
    text = PROGRAM.split("def train")[0] + FIRST.format(calls=calls)
    graph = link([extract("train.py", text.encode())])
    assert [never_full(graph, buffer) for buffer in graph.buffers] == [most]


def test_tests_are_no_runs_of_the_program():
    text = PROGRAM.split("def train")[0]
    tried = """from train import Past

def test_keep():
    past = Past(30_000)
    for number in range(10):
        past.keep(number, 0, 0.0, number + 1, False)
    assert len(past.some(2)) == 2
"""
    graph = link([extract("train.py", text.encode()), extract("tests/test_train.py", tried.encode())])
    assert [never_full(graph, buffer) for buffer in graph.buffers] == [None]


@pytest.mark.parametrize(
    "made", ['gym.make("CartPole-v1", max_episode_steps=9_000)', 'gym.make("CartPole-v1").unwrapped']
)
def test_an_environment_with_a_limit_of_its_own_or_none(made):
    text = PROGRAM.format(loop=EPISODES.format(40, "while not done"), after="")
    text = text.replace('gym.make("CartPole-v1")', made)
    graph = link([extract("train.py", text.encode())])
    assert [never_full(graph, buffer) for buffer in graph.buffers] == [None]


LEARNER = """from past import Past


class Agent:
    def __init__(self, env):
        self.env, self.past = env, Past()

    def learn(self, steps):
        state = self.env.reset()
        for step in range(steps):
            next_state, reward, done, _ = self.env.step(0)
            self.past.keep(state, 0, reward, next_state, done)
            state = next_state
            if step > 64:
                self.past.some(64)

"""
ROWS = """import random
from collections import deque


class Past:
    def __init__(self):
        self.rows = deque(maxlen=10_000)

    def keep(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def some(self, n):
        return random.sample(self.rows, n)
"""


@pytest.mark.parametrize(
    ("other", "most"),
    [("", 5_000), ("def play(env, steps):\n    Agent(env).learn(steps)\n", None)],
)
def test_another_copy_of_an_agent_that_nothing_makes(other, most):
    run = f"{LEARNER}\nAgent(make()).learn(5_000)\n"
    files = {"past.py": ROWS, "agent.py": LEARNER + other, "run.py": run}
    graph = link([extract(path, text.encode()) for path, text in files.items()])
    assert [never_full(graph, buffer) for buffer in graph.buffers] == [most]


VECTOR = """import gymnasium as gym
import numpy as np

class Ring:
    def __init__(self, envs, size):
        self.envs, self.size, self.at, self.count = envs, size // envs, 0, 0
        self.rows, self.rewards = np.zeros((envs, self.size, 4)), np.zeros((envs, self.size))

    def keep(self, state, reward):
        self.rows[:, self.at], self.rewards[:, self.at] = state, reward
        self.at, self.count = (self.at + 1) % self.size, min(self.count + 1, self.size)

    def some(self, n):
        env, at = np.random.randint(0, self.envs, n), np.random.randint(0, self.count, n)
        return self.rows[env, at], self.rewards[env, at]

def train(model, envs=8):
    env, ring, step = gym.make_vec("HalfCheetah-v5", envs), Ring(envs, 40_000), 0
    state = env.reset()
    {loop}
        action = model.act(state)
        next_state, reward, *_ = env.step(action)
        ring.keep(state, reward)
        state = next_state
        step += {apart}
        rows, rewards = ring.some(32)
        loss = ((model(rows) - rewards) ** 2).mean()
        loss.backward()

train(make())
"""


@pytest.mark.parametrize(
    ("loop", "apart", "most"),
    [
        ("while step < 40_000:", "envs", 40_000),
        ("while step < 40_000:", "1", 320_000),
        ("while step < 40_000:", "model.steps()", 320_000),
        ("for _ in range(1_000):", "envs", 8_000),
    ],
)
def test_a_row_for_each_environment_at_once(loop, apart, most):
    graph = link([extract("train.py", VECTOR.format(loop=loop, apart=apart).encode())])
    (buffer,) = graph.buffers
    assert stored_at_most(graph, buffer) == most
    assert (never_full(graph, buffer) is None) is (most > 40_000)


TEST = "from agents import *\n\ndef test_agent():\n    "
AGENTS = """from collections import deque
import random

class Memory:
    def __init__(self, size):
        self.rows = deque(maxlen=size)
    def keep(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))
    def some(self):
        return random.sample(self.rows, 32)

class Settings:
    size = 900

class Agent:
    def __init__(self, model, size):
        self.memory, self.model = Memory(size), model
    def step(self, *row):
        self.memory.keep(*row)
        self.model.fit(self.memory.some())

class Other(Agent):
    def __init__(self, model):
        self.memory, self.model = Memory(2000), model

class Set(Agent):
    def __init__(self, model, settings):
        self.memory, self.model = Memory(settings.size), model
"""


@pytest.mark.parametrize(
    ("program", "test", "room"),
    [
        ("Agent(net(), 500)", "", "500"),
        ("Agent(net(), 500)\nOther(net())", "", "500 to 2,000"),
        ("Agent(net(), given())", "Agent(net(), 16)", None),
        ("", "Agent(net(), 16)", None),
        ("settings = Settings()\nsettings.size = 70\nSet(net(), settings)", "", "70"),
        ("settings = Settings()\nif wide():\n    settings.size = 70\nSet(net(), settings)", "", "70 to 900"),
        ("settings, rest = Settings(), Settings()\nrest.size = 70\nSet(net(), settings)", "", "70 to 900"),
    ],
)
def test_the_room_of_what_the_program_makes(program, test, room):
    """What tests give and what nothing makes is not counted, nor a default that the program replaces."""
    files = {
        "agents.py": AGENTS,
        "run.py": f"from agents import *\n{program}\n",
        "tests/test_agents.py": TEST + (test or "pass"),
    }
    graph = link([extract(path, text.encode()) for path, text in files.items()])
    (buffer,) = graph.buffers
    assert room_of(graph, buffer) == room


OF_EPISODES = """import random

def train(env, model):
    rows = []
    for game in range(300):
        while model.wants():
            state, reward, done, _ = env.step(model.act())
            if done:
                rows.append((state, 1, reward, state, done))
                if len(rows) > 5_000: rows.pop(0)
                model.fit(random.sample(rows, 32))
                {last}

train(env, model)
"""


@pytest.mark.parametrize(
    ("last", "most"),
    [
        ("break", 300),
        ("if model.ends(): break", None),
        ("if model.ends(): continue\n                break", None),
        ("pass", None),
    ],
)
def test_what_is_stored_before_a_loop_is_left(last, most):
    graph = link([extract("train.py", OF_EPISODES.format(last=last).encode())])
    (buffer,) = graph.buffers
    assert stored_at_most(graph, buffer) == most


GIVEN = """import random
from collections import deque

class Past:
    def __init__(self, size):
        self.rows, self.last = deque(maxlen=size), None

    def see(self, state, action, reward, done):
        if {test}:
            self.rows.append((self.last, action, reward, state, done))
        self.last = state

    def some(self, n):
        return random.sample(self.rows, n)

def main(env, model):
    past = Past(1_000)
    past.see(env.reset(), None, 0.0, False)
    for step in range(1_000):
        action = model.act()
        state, reward, done, _ = env.step(action)
        past.see(state, action, reward, done)
        if done:
            past.see(env.reset(), {first}, 0.0, False)
        model.fit(past.some(32))

main(make(), net())
"""


@pytest.mark.parametrize(
    ("test", "first", "most"),
    [
        ("action is not None", "None", 1_000),
        ("action is not None", "model.act()", 2_000),
        ("action != 3", "None", 2_001),
        ("True", "None", 2_001),
    ],
)
def test_calls_that_a_constant_keeps_from_storing_store_nothing(test, first, most):
    graph = link([extract("train.py", GIVEN.format(test=test, first=first).encode())])
    (buffer,) = graph.buffers
    assert stored_at_most(graph, buffer) == most
