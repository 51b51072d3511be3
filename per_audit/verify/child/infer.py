"""Finds out how to drive a class: plausible calls on a small buffer, until added states come back out of a draw."""

from __future__ import annotations

import copy
import itertools
import sys
from typing import Any

import numpy as np

from per_audit.verify.child import decode, marks
from per_audit.verify.child.adapter import PROBE_BATCH, UPDATE_FORMS, AdapterError, Plan
from per_audit.verify.child.methods import ADD, DRAW, UPDATE, found_in
from per_audit.verify.child.names import returned_names
from per_audit.verify.child.parameters import classify, parameters, required

PROBE_CAPACITY = 40
_METHODS_TRIED = 3


def _why(error: BaseException) -> str:
    remedy = "; run with --python and the interpreter of the project" * isinstance(error, ModuleNotFoundError)
    return f"{type(error).__name__}: {str(error)[:160]}{remedy}"


def probe_settings(seed: int) -> dict[str, Any]:
    """The settings of the small buffer that is used for the inference."""
    return {"capacity": PROBE_CAPACITY, "batch": PROBE_BATCH, "seed": seed}


def stored(tid: int) -> tuple[float, bool]:
    """Reward and done flag of transition `tid` in the inference: varied, so that their columns can be told apart."""
    return 0.5 + 0.01 * (tid % 7) + 0.001 * (tid % 11), tid % 3 == 0


def infer(
    cls: type,
    seed: int,
    configured: dict[str, Any] | None = None,
    powers_of_two: bool = False,
    drawn: dict[str, float] | None = None,
) -> Plan:
    """The plan for `cls`, constructed with the arguments `configured` where the checks need no others.

    `drawn` are exponents that draws are passed. Capacities are `powers_of_two` where that is asked for, or the class
    takes no others.

    Raises AdapterError saying what was tried last and why it failed.
    """
    plan = Plan(cls, configured)
    plan.powers_of_two = powers_of_two
    plan.drawn.update(drawn or {})
    try:
        _construct(plan, seed)
    except AdapterError:
        raise
    except Exception as error:
        raise AdapterError(f"{cls.__name__}() could not be constructed: {_why(error)}") from error
    if not plan.offers("capacity") and not plan.find_constant_capacity():
        raise AdapterError(f"{cls.__name__}() has no argument that looks like a capacity")
    adders = found_in(cls, ADD)[:_METHODS_TRIED]
    drawers = found_in(cls, DRAW)[:_METHODS_TRIED]
    if not adders or not drawers:
        missing = "adds a transition" if not adders else "draws a batch"
        raise AdapterError(f"{cls.__name__} has no method that {missing} by its name")
    failures: list[str] = []
    updates = any("prio" in name for name in found_in(cls, UPDATE))
    kept: tuple[Plan, Any] | None = None
    for add_name in adders:
        for draw_name in drawers:
            plan.add_name, plan.draw_name = add_name, draw_name
            buffer = _first_that_works(plan, seed, failures)
            if buffer is None:
                continue
            if not updates or (plan.layout is not None and plan.layout.handles is not None):
                _settle_update(plan, buffer)
                return plan
            # Priorities are updated by what a draw returns: perhaps another method draws by them.
            kept = kept or (copy.copy(plan), buffer)
    if kept is not None:
        _settle_update(*kept)
        return kept[0]
    raise AdapterError(
        "no call was found that adds transitions and draws them again; tried last: " + "; ".join(failures[-3:])
    )


def _construct(plan: Plan, seed: int) -> None:
    """Construct once; where it takes that, sizes are numbers or tuples, or capacities powers of two from then on."""
    try:
        plan.construct(probe_settings(seed))
    except (TypeError, AssertionError, ValueError) as error:
        tried = [("sizes", "numbers"), ("sizes", "tuples")]
        for name, value in tried if isinstance(error, TypeError) else [("powers_of_two", True)]:
            before = getattr(plan, name)
            setattr(plan, name, value)
            try:
                plan.construct(probe_settings(seed))
            except Exception:
                setattr(plan, name, before)
            else:
                return
        raise


def _fill(plan: Plan, seed: int) -> Any:
    buffer = plan.construct(probe_settings(seed))
    for tid in range(plan.room(PROBE_CAPACITY)):
        plan.add(buffer, tid, stored(tid)[0], 0.5, stored(tid)[1])
    return buffer


