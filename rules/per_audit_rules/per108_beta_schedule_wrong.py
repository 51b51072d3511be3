"""PER108 beta-schedule-wrong."""

from __future__ import annotations

from operator import add, mul, sub, truediv
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.findings import FixOffer, Severity
from per_audit.graph.memory.ways import times
from per_audit.graph.prioritised.beta.schedule import Beta, BetaWrite, is_never_asked_for, unbounded
from per_audit.graph.prioritised.priorities.whose import holder
from per_audit.graph.symbolic import Term, alternatives, strip
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from per_audit.findings import Finding
    from per_audit.graph import ReplayBuffer, ReplayGraph
    from per_audit.graph.prioritised.anatomy import Anatomy

# What each form of a wrong schedule does to beta.
_WRONG = {
    "compounding": "starts from its last value with a fraction that grows by itself: it is near 1 far too early",
    "falling": "falls with each step instead of rising to 1",
    "shrinking": "is multiplied by a number below 1 at each step: it falls towards 0 instead of rising to 1",
    "maximum": "is 1 or more from the first step on: the bound is a maximum where a minimum belongs",
    "held": "stays where it starts: the bound is its first value where 1 belongs",
    "unbounded": "grows without a bound: beyond 1 the weights overcorrect",
    "alpha": "is made from alpha, the exponent of the priorities",
}

_BEYOND = 1.01  # what the last turn of a loop may make of it, where as many as there are turns are divided by
_ARITHMETIC: dict[str, Callable[[float, float], float]] = {"add": add, "sub": sub, "mul": mul, "div": truediv}
_MEMORY = """import numpy as np


class Memory:
    def __init__(self, size, alpha=0.6, beta=0.4):
        self.rows, self.mass, self.size, self.at = [None] * size, np.zeros(size), size, 0
        self.alpha, self.beta = alpha, beta

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.mass[self.at] = 1.0
        self.at = (self.at + 1) % self.size

    def sample(self, n):
        p = self.mass / self.mass.sum()
        at = np.random.choice(self.size, n, p=p)
        w = (self.size * p[at]) ** -self.beta
        return [self.rows[i] for i in at], at, w / w.max()

    def update(self, at, errors):
        self.mass[at] = (np.abs(errors) + 1e-6) ** self.alpha
"""
_TRAIN = """from memory import Memory


def train(env, net, optimizer, steps):
    memory = Memory(100)
    state = env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(net.act(state))
        memory.push(state, 0, reward, next_state, done)
        state = next_state
        rows, at, w = memory.sample(32)
        error = net.errors(rows)
        (w * error**2).mean().backward()
        optimizer.step()
        memory.update(at, error.detach().numpy())
"""
_GIVEN = _MEMORY.replace("def sample(self, n):", "def sample(self, n, beta):").replace("-self.beta", "-beta")
_PAST_ONE = (
    _TRAIN.replace("for step in range(steps)", "for turn in range(400)")
    .replace("steps):", "games):")
    .replace("sample(32)", "sample(32, 0.4 + 0.01 * turn)  # <- PER108")
)
_LINEAR = """import numpy as np
from memory import Memory

THETA = np.zeros((4, 2))


def learn(rows, weights, rate=0.05):
    errors = np.zeros(len(rows))
    for k, (state, action, reward, next_state, end) in enumerate(rows):
        goal = reward if end else reward + 0.9 * (next_state @ THETA).max()
        errors[k] = goal - state @ THETA[:, action]
        THETA[:, action] += rate * weights[k] * errors[k] * state
    return errors


def run(env, steps):
    memory, state = Memory(256), env.reset()
    for _ in range(steps):
        next_state, reward, end, _ = env.step(int(np.argmax(state @ THETA)))
        memory.push(state, 0, reward, next_state, end)
        state = env.reset() if end else next_state
        rows, at, weights = memory.sample(16)
        memory.update(at, learn(rows, weights))
        memory.beta = max(0.0, memory.beta - 1e-4)  # <- PER108
"""
_COUNTED = """import gymnasium as gym
from memory import Memory
from nets import net, optimizer

EPISODES, FIRST = 500, 0.4
env, memory = gym.make("CartPole-v1"), Memory(100, beta=FIRST)
for part in range(5):
    for episode in range(int(EPISODES / 5)):
        memory.beta += (1.0 - FIRST) / EPISODES
        (state, _), over, cut = env.reset(), False, False
        while not over and not cut:
            next_state, reward, over, cut, _ = env.step(net.act(state))
            memory.push(state, 0, reward, next_state, over)
            state = next_state
            rows, at, w = memory.sample(32)
            error = net.errors(rows)
            (w * error**2).mean().backward()
            optimizer.step()
            memory.update(at, error.detach().numpy())
"""
_LOOP_END = "memory.update(at, error.detach().numpy())\n"


