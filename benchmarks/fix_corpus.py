"""What `per-audit fix` makes of the replay buffers of public repositories, and that it breaks nothing.

    python benchmarks/fix_corpus.py LABELS.jsonl CHECKOUTS
    python benchmarks/fix_corpus.py LABELS.jsonl CHECKOUTS --only owner/name --show
    python benchmarks/fix_corpus.py LABELS.jsonl CHECKOUTS --skip owner/name --diffs FOLDER
    python benchmarks/fix_corpus.py LABELS.jsonl CHECKOUTS --results FOLDER

LABELS holds one repository a line: `repo` and `buffers`, each with `file`, `name`, `definition_line`, `sample_sites`
and `codemod`, which says by reading how it can be converted: `auto` (completely and safely), `guided` (part by the
tool, part by a person), `no` (must be refused). CHECKOUTS holds a folder `owner+name` for each.

Each repository is copied and fixed with `--unsafe-fixes`; an outcome is `safe` where its plan needs no such option. A
buffer that is prioritised already counts as repaired where defects in it or in its learner were mended, and as refused
where `plan` has tasks for it; `left` is what has no finding and is in the plan with the reason. Of what was
written it is checked that every file parses, that a second run changes nothing, that no other file has changed, that a
scan reports none of the converted draws again, and that `undo` restores every byte. Repairs of prioritised replay are
counted by rule, those that were left as well. Exit code 1 where a check fails.

With `--results` what was found of each repository is kept in a file of its own as soon as it is known: a run that was
cut short goes on where it stopped, and a change of the code makes all of them anew.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import pickle
import re
import shutil
import sys
import tempfile
import time
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from per_audit.atomic import replace as put
from per_audit.audit import FactsCache, audit
from per_audit.findings import Applicability
from per_audit.fixes.agenda import agenda
from per_audit.fixes.diff import unified_diff
from per_audit.fixes.journal import undo
from per_audit.fixes.plan import FixOptions
from per_audit.fixes.run import fix
from per_audit.settings import Settings

if TYPE_CHECKING:
    from per_audit.audit import Audit
    from per_audit.fixes.agenda import Agenda
    from per_audit.fixes.result import FixResult

DRAW = "PER001"
NEAR = 3
CLASSES = ("auto", "guided", "no")
SAFE, UNSAFE, REPAIRED, REFUSED, LEFT, FAILED, SILENT = OUTCOMES = (
    "safe",
    "unsafe",
    "repaired",
    "refused",
    "left",
    "failed",
    "no finding",
)
SUFFIXES = (".py", ".toml")
PACKAGES = ("per_audit", "rules", "reference_impl")
SKIP = {"pytorch/rl", "opendilab/DI-engine", "astooke/rlpyt", "IntelLabs/coach", "thu-ml/tianshou", "pfnet/pfrl"}


@dataclass
class Outcome:
    """What became of one labelled buffer."""

    repo: str
    label: dict[str, Any]
    outcome: str
    reason: str = ""

    def __str__(self) -> str:
        shape, loss = self.label.get("storage"), (self.label.get("shape") or {}).get("loss_form")
        head = f"{self.label['codemod']:<7} {self.outcome:<10} {self.repo} {self.label['file']} {self.label['name']}"
        return f"{head} [{shape}; {loss}]" + (f"\n        {self.reason}" if self.reason else "")


@dataclass
class Tally:
    """All outcomes, and the checks that failed."""

    outcomes: list[Outcome] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    applied: int = 0
    refused: list[str] = field(default_factory=list)
    mended: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Take in what was found of another repository."""
        self.outcomes += other.outcomes
        self.problems += other.problems
        self.applied += other.applied
        self.refused += other.refused
        self.mended += other.mended
        self.left += other.left


