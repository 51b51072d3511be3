"""PER106 beta-not-annealed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from per_audit.findings import FixOffer, Severity
from per_audit.graph.interpret.roles import is_beta
from per_audit.graph.interpret.values import Result
from per_audit.graph.prioritised.beta.schedule import Beta, BetaWrite, is_never_asked_for, unbounded
from per_audit.graph.prioritised.beta.standing import COMPUTED, Standing, numbers_under, set_elsewhere
from per_audit.graph.prioritised.beta.written import builds
from per_audit.graph.prioritised.priorities.priorities import UNSEEN
from per_audit.graph.prioritised.weights.dropping import is_dropped_by_all
from per_audit.graph.prioritised.weights.one_sided import are_weights_aside
from per_audit.graph.symbolic import alternatives, strip
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.findings import Finding
    from per_audit.graph import ReplayBuffer, ReplayGraph
    from per_audit.graph.symbolic import Term


_FILES = {"json", "yaml", "toml", "tomllib", "pickle", "ruamel.yaml"}
_PUBLISHED = {0.5: "Dopamine's Rainbow", 0.6: "R2D2"}
_LEFT_AS_IT_IS = {"add": 0, "mul": 1}  # a step that changes nothing, by what is done with it

_MEMORY = """import numpy as np


class Memory:
    def __init__(self, size, beta=0.4):
        self.rows, self.mass, self.size, self.at = [None] * size, np.zeros(size), size, 0
        self.beta = beta  # <- PER106

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
        self.mass[at] = (np.abs(errors) + 1e-6) ** 0.6
"""
_TRAIN = """from memory import Memory


def train(env, net, optimizer):
    memory = Memory(100)
    state = env.reset()
    for step in range(50_000):
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
    _MEMORY.replace("  # <- PER106", "")
    .replace("size, beta=0.4", "size")
    .replace("        self.beta = beta\n", "")
    .replace("def sample(self, n):", "def sample(self, n, beta):")
    .replace("-self.beta", "-beta")
)
_GLOBAL = (
    _TRAIN.replace("\n\n\ndef train", "\n\ndone_so_far = 0\n\n\nCOUNT\ndef train")
    .replace("net.act(state)", "act(net, state)")
    .replace("memory.sample(32)", "memory.sample(32, min(1.0, 0.4 + done_so_far * 1e-5))")
)
_ACT = "def act(net, state):\n    SHARED\n    return net.act(state)\n\n\n"
_SCHEDULE = """class Ramp:
    def __init__(self, first, last, steps):
        self.first, self.last, self.steps = first, last, steps

    def at(self, step):
        share = min(max(step, 0) / self.steps, 1.0)
        return self.first + share * (self.last - self.first)
"""
_COUNTING = """from memory import Memory
from schedule import Ramp


class Agent:
    def __init__(self, net, optimizer):
        self.net, self.optimizer, self.memory = net, optimizer, Memory(10_000)
        self.schedule = Ramp(0.4, 1.0, 50_000)
        self.updates = 0
        self.learnt = 0  # <- PER106

    def learn(self):
        beta = self.schedule.at(self.learnt)
        rows, slots, weights = self.memory.sample(32, beta)
        errors = self.net.errors(rows)
        (weights * errors**2).mean().backward()
        self.optimizer.step()
        self.memory.update(slots, errors.detach().numpy())
        self.updates += 1


def train(env, net, optimizer):
    agent = Agent(net, optimizer)
    state = env.reset()
    for step in range(50_000):
        next_state, reward, done, _ = env.step(net.act(state))
        agent.memory.push(state, 0, reward, next_state, done)
        state = next_state
        agent.learn()
"""
_UNSTARTED = """from memory import Memory


class Agent:
    def __init__(self, env, net, optimizer, beta=0.4):
        self.env, self.net, self.optimizer, self.memory = env, net, optimizer, Memory(10_000)
        self.beta = beta  # <- PER106

    def learn(self):
        rows, slots, weights = self.memory.sample(32, self.beta)
        errors = self.net.errors(rows)
        (weights * errors**2).mean().backward()
        self.optimizer.step()
        self.memory.update(slots, errors.detach().numpy())

    def run(self, steps):
        state = self.env.reset()
        for step in range(steps):
            next_state, reward, done, _ = self.env.step(self.net.act(state))
            self.memory.push(state, 0, reward, next_state, done)
            state = self.env.reset() if done else next_state
            self.beta = min(1.0, 0.4 + 0.6 * step / steps)
            self.learn()
"""
_BY_HAND = """

def replay(env, net, optimizer, rows):
    agent = Agent(env, net, optimizer)
    for row in rows:
        agent.memory.push(*row)
        agent.learn()
"""

