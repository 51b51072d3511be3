"""Replay buffers of other libraries: which of their classes draw uniformly, and which by priority.

A class is known by its package and its own name, so that re-exports and moves inside the package do not matter. The
table holds names that the libraries document; code of a project is recognised by structure (`recognise`) instead.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from per_audit.facts import ModuleFacts, ir
from per_audit.graph.roles import words
from per_audit.graph.values import Result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph import events as ev


@dataclass(frozen=True, slots=True)
class Framework:
    """One library: `uniform` and `prioritised` are names of its classes and factories.

    `replaceable` is False where the library's agents accept no other buffer than their own.
    """

    title: str
    uniform: frozenset[str]
    prioritised: frozenset[str] = frozenset()
    replaceable: bool = True


def _framework(title: str, uniform: str, prioritised: str = "", replaceable: bool = True) -> Framework:
    return Framework(title, frozenset(uniform.split()), frozenset(prioritised.split()), replaceable)


FRAMEWORKS = {
    "stable_baselines3": _framework("Stable-Baselines3", "ReplayBuffer DictReplayBuffer"),
    "stable_baselines": _framework("Stable-Baselines", "ReplayBuffer", "PrioritizedReplayBuffer"),
    "baselines": _framework("Baselines", "ReplayBuffer", "PrioritizedReplayBuffer"),
    "cleanrl_utils": _framework("CleanRL", "ReplayBuffer DictReplayBuffer"),
    "tianshou": _framework(
        "tianshou",
        "ReplayBuffer VectorReplayBuffer ReplayBufferManager CachedReplayBuffer",
        "PrioritizedReplayBuffer PrioritizedVectorReplayBuffer PrioritizedReplayBufferManager",
    ),
    "torchrl": _framework(
        "TorchRL",
        "ReplayBuffer TensorDictReplayBuffer",
        "PrioritizedReplayBuffer TensorDictPrioritizedReplayBuffer PrioritizedSampler PrioritizedSliceSampler",
    ),
    "pfrl": _framework("PFRL", "ReplayBuffer", "PrioritizedReplayBuffer PrioritizedEpisodicReplayBuffer"),
    "chainerrl": _framework("ChainerRL", "ReplayBuffer", "PrioritizedReplayBuffer PrioritizedEpisodicReplayBuffer"),
    "ptan": _framework("PTAN", "ExperienceReplayBuffer", "PrioritizedReplayBuffer PrioReplayBufferNaive"),
    "cpprb": _framework("cpprb", "ReplayBuffer", "PrioritizedReplayBuffer MPPrioritizedReplayBuffer"),
    "flashbax": _framework(
        "flashbax",
        "make_item_buffer make_flat_buffer make_trajectory_buffer",
        "make_prioritised_item_buffer make_prioritised_flat_buffer make_prioritised_trajectory_buffer",
    ),
    "tf_agents": _framework("TF-Agents", "TFUniformReplayBuffer PyUniformReplayBuffer PyHashedReplayBuffer"),
    "dopamine": _framework(
        "Dopamine",
        "OutOfGraphReplayBuffer WrappedReplayBuffer",
        "OutOfGraphPrioritizedReplayBuffer WrappedPrioritizedReplayBuffer",
    ),
    "rlkit": _framework("rlkit", "EnvReplayBuffer SimpleReplayBuffer"),
    "mushroom_rl": _framework("MushroomRL", "ReplayMemory", "PrioritizedReplayMemory"),
    "agilerl": _framework("AgileRL", "ReplayBuffer MultiAgentReplayBuffer", "PrioritizedReplayBuffer"),
    "garage": _framework("garage", "PathBuffer"),
    "ding": _framework("DI-engine", "DequeBuffer", "PriorityExperienceReplay"),
    "rl": _framework("Keras-RL", "SequentialMemory", "PrioritizedMemory", replaceable=False),
}

# Samplers of TorchRL that draw each transition with the same probability and with replacement.
_UNIFORM_SAMPLERS = {"RandomSampler"}
# A library's buffer that holds one rollout, or a fixed data set, is no replay memory.
_NO_REPLAY = {
    "ppo", "a2c", "a3c", "trpo", "npg", "vpg", "reinforce", "gae", "acktr", "impala", "vtrace", "gail", "onpolicy",
    "dataset", "offline", "imitation", "behavior", "behaviour", "cloning", "bc", "bcq", "cql", "decision", "grpo",
    "dreamer",
}  # fmt: skip
_TRAINS = {"backward", "fit", "train", "minimize", "gradients", "update", "learn", "loss", "optimize", "step", "grad"}
_EMPTIES = {"clear", "empty", "reset", "gather_all", "truncate"}


@dataclass(slots=True, eq=False)
class LibraryBuffer:
    """A buffer of a library, made at `node` inside `function`; `samples` are the calls that draw from it."""

    framework: Framework
    name: str
    prioritised: bool
    path: str
    node: ir.Call
    function: ev.Owner
    samples: list[ev.CallSite] = field(default_factory=list)
    stores: list[ev.CallSite] = field(default_factory=list)


def find_library_buffers(
    modules: dict[str, ModuleFacts], events: ev.Events, known: set[ir.Class]
) -> list[LibraryBuffer]:
    """The library buffers that the project learns from, in order of their places.

    A buffer that can be switched to a prioritised one is left out, and so is one whose class is in the project and was
    recognised there (`known`): that is one finding, at its draw.
    """
    sites: dict[str, list[ev.CallSite]] = {}
    for site in events.calls.values():
        sites.setdefault(site.path, []).append(site)
    users: dict[ir.Node, list[ev.CallSite]] = {}
    given: set[ir.Node] = set()
    for site in events.calls.values():
        for atom in site.receiver.atoms:
            if isinstance(atom, Result):
                users.setdefault(atom.call, []).append(site)
        given |= {atom.call for value in site.arguments for atom in value.atoms if isinstance(atom, Result)}
    found: list[LibraryBuffer] = []
    packages = [b"rl.memory" if package == "rl" else package.encode() for package in FRAMEWORKS]
    for path, module in sorted(modules.items()):
        if not any(package in module.text for package in packages):
            continue
        names = _imported(module)
        if not any(dotted.partition(".")[0] in FRAMEWORKS for dotted in names.values()):
            continue
        made = [
            LibraryBuffer(framework, name, name in framework.prioritised, path, site.node, site.function)
            for site in sites.get(path, ())
            for framework, name in _known(site, names)
            if _package(site, names) not in path.split("/")[:-1] and not site.classes & known
        ]
        if _learns_otherwise(names):
            made = [buffer for buffer in made if buffer.prioritised]
        switched = {buffer.function for buffer in made if buffer.prioritised}
        for buffer in made:
            calls = users.get(buffer.node, [])
            methods = [(site, site.node.func.attr) for site in calls if isinstance(site.node.func, ir.Attr)]
            if not buffer.prioritised:
                if buffer.function in switched or not _is_uniform(buffer, events, names):
                    continue
                if any(method in _EMPTIES for _, method in methods):
                    continue
                learnt = any(_learns(site) for site in sites.get(path, ()))
                drawn = any("sample" in method for _, method in methods)
                if is_test(path) or (drawn and not learnt and buffer.node not in given):
                    continue
            buffer.samples = [site for site, method in methods if "sample" in method]
            buffer.stores = [
                site for site, method in methods if method in ("add", "extend", "append", "insert", "populate")
            ]
            found.append(buffer)
    return sorted(found, key=lambda buffer: (buffer.path, buffer.node.start))


def _learns(site: ev.CallSite) -> bool:
    """Whether the call may train something; broader than a backward pass, since libraries hide theirs."""
    func = site.node.func
    name = func.attr if isinstance(func, ir.Attr) else getattr(func, "id", "")
    return not _TRAINS.isdisjoint(words(name)) or any(
        n.endswith(("value_and_grad", "GradientTape")) for n in site.names
    )


def is_test(path: str) -> bool:
    """Whether the file holds tests, by where it is and what it is called: no training happens there."""
    *folders, name = path.split("/")
    return name.startswith(("test_", "conftest", "basetest")) or any(
        f in ("test", "tests") or f.endswith("_tests") for f in folders
    )


def _imported(module: ModuleFacts) -> dict[str, str]:
    """The dotted library names that a module's local names stand for."""
    names: dict[str, str] = {}
    for node in ir.walk(*module.body):
        if isinstance(node, ir.Import):
            for dotted, alias in node.names:
                names[alias or dotted.partition(".")[0]] = dotted if alias else dotted.partition(".")[0]
        elif isinstance(node, ir.ImportFrom) and not node.level:
            for name, alias in node.names:
                names[alias or name] = f"{node.module}.{name}"
    return names


