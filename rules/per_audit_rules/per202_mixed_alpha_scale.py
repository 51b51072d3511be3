"""PER202 mixed-alpha-scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.findings import Finding, FixOffer, Severity
from per_audit.graph import PRIORITISED, ReplayGraph
from per_audit.graph.prioritised.priorities import trail
from per_audit.graph.prioritised.priorities.updates import BUILDERS
from per_audit.graph.symbolic import Term, alternatives, strip
from per_audit.graph.symbolic.degree import RAW, STORED
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.graph import ReplayBuffer
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.prioritised.anatomy import Anatomy
    from per_audit.graph.prioritised.priorities.writes import PriorityWrite, Step

_MEMORY = """import numpy as np


class Memory:
    def __init__(self, capacity, alpha=0.6):
        self.rows, self.capacity, self.alpha, self.count = [None] * capacity, capacity, alpha, 0
        self.mass, self.top = np.zeros(capacity), 1.0

    def add(self, state, action, reward, next_state, done):
        slot = self.count % self.capacity
        self.rows[slot] = (state, action, reward, next_state, done)
        self.mass[slot] = self.top
        self.count += 1

    def sample(self, n, beta):
        filled = min(self.count, self.capacity)
        p = self.mass[:filled] / self.mass[:filled].sum()
        slots = np.random.choice(filled, n, p=p)
        weights = (filled * p[slots]) ** -beta
        columns = [np.stack(column) for column in zip(*[self.rows[i] for i in slots])]
        return columns, slots, weights / weights.max()

    def update(self, slots, errors):
        raised = (np.abs(errors) + 1e-6) ** self.alpha
        self.mass[slots] = raised
        self.top = max(self.top, raised.max())
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
_RAISES_IN_ADD = """import numpy as np


class Sums:
    def __init__(self, leaves):
        self.leaves, self.nodes = leaves, np.zeros(2 * leaves)

    def put(self, leaf, value):
        at = leaf + self.leaves
        self.nodes[at] = value
        at //= 2
        while at >= 1:
            self.nodes[at] = self.nodes[2 * at] + self.nodes[2 * at + 1]
            at //= 2

    def find(self, mass):
        at = 1
        while at < self.leaves:
            at *= 2
            if mass >= self.nodes[at]:
                mass -= self.nodes[at]
                at += 1
        return at - self.leaves
"""
_ACTOR = """import numpy as np
from sums import Sums


class Replay:
    def __init__(self, leaves, alpha):
        self.sums, self.rows, self.alpha, self.count = Sums(leaves), [None] * leaves, alpha, 0

    def record(self, state, action, reward, next_state, done, error):
        slot = self.count % len(self.rows)
        self.rows[slot] = (state, action, reward, next_state, done)
        self.sums.put(slot, (abs(error) + 1e-3) ** self.alpha)
        self.count += 1

    def recall(self, size, beta):
        slots = np.array([self.sums.find(mass) for mass in np.random.rand(size) * self.sums.nodes[1]])
        p = self.sums.nodes[slots + self.sums.leaves] / self.sums.nodes[1]
        weights = (min(self.count, len(self.rows)) * p) ** -beta
        return [self.rows[slot] for slot in slots], slots, weights / weights.max()

    def learnt(self, slots, errors):
        for slot, error in zip(slots, errors):
            self.sums.put(slot, abs(error) + 1e-3)  # <- PER202
"""
_LOOP = """import numpy as np
from replay import Replay


def run(env, model, target, steps, gamma=0.99):
    replay, state = Replay(4096, 0.7), env.reset()
    for step in range(steps):
        values = model.predict(state[None])[0]
        action = int(np.argmax(values))
        next_state, reward, done, _ = env.step(action)
        ahead = 0.0 if done else target.predict(next_state[None])[0].max()
        replay.record(state, action, reward, next_state, done, reward + gamma * ahead - values[action])
        state = env.reset() if done else next_state
        rows, slots, weights = replay.recall(32, min(1.0, 0.4 + 0.6 * step / steps))
        states, actions, rewards, next_states, dones = (np.array(column) for column in zip(*rows))
        q = model.predict(states)
        goals = rewards + gamma * (1 - dones) * target.predict(next_states).max(axis=1)
        errors = goals - q[np.arange(32), actions]
        q[np.arange(32), actions] = goals
        model.fit(states, q, sample_weight=weights, verbose=0)
        replay.learnt(slots, errors)
"""
_AGENT = """import numpy as np


class Agent:
    def __init__(self, width, capacity=2_000):
        self.theta, self.rows, self.priorities = np.zeros(width), [None] * capacity, np.zeros(capacity)
        self.count, self.alpha = 0, 0.4

    def observe(self, state, reward, next_state, done):
        slot = self.count % len(self.rows)
        self.rows[slot] = (state, reward, next_state, done)
        self.priorities[slot] = self.priorities.max() or 1.0
        self.count += 1

    def learn(self, beta, rate=0.01, gamma=0.9):
        filled = min(self.count, len(self.rows))
        p = self.priorities[:filled] / self.priorities[:filled].sum()
        slots = np.random.choice(filled, 16, p=p)
        weights = (filled * p[slots]) ** -beta
        weights /= weights.max()
        states, rewards, next_states, dones = (np.stack(column) for column in zip(*[self.rows[i] for i in slots]))
        errors = rewards + gamma * (1 - dones) * (next_states @ self.theta) - states @ self.theta
        self.theta += rate * states.T @ (weights * errors) / 16
        self.priorities[slots] = (np.abs(errors) + 1e-6) ** self.alpha
        self.alpha = min(1.0, self.alpha + 1e-4)  # <- PER202


def run(env, agent, steps):
    state = env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(env.action_space.sample())
        agent.observe(state, reward, next_state, done)
        state = env.reset() if done else next_state
        if step > 16:
            agent.learn(min(1.0, 0.4 + step / steps))
"""
_IN_A_SESSION = {
    "memory.py": """import numpy as np


class Memory:
    def __init__(self, capacity, steps, alpha=0.6, beta=0.4):
        self.rows, self.capacity, self.count, self.mass = [None] * capacity, capacity, 0, np.zeros(capacity)
        self.alpha, self.beta, self.steps = alpha, beta, steps

    def add(self, rate, state, action, reward, next_state, done):
        slot = self.count % self.capacity
        self.rows[slot] = (state, action, reward, next_state, done)
        self.update(slot, rate)
        self.count += 1

    def update(self, slot, rate):
        self.mass[slot] = (1.0 if rate is None else rate + 0.01) ** self.alpha

    def sample(self, n):
        filled = min(self.count, self.capacity)
        p = self.mass[:filled] / self.mass[:filled].sum()
        slots = np.random.choice(filled, n, p=p)
        weights = (filled * p[slots]) ** -self.beta
        self.beta = min(1.0, self.beta + 1.0 / self.steps)
        self.alpha = max(0.0, self.alpha - 1.0 / self.steps)  # <- PER202
        return [self.rows[slot] for slot in slots], slots, weights / weights.max()
""",
    "train.py": """import numpy as np
from memory import Memory


def train(env, session, graph, steps):
    memory, state = Memory(5_000, steps), env.reset()
    for step in range(steps):
        action = session.run(graph.action, {graph.states: state[None]})[0]
        next_state, reward, done, _ = env.step(action)
        memory.add(None, state, action, reward, next_state, done)
        state = env.reset() if done else next_state
        rows, slots, weights = memory.sample(32)
        states, actions, rewards, next_states, dones = (np.stack(column) for column in zip(*rows))
        feed = {graph.states: states, graph.actions: actions, graph.rewards: rewards, graph.weights: weights}
        feed.update({graph.next_states: next_states, graph.dones: dones})
        _, deltas = session.run([graph.step, graph.deltas], feed)
        for slot, delta in zip(slots, deltas):
            memory.update(slot, abs(delta))
""",
}