_WRAPPED = """from memory import Memory


class Wrapped:
    def __init__(self, size):
        self.memory = Memory(size)

    def push(self, *row):
        self.memory.push(*row)

    def sample(self, *given):
        rows, slots, weights = self.memory.sample(*given)
        return rows, slots, weights

    def update(self, *given):
        self.memory.update(*given)
"""
_ROOT = (
    _MEMORY.replace(", beta=0.4", "")
    .replace("        self.beta = beta  # <- PER106\n", "")
    .replace("w = (self.size * p[at]) ** -self.beta\n", "w = 1.0 / np.sqrt(self.size * p[at])  # <- PER106\n")
)
_ROOT_OF_THE_BATCH = (
    _TRAIN.replace("from memory", "import torch\nfrom memory")
    .replace("at, w = memory", "at, probs = memory")
    .replace(
        "        error =",
        "        w = 1.0 / torch.sqrt(probs + 1e-10)  # <- PER106\n        w = w / w.max()\n        error =",
    )
)
_SETTINGS = """SMALL = {"size": 1_000, "replay_beta": FIRST, "folder": "small"}
LARGE = {"size": 100_000, "replay_beta": 1.0, "folder": "large"}
"""
_HANDED = """import ray
from ray.tune import Trainable
from memory import Memory


class Trainer(Trainable):
    def begin(self, net, optimizer):
        self.net, self.optimizer = net, optimizer
        self.memory = made(Memory, [self.config["size"], self.config["folder"], self.config["replay_beta"]])

    def train(self, env):
        state = env.reset()
        for step in range(50_000):
            next_state, reward, done, _ = env.step(self.net.act(state))
            self.memory.push.remote(state, 0, reward, next_state, done)
            state = next_state
            rows, at, w = ray.get(self.memory.sample.remote(32))
            error = self.net.errors(rows)
            (w * error**2).mean().backward()
            self.optimizer.step()
            self.memory.update.remote(at, error.detach().numpy())


def made(cls, given):
    return cls.remote(*given)
"""


