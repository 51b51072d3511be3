"""What the parameters of other people's constructors and methods mean, by their names."""

from __future__ import annotations

import importlib
import inspect
import re
from typing import TYPE_CHECKING, Any

from per_audit.verify.child.marks import WIDTH
from per_audit.verify.child.standins import Options, environment, space

if TYPE_CHECKING:
    from collections.abc import Callable

_EMPTY = inspect.Parameter.empty


def _rx(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_FLAG_SIZE = _rx(r"^(rew|reward|done|terminal)s?_?(dims?|size|shape)$")

# Tried in this order: `batch_size`, `state_size` and `action_size` must not be taken for a capacity.
_CONSTRUCTOR: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("batch", _rx(r"batch|^sample_size$|^n_samples$|^mb_size$")),
    ("observation_space", _rx(r"^(obs|observation|state)s?_space$")),
    ("action_space", _rx(r"^(act|action)s?_space$")),
    ("environment", _rx(r"^(gym_?)?(env|environment)s?$")),
    (
        "settings",
        _rx(
            r"^(cfg|conf|configs?|configuration|args|arguments|hparams|params|hyper_?param\w*|opts?|options|"
            r"settings|flags)$"
        ),
    ),
    (
        "least",
        _rx(
            r"^min(imum)?_?(\w*size|\w*len|samples|\w*length)$|(size|len|samples)_min$|warm_?up|"
            r"^learning_starts$"
        ),
    ),
    ("next_dim", _rx(r"next_(obs|state).*(dim|size|shape)")),
    (
        "dim",
        _rx(r"(state|obs|observation|input|feature|^in)s?_?(dims?|size|shape|num|n)$|^n_(states|obs|features)$"),
    ),
    ("dim", _rx(r"^num_(states|obs|features|inputs)$|^(state|obs)_?len$|^(s|o)_dim$")),
    ("action", _rx(r"(action|act)s?_?(dims?|size|shape|num|n)$|^(n|num)_(actions?|acts?)$|^a_dim$")),
    (
        "capacity",
        _rx(r"capacity|max_?len|max_?size|max_?mem|(buffer|memory|mem|replay|storage|table)_?(size|len|length|limit)"),
    ),
    (
        "capacity",
        _rx(r"^(cap|size|n|length|limit|maximum|max_length|size_max|max_entries|max_items|max_transitions|num_slots)$"),
    ),
    ("alpha", _rx(r"alpha|^prioriti[sz]ation(_exponent)?$|^priority_exponent$|^omega$")),
    ("increment", _rx(r"beta.*(inc|anneal|step_size|growth|delta)|anneal.*beta")),
    (
        "steps",
        _rx(r"beta.*(frames|steps|iter|decay|horizon)|(frames|total_steps|max_steps|num_steps|annealing_steps)$"),
    ),
    ("end", _rx(r"beta.*(end|max|final|1)$|^(max|final|end)_beta")),
    ("beta", _rx(r"beta|importance")),
    ("epsilon", _rx(r"^eps|epsilon|^e$|small")),
    ("seed", _rx(r"seed|random_state")),
    ("device", _rx(r"^dev(ice)?$")),
    ("gamma", _rx(r"^gamma$|discount")),
    ("one", _FLAG_SIZE),
    ("n_step", _rx(r"n_?steps?$|multi_?steps?$")),
    ("one", _rx(r"num_envs|n_envs|num_agents|n_agents|^steps$|parallel")),
    ("priority", _rx(r"init.*prio|max_prio|default_prio")),
)

_STATE = (
    r"(s|st|states?|obs?|observations?|o|x|s_t|obs_t|ob_t|state_t|curr?_?state|current_state|prev_state|old_state|"
    r"last_state|last_obs)"
)
_NEXT = (
    r"(next_?.*|new_?.*|n_state|n_obs|s_?prime|state_?prime|s_|state_|obs_|observation_|s2|s1|sp|ns|s_next|"
    r"obs2|state2|o2|s_tp1|s_t1|obs_tp1|ob_tp1|state_tp1|.*_next|.*_tp1|.*_prime|after|successor)"
)

_ADD: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("truncated", _rx(r"^(trunc.*|timeouts?|tr)$")),
    ("mask", _rx(r"^(masks?|not_?done|non_?terminal|continu.*)$")),
    ("next_state", _rx(rf"^{_NEXT}$")),
    (
        "done",
        _rx(r"^(d|dw|dones?|.*terminal.*|terminated|terminate|term|finished|is_done|is_over|t|end|over|done_.*)$"),
    ),
    ("state", _rx(rf"^{_STATE}$")),
    ("action", _rx(r"^(a|a_t|u|ac|acts?|actions?|.*_action)$")),
    ("reward", _rx(r"^(r|r_t|rew|rews|rewards?|.*_reward)$")),
    ("info", _rx(r"^infos?$")),
    ("td", _rx(r"prio|error|^td|^p$|delta")),
    (
        "whole",
        _rx(
            r"^(transitions?|experiences?|exp|e|items?|data|samples?|tuple|element|entry|record|values?|obj|memory|"
            r"sars\w*|event)$"
        ),
    ),
)

_UPDATE: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "handles",
        _rx(r"^(i|idxe?s?|ids?)$|ind(ex|ices|exes|s)|idx|handles?|lea(f|ves)|nodes?$|slots?|keys?$|positions?"),
    ),
    ("priority", _rx(r"prio|^p$|^ps$|new_p")),
    ("td", _rx(r"td|err|delta|loss|surprise|abs|values?$")),
)


