"""The modules that a file imports, read from its bytes without parsing it."""

from __future__ import annotations

import re

from per_audit.source.loaded import IMPORTERS_IN_TEXT, known_and_rest, may_load

WHOLE = "*"
"""Stands behind a name that is bound to a module: what is below it can be reached through its attributes."""

_WRITTEN = re.compile(rb"\b(?:import_module|__import__)\(\s*[\"']([\w.]+)[\"']\s*[,)]")
# Calls that import modules by names that are put together: with the package in front of what is not written, if any.
_UNWRITTEN = re.compile(
    rb"\b(?:import_module|__import__)\(\s*(?:[fF]?[\"'](?:(\{__name__\}|\w[\w.]*)\.)?|(__name__)\s*\+\s*[\"']\.)?"
)
# What imports modules, or makes objects of their classes, by names that stand anywhere.
_ANYWHERE = re.compile(
    rb"\bimport_module +as\b|\bimportlib\.machinery\b|\bspec_from_(?:file_location|loader)\b|\brunpy\b"
    rb"|\binstantiate\(|\bimport\b[^\n]*\binstantiate\b"
)

# One of these words is in whatever the patterns above find: most files have none, which is faster to tell.
_LOADING = (*IMPORTERS_IN_TEXT, b"importlib.machinery", b"spec_from_", b"runpy", b"instantiate")

_END = rb"(?![\w\x80-\xff])"
_STATEMENT = re.compile(
    rb"from"
    + _END
    + rb"((?:[\w.\x80-\xff \t\f]|\\\n)*?)(?<![\w\x80-\xff])import"
    + _END
    + rb"((?:[ \t\f]|\\\n)*\((?:[^)#]|#[^\n]*)*\)|(?:[^\n;\\#]|\\\n)*)"
    rb"|import" + _END + rb"((?:[^\n;\\#]|\\\n)*)"
)
_ENTRY = re.compile(rb"[\"']([A-Za-z_][\w.]*):[A-Za-z_][\w-]*[\"']")
_START = re.compile(rb"(?:\A|[;:])(?:[ \t\f]|\\\n)*(?=(?:from|import)" + _END + rb")")
_NAME = re.compile(rb"[\w.\x80-\xff]+")
_COMMENT = re.compile(rb"#[^\n]*")
_DEEPEST = 100  # packages within packages; each of them is a name, so that their length grows with the square
_GAPS = re.compile(rb"[ \t\f\\\n]+")


def imports_of(data: bytes) -> tuple[str, ...]:
    """The dotted names that may be modules, sorted, with a dot in front for each level of a relative import.

    It is an upper bound: text in a string counts where it reads like an import, and of `from a import b` both `a` and
    `a.b` may be modules. A string "a.b:name" names the module in which an entry point is, or an environment registered.
    """
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    found: set[bytes] = set()
    at = data.find(b"import")
    while at >= 0:
        end = at + 6
        begin = _line(data, at)
        match = None
        for start in _START.finditer(data[begin:end]):
            match = _STATEMENT.match(data, begin + start.end()) or match
        if match is not None:
            _add(match, found)
            end = max(match.end(), end)
        at = data.find(b"import", end)
    found.update(_ENTRY.findall(data))
    return tuple(sorted(name.decode("utf-8", "replace") for name in found))


def loaded_by(data: bytes) -> frozenset[str]:
    """The modules that calls in a file import by names which it writes out, or puts together from its own texts."""
    if not may_load(data):
        return frozenset()
    return known_and_rest(data)[0] | {name.decode() for name in _WRITTEN.findall(data)}


def packages_of_unwritten(data: bytes) -> frozenset[str]:
    """The packages that a file may import from under names which are not known from it, or make objects from.

    An empty name stands for all packages, a dot for the one that the file itself is in.
    """
    found: set[str] = set()
    if not any(word in data for word in _LOADING):
        return frozenset()
    if _ANYWHERE.search(data) or _UNWRITTEN.search(data):
        data = _WRITTEN.sub(b"", _COMMENT.sub(b"", known_and_rest(data)[1]))
        found.update({""} if _ANYWHERE.search(data) else ())
        for whole, own in _UNWRITTEN.findall(data):
            found.add("." if own or whole == b"{__name__}" else whole.decode())
    return frozenset(found)


def _line(data: bytes, at: int) -> int:
    """Where the logical line begins, as far as backslashes at the ends of lines tell."""
    begin = data.rfind(b"\n", 0, at) + 1
    while begin > 1 and data[begin - 2] == ord("\\"):
        begin = data.rfind(b"\n", 0, begin - 1) + 1
    return begin


def _add(statement: re.Match[bytes], found: set[bytes]) -> None:
    module, names, plain = statement.groups()
    if plain is not None:
        for part in plain.split(b","):
            words = part.replace(b"\\", b" ").split()
            if words and (name := _NAME.match(words[0])):
                steps = name[0].split(b".")[:_DEEPEST]
                around = [b".".join(steps[: end + 1]) for end in range(len(steps))]
                whole = around[-1] if len(words) > 2 else around[0]
                found.update(b"%b*" % step if step == whole else step for step in around)
        return
    base = _GAPS.sub(b"", module)
    found.add(base)
    glue = b"" if base.endswith(b".") else b"."
    for part in _COMMENT.sub(b"", names).replace(b"\\", b" ").strip(b"() \t\f\n").split(b","):
        name = _NAME.match(part.strip())
        if name is not None:
            found.add(base + glue + name[0] + b"*")
