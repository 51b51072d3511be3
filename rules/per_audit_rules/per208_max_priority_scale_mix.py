"""PER208 max-priority-scale-mix."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from per_audit.facts import ir
from per_audit.findings import Finding, FixOffer, Severity
from per_audit.graph import PRIORITISED, ReplayBuffer, ReplayGraph
from per_audit.graph.memory.fill import starts_with_zeros
from per_audit.graph.prioritised.beta.schedule import is_never_asked_for
from per_audit.graph.prioritised.priorities import trail
from per_audit.graph.prioritised.priorities.held import held_in
from per_audit.graph.prioritised.priorities.updates import BUILDERS
from per_audit.graph.symbolic import Term, alternatives, strip
from per_audit.graph.symbolic.degree import STORED
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.graph.interpret.events import AttributeWrite
    from per_audit.graph.prioritised.anatomy import Anatomy
    from per_audit.graph.prioritised.priorities.writes import PriorityWrite


class MaxPriorityScaleMix(Rule):
    """The highest priority starts at a small constant as it is and is raised to values that alpha was applied to.

    ## What it does

    Reports an attribute that is stored as the priority of new transitions, starts at a constant between 0 and 1 that
    alpha was not applied to, and is later set to priorities that alpha was applied to. Reports a highest priority that
    starts at 0: such an attribute, and the maximum over the leaves of a sum tree that begins with zeros.

    ## Why is this bad

    With an epsilon of 0.01 and alpha = 0.6 a transition whose error is zero counts with 0.01 ** 0.6 = 0.063 once it
    was replayed, while all transitions that were stored before the first update count with 0.01: less than the
    lowest priority that an update can give. The data of the warm-up is hardly drawn. From 0 it is not drawn at all: the
    first transitions have no share of the total, and a search in a tree of zeros ends in the same leaf each time, until
    that one is updated.

    ## Known problems

    Starts at 1 or above are not reported: 1 is the same before and after the power, and a higher start favours new
    transitions, which may be meant.

    ## Example

    ```python
    self.top = self.epsilon
    self.top = max(self.top, (error + self.epsilon) ** self.alpha)
    ```

    ## Use instead

    ```python
    self.top = 1.0
    self.top = max(self.top, (error + self.epsilon) ** self.alpha)
    ```

    ## Fix safety

    A start of 1 changes which transitions the first updates draw, so nothing is changed unasked.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, section 3.3 and Algorithm 1, line 6
    """

    code = "PER208"
    name = "max-priority-scale-mix"
    severity = Severity.WARNING

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each assignment that starts the maximum on the wrong scale."""
        told: set[object] = set()
        for buffer in graph.buffers:
            if buffer.kind != PRIORITISED or graph.priorities(buffer).is_reference:
                continue
            anatomy = graph.anatomy(buffer)
            for insertion, node, path in _from_zero(anatomy):
                if node not in told:
                    told.add(node)
                    yield self._from_zero(graph, buffer, insertion, (node, path))
            if trail.drawn_powers(anatomy).exponents:
                continue
            for insertion, start, start_path, power in self._mixed(anatomy):
                raised_in = graph.symbols.function_of(power.path, power.node) if power.node is not None else None
                if start.node in told or is_never_asked_for(graph, buffer, raised_in):
                    continue
                told.add(start.node)
                name = graph.name_of(buffer)
                links = [graph.evidence(start_path, start.node, "start", "starts here, without alpha")]
                if power.node is not None and power.path:
                    links.append(graph.evidence(power.path, power.node, "alpha", "raised to values with alpha applied"))
                yield self.finding(
                    graph,
                    start_path,
                    start.node,
                    f"the priority of new transitions in {name} starts at a small constant without alpha applied, "
                    "later ones have it applied: transitions stored before the first update are drawn too rarely",
                    evidence=trail.unique([*links, *trail.evidence(anatomy, insertion)]),
                    confidence="medium",
                    fix=FixOffer(title="start the highest priority at 1"),
                    pipeline=name,
                )

    def _from_zero(
        self, graph: ReplayGraph, buffer: ReplayBuffer, insertion: PriorityWrite, start: tuple[ir.Node, str]
    ) -> Finding:
        (node, path), name = start, graph.name_of(buffer)
        return self.finding(
            graph,
            path,
            node,
            f"the priority of new transitions in {name} is 0 until a priority is updated: what is stored before has no "
            "share of the draw",
            evidence=trail.unique(
                [
                    graph.evidence(path, node, "start", "0 at first"),
                    *trail.evidence(graph.anatomy(buffer), insertion),
                ]
            ),
            fix=FixOffer(title="start the highest priority at 1"),
            pipeline=name,
        )

    def _mixed(self, anatomy: Anatomy) -> Iterator[tuple[PriorityWrite, AttributeWrite, str, Term]]:
        for insertion in anatomy.writes:
            if not insertion.inserts:
                continue
            for option in alternatives(insertion.value):
                top, is_kept_above = self._kept(anatomy, strip(option))
                if top is None:
                    continue
                written = anatomy.symbols.written(top)
                power = self._power(anatomy, [term for term, _, _ in written])
                for term, write, path in written:
                    if power is not None and write is not None and self._is_small(anatomy, term, is_kept_above):
                        yield insertion, write, path, power

    def _kept(self, anatomy: Anatomy, stored: Term) -> tuple[Term | None, bool]:
        """The attribute that is stored, and whether a small number is where that is less: `max(self.top, 1e-3)`."""
        parts = [strip(part) for part in stored.args] if stored.op == "maximum" else [stored]
        own = [part for part in parts if part.op == "field" and not self._is_small(anatomy, part)]
        tops = [part for part in (own or parts) if part.op == "field" and part not in anatomy.containers]
        if len(tops) != 1 or not all(part is tops[0] or self._is_small(anatomy, part) for part in parts):
            return None, False
        return tops[0], len(parts) > 1

    def _power(self, anatomy: Anatomy, values: list[Term]) -> Term | None:
        """The power of an error that the attribute is set to; None where it is set to anything without one."""
        read = any(anatomy.priority_base(part) for value in values for part in value.walk())
        stored = [write.value for write in anatomy.writes if read and not write.inserts]
        chains = [chain for value in (*values, *stored) for chain in trail.chains_of(anatomy, value)]
        telling = [chain for chain in chains if chain.start != STORED and chain.exponents]
        return telling[0].raised[-1] if telling else None

    def _is_small(self, anatomy: Anatomy, start: Term, or_zero: bool = False) -> bool:
        """Whether a start is a number between 0 and 1 in each case that is known, and is told as it is."""
        start = strip(start)
        if start.op not in ("const", "field", "param", "global"):
            return False
        known = [strip(option) for option in alternatives(anatomy.symbols.expanded(start))]
        numbers = [option.number for option in known]
        return all(number is not None and (0 < number < 1 or (or_zero and number == 0)) for number in numbers)

    def witness(self) -> str:
        """The share of the warm-up in the draw after the first updates, with both starts."""
        import numpy as np

        epsilon, alpha = 0.01, 0.6
        updated = (np.zeros(10) + epsilon) ** alpha
        share = [90 * start / (90 * start + updated.sum()) for start in (epsilon, epsilon**alpha)]
        assert share[1] > 0.89
        assert share[0] < 0.6
        return (
            f"90 of 100 transitions wait, 10 were replayed with error 0: the 90 are {share[0]:.0%} of the draw, "
            f"{share[1]:.0%} with alpha applied to the start"
        )

    bad: ClassVar[tuple[Example, ...]] = (
        Example(
            "starts at epsilon, one array",
            {
                "replay.py": """import numpy as np


class Replay:
    def __init__(self, capacity, alpha=0.6, epsilon=1e-2):
        self.items, self.mass = [None] * capacity, np.zeros(capacity)
        self.alpha, self.epsilon, self.count = alpha, epsilon, 0
        self.top = epsilon  # <- PER208

    def append(self, state, action, reward, next_state, done):
        slot = self.count % len(self.items)
        self.items[slot] = (state, action, reward, next_state, done)
        self.mass[slot] = self.top
        self.count += 1

    def draw(self, size, beta):
        n = min(self.count, len(self.items))
        p = self.mass[:n] / self.mass[:n].sum()
        slots = np.random.choice(n, size, p=p)
        weights = (n * p[slots]) ** -beta
        return [self.items[i] for i in slots], slots, weights / weights.max()

    def rate(self, slots, errors):
        for slot, error in zip(slots, errors):
            priority = (abs(error) + self.epsilon) ** self.alpha
            self.mass[slot] = priority
            self.top = max(self.top, priority)
""",
            },
        ),
        Example(
            "a number, the tree in another file, an if in place of max",
            {
                "tree.py": """import numpy as np


class Tree:
    def __init__(self, leaves):
        self.leaves, self.sums = leaves, np.zeros(2 * leaves)

    def put(self, leaf, value):
        at = leaf + self.leaves
        self.sums[at] = value
        while at > 1:
            at //= 2
            self.sums[at] = self.sums[2 * at] + self.sums[2 * at + 1]

    def find(self, mass):
        at = 1
        while at < self.leaves:
            at *= 2
            if mass >= self.sums[at]:
                mass -= self.sums[at]
                at += 1
        return at - self.leaves
""",
                "memory.py": """import numpy as np
from tree import Tree


class Memory:
    ALPHA = 0.7

    def __init__(self, leaves):
        self.tree, self.rows, self.count = Tree(leaves), [None] * leaves, 0
        self.highest = 0.001  # <- PER208

    def remember(self, state, action, reward, next_state, done):
        slot = self.count % len(self.rows)
        self.rows[slot] = (state, action, reward, next_state, done)
        self.tree.put(slot, self.highest)
        self.count += 1

    def recall(self, size, beta):
        slots = np.array([self.tree.find(mass) for mass in np.random.rand(size) * self.tree.sums[1]])
        p = self.tree.sums[slots + self.tree.leaves] / self.tree.sums[1]
        weights = (min(self.count, len(self.rows)) * p) ** -beta
        return [self.rows[slot] for slot in slots], slots, weights / weights.max()

    def learnt(self, slots, errors):
        for slot, error in zip(slots, errors):
            priority = np.power(np.abs(error) + 0.001, self.ALPHA)
            self.tree.put(slot, priority)
            if priority > self.highest:
                self.highest = priority
""",
            },
        ),
        Example(
            "the maximum of what was stored",
            {
                "play.py": """from collections import deque
import numpy as np


class Kept:
    def __init__(self, limit, epsilon=1e-2, alpha=0.5):
        self.rows, self.levels = deque(maxlen=limit), deque(maxlen=limit)
        self.epsilon, self.alpha = epsilon, alpha
        self.top = epsilon  # <- PER208

    def add(self, *row):
        self.rows.append(row)
        self.levels.append(self.top)

    def rate(self, at, errors):
        for i, error in zip(at, errors):
            self.levels[i] = (error + self.epsilon) ** self.alpha
            self.top = max(self.top, self.levels[i])

    def sample(self, n, beta):
        levels = np.array(self.levels)
        p = levels / levels.sum()
        at = np.random.choice(len(p), n, p=p)
        w = (len(p) * p[at]) ** -beta
        return [self.rows[i] for i in at], at, w / w.max()


def play(env, net, optimizer, steps):
    kept, state = Kept(9_000), env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(net.act(state))
        kept.add(state, 0, reward, next_state, done)
        state = next_state
        rows, at, w = kept.sample(32, 0.4 + 0.6 * step / steps)
        error = net.errors(rows).abs()
        (w * error**2).mean().backward()
        optimizer.step()
        kept.rate(at, error.detach().numpy())
"""
            },
        ),
    )
    bad = (
        *bad,
        Example(
            "starts at 0",
            {"replay.py": bad[0].files["replay.py"].replace("self.top = epsilon", "self.top = 0.0")},
        ),
        Example(
            "the maximum over the leaves of a tree of zeros",
            {
                "tree.py": bad[1].files["tree.py"],
                "memory.py": bad[1]
                .plain["memory.py"]
                .replace("(slot, self.highest)", "(slot, self.tree.sums[self.tree.leaves :].max())  # <- PER208"),
            },
        ),
        Example(
            "leaves of zeros are no reason for a default",
            {
                "tree.py": bad[1].files["tree.py"],
                "memory.py": bad[1]
                .plain["memory.py"]
                .replace(
                    "(slot, self.highest)", "(slot, max(self.tree.sums[self.tree.leaves :], default=1))  # <- PER208"
                ),
            },
        ),
        Example(
            "the maximum over the leaves of a tree of zeros, and 0 for the first",
            {
                "tree.py": bad[1].files["tree.py"],
                "memory.py": bad[1]
                .plain["memory.py"]
                .replace(
                    "        self.tree.put(slot, self.highest)\n",
                    "        if self.count == 0:\n            self.tree.put(slot, 0)\n        else:\n"
                    "            self.tree.put(slot, self.tree.sums[self.tree.leaves :].max())  # <- PER208\n",
                ),
            },
        ),
        Example(
            "starts at 0, for which epsilon is stored",
            {
                "replay.py": bad[0]
                .files["replay.py"]
                .replace("self.top = epsilon", "self.top = 0.0")
                .replace("self.mass[slot] = self.top", "self.mass[slot] = np.max([self.top, self.epsilon])")
            },
        ),
    )
    good = (
        Example(
            "starts at 0, and is raised by what new transitions bring",
            {
                "replay.py": bad[0]
                .plain["replay.py"]
                .replace("self.top = epsilon", "self.top = 0.0")
                .replace("self.mass[slot] = self.top", "self.mass[slot] = self.top = max(self.top, abs(reward), 1e-3)")
            },
        ),
        Example(
            "starts at 0, for which 1 is stored",
            {
                "replay.py": bad[0]
                .plain["replay.py"]
                .replace("self.top = epsilon", "self.top = 0.0")
                .replace("self.mass[slot] = self.top", "self.mass[slot] = self.top or 1.0")
            },
        ),
        Example(
            "the maximum over the leaves of a tree, and 1 for none",
            {
                "tree.py": bad[1].plain["tree.py"],
                "memory.py": bad[1]
                .plain["memory.py"]
                .replace("(slot, self.highest)", "(slot, self.tree.sums[self.tree.leaves :].max() or 1.0)"),
            },
        ),
        Example(
            "the maximum over the leaves of a tree and 1",
            {
                "tree.py": bad[1].plain["tree.py"],
                "memory.py": bad[1]
                .plain["memory.py"]
                .replace("(slot, self.highest)", "(slot, np.max(self.tree.sums[self.tree.leaves :], initial=1.0))"),
            },
        ),
        Example(
            "the maximum over the leaves of a tree, and 1 for the first",
            {
                "tree.py": bad[1].plain["tree.py"],
                "memory.py": bad[1]
                .plain["memory.py"]
                .replace(
                    "        self.tree.put(slot, self.highest)\n",
                    "        if self.count == 0:\n            self.tree.put(slot, 1.0)\n"
                    "        else:\n            self.tree.put(slot, self.tree.sums[self.tree.leaves :].max())\n",
                ),
            },
        ),
        Example(
            "the maximum over the leaves of a tree, and 1 for the first of each episode",
            {
                "tree.py": bad[1].plain["tree.py"],
                "memory.py": bad[1]
                .plain["memory.py"]
                .replace("next_state, done):", "next_state, done, mass):")
                .replace("(slot, self.highest)", "(slot, mass)"),
                "play.py": """from memory import Memory


def play(env, net, memory: Memory, rounds):
    for _ in range(rounds):
        state, done, first = env.reset(), False, True
        while not done:
            action = net.act(state)
            next_state, reward, done, _ = env.step(action)
            if first:
                memory.remember(state, action, reward, next_state, done, 1)
            else:
                memory.remember(state, action, reward, next_state, done, max(memory.tree.sums[memory.tree.leaves :]))
            first, state = False, next_state
            rows, slots, weights = memory.recall(32, 0.4)
            memory.learnt(slots, net.fit(rows, weights))


play(make(), Net(), Memory(4096), 500)
""",
            },
        ),
        Example(
            "the maximum over the leaves that are written, 1 where none is",
            {
                "tree.py": bad[1].plain["tree.py"],
                "memory.py": bad[1]
                .plain["memory.py"]
                .replace(
                    "(slot, self.highest)",
                    "(slot, max(self.tree.sums[self.tree.leaves : self.tree.leaves + self.count], default=1.0))",
                ),
            },
        ),
        Example(
            "nothing calls what would raise it",
            {
                "replay.py": bad[0].plain["replay.py"],
                "train.py": """from replay import Replay


def train(env, net, optimizer):
    replay, state = Replay(4096), env.reset()
    while True:
        next_state, reward, done, _ = env.step(net.act(state))
        replay.append(state, net.last, reward, next_state, done)
        state = env.reset() if done else next_state
        rows, slots, weights = replay.draw(32, 0.4)
        (weights * net.errors(rows) ** 2).mean().backward()
        optimizer.step()


train(make(), net(), optimizer())
""",
            },
        ),
        Example(
            "a library's algorithm that asks for no update makes the buffer",
            {
                "replay.py": """import numpy as np
from stable_baselines3 import TD3
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.type_aliases import ReplayBufferSamples


class Replay(ReplayBuffer):
    def __init__(self, buffer_size, observation_space, action_space, device="auto", n_envs=1, epsilon=1e-2, **more):
        super().__init__(buffer_size, observation_space, action_space, device, n_envs)
        self.mass, self.epsilon = np.zeros(buffer_size), epsilon
        self.top = epsilon

    def add(self, obs, next_obs, action, reward, done, infos):
        self.mass[self.pos] = self.top
        super().add(obs, next_obs, action, reward, done, infos)

    def sample(self, batch_size, env=None):
        p = self.mass / self.mass.sum()
        at = np.random.choice(len(p), batch_size, p=p)
        self.weights = (self.size() * p[at]) ** -0.4
        rows = self.observations[at, 0], self.actions[at, 0], self.next_observations[at, 0]
        return ReplayBufferSamples(*map(self.to_torch, (*rows, self.dones[at], self.rewards[at])))

    def rate(self, slots, errors):
        for slot, error in zip(slots, errors):
            priority = (abs(error) + self.epsilon) ** 0.6
            self.mass[slot] = priority
            self.top = max(self.top, priority)


TD3("MlpPolicy", "Pendulum-v1", replay_buffer_class=Replay).learn(50_000)
""",
            },
        ),
        Example(
            "starts at 1, and reads what was stored",
            {"play.py": bad[2].plain["play.py"].replace("top = epsilon", "top = 1.0")},
        ),
        Example(
            "starts at 1", {"replay.py": bad[0].plain["replay.py"].replace("self.top = epsilon", "self.top = 1.0")}
        ),
        Example(
            "starts at a power",
            {"replay.py": bad[0].plain["replay.py"].replace("self.top = epsilon", "self.top = epsilon**alpha")},
        ),
        Example(
            "the maximum is kept before the power",
            {
                "tree.py": bad[1].plain["tree.py"],
                "memory.py": bad[1]
                .plain["memory.py"]
                .replace("(slot, self.highest)", "(slot, self.highest**self.ALPHA)")
                .replace("np.power(np.abs(error) + 0.001, self.ALPHA)", "np.abs(error) + 0.001")
                .replace("(slot, priority)", "(slot, priority**self.ALPHA)"),
            },
        ),
        Example(
            "no power at all",
            {
                "tree.py": bad[1].plain["tree.py"],
                "memory.py": bad[1]
                .plain["memory.py"]
                .replace("np.power(np.abs(error) + 0.001, self.ALPHA)", "np.abs(error) + 0.001"),
            },
        ),
        Example(
            "a start that is not known",
            {"replay.py": bad[0].plain["replay.py"].replace("alpha=0.6, epsilon=1e-2", "epsilon, alpha=0.6")},
        ),
        Example(
            "starts at 0, for which 1 is stored at least",
            {
                "replay.py": bad[0]
                .plain["replay.py"]
                .replace("self.top = epsilon", "self.top = 0.0")
                .replace("self.mass[slot] = self.top", "self.mass[slot] = max(self.top, 1.0)")
            },
        ),
        Example(
            "starts at 0, for which a power of epsilon is stored at least",
            {
                "replay.py": bad[0]
                .plain["replay.py"]
                .replace("self.top = epsilon", "self.top = 0.0")
                .replace("self.mass[slot] = self.top", "self.mass[slot] = max(self.top, self.epsilon**self.alpha)")
            },
        ),
    )


