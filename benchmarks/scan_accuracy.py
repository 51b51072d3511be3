"""How often `per-audit scan` finds what people found by reading, and how often it cries wolf.

    python benchmarks/scan_accuracy.py LABELS.jsonl CHECKOUTS
    python benchmarks/scan_accuracy.py LABELS.jsonl CHECKOUTS --only owner/name --rule weights-broadcast --misses
    python benchmarks/scan_accuracy.py LABELS.jsonl CHECKOUTS --targets uniform-only-sampling=0.97,others=0.80

LABELS holds one repository a line: `repo`, `commit`, and by reading its code `expected` and `forbidden` points
(`rule`, `file`, `line`; `certain: false` where either answer is right), `judged_files` with the rules that are labelled
completely there (`exhaustive_for`, "*" for all), and `silent_globs`, files in which nothing may be reported. CHECKOUTS
holds a folder `owner+name` for each, at that commit. Each is scanned as a user would, in a process of its own.

A label is found where a warning or error of the rule names its file within three lines, by its own range or by its
evidence (in notebooks: the file). A false alarm is a warning or error in a silent file, at a forbidden point, or of a
rule labelled completely in a judged file where there is no label. Exit code 1 when a target is missed, 2 when a scan
fails.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NEAR = 3
LONGEST = 30  # lines of a range that count
UNIFORM = "uniform-only-sampling"
# A label that says only that the weights have no effect is met by any rule that says why.
VOID = "importance-weights-void"
WHY_VOID = {
    "missing-importance-weights", "weights-after-reduction", "weights-broadcast", "weights-formula-wrong",
    "min-over-unfilled",
}  # fmt: skip
SCAN = [sys.executable, "-c", "import sys; from per_audit.cli import main; sys.exit(main())"]
SCAN += ["scan", "--format", "json", "--no-config", "--no-cache", "."]


@dataclass
class Score:
    """What was wanted, found and cried wolf about."""

    wanted: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    reported: Counter[str] = field(default_factory=Counter)
    misses: list[str] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def recall(self, rules: set[str]) -> float | None:
        """The share of the certain labels of these rules that were found; None where there are none."""
        wanted = sum(self.wanted[rule] for rule in rules)
        return sum(self.found[rule] for rule in rules) / wanted if wanted else None


def scan(folder: Path, limit: float) -> list[dict[str, Any]]:
    """The findings of severity warning and error in a folder."""
    run = subprocess.run(SCAN, cwd=folder, capture_output=True, timeout=limit, check=False)
    if run.returncode not in (0, 1):
        raise ValueError(run.stderr.decode("utf-8", "replace").strip()[-200:])
    return [finding for finding in json.loads(run.stdout)["findings"] if finding["severity"] != "info"]


def same(label: str, rule: str) -> bool:
    """Whether a finding of the rule answers a label."""
    return label == rule or (label == VOID and rule in WHY_VOID) or (rule == VOID and label in WHY_VOID)


def meets(label: dict[str, Any], finding: dict[str, Any]) -> bool:
    """Whether a finding, or a link of its evidence, stands at the label."""
    if not same(label["rule"], finding["name"]):
        return False
    for place in (finding, *(finding.get("evidence") or ())):
        if place["path"] == label["file"]:
            last = min(place.get("end_line") or place["line"], place["line"] + LONGEST)
            if label["file"].endswith(".ipynb") or place["line"] - NEAR <= label["line"] <= last + NEAR:
                return True
    return False


def alarm(repo: dict[str, Any], finding: dict[str, Any]) -> str | None:
    """Why a finding is a false alarm, None where it is none or nobody judged it."""
    path = finding["path"]
    if any(fnmatch.fnmatch(name, glob) for glob in repo["silent_globs"] for name in (path, f"./{path}")):
        return "nothing may be reported in this file"
    if any(meets(label, finding) for label in repo["expected"]):
        return None
    for point in repo["forbidden"]:
        if point["rule"] == finding["name"] and point["file"] == path and abs(point["line"] - finding["line"]) <= 1:
            return f"not a defect: {point.get('why') or 'forbidden'}"
    complete = any(rule == "*" or same(rule, finding["name"]) for rule in repo["exhaustive_for"])
    return "no label stands there" if complete and path in repo["judged_files"] else None


def judge(score: Score, repo: dict[str, Any], findings: list[dict[str, Any]], rules: set[str]) -> None:
    """Add one repository to the score."""
    for label in repo["expected"]:
        if label["certain"] and label["rule"] in rules:
            score.wanted[label["rule"]] += 1
            if any(meets(label, finding) for finding in findings):
                score.found[label["rule"]] += 1
            else:
                place = f"{repo['repo']} {label['file']}:{label['line']}"
                score.misses.append(f"{label['rule']:28s} {place}  {label.get('why') or ''}")
    for finding in findings:
        if finding["name"] in rules:
            score.reported[finding["name"]] += 1
            why = alarm(repo, finding)
            if why is not None:
                place = f"{repo['repo']} {finding['path']}:{finding['line']}"
                score.alarms.append(f"{finding['name']:28s} {place}  {why}")


def known_rules() -> set[str]:
    """The names of the rules that fail a run."""
    from per_audit.catalogue import catalogue

    return {rule.name for rule in catalogue() if rule.severity.value != "info"} | {VOID}


def show(score: Score, misses: bool) -> None:
    """Print the score."""
    print(f"{'rule':32s} {'found':>6s} {'wanted':>6s} {'reported':>8s}")
    for rule in sorted({*score.wanted, *score.reported}, key=lambda rule: (-score.wanted[rule], rule)):
        print(f"{rule:32s} {score.found[rule]:6d} {score.wanted[rule]:6d} {score.reported[rule]:8d}")
    for title, rows in (("missed", score.misses if misses else []), ("false alarm", score.alarms)):
        for row in sorted(rows):
            print(f"{title}: {row}")
    for row in score.failures:
        print(f"failed: {row}")


def missed_targets(score: Score, targets: str, rules: set[str]) -> list[str]:
    """The targets that are missed, each as a line."""
    said: list[str] = []
    for target in filter(None, targets.split(",")):
        name, _, value = target.partition("=")
        if name == "false-alarms":
            if len(score.alarms) > int(value):
                said.append(f"{len(score.alarms)} false alarms, at most {value} wanted")
            continue
        recall = score.recall(rules - {UNIFORM} if name == "others" else {name})
        if recall is None or recall < float(value):
            said.append(f"recall of {name} {recall if recall is None else round(recall, 3)}, {value} wanted")
    return said


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("labels", type=Path, help="the labelled repositories, one JSON object a line")
    parser.add_argument("checkouts", type=Path, help="the folder with their checkouts")
    parser.add_argument("--only", default="", metavar="TEXT", help="repositories whose name contains TEXT")
    parser.add_argument("--rule", action="append", default=[], metavar="NAME", help="labels and findings of this rule")
    parser.add_argument("--misses", action="store_true", help="list the labels that were not found")
    parser.add_argument("--targets", default="", metavar="LIST", help="NAME=RECALL, others=RECALL, false-alarms=MOST")
    parser.add_argument("--limit", type=float, default=600, metavar="S", help="seconds a scan may take")
    options = parser.parse_args()
    rules = set(options.rule) or known_rules()
    score, absent = Score(), 0
    for line in options.labels.read_text("utf-8").splitlines():
        repo = json.loads(line)
        folder = options.checkouts / repo["repo"].replace("/", "+")
        if options.only not in repo["repo"]:
            continue
        if not folder.is_dir():
            absent += 1
            continue
        began = time.perf_counter()
        try:
            judge(score, repo, scan(folder, options.limit), rules)
        except (subprocess.TimeoutExpired, ValueError) as error:
            score.failures.append(f"{repo['repo']}  {error}")
        score.seconds += time.perf_counter() - began
    show(score, options.misses)
    uniform, others = score.recall({UNIFORM}), score.recall(rules - {UNIFORM})
    print(
        f"\nrecall: {UNIFORM} {uniform}, other rules {others}; {len(score.alarms)} false alarms, "
        f"{len(score.failures)} failed, {absent} without a checkout, {score.seconds:.0f} s"
    )
    missed = missed_targets(score, options.targets, rules)
    for row in missed:
        print(f"missed target: {row}")
    return 2 if score.failures else 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
