"""PER901 broken-replay-api."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, ClassVar

from per_audit.facts import ir
from per_audit.findings import FixOffer, Severity
from per_audit.graph import PRIORITISED, ReplayGraph
from per_audit.graph.interpret.values import ClassRef, External
from per_audit.graph.symbolic import alternatives
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.findings import Finding
    from per_audit.graph import ReplayBuffer
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.symbolic import Term

_PLAIN_BASES = {"object", "builtins.object", "abc.ABC", "typing.Generic", "typing.Protocol"}
_HOLDERS = {"object", "field", "param", "phi", "global", "item", "at", "element"}  # what may stand for an object
_OPEN = {"__getattr__", "__getattribute__", "__setattr__", "__dict__"}


class BrokenReplayApi(Rule):
    """The training asks a prioritised buffer for something that it does not have.

    ## What it does

    Reports a read of an attribute or a call of a method, in functions that the training reaches, on an object of the
    project whose class, bases and heirs nowhere define or assign that name.

    ## Why is this bad

    The line raises AttributeError when it is reached. Where that is after a warm-up, or in a branch that short runs do
    not take, the defect outlives its tests.

    ## Known problems

    Only objects are judged whose class is known for certain. Nothing is reported where a base is not part of the
    project, a class is decorated, names are given at run time (`setattr`, `__getattr__`, `__dict__`), any class has an
    attribute of that name assigned from outside, or the line stands under a switch or in a `try`.

    ## Example

    ```python
    self.memory.update_prios(slots, errors)  # the class calls it update
    ```

    ## Use instead

    ```python
    self.memory.update(slots, errors)
    ```

    ## Fix safety

    Not rewritten: which name is meant is for its author to say.

    ## References

    - The Python Language Reference, section 3.3.2, Customizing attribute access
    """

    code = "PER901"
    name = "broken-replay-api"
    severity = Severity.WARNING

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each name that cannot be there."""
        buffers = [buffer for buffer in graph.buffers if buffer.kind == PRIORITISED]
        if not buffers:
            return
        known = _Names(graph)
        seen: set[ir.Node] = set()
        for buffer in buffers if not known.are_open else ():
            for function in _reached(graph, buffer):
                path = graph.project.module_of[function].path
                for node, classes in _missing(graph, known, function, path):
                    if node not in seen:
                        seen.add(node)
                        yield self._finding(graph, buffer, node, path, classes)

    def _finding(
        self, graph: ReplayGraph, buffer: ReplayBuffer, node: ir.Attr, path: str, classes: list[ir.Class]
    ) -> Finding:
        owner = graph.project.qualified(classes[0])
        return self.finding(
            graph,
            path,
            node,
            f"`{graph.source(path, node)}`: {owner} has no attribute `{node.attr}`",
            evidence=[
                graph.evidence(path, node, "asked", f"`{node.attr}` is asked for here"),
                *(
                    graph.evidence(graph.project.module_of[cls].path, cls, "class", "nothing here has that name")
                    for cls in classes
                ),
            ],
            fix=FixOffer(title="use a name that the class has"),
            pipeline=graph.name_of(buffer),
        )

    def witness(self) -> str:
        """What a misspelt update does after a warm-up in which it is not reached."""
        import numpy as np

        class Memory:
            def update(self, slots: np.ndarray) -> None:
                """Nothing."""

        memory, steps = Memory(), 0
        try:
            for step in range(1000):
                steps = step
                if step >= 500:
                    memory.update_prios(np.arange(4))  # type: ignore[attr-defined]
        except AttributeError as error:
            said = str(error)
        assert steps == 500
        assert "update_prios" in said
        return f"training ends at step {steps} of 1,000, when the warm-up is over: {said}"

    bad: ClassVar[tuple[Example, ...]] = (
        Example(
            "an update under another name, in two files",
            {
                "memory.py": """import numpy as np


class Memory:
    def __init__(self, size):
        self.rows, self.priorities, self.size, self.at = [None] * size, np.zeros(size), size, 0

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at % self.size] = (state, action, reward, next_state, done)
        self.priorities[self.at % self.size] = 1.0
        self.at += 1

    def sample(self, n, beta):
        p = self.priorities / self.priorities.sum()
        slots = np.random.choice(self.size, n, p=p)  # <- PER003
        weights = (self.size * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        self.priorities[slots] = np.abs(errors) + 1e-6
""",
                "agent.py": """from memory import Memory


class Agent:
    def __init__(self, net, optimizer):
        self.memory = Memory(5000)
        self.net, self.optimizer = net, optimizer

    def learn(self, beta):
        if self.memory.at < 5000:
            return
        batch, slots, weights = self.memory.sample(32, beta)
        errors = self.net.errors(batch)
        loss = (weights * errors**2).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.memory.update_prios(slots, errors)  # <- PER901


def main(env, net, optimizer):
    agent = Agent(net, optimizer)
    state = env.reset()
    for step in range(100_000):
        next_state, reward, done, _ = env.step(net.act(state))
        agent.memory.push(state, net.act(state), reward, next_state, done)
        state = next_state
        agent.learn(min(1.0, 0.4 + step / 100_000))
""",
            },
        ),
    )
    bad = (
        *bad,
        Example(
            "names that only the agent has, in the memory",
            {
                "memory.py": bad[0]
                .plain["memory.py"]
                .replace("np.zeros(size), size, 0", "np.zeros(self.room), size, 0  # <- PER901")
                .replace("self.priorities.sum()", "(self.priorities.sum() * self.rate)  # <- PER901")
                .replace("    def update(", "    def update_prios("),
                "agent.py": bad[0]
                .plain["agent.py"]
                .replace("        self.memory =", "        self.rate = 0.1\n        self.memory =")
                .replace("prios(slots, errors)", "prios(slots, errors.detach())"),
            },
        ),
    )
    good = (
        Example(
            "the name that the class has",
            {
                "memory.py": bad[0].plain["memory.py"],
                "agent.py": bad[0].plain["agent.py"].replace("update_prios", "update"),
            },
        ),
        Example(
            "a name of a base",
            {
                "memory.py": bad[0]
                .plain["memory.py"]
                .replace(
                    "class Memory:",
                    "class Base:\n    def update_prios(self, slots, errors):\n        self.update(slots, errors)\n\n\n"
                    "class Memory(Base):",
                ),
                "agent.py": bad[0].plain["agent.py"],
            },
        ),
        Example(
            "a base that is not part of the project",
            {
                "memory.py": bad[0]
                .plain["memory.py"]
                .replace("class Memory:", "from replays import Base\n\n\nclass Memory(Base):"),
                "agent.py": bad[0].plain["agent.py"],
            },
        ),
        Example(
            "names that a base gives its objects, and what is given an attribute from outside",
            {
                "memory.py": bad[1]
                .plain["memory.py"]
                .replace(
                    "class Memory:",
                    "class Sized:\n    def set_room(self, size):\n        self.room = size\n\n\nclass Memory(Sized):",
                )
                .replace("        self.rows,", "        self.set_room(size)\n        self.rows,"),
                "agent.py": bad[1]
                .plain["agent.py"]
                .replace("Memory(5000)\n", "Memory(5000)\n        self.memory.rate = 1.0\n"),
            },
        ),
        Example(
            "names that are answered at run time",
            {
                "memory.py": bad[0].plain["memory.py"]
                + "\n    def __getattr__(self, name):\n        return getattr(self.rows, name)\n",
                "agent.py": bad[0].plain["agent.py"],
            },
        ),
        Example(
            "a method that is put onto the class",
            {
                "memory.py": bad[0].plain["memory.py"] + "\n\nMemory.update_prios = Memory.update\n",
                "agent.py": bad[0].plain["agent.py"],
            },
        ),
        Example(
            "a switch",
            {
                "memory.py": bad[0].plain["memory.py"],
                "agent.py": bad[0]
                .plain["agent.py"]
                .replace(
                    "        self.memory.update_prios",
                    "        if self.net.old_memory:\n            self.memory.update_prios",
                ),
            },
        ),
        Example(
            "a memory that is passed in",
            {
                "memory.py": bad[0].plain["memory.py"],
                "agent.py": bad[0]
                .plain["agent.py"]
                .replace("net, optimizer):\n        self", "net, optimizer, memory):\n        self")
                .replace("= Memory(5000)", "= memory")
                .replace("Agent(net, optimizer)", "Agent(net, optimizer, env.memory or Memory(5000))"),
            },
        ),
        Example(
            "a test of which class the memory is of",
            {
                "memory.py": bad[0].plain["memory.py"]
                + "\n\nclass Rated(Memory):\n"
                + "    def update_prios(self, slots, errors):\n        self.update(slots, errors)\n",
                "agent.py": bad[0]
                .plain["agent.py"]
                .replace("import Memory", "import Memory, Rated")
                .replace(
                    "        self.memory.update_prios",
                    "        if Rated is self.net.memory_class:\n            self.memory.update_prios",
                ),
            },
        ),
        Example(
            "the same by its equality",
            {
                "memory.py": bad[0].plain["memory.py"]
                + "\n\nclass Rated(Memory):\n"
                + "    def update_prios(self, slots, errors):\n        self.update(slots, errors)\n",
                "agent.py": bad[0]
                .plain["agent.py"]
                .replace("import Memory", "import Memory, Rated")
                .replace(
                    "        self.memory.update_prios",
                    "        if self.net.memory_class == Rated:\n            self.memory.update_prios",
                ),
            },
        ),
    )


