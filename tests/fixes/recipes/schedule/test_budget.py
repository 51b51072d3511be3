"""How long beta rises: the number of draws that can be read from the program."""

from __future__ import annotations

import re

import pytest

from ...rewriting import agent, check_fixed, dedented, fixed_agent, run

LEARN = "loss = F.mse_loss(q, target)\nself.optimizer.zero_grad()\nloss.backward()\nself.optimizer.step()\n"


def steps(main: str, **others: str) -> str | None:
    """The steps of the schedule that is written out, None where the plan asks for them."""
    head, _, _ = agent(LEARN)["agent.py"].partition("def main")
    store = "agent.memory.append((state, action, reward, next_state, done))"
    program = head + dedented(main).replace("STORE", store).replace("LEARN", "agent.learn()")
    files = {f"{name}.py": text for name, text in others.items()}
    result, _ = run({"agent.py": program, **files}, unsafe=True)
    assert [refusal.reason for refusal in result.refused] == []
    (plan,) = result.applied
    found = re.search(r"LinearSchedule\(0\.4, 1\.0, steps=([\d_]+)\)", " ".join(edit.text for edit in plan.edits))
    assert found is not None
    is_unknown = "the number of training steps is not known" in plan.reason
    assert is_unknown == (plan.applicability.value == "unsafe")
    assert is_unknown != any(step.startswith("beta rises") for step in plan.steps)
    return None if is_unknown else found[1]


MAIN = """
import argparse
import itertools

import tqdm
from tqdm import tqdm, trange

TOTAL = 40_000
EPISODES = int(2e3)
parser = argparse.ArgumentParser()
parser.add_argument("--max-steps", type=int, default=30_000)
parser.add_argument("--episodes", type=int)
parser.add_argument("--every", type=int)
parser.add_argument("--train", action="store_true")
args = parser.parse_args()


def main(env, network, target_network, length=100):
    agent = Agent(network, target_network)
    count = 0
    {loop}


main(None, None, None)
"""