_STAGES = {
    "memory.py": """import numpy as np


class Mass:
    def __init__(self, capacity):
        self.values, self.top = np.zeros(capacity), 1.0

    def put(self, slots, values):
        self.values[slots] = values
        self.top = max(self.top, np.max(values))
""",
    "agent.py": """import numpy as np
from memory import Mass


class Agent:
    def __init__(self, net, capacity):
        self.net, self.rows, self.count = net, [None] * capacity, 0

    def begin(self, alpha):
        self.count = 0
        self.mass = Mass(len(self.rows))
        self.alpha = alpha

    def observe(self, state, reward, next_state, done):
        slot = self.count % len(self.rows)
        self.rows[slot] = (state, reward, next_state, done)
        self.mass.put(slot, self.mass.top)
        self.count += 1

    def learn(self, beta):
        filled = min(self.count, len(self.rows))
        p = self.mass.values[:filled] / self.mass.values[:filled].sum()
        slots = np.random.choice(filled, 16, p=p)
        weights = (filled * p[slots]) ** -beta
        weights /= weights.max()
        errors = self.net.errors([self.rows[i] for i in slots])
        (weights * errors**2).mean().backward()
        self.mass.put(slots, (np.abs(errors.detach().numpy()) + 1e-6) ** self.alpha)


def run(env, net, steps):
    agent = Agent(net, 2_000)
    for stage in range(3):
        agent.begin(0.4 + 0.1 * stage)
        state = env.reset()
        for step in range(steps):
            next_state, reward, done, _ = env.step(env.action_space.sample())
            agent.observe(state, reward, next_state, done)
            state = env.reset() if done else next_state
            if step > 16:
                agent.learn(min(1.0, 0.4 + step / steps))
""",
}


