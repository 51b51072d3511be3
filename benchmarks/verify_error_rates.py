"""How often `per-audit verify` errs: sound buffers that fail, and faulty ones that pass the check of their fault.

    python benchmarks/verify_error_rates.py                          # 200 seeds of the correct buffer, 20 of the others
    python benchmarks/verify_error_rates.py --sound 20 --faulty 2    # a look

Sound: the correct buffer of tests/verify/zoo.py on seeds 0-199, its sound variants on 0-19; per check at most one
failure in 200 is allowed. Faulty: each mutant of tests/verify/mutants.py on seeds 0-19 must fail its check every time.
No seed is tried and left out. Exit code 1 where that does not hold.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path

from per_audit.verify.results import Verdict
from per_audit.verify.run import available_checks

HOUSE = Path(__file__).resolve().parents[1] / "tests" / "verify"
sys.path.insert(0, str(HOUSE.parent))
from verify.mutants import FAULTS  # noqa: E402
from verify.opened import Opened  # noqa: E402
from verify.zoo import SOUND  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--sound", type=int, default=200, metavar="N", help="seeds of the correct buffer (200)")
    parser.add_argument("--faulty", type=int, default=20, metavar="N", help="seeds of the others (20)")
    parser.add_argument("--efficiency", action="store_true", help="the learning benchmark as well (slow)")
    parser.add_argument("--check", nargs="*", metavar="NAME", help="only these checks")
    parser.add_argument("--only", nargs="*", metavar="CLASS", help="only these classes")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write what was counted as JSON")
    options = parser.parse_args()
    rates: dict[str, dict[str, object]] = {"sound": {}, "faulty": {}}
    checks = available_checks()
    faulty = 0
    chosen = options.check or [*checks]
    behavioural = [
        check
        for check in checks.values()
        if check.name in chosen and (options.efficiency or not check.name.startswith("efficiency"))
    ]
    for name in SOUND:
        if options.only and name not in options.only:
            continue
        seeds = options.sound if name == "Correct" else min(options.faulty, options.sound)
        print(f"{name}, sound, seeds 0-{seeds - 1}")
        of_checks: dict[str, dict[str, int]] = {}
        with Opened(HOUSE / "zoo.py", name) as target:
            for check in behavioural:
                started = time.monotonic()
                outcomes = [target.run(check, seed) for seed in range(seeds)]
                verdicts = Counter(outcome.verdict.value for outcome in outcomes)
                of_checks[check.name] = dict(sorted(verdicts.items()))
                bad = verdicts["FAIL"] + verdicts["ERROR"] + verdicts["REGRESSION"]
                faulty += bad > seeds / 200
                counted = ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items()))
                note = next((f"  <- {o.message}" for o in outcomes if o.verdict in (Verdict.FAIL, Verdict.ERROR)), "")
                seconds = (time.monotonic() - started) / seeds
                print(f"  {check.name:22} {counted:22} {seconds:6.2f} s{note}", flush=True)
        rates["sound"][name] = of_checks
    print(f"faulty, seeds 0-{options.faulty - 1}")
    for name, (check_name, words) in FAULTS.items():
        if (options.only and name not in options.only) or check_name not in chosen:
            continue
        with Opened(HOUSE / "mutants.py", name) as target:
            outcomes = [target.run(checks[check_name], seed) for seed in range(options.faulty)]
        found = sum(outcome.verdict is Verdict.FAIL for outcome in outcomes)
        said = sum(words in outcome.message for outcome in outcomes)
        faulty += found < options.faulty
        rates["faulty"][name] = [found, options.faulty]
        other = next((f"  <- {o.verdict.value}: {o.message}" for o in outcomes if words not in o.message), "")
        print(f"  {name:32} {check_name:20} {found:3} of {options.faulty} FAIL, {said} named{other}", flush=True)
    if options.output is not None:
        options.output.write_text(json.dumps(rates, indent=1) + "\n", encoding="utf-8")
    return 1 if faulty else 0


if __name__ == "__main__":
    raise SystemExit(main())
