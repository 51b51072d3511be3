"""PER506 n-step-recursion-wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.findings import FixOffer, Severity
from per_audit.graph.episodes import bootstrap, windows
from per_audit.graph.interpret.roles import REWARD
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.findings import Finding
    from per_audit.graph import ReplayBuffer, ReplayGraph

_DEQUE = """import random
from collections import deque


class Replay:
    def __init__(self, capacity, n, gamma):
        self.rows, self.window = deque(maxlen=capacity), deque(maxlen=n)
        self.n, self.gamma = n, gamma

    def add(self, state, action, reward, next_state, done):
        self.window.append((state, action, reward, next_state, done))
        if len(self.window) == self.n:
            self.rows.append(self.summed())
        if done:
            while self.window:
                self.rows.append(self.summed())
                self.window.popleft()

    def summed(self):
        reward_sum = 0.0
        for step in reversed(self.window):
            reward_sum += step[2] + self.gamma * reward_sum  # <- PER506
        return self.window[0][0], self.window[0][1], reward_sum, self.window[-1][3], self.window[-1][4]

    def sample(self, size):
        return random.sample(self.rows, size)  # <- PER001
"""
_TRAIN = """from replay import Replay


def train(env, model, optimizer, steps):
    memory = Replay({arguments})
    state, _ = env.reset()
    for step in range(steps):
        next_state, reward, terminated, truncated, _ = env.step(model.act(state))
        memory.add(state, 0, reward, next_state, terminated)
        state = env.reset()[0] if terminated or truncated else next_state
        loss = model.loss(memory.sample(32))
        loss.backward()
        optimizer.step()
"""
_AGENT = """import random
import numpy as np


class Agent:
    def __init__(self, model, n=5):
        self.model, self.n, self.past, self.window = model, n, [], []

    def observe(self, s, a, r, s2, done):
        self.window.append((s, a, r, s2, done))
        if len(self.window) == self.n or done:
            reward = 0.0
            for _, _, gain, _, end in self.window[::-1]:
                reward += gain + 0.95 * reward * (1 - end)  # <- PER506
            self.past.append((self.window[0][0], self.window[0][1], reward, s2, done))
            self.window.pop(0)
        if done:
            self.window.clear()
        if len(self.past) > 3000:
            self.past.pop(0)

    def replay(self):
        for state, action, reward, later, end in random.sample(self.past, 8):  # <- PER001
            goal = self.model.predict(state)
            goal[0, action] = reward if end else reward + 0.95**self.n * np.max(self.model.predict(later))
            self.model.fit(state, goal, verbose=0)
"""
_EPISODE = {
    "returns.py": """def discounted(rewards, gamma):
    total_reward, found = 0.0, []
    for reward in reversed(rewards):
        total_reward = total_reward + reward + gamma * total_reward  # <- PER506
        found.append(total_reward)
    return found[::-1]
""",
    "memory.py": """import numpy as np
from returns import discounted


class Memory:
    def __init__(self, capacity, gamma=0.99):
        self.rows, self.capacity, self.gamma, self.episode = [], capacity, gamma, []

    def add(self, state, action, reward, next_state, done):
        self.episode.append((state, action, reward, next_state, done))
        if done:
            sums = discounted([step[2] for step in self.episode], self.gamma)
            for (first, chosen, _, _, _), reward_sum in zip(self.episode, sums):
                self.rows.append((first, chosen, reward_sum, next_state, done))
            self.episode = []
        del self.rows[: -self.capacity]

    def sample(self, n):
        return [self.rows[i] for i in np.random.randint(len(self.rows), size=n)]  # <- PER001
""",
    "train.py": _TRAIN.format(arguments="10_000").replace(
        "from replay import Replay", "from memory import Memory as Replay"
    ),
}
_PRIORITISED = """from collections import deque
import numpy as np


