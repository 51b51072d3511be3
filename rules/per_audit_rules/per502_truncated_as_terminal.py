"""PER502 truncated-as-terminal."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.findings import FixOffer, Severity
from per_audit.graph.episodes import bootstrap, polarity
from per_audit.graph.episodes.cuts import Cuts, cuts_of, steps_behind
from per_audit.graph.episodes.limits import ends_before_limit
from per_audit.graph.episodes.truncation import MergedEnd, merged_ends
from per_audit.graph.libraries.buffers import is_test
from per_audit.graph.memory.erased import is_erased
from per_audit.graph.prioritised.priorities.whose import name_of_called
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.findings import Evidence, Finding
    from per_audit.graph import ReplayBuffer, ReplayGraph

_CAPPED = """import random
from collections import deque

import gymnasium as gym


def train(net, optimizer, {parameters}):
    env, memory = gym.make("{name}"), deque(maxlen=100_000)
    for _ in range(500):
        state, _ = env.reset()
        for t in range({steps}):
            next_state, reward, terminated, truncated, _ = env.step(net.act(state))
            done = terminated or truncated{mark}
            memory.append((state, 0, reward, next_state, done))
            state = next_state
            batch = random.sample(memory, 32)  # <- PER001
            loss = net.loss(batch)
            loss.backward()
            optimizer.step()
            if done:
                break
"""


_OWN = """import random
from collections import deque


def train(env, net, target_net, optimizer, max_steps):
    memory = deque(maxlen=10_000)
    for _ in range(500):
        state, step, done = env.reset(), 0, False
        while not done:
            action = net.act(state)
            next_state, reward, done, _ = env.step(action)
            step += 1
            if step >= max_steps:  # <- PER502
                done = True
            memory.append((state, action, reward, next_state, done))
            state = next_state
            batch = random.sample(memory, 32)  # <- PER001
            goals = [r + 0.99 * (1 - d) * target_net(s2).max() for s, a, r, s2, d in batch]
            net.loss(batch, goals).backward()
            optimizer.step()
"""

_FLIGHT = """import random
from collections import deque


class Pilot:
    def __init__(self, env, net, target_net, optimizer):
        self.env, self.net, self.target_net, self.optimizer = env, net, target_net, optimizer
        self.memory = deque(maxlen=10_000)

    def fly(self, most):
        state, done = self.env.reset(), False
        for t in range(most):
            action = self.net.act(state)
            next_state, reward, done, _ = self.env.step(action)
            if t + 1 == most:  # <- PER502
                done = True
            self.memory.append((state, action, reward, next_state, done))
            state = next_state
            batch = random.sample(self.memory, 32)  # <- PER001
            goals = [r + 0.99 * (1 - d) * self.target_net(s2).max() for s, a, r, s2, d in batch]
            self.net.loss(batch, goals).backward()
            self.optimizer.step()
            if done:
                break


def main(env, net, target_net, optimizer):
    pilot = Pilot(env, net, target_net, optimizer)
    for _ in range(500):
        pilot.fly(200)
"""
_CAR = """import random


class Car:
    def __init__(self, most):
        self.max_steps, self.at, self.speed, self.taken = most, 0.0, 0.0, 0

    def reset(self):
        self.at, self.speed, self.taken = 0.0, 0.0, 0
        return (self.at, self.speed)

    def step(self, force):
        self.taken += 1
        self.speed += force
        self.at += self.speed
        crashed = self.at > 1_000
        done = crashed or self.taken >= self.max_steps  # <- PER502
        return (self.at, self.speed), -abs(self.speed - 5), done, {}
"""
_DRIVE = """import random
from collections import deque
from car import Car


def train(net, optimizer, episodes):
    env, memory = Car(500), deque(maxlen=10_000)
    for episode in range(episodes):
        state = env.reset()
        done = False
        while not done:
            action = net.act(state)
            next_state, reward, done, _ = env.step(action)
            memory.append((state, action, reward, next_state, float(done)))
            state = next_state
            loss = net.loss(random.sample(memory, 32))  # <- PER001
            loss.backward()
            optimizer.step()
"""
_CUT_SHORT = _CAR.replace("        done = crashed or self.taken >= self.max_steps  # <- PER502\n", "").replace(
    "        return (self.at, self.speed), -abs(self.speed - 5), done, {}\n",
    """        truncated = False
        if not crashed:
            truncated = self.taken >= self.max_steps
        return (self.at, self.speed), -abs(self.speed - 5), crashed, truncated, {}
""",
)
_BOTH = _DRIVE.replace(
    "next_state, reward, done, _ = env.step(action)\n",
    """next_state, reward, crashed, truncated, _ = env.step(action)
            done = crashed or truncated  # <- PER502
""",
)

_SHARED = """import random
from collections import namedtuple

Step = namedtuple("Step", ["state", "reward", "next_state", "over"])


class Memory:
    def __init__(self, capacity):
        self.capacity, self.rows = capacity, []

    def push(self, *row):
        self.rows.append(Step(*row))
        self.rows = self.rows[-self.capacity :]

    def clear(self):
        self.rows = []

    def sample(self, n):
        return random.sample(self.rows, n)  # <- PER001
"""
_AGENT = """from replay import Memory, Step


class {name}:
    def __init__(self, env, net, optimizer):
        self.env, self.net, self.optimizer, self.memory = env, net, optimizer, Memory(10_000)

    def episode(self):
        state, over = self.env.reset()[0], False
        while not over:
            observation, reward, terminated, truncated, _ = self.env.step(self.net.act(state))
            over = terminated or truncated{mark}
            next_state = None if terminated else observation
            self.memory.push(state, reward, next_state, over)
            state = observation
            self.learn()

    def learn(self):
        batch = Step(*zip(*self.memory.sample(32)))
        values = [{values}]
        goals = [reward + 0.99 * value for reward, value in zip(batch.reward, values)]
        self.net.loss(batch.state, goals).backward()
        self.optimizer.step()
"""

_REGISTERED = """import gymnasium as gym
from gymnasium.envs.registration import register


class Maze(gym.Env):
    def reset(self, seed=None, options=None):
        self.at = 0
        return self.at, {}

    def step(self, action):
        self.at = max(0, self.at + action)
        found = self.at >= 9
        return self.at, float(found), found, False, {}


