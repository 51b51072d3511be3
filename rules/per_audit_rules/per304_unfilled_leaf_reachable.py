"""PER304 unfilled-leaf-reachable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.findings import FixOffer, Severity
from per_audit.graph import PRIORITISED, ReplayBuffer, ReplayGraph
from per_audit.graph.gradients.tensors import Tensors
from per_audit.graph.machine import Single
from per_audit.graph.memory.warmup import stored_before
from per_audit.graph.prioritised.draws.grain import Grain, grain_of
from per_audit.graph.prioritised.draws.short import short_sums
from per_audit.graph.prioritised.draws.tree import SumTree, trees_of
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.findings import Finding
    from per_audit.graph.memory.capacity import Capacity

_TRAIN = """from memory import Memory


def train(env, net, optimizer, steps):
    memory = Memory(1000)
    state = env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(net.act(state))
        memory.add((state, net.last, reward, next_state, done))
        state = env.reset() if done else next_state
        rows, nodes, weights = memory.sample(32, min(1.0, 0.4 + 0.6 * step / steps))
        errors = net.errors(rows)
        (weights * errors**2).mean().backward()
        optimizer.step()
        memory.update(nodes, errors.detach().abs().numpy())
"""
_TREE = """import numpy as np


class Tree:
    def __init__(self, capacity):
        self.capacity, self.at, self.count = capacity, 0, 0
        self.sums, self.rows = np.zeros(2 * capacity - 1), np.zeros(capacity, dtype=object)

    def add(self, priority, row):
        self.rows[self.at] = row
        self.update(self.at + self.capacity - 1, priority)
        self.at = (self.at + 1) % self.capacity
        self.count = min(self.count + 1, self.capacity)

    def update(self, node, priority):
        change = priority - self.sums[node]
        self.sums[node] = priority
        while node > 0:
            node = (node - 1) // 2
            self.sums[node] += change

    def get(self, mass):
        node = 0
        while 2 * node + 1 < len(self.sums):
            left = 2 * node + 1
            if mass <= self.sums[left]:  # <- PER304
                node = left
            else:
                mass -= self.sums[left]
                node = left + 1
        return node, self.sums[node], self.rows[node - self.capacity + 1]
"""
_MEMORY = """import random
import numpy as np
from tree import Tree


class Memory:
    def __init__(self, capacity):
        self.tree = Tree(capacity)

    def add(self, row):
        self.tree.add(1.0, row)

    def sample(self, n, beta):
        width = self.tree.sums[0] / n
        nodes, p, rows = [], [], []
        for k in range(n):
            node, priority, row = self.tree.get(int(random.uniform(k * width, (k + 1) * width)))
            nodes.append(node)
            p.append(priority)
            rows.append(row)
        weights = (self.tree.count * np.array(p) / self.tree.sums[0]) ** -beta
        return rows, nodes, weights / weights.max()

    def update(self, nodes, errors):
        for node, error in zip(nodes, errors):
            self.tree.update(node, (error + 1e-6) ** 0.6)
"""
_FLOATS = """import torch


class Tree:
    def __init__(self, capacity):
        self.capacity, self.at, self.count = capacity, 0, 0
        self.sums, self.rows = torch.zeros(2 * capacity), [None] * capacity

    def add(self, priority, row):
        self.rows[self.at] = row
        self.update(self.at + self.capacity, priority)
        self.at = (self.at + 1) % self.capacity
        self.count = min(self.count + 1, self.capacity)

    def update(self, node, priority):
        self.sums[node] = priority
        while node > 1:
            node //= 2
            self.sums[node] = self.sums[2 * node] + self.sums[2 * node + 1]

    def get(self, mass):
        node = 1
        while node < self.capacity:
            node *= 2
            if mass > self.sums[node]:  # <- PER304
                mass = mass - self.sums[node]
                node += 1
        return node, float(self.sums[node]), self.rows[node - self.capacity]
"""
_GUARDED = _TREE.replace("mass <= self.sums[left]:  # <- PER304", "mass < self.sums[left] or self.sums[left + 1] == 0:")
_REDRAWN = _MEMORY.replace(
    """(k + 1) * width)))
""",
    """(k + 1) * width)))
            while row == 0:
                node, priority, row = self.tree.get(int(random.uniform(0, self.tree.sums[0])))