def main() -> int:
    """Run over the corpus and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=Path)
    parser.add_argument("checkouts", type=Path)
    parser.add_argument("--only", nargs="*", default=[], help="parts of names of repositories")
    parser.add_argument("--skip", nargs="*", default=sorted(SKIP), help="repositories left out (default: large ones)")
    parser.add_argument("--show", action="store_true", help="every buffer with its reason")
    parser.add_argument("--diffs", type=Path, help="folder for the diff of each repository")
    parser.add_argument("--results", type=Path, help="folder for what was found of each repository; see above")
    parser.add_argument(
        "--cache", type=Path, help="folder for the facts of files, kept between runs of one per_audit/facts"
    )
    chosen = parser.parse_args()
    sys.setrecursionlimit(40_000)  # facts nest as deeply as the code that they are of
    warnings.simplefilter("ignore", SyntaxWarning)
    tally, code = Tally(), _code()
    for line in chosen.labels.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        checkout = chosen.checkouts / entry["repo"].replace("/", "+")
        wanted = any(part in entry["repo"] for part in chosen.only) if chosen.only else entry["repo"] not in chosen.skip
        if wanted and checkout.is_dir() and entry["buffers"]:
            kept = chosen.results / f"{checkout.name}.{code}.pickle" if chosen.results is not None else None
            if kept is not None and kept.is_file():
                tally.add(pickle.loads(kept.read_bytes()))  # noqa: S301
                continue
            begin = time.process_time()
            found = _repository(entry, checkout, chosen)
            tally.add(found)
            if kept is not None:
                kept.parent.mkdir(parents=True, exist_ok=True)
                put(kept, pickle.dumps(found))
            print(f"{time.process_time() - begin:6.1f} s  {entry['repo']}", file=sys.stderr, flush=True)
    print(f"code {code}")
    _print(tally, chosen.show)
    return int(bool(tally.problems))


def _code() -> str:
    """A digest of the code whose results these are."""
    root = Path(__file__).parents[1]
    files = [path for package in PACKAGES for path in sorted((root / package).rglob("*")) if path.suffix in SUFFIXES]
    digest = hashlib.sha256()
    for path in [Path(__file__), *files]:
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def _repository(entry: dict[str, Any], checkout: Path, chosen: argparse.Namespace) -> Tally:
    repo, tally = entry["repo"], Tally()
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch).resolve() / "project"
        shutil.copytree(checkout, root, ignore=shutil.ignore_patterns(".git", "__pycache__"), symlinks=True)
        (root / ".git").mkdir()  # nothing above is the project's
        settings = Settings(root)
        facts = _known(chosen.cache, checkout.name)
        audited = audit(root, [root], settings, cache=facts)
        places, plan = _places(audited), agenda(audited, FixOptions())
        before = _digests(root)
        wet = fix(root, [], settings, FixOptions(unsafe=True, allow_dirty=True, delivery="vendor"), cache=facts)
        for label in entry["buffers"]:
            if label["codemod"] in CLASSES:
                tally.outcomes.append(_outcome(repo, label, places, wet, plan))
        tally.applied += sum(1 for plan in wet.applied if not plan.mends)
        tally.mended += Counter(plan.mends for plan in wet.applied if plan.mends)
        tally.left += Counter(each.plan.mends for each in wet.refused if each.plan.mends)
        tally.refused += sorted(f"{repo} {each.plan.pipeline}: {each.reason}" for each in wet.refused)
        _check(tally, repo, root, settings, facts, before, wet)
        if chosen.diffs is not None and wet.changes:
            chosen.diffs.mkdir(parents=True, exist_ok=True)
            (chosen.diffs / f"{checkout.name}.diff").write_bytes(unified_diff(wet.changes))
        if chosen.cache is not None:
            chosen.cache.mkdir(parents=True, exist_ok=True)
            (chosen.cache / f"{checkout.name}.facts").write_bytes(pickle.dumps(facts))
    return tally


def _known(cache: Path | None, name: str) -> FactsCache:
    """The facts of the files of a repository that an earlier run has left, for the code as it was then."""
    kept = cache / f"{name}.facts" if cache is not None else None
    if kept is None or not kept.is_file():
        return {}
    found: FactsCache = pickle.loads(kept.read_bytes())  # noqa: S301
    return found


def _places(audited: Audit) -> dict[str, list[tuple[str, int]]]:
    """Where each uniform draw is reported, then where batches of it are asked for, by the id of the finding."""
    found = {f.id: [(f.place.path, f.place.line)] for f in audited.report.findings if f.rule == DRAW}
    at = {(f.place.path, f.place.line): f.id for f in audited.report.findings if f.rule == DRAW}
    for graph in audited.graphs:
        for buffer in graph.buffers:
            draws = [graph.place(buffer.path, node) for node in buffer.draws]
            known = next((name for place in draws if (name := at.get((place.path, place.line)))), None)
            sites = [
                *buffer.samples,
                *(s for b in buffer.samples if b.function for s in graph.callers.get(b.function, ())),
            ]
            asked = [graph.place(site.path, site.node) for site in sites]
            found.get(known or "", []).extend((place.path, place.line) for place in asked)
    return found


def _outcome(
    repo: str, label: dict[str, Any], places: dict[str, list[tuple[str, int]]], result: FixResult, plan: Agenda
) -> Outcome:
    finding = _finding(label, places)
    if finding is None:
        rules = _repairs(label, result)
        return Outcome(repo, label, REPAIRED, ", ".join(rules)) if rules else _planned(repo, label, plan)
    for plan in result.applied:
        if finding in plan.findings and (not plan.shares or label["file"] in plan.paths):
            return Outcome(repo, label, SAFE if plan.applicability is Applicability.SAFE else UNSAFE, plan.reason)
    for refusal in result.refused:
        if finding in refusal.plan.findings and (not refusal.plan.shares or label["file"] in refusal.plan.pipeline):
            outcome = FAILED if refusal.why.value == "failed" else REFUSED
            return Outcome(repo, label, outcome, f"{refusal.why.value}: {refusal.reason}")
    return Outcome(repo, label, REFUSED, "no plan")


def _planned(repo: str, label: dict[str, Any], plan: Agenda) -> Outcome:
    """What `plan` says of a buffer without a finding about its draws."""
    file = label["file"]
    tasks = [task for task in plan.tasks if task.pipeline.endswith(f"({file})")]
    if label.get("sampling") == "prioritized" and tasks:
        return Outcome(repo, label, REFUSED, "; ".join(f"{each.findings[0].rule}: {each.reason}" for each in tasks))
    said = [f"{left.name}: {left.reason}" for left in plan.left if left.anchor.place.path == file]
    said += [each.message for each in plan.unread if each.path == file]
    return Outcome(repo, label, LEFT, "; ".join(said)) if said else Outcome(repo, label, SILENT)


def _repairs(label: dict[str, Any], result: FixResult) -> list[str]:
    """The rules whose findings were mended in the files of a buffer that is prioritised already.

    A sum tree in a file of its own belongs to the buffer whose file names it.
    """
    if label.get("sampling") != "prioritized":
        return []
    files = {label["file"]} | {s["file"] for key in ("sample_sites", "loss_sites") for s in label.get(key) or ()}
    text = (result.root / label["file"]).read_text(encoding="utf-8", errors="replace")
    imports = " ".join(line for line in text.splitlines() if "import " in line)
    named = {path for plan in result.applied for path in plan.paths if re.search(rf"\b{Path(path).stem}\b", imports)}
    return sorted({plan.mends for plan in result.applied if plan.mends and plan.paths & (files | named)})


def _finding(label: dict[str, Any], places: dict[str, list[tuple[str, int]]]) -> str | None:
    """The id of the finding about a buffer: at a draw of it, where its batches are asked for, or below its start."""
    sites = {(site["file"], site["line"]) for site in label.get("sample_sites", ())}
    for count in (1, None):
        for name, known in places.items():
            if any(path == p and abs(line - n) <= NEAR for path, line in known[:count] for p, n in sites):
                return name
    start = label.get("definition_line") or 0
    below = [
        (line, name) for name, ((path, line), *_) in places.items() if path == label["file"] and line >= start - NEAR
    ]
    return min(below)[1] if below else None


def _check(
    tally: Tally,
    repo: str,
    root: Path,
    settings: Settings,
    facts: FactsCache,
    before: dict[str, str],
    result: FixResult,
) -> None:
    after = _digests(root)
    touched = {change.path for change in result.changes}
    copied = {change.path for change in result.copied}
    for path in touched | copied:
        if path.endswith(".py"):
            try:
                ast.parse((root / path).read_bytes())
            except SyntaxError as error:
                tally.problems.append(f"{repo}: {path} does not parse: {error}")
    stray = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)} - touched - copied
    tally.problems += [f"{repo}: {path} has changed as well" for path in sorted(stray)]
    if result.written:
        written = _digests(root)
        again = fix(
            root, [], settings, FixOptions(unsafe=True, allow_dirty=True, delivery="vendor", diff=True), cache=facts
        )
        if _digests(root) != written:
            tally.problems.append(f"{repo}: --diff has changed files")
        tally.problems += [f"{repo}: a second run changes {change.path}" for change in again.changes]
        left = {(r.plan.pipeline, r.plan.recipe, r.reason) for r in again.refused}
        known = {(r.plan.pipeline, r.plan.recipe) for r in result.refused}
        done = {(plan.pipeline, plan.recipe) for plan in result.applied} - known
        again_found = [(name, why) for name, recipe, why in sorted(left) if (name, recipe) in done]
        tally.problems += [f"{repo}: {name} is found again: {why}" for name, why in again_found]
        undo(result.project)
    for name, _ in sorted(before.items() ^ _digests(root).items()):
        tally.problems.append(f"{repo}: undo has not restored {name}")


def _digests(root: Path) -> dict[str, str]:
    """What every file of the project holds, the tool's own state left out."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file() and ".per-audit" not in path.relative_to(root).parts
    }


