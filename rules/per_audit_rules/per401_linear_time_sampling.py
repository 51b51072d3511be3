"""PER401 linear-time-sampling."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from per_audit.findings import FixOffer, Severity
from per_audit.graph.liveness.memories.usage import is_named_unread
from per_audit.graph.memory import costs
from per_audit.graph.memory.held import UNKNOWN_COUNT, UNSEEN_COUNT
from per_audit.graph.prioritised.draws.linear import linear_draws, of_dearer_tree
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.facts import ir
    from per_audit.findings import Finding
    from per_audit.graph import ReplayBuffer, ReplayGraph
    from per_audit.graph.prioritised.draws.linear import Linear

_OF_CANDIDATES = """import random
from collections import deque

import numpy as np


class Memory:
    def __init__(self, capacity=1_000_000):
        self.rows, self.slots, self.capacity = deque(maxlen=capacity), [], capacity

    def push(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))
        if len(self.rows) < self.capacity:
            self.slots.append(len(self.rows) - 1)

    def sample(self, n):
        some = np.array(random.sample(self.slots, k=10 * n))
        late = np.tanh(100 * (some / len(self.rows)) ** 2)
        chosen = np.random.default_rng().choice(some, p=late / np.sum(late), size=n)
        return [self.rows[slot] for slot in chosen]  # <- PER403


def train(env, net, optimizer):
    memory, state = Memory(), env.reset()
    while True:
        next_state, reward, done, _ = env.step(net.act(state))
        memory.push(state, 0, reward, next_state, done)
        state = env.reset() if done else next_state
        net.loss(memory.sample(64)).backward()
        optimizer.step()
"""


_ADDED_UP = """import random
from bisect import bisect_right
from itertools import accumulate


class Memory:
    def __init__(self, size):
        self.rows, self.mass = [], []
        self.size, self.at, self.top = size, 0, 1.0

    def add(self, state, action, reward, next_state, done):
        if len(self.rows) < self.size:
            self.rows.append(None)
            self.mass.append(0.0)
        self.rows[self.at], self.mass[self.at] = (state, action, reward, next_state, done), self.top
        self.at = (self.at + 1) % self.size

    def sample(self, n, beta):
        sums = list(accumulate(self.mass))
        slots = [bisect_right(sums, random.random() * sums[-1]) for _ in range(n)]  # <- PER401
        weights = [(len(self.rows) * self.mass[slot] / sums[-1]) ** -beta for slot in slots]
        return [self.rows[slot] for slot in slots], slots, [weight / max(weights) for weight in weights]

    def update(self, slots, errors):
        for slot, error in zip(slots, errors):
            self.mass[slot] = (error + 1e-6) ** 0.6
            self.top = max(self.top, self.mass[slot])
"""

_KEPT = """import numpy as np


