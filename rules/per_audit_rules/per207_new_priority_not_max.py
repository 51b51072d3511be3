"""PER207 new-priority-not-max."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.findings import Finding, FixOffer, Severity
from per_audit.graph import PRIORITISED
from per_audit.graph.memory.laps import goes_round
from per_audit.graph.prioritised.priorities import trail
from per_audit.graph.symbolic import Term, alternatives, strip
from per_audit.graph.symbolic.degree import STORED
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.graph import ReplayBuffer, ReplayGraph
    from per_audit.graph.prioritised.anatomy import Anatomy
    from per_audit.graph.prioritised.priorities.writes import PriorityWrite, Step

_HIGHEST_START = 1.0
_BOUNDS = ("clip", "minimum", "min", "where", "div", "unknown")
_AROUND = ("pow", "abs", "element", "detach", "reshape", "squeeze", "item")
_NONE = Term("const")
_MEMORY = """import numpy as np


class Memory:
    def __init__(self, capacity, alpha=0.6):
        self.rows, self.capacity, self.alpha, self.count = [None] * capacity, capacity, alpha, 0
        self.priorities = np.zeros(capacity)

    def add(self, state, action, reward, next_state, done):
        slot = self.count % self.capacity
        self.rows[slot] = (state, action, reward, next_state, done)
        self.priorities[slot] = 1.0  # <- PER207
        self.count += 1

    def sample(self, n, beta):
        filled = min(self.count, self.capacity)
        p = self.priorities[:filled] ** self.alpha
        p = p / p.sum()
        slots = np.random.choice(filled, n, p=p)
        weights = (filled * p[slots]) ** -beta
        columns = [np.stack(column) for column in zip(*[self.rows[i] for i in slots])]
        return columns, slots, weights / weights.max()

    def update(self, slots, errors):
        self.priorities[slots] = np.abs(errors) + 1e-6
"""
_TRAIN = """import torch
import torch.nn.functional as F
from memory import Memory


def train(env, net, target, steps, gamma=0.99):
    memory, optimizer = Memory(5_000), torch.optim.Adam(net.parameters())
    state = env.reset()
    for step in range(steps):
        action = int(net(torch.as_tensor(state)).argmax())
        next_state, reward, done, _ = env.step(action)
        memory.add(state, action, reward, next_state, done)
        state = env.reset() if done else next_state
        columns, slots, weights = memory.sample(32, min(1.0, 0.4 + 0.6 * step / steps))
        states, actions, rewards, next_states, dones = (torch.as_tensor(column) for column in columns)
        q = net(states).gather(1, actions.unsqueeze(1)).squeeze(1)
        with torch.no_grad():
            goal = rewards + gamma * (1 - dones) * target(next_states).max(1).values
        losses = F.smooth_l1_loss(q, goal, reduction="none")
        loss = (torch.as_tensor(weights) * losses).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        memory.update(slots, (q - goal).detach().numpy())
"""
_LINEAR = """import numpy as np


class Agent:
    FIRST = 0.5

    def __init__(self, width, capacity=2_000):
        self.theta, self.rows, self.mass = np.zeros(width), [None] * capacity, np.zeros(capacity)
        self.count = 0

    def observe(self, state, reward, next_state, done):
        slot = self.count % len(self.rows)
        self.rows[slot] = (state, reward, next_state, done)
        self.mass[slot] = self.FIRST  # <- PER207
        self.count += 1

    def learn(self, beta, rate=0.01, gamma=0.9):
        filled = min(self.count, len(self.rows))
        p = self.mass[:filled] / self.mass[:filled].sum()
        slots = np.random.choice(filled, 16, p=p)
        weights = (filled * p[slots]) ** -beta
        weights /= weights.max()
        states, rewards, next_states, dones = (np.stack(column) for column in zip(*[self.rows[i] for i in slots]))
        errors = rewards + gamma * (1 - dones) * (next_states @ self.theta) - states @ self.theta
        self.theta += rate * states.T @ (weights * errors) / 16
        self.mass[slots] = (np.abs(errors) + 1e-6) ** 0.6


def run(env, agent, steps):
    state = env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(env.action_space.sample())
        agent.observe(state, reward, next_state, done)
        state = env.reset() if done else next_state
        if step > 16:
            agent.learn(min(1.0, 0.4 + step / steps))
