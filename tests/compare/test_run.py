from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from per_audit.compare.results import CRASHED, OK, TIMED_OUT, UNREADABLE
from per_audit.compare.run import compare
from per_audit.compare.source import Source
from per_audit.errors import UserError
from per_audit.verify.results import Verdict

from .projects import PYTHON, TRAIN, options, write


def scratch_folders():
    import tempfile

    return {path.name for path in Path(tempfile.gettempdir()).glob("per-audit-compare-*")}


@pytest.mark.parametrize(("gain", "verdict"), [("2.0", Verdict.PASS), ("0.5", Verdict.REGRESSION)])
def test_a_change_that_helps_or_harms(project, gain, verdict):
    write(project, TRAIN.replace("gain = 1.0", f"gain = {gain}"))
    before = scratch_folders()
    said = []
    found = compare(options(seeds=20), project, lambda *words: said.append(words))
    assert found.verdict is verdict, found.message
    assert found.p < 1e-3
    assert (found.axis, found.start, found.end) == ("step", 10, 100)
    assert found.difference.value == pytest.approx((float(gain) - 1.0) * 55, abs=2.0)
    assert found.before.score.low < 55 < found.before.score.high
    assert [done for _, done, _ in said] == list(range(1, 41))
    assert all(run.status == OK for arm in (found.before, found.after) for run in arm.runs)
    assert scratch_folders() == before
    assert not (project / "progress.csv").exists()


def test_lower_is_better(project):
    write(project, TRAIN.replace("gain = 1.0", "gain = 0.5"))
    assert compare(options(seeds=20, lower_is_better=True), project).verdict is Verdict.PASS


def test_few_seeds_claim_nothing(project):
    write(project, TRAIN.replace("gain = 1.0", "gain = 9.0"))
    found = compare(options(seeds=12), project)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "no claim from 12 seeds" in found.message


def test_equal_states_are_both_run(project):
    noisy = TRAIN.replace('random.Random(f"{sys.argv[1]} {gain}")', "random.SystemRandom()")
    write(project, noisy)
    found = compare(options(before=".", seeds=3), project)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert any("the same files" in note for note in found.notes)
    assert found.before.scores != found.after.scores


def test_what_has_finished_is_not_run_again(project):
    first = compare(options(), project)
    assert not any(run.kept for run in first.before.runs)
    again = compare(options(seeds=5), project)
    assert [run.kept for run in again.before.runs] == [True] * 4 + [False]
    assert again.before.runs[0].curve == first.before.runs[0].curve
    # Another metric of the same runs is read from what they left.
    other = compare(options(source=Source("step", "progress.csv", step="return")), project)
    assert all(run.kept for run in other.after.runs)
    assert not any(run.kept for run in compare(options(fresh=True), project).after.runs)
    write(project, TRAIN + "# edited\n")
    edited = compare(options(), project)
    assert all(run.kept for run in edited.before.runs)
    assert not any(run.kept for run in edited.after.runs)


def test_what_is_kept_is_no_part_of_the_project(project):
    compare(options(), project)
    said = subprocess.run(["git", "status", "--porcelain"], cwd=project, capture_output=True, check=True).stdout
    assert said == b""
    assert (project / ".per-audit" / "compare" / ".gitignore").read_text() == "*\n"


def test_a_script_that_ignores_its_seed(project):
    write(project, TRAIN.replace('f"{sys.argv[1]} {gain}"', "0"))
    found = compare(options(before=".", seeds=20), project)
    assert found.verdict is Verdict.ERROR
    assert re.match("the command ignores its seed: 3 seeds of (before|after) gave the very same curve", found.message)
    assert len(found.before.runs) < 20


def test_a_script_that_uses_half_of_its_seed(project):
    write(project, TRAIN.replace('f"{sys.argv[1]} {gain}"', "int(sys.argv[1]) // 2"))
    found = compare(options(before=".", after="HEAD", seeds=20), project)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "20 seeds of before gave only 10 different curves" in found.message


def test_a_metric_that_cannot_tell_runs_apart(project):
    write(project, TRAIN.replace("r.gauss(0, 5)", "0 * r.gauss(0, 5)").replace("gain * step", "1"))
    found = compare(options(seeds=20), project)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "all runs of after have the very same return" in found.message


def test_a_change_that_is_not_used(project):
    (project / "unused.py").write_text("")
    found = compare(options(seeds=20), project)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.p == 1.0
    assert any("the very same curve before and after" in note for note in found.notes)


def test_a_script_that_hangs(project):
    write(project, "import time\nprint('on it', flush=True)\ntime.sleep(1000)")
    started = time.monotonic()
    found = compare(options(seeds=20, timeout=3.0, jobs=4), project)
    assert found.verdict is Verdict.ERROR
    assert "hangs, or needs longer: no run of after that was tried (3) ended within 3 s" in found.message
    assert time.monotonic() - started < 60
    # A longer time is another chance, a shorter one is not. What was stopped late had longer than it was to have.
    assert any(run.kept for run in compare(options(seeds=2, timeout=2.9), project).after.runs)
    assert not any(run.kept for run in compare(options(seeds=2, timeout=6.0), project).after.runs)


