import math

import numpy as np
import pytest

from experience_replay_optimizer.per import PER, rank_based_training_step


def filled(count=8, max_len=8, batch_size=4, alpha=0.7, beta=0.4, beta_increment=0.001, seed=0):
    memory = PER((2,), max_len, batch_size, alpha, beta, beta_increment, seed=seed)
    for step in range(count):
        memory.add_experience(np.full(2, step), step % 3, step / 2, np.full(2, step + 1), step % 5 == 4)
    return memory


def drawn(memory, batches):
    counts = np.zeros(memory.max_len)
    for _ in range(batches):
        counts += np.bincount(memory.draw_samples().idxs, minlength=memory.max_len)
    return counts


def test_columns_have_the_shapes_that_a_network_takes():
    memory = PER((3, 2), 10, 4, 0.7, 0.4, 0.001)
    for step in range(10):
        memory.add_experience(np.full((3, 2), step), step % 3, step / 2, np.full((3, 2), step + 1), step % 5 == 4)
    obs, action, reward, next_obs, done, idxs, weights = memory.draw_samples()
    assert obs.shape == next_obs.shape == (4, 3, 2)
    assert action.shape == reward.shape == done.shape == weights.shape == (4, 1)
    assert idxs.shape == (4,)
    assert (action.dtype, idxs.dtype) == (np.int64, np.int64)
    assert {array.dtype for array in (obs, reward, next_obs, done, weights)} == {np.dtype(np.float32)}
    steps = obs[:, 0, 0].astype(int)
    assert (next_obs == obs + 1).all()
    assert action[:, 0].tolist() == (steps % 3).tolist()
    assert reward[:, 0].tolist() == (steps / 2).tolist()
    assert done[:, 0].tolist() == (steps % 5 == 4).tolist()


def test_actions_may_be_numbers_or_arrays_of_one_and_floats_stay_floats():
    memory = PER((1,), 4, 4, 0.0, 0.4, 0.0)
    for action in (0.5, np.array([-0.25]), np.float16(0.75), 1):
        memory.add_experience([0], action, 0, [0], False)
    actions = memory.draw_samples().action
    assert actions.dtype == np.float32
    assert sorted(actions.ravel()) == [-0.25, 0.5, 0.75, 1.0]
    memory = PER((1,), 2, 2, 0.7, 0.4, 0.0)
    memory.add_experience([0], np.array([1], np.int32), 0, [0], False)
    memory.add_experience([0], np.uint8(2), 0, [0], False)
    assert memory.draw_samples().action.dtype == np.int64


@pytest.mark.parametrize("alpha", [0.0, 0.7, 1.0])
def test_draws_and_weights_follow_the_ranks_of_the_errors(alpha):
    memory = filled(alpha=alpha, beta=0.5, beta_increment=0.0)
    errors = np.array([0.1, -9.0, 0.3, 100.0, 0.0, 2.0, -0.2, 1.0])
    memory.update_priority(np.arange(8), errors)
    ranks = np.array([7, 2, 5, 1, 8, 3, 6, 4])
    law = (1 / ranks) ** alpha
    law /= law.sum()
    counts = drawn(memory, 4000)
    # 16,000 draws; the standard deviation of a share is at most 0.004.
    assert counts / counts.sum() == pytest.approx(law, abs=0.016)
    for _ in range(20):
        batch = memory.draw_samples()
        expected = law[batch.idxs] ** -0.5
        assert batch.weights[:, 0] == pytest.approx(expected / expected.max(), rel=1e-5)


def test_only_the_order_of_the_errors_counts():
    first, second = filled(), filled()
    errors = np.array([0.1, 9.0, 0.3, 100.0, 0.01, 2.0, 0.2, 1.0])
    first.update_priority(np.arange(8), errors)
    second.update_priority(np.arange(8), errors**3 * 1e6)
    for _ in range(20):
        assert first.draw_samples().idxs.tolist() == second.draw_samples().idxs.tolist()