"""
_WITHOUT = _MEMORY.replace("next_state, done):\n", "next_state, done, priority=None):\n").replace(
    "        self.priorities[slot] = 1.0  # <- PER207\n",
    "        if priority is None:\n            priority = self.top\n"
    "        self.priorities[slot] = priority  # <- PER207\n",
)
_WITHOUT = _WITHOUT.replace(
    "self.count = [None] * capacity, capacity, alpha, 0",
    "self.count = [None] * capacity, capacity, alpha, 0\n        self.top = 1.0",
)
_TREE = """class Tree:
    def __init__(self, leaves):
        self.leaves, self.rows, self.at = leaves, [None] * leaves, 0
        self.sums = [0.0] * (2 * leaves)

    def put(self, row, priority):
        self.rows[self.at] = row
        self.change(self.at, priority)
        self.at = (self.at + 1) % self.leaves

    def change(self, leaf, priority):
        node = leaf + self.leaves
        difference = priority - self.sums[node]
        while node >= 1:
            self.sums[node] += difference
            node //= 2

    def find(self, share):
        return self._down(share * self.sums[1], 1)

    def _down(self, mass, node):
        if node >= self.leaves:
            return self.rows[node - self.leaves], self.sums[node], node - self.leaves
        if mass <= self.sums[2 * node]:
            return self._down(mass, 2 * node)
        return self._down(mass - self.sums[2 * node], 2 * node + 1)


if __name__ == "__main__":
    tree = Tree(8)
    for number in range(20):
        tree.put(str(number), number)
    print(tree.find(0.5))
"""
_ON_TREE = """import numpy as np
from tree import Tree


class Memory:
    def __init__(self, capacity):
        self.tree, self.count, self.capacity = Tree(capacity), 0, capacity

    def add(self, state, action, reward, next_state, done):
        self.tree.put((state, action, reward, next_state, done), 1.0)  # <- PER207
        self.count = min(self.count + 1, self.capacity)

    def sample(self, n, beta):
        rows, p, slots = [], [], []
        for share in np.random.rand(n):
            row, priority, slot = self.tree.find(share)
            rows.append(row)
            p.append(priority)
            slots.append(slot)
        for slot, old in zip(slots, p):
            self.tree.change(slot, old)
        weights = (self.count * np.array(p) / self.tree.sums[1]) ** -beta
        return [np.stack(column) for column in zip(*rows)], slots, weights / weights.max()

    def update(self, slots, errors):
        for slot, error in zip(slots, np.abs(errors)):
            self.tree.change(slot, (error + 1e-6) ** 0.6)