def _dotted(expression: ir.Expr, names: dict[str, str]) -> str:
    parts: list[str] = []
    while isinstance(expression, (ir.Attr, ir.Sub)):
        if isinstance(expression, ir.Attr):
            parts.append(expression.attr)
        expression = expression.value
    if not isinstance(expression, ir.Name) or expression.id not in names:
        return ""
    return ".".join([names[expression.id], *reversed(parts)])


def _package(site: ev.CallSite, names: dict[str, str]) -> str:
    return _dotted(site.node.func, names).partition(".")[0]


def _known(site: ev.CallSite, names: dict[str, str]) -> Iterator[tuple[Framework, str]]:
    dotted = _dotted(site.node.func, names)
    package, _, rest = dotted.partition(".")
    framework = FRAMEWORKS.get(package)
    if framework is None or (package == "rl" and not rest.startswith("memory.")):
        return
    for name in reversed(rest.split(".")):
        if name in framework.uniform or name in framework.prioritised:
            yield framework, name
            return


def _learns_otherwise(names: dict[str, str]) -> bool:
    """Whether the module imports what on-policy or offline learning is made of from the same libraries."""
    return any(
        _NO_REPLAY & {*words(name), "".join(words(name))}
        for dotted in names.values()
        if dotted.partition(".")[0] in FRAMEWORKS
        for name in dotted.split(".")[1:]
    )


def _is_uniform(buffer: LibraryBuffer, events: ev.Events, names: dict[str, str]) -> bool:
    """Whether nothing that the buffer is given changes how it draws."""
    sampler = buffer.node.argument(None, "sampler")
    if sampler is None:
        return not any(arg.star == "**" for arg in buffer.node.args)
    made = {atom.name for atom in events.value(sampler).atoms if isinstance(atom, Result)}
    if isinstance(sampler, ir.Call):
        made.add(_dotted(sampler.func, names))
    return bool(made) and all(name.rpartition(".")[2] in _UNIFORM_SAMPLERS for name in made)
