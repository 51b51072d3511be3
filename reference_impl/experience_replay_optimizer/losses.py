"""The two lines of a training step that prioritised replay changes: the weighted loss and the TD errors.

torch is not imported: the tensors bring their own methods, and numpy alone is enough for everything else. TensorFlow
and JAX are imported where their tensors come in.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

from ._validate import as_float, to_numpy

if TYPE_CHECKING:
    from numpy.typing import NDArray


def importance_weighted_loss(elementwise: Any, weights: Any) -> Any:
    """The mean of `elementwise` with each row times its importance-sampling weight (Schaul et al. 2015, Algorithm 1).

    The weights are reshaped to the loss and never broadcast across the batch: (B,) times (B, 1) would be (B, B), whose
    mean is the product of the two means, and the correction would be lost.

    Args:
        elementwise: loss of each row, not reduced: torch or TensorFlow tensor, or array of JAX or numpy, of shape (B,),
            (B, 1) or (B, A, ...), or a scalar for a batch of one. In JAX also inside `jit` and `grad`.
        weights: numpy array, tensor or sequence of shape (B,) or (B, 1); moved to the loss's device and dtype. No
            gradient flows into them. None where the batch was not drawn by priority: every row counts the same.

    Returns:
        The scalar mean over all elements, differentiable with respect to `elementwise`.

    Raises:
        ValueError: `elementwise` is a scalar (already reduced), and there are several weights; or they have another
            length or shape.
        TypeError: `elementwise` is neither a tensor nor an array of numpy or JAX.
    """
    in_tensorflow, in_jax = _is_of_tensorflow(elementwise), _is_of_jax(elementwise)
    is_known = hasattr(elementwise, "new_tensor") or isinstance(elementwise, np.ndarray) or in_tensorflow or in_jax
    if not is_known:
        raise TypeError(
            f"elementwise must be a torch tensor or a numpy array, not {type(elementwise).__name__};"
            " with Keras pass the weights as sample_weight"
        )
    shape = tuple(elementwise.shape)
    if not shape and np.shape(weights) in ((1,), (1, 1)):
        shape = (1,)  # `squeeze()` on a batch of one leaves a scalar
    if not shape:
        raise ValueError(
            "the loss is a scalar, it has been averaged already and weights would scale it as a whole:"
            ' build it with reduction="none"'
        )
    if weights is None:
        weights = np.ones(shape[:1], np.float32)
    if not hasattr(weights, "detach") and not _is_of_jax(weights):
        weights = np.asarray(weights)
    given = tuple(weights.shape)
    if given not in ((shape[0],), (shape[0], 1)):
        raise ValueError(f"weights of shape {given} do not fit a loss of shape {shape}: expected ({shape[0]},)")
    if in_tensorflow:
        tensorflow: Any = importlib.import_module("tensorflow")
        column = tensorflow.reshape(tensorflow.cast(weights, elementwise.dtype), (shape[0],) + (1,) * (len(shape) - 1))
        return tensorflow.reduce_mean(elementwise * tensorflow.stop_gradient(column))
    if in_jax:
        jax: Any = importlib.import_module("jax")
        weights = jax.lax.stop_gradient(jax.numpy.asarray(weights, elementwise.dtype))
    elif isinstance(elementwise, np.ndarray):
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


def lap_loss(prediction: Any, target: Any, minimum: float = 1.0) -> Any:
    """The critic's loss under LAP: Huber with its threshold at the minimum priority (Fujimoto et al. 2020, section 5).

    For batches that `LapSampler` drew, without weights. Up to the threshold all priorities are the same and the loss is
    squared; beyond it the loss is linear, and sampling by |TD error|^alpha makes it grow faster. Were it squared there,
    large errors would count twice. Where several critics are given, their losses are added.

    Args:
        prediction: value estimates of shape (B,) or (B, 1), torch or TensorFlow tensor or numpy array; or a list or
            tuple of them, one for each critic.
        target: bootstrap target of the same shape; (B,) and (B, 1) count as the same. No gradient flows into it. Beside
            predictions of TensorFlow it may be a numpy array.
        minimum: the sampler's `minimum`, > 0.

    Returns:
        The scalar mean over the batch, differentiable with respect to the predictions.

    Raises:
        ValueError: shapes that only broadcasting would join, scalars, no critic, or a minimum that is not positive.
        TypeError: neither tensors nor numpy arrays.
    """
    threshold = _positive(minimum, "minimum")
    total: Any = 0.0
    for error in _absolute_errors(prediction, target):
        # e^2 / 2 up to the threshold, beyond it threshold * (e - threshold / 2).
        if _is_of_tensorflow(error):
            tensorflow: Any = importlib.import_module("tensorflow")
            inner = tensorflow.minimum(error, threshold)
            total = total + tensorflow.reduce_mean(inner * (error - 0.5 * inner))
        else:
            inner = error.clip(max=threshold)
            total = total + (inner * (error - 0.5 * inner)).mean()
    return total


def pal_loss(prediction: Any, target: Any, alpha: float = 0.4, minimum: float = 1.0) -> Any:
    """PAL: the expected gradient of `lap_loss` under LAP, from uniform batches (Fujimoto et al. 2020, section 5).

    For batches of a uniform sampler, without weights or priorities: m^alpha e^2 / 2 up to m = minimum, beyond it
    m e^(1 + alpha) / (1 + alpha) shifted to meet there, over the mean of max(e, m)^alpha in the batch. With several
    critics the losses are added, and the divisor is that of the largest error of each row, which is what LAP's
    priorities are made of; the equivalence is then an approximation, as it is in the paper's own TD3.

    Args:
        prediction, target, minimum: as in `lap_loss`.
        alpha: exponent of the priorities that are imitated, >= 0.

    Returns:
        The scalar mean over the batch, differentiable with respect to the predictions.

    Raises:
        ValueError, TypeError: as `lap_loss`, and an alpha that is negative.
    """
    threshold, exponent = _positive(minimum, "minimum"), as_float(alpha, "alpha", 0.0)
    total: Any = 0.0
    largest: Any = None
    for error in _absolute_errors(prediction, target):
        if _is_of_tensorflow(error):
            raise TypeError("pal_loss takes torch tensors and numpy arrays, not those of TensorFlow")
        inner, outer = error.clip(max=threshold), error > threshold
        power = threshold / (1.0 + exponent) * (error ** (1.0 + exponent) - threshold ** (1.0 + exponent))
        total = total + (0.5 * threshold**exponent * inner**2 + outer * power).mean()
        known = error.detach() if hasattr(error, "detach") else error
        largest = known if largest is None else largest + (known - largest).clip(min=0.0)
    return total / (largest.clip(min=threshold) ** exponent).mean()


def _positive(value: Any, name: str) -> float:
    number = as_float(value, name, 0.0)
    if number == 0.0:
        raise ValueError(f"{name} must be positive: it is the least priority of a transition")
    return number


def _absolute_errors(prediction: Any, target: Any) -> list[Any]:
    """|prediction - target| of each critic, each of shape (B,), differentiable."""
    predictions = prediction if isinstance(prediction, (list, tuple)) else (prediction,)
    if not predictions:
        raise ValueError("prediction is empty: give one array for each critic")
    goal = target.detach() if hasattr(target, "detach") else target
    errors = []
    for value in predictions:
        pair = (value, goal)
        is_of_tensorflow = _is_of_tensorflow(value) and (_is_of_tensorflow(goal) or isinstance(goal, np.ndarray))
        if not is_of_tensorflow and not (
            all(hasattr(one, "new_tensor") for one in pair) or all(isinstance(one, np.ndarray) for one in pair)
        ):
            raise TypeError(
                "prediction and target must both be torch tensors, of TensorFlow, or numpy arrays, not"
                f" {type(value).__name__} and {type(goal).__name__}"
            )
        shapes = tuple(value.shape), tuple(goal.shape)
        is_flat = all(len(shape) in (1, 2) and shape[1:] in ((), (1,)) for shape in shapes)
        if not is_flat or shapes[0][0] != shapes[1][0]:
            raise ValueError(
                f"prediction of shape {shapes[0]} and target of shape {shapes[1]} must both be (B,) or (B, 1): one"
                " value a transition, not reduced and not broadcast"
            )
        if is_of_tensorflow:
            tensorflow: Any = importlib.import_module("tensorflow")
            known = tensorflow.stop_gradient(tensorflow.reshape(tensorflow.cast(goal, value.dtype), [-1]))
            errors.append(abs(tensorflow.reshape(value, [-1]) - known))
        else:
            errors.append(abs(value.reshape(-1) - goal.reshape(-1)))
    return errors


def _is_of_tensorflow(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "tensorflow"


def _is_of_jax(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] in ("jax", "jaxlib")


def _rows(value: Any) -> NDArray[np.float64]:
    array = to_numpy(value).astype(np.float64)
    # `squeeze()` on a batch of one leaves a scalar.
    return array.reshape(-1) if array.ndim == 0 or array.shape[1:] == (1,) else array
