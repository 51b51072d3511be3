"""RLlib: verified (verify_libraries.py), and not measured."""

from __future__ import annotations

from .base import TORCH, Contender


class Buffer(Contender):
    installs = (TORCH, (*TORCH, "ray[rllib]==2.60.0"))
    distributions = ("ray",)