def _print(tally: Tally, show: bool) -> None:
    if show:
        for outcome in sorted(tally.outcomes, key=lambda each: (CLASSES.index(each.label["codemod"]), each.outcome)):
            print(outcome)
        print("\nall refused pipelines:", *tally.refused, "", sep="\n")
    print(f"{'':<10}" + "".join(f"{outcome:>12}" for outcome in OUTCOMES) + f"{'all':>12}")
    for name in CLASSES:
        row = Counter(each.outcome for each in tally.outcomes if each.label["codemod"] == name)
        print(f"{name:<10}" + "".join(f"{row[outcome]:>12}" for outcome in OUTCOMES) + f"{row.total():>12}")
    print()
    shapes = sorted({str(each.label.get("storage")) for each in tally.outcomes})
    for shape in shapes:
        row = Counter(each.outcome for each in tally.outcomes if str(each.label.get("storage")) == shape)
        print(f"{shape[:44]:<46}" + "  ".join(f"{outcome} {row[outcome]}" for outcome in OUTCOMES if row[outcome]))
    print("\ndefects repaired and left:")
    for rule in sorted(tally.mended | tally.left):
        print(f"  {rule}  {tally.mended[rule]:>4}{tally.left[rule]:>5}")
    print(f"\npipelines rewritten: {tally.applied}; problems: {len(tally.problems)}")
    for problem in tally.problems:
        print(f"  {problem}")


if __name__ == "__main__":
    sys.exit(main())