_LEFT = """from memory import Memory


def train(env, net, optimizer, target):
    memory, state = Memory(1000), env.reset()
    while True:
        next_state, reward, end, _ = env.step(net.act(state))
        memory.push(state, 0, reward, next_state, end)
        state = env.reset() if end else next_state
        rows, at, w = memory.sample(32)
        error = net.errors(rows, target)
        (w * error**2).mean().backward()
        optimizer.step()
        memory.update(at, error.detach().numpy())


train(make(), net(), optimizer(), net())
"""


class BetaScheduleWrong(Rule):
    """The schedule of beta does not raise it to 1 over the training: it compounds, falls, runs past 1 or jumps there.

    ## What it does

    Reports an assignment that changes beta and that is one of these:

    - `beta += fraction * (1 - beta)` with a fraction that grows by itself: each call starts from what the last one made
    - beta becomes smaller with each step: something is taken from it, or it is multiplied by a number below 1
    - `max(1, beta + step)` in place of `min`: beta is 1 or more from the first step on
    - `min(first, beta + step)` with the value that beta starts from in place of 1: beta stays there
    - beta grows without a bound, so that it passes 1
    - the next beta is made from alpha

    and an expression with a counter that is passed to the draw and falls, compounds, is never below 1
    or is above it in the last turn of its loop.

    ## Why is this bad

    A fraction of the training that is applied to the *last* beta compounds: after 5 % of 10,000 calls beta is 0.999
    in place of 0.43. Beyond 1 the weights overcorrect: rare transitions, which have the large weights, dominate the
    gradient, and the variance grows with every step.

    ## Known problems

    A fixed fraction, `beta += 0.01 * (1 - beta)`, approaches 1 slowly and is not reported. A bound is also seen in a
    test around the assignment and where the weights are computed. A step that is a share of what is left up to 1,
    `(1 - beta) / steps` or that as a number, is taken to be made as often as it says.

    ## Example

    ```python
    fraction = min(step / steps, 1.0)
    self.beta = self.beta + fraction * (1.0 - self.beta)
    ```

    ## Use instead

    ```python
    self.beta = self.first_beta + fraction * (1.0 - self.first_beta)
    ```

    ## Fix safety

    What compounds starts from the first beta instead, which the constructor keeps; a bound is turned round or put in.
    The weights change with it, so these fixes are unsafe. A beta that falls, or is made from alpha, is left: what it
    was meant to be is for a person to say.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, section 3.4, annealing the bias
    """

    code = "PER108"
    name = "beta-schedule-wrong"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each assignment to beta that leads elsewhere than to 1 at the end."""
        seen: set[ir.Node] = set()
        for buffer in graph.weighted:
            if graph.priorities(buffer).is_reference:
                continue
            anatomy = graph.anatomy(buffer)
            beta = Beta(graph, anatomy)
            for changed in beta.later_writes:
                if beta.is_of_another(changed) or is_never_asked_for(graph, buffer, changed.write.function):
                    continue
                wrong = _wrong(graph, anatomy, beta, changed)
                if wrong is not None and changed.write.node not in seen:
                    seen.update(ir.walk(changed.write.node))
                    yield self._finding(graph, buffer, changed.write.path, changed.write.node, wrong)
            for exponent in beta.exponents:
                for term in beta.passed(exponent):
                    wrong = _wrong_when_passed(beta, term)
                    if wrong is not None and term.node is not None and term.node not in seen:
                        seen.add(term.node)
                        yield self._finding(graph, buffer, term.path, term.node, wrong)

    def _finding(self, graph: ReplayGraph, buffer: ReplayBuffer, path: str, node: ir.Node, form: str) -> Finding:
        buffer = holder(graph, path, node, buffer)
        formulas = graph.anatomy(buffer).formulas
        return self.finding(
            graph,
            path,
            node,
            f"beta of {graph.name_of(buffer)} {_WRONG[form]}",
            evidence=[
                graph.evidence(path, node, "beta", "beta is changed here"),
                *(graph.evidence(f.path, f.node, "weights", "the weights are raised to it") for f in formulas),
            ],
            fix=FixOffer(title="raise beta linearly to 1 over the training"),
            pipeline=graph.name_of(buffer),
            form=form,
        )

    def witness(self) -> str:
        """Beta after a twentieth of the training, compounding and linear."""
        beta, steps = 0.4, 10_000
        for step in range(1, steps // 20 + 1):
            beta += step / steps * (1 - beta)
        linear = 0.4 + 0.6 / 20
        assert beta > 0.99
        assert linear < 0.45
        return f"after 5 % of the training beta is {beta:.3f} where it compounds, {linear:.2f} where it is linear"

    bad = (
        Example(
            "compounding, in the training loop",
            {
                "memory.py": _MEMORY,
                "train.py": _TRAIN.replace(
                    _LOOP_END,
                    _LOOP_END + "        done_part = min(step / steps, 1.0)\n"
                    "        memory.beta = memory.beta + done_part * (1.0 - memory.beta)  # <- PER108\n",
                ),
            },
        ),
        Example(
            "compounding, in a method of the memory",
            {
                "memory.py": _MEMORY
                + """
    def anneal(self, fraction):
        self.beta += (1.0 - self.beta) * fraction  # <- PER108
