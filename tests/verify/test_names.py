from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from per_audit.verify.child.names import returned_names


class Buffer:
    def named(self, rows, weights, idx, probs):
        return rows, np.array(weights, dtype=np.float32), self.idx, probs[idx].tolist()

    def differing(self, rows, weights, probs):
        if rows:
            return rows, weights
        return rows, probs

    def starred(self, rows, weights):
        return (*rows, weights)

    def computed(self, rows, p):
        return rows, p**0.5

    def empty(self, rows, probs):
        if not rows:
            return [], []
        return rows, probs

    def none(self, rows):
        return rows


def names(method):
    return returned_names(SimpleNamespace(cls=Buffer, draw_name=method))


def test_an_item_is_called_what_it_is_called_in_the_return():
    assert names("named") == {0: "rows", 1: "weights", 2: "idx", 3: "probs"}


def test_what_is_not_certain_has_no_name():
    assert names("differing") == {0: "rows"}
    assert names("starred") == {}
    assert names("computed") == {0: "rows"}
    assert names("none") == {}
    assert names("empty") == {0: "rows", 1: "probs"}


def test_without_readable_source_there_are_no_names():
    assert returned_names(SimpleNamespace(cls=dict, draw_name="items")) == {}
