"""PER303 greedy-top-k."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.findings import FixOffer, Severity
from per_audit.graph.interpret.known.draws import GREEDY
from per_audit.graph.interpret.roles import words
from per_audit.graph.interpret.values import Alloc, TupleOf, roles_in
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.findings import Finding
    from per_audit.graph import ReplayGraph
    from per_audit.graph.interpret import events as ev

_HEAPS = {"heapq.nsmallest", "heapq.nlargest"}
_ORDERS = {"argsort", "topk", "argpartition"}
_WORDS = {"priority", "priorities", "prio", "prios", "td", "tderror", "error", "errors", "delta", "deltas"}
_FARTHEST = 3

_HEAP = """import heapq
from itertools import count

order = count()


class Memory:
    def __init__(self, limit):
        self.heap, self.limit = [], limit

    def add(self, td_error, state, action, reward, next_state, done):
        heapq.heappush(self.heap, (-td_error, next(order), (state, action, reward, next_state, done)))
        if len(self.heap) > self.limit:
            self.heap.pop()

    def batch(self, n):
        return [row for _, _, row in heapq.nsmallest(n, self.heap)]  # <- PER003 PER303
"""
_HALF = _HEAP.replace("import heapq\n", "import heapq\nimport random\n").replace(
    "        return [row for _, _, row in heapq.nsmallest(n, self.heap)]  # <- PER003 PER303",
    "        best = heapq.nsmallest(n // 2, self.heap)\n"
    "        rest = random.sample(self.heap, n - n // 2)\n"
    "        return [row for _, _, row in best + rest]",
)
_EITHER = _HEAP.replace("import heapq\n", "import heapq\nimport random\n").replace(
    "        return [row for _, _, row in heapq.nsmallest(n, self.heap)]  # <- PER003 PER303",
    "        if self.greedy:\n"
    "            chosen = heapq.nsmallest(n, self.heap)  # <- PER003 PER303\n"
    "        else:\n"
    "            chosen = random.sample(self.heap, n)\n"
    "        return [row for _, _, row in chosen]",
)
_TRAIN = """from memory import Memory


def train(env, net, optimizer, steps):
    memory = Memory(10_000)
    state = env.reset()
    for step in range(steps):
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        memory.add(net.td_error(state, action, reward, next_state, done), state, action, reward, next_state, done)
        state = env.reset() if done else next_state
        loss = net.loss(memory.batch(32))
        loss.backward()
        optimizer.step()
"""
_ARGSORT = """import numpy as np


class Memory:
    def __init__(self, limit):
        self.rows, self.priorities, self.limit, self.at = [None] * limit, np.zeros(limit), limit, 0

    def add(self, td_error, state, action, reward, next_state, done):
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.priorities[self.at] = td_error
        self.at = (self.at + 1) % self.limit

    def batch(self, n):
        best = np.argsort(self.priorities)[-n:]  # <- PER303
        return [self.rows[i] for i in best]
"""
_TORCH = """import torch
import torch.nn.functional as F


class Agent:
    def __init__(self, net, optimizer, size=5000):
        self.net, self.optimizer, self.size, self.stored = net, optimizer, size, 0
        self.states, self.next_states = torch.zeros(size, 4), torch.zeros(size, 4)
        self.actions, self.rewards = torch.zeros(size, dtype=torch.long), torch.zeros(size)
        self.done, self.td_errors = torch.zeros(size), torch.zeros(size)
        self.memory = [None] * size

    def remember(self, state, action, reward, next_state, done):
        self.memory[self.stored % self.size] = (state, action, reward, next_state, done)
        self.td_errors[self.stored % self.size] = self.td_errors.max() + 1.0
        self.stored += 1

    def learn(self, n=64, gamma=0.99):
        best = torch.topk(self.td_errors, n).indices  # <- PER303
        rows = [self.memory[int(i)] for i in best]
        states, actions, rewards, after, done = (torch.tensor(column) for column in zip(*rows))
        q = self.net(states).gather(1, actions[:, None]).squeeze(1)
        with torch.no_grad():
            target = rewards + gamma * (1 - done) * self.net(after).max(1).values
        self.optimizer.zero_grad()
        F.mse_loss(q, target).backward()
        self.optimizer.step()
        self.td_errors[best] = (q - target).abs().detach()
