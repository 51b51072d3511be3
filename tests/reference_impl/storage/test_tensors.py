import json
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from experience_replay_optimizer.storage.tensors import TensorStorage, _holds  # noqa: E402

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
BIG = torch.tensor(2**63, dtype=torch.uint64)


@pytest.fixture(params=DEVICES)
def device(request):
    return request.param


def opened(device="cpu", capacity=8):
    storage = TensorStorage(device)
    storage.open(capacity, 0)
    return storage


def stored(*states, device="cpu"):
    storage = opened(device)
    for slot, state in enumerate(states):
        storage.write(slot, (state, 0, 0.0, state, False), {})
    return storage


@pytest.mark.parametrize(
    ("first", "then", "dtype"),
    [
        (1, 0.5, torch.float64),
        (1, np.float32(0.5), torch.float32),
        (2**40, np.float32(0.5), torch.float64),
        (np.float32(1), 0.1, torch.float32),
        (np.float32(1), 1e300, torch.float64),
        (np.float32(1), 1e-60, torch.float64),
        (np.float32(1), 2**24, torch.float32),
        (np.float32(1), 2**24 + 1, torch.float64),
        (np.float16(1), np.float32(1e6), torch.float32),
        (torch.tensor(1.0, dtype=torch.bfloat16), torch.tensor(70000.0), torch.bfloat16),
        (torch.tensor(1.0, dtype=torch.bfloat16), 257, torch.float64),
        (np.uint8(1), 255, torch.uint8),
        (np.uint8(1), 256, torch.int64),
        (np.uint8(1), -1, torch.int64),
        (np.uint8(1), np.int8(-1), torch.int16),
        (np.uint16(65535), np.int32(-1), torch.int32),
        (np.uint32(2**32 - 1), 1, torch.int64),
        (np.uint64(2**62), 1, torch.int64),
        (np.int32(1), 2.0, torch.int32),
        (np.int32(1), np.nan, torch.float64),
        (True, 1, torch.bool),
        (True, 2, torch.int64),
        (False, 1.0, torch.bool),
        (1.0, np.inf, torch.float64),
        (np.int64(1), np.float64(2**63), torch.float64),
    ],
)
def test_a_column_widens_rather_than_truncates(first, then, dtype, device):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        storage = stored(first, then, device=device)
    states = storage.gather(np.array([0, 1])).states
    assert states.dtype == dtype
    assert states[0].item() == first
    np.testing.assert_allclose(states[1].item(), float(then), rtol=1e-2 if dtype == torch.bfloat16 else 1e-6)


@pytest.mark.parametrize("run", [True, False])
def test_a_batch_widens_as_its_transitions_do(run):
    storage = opened()
    states = np.array([1, 2]), np.array([0.5, 2.0])
    for at, column in enumerate(states):
        rewards = storage.write_batch(np.arange(2) + 2 * at, (column, [0, 1], [3, at], column, [False, True]), {}, run)
        assert rewards.tolist() == [3.0, at]
    batch = storage.gather(np.arange(4))
    assert batch.states.tolist() == [1.0, 2.0, 0.5, 2.0]
    assert batch.states.dtype == torch.float64
    assert batch.dones.tolist() == [False, True, False, True]


@pytest.mark.parametrize(
    ("first", "then"), [(np.int64(2**60 + 1), 0.5), (0.1, 2**60 + 1), (1, np.uint64(2**63)), (1, BIG)]
)
def test_no_wider_dtype_is_refused_and_nothing_changes(first, then):
    storage = stored(first)
    with pytest.raises(ValueError, match=r"state: no dtype holds both|state has values beyond int64"):
        storage.write(1, (then, 0, 0.0, then, False), {})
    assert storage.row(0)[0] == first
    assert storage.state()[0]["filled"] == 1


numbers = st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, width=64), st.booleans())
dtypes = st.sampled_from(
    [torch.bool, torch.int8, torch.uint8, torch.int32, torch.int64, torch.float16, torch.float32, torch.float64]
)


