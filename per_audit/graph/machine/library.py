"""The functions of Python and numpy that a machine may call, and their namesakes in torch and jax."""

from __future__ import annotations

import math
import operator
from functools import cache
from typing import TYPE_CHECKING, Any

from per_audit.graph.machine.things import Failed, Library, Unsupported

if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST = 4_096
_MAKERS = {"zeros", "ones", "empty", "full"}
_BUILTINS: dict[str, Callable[..., Any]] = {
    "abs": abs, "all": all, "any": any, "bool": bool, "dict": dict, "divmod": divmod, "enumerate": enumerate,
    "float": float, "int": int, "len": len, "list": list, "max": max, "min": min, "range": range,
    "reversed": reversed, "round": round, "set": set, "sorted": sorted, "sum": sum, "tuple": tuple, "zip": zip,
}  # fmt: skip
_PURE = {
    "abs", "absolute", "add", "all", "any", "append", "arange", "argmax", "argmin", "argsort", "array", "asarray",
    "ascontiguousarray", "atleast_1d", "ceil", "clip", "concatenate", "copy", "cumsum", "divide", "exp2", "expand_dims",
    "flip", "floor", "floor_divide", "full_like", "hstack", "log", "log2", "maximum", "max", "mean", "min", "minimum",
    "mod", "multiply", "nonzero", "ones_like", "power", "ravel", "remainder", "repeat", "reshape", "searchsorted",
    "sort", "sqrt", "squeeze", "stack", "subtract", "sum", "transpose", "unique", "vstack", "where", "zeros_like",
    "bitwise_and", "bitwise_or", "left_shift", "right_shift", "logical_and", "logical_or", "logical_not", "isclose",
    "isnan", "isfinite", "count_nonzero", "greater", "less", "greater_equal", "less_equal", "diff",
    "float32", "float64", "int32", "int64",
}  # fmt: skip
_RENAMED = {"cat": "concatenate", "tensor": "array", "as_tensor": "asarray", "concat": "concatenate"}
_SAME_ARRAY = {"cpu", "cuda", "to", "detach", "numpy", "contiguous", "clone", "float", "double", "block_until_ready"}
_ARRAY_METHODS = {
    "argmax", "argmin", "argsort", "astype", "clip", "copy", "cumsum", "fill", "flatten", "item", "max", "mean", "min",
    "nonzero", "ravel", "repeat", "reshape", "searchsorted", "sort", "squeeze", "sum", "tolist", "transpose", "any",
    "all",
}  # fmt: skip
_LIST_METHODS = {"append", "pop", "insert", "extend", "index", "clear", "copy", "reverse", "count"}
_DTYPES = {
    "float16", "float32", "float64", "int", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "object", "bool", "d", "f", "f4",
}  # fmt: skip
_DICT_METHODS = {"get", "keys", "values", "items", "pop", "update", "setdefault"}
_CONSTANTS = {"inf": math.inf, "pi": math.pi, "e": math.e, "newaxis": None}


@cache
def numpy() -> Any:
    """numpy, imported once it is needed."""
    import numpy

    return numpy


def constant(name: str) -> Any:
    """The value of a library's name that is a constant, the name itself for others."""
    last = name.rpartition(".")[2]
    return _CONSTANTS[last] if last in _CONSTANTS else Library(name)


def builtin(name: str) -> Any:
    """One of Python's own functions or types."""
    if name in _BUILTINS or name in ("object", "str", "isinstance", "print", "pow", "type"):
        return Library(f"builtins.{name}")
    raise Unsupported(name)


def dtype(value: Any, default: str) -> Any:
    """A dtype from what the code gives for one."""
    if value is None:
        return default
    name = value.name.rpartition(".")[2] if isinstance(value, Library) else value
    known = {"float": "float64", "double": "float64", "long": "int64", "half": "float16", "single": "float32"}
    name = known.get(name, name)
    if name in _DTYPES:
        return numpy().dtype(name)
    raise Unsupported(f"dtype {name}")


def call(name: str, given: list[Any], named: dict[str, Any]) -> Any:
    """The result of a library's function."""
    package, _, last = name.rpartition(".")
    root = package.partition(".")[0]
    try:
        result = _call(root, package, last, given, named)
    except (ArithmeticError, LookupError, ValueError) as error:
        raise Failed(str(error)) from error
    except (TypeError, AttributeError) as error:
        raise Unsupported(str(error)) from error
    return sized(result)


