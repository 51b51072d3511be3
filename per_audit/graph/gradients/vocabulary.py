"""The vocabulary of PyTorch that tells where gradients are recorded, and what leaves no trace of them."""

from __future__ import annotations

from per_audit.facts import ir

LAYERS = ("Linear", "Conv", "LSTM", "GRU", "RNN", "Bilinear", "Embedding", "Multihead", "Transformer", "Lazy")
_CONTEXTS = ("no_grad", "inference_mode", "set_grad_enabled")
HARMLESS_DECORATORS = {"staticmethod", "classmethod", "property", "abstractmethod", "override", "cached_property"}
CUTTING_METHODS = {
    "detach", "detach_", "item", "numpy", "tolist", "sample", "sample_n", "argmax", "argmin", "argsort", "multinomial",
    "bernoulli", "long", "int", "bool", "byte", "short", "nonzero", "size", "dim", "numel", "eq", "ne", "lt", "gt",
    "le", "ge", "new_zeros", "new_ones", "new_tensor", "new_full", "zeros_like", "ones_like", "rand_like", "randn_like",
    "sign", "round", "floor", "ceil",
}  # fmt: skip
CUTTING_FUNCTIONS = CUTTING_METHODS | {
    "tensor", "Tensor", "FloatTensor", "LongTensor", "DoubleTensor", "from_numpy", "normal", "rand", "randn", "randint",
    "zeros", "ones", "full", "arange", "empty", "eye", "isnan", "allclose", "equal",
}  # fmt: skip
CUTTING_BUILTINS = {"float", "int", "bool", "str", "len", "round", "repr", "isinstance", "hash", "id"}
CUTTING_ATTRIBUTES = {"data", "shape", "dtype", "device", "grad", "indices", "requires_grad", "ndim"}
EMPTY = {"empty", "zeros", "ones", "full", "empty_like", "zeros_like", "ones_like", "full_like"}
"""Functions of PyTorch that make a tensor of nothing that was computed."""
INTEGERS = ("int", "long", "bool", "byte", "short")
WITH_INDICES = {"max", "min", "topk", "sort", "median", "kthvalue", "mode"}


def identifiers(node: ir.Node) -> set[str]:
    """The names and attributes in an expression."""
    return {
        part.id if isinstance(part, ir.Name) else part.attr
        for part in ir.walk(node)
        if isinstance(part, (ir.Name, ir.Attr))
    }


def switches_gradients(node: ir.Expr) -> bool:
    """Whether a context or a decorator may switch gradients off: one of PyTorch's, or one whose name says so."""
    return any(
        name in _CONTEXTS or "grad" in name.lower() or "inference" in name.lower() or "eval" in name.lower()
        for name in identifiers(node)
    )
