"""What Hydra composes of a folder of configuration files where the command line adds nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from per_audit.verify.documents import Leaf, Unread, merged, read

if TYPE_CHECKING:
    from pathlib import Path

_DEEPEST = 4
_GLOBAL = "# @package _global_"


class Open(Unread):
    """A list of defaults whose outcome is left open: nothing of what is composed is known."""


def compose(folder: Path, name: str, shown: str, files: set[Path], depth: int = _DEEPEST) -> dict[str, Any]:
    """The configuration `name` of a folder with its list of defaults; adds what was read to `files`.

    A choice that is left to the command line is no part of it. What a file and one of its defaults both set is open, as
    versions of Hydra differ in which of them wins. Raises Unread where `name` cannot be read, and Open where an entry
    overrides what another one chose, or is none that is followed here.
    """
    path = next(
        (p for p in (folder / f"{name.removesuffix('.yaml')}{end}" for end in (".yaml", ".yml")) if p.is_file()), None
    )
    if path is None:
        raise Unread(f"{shown}/{name}.yaml is no file")
    own = read(path, f"{shown}/{path.name}")
    files.add(path)
    listed = own.pop("defaults", None)
    if listed and not (depth and isinstance(listed, list)):
        raise Open(f"the defaults of {shown}/{path.name}")
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    stated = False
    for item in listed if isinstance(listed, list) else ():
        if isinstance(item, Leaf) and item.value == "_self_":
            stated = True
            continue
        part = _part(folder, item, shown, files, depth)
        if stated:
            after = merged(after, part)
        else:
            before = merged(before, part)
    if not stated:
        return merged(merged(before, own), _open(before, own))
    return merged(merged(before, own), after)


def _part(folder: Path, item: Any, shown: str, files: set[Path], depth: int) -> dict[str, Any]:
    """What one entry of a list of defaults adds: a name, or the choice of a group."""
    group, choice = "", item
    if isinstance(item, dict) and len(item) == 1:
        ((group, choice),) = item.items()
    overrides = group.startswith("override ")
    name = group.removeprefix("override ").removeprefix("optional ").strip()
    if name.lstrip("/").partition("/")[0].partition("@")[0] == "hydra":
        return {}  # settings of Hydra itself
    known = isinstance(choice, Leaf) and choice.known
    if known and choice.value in (None, "???") and not overrides:
        return {}
    text = str(choice.value) if known else "${"
    if overrides or any(spelt.startswith("/") or "${" in spelt or ".." in spelt for spelt in (name, text)):
        raise Open(f"what `{group or text}` in the defaults of {shown} stands for")
    group, _, package = name.partition("@")
    where = folder / group if group else folder
    try:
        found = compose(where, text, f"{shown}/{group}" if group else shown, files, depth - 1)
    except Open:
        raise
    except (Unread, OSError) as error:
        if not str(error).endswith("is no file"):
            raise Open(str(error)) from error
        return {}  # of an installed package, or optional
    path = next((p for p in files if p.parent == where and p.stem == text.removesuffix(".yaml")), None)
    keys = (package or group.replace("/", ".")).split(".") if package or group else []
    if package == "_global_" or (
        path is not None and path.read_text(encoding="utf-8-sig").lstrip().startswith(_GLOBAL)
    ):
        keys = []
    for key in reversed(keys):
        found = {key: found}
    return found


def _open(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """What both set to different values, as values that are not known."""
    both: dict[str, Any] = {}
    for key in first.keys() & second.keys():
        one, other = first[key], second[key]
        if isinstance(one, dict) and isinstance(other, dict):
            both[key] = _open(one, other)
        elif isinstance(one, Leaf) and isinstance(other, Leaf) and one.value != other.value:
            both[key] = Leaf(f"{one.value!r} ({one.place}) or {other.value!r}", other.place, known=False)
    return both