def test_new_experiences_are_first_in_rank():
    memory = filled(7, alpha=4.0)
    memory.update_priority(np.arange(7), np.linspace(0.1, 0.7, 7))
    memory.add_experience(np.full(2, 7), 0, 0, np.full(2, 8), False)
    # P of the first rank is 1 / sum 1/k^4 = 0.92.
    counts = drawn(memory, 500)
    assert counts[7] / counts.sum() == pytest.approx(0.924, abs=0.03)


def test_the_oldest_gives_way():
    memory = filled(13)
    assert len(memory) == 8
    seen = set(np.concatenate([memory.draw_samples().obs[:, 0] for _ in range(200)]).astype(int).tolist())
    assert seen == set(range(5, 13))


def test_beta_is_annealed_by_each_draw_up_to_1():
    memory = filled(beta=0.5, beta_increment=0.2)
    seen = []
    for _ in range(4):
        seen.append(memory.beta)
        memory.draw_samples()
    assert seen == pytest.approx([0.5, 0.7, 0.9, 1.0])
    memory = filled(beta=0.5, beta_increment=0.2)
    memory.anneal_beta()
    assert memory.beta == pytest.approx(0.7)


def test_equal_seeds_draw_equal_batches_and_these_belong_to_the_caller():
    first, second = filled(seed=4), filled(seed=4)
    for _ in range(10):
        mine, other = first.draw_samples(), second.draw_samples()
        for array, expected in zip(mine, other, strict=True):
            assert (array == expected).all()
            array[:] = 0


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (((2,), 0, 1, 0.7, 0.4, 0.1), ValueError, "max_len"),
        (((2,), 8, 0, 0.7, 0.4, 0.1), ValueError, "batch_size"),
        (((2,), 8, 9, 0.7, 0.4, 0.1), ValueError, "batch_size must be at most max_len=8, not 9"),
        (((2,), 8, 4, -0.7, 0.4, 0.1), ValueError, "alpha"),
        (((2,), 8, 4, 0.7, 1.4, 0.1), ValueError, "beta"),
        (((2,), 8, 4, 0.7, 0.4, -0.1), ValueError, "beta_increment"),
        (((2.5,), 8, 4, 0.7, 0.4, 0.1), TypeError, "obs_shape"),
    ],
)
def test_parameters_are_checked(arguments, error, message):
    with pytest.raises(error, match=message):
        PER(*arguments)


@pytest.mark.parametrize(
    ("field", "value", "error", "message"),
    [
        ("obs", np.zeros(3), ValueError, r"obs has shape \(3,\), and obs_shape is \(2,\)"),
        ("next_obs", 0.0, ValueError, r"next_obs has shape \(\), and obs_shape is \(2,\)"),
        ("obs", ["a", "b"], TypeError, "obs must be an array of numbers"),
        ("action", [1, 2], ValueError, "action"),
        ("action", "left", TypeError, "action"),
        ("reward", math.nan, ValueError, "reward"),
        ("reward", 1e300, ValueError, "reward"),
        ("done", 2, ValueError, "done"),
    ],
)
def test_what_cannot_be_stored_is_refused_and_nothing_changes(field, value, error, message):
    memory = filled(5)
    fields = {"obs": np.zeros(2), "action": 0, "reward": 0.0, "next_obs": np.zeros(2), "done": False}
    with pytest.raises(error, match=message):
        memory.add_experience(**{**fields, field: value})
    assert len(memory) == 5
    assert memory.draw_samples().idxs.max() < 5


def test_draws_and_updates_that_make_no_sense_are_refused():
    memory = filled(3)
    with pytest.raises(ValueError, match="batch_size is 4, and the memory holds only 3"):
        memory.draw_samples()
    assert memory.beta == 0.4
    for idxs, errors, error in [
        ([0, 1], [1.0, math.nan], ValueError),
        ([0, 1], [1.0], ValueError),
        ([0, 3], [1.0, 1.0], ValueError),
        ([0.0], [1.0], TypeError),
    ]:
        with pytest.raises(error):
            memory.update_priority(idxs, errors)


