"""PER505 n-step-discount-wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.findings import FixOffer, Severity
from per_audit.graph.episodes import bootstrap, windows
from per_audit.graph.interpret.roles import REWARD
from per_audit.graph.interpret.values import Instance
from per_audit.graph.memory.capacity import capacity_of, number_of
from per_audit.graph.symbolic import alternatives, strip
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.findings import Finding
    from per_audit.graph import ReplayBuffer, ReplayGraph
    from per_audit.graph.episodes.bootstrap import BootstrapTarget
    from per_audit.graph.episodes.windows import ReturnSum
    from per_audit.graph.interpret.events import CallSite
    from per_audit.graph.interpret.values import Alloc
    from per_audit.graph.symbolic import Term

_DEQUE = """import random
from collections import deque
import torch
import torch.nn.functional as F


class Agent:
    def __init__(self, net, target_net, optimizer, n=3, gamma=0.99):
        self.net, self.target_net, self.optimizer = net, target_net, optimizer
        self.rows, self.window = deque(maxlen=10_000), deque(maxlen=n)
        self.n, self.gamma = n, gamma

    def remember(self, state, action, reward, next_state, done):
        self.window.append((state, action, reward))
        if len(self.window) == self.n:
            self.flush(next_state, done)
        if done:
            while self.window:
                self.flush(next_state, done)

    def flush(self, next_state, done):
        reward_sum = sum(self.gamma**i * step[2] for i, step in enumerate(self.window))
        state, action, _ = self.window.popleft()
        self.rows.append((state, action, reward_sum, next_state, done))

    def learn(self):
        rows = random.sample(self.rows, 32)  # <- PER001
        states, actions, rewards, next_states, dones = map(torch.tensor, zip(*rows))
        with torch.no_grad():
            best = self.target_net(next_states).max(1).values
            target = rewards + self.gamma * best * (1 - dones)  # <- PER505
        loss = F.mse_loss(self.net(states).gather(1, actions[:, None])[:, 0], target)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
"""
_SPLIT = {
    "memory.py": """import random
from collections import deque


class Memory:
    def __init__(self, size=5000, steps=5):
        self.items, self.recent, self.size = [], deque(maxlen=steps), size

    def add(self, obs, action, reward, next_obs, terminated):
        self.recent.append((obs, action, reward))
        reward_sum = 0.0
        for step in reversed(self.recent):
            reward_sum = step[2] + 0.95 * reward_sum
        if len(self.recent) == self.recent.maxlen:
            self.items.append((self.recent[0][0], self.recent[0][1], reward_sum, next_obs, terminated))
        if terminated:
            self.recent.clear()
        if len(self.items) > self.size:
            self.items.pop(0)

    def sample(self, n):
        return random.sample(self.items, n)  # <- PER001
""",
    "train.py": """import numpy as np
from memory import Memory


def improve(model, memory):
    for state, action, reward, next_state, end in memory.sample(32):
        goal = model.predict(state[None])
        goal[0, action] = reward + (1 - end) * 0.95 * model.predict(next_state[None]).max()  # <- PER505
        model.fit(state[None], goal, verbose=0)


def train(env, model, steps):
    memory, state = Memory(), env.reset()
    for _ in range(steps):
        next_state, reward, terminated, truncated, _ = env.step(int(np.argmax(model.predict(state[None]))))
        memory.add(state, 0, reward, next_state, terminated)
        state = env.reset() if terminated or truncated else next_state
        improve(model, memory)
""",
}
_LOOP = _DEQUE.replace(
    "        reward_sum = sum(self.gamma**i * step[2] for i, step in enumerate(self.window))\n",
    "        reward_sum = 0.0\n        for i, (_, _, r) in enumerate(self.window):\n"
    "            reward_sum += self.gamma**i * r\n",
)
_PASSED = {
    "replay.py": """from collections import deque
import numpy as np