class BetaNotAnnealed(Rule):
    """The exponent beta of the importance-sampling weights stays below 1 for the whole training.

    ## What it does

    Reports an attribute or setting that the weights are raised to and that nothing in the project changes after it was
    set, unless it is set to 1. So it does a schedule that is asked for the same moment at every draw, such as one that
    goes by an attribute which begins at 0 and which nothing counts up.

    ## Why is this bad

    With beta below 1 the weights take back only a part of the bias of the prioritised draw. Early in training that is
    harmless, since everything moves; near convergence the rest of the bias stays in the values for good. The paper
    raises beta linearly to 1 by the end of training.

    ## Known problems

    A constant beta is a choice that some published agents make (Dopamine's Rainbow uses 0.5, R2D2 0.6), which is why
    this is a warning; for these two numbers the message says so. A library that leaves beta to its callers is not
    reported: somebody in the project must draw. Where no loss is seen to take the weights the finding is a hint and
    says so.

    ## Example

    ```python
    self.beta = 0.4
    ...
    weights = (n * p) ** -self.beta
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

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, section 3.4, annealing the bias
    """

    code = "PER106"
    name = "beta-not-annealed"
    severity = Severity.WARNING

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each buffer in use whose beta never changes."""
        seen: set[Term] = set()
        for buffer in graph.weighted:
            about = graph.priorities(buffer)
            if about.is_reference or not about.in_use or is_dropped_by_all(graph, buffer):
                continue
            if are_weights_aside(graph):
                continue  # a larger beta would only distort the targets more
            anatomy = graph.anatomy(buffer)
            beta = Beta(graph, anatomy)
            constants = [self._constants(graph, buffer, beta, exponent) for exponent in beta.exponents]
            if not constants or None in constants:
                continue
            for term in dict.fromkeys(term for terms in constants for term in terms or ()):
                if term not in seen:
                    seen.add(term)
                    yield from self._finding(graph, buffer, beta, term)

    def _constants(self, graph: ReplayGraph, buffer: ReplayBuffer, beta: Beta, exponent: Term) -> list[Term] | None:
        """The attributes or settings that an exponent always is, one for each learner; None where one may change.

        None itself is no exponent: where it is given, what stands in for it is another one of the exponents.
        """
        if exponent.op == "const" and exponent.data is None:
            return []
        if exponent.op != "param":
            constant = self._constant(graph, buffer, beta, exponent)
            return None if constant is None else [constant]
        given = [part for option in graph.symbols.options(exponent) for part in alternatives(strip(option))]
        found = [self._constants(graph, buffer, beta, option) for option in given]
        return None if None in found or not found else [term for terms in found for term in terms or ()]

    def _constant(self, graph: ReplayGraph, buffer: ReplayBuffer, beta: Beta, exponent: Term) -> Term | None:
        """The attribute or setting that an exponent always is; None where it may change or is 1."""
        if exponent.is_number:
            tried = exponent.node is not None and graph.demos.is_dry(exponent.path, exponent.node)
            return exponent if 0 < (exponent.number or 0) < 1 and not tried else None
        if exponent.op in COMPUTED:
            return exponent if Standing(graph).below_one(exponent) else None
        if exponent.op == "field":
            changes = (w for w in beta.later_writes if w.field == exponent and not _adds_nothing(graph, beta, w))
            asked = [w for w in changes if not is_never_asked_for(graph, buffer, w.write.function)]
            if set_elsewhere(graph, exponent.data[1]):
                return None
            if asked:
                value = strip(asked[0].value)
                is_one_way = all(strip(change.value) == value for change in asked)
                return value if is_one_way and Standing(graph).below_one(value) else None
            first = (graph.symbols.expanded(value) for value, _, _ in beta.first_values(exponent))
            values = [option for value in first for option in alternatives(value)]
            if not values or any(value.op in ("object", "function") or _is_one(graph, value) for value in values):
                return None
            return exponent
        name = _setting(exponent)
        if name is None or set_elsewhere(graph, name) or _is_one(graph, exponent):
            return None
        given = _given_by_keyword(graph, exponent)
        return None if any(self._constants(graph, buffer, beta, option) is None for option in given) else exponent

    def _finding(self, graph: ReplayGraph, buffer: ReplayBuffer, beta: Beta, term: Term) -> Iterable[Finding]:
        if term.op in COMPUTED:
            yield self._schedule(graph, buffer, beta, term)
            return
        formula = beta.anatomy.formulas[0]
        node, path = formula.node, formula.path
        evidence = [
            graph.evidence(f.path, f.node, "weights", "the weights are raised to it") for f in beta.anatomy.formulas
        ]
        if term.op == "field":
            for _, statement, where in beta.first_values(term):
                if statement is not None:
                    node, path = statement, where
                    evidence.append(graph.evidence(where, statement, "beta", "it is set here, and nothing raises it"))
        if term.is_number and term.node is not None and term.path:
            node, path = term.node, term.path
            evidence.append(graph.evidence(path, node, "beta", "this number, at every draw"))
        name = term.data[1] if term.op == "field" else term.data if term.is_number else _setting(term)
        left = [w for w in beta.later_writes if w.field == term and not _adds_nothing(graph, beta, w)]
        uncalled = f" (nothing calls {graph.symbol(left[0].write.function, left[0].write.path)})" if left else ""
        is_seen = graph.priorities(buffer).weights_used()
        finding = self.finding(
            graph,
            path,
            node,
            f"the exponent `{name}` of the importance-sampling weights never rises to 1{uncalled}: part of the bias "
            f"stays{_published(graph, beta, term)}{_told_by_file(graph, beta, term)}{'' if is_seen else UNSEEN}",
            evidence=evidence,
            confidence="medium",
            fix=FixOffer(title="raise beta to 1 over the training"),
            pipeline=graph.name_of(buffer),
        )
        yield finding if is_seen else replace(finding, severity=Severity.INFO)

    def _schedule(self, graph: ReplayGraph, buffer: ReplayBuffer, beta: Beta, term: Term) -> Finding:
        """A finding about a schedule that is asked for one moment alone."""
        formula = beta.anatomy.formulas[0]
        node, path = formula.node, formula.path
        evidence = [
            graph.evidence(f.path, f.node, "weights", "the weights are raised to it") for f in beta.anatomy.formulas
        ]
        standing = Standing(graph)
        standing.below_one(term)
        why, form = "what it is computed of is the same at every draw", "computed"
        for clock in standing.clocks:
            why, form = f"`{clock.data[1]}`, which its schedule goes by, stays 0", "scheduled"
            for _, statement, where in beta.first_values(clock):
                if statement is not None:
                    node, path = statement, where
                    evidence.append(graph.evidence(where, statement, "set", "it is set here, and nothing counts it up"))
        is_seen = graph.priorities(buffer).weights_used()
        finding = self.finding(
            graph,
            path,
            node,
            f"the exponent of the importance-sampling weights never rises to 1: {why}, and part of the bias stays"
            f"{'' if is_seen else UNSEEN}",
            evidence=evidence,
            confidence="medium",
            fix=FixOffer(
                title="count up what the schedule of beta goes by"
                if standing.clocks
                else "raise beta to 1 over the training"
            ),
            pipeline=graph.name_of(buffer),
            form=form,
        )
        return finding if is_seen else replace(finding, severity=Severity.INFO)

    def witness(self) -> str:
        """The mean of a skewed quantity under prioritised draws, by beta."""
        import numpy as np

        values = np.concatenate([np.full(950, -0.1), np.full(50, 4.0)])
        p = np.abs(values) ** 0.6
        p /= p.sum()

        def estimate(beta: float) -> float:
            weights = (1_000 * p) ** -beta
            return float((p * weights * values).sum() / (p * weights).sum())

        true = float(values.mean())
        assert abs(estimate(1.0) - true) < 1e-9
        assert estimate(0.4) > 3 * true
        return f"the mean {true:.2f} is estimated as {estimate(0.4):.2f} with beta 0.4 and {estimate(1.0):.2f} with 1"

    bad = (
        Example(
            "set in the constructor of the memory",
            {
                "memory.py": _MEMORY,
                "train.py": _TRAIN,
            },
        ),
        Example(
            "kept by the agent, passed to each draw",
            {
                "memory.py": _MEMORY.replace("self.beta = beta  # <- PER106", "self.unused = beta")
                .replace("def sample(self, n):", "def sample(self, n, beta):")
                .replace("-self.beta", "-beta"),
                "train.py": """import torch.nn.functional as F