register(id="maze", entry_point="maze:Maze")
"""


def _paid(car: str, crash: str, otherwise: str) -> str:
    """The environment with a reward of its own for a crash, and one for what remains."""
    usual = "reward = -abs(self.speed - 5)\n"
    begin = f"        {usual}" if not otherwise else f"        if not done:\n            {usual}"
    paid = f"{begin}{crash}            reward = -100.0\n{otherwise}"
    return car.replace(
        "        return (self.at, self.speed), -abs(self.speed - 5)",
        f"{paid}        return (self.at, self.speed), reward",
    )


_TWO_COLUMNS = """import gymnasium as gym
import numpy as np
import torch


class Ring:
    def __init__(self, width, size):
        self.states, self.next_states = np.zeros((size, width)), np.zeros((size, width))
        self.actions, self.rewards = np.zeros(size, int), np.zeros(size)
        self.live, self.boot = np.zeros(size), np.zeros(size)
        self.size, self.count = size, 0

    def add(self, state, action, reward, next_state, over, final):
        slot = self.count % self.size
        self.states[slot], self.actions[slot], self.rewards[slot] = state, action, reward
        self.next_states[slot], self.live[slot], self.boot[slot] = next_state, 1.0 - over, 1.0 - final
        self.count += 1

    def sample(self, n):
        slots = np.random.randint(0, min(self.count, self.size), n)
        columns = (self.states, self.actions, self.rewards, self.next_states, self.live, self.boot)
        return [torch.as_tensor(column[slots]) for column in columns]


def train(net, target, optimizer, steps):
    env = gym.make("CartPole-v1")
    ring, state, step = Ring(4, 10_000), env.reset()[0], 0
    for _ in range(steps):
        action = net.act(state)
        next_state, reward, terminated, truncated, _ = env.step(action)
        over = float(terminated or truncated)
        final = FINAL
        ring.add(state, action, reward, next_state, over, final)
        state, step = (env.reset()[0], 0) if over else (next_state, step + 1)
        states, actions, rewards, next_states, _, boot = ring.sample(64)
        with torch.no_grad():
            goal = rewards + 0.99 * boot * target(next_states).max(1).values
        loss = (net(states).gather(1, actions[:, None])[:, 0] - goal).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


_GAME = """import random
from collections import deque

import gymnasium as gym


class Still(gym.Wrapper):
    def __init__(self, env, most):
        super().__init__(env)
        self.most, self.still, self.at = most, 0, 0.0

    def reset(self, **options):
        seen, info = self.env.reset(**options)
        self.still, self.at = 0, seen[0]
        return seen, info

    def step(self, action):
        seen, reward, terminated, truncated, info = self.env.step(action)
        self.still = 0 if seen[0] > self.at else self.still + 1
        self.at = seen[0]
        if not terminated and self.still >= self.most:
            truncated = True
        return seen, reward, terminated, truncated, info


def make(name):
    return Still(gym.make(name, max_episode_steps=9_999_999), 150)


def train(net, optimizer):
    env, memory = make("Runner-v0"), deque(maxlen=10_000)
    for _ in range(500):
        state, _ = env.reset()
        done = False
        while not done:
            next_state, reward, terminated, truncated, _ = env.step(net.act(state))
            done = terminated or truncated  # <- PER502
            memory.append((state, 0, reward, next_state, done))
            state = next_state
            loss = net.loss(random.sample(memory, 32))  # <- PER001
            loss.backward()
            optimizer.step()
"""


def _in(make: str) -> str:
    """A learner that makes its environment itself."""
    return _GAME.replace('make("Runner-v0")', make).replace(_GAME[_GAME.index("class") : _GAME.index("def train")], "")


class TruncatedAsTerminal(Rule):
    """A time limit is stored as if the task had ended.

    ## What it does

    Reports a stored transition whose flag is `terminated or truncated` of Gymnasium's interface, in any spelling and
    through calls, wrappers and files. So is one that the program itself sets once it has counted as many steps as a
    limit of its own allows, be it around the environment or in one that it defines.

    ## Why is this bad

    At a time limit the task goes on; only the recording stops. A target without the next value there teaches that the
    states near the limit are worth almost nothing. The same states are worth much when they are met early, so the
    network is given two answers for one question, and the better the agent the more often.

    ## Known problems

    A limit that is part of the task, and visible in the state, is an end of the task. The flag that ends the loop may
    well be `terminated or truncated`; only what is stored is looked at. What the one `done` of the older interface says
    is not reported for environments of libraries. A limit of the program's own is known by its name, or by what it is
    compared with: a count of the turns of a loop in which the environment takes a step, or in an environment a count of
    its steps, compared with a number that is there for that alone. The loop over episodes may be that of a caller; a
    function that runs a single episode is not reported, nor is a limit that its loop never comes to, at which a reward
    is given, or whose count is stored with the state. Where an environment that the program defines observes the steps
    that it counts, takes off a reward at the limit, pays for every end whatever it is, or knows no other end, the limit
    is held for a part of the task, and so is the flag of truncation that such an environment, or a wrapper around
    another one, raises itself. Where the environments are known and none is ever cut short, nothing is reported. Where
    nothing is known of them the finding is an info with the condition, and so it is for Atari games, whose limit few
    episodes reach. A flag that is lowered in the last step which the program counts (`False if length == most else
    done`) is reported only where the limit of the environment is known. A loop that leaves an episode before the limit
    with which its environment is registered never meets that limit, and is not reported.

    ## Example

    ```python
    done = terminated or truncated
    memory.add(state, action, reward, next_state, done)
    ```

    ## Use instead

    ```python
    memory.add(state, action, reward, next_state, terminated)
    ```

    ## Fix safety

    Storing `terminated` changes the targets of transitions at the time limit only. Where episodes are cut by the stored
    flag, as for returns over several steps, the truncation has to be stored as well.

    ## References

    - Pardo et al. 2018, Time Limits in Reinforcement Learning, arXiv:1712.00378, section 3
    - Gymnasium documentation, Handling Time Limits
    """

    code = "PER502"
    name = "truncated-as-terminal"
    severity = Severity.WARNING

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each place that joins the flags that are stored."""
        seen: set[ir.Node] = set()
        for buffer in graph.buffers:
            if _masks_nothing(graph, buffer):
                continue  # what is stored there is of no account; PER501 says so
            for end in merged_ends(graph, buffer):
                if end.node in seen or is_test(end.path) or _hands_on_terminated(graph, end):
                    continue
                if graph.demos.is_dry(end.path, end.node):
                    continue  # rows to try the memory out with
                if _is_only_watched(graph, end):
                    continue  # an episode of a trained agent, whose rows are cleared again
                if is_erased(graph, buffer, end.path, end.node):
                    continue
                cuts = Cuts() if end.own else cuts_of(graph, steps_behind(graph, end))
                known = [cut.steps for cut in cuts.found if cut.steps is not None]
                limits = known if len(known) == len(cuts.found) else []
                if end.opened and not cuts.found:
                    continue  # the program's own limit is meant to be the environment's
                if not end.own and (cuts.are_none or ends_before_limit(graph, end.path, end.node, limits)):
                    continue
                seen.add(end.node)
                joined = "the limit is told as the end here" if end.own else "both flags become one here"
                links = [graph.evidence(end.path, end.node, "joined", joined)]
                around = graph.symbols.function_of(end.path, end.node)
                passed = [call for call in end.calls if graph.symbols.function_of(call[1], call[0]) is around]
                for call, path in passed or end.calls[-1:]:
                    links.append(graph.evidence(path, call, "passed", "and are handed on as the end of the task here"))
                links.append(graph.evidence(end.store.path, end.store.node, "stored", "the transition is stored here"))
                links += _own_limits(graph, cuts)
                name = name_of_called(graph, (call for call, _ in end.calls), buffer)
                what = f"`{graph.source(end.path, end.node)}`" if isinstance(end.node, ir.Expr) else "both flags in one"
                finding = self.finding(
                    graph,
                    end.path,
                    end.node,
                    f"{name} stores {what} as the end of the task: {_lost(end, cuts)}",
                    evidence=links,
                    fix=FixOffer(title="store terminated alone"),
                    pipeline=name,
                )
                is_sure = end.own or any(not cut.is_arcade for cut in cuts.found)
                yield finding if is_sure else replace(finding, severity=Severity.INFO)

    def witness(self) -> str:
        """A state worth 10 that a limit of 10 steps cuts: what its value becomes when the limit counts as an end."""
        import numpy as np

        rng = np.random.default_rng(0)
        right = wrong = 0.0
        for _ in range(20_000):
            truncated = rng.random() < 0.1
            right += 0.01 * (1.0 + 0.9 * right - right)
            wrong += 0.01 * (1.0 + 0.9 * (1 - truncated) * wrong - wrong)
        assert abs(right - 10) < 0.1
        assert wrong < 0.6 * right
        return f"a reward of 1 for ever is worth {right:.1f}; with each tenth step stored as an end {wrong:.0f}"

    bad = (
        Example(
            "one flag for the loop and the transition",
            {
                "train.py": """import random