class NStepReplay:
    def __init__(self, capacity, n, gamma):
        self.rows, self.priorities = [None] * capacity, np.zeros(capacity)
        self.capacity, self.count, self.gamma = capacity, 0, gamma
        self.window = deque(maxlen=n)

    def store(self, state, action, reward, next_state, terminated):
        self.window.append((state, action, reward))
        if terminated or len(self.window) == self.window.maxlen:
            total_reward = 0.0
            for step in reversed(self.window):
                total_reward = step[2] + self.gamma * total_reward
            slot = self.count % self.capacity
            self.rows[slot] = (*self.window.popleft()[:2], total_reward, next_state, terminated)
            self.priorities[slot] = self.priorities.max() or 1.0
            self.count += 1
        while terminated and self.window:
            self.window.popleft()

    def draw(self, n, beta):
        filled = min(self.count, self.capacity)
        p = self.priorities[:filled] / self.priorities[:filled].sum()
        at = np.random.choice(filled, n, p=p)
        weights = (filled * p[at]) ** -beta
        return [self.rows[i] for i in at], at, weights / weights.max()

    def update(self, at, errors):
        self.priorities[at] = (np.abs(errors) + 1e-6) ** 0.6
""",
    "learner.py": """import numpy as np
import torch


class Learner:
    def __init__(self, net, optimizer, replay, discount):
        self.net, self.optimizer, self.replay, self.discount = net, optimizer, replay, discount

    def step(self, beta):
        rows, at, weights = self.replay.draw(32, beta)
        states, actions, rewards, next_states, ends = (torch.tensor(np.array(column)) for column in zip(*rows))
        with torch.no_grad():
            ahead = self.net(next_states).amax(1)
        goal = rewards + self.discount * (1 - ends.float()) * ahead  # <- PER505
        errors = self.net(states).gather(1, actions[:, None])[:, 0] - goal
        self.optimizer.zero_grad()
        (torch.tensor(weights) * errors**2).mean().backward()
        self.optimizer.step()
        self.replay.update(at, errors.detach().numpy())
""",
    "main.py": """from learner import Learner
from replay import NStepReplay

GAMMA = 0.99


def main(env, net, optimizer, steps):
    replay = NStepReplay(20_000, 3, GAMMA)
    learner = Learner(net, optimizer, replay, GAMMA)
    state = env.reset()
    for step in range(steps):
        next_state, reward, terminated, truncated, _ = env.step(net.act(state))
        replay.store(state, 0, reward, next_state, terminated)
        state = env.reset() if terminated or truncated else next_state
        learner.step(min(1.0, 0.4 + 0.6 * step / steps))
""",
}
_FOLDED = """import random
from collections import deque
import torch


def folded(window, gamma):
    total = 0
    for i, step in enumerate(window):
        total += step[2] * gamma**i
    first, last = window[0], window[-1]
    return first[0], first[1], first[2], first[3], first[4], total, last[3], last[4]


