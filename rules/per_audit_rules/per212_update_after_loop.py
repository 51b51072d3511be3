"""PER212 update-after-loop."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.findings import Severity
from per_audit.graph import PRIORITISED, ReplayBuffer, ReplayGraph
from per_audit.graph.definitions import Definitions
from per_audit.graph.prioritised.anatomy import CHOSEN
from per_audit.graph.prioritised.priorities import trail
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.findings import Finding
    from per_audit.graph.prioritised.anatomy import Anatomy
    from per_audit.graph.prioritised.priorities.writes import Step
    from per_audit.graph.symbolic import Term

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
        errors = errors.detach().abs().numpy()
        for k in range(32):
            slot = slots[k]
        memory.update(slot, errors[k])  # <- PER212
"""
_AFTER = "            slot = slots[k]\n        memory.update(slot, errors[k])  # <- PER212\n"
_WITHIN = "            slot = slots[k]\n            memory.update(slot, errors[k])\n"
_MEMORY = """import numpy as np


class Memory:
    def __init__(self, size):
        self.rows, self.priorities, self.size = [None] * size, np.zeros(size), size
        self.at, self.highest = 0, 1.0

    def add(self, row):
        self.rows[self.at % self.size] = row
        self.priorities[self.at % self.size] = self.highest
        self.at += 1

    def sample(self, n, beta):
        p = self.priorities / self.priorities.sum()
        slots = np.random.choice(self.size, n, p=p)
        weights = (self.size * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slot, error):
        self.priorities[slot] = (error + 1e-6) ** 0.6
        self.highest = max(self.highest, self.priorities[slot])
"""
_UPDATE = _MEMORY[_MEMORY.index("    def update") :]
_BATCH = """    def update(self, slots, errors):
        for slot, error in zip(slots, errors):
            priority = (error + 1e-6) ** 0.6
        self.priorities[slot] = priority  # <- PER212
"""
_BATCH_WITHIN = """    def update(self, slots, errors):
        for slot, error in zip(slots, errors):
            priority = (error + 1e-6) ** 0.6
            self.priorities[slot] = priority
"""
_HIGHEST = _BATCH_WITHIN + "        self.highest = max(self.highest, priority)  # <- PER212\n"
_HANDED = _TRAIN[: _TRAIN.index("        errors = errors.detach()")] + (
    "        memory.update(slots, errors.detach().abs().numpy())\n"
)
_TREE = """import numpy as np


class Tree:
    def __init__(self, capacity):
        self.capacity = capacity
        self.sums = np.zeros(2 * capacity)

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
_TREE_MEMORY = """import random
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
        width = self.tree.sums[1] / n
        slots = []
        for k in range(n):
            slots.append(self.tree.find(random.uniform(k * width, (k + 1) * width)))
        p = np.array([self.tree.sums[slot + self.capacity] for slot in slots]) / self.tree.sums[1]
        weights = (self.size * p) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        for slot, error in zip(slots, errors):
            priority = (error + 1e-6) ** 0.6
        self.tree.put(slot, priority)  # <- PER212
"""
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
        errors = np.abs(goals - values[np.arange(32), actions])
        values[np.arange(32), actions] = goals
        model.fit(states, values, sample_weight=weights, verbose=0)
        for k, slot in enumerate(slots):
            error = errors[k]
        memory.update(slot, error)  # <- PER212
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
        for slot, error in zip(slots, np.abs(learn(rows, weights))):
            print(error)
        memory.update(slot, error)  # <- PER212
"""


def _handed(update: str) -> dict[str, str]:
    """A project whose training hands a batch over to an update of the memory."""
    return {"memory.py": _MEMORY.replace(_UPDATE, update), "train.py": _HANDED}


def _looping(train: str, memory: str = _MEMORY) -> dict[str, str]:
    """A project whose training goes through the batch by itself."""
    return {"memory.py": memory, "train.py": train}


@dataclass(frozen=True, slots=True)
class _Late:
    """A step that uses a loop's last values after it: where it stands, and the loop."""

    step: Step
    loop: ir.For


