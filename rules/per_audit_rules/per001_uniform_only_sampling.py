"""PER001 uniform-only-sampling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.findings import Evidence, Finding, FixOffer, Severity
from per_audit.graph import PRIORITISED, LibraryBuffer, ReplayBuffer, ReplayGraph
from per_audit.graph.libraries.buffers import is_test
from per_audit.graph.libraries.training import ends_before_learning
from per_audit.graph.liveness.memories.usage import is_named_unread
from per_audit.graph.memory.shared import also_drawn, holder, memories
from per_audit.graph.recognise.learning.chosen import (
    chosen_objects,
    drawn_beside,
    is_apart_by_action,
    is_of_chosen,
    shares_with_chosen,
)
from per_audit.graph.recognise.learning.given import is_beside_given
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

_TITLE = "draw by priority, weight the loss, give the TD errors back"


_CHAINED = """import functools
import random
from collections import deque

import numpy as np


def through_filters(name):
    def around(inner):
        @functools.wraps(inner)
        def outer(store, *args, **kwargs):
            def step(filters, *args, **kwargs):
                if not filters:
                    return inner(store, *args, **kwargs)

                def ahead(*args, **kwargs):
                    return step(filters[1:], *args, **kwargs)

                return getattr(filters[0], name)(ahead, *args, **kwargs)

            return step(store.filters, *args, **kwargs)

        return outer

    return around


class Store:
    def __init__(self, size):
        self.rows = deque(maxlen=size)
        self.size, self.filters = size, []

    @through_filters("put")
    def put(self, row):
        self.rows.append(row)
        return len(self.rows) - 1

    @through_filters("take")
    def take(self, size, places=None):
        if places is not None:
            return [self.rows[place] for place in places]
        return random.sample(self.rows, size)

    def behind(self, each):
        self.filters.append(each)
        return self


class Urgent:
    def __init__(self, store, power=0.6):
        self.store, self.power = store, power
        self.urgency = np.zeros(store.size)
        self.count, self.most = 0, 1.0

    def put(self, ahead, row):
        self.urgency[self.count % self.store.size] = self.most**self.power
        self.count += 1
        return ahead(row)

    def take(self, ahead, size):
        held = self.urgency[: self.count]
        places = np.random.choice(len(held), size, p=held / held.sum())
        return ahead(size, places=places)
"""
_PLAYED = """import torch


def learn(net, frozen, batch, optimizer):
    before, choice, gain, ahead, over = map(torch.as_tensor, zip(*batch))
    values = net(before).gather(1, choice[:, None])[:, 0]
    goals = gain + 0.99 * (1 - over) * frozen(ahead).max(1).values.detach()
    optimizer.zero_grad()
    torch.nn.functional.mse_loss(values, goals).backward()
    optimizer.step()


def play(env, net, frozen, store, optimizer, steps=100_000):
    state = env.reset()
    for _ in range(steps):
        action = net.act(state)
        following, reward, over, _ = env.step(action)
        store.put((state, action, reward, following, over))
        state = env.reset() if over else following
        if len(store.rows) > 64:
            learn(net, frozen, store.take(64), optimizer)
"""
_TABLE = """import torch


class Table:
    def __init__(self, size, width):
        self.columns = {
            "before": torch.zeros(size, width),
            "choice": torch.zeros(size, dtype=torch.long),
            "gain": torch.zeros(size),
            "ahead": torch.zeros(size, width),
            "left": torch.zeros(size),
        }
        self.size, self.at, self.count = size, 0, 0

    def put(self, chunk):
        n = len(chunk["gain"])
        slots = (torch.arange(n) + self.at) % self.size
        for name, values in chunk.items():
            self.columns[name][slots] = values.to(self.columns[name].dtype)
        self.at, self.count = (self.at + n) % self.size, min(self.count + n, self.size)

    def take(self, n):
        slots = torch.randint(0, self.count, (n,))  # <- PER001
        return {name: values[slots] for name, values in self.columns.items()}


def learn(net, frozen, table, optimizer):
    batch = table.take(64)
    values = net(batch["before"]).gather(1, batch["choice"][:, None])[:, 0]
    goals = batch["gain"] + batch["left"] * frozen(batch["ahead"]).max(1).values.detach()
    optimizer.zero_grad()
    torch.nn.functional.mse_loss(values, goals).backward()
    optimizer.step()
"""
_PLAYER = """from collections import deque

import torch

from memory import Table, learn


class Player:
    def __init__(self, env, table, gamma):
        self.env, self.table, self.gamma = env, table, gamma
        self.window, self.ready = deque(), []

    def close(self, following, over):
        factor, gain = 1.0, 0.0
        for _, _, each in self.window:
            gain += factor * each
            factor *= self.gamma
        state, action, _ = self.window.popleft()
        self.ready.append((state, action, gain, following, 0.0 if over else factor))

    def send(self):
        before, choice, gain, ahead, left = zip(*self.ready)
        chunk = {
            "before": torch.stack(before),
            "choice": torch.tensor(choice),
            "gain": torch.tensor(gain),
            "ahead": torch.stack(ahead),
            "left": torch.tensor(left),
        }
        self.table.put(chunk)
        self.ready.clear()

    def play(self, net, steps):
        state = self.env.reset()
        for _ in range(steps):
            action = net.act(state)
            following, reward, over, _ = self.env.step(action)
            self.window.append((state, action, reward))
            if len(self.window) == 3:
                self.close(following, over)
            if len(self.ready) >= 32:
                self.send()
            state = following


def train(env, net, frozen, optimizer):
    table = Table(50_000, 8)
    player = Player(env, table, 0.99)
    for _ in range(10_000):
        player.play(net, 100)
        learn(net, frozen, table, optimizer)
