"""PER201 alpha-applied-twice."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from per_audit.facts import ir
from per_audit.findings import Finding, FixOffer, Severity
from per_audit.graph import PRIORITISED, ReplayGraph
from per_audit.graph.interpret.roles import name_of
from per_audit.graph.libraries.buffers import is_test
from per_audit.graph.liveness.frequency.again import is_called_again
from per_audit.graph.liveness.settings.switched import Switches
from per_audit.graph.prioritised.priorities import trail
from per_audit.graph.recognise.draws.branches import is_ruled_out
from per_audit.graph.symbolic import alternatives, strip
from per_audit.graph.symbolic.degree import STORED, Chain
from per_audit.graph.symbolic.term import const
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.findings import Evidence
    from per_audit.graph import ReplayBuffer
    from per_audit.graph.interpret.events import CallSite
    from per_audit.graph.prioritised.anatomy import Anatomy
    from per_audit.graph.prioritised.priorities.priorities import Priorities
    from per_audit.graph.prioritised.priorities.writes import PriorityWrite, Step
    from per_audit.graph.symbolic import Term

_SAME = "same"
_RAISED = "a priority is raised to alpha"
_REPLAY = """import numpy as np


class Replay:
    def __init__(self, capacity, alpha):
        self.items, self.mass, self.alpha = [None] * capacity, np.zeros(capacity), alpha
        self.count, self.top = 0, 1.0

    def append(self, state, action, reward, next_state, done):
        slot = self.count % len(self.items)
        self.items[slot] = (state, action, reward, next_state, done)
        self.mass[slot] = self.top
        self.count += 1

    def draw(self, size, beta):
        n = min(self.count, len(self.items))
        scaled = self.mass[:n] ** self.alpha
        p = scaled / scaled.sum()
        slots = np.random.choice(n, size, p=p)
        weights = (n * p[slots]) ** -beta
        return [self.items[i] for i in slots], slots, weights / weights.max()

    def correct(self, slots, errors):
        self.mass[slots] = (np.abs(errors) + 1e-5) ** self.alpha  # <- PER201
"""
_LEARN = """import numpy as np
from replay import Replay

replay = Replay(4_096, 0.6)


def learn(model, beta):
    rows, slots, weights = replay.draw(32, beta)
    states, actions, rewards, next_states, dones = (np.array(column) for column in zip(*rows))
    goals = rewards + 0.99 * (1 - dones) * model.predict(next_states).max(axis=1)
    errors = goals - model.predict(states)[np.arange(32), actions]
    model.fit(states, goals, sample_weight=weights)
    replay.correct(slots, errors)
