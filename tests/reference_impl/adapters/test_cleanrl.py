# ruff: noqa: E402
from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
spaces = pytest.importorskip("gymnasium").spaces

from experience_replay_optimizer import LinearSchedule, importance_weighted_loss
from experience_replay_optimizer.adapters.cleanrl import ReplayBuffer

OBSERVATIONS = spaces.Box(-1e6, 1e6, (2,), np.float32)
ACTIONS = spaces.Discrete(5)


def a_buffer(size=12, observations=OBSERVATIONS, actions=ACTIONS, **kwargs):
    return ReplayBuffer(
        size,
        observations,
        actions,
        "cpu",
        handle_timeout_termination=False,
        **{"rare_fraction": 0.0, "seed": 1, **kwargs},
    )


def fill(rb, steps, start=0, terminations=()):
    """Step t of environment e: observation (t, e), action t % 5, reward 10 t + e, next observation (t + 1, e)."""
    envs = np.arange(rb.n_envs)
    for t in range(start, start + steps):
        observation = np.stack([np.full(rb.n_envs, t), envs], axis=1).astype(np.float32)
        following = observation + np.array([1.0, 0.0], np.float32)
        ends = np.full(rb.n_envs, t in terminations)
        rb.add(observation, following, np.full(rb.n_envs, t % 5), 10.0 * t + envs, ends, {})


@pytest.mark.parametrize("n_envs", [1, 3])
@pytest.mark.parametrize("optimize_memory_usage", [False, True])
def test_batches_have_the_form_that_the_scripts_expect(n_envs, optimize_memory_usage):
    rb = a_buffer(12 * n_envs, n_envs=n_envs, optimize_memory_usage=optimize_memory_usage)
    fill(rb, 20, terminations=[15])
    assert rb.size() == len(rb) == 12 * n_envs
    times, envs = set(), set()
    for _ in range(20):
        data = rb.sample(12)
        time, env = data.observations.numpy().T
        assert np.array_equal(data.next_observations.numpy(), data.observations.numpy() + np.array([1.0, 0.0]))
        assert np.array_equal(data.rewards.flatten().numpy(), 10 * time + env)
        assert np.array_equal(data.dones.flatten().numpy(), time == 15)
        assert np.array_equal(data.actions.numpy()[:, 0], time % 5)
        rb.update_priorities(data.indices, torch.ones(12, 1))
        times |= set(time)
        envs |= set(env)
    assert times == set(range(8, 20))
    assert envs == set(range(n_envs))
    assert data.rewards.shape == data.dones.shape == data.actions.shape == (12, 1)
    assert data.weights.shape == data.indices.shape == (12,)
    assert data.observations.dtype == data.rewards.dtype == data.dones.dtype == data.weights.dtype == torch.float32
    assert torch.arange(60.0).reshape(12, 5).gather(1, data.actions).shape == (12, 1)


def test_the_seed_of_the_script_decides_the_draws():
    draws = []
    for seed in (3, 3, 4):
        np.random.seed(seed)
        rb = a_buffer(seed=None)
        fill(rb, 12)
        draws.append([*rb.sample(12).indices, *rb.sample(12).indices])
    assert draws[0] == draws[1] != draws[2]
    a_buffer(seed=None, rng=np.random.default_rng(1))


def test_tensors_share_the_memory_of_what_was_drawn():
    rb = a_buffer()
    fill(rb, 12)
    drawn = []
    sample = rb.buffer.sample
    rb.buffer.sample = lambda *arguments: drawn.append(sample(*arguments)) or drawn[-1]
    data = rb.sample(5)
    ((batch, weights, _),) = drawn
    for tensor, array in (
        (data.observations, batch.states),
        (data.next_observations, batch.next_states),
        (data.actions, batch.actions),
        (data.rewards, batch.rewards),
        (data.weights, weights),
    ):
        assert np.shares_memory(tensor.numpy(), array)


def test_one_batch_stays_as_it_is_when_the_next_is_drawn():
    rb = a_buffer()
    fill(rb, 12)
    first = rb.sample(6)
    kept = [part.clone() for part in first[:6]]
    rb.sample(6)
    rb.sample(6)
    assert all(torch.equal(part, copy) for part, copy in zip(first[:6], kept, strict=True))


