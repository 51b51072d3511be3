"""PER403 deque-random-access."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from per_audit.facts import ir
from per_audit.findings import FixOffer, Severity, spot
from per_audit.graph.interpret.known.draws import batch_argument, takes_many
from per_audit.graph.interpret.values import Alloc
from per_audit.graph.liveness.frequency.rhythm import rhythm_of
from per_audit.graph.memory import costs, stored
from per_audit.graph.memory.capacity import capacity_of, number_of
from per_audit.graph.memory.programs import programs
from per_audit.graph.prioritised.draws.linear import BESIDE, FAR_DEARER, far_dearer, linear_draws
from per_audit.graph.recognise.draws.branches import is_ruled_out_by
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.findings import Finding
    from per_audit.graph import ReplayBuffer, ReplayGraph
    from per_audit.graph.interpret.events import Draw, Owner
    from per_audit.graph.memory.capacity import Capacity
    from per_audit.graph.memory.given import Calls

_RANKED = """import random


class Ranked:
    def __init__(self, room, alpha):
        self.rows, self.room, self.alpha = [], room, alpha

    def append(self, row):
        self.rows = [*self.rows[1 - self.room :], row]

    def best(self, n):
        return sorted(self.rows, key=lambda row: abs(row[2]) ** self.alpha)[-n:]
"""
_EITHER = """import random
from collections import deque
from ranked import Ranked


