"""Files of settings, YAML, JSON and TOML, as mappings whose values know where they stand."""

from __future__ import annotations

import importlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

SUFFIXES = (".yaml", ".yml", ".json", ".toml")
_LARGEST = 1_000_000
_MOST_STEPS = 20
_REFERENCE = re.compile(r"\$\{([\w.]+)\}")
_PLAIN = tuple(f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool", "null", "str"))


@dataclass(frozen=True)
class Leaf:
    """A plain value of a file and its place; `known` is False where the file leaves it open, `value` says how."""

    value: Any
    place: str
    known: bool = True


class Unread(Exception):
    """Why a file cannot be read, for people."""


def read(path: Path, shown: str) -> dict[str, Any]:
    """The mapping that a file holds: dicts and lists of dicts, lists and `Leaf`s.

    Raises Unread where it is no file of settings, or its parser is not installed.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise Unread(f"{shown} is larger than {_LARGEST // 1_000_000} MB")
        found = _PARSERS[path.suffix.lower()](path.read_text(encoding="utf-8-sig"), shown)
    except KeyError:
        raise Unread(f"{shown} is neither YAML, JSON nor TOML") from None
    except (OSError, ValueError, RecursionError) as error:
        raise Unread(f"{shown} cannot be read ({type(error).__name__})") from error
    if not isinstance(found, dict):
        raise Unread(f"{shown} holds no mapping")
    return found


def merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Both mappings, the second one's values over the first one's, level by level."""
    both = {**first, **second}
    for key in first.keys() & second.keys():
        if isinstance(first[key], dict) and isinstance(second[key], dict):
            both[key] = merged(first[key], second[key])
    return both


def found(root: dict[str, Any], keys: list[str]) -> Any:
    """What stands under the keys, references such as `${a.b}` followed; None where nothing does."""
    for _ in range(_MOST_STEPS):
        here: Any = root
        for key in keys:
            here = here.get(key) if isinstance(here, dict) else None
        text = here.value if isinstance(here, Leaf) and here.known and isinstance(here.value, str) else ""
        reference = _REFERENCE.fullmatch(text)
        if reference is None:
            return Leaf(text, here.place, known=False) if "${" in text or text == "???" else here
        keys = reference[1].split(".")
    return None


def _of_yaml(text: str, shown: str) -> Any:
    try:
        yaml: Any = importlib.import_module("yaml")
    except ImportError:
        raise Unread(f"{shown} was not read: YAML needs `pip install 'per-audit[yaml]'`") from None
    made: dict[int, Any] = {}

    def of(node: Any) -> Any:
        if id(node) in made:  # an alias, perhaps of what is around it
            return made[id(node)]
        if isinstance(node, yaml.ScalarNode):
            place = f"{shown}:{node.start_mark.line + 1}"
            plain = node.tag in _PLAIN
            made[id(node)] = Leaf(loader.construct_object(node) if plain else node.value, place, plain)
        elif isinstance(node, yaml.MappingNode):
            table: dict[str, Any] = {}
            made[id(node)] = table
            for key, value in node.value:
                for source in value.value if key.value == "<<" and isinstance(value, yaml.SequenceNode) else [value]:
                    if key.value == "<<":
                        base = of(source)
                        table.update(
                            {k: v for k, v in base.items() if k not in table} if isinstance(base, dict) else {}
                        )
                    elif isinstance(key, yaml.ScalarNode):
                        table[key.value] = of(value)
        elif isinstance(node, yaml.SequenceNode):
            items: list[Any] = []
            made[id(node)] = items
            items += [of(item) for item in node.value]
        else:
            made[id(node)] = None
        return made[id(node)]

    try:
        loader = yaml.SafeLoader(text)
        return of(loader.get_single_node())
    except (yaml.YAMLError, LookupError, TypeError, AttributeError, ArithmeticError, ValueError) as error:
        raise Unread(f"{shown} is no valid YAML") from error


def _of_json(text: str, shown: str) -> Any:
    return _placed(json.loads(text), shown, "")


def _of_toml(text: str, shown: str) -> Any:
    from per_audit.settings.pyproject import parse_toml

    return _placed(parse_toml(text), shown, "")


def _placed(value: Any, shown: str, trail: str) -> Any:
    if isinstance(value, dict):
        return {
            str(key): _placed(inner, shown, f"{trail}.{key}" if trail else str(key)) for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_placed(inner, shown, trail) for inner in value]
    return Leaf(value, f"{shown}: {trail}", isinstance(value, (bool, int, float, str, type(None))))


_PARSERS = {".yaml": _of_yaml, ".yml": _of_yaml, ".json": _of_json, ".toml": _of_toml}