""",
)


_UNIFORM = "int(random.uniform(k * width, (k + 1) * width))"
_BY_TENSORS = """import torch
from memory import Memory

net = torch.nn.Sequential(torch.nn.Linear(4, 32), torch.nn.ReLU(), torch.nn.Linear(32, 2))


def missed(state, action, reward, next_state, done):
    q = net(torch.as_tensor(state)).data
    return abs(reward + 0.99 * (1 - done) * net(torch.as_tensor(next_state)).max().detach() - q[action])


def train(env, optimizer, steps):
    memory = Memory(50_000)
    state = env.reset()
    for step in range(steps):
        action = env.action_space.sample()
        next_state, reward, done, _ = env.step(action)
        memory.add(missed(state, action, reward, next_state, done), (state, action, reward, next_state, done))
        state = env.reset() if done else next_state
        rows, nodes, weights = memory.sample(32, min(1.0, 0.4 + 0.6 * step / steps))
        errors = torch.stack([missed(*row) for row in rows])
        loss = (torch.as_tensor(weights) * torch.stack([net(torch.as_tensor(row[0])).max() for row in rows])).mean()
        loss.backward()
        optimizer.step()
        memory.update(nodes, errors.numpy())
"""
_OF_ERRORS = _MEMORY.replace(_UNIFORM, _UNIFORM[4:-1]).replace(
    """    def add(self, row):
        self.tree.add(1.0, row)
""",
    """    def add(self, error, row):
        self.tree.add(self.priority(error), row)

    def priority(self, error):
        return (np.abs(error) + 0.01) ** 0.6
""",
)
_UPDATED = _BY_TENSORS.replace("memory.add(missed(state, action, reward, next_state, done), (", "memory.add((").replace(
    "errors.numpy()", "errors"
)
_CLIMBING = _TREE.replace(
    """        change = priority - self.sums[node]
        self.sums[node] = priority
        while node > 0:
            node = (node - 1) // 2
            self.sums[node] += change
