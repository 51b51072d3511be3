"""PER110 sampling-without-replacement."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.findings import Finding, FixOffer, Severity
from per_audit.graph.interpret.known.draws import batch_argument, replacement
from per_audit.graph.liveness.memories.usage import is_named_unread
from per_audit.graph.memory.capacity import capacity_of, number_of
from per_audit.graph.memory.ranges import turns
from per_audit.graph.prioritised.draws.redrawn import redrawn
from per_audit.graph.symbolic import strip
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.graph import ReplayBuffer, ReplayGraph
    from per_audit.graph.interpret.events import Draw
    from per_audit.graph.symbolic import Term

HARMLESS = 0.02
"""The share of the buffer that a batch may be for the draw to be as good as one with replacement."""


class SamplingWithoutReplacement(Rule):
    """A batch is drawn by priority without replacement, and its weights are those of a draw with replacement.

    ## What it does

    Reports draws by priority that give no transition twice (`replace=False`, `torch.multinomial` without
    `replacement=True`, `replace=` a test that holds only as long as few are stored, leaves set to zero while a batch is
    drawn, draws made again while the batch holds what they give) where importance-sampling weights (N P)^-beta are
    computed for them. Silent where numbers in the code say that a batch is less than 2 % of the buffer.

    ## Why is this bad

    Without replacement a transition of large priority is in the batch once where it should be there several times,
    so that the probability to be drawn is not P any more; weights made of P correct too much. With B/N = 2 % the
    difference is not to be seen; a batch of half the buffer gives a transition of twice the priority not twice the
    share of the batch but much less.

    ## Known problems

    Early in training the buffer holds less than its capacity, which is what the batch is compared with. Where one of
    the two numbers cannot be read the message says so; the draw is a hint where a file that names the buffer's class
    cannot be parsed.

    ## Example

    ```python
    slots = np.random.choice(size, batch_size, p=p, replace=False)
    ```

    ## Use instead

    ```python
    slots = np.random.choice(size, batch_size, p=p)
    ```

    ## Fix safety

    Drawing with replacement is safe: duplicates in a batch are what the weights are made for.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, Algorithm 1, lines 8 to 10
    - numpy.random.Generator.choice and torch.multinomial, parameters `replace` and `replacement`
    """

    code = "PER110"
    name = "sampling-without-replacement"
    severity = Severity.WARNING

    plain = (
        Example(
            "half of a small buffer, PyTorch",
            {
                "per.py": """import numpy as np
import torch