from memory import Memory


class Agent:
    def __init__(self, net, optimizer, exponent=0.5):
        self.net, self.optimizer, self.memory = net, optimizer, Memory(100)
        self.exponent = exponent  # <- PER106

    def learn(self):
        rows, at, w = self.memory.sample(32, self.exponent)
        error = self.net.errors(rows)
        (w * error**2).mean().backward()
        self.optimizer.step()
        self.memory.update(at, error.detach().numpy())

    def run(self, env):
        state = env.reset()
        while True:
            next_state, reward, done, _ = env.step(self.net.act(state))
            self.memory.push(state, 0, reward, next_state, done)
            state = next_state
            self.learn()
""",
            },
        ),
        Example(
            "a default of the draw that nobody passes",
            {
                "memory.py": _MEMORY.replace("self.beta = beta  # <- PER106", "self.unused = beta")
                .replace("def sample(self, n):", "def sample(self, n, beta=0.4):  # <- PER106")
                .replace("-self.beta", "-beta"),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "a step that the one who makes the memory sets to 0",
            {
                "memory.py": _MEMORY.replace("size, beta=0.4", "size, beta, step")
                .replace("self.beta = beta  # <- PER106", "self.beta, self.step = beta, step  # <- PER106")
                .replace("        return [", "        self.beta = min(self.beta + self.step, 1)\n        return ["),
                "train.py": _TRAIN.replace("Memory(100)", "Memory(100, 0.4, 0)"),
            },
        ),
        Example(
            "a setting of another module",
            {
                "settings.py": 'MEMORY = {"size": 100, "beta": 0.5}\n',
                "memory.py": _MEMORY.replace("size, beta=0.4", "size, settings").replace(
                    "= beta  # <-", '= settings["beta"]  # <-'
                ),
                "train.py": _TRAIN.replace("Memory(100)", 'Memory(MEMORY["size"], MEMORY)').replace(
                    "import Memory\n", "import Memory\nfrom settings import MEMORY\n"
                ),
            },
        ),
        Example(
            "a setting of the configuration",
            {
                "memory.py": _MEMORY.replace("size, beta=0.4", "size, config")
                .replace("self.beta = beta  # <- PER106", "self.config = config")
                .replace("** -self.beta\n", "** (-self.config.per_beta)  # <- PER106\n"),
                "train.py": _TRAIN.replace("Memory(100)", "Memory(100, load_settings())").replace(
                    "from memory", "from settings import load_settings\nfrom memory"
                ),
            },
        ),
        Example(
            "a number, for slots that a loop gathers in a list",
            {
                "memory.py": _MEMORY.replace("  # <- PER106", "")
                .replace(
                    "        at = np.random.choice(self.size, n, p=p)\n",
                    "        at = []\n        for _ in range(n):\n"
                    "            at.append(np.random.choice(self.size, p=p))\n",
                )
                .replace("** -self.beta", "** -0.5  # <- PER106"),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "a method that would raise it, and that nothing calls",
            {
                "memory.py": _MEMORY
                + "\n    def anneal(self, step):\n        self.beta = min(1.0, self.beta + step)\n",
                "train.py": _TRAIN,
            },
        ),
        Example(
            "a schedule that goes by a count which nothing raises",
            {"memory.py": _GIVEN, "schedule.py": _SCHEDULE, "agent.py": _COUNTING},
        ),
        Example(
            "a schedule that is asked for its beginning",
            {
                "memory.py": _GIVEN.replace(") ** -beta\n", ") ** -beta  # <- PER106\n"),
                "schedule.py": _SCHEDULE,
                "agent.py": _COUNTING.replace("  # <- PER106", "").replace("at(self.learnt)", "at(0)"),
            },
        ),
        Example(
            "a sum of the first beta and of steps that are not counted",
            {
                "memory.py": _GIVEN,
                "agent.py": _COUNTING.replace(
                    "self.schedule.at(self.learnt)", "min(1.0, self.first + self.learnt * 1e-5)"
                )
                .replace("from schedule import Ramp\n", "")
                .replace("self.schedule = Ramp(0.4, 1.0, 50_000)", "self.first = 0.4"),
            },
        ),
        Example(
            "an attribute that is set anew at each draw, to the same",
            {
                "memory.py": _GIVEN,
                "schedule.py": _SCHEDULE,
                "agent.py": _COUNTING.replace("beta = self.schedule", "self.beta = self.schedule").replace(
                    "sample(32, beta)", "sample(32, self.beta)"
                ),
            },
        ),
        Example(
            "settings that a library keeps, handed to a remote memory: 1 in some of them",
            {
                "memory.py": "import ray\n"
                + _MEMORY.replace("class Memory", "@ray.remote\nclass Memory").replace(
                    "size, beta=0.4", "size, folder, beta=0.4"
                ),
                "settings.py": _SETTINGS.replace("FIRST", "0.5"),
                "train.py": _HANDED,
            },
        ),
        Example(
            "a wrapper that hands on what it is given, and nobody gives beta",
            {
                "memory.py": _MEMORY.replace("self.beta = beta  # <- PER106", "self.unused = beta")
                .replace("def sample(self, n):", "def sample(self, n, beta=0.4):  # <- PER106")
                .replace("-self.beta", "-beta"),
                "wrapped.py": _WRAPPED,
                "train.py": _TRAIN.replace("from memory import Memory", "from wrapped import Wrapped").replace(
                    "Memory(100)", "Wrapped(100)"
                ),
            },
        ),
        Example(
            "a schedule that goes by a number of the file, which a function asks for and never raises",
            {
                "memory.py": _GIVEN.replace("** -beta\n", "** -beta  # <- PER106\n"),
                "train.py": _GLOBAL.replace("COUNT", _ACT.replace("SHARED", "print(done_so_far)")),
            },
        ),
        Example("one over a square root, which is the power of 1/2", {"memory.py": _ROOT, "train.py": _TRAIN}),
        Example(
            "one over the square root of the probabilities that come with a batch",
            {
                "memory.py": _ROOT.replace("        w = 1.0 / np.sqrt(self.size * p[at])  # <- PER106\n", "").replace(
                    "at, w / w.max()", "at, p[at]"
                ),
                "train.py": _ROOT_OF_THE_BATCH,
            },
        ),
        Example(
            "a loop that would raise it and that nothing calls, beside one that draws without",
            {"memory.py": _GIVEN, "agent.py": _UNSTARTED + _BY_HAND},
        ),
    )
    good = (
        Example(
            "weights that no loss is multiplied by, which PER005 tells of",
            {
                "memory.py": _MEMORY.replace("  # <- PER106", ""),
                "train.py": _TRAIN.replace("w * ", ""),
            },
        ),
        Example(
            "weights that the one learner which is made drops, which PER005 tells of",
            {
                "memory.py": _MEMORY.replace("  # <- PER106", ""),
                "agent.py": """from memory import Memory


