"""Writes docs/api.md, the reference of `experience_replay_optimizer`, from its source.

    python docs/make_api.py

Nothing is imported: signatures and docstrings are read from the files, so that torch and the libraries of the adapters
are not needed and every version of Python gives the same text. tests/docs/test_api.py compares the committed file.
"""

from __future__ import annotations

import ast
import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PACKAGE = HERE.parent / "reference_impl" / "experience_replay_optimizer"

INTRODUCTION = """\
# Reference of `experience_replay_optimizer`

Written by `python docs/make_api.py` from the docstrings; edit those. Which buffer to take is the subject of
[buffers.md](buffers.md).

Throughout: B is the number of rows of a batch, N the number of transitions stored. TD errors and priorities have the
unit of the discounted sum of rewards; capacities count transitions, schedules count batches. Methods that a class
inherits from another one on this page are described there. What only the package's own classes call of one another is
left out.
"""
GROUPS = {
    "": "Buffers and what stands in front of them",
    "samplers": "Samplers",
    "storage": "Storages and batches",
    "functions": "Functions",
}
INTERFACES = ("dqn", "tensors_out", "memory", "per")
ADAPTERS = sorted(f"adapters.{path.stem}" for path in PACKAGE.glob("adapters/[a-z]*.py"))
SPECIAL = ("__len__", "__iter__", "__getitem__", "__setitem__")
# What buffers and samplers call of one another, and their helpers. The methods of storages are all for the buffers.
PLUMBING = {
    *("add_many", "add_one", "are_protected", "as_priorities", "enter", "handles", "is_protected", "move"),
    *("newest_slot", "objects", "rare_limit", "restore", "state", "update_at_once"),
}


@dataclass(frozen=True)
class Entry:
    """A class or function: the dotted module it is in, its source and its node."""

    module: str
    source: str
    node: ast.ClassDef | ast.FunctionDef

    @property
    def key(self) -> tuple[str, str]:
        """What no two entries have in common."""
        return self.module, self.node.name


class Source:
    """The modules of the package, parsed when they are asked for."""

    def __init__(self) -> None:
        self._parsed: dict[str, tuple[str, ast.Module]] = {}

    def module(self, name: str) -> tuple[str, ast.Module]:
        """Text and tree of a module, "" for the package itself."""
        if name not in self._parsed:
            path = PACKAGE.joinpath(*name.split(".")) if name else PACKAGE / "__init__"
            text = path.with_suffix(".py").read_text(encoding="utf-8")
            self._parsed[name] = text, ast.parse(text)
        return self._parsed[name]

    def find(self, module: str, name: str) -> Entry | None:
        """What `name` means in a module, imports and aliases followed; None where it comes from outside."""
        text, tree = self.module(module)
        for node in ast.walk(tree):
            if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name == name and node in tree.body:
                return Entry(module, text, node)
            if isinstance(node, ast.ImportFrom) and node.level:
                for alias in node.names:
                    if (alias.asname or alias.name) == name:
                        package = module.split(".")[: -node.level] if module else []
                        return self.find(".".join([*package, *(node.module or "").split(".")]), alias.name)
            if isinstance(node, ast.Assign) and node in tree.body and ast.unparse(node.targets[0]) == name:
                return self.find(module, ast.unparse(node.value))
        return None

    def public(self, module: str) -> list[str]:
        """`__all__`, or the classes and functions without an underscore."""
        _, tree = self.module(module)
        for node in tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                names: list[str] = ast.literal_eval(node.value)
                return names
        defined = [node.name for node in tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))]
        return [name for name in defined if not name.startswith("_") and name not in PLUMBING]

    def bases(self, entry: Entry) -> list[Entry]:
        """The base classes that are in the package."""
        names = [ast.unparse(base) for base in getattr(entry.node, "bases", [])]
        return [base for base in (self.find(entry.module, name) for name in names) if base is not None]