def test_priorities_decide_the_draws_and_the_weights():
    rb = a_buffer(4, alpha=1.0, beta=1.0, epsilon=1e-9, normalise=None)
    fill(rb, 4)
    slots = np.arange(4)
    rb.update_priorities(slots, torch.tensor([-1.0, 2.0, -3.0, 4.0], requires_grad=True))
    probabilities = np.array([0.1, 0.2, 0.3, 0.4])
    counts = np.zeros(4)
    for _ in range(5000):
        data = rb.sample(4)
        counts += np.bincount(data.indices, minlength=4)
        assert data.weights.numpy() == pytest.approx(0.25 / probabilities[data.indices], rel=1e-4)
        rb.update_priorities(data.indices, 1.0 + data.indices)
    assert counts / counts.sum() == pytest.approx(probabilities, abs=0.015)


def test_a_script_that_only_exchanges_the_import_is_stopped():
    rb = a_buffer()
    fill(rb, 12)
    for _ in range(10):
        rb.sample(4)
    with pytest.raises(RuntimeError, match=r"update_priorities\(\) was not called.*data\.weights.*data\.indices"):
        rb.sample(4)


@pytest.mark.parametrize(
    "infos",
    [
        [{"TimeLimit.truncated": True}, {}],
        {"TimeLimit.truncated": np.array([True, False]), "_TimeLimit.truncated": np.array([True, False])},
    ],
)
@pytest.mark.parametrize(("handled", "done"), [(True, 0.0), (False, 1.0)])
def test_time_limits_in_the_infos(infos, handled, done):
    rb = ReplayBuffer(8, OBSERVATIONS, ACTIONS, "cpu", 2, handle_timeout_termination=handled)
    observation = np.zeros((2, 2), np.float32)
    rb.add(observation, observation, np.array([0, 1]), np.zeros(2), np.array([True, True]), infos)
    data = rb.sample(2)
    for _ in range(5):
        data = rb.sample(2)
        assert data.dones.flatten().tolist() == [done if action == 0 else 1.0 for action in data.actions.flatten()]


def test_flags_in_the_infos_protect():
    rb = a_buffer(20, n_envs=2, rare_fraction=0.25, rare_flags=("goal",))
    observation = np.zeros((2, 2), np.float32)
    infos = {"goal": np.array([0, 1]), "_goal": np.array([False, True])}
    rb.add(observation, observation, np.array([0, 1]), np.zeros(2), np.zeros(2, bool), infos)
    assert rb.buffer.protected.tolist() == [1]


@pytest.mark.parametrize(
    ("space", "given", "stored"),
    [
        (OBSERVATIONS, np.array([[0.1, 1.0]]), torch.float32),
        (spaces.Box(0, 255, (2,), np.uint8), np.array([[3, 255]], np.uint8), torch.uint8),
        (spaces.Box(0, 255, (2,), np.uint8), np.array([[0.5, 0.25]], np.float32), torch.float32),
        (spaces.Box(-1, 1, (2,), np.float64), np.array([[0.1, 1.0]]), torch.float64),
        (spaces.Discrete(9), np.array([7]), torch.int64),
        (spaces.MultiBinary(2), np.array([[True, False]]), torch.int8),
    ],
)
def test_observations_keep_their_values(space, given, stored):
    rb = a_buffer(observations=space)
    rb.add(given, given, np.array([1]), np.array([0.5]), np.array([False]), {})
    data = rb.sample(1)
    assert data.observations.dtype == data.next_observations.dtype == stored
    assert data.observations.numpy() == pytest.approx(given.reshape(1, -1).astype(float))