""",
                "train.py": _TRAIN.replace(_LOOP_END, _LOOP_END + "        memory.anneal(step / steps)\n"),
            },
        ),
        Example(
            "max for min",
            {
                "memory.py": _MEMORY.replace(
                    "        w = (",
                    "        self.beta = np.maximum(1.0, self.beta + self.rise)  # <- PER108\n        w = (",
                )
                .replace("alpha, beta\n", "alpha, beta\n        self.rise = rise\n")
                .replace("beta=0.4)", "beta=0.4, rise=1e-5)"),
                "train.py": _TRAIN.replace("Memory(100)", "Memory(100, rise=0.6 / steps)"),
            },
        ),
        Example(
            "no bound",
            {
                "memory.py": _MEMORY.replace("beta=0.4)", "beta=0.4, rise=1e-4)")
                .replace("alpha, beta\n", "alpha, beta\n        self.rise = rise\n")
                .replace(
                    "        self.mass[at] = (",
                    "        self.beta += self.rise  # <- PER108\n        self.mass[at] = (",
                ),
                "train.py": _TRAIN.replace("Memory(100)", "Memory(100, rise=1.0 / steps)"),
            },
        ),
        Example(
            "a share of the number that is left, in loops that go on for longer",
            {
                "memory.py": _MEMORY,
                "train.py": _COUNTED.replace("range(5)", "range(8)").replace(
                    "/ EPISODES\n", "/ EPISODES  # <- PER108\n"
                ),
            },
        ),
        Example(
            "falling, passed to the draw",
            {
                "memory.py": _MEMORY.replace("def sample(self, n):", "def sample(self, n, beta):").replace(
                    "-self.beta", "-beta"
                ),
                "train.py": _TRAIN.replace(
                    "memory.sample(32)", "memory.sample(32, max(0.4, 1.0 - step / steps))  # <- PER108"
                ),
            },
        ),
        Example(
            "made from alpha",
            {
                "memory.py": _MEMORY
                + """
    def step(self, rise):
        self.beta = min(1.0, self.alpha + rise)  # <- PER108
""",
                "train.py": _TRAIN.replace(_LOOP_END, _LOOP_END + "        memory.step(0.4 * step / steps)\n"),
            },
        ),
        Example(
            "falling, TensorFlow",
            {
                "agent.py": """import numpy as np
import tensorflow as tf


class Agent:
    def __init__(self, net, optimizer, steps):
        self.net, self.optimizer = net, optimizer
        self.rows, self.priority = [], []
        self.exponent, self.drop = 1.0, 0.6 / steps

    def remember(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))
        self.priority.append(1.0)
        if len(self.rows) > 5_000:
            del self.rows[0], self.priority[0]

    def learn(self):
        p = np.array(self.priority) / sum(self.priority)
        at = np.random.choice(len(self.rows), 32, p=p)
        w = (len(self.rows) * p[at]) ** -self.exponent
        self.exponent = max(0.4, self.exponent - self.drop)  # <- PER108
        with tf.GradientTape() as tape:
            errors = self.net.errors([self.rows[i] for i in at])
            loss = tf.reduce_mean(w / w.max() * tf.square(errors))
        self.optimizer.apply_gradients(zip(tape.gradient(loss, self.net.variables), self.net.variables))
        for i, error in zip(at, errors.numpy()):
            self.priority[i] = (abs(error) + 1e-3) ** 0.6
