"""PER308 stale-index-update."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.findings import Finding, FixOffer, Severity
from per_audit.graph import PRIORITISED
from per_audit.graph.liveness.frequency import locks, threads
from per_audit.graph.memory.capacity import capacity_of, read
from per_audit.graph.memory.laps import lengths_of_laps
from per_audit.graph.prioritised.priorities import trail
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.graph import ReplayBuffer, ReplayGraph
    from per_audit.graph.liveness.frequency.threads import Thread
    from per_audit.graph.prioritised.anatomy import Anatomy
    from per_audit.graph.prioritised.priorities.writes import PriorityWrite

_LARGE = 100_000  # slots, of which few are stored into again while a batch is learnt from
_TELL_APART = {"==", "!=", "in", "not in"}
_MEMORY = """import threading

import numpy as np


class Memory:
    def __init__(self, capacity, alpha=0.6):
        self.rows, self.priorities, self.count = [None] * capacity, np.zeros(capacity), 0
        self.capacity, self.alpha, self.lock = capacity, alpha, threading.Lock()

    def add(self, state, action, reward, next_state, done):
        with self.lock:
            slot = self.count % self.capacity
            self.rows[slot] = (state, action, reward, next_state, done)
            self.priorities[slot] = self.priorities.max() or 1.0
            self.count += 1

    def sample(self, n, beta):
        with self.lock:
            filled = min(self.count, self.capacity)
            p = self.priorities[:filled] / self.priorities[:filled].sum()
            slots = np.random.choice(filled, n, p=p)
            weights = (filled * p[slots]) ** -beta
            return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        with self.lock:
            self.priorities[slots] = (np.abs(errors) + 1e-6) ** self.alpha
"""
_RUN = """import threading

from memory import Memory


class Learner:
    def __init__(self, net, optimizer, memory, steps):
        self.net, self.optimizer, self.memory, self.steps = net, optimizer, memory, steps

    def learn(self):
        for step in range(self.steps):
            rows, slots, weights = self.memory.sample(32, min(1.0, 0.4 + 0.6 * step / self.steps))
            errors = self.net.errors(rows)
            (weights * errors**2).mean().backward()
            self.optimizer.step()
            self.memory.update(slots, errors.detach().numpy())  # <- PER308


def main(env, net, optimizer, steps):
    memory = Memory(5_000)
    learner = Learner(net, optimizer, memory, steps)
    threading.Thread(target=learner.learn, daemon=True).start()
    state = env.reset()
    for _ in range(steps):
        next_state, reward, done, _ = env.step(net.act(state))
        memory.add(state, net.last, reward, next_state, done)
        state = env.reset() if done else next_state
"""
_ACTORS = """from concurrent.futures import ThreadPoolExecutor

from memory import Memory


def act(env, net, memory, steps):
    state = env.reset()
    for _ in range(steps):
        next_state, reward, done, _ = env.step(net.act(state))
        memory.add(state, net.last, reward, next_state, done)
        state = env.reset() if done else next_state


def main(envs, net, optimizer, steps):
    memory = Memory(20_000)
    with ThreadPoolExecutor() as pool:
        for env in envs:
            pool.submit(act, env, net, memory, steps)
        for step in range(steps):
            rows, slots, weights = memory.sample(64, min(1.0, 0.4 + 0.6 * step / steps))
            errors = net.errors(rows)
            (weights * errors**2).mean().backward()
            optimizer.step()
            memory.update(slots, errors.detach().numpy())  # <- PER308
