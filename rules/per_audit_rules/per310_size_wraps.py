"""PER310 size-wraps."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.findings import FixOffer, Severity
from per_audit.graph import PRIORITISED, UNIFORM, ReplayBuffer, ReplayGraph
from per_audit.graph.liveness.frequency.again import is_called_again
from per_audit.graph.memory.stored import never_full
from per_audit.graph.prioritised.priorities.updates import BUILDERS
from per_audit.graph.symbolic import Term, strip
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.findings import Finding
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.prioritised.anatomy import Anatomy

_TREE = """import numpy as np


class Tree:
    def __init__(self, capacity):
        self.capacity, self.next = capacity, 0
        self.sums, self.rows = np.zeros(2 * capacity), [None] * capacity

    def add(self, priority, row):
        self.rows[self.next] = row
        self.put(self.next + self.capacity, priority)
        self.next += 1
        if self.next >= self.capacity:
            self.next = 0

    def put(self, node, priority):
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
        return node
"""
_UNIFORM = """import random
import torch


class Ring:
    def __init__(self, capacity):
        self.rows, self.at, self.capacity = [], 0, capacity

    def keep(self, *row):
        if len(self.rows) < self.capacity:
            self.rows.append(None)
        self.rows[self.at] = row
        self.at = (self.at + 1) % self.capacity

    def draw(self, n):
        if self.at < n:  # <- PER310
            return None
        return random.sample(self.rows, n)  # <- PER001


def train(env, net, optimizer, steps):
    ring, state = Ring(10_000), env.reset()
    for _ in range(steps):
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        ring.keep(state, action, reward, next_state, done)
        state = env.reset() if done else next_state
        batch = ring.draw(32)
        if batch is None:
            continue
        states, actions, rewards, after, ends = map(torch.tensor, zip(*batch))
        loss = (net(states)[actions] - rewards - 0.99 * (1 - ends) * net(after).max(1).values).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
_WAITS = "        if self.at < n:  # <- PER310\n            return None\n"
_MEMORY = """import random
import numpy as np
from tree import Tree


class Memory:
    def __init__(self, capacity):
        self.tree = Tree(capacity)

    def __len__(self):
        return self.tree.next

    def add(self, row):
        self.tree.add(1.0, row)

    def sample(self, n, beta):
        nodes = [self.tree.find(random.uniform(0, self.tree.sums[1])) for _ in range(n)]
        p = np.array([self.tree.sums[node] for node in nodes]) / self.tree.sums[1]
        weights = (p / p.min()) ** -beta
        return [self.tree.rows[node - self.tree.capacity] for node in nodes], nodes, weights

    def update(self, nodes, errors):
        for node, error in zip(nodes, errors):
            self.tree.put(node, (error + 1e-6) ** 0.6)
"""
_TRAIN = """from memory import Memory


def train(env, net, optimizer, steps):
    memory = Memory(1000)
    state = env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(net.act(state))
        memory.add((state, net.last, reward, next_state, done))
        state = env.reset() if done else next_state
        if len(memory) < 500:  # <- PER310
            continue
        rows, nodes, weights = memory.sample(32, min(1.0, 0.4 + 0.6 * step / steps))
        errors = net.errors(rows)
        (weights * errors**2).mean().backward()
        optimizer.step()
        memory.update(nodes, errors.detach().abs().numpy())
"""
_RING = """import numpy as np


class Memory:
    def __init__(self, capacity):
        self.capacity, self.next = capacity, 0
        self.rows, self.mass = [None] * capacity, np.zeros(capacity)

    def add(self, row):
        self.rows[self.next] = row
        self.mass[self.next] = self.mass.max() or 1.0
        self.next = (self.next + 1) % self.capacity

    def sample(self, n, beta):
        held = min(self.next, self.capacity)
        p = self.mass[:held] / self.mass[:held].sum()
        slots = np.random.choice(held, n, p=p)  # <- PER310
        weights = (held * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        self.mass[slots] = np.abs(errors) + 1e-6
"""
_ORDERS = {"<", "<=", ">", ">="}
_PLAIN = _TRAIN.replace("        if len(memory) < 500:  # <- PER310\n            continue\n", "")

