"""PER503 n-step-crosses-episode."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from per_audit.findings import FixOffer, Severity
from per_audit.graph.episodes import cut_windows, windows
from per_audit.graph.memory.capacity import capacity_of
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.facts import ir
    from per_audit.findings import Finding
    from per_audit.graph import ReplayBuffer, ReplayGraph


_TRAIN = """from {module} import {cls}


def train(env, model, optimizer, *, steps=10_000):
    memory = {cls}({arguments})
    state, _ = env.reset()
    for step in range(steps):
        next_state, reward, terminated, truncated, _ = env.step(model.act(state))
        memory.add(state, 0, reward, next_state, terminated)
        state = env.reset()[0] if terminated or truncated else next_state
        loss = model.loss(memory.sample(32))
        loss.backward()
        optimizer.step()
"""


_COLUMNS = """import random
from collections import deque

import numpy as np


class Walker:
    def __init__(self, net, optimizer, n=5, gamma=0.97):
        self.net, self.optimizer, self.n, self.rows = net, optimizer, n, deque(maxlen=10_000)
        self.gains, self.states = deque(maxlen=n), deque(maxlen=n)
        self.powers = np.array([gamma**k for k in range(n)])

    def keep(self, state, reward, next_state, over):
        self.gains.append(reward)
        self.states.append(state)
        if len(self.gains) == self.n:
            reward_sum = np.sum(self.gains * self.powers)
            self.rows.append((self.states[0], reward_sum, next_state, over))
        if over:
            self.gains.clear()  # <- PER503
            self.states.clear()
        loss = self.net.loss(random.sample(self.rows, 32))  # <- PER001
        loss.backward()
        self.optimizer.step()


def walk(env, net, optimizer, steps):
    walker, state = Walker(net, optimizer), env.reset()
    for _ in range(steps):
        next_state, reward, over, _ = env.step(net.act(state))
        walker.keep(state, reward, next_state, over)
        state = env.reset() if over else next_state
