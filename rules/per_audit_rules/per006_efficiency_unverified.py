"""PER006 efficiency-unverified."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.findings import Finding, FixOffer, Severity
from per_audit.graph import PRIORITISED, ReplayGraph
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.facts import ir


class EfficiencyUnverified(Rule):
    """Nobody has measured yet that this prioritised buffer behaves as prioritised replay must.

    ## What it does

    Notes each prioritised buffer in use for which there is no current record of `per-audit verify`. A record is
    bound to the content of the files that define the buffer: it ends with the next change of one of them.

    ## Why is this bad

    Most faults of sum trees, weights and priorities crash nothing. They show in how often each transition is drawn,
    which reading does not tell and a few seconds of measurement do.

    ## Known problems

    It says that something is unknown, not that it is wrong, and never fails a run.

    ## Example

    ```sh
    per-audit scan .
    ```

    ## Use instead

    ```sh
    per-audit verify memory.py:PrioritizedMemory
    per-audit scan .
    ```

    ## Fix safety

    There is nothing to fix; verify the buffer.

    ## References

    - `per-audit verify --help`
    """

    code = "PER006"
    name = "efficiency-unverified"
    severity = Severity.INFO

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One hint for each prioritised buffer in use without a current record, however many ways it is drawn from."""
        told: set[ir.Class | None] = set()
        for buffer in graph.buffers:
            about = graph.priorities(buffer)
            if buffer.kind != PRIORITISED or not (about.in_use and about.is_about_priorities):
                continue
            if (buffer.owner in told and buffer.owner is not None) or graph.verified(graph.files_of(buffer)):
                continue
            told.add(buffer.owner)
            name = graph.name_of(buffer)
            yield Finding(
                self.code,
                self.name,
                self.severity,
                "high",
                f"{name} draws by priority, and no current verification record says that it works",
                graph.place(buffer.path, buffer.draws[0]),
                graph.symbol(buffer.function, buffer.path),
                graph.chain(buffer),
                FixOffer(title="run `per-audit verify`", reason="measured, not rewritten"),
                pipeline=name,
            )

    def witness(self) -> str:
        """A search that stops one leaf early draws plausible batches, yet never the newest transition."""
        import numpy as np

        rng = np.random.default_rng(0)
        sums = np.cumsum(np.ones(64))
        drawn = np.searchsorted(sums[:-1], rng.uniform(0, sums[-2], 100_000))
        assert drawn.max() == 62
        return f"of 64 equal transitions {len(set(drawn))} are ever drawn, and no batch looks wrong"

    bad = (
        Example(
            "a hand-written buffer without a record",
            {
                "per.py": """import numpy as np


class Memory:
    def __init__(self, size):
        self.rows, self.priorities, self.size, self.at = [None] * size, np.zeros(size), size, 0

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at % self.size] = (state, action, reward, next_state, done)
        self.priorities[self.at % self.size] = 1.0
        self.at += 1

    def sample(self, n, beta):
        p = self.priorities / self.priorities.sum()
        slots = np.random.choice(self.size, n, p=p)  # <- PER003 PER006
        weights = (self.size * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()


memory = Memory(100)
memory.sample(4, 0.5)
"""
            },
        ),
        Example(
            "what the draw goes by is written anew at what was drawn, whatever it is called",
            {
                "play.py": """import numpy as np
import torch


class Memory:
    def __init__(self, size):
        self.rows, self.p, self.size, self.at = [None] * size, np.zeros(size), size, 0

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at % self.size] = (state, action, reward, next_state, done)
        self.p[self.at % self.size] = 1.0
        self.at += 1

    def sample(self, n, beta):
        p = self.p / self.p.sum()
        slots = np.random.choice(self.size, n, p=p)  # <- PER006
        weights = (self.size * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, torch.tensor(weights / weights.max())

    def update(self, slots, errors):
        self.p[slots] = errors + 1e-3


def play(env, net, opt, act):
    memory, state = Memory(100), env.reset()
    for step in range(10_000):
        action = act(state)
        next_state, reward, done, _ = env.step(action)
        memory.push(state, action, reward, next_state, done)
        state = env.reset() if done else next_state
        if step > 100:
            rows, slots, weights = memory.sample(32, min(1.0, 0.4 + step / 10_000))
            s, _, r, s2, d = map(torch.tensor, zip(*rows))
            errors = r + 0.99 * (1 - d) * net(s2).detach() - net(s)
            opt.zero_grad()
            (weights * errors**2).mean().backward()
            opt.step()
            memory.update(slots, errors.detach().abs().numpy())
"""
            },
        ),
        Example(
            "states alone are drawn beside whole transitions: one buffer",
            {
                "sweep.py": """import numpy as np
import torch


class Sums:
    def __init__(self, size):
        self.leaves, self.size = np.zeros(size), size

    def draw(self, n):
        sums = np.cumsum(self.leaves)
        return np.searchsorted(sums, np.random.uniform(0, sums[-1], n))


class Memory:
    def __init__(self, size):
        self.rows, self.sums, self.size, self.at = [None] * size, Sums(size), size, 0

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at % self.size] = (state, action, reward, next_state, done)
        self.sums.leaves[self.at % self.size] = 1.0
        self.at += 1

    def sample(self, n, beta):
        slots = self.sums.draw(n)  # <- PER006
        weights = (self.size * self.sums.leaves[slots] / self.sums.leaves.sum()) ** -beta
        return [self.rows[i] for i in slots], slots, torch.tensor(weights / weights.max())

    def states(self, n):
        slots = self.sums.draw(n)
        return [self.rows[i][0] for i in slots]

    def update(self, slots, errors):
        self.sums.leaves[slots] = errors + 1e-3


def play(env, net, opt, model):
    memory, state = Memory(100), env.reset()
    for step in range(10_000):
        action = net(state).argmax()
        next_state, reward, done, _ = env.step(action)
        memory.push(state, action, reward, next_state, done)
        state = env.reset() if done else next_state
        if step > 100:
            rows, slots, weights = memory.sample(32, min(1.0, 0.4 + step / 10_000))
            s, _, r, s2, d = map(torch.tensor, zip(*rows))
            errors = r + 0.99 * (1 - d) * net(s2).detach() - net(s)
            ahead = model(torch.tensor(memory.states(32)))
            opt.zero_grad()
            ((weights * errors**2).mean() + (net(ahead).mean() - 1) ** 2).backward()
            opt.step()
            memory.update(slots, errors.detach().abs().numpy())
"""
            },
        ),
    )
    good = (
        Example(
            "a uniform buffer",
            {"past.py": "import random\n\npast = []\npast.append((1, 2, 3))\nrandom.sample(past, 2)\n"},
        ),
        Example(
            "a weighted choice that is no replay",
            {"pick.py": "import numpy as np\n\n\ndef act(policy):\n    return np.random.choice(4, p=policy)\n"},
        ),
        Example(
            "ants that choose their ways by a wheel",
            {
                "ants.py": """import numpy as np


class Colony:
    def __init__(self, distances):
        self.ants, self.alpha, self.beta, self.distances = 50, 1, 5, distances
        self.scent, self.near = np.ones(distances.shape), 10.0 / distances
        self.ways = [[0] * len(distances) for _ in range(self.ants)]

    def spin(self, shares):
        rest = np.random.rand()
        for place, share in enumerate(shares):
            rest -= share
            if rest <= 0:
                break
        return place

    def walk(self):
        for ant in range(self.ants):
            open_ones, here, step = list(range(1, len(self.distances))), 0, 1
            while open_ones:
                pull = [self.scent[here][to] ** self.alpha * self.near[here][to] ** self.beta for to in open_ones]
                here = open_ones[self.spin([each / sum(pull) for each in pull])]
                self.ways[ant][step] = here
                open_ones.remove(here)
                step += 1

    def leave_scent(self):
        for way in self.ways:
            for here, there in zip(way, way[1:]):
                self.scent[here][there] += 1 / self.distances[here][there]


colony = Colony(np.random.rand(20, 20) + 0.1)
for _ in range(100):
    colony.walk()
    colony.leave_scent()
"""
            },
        ),
    )