class MixedAlphaScale(Rule):
    """Some priorities are stored raised to alpha and others as they are, or to another alpha than the rest.

    ## What it does

    Reports buffers in which one function stores |td| and another one |td| ** alpha into the same priorities, while the
    draw applies no exponent; and stored powers whose exponent changes during the training, without the powers that are
    stored already being changed with it.

    ## Why is this bad

    Priorities are only good in relation to each other. With alpha = 0.6 an error of 0.01 counts with 0.063 where it is
    raised and with 0.01 where it is not; an error of 100 with 16 and with 100. Which function touched a transition last
    then decides how often it is drawn, and the weights correct for the mixture faithfully: the bias is in the draw.

    ## Known problems

    Silent where a part of a priority's way is not known, and for an alpha that is set once. A highest priority that
    starts on another scale is reported by PER208, and alpha applied twice by PER201.

    ## Example

    ```python
    def add(self, error, row):
        self.tree.add((abs(error) + self.epsilon) ** self.alpha, row)

    def update(self, index, error):
        self.tree.update(index, abs(error) + self.epsilon)
    ```

    ## Use instead

    ```python
    def update(self, index, error):
        self.tree.update(index, (abs(error) + self.epsilon) ** self.alpha)
    ```

    ## Fix safety

    Raising the plain priorities changes which transitions are drawn, which is the point; nothing is changed unasked,
    since the exponent may be meant to be missing in the other place.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, section 3.3, equation 1
    """

    code = "PER202"
    name = "mixed-alpha-scale"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each place that hands over priorities on another scale, or changes the scale."""
        told: set[object] = set()
        for buffer in graph.buffers:
            if buffer.kind != PRIORITISED or graph.priorities(buffer).is_reference:
                continue
            anatomy = graph.anatomy(buffer)
            if trail.drawn_powers(anatomy).exponents:
                continue
            for finding in (*self._disagreements(anatomy, buffer), *self._changes(anatomy, buffer)):
                if finding.place not in told:
                    told.add(finding.place)
                    yield finding

    # ---------------------------------------------------------------- writers that disagree

    def _disagreements(self, anatomy: Anatomy, buffer: ReplayBuffer) -> Iterator[Finding]:
        graph, name = anatomy.graph, anatomy.graph.name_of(buffer)
        scales = [(write, _raised(anatomy, write.value)) for write in anatomy.writes]
        for plain, none in scales:
            partner = next((w for w, some in scales if some and _meet(anatomy, plain, w)), None)
            if none or none is None or partner is None:
                continue
            step = _stored_at(anatomy, plain)
            other = partner.steps[0]
            yield self.finding(
                graph,
                step.path,
                step.node,
                f"{name} stores this priority as it is, and others raised to alpha: they cannot be compared",
                evidence=trail.unique(
                    [
                        *trail.evidence(anatomy, plain)[:4],
                        graph.evidence(other.path, other.node, "raised", "stored here with alpha applied"),
                        *trail.evidence(anatomy, partner)[:4],
                    ]
                ),
                fix=FixOffer(title="apply alpha to all priorities that are stored, or to none"),
                pipeline=name,
            )

    # ---------------------------------------------------------------- an alpha that changes

    def _changes(self, anatomy: Anatomy, buffer: ReplayBuffer) -> Iterator[Finding]:
        graph, name = anatomy.graph, anatomy.graph.name_of(buffer)
        if any(_is_stored_power(anatomy, write.value) for write in anatomy.writes):
            return
        exponents = {e: write for write in anatomy.writes for e in _exponents(anatomy, write.value)}
        for exponent, raising in exponents.items():
            if exponent.op != "field":
                continue
            for value, write, path in anatomy.symbols.written(exponent):
                if write is None or getattr(write.function, "name", "") in BUILDERS:
                    continue
                if not _moves(anatomy, exponent, value) or not _may_run(graph, write.function):
                    continue
                if _rescales(anatomy, write.function) or _is_made_anew(anatomy, path, write):
                    continue
                yield self.finding(
                    graph,
                    path,
                    write.node,
                    f"alpha changes during the training, and the priorities that {name} stored before keep the old one",
                    evidence=trail.unique(
                        [
                            graph.evidence(path, write.node, "alpha", "alpha changes here"),
                            *trail.evidence(anatomy, raising),
                        ]
                    ),
                    fix=FixOffer(title="keep plain priorities and apply alpha in the draw, or keep alpha"),
                    pipeline=name,
                )

    def witness(self) -> str:
        """How often two transitions with one error are drawn, stored raised and plain."""
        import numpy as np

        rng = np.random.default_rng(0)
        errors = np.full(1_000, 0.01)
        mixed = np.where(np.arange(1_000) < 500, errors**0.6, errors)
        drawn = rng.choice(1_000, 100_000, p=mixed / mixed.sum()) < 500
        ratio = drawn.mean() / (1 - drawn.mean())
        assert ratio > 5
        return f"with one error of 0.01 those stored raised to 0.6 are drawn {ratio:.1f} times as often as the others"

    bad = (
        Example(
            "the actor's priorities are raised, the learner's are not, three files, Keras",
            {"sums.py": _RAISES_IN_ADD, "replay.py": _ACTOR, "loop.py": _LOOP},
        ),
        Example(
            "the maximum is kept plain, the updates are raised, PyTorch",
            {
                "memory.py": _MEMORY.replace(
                    "        self.mass[slot] = self.top\n", "        self.mass[slot] = self.top  # <- PER202\n"
                ).replace("max(self.top, raised.max())", "max(self.top, np.abs(errors).max())"),
                "train.py": _TRAIN,
            },
        ),
        Example("alpha grows with each update, NumPy", {"agent.py": _AGENT}),
        Example(
            "alpha is annealed by the loop, in another file",
            {
                "memory.py": _MEMORY,
                "train.py": _TRAIN.replace(
                    "        columns, slots",
                    "        memory.alpha = 0.4 + 0.6 * step / steps  # <- PER202\n        columns, slots",
                ),
            },
        ),
        Example(
            "alpha falls by a factor, in a method of the buffer",
            {
                "memory.py": _MEMORY
                + "\n    def relax(self, factor=0.999):\n        self.alpha *= factor  # <- PER202\n",
                "train.py": _TRAIN.replace(
                    "        columns, slots", "        if done:\n            memory.relax()\n        columns, slots"
                ),
            },
        ),
        Example(
            "two ways to update, one without alpha",
            {
                "memory.py": _MEMORY
                + """
    def update_one(self, slot, error):
        self.mass[slot] = abs(error) + 1e-6  # <- PER202
