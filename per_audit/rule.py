"""What a rule is: one file, one class, whose declaration feeds the audit, the tests, the docs and `explain`."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from types import GenericAlias
from typing import TYPE_CHECKING, ClassVar

from per_audit.findings import Finding, FixOffer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType

    from per_audit.facts import ir
    from per_audit.findings import Evidence, Severity
    from per_audit.graph import ReplayGraph


HEADINGS = (
    "What it does",
    "Why is this bad",
    "Known problems",
    "Example",
    "Use instead",
    "Fix safety",
    "References",
)
"""The sections of a rule's docstring, in order."""

_MARK = re.compile(r" *# <- (\w+(?: \w+)*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Example:
    """A small project: file name -> source.

    A line that must be reported ends in `# <- CODE`, one that several rules report in `# <- CODE CODE`.
    """

    title: str
    files: dict[str, str]

    @property
    def marks(self) -> set[tuple[str, str, int]]:
        """All (code, path, line) at which the example says that a rule reports it."""
        return {
            (code, path, number)
            for path, text in self.files.items()
            for number, line in enumerate(text.splitlines(), 1)
            for mark in _MARK.findall(line.rstrip())
            for code in mark.split()
        }

    @property
    def plain(self) -> dict[str, str]:
        """The files without the marks."""
        return {path: _MARK.sub("", text) for path, text in self.files.items()}

    @property
    def mended(self) -> Example:
        """The same without marks: a good example that was made of a bad one."""
        return Example(self.title, self.plain)

    def expected(self, code: str) -> set[tuple[str, int]]:
        """The (path, line) pairs at which `code` must be reported."""
        return {(path, line) for marked, path, line in self.marks if marked == code}


class Rule(ABC):
    """One defect that the audit knows.

    The docstring of a subclass is its documentation: the first line says what is wrong, and the HEADINGS follow as
    `## What it does` and so on. A `pedantic` rule is off unless its code or name is selected. What a rule reports that
    is `of_runs` matters by how long programs run and how much they store, so that it is a hint where none is known,
    and nothing where the code is never run.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    severity: ClassVar[Severity]
    pedantic: ClassVar[bool] = False
    of_runs: ClassVar[bool] = False
    bad: ClassVar[tuple[Example, ...]] = ()
    good: ClassVar[tuple[Example, ...]] = ()

    @abstractmethod
    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """Every place where the project that `graph` describes has this defect."""

    def finding(
        self,
        graph: ReplayGraph,
        path: str,
        node: ir.Node,
        message: str,
        *,
        evidence: Iterable[Evidence] = (),
        confidence: str = "high",
        fix: FixOffer | None = None,
        pipeline: str | None = None,
        form: str = "",
    ) -> Finding:
        """A finding of this rule at a node of a file; what it is about is the function around the node."""
        return Finding(
            self.code,
            self.name,
            self.severity,
            confidence,
            message,
            graph.place(path, node),
            graph.symbol(graph.symbols.function_of(path, node), path),
            tuple(evidence),
            FixOffer() if fix is None else fix,
            pipeline,
            form,
        )

    def witness(self) -> str:
        """Show the defect numerically and say in a line what was seen; raise AssertionError where it is not."""
        raise NotImplementedError(f"{self.code} has no witness")

    def documentation(self) -> str:
        """The rule's page as Markdown, without the title."""
        return inspect.cleandoc(type(self).__doc__ or "")


def rules_in(module: ModuleType) -> Iterator[type[Rule]]:
    """The rules that a module defines, or the modules of a package: every subclass of Rule that has a check."""
    inside = [info.name for info in pkgutil.iter_modules(getattr(module, "__path__", ()))]
    for each in (module, *(importlib.import_module(f"{module.__name__}.{name}") for name in inside)):
        for value in vars(each).values():
            is_class = isinstance(value, type) and not isinstance(value, GenericAlias)  # Python 3.10 takes it for one
            is_rule = is_class and issubclass(value, Rule) and not inspect.isabstract(value)
            if is_rule and value.__module__ == each.__name__:
                yield value


@cache
def all_rules() -> tuple[Rule, ...]:
    """The bundled rules in order of their codes: every rule of a module of `per_audit_rules`."""
    found = [made() for made in rules_in(importlib.import_module("per_audit_rules"))]
    return tuple(sorted(found, key=lambda rule: rule.code))
