"""PER003 fixed-priorities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.findings import Finding, FixOffer, Severity
from per_audit.graph import PRIORITISED, LibraryBuffer, ReplayBuffer, ReplayGraph
from per_audit.graph.prioritised.weights.policy_ratios import is_resampled
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from per_audit.facts import ir


_FUNCTIONAL = """import flashbax as fbx
import jax
import jax.numpy as jnp
import optax


def errors_of(params, net, batch):
    first, second = batch.experience.first, batch.experience.second
    goals = first.reward + 0.99 * (1 - first.end) * net.apply(params, second.state).max(-1)
    return jax.lax.stop_gradient(goals) - net.apply(params, first.state)[jnp.arange(32), first.action]


def loss_of(params, net, batch, weights):
    errors = errors_of(params, net, batch)
    return (weights * optax.huber_loss(errors)).mean(), errors


def train(env, net, params, optimizer, opt_state, key, steps):
    buffer = fbx.make_prioritised_flat_buffer(10_000, 1_000, 32)
    buffer = buffer.replace(
        add=jax.jit(buffer.add), sample=jax.jit(buffer.sample), set_priorities=jax.jit(buffer.set_priorities)
    )
    state = buffer.init(env.first())
    for step in range(steps):
        state = buffer.add(state, env.step(params))
        if not buffer.can_sample(state):
            continue
        key, used = jax.random.split(key)
        batch = buffer.sample(state, used)
        weights = (step * batch.probabilities) ** -min(1.0, 0.4 + step / steps)
        (_, errors), slopes = jax.value_and_grad(loss_of, has_aux=True)(params, net, batch, weights / weights.max())
        changes, opt_state = optimizer.update(slopes, opt_state)
        params = optax.apply_updates(params, changes)
        buffer.set_priorities(state, batch.indices, jnp.abs(errors) + 1e-6)  # <- PER003
"""
_TREE_OF_ARRAYS = """from typing import NamedTuple

import jax
import jax.numpy as jnp


class Row(NamedTuple):
    obs: jax.Array
    action: jax.Array
    reward: jax.Array
    discount: jax.Array
    next_obs: jax.Array


class Memory(NamedTuple):
    rows: Row
    priority: jax.Array
    at: int
    size: int


def init(example, capacity):
    rows = jax.tree_util.tree_map(lambda x: jnp.zeros((capacity, *jnp.shape(x))), example)
    return Memory(rows, jnp.zeros(capacity), 0, 0)


def add(memory, row):
    rows = jax.tree_util.tree_map(lambda held, new: held.at[memory.at].set(new), memory.rows, row)
    priority = memory.priority.at[memory.at].set(1.0)
    return Memory(rows, priority, (memory.at + 1) % memory.priority.shape[0], memory.size + 1)


def sample(memory, key, n, beta):
    sums = jnp.cumsum(memory.priority**0.6)
    slots = jnp.searchsorted(sums, jax.random.uniform(key, (n,)) * sums[-1])  # <- PER003
    weights = (memory.size * memory.priority[slots] ** 0.6 / sums[-1]) ** -beta
    return slots, jax.tree_util.tree_map(lambda held: held[slots], memory.rows), weights / weights.max()


def rate(memory, slots, errors):
    return memory._replace(priority=memory.priority.at[slots].set(jnp.abs(errors) + 1e-6))


def train(env, net, params, key):
    memory = init(Row(jnp.zeros(4), 0, 0.0, 0.0, jnp.zeros(4)), 5_000)
    obs, _ = env.reset()
    for step in range(50_000):
        action = net.apply(params, obs).argmax()
        next_obs, reward, terminated, truncated, _ = env.step(action)
        memory = add(memory, Row(obs, action, reward, 0.99 * (1 - terminated), next_obs))
        obs = env.reset()[0] if terminated or truncated else next_obs
        key, used = jax.random.split(key)
        slots, batch, weights = sample(memory, used, 32, 0.4 + 0.6 * step / 50_000)

        def loss_of(params):
            ahead = jax.lax.stop_gradient(net.apply(params, batch.next_obs).max(-1))
            errors = batch.reward + batch.discount * ahead - net.apply(params, batch.obs)[jnp.arange(32), batch.action]
            return (weights * errors**2).mean(), errors

        (_, errors), slopes = jax.value_and_grad(loss_of, has_aux=True)(params)
        params = jax.tree_util.tree_map(lambda p, slope: p - 1e-3 * slope, params, slopes)
"""

_TWO_AGENTS = """import torch
from memory import Memory


class Slow:
    def __init__(self, net, optimizer, memory):
        self.net, self.optimizer = net, optimizer
        self.memory = Memory(1000)

    def learn(self, beta):
        rows, slots, weights = self.memory.sample(32, beta)  # <- PER003
        loss = (torch.as_tensor(weights) * self.net.errors(rows) ** 2).mean()
        loss.backward()
        self.optimizer.step()