from collections import deque
import torch.nn.functional as F


def train(env, net, optimizer, episodes):
    memory = deque(maxlen=10_000)
    for episode in range(episodes):
        state, _ = env.reset()
        done = False
        while not done:
            action = net.act(state)
            next_state, reward, terminated, truncated, _ = env.step(action)
            done = terminated or truncated  # <- PER502
            memory.append((state, action, reward, next_state, float(done)))
            state = next_state
            loss = net.loss(random.sample(memory, 32))  # <- PER001
            loss.backward()
            optimizer.step()
"""
            },
        ),
        Example(
            "joined in the call, arrays in another file",
            {
                "replay.py": """import numpy as np


class Replay:
    def __init__(self, capacity, width):
        self.obs, self.next_obs = np.zeros((capacity, width)), np.zeros((capacity, width))
        self.reward, self.keep = np.zeros(capacity), np.zeros(capacity)
        self.capacity, self.count = capacity, 0

    def put(self, obs, reward, next_obs, done):
        i = self.count % self.capacity
        self.obs[i], self.next_obs[i], self.reward[i] = obs, next_obs, reward
        self.keep[i] = 1 - done
        self.count += 1

    def get(self, n):
        at = np.random.randint(0, min(self.count, self.capacity), n)  # <- PER001
        return self.obs[at], self.reward[at], self.next_obs[at], self.keep[at]
""",
                "main.py": """import gymnasium as gym
import numpy as np
from replay import Replay


def main(model, steps):
    env = gym.make("LunarLander-v3")
    replay = Replay(50_000, 8)
    obs, _ = env.reset()
    for step in range(steps):
        next_obs, reward, term, trunc, info = env.step(model.act(obs))
        replay.put(obs, reward, next_obs, np.logical_or(term, trunc))  # <- PER502
        obs = env.reset()[0] if term or trunc else next_obs
        before, rewards, after, keep = replay.get(64)
        model.fit(before, rewards + 0.99 * keep * model.predict(after).max(axis=1))
""",
            },
        ),
        Example(
            "a wrapper with one flag",
            {
                "env.py": """import gymnasium


class Simple:
    def __init__(self, name):
        self.env = gymnasium.make(name)

    def reset(self):
        return self.env.reset()[0]

    def step(self, action):
        obs, reward, terminated, truncated, info = self.env.step(action)
        return obs, reward, terminated | truncated, info  # <- PER502
""",
                "agent.py": """import random
from env import Simple


class Agent:
    def __init__(self, model, name):
        self.model, self.env, self.past = model, Simple(name), []

    def run(self, steps):
        obs = self.env.reset()
        for step in range(steps):
            action = self.model.act(obs)
            later, reward, done, _ = self.env.step(action)
            self.past.append((obs, action, reward, later, done))
            if len(self.past) > 5_000:
                self.past.pop(0)
            obs = self.env.reset() if done else later
            self.replay()

    def replay(self):
        for obs, action, reward, later, done in random.sample(self.past, min(16, len(self.past))):  # <- PER001
            goal = self.model.predict(obs)
            goal[action] = reward if done else reward + 0.95 * self.model.predict(later).max()
            self.model.fit(obs, goal)
""",
            },
        ),
        Example(
            "a module beside it is made where it runs: compiled, or with the settings of a machine",
            {
                "agents/train.py": """import random
from collections import deque
from .local_settings import RATE


def train(env, net, optimizer, episodes):
    memory = deque(maxlen=10_000)
    for episode in range(episodes):
        state, _ = env.reset()
        done = False
        while not done:
            next_state, reward, terminated, truncated, _ = env.step(net.act(state))
            done = terminated or truncated  # <- PER502
            memory.append((state, reward, next_state, float(done)))
            state = next_state
            net.loss(random.sample(memory, 32), RATE).backward()  # <- PER001
            optimizer.step()
