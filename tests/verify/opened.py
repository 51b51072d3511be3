"""A class in a child process, asked for one check after another with the seeds of one's choice."""

from __future__ import annotations

import sys
from pathlib import Path

from per_audit.verify.check import Check
from per_audit.verify.process import Child
from per_audit.verify.results import Outcome, Verdict

SECONDS = 600.0
CAPACITY = 3000  # that of the project which the class stands in


class Opened:
    def __init__(self, file: Path, name: str) -> None:
        self._child = Child(sys.executable, 2048, ("per_audit",))
        self._child.wait_ready(SECONDS)
        request = {"op": "open", "target": name, "class": name, "file": str(file), "module": None, "paths": []}
        request["configured"] = {"capacity": CAPACITY}
        self._facts = self._child.ask({**request, "roots": [], "adapter": None, "seed": 0}, SECONDS)["facts"]

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.close()

    def run(self, check: Check, seed: int) -> Outcome:
        answer = self._child.ask({"op": "check", "check": check.name, "seed": seed}, SECONDS)
        if "measured" in answer:
            return check.judge(answer["measured"], self._facts)
        verdict = Verdict.NOT_PROVIDED if "not_provided" in answer else Verdict.ERROR
        return Outcome(verdict, None, None, str(answer.get("not_provided") or answer.get("error")))
