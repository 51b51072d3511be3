"""The two lines of a training step that prioritised replay changes: the weighted loss and the TD errors.

torch is not imported: the tensors bring their own methods, and numpy alone is enough for everything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._validate import to_numpy

if TYPE_CHECKING:
    from numpy.typing import NDArray


def importance_weighted_loss(elementwise: Any, weights: Any) -> Any:
    """The mean of `elementwise` with each row times its importance-sampling weight (Schaul et al. 2015, Algorithm 1).

    The weights are reshaped to the loss and never broadcast across the batch: (B,) times (B, 1) would be (B, B), whose
    mean is the product of the two means, and the correction would be lost.

    Args:
        elementwise: loss of each row, not reduced: torch tensor (or numpy array) of shape (B,), (B, 1) or (B, A, ...).
        weights: numpy array, tensor or sequence of shape (B,) or (B, 1); moved to the loss's device and dtype. No
            gradient flows into them.

    Returns:
        The scalar mean over all elements, differentiable with respect to `elementwise`.

    Raises:
        ValueError: `elementwise` is a scalar (already reduced), or the weights have another length or shape.
        TypeError: `elementwise` is neither a torch tensor nor a numpy array.
    """
    if not hasattr(elementwise, "new_tensor") and not isinstance(elementwise, np.ndarray):
        raise TypeError(
            f"elementwise must be a torch tensor or a numpy array, not {type(elementwise).__name__};"
            " with Keras pass the weights as sample_weight"
        )
    shape = tuple(elementwise.shape)
    if not shape:
        raise ValueError(
            "the loss is a scalar, it has been averaged already and weights would scale it as a whole:"
            ' build it with reduction="none"'
        )
    if not hasattr(weights, "detach"):
        weights = np.asarray(weights)
    given = tuple(weights.shape)
    if given not in ((shape[0],), (shape[0], 1)):
        raise ValueError(f"weights of shape {given} do not fit a loss of shape {shape}: expected ({shape[0]},)")
    if isinstance(elementwise, np.ndarray):
        weights = to_numpy(weights)
    elif hasattr(weights, "detach"):
        weights = weights.detach().to(elementwise)
    else:
        weights = elementwise.new_tensor(weights)
    return (elementwise * weights.reshape((shape[0],) + (1,) * (len(shape) - 1))).mean()


def absolute_td_error(prediction: Any, target: Any, reduce: str = "max") -> NDArray[np.float64]:
    """|prediction - target| of each row, detached: what `update_priorities` takes.

    Args:
        prediction: value estimates of shape (B,), (B, 1) or (B, A), torch or TensorFlow tensor or numpy array; or a
            list or tuple of them, one for each critic.
        target: bootstrap target of the same shape; (B,) and (B, 1) count as the same.
        reduce: over several critics, "max" or "mean".

    Returns:
        float64 of shape (B,), not negative. Rows of (B, A) are averaged over A.

    Raises:
        ValueError: shapes that only broadcasting would join, no critic, or another `reduce`.
    """
    if reduce not in ("max", "mean"):
        raise ValueError(f'reduce must be "max" or "mean", not {reduce!r}')
    predictions = prediction if isinstance(prediction, (list, tuple)) else (prediction,)
    if not predictions:
        raise ValueError("prediction is empty: give one array for each critic")
    goal = _rows(target)
    errors = []
    for one in predictions:
        value = _rows(one)
        if value.shape != goal.shape:
            raise ValueError(
                f"prediction of shape {tuple(one.shape) if hasattr(one, 'shape') else value.shape} and target of shape"
                f" {tuple(target.shape) if hasattr(target, 'shape') else goal.shape} differ: they would be broadcast"
            )
        error = np.abs(value - goal)
        errors.append(error.reshape(error.shape[0], -1).mean(axis=1) if error.ndim > 1 else error)
    stacked = np.stack(errors)
    result: NDArray[np.float64] = stacked.max(axis=0) if reduce == "max" else stacked.mean(axis=0)
    return result


def _rows(value: Any) -> NDArray[np.float64]:
    array = to_numpy(value).astype(np.float64)
    # `squeeze()` on a batch of one leaves a scalar.
    return array.reshape(-1) if array.ndim == 0 or array.shape[1:] == (1,) else array