def pages(source: Source) -> list[tuple[str, str, list[tuple[str, Entry]]]]:
    """(title, introduction, entries by name) of each chapter."""
    groups: dict[str, list[tuple[str, Entry]]] = {title: [] for title in GROUPS.values()}
    for name in source.public(""):
        entry = source.find("", name)
        if entry is None:
            raise LookupError(f"{name} is in __all__ and not in the package")
        folder = "functions" if isinstance(entry.node, ast.FunctionDef) else entry.module.rpartition(".")[0]
        groups[GROUPS[folder]].append((name, entry))
    chapters = [(title, "", entries) for title, entries in groups.items()]
    for module in (*INTERFACES, *ADAPTERS):
        entries = [(name, entry) for name in source.public(module) if (entry := source.find(module, name))]
        described = ast.get_docstring(source.module(module)[1]) or ""
        chapters.append((f"experience_replay_optimizer.{module}", described, entries))
    return chapters


def render() -> str:
    """The whole reference."""
    source = Source()
    chapters = pages(source)
    shown = {entry.key for _, _, entries in chapters for _, entry in entries}
    parts = [INTRODUCTION + contents(chapters)]
    for title, described, entries in chapters:
        parts.append(f"## {title}\n")
        if described:
            parts.append(prose(described) + "\n")
        told: dict[ast.FunctionDef, str] = {}
        for name, entry in entries:
            if name != entry.node.name:
                parts.append(f"### {name}\n\n`{entry.node.name}` under another name.\n")
            elif isinstance(entry.node, ast.FunctionDef):
                parts.append(f"### {name}\n\n{function(entry, entry.node)}")
            else:
                parts.append(f"### {name}\n\n{of_class(source, entry, shown, told)}")
    return "\n".join(parts).rstrip() + "\n"


def contents(chapters: list[tuple[str, str, list[tuple[str, Entry]]]]) -> str:
    """The names of each chapter, with links and the first lines of their docstrings."""
    lines = []
    seen: dict[str, int] = {}
    for title, _, entries in chapters:
        lines.append(f"\n**{title}**\n")
        for name, entry in entries:
            # Headings of the same name are numbered by code hosts.
            anchor = name.lower()
            number = f"-{seen[anchor]}" if anchor in seen else ""
            seen[anchor] = seen.get(anchor, 0) + 1
            summary = (ast.get_docstring(entry.node) or "").partition("\n")[0]
            lines.append(f"- [`{name}`](#{anchor}{number}): {prose(summary)}")
    return "\n".join(lines) + "\n"


def function(entry: Entry, node: ast.FunctionDef) -> str:
    """Signature and docstring."""
    return f"{code(signature(entry, node, node.name))}\n\n{markdown(ast.get_docstring(node) or '')}\n"


def of_class(source: Source, entry: Entry, shown: set[tuple[str, str]], told: dict[ast.FunctionDef, str]) -> str:
    """A class with its members; those that another class of the chapter has told of are only named."""
    name = entry.node.name
    lines = [code(constructor(source, entry)) + "\n"]
    bases = [f"`{base.node.name}`" for base in source.bases(entry) if base.key in shown]
    if bases:
        lines.append(f"A {', '.join(bases)}.\n")
    lines.append(markdown(ast.get_docstring(entry.node) or "") + "\n")
    properties: list[str] = []
    methods: list[str] = []
    known: dict[str, list[str]] = {}
    for node, one in members(source, entry, shown).items():
        if any(ast.unparse(decorator) == "property" for decorator in node.decorator_list):
            returned = ast.get_source_segment(one.source, node.returns) if node.returns else "Any"
            text = " ".join(prose(ast.get_docstring(node) or "").split())
            properties.append(f"- `{node.name}: {returned}`: {text}")
        elif node in told:
            known.setdefault(told[node], []).append(f"`{node.name}`")
        else:
            told[node] = name
            methods.append(f"#### `{name}.{node.name}`\n\n{function(one, node)}")
    if properties:
        lines.append("\n".join(["**Properties**\n", *properties, ""]))
    for other, names in known.items():
        lines.append(f"As in `{other}`: {', '.join(names)}.\n")
    return "\n".join([*lines, *methods])


