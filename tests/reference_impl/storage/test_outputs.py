import copy

import numpy as np
import pytest

from experience_replay_optimizer.storage.outputs import OutputPool

SHAPE = (64, 1024)


def test_an_array_is_used_again_only_when_nothing_refers_to_it():
    pool = OutputPool()
    first = pool.empty(SHAPE, np.uint8)
    view = first[3:5].view(np.int32)
    address = first.ctypes.data
    del first
    assert pool.empty(SHAPE, np.uint8).ctypes.data != address
    del view
    addresses = [pool.empty(SHAPE, np.uint8).ctypes.data for _ in range(2)]
    assert address in addresses


def test_arrays_in_use_are_all_different_and_the_pool_keeps_four():
    pool = OutputPool()
    arrays = [pool.empty(SHAPE, np.float32) for _ in range(10)]
    for at, array in enumerate(arrays):
        array[...] = at
    assert all((array == at).all() for at, array in enumerate(arrays))
    assert len(pool._owners) == 4


def test_other_shapes_and_dtypes_share_memory_in_turn():
    pool = OutputPool()
    address = pool.empty((32, 8, 1024), np.uint8).ctypes.data
    again = pool.empty((1024, 40), np.float32)
    assert again.ctypes.data == address
    assert (again.shape, again.dtype) == ((1024, 40), np.float32)
    assert pool.empty((100, 100), np.float64).ctypes.data != address


def test_a_tensor_keeps_its_memory():
    torch = pytest.importorskip("torch")
    pool = OutputPool()
    tensor = torch.from_numpy(pool.empty(SHAPE, np.uint8)).fill_(7)
    for _ in range(6):
        pool.empty(SHAPE, np.uint8)[...] = 0
    assert (tensor == 7).all()


def test_take():
    pool = OutputPool()
    column = np.arange(5000).reshape(100, 50)
    rows = np.array([[3, 99], [0, 3]], np.int32)
    np.testing.assert_array_equal(pool.take(column, rows), column[rows])
    many = np.arange(4000) % 100
    np.testing.assert_array_equal(pool.take(column, many), column[many])


def test_a_copy_starts_empty():
    pool = OutputPool()
    pool.empty(SHAPE, np.uint8)
    assert copy.deepcopy(pool)._owners == []
