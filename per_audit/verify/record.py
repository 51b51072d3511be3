"""The verification record, `.per-audit/record.json`: what was verified, by the content of the files that define it."""

from __future__ import annotations

import ast
import contextlib
import datetime
import hashlib
import importlib.util
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from per_audit import __version__
from per_audit.errors import UserError
from per_audit.verify.results import TargetResult, Verdict, Verification, worst

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEMA_VERSION = "1.0"
FOLDER = ".per-audit"
NAME = "record.json"
_IGNORE = "*\n!record.json\n"
_INSTALLED = ("site-packages", "node_modules", "__pycache__", "build", "dist")
_MOST_FILES, _LARGEST = 5_000, 1_000_000
_GOOD = (Verdict.PASS.value, Verdict.INCONCLUSIVE.value)


def module_hash(text: str) -> str:
    """sha256 of a module without its leading comments and blank lines, where a copy carries its header."""
    return hashlib.sha256(_body(text).encode("utf-8", "surrogatepass")).hexdigest()


def _body(text: str) -> str:
    lines = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    first = next((number for number, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines))
    return "\n".join(lines[first:]).rstrip()


def _defines_nothing(body: str) -> bool:
    """Whether a module only hands on names, as a package does: in a copy of a subset that list is another."""
    try:
        tree = ast.parse(body)
    except (SyntaxError, ValueError, RecursionError):
        return False
    return all(
        isinstance(node, (ast.Import, ast.ImportFrom))
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        or (
            isinstance(node, ast.Assign)
            and all(isinstance(t, ast.Name) and t.id.startswith("__") for t in node.targets)
        )
        for node in tree.body
    )


def entry(result: TargetResult, verification: Verification, root: Path) -> dict[str, Any]:
    """The record of one target.

    `modules` maps file names, relative to the folder they share, to `module_hash`; `folder` is that folder, relative to
    `root`, or the package that is installed elsewhere; `callers` are the files of the project that use the buffer, and
    `named` the Python files that name its class, None where no project was looked at.
    """
    name = _name_of(result.target)
    folder = os.path.commonpath([str(Path(name).parent) for name in result.files]) if result.files else ""
    modules = {Path(path).relative_to(folder).as_posix(): module_hash(text) for path, text in result.files.items()}
    return {
        "target": result.target,
        "sha256": _together(modules),
        "folder": _inside(root, Path(folder)) if folder else None,
        "modules": dict(sorted(modules.items())),
        "callers": _hashes(root, result.callers),
        "named": sorted(naming(root, [name])[name]) if result.callers else None,
        "version": __version__,
        "verdict": result.verdict.value,
        "complete": verification.complete,
        "checks": {check.check: check.verdict.value for check in result.checks},
        "seed": verification.seed,
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
    }


def _together(modules: dict[str, str]) -> str:
    lines = "".join(f"{name}\0{digest}\n" for name, digest in sorted(modules.items()))
    return hashlib.sha256(lines.encode("utf-8", "surrogatepass")).hexdigest()


def load_record(root: Path) -> dict[str, Any]:
    """The record of the project at `root`; an empty one where there is none. Raises UserError where it is no record."""
    path = root / FOLDER / NAME
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {"schema_version": SCHEMA_VERSION, "entries": []}
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(
            f"{path}: cannot be read as a verification record ({error}); delete it and verify again"
        ) from error
    entries = record.get("entries") if isinstance(record, dict) else None
    if not isinstance(entries, list) or not all(_is_entry(item) for item in entries):
        raise UserError(f"{path}: is no verification record; delete it and verify again")
    if str(record.get("schema_version", "")).split(".")[0] != SCHEMA_VERSION.split(".")[0]:
        raise UserError(f"{path}: was written by another version of per-audit; delete it and verify again")
    return dict(record)


def _is_entry(item: Any) -> bool:
    """Whether what is read later has the types that it is written with."""
    tables = [item.get(name, {}) for name in ("modules", "callers", "checks")] if isinstance(item, dict) else [None]
    return (
        all(isinstance(table, dict) and all(isinstance(value, str) for value in table.values()) for table in tables)
        and isinstance(item.get("target"), str)
        and _is_list_of_names(item.get("named"))
    )


def _is_list_of_names(named: Any) -> bool:
    return named is None or (isinstance(named, list) and all(isinstance(name, str) for name in named))


def write_record(root: Path, verification: Verification) -> Path:
    """Add the targets to the record of the project at `root`, in place of older entries of theirs; returns its path.

    Raises UserError where the folder cannot be written.
    """
    record = load_record(root)
    # What offers nothing that could be verified is none of the record's.
    verified = [result for result in verification.targets if not result.static]
    measured = [result for result in verified if result.verdict is not Verdict.NOT_PROVIDED]
    new = [entry(result, verification, root) for result in measured]
    names = {result.target for result in verification.targets}
    kept = [item for item in record["entries"] if item["target"] not in names]
    record = {"schema_version": SCHEMA_VERSION, "entries": sorted([*kept, *new], key=lambda item: str(item["target"]))}
    folder = root / FOLDER
    path = folder / NAME
    if not folder.resolve().is_relative_to(root.resolve()):
        raise UserError(f"{folder}: leads out of the project; remove the link, or use --no-record")
    try:
        folder.mkdir(exist_ok=True)
        ignore = folder / ".gitignore"
        # Other parts of per-audit keep what is private here; the record alone is meant to be committed.
        lines = ignore.read_text(encoding="utf-8") if ignore.exists() else ""
        if f"!{NAME}" not in lines.splitlines():
            ignore.write_text(_IGNORE if not lines else f"{lines.rstrip()}\n!{NAME}\n", encoding="utf-8")
        partial = folder / f"{NAME}.{os.getpid()}"
        partial.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}); use --no-record") from error
    return path