class _Names:
    """Which names the classes of a project have."""

    def __init__(self, graph: ReplayGraph) -> None:
        self._graph = graph
        self._of_class: dict[ir.Class, frozenset[str] | None] = {}
        self._of_term: dict[Term, list[ir.Class]] = {}
        nodes = [node for module in graph.project.modules.values() for node in module.nodes]
        self._own, inside = self._of_objects()
        given = (part for node in nodes for part in _targets(node) if isinstance(part, ir.Attr))
        self._assigned = {part.attr for part in given if part not in inside}
        self._asked = {node.value for node in nodes if isinstance(node, ir.Const) and isinstance(node.value, str)}
        self._made = {cls for site in graph.events.calls.values() for cls in site.classes}
        self.are_open = any(
            (isinstance(node, ir.Name) and node.id == "setattr")
            or (isinstance(node, ir.Attr) and node.attr in _OPEN)
            or (isinstance(node, ir.Function) and node.name in _OPEN)
            for node in nodes
        )

    def _of_objects(self) -> tuple[dict[str, set[ir.Class]], set[ir.Node]]:
        """By their names, the classes whose methods give their objects attributes, and the targets that do so."""
        own: dict[str, set[ir.Class]] = defaultdict(set)
        inside: set[ir.Node] = set()
        for function, cls in self._graph.project.class_of.items():
            if not isinstance(function, ir.Function) or not self._graph.symbols.takes_self(function):
                continue
            for target in (part for node in ir.walk(function) for part in _targets(node)):
                if isinstance(target, ir.Attr) and _is_of_object(target.value, function):
                    own[target.attr].add(cls)
                    inside.add(target)
        return own, inside

    def has_own(self, function: ir.Function, node: ir.Attr) -> bool:
        """Whether a method asks its object for an attribute that a method of its class gives it."""
        cls = self._graph.project.class_of.get(function)
        return cls in self._own.get(node.attr, ()) and _is_of_object(node.value, function)

    def are_given(self, name: str) -> bool:
        """Whether something is given an attribute of the name from outside, or by its text."""
        return name.startswith("__") or name in self._assigned or name in self._asked

    def classes_of(self, term: Term) -> list[ir.Class]:
        """The classes that what a term stands for is an object of; none where it may be anything else."""
        if term.op not in _HOLDERS:
            return []
        known = self._of_term.get(term)
        if known is None:
            options = alternatives(self._graph.symbols.expanded(term))
            found = [option.data for option in options if option.op == "object" and isinstance(option.data, ir.Class)]
            known = self._of_term[term] = found if len(found) == len(options) else []
        return known

    def lack(self, cls: ir.Class, name: str) -> bool:
        """Whether no object of the class, or of an heir of it, can have an attribute of the name."""
        heirs = self._heirs(cls)
        names = [self._names(each) for each in heirs]
        if heirs.isdisjoint(self._made) or not all(known is not None and name not in known for known in names):
            return False
        return self._own[name].isdisjoint(base for each in heirs for base in self._graph.classes.mro(each))

    def _heirs(self, cls: ir.Class) -> set[ir.Class]:
        found, edge = {cls}, [cls]
        while edge:
            for heir in self._graph.classes.heirs(edge.pop()):
                if heir not in found:
                    found.add(heir)
                    edge.append(heir)
        return found

    def _names(self, cls: ir.Class) -> frozenset[str] | None:
        """The names that a class and its bases define; None where they cannot all be known."""
        if cls not in self._of_class:
            interpreter = self._graph.interpreter
            mro = interpreter.classes.mro(cls)
            closed = not any(each.decorators or each.keywords for each in mro) and all(
                len(interpreter.classes.bases(each)) == len(each.bases)
                and all(value.atoms and all(map(_is_known, value.atoms)) for value in interpreter.classes.bases(each))
                for each in mro
            )
            self._of_class[cls] = frozenset(n for each in mro for n in _defined(each.body)) if closed else None
        return self._of_class[cls]