"""


class NStepCrossesEpisode(Rule):
    """Returns over n steps are summed across the end of an episode, or its last starts are never stored.

    ## What it does

    Reports a discounted sum of rewards over a window of transitions on their way into a replay buffer, where the sum
    does not look at the end of an episode and nothing ever empties the window. As a warning it reports a window that is
    cleared at the end of an episode while it still holds starts that are never stored, and one that is emptied only
    where the task has terminated while the loop begins a new episode at a time limit too.

    ## Why is this bad

    A sum across the end adds the first rewards of the next episode to the last ones of this one, and bootstraps from a
    state that the action never led to: n - 1 of the transitions of each episode are wrong. Where the window is dropped
    instead, the last n - 1 starts of each episode are never learnt from, which are those next to the final reward.

    ## Known problems

    Windows that are kept in an attribute are judged; a local variable that is new for each episode needs no clearing.
    Where an option gives one step unless told otherwise the finding is a warning, that of a cleared window a hint.
    Sums over positions of the replay itself, at the time of the draw, are not looked at.

    ## Example

    ```python
    self.window.append((state, action, reward, next_state, done))
    total = sum(gamma**i * step[2] for i, step in enumerate(self.window))
    ```

    ## Use instead

    ```python
    total, last = 0.0, self.window[-1]
    for step in reversed(self.window):
        total = step.reward + gamma * total * (1 - step.done)
        last = step if step.done else last
    ```

    ## Fix safety

    Never applied by itself: what follows the end of an episode depends on the loop around the environment.

    ## References

    - Sutton and Barto 2018, Reinforcement Learning, section 7.1: an n-step return that extends beyond termination is
      the ordinary full return
    - Hessel et al. 2018, Rainbow, arXiv:1710.02298, multi-step learning
    """

    code = "PER503"
    name = "n-step-crosses-episode"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each sum that crosses, and for each place that drops starts."""
        seen: set[ir.Node] = set()
        for buffer in graph.buffers:
            for found in windows.return_sums(graph, buffer):
                for finding, node in self._judged(graph, buffer, found):
                    if node not in seen:
                        seen.add(node)
                        yield finding

    def _judged(
        self, graph: ReplayGraph, buffer: ReplayBuffer, found: windows.ReturnSum
    ) -> Iterable[tuple[Finding, ir.Node]]:
        if capacity_of(graph, found.windows).is_at_most(1):
            return
        is_one = capacity_of(graph, found.windows, by_name=True).usual == 1
        name = graph.name_of(buffer)
        kept = [
            graph.evidence(path, window.node, "window", "the window is made here")
            for window in sorted(found.windows, key=lambda window: window.node.start)
            if (path := graph.path_of(window.node)) is not None
        ]
        summed = graph.evidence(found.path, found.node, "sum", "the rewards of the window are summed here")
        looks = windows.looks_at_ends(graph, found)
        if not looks and windows.ends_known(graph, found) and not windows.emptied(graph, found):
            if windows.is_renewed(graph, found):
                return
            crossing = self.finding(
                graph,
                found.path,
                found.node,
                "the return over several steps is summed across the end of an episode: neither does the sum look "
                "at the end, nor is the window ever emptied" + (" (one step unless told otherwise)" if is_one else ""),
                evidence=[summed, *kept],
                fix=FixOffer(title="end the sum at the end of an episode"),
                pipeline=name,
            )
            yield replace(crossing, severity=Severity.WARNING) if is_one else crossing, found.node
        if not is_one and (cut := cut_windows.runs_on(graph, found)) is not None:
            finding = self.finding(
                graph,
                found.path,
                found.node,
                "the return over several steps goes on into the next episode after a time limit: the window is emptied "
                "where the task ends, and not where the limit cuts the episode",
                evidence=[summed, graph.evidence(*cut, "limit", "a new episode begins at the limit too"), *kept],
                fix=FixOffer(title="empty the window wherever the environment is reset"),
                pipeline=name,
            )
            yield replace(finding, severity=Severity.WARNING), found.node
        for evict in windows.dropping(graph, buffer, found):
            finding = self.finding(
                graph,
                evict.path,
                evict.node,
                "the window is cleared at the end of an episode while it holds starts that are not stored: the last "
                "n - 1 transitions of each episode are never learnt from",
                evidence=[
                    graph.evidence(evict.path, evict.node, "cleared", "the window is cleared here"),
                    summed,
                    *kept,
                ],
                fix=FixOffer(title="store what the window holds before it is cleared"),
                pipeline=name,
            )
            yield replace(finding, severity=Severity.INFO if is_one else Severity.WARNING), evict.node

    def witness(self) -> str:
        """Episodes of 5 steps worth 1 each: the 3-step returns of the last steps, with and without the end."""
        import numpy as np

        rewards = np.ones(10)
        crossing = [rewards[i : i + 3].sum() for i in range(5)]
        ending = [rewards[i : min(i + 3, 5)].sum() for i in range(5)]
        assert crossing == [3, 3, 3, 3, 3]
        assert ending == [3, 3, 3, 2, 1]
        return (
            "3-step returns of an episode of 5 steps: 3 3 3 2 1 where the sum ends with it, 3 3 3 3 3 where it does not"
        )

    bad = (
        Example(
            "a bounded deque that is never cleared",
            {
                "replay.py": """import random
from collections import deque


class Replay:
    def __init__(self, capacity, n, gamma):
        self.rows, self.window = deque(maxlen=capacity), deque(maxlen=n)
        self.n, self.gamma = n, gamma

    def add(self, state, action, reward, next_state, done):
        self.window.append((state, action, reward, next_state, done))
        if len(self.window) == self.n:
            self.rows.append(self.summed())

    def summed(self):
        reward_sum = 0
        for i in range(self.n):
            reward_sum += self.gamma**i * self.window[i][2]  # <- PER503
        return self.window[0][0], self.window[0][1], reward_sum, self.window[-1][3], self.window[-1][4]

    def sample(self, size):
        return random.sample(self.rows, size)  # <- PER001
""",
                "train.py": _TRAIN.format(module="replay", cls="Replay", arguments="10_000, 3, 0.99"),
            },
        ),
        Example(
            "a generator over the window, the learner in another file",
            {
                "memory.py": """import random
from collections import deque


class Memory:
    def __init__(self, size=5000, steps=3):
        self.items, self.recent = [], deque(maxlen=steps)
        self.size = size

    def remember(self, obs, action, reward, next_obs, terminated):
        self.recent.append((obs, action, reward, next_obs, terminated))
        if len(self.recent) < self.recent.maxlen:
            return
        reward_sum = sum(0.99**i * step[2] for i, step in enumerate(self.recent))  # <- PER503
        first, last = self.recent[0], self.recent[-1]
        self.items.append((first[0], first[1], reward_sum, last[3], last[4]))
        if len(self.items) > self.size:
            self.items.pop(0)

    def sample(self, n):
        return random.sample(self.items, n)  # <- PER001
""",
                "train.py": """from memory import Memory


def train(env, model, optimizer, steps):
    memory = Memory()
    obs, _ = env.reset()
    for step in range(steps):
        next_obs, reward, terminated, truncated, _ = env.step(model.act(obs))
        memory.remember(obs, 0, reward, next_obs, terminated)
        obs = env.reset()[0] if terminated or truncated else next_obs
        loss = model.loss(memory.sample(32))
        loss.backward()
        optimizer.step()
""",
            },
        ),
        Example(
            "the recursion from the end",
            {
                "agent.py": """import random


class Agent:
    def __init__(self, model, n=5):
        self.model, self.n, self.past, self.window = model, n, [], []

    def observe(self, s, a, r, s2, done):
        self.window.append((s, a, r, s2, done))
        if len(self.window) > self.n:
            self.window.pop(0)
        if len(self.window) == self.n:
            reward_sum = 0.0
            for step in reversed(self.window):
                reward_sum = step[2] + 0.95 * reward_sum  # <- PER503
            self.past.append((self.window[0][0], self.window[0][1], reward_sum, s2, done))
        if len(self.past) > 3000:
            self.past.pop(0)
        for state, action, reward_sum, later, end in random.sample(self.past, min(8, len(self.past))):  # <- PER001
            goal = reward_sum if end else reward_sum + 0.95**self.n * self.model.predict(later).max()
            self.model.fit(state, goal)
""",
            },
        ),
        Example(
            "a window for each environment",
            {
                "vector.py": """from collections import deque
import numpy as np


class VectorReplay:
    def __init__(self, envs, capacity, n, gamma=0.99):
        self.queues = [deque(maxlen=n) for _ in range(envs)]
        self.data, self.capacity, self.n, self.gamma = [], capacity, n, gamma

    def store(self, env, obs, act, rew, next_obs, done):
        queue = self.queues[env]
        queue.append((obs, act, rew, next_obs, done))
        if len(queue) == self.n:
            reward_sum = 0.0
            for k, item in enumerate(queue):
                reward_sum += item[2] * self.gamma**k  # <- PER503
            self.data.append((queue[0][0], queue[0][1], reward_sum, next_obs, done))
            if len(self.data) > self.capacity:
                del self.data[0]

    def sample(self, size):
        return [self.data[i] for i in np.random.randint(len(self.data), size=size)]  # <- PER001
""",
                "train.py": _TRAIN.format(module="vector", cls="VectorReplay", arguments="8, 10_000, 3").replace(
                    "memory.add(state", "memory.store(step % 8, state"
                ),
            },
        ),
        Example(
            "a prioritised buffer",
            {
                "per.py": """from collections import deque
import numpy as np


class NStepPER:
    def __init__(self, size, n):
        self.rows, self.p, self.at = [None] * size, np.zeros(size), 0
        self.tail, self.n, self.size = deque(maxlen=n), n, size

    def push(self, state, action, reward, next_state, done):
        self.tail.append((state, action, reward, next_state, done))
        if len(self.tail) == self.n:
            reward_sum = sum([0.9**j * row[2] for j, row in enumerate(self.tail)])  # <- PER503
            self.rows[self.at] = (self.tail[0][0], self.tail[0][1], reward_sum, next_state, done)
            self.p[self.at] = self.p.max() or 1.0
            self.at = (self.at + 1) % self.size

    def sample(self, n, beta):
        p = self.p / self.p.sum()
        at = np.random.choice(self.size, n, p=p)
        w = (self.size * p[at]) ** -beta
        return [self.rows[i] for i in at], at, w / w.max()

    def update(self, at, errors):
        self.p[at] = np.abs(errors) + 1e-6
""",
            },
        ),
        Example(
            "cleared at the end, the last starts dropped",
            {
                "replay.py": """import random
from collections import deque


class Replay:
    def __init__(self, capacity, n, gamma):
        self.rows, self.window = deque(maxlen=capacity), deque(maxlen=n)
        self.n, self.gamma = n, gamma

    def add(self, state, action, reward, next_state, done):
        self.window.append((state, action, reward, next_state, done))
        if len(self.window) == self.n:
            reward_sum = sum(self.gamma**i * step[2] for i, step in enumerate(self.window))  # <- PER503
            self.rows.append((self.window[0][0], self.window[0][1], reward_sum, next_state, done))
        if done:
            self.window.clear()  # <- PER503

    def sample(self, size):
        return random.sample(self.rows, size)  # <- PER001
""",
                "train.py": _TRAIN.format(module="replay", cls="Replay", arguments="10_000, 3, 0.99"),
            },
        ),
        Example(
            "emptied where the task ends, and not at the time limit",
            {
                "replay.py": """import random
from collections import deque


class Replay:
    def __init__(self, capacity, n, gamma):
        self.rows, self.window = deque(maxlen=capacity), deque(maxlen=n)
        self.n, self.gamma = n, gamma

    def add(self, state, action, reward, next_state, done):
        self.window.append((state, action, reward, next_state, done))
        if done:
            while self.window:
                self.rows.append(self.summed())
                self.window.popleft()
        elif len(self.window) == self.n:
            self.rows.append(self.summed())

    def summed(self):
        reward_sum = 0
        for i in range(len(self.window)):
            reward_sum += self.gamma**i * self.window[i][2]  # <- PER503
        return self.window[0][0], self.window[0][1], reward_sum, self.window[-1][3], self.window[-1][4]

    def sample(self, size):
        return random.sample(self.rows, size)  # <- PER001
""",
                "train.py": _TRAIN.format(module="replay", cls="Replay", arguments="10_000, 3, 0.99"),
            },
        ),
        Example("a product with an array of powers, columns that are cleared", {"agent.py": _COLUMNS}),
        Example(
            "a product that is stored as it is made",
            {
                "agent.py": _COLUMNS.replace("            reward_sum = np.sum(self.gains * self.powers)\n", "")
                .replace("reward_sum, next_state, over", "np.sum(self.gains * self.gammas), next_state")
                .replace("self.powers", "self.gammas")
            },
        ),
        Example(
            "an agent that plays its episodes itself",
            {
                "agent.py": _COLUMNS.partition("\n\ndef walk")[0]
                + """
    def walk(self, env, episodes):
        for _ in range(episodes):
            state, over = env.reset(), False
            while not over:
                next_state, reward, over, _ = env.step(self.net.act(state))
                self.keep(state, reward, next_state, over)
                state = next_state
"""
            },
        ),
        Example(
            "columns that are never cleared, and the end goes straight into the memory",
            {
                "agent.py": _COLUMNS.replace(
                    "        if over:\n            self.gains.clear()  # <- PER503\n            self.states.clear()\n",
                    "",
                ).replace("* self.powers)", "* self.powers)  # <- PER503")
            },
        ),
    )
    good = (
        Example(
            "emptied by the loop wherever it resets the environment",
            {
                "replay.py": bad[6].plain["replay.py"],
                "train.py": bad[6]
                .plain["train.py"]
                .replace(
                    "        loss =",
                    "        if terminated or truncated:\n            memory.window.clear()\n        loss =",
                ),
            },
        ),
        Example(
            "told of the time limit as well",
            {
                "replay.py": bad[6]
                .plain["replay.py"]
                .replace("next_state, done):", "next_state, done, limit):")
                .replace("if done:", "if done or limit:"),
                "train.py": bad[6].plain["train.py"].replace("terminated)", "terminated, truncated)"),
            },
        ),
        Example(
            "an episode that goes on until the task ends",
            {
                "replay.py": bad[6].plain["replay.py"],
                "train.py": bad[6].plain["train.py"].replace("if terminated or truncated", "if terminated"),
            },
        ),
        Example(
            "steps of another episode are left out of the sum by its number",
            {
                "replay.py": bad[6]
                .plain["replay.py"]
                .replace("next_state, done):", "next_state, done, episode):")
                .replace("next_state, done))\n        if done", "next_state, done, episode))\n        if done")
                .replace(
                    "            reward_sum +=",
                    "            if self.window[i][5] != self.window[0][5]:\n                break\n"
                    "            reward_sum +=",
                ),
                "train.py": bad[6]
                .plain["train.py"]
                .replace("terminated)", "terminated, episode)")
                .replace("state, _ = env.reset()\n", "state, _ = env.reset()\n    episode = 0\n", 1)
                .replace("        loss =", "        episode += terminated or truncated\n        loss ="),
            },
        ),
        Example(
            "the sum stops at the end",
            {
                "replay.py": bad[0]
                .plain["replay.py"]
                .replace(
                    "self.window[i][2]\n",
                    "self.window[i][2]\n            if self.window[i][4]:\n                break\n",
                )
            },
        ),
        Example(
            "the recursion forgets what follows an end",
            {
                "agent.py": bad[2]
                .plain["agent.py"]
                .replace("0.95 * reward_sum\n", "0.95 * reward_sum * (1 - step[4])\n")
            },
        ),
        Example(
            "every start is stored before the window is cleared",
            {
                "replay.py": bad[5]
                .plain["replay.py"]
                .replace(
                    "            self.window.clear()",
                    "            while len(self.window) > 1:\n                self.window.popleft()\n"
                    "                reward_sum = sum(self.gamma**i * step[2] for i, step in enumerate(self.window))\n"
                    "                self.rows.append((*self.window[0][:2], reward_sum, next_state, done))\n"
                    "            self.window.clear()",
                )
            },
        ),
        Example(
            "a new window for each episode",
            {
                "replay.py": bad[0]
                .plain["replay.py"]
                .replace(
                    "    def sample",
                    "    def begin(self):\n        self.window = deque(maxlen=self.n)\n\n    def sample",
                )
            },
        ),
        Example(
            "a window of one step",
            {
                "replay.py": bad[0].plain["replay.py"],
                "train.py": bad[0].plain["train.py"].replace("3, 0.99", "1, 0.99"),
            },
        ),
        Example(
            "one step",
            {
                "memory.py": """import random
from collections import deque


class Memory:
    def __init__(self, size):
        self.items = deque(maxlen=size)

    def add(self, state, action, reward, next_state, done):
        self.items.append((state, action, reward, next_state, done))

    def sample(self, n):
        return random.sample(self.items, n)
""",
            },
        ),
        Example(
            "the queue drained at the end, the learner in another file",
            {
                "memory.py": bad[1]
                .plain["memory.py"]
                .replace(
                    "    def sample",
                    "    def finish(self):\n        while self.recent:\n            self.recent.popleft()\n\n"
                    "    def sample",
                ),
                "train.py": bad[1].plain["train.py"],
            },
        ),
        Example(
            "columns that are stored to the last before they are cleared",
            {
                "agent.py": _COLUMNS.replace("  # <- PER503", "").replace(
                    "            self.gains.clear()",
                    """            while self.gains:
                self.rows.append((self.states[0], self.gains[0], next_state, over))
                self.gains.popleft()
                self.states.popleft()
            self.gains.clear()""",
                )
            },
        ),
        Example(
            "columns of which a sum is stored from the n-th step of each episode on",
            {
                "agent.py": _COLUMNS.replace("  # <- PER503", "")
                .replace("        if over:\n            self.gains.clear()\n            self.states.clear()\n", "")
                .replace("next_state, over):", "next_state, over, step):")
                .replace("if len(self.gains) == self.n:", "if step >= self.n:")
                .replace("net, optimizer, steps):", "net, optimizer, episodes):")
                .replace("for _ in range(steps):", "for step in range(episodes * 200):")
                .replace("next_state, over)\n        state", "next_state, over, step % 200)\n        state")
            },
        ),
    )
