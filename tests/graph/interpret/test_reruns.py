"""Tests of what must be interpreted again."""

from __future__ import annotations

from per_audit.graph.interpret.reruns import Reruns
from per_audit.graph.interpret.values import UNKNOWN, Literal, Value, of

ONE, TWO = of(Literal(1)), of(Literal(2))


class Program:
    """Functions that read keys and call each other; `ran` are the names of those that were run, in order."""

    def __init__(self, reads: dict[str, list[str]], calls: dict[str, list[str]]) -> None:
        self.reads = reads
        self.calls = calls
        self.returns: dict[str, Value] = {}
        self.ran: list[str] = []
        self.reruns: Reruns[str] = Reruns(self.run)

    def run(self, name: str, depth: int) -> Value:
        """Run a function, unless what is known of it holds."""
        known = self.reruns.known(name)
        if known is None:
            self.ran.append(name)
            self.reruns.begin()
            for key in self.reads.get(name, []):
                self.reruns.note_read(key)
            for called in self.calls.get(name, []):
                self.run(called, depth + 1)
            known = self.reruns.end(name, self.returns.get(name, UNKNOWN))
        self.reruns.note_call(name, name, depth, known)
        return known.result

    def again(self) -> list[str]:
        """What is run when `main` is called again."""
        self.ran.clear()
        self.run("main", 0)
        return self.ran


def nested() -> Program:
    program = Program({"main": ["m"], "middle": ["d"], "leaf": ["x"]}, {"main": ["middle"], "middle": ["leaf"]})
    program.run("main", 0)
    return program


def test_nothing_is_run_again_while_nothing_changes() -> None:
    program = nested()
    assert program.again() == []
    program.reruns.touch("what nobody reads")
    assert program.again() == []


def test_a_callee_that_returns_the_same_leaves_its_callers_alone() -> None:
    program = nested()
    program.reruns.touch("x")
    assert program.again() == ["leaf"]
    assert program.again() == []


def test_a_callee_that_returns_something_else_has_its_callers_run() -> None:
    program = nested()
    program.reruns.touch("x")
    program.returns = {"leaf": ONE}
    assert program.again() == ["leaf", "middle"]  # and `middle` returns what it did
    program.reruns.touch("x")
    program.returns = {"leaf": TWO, "middle": TWO}
    assert program.again() == ["leaf", "middle", "main"]


def test_what_a_caller_reads_itself_is_looked_at_first() -> None:
    program = nested()
    program.reruns.touch("m")
    program.reruns.touch("x")
    assert program.again() == ["main", "leaf"]


def test_what_a_callee_changes_when_it_is_run_again_counts_for_its_caller() -> None:
    program = nested()
    program.reruns.touch("x")
    plain = program.run

    def run(name: str, depth: int) -> Value:
        result = plain(name, depth)
        if name == "leaf" and program.ran == ["leaf"]:
            program.reruns.touch("m")
        return result

    program.run = run  # type: ignore[method-assign]
    program.reruns._run_again = run
    assert program.again() == ["leaf", "main"]


def test_a_read_that_does_not_count_is_forgotten() -> None:
    reruns: Reruns[str] = Reruns(lambda name, depth: None)
    reruns.begin()
    reruns.note_reads(["own", "other"])
    reruns.end("module", UNKNOWN, but=["own"])
    reruns.touch("own")
    assert reruns.known("module") is not None
    reruns.touch("other")
    assert reruns.known("module") is None


def test_two_that_call_each_other_come_to_an_end() -> None:
    reruns: Reruns[str] = Reruns(lambda name, depth: reruns.known(name))
    for name, other in (("a", "b"), ("b", "a"), ("a", "b")):
        reruns.begin()
        reruns.note_read("x")
        run = reruns.known(other)
        if run is not None:
            reruns.note_call(other, other, 0, run)
        reruns.end(name, UNKNOWN)
    reruns.touch("x")
    assert reruns.known("a") is None