_TORCH = """import torch


class Replay:
    def __init__(self, size, width):
        self.states, self.ahead = torch.zeros(size, width), torch.zeros(size, width)
        self.actions, self.rewards, self.ends = torch.zeros(size).long(), torch.zeros(size), torch.zeros(size)
        self.p, self.top = torch.zeros(size), 1.0
        self.at = 0

    def add(self, state, action, reward, ahead, end):
        self.states[self.at], self.ahead[self.at] = state, ahead
        self.actions[self.at], self.rewards[self.at], self.ends[self.at] = action, reward, end
        self.p[self.at] = self.top
        self.at = (self.at + 1) % len(self.p)

    def draw(self, n, beta):
        p = self.p[: self.at] / self.p[: self.at].sum()
        slots = torch.multinomial(p, n, replacement=True)
        weights = (self.at * p[slots]) ** -beta  # <- PER310
        batch = self.states[slots], self.actions[slots], self.rewards[slots], self.ahead[slots], self.ends[slots]
        return batch, slots, weights / weights.max()

    def rate(self, slots, errors):
        self.p[slots] = errors.abs() + 1e-6
        self.top = max(self.top, float(self.p[slots].max()))


def learn(net, target, optimizer, replay, beta):
    (states, actions, rewards, ahead, ends), slots, weights = replay.draw(32, beta)
    q = net(states).gather(1, actions.unsqueeze(1)).squeeze(1)
    with torch.no_grad():
        goals = rewards + 0.99 * (1 - ends) * target(ahead).max(1).values
    errors = q - goals
    optimizer.zero_grad()
    (weights * errors.pow(2)).mean().backward()
    optimizer.step()
    replay.rate(slots, errors.detach())
"""
_KERAS = """import numpy as np
from memory import Memory


def train(env, model, target, steps):
    memory, state = Memory(1024), env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(int(np.argmax(model.predict(state[None])[0])))
        memory.add((state, 0, reward, next_state, done))
        state = env.reset() if done else next_state
        rows, nodes, weights = memory.sample(32, min(1.0, 0.4 + 0.6 * step / steps))
        states, actions, rewards, next_states, ends = (np.array(column) for column in zip(*rows))
        values = model.predict(states)
        goals = rewards + 0.99 * (1 - ends) * target.predict(next_states).max(axis=1)
        errors = goals - values[np.arange(32), actions]
        values[np.arange(32), actions] = goals
        model.fit(states, values, sample_weight=weights, verbose=0)
        memory.update(nodes, np.abs(errors))
"""

_HELD = """
    def __len__(self):
        return self.capacity if self.next // self.capacity > 0 else self.next


class Agent:
    def __init__(self, net, optimizer):
        self.net, self.optimizer, self.memory = net, optimizer, Memory(1024)

    def step(self, row, beta):
        self.memory.add(row)
        if len(self.memory) > 64:  # <- PER310
            rows, slots, weights = self.memory.sample(32, beta)
            errors = self.net.errors(rows)
            (weights * errors**2).mean().backward()
            self.optimizer.step()
            self.memory.update(slots, errors.detach().numpy())


def train(env, net, optimizer, steps):
    agent, state = Agent(net, optimizer), env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(net.act(state))
        agent.step((state, net.last, reward, next_state, done), min(1.0, 0.4 + 0.6 * step / steps))
        state = env.reset() if done else next_state
"""