@pytest.mark.parametrize(
    ("loop", "expected"),
    [
        ("for step in range(9999): STEP", "9999"),
        ("for step in range(20_000): STEP", "20_000"),
        ("for step in range(0, 20_000): STEP", "20_000"),
        ("for step in range(1, 2000 + 1): STEP", "2000"),
        ("for step in range(0, 20_000, 4): STEP", "5000"),
        ("for step in range(TOTAL): STEP", "40_000"),
        ("for step in range(EPISODES): STEP", "2000"),
        ("for step in range(int(5e4)): STEP", "50_000"),
        ("for episode in range(300):\n        for step in range(length): STEP", "30_000"),
        ("for step in range(args.max_steps): STEP", "30_000"),
        ("for step in range(1, args.max_steps + 1): STEP", "30_000"),
        ("for step in tqdm(range(3000)): STEP", "3000"),
        ("for step in trange(3000): STEP", "3000"),
        ("while count < 8000:\n        count += 1\n        STEP", "8000"),
        ("while count < 8000:\n        count += 4\n        STEP", "2000"),
        ("while count < 8000:\n        count += 4\n        if env.is_on(): count = 8000\n        STEP", "2000"),
        ("while count != 8000:\n        count += 1\n        STEP", "8000"),
        ("while count < TOTAL:\n        count += EPISODES\n        for step in range(EPISODES): STEP", "40_000"),
        ("for step in range(9000):\n        if step % 4 == 0: STEP", "2250"),
        ("for step in range(9000):\n        if step > 100 and step % 9 == 0: STEP", "1000"),
        ("for step in range(9000):\n        count = (count + 1) % 3\n        if count == 0: STEP", "3000"),
        ("for step in range(9000):\n        if step % 4 == 0: pass\n        else: STEP", "6750"),
        ("for step in range(9000):\n        if step % 4: STEP", "6750"),
        ("for step in range(9000):\n        if step % 4 == 0:\n            if step % 10 == 0: STEP", None),
        ("for step in range(9000):\n        if not step % 4: STEP", "2250"),
        ("for step in range(9000):\n        if 0 == (step + 1) % 4: STEP", "2250"),
        ("for step in range(9000):\n        if step % 4 != 0:\n            continue\n        STEP", "2250"),
        ("for step in range(0, 9000, 2):\n        if step % 4 == 0: STEP", "2250"),
        ("for step in range(9000):\n        count += 1\n        if count % 4 == 3: STEP", "2250"),
        ("for step in range(9000):\n        count += 2\n        if count % 4 == 0: STEP", "4500"),
        ("for step in range(9000):\n        if step % 4 == 0 and args.train: STEP", "2250"),
        ("for step in range(9000):\n        if len(agent.memory) > 32: STEP", "9000"),
        ("for step in range(9000):\n        if len(agent.memory) <= 32:\n            continue\n        STEP", "9000"),
        ("for step in range(9000):\n        if step >= length: STEP", "9000"),
        ("for step in range(9000):\n        if step >= 3000: STEP", "6000"),
        ("for step in range(9000):\n        if 3000 < step: STEP", "6000"),
        ("for episode in range(300):\n        for step in range(length):\n            if step > 50: STEP", "15_000"),
        ("for episode in range(9000):\n        if isinstance(agent, Agent): STEP", "9000"),
        ("for step in itertools.count():\n        if step > 3000: break\n        STEP", "3000"),
        ("for step in itertools.count(1):\n        if step == TOTAL: break\n        STEP", "40_000"),
        ("while True:\n        count += 2\n        if count >= 8000: break\n        STEP", "4000"),
        ("while count < 30_000:\n        for step in range(200):\n            count += 1\n            STEP", "30_000"),
        ("while count < 30_000:\n        over = False\n        while not over:\n"
         "            count += 3\n            STEP", "10_000"),
        ("for episode in itertools.count():\n        if count >= 30_000: break\n"
         "        while env.is_on():\n            count += 1\n            for _ in range(2): STEP", "60_000"),
        ("while count < 30_000:\n        if env.is_on():\n            for step in range(200):\n"
         "                count += 1\n                STEP", "30_000"),
        ("progress = tqdm(range(3000))\n    for step in progress: STEP", "3000"),
        ("with tqdm(range(3000)) as progress:\n        for step in progress: STEP", "3000"),
        ("for step in tqdm.trange(3000, desc=''): STEP", "3000"),
        ("for step in tqdm.tqdm(range(0, 9000, 3), desc=''): STEP", "3000"),
        ("for turn, step in enumerate(range(3000)): STEP", "3000"),
        ("for episode in range(300):\n        over, at = False, 0\n        while not over and at < length:\n"
         "            at += 1\n            STEP", "30_000"),
        ("for episode in range(300):\n        at = 0\n        while at <= 40 and env.is_on() and at < length:\n"
         "            at += 1\n            STEP", "12_000"),
        ("while env.is_on() and count < 8000:\n        count += 2\n        STEP", "4000"),
        ("for step in range(count, 9000): STEP", "9000"),
        ("for step in range(len(env), 9000 + len(env)): STEP", "9000"),
        ("for step in range(1 + len(env), len(env) + 9000 + 1): STEP", "9000"),
        # Not known: a count that goes on from one episode to the next, or one of two ends.
        ("for episode in range(300):\n        while env.is_on() and count < 8000:\n"
         "            count += 1\n            STEP", None),
        ("while env.is_on() or count < 8000:\n        count += 1\n        STEP", None),
        ("for step in range(len(env), 9000): STEP", None),
        ("for step in range(len(env), 9000 - len(env)): STEP", None),
        # Not known: what only a run tells about a test.
        ("for step in range(9000):\n        if args.every and step % args.every == 0: STEP", None),
        ("for step in range(9000):\n        if step % len(env) == 0: STEP", None),
        ("for step in range(9000):\n        if env.is_over(): STEP", None),
        ("for step in range(9000):\n        if step % 4 == 0 or env.is_over(): STEP", None),
        ("for step in range(9000):\n        if step < 3000: STEP", None),
        ("for step in range(9000):\n        if random.random() < 0.5: STEP", None),
        ("for step in range(9000):\n        state, reward, over = env.step(0)\n        if over: STEP", None),
        ("for episode in range(9000):\n        count = 0\n        for step in range(length):\n"
         "            count += 1\n            if count > 50: STEP", None),
        ("for episode in range(300):\n        for step in itertools.count():\n"
         "            count += 1\n            if count > 9000: break\n            STEP", None),
        # Not known: what is done once for several steps that are counted.
        ("while count < 30_000:\n        for step in range(200): count += 1\n        STEP", None),
        ("while count < 30_000:\n        for step in range(200): count += 1\n        for _ in range(9): STEP", None),
        # Not known: no length, a length that only a run tells, or too little to be a training.
        ("for step in range(args.episodes): STEP", None),
        ("for episode in range(300):\n        while True: STEP", None),
        ("while env.score < 3000: STEP", None),
        ("while count != 8000:\n        count += 3\n        STEP", None),
        ("while count < 8000:\n        count += len(env)\n        STEP", None),
        ("while count < 8000:\n        count += 1\n        if env.is_on(): count = 0\n        STEP", None),
        ("while count < 8000:\n        count += 1\n        count += 2\n        STEP", None),
        ("for episode in range(2_000_000):\n        for step in range(2_000_000): STEP", None),
        ("for step in env: STEP", None),
        ("for step in itertools.count(): STEP", None),
        ("for step in range(50): STEP", None),
    ],
)  # fmt: skip
def test_loops(loop, expected):
    lines = ["state, reward, done = env.step(0)", "action = next_state = state", "STORE", "LEARN"]
    margin = re.search(r"( *)(?:\S.*)?STEP$", "    " + loop)
    assert margin is not None
    indent = margin[1] if loop.endswith("\n" + margin[1] + "STEP") else margin[1] + "    "
    loop = re.sub(r"\s*STEP$", "".join(f"\n{indent}{line}" for line in lines), loop)
    assert steps(MAIN.replace("{loop}", loop)) == expected


