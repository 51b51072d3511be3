"""A Ray cluster for the runs: joblib sends them out, one task a run, and nothing is left on its nodes.

Ray's own backend of joblib hands back all results at the end, gives each worker its tasks in advance, and runs a single
job at a time on this machine. The backend here makes a task of each call: results come as they end, and Ray starts
a task wherever there is room.
"""

from __future__ import annotations

import contextlib
import importlib.util
import secrets
import signal
import socket
import threading
import warnings
from typing import TYPE_CHECKING, Any

from per_audit.compare import node
from per_audit.errors import UserError, in_a_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

_REACH_SECONDS = 5.0
_END_SECONDS = 15.0


def check_installed() -> None:
    """Raises UserError where ray or joblib is missing."""
    for name in ("ray", "joblib"):
        if importlib.util.find_spec(name) is None:
            raise UserError(f'{name} is missing, and --ray needs it: pip install "per-audit[ray]"')


def check_reachable(address: str) -> None:
    """Raises UserError where nothing listens at HOST:PORT, for which Ray would wait for minutes."""
    if address in ("auto", "local"):
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise UserError(f"--ray {address}: is no address; write HOST:PORT, ray://HOST:PORT, auto or local")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _REACH_SECONDS).close()
    except OSError as error:
        raise UserError(
            f"--ray {address}: cannot be reached ({in_a_line(error)}); name the address of the cluster's head"
        ) from error


class Cluster:
    """The connection to a cluster, with the folders of the arms on it; a context manager that leaves nothing there."""

    def __init__(self, address: str, jobs: int, folders: Mapping[str, Path]) -> None:
        """`jobs` runs at a time, 0 for one a CPU of the cluster; `folders` by the names that calls give."""
        self._address, self._jobs, self._folders = address, jobs, folders
        self._token = secrets.token_hex(8)
        self._tasks: list[Any] = []

    def __enter__(self) -> Cluster:
        """Connect. Raises UserError where that fails."""
        import ray

        check_reachable(self._address)
        with _same_signals(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Ray, about itself
            try:
                ray.init(address=self._address, log_to_driver=False, logging_level="ERROR")
            except (OSError, RuntimeError, ValueError) as error:
                raise UserError(f"--ray {self._address}: {_why(error)}") from error
        import per_audit

        # Nodes need not have this package.
        ray.cloudpickle.register_pickle_by_value(per_audit)
        return self

    def __exit__(self, *_: object) -> None:
        """End what runs, on all nodes, and remove what lies there."""
        import ray

        import per_audit

        try:
            with contextlib.suppress(ray.exceptions.RayError, ConnectionError):
                self._end()
                self._clean()
        finally:
            ray.cloudpickle.unregister_pickle_by_value(per_audit)
            with _same_signals():
                ray.shutdown()

    def answers(self, calls: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, dict[str, Any]]]:
        """The number of each call and what node.run_on_node answers to it, as they end.

        Raises UserError where the cluster loses a run.
        """
        import joblib
        import ray

        jobs = self._jobs or int(ray.cluster_resources().get("CPU", 0))
        if not jobs:
            raise UserError(
                f"--ray {self._address}: the cluster has no CPUs; say with --jobs how many runs go at a time"
            )
        archives = {name: ray.put(node.packed(folder)) for name, folder in self._folders.items()}
        parallel = joblib.Parallel(
            jobs, _backend(self._tasks), return_as="generator_unordered", pre_dispatch=jobs, batch_size=1
        )
        answers = parallel(
            joblib.delayed(_on_node)(number, self._token, archives[call[0]], *call) for number, call in enumerate(calls)
        )
        try:
            yield from answers
        except ray.exceptions.RayError as error:
            raise UserError(
                f"--ray {self._address}: a run was lost ({in_a_line(error)}); what has finished is kept, and the same "
                "command goes on from there"
            ) from error
        finally:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that not all has ended
                answers.close()

    def _end(self) -> None:
        """First politely, so that runs end what they have started; then by force."""
        import ray

        left = self._tasks
        for force in (False, True):
            _, left = ray.wait(left, num_returns=len(left), timeout=0) if left else ([], [])
            for task in left:
                ray.cancel(task, force=force)
            if left:
                _, left = ray.wait(left, num_returns=len(left), timeout=_END_SECONDS)

    def _clean(self) -> None:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        clean = ray.remote(num_cpus=0)(node.cleaned)
        tasks = [
            clean.options(scheduling_strategy=NodeAffinitySchedulingStrategy(found["NodeID"], soft=False)).remote(
                self._token
            )
            for found in ray.nodes()
            if found["Alive"]
        ]
        ray.wait(tasks, num_returns=len(tasks), timeout=_END_SECONDS)


def _on_node(number: int, token: str, archive: Any, *call: Any) -> tuple[int, dict[str, Any]]:
    """What a task does: a node fetches an archive once, whatever the number of its tasks."""
    import ray

    return number, node.run_on_node(token, ray.get(archive), *call)


def _backend(tasks: list[Any]) -> Any:
    """A backend of joblib that makes a Ray task of each call, and appends it to `tasks`."""
    import ray
    from joblib.parallel import ParallelBackendBase

    class Backend(ParallelBackendBase):  # type: ignore[misc, unused-ignore]
        supports_retrieve_callback = True

        def effective_n_jobs(self, n_jobs: int) -> int:
            return n_jobs

        def submit(self, func: Callable[[], Any], callback: Callable[[Any], Any] | None = None) -> Any:
            task = ray.remote(num_cpus=1)(_call).remote(func)
            tasks.append(task)
            future = task.future()
            future.add_done_callback(callback)
            return future

        def retrieve_result_callback(self, out: Any) -> Any:
            return out.result()

    return Backend()


def _call(func: Callable[[], Any]) -> Any:
    return func()


def _why(error: Exception) -> str:
    if "Version mismatch" in str(error):
        said = " ".join(str(error).split())
        return f"{said}; run per-audit with the cluster's versions of Python and ray"
    return f"cannot be connected to ({in_a_line(error)}); name the address of the cluster's head"


@contextlib.contextmanager
def _same_signals() -> Iterator[None]:
    """Ray takes over how a polite request to end is met; ours ends the runs first."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
