"""How often `per-audit compare` claims a difference that is not there, and how often it finds one that is.

    python benchmarks/compare_error_rates.py [--comparisons 2000] [--power 200]

Scores of 20 seeds an arm are drawn from laws that training is known for; the claim rule of the command decides. Prints
a row a law: false claims of equal arms, and the share of claims where `after` is 0.5, 1, 1.5 and 2 standard deviations
better. Exit code 1 where the false claims are more than the stated rate allows. Some minutes on one core.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

import numpy as np
import scipy.stats

from per_audit.compare import decide

if TYPE_CHECKING:
    from collections.abc import Callable

SHIFTS = (0.5, 1.0, 1.5, 2.0)

LAWS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "normal": lambda rng: rng.normal(size=decide.ENOUGH),
    "skewed (lognormal)": lambda rng: rng.lognormal(0.0, 0.8, decide.ENOUGH) / 1.31,
    "heavy tails (t, 2)": lambda rng: rng.standard_t(2, decide.ENOUGH),
    "half fail (two clusters)": lambda rng: (
        np.where(rng.random(decide.ENOUGH) < 0.5, 0.0, 2.0) + rng.normal(0.0, 0.1, decide.ENOUGH)
    ),
    "few values (0, 1, 2)": lambda rng: rng.integers(0, 3, decide.ENOUGH) / 0.816,
}


def claims(law: Callable[[np.random.Generator], np.ndarray], shift: float, count: int, seed: int) -> int:
    rng = np.random.default_rng(seed)
    return sum(decide.difference(law(rng), law(rng) + shift).p <= decide.CLAIM for _ in range(count))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--comparisons", type=int, default=2000, help="of equal arms, over all laws")
    parser.add_argument("--power", type=int, default=200, help="comparisons for each difference")
    arguments = parser.parse_args()
    each = arguments.comparisons // len(LAWS)
    print(f"{decide.ENOUGH} seeds, claim at p <= {decide.CLAIM:g}")
    print(f"{'law of the scores':<26} false claims" + "".join(f"   +{shift:g} sd" for shift in SHIFTS))
    total = 0
    for number, (name, law) in enumerate(LAWS.items()):
        false = claims(law, 0.0, each, number)
        total += false
        found = [claims(law, shift, arguments.power, 100 + number) / arguments.power for shift in SHIFTS]
        print(f"{name:<26} {false:>4} of {each:<5}" + "".join(f"{share:>9.0%}" for share in found), flush=True)
    limit = int(scipy.stats.binom.isf(1e-3, each * len(LAWS), decide.CLAIM))
    print(f"{total} false claims of {each * len(LAWS)} comparisons; up to {limit} would be chance")
    return int(total > limit)


if __name__ == "__main__":
    sys.exit(main())
