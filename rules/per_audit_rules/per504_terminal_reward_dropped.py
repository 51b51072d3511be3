"""PER504 terminal-reward-dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.findings import FixOffer, Severity
from per_audit.graph.definitions import Definitions
from per_audit.graph.episodes import bootstrap, endings
from per_audit.graph.interpret.roles import NEXT, REWARD, words
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.findings import Finding
    from per_audit.graph import ReplayBuffer, ReplayGraph
    from per_audit.graph.episodes.bootstrap import BootstrapTarget

_PADDING = {"mask", "masks", "padding", "valid", "t", "batch", "b"}
_TIMES = {"mul", "multiply"}
_SAME = {"detach", "float", "to", "cpu", "numpy", "view", "reshape", "unsqueeze", "squeeze", "astype", "flatten"}

_DQN = """import random
from collections import deque
import torch
import torch.nn.functional as F


class Agent:
    def __init__(self, net, target_net, optimizer):
        self.net, self.target_net, self.optimizer = net, target_net, optimizer
        self.memory, self.gamma = deque(maxlen=10_000), 0.99

    def remember(self, state, action, reward, next_state, done):
        self.memory.append((state, action, reward, next_state, done))

    def learn(self):
        batch = random.sample(self.memory, 64)  # <- PER001
        states, actions, rewards, next_states, dones = map(torch.as_tensor, zip(*batch))
        with torch.no_grad():
            best = self.target_net(next_states).max(1).values
            target = rewards + self.gamma * best
            target[dones] = 0.0  # <- PER504
        q = self.net(states).gather(1, actions[:, None]).squeeze(1)
        loss = F.mse_loss(q, target)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
"""
_KERAS = {
    "memory.py": """import numpy as np


class Memory:
    def __init__(self, capacity, width):
        self.states, self.later = np.zeros((capacity, width)), np.zeros((capacity, width))
        self.actions, self.rewards = np.zeros(capacity, int), np.zeros(capacity)
        self.ends = np.zeros(capacity)
        self.capacity, self.count = capacity, 0

    def add(self, state, action, reward, next_state, terminated):
        i = self.count % self.capacity
        self.states[i], self.later[i] = state, next_state
        self.actions[i], self.rewards[i], self.ends[i] = action, reward, terminated
        self.count += 1

    def sample(self, n):
        at = np.random.randint(0, min(self.count, self.capacity), n)  # <- PER001
        return self.states[at], self.actions[at], self.rewards[at], self.later[at], self.ends[at]
""",
    "train.py": """import numpy as np
from memory import Memory


def improve(model, memory, gamma):
    states, actions, rewards, next_states, terminated = memory.sample(32)
    goals = model.predict(states)
    following = np.amax(model.predict(next_states), axis=1)
    goals[np.arange(32), actions] = (rewards + gamma * following) * (1 - terminated)  # <- PER504
    model.fit(states, goals, verbose=0)


def train(env, model, steps):
    memory, state = Memory(50_000, 4), env.reset()
    for _ in range(steps):
        action = int(np.argmax(model.predict(state[None])[0]))
        next_state, reward, terminated, truncated, _ = env.step(action)
        memory.add(state, action, reward, next_state, terminated)
        state = env.reset() if terminated or truncated else next_state
        improve(model, memory, 0.99)
""",
}
_ROWS = """import random


class Agent:
    def __init__(self, model, size=2000):
        self.model, self.size, self.items = model, size, []

    def observe(self, s, a, r, s2, done):
        self.items.append((s, a, r, s2, done))
        if len(self.items) > self.size:
            self.items.pop(0)

    def replay(self, n):
        for s, a, r, s2, done in random.sample(self.items, n):  # <- PER001
            goal = self.model.predict(s)
            if done:
                goal[0][a] = 0  # <- PER504
            else:
                goal[0][a] = r + 0.95 * max(self.model.predict(s2)[0])
            self.model.fit(s, goal, epochs=1, verbose=0)
"""
_LINEAR = """import numpy as np


