"""PER005 missing-importance-weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from per_audit.facts import ir
from per_audit.findings import Finding, FixOffer, Severity
from per_audit.graph import PRIORITISED, LibraryBuffer, ReplayBuffer, ReplayGraph
from per_audit.graph.gradients.unrecorded import is_only_measured
from per_audit.graph.interpret.roles import DONE, NEXT, REWARD
from per_audit.graph.liveness.memories.usage import is_name_read
from per_audit.graph.prioritised.beta.even import without_effect
from per_audit.graph.prioritised.priorities.graphed import are_asked_for_in_a_graph
from per_audit.graph.prioritised.weights.compiled import compilations, weights_read
from per_audit.graph.prioritised.weights.dropping import is_dropped_where_drawn
from per_audit.graph.prioritised.weights.lap import clamps_like_lap
from per_audit.graph.prioritised.weights.policy_ratios import is_resampled, resamples
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.graph.interpret.events import Unpack
    from per_audit.graph.prioritised.priorities.priorities import Priorities


_MEASURED = {
    "memory.py": """import numpy as np


class Memory:
    def __init__(self, size):
        self.rows, self.size, self.at, self.priorities = [None] * size, size, 0, np.zeros(size)

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at % self.size] = (state, action, reward, next_state, done)
        self.priorities[self.at % self.size] = self.priorities.max() or 1.0
        self.at += 1

    def sample(self, n, beta):
        p = self.priorities / self.priorities.sum()
        slots = np.random.choice(self.size, n, p=p)
        weights = (self.size * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        self.priorities[slots] = np.abs(errors) + 1e-6
""",
    "learner.py": """import torch
from memory import Memory


class Learner:
    def __init__(self, net, optimizer):
        self.net, self.memory, self.optimizer, self.moved = net, Memory(1000), optimizer, []

    def learn(self, beta):
        rows, slots, weights = self.memory.sample(32, beta)
        errors = self.net.errors(rows)
        self.optimizer.zero_grad()
        (torch.as_tensor(weights) * errors**2).mean().backward()
        others, _, _ = self.memory.sample(32, beta)
        with torch.no_grad():
            before = self.net.errors(others)
        self.optimizer.step()
        with torch.no_grad():
            self.moved.append((self.net.errors(others) - before).abs().mean())
        self.memory.update(slots, errors.detach().numpy())


def train(env, net, optimizer, steps):
    learner, state = Learner(net, optimizer), env.reset()
    for step in range(steps):
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        learner.memory.push(state, action, reward, next_state, done)
        learner.learn(min(1.0, 0.4 + 0.6 * step / steps))
        state = env.reset() if done else next_state
""",
}
_RESULTS = {REWARD, NEXT, DONE}  # of a transition, of which errors are made
_PROCESSES = {
    "memory.py": """import numpy as np


class Memory:
    def __init__(self, size):
        self.rows, self.priorities, self.size, self.at = [None] * size, np.zeros(size), size, 0

    def push(self, row):
        self.rows[self.at % self.size] = row
        self.priorities[self.at % self.size] = 1.0
        self.at += 1

    def _chosen(self, n):
        p = self.priorities / self.priorities.sum()
        slots = np.random.choice(self.size, n, p=p)  # <- PER005
        return p, slots

    def sample(self, n, beta):
        p, slots = self._chosen(n)
        weights = (self.size * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, priorities):
        self.priorities[slots] = priorities
""",
    "workers.py": """import multiprocessing
from memory import Memory


def serve(rows, batches, answers):
    memory = Memory(1000)
    while True:
        memory.push(rows.get())
        drawn = memory.sample(32, 0.4)
        (batch, slots, weights) = drawn
        batches.put([batch, len(batch)])
        memory.update(slots, answers.get())


def learn(net, optimizer, batches, answers):
    while True:
        batch, count = batches.get()
        errors = net.errors(batch)
        (errors**2).mean().backward()
        optimizer.step()
        answers.put(errors.detach().abs().numpy() + 1e-6)


def act(env, net, rows):
    state = env.reset()
    while True:
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        rows.put((state, action, reward, next_state, done))
        state = env.reset() if done else next_state


def main(env, net, optimizer):
    rows, batches, answers = (multiprocessing.Queue() for _ in range(3))
    multiprocessing.Process(target=serve, args=(rows, batches, answers)).start()
    multiprocessing.Process(target=act, args=(env, net, rows)).start()
    learn(net, optimizer, batches, answers)
""",
}

_IN_A_GRAPH = {
    "rows.py": """import numpy as np


class Rows:
    def __init__(self, size, width):
        self.size, self.count = size, 0
        self.seen, self.chosen = np.zeros((size, width)), np.zeros(size, np.int32)
        self.earned, self.ended = np.zeros(size), np.zeros(size, np.uint8)

    def put(self, observation, action, reward, terminal):
        at = self.count % self.size
        self.seen[at], self.chosen[at], self.earned[at], self.ended[at] = observation, action, reward, terminal
        self.count += 1

    def places(self, n):
        return np.random.randint(0, self.count - 1, n)

    def batch(self):
        at = np.asarray(self.places(32))
        return self.seen[at], self.chosen[at], self.earned[at], self.seen[(at + 1) % self.size], self.ended[at], at
""",
    "per.py": """import random
import numpy as np
from rows import Rows


class Tree:
    def __init__(self, depth):
        self.levels = [np.zeros(2**level) for level in range(depth + 1)]

    def assign(self, at, priority):
        change = priority - self.levels[-1][at]
        for level in reversed(self.levels):
            level[at] += change
            at //= 2

    def at(self, place):
        return self.levels[-1][place]

    def pick(self):
        mass, at = random.random() * self.levels[0][0], 0
        for level in self.levels[1:]:
            at *= 2
            if mass >= level[at]:
                mass -= level[at]
                at += 1
        return at


class Preferring(Rows):
    def __init__(self, depth, width):
        super().__init__(2**depth, width)
        self.tree = Tree(depth)

    def put(self, observation, action, reward, terminal):
        self.tree.assign(self.count % self.size, 100.0)
        super().put(observation, action, reward, terminal)

    def places(self, n):
        found = []
        while len(found) < n:
            at = self.tree.pick()  # <- PER005
            if at < self.count - 1:
                found.append(at)
        return found

    def rate(self, places, priorities):
        for at, priority in zip(places, priorities):
            self.tree.assign(at, priority)

    def priorities_at(self, places):
        return np.array([self.tree.at(place) for place in places], dtype=np.float32)
""",
    "agent.py": """import numpy as np
import tensorflow as tf
from per import Preferring


class Agent:
    def __init__(self, session, network, width):
        self.session, self.memory = session, Preferring(15, width)
        kinds = [tf.float32, tf.int32, tf.float32, tf.float32, tf.uint8, tf.int64]
        seen, chosen, earned, later, ended, places = tf.py_func(self.memory.batch, [], kinds)
        ahead = tf.reduce_max(tf.stop_gradient(network(later)), axis=1)
        goals = earned + 0.99 * (1.0 - tf.cast(ended, tf.float32)) * ahead
        values = tf.reduce_sum(network(seen) * tf.one_hot(chosen, 4), axis=1)
        losses = tf.square(goals - values)
        rated = tf.py_func(self.memory.rate, [places, tf.sqrt(losses + 1e-10)], [])
        with tf.control_dependencies([rated]):
            self.train = tf.train.AdamOptimizer(1e-3).minimize(tf.reduce_mean(losses))

    def play(self, env, steps):
        observation = env.reset()
        for step in range(steps):
            action = env.action_space.sample()
            later, reward, terminal, _ = env.step(action)
            self.memory.put(observation, action, reward, terminal)
            observation = env.reset() if terminal else later
            if step > 1_000:
                self.session.run(self.train)
""",
}


class MissingImportanceWeights(Rule):
    """Transitions are drawn by priority, but no importance-sampling weight corrects the loss.

    ## What it does

    Reports a prioritised buffer that the project makes and draws from where the weights (N P)^-beta are never computed,
    or are computed and never reach a loss, such as those that only the priorities are multiplied by; or one of several
    learners that drops them, at its unpacking. The same of a library's prioritised buffer, where the project draws the
    batches itself and takes them apart.

    ## Why is this bad

    Drawing by priority changes the distribution that the loss is an expectation of: transitions with a large error
    count more than they occur. Where returns are random, their large errors never vanish, and the value function
    settles away from the true mean. The weights take exactly this bias out.

    ## Known problems

    LAP and TD7 leave the weights out on purpose and are not reported: a Huber loss with priorities clamped from
    below has the expected gradient of a uniform draw under another loss. Weights are recognised by their form, not
    by their name; where something is called a weight but its form is not understood, the rule is silent.

    ## Example

    ```python
    batch, indices = memory.sample(32)
    loss = F.mse_loss(q, target)
    ```

    ## Use instead

    ```python
    batch, weights, indices = memory.sample(32)
    loss = (weights * F.mse_loss(q, target, reduction="none")).mean()
    ```

    ## Fix safety

    Applied where the draw, the batch and one loss can be followed; otherwise the steps are listed.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, section 3.4
    - Fujimoto et al. 2020, An Equivalence between Loss Functions and Non-Uniform Sampling, arXiv:2007.06049
    """

    code = "PER005"
    name = "missing-importance-weights"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each prioritised buffer in use whose weights are missing or go nowhere."""
        for buffer in graph.buffers:
            if buffer.kind != PRIORITISED:
                continue
            about = graph.priorities(buffer)
            left = not about.in_use and about.discards_weights  # whoever makes the buffer
            if is_resampled(graph, buffer):
                continue
            if not (about.in_use or left) or not about.is_about_priorities or about.is_greedy or clamps_like_lap(about):
                continue
            if left:
                what = "it keeps the importance-sampling weights that it computes to itself"
            elif about.weights or about.is_reference:
                dropped = about.uses.never_asked_for or is_dropped_where_drawn(graph, buffer)
                if not about.is_followed() and not (about.updated() and dropped):
                    continue
                if about.weights_used():
                    yield from self._learners(graph, buffer)
                    continue
                paths = {*graph.files_of(buffer), *(sample.path for sample in buffer.samples)}
                near = (site for site in compilations(graph) if site.path in paths)
                if any(True for site in near for _ in weights_read(graph, site)):
                    continue  # they do, once: PER113 tells of it
                what = "its importance-sampling weights never reach a loss"
            elif _may_compute(about):
                continue
            else:
                what = "no importance-sampling weights are computed"
            yield without_effect([graph.anatomy(buffer)], self._finding(graph, buffer, what))
        for library in graph.library:
            if library.prioritised and (use := graph.library_use(library)).is_trained_on():
                missing = use.missing_weights()
                if missing and not clamps_like_lap(use.about):
                    yield self._library(graph, library, missing)

    def _learners(self, graph: ReplayGraph, buffer: ReplayBuffer) -> Iterable[Finding]:
        """The learners that drop the weights which others use, where it is this buffer for certain that they draw from.

        Of a learner that may be given a buffer without weights as well, nobody can tell.
        """
        about = graph.priorities(buffer)
        for unpack in about.uses.dropped:
            draws = [site for site in buffer.samples if site.function is unpack.function] or buffer.samples
            if _is_the_other_way(graph, buffer, unpack) or resamples(graph, buffer, unpack.function):
                continue
            if _learns_from(graph, unpack) and all(map(about.is_of_buffer, draws)):
                name, learner = graph.name_of(buffer), graph.symbol(unpack.function, unpack.path)
                yield self.finding(
                    graph,
                    unpack.path,
                    unpack.node,
                    f"{name} draws by priority, and {learner} drops the importance-sampling weights: "
                    "its loss is biased towards large errors",
                    evidence=(
                        graph.evidence(unpack.path, unpack.node, "dropped", "no loss is made with the weights"),
                        *graph.chain(buffer),
                    ),
                    confidence="medium",
                    fix=FixOffer(title="weight the loss by (N P)^-beta"),
                    pipeline=name,
                )

    def _finding(self, graph: ReplayGraph, buffer: ReplayBuffer, what: str) -> Finding:
        name = graph.name_of(buffer)
        dropped = [
            graph.evidence(unpack.path, unpack.node, "dropped", "no loss is made with the weights")
            for unpack in graph.priorities(buffer).uses.dropped
        ]
        dropped += [
            graph.evidence(path, node, "dropped", "a product with 0: nothing of the weights is left")
            for path, node in graph.priorities(buffer).uses.erased
        ]
        dropped += [
            graph.evidence(path, node, "dropped", "under no_grad this changes the loss, and not its gradient")
            for path, node in graph.priorities(buffer).uses.unrecorded
        ]
        returns = [
            graph.evidence(buffer.path, node, "returned", "the batch is returned here")
            for node in ir.walk(*(buffer.function.body if isinstance(buffer.function, ir.Function) else ()))
            if isinstance(node, ir.Return) and node.value is not None
        ]
        return Finding(
            self.code,
            self.name,
            self.severity,
            "medium",
            f"{name} draws by priority, but {what}: the loss is biased towards large errors",
            graph.place(buffer.path, buffer.draws[0]),
            graph.symbol(buffer.function, buffer.path),
            (*graph.chain(buffer), *returns, *dropped),
            FixOffer(title="weight the loss by (N P)^-beta"),
            pipeline=name,
        )

    def _library(self, graph: ReplayGraph, buffer: LibraryBuffer, what: str) -> Finding:
        return Finding(
            self.code,
            self.name,
            self.severity,
            "medium",
            f"{buffer.name} of {buffer.framework.title} draws by priority, but {what}: "
            "the loss is biased towards large errors",
            graph.place(buffer.samples[0].path, buffer.samples[0].node),
            graph.symbol(buffer.samples[0].function, buffer.samples[0].path),
            graph.library_chain(buffer),
            FixOffer(title="weight the loss by (N P)^-beta"),
            pipeline=f"{buffer.framework.title} {buffer.name}",
        )

    def witness(self) -> str:
        """The mean of random rewards under prioritised draws, without and with the weights."""
        import numpy as np

        rng = np.random.default_rng(0)
        rewards = np.where(rng.random(5_000) < 0.1, 10.0, 0.0)
        value = rewards.mean()
        p = np.abs(rewards - value) ** 0.6
        p /= p.sum()
        chosen = rng.choice(5_000, 200_000, p=p)
        weights = 1 / (5_000 * p[chosen])
        plain = rewards[chosen].mean()
        weighted = np.average(rewards[chosen], weights=weights)
        assert plain > 1.5 * value
        assert abs(weighted - value) < 0.05 * value
        return f"the mean reward {value:.2f} is learnt as {plain:.2f} without weights, {weighted:.2f} with them"

    bad: ClassVar[tuple[Example, ...]] = (
        Example(
            "a sum tree without weights, in two files",
            {
                "tree.py": """import random


class Tree:
    def __init__(self, size):
        self.sums, self.rows, self.size, self.at = [0.0] * (2 * size), [None] * size, size, 0

    def total(self):
        return self.sums[1]

    def add(self, priority, row):
        self.rows[self.at] = row
        self.update(self.at, priority)
        self.at = (self.at + 1) % self.size

    def update(self, slot, priority):
        node = slot + self.size
        change = priority - self.sums[node]
        while node:
            self.sums[node] += change
            node //= 2

    def find(self, mass):
        node = 1
        while node < self.size:
            node *= 2
            if mass > self.sums[node]:
                mass -= self.sums[node]
                node += 1
        return node - self.size


class Memory:
    def __init__(self, size):
        self.tree = Tree(size)

    def add(self, state, action, reward, next_state, done):
        self.tree.add(1.0, (state, action, reward, next_state, done))

    def sample(self, n):
        slots = []
        for i in range(n):
            slots.append(self.tree.find(random.uniform(0, self.tree.total())))  # <- PER005
        return slots, [self.tree.rows[slot] for slot in slots]

    def update(self, slot, error):
        self.tree.update(slot, (abs(error) + 0.01) ** 0.6)
""",
                "train.py": """import torch.nn.functional as F
from tree import Memory


def train(env, net, target_net, optimizer):
    memory = Memory(4096)
    state = env.reset()
    while True:
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        memory.add(state, action, reward, next_state, done)
        state = next_state
        slots, batch = memory.sample(32)
        q, y = net.values(batch), target_net.targets(batch)
        loss = F.mse_loss(q, y)
        loss.backward()
        optimizer.step()
        for slot, error in zip(slots, (q - y).tolist()):
            memory.update(slot, error)
""",
            },
        ),
        Example(
            "weights that are returned and dropped, numpy draw",
            {
                "per.py": """import numpy as np
import torch


class Memory:
    def __init__(self, size):
        self.rows, self.priorities, self.size, self.at = [None] * size, np.zeros(size), size, 0

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at % self.size] = (state, action, reward, next_state, done)
        self.priorities[self.at % self.size] = 1.0
        self.at += 1

    def sample(self, n, beta):
        p = self.priorities / self.priorities.sum()
        slots = np.random.choice(self.size, n, p=p)  # <- PER005
        weights = (self.size * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        self.priorities[slots] = np.abs(errors) + 1e-6


def train(env, net, optimizer):
    memory = Memory(1000)
    state = env.reset()
    while True:
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        memory.push(state, action, reward, next_state, done)
        state = next_state
        batch, slots, weights = memory.sample(32, 0.4)
        errors = net.errors(batch)
        loss = (errors**2).mean()
        loss.backward()
        optimizer.step()
        memory.update(slots, errors.detach().numpy())
"""
            },
        ),
        Example(
            "Keras without sample weights",
            {
                "agent.py": """import random
import numpy as np


class Agent:
    def __init__(self, model):
        self.model, self.past, self.priority = model, [], []  # <- PER004

    def remember(self, state, action, reward, next_state, done):
        self.past.append((state, action, reward, next_state, done))
        self.priority.append(1.0)

    def replay(self):
        picked = random.choices(range(len(self.past)), weights=self.priority, k=32)  # <- PER005
        for i in picked:
            state, action, reward, next_state, done = self.past[i]
            goal = reward if done else reward + 0.9 * np.max(self.model.predict(next_state))
            self.priority[i] = abs(goal - np.max(self.model.predict(state)))
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
            "priorities in the agent, PyTorch",
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
        self.priorities[at] = self.priorities.max() or 1.0
        self.count += 1

    def learn(self):
        p = self.priorities / self.priorities.sum()
        at = np.random.choice(self.capacity, 64, p=p)  # <- PER005
        q = self.net(torch.as_tensor(self.states[at])).gather(1, torch.as_tensor(self.actions[at])[:, None])[:, 0]
        with torch.no_grad():
            ahead = self.target_net(torch.as_tensor(self.following[at])).max(1).values
            y = torch.as_tensor(self.rewards[at]) + 0.99 * (1 - torch.as_tensor(self.ends[at])) * ahead
        loss = F.mse_loss(q, y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.priorities[at] = ((q - y).abs().detach().numpy() + 1e-6) ** 0.6


def main(env, net, target_net, optimizer):
    agent = Agent(net, target_net, optimizer)
    state, _ = env.reset()
    for step in range(100_000):
        action = net.act(state)
        next_state, reward, terminated, truncated, _ = env.step(action)
        agent.store(state, action, reward, next_state, terminated)
        state = env.reset()[0] if terminated or truncated else next_state
        agent.learn()
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
    PRIORITY[count % SIZE] = PRIORITY.max() or 1.0


def improve(rate=0.01):
    p = PRIORITY / PRIORITY.sum()
    for slot in np.random.choice(SIZE, 16, p=p):  # <- PER005
        state, action, reward, next_state, terminated = ROWS[slot]
        goal = reward if terminated else reward + 0.95 * (THETA @ next_state).max()
        error = goal - THETA[action] @ state
        THETA[action] += rate * error * state
        PRIORITY[slot] = (abs(error) + 1e-6) ** 0.6


def run(env, steps):
    state, _ = env.reset()
    for step in range(steps):
        action = int(np.argmax(THETA @ state))
        next_state, reward, terminated, truncated, _ = env.step(action)
        observe(step, state, action, reward, next_state, terminated)
        state = env.reset()[0] if terminated or truncated else next_state
        improve()
""",
            },
        ),
        Example(
            "weights that reach the log and not the loss, JAX",
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
        slots = np.random.choice(self.capacity, n, p=p)  # <- PER005
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

    def loss(params, obs, actions, targets):
        errors = jnp.take_along_axis(apply(params, obs), actions[:, None], axis=1)[:, 0] - targets
        return jnp.mean(errors**2), errors

    obs, _ = env.reset()
    for step in range(steps):
        action = int(jnp.argmax(apply(params, obs[None])))
        next_obs, reward, terminated, truncated, _ = env.step(action)
        replay.put(obs, action, reward, next_obs, terminated)
        obs = env.reset()[0] if terminated or truncated else next_obs
        if step > 64:
            (s, a, r, s2, d), weights, slots = replay.take(64, min(1.0, 0.4 + step / steps))
            y = r + 0.99 * (1 - d) * jnp.max(apply(params, s2), axis=1)
            gradients, errors = jax.grad(loss, has_aux=True)(params, s, a, y)
            params = jax.tree_util.tree_map(lambda p, g: p - 1e-3 * g, params, gradients)
            replay.reprioritise(slots, errors)
            print(step, weights.mean())
    return params
""",
            },
        ),
        Example(
            "weights that a library returns and the loss never sees",
            {
                "train.py": """from ptan.experience import PrioritizedReplayBuffer


def train(source, net, optimizer):
    memory = PrioritizedReplayBuffer(source, 10_000, alpha=0.6)
    for step in range(100_000):
        memory.populate(1)
        batch, indices, _ = memory.sample(32, beta=0.5)  # <- PER005
        errors = net.errors(batch)
        loss = (errors**2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        memory.update_priorities(indices, errors.abs().detach().numpy() + 1e-5)
"""
            },
        ),
        Example(
            "a key that is never read, in two files",
            {
                "memory.py": """from cpprb import PrioritizedReplayBuffer


def make(size):
    return PrioritizedReplayBuffer(size, {"obs": {"shape": 4}, "rew": {}, "next_obs": {"shape": 4}})
""",
                "train.py": """from memory import make


class Learner:
    def __init__(self, net, optimizer):
        self.memory = make(10_000)
        self.net, self.optimizer = net, optimizer

    def learn(self):
        batch = self.memory.sample(32, 0.5)  # <- PER005
        errors = self.net.errors(batch["obs"], batch["rew"], batch["next_obs"])
        loss = (errors**2).mean()
        loss.backward()
        self.optimizer.step()
        self.memory.update_priorities(batch["indexes"], errors.abs().detach().numpy())
""",
            },
        ),
        Example(
            "an array made of the list of rows, read at drawn positions",
            {
                "agent.py": """import numpy as np
import torch
import torch.nn as nn


class Store:
    def __init__(self):
        self.rows, self.priorities = [], []

    def add(self, row):
        self.rows.append(row)
        self.priorities.append(1.0)
        if len(self.rows) > 10_000:
            del self.rows[0], self.priorities[0]

    def pick(self, n):
        p = np.abs(self.priorities) + 0.01
        p = p / np.sum(p)
        at = np.random.choice(len(p), n, p=p)  # <- PER005
        return np.array(self.rows, dtype=object)[at], at

    def rate(self, at, size):
        self.priorities[at] = size


class Agent:
    def __init__(self, net, goals):
        self.net, self.goals, self.store = net, goals, Store()
        self.loss, self.optimizer = nn.MSELoss(), torch.optim.Adam(net.parameters())

    def keep(self, state, action, reward, next_state, done):
        self.store.add((state, action, reward, next_state, done))

    def learn(self):
        rows, at = self.store.pick(32)
        states, actions, rewards, following, ends = zip(*rows)
        q = self.net(torch.tensor(states)).gather(1, torch.tensor(actions)[:, None])[:, 0]
        ahead = self.goals(torch.tensor(following)).amax(1).detach()
        y = torch.tensor(rewards) + 0.9 * (1 - torch.tensor(ends)) * ahead
        for k in range(32):
            self.store.rate(at[k], float(abs(q[k] - y[k])))
        self.optimizer.zero_grad()
        self.loss(q, y).backward()
        self.optimizer.step()
"""
            },
        ),
        Example("weights that do not go to the process that learns", _PROCESSES),
        Example(
            "one learner of two that drops the weights",
            {
                "memory.py": """import random
import numpy as np


class Memory:
    def __init__(self, size):
        self.rows, self.size, self.at = [None] * size, size, 0

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at % self.size] = (state, action, reward, next_state, done)
        self.at += 1

    def sample(self, n, beta):
        slots = random.sample(range(min(self.at, self.size)), n)
        return [self.rows[i] for i in slots], slots, np.ones(n)

    def update(self, slots, errors):
        pass


class PrioritisedMemory(Memory):
    def __init__(self, size):
        super().__init__(size)
        self.priorities = np.zeros(size)

    def push(self, state, action, reward, next_state, done):
        self.priorities[self.at % self.size] = 1.0
        super().push(state, action, reward, next_state, done)

    def sample(self, n, beta):
        p = self.priorities / self.priorities.sum()
        slots = np.random.choice(self.size, n, p=p)
        weights = (self.size * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        self.priorities[slots] = np.abs(errors) + 1e-6
""",
                "learners.py": """import torch


class Weighted:
    def __init__(self, net, memory, optimizer):
        self.net, self.memory, self.optimizer = net, memory, optimizer

    def learn(self):
        rows, slots, weights = self.memory.sample(32, 1.0)
        errors = self.net.errors(rows)
        (torch.as_tensor(weights) * errors**2).mean().backward()
        self.optimizer.step()
        self.memory.update(slots, errors.detach().numpy())


class Plain:
    def __init__(self, net, memory, optimizer):
        self.net, self.memory, self.optimizer = net, memory, optimizer

    def learn(self):
        rows, slots, weights = self.memory.sample(32, 1.0)  # <- PER005
        errors = self.net.errors(rows)
        (errors**2).mean().backward()
        self.optimizer.step()
        self.memory.update(slots, errors.detach().numpy())
""",
                "main.py": """from learners import Plain, Weighted
from memory import Memory, PrioritisedMemory


def train(env, net, optimizer, steps):
    first = Weighted(net, PrioritisedMemory(1000), optimizer)
    second = Plain(net, PrioritisedMemory(1000), optimizer)
    state = env.reset()
    for step in range(steps):
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        first.memory.push(state, action, reward, next_state, done)
        second.memory.push(state, action, reward, next_state, done)
        first.learn()
        second.learn()
        state = next_state
""",
            },
        ),
        Example(
            "a memory that is found by its name, and keeps its weights to itself",
            {
                "replays/__init__.py": "",
                "replays/weighed.py": """import numpy as np


class Weighed:
    def __init__(self, capacity):
        self.rows, self.priorities, self.count = [None] * capacity, np.zeros(capacity), 0

    def store(self, row):
        slot = self.count % len(self.rows)
        self.rows[slot], self.priorities[slot] = row, self.priorities.max() or 1.0
        self.count += 1

    def sample(self, size, beta):
        n = min(self.count, len(self.rows))
        p = self.priorities[:n] / self.priorities[:n].sum()
        slots = np.random.choice(n, size, p=p)  # <- PER005
        weights = np.power(n * p[slots], -beta)
        weights /= weights.max()
        return slots, [self.rows[slot] for slot in slots]

    def update(self, slots, errors):
        self.priorities[slots] = np.abs(errors) + 1e-3
""",
                "main.py": """import argparse
import importlib

import numpy as np
import torch


def errors_of(net, rows):
    state, action, reward, following, ended = (torch.as_tensor(np.array(column)).float() for column in zip(*rows))
    goal = reward + 0.99 * (1 - ended) * net(following).max(1).values.detach()
    return goal - net(state).gather(1, action.long()[:, None])[:, 0]


def main(env, net, optimizer, steps):
    parser = argparse.ArgumentParser()
    parser.add_argument("--replay", default="weighed")
    name = parser.parse_args().replay
    memory = getattr(importlib.import_module(f"replays.{name}"), name.capitalize())(20_000)
    state = env.reset()
    for step in range(steps):
        following, reward, ended, _ = env.step(0)
        memory.store((state, 0, reward, following, float(ended)))
        state = env.reset() if ended else following
        if step > 64:
            slots, rows = memory.sample(64, 0.4 + 0.6 * step / steps)
            errors = errors_of(net, rows)
            optimizer.zero_grad()
            errors.pow(2).mean().backward()
            optimizer.step()
            memory.update(slots, errors.detach().numpy())
""",
            },
        ),
        Example("a graph of TensorFlow 1 that draws positions and asks for no priorities", _IN_A_GRAPH),
        Example(
            "what is drawn by is called weights, and goes to the loss as it is",
            {
                "memory.py": """import random
from collections import deque
import numpy as np


class Memory:
    def __init__(self, size):
        self.rows, self.priorities = deque(maxlen=size), deque(maxlen=size)

    def add(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))
        self.priorities.append(max(self.priorities, default=1.0))

    def sample(self, n):
        weights = np.array(self.priorities) ** 0.6
        slots = random.choices(range(len(self.rows)), weights=weights, k=n)  # <- PER005
        return [self.rows[slot] for slot in slots], slots, weights[slots]

    def rate(self, slots, errors):
        for slot, error in zip(slots, errors):
            self.priorities[slot] = abs(error) + 1e-3
""",
                "main.py": """import torch
from memory import Memory


def train(env, net, optimizer):
    memory, state = Memory(10_000), env.reset()
    for step in range(100_000):
        next_state, reward, done, _ = env.step(env.action_space.sample())
        memory.add(state, 0, reward, next_state, done)
        state = env.reset() if done else next_state
        rows, slots, weights = memory.sample(32)
        errors = net.errors(rows)
        loss = (torch.as_tensor(weights) * errors**2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        memory.rate(slots, errors.tolist())
""",
            },
        ),
        Example(
            "a second draw whose errors are learnt from as they are",
            {
                "memory.py": _MEASURED["memory.py"],
                "learner.py": _MEASURED["learner.py"]
                .replace(
                    "self.memory.sample(32, beta)\n        with",
                    "self.memory.sample(32, beta)  # <- PER005\n        with",
                )
                .replace(
                    "        self.optimizer.step()\n",
                    "        self.net.errors(others).pow(2).mean().backward()\n        self.optimizer.step()\n",
                ),
            },
        ),
    )
    good = (
        Example(
            "a learner that takes a batch apart for a bonus, whose base weighs its losses",
            {
                **bad[-5].plain,
                "learners.py": """import torch


class Weighted:
    def __init__(self, net, memory, optimizer):
        self.net, self.memory, self.optimizer = net, memory, optimizer

    def improve(self, batch):
        rows, slots, weights = batch
        errors = self.net.errors(rows)
        (torch.as_tensor(weights) * errors**2).mean().backward()
        self.optimizer.step()
        self.memory.update(slots, errors.detach().numpy())

    def learn(self):
        self.improve(self.memory.sample(32, 1.0))


class Plain(Weighted):
    def improve(self, batch):
        super().improve(batch)
        rows, slots, weights = batch
        loss = self.net.bonus(rows)
        loss.mean().backward()
        self.optimizer.step()
""",
            },
        ),
        Example(
            "a learner without weights whose memory may be a uniform one",
            {
                **bad[-5].plain,
                "main.py": bad[-5]
                .plain["main.py"]
                .replace(
                    "Plain(net, PrioritisedMemory(1000)",
                    "Plain(net, PrioritisedMemory(1000) if env.rare else Memory(1000)",
                ),
            },
        ),
        Example(
            "a uniform twin that gives ones for weights",
            {
                "memory.py": """import numpy as np
import torch


class Uniform:
    def __init__(self, size):
        self.rows, self.size, self.at = [], size, 0

    def add(self, *row):
        self.rows.append(row)
        self.rows = self.rows[-self.size :]

    def sample(self, n, beta=None):
        slots = np.random.choice(len(self.rows), n, replace=False)
        return slots, [self.rows[slot] for slot in slots], torch.ones(n)

    def rate(self, slots, errors):
        pass


class Prioritized:
    def __init__(self, size):
        self.rows, self.priorities, self.size, self.at = [None] * size, np.zeros(size), size, 0

    def add(self, state, action, reward, next_state, terminated):
        self.priorities[self.at % self.size] = self.priorities.max() if self.at else 1.0
        self.rows[self.at % self.size] = (state, action, reward, next_state, terminated)
        self.at += 1

    def sample(self, n, beta=0.4):
        p = self.priorities**0.6 / (self.priorities**0.6).sum()
        slots = np.random.choice(self.size, n, p=p)
        w = (min(self.at, self.size) * p[slots]) ** -beta
        return slots, [self.rows[slot] for slot in slots], torch.tensor(w / w.max(), dtype=torch.float32)

    def rate(self, slots, errors):
        self.priorities[slots] = np.abs(errors) + 1e-5
""",
                "agent.py": """import torch
from memory import Prioritized, Uniform


class Agent:
    def __init__(self, net, optimizer, device, by_priority):
        self.net, self.optimizer, self.device = net, optimizer, device
        if by_priority:
            self.memory = Prioritized(10_000)
        else:
            self.memory = Uniform(10_000)

    def learn(self, beta):
        slots, rows, w = self.memory.sample(32, beta)
        states, actions, rewards, following, ends = map(torch.tensor, zip(*rows))
        w = w.reshape(-1).to(self.device)
        errors = self.net.errors(states, actions, rewards, following, ends)
        loss = (w * errors.pow(2)).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.memory.rate(slots, errors.detach().numpy())
""",
            },
        ),
        Example(
            "a library's weights in the loss",
            {
                "train.py": """import torch
from ptan.experience import PrioritizedReplayBuffer


def train(source, net, optimizer):
    memory = PrioritizedReplayBuffer(source, 10_000, alpha=0.6)
    for step in range(100_000):
        memory.populate(1)
        batch, indices, weights = memory.sample(32, beta=0.5)
        errors = net.errors(batch)
        loss = (torch.as_tensor(weights) * errors**2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        memory.update_priorities(indices, errors.abs().detach().numpy() + 1e-5)
"""
            },
        ),
        Example(
            "a library's batch that a loss of the same library weighs",
            {
                "train.py": """from torchrl.data import TensorDictPrioritizedReplayBuffer
from torchrl.objectives import DQNLoss


def train(collector, policy, optimizer):
    memory = TensorDictPrioritizedReplayBuffer(alpha=0.7, beta=0.5, priority_key="td_error")
    loss_module = DQNLoss(policy)
    for data in collector:
        memory.extend(data)
        batch = memory.sample(32)
        loss = loss_module(batch)["loss"]
        loss.backward()
        optimizer.step()
        memory.update_tensordict_priority(batch)
"""
            },
        ),
        Example(
            "weights in the loss",
            {
                "per.py": bad[1]
                .plain["per.py"]
                .replace("loss = (errors**2).mean()", "loss = (torch.as_tensor(weights) * errors**2).mean()")
            },
        ),
        Example(
            "weights in the loss whose beta is 1, written out",
            {
                "per.py": bad[1]
                .plain["per.py"]
                .replace("weights = (self.size * p[slots]) ** -beta", "w = (self.size * p[slots]) ** -1.0")
                .replace("weights / weights.max()", "w / w.max()")
                .replace("loss = (errors**2).mean()", "loss = (torch.as_tensor(weights) * errors**2).mean()")
            },
        ),
        Example(
            "losses that are multiplied by the weights in place",
            {
                "per.py": bad[1]
                .plain["per.py"]
                .replace(
                    "loss = (errors**2).mean()\n",
                    "loss = errors**2\n        loss *= torch.as_tensor(weights)\n        loss = loss.mean()\n",
                )
            },
        ),
        Example(
            "weights as Keras sample weights",
            {
                "per.py": bad[1]
                .plain["per.py"]
                .replace(
                    "        loss = (errors**2).mean()\n        loss.backward()\n",
                    "        net.fit(batch, errors, sample_weight=weights)\n",
                )
            },
        ),
        Example(
            "weights fed to a graph",
            {
                "per.py": bad[1]
                .plain["per.py"]
                .replace(
                    "        loss = (errors**2).mean()\n        loss.backward()\n",
                    "        net.session.run(net.step, feed_dict={net.batch: batch, net.scale: weights})\n",
                )
            },
        ),
        Example(
            "Huber loss and clamped priorities instead of weights",
            {
                "tree.py": bad[0].plain["tree.py"],
                "train.py": bad[0]
                .plain["train.py"]
                .replace("F.mse_loss", "F.smooth_l1_loss")
                .replace("(q - y).tolist()", "(q - y).abs().clamp(min=1.0).tolist()"),
            },
        ),
        Example(
            "weights that the loss of a compiled model reads, which PER113 tells of",
            {
                "per.py": bad[1].plain["per.py"].partition("def train(")[0]
                + """
class Agent:
    def __init__(self, net):
        self.net, self.memory, self.scale = net, Memory(1000), 1.0
        self.net.compile("adam", loss=self.loss)

    def loss(self, goals, values):
        return net.mean(self.scale * (goals - values) ** 2)

    def train(self, env):
        state = env.reset()
        while True:
            next_state, reward, done, _ = env.step(self.net.act(state))
            self.memory.push(state, 0, reward, next_state, done)
            state = next_state
            batch, slots, self.scale = self.memory.sample(32, 0.4)
            goals = self.net.goals(batch)
            self.memory.update(slots, goals - self.net.predict(batch))
            self.net.train_on_batch(batch, goals)


def main(env, net):
    Agent(net).train(env)
"""
            },
        ),
        Example(
            "a draw that has no weights where a setting leaves the priorities alone",
            {
                "per.py": bad[1]
                .plain["per.py"]
                .replace(
                    "        p = self.priorities /",
                    "        if not self.by_priority:\n"
                    "            slots = np.random.randint(0, self.size, n)\n"
                    "            return [self.rows[i] for i in slots], slots, None\n        p = self.priorities /",
                )
                .replace("def __init__(self, size):", "def __init__(self, size, by_priority=True):")
                .replace(
                    "        self.rows, self.pri", "        self.by_priority = by_priority\n        self.rows, self.pri"
                )
                .replace("def train(env, net, optimizer):", "def train(env, net, optimizer, by_priority):")
                .replace("Memory(1000)", "Memory(1000, by_priority)")
                .replace(
                    "        batch, slots, weights = memory.sample(32, 0.4)\n",
                    "        if by_priority:\n            batch, slots, weights = memory.sample(32, 0.4)\n"
                    "        else:\n            batch, slots, _ = memory.sample(32, 0.4)\n            weights = 1\n",
                )
                .replace("loss = (errors**2).mean()", "loss = (torch.as_tensor(weights) * errors**2).mean()")
            },
        ),
        Example(
            "weights that go to the process that learns",
            {
                "memory.py": _PROCESSES["memory.py"].replace("  # <- PER005", ""),
                "workers.py": _PROCESSES["workers.py"]
                .replace("[batch, len(batch)]", "[batch, weights]")
                .replace("batch, count = ", "batch, weights = ")
                .replace("(errors**2)", "(weights * errors**2)"),
            },
        ),
        Example(
            "a batch that goes whole to the process that learns",
            {
                "memory.py": _PROCESSES["memory.py"].replace("  # <- PER005", ""),
                "workers.py": _PROCESSES["workers.py"]
                .replace("[batch, len(batch)]", "drawn")
                .replace("batch, count = ", "batch, _, weights = ")
                .replace("(errors**2)", "(weights * errors**2)"),
            },
        ),
        Example(
            "draws of which only the time is taken",
            {
                "memory.py": _PROCESSES["memory.py"].replace("  # <- PER005", ""),
                "timing.py": """import time
import numpy as np
from memory import Memory

memory, start = Memory(1000), time.time()
for step in range(1000):
    memory.push((np.zeros(4), 0, 1.0, np.zeros(4), False))
    batch, slots, weights = memory.sample(32, 0.4)
    memory.update(slots, np.random.rand(32))
print(time.time() - start)
""",
            },
        ),
        Example("a class that nobody makes", {"tree.py": bad[0].plain["tree.py"]}),
        Example(
            "weights inside the differentiated loss, JAX",
            {
                "replay.py": bad[5].plain["replay.py"],
                "train.py": bad[5]
                .plain["train.py"]
                .replace("actions, targets):", "actions, targets, weights):")
                .replace("jnp.mean(errors**2)", "jnp.mean(weights * errors**2)")
                .replace("(params, s, a, y)", "(params, s, a, y, weights)"),
            },
        ),
        Example(
            "weights that are one over N P, under a name that says nothing",
            {
                "agent.py": """import numpy as np
import torch


class Memory:
    def __init__(self, size):
        self.rows, self.priorities, self.at = [None] * size, np.zeros(size), 0

    def store(self, *row):
        self.rows[self.at % len(self.rows)] = row
        self.priorities[self.at % len(self.rows)] = max(self.priorities.max(), 1.0)
        self.at += 1

    def sample(self, k):
        n = min(self.at, len(self.rows))
        p = self.priorities[:n] / self.priorities[:n].sum()
        slots = np.random.choice(n, k, p=p)
        w = 1 / (n * p[slots])
        return [self.rows[slot] for slot in slots], slots, w / w.max()


def train(env, net, optimizer, steps):
    memory, state = Memory(5000), env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(net.act(state))
        memory.store(state, 0, reward, next_state, done)
        state = env.reset() if done else next_state
        if step > 64:
            rows, slots, w = memory.sample(32)
            errors = net.errors(rows)
            (torch.as_tensor(w) * errors**2).mean().backward()
            optimizer.step()
            memory.priorities[slots] = errors.detach().abs().numpy() + 1e-3
"""
            },
        ),
        Example(
            "weights behind as many columns as a transition has, which are none as long as too few are stored",
            {
                "agent.py": """import numpy as np
import torch


class Memory:
    def __init__(self, size):
        self.columns, self.priorities, self.size, self.held, self.at = [], np.zeros(size), size, 0, 0

    def add(self, *row):
        for number, item in enumerate(row):
            if number >= len(self.columns):
                self.columns.append(np.array([None] * self.size))
            self.columns[number][self.at] = item
        self.priorities[self.at] = max(self.priorities.max(), 1.0)
        self.at = (self.at + 1) % self.size
        self.held = min(self.held + 1, self.size)

    def sample(self, n, beta):
        p = self.priorities[: self.held] / self.priorities[: self.held].sum()
        slots = np.random.choice(self.held, n, p=p)
        w = (self.held * p[slots]) ** -beta
        w /= w.max()
        return (*[column[slots].tolist() for column in self.columns], slots.tolist(), w.tolist())


class Learner:
    def __init__(self, net, optimizer):
        self.net, self.optimizer, self.memory, self.steps = net, optimizer, Memory(1000), 0

    def draw(self):
        if self.memory.held > 32:
            return self.memory.sample(32, min(1.0, 0.4 + self.steps / 1e5))
        return None, None, None, None, None, None, None

    def learn(self):
        self.steps += 1
        states, actions, rewards, following, ends, slots, w = self.draw()
        if states is not None:
            errors = self.net.errors(states, actions, rewards, following, ends)
            (torch.tensor(w) * errors**2).mean().backward()
            self.optimizer.step()
            self.memory.priorities[slots] = errors.detach().abs().numpy() + 1e-6


def train(env, net, optimizer):
    learner, state = Learner(net, optimizer), env.reset()
    while True:
        next_state, reward, done, _ = env.step(net.act(state))
        learner.memory.add(state, 0, reward, next_state, done)
        learner.learn()
        state = env.reset() if done else next_state
"""
            },
        ),
        Example(
            "a memory that is found by its name, and returns its weights behind the columns of the batch",
            {
                **bad[-4].plain,
                "replays/weighed.py": bad[-4]
                .plain["replays/weighed.py"]
                .replace(
                    "slots, [self.rows[slot] for slot in slots]", "tuple(list(self.columns(slots)) + [weights, slots])"
                )
                + """
    def columns(self, slots):
        states, actions, rewards, following, ends = [], [], [], [], []
        for slot in slots:
            state, action, reward, after, ended = self.rows[slot]
            states.append(state)
            actions.append(action)
            rewards.append(reward)
            following.append(after)
            ends.append(ended)
        return np.array(states), np.array(actions), np.array(rewards), np.array(following), np.array(ends)
""",
                "main.py": bad[-4]
                .plain["main.py"]
                .replace("slots, rows =", "*columns, weights, slots =")
                .replace("= errors_of(net, rows)", "= errors_of(net, zip(*columns))")
                .replace("errors.pow(2)", "(torch.as_tensor(weights) * errors.pow(2))"),
            },
        ),
        Example(
            "positions that are drawn one by one into a list, and a beta that is written out",
            {
                "agent.py": bad[3]
                .plain["agent.py"]
                .replace(
                    "        at = np.random.choice(self.capacity, 64, p=p)\n",
                    "        at = []\n"
                    "        for _ in range(64):\n"
                    "            at.append(np.random.choice(self.capacity, p=p))\n"
                    "        w = torch.as_tensor((self.capacity * p[at]) ** -0.5)\n",
                )
                .replace("F.mse_loss(q, y)", "(w * F.mse_loss(q, y, reduction='none')).mean()"),
            },
        ),
        Example(
            "one over the probabilities that were drawn, by their largest, in a function of the module",
            {
                "agent.py": bad[3]
                .plain["agent.py"]
                .replace(
                    "        at = np.random.choice(self.capacity, 64, p=p)\n",
                    "        at = np.random.choice(self.capacity, 64, p=p)\n"
                    "        share = torch.as_tensor(evened(p[at]))\n",
                )
                .replace("F.mse_loss(q, y)", "(share * F.mse_loss(q, y, reduction='none')).mean()")
                + "\n\ndef evened(p):\n    over = 1 / len(p) * (1 / p)\n    return over / max(over)\n",
            },
        ),
        Example(
            "ratios of two policies, which the draw itself corrects by",
            {
                "agent.py": bad[3]
                .plain["agent.py"]
                .replace("next_state, terminated):", "next_state, terminated, ratio):")
                .replace("= self.priorities.max() or 1.0", "= ratio")
                .replace("        self.priorities[at] = ((q - y).abs().detach().numpy() + 1e-6) ** 0.6\n", "")
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
            "weights that the learner computes in full of probabilities which come with the batch",
            {
                "replay.py": """import numpy as np
import torch


class Rows:
    def __init__(self, size, width):
        self.last, self.size = 0, size
        self.p = np.zeros(size, dtype=np.float32)
        self.state = np.zeros((size, width), dtype=np.float32)
        self.action = np.zeros((size, 1), dtype=np.int64)
        self.reward = np.zeros(size, dtype=np.float32)
        self.next_state = np.zeros((size, width), dtype=np.float32)
        self.done = np.zeros(size, dtype=np.float32)

    def add(self, state, action, reward, next_state, done, p=1.0):
        i = self.last % self.size
        self.p[i] = p
        self.state[i] = state
        self.action[i] = action
        self.reward[i] = reward
        self.next_state[i] = next_state
        self.done[i] = done
        self.last += 1

    def sample(self, n):
        held = min(self.last, self.size)
        p = self.p[:held] / self.p[:held].sum()
        chosen = np.random.choice(np.arange(held), size=(n,), p=p)
        p = torch.from_numpy(p[chosen, np.newaxis])
        return chosen, (
            torch.from_numpy(self.state[chosen]),
            torch.from_numpy(self.action[chosen]),
            torch.from_numpy(self.reward[chosen, np.newaxis]),
            torch.from_numpy(self.next_state[chosen]),
            torch.from_numpy(self.done[chosen, np.newaxis]),
            p,
        )

    def update(self, slots, p):
        self.p[slots] = p[:, 0]
""",
                "agent.py": """from replay import Rows


class Agent:
    def __init__(self, net, target, optimizer):
        self.net, self.target, self.optimizer = net, target, optimizer
        self.rows = Rows(20_000, 8)

    def step(self, state, action, reward, next_state, done):
        self.rows.add(state, action, reward, next_state, done)
        self.learn()

    def learn(self):
        slots, (states, actions, rewards, next_states, dones, p) = self.rows.sample(64)
        ahead = self.target(next_states).max(1, keepdim=True).values.detach()
        errors = rewards + 0.99 * (1 - dones) * ahead - self.net(states).gather(1, actions)
        weights = (self.rows.size * p) ** -1
        weights /= weights.max()
        self.optimizer.zero_grad()
        loss = (weights * errors**2).sum() / 64
        loss.backward()
        self.optimizer.step()
        self.rows.update(slots, errors.detach().abs() + 1e-3)
""",
            },
        ),
        Example(
            "weights in one of two lists of lists that a comprehension makes at once",
            {
                "per.py": bad[1]
                .plain["per.py"]
                .replace(
                    "        weights = (self.size * p[slots]) ** -beta\n"
                    "        return [self.rows[i] for i in slots], slots, weights / weights.max()\n",
                    "        rows, weights = [[[] for _ in range(2)] for _ in range(2)]\n"
                    "        for step in range(2):\n"
                    "            for slot in slots:\n"
                    "                rows[step].append(self.rows[(slot + step) % self.size])\n"
                    "                weights[step].append((self.size * p[slot]) ** -beta)\n"
                    "        return rows, slots, weights\n",
                )
                .replace(
                    "        errors = net.errors(batch)\n        loss = (errors**2).mean()\n",
                    "        loss = 0\n"
                    "        for rows, w in zip(batch, weights):\n"
                    "            errors = net.errors(rows)\n"
                    "            losses = errors**2\n"
                    "            losses *= torch.tensor(w)\n"
                    "            loss = loss + losses.mean()\n",
                )
            },
        ),
        Example(
            "weights by logarithms, from which their largest is taken away before the power",
            {
                "per.py": bad[1]
                .plain["per.py"]
                .replace(
                    "weights = (self.size * p[slots]) ** -beta\n",
                    "by_log = -beta * (np.log(self.size) + np.log(p[slots]))\n"
                    "        corrections = np.exp(by_log - by_log.max())\n",
                )
                .replace("weights / weights.max()", "corrections")
                .replace("batch, slots, weights =", "batch, slots, corrections =")
                .replace("(errors**2).mean()", "(torch.as_tensor(corrections) * errors**2).mean()")
                .replace("  # <- PER005", "")
            },
        ),
        Example(
            "weights that are added to a batch of columns by their key",
            {
                "per.py": bad[1]
                .plain["per.py"]
                .replace("  # <- PER005", "")
                .replace(
                    "return [self.rows[i] for i in slots], slots, weights / weights.max()",
                    "batch = {'rows': [self.rows[i] for i in slots]}\n"
                    "        batch.update(dict(slots=slots, weights=weights / weights.max()))\n"
                    "        return batch",
                )
                .replace("batch, slots, weights =", "batch =")
                .replace("net.errors(batch)", "net.errors(batch['rows'])")
                .replace("(errors**2)", "(torch.as_tensor(batch['weights']) * errors**2)")
                .replace("update(slots", "update(batch['slots']")
            },
        ),
        Example(
            "weights in one of two functions of which TensorFlow calls the one that a setting says",
            {
                "per.py": bad[1]
                .plain["per.py"]
                .replace("  # <- PER005", "")
                .replace("import torch", "import tensorflow as tf")
                .replace(
                    "        loss = (errors**2).mean()\n",
                    "        losses = tf.cond(\n"
                    "            net.corrected,\n"
                    "            lambda: tf.multiply(weights, tf.square(errors)),\n"
                    "            lambda: tf.square(errors),\n"
                    "        )\n"
                    "        loss = tf.reduce_mean(losses)\n",
                )
            },
        ),
        Example(
            "a graph of TensorFlow 1 that asks the memory for priorities, and weighs by them",
            {
                **_IN_A_GRAPH,
                "per.py": _IN_A_GRAPH["per.py"].replace("  # <- PER005", ""),
                "agent.py": _IN_A_GRAPH["agent.py"].replace(
                    "        rated = ",
                    "        shares = tf.py_func(self.memory.priorities_at, [places], [tf.float32])\n"
                    "        shares = 1.0 / tf.sqrt(shares + 1e-10)\n"
                    "        losses = shares / tf.reduce_max(shares) * losses\n"
                    "        rated = ",
                ),
            },
        ),
        Example(
            "a loss that is weighted in place, with its gradient",
            {
                "per.py": bad[1]
                .plain["per.py"]
                .replace("(errors**2).mean()", "errors**2\n        loss *= torch.as_tensor(weights)")
                .replace("loss.backward", "loss.mean().backward")
            },
        ),
        Example("a second draw that is only measured by, where no gradient is recorded", _MEASURED),
    )
    bad = (
        *bad,
        Example(
            "a loss that is weighted in place where no gradient is recorded",
            {
                "per.py": bad[1]
                .plain["per.py"]
                .replace(
                    "(errors**2).mean()",
                    "errors**2\n        with torch.no_grad():\n            loss *= torch.as_tensor(weights)",
                )
                .replace("loss.backward", "loss.mean().backward")
                .replace("p=p)", "p=p)  # <- PER005")
            },
        ),
    )


def _may_compute(about: Priorities) -> bool:
    """Whether something may be weights in another form, or what they are made of, out of sight."""
    if about.names_weights() or about.inverts_probabilities():
        return True
    return about.is_opaque or are_asked_for_in_a_graph(about)


def _learns_from(graph: ReplayGraph, unpack: Unpack) -> bool:
    """Whether what takes a batch apart learns by its errors, or gives parts of it to what does.

    Without rewards and what came after there are none: what the parameters mean to old batches is measured so.
    """
    parts = graph.interpreter.parts.items_of(unpack.value, len(unpack.node.items)) or ()
    results = [(item, value) for item, value in zip(unpack.node.items, parts, strict=False) if value.roles & _RESULTS]
    has_rewards = any(REWARD in value.roles for _, value in results)
    if has_rewards and not any(_is_kept(graph, unpack, item) for item, _ in results):
        return False
    if graph.learns(unpack.function, (unpack.path,)):
        names = {item.id for item in unpack.node.items if isinstance(item, ir.Name)}
        is_named = all(isinstance(item, ir.Name) for item in unpack.node.items)
        return not (is_named and is_only_measured(graph, unpack.path, unpack.function, names))
    names = _made_of(unpack)
    sites = graph.calls_of(unpack.function) if unpack.function is not None else ()
    given = (
        site for site in sites if not names.isdisjoint(_names_in(*(argument.value for argument in site.node.args)))
    )
    return any(graph.learns(func.node) for site in given for func in site.targets)


def _made_of(unpack: Unpack) -> set[str]:
    """The names of the parts of a batch, and of what the function makes of them."""
    names = _names_in(*(item for item in unpack.node.items if isinstance(item, ir.Name)))
    body = unpack.function.body if isinstance(unpack.function, ir.Function) else []
    for node in ir.walk_scope(body):
        if (
            isinstance(node, ir.Assign)
            and node.start > unpack.node.start
            and not names.isdisjoint(_names_in(node.value))
        ):
            names |= _names_in(*node.targets)
    return names - {"_", "self"}


def _names_in(*nodes: ir.Node | None) -> set[str]:
    return {part.id for node in nodes if node is not None for part in ir.walk(node) if isinstance(part, ir.Name)}


def _is_kept(graph: ReplayGraph, unpack: Unpack, item: ir.Expr) -> bool:
    """Whether a part of a batch gets a name that is read, or another place."""
    return not isinstance(item, ir.Name) or is_name_read(graph, unpack.path, unpack.function, item.id)


def _is_the_other_way(graph: ReplayGraph, buffer: ReplayBuffer, unpack: Unpack) -> bool:
    """Whether the learner drops the weights in one branch of a test and keeps those of a draw in the other."""
    dropped = {each.node for each in graph.priorities(buffer).uses.dropped}
    below: ir.Node = unpack.node
    for around in graph.ancestors(unpack.path, unpack.node):
        if isinstance(around, ir.If) and below is not around.test:
            others = around.orelse if any(below is part for part in around.body) else around.body
            inside = set(ir.walk(*others))
            if any(site.node in inside for site in buffer.samples) and dropped.isdisjoint(inside):
                return True
        below = around
    return False
