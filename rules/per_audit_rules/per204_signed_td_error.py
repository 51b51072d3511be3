"""PER204 signed-td-error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.findings import Finding, FixOffer, Severity
from per_audit.graph import PRIORITISED, ReplayGraph
from per_audit.graph.interpret.roles import name_of
from per_audit.graph.prioritised.priorities import heaps, trail
from per_audit.graph.prioritised.priorities.signed import draws_unsigned, is_error, signed_error
from per_audit.graph.symbolic import Term, alternatives, strip
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.graph.prioritised.anatomy import Anatomy
    from per_audit.graph.prioritised.priorities.writes import PriorityWrite

_AROUND = {"pow", "add", "mul", "div", "maximum", "minimum", "clip", "at", "slice", "item", "phi", "neg", "max", "mean"}

_MEMORY = """import numpy as np


class Memory:
    def __init__(self, capacity, alpha=0.6):
        self.rows, self.mass, self.alpha, self.count = [None] * capacity, np.zeros(capacity), alpha, 0

    def push(self, state, action, reward, next_state, done):
        slot = self.count % len(self.rows)
        self.rows[slot] = (state, action, reward, next_state, done)
        self.mass[slot] = max(self.mass.max(), 1.0)
        self.count += 1

    def sample(self, size, beta):
        n = min(self.count, len(self.rows))
        p = self.mass[:n] / self.mass[:n].sum()
        slots = np.random.choice(n, size, p=p)
        weights = (n * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def correct(self, slots, errors):
        self.mass[slots] = (np.abs(errors) + 1e-6) ** self.alpha
"""
_TD3 = """import torch
from memory import Memory

memory = Memory(100_000)


def observe(state, action, reward, next_state, done):
    memory.push(state, action, reward, next_state, done)


def critics(first, second, target_net, actor, optimizer, beta):
    rows, slots, weights = memory.sample(128, beta)
    state, action, reward, next_state, done = (torch.tensor(column) for column in zip(*rows))
    with torch.no_grad():
        goal = reward + 0.99 * (1 - done) * target_net(next_state, actor(next_state)).squeeze(1)
    error_1 = goal - first(state, action).squeeze(1)
    error_2 = goal - second(state, action).squeeze(1)
    (torch.tensor(weights) * (error_1**2 + error_2**2)).mean().backward()
    optimizer.step()
    memory.correct(slots, ((error_1 + error_2) / 2).detach().numpy())  # <- PER204
"""
_TREE = """import numpy as np


class SumTree:
    def __init__(self, capacity):
        self.half, self.sums = capacity, np.zeros(2 * capacity)

    def as_array(self, values):
        if isinstance(values, list):
            return np.array(values)
        return values

    def set(self, slots, priorities):
        at, given = self.as_array(slots) + self.half, self.as_array(priorities).copy()
        self.sums[at] = given
        for slot in at // 2:
            while slot >= 1:
                self.sums[slot] = self.sums[2 * slot] + self.sums[2 * slot + 1]
                slot //= 2

    def get(self, slots):
        return self.sums[self.as_array(slots) + self.half]

    def find(self, mass):
        at = 1
        while at < self.half:
            at *= 2
            if self.sums[at] <= mass:
                mass -= self.sums[at]
                at += 1
        return at - self.half


class Memory:
    def __init__(self, capacity, alpha=0.6):
        self.tree, self.rows, self.count, self.alpha, self.top = SumTree(capacity), [None] * capacity, 0, alpha, 1.0

    def push(self, state, action, reward, next_state, done):
        slot = self.count % len(self.rows)
        self.rows[slot] = (state, action, reward, next_state, done)
        self.tree.set([slot], [self.top**self.alpha])
        self.count += 1

    def sample(self, size, beta):
        masses, slots = np.random.random(size) * self.tree.sums[1], np.zeros(size)
        for i in range(size):
            slots[i] = self.tree.find(masses[i])
        slots = slots.astype(int)
        weights = (min(self.count, len(self.rows)) * self.tree.get(slots) / self.tree.sums[1]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, priorities):
        self.tree.set(slots, (priorities + 1e-6) ** self.alpha)
        self.top = max(self.top, priorities.max() + 1e-6)
"""
_STACKED = "(torch.stack([first(state, action).squeeze(1), second(state, action).squeeze(1)]) - goal).mean(0)"


class SignedTdError(Rule):
    """A priority keeps the sign of the TD error, or is the absolute value of an average of signed errors.

    ## What it does

    Reports updates whose value is a difference that never meets `abs`, a square or a bound, neither in the training nor
    in the buffer; and priorities that are the absolute value of the sum or mean of the errors of two critics, which
    cancel out where their signs differ.

    ## Why is this bad

    A negative priority makes the probabilities negative or, through the sum of a tree, those of others wrong; raised to
    alpha it is NaN. With two critics the errors +3 and -3 average to 0: the transition that both critics are most wrong
    about gets the smallest priority.

    ## Known problems

    Where a part of the value's way is not known, for instance a call of another library, the rule is silent.

    ## Example

    ```python
    memory.update_priorities(indices, (target - q).detach().numpy())
    ```

    ## Use instead

    ```python
    memory.update_priorities(indices, (target - q).abs().detach().numpy())
    ```

    ## Fix safety

    Taking the absolute value of each error is safe; for two critics there is a choice between maximum and mean, and the
    mean that is there stays one.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, section 3.3 and Algorithm 1, line 12
    """

    code = "PER204"
    name = "signed-td-error"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each place where a signed error, or a signed average, becomes a priority."""
        told: set[object] = set()
        for buffer in graph.buffers:
            if buffer.kind != PRIORITISED or graph.priorities(buffer).is_reference:
                continue
            anatomy = graph.anatomy(buffer)
            name = graph.name_of(buffer)
            for write, signed, average in self._signed(anatomy):
                step = trail.handover(anatomy, write)
                path, node = (step.path, step.node) if not average else (signed.path, signed.node)
                if node is None or node in told:
                    continue
                told.add(node)
                what = (
                    f"the errors of two critics are {average} with their signs, so that opposite errors cancel out"
                    if average
                    else "the TD error is stored with its sign: negative errors do not count by their size"
                )
                where = graph.evidence(signed.path, signed.node, "error", "signed") if signed.node is not None else None
                yield self.finding(
                    graph,
                    path,
                    node,
                    f"{what} (priorities of {name})",
                    evidence=trail.unique([where, *trail.evidence(anatomy, write)]),
                    fix=FixOffer(title="take the absolute value of each TD error"),
                    pipeline=name,
                    form=average or "signed",
                )

    def _signed(self, anatomy: Anatomy) -> Iterator[tuple[PriorityWrite, Term, str]]:
        """The writes of signed errors, each with the error; of several errors, what is done with them."""
        unsigned = draws_unsigned(anatomy)
        for write in (*(write for write in anatomy.writes if not write.inserts), *heaps.keys(anatomy)):
            for value in alternatives(strip(write.value)):
                signed = signed_error(anatomy, value)
                if signed is not None:
                    if not unsigned:
                        yield write, signed, ""
                else:
                    for average, how in _averages(anatomy, value):
                        yield write, average, how

    def witness(self) -> str:
        """Opposite errors of two critics cancel out before the absolute value, and do not after it."""
        import numpy as np

        first, second = np.array([3.0, 0.5]), np.array([-3.0, 0.5])
        before, after = np.abs((first + second) / 2), (np.abs(first) + np.abs(second)) / 2
        assert before[0] < before[1]
        assert after[0] > after[1]
        return f"errors +3 and -3 get the priority {before[0]:.1f} as |mean|, and {after[0]:.1f} as mean of |errors|"

    bad = (
        Example(
            "the training passes the difference, PyTorch, two files",
            {
                "memory.py": """import numpy as np


class Memory:
    def __init__(self, capacity):
        self.rows, self.priorities, self.count = [None] * capacity, np.zeros(capacity), 0

    def push(self, state, action, reward, next_state, done):
        slot = self.count % len(self.rows)
        self.rows[slot] = (state, action, reward, next_state, done)
        self.priorities[slot] = max(self.priorities.max(), 1.0)
        self.count += 1

    def sample(self, size, beta):
        n = min(self.count, len(self.rows))
        p = self.priorities[:n] / self.priorities[:n].sum()
        slots = np.random.choice(n, size, p=p)
        weights = (n * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, priorities):
        self.priorities[slots] = priorities + 1e-6
""",
                "train.py": """import torch
from memory import Memory

memory = Memory(10_000)


def observe(state, action, reward, next_state, done):
    memory.push(state, action, reward, next_state, done)


def learn(net, target_net, optimizer, beta):
    rows, slots, weights = memory.sample(32, beta)
    state, action, reward, next_state, done = (torch.tensor(column) for column in zip(*rows))
    q = net(state).gather(1, action[:, None]).squeeze(1)
    with torch.no_grad():
        goal = reward + 0.99 * (1 - done) * target_net(next_state).max(1).values
    td = goal - q
    (torch.tensor(weights) * td**2).mean().backward()
    optimizer.step()
    memory.update(slots, td.detach().numpy())  # <- PER204
""",
            },
        ),
        Example(
            "a negative number to the power of alpha, numpy",
            {
                "agent.py": """import numpy as np


class Agent:
    def __init__(self, width, capacity=512):
        self.theta, self.rows, self.p, self.n = np.zeros(width), [None] * capacity, np.zeros(capacity), 0

    def observe(self, state, action, reward, next_state, done):
        slot = self.n % len(self.rows)
        self.rows[slot] = (state, action, reward, next_state, done)
        self.p[slot] = self.p.max() or 1.0
        self.n += 1

    def improve(self, beta, rate=0.01):
        n = min(self.n, len(self.rows))
        share = self.p[:n] / self.p[:n].sum()
        for slot in np.random.choice(n, 8, p=share):
            state, action, reward, next_state, done = self.rows[slot]
            error = reward + 0.9 * (1 - done) * (self.theta @ next_state) - self.theta @ state
            self.theta += rate * (n * share[slot]) ** -beta * error * state
            self.p[slot] = (error + 0.01) ** 0.6  # <- PER204
"""
            },
        ),
        Example(
            "two critics, averaged before the absolute value, two files",
            {"memory.py": _MEMORY, "td3.py": _TD3},
        ),
        Example(
            "an update with the sign, item by item, Keras",
            {
                "learn.py": """import numpy as np


class Replay:
    def __init__(self, size):
        self.items, self.chance, self.at = [None] * size, np.zeros(size), 0

    def append(self, state, action, reward, next_state, done):
        self.items[self.at % len(self.items)] = (state, action, reward, next_state, done)
        self.chance[self.at % len(self.items)] = 1.0
        self.at += 1

    def draw(self, size, beta):
        n = min(self.at, len(self.items))
        p = self.chance[:n] / self.chance[:n].sum()
        slots = np.random.choice(n, size, p=p)
        return slots, (n * p[slots]) ** -beta


class Learner:
    def __init__(self, model, size):
        self.model, self.replay = model, Replay(size)

    def step(self, beta):
        slots, weights = self.replay.draw(32, beta)
        state, action, reward, next_state, done = (np.array(c) for c in zip(*[self.replay.items[i] for i in slots]))
        q = self.model.predict(state)
        goal = reward + 0.95 * (1 - done) * self.model.predict(next_state).max(axis=1)
        errors = goal - q[np.arange(32), action]
        q[np.arange(32), action] = goal
        self.model.fit(state, q, sample_weight=weights)
        for slot, error in zip(slots, errors):
            self.replay.chance[slot] = error  # <- PER204
"""
            },
        ),
        Example(
            "two critics under a square root of the squared mean",
            {
                "memory.py": """import numpy as np


class Memory:
    def __init__(self, capacity):
        self.rows, self.mass, self.count = [None] * capacity, np.zeros(capacity), 0

    def push(self, state, action, reward, next_state, done):
        slot = self.count % len(self.rows)
        self.rows[slot] = (state, action, reward, next_state, done)
        self.mass[slot] = max(self.mass.max(), 1.0)
        self.count += 1

    def sample(self, size, beta):
        n = min(self.count, len(self.rows))
        p = self.mass[:n] / self.mass[:n].sum()
        slots = np.random.choice(n, size, p=p)
        weights = (n * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def correct(self, slots, errors):
        self.mass[slots] = errors
""",
                "sac.py": """import torch
from memory import Memory

memory = Memory(50_000)


def observe(state, action, reward, next_state, done):
    memory.push(state, action, reward, next_state, done)


def errors_of(batch, critic, goal):
    return critic(batch[0], batch[1]).squeeze(1) - goal


def critics(first, second, value, optimizer, beta):
    rows, slots, weights = memory.sample(256, beta)
    batch = [torch.tensor(column) for column in zip(*rows)]
    with torch.no_grad():
        goal = batch[2] + 0.99 * (1 - batch[4]) * value(batch[3]).squeeze(1)
    one, two = errors_of(batch, first, goal), errors_of(batch, second, goal)
    (torch.tensor(weights) * (one.pow(2) + two.pow(2))).mean().backward()
    optimizer.step()
    mean = 0.5 * (one + two)  # <- PER204
    memory.correct(slots, mean.pow(2).detach().numpy() + 1e-5)
""",
            },
        ),
        Example(
            "clipped from above only, JAX",
            {
                "rows.py": """import numpy as np


class Rows:
    def __init__(self, capacity):
        self.rows, self.priority, self.count = [None] * capacity, np.ones(capacity), 0

    def put(self, state, action, reward, next_state, done):
        self.rows[self.count % len(self.rows)] = (state, action, reward, next_state, done)
        self.priority[self.count % len(self.rows)] = 1.0
        self.count += 1

    def take(self, n, beta):
        filled = min(self.count, len(self.rows))
        p = self.priority[:filled] / np.sum(self.priority[:filled])
        at = np.random.choice(filled, n, p=p)
        return [self.rows[i] for i in at], at, (filled * p[at]) ** -beta

    def mark(self, at, errors):
        self.priority[at] = np.minimum(errors, 1.0)
""",
                "train.py": """import jax.numpy as jnp
from rows import Rows

memory = Rows(1_000)


def observe(state, action, reward, next_state, done):
    memory.put(state, action, reward, next_state, done)


def train(apply, params, improve, beta):
    rows, at, weights = memory.take(16, beta)
    state, action, reward, next_state, done = (jnp.array(column) for column in zip(*rows))
    goal = reward + 0.99 * (1 - done) * apply(params, next_state).max(axis=1)
    error = goal - jnp.take_along_axis(apply(params, state), action[:, None], axis=1)[:, 0]
    params = improve(params, jnp.mean(weights * error**2))
    memory.mark(at, error)  # <- PER204
    return params
""",
            },
        ),
        Example(
            "two critics of layers, one of several targets",
            {
                "nets.py": """import torch
from torch import nn


class Critic(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.one, self.two, self.three = nn.Linear(width, 64), nn.Linear(64, 64), nn.Linear(64, 1)

    def forward(self, state, action):
        x = torch.cat((state, action), dim=1)
        x = torch.relu(self.one(x)) + self.two(torch.relu(self.one(x)))
        x = torch.relu(self.two(x)) + torch.tanh(self.two(x))
        return self.three(x)
""",
                "agent.py": """import numpy as np
import torch
from nets import Critic


class Agent:
    def __init__(self, actor, width, optimizer, soft, shaped, capacity=20_000):
        self.first, self.second, self.target_1, self.target_2 = (Critic(width) for _ in range(4))
        self.actor, self.optimizer, self.soft, self.shaped = actor, optimizer, soft, shaped
        self.rows, self.priorities, self.at = [None] * capacity, np.zeros(capacity), 0

    def store(self, state, action, reward, next_state, done):
        slot = self.at % len(self.rows)
        self.rows[slot], self.priorities[slot] = (state, action, reward, next_state, done), 1.0
        self.at += 1

    def learn(self, beta, gamma=0.99, alpha=0.2):
        n = min(self.at, len(self.rows))
        p = self.priorities[:n] / self.priorities[:n].sum()
        slots = np.random.choice(n, 64, p=p)
        weights = torch.tensor((n * p[slots]) ** -beta)
        state, action, reward, next_state, done = (torch.tensor(c) for c in zip(*[self.rows[i] for i in slots]))
        with torch.no_grad():
            ahead, logp = self.actor(next_state)
            later = torch.min(self.target_1(next_state, ahead), self.target_2(next_state, ahead)).squeeze(1)
            if self.shaped:
                bonus = torch.clamp(0.9 * self.actor(state)[1], -1, 0)
                if self.soft:
                    goal = reward + bonus + gamma * (1 - done) * (later - alpha * logp)
                else:
                    goal = reward + bonus + gamma * (1 - done) * later
            elif self.soft:
                goal = reward + gamma * (1 - done) * (later - alpha * logp)
            else:
                goal = reward + gamma * (1 - done) * later
        error_1 = goal.detach() - self.first(state, action).squeeze(1)
        error_2 = goal - self.second(state, action).squeeze(1)
        (weights * (error_1.pow(2) + error_2.pow(2))).mean().backward()
        self.optimizer.step()
        rated = abs((error_1 + error_2) / 2 + 1e-5)  # <- PER204
        self.priorities[slots] = rated.detach().numpy()
""",
            },
        ),
        Example(
            "the key of a heap",
            {
                "heap.py": """import heapq


class Heap:
    def __init__(self, limit):
        self.entries, self.limit, self.count = [], limit, 0

    def add(self, error, row):
        self.count += 1
        heapq.heappush(self.entries, (-error, self.count, row))
        self.entries = self.entries[: self.limit]

    def first(self, n):
        return [row for _, _, row in heapq.nsmallest(n, self.entries)]  # <- PER303
""",
                "play.py": """import numpy as np
from heap import Heap


def error_of(model, state, action, reward, next_state, done):
    goal = reward if done else reward + 0.99 * np.max(model.predict(next_state))
    return model.predict(state)[action] - goal


def play(env, model, steps):
    memory, state = Heap(5_000), env.reset()
    for step in range(steps):
        action = int(np.argmax(model.predict(state)))
        next_state, reward, done, _ = env.step(action)
        error = error_of(model, state, action, reward, next_state, done)
        memory.add(error, (state, action, reward, next_state, done))  # <- PER204
        state = env.reset() if done else next_state
        for s, a, r, s2, end in memory.first(16):
            goals = model.predict(s)
            goals[a] = r if end else r + 0.99 * np.max(model.predict(s2))
            model.fit(s, goals)
""",
            },
        ),
        Example(
            "two critics, each with a half of the error",
            {
                "memory.py": _MEMORY,
                "td3.py": _TD3.replace("(error_1 + error_2) / 2", "0.5 * error_1 + 0.5 * error_2"),
            },
        ),
        Example(
            "critics in a stack, averaged over the stack",
            {"memory.py": _MEMORY, "td3.py": _TD3.replace("((error_1 + error_2) / 2)", _STACKED)},
        ),
        Example(
            "an epsilon that the memory is made with is no bound",
            {
                "memory.py": _MEMORY.replace("(np.abs(errors) + 1e-6) ** self.alpha", "errors + self.eps")
                .replace("alpha=0.6):", "alpha=0.6, eps=1e-6):")
                .replace("        self.rows, ", "        self.eps = eps\n        self.rows, ", 1),
                "td3.py": _TD3.replace("((error_1 + error_2) / 2)", "error_1"),
            },
        ),
    )
    good = (
        Example(
            "the absolute value as the key of a heap",
            {
                "heap.py": bad[-4].plain["heap.py"],
                "play.py": bad[-4].plain["play.py"].replace("memory.add(error,", "memory.add(abs(error),"),
            },
        ),
        Example(
            "the absolute value in the training, two files",
            {
                "memory.py": bad[0].plain["memory.py"],
                "train.py": bad[0].plain["train.py"].replace("td.detach()", "td.abs().detach()"),
            },
        ),
        Example(
            "the absolute value in the buffer",
            {
                "memory.py": bad[0].plain["memory.py"].replace("= priorities +", "= np.abs(priorities) +"),
                "train.py": bad[0].plain["train.py"],
            },
        ),
        Example(
            "the square",
            {"agent.py": bad[1].plain["agent.py"].replace("(error + 0.01) ** 0.6", "(error**2 + 0.01) ** 0.6")},
        ),
        Example(
            "two critics, averaged after the absolute value",
            {
                "memory.py": bad[2].plain["memory.py"],
                "td3.py": bad[2]
                .plain["td3.py"]
                .replace("((error_1 + error_2) / 2)", "((error_1.abs() + error_2.abs()) / 2)"),
            },
        ),
        Example(
            "critics in a stack, averaged after the absolute value",
            {
                "memory.py": _MEMORY,
                "td3.py": _TD3.replace("((error_1 + error_2) / 2)", _STACKED.replace(".mean", ".abs().mean")).replace(
                    "  # <- PER204", ""
                ),
            },
        ),
        Example(
            "one error of the mean of the critics",
            {
                "memory.py": _MEMORY,
                "td3.py": _TD3.replace(
                    "((error_1 + error_2) / 2)", _STACKED.replace(" - goal).mean(0)", ".mean(0) - goal)")
                ).replace("  # <- PER204", ""),
            },
        ),
        Example(
            "two critics, the larger error",
            {
                "memory.py": bad[2].plain["memory.py"],
                "td3.py": bad[2]
                .plain["td3.py"]
                .replace("((error_1 + error_2) / 2)", "torch.max(error_1.abs(), error_2.abs())"),
            },
        ),
        Example(
            "an average reward: one error in two differences",
            {
                "agent.py": bad[1]
                .plain["agent.py"]
                .replace(
                    "error = reward + 0.9 * (1 - done) * (self.theta @ next_state) - self.theta @ state",
                    "error = (reward - 0.1) + (self.theta @ next_state - self.theta @ state)",
                )
                .replace("(error + 0.01) ** 0.6", "abs(error) + 0.01")
            },
        ),
        Example(
            "bounded from below",
            {
                "rows.py": bad[5].plain["rows.py"].replace("np.minimum(errors, 1.0)", "np.clip(errors, 1e-3, 1.0)"),
                "train.py": bad[5].plain["train.py"],
            },
        ),
        Example(
            "stored with the sign, and every draw takes the absolute values, item by item",
            {
                "learn.py": bad[3]
                .plain["learn.py"]
                .replace(
                    "self.chance[:n] / self.chance[:n].sum()",
                    "np.abs(self.chance[:n]) / np.sum(np.abs(self.chance[:n]))",
                )
            },
        ),
        Example(
            "stored with the sign, and the draw takes the squares, two files",
            {
                "memory.py": bad[0]
                .plain["memory.py"]
                .replace("self.priorities[:n] / self.priorities[:n].sum()", "mass / mass.sum()")
                .replace("        p = mass", "        mass = self.priorities[:n] ** 2\n        p = mass"),
                "train.py": bad[0].plain["train.py"],
            },
        ),
        Example(
            "one helper for the priorities and for the positions that were drawn",
            {
                "tree.py": _TREE,
                "train.py": bad[0]
                .plain["train.py"]
                .replace("from memory", "from tree")
                .replace("td.detach()", "td.abs().detach()"),
            },
        ),
        Example(
            "what makes the least error of all that were met 0",
            {
                "memory.py": _MEMORY.replace(
                    "self.mass[slots] = (np.abs(errors) + 1e-6) ** self.alpha",
                    "self.lift = max(self.lift, -errors.min())\n        self.mass[slots] = errors + self.lift",
                ).replace("        self.rows, ", "        self.lift = 0.0\n        self.rows, ", 1),
                "td3.py": _TD3.replace("((error_1 + error_2) / 2)", "error_1").replace("  # <- PER204", ""),
            },
        ),
    )


def _averages(anatomy: Anatomy, value: Term, depth: int = 3) -> Iterator[tuple[Term, str]]:
    """The signed sums and means of two errors of one target under an absolute value or a square, and which they are."""
    stack = [strip(value)]
    while stack:
        term = strip(stack.pop())
        if term.op == "abs" or (term.op == "pow" and term.args[1].number == 2):
            for option in _inner(anatomy, term.args[0], depth):
                average = _average(option)
                if average is not None:
                    yield average, "added" if _is_sum(option, average) else "averaged"
                elif option.op == "abs":  # taken twice, where it is made and where it is stored
                    stack.append(option)
        elif term.op in _AROUND:
            stack += term.args[:1] if term.op in ("pow", "at", "clip", "div") else term.args


def _inner(anatomy: Anatomy, term: Term, depth: int) -> Iterator[Term]:
    """What a term may be, with attributes of batches followed to what was assigned to them."""
    for option in alternatives(strip(term)):
        option = strip(option)
        if option.op == "field" and depth:
            for written in anatomy.symbols.options(option):
                yield from _inner(anatomy, written, depth - 1)
        elif option.op == "item" and isinstance(option.data, str) and depth:
            for field in [Term("field", (), key) for key in anatomy.symbols.writes_of if key[1] == option.data]:
                yield from _inner(anatomy, field, depth - 1)
        elif option.op == "phi":
            yield from _inner(anatomy, option, depth)
        else:
            yield option


def _is_sum(term: Term, average: Term) -> bool:
    """Whether nothing divides what is added: half of a sum is a mean."""
    around = (part for part in term.walk() if part.op in ("mul", "div") and part is not average)
    return average.op != "mean" and not any(average in part.walk() for part in around)


def _average(term: Term) -> Term | None:
    """The sum or mean of differences that share a side, whatever it is scaled by and whatever constant is added."""
    inner = _unscaled(term, "add")
    if inner.op in ("mean", "sum"):
        held = strip(inner.args[0]) if inner.args[0].op == "sub" else inner.args[0]
        if held.op == "sub":  # of several critics at once, from the goal that they have in common
            apart = [_critics(side) for side in held.args]
            return inner if inner.data == 0 and sorted(apart)[0] < 2 <= sorted(apart)[1] else None
        parts = held.args[0].args if held.op == "stack" else held.args if held.op == "tuple" else ()
    else:
        parts = tuple(_unscaled(part) for part in inner.args) if inner.op == "add" else ()
    given = [strip(part) for part in parts]
    if len(given) < 2 or not all(is_error(part) for part in given):
        return None
    left, right = ({strip(part.args[side]) for part in given} for side in (0, 1))
    return inner if min(len(left), len(right)) == 1 or _have_a_side_in_common(given) else None


def _unscaled(term: Term, *beside: str) -> Term:
    """What a term is a number times of."""
    inner = strip(term)
    while inner.op in ("div", "mul", *beside) and any(arg.is_number for arg in inner.args):
        inner = strip(next((arg for arg in inner.args if not arg.is_number), inner.args[0]))
    return inner


def _critics(term: Term) -> int:
    """How many values of different critics are stacked along the first axis; 1 where there is but one value."""
    held = term if term.op in ("stack", "tuple") else strip(term)
    if held.op == "stack" and not _stands_first(held.node):
        return 1
    parts = held.args[0].args if held.op == "stack" else held.args if held.op == "tuple" else ()
    return len(set(parts)) if parts else 1


def _stands_first(node: ir.Node | None) -> bool:
    """Whether a call makes a new axis before all others."""
    if not isinstance(node, ir.Call):
        return False
    axis = next(filter(None, (node.argument(1, name) for name in ("dim", "axis"))), None)
    return name_of(node.func) in ("stack", "array") and (axis is None or getattr(axis, "value", None) == 0)


def _have_a_side_in_common(differences: list[Term]) -> bool:
    """Whether both are written with the same name on the same side, whatever is known of what it holds."""
    first, second = differences[0].node, differences[-1].node
    if (
        len(differences) != 2
        or not (isinstance(first, ir.Bin) and isinstance(second, ir.Bin))
        or differences[0].path != differences[1].path
    ):
        return False
    sides = ((first.left, second.left), (first.right, second.right))
    return any(_name(a) is not None and _name(a) == _name(b) for a, b in sides)


def _name(node: ir.Expr) -> str | None:
    """The variable that an expression is, whatever form of it is asked for: `goal` of `goal.detach()`."""
    while isinstance(node, ir.Call) and isinstance(node.func, ir.Attr) and not node.args:
        node = node.func.value
    return node.id if isinstance(node, ir.Name) else None