def _first_that_works(plan: Plan, seed: int, failures: list[str]) -> Any:
    """A filled buffer with `plan.layout` found, or None; what went wrong is appended to `failures`."""
    forms = [form for form in marks.VALUE_FORMS if "torch" in sys.modules or "torch" not in form]
    empty = plan.construct(probe_settings(seed))
    contents = {tid: stored(tid) for tid in range(plan.room(PROBE_CAPACITY))}
    add_forms, draw_forms = plan.add_forms(empty), plan.draw_forms(empty)
    if not add_forms:
        failures.append(f"{plan.add_name}(), whose arguments have no meaning that could be inferred")
    for values_form, add_form, draw_form in itertools.product(forms, add_forms, draw_forms):
        plan.values_form, plan.add_form, plan.draw_form = values_form, add_form, draw_form
        plan.find_passed(empty)
        try:
            buffer = _fill(plan, seed)
            draws = [_snapshot(plan.draw(buffer, PROBE_BATCH)) for _ in range(6)]
            plan.layout = decode.find_layout(draws, PROBE_BATCH, contents, None, returned_names(plan))
        except Exception as error:
            failures.append(f"{plan.add_name}() with {add_form}, then {plan.draw_name}(): {_why(error)}")
        else:
            return buffer
    return None


def _snapshot(value: Any) -> Any:
    """A draw kept for later: iterators are read out, arrays copied at once (some buffers reuse them)."""
    if hasattr(value, "__next__"):
        value = list(value)
    try:
        return copy.deepcopy(value)
    except Exception:  # an object that cannot be copied is looked at as it is
        return value


def _settle_update(plan: Plan, buffer: Any) -> None:
    """Find the update method and its form, then pin the layout again on draws with unequal priorities."""
    count = plan.room(PROBE_CAPACITY)
    contents = {tid: stored(tid) for tid in range(count)}
    td = {tid: 0.1 + 0.8 * tid / count for tid in range(count)}
    names = found_in(plan.cls, UPDATE)[:_METHODS_TRIED]
    for name in names:
        if _find_update_form(plan, name, buffer, td):
            break
    else:
        plan.update_name = ""
        plan.undriven = next((name for name in names if "prio" in name), "")
        return
    for _ in range(60):
        _update_once(plan, buffer, td)
    draws = [_snapshot(plan.draw(buffer, PROBE_BATCH)) for _ in range(8)]
    plan.layout = decode.find_layout(draws, PROBE_BATCH, contents, td, returned_names(plan))


def _update_once(plan: Plan, buffer: Any, td: dict[int, float]) -> None:
    assert plan.layout is not None
    ids, handles, _ = plan.layout.read(plan.draw(buffer, PROBE_BATCH))
    plan.update(buffer, handles, np.array([td.get(int(tid), 0.5) for tid in ids]))


def _find_update_form(plan: Plan, name: str, buffer: Any, td: dict[int, float]) -> bool:
    needed = [p for p in parameters(getattr(buffer, name)) if required(p)] or parameters(getattr(buffer, name))
    meanings = [classify(p.name, "update") for p in needed]
    if len(needed) not in (1, 2) or (len(needed) == 2 and (plan.layout is None or plan.layout.handles is None)):
        return False
    plan.update_name = name
    plan.takes = "priority" if "priority" in meanings else "td"
    forms = [form for form in UPDATE_FORMS if form != "torch tensors" or "torch" in sys.modules]
    one_row = len(needed) == 2 and not any(p.name.endswith("s") or p.name in ("idx", "i") for p in needed)
    if one_row:  # `update(index, priority)`: an array may be taken without complaint and mean nothing
        forms = ["one call a row", *[form for form in forms if form != "one call a row"]]
    for form in forms:
        plan.update_form = form
        try:
            for _ in range(4):
                _update_once(plan, buffer, td)
            plan.draw(buffer, PROBE_BATCH)
        except Exception:
            buffer = _fill(plan, 0)
            continue
        magnitudes = any("abs" in p.name.lower() or "magnitude" in p.name.lower() for p in needed)
        plan.signed = plan.takes == "td" and not magnitudes and _takes_negative(plan, td)
        return True
    return False


def _takes_negative(plan: Plan, td: dict[int, float]) -> bool:
    """Whether `update` accepts negative TD errors. What it makes of them is for the checks to see."""
    buffer = _fill(plan, 0)
    plan.signed = True
    try:
        _update_once(plan, buffer, {tid: -value for tid, value in td.items()})
    except Exception:  # refused: the caller is meant to pass magnitudes
        return False
    return True
