"""What both swaps write into the new object: a seed where the project seeds, no share for rewards that are not rare."""

from __future__ import annotations

import pytest

from ..rewriting import Files, dedented, run
from .containers.test_container_swap import LEARNER, MAIN, MEMORY, changed
from .containers.test_index_swap import FILES as RING

CONSTRUCTOR = "    def __init__(self, capacity):\n        self.items = deque([], maxlen=capacity)\n"
SEEDING = "    def __init__(self, capacity, seed=0):\n{before}        self.items = deque([], maxlen=capacity)\n{after}"


def seed_in(files: Files) -> str | None:
    """The seed that the fix gives to the buffer of `memory.py`."""
    _, after = run(files)
    lines = [line.strip() for line in after["memory.py"].splitlines() if "seed=" in line and "def " not in line]
    return lines[0].rstrip(",") if lines else None


def program(before: str = "", after: str = "", main: str = "") -> Files:
    """The project with statements around the making of the deque and at the head of its main module."""
    memory = dedented(MEMORY)
    assert CONSTRUCTOR in memory
    memory = memory.replace(CONSTRUCTOR, SEEDING.format(before=before, after=after))
    return {"memory.py": memory, "learner.py": dedented(LEARNER), "main.py": main + dedented(MAIN)}


@pytest.mark.parametrize(
    ("files", "seed"),
    [
        (program(), None),
        (program(main="import random\n\nrandom.seed(0)\n"), "seed=random.getrandbits(32)"),
        (program(before="        random.seed(seed)\n"), "seed=random.getrandbits(32)"),
        # Seeded only after the buffer was made: what the generator would give there is not repeatable.
        (program(after="        random.seed(seed)\n"), "seed=seed"),
        # Above the buffer, `seed` is something else than what the generator is seeded with.
        (program(after="        seed = seed + 1\n        random.seed(seed)\n"), None),
        (program(main="import numpy as np\n\nnp.random.seed(0)\n"), None),
    ],
)
def test_runs_stay_repeatable(files: Files, seed: str | None) -> None:
    assert seed_in(files) == seed


MADE = "    memory = Memory(10_000)\n"
HELPER = "import random\n\n\ndef seed_all(seed):\n    random.seed(seed)\n\n\n"


@pytest.mark.parametrize(
    ("head", "made", "seed"),
    [
        ("import random\n\n", "    random.seed(1)\n" + MADE, "seed=random.getrandbits(32)"),
        ("import random\n\n", MADE + "    random.seed(1)\n", None),
        ("import random\n\n", "    random.seed(0)\n" + MADE + "    random.seed(1)\n", "seed=random.getrandbits(32)"),
        (HELPER, "    seed_all(1)\n" + MADE, "seed=random.getrandbits(32)"),
        (HELPER, MADE + "    seed_all(1)\n", None),
        (HELPER + "seed_all(0)\n\n\n", MADE + "    seed_all(1)\n", "seed=random.getrandbits(32)"),
    ],
)
def test_a_program_that_seeds_only_after_the_buffer_is_made_is_asked(head: str, made: str, seed: str | None) -> None:
    files = program()
    main = files["main.py"]
    assert MADE in main
    files["main.py"] = head + main.replace(MADE, made)
    result, after = run(files)
    assert seed_in(files) == seed
    assert ("getrandbits" in after["memory.py"]) == (seed is not None)
    assert any("after the buffer is made" in step for step in result.applied[0].steps) == (seed is None)


@pytest.mark.parametrize("given", ["seed.value", "7"])
def test_what_the_generator_is_seeded_with_below_the_buffer(given: str) -> None:
    assert seed_in(program(after=f"        random.seed({given})\n")) == f"seed={given}"


@pytest.mark.parametrize("buffer", ["per", "combined"])
@pytest.mark.parametrize(
    ("head", "is_dense"),
    [
        ("import gym\n\nenv = gym.make('LunarLander-v2')\n", True),
        ("import gym\n\nenv = gym.make('ALE/Pong-v5')\n", False),
        ("import gym\n\nenvs = gym.make('LunarLander-v2'), gym.make('MountainCar-v0')\n", False),
        ("import gym\nimport sys\n\nenv = gym.make(sys.argv[1])\n", False),
        ("import gym\n\nenv = gym.make('AntMaze-v1')\n", False),
        ("", False),
    ],
)
def test_dense_rewards_are_not_rare(head: str, is_dense: bool, buffer: str) -> None:
    result, after = run(program(main=head), buffer=buffer)
    assert ("rare_fraction=0" in after["memory.py"]) == is_dense
    assert ("reward=" in after["memory.py"]) != is_dense
    (plan,) = result.applied
    assert any("pay in every step" in step for step in plan.steps) == is_dense


