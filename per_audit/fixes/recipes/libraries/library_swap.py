"""Library swap: a script's buffer of Stable-Baselines3 or CleanRL becomes the reference's one with the same interface.

The batch keeps its attributes and gets two more: `data.weights` and `data.indices`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Draft, Refused
from per_audit.fixes.recipes import lap
from per_audit.fixes.recipes.batch.travel import Consumer
from per_audit.fixes.recipes.learning.delegated import Delegated
from per_audit.fixes.recipes.learning.losses import Loss, Losses
from per_audit.fixes.recipes.learning.priorities import absolute_errors, after_step
from per_audit.fixes.recipes.schedule.budget import schedule
from per_audit.fixes.recipes.shared import ACTOR_CRITIC, DENSE, NO_SHARE, backward_passes
from per_audit.graph import UNIFORM, LibraryBuffer, ReplayBuffer
from per_audit.graph.episodes.environments import is_dense

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev

_PACKAGES = {"stable_baselines3", "cleanrl_utils"}
_ADAPTER = "adapters.cleanrl"
_METHODS = {"add", "sample", "size"}
_ARGUMENTS = {
    "buffer_size", "observation_space", "action_space", "device", "n_envs", "optimize_memory_usage",
    "handle_timeout_termination",
}  # fmt: skip
_FIELDS = {"observations", "actions", "next_observations", "dones", "rewards"}


def applies(buffer: LibraryBuffer) -> bool:
    """Whether the reference has a buffer with the interface of this one."""
    return (
        buffer.framework.package in _PACKAGES
        and buffer.name == "ReplayBuffer"
        and not buffer.heir_of
        and bool(buffer.samples)
    )


def convert(draft: Draft, buffer: LibraryBuffer) -> None:
    """Make the edits, or raise Refused."""
    path, made = buffer.path, buffer.node
    lap.refuse_library(draft, buffer.name)
    handle = _handle(draft, buffer)
    if not isinstance(made, ir.Call) or any(a.star or (a.keyword or "device") not in _ARGUMENTS for a in made.args):
        raise Refused(f"the buffer made at {draft.where(path, made)} has options that are not understood")
    draw, batch = _draw(draft, buffer)
    _import(draft, buffer)
    stand_in = ReplayBuffer(UNIFORM, path, None, draw.function, [draw.node])
    arrival = draft.graph.statement(path, draw.node)
    update = f"{handle}.update_priorities"
    consumer = Consumer(path, draw.function, f"{batch}.weights", f"{batch}.indices", update, arrival)
    losses = _SampledLosses(draft, stand_in, consumer, batch)
    found = losses.find()
    if found:
        is_actor_critic = losses.is_actor_critic
        errors, statement, names = absolute_errors(draft, losses, found)
        losses.weight(found)
        after = after_step(draft, path, statement, names)
        line = draft.call(path, after, "", update, [consumer.indices, errors])
        draft.insert_after(path, after, [line], "the TD errors become the priorities")
    else:
        delegated = _SampledDelegated(draft, stand_in, batch)
        is_actor_critic = sum(map(backward_passes, delegated.bodies(consumer))) > 1
        if delegated.takes_arrays(consumer):
            consumer = replace(consumer, weights=f"{batch}.weights.numpy()")
        if not delegated.convert(consumer):
            raise Refused(f"no TD loss that can be weighted was found after {draft.where(path, draw.node)}")
    draft.add_argument(path, made, schedule(draft, stand_in), "how strongly the weights correct, up to 1 at the end")
    if is_actor_critic:
        draft.add_argument(path, made, NO_SHARE, "textbook prioritised replay")
        draft.steps.append(ACTOR_CRITIC)
    elif is_dense(draft.graph, path, draw.function):
        draft.add_argument(path, made, NO_SHARE, "rewards of every step are not rare")
        draft.steps.append(DENSE)


class _SampledLosses(Losses):
    """The losses of a script that draws `data`: they are computed from its attributes."""

    def __init__(self, draft: Draft, buffer: ReplayBuffer, consumer: Consumer, batch: str) -> None:
        super().__init__(draft, buffer, consumer)
        self.batch = batch

    def _from_batch(self, loss: Loss) -> bool:
        parts = self.sources(loss.prediction, loss.target)
        return any(isinstance(part, ir.Name) and part.id == self.batch for part in parts)

    @property
    def is_actor_critic(self) -> bool:
        """Whether more than one loss is learnt from."""
        calls = (node.func for node in ir.walk_scope(self.body) if isinstance(node, ir.Call))
        return sum(isinstance(func, ir.Attr) and func.attr == "backward" for func in calls) > 1


class _SampledDelegated(Delegated):
    """The functions that a script gives fields of `data` to."""

    def __init__(self, draft: Draft, buffer: ReplayBuffer, batch: str) -> None:
        super().__init__(draft, buffer)
        self.batch = batch

    def _gives_batch(self, site: ev.CallSite) -> bool:
        parts = (part for argument in site.node.args for part in ir.walk(argument))
        return site.path == self.buffer.path and any(isinstance(n, ir.Name) and n.id == self.batch for n in parts)

    def takes_arrays(self, consumer: Consumer) -> bool:
        """Whether a function that learns is given arrays, as JAX's are: `data.rewards.numpy()`."""
        given = (a.value for site in self._learning_calls(consumer.function, consumer.path) for a in site.node.args)
        return any(isinstance(n, ir.Call) and isinstance(n.func, ir.Attr) and n.func.attr == "numpy" for n in given)


