import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experience_replay_optimizer import LinearSchedule, PrioritizedReplayBuffer

torch = pytest.importorskip("torch")

from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from experience_replay_optimizer.tensor_buffer import TensorReplayBuffer  # noqa: E402

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.fixture(params=DEVICES)
def device(request):
    return request.param


def filled(count, capacity=10, **options):
    buffer = TensorReplayBuffer(capacity, **{"seed": 0, **options})
    for number in range(count):
        buffer.add(torch.full((2,), float(number)), number % 3, float(number), torch.zeros(2), number % 5 == 4)
    return buffer


def test_tensors_go_in_and_come_out(device):
    buffer = filled(8, device=device)
    batch, weights, indices = buffer.sample(6)
    for tensor in (batch.states, batch.actions, batch.rewards, batch.next_states, batch.dones, weights, indices):
        assert tensor.device == buffer.device
        assert tensor.shape[0] == 6
    assert (weights.dtype, indices.dtype, batch.rewards.dtype) == (torch.float32, torch.int64, torch.float32)
    numbers = indices.tolist()
    assert batch.states.tolist() == [[number, number] for number in numbers]
    assert batch.actions.tolist() == [number % 3 for number in numbers]
    assert batch.rewards.tolist() == numbers
    assert batch.dones.tolist() == [number % 5 == 4 for number in numbers]
    assert [row[2] for row in batch] == numbers
    buffer.update_priorities(indices, batch.rewards)
    assert buffer.max_priority == pytest.approx(max(*numbers, 1) + 1e-6)
    assert repr(buffer).startswith("TensorReplayBuffer(8 of 10, alpha=0.6, beta=0.401")


steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 10)),
        st.tuples(st.just("one"), st.none()),
        st.tuples(st.just("update"), st.lists(st.tuples(st.integers(0, 400), st.floats(-9, 9)), min_size=1)),
        st.tuples(st.just("clear"), st.none()),
    ),
    max_size=20,
)


