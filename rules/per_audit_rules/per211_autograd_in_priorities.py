"""PER211 autograd-in-priorities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.findings import FixOffer, Severity
from per_audit.graph import PRIORITISED, ReplayGraph
from per_audit.graph.gradients.backward import ARRAYS, COPIES
from per_audit.graph.prioritised.priorities import trail
from per_audit.graph.symbolic.shape import BATCH
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.findings import Finding
    from per_audit.graph import ReplayBuffer
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.prioritised.anatomy import Anatomy
    from per_audit.graph.prioritised.priorities.writes import PriorityWrite, Step
    from per_audit.graph.symbolic import Term

_TENSOR_METHODS = {"abs", "squeeze", "view", "reshape", "flatten", "pow", "clamp", "cpu", "mean", "sum"}
_MEMORY = """import numpy as np


class Memory:
    def __init__(self, capacity, alpha=0.6):
        self.rows, self.capacity, self.alpha, self.count = [None] * capacity, capacity, alpha, 0
        self.mass = np.zeros(capacity)

    def add(self, state, action, reward, next_state, done):
        slot = self.count % self.capacity
        self.rows[slot] = (state, action, reward, next_state, done)
        self.mass[slot] = self.mass.max() or 1.0
        self.count += 1

    def sample(self, n, beta):
        filled = min(self.count, self.capacity)
        p = self.mass[:filled] / self.mass[:filled].sum()
        slots = np.random.choice(filled, n, p=p)
        weights = (filled * p[slots]) ** -beta
        columns = [np.stack(column) for column in zip(*[self.rows[i] for i in slots])]
        return columns, slots, weights / weights.max()

    def update(self, slots, errors):
        self.mass[slots] = (np.abs(errors) + 1e-6) ** self.alpha
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
        memory.update(slots, (q - goal).abs().numpy())  # <- PER211
"""
_LISTS = """import random

import torch
from torch import nn


class QNet(nn.Module):
    def __init__(self, width, actions):
        super().__init__()
        self.hidden, self.out = nn.Linear(width, 64), nn.Linear(64, actions)

    def forward(self, x):
        return self.out(torch.relu(self.hidden(x)))


class Agent:
    def __init__(self, width, actions, capacity):
        self.net, self.goal = QNet(width, actions), QNet(width, actions)
        self.optimizer = torch.optim.SGD(self.net.parameters(), 1e-3)
        self.capacity, self.alpha, self.at = capacity, 0.6, 0
        self.items, self.priorities = [], []

    def remember(self, state, action, reward, next_state, done):
        top = max(self.priorities, default=1.0)
        if len(self.items) < self.capacity:
            self.items.append((state, action, reward, next_state, done))
            self.priorities.append(top)
        else:
            self.items[self.at] = (state, action, reward, next_state, done)
            self.priorities[self.at] = top
            self.at = (self.at + 1) % self.capacity

    def learn(self, beta, gamma=0.99):
        total = sum(p**self.alpha for p in self.priorities)
        shares = [p**self.alpha / total for p in self.priorities]
        picked = random.choices(range(len(self.items)), weights=shares, k=16)
        weights = torch.tensor([(len(self.items) * shares[i]) ** -beta for i in picked])
        weights = weights / weights.max()
        states, actions, rewards, next_states, dones = map(torch.tensor, zip(*[self.items[i] for i in picked]))
        q = self.net(states)[range(16), actions]
        with torch.no_grad():
            goals = rewards + gamma * (1 - dones) * self.goal(next_states).max(dim=1).values
        errors = goals - q
        self.optimizer.zero_grad()
        (weights * errors**2).mean().backward()
        self.optimizer.step()
        for i, error in zip(picked, errors):
            self.priorities[i] = abs(error) + 1e-5  # <- PER211
"""
_TENSORS = """import torch


class TensorReplay:
    def __init__(self, capacity, width, alpha=0.6):
        self.capacity, self.alpha, self.size, self.next = capacity, alpha, 0, 0
        self.state, self.next_state = torch.zeros(capacity, width), torch.zeros(capacity, width)
        self.action = torch.zeros(capacity, dtype=torch.long)
        self.reward, self.ended = torch.zeros(capacity), torch.zeros(capacity)
        self.priority = torch.zeros(capacity)

    def push(self, state, action, reward, next_state, ended):
        self.state[self.next], self.next_state[self.next] = state, next_state
        self.action[self.next], self.reward[self.next], self.ended[self.next] = action, reward, ended
        self.priority[self.next] = self.priority.max() if self.size else 1.0
        self.next = (self.next + 1) % self.capacity
        self.size = min(self.size + 1, self.capacity)

    def draw(self, n, beta):
        p = self.priority[: self.size] ** self.alpha
        p = p / p.sum()
        slots = torch.multinomial(p, n, replacement=True)
        weights = (self.size * p[slots]) ** -beta
        batch = self.state[slots], self.action[slots], self.reward[slots], self.next_state[slots], self.ended[slots]
        return batch, slots, weights / weights.max()

    def correct(self, slots, errors):
        self.priority[slots] = errors.abs() + 1e-6