def test_an_update_period_inside_the_agent():
    main = """
    class Trainer:
        def __init__(self, agent):
            self.agent = Agent(None, None)
            self.count = 0

        def step(self, state, action, reward, next_state, done):
            self.agent.memory.append((state, action, reward, next_state, done))
            self.count = (self.count + 1) % 5
            if self.count == 0:
                self.agent.learn()


    trainer = Trainer(None)
    for step in range(50_000):
        trainer.step(0, 0, 0, 0, 0)
    """
    assert steps(main) == "10_000"


GUARDED = """
class Trainer:
    def __init__(self, agent, every):
        self.agent = Agent(None, None)
        self.every = every
        self.warm = False
        self.count = 0

    def is_ready(self):
        return len(self.agent.memory) >= 64

    def step(self, state, action, reward, next_state, done):
        self.agent.memory.append((state, action, reward, next_state, done))
        self.count += 1
        {guard}
        self.agent.learn()


trainer = Trainer(None, 5)
{more}
for step in range(50_000):
    trainer.step(0, 0, 0, 0, env.step(0)[2])
"""


@pytest.mark.parametrize(
    ("guard", "more", "expected"),
    [
        ("if not self.is_ready():\n            return", "", "50_000"),
        ("if self.count % self.every != 0:\n            return", "", "10_000"),
        ("if self.count % self.every:\n            return", "", "10_000"),
        ("if not self.is_ready() or self.count % self.every:\n            return", "", "10_000"),
        ("self.warm = self.warm or self.is_ready()\n        if not self.warm:\n            return", "", None),
        (
            "if self.is_ready():\n            self.warm = True\n        if not self.warm:\n            return",
            "",
            "50_000",
        ),
        ("if not done:\n            return", "", None),
        ("if self.count < 64:\n            raise ValueError", "", "50_000"),
        # another trainer trains at another period
        ("if self.count % self.every:\n            return", "other = Trainer(None, 10)", None),
        ("if self.count % self.every:\n            return", "trainer.count = 0", None),
    ],
)
def test_what_ends_a_step_before_the_draw(guard, more, expected):
    assert steps(GUARDED.replace("{guard}", guard).replace("{more}", more)) == expected


