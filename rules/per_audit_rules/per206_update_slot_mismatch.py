"""PER206 update-slot-mismatch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.findings import FixOffer, Severity
from per_audit.graph import PRIORITISED, ReplayBuffer, ReplayGraph
from per_audit.graph.memory import narrow
from per_audit.graph.memory.shifts import outgrown, parted, runs_on
from per_audit.graph.prioritised.priorities import handed, leaves
from per_audit.graph.symbolic import Term, alternatives, strip
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.findings import Finding
    from per_audit.graph.interpret.events import Evict, Store
    from per_audit.graph.prioritised.anatomy import Anatomy
    from per_audit.graph.prioritised.priorities.writes import PriorityWrite, Step

_TRAIN = """from memory import Memory


def train(env, net, optimizer, steps):
    memory = Memory(1000)
    state = env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(net.act(state))
        memory.add(state, net.last, reward, next_state, done)
        state = env.reset() if done else next_state
        batch, slots, weights = memory.sample(32, min(1.0, 0.4 + 0.6 * step / steps))
        errors = net.errors(batch)
        (weights * errors**2).mean().backward()
        optimizer.step()
        memory.update(slots, errors.detach().abs().numpy())
"""
_ARRAYS = """import numpy as np


class Memory:
    def __init__(self, capacity, alpha=0.6):
        self.rows, self.capacity, self.alpha = [None] * capacity, capacity, alpha
        self.mass, self.at, self.size, self.top = np.zeros(capacity), 0, 0, 1.0

    def add(self, state, action, reward, next_state, done):
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.at = (self.at + 1) % self.capacity
        self.size = min(self.size + 1, self.capacity)
        self.mass[self.at] = self.top**self.alpha  # <- PER206

    def sample(self, n, beta):
        p = self.mass[: self.size] / self.mass[: self.size].sum()
        slots = np.random.choice(self.size, n, p=p)
        weights = (self.size * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        self.mass[slots] = (errors + 1e-6) ** self.alpha
        self.top = max(self.top, errors.max() + 1e-6)
"""
_ARRAYS_RIGHT = _ARRAYS.replace(
    """        self.at = (self.at + 1) % self.capacity
        self.size = min(self.size + 1, self.capacity)
        self.mass[self.at] = self.top**self.alpha  # <- PER206
""",
    """        self.mass[self.at] = self.top**self.alpha
        self.at = (self.at + 1) % self.capacity
        self.size = min(self.size + 1, self.capacity)
""",
)
_ONWARD = _ARRAYS_RIGHT.replace("0, 0, 1.0\n", "0, 0, 1.0\n        self.mark = 0\n").replace(
    "        self.mass[self.at] = self.top**self.alpha\n",
    "        self.mass[self.mark] = self.top**self.alpha  # <- PER206\n        self.mark += 1\n",
)
_SAVED = _ARRAYS.replace(
    """        self.rows[self.at] = (""",
    """        slot = self.at
        self.rows[slot] = (""",
).replace("self.mass[self.at] = self.top**self.alpha  # <- PER206", "self.mass[slot] = self.top**self.alpha")
_PRIORITY_FIRST = _ARRAYS.replace(
    """        self.rows[self.at] = (state, action, reward, next_state, done)
        self.at = (self.at + 1) % self.capacity
        self.size = min(self.size + 1, self.capacity)
        self.mass[self.at] = self.top**self.alpha  # <- PER206
""",
    """        self.mass[self.at] = self.top**self.alpha  # <- PER206
        self.at += 1
        if self.at == self.capacity:
            self.at = 0
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.size = min(self.size + 1, self.capacity)
""",
)
_SHIFTING_ROWS = (
    _ARRAYS_RIGHT.replace("import numpy as np\n", "from collections import deque\n\nimport numpy as np\n")
    .replace("[None] * capacity, capacity", "deque(maxlen=capacity), capacity")
    .replace(
        "self.rows[self.at] = (state, action, reward, next_state, done)",
        "self.rows.append((state, action, reward, next_state, done))  # <- PER206",
    )
)
_SHIFTING_PRIORITIES = (
    _ARRAYS_RIGHT.replace("import numpy as np\n", "from collections import deque\n\nimport numpy as np\n")
    .replace("np.zeros(capacity)", "deque(maxlen=capacity)")
    .replace("self.mass[self.at] = self.top**self.alpha", "self.mass.append(self.top**self.alpha)  # <- PER206")
    .replace(
        "p = self.mass[: self.size] / self.mass[: self.size].sum()",
        "p = np.array(self.mass)\n        p = p / p.sum()",
    )
    .replace(
        "        self.mass[slots] = (errors + 1e-6) ** self.alpha\n",
        "        for slot, error in zip(slots, errors):\n            self.mass[slot] = (error + 1e-6) ** self.alpha\n",
    )
)
_ROW = "        self.rows[self.at] = (state, action, reward, next_state, done)\n"
_APPENDED_ROW = """        row = (state, action, reward, next_state, done)
        if len(self.rows) < self.capacity:
            self.rows.append(row)
        else:
            self.rows[self.at] = row
"""
_COUNTED = _ARRAYS.replace("self.rows[self.at]", "self.rows[self.at % self.capacity]").replace(
    """        self.at = (self.at + 1) % self.capacity
        self.size = min(self.size + 1, self.capacity)
        self.mass[self.at] =""",
    """        self.at += 1
        self.size = min(self.at, self.capacity)
        self.mass[self.at % self.capacity] =""",
)
_RING = """import numpy as np


class Ring:
    def __init__(self, capacity):
        self.capacity, self.position, self.filled = capacity, 0, 0
        self.states, self.next_states = np.zeros((capacity, 4)), np.zeros((capacity, 4))
        self.actions, self.rewards, self.ends = np.zeros(capacity, int), np.zeros(capacity), np.zeros(capacity)

    def add(self, state, action, reward, next_state, done):
        self.states[self.position], self.next_states[self.position] = state, next_state
        self.actions[self.position] = action
        self.rewards[self.position] = reward
        self.ends[self.position] = done
        self.position = (self.position + 1) % self.capacity
        self.filled = min(self.filled + 1, self.capacity)

    def take(self, slots):
        return self.states[slots], self.actions[slots], self.rewards[slots], self.next_states[slots], self.ends[slots]
"""
_HEIR = """import numpy as np
from ring import Ring


class Memory(Ring):
    def __init__(self, capacity):
        super().__init__(capacity)
        self.priorities = np.zeros(capacity)

    def add(self, state, action, reward, next_state, done):
        super().add(state, action, reward, next_state, done)
        self.priorities[self.position] = 1.0  # <- PER206

    def sample(self, n, beta):
        p = self.priorities[: self.filled] / self.priorities[: self.filled].sum()
        slots = np.random.choice(self.filled, n, p=p)
        weights = (self.filled * p[slots]) ** -beta
        return self.take(slots), slots, weights / weights.max()

    def update(self, slots, errors):
        self.priorities[slots] = (errors + 1e-6) ** 0.6
"""
_COUNTING = _RING.replace("self.position]", "self.position % self.capacity]").replace(
    "self.position = (self.position + 1) % self.capacity", "self.position += 1"
)
_COUNTED_ON = _HEIR.replace(
    "        self.priorities[self.position] =",
    "        slot = self.position % self.capacity\n        self.priorities[slot] =",
)
_HEIR_SAVED = _HEIR.replace("        super().add(", "        slot = self.position\n        super().add(").replace(
    "self.priorities[self.position] = 1.0  # <- PER206", "self.priorities[slot] = 1.0"
)
_TREE = """import numpy as np


class Tree:
    def __init__(self, capacity):
        self.capacity, self.sums = capacity, np.zeros(2 * capacity)

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
_RECURSIVE = """import random
import numpy as np


class Tree:
    def __init__(self, size):
        self.first, self.sums = size - 1, np.zeros(2 * size - 1)

    def _climb(self, node, change):
        above = (node - 1) // 2
        self.sums[above] += change
        if above > 0:
            self._climb(above, change)

    def _descend(self, node, mass):
        left = 2 * node + 1
        if left >= len(self.sums):
            return node
        if mass <= self.sums[left]:
            return self._descend(left, mass)
        return self._descend(left + 1, mass - self.sums[left])

    def put(self, number, priority):
        self.set(self.first + number, priority)

    def set(self, leaf, priority):
        change = priority - self.sums[leaf]
        self.sums[leaf] = priority
        if leaf > 0:
            self._climb(leaf, change)

    def find(self, mass):
        return self._descend(0, mass)


class Memory:
    def __init__(self, size, width=4):
        self.tree, self.size, self.at, self.count, self.most = Tree(size), size, 0, 0, 1.0
        self.states, self.following = np.zeros((size, width)), np.zeros((size, width))
        self.actions, self.rewards, self.ends = np.zeros(size, int), np.zeros(size), np.zeros(size)

    def add(self, state, action, reward, next_state, done):
        self.states[self.at], self.following[self.at] = state, next_state
        self.actions[self.at], self.rewards[self.at], self.ends[self.at] = action, reward, done
        self.tree.put(self.at, self.most)
        self.at = (self.at + 1) % self.size
        self.count = min(self.count + 1, self.size)

    def sample(self, n, beta):
        leaves = np.array([self.tree.find(random.random() * self.tree.sums[0]) for _ in range(n)])
        w = (self.count * self.tree.sums[leaves] / self.tree.sums[0]) ** -beta
        slots = np.clip(leaves - self.tree.first, 0, self.count - 1)
        rows = self.states[slots], self.actions[slots], self.rewards[slots], self.following[slots], self.ends[slots]
        return rows, slots, w / w.max()

    def update(self, slots, errors):
        for slot, error in zip(slots, errors):
            priority = (abs(error) + 1e-5) ** 0.6
            self.most = max(self.most, priority)
            self.tree.set(slot, priority)  # <- PER206
"""
_WITH_TREE = """import random
import numpy as np
from tree import Tree


class Memory:
    def __init__(self, capacity):
        self.capacity, self.next, self.count, self.tree = capacity, 0, 0, Tree(capacity)
        self.states, self.next_states = np.zeros((capacity, 4)), np.zeros((capacity, 4))
        self.actions, self.rewards, self.ends = np.zeros(capacity, int), np.zeros(capacity), np.zeros(capacity)

    def add(self, state, action, reward, next_state, done):
        at = self.next
        self.states[at], self.next_states[at] = state, next_state
        self.actions[at], self.rewards[at], self.ends[at] = action, reward, done
        self.next = (at + 1) % self.capacity
        self.count = min(self.count + 1, self.capacity)
        self.tree.put(self.next, 1.0)  # <- PER206

    def sample(self, n, beta):
        slots = np.array([self.tree.find(random.random() * self.tree.sums[1]) for _ in range(n)])
        p = self.tree.sums[slots + self.capacity] / self.tree.sums[1]
        weights = (self.count * p) ** -beta
        batch = self.states[slots], self.actions[slots], self.rewards[slots], self.next_states[slots], self.ends[slots]
        return batch, slots, weights / weights.max()

    def update(self, slots, errors):
        for slot, error in zip(slots, errors):
            self.tree.put(slot, (error + 1e-6) ** 0.6)
"""
_BYTES = _ARRAYS_RIGHT.replace(
    "        return [self.rows[i] for i in slots], slots, weights",
    "        rows = [self.rows[i] for i in slots]\n"
    "        slots = np.array(slots, dtype=np.uint8)  # <- PER206\n"
    "        return rows, slots, weights",
)
_IN_TREE = _WITH_TREE.replace("self.tree.put(self.next, 1.0)  # <- PER206", "self.tree.put(at, 1.0)")
_AT_NODES = _IN_TREE.replace(
    "            self.tree.put(slot, (error + 1e-6) ** 0.6)\n",
    "            self.tree.sums[slot] = (error + 1e-6) ** 0.6  # <- PER206\n        self.tree.renew()\n",
)
_RENEWED = (
    _TREE
    + """
    def renew(self):
        for node in range(self.capacity - 1, 0, -1):
            self.sums[node] = self.sums[2 * node] + self.sums[2 * node + 1]
"""
)
_LOOKED_UP = """import random
import numpy as np


class Tree:
    def __init__(self, size):
        self.size, self.at, self.count = size, 0, 0
        self.sums, self.rows = np.zeros(2 * size - 1), np.empty(size, dtype=object)

    def add(self, priority, row):
        known = np.flatnonzero(self.rows == row)
        if len(known):
            self.put(known[0], 2 * priority)  # <- PER206
            return
        self.rows[self.at] = row
        self.put(self.at + self.size - 1, priority)
        self.at = (self.at + 1) % self.size
        self.count = min(self.count + 1, self.size)

    def put(self, node, priority):
        change = priority - self.sums[node]
        self.sums[node] = priority
        while node:
            node = (node - 1) // 2
            self.sums[node] += change

    def find(self, mass):
        node = 0
        while 2 * node + 1 < len(self.sums):
            left = 2 * node + 1
            if mass < self.sums[left]:
                node = left
            else:
                mass -= self.sums[left]
                node = left + 1
        return node, self.sums[node], self.rows[node - self.size + 1]


class Memory:
    def __init__(self, capacity):
        self.tree = Tree(capacity)

    def add(self, state, action, reward, next_state, done):
        self.tree.add(1.0, (state, action, reward, next_state, done))

    def sample(self, n, beta):
        found = [self.tree.find(random.random() * self.tree.sums[0]) for _ in range(n)]
        nodes, p, rows = zip(*found)
        weights = (self.tree.count * np.array(p) / self.tree.sums[0]) ** -beta
        return rows, nodes, weights / weights.max()

    def update(self, nodes, errors):
        for node, error in zip(nodes, errors):
            self.tree.put(node, (error + 1e-6) ** 0.6)
"""
_LOOKED_UP_RIGHT = _LOOKED_UP.replace("known[0], 2 * priority)  # <- PER206", "known[0] + self.size - 1, 2 * priority)")


_LIST_AND_TREE = _WITH_TREE.replace(
    """        self.states, self.next_states = np.zeros((capacity, 4)), np.zeros((capacity, 4))
        self.actions, self.rewards, self.ends = np.zeros(capacity, int), np.zeros(capacity), np.zeros(capacity)
""",
    "        self.rows = []\n",
)
_LIST_AND_TREE = (
    _LIST_AND_TREE[: _LIST_AND_TREE.index("        at = self.next\n")]
    + """        if len(self.rows) == self.capacity:
            self.rows.pop(0)  # <- PER206
        self.rows.append((state, action, reward, next_state, done))
        self.tree.put(self.next, 1.0)
        self.next = (self.next + 1) % self.capacity
        self.count = min(self.count + 1, self.capacity)
"""
    + _LIST_AND_TREE[_LIST_AND_TREE.index("\n    def sample") :]
)
_LIST_AND_TREE = (
    _LIST_AND_TREE[: _LIST_AND_TREE.index("        batch = ")]
    + "        batch = [self.rows[slot] for slot in slots]\n"
    + _LIST_AND_TREE[_LIST_AND_TREE.index("        return batch") :]
)

_SEVERAL = """import random
import numpy as np
from tree import Tree


class Memory:
    def __init__(self, capacity, envs=4):
        self.capacity, self.envs, self.next, self.count = capacity, envs, 0, 0
        self.trees = [Tree(capacity) for _ in range(envs)]
        self.states, self.next_states = np.zeros((capacity, envs, 4)), np.zeros((capacity, envs, 4))
        self.actions, self.ends = np.zeros((capacity, envs), int), np.zeros((capacity, envs))
        self.rewards = np.zeros((capacity, envs))

    def add(self, state, action, reward, next_state, done):
        at = self.next
        self.states[at], self.next_states[at] = state, next_state
        self.actions[at], self.rewards[at], self.ends[at] = action, reward, done
        for k in range(self.envs):
            self.trees[k].put(at, 1.0)
        self.next = (at + 1) % self.capacity
        self.count = min(self.count + 1, self.capacity)

    def sample(self, n, beta):
        each, slots, shares = n // self.envs, [], []
        for k in range(self.envs):
            tree = self.trees[k]
            found = np.array([tree.find(random.random() * tree.sums[1]) for _ in range(each)])
            shares.append(tree.sums[found + self.capacity] / tree.sums[1])
            slots.append(found + k * self.capacity)  # <- PER206
        slots = np.concatenate(slots)
        weights = (self.count * np.concatenate(shares)) ** -beta
        at, env = slots % self.capacity, slots // self.capacity
        rows = self.states[at, env], self.actions[at, env], self.rewards[at, env]
        return (*rows, self.next_states[at, env], self.ends[at, env]), slots, weights / weights.max()

    def update(self, slots, errors):
        each = len(slots) // self.envs
        for k in range(self.envs):
            tree = self.trees[k]
            for i in range(k * each, (k + 1) * each):
                tree.put(slots[i], (errors[i] + 1e-6) ** 0.6)
"""
_SEVERAL_AT_ONCE = (
    _SEVERAL.replace(
        "            found = np.array([tree.find(random.random() * tree.sums[1]) for _ in range(each)])\n",
        "            found = self.found_in(k, each)\n",
    )
    .replace(
        "    def update(",
        """    def found_in(self, k, n):
        return np.array([self.trees[k].find(random.random() * self.trees[k].sums[1]) for _ in range(n)])

    def update(""",
    )
    .replace(
        """            tree = self.trees[k]
            for i in range(k * each, (k + 1) * each):
                tree.put(slots[i], (errors[i] + 1e-6) ** 0.6)
""",
        """            part = slice(k * each, (k + 1) * each)
            for slot, error in zip(slots[part], errors[part]):
                self.trees[k].put(slot, (error + 1e-6) ** 0.6)
""",
    )
)
_SEVERAL_RIGHT = _SEVERAL.replace("  # <- PER206", "")


_RANKS = """import numpy as np


class Memory:
    def __init__(self, capacity):
        self.states, self.next_states = np.zeros((capacity, 4)), np.zeros((capacity, 4))
        self.actions, self.rewards, self.ends = np.zeros(capacity, int), np.zeros(capacity), np.zeros(capacity)
        self.surprise, self.order = np.zeros(capacity), np.empty(0, dtype=int)
        self.capacity, self.at, self.size, self.top = capacity, 0, 0, 1.0

    def add(self, state, action, reward, next_state, done):
        self.states[self.at], self.next_states[self.at] = state, next_state
        self.actions[self.at], self.rewards[self.at], self.ends[self.at] = action, reward, done
        self.surprise[self.at] = self.top
        self.at = (self.at + 1) % self.capacity
        self.size = min(self.size + 1, self.capacity)

    def put_in_order(self):
        self.order = np.argsort(-self.surprise[: self.size])
        self.shares = (1.0 / np.arange(1, self.size + 1)) ** 0.7
        self.shares = self.shares / self.shares.sum()

    def sample(self, n, beta):
        if not self.at % 500:
            self.put_in_order()
        ranks = np.random.choice(len(self.order), n, p=self.shares)
        at = self.order[ranks]
        weights = (len(self.order) * self.shares[ranks]) ** -beta
        batch = self.states[at], self.actions[at], self.rewards[at], self.next_states[at], self.ends[at]
        return batch, ranks, weights / weights.max()

    def update(self, slots, errors):
        self.surprise[slots] = errors + 1e-6
        self.top = max(self.top, errors.max() + 1e-6)
"""

_OUTGROWING = """import numpy as np


class Memory:
    def __init__(self, capacity, alpha=0.6):
        self.rows, self.mass = [], []
        self.capacity, self.at, self.alpha, self.top = capacity, 0, alpha, 1.0

    def add(self, state, action, reward, next_state, done):
        if len(self.rows) < self.capacity:
            self.rows.append(None)
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.mass.append(self.top)  # <- PER206
        self.at = (self.at + 1) % self.capacity

    def sample(self, n, beta):
        p = np.array(self.mass[: len(self.rows)]) ** self.alpha
        p /= p.sum()
        slots = np.random.choice(len(self.rows), n, p=p)
        weights = (len(self.rows) * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        for slot, error in zip(slots, errors):
            self.mass[slot] = error + 1e-6
"""

_LISTED = _OUTGROWING.replace(
    "        self.mass.append(self.top)  # <- PER206\n", "        self.mass[self.at] = self.top\n"
).replace("self.rows.append(None)", "self.rows.append(None)\n            self.mass.append(0.0)")
_ZIPPED = """        for slot, error in zip(slots, errors):
            self.mass[slot] = error + 1e-6
"""


class UpdateSlotMismatch(Rule):
    """A transition is in one slot and its priority in another.

    ## What it does

    Reports a method that stores a transition at a pointer, moves the pointer, and then writes the transition's priority
    at the pointer, or the other way round; also where the store and the move are in a method of a base class. Reports
    transitions in a deque or list that moves all its items when the oldest is evicted, where the priorities keep their
    places in a ring or tree, and the reverse; and priorities that are added to a list for ever, or at a position that
    nothing sets back, where transitions take the slots of the oldest. Reports a priority that is written to the node of
    a sum tree that has the number of the transition's slot, where new transitions get the leaf that many nodes further
    on. Reports drawn positions that are converted to 8 bits in a buffer of more than 256 slots, and weights, the
    numbers of the rows of a batch, or ranks in an order of the priorities, that are handed over where positions are
    meant. Reports positions in several trees that are told apart by adding to them what goes by the tree's number, and
    that each tree is handed back with nothing taken off.

    ## Why is this bad

    With a pointer that moved each new transition has the priority of the slot before it, or of the one it replaced: 0
    in a fresh buffer, so that the newest transition is never drawn before its successor is stored. The first priority
    goes to an empty slot. Where one of two containers shifts, all is well until it is full; from then on each priority
    belongs to another transition with every step, and the draw is arbitrary while the weights correct for it. A slot
    taken for a node overwrites a sum near the root: the search then goes wrong for all transitions below it.

    ## Known problems

    Positions that are told neither by a pointer of the object nor by a draw are not judged, nor containers that are
    copied or rolled.

    ## Example

    ```python
    self.rows[self.at] = row
    self.at = (self.at + 1) % self.capacity
    self.priorities[self.at] = self.top
    ```

    ## Use instead

    ```python
    self.rows[self.at] = row
    self.priorities[self.at] = self.top
    self.at = (self.at + 1) % self.capacity
    ```

    ## Fix safety

    Not rewritten automatically: statements change their order, or a container its kind.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, Algorithm 1, line 6
    """

    code = "PER206"
    name = "update-slot-mismatch"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each stored transition whose priority is beside it, and for each container that shifts."""
        beside: dict[_Place, list[_Place]] = {}
        shifted: set[ir.Node] = set()
        for buffer in graph.buffers:
            if buffer.kind != PRIORITISED or graph.priorities(buffer).is_reference:
                continue
            anatomy = graph.anatomy(buffer)
            places: dict[_Place, list[_Place]] = {}
            for write in anatomy.writes:
                for node, path, stored in _beside(graph, buffer, write) if write.inserts else ():
                    if (node, path) not in places.setdefault(stored, []):
                        places[stored].append((node, path))
            for stored, written in places.items():
                if stored not in beside:
                    beside[stored] = written
                    yield self._finding(graph, buffer, sorted(written, key=lambda place: place[0].start), stored)
            shift = parted(anatomy)
            if shift is not None and shift[0].node not in shifted:
                shifted.add(shift[0].node)
                yield self._shifting(graph, buffer, *shift)
            outgrowing = outgrown(anatomy)
            if outgrowing is not None and outgrowing[0].node not in shifted:
                shifted.add(outgrowing[0].node)
                yield self._outgrowing(graph, buffer, *outgrowing)
            running = runs_on(anatomy)
            if running is not None and running[0].node not in shifted:
                shifted.add(running[0].node)
                yield self._running_on(graph, buffer, *running)
            for finding, node in self._at_updates(graph, buffer, anatomy):
                if node not in shifted:
                    shifted.add(node)
                    yield finding

    def _at_updates(
        self, graph: ReplayGraph, buffer: ReplayBuffer, anatomy: Anatomy
    ) -> Iterator[tuple[Finding, ir.Node]]:
        for write, slot, right in leaves.misplaced(anatomy):
            step = _where_made(anatomy, write, slot)
            yield self._among_nodes(graph, buffer, write, step, right), step.node
        for node, path in narrow.narrowed(anatomy):
            yield self._narrowed(graph, buffer, node, path), node
        for step, unpacked in handed.weights_for_positions(anatomy):
            yield self._handed(graph, buffer, step, unpacked), step.node
        for step in handed.numbers_for_positions(anatomy):
            yield self._counted(graph, buffer, step), step.node
        for step, looked_up in handed.ranks_for_positions(anatomy):
            yield self._ranked(graph, buffer, step, looked_up), step.node
        for step, moved in handed.moved_positions(anatomy):
            if moved.node is not None:
                yield self._moved(graph, buffer, step, moved.node, moved.path), moved.node

    def _handed(self, graph: ReplayGraph, buffer: ReplayBuffer, step: Step, unpacked: list[_Place]) -> Finding:
        name = graph.name_of(buffer)
        return self.finding(
            graph,
            step.path,
            step.node,
            f"`{graph.source(step.path, step.node)}` gives {name} weights where it takes positions: "
            "the priorities of other transitions change",
            evidence=[
                *(graph.evidence(path, node, "unpacked", "the batch is taken apart here") for node, path in unpacked),
                graph.evidence(step.path, step.node, "update", "handed over as positions here"),
            ],
            fix=FixOffer(title="take the batch apart in the order in which it is returned"),
            pipeline=name,
        )

    def _counted(self, graph: ReplayGraph, buffer: ReplayBuffer, step: Step) -> Finding:
        name = graph.name_of(buffer)
        draws = ((graph.path_of(source), source) for source in sorted(buffer.sources, key=lambda source: source.start))
        return self.finding(
            graph,
            step.path,
            step.node,
            f"`{graph.source(step.path, step.node)}` numbers the batch from 0 where {name} takes the positions that "
            "were drawn: its first slots get the priorities of other transitions",
            evidence=[
                *(graph.evidence(where, source, "draw", "drawn here") for where, source in draws if where),
                graph.evidence(step.path, step.node, "update", "handed over as positions here"),
            ],
            fix=FixOffer(title="hand over the positions that were drawn"),
            pipeline=name,
        )

    def _ranked(self, graph: ReplayGraph, buffer: ReplayBuffer, step: Step, looked_up: ir.Node) -> Finding:
        name, where = graph.name_of(buffer), graph.path_of(looked_up) or buffer.path
        return self.finding(
            graph,
            step.path,
            step.node,
            f"`{graph.source(step.path, step.node)}` gives {name} ranks where it takes positions: the priorities of "
            "other transitions change",
            evidence=[
                graph.evidence(where, looked_up, "draw", "the ranks that were drawn are turned into positions here"),
                graph.evidence(step.path, step.node, "update", "handed over as positions here"),
            ],
            fix=FixOffer(title="hand over the positions that the ranks stand for"),
            pipeline=name,
        )

    def _moved(self, graph: ReplayGraph, buffer: ReplayBuffer, step: Step, moved: ir.Node, path: str) -> Finding:
        name = graph.name_of(buffer)
        return self.finding(
            graph,
            path,
            moved,
            f"`{graph.source(path, moved)}` moves the positions that were drawn from each {name} but the first, and "
            f"`{graph.source(step.path, step.node)}` writes where they were moved to: the priorities of other "
            "transitions change",
            evidence=[
                graph.evidence(path, moved, "draw", "the positions in one tree are moved by its number here"),
                graph.evidence(step.path, step.node, "update", "handed over as positions here, with nothing taken off"),
            ],
            fix=FixOffer(title="hand each tree the positions that were drawn from it"),
            pipeline=name,
        )

    def _narrowed(self, graph: ReplayGraph, buffer: ReplayBuffer, node: ir.Call, path: str) -> Finding:
        name = graph.name_of(buffer)
        draws = ((graph.path_of(source), source) for source in sorted(buffer.sources, key=lambda source: source.start))
        return self.finding(
            graph,
            path,
            node,
            f"`{graph.source(path, node)}` keeps 8 bits of the positions that were drawn from {name}: what comes from "
            "later slots updates the priorities of others",
            evidence=[graph.evidence(where, source, "draw", "drawn here") for where, source in draws if where],
            fix=FixOffer(title="keep positions in a type that counts all slots"),
            pipeline=name,
        )

    def _among_nodes(
        self, graph: ReplayGraph, buffer: ReplayBuffer, write: PriorityWrite, step: Step, right: PriorityWrite
    ) -> Finding:
        name = graph.name_of(buffer)
        stores = (write.steps[0], right.steps[0])
        return self.finding(
            graph,
            step.path,
            step.node,
            f"`{graph.source(step.path, step.node)}` takes the slot of a transition of {name} for its leaf in the "
            "tree: the priority goes to another node",
            evidence=[
                graph.evidence(step.path, step.node, "priority", "the slot of the transition is handed on as it is"),
                *(graph.evidence(s.path, s.node, "store", "a node is written here") for s in dict.fromkeys(stores)),
                graph.evidence(right.outermost.path, right.outermost.node, "leaf", "new transitions get a leaf here"),
            ],
            fix=FixOffer(title="add what lies before the leaves to the slot"),
            pipeline=name,
        )

    def _finding(self, graph: ReplayGraph, buffer: ReplayBuffer, written: list[_Place], stored: _Place) -> Finding:
        name, (node, path) = graph.name_of(buffer), written[0]
        return self.finding(
            graph,
            path,
            node,
            f"`{graph.source(path, node)}` writes the priority of a new transition of {name} to another slot than the "
            "transition: the pointer moves in between",
            evidence=[
                graph.evidence(stored[1], stored[0], "stored", "the transition is stored here"),
                *(graph.evidence(path, node, "priority", "its priority is written here") for node, path in written),
            ],
            fix=FixOffer(title="write the priority at the position of the transition"),
            pipeline=name,
        )

    def _shifting(
        self, graph: ReplayGraph, buffer: ReplayBuffer, cause: Store | Evict, kept: Store, are_rows: bool
    ) -> Finding:
        name = graph.name_of(buffer)
        moved, staying = ("transitions", "priorities") if are_rows else ("priorities", "transitions")
        return self.finding(
            graph,
            cause.path,
            cause.node,
            f"once it is full, `{graph.source(cause.path, cause.node)}` moves all {moved} of {name} by a place, and "
            f"the {staying} keep theirs: each priority then belongs to another transition",
            evidence=[
                graph.evidence(cause.path, cause.node, "shift", f"the {moved} move here"),
                graph.evidence(kept.path, kept.node, "kept", f"the {staying} are written by their position here"),
            ],
            fix=FixOffer(title="keep transitions and priorities in rings with one pointer"),
            pipeline=name,
        )

    def _outgrowing(self, graph: ReplayGraph, buffer: ReplayBuffer, added: Store, kept: Store) -> Finding:
        name = graph.name_of(buffer)
        return self.finding(
            graph,
            added.path,
            added.node,
            f"`{graph.source(added.path, added.node)}` goes on adding priorities once {name} is full and new "
            "transitions take the slots of the oldest: each has the priority of the one that it replaced, and the list "
            "of priorities grows without bound",
            evidence=[
                graph.evidence(added.path, added.node, "priority", "a priority is added behind all others here"),
                graph.evidence(kept.path, kept.node, "stored", "a transition takes the slot of another here"),
            ],
            fix=FixOffer(title="write the priority at the position of the transition"),
            pipeline=name,
        )

    def _running_on(self, graph: ReplayGraph, buffer: ReplayBuffer, added: Step, kept: Store) -> Finding:
        name = graph.name_of(buffer)
        return self.finding(
            graph,
            added.path,
            added.node,
            f"`{graph.source(added.path, added.node)}` goes on behind the last slot of {name} once it is full, while "
            "new transitions take the slots of the oldest: each has the priority of the one that it replaced, until "
            "an index is out of range",
            evidence=[
                graph.evidence(added.path, added.node, "priority", "nothing sets this position back"),
                graph.evidence(kept.path, kept.node, "stored", "a transition takes the slot of another here"),
            ],
            fix=FixOffer(title="write the priority at the position of the transition"),
            pipeline=name,
        )

    def witness(self) -> str:
        """Four transitions are stored; each priority goes to the slot after its transition."""
        import numpy as np

        rows, mass, at = [""] * 6, np.zeros(6), 0
        for name in "abcd":
            rows[at] = name
            at = (at + 1) % 6
            mass[at] = 1.0
        drawn = {rows[slot] for slot in np.flatnonzero(mass)}
        assert "a" not in drawn
        assert "" in drawn
        return "of the transitions a, b, c, d, a cannot be drawn, and an empty slot can"

    bad = (
        Example("the pointer moves first", {"memory.py": _ARRAYS, "train.py": _TRAIN}),
        Example("the priority is written before the pointer moves", {"memory.py": _PRIORITY_FIRST, "train.py": _TRAIN}),
        Example("a counter of all that was stored", {"memory.py": _COUNTED, "train.py": _TRAIN}),
        Example("a base class moves the pointer", {"ring.py": _RING, "memory.py": _HEIR, "train.py": _TRAIN}),
        Example("a sum tree", {"tree.py": _TREE, "memory.py": _WITH_TREE, "train.py": _TRAIN}),
        Example(
            "by keyword, through a method of its own",
            {
                "tree.py": _TREE,
                "memory.py": _WITH_TREE.replace("self.tree.put(self.next, 1.0)", "self._first(slot=self.next)").replace(
                    "    def sample",
                    "    def _first(self, slot, p=1.0):\n        self.tree.put(slot, p)\n\n    def sample",
                ),
                "train.py": _TRAIN,
            },
        ),
        Example("transitions in a deque, priorities in a ring", {"memory.py": _SHIFTING_ROWS, "train.py": _TRAIN}),
        Example(
            "beside a memory that draws uniformly and answers with weights of 1",
            {
                "memory.py": "import random\n"
                + _SHIFTING_ROWS.replace(
                    "        self.mass[slots] = (errors + 1e-6) ** self.alpha\n",
                    "        for i in range(slots.shape[0]):\n"
                    "            self.mass[slots[i]] = (errors[i] + 1e-6) ** self.alpha\n",
                )
                + """

class Plain:
    def __init__(self, capacity):
        self.rows = deque(maxlen=capacity)

    def add(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def sample(self, n, beta):
        return random.sample(self.rows, n), np.ones(n), np.ones(n)

    def update(self, slots, errors):
        pass
""",
                "train.py": _TRAIN.replace("import Memory", "import Memory, Plain").replace(
                    "Memory(1000)", "Memory(1000) if env.hard else Plain(1000)"
                ),
            },
        ),
        Example(
            "priorities in a deque, transitions in a ring", {"memory.py": _SHIFTING_PRIORITIES, "train.py": _TRAIN}
        ),
        Example(
            "priorities in a deque, transitions in a list that is overwritten once it is long enough",
            {
                "memory.py": _SHIFTING_PRIORITIES.replace("[None] * capacity, capacity", "[], capacity").replace(
                    _ROW, _APPENDED_ROW
                ),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "a list that loses its first item beside a sum tree",
            {"tree.py": _TREE, "memory.py": _LIST_AND_TREE, "train.py": _TRAIN},
        ),
        Example(
            "two trees, one pointer: one finding",
            {
                "tree.py": _TREE,
                "memory.py": _WITH_TREE.replace(
                    "self.tree.put(self.next, 1.0)  # <- PER206",
                    "self.tree.put(self.next, 1.0)  # <- PER206\n        self.shadow.put(self.next, 1.0)",
                ).replace(
                    "self.tree = capacity, 0, 0, Tree(capacity)",
                    "self.tree = capacity, 0, 0, Tree(capacity)\n        self.shadow = Tree(capacity)",
                ),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "slots are taken for nodes of the tree",
            {"tree.py": _RENEWED, "memory.py": _AT_NODES, "train.py": _TRAIN},
        ),
        Example(
            "weights and positions in the wrong order",
            {
                "memory.py": _ARRAYS_RIGHT.replace("n, p=p)", "n, p=p)  # <- PER005"),
                "train.py": _TRAIN.replace("batch, slots, weights = ", "batch, weights, slots = ").replace(
                    "errors.detach().abs().numpy())", "errors.detach().abs().numpy())  # <- PER206"
                ),
            },
        ),
        Example("positions in a byte", {"memory.py": _BYTES, "train.py": _TRAIN}),
        Example("a transition is looked up, its slot taken for a node", {"memory.py": _LOOKED_UP, "train.py": _TRAIN}),
        Example(
            "the numbers of the rows of the batch",
            {
                "memory.py": _ARRAYS_RIGHT,
                "train.py": _TRAIN.replace(
                    "memory.update(slots, errors.detach().abs().numpy())",
                    "rows = range(len(batch))\n        memory.update(rows, errors.detach().abs().numpy())  # <- PER206",
                ),
            },
        ),
        Example(
            "ranks, whose positions are looked up for the rows alone",
            {
                "memory.py": _RANKS,
                "train.py": _TRAIN.replace(
                    "errors.detach().abs().numpy())", "errors.detach().abs().numpy())  # <- PER206"
                ),
            },
        ),
        Example("priorities are added to a list for ever", {"memory.py": _OUTGROWING, "train.py": _TRAIN}),
        Example(
            "the slot within its bounds, in a tree that searches and passes on by methods that call themselves",
            {"memory.py": _RECURSIVE, "train.py": _TRAIN},
        ),
        Example(
            "the leaves counted by the memory, in a tree that passes on by a method of its own",
            {
                "memory.py": _RECURSIVE.replace(
                    "self.tree.put(self.at, ", "self.tree.set(self.at + self.size - 1, "
                ).replace("leaves - self.tree.first, 0", "leaves - self.size + 1, 0"),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "the memory counts the rows of the batch itself",
            {
                "memory.py": _LISTED.replace(
                    _ZIPPED,
                    "        for row, error in enumerate(errors):\n"
                    "            self.mass[row] = error + 1e-6  # <- PER206\n",
                ),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "the numbers of the rows, one at a time",
            {
                "memory.py": _LISTED,
                "train.py": _TRAIN.replace(
                    "        memory.update(slots, errors.detach().abs().numpy())",
                    "        errors = errors.detach().abs().numpy()\n        for row in range(len(batch)):\n"
                    "            memory.update([row], [errors[row]])  # <- PER206",
                ),
            },
        ),
        Example(
            "a base class counts what was stored, its ring by the count",
            {"ring.py": _COUNTING, "memory.py": _COUNTED_ON, "train.py": _TRAIN},
        ),
        Example(
            "the slots of several trees are told apart, and the trees get them so",
            {"tree.py": _TREE, "memory.py": _SEVERAL, "train.py": _TRAIN},
        ),
        Example(
            "the slots of several trees are told apart, a part of the batch for each tree",
            {"tree.py": _TREE, "memory.py": _SEVERAL_AT_ONCE, "train.py": _TRAIN},
        ),
        Example("priorities go on behind the last slot", {"memory.py": _ONWARD, "train.py": _TRAIN}),
    )
    good = (
        Example(
            "the slots of several trees are told apart, and each tree gets its own back",
            {
                "tree.py": _TREE,
                "memory.py": _SEVERAL_RIGHT.replace("tree.put(slots[i],", "tree.put(slots[i] - k * self.capacity,"),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "the slots of several trees are told apart, and what is left of them tells the slot in its tree",
            {
                "tree.py": _TREE,
                "memory.py": _SEVERAL_RIGHT.replace("tree.put(slots[i],", "tree.put(slots[i] % self.capacity,"),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "the slots of several trees, each with its own",
            {
                "tree.py": _TREE,
                "memory.py": _SEVERAL_RIGHT.replace("slots.append(found + k * self.capacity)", "slots.append(found)"),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "the positions of the ranks",
            {"memory.py": _RANKS.replace("return batch, ranks, ", "return batch, at, "), "train.py": _TRAIN},
        ),
        Example(
            "the ranks, which are turned into positions once more",
            {
                "memory.py": _RANKS.replace("self.surprise[slots]", "self.surprise[self.order[slots]]"),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "the leaf of the slot is written",
            {
                "tree.py": _RENEWED,
                "memory.py": _AT_NODES.replace("sums[slot]", "sums[slot + self.tree.capacity]").replace(
                    "  # <- PER206", ""
                ),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "positions in four bytes",
            {"memory.py": _BYTES.replace("uint8", "uint32").replace("  # <- PER206", ""), "train.py": _TRAIN},
        ),
        Example("a transition is looked up, its leaf written", {"memory.py": _LOOKED_UP_RIGHT, "train.py": _TRAIN}),
        Example(
            "a tree whose leaves are counted from 1",
            {
                "replay.py": """import random
import numpy as np


class Tree:
    def __init__(self, size):
        self.first, self.sums = size - 1, np.zeros(2 * size - 1)

    def put(self, number, priority):
        self.set(self.first + number - 1, priority)

    def set(self, leaf, priority):
        change = priority - self.sums[leaf]
        self.sums[leaf] = priority
        while leaf:
            leaf = (leaf - 1) // 2
            self.sums[leaf] += change

    def find(self, mass):
        node = 0
        while node < self.first:
            node = 2 * node + 1
            if mass >= self.sums[node]:
                mass -= self.sums[node]
                node += 1
        return node


class Replay:
    def __init__(self, size, width):
        self.tree, self.size, self.at, self.most = Tree(size), size, 0, 1.0
        self.states, self.following = np.zeros((size, width)), np.zeros((size, width))
        self.actions, self.rewards, self.ends = np.zeros(size, int), np.zeros(size), np.zeros(size)

    def store(self, state, action, reward, next_state, terminated):
        self.states[self.at], self.following[self.at] = state, next_state
        self.actions[self.at], self.rewards[self.at], self.ends[self.at] = action, reward, terminated
        self.tree.put(self.at + 1, self.most)
        self.at = (self.at + 1) % self.size

    def sample(self, n, beta):
        leaves = np.array([self.tree.find(random.random() * self.tree.sums[0]) for _ in range(n)])
        w = (self.size * self.tree.sums[leaves] / self.tree.sums[0]) ** -beta
        at = leaves - self.tree.first
        rows = self.states[at], self.actions[at], self.rewards[at], self.following[at], self.ends[at]
        return rows, leaves, w / w.max()

    def rate(self, leaves, errors):
        for leaf, error in zip(leaves, errors):
            priority = (abs(error) + 1e-5) ** 0.6
            self.most = max(self.most, priority)
            self.tree.set(leaf, priority)
"""
            },
        ),
        Example(
            "both in deques",
            {
                "memory.py": _SHIFTING_PRIORITIES.replace("  # <- PER206", "")
                .replace("[None] * capacity, capacity", "deque(maxlen=capacity), capacity")
                .replace("self.rows[self.at] = (state", "self.rows.append((state")
                .replace("next_state, done)\n        self.mass", "next_state, done))\n        self.mass"),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "the priorities are rolled with the transitions",
            {
                "memory.py": _SHIFTING_ROWS.replace("  # <- PER206", "").replace(
                    "        self.mass[self.at] = self.top**self.alpha\n",
                    "        if self.size == self.capacity:\n"
                    "            self.mass = np.roll(self.mass, -1)\n"
                    "            self.at = self.capacity - 1\n"
                    "        self.mass[self.at] = self.top**self.alpha\n",
                ),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "a deque that nothing is evicted from is filled, then overwritten",
            {
                "memory.py": _ARRAYS_RIGHT.replace("[None] * capacity, capacity", "[], capacity").replace(
                    _ROW, _APPENDED_ROW
                ),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "positions of the ring are turned into positions of the deque",
            {
                "memory.py": _SHIFTING_ROWS.replace("  # <- PER206", "").replace(
                    "[self.rows[i] for i in slots]",
                    "[self.rows[(i - self.at) % self.size if self.size == self.capacity else i] for i in slots]",
                ),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "priorities have a pointer of their own that begins again, or stops where it is full",
            {
                "memory.py": _ONWARD.replace("  # <- PER206", "").replace(
                    "self.mark += 1", "self.mark = (self.mark + 1) % self.capacity"
                ),
                "other.py": _ONWARD.replace("  # <- PER206", "").replace(
                    "        self.mass[self.mark] = self.top**self.alpha\n        self.mark += 1\n",
                    "        if self.mark < self.capacity:\n"
                    "            self.mass[self.mark] = self.top**self.alpha\n"
                    "            self.mark += 1\n"
                    "        else:\n"
                    "            self.mass[self.at] = self.top**self.alpha\n",
                ),
                "train.py": _TRAIN + "\n\n" + _TRAIN.replace("from memory", "from other").replace("def ", "def other_"),
            },
        ),
        Example("written before the pointer moves", {"memory.py": _ARRAYS_RIGHT, "train.py": _TRAIN}),
        Example("the position was saved", {"memory.py": _SAVED, "train.py": _TRAIN}),
        Example(
            "saved before the base class moves it",
            {"ring.py": _RING, "memory.py": _HEIR_SAVED, "train.py": _TRAIN},
        ),
        Example(
            "a sum tree, at the saved position",
            {
                "tree.py": _TREE,
                "memory.py": _WITH_TREE.replace("self.tree.put(self.next, 1.0)  # <- PER206", "self.tree.put(at, 1.0)"),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "the priority of the next slot is cleared as well",
            {
                "memory.py": _ARRAYS_RIGHT.replace(
                    "    def sample",
                    "    def forget_next(self):\n        self.mass[self.at] = 0.0\n\n    def sample",
                ),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "both moved by the same amount",
            {
                "memory.py": _ARRAYS.replace("  # <- PER206", "")
                .replace("        self.rows[self.at] = (state, action, reward, next_state, done)\n", "")
                .replace(
                    "        self.mass[self.at] = self.top**self.alpha\n",
                    "        self.mass[self.at] = self.top**self.alpha\n"
                    "        self.rows[self.at] = (state, action, reward, next_state, done)\n",
                ),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "priorities are added to a list as long as transitions are",
            {
                "memory.py": _OUTGROWING.replace(
                    "        self.mass.append(self.top)  # <- PER206\n",
                    "        if len(self.mass) < self.capacity:\n            self.mass.append(self.top)\n"
                    "        else:\n            self.mass[self.at] = self.top\n",
                ),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "as many priorities as transitions, added before",
            {
                "memory.py": _OUTGROWING.replace(
                    "        self.mass.append(self.top)  # <- PER206\n", "        self.mass[self.at] = self.top\n"
                ).replace("self.rows.append(None)", "self.rows.append(None)\n            self.mass.append(0.0)"),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "neither transitions nor priorities take the slots of others",
            {
                "memory.py": _OUTGROWING.replace("  # <- PER206", "")
                .replace("        if len(self.rows) < self.capacity:\n            self.rows.append(None)\n", "")
                .replace("self.rows[self.at] = (state", "self.rows.append((state")
                .replace("next_state, done)\n        self.mass", "next_state, done))\n        self.mass")
                .replace("self.rows, self.mass = [], []", "self.rows, self.mass = [], []  # <- PER004"),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "in a tree that calls itself: the leaves are handed back",
            {
                "memory.py": _RECURSIVE.replace("  # <- PER206", "").replace("rows, slots, w", "rows, leaves, w"),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "in a tree that calls itself: the leaf is found again",
            {
                "memory.py": _RECURSIVE.replace("set(slot, priority)  # <- PER206", "put(slot, priority)"),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "in a tree that calls itself: what lies before the leaves is added again",
            {
                "memory.py": _RECURSIVE.replace(
                    "set(slot, priority)  # <- PER206", "set(slot + self.tree.first, priority)"
                ),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "the rows are counted, and their positions looked up",
            {
                "memory.py": _LISTED.replace(
                    _ZIPPED,
                    "        for row in range(len(slots)):\n            self.mass[slots[row]] = errors[row] + 1e-6\n",
                ),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "all priorities fall a little before those of the batch change",
            {
                "memory.py": _LISTED.replace(
                    _ZIPPED,
                    "        for slot in range(len(self.mass)):\n            self.mass[slot] *= 0.999\n" + _ZIPPED,
                ),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "a base class counts what was stored, and one is taken away again",
            {
                "ring.py": _COUNTING,
                "memory.py": _COUNTED_ON.replace("  # <- PER206", "").replace(
                    "slot = self.position %", "slot = (self.position - 1) %"
                ),
                "train.py": _TRAIN,
            },
        ),
    )


_Place = tuple[ir.Node, str]


def _where_made(anatomy: Anatomy, write: PriorityWrite, slot: Term) -> Step:
    """The step of a write that is in the function where the slot is found, or else that leads to another class's tree.

    The store itself, where none is.
    """
    found = {anatomy.symbols.function_of(part.path, part.node) for part in slot.walk() if part.node and part.path}
    steps = list(zip(write.steps, write.functions, strict=True))
    of_tree = anatomy.class_of(write.functions[0])
    led = [step for step, function in steps if function in found]
    led += [step for step, function in steps if anatomy.class_of(function) not in (of_tree, None)]
    return led[0] if led else write.steps[0]


def _beside(graph: ReplayGraph, buffer: ReplayBuffer, write: PriorityWrite) -> Iterator[tuple[ir.Node, str, _Place]]:
    """The steps of a write that name another slot than the store of the transition in the same function."""
    for step, function in zip(write.steps, write.functions, strict=True):
        if not isinstance(function, ir.Function):
            continue
        positions = _positions(graph, write, step.node, step.path)
        kept = _kept(graph, buffer, function)
        moved_in = list(_moved_by_calls(graph, buffer, function))
        for index in positions:
            if any(index == place for place, _ in kept):
                break
            if write.index is not None and _takes_one_away(write.index, index):
                return  # a tree that counts its leaves from 1
            for place, stored in kept:
                if _is_next(index, place) or _is_next(place, index):
                    yield step.node, step.path, stored
                    return
            for place, call, stored in moved_in:
                read = index.node
                if index == place and read is not None and not kept and call.end <= read.start <= step.node.end:
                    yield step.node, step.path, stored
                    return


def _positions(graph: ReplayGraph, write: PriorityWrite, node: ir.Node, path: str) -> list[Term]:
    """The terms that may say where a step writes."""
    if node is write.store.node:
        return [] if write.store.index is None else [strip(graph.symbols.term(path, write.store.index))]
    if isinstance(node, ir.Call):
        return [strip(graph.symbols.term(path, arg.value)) for arg in node.args]
    if isinstance(node, ir.Sub):
        return [strip(graph.symbols.term(path, node.index))]
    return []


def _kept(graph: ReplayGraph, buffer: ReplayBuffer, function: ir.Function) -> list[tuple[Term, _Place]]:
    """Where a function stores the parts of a transition."""
    anatomy = graph.anatomy(buffer)
    priorities = {store.node for store in anatomy.stores}
    found: list[tuple[Term, _Place]] = []
    for store in buffer.stores:
        if store.function is function and store.index is not None and store.node not in priorities:
            place = strip(graph.symbols.term(store.path, store.index))
            if place.has("field"):
                found.append((place, (store.node, store.path)))
    return found


def _moved_by_calls(
    graph: ReplayGraph, buffer: ReplayBuffer, function: ir.Function
) -> Iterator[tuple[Term, ir.Node, _Place]]:
    """The pointers that methods called in a function move on after they stored a transition there."""
    for site in graph.calls_of(function):
        for callee in sorted({f.node for f in site.targets}, key=lambda f: f.start):
            if not isinstance(callee, ir.Function):
                continue
            run = graph.symbols.run(callee, graph.project.module_of[callee].path)
            for place, stored in _kept(graph, buffer, callee):
                pointer = strip(place.args[0]) if place.op == "mod" else place  # a ring's slot, of a count of all
                after = run.fields.get(pointer)
                if after is not None and _is_next(after, pointer):
                    yield place, site.node, stored


def _takes_one_away(leaf: Term, given: Term) -> bool:
    """Whether the leaf is found from what is given less 1."""
    ways = (part for part in leaf.walk() if part.op == "sub" and part.args[1].number == 1)
    return any(given in part.args[0].walk() for part in ways)


def _is_next(term: Term, place: Term) -> bool:
    """Whether a term is the position after a place, in a ring: p + 1, (p + 1) % n, or p + 1 and 0 at the end."""
    options = alternatives(term)
    return any(_plus_one(option, place) for option in options) and all(
        _plus_one(option, place) or option.number == 0 for option in options
    )


def _plus_one(term: Term, place: Term) -> bool:
    term, place = (part.args[0] if part.op == "mod" else part for part in (term, place))
    return term.op == "add" and place in term.args and any(arg.number == 1 for arg in term.args)
