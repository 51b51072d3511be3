"""Shapes of replay that no recipe converts: what they are called, and the steps that a person takes instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.pipelines import training_modules
from per_audit.graph.recognise.aside import DATA_SET, RECENT, SEQUENCES, SWITCHED
from per_audit.graph.recognise.draws.windows import begins_windows
from per_audit.graph.recognise.rows.sequences import sequence_in

if TYPE_CHECKING:
    from per_audit.graph import LibraryBuffer, ReplayBuffer, ReplayGraph
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.recognise.aside import Aside

_DRAW = "replace the draw by PrioritizedSampler or PrioritizedReplayBuffer of experience_replay_optimizer"
_CHECK = "run per-audit scan and per-audit verify"


@dataclass(frozen=True, slots=True)
class Shape:
    """`name` says what the code is, for a reason that begins with it; it is empty where nothing special was seen."""

    name: str
    steps: tuple[str, ...]


ANY = Shape(
    "",
    (
        _DRAW,
        "multiply the element-wise loss by the weights, then take the mean (importance_weighted_loss)",
        "give the TD errors back after the step (update_priorities, absolute_td_error)",
        _CHECK,
    ),
)
TWO_POSITIONS = Shape(
    "transitions at two drawn positions, such as an episode and a step of it",
    (
        "draw one position with a PrioritizedSampler and take it apart: episode, step = divmod(position, length)",
        "tell the sampler of every transition that is stored, and of none that is not there yet",
        "where goals or rewards are made anew after the draw, a priority is that of the goal it was last drawn with",
        "multiply the element-wise loss by the weights, then take the mean (importance_weighted_loss)",
        "give the TD errors back after the step (update_priorities, absolute_td_error)",
        _CHECK,
    ),
)
_OF_SEQUENCE = "0.9 times the largest |TD error| of its steps and 0.1 times their mean (R2D2)"
_WEIGH_STEPS = "multiply the losses of all steps of a sequence by its weight, before the mean"
_BY_SEQUENCE = (
    "give each sequence one priority, a PrioritizedSampler over the positions at which one may begin:"
    f" {_OF_SEQUENCE}; where a model of the environment is learnt and no TD error is computed, leave it uniform",
    _WEIGH_STEPS,
    _CHECK,
)
STEPS_IN_A_ROW = Shape(
    "each item is many steps in a row, such as an episode",
    (
        f"keep the items in a PrioritizedReplayBuffer, and give each one priority: {_OF_SEQUENCE}",
        _WEIGH_STEPS,
        "or store the transitions one by one, where no network remembers the steps before",
        _CHECK,
    ),
)
TENSORFLOW_1 = Shape(
    "a graph of TensorFlow 1",
    (
        _DRAW,
        "add a placeholder for the weights beside those of the batch, tf.placeholder(tf.float32, [None]), and feed it",
        "keep one value a transition in the loss and weigh it: tf.reduce_mean(weights * tf.square(target - q))",
        "fetch tf.abs(target - q) in the run of the training operation and give it to update_priorities(indices, ...)",
        _CHECK,
    ),
)

WINDOWS = Shape("windows of several steps", _BY_SEQUENCE)

_ASIDE = {
    SWITCHED: Shape("uniform draws that a setting chooses", ()),
    RECENT: Shape(
        "the newest transitions are taken in order, and none is drawn",
        (
            "decide whether it is to be replay at all: draws from all that is stored break the correlation of steps in"
            " a row, and what is older is learnt from again",
            *ANY.steps,
        ),
    ),
    SEQUENCES: Shape("sequences of steps are drawn, not transitions: fix does not convert it", _BY_SEQUENCE),
    DATA_SET: Shape(
        "a data set draws by itself, for a DataLoader or its worker processes: fix does not convert it",
        (
            "yield the position of each transition with it, and keep a PrioritizedSampler in the process that trains:"
            " workers have copies of what they are given, which no update reaches",
            "or give up the workers and draw in the training loop, from a PrioritizedReplayBuffer",
            *ANY.steps[1:],
        ),
    ),
}


def shape_aside(graph: ReplayGraph, aside: Aside) -> Shape:
    """Why a memory that is no finding is left as it is, and what a person may do."""
    shape, other = _ASIDE[aside.why], aside.other
    if aside.why == SWITCHED:
        by = f"{graph.name_of(other)} ({graph.module(other.path).where(other.draws[0].start)})" if other else "others"
        return Shape(f"{shape.name}: the project can draw by priority in their place, from {by}", shape.steps)
    return shape


def shape_of(graph: ReplayGraph, buffer: ReplayBuffer) -> Shape:
    """What is special about how a buffer's batches are learnt from."""
    paths = training_modules(graph, buffer) | {site.path for site in buffer.samples}
    functions = [*graph.training_functions(buffer), None]
    sites = [site for function in functions for site in graph.calls_of(function, paths)]
    if any(_feeds(site) for site in sites):
        return TENSORFLOW_1
    if any(sequence_in(graph, buffer, container) for container in buffer.containers):
        return STEPS_IN_A_ROW
    if any(begins_windows(graph, buffer.path, draw) for draw in buffer.draws):
        return WINDOWS
    return TWO_POSITIONS if takes_two(graph, buffer) else ANY