def _call(root: str, package: str, last: str, given: list[Any], named: dict[str, Any]) -> Any:
    if root == "builtins":
        if last == "print":
            return None
        if last == "isinstance" and len(given) == 2:
            return isinstance(given[0], _types(given[1]))
        if last not in _BUILTINS or (last == "range" and any(abs(int(n)) > LARGEST for n in given)):
            raise Unsupported(last)
        return _BUILTINS[last](*given, **{key: value for key, value in named.items() if key in ("key", "default")})
    if root == "math" and not last.startswith("_") and callable(getattr(math, last, None)):
        if last in ("factorial", "comb", "perm", "pow", "prod"):
            raise Unsupported(last)
        return getattr(math, last)(*given)
    if root == "operator" and last in ("add", "sub", "mul", "truediv", "floordiv"):
        return getattr(operator, last)(*given)
    if root in ("numpy", "torch", "jax", "cupy"):
        return _array_function(root, package, last, given, named)
    raise Unsupported(f"{package}.{last}")


def _types(given: Any) -> tuple[type, ...]:
    """The types that an `isinstance` asks about."""
    np = numpy()
    known = {
        "builtins.int": int, "builtins.float": float, "builtins.list": list, "builtins.tuple": tuple,
        "builtins.bool": bool, "builtins.str": str, "numpy.ndarray": np.ndarray, "numpy.integer": np.integer,
        "numpy.floating": np.floating, "torch.Tensor": np.ndarray, "numpy.int64": np.int64, "numpy.float64": np.float64,
    }  # fmt: skip
    names = given if isinstance(given, tuple) else (given,)
    if not all(isinstance(name, Library) and name.name in known for name in names):
        raise Unsupported("a type")
    return tuple(known[name.name] for name in names)


def _array_function(root: str, package: str, last: str, given: list[Any], named: dict[str, Any]) -> Any:
    np = numpy()
    small = "float64" if root == "numpy" else "float32"
    last = _RENAMED.get(last, last)
    named = {key: value for key, value in named.items() if key not in ("device", "requires_grad", "copy")}
    if "dim" in named:
        named["axis"] = named.pop("dim")
    if last in _MAKERS:
        shape = named.pop("shape", named.pop("size", None))
        rest = list(given)
        if shape is None:
            takes_several = root == "torch" and last != "full" and len(rest) > 1
            shape = tuple(rest) if takes_several else rest.pop(0)
        if int(np.prod(shape)) > LARGEST:
            raise Unsupported("a large array")
        kind = dtype(named.get("dtype", rest[-1] if rest and isinstance(rest[-1], Library) else None), small)
        if last == "full":
            filler = named.get("fill_value", rest[0] if rest else None)
            return np.full(shape, filler, kind if "dtype" in named else None)
        if last == "empty" and kind == np.dtype("object"):
            return np.empty(shape, kind)  # of None
        return np.ones(shape, kind) if last == "ones" else np.zeros(shape, kind)
    if package.endswith(".add") and last == "at":
        np.add.at(*given)
        return None
    if last == "reduce" and package.rpartition(".")[2] in ("add", "minimum", "maximum"):
        return getattr(np, package.rpartition(".")[2]).reduce(*given)
    if last not in _PURE:
        raise Unsupported(f"{package}.{last}")
    if "dtype" in named:
        named["dtype"] = dtype(named["dtype"], small)
    return getattr(np, last)(*given, **named)


def method(holder: Any, name: str, given: list[Any], named: dict[str, Any]) -> Any:
    """The result of a method of an array, number, list or dict."""
    np = numpy()
    try:
        if isinstance(holder, (np.ndarray, np.generic)):
            if name in _SAME_ARRAY:
                return holder
            if name == "astype":
                return holder.astype(dtype(given[0], "float64"))
            if name in ("long", "int"):
                return holder.astype("int64")
            if name in ("unique", "floor", "ceil", "abs"):
                return getattr(np, name)(holder)
            if name == "view":
                return holder.reshape(*given)
            if name in _ARRAY_METHODS:
                return sized(getattr(holder, name)(*given, **named))
        elif (isinstance(holder, list) and name in _LIST_METHODS) or (
            isinstance(holder, dict) and name in _DICT_METHODS
        ):
            return sized(getattr(holder, name)(*given, **named))
        elif isinstance(holder, int) and name == "bit_length":
            return holder.bit_length()
        elif isinstance(holder, (int, float)) and name == "item":
            return holder
    except (ArithmeticError, LookupError, ValueError) as error:
        raise Failed(str(error)) from error
    except TypeError as error:
        raise Unsupported(str(error)) from error
    raise Unsupported(name)


def sized(value: Any) -> Any:
    """The value, where it is not too large to go on with."""
    if isinstance(value, int) and value.bit_length() > 64:
        raise Unsupported("a large number")
    if isinstance(value, (list, tuple, dict, str, set)) and len(value) > LARGEST:
        raise Unsupported("a large container")
    if hasattr(value, "nbytes") and value.size > LARGEST:
        raise Unsupported("a large array")
    return value
