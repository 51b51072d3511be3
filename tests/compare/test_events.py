"""Event files as the two usual writers leave them. They are read by TensorBoard, where that is installed."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from per_audit.compare.events import Scalar, scalars
from per_audit.errors import UserError

pytest.importorskip("tensorboard")

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter
from tensorboard.util.tensor_util import make_tensor_proto


def simple(tag, value):
    """A scalar as torch.utils.tensorboard writes it."""
    return Summary.Value(tag=tag, simple_value=value)


def tensor(tag, value):
    """A value as TensorFlow 2 writes it."""
    return Summary.Value(tag=tag, tensor=make_tensor_proto(np.asarray(value)))


def write(path, *events):
    """An event file of (step, value, ...)."""
    with path.open("wb") as file:
        writer = RecordWriter(file)
        writer.write(Event(wall_time=1.7e9, file_version="brain.Event:2").SerializeToString())
        for step, *values in events:
            writer.write(Event(wall_time=1.7e9, step=step, summary=Summary(value=values)).SerializeToString())
        writer.flush()


def test_scalars_of_both_forms(tmp_path):
    path = tmp_path / "events.out.tfevents.1"
    write(path, (0, simple("loss", 0.5)), (300, tensor("return", np.float32(2.5)), simple("loss", 0.25)))
    assert list(scalars(path)) == [Scalar("loss", 0, 0.5), Scalar("return", 300, 2.5), Scalar("loss", 300, 0.25)]


def test_what_is_no_scalar_is_left_out(tmp_path):
    path = tmp_path / "events.out.tfevents.1"
    write(path, (1, tensor("weights", np.ones(3)), tensor("text", "words"), tensor("loss", 2.0)))
    assert list(scalars(path)) == [Scalar("loss", 1, 2.0)]


def test_a_file_that_is_cut_off(tmp_path):
    path = tmp_path / "events.out.tfevents.1"
    write(path, (1, simple("loss", 0.5)))
    first = path.stat().st_size
    write(path, (1, simple("loss", 0.5)), (2, simple("loss", 0.25)))
    whole = path.read_bytes()
    for size in range(first, len(whole)):
        path.write_bytes(whole[:size])
        assert [scalar.step for scalar in scalars(path)] == [1]


def test_other_files(tmp_path):
    path = tmp_path / "events.out.tfevents.1"
    path.write_bytes(b"")
    assert list(scalars(path)) == []
    path.write_bytes(b"step,return\n1,2\n3,4\n" * 9)
    with pytest.raises(ValueError, match="TensorBoard"):
        list(scalars(path))


def test_without_tensorboard(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard.backend.event_processing.event_file_loader", None)
    with pytest.raises(UserError, match=r"events\.out: .*pip install 'per-audit\[tensorboard\]'"):
        list(scalars(tmp_path / "events.out"))