class Prioritised:
    def __init__(self, size, n, gamma=0.99):
        self.rows, self.p, self.count = [None] * size, np.zeros(size), 0
        self.tail, self.n, self.size, self.gamma = deque(maxlen=n), n, size, gamma

    def push(self, state, action, reward, next_state, done):
        self.tail.append({"state": state, "action": action, "reward": reward})
        if len(self.tail) == self.n:
            self.store(next_state, done)
        while done and self.tail:
            self.store(next_state, done)
            self.tail.popleft()

    def store(self, next_state, done):
        reward, i = 0.0, len(self.tail) - 1
        while i >= 0:
            reward += self.tail[i]["reward"] + reward * self.gamma  # <- PER506
            i -= 1
        slot = self.count % self.size
        self.rows[slot] = (self.tail[0]["state"], self.tail[0]["action"], reward, next_state, done)
        self.p[slot] = self.p.max() or 1.0
        self.count += 1

    def sample(self, n, beta):
        filled = min(self.count, self.size)
        p = self.p[:filled] / self.p[:filled].sum()
        at = np.random.choice(filled, n, p=p)
        weights = (filled * p[at]) ** -beta
        return [self.rows[i] for i in at], at, weights / weights.max()

    def update(self, at, errors):
        self.p[at] = (np.abs(errors) + 1e-6) ** 0.6


def train(env, net, optimizer, steps):
    memory, state = Prioritised(20_000, 3), env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(net.act(state))
        memory.push(state, net.last, reward, next_state, done)
        state = env.reset() if done else next_state
        rows, at, weights = memory.sample(32, min(1.0, 0.4 + 0.6 * step / steps))
        errors = net.errors(rows)
        (weights * errors**2).mean().backward()
        optimizer.step()
        memory.update(at, errors.detach().numpy())
"""


class NStepRecursionWrong(Rule):
    """The recursion of a discounted sum adds to what it already holds, so that every reward counts several times.

    ## What it does

    Reports `R += r + gamma * R`, also written `R = R + r + gamma * R`, in a loop over rewards on their way into a
    replay buffer.

    ## Why is this bad

    The recursion of the return is R = r + gamma R. With `+=` it is R = r + (1 + gamma) R: the factor of later rewards
    is above 1, so that they count about twice as much with each step that they are away. Of five rewards of 1 the sum
    is 30.5 in place of 4.9, and the last one alone is counted 15.7 times.

    ## Known problems

    Only sums whose terms can be told apart as a reward and a discounted sum are judged.

    ## Example

    ```python
    for reward in reversed(rewards):
        total += reward + gamma * total
    ```

    ## Use instead

    ```python
    for reward in reversed(rewards):
        total = reward + gamma * total
    ```

    ## Fix safety

    Not rewritten automatically yet: the change is `=` for `+=`.

    ## References

    - Sutton and Barto 2018, Reinforcement Learning, equation 3.9: G_t = R_{t+1} + gamma G_{t+1}
    """

    code = "PER506"
    name = "n-step-recursion-wrong"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each recursion."""
        seen: set[ir.Node] = set()
        for buffer in graph.buffers:
            for function in windows.functions_near(graph, buffer):
                path = graph.project.module_of[function].path
                for node in ir.walk_scope(function.body):
                    if node not in seen and _doubles(graph, path, node):
                        seen.add(node)
                        yield self._finding(graph, buffer, path, node)

    def _finding(self, graph: ReplayGraph, buffer: ReplayBuffer, path: str, node: ir.Node) -> Finding:
        return self.finding(
            graph,
            path,
            node,
            f"`{graph.source(path, node)}` adds the discounted sum to the sum itself: later rewards count with powers "
            "of 1 + gamma in place of gamma",
            evidence=[
                graph.evidence(path, node, "recursion", "the sum is added to itself here"),
                *(
                    graph.evidence(store.path, store.node, "store", "transitions are stored here")
                    for store in buffer.stores[:1]
                ),
            ],
            fix=FixOffer(title="assign in place of adding"),
            pipeline=graph.name_of(buffer),
        )

    def witness(self) -> str:
        """Five rewards of 1."""
        import numpy as np

        gamma, right, wrong = 0.99, 0.0, 0.0
        for reward in np.ones(5):
            right = reward + gamma * right
            wrong += reward + gamma * wrong
        assert abs(right - (1 - gamma**5) / (1 - gamma)) < 1e-9
        assert wrong > 6 * right
        return f"return of five rewards of 1: {right:.1f} with `=`, {wrong:.1f} with `+=`"

    bad = (
        Example(
            "from the end of a deque", {"replay.py": _DEQUE, "train.py": _TRAIN.format(arguments="10_000, 3, 0.99")}
        ),
        Example("with a mask, a list, Keras", {"agent.py": _AGENT}),
        Example("written out, a helper of another file", _EPISODE),
        Example("a while loop, dictionaries, prioritised", {"prioritised.py": _PRIORITISED}),
        Example(
            "the discount first",
            {
                "replay.py": _DEQUE.replace("step[2] + self.gamma * reward_sum", "self.gamma * reward_sum + step[2]"),
                "train.py": _TRAIN.format(arguments="10_000, 3, 0.99"),
            },
        ),
        Example(
            "by position",
            {
                "replay.py": _DEQUE.replace(
                    "        for step in reversed(self.window):\n            reward_sum += step[2] +",
                    "        for i in range(len(self.window) - 1, -1, -1):\n            reward_sum += "
                    "self.window[i][2] +",
                ),
                "train.py": _TRAIN.format(arguments="10_000, 3, 0.99"),
            },
        ),
    )
    good = (
        Example(
            "assigned",
            {
                "replay.py": bad[0].plain["replay.py"].replace("reward_sum += ", "reward_sum = "),
                "train.py": bad[0].plain["train.py"],
            },
        ),
        Example(
            "powers that are added",
            {
                "replay.py": bad[0]
                .plain["replay.py"]
                .replace(
                    "        for step in reversed(self.window):\n"
                    "            reward_sum += step[2] + self.gamma * reward_sum\n",
                    "        for i, step in enumerate(self.window):\n"
                    "            reward_sum += step[2] * self.gamma**i\n",
                ),
                "train.py": bad[0].plain["train.py"],
            },
        ),
        Example("assigned, with a mask", {"agent.py": bad[1].plain["agent.py"].replace("reward += ", "reward = ")}),
        Example(
            "assigned, a helper of another file",
            {
                **bad[2].plain,
                "returns.py": bad[2].plain["returns.py"].replace("total_reward + reward +", "reward +"),
            },
        ),
        Example(
            "a mean that follows the rewards",
            {
                "agent.py": bad[1]
                .plain["agent.py"]
                .replace("reward += gain + 0.95 * reward * (1 - end)", "reward += 0.95 * (gain - reward)")
            },
        ),
        Example(
            "a score that adds up",
            {
                "prioritised.py": bad[3]
                .plain["prioritised.py"]
                .replace('reward += self.tail[i]["reward"] + reward * self.gamma', 'reward += self.tail[i]["reward"]')
            },
        ),
    )