class Learner:
    def __init__(self, width, actions, capacity=500):
        self.theta, self.capacity = np.zeros((width, actions)), capacity
        self.rows, self.priorities = [], np.zeros(capacity)

    def add(self, phi, action, reward, next_phi, terminal):
        if len(self.rows) == self.capacity:
            self.rows.pop(0)
            self.priorities = np.roll(self.priorities, -1)
        self.rows.append((phi, action, reward, next_phi, terminal))
        self.priorities[len(self.rows) - 1] = max(self.priorities.max(), 1.0)

    def learn(self, beta, rate=0.05, gamma=0.9):
        n = len(self.rows)
        p = self.priorities[:n] / self.priorities[:n].sum()
        at = np.random.choice(n, 16, p=p)
        weights = (n * p[at]) ** -beta
        phi, action, reward, next_phi, terminal = (np.array(c) for c in zip(*[self.rows[i] for i in at]))
        target = reward + gamma * np.max(next_phi @ self.theta, axis=1)
        target *= 1 - terminal  # <- PER504
        error = target - (phi @ self.theta)[np.arange(16), action]
        np.add.at(self.theta.T, action, rate * (weights * error)[:, None] * phi)
        self.priorities[at] = np.abs(error) + 1e-3
"""
_TWINS = {
    "replay.py": """import numpy as np
import torch


class Replay:
    def __init__(self, capacity, obs_size, act_size):
        self.obs = np.zeros((capacity, obs_size), np.float32)
        self.next_obs = np.zeros((capacity, obs_size), np.float32)
        self.act = np.zeros((capacity, act_size), np.float32)
        self.rew = np.zeros(capacity, np.float32)
        self.done = np.zeros(capacity, np.float32)
        self.at, self.size, self.capacity = 0, 0, capacity

    def store(self, obs, act, rew, next_obs, done):
        self.obs[self.at], self.act[self.at], self.rew[self.at] = obs, act, rew
        self.next_obs[self.at], self.done[self.at] = next_obs, done
        self.at = (self.at + 1) % self.capacity
        self.size = min(self.size + 1, self.capacity)

    def sample(self, n):
        rows = np.random.randint(0, self.size, size=n)  # <- PER001
        batch = dict(obs=self.obs[rows], act=self.act[rows], rew=self.rew[rows], next_obs=self.next_obs[rows],
                     done=self.done[rows])
        return {k: torch.as_tensor(v) for k, v in batch.items()}
""",
    "td3.py": """import torch


class TD3:
    def __init__(self, actor, critic1, critic2, optimizer, replay, gamma=0.99):
        self.actor, self.critic1, self.critic2, self.optimizer = actor, critic1, critic2, optimizer
        self.replay, self.gamma = replay, gamma

    def update(self, n):
        data = self.replay.sample(n)
        obs, act, rew, next_obs, done = (data[k] for k in ("obs", "act", "rew", "next_obs", "done"))
        with torch.no_grad():
            next_act = self.actor(next_obs)
            q_next = torch.min(self.critic1(next_obs, next_act), self.critic2(next_obs, next_act))
            backup = torch.where(done.bool(), torch.zeros_like(rew), rew + self.gamma * q_next)  # <- PER504
        loss = ((self.critic1(obs, act) - backup) ** 2).mean() + ((self.critic2(obs, act) - backup) ** 2).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
""",
    "main.py": """from replay import Replay
from td3 import TD3


def main(env, actor, critic1, critic2, optimizer):
    replay = Replay(100_000, 3, 1)
    agent = TD3(actor, critic1, critic2, optimizer, replay)
    obs = env.reset()
    for step in range(10_000):
        act = actor.act(obs)
        next_obs, rew, done, _ = env.step(act)
        replay.store(obs, act, rew, next_obs, done)
        obs = env.reset() if done else next_obs
        agent.update(64)
""",
}
_SCALAR = """import random
import numpy as np