class Ranked:
    def __init__(self, size):
        self.rows, self.mass, self.size = [None] * size, np.zeros(size), size
        self.at, self.full, self.law = 0, 0, (0, None)

    def add(self, state, action, reward, next_state, done):
        self.rows[self.at], self.mass[self.at] = (state, action, reward, next_state, done), 1.0
        self.at, self.full = (self.at + 1) % self.size, min(self.full + 1, self.size)

    def sums(self):
        if self.full != self.law[0]:
            self.law = (self.full, np.cumsum(np.arange(1.0, self.full + 1) ** -0.7))
        return self.law[1]

    def sample(self, n, beta):
        sums, order = self.sums(), np.argpartition(-self.mass[: self.full], np.arange(min(n, self.full)))
        ranks = np.searchsorted(sums, np.random.rand(n) * sums[-1])  # <- PER401
        slots = order[ranks]
        weights = (self.full * (ranks + 1.0) ** -0.7 / sums[-1]) ** -beta
        return [self.rows[slot] for slot in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        self.mass[slots] = np.abs(errors) + 1e-6
"""


class LinearTimeSampling(Rule):
    """Each batch is drawn by going through the priorities of all transitions.

    ## What it does

    Reports draws by priority with `numpy.random.choice(p=...)`, `random.choices(weights=...)`, `torch.multinomial`,
    `WeightedRandomSampler` and searches in a cumulative sum that is made anew, where the memory may be large.

    ## Why is this bad

    All of them add up every probability for every batch. On one core numpy takes about 0.6 ms at 100,000 transitions
    and 6 ms at a million, twice that with `replace=False`, `random.choices` of a list four times that,
    `torch.multinomial` three times that, or an eighth where it puts back what it draws (`replacement=True`, which is
    not the default). Probabilities that are made of a list or deque at each draw cost up to 3 ms more at 100,000. A sum
    tree draws the same batch in time proportional to the logarithm. The message estimates the draw by these numbers
    where the capacity can be read.

    ## Known problems

    Where the capacity can be read and is 10,000 or less, nothing is reported: the loop over a tree in Python is then
    no faster. It takes about 0.45 µs for each level to draw and update a transition, 0.65 ms for a batch of 100 at
    20,000: where that is more than the draw takes, the finding is a hint. `PrioritizedSampler` takes 0.05 ms for it
    with numpy and 0.01 ms with numba.
    An option of the command line counts as its default, a capacity that cannot be read counts as large.
    Where the loops of the program count out fewer transitions than there is room for, the estimate is for these, and a
    hint for 10,000 of them or less.
    A cumulative sum that is kept and made anew only now and then, such as when the memory has grown by a share, is not
    reported; one that each update marks as stale is. One that is made anew whenever the memory has grown is a hint,
    where the memory comes to be full.
    A draw that costs less than 5 µs for each step of the environment, because it is made once in many of them, is a
    hint; an episode counts as 100 steps.

    ## Example

    ```python
    p = priorities[:n] ** alpha
    indices = np.random.choice(n, 32, p=p / p.sum())
    ```

    ## Use instead

    ```python
    sampler = PrioritizedSampler(capacity, alpha=alpha)
    indices, weights = sampler.sample(32)
    ```

    ## Fix safety

    Not rewritten automatically: the finding names the draw, and the sampler that replaces it keeps its law.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, appendix B.2.1, the sum tree
    """

    code = "PER401"
    name = "linear-time-sampling"
    severity = Severity.WARNING
    of_runs = True

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each draw by priority that goes through all priorities."""
        seen: set[ir.Node] = set()
        for buffer in graph.buffers:
            for draw in linear_draws(graph, buffer):
                if draw.node not in seen:
                    seen.add(draw.node)
                    yield self._finding(graph, buffer, draw)

    def _finding(self, graph: ReplayGraph, buffer: ReplayBuffer, draw: Linear) -> Finding:
        name = graph.name_of(buffer)
        is_unseen = draw.held.most is None and buffer.owner is not None and is_named_unread(graph, buffer.owner)
        finding = self.finding(
            graph,
            draw.path,
            draw.node,
            f"{name} draws with {draw.how}, which goes through the probabilities of "
            f"{'up to ' if draw.of_some else ''}all {'sequences' if draw.of_sequences else 'transitions'} each time"
            f"{' as long as the memory grows' if draw.is_filled else ''}"
            f"{_cost(draw, is_unseen)}{f', {draw.rhythm}' if str(draw.rhythm) else ''}",
            evidence=[graph.evidence(draw.path, draw.node, "drawn", "every probability is read at every call")],
            fix=FixOffer(title="draw from a sum tree"),
            pipeline=name,
        )
        is_little = draw.a_step is not None and draw.a_step < costs.LITTLE
        if is_little or is_unseen or (draw.held.is_small and not draw.is_again) or draw.is_filled:
            return replace(finding, severity=Severity.INFO)
        tree = of_dearer_tree(graph, draw)
        if tree is None:
            return finding
        otherwise = f"; a tree that Python goes through leaf by leaf takes {costs.spelled(tree)}, one of arrays less"
        return replace(finding, severity=Severity.INFO, message=finding.message + otherwise)

    def witness(self) -> str:
        """How many priorities a draw over a cumulative sum reads, against the steps down a sum tree."""
        import numpy as np

        rng = np.random.default_rng(0)
        leaves = 1 << 14
        mass = rng.random(leaves)
        sums = np.concatenate([np.zeros(leaves), mass])
        for node in range(leaves - 1, 0, -1):
            sums[node] = sums[2 * node] + sums[2 * node + 1]
        read = {"sum": 0, "tree": 0}

        def by_sum(point: float) -> int:
            slot = 0
            while point >= mass[slot] and slot < leaves - 1:
                point -= mass[slot]
                slot += 1
            read["sum"] += leaves + slot + 1  # the total below which the point is was added up anew
            return slot

        def by_tree(point: float) -> int:
            node = 1
            while node < leaves:
                read["tree"] += 1
                node *= 2
                if point >= sums[node]:
                    point -= sums[node]
                    node += 1
            return node - leaves

        for point in rng.random(8) * sums[1]:
            assert abs(by_sum(point) - by_tree(point)) <= 1
        assert read["tree"] == 8 * 14
        assert read["sum"] >= 8 * leaves
        return (
            f"8 draws from {leaves:,} transitions read {read['sum']:,} priorities in a cumulative sum and "
            f"{read['tree']} in a sum tree"
        )

    bad = (
        Example(
            "numpy, the memory a class",
            {
                "memory.py": """import numpy as np


class Memory:
    def __init__(self, capacity, alpha=0.6):
        self.rows, self.capacity, self.alpha, self.at, self.best = [], capacity, alpha, 0, 1.0
        self.priorities = np.zeros(capacity)

    def push(self, state, action, reward, next_state, done):
        if len(self.rows) < self.capacity:
            self.rows.append(None)
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.priorities[self.at] = self.best
        self.at = (self.at + 1) % self.capacity

    def sample(self, n, beta):
        scaled = self.priorities[: len(self.rows)] ** self.alpha
        p = scaled / scaled.sum()
        chosen = np.random.choice(len(self.rows), n, p=p)  # <- PER401
        weights = (len(self.rows) * p[chosen]) ** -beta
        return [self.rows[i] for i in chosen], chosen, weights / weights.max()

    def update(self, chosen, errors):
        self.priorities[chosen] = np.abs(errors) + 1e-6
        self.best = max(self.best, self.priorities[chosen].max())
"""
            },
        ),
        Example(
            "the standard library, an agent with lists",
            {
                "agent.py": """import random


class Agent:
    def __init__(self, model):
        self.model, self.past, self.priority, self.beta = model, [], [], 0.4

    def remember(self, state, action, reward, next_state, done):
        self.past.append((state, action, reward, next_state, done))
        self.priority.append(max(self.priority, default=1.0))
        if len(self.past) > 100_000:
            self.past.pop(0)
            self.priority.pop(0)

    def learn(self):
        total = sum(self.priority)
        picked = random.choices(range(len(self.past)), weights=self.priority, k=32)  # <- PER401
        w = [(len(self.past) * self.priority[i] / total) ** -self.beta for i in picked]
        rows = [self.past[i] for i in picked]
        errors = self.model.fit([r[0] for r in rows], self.model.targets(rows), sample_weight=[x / max(w) for x in w])
        for i, error in zip(picked, errors):
            self.priority[i] = abs(error) + 0.01
"""
            },
        ),
        Example(
            "torch, priorities on the device",
            {
                "ring.py": """import torch


class Ring:
    def __init__(self, size, width):
        self.state, self.next_state = torch.zeros(size, width), torch.zeros(size, width)
        self.action, self.reward, self.done = torch.zeros(size), torch.zeros(size), torch.zeros(size)
        self.mass, self.at, self.size = torch.zeros(size), 0, size

    def store(self, state, action, reward, next_state, done):
        self.state[self.at], self.action[self.at], self.reward[self.at] = state, action, reward
        self.next_state[self.at], self.done[self.at] = next_state, done
        self.mass[self.at] = 1.0
        self.at = (self.at + 1) % self.size

    def draw(self, n, beta):
        at = torch.multinomial(self.mass, n, replacement=True)  # <- PER401
        w = (self.size * self.mass[at] / self.mass.sum()) ** -beta
        return self.state[at], self.action[at], self.reward[at], self.next_state[at], self.done[at], at, w / w.max()

    def revise(self, at, error):
        self.mass[at] = (error.abs() + 1e-5) ** 0.6
"""
            },
        ),
        Example(
            "sums that the standard library adds up for each batch, and a search",
            {"memory.py": _ADDED_UP},
        ),
        Example(
            "sums that are made anew whenever the memory has grown",
            {"memory.py": _KEPT},
        ),
    )
    good = (
        Example(
            "probabilities of some that were drawn before",
            {"memory.py": _OF_CANDIDATES},
        ),
        Example(
            "groups of slots, and then one of the slots in the group",
            {
                "memory.py": """import numpy as np


class Memory:
    def __init__(self, groups, width):
        self.priorities, self.masses, self.width = np.zeros(groups * width), np.zeros(groups), width
        self.rows, self.at = [None] * (groups * width), 0

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.set(self.at, 1.0)
        self.at = (self.at + 1) % len(self.rows)

    def set(self, slot, priority):
        group = slot // self.width
        self.masses[group] += priority - self.priorities[slot]
        self.priorities[slot] = priority

    def sample(self, n, beta):
        found, shares = [], self.masses / self.masses.sum()
        for _ in range(n):
            group = np.random.choice(len(self.masses), p=shares)
            inside = self.priorities[group * self.width : (group + 1) * self.width]
            found.append(group * self.width + np.random.choice(self.width, p=inside / inside.sum()))
        w = (len(self.rows) * self.priorities[found] / self.masses.sum()) ** -beta
        return [self.rows[slot] for slot in found], found, w / w.max()
"""
            },
        ),
        Example(
            "strata of ranks, and then one of the ranks between the bounds of the stratum",
            {
                "memory.py": """import numpy as np


class Ranked:
    def __init__(self, order, count):
        self.order, self.rows = order, []
        self.shares = [pow(1.0 / (rank + 1), 0.7) for rank in range(count)]

    def push(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))
        self.order.insert(len(self.rows) - 1)

    def sample(self, n, beta):
        width = len(self.rows) / len(self.shares)
        bounds = [round(part * width) for part in range(len(self.shares) + 1)]
        shares = [share / sum(self.shares) for share in self.shares]
        rows, odds = [], []
        for _ in range(n):
            part = np.random.choice(list(range(len(self.shares))), p=shares)
            rank = np.random.randint(bounds[part], bounds[part + 1])
            rows.append(self.rows[self.order.place(rank)])
            odds.append(shares[part])
        weights = [pow(len(self.rows) * share, -beta) for share in odds]
        return rows, [weight / max(weights) for weight in weights]
"""
            },
        ),
        Example(
            "a small memory",
            {
                "memory.py": bad[0]
                .plain["memory.py"]
                .replace("def __init__(self, capacity, alpha=0.6):", "def __init__(self, capacity=5_000, alpha=0.6):")
            },
        ),
        Example(
            "a small memory, priorities in a list that is kept as long",
            {
                "agent.py": bad[1]
                .plain["agent.py"]
                .replace("import random\n", "import random\nfrom collections import deque\n")
                .replace("self.beta = model, [],", "self.beta = model, deque(maxlen=5_000),")
                .replace("        if len(self.past) > 100_000:\n            self.past.pop(0)\n", "")
                .replace("    self.priority.pop(0)", "self.priority = self.priority[-len(self.past) :]")
            },
        ),
        Example(
            "a sum tree",
            {
                "memory.py": """import random
import numpy as np


class Memory:
    def __init__(self, size):
        self.sums, self.rows, self.size, self.at = np.zeros(2 * size), [None] * size, size, 0

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.set(self.at, 1.0)
        self.at = (self.at + 1) % self.size

    def set(self, slot, priority):
        node = slot + self.size
        self.sums[node] = priority
        while node > 1:
            node //= 2
            self.sums[node] = self.sums[2 * node] + self.sums[2 * node + 1]

    def find(self, mass):
        node = 1
        while node < self.size:
            node *= 2
            if mass > self.sums[node]:
                mass -= self.sums[node]
                node += 1
        return node - self.size

    def sample(self, n, beta):
        slots = [self.find(random.uniform(0, self.sums[1])) for _ in range(n)]
        p = np.array([self.sums[slot + self.size] for slot in slots]) / self.sums[1]
        w = (self.size * p) ** -beta
        return [self.rows[slot] for slot in slots], slots, w / w.max()
"""
            },
        ),
        Example(
            "the top level of a wide tree is added up",
            {
                "memory.py": """import numpy as np

WIDTH = 64


class Levels:
    def __init__(self, size):
        leaves = np.zeros(size)
        levels = [np.zeros(size // WIDTH)]
        self.levels, self.top = [*levels, leaves], 0
        self.rows, self.size, self.at = [None] * size, size, 0

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.set(self.at, 1.0)
        self.at = (self.at + 1) % self.size

    def set(self, slot, priority):
        self.levels[1][slot] = priority
        block = slot // WIDTH
        self.levels[0][block] = self.levels[1][block * WIDTH : (block + 1) * WIDTH].sum()

    def sample(self, n, beta):
        sums = self.levels[self.top].cumsum()
        points = np.random.uniform(0, sums[-1], size=n)
        blocks = sums.searchsorted(points, "right")
        slots = [self.inside(block, point) for block, point in zip(blocks, points - sums[blocks])]
        p = self.levels[1][slots] / sums[-1]
        w = (self.size * p) ** -beta
        return [self.rows[slot] for slot in slots], slots, w / w.max()

    def inside(self, block, mass):
        slot = block * WIDTH
        while slot < (block + 1) * WIDTH - 1 and mass > self.levels[1][slot]:
            mass -= self.levels[1][slot]
            slot += 1
        return slot
"""
            },
        ),
        Example(
            "numbers that are drawn to try a formula out",
            {
                "explain.py": """import numpy as np


class Explained:
    \"\"\"Why weights differ from batch to batch: prioritised replay.\"\"\"

    def show(self, beta=0.5):
        rng = np.random.default_rng(0)
        priorities = rng.random(100_000)
        p = priorities / priorities.sum()
        for _ in range(200):
            slots = rng.choice(100_000, 32, p=p)
            weights = (100_000 * p[slots]) ** -beta
            print(weights / weights.max())
"""
            },
        ),
        Example(
            "a weighted choice of actions",
            {
                "policy.py": """import numpy as np


def act(logits):
    p = np.exp(logits - logits.max())
    return np.random.choice(len(p), p=p / p.sum())
"""
            },
        ),
        Example(
            "a particle filter that resamples, and tempers its weights",
            {
                "track.py": """import numpy as np


class Filter:
    def __init__(self, n):
        self.n, self.particles, self.mass, self.past = n, np.random.randn(n), np.ones(n) / n, []

    def observe(self, state, reward, likelihood):
        self.mass *= likelihood(state, self.particles)
        self.mass /= self.mass.sum()
        self.past.append((state, reward, self.particles.copy()))

    def resample(self, alpha):
        flat = self.mass**alpha
        index = np.random.choice(self.n, size=self.n, p=flat / flat.sum())
        self.particles, self.mass = self.particles[index], self.mass[index] / flat[index]

    def correction(self, beta):
        w = (self.n * self.mass) ** -beta
        return w / w.max()
"""
            },
        ),
        Example(
            "negative items of a recommender, drawn by popularity",
            {
                "rank.py": """import numpy as np


class Recommender:
    def __init__(self, users, items):
        self.u, self.v, self.popularity = np.random.randn(users, 8), np.random.randn(items, 8), np.ones(items)

    def fit(self, pairs, beta):
        for _, item in pairs:
            self.popularity[item] += 1
        p = self.popularity / self.popularity.sum()
        for user, item in pairs:
            other = np.random.choice(len(p), p=p)
            w = (len(p) * p[other]) ** -beta
            step = w / (1 + np.exp(self.u[user] @ (self.v[item] - self.v[other])))
            self.u[user] += 0.1 * step * (self.v[item] - self.v[other])
            self.v[other] -= 0.1 * step * self.u[user]
"""
            },
        ),
        Example(
            "sums that are kept from one draw to the next",
            {
                "memory.py": _ADDED_UP.replace("  # <- PER401", "")
                .replace("sums = list(accumulate(self.mass))", "sums = self.sums")
                .replace("self.mass = [], []", "self.mass, self.sums = [], [], []")
                .replace(
                    "            self.top = max(self.top, self.mass[slot])\n",
                    "            self.top = max(self.top, self.mass[slot])\n"
                    "        self.sums = list(accumulate(self.mass))\n",
                )
            },
        ),
        Example(
            "sums that are kept until the memory has grown by a share",
            {
                "memory.py": _KEPT.replace("self.full != self.law[0]", "self.full > 1.05 * self.law[0]").replace(
                    "  # <- PER401", ""
                )
            },
        ),
    )


def _cost(draw: Linear, is_unseen: bool) -> str:
    """What the draw costs of all that are held, as far as that is known."""
    if draw.held.most is None:
        return UNSEEN_COUNT if is_unseen else UNKNOWN_COUNT
    if draw.cost is None:
        return f", up to {draw.held.most:,} of them"
    cost = draw.cost * (draw.calls or 1)
    text = f", {'at most ' if draw.of_some else ''}{costs.spelled(cost + draw.before)} at {draw.held}"
    if draw.calls != 1:
        return (
            f"{text} for the {draw.calls:,} calls of a batch"
            if draw.calls
            else f"{text}, by a call for each transition"
        )
    if draw.is_again:
        return f"{text}, most of it to go through them all again for each of them"
    return f"{text}, most of it to make the probabilities" if draw.before > cost else text