def members(source: Source, entry: Entry, shown: set[tuple[str, str]]) -> dict[ast.FunctionDef, Entry]:
    """Public methods and properties: a class's own, then those of bases that have no entry of their own."""
    assert isinstance(entry.node, ast.ClassDef)
    found: dict[ast.FunctionDef, Entry] = {}
    if entry.module.startswith("storage."):
        return found
    for node in entry.node.body:
        if not isinstance(node, ast.FunctionDef) or node.name in PLUMBING or ast.get_docstring(node) is None:
            continue
        setter = any(isinstance(decorator, ast.Attribute) for decorator in node.decorator_list)
        if not setter and (not node.name.startswith("_") or node.name in SPECIAL):
            found[node] = entry
    for base in source.bases(entry):
        if base.key not in shown:
            own = {node.name for node in found}
            inherited = members(source, base, shown).items()
            found.update((node, owner) for node, owner in inherited if node.name not in own)
    return found


def constructor(source: Source, entry: Entry) -> str:
    """The call that makes an instance."""
    assert isinstance(entry.node, ast.ClassDef)
    name = entry.node.name
    if any(ast.unparse(base) == "NamedTuple" for base in entry.node.bases):
        fields = [f"    {ast.unparse(one)},\n" for one in entry.node.body if isinstance(one, ast.AnnAssign)]
        return f"{name}(\n{''.join(fields)})"
    candidates = [entry]
    for one in candidates:
        for node in one.node.body:
            if isinstance(node, ast.FunctionDef) and node.name == "__init__":
                return signature(one, node, name).replace(" -> None", "")
        candidates += source.bases(one)
    return f"{name}(...)"


def signature(entry: Entry, node: ast.FunctionDef, name: str) -> str:
    """The call as it is written in the source, without `self`."""
    lines = entry.source.splitlines()[node.lineno - 1 : node.body[0].lineno - 1]
    text = textwrap.dedent("\n".join(lines)).strip().removeprefix("def ").removesuffix(":")
    text = re.sub(r"^\w+", name, text)
    return re.sub(r"\bself(: Any)?(,\s*)?", "", text, count=1)


def code(text: str) -> str:
    """A block of Python."""
    return f"```python\n{text}\n```"


def markdown(docstring: str) -> str:
    """A docstring with its sections as lists."""
    parts = re.split(r"^(Args|Returns|Raises|Attributes):\n", docstring, flags=re.MULTILINE)
    lines = [prose(parts[0].strip())]
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        # What stands behind a section at the margin is prose again.
        inner, _, rest = re.sub(r"^(?=\S)", "\0", body, count=1, flags=re.MULTILINE).partition("\0")
        inner = textwrap.dedent(inner).strip()
        lines.append(f"\n**{title}**\n\n{prose(inner) if title == 'Returns' else items(inner)}")
        if rest.strip():
            lines.append("\n" + prose(rest.strip()))
    return "\n".join(lines)


def items(text: str) -> str:
    """`name: description` lines, continued by indented ones, as a list."""
    found: list[str] = []
    for line in text.splitlines():
        if line.startswith(" "):
            found[-1] += "\n  " + prose(line.strip())
        elif line:
            name, _, rest = line.partition(": ")
            found.append(f"- `{name}`: {prose(rest)}")
    return "\n".join(found)


def prose(text: str) -> str:
    """Text in which nothing but code spans is markup; indented lines are code as they are."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("    "):
            spans = re.split(r"(`[^`]*`)", line)
            spans[::2] = [re.sub(r"(\*|<|(?<!\w)_|_(?!\w))", r"\\\1", span) for span in spans[::2]]
            line = "".join(spans)
        lines.append(line)
    return "\n".join(lines)


if __name__ == "__main__":
    (HERE / "api.md").write_text(render(), encoding="utf-8")
