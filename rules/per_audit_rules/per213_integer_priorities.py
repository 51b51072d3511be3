"""PER213 integer-priorities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.findings import FixOffer, Severity
from per_audit.graph import PRIORITISED, ReplayBuffer, ReplayGraph
from per_audit.graph.definitions import Definitions
from per_audit.graph.interpret.roles import name_of
from per_audit.graph.prioritised.priorities import trail
from per_audit.graph.symbolic import strip
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.findings import Finding
    from per_audit.graph.prioritised.anatomy import Anatomy
    from per_audit.graph.prioritised.priorities.writes import PriorityWrite, Step
    from per_audit.graph.symbolic import Term

# Where arrays are told their type, and those that have that of another where they are not told.
_LIKE = {"zeros_like": 1, "ones_like": 1, "empty_like": 1, "full_like": 2}
_KIND_AT = {"zeros": 1, "ones": 1, "empty": 1, "full": 2, **_LIKE}
_POSITIONS = {"argmax", "argmin", "argsort"}  # what these return are whole numbers
_CONVERSIONS = {"array", "asarray", "tensor", "as_tensor"}
_MOST_NAMES = 3
_GONE = "an error below 1 becomes 0, and is never drawn again"
_LARGE = 10.0  # a factor that turns the fraction into whole numbers first

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
        self.sums = np.zeros(2 * capacity, dtype=int)  # <- PER213

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
        self.tree.put(self.at, 1)
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
            self.tree.put(slot, (error + 1e-6) ** 0.6)
"""
_MEMORY = """import numpy as np


class Memory:
    def __init__(self, size):
        self.rows, self.size, self.at = [None] * size, size, 0
        self.priorities = np.zeros(size)

    def add(self, row):
        self.rows[self.at % self.size] = row
        self.priorities[self.at % self.size] = self.priorities.max() or 1
        self.at += 1

    def sample(self, n, beta):
        p = self.priorities / self.priorities.sum()
        slots = np.random.choice(self.size, n, p=p)
        weights = (self.size * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        self.priorities[slots] = (errors + 1e-6) ** 0.6
"""
_TORCH = """import torch


class Memory:
    def __init__(self, size):
        self.rows, self.size, self.at = [None] * size, size, 0
        self.priorities = torch.zeros(size, dtype=torch.int64)  # <- PER213

    def add(self, row):
        self.rows[self.at % self.size] = row
        self.priorities[self.at % self.size] = 1
        self.at += 1

    def sample(self, n, beta):
        p = self.priorities / self.priorities.sum()
        slots = torch.multinomial(p, n, replacement=True)
        weights = (self.size * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        self.priorities[slots] = (errors.detach().abs() + 1e-6) ** 0.6
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
        errors = goals - values[np.arange(32), actions]
        values[np.arange(32), actions] = goals
        model.fit(states, values, sample_weight=weights, verbose=0)
        memory.update(slots, np.abs(errors).astype(int))  # <- PER213
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
_ONE_BY_ONE = """        for slot, error in zip(slots, errors):
            self.priorities[slot] = int((error + 1e-6) ** 0.6)  # <- PER213
"""
_AT_ONCE = "        self.priorities[slots] = (errors + 1e-6) ** 0.6\n"

_FILLED = """import numpy as np
from memory import Memory


def train(env, net, steps):
    memory = Memory(1024)
    state = env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(net.act(state))
        memory.add((state, net.last, reward, next_state, done))
        state = env.reset() if done else next_state
        rows, slots, weights = memory.sample(32, min(1.0, 0.4 + 0.6 * step / steps))
        states, actions, rewards, following, ends = map(np.array, zip(*rows))
        q, ahead = net.values(states), net.values(following)
        best = np.argmax(ahead, axis=1)
        errors = np.empty_like(best)  # <- PER213
        for k in range(32):
            goal = rewards[k] + 0.99 * (1 - ends[k]) * ahead[k, best[k]]
            errors[k] = np.abs(goal - q[k, actions[k]])
        net.step(states, actions, weights * (rewards + 0.99 * (1 - ends) * ahead.max(1)))
        memory.update(slots, errors)
