"""The behavioural checks, one file each. A file with a `Check` in it is a check: there is no list to keep."""

from __future__ import annotations

import importlib
import pkgutil

from per_audit.verify.check import Check


def discover() -> dict[str, Check]:
    """Every check of this package by name, in the order in which they are reported."""
    found: list[Check] = []
    for entry in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{entry.name}")
        found.extend(
            value()
            for value in vars(module).values()
            if isinstance(value, type) and issubclass(value, Check) and value.__module__ == module.__name__
        )
    found.sort(key=lambda check: (check.order, check.name))
    return {check.name: check for check in found}
