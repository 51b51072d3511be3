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
        "mp.Process(target=learner.learn).start()",
        "ProcessPoolExecutor(4).submit(learner.learn)",
        "learner.learn()",
        "threading.Thread(target=print).start()",
    ],
)
def test_processes_calls_and_foreign_functions_are_no_threads(project, code):
    assert started(project, code)[1] == []
