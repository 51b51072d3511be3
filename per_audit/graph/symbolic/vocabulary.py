"""What calls of the numeric libraries compute, by their last name: the same for functions and for methods."""

from __future__ import annotations

# name -> operator, all arguments in their order
POINTWISE = {
    "add": "add", "sub": "sub", "subtract": "sub", "mul": "mul", "multiply": "mul", "div": "div", "divide": "div",
    "true_divide": "div", "add_": "add", "sub_": "sub", "mul_": "mul", "div_": "div", "pow": "pow", "power": "pow",
    "pow_": "pow", "float_power": "pow", "abs": "abs", "absolute": "abs", "fabs": "abs", "abs_": "abs", "exp": "exp",
    "log": "log", "neg": "neg", "negative": "neg", "floor_divide": "floordiv", "mod": "mod", "remainder": "mod",
    "minimum": "minimum", "fmin": "minimum", "maximum": "maximum", "fmax": "maximum", "where": "where",
    "matmul": "matmul",
}  # fmt: skip

# name -> exponent
POWERS = {"square": 2, "sqrt": 0.5, "reciprocal": -1, "rsqrt": -0.5}

# What makes a product or a power.
MULTIPLIES = {*(name for name, op in POINTWISE.items() if op in ("mul", "pow")), *POWERS, "squared_difference"}

# name -> reduction; the axis is found among the arguments
REDUCTIONS = {
    "sum": "sum", "reduce_sum": "sum", "nansum": "sum", "fsum": "sum", "mean": "mean", "reduce_mean": "mean",
    "average": "mean", "nanmean": "mean", "max": "max", "amax": "max", "reduce_max": "max", "nanmax": "max",
    "min": "min", "amin": "min", "reduce_min": "min", "nanmin": "min", "argmax": "argmax", "argsort": "argsort",
    "cumsum": "cumsum", "std": "std", "median": "median", "argmin": "argmin", "sort": "sort", "flip": "flip",
}  # fmt: skip

CLIPS = {"clip", "clamp", "clip_", "clamp_", "clip_by_value", "clamp_min", "clamp_max"}

ALLOCATIONS = {"zeros", "empty", "ones", "full", "zeros_like", "empty_like", "ones_like", "full_like", "new_zeros"}

# The value stays what it was.
TRANSPARENT = {
    "array", "asarray", "asanyarray", "ascontiguousarray", "asfarray", "tensor", "as_tensor", "from_numpy",
    "FloatTensor", "LongTensor", "BoolTensor", "ByteTensor", "IntTensor", "DoubleTensor", "Tensor", "Variable", "to",
    "cuda", "cpu", "float", "double", "half", "int", "long", "bool", "byte", "type", "astype", "copy", "clone",
    "numpy", "deepcopy", "convert_to_tensor", "cast", "constant", "tolist", "list", "tuple", "iter", "float32",
    "float64", "int32", "int64", "uint8", "type_as", "pin_memory", "contiguous", "requires_grad_", "device_put",
    "identity", "fromiter", "view_as", "from_dlpack", "to_numpy", "to_device", "block_until_ready", "remote", "get",
    "expand_as", "nan_to_num", "float16", "round", "around", "rint",
}  # fmt: skip

DETACHES = {"detach", "detach_", "stop_gradient", "item", "data", "lax.stop_gradient"}

# name -> how many axes: the value in another shape
FLATTENS = {"flatten", "ravel"}
RESHAPES = {"reshape", "view", "resize"}
STACKS = {"stack", "vstack", "hstack", "row_stack", "column_stack", "concatenate", "concat", "cat", "atleast_2d",
          "atleast_1d"}  # fmt: skip

AXIS_NAMES = ("axis", "dim", "axes", "reduction_indices")
# Modules whose functions the names above stand for when they are called on them.
NUMERIC_MODULES = (
    "numpy",
    "torch",
    "tensorflow",
    "jax",
    "math",
    "cupy",
    "keras",
    "scipy",
    "builtins",
    "flax",
    "chex",
    "copy",
    "functools",
)