def _handle(draft: Draft, buffer: LibraryBuffer) -> str:
    """The name of the buffer. Refuses where the project does with it what the other one has no answer to."""
    path = buffer.path
    statement = draft.graph.parents(path).get(buffer.node)
    target = statement.targets[0] if isinstance(statement, ir.Assign) and len(statement.targets) == 1 else None
    if not isinstance(target, ir.Name):
        raise Refused(f"the buffer made at {draft.where(path, buffer.node)} has no plain name")
    for node, around in _uses(draft, path, target):
        call = draft.graph.parents(path).get(around) if isinstance(around, ir.Attr) else None
        if not isinstance(around, ir.Attr) or around.attr not in _METHODS or not isinstance(call, ir.Call):
            raise Refused(f"{target.id} is used in an unknown way at {draft.where(path, node)}")
    return target.id


def _uses(draft: Draft, path: str, name: ir.Name) -> list[tuple[ir.Name, ir.Node | None]]:
    """Where a file names something else but in this place, with what stands around it."""
    table = draft.graph.parents(path)
    nodes = ir.walk(*draft.graph.module(path).body)
    return [(n, table.get(n)) for n in nodes if isinstance(n, ir.Name) and n.id == name.id and n is not name]


def _draw(draft: Draft, buffer: LibraryBuffer) -> tuple[ev.CallSite, str]:
    """The only draw, and the name of its batch, of which nothing but the known attributes is used."""
    path = buffer.path
    if len(buffer.samples) != 1 or buffer.samples[0].path != path:
        raise Refused(f"the buffer made at {draft.where(path, buffer.node)} is drawn from in several places")
    (draw,) = buffer.samples
    statement = draft.graph.parents(path).get(draw.node)
    target = statement.targets[0] if isinstance(statement, ir.Assign) and len(statement.targets) == 1 else None
    if not isinstance(target, ir.Name):
        raise Refused(f"the batch drawn at {draft.where(path, draw.node)} has no plain name")
    for node, around in _uses(draft, path, target):
        if not (isinstance(around, ir.Attr) and around.attr in _FIELDS):
            raise Refused(f"the batch is used as a whole at {draft.where(path, node)}")
    return draw, target.id


def _import(draft: Draft, buffer: LibraryBuffer) -> None:
    """Import the class from the reference instead."""
    path = buffer.path
    module = draft.graph.module(path)
    for node in module.body:
        if isinstance(node, ir.ImportFrom) and node.names == [(buffer.name, None)] and not node.level:
            place = re.compile(rb"from\s+([\w.]+)").match(module.text, node.start)
            assert place is not None
            note = "the same interface, drawn from by priority"
            draft.replace(path, place.start(1), place.end(1), f"experience_replay_optimizer.{_ADAPTER}", note)
            draft.imports[path].add(_ADAPTER)
            return
    raise Refused(f"{buffer.name} is imported in {path} together with other names, or under another one")
