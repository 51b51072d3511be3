from __future__ import annotations

import struct

import pytest

from per_audit.compare.events import Scalar, scalars


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def field(number, kind, content):
    size = varint(len(content)) if kind == 2 else b""
    return varint(number << 3 | kind) + size + content


def record(message):
    return struct.pack("<Q", len(message)) + b"\0" * 4 + message + b"\0" * 4


def event(step, *values):
    summary = b"".join(field(1, 2, value) for value in values)
    head = field(1, 1, struct.pack("<d", 1.7e9)) + (field(2, 0, varint(step)) if step else b"")
    return record(head + field(5, 2, summary))


def simple(tag, value):
    return field(1, 2, tag.encode()) + field(2, 5, struct.pack("<f", value))


def tensor(tag, value):
    inner = field(1, 0, varint(1)) + field(2, 2, b"") + field(4, 2, struct.pack("<f", value))
    return field(1, 2, tag.encode()) + field(9, 2, b"metadata") + field(8, 2, inner)


HEAD = record(field(1, 1, struct.pack("<d", 1.7e9)) + field(3, 2, b"brain.Event:2"))


def test_scalars_of_both_forms(tmp_path):
    path = tmp_path / "events.out.tfevents.1"
    path.write_bytes(HEAD + event(0, simple("loss", 0.5)) + event(300, tensor("return", 2.5), simple("loss", 0.25)))
    assert list(scalars(path)) == [Scalar("loss", 0, 0.5), Scalar("return", 300, 2.5), Scalar("loss", 300, 0.25)]


def test_a_file_that_is_cut_off(tmp_path):
    path = tmp_path / "events.out.tfevents.1"
    whole = HEAD + event(1, simple("loss", 0.5)) + event(2, simple("loss", 0.25))
    for size in range(len(HEAD) + 1, len(whole)):
        path.write_bytes(whole[:size])
        assert [scalar.step for scalar in scalars(path)] == [1] * (size >= len(whole) // 2 + len(HEAD) // 2)


def test_other_files(tmp_path):
    path = tmp_path / "events.out.tfevents.1"
    path.write_bytes(b"")
    assert list(scalars(path)) == []
    for content in (b"step,return\n1,2\n3,4\n" * 9, record(b"\x0f\x00"), record(b"\x2a\x7f")):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"TensorBoard|cut off"):
            list(scalars(path))