def _from_zero(anatomy: Anatomy) -> Iterator[tuple[PriorityWrite, ir.Node, str]]:
    """The priorities of new transitions that are 0 at first and a maximum later, each with where it is made."""
    for insertion in anatomy.writes:
        top = strip(insertion.value)
        if not insertion.inserts:
            continue
        if top.op == "max" and top.data is None and top.node is not None and trail.is_tree(anatomy):
            held = held_in(anatomy.graph, top) & anatomy.containers
            is_zero = all(starts_with_zeros(anatomy.graph, container) for container in held)
            if held and is_zero and not _has_least(top.node) and not _is_begun(anatomy, insertion):
                yield insertion, top.node, top.path
        elif top.op == "field" and top not in anatomy.containers:
            start = _zero_start(anatomy, top)
            if start is not None:
                yield insertion, start.node, start.path


def _is_begun(anatomy: Anatomy, insertion: PriorityWrite) -> bool:
    """Whether the function that takes the maximum of the leaves stores a number above 0 as well: it is that at least.

    So does one that begins with it: `tree.put(1.0) if empty else tree.put(tree.highest())`.
    """
    for other in anatomy.writes:
        pairs = zip(other.steps, insertion.steps, other.functions, insertion.functions, strict=False)
        apart = next((pair for pair in pairs if pair[0].node is not pair[1].node), None)
        if other.inserts and apart is not None and apart[2] is apart[3]:
            known = [strip(option).number for option in alternatives(anatomy.symbols.expanded(other.value))]
            if all(number is not None and number > 0 for number in known):
                return True
    return False


def _has_least(node: ir.Node) -> bool:
    """Whether a maximum is told what it is at least, or is where it goes over nothing, as the filled part may be."""
    if not isinstance(node, ir.Call):
        return False
    if node.keyword("initial") is not None:
        return True
    part = node.argument(0) if node.keyword("default") is not None else None
    return isinstance(part, ir.Sub) and isinstance(part.index, ir.Slice) and part.index.upper is not None


def _zero_start(anatomy: Anatomy, top: Term) -> AttributeWrite | None:
    """Where an attribute is set to 0 that only updates raise to a maximum; None where anything else happens to it."""
    built: list[tuple[Term, AttributeWrite]] = []
    raised: list[tuple[Term, AttributeWrite]] = []
    for term, write, _ in anatomy.symbols.written(top):
        if write is None:
            return None
        (built if getattr(write.function, "name", "") in BUILDERS else raised).append((term, write))
    storing = set().union(*(anatomy.graph.reachable(function, 3) for function in anatomy.adding))
    is_highest = all(term.has("maximum", "max", "phi") and write.function not in storing for term, write in raised)
    is_zero = all(strip(term).number == 0 for term, _ in built)
    return built[0][1] if built and raised and is_highest and is_zero else None