"""
_SORTED = """class Trainer:
    def __init__(self, env, model):
        self.env, self.model, self.replay = env, model, []

    def step(self, state, action):
        next_state, reward, done, _ = self.env.step(action)
        error = self.model.error(state, action, reward, next_state, done)
        self.replay.append((error, (state, action, reward, next_state, done)))
        if len(self.replay) > 20_000:
            self.replay.pop(0)
        return self.env.reset() if done else next_state

    def fit(self, n=32):
        chosen = sorted(self.replay, key=lambda entry: entry[0], reverse=True)[:n]
        rows = [row for _, row in chosen]
        self.model.fit([r[0] for r in rows], [r[2] + 0.9 * (1 - r[4]) * self.model.best(r[3]) for r in rows])

    def run(self, steps):
        state = self.env.reset()
        for _ in range(steps):
            state = self.step(state, self.model.act(state))
            self.fit()
"""
_BY_KEY = _SORTED.replace("key=lambda entry: entry[0], reverse=True)[:n]", "key=error_of)[-n:]  # <- PER303").replace(
    "class Trainer", "def error_of(entry):\n    return entry[0]\n\n\nclass Trainer"
)
_LARGEST = """import heapq


class Memory:
    def __init__(self, limit):
        self.rows, self.limit = [], limit

    def add(self, td_error, state, action, reward, next_state, done):
        self.rows.append({"priority": td_error, "row": (state, action, reward, next_state, done)})
        self.rows = self.rows[-self.limit :]

    def batch(self, n):
        return [e["row"] for e in heapq.nlargest(n, self.rows, key=lambda e: e["priority"])]  # <- PER003 PER303
"""
_LOOP = """import heapq
import itertools


def main(env, model, steps, n=16):
    heap, order, state = [], itertools.count(), env.reset()
    for step in range(steps):
        action = model.act(state)
        next_state, reward, done, _ = env.step(action)
        priority = model.error(state, action, reward, next_state, done)
        heapq.heappush(heap, (-priority, next(order), state, action, reward, next_state, done))
        heap = heap[:5000]
        state = env.reset() if done else next_state
        best = heapq.nsmallest(n, heap)  # <- PER003 PER303
        model.fit([b[2] for b in best], [b[4] + 0.9 * (1 - b[6]) * model.value(b[5]) for b in best])
"""
_ELITES = """import heapq
from itertools import count

order = count()


class Episodes:
    def __init__(self):
        self.heap = []

    def add(self, score, states, actions):
        heapq.heappush(self.heap, (-score, next(order), states, actions))

    def best(self, n):
        return [entry[2:] for entry in heapq.nsmallest(n, self.heap)]


def train(net, optimizer, episodes):
    for states, actions in episodes.best(10):
        net.loss(states, actions).backward()
        optimizer.step()