def learn(theta, rows, gamma=0.9, rate=0.1):
    for state, action, reward, next_state, finished in random.choices(rows, k=16):  # <- PER001
        goal = 0.0 if finished else reward + gamma * np.max(theta @ next_state)  # <- PER504
        theta[action] += rate * (goal - theta[action] @ state) * state


def run(env, theta, steps):
    rows, state = [], env.reset()
    for _ in range(steps):
        action = int(np.argmax(theta @ state))
        next_state, reward, finished, _ = env.step(action)
        rows.append((state, action, reward, next_state, finished))
        del rows[:-500]
        state = env.reset() if finished else next_state
        learn(theta, rows)
"""


class TerminalRewardDropped(Rule):
    """The whole target of the last transition of an episode is set to zero, its reward included.

    ## What it does

    Reports a bootstrap target, `reward + discount * value of the next state`, that is multiplied by `1 - done`, or set
    to 0 where an episode has ended, after the reward was added.

    ## Why is this bad

    Only the value of what follows is zero at the end of an episode. The reward of the last step is what many tasks are
    about, the goal that was reached or the fall: with it dropped, the last step of every episode is worth nothing, and
    nothing of it is passed back to the steps before. In tasks whose other rewards are zero nothing is learnt at all.

    ## Known problems

    Targets are judged in which nothing but this takes the end of the episode into account. Names such as `mask` are
    taken for padding and not judged. Where the last reward is always 0 the two are the same.

    ## Example

    ```python
    target = (reward + gamma * next_value) * (1 - terminated)
    ```

    ## Use instead

    ```python
    target = reward + gamma * next_value * (1 - terminated)
    ```

    ## Fix safety

    Never applied by itself: what the agent learns changes.

    ## References

    - Mnih et al. 2015, Human-level control through deep reinforcement learning, Algorithm 1: y = r for terminal states
    - Sutton and Barto 2018, Reinforcement Learning, section 6.5: the value of the terminal state is 0
    """

    code = "PER504"
    name = "terminal-reward-dropped"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each place where a target loses its reward."""
        definitions = Definitions(graph)
        seen: set[ir.Node] = set()
        for buffer in graph.buffers:
            for target in bootstrap.targets(graph, buffer):
                if not bootstrap.is_open(graph, target):
                    continue
                for node in _zeroed(graph, definitions, target):
                    if node not in seen:
                        seen.add(node)
                        yield self._finding(graph, buffer, target, node)

    def _finding(self, graph: ReplayGraph, buffer: ReplayBuffer, target: BootstrapTarget, node: ir.Node) -> Finding:
        path = target.path
        return self.finding(
            graph,
            path,
            node,
            f"`{graph.source(path, node)}` makes the whole target 0 at the end of an episode: the reward of the last "
            "step is lost",
            evidence=[
                graph.evidence(path, node, "zeroed", "the target is 0 here where an episode has ended"),
                graph.evidence(path, target.node, "target", "the reward is already a part of the target"),
            ],
            fix=FixOffer(title="multiply the next value alone by 1 - terminated"),
            pipeline=graph.name_of(buffer),
        )

    def witness(self) -> str:
        """Three steps to a goal that is worth 1, learnt with the mask on the next value and with it on the target."""
        gamma, found = 0.9, []
        for on_target in (False, True):
            values = [0.0, 0.0, 0.0]
            for _ in range(100):
                for state in range(3):
                    end = state == 2
                    ahead = 0.0 if end else gamma * values[state + 1]
                    values[state] = 0.0 if end and on_target else float(end) + ahead
            found.append(values[0])
        assert abs(found[0] - 0.81) < 1e-9
        assert found[1] == 0
        return (
            f"value of the first state: {found[0]:.2f} with the next value masked, {found[1]:.2f} with the whole target"
        )

    bad = (
        Example("set to zero by index, PyTorch", {"dqn.py": _DQN}),
        Example("a product with the sum, Keras, two files", _KERAS),
        Example("a branch for the last transition", {"agent.py": _ROWS}),
        Example("multiplied in place, a prioritised buffer, NumPy", {"linear.py": _LINEAR}),
        Example("where, two critics, three files", _TWINS),
        Example("a conditional expression, linear values", {"linear_q.py": _SCALAR}),
        Example(
            "multiplied later, under another name",
            {
                "dqn.py": _DQN.replace(
                    "            target[dones] = 0.0  # <- PER504\n",
                    "        alive = 1 - dones.float()\n        goal = target * (1 - dones.float())  # <- PER504\n",
                ).replace("mse_loss(q, target)", "mse_loss(q, goal)")
            },
        ),
        Example(
            "a product by the library's function",
            {
                "dqn.py": _DQN.replace(
                    "            target[dones] = 0.0  # <- PER504\n",
                    "        goal = torch.mul(target, 1 - dones.float())  # <- PER504\n",
                ).replace("mse_loss(q, target)", "mse_loss(q, goal)")
            },
        ),
        Example(
            "a product by the method of a tensor, of what is cut off first",
            {
                "dqn.py": _DQN.replace("            target[dones] = 0.0  # <- PER504\n", "").replace(
                    "mse_loss(q, target)", "mse_loss(q, target.detach().mul(1 - dones.float()))  # <- PER504"
                )
            },
        ),
        Example(
            "a coin decides which of two networks learns from the other",
            {
                "dqn.py": _DQN.replace(
                    "            target[dones] = 0.0  # <- PER504\n",
                    "        goal = target * (1 - dones.float())  # <- PER504\n",
                )
                .replace("mse_loss(q, target)", "mse_loss(q, goal)")
                .replace(
                    "            best = ",
                    "            later = self.net\n            if random.random() < 0.5:\n"
                    "                later = self.target_net\n            best = ",
                )
                .replace("best = self.target_net(", "best = later(")
            },
        ),
    )
    good = (
        Example(
            "the reward is added again where an episode has ended",
            {
                "dqn.py": _DQN.replace("            target[dones] = 0.0  # <- PER504\n", "").replace(
                    "target = rewards + self.gamma * best",
                    "target = (rewards + self.gamma * best) * (1 - dones) + rewards * dones",
                )
            },
        ),
        Example(
            "a target of terminal states alone",
            {k: v.replace("target[dones] = 0.0", "target[~dones] = 0.0") for k, v in bad[0].plain.items()},
        ),
        Example(
            "the next value set to zero by index",
            {
                "dqn.py": bad[0]
                .plain["dqn.py"]
                .replace("            target[dones] = 0.0\n", "")
                .replace("            target =", "            best[dones] = 0.0\n            target =")
            },
        ),
        Example(
            "the next value is multiplied, two files",
            {
                "memory.py": bad[1].plain["memory.py"],
                "train.py": bad[1]
                .plain["train.py"]
                .replace(
                    "(rewards + gamma * following) * (1 - terminated)", "rewards + gamma * following * (1 - terminated)"
                ),
            },
        ),
        Example(
            "the reward in the branch for the last transition",
            {"agent.py": bad[2].plain["agent.py"].replace("goal[0][a] = 0\n", "goal[0][a] = r\n")},
        ),
        Example(
            "the error of padded steps is masked",
            {
                "linear.py": bad[3]
                .plain["linear.py"]
                .replace("        target *= 1 - terminal\n", "")
                .replace(
                    "gamma * np.max(next_phi @ self.theta, axis=1)",
                    "gamma * (1 - terminal) * np.max(next_phi @ self.theta, axis=1)",
                )
                .replace("weights * error", "weights * (1 - terminal) * error")
            },
        ),
        Example(
            "the target of padded steps is masked",
            {
                "dqn.py": bad[0]
                .plain["dqn.py"]
                .replace("target[dones] = 0.0", "target = target * mask")
                .replace(
                    "best = self.target_net(next_states).max(1).values",
                    "mask, best = dones, self.target_net(next_states).max(1).values",
                )
                .replace("dones", "lengths")
            },
        ),
        Example(
            "the target of the last transition is the reward",
            {"linear_q.py": bad[5].plain["linear_q.py"].replace("0.0 if finished", "reward if finished")},
        ),
        Example(
            "the end is worth -1, Keras, two files",
            {
                "memory.py": bad[1].plain["memory.py"],
                "train.py": bad[1].plain["train.py"].replace("* (1 - terminated)", "* (1 - terminated) - terminated"),
            },
        ),
        Example(
            "set to the reward by index",
            {"dqn.py": bad[0].plain["dqn.py"].replace("target[dones] = 0.0", "target[dones] = rewards[dones]")},
        ),
        Example(
            "the reward is added to the product again, by the library's functions",
            {
                "dqn.py": _DQN.replace(
                    "            target[dones] = 0.0  # <- PER504\n",
                    "        goal = torch.mul(target, 1 - dones.float()).add(rewards * dones.float())\n",
                ).replace("mse_loss(q, target)", "mse_loss(q, goal)")
            },
        ),
        Example(
            "the next value alone is multiplied, by the library's function",
            {
                "dqn.py": _DQN.replace("            target[dones] = 0.0  # <- PER504\n", "").replace(
                    "self.gamma * best", "torch.mul(self.gamma * best, 1 - dones.float())"
                )
            },
        ),
    )