""",
                "agents/plots.py": "def draw(returns):\n    return list(returns)\n",
            },
        ),
        Example("a limit of the program's own", {"train.py": _OWN}),
        Example("a limit of the program's own environment", {"car.py": _CAR, "train.py": _DRIVE}),
        Example("both flags of the program's own environment", {"car.py": _CUT_SHORT, "train.py": _BOTH}),
        Example(
            "the program's own environment pays for a crash, and at its limit what it always does",
            {"car.py": _paid(_CAR, "        if crashed:\n", ""), "train.py": _DRIVE},
        ),
        Example(
            "a limit of the program's own in one line",
            {
                "train.py": _OWN.replace("            if step >= max_steps:  # <- PER502\n", "").replace(
                    "    done = True\n", "done = done or step == max_steps  # <- PER502\n"
                )
            },
        ),
        Example(
            "a loop that collects a part of an episode",
            {
                "train.py": _CAPPED.format(parameters="", name="LunarLander-v3", steps="100", mark="  # <- PER502")
                .replace("        state, _ = env.reset()\n", "")
                .replace("    for _ in range(500)", "    state, _ = env.reset()\n    for _ in range(500)")
                .replace("                break\n", "                state, _ = env.reset()\n")
            },
        ),
        Example(
            "a loop that is left before a row is stored at some ends alone",
            {
                "train.py": _CAPPED.format(
                    parameters="", name="LunarLander-v3", steps="2_000", mark="  # <- PER502"
                ).replace(
                    "            memory.append(",
                    "            if done and t < 10:\n                break\n            memory.append(",
                )
            },
        ),
        Example(
            "a loop of as many steps as the environment allows",
            {
                "train.py": _CAPPED.format(
                    parameters="max_t=1_000", name="LunarLander-v3", steps="max_t", mark="  # <- PER502"
                )
            },
        ),
        Example(
            "an episode is kept until it is over, with goals that it reached later",
            {
                "hindsight.py": """import random
from collections import deque


class Hindsight:
    def __init__(self, limit, strategy):
        self.rows, self.episode, self.strategy = deque(maxlen=limit), [], strategy

    def put(self, state, action, reward, next_state, goal, done):
        row = (state, action, reward, next_state, goal, done)
        self.episode.append(row)

    def close(self):
        for row in self.episode:
            self.rows.append(row)
        for row in self._relabelled():
            self.rows.append(row)
        self.episode.clear()

    def _relabelled(self):
        rows = []
        for t, (state, action, _, next_state, _, done) in enumerate(self.episode):
            if self.strategy == "future":
                later = list(range(t + 1, len(self.episode)))
                if not later:
                    continue
                goal = self.episode[random.choice(later)][3]
            else:
                at = random.randint(0, len(self.episode) - 1)
                goal = self.episode[at][3]
            rows.append((state, action, float(next_state == goal), next_state, goal, done))
        return rows

    def draw(self, n):
        states, actions, rewards, next_states, goals, dones = zip(*random.sample(self.rows, n))  # <- PER001
        return states, actions, rewards, next_states, goals, dones
""",
                "train.py": """from hindsight import Hindsight


def train(env, net, optimizer, episodes):
    memory = Hindsight(20_000, "future")
    for _ in range(episodes):
        state, goal = env.reset()
        for _ in range(100):
            action = net.act(state, goal)
            next_state, reward, terminated, truncated, _ = env.step(action)
            memory.put(state, action, reward, next_state, goal, terminated or truncated)  # <- PER502
            state = next_state
            net.loss(*memory.draw(32)).backward()
            optimizer.step()
            if terminated or truncated:
                break
        memory.close()
""",
            },
        ),
        Example(
            "a flag that one of two agents reads, each with a memory of its own of one class",
            {
                "replay.py": _SHARED,
                "double.py": _AGENT.format(
                    name="Double",
                    mark="  # <- PER502",
                    values="(1 - batch.over[i]) * self.net(later).max() for i, later in enumerate(batch.next_state)",
                ),
                "single.py": _AGENT.format(
                    name="Single",
                    mark="",
                    values="0.0 if later is None else self.net(later).max() for later in batch.next_state",
                ),
            },
        ),
        Example(
            "an episode for training, and one to watch: whoever asks for that clears its rows",
            {
                "replay.py": _SHARED,
                "agent.py": _AGENT.format(
                    name="Agent",
                    mark="  # <- PER502",
                    values="(1 - batch.over[i]) * self.net(later).max() for i, later in enumerate(batch.next_state)",
                )
                + """
    def watch(self):
        state, over = self.env.reset()[0], False
        while not over:
            observation, reward, terminated, truncated, _ = self.env.step(self.net.act(state))
            over = terminated or truncated
            self.memory.push(state, reward, observation, over)
            state = observation
""",
                "evaluate.py": """from agent import Agent


def evaluate(env, net, episodes):
    agent = Agent(env, net, None)
    for _ in range(episodes):
        agent.watch()
        print(sum(row.reward for row in agent.memory.rows))
        agent.memory.clear()
""",
            },
        ),
        Example("a wrapper that cuts an episode short, around an environment without a limit", {"train.py": _GAME}),
        Example(
            "a loop that is left once the rewards are many",
            {
                "train.py": _in('gym.make("CartPole-v1")')
                .replace("        done = False\n", "        done, total = False, 0\n")
                .replace("while not done:\n", "while not done and total < 300:\n")
                .replace(
                    "            state = next_state\n", "            state = next_state\n            total += reward\n"
                )
            },
        ),
        Example(
            "a loop that counts its steps goes on to the environment's limit",
            {
                "train.py": _in('gym.make("CartPole-v1")')
                .replace("        done = False\n", "        done, step = False, 0\n")
                .replace("while not done:\n", "while not done and step < 500:\n            step += 1\n")
            },
        ),
        Example(
            "an environment that a factory makes, by an option of the command line",
            {
                "train.py": _in("build(parser.parse_args().env)")
                .replace(
                    "def train(",
                    """def build(name):
    env = gym.make(name)
    return gym.wrappers.RecordEpisodeStatistics(env)


parser = argparse.ArgumentParser()
parser.add_argument("--env", default="CartPole-v1")


