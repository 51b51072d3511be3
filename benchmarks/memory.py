"""Memory of the buffers of `experience_replay_optimizer`, in bytes a transition.

    python benchmarks/memory.py
    python benchmarks/memory.py --markdown memory.md

What a full buffer has allocated (`tracemalloc`, which sees every array of numpy's) less the fields of the transitions
themselves: observations of shape (8,) float32 twice, action, reward and flag. Beside it, how much the process grew.
With frames stored once, all of it counts: 84x84x4 uint8 in episodes of 256 steps. Exit code 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from buffers_report import Row, targets
from contenders.processes import Failed, Process, default_folder, environment, workers

LARGEST = {100_000: 21.0, 1_000_000: 17.0}  # bytes over the payload, by capacity
LARGEST_FRAMES = 7300.0  # bytes a transition
FRAMES = 10_000  # transitions


def overhead(process: Process, kernels: str, capacity: int) -> Row:
    seen = process.ask("memory", workload="vectors", capacity=capacity, options={"rare_fraction": 0})
    value = seen["allocated"] - seen["payload"]
    grown = f"{seen['resident'] - seen['payload']:.1f} B"
    return Row(
        "overhead a transition", capacity, kernels, f"{value:.1f} B", "resident", grown, value, LARGEST[capacity]
    )


def frames(process: Process, kernels: str) -> Row:
    options = {"rare_fraction": 0, "frames": True}
    seen = process.ask("memory", workload="images", capacity=FRAMES, options=options)
    value, grown = seen["allocated"], f"{seen['resident']:.0f} B; stacks {seen['payload']:.0f} B"
    return Row(
        "frame dedup, all of a transition", FRAMES, kernels, f"{value:.0f} B", "resident", grown, value, LARGEST_FRAMES
    )


def measure(process: Process, kernels: str, capacities: tuple[int, ...]) -> list[Row]:
    """Each target, in a worker of "ours"."""
    rows = [overhead(process, kernels, capacity) for capacity in capacities]
    return [*rows, frames(process, kernels)]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument(
        "--environments", type=Path, default=default_folder(), metavar="DIR", help="default: %(default)s"
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table to FILE too")
    options = parser.parse_args()
    rows = []
    with workers() as stack:
        python = environment(options.environments.expanduser().resolve(), "ours")
        for kernels in ("numba", "numpy"):
            process = Process(python, "ours", kernels)
            stack.callback(process.close)
            rows += measure(process, kernels, tuple(LARGEST))
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