"""


class UniformOnlySampling(Rule):
    """Every stored transition is drawn with the same probability, whatever there is left to learn from it.

    ## What it does

    Reports a replay buffer whose transitions are drawn uniformly for learning and that has no prioritised path:
    hand-written buffers at the drawing call, buffers of a library at their constructor, and algorithms of a library
    that make such a buffer for themselves where they are made, if they are trained.

    ## Why is this bad

    Most stored transitions teach little, and the few that matter are drawn as rarely as the rest: where one
    transition in N carries the reward, uniform draws need of the order of N of them to see it once, and a draw by
    the TD error sees it in nearly every batch. In Schaul et al. 2015, DQN with prioritised replay outperformed DQN
    with uniform replay in 41 of 49 Atari games.

    ## Known problems

    Prioritised replay costs a sum tree and a second pass over the batch, and where rewards are dense and TD errors are
    dominated by noise it gains little. Silence a deliberate choice with a comment that says why. Buffers that are
    emptied after each update, rollouts of on-policy methods, data sets of supervised learning, image pools, and windows
    of self-play, which hold outcomes and no next states, are not replay memories and are not reported; neither is code
    that can switch to a prioritised buffer, nor are draws that are made again until rewards have a share in the batch.
    Where a second memory of chosen transitions, such as those with a reward, a part of the memory, or given data such
    as demonstrations have a share of their own in each batch, the finding is a hint.

    ## Example

    ```python
    batch = random.sample(self.memory, batch_size)
    ```

    ## Use instead

    ```python
    batch, weights, indices = self.memory.sample(batch_size)  # PrioritizedReplayBuffer
    loss = importance_weighted_loss(F.mse_loss(q, target, reduction="none"), weights)
    self.memory.update_priorities(indices, td_errors)
    ```

    ## Fix safety

    `per-audit fix` replaces the container or the index draw, weights the loss and gives the TD errors back. It does so
    only where it can follow the batch from the draw to one loss; elsewhere it says what is in the way.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, sections 3.1 to 3.4 and Algorithm 1
    """

    code = "PER001"
    name = "uniform-only-sampling"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each memory that is only drawn from uniformly, at its draw."""
        for buffers in memories(graph):
            findings = [self._finding(graph, buffer, buffers) for buffer in buffers]
            yield min(findings, key=lambda finding: finding.severity is not self.severity)
        for library in graph.library:
            if not library.prioritised and not ends_before_learning(graph, library):
                yield self._library(graph, library)

    def _finding(self, graph: ReplayGraph, buffer: ReplayBuffer, memory: list[ReplayBuffer]) -> Finding:
        name = graph.name_of(holder(graph, memory))
        elsewhere, links = also_drawn(graph, (each for each in memory if each is not buffer))
        draw = f"`{graph.source(buffer.path, buffer.draws[0])}`{elsewhere}"
        beside = [each for each in drawn_beside(graph, buffer) if each not in memory]
        which, what = name, "its transitions"
        together = len(beside) + 1 if beside else chosen_objects(graph, buffer)
        if together:
            which += f", one of {together} memories drawn from together,"
        if is_chosen := is_of_chosen(graph, buffer):
            is_apart = ", a part of which is for chosen transitions,"
            which += " one of them of chosen transitions," if together else is_apart
            what = what if together else "those of each part"
        elif is_chosen := shares_with_chosen(graph, buffer):
            which += ", of each batch of which chosen transitions have a share,"
        elif is_chosen := is_beside_given(graph, buffer):
            which += ", beside which given data have a share of each batch,"
        elif is_apart_by_action(graph, buffer):
            which += " one for each action," if together else ", which keeps the transitions of each action apart,"
            what = what if together else "those of each part"
        evidence = (*graph.chain(buffer), *links, *self._by_priority(graph, buffer))
        seen = {link.role for link in evidence}
        path, node, otherwise = self._otherwise(graph, buffer)
        return Finding(
            self.code,
            self.name,
            Severity.INFO if is_chosen or self._is_tried_out(graph, buffer) else self.severity,
            "high" if {"stored", "learnt"} <= seen else "medium",
            f"{which} draws {what} uniformly ({draw}){otherwise}",
            graph.place(path, node),
            graph.symbol(buffer.function, buffer.path),
            evidence,
            FixOffer(title=_TITLE),
            pipeline=name,
        )

    def _is_tried_out(self, graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
        """Whether only a demonstration makes objects of a buffer's class, and no file learns."""
        trials = [graph.demos.around(site.path, site.node) for site in buffer.instances]
        return bool(trials) and None not in trials and not any(map(graph.learns, graph.project.functions))

    def _otherwise(self, graph: ReplayGraph, buffer: ReplayBuffer) -> tuple[str, ir.Expr, str]:
        """The place to change, and how what is drawn there could be drawn by priority.

        Where objects of a class are given what draws by priority in their place, those that are not are to change.
        """
        made = [site for site in buffer.instances if site.node not in buffer.switched and not is_test(site.path)]
        if buffer.wrapped and made:
            first = min(made, key=lambda site: (site.path, site.node.start))
            more = f" and in {len(made) - 1} more places" if len(made) > 1 else ""
            site, given = buffer.wrapped[0]
            at = graph.place(site.path, site.node)
            named = f"{graph.project.qualified(given)}, as at {at.path}:{at.line}"
            return first.path, first.node, f" where it is made here{more}, and is given no {named}"
        others = list(self._prioritised(graph))
        if others:
            how = f"cannot draw them by priority, as {others[0][2]} of another agent does"
        elif unread := self._named_unread(graph):
            how = f"nothing that could be read draws them by priority; {unread} is named by a file that could not"
        else:
            how = "nothing draws them by priority"
        return buffer.path, buffer.draws[0], f", and {how}"

    def _named_unread(self, graph: ReplayGraph) -> str:
        """A memory that draws by priority, where a file may make and draw from it that could not be read."""
        for each in graph.buffers:
            if each.kind == PRIORITISED and each.owner is not None and is_named_unread(graph, each.owner):
                return graph.name_of(each)
        return ""

    def _by_priority(self, graph: ReplayGraph, buffer: ReplayBuffer | None = None) -> Iterable[Evidence]:
        """What draws by priority in the buffer's place elsewhere, or one of another agent, which this one could use."""
        for site, given in buffer.wrapped[:1] if buffer is not None else ():
            note = f"the {graph.project.qualified(given)} that is given here draws by priority in its place"
            yield graph.evidence(site.path, site.node, "prioritised", note)
            return
        for path, node, name in list(self._prioritised(graph))[:1]:
            note = f"another agent draws by priority from {name}, which could serve this one"
            yield graph.evidence(path, node, "prioritised", note)

    def _prioritised(self, graph: ReplayGraph) -> Iterable[tuple[str, ir.Expr, str]]:
        for other in graph.buffers:
            if other.kind == PRIORITISED and graph.priorities(other).in_use and not self._is_only_tested(other):
                yield other.path, other.draws[0], graph.name_of(other)
        for each in graph.library:
            if each.prioritised and each.samples:
                yield each.path, each.node, each.name

    def _is_only_tested(self, buffer: ReplayBuffer) -> bool:
        """Whether no agent draws from a buffer: only the project's tests do."""
        return bool(buffer.samples) and all(is_test(site.path) for site in buffer.samples)

    def _library(self, graph: ReplayGraph, buffer: LibraryBuffer) -> Finding:
        framework, algorithm = buffer.framework, buffer.algorithm
        is_replaceable = framework.replaceable if algorithm is None else bool(algorithm.changed_by)
        site = graph.events.calls.get(buffer.node) if isinstance(buffer.node, ir.Call) else None
        is_here = algorithm is None and site is not None and bool(site.classes)
        is_own = is_here and not buffer.heir_of
        named = f"{buffer.name} of this project's own `{framework.package}`" if is_own else _titled(buffer)
        message = f"{named} draws its transitions uniformly"
        if algorithm is not None:
            is_spread = isinstance(buffer.node, ir.Call) and any(arg.star == "**" for arg in buffer.node.args)
            anywhere = " anywhere in the project" if is_spread else ""
            otherwise = f"no {algorithm.changed_by} is given{anywhere}" if is_replaceable else "it accepts no other"
            message += f" from a buffer of its own; {otherwise}"
        elif buffer.kind.instead and framework.replaceable:
            message += f"; {framework.title} has {buffer.kind.instead} in its place"
        return Finding(
            self.code,
            self.name,
            self.severity if is_replaceable else Severity.INFO,
            "high" if buffer.samples or buffer.training else "medium",
            message,
            graph.place(buffer.path, buffer.node),
            graph.symbol(buffer.function, buffer.path),
            (*graph.library_chain(buffer), *self._by_priority(graph)),
            FixOffer(title=_TITLE),
            pipeline=f"{framework.title} {buffer.name}",
        )

    def witness(self) -> str:
        """One informative transition in 1,000: uniform draws seldom see it, draws by TD error nearly always do."""
        import numpy as np

        rng = np.random.default_rng(0)
        errors = np.full(1_000, 0.01)
        errors[137] = 5.0
        by_priority = errors**0.6 / (errors**0.6).sum()
        batches = 2_000
        uniform = sum(137 in rng.integers(0, 1_000, 32) for _ in range(batches)) / batches
        prioritised = sum(137 in rng.choice(1_000, 32, p=by_priority) for _ in range(batches)) / batches
        assert uniform < 0.05
        assert prioritised > 10 * uniform
        return (
            f"one informative transition of 1,000 is in {uniform:.1%} of uniform batches, {prioritised:.0%} by priority"
        )

    bad = (
        Example(
            "a deque inside the agent, Keras",
            {
                "agent.py": """import random
from collections import deque
import numpy as np


class Agent:
    def __init__(self, model):
        self.model = model
        self.history = deque(maxlen=20000)

    def remember(self, state, action, reward, next_state, done):
        self.history.append((state, action, reward, next_state, done))

    def learn(self, size):
        for state, action, reward, next_state, done in random.sample(self.history, size):  # <- PER001
            goal = reward
            if not done:
                goal += 0.99 * np.amax(self.model.predict(next_state)[0])
            row = self.model.predict(state)
            row[0][action] = goal
            self.model.fit(state, row, epochs=1, verbose=0)
"""
            },
        ),
        Example(
            "a ring of arrays in one file, the learner in another",
            {
                "ring.py": """import numpy as np


class Ring:
    def __init__(self, size, width):
        self.observations = np.zeros((size, width), dtype=np.float32)
        self.following = np.zeros((size, width), dtype=np.float32)
        self.choices = np.zeros(size, dtype=np.int64)
        self.gains = np.zeros(size, dtype=np.float32)
        self.ends = np.zeros(size, dtype=np.float32)
        self.size, self.count = size, 0

    def put(self, obs, action, reward, next_obs, done):
        at = self.count % self.size
        self.observations[at] = obs
        self.choices[at] = action
        self.gains[at] = reward
        self.following[at] = next_obs
        self.ends[at] = done
        self.count += 1

    def minibatch(self, n):
        chosen = np.random.randint(0, min(self.count, self.size), size=n)  # <- PER001
        return (self.observations[chosen], self.choices[chosen], self.gains[chosen],
                self.following[chosen], self.ends[chosen])
""",
                "learner.py": """import torch
import torch.nn.functional as F
from ring import Ring


def train(env, net, target_net, optimizer):
    ring = Ring(10000, 4)
    obs = env.reset()
    for step in range(100000):
        action = net.act(obs)
        next_obs, reward, done, info = env.step(action)
        ring.put(obs, action, reward, next_obs, done)
        obs = next_obs
        s, a, r, s2, d = map(torch.as_tensor, ring.minibatch(64))
        with torch.no_grad():
            y = r + 0.99 * (1 - d) * target_net(s2).max(1).values
        loss = F.smooth_l1_loss(net(s).gather(1, a[:, None]).squeeze(1), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
""",
            },
        ),
        Example(
            "packed rows in one matrix",
            {
                "ddpg.py": """import numpy as np


class Controller:
    def __init__(self, session, train_op, inputs):
        self.rows = np.zeros((5000, 9), dtype=np.float32)
        self.at = 0
        self.session, self.train_op, self.inputs = session, train_op, inputs

    def store(self, s, a, r, s_):
        self.rows[self.at % 5000, :] = np.hstack((s, a, [r], s_))
        self.at += 1

    def learn(self):
        picked = np.random.choice(5000, size=32)  # <- PER001
        rows = self.rows[picked, :]
        self.session.run(self.train_op, {self.inputs: rows})
"""
            },
        ),
        Example(
            "a library's buffer",
            {
                "train.py": """from stable_baselines3.common.buffers import ReplayBuffer


def main(envs, device, q_network, update):
    memory = ReplayBuffer(10000, envs.observation_space, envs.action_space, device)  # <- PER001
    obs, _ = envs.reset()
    for step in range(100000):
        actions = q_network.act(obs)
        next_obs, rewards, terminations, truncations, infos = envs.step(actions)
        memory.add(obs, next_obs, actions, rewards, terminations, infos)
        obs = next_obs
        update(q_network, memory.sample(128))
"""
            },
        ),
        Example(
            "a short run that a study asks for again and again",
            {
                "study.py": """import optuna
from stable_baselines3 import DQN

model = DQN("MlpPolicy", "CartPole-v1", buffer_size=100_000, learning_starts=1_000)  # <- PER001


def go_on(trial):
    model.learn(total_timesteps=1_000, reset_num_timesteps=False)
    return trial.number


optuna.create_study().optimize(go_on, n_trials=100)
"""
            },
        ),
        Example(
            "short runs that go on where the last one ended",
            {
                "pilot.py": """from stable_baselines3 import DQN

model = DQN("MlpPolicy", "CartPole-v1", buffer_size=100_000, learning_starts=1_000)  # <- PER001
for part in range(500):
    model.learn(total_timesteps=1_000, reset_num_timesteps=False)
"""
            },
        ),
        Example(
            "an algorithm of a library, trained by another method",
            {
                "pilot.py": """import gymnasium as gym
from stable_baselines3 import DQN


class Pilot:
    def __init__(self, name):
        self.env = gym.make(name)
        self.model = DQN("MlpPolicy", self.env, buffer_size=50_000, verbose=1)  # <- PER001

    def practise(self, steps):
        self.model.learn(total_timesteps=steps, log_interval=4)
        self.model.save("pilot")


Pilot("LunarLander-v3").practise(200_000)
"""
            },
        ),
        Example(
            "a list ring held by closures, JAX",
            {
                "memory.py": """import random


def make_memory(capacity):
    kept = []

    def remember(obs, action, reward, next_obs, done):
        if len(kept) >= capacity:
            kept.pop(0)
        kept.append((obs, action, reward, next_obs, done))

    def draw(n):
        return random.sample(kept, n)  # <- PER001

    return remember, draw
""",
                "train.py": """import jax
import jax.numpy as jnp
import numpy as np
from memory import make_memory


def train(env, apply, params, steps):
    remember, draw = make_memory(10_000)

    def loss(params, obs, actions, targets):
        chosen = jnp.take_along_axis(apply(params, obs), actions[:, None], axis=1)[:, 0]
        return jnp.mean((chosen - targets) ** 2)

    obs, _ = env.reset()
    for step in range(steps):
        action = int(jnp.argmax(apply(params, obs[None])))
        next_obs, reward, terminated, truncated, _ = env.step(action)
        remember(obs, action, reward, next_obs, terminated)
        obs = env.reset()[0] if terminated or truncated else next_obs
        if step > 64:
            s, a, r, s2, d = map(np.stack, zip(*draw(64)))
            y = r + 0.99 * (1 - d) * jnp.max(apply(params, s2), axis=1)
            gradients = jax.grad(loss)(params, s, a, y)
            params = jax.tree_util.tree_map(lambda p, g: p - 1e-3 * g, params, gradients)
    return params
""",
            },
        ),
        Example(
            "a module's deque, linear Q-learning in numpy",
            {
                "linear_q.py": """import random
from collections import deque

import numpy as np

EXPERIENCE = deque(maxlen=5000)
THETA = np.zeros((4, 8))


def observe(state, action, reward, next_state, terminated):
    EXPERIENCE.append((state, action, reward, next_state, terminated))


def improve(rate=0.01):
    for state, action, reward, next_state, terminated in random.choices(EXPERIENCE, k=16):  # <- PER001
        goal = reward if terminated else reward + 0.95 * (THETA @ next_state).max()
        THETA[action] += rate * (goal - THETA[action] @ state) * state


def run(env, steps):
    state, _ = env.reset()
    for step in range(steps):
        action = int(np.argmax(THETA @ state))
        next_state, reward, terminated, truncated, _ = env.step(action)
        observe(state, action, reward, next_state, terminated)
        state = env.reset()[0] if terminated or truncated else next_state
        improve()
""",
            },
        ),
        Example(
            "actions are drawn by probabilities, and their tries are counted",
            {
                "agent.py": """import random
from collections import deque

import numpy as np


class Agent:
    def __init__(self, env, net, curious):
        self.env, self.net, self.curious = env, net, curious
        self.rows = deque(maxlen=10_000)
        self.tries, self.gains = np.ones(4), np.zeros(4)

    def act(self, state):
        if not self.curious:
            return int(np.random.choice(4, p=self.net.policy(state)))
        action = int(np.argmax(self.gains / self.tries))
        self.tries[action] += 1
        return action

    def episode(self):
        state, over = self.env.reset()[0], False
        while not over:
            action = self.act(state)
            next_state, reward, done, cut, _ = self.env.step(action)
            self.gains[action] += reward
            self.rows.append((state, action, reward, next_state, done))
            state, over = next_state, done or cut
            self.learn()

    def learn(self):
        s, a, r, s2, d = map(np.array, zip(*random.sample(self.rows, 32)))  # <- PER001
        goals = r + 0.99 * (1 - d) * self.net.predict(s2).max(axis=1)
        self.net.fit(s, a, goals)
"""
            },
        ),
        Example(
            "a coin that decides whether to explore is no draw by priority, whatever the environment looks up",
            {
                "ring.py": """import numpy as np


class Ring:
    def __init__(self, size, width):
        self.rng = np.random.default_rng(0)
        self.obs, self.next_obs = np.zeros((size, width)), np.zeros((size, width))
        self.actions, self.rewards = np.zeros(size, int), np.zeros(size)
        self.size, self.count = size, 0

    def add(self, obs, action, reward, next_obs):
        at = self.count % self.size
        self.obs[at], self.actions[at], self.rewards[at], self.next_obs[at] = obs, action, reward, next_obs
        self.count += 1

    def sample(self, n):
        at = self.rng.integers(0, min(self.count, self.size), size=n)  # <- PER001
        return self.obs[at], self.actions[at], self.rewards[at], self.next_obs[at]
""",
                "track.py": """import numpy as np

EDGES = np.linspace(-1.0, 1.0, 9)


def cell(place):
    return np.searchsorted(EDGES, place)


class Track:
    def reset(self):
        self.place = np.zeros(1)
        return self.place

    def step(self, action):
        self.place = self.place + np.where(action == 1, 0.1, -0.1)
        return self.place, float(cell(self.place)[0] == 8), False, {}
""",
                "train.py": """import numpy as np
import torch
from ring import Ring
from track import Track


def train(net, optimizer, steps=100_000):
    rng, track, ring = np.random.default_rng(1), Track(), Ring(10_000, 1)
    obs = track.reset()
    for step in range(steps):
        explore = rng.random(1) < max(0.05, 1 - step / steps)
        action = np.where(explore, rng.integers(2), net.act(obs))
        next_obs, reward, done, info = track.step(action)
        ring.add(obs, action, reward, next_obs)
        obs = next_obs
        s, a, r, s2 = map(torch.as_tensor, ring.sample(64))
        loss = ((net(s).gather(1, a[:, None])[:, 0] - r - 0.99 * net(s2).detach().max(1).values) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
""",
            },
        ),
        Example(
            "arrays of several agents, written row by row",
            {
                "shared.py": """import numpy as np


class Shared:
    def __init__(self, size, agents, width):
        self.size, self.agents, self.count = size, agents, 0
        self.gains = np.zeros((size, len(agents)))
        self.ends = np.zeros((size, len(agents)), bool)
        self.seen = [np.zeros((size, width)) for _ in agents]
        self.seen_next = [np.zeros((size, width)) for _ in agents]
        self.moves = [np.zeros(size, int) for _ in agents]

    def put(self, obs, action, next_obs, reward, done):
        at = self.count % self.size
        for number, agent in enumerate(self.agents):
            self.gains[at][number] = reward[agent]
            self.ends[at][number] = done[agent]
            self.seen[number][at] = obs[agent]
            self.seen_next[number][at] = next_obs[agent]
            self.moves[number][at] = action[agent]
        self.count += 1

    def batch(self, n):
        at = np.random.choice(min(self.count, self.size), n)  # <- PER001
        numbers = range(len(self.agents))
        return ([self.seen[i][at] for i in numbers], [self.moves[i][at] for i in numbers], self.gains[at],
                [self.seen_next[i][at] for i in numbers], self.ends[at])
"""
            },
        ),
        Example(
            "a row that is spelt as a transition, with a reward made of the state",
            {
                "balance.py": """import random
from collections import deque


class Balance:
    def __init__(self, net):
        self.net, self.rows = net, deque(maxlen=30_000)

    def keep(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def learn(self):
        rows = random.sample(self.rows, 32)  # <- PER001
        for i in range(32):
            self.net.fit(rows[i])


def main(env, net):
    agent = Balance(net)
    for episode in range(1000):
        state, done = env.reset(), False
        while not done:
            action = net.act(state)
            next_state, _, done, _ = env.step(action)
            agent.keep(state, action, -abs(state[0]), next_state, done)
            agent.learn()
            state = next_state
"""
            },
        ),
        Example(
            "a row that is spelt as a transition, whose rewards are the returns of prices",
            {
                "trader.py": """import random
from collections import deque


class Rows:
    def __init__(self):
        self.rows = deque(maxlen=10_000)

    def push(self, obs, action, reward, next_obs, done):
        self.rows.append((obs, action, reward, next_obs, done))

    def some(self, n):
        return zip(*random.sample(self.rows, n))  # <- PER001


def trade(prices, net, fit):
    rows, returns = Rows(), prices[1:] / prices[:-1] - 1
    for day in range(len(returns) - 1):
        position = net.act(prices[day])
        rows.push(prices[day], position, returns[day], prices[day + 1], False)
        obs, actions, rewards, next_obs, dones = rows.some(32)
        fit(net, obs, actions, rewards, next_obs, dones)
"""
            },
        ),
        Example(
            "rewards of several steps, summed under a name of their own",
            {
                "steps.py": """import random
from collections import deque

import torch


def train(env, net, optimizer):
    kept, recent, state = deque(maxlen=50_000), deque(maxlen=3), env.reset()
    for step in range(100_000):
        action = net(state).argmax()
        next_state, reward, done, _ = env.step(action)
        recent.append((state, action, reward))
        total = 0
        for s, a, r in reversed(recent):
            total = total * 0.99 + r.clone()[0]
        kept.append((recent[0][0], recent[0][1], total.sum(), next_state, done))
        state = env.reset() if done else next_state
        batch = random.sample(kept, 32)  # <- PER001
        loss = torch.stack([net.loss(row) for row in batch]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
            },
        ),
        Example(
            "arrays that a dict holds by the names of the fields, filled by another process",
            {
                "episodes.py": """import numpy as np


class Episodes:
    def __init__(self, count, steps, width):
        size = (count, steps)
        self.shapes = dict(
            state=(*size, width), action=(*size, 1), reward=(*size, 1), next_state=(*size, width), done=(*size, 1)
        )
        self.rows = {key: np.zeros(shape, dtype=np.float32) for key, shape in self.shapes.items()}
        self.count, self.steps, self.held, self.at = count, steps, 0, 0

    def push(self, episode):
        for key in self.shapes:
            self.rows[key][self.at] = episode[key]
        self.at = (self.at + 1) % self.count
        self.held = min(self.held + 1, self.count)

    def sample(self, n):
        chosen, at = np.random.randint(0, self.held, n), np.random.randint(self.steps, size=n)  # <- PER001
        return {key: self.rows[key][chosen, at] for key in self.shapes}
""",
                "learner.py": """from episodes import Episodes


def learn(algorithm, arrived):
    episodes = Episodes(500, 100, 8)
    while True:
        episodes.push(arrived.get())
        algorithm.update(episodes.sample(64))
""",
            },
        ),
        Example(
            "positions that the memory is asked for, while the states read there are acted in, too",
            {
                "networks.py": """import torch
from torch import nn
import torch.nn.functional as F


class Policy(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.hidden = nn.Linear(inputs, 128)
        self.out = nn.Linear(128, outputs)

    def forward(self, x):
        x = F.relu(self.hidden(x))
        return torch.tanh(self.out(x))
""",
                "rows.py": """class Rows:
    def __init__(self):
        self.rows, self.at = [None] * 50_000, 0

    def __len__(self):
        return min(self.at, 50_000)

    def add(self, row):
        self.rows[self.at % 50_000] = row
        self.at += 1

    def fetch(self, at):
        return [self.rows[i] for i in at]
""",
                "agent.py": """import random
import numpy as np
from rows import Rows
from collections import deque
import torch
from networks import Policy


class Agent:
    def __init__(self, inputs, outputs):
        self.policy = Policy(inputs, outputs)
        self.memory = Rows()
        self.optimizer = torch.optim.Adam(self.policy.parameters())

    def act(self, observation):
        tensor = torch.as_tensor(observation).float().unsqueeze(0)
        choice = self.policy(tensor)
        return choice.squeeze(0)

    def remember(self, *transition):
        self.memory.add(transition)

    def learn(self, critic):
        at = np.random.randint(0, len(self.memory), 64)  # <- PER001
        batch = self.memory.fetch(at)
        errors = [critic(s, a) - r - 0.99 * (1 - d) * critic(n, self.act(n)) for s, a, r, n, d in batch]
        loss = torch.stack(errors) ** 2
        self.optimizer.zero_grad()
        loss.mean().backward()
        self.optimizer.step()
""",
                "main.py": """import torch
from agent import Agent


def run(env, critic, episodes):
    agent = Agent(8, 2)
    for _ in range(episodes):
        obs, done = env.reset(), False
        while not done:
            act = agent.act(obs).detach()
            new_obs, reward, done, _ = env.step(act.tolist())
            agent.remember(obs, act, reward, new_obs, done)
            obs = new_obs
            agent.learn(critic)
""",
            },
        ),
        Example(
            "what was earned in several steps, under another name, by way of a list that is sent off now and then",
            {"memory.py": _TABLE, "player.py": _PLAYER},
        ),
        Example(
            "the slots that may be drawn are in a set of their own",
            {
                "replay.py": """import random


class Replay:
    def __init__(self, size, uses):
        self.size, self.uses, self.at = size, uses, 0
        self.rows, self.used, self.usable = [None] * size, [0] * size, set()

    def add(self, state, action, reward, next_state, done):
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.used[self.at] = 0
        self.usable.add(self.at)
        self.at = (self.at + 1) % self.size

    def draw(self, n):
        chosen = random.sample(list(self.usable), n)  # <- PER001
        for slot in chosen:
            self.used[slot] += 1
            if self.used[slot] == self.uses:
                self.usable.remove(slot)
        return zip(*[self.rows[slot] for slot in chosen])


def train(env, net, optimizer):
    replay, state = Replay(10_000, 64), env.reset()
    while True:
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        replay.add(state, action, reward, next_state, done)
        state = env.reset() if done else next_state
        if len(replay.usable) > 1_000:
            loss = net.loss(*replay.draw(32))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
"""
            },
        ),
        Example(
            "windows that begin at drawn places",
            {
                "past.py": """import random


class Past:
    def __init__(self, limit):
        self.rows, self.limit = [], limit

    def keep(self, state, action, reward, next_state, done):
        if len(self.rows) >= self.limit:
            self.rows.pop(0)
        self.rows.append((state, action, reward, next_state, done))

    def some(self, n):
        starts = random.sample(range(len(self.rows) - 4), n)  # <- PER001
        return zip(*[row for start in starts for row in self.rows[start : start + 4]])


def train(env, net, optimizer):
    past, state = Past(10_000), env.reset()
    for step in range(100_000):
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        past.keep(state, action, reward, next_state, done)
        state = env.reset() if done else next_state
        if step > 1_000:
            states, actions, rewards, following, ends = past.some(32)
            loss = net.loss(states, actions, rewards, following, ends)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
"""
            },
        ),
        Example(
            "a memory that draws through what it is given, and is given nothing that draws by priority",
            {
                "store.py": _CHAINED,
                "learn.py": _PLAYED,
                "by_urgency.py": """from learn import play
from store import Store, Urgent


def main(env, net, frozen, optimizer):
    store = Store(20_000)
    store.behind(Urgent(store))
    play(env, net, frozen, store, optimizer)
""",
                "plain.py": """from learn import play
from store import Store


def main(env, net, frozen, optimizer):
    store = Store(20_000)  # <- PER001
    play(env, net, frozen, store, optimizer)
""",
            },
        ),
        Example(
            "two methods that draw from one memory, of which each batch is of one",
            {
                "store.py": """import random
from collections import deque


class Store:
    def __init__(self, size):
        self.rows = deque(maxlen=size)

    def put(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def plain(self, n):
        return random.sample(self.rows, n)  # <- PER001

    def turned(self, n):
        return [(turn(state), *rest) for state, *rest in random.sample(self.rows, n)]


def turn(image):
    return image[::-1]


def learn(net, store, turns):
    batch = store.turned(32) if turns else store.plain(32)
    net.loss(batch).backward()
""",
            },
        ),
    )
    good = (
        Example(
            "a short run that ends before the library begins to draw",
            {
                "smoke.py": """from stable_baselines3 import DQN

STEPS, EPISODES = 100, 4
model = DQN("MlpPolicy", "CartPole-v1", buffer_size=100_000, learning_starts=1_000)
model.learn(total_timesteps=STEPS * EPISODES)
"""
            },
        ),
        Example(
            "draws by priority",
            {
                "memory.py": """import numpy as np


class Memory:
    def __init__(self, size):
        self.items, self.priorities, self.size, self.at = [], np.zeros(size), size, 0

    def add(self, state, action, reward, next_state, done):
        if len(self.items) < self.size:
            self.items.append(None)
        self.items[self.at] = (state, action, reward, next_state, done)
        self.priorities[self.at] = self.priorities.max() or 1.0
        self.at = (self.at + 1) % self.size

    def sample(self, n, beta):
        p = self.priorities[: len(self.items)] ** 0.6
        p = p / p.sum()
        indices = np.random.choice(len(self.items), n, p=p)
        weights = (len(self.items) * p[indices]) ** -beta
        return [self.items[i] for i in indices], indices, weights / weights.max()

    def update(self, indices, errors):
        self.priorities[indices] = np.abs(errors) + 1e-6


def train(memory, step_on):
    batch, indices, weights = memory.sample(32, 0.5)
    memory.update(indices, step_on(batch, weights))
"""
            },
        ),
        Example(
            "a switch between the two",
            {
                "pick.py": """from pfrl import replay_buffers


def make(prioritised, size):
    if prioritised:
        return replay_buffers.PrioritizedReplayBuffer(size, alpha=0.6, beta0=0.4)
    return replay_buffers.ReplayBuffer(size)
"""
            },
        ),
        Example(
            "an on-policy algorithm, and one that is loaded to be watched",
            {
                "watch.py": """import sys

import gymnasium as gym
from stable_baselines3 import DQN, PPO

env = gym.make("CartPole-v1")
if sys.argv[1:] == ["train"]:
    PPO("MlpPolicy", env).learn(100_000)
else:
    model = DQN.load("finished")
    obs, _ = env.reset()
    while True:
        action, _ = model.predict(obs, deterministic=True)
        obs, reward, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            break
"""
            },
        ),
        Example(
            "a rollout that is emptied after each update",
            {
                "rollout.py": """import random


class Rollout:
    def __init__(self):
        self.steps = []

    def add(self, state, action, reward, next_state, done):
        self.steps.append((state, action, reward, next_state, done))

    def draw(self, n):
        return random.sample(self.steps, n)

    def clear(self):
        self.steps.clear()


def train(env, policy, optimizer):
    rollout = Rollout()
    for update in range(1000):
        state = env.reset()
        for t in range(128):
            action = policy.act(state)
            next_state, reward, done, _ = env.step(action)
            rollout.add(state, action, reward, next_state, done)
            state = next_state
        loss = policy.loss(rollout.draw(64))
        loss.backward()
        optimizer.step()
        rollout.clear()
"""
            },
        ),
        Example(
            "a pool of generated images",
            {
                "pool.py": """import random


class ImagePool:
    def __init__(self, size):
        self.size, self.images = size, []

    def query(self, images):
        out = []
        for image in images:
            if len(self.images) < self.size:
                self.images.append(image)
                out.append(image)
            elif random.random() > 0.5:
                at = random.randint(0, self.size - 1)
                out.append(self.images[at])
                self.images[at] = image
            else:
                out.append(image)
        return out
"""
            },
        ),
        Example(
            "supervised mini-batches",
            {
                "fit.py": """import numpy as np


def fit(model, images, labels, optimizer):
    for step in range(1000):
        chosen = np.random.randint(0, len(images), 64)
        loss = model.loss(images[chosen], labels[chosen])
        loss.backward()
        optimizer.step()
"""
            },
        ),
        Example(
            "the sampler in a file of its own, the arrays in the agent",
            {
                "priorities.py": """import numpy as np


class Priorities:
    def __init__(self, capacity, alpha=0.6):
        self.mass, self.alpha = np.zeros(capacity), alpha

    def enter(self, slot):
        self.mass[slot] = self.mass.max() or 1.0

    def pick(self, n, beta):
        p = self.mass / self.mass.sum()
        slots = np.random.choice(len(p), n, p=p)
        weights = (np.count_nonzero(p) * p[slots]) ** -beta
        return slots, weights / weights.max()

    def correct(self, slots, errors):
        self.mass[slots] = (np.abs(errors) + 1e-5) ** self.alpha
""",
                "agent.py": """import numpy as np
from priorities import Priorities


class Agent:
    def __init__(self, model, capacity, width):
        self.model, self.capacity, self.count = model, capacity, 0
        self.states, self.following = np.zeros((capacity, width)), np.zeros((capacity, width))
        self.actions, self.rewards, self.ends = np.zeros(capacity, int), np.zeros(capacity), np.zeros(capacity)
        self.priorities = Priorities(capacity)

    def observe(self, state, action, reward, next_state, terminated):
        at = self.count % self.capacity
        self.states[at], self.actions[at], self.rewards[at] = state, action, reward
        self.following[at], self.ends[at] = next_state, terminated
        self.priorities.enter(at)
        self.count += 1

    def learn(self, beta):
        slots, weights = self.priorities.pick(32, beta)
        values = self.model.predict(self.states[slots])
        ahead = self.model.predict(self.following[slots]).max(axis=1)
        goals = self.rewards[slots] + 0.99 * (1 - self.ends[slots]) * ahead
        rows = np.arange(32)
        errors = goals - values[rows, self.actions[slots]]
        values[rows, self.actions[slots]] = goals
        self.model.fit(self.states[slots], values, sample_weight=weights, verbose=0)
        self.priorities.correct(slots, errors)
""",
            },
        ),
        Example(
            "a table of values: what is drawn is the state that an environment starts from",
            {
                "table.py": """import random

import numpy as np


class Board:
    def __init__(self, n):
        self.n, self.cells = n, [None] * n
        for i in range(n):
            self.cells[i] = {"state": i, "reward": -1, "done": i == n - 1}

    def moved(self, state, action):
        return self.cells[max(0, min(self.n - 1, state + action))]["state"]


class Table:
    def __init__(self, environment):
        self.environment = environment
        self.values = np.zeros((environment.n, 2))

    def fit(self):
        for _ in range(1000):
            state, done = random.randint(0, self.environment.n - 1), False
            while not done:
                action = int(np.argmax(self.values[state]))
                ahead = self.environment.moved(state, 2 * action - 1)
                cell = self.environment.cells[ahead]
                goal = cell["reward"] + 0.9 * self.values[ahead].max()
                self.values[state][action] += 0.1 * (goal - self.values[state][action])
                state, done = ahead, cell["done"]


Table(Board(20)).fit()
""",
            },
        ),
        Example(
            "logged transitions, which only a loop over a file's lines adds",
            {
                "offline.py": """import json
import random

import numpy as np


class Logs:
    def __init__(self, path):
        self.rows = []
        with open(path) as file:
            for line in file:
                row = json.loads(line)
                self.rows.append((row["state"], row["action"], row["reward"], row["next_state"], row["terminated"]))

    def sample(self, n):
        return map(np.array, zip(*random.sample(self.rows, n)))


def train(model, target, steps):
    logs = Logs("drives.jsonl")
    for step in range(steps):
        states, actions, rewards, next_states, terminated = logs.sample(64)
        values = model.predict(states)
        ahead = target.predict(next_states).max(axis=1)
        values[np.arange(64), actions] = rewards + 0.99 * (1 - terminated) * ahead
        model.fit(states, values, verbose=0)
""",
            },
        ),
        Example(
            "a memory that only a loop over logged episodes fills, by its method",
            {
                "offline.py": """import pickle
import random

import numpy as np


class Memory:
    def __init__(self):
        self.rows = []

    def push(self, state, action, reward, next_state, terminated):
        self.rows.append((state, action, reward, next_state, terminated))

    def sample(self, n):
        return map(np.array, zip(*random.sample(self.rows, n)))


def logged(path):
    with open(path, "rb") as file:
        return pickle.load(file)


def train(model, target, steps):
    memory = Memory()
    for episode in logged("drives.pkl"):
        for row in episode["rows"]:
            memory.push(row["state"], row["action"], row["reward"], row["next_state"], row["terminated"])
    for step in range(steps):
        states, actions, rewards, next_states, terminated = memory.sample(64)
        values = model.predict(states)
        ahead = target.predict(next_states).max(axis=1)
        values[np.arange(64), actions] = rewards + 0.99 * (1 - terminated) * ahead
        model.fit(states, values, verbose=0)
""",
            },
        ),
        Example(
            "transitions that are drawn to be looked at",
            {
                "look.py": """import random
from collections import deque

import gymnasium
import matplotlib.pyplot as plt
import numpy as np


class Transitions:
    def __init__(self, size):
        self.rows = deque(maxlen=size)

    def add(self, state, action, reward, next_state, terminated):
        self.rows.append((state, action, reward, next_state, terminated))

    def some(self, n):
        return random.sample(self.rows, n)


def look(transitions, n):
    rows = transitions.some(n)
    print("mean reward", np.mean([reward for _, _, reward, _, _ in rows]))
    for state, action, reward, next_state, terminated in rows:
        plt.imshow(np.hstack([state, next_state]))
        plt.title(f"{action}: {reward:.2f}" + (" (end)" if terminated else ""))
        plt.show()


def main():
    env = gymnasium.make("CarRacing-v3")
    transitions = Transitions(10_000)
    state, _ = env.reset()
    for _ in range(2_000):
        action = env.action_space.sample()
        next_state, reward, terminated, truncated, _ = env.step(action)
        transitions.add(state, action, reward, next_state, terminated)
        state = env.reset()[0] if terminated or truncated else next_state
    look(transitions, 20)


main()
"""
            },
        ),
        Example(
            "samples of each class, drawn by the places that were put aside for it",
            {
                "classes.py": """import random
from collections import defaultdict


class Samples:
    def __init__(self, size):
        self.rows, self.places, self.at = [None] * size, defaultdict(list), 0

    def add(self, image, label):
        self.rows[self.at] = (image, label)
        self.places[label].append(self.at)
        self.at += 1

    def balanced(self, n):
        chosen = [place for places in self.places.values() for place in random.sample(places, n)]
        return [self.rows[place] for place in chosen]


def train(folder, model, optimizer):
    samples = Samples(50_000)
    for image, label in folder:
        samples.add(image, label)
    for step in range(1_000):
        loss = model.loss(samples.balanced(8))
        loss.backward()
        optimizer.step()
"""
            },
        ),
        Example(
            "a memory that is given what draws by priority wherever it is made",
            {
                "store.py": _CHAINED,
                "learn.py": _PLAYED,
                "by_urgency.py": """from learn import play
from store import Store, Urgent


def main(env, net, frozen, optimizer):
    store = Store(20_000)
    store.behind(Urgent(store))
    play(env, net, frozen, store, optimizer)
""",
            },
        ),
    )


def _titled(buffer: LibraryBuffer) -> str:
    """What a library's buffer is, for people: of several algorithms that a call may make, all that draw so."""
    names = sorted({buffer.name, *(name for name, is_uniform in buffer.others if is_uniform)})
    if len(names) > 1:
        return f"{', '.join(names[:-1])} or {names[-1]} of {buffer.framework.title}, whichever is made,"
    return f"{buffer.title}, one of several that may be made," if buffer.others else buffer.title