class Agent:
    def __init__(self, net, optimizer):
        self.net, self.optimizer, self.memory = net, optimizer, Memory(100)

    def draw(self):
        rows, at, w = self.memory.sample(32)
        return [row[0] for row in rows], [row[2] for row in rows], at, w

    def learn(self):
        states, rewards, at, weights = self.draw()  # <- PER005
        error = self.net(states) - rewards
        (error**2).mean().backward()
        self.optimizer.step()
        self.memory.update(at, error.detach().numpy())


class Weighted(Agent):
    def learn(self):
        states, rewards, at, weights = self.draw()
        error = self.net(states) - rewards
        (weights * error**2).mean().backward()
        self.optimizer.step()
        self.memory.update(at, error.detach().numpy())


class Older(Agent):
    def learn(self):
        states, rewards = self.draw()
        (self.net(states) * rewards).mean().backward()
        self.optimizer.step()
""",
                "train.py": """from agent import Agent


def train(env, net, optimizer):
    agent = Agent(net, optimizer)
    state = env.reset()
    for step in range(50_000):
        next_state, reward, done, _ = env.step(net.act(state))
        agent.memory.push(state, 0, reward, next_state, done)
        state = next_state
        agent.learn()
""",
            },
        ),
        Example(
            "raised by the training loop",
            {
                "memory.py": _MEMORY.replace("  # <- PER106", ""),
                "train.py": _TRAIN.replace(
                    "        state = next_state\n",
                    "        state = next_state\n        memory.beta = min(1.0, 0.4 + 0.6 * step / 50_000)\n",
                ),
            },
        ),
        Example(
            "raised by a method of the memory",
            {
                "memory.py": _MEMORY.replace("  # <- PER106", "")
                + """
    def anneal(self, fraction):
        self.beta = 0.4 + 0.6 * fraction
