"""What calls of other libraries mean to the audit: containers, conversions, reductions, losses, draws."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

CONTAINERS = {
    "builtins.list": "list",
    "builtins.dict": "dict",
    "builtins.set": "set",
    "collections.deque": "deque",
    "collections.UserList": "list",
    "collections.UserDict": "dict",
    "collections.OrderedDict": "dict",
    "collections.defaultdict": "dict",
    "queue.Queue": "deque",
    "numpy.zeros": "array",
    "numpy.empty": "array",
    "numpy.ones": "array",
    "numpy.full": "array",
    "numpy.zeros_like": "array",
    "numpy.empty_like": "array",
    "numpy.ones_like": "array",
    "numpy.memmap": "array",
    "numpy.ndarray": "array",
    "numpy.recarray": "array",
    "numpy.lib.format.open_memmap": "array",
    "torch.zeros": "array",
    "torch.empty": "array",
    "torch.ones": "array",
    "torch.full": "array",
    "torch.FloatTensor": "array",
    "jax.numpy.zeros": "array",
    "jax.numpy.empty": "array",
    "tensorflow.Variable": "array",
}

# What makes an array in a file, or in a group of such arrays.
_FILES = {"h5py", "zarr"}
_DATASETS = {"create_dataset", "require_dataset", "create_array", "create", "zeros", "empty", "ones", "full", "open",
             "open_array"}  # fmt: skip

# Methods and functions that give back what they were given in another form: the fields keep their roles.
CONVERSIONS = {
    "array", "asarray", "asanyarray", "ascontiguousarray", "tensor", "as_tensor", "from_numpy", "FloatTensor",
    "LongTensor", "BoolTensor", "ByteTensor", "IntTensor", "DoubleTensor", "Tensor", "Variable", "to", "cuda", "cpu",
    "float", "double", "half", "int", "long", "bool", "byte", "type", "astype", "copy", "clone", "detach", "numpy",
    "unsqueeze", "squeeze", "expand_dims", "reshape", "view", "flatten", "ravel", "convert_to_tensor", "cast",
    "constant", "deepcopy", "stack", "vstack", "hstack", "row_stack", "concatenate", "concat", "cat", "tolist",
    "item", "float32", "float64", "int32", "int64", "uint8", "type_as", "pin_memory", "contiguous", "tuple",
    "atleast_2d", "atleast_1d", "requires_grad_", "stop_gradient", "device_put", "transpose", "permute", "swapaxes",
    "expand",
}  # fmt: skip

# Functions that make one array of two.
JOINS = {"append", "vstack", "row_stack", "concatenate", "concat", "cat"}

# Of what these are given only the shape is read.
SHAPED = {"ones_like", "zeros_like", "empty_like", "full_like"}

# What these modules write as bytes, they read back as it was: rows are packed where they are stored.
_PACKERS = {
    "pickle", "_pickle", "cPickle", "dill", "cloudpickle", "msgpack", "msgpack_numpy", "zlib", "gzip", "bz2", "lzma",
    "lz4", "blosc", "snappy", "zstandard", "zstd",
}  # fmt: skip
_PACKS = {
    "dumps", "loads", "compress", "decompress", "pack", "unpack", "packb", "unpackb", "pack_array", "unpack_array",
}  # fmt: skip

# Calls that average or add over everything unless they are told an axis.
REDUCTIONS = {"mean", "sum", "reduce_mean", "reduce_sum", "nanmean", "nansum", "average"}
ADDITIONS = {"sum", "reduce_sum", "nansum"}  # those of them that add

# Calls that keep the reduction of what they are given.
POINTWISE = {
    "abs", "absolute", "square", "pow", "sqrt", "exp", "log", "clamp", "clip", "clip_by_value", "minimum", "maximum",
    "neg", "mul", "multiply", "add", "sub", "subtract", "div", "divide", "where", "huber", "tanh", "relu",
}  # fmt: skip

# What makes a function that returns the gradients of the function it is given.
DIFFERENTIATED = {"jax.grad", "jax.value_and_grad", "haiku.grad", "haiku.value_and_grad", "flax.nnx.grad",
                  "flax.nnx.value_and_grad", "equinox.filter_grad", "equinox.filter_value_and_grad"}  # fmt: skip

# Losses of torch: element-wise with reduction="none", averaged otherwise.
TORCH_LOSSES = {
    "mse_loss", "smooth_l1_loss", "huber_loss", "l1_loss", "cross_entropy", "binary_cross_entropy",
    "binary_cross_entropy_with_logits", "nll_loss", "kl_div", "gaussian_nll_loss", "MSELoss", "SmoothL1Loss",
    "HuberLoss", "L1Loss", "CrossEntropyLoss", "BCELoss", "BCEWithLogitsLoss", "NLLLoss", "KLDivLoss",
}  # fmt: skip

# Losses that give one value a row (Keras functions) or keep every element (optax, rlax).
ROWWISE_LOSSES = {
    "mse", "MSE", "mean_squared_error", "huber", "mae", "MAE", "mean_absolute_error", "l2_loss", "huber_loss",
    "sparse_categorical_crossentropy", "categorical_crossentropy", "squared_error",
}  # fmt: skip

# Libraries of which an object that is called is a layer, a network or a criterion.
NETWORKS = ("torch.", "tensorflow.", "keras.", "flax.", "haiku.", "equinox.", "chainer.", "paddle.", "mxnet.")

# Losses of TensorFlow 1: one number for the batch, with weights of its own, unless it is told to keep them apart.
GRAPH_LOSSES = {
    "absolute_difference", "cosine_distance", "hinge_loss", "huber_loss", "log_loss", "mean_squared_error",
    "sigmoid_cross_entropy", "softmax_cross_entropy", "sparse_softmax_cross_entropy",
}  # fmt: skip

_RANDOM_MODULES = (
    "random.",
    "numpy.random.",
    "torch.",
    "jax.random.",
    "tensorflow.random.",
    "secrets.",
    "cupy.random.",
)
_ITEM_DRAWS = {"sample", "choice", "choices"}
IN_PLACE = "shuffle"  # of a list or array, so that any part of it is drawn
SAMPLER = "WeightedRandomSampler"  # of torch, which is iterated over for positions
_SAMPLERS = {f"torch.utils.data.{SAMPLER}", f"torch.utils.data.sampler.{SAMPLER}"}
EVEN_SAMPLER = "RandomSampler"  # of torch as well, where all have the same chance
_EVEN_SAMPLERS = {f"torch.utils.data.{EVEN_SAMPLER}", f"torch.utils.data.sampler.{EVEN_SAMPLER}"}
LOADER = "DataLoader"
STREAMS = {"torch.utils.data.IterableDataset", "torch.utils.data.dataset.IterableDataset"}
LOADERS = {f"torch.utils.data.{LOADER}", f"torch.utils.data.dataloader.{LOADER}"}
_INDEX_DRAWS = {"randint", "random_integers", "integers", "randrange", "randperm", "permutation"}
# What draws integers as well as reals, by a type that it is given.
_TENSORFLOW_RANDOM = {
    "tensorflow.random", "tensorflow.random.Generator.from_seed", "tensorflow.random.get_global_generator",
    "tensorflow.random.Generator.from_non_deterministic_state",
}  # fmt: skip
RANDOM_OBJECTS = (
    "random.Random",
    "random.SystemRandom",
    "numpy.random.RandomState",
    "numpy.random.default_rng",
    "numpy.random.Generator",
    "gym.utils.seeding.np_random",
    "gymnasium.utils.seeding.np_random",
)
RANDOM_WORDS = {"rng", "random", "rand", "rs", "generator", "randomstate", "nprandom", "prng", "rnd"}


@dataclass(frozen=True, slots=True)
class DrawCall:
    """How a random call draws: `method` of its name, `items` (from its first argument) or positions."""

    method: str
    items: bool


@lru_cache(maxsize=20_000)
def draw_call(name: str) -> DrawCall | None:
    """What draw the external callable of that name makes, None where it is no draw of items or positions."""
    name = name.replace("tensorflow.compat.v1.", "tensorflow.").replace("tensorflow.compat.v2.", "tensorflow.")
    owner, _, method = name.rpartition(".")
    if name == "tensorflow.random_uniform" or (method == "uniform" and owner in _TENSORFLOW_RANDOM):
        return DrawCall("uniform", False)
    if name in ("tensorflow.random.shuffle", "tensorflow.random_shuffle"):
        return DrawCall("permutation", True)
    if name in _SAMPLERS or name in _EVEN_SAMPLERS:
        return DrawCall(SAMPLER if name in _SAMPLERS else EVEN_SAMPLER, False)
    if not (name.startswith(_RANDOM_MODULES) or owner in RANDOM_OBJECTS):
        return None
    if name.startswith("torch.") and method not in ("randint", "randperm", "multinomial"):
        return None
    if method in _ITEM_DRAWS or method == IN_PLACE:
        return DrawCall(method, True)
    if method in _INDEX_DRAWS or name == "torch.multinomial":  # numpy's counts how often each of all comes
        return DrawCall(method, False)
    return None


_CONTINUOUS = {"random.uniform", "random.random", "numpy.random.uniform", "numpy.random.random", "numpy.random.rand",
               "numpy.random.random_sample", "numpy.random.sample", "numpy.random.ranf", "torch.rand",
               "jax.random.uniform"}  # fmt: skip


@lru_cache(maxsize=20_000)
def is_continuous(name: str) -> bool:
    """Whether the callable returns continuous random numbers."""
    owner, _, method = name.rpartition(".")
    return name in _CONTINUOUS or (owner in RANDOM_OBJECTS and method in ("uniform", "random"))


def kind_of(name: str) -> str | None:
    """The kind of container that a function or class makes, None for one that makes none."""
    if name in CONTAINERS:
        return CONTAINERS[name]
    return "array" if name.partition(".")[0] in _FILES and last(name) in _DATASETS else None


def is_cast(name: str) -> bool:
    """Whether a function is told what a checker of types is to take its second argument for, which it returns."""
    return name in ("typing.cast", "typing_extensions.cast")


def packs(name: str) -> bool:
    """Whether the callable turns an object into bytes, or bytes into the object that they hold."""
    return last(name) in _PACKS and name.partition(".")[0] in _PACKERS


# Functions that make another form of the module or function that they are given: a faster one, one for whole arrays.
COMPILERS = {"torch.compile", "torch.jit.script", "torch.jit.trace", "numpy.vectorize", "numpy.frompyfunc"}
PARTIAL = "functools.partial"  # binds arguments of what is called later
# What is called of a class whose objects live in other processes, and of their methods, in its or their stead.
REMOTE = "remote"
# Functions that hand over what they are given: to objects of other processes, from these, or made to live in one.
HANDS = {"ray.get", "ray.put", "ray.remote"}
# What calls the function `main` of the file that was started where it is given none.
STARTS_MAIN = {"tensorflow.app.run", "tensorflow.compat.v1.app.run", "tensorflow.python.platform.app.run"}
# Functions that look a number up in sums: the array and the number are their arguments, or the array is asked.
SEARCHES = {"searchsorted", "bisect", "bisect_left", "bisect_right", "digitize", "bucketize", "find_prefixsum_idx"}
# Functions that put a row into a sorted list, where it belongs.
INSORTS = {"bisect.insort", "bisect.insort_left", "bisect.insort_right"}
# Functions that compare numbers by size.
ORDERS = {"greater", "less", "greater_equal", "less_equal", "gt", "lt", "ge", "le"}


def last(name: str) -> str:
    """The last component of a dotted name."""
    return name.rpartition(".")[2]
