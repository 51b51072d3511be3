"""The modules of a project, and which of them an import statement means."""

from __future__ import annotations

import posixpath
from collections import defaultdict

from per_audit.facts import ModuleFacts, ir

REFERENCE = "experience_replay_optimizer"


class Project:
    """All analysed modules by path, and the owner of every function and class in them."""

    def __init__(self, modules: list[ModuleFacts]) -> None:
        self.modules = {module.path: module for module in sorted(modules, key=lambda m: m.path)}
        self.module_of: dict[ir.Node, ModuleFacts] = {}
        self.class_of: dict[ir.Function | ir.Lambda, ir.Class] = {}
        self.outer_of: dict[ir.Node, ir.Function] = {}
        self.functions: list[ir.Function] = []
        self.classes: list[ir.Class] = []
        self._tails: dict[str, list[str]] = defaultdict(list)
        for module in self.modules.values():
            parts = _parts(module.path)
            for start in range(len(parts)):
                self._tails["/".join(parts[start:])].append(module.path)
            self._index(module)

    def _index(self, module: ModuleFacts) -> None:
        stack: list[tuple[ir.Node, ir.Class | None, ir.Function | None]] = [(s, None, None) for s in module.body]
        while stack:
            node, owner, outer = stack.pop()
            inside_class, inside_function = owner, outer
            if isinstance(node, (ir.Function, ir.Lambda)):
                self.module_of[node] = module
                if outer is not None:
                    self.outer_of[node] = outer
                if isinstance(node, ir.Function):
                    self.functions.append(node)
                    if owner is not None:
                        self.class_of[node] = owner
                    inside_class, inside_function = None, node
            elif isinstance(node, ir.Class):
                self.module_of[node] = module
                self.classes.append(node)
                inside_class = node
                if outer is not None:
                    self.outer_of[node] = outer
            for child in ir.children(node):
                keeps_class = isinstance(node, (ir.Class, ir.If, ir.Try, ir.With))
                stack.append((child, inside_class if keeps_class else None, inside_function))

    def find_module(self, importer: str, dotted: str, level: int = 0) -> str | None:
        """The path of the module that `importer` means by a dotted name, None where the project has none.

        Relative imports are exact. Absolute ones are looked up from the importer's directory outwards, as Python does
        for scripts and for packages under any import root; then by the only module that ends in this name.
        """
        if not level and dotted.partition(".")[0] == REFERENCE:
            return None  # known by its interface, vendored or installed
        wanted = dotted.replace(".", "/")
        here = posixpath.dirname(importer)
        if level:
            for _ in range(level - 1):
                here = posixpath.dirname(here)
            return self._at(posixpath.join(here, wanted) if wanted else here)
        while True:
            if found := self._at(posixpath.join(here, wanted)):
                return found
            if not here:
                break
            here = posixpath.dirname(here)
        candidates = self._tails.get(wanted, [])
        if "/" not in wanted and len(candidates) > 1:
            return None
        if candidates:
            return max(candidates, key=lambda path: len(posixpath.commonprefix([path, importer])))
        # The scanned directory may itself be the package that absolute imports begin with.
        _, _, rest = wanted.partition("/")
        return self._at(rest) if rest else None

    def is_package(self, path: str) -> bool:
        """Whether the module is a package's `__init__`."""
        return posixpath.basename(path) == "__init__.py"

    def _at(self, base: str) -> str | None:
        for path in (f"{base}.py", posixpath.join(base, "__init__.py")):
            if path in self.modules:
                return path
        return None

    def qualified(self, node: ir.Function | ir.Lambda | ir.Class) -> str:
        """`Class.method`, `function` or `Class`, for people."""
        if isinstance(node, ir.Lambda):
            return "<lambda>"
        owner = self.class_of.get(node) if isinstance(node, ir.Function) else None
        if owner is not None:
            return f"{self.qualified(owner)}.{node.name}"
        outer = self.outer_of.get(node)
        return f"{self.qualified(outer)}.{node.name}" if outer is not None else node.name


def _parts(path: str) -> list[str]:
    parts = path.removesuffix(".py").split("/")
    return parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts
