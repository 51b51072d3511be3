"""What happens on a node of a cluster: the trees are unpacked once, runs are made, and nothing is left.

Its functions travel by value, with those of this package that they call: nodes need not have per-audit. They import
nothing in their bodies, and answer in builtin types.
"""

from __future__ import annotations

import io
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from per_audit.compare.one import trained
from per_audit.compare.source import FILES, OUTPUT
from per_audit.compare.training import Training
from per_audit.errors import UserError
from per_audit.verify.process import end_marked

_MARK = "PER_AUDIT_COMPARE_CLUSTER"


def packed(folder: Path) -> bytes:
    """A folder as an archive: links stay links, owners do not travel."""
    with io.BytesIO() as buffer:
        with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
            archive.add(folder, arcname=".", filter=_ownerless)
        return buffer.getvalue()


def _ownerless(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def unpacked(data: bytes, place: Path) -> None:
    """Write what `packed` made below `place`."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        # The user's own files, links that lead out of the project included. Old patch releases know no filters.
        if hasattr(tarfile, "fully_trusted_filter"):
            archive.extraction_filter = tarfile.fully_trusted_filter
        archive.extractall(place)


def node_folder(token: str) -> Path:
    """The folder of the comparison `token` on this node."""
    return Path(tempfile.gettempdir()).resolve() / f"per-audit-compare-{token}"


def unpacked_once(place: Path, name: str, data: bytes) -> Path:
    """Where the tree `name` is below `place`; whoever comes first unpacks it, all others find it."""
    tree = place / name
    if not tree.is_dir():
        place.mkdir(mode=0o700, exist_ok=True)
        own = Path(tempfile.mkdtemp(prefix="unpacking-", dir=place))
        unpacked(data, own)
        try:
            own.rename(tree)
        except OSError:  # another run was quicker
            shutil.rmtree(own, ignore_errors=True)
    return tree


def run_on_node(
    token: str, data: bytes, arm: str, inside: str, seed: int, command: tuple[str, ...], timeout: float, results: str
) -> dict[str, Any]:
    """One run: status, seconds and message, what it printed, and its files by name; or {"error": what is wrong}."""
    place = node_folder(token)
    tree = unpacked_once(place, arm, data)
    # Two attempts, where the first was lost, do not meet.
    work = Path(tempfile.mkdtemp(prefix=f"{arm}-{seed}-", dir=place))
    output = work / OUTPUT
    training = Training(command, timeout, Path.cwd(), {_MARK: token})
    try:
        with trained(training, tree, inside, results, seed, work / "tree", output) as (note, folder, files):
            named = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
            return {**note, OUTPUT: output.read_bytes(), FILES: named}
    except UserError as error:
        return {"error": str(error)}
    finally:
        shutil.rmtree(work, ignore_errors=True)


def cleaned(token: str) -> None:
    """End what still runs on this node for the comparison, and remove its folder."""
    end_marked(f"{_MARK}={token}".encode())
    shutil.rmtree(node_folder(token), ignore_errors=True)
