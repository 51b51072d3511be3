"""The infos of vectorised environments, in their several layouts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

FINAL_OBSERVATIONS = ("final_obs", "final_observation")


def infos_by_environment(infos: Any, size: int) -> list[dict[str, Any]]:
    """The info of the step of each environment.

    Args:
        infos: a list of dicts; or a dict of arrays with one entry for each environment, of which "key" counts where
            "_key", if there is one, is true.
        size: number of environments.

    Returns:
        `size` dicts. Where an environment was reset within the step, it is what gymnasium puts under "final_info", with
        "final_obs" (or "final_observation") beside it; what the reset said is left out.

    Raises:
        ValueError: a list of another length.
    """
    if not isinstance(infos, Mapping):
        if len(infos) != size:
            raise ValueError(f"infos has {len(infos)} entries, expected {size}: one dict for each environment")
        split = list(infos)
    else:
        split = _split(infos, size)
    return [_of_the_step(info) for info in split]


def _of_the_step(info: dict[str, Any]) -> dict[str, Any]:
    if "final_info" not in info:
        return info
    return {**info["final_info"], **{key: info[key] for key in FINAL_OBSERVATIONS if key in info}}


def _split(infos: Mapping[str, Any], size: int) -> list[dict[str, Any]]:
    split: list[dict[str, Any]] = [{} for _ in range(size)]
    for key, values in infos.items():
        if key.startswith("_"):
            continue
        parts: Any = _split(values, size) if isinstance(values, Mapping) else values
        if not isinstance(parts, (list, np.ndarray)) or len(parts) != size:
            continue  # not said for each environment
        present = infos.get(f"_{key}", np.ones(size, np.bool_))
        for row in np.flatnonzero(present).tolist():
            split[row][key] = parts[row]
    return split
