"""PER107 beta-budget-hardcoded."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.findings import FixOffer, Severity
from per_audit.graph.liveness.frequency.rhythm import rhythm_of
from per_audit.graph.prioritised.beta.schedule import Beta, is_never_asked_for, unbounded
from per_audit.graph.prioritised.priorities.priorities import UNSEEN
from per_audit.graph.prioritised.priorities.whose import holder
from per_audit.graph.symbolic import Term, alternatives, strip
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.findings import Finding
    from per_audit.graph import ReplayBuffer, ReplayGraph

_FAR = 2  # times too early or too late

_MEMORY = """import numpy as np


class Memory:
    def __init__(self, size, beta=0.4):
        self.rows, self.mass, self.size, self.at = [None] * size, np.zeros(size), size, 0
        self.beta = beta

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.mass[self.at] = 1.0
        self.at = (self.at + 1) % self.size

    def sample(self, n):
        p = self.mass / self.mass.sum()
        at = np.random.choice(self.size, n, p=p)
        self.beta = min(1.0, self.beta + 0.001)  # <- PER107
        w = (self.size * p[at]) ** -self.beta
        return [self.rows[i] for i in at], at, w / w.max()

    def update(self, at, errors):
        self.mass[at] = (np.abs(errors) + 1e-6) ** 0.6
"""
_PASSED = (
    _MEMORY.replace("def sample(self, n):", "def sample(self, n, beta):")
    .replace("        self.beta = min(1.0, self.beta + 0.001)  # <- PER107\n", "")
    .replace("-self.beta", "-beta")
)
_TRAIN = """from memory import Memory


def train(env, net, optimizer, steps=200_000):
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
_GIVEN = (
    _MEMORY.replace("        self.beta = min(1.0, self.beta + 0.001)  # <- PER107\n", "")
    .replace("def sample(self, n):", "def sample(self, n, beta):")
    .replace("-self.beta", "-beta")
)
_SCHEDULE = """class Linear:
    def __init__(self, over, last, first=1.0):
        self.over, self.last, self.first = over, last, first

    def at(self, step):
        share = min(float(step) / self.over, 1.0)%s
        return self.first + share * (self.last - self.first)
"""
_SCHEDULED = (
    _TRAIN.replace("import Memory", "import Memory\nfrom schedule import Linear")
    .replace("    state = env", "    betas = Linear(1000, first=0.4, last=1.0)\n    state = env", 1)
    .replace("sample(32)", "sample(32, betas.at(step))")
)
_STEPPED = (
    _MEMORY.replace("size, beta=0.4", "size, beta=0.4, step=0.001")
    .replace("self.beta = beta", "self.beta, self.step = beta, step")
    .replace("self.beta + 0.001", "self.beta + self.step")
)
_TWICE = (
    _TRAIN
    + """

def train_long(env, net, optimizer, steps=5_000_000):
    memory = Memory(100, step=0.6 / steps)
    for step in range(steps):
        memory.push(*env.transition(net))
        rows, at, w = memory.sample(32)
        error = net.errors(rows)
        (w * error**2).mean().backward()
        optimizer.step()
        memory.update(at, error.detach().numpy())
"""
)
_SHARED = _MEMORY.replace("sample(self, n)", "sample(self, n, count, last)").replace(
    "min(1.0, self.beta + 0.001)", "min(1.0, 0.4 + 0.6 * count / last)"
)
_KEEPER = """from memory import Memory


class Agent:
    def __init__(self, net, optimizer):
        self.net, self.optimizer, self.memory = net, optimizer, Memory(100)
        self.count = 0
        self.last = 5000

    def remember(self, state, action, reward, next_state, done):
        self.memory.push(state, action, reward, next_state, done)
        self.count += 1

    def learn(self):
        rows, at, w = self.memory.sample(32, self.count, self.last)
        error = self.net.errors(rows)
        (w * error**2).mean().backward()
        self.optimizer.step()
        self.memory.update(at, error.detach().numpy())
"""
_KEPT = """from agent import Agent


def train(env, net, optimizer):
    agent, state = Agent(net, optimizer), env.reset()
    while True:
        next_state, reward, done, _ = env.step(net.act(state))
        agent.remember(state, 0, reward, next_state, done)
        state = next_state
        agent.learn()
"""
_INTERPOLATED = """import argparse

import numpy as np
from memory import Memory

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=500_000)
args = parser.parse_args()


def train(env, net, optimizer):
    memory = Memory(100)
    state = env.reset()
    for step in range(args.steps):
        next_state, reward, done, _ = env.step(net.act(state))
        memory.push(state, 0, reward, next_state, done)
        state = next_state
        rows, at, w = memory.sample(32, np.interp(step, [0, 2000], [0.4, 1.0]))  # <- PER107
        error = net.errors(rows)
        (w * error**2).mean().backward()
        optimizer.step()
        memory.update(at, error.detach().numpy())
"""