"""


class AlphaAppliedTwice(Rule):
    """A priority is raised to alpha twice before it is drawn by, so that some transitions count with alpha squared.

    ## What it does

    Follows each value that is stored as a priority, from where it is made to the probabilities of the draw, and counts
    how often alpha is applied: at the store and again at the draw, to a maximum that was kept after the power and is
    raised again at insertion, or to stored priorities that are read, raised and written back.

    ## Why is this bad

    With alpha = 0.6 a priority that was raised twice counts with 0.36. Where all of them are, the replay is far more
    uniform than it was set to be. Where some are (new transitions, those that were drawn), they stand on another scale
    than the rest, and priorities that are raised at every draw creep towards 1.

    ## Known problems

    Exponents are compared as settings: two that are equal, or that both are called alpha. Two different exponents are
    not reported. The largest stored priority is mostly 1 where it is clipped at 1, and each power of 1 is 1: that it is
    raised again is an info.

    ## Example

    ```python
    priorities[indices] = (np.abs(td) + 1e-6) ** alpha
    p = priorities**alpha / (priorities**alpha).sum()
    ```

    ## Use instead

    ```python
    priorities[indices] = np.abs(td) + 1e-6
    p = priorities**alpha / (priorities**alpha).sum()
    ```

    ## Fix safety

    Which of the two powers goes decides on the scale of everything that is stored, so nothing is changed unasked. The
    unsafe repair takes away the one where the priority is made; stored priorities that are raised again are left.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, section 3.3, equation 1
    """

    code = "PER201"
    name = "alpha-applied-twice"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each value that is raised for the second time, with all places where that is done."""
        told: set[object] = set()
        for buffer in graph.buffers:
            if buffer.kind != PRIORITISED or graph.priorities(buffer).is_reference:
                continue
            anatomy = graph.anatomy(buffer)
            alike: dict[object, list[tuple[_Twice, _Place]]] = {}
            for write, chain, first in self._twice(anatomy):
                path, node = self._place(anatomy, write, chain)
                if (key := node if chain.start == STORED else chain.raised[-1].node) not in told:
                    told.add(key)
                    power: object = key if chain.start == STORED else chain.raised[-1]
                    alike.setdefault(power, []).append(((write, chain, first), (path, node)))
            for found in alike.values():
                (what, place), *others = sorted(found, key=lambda each: not _is_run_again(graph, *each[1]))
                yield self._finding(graph, buffer, anatomy, what, place, [other for _, other in others])

    def _twice(self, anatomy: Anatomy) -> Iterator[tuple[PriorityWrite, Chain, tuple[Term, ...]]]:
        """Each write that is raised twice: its chain, and the power that it meets besides its own."""
        drawn = trail.drawn_powers(anatomy)
        each = [(write, chain) for write in anatomy.writes for chain in trail.chains_of(anatomy, write.value)]
        stored = [chain for _, chain in each if chain.start != STORED and chain.exponents]
        for write, chain in each:
            if not chain.exponents or trail.reads_another_tree(anatomy, write, chain):
                continue
            if chain.start == STORED:
                others = [other for other, made in each if made.start != STORED]
                if self._is_never_read(anatomy, write) or self._is_overwritten(anatomy, write, others):
                    continue
                before = next((c for c in stored if chain.repeated(c.exponents)), None)
                if before is not None:
                    yield write, chain, before.raised
            elif chain.repeated():
                yield write, chain, chain.raised[:-1]
            elif chain.repeated(drawn.exponents):
                yield write, chain, drawn.raised

    def _is_never_read(self, anatomy: Anatomy, write: PriorityWrite) -> bool:
        """Whether what all calls give rules out that the value is a stored one: a default that nobody asks for."""
        read = _read(anatomy, write)
        return bool(read) and all(
            is_ruled_out(anatomy.graph, path, node, anatomy.symbols.function_of(path, node)) for path, node in read
        )

    def _is_overwritten(self, anatomy: Anatomy, write: PriorityWrite, others: list[PriorityWrite]) -> bool:
        """Whether the draw itself makes the write, and whoever draws writes there anew before the next draw."""
        graph, buffer = anatomy.graph, anatomy.buffer
        about = graph.priorities(buffer)
        made_in = anatomy.symbols.function_of(write.outermost.path, write.outermost.node)
        if made_in is not buffer.function or not buffer.samples:
            return False
        updates = [
            other.outermost
            for other in others
            if other.store is write.store
            and isinstance(other.outermost.node, ir.Call)
            and any(about.is_drawn(arg.value) for arg in other.outermost.node.args)
        ]
        return all(any(_follows(graph, update, site) for update in updates) for site in _asked(graph, about))

    def _place(self, anatomy: Anatomy, write: PriorityWrite, chain: Chain) -> tuple[str, ir.Node]:
        """The power; where a stored priority is handed to the one who raises it, the call of the one who has read it.

        The outermost call where no function on the way has.
        """
        power = chain.raised[-1]
        if (
            power.node is not None
            and power.path
            and (chain.start != STORED or self._reads_itself(anatomy, write, power))
        ):
            return power.path, power.node
        reading = {anatomy.symbols.function_of(path, node) for path, node in _read(anatomy, write)}
        steps = (step for step in write.steps if anatomy.symbols.function_of(step.path, step.node) in reading)
        handing = next(steps, write.outermost)
        return handing.path, handing.node

    def _reads_itself(self, anatomy: Anatomy, write: PriorityWrite, power: Term) -> bool:
        """Whether the function that raises a stored priority has read it itself, or called who has."""
        raising = anatomy.symbols.function_of(power.path, power.node) if power.node is not None else None
        if raising is None:
            return False
        near = {raising, *anatomy.graph.reachable(raising)}
        return any(anatomy.symbols.function_of(path, node) in near for path, node in _read(anatomy, write))

    def _finding(
        self,
        graph: ReplayGraph,
        buffer: ReplayBuffer,
        anatomy: Anatomy,
        what: _Twice,
        where: _Place,
        others: list[_Place],
    ) -> Finding:
        write, chain, first = what
        name = graph.name_of(buffer)
        links: list[Evidence] = [
            graph.evidence(term.path, term.node, "alpha", "raised to alpha here as well")
            for term in (*first, *chain.raised)
            if term.node is not None and term.path
        ]
        links += [graph.evidence(*place, _SAME, "the same is raised once more here") for place in others]
        if chain.start == STORED:
            links += [
                graph.evidence(*place, "read", "a stored priority is read here") for place in _read(anatomy, write)
            ]
        how = "a stored priority is raised to alpha and stored again" if chain.start == STORED else _RAISED
        of_one = chain.start == STORED and _is_largest_up_to_one(anatomy, chain.raised[-1])
        effect = (
            "clipped at 1, the largest one stays as it is where it is 1, and counts with alpha squared below that"
            if of_one
            else "a power of it is negative, so that the largest is drawn the least"
            if _is_inverted(chain)
            else "it counts with alpha squared"
        )
        default = _asked_by_nobody(graph, chain, first) if chain.start != STORED else None
        where_left = f", where nobody gives `{default}`; what the program calls does" if default else ""
        if (test := _left_out(anatomy, chain)) is not None:
            default, where_left = test, f"; not so as it stands, where `{test}` always comes out the same"
        finding = self.finding(
            graph,
            *where,
            f"{how} although {name} applies alpha elsewhere: {effect}{where_left}",
            evidence=trail.unique(links if default else [*links, *trail.evidence(anatomy, write)]),
            fix=FixOffer(title="apply alpha once, at the store or at the draw"),
            pipeline=name,
            form="stored-again" if chain.start == STORED else "twice",
        )
        return replace(finding, severity=Severity.INFO) if of_one or default else finding

    def witness(self) -> str:
        """Alpha applied at the store and at the draw makes the draw that of alpha squared."""
        import numpy as np

        errors, alpha = np.array([1.0, 100.0]), 0.6
        stored = errors**alpha
        once, twice = stored / stored.sum(), stored**alpha / (stored**alpha).sum()
        assert np.allclose(twice, errors ** (alpha * alpha) / (errors ** (alpha * alpha)).sum())
        assert once[1] > 0.94
        assert twice[1] < 0.85
        return f"an error 100 times as large is drawn with {once[1]:.2f}, with alpha applied twice {twice[1]:.2f}"

    bad: ClassVar[tuple[Example, ...]] = (
        Example(
            "at the store and at the draw, two files",
            {
                "replay.py": _REPLAY,
                "learn.py": _LEARN,
            },
        ),
        Example(
            "the filled part is cut off after the power",
            {
                "replay.py": _REPLAY.replace("self.mass[:n] ** self.alpha", "(self.mass**self.alpha)[:n]"),
                "learn.py": _LEARN,
            },
        ),
        Example(
            "a maximum that is kept after the power",
            {
                "memory.py": """import numpy as np
import torch


class Tree:
    def __init__(self, leaves):
        self.leaves, self.sums = leaves, np.zeros(2 * leaves)

    def put(self, leaf, value):
        at = leaf + self.leaves
        self.sums[at] = value
        at //= 2
        while at:
            self.sums[at] = self.sums[2 * at] + self.sums[2 * at + 1]
            at //= 2

    def find(self, mass):
        at = 1
        while at < self.leaves:
            at *= 2
            if mass >= self.sums[at] and self.sums[at + 1] > 0:
                mass -= self.sums[at]
                at += 1
        return at - self.leaves


class Memory:
    ALPHA = 0.7

    def __init__(self, size):
        self.tree, self.size, self.rows, self.at, self.highest = Tree(size), size, [None] * size, 0, 1.0

    def remember(self, state, action, reward, next_state, done):
        self.rows[self.at % self.size] = (state, action, reward, next_state, done)
        self.tree.put(self.at % self.size, self.highest**self.ALPHA)  # <- PER201
        self.at += 1

    def batch(self, count, beta):
        masses = np.random.rand(count) * self.tree.sums[1]
        leaves = np.array([self.tree.find(mass) for mass in masses])
        p = self.tree.sums[leaves + self.size] / self.tree.sums[1]
        weights = (min(self.at, self.size) * p) ** -beta
        return [self.rows[i] for i in leaves], leaves, torch.tensor(weights / weights.max())

    def refresh(self, leaves, errors):
        for leaf, error in zip(leaves, errors):
            priority = (abs(error) + 0.01) ** self.ALPHA
            self.highest = max(self.highest, priority)
            self.tree.put(leaf, priority)
""",
            },
        ),
        Example(
            "the maximum of what is stored, raised again",
            {
                "agent.py": """import numpy as np


class Agent:
    def __init__(self, width, capacity=512, alpha=0.5001):
        self.theta, self.alpha, self.seen = np.zeros(width), alpha, 0
        self.rows, self.p = [None] * capacity, np.zeros(capacity)

    def observe(self, state, action, reward, next_state, done):
        slot = self.seen % len(self.rows)
        self.rows[slot] = (state, action, reward, next_state, done)
        self.p[slot] = (self.p.max() + 0.01) ** self.alpha  # <- PER201
        self.seen += 1

    def improve(self, beta, rate=0.01):
        n = min(self.seen, len(self.rows))
        share = self.p[:n] / self.p[:n].sum()
        for slot in np.random.choice(n, 8, p=share):
            state, action, reward, next_state, done = self.rows[slot]
            error = reward + 0.9 * (1 - done) * (self.theta @ next_state) - self.theta @ state
            self.theta += rate * (n * share[slot]) ** -beta * error * state
            self.p[slot] = (abs(error) + 0.01) ** self.alpha
"""
            },
        ),
        Example(
            "raised by the training and by the buffer, PyTorch",
            {
                "store.py": """import numpy as np


class Store:
    def __init__(self, length, alpha=0.6):
        self.rows, self.weight, self.alpha, self.n = [None] * length, np.zeros(length), alpha, 0

    def add(self, state, action, reward, next_state, done):
        self.rows[self.n % len(self.rows)] = (state, action, reward, next_state, done)
        self.weight[self.n % len(self.rows)] = 1.0
        self.n += 1

    def get(self, size, beta):
        filled = min(self.n, len(self.rows))
        p = self.weight[:filled] / self.weight[:filled].sum()
        picked = np.random.choice(filled, size, p=p)
        scale = (filled * p[picked]) ** -beta
        return [self.rows[i] for i in picked], picked, scale / scale.max()

    def rate(self, picked, values):
        self.weight[picked] = values**self.alpha  # <- PER201
""",
                "update.py": """import torch
from store import Store

ALPHA = 0.6
store = Store(1_000)


def update(net, target, optimizer, beta):
    rows, picked, scale = store.get(64, beta)
    state, action, reward, next_state, done = (torch.tensor(column) for column in zip(*rows))
    q = net(state).gather(1, action[:, None]).squeeze(1)
    with torch.no_grad():
        goal = reward + 0.99 * (1 - done) * target(next_state).max(1).values
    delta = goal - q
    (torch.tensor(scale) * delta**2).mean().backward()
    optimizer.step()
    store.rate(picked, (delta.abs().detach().numpy() + 1e-6) ** ALPHA)
""",
            },
        ),
        Example(
            "raised where the loss is made and where it is drawn, JAX",
            {
                "train.py": """import jax
import jax.numpy as jnp
import numpy as np


class Rows:
    def __init__(self, capacity):
        self.rows, self.priority, self.count = [None] * capacity, np.ones(capacity), 0
        self.alpha = 0.4

    def put(self, state, action, reward, next_state, done):
        self.rows[self.count % len(self.rows)] = (state, action, reward, next_state, done)
        self.priority[self.count % len(self.rows)] = 1.0
        self.count += 1

    def take(self, n, beta):
        filled = min(self.count, len(self.rows))
        p = np.power(self.priority[:filled], self.alpha)
        p = p / np.sum(p)
        at = np.random.choice(filled, n, p=p)
        return [self.rows[i] for i in at], at, (filled * p[at]) ** -beta


def train(apply, params, memory: Rows, beta):
    rows, at, weights = memory.take(16, beta)
    state, action, reward, next_state, done = (jnp.array(column) for column in zip(*rows))
    goal = reward + 0.99 * (1 - done) * apply(params, next_state).max(axis=1)

    def loss(params):
        error = goal - jnp.take_along_axis(apply(params, state), action[:, None], axis=1)[:, 0]
        return jnp.mean(weights * error**2), error

    gradients, error = jax.grad(loss, has_aux=True)(params)
    memory.priority[at] = np.power(np.abs(np.asarray(error)) + 1e-3, memory.alpha)  # <- PER201
    return jax.tree_util.tree_map(lambda p, g: p - 1e-3 * g, params, gradients)


def main(apply, params):
    memory = Rows(100)
    return train(apply, params, memory, 0.4)
"""
            },
        ),
        Example(
            "priorities that were drawn are written back through the update",
            {
                "per.py": """import numpy as np


class Queue:
    def __init__(self, capacity, alpha=0.6):
        self.rows, self.p, self.alpha, self.n = [None] * capacity, np.zeros(capacity), alpha, 0

    def push(self, state, action, reward, next_state, done):
        self.rows[self.n % len(self.rows)] = (state, action, reward, next_state, done)
        self.set(self.n % len(self.rows), 1.0)
        self.n += 1

    def set(self, slot, priority):
        self.p[slot] = priority**self.alpha

    def sample(self, size, beta):
        n = min(self.n, len(self.rows))
        share = self.p[:n] / self.p[:n].sum()
        slots = np.random.choice(n, size, p=share)
        for slot in slots:
            self.set(slot, self.p[slot])  # <- PER201
        weights = (n * share[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def learnt(self, slots, errors):
        for slot, error in zip(slots, errors):
            self.set(slot, abs(error) + 1e-4)
"""
            },
        ),
        Example(
            "the mean of what is stored, wherever a row is put from",
            {
                "memory.py": """import numpy as np
import torch


class Tree:
    def __init__(self, leaves):
        self.leaves, self.sums = leaves, np.zeros(2 * leaves)

    def put(self, leaf, value):
        at = leaf + self.leaves
        self.sums[at] = value
        at //= 2
        while at:
            self.sums[at] = self.sums[2 * at] + self.sums[2 * at + 1]
            at //= 2

    def find(self, mass):
        at = 1
        while at < self.leaves:
            at *= 2
            if mass >= self.sums[at] and self.sums[at + 1] > 0:
                mass -= self.sums[at]
                at += 1
        return at - self.leaves


class Memory:
    ALPHA = 0.7

    def __init__(self, size):
        self.tree, self.size, self.rows, self.at = Tree(size), size, [None] * size, 0

    def remember(self, state, action, reward, next_state, done):
        self.rows[self.at % self.size] = (state, action, reward, next_state, done)
        mean = self.tree.sums[1] / self.at if self.at else 1.0
        self.tree.put(self.at % self.size, mean**self.ALPHA)  # <- PER201
        self.at += 1

    def remember_all(self, rows):
        if len(rows) == 1:
            self.remember(*rows[0])
            return
        for row in rows:
            self.remember(*row)

    def batch(self, count, beta):
        masses = np.random.rand(count) * self.tree.sums[1]
        leaves = np.array([self.tree.find(mass) for mass in masses])
        p = self.tree.sums[leaves + self.size] / self.tree.sums[1]
        weights = (min(self.at, self.size) * p) ** -beta
        return [self.rows[i] for i in leaves], leaves, torch.tensor(weights / weights.max())

    def refresh(self, leaves, errors):
        for leaf, error in zip(leaves, errors):
            priority = (abs(error) + 0.01) ** self.ALPHA
            self.tree.put(leaf, priority)
""",
            },
        ),
        Example(
            "one of two buffers with trees of one class",
            {
                "tree.py": """import numpy as np


class Tree:
    def __init__(self, size):
        self.size, self.sums, self.rows, self.at, self.highest = size, np.zeros(2 * size), [None] * size, 0, 1.0

    def put(self, slot, p):
        self.highest = max(self.highest, p)
        change = p - self.sums[slot + self.size]
        slot += self.size
        while slot:
            self.sums[slot] += change
            slot //= 2

    def add(self, p, row):
        self.rows[self.at] = row
        self.put(self.at, p)
        self.at = (self.at + 1) % self.size

    def find(self, mass):
        node = 1
        while node < self.size:
            node *= 2
            if mass >= self.sums[node]:
                mass -= self.sums[node]
                node += 1
        return node - self.size
""",
                "steps.py": """import random
import numpy as np
from tree import Tree


class Steps:
    def __init__(self, size):
        self.tree = Tree(size)

    def add(self, state, action, reward, next_state, terminated):
        self.tree.add(self.tree.highest, (state, action, reward, next_state, terminated))

    def sample(self, n, beta):
        slots = [self.tree.find(random.random() * self.tree.sums[1]) for _ in range(n)]
        p = np.array([self.tree.sums[slot + self.tree.size] for slot in slots]) / self.tree.sums[1]
        w = (self.tree.size * p) ** -beta
        return slots, [self.tree.rows[slot] for slot in slots], w / w.max()

    def rate(self, slots, errors):
        for slot, error in zip(slots, errors):
            self.tree.put(slot, (abs(error) + 1e-5) ** 0.6)
""",
                "episodes.py": """import random
import numpy as np
from tree import Tree


class Episodes:
    def __init__(self, size):
        self.tree = Tree(size)

    def add(self, state, action, reward, next_state, terminated):
        self.tree.add(self.tree.highest**0.6, (state, action, reward, next_state, terminated))  # <- PER201

    def sample(self, n, beta):
        slots = [self.tree.find(random.random() * self.tree.sums[1]) for _ in range(n)]
        p = np.array([self.tree.sums[slot + self.tree.size] for slot in slots]) / self.tree.sums[1]
        w = (self.tree.size * p) ** -beta
        return slots, [self.tree.rows[slot] for slot in slots], w / w.max()

    def rate(self, slots, errors):
        for slot, error in zip(slots, errors):
            self.tree.put(slot, (abs(error) + 1e-5) ** 0.6)
""",
                "train.py": """import torch
from episodes import Episodes
from steps import Steps


def learn(net, optimizer, memory, beta):
    slots, rows, w = memory.sample(32, beta)
    errors = net.errors(rows)
    (torch.as_tensor(w) * errors**2).mean().backward()
    optimizer.step()
    memory.rate(slots, errors.detach().numpy())


def main(env, net, optimizer, steps, whole):
    memory = Episodes(1024) if whole else Steps(1024)
    state, _ = env.reset()
    for step in range(steps):
        action = net.act(state)
        next_state, reward, terminated, truncated, _ = env.step(action)
        memory.add(state, action, reward, next_state, terminated)
        state = env.reset()[0] if terminated or truncated else next_state
        learn(net, optimizer, memory, 0.4 + 0.6 * step / steps)
""",
            },
        ),
        Example(
            "the largest key of a heap beside the priorities",
            {
                "heap.py": """import numpy as np


class Entry:
    def __init__(self, slot):
        self.slot, self.key, self.row = slot, 0.0, None


class Heap:
    def __init__(self, size, alpha=0.6):
        self.entries, self.places = np.array([Entry(slot) for slot in range(size)]), list(range(size))
        self.mass, self.size, self.alpha, self.count = np.zeros(size), size, alpha, 0

    def largest(self):
        return self.entries[0].key

    def add(self, error, state, action, reward, next_state, done):
        slot = self.count % self.size
        self.entries[self.places[slot]].row = (state, action, reward, next_state, done)
        self.put(slot, error)
        self.count += 1

    def put(self, slot, error):
        priority = (abs(error) + 1e-6) ** self.alpha
        self.mass[slot] = priority
        self.entries[self.places[slot]].key = priority
        self.rise(self.places[slot])

    def rate(self, slots, errors):
        for slot, error in zip(slots, errors):
            self.put(slot, error)

    def rise(self, at):
        while at and self.entries[at].key > self.entries[(at - 1) // 2].key:
            above = (at - 1) // 2
            self.entries[at], self.entries[above] = self.entries[above], self.entries[at]
            self.places[self.entries[at].slot], self.places[self.entries[above].slot] = at, above
            at = above

    def sample(self, n, beta):
        p = self.mass / self.mass.sum()
        slots = np.random.choice(self.size, n, p=p)
        weights = (min(self.count, self.size) * p[slots]) ** -beta
        rows = [self.entries[self.places[slot]].row for slot in slots]
        return [np.stack(column) for column in zip(*rows)], slots, weights / weights.max()
""",
                "train.py": """import torch
from heap import Heap


def train(env, net, target_net, optimizer, steps):
    memory = Heap(5_000)
    state = env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(net.act(state))
        memory.add(memory.largest() or 1.0, state, net.last, reward, next_state, done)  # <- PER201
        state = env.reset() if done else next_state
        columns, slots, weights = memory.sample(32, min(1.0, 0.4 + 0.6 * step / steps))
        states, actions, rewards, next_states, dones = (torch.as_tensor(column) for column in columns)
        q = net(states).gather(1, actions[:, None])[:, 0]
        with torch.no_grad():
            goal = rewards + 0.99 * (1 - dones) * target_net(next_states).max(1).values
        (torch.as_tensor(weights) * (q - goal) ** 2).mean().backward()
        optimizer.step()
        memory.rate(slots, (q - goal).detach().numpy())
""",
            },
        ),
    )
    good = (
        Example(
            "the largest key of a heap, with alpha taken back",
            {
                "heap.py": bad[-1]
                .plain["heap.py"]
                .replace(".key\n\n    def add", ".key ** (1 / self.alpha)\n\n    def add"),
                "train.py": bad[-1].plain["train.py"],
            },
        ),
        Example(
            "the largest key of a heap of raw errors",
            {
                "heap.py": bad[-1].plain["heap.py"].replace(".key = priority\n", ".key = abs(error)\n"),
                "train.py": bad[-1].plain["train.py"],
            },
        ),
        Example(
            "at the draw only, cut off after the power",
            {
                "replay.py": bad[1].plain["replay.py"].replace("1e-5) ** self.alpha", "1e-5)"),
                "learn.py": _LEARN,
            },
        ),
        Example(
            "two trees of one class in one object: the errors as they are, and what is drawn by",
            {
                "tree.py": bad[-2].plain["tree.py"],
                "steps.py": bad[-2]
                .plain["steps.py"]
                .replace("self.tree = Tree(size)", "self.plain, self.tree = Tree(size), Tree(size)")
                .replace(
                    "        self.tree.add(self.tree.highest, (",
                    "        top = max(self.plain.highest, 1.0)\n"
                    "        self.plain.put(self.tree.at, top)\n"
                    "        self.tree.add(top**0.6, (",
                )
                .replace(
                    "            self.tree.put(",
                    "            self.plain.put(slot, abs(error) + 1e-5)\n            self.tree.put(",
                ),
                "train.py": bad[-2]
                .plain["train.py"]
                .replace("from episodes import Episodes\n", "")
                .replace("Episodes(1024) if whole else Steps(1024)", "Steps(1024)"),
            },
        ),
        Example(
            "a stored maximum that stands in where no priority is given, and one always is",
            {
                "replay.py": bad[0]
                .plain["replay.py"]
                .replace("next_state, done):", "next_state, done, mass=None):")
                .replace("self.mass[slot] = self.top", "self.mass[slot] = (mass + 1e-5) ** self.alpha")
                .replace(
                    "        slot = self.count",
                    "        if mass is None:\n            mass = self.mass.max()\n        slot = self.count",
                )
                .replace("self.mass[:n] ** self.alpha", "self.mass[:n]"),
                "learn.py": bad[0].plain["learn.py"]
                + "\n\ndef keep(state, action, reward, next_state, done):\n"
                + "    replay.append(state, action, reward, next_state, done, abs(reward))\n",
            },
        ),
        Example(
            "at the draw only, two files",
            {
                "replay.py": bad[0].plain["replay.py"].replace("1e-5) ** self.alpha", "1e-5)"),
                "learn.py": bad[0].plain["learn.py"],
            },
        ),
        Example(
            "at the store only",
            {
                "replay.py": bad[0].plain["replay.py"].replace("self.mass[:n] ** self.alpha", "self.mass[:n]"),
                "learn.py": bad[0].plain["learn.py"],
            },
        ),
        Example(
            "a maximum that is kept before the power",
            {
                "memory.py": bad[2]
                .plain["memory.py"]
                .replace(") ** self.ALPHA\n", ")\n")
                .replace("put(leaf, priority)", "put(leaf, priority**self.ALPHA)")
            },
        ),
        Example(
            "the maximum of what is stored, as it is",
            {
                "agent.py": bad[3]
                .plain["agent.py"]
                .replace("(self.p.max() + 0.01) ** self.alpha", "self.p.max() or 1.0")
            },
        ),
        Example(
            "the discount of n steps is no second power",
            {
                "store.py": bad[4].plain["store.py"],
                "update.py": bad[4]
                .plain["update.py"]
                .replace("0.99 * (1", "0.99**STEPS * (1")
                .replace("ALPHA = 0.6", "STEPS = 3")
                .replace("+ 1e-6) ** ALPHA", "+ 1e-6)"),
            },
        ),
        Example(
            "priorities that were drawn are written back, and whoever draws writes new ones over them",
            {
                "per.py": bad[6].plain["per.py"].replace("  # <- PER201", ""),
                "train.py": """from per import Queue


def train(env, net, optimizer):
    queue, state = Queue(1_000), env.reset()
    for step in range(10_000):
        next_state, reward, done, _ = env.step(net.act(state))
        queue.push(state, 0, reward, next_state, done)
        state = next_state
        rows, slots, weights = queue.sample(32, min(1.0, 0.4 + step / 10_000))
        errors = net.errors(rows)
        (weights * errors**2).mean().backward()
        optimizer.step()
        queue.learnt(slots, errors.detach().numpy())
""",
            },
        ),
        Example(
            "the power is undone before it is applied again",
            {
                "per.py": bad[6]
                .plain["per.py"]
                .replace("self.set(slot, self.p[slot])", "self.set(slot, self.p[slot] ** (1 / self.alpha))")
            },
        ),
        Example(
            "priorities that were drawn are written back, for another method, and new ones under a setting",
            {
                "per.py": bad[6].plain["per.py"].replace("  # <- PER201", "")
                + """
    def batch(self, size, share):
        rows, slots, weights = self.sample(size, min(1.0, 0.4 + share))
        return rows, slots, weights
""",
                "train.py": """from per import Queue


class Learner:
    def __init__(self, net, optimizer, prioritised=True):
        self.net, self.optimizer, self.queue, self.prioritised = net, optimizer, Queue(1_000), prioritised

    def learn(self, share):
        rows, slots, weights = self.queue.batch(32, share)
        errors = self.net.errors(rows)
        if self.prioritised:
            for slot, error in zip(slots, errors.detach().numpy()):
                self.queue.learnt([slot], [error])
            errors = weights**0.5 * errors
        (errors**2).mean().backward()
        self.optimizer.step()


def train(env, net, optimizer):
    learner, state = Learner(net, optimizer), env.reset()
    for step in range(10_000):
        next_state, reward, done, _ = env.step(net.act(state))
        learner.queue.push(state, 0, reward, next_state, done)
        state = next_state
        learner.learn(step / 10_000)
""",
            },
        ),
        Example(
            "a copy whose maximum is that of the errors as they are, be it compared with what is stored",
            {
                "replay.py": bad[0]
                .plain["replay.py"]
                .replace("self.mass[slot] = self.top", "self.mass[slot] = self.top**self.alpha")
                .replace("self.mass[:n] ** self.alpha", "self.mass[:n]")
                + """        self.top = max(self.top, np.abs(errors).max() + 1e-5)

    def copy(self):
        new = Replay(len(self.items), self.alpha)
        new.items, new.count = self.items, self.count
        for i in range(self.count):
            new.mass[i] = self.mass[i]
            new.top = max(self.top, new.mass[i])
        return new
""",
                "learn.py": bad[0].plain["learn.py"],
            },
        ),
        Example(
            "a maximum that is kept after the power and never rises, as no error is above its start",
            {
                "memory.py": bad[2]
                .plain["memory.py"]
                .replace("(abs(error) + 0.01) **", "min(abs(error) + 0.01, 1.0) **")
            },
        ),
    )
    bad = (
        *bad,
        Example(
            "a maximum that is kept after the power, of errors that are clipped above its start",
            {
                "memory.py": bad[2]
                .plain["memory.py"]
                .replace("(abs(error) + 0.01) **", "min(abs(error) + 0.01, 2.0) **")
                .replace("highest**self.ALPHA)", "highest**self.ALPHA)  # <- PER201")
            },
        ),
        Example(
            "a maximum that is kept after the power, asked for where the tree counts what it holds",
            {
                "memory.py": bad[2]
                .plain["memory.py"]
                .replace("self.highest**", "(self.highest if self.tree.count > 0 else 1.0)**")
                .replace("self.leaves, self.sums =", "self.count = 0\n        self.leaves, self.sums =")
                .replace(
                    "        at = leaf + self.leaves\n", "        self.count += 1\n        at = leaf + self.leaves\n"
                )
                .replace("1.0)**self.ALPHA)", "1.0) ** self.ALPHA)  # <- PER201")
            },
        ),
        Example(
            "a maximum that is kept after the power, raised for two trees, by what is run once as well: one cause",
            {
                "memory.py": bad[2]
                .plain["memory.py"]
                .replace("self.tree, self", "self.tree, self.least, self")
                .replace("Tree(size), size", "Tree(size), Tree(size), size")
                .replace("highest**self.ALPHA)", "highest**self.ALPHA)  # <- PER201")
                .replace(
                    "        self.at += 1\n",
                    "        self.least.put(self.at % self.size, self.highest**self.ALPHA)\n        self.at += 1\n",
                )
                + """            self.least.put(leaf, priority)

    def load(self, rows):
        for row in rows:
            self.rows[self.at] = row
            self.tree.put(self.at, self.highest**self.ALPHA)
            self.at += 1
""",
                "train.py": """from memory import Memory


def train(env, net, optimizer, rows):
    memory, state = Memory(512), env.reset()
    memory.load(rows)
    for step in range(10_000):
        next_state, reward, done, _ = env.step(net.act(state))
        memory.remember(state, 0, reward, next_state, done)
        state = next_state
        drawn, leaves, weights = memory.batch(32, min(1.0, 0.4 + step / 10_000))
        errors = net.errors(drawn)
        (weights * errors**2).mean().backward()
        optimizer.step()
        memory.refresh(leaves, errors.detach().numpy())
""",
            },
        ),
        Example(
            "a maximum that is kept after the power of what the training hands over, of one transition at a time",
            {
                "memory.py": bad[2]
                .plain["memory.py"]
                .replace("highest**self.ALPHA)", "highest**self.ALPHA)  # <- PER201")
                .replace("refresh(self, leaves, errors):", "refresh(self, leaf, error):")
                .replace("        for leaf, error in zip(leaves, errors):\n", "")
                .replace("    priority = (abs(error) + 0.01)", "priority = error")
                .replace(
                    "            self.highest = max(self.highest, priority)",
                    "        self.highest = max(self.highest, priority)",
                )
                .replace("            self.tree.put(leaf, priority)", "        self.tree.put(leaf, priority)"),
                "train.py": """from memory import Memory


def train(env, net, optimizer):
    memory, state = Memory(512), env.reset()
    while True:
        next_state, reward, done, _ = env.step(net.act(state))
        memory.remember(state, net.last, reward, next_state, done)
        state = env.reset() if done else next_state
        rows, leaves, weights = memory.batch(32, 0.4)
        errors = net.errors(rows)
        (weights * errors**2).mean().backward()
        optimizer.step()
        for leaf, error in zip(leaves, errors):
            memory.refresh(leaf, error.abs().item() + 0.01)
""",
            },
        ),
    )