def test_single_runs_that_fail_are_named_and_count_as_the_worst(project):
    head = """\
        import os, sys, time
        if sys.argv[1] == "4": sys.exit("out of luck")
        if sys.argv[1] == "5": time.sleep(1000)
        if sys.argv[1] == "6": sys.exit(0)
        if sys.argv[1] == "7": os.abort()
    """
    from textwrap import dedent

    write(project, dedent(head) + TRAIN.replace("gain = 1.0", "gain = 2.0"))
    found = compare(options(seeds=20, timeout=8.0, jobs=3), project)
    runs = found.after.runs
    assert [runs[seed].status for seed in (3, 4, 5, 6, 7)] == [OK, CRASHED, TIMED_OUT, UNREADABLE, CRASHED]
    assert runs[4].message == "ended with exit code 1: out of luck"
    assert "killed by SIGABRT" in runs[7].message
    assert "no file that matches" in runs[6].message
    worst = min(score for score in found.before.scores)
    assert [found.after.scores[seed] for seed in (4, 5, 6, 7)] == [worst] * 4
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "more than 10% of an arm's runs did not finish" in found.message
    assert any(note.startswith("after: 2 of 20 runs crashed (seeds 4, 7)") for note in found.notes)


def test_an_arm_that_always_crashes(project):
    write(project, "raise ValueError('no such thing')")
    found = compare(options(seeds=20, jobs=1), project)
    assert found.verdict is Verdict.ERROR
    assert "no run of after that was tried (3) gave a result" in found.message
    assert "ValueError: no such thing" in found.message
    assert len(found.before.runs) + len(found.after.runs) < 10


def test_a_metric_that_is_not_there_is_said_after_the_first_run(project):
    found = compare(options(source=Source("reward", "progress.csv"), seeds=20, jobs=1), project)
    assert found.verdict is Verdict.ERROR
    assert "no values of 'reward'; there is step, return" in found.message
    assert len(found.before.runs) + len(found.after.runs) == 1


def test_results_of_former_runs_do_not_count(project):
    (project / "progress.csv").write_text("step,return\n1,1\n")
    write(project, "pass")
    found = compare(options(before=".", jobs=1), project)
    assert "no file that matches --results progress.csv" in found.message


def test_runs_do_not_see_each_other_nor_the_project(project):
    write(
        project,
        """\
        import os, sys
        import helper
        assert os.listdir(".").count("progress.csv") == 0
        assert os.environ["OMP_NUM_THREADS"] == "1"
        open("train.py", "w").write("broken")
        open("progress.csv", "w").write(f"return\\n{helper.value + float(sys.argv[1])}\\n")
        """,
    )
    (project / "src").mkdir()
    (project / "src" / "helper.py").write_text("value = 1.0\n")
    script = (project / "train.py").read_text()
    found = compare(options(before=".", command=(sys.executable, "train.py", "{seed}")), project)
    assert found.before.scores == (1.0, 2.0, 3.0, 4.0), found.message
    assert (project / "train.py").read_text() == script


def test_an_interpreter_of_the_project_is_found(project):
    (project / ".venv" / "bin").mkdir(parents=True)
    (project / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (project / ".gitignore").write_text(".venv\n")
    command = (".venv/bin/python", "-S", "-E", "train.py", "{seed}")
    found = compare(options(command=command, seeds=2), project)
    assert all(run.status == OK for run in found.before.runs), found.message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"command": ("python", "train.py")}, "where the seed goes"),
        ({"command": ()}, "no command is given"),
        ({"command": ("no-such-program", "{seed}")}, "no-such-program: cannot be run"),
        ({"timeout": 0.0}, "--timeout"),
        ({"horizon": 5.0}, "--horizon 5"),
        ({"source": Source("return")}, "say where the metric is"),
        ({"before": "no-such"}, "is neither a folder nor a revision"),
    ],
)
def test_bad_input(project, changes, words):
    with pytest.raises(UserError, match=words):
        compare(options(**changes), project)


def test_a_place_that_cannot_be_written(project):
    (project / "file").write_text("")
    with pytest.raises(UserError, match="name another with --keep"):
        compare(options(keep=project / "file" / "kept"), project)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interruption_leaves_nothing_behind_and_goes_on_later(project, tmp_path, name):
    pids = tmp_path / "pids"
    write(
        project,
        TRAIN
        + f"""
import os, time
if sys.argv[1] != "0" and not os.path.exists({str(tmp_path / "go")!r}):
    open({str(pids)!r}, "a").write(f"{{os.getpid()}}\\n")
    time.sleep(1000)
""",
    )
    place = tmp_path / "tmp"
    place.mkdir()
    words = shlex.split("compare --before . --results progress.csv --metric return --seeds 3 --jobs 2 --format json --")
    command = [sys.executable, "-m", "per_audit", *words, *PYTHON, "train.py", "{seed}"]
    process = subprocess.Popen(
        command,
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(place)},
        # Where the shell of a CI ignores Ctrl-C, so would the process.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (pids.exists() and len(pids.read_text().split()) >= 2):
        time.sleep(0.05)
    process.send_signal(getattr(signal, name))
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert out == ""
    assert "the same command goes on from there" in err
    assert list(place.iterdir()) == []
    for pid in pids.read_text().split():
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)
    (tmp_path / "go").touch()
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    document = json.loads(done.stdout)
    assert [run["kept"] for run in document["before"]["runs"]] == [True, False, False], done.stderr
