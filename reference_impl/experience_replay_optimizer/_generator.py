"""The state of a random generator in a form that JSON can hold."""

from __future__ import annotations

from typing import Any

import numpy as np


def generator_state(rng: np.random.Generator) -> dict[str, Any]:
    """The state of `rng`, exactly."""
    state: dict[str, Any] = _plain(rng.bit_generator.state)
    return state


def restored_generator(state: dict[str, Any], rng: np.random.Generator) -> np.random.Generator:
    """`rng` itself in that state, so that whoever shares it goes on sharing; a new one where it is of another kind.

    Raises:
        ValueError: a kind of generator that is neither that of `rng` nor one of numpy's.
    """
    name = state["bit_generator"]
    if name != rng.bit_generator.state["bit_generator"]:
        kind = getattr(np.random, name, None)
        if not (isinstance(kind, type) and issubclass(kind, np.random.BitGenerator)):
            raise ValueError(f"there is no bit generator {name} in this numpy: make the buffer with one as its rng")
        rng = np.random.Generator(kind())
    rng.bit_generator.state = _arrays(state)
    return rng


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, np.ndarray):
        return {"array": value.tolist(), "dtype": value.dtype.str}
    return value


def _arrays(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return np.array(value["array"], value["dtype"])
    return {key: _arrays(part) for key, part in value.items()}
