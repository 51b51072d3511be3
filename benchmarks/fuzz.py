"""The whole audit on broken, random and extreme files: it neither crashes nor hangs, in bounded memory.

    python benchmarks/fuzz.py [--mutants 10000] [--random 1000] [--seed 0] [--project 25]

Mutants are made of the examples of the rules and of files of the standard library. Each project of a few files is
audited in this process, rules included; the slowest file, the peak of memory, and every failure are printed.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import sysconfig
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from per_audit.audit import audit
from per_audit.catalogue import catalogue
from per_audit.settings import Settings

_SLOW, _SLOW_BY_SIZE = 5.0, 15.0  # seconds that a file may take, and a megabyte of it in addition
_LONG = 20_000
_MARKS = (b"(", b")", b"[", b"{", b"'''", b"\\", b"\r", b"\f", b"\t", b":", b"\n", b"*")
_DEEP = (30, 95, 250, 2_000)
_REPLAY = (
    # The second name has files of any size judged.
    "import random, torch\nfrom collections import deque\nrows = replay_memory = deque(maxlen=9)\n"
    "def learn(net, opt):\n    batch = random.sample(rows, 4)\n    for s, a, reward, s2, d in batch:\n"
    "        loss = ((net(s) - reward) ** 2).mean(); loss.backward(); opt.step()\n"
)


def seeds(generator: random.Random) -> list[bytes]:
    """The texts that are broken: our examples, and files of the standard library that are not large."""
    ours = [
        text.encode() for rule in catalogue() for example in (*rule.bad, *rule.good) for text in example.plain.values()
    ]
    library = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    chosen = generator.sample(library, 60)
    return ours + [path.read_bytes() for path in chosen if path.stat().st_size < 40_000]


def mutant(generator: random.Random, texts: list[bytes]) -> bytes:
    """A text with a few places cut, doubled, swapped or overwritten, or its end missing."""
    data = bytearray(generator.choice(texts))
    other = generator.choice(texts)
    for _ in range(generator.randint(1, 6)):
        at = generator.randrange(len(data) + 1)
        end = min(len(data), at + generator.choice((1, 1, 3, 20, 200)))
        kind = generator.randrange(7)
        if kind == 0:
            del data[at:end]
        elif kind == 1:
            data[at:at] = data[at:end] * generator.choice((1, 1, 2, 30))
        elif kind == 2:
            data[at:end] = generator.randbytes(end - at)
        elif kind == 3:
            start = generator.randrange(len(other) + 1)
            data[at:end] = other[start : start + 200]
        elif kind == 4:
            data[at:at] = generator.choice(_MARKS)
        elif kind == 5:
            lines = bytes(data).splitlines(keepends=True)
            generator.shuffle(lines)
            data = bytearray(b"".join(lines[: generator.randint(1, len(lines))])) if lines else data
        else:
            del data[at:]
    return bytes(data)


def extremes() -> dict[str, bytes]:
    """Long chains and deep nesting, each behind a replay buffer so that no gate leaves the file out."""
    long = _LONG
    found = {
        "terms": "x = " + " + ".join(["rows"] * long),
        "and": "x = " + " and ".join(["rows"] * long),
        "compare": "x = " + " < ".join(["rows"] * long),
        "attributes": "x = rows" + ".b" * long,
        "method calls": "x = rows" + ".b()" * long,
        "strings": "x = (" + "'a'\n" * long + ")",
        "f-string": "x = f'" + "{rows}" * long + "'",
        "dict": "x = {" + ", ".join(f"{i}: rows" for i in range(long)) + "}",
        "tuple": "x = (" + "rows, " * long + ")",
        "arguments": "learn(" + "rows, " * long + ")",
        "targets": "x = " * long + "rows",
        "statements": "rows.append((1, 2, 3.0, 4, False))\n" * long,
        "branches": "if rows: pass\n" + "elif rows: x = rows\n" * 5_000,
        "handlers": "try: pass\n" + "except A as e: x = rows\n" * 2_000,
        "cases": "match rows:\n" + " case [a, b]: x = rows\n" * 2_000,
        "functions": "".join(f"def f{i}(x): return f{i + 1}(x, rows)\n" for i in range(2_000)),
        "classes": "class C0: pass\n" + "".join(f"class C{i + 1}(C{i}):\n def m(self): pass\n" for i in range(1_000)),
        "imports": "import " + ", ".join(f"m{i}" for i in range(long)),
        "import": "import a" + ".b" * long,
        "blanks": "\n" * 1_000_000,
        "line": "x = '" + "a" * 5_000_000 + "'",
        "doubling": "x = rows\n" + "x = (x, x)\n" * 200,
        "swaps": "a, b = rows, [rows]\n" + "a, b = (b, a), [a, b]\n" * 200,
    }
    nests = {
        "parentheses": ("x = ", "(", "rows", ")"),
        "lists": ("x = ", "[", "rows", "]"),
        "calls": ("x = ", "learn(", "rows", ")"),
        "dicts": ("x = ", "{1: ", "rows", "}"),
        "subscripts": ("x = ", "rows[", "0", "]"),
        "lambdas": ("x = ", "lambda y: ", "rows", ""),
        "lambda defaults": ("x = ", "lambda y=", "rows", ": y"),
        "comprehensions": ("x = ", "[y for y in ", "rows", "]"),
        "conditions": ("x = ", "rows if 1 else ", "rows", ""),
        "not": ("x = ", "not ", "rows", ""),
        "f-strings": ("x = ", "f'{", "rows", "}'"),
        "patterns": ("match rows:\n case ", "[", "a", "]: pass"),
    }
    for depth in _DEEP:
        for name, (before, opening, inner, closing) in nests.items():
            end = closing * depth if name != "patterns" else "]" * depth + ": pass"
            found[f"{name} {depth}"] = f"{before}{opening * depth}{inner}{end}"
        found[f"terms {depth}"] = "x = " + " + ".join(["rows"] * depth)
        if depth <= 250:
            margins = [" " * level for level in range(depth + 1)]
            for name, head in (("pyramid", "if rows:\n"), ("functions", "def f(x):\n"), ("classes", "class A:\n")):
                found[f"{name} {depth}"] = (
                    "".join(margin + head for margin in margins[:-1]) + margins[-1] + "rows[0] = 1"
                )
            halves = "".join(f"{margin}if rows: pass\n{margin}else:\n" for margin in margins[:-1])
            found[f"else {depth}"] = halves + margins[-1] + "rows[0] = 1"
    return {name: (_REPLAY + text + "\n").encode() for name, text in found.items()}


class Tally:
    """What became of the files."""

    def __init__(self) -> None:
        self.files = 0
        self.outcomes: Counter[str] = Counter()
        self.slowest: list[tuple[float, str]] = []
        self.failures: list[str] = []

    def project(self, files: dict[str, bytes]) -> None:
        """Audit the files as one project; where it fails or takes long, each alone to name the culprit."""
        took, failed = self._audit(files)
        if len(files) > 1 and (failed or took > _SLOW):
            for name, data in files.items():
                took, failed = self._audit({name: data})
                self._note(took, failed, name, data)
        else:
            self._note(took / len(files), failed, next(iter(files)), next(iter(files.values())))
        self.files += len(files)

    def _note(self, took: float, failed: str, name: str, data: bytes) -> None:
        self.slowest = sorted([*self.slowest, (took, name)], reverse=True)[:8]
        if failed or took > _SLOW + _SLOW_BY_SIZE * len(data) / 1e6:
            kept = Path(tempfile.mkdtemp(prefix="per-audit-fuzz-")) / "culprit.py"
            kept.write_bytes(data)
            self.failures.append(f"{name}: {failed or 'slow'} in {took:.1f} s: {kept}")

    def _audit(self, files: dict[str, bytes]) -> tuple[float, str]:
        with tempfile.TemporaryDirectory() as folder:
            for name, data in files.items():
                (Path(folder) / f"{name.replace(' ', '_')}.py").write_bytes(data)
            began = time.perf_counter()
            try:
                report = audit(Path(folder), [Path(folder)], Settings(Path(folder))).report
            except Exception:
                return time.perf_counter() - began, traceback.format_exc(limit=-2).splitlines()[-1]
            self.outcomes["notices"] += len(report.notices)
            self.outcomes["findings"] += len(report.findings)
            return time.perf_counter() - began, ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mutants", type=int, default=10_000)
    parser.add_argument("--random", type=int, default=1_000)
    parser.add_argument("--project", type=int, default=25, help="files in a project")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    generator = random.Random(options.seed)
    texts = seeds(generator)
    tally = Tally()
    for name, data in extremes().items():
        tally.project({name: data})
    print(f"{tally.files} extreme files", flush=True)
    kinds = (
        ("mutant", options.mutants, lambda: mutant(generator, texts)),
        ("random", options.random, lambda: generator.randbytes(generator.randint(0, 4_000)).replace(b"\0", b"")),
    )
    for kind, count, make in kinds:
        for first in range(0, count, options.project):
            tally.project({f"{kind} {i}": make() for i in range(first, min(first + options.project, count))})
        print(f"{count} of kind {kind}", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{tally.files} files, {dict(tally.outcomes)}, peak of memory {peak} MiB")
    print("slowest:", ", ".join(f"{name} {took:.2f} s" for took, name in tally.slowest))
    print("\n".join(tally.failures) or "no crash, nothing slow")
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