class BetaBudgetHardcoded(Rule):
    """Beta reaches 1 after a number of draws that is written into the code, however long the training is.

    ## What it does

    Reports a step of beta that is a number of its own, and a schedule over a number of draws that nobody passes in. A
    schedule over a number that the training script passes is reported only where the length of its loop can be read
    and is more than twice as long or short.

    ## Why is this bad

    With a step of 0.001 beta is 1 after 600 batches. In a training of a million steps that is the first tenth of a
    percent: the weights correct fully while the values still move, and take the speed of prioritised replay away. In
    a training of 300 batches beta never gets there.

    ## Known problems

    The number may have been chosen for the one training that the project runs. The finding says after how many draws
    beta is 1, so that this can be told. A share of what is left, `beta + (1 - beta) / 1000`, only comes near to 1 and
    is not reported. Where no loss is seen to take the weights the finding is a hint and says so; so it is where the
    number is a default of what nothing is seen to call, since settings may tell another one.

    ## Example

    ```python
    self.beta = min(1.0, self.beta + 0.001)
    ```

    ## Use instead

    ```python
    self.beta = LinearSchedule(0.4, 1.0, steps=training_steps)
    ```

    ## Fix safety

    The number of draws in a training is needed: the fix is only made where the loops around the draw tell it and none
    of them may end sooner. The constructor gets a parameter for it, which every construction passes; that the loops
    were read rightly is what makes it unsafe.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, section 3.4: "reaches 1 only at the end of
      learning"
    """

    code = "PER107"
    name = "beta-budget-hardcoded"
    severity = Severity.WARNING
    of_runs = True

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each statement or schedule that raises beta by a number of its own."""
        seen: set[ir.Node] = set()
        for buffer in graph.weighted:
            if graph.priorities(buffer).is_reference:
                continue
            beta = Beta(graph, graph.anatomy(buffer))
            steps = [*_steps(beta), *_steps_in_loops(beta)]
            for node, path, numbers, count in [*steps, *_schedules(beta)]:
                function = graph.symbols.function_of(path, node)
                is_still = bool(numbers) and all(number.number == 0 for number in numbers)  # until a setting is given
                if node not in seen and not (is_still or is_never_asked_for(graph, buffer, function)):
                    seen.add(node)
                    own = holder(graph, path, node, buffer)
                    drawing = graph.reachable(own.function, 2)
                    after = _after(count, "draws" if function in drawing else "of its steps")
                    if function not in drawing and any(node is step for step, *_ in steps):
                        pace = str(rhythm_of(graph, path, node))
                        after += f", made {pace}" if pace else ""
                    yield self._finding(graph, own, node, path, numbers, after)

    def _finding(
        self,
        graph: ReplayGraph,
        buffer: ReplayBuffer,
        node: ir.Node,
        path: str,
        numbers: list[Term],
        after: str,
    ) -> Finding:
        links = [graph.evidence(path, node, "beta", "beta is raised here")]
        links += [
            graph.evidence(number.path, number.node, "number", "by this number, whatever the length of the training")
            for number in numbers
            if number.node is not None and number.path
        ]
        is_seen = graph.priorities(buffer).weights_used()
        is_open = any(_is_left_open(graph, number) for number in numbers)
        is_told = is_open or any(_is_told_by_others(graph, number) for number in numbers)
        finding = self.finding(
            graph,
            path,
            node,
            f"beta of {graph.name_of(buffer)} reaches 1 {after}{', unless told otherwise' if is_told else ''}, however "
            f"long the training is{'' if is_seen else UNSEEN}",
            evidence=links,
            confidence="medium",
            fix=FixOffer(title="raise beta to 1 over the training"),
            pipeline=graph.name_of(buffer),
        )
        return finding if is_seen and not is_open else replace(finding, severity=Severity.INFO)

    def witness(self) -> str:
        """How far the training is when beta gets to 1."""
        beta, draws = 0.4, 0
        while beta < 1:
            beta, draws = min(1.0, beta + 0.001), draws + 1
        assert 599 <= draws <= 601
        return f"with a step of 0.001 beta is 1 after {draws} draws: {draws / 1e6:.2%} of a million training steps"

    bad = (
        Example("a number in the draw", {"memory.py": _MEMORY, "train.py": _TRAIN}),
        Example(
            "an attribute of the class",
            {
                "memory.py": _MEMORY.replace("class Memory:\n", "class Memory:\n    step = 0.0005\n\n").replace(
                    "self.beta + 0.001", "self.beta + self.step"
                ),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "a schedule over a default that nobody passes",
            {
                "memory.py": _MEMORY.replace("size, beta=0.4", "size, beta=0.4, anneal_over=100_000")
                .replace("self.beta = beta", "self.beta, self.anneal_over, self.draws = beta, anneal_over, 0")
                .replace(
                    "self.beta = min(1.0, self.beta + 0.001)  # <- PER107\n",
                    "self.draws += 1\n"
                    "        beta = min(1.0, self.beta + self.draws * (1 - self.beta) / self.anneal_over)"
                    "  # <- PER107\n",
                )
                .replace("-self.beta", "-beta"),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "a loop of the script that is ten times as long",
            {
                "memory.py": _MEMORY.replace("def sample(self, n):", "def sample(self, n, beta):")
                .replace("        self.beta = min(1.0, self.beta + 0.001)  # <- PER107\n", "")
                .replace("-self.beta", "-beta"),
                "train.py": _TRAIN.replace("range(steps)", "range(10_000)").replace(
                    "memory.sample(32)",
                    "memory.sample(32, min(1.0, 0.4 + step * (1.0 - 0.4) / 1_000))  # <- PER107",
                ),
            },
        ),
        Example(
            "an attribute that follows a count of draws",
            {
                "memory.py": _MEMORY.replace("size, beta=0.4", "size, beta=0.4, over=20_000")
                .replace("self.beta = beta", "self.beta, self.first, self.over, self.draws = beta, beta, over, 0")
                .replace(
                    "        self.beta = min(1.0, self.beta + 0.001)  # <- PER107\n",
                    "        share = self.draws / self.over  # <- PER107\n"
                    "        self.beta = min(1.0, self.first + share * (1 - self.first))\n"
                    "        self.draws += 1\n",
                ),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "attributes of the class, the bound one of them",
            {
                "memory.py": _MEMORY.replace(
                    "class Memory:\n", "class Memory:\n    step = 0.0005\n    last = 1.0\n\n"
                ).replace("min(1.0, self.beta + 0.001)", "np.min([self.last, self.beta + self.step])"),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "a slope over a default that nobody passes, made once",
            {
                "memory.py": _MEMORY.replace("size, beta=0.4", "size, beta=0.4, anneal_over=100_000")
                .replace(
                    "self.beta = beta",
                    "self.first, self.slope, self.draws = beta, (1 - beta) / anneal_over, 0",
                )
                .replace(
                    "self.beta = min(1.0, self.beta + 0.001)  # <- PER107\n",
                    "self.draws += 1\n        beta = min(1.0, self.first + self.draws * self.slope)  # <- PER107\n",
                )
                .replace("-self.beta", "-beta"),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "a number that a schedule is given, far shorter than the loop",
            {"memory.py": _GIVEN, "train.py": _SCHEDULED, "schedule.py": _SCHEDULE % "  # <- PER107"},
        ),
        Example(
            "points that numbers lie between, far nearer than the steps that the command line has by default",
            {"memory.py": _GIVEN, "train.py": _INTERPOLATED},
        ),
        Example(
            "a step of a variable of the loop",
            {
                "memory.py": _PASSED,
                "train.py": _TRAIN.replace("    for step in", "    beta = 0.4\n    for step in").replace(
                    "        rows, at, w = memory.sample(32)",
                    "        beta = min(1.0, beta + STEP)  # <- PER107\n        rows, at, w = memory.sample(32, beta)",
                )
                + "\n\nSTEP = 0.001\n",
            },
        ),
        Example(
            "a step of a variable after the draw, in a loop inside another one",
            {
                "memory.py": _PASSED,
                "train.py": """from memory import Memory


