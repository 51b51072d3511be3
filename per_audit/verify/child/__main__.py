"""The child process: one JSON line a request, answered on a descriptor that the target cannot print to.

Run by path, not by name: the packages it needs are mounted one by one, so that nothing else of the parent's environment
becomes importable beside the target.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import IO, Any

# Python puts the folder of a script on the path: `adapter`, `bench` and the like would hide the project's modules.
_HERE = Path(__file__).resolve().parent
sys.path[:] = [entry for entry in sys.path if Path(entry or os.curdir).resolve() != _HERE]
_OURS = str(_HERE.parent)


def mount(name: str, folder: str) -> None:
    """Make the package in `folder` importable as `name`, and nothing beside it."""
    spec = importlib.util.spec_from_file_location(
        name, Path(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


def limit(megabytes: int) -> None:
    """Limit private memory where the system can (Linux counts it in RLIMIT_DATA), the address space otherwise; and the
    size of any one file to the same number.
    """
    try:
        import resource
    except ImportError:
        return
    size = megabytes * 2**20
    kind = resource.RLIMIT_DATA if sys.platform.startswith("linux") else resource.RLIMIT_AS
    for which, most in ((kind, size), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, size)):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(which, (most, most))


def own_channel() -> tuple[IO[str], int]:
    """Take stdin and stdout for the protocol, and give the target /dev/null and stderr in their place."""
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    return requests, answers


class Answers:
    """Writes answers; a fork of this process cannot."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._process = os.getpid()

    def send(self, value: dict[str, Any]) -> None:
        """Send one JSON line."""
        if os.getpid() != self._process:
            os._exit(0)
        data = (json.dumps(value) + "\n").encode("utf-8")
        while data:
            data = data[os.write(self._descriptor, data) :]


def place(error: BaseException) -> str:
    """` (file.py:42)` for the innermost frame of the target's own code, or an empty string."""
    where = ""
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if not name.startswith(_OURS) and "importlib" not in name:
            where = f" ({Path(name).name}:{trace.tb_lineno})"
        trace = trace.tb_next
    return where


def answer(session: Any, checks: dict[str, Any], request: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The session, which the request `open` creates, and the answer."""
    from per_audit.verify.check import NotProvided
    from per_audit.verify.child.adapter import AdapterError
    from per_audit.verify.child.session import Session

    try:
        if request["op"] == "open":
            session = Session(request)
            return session, {"facts": session.facts, "mapping": session.words(), "files": session.files}
        return session, {"measured": session.probe(checks[request["check"]], request["seed"])}
    except NotProvided as error:
        return session, {"not_provided": str(error)}
    except AdapterError as error:
        return session, {"error": str(error), "adapter": True}
    except MemoryError:
        return session, {"error": f"the target needed more than {request['memory']} MB (--memory)"}
    except SystemExit as error:
        return session, {"error": f"the target called sys.exit({error.code!r})"}
    except RecursionError as error:
        return session, {"error": f"the target recursed without end{place(error)}"}
    except PermissionError as error:
        remedy = ": it may write to its temporary folder only" if request["fenced"] else ""
        return session, {"error": f"the target raised PermissionError{place(error)}: {error}{remedy}"}
    except BaseException as error:  # whatever the target raises is an answer, and must not end this process
        return session, {"error": f"the target raised {type(error).__name__}: {str(error)[:300]}{place(error)}"}


def main() -> None:
    """Serve requests until the parent closes the channel."""
    requests, descriptor = own_channel()
    answers = Answers(descriptor)
    setup = json.loads(requests.readline())
    if sys.version_info < (3, 10):  # noqa: UP036
        answers.send({"error": f"{sys.executable} is older than Python 3.10"})
        return
    try:
        for name, folder in setup["mount"].items():
            mount(name, folder)
        from per_audit.verify.checks import discover
        from per_audit.verify.child.fence import fence
        from per_audit.verify.efficiency import CHECKS
        from per_audit.verify.efficiency_cartpole import CHECKS as CARTPOLE
        from per_audit.verify.efficiency_full import CHECKS as CLIFFWALKS
    except ImportError as error:
        answers.send({"error": f"{error}: {sys.executable} cannot run the checks; install numpy for it"})
        return
    checks = discover()
    checks.update({check.name: check for check in (*CHECKS, *CLIFFWALKS, *CARTPOLE)})
    limit(setup["memory"])
    fenced = bool(setup["writable"]) and fence(setup["writable"])
    answers.send({"ready": sys.version.split()[0]})
    session = None
    for line in requests:
        session, reply = answer(session, checks, {**json.loads(line), "memory": setup["memory"], "fenced": fenced})
        answers.send(reply)


if __name__ == "__main__":
    main()
    os._exit(0)  # threads and exit handlers of the target are not waited for