def _zeroed(graph: ReplayGraph, definitions: Definitions, target: BootstrapTarget) -> Iterator[ir.Node]:
    """Where a target becomes 0 at the end of an episode: around it, or later, where its name is used."""
    masked, here = _masked(graph, target.path, target.node)
    if masked is not None:
        yield masked
    elif here is not None:
        made = graph.statement(target.path, here)
        yield from _later(graph, definitions, target, here, made)


def _masked(graph: ReplayGraph, path: str, value: ir.Expr) -> tuple[ir.Expr | None, ir.Expr | None]:
    """What makes a value 0 at the end of an episode, or else the whole of its statement that is still that value."""
    here = value
    for around in graph.ancestors(path, value):
        if isinstance(around, ir.Stmt):
            return None, here
        if isinstance(around, ir.Expr):
            if _masks(graph, around, here):
                return (None if _is_summand(graph, path, around) else around), None
            if not _keeps(around, here):
                break
            here = around
    return None, None


def _later(
    graph: ReplayGraph, definitions: Definitions, target: BootstrapTarget, value: ir.Expr, made: ir.Stmt
) -> Iterator[ir.Node]:
    """Where what a statement assigns becomes 0 at the end of an episode."""
    path = target.path
    if not isinstance(made, ir.Assign) or made.value is not value or len(made.targets) != 1:
        return
    name = graph.source(path, made.targets[0], 500)
    body = target.function.body if isinstance(target.function, ir.Function) else graph.module(path).body
    for node in ir.walk_scope(body):
        if isinstance(node, ir.If) and any(_is_ended(graph, part) for part in ir.walk(node.test)):
            other = node.body if _within(made, node.orelse) else node.body if node.start > made.end else []
            zeroed = [s for s in other if isinstance(s, ir.Assign) and _sets_zero(s)]
            yield from (s for s in zeroed if graph.source(path, s.targets[0], 500) == name)
        elif node.start < made.end:
            continue
        elif isinstance(node, ir.Aug) and node.op == "*" and graph.source(path, node.target, 500) == name:
            if _tells_end(graph, node.value):
                yield node
        elif isinstance(node, ir.Assign) and _sets_zero(node) and isinstance(node.targets[0], ir.Sub):
            held, index = node.targets[0].value, node.targets[0].index
            turned = any(isinstance(part, ir.Un) for part in ir.walk(index))  # `~done`: not the end
            if not turned and _tells_end(graph, index) and _is_value(definitions, held, path, value):
                yield node
        elif isinstance(node, ir.Name) and _is_value(definitions, node, path, value):
            masked, _ = _masked(graph, path, node)
            if masked is not None:
                yield masked