@pytest.mark.parametrize(
    ("every", "expected"), [("4", "10_000"), ("4 if args.is_slow else 1", None), ("args.every", None)]
)
def test_a_period_in_a_dictionary(every, expected):
    main = """
    import argparse

    args = argparse.ArgumentParser().parse_args()
    settings = {"every": EVERY, "start": 1000}
    agent = Agent(None, None)
    for step in range(40_000):
        state, reward, done = env.step(0)
        next_state = action = state
        STORE
        if step >= settings["start"] and (step + 1) % settings["every"] == 0:
            LEARN
    """
    assert steps(main.replace("EVERY", every)) == expected


def test_two_ways_to_train_count_with_the_longer_one():
    main = """
    def run(steps):
        agent = Agent(None, None)
        for step in range(4000):
            state, reward, done = env.step(0)
            next_state = action = state
            STORE
            LEARN


    def long(agent: Agent):
        for step in range(70_000):
            LEARN
    """
    assert steps(main) == "70_000"


RUN = """
def run(env, steps_per_epoch=4000, epochs=100, every=50, seed=0):
    agent = Agent(None, None)
    total_steps = steps_per_epoch * epochs

    def update():
        LEARN

    for t in range(total_steps):
        state, reward, done = env.step(0)
        next_state = action = state
        STORE
        if t > 100 and t % every == 0:
            for _ in range(every):
                update()

"""


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ("", "400_000"),
        ("run(env)", "400_000"),
        ("run(env, epochs=10)", "40_000"),
        ("run(env, 2000, 10)", "20_000"),
        ("run(env, epochs=10)\nrun(env, epochs=30)", "120_000"),
        ("options = dict(epochs=10)\nrun(env, **options)", "400_000"),
        ("def begin(**options):\n    run(env, **options)\n\nrun(env)", "400_000"),
        ("options = dict(seed=1)\nrun(env, **options)\nrun(env, epochs=50)", "200_000"),
        ("run(env, every=10)\nrun(env, every=20)", None),
        ("import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('--epochs', type=int, default=50)\n"
        "args = parser.parse_args()\nrun(env, epochs=args.epochs)", "200_000"),
        ("run(env, epochs=env.length)", None),
        ("run(env, epochs=10)\nrun(env, epochs=env.length)", None),
    ],
)  # fmt: skip
def test_parameters(calls, expected):
    assert steps(dedented(RUN) + dedented(calls)) == expected


@pytest.mark.parametrize(
    ("total", "expected"),
    [
        ("total = 1000\n    total = 60_000", "60_000"),
        ("total = 1000\n    total += seed", None),
        ("total = 2**14", "16_384"),
        ("total = 1_000_000 // 64", "15_625"),
        ("total = 3e4 / 4", "7500"),
        ("total = 7000 - 1000", "6000"),
        ("total = total", None),
        ("total = (lambda: 5000)()", "5000"),
    ],
)
def test_computed_numbers(total, expected):
    main = """
    def run(env, seed):
        agent = Agent(None, None)
        {total}
        for t in range(total):
            state, reward, done = env.step(0)
            next_state = action = state
            STORE
            LEARN
    """
    assert steps(main.replace("{total}", total.replace("\n", "\n    "))) == expected


TRAIN = """
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--runs", type=int, default=10)
args = parser.parse_args()


def train(agent):
    for step in range(30_000):
        state, reward, done = env.step(0)
        next_state = action = state
        STORE
        LEARN


def begin():
    agent = Agent(None, None)
    train(agent)


class Trainer:
    def __init__(self):
        self.agent = self.made = None

    def setup(self):
        self.agent = Agent(None, None)

    def ready(self):
        if self.agent is None:
            self.agent = Agent(None, None)
        return self.agent

    def compare(self):
        other = Agent(None, None)
        return other

    def run(self):
        train(self.agent)


"""