"""
            },
        ),
        Example("falling, NumPy learns in functions", {"memory.py": _MEMORY, "run.py": _LINEAR}),
        Example(
            "the bound is the first value",
            {
                "memory.py": _MEMORY.replace(
                    "        w = (", "        self.beta = min(0.4, self.beta + 1e-5)  # <- PER108\n        w = ("
                ),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "multiplied by a number below 1 before each draw",
            {
                "memory.py": _MEMORY.replace("        w = (", "        self.beta *= 0.999  # <- PER108\n        w = ("),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "falling before each draw, with a bound, by a setting",
            {
                "memory.py": _MEMORY.replace(
                    "        w = (", "        self.beta = max(0.0, self.beta * self.rate)  # <- PER108\n        w = ("
                ).replace("alpha, beta\n", "alpha, beta\n        self.rate = 0.9995\n"),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "compounding, in a loop whose progress is shown",
            {
                "memory.py": _MEMORY,
                "train.py": "from tqdm import tqdm\n\n"
                + _TRAIN.replace("in range(steps)", "in tqdm(range(steps))").replace(
                    _LOOP_END,
                    _LOOP_END + "        done_part = min(step / steps, 1.0)\n"
                    "        memory.beta = memory.beta + done_part * (1.0 - memory.beta)  # <- PER108\n",
                ),
            },
        ),
        Example(
            "compounding, in one of several agents that give their own beta to the draw",
            {
                "memory.py": _MEMORY.replace("sample(self, n)", "sample(self, n, beta)").replace("-self.beta", "-beta"),
                "agents.py": """from memory import Memory


class Agent:
    def __init__(self, net):
        self.net, self.memory, self.beta = net, Memory(100), 0.4

    def learn(self, optimizer):
        rows, at, w = self.memory.sample(32, self.beta)
        error = self.net.errors(rows)
        (w * error**2).mean().backward()
        optimizer.step()
        self.memory.update(at, error.detach().numpy())


class Compounding(Agent):
    def anneal(self, fraction):
        self.beta = self.beta + fraction * (1.0 - self.beta)  # <- PER108


class Straight(Agent):
    def anneal(self, fraction):
        self.beta = 0.4 + 0.6 * fraction
""",
                "train.py": """from agents import Compounding, Straight


def train(env, net, optimizer, steps, kind):
    agent = Compounding(net) if kind == "compounding" else Straight(net)
    state = env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(net.act(state))
        agent.memory.push(state, 0, reward, next_state, done)
        state = next_state
        agent.learn(optimizer)
        agent.anneal(min(step / steps, 1.0))
""",
            },
        ),
        Example("counted past 1 by a loop", {"memory.py": _GIVEN, "train.py": _PAST_ONE}),
        Example(
            "one less a share that grows in the loop",
            {
                "memory.py": _GIVEN,
                "train.py": _TRAIN.replace("    state =", "    share = 0.0\n    state =", 1)
                .replace("sample(32)", "sample(32, 1 - share)  # <- PER108")
                .replace("        memory.update", "        share = min(0.6, share + 1e-5)\n        memory.update"),
            },
        ),
        *(
            Example(
                f"from 1 to less in a straight line: `{line}`",
                {
                    "memory.py": _GIVEN,
                    "train.py": "import numpy as np\n"
                    + _TRAIN.replace("sample(32)", f"sample(32, {line})  # <- PER108"),
                },
            )
            for line in (
                "1.0 + min(step / steps, 1.0) * (0.4 - 1.0)",
                "np.interp(step, [0, steps], [1.0, 0.4])",
            )
        ),
    )
    good = (
        Example(
            "a method that the program never asks for",
            {
                "memory.py": _MEMORY + "\n    def rise(self, step):\n        self.beta += step\n",
                "train.py": _LEFT,
            },
        ),
        Example(
            "a method that the program never asks for, though another object has one of its name",
            {
                "memory.py": _MEMORY + "\n    def rise(self, step):\n        self.beta += step\n",
                "train.py": _LEFT,
                "lift.py": """from train import train


class Lift:
    def rise(self, step):
        self.floor = step

    def press(self):
        self.rise(1)
""",
            },
        ),
        Example(
            "linear, from the first value",
            {
                "memory.py": _MEMORY.replace("alpha, beta\n", "alpha, beta\n        self.first = beta\n")
                + """
    def anneal(self, fraction):
        self.beta = self.first + fraction * (1.0 - self.first)
