"""Loads the target, infers or loads its adapter, and collects what the judges need to know about it."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from per_audit.verify.child import libraries
from per_audit.verify.child.adapter import PROBE_BATCH, Adapter, AdapterError, Plan, read_number
from per_audit.verify.child.bench import Bench
from per_audit.verify.child.infer import infer, probe_settings
from per_audit.verify.child.parameters import constructor_parameters

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
        self.cls = load_class(request)
        self._plan: Plan | None = None
        self._user: Any = None
        self._library = ""
        if request.get("adapter"):
            self._user = getattr(_load_file(Path(request["adapter"]), "per_audit_adapter"), "Adapter", None)
            if self._user is None:
                raise AdapterError(f"{request['adapter']} does not define a class `Adapter`")
        else:
            self._library, self._user = self._of_a_library(request["seed"])
            self._plan = infer(self.cls, request["seed"]) if self._user is None else None
        self.files = _sources(self.cls, before, request["roots"])
        self.facts = self._facts(request["seed"])

    def _of_a_library(self, seed: int) -> tuple[str, Any]:
        """The bundled adapter for the class, if it drives it: a derived class may have an interface of its own."""
        library, adapter = libraries.find(self.cls) or ("", None)
        if adapter is None:
            return "", None
        try:
            trial = UserAdapter(adapter(self.cls, probe_settings(seed)["capacity"]))
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
        values = {k: v for k, v in settings.items() if k in known & accepted and v is not None}
        return UserAdapter(self._user(self.cls, **values))

    def probe(self, check: Check, seed: int) -> dict[str, Any]:
        """Run one check's probe on fresh buffers."""
        return check.probe(Bench(self.make, self.facts, seed, self.cls))

    def words(self) -> dict[str, str]:
        """The mapping, for people."""
        if self._plan is not None:
            return {"class": f"{self.cls.__name__}({', '.join(self._plan.passed)})", **self._plan.words()}
        said = f"the one for {self._library}" if self._library else "the adapter file"
        return {"class": self.cls.__name__, "adapter": said}

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
        }
        if plan is not None:
            if facts["recent_fraction"] and facts["recent_size"] is None:
                facts["recent_size"] = defaults.get("recent_size")
            if plan.passed_beta is not None:
                facts["beta"] = plan.passed_beta
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


def load_class(request: dict[str, Any]) -> type:
    """The class that the request names. Raises AdapterError saying what to do where it cannot be imported."""
    name = request["class"]
    try:
        module = (
            _import_file(Path(request["file"])) if request.get("file") else importlib.import_module(request["module"])
        )
    except ModuleNotFoundError as error:
        raise AdapterError(
            f"importing {request['target']} failed: {error}; run with --python and the interpreter of the project"
        ) from error
    except (AdapterError, MemoryError, RecursionError):
        raise
    except Exception as error:
        raise AdapterError(f"importing {request['target']} failed: {type(error).__name__}: {error}") from error
    found = getattr(module, name, None)
    if not isinstance(found, type):
        classes = [
            key
            for key, value in vars(module).items()
            if isinstance(value, type) and value.__module__ == module.__name__
        ]
        offered = f"; it defines {', '.join(sorted(classes))}" if classes else ""
        raise AdapterError(f"{request['target']} names no class `{name}`{offered}")
    return found


def _import_file(path: Path) -> Any:
    """The module of a file, inside its package where it has one, so that relative imports work."""
    top = path.parent
    while (top / "__init__.py").exists() and top != top.parent:
        top = top.parent
    sys.path.insert(0, str(top))
    if top != path.parent:
        # A package whose other modules cannot be imported may still hold a file that can, on its own.
        with contextlib.suppress(ImportError):
            return importlib.import_module(".".join(path.relative_to(top).with_suffix("").parts))
    return _load_file(
        path, path.stem if path.stem.isidentifier() and path.stem not in sys.modules else "per_audit_target"
    )


def _load_file(path: Path, name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise AdapterError(f"{path} cannot be imported: it is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


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
