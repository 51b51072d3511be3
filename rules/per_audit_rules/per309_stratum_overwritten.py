"""PER309 stratum-overwritten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.findings import FixOffer, Severity
from per_audit.graph import PRIORITISED, ReplayBuffer, ReplayGraph
from per_audit.graph.definitions import Definitions
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.findings import Finding
    from per_audit.graph.interpret.events import Mass

_LOOPS = (ir.For, ir.While)

_TRAIN = """from memory import Memory


def train(env, net, optimizer, steps):
    memory = Memory(1024)
    state = env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(net.act(state))
        memory.add((state, net.last, reward, next_state, done))
        state = env.reset() if done else next_state
        rows, slots, weights = memory.sample(32, min(1.0, 0.4 + 0.6 * step / steps))
        errors = net.errors(rows)
        (weights * errors**2).mean().backward()
        optimizer.step()
        memory.update(slots, errors.detach().abs().numpy())
"""
_TREE = """import numpy as np


class Tree:
    def __init__(self, capacity):
        self.capacity = capacity
        self.sums = np.zeros(2 * capacity)

    def total(self):
        return self.sums[1]

    def put(self, slot, priority):
        node = slot + self.capacity
        self.sums[node] = priority
        while node > 1:
            node //= 2
            self.sums[node] = self.sums[2 * node] + self.sums[2 * node + 1]

    def find(self, mass):
        node = 1
        while node < self.capacity:
            node *= 2
            if mass >= self.sums[node] and self.sums[node + 1] > 0:
                mass -= self.sums[node]
                node += 1
        return node - self.capacity
"""
_MEMORY = """import random
import numpy as np
from tree import Tree


class Memory:
    def __init__(self, capacity):
        self.rows, self.capacity, self.at, self.size = [None] * capacity, capacity, 0, 0
        self.tree = Tree(capacity)

    def add(self, row):
        self.rows[self.at] = row
        self.tree.put(self.at, 1.0)
        self.at = (self.at + 1) % self.capacity
        self.size = min(self.size + 1, self.capacity)

    def sample(self, n, beta):
        width = self.tree.total() / n
        slots = []
        for k in range(n):
            low, high = k * width, (k + 1) * width
            width = random.uniform(low, high)  # <- PER309
            slots.append(self.tree.find(width))
        p = np.array([self.tree.sums[slot + self.capacity] for slot in slots]) / self.tree.total()
        weights = (self.size * p) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        for slot, error in zip(slots, errors):
            self.tree.put(slot, (error + 1e-6) ** 0.6)
"""
_LOOP = """            low, high = k * width, (k + 1) * width
            width = random.uniform(low, high)  # <- PER309
            slots.append(self.tree.find(width))
"""
_SCALED = _MEMORY.replace(
    _LOOP,
    """            width = width * (k + random.random())  # <- PER309
            slots.append(self.tree.find(width))
""",
)
_NUMPY = _MEMORY.replace(
    _LOOP,
    """            start = width * k
            stop = start + width
            width = np.random.uniform(start, stop)  # <- PER309
            slot = self.tree.find(width)
            slots.append(slot)
""",
)
_WHILE = (
    _MEMORY.replace("import random\n", "")
    .replace(
        _LOOP.replace("            ", "            "),
        """            width = np.random.uniform(len(slots) * width, (len(slots) + 1) * width)  # <- PER309
            slots.append(self.tree.find(width))
""",
    )
    .replace("for k in range(n):", "while len(slots) < n:")
)
_CHAIN = _MEMORY.replace(
    _LOOP,
    """            low = k * width
            mass = low + width * random.random()
            width = mass  # <- PER309
            slots.append(self.tree.find(mass))
""",
)
_GENERATOR = (
    _MEMORY.replace(
        "        self.tree = Tree(capacity)", "        self.tree, self.rng = Tree(capacity), np.random.default_rng(0)"
    )
    .replace("import random\n", "")
    .replace("self.tree.total() / n", "np.divide(self.tree.total(), n)")
    .replace(
        _LOOP,
        """            interval = (k * width, (k + 1) * width)
            width = self.rng.uniform(*interval)  # <- PER309
            slots.append(self.tree.find(width))
""",
    )
)
_RIGHT = _MEMORY.replace("width = random.uniform(low, high)  # <- PER309", "mass = random.uniform(low, high)").replace(
    "self.tree.find(width)", "self.tree.find(mass)"
)
_KERAS = """import numpy as np
from memory import Memory