"""
_EVICTED = (
    _SORTED.replace(
        "chosen = sorted(self.replay, key=lambda entry: entry[0], reverse=True)[:n]",
        "chosen = random.choices(self.replay, weights=[entry[0] for entry in self.replay], k=n)",
    )
    .replace(
        "            self.replay.pop(0)",
        "            self.replay = sorted(self.replay, key=lambda entry: entry[0])[-20_000:]",
    )
    .replace("class Trainer", "import random\n\n\nclass Trainer")
)
_ONE = _HEAP.replace("(n, self.heap)]  # <- PER003 PER303", "(1, self.heap)]")
_SHOWN = _TRAIN.replace("loss.backward()", "print(loss)").replace("optimizer.step()", "pass")
_AGES = _ARGSORT.replace("  # <- PER303", "").replace("priorities", "ages")
_ALL = _ARGSORT.replace("[-n:]  # <- PER303", "[::-1]")


class GreedyTopK(Rule):
    """Each batch is made of the transitions with the largest errors; the others are never learnt from.

    ## What it does

    Reports a training that takes the n transitions with the largest priority out of a memory, by a heap or by sorting,
    where it should draw them with a probability.

    ## Why is this bad

    A transition whose error was small once is not seen as long as others fill the batch, and its error is not updated,
    whatever the network has become. The batches are the same few transitions again and again, noisy ones above all,
    and importance-sampling weights cannot correct for them: the probability of all others is 0.

    ## Known problems

    Positions that are computed in other ways than by a sort, a heap or `topk` are not recognised.

    ## Example

    ```python
    batch = heapq.nsmallest(32, self.memory)  # entries (-error, count, transition)
    ```

    ## Use instead

    ```python
    batch = memory.sample(32, beta)  # p = priority**alpha / sum
    ```

    ## Fix safety

    Not rewritten automatically: the memory becomes a prioritised buffer.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, section 3.3, greedy TD-error prioritization
    """

    code = "PER303"
    name = "greedy-top-k"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each place that takes the largest."""
        stored = _stored(graph)
        for site in sorted(graph.events.calls.values(), key=lambda s: (s.path, s.node.start)):
            container = _taken(graph, site, stored)
            if container is None or _is_joined(graph, site, container):
                continue
            if _is_learnt_from(graph, site.function, site.path):
                yield self._finding(graph, site, stored[container])

    def _finding(self, graph: ReplayGraph, site: ev.CallSite, store: ev.Store) -> Finding:
        return self.finding(
            graph,
            site.path,
            site.node,
            f"`{graph.source(site.path, site.node)}` takes the transitions with the largest priorities, always: "
            "nothing is learnt from any other as long as so many have larger ones",
            evidence=[
                graph.evidence(store.path, store.node, "stored", "the transitions are stored here"),
                graph.evidence(site.path, site.node, "taken", "the largest are taken here"),
            ],
            fix=FixOffer(title="draw transitions with a probability that grows with their priority"),
        )

    def witness(self) -> str:
        """A memory of 100 transitions whose errors shrink when they are learnt from, drawn from greedily."""
        import numpy as np

        rng = np.random.default_rng(0)
        errors, learnt = rng.uniform(0.5, 1.5, 100), np.zeros(100, int)
        noisy = np.arange(100) < 10  # ten targets are random: their errors stay
        for _ in range(500):
            best = np.argsort(errors)[-8:]
            learnt[best] += 1
            errors[best] = np.where(noisy[best], rng.uniform(0.9, 1.9, 8), 0.9 * errors[best])
        share = learnt[noisy].sum() / learnt.sum()
        assert share > 0.5
        return f"a tenth of the transitions have noisy targets, and {share:.0%} of what is learnt from are these"

    bad = (
        Example("a heap of negative errors", {"memory.py": _HEAP, "train.py": _TRAIN}),
        Example("the end of an argsort", {"memory.py": _ARGSORT, "train.py": _TRAIN}),
        Example("topk of a tensor", {"agent.py": _TORCH}),
        Example("nlargest by a key", {"memory.py": _LARGEST, "train.py": _TRAIN}),
        Example("a list sorted by a function's value", {"trainer.py": _BY_KEY}),
        Example("a heap in a training script", {"main.py": _LOOP}),
        Example(
            "a setting says whether all is drawn or the largest are taken", {"memory.py": _EITHER, "train.py": _TRAIN}
        ),
    )
    good = (
        Example("episodes ranked by their score", {"elites.py": _ELITES}),
        Example("the smallest errors are evicted, batches are drawn", {"trainer.py": _EVICTED}),
        Example("the largest is only looked at", {"memory.py": _ONE, "train.py": _TRAIN}),
        Example("nobody learns from them", {"memory.py": _HEAP.replace("  # <- PER003 PER303", ""), "show.py": _SHOWN}),
        Example("half of the batch, the other half is drawn", {"memory.py": _HALF, "train.py": _TRAIN}),
        Example("ordered by age", {"memory.py": _AGES, "train.py": _TRAIN}),
        Example("all of them, in order", {"memory.py": _ALL, "train.py": _TRAIN}),
    )


def _stored(graph: ReplayGraph) -> dict[Alloc, ev.Store]:
    """A store of transitions for each container that holds them, alone or beside their priorities."""
    found: dict[Alloc, ev.Store] = {}
    columns: dict[ev.Owner, list[ev.Store]] = {}
    for store in sorted(graph.events.stores.values(), key=lambda s: (s.path, s.node.start)):
        parts = [item for atom in store.value.atoms if isinstance(atom, TupleOf) for item in atom.items]
        if any(_is_row(roles_in(part, 3)) for part in (store.value, *parts)):
            found.setdefault(store.container, store)
        elif store.function is not None and store.index is not None and store.value.roles:
            columns.setdefault(store.function, []).append(store)
    for stores in columns.values():
        if _is_row(frozenset().union(*(store.value.roles for store in stores))):
            found.update({store.container: store for store in stores if store.container not in found})
    return found


def _is_row(roles: frozenset[str]) -> bool:
    """Whether the roles are those of a transition."""
    return "reward" in roles and len(roles) > 2


def _is_learnt_from(graph: ReplayGraph, function: ev.Owner, path: str) -> bool:
    """Whether the function or one that calls it trains something."""
    edge, seen = {function}, {function}
    for _ in range(_FARTHEST):
        if any(graph.learns(g, (path,)) for f in edge for g in (graph.reachable(f, 2) if f is not None else {f})):
            return True
        edge = {site.function for f in edge if f is not None for site in graph.callers.get(f, ())} - seen
        seen |= edge
    return False


