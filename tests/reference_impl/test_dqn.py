import math
import re
import subprocess
import sys
from collections import Counter, deque

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experience_replay_optimizer.dqn import Experience, PrioritizedReplayBuffer, ReplayBuffer, SumTree

KINDS = [ReplayBuffer, PrioritizedReplayBuffer]


def push(buffer, step, **options):
    buffer.push(np.full(3, step), step % 7, step / 2, np.full(3, step + 1), step % 5 == 4, **options)


def filled(kind, count=10, capacity=10, **options):
    buffer = kind(capacity, **{"seed": 0, **options})
    for step in range(count):
        push(buffer, step)
    return buffer


def steps_of(states):
    return states[:, 0].astype(int).tolist()


def counts_of(buffer, batches, batch_size):
    return np.bincount(np.concatenate([steps_of(buffer.sample(batch_size)[0]) for _ in range(batches)]), minlength=10)


VALIDATION = """
from experience_replay_optimizer.dqn import ReplayBuffer, PrioritizedReplayBuffer
import numpy as np

# Test basic buffer
buffer = ReplayBuffer(capacity=1000, seed=42)
for i in range(100):
    state = np.random.randn(60).astype(np.float32)
    next_state = np.random.randn(60).astype(np.float32)
    buffer.push(state, action=i % 7, reward=np.random.randn(),
                next_state=next_state, done=False)

print(f"Buffer size: {len(buffer)}")
print(f"Ready for batch of 32: {buffer.is_ready(32)}")

states, actions, rewards, next_states, dones = buffer.sample(32)
print(f"Batch shapes: states={states.shape}, actions={actions.shape}")

# Test prioritized buffer
pbuffer = PrioritizedReplayBuffer(capacity=1000)
for i in range(100):
    state = np.random.randn(60).astype(np.float32)
    next_state = np.random.randn(60).astype(np.float32)
    pbuffer.push(state, action=i % 7, reward=np.random.randn(),
                 next_state=next_state, done=False)

states, actions, rewards, next_states, dones, weights, indices = pbuffer.sample(32)
print(f"Weights shape: {weights.shape}")
print(f"Indices: {indices[:5]}")

# Update priorities
new_priorities = np.abs(np.random.randn(32)) + 0.01
pbuffer.update_priorities(indices, new_priorities)
"""


def test_the_users_validation_code():
    done = subprocess.run([sys.executable, "-W", "error", "-c", VALIDATION], check=True, capture_output=True, text=True)
    *lines, indices = done.stdout.splitlines()
    assert lines == [
        "Buffer size: 100",
        "Ready for batch of 32: True",
        "Batch shapes: states=(32, 60), actions=(32,)",
        "Weights shape: (32,)",
    ]
    assert re.fullmatch(r"Indices: \[( *\d+){5}\]", indices)


# --- 1. basic operations


@pytest.mark.parametrize("kind", KINDS)
def test_push_sample_and_len(kind):
    buffer = filled(kind, 8)
    assert len(buffer) == 8
    states, actions, rewards, next_states, dones = buffer.sample(8)[:5]
    steps = np.array(steps_of(states))
    assert (next_states == states + 1).all()
    assert actions.tolist() == (steps % 7).tolist()
    assert rewards.tolist() == (steps / 2).tolist()
    assert dones.tolist() == (steps % 5 == 4).tolist()


def test_experience_has_the_five_fields():
    assert Experience._fields == ("state", "action", "reward", "next_state", "done")


@pytest.mark.parametrize("kind", KINDS)
def test_a_buffer_is_a_sequence_of_experiences(kind):
    buffer = filled(kind, 13)
    assert [experience.state[0] for experience in buffer] == list(range(3, 13))
    newest = buffer[-1]
    assert isinstance(newest, Experience)
    assert (newest.action, newest.reward, newest.done) == (5, 6.0, False)
    assert newest.next_state.tolist() == [13.0] * 3


# --- 2. dtypes


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cast", [np.float64, np.float32, np.float16, np.int64, np.uint8, list])
def test_dtypes_are_the_same_whatever_was_pushed(kind, cast):
    buffer = kind(10)
    for step in range(3):
        state = [step, 2] if cast is list else np.array([step, 2], cast)
        buffer.push(state, np.int32(step), step, state, step == 2)
    buffer.push(np.array([3.0, 2.0]), 3.0, np.float64(0.5), np.array([3, 2]), np.float64(1.0))
    states, actions, rewards, next_states, dones, *rest = buffer.sample(4)
    assert [array.dtype.name for array in (states, actions, rewards, next_states, dones)] == [
        "float32",
        "int64",
        "float32",
        "float32",
        "float32",
    ]
    assert set(dones.tolist()) <= {0.0, 1.0}
    assert [array.dtype.name for array in rest] == ["float32", "int64"][: len(rest)]