def check_record(root: Path) -> list[tuple[str, str]]:
    """Each target of the record, and what is the matter with it: an empty string where it is good and current.

    Reads files and runs nothing. Raises UserError where there is no record, or none that can be read.
    """
    entries = load_record(root)["entries"]
    if not entries:
        raise UserError(f"{root / FOLDER / NAME}: there is no verification record; run `per-audit verify` first")
    names = {_name_of(item["target"]) for item in entries if isinstance(item.get("named"), list)}
    now = naming(root, names) if names else {}
    return [(str(item["target"]), _matter(root, item, now.get(_name_of(item["target"]), set()))) for item in entries]


def _name_of(target: str) -> str:
    """The name of the class in a target, `path/file.py:Class (alpha=0.7)`."""
    return target.partition(" (")[0].rpartition(":")[2]


def naming(root: Path, names: Iterable[str]) -> dict[str, set[str]]:
    """The Python files of a project that each name stands in, by their plain text.

    Hidden folders and what is installed are left out, and what comes after 5,000 files.
    """
    raw = {name: name.encode("utf-8", "surrogatepass") for name in names}
    words = {name: re.compile(rb"\b" + re.escape(text) + rb"\b") for name, text in raw.items()}
    found: dict[str, set[str]] = {name: set() for name in words}
    count = 0
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        kept = (name for name in folders if name[0] != "." and name not in _INSTALLED)
        folders[:] = sorted(name for name in kept if not (here / name / "pyvenv.cfg").exists())
        for path in sorted(here / name for name in files if name.endswith(".py")):
            count += 1
            if count > _MOST_FILES:
                return found
            with contextlib.suppress(OSError), path.open("rb") as file:
                text = file.read(_LARGEST)
                for name, word in words.items():
                    if raw[name] in text and word.search(text):  # the plain search is the quick one
                        found[name].add(path.relative_to(root).as_posix())
    return found


def _matter(root: Path, item: dict[str, Any], naming_now: set[str]) -> str:
    if item.get("verdict") not in _GOOD:
        return f"the verdict was {item.get('verdict')}"
    if item.get("complete") is not True:
        return "only some checks were run"
    if not _agrees(item):
        return "the record contradicts itself, as one that was edited; verify it again"
    folder = item.get("folder")
    base = root / folder if isinstance(folder, str) else _installed(str(item["target"]))
    if base is None:
        return "its files are not in the project, so nothing can be compared; verify it again"
    wanted = {base / name: digest for name, digest in item.get("modules", {}).items()}
    wanted.update({root / name: digest for name, digest in item.get("callers", {}).items()})
    changed = [_shown(root, path) for path, digest in wanted.items() if _hash_of(path) != digest]
    if not wanted:
        return "no file of it was recorded"
    if changed:
        return f"changed since: {', '.join(sorted(changed)[:5])}"
    known = item.get("named")
    new = sorted(naming_now - {*known}) if isinstance(known, list) else []
    return f"new since, and names the class: {', '.join(new[:5])}" if new else ""


def _agrees(item: dict[str, Any]) -> bool:
    """Whether an entry's verdict is that of its checks, and its hash that of its modules."""
    verdicts = [verdict for verdict in Verdict if verdict.value in item.get("checks", {}).values()]
    return worst(verdicts).value == item.get("verdict") and item.get("sha256") == _together(item.get("modules", {}))


def _installed(target: str) -> Path | None:
    """The folder of a package that `module:Class` names, without importing it."""
    try:
        spec = importlib.util.find_spec(target.rpartition(":")[0].split(".")[0])
    except (ImportError, ValueError):
        return None
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    return Path(places[0]) if places else None


def _shown(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def _inside(root: Path, path: Path) -> str | None:
    resolved, top = path.resolve(), root.resolve()
    return resolved.relative_to(top).as_posix() if resolved.is_relative_to(top) else None


def _hashes(root: Path, names: Iterable[str]) -> dict[str, str]:
    found = {name: _hash_of(root / name) for name in sorted(names)}
    return {name: digest for name, digest in found.items() if digest is not None}


def _hash_of(path: Path) -> str | None:
    try:
        return module_hash(path.read_text(encoding="utf-8", errors="replace"))
    except (OSError, ValueError):  # a name from a record may be none
        return None


def is_current(root: Path, files: Iterable[Path]) -> bool:
    """Whether one entry with a good verdict and every behavioural check covers the present content of all `files`.

    A copy of some of the bundled modules is covered by a verification of the bundled buffers: only content counts.
    """
    wanted: set[str] = set()
    for path in files:
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return False
        if not _defines_nothing(_body(text)):
            wanted.add(module_hash(text))
    entries = load_record(root)["entries"]
    return bool(wanted) and any(
        item.get("verdict") in _GOOD
        and item.get("complete") is True
        and _agrees(item)
        and wanted <= set(item.get("modules", {}).values())
        for item in entries
    )