class Memory:
    def __init__(self, size):
        self.rows, self.mass, self.size, self.at = [None] * size, np.zeros(size), size, 0

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at % self.size] = (state, action, reward, next_state, done)
        self.mass[self.at % self.size] = self.mass.max() or 1.0
        self.at += 1

    def sample(self, n, beta):
        filled = min(self.at, self.size)
        p = self.mass[:filled] / self.mass[:filled].sum()
        slots = np.random.choice(filled, n, replace=False, p=p)  # <- PER110
        weights = (filled * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        self.mass[slots] = np.abs(errors) + 1e-6


def train(env, net, optimizer, steps):
    memory = Memory(1000)
    state = env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(net.act(state))
        memory.push(state, 0, reward, next_state, done)
        state = env.reset() if done else next_state
        batch, slots, weights = memory.sample(512, min(1.0, 0.4 + step / steps))
        errors = net.errors(batch)
        loss = (torch.as_tensor(weights) * errors**2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        memory.update(slots, errors.detach().numpy())
"""
            },
        ),
        Example(
            "torch.multinomial, whose default is no replacement",
            {
                "agent.py": """import torch


class Agent:
    def __init__(self, net, target_net, optimizer, capacity, width):
        self.net, self.target_net, self.optimizer = net, target_net, optimizer
        self.states, self.following = torch.zeros(capacity, width), torch.zeros(capacity, width)
        self.actions, self.rewards = torch.zeros(capacity, dtype=torch.long), torch.zeros(capacity)
        self.terminated, self.priorities = torch.zeros(capacity), torch.zeros(capacity)
        self.capacity, self.count = capacity, 0

    def store(self, state, action, reward, next_state, terminated):
        at = self.count % self.capacity
        self.states[at], self.following[at] = state, next_state
        self.actions[at], self.rewards[at], self.terminated[at] = action, reward, terminated
        self.priorities[at] = max(1.0, self.priorities.max().item())
        self.count += 1

    def learn(self, n, beta):
        filled = min(self.count, self.capacity)
        p = self.priorities[:filled] / self.priorities[:filled].sum()
        at = torch.multinomial(p, n)  # <- PER110
        weights = (filled * p[at]) ** -beta
        weights = weights / weights.max()
        q = self.net(self.states[at]).gather(1, self.actions[at][:, None])[:, 0]
        with torch.no_grad():
            ahead = self.target_net(self.following[at]).max(1).values
            y = self.rewards[at] + 0.99 * (1 - self.terminated[at]) * ahead
        loss = (weights * (q - y) ** 2).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.priorities[at] = ((q - y).abs().detach() + 1e-6) ** 0.6


def main(env, net, target_net, optimizer, steps, settings):
    agent = Agent(net, target_net, optimizer, settings.capacity, 4)
    state, _ = env.reset()
    for step in range(steps):
        next_state, reward, terminated, truncated, _ = env.step(net.act(state))
        agent.store(state, 0, reward, next_state, terminated)
        state = env.reset()[0] if terminated or truncated else next_state
        if agent.count > settings.batch:
            agent.learn(settings.batch, min(1.0, 0.4 + 0.6 * step / steps))
""",
            },
        ),
        Example(
            "leaves that are emptied while the batch is drawn, in two files",
            {
                "tree.py": """import random


class Tree:
    def __init__(self, size):
        self.sums, self.rows, self.size, self.at = [0.0] * (2 * size), [None] * size, size, 0

    def add(self, priority, row):
        self.rows[self.at] = row
        self.update(self.at, priority)
        self.at = (self.at + 1) % self.size

    def update(self, slot, priority):
        node = slot + self.size
        change = priority - self.sums[node]
        while node:
            self.sums[node] += change
            node //= 2

    def find(self, mass):
        node = 1
        while node < self.size:
            node *= 2
            if mass > self.sums[node]:
                mass -= self.sums[node]
                node += 1
        return node - self.size


class Memory:
    def __init__(self, size):
        self.tree, self.filled = Tree(size), 0

    def add(self, state, action, reward, next_state, done):
        self.tree.add(1.0, (state, action, reward, next_state, done))
        self.filled = min(self.filled + 1, self.tree.size)

    def sample(self, n, beta):
        slots, priorities, total = [], [], self.tree.sums[1]
        for _ in range(n):
            slot = self.tree.find(random.uniform(0, self.tree.sums[1]))
            slots.append(slot)
            priorities.append(self.tree.sums[slot + self.tree.size])
            self.tree.update(slot, 0.0)  # <- PER110
        for slot, priority in zip(slots, priorities):
            self.tree.update(slot, priority)
        weights = [(self.filled * priority / total) ** -beta for priority in priorities]
        return slots, [self.tree.rows[slot] for slot in slots], [w / max(weights) for w in weights]

    def update(self, slot, error):
        self.tree.update(slot, (abs(error) + 0.01) ** 0.6)
""",
                "train.py": """import torch
import torch.nn.functional as F
from tree import Memory


def train(env, net, target_net, optimizer, steps):
    memory = Memory(512)
    state = env.reset()
    for step in range(steps):
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        memory.add(state, action, reward, next_state, done)
        state = env.reset() if done else next_state
        slots, batch, weights = memory.sample(32, 0.4 + 0.6 * step / steps)
        q, y = net.values(batch), target_net.targets(batch)
        loss = (torch.tensor(weights) * F.mse_loss(q, y, reduction="none")).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        for slot, error in zip(slots, (q - y).tolist()):
            memory.update(slot, error)
""",
            },
        ),
    )
    bad = (
        *plain,
        Example(
            "leaves that are emptied through a method that takes lists",
            {
                "tree.py": plain[2]
                .plain["tree.py"]
                .replace("self.tree.update(slot, 0.0)", "self.put([slot], [0.0])  # <- PER110")
                .replace(
                    "        for slot, priority in zip(slots, priorities):\n"
                    "            self.tree.update(slot, priority)\n",
                    "        self.put(slots, priorities)\n",
                )
                + "\n    def put(self, slots, priorities):\n        for slot, priority in zip(slots, priorities):\n"
                "            self.tree.update(slot, priority)\n",
                "train.py": plain[2].plain["train.py"],
            },
        ),
        Example(
            "without replacement once the buffer is full",
            {
                "per.py": plain[0]
                .plain["per.py"]
                .replace("replace=False, p=p)", "replace=not self.full, p=p)  # <- PER110")
                .replace("        self.at += 1\n", "        self.at += 1\n        self.full = self.at >= self.size\n")
                .replace(
                    "self.size, self.at = [None] * size, np.zeros(size), size, 0",
                    "self.size = [None] * size, np.zeros(size), size\n        self.at, self.full = 0, False",
                ),
            },
        ),
        Example(
            "a sampler of torch that is told not to put back",
            {
                name: text.replace(
                    "import torch\n", "import torch\nfrom torch.utils.data import WeightedRandomSampler\n"
                ).replace(
                    "torch.multinomial(p, n)", "list(WeightedRandomSampler(p, n, replacement=False))  # <- PER110"
                )
                for name, text in plain[1].plain.items()
            },
        ),
        Example(
            "a draw that is made again while the batch holds what it gives",
            {
                "tree.py": plain[2]
                .plain["tree.py"]
                .replace("            self.tree.update(slot, 0.0)\n", "")
                .replace(
                    "            slots.append(slot)\n",
                    "            while slot in slots:  # <- PER110\n"
                    "                slot = self.tree.find(random.uniform(0, self.tree.sums[1]))\n"
                    "            slots.append(slot)\n",
                ),
                "train.py": plain[2].plain["train.py"],
            },
        ),
        Example(
            "with replacement only as long as fewer are held than a batch takes",
            {
                "per.py": plain[0]
                .plain["per.py"]
                .replace("replace=False, p=p)", "replace=len(p) < n, p=p)  # <- PER110")
            },
        ),
    )
    good = (
        Example(
            "numbers that are handed over by their names",
            {
                "per.py": plain[0]
                .plain["per.py"]
                .replace("sample(512,", "sample(batch_size,")
                .replace("optimizer, steps)", "optimizer, steps, kind, batch_size, memory)")
                .replace("memory = Memory(1000)", "memory = {True: Memory}[kind](**memory)"),
                "run.py": """import argparse
from per import train

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--size", type=float, default=1e5)
    options = vars(parser.parse_args())
    memory = {"size": int(options.pop("size"))}
    train(None, None, None, 1000, True, memory=memory, **options)
""",
            },
        ),
        Example(
            "a batch that is a small part of the buffer",
            {"per.py": plain[0].plain["per.py"].replace("sample(512", "sample(16")},
        ),
        Example(
            "with replacement",
            {"per.py": plain[0].plain["per.py"].replace("replace=False", "replace=True")},
        ),
        Example(
            "torch.multinomial with replacement",
            {
                "agent.py": plain[1]
                .plain["agent.py"]
                .replace("multinomial(p, n)", "multinomial(p, n, replacement=True)")
            },
        ),
        Example(
            "leaves that are emptied for a batch that is a small part of the buffer, both in a dict of settings",
            {
                "tree.py": plain[2]
                .plain["tree.py"]
                .replace("[None] * size, size", "[None for _ in range(size)], size"),
                "train.py": plain[2]
                .plain["train.py"]
                .replace("Memory(512)", 'Memory(SETTINGS["size"])')
                .replace("memory.sample(32,", 'memory.sample(SETTINGS["batch"],')
                .replace("\n\ndef train", '\nSETTINGS = {"size": 100_000, "batch": 32}\n\n\ndef train'),
            },
        ),
        Example(
            "leaves that stay as they are",
            {
                "tree.py": plain[2].plain["tree.py"].replace("            self.tree.update(slot, 0.0)\n", ""),
                "train.py": plain[2].plain["train.py"],
            },
        ),
        Example(
            "leaves that are emptied once the whole batch is drawn",
            {
                "tree.py": plain[2]
                .plain["tree.py"]
                .replace("            self.tree.update(slot, 0.0)\n", "")
                .replace(
                    "        for slot, priority in zip(slots, priorities):\n"
                    "            self.tree.update(slot, priority)\n",
                    "        for slot in slots:\n            self.tree.update(slot, 0.0)\n",
                ),
                "train.py": plain[2].plain["train.py"],
            },
        ),
        Example(
            "without replacement only as long as fewer are held than a batch takes",
            {"per.py": plain[0].plain["per.py"].replace("replace=False, p=p)", "replace=len(p) > n, p=p)")},
        ),
    )

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """Every draw by priority without replacement for which weights are computed."""
        seen: set[ir.Node] = set()
        for buffer in graph.weighted:
            if not graph.anatomy(buffer).formulas:
                continue
            for source in sorted(buffer.sources, key=lambda node: node.start):
                draw = graph.events.draws.get(source)
                if draw is not None and source not in seen and (found := self._drawn(graph, buffer, draw)) is not None:
                    seen.add(source)
                    yield found
            for node, path, source in (*_zeroed(graph, buffer), *redrawn(graph, buffer)):
                if node not in seen and (found := self._emptied(graph, buffer, node, path, source)) is not None:
                    seen.add(node)
                    yield found

    def _drawn(self, graph: ReplayGraph, buffer: ReplayBuffer, draw: Draw) -> Finding | None:
        if not draw.weighted:
            return None
        put_back = replacement(draw.node, draw.method)
        if not (put_back is False or (isinstance(put_back, ir.Expr) and _may_be_false(graph, draw, put_back))):
            return None
        size = batch_argument(draw.node, draw.method)
        # Of several sizes the least: what a batch is cut to while fewer are held is one of them.
        batch = None if size is None else number_of(graph, draw.path, size, by_name=True).least
        share = _share(graph, buffer, batch)
        if share is not None and share < HARMLESS:
            return None
        return self._finding(graph, buffer, draw.node, draw.path, batch, share, [])

    def _emptied(
        self, graph: ReplayGraph, buffer: ReplayBuffer, node: ir.Node, path: str, source: ir.Node
    ) -> Finding | None:
        loops = (each for each in graph.ancestors(path, node) if isinstance(each, (ir.For, ir.While)))
        loop = next((each for each in loops if not _is_test_of(each, node)), None)
        batch = turns(graph, path, loop) if isinstance(loop, ir.For) else None
        share = _share(graph, buffer, batch)
        if share is not None and share < HARMLESS:
            return None
        where = graph.path_of(source) or path
        return self._finding(
            graph, buffer, node, path, batch, share, [(where, source, "transitions are drawn by priority here")]
        )

    def _finding(
        self,
        graph: ReplayGraph,
        buffer: ReplayBuffer,
        node: ir.Node,
        path: str,
        batch: int | None,
        share: float | None,
        more: list[tuple[str, ir.Node, str]],
    ) -> Finding:
        links = [graph.evidence(path, node, "draw", "gives no transition twice")]
        links += [graph.evidence(where, other, "draw", note) for where, other, note in more]
        links += [
            graph.evidence(formula.path, formula.node, "weights", "weights of a draw with replacement")
            for formula in graph.anatomy(buffer).formulas
        ]
        told, said = "", ""
        is_unseen = share is None and buffer.owner is not None and is_named_unread(graph, buffer.owner)
        if share is not None:
            told = f" (a batch is {100 * min(share, 1):.0f} % of the buffer)"
        elif batch is not None and not is_unseen:
            fewest = math.ceil(batch / HARMLESS)
            said = f": a batch of {batch:,} makes a difference among fewer than {fewest:,}, and how many are held"
            said += " cannot be read"
        else:
            where = "stands in a file that cannot be parsed" if is_unseen else "cannot be read"
            said = f": below {100 * HARMLESS:.0f} % of the buffer that makes no difference, and how large a batch is"
            said += f" {where}"
        finding = self.finding(
            graph,
            path,
            node,
            f"drawn without replacement{told}, while the weights are those of a draw with replacement{said}",
            evidence=links,
            confidence="medium" if share is None else "high",
            fix=FixOffer(title="draw with replacement"),
        )
        return replace(finding, severity=Severity.INFO) if is_unseen else finding

    def witness(self) -> str:
        """The share of the batch that a large priority gets: as it should with replacement, too little without."""
        import numpy as np

        rng = np.random.default_rng(0)
        p = np.where(np.arange(100) < 50, 3.0, 1.0)
        p /= p.sum()
        shares = [
            float(np.mean([(rng.choice(100, n, replace=back, p=p) < 50).mean() for _ in range(400)]))
            for n, back in ((50, True), (50, False), (2, False))
        ]
        assert abs(shares[0] - 0.75) < 0.01
        assert shares[1] < 0.7
        assert abs(shares[2] - 0.75) < 0.03
        return (
            f"three quarters of the mass get {shares[0]:.2f} of the batch with replacement, {shares[1]:.2f} without"
            f" where a batch is half of the buffer, {shares[2]:.2f} where it is 2 %"
        )


def _is_test_of(loop: ir.For | ir.While, node: ir.Node) -> bool:
    """Whether a node is what decides that a loop goes on."""
    return isinstance(loop, ir.While) and any(part is node for part in ir.walk(loop.test))


def _may_be_false(graph: ReplayGraph, draw: Draw, node: ir.Expr) -> bool:
    """Whether the argument is False, at times at least."""
    if isinstance(node, ir.Un) and node.op == "not":
        return True
    term = graph.symbols.term(draw.path, node)
    options = [term, *graph.symbols.options(term)] if term.op in ("param", "field") else [term]
    return any(
        (option.op == "const" and option.data is False) or _asks_for_few(graph, draw, option) for option in options
    )


def _asks_for_few(graph: ReplayGraph, draw: Draw, test: Term) -> bool:
    """Whether a test holds as long as few are there to draw from, `len(rows) < batch_size`: not once there are many."""
    if test.op != "cmp" or len(test.args) != 2 or test.data not in (("<",), ("<=",), (">",), (">=",)):
        return False
    fewer, more = test.args if test.data[0] in ("<", "<=") else reversed(test.args)
    of = draw.node.argument(0)
    if of is None or more.op == "len":
        return False
    whole = graph.symbols.term(draw.path, of)
    return fewer.op == "len" or fewer in (whole, *whole.args)


def _share(graph: ReplayGraph, buffer: ReplayBuffer, batch: int | None) -> float | None:
    containers = buffer.containers | graph.priorities(buffer).made
    capacity = capacity_of(graph, containers, by_name=True, holder=buffer.owner).largest
    return None if batch is None or not capacity else batch / capacity


def _zeroed(graph: ReplayGraph, buffer: ReplayBuffer) -> Iterator[tuple[ir.Node, str, ir.Node]]:
    """Priorities that are set to zero inside the loop that draws them: the node, its file and the draw."""
    for write in graph.anatomy(buffer).writes:
        zero = strip(write.value.args[0] if write.value.op == "pow" else write.value)
        if not all(part.number == 0 for part in ((zero.op == "tuple" and zero.args) or (zero,))) or write.index is None:
            continue
        sources = {part.data for part in write.index.walk() if part.op in ("draw", "mass", "found")} & buffer.sources
        step = write.outermost
        loops = (around for around in graph.ancestors(step.path, step.node) if isinstance(around, (ir.For, ir.While)))
        # A loop over what was drawn before it gives the same transition as often as the draw did.
        if (loop := next(loops, None)) is not None and not sources.isdisjoint(ir.walk(loop)):
            yield step.node, step.path, min(sources, key=lambda node: node.start)