def train(env, model, target, steps):
    memory, state = Memory(1024), env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(int(np.argmax(model.predict(state[None])[0])))
        memory.add((state, 0, reward, next_state, done))
        state = env.reset() if done else next_state
        rows, slots, weights = memory.sample(32, min(1.0, 0.4 + 0.6 * step / steps))
        states, actions, rewards, next_states, ends = (np.array(column) for column in zip(*rows))
        values = model.predict(states)
        goals = rewards + 0.99 * (1 - ends) * target.predict(next_states).max(axis=1)
        errors = goals - values[np.arange(32), actions]
        values[np.arange(32), actions] = goals
        model.fit(states, values, sample_weight=weights, verbose=0)
        memory.update(slots, np.abs(errors))
"""
_LINEAR = """import numpy as np
from memory import Memory

THETA = np.zeros((4, 2))


def learn(rows, weights, rate=0.05):
    errors = np.zeros(len(rows))
    for k, (state, action, reward, next_state, end) in enumerate(rows):
        goal = reward if end else reward + 0.9 * (next_state @ THETA).max()
        errors[k] = goal - state @ THETA[:, action]
        THETA[:, action] += rate * weights[k] * errors[k] * state
    return errors


def run(env, steps):
    memory, state = Memory(256), env.reset()
    for step in range(steps):
        next_state, reward, end, _ = env.step(int(np.argmax(state @ THETA)))
        memory.add((state, 0, reward, next_state, end))
        state = env.reset() if end else next_state
        rows, slots, weights = memory.sample(16, min(1.0, 0.4 + 0.6 * step / steps))
        memory.update(slots, np.abs(learn(rows, weights)))