def classify(name: str, table: str) -> str | None:
    """The meaning of a parameter name in `constructor`, `add` or `update`, or None."""
    rows = {"constructor": _CONSTRUCTOR, "add": _ADD, "update": _UPDATE}[table]
    bare = name.strip("_") if table == "constructor" else name
    return next((meaning for meaning, pattern in rows if pattern.search(bare)), None)


def parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """The parameters of a bound callable; an empty list where it has no readable signature."""
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return []


def constructor_parameters(cls: type) -> list[inspect.Parameter]:
    """The named parameters of `cls(...)`; where a constructor passes `*args, **kwargs` on, those of its base too."""
    found: dict[str, inspect.Parameter] = {}
    if not any("__init__" in vars(owner) for owner in cls.__mro__[:-1]):
        return [p for p in parameters(cls) if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    for owner in cls.__mro__:
        if "__init__" not in vars(owner) or owner is object:
            continue
        own = parameters(vars(owner)["__init__"])[1:]
        for parameter in own:
            if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                found.setdefault(parameter.name, parameter)
        if not any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in own):
            break
    return list(found.values())


def required(parameter: inspect.Parameter) -> bool:
    """Whether a call must pass this parameter."""
    return parameter.default is _EMPTY and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)


OF_THE_CHECKS = {
    "capacity", "batch", "seed", "device", "dim", "next_dim", "action", "one", "n_step", "least", "observation_space",
    "action_space", "environment", "settings",
}  # fmt: skip
"""The meanings of what the checks choose themselves, whatever the project has: their transitions are made for it."""


def constructor_values(
    cls: type, settings: dict[str, Any], configured: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Keyword arguments for `cls(...)`, and the meanings of its parameters by name.

    `settings` holds capacity, batch and seed, and whatever is to be overridden: alpha, beta, or any parameter by its
    own name; None keeps the default; `sizes` gives shapes as "numbers" or numbers as "tuples". `configured` holds the
    arguments of the project, which are passed where the checks need no other. Optional parameters that neither names
    keep their defaults.

    Raises ValueError naming a required parameter whose meaning cannot be told.
    """
    arguments: dict[str, Any] = {}
    meanings: dict[str, str] = {}
    for parameter in constructor_parameters(cls):
        name = parameter.name
        meaning = classify(name, "constructor")
        first = meaning is not None and meaning not in meanings.values()
        wanted = settings.get(name, settings.get(meaning) if first and meaning else None)
        if meaning is not None:
            meanings[name] = meaning
        if wanted is not None:
            arguments[name] = wanted
        elif name in configured and meaning not in OF_THE_CHECKS:
            arguments[name] = _resolved(configured[name])
        elif meaning == "n_step" and isinstance(parameter.default, int):
            arguments[name] = 1  # each transition that is added is one that can be drawn
        elif required(parameter) and meaning == "settings":
            fields = configured.get(name, {})
            inside = _Inside(name, settings, fields.get("fields", {}) if isinstance(fields, dict) else {}, meanings)
            arguments[name] = Options(inside)
        elif required(parameter):
            arguments[name] = _filler(name, meaning, cls.__name__, settings.get("sizes", "by name"))
    return arguments, meanings


class _Inside:
    """The settings of one object, as `Options` asks for them; notes the meaning of each in `meanings`."""

    def __init__(self, owner: str, settings: dict[str, Any], fields: dict[str, Any], meanings: dict[str, str]) -> None:
        self._owner, self._settings, self._fields, self._meanings = owner, settings, fields, meanings

    def __call__(self, name: str) -> Any:
        meaning = classify(name, "constructor")
        wanted = self._settings.get(meaning) if meaning is not None else None
        if meaning is not None:
            self._meanings[f"{self._owner}.{name}"] = meaning
        if wanted is not None:
            return wanted
        if name in self._fields and meaning not in OF_THE_CHECKS:
            return _resolved(self._fields[name])
        try:
            return _filler(name, meaning, self._owner)
        except ValueError:
            raise KeyError(name) from None


def _resolved(value: Any) -> Any:
    """A JSON value as the object that it stands for: a dtype by its name."""
    if not isinstance(value, dict) or "dtype" not in value:
        return value
    owner, _, name = value["dtype"].rpartition(".")
    return getattr(importlib.import_module(owner), name)


def shown(name: str, value: Any) -> str:
    """An argument, for people: numbers, words and dtypes by their value."""
    if isinstance(value, (bool, int, float, str, tuple, type(None))):
        return f"{name}={value!r}"
    return name


def _filler(name: str, meaning: str | None, owner: str, sizes: str = "by name") -> Any:
    named = "shape" in name.lower() or name.lower().endswith("dims")
    shaped = sizes == "tuples" or (named and sizes != "numbers")
    fillers: dict[str, Any] = {
        "dim": (WIDTH,) if shaped else WIDTH,
        "next_dim": (WIDTH,) if shaped else WIDTH,
        "action": (1,) if shaped else 1,
        "alpha": 0.6,
        "beta": 0.4,
        "increment": 0.001,
        "steps": 100_000,
        "end": 1.0,
        "epsilon": 1e-6,
        "device": "cpu",
        "gamma": 0.99,
        "one": (1,) if shaped and meaning == "one" and _FLAG_SIZE.search(name) else 1,
        "n_step": 1,
        "least": 1,
        "priority": 1.0,
        "capacity": 50,
    }
    if meaning in ("observation_space", "action_space"):
        return space(meaning)
    if meaning == "environment":
        return environment()
    if meaning not in fillers:
        raise ValueError(f"the required argument `{name}` of {owner}() has no meaning that could be inferred")
    return fillers[meaning]