class Quick:
    def __init__(self, net, optimizer, memory):
        self.net, self.optimizer = net, optimizer
        self.memory = Memory(1000)

    def learn(self, beta):
        rows, slots, weights = self.memory.sample(32, beta)
        errors = self.net.errors(rows)
        (torch.as_tensor(weights) * errors**2).mean().backward()
        self.optimizer.step()
        self.memory.update(slots, errors.detach().numpy())


def main(env, net, optimizer, quick, steps):
    agent = Quick(net, optimizer, None) if quick else Slow(net, optimizer, None)
    state = env.reset()
    for step in range(steps):
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        agent.memory.push(state, action, reward, next_state, done)
        state = env.reset() if done else next_state
        agent.learn(min(1.0, 0.4 + 0.6 * step / steps))
"""

_HANDED = {
    "memory.py": """import numpy as np
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.type_aliases import ReplayBufferSamples


class Rated(ReplayBuffer):
    def __init__(self, buffer_size, observation_space, action_space, device="auto", n_envs=1, alpha=0.6, **more):
        super().__init__(buffer_size, observation_space, action_space, device, n_envs)
        self.priorities, self.alpha = np.zeros(buffer_size), alpha
        self.top = 0.01

    def add(self, obs, next_obs, action, reward, done, infos):
        self.priorities[self.pos] = self.top
        super().add(obs, next_obs, action, reward, done, infos)

    def sample(self, batch_size, env=None):
        p = self.priorities / self.priorities.sum()
        at = np.random.choice(len(p), batch_size, p=p)  # <- PER003
        self.weights = (self.size() * p[at]) ** -0.4
        rows = (
            self._normalize_obs(self.observations[at, 0, :], env),
            self.actions[at, 0, :],
            self._normalize_obs(self.next_observations[at, 0, :], env),
            self.dones[at],
            self._normalize_reward(self.rewards[at], env),
        )
        return ReplayBufferSamples(*map(self.to_torch, rows))

    def rate(self, at, errors):
        for slot, error in zip(at, errors):
            priority = (abs(error) + 0.01) ** self.alpha
            self.priorities[slot] = priority
            self.top = max(self.top, priority)
""",
    "train.py": """from stable_baselines3 import SAC
from memory import Rated

model = SAC("MlpPolicy", "Pendulum-v1", replay_buffer_class=Rated, replay_buffer_kwargs={"alpha": 0.7})
model.learn(100_000)
""",
}
_UPDATING = """import torch
import torch.nn.functional as F
from stable_baselines3 import SAC
from memory import Rated


class RatingSAC(SAC):
    def train(self, gradient_steps, batch_size=64):
        for _ in range(gradient_steps):
            rows = self.replay_buffer.sample(batch_size, env=self._vec_normalize_env)
            with torch.no_grad():
                ahead = torch.cat(self.critic_target(rows.next_observations, rows.actions), dim=1).amin(1, keepdim=True)
                target = rows.rewards + (1 - rows.dones) * self.gamma * ahead
            value = torch.cat(self.critic(rows.observations, rows.actions), dim=1).amin(1, keepdim=True)
            loss = F.mse_loss(value, target)
            self.critic.optimizer.zero_grad()
            loss.backward()
            self.critic.optimizer.step()
            self.replay_buffer.rate(rows.at, (value - target).detach().cpu().numpy())


model = RatingSAC("MlpPolicy", "Pendulum-v1", replay_buffer_class=Rated, replay_buffer_kwargs={"alpha": 0.7})
model.learn(100_000)
"""

_SEGMENTS = """import random


class Segments:
    def __init__(self, width):
        self.width, self.nodes = width, [0.0] * (2 * width)

    def __setitem__(self, leaf, mass):
        node = leaf + self.width
        self.nodes[node] = mass
        while node > 1:
            node //= 2
            self.nodes[node] = self.nodes[2 * node] + self.nodes[2 * node + 1]

    def __getitem__(self, leaf):
        return self.nodes[leaf + self.width]


class Sums(Segments):
    def leaf_of(self, mass):
        node = 1
        while node < self.width:
            node *= 2
            if self.nodes[node] <= mass and self.nodes[node + 1] > 0:
                mass -= self.nodes[node]
                node += 1
        return node - self.width


class Memory:
    def __init__(self, size):
        self.rows, self.sums, self.size, self.at, self.top = [None] * size, Sums(size), size, 0, 1.0

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at] = (state, action, reward, next_state, done)
        self._rate(self.at, self.top)
        self.at = (self.at + 1) % self.size

    def _rate(self, slot, priority):
        self.sums[slot] = priority

    def sample(self, n, beta):
        total = self.sums.nodes[1]
        slots = [self.sums.leaf_of(random.random() * total) for _ in range(n)]  # <- PER003
        weights = [(self.size * self.sums[slot] / total) ** -beta for slot in slots]
        return [self.rows[slot] for slot in slots], slots, [w / max(weights) for w in weights]

    def update(self, slots, errors):
        for slot, error in zip(slots, errors):
            self._rate(slot, (abs(error) + 1e-6) ** 0.6)