# --- 3. FIFO


@pytest.mark.parametrize("kind", KINDS)
def test_the_oldest_gives_way(kind):
    buffer = filled(kind, 15)
    assert len(buffer) == 10
    assert sorted(set(steps_of(np.concatenate([buffer.sample(10)[0] for _ in range(60)])))) == list(range(5, 15))


@given(st.integers(1, 12), st.lists(st.sampled_from(["push", "push", "push", "sample", "clear"]), max_size=60))
def test_a_buffer_holds_what_a_bounded_deque_would(capacity, operations):
    for kind in KINDS:
        buffer, model = kind(capacity, seed=0), deque(maxlen=capacity)
        for step, operation in enumerate(operations):
            if operation == "push":
                push(buffer, step)
                model.append(step)
            elif operation == "clear":
                buffer.clear()
                model.clear()
            elif model:
                drawn = steps_of(buffer.sample(len(model))[0])
                assert set(drawn) <= set(model)
                assert kind is PrioritizedReplayBuffer or sorted(drawn) == list(model)
        assert [int(experience.state[0]) for experience in buffer] == list(model)


# --- 4. save and load


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["temp_buffer.pkl", "buffer.npz", "buffer"])
def test_what_was_saved_goes_on_as_if_nothing_had_happened(kind, name, tmp_path):
    buffer = filled(kind, 13)
    if kind is PrioritizedReplayBuffer:
        buffer.update_priorities(buffer.sample(5)[6], np.linspace(0.1, 3.0, 5))
    path = tmp_path / name
    buffer.save(str(path))
    assert [file.name for file in tmp_path.iterdir()] == [name]
    loaded = kind(10, seed=99)
    push(loaded, 50)
    loaded.load(path)
    assert len(loaded) == 10
    for _ in range(2):
        for _ in range(5):
            mine, theirs = loaded.sample(4), buffer.sample(4)
            for array, other in zip(mine, theirs, strict=True):
                assert array.tolist() == other.tolist()
        push(buffer, 14)
        push(loaded, 14)
    assert [experience.state.tolist() for experience in loaded] == [experience.state.tolist() for experience in buffer]


def test_the_schedule_is_saved_too(tmp_path):
    buffer = filled(PrioritizedReplayBuffer, beta_start=0.2, beta_end=0.8, beta_frames=10)
    for _ in range(5):
        buffer.sample(2)
    buffer.save(tmp_path / "buffer.pkl")
    loaded = PrioritizedReplayBuffer(10)
    loaded.load(tmp_path / "buffer.pkl")
    assert (loaded.beta, loaded.beta_start, loaded.beta_end, loaded.beta_frames) == (buffer.beta, 0.2, 0.8, 10)


def test_files_that_do_not_fit_are_refused_and_nothing_changes(tmp_path):
    path = tmp_path / "temp_pbuffer.pkl"
    filled(PrioritizedReplayBuffer).save(path)
    assert b"pickle" not in path.read_bytes()
    for other in (
        filled(ReplayBuffer, 3),
        filled(PrioritizedReplayBuffer, 3, 20),
        filled(PrioritizedReplayBuffer, 3, 10, alpha=1),
    ):
        with pytest.raises(ValueError, match="was saved with"):
            other.load(path)
        assert [experience.state[0] for experience in other] == [0, 1, 2]
    path.write_bytes(b"no buffer")
    buffer = filled(ReplayBuffer, 3)
    with pytest.raises(ValueError, match="is no buffer"):
        buffer.load(path)
    with pytest.raises(FileNotFoundError):
        buffer.load(tmp_path / "missing")
    with pytest.raises(FileNotFoundError):
        buffer.save(tmp_path / "missing" / "buffer")
    assert len(buffer) == 3


# --- 5. and 6. prioritised draws, updates, beta


def test_updates_set_the_priorities():
    buffer = filled(PrioritizedReplayBuffer, alpha=1.0, epsilon=1e-3)
    indices = np.arange(10)
    buffer.update_priorities(indices, np.where(indices < 2, 9.999, -0.999))
    assert buffer.max_priority == pytest.approx(10.0)
    counts = counts_of(buffer, 2000, 5)
    # Two of priority 10 and eight of 1: P = 10/28 and 1/28.
    assert counts[:2] / 10_000 == pytest.approx(np.full(2, 10 / 28), abs=0.025)
    assert counts[2:] / 10_000 == pytest.approx(np.full(8, 1 / 28), abs=0.01)