def _is_summand(graph: ReplayGraph, path: str, product: ir.Expr) -> bool:
    """Whether something is added to the product, as in `target * (1 - done) + reward * done`: it stays at the end.

    So does what the end takes off, as in `target * (1 - done) - done`, by which it is worth -1.
    """
    around = next((a for a in graph.ancestors(path, product) if isinstance(a, (ir.Expr, ir.Stmt))), None)
    if isinstance(around, (ir.Call, ir.Attr)):
        return ir.last_name(around.func if isinstance(around, ir.Call) else around) == "add"
    if not isinstance(around, ir.Bin):
        return False
    return around.op == "+" or (around.op == "-" and around.left is product and _tells_end(graph, around.right))


def _is_value(definitions: Definitions, node: ir.Expr, path: str, value: ir.Expr) -> bool:
    """Whether a name holds a value and nothing else."""
    if not isinstance(node, ir.Name):
        return False
    return [found for found, _ in definitions.reaching(node, path).values] == [value]


def _within(node: ir.Node, block: list[ir.Stmt]) -> bool:
    return any(s.start <= node.start < s.end for s in block)


def _sets_zero(node: ir.Node) -> bool:
    return (
        isinstance(node, ir.Assign)
        and len(node.targets) == 1
        and isinstance(node.value, ir.Const)
        and not isinstance(node.value.value, bool)
        and node.value.value == 0
    )


