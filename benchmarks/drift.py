"""Whether the total of the priorities stays right over millions of updates.

    python benchmarks/drift.py                        # 10 million updates: about a minute
    python benchmarks/drift.py --updates 1e6

TD errors fall from 1,000 to 0.001 while every slot is updated again and again, as in training that converges. Then the
total that the sampler divides by is compared with `math.fsum` of its leaves: the relative error may be 1e-12 at most.
Beside it, a float32 sum to which the differences are added, on the same stream. Exit code 1 when it is more.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from contenders.processes import Failed, Process, default_folder, environment, workers

LARGEST = 1e-12


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--updates", type=float, default=1e7, help="priorities written (default: 1e7)")
    parser.add_argument("--capacity", type=float, default=1e5, help="slots (default: 1e5)")
    parser.add_argument(
        "--environments", type=Path, default=default_folder(), metavar="DIR", help="default: %(default)s"
    )
    options = parser.parse_args()
    capacity, updates, failed = int(options.capacity), int(options.updates), 0
    with workers() as stack:
        python = environment(options.environments.expanduser().resolve(), "ours_index")
        for kernels in ("numba", "numpy"):
            process = Process(python, "ours_index", kernels)
            stack.callback(process.close)
            process.ask("open", workload="vectors", capacity=capacity, options={"rare_fraction": 0})
            errors = process.ask("call", capacity=capacity, method="drift", updates=updates)
            passed = errors["sampler"] <= LARGEST
            failed += not passed
            print(
                f"{'PASS' if passed else 'FAIL'}  {kernels}: the total is off by {errors['sampler']:.1e} after"
                f" {updates:,} updates of {capacity:,} slots (at most {LARGEST:g}); a float32 sum of differences by"
                f" {errors['float32']:.1e}",
                flush=True,
            )
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except Failed as failure:
        print(failure, file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