"""
_SERIAL = _RUN.replace("    threading.Thread(target=learner.learn, daemon=True).start()\n", "").replace(
    "        state = env.reset() if done else next_state\n",
    "        state = env.reset() if done else next_state\n    learner.learn()\n",
)


class StaleIndexUpdate(Rule):
    """Priorities are written to slots that another thread may have overwritten since they were drawn.

    ## What it does

    Reports updates of priorities by slot where one thread draws and updates and another stores new transitions, with
    nothing that holds the slots from the draw to the update or tells whether a slot still has what was drawn. A lock
    holds them that each way to the update takes before it draws, and that each way to the storing takes as well.

    ## Why is this bad

    A lock inside each method does not help: between the draw and the update, while the network learns, new transitions
    may take the slots of those that were drawn, and then get the priority of another transition, not the highest. With
    a small buffer, or many actors and slow updates, that is a part of every batch.

    ## Known problems

    Threads of one process are judged. Of other processes and remote actors it is mostly not known which of them shares
    what. In a large ring the share of stale slots is small: from 100,000 slots on it is a hint.

    ## Example

    ```python
    Thread(target=actor).start()  # calls memory.add(...)
    batch, slots, weights = memory.sample(32)
    errors = learn(batch, weights)
    memory.update(slots, errors)
    ```

    ## Use instead

    ```python
    batch, slots, ids, weights = memory.sample(32)
    errors = learn(batch, weights)
    current = memory.ids[slots] == ids
    memory.update(slots[current], errors[current])
    ```

    ## Fix safety

    Not rewritten automatically: the ids of transitions have to be stored and handed on.

    ## References

    - Horgan et al. 2018, Distributed Prioritized Experience Replay, arXiv:1803.00933, section 3 and Algorithms 1 and 2
    """

    code = "PER308"
    name = "stale-index-update"
    severity = Severity.WARNING

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each place that hands over such an update."""
        started = threads.threads(graph)
        told: set[ir.Node] = set()
        for buffer in graph.buffers if started else ():
            if buffer.kind != PRIORITISED or graph.priorities(buffer).is_reference:
                continue
            anatomy = graph.anatomy(buffer)
            if any(alloc.kind in ("dict", "deque", "set") for alloc in buffer.containers):
                continue
            for write in anatomy.writes:
                step = trail.handover(anatomy, write)
                if write.inserts or step.node in told or _is_safe(anatomy, write):
                    continue
                apart = _apart(graph, anatomy, write, started)
                thread = next((t for t in apart if not _is_locked(anatomy, write, t)), None)
                if thread is not None:
                    told.add(step.node)
                    yield self._finding(graph, buffer, write, thread)

    def _finding(self, graph: ReplayGraph, buffer: ReplayBuffer, write: PriorityWrite, thread: Thread) -> Finding:
        anatomy, name = graph.anatomy(buffer), graph.name_of(buffer)
        step = trail.handover(anatomy, write)
        slots = _slots(anatomy)
        is_large = slots >= _LARGE
        stored = [s for s in buffer.stores if s.function in anatomy.adding][:1]
        finding = self.finding(
            graph,
            step.path,
            step.node,
            f"another thread may have stored new transitions of {name} in these slots since they were drawn: they get "
            "the priority of what was there before" + (f" (a small part of the {slots:,})" if is_large else ""),
            evidence=trail.unique(
                [
                    graph.evidence(step.path, step.node, "update", "the slots may hold other transitions by now"),
                    graph.evidence(thread.path, thread.start, "thread", "a thread starts here"),
                    *(graph.evidence(s.path, s.node, "stored", "new transitions are stored here") for s in stored),
                    *trail.evidence(anatomy, write),
                ]
            ),
            confidence="medium",
            fix=FixOffer(title="update only slots that still hold what was drawn"),
            pipeline=name,
        )
        return replace(finding, severity=Severity.INFO) if is_large else finding

    def witness(self) -> str:
        """A ring of 1,000 and 200 new transitions between the draw of 100 slots and their update."""
        import numpy as np

        rng = np.random.default_rng(0)
        ids = np.arange(1_000)
        slots = rng.choice(1_000, 100, replace=False)
        drawn = ids[slots]
        ids[:200] = np.arange(1_000, 1_200)
        stale = int((ids[slots] != drawn).sum())
        assert 10 < stale < 30
        return f"{stale} of 100 priorities are written to transitions that were not drawn"

    bad = (
        Example("the learner is a thread", {"memory.py": _MEMORY, "main.py": _RUN}),
        Example("the actors are threads of a pool", {"memory.py": _MEMORY, "main.py": _ACTORS}),
        Example(
            "an executor stores and updates for coroutines",
            {
                "memory.py": _MEMORY,
                "server.py": """import asyncio
import pickle
from concurrent.futures import ThreadPoolExecutor

from memory import Memory


def put(memory, data):
    for state, action, reward, next_state, done in pickle.loads(data):
        memory.add(state, action, reward, next_state, done)


def draw(memory, step):
    return pickle.dumps(memory.sample(32, min(1.0, 0.4 + step * 1e-6)))


def rate(memory, data):
    slots, errors = pickle.loads(data)
    memory.update(slots, errors)  # <- PER308


async def serve(reader, writer, capacity, net, optimizer):
    memory, pool, loop = Memory(capacity), ThreadPoolExecutor(), asyncio.get_event_loop()
    for step in range(1_000_000):
        kind, data = pickle.loads(await reader.readline())
        if kind == "add":
            await loop.run_in_executor(pool, put, memory, data)
        elif kind == "draw":
            writer.write(await loop.run_in_executor(pool, draw, memory, step))
        else:
            await loop.run_in_executor(pool, rate, memory, data)
""",
            },
        ),
    )
    good = (
        Example("one after the other", {"memory.py": _MEMORY, "main.py": _SERIAL}).mended,
        Example(
            "the thread stores, draws and updates",
            {
                "memory.py": _MEMORY,
                "main.py": _RUN.replace("  # <- PER308", "")
                .replace(
                    "    def learn(self):\n",
                    "    def learn(self):\n        self.memory.add(*self.net.first())\n",
                )
                .replace("        memory.add(state, net.last, reward, next_state, done)\n", ""),
            },
        ),
        Example(
            "ids tell whether a slot still holds what was drawn",
            {
                "memory.py": _MEMORY.replace(
                    "self.count = [None] * capacity,", "self.ids, self.count = [None] * capacity,"
                )
                .replace("np.zeros(capacity), 0\n", "np.zeros(capacity), np.zeros(capacity, int), 0\n")
                .replace(
                    "            self.count += 1",
                    "            self.ids[slot] = self.count\n            self.count += 1",
                )
                .replace("slots, weights / weights.max()", "(slots, self.ids[slots]), weights / weights.max()")
                .replace(
                    "        with self.lock:\n            self.priorities[slots] =",
                    "        slots, ids = slots\n        same = self.ids[slots] == ids\n"
                    "        slots, errors = slots[same], errors[same]\n"
                    "        with self.lock:\n            self.priorities[slots] =",
                ),
                "main.py": _RUN.replace("  # <- PER308", ""),
            },
        ),
        Example(
            "slots that were stored into since the draw are left out",
            {
                "memory.py": _MEMORY.replace(
                    "slots, weights / weights.max()", "(slots, self.count), weights / weights.max()"
                ).replace(
                    "        with self.lock:\n            self.priorities[slots] =",
                    "        slots, count = slots\n        with self.lock:\n"
                    "            kept = (slots - count) % self.capacity >= self.count - count\n"
                    "            slots, errors = slots[kept], errors[kept]\n"
                    "            self.priorities[slots] =",
                ),
                "main.py": _RUN.replace("  # <- PER308", ""),
            },
        ),
        Example(
            "the lock is held from the draw to the update",
            {
                "memory.py": _MEMORY.replace("Lock()", "RLock()"),
                "main.py": _RUN.replace("  # <- PER308", "")
                .replace("            rows, slots", "            with self.memory.lock:\n                rows, slots")
                .replace("            errors = self", "                errors = self")
                .replace("            (weights", "                (weights")
                .replace("            self.optimizer", "                self.optimizer")
                .replace("            self.memory.update", "                self.memory.update"),
            },
        ),
        Example(
            "a thread that only reports",
            {
                "memory.py": _MEMORY,
                "main.py": _SERIAL.replace(
                    "    state = env.reset()\n",
                    "    threading.Thread(target=report, args=(memory,)).start()\n    state = env.reset()\n",
                    1,
                ).replace("  # <- PER308", "")
                + "\n\ndef report(memory):\n    while True:\n        print(memory.count)\n",
            },
        ),
    )


