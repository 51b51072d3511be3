"""Losses of libraries: which there are, and whether they are told to make one number of a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.known import externals as ext
from per_audit.graph.interpret.values import ELEMENTWISE, SCALAR, Value

if TYPE_CHECKING:
    from per_audit.graph.project import Project


def loss_of(project: Project, name: str, method: str, node: ir.Call, made: Value) -> Value | None:
    """What a library's function made of losses, with their reduction; None for any other function."""
    if method in ext.TORCH_LOSSES and name.startswith("torch") and method[0].islower():
        return made._replace(reduction=torch_reduction(node))
    if method in ext.GRAPH_LOSSES and _is_of_graphs(project, name, method):
        return made._replace(reduction=keras_reduction(node))
    if method in ext.ROWWISE_LOSSES and name.startswith(("tensorflow", "keras", "tf", "optax", "rlax", "jax")):
        return made._replace(reduction=ELEMENTWISE)
    return None


def _is_of_graphs(project: Project, name: str, method: str) -> bool:
    """Whether a loss is TensorFlow 1's, which has the same name in TensorFlow 2 where it is that of Keras."""
    if name == f"tensorflow.losses.{method}":
        return method not in ext.ROWWISE_LOSSES - {"huber_loss"} or project.feeds_graphs
    return name in (f"tensorflow.compat.v1.losses.{method}", f"tensorflow.contrib.losses.{method}")


def torch_reduction(call: ir.Call) -> str | None:
    """The reduction that a torch loss or its constructor was told."""
    told = call.argument(None, "reduction")
    if told is None:
        reduce_flag = call.argument(None, "reduce")
        if isinstance(reduce_flag, ir.Const) and reduce_flag.value is False:
            return ELEMENTWISE
        return SCALAR if reduce_flag is None else None
    if isinstance(told, ir.Const):
        return ELEMENTWISE if told.value == "none" else SCALAR
    return None


def keras_reduction(call: ir.Call) -> str:
    """The reduction that a loss of TensorFlow was told: an average where it was told none."""
    told = call.argument(None, "reduction")
    name = told.attr if isinstance(told, ir.Attr) else str(getattr(told, "value", ""))
    return ELEMENTWISE if name.lower() == "none" else SCALAR