_Twice = tuple["PriorityWrite", "Chain", "tuple[Term, ...]"]
_Place = tuple[str, ir.Node]


def _is_run_again(graph: ReplayGraph, path: str, node: ir.Node) -> bool:
    """Whether a place is in a function that is called again and again: what is run once may be before any update."""
    return is_called_again(graph, graph.symbols.function_of(path, node))


def _is_inverted(chain: Chain) -> bool:
    """Whether the powers turn the order around: `p**-alpha`, where the root `p**(1 / alpha)` was meant."""
    return sum(strip(power.args[1]).op == "neg" for power in chain.raised) % 2 == 1


def _read(anatomy: Anatomy, write: PriorityWrite) -> list[tuple[str, ir.Node]]:
    """Where stored priorities are read that a written one is made of."""
    parts = (term for term in write.value.walk() if term in anatomy.containers)
    return [(term.path, term.node) for term in parts if term.node is not None and term.path]


def _asked_by_nobody(graph: ReplayGraph, chain: Chain, first: tuple[Term, ...]) -> str | None:
    """The parameter that takes a power's place with what was raised before, where it is None: the program gives one.

    What only tries a memory out, and leaves it out, learns nothing from the draws.
    """
    power = chain.raised[-1]
    function = graph.symbols.function_of(power.path, power.node) if power.node is not None else None
    if not isinstance(function, ir.Function) or not first:
        return None
    sites = [site for site in graph.callers.get(function, ()) if not is_test(site.path)]
    sites = [site for site in sites if graph.demos.around(site.path, site.node) is None]
    given = [graph.symbols.arguments(site.node, function, site.path) for site in sites]
    before = {each.node for each in first}
    for name in _replaced(function) if sites else ():
        passed = [arguments.get(name) for arguments in given]
        if all(term is not None and not _may_be(term, before) for term in passed):
            return name
    return None