"""


def _array(made: str) -> str:
    return _MEMORY.replace("np.zeros(size)", made)


def _project(memory: str, train: str = _TRAIN) -> dict[str, str]:
    return {"memory.py": memory, "train.py": train}


class IntegerPriorities(Rule):
    """Priorities are kept as whole numbers, so that an error below 1 becomes 0.

    ## What it does

    Reports arrays of integers that hold priorities made of TD errors, or the errors on their way there, and priorities
    that `int` or `astype(int)` makes whole numbers of before they are stored.

    ## Why is this bad

    An array of integers drops what stands after the decimal point of what is written to it, and says nothing. Once the
    errors are below 1, which they mostly are where rewards are clipped, every priority that is updated becomes 0: the
    transition is never drawn again, its weight is infinite, and when all have been drawn, the total is 0.

    ## Known problems

    Priorities that are multiplied by a large number or by a setting first are taken to be meant as whole numbers.
    Of arrays that get their type from another array, `empty_like(actions)`, those are seen where that one is made with
    a type or is what `argmax` returns.

    ## Example

    ```python
    self.tree = np.zeros(2 * capacity - 1, dtype=int)
    ```

    ## Use instead

    ```python
    self.tree = np.zeros(2 * capacity - 1)
    ```

    ## Fix safety

    Not rewritten: drop the type, or the conversion.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, section 3.3: p = |delta| + epsilon, which
      keeps transitions from not being revisited
    """

    code = "PER213"
    name = "integer-priorities"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each array of integers, and for each conversion of a priority."""
        told: set[ir.Node] = set()
        definitions = Definitions(graph)
        for buffer in graph.buffers:
            if buffer.kind != PRIORITISED or graph.priorities(buffer).is_reference:
                continue
            anatomy = graph.anatomy(buffer)
            updates = [write for write in anatomy.writes if not write.inserts]
            writes = [write for write in updates if _has_fraction(write.value)]
            for container in sorted(anatomy.containers, key=repr) if writes else ():
                for node, path in _whole_arrays(graph, container):
                    into = [write for write in writes if write.store.container.node is node]
                    if into and node not in told:
                        told.add(node)
                        what = f"holds whole numbers of the priorities of {graph.name_of(buffer)}: {_GONE}"
                        yield self._finding(graph, buffer, path, node, what, into[0])
            for write in writes:
                for node, path in _conversions(anatomy, definitions, write):
                    if node not in told:
                        told.add(node)
                        what = f"makes a whole number of the priorities of {graph.name_of(buffer)}: {_GONE}"
                        yield self._finding(graph, buffer, path, node, what, write)
            for write in updates:
                for node, path in _filled_on_the_way(graph, write):
                    if node not in told:
                        told.add(node)
                        what = f"holds whole numbers of the errors that become priorities of {graph.name_of(buffer)}: "
                        yield self._finding(graph, buffer, path, node, f"{what}each below 1 becomes 0", write)

    def _finding(
        self, graph: ReplayGraph, buffer: ReplayBuffer, path: str, node: ir.Node, what: str, write: PriorityWrite
    ) -> Finding:
        return self.finding(
            graph,
            path,
            node,
            f"`{graph.source(path, node)}` {what}",
            evidence=trail.unique(
                [graph.evidence(path, node, "whole", "whole numbers"), *trail.evidence(graph.anatomy(buffer), write)]
            ),
            fix=FixOffer(title="keep priorities as floating-point numbers"),
            pipeline=graph.name_of(buffer),
        )

    def witness(self) -> str:
        """Errors of half a reward, stored in both kinds of arrays."""
        import numpy as np

        errors = np.abs(np.random.default_rng(0).normal(0.0, 0.5, 1_000))
        whole, exact = np.ones(1_000, dtype=int), np.ones(1_000)
        for priorities in (whole, exact):
            priorities[:] = (errors + 1e-6) ** 0.6
        gone = int((whole == 0).sum())
        assert gone > 900
        assert not (exact == 0).any()
        return (
            f"of 1,000 errors of 0.5 on average, {gone} become priorities of 0 in an array of integers, none in floats"
        )

    bad = (
        Example(
            "a sum tree of integers, in three files", {"tree.py": _TREE, "memory.py": _TREE_MEMORY, "train.py": _TRAIN}
        ),
        Example("an array of integers, PyTorch", _project(_TORCH, _TRAIN.replace(".detach().abs().numpy()", ""))),
        Example("a type by its name", _project(_array('np.zeros(size, "int32")  # <- PER213'))),
        Example("filled with an integer", _project(_array("np.full(size, 0)  # <- PER213"))),
        Example("int of each priority", _project(_MEMORY.replace(_AT_ONCE, _ONE_BY_ONE))),
        Example("errors made integers by the training, Keras", _project(_MEMORY, _KERAS)),
        Example(
            "an array of integers, NumPy in functions",
            _project(_array("np.ones(size, dtype=np.int64)  # <- PER213"), _LINEAR),
        ),
        Example(
            "under a name of its own",
            _project(
                _MEMORY.replace(
                    _AT_ONCE,
                    "        for slot, error in zip(slots, errors):\n"
                    "            priority = int(error**0.6)  # <- PER213\n"
                    "            self.priorities[slot] = priority\n",
                )
            ),
        ),
        Example("errors put into an array like one of actions", _project(_MEMORY, _FILLED)),
        Example(
            "errors put into an array of integers",
            _project(_MEMORY, _FILLED.replace("np.empty_like(best)", "np.zeros(32, dtype=np.int64)")),
        ),
    )
    good = (
        Example(
            "a sum tree of floats",
            {"tree.py": _TREE.replace(", dtype=int)  # <- PER213", ")"), "memory.py": _TREE_MEMORY, "train.py": _TRAIN},
        ),
        Example("single precision", _project(_array("np.zeros(size, dtype=np.float32)"))),
        Example("a list, which keeps what it is given", _project(_array("[0] * size"))),
        Example("filled with a float", _project(_array("np.full(size, 0.0)"))),
        Example(
            "positions in integers",
            _project(
                _MEMORY.replace("p=p)\n", "p=p).astype(int)\n").replace(
                    "slots, errors):\n", "slots, errors):\n        slots = np.array(slots, dtype=np.int64)\n"
                )
            ),
        ),
        Example(
            "scaled first",
            _project(
                _array("np.zeros(size, dtype=np.int64)").replace(
                    "(errors + 1e-6) ** 0.6", "1000 * (errors + 1e-6) ** 0.6"
                )
            ),
        ),
        Example(
            "rounded to some places",
            _project(
                _MEMORY.replace(_AT_ONCE, "        self.priorities[slots] = np.round((errors + 1e-6) ** 0.6, 4)\n")
            ),
        ),
        Example(
            "whole numbers that are made floats",
            _project(_array("np.zeros(size, dtype=int).astype(np.float32)")),
        ),
        Example(
            "how often each was drawn, counted in integers",
            _project(
                _array("np.zeros(size)\n        self.drawn = np.zeros(size, dtype=int)").replace(
                    "slots, errors):\n", "slots, errors):\n        self.drawn[slots] += 1\n"
                )
            ),
        ),
        Example(
            "an integer count as the priority",
            _project(
                _array("np.zeros(size, dtype=int)").replace("= (errors + 1e-6) ** 0.6", "= self.priorities[slots] + 1")
            ),
        ),
        Example(
            "errors put into an array of floats",
            _project(_MEMORY, _FILLED.replace("np.empty_like(best)  # <- PER213", "np.empty(32)")),
        ),
        Example(
            "errors put into an array like another of floats",
            _project(_MEMORY, _FILLED.replace("np.empty_like(best)  # <- PER213", "np.empty_like(best, dtype=float)")),
        ),
        Example(
            "positions put into an array of integers",
            _project(
                _MEMORY.replace(
                    "        slots = np.random.choice(self.size, n, p=p)\n",
                    "        slots = np.empty(n, dtype=int)\n        for k in range(n):\n"
                    "            slots[k] = np.random.choice(self.size, p=p)\n",
                ),
                _FILLED.replace("np.empty_like(best)  # <- PER213", "np.zeros(32)"),
            ),
        ),
    )