class Memory:
    def __init__(self, room, ranked=None):
        self.rows = deque(maxlen=room) if ranked is None else Ranked(room, **ranked)
        self.is_ranked = ranked is not None

    def add(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def sample(self, n):
        return random.sample(self.rows, n)
"""
_PLAY = """from memory import Memory


def train(env, net, optimizer):
    memory, state = Memory({given}), env.reset()
    while True:
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        memory.add(state, action, reward, next_state, done)
        state = env.reset() if done else next_state
        batch = memory.rows.best(64) if memory.is_ranked else memory.sample(64)
        net.loss(batch).backward()
        optimizer.step()
"""

LARGE = 50_000
_WALKS, _TURNS = "walks there from an end", "moves all that is before it to the other end"
_BATCH = 64  # the draws of a batch whose number is not known
_UNFELT, _UNFELT_A_STEP = 0.5, 2.0  # microseconds that nobody would feel: of a batch, and for each step
_COPIES = {"list", "tuple", "sorted"}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


class _Read(NamedTuple):
    """A deque read at random, and the draw that says where."""

    node: ir.Node
    path: str
    function: Owner
    alloc: Alloc
    draw: Draw


class DequeRandomAccess(Rule):
    """Transitions are drawn out of the middle of a large deque, which walks to each of them from an end.

    ## What it does

    Reports a draw from a deque, or a read of a deque at drawn positions, where the deque may hold 50,000 items or more.

    ## Why is this bad

    A deque is a chain of blocks of 64 items. Its ends are next to each other in time, its middle is not: reading item
    i takes time proportional to the distance to the nearer end. Drawing 64 transitions costs about 17 µs more than from
    a list at 50,000 items, 40 µs at 100,000 and 0.4 ms at a million; the message estimates by these numbers. A draw
    that costs less than 5 µs more for each step of the environment is a hint, and nothing below 2 µs. An episode counts
    as 100 steps for up to four draws; it may be short, and more count in full. What goes through the probabilities of
    all items before, which costs far more, is told by `linear-time-sampling` alone; another read of the same memory is
    a hint where it costs less than a tenth of such a draw.

    ## Known problems

    Only capacities that can be read from the code are judged: a number, a constant, a default, or what the callers
    pass. Where the loops of the program count out fewer transitions, the estimate is for these, and a hint below 50,000
    of them, or nothing where a batch costs less than half a microsecond more; any other deque that never fills is
    cheaper than its limit says, and a hint where 200 steps of each episode that is counted are fewer than 50,000. A
    read that is reached only while the deque is short, such as while it holds less than a batch, is none.

    ## Example

    ```python
    memory = deque(maxlen=1_000_000)
    batch = random.sample(memory, 64)
    ```

    ## Use instead

    ```python
    memory = PrioritizedReplayBuffer(1_000_000, storage=ObjectStorage())
    batch = memory.sample(64)
    ```

    ## Fix safety

    Repaired together with `uniform-only-sampling`: the buffer that replaces the deque reads any slot in constant time.

    ## References

    - Python documentation, collections.deque: "Indexed access is O(1) at both ends but slows to O(n) in the middle"
    """

    code = "PER403"
    name = "deque-random-access"
    severity = Severity.WARNING
    of_runs = True

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each function that reads large deques of transitions at random, at its first read."""
        times: dict[tuple[Alloc, Owner], list[_Read]] = defaultdict(list)
        told: set[ir.Node] = set()  # an attribute that several deques are assigned to is read once
        for buffer in (*graph.buffers, *graph.twins):
            by_function: dict[Owner, list[_Read]] = defaultdict(list)
            for draw in (graph.events.draws.get(node) for node in buffer.draws):
                if draw is None:
                    continue
                reads = [
                    _Read(gather.node, gather.path, gather.function, gather.container, draw)
                    for gather in graph.events.gathers.values()
                    if draw.node in gather.draws
                    and not _is_of_copy(gather.node)
                    and not _is_all_at_once(graph, gather.path, gather.node)
                ]
                if draw.items and not _is_copy(draw):
                    held = (atom for atom in draw.population.atoms if isinstance(atom, Alloc))
                    reads += [_Read(draw.node, draw.path, draw.function, alloc, draw) for alloc in held]
                for read in reads:
                    again = times[read.alloc, read.function]
                    if read.alloc.kind != "deque" or _is_of_few(graph, read.path, read.node):
                        continue
                    again.append(read)
                    if len(again) == 1 and (_room(graph, buffer, read).largest or 0) >= LARGE:
                        by_function[read.function].append(read)
            for function, found in by_function.items():
                if any(_is_read_for(graph, function, other) for other in by_function):
                    continue  # with each row of the batch that the other draws
                found.sort(key=lambda read: (read.path, read.node.start, read.alloc.node.start))
                if found[0].node not in told:
                    told.add(found[0].node)
                    judged = self._judged(graph, found, buffer, _times(graph, times[found[0].alloc, function]))
                    if judged is not None:
                        yield judged

    def _judged(self, graph: ReplayGraph, reads: list[_Read], buffer: ReplayBuffer, times: int) -> Finding | None:
        first, name = reads[0], graph.name_of(buffer)
        calls = _worst(graph, buffer, first)
        size = _room(graph, buffer, first, calls)
        if size.is_at_most(LARGE - 1):
            return None
        capacity = size.largest or LARGE
        counted = stored.most_stored(graph, buffer, first.alloc)
        is_filled = counted is not None or stored.goes_on_for_ever(graph, buffer)
        most = counted or capacity
        cost_of, how = (costs.of_turn, _TURNS) if _is_turned(first) else (costs.of_read, _WALKS)
        each = cost_of(min(most, capacity))
        batch, is_same = _batch(graph, first, calls)
        rhythm = rhythm_of(graph, first.path, _read_at(first), calls)
        if each * (batch or _BATCH) < _UNFELT or _is_in_shadow(graph, first):
            return None
        if not rhythm.counted and rhythm.a_step(each * times * (batch or _BATCH)) < _UNFELT_A_STEP:
            return None
        cost = f"{costs.spelled(each)} a read, {costs.spelled(each * _BATCH)[len('about ') :]} for a batch of {_BATCH}"
        if batch is not None:
            each *= times
        if batch is not None and is_same:
            cost = f"{costs.spelled(each * batch)} for {batch:,}{f' read {times} times' if times > 1 else ''}"
        cost += f" with {stored.spelled(most)}" if most < capacity else " once it is full"
        made = dict.fromkeys((graph.path_of(read.alloc.node), read.alloc.node) for read in reads)
        text = _deque(graph, first)
        around = graph.project.class_of.get(first.function) if text.startswith("self.") and first.function else None
        whose = graph.project.qualified(around) if around is not None else name
        what = f"`{text}` of {whose}" if text and text.rpartition(".")[2] != name.rpartition(".")[2] else name
        place = graph.place(path, first.alloc.node) if (path := graph.path_of(first.alloc.node)) else None
        where = f" (made at {spot(place.path, place.cell, place.line)})" if place is not None else ""
        where += ", as far as that can be read" if size.usual is None else ""
        where = f" unless told otherwise{where}" if size.by_default else where
        beside = _beside(graph, reads)
        others = f", as are {beside} more beside it" if beside else ""
        is_beside = bool(far_dearer(linear_draws(graph, buffer), rhythm.a_step(each * (batch or _BATCH))))
        shuffle = costs.of_shuffle(graph, first.draw, min(most, capacity))
        is_of_shuffled = shuffle >= each * (batch or _BATCH) * FAR_DEARER
        dearer = BESIDE if is_beside or is_of_shuffled else ""
        dearer += f": {costs.spelled(shuffle)}, as it shuffles all positions" if is_of_shuffled else ""
        finding = self.finding(
            graph,
            first.path,
            first.node,
            f"{what} is a deque of up to {capacity:,} items{where}{others}, read at random: each read {how}, {cost}"
            f"{f', {rhythm}' if str(rhythm) else ''}"
            f"{'' if is_filled else '; whether a run fills it is not known here'}{dearer}",
            evidence=[
                *(graph.evidence(path, node, "made", "the deque is made here") for path, node in made if path),
                *(graph.evidence(read.path, read.node, "drawn", "it is read at random here") for read in reads),
            ],
            fix=FixOffer(title="keep the transitions where any slot is read in constant time"),
            pipeline=name,
        )
        is_little = rhythm.is_of_episodes if batch is None else rhythm.a_step(each * batch) < costs.LITTLE
        is_little = is_little or (not is_filled and (stored.usually_stored(graph, buffer) or LARGE) < LARGE)
        return (
            replace(finding, severity=Severity.INFO)
            if is_little or is_beside or is_of_shuffled or most < LARGE
            else finding
        )

    def witness(self) -> str:
        """How many links are followed to read from blocks of 64 that are chained, as a deque's are, from either end."""
        count, block = 400_000, 64
        last = (count - 1) // block
        following = [*range(1, last + 1), None]
        before = [None, *range(last)]

        def links(position: int) -> int:
            wanted = position // block
            at, ways = (0, following) if wanted <= last // 2 else (last, before)
            followed = 0
            while at != wanted:
                step = ways[at]
                assert step is not None
                at, followed = step, followed + 1
            return followed

        middle, end = links(count // 2), links(count - 1)
        assert end == 0
        assert middle == last // 2
        return f"to read the middle of a deque of {count:,} {middle:,} links are followed, at its end none"

    bad = (
        Example(
            "random.sample, the limit a constant of the module",
            {
                "dqn.py": """import random
from collections import deque
import torch.nn.functional as F

LIMIT = int(1e5)


class Memory:
    def __init__(self, limit):
        self.items = deque(maxlen=limit)

    def push(self, state, action, reward, next_state, done):
        self.items.append((state, action, reward, next_state, done))

    def sample(self, n):
        return random.sample(self.items, n)  # <- PER001 PER403


def train(env, net, optimizer):
    memory = Memory(LIMIT)
    state = env.reset()
    while True:
        next_state, reward, done, _ = env.step(net.act(state))
        memory.push(state, net.last, reward, next_state, done)
        state, loss = next_state, net.loss(memory.sample(32))
        loss.backward()
        optimizer.step()
"""
            },
        ),
        Example(
            "a limit kept by hand, in the training script",
            {
                "train.py": """import random
from collections import deque


def train(env, model):
    past = deque()
    state = env.reset()
    for step in range(1_000_000):
        action = model.act(state)
        next_state, reward, done, _ = env.step(action)
        past.append((state, action, reward, next_state, done))
        if len(past) > 50000:
            past.popleft()
        batch = random.sample(past, 32)  # <- PER001 PER403
        model.fit([b[0] for b in batch], [b[2] + model.best(b[3]) * (1 - b[4]) for b in batch])
        state = next_state
"""
            },
        ),
        Example(
            "less than a batch at first, afterwards out of the middle",
            {
                "memory.py": """import random
from collections import deque


class Memory:
    def __init__(self, batch, limit=100_000):
        self.items, self.batch = deque(maxlen=limit), batch

    def push(self, state, action, reward, next_state, done):
        self.items.append((state, action, reward, next_state, done))

    def sample(self):
        if len(self.items) <= self.batch:
            rows = random.sample(self.items, len(self.items))  # <- PER001
        else:
            rows = random.sample(self.items, self.batch)  # <- PER403
        return rows


def train(env, net, optimizer):
    memory = Memory(64)
    state = env.reset()
    while True:
        next_state, reward, done, _ = env.step(net.act(state))
        memory.push(state, net.last, reward, next_state, done)
        state, loss = next_state, net.loss(memory.sample())
        loss.backward()
        optimizer.step()
"""
            },
        ),
        Example(
            "positions drawn by numpy, the deque in another file",
            {
                "replay.py": """from collections import deque
import numpy as np


class Replay:
    def __init__(self, capacity=200_000):
        self.transitions = deque([], capacity)

    def add(self, obs, action, reward, next_obs, done):
        self.transitions.append((obs, action, reward, next_obs, done))

    def sample(self, size):
        at = np.random.randint(len(self.transitions), size=size)  # <- PER001
        return [self.transitions[i] for i in at]  # <- PER403
""",
                "main.py": """from replay import Replay


def main(env, agent):
    replay = Replay()
    obs = env.reset()
    while True:
        action = agent.act(obs)
        next_obs, reward, done, _ = env.step(action)
        replay.add(obs, action, reward, next_obs, done)
        agent.loss(replay.sample(64)).backward()
        obs = next_obs
""",
            },
        ),
        Example(
            "a deque for each field, one finding for them all",
            {
                "memory.py": """from collections import deque
import numpy as np


class Columns:
    def __init__(self, limit=10**6):
        self.seen, self.done = deque(maxlen=limit), deque(maxlen=limit)
        self.acted, self.gained = deque(maxlen=limit), deque(maxlen=limit)

    def add(self, state, action, reward, done):
        self.seen.append(state)
        self.acted.append(action)
        self.gained.append(reward)
        self.done.append(done)

    def batch(self, n):
        at = np.random.randint(len(self.seen) - 1, size=n)  # <- PER001
        rows = [(self.seen[i], self.acted[i], self.gained[i], self.seen[i + 1], self.done[i]) for i in at]  # <- PER403
        return zip(*rows)


def learn(memory: Columns, net, optimizer):
    states, actions, rewards, next_states, dones = memory.batch(32)
    net.loss(states, actions, rewards, next_states, dones).backward()
    optimizer.step()
"""
            },
        ),
        Example(
            "turned until the drawn one is the first, and back",
            {
                "memory.py": """import random
from collections import deque


class Memory:
    def __init__(self):
        self.rows = deque(maxlen=200_000)

    def push(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def sample(self, n):
        found = []
        for i in random.choices(range(len(self.rows)), k=n):  # <- PER001
            self.rows.rotate(-i)  # <- PER403
            found.append(self.rows[0])
            self.rows.rotate(i)
        return found


def train(env, net, optimizer):
    memory, state = Memory(), env.reset()
    while True:
        next_state, reward, done, _ = env.step(net.act(state))
        memory.push(state, net.last, reward, next_state, done)
        state, loss = next_state, net.loss(memory.sample(64))
        loss.backward()
        optimizer.step()
"""
            },
        ),
        Example(
            "a deque that one of two programs makes",
            {
                "ranked.py": _RANKED,
                "memory.py": _EITHER.replace("self.rows, n)", "self.rows, n)  # <- PER001 PER403"),
                "play.py": _PLAY.format(given="200_000"),
                "check.py": _PLAY.format(given="500_000, ranked={'alpha': 0.6}"),
            },
        ),
    )
    good = (
        Example(
            "a small deque",
            {"dqn.py": bad[0].plain["dqn.py"].replace("int(1e5)", "10_000")},
        ),
        Example(
            "a capacity that nobody gives",
            {
                "memory.py": """import random
from collections import deque


class Memory:
    def __init__(self, limit):
        self.items = deque(maxlen=limit)

    def push(self, state, action, reward, next_state, done):
        self.items.append((state, action, reward, next_state, done))

    def sample(self, n):
        return random.sample(self.items, n)
"""
            },
        ),
        Example(
            "arrays that were made of the deques before the first draw",
            {
                "memory.py": """from collections import deque
import numpy as np


class Log:
    def __init__(self, limit=10**6):
        self.columns = [deque(maxlen=limit) for _ in range(5)]

    def add(self, state, action, reward, next_state, done):
        for column, value in zip(self.columns, (state, action, reward, next_state, done)):
            column.append(value)

    def freeze(self):
        for number in range(5):
            self.columns[number] = np.array(self.columns[number])

    def batch(self, n):
        at = np.random.randint(0, len(self.columns[0]), n)
        return [self.columns[number][at] for number in range(5)]


def learn(log: Log, net, optimizer):
    states, actions, rewards, next_states, dones = log.batch(32)
    net.loss(states, actions, rewards, next_states, dones).backward()
    optimizer.step()
"""
            },
        ),
        Example(
            "a list",
            {
                "memory.py": """import random


class Memory:
    def __init__(self, limit=1_000_000):
        self.items, self.limit, self.at = [], limit, 0

    def push(self, state, action, reward, next_state, done):
        if len(self.items) < self.limit:
            self.items.append(None)
        self.items[self.at] = (state, action, reward, next_state, done)
        self.at = (self.at + 1) % self.limit

    def sample(self, n):
        return random.sample(self.items, n)
"""
            },
        ),
        Example(
            "read at random only while it holds less than a batch",
            {
                "memory.py": """import random
from collections import deque


class Memory:
    def __init__(self, batch, limit=100_000):
        self.items, self.batch = deque(maxlen=limit), batch

    def push(self, state, action, reward, next_state, done):
        self.items.append((state, action, reward, next_state, done))

    def sample(self):
        if self.batch > len(self.items):
            return random.sample(self.items, len(self.items))
        return random.sample(list(self.items), self.batch)
"""
            },
        ),
        Example(
            "a list made of the deque first",
            {
                "memory.py": """import random
from collections import deque


class Memory:
    def __init__(self, limit=100_000):
        self.items = deque(maxlen=limit)

    def push(self, state, action, reward, next_state, done):
        self.items.append((state, action, reward, next_state, done))

    def sample(self, n):
        rows = list(self.items)
        return random.sample(rows, n)
"""
            },
        ),
        Example(
            "a read beside a draw that costs far more, of the class that is in use",
            {
                "memory.py": """import random
from collections import deque
import numpy as np


class Memory:
    def __init__(self, limit=1_000_000):
        self.rows = deque(maxlen=limit)

    def push(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def sample(self, n):
        return random.sample(self.rows, n)


class Weighted(Memory):
    def __init__(self, limit=1_000_000):
        super().__init__(limit)
        self.masses = deque(maxlen=limit)

    def push(self, state, action, reward, next_state, done):
        super().push(state, action, reward, next_state, done)
        self.masses.append(max(self.masses, default=1.0))

    def sample(self, n, beta):
        p = np.array(self.masses) / sum(self.masses)
        at = np.random.choice(len(self.rows), n, p=p)
        weights = (len(self.rows) * p[at]) ** -beta
        return [self.rows[i] for i in at], at, weights / weights.max()

    def update(self, at, errors):
        for i, error in zip(at, errors):
            self.masses[i] = abs(error) + 1e-5
""",
                "train.py": """from memory import Weighted


def train(env, net, optimizer, betas):
    memory, state = Weighted(), env.reset()
    for beta in betas:
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        memory.push(state, action, reward, next_state, done)
        state = env.reset() if done else next_state
        rows, at, weights = memory.sample(32, beta)
        losses, errors = net.losses(rows)
        (weights * losses).mean().backward()
        optimizer.step()
        memory.update(at, errors.detach())
""",
            },
        ),
        Example(
            "a deque that is small in the program that makes it, and another memory in the one with room for more",
            {
                "ranked.py": _RANKED,
                "memory.py": _EITHER,
                "play.py": _PLAY.format(given="20_000"),
                "check.py": _PLAY.format(given="500_000, ranked={'alpha': 0.6}"),
            },
        ),
    )


def _is_read_for(graph: ReplayGraph, function: Owner, other: Owner) -> bool:
    """Whether only another function calls one."""
    callers = {site.function for site in graph.callers.get(function, ())}
    return function is not other and callers == {other}


def _times(graph: ReplayGraph, reads: list[_Read]) -> int:
    """How often a deque is read at the positions of one draw: once for each field of the transitions, say."""
    first = reads[0]
    branches = _branches(graph, first)
    again = {read.node for read in reads if read.draw is first.draw and _branches(graph, read) == branches}
    return len(again)


def _branches(graph: ReplayGraph, read: _Read) -> list[ir.Node]:
    """The tests around a read in its function, each with what it leads to there."""
    found: list[ir.Node] = []
    below = read.node
    for around in graph.ancestors(read.path, read.node):
        if isinstance(around, (ir.Function, ir.Lambda)):
            break
        if isinstance(around, (ir.If, ir.IfExp)):
            others = around.orelse if isinstance(around.orelse, list) else [around.orelse]
            is_other = any(below is part for part in others)
            found += [around, around.test] if is_other else [around]
        below = around
    return found


def _worst(graph: ReplayGraph, buffer: ReplayBuffer, read: _Read) -> Calls | None:
    """The calls of the program for which a read costs most, of those with a deque that is large; None for any.

    Where another memory is made in some programs, and the deque is large in none, those of one that makes the deque.
    """
    made_in = graph.symbols.function_of(path, read.alloc.node) if (path := graph.path_of(read.alloc.node)) else None
    costly: list[tuple[float, Calls]] = []
    every = programs(graph, made_in) if made_in is not None else []
    made_by = [each for each in every if path and not is_ruled_out_by(graph, path, read.alloc.node, made_in, each)]
    for calls in made_by:
        size = _room(graph, buffer, read, calls).largest or 0
        if size >= LARGE:
            batch, _ = _batch(graph, read, calls)
            rhythm = rhythm_of(graph, read.path, _read_at(read), calls)
            costly.append((rhythm.a_step(costs.of_read(size) * (batch or 1)), calls))
    if costly:
        return max(costly, key=lambda each: each[0])[1]
    return made_by[0] if made_by and len(made_by) < len(every) else None


def _room(graph: ReplayGraph, buffer: ReplayBuffer, read: _Read, calls: Calls | None = None) -> Capacity:
    """How many items the deque that is read may hold in that memory."""
    return capacity_of(graph, [read.alloc], calls=calls, holder=buffer.owner)


def _read_at(read: _Read) -> ir.Node:
    """What says how often a deque is read: the draw, where that is made in the same function."""
    return read.draw.node if read.draw.function is read.function else read.node


def _batch(graph: ReplayGraph, read: _Read, calls: Calls | None) -> tuple[int | None, bool]:
    """How many items the draw takes at the least, where the code says so in numbers, and whether it is always that.

    Of several numbers, each is that of another program, which may have a memory of another size.
    """
    size = batch_argument(read.draw.node, read.draw.method)
    if size is None:
        return None, False
    known = number_of(graph, read.draw.path, size, by_name=True, calls=calls)
    return known.least, known.least == known.largest


def _beside(graph: ReplayGraph, reads: list[_Read]) -> int:
    """How many more deques are read than one: those that one attribute holds take the place of each other."""
    places: set[frozenset[Alloc]] = set()
    for read in reads:
        held = [value.atoms for value in graph.interpreter.attributes.values() if read.alloc in value.atoms]
        together = {read.alloc, *(atom for atoms in held for atom in atoms if isinstance(atom, Alloc))}
        places = {place for place in places if place.isdisjoint(together)} | {
            frozenset(together.union(*(place for place in places if not place.isdisjoint(together))))
        }
    return len(places) - 1


def _deque(graph: ReplayGraph, read: _Read) -> str:
    """How the deque is written where it is read, where that is a name or an attribute."""
    node: ir.Expr | None = None
    if isinstance(read.node, ir.Sub):
        node = read.node.value
    elif isinstance(read.node, ir.Call) and read.node.args:
        node = read.node.args[0].value
    return graph.source(read.path, node) if isinstance(node, (ir.Name, ir.Attr)) else ""


def _is_in_shadow(graph: ReplayGraph, read: _Read) -> bool:
    """Whether the draw before a read goes through the probabilities of all, which costs far more: PER401 tells that."""
    is_beside = read.draw.weighted and read.draw.function is read.function
    return is_beside and not costs.is_of_drawn(graph, read.draw)


def _is_of_copy(read: ir.Node) -> bool:
    """Whether an array that was made of the deque is read: `np.array(rows)[drawn]` goes through it once, in order."""
    return isinstance(read, ir.Sub) and isinstance(read.value, ir.Call)


def _is_all_at_once(graph: ReplayGraph, path: str, read: ir.Node) -> bool:
    """Whether a whole batch of positions is read by one subscript: an array that has taken the deque's place."""
    term = graph.symbols.term(path, read.index) if isinstance(read, ir.Sub) else None
    while term is not None and term.op in ("add", "sub", "mod"):
        term = term.args[0]
    draw = graph.events.draws.get(term.data) if term is not None and term.op == "draw" else None
    return draw is not None and takes_many(draw.node, draw.method)


def _is_turned(read: _Read) -> bool:
    """Whether the deque is turned until what was drawn is its first item: `rows.rotate(-i)`, then `rows[0]`."""
    return isinstance(read.node, ir.Call) and isinstance(read.node.func, ir.Attr) and read.node.func.attr == "rotate"


def _is_copy(draw: Draw) -> bool:
    """Whether what is drawn from is a list that was made of the deque, here or under a name given here."""
    population: ir.Expr | None = draw.node.args[0].value if draw.node.args else None
    made: list[ir.Expr | None] = [population]
    if isinstance(population, ir.Name) and draw.function is not None:
        assigned = (node for node in ir.walk(draw.function) if isinstance(node, ir.Assign))
        made += [a.value for a in assigned if any(getattr(t, "id", None) == population.id for t in a.targets)]
    return any(isinstance(m, ir.Call) and isinstance(m.func, ir.Name) and m.func.id in _COPIES for m in made)


def _is_of_few(graph: ReplayGraph, path: str, read: ir.Node) -> bool:
    """Whether a test lets the read happen only while some length is below something that is not known to be large."""
    below = read
    for around in graph.ancestors(path, read):
        if isinstance(around, (ir.Function, ir.Lambda)):
            return False
        if isinstance(around, (ir.If, ir.IfExp)) and isinstance(around.test, ir.Cmp) and below is not around.test:
            body = around.body if isinstance(around.body, list) else [around.body]
            limit = _upper_limit(around.test, any(below is part for part in body))
            if limit is not None and (number_of(graph, path, limit).largest or 0) < LARGE:
                return True
        below = around
    return False


def _upper_limit(test: ir.Cmp, holds: bool) -> ir.Expr | None:
    """What a length is below where the test holds, or does not."""
    if len(test.ops) != 1:
        return None
    left, op, right = test.left, test.ops[0], test.rights[0]
    if _is_length(right):
        left, op, right = right, _MIRRORED.get(op, op), left
    return right if _is_length(left) and op in (("<", "<=") if holds else (">", ">=")) else None


def _is_length(node: ir.Expr) -> bool:
    return isinstance(node, ir.Call) and getattr(node.func, "id", "") == "len"