def _left_out(anatomy: Anatomy, chain: Chain) -> str | None:
    """The test of a conditional that gives what is raised again, where the program as it stands takes the other side.

    What nothing in a program changes is a setting, or was forgotten to be kept up: whoever mends that comes to it.
    """
    chosen, graph = strip(chain.raised[-1].args[0]), anatomy.graph
    node = chosen.node
    if chosen.op != "phi" or not isinstance(node, ir.IfExp) or not chosen.path:
        return None
    outcome = Switches(graph).outcome(chosen.path, node.test)
    if outcome is None or trail.chains_of(
        anatomy, graph.symbols.term(chosen.path, node.body if outcome else node.orelse)
    ):
        return None
    return graph.source(chosen.path, node.test)


def _may_be(given: Term, before: set[ir.Node | None]) -> bool:
    """Whether what a call gives is nothing, or was raised before."""
    options = alternatives(given)
    is_nothing = any(option.op == "const" and option.data is None for option in options)
    return is_nothing or any(part.node in before for part in given.walk())


def _replaced(function: ir.Function) -> Iterator[str]:
    """The parameters that another value takes the place of where they are None."""
    names = {p.name for p in function.parameters if isinstance(p.default, ir.Const) and p.default.value is None}
    for node in ir.walk(*function.body):
        test = node.test if isinstance(node, ir.If) else None
        if isinstance(node, ir.If) and isinstance(test, ir.Cmp) and test.ops == ["is"] and _is_none(test.rights[0]):
            assigned = {name_of(target) for each in node.body if isinstance(each, ir.Assign) for target in each.targets}
            if isinstance(test.left, ir.Name) and test.left.id in names & assigned:
                yield test.left.id