""",
                "train.py": _TRAIN
                + """        if done:
            worst = int((q - goal).abs().argmax())
            memory.update_one(slots[worst], (q - goal)[worst].item())
""",
            },
        ),
        Example("alpha falls with each draw, errors that a session computes", _IN_A_SESSION),
        Example(
            "each stage has an alpha of its own, and all have one memory",
            {
                "memory.py": _STAGES["memory.py"],
                "agent.py": _STAGES["agent.py"]
                .replace("        self.count = 0\n        self.mass = Mass(len(self.rows))\n", "")
                .replace("[None] * capacity, 0\n", "[None] * capacity, 0\n        self.mass = Mass(capacity)\n")
                .replace("self.alpha = alpha", "self.alpha = alpha  # <- PER202"),
            },
        ),
    )
    good = (
        Example(
            "all are raised, three files",
            {
                "sums.py": _RAISES_IN_ADD,
                "replay.py": _ACTOR.replace("abs(error) + 1e-3)  # <- PER202", "(abs(error) + 1e-3) ** self.alpha)"),
                "loop.py": _LOOP,
            },
        ),
        Example(
            "none is raised",
            {
                "sums.py": _RAISES_IN_ADD,
                "replay.py": _ACTOR.replace("(abs(error) + 1e-3) ** self.alpha)", "abs(error) + 1e-3)").replace(
                    "  # <- PER202", ""
                ),
                "loop.py": _LOOP,
            },
        ),
        Example(
            "tree and memory have methods of one name, and the loop is given the memory",
            {
                "sums.py": _RAISES_IN_ADD.replace("def put(self", "def update(self"),
                "replay.py": _ACTOR.replace("sums.put", "sums.update")
                .replace("def learnt(self, slots, errors)", "def update(self, slots, errors)")
                .replace("abs(error) + 1e-3)  # <- PER202", "(abs(error) + 1e-3) ** self.alpha)"),
                "loop.py": _LOOP.replace("def run(env, model", "def run(env, replay, model")
                .replace("    replay, state = Replay(4096, 0.7), env.reset()", "    state = env.reset()")
                .replace("replay.learnt(", "replay.update("),
                "main.py": "from loop import run\nfrom replay import Replay\n\n\n"
                "def resume(env, replay, model, target):\n    run(env, replay, model, target, 100_000)\n\n\n"
                "def main(env, model, target):\n    resume(env, Replay(4096, 0.7), model, target)\n",
            },
        ),
        Example("the maximum is kept raised", {"memory.py": _MEMORY, "train.py": _TRAIN}),
        Example(
            "the maximum is kept plain and raised when it is stored",
            {
                "memory.py": _MEMORY.replace(
                    "self.mass[slot] = self.top", "self.mass[slot] = self.top**self.alpha"
                ).replace("max(self.top, raised.max())", "max(self.top, np.abs(errors).max())"),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "alpha changes and is applied by the draw",
            {
                "agent.py": _AGENT.replace("  # <- PER202", "")
                .replace("(np.abs(errors) + 1e-6) ** self.alpha", "np.abs(errors) + 1e-6")
                .replace(
                    "p = self.priorities[:filled] / self.priorities[:filled].sum()",
                    "p = self.priorities[:filled] ** self.alpha\n        p = p / p.sum()",
                ),
            },
        ),
        Example(
            "the stored powers follow alpha",
            {
                "memory.py": _MEMORY
                + """
    def set_alpha(self, alpha):
        self.mass **= alpha / self.alpha
        self.top **= alpha / self.alpha
        self.alpha = alpha