_WAITED = """import time

from memory import Memory


class Learner:
    def __init__(self, queue, net, optimizer):
        self.memory, self.queue, self.net, self.optimizer = Memory(1000), queue, net, optimizer

    def fetch(self):
        while not self.queue.empty():
            self.memory.add(self.queue.get())

    def run(self, steps):
        if len(self.memory) < 500:
            time.sleep(1)
            self.fetch()
            return self.run(steps)
        for step in range(steps):
            self.fetch()
            rows, nodes, weights = self.memory.sample(32, min(1.0, 0.4 + 0.6 * step / steps))
            errors = self.net.errors(rows)
            (weights * errors**2).mean().backward()
            self.optimizer.step()
            self.memory.update(nodes, errors.detach().abs().numpy())


def main(queue, net, optimizer):
    Learner(queue, net, optimizer).run(100_000)
"""


def _project(tree: str = _TREE, memory: str = _MEMORY, train: str = _TRAIN) -> dict[str, str]:
    return {"tree.py": tree, "memory.py": memory, "train.py": train}


class SizeWraps(Rule):
    """The place where the next transition goes is taken for the number of transitions, also once it began again at 0.

    ## What it does

    Reports draws of positions and importance-sampling weights that go by the pointer of a ring: an attribute that
    starts again at 0 when the last slot was written. A minimum of it and the capacity is the same. Reports, as a
    warning, tests on it that let the training draw. Rings that are drawn from uniformly are looked at as well.

    ## Why is this bad

    Until the memory is full the pointer counts its transitions, so that all is well for as long as one looks. From then
    on it is 0 after each round. A test for enough transitions stops the training until as many are stored again. A draw
    among the slots below the pointer leaves out all others, at first nearly the whole memory. As the N of weights it is
    0 once in each round: they are infinite, and no numbers after the division by their maximum, as is the network from
    then on.

    ## Known problems

    Pointers that are handed through other attributes are not followed, nor sizes that are the pointer in one case and
    something else in another.

    ## Example

    ```python
    def __len__(self):
        return min(self.next, self.capacity)
    ```

    ## Use instead

    ```python
    def __len__(self):
        return self.size  # min(self.size + 1, self.capacity) with each transition
    ```

    ## Fix safety

    Not rewritten: a count of its own has to be kept where transitions are stored.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, Algorithm 1: the draw is among all that the
      memory holds
    """

    code = "PER310"
    name = "size-wraps"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each test and each draw that goes by the pointer."""
        told: set[object] = set()
        for buffer in graph.buffers:
            if buffer.kind not in (PRIORITISED, UNIFORM) or graph.priorities(buffer).is_reference:
                continue
            anatomy = graph.anatomy(buffer)
            weights = _weights(anatomy) if buffer.kind == PRIORITISED else ()
            for node, path, pointer, what in (*_draws(anatomy), *weights, *_tests(anatomy)):
                reset = _restart(anatomy, pointer)
                place = (graph.symbols.function_of(path, node), pointer)  # one size for the draw and its weights
                if reset is None or place in told or (not isinstance(node, ir.Cmp) and _is_chosen(graph, path, node)):
                    continue
                told.add(place)
                if never_full(graph, buffer) is not None:
                    continue
                found = self._finding(graph, buffer, (node, path), reset, what)
                yield replace(found, severity=Severity.WARNING) if isinstance(node, ir.Cmp) else found

    def _finding(
        self, graph: ReplayGraph, buffer: ReplayBuffer, at: tuple[ir.Node, str], reset: tuple[ir.Node, str], what: str
    ) -> Finding:
        (node, path), name = at, graph.name_of(buffer)
        return self.finding(
            graph,
            path,
            node,
            f"`{graph.source(path, node)}` takes the next slot of {name} for the number of transitions: it starts "
            f"again at 0 with each round, and {what}",
            evidence=[
                graph.evidence(reset[1], reset[0], "pointer", "starts again at 0 here"),
                graph.evidence(path, node, "size", "taken for the number of transitions here"),
            ],
            fix=FixOffer(title="count the transitions, up to the capacity"),
            pipeline=name,
        )

    def witness(self) -> str:
        """A ring of 1,000 slots that training waits for 500 transitions of, and draws below the pointer."""
        learnt, reach = 0, []
        pointer = 0
        for _ in range(10_000):
            pointer = (pointer + 1) % 1_000
            learnt += pointer >= 500
            reach.append(pointer)
        share = sum(reach[1_000:]) / len(reach[1_000:]) / 1_000
        assert learnt == 5_000
        assert share < 0.51
        return (
            f"of 10,000 steps {learnt:,} learn, 9,501 by the number of transitions; "
            f"a draw below the pointer reaches {share:.0%} of a full memory on average"
        )

    bad = (
        Example("the length is the pointer of the tree, PyTorch", _project()),
        Example(
            "a minimum of it and the capacity",
            _project(memory=_MEMORY.replace("return self.tree.next", "return min(self.tree.next, self.tree.capacity)")),
        ),
        Example("a draw among the slots below it, NumPy", {"memory.py": _RING, "train.py": _PLAIN}),
        Example(
            "a pointer by its rest, asked for by a method",
            _project(
                _TREE.replace(
                    "        self.next += 1\n        if self.next >= self.capacity:\n            self.next = 0\n",
                    "        self.next = (self.next + 1) % self.capacity\n",
                ),
                _MEMORY.replace("__len__", "size"),
                _TRAIN.replace("len(memory)", "memory.size()"),
            ),
        ),
        Example(
            "the N of the weights",
            _project(
                memory=_MEMORY.replace(
                    "weights = (p / p.min()) ** -beta\n",
                    "weights = (self.tree.next * p) ** -beta  # <- PER310\n        weights /= weights.max()\n",
                ),
                train=_PLAIN,
            ),
        ),
        Example("arrays of PyTorch, in one file", {"replay.py": _TORCH}),
        Example(
            "the length as the N of the weights, Keras",
            _project(
                memory=_MEMORY.replace(
                    "weights = (p / p.min()) ** -beta\n",
                    "weights = np.power(len(self) * p, -beta)  # <- PER310\n        weights /= np.max(weights)\n",
                ),
                train=_KERAS,
            ),
        ),
        Example(
            "a memory that the agent holds, with a length that asks whether a pointer that goes round has gone round",
            {
                "agent.py": _RING.replace("  # <- PER310", "").replace(
                    "held = min(self.next, self.capacity)", "held = self.capacity"
                )
                + _HELD
            },
        ),
        Example("a ring that is drawn from uniformly, PyTorch", {"ring.py": _UNIFORM}),
        Example(
            "a uniform draw below the pointer",
            {
                "ring.py": _UNIFORM.replace(_WAITS, "").replace(
                    "random.sample(self.rows, n)  # <-",
                    "[self.rows[random.randrange(self.at)] for _ in range(n)]  # <- PER310",
                )
            },
        ),
        Example(
            "a test before a loop that stores, in what is called again and again",
            _project(
                train=_WAITED.replace("< 500:", "< 500:  # <- PER310").replace(
                    "    Learner(queue, net, optimizer).run(100_000)\n",
                    "    learner = Learner(queue, net, optimizer)\n    while True:\n        learner.run(100)\n",
                )
            ),
        ),
    )
    good = (
        Example(
            "the N of the weights, counted apart",
            {
                "memory.py": _RING.replace("  # <- PER310", "")
                .replace("capacity, self.next = capacity, 0", "capacity, self.next, self.size = capacity, 0, 0")
                .replace("held = min(self.next, self.capacity)", "held = self.size")
                .replace(
                    "        self.next = (self",
                    "        self.size = min(self.size + 1, self.capacity)\n        self.next = (self",
                ),
                "train.py": _PLAIN,
            },
        ),
        Example(
            "arrays of PyTorch, and a count",
            {
                "replay.py": _TORCH.replace("  # <- PER310", "")
                .replace("self.at = 0", "self.at, self.held = 0, 0")
                .replace("self.at = (self", "self.held = min(self.held + 1, len(self.p))\n        self.at = (self")
                .replace("self.p[: self.at]", "self.p[: self.held]")
                .replace("(self.at * p[slots])", "(self.held * p[slots])")
            },
        ),
        Example(
            "a count of its own",
            _project(
                _TREE.replace("self.next = capacity, 0", "self.next = capacity, 0\n        self.count = 0").replace(
                    "        self.next += 1\n",
                    "        self.count = min(self.count + 1, self.capacity)\n        self.next += 1\n",
                ),
                _MEMORY.replace("return self.tree.next", "return self.tree.count"),
                _TRAIN.replace("  # <- PER310", ""),
            ),
        ),
        Example(
            "the capacity once it is full",
            {
                "memory.py": _RING.replace("  # <- PER310", "").replace(
                    "held = min(self.next, self.capacity)",
                    "held = self.capacity if self.rows[-1] is not None else self.next",
                ),
                "train.py": _PLAIN,
            },
        ),
        Example(
            "another draw once it is full",
            {
                "memory.py": _RING.replace("  # <- PER310", "").replace(
                    "        held = min(self.next, self.capacity)\n",
                    "        if self.rows[-1] is not None:\n"
                    "            slots = np.random.choice(self.capacity, n, p=self.mass / self.mass.sum())\n"
                    "            weights = (self.capacity * self.mass[slots] / self.mass.sum()) ** -beta\n"
                    "            return [self.rows[i] for i in slots], slots, weights / weights.max()\n"
                    "        held = self.next\n",
                ),
                "train.py": _PLAIN,
            },
        ),
        Example(
            "a run that ends before the memory is full",
            {
                "memory.py": _RING.replace("  # <- PER310", ""),
                "train.py": _PLAIN + "\n\ntrain(make(), net(), optimizer(), 900)\n",
            },
        ),
        Example(
            "a counter of all that was stored",
            {
                "memory.py": _RING.replace("  # <- PER310", "")
                .replace("self.next = (self.next + 1) % self.capacity", "self.next += 1")
                .replace("[self.next] =", "[self.next % self.capacity] ="),
                "train.py": _PLAIN,
            },
        ),
        Example(
            "a test that does not let anything be drawn",
            _project(
                train=_TRAIN.replace(
                    "        if len(memory) < 500:  # <- PER310\n            continue\n",
                    '        if len(memory) < 1:\n            print("a new round")\n',
                )
            ),
        ),
        Example(
            "a length that asks whether a count of all that was stored has gone round",
            {
                "agent.py": (
                    _RING.replace("  # <- PER310", "").replace(
                        "held = min(self.next, self.capacity)", "held = self.capacity"
                    )
                    + _HELD.replace("  # <- PER310", "")
                )
                .replace("self.next = (self.next + 1) % self.capacity", "self.next += 1")
                .replace("[self.next] =", "[self.next % self.capacity] ="),
            },
        ),
        Example(
            "a ring that is drawn from uniformly, by how many rows it holds",
            {"ring.py": _UNIFORM.replace("self.at < n:  # <- PER310", "len(self.rows) < n:")},
        ),
        Example(
            "a ring that is drawn from uniformly, by its pointer until it is full",
            {
                "ring.py": _UNIFORM.replace(
                    _WAITS,
                    "        if len(self.rows) < self.capacity:\n"
                    "            if self.at < n:\n                return None\n",
                )
            },
        ),
        Example(
            "a count that is begun where there is none, and a draw in each arm of a test on it",
            {
                "ring.py": _UNIFORM.replace(_WAITS, "")
                .replace(
                    "        if len(self.rows) < self.capacity:\n",
                    "        if not hasattr(self, 'count'):\n            self.count = 0\n        self.count += 1\n"
                    "        if len(self.rows) < self.capacity:\n",
                )
                .replace(
                    "        return random.sample(self.rows, n)  # <- PER001\n",
                    "        if self.count > self.capacity:\n            at = random.sample(range(self.capacity), n)\n"
                    "        else:\n            at = random.sample(range(self.count), n)\n"
                    "        return [self.rows[each] for each in at]\n",
                )
            },
        ),
        Example(
            "a test that is asked before the loop that stores and draws, and not again",
            _project(train=_WAITED),
        ),
    )


def _pointer(graph: ReplayGraph, term: Term) -> Term | None:
    """The attribute that a number of transitions is, or its minimum with something."""
    term = strip(term)
    if term.op == "len":
        held = strip(term.args[0])
        objects = [held] if held.op == "object" else graph.symbols.options(held) if held.op == "field" else []
        of = objects[0].data if len(objects) == 1 and objects[0].op == "object" else None
        length = graph.classes.find_method(of, "__len__") if of is not None else None
        term = term if length is None else strip(_returned(graph, length))
    parts = term.args if term.op == "minimum" else (term,)
    return next((part for part in map(strip, parts) if part.op == "field"), None)


def _returned(graph: ReplayGraph, length: ir.Function) -> Term:
    """What a length is, without what it would be once a position had gone round that always stays below its modulus.

    `self.size if self.at // self.size > 0 else self.at`.
    """
    symbols, path = graph.symbols, graph.project.module_of[length].path
    value = next((part.value for part in length.body if isinstance(part, ir.Return)), None)
    test = value.test if isinstance(value, ir.IfExp) else None
    if isinstance(value, ir.IfExp) and isinstance(test, ir.Cmp) and isinstance(test.left, ir.Bin):
        laps, limit = symbols.term(path, test.left), symbols.term(path, test.rights[0])
        position = strip(laps.args[0]) if laps.op == "floordiv" and test.ops == [">"] and limit.number == 0 else laps
        moved = [strip(term) for term, _, _ in symbols.written(position)] if position.op == "field" else []
        turns = [term for term in moved if term.op == "mod"]
        if turns and all(strip(term.args[1]) == strip(laps.args[1]) for term in turns):
            return symbols.term(path, value.orelse)
    return symbols.returned(length)


def _restart(anatomy: Anatomy, pointer: Term) -> tuple[ir.Node, str] | None:
    """Where an attribute that new transitions move by one starts again at 0; None where it is anything else."""
    storing = set().union(*(anatomy.graph.reachable(function, 3) | {function} for function in anatomy.adding))
    restarts: list[tuple[ir.Node, str]] = []
    moves = False
    for term, write, path in anatomy.symbols.written(pointer):
        value = strip(term)
        if write is None or getattr(write.function, "name", "") in BUILDERS:
            if value.number != 0:
                return None
        elif write.function not in storing:
            return None
        elif value.op == "mod" and strip(value.args[0]).contains(pointer):
            moves = True
            restarts.append((write.node, path))
        elif value.number == 0:
            if not _is_first(anatomy.graph, path, write.node):
                restarts.append((write.node, path))
        elif value.op == "add" and value.contains(pointer):
            moves = True
        else:
            return None
    return restarts[0] if restarts and moves else None


def _is_first(graph: ReplayGraph, path: str, node: ir.Node) -> bool:
    """Whether an attribute is given its first value where it has none: `if not hasattr(self, "count")`."""
    tests = (around.test for around in graph.ancestors(path, node) if isinstance(around, ir.If))
    return any(isinstance(part, ir.Name) and part.id == "hasattr" for test in tests for part in ir.walk(test))


def _draws(anatomy: Anatomy) -> Iterator[tuple[ir.Node, str, Term, str]]:
    """The draws among as many positions as an attribute says."""
    for source in anatomy.buffer.sources:
        draw = anatomy.events.draws.get(source)
        if draw is None or draw.items or not draw.node.args:
            continue
        pointer = _pointer(anatomy.graph, anatomy.symbols.term(draw.path, draw.node.args[0].value))
        if pointer is not None:
            yield draw.node, draw.path, pointer, "all slots from there on are left out"


def _weights(anatomy: Anatomy) -> Iterator[tuple[ir.Node, str, Term, str]]:
    """The weights that an attribute is the N of."""
    for formula in anatomy.formulas:
        for factor in _factors(formula.base):
            pointer = _pointer(anatomy.graph, factor)
            if pointer is not None:
                yield formula.node, formula.path, pointer, "weights with an N of 0 are no numbers"


def _is_chosen(graph: ReplayGraph, path: str, node: ir.Node) -> bool:
    """Whether something decides on a node, as it may on a memory that is not full: a test, or a return before."""
    function = graph.symbols.function_of(path, node)
    for around in graph.ancestors(path, node):
        if around is function:
            break
        if isinstance(around, (ir.If, ir.IfExp, ir.Match)):
            return True
    returning = (test for test in ir.walk(function) if isinstance(test, ir.If)) if function is not None else ()
    return any(
        isinstance(last := test.body[-1], ir.Return)
        and last.value is not None
        and not isinstance(last.value, ir.Const)
        and test.end <= node.start
        for test in returning
    )


def _factors(term: Term) -> Iterator[Term]:
    """What is multiplied or divided in a term."""
    term = strip(term)
    if term.op in ("mul", "div"):
        for arg in term.args:
            yield from _factors(arg)
    else:
        yield term


def _tests(anatomy: Anatomy) -> Iterator[tuple[ir.Node, str, Term, str]]:
    """The tests on an attribute, against a number of transitions, that let the training draw or not."""
    graph, symbols = anatomy.graph, anatomy.symbols
    drawing = {symbols.function_of(graph.path_of(node) or "", node) for node in anatomy.buffer.sources}
    calls = {path for function in drawing for _, _, path in symbols.calls_of.get(function, ())}
    for path in sorted(calls | graph.files_of(anatomy.buffer)):
        for node in graph.module(path).nodes_of(ir.If):
            test = getattr(node, "test", None)
            if not isinstance(node, ir.If) or not isinstance(test, ir.Cmp) or test.ops[0] not in _ORDERS:
                continue
            sides = [symbols.term(path, side) for side in (test.left, *test.rights)]
            pointer = next((found for side in sides if (found := _pointer(graph, side)) is not None), None)
            if pointer is not None and _decides(anatomy, path, node, drawing):
                yield test, path, pointer, "nothing is drawn until as many are stored again"


def _decides(anatomy: Anatomy, path: str, node: ir.If, drawing: set[ev.Owner]) -> bool:
    """Whether a test decides on a draw: it stands under the test, or after one that leaves, in the same round."""
    graph = anatomy.graph
    function = graph.symbols.function_of(path, node)
    leaves = isinstance(node.body[-1], (ir.Return, ir.Jump)) and not node.orelse
    own = [each for each in anatomy.buffer.sources if function and function is graph.symbols.function_of(path, each)]
    if any((leaves and each.start >= node.end) or _stands_in(node.body, each) for each in own):
        either = any(_stands_in(node.orelse, each) for each in own)  # each arm draws from what there is by then
        return not either and not _is_chosen(graph, path, node)
    for site in graph.calls_of(function, (path,)):
        under = _stands_in(node.body, site.node)
        after = leaves and site.node.start >= node.end
        called = {func.node for func in site.targets} - {function}
        if (under or after) and any(f in drawing or graph.reachable(f, 3) & drawing for f in called):
            return not _is_before_all(anatomy, path, node, site.node)
    return False


def _stands_in(body: list[ir.Stmt], node: ir.Node) -> bool:
    return any(statement.start <= node.start < statement.end for statement in body)


def _is_before_all(anatomy: Anatomy, path: str, node: ir.If, draw: ir.Node) -> bool:
    """Whether a test is asked once, before the loop that goes on storing and drawing."""
    graph, function = anatomy.graph, anatomy.symbols.function_of(path, node)
    loops = [loop for loop in graph.loops_around(path, draw) if loop.start > node.start]
    if not loops or any(True for _ in graph.loops_around(path, node)) or is_called_again(graph, function):
        return False
    sites = (site for site in graph.calls_of(function, (path,)) if loops[-1].start < site.node.start < loops[-1].end)
    return any(
        func.node in anatomy.adding or graph.reachable(func.node, 3) & anatomy.adding
        for site in sites
        for func in site.targets
    )