def _is_none(node: ir.Expr) -> bool:
    return isinstance(node, ir.Const) and node.value is None


def _is_largest_up_to_one(anatomy: Anatomy, power: Term) -> bool:
    """Whether a power is of the largest stored priority, none above 1, and of no other that is stored."""
    base = strip(power.args[0])
    bounds = base.args[2:] if base.op == "clip" else base.args if base.op == "minimum" else ()

    def reads(term: Term) -> bool:
        return any(part in anatomy.containers for part in term.walk())

    def without_largest(term: Term) -> Term | None:
        return const(1.0) if term.op == "max" and term.data is None and reads(term) else None

    rest = base.mapped(without_largest)
    return any(_is_one(anatomy, bound) for bound in bounds) and rest != base and not reads(rest)


def _is_one(anatomy: Anatomy, bound: Term) -> bool:
    """Whether a bound is 1, be it told by a setting."""
    bound = strip(bound)
    options = anatomy.symbols.options(bound) if bound.op in ("field", "param") else [bound]
    return bool(options) and all(strip(option).number == 1 for option in options)


def _follows(graph: ReplayGraph, update: Step, site: CallSite) -> bool:
    """Whether an update comes after a draw in the same pass of the loop around it, be it under a setting."""
    if update.path != site.path or update.node.start < site.node.start:
        return False
    loops = (ir.For, ir.While, ir.Function)
    inside = next((node for node in graph.ancestors(site.path, site.node) if isinstance(node, loops)), None)
    return inside is None or inside in graph.ancestors(update.path, update.node)


def _asked(graph: ReplayGraph, about: Priorities) -> list[CallSite]:
    """The calls that draw, of a method of the memory that does so for others the calls of that method."""
    found: list[CallSite] = []
    for site in about.buffer.samples:
        outer = graph.callers.get(site.function, ()) if site.function in about.functions else ()
        found += outer or [site]
    return found