""",
                "train.py": bad[1].plain["train.py"],
            },
        ),
        Example(
            "a step with a bound",
            {
                "memory.py": bad[2].plain["memory.py"].replace("np.maximum(1.0", "np.minimum(1.0"),
                "train.py": bad[2].plain["train.py"],
            },
        ),
        Example(
            "a share of what is left, at each step of the training",
            {
                "memory.py": bad[3]
                .plain["memory.py"]
                .replace("rise=1e-4)", "steps=1)")
                .replace("self.rise = rise", "self.rise = (1 - beta) / steps"),
                "train.py": bad[3].plain["train.py"].replace("rise=1.0 / steps", "steps=steps"),
            },
        ),
        Example(
            "a share of the number that is left, at each step of the training",
            {
                "memory.py": _MEMORY,
                "train.py": _TRAIN.replace(_LOOP_END, _LOOP_END + "        memory.beta += 0.6 / steps\n"),
            },
        ),
        Example(
            "a share of the number that is left, as often as the loops count",
            {"memory.py": _MEMORY, "train.py": _COUNTED},
        ),
        Example(
            "a bound in a test",
            {
                "memory.py": bad[3]
                .plain["memory.py"]
                .replace(
                    "        self.beta += self.rise", "        if self.beta < 1:\n            self.beta += self.rise"
                ),
                "train.py": bad[3].plain["train.py"],
            },
        ),
        Example(
            "a bound where the weights are computed",
            {
                "memory.py": bad[3].plain["memory.py"].replace("** -self.beta", "** -min(1.0, self.beta)"),
                "train.py": bad[3].plain["train.py"],
            },
        ),
        Example(
            "multiplied by a number above 1, with a bound",
            {
                "memory.py": _MEMORY.replace(
                    "        w = (", "        self.beta = min(1.0, self.beta * 1.0001)\n        w = ("
                ),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "an exponent that holds the sign",
            {
                "memory.py": _MEMORY.replace("** -self.beta", "** self.minus_beta")
                .replace(
                    "        return", "        self.minus_beta = max(-1.0, self.minus_beta - 1e-5)\n        return"
                )
                .replace("alpha, beta\n", "alpha, beta\n        self.minus_beta = -beta\n"),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "a small fixed fraction",
            {
                "memory.py": _MEMORY
                + """
    def anneal(self):
        self.beta += 0.0001 * (1.0 - self.beta)
""",
                "train.py": _TRAIN.replace(_LOOP_END, _LOOP_END + "        memory.anneal()\n"),
            },
        ),
        Example(
            "a schedule that goes from any value to any other",
            {
                "schedule.py": """class Linear:
    def __init__(self, first, last, steps):
        self.now, self.change = first, (first - last) / steps

    def step(self):
        self.now -= self.change
""",
                "memory.py": _MEMORY.replace("size, alpha=0.6, beta=0.4", "size, schedule, alpha=0.6")
                .replace("self.alpha, self.beta = alpha, beta", "self.alpha, self.schedule = alpha, schedule")
                .replace("-self.beta\n", "-self.schedule.now\n        self.schedule.step()\n"),
                "train.py": _TRAIN.replace("Memory(100)", "Memory(100, Linear(0.4, 1.0, steps))").replace(
                    "from memory", "from schedule import Linear\nfrom memory"
                ),
            },
        ),
        Example(
            "another kind of schedule than that of beta, for the exploration",
            {
                "schedules.py": """class Schedule:
    def __init__(self, first):
        self.now = first

    def step(self):
        raise NotImplementedError


class Linear(Schedule):
    def __init__(self, first, last, steps):
        super().__init__(first)
        self.last, self.change = last, (last - first) / steps

    def step(self):
        self.now = min(self.last, self.now + self.change)


class Exponential(Schedule):
    def __init__(self, first, rate):
        super().__init__(first)
        self.rate = rate

    def step(self):
        self.now *= self.rate
""",
                "memory.py": _MEMORY.replace("size, alpha=0.6, beta=0.4", "size, schedule, alpha=0.6")
                .replace("self.alpha, self.beta = alpha, beta", "self.alpha, self.schedule = alpha, schedule")
                .replace("-self.beta\n", "-self.schedule.now\n        self.schedule.step()\n"),
                "train.py": _TRAIN.replace("Memory(100)", "Memory(100, Linear(0.4, 1.0, steps))")
                .replace("from memory", "from schedules import Exponential, Linear\nfrom memory")
                .replace("    state = env.reset()\n", "    state, greed = env.reset(), Exponential(1.0, 0.99)\n")
                .replace("net.act(state)", "net.act(state, greed.now)")
                .replace("        optimizer.step()\n", "        optimizer.step()\n        greed.step()\n"),
            },
        ),
        Example(
            "set by the training loop, JAX",
            {
                "replay.py": """import jax
import jax.numpy as jnp


class Replay:
    def __init__(self, size):
        self.rows, self.mass, self.beta, self.at = [None] * size, [0.0] * size, 0.4, 0

    def add(self, obs, action, reward, next_obs, done):
        self.rows[self.at % len(self.rows)] = (obs, action, reward, next_obs, done)
        self.mass[self.at % len(self.rows)] = 1.0
        self.at += 1

    def sample(self, key, n):
        p = jnp.array(self.mass) / sum(self.mass)
        at = jax.random.choice(key, len(self.rows), (n,), p=p)
        w = (len(self.rows) * p[at]) ** -self.beta
        return [self.rows[int(i)] for i in at], at, w / w.max()

    def update(self, at, errors):
        for i, error in zip(at, errors):
            self.mass[int(i)] = (abs(float(error)) + 1e-5) ** 0.6
