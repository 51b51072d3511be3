"""The three verbs through which the checks speak to any buffer, and the inference that finds them in a class."""

from __future__ import annotations

import copy
import inspect
import sys
from collections import deque
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from per_audit.verify.child import decode, marks
from per_audit.verify.child.parameters import (
    classify,
    constructor_parameters,
    constructor_values,
    parameters,
    required,
    shown,
)

Ids = npt.NDArray[np.int64]
Weights = npt.NDArray[np.float64]

_ALPHA = 0.6
_BETA = 0.4
_AT_A_DRAW = {"beta": _BETA, "alpha": _ALPHA, "epsilon": 1e-6, "device": "cpu", "one": 1, "n_step": 1}
PROBE_BATCH = 11
"""A batch size that is no plausible number of fields, so that rows and columns of a batch cannot be confused."""


_LEAST = ("minimum", "min_priority", "minimum_priority", "priority_minimum")
_SMALLEST = 0.01  # the checks tell errors apart that are larger than this


class AdapterError(Exception):
    """The target could not be driven; the message says what was tried and what an adapter file would have to do."""


class Adapter:
    """A buffer under test. An adapter file's class offers the same three methods."""

    def __init__(self, buffer: Any, plan: Plan) -> None:
        self.buffer, self._plan = buffer, plan

    def add(self, tid: int, reward: float, td: float, done: bool) -> None:
        """Store the transition `tid`; `td` is passed only to buffers that want the priority when they store."""
        self._plan.add(self.buffer, tid, reward, td, done)

    def draw(self, batch: int) -> tuple[Ids, Any, Weights | None]:
        """Draw: (ids (B,), handles for `update`, weights (B,) or None). B may differ where the class fixes it."""
        layout = self._plan.layout
        if layout is None:
            raise AdapterError("the layout of the batch is not known yet")
        return layout.read(self._plan.draw(self.buffer, batch))

    def update(self, handles: Any, td: npt.NDArray[np.float64]) -> None:
        """Set the TD errors (B,) of the rows that the last draw returned as `handles`."""
        self._plan.update(self.buffer, handles, td * self._scale)

    @cached_property
    def _scale(self) -> float:
        """What TD errors are multiplied by so that none is below the least priority that the class was made with.

        LAP takes max(|TD error|, minimum): errors below it would all be one.
        """
        taken = [p.name for p in constructor_parameters(self._plan.cls) if p.name in _LEAST]
        least = read_number(self.buffer, tuple(taken)) or 0.0
        return max(1.0, least / _SMALLEST)

    @property
    def beta(self) -> float | None:
        """The exponent of the weights as the buffer shows it now, or None."""
        passed = self._plan.passed_beta
        return read_number(self.buffer, ("beta", "_beta", "current_beta", "per_beta")) if passed is None else passed


def read_number(buffer: Any, names: tuple[str, ...]) -> float | None:
    """The first of these attributes that is a finite number, looked for on the object and on its sampler."""
    for owner in (buffer, getattr(buffer, "sampler", None), getattr(buffer, "_sampler", None)):
        for name in names:
            try:
                value = getattr(owner, name)
            except Exception:  # a property that raises says nothing
                continue
            if isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and np.isfinite(value):
                return float(value)
    return None