def _doubles(graph: ReplayGraph, path: str, node: ir.Node) -> bool:
    """Whether a statement is `R += r + gamma * R` in a loop, in whatever order and spelling."""
    if isinstance(node, ir.Aug) and node.op == "+" and isinstance(node.target, ir.Name):
        name, addends = node.target.id, list(_addends(node.value))
    elif isinstance(node, ir.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ir.Name):
        name, addends = node.targets[0].id, list(_addends(node.value))
        itself = [a for a in addends if isinstance(a, ir.Name) and a.id == name]
        if len(itself) != 1:
            return False
        addends.remove(itself[0])
    else:
        return False
    again = [a for a in addends if _is_discounted(graph, path, a, name)]
    rest = [a for a in addends if a not in again]
    in_loop = any(isinstance(a, (ir.For, ir.While)) for a in graph.ancestors(path, node))
    return in_loop and len(again) == 1 and len(rest) == 1 and _is_reward(graph, rest[0])


def _addends(node: ir.Expr | None) -> Iterator[ir.Expr]:
    if isinstance(node, ir.Bin) and node.op == "+":
        yield from _addends(node.left)
        yield from _addends(node.right)
    elif node is not None:
        yield node


def _factors(node: ir.Expr) -> Iterator[ir.Expr]:
    if isinstance(node, ir.Bin) and node.op == "*":
        yield from _factors(node.left)
        yield from _factors(node.right)
    else:
        yield node


def _is_discounted(graph: ReplayGraph, path: str, node: ir.Expr, name: str) -> bool:
    """Whether an expression is the name times a discount."""
    factors = list(_factors(node))
    itself = [factor for factor in factors if isinstance(factor, ir.Name) and factor.id == name]
    discounts = [f for f in factors if bootstrap.is_discount(graph, graph.symbols.term(path, f))]
    return len(itself) == 1 and bool(discounts) and itself[0] not in discounts


def _is_reward(graph: ReplayGraph, node: ir.Expr) -> bool:
    """Whether an expression is a reward, by where it came from or by its name."""
    parts = [part for part in ir.walk(node) if isinstance(part, (ir.Name, ir.Attr, ir.Sub))]
    return any(bootstrap.role_at(graph, part) == REWARD for part in parts)
