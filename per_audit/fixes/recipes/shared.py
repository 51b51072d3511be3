"""What both swaps need: the arguments of the new object, and the checks of what happens after the draw."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Draft, Refused
from per_audit.fixes.recipes import lap
from per_audit.fixes.recipes.containers.branches import alternatives
from per_audit.fixes.recipes.containers.remade import first_made
from per_audit.fixes.recipes.containers.seeded import seed_of
from per_audit.fixes.recipes.learning import no_loss
from per_audit.fixes.recipes.learning.delegated import Delegated
from per_audit.fixes.recipes.learning.differentiated import Differentiated
from per_audit.fixes.recipes.learning.fitted_rows import FittedRows
from per_audit.fixes.recipes.learning.losses import Losses
from per_audit.fixes.recipes.learning.priorities import give_back
from per_audit.fixes.recipes.learning.rows import refuse_other_rows
from per_audit.fixes.recipes.schedule.budget import schedule
from per_audit.graph import UNIFORM
from per_audit.graph.episodes.environments import is_dense
from per_audit.graph.recognise.draws.level import is_of_episodes
from per_audit.graph.recognise.draws.windows import begins_windows

if TYPE_CHECKING:
    from per_audit.fixes.recipes.batch.travel import Consumer
    from per_audit.graph import ReplayBuffer, ReplayGraph
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.interpret.values import Alloc

NO_SHARE = "rare_fraction=0"
ACTOR_CRITIC = (
    f"{NO_SHARE}: in actor-critic code a share reserved for rare events does not pay; prioritised draws themselves"
    " often fall behind uniform ones there, because the actor learns from transitions with large TD errors (Saglam et"
    " al., JAIR 2023). Compare with the code as it was, and with --buffer lap, the loss-adjusted variant that was made"
    " for such code (Fujimoto et al. 2020, arXiv 2007.06049)"
)

DENSE = (
    f"{NO_SHARE}: the environments that the program makes pay in every step, so that rewards far from the mean are"
    " not rare, and a share of each batch that is reserved for them does not pay"
)
_PASSES = ("backward", "gradient", "grad", "value_and_grad")


def learn_from(draft: Draft, buffer: ReplayBuffer, consumers: list[Consumer]) -> bool:
    """Weigh the losses of all consumers and give priorities back; tells whether one of them is an actor-critic."""
    is_actor_critic = False
    refuse_other_rows(draft, buffer)
    if not any(consumer.learns for consumer in consumers):
        raise Refused(no_loss.reason(draft, buffer, consumers))
    delegated = Delegated(draft, buffer)
    for consumer in consumers:
        draft.weighted |= {loss.node for loss in Losses(draft, buffer, consumer).find()} if consumer.learns else set()
    for consumer in consumers:
        _refuse_other_batches(draft, buffer, consumer)
        if not consumer.learns:
            name = draft.graph.symbol(consumer.function, consumer.path)
            draft.assumptions.append(
                f"{name} ({consumer.path}) only looks at its batch, which is drawn by priority now"
            )
            continue
        losses = Losses(draft, buffer, consumer)
        found = losses.find()
        is_actor_critic |= sum(map(backward_passes, delegated.bodies(consumer))) > 1
        if not found and (FittedRows(draft, buffer, consumer).convert() or delegated.convert(consumer)):
            continue
        differentiated = Differentiated(draft, buffer, consumer.function, consumer.path)
        if not found and differentiated.find():
            differentiated.convert(consumer)
            continue
        if not found:
            raise Refused(no_loss.reason(draft, buffer, [consumer]))
        _tell_unweighted(draft, losses)
        finish = give_back(draft, buffer, consumer, losses, found)
        losses.weight(found)
        finish()
    delegated.refuse_other_callers()
    return is_actor_critic


def _tell_unweighted(draft: Draft, losses: Losses) -> None:
    """Name the losses that stay as they were, although their batch is drawn in another way now."""
    for loss in losses.unweighted():
        remedy = "draw a uniform batch for it" if lap.is_chosen(draft) else "weigh it too"
        draft.steps.append(
            f"the loss at {losses.where(loss.node)} is of the same batch and stays without weights: what it teaches"
            " leans to transitions with large TD errors now. Where it is to hold for the memory as a whole, as a model"
            f" of the behaviour in it has to, {remedy}"
        )


def backward_passes(body: list[ir.Stmt]) -> int:
    """How many gradients statements take."""
    return sum(
        isinstance(node, ir.Call) and isinstance(node.func, ir.Attr) and node.func.attr in _PASSES
        for node in ir.walk_scope(body)
    )


def _refuse_other_batches(draft: Draft, buffer: ReplayBuffer, consumer: Consumer) -> None:
    """Refuse where the names of the batch are also bound by something that brings no weights."""
    if not isinstance(consumer.arrival, ir.Assign) or _is_given_on(draft, buffer, consumer.arrival):
        return
    function, ours = consumer.function, _names(consumer.arrival)
    body = function.body if isinstance(function, ir.Function) else draft.graph.module(consumer.path).body
    for node in ir.walk_scope(body):
        if isinstance(node, ir.Assign) and node not in consumer.arrivals and node.value is not None:
            is_from_batch = draft.graph.events.value(node.value).tagged("draw") & set(buffer.draws)
            if len(_names(node) & ours) >= min(len(ours), 3) > 0 and not is_from_batch:
                raise Refused(f"the batch comes from somewhere else as well at {draft.where(consumer.path, node)}")


def _is_given_on(draft: Draft, buffer: ReplayBuffer, arrival: ir.Assign) -> bool:
    """Whether a batch is drawn for a function of the project, so that the names are of what that returns: losses."""
    drawn = {*buffer.draws, *(site.node for site in buffer.samples)}
    calls = (node for node in ir.walk(arrival) if isinstance(node, ir.Call) and node not in drawn)
    sites = (draft.graph.events.calls.get(call) for call in calls)
    return any(site is not None and site.targets and not drawn.isdisjoint(ir.walk(site.node)) for site in sites)


def _names(node: ir.Assign) -> set[str]:
    target = node.targets[0]
    items = target.items if isinstance(target, ir.Seq) else [target]
    return {item.id for item in items if isinstance(item, ir.Name)}


def options(draft: Draft, buffer: ReplayBuffer, place: ir.Node, is_actor_critic: bool, reward: str | None) -> list[str]:
    """The arguments of the new buffer or sampler behind its capacity; `place` is where it will be made."""
    if lap.is_chosen(draft):
        if is_actor_critic:
            draft.steps.append(lap.ACTOR_CRITIC)
        return seed_of(draft, buffer, place)
    found = [schedule(draft, buffer)]
    if is_actor_critic:
        found.append(NO_SHARE)
        draft.steps.append(ACTOR_CRITIC)
    elif is_dense(draft.graph, buffer.path, buffer.function):
        found.append(NO_SHARE)
        draft.steps.append(DENSE)
    elif reward is not None:
        found.append(f"reward={reward}")
    return [*found, *seed_of(draft, buffer, place)]


def root_name(draft: Draft, path: str, call: ir.Call) -> str:
    """The name that a call begins with, which may be unused when the call is gone: `np` of `np.random.choice(...)`."""
    return draft.text(path, call.func).partition(".")[0]


def batch_size(draft: Draft, path: str, call: ir.Call, position: int, *keywords: str) -> str:
    """The text of the batch size of a draw."""
    node = next((n for k in keywords if (n := call.argument(None, k)) is not None), None)
    node = node if node is not None else call.argument(position)
    if isinstance(node, ir.Seq) and len(node.items) == 1:
        node = node.items[0]
    if node is None or isinstance(node, ir.Seq):
        raise Refused(f"the batch size of the draw at {draft.where(path, call)} is not a number")
    return draft.text(path, node)


def positions(draft: Draft, path: str, draw: ir.Call) -> str:
    """The text of how many positions a draw of positions draws. Refuses what does not draw from all filled slots."""
    where = draft.where(path, draw)
    site = draft.graph.events.draws[draw]
    if is_of_episodes(draft.graph, site):
        raise Refused(f"the draw at {where} is of whole episodes, by their lengths")
    if begins_windows(draft.graph, path, draw):
        raise Refused(f"what is drawn at {where} is where windows of several steps begin")
    if site.method in ("randint", "integers", "random_integers"):
        low, high = draw.argument(0, "low"), draw.argument(1, "high")
        torch_form = draft.text(path, draw.func).startswith("torch.")
        if high is None or (torch_form and isinstance(high, ir.Seq)):
            return batch_size(draft, path, draw, 1 if torch_form else 2, "size")
        if not (isinstance(low, ir.Const) and low.value == 0):
            raise Refused(f"the draw at {where} does not begin at the first slot")
        return batch_size(draft, path, draw, 2, "size")
    if site.method in ("choice", "sample"):
        return batch_size(draft, path, draw, 1, "size", "k")
    raise Refused(f"the draw at {where} is a {site.method}")


def add_update_method(draft: Draft, buffer: ReplayBuffer, target: str) -> None:
    """Give the buffer class an `update_priorities` method."""
    owner, function = buffer.owner, buffer.function
    assert owner is not None
    assert isinstance(function, ir.Function)
    if draft.graph.classes.find_method(owner, "update_priorities") is not None:
        raise Refused(f"{owner.name} has a method update_priorities already")
    lines = ["def update_priorities(self, indices, td_errors):", f"{target}(indices, td_errors)"]
    draft.add_method(buffer.path, function, lines, "what callers give the TD errors to")


def sharers(graph: ReplayGraph, buffer: ReplayBuffer) -> list[ReplayBuffer]:
    """The buffers that are drawn from in several functions but are one container, in order; it is swapped once."""
    ours = drawn_from(graph, buffer)
    if len(ours) != 1 or {c.kind for c in ours}.isdisjoint({"deque", "list"}):
        return [buffer]
    return [each for each in graph.buffers if each.kind == UNIFORM and drawn_from(graph, each) == ours]


def drawn_from(graph: ReplayGraph, buffer: ReplayBuffer) -> set[Alloc]:
    """The containers of a buffer; where its draws are of whole items, only those that they draw from.

    What a drawn action is looked up in later, as the names of actions, is not one of them. What a method makes anew to
    empty the memory is the container that the constructor made.
    """
    draws = [graph.events.draws.get(draw) for draw in buffer.draws]
    found = {container for draw in draws if draw is not None and draw.items for container in draw.containers}
    ours = set(found & buffer.containers or buffer.containers)
    begun = first_made(graph, ours) if len(ours) > 1 else None
    return {begun[0]} if begun is not None else ours


def single_draw(draft: Draft, buffer: ReplayBuffer) -> ir.Call:
    """The only draw of the buffer, or the first of those that the branches of an `if` give one name."""
    if len(buffer.draws) > 1 and alternatives(draft.graph, buffer) is None:
        raise Refused(f"{draft.graph.name_of(buffer)} is drawn from in several places of one function")
    together = sharers(draft.graph, buffer)
    for other in draft.graph.buffers:
        if other not in together and other.containers & buffer.containers:
            where = draft.where(other.path, other.draws[0])
            raise Refused(f"{draft.graph.name_of(buffer)} is also drawn from at {where}")
    return buffer.draws[0]


def in_loop_or_comprehension(draft: Draft, path: str, node: ir.Node) -> bool:
    """Whether a draw makes one transition at a time."""
    for ancestor in draft.graph.ancestors(path, node):
        if isinstance(ancestor, ir.Comp):
            return True
        if isinstance(ancestor, ir.Function):
            return False
    return False


def owner_instance(function: ev.Owner) -> str | None:
    """The name of the instance inside a method, usually `self`."""
    return function.parameters[0].name if isinstance(function, ir.Function) and function.parameters else None
