"""PER109 mixture-weights-wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.findings import Finding, FixOffer, Severity
from per_audit.graph.prioritised.draws.mixtures import mixture, weighted_apart
from per_audit.graph.symbolic.normal import PRIORITY
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.facts import ir
    from per_audit.graph import ReplayGraph
    from per_audit.graph.prioritised.draws.mixtures import Mixture
    from per_audit.graph.prioritised.weights.weights import Weight, Weights

_TRAIN = """import torch
from memory import Memory


def train(env, net, optimizer, steps):
    memory = Memory(10_000)
    state = env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(net.act(state))
        memory.push(state, 0, reward, next_state, done)
        state = env.reset() if done else next_state
        batch, slots, weights = memory.sample(32, min(1.0, 0.4 + step / steps))
        errors = net.errors(batch)
        loss = (torch.as_tensor(weights) * errors**2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        memory.update(slots, errors.detach().numpy())
"""


class MixtureWeightsWrong(Rule):
    """A part of the batch is not drawn by priority, and is weighted as if it were.

    ## What it does

    Reports batches whose positions are joined of two sources, a draw by priority and another (a uniform draw, the
    newest transitions, a list of those that must be in the next batch), where (N P)^-beta is computed for all of them
    with the P of the draw by priority alone. Silent where the formula is not of the priorities alone, and where some
    of the weights are set or joined apart.

    ## Why is this bad

    A weight divides by how probable it was that the transition is drawn. A transition of small priority that is in
    the batch for another reason has a tiny P and the largest weight, though it was not rare at all; divided by the
    maximum, the weights of all others shrink with it. The loss is no estimate of the mean over the buffer any more: a
    quarter of the batch that is uniform has well over half of the weight.

    ## Known problems

    Replaced positions that are chosen by a test or a mask are not reported: they are mostly unfit slots that are drawn
    again.

    ## Example

    ```python
    slots = np.concatenate([rng.choice(n, 24, p=p), rng.integers(0, n, 8)])
    weights = (n * p[slots]) ** -beta
    ```

    ## Use instead

    ```python
    slots = np.concatenate([rng.choice(n, 24, p=p), rng.integers(0, n, 8)])
    weights = (n * (0.75 * p[slots] + 0.25 / n)) ** -beta
    ```

    ## Fix safety

    Weights of the mixture are safe. For a part that is forced into the batch rather than drawn, a weight of 1 is the
    usual choice: it has no probability to divide by.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, section 3.4
    - Owen and Zhou 2000, Safe and Effective Importance Sampling, Journal of the American Statistical Association 95
    """

    code = "PER109"
    name = "mixture-weights-wrong"
    severity = Severity.WARNING

    plain = (
        Example(
            "a quarter of the batch is uniform, two files",
            {
                "memory.py": """import numpy as np


class Memory:
    def __init__(self, size):
        self.rows, self.mass, self.size, self.at = [None] * size, np.zeros(size), size, 0

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at % self.size] = (state, action, reward, next_state, done)
        self.mass[self.at % self.size] = self.mass.max() or 1.0
        self.at += 1

    def sample(self, n, beta):
        filled = min(self.at, self.size)
        p = self.mass[:filled] / self.mass[:filled].sum()
        by_priority = np.random.choice(filled, n - n // 4, p=p)
        others = np.random.randint(0, filled, n // 4)
        slots = np.concatenate([by_priority, others])  # <- PER109
        weights = (filled * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        self.mass[slots] = np.abs(errors) + 1e-6
""",
                "train.py": _TRAIN,
            },
        ),
        Example(
            "the newest transition takes the last place of the batch, Keras",
            {
                "agent.py": """import numpy as np


class Agent:
    def __init__(self, model, target_model, capacity, width):
        self.model, self.target_model = model, target_model
        self.capacity, self.count = capacity, 0
        self.states, self.next_states = np.zeros((capacity, width)), np.zeros((capacity, width))
        self.actions, self.rewards = np.zeros(capacity, int), np.zeros(capacity)
        self.terminated, self.priorities = np.zeros(capacity), np.zeros(capacity)

    def remember(self, state, action, reward, next_state, terminated):
        slot = self.count % self.capacity
        self.states[slot], self.next_states[slot] = state, next_state
        self.actions[slot], self.rewards[slot], self.terminated[slot] = action, reward, terminated
        self.priorities[slot] = self.priorities.max() or 1.0
        self.count += 1

    def learn(self, beta, n=32, gamma=0.99):
        filled = min(self.count, self.capacity)
        p = self.priorities[:filled] ** 0.6
        p = p / p.sum()
        slots = np.random.choice(filled, n, p=p)
        slots[-1] = (self.count - 1) % self.capacity  # <- PER109
        weights = (filled * p[slots]) ** -beta
        weights = weights / weights.max()
        values = self.model.predict(self.states[slots])
        ahead = self.target_model.predict(self.next_states[slots]).max(axis=1)
        targets = self.rewards[slots] + gamma * (1 - self.terminated[slots]) * ahead
        errors = targets - values[np.arange(n), self.actions[slots]]
        values[np.arange(n), self.actions[slots]] = targets
        self.model.fit(self.states[slots], values, sample_weight=weights)
        self.priorities[slots] = np.abs(errors) + 1e-6


def main(env, model, target_model, steps):
    agent = Agent(model, target_model, 2000, 4)
    state, _ = env.reset()
    for step in range(steps):
        action = int(np.argmax(model.predict(state[None])[0]))
        next_state, reward, terminated, truncated, _ = env.step(action)
        agent.remember(state, action, reward, next_state, terminated)
        state = env.reset()[0] if terminated or truncated else next_state
        if step >= 32:
            agent.learn(0.4 + 0.6 * step / steps)
"""
            },
        ),
        Example(
            "transitions that were never drawn come first, a sum tree in its own file",
            {
                "sums.py": """import numpy as np


class Sums:
    def __init__(self, size):
        self.nodes, self.size, self.waiting = np.zeros(2 * size), size, []

    def put(self, slot, mass):
        node = slot + self.size
        change = mass - self.nodes[node]
        while node:
            self.nodes[node] += change
            node //= 2

    def begin(self, slot, mass):
        self.put(slot, mass)
        self.waiting.append(slot)

    def draw(self, n):
        slots = []
        while self.waiting and len(slots) < n:
            slots.append(self.waiting.pop(0))  # <- PER109
        for mass in np.random.uniform(0, self.nodes[1], n - len(slots)):
            node = 1
            while node < self.size:
                node *= 2
                if mass >= self.nodes[node]:
                    mass -= self.nodes[node]
                    node += 1
            slots.append(node - self.size)
        return slots
""",
                "memory.py": """import numpy as np
from sums import Sums


class Memory:
    def __init__(self, size):
        self.rows, self.sums, self.size, self.at, self.largest = [None] * size, Sums(size), size, 0, 1.0

    def push(self, state, action, reward, next_state, done):
        slot = self.at % self.size
        self.rows[slot] = (state, action, reward, next_state, done)
        self.sums.begin(slot, self.largest)
        self.at += 1

    def sample(self, n, beta):
        slots = np.array(self.sums.draw(n))
        p = self.sums.nodes[slots + self.size] / self.sums.nodes[1]
        weights = (min(self.at, self.size) * p) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        for slot, error in zip(slots, errors):
            mass = (abs(error) + 0.01) ** 0.6
            self.largest = max(self.largest, mass)
            self.sums.put(slot, mass)
""",
                "train.py": _TRAIN,
            },
        ),
    )
    bad = (
        *plain,
        Example(
            "two lists, plain Python",
            {
                "memory.py": plain[0]
                .plain["memory.py"]
                .replace("import numpy as np", "import random\n\nimport numpy as np")
                .replace("np.random.choice(filled, n - n // 4, p=p)", "random.choices(range(filled), p, k=n - n // 4)")
                .replace("np.random.randint(0, filled, n // 4)", "random.sample(range(filled), n // 4)")
                .replace("np.concatenate([by_priority, others])", "by_priority + others  # <- PER109"),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "the newest are added to the batch",
            {
                "memory.py": plain[0]
                .plain["memory.py"]
                .replace("np.random.randint(0, filled, n // 4)", "np.arange(self.at - n // 4, self.at) % self.size")
                .replace("np.concatenate([by_priority, others])", "np.append(by_priority, others)  # <- PER109"),
                "train.py": _TRAIN,
            },
        ),
    )
    good = (
        Example(
            "the density of the mixture",
            {
                "memory.py": plain[0]
                .plain["memory.py"]
                .replace("filled * p[slots]", "filled * (0.75 * p[slots] + 0.25 / filled)"),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "a weight of one for the others",
            {
                "memory.py": plain[0]
                .plain["memory.py"]
                .replace("        return [self", "        weights[-(n // 4) :] = weights.max()\n        return [self"),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "weights of each part, joined",
            {
                "memory.py": plain[0]
                .plain["memory.py"]
                .replace(
                    "weights = (filled * p[slots]) ** -beta",
                    "weights = np.concatenate([(filled * p[by_priority]) ** -beta, np.ones(n // 4)])",
                ),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "ones where the transition was forced",
            {
                "agent.py": plain[1]
                .plain["agent.py"]
                .replace(
                    "        weights = weights / weights.max()\n",
                    "        newest = slots == slots[-1]\n"
                    "        weights = np.where(newest, 1.0, weights / weights.max())\n",
                )
            },
        ),
        Example(
            "two draws by priority",
            {
                "memory.py": plain[0]
                .plain["memory.py"]
                .replace("np.random.randint(0, filled, n // 4)", "np.random.choice(filled, n // 4, p=p)"),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "a slot that is unfit is drawn again",
            {
                "agent.py": plain[1]
                .plain["agent.py"]
                .replace(
                    "        slots[-1] = (self.count - 1) % self.capacity\n",
                    "        unfit = slots == self.count % self.capacity\n"
                    "        slots[unfit] = np.random.randint(0, filled, unfit.sum())\n",
                )
            },
        ),
        Example(
            "uniform until the buffer has enough",
            {
                "memory.py": plain[0]
                .plain["memory.py"]
                .replace("        by_priority = np.random.choice(filled, n - n // 4, p=p)\n", "")
                .replace("        others = np.random.randint(0, filled, n // 4)\n", "")
                .replace(
                    "slots = np.concatenate([by_priority, others])",
                    "slots = np.arange(filled) if filled < n else np.random.choice(filled, n, p=p)",
                ),
                "train.py": _TRAIN,
            },
        ),
    )

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """Every join of positions whose weights are those of a draw by priority alone."""
        seen: set[ir.Node] = set()
        for buffer in graph.weighted:
            weights = graph.weights(buffer)
            for weight in weights.all:
                found = mixture(weights, weight) if _is_by_priority_alone(weights, weight) else None
                if found is not None and found.node not in seen and not weighted_apart(weights, weight):
                    seen.add(found.node)
                    yield self._finding(graph, weight, found)

    def _finding(self, graph: ReplayGraph, weight: Weight, found: Mixture) -> Finding:
        formula = weight.formula
        links = [
            graph.evidence(found.path, found.node, "join", "positions that are not drawn by priority join the batch"),
            graph.evidence(formula.path, formula.node, "weights", "weights of a draw by priority, for the whole batch"),
        ]
        if found.part.node is not None and found.part.node is not found.node:
            links.insert(1, graph.evidence(found.part.path, found.part.node, "part", "not drawn by priority"))
        return self.finding(
            graph,
            found.path,
            found.node,
            f"a part of the batch is not drawn by priority, but `{graph.source(formula.path, formula.node)}` weights"
            " it as if it were",
            evidence=links,
            confidence="medium",
            fix=FixOffer(title="weight with the density of the mixture"),
        )

    def witness(self) -> str:
        """The mean of a value over the buffer, from batches of which a quarter is uniform."""
        import numpy as np

        rng = np.random.default_rng(0)
        errors = np.where(np.arange(1_000) < 100, 4.0, -0.1)
        p = np.abs(errors) / np.abs(errors).sum()
        slots = np.concatenate([rng.choice(1_000, 150_000, p=p), rng.integers(0, 1_000, 50_000)])
        alone, mixed = 1 / (1_000 * p[slots]), 1 / (1_000 * (0.75 * p[slots] + 0.25 / 1_000))
        wrong, right = ((weights * errors[slots]).sum() / weights.sum() for weights in (alone, mixed))
        true, share = errors.mean(), alone[150_000:].sum() / alone.sum()
        assert abs(right - true) < 0.05 * true
        assert wrong < 0.5 * true
        assert share > 0.5
        return (
            f"mean error {true:.2f}; weighted with the mixture {right:.2f}, as if all were by priority {wrong:.2f},"
            f" where the quarter that is uniform has {share:.2f} of the weight"
        )


def _is_by_priority_alone(weights: Weights, weight: Weight) -> bool:
    """Whether the weights are (N P)^-beta with the priorities of the draw and nothing else, and reach a loss."""
    return (
        weight.is_of_transitions
        and all(product.is_known and product.exponent(PRIORITY) < 0 for product in weight.products)
        and not weights.is_drawn_by(weight)
        and weights.anatomy.about.weights_used()
    )