def train(env, net, optimizer, episodes):
    memory, beta = Memory(100), 0.4
    for _ in range(episodes):
        state, done = env.reset(), False
        while not done:
            next_state, reward, done, _ = env.step(net.act(state))
            memory.push(state, 0, reward, next_state, done)
            state = next_state
            rows, at, w = memory.sample(32, min(1.0, beta))
            beta += 0.0001  # <- PER107
            error = net.errors(rows)
            (w * error**2).mean().backward()
            optimizer.step()
            memory.update(at, error.detach().numpy())
""",
            },
        ),
        Example("a step that some who make a memory leave at its default", {"memory.py": _STEPPED, "train.py": _TWICE}),
        Example(
            "a length that the agent keeps for the draw alone",
            {"memory.py": _SHARED, "agent.py": _KEEPER, "train.py": _KEPT},
        ),
    )
    good = (
        Example(
            "a share of the steps that the loop goes through, by a default that nobody changes",
            {
                "memory.py": _MEMORY.replace("        self.beta = min(1.0, self.beta + 0.001)  # <- PER107\n", ""),
                "train.py": _TRAIN.replace("range(steps):\n", "range(1, steps + 1):\n").replace(
                    "        rows, at, w =",
                    "        memory.beta = min(1.0, memory.beta + (1 - 0.4) / (steps - 100))\n        rows, at, w =",
                ),
            },
        ),
        Example(
            "a quotient by a number below 1 is no share of a length",
            {
                "memory.py": _MEMORY.replace(
                    "self.beta = min(1.0, self.beta + 0.001)  # <- PER107", "self.beta = min(1.0, self.beta / 0.99999)"
                ),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "a step once in each episode, over the episodes that are played",
            {
                "memory.py": _MEMORY.replace("        self.beta = min(1.0, self.beta + 0.001)  # <- PER107\n", ""),
                "train.py": """from memory import Memory