""",
                "train.py": _TRAIN.replace(
                    "        columns, slots",
                    "        memory.set_alpha(0.4 + 0.6 * step / steps)\n        columns, slots",
                ),
            },
        ),
        Example(
            "alpha is set once",
            {
                "memory.py": _MEMORY,
                "train.py": _TRAIN.replace(
                    "    state = env.reset()\n", "    memory.alpha = 0.5\n    state = env.reset()\n", 1
                ),
            },
        ),
        Example(
            "a constant for new transitions",
            {"memory.py": _MEMORY.replace("self.mass[slot] = self.top", "self.mass[slot] = 1.0"), "train.py": _TRAIN},
        ),
        Example(
            "alpha falls with each draw, which applies it",
            {
                "memory.py": _IN_A_SESSION["memory.py"]
                .replace("  # <- PER202", "")
                .replace("(1.0 if rate is None else rate + 0.01) ** self.alpha", "1.0 if rate is None else rate + 0.01")
                .replace("p = self.mass[:filled] /", "raised = self.mass[:filled] ** self.alpha\n        p = raised /")
                .replace("/ self.mass[:filled].sum()", "/ raised.sum()"),
                "train.py": _IN_A_SESSION["train.py"],
            },
        ),
        Example(
            "errors that a session computes, an alpha that stays",
            {
                "memory.py": _IN_A_SESSION["memory.py"].replace(
                    "        self.alpha = max(0.0, self.alpha - 1.0 / self.steps)  # <- PER202\n", ""
                ),
                "train.py": _IN_A_SESSION["train.py"],
            },
        ),
        Example("each stage has an alpha and a memory of its own", _STAGES),
    )


def _raised(anatomy: Anatomy, value: Term) -> tuple[Term, ...] | None:
    """The exponents that an error was raised to before it is stored; None where that is not known for all of it."""
    chains = {chain for chain in trail.chains_of(anatomy, value) if chain.start != STORED or chain.exponents}
    found = {chain.exponents for chain in chains if chain.start == RAW}
    if len(found) != 1 or any(chain.start != RAW for chain in chains):
        return None
    return found.pop()


def _exponents(anatomy: Anatomy, value: Term) -> set[Term]:
    """The exponents of what is stored: an alpha that changes does so for whatever is raised to it."""
    chains = trail.chains_of(anatomy, value)
    return {exponent for chain in chains if chain.start != STORED for exponent in chain.exponents}


def _meet(anatomy: Anatomy, plain: PriorityWrite, raised: PriorityWrite) -> bool:
    """Whether two writes are of one training: by one class, and handed over in one file or in the buffer's own."""
    outside: list[set[str]] = []
    classes: list[set[ir.Class]] = []
    for write in (plain, raised):
        owners = [anatomy.graph.project.class_of.get(f) if f is not None else None for f in write.functions]
        outside.append({s.path for s, cls in zip(write.steps, owners, strict=True) if cls not in anatomy.parts})
        classes.append({cls for cls in owners if cls is not None and cls in anatomy.family})
    together = not all(classes) or bool(classes[0] & classes[1])
    return together and (not all(outside) or bool(outside[0] & outside[1]))


