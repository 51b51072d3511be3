import copy

import numpy as np
import pytest

from experience_replay_optimizer.storage.outputs import OutputPool

SHAPE = (64, 1024)
U1, F4 = np.dtype(np.uint8), np.dtype(np.float32)


def test_an_array_is_used_again_only_when_nothing_refers_to_it():
    pool = OutputPool()
    first = pool.empty(SHAPE, U1)
    view = first[3:5].view(np.int32)
    address = first.ctypes.data
    del first
    assert pool.empty(SHAPE, U1).ctypes.data != address
    del view
    addresses = [pool.empty(SHAPE, U1).ctypes.data for _ in range(2)]
    assert address in addresses


def test_arrays_in_use_are_all_different_and_the_pool_keeps_eight():
    pool = OutputPool()
    arrays = [pool.empty(SHAPE, F4) for _ in range(20)]
    for at, array in enumerate(arrays):
        array[...] = at
    assert all((array == at).all() for at, array in enumerate(arrays))
    assert len(pool._arrays) == 8


def test_other_shapes_and_dtypes_are_other_arrays():
    pool = OutputPool()
    first = pool.empty(SHAPE, U1).ctypes.data
    assert pool.empty((1024, 64), U1).shape == (1024, 64)
    assert pool.empty(SHAPE, F4).dtype == F4
    assert pool.empty(SHAPE, U1).ctypes.data == first


def test_what_the_caller_does_to_an_array_does_not_outlive_it():
    pool = OutputPool()
    array = pool.empty(SHAPE, U1)
    address = array.ctypes.data
    array.flags.writeable = False
    array.shape = (-1,)
    del array
    again = pool.empty(SHAPE, U1)
    assert again.ctypes.data == address
    again[...] = 1


def test_a_tensor_keeps_its_memory():
    torch = pytest.importorskip("torch")
    pool = OutputPool()
    tensor = torch.from_numpy(pool.empty(SHAPE, U1)).fill_(7)
    for _ in range(6):
        pool.empty(SHAPE, U1)[...] = 0
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
    pool.empty(SHAPE, U1)
    assert copy.deepcopy(pool)._arrays == []
