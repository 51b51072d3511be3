"""Which values are tensors of PyTorch: what a network returned, cut off from its graph or not, and not made a number.

A tensor of 32 bits keeps to them: what is added to one or taken from it, a number of numpy's of 64 bits included, is a
tensor of 32 bits again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.graph.gradients import vocabulary as grad
from per_audit.graph.gradients.autograd import Autograd

if TYPE_CHECKING:
    from per_audit.facts import ir
    from per_audit.graph.gradients.autograd import Part, _Answer, _Frame

_DETACHED = {"detach", "detach_"}
_VIEWS = {"data", "T", "mT"}
_UFUNCS = {"numpy.abs", "numpy.absolute", "numpy.fabs", "numpy.power", "numpy.sqrt", "numpy.square"}


class Tensors(Autograd):
    """The tensors among the values of one project."""

    methods = grad.CUTTING_METHODS - _DETACHED | {"double"}
    functions = grad.CUTTING_FUNCTIONS - _DETACHED
    _is_off = False

    def _is_guarded(self, node: ir.Node, frame: _Frame, depth: int = 4) -> bool:  # noqa: ARG002
        return False  # without a gradient it is a tensor all the same

    @property
    def _frozen(self) -> set[str]:
        return set()

    def _attribute(self, node: ir.Attr, frame: _Frame, part: Part) -> _Answer:
        return self._value(node.value, frame, part) if node.attr in _VIEWS else super()._attribute(node, frame, part)

    def _call(self, node: ir.Call, frame: _Frame, part: Part) -> _Answer:
        site = self.events.calls.get(node)
        if site is not None and node.args and not _UFUNCS.isdisjoint(site.names):
            return self._value(node.args[0].value, frame, ())  # numpy hands a tensor to the tensor's own type
        return super()._call(node, frame, part)