@given(steps)
@settings(deadline=None, max_examples=80)
def test_it_agrees_with_a_plain_model(steps):
    buffer = TensorReplayBuffer(10, alpha=0.7, seed=0)
    model = {}  # slot -> [handle, reward, priority]
    handle, stale, highest, time = 0, 0, 1.0, 0
    for kind, value in steps:
        if kind in ("add", "one"):
            count = 1 if kind == "one" else value
            rewards = np.arange(time, time + count, dtype=np.float32)
            if kind == "one":
                buffer.add(rewards[0], 0, rewards[0], rewards[0], False, discount=0.9)
            else:
                buffer.add_batch(
                    rewards, np.zeros(count, int), rewards, rewards, rewards < 0, discount=np.full(count, 0.9)
                )
            for reward in rewards.tolist():
                model[handle % 10] = [handle, reward, highest]
                handle, time = handle + 1, time + 1
        elif kind == "clear":
            buffer.clear()
            model, handle, highest = {}, -(-handle // 10) * 10, 1.0
        elif handle:
            pairs = [(number % handle, error) for number, error in value]
            buffer.update_priorities([number for number, _ in pairs], [error for _, error in pairs])
            for number, error in pairs:
                if model.get(number % 10, [None])[0] == number:
                    model[number % 10][2] = abs(error) + 1e-6
                    highest = max(highest, abs(error) + 1e-6)
                else:
                    stale += 1
        assert len(buffer) == len(model)
        assert buffer.stale_updates == stale
    leaves = np.zeros(10)
    for slot, (_, _, priority) in model.items():
        leaves[slot] = priority**0.7
    if model:
        np.testing.assert_allclose(
            buffer.sampler.probabilities(np.arange(10)).numpy(), leaves / leaves.sum(), rtol=1e-9
        )
        batch, _, indices = buffer.sample(len(model))
        for index, reward, slot in zip(indices.tolist(), batch.rewards.tolist(), buffer.slots(indices), strict=True):
            assert model[int(slot)][:2] == [index, reward]
        assert batch["discount"].tolist() == [0.9] * len(model)


def test_stale_handles_are_ignored_and_counted(device):
    buffer = filled(10, device=device)
    _, _, indices = buffer.sample(5)
    for number in range(10, 18):
        buffer.add(torch.zeros(2), 0, float(number), torch.zeros(2), False)
    before = buffer.sampler.probabilities(np.arange(10)).tolist()
    buffer.update_priorities(torch.tensor([0, 7, 3]), torch.tensor([50.0, 60.0, torch.nan]))
    assert buffer.stale_updates == 3
    assert buffer.sampler.probabilities(np.arange(10)).tolist() == before
    buffer.update_priorities([8, 17], [5.0, 6.0])
    assert buffer.stale_updates == 3
    assert buffer.max_priority == pytest.approx(6.0)
    buffer.clear()
    assert len(buffer) == 0
    buffer.add(1, 0, 0.0, 1, False)
    buffer.update_priorities([8], [70.0])
    assert buffer.stale_updates == 4
    assert buffer.sample(1).indices.tolist() == [20]
    assert indices.shape == (5,)


def test_weights_are_those_of_the_numpy_buffer():
    ours = filled(10, normalise="buffer", beta=0.7)
    theirs = PrioritizedReplayBuffer(10, beta=0.7, rare_fraction=0, normalise="buffer", seed=0)
    for number in range(10):
        theirs.add(np.zeros(2), 0, float(number), np.zeros(2), False)
    errors = np.linspace(0.1, 3.0, 10)
    for buffer in (ours, theirs):
        buffer.update_priorities(np.arange(10), errors)
    (_, one, index), (_, other, index_too) = ours.sample(10, beta=0.7), theirs.sample(10, beta=0.7)
    one, other = dict(zip(index.tolist(), one.tolist(), strict=True)), dict(zip(index_too, other, strict=True))
    shared = set(one) & set(other)
    assert shared
    np.testing.assert_allclose([one[at] for at in shared], [other[at] for at in shared], rtol=1e-6)


@pytest.mark.parametrize(
    ("indices", "errors", "error", "message"),
    [
        (torch.tensor([0, 5]), [1.0, 1.0], ValueError, "index 5 was never returned"),
        (torch.tensor([0, -1]), [1.0, 1.0], ValueError, "index -1 was never returned"),
        ([0, -1], [1.0, 1.0], ValueError, "negative"),
        (torch.tensor([0, 1]), torch.tensor([1.0, torch.nan]), ValueError, "not finite"),
        (torch.tensor([0, 1]), [1.0], ValueError, "1 values, expected 2"),
        (torch.tensor([0.0, 1.0]), [1.0, 1.0], TypeError, "integers"),
        (torch.tensor([[0, 1]]), [1.0, 1.0], ValueError, "shape"),
    ],
)
def test_refused_updates_change_nothing(indices, errors, error, message, device):
    buffer = filled(5, device=device)
    before = buffer.sampler.probabilities(np.arange(10)).tolist()
    with pytest.raises(error, match=message):
        buffer.update_priorities(indices, errors)
    assert buffer.sampler.probabilities(np.arange(10)).tolist() == before
    assert buffer.stale_updates == 0


def test_refused_transitions_change_nothing(device):
    buffer = filled(5, device=device)
    state = torch.zeros(2)
    for transition, message in [
        ((torch.zeros(3), 0, 0.0, state, False), "state has shape"),
        ((state, 0, torch.nan, state, False), "finite"),
        ((state, 0, 0.0, state, 2), "flag"),
    ]:
        with pytest.raises(ValueError, match=message):
            buffer.add(*transition)
    with pytest.raises(ValueError, match="11 transitions at once"):
        buffer.add_batch(*[torch.zeros(11)] * 5)
    with pytest.raises(ValueError, match="action must have 3 rows"):
        buffer.add_batch(torch.zeros(3, 2), torch.zeros(2), torch.zeros(3), torch.zeros(3, 2), torch.zeros(3))
    assert len(buffer) == 5
    assert set(torch.cat([buffer.sample(5)[2] for _ in range(40)]).tolist()) == set(range(5))


def test_batch_sizes():
    buffer = filled(5)
    with pytest.raises(ValueError, match="batch_size is 6, and the buffer holds only 5"):
        buffer.sample(6)
    with pytest.raises(TypeError, match="batch_size"):
        buffer.sample(2.0)
    with pytest.raises(ValueError, match="holds only 0"):
        TensorReplayBuffer(4).sample(1)


def test_beta():
    buffer = filled(5, beta=LinearSchedule(0.4, 1.0, 2))
    buffer.sample(2)
    assert buffer.beta == pytest.approx(0.7)
    buffer.beta = 0.5
    assert (buffer.beta, buffer.alpha, buffer.epsilon) == (0.5, 0.6, 1e-6)


def trained(capacity=10, **options):
    buffer = filled(13, capacity, beta=LinearSchedule(0.4, 1.0, 50), **options)
    for _ in range(3):
        _, _, indices = buffer.sample(6)
        buffer.update_priorities(indices, torch.rand(6, generator=torch.Generator().manual_seed(3)) * 9)
    buffer.update_priorities([0, 12], [1.0, 2.0])
    return buffer


def same(one, other):
    for _ in range(3):
        (batch, weights, indices), (batch_too, weights_too, indices_too) = one.sample(8), other.sample(8)
        assert torch.equal(indices, indices_too)
        assert torch.equal(weights, weights_too)
        assert torch.equal(batch.states, batch_too.states)
        for buffer in (one, other):
            buffer.update_priorities(indices, weights * 3)
            buffer.add(torch.ones(2), 1, 2.0, torch.ones(2), True)
    assert (len(one), one.beta, one.max_priority) == (len(other), other.beta, other.max_priority)
    assert one.stale_updates == other.stale_updates > 0


@pytest.mark.parametrize("normalise", ["batch", "buffer"])
def test_what_is_saved_is_restored_exactly(tmp_path, device, normalise):
    buffer = trained(device=device, normalise=normalise)
    buffer.save(tmp_path / "buffer")
    other = filled(2, device=device, normalise=normalise, seed=9)
    other.load(tmp_path / "buffer")
    same(buffer, other)


def test_an_empty_buffer_is_saved_too(tmp_path):
    TensorReplayBuffer(4).save(tmp_path / "buffer")
    other = filled(3, 4)
    other.load(tmp_path / "buffer")
    assert len(other) == 0
    other.add(1, 0, 0.0, 1, False)
    assert other.sample(1).indices.tolist() == [0]


def test_files_of_other_buffers_are_refused(tmp_path):
    filled(3, 8).save(tmp_path / "buffer")
    buffer = filled(3)
    with pytest.raises(ValueError, match="capacity"):
        buffer.load(tmp_path / "buffer")
    assert len(buffer) == 3


def test_copies_go_on_alike():
    for copied in (copy.deepcopy(trained()), pickle.loads(pickle.dumps(trained()))):
        same(trained(), copied)


def test_without_checks_bad_rows_are_left_out(device):
    buffer = filled(5, device=device)
    buffer.sampler.check = False
    buffer.update_priorities(torch.tensor([0, 1, 77, -3]), torch.tensor([2.0, torch.nan, 9.0, 9.0]))
    assert buffer.max_priority == pytest.approx(2.0)
    assert buffer.sampler.dropped == 1
    assert buffer.stale_updates == 0


class NoWaiting(TorchDispatchMode):
    """Refuses operations whose result must be known on the host: on CUDA they would wait for the device."""

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        name = operation._schema.name
        masks = args[1] if name in ("aten::index", "aten::index_put_") else ()
        if name in ("aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select", "aten::unique_dim") or any(
            mask is not None and mask.dtype == torch.bool for mask in masks
        ):
            raise AssertionError(f"{name} waits for the device")
        return operation(*args, **(kwargs or {}))


def steps_of(buffer, device):
    states = torch.rand(64, 4, device=device)
    rewards, dones = torch.rand(64, device=device), torch.zeros(64, dtype=torch.bool, device=device)
    actions = torch.zeros(64, dtype=torch.int64, device=device)
    for _ in range(3):
        buffer.add_batch({"x": states}, actions, rewards, {"x": states}, dones, discount=rewards)
        batch, weights, indices = buffer.sample(32)
        buffer.update_priorities(indices, batch.rewards * weights)
        yield


def test_nothing_waits_for_the_device(device):
    buffer = TensorReplayBuffer(100, device=device, check=False)
    buffer.sampler.check = False
    steps = steps_of(buffer, device)
    next(steps)
    with NoWaiting():
        assert len(list(steps)) == 2
    buffer.sampler.check = True
    with NoWaiting(), pytest.raises(AssertionError, match="waits"):
        next(steps_of(buffer, device))


@pytest.mark.skipif("cuda" not in DEVICES, reason="asks CUDA whether something waited")
def test_cuda_says_so_too():
    steps = steps_of(TensorReplayBuffer(100, device="cuda", check=False), "cuda")
    next(steps)
    torch.cuda.set_sync_debug_mode("error")
    try:
        assert len(list(steps)) == 2
    finally:
        torch.cuda.set_sync_debug_mode("default")