WRAPPER = """import gym


class Rewards(gym.RewardWrapper):
    def reward(self, reward):
        return float(reward > -0.1)


class Steps(gym.Wrapper):
    def step(self, action):
        state, reward, done, info = self.env.step(action)
        return state, {told}, done, info


class Maze:
    def reset(self):
        return 0

    def step(self, action):
        return 0, 0.0, False, {{}}


{made}
state, reward, done, info = env.step(0)
{after}
"""


@pytest.mark.parametrize(
    ("made", "told", "after", "is_dense"),
    [
        ("env = gym.make('Pendulum-v1')", "reward", "", True),
        ("env = Steps(gym.make('Pendulum-v1'))", "reward / 10", "reward = max(reward, -1.0)", True),
        ("env = gym.make('Pendulum-v1')", "reward", "reward = reward if done else reward * 2", True),
        ("env = Rewards(gym.make('Pendulum-v1'))", "reward", "", False),
        ("env = Steps(gym.make('Pendulum-v1'))", "float(reward > 0)", "", False),
        ("env = gym.make('Pendulum-v1')", "reward", "reward = 1.0 if done and reward > 0 else 0.0", False),
        ("env = gym.make('Pendulum-v1')", "reward", "if done:\n    reward = -1.0", False),
        ("env = Maze()\ndemo = gym.make('Pendulum-v1')", "reward", "", False),
        ("env = gym.make('Pendulum-v1')", "reward", "def later():\n    reward = 0", True),
    ],
)
def test_rewards_of_the_program_itself_may_be_rare(made: str, told: str, after: str, is_dense: bool) -> None:
    _, fixed = run(program(main=WRAPPER.format(made=made, told=told, after=after)))
    assert ("rare_fraction=0" in fixed["memory.py"]) == is_dense


@pytest.mark.parametrize(("buffer", "remedy"), [("per", "weigh it too"), ("lap", "draw a uniform batch")])
@pytest.mark.parametrize(
    ("loss", "is_told"),
    [
        ("F.mse_loss(self.actor(state), action)", True),
        ("((self.actor(state) - action) ** 2).mean()", True),
        ("F.mse_loss(self.actor.weight, self.critic.weight)", False),
        ("-self.critic(state, self.actor(state))[1].mean()", False),
    ],
)
def test_other_losses_of_the_batch_are_named(loss: str, is_told: bool, buffer: str, remedy: str) -> None:
    line = "        actor_loss = -self.critic"
    files = changed(RING, (line, f"        other = {loss}\n        other.backward()\n\n{line}"))
    result, after = run(files, buffer=buffer)
    assert f"other = {loss}\n" in after["learner.py"]
    (plan,) = result.applied
    (told,) = [step for step in plan.steps if "stays without weights" in step] or [""]
    assert ("learner.py:23" in told) == is_told
    assert (remedy in told) == is_told


def test_a_loss_without_gradients_is_not_named() -> None:
    line = "        actor_loss = -self.critic"
    watched = "        with torch.no_grad():\n            print(F.mse_loss(self.actor(state), action))\n\n"
    result, _ = run(changed(RING, (line, watched + line)))
    assert not any("stays without weights" in step for step in result.applied[0].steps)


TOLD = """
    import time
    from memory import Memory

    class Agent:
        def __init__(self, net):
            self.net = net

        def teach(self, batch):
            loss = self.net.loss(*(batch[key] for key in ("obs", "act", "rew", "after", "end")))
            loss.backward()
            return {"loss": float(loss)}

    def main(env, net, steps):
        memory, agent = Memory(10_000), Agent(net)
        begun, told = time.time(), {}
        obs = env.reset()
        for step in range(steps):
            act = net.act(obs)
            after, rew, end, _ = env.step(act)
            memory.put(obs=obs, act=act, rew=rew, after=after, end=end)
            obs = after
            told = {learn}
            print(told.get("loss"), time.time() - begun)
"""
COLUMNS = """
    import numpy as np

    class Memory:
        def __init__(self, size):
            self.columns = {key: np.zeros(size) for key in ("obs", "act", "rew", "after", "end")}
            self.at, self.held, self.size = 0, 0, size

        def put(self, **row):
            for key, value in row.items():
                self.columns[key][self.at] = value
            self.at, self.held = (self.at + 1) % self.size, min(self.held + 1, self.size)

        def draw(self, n):
            at = np.random.randint(self.held, size=n)
            return {key: column[at] for key, column in self.columns.items()}
"""


@pytest.mark.parametrize(
    ("learn", "is_told"),
    [("agent.teach(memory.draw(32))", False), ("memory.draw(32)\n            agent.teach(told)", True)],
)
def test_what_is_made_of_a_batch_is_none_that_comes_from_somewhere_else(learn: str, is_told: bool) -> None:
    files = {"memory.py": dedented(COLUMNS), "main.py": dedented(TOLD.replace("{learn}", learn))}
    result, _ = run(files, unsafe=True)
    (refused,) = result.refused
    assert ("comes from somewhere else as well" in refused.reason) is is_told, refused.reason