@pytest.mark.parametrize(
    ("main", "expected"),
    [
        ("begin()", "30_000"),
        ("for seed in range(5):\n    begin()", "30_000"),
        ("for run in range(args.runs):\n    begin()", "30_000"),
        ("results = [begin() for seed in range(5)]", "30_000"),
        ("for seed in range(5):\n    train(Agent(None, None))", "30_000"),
        ("for seed in range(5):\n    agent = Agent(None, None)\n    train(agent)", "30_000"),
        ("for seed in range(5):\n    made = Agent(None, None)\n    pair = made, seed\n    train(pair[0])", "30_000"),
        ("for seed in range(5):\n    if seed in env:\n        continue\n    begin()", "30_000"),
        (
            "for seed in range(5):\n    agent = Agent(None, None)\n    for epoch in range(3):\n        train(agent)",
            "90_000",
        ),
        ("trainer = Trainer()\nfor seed in range(5):\n    trainer.setup()\n    trainer.run()", "30_000"),
        # one agent goes through all passes
        ("agent = Agent(None, None)\nfor epoch in range(5):\n    train(agent)", "150_000"),
        (
            "agent = Agent(None, None)\nfor epoch in range(5):\n    train(agent)\n    other = Agent(None, None)",
            "150_000",
        ),
        (
            "agent = None\nfor epoch in range(5):\n    if agent is None:\n        agent = Agent(None, None)\n"
            "    train(agent)",
            "150_000",
        ),
        ("trainer = Trainer()\nfor epoch in range(5):\n    train(trainer.ready())", "150_000"),
        (
            "trainer = Trainer()\ntrainer.setup()\nfor epoch in range(5):\n    trainer.run()\n    trainer.compare()",
            "150_000",
        ),
        ("agents = [Agent(None, None)]\nfor epoch in range(5):\n    train(agents[0])", "150_000"),
    ],
)
def test_a_run_ends_where_the_next_one_makes_a_buffer_of_its_own(main: str, expected: str) -> None:
    assert steps(dedented(TRAIN) + main + "\n") == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", "30_000"),
        ("[]", "30_000"),
        ("sys.argv[1:]", "30_000"),
        ('["--steps", "5000"]', None),
        ('args=["--steps", "5000"]', None),
        ('"--steps 5000".split()', None),
    ],
)
def test_words_of_the_program_in_place_of_the_command_line(words: str, expected: str | None) -> None:
    main = """
    import argparse
    import sys

    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=30_000)
    args = parser.parse_args(WORDS)
    agent = Agent(None, None)
    for step in range(args.steps):
        state, reward, done = env.step(0)
        next_state = action = state
        STORE
        LEARN
    """
    assert steps(main.replace("WORDS", words)) == expected


def test_the_steps_are_told():
    result = check_fixed(
        agent(LEARN),
        fixed_agent(
            LEARN.replace(
                "F.mse_loss(q, target)",
                'importance_weighted_loss(F.mse_loss(q, target, reduction="none"), weights)',
            )
            + "self.memory.update_priorities(indices, absolute_td_error(q, target))\n"
        ),
    )
    assert result.applied[0].steps[0] == "beta rises to 1 over 5,000 draws, as read from agent.py:32"


def test_a_count_that_is_set_to_its_end_may_end_sooner() -> None:
    head, _, _ = agent(LEARN)["agent.py"].partition("def main")
    main = """
def main(env, network, target_network, last=500):
    agent = Agent(network, target_network)
    for episode in range(5000):
        turn = 0
        while turn < last:
            turn += 1
            agent.memory.append((state, action, reward, next_state, done))
            agent.learn()
            if done:
                turn = last
"""
    result, _ = run({"agent.py": head + main.lstrip()}, unsafe=True)
    (plan,) = result.applied
    (step,) = (step for step in plan.steps if step.startswith("beta rises to 1 over 2,500,000 draws"))
    assert "agent.py:33 may end sooner and leave beta below 1" in step


@pytest.mark.parametrize(
    ("last", "early"),
    [
        ("if done: break", "agent.py:32"),
        ("if done:\n            return", "agent.py:32, agent.py:31"),
        ("for _ in env:\n            break", ""),
        ("if done: state = env.reset()", ""),
    ],
)
def test_a_bound_that_the_program_may_not_reach_is_called_a_bound(last: str, early: str) -> None:
    head, _, _ = agent(LEARN)["agent.py"].partition("def main")
    main = f"""
def main(env, network, target_network):
    agent = Agent(network, target_network)
    for episode in range(5000):
        for step in range(500):
            agent.memory.append((state, action, reward, next_state, done))
            agent.learn()
            {last.replace("            ", " " * 16)}
"""
    result, _ = run({"agent.py": head + main.lstrip()}, unsafe=True)
    (plan,) = result.applied
    (step,) = (step for step in plan.steps if step.startswith("beta rises to 1 over 2,500,000 draws"))
    assert ("may end sooner and leave beta below 1" in step) == bool(early)
    assert f"{early} may end" in step or not early