class Plan:
    """How to call one class: filled in by `infer`, step by step, each step proved by calling the class."""

    def __init__(self, cls: type, configured: dict[str, Any] | None = None) -> None:
        self.cls = cls
        self._configured = configured or {}
        self._constant: tuple[Any, str] | None = None
        self.sizes = "by name"
        self._shared = _containers_of(cls)
        self.add_name, self.add_form = "", ""
        self.values_form = "numpy"
        self.draw_name, self.update_name = "", ""
        self.undriven = ""
        self.update_form = ""
        self.takes = "td"
        self.signed = False
        self.layout: decode.Layout | None = None
        self.meanings: dict[str, str] = {}
        self.passed: tuple[str, ...] = ()
        self.passed_alpha: float | None = None
        self.passed_beta: float | None = None
        self.draw_form = ""
        self.drawn: dict[str, Any] = {}
        self.powers_of_two = False
        self._beta_is_zero = False
        self._known: dict[str, list[tuple[str, str | None, bool]]] = {}

    # --- construct

    def construct(self, settings: dict[str, Any]) -> Any:
        """A new buffer; raises AdapterError where a required argument has no known meaning."""
        settings = {**settings, "sizes": self.sizes, "capacity": self.room(settings["capacity"])}
        try:
            arguments, self.meanings = constructor_values(self.cls, settings, self._configured)
        except ValueError as error:
            raise AdapterError(str(error)) from error
        if self._constant is not None:
            setattr(*self._constant, self.room(settings["capacity"]))
        made = self.cls(**arguments)
        for name, empty in self._shared.items():
            if name not in getattr(made, "__dict__", {name: None}):
                setattr(made, name, copy.deepcopy(empty))
        self.passed = tuple(shown(name, value) for name, value in arguments.items())
        return made

    def room(self, capacity: int) -> int:
        """The capacity that is asked of the class for one of `capacity`: a power of two where it takes no other."""
        return 1 << (capacity - 1).bit_length() if self.powers_of_two else capacity

    def find_constant_capacity(self) -> bool:
        """Whether a constant of the module or the class, by its name, says how much the buffer holds: it is set then.

        A constant of the module counts where the class names it.
        """
        module = sys.modules.get(self.cls.__module__)
        owners = [(module, name) for name in sorted(_named_in(self.cls))] + [(self.cls, name) for name in dir(self.cls)]
        for owner, name in owners:
            value = getattr(owner, name, None)
            if type(value) is int and value > 1 and classify(name, "constructor") == "capacity":
                self._constant = (owner, name)
                self.meanings[name] = "capacity"
                return True
        return False

    def offers(self, meaning: str) -> bool:
        """Whether the constructor has a parameter of this meaning, or of this name."""
        return meaning in self.meanings.values() or meaning in [p.name for p in constructor_parameters(self.cls)]

    # --- add

    def add(self, buffer: Any, tid: int, reward: float, td: float, done: bool) -> None:
        """Store one transition by the plan."""
        parts = marks.VALUE_FORMS[self.values_form](tid, reward, done)
        method = getattr(buffer, self.add_name)
        if self.add_form == "by name":
            method(*_by_name(self._parameters(buffer, self.add_name), parts, td))
        elif self.add_form == "five arguments":
            method(*parts)
        elif self.add_form == "four arguments":
            method(*parts[:4])
        elif self.add_form == "keywords":
            method(obs=parts.state, act=parts.action, rew=parts.reward, next_obs=parts.next_state, done=parts.done)
        else:
            whole = marks.WHOLE_FORMS[self.add_form](parts)
            needed = [meaning for _, meaning, must in self._parameters(buffer, self.add_name) if must] or ["whole"]
            method(*[td if meaning == "td" else whole for meaning in needed])

    def finds_successors(self, buffer: Any) -> bool:
        """Whether transitions are added without their next states, which the buffer then has to find itself."""
        known = self._parameters(buffer, self.add_name)
        return self.add_form == "by name" and "next_state" not in [meaning for _, meaning, _ in known]

    def _parameters(self, buffer: Any, name: str) -> list[tuple[str, str | None, bool]]:
        """Name, meaning and whether it must be passed, of each parameter of a method. Remembered: it is asked often."""
        if name not in self._known:
            table = "constructor" if name == self.draw_name else "update" if name == self.update_name else "add"
            self._known[name] = [
                (p.name, classify(p.name, table), required(p))
                for p in parameters(getattr(buffer, name))
                if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
            ]
        return self._known[name]

    def add_forms(self, buffer: Any) -> list[str]:
        """The forms worth trying, by the method's parameters."""
        needed = [p for p in parameters(getattr(buffer, self.add_name)) if required(p)]
        kinds = {p.kind for p in parameters(getattr(buffer, self.add_name))}
        meanings = [classify(p.name, "add") for p in needed]
        forms: list[str] = []
        if len(needed) >= 3 and "state" in meanings and "whole" not in meanings and None not in meanings:
            forms.append("by name")
        if len(needed) in (4, 5):
            forms.append("five arguments" if len(needed) == 5 else "four arguments")
        if not needed and inspect.Parameter.VAR_POSITIONAL in kinds:
            forms += ["five arguments", "four arguments"]
        if not needed and inspect.Parameter.VAR_KEYWORD in kinds:
            forms.append("keywords")
        if len([m for m in meanings if m != "td"]) == 1 or (not needed and not forms):
            forms += list(marks.WHOLE_FORMS)
        return forms

    # --- draw

    def draw_forms(self, buffer: Any) -> list[str]:
        """The forms worth trying, by the method's parameters: by their names, or by position behind a star."""
        kinds = {p.kind for p in parameters(getattr(buffer, self.draw_name))}
        return ["batch size", "batch size, beta"] if kinds == {inspect.Parameter.VAR_POSITIONAL} else ["by name"]

    def find_passed(self, buffer: Any) -> None:
        """Set `passed_beta`, the exponent of the weights, and `passed_alpha` where draws take them as arguments."""
        self.passed_alpha, self.passed_beta, self._beta_is_zero = None, None, False
        if self.draw_form == "batch size, beta":
            self.passed_beta = self.drawn.get("beta", _BETA)
        for parameter in parameters(getattr(buffer, self.draw_name)):
            meaning = classify(parameter.name, "constructor")
            if meaning == "alpha":
                self.passed_alpha = self.drawn.get("alpha", _ALPHA if required(parameter) else None)
            if meaning == "beta":
                self._beta_is_zero = parameter.default == 0  # which some refuse, and which weighs nothing
                default = _BETA if required(parameter) or self._beta_is_zero else parameter.default
                default = self.drawn.get("beta", default)
                self.passed_beta = float(default) if isinstance(default, (int, float)) else None

    def draw(self, buffer: Any, batch: int) -> Any:
        """Call the draw method; positional arguments are the batch size and, where the method demands it, beta."""
        if self.draw_form.startswith("batch size"):
            return getattr(buffer, self.draw_name)(*[batch, self.passed_beta][: 1 + self.draw_form.endswith("beta")])
        arguments: dict[str, Any] = {}
        for index, (name, meaning, must) in enumerate(self._parameters(buffer, self.draw_name)):
            if meaning in ("batch", "capacity") or (index == 0 and meaning is None and must):
                arguments[name] = batch
            elif must or meaning in self.drawn or (meaning == "beta" and self._beta_is_zero):
                arguments[name] = {**_AT_A_DRAW, **self.drawn}.get(str(meaning), batch)
        return getattr(buffer, self.draw_name)(**arguments)

    # --- update

    def update(self, buffer: Any, handles: Any, td: npt.NDArray[np.float64]) -> None:
        """Call the update method in the form that was found to work."""
        if not self.update_name:
            raise AdapterError("the class has no method that updates priorities")
        values = td if self.signed else np.abs(td)
        method = getattr(buffer, self.update_name)
        known = self._parameters(buffer, self.update_name)
        meanings = [meaning for _, meaning, must in known if must] or [meaning for _, meaning, _ in known][:2]
        for arguments in _update_calls(meanings, handles, values, self.update_form):
            method(*arguments)

    def words(self) -> dict[str, str]:
        """The mapping, for people."""
        layout = self.layout
        by_position = f"({self.draw_form})" if self.draw_form.startswith("batch size") else "()"
        draw = f"{self.draw_name}{by_position} -> states at {decode.describe(layout.state if layout else None)}"
        if layout is not None:
            draw += f", handles at {decode.describe(layout.handles)}, weights at {decode.describe(layout.weights)}"
        unit = ("TD errors" if self.signed else "absolute TD errors") if self.takes == "td" else "priorities"
        constant = (
            {} if self._constant is None else {"capacity": f"the constant {self._constant[1]}, set for the checks"}
        )
        if self.powers_of_two:
            constant["rounded"] = (
                "the capacity is a power of two, as that of the project or as the class wants it: 64 for 50"
            )
        said = f"{', '.join(self._shared)}: one for all objects of the class; each of the checks got its own"
        shared = {"shared": said} if self._shared else {}
        return {
            **constant,
            **shared,
            "add": f"{self.add_name}(), {self.add_form}, values as {self.values_form}",
            "draw": draw,
            "update": f"{self.update_name}(), {self.update_form}, {unit}" if self.update_name else "none",
        }