class UpdateAfterLoop(Rule):
    """What should be done for each transition of a batch stands after the loop over it, and is done for the last alone.

    ## What it does

    Reports updates of priorities that use a position that a loop over the batch has left behind, where the loop itself
    updates none. Reports, as a warning, a highest priority that is raised after the loop by what it left behind.

    ## Why is this bad

    Of a batch of 32, 31 transitions keep the priority that they were drawn by, so that large errors that are long gone
    are drawn again and again: the update is indented too little, and nothing fails. Where it is the highest priority
    that sees the last transition alone, new transitions start below others, and some wait long to be drawn.

    ## Known problems

    Loops that can be left early, and names that have a value before the loop, are taken to be meant so.

    ## Example

    ```python
    for i in range(batch_size):
        index = indices[i]
    memory.update(index, errors[i])
    ```

    ## Use instead

    ```python
    for i in range(batch_size):
        index = indices[i]
        memory.update(index, errors[i])
    ```

    ## Fix safety

    Not rewritten: the statement has to move into the loop.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, Algorithm 1, lines 8 to 13: the priority of
      each transition of the minibatch is updated
    """

    code = "PER212"
    name = "update-after-loop"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each statement that stands after the loop."""
        definitions = Definitions(graph)
        told: set[ir.Node] = set()
        for buffer in graph.buffers:
            if buffer.kind != PRIORITISED or graph.priorities(buffer).is_reference:
                continue
            anatomy = graph.anatomy(buffer)
            for late in _updates(anatomy, definitions):
                if late.step.node not in told:
                    told.add(late.step.node)
                    yield self._finding(
                        graph,
                        buffer,
                        late,
                        f"`{graph.source(late.step.path, late.step.node)}` stands after the loop over the batch: only "
                        f"its last transition gets a new priority in {graph.name_of(buffer)}",
                    )
            for late in _maxima(anatomy, definitions):
                if late.step.node not in told:
                    told.add(late.step.node)
                    found = self._finding(
                        graph,
                        buffer,
                        late,
                        f"the highest priority of {graph.name_of(buffer)} is raised after the loop over the batch, by "
                        "its last transition alone: new transitions may start lower",
                    )
                    yield replace(found, severity=Severity.WARNING)

    def _finding(self, graph: ReplayGraph, buffer: ReplayBuffer, late: _Late, message: str) -> Finding:
        return self.finding(
            graph,
            late.step.path,
            late.step.node,
            message,
            evidence=[
                graph.evidence(late.step.path, late.loop.target, "loop", "the loop over the batch"),
                graph.evidence(late.step.path, late.step.node, "after", "done once, when the loop has ended"),
            ],
            pipeline=graph.name_of(buffer),
        )

    def witness(self) -> str:
        """A thousand transitions whose errors vanish once they are learnt from."""
        import numpy as np

        left = []
        for updated in (32, 1):
            rng, priorities = np.random.default_rng(0), np.ones(1_000)
            for _ in range(100):
                slots = rng.choice(1_000, 32, p=priorities / priorities.sum())
                priorities[slots[-updated:]] = 0.01
            left.append(int((priorities > 0.5).sum()))
        assert left[0] < 100 < 850 < left[1]
        return (
            f"100 batches of 32 leave {left[0]} of 1,000 transitions with their first priority, "
            f"{left[1]} where the last of each batch is updated alone"
        )

    bad = (
        Example("a call after the loop, PyTorch", _looping(_TRAIN)),
        Example("the memory's own loop", _handed(_BATCH)),
        Example("a sum tree in a third file", {"tree.py": _TREE, "memory.py": _TREE_MEMORY, "train.py": _HANDED}),
        Example("a position that the loop goes through, Keras", _looping(_KERAS)),
        Example("errors that are printed, NumPy, in functions", _looping(_LINEAR)),
        Example(
            "lists of one each, which the memory goes through",
            _looping(
                _TRAIN.replace("update(slot, errors[k])", "update([slot], [errors[k]])"),
                _MEMORY.replace(_UPDATE, _BATCH_WITHIN),
            ),
        ),
        Example("the highest priority after the loop", _handed(_HIGHEST)),
        Example(
            "the highest priority after a test",
            _handed(
                _BATCH_WITHIN
                + "        if priority > self.highest:\n            self.highest = priority  # <- PER212\n"
            ),
        ),
    )
    good = (
        Example("in the loop", _looping(_TRAIN.replace(_AFTER, _WITHIN))),
        Example("in the memory's loop", _handed(_BATCH_WITHIN)),
        Example(
            "the highest priority in the loop",
            _handed(_BATCH_WITHIN + "            self.highest = max(self.highest, priority)\n"),
        ),
        Example(
            "the highest of the batch",
            _handed(_BATCH_WITHIN + "        self.highest = max(self.highest, np.max(errors))\n"),
        ),
        Example(
            "a batch of all positions after a loop that prints them",
            _handed(
                "    def update(self, slots, errors):\n"
                "        for slot in slots:\n            print(slot)\n"
                "        self.priorities[slots] = (errors + 1e-6) ** 0.6\n"
            ),
        ),
        Example(
            "a loop that looks for one transition",
            _looping(
                _TRAIN.replace(
                    "            slot = slots[k]\n",
                    "            slot = slots[k]\n            if errors[k] > 1.0:\n                break\n",
                ).replace("  # <- PER212", "")
            ),
        ),
        Example(
            "the name serves again for one that is drawn later",
            _looping(
                _TRAIN.replace(
                    _AFTER,
                    _WITHIN
                    + "        _, slots, _ = memory.sample(1, 1.0)\n        slot = slots[0]\n"
                    + "        memory.update(slot, 1.0)\n",
                )
            ),
        ),
        Example(
            "the largest error of the batch is looked for",
            _looping(
                _TRAIN.replace(
                    "        for k in range(32):\n            slot = slots[k]\n",
                    "        best, slot = 0.0, slots[0]\n        for k in range(32):\n"
                    "            if errors[k] > best:\n                best, slot = errors[k], slots[k]\n",
                ).replace("errors[k])  # <- PER212", "best)")
            ),
        ),
    )


def _updates(anatomy: Anatomy, definitions: Definitions) -> Iterator[_Late]:
    """The updates at a position that a loop over the batch has left behind, where it is the only update around."""
    updates = [write for write in anatomy.writes if not write.inserts]
    for write in updates:
        if write.index is None or write.store.index is None or not write.index.has(*CHOSEN):
            continue
        stored = anatomy.symbols.term(write.store.path, write.store.index)
        for level, (step, function) in enumerate(zip(write.steps, write.functions, strict=True)):
            others = {
                other.node
                for each in updates
                for other, where in zip(each.steps, each.functions, strict=True)
                if where is function
            }
            if others != {step.node}:
                continue
            index = trail.handed_out(anatomy, write, stored, 0, level)
            for use in _names(step.node):
                loop = _left_behind(anatomy.graph, definitions, step.path, use)
                if loop is not None and index.contains(anatomy.symbols.term(step.path, use)):
                    yield _Late(step, loop)


def _maxima(anatomy: Anatomy, definitions: Definitions) -> Iterator[_Late]:
    """Where what new transitions start with is raised by what a loop that updates priorities has left behind."""
    graph = anatomy.graph
    starts = {
        part for write in anatomy.writes if write.inserts for part in write.value.walk() if part.op == "field"
    } - anatomy.containers
    for write in anatomy.writes:
        for step, function in zip(write.steps, write.functions, strict=True):
            if write.inserts or not isinstance(function, ir.Function):
                continue
            raised = [
                node
                for node in ir.walk(function)
                if isinstance(node, ir.Assign) and node.value is not None and _sets(graph, node, starts)
            ]
            for node in raised:
                loops = {_left_behind(graph, definitions, step.path, use) for use in _names(node.value)} - {None}
                for loop in loops:
                    inside = [other for other in (step.node, *raised) if loop and loop.start < other.start < loop.end]
                    if loop is not None and inside == [step.node]:
                        yield _Late(replace(step, node=node), loop)


def _sets(graph: ReplayGraph, node: ir.Assign, fields: set[Term]) -> bool:
    """Whether an assignment sets one of the attributes."""
    return any(
        graph.symbols.field(cls, target.attr) in fields
        for target in node.targets
        if isinstance(target, ir.Attr)
        for cls in graph.symbols.classes_of(target.value)
    )


def _names(*nodes: ir.Node | None) -> list[ir.Name]:
    return [part for node in nodes if node is not None for part in ir.walk(node) if isinstance(part, ir.Name)]


def _left_behind(graph: ReplayGraph, definitions: Definitions, path: str, use: ir.Name) -> ir.For | None:
    """The loop that has ended before a name is used which is one of its turns: the name has no other value."""
    reaching = definitions.reaching(use, path)
    if reaching.parameter is not None or len(reaching.values) != 1:
        return None
    ((value, _),) = reaching.values
    loop = graph.parents(path).get(value)
    if isinstance(loop, ir.Assign):
        loop = graph.parents(path).get(loop)
    if not isinstance(loop, ir.For) or loop.end > use.start:
        return None
    turn = {name.id for name in _names(loop.target)}
    read = {name.id for name in _names(value)}
    if value is not loop.iter and (use.id in read or read.isdisjoint(turn)):
        return None
    return None if any(isinstance(node, ir.Jump) and node.kind == "break" for node in ir.walk(loop)) else loop
