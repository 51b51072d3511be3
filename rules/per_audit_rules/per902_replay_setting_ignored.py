"""PER902 replay-setting-ignored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.findings import FixOffer, Severity
from per_audit.graph.interpret.roles import name_of, words
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.findings import Finding
    from per_audit.graph import ReplayBuffer, ReplayGraph
    from per_audit.graph.interpret import events as ev

# An agent explores by its epsilon, and learns at the rate alpha, where those who make it say so.
_EXPLORES, _RATE = {"epsilon", "eps"}, {"learning", "rate", "lr"}
_DYNAMIC = {"locals", "vars", "__dict__", "getattr", "signature", "asdict"}  # what may read a parameter unnamed

_MEMORY = """import numpy as np


class Memory:
    def __init__(self, size, alpha=0.6):
        self.rows, self.priorities = [None] * size, np.zeros(size)
        self.size, self.at, self.alpha = size, 0, alpha

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at % self.size] = (state, action, reward, next_state, done)
        self.priorities[self.at % self.size] = max(self.priorities.max(), 1.0)  # <- PER402
        self.at += 1

    def draw(self, n, beta):
        p = self.priorities**self.alpha / (self.priorities**self.alpha).sum()
        slots = np.random.choice(self.size, n, p=p)  # <- PER401
        weights = (self.size * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        self.priorities[slots] = np.abs(errors) + 1e-6
"""
_AGENT = """from memory import Memory


class Agent:
    def __init__(self, net, size=100_000, alpha=0.7):  # <- PER902
        self.net = net
        self.memory = Memory(size)

    def learn(self, optimizer, beta):
        rows, slots, weights = self.memory.draw(32, beta)
        errors = self.net.errors(rows)
        loss = (weights * errors**2).mean()
        loss.backward()
        optimizer.step()
        self.memory.update(slots, errors.detach().numpy())


def train(env, net, optimizer, steps):
    agent = Agent(net, alpha=0.4)
    state = env.reset()
    for step in range(steps):
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        agent.memory.push(state, action, reward, next_state, done)
        state = next_state
        agent.learn(optimizer, min(1.0, 0.4 + 0.6 * step / steps))
"""
_UNIFORM = """import random
from collections import deque


class Replay:
    def __init__(self, capacity=20_000):
        self.rows = deque(maxlen=capacity)

    def add(self, *row):
        self.rows.append(row)

    def draw(self, n):
        return zip(*random.sample(self.rows, n))  # <- PER001


def learn(env, model, capacity=5_000):  # <- PER902
    replay, state = Replay(), env.reset()
    while True:
        action = model.act(state)
        next_state, reward, done, _ = env.step(action)
        replay.add(state, action, reward, next_state, done)
        states, actions, rewards, next_states, dones = replay.draw(32)
        model.fit(states, model.targets(actions, rewards, next_states, dones))
"""


@dataclass(frozen=True, slots=True)
class _Ignored:
    """A parameter that nothing reads, and the call that leaves out the buffer's parameter of the same name."""

    parameter: ir.Parameter
    function: ir.Function
    site: ev.CallSite
    default: ir.Expr
    buffers_own: str


class ReplaySettingIgnored(Rule):
    """A setting of the replay buffer is accepted where the buffer is made, and never reaches it.

    ## What it does

    Reports a parameter of a function that makes a buffer, if nothing reads it, while the class of the buffer has a
    parameter of that name, with a default, that the call does not give.

    ## Why is this bad

    The buffer keeps its default whatever is passed. A search over alpha, beta or the capacity compares runs that
    differ in nothing, and a paper reports a setting that was never used.

    ## Known problems

    Names are compared: a parameter that is kept for the sake of an interface, and happens to be called like one of the
    buffer, is reported as well. Nothing is reported where arguments are passed as `*args` or `**kwargs`, where the
    function is decorated, or where its parameters may be read without being named (`locals`, `vars`).

    ## Example

    ```python
    def __init__(self, capacity, alpha=0.6):
        self.memory = PrioritizedMemory(capacity)
    ```

    ## Use instead

    ```python
    def __init__(self, capacity, alpha=0.6):
        self.memory = PrioritizedMemory(capacity, alpha=alpha)
    ```

    ## Fix safety

    Not rewritten: results of runs so far were made with the default, which is for their author to know.

    ## References

    - Henderson et al. 2018, Deep Reinforcement Learning that Matters, arXiv:1709.06560: how much results depend on
      hyper-parameters
    """

    code = "PER902"
    name = "replay-setting-ignored"
    severity = Severity.WARNING

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each parameter that is lost on the way to a buffer."""
        seen: set[ir.Node] = set()
        for buffer in (*graph.buffers, *graph.twins):
            for ignored in _ignored(graph, buffer):
                if ignored.parameter not in seen:
                    seen.add(ignored.parameter)
                    yield self._finding(graph, buffer, ignored)

    def _finding(self, graph: ReplayGraph, buffer: ReplayBuffer, ignored: _Ignored) -> Finding:
        name, path = ignored.parameter.name, ignored.site.path
        default = graph.source(ignored.buffers_own, ignored.default)
        return self.finding(
            graph,
            path,
            ignored.parameter,
            f"`{name}` is accepted here and never read: {graph.name_of(buffer)} keeps its default of {default}",
            evidence=[
                graph.evidence(path, ignored.parameter, "setting", "accepted here"),
                graph.evidence(path, ignored.site.node, "made", f"the buffer is made without `{name}`"),
                graph.evidence(ignored.buffers_own, ignored.default, "default", "what it is made with instead"),
            ],
            fix=FixOffer(title=f"pass `{name}` to the buffer"),
            pipeline=graph.name_of(buffer),
        )

    def witness(self) -> str:
        """Two runs of a search over alpha whose buffers are the same."""

        class Memory:
            def __init__(self, size: int, alpha: float = 0.6) -> None:
                self.size, self.alpha = size, alpha

        def make(size: int, alpha: float) -> Memory:  # noqa: ARG001 - the defect
            return Memory(size)

        used = [make(1_000, alpha).alpha for alpha in (0.4, 0.9)]
        assert used == [0.6, 0.6]
        return f"asked for alpha 0.4 and 0.9, the buffers have {used[0]} and {used[1]}"

    bad = (
        Example("alpha of an agent, two files, PyTorch", {"memory.py": _MEMORY, "agent.py": _AGENT}),
        Example("the capacity of a function, Keras", {"learn.py": _UNIFORM}),
        Example(
            "kept in an attribute that nobody reads",
            {
                "memory.py": _MEMORY,
                "agent.py": _AGENT.replace("self.net = net", "self.net, self.alpha_of_draws = net, alpha").replace(
                    "alpha_of_draws", "sharpness"
                ),
            },
        ),
    )
    good = (
        Example(
            "passed on",
            {
                "memory.py": _MEMORY,
                "agent.py": _AGENT.replace("  # <- PER902", "").replace("Memory(size)", "Memory(size, alpha)"),
            },
        ),
        Example(
            "kept in an attribute that the learning reads",
            {
                "memory.py": _MEMORY,
                "agent.py": _AGENT.replace("  # <- PER902", "")
                .replace("self.net = net", "self.net, self.sharpness = net, alpha")
                .replace("errors(rows)", "errors(rows, self.sharpness)"),
            },
        ),
        Example(
            "arguments by mapping",
            {
                "memory.py": _MEMORY,
                "agent.py": _AGENT.replace("  # <- PER902", "")
                .replace("alpha=0.7)", "alpha=0.7, **settings)")
                .replace("Memory(size)", "Memory(size, **settings)"),
            },
        ),
        Example(
            "the agent's alpha is a learning rate, as who makes it says",
            {
                "memory.py": _MEMORY,
                "agent.py": _AGENT.replace("  # <- PER902", "")
                .replace("agent = Agent(net, alpha=0.4)", "agent = Agent(net, alpha=LEARNING_RATE)")
                .replace("import Memory\n", "import Memory\n\nLEARNING_RATE = 0.7\n"),
            },
        ),
        Example(
            "the agent explores by its epsilon",
            {
                "memory.py": _MEMORY.replace("alpha=0.6", "alpha=0.6, epsilon=1e-6")
                .replace("= size, 0, alpha\n", "= size, 0, alpha\n        self.epsilon = epsilon\n")
                .replace("+ 1e-6", "+ self.epsilon"),
                "agent.py": _AGENT.replace("  # <- PER902", "")
                .replace("alpha=0.7", "epsilon=0.1")
                .replace("alpha=0.4", "epsilon=0.2"),
            },
        ),
        Example(
            "another name: the agent's alpha is no setting of the memory",
            {
                "memory.py": _MEMORY.replace("alpha", "sharpness"),
                "agent.py": _AGENT.replace("  # <- PER902", ""),
            },
        ),
        Example(
            "read by its place among the local names",
            {
                "learn.py": _UNIFORM.replace("  # <- PER902", "").replace(
                    "replay, state = Replay(), env.reset()",
                    "print(locals())\n    replay, state = Replay(), env.reset()",
                )
            },
        ),
    )


def _ignored(graph: ReplayGraph, buffer: ReplayBuffer) -> Iterator[_Ignored]:
    """The parameters of functions that make the buffer which never reach it."""
    for site in buffer.instances:
        made = next(iter(site.classes)) if len(site.classes) == 1 else None
        makes = None if made is None else graph.classes.find_method(made, "__init__")
        function = site.function
        if makes is None or not isinstance(function, ir.Function) or function.decorators or _is_open(site.node):
            continue
        offered = {p.name: p for p in function.parameters if not p.kind}
        given = {argument.keyword for argument in site.node.args if argument.keyword}
        positional = sum(argument.keyword is None for argument in site.node.args)
        own = [p for p in makes.parameters[1:] if not p.kind]
        for place, wanted in enumerate(own):
            left_out = wanted.default is not None and wanted.name not in given
            left_out = left_out and (wanted.keyword_only or place >= positional)
            parameter = offered.get(wanted.name)
            if (
                left_out
                and wanted.default is not None
                and parameter is not None
                and not _means_otherwise(graph, function, parameter)
                and _is_unread(graph, function, parameter)
            ):
                yield _Ignored(parameter, function, site, wanted.default, graph.project.module_of[makes].path)


def _means_otherwise(graph: ReplayGraph, function: ir.Function, parameter: ir.Parameter) -> bool:
    """Whether a parameter is a setting of the agent that only has the name of one of the memory's."""
    if parameter.name in _EXPLORES:
        return True
    taken = function.parameters[1:] if graph.symbols.takes_self(function) else function.parameters
    place = next((at for at, each in enumerate(taken) if each is parameter), None)
    given = (site.node.argument(place, parameter.name) for site in graph.callers.get(function, ()))
    return any(not _RATE.isdisjoint(words(name_of(value) or "")) for value in given)


def _is_open(call: ir.Call) -> bool:
    return any(argument.star for argument in call.args)


def _is_unread(graph: ReplayGraph, function: ir.Function, parameter: ir.Parameter) -> bool:
    """Whether nothing reads the parameter, or the attributes that it is kept in."""
    kept: set[str] = set()
    for statement in function.body:
        for node in ir.walk(statement):
            if isinstance(node, (ir.Name, ir.Attr)) and _called(node) in _DYNAMIC:
                return False
    reads = [n for s in function.body for n in ir.walk(s) if isinstance(n, ir.Name) and n.id == parameter.name]
    for assign in (n for s in function.body for n in ir.walk(s) if isinstance(n, ir.Assign)):
        for target, value in _pairs(assign):
            if value in reads and isinstance(target, ir.Attr):
                reads.remove(value)
                kept.add(target.attr)
    return not reads and not any(_is_read(graph, attribute) for attribute in kept)


def _called(node: ir.Name | ir.Attr) -> str:
    return node.id if isinstance(node, ir.Name) else node.attr


def _pairs(assign: ir.Assign) -> Iterator[tuple[ir.Expr, ir.Expr]]:
    """What is assigned to what, one by one."""
    for target in assign.targets:
        if assign.value is None:
            continue
        if isinstance(target, ir.Seq) and isinstance(assign.value, ir.Seq):
            if len(target.items) == len(assign.value.items):
                yield from zip(target.items, assign.value.items, strict=True)
        else:
            yield target, assign.value


def _is_read(graph: ReplayGraph, attribute: str) -> bool:
    """Whether anything but an assignment names an attribute so, or reads attributes without naming them."""
    for module in graph.project.modules.values():
        nodes = list(module.nodes)
        targets = {t for n in nodes if isinstance(n, ir.Assign) for target in n.targets for t in ir.walk(target)}
        for node in nodes:
            if isinstance(node, ir.Attr) and node.attr == attribute and node not in targets:
                return True
            if isinstance(node, (ir.Name, ir.Attr)) and _called(node) in _DYNAMIC:
                return True
    return False