"""
_LEARNER = """import torch


class Learner:
    def __init__(self, replay, online, target):
        self.replay, self.online, self.target = replay, online, target
        self.optimizer = torch.optim.Adam(online.parameters(), lr=1e-4)

    def step(self, beta, gamma=0.99):
        (state, action, reward, next_state, ended), slots, weights = self.replay.draw(64, beta)
        with torch.no_grad():
            best = self.online(next_state).argmax(1, keepdim=True)
            goal = reward + gamma * (1 - ended) * self.target(next_state).gather(1, best).squeeze(1)
        taken = self.online(state).gather(1, action[:, None])[:, 0]
        errors = taken - goal
        self.optimizer.zero_grad()
        torch.mean(weights * errors.pow(2)).backward()
        self.optimizer.step()
        self.replay.correct(slots, errors)  # <- PER211
"""
_LOSSES = """import torch


class Learner:
    def __init__(self, replay, online, target, by_priority=True):
        self.replay, self.online, self.target, self.by_priority = replay, online, target, by_priority
        self.optimizer = torch.optim.Adam(online.parameters(), lr=1e-4)

    def losses(self, state, action, reward, next_state, ended, weights, gamma=0.99):
        with torch.no_grad():
            goal = reward + gamma * (1 - ended) * self.target(next_state).max(1).values
        errors = self.online(state).gather(1, action[:, None]).squeeze(1) - goal
        if self.by_priority:
            return torch.mean(weights * errors.pow(2)), errors.detach()
        return 0.5 * torch.mean(errors.pow(2)) + errors.abs().mean()

    def step(self, beta):
        batch, slots, weights = self.replay.draw(64, beta)
        loss = self.losses(*batch, weights)
        if isinstance(loss, tuple):
            loss, errors = loss
            self.replay.correct(slots, errors)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
"""
_RUN = """from learner import Learner
from replay import TensorReplay


def run(env, online, target, steps):
    replay = TensorReplay(10_000, 4)
    learner = Learner(replay, online, target)
    state = env.reset()
    for step in range(steps):
        action = env.action_space.sample()
        next_state, reward, ended, _ = env.step(action)
        replay.push(state, action, reward, next_state, ended)
        state = env.reset() if ended else next_state
        learner.step(min(1.0, 0.4 + 0.6 * step / steps))
"""
_TWINS = """import numpy as np
import torch
import torch.nn.functional as F
from memory import Memory


class Critics:
    def __init__(self, first, second, goals, actor):
        self.first, self.second, self.goals, self.actor = first, second, goals, actor
        self.optimizer = torch.optim.Adam([*first.parameters(), *second.parameters()])
        self.memory = Memory(20_000)

    def observe(self, *transition):
        self.memory.add(*transition)

    def update(self, beta, gamma=0.99):
        columns, slots, weights = self.memory.sample(128, beta)
        state, action, reward, next_state, done = [torch.from_numpy(column) for column in columns]
        weights = torch.from_numpy(weights)
        with torch.no_grad():
            ahead = torch.cat([next_state, self.actor(next_state)], 1)
            goal = reward + gamma * (1 - done) * torch.min(self.goals[0](ahead), self.goals[1](ahead)).squeeze(1)
        pair = torch.cat([state, action], 1)
        one, two = self.first(pair).squeeze(1), self.second(pair).squeeze(1)
        loss = (weights * (F.mse_loss(one, goal, reduction="none") + F.mse_loss(two, goal, reduction="none"))).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        worst = torch.max((one - goal).abs(), (two - goal).abs())
        self.memory.update(slots, worst.cpu().numpy())  # <- PER211