EPISODES = 80


def train(env, net, optimizer):
    memory = Memory(100)
    for episode in range(EPISODES):
        memory.beta = min(1.0, memory.beta + 0.9 / EPISODES)
        state, done = env.reset(), False
        while not done:
            next_state, reward, done, _ = env.step(net.act(state))
            memory.push(state, 0, reward, next_state, done)
            state = next_state
            rows, at, w = memory.sample(32)
            error = net.errors(rows)
            (w * error**2).mean().backward()
            optimizer.step()
            memory.update(at, error.detach().numpy())
""",
            },
        ),
        Example(
            "a step from the length of the training",
            {
                "memory.py": _MEMORY.replace("  # <- PER107", "")
                .replace("size, beta=0.4", "size, steps, beta=0.4")
                .replace("self.beta = beta", "self.beta, self.step = beta, (1 - beta) / steps")
                .replace("self.beta + 0.001", "self.beta + self.step"),
                "train.py": _TRAIN.replace("Memory(100)", "Memory(100, steps)"),
            },
        ),
        Example(
            "a schedule of the script, over its own loop",
            {
                "memory.py": bad[3].plain["memory.py"],
                "train.py": bad[3].plain["train.py"].replace("/ 1_000", "/ 10_000"),
            },
        ),
        Example(
            "a schedule of the memory, over the episodes of the script's loop that it is given",
            {
                "memory.py": _MEMORY.replace("def sample(self, n):", "def sample(self, n, episode):").replace(
                    "self.beta = min(1.0, self.beta + 0.001)  # <- PER107",
                    "self.beta = 0.4 + min(episode / 500, 1.0) * (1.0 - 0.4)",
                ),
                "train.py": _TRAIN.replace("range(steps)", "range(EPISODES)")
                .replace("memory.sample(32)", "memory.sample(32, step)")
                .replace("def train", "EPISODES = 500\n\n\ndef train"),
            },
        ),
        Example(
            "a step from the number of episodes that the agent plays",
            {
                "memory.py": _MEMORY.replace("        self.beta = min(1.0, self.beta + 0.001)  # <- PER107\n", ""),
                "agent.py": """from memory import Memory