def _has_fraction(value: Term) -> bool:
    """Whether a priority is made of a TD error, or of a power, and is not made a large number before it is stored."""
    fraction = False
    for part in trail.along(value):
        if part.op == "mul" and any(
            (arg.is_number and abs(arg.number or 0) >= _LARGE)
            or strip(arg).op in ("field", "param", "global", "external")
            for arg in part.args
        ):
            return False
        if part.op in ("loss", "sub"):
            fraction |= part.has("call", "matmul", "loss", "gather", "max")
        elif part.op in ("pow", "add"):
            number = part.args[1].number
            fraction |= (part.op == "pow" and number is None) or (number is not None and number % 1 != 0)
        if part.op in ("add", "maximum", "clip") and any((arg.number or 0) >= 1 for arg in part.args):
            return False
    return fraction


def _whole_arrays(graph: ReplayGraph, container: Term) -> Iterator[tuple[ir.Node, str]]:
    """The arrays that a container is, where all of them hold integers."""
    made = [container] if container.op == "alloc" else graph.symbols.options(container)
    if made and all(term.op == "alloc" and _is_whole_array(term.node) for term in made):
        nodes = [(term.node, term.path) for term in made if term.node is not None]
        # A type that is changed at once, `np.zeros(n, int).astype(float)`, is none.
        if all(isinstance(graph.parents(path).get(node), ir.Assign) for node, path in nodes):
            yield from nodes


