"""PER209 max-from-internal-nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from per_audit.findings import Finding, FixOffer, Severity
from per_audit.graph import PRIORITISED, ReplayGraph
from per_audit.graph.prioritised.priorities import trail
from per_audit.graph.symbolic import Term, strip
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.graph.prioritised.anatomy import Anatomy
    from per_audit.graph.prioritised.priorities.writes import PriorityWrite


class MaxFromInternalNodes(Rule):
    """A new transition gets the maximum over a whole sum tree, which is the root: the sum of all priorities.

    ## What it does

    Reports maxima over an array that holds the leaves of a sum tree and their sums, where the maximum becomes the
    priority of a new transition and is not limited to the leaves.

    ## Why is this bad

    The largest entry of a sum tree is its root. Each new transition is given the total of all priorities, so that the
    total doubles at every insertion: after some 1,070 of them it is infinite, and long before that only the newest
    transitions are ever drawn.

    ## Known problems

    A maximum over a part of the array is taken to be one over the leaves, whatever the bounds of the part are.

    ## Example

    ```python
    tree.add(tree.nodes.max(), transition)
    ```

    ## Use instead

    ```python
    tree.add(tree.nodes[-capacity:].max(), transition)
    ```

    ## Fix safety

    Where the leaves begin depends on the layout of the tree, so nothing is changed unasked.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, Algorithm 1, line 6, and appendix B.2.1
    """

    code = "PER209"
    name = "max-from-internal-nodes"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each maximum over a whole tree that is stored as a priority."""
        told: set[object] = set()
        for buffer in graph.buffers:
            if buffer.kind != PRIORITISED or graph.priorities(buffer).is_reference:
                continue
            anatomy = graph.anatomy(buffer)
            if not trail.is_tree(anatomy):
                continue
            for write, top in self._tops(anatomy):
                if top.node is None or top.node in told:
                    continue
                told.add(top.node)
                name = graph.name_of(buffer)
                link = graph.evidence(top.path, top.node, "maximum", "over the sums as well as the leaves")
                yield self.finding(
                    graph,
                    top.path,
                    top.node,
                    f"the maximum over the whole tree of {name} is its root: new priorities are made of the sum of all",
                    evidence=trail.unique([link, *trail.evidence(anatomy, write)]),
                    fix=FixOffer(title="take the maximum over the leaves"),
                    pipeline=name,
                )

    def _tops(self, anatomy: Anatomy) -> Iterator[tuple[PriorityWrite, Term]]:
        for write in anatomy.writes:
            for part in write.value.walk():
                if part.op == "max" and part.data is None and strip(part.args[0]) in anatomy.containers:
                    yield write, part

    def witness(self) -> str:
        """A sum tree of 8 leaves that is filled with its own maximum."""
        import numpy as np

        nodes = np.zeros(16)
        for leaf in range(8):
            nodes[8 + leaf] = nodes.max() or 1.0
            for at in range(7, 0, -1):
                nodes[at] = nodes[2 * at] + nodes[2 * at + 1]
        assert nodes[1] == 2.0**7
        return (
            f"8 transitions with the maximum of the tree have the priorities {', '.join(f'{p:.0f}' for p in nodes[8:])}"
        )

    bad: ClassVar[tuple[Example, ...]] = (
        Example(
            "the array of a tree in another file",
            {
                "tree.py": """import numpy as np


class SumTree:
    def __init__(self, capacity):
        self.capacity, self.write = capacity, 0
        self.nodes, self.rows = np.zeros(2 * capacity - 1), [None] * capacity

    def add(self, priority, row):
        self.rows[self.write] = row
        self.update(self.write + self.capacity - 1, priority)
        self.write = (self.write + 1) % self.capacity

    def update(self, at, priority):
        change = priority - self.nodes[at]
        self.nodes[at] = priority
        while at:
            at = (at - 1) // 2
            self.nodes[at] += change

    def get(self, mass):
        at = 0
        while 2 * at + 1 < len(self.nodes):
            at = 2 * at + 1
            if mass > self.nodes[at]:
                mass -= self.nodes[at]
                at += 1
        return at, self.nodes[at], self.rows[at - self.capacity + 1]
""",
                "memory.py": """import random
import numpy as np
from tree import SumTree


class Memory:
    def __init__(self, capacity, alpha=0.6):
        self.tree, self.alpha = SumTree(capacity), alpha

    def push(self, state, action, reward, next_state, done):
        top = self.tree.nodes.max()  # <- PER209
        self.tree.add(top if top > 0 else 1.0, (state, action, reward, next_state, done))

    def sample(self, size, beta):
        found = [self.tree.get(random.uniform(0, self.tree.nodes[0])) for _ in range(size)]
        places, priorities, rows = zip(*found)
        weights = (self.tree.capacity * np.array(priorities) / self.tree.nodes[0]) ** -beta
        return rows, places, weights / weights.max()

    def update(self, places, errors):
        for at, error in zip(places, errors):
            self.tree.update(at, (abs(error) + 1e-5) ** self.alpha)
""",
            },
        ),
        Example(
            "tree and transitions in one class",
            {
                "replay.py": """import numpy as np


class Replay:
    def __init__(self, capacity, width):
        self.capacity, self.count, self.alpha = capacity, 0, 0.7
        self.heap, self.states = np.zeros(2 * capacity), np.zeros((capacity, width))
        self.next_states, self.rewards = np.zeros((capacity, width)), np.zeros(capacity)
        self.actions, self.dones = np.zeros(capacity, int), np.zeros(capacity)

    def append(self, state, action, reward, next_state, done):
        slot = self.count % self.capacity
        self.states[slot], self.next_states[slot], self.rewards[slot] = state, next_state, reward
        self.actions[slot], self.dones[slot] = action, done
        self.put(slot, max(1.0, self.heap.max()))  # <- PER209
        self.count += 1

    def put(self, slot, value):
        at = slot + self.capacity
        self.heap[at] = value
        while at > 1:
            at //= 2
            self.heap[at] = self.heap[2 * at] + self.heap[2 * at + 1]

    def find(self, mass):
        at = 1
        while at < self.capacity:
            at *= 2
            if mass >= self.heap[at]:
                mass -= self.heap[at]
                at += 1
        return at - self.capacity

    def draw(self, size, beta):
        slots = np.array([self.find(mass) for mass in np.random.rand(size) * self.heap[1]])
        weights = (min(self.count, self.capacity) * self.heap[slots + self.capacity] / self.heap[1]) ** -beta
        return slots, weights / weights.max()

    def correct(self, slots, errors):
        for slot, error in zip(slots, errors):
            self.put(slot, (abs(error) + 0.01) ** self.alpha)
""",
            },
        ),
    )
    bad = (
        *bad,
        Example(
            "NumPy's function",
            {
                "tree.py": bad[0].files["tree.py"],
                "memory.py": bad[0].files["memory.py"].replace("self.tree.nodes.max()", "np.max(self.tree.nodes)"),
            },
        ),
        Example(
            "the maximum by a method of the tree",
            {
                "tree.py": bad[0].files["tree.py"]
                + """
    def largest(self):
        return np.amax(self.nodes)  # <- PER209
""",
                "memory.py": bad[0].plain["memory.py"].replace("self.tree.nodes.max()", "self.tree.largest()"),
            },
        ),
        Example(
            "Python's function over a list",
            {
                "replay.py": bad[1]
                .files["replay.py"]
                .replace("self.heap.max()", "max(self.heap)")
                .replace("np.zeros(2 * capacity), np", "[0.0] * (2 * capacity), np")
            },
        ),
        Example(
            "the maximum kept in a variable, PyTorch",
            {
                "replay.py": bad[1]
                .files["replay.py"]
                .replace("import numpy as np\n", "import numpy as np\nimport torch\n")
                .replace("np.zeros(2 * capacity), np", "torch.zeros(2 * capacity), np")
                .replace(
                    "        self.put(slot, max(1.0, self.heap.max()))  # <- PER209\n",
                    "        highest = torch.max(self.heap)  # <- PER209\n        self.put(slot, highest or 1.0)\n",
                )
            },
        ),
    )
    good = (
        Example(
            "the leaves of a tree in another file",
            {
                "tree.py": bad[0].plain["tree.py"],
                "memory.py": bad[0].plain["memory.py"].replace("nodes.max()", "nodes[-self.tree.capacity :].max()"),
            },
        ),
        Example(
            "the leaves, one class",
            {"replay.py": bad[1].plain["replay.py"].replace("heap.max()", "heap[self.capacity :].max()")},
        ),
        Example(
            "a maximum of its own",
            {
                "replay.py": bad[1]
                .plain["replay.py"]
                .replace("self.heap.max()", "self.highest")
                .replace("self.capacity, self.count, self.alpha", "self.highest, self.count, self.alpha")
                .replace("= capacity, 0, 0.7", "= 1.0, 0, 0.7\n        self.capacity = capacity")
            },
        ),
        Example(
            "the leaves by NumPy's function",
            {
                "tree.py": bad[0].plain["tree.py"],
                "memory.py": bad[0]
                .plain["memory.py"]
                .replace("self.tree.nodes.max()", "np.max(self.tree.nodes[self.tree.capacity - 1 :])"),
            },
        ),
        Example(
            "priorities without a tree",
            {
                "flat.py": """import numpy as np


class Flat:
    def __init__(self, capacity):
        self.rows, self.p, self.n = [None] * capacity, np.zeros(capacity), 0

    def push(self, state, action, reward, next_state, done):
        self.rows[self.n % len(self.rows)] = (state, action, reward, next_state, done)
        self.p[self.n % len(self.rows)] = self.p.max() or 1.0
        self.n += 1

    def sample(self, size):
        n = min(self.n, len(self.rows))
        slots = np.random.choice(n, size, p=self.p[:n] / self.p[:n].sum())
        return [self.rows[i] for i in slots], slots

    def update(self, slots, errors):
        self.p[slots] = np.abs(errors) + 1e-5
"""
            },
        ),
        Example(
            "the root as the total",
            {"replay.py": bad[1].plain["replay.py"].replace("max(1.0, self.heap.max())", "1.0")},
        ),
    )