class Agent:
    def __init__(self, env, net, optimizer):
        self.env, self.net, self.optimizer = env, net, optimizer
        self.episodes = 2000
        self.memory, self.step = Memory(100), (1.0 - 0.4) / self.episodes

    def learn(self):
        rows, at, w = self.memory.sample(32)
        error = self.net.errors(rows)
        (w * error**2).mean().backward()
        self.optimizer.step()
        self.memory.update(at, error.detach().numpy())

    def play(self):
        for episode in range(self.episodes):
            state, done = self.env.reset(), False
            while not done:
                next_state, reward, done, _ = self.env.step(self.net.act(state))
                self.memory.push(state, 0, reward, next_state, done)
                state = next_state
                self.learn()
            if self.memory.beta < 1.0:
                self.memory.beta += self.step
""",
            },
        ),
        Example(
            "a stand-in for None that the script never lets in",
            {
                "memory.py": _MEMORY.replace("def sample(self, n):", "def sample(self, n, beta=None):")
                .replace("-self.beta", "-beta")
                .replace(
                    "        self.beta = min(1.0, self.beta + 0.001)  # <- PER107\n",
                    "        if beta is None:\n"
                    "            self.beta = min(1.0, self.beta + 0.001)\n"
                    "            beta = self.beta\n",
                ),
                "train.py": _TRAIN.replace("sample(32)", "sample(32, min(1.0, 0.4 + 0.6 * step / steps))"),
            },
        ),
        Example(
            "a beta that the script sets to 1 from the start",
            {
                "memory.py": _MEMORY.replace("  # <- PER107", ""),
                "train.py": _TRAIN.replace("Memory(100)", "Memory(100, beta=1.0)"),
            },
        ),
        Example(
            "a number that the script passes",
            {
                "memory.py": bad[2].plain["memory.py"],
                "train.py": _TRAIN.replace("Memory(100)", "Memory(100, anneal_over=200_000)"),
            },
        ),
        Example(
            "a budget from the command line",
            {
                "memory.py": bad[2].plain["memory.py"],
                "train.py": _TRAIN.replace("Memory(100)", "Memory(100, anneal_over=arguments.steps)").replace(
                    "optimizer, steps=200_000", "optimizer, arguments, steps=200_000"
                ),
            },
        ),
        Example(
            "weights that the draw keeps to itself, in a memory of which a registry makes one",
            {
                "memory.py": _MEMORY.replace("  # <- PER107", "").replace(
                    "        return [self.rows[i] for i in at], at, w / w.max()\n",
                    "        w /= w.max()\n        return [self.rows[i] for i in at], at\n",
                ),
                "train.py": _TRAIN.replace("from memory import Memory", "from registry import find")
                .replace("Memory(100)", 'find("memory", "Memory")(100)')
                .replace("rows, at, w =", "rows, at =")
                .replace("(w * error**2)", "(error**2)"),
            },
        ),
        Example(
            "a share of what is left up to 1, which is less at each draw and never all of it",
            {
                "memory.py": _MEMORY.replace(
                    "self.beta + 0.001)  # <- PER107", "self.beta + (1 - self.beta) / 1_000)\n        beta = self.beta"
                ).replace("-self.beta", "-beta"),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "a slope over the steps of the training, made once",
            {
                "memory.py": _MEMORY.replace("size, beta=0.4", "size, steps, beta=0.4")
                .replace("self.beta = beta", "self.first, self.slope, self.draws = beta, (1 - beta) / steps, 0")
                .replace(
                    "self.beta = min(1.0, self.beta + 0.001)  # <- PER107\n",
                    "self.draws += 1\n        beta = min(1.0, self.first + self.draws * self.slope)\n",
                )
                .replace("-self.beta", "-beta"),
                "train.py": _TRAIN.replace("Memory(100)", "Memory(100, steps)"),
            },
        ),
        *(
            Example(
                f"a number that a schedule is given: {title}",
                {"memory.py": _GIVEN, "train.py": _SCHEDULED.replace(*change), "schedule.py": _SCHEDULE % ""},
            )
            for title, change in (
                ("as long as the loop", ("1000, ", "200_000, ")),
                ("for a loop whose length is not known", ("steps=200_000", "steps")),
                ("that of the loop", ("1000, ", "steps, ")),
            )
        ),
        Example(
            "points as far apart as the command line tells that there are steps",
            {
                "memory.py": _GIVEN,
                "train.py": _INTERPOLATED.replace("  # <- PER107", "").replace("[0, 2000]", "[0, args.steps]"),
            },
        ),
        Example(
            "a variable of the loop that gets to 1 as the loop ends",
            {
                "memory.py": _PASSED,
                "train.py": _TRAIN.replace(
                    "    for step in range(steps)", "    beta = 0.4\n    for step in range(700)"
                ).replace("memory.sample(32)", "memory.sample(32, beta)\n        beta = min(1.0, beta + 0.001)"),
            },
        ),
        Example(
            "a variable of the loop with a step from the length of the training",
            {
                "memory.py": _PASSED,
                "train.py": _TRAIN.replace("    for step in", "    beta = 0.4\n    for step in").replace(
                    "memory.sample(32)", "memory.sample(32, beta)\n        beta = min(1.0, beta + 0.6 / steps)"
                ),
            },
        ),
        Example(
            "a variable that each episode begins anew",
            {
                "memory.py": _PASSED,
                "train.py": _TRAIN.replace(
                    "    for step in", "    while True:\n      beta = 0.4\n      for step in"
                ).replace("memory.sample(32)", "memory.sample(32, beta)\n        beta = min(1.0, beta + 0.001)"),
            },
        ),
        Example(
            "a step that all who make a memory give",
            {
                "memory.py": _STEPPED.replace("  # <- PER107", ""),
                "train.py": _TWICE.replace("Memory(100)", "Memory(100, step=0.6 / steps)"),
            },
        ),
        Example(
            "a length that the agent keeps, and that its loop ends at",
            {
                "memory.py": _SHARED.replace("  # <- PER107", ""),
                "agent.py": _KEEPER,
                "train.py": _KEPT.replace("while True", "while agent.count < agent.last"),
            },
        ),
    )


Found = tuple["ir.Node", str, list[Term], "float | None"]


def _is_left_open(graph: ReplayGraph, number: Term) -> bool:
    """Whether a number is the default of a parameter of a function that is called out of sight, if at all."""
    function, _ = _defaulted(graph, number)
    return function is not None and not graph.callers.get(function)


def _is_told_by_others(graph: ReplayGraph, number: Term) -> bool:
    """Whether a number is the default of a parameter that some callers leave at it, and others do not."""
    function, name = _defaulted(graph, number)
    calls = graph.symbols.calls_of.get(function, ()) if function is not None else ()
    return any(name in graph.symbols.arguments(call, function, path) for call, _, path in calls if function is not None)


def _defaulted(graph: ReplayGraph, number: Term) -> tuple[ir.Function | None, str]:
    """The function of which a number is the default of a parameter, and the name of that."""
    around = iter(graph.ancestors(number.path, number.node)) if number.node is not None and number.path else iter(())
    parameter = next((node for node in around if isinstance(node, ir.Parameter)), None)
    if parameter is None:
        return None, ""
    return next((node for node in around if isinstance(node, ir.Function)), None), parameter.name


def _after(count: float | None, what: str) -> str:
    """When beta is 1, in words."""
    number = f"a number of {what.removeprefix('of ')} written into the code"
    return f"after {number if count is None else f'{count:,.0f} {what}'}"


def _steps(beta: Beta) -> Iterable[Found]:
    """The assignments that add a number to beta: statement, file, numbers, draws until 1."""
    for changed in beta.later_writes:
        for option in alternatives(unbounded(changed.value)):
            if option.op != "add" or changed.field not in option.args:
                continue
            step_term = option.args[1] if option.args[0] == changed.field else option.args[0]
            numbers = beta.literals(step_term)
            if numbers is None or _is_shared_out(beta.graph, changed.write.path, changed.write.node, step_term):
                continue
            step = numbers[0].number if len(numbers) == 1 else None
            built = (beta.symbols.expanded(value) for value, _, _ in beta.first_values(changed.field))
            first = [number for value in built for part in alternatives(value) if (number := part.number) is not None]
            if first and min(first) >= 1:
                continue
            count = (1 - min(first)) / step if step and step > 0 and first else None
            rounds = _rounds(beta.graph, changed.write.path, changed.write.node) if count is not None else None
            if count is None or rounds is None or not count / _FAR <= rounds <= count * _FAR:
                yield changed.write.node, changed.write.path, numbers, count


def _steps_in_loops(beta: Beta) -> Iterable[Found]:
    """The steps of a beta that a loop of the caller keeps in a variable, from a number on: as above."""
    for exponent in beta.exponents:
        passed = [unbounded(option) for option in beta.passed(exponent)] if exponent.op == "param" else []
        raised = [(each.args, each.node, each.path) for each in passed if each.op == "add"]
        for sides, node, path in [*raised, *(found for each in passed for found in _raised_later(beta.graph, each))]:
            for kept, step in zip(sides, sides[::-1], strict=True):
                first, numbers = _before_loops(beta.graph, kept, path), beta.literals(step)
                if node is None or first is None or numbers is None or len(numbers) != 1:
                    continue
                made = numbers[0].number or 0.0
                count = (1 - first) / made if made > 0 else 0.0
                rounds = _rounds(beta.graph, path, node)
                if count > 1 and (rounds is None or not count / _FAR <= rounds <= count * _FAR):
                    yield node, path, numbers, count


def _raised_later(graph: ReplayGraph, kept: Term) -> Iterable[tuple[tuple[Term, ...], ir.Node | None, str]]:
    """Where a loop adds to a variable of its own after the use of it: the sides of the sum, and its place."""
    loop, name = kept.data if kept.op == "loop" else (None, "")
    path = graph.path_of(loop.body[0]) if isinstance(loop, (ir.For, ir.While)) else None
    if loop is None or path is None:
        return
    for part in ir.walk_scope(loop.body):
        if isinstance(part, ir.Aug) and part.op == "+" and getattr(part.target, "id", "") == name:
            yield (kept, graph.symbols.term(path, part.value)), part, path
        if isinstance(part, ir.Assign) and part.value is not None and getattr(part.targets[0], "id", "") == name:
            value = unbounded(graph.symbols.term(path, part.value))
            if value.op == "add":
                yield value.args, part, path


def _before_loops(graph: ReplayGraph, term: Term, path: str) -> float | None:
    """The number that a variable has before the loops that change it, where no other loop begins it anew."""
    loop: ir.Node | None = None
    while term.op == "loop" and isinstance(term.data[1], str):
        loop, term = term.data[0], strip(term.args[0])
    is_begun_once = loop is not None and next(graph.loops_around(path, loop), None) is None
    return term.number if is_begun_once else None


def _is_shared_out(graph: ReplayGraph, path: str, node: ir.Node, step: Term) -> bool:
    """Whether a step is a share of a setting that also says how long the loop around it is."""
    shared = {setting for part in step.walk() if part.op == "div" for setting in _settings(part.args[1])}
    loops = (around for around in graph.ancestors(path, node) if isinstance(around, ir.For))
    return any(not shared.isdisjoint(_settings(graph.symbols.term(path, loop.iter))) for loop in loops)


def _settings(term: Term) -> set[Term]:
    """What a term is made of that is given: `config["steps"]` rather than the whole configuration."""
    if term.op in ("param", "field", "global", "external", "item"):
        return {term}
    return {setting for part in term.args for setting in _settings(part)}


def _schedules(beta: Beta) -> Iterable[Found]:
    """The exponents that grow with a counter over a number of draws: expression, file, number, draws until 1."""
    for option, passed in _grown(beta):
        for part, counter, length_told in _shares(beta, option):
            if part.node is None or not _is_counter(beta, counter):
                continue
            own = beta.literals(length_told)
            numbers = own or beta.literals(length_told, told=True)
            if numbers is None or len(numbers) != 1:
                continue
            draws = numbers[0].number or 0
            if draws <= 1:
                continue  # no length: `beta / 0.99` grows by a factor
            counters = (counter, *beta.passed(counter))  # what a method is given counts where it is made
            length = next((found for each in counters if (found := _length(beta.graph, each)) is not None), None)
            far = length is not None and not draws / _FAR <= length <= draws * _FAR
            if far or (own and not passed and length is None):
                yield part.node, part.path, numbers, _draws(beta, counters, draws)


def _draws(beta: Beta, counters: Iterable[Term], length: float) -> float | None:
    """How many draws a length is, by what each adds to the attribute that counts; None where that is not known."""
    fields = {part for counter in counters for part in counter.walk() if part.op == "field"}
    steps = {
        strip(other).number or beta.symbols.expanded(other).number
        for field in fields
        for value, write, _ in beta.symbols.written(field)
        if write is not None and value.op == "add" and field in value.args
        for other in value.args
        if other != field
    }
    step = steps.pop() if len(steps) == 1 else None if steps else 1
    return length / step if step is not None and step > 0 else None


def _shares(beta: Beta, exponent: Term) -> Iterable[tuple[Term, Term, Term]]:
    """The parts of an exponent that are a share of a length: the part, what it counts, and the length.

    `count / length`, and `count * self.slope` where that was made as `(1 - first) / length`.
    """
    for part in exponent.walk():
        if part.op == "div":
            yield part, part.args[0], part.args[1]
        if part.op != "mul" or len(part.args) != 2:
            continue
        for slope, counter in (part.args, part.args[::-1]):
            made = [strip(each) for each in beta.symbols.options(slope)] if slope.op == "field" else []
            if len(made) == 1 and made[0].op == "div" and made[0].args[0].op == "sub":
                yield part, counter, made[0].args[1]


def _is_counter(beta: Beta, term: Term) -> bool:
    """Whether a term grows with the draws, other than by beta: a share of what is left up to 1 never gets there."""
    changed = {write.field for write in beta.later_writes}
    factors = term.args if term.op == "mul" else (term,)
    rest = {f for f in factors if f.op == "sub" and strip(f.args[1]) in changed}
    return any(beta.counts(factor) for factor in factors if factor not in rest)


def _grown(beta: Beta) -> Iterable[tuple[Term, bool]]:
    """What beta is at a draw, and whether that comes from outside of the buffer."""
    for exponent in beta.exponents:
        for option in beta.passed(exponent):
            yield option, exponent.op == "param"
    for changed in beta.later_writes:
        if not changed.value.contains(changed.field):
            function = changed.write.function
            own = function is not None and beta.graph.project.class_of.get(function) in beta.anatomy.parts
            yield changed.value, not own


def _rounds(graph: ReplayGraph, path: str, node: ir.Node, depth: int = 2) -> float | None:
    """How often loops over ranges of numbers go through a node, up to the one place that its function is called at."""
    rounds: float | None = None
    for around in graph.ancestors(path, node):
        if isinstance(around, ir.While):
            return None
        if isinstance(around, ir.For):
            length = _end(graph, graph.symbols.term(path, around.iter))
            if length is None:
                return None
            rounds = (rounds or 1) * length
        if isinstance(around, ir.Function):
            sites = graph.callers.get(around, ())
            if len(sites) != 1 or not depth:
                return rounds
            outer = _rounds(graph, sites[0].path, sites[0].node, depth - 1)
            return outer if rounds is None else rounds * (outer or 1)
    return rounds


def _length(graph: ReplayGraph, term: Term) -> float | None:
    """How long the loop is whose variable is in the term, where that is a number."""
    for part in term.walk():
        if part.op == "range":
            return _end(graph, part)
    return None


def _end(graph: ReplayGraph, term: Term) -> float | None:
    """Where a range ends, where that is a number, by default at least; one more than a number is taken for that."""
    if term.op != "range" or not term.args:
        return None
    end = term.args[1] if len(term.args) > 1 else term.args[0]
    end = end.args[0] if end.op == "add" and end.args[1].is_number else end
    declared = graph.symbols.default_of(end)
    numbers = {option.number for each in declared or [end] for option in alternatives(graph.symbols.expanded(each))}
    return numbers.pop() if len(numbers) == 1 else None
