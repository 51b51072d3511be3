"""Memory of the buffers of `experience_replay_optimizer`, in bytes a transition.

    python benchmarks/memory.py
    python benchmarks/memory.py --markdown memory.md

What a full buffer has allocated (`tracemalloc`, which sees every array of numpy's) less the fields of the transitions
themselves: observations of shape (8,) float32 twice, action, reward and flag. Beside it, how much the process grew,
which is less as long as some pages have not been written to. Where frames are stored once, all of it counts: 84x84x4
uint8 in episodes of 256 steps. Exit code 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from buffers_report import Row, targets
from contenders.processes import Failed, Process, default_folder, environment, workers

LARGEST = {100_000: 21.0, 1_000_000: 17.0}  # bytes over the payload, by capacity
LARGEST_FRAMES = 7300.0  # bytes a transition
FRAMES = 10_000  # transitions


def ask(python: Path, kernels: str, workload: str, capacity: int, **options: Any) -> dict[str, float]:
    """Bytes a transition, from a process of its own: what another buffer had freed would be used again."""
    with workers() as stack:
        process = Process(python, "ours", kernels)
        stack.callback(process.close)
        return process.ask("memory", workload=workload, capacity=capacity, options={"rare_fraction": 0, **options})


def measure(python: Path, kernels: str, capacities: tuple[int, ...]) -> list[Row]:
    """Each target, in the environment of "ours"."""
    rows = []
    for capacity in capacities:
        seen = ask(python, kernels, "vectors", capacity)
        value, grown = (seen[key] - seen["payload"] for key in ("allocated", "resident"))
        name, ours, theirs = "overhead a transition", f"{value:.1f} B", f"{grown:.1f} B"
        rows.append(Row(name, capacity, kernels, ours, "resident", theirs, value, LARGEST[capacity]))
    seen = ask(python, kernels, "images", FRAMES, frames=True)
    name, ours, value = "frame dedup, all of a transition", f"{seen['allocated']:.0f} B", seen["allocated"]
    theirs = f"{seen['resident']:.0f} B, stacks {seen['payload']:.0f} B"
    return [*rows, Row(name, FRAMES, kernels, ours, "resident", theirs, value, LARGEST_FRAMES)]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument(
        "--environments", type=Path, default=default_folder(), metavar="DIR", help="default: %(default)s"
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table to FILE too")
    options = parser.parse_args()
    python = environment(options.environments.expanduser().resolve(), "ours")
    rows = [row for kernels in ("numba", "numpy") for row in measure(python, kernels, tuple(LARGEST))]
    text = "\n".join(targets(rows))
    print(text)
    if options.markdown:
        options.markdown.write_text(text)
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except Failed as failure:
        print(failure, file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