def train(""",
                )
                .replace("import random", "import argparse\nimport random")
            },
        ),
        Example(
            "an environment of the program's own, registered with a limit",
            {
                "maze.py": _REGISTERED.replace('"maze:Maze")', '"maze:Maze", max_episode_steps=300)'),
                "train.py": _in('gym.make("maze:maze")'),
            },
        ),
        Example(
            "a limit of the program's own environment, among other ends that are told one by one",
            {
                "car.py": _CAR.replace(
                    "        done = crashed or self.taken >= self.max_steps  # <- PER502\n",
                    "        done = False\n        if crashed:\n            done = True\n"
                    "        if self.taken >= self.max_steps:  # <- PER502\n            done = True\n",
                ),
                "train.py": _DRIVE,
            },
        ),
        Example(
            "a limit of the program's own environment, whatever its name",
            {
                "car.py": _CAR.replace("max_steps", "span"),
                "train.py": _DRIVE,
            },
        ),
        Example(
            "a limit of the program's own environment that is written where it is asked for",
            {"car.py": _CAR.replace("self.max_steps  #", "500  #"), "train.py": _DRIVE},
        ),
        Example(
            "a limit of the program's own environment that its file names",
            {
                "car.py": "SPAN = 200\n"
                + _CAR.replace("self.max_steps,", "self.most,").replace("self.max_steps", "SPAN"),
                "train.py": _DRIVE,
            },
        ),
        Example(
            "two flags of the program's own environment, which is out of time after as many steps as are written there",
            {
                "car.py": _CAR.replace("  # <- PER502", "")
                .replace("done = crashed or self.taken >= self.max_steps", "late = self.taken == 90")
                .replace("done, {}", "crashed, late, {}"),
                "train.py": _BOTH.replace("truncated, _ =", "timeout, _ =").replace("truncated", "timeout"),
            },
        ),
        Example("a limit of the program's own, where the caller holds the loop over episodes", {"main.py": _FLIGHT}),
        Example(
            "steps of which those at random are forgotten before anything is learnt",
            {
                "train.py": """import random
from collections import deque

import gymnasium


class Past:
    def __init__(self, size):
        self.rows = deque(maxlen=size)

    def put(self, state, action, reward, next_state, over):
        self.rows.append((state, action, reward, next_state, over))

    def some(self, n):
        return random.sample(self.rows, n)  # <- PER001 PER002

    def forget(self):
        self.rows.clear()


def look_around(env, past, steps):
    state, _ = env.reset()
    for _ in range(steps):
        action = env.action_space.sample()
        next_state, reward, terminated, truncated, _ = env.step(action)
        past.put(state, action, reward, next_state, terminated or truncated)
        state = env.reset()[0] if terminated or truncated else next_state


def train(env, past, model, steps):
    state, _ = env.reset()
    for _ in range(steps):
        action = model.act(state)
        next_state, reward, terminated, truncated, _ = env.step(action)
        past.put(state, action, reward, next_state, terminated or truncated)  # <- PER502
        state = env.reset()[0] if terminated or truncated else next_state
        for before, choice, gain, after, over in past.some(32):
            goal = gain if over else gain + 0.99 * model.predict(after).max()
            model.fit(before, choice, goal)


def main(model):
    env, past = gymnasium.make("CartPole-v1"), Past(10_000)
    look_around(env, past, 1_000)
    past.forget()
    train(env, past, model, 100_000)
""",
            },
        ),
        Example(
            "a limit of the program's own environment, told by the length of a list that nothing else reads",
            {
                "car.py": _CAR.replace("self.speed, self.taken = 0.0, 0.0, 0", "self.speed, self.paid = 0.0, 0.0, []")
                .replace("self.taken += 1", "self.paid.append(force)")
                .replace("self.taken >= self.max_steps", "len(self.paid) >= self.max_steps"),
                "train.py": _DRIVE,
            },
        ),
        Example(
            "rows that a typed named tuple makes",
            {
                "main.py": _FLIGHT.replace(
                    "\n\nclass Pilot",
                    "from typing import NamedTuple\n\n\nclass Row(NamedTuple):\n    state: object\n"
                    "    action: int\n    reward: float\n    next_state: object\n    done: bool\n\n\nclass Pilot",
                    1,
                ).replace(
                    "append((state, action, reward, next_state, done))",
                    "append(Row(state, action, reward, next_state, done))",
                )
            },
        ),
    )
    good = (
        Example(
            "a loop that is left before the last transition is stored",
            {
                "train.py": _CAPPED.format(parameters="", name="LunarLander-v3", steps="2_000", mark="").replace(
                    "            memory.append(",
                    "            if done:\n                break\n            memory.append(",
                )
            },
        ),
        Example(
            "the call gives one argument too few: what they are called says which it is",
            {
                "replay.py": _SHARED.replace('"reward"', '"opponent", "reward"')
                .replace("self, *row", "self, state, opponent, reward, next_state, over")
                .replace("Step(*row)", "Step(state, opponent, reward, next_state, over)"),
                "agent.py": _AGENT.format(
                    name="Double", mark="", values="0 if s is None else self.net.value(s) for s in batch.next_state"
                ),
            },
        ),
        Example(
            "a loop that leaves the episode before the environment's limit",
            {"train.py": _CAPPED.format(parameters="max_t=1_000", name="ALE/MsPacman-v5", steps="max_t", mark="")},
        ),
        Example(
            "a loop that counts its steps leaves the episode before the environment's limit",
            {
                "train.py": _in('gym.make("CartPole-v1")')
                .replace("  # <- PER502", "")
                .replace("        done = False\n", "        done, step = False, 0\n")
                .replace("while not done:\n", "while not done and step < 300:\n            step += 1\n")
            },
        ),
        Example(
            "an environment without a limit",
            {"train.py": _CAPPED.format(parameters="most", name="FlappyBird-v0", steps="most", mark="")},
        ),
        Example(
            "a game whose own clock ends the life",
            {
                "train.py": _CAPPED.replace("import gymnasium as gym", "import gym_super_mario_bros as gym").format(
                    parameters="most", name="SuperMarioBros-1-1-v0", steps="most", mark=""
                )
            },
        ),
        Example(
            "rows to try a memory out with, where its file is started by itself",
            {
                "replay.py": bad[1].plain["replay.py"].replace("  # <- PER001", "")
                + """

if __name__ == "__main__":
    import gymnasium as gym

    env = gym.make("LunarLander-v3")
    replay = Replay(50_000, 8)
    for _ in range(1_000):
        obs, done = env.reset()[0], False
        while not done:
            next_obs, reward, terminated, truncated, _ = env.step(env.action_space.sample())
            done = terminated or truncated
            replay.put(obs, reward, next_obs, done)
            obs = next_obs
    print(replay.get(32))
""",
                "main.py": bad[1].plain["main.py"].replace("np.logical_or(term, trunc)", "term"),
            },
        ),
        Example(
            "a flag that nothing reads: the target looks for a missing next state",
            {
                "train.py": """import random
from collections import deque, namedtuple

Step = namedtuple("Step", ["state", "action", "reward", "next_state", "over"])


def train(env, net, target_net, optimizer, episodes):
    memory = deque(maxlen=10_000)
    for episode in range(episodes):
        state, _ = env.reset()
        over = False
        while not over:
            action = net.act(state)
            observation, reward, terminated, truncated, _ = env.step(action)
            over = terminated or truncated
            next_state = None if terminated else observation
            memory.append(Step(state, action, reward, next_state, over))
            state = observation
            batch = Step(*zip(*random.sample(memory, 32)))
            values = [0.0 if later is None else target_net(later).max() for later in batch.next_state]
            goals = [reward + 0.99 * value for reward, value in zip(batch.reward, values)]
            net.loss(batch.state, batch.action, goals).backward()
            optimizer.step()
"""
            },
        ),
        Example(
            "a place of the batch that gets no name: the target looks for a missing next state",
            {
                "train.py": """import random
from collections import deque


def train(env, net, target_net, optimizer, episodes):
    memory = deque(maxlen=10_000)
    for episode in range(episodes):
        state, _ = env.reset()
        over = False
        while not over:
            observation, reward, terminated, truncated, _ = env.step(net.act(state))
            over = terminated or truncated
            next_state = None if terminated else observation
            memory.append((state, reward, next_state, over))
            state = observation
            states, rewards, later, _ = zip(*random.sample(memory, 32))
            values = [0.0 if one is None else target_net(one).max() for one in later]
            net.loss(states, [r + 0.99 * value for r, value in zip(rewards, values)]).backward()
            optimizer.step()
"""
            },
        ),
        Example(
            "no environment that could be cut short",
            {
                "maze.py": """class Maze:
    def __init__(self, size):
        self.size, self.at = size, 0

    def reset(self):
        self.at = 0
        return self.at, {}

    def step(self, action):
        self.at = max(0, self.at + action)
        found = self.at >= self.size
        return self.at, float(found), found, False, {}
""",
                "train.py": bad[0].plain["train.py"]
                + """

def main(net, optimizer):
    from maze import Maze

    train(Maze(9), net, optimizer, 1000)
""",
            },
        ),
        Example(
            "an environment of the program's own, made by the name that it is registered with, that is never cut short",
            {
                "maze.py": _REGISTERED,
                "train.py": bad[0]
                .plain["train.py"]
                .replace("import random\n", "import gymnasium as gym\nimport random\n")
                + """

def main(net, optimizer):
    import maze

    train(gym.make("maze"), net, optimizer, 1000)
""",
            },
        ),
        Example(
            "a batch that holds both flags beside the end of the episode",
            {
                "collect.py": """import numpy as np


class Rows:
    def __init__(self, size):
        self.rows, self.size = [], size

    def add(self, row):
        self.rows.append(dict(row))
        self.rows = self.rows[-self.size :]

    def sample(self, n):
        return [self.rows[i] for i in np.random.randint(0, len(self.rows), n)]


def collect(env, policy, rows, steps):
    state, _ = env.reset()
    for _ in range(steps):
        action = policy(state)
        next_state, reward, terminated, truncated, _ = env.step(action)
        done = np.logical_or(terminated, truncated)
        row = {"state": state, "action": action, "next": next_state, "reward": reward, "done": done}
        row.update(terminated=terminated)
        rows.add(row)
        state = env.reset()[0] if done else next_state


def learn(net, target_net, optimizer, rows):
    batch = rows.sample(32)
    goals = [r["reward"] + 0.99 * (1 - r["terminated"]) * target_net(r["next"]).max() for r in batch]
    net.loss(batch, goals).backward()
    optimizer.step()
"""
            },
        ),
        Example(
            "terminated is stored, either flag ends the loop",
            {"train.py": bad[0].plain["train.py"].replace("float(done)", "float(terminated)")},
        ),
        Example(
            "both flags are stored",
            {"train.py": bad[0].plain["train.py"].replace("float(done)", "float(done), terminated")},
        ),
        Example(
            "the flag is lowered in the last step that the program counts, of whatever environment",
            {
                "train.py": bad[0]
                .plain["train.py"]
                .replace("episodes):\n", "episodes, most):\n", 1)
                .replace("        done = False\n", "        done, steps = False, 0\n")
                .replace(
                    "            memory",
                    "            steps += 1\n            ended = False if steps == most else done\n            memory",
                )
                .replace("float(done)", "float(ended)")
                .replace(
                    "            optimizer.step()\n",
                    "            optimizer.step()\n            done = done or steps == most\n",
                )
            },
        ),
        Example(
            "the truncation is taken out again",
            {"train.py": bad[0].plain["train.py"].replace("float(done)", "done and not truncated")},
        ),
        Example(
            "a limit of the program's own that ends the loop alone",
            {"train.py": _OWN.replace("  # <- PER502", "").replace("done = True", "break")},
        ),
        Example(
            "a limit of the program's own environment, which observes how many steps are left",
            {
                "car.py": _CAR.replace("  # <- PER502", "").replace(
                    "return (self.at, self.speed)", "return (self.at, self.speed, self.taken)"
                ),
                "train.py": _DRIVE,
            },
        ),
        Example(
            "an environment of the program's own that only its tests make",
            {
                "car.py": _CAR.replace("  # <- PER502", ""),
                "train.py": _DRIVE.replace("from car import Car\n", "")
                .replace("(net,", "(env, net,")
                .replace("env, memory = Car(500), deque", "memory = deque"),
                "test_train.py": """from car import Car
from train import train


def test(net, optimizer):
    train(Car(9), net, optimizer, 2)
""",
            },
        ),
        Example(
            "the only end that the program's own environment knows",
            {
                "car.py": _CAR.replace(
                    "crashed or self.taken >= self.max_steps  # <- PER502", "self.taken >= self.max_steps"
                ),
                "train.py": _DRIVE,
            },
        ),
        Example(
            "a limit of the program's own environment that takes off a reward",
            {
                "car.py": _CAR.replace("crashed or self.taken >= self.max_steps  # <- PER502", "crashed")
                .replace("-abs(self.speed - 5), done", "reward, done")
                .replace(
                    "        return (self.at, self.speed), r",
                    """        reward = -abs(self.speed - 5)
        if self.taken >= self.max_steps:
            done = True
            reward -= 100
        return (self.at, self.speed), r""",
                ),
                "train.py": _DRIVE,
            },
        ),
        Example(
            "the program's own environment pays for each end, also at its limit, in place of the usual reward",
            {
                "car.py": _paid(_CAR, "        elif crashed:\n", "        else:\n            reward = 50.0\n").replace(
                    "  # <- PER502", ""
                ),
                "train.py": _DRIVE,
            },
        ),
        Example(
            "the program's own environment says by itself what it is cut short for",
            {
                "car.py": _CUT_SHORT,
                "train.py": _BOTH.replace("  # <- PER502", "").replace("float(done)", "float(crashed)"),
            },
        ),
        Example(
            "an end that is no limit",
            {"train.py": _OWN.replace("step >= max_steps:  # <- PER502", "step == env.rows:")},
        ),
        Example(
            "a limit of the whole run",
            {"train.py": _OWN.replace("  # <- PER502", "").replace("state, step, done", "state, _, done")},
        ),
        Example(
            "the older interface",
            {
                "train.py": bad[0]
                .plain["train.py"]
                .replace("reward, terminated, truncated, _ =", "reward, done, info =")
                .replace("            done = terminated or truncated\n", "")
            },
        ),
        Example(
            "joined for the reset only, arrays in another file",
            {
                "replay.py": bad[1].plain["replay.py"],
                "main.py": bad[1].plain["main.py"].replace("np.logical_or(term, trunc)", "term"),
            },
        ),
        Example(
            "both flags for the loop, and in a column of its own what the task ends alone",
            {"train.py": _TWO_COLUMNS.replace("FINAL", "float(terminated)")},
        ),
        Example(
            "a wrapper that cuts an episode short takes off a reward for it",
            {
                "train.py": _GAME.replace("  # <- PER502", "").replace(
                    "            truncated = True\n", "            truncated = True\n            reward -= 10\n"
                )
            },
        ),
        Example(
            "a model of the environment is learnt, which leaves the ends aside",
            {
                "replay.py": bad[1].plain["replay.py"],
                "main.py": bad[1]
                .plain["main.py"]
                .replace("before, rewards, after, keep", "before, _, after, _")
                .replace("rewards + 0.99 * keep * model.predict(after).max(axis=1)", "after"),
            },
        ),
        Example(
            "a library's environment without its wrappers, that of the limit among them",
            {"train.py": _in('gym.make("CartPole-v1").unwrapped').replace("  # <- PER502", "")},
        ),
        Example(
            "an environment that is never cut short for training, one with a limit for something else",
            {
                "maze.py": _REGISTERED,
                "train.py": _in('gym.make("maze:maze")').replace("  # <- PER502", ""),
                "show.py": """import gymnasium as gym


def show(policy):
    env = gym.make("CartPole-v1", render_mode="human")
    state, over = env.reset()[0], False
    while not over:
        state, _, terminated, truncated, _ = env.step(policy(state))
        over = terminated or truncated
""",
            },
        ),
        Example(
            "a limit that the program's own environment observes",
            {
                "car.py": _CUT_SHORT.replace(
                    "return (self.at, self.speed)", "return (self.at, self.speed, self.taken)"
                ),
                "train.py": _BOTH.replace("  # <- PER502", ""),
            },
        ),
        Example(
            "both flags for the loop, and in a column of its own no end at the limit",
            {"train.py": _TWO_COLUMNS.replace("FINAL", "0.0 if step + 1 == env.spec.max_episode_steps else over")},
        ),
        Example(
            "rows that hold both flags wait in a list, and are stored with a column for each",
            {
                "replay.py": bad[1]
                .plain["replay.py"]
                .replace("next_obs, done):", "next_obs, done, cut):")
                .replace("        self.count += 1\n", "        self.cut[i] = cut\n        self.count += 1\n")
                .replace(
                    "        self.capacity, self.count",
                    "        self.cut = np.zeros(capacity)\n        self.capacity, self.count",
                )
                .replace(
                    "    def get",
                    "    def put_all(self, rows):\n        for row in rows:\n            self.put(*row)\n\n    def get",
                ),
                "main.py": bad[1]
                .plain["main.py"]
                .replace("    obs, _ =", "    rows = []\n    obs, _ =")
                .replace(
                    "        replay.put(obs, reward, next_obs, np.logical_or(term, trunc))\n",
                    "        rows.append((obs, reward, next_obs, term, trunc))\n        store(replay, rows)\n",
                )
                + """

def store(replay, rows):
    if len(rows) >= 16:
        replay.put_all(list(rows))
        rows.clear()
""",
            },
        ),
        Example(
            "a board of the program's own that is full after so many moves",
            {
                "car.py": _CAR.replace("  # <- PER502", "")
                .replace("max_steps, self.at", "cells, self.at")
                .replace(
                    "self.at, self.speed, self.taken = 0.0,",
                    "self.board = [0.0] * self.cells\n        self.at, self.speed, self.taken = 0.0,",
                    2,
                )
                .replace("max_steps", "cells"),
                "train.py": _DRIVE,
            },
        ),
        Example(
            "a board of the program's own, with its squares in the code",
            {
                "car.py": _CAR.replace("self.max_steps  # <- PER502", "42"),
                "train.py": _DRIVE,
            },
        ),
        Example(
            "steps of the program's own environment that are taken away for faults, as lives are",
            {
                "car.py": _CAR.replace("  # <- PER502", "")
                .replace("max_steps", "span")
                .replace("        self.speed += force", "        self.span -= force < 0\n        self.speed += force"),
                "train.py": _DRIVE,
            },
        ),
        Example(
            "a number of steps of the program's own environment that its observations tell",
            {
                "car.py": _CAR.replace("  # <- PER502", "")
                .replace("max_steps", "span")
                .replace("return (self.at, self.speed)", "return (self.at, self.speed, self.taken)"),
                "train.py": _DRIVE,
            },
        ),
        Example(
            "two flags of the program's own environment, whose observations tell how many steps were taken",
            {
                "car.py": _CAR.replace("  # <- PER502", "")
                .replace("done = crashed or self.taken >= self.max_steps", "late = self.taken == 90")
                .replace("done, {}", "crashed, late, {}")
                .replace("return (self.at, self.speed)", "return (self.at, self.speed, self.taken)"),
                "train.py": _BOTH.replace("  # <- PER502", "")
                .replace("truncated, _ =", "timeout, _ =")
                .replace("truncated", "timeout"),
            },
        ),
        Example(
            "a mask that is the wrong way round, which keeps the value at the limit and loses it everywhere else",
            {
                "train.py": """import random
from collections import deque


def train(env, model):
    memory = deque(maxlen=10_000)
    for episode in range(500):
        state, done = env.reset()[0], False
        while not done:
            later, reward, terminated, truncated, _ = env.step(model.act(state))
            done = terminated or truncated
            memory.append((state, reward, later, done))
            state = later
            for before, r, after, going_on in random.sample(memory, min(32, len(memory))):  # <- PER001
                model.fit(before, r + 0.97 * going_on * model.value(after))  # <- PER501
"""
            },
        ),
        Example(
            "both flags cut the window of steps, and one that is down at the limit is the end of the target",
            {
                "train.py": """import random
from collections import deque


def train(env, model, limit, steps=3):
    memory, window = deque(maxlen=10_000), deque(maxlen=steps)
    for episode in range(500):
        state, count, done = env.reset()[0], 0, False
        while not done:
            later, reward, terminated, truncated, _ = env.step(model.act(state))
            done, count = terminated or truncated, count + 1
            if done and count != limit:
                ended = True
            else:
                ended = False
            window.append((state, reward, later, ended, done))
            if len(window) == steps:
                total, (_, _, after, end, _) = 0.0, window[-1]
                for _, r, s, e, d in reversed(window):
                    total = r + 0.99 * (1 - d) * total
                    if d:
                        after, end = s, e
                memory.append((window[0][0], total, after, end))
            state = later
            for before, r, after, end in random.sample(memory, min(32, len(memory))):  # <- PER001
                model.fit(before, r + 0.97 * (1 - end) * model.value(after))
"""
            },
        ),
        Example(
            "a limit that is stored with each state",
            {
                "main.py": _FLIGHT.replace("  # <- PER502", "").replace(
                    "(state, action, reward, next_state, done)",
                    "((state, t), action, reward, (next_state, t + 1), done)",
                )
            },
        ),
        Example(
            "a list that is full after so many steps, which the task is about",
            {
                "car.py": _CAR.replace("self.speed, self.taken = 0.0, 0.0, 0", "self.speed, self.paid = 0.0, 0.0, []")
                .replace("self.taken += 1", "self.paid.append(force)")
                .replace("self.taken >= self.max_steps  # <- PER502", "len(self.paid) >= self.max_steps")
                .replace("-abs(self.speed - 5)", "-sum(self.paid)"),
                "train.py": _DRIVE,
            },
        ),
        Example(
            "rows that a typed named tuple makes, which hold how many steps were taken",
            {
                "main.py": _FLIGHT.replace(
                    "\n\nclass Pilot",
                    "from typing import NamedTuple\n\n\nclass Row(NamedTuple):\n    state: object\n"
                    "    action: int\n    reward: float\n    next_state: object\n    done: bool\n\n\nclass Pilot",
                    1,
                )
                .replace(
                    "append((state, action, reward, next_state, done))",
                    "append(Row(state, action, reward, next_state, done))",
                )
                .replace("  # <- PER502", "")
                .replace("    done: bool", "    done: bool\n    step: int")
                .replace("next_state, done))", "next_state, done, t + 1))")
                .replace("s2, d in batch", "s2, d, _ in batch")
            },
        ),
        Example(
            "a number of turns that the loop never comes to",
            {"main.py": _FLIGHT.replace("  # <- PER502", "").replace("t + 1 ==", "t ==")},
        ),
    )


def _own_limits(graph: ReplayGraph, cuts: Cuts) -> list[Evidence]:
    """Where environments of the project say that they are cut short."""
    said = [(cut.name, cut.path, cut.node) for cut in cuts.found]
    return [graph.evidence(path, node, "cut", f"{name} is cut short here") for name, path, node in said if node]


def _lost(end: MergedEnd, cuts: Cuts) -> str:
    """What is lost, and where."""
    lost = "the target loses the value of the next state"
    met = [cut for cut in cuts.found if not cut.is_arcade] or list(cuts.found)
    if end.own:
        return f"at a time limit {lost}"
    if not met:
        return f"should the environment, which is not known here, tell a time limit by its second flag, {lost} there"
    *before, last = dict.fromkeys(map(str, met))
    limits = " or ".join([", ".join(before), last] if before else [last])
    seldom = ", which few episodes reach," if met[0].is_arcade else ""
    return f"at the time limit of {limits}{seldom} {lost}"


def _masks_nothing(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether all targets that are made of what is drawn bootstrap through the ends of episodes, be it there alone."""
    targets = {target.node for target in bootstrap.targets(graph, buffer)}
    kept = {target.node for target in bootstrap.unmasked(graph, buffer)}
    return bool(targets) and targets <= kept | {target.node for target, _ in polarity.inverted(graph, buffer)}


def _is_only_watched(graph: ReplayGraph, end: MergedEnd) -> bool:
    """Whether only files that learn nothing run the episode, and clear the memory that the rows go to."""
    function = graph.symbols.function_of(end.path, end.node)
    holders = (call.func.value for call, _ in end.calls if isinstance(call, ir.Call) and isinstance(call.func, ir.Attr))
    memories = {ir.last_name(holder) for holder in holders}
    return isinstance(function, ir.Function) and graph.demos.only_watches(function, memories)


def _hands_on_terminated(graph: ReplayGraph, end: MergedEnd) -> bool:
    """Whether the function that joins the flags also hands on terminated alone, by its name: both are stored."""
    function = graph.symbols.function_of(end.path, end.node)
    body = graph.module(end.path).body if function is None else [function]
    calls = (node for node in ir.walk(*body) if isinstance(node, ir.Call))
    return any(arg.keyword == "terminated" for call in calls for arg in call.args)