def test_updates_of_experiences_that_are_gone_are_passed_over():
    buffer = filled(PrioritizedReplayBuffer, alpha=1.0)
    indices = buffer.sample(10)[6]
    for step in range(10, 20):
        push(buffer, step)
    buffer.update_priorities(indices, np.full(10, 1e6))
    assert buffer.max_priority == 1.0


def test_beta_goes_from_start_to_end_over_the_frames():
    buffer = filled(PrioritizedReplayBuffer, beta_start=0.4, beta_end=1.0, beta_frames=100_000)
    assert (buffer.beta, buffer.beta_start, buffer.beta_end, buffer.beta_frames) == (0.4, 0.4, 1.0, 100_000)
    for _ in range(11):
        buffer.sample(2)
    assert buffer.beta == pytest.approx(0.4 + 0.6 * 11 / 100_000, abs=1e-12)
    short = filled(PrioritizedReplayBuffer, beta_start=0.5, beta_end=0.9, beta_frames=4)
    seen = []
    for _ in range(6):
        seen.append(short.beta)
        short.sample(1)
    assert seen == pytest.approx([0.5, 0.6, 0.7, 0.8, 0.9, 0.9])


# --- 7. edge cases


@pytest.mark.parametrize("kind", [*KINDS, SumTree])
@pytest.mark.parametrize(("capacity", "error"), [(0, ValueError), (-1, ValueError), (2.0, TypeError), ("3", TypeError)])
def test_capacity_is_a_positive_int(kind, capacity, error):
    with pytest.raises(error, match="capacity must be"):
        kind(capacity)


@pytest.mark.parametrize("kind", KINDS)
def test_more_than_is_stored_cannot_be_drawn(kind):
    buffer = kind(20)
    for step in range(10):
        push(buffer, step)
    assert buffer.is_ready(5) is buffer.is_ready(10) is True
    assert buffer.is_ready(20) is buffer.is_ready(11) is False
    with pytest.raises(ValueError, match="batch_size is 11, and the buffer holds only 10"):
        buffer.sample(11)
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        buffer.sample(0)
    with pytest.raises(TypeError, match="batch_size must be an int"):
        buffer.is_ready(2.5)


@pytest.mark.parametrize("kind", KINDS)
def test_clear_empties_and_the_buffer_goes_on(kind):
    buffer = filled(kind)
    buffer.clear()
    assert len(buffer) == 0
    assert not buffer.is_ready(1)
    push(buffer, 3)
    assert steps_of(buffer.sample(1)[0]) == [3]


@pytest.mark.parametrize(
    ("name", "value"),
    [("alpha", -0.1), ("beta_start", 1.1), ("beta_end", -0.1), ("beta_frames", 0), ("epsilon", 0.0)],
)
def test_parameters_have_ranges(name, value):
    with pytest.raises(ValueError, match=name):
        PrioritizedReplayBuffer(10, **{name: value})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("field", "value", "error", "message"),
    [
        ("state", np.zeros(4), ValueError, "state has shape"),
        ("state", "abc", TypeError, "state must be an array of numbers"),
        ("state", np.full(3, 1e300), ValueError, "state has values beyond float32"),
        ("action", 0.5, ValueError, "action must be an integer"),
        ("action", math.nan, ValueError, "action must be an integer"),
        ("action", "left", TypeError, "action must be an int"),
        ("reward", math.nan, ValueError, "reward must be finite"),
        ("reward", math.inf, ValueError, "reward must be finite"),
        ("reward", 1e300, ValueError, "reward has values beyond float32"),
        ("done", 0.5, ValueError, "done must be a flag"),
    ],
)
def test_what_cannot_be_stored_is_refused_and_nothing_changes(kind, field, value, error, message):
    buffer = filled(kind, 3)
    fields = {"state": np.zeros(3), "action": 1, "reward": 0.0, "next_state": np.zeros(3), "done": False}
    with pytest.raises(error, match=message):
        buffer.push(**{**fields, field: value})
    assert [experience.state[0] for experience in buffer] == [0, 1, 2]


def test_bad_priorities_are_refused_and_nothing_changes():
    buffer = filled(PrioritizedReplayBuffer, 3)
    for bad, error in [(math.nan, ValueError), (math.inf, ValueError), ([1.0, 2.0], ValueError), ("x", TypeError)]:
        with pytest.raises(error, match="priority"):
            push(buffer, 3, priority=bad)
    with pytest.raises(ValueError, match="td_errors"):
        buffer.update_priorities([0, 1], [2.0, math.nan])
    with pytest.raises(ValueError, match="never returned"):
        buffer.update_priorities([3], [2.0])
    assert len(buffer) == 3
    assert buffer.max_priority == 1.0


# --- 8. memory


