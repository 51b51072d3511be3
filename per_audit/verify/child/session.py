"""Loads the target, infers or loads its adapter, and collects what the judges need to know about it."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from per_audit.verify.child import libraries
from per_audit.verify.child.adapter import PROBE_BATCH, Adapter, AdapterError, Plan, read_number
from per_audit.verify.child.bench import Bench
from per_audit.verify.child.infer import PROBE_CAPACITY, infer, probe_settings
from per_audit.verify.child.loading import Excerpts, import_file, load_file, runs_something
from per_audit.verify.child.parameters import classify, constructor_parameters

if TYPE_CHECKING:
    from per_audit.verify.check import Check

_ALPHA = ("alpha", "_alpha", "per_alpha", "prioritized_replay_alpha", "priority_alpha", "omega", "a")
_EPSILON = ("epsilon", "eps", "_epsilon", "_eps", "priority_eps", "prior_eps", "e", "PER_e", "small_constant")
_PACKAGES = ("site-packages", "dist-packages", f"lib{os.sep}python")


class Session:
    """One target, loaded. Raises AdapterError where it cannot be loaded or driven."""

    def __init__(self, request: dict[str, Any]) -> None:
        before = set(sys.modules)
        for entry in reversed(request["paths"]):
            sys.path.insert(0, entry)
        self.cls, self._excerpt = load_class(request)
        self._configured: dict[str, Any] = request.get("configured") or {}
        self._drawn: dict[str, float] = request.get("drawn") or {}
        self._magnitudes = bool(request.get("magnitudes"))
        self._left_out = ""
        self._plan: Plan | None = None
        self._user: Any = None
        self._library = ""
        if request.get("adapter"):
            self._user = getattr(load_file(Path(request["adapter"]), "per_audit_adapter"), "Adapter", None)
            if self._user is None:
                raise AdapterError(f"{request['adapter']} does not define a class `Adapter`")
        else:
            self._library, self._user = self._of_a_library()
            self._plan = self._inferred(request["seed"]) if self._user is None else None
        self.files = _sources(self.cls, before, request["roots"])
        self.facts = self._facts(request["seed"])

    def _inferred(self, seed: int) -> Plan:
        """The plan, with as much of the project's configuration as the class can be driven with."""
        known = {k: v for k, v in self._configured.items() if classify(k, "constructor") is not None}
        attempts = [self._configured, known, {}] if self._configured else [{}]
        plans = (self._attempt(seed, configured) for configured in attempts)
        first = next(plans)
        if isinstance(first, Plan):
            return first
        for configured, plan in zip(attempts[1:], plans, strict=True):
            if isinstance(plan, Plan):
                left = [name for name in self._configured if name not in configured]
                self._left_out = f"{', '.join(left)}: {first}"
                return plan
        raise first

    def _attempt(self, seed: int, configured: dict[str, Any]) -> Plan | AdapterError:
        try:
            plan = infer(self.cls, seed, configured, self._as_a_power_of_two(), self._drawn)
        except AdapterError as error:
            return error
        plan.signed = plan.signed and not self._magnitudes
        return plan

    def _as_a_power_of_two(self) -> bool:
        """Whether the project's capacity is one: then the checks' own capacities are."""
        capacity = self._configured_capacity() or 0
        return capacity >= 2 and capacity & (capacity - 1) == 0

    def _of_a_library(self) -> tuple[str, Any]:
        """The bundled adapter for the class, if it drives it: a derived class may have an interface of its own."""
        library, adapter = libraries.find(self.cls) or ("", None)
        if adapter is None:
            return "", None
        try:
            trial = UserAdapter(adapter(self.cls, PROBE_CAPACITY))
            for tid in range(2 * PROBE_BATCH):
                trial.add(tid, 0.5, 1.0, False)
            ids, handles, _ = trial.draw(PROBE_BATCH)
            if trial.update is not None:
                trial.update(handles, np.ones(len(ids)))
        except Exception:  # whatever it is, inference says more of it
            return "", None
        return library, adapter

    def make(self, settings: dict[str, Any]) -> Any:
        """An empty buffer behind the three verbs."""
        if self._plan is not None:
            return Adapter(self._plan.construct(settings), self._plan)
        known = {"capacity", "alpha", "beta", "seed", "batch"}
        accepted = {p.name for p in constructor_parameters(self._user)}
        configured = {str(classify(k, "constructor")): v for k, v in self._configured.items()}
        configured = {k: v for k, v in configured.items() if k in ("alpha", "beta")}
        settings = {**configured, **{k: v for k, v in settings.items() if v is not None}}
        values = {k: v for k, v in settings.items() if k in known & accepted}
        return UserAdapter(self._user(self.cls, **values))

    def probe(self, check: Check, seed: int) -> dict[str, Any]:
        """Run one check's probe on fresh buffers."""
        return check.probe(Bench(self.make, self.facts, seed, self.cls))

    def words(self) -> dict[str, str]:
        """The mapping, for people."""
        said = {} if not self._excerpt else {"loaded": f"only what {self.cls.__name__} names, as {self._excerpt}"}
        if self._left_out:
            said["not used"] = self._left_out
        if self._plan is not None:
            return {"class": f"{self.cls.__name__}({', '.join(self._plan.passed)})", **self._plan.words(), **said}
        by = f"the one for {self._library}" if self._library else "the adapter file"
        return {"class": self.cls.__name__, "adapter": by, **said}

    def _configured_capacity(self) -> int | None:
        """How many transitions the buffer holds in the project, where that was found."""
        sizes = [v for k, v in self._configured.items() if classify(k, "constructor") == "capacity"]
        for name, value in self._configured.items():
            if classify(name, "constructor") == "settings" and isinstance(value, dict):
                sizes += [v for k, v in value.get("fields", {}).items() if classify(k, "constructor") == "capacity"]
        known = [int(size) for size in sizes if isinstance(size, (int, float)) and size >= 1]
        return known[0] if known else None

    def _facts(self, seed: int) -> dict[str, Any]:
        adapter = self.make(probe_settings(seed))
        adapter.add(0, 0.0, 1.0, False)
        owner = adapter.buffer
        plan = self._plan
        defaults = {p.name: p.default for p in constructor_parameters(self.cls) if isinstance(p.default, (int, float))}
        facts: dict[str, Any] = {
            "alpha": read_number(owner, _ALPHA),
            "beta": read_number(owner, ("beta", "_beta", "per_beta")),
            "epsilon": read_number(owner, _EPSILON),
            "updates": bool(plan.update_name) if plan else callable(getattr(owner, "update", None)),
            "signed": plan.signed if plan else getattr(owner, "signed", True),
            "handles": plan is None or (plan.layout is not None and plan.layout.handles is not None),
            "weights": plan is None or (plan.layout is not None and plan.layout.weights is not None),
            "recent_fraction": read_number(owner, ("recent_fraction",)),
            "recent_size": read_number(owner, ("recent_size",)),
            "rare_fraction": read_number(owner, ("rare_fraction",)),
            "rare_alias": "rare_fraction" in [p.name for p in constructor_parameters(self.cls)],
            "takes_alpha": plan.offers("alpha")
            if plan
            else "alpha" in [p.name for p in constructor_parameters(self._user)],
            "takes_seed": plan.offers("seed")
            if plan
            else "seed" in [p.name for p in constructor_parameters(self._user)],
            "takes": plan.takes if plan else "td",
            "undriven": plan.undriven if plan else "",
            "class": self.cls.__name__,
            "configured_capacity": self._configured_capacity(),
        }
        if plan is not None:
            if facts["recent_fraction"] and facts["recent_size"] is None:
                facts["recent_size"] = defaults.get("recent_size")
            if plan.passed_beta is not None:
                facts["beta"] = plan.passed_beta
            if plan.passed_alpha is not None:
                facts["alpha"] = plan.passed_alpha
            facts["powers_of_two"] = plan.powers_of_two
            facts["finds_successors"] = plan.finds_successors(owner)
            for fact in ("alpha", "beta", "epsilon"):
                named = [name for name, meaning in plan.meanings.items() if meaning == fact and name in defaults]
                if facts[fact] is None and named:
                    facts[fact] = float(defaults[named[0]])
        return facts