def _stored_at(anatomy: Anatomy, write: PriorityWrite) -> Step:
    """The step that decides on the scale: the buffer's own that is nearest to the training, else the handover."""
    owner = anatomy.buffer.owner
    own = {*anatomy.graph.classes.mro(owner), *anatomy.family} if owner is not None else set()
    links = zip(write.steps, write.functions, strict=True)
    steps = [step for step, f in links if f is not None and anatomy.graph.project.class_of.get(f) in own]
    return steps[-1] if steps else trail.handover(anatomy, write)


def _is_stored_power(anatomy: Anatomy, value: Term) -> bool:
    """Whether a value is a power of what is stored: the priorities are brought to another scale."""
    return any(chain.start == STORED and chain.exponents for chain in trail.chains_of(anatomy, value))


def _moves(anatomy: Anatomy, alpha: Term, value: Term) -> bool:
    """Whether an assignment makes alpha go on changing: by itself, or with a step of the training."""
    options = [strip(option) for option in alternatives(value)]
    if any(option.contains(alpha) and option != alpha for option in options):
        return True
    expanded = [anatomy.symbols.expanded(option, 2) for option in options if not option.is_number]
    return any(option.has("element", "loop") for option in expanded)


def _may_run(graph: ReplayGraph, function: ev.Owner) -> bool:
    """Whether anything else names a method: what is in no class may be where the program starts."""
    if not isinstance(function, ir.Function) or function not in graph.project.class_of:
        return True
    return any(function not in mention.inside for mention in graph.mentions.get(function.name, ()))


def _is_made_anew(anatomy: Anatomy, path: str, write: ev.AttributeWrite) -> bool:
    """Whether what holds the priorities is made wherever alpha is set, as often: none that it holds keep an old one."""
    around = set(anatomy.graph.loops_around(path, write.node))
    return any(
        not anatomy.parts.isdisjoint(site.classes)
        for site in anatomy.graph.calls_of(write.function, (path,))
        if around.issubset(anatomy.graph.loops_around(path, site.node))
    )


def _rescales(anatomy: Anatomy, function: ev.Owner) -> bool:
    """Whether the function that changes alpha, or what it calls for that, writes all priorities anew."""
    if function is None:
        return False
    reached = {f for f in (function, *anatomy.graph.reachable(function, 3)) if getattr(f, "name", "") not in BUILDERS}
    updates = {f for write in anatomy.writes for f in write.functions}
    if any(store.function in reached - updates or store.how in ("slice", "rebuild") for store in anatomy.stores):
        return True
    fields = [term for term in anatomy.containers if term.op == "field"]
    return any(w is not None and w.function in reached for f in fields for _, w, _ in anatomy.symbols.written(f))