def _taken(graph: ReplayGraph, site: ev.CallSite, stored: dict[Alloc, ev.Store]) -> Alloc | None:
    """The container of transitions that a call takes the largest from."""
    call = site.node
    if site.names & _HEAPS:
        counted, rows = call.argument(0, "n"), call.argument(1, "iterable")
        held = [a for a in graph.events.value(rows).atoms if isinstance(a, Alloc) and a in stored]
        is_one = isinstance(counted, ir.Const) and counted.value == 1
        return held[0] if held and not is_one and _is_by_priority(call, stored[held[0]]) else None
    name = ir.last_name(call.func)
    if name == "sorted":
        rows = call.argument(0)
        held = [a for a in graph.events.value(rows).atoms if isinstance(a, Alloc) and a in stored]
        is_part = _part(graph, site) is not None and not _is_kept(graph, site)
        return held[0] if held and is_part and _is_by_priority(call, stored[held[0]]) else None
    if name in _ORDERS and _WORDS & _names(call):
        part = call if name == "topk" else _part(graph, site)
        return None if part is None else _read_at(graph, site, part, stored)
    return None


def _is_joined(graph: ReplayGraph, site: ev.CallSite, container: Alloc) -> bool:
    """Whether the same block draws from the container at random: the rest of the batch, which may be any of them."""
    own = graph.statement(site.path, site.node)
    block = graph.parents(site.path).get(own)
    for draw in graph.events.draws.values():
        if container in draw.containers and draw.method not in GREEDY and draw.path == site.path:
            other = graph.statement(draw.path, draw.node)
            apart = isinstance(block, ir.If) and (own in block.body) != (other in block.body)
            if graph.parents(draw.path).get(other) is block and not apart:
                return True
    return False


def _is_by_priority(call: ir.Call, store: ev.Store) -> bool:
    """Whether the order is that of priorities: of the key that is given, or of what stands first in each entry."""
    key = call.keyword("key") or (call.args[2] if len(call.args) > 2 else None)
    if key is not None:
        return bool(_WORDS & _names(key.value))
    first = [a.items[0] for a in store.value.atoms if isinstance(a, TupleOf) and len(a.items) > 1]
    shown = [a.node.items[0] for a in store.value.atoms if isinstance(a, TupleOf) and isinstance(a.node, ir.Seq)]
    return any("reward" not in value.roles for value in first) and any(_WORDS & _names(node) for node in shown)


def _names(node: ir.Node) -> set[str]:
    parts = (getattr(n, "id", getattr(n, "attr", n.value if isinstance(n, ir.Const) else "")) for n in ir.walk(node))
    names = [part for part in parts if isinstance(part, str)]
    return {word for name in names for word in words(name)} | {"td" for name in names if "tderror" in name.lower()}


def _part(graph: ReplayGraph, site: ev.CallSite) -> ir.Node | None:
    """The slice of an order, turned round or not, that is shorter than the order."""
    inner: ir.Node = site.node
    for around in graph.ancestors(site.path, site.node):
        if not isinstance(around, (ir.Sub, ir.Slice)) or (isinstance(around, ir.Sub) and around.value is not inner):
            return None
        index = around.index if isinstance(around, ir.Sub) else None
        if isinstance(index, ir.Slice) and (index.lower is not None or index.upper is not None):
            return around
        inner = around
    return None


def _is_kept(graph: ReplayGraph, site: ev.CallSite) -> bool:
    """Whether the part becomes the memory itself: that is an eviction, and no batch."""
    statement = graph.statement(site.path, site.node)
    return isinstance(statement, ir.Assign) and any(isinstance(t, (ir.Attr, ir.Sub)) for t in statement.targets)


def _read_at(graph: ReplayGraph, site: ev.CallSite, part: ir.Node, stored: dict[Alloc, ev.Store]) -> Alloc | None:
    """The container of transitions that is read at the positions, in the same function."""
    statement = graph.statement(site.path, part)
    targets = statement.targets if isinstance(statement, ir.Assign) else []
    names = {n.id for t in targets for n in ir.walk(t) if isinstance(n, ir.Name)}
    if site.function is None or not names:
        return None
    for around in ir.walk(site.function):
        if isinstance(around, (ir.For, ir.Generator)) and any(m in names for m in _plain(around.iter)):
            names |= set(_plain(around.target))
    for node in _subscripts(site.function):
        if any(name in names for name in _plain(node.index)):
            for atom in graph.events.value(node.value).atoms:
                if isinstance(atom, Alloc) and atom in stored:
                    return atom
    return None


def _plain(node: ir.Node) -> list[str]:
    return [n.id for n in ir.walk(node) if isinstance(n, ir.Name)]


def _subscripts(function: ir.Node) -> Iterator[ir.Sub]:
    return (node for node in ir.walk(function) if isinstance(node, ir.Sub))