""",
                "train.py": """import jax
import jax.numpy as jnp
from replay import Replay


def train(env, params, net, keys, steps):
    replay = Replay(4096)
    obs = env.reset()
    for step, key in zip(range(steps), keys):
        next_obs, reward, done, _ = env.step(net.act(params, obs))
        replay.add(obs, 0, reward, next_obs, done)
        obs = next_obs
        replay.beta = jnp.clip(0.4 + 0.6 * step / steps, 0.4, 1.0)
        rows, at, w = replay.sample(key, 32)
        errors, pull = jax.vjp(lambda p: net.errors(p, rows), params)
        (gradient,) = pull(w * errors)
        params = jax.tree_util.tree_map(lambda p, g: p - 1e-3 * g, params, gradient)
        replay.update(at, errors)
""",
            },
        ),
        Example(
            "one less what decays with the draws, made by the draw itself",
            {
                "memory.py": _MEMORY.replace("alpha, beta\n", "alpha, beta\n        self.draws, self.rate = 0, 3e-3\n")
                .replace("** -self.beta", "** -self.schedule()")
                .replace(
                    "    def update(",
                    "    def schedule(self):\n        self.draws += 1\n"
                    "        return 1 - (1 - self.beta) * np.exp(-self.rate * self.draws)\n\n    def update(",
                ),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "one less an exploration that falls",
            {
                "memory.py": _MEMORY.replace("def sample(self, n):", "def sample(self, n, beta):").replace(
                    "** -self.beta", "** -beta"
                ),
                "train.py": """from memory import Memory


class Agent:
    def __init__(self, env, net, optimizer):
        self.env, self.net, self.optimizer, self.memory = env, net, optimizer, Memory(100)
        self.epsilon, self.decay, self.least = 1.0, 0.999, 0.05

    def learn(self):
        rows, at, w = self.memory.sample(32, 1.0 - (self.epsilon - self.least) / (1 - self.least))
        error = self.net.errors(rows)
        (w * error**2).mean().backward()
        self.optimizer.step()
        self.memory.update(at, error.detach().numpy())
        self.epsilon = self.epsilon * self.decay if self.epsilon > self.least else self.least

    def run(self, steps):
        state = self.env.reset()
        for _ in range(steps):
            next_state, reward, done, _ = self.env.step(self.net.act(state))
            self.memory.push(state, 0, reward, next_state, done)
            state = next_state
            self.learn()