""",
                "train.py": _TRAIN.replace(
                    "state = next_state\n", "state = next_state\n        memory.anneal(step / 50_000)\n"
                ),
            },
        ),
        Example(
            "a step that the one who makes the memory sets",
            {
                "memory.py": _MEMORY.replace("size, beta=0.4", "size, beta, step")
                .replace("self.beta = beta  # <- PER106", "self.beta, self.step = beta, step")
                .replace("        return [", "        self.beta = min(self.beta + self.step, 1)\n        return ["),
                "train.py": _TRAIN.replace("Memory(100)", "Memory(100, 0.4, 0.6 / 50_000)"),
            },
        ),
        Example(
            "full correction from the start",
            {"memory.py": _MEMORY.replace("  # <- PER106", "").replace("beta=0.4", "beta=1.0"), "train.py": _TRAIN},
        ),
        Example(
            "full correction from the start, by the settings of another module",
            {
                "settings.py": 'MEMORY = {"size": 100, "beta": 1}\n',
                "memory.py": _MEMORY.replace("size, beta=0.4", "size, settings").replace(
                    "beta  # <- PER106", 'settings["beta"]'
                ),
                "train.py": _TRAIN.replace("Memory(100)", 'Memory(MEMORY["size"], MEMORY)').replace(
                    "import Memory\n", "import Memory\nfrom settings import MEMORY\n"
                ),
            },
        ),
        Example(
            "a schedule that is asked at each draw",
            {
                "memory.py": _MEMORY.replace("beta=0.4", "schedule")
                .replace("self.beta = beta  # <- PER106", "self.schedule, self.draws = schedule, 0")
                .replace("-self.beta", "-self.schedule(self.draws)")
                .replace("        at = np.random", "        self.draws += 1\n        at = np.random"),
                "train.py": _TRAIN.replace("Memory(100)", "Memory(100, lambda n: min(1.0, 0.4 + n / 80_000))"),
            },
        ),
        Example(
            "an argument of the draw that the loop raises",
            {
                "memory.py": _MEMORY.replace("self.beta = beta  # <- PER106", "self.unused = beta")
                .replace("def sample(self, n):", "def sample(self, n, beta=0.4):")
                .replace("-self.beta", "-beta"),
                "train.py": _TRAIN.replace("memory.sample(32)", "memory.sample(32, 0.4 + 0.6 * step / 50_000)"),
            },
        ),
        Example(
            "an option of a function, which the loop raises",
            {
                "memory.py": _MEMORY.replace("self.beta = beta  # <- PER106", "self.unused = beta")
                .replace("def sample(self, n):", "def sample(self, n, beta):")
                .replace("-self.beta", "-beta"),
                "train.py": _TRAIN.replace("memory.sample(32)", "drawn(memory, beta=0.4 + 0.6 * step / 50_000)")
                + """

def drawn(memory, **options):
    return memory.sample(32, options["beta"])
""",
            },
        ),
        Example(
            "a notebook that only times the draws",
            {
                "memory.py": _MEMORY.replace("self.beta = beta  # <- PER106", "self.unused = beta")
                .replace("def sample(self, n):", "def sample(self, n, beta):")
                .replace("-self.beta", "-beta"),
                "speed.ipynb": """import numpy as np
from memory import Memory