class UserAdapter:
    """An adapter file's object; what it returns is copied and brought to the types that the probes expect."""

    def __init__(self, inner: Any) -> None:
        self.buffer = inner
        self.add = inner.add
        self.update = getattr(inner, "update", None)

    def draw(self, batch: int) -> tuple[Any, Any, Any]:
        """As `Adapter.draw`."""
        ids, handles, weights = self.buffer.draw(batch)
        copied = handles.copy() if isinstance(handles, np.ndarray) else handles
        values = None if weights is None else np.array(weights, dtype=np.float64).reshape(-1)
        return np.array(ids, dtype=np.int64).reshape(-1), copied, values

    @property
    def beta(self) -> float | None:
        """The adapter's own `beta`, or None."""
        return read_number(self.buffer, ("beta",))


def load_class(request: dict[str, Any]) -> tuple[type, str]:
    """The class that the request names, and what is to be said of the way it was loaded.

    Raises AdapterError saying what to do where it cannot be imported.
    """
    name = request["class"]
    path = Path(request["file"]) if request.get("file") else None
    excerpts = Excerpts()
    try:
        if path is not None and runs_something(path):
            with contextlib.suppress(KeyError):
                return _checked(excerpts.of(path, name), request), "its file runs a loop when it is imported"
        module = import_file(path) if path is not None else importlib.import_module(request["module"])
        return _checked(getattr(module, name, None), request, module), ""
    except (AdapterError, MemoryError, RecursionError):
        raise
    except Exception as error:
        if path is not None:
            found = _excerpt(excerpts, path, name)
            if isinstance(found, type):
                return found, f"importing all of its file failed: {type(error).__name__}: {str(error)[:160]}"
        remedy = "; run with --python and the interpreter of the project" * isinstance(error, ModuleNotFoundError)
        said = str(error) if remedy else f"{type(error).__name__}: {error}"
        raise AdapterError(f"importing {request['target']} failed: {said}{remedy}") from error