def _is_of_object(node: ir.Expr, function: ir.Function) -> bool:
    """Whether an expression is the object that a method is called on."""
    return isinstance(node, ir.Name) and bool(function.parameters) and node.id == function.parameters[0].name


def _is_known(base: object) -> bool:
    return isinstance(base, ClassRef) or (isinstance(base, External) and base.name in _PLAIN_BASES)


def _defined(body: Iterable[ir.Stmt]) -> Iterator[str]:
    """The names that the statements of a class body bind, also under a test; those of its functions are not its own."""
    for statement in body:
        if isinstance(statement, (ir.Function, ir.Class)):
            yield statement.name
            continue
        for node in ir.walk(statement):
            if isinstance(node, (ir.Function, ir.Class)):
                yield node.name
            yield from (part.id for part in _targets(node) if isinstance(part, ir.Name))


def _targets(node: ir.Node) -> Iterator[ir.Node]:
    """What a statement binds."""
    found = getattr(node, "targets", None) or getattr(node, "target", None) or ()
    for target in found if isinstance(found, (list, tuple)) else [found]:
        if isinstance(target, ir.Node):
            yield from ir.walk(target)


def _reached(graph: ReplayGraph, buffer: ReplayBuffer) -> list[ir.Function]:
    """The functions that draw, learn, and are called by these, those that store, and the constructor."""
    reached: dict[ev.Owner, None] = {store.function: None for store in buffer.stores if store.function in graph.callers}
    if buffer.owner is not None:
        reached[graph.classes.find_method(buffer.owner, "__init__")] = None
    for function in graph.training_functions(buffer):
        if graph.learns(function) or function is buffer.function:
            reached.update(dict.fromkeys(graph.reachable(function, 2)))
    functions = [function for function in reached if isinstance(function, ir.Function)]
    return sorted(functions, key=lambda function: (graph.project.module_of[function].path, function.start))