memory = Memory(1_000)
for k in range(1_000):
    memory.push(np.random.rand(4), 0, 0.0, np.random.rand(4), False)
memory.sample(128, beta=0.5)
memory.of_another_cell()
""",
            },
        ),
        Example(
            "settings, some of which are lists, begin what a method sets",
            {
                "settings.py": """class Settings:
    def __init__(self, given):
        self.given = given
        self.layers = self.read("layers", [64])
        self.beta = self.read("beta", 0.4)

    def read(self, name, default):
        value = default
        if name in self.given:
            value = self.given[name]
        return value
""",
                "memory.py": _MEMORY.replace("  # <- PER106", "")
                + "\n    def set_beta(self, beta):\n        self.beta = beta\n",
                "train.py": "from settings import Settings\n"
                + _TRAIN.replace("Memory(100)", "Memory(100, Settings({}).beta)").replace(
                    "memory.sample(32)", "memory.sample(32)\n        memory.set_beta(0.4 + 0.6 * step / 50_000)"
                ),
            },
        ),
        Example("a memory that nobody makes", {"memory.py": _MEMORY.replace("  # <- PER106", "")}),
        Example(
            "an older draw that nobody calls any more",
            {
                "memory.py": _MEMORY.replace("  # <- PER106", "")
                + """
    def sample_at(self, n, beta):
        scaled = self.mass**0.5
        at = np.random.choice(self.size, n, p=scaled / scaled.sum())
        w = (self.size * scaled[at] / scaled.sum()) ** -beta
        return [self.rows[i] for i in at], at, w / w.max()