def _slots(anatomy: Anatomy) -> int:
    """How many slots new transitions go round, where that is known: a tree of priorities has others; else 0."""
    graph, trees = anatomy.graph, {alloc for term in anatomy.containers for alloc in anatomy.allocs(term)}
    rows = [container for container in anatomy.buffer.containers if container not in trees]
    laps = read(graph, (length for container in rows for length in lengths_of_laps(graph, container)))
    return laps.usual or capacity_of(graph, rows, holder=anatomy.buffer.owner).usual or 0


def _apart(graph: ReplayGraph, anatomy: Anatomy, write: PriorityWrite, started: list[Thread]) -> Iterator[Thread]:
    """The threads that update without storing new transitions, or store without updating."""
    updates = set(write.functions)
    adding = {f for f in anatomy.adding if f is not None}
    callers = {site.function for function in adding for site in graph.callers.get(function, ())} - adding
    if not _replaces(graph, anatomy, adding):
        return
    for thread in started:
        reached = threads.runs(graph, thread)
        inside = bool(updates & reached)
        stores = bool(adding & reached)
        if inside != stores and (stores or callers - reached) and not _is_of_another_program(anatomy, write, thread):
            yield thread


def _is_of_another_program(anatomy: Anatomy, write: PriorityWrite, thread: Thread) -> bool:
    """Whether what starts a thread and what updates are scripts that are run for themselves."""
    graph, step = anatomy.graph, trail.handover(anatomy, write)
    updating, starting = (
        {way.script for way in locks.ways(graph, path, node)}
        for path, node in ((step.path, step.node), (thread.path, thread.start))
    )
    return "" not in updating | starting and updating.isdisjoint(starting)