def _missing(
    graph: ReplayGraph, known: _Names, function: ir.Function, path: str
) -> Iterator[tuple[ir.Attr, list[ir.Class]]]:
    """The attributes that a function asks for which cannot be there, each with the classes that lack it."""
    for node in ir.walk(*function.body):
        if not isinstance(node, ir.Attr) or known.are_given(node.attr) or known.has_own(function, node):
            continue
        if not _is_guarded(graph, path, node):
            classes = known.classes_of(graph.symbols.term(path, node.value))
            if classes and all(known.lack(cls, node.attr) for cls in classes):
                yield node, classes


def _is_guarded(graph: ReplayGraph, path: str, node: ir.Node) -> bool:
    """Whether the node stands in a `try`, or under a test of anything but numbers."""
    for around in graph.ancestors(path, node):
        if isinstance(around, (ir.Try, ir.IfExp, ir.Logic, ir.Match)):
            return True
        if isinstance(around, ir.If) and not _compares_numbers(graph, around.test):
            return True
        if isinstance(around, ir.Function):
            return False
    return False


def _compares_numbers(graph: ReplayGraph, test: ir.Expr) -> bool:
    """Whether a test compares what may be numbers: no text, no class, and not whether two things are the same one."""
    return isinstance(test, ir.Cmp) and not any(
        (isinstance(part, ir.Const) and not isinstance(part.value, (int, float)))
        or (isinstance(part, ir.Cmp) and not {"is", "is not"}.isdisjoint(part.ops))
        or any(isinstance(atom, ClassRef) for atom in graph.events.value(part).atoms)
        for part in ir.walk(test)
    )