@pytest.mark.parametrize(
    ("space", "given", "stored", "shape"),
    [
        (spaces.Box(-1, 1, (3,), np.float32), np.ones((2, 3), np.float32), torch.float32, (2, 3)),
        (spaces.Box(-1, 1, (3,), np.float64), np.ones((2, 3)), torch.float32, (2, 3)),
        (spaces.Box(-1, 1, (2, 2), np.float32), np.ones((2, 2, 2)), torch.float32, (2, 4)),
        (spaces.Discrete(4), np.array([3, 3], np.int32), torch.int64, (2, 1)),
        (spaces.MultiDiscrete([4, 4]), np.full((2, 2), 3), torch.int64, (2, 2)),
    ],
)
def test_actions_are_rows_of_numbers(space, given, stored, shape):
    rb = a_buffer(actions=space, n_envs=2)
    observation = np.zeros((2, 2), np.float32)
    rb.add(observation, observation, given, np.zeros(2), np.zeros(2, bool), {})
    actions = rb.sample(2).actions
    assert (actions.dtype, tuple(actions.shape)) == (stored, shape)
    assert actions.unique().tolist() == [given.reshape(-1)[0]]


def test_dict_observations():
    space = spaces.Dict({"image": spaces.Box(0, 255, (2, 2), np.uint8), "room": spaces.Discrete(9)})
    rb = a_buffer(observations=space, n_envs=2)
    observation = {"image": np.full((2, 2, 2), 7, np.uint8), "room": np.array([4, 5])}
    following = {"image": np.full((2, 2, 2), 8, np.uint8), "room": np.array([5, 6])}
    rb.add(observation, following, np.array([0, 1]), np.zeros(2), np.zeros(2, bool), {})
    data = rb.sample(2)
    assert data.observations["image"].shape == (2, 2, 2)
    assert torch.equal(data.observations["room"], data.actions + 4)
    assert torch.equal(data.next_observations["room"], data.actions + 5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"obs": np.zeros((1, 3))}, r"obs has shape \(1, 3\), expected \(2, 2\): n_envs is 2"),
        ({"next_obs": np.zeros(4)}, r"next_obs has shape \(4,\)"),
        ({"action": np.zeros((3,), int)}, r"action has shape \(3,\), expected \(2,\)"),
        ({"reward": np.array([0.0, np.nan])}, "reward has values that are not finite"),
        ({"reward": np.zeros(3)}, "reward has 3 values, expected 2"),
        ({"done": np.array([0.5, 0.0])}, "done must be true or false"),
        ({"infos": [{}]}, "infos has 1 entries, expected 2"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    rb = ReplayBuffer(8, OBSERVATIONS, ACTIONS, "cpu", 2)
    right = {
        "obs": np.zeros((2, 2), np.float32),
        "next_obs": np.zeros((2, 2), np.float32),
        "action": np.zeros(2, int),
        "reward": np.zeros(2),
        "done": np.zeros(2, bool),
        "infos": {},
    }
    with pytest.raises(ValueError, match=message):
        rb.add(**{**right, **change})
    assert len(rb) == 0
    rb.add(**right)
    assert len(rb) == 2


def test_bad_arguments():
    with pytest.raises(ValueError, match="n_envs must be at least 1"):
        a_buffer(n_envs=0)
    with pytest.raises(TypeError, match="alfa"):
        a_buffer(alfa=1.0)
    with pytest.raises(ValueError, match=r"give it or storage=, not both"):
        a_buffer(optimize_memory_usage=True, storage=object())


def test_a_training_step_as_the_scripts_write_it():
    torch.manual_seed(0)
    network = torch.nn.Linear(2, 5)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.1)
    rb = ReplayBuffer(100, OBSERVATIONS, ACTIONS, "cpu", beta=LinearSchedule(0.4, 1.0, 300), seed=0)
    rng = np.random.default_rng(0)
    for _ in range(100):
        obs = rng.normal(size=(1, 2)).astype(np.float32)
        action = rng.integers(5, size=1)
        rb.add(obs, obs, action, obs[:, 0] * action, np.array([True]), {})
    losses = []
    for _ in range(300):
        data = rb.sample(32)
        td_target = data.rewards.flatten() + 0.99 * (1 - data.dones.flatten())
        old_val = network(data.observations).gather(1, data.actions).squeeze()
        elementwise = torch.nn.functional.mse_loss(old_val, td_target, reduction="none")
        loss = importance_weighted_loss(elementwise, data.weights)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        rb.update_priorities(data.indices, td_target - old_val)
        losses.append(loss.item())
    assert np.mean(losses[-20:]) < 0.01 * np.mean(losses[:20])
    assert rb.buffer.beta == 1.0