def _filled_on_the_way(graph: ReplayGraph, write: PriorityWrite) -> Iterator[tuple[ir.Node, str]]:
    """The arrays of integers that errors are put into, one by one, before they become priorities."""
    spine = set(trail.along(write.value))
    for part in write.value.walk():
        if part.op != "filled" or strip(part) not in spine or not _has_fraction(part.args[1]):
            continue
        made = part.args[0]
        while made.op == "filled":
            made = made.args[0]
        if made.op != "alloc" or made.node is None:
            continue
        is_kept = isinstance(graph.parents(made.path).get(made.node), ir.Assign)
        if is_kept and (_is_whole_array(made.node) or _is_like_whole(graph, made.path, made.node)):
            yield made.node, made.path


def _is_like_whole(graph: ReplayGraph, path: str, node: ir.Node) -> bool:
    """Whether a call makes an array of the type of another that holds whole numbers."""
    if not isinstance(node, ir.Call) or name_of(node.func) not in _LIKE:
        return False
    other = node.argument(0)
    if other is None or node.argument(_LIKE[name_of(node.func) or ""], "dtype") is not None:
        return False
    term = strip(graph.symbols.term(path, other))
    if term.op == "call" and isinstance(term.data, str):
        return not _POSITIONS.isdisjoint(term.data.split("."))
    return term.op in _POSITIONS or (term.op == "alloc" and _is_whole_array(term.node))


def _is_whole_array(node: ir.Node | None) -> bool:
    """Whether a call makes an array of integers: by the type that it is told, or by the integers that it is made of."""
    if not isinstance(node, ir.Call):
        return False
    name = name_of(node.func) or ""
    kind = node.argument(_KIND_AT.get(name), "dtype")
    if kind is not None:
        return _is_integral(kind)
    return name == "full" and _is_integer(node.argument(1, "fill_value"))


def _is_integer(node: ir.Node | None) -> bool:
    return isinstance(node, ir.Const) and isinstance(node.value, int) and not isinstance(node.value, bool)


def _is_integral(kind: ir.Expr) -> bool:
    """Whether a type is one of whole numbers."""
    name = kind.value if isinstance(kind, ir.Const) else name_of(kind)
    return isinstance(name, str) and name.lstrip("u").startswith(("int", "long"))


def _conversions(anatomy: Anatomy, definitions: Definitions, write: PriorityWrite) -> Iterator[tuple[ir.Node, str]]:
    """The conversions of a priority to whole numbers, on its way from the error to the store."""
    if write.store.index is None:
        return
    position = anatomy.symbols.term(write.store.path, write.store.index)
    for level, step in enumerate(write.steps):
        index = trail.handed_out(anatomy, write, position, 0, level)
        for node in _expressions(definitions, write, step):
            held = _converted(node)
            if held is None:
                continue
            term = anatomy.symbols.term(step.path, held)
            outside = trail.handed_out(anatomy, write, term, level)
            is_priority = any(outside == part or strip(outside) == part for part in trail.along(write.value))
            if is_priority and not index.contains(term) and _has_fraction(outside):
                yield node, step.path


def _expressions(definitions: Definitions, write: PriorityWrite, step: Step) -> Iterator[ir.Node]:
    """What a step stores or hands over, through the names that it has had in the function."""
    start = write.store.expression if step.node is write.store.node else step.node
    pending: list[tuple[ir.Node, int]] = [] if start is None else [(start, 0)]
    seen: set[ir.Node] = set()
    while pending:
        node, names = pending.pop()
        for part in ir.walk(node):
            if part in seen:
                continue
            seen.add(part)
            yield part
            if isinstance(part, ir.Name) and names < _MOST_NAMES:
                pending += [(value, names + 1) for value, _ in definitions.reaching(part, step.path).values]


def _converted(node: ir.Node) -> ir.Expr | None:
    """What a call makes whole numbers of; None for anything else."""
    if not isinstance(node, ir.Call):
        return None
    name = name_of(node.func) or ""
    first = node.argument(0)
    if isinstance(node.func, ir.Name) and name == "int":
        return first if len(node.args) == 1 else None
    if name in _CONVERSIONS:
        kind = node.argument(1, "dtype")
        return first if kind is not None and _is_integral(kind) else None
    if not isinstance(node.func, ir.Attr):
        return None
    if name in ("astype", "to", "type"):
        return node.func.value if first is not None and _is_integral(first) else None
    return node.func.value if name in ("int", "long") and not node.args else None