"""
_LEARNING = """import torch
from memory import Memory


def train(env, net, optimizer, steps):
    memory, state = Memory(1024), env.reset()
    for step in range(steps):
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        memory.push(state, action, reward, next_state, done)
        state = env.reset() if done else next_state
        rows, slots, weights = memory.sample(32, min(1.0, 0.4 + 0.6 * step / steps))
        errors = net.errors(rows)
        (torch.as_tensor(weights) * errors**2).mean().backward()
        optimizer.step()
"""


class FixedPriorities(Rule):
    """Transitions are drawn by priority, but no training step ever gives them new priorities.

    ## What it does

    Reports a prioritised buffer that the project makes and draws from, while nothing that the training reaches writes
    priorities again: no update method is called, no priority is assigned, no transition is put back. Where several
    agents make such a buffer each for itself, what one does with its own is no update of another's. The same of a
    library's prioritised buffer, where the project draws the batches itself; of one whose methods return what they
    would change, what they return has to go somewhere.

    ## Why is this bad

    New transitions get the largest priority so that each is drawn at least once. Without updates all priorities stay
    equal, or stay as they were at insertion: the draw is uniform, or follows errors of a network long gone, and the
    weights correct for a distribution that means nothing. Everything that prioritised replay costs is paid for nothing.

    ## Known problems

    Code that updates priorities through objects of another library, or through names that are only known at run time,
    cannot be followed; there the rule is silent. So it is where only code that the project has not draws batches.
    Buffers that are never made in the project are not reported, but for those whose class is given to an algorithm of a
    library that is known to draw uniformly otherwise: it asks for no update.

    ## Example

    ```python
    batch, weights, indices = memory.sample(32)
    loss = (weights * errors**2).mean()
    loss.backward()
    ```

    ## Use instead

    ```python
    batch, weights, indices = memory.sample(32)
    loss = (weights * errors**2).mean()
    loss.backward()
    memory.update_priorities(indices, errors)
    ```

    ## Fix safety

    The line to add needs the TD error of each drawn transition; it is added only where one is at hand.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, Algorithm 1, lines 11 and 12
    """

    code = "PER003"
    name = "fixed-priorities"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each prioritised buffer in use whose priorities nobody updates."""
        for library in graph.library:
            if library.prioritised and (use := graph.library_use(library)).is_trained_on() and not use.updated():
                yield self._library(graph, library, use.dropped_updates())
        for buffer in graph.buffers:
            if buffer.kind != PRIORITISED:
                continue
            about = graph.priorities(buffer)
            if not ((about.in_use or about.handed_to) and about.is_about_priorities):
                continue
            if not (about.is_reference or about.writes_priorities()) or is_resampled(graph, buffer):
                continue
            if about.updated():
                yield from self._neglected(graph, buffer)
                continue
            name = graph.name_of(buffer)
            yield Finding(
                self.code,
                self.name,
                self.severity,
                "high" if about.is_reference else "medium",
                f"{name} draws by priority, but no training step updates its priorities: they stay as they were stored",
                graph.place(buffer.path, buffer.draws[0]),
                graph.symbol(buffer.function, buffer.path),
                (
                    *graph.chain(buffer),
                    *(
                        graph.evidence(site.path, site.node, "given", "an algorithm that never updates priorities")
                        for site in about.handed_to[:1]
                    ),
                ),
                FixOffer(title="give the TD errors back after each training step"),
                pipeline=name,
            )

    def _neglected(self, graph: ReplayGraph, buffer: ReplayBuffer) -> Iterable[Finding]:
        """One finding for each that learns from such a buffer of its own, which only others update."""
        name = graph.name_of(buffer)
        for maker, site in graph.priorities(buffer).neglected():
            who = maker if isinstance(maker, str) else graph.project.qualified(maker)
            yield Finding(
                self.code,
                self.name,
                self.severity,
                "medium",
                f"{who} has a {name} of its own, which draws by priority, and never updates its priorities: "
                "they stay as they were stored",
                graph.place(site.path, site.node),
                graph.symbol(site.function, site.path),
                graph.chain(buffer),
                FixOffer(title="give the TD errors back after each training step"),
                pipeline=name,
            )

    def _library(self, graph: ReplayGraph, buffer: LibraryBuffer, dropped: Sequence[tuple[str, ir.Call]]) -> Finding:
        title = f"{buffer.framework.title} {buffer.name}"
        method = min(buffer.kind.update)
        path, node = dropped[0] if dropped else (buffer.samples[0].path, buffer.samples[0].node)
        why = (
            f"what `{method}` returns is dropped, and it changes nothing" if dropped else f"`{method}` is never called"
        )
        links = (graph.evidence(path, node, "update", "the buffer with the new priorities is dropped here"),)
        return Finding(
            self.code,
            self.name,
            self.severity,
            "high",
            f"{buffer.name} of {buffer.framework.title} draws by priority, but {why}: "
            "its priorities stay as they were stored",
            graph.place(path, node),
            graph.symbol(graph.symbols.function_of(path, node), path),
            (*graph.library_chain(buffer), *(links if dropped else ())),
            FixOffer(title="give the TD errors back after each training step"),
            pipeline=title,
        )

    def witness(self) -> str:
        """Priorities that stay at the maximum draw uniformly; updated ones draw what has a large error."""
        import numpy as np

        rng = np.random.default_rng(0)
        errors = np.full(100, 0.1)
        errors[:5] = 10.0
        fixed = np.ones(100)
        drawn = rng.choice(100, 20_000, p=fixed / fixed.sum())
        updated = errors**0.6
        drawn_updated = rng.choice(100, 20_000, p=updated / updated.sum())
        before, after = (drawn < 5).mean(), (drawn_updated < 5).mean()
        assert abs(before - 0.05) < 0.01
        assert after > 0.4
        return f"five large errors of 100 get {before:.0%} of the draws with fixed priorities, {after:.0%} when updated"

    bad = (
        Example(
            "an update method that nobody calls, in two files",
            {
                "memory.py": """import numpy as np


class Memory:
    def __init__(self, size):
        self.rows, self.priorities, self.size, self.at = [None] * size, np.zeros(size), size, 0

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at % self.size] = (state, action, reward, next_state, done)
        self.priorities[self.at % self.size] = 1.0
        self.at += 1

    def sample(self, n, beta):
        p = self.priorities / self.priorities.sum()
        slots = np.random.choice(self.size, n, p=p)  # <- PER003
        weights = (self.size * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        self.priorities[slots] = np.abs(errors) + 1e-6
""",
                "train.py": """import torch
from memory import Memory


def train(env, net, optimizer):
    memory = Memory(1000)
    state = env.reset()
    while True:
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        memory.push(state, action, reward, next_state, done)
        state = next_state
        batch, slots, weights = memory.sample(32, 0.4)
        loss = (torch.as_tensor(weights) * net.errors(batch) ** 2).mean()
        loss.backward()
        optimizer.step()
""",
            },
        ),
        Example(
            "the reference buffer without updates",
            {
                "train.py": """from experience_replay_optimizer import PrioritizedReplayBuffer, importance_weighted_loss


def train(env, net, optimizer):
    memory = PrioritizedReplayBuffer(10_000)
    state = env.reset()
    for step in range(100_000):
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        memory.add(state, action, reward, next_state, done)
        state = next_state
        batch, weights, indices = memory.sample(32)  # <- PER003
        loss = importance_weighted_loss(net.squared_errors(batch), weights)
        loss.backward()
        optimizer.step()
"""
            },
        ),
        Example(
            "no update method at all, Keras",
            {
                "agent.py": """import random
import numpy as np


class Agent:
    def __init__(self, model):
        self.model, self.past, self.priority = model, [], []

    def remember(self, state, action, reward, next_state, done):
        self.past.append((state, action, reward, next_state, done))
        self.priority.append(1.0)
        if len(self.past) > 5000:
            self.past.pop(0)
            self.priority.pop(0)

    def replay(self):
        picked = random.choices(range(len(self.past)), weights=self.priority, k=32)  # <- PER003 PER005
        for i in picked:
            state, action, reward, next_state, done = self.past[i]
            goal = reward if done else reward + 0.9 * np.max(self.model.predict(next_state))
            self.model.fit(state, goal)


def main(env, model):
    agent = Agent(model)
    state = env.reset()
    for step in range(10000):
        next_state, reward, done, _ = env.step(0)
        agent.remember(state, 0, reward, next_state, done)
        agent.replay()
"""
            },
        ),
        Example(
            "priorities in the agent, set once at insertion, PyTorch",
            {
                "agent.py": """import numpy as np
import torch
import torch.nn.functional as F


class Agent:
    def __init__(self, net, target_net, optimizer, capacity=10_000, width=4):
        self.net, self.target_net, self.optimizer = net, target_net, optimizer
        self.states = np.zeros((capacity, width), np.float32)
        self.following = np.zeros((capacity, width), np.float32)
        self.actions, self.rewards = np.zeros(capacity, np.int64), np.zeros(capacity, np.float32)
        self.ends = np.zeros(capacity, np.float32)
        self.priorities = np.zeros(capacity)
        self.capacity, self.count = capacity, 0

    def store(self, state, action, reward, next_state, terminated):
        at = self.count % self.capacity
        self.states[at], self.following[at] = state, next_state
        self.actions[at], self.rewards[at], self.ends[at] = action, reward, terminated
        self.priorities[at] = abs(reward) + 0.01
        self.count += 1

    def learn(self, beta):
        p = self.priorities / self.priorities.sum()
        at = np.random.choice(self.capacity, 64, p=p)  # <- PER003
        weights = (min(self.count, self.capacity) * p[at]) ** -beta
        weights = torch.as_tensor(weights / weights.max(), dtype=torch.float32)
        q = self.net(torch.as_tensor(self.states[at])).gather(1, torch.as_tensor(self.actions[at])[:, None])[:, 0]
        with torch.no_grad():
            ahead = self.target_net(torch.as_tensor(self.following[at])).max(1).values
            y = torch.as_tensor(self.rewards[at]) + 0.99 * (1 - torch.as_tensor(self.ends[at])) * ahead
        loss = (weights * F.smooth_l1_loss(q, y, reduction="none")).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


def main(env, net, target_net, optimizer):
    agent = Agent(net, target_net, optimizer)
    state, _ = env.reset()
    for step in range(100_000):
        action = net.act(state)
        next_state, reward, terminated, truncated, _ = env.step(action)
        agent.store(state, action, reward, next_state, terminated)
        state = env.reset()[0] if terminated or truncated else next_state
        agent.learn(min(1.0, 0.4 + 0.6 * step / 100_000))
""",
            },
        ),
        Example(
            "a module's arrays, linear Q-learning in numpy",
            {
                "linear_q.py": """import numpy as np

SIZE = 2000
ROWS = [None] * SIZE
PRIORITY = np.zeros(SIZE)
THETA = np.zeros((4, 8))


def observe(count, state, action, reward, next_state, terminated):
    ROWS[count % SIZE] = (state, action, reward, next_state, terminated)
    PRIORITY[count % SIZE] = 1.0


def improve(count, beta, rate=0.01):
    p = PRIORITY / PRIORITY.sum()
    slots = np.random.choice(SIZE, 16, p=p)  # <- PER003
    weights = (min(count, SIZE) * p[slots]) ** -beta
    weights /= weights.max()
    for slot, weight in zip(slots, weights):
        state, action, reward, next_state, terminated = ROWS[slot]
        goal = reward if terminated else reward + 0.95 * (THETA @ next_state).max()
        THETA[action] += rate * weight * (goal - THETA[action] @ state) * state


def run(env, steps):
    state, _ = env.reset()
    for step in range(steps):
        action = int(np.argmax(THETA @ state))
        next_state, reward, terminated, truncated, _ = env.step(action)
        observe(step, state, action, reward, next_state, terminated)
        state = env.reset()[0] if terminated or truncated else next_state
        improve(step + 1, min(1.0, 0.4 + step / steps))
""",
            },
        ),
        Example(
            "an update that only the tests would call, JAX",
            {
                "replay.py": """import numpy as np


class Replay:
    def __init__(self, capacity, alpha=0.6):
        self.items, self.mass = [None] * capacity, np.zeros(capacity)
        self.capacity, self.alpha, self.added = capacity, alpha, 0

    def put(self, obs, action, reward, next_obs, done):
        self.items[self.added % self.capacity] = (obs, action, reward, next_obs, done)
        self.mass[self.added % self.capacity] = self.mass.max() or 1.0
        self.added += 1

    def take(self, n, beta):
        p = self.mass / self.mass.sum()
        slots = np.random.choice(self.capacity, n, p=p)  # <- PER003
        weights = (min(self.added, self.capacity) * p[slots]) ** -beta
        return map(np.stack, zip(*[self.items[i] for i in slots])), weights / weights.max(), slots

    def reprioritise(self, slots, errors):
        self.mass[slots] = (np.abs(errors) + 1e-6) ** self.alpha
""",
                "train.py": """import jax
import jax.numpy as jnp
from replay import Replay


def train(env, apply, params, steps):
    replay = Replay(20_000)

    def loss(params, obs, actions, targets, weights):
        chosen = jnp.take_along_axis(apply(params, obs), actions[:, None], axis=1)[:, 0]
        return jnp.mean(weights * (chosen - targets) ** 2)

    obs, _ = env.reset()
    for step in range(steps):
        action = int(jnp.argmax(apply(params, obs[None])))
        next_obs, reward, terminated, truncated, _ = env.step(action)
        replay.put(obs, action, reward, next_obs, terminated)
        obs = env.reset()[0] if terminated or truncated else next_obs
        if step > 64:
            (s, a, r, s2, d), weights, slots = replay.take(64, min(1.0, 0.4 + step / steps))
            y = r + 0.99 * (1 - d) * jnp.max(apply(params, s2), axis=1)
            gradients = jax.grad(loss)(params, s, a, y, weights)
            params = jax.tree_util.tree_map(lambda p, g: p - 1e-3 * g, params, gradients)
    return params
""",
            },
        ),
        Example(
            "a library's buffer whose update is never called",
            {
                "train.py": """import torch
from cpprb import PrioritizedReplayBuffer


def train(env, net, optimizer):
    memory = PrioritizedReplayBuffer(10_000, {"obs": {"shape": 4}, "act": {}, "rew": {}, "next_obs": {"shape": 4}})
    obs, _ = env.reset()
    for step in range(100_000):
        action = net.act(obs)
        next_obs, reward, terminated, truncated, _ = env.step(action)
        memory.add(obs=obs, act=action, rew=reward, next_obs=next_obs)
        obs = next_obs
        batch = memory.sample(32, beta=0.5)  # <- PER003
        weights = torch.as_tensor(batch["weights"])
        loss = (weights * net.errors(batch["obs"], batch["act"], batch["rew"], batch["next_obs"]) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
            },
        ),
        Example("what a method returns that changes nothing by itself is dropped", {"train.py": _FUNCTIONAL}),
        Example(
            "a method that is only put into another form",
            {
                "train.py": _FUNCTIONAL.replace(
                    "buffer.sample(state, used)", "buffer.sample(state, used)  # <- PER003"
                ).replace(
                    "        buffer.set_priorities(state, batch.indices, jnp.abs(errors) + 1e-6)  # <- PER003\n", ""
                )
            },
        ),
        Example(
            "a hook that does nothing in the agent that is made, and something in an heir that is not",
            {
                "agents.py": """import numpy as np
import torch


class Memory:
    def __init__(self, size):
        self.rows, self.priorities, self.size, self.at = [None] * size, np.zeros(size), size, 0

    def push(self, row):
        self.rows[self.at % self.size] = row
        self.priorities[self.at % self.size] = self.priorities.max() or 1.0
        self.at += 1

    def sample(self, n, beta):
        p = self.priorities / self.priorities.sum()
        slots = np.random.choice(self.size, n, p=p)  # <- PER003
        weights = (self.size * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        self.priorities[slots] = np.abs(errors) + 1e-6


class Agent:
    def __init__(self, net, optimizer):
        self.net, self.optimizer, self.memory = net, optimizer, Memory(1000)

    def rate(self, slots, errors):
        pass

    def train(self, env, steps):
        state = env.reset()
        for step in range(steps):
            next_state, reward, done, _ = env.step(self.net.act(state))
            self.memory.push((state, 0, reward, next_state, done))
            state = env.reset() if done else next_state
            rows, slots, weights = self.memory.sample(32, min(1.0, 0.4 + 0.6 * step / steps))
            errors = self.net.errors(rows)
            (torch.as_tensor(weights) * errors**2).mean().backward()
            self.optimizer.step()
            self.rate(slots, errors.detach().numpy())


class RatingAgent(Agent):
    def rate(self, slots, errors):
        self.memory.update(slots, errors)
""",
                "main.py": """from agents import Agent


def main(env, net, optimizer):
    Agent(net, optimizer).train(env, 100_000)
""",
            },
        ),
        Example("arrays in a tree, which functions fill and read leaf by leaf", {"train.py": _TREE_OF_ARRAYS}),
        Example(
            "of two agents with a memory each one updates none",
            {
                "memory.py": """import numpy as np


class Memory:
    def __init__(self, size):
        self.rows, self.priorities, self.size, self.at = [None] * size, np.zeros(size), size, 0

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at % self.size] = (state, action, reward, next_state, done)
        self.priorities[self.at % self.size] = 1.0
        self.at += 1

    def sample(self, n, beta):
        p = self.priorities / self.priorities.sum()
        slots = np.random.choice(self.size, n, p=p)
        weights = (self.size * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        self.priorities[slots] = np.abs(errors) + 1e-6
""",
                "agents.py": _TWO_AGENTS,
            },
        ),
        Example("a library's algorithm makes the buffer of the class that it is given", _HANDED),
        Example(
            "rows that hold a priority from the start, and are gathered by a loop",
            {
                "memory.py": """from collections import deque, namedtuple

import numpy as np

Row = namedtuple("Row", "state action reward next_state done priority")


class Memory:
    def __init__(self, limit, size):
        self.rows, self.size = deque(maxlen=limit), size

    def add(self, *fields):
        self.rows.append(Row(*fields))

    def sample(self):
        priorities = np.array([row.priority for row in self.rows])
        shares = priorities**0.5 / (priorities**0.5).sum()
        rows = []
        for slot in np.random.choice(len(self.rows), self.size, p=shares):  # <- PER003 PER005 PER401
            rows.append(self.rows[slot])
        states = np.stack([row.state for row in rows])
        goals = np.array([row.reward for row in rows])
        priorities = np.array([row.priority for row in rows])
        return states, goals, priorities
""",
                "learn.py": """from memory import Memory


class Learner:
    def __init__(self, net, optimizer):
        self.net, self.optimizer, self.memory = net, optimizer, Memory(100_000, 32)

    def live(self, state, action, reward, next_state, done):
        error = abs(reward + 0.9 * self.net.best(next_state) - self.net.best(state)).detach()
        self.memory.add(state, action, reward, next_state, done, error)
        if len(self.memory.rows) > 1_000:
            states, goals, priorities = self.memory.sample()
            loss = ((self.net(states) - goals) ** 2).mean()
            loss.backward()
            self.optimizer.step()


def train(env, net, optimizer):
    learner, state = Learner(net, optimizer), env.reset()
    for _ in range(200_000):
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        learner.live(state, action, reward, next_state, done)
        state = env.reset() if done else next_state
""",
            },
        ),
        Example(
            "a tree whose base writes its leaves when an item is assigned",
            {"memory.py": _SEGMENTS, "train.py": _LEARNING},
        ),
    )
    good = (
        Example(
            "a list that a changed copy takes the place of",
            {
                "memory.py": """import numpy as np


class Memory:
    def __init__(self, size):
        self.rows, self.priorities, self.size = [], [], size

    def push(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))
        self.priorities.append(1.0)
        if len(self.rows) > self.size:
            del self.rows[0], self.priorities[0]

    def sample(self, n, beta):
        p = np.asarray(self.priorities) / sum(self.priorities)
        slots = np.random.choice(len(self.rows), n, p=p)
        weights = (len(self.rows) * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        changed = np.array(self.priorities)
        changed[slots] = np.abs(errors) + 1e-6
        self.priorities = changed.tolist()
""",
                "train.py": bad[0]
                .plain["train.py"]
                .replace("optimizer.step()\n", "optimizer.step()\n        memory.update(slots, net.last_errors)\n"),
            },
        ),
        Example(
            "a library's buffer with its update",
            {
                "train.py": """import torch
from cpprb import PrioritizedReplayBuffer


def train(env, net, optimizer):
    memory = PrioritizedReplayBuffer(10_000, {"obs": {"shape": 4}, "rew": {}})
    while True:
        batch = memory.sample(32, beta=0.5)
        errors = net.errors(batch["obs"], batch["rew"])
        loss = (torch.as_tensor(batch["weights"]) * errors**2).mean()
        loss.backward()
        optimizer.step()
        memory.update_priorities(batch["indexes"], errors.abs().detach().numpy())
"""
            },
        ),
        Example(
            "a library's buffer that its own agent draws from and updates",
            {
                "train.py": """import pfrl


def main(q_function, optimizer, explorer, env):
    memory = pfrl.replay_buffers.PrioritizedReplayBuffer(10_000, betasteps=25_000)
    agent = pfrl.agents.DQN(q_function, optimizer, memory, 0.99, explorer)
    obs = env.reset()
    while True:
        obs, reward, done, info = env.step(agent.act(obs))
        agent.observe(obs, reward, done, False)
"""
            },
        ),
        Example(
            "updated after each step, under a name of its own, in two files",
            {
                "memory.py": bad[0].plain["memory.py"].replace("def update(", "def absorb("),
                "train.py": bad[0].plain["train.py"] + "        memory.absorb(slots, net.errors(batch))\n",
            },
        ),
        Example(
            "the reference buffer with updates",
            {
                "train.py": bad[1].plain["train.py"] + "        memory.update_priorities(indices, net.errors(batch))\n",
            },
        ),
        Example(
            "priorities assigned in place",
            {
                "agent.py": bad[2]
                .plain["agent.py"]
                .replace(
                    "            self.model.fit(state, goal)\n",
                    "            self.model.fit(state, goal)\n            self.priority[i] = abs(goal)\n",
                ),
            },
        ),
        Example(
            "a class that the project never makes",
            {"memory.py": bad[0].plain["memory.py"]},
        ),
        Example(
            "a memory that its file only makes, of which a draw may draw once more",
            {
                "memory.py": bad[0]
                .plain["memory.py"]
                .replace(
                    "        return [self.rows",
                    "        if np.isnan(weights).any():\n"
                    "            return self.sample(n, beta)\n"
                    "        return [self.rows",
                )
                + '\n\nif __name__ == "__main__":\n    memory = Memory(1000)\n'
            },
        ),
        Example(
            "a uniform buffer",
            {
                "agent.py": """import random


class Agent:
    def __init__(self, model):
        self.model, self.past = model, []

    def remember(self, state, action, reward, next_state, done):
        self.past.append((state, action, reward, next_state, done))

    def replay(self):
        self.model.fit(random.sample(self.past, 32))
"""
            },
        ),
        Example(
            "updated from the step's own errors, JAX",
            {
                "replay.py": bad[5].plain["replay.py"],
                "train.py": bad[5]
                .plain["train.py"]
                .replace(
                    "            params = jax.tree_util",
                    "            chosen = jnp.take_along_axis(apply(params, s), a[:, None], axis=1)[:, 0]\n"
                    "            replay.reprioritise(slots, chosen - y)\n"
                    "            params = jax.tree_util",
                ),
            },
        ),
        Example(
            "ratios of two policies, which training does not change",
            {
                "agent.py": bad[3]
                .plain["agent.py"]
                .replace("next_state, terminated):", "next_state, terminated, ratio):")
                .replace("= abs(reward) + 0.01", "= ratio")
                .replace("optimizer):\n    agent", "optimizer, goal, behaviour):\n    agent")
                .replace(
                    "        action = net.act(state)\n",
                    "        wanted, used = goal.chances(state), behaviour.chances(state)\n"
                    "        action = np.random.choice(len(used), p=used)\n",
                )
                .replace("next_state, terminated)\n", "next_state, terminated, wanted[action] / used[action])\n"),
            },
        ),
        Example(
            "the priority is the last field of a row that the agent makes, and is put anew behind the others",
            {
                "memory.py": """import numpy as np


class Memory:
    def __init__(self, size, alpha=0.6):
        self.rows, self.size, self.alpha, self.at = [], size, alpha, 0

    def put(self, row):
        if len(self.rows) < self.size:
            self.rows.append(row)
        else:
            self.rows[self.at] = row
        self.at = (self.at + 1) % self.size

    def sample(self, n, beta):
        p = np.array([row[-1] for row in self.rows]) ** self.alpha
        p /= p.sum()
        slots = np.random.choice(len(self.rows), n, p=p)
        weights = (len(self.rows) * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def rate(self, slots, priorities):
        for slot, priority in zip(slots, priorities):
            row = self.rows[slot]
            self.rows[slot] = row[:-1] + (priority,)
""",
                "agent.py": """import numpy as np
import torch
from memory import Memory


class Agent:
    def __init__(self, net, optimizer):
        self.net, self.optimizer, self.memory, self.learnt = net, optimizer, Memory(10_000), 0

    def store(self, state, action, reward, next_state, terminated):
        self.memory.put((state, action, reward, next_state, terminated, 1.0))

    def learn(self):
        self.learnt += 1
        rows, slots, weights = self.memory.sample(32, min(1.0, 0.4 + self.learnt / 100_000))
        states, actions, rewards, following, ends, _ = (torch.as_tensor(np.stack(part)).float() for part in zip(*rows))
        q = self.net(states).gather(1, actions.long()[:, None])[:, 0]
        with torch.no_grad():
            y = rewards + 0.99 * (1 - ends) * self.net(following).max(1).values
        errors = y - q
        loss = (torch.as_tensor(weights).float() * errors**2).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.memory.rate(slots, errors.detach().abs().numpy() + 1e-6)


def main(env, net, optimizer):
    agent = Agent(net, optimizer)
    state, _ = env.reset()
    for step in range(100_000):
        action = net.act(state)
        next_state, reward, terminated, truncated, _ = env.step(action)
        agent.store(state, action, reward, next_state, terminated)
        state = env.reset()[0] if terminated or truncated else next_state
        if step > 1000:
            agent.learn()
""",
            },
        ),
        Example(
            "a hook that does something in the heir that is made",
            {
                "agents.py": bad[-6].plain["agents.py"],
                "main.py": bad[-6].plain["main.py"].replace("Agent", "RatingAgent"),
            },
        ),
        Example(
            "a method returns what has the new priorities",
            {
                "train.py": _FUNCTIONAL.replace("  # <- PER003", "").replace(
                    "        buffer.set_priorities", "        state = buffer.set_priorities"
                )
            },
        ),
        Example(
            "arrays in a tree, those that it is drawn by written anew",
            {
                "train.py": _TREE_OF_ARRAYS.replace("  # <- PER003", "")
                + "        memory = rate(memory, slots, errors)\n"
            },
        ),
        Example(
            "two agents with one memory, of which one updates it",
            {
                "memory.py": bad[-4].plain["memory.py"],
                "agents.py": _TWO_AGENTS.replace("  # <- PER003", "")
                .replace("self.memory = Memory(1000)", "self.memory = memory")
                .replace("    agent = Quick(net, optimizer, None) if quick else Slow(net, optimizer, None)\n", "")
                .replace("    state = env.reset()\n", "    memory = Memory(1000)\n    state = env.reset()\n", 1)
                .replace(
                    "        action =",
                    "        agent = (Quick if step % 4 else Slow)(net, optimizer, memory)\n        action =",
                ),
            },
        ),
        Example(
            "a project's own algorithm, derived from a library's, updates the buffer of the class that it is given",
            {"memory.py": bad[-3].plain["memory.py"], "train.py": _UPDATING},
        ),
        Example(
            "an algorithm of a library that nobody trains",
            {
                "memory.py": bad[-3].plain["memory.py"],
                "show.py": bad[-3].plain["train.py"].replace("model.learn(100_000)", "print(model.policy)"),
            },
        ),
        Example(
            "a tree whose base writes its leaves when an item is assigned, for updates as well",
            {
                "memory.py": _SEGMENTS.replace("  # <- PER003", ""),
                "train.py": _LEARNING + "        memory.update(slots, errors.tolist())\n",
            },
        ),
    )