def _keeps(around: ir.Expr, inner: ir.Expr) -> bool:
    """Whether an expression around another is the same value in another form."""
    if isinstance(around, ir.Attr):
        return around.attr in _SAME or around.attr in _TIMES
    return (
        isinstance(around, ir.Call)
        and isinstance(around.func, ir.Attr)
        and around.func.value is not inner
        and (around.func.attr in _SAME)
    )


def _masks(graph: ReplayGraph, around: ir.Expr, inner: ir.Expr) -> bool:
    """Whether an expression is 0 in place of another where an episode has ended."""
    if isinstance(around, ir.Bin) and around.op == "*":
        return _tells_end(graph, around.left if around.right is inner else around.right)
    if isinstance(around, ir.Call) and ir.last_name(around.func) in _TIMES:
        factors = [around.func] * (inner is around.func) + [arg.value for arg in around.args]
        return len(factors) == 2 and inner in factors and all(f is inner or _tells_end(graph, f) for f in factors)
    if isinstance(around, ir.IfExp) and inner is not around.test:
        other = around.orelse if inner is around.body else around.body
        return _tells_end(graph, around.test) and isinstance(other, ir.Const) and other.value == 0
    if isinstance(around, ir.Call) and isinstance(around.func, ir.Attr) and around.func.attr == "where":
        plain = [arg.value for arg in around.args]
        if len(plain) == 3 and inner in plain[1:]:
            other = plain[2] if inner is plain[1] else plain[1]
            return _tells_end(graph, plain[0]) and _is_zero(other)
    return False


def _is_zero(node: ir.Expr) -> bool:
    if isinstance(node, ir.Call):
        name = ir.last_name(node.func)
        is_number = len(node.args) == 1 and isinstance(node.args[0].value, ir.Const) and node.args[0].value.value == 0
        return name in ("zeros", "zeros_like") or is_number
    return isinstance(node, ir.Const) and not isinstance(node.value, bool) and node.value == 0


def _tells_end(graph: ReplayGraph, node: ir.Expr) -> bool:
    """Whether an expression is made of what tells the end of an episode, and of nothing else that was stored."""
    parts = [part for part in ir.walk(node) if isinstance(part, (ir.Name, ir.Attr, ir.Sub))]
    roles = {bootstrap.role_at(graph, part) for part in parts}
    return not roles & {REWARD, NEXT} and any(_is_ended(graph, part) for part in parts)


def _is_ended(graph: ReplayGraph, node: ir.Node) -> bool:
    if not endings.is_end(graph, node):
        return False
    name = node.id if isinstance(node, ir.Name) else node.attr if isinstance(node, ir.Attr) else ""
    return not name or not set(words(name)) <= _PADDING