@given(numbers, dtypes)
@settings(deadline=None)
def test_what_a_dtype_holds_comes_back(number, dtype):
    value = torch.tensor(number, dtype=torch.float64 if isinstance(number, float) else None)
    if _holds(value, dtype):
        back = value.to(dtype).item()
        if dtype.is_floating_point and value.is_floating_point():
            assert back == pytest.approx(number, rel=1e-2, abs=1e-7)
        else:
            assert back == number


def test_rewards_are_float32_and_flags_bool():
    storage = opened()
    assert storage.write(0, (np.zeros(3), 1, 0, np.ones(3), 1), {}) == 0.0
    assert storage.write(1, (np.zeros(3), 1, [0.5], np.ones(3), np.array([False])), {}) == 0.5
    batch = storage.gather(np.array([0, 1]))
    assert batch.rewards.dtype == torch.float32
    assert batch.rewards.tolist() == [0.0, 0.5]
    assert batch.dones.dtype == torch.bool
    assert batch.dones.tolist() == [True, False]
    assert batch.next_states.shape == (2, 3)
    storage.write(2, (np.zeros(3), 1, 1e60, np.ones(3), 1), {})
    assert storage.gather(np.array([1, 2])).rewards.tolist() == [0.5, 1e60]


def test_a_first_reward_that_float32_cannot_hold():
    storage = opened()
    storage.write(0, (0, 0, 1e60, 0, False), {})
    storage.write(1, (0, 0, 0.5, 0, False), {})
    assert storage.gather(np.array([0, 1])).rewards.tolist() == [1e60, 0.5]


@pytest.mark.parametrize(
    ("transition", "error", "message"),
    [
        ((None, 0, 0.0, 1, False), TypeError, "state must be numbers, not NoneType"),
        ((0, {"a": 1}, 0.0, 0, False), TypeError, "action must be numbers, not a dict"),
        ((0, 0, 0.0, {}, False), ValueError, "next_state is an empty dict"),
        (({1: 2}, 0, 0.0, 0, False), TypeError, "keys must be strings"),
        ((0, "left", 0.0, 1, False), TypeError, "action must be numbers"),
        ((2**70, 0, 0.0, 1, False), TypeError, "state must be numbers"),
        ((torch.tensor(1j), 0, 0.0, 1, False), TypeError, "state must be real numbers"),
        (([[1, 2], [3]], 0, 0.0, 1, False), ValueError, "rectangular"),
        ((0, 0, np.nan, 1, False), ValueError, "reward must be finite"),
        ((0, 0, torch.tensor(torch.inf), 1, False), ValueError, "reward must be finite"),
        ((0, 0, [1.0, 2.0], 1, False), ValueError, "one number"),
        ((0, 0, 0.0, 1, 0.5), ValueError, "flag"),
        ((0, 0, 0.0, 1, np.nan), ValueError, "flag"),
        ((np.zeros(4), 0, 0.0, 0, False), ValueError, r"state has shape \(4,\), and the buffer holds \(\)"),
        ((0, [0, 1], 0.0, 0, False), ValueError, "action has shape"),
        (({"a": 0}, 0, 0.0, 0, False), ValueError, "the columns are those of the first transition"),
    ],
)
def test_refused_transitions_change_nothing(transition, error, message, device):
    storage = stored(7, device=device)
    with pytest.raises(error, match=message):
        storage.write(1, transition, {})
    assert storage.row(0) == (7, 0, 0.0, 7, False)
    assert storage.state()[0]["filled"] == 1


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (([1, 2, 3], [0, 0], [0.0, 0.0], [1, 2], [0, 0]), r"state must have 2 rows, not the shape \(3,\)"),
        ((5, [0, 0], [0.0, 0.0], [1, 2], [0, 0]), r"state must have 2 rows, not the shape \(\)"),
        (([1, 2], [0, 0], [0.0], [1, 2], [0, 0]), "one number a transition"),
        (([1, 2], [0, 0], [[0.0, 0.0]], [1, 2], [0, 0]), "one number a transition"),
        (([1, 2], [0, 0], [0.0, np.nan], [1, 2], [0, 0]), "finite"),
        (([1, 2], [0, 0], [0.0, 0.0], [1, 2], [0, 2]), "flag"),
    ],
)
def test_refused_batches_change_nothing(columns, message):
    storage = opened()
    with pytest.raises(ValueError, match=message):
        storage.write_batch(np.arange(2), columns, {})
    assert storage.state()[0]["filled"] == 0
    storage.write(0, (np.zeros(5), 0, 0.0, np.zeros(5), False), {})
    assert storage.row(0)[0].shape == (5,)


