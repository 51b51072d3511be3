"""What `per-audit verify` finds in the replay buffers of other libraries.

    python benchmarks/verify_libraries.py                      # every library; installs what is missing, once
    python benchmarks/verify_libraries.py cpprb pfrl

Each runs in its own environment (that of the other benchmarks). A library that cannot be installed or loaded is named
with the reason and left out. The exit code is 0 whatever they are found to do: the findings are about the libraries.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from contenders.processes import Failed, default_folder, environment

from per_audit.verify.results import Verdict
from per_audit.verify.run import Options, verify

TARGETS = {
    "cpprb": "cpprb:PrioritizedReplayBuffer",
    "tianshou": "tianshou.data:PrioritizedReplayBuffer",
    "pfrl": "pfrl.replay_buffers:PrioritizedReplayBuffer",
    "stable_baselines3": "stable_baselines3.common.buffers:ReplayBuffer",
    "rllib": "ray.rllib.utils.replay_buffers:PrioritizedReplayBuffer",
    "torchrl": "torchrl.data:TensorDictPrioritizedReplayBuffer",
}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("libraries", nargs="*", choices=[*TARGETS, []], metavar="LIBRARY", help=", ".join(TARGETS))
    parser.add_argument(
        "--environments", type=Path, default=default_folder(), metavar="DIR", help="default: %(default)s"
    )
    options = parser.parse_args()
    for name in options.libraries or TARGETS:
        try:
            python = environment(options.environments.expanduser().resolve(), name)
        except Failed as failure:
            print(f"{name}: left out: {failure}")
            continue
        chosen = Options(python=str(python), timeout=900.0, memory=8192)
        (found,) = verify([TARGETS[name]], chosen).targets
        print(f"{found.target}: {found.verdict.value}")
        for check in found.checks:
            number = "" if check.statistic is None else f"{check.statistic:.3g}"
            words = "" if check.verdict is Verdict.NOT_PROVIDED else check.message
            print(f"  {check.check:22} {check.verdict.value:13} {number:>9}  {words}", flush=True)
    return 0


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except KeyboardInterrupt:
        print(file=sys.stderr)
        raise SystemExit(130) from None