def _excerpt(excerpts: Excerpts, path: Path, name: str) -> Any:
    try:
        return excerpts.of(path, name)
    except Exception:  # the first error says more
        return None


def _checked(found: Any, request: dict[str, Any], module: Any = None) -> type:
    if isinstance(found, type):
        return found
    classes = (
        [key for key, value in vars(module).items() if isinstance(value, type) and value.__module__ == module.__name__]
        if module is not None
        else []
    )
    offered = f"; it defines {', '.join(sorted(classes))}" if classes else ""
    raise AdapterError(f"{request['target']} names no class `{request['class']}`{offered}")


def _sources(cls: type, before: set[str], roots: list[str]) -> list[str]:
    """The source files that define the buffer: its classes, and what was imported with them from under `roots`."""
    found: set[Path] = set()
    for base in cls.__mro__:
        module = sys.modules.get(base.__module__)
        path = getattr(module, "__file__", None)
        if path and base.__module__ not in before and not any(part in path for part in _PACKAGES):
            found.add(Path(path).resolve())
    inside = [Path(root).resolve() for root in roots]
    for name in set(sys.modules) - before:
        path = getattr(sys.modules[name], "__file__", None)
        if path and path.endswith(".py") and name != "per_audit_adapter":
            resolved = Path(path).resolve()
            if any(root in resolved.parents for root in inside) and not any(part in path for part in _PACKAGES):
                found.add(resolved)
    return sorted(str(path) for path in found)