def _containers_of(cls: type) -> dict[str, Any]:
    """The containers that a class body makes, which all of its objects share, as they are before there is one."""
    found = {name: value for base in reversed(cls.__mro__[:-1]) for name, value in vars(base).items()}
    kept = (list, dict, set, deque, np.ndarray)
    return {
        name: copy.deepcopy(value)
        for name, value in found.items()
        if type(value) in kept and not (name.startswith("__") or name.isupper())
    }


def _named_in(cls: type) -> set[str]:
    """The global names that the methods of a class use."""
    methods = [value for base in cls.__mro__[:-1] for value in vars(base).values()]
    return {name for method in methods for name in getattr(getattr(method, "__code__", None), "co_names", ())}


def _by_name(known: list[tuple[str, str | None, bool]], parts: marks.Transition, td: float) -> list[Any]:
    values = {
        "state": parts.state,
        "action": parts.action,
        "reward": parts.reward,
        "next_state": parts.next_state,
        "done": parts.done,
        "truncated": False,
        "mask": 1.0 - float(bool(parts.done)) if isinstance(parts.done, bool) else 1 - parts.done,
        "info": {} if np.ndim(parts.state) < 2 else [{}],
        "td": td,
    }
    return [values[str(meaning)] for _, meaning, must in known if must]


UPDATE_FORMS = ("arrays", "lists", "columns (B, 1)", "torch tensors", "one call a row")


def _update_calls(meanings: list[str | None], handles: Any, td: npt.NDArray[np.float64], form: str) -> list[list[Any]]:
    """The argument lists of the calls that one update makes."""
    swapped = len(meanings) > 1 and meanings[0] in ("td", "priority") and meanings[1] == "handles"

    def order(index: Any, value: Any) -> list[Any]:
        if len(meanings) == 1:
            return [value]
        return [value, index] if swapped else [index, value]

    if form == "one call a row":
        return [order(index, float(value)) for index, value in zip(handles, td, strict=True)]
    if form == "columns (B, 1)":
        return [order(handles, td.reshape(-1, 1))]
    if form == "lists":
        return [order(list(handles) if handles is not None else None, td.tolist())]
    if form == "torch tensors":
        torch = sys.modules["torch"]
        return [order(handles, torch.as_tensor(td, dtype=torch.float32))]
    index = np.asarray(handles) if isinstance(handles, list) and handles and np.isscalar(handles[0]) else handles
    return [order(index, td.astype(np.float64))]
