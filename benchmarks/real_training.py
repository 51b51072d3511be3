"""Train the agents of public repositories before and after `fix`, and see from outside whether they learn by priority.

    python benchmarks/real_training.py CHECKOUTS... [--only NAME ...] [--steps 2000]

CHECKOUTS are folders with one checkout a repository, named owner+name; agents that lie in none are left out. The folder
of a checkout that matters is copied and fixed with `per-audit fix --unsafe-fixes`; its own classes are then driven by
`real_training_torch.py` (PyTorch) or `real_training_keras.py` for so many steps of their optimisers. Where it needs a
simulator that is not installed, the driver has a small world in its place.
Checked: weights vary and reach the loss they were drawn for, row by row; the loss is finite; TD errors of the drawn
slots come back after every draw and move the priorities; torch warns of no broadcast. Then, unwatched, the CPU time
of a step (environment, acting, storing and learning) is compared with that of the original: the least of interleaved
runs each. The median over the agents is at most 1.25. Exit code 1 if a check fails. Needs gymnasium, and torch and
scipy or tf-keras. `real_programs.py` compares fewer agents number by number.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHILDREN = {
    "torch": Path(__file__).with_name("real_training_torch.py"),
    "keras": Path(__file__).with_name("real_training_keras.py"),
}
PACKAGE = "experience_replay_optimizer"
PATIENCE = 3600.0  # seconds of one run


@dataclass(frozen=True)
class Agent:
    """A driver of a child, and the folder of a checkout that it drives."""

    name: str
    checkout: str
    folder: str = "."
    framework: str = "torch"


AGENTS = (
    Agent("minimalRL/dqn", "seungeunrho+minimalRL"),
    Agent("minimalRL/ddpg", "seungeunrho+minimalRL"),
    Agent("udacity/dqn", "udacity+deep-reinforcement-learning", "dqn/solution"),
    Agent("TD3/TD3", "sfujim+TD3"),
    Agent("TD3/DDPG", "sfujim+TD3"),
    Agent("TD3/OurDDPG", "sfujim+TD3"),
    Agent("spinningup/ddpg", "openai+spinningup"),
    Agent("spinningup/td3", "openai+spinningup"),
    Agent("spinningup/sac", "openai+spinningup"),
    Agent("pytorch_sac", "denisyarats+pytorch_sac"),
    Agent("snake", "patrickloeber+snake-ai-pytorch"),
    Agent("paper/dqn", "philtabor+Deep-Q-Learning-Paper-To-Code", "DQN"),
    Agent("youtube/dqn", "philtabor+Youtube-Code-Repository", "ReinforcementLearning/DeepQLearning"),
    Agent("youtube/td3", "philtabor+Youtube-Code-Repository", "ReinforcementLearning/PolicyGradient/TD3"),
    Agent("soft-actor-critic", "pranz24+pytorch-soft-actor-critic"),
    Agent("bcq/ddpg", "sfujim+BCQ", "continuous_BCQ"),
    Agent("wukong/dqn", "XR-stb+DQN_WUKONG"),
    Agent("traffic", "AndreaVidali+Deep-QLearning-Agent-for-Traffic-Signal-Control", "src"),
    Agent("dqn-ddpg/dqn", "NAMUORI00+dqn-ddpg"),
    Agent("dqn-ddpg/ddpg", "NAMUORI00+dqn-ddpg"),
    Agent("keon/dqn", "keon+deep-q-learning", framework="keras"),
    Agent("keon/ddqn", "keon+deep-q-learning", framework="keras"),
    Agent("keon/dqn_batch", "keon+deep-q-learning", framework="keras"),
    Agent("shivamsaboo17/dqn", "shivamsaboo17+DQN", framework="keras"),
    Agent("marload/dqn", "marload+DeepRL-TensorFlow2", "DQN", framework="keras"),
    Agent("marload/double", "marload+DeepRL-TensorFlow2", "DoubleDQN", framework="keras"),
    Agent("tf2-rl/dqn", "anita-hu+TF2-RL", "DQN", framework="keras"),
    Agent(
        "pylessons/ddqn",
        "pythonlessons+Reinforcement_Learning",
        "03_CartPole-reinforcement-learning_Dueling_DDQN",
        framework="keras",
    ),
)


def run(agent: Agent, folder: Path, steps: int, scratch: Path, mode: str) -> dict[str, Any]:
    """What the child saw; `error` holds the end of its traceback where it died."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, str(CHILDREN[agent.framework]), agent.name, str(folder), str(steps), mode]
    try:
        done = subprocess.run(
            command, cwd=scratch, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return {"error": f"took longer than {PATIENCE:.0f} s"}
    if done.returncode:
        return {"error": " | ".join(done.stderr.strip().splitlines()[-3:])}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def checks(seen: dict[str, Any]) -> list[tuple[str, bool, str]]:
    """(check, passed, what was seen) of a run of the fixed code."""
    draws, updates = seen["draws"], seen["updates"]
    return [
        ("weights vary", seen["varying"] > draws / 2, f"in {seen['varying']} of {draws} batches"),
        # Steps may run out between a draw and the last loss of its rows.
        ("weights arrive", not seen["alien"] and seen["losses"] >= draws - 1 > 0, f"{seen['losses']} losses, by row"),
        ("losses finite", not seen["infinite"], f"{seen['first']:.4g} at first, {seen['last']:.4g} at last"),
        ("TD errors return", draws - 1 <= updates <= draws, f"{updates} updates of {draws} draws, of the drawn slots"),
        ("priorities move", seen["spread"] > 1.5, f"95% quantile {seen['spread']:.2f} times the 5% one"),
    ]


def timings(
    agent: Agent, folders: tuple[Path, Path], chosen: argparse.Namespace, scratch: Path
) -> list[tuple[float, float]]:
    """Milliseconds of a step of the original and of the fixed code, in pairs that begin with the one and the other."""
    pairs = []
    for number in range(chosen.rounds):
        found: dict[Path, float] = {}
        for folder in folders if number % 2 else folders[::-1]:
            seen = run(agent, folder, chosen.timed, scratch, "timed")
            if "error" in seen:
                raise RuntimeError(f"{agent.name} in {folder}: {seen['error']}")
            found[folder] = seen["milliseconds"]
        pairs.append((found[folders[0]], found[folders[1]]))
    return pairs


class Report:
    """Prints a line a check; counts the failures, and keeps the ratios of the times."""

    def __init__(self) -> None:
        self.failed = 0
        self.ratios: dict[str, float] = {}

    def check(self, where: str, name: str, passed: bool, seen: str) -> None:
        self.failed += not passed
        print(f"{'PASS' if passed else 'FAIL'}  {where:<18} {name:<17} {seen}", flush=True)


def fix(folder: Path) -> tuple[list[str], str]:
    """Fix a folder: the files that were edited, and what went wrong ("" where nothing did)."""
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    command = [sys.executable, "-c", "from per_audit.cli import main; raise SystemExit(main())"]
    done = subprocess.run(
        [*command, "fix", "--unsafe-fixes", "."], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 1) or not any(folder.rglob(PACKAGE)):
        return [], f"exit code {done.returncode}: {done.stderr.strip()[-300:]}"
    return [path.relative_to(folder).as_posix() for path, old in before.items() if path.read_bytes() != old], ""


def examine(agents: list[Agent], checkout: Path, chosen: argparse.Namespace, report: Report) -> None:
    """Copy, fix and train the agents of one checkout."""
    with tempfile.TemporaryDirectory() as temporary:
        original = (checkout / agents[0].folder).resolve()
        copy, scratch = Path(temporary, "project"), Path(temporary, "scratch")
        scratch.mkdir()
        shutil.copytree(original, copy, ignore=shutil.ignore_patterns(".git", "__pycache__", "*.gif", "*.png"))
        edited, problem = fix(copy)
        report.check(checkout.name, "fix", not problem, problem or f"edited {', '.join(sorted(edited))}")
        for agent in [] if problem else agents:
            seen = run(agent, copy, chosen.steps, scratch, "watched")
            if "error" in seen:
                report.check(agent.name, "training", False, seen["error"])
                continue
            for check in checks(seen):
                report.check(agent.name, *check)
            try:
                pairs = timings(agent, (original, copy), chosen, scratch)
            except RuntimeError as error:
                report.check(agent.name, "training", False, str(error))
                continue
            before, after = (min(times) for times in zip(*pairs, strict=True))
            report.ratios[agent.name] = after / before
            text = ", ".join(f"{before:.2f} -> {after:.2f} ms" for before, after in pairs)
            print(f"      {agent.name:<18} {'time of a step':<17} x{after / before:.2f} ({text})", flush=True)


def main() -> int:
    """Examine the chosen agents, one checkout after the other."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("checkouts", type=Path, nargs="+", help="folders with one checkout a repository, owner+name")
    parser.add_argument(
        "--only", nargs="+", default=[""], metavar="NAME", help="only agents with NAME in name, checkout or framework"
    )
    parser.add_argument("--steps", type=int, default=2000, help="steps of the optimisers (default: 2000)")
    parser.add_argument("--rounds", type=int, default=5, help="pairs of timed runs (default: 5)")
    parser.add_argument("--timed", type=int, default=200, help="steps of a timed run (default: 200)")
    parser.add_argument("--slowest", type=float, default=1.25, help="largest median of the ratios (default: 1.25)")
    chosen = parser.parse_args()
    found = {path.name: path for folder in chosen.checkouts for path in folder.iterdir()}
    groups: dict[tuple[str, str], list[Agent]] = {}
    for agent in AGENTS:
        known = f"{agent.name} {agent.checkout} {agent.framework}"
        if agent.checkout in found and any(name in known for name in chosen.only):
            groups.setdefault((agent.checkout, agent.folder), []).append(agent)
    if not groups:
        parser.error(f"no checkout of an agent called {' or '.join(chosen.only)}")
    report = Report()
    for (name, _), agents in groups.items():
        examine(agents, found[name], chosen, report)
    if report.ratios:
        median = statistics.median(report.ratios.values())
        above = ", ".join(f"{name} x{ratio:.2f}" for name, ratio in report.ratios.items() if ratio > chosen.slowest)
        seen = f"x{median:.2f}, median of {len(report.ratios)}; above {chosen.slowest:g}: {above or 'none'}"
        report.check("all agents", "time of a step", median <= chosen.slowest, seen)
    agents_driven, repositories = sum(map(len, groups.values())), len({checkout for checkout, _ in groups})
    print(f"{agents_driven} agents of {repositories} repositories, {report.failed} failures")
    return int(report.failed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