def _replaces(graph: ReplayGraph, anatomy: Anatomy, adding: set[ir.Function | ir.Lambda]) -> bool:
    """Whether what adds a transition may give it the slot of another, or move the others."""
    buffer = anatomy.buffer
    replacing = {store.function for store in buffer.stores if store.how == "index"}
    replacing |= {evict.function for evict in buffer.evictions}
    return not replacing.isdisjoint(adding.union(*(graph.reachable(function, 3) for function in adding)))


def _is_safe(anatomy: Anatomy, write: PriorityWrite) -> bool:
    """Whether something may tell stale slots apart."""
    functions = [function for function in write.functions if isinstance(function, ir.Function)]
    return any(_tells_apart(anatomy, f) or _leaves_out(anatomy, f) for f in functions)


def _is_locked(anatomy: Anatomy, write: PriorityWrite, thread: Thread) -> bool:
    """Whether each way to an update holds a lock from a draw on, and each way to new transitions such a lock.

    Where the thread stores, what others store is left out: a memory may be filled before the thread begins.
    """
    graph, buffer = anatomy.graph, anatomy.buffer
    step = trail.handover(anatomy, write)
    held = [
        {
            block.lock
            for block in way.blocks
            if any(locks.runs_inside(graph, block.block, site.node, site.function) for site in buffer.samples)
        }
        for way in locks.ways(graph, step.path, step.node)
    ]
    if not all(held):
        return False
    new = [store for store in buffer.stores if store.function in anatomy.adding] or buffer.stores
    storing = [way for store in new for way in locks.ways(graph, store.path, store.node)]
    storing = [way for way in storing if thread.function in way.functions] or storing
    stored = [{block.lock for block in way.blocks} for way in storing]
    used, kept = set[object]().union(*stored), set[object]().union(*held)
    return all(used & each for each in held) and all(kept & each for each in stored)


def _tells_apart(anatomy: Anatomy, function: ir.Function) -> bool:
    """Whether a function compares something for equality: in the buffer anything, elsewhere what was drawn."""
    graph = anatomy.graph
    own = graph.project.class_of.get(function) in anatomy.parts
    asserted = {n for a in ir.walk_scope(function.body) if isinstance(a, ir.Assert) for n in ir.walk(a)}
    for node in ir.walk_scope(function.body):
        if isinstance(node, ir.Cmp) and node not in asserted and _TELL_APART.intersection(node.ops):
            sides = [graph.events.value(side) for side in (node.left, *node.rights)]
            if own or any(side.tagged("draw") or side.tagged("index") for side in sides):
                return True
    return False


def _leaves_out(anatomy: Anatomy, function: ir.Function) -> bool:
    """Whether a method of the buffer picks some of the positions by where new transitions have come to be stored."""
    if anatomy.graph.project.class_of.get(function) not in anatomy.parts:
        return False
    moved = {write.attribute for write in anatomy.events.writes.values() if write.function in anatomy.adding}
    masks = {
        target.id
        for node in ir.walk_scope(function.body)
        if isinstance(node, ir.Assign) and _compares_with(node.value, moved)
        for target in node.targets
        if isinstance(target, ir.Name)
    }
    return any(
        isinstance(node, ir.Sub)
        and (_compares_with(node.index, moved) or (isinstance(node.index, ir.Name) and node.index.id in masks))
        for node in ir.walk_scope(function.body)
    )


def _compares_with(expression: ir.Expr | None, attributes: set[str]) -> bool:
    """Whether an expression compares, which way round it may be, with one of an object's attributes."""
    return any(
        isinstance(part, ir.Attr) and part.attr in attributes
        for node in (ir.walk(expression) if expression is not None else ())
        if isinstance(node, ir.Cmp)
        for part in ir.walk(node)
    )