""",
            },
        ),
        *(
            Example(
                f"counted up to 1 by a loop: {title}",
                {
                    "memory.py": _GIVEN,
                    "train.py": _PAST_ONE.replace("  # <- PER108", "").replace("0.4 + 0.01 * turn", beta),
                },
            )
            for title, beta in (
                ("as far as it goes", "0.4 + 0.6 * turn / 399"),
                ("over all of its turns", "0.4 + 0.6 * turn / 400"),
                ("as it is bounded", "min(1.0, 0.4 + 0.01 * turn)"),
                ("by a setting", "0.4 + net.rate * turn"),
            )
        ),
        Example(
            "of a beta that is 1 from the start nothing is left",
            {
                "memory.py": _MEMORY.replace("beta=0.4)", "beta=1.0)"),
                "train.py": bad[0].plain["train.py"].replace("  # <- PER108", ""),
            },
        ),
        *(
            Example(
                f"one less an exploration that falls in the loop: `{falls}`",
                {
                    "memory.py": _GIVEN,
                    "train.py": _TRAIN.replace("    state =", "    epsilon = 1.0\n    state =", 1)
                    .replace("sample(32)", "sample(32, 1 - epsilon)")
                    .replace("        memory.update", f"        {falls}\n        memory.update"),
                },
            )
            for falls in ("epsilon = max(0.0, epsilon - 1e-5)", "epsilon -= 1 / steps", "epsilon *= 0.999")
        ),
        *(
            Example(
                f"from less to 1 in a straight line: `{line}`",
                {
                    "memory.py": _GIVEN,
                    "train.py": "import numpy as np\n" + _TRAIN.replace("sample(32)", f"sample(32, {line})"),
                },
            )
            for line in (
                "0.4 + min(step / steps, 1.0) * (1.0 - 0.4)",
                "np.interp(step, [0, steps], [0.4, 1.0])",
                "1.0 + max(0.0, 1.0 - step / steps) * (0.4 - 1.0)",
                "np.interp(steps - step, [0, steps], [1.0, 0.4])",
            )
        ),
    )


def _wrong(graph: ReplayGraph, anatomy: Anatomy, beta: Beta, changed: BetaWrite) -> str | None:
    """The form of what is wrong with an assignment to beta, None where nothing is known to be wrong."""
    value = strip(changed.value)
    for option in alternatives(unbounded(value)):
        if option.op == "add" and _compounds(beta, option, changed.field):
            return "compounding"
        if option.op == "sub" and _falls(beta, option, changed.field):
            return "falling"
        if _shrinks(beta, option, changed.field):
            return "shrinking"
        if option.op == "add" and changed.field in option.args:
            if value.op in ("maximum", "max") and any((a.number or 0) >= 1 for a in value.args):
                return "maximum"
            if value.op in ("minimum", "min") and _is_held(beta, value, changed.field):
                return "held"
            rise = option.args[1] if option.args[0] == changed.field else option.args[0]
            free = value == option and not rise.contains(changed.field)
            ends = _is_shared_out(beta, rise, changed.field) or _is_counted_out(graph, beta, rise, changed)
            if free and not ends and not _is_bounded(graph, beta, changed):
                return "unbounded"
        elif option.op == "add" and any(arg in _alphas(anatomy) for arg in option.args):
            return "alpha"
    return None


def _wrong_when_passed(beta: Beta, term: Term) -> str | None:
    """The form of what is wrong with an expression that is the exponent itself."""
    if term.op in ("maximum", "max") and any((arg.number or 0) >= 1 for arg in term.args) and beta.counts(term):
        return "maximum"
    inner = unbounded(term)
    if inner.op == "sub" and inner.args[0].is_number and beta.rises(inner.args[1]):
        return "falling"
    if inner.op == "add" and _slopes_down(beta, inner):
        return "falling"
    if inner.op == "add" and inner.args[0].op == "loop" and _compounds(beta, inner, inner.args[0]):
        return "compounding"
    last = _at_the_end(beta, term) if term.op == "add" and beta.rises(term) else None
    return "unbounded" if last is not None and last > _BEYOND else None


def _slopes_down(beta: Beta, term: Term) -> bool:
    """`first + share * (last - first)` with a share that grows, of what is below 0: from the larger to the smaller."""
    for part in map(strip, term.args):
        factors = list(map(strip, part.args)) if part.op == "mul" and len(part.args) == 2 else []
        for share, slope in (factors, factors[::-1]) if factors else ():
            number = _at_the_end(beta, _by_default(beta, slope))
            if number is not None and number < 0 and beta.rises(share):
                return True
    return False


def _by_default(beta: Beta, term: Term) -> Term:
    """A term with the options of the command line in it as they are unless somebody gives them."""

    def change(part: Term) -> Term | None:
        declared = beta.symbols.default_of(part) if part.op == "external" else []
        return declared[0] if len(declared) == 1 else None

    return term.mapped(change)


def _at_the_end(beta: Beta, term: Term) -> float | None:
    """What an expression is in the last turn of the loops over ranges of numbers that it goes by; None: not known."""
    term = strip(term)
    options = {option.number for option in alternatives(beta.symbols.expanded(term))}
    if None not in options:
        return options.pop() if len(options) == 1 else None
    if term.op == "range" and 0 < len(term.args) < 3:  # of which it is an element
        end = _at_the_end(beta, term.args[-1])
        return None if end is None else end - 1
    parts = [_at_the_end(beta, part) for part in term.args] if term.op in _ARITHMETIC else []
    if len(parts) != 2 or parts[0] is None or parts[1] is None or (term.op == "div" and parts[1] == 0):
        return None
    return _ARITHMETIC[term.op](parts[0], parts[1])


def _compounds(beta: Beta, step: Term, field: Term) -> bool:
    """`beta + fraction * (1 - beta)` with a fraction that is no number."""
    last, rise = step.args if step.args[0] == field else reversed(step.args)
    rise = strip(rise)
    if last != field or rise.op not in ("mul", "div") or _is_at_end(beta, field):
        return False
    factors = [strip(arg) for arg in rise.args]
    rest = [f for f in factors if not (f.op == "sub" and f.args[0].number == 1 and f.args[1] == field)]
    return len(rest) == len(factors) - 1 and beta.literals(rest[0]) is None and beta.counts(rest[0])


def _is_at_end(beta: Beta, field: Term) -> bool:
    """Whether beta starts from 1, to which nothing of what is left is added."""
    first = _first_numbers(beta, field) if field.op == "field" else []
    return bool(first) and all(number == 1 for number in first)


def _is_held(beta: Beta, bounded: Term, field: Term) -> bool:
    """`min(first, beta + step)` with the number that beta starts from, or a smaller one."""
    bounds = [bound for arg in bounded.args if (bound := strip(arg).number) is not None]
    told = [beta.literals(value) for value, _, _ in beta.first_values(field)]
    first = [number.number or 0 for numbers in told for number in numbers or ()]
    return bool(bounds and first) and None not in told and 0 < min(bounds) <= min(first) < 1


def _falls(beta: Beta, step: Term, field: Term) -> bool:
    """`beta - step` with a step above 0."""
    return step.args[0] == field and _is_positive(beta, step.args[1]) and not _is_negative(beta, field)


def _shrinks(beta: Beta, step: Term, field: Term) -> bool:
    """`beta * rate` with a rate that is a number between 0 and 1."""
    if step.op != "mul" or field not in step.args or len(step.args) != 2:
        return False
    rates = alternatives(beta.symbols.expanded(step.args[0 if step.args[1] == field else 1]))
    return all(0 < (strip(rate).number or 0) < 1 for rate in rates) and not _is_negative(beta, field)


def _is_negative(beta: Beta, field: Term) -> bool:
    """Whether an attribute starts below zero: beta with its sign, which falls to -1."""
    first = [strip(value) for value, _, _ in beta.first_values(field)]
    return any(value.op == "neg" or (value.number or 0) < 0 for value in first)


def _is_positive(beta: Beta, step: Term) -> bool:
    """Whether a step is made of settings and positive numbers alone: a difference may be of either sign."""
    parts = list(beta.symbols.expanded(step).walk())
    return not any(part.op in ("sub", "neg", "unknown", "call") or (part.number or 0) < 0 for part in parts)


def _is_counted_out(graph: ReplayGraph, beta: Beta, rise: Term, changed: BetaWrite) -> bool:
    """Whether a step that is a number is made so few times, by loops that count, that beta ends at 1 or before it."""
    steps = [strip(option).number for option in alternatives(beta.symbols.expanded(rise))]
    first = _first_numbers(beta, changed.field)
    if not first or None in (*steps, *first) or (made := times(graph, changed.write.path, changed.write.node)) is None:
        return False
    return max(number or 0 for number in first) + made * max(step or 0 for step in steps) < 1 + 1e-6


def _first_numbers(beta: Beta, field: Term) -> list[float | None]:
    """The numbers that beta may start from, None for each that cannot be read."""
    given = (beta.symbols.expanded(value) for value, _, _ in beta.first_values(field))
    return [strip(option).number for value in given for option in alternatives(value)]


def _is_shared_out(beta: Beta, rise: Term, field: Term) -> bool:
    """Whether a step is a share of what is left up to 1, which ends there: `(1 - beta) / steps`, `0.6 / steps`."""
    first = _first_numbers(beta, field)
    for option in alternatives(beta.symbols.expanded(rise)):
        share = strip(option)
        if share.op != "div":
            return False
        above, below = map(strip, share.args)
        is_rest = above.op == "sub" and 0 < (above.args[0].number or 0) <= 1
        is_number = above.number is not None and not below.is_number and bool(first)
        if not is_rest and not (is_number and all(n is not None and n + (above.number or 0) < 1 + 1e-9 for n in first)):
            return False
    return True


def _is_bounded(graph: ReplayGraph, beta: Beta, changed: BetaWrite) -> bool:
    """Whether a test around the assignment, another assignment, or the use of beta keeps it from passing 1."""
    name = changed.field.data[1]
    for around in graph.ancestors(changed.write.path, changed.write.node):
        test = around.test if isinstance(around, (ir.If, ir.While, ir.IfExp)) else None
        if test is not None and any(getattr(n, "attr", getattr(n, "id", None)) == name for n in ir.walk(test)):
            return True
    others = (w.value for w in beta.later_writes if w.field == changed.field and w.write.node is not changed.write.node)
    if any(value.op in ("minimum", "clip", "min") or value.is_number for value in others):
        return True
    return not any(changed.field in alternatives(exponent) for exponent in beta.exponents)


def _alphas(anatomy: Anatomy) -> set[Term]:
    """The attributes that priorities are raised to."""
    found: set[Term] = set()
    for write in anatomy.writes:
        found |= {p.args[1] for p in write.value.walk() if p.op == "pow" and p.args[1].op == "field"}
    return found - {f for e in Beta(anatomy.graph, anatomy).exponents for f in e.walk()}
