import numpy as np
import pytest

from experience_replay_optimizer import Batch, PrioritizedReplayBuffer

torch = pytest.importorskip("torch")

from experience_replay_optimizer.tensor_batch import as_tensors  # noqa: E402

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def buffer_of(states, **extras):
    buffer = PrioritizedReplayBuffer(10, seed=0)
    for number in range(10):
        buffer.add(states(number), number, float(number), states(number), number == 9, **extras)
    return buffer


def test_tensors_share_the_memory_of_the_arrays():
    sample = buffer_of(lambda number: np.full(3, number, np.float32)).sample(4)
    batch, weights, indices = as_tensors(sample)
    for name in ("states", "actions", "rewards", "next_states", "dones"):
        array, tensor = getattr(sample.batch, name), getattr(batch, name)
        assert tensor.data_ptr() == array.ctypes.data
        assert tensor.shape == array.shape
        assert torch.equal(tensor, torch.from_numpy(array))
    assert weights.data_ptr() == sample.weights.ctypes.data
    assert weights.dtype == torch.float32
    assert indices is sample.indices
    assert [row[1] for row in batch] == batch.actions.tolist()


def test_dict_observations_and_extra_columns():
    buffer = buffer_of(lambda number: {"a": {"b": np.full(2, number, np.uint8)}, "c": number}, discount=0.5)
    sample = buffer.sample(4)
    batch = as_tensors(sample.batch)
    assert isinstance(batch, Batch)
    assert batch.states["a"]["b"].data_ptr() == sample.batch.states["a"]["b"].ctypes.data
    assert batch.next_states["c"].tolist() == sample.batch.next_states["c"].tolist()
    assert batch["discount"].tolist() == [0.5] * 4


@pytest.mark.parametrize("device", DEVICES)
def test_tensors_on_a_device(device):
    sample = as_tensors(buffer_of(lambda number: number).sample(4), device)
    assert sample.batch.states.device.type == sample.weights.device.type == device
    again = as_tensors(sample, device)
    assert again.batch.states.data_ptr() == sample.batch.states.data_ptr()


@pytest.mark.parametrize("wrong", [[(1, 2)], None, (), ([(1, 2)], np.ones(1), np.zeros(1, int)), np.ones(3)])
def test_what_has_no_columns_is_refused(wrong):
    with pytest.raises(TypeError, match="as_tensors takes a Batch"):
        as_tensors(wrong)


def test_tensors_keep_their_memory_when_the_batch_is_let_go():
    buffer = buffer_of(lambda number: np.full(50_000, number, np.float32))
    states = as_tensors(buffer.sample(4)).batch.states
    before = states.clone()
    for _ in range(20):
        buffer.sample(4)
    assert torch.equal(states, before)