""",
    """        self.climb(node, priority - self.sums[node])

    def climb(self, node, change):
        self.sums[node] += change
        if node > 0:
            self.climb((node - 1) // 2, change)
""",
)
_RESUMMED = _TREE.replace("        change = priority - self.sums[node]\n", "").replace(
    "            self.sums[node] += change\n",
    "            self.sums[node] = self.sums[2 * node + 1] + self.sums[2 * node + 2]\n",
)


_STARTED = _RESUMMED.replace("np.zeros(2 * capacity - 1)", "np.full(2 * capacity - 1, 1e-6)")
_EVEN = _MEMORY.replace("int(random.uniform(k * width, (k + 1) * width))", "random.uniform(k * width, (k + 1) * width)")


def _project(tree: str, memory: str = _MEMORY) -> dict[str, str]:
    return {"tree.py": tree, "memory.py": memory, "train.py": _TRAIN}


class UnfilledLeafReachable(Rule):
    """The search in the sum tree can return a leaf that was never written.

    ## What it does

    Builds trees of a few leaves by the class's own methods, followed on small numbers, fills them in part, and reports
    a search that answers a mass of 0, or with sums of 32 bits one just below the total, with a leaf nothing was stored
    in, where a run will draw such a mass and the code that draws does not look at the answer. So are trees whose nodes
    start with more than 0. Sums are of 32 bits in an
    array of 64 as well where a priority comes as a tensor: numpy's number plus a tensor of PyTorch is a tensor.

    ## Why is this bad

    The leaf holds a placeholder in place of a transition: the training ends with an error long after it began, or
    learns from zeros. The weight of a priority of 0 is infinite.

    ## Known problems

    Of the masses that Python and numpy draw, one in about 2^53 is exactly 0: no run meets it, and where nothing else
    reaches an empty leaf nothing is reported. Cut off to a whole number a mass is 0 once in as many draws as the sum
    of the priorities, drawn in 32 bits once in about 2^24, and sums of 32 bits that round put masses beyond the last
    filled leaf: of a tree of 20,000 leaves that tensors are added to about once while it is filled, for which one of
    fewer than 4,000 leaves has too little time. A memory that is always filled before it is drawn from has no such
    leaf, and a mass of 0 alone no such one where the first leaf of the lowest level is written before the first draw;
    an option of the command line counts as its default there.

    ## Example

    ```python
    if mass <= self.tree[left]:  # 0 <= 0: goes to an empty leaf
        node = left
    ```

    ## Use instead

    ```python
    if mass < self.tree[left] or self.tree[left + 1] == 0:
        node = left
    ```

    ## Fix safety

    Safe: the comparison gains `or right child == 0`, and no other draw changes. Offered where the comparison alone
    decides on the way down and the position of the right child can be read from the code.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, appendix B.2.1, the sum tree
    """

    code = "PER304"
    name = "unfilled-leaf-reachable"
    severity = Severity.WARNING

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each search that can end in an empty leaf."""
        seen: set[ir.Node] = set()
        tensors = Tensors(graph)
        for buffer in graph.buffers:
            if buffer.kind != PRIORITISED or graph.priorities(buffer).is_reference or _is_full(graph, buffer):
                continue
            for tree in trees_of(graph, buffer):
                find = tree.find
                if find is None or find in seen or _is_checked(graph, find):
                    continue
                has_first = _is_written_first(graph, buffer, tree.capacity)
                stops_short = any(short_sums(graph, buffer, tree))
                start = _drawn_by_start(tree, stops_short)
                how = start or _reached(tree, grain_of(graph, find), has_first, stops_short)
                given = [] if how or stops_short else _given_as_tensors(graph, buffer, tree, tensors)
                if given:
                    how = _rounded_by_tensors(tree)
                if how is not None:
                    seen.add(find)
                    yield self._finding(graph, buffer, tree, find, (how, _START if start else ""), given)

    def _finding(
        self,
        graph: ReplayGraph,
        buffer: ReplayBuffer,
        tree: SumTree,
        find: ir.Function,
        why: tuple[str, str],
        given: list[tuple[str, ir.Node]],
    ) -> Finding:
        how, form = why
        name = graph.name_of(buffer)
        path = graph.project.module_of[find].path
        compared = list(_comparisons(graph, buffer, find))
        node, where = compared[0] if compared else (find, path)
        return self.finding(
            graph,
            where,
            node,
            f"the search in {tree.cls.name} can return a leaf that was never written: {how}",
            evidence=[
                *(graph.evidence(p, n, "searched", "the way down is chosen here") for n, p in compared),
                *(graph.evidence(path, n, "returned", "the leaf is returned as it was found") for n in _returns(find)),
                *(graph.evidence(p, n, "priority", "a tensor of 32 bits is handed over") for p, n in given),
            ],
            confidence="medium",
            fix=FixOffer(title="start all nodes with 0" if form else "never go down to a child whose sum is 0"),
            pipeline=name,
            form=form,
        )

    def witness(self) -> str:
        """Sums of 32 bits: a mass below the root that no filled leaf is left for."""
        import numpy as np

        leaves = np.zeros(8, np.float32)
        leaves[:3] = 0.7, 0.7, 0.1
        pairs = leaves[::2] + leaves[1::2]
        halves = pairs[::2] + pairs[1::2]
        root = halves[0] + halves[1]
        above = root
        exact = sum(float(leaf) for leaf in leaves)
        assert float(above) > exact
        return (
            f"the leaves sum to {exact:.9f}, the root holds {float(above):.9f}: masses in between end in an empty leaf"
        )

    bad = (
        Example("a mass of 0, which is a whole number, goes to the left", _project(_TREE)),
        Example("sums of 32 bits", _project(_FLOATS)),
        Example(
            "a script that keeps the tree in a variable, and looks at the end of each row",
            {
                "tree.py": _TREE,
                "run.py": """import random
import numpy as np
from tree import Tree

END = 4


def main(env, net, steps):
    kept = Tree(1000)
    state = env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(net.act(state))
        kept.add(1.0, (state, net.last, reward, next_state, done))
        state = env.reset() if done else next_state
        width = kept.sums[0] / 32
        rows, nodes, p = [], [], []
        for k in range(32):
            mass = int(random.uniform(k * width, (k + 1) * width))
            node, priority, row = kept.get(mass)
            rows.append(row)
            nodes.append(node)
            p.append(priority)
        least = np.min(p)
        w = (np.array(p) / least) ** -min(1.0, 0.4 + 0.6 * step / steps)
        goals = net.predict([row[0] for row in rows])
        for k in range(32):
            if rows[k][END]:
                goals[k][rows[k][1]] = rows[k][2]
            else:
                goals[k][rows[k][1]] = rows[k][2] + 0.99 * net.predict([rows[k][3]])[0].max()
        sizes = net.errors(rows, goals)
        net.fit(np.array([row[0] for row in rows]), goals, sample_weight=w)
        for node, size in zip(nodes, sizes):
            kept.update(node, (abs(size) + 0.01) ** 0.6)
""",
            },
        ),
        Example("one file", {"replay.py": _TREE + _MEMORY.replace("from tree import Tree\n", "") + _TRAIN[27:]}),
        Example(
            "masses of 32 bits, with sums of 64",
            _project(_TREE, f"import torch\n{_MEMORY.replace(_UNIFORM, '(k + torch.rand(1).item()) * width')}"),
        ),
        Example(
            "sums of 64 bits that tensors of 32 are added to, with errors of what is stored",
            {"tree.py": _TREE, "memory.py": _OF_ERRORS, "train.py": _BY_TENSORS},
        ),
        Example(
            "sums of 64 bits that tensors of 32 are added to, with errors of what was learnt from",
            {
                "tree.py": _CLIMBING,
                "memory.py": _MEMORY.replace(_UNIFORM, _UNIFORM[4:-1]),
                "train.py": _UPDATED,
            },
        ),
        Example(
            "nodes that start with a little more than 0, which the sums hold",
            _project(_STARTED, _EVEN),
        ),
    )
    good = (
        Example(
            "a draw that waits until the tree is full",
            _project(
                _TREE,
                _MEMORY.replace(
                    "        width = self", "        assert self.tree.count == self.tree.capacity\n        width = self"
                ),
            ),
        ).mended,
        Example(
            "nodes that start with a little more than 0, which sums that are kept by differences do not hold",
            _project(
                _STARTED.replace("  # <- PER304", "")
                .replace("self.sums[2 * node + 1] + self.sums[2 * node + 2]", "self.sums[node] + change")
                .replace(
                    "        self.sums[node] = priority\n",
                    "        change = priority - self.sums[node]\n        self.sums[node] = priority\n",
                ),
                _EVEN,
            ),
        ),
        Example("never to a child whose sum is 0", _project(_GUARDED)),
        Example(
            "a leaf without a share is drawn anew",
            _project(
                _TREE,
                _MEMORY.replace(
                    "            nodes.append(node)",
                    "            share = priority / self.tree.sums[0]\n"
                    "            if share == 0:\n"
                    "                continue\n"
                    "            nodes.append(node)",
                ),
            ),
        ).mended,
        Example(
            "a first draw after the first leaf of the lowest level was written, which is that of slot 24",
            {
                "tree.py": _TREE.replace("  # <- PER304", ""),
                "memory.py": _MEMORY,
                "train.py": _TRAIN.replace(
                    "        rows, nodes", "        if step < 50:\n            continue\n        rows, nodes"
                ),
            },
        ),
        Example("drawn again while the leaf is empty", _project(_TREE.replace("  # <- PER304", ""), _REDRAWN)),
        Example(
            "the position is kept below the number of slots in use",
            _project(
                _TREE.replace("  # <- PER304", ""),
                _MEMORY.replace("rows.append(row)", "rows.append(self.tree.rows[min(node, self.tree.count)])"),
            ),
        ),
        Example(
            "the slot of the leaf is looked at before it is used",
            _project(
                _TREE.replace("  # <- PER304", ""),
                _MEMORY.replace(
                    "            nodes.append(node)",
                    "            slot = node - self.tree.capacity + 1\n"
                    "            if slot >= self.tree.count:\n"
                    "                slot = 0\n"
                    "            nodes.append(node)",
                ),
            ),
        ),
        Example(
            "the method that asks for the positions keeps them below the number of slots in use",
            _project(
                _FLOATS.replace("  # <- PER304", ""),
                _MEMORY.replace("def sample(self, n, beta):", "def positions(self, n):")
                .replace("        nodes, p, rows = [], [], []", "        nodes = []")
                .replace("node, priority, row = self", "node, _, _ = self")
                .replace("            p.append(priority)\n            rows.append(row)\n", "")
                .replace(
                    "        weights =",
                    """        return nodes

    def sample(self, n, beta):
        nodes = self.positions(n)
        nodes = [min(node, self.tree.capacity + self.tree.count - 1) for node in nodes]
        p = [self.tree.sums[node] for node in nodes]
        rows = [self.tree.rows[node - self.tree.capacity] for node in nodes]
        weights =""",
                ),
            ),
        ),
        Example(
            "a capacity that is a power of two, whose first leaf is the first slot",
            {
                "tree.py": _TREE.replace("  # <- PER304", ""),
                "memory.py": _MEMORY,
                "train.py": _TRAIN.replace("1000", "1024"),
            },
        ),
        Example(
            "the first steps are taken by the training loop, which is told not to learn from them",
            {
                "tree.py": _TREE.replace("  # <- PER304", ""),
                "memory.py": _MEMORY,
                "train.py": """from memory import Memory


class Trainer:
    def __init__(self, env, net, optimizer):
        self.env, self.net, self.optimizer, self.memory = env, net, optimizer, Memory(1000)

    def learn(self, beta):
        rows, nodes, weights = self.memory.sample(32, beta)
        errors = self.net.errors(rows)
        (weights * errors**2).mean().backward()
        self.optimizer.step()
        self.memory.update(nodes, errors.detach().abs().numpy())

    def run(self, steps, learns=True):
        state = self.env.reset()
        for step in range(steps):
            next_state, reward, done, _ = self.env.step(self.net.act(state))
            self.memory.add((state, self.net.last, reward, next_state, done))
            state = self.env.reset() if done else next_state
            if learns:
                self.learn(min(1.0, 0.4 + 0.6 * step / steps))


def train(env, net, optimizer):
    trainer = Trainer(env, net, optimizer)
    trainer.run(500, learns=False)
    trainer.run(100_000)
""",
            },
        ),
        Example(
            "a power of two for a capacity, where nobody gives the program another",
            {
                "tree.py": _TREE.replace("  # <- PER304", ""),
                "memory.py": _MEMORY,
                "settings.py": "from absl import flags\nflags.DEFINE_integer('rows', 1024, '')\nFLAGS = flags.FLAGS\n",
                "train.py": f"from settings import FLAGS\n{_TRAIN.replace('1000', 'FLAGS.rows')}",
            },
        ),
        Example(
            "masses of 64 bits, of which a run draws none that is 0",
            _project(_TREE.replace("  # <- PER304", ""), _MEMORY.replace(_UNIFORM, _UNIFORM[4:-1])),
        ),
        Example(
            "masses of 32 bits, where the first leaf of the lowest level was written before the first draw",
            {
                "tree.py": _TREE.replace("  # <- PER304", ""),
                "memory.py": f"import torch\n{_MEMORY.replace(_UNIFORM, '(k + torch.rand(1).item()) * width')}",
                "train.py": _TRAIN.replace(
                    "        rows, nodes", "        if step < 50:\n            continue\n        rows, nodes"
                ),
            },
        ),
        Example(
            "sums of 32 bits, masses that end before the last leaf in use",
            _project(
                _FLOATS.replace("  # <- PER304", "")
                + """
    def mass(self, start, end):
        return float(self.sums[self.capacity + start : self.capacity + end].sum())
""",
                _MEMORY.replace(
                    "width = self.tree.sums[0] / n",
                    "width = self.tree.mass(0, self.tree.count - 1) / n  # <- PER301",
                )
                .replace(_UNIFORM, _UNIFORM[4:-1])
                .replace("sums[0]", "sums[1]"),
            ),
        ),
        Example(
            "tensors that are made numbers of before they come into sums of 64 bits",
            {
                "tree.py": _TREE.replace("  # <- PER304", ""),
                "memory.py": _OF_ERRORS.replace("self.priority(error), row", "float(self.priority(error)), row"),
                "train.py": _BY_TENSORS,
            },
        ),
        Example(
            "so few leaves that all are filled before the rounding of their sums is met",
            {
                "tree.py": _TREE.replace("  # <- PER304", ""),
                "memory.py": _OF_ERRORS,
                "train.py": _BY_TENSORS.replace("50_000", "512"),
            },
        ),
        Example(
            "rows that are nothing are left out of the batch",
            {
                "tree.py": _TREE.replace("  # <- PER304", ""),
                "memory.py": _OF_ERRORS.replace(
                    "return rows,", "rows = [row for row in rows if row]\n        return rows,"
                ),
                "train.py": _BY_TENSORS,
            },
        ),
        Example(
            "errors that are numbers by themselves",
            {
                "tree.py": _TREE.replace("  # <- PER304", ""),
                "memory.py": _OF_ERRORS,
                "train.py": _BY_TENSORS.replace("- q[action])", "- q[action]).item()"),
            },
        ),
        Example(
            "sums that are made of two numbers of 64 bits, whatever the leaves were given as",
            {"tree.py": _RESUMMED.replace("  # <- PER304", ""), "memory.py": _OF_ERRORS, "train.py": _BY_TENSORS},
        ),
    )


def _is_power(capacity: int | None) -> bool:
    """Whether all leaves are on one level, so that the first leaf is the first slot."""
    return capacity is not None and capacity & (capacity - 1) == 0


def _is_written_first(graph: ReplayGraph, buffer: ReplayBuffer, capacity: Capacity) -> bool:
    """Whether the leaf that a mass of 0 leads to, the first of the lowest level, is written before any draw."""
    slots = capacity.usual
    if slots is None:
        return False
    leftmost = (1 << max(slots - 1, 0).bit_length()) - slots
    return stored_before(graph, buffer) > leftmost


def _drawn_by_start(tree: SumTree, stops_short: bool) -> str | None:
    """That the leaves have a mass before anything is stored, in words; None where they have none, or none is drawn."""
    thing = None if stops_short else tree.filled(_LEAVES, [])
    start = min(tree.nodes(thing), default=0.0) if thing is not None else 0.0
    filled = tree.filled(_LEAVES, [1.0]) if _LEAST_START <= start < 1 else None
    if filled is None:
        return None
    known, last = tree.leaf(filled, 0.5), tree.leaf(filled, max(tree.nodes(filled)) - start / 2)
    is_drawn = None not in (known, last) and known != last
    return f"all nodes start with {start:g} in place of 0, and empty ones are drawn by it" if is_drawn else None


def _reached(tree: SumTree, grain: Grain | None, has_first: bool, stops_short: bool) -> str | None:
    """By which mass an empty leaf is reached, in words; None where no run will draw one.

    `has_first`: the leaf that a mass of 0 leads to is written before any draw. `stops_short`: the masses end before the
    last leaf that is filled.
    """
    for size in (4, 8) if _is_power(tree.capacity.usual) else (5, 6, 7, 4, 8):
        for filled in range(1, size):
            thing = tree.filled(size, [1.0] * filled)
            if thing is None:
                break
            known = [tree.leaf(thing, mass + 0.5) for mass in range(filled)]
            if None in known or len(set(known)) != filled:
                break
            is_small = tree.is_small(thing)
            how = None if has_first else _drawn_as_zero(grain, is_small)
            if how is not None and tree.leaf(thing, 0.0) not in (*known, None):
                return f"a mass of 0 does, with {filled} of {size} leaves filled{how}"
            if is_small and not stops_short and _rounds_out(tree, size, filled, set(known)):
                return f"the sums are of 32 bits, and round to masses behind the last of {filled} filled leaves"
    return None


def _given_as_tensors(
    graph: ReplayGraph, buffer: ReplayBuffer, tree: SumTree, tensors: Tensors
) -> list[tuple[str, ir.Node]]:
    """Where priorities are handed to the methods of a tree as tensors."""
    found: dict[ir.Node, str] = {}
    for store in graph.anatomy(buffer).stores:
        owner = graph.project.class_of.get(store.function) if isinstance(store.function, ir.Function) else None
        value = store.node.value if isinstance(store.node, ir.Aug) else store.expression
        if value is not None and owner in graph.classes.mro(tree.cls):
            for kept in tensors.kept(store.path, store.function, value):
                place = kept.passed or kept.made
                found[place] = graph.path_of(place) or kept.path
    return sorted(((path, node) for node, path in found.items()), key=lambda each: (each[0], each[1].start))


def _rounded_by_tensors(tree: SumTree) -> str | None:
    if (tree.capacity.usual or _SOON_FULL) < _SOON_FULL:
        return None
    size = 4 if _is_power(tree.capacity.usual) else 5
    for filled in range(1, size):
        thing = tree.filled(size, [1.0] * filled)
        known = set() if thing is None else {tree.leaf(thing, mass + 0.5) for mass in range(filled)}
        if None not in known and len(known) == filled and _rounds_out(tree, size, filled, known, Single):
            return (
                "priorities come as tensors of PyTorch, which round the sums to 32 bits, to masses behind the last of "
                f"{filled} filled leaves"
            )
    return None


def _drawn_as_zero(grain: Grain | None, is_small: bool) -> str | None:
    """Why a mass of 0 is drawn in a run, in words that follow others; None where it is not known to be."""
    if grain is None:
        return "" if is_small else None
    return _OFTEN.get(grain)


def _rounds_out(
    tree: SumTree,
    size: int,
    filled: int,
    known: set[tuple[object, ...] | None],
    number: type[float | Single] = float,
) -> bool:
    for step in range(8):
        priorities = [number(0.1 + 0.37 * ((count * 7 + step * 3) % 11)) for count in range(filled)]
        thing = tree.filled(size, priorities)
        if thing is not None and tree.leaf(thing, max(tree.nodes(thing)) * (1 - 1e-9)) not in (*known, None):
            return True
    return False


def _comparisons(graph: ReplayGraph, buffer: ReplayBuffer, find: ir.Function) -> Iterator[tuple[ir.Cmp, str]]:
    """The comparisons of the mass with the tree below a search."""
    anatomy = graph.anatomy(buffer)
    for function in sorted((f for f in graph.reachable(find, 3) if f is not None), key=lambda f: f.start):
        path = graph.project.module_of[function].path
        for node in ir.walk(function):
            if isinstance(node, ir.Cmp) and node.ops[0] in ("<", "<=", ">", ">="):
                sides = [graph.symbols.term(path, side) for side in (node.left, *node.rights)]
                if any(anatomy.priority_base(side) for side in sides):
                    yield node, path


def _returns(function: ir.Function) -> Iterator[ir.Node]:
    yield function
    yield from (node for node in ir.walk_scope(function.body) if isinstance(node, ir.Return))


# With fewer leaves all are filled before a run draws one of the masses that rounding leaves over, nine times in ten.
_SOON_FULL = 4_000
_START = "start"
_LEAVES = 4  # of a tree that is tried out while nearly empty
# Of 100,000 leaves one with so small a mass is drawn in about one run of four while the tree is filled.
_LEAST_START = 1e-8
_OFTEN = {
    Grain.WHOLE: ", and the masses are cut off to whole numbers",
    Grain.SINGLE: ", and of masses of 32 bits one in about 2^24 is 0",
}
_LIMITS = {
    "min",
    "max",
    "clip",
    "clamp",
    "minimum",
    "maximum",
    "where",
    "isnan",
    "fmod",
    "mod",
    "isinstance",
    "nonzero",
}


def _is_full(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether every draw waits until all leaves were written."""
    held = graph.anatomy(buffer).containers
    return bool(held) and all(
        graph.is_full_at(buffer.path, node, buffer, container) for node in buffer.draws for container in held
    )


def _is_checked(graph: ReplayGraph, find: ir.Function) -> bool:
    """Whether someone who calls the search looks at what it answered before it is used.

    That may be a method of the same class, to which the caller only hands on what it found.
    """
    calls_of, class_of = graph.symbols.calls_of, graph.project.class_of
    for node, caller, _ in calls_of.get(find, ()):
        if caller is not None and _checks(caller, node):
            return True
        cls = class_of.get(caller) if isinstance(caller, ir.Function) else None
        if cls is not None and any(
            isinstance(outer, ir.Function) and class_of.get(outer) is cls and _checks_each(outer, call)
            for call, outer, _ in calls_of.get(caller, ())
        ):
            return True
    return False


def _checks_each(caller: ir.Node, call: ir.Node) -> bool:
    """Whether a function puts a limit to each of the positions that a call gave it."""
    given = _derived(caller, call)
    for node in ir.walk(caller):
        if isinstance(node, ir.Comp) and isinstance(node.elt, ir.Call):
            held = {n.id for part in node.generators for n in ir.walk(part.iter) if isinstance(n, ir.Name)}
            name = ir.last_name(node.elt.func)
            if name in _LIMITS and len(node.elt.args) > 1 and not held.isdisjoint(given):
                return True
    return False


def _checks(caller: ir.Node, call: ir.Node) -> bool:
    derived = _derived(caller, call)

    def mentions(*nodes: ir.Node | None) -> bool:
        return any((isinstance(n, ir.Name) and n.id in derived) or n is call for e in nodes if e for n in ir.walk(e))

    shares = _shares(caller, derived)
    for node in ir.walk(caller):
        if isinstance(node, (ir.If, ir.While, ir.Assert)) and _is_asked_for_zero(node.test, shares):
            return True
        if isinstance(node, (ir.If, ir.While, ir.IfExp, ir.Assert)) and mentions(node.test) and not _is_part(node.test):
            return True
        if isinstance(node, ir.Generator) and (mentions(*node.ifs) or _sorts_out(node, derived)):
            return True
        if isinstance(node, ir.Cmp) and mentions(node):
            return True
        if isinstance(node, ir.Call):
            name = ir.last_name(node.func)
            limits = name in _LIMITS and (name not in ("min", "max") or len(node.args) > 1)
            if limits and mentions(*(arg.value for arg in node.args)):
                return True
        if isinstance(node, ir.Bin) and node.op == "%" and mentions(node.left):
            return True
    return False


def _sorts_out(node: ir.Generator, derived: set[str]) -> bool:
    """Whether rows of what was answered are left out that are nothing: `for row in rows if row`, no field of them."""
    if not isinstance(node.iter, ir.Name) or node.iter.id not in derived or not isinstance(node.target, ir.Name):
        return False
    sides = (test.left if isinstance(test, ir.Cmp) else test for test in node.ifs)
    return any(isinstance(side, ir.Name) and side.id == node.target.id for side in sides)


def _shares(caller: ir.Node, derived: set[str]) -> set[str]:
    """The names of numbers that are computed of an answer: the share that its priority has in all."""
    computed = (node for node in ir.walk(caller) if isinstance(node, ir.Assign) and isinstance(node.value, ir.Bin))
    return {
        target.id
        for node in computed
        for target in node.targets
        if isinstance(target, ir.Name)
        and node.value is not None
        and any(isinstance(part, ir.Name) and part.id in derived for part in ir.walk(node.value))
    }


def _is_asked_for_zero(test: ir.Expr, shares: set[str]) -> bool:
    """Whether a test asks whether one of some numbers is 0."""
    if not isinstance(test, ir.Cmp) or len(test.ops) != 1:
        return False
    sides = (test.left, test.rights[0])
    is_zero = any(isinstance(side, ir.Const) and side.value in (0, 0.0) for side in sides)
    return is_zero and any(isinstance(side, ir.Name) and side.id in shares for side in sides)


def _is_part(test: ir.Expr) -> bool:
    """Whether a test reads a field of a row of the batch, as `if batch[i][DONE]` does, and says nothing of the leaf."""
    while isinstance(test, ir.Un):
        test = test.operand
    return isinstance(test, (ir.Sub, ir.Attr)) and isinstance(test.value, ir.Sub)


def _derived(caller: ir.Node, call: ir.Node) -> set[str]:
    """The names that hold the answer of a call, or a part of it, directly."""
    found: set[str] = set()
    for node in ir.walk(caller):
        targets: list[ir.Expr] = []
        if isinstance(node, ir.Assign) and node.value is not None and any(n is call for n in ir.walk(node.value)):
            targets = node.targets
        elif isinstance(node, ir.Call) and isinstance(node.func, ir.Attr) and node.func.attr == "append":
            put = [n for arg in node.args for n in ir.walk(arg)]
            holds = any(n is call or (isinstance(n, ir.Name) and n.id in found) for n in put)
            targets = [node.func.value] if holds else []
        elif isinstance(node, ir.Assign) and isinstance(node.value, ir.Bin) and node.value.op in ("+", "-"):
            positions = [n for n in ir.walk(node.value) if isinstance(n, ir.Name) and n.id in found]
            targets = node.targets if positions else []  # the slot of a node
        for target in targets:
            found |= {n.id for n in ir.walk(target) if isinstance(n, ir.Name) and n.id != "self"}
    return found
