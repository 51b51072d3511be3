"""Writes docs/libraries.md, what the audit knows of other libraries' buffers, from their data files.

    python docs/make_libraries.py

tests/docs/test_libraries.py compares the committed file.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from per_audit.graph import frameworks

if TYPE_CHECKING:
    from per_audit.graph.frameworks import Framework, Kind

PAGE = Path(__file__).parent / "libraries.md"

INTRODUCTION = """\
# Buffers of other libraries

Written by `python docs/make_libraries.py` from the files in `per_audit/graph/frameworks/`; edit those. Each says what
the documentation and source of one library, in the version named, say of its replay buffers.

- A **uniform** buffer is reported by PER001 where a project makes it, unless a prioritised one is made in its stead in
  some cases, it is emptied after each update, or the file is about on-policy or offline learning. Nor is one reported
  that a function only has filled and saves, or whose batches it only has policies answer, without their rewards.
- A **prioritised** buffer must be updated (PER003) and its weights used (PER005, PER101) where the project itself draws
  batches and learns from them; what happens inside of a library's own agents is that library's matter.
- An **on-policy**, **offline** or **other** buffer is never reported: rollouts, data sets, whole episodes, relabelled
  goals, or a law that this table cannot tell.
- A **uniform algorithm** that makes its buffer itself, as `DQN("MlpPolicy", env)` does, is reported where a project
  makes it and trains it (`trained by`), unless the argument that takes another buffer is given, or the buffer is
  exchanged afterwards. Where nothing takes another buffer it is reported as information only.
"""


def _code(names: object) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names)) or "-"  # type: ignore[call-overload]


def _law(kind: Kind) -> str:
    switch = kind.switch
    if switch is None:
        return f"{kind.draws}, where given to {_code(kind.needs)}" if kind.needs else kind.draws
    parts = [f"{draws} for {_code(values)}" for draws, values in _by_law(kind) if values]
    return f"by `{switch.argument}`: {'; '.join(parts)}; {switch.default} without"


def _by_law(kind: Kind) -> list[tuple[str, frozenset[str]]]:
    assert kind.switch is not None
    return [(frameworks.UNIFORM, kind.switch.uniform), (frameworks.PRIORITISED, kind.switch.prioritised)]


def _section(known: Framework) -> str:
    lines = [
        f"## {known.title}",
        "",
        f"[Documentation]({known.documentation}); read in version {known.version[:12]}, imported from "
        f"{_code(known.modules)}.",
        "",
        "| Buffers | Draw | Drawn from by | Updated by | Instead |",
        "| --- | --- | --- | --- | --- |",
    ]
    for kind in known.kinds:
        instead = f"`{kind.instead}`" if kind.instead else "-"
        row = (_code(kind.names), _law(kind), _code(kind.sample), _code(kind.update), instead)
        lines.append(f"| {' | '.join(row)} |")
    if known.configurations:
        lines += ["", f"The `type` in {_code(known.configurations)} of a configuration names a buffer as well."]
    groups: dict[tuple[str, str, str], list[str]] = {}
    for name, algorithm in known.algorithms.items():
        trained_by = "the call itself" if algorithm.trains else _code(algorithm.trained_by)
        groups.setdefault((algorithm.draws, algorithm.changed_by, trained_by), []).append(name)
    if groups:
        lines += ["", "| Algorithms | Draw | Changed by | Trained by |", "| --- | --- | --- | --- |"]
        for (draws, changed_by, trained_by), names in groups.items():
            lines.append(f"| {_code(names)} | {draws} | {_code([changed_by] if changed_by else [])} | {trained_by} |")
    return "\n".join(lines)


def render() -> str:
    """The text of the page."""
    known = [frameworks.framework(package) for package in frameworks.packages()]
    sections = sorted((f for f in known if f is not None), key=lambda f: f.title.lower())
    return "\n\n".join([INTRODUCTION.rstrip(), *map(_section, sections)]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