"""


class AutogradInPriorities(Rule):
    """Priorities are given as tensors that carry the graph of the backward pass.

    ## What it does

    Reports errors that become priorities although they need the gradient: a conversion to NumPy (`.numpy()`, `np.abs`
    and the like), and tensors that are kept as they are in a list or in a tensor of priorities. That they need it is
    known where the same call of a network is in the loss of a `backward()` in the same function.

    ## Why is this bad

    The conversion fails: "Can't call numpy() on Tensor that requires grad". A tensor that is kept keeps its whole graph
    alive, with all activations of its batch, for as long as the priority stays in the buffer: with one graph for each
    update the memory grows until the process is ended. A tensor of priorities that such errors are assigned into
    becomes part of every later graph itself, and each update makes that graph longer.

    ## Known problems

    Single entries of such a tensor that are assigned into a NumPy array become numbers, with a warning, and are not
    reported. Nor is anything where the buffer converts in a way that cannot be followed.

    ## Example

    ```python
    memory.update_priorities(indices, (q - target).abs().numpy())
    ```

    ## Use instead

    ```python
    memory.update_priorities(indices, (q - target).detach().abs().cpu().numpy())
    ```

    ## Fix safety

    Detaching the errors where they are handed over changes no number, and the loss has been computed before.

    ## References

    - PyTorch documentation, torch.Tensor.numpy and torch.Tensor.detach
    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, Algorithm 1, line 12
    """

    code = "PER211"
    name = "autograd-in-priorities"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each place where errors with a graph are handed over or converted."""
        told: set[ir.Node] = set()
        for buffer in graph.buffers:
            if buffer.kind != PRIORITISED or graph.priorities(buffer).is_reference:
                continue
            for write in graph.anatomy(buffer).writes:
                for function, path, node, what, form in self._faults(graph, buffer, write):
                    if node not in told:
                        told.add(node)
                        yield self._finding(graph, buffer, write, (function, path), node, (what, form))

    def _faults(
        self, graph: ReplayGraph, buffer: ReplayBuffer, write: PriorityWrite
    ) -> Iterator[tuple[ev.Owner, str, ir.Node, str, str]]:
        """The function, file and place of what is wrong with a write, what it is, and its form."""
        anatomy = graph.anatomy(buffer)
        step = trail.handover(anatomy, write)
        outer = write.functions[write.steps.index(step)]
        made = [(graph.symbols.function_of(e.path, e.node), e.path) for e in trail.errors(write.value) if e.node]
        for function, path in dict.fromkeys([(outer, step.path), *made]):
            if graph.gradients.backward(function, path) is None:
                continue
            handed = self._handed(graph, write, step) if function is outer else [write.value]
            crash = self._converted(graph, handed, function, path)
            if crash is not None:
                yield function, path, crash, "converted to NumPy, which fails", "converted"
                return
        kept = self._kept(anatomy, write, step)
        if kept is not None:
            yield outer, step.path, step.node, kept, "kept"

    def _finding(
        self,
        graph: ReplayGraph,
        buffer: ReplayBuffer,
        write: PriorityWrite,
        where: tuple[ev.Owner, str],
        node: ir.Node,
        fault: tuple[str, str],
    ) -> Finding:
        anatomy, name = graph.anatomy(buffer), graph.name_of(buffer)
        path, (what, form) = where[1], fault
        passed = graph.gradients.backward(*where)
        assert passed is not None
        links = [graph.evidence(path, passed.node, "backward", "the backward pass that needs the gradient")]
        return self.finding(
            graph,
            path,
            node,
            f"the priorities of {name} are tensors that carry the graph of the loss: {what}",
            evidence=trail.unique([*trail.evidence(anatomy, write), *links]),
            fix=FixOffer(title="detach the errors where they are handed over"),
            pipeline=name,
            form=form,
        )

    def _converted(self, graph: ReplayGraph, handed: list[Term], function: ev.Owner, path: str) -> ir.Node | None:
        """The first conversion to NumPy, in a function, of what is handed over."""
        cut = graph.gradients.cuts(function, path, COPIES)
        nodes = {part.node for term in handed for part in term.walk()}
        for site in sorted(graph.calls_of(function, (path,)), key=lambda site: site.node.start):
            value = _as_array(site)
            if value is None or graph.gradients.is_off(path, site.node):
                continue
            term = graph.symbols.term(path, value)
            if term.node in nodes and graph.gradients.carried(term, function, path, cut):
                return site.node
        return None

    def _kept(self, anatomy: Anatomy, write: PriorityWrite, step: Step) -> str | None:
        """What becomes of errors that reach the store as they are."""
        graph, gradients = anatomy.graph, anatomy.graph.gradients
        function = write.functions[write.steps.index(step)]
        if gradients.backward(function, step.path) is None:
            return None
        inner = list(zip(write.steps, write.functions, strict=True))[: write.steps.index(step) + 1]
        if any(gradients.is_off(each.path, each.node) for each, _ in inner):
            return None
        if any(gradients.converts(f, each.path, COPIES | ARRAYS, until=each.node) for each, f in inner[:-1]):
            return None
        cut = gradients.cuts(function, step.path, COPIES | ARRAYS)
        handed = [
            t for term in self._handed(graph, write, step) for t in gradients.carried(term, function, step.path, cut)
        ]
        arriving = {call.node for call in gradients.calls_in(write.value)}
        if not any(call.node in arriving for call in handed):
            return None
        kinds = {_kind(graph, write.store.container)}
        if kinds == {"tensor"}:
            return "the tensor that holds the priorities grows into the graph of every update"
        if kinds <= {"list", "deque"}:
            return "each one that is kept keeps its whole graph alive"
        index = write.index
        whole = index is not None and graph.shapes.of(index) == (BATCH,) and not index.has("element", "loop")
        if kinds == {"numpy"} and whole:
            return "they cannot be assigned into an array of NumPy"
        return None

    def _handed(self, graph: ReplayGraph, write: PriorityWrite, step: Step) -> list[Term]:
        """What is handed over at a step, as the function around it knows it."""
        if isinstance(step.node, ir.Call) and step is not write.steps[0]:
            return [graph.symbols.term(step.path, arg.value) for arg in step.node.args]
        if write.store.expression is not None and step is write.steps[0]:
            return [graph.symbols.term(step.path, write.store.expression)]
        return []

    def witness(self) -> str:
        """How many activations stay alive with priorities that keep the graphs of their batches."""
        import numpy as np

        rng = np.random.default_rng(0)
        kept: list[object] = [None] * 1_000
        for _ in range(200):
            activations = rng.normal(size=(32, 256))  # of one layer; the graph of each error refers to them
            for slot in rng.integers(1_000, size=32):
                kept[slot] = activations
        alive = {id(each): each.nbytes for each in kept if isinstance(each, np.ndarray)}
        assert len(alive) > 100
        return (
            f"after 200 batches of 32 the 1,000 priorities refer to the graphs of {len(alive)} batches: "
            f"{sum(alive.values()) / 1e6:.0f} MB for one layer of 256, in place of {32 * 256 * 8 / 1e6:.2f} MB"
        )

    bad = (
        Example("`.numpy()` of |td|, two files", {"memory.py": _MEMORY, "train.py": _TRAIN}),
        Example("tensors kept in a list", {"agent.py": _LISTS}),
        Example(
            "assigned into a tensor of priorities, three files",
            {"replay.py": _TENSORS, "learner.py": _LEARNER, "run.py": _RUN},
        ),
        Example("two critics", {"memory.py": _MEMORY, "critics.py": _TWINS}),
        Example(
            "NumPy's functions on tensors",
            {
                "memory.py": _MEMORY,
                "train.py": _TRAIN.replace("(q - goal).abs().numpy()", "np.abs(goal - q)").replace(
                    "import torch\n", "import numpy as np\nimport torch\n", 1
                ),
            },
        ),
        Example(
            "the losses of the single transitions",
            {
                "memory.py": _MEMORY,
                "train.py": _TRAIN.replace(
                    "        memory.update(slots, (q - goal).abs().numpy())  # <- PER211",
                    "        priorities = (losses + 1e-5).cpu().numpy()  # <- PER211\n"
                    "        memory.update(slots, priorities)",
                ),
            },
        ),
        Example(
            "converted before the backward pass",
            {
                "memory.py": _MEMORY,
                "critics.py": _TWINS.replace(
                    "        self.memory.update(slots, worst.cpu().numpy())  # <- PER211\n", ""
                )
                .replace("        worst = torch.max((one - goal).abs(), (two - goal).abs())\n", "")
                .replace(
                    "        self.optimizer.zero_grad()\n",
                    "        errors = np.asarray((one - goal).abs())  # <- PER211\n"
                    "        self.memory.update(slots, errors)\n        self.optimizer.zero_grad()\n",
                ),
            },
        ),
        Example(
            "tensors kept in a deque",
            {
                "agent.py": _LISTS.replace(
                    "import random\n", "import random\nfrom collections import deque\n", 1
                ).replace(
                    "self.items, self.priorities = [], []",
                    "self.items, self.priorities = deque(maxlen=capacity), deque(maxlen=capacity)",
                )
            },
        ),
    )
    good = (
        Example(
            "detached where they are handed over",
            {
                "memory.py": _MEMORY,
                "train.py": _TRAIN.replace("(q - goal).abs().numpy())  # <- PER211", "(q - goal).detach().numpy())"),
            },
        ),
        Example(
            "`.data`, two critics",
            {
                "memory.py": _MEMORY,
                "critics.py": _TWINS.replace("worst.cpu().numpy())  # <- PER211", "worst.data.cpu().numpy())"),
            },
        ),
        Example(
            "errors computed without a graph",
            {
                "memory.py": _MEMORY,
                "train.py": _TRAIN.replace(
                    "        memory.update(slots, (q - goal).abs().numpy())  # <- PER211",
                    "        with torch.no_grad():\n"
                    "            errors = goal - net(states).gather(1, actions[:, None])[:, 0]\n"
                    "        memory.update(slots, errors.abs().numpy())",
                ),
            },
        ),
        Example(
            "numbers in a list",
            {
                "agent.py": _LISTS.replace("abs(error) + 1e-5  # <- PER211", "abs(error.item()) + 1e-5"),
            },
        ),
        Example(
            "float() in the loop",
            {
                "agent.py": _LISTS.replace("abs(error) + 1e-5  # <- PER211", "abs(float(error)) + 1e-5"),
            },
        ),
        Example(
            "the buffer detaches",
            {
                "replay.py": _TENSORS.replace("errors.abs()", "errors.detach().abs()"),
                "learner.py": _LEARNER.replace("  # <- PER211", ""),
                "run.py": _RUN,
            },
        ),
        Example(
            "detached in a pair that only one branch returns",
            {"replay.py": _TENSORS, "learner.py": _LOSSES, "run.py": _RUN},
        ),
        Example(
            "detached in a pair that a method returns which is given its batch by names",
            {
                "replay.py": _TENSORS,
                "learner.py": _LOSSES.replace(
                    "        loss = self.losses(*batch, weights)\n",
                    '        names = ("state", "action", "reward", "next_state", "ended")\n'
                    '        rows = {name: column.to("cpu") for name, column in dict(zip(names, batch)).items()}\n'
                    "        loss = self.losses(**rows, weights=weights)\n",
                ),
                "run.py": _RUN,
            },
        ),
        Example(
            "the buffer stores without a graph",
            {
                "replay.py": _TENSORS.replace("    def correct", "    @torch.no_grad()\n    def correct"),
                "learner.py": _LEARNER.replace("  # <- PER211", ""),
                "run.py": _RUN,
            },
        ),
        Example(
            "a helper detaches",
            {
                "memory.py": _MEMORY,
                "train.py": _TRAIN.replace(
                    "(q - goal).abs().numpy())  # <- PER211", "as_array((q - goal).abs()))"
                ).replace(
                    "def train", "def as_array(tensor):\n    return tensor.detach().cpu().numpy()\n\n\ndef train"
                ),
            },
        ),
        Example(
            "TensorFlow converts on its own",
            {
                "memory.py": _MEMORY,
                "train.py": """import tensorflow as tf
from memory import Memory


def learn(memory: Memory, model, target, optimizer, beta, gamma=0.99):
    (states, actions, rewards, next_states, dones), slots, weights = memory.sample(32, beta)
    goal = rewards + gamma * (1 - dones) * tf.reduce_max(target(next_states), axis=1)
    with tf.GradientTape() as tape:
        q = tf.gather(model(states), actions, axis=1, batch_dims=1)
        loss = tf.reduce_mean(weights * tf.square(goal - q))
    optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables))
    memory.update(slots, (goal - q).numpy())


def play(env, model, target, optimizer, steps):
    memory, state = Memory(1_000), env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(0)
        memory.add(state, 0, reward, next_state, done)
        state = env.reset() if done else next_state
        learn(memory, model, target, optimizer, min(1.0, 0.4 + step / steps))
""",
            },
        ),
    )


def _as_array(site: ev.CallSite) -> ir.Expr | None:
    """What a call makes an array of NumPy of: `x.numpy()`, `np.abs(x)`; None for any other call."""
    func = site.node.func
    if isinstance(func, ir.Attr) and func.attr == "numpy" and not site.node.args:
        return func.value
    if not site.node.args or not any(name.startswith("numpy.") for name in site.names):
        return None
    value = site.node.args[0].value
    if isinstance(value, ir.Call):  # which may convert on its own
        return value if isinstance(value.func, ir.Attr) and value.func.attr in _TENSOR_METHODS else None
    return None if isinstance(value, ir.Seq) else value


def _kind(graph: ReplayGraph, container: object) -> str:
    """What holds the priorities: list, deque, numpy or tensor."""
    node, kind = getattr(container, "node", None), getattr(container, "kind", "")
    if kind != "array" or not isinstance(node, ir.Call):
        return kind
    names = graph.events.calls[node].names if node in graph.events.calls else set()
    tensor = {name.startswith("torch.") for name in names}
    return "tensor" if tensor == {True} else "numpy" if any(n.startswith("numpy.") for n in names) else kind
