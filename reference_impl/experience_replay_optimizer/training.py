"""One step of Q-learning on a prioritised batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from ._validate import as_float
from .losses import importance_weighted_loss
from .tensor_batch import as_tensors

if TYPE_CHECKING:
    from torch import Tensor

    from .storage.batch import Batch


def train_with_prioritized_replay(agent: Any, buffer: Any, batch_size: int = 32) -> tuple[float, float]:
    """Sample, learn from the weighted squared TD errors, and give them back as priorities (Schaul et al. 2015).

    The target is r + discount * max_a Q'(s', a), and r alone where the episode terminated: `done` must have been stored
    as `terminated`, not `truncated`, for a truncated episode would have gone on. `discount` is the extra column of that
    name where the buffer has one (n-step returns are stored with gamma^n), and `agent.gamma` otherwise. The gradient is
    clipped to norm 1.

    Args:
        agent: has `q_network` and `target_network` (modules that take the observations, in the dtype of the network's
            parameters and on its device, and return one value for each action, shape (B, A)), `gamma` in [0, 1] and
            `optimizer` of the parameters of `q_network`. Copying them to `target_network` is the agent's.
        buffer: any buffer of this package that holds transitions from `add`, with actions that are integers in [0, A).
        batch_size: number of transitions B.

    Returns:
        The loss, and the mean of |TD error| over the batch, before the step. The absolute values, for in a signed mean
        large errors hide each other.

    Raises:
        TypeError: actions that are no integers, or objects from `append`.
        ValueError: networks that return another shape, actions out of range, or a loss that is not finite.
        RuntimeError: a gradient that is not finite. Neither the network nor a priority has changed then.
    """
    sample = buffer.sample(batch_size)
    parameter = next(agent.q_network.parameters())
    batch, weights, indices = as_tensors(sample, parameter.device)
    actions = _actions(batch)
    values = _values(agent.q_network(_like(batch.states, parameter)), len(batch), "q_network")
    lowest, highest = (int(end) for end in torch.aminmax(actions))
    if lowest < 0 or highest >= values.shape[1]:
        raise ValueError(f"actions are between {lowest} and {highest}, and q_network has values for {values.shape[1]}")
    chosen = values.gather(1, actions[:, None])[:, 0]
    target = _target(agent, batch, parameter)
    elementwise = torch.nn.functional.mse_loss(chosen, target, reduction="none")
    loss = importance_weighted_loss(elementwise, weights)
    value = float(loss.detach())
    if not -float("inf") < value < float("inf"):
        raise ValueError(f"the loss is {value}: a reward or what a network returned is too large or not a number")
    agent.optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(agent.q_network.parameters(), 1.0, error_if_nonfinite=True)
    agent.optimizer.step()
    td_errors = (target - chosen).detach()
    # The same for our buffers; for one that is made of several, the one that keeps priorities.
    getattr(buffer, "prioritized_buffer", buffer).update_priorities(indices, td_errors)
    return value, float(td_errors.abs().mean())


def _target(agent: Any, batch: Batch, parameter: Tensor) -> Tensor:
    """The bootstrap target, shape (B,), without a gradient."""
    if "discount" in batch.extras:
        discount = batch["discount"].reshape(len(batch)).to(parameter)
    else:
        discount = as_float(agent.gamma, "agent.gamma", 0.0, 1.0)
    with torch.no_grad():
        following = _values(agent.target_network(_like(batch.next_states, parameter)), len(batch), "target_network")
        # What the network says of a state behind the last one does not count, be it NaN.
        bootstrap = following.amax(1).masked_fill(batch.dones, 0.0)
        target: Tensor = batch.rewards.to(parameter) + discount * bootstrap
    return target


def _actions(batch: Batch) -> Tensor:
    actions: Tensor = batch.actions
    if actions.is_floating_point():
        raise TypeError(
            f"actions must be integers, not {actions.dtype}: Q-learning chooses among discrete actions; store them as"
            " int(action), or use an actor-critic method for continuous ones"
        )
    if actions.ndim > 2 or actions.numel() != len(batch):
        raise ValueError(f"actions must be one integer a transition, not of shape {tuple(actions.shape)}")
    return actions.reshape(len(batch)).long()


def _values(values: Tensor, count: int, name: str) -> Tensor:
    if values.ndim != 2 or values.shape[0] != count:
        raise ValueError(f"{name} must return the shape ({count}, number of actions), not {tuple(values.shape)}")
    return values


def _like(states: Any, parameter: Tensor) -> Any:
    """Observations, or dicts of them, in the dtype of the network's parameters."""
    if isinstance(states, dict):
        return {name: _like(part, parameter) for name, part in states.items()}
    return states.to(parameter)
