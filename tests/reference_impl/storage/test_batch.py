from collections import namedtuple

import numpy as np
import pytest

from experience_replay_optimizer import Batch


def batch():
    return Batch(np.arange(6.0).reshape(3, 2), np.arange(3), np.ones(3, np.float32), np.ones((3, 2)), np.arange(3) > 1)


def test_rows_are_five_tuples_of_arrays_and_python_numbers():
    state, action, reward, next_state, done = batch()[2]
    assert state.tolist() == [4.0, 5.0]
    assert (action, reward, done) == (2, 1.0, True)
    assert [type(value) for value in (action, reward, done)] == [int, float, bool]
    assert next_state.shape == (2,)


def test_a_batch_is_a_sequence_of_transitions():
    transition = namedtuple("transition", "state action reward next_state done")
    rows = batch()
    assert len(rows) == len(list(rows)) == 3
    assert [row[1] for row in rows[1:]] == [1, 2]
    assert rows[-1][1] == 2
    assert transition(*zip(*rows, strict=True)).action == (0, 1, 2)
    assert np.array([row[0] for row in rows]).shape == (3, 2)
    with pytest.raises(IndexError):
        rows[3]


def test_rows_convert_to_tensors():
    torch = pytest.importorskip("torch")
    for at in (1, 2, 4):
        assert torch.FloatTensor([row[at] for row in batch()]).shape == (3,)