def test_the_training_step_weights_the_squared_errors_and_gives_them_back():
    torch = pytest.importorskip("torch")
    memory = PER((1,), 3, 3, 1.0, 1.0, 0.0, seed=0)
    for step in range(3):
        memory.add_experience([step], step % 2, 1.0, [step + 1], step == 2)
    memory.update_priority(np.arange(3), [1.0, 3.0, 2.0])
    online, target = torch.nn.Linear(1, 2), torch.nn.Linear(1, 2)
    optimizer = torch.optim.SGD(online.parameters(), lr=0.1)

    def errors():
        states = torch.arange(3.0).unsqueeze(1)
        with torch.no_grad():
            bootstrap = target(states + 1).max(dim=1).values * torch.tensor([1.0, 1.0, 0.0])
            values = online(states)[torch.arange(3), torch.arange(3) % 2]
            return (1.0 + 0.9 * bootstrap - values).numpy()

    twin = filled_twin(memory)
    batch = twin.draw_samples()
    expected = (batch.weights[:, 0] * errors()[batch.idxs] ** 2 / 2).mean()
    before = errors()
    assert rank_based_training_step(memory, online, target, optimizer, gamma=0.9) == pytest.approx(expected, rel=1e-5)
    twin.update_priority(batch.idxs, before[batch.idxs])
    for _ in range(20):
        assert memory.draw_samples().idxs.tolist() == twin.draw_samples().idxs.tolist()
    assert not np.allclose(before, errors())


def filled_twin(memory):
    """The same experiences, ranks and generator as in the test above."""
    twin = PER((1,), 3, 3, 1.0, 1.0, 0.0, seed=0)
    for step in range(3):
        twin.add_experience([step], step % 2, 1.0, [step + 1], step == 2)
    twin.update_priority(np.arange(3), [1.0, 3.0, 2.0])
    assert len(twin) == len(memory)
    return twin


def test_nothing_is_learnt_while_warming_up():
    torch = pytest.importorskip("torch")
    network = torch.nn.Linear(2, 2)
    before = network.weight.detach().clone()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    assert rank_based_training_step(filled(3), network, network, optimizer) is None
    assert rank_based_training_step(filled(5), network, network, optimizer, warmup=6) is None
    assert (network.weight == before).all()
    with pytest.raises(ValueError, match="gamma"):
        rank_based_training_step(filled(5), network, network, optimizer, gamma=1.5)


def test_a_chain_is_learnt():
    """Eight states in a row: "on" leads to the next and pays 1 after the last, "back" to the first.

    The true value of "on" in state k is gamma^(7 - k); random actions reach the end about once in 500 steps.
    """
    torch = pytest.importorskip("torch")
    length, gamma = 8, 0.9
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    online, target = torch.nn.Linear(length, 2), torch.nn.Linear(length, 2)
    optimizer = torch.optim.Adam(online.parameters(), lr=0.01)
    memory = PER((length,), 2000, 32, alpha=0.7, beta=0.5, beta_increment=1e-4, seed=0)
    states = np.eye(length, dtype=np.float32)
    at = 0
    for step in range(1500):
        on = int(rng.integers(2))
        done = bool(on) and at == length - 1
        following = at + 1 if on and not done else 0
        memory.add_experience(states[at], on, float(done), states[following], done)
        at = following
        rank_based_training_step(memory, online, target, optimizer, gamma, warmup=200)
        if step % 50 == 0:
            target.load_state_dict(online.state_dict())
    values = online(torch.eye(length)).detach().numpy()
    assert (values[:, 1] > values[:, 0]).all()
    assert np.abs(values[:, 1] - gamma ** np.arange(length - 1, -1, -1)).max() < 0.05
