from __future__ import annotations

import numpy as np
import pytest

from per_audit.compare.source import FILES, OUTPUT, Source, Unreadable
from per_audit.errors import UserError


@pytest.fixture
def kept(tmp_path):
    (tmp_path / FILES / "runs").mkdir(parents=True)
    (tmp_path / OUTPUT).write_text("")

    def write(name, content):
        path = tmp_path / (name if name == OUTPUT else f"{FILES}/{name}")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path

    return write


CSV = {
    "plain": "step,return,loss\n10,1.5,a\n20,2.5,b\n",
    "spaces and a comment": "# {}\nstep, return\n10, 1.5\n20, 2.5\n",
    "semicolons": "return;step\n1.5;10\n2.5;20\n",
    "sparse rows": "step,loss,return\n5,1,\n10,,1.5\n15,1,\n20,,2.5\n",
    "cut off": "step,return\n10,1.5\n20,2.5\n30",
    "out of order": "step,return\n20,2.5\n10,1.5\n",
    "a byte order mark": "\ufeffstep,return\n10,1.5\n20,2.5\n",
    "other case": "Step,return\n10,1.5\n20,2.5\n",
}


@pytest.mark.parametrize("name", CSV)
def test_csv(kept, name):
    curve = Source("return", "a.csv").read(kept("a.csv", CSV[name]))
    assert (curve.steps, curve.values, curve.axis.lower()) == ((10, 20), (1.5, 2.5), "step")


JSON = {
    "lines": '{"step": 10, "return": 1.5}\n{"step": 20, "return": 2.5}\n{"step": 3',
    "lines of a log": 'start\n{"step": 10, "return": 1.5}\n[1]\n{"step": 20, "return": 2.5}\n',
    "a list": '[{"step": 10, "return": 1.5}, {"step": 20, "return": 2.5}]',
    "columns": '{"step": [10, 20], "return": [1.5, 2.5], "name": "x", "other": [1]}',
}


@pytest.mark.parametrize("name", JSON)
def test_json(kept, name):
    for file in ("a.jsonl", "a.log"):
        if not (file == "a.log" and name == "lines of a log"):
            curve = Source("return", file).read(kept(file, JSON[name]))
            assert (curve.steps, curve.values) == ((10, 20), (1.5, 2.5))


def test_nested_keys_and_a_step_of_another_name(kept):
    place = kept("a.jsonl", '{"at": 3, "eval": {"return": 1}}\n{"at": 6, "eval": {"return": 2}}\n')
    curve = Source("eval/return", "a.jsonl", step="at").read(place)
    assert (curve.steps, curve.values, curve.axis) == ((3, 6), (1, 2), "at")


def test_rows_are_counted_where_nothing_is_called_a_step(kept):
    assert Source("r", "a.csv").read(kept("a.csv", "#{}\nr,l,t\n1,9,0.1\n3,9,0.2\n")).steps == (1, 2)


def test_tensorboard_in_folders(kept):
    pytest.importorskip("tensorboard")
    from .test_events import simple, write

    place = kept("runs/notes.txt", "")
    write(place / FILES / "runs" / "events.out.tfevents.1", (10, simple("return", 1.5), simple("loss", 9.0)))
    write(place / FILES / "runs" / "events.out.tfevents.2", (20, simple("return", 2.5)))
    for results in ("runs", "runs/", "**/events*"):
        curve = Source("return", results).read(place)
        assert (curve.steps, curve.values) == ((10, 20), (1.5, 2.5))
    with pytest.raises(Unreadable, match="there is return, loss"):
        Source("reward", "runs").read(place)


def test_numpy(kept, tmp_path):
    np.save(tmp_path / FILES / "a.npy", np.array([[1.5], [2.5]]))
    assert Source("", "a.npy").checked().read(tmp_path).values == (1.5, 2.5)
    np.save(tmp_path / FILES / "b.npy", np.array([{}], dtype=object))
    with pytest.raises(Unreadable, match=r"b\.npy"):
        Source("", "b.npy").read(tmp_path)


def test_what_is_printed(kept):
    place = kept(OUTPUT, "0%\rstep 1,000: return -1.5 \n noise\nstep 2,000: return 2.5e0\n")
    curve = Source(pattern=r"step (?P<step>\S+): return (?P<value>\S+)").checked().read(place)
    assert (curve.steps, curve.values) == ((1000, 2000), (-1.5, 2.5))
    assert Source(pattern=r"return (\S+)").read(place).steps == (1, 2)
    with pytest.raises(Unreadable, match="no line that was printed"):
        Source(pattern=r"score (\S+)").read(place)
    with pytest.raises(Unreadable, match="is no number"):
        Source(pattern=r"(\w+) 1,000").read(place)
    with pytest.raises(Unreadable, match="no group of that name"):
        Source(pattern=r"return (\S+)", step="episode").read(place)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (Source("reward", "a.csv"), "no values of 'reward'; there is step, return"),
        (Source("return", "b.csv"), "no file that matches --results b.csv"),
        (Source("return", "a.csv", step="epoch"), "--step epoch: no value"),
    ],
)
def test_what_is_there_instead_is_said(kept, source, words):
    with pytest.raises(Unreadable, match=words):
        source.read(kept("a.csv", "step,return\n1,2\n"))


def test_two_files_without_steps(kept):
    kept("a.csv", "return\n1\n")
    with pytest.raises(Unreadable, match=r"a\.csv and b\.csv both have 'return'"):
        Source("return", "*.csv").read(kept("b.csv", "return\n2\n"))


def test_a_training_that_diverges(kept):
    with pytest.raises(Unreadable, match="diverged"):
        Source("return", "a.csv").read(kept("a.csv", "step,return\n1,2\n2,nan\n"))
    curve = Source("return", "a.csv").read(kept("a.csv", "step,return\n1,nan\n2,inf\n3,4\n"))
    assert (curve.steps, curve.values) == ((3,), (4,))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (Source(), "say where the metric is"),
        (Source("return", "a.csv", r"(\d)"), "say where the metric is"),
        (Source("", "a.csv"), "with --metric"),
        (Source("return", "/tmp/a.csv"), "must be relative"),
        (Source("return", "../a.csv"), "must be relative"),
        (Source(pattern="("), "no regular expression"),
        (Source(pattern="return"), "has no group"),
    ],
)
def test_bad_options(source, words):
    with pytest.raises(UserError, match=words):
        source.checked()