"""


class NewPriorityNotMax(Rule):
    """New transitions start with a small constant, the mean or the maximum of a part, not with the largest priority.

    ## What it does

    Reports buffers whose every insertion stores a constant of at most 1, the mean of the stored priorities, or the
    maximum over a ring as far as the slot that is written, while updates store errors that nothing keeps below that.

    ## Why is this bad

    The paper gives a new transition the largest priority, so that each is learnt from at least once. Where errors of 10
    are stored, a transition that starts at 1 is drawn a tenth as often as those, or a fourth with alpha = 0.6; with the
    mean about half of the buffer comes before it. Under a high rate of insertion many are overwritten unseen. Once a
    ring has gone round, the slots behind the one that is written hold the older priorities: a maximum that leaves them
    out falls to that of a few slots each time the ring begins again.

    ## Known problems

    Errors that stay below the constant by themselves, as with clipped rewards and small values, make it the largest
    priority in effect; the code does not tell. Constants above 1 may be meant to be larger than every error and are
    not reported. The error of a transition at its insertion is a choice of its own: PER603.

    ## Example

    ```python
    self.priorities[slot] = 1.0
    ```

    ## Use instead

    ```python
    self.priorities[slot] = self.priorities.max() if self.count else 1.0
    ```

    ## Fix safety

    Which transitions are drawn changes, so nothing is changed unasked.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, section 3.3 and Algorithm 1, line 6
    """

    code = "PER207"
    name = "new-priority-not-max"
    severity = Severity.INFO

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each place that gives new transitions such a start."""
        told: set[object] = set()
        for buffer in graph.buffers:
            if buffer.kind != PRIORITISED or graph.priorities(buffer).is_reference:
                continue
            for finding in self._of(graph, buffer):
                if finding.place not in told:
                    told.add(finding.place)
                    yield finding

    def _of(self, graph: ReplayGraph, buffer: ReplayBuffer) -> Iterable[Finding]:
        anatomy, name = graph.anatomy(buffer), graph.name_of(buffer)
        starts = [(write, _start(anatomy, write)) for write in anatomy.writes if write.inserts]
        updates = [write for write in anatomy.writes if not write.inserts and not _is_put_back(anatomy, write)]
        if not updates or not all(_is_open(write.value) for write in updates):
            return
        if not all(start for _, start in starts):
            return
        learnt = updates[0]
        given: set[object] = set()
        for write, start in starts:
            step = _given_in(write)
            key = (graph.symbols.function_of(step.path, step.node), start)
            if key in given:  # into a second tree, such as that of the minimum
                continue
            given.add(key)
            yield self.finding(
                graph,
                step.path,
                step.node,
                f"new transitions of {name} start with {start}, not with the largest priority: "
                "where larger errors are stored they are drawn less often than those",
                evidence=trail.unique(
                    [
                        graph.evidence(step.path, step.node, "start", "the first priority is given here"),
                        graph.evidence(write.store.path, write.store.node, "store", "stored here"),
                        *trail.evidence(anatomy, learnt),
                    ]
                ),
                confidence="medium",
                fix=FixOffer(title="store new transitions with the largest priority"),
                pipeline=name,
            )

    def witness(self) -> str:
        """How many of 1,000 new transitions are never drawn before they are overwritten, with both starts."""
        import numpy as np

        never = []
        for largest in (False, True):
            rng = np.random.default_rng(0)
            mass, age, unseen = np.full(1_000, 10.0**0.6), np.zeros(1_000, bool), 0
            for step in range(2_000):
                slot = step % 1_000
                unseen += bool(age[slot])
                mass[slot], age[slot] = mass.max() if largest else 1.0, True
                if step % 16 == 0:
                    drawn = rng.choice(1_000, 32, p=mass / mass.sum())
                    mass[drawn], age[drawn] = 10.0**0.6, False
            never.append(unseen)
        assert never[0] > 1.5 * never[1]
        return f"of 1,000 that were overwritten {never[0]} were never drawn, {never[1]} with the largest as their start"

    bad = (
        Example("the number 1, PyTorch", {"memory.py": _MEMORY, "train.py": _TRAIN}),
        Example("a constant of the class, NumPy", {"agent.py": _LINEAR}),
        Example(
            "the mean of what is stored",
            {
                "memory.py": _MEMORY.replace(
                    "= 1.0  # <- PER207", "= self.priorities[:slot].mean() if self.count else 1.0  # <- PER207"
                ),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "the largest of the slots that were written in this round",
            {
                "memory.py": _MEMORY.replace("capacity, alpha, 0\n", "capacity, alpha, 0\n        self.at = 0\n")
                .replace("slot = self.count % self.capacity", "slot = self.at")
                .replace("= 1.0  # <- PER207", "= self.priorities[: self.at + 1].max() or 1.0  # <- PER207")
                .replace("self.count += 1", "self.count, self.at = self.count + 1, (self.at + 1) % self.capacity"),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "a default that nobody passes, and a small number",
            {
                "memory.py": _MEMORY.replace("next_state, done):\n", "next_state, done, priority=0):\n").replace(
                    "= 1.0  # <- PER207", "= priority + 1e-6"
                ),
                "train.py": _TRAIN.replace("next_state, done)\n", "next_state, done)  # <- PER207\n"),
            },
        ),
        Example(
            "the loop hands it over",
            {
                "memory.py": _MEMORY.replace("next_state, done):\n", "next_state, done, priority):\n").replace(
                    "= 1.0  # <- PER207", "= priority"
                ),
                "train.py": _TRAIN.replace("next_state, done)\n", "next_state, done, 1e-2)  # <- PER207\n"),
            },
        ),
        Example(
            "a constant that stands in for None",
            {"memory.py": _WITHOUT, "train.py": _TRAIN},
        ),
        Example(
            "a sum tree that is tried out in its file, searched by a method that calls itself",
            {"tree.py": _TREE, "memory.py": _ON_TREE, "train.py": _TRAIN},
        ),
        Example(
            "what the policy is worth is added to the errors",
            {
                "memory.py": _MEMORY,
                "train.py": _TRAIN.replace(
                    "(q - goal).detach().numpy())", "((q - goal) ** 2 + policy(states)).detach().numpy())"
                ).replace("env, net,", "env, policy, net,"),
            },
        ),
        Example(
            "two trees, one start: one finding",
            {
                "tree.py": _TREE,
                "memory.py": _ON_TREE.replace(
                    "1.0)  # <- PER207\n", "1.0)  # <- PER207\n        self.least.put(None, 1.0)\n"
                )
                .replace("self.tree, self.count,", "self.least, self.tree, self.count,")
                .replace("= Tree(capacity)", "= Tree(capacity), Tree(capacity)"),
                "train.py": _TRAIN,
            },
        ),
    )
    good = (
        Example(
            "the largest that is stored",
            {
                "memory.py": _MEMORY.replace("= 1.0  # <- PER207", "= self.priorities.max() if self.count else 1.0"),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "the largest of what is filled",
            {
                "memory.py": _MEMORY.replace(
                    "= 1.0  # <- PER207", "= self.priorities[: self.count].max() if self.count else 1.0"
                ),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "the largest of this round until the ring is full, then of all",
            {
                "memory.py": bad[3]
                .plain["memory.py"]
                .replace("= self.priorities[: self.at + 1].max() or 1.0", "= largest.max() or 1.0")
                .replace(
                    "slot = self.at\n",
                    "slot = self.at\n"
                    "        full = self.count >= self.capacity\n"
                    "        largest = self.priorities if full else self.priorities[: self.at + 1]\n",
                ),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "the largest that ever was",
            {
                "memory.py": _MEMORY.replace("= 1.0  # <- PER207", "= self.top")
                .replace("self.priorities = np.zeros(capacity)", "self.priorities, self.top = np.zeros(capacity), 1.0")
                .replace("+ 1e-6\n", "+ 1e-6\n        self.top = max(self.top, np.abs(errors).max())\n"),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "errors are clipped to the constant",
            {
                "memory.py": _MEMORY.replace("  # <- PER207", "").replace(
                    "np.abs(errors) + 1e-6", "np.clip(np.abs(errors) + 1e-6, 0, 1)"
                ),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "a constant above what is expected",
            {"memory.py": _MEMORY.replace("= 1.0  # <- PER207", "= 1e4"), "train.py": _TRAIN},
        ),
        Example(
            "the error of the new transition",
            {
                "agent.py": _LINEAR.replace(
                    "        self.mass[slot] = self.FIRST  # <- PER207\n",
                    "        error = reward + 0.9 * (next_state @ self.theta) - state @ self.theta\n"
                    "        self.mass[slot] = (abs(error) + 1e-6) ** 0.6\n",
                )
            },
        ),
        Example(
            "demonstrations start at a constant, what is new at the largest",
            {
                "memory.py": _MEMORY.replace("= 1.0  # <- PER207", "= self.priorities.max() if self.count else 1.0")
                + """
    def demonstrate(self, state, action, reward, next_state, done):
        slot = self.count % self.capacity
        self.rows[slot] = (state, action, reward, next_state, done)
        self.priorities[slot] = 1.0
        self.count += 1
""",
                "train.py": _TRAIN,
            },
        ),
        Example(
            "the largest that ever was stands in for None",
            {
                "memory.py": _WITHOUT.replace("  # <- PER207", "").replace(
                    "+ 1e-6\n", "+ 1e-6\n        self.top = max(self.top, np.abs(errors).max())\n"
                ),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "a sum tree whose memory keeps the largest",
            {
                "tree.py": _TREE,
                "memory.py": _ON_TREE.replace("done), 1.0)  # <- PER207", "done), self.top)")
                .replace("self.tree, self.count,", "self.top, self.tree, self.count,")
                .replace("= Tree(capacity)", "= 1.0, Tree(capacity)")
                + "            self.top = max(self.top, (error + 1e-6) ** 0.6)\n",
                "train.py": _TRAIN,
            },
        ),
        Example(
            "what the policy is worth is added to errors that are bounded",
            {
                "memory.py": _MEMORY.replace("  # <- PER207", ""),
                "train.py": _TRAIN.replace(
                    "(q - goal).detach().numpy())", "((q - goal).clamp(-1, 1) + policy(states)).detach().numpy())"
                ).replace("env, net,", "env, policy, net,"),
            },
        ),
    )


def _start(anatomy: Anatomy, write: PriorityWrite) -> str | None:
    """What new transitions start with, where that is no largest priority; None for anything else."""
    means = part = False
    highest, text = 0.0, ""
    for option in alternatives(write.value):
        option = strip(option)
        if option.op == "mean" and anatomy.base_of(strip(option.args[0])) in anatomy.containers:
            means = True
            continue
        if _is_largest_before(anatomy, option, write.index):
            part = True
            continue
        base = strip(option.args[0]) if option.op == "pow" else option
        for start in alternatives(anatomy.symbols.expanded(base)):
            if start == _NONE:  # of a parameter: something else takes its place
                continue
            number = _number(strip(start))
            if number is None or not 0 < number <= _HIGHEST_START:
                return None
            if number > highest:
                highest, text = number, _raised(anatomy, number, option)
    if not (means or part or highest):
        return None
    if part:
        return "the largest priority of the slots up to their own"
    return "the mean of the stored priorities" if means else f"the constant {text}"


def _raised(anatomy: Anatomy, number: float, stored: Term) -> str:
    """A first priority for people: of one that is raised to a known power, what is stored, and what it is made of."""
    powers = alternatives(anatomy.symbols.expanded(stored.args[1])) if stored.op == "pow" else ()
    exponent = strip(powers[0]).number if len(powers) == 1 else None
    if exponent is None or number**exponent == number:
        return f"{number:g}"
    return f"{number**exponent:.2g} ({number:g} ** {exponent:g})"


def _given_in(write: PriorityWrite) -> Step:
    """The step that tells the first priority: in the function that has something stand in for a parameter of None."""
    for part in write.value.walk():
        function = part.data[0] if part.op == "param" else None
        if isinstance(function, ir.Function) and function in write.functions:
            default = next((p.default for p in function.parameters if p.name == part.data[1]), None)
            if isinstance(default, ir.Const) and default.value is None:
                return write.steps[write.functions.index(function)]
    return write.outermost


def _number(term: Term) -> float | None:
    """The number that a term is: one that is written, or a sum of those."""
    if term.op != "add":
        return term.number
    numbers = [arg.number for arg in term.args]
    return None if None in numbers else sum(number for number in numbers if number is not None)


def _is_largest_before(anatomy: Anatomy, term: Term, slot: Term | None) -> bool:
    """Whether a term is the largest priority of a ring as far as the slot that is written, which goes round."""
    if slot is None or term.op != "max" or term.data is not None or not goes_round(anatomy.graph, slot):
        return False
    return all(_ends_at(anatomy, held, slot) for held in alternatives(term.args[0]))


def _ends_at(anatomy: Anatomy, term: Term, slot: Term) -> bool:
    """Whether a term is the priorities from the first slot to a given one, with or without that."""
    if term.op != "slice" or term.args[0] not in anatomy.containers:
        return False
    _, lower, upper, step = term.args
    ends = upper == slot or (upper.op == "add" and upper.args[0] == slot and upper.args[1].number == 1)
    return ends and (lower.number == 0 or lower == _NONE) and step == _NONE


def _is_put_back(anatomy: Anatomy, write: PriorityWrite) -> bool:
    """Whether an update stores what was stored before, and no error."""
    chains = trail.chains_of(anatomy, write.value)
    return bool(chains) and all(chain.start == STORED for chain in chains)


def _is_open(value: Term) -> bool:
    """Whether a value is made of an error that nothing bounds: of several that are added up, one of them."""
    errors = trail.errors(value)

    def bounded(term: Term) -> bool:
        return term not in errors and (term.op in (*_BOUNDS, "call") or any(bounded(arg) for arg in term.args))

    def is_open(term: Term) -> bool:
        if term.op in ("add", "maximum") and term not in errors:
            return any(is_open(arg) for arg in term.args)
        is_made = term in errors or any(part in errors for part in term.walk())
        return is_made and (not bounded(term) if term.op not in _AROUND else is_open(term.args[0]))

    return is_open(value)
