"""The child process: reads requests, one JSON line each, and answers them on a descriptor that the target cannot print to.

Run by path, not by name: the packages it needs are mounted one by one, so that nothing else of the parent's environment
becomes importable beside the target.
"""

import importlib.util
import json
import os
import sys

# Python puts the folder of a script on the path, where `adapter`, `bench` and the like would hide the project's modules.
_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != _HERE]


def mount(name, folder):  # type: ignore[no-untyped-def]
    """Make the package in `folder` importable as `name`, and nothing beside it."""
    if name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(
        name, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


def limit_memory(megabytes):  # type: ignore[no-untyped-def]
    """Limit private memory where the system can (Linux counts it in RLIMIT_DATA), the address space otherwise."""
    try:
        import resource
    except ImportError:
        return
    size = megabytes * 2**20
    kind = resource.RLIMIT_DATA if sys.platform.startswith("linux") else resource.RLIMIT_AS
    try:
        resource.setrlimit(kind, (size, size))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ValueError, OSError):
        pass


def own_channel():  # type: ignore[no-untyped-def]
    """Take stdin and stdout for the protocol, and give the target /dev/null and stderr in their place."""
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    answers = os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    return requests, answers


class Answers:
    """Writes answers; a fork of this process cannot."""

    def __init__(self, descriptor):  # type: ignore[no-untyped-def]
        self._descriptor = descriptor
        self._process = os.getpid()

    def send(self, value):  # type: ignore[no-untyped-def]
        """Send one JSON line."""
        if os.getpid() != self._process:
            os._exit(0)
        data = (json.dumps(value) + "\n").encode("utf-8")
        while data:
            data = data[os.write(self._descriptor, data) :]


def place(error):  # type: ignore[no-untyped-def]
    """`(file.py:42)` for the innermost frame of the target's own code, or an empty string."""
    where = ""
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if os.sep + "per_audit" + os.sep + "verify" not in name and "importlib" not in name:
            where = " (%s:%d)" % (os.path.basename(name), trace.tb_lineno)
        trace = trace.tb_next
    return where


def answer(session, checks, request):  # type: ignore[no-untyped-def]
    """The answer to one request, and the session, which `open` creates."""
    from per_audit.verify.check import NotProvided
    from per_audit.verify.child.adapter import AdapterError
    from per_audit.verify.child.session import Session

    limit = request.get("memory")
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
        return session, {"error": "the target needed more than %d MB (--memory)" % limit}
    except SystemExit as error:
        return session, {"error": "the target called sys.exit(%r)" % (error.code,)}
    except RecursionError as error:
        return session, {"error": "the target recursed without end" + place(error)}
    except BaseException as error:  # whatever the target raises is an answer, and must not end this process
        return session, {"error": "the target raised %s: %s%s" % (type(error).__name__, str(error)[:300], place(error))}


def main():  # type: ignore[no-untyped-def]
    """Serve requests until the parent closes the channel."""
    requests, descriptor = own_channel()
    answers = Answers(descriptor)
    setup = json.loads(requests.readline())
    for name, folder in setup["mount"].items():
        mount(name, folder)
    try:
        from per_audit.verify.checks import discover
        from per_audit.verify.efficiency import CHECKS
    except ImportError as error:
        answers.send({"error": "%s: the interpreter %s cannot run the checks; install numpy for it" % (error, sys.executable)})
        return
    checks = discover()
    checks.update({check.name: check for check in CHECKS})
    limit_memory(setup["memory"])
    answers.send({"ready": sys.version.split()[0]})
    session = None
    for line in requests:
        request = json.loads(line)
        request["memory"] = setup["memory"]
        session, reply = answer(session, checks, request)
        answers.send(reply)


if __name__ == "__main__":
    main()
    os._exit(0)  # threads and exit handlers of the target are not waited for