""",
                "train.py": _TRAIN.replace("memory.sample(32)", "memory.sample_at(32, 0.4 + 0.6 * step / 50_000)"),
            },
        ),
        Example(
            "a schedule that goes by a count",
            {
                "memory.py": _GIVEN,
                "schedule.py": _SCHEDULE,
                "agent.py": _COUNTING.replace("  # <- PER106", "").replace("self.updates += 1", "self.learnt += 1"),
            },
        ),
        Example(
            "a count that somebody else raises",
            {
                "memory.py": _GIVEN,
                "schedule.py": _SCHEDULE,
                "agent.py": _COUNTING.replace("  # <- PER106", "")
                + "\n\ndef both(agents):\n    for each in agents:\n        each.learnt += 1\n        each.learn()\n",
            },
        ),
        Example(
            "a schedule that stays at 1",
            {
                "memory.py": _GIVEN,
                "schedule.py": _SCHEDULE,
                "agent.py": _COUNTING.replace("  # <- PER106", "").replace("Ramp(0.4, 1.0,", "Ramp(1.0, 1.0,"),
            },
        ),
        Example(
            "a schedule that goes by a share of the run, which the caller knows",
            {
                "memory.py": _GIVEN,
                "schedule.py": _SCHEDULE,
                "agent.py": _COUNTING.replace("  # <- PER106", "")
                .replace("def learn(self):", "def learn(self, step):")
                .replace("at(self.learnt)", "at(step)")
                .replace("agent.learn()", "agent.learn(step)"),
            },
        ),
        Example(
            "settings that a library keeps, handed to a remote memory: 1 in each of them",
            {
                "memory.py": "import ray\n"
                + _MEMORY.replace("class Memory", "@ray.remote\nclass Memory")
                .replace("size, beta=0.4", "size, folder, beta=0.4")
                .replace("  # <- PER106", ""),
                "settings.py": _SETTINGS.replace("FIRST", "1.0"),
                "train.py": _HANDED,
            },
        ),
        Example(
            "a wrapper that hands on what it is given, beta as well",
            {
                "memory.py": _MEMORY.replace("self.beta = beta  # <- PER106", "self.unused = beta")
                .replace("def sample(self, n):", "def sample(self, n, beta=0.4):")
                .replace("-self.beta", "-beta"),
                "wrapped.py": _WRAPPED,
                "train.py": _TRAIN.replace("from memory import Memory", "from wrapped import Wrapped")
                .replace("Memory(100)", "Wrapped(100)")
                .replace("memory.sample(32)", "memory.sample(32, 0.4 + 0.6 * step / 50_000)"),
            },
        ),
        Example(
            "a number of the file that another function raises",
            {
                "memory.py": _GIVEN,
                "train.py": _GLOBAL.replace(
                    "COUNT", _ACT.replace("SHARED", "global done_so_far\n    done_so_far += 1")
                ),
            },
        ),
        Example(
            "what raises it alone draws, and is for whoever takes the agent to call",
            {"memory.py": _GIVEN, "agent.py": _UNSTARTED.replace("  # <- PER106", "")},
        ),
        Example(
            "what raises it alone leads to methods that call one another, one of which draws",
            {
                "memory.py": _GIVEN,
                "agent.py": _UNSTARTED.replace("  # <- PER106", "")
                .replace("def learn(self):\n", "def learn(self, again=1):\n")
                .replace(
                    "    def run(",
                    "        self.go_on(again - 1)\n\n    def go_on(self, again):\n"
                    "        if again:\n            self.learn(again)\n\n    def run(",
                ),
            },
        ),
    )


def _setting(term: Term) -> str | None:
    """The name of beta in a configuration object: `config.beta`, `args.per_beta`, `settings["beta"]`."""
    name = term.data if term.op in ("item", "external") else None
    plain = term.op == "external" or (term.args and term.args[0].op in ("field", "param", "global", "external"))
    if not isinstance(name, str) or not plain:
        return None
    name = name.rpartition(".")[2]
    return name if is_beta(name) else None


def _is_one(graph: ReplayGraph, term: Term) -> bool:
    """Whether a term is 1 or more: written out, or in the settings that it is read from.

    Settings that came by a way that is not followed, through a library, are those that the project's dicts give.
    """
    number = term.number if term.is_number else graph.events.value(term.node).literal()
    key = _setting(term) if number is None else None
    numbers = {number} if key is None else numbers_under(graph, key)
    return bool(numbers) and all(isinstance(each, (int, float)) and each >= 1 for each in numbers)


def _published(graph: ReplayGraph, beta: Beta, term: Term) -> str:
    """Whose agents were published with a constant beta of that number."""
    first = [value for value, _, _ in beta.first_values(term)] if term.op == "field" else [term]
    numbers = {part.number for value in first for part in alternatives(graph.symbols.expanded(value))}
    agent = _PUBLISHED.get(numbers.pop() or 0.0) if len(numbers) == 1 else None
    return f", as in {agent}, which was published so" if agent else ""


def _told_by_file(graph: ReplayGraph, beta: Beta, term: Term) -> str:
    """That a file which the program reads tells an exponent, and may say anything."""
    first = [value for value, _, _ in beta.first_values(term)] if term.op == "field" else [term]
    names = {name for value in first for part in graph.symbols.expanded(value).walk() for name in _made_by(graph, part)}
    is_read = any(name.rpartition(".")[0] in _FILES and "load" in name for name in names)
    return ", unless the file that it is read from says 1, or 0 for alpha" if is_read else ""


def _made_by(graph: ReplayGraph, part: Term) -> Iterator[str]:
    """The names of the functions of libraries that make a part, be it as what callers take apart with `**`."""
    if part.op == "call":
        yield str(part.data)
    for site in graph.callers.get(part.data[0], ()) if part.op == "param" else ():
        values = [graph.events.value(arg.value) for arg in site.node.args if arg.star == "**"]
        yield from (atom.name for value in values for atom in value.atoms if isinstance(atom, Result))


def _adds_nothing(graph: ReplayGraph, beta: Beta, changed: BetaWrite) -> bool:
    """Whether an attribute becomes its own last value and a step that is always 0, or times one that is 1."""
    for option in map(strip, alternatives(unbounded(changed.value))):
        parts = [strip(arg) for arg in option.args]
        steps = [part for part in parts if part != changed.field]
        if option.op not in _LEFT_AS_IT_IS or len(steps) != 1 or len(parts) != 2 or steps[0].op != "field":
            return False
        writes = [write for _, write, _ in beta.symbols.written(steps[0]) if write is not None]
        given = [term for value, _, _ in beta.first_values(steps[0]) for term in beta.passed(value)]
        if not all(builds(write.function) for write in writes) or not given:
            return False
        if any(term.number != _LEFT_AS_IT_IS[option.op] for term in given) or set_elsewhere(graph, steps[0].data[1]):
            return False
    return True


def _given_by_keyword(graph: ReplayGraph, setting: Term) -> list[Term]:
    """What callers give by its name, where a setting is read from a function's `**options`."""
    options = setting.args[0] if setting.op == "item" else None
    if options is None or options.op != "param":
        return []
    function, name = options.data
    if not any(each.name == name and each.kind == "**" for each in function.parameters):
        return []
    calls = ((site.path, arg) for site in graph.callers.get(function, ()) for arg in site.node.args)
    given = (graph.symbols.term(path, arg.value) for path, arg in calls if arg.keyword == setting.data)
    return [part for term in given for part in alternatives(strip(term))]