def test_dict_observations_and_extra_columns(device):
    storage = opened(device)
    state = {"image": np.zeros((2, 2), np.uint8), "pose": {"xy": np.array([0.5, 1.0], np.float32), "yaw": 2.0}}
    storage.write(0, (state, 3, 1.0, state, True), {"discount": 0.97})
    image, pose = np.ones((2, 2, 2), np.uint8), {"xy": torch.ones(2, 2), "yaw": [3.0, 4.0]}
    rows = {"image": image, "pose": pose}
    storage.write_batch(np.array([1, 2]), (rows, [4, 5], [2.0, 3.0], rows, [0, 0]), {"discount": [0.9, 0.8]})
    batch = storage.gather(np.array([2, 0]))
    assert batch.states["image"].dtype == torch.uint8
    assert batch.states["image"].device == storage.device
    assert batch.states["pose"]["xy"].tolist() == [[1.0, 1.0], [0.5, 1.0]]
    assert batch.next_states["pose"]["yaw"].tolist() == [4.0, 2.0]
    assert batch["discount"].tolist() == pytest.approx([0.8, 0.97])
    assert batch.actions.tolist() == [5, 3]
    with pytest.raises(ValueError, match=r"extras/discount.*, not \['action', 'done'"):
        storage.write(3, (state, 3, 1.0, state, True), {})
    with pytest.raises(ValueError, match="extras/discount must have 2 rows"):
        storage.write_batch(np.array([1, 2]), (rows, [4, 5], [2.0, 3.0], rows, [0, 0]), {"discount": 0.9})


def test_arrays_that_torch_cannot_share():
    frozen = np.arange(3.0)
    frozen.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        storage = stored(frozen, np.arange(3.0)[::-1], np.arange(3.0, dtype=">f8"))
    assert storage.gather(np.arange(3)).states.tolist() == [[0.0, 1.0, 2.0], [2.0, 1.0, 0.0], [0.0, 1.0, 2.0]]


def test_no_gradient_is_kept_alive():
    storage = stored(torch.ones(2, requires_grad=True) * 2)
    assert not storage.row(0)[0].requires_grad


def test_rows_and_batches_share_no_memory_with_the_storage():
    source = torch.zeros(3)
    storage = stored(source)
    source[:] = 7
    storage.row(0)[0][:] = 7
    storage.gather(np.array([0])).states[:] = 7
    assert storage.row(0)[0].tolist() == [0.0] * 3


def test_clear_decides_anew():
    storage = stored(np.zeros(3))
    storage.clear()
    storage.write(0, (1, 0, 0.0, 1, False), {})
    assert storage.row(0)[0] == 1


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.uint8])
def test_what_is_saved_is_restored(dtype, device):
    storage = stored({"a": torch.ones(2, dtype=dtype)}, {"a": torch.tensor([3, 5], dtype=dtype)}, device=device)
    meta, arrays = storage.state()
    copy = opened()
    copy.restore(json.loads(json.dumps(meta)), arrays)
    batch = copy.gather(np.array([1, 0]))
    assert batch.states["a"].tolist() == [[3, 5], [1, 1]]
    assert batch.states["a"].dtype == dtype
    copy.write(2, ({"a": torch.zeros(2)}, 0, 0.0, {"a": torch.zeros(2)}, True), {})
    assert copy.row(2)[4] is True
    assert copy.state()[0]["filled"] == 3


def test_one_storage_belongs_to_one_buffer():
    with pytest.raises(ValueError, match="another buffer"):
        opened().open(4, 0)