EPISODES = """
import gym

{cls}
def main(network, target_network):
    env = {env}
    agent = Agent(network, target_network)
    for episode in range(300):
        state = env.reset()
        {loop}
            action = network(state).argmax()
            next_state, reward, done, _ = env.step(action)
            STORE
            LEARN
            {end}


main(None, None)
"""
CARTPOLE, BREAKS = 'gym.make("CartPole-v1")', "if done: break"
OWN = """
class Track:
    def reset(self):
        return [0.0]

    def step(self, action):
        return [0.0], 1.0, self.is_over(), {}


"""


@pytest.mark.parametrize(
    ("env", "loop", "end", "expected"),
    [
        (CARTPOLE, "done = False\n        while not done:", "state = next_state", "150_000"),
        (CARTPOLE, "while True:", BREAKS, "150_000"),
        (CARTPOLE, "for step in itertools.count():", BREAKS, "150_000"),
        ('gym.wrappers.RecordEpisodeStatistics(gym.make("CartPole-v0"))', "while True:", BREAKS, "60_000"),
        (CARTPOLE, "while True:", "state = next_state", None),
        (CARTPOLE, "while True:", "if done: state = env.reset()", None),
        (CARTPOLE + ".unwrapped", "while True:", BREAKS, None),
        ('gym.make("Cellar-v3")', "while True:", BREAKS, None),
        ('gym.make("FlappyBird-v0")', "while True:", BREAKS, None),
        ("Track()", "while True:", BREAKS, None),
        ("Track() if network else " + CARTPOLE, "while True:", BREAKS, None),
    ],
)
def test_an_episode_is_no_longer_than_the_limit_of_its_environment(env, loop, end, expected):
    cls = OWN if "Track" in env else "import itertools\n\n"
    assert steps(EPISODES.format(cls=cls, env=env, loop=loop, end=end)) == expected


@pytest.mark.parametrize("loop", ["while not done:", "while not done and turn < 500:", "while True:"])
def test_an_episode_may_end_before_its_limit(loop: str) -> None:
    head, _, _ = agent(LEARN)["agent.py"].partition("def main")
    main = f"""
def main(network, target_network):
    env = gym.make("CartPole-v1")
    agent = Agent(network, target_network)
    for episode in range(5000):
        state, done, turn = env.reset(), False, 0
        {loop}
            next_state, reward, done, _ = env.step(action)
            turn += 1
            agent.memory.append((state, action, reward, next_state, done))
            agent.learn()
            if done:
                break
"""
    result, _ = run({"agent.py": "import gym\n" + head + main.lstrip()}, unsafe=True)
    (plan,) = result.applied
    (step,) = (step for step in plan.steps if step.startswith("beta rises to 1 over 2,500,000 draws"))
    assert "agent.py:35 may end sooner and leave beta below 1" in step


def test_a_game_of_the_project_is_not_the_one_that_another_script_plays():
    other = "import gym\n\nenv = gym.make('CartPole-v1')\nenv.reset()\n"
    program = EPISODES.format(cls=OWN, env="Track()", loop="while True:", end=BREAKS)
    assert steps(program, other=other) is None


@pytest.mark.parametrize(
    ("least", "expected"),
    [("min(self.limit, self.filled + 1)", "9000"), ("min(self.filled + 1, 500)", "9000"), ("env.filled()", None)],
)
def test_a_count_that_stops_at_a_limit_is_one(least, expected):
    main = f"""
    class Meter:
        def __init__(self, limit):
            self.limit, self.filled = limit, 0

        def tick(self, env):
            self.filled = {least}


    def main(env, network, target_network):
        agent, meter = Agent(network, target_network), Meter(1000)
        for step in range(9000):
            state, reward, done = env.step(0)
            action = next_state = state
            STORE
            meter.tick(env)
            if meter.filled > 64:
                LEARN
    """
    assert steps(main) == expected