def takes_two(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether rows are read at two drawn positions at once: `rows[episodes, steps]`."""
    for gather in graph.events.gathers.values():
        index = gather.node.index if isinstance(gather.node, ir.Sub) else None
        if gather.container in buffer.containers and isinstance(index, ir.Seq) and len(gather.draws) > 1:
            drawn = [graph.events.value(item).tagged("index") & gather.draws for item in index.items]
            if sum(map(bool, drawn)) > 1 and not buffer.sources.isdisjoint(gather.draws):
                return True
    return False


def _feeds(site: ev.CallSite) -> bool:
    """Whether a call runs a part of a graph with fed values: `session.run(..., feed_dict=...)`, `train.run({...})`."""
    return site.node.keyword("feed_dict") is not None or any(
        name.startswith("tensorflow.") and name.endswith("Session.run") for name in site.names
    )


def library_shape(buffer: LibraryBuffer) -> tuple[str, Shape]:
    """Why a library's buffer is not exchanged, and the steps."""
    title, instead = buffer.framework.title, buffer.kind.instead
    steps: tuple[str, ...]
    if buffer.algorithm is not None and buffer.kind.steps:
        reason = f"{buffer.name} of {title} makes its buffer itself, draws from it and learns from it"
        steps = (*buffer.kind.steps, _CHECK)
    elif not buffer.framework.replaceable or buffer.algorithm is not None:
        reason = f"the agents of {title} accept no other buffer than their own, and weigh no loss"
        steps = (
            f"move to an agent whose loss takes weights, or subclass that of {title}: draw with PrioritizedSampler,"
            " weigh its loss, give its TD errors back",
            _CHECK,
        )
    elif buffer.heir_of:
        reason = f"{buffer.name} is derived from {buffer.heir_of} of the library {title}, and adds to it"
        steps = (*ANY.steps[:3], _CHECK)
    elif instead:
        reason = f"{buffer.name} belongs to the library {title}, whose own {instead} takes its place"
        steps = (
            f"make {instead} of {title} instead of {buffer.name}; its beta has to reach 1 by the end",
            f"see in {buffer.framework.documentation} whether its algorithms weigh their losses and update priorities,"
            " or do both where the batch is learnt from",
        )
        steps = (*(buffer.kind.steps or steps), _CHECK)
    else:
        reason = f"{buffer.name} belongs to the library {title}, which has none of its interface that draws by priority"
        steps = (*(buffer.kind.steps or ANY.steps[:3]), _CHECK)
    return reason, Shape(f"replay of a library ({title})", steps)
