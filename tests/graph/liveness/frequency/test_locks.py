"""Which locks are held where."""

import pytest

from per_audit.facts import ir
from per_audit.graph.liveness.frequency import locks

PROGRAM = """
    import threading

    class Box:
        def __init__(self, mutex):
            self.mutex, self.guard = mutex, threading.Lock()

        def put(self, row):
            {first}

        def twice(self, row):
            with self.guard:
                self.put(row)

    def main(mutex):
        box = Box(mutex)
        with mutex:
            box.twice(1)
        {more}

    main(threading.{kind}())
"""


def held(project, first="print(row)", more="pass", kind="Lock"):
    graph = project(PROGRAM.replace("{first}", first).replace("{more}", more).replace("{kind}", kind))
    (place,) = (
        site.node for site in graph.events.calls.values() if getattr(site.function, "name", "") == "put" and site.names
    )
    assert isinstance(place, ir.Call)
    return [
        sorted(graph.source("main.py", lock.lock) for lock in way.blocks) for way in locks.ways(graph, "main.py", place)
    ]


@pytest.mark.parametrize("kind", ["Lock", "RLock", "Condition", "Semaphore"])
def test_locks_are_held_by_those_who_call(project, kind):
    assert held(project, kind=kind) == [sorted(["threading.Lock()", f"threading.{kind}()"])]


def test_each_way_holds_its_own(project):
    assert held(project, more="box.put(2)") == [["threading.Lock()", "threading.Lock()"], []]


def test_what_is_no_lock_holds_nothing(project):
    assert held(project, more="with open('a'): box.put(2)") == [["threading.Lock()", "threading.Lock()"], []]


def test_a_block_runs_what_its_calls_run(project):
    graph = project(PROGRAM.replace("{first}", "print(row)").replace("{more}", "box.put(2)").replace("{kind}", "Lock"))
    outer = next(node for node in graph.module("main.py").nodes_of(ir.With) if isinstance(node.items[0].value, ir.Name))
    functions = {function.name: function for function in graph.project.functions}
    for name, inside in (("put", True), ("__init__", False)):
        site = functions[name].body[0]
        assert locks.runs_inside(graph, outer, site, functions[name]) is inside