"""


def _project(memory: str) -> dict[str, str]:
    return {"tree.py": _TREE, "memory.py": memory, "train.py": _TRAIN}


class StratumOverwritten(Rule):
    """The mass that is drawn inside a stratum replaces the width of the strata, so that the next ones are others.

    ## What it does

    Reports a loop over strata, of which each has the width `total / batch_size`, where the random mass of one
    iteration is assigned to the name of the width.

    ## Why is this bad

    From the second iteration on, the bounds are multiples of the mass that was drawn last. They grow like a factorial
    and soon lie above the sum of all priorities, where a sum tree answers with its last leaf: of 64 draws about nine
    in ten are one transition, whatever the priorities are. Or the first mass is close to 0, and all draws stay there.

    ## Known problems

    Only loops of one function are looked at.

    ## Example

    ```python
    segment = tree.total / batch_size
    for i in range(batch_size):
        segment = random.uniform(segment * i, segment * (i + 1))
        leaf = tree.get(segment)
    ```

    ## Use instead

    ```python
    segment = tree.total / batch_size
    for i in range(batch_size):
        mass = random.uniform(segment * i, segment * (i + 1))
        leaf = tree.get(mass)
    ```

    ## Fix safety

    Not rewritten automatically yet: the mass needs a name of its own.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, appendix B.2.1: the range [0, p_total] is
      divided equally into k ranges, and a value is drawn uniformly from each
    """

    code = "PER309"
    name = "stratum-overwritten"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each assignment of a mass to the width it was drawn with."""
        definitions = Definitions(graph)
        seen: set[ir.Node] = set()
        for buffer in graph.buffers:
            if buffer.kind != PRIORITISED:
                continue
            for source in sorted(buffer.sources, key=lambda node: node.start):
                mass = graph.events.masses.get(source)
                for node, width in () if mass is None else _overwritten(graph, definitions, mass):
                    if node not in seen:
                        seen.add(node)
                        yield self._finding(graph, buffer, mass.path if mass else "", node, width, source)

    def _finding(
        self, graph: ReplayGraph, buffer: ReplayBuffer, path: str, node: ir.Node, width: ir.Node, draw: ir.Node
    ) -> Finding:
        return self.finding(
            graph,
            path,
            node,
            "the mass that was drawn replaces the width of the strata: after the first draw they are multiples of it, "
            f"and most draws from {graph.name_of(buffer)} end at one transition",
            evidence=[
                graph.evidence(path, node, "overwritten", "the width becomes the mass here"),
                graph.evidence(path, graph.statement(path, width), "width", "the width of the strata is made here"),
                graph.evidence(path, draw, "drawn", "a mass is drawn inside a stratum here"),
            ],
            fix=FixOffer(title="give the mass a name of its own"),
            pipeline=graph.name_of(buffer),
        )

    def witness(self) -> str:
        """64 equal priorities, 64 draws each time; the last leaf stands for all masses above the total."""
        import numpy as np

        rng = np.random.default_rng(0)
        last, draws = 0, 0
        for _ in range(200):
            width = 1.0
            for k in range(64):
                width = rng.uniform(k * width, (k + 1) * width)
                last += width >= 63
                draws += 1
        assert last / draws > 0.5
        return (
            f"of 64 equal transitions the last one gets {100 * last / draws:.0f} % of the draws, for a share of 1.6 %"
        )

    bad = (
        Example("bounds that are unpacked, random.uniform", _project(_MEMORY)),
        Example("a random number that is scaled", _project(_SCALED)),
        Example("bounds one after the other, NumPy", _project(_NUMPY)),
        Example("a loop until there are enough", _project(_WHILE)),
        Example("the mass has a name and is then given to the width", _project(_CHAIN)),
        Example("a generator, bounds in a tuple", _project(_GENERATOR)),
        Example("Keras learns", {"tree.py": _TREE, "memory.py": _MEMORY, "train.py": _KERAS}),
        Example("NumPy learns, in functions", {"tree.py": _TREE, "memory.py": _MEMORY, "train.py": _LINEAR}),
    )
    good = (
        Example("a name of its own", _project(_RIGHT)),
        Example(
            "the width is computed anew for each draw",
            _project(
                _MEMORY.replace("  # <- PER309", "").replace(
                    "            low, high", "            width = self.tree.total() / n\n            low, high"
                )
            ),
        ),
        Example(
            "a bound is overwritten, the width is not",
            _project(
                _RIGHT.replace("mass = random.uniform(low, high)", "low = random.uniform(low, high)").replace(
                    "find(mass)", "find(low)"
                )
            ),
        ),
        Example(
            "a sum that grows by one stratum",
            _project(
                _RIGHT.replace("low, high = k * width, (k + 1) * width", "low, high = start, start + width")
                .replace("slots = []", "slots, start = [], 0.0")
                .replace("(self.tree.find(mass))", "(self.tree.find(mass))\n            start = high")
            ),
        ),
        Example(
            "all masses at once",
            _project(
                _MEMORY.replace("        for k in range(n):\n" + _LOOP, "").replace(
                    "slots = []",
                    "masses = (np.arange(n) + np.random.rand(n)) * width\n"
                    "        slots = [self.tree.find(mass) for mass in masses]",
                )
            ),
        ),
        Example(
            "the mean priority had the name of the mass before",
            _project(_RIGHT.replace("slots = []", "slots, mass = [], self.tree.total() / max(self.size, 1)")),
        ),
        Example(
            "the name of the width serves again after the loop",
            _project(_RIGHT.replace("        p = np", "        width = random.uniform(0, 1)\n        p = np")),
        ),
    )


def _overwritten(graph: ReplayGraph, definitions: Definitions, mass: Mass) -> Iterator[tuple[ir.Node, ir.Expr]]:
    """The assignments of a mass to the width that it was drawn with, each with the division that made the width."""
    loop = next((a for a in graph.ancestors(mass.path, mass.node) if isinstance(a, (*_LOOPS, ir.Function))), None)
    if not isinstance(loop, _LOOPS):
        return
    seen: set[ir.Node] = set()
    made = graph.statement(mass.path, mass.node)
    pending: list[ir.Node] = [value] if (value := getattr(made, "value", None)) is not None else []
    while pending:
        for use in ir.walk(pending.pop()):
            if not isinstance(use, ir.Name) or use in seen:
                continue
            seen.add(use)
            values = [value for value, _ in definitions.reaching(use, mass.path).values]
            inside = [value for value in values if loop.start < value.start < loop.end]
            width = next((v for v in values if v not in inside and _divides(graph, mass.path, v)), None)
            again = [v for v in inside if mass.node in graph.events.value(v).tagged("mass") or _holds(v, mass.node)]
            if width is not None:
                yield from ((graph.statement(mass.path, value), width) for value in again)
            else:
                pending += inside


def _divides(graph: ReplayGraph, path: str, value: ir.Expr) -> bool:
    return graph.symbols.term(path, value).op in ("div", "floordiv")


def _holds(value: ir.Expr, node: ir.Node) -> bool:
    return any(part is node for part in ir.walk(value))