def train(env, net, optimizer, steps, n=5, gamma=0.99):
    memory, window = deque(maxlen=1000), deque(maxlen=n)
    state = env.reset()
    for step in range(steps):
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        window.append((state, action, reward, next_state, done))
        if len(window) == n:
            memory.append(folded(window, gamma))
        state = next_state
        if done:
            window.clear()
            state = env.reset()
        s, a, r, s2, d, r_n, s_n, d_n = map(torch.as_tensor, zip(*random.sample(memory, 32)))  # <- PER001
        q = net(s).gather(1, a[:, None])[:, 0]
        near = r + gamma * (1 - d) * net(s2).max(1).values.detach()
        far = r_n + gamma**n * (1 - d_n) * net(s_n).max(1).values.detach()
        loss = ((q - near) ** 2 + (q - far) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
_SINGLE = """import torch
from replay import Replay


class Single:
    def __init__(self, net, target_net, optimizer, gamma=0.99):
        self.net, self.target_net, self.optimizer, self.gamma = net, target_net, optimizer, gamma
        self.memory = Replay(10_000)

    def learn(self):
        states, actions, rewards, following, ends = map(torch.tensor, self.memory.sample(32))
        ahead = self.target_net(following).max(1)[0]
        goals = rewards + self.gamma * ahead * (1 - ends)
        loss = torch.nn.functional.mse_loss(self.net(states).gather(1, actions).squeeze(1), goals.detach())
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
"""
_SEVERAL = """import torch
from replay import StepsReplay


class Several:
    def __init__(self, net, target_net, optimizer, n=3, gamma=0.99):
        self.net, self.target_net, self.optimizer, self.gamma, self.n = net, target_net, optimizer, gamma, n
        self.memory = StepsReplay(10_000, n, gamma)

    def learn(self):
        states, actions, rewards, following, ends = map(torch.tensor, self.memory.sample(32))
        ahead = self.target_net(following).max(1)[0]
        goals = rewards + self.gamma**self.n * ahead * (1 - ends)
        loss = torch.nn.functional.mse_loss(self.net(states).gather(1, actions).squeeze(1), goals.detach())
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
"""


class NStepDiscountWrong(Rule):
    """The value that follows n steps is discounted as though it followed one.

    ## What it does

    Reports a bootstrap target that multiplies the next value by gamma, where the rewards that it is drawn with are sums
    of several steps, discounted with the same gamma, up to a state several steps later.

    ## Why is this bad

    The target is r1 + gamma r2 + gamma^2 r3 + gamma V where it has to be ... + gamma^3 V. Its fixed point is not the
    value of any policy: with gamma = 0.99, n = 3 and a reward of 1 a step it is 297 in place of 100, so that the
    horizon is n times as long as the one that was chosen, and the effect of early, random values lasts as much longer.

    ## Known problems

    Judged where the length of the window can be read, if only from a default, and is more than one, and where both
    discounts are one number or one setting.

    ## Example

    ```python
    reward_sum = sum(gamma**i * r for i, r in enumerate(rewards))
    target = reward_sum + gamma * (1 - terminated) * next_value
    ```

    ## Use instead

    ```python
    reward_sum = sum(gamma**i * r for i, r in enumerate(rewards))
    target = reward_sum + gamma**n * (1 - terminated) * next_value
    ```

    ## Fix safety

    Never applied by itself: where windows are shorter at the end of an episode, the exponent has to be stored with each
    transition, unless the shorter ones all end in a terminal state.

    ## References

    - Sutton and Barto 2018, Reinforcement Learning, section 7.1, equation 7.1: the n-step return
    - Hessel et al. 2018, Rainbow, arXiv:1710.02298, multi-step learning
    """

    code = "PER505"
    name = "n-step-discount-wrong"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each target that bootstraps with the discount of one step."""
        seen: set[ir.Node] = set()
        for buffer in graph.buffers:
            sums = [found for found in windows.return_sums(graph, buffer, local=True) if _is_long(graph, found)]
            for target in bootstrap.targets(graph, buffer) if sums else ():
                if target.node in seen or not _is_drawn_from(graph, buffer, target):
                    continue
                if _is_beside_several(graph, target):
                    continue
                once = _value(graph, target)
                near = [found for found in sums if _is_in_reach(graph, target, found)]
                near = [found for found in near if not _asks_one_step(graph, target, found)]
                same = next((found for found in near if once is not None and once == _base(graph, found)), None)
                if same is not None:
                    seen.add(target.node)
                    yield self._finding(graph, buffer, target, same)

    def _finding(self, graph: ReplayGraph, buffer: ReplayBuffer, target: BootstrapTarget, found: ReturnSum) -> Finding:
        window = min(found.windows, key=lambda alloc: alloc.node.start).node
        return self.finding(
            graph,
            target.path,
            target.node,
            f"`{graph.source(target.path, target.node)}` discounts the value after n steps by gamma, not by gamma^n",
            evidence=[
                graph.evidence(target.path, target.node, "target", "the next value is discounted once here"),
                graph.evidence(found.path, found.node, "sum", "the rewards of several steps are summed here"),
                graph.evidence(graph.path_of(window) or found.path, window, "window", "the window of the steps"),
            ],
            fix=FixOffer(title="discount the next value by gamma to the power of the number of steps"),
            pipeline=graph.name_of(buffer),
        )

    def witness(self) -> str:
        """A reward of 1 in each step, windows of 3: the fixed points of both targets."""
        import numpy as np

        gamma, n = 0.99, 3
        summed = float(np.sum(gamma ** np.arange(n)))
        right, wrong = summed / (1 - gamma**n), summed / (1 - gamma)
        assert abs(right - 100) < 1e-9
        assert wrong > 2.9 * right
        return f"value of a reward of 1 a step: {right:.0f} with gamma^3, {wrong:.0f} with gamma"

    bad = (
        Example("a generator over a deque, PyTorch", {"agent.py": _DEQUE}),
        Example("numbers in two files, Keras", _SPLIT),
        Example("a loop that adds", {"agent.py": _LOOP}),
        Example("one setting for the buffer and the learner, three files", _PASSED),
        Example(
            "double Q-learning",
            {
                "agent.py": _DEQUE.replace(
                    "            best = self.target_net(next_states).max(1).values\n",
                    "            chosen = self.net(next_states).argmax(1, keepdim=True)\n"
                    "            best = self.target_net(next_states).gather(1, chosen)[:, 0]\n",
                )
            },
        ),
        Example(
            "a list that is cut, a branch for the end",
            {
                "agent.py": """import random


class Agent:
    def __init__(self, model, n=4):
        self.model, self.n, self.past, self.window = model, n, [], []

    def observe(self, s, a, r, s2, done):
        self.window.append((s, a, r))
        if len(self.window) > 4:
            self.window.pop(0)
        if len(self.window) == 4:
            reward_sum = 0.0
            for step in reversed(self.window):
                reward_sum = step[2] + 0.9 * reward_sum
            self.past.append((self.window[0][0], self.window[0][1], reward_sum, s2, done))
        if done:
            self.window.clear()
        if len(self.past) > 3000:
            self.past.pop(0)
        for state, action, reward, later, end in random.sample(self.past, min(8, len(self.past))):  # <- PER001
            goal = self.model.predict(state)
            goal[action] = reward
            if not end:
                goal[action] = reward + 0.9 * max(self.model.predict(later))  # <- PER505
            self.model.fit(state, goal)
"""
            },
        ),
        Example(
            "a choice inside the sum",
            {
                **_SPLIT,
                "train.py": _SPLIT["train.py"].replace(
                    "(1 - end) * 0.95 * model.predict(next_state[None]).max()",
                    "(0 if end else 0.95 * model.predict(next_state[None]).max())",
                ),
            },
        ),
        Example(
            "the values that a distribution is over, moved by gamma once",
            {
                "agent.py": _DEQUE.replace(
                    "            best = self.target_net(next_states).max(1).values\n"
                    "            target = rewards + self.gamma * best * (1 - dones)  # <- PER505\n",
                    "            target = projected(self.target_net(next_states), rewards, dones, self.gamma)\n",
                ).replace("F.mse_loss", "F.cross_entropy")
                + """

def projected(chances, rewards, dones, gamma, lowest=-10, highest=10, count=51):
    at = torch.linspace(lowest, highest, count)
    moved = rewards[:, None] + gamma * (1 - dones[:, None]) * at[None]  # <- PER505
    place = (moved.clamp(lowest, highest) - lowest) / (highest - lowest) * (count - 1)
    spread = (1 - (place[:, None] - torch.arange(count)[None, :, None]).abs()).clamp(0)
    return (spread * chances[:, None]).sum(-1)
"""
            },
        ),
        Example(
            "one target of the sum with the power of gamma, and one without",
            {
                "train.py": _FOLDED.replace("near = r + gamma", "near = r_n + gamma").replace(
                    "net(s2).max(1).values.detach()", "net(s_n).max(1).values.detach()  # <- PER505"
                )
            },
        ),
    )
    good = (
        Example(
            "an agent of single steps beside one of several, whose buffer is an heir of its own",
            {
                "replay.py": """import random
from collections import deque


class Replay:
    def __init__(self, size):
        self.rows = deque(maxlen=size)

    def store(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def sample(self, k):
        return zip(*random.sample(self.rows, k))


class StepsReplay(Replay):
    def __init__(self, size, n, gamma):
        super().__init__(size)
        self.window, self.n, self.gamma = deque(maxlen=n), n, gamma

    def store(self, state, action, reward, next_state, done):
        self.window.append((state, action, reward, next_state, done))
        if len(self.window) == self.n:
            total = 0.0
            for s, a, r, s2, d in reversed(self.window):
                total = r + self.gamma * total * (1 - d)
            super().store(self.window[0][0], self.window[0][1], total, next_state, done)
        if done:
            self.window.clear()
""",
                "single.py": _SINGLE,
                "several.py": _SEVERAL,
            },
        ),
        Example(
            "one class for windows of one step and of several",
            {
                "replay.py": """import random
from collections import deque


class Replay:
    def __init__(self, size, n=1, gamma=0.99):
        self.rows, self.window, self.n, self.gamma = deque(maxlen=size), deque(maxlen=n), n, gamma

    def store(self, state, action, reward, next_state, done):
        self.window.append((state, action, reward, next_state, done))
        if len(self.window) == self.n:
            total = 0.0
            for s, a, r, s2, d in reversed(self.window):
                total = r + self.gamma * total * (1 - d)
            self.rows.append((self.window[0][0], self.window[0][1], total, next_state, done))
        if done:
            self.window.clear()

    def sample(self, k):
        return zip(*random.sample(self.rows, k))
""",
                "single.py": _SINGLE,
                "several.py": _SEVERAL.replace("StepsReplay", "Replay"),
            },
        ),
        Example(
            "gamma to the power of n",
            {"agent.py": bad[0].plain["agent.py"].replace("rewards + self.gamma *", "rewards + self.gamma**self.n *")},
        ),
        Example(
            "the number of the power",
            {
                "memory.py": bad[1].plain["memory.py"],
                "train.py": bad[1].plain["train.py"].replace("0.95 * model", "0.95**5 * model"),
            },
        ),
        Example(
            "a discount that was raised when it was set",
            {
                **bad[3].plain,
                "main.py": bad[3].plain["main.py"].replace("optimizer, replay, GAMMA)", "optimizer, replay, GAMMA**3)"),
            },
        ),
        Example(
            "a discount in each transition",
            {
                "agent.py": bad[0]
                .plain["agent.py"]
                .replace(
                    "        state, action, _ =",
                    "        discount = self.gamma ** len(self.window)\n        state, action, _ =",
                )
                .replace("next_state, done))\n\n    def learn", "next_state, done, discount))\n\n    def learn")
                .replace("next_states, dones =", "next_states, dones, discounts =")
                .replace("rewards + self.gamma *", "rewards + discounts *")
            },
        ),
        Example("a window of one step", {"agent.py": bad[0].plain["agent.py"].replace("n=3", "n=1")}),
        Example(
            "single steps",
            {
                "agent.py": bad[0]
                .plain["agent.py"]
                .replace(
                    "        reward_sum = sum(self.gamma**i * step[2] for i, step in enumerate(self.window))\n",
                    "        reward_sum = self.window[0][2]\n",
                )
            },
        ),
        Example(
            "a loss for single and for several steps, which is told the discount",
            {
                "agent.py": bad[0]
                .plain["agent.py"]
                .replace(
                    "    def learn(self):",
                    "    def both(self):\n        self.learn(self.gamma)\n        self.learn(self.gamma**self.n)\n\n"
                    "    def learn(self, gamma):",
                )
                .replace("rewards + self.gamma *", "rewards + gamma *")
            },
        ),
        Example(
            "the values that a distribution is over, moved by gamma to the power of the steps",
            {
                "agent.py": bad[0]
                .plain["agent.py"]
                .replace(
                    "n=3, gamma=0.99):\n", "n=3, gamma=0.99):\n        self.support = torch.linspace(-10, 10, 51)\n"
                )
                .replace("self.gamma * best", "self.gamma**self.n * self.support")
            },
        ),
        Example("the reward of one step beside the sum of several", {"train.py": _FOLDED}),
    )


def _is_long(graph: ReplayGraph, found: ReturnSum) -> bool:
    """Whether the window is told, at least by a default, to hold more than one step."""
    largest = capacity_of(graph, found.windows).largest
    return largest is not None and largest > 1


def _is_beside_several(graph: ReplayGraph, target: BootstrapTarget) -> bool:
    """Whether a function has another target, of another reward and a power of gamma: this one is of a single step.

    Transitions may hold the reward of a step beside the sum of several.
    """
    reward = graph.symbols.term(target.path, target.reward)
    for node in ir.walk_scope(target.function.body) if isinstance(target.function, ir.Function) else ():
        if isinstance(node, ir.Bin) and node.op == "+" and node is not target.node:
            other = graph.symbols.term(target.path, node.left)
            powers = (part for part in graph.symbols.term(target.path, node.right).walk() if part.op == "pow")
            is_reward = bootstrap.role_at(graph, node.left) == REWARD
            if is_reward and other != reward and any(bootstrap.is_discount(graph, power) for power in powers):
                return True
    return False


def _is_drawn_from(graph: ReplayGraph, buffer: ReplayBuffer, target: BootstrapTarget) -> bool:
    """Whether the reward of a target comes out of the buffer and no other."""
    drawn = graph.events.value(target.reward).tagged("draw")
    own = buffer.sources.union(buffer.draws)
    draws = (graph.events.draws.get(node) for node in drawn - own)
    return bool(drawn) and all(draw is not None and draw.containers <= buffer.containers for draw in draws)


def _is_in_reach(graph: ReplayGraph, target: BootstrapTarget, found: ReturnSum) -> bool:
    """Whether the objects that make the target hold the window: an agent without one learns from single steps."""
    function, interpreter = target.function, graph.interpreter
    cls = graph.project.class_of.get(function) if isinstance(function, ir.Function) else None
    holding = {
        owner for (owner, _), value in interpreter.attributes.items() if not found.windows.isdisjoint(value.atoms)
    }
    if cls is None or not isinstance(function, ir.Function) or not holding:
        return True
    family = _family(graph, cls, function)
    kept = [value for (owner, _), value in interpreter.attributes.items() if owner in family]
    family |= {
        base
        for value in kept
        for a in value.atoms
        if isinstance(a, Instance)
        for base in interpreter.classes.mro(a.node)
    }
    return not holding.isdisjoint(family)


def _family(graph: ReplayGraph, cls: ir.Class, function: ir.Function) -> set[ir.Class]:
    """The classes whose objects run a method: its own, heirs that do not write it anew, and their bases."""
    interpreter = graph.interpreter
    heirs = interpreter.classes.heirs(cls)
    learners = [cls, *(heir for heir in heirs if interpreter.classes.find_method(heir, function.name) is function)]
    return {base for learner in learners for base in interpreter.classes.mro(learner)}


def _asks_one_step(graph: ReplayGraph, target: BootstrapTarget, found: ReturnSum) -> bool:
    """Whether the learner itself makes the object with the window, and for one step: others ask it for more."""
    function = target.function
    cls = graph.project.class_of.get(function) if isinstance(function, ir.Function) else None
    if cls is None or not isinstance(function, ir.Function):
        return False
    family = _family(graph, cls, function)
    methods = {method for method, owner in graph.project.class_of.items() if owner in family}
    made = [site for site in graph.events.calls.values() if site.function in methods]
    lengths = [
        _length(graph, site, window)
        for window in found.windows
        for site in made
        if windows.owner_of(graph, window) in site.classes
    ]
    return bool(lengths) and all(length == 1 for length in lengths)


def _length(graph: ReplayGraph, site: CallSite, window: Alloc) -> int | None:
    """How many steps a window holds in the object that a call makes; None where that is not known."""
    path = graph.path_of(window.node)
    bound = window.node.argument(1, "maxlen") if isinstance(window.node, ir.Call) else None
    builder = graph.symbols.function_of(path, window.node) if path is not None else None
    if not isinstance(bound, ir.Name) or not isinstance(builder, ir.Function):
        return None
    own = builder.parameters[1:]
    place = next((place for place, parameter in enumerate(own) if parameter.name == bound.id), None)
    if place is None or any(parameter.kind for parameter in own) or any(arg.star for arg in site.node.args):
        return None
    given = site.node.argument(place, bound.id)
    if given is not None:
        return number_of(graph, site.path, given).largest
    default = own[place].default
    return default.value if isinstance(default, ir.Const) and isinstance(default.value, int) else None


def _value(graph: ReplayGraph, target: BootstrapTarget) -> Term | None:
    """The discount of a target, where it is one setting or number."""
    found = bootstrap.discounts(graph, target)
    return _setting(graph, found[0]) if len(found) == 1 else None


def _base(graph: ReplayGraph, found: ReturnSum) -> Term | None:
    """What the rewards in a sum are discounted with: the base of the power, or the factor of the recursion."""
    for node in ir.walk(found.node):
        if isinstance(node, ir.Bin) and node.op == "**":
            return _setting(graph, graph.symbols.term(found.path, node.left))
    for node in ir.walk(found.node):
        if isinstance(node, ir.Bin) and node.op == "*":
            for side in (node.left, node.right):
                term = graph.symbols.term(found.path, side)
                if bootstrap.is_discount(graph, term):
                    return _setting(graph, term)
    return None


def _setting(graph: ReplayGraph, term: Term) -> Term | None:
    """A discount as the one number or setting that it is everywhere; None for a power or what is not known."""
    options = {strip(option) for option in alternatives(graph.symbols.expanded(strip(term)))}
    if len(options) != 1:
        return None
    (only,) = options
    return only if only.op in ("const", "field", "external", "global", "param") else None