@pytest.mark.parametrize("kind", KINDS)
def test_states_are_kept_as_float32(kind):
    buffer = kind(1000)
    buffer.push(np.zeros(60, np.float64), 0, 0.0, np.zeros(60, np.float64), False)
    states = buffer.sample(1)[0]
    assert (states.shape, states.dtype) == ((1, 60), np.float32)
    assert isinstance(buffer[0].state, np.ndarray)
    assert buffer[0].state.dtype == np.float32


# --- 9. how often


def test_uniform_batches_have_no_experience_twice():
    buffer = filled(ReplayBuffer)
    counts = np.zeros(10)
    for _ in range(2000):
        steps = steps_of(buffer.sample(4)[0])
        assert len(set(steps)) == 4
        counts[steps] += 1
    # 800 expected of each, standard deviation 22.
    assert abs(counts - 800).max() < 110


def test_a_high_priority_is_drawn_as_often_as_it_should():
    buffer = PrioritizedReplayBuffer(100, alpha=1.0, seed=1)
    push(buffer, 0, priority=100.0)
    for step in range(1, 10):
        push(buffer, step, priority=-1.0)
    assert buffer.max_priority == pytest.approx(100.0)
    # 100 of 109: 459 of 500 expected, standard deviation 6.2.
    assert 425 < counts_of(buffer, 100, 5)[0] < 490


# --- 10. weights


def test_weights_are_normalised_and_undo_the_prioritisation():
    buffer = filled(PrioritizedReplayBuffer, alpha=0.6, beta_start=1.0)
    priorities = np.linspace(0.1, 5, 10)
    buffer.update_priorities(np.arange(10), priorities - 1e-6)
    for _ in range(20):
        *_, weights, indices = buffer.sample(10)
        expected = priorities[indices] ** -0.6
        assert weights.max() == 1.0
        assert weights == pytest.approx(expected / expected.max(), rel=1e-5)


def test_a_training_step_takes_the_arrays_and_gives_tensors_back():
    torch = pytest.importorskip("torch")
    buffer = filled(PrioritizedReplayBuffer, 10, alpha=1.0)
    network = torch.nn.Linear(3, 7)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    s, a, r, s_, d, w, idx = buffer.sample(10)
    s, a, r, s_, d, w = map(torch.from_numpy, (s, a, r, s_, d, w))
    current_q = network(s).gather(1, a.unsqueeze(1)).squeeze(1)
    target_q = r + (1 - d) * 0.99 * network(s_).max(1)[0].detach()
    td_error = (target_q - current_q).abs()
    loss = (w * td_error.pow(2)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    buffer.update_priorities(idx, td_error)
    assert buffer.max_priority == pytest.approx(max(1.0, td_error.max().item() + 1e-6))


# --- seeds, ownership


@pytest.mark.parametrize("kind", KINDS)
def test_equal_seeds_draw_equal_batches_and_batches_belong_to_the_caller(kind):
    first, second = filled(kind, seed=7), filled(kind, seed=7)
    for _ in range(10):
        mine, theirs = first.sample(5), second.sample(5)
        for array, other in zip(mine, theirs, strict=True):
            assert (array == other).all()
            array[:] = 0


# --- the tree


def test_a_tree_keeps_objects_by_priority():
    tree = SumTree(3)
    assert (len(tree), tree.total_priority, tree.max_priority, tree.min_priority) == (0, 0.0, 0.0, 0.0)
    items = [object() for _ in range(5)]
    indices = [tree.add(priority, item) for priority, item in zip([9.0, 9.0, 1.0, 2.0, 3.0], items, strict=True)]
    assert (len(tree), tree.total_priority, tree.max_priority, tree.min_priority) == (3, 6.0, 3.0, 1.0)
    rng = np.random.default_rng(0)
    counts = Counter(tree.get(point).data for point in rng.uniform(0, 6, 6000))
    for item, expected in zip(items[2:], (1000, 2000, 3000), strict=True):
        assert abs(counts[item] - expected) < 200
    tree.update(indices[2], 5.0)
    assert (tree.total_priority, tree.max_priority, tree.min_priority) == (10.0, 5.0, 2.0)
    tree_idx, priority, data = tree.get(9.9)
    assert (tree_idx, priority, data is items[2]) == (indices[2], 5.0, True)


def test_a_tree_refuses_bad_input():
    tree = SumTree(3)
    tree.add(1.0, "kept")
    for bad in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="priority"):
            tree.add(bad, "not kept")
    with pytest.raises(ValueError, match="tree_idx 1 holds no object: the tree holds 1"):
        tree.update(1, 2.0)
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        tree.get(1.5)
    assert (len(tree), tree.total_priority, tree.get(1.0).data) == (1, 1.0, "kept")
