"""Functions that run in threads of their own."""

import pytest

from per_audit.graph.liveness.frequency import threads

LEARNER = """
    import asyncio
    import multiprocessing as mp
    import threading
    import _thread
    from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
    from threading import Thread

    def helper():
        return 1

    class Learner:
        def learn(self):
            return helper()

    def main(learner=Learner()):
        learner = Learner()
        {code}
"""


def started(project, code):
    graph = project(LEARNER.replace("{code}", code))
    return graph, threads.threads(graph)


@pytest.mark.parametrize(
    "code",
    [
        "threading.Thread(target=learner.learn).start()",
        "Thread(None, learner.learn, daemon=True).start()",
        "ThreadPoolExecutor(4).submit(learner.learn)",
        "asyncio.get_event_loop().run_in_executor(None, learner.learn)",
        "_thread.start_new_thread(learner.learn, ())",
    ],
)
def test_what_is_given_to_threads_is_known(project, code):
    graph, (thread,) = started(project, code)
    assert thread.function.name == "learn"
    assert {function.name for function in threads.runs(graph, thread)} == {"learn", "helper"}


@pytest.mark.parametrize(
    "code",
    [
        "threading.Timer(2.0, learner.learn).start()",
        "threading.Timer(interval=2.0, function=learner.learn).start()",
    ],
)
def test_a_timer_is_a_thread(project, code):
    assert [thread.function.name for thread in started(project, code)[1]] == ["learn"]


ACTOR = """
    import threading
    import multiprocessing as mp

    class Actor({base}):
        def __init__(self, learner):
            super().__init__(daemon=True)
            {own}

        def run(self):
            self.act()

        def act(self):
            return 1

    class Quick(Actor):
        def act(self):
            return 2

    def main(learner):
        actors = [Quick(learner) for _ in range(4)]
        for actor in actors:
            {start}
"""


@pytest.mark.parametrize(
    ("base", "own", "start", "names"),
    [
        ("threading.Thread", "self.ready = 0", "actor.start()", ["run"]),
        ("threading.Thread", "self.start()", "actor.join()", ["run"]),
        ("threading.Thread", "self.ready = 0", "actor.run()", []),
        ("threading.Thread", "self.ready = 0", "actor.join()", []),
        ("mp.Process", "self.ready = 0", "actor.start()", []),
        ("object", "self.ready = 0", "actor.start()", []),
    ],
)
def test_an_object_that_is_a_thread_runs_its_own_body_once_it_is_started(project, base, own, start, names):
    code = ACTOR.replace("{base}", base).replace("{own}", own).replace("{start}", start)
    graph = project(code)
    found = threads.threads(graph)
    assert [thread.function.name for thread in found] == names
    assert all("act" in {f.name for f in threads.runs(graph, thread)} for thread in found)


@pytest.mark.parametrize(
    "code",
    [
        "mp.Process(target=learner.learn).start()",
        "ProcessPoolExecutor(4).submit(learner.learn)",
        "learner.learn()",
        "threading.Thread(target=print).start()",
    ],
)
def test_processes_calls_and_foreign_functions_are_no_threads(project, code):
    assert started(project, code)[1] == []
