# ruff: noqa: E402
from __future__ import annotations

import copy
import io

import numpy as np
import pytest

pytest.importorskip("stable_baselines3")
torch = pytest.importorskip("torch")

import gymnasium
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st
from stable_baselines3 import DQN, SAC, TD3
from stable_baselines3.common.buffers import NStepReplayBuffer, ReplayBuffer
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from experience_replay_optimizer import LinearSchedule
from experience_replay_optimizer.adapters.stable_baselines3 import (
    PrioritizedDQN,
    PrioritizedSAC,
    PrioritizedTD3,
    SB3PrioritizedDictReplayBuffer,
    SB3PrioritizedReplayBuffer,
)

OBSERVATIONS = spaces.Box(-1e6, 1e6, (2,), np.float32)
ACTIONS = spaces.Discrete(5)
TEXTBOOK = {"rare_fraction": 0.0}
UNIFORM = {"rare_fraction": 0.0, "alpha": 0.0}


def a_buffer(size=12, n_envs=1, kind=SB3PrioritizedReplayBuffer, observations=OBSERVATIONS, **kwargs):
    return kind(size, observations, ACTIONS, "cpu", n_envs=n_envs, **{**TEXTBOOK, "seed": 1, **kwargs})


def fill(buffer, rows, start=0, rewards=None, dones=(), timeouts=()):
    """Row t of environment e: observation (t, e), action t % 5, reward 10 t + e, next observation (t + 0.5, e)."""
    envs = np.arange(buffer.n_envs)
    for t in range(start, start + rows):
        observation = np.stack([np.full(buffer.n_envs, t), envs], axis=1).astype(np.float32)
        reward = 10.0 * t + envs if rewards is None else np.full(buffer.n_envs, rewards)
        done = np.full(buffer.n_envs, t in dones or t in timeouts)
        infos = [{"TimeLimit.truncated": t in timeouts}] * buffer.n_envs
        next_observation = observation + np.array([0.5, 0.0], np.float32)
        buffer.add(observation, next_observation, np.full(buffer.n_envs, t % 5), reward, done, infos)


@pytest.mark.parametrize("n_envs", [1, 3])
def test_a_sample_holds_whole_transitions_of_all_slots(n_envs):
    buffer = a_buffer(12, n_envs)
    fill(buffer, 7)
    batch = buffer.sample(400)
    times, envs = batch.observations.numpy().T
    assert np.array_equal(batch.rewards.numpy()[:, 0], 10 * times + envs)
    assert np.array_equal(batch.actions.numpy()[:, 0], times % 5)
    assert np.array_equal(batch.next_observations.numpy(), batch.observations.numpy() + np.array([0.5, 0.0]))
    rows = min(7, 12 // n_envs)
    assert len(set(zip(times, envs, strict=True))) == rows * n_envs == len(buffer.sampler)
    assert batch.dones.shape == batch.rewards.shape == batch.weights.shape == (400, 1)
    assert batch.discounts is None
    assert batch.weights.dtype == batch.dones.dtype == torch.float32
    assert batch.indices.shape == (400,)


def test_draws_and_weights_follow_the_priorities():
    buffer = a_buffer(alpha=1.0, beta=1.0, epsilon=1e-9, normalise=None)
    fill(buffer, 4)
    buffer.update_priorities(np.arange(4), np.array([[1.0], [2.0], [3.0], [-4.0]]))
    batch = buffer.sample(40_000)
    probabilities = np.array([0.1, 0.2, 0.3, 0.4])
    assert np.bincount(batch.indices) / 40_000 == pytest.approx(probabilities, abs=0.015)
    assert batch.weights.numpy()[:, 0] == pytest.approx(0.25 / probabilities[batch.indices], rel=1e-4)


def test_beta_of_one_batch():
    buffer = a_buffer(alpha=1.0, beta=0.0, normalise=None)
    fill(buffer, 2)
    buffer.update_priorities([0, 1], [1.0, 3.0])
    assert set(buffer.sample(20).weights.flatten().tolist()) == {1.0}
    assert buffer.sample(200, beta=1.0).weights.numpy().max() == pytest.approx(2.0, rel=1e-3)


@pytest.mark.parametrize(("handled", "expected"), [(True, {2: 1.0, 4: 0.0}), (False, {2: 1.0, 4: 1.0})])
def test_a_time_limit_is_no_termination_where_it_is_handled(handled, expected):
    buffer = a_buffer(handle_timeout_termination=handled)
    fill(buffer, 6, dones=[2], timeouts=[4])
    batch = buffer.sample(300)
    for time, done in zip(batch.observations[:, 0].tolist(), batch.dones[:, 0].tolist(), strict=True):
        assert done == expected.get(int(time), 0.0)


def test_observations_and_rewards_are_normalised_by_vec_normalize():
    normalised = VecNormalize(DummyVecEnv([lambda: gymnasium.make("CartPole-v1")]))
    normalised.obs_rms.mean, normalised.obs_rms.var = np.full(4, 2.0), np.full(4, 4.0)
    normalised.ret_rms.var = np.array(25.0)
    buffer = a_buffer(4, observations=normalised.observation_space)
    observation = np.full((1, 4), 6.0, np.float32)
    buffer.add(observation, observation + 2, np.array([1]), np.array([10.0]), np.array([False]), [{}])
    batch = buffer.sample(3, normalised)
    assert batch.observations.numpy() == pytest.approx(2.0, rel=1e-5)
    assert batch.next_observations.numpy() == pytest.approx(3.0, rel=1e-5)
    assert batch.rewards.numpy() == pytest.approx(2.0, rel=1e-5)
    assert batch.rewards.dtype == torch.float32


@pytest.mark.parametrize("rows", [5, 9, 14])
def test_n_step_returns_are_those_of_sb3(rows):
    arguments = {"n_steps": 3, "gamma": 0.9}
    ours, theirs = a_buffer(9, **arguments), NStepReplayBuffer(9, OBSERVATIONS, ACTIONS, "cpu", **arguments)
    for buffer in (ours, theirs):
        fill(buffer, rows, dones=[4, 9], timeouts=[7, 12])
    batch = ours.sample(300)
    expected = theirs._get_samples(batch.indices)
    for name in ("observations", "actions", "next_observations", "dones", "rewards", "discounts"):
        one, other = getattr(batch, name), getattr(expected, name)
        assert one.shape == other.shape
        assert one.numpy() == pytest.approx(other.numpy(), rel=1e-6)
    assert len(set(batch.indices.tolist())) == min(rows, 9)


@given(
    ends=st.lists(st.sampled_from(["", "", "", "terminated", "cut off"]), min_size=1, max_size=25),
    size=st.integers(2, 9),
    n_steps=st.integers(2, 5),
    n_envs=st.integers(1, 3),
)
def test_n_step_returns_are_those_of_the_steps_that_follow(ends, size, n_steps, n_envs):
    buffer = a_buffer(size * n_envs, n_envs, n_steps=n_steps, gamma=0.5)
    times = range(len(ends))
    done, cut = ([t for t in times if ends[t] == kind] for kind in ("terminated", "cut off"))
    fill(buffer, len(ends), dones=done, timeouts=cut)
    batch = buffer.sample(20)
    for row in range(20):
        first, env = (int(number) for number in batch.observations[row])
        steps = []
        for t in times[first : first + n_steps]:
            steps.append(t)
            if ends[t]:
                break
        assert first >= len(ends) - size
        assert batch.rewards[row].item() == sum(0.5**k * (10 * t + env) for k, t in enumerate(steps))
        assert batch.discounts[row].item() == 0.5 ** len(steps)
        assert batch.next_observations[row].tolist() == [steps[-1] + 0.5, env]
        assert batch.dones[row].item() == (ends[steps[-1]] == "terminated")


def test_n_step_returns_stay_in_one_environment():
    buffer = a_buffer(30, 3, n_steps=2, gamma=0.5)
    fill(buffer, 10, dones=[3])
    batch = buffer.sample(400)
    times, envs = batch.observations.numpy().T
    alone = (times == 3) | (times == 9)
    returns = np.where(alone, 10 * times + envs, 10 * times + envs + 0.5 * (10 * times + 10 + envs))
    assert np.array_equal(batch.rewards.numpy()[:, 0], returns.astype(np.float32))
    assert np.array_equal(batch.discounts.numpy()[:, 0], np.where(alone, 0.5, 0.25).astype(np.float32))
    assert np.array_equal(batch.next_observations.numpy()[:, 1], envs)


def test_dict_observations():
    space = spaces.Dict({"position": spaces.Box(-100, 100, (3,), np.float32), "room": spaces.Discrete(50)})
    buffer = a_buffer(10, 2, SB3PrioritizedDictReplayBuffer, space)
    for t in range(7):
        observation = {"position": np.full((2, 3), t, np.float32), "room": np.array([t, t + 20])}
        following = {key: value + 1 for key, value in observation.items()}
        buffer.add(observation, following, np.array([0, 1]), np.array([t, t]), np.zeros(2), [{}, {}])
    batch = buffer.sample(200)
    times = batch.rewards.numpy()[:, 0]
    assert set(times) == {2, 3, 4, 5, 6}
    assert np.array_equal(batch.observations["position"].numpy(), np.repeat(times[:, None], 3, axis=1))
    assert np.array_equal(batch.observations["room"].numpy()[:, 0], times + 20 * batch.actions.numpy()[:, 0])
    assert np.array_equal(batch.next_observations["room"].numpy(), batch.observations["room"].numpy() + 1)


@pytest.mark.parametrize("n_envs", [1, 4])
def test_rare_rewards_survive_many_laps(n_envs):
    buffer = a_buffer(40 * n_envs, n_envs, rare_fraction=0.25)
    fill(buffer, 30, rewards=0.0)
    buffer.add(
        np.full((n_envs, 2), 777, np.float32),
        np.zeros((n_envs, 2), np.float32),
        np.zeros(n_envs),
        np.array([100.0] + [0.0] * (n_envs - 1)),
        np.zeros(n_envs),
        [{}] * n_envs,
    )
    fill(buffer, 200, start=1000, rewards=0.0)
    assert len(buffer.sampler) == 40 * n_envs
    assert (buffer.observations == 777).all(axis=2).sum() == n_envs
    newest = sorted(set(buffer.observations[:, 0, 0].tolist()) - {777})
    assert newest == list(range(1161, 1200))
    assert buffer.sample(40).rewards.max() == 100.0


@pytest.mark.parametrize("quota", [0.0, 0.5, 1.0])
def test_one_row_stays_writable_whatever_is_protected(quota):
    buffer = a_buffer(12, 3, rare_fraction=0.25, rare_quota=quota)
    fill(buffer, 4)
    buffer.sampler.protect(np.arange(12))
    fill(buffer, 20, start=100)
    assert buffer.observations[:, :, 0].max() == 119


def test_n_step_rows_are_never_passed_over():
    buffer = a_buffer(10, n_steps=2, rare_fraction=0.25)
    fill(buffer, 10)
    buffer.sampler.protect([3])
    fill(buffer, 10, start=100)
    assert buffer.observations[:, 0, 0].tolist() == list(range(100, 110))


def test_a_refused_reward_leaves_the_buffer_as_it_was():
    buffer = a_buffer()
    fill(buffer, 3)
    with pytest.raises(ValueError, match="reward has values that are not finite"):
        fill(buffer, 1, rewards=np.nan)
    assert (buffer.pos, buffer.size(), len(buffer.sampler)) == (3, 3, 3)


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"optimize_memory_usage": True}, ValueError, "optimize_memory_usage=True is not supported"),
        ({"n_steps": 0}, ValueError, "n_steps must be at least 1"),
        ({"gamma": 1.5}, ValueError, "gamma must be"),
        ({"alpha": -1.0}, ValueError, "alpha must be"),
        ({"alfa": 1.0}, TypeError, "alfa"),
    ],
)
def test_bad_arguments(kwargs, error, message):
    with pytest.raises(error, match=message):
        a_buffer(**kwargs)


def test_reset_forgets_everything():
    buffer = a_buffer()
    fill(buffer, 5)
    buffer.reset()
    assert (buffer.size(), len(buffer.sampler)) == (0, 0)
    with pytest.raises(ValueError, match="nothing to sample"):
        buffer.sample(1)


def test_the_seed_of_the_model_decides_the_draws():
    draws = []
    for seed in (3, 3, 4):
        np.random.seed(seed)
        buffer = a_buffer(seed=None)
        fill(buffer, 10)
        draws.append(buffer.sample(50).indices.tolist())
    assert draws[0] == draws[1] != draws[2]


def test_an_algorithm_that_does_not_know_priorities_is_refused():
    model = DQN("MlpPolicy", "CartPole-v1", learning_starts=10, replay_buffer_class=SB3PrioritizedReplayBuffer)
    with pytest.raises(RuntimeError, match=r"update_priorities\(\) was not called.*PrioritizedDQN"):
        model.learn(200)


def test_uniform_draws_need_no_update():
    model = DQN(
        "MlpPolicy",
        "CartPole-v1",
        learning_starts=10,
        replay_buffer_class=SB3PrioritizedReplayBuffer,
        replay_buffer_kwargs=UNIFORM,
    )
    model.learn(200)
    assert model._n_updates > 20


# The algorithms


def make(algorithm, env=None, **kwargs):
    if env is None:
        env = "CartPole-v1" if issubclass(algorithm, DQN) else "Pendulum-v1"
    network = {"policy_kwargs": {"net_arch": [16]}}
    model = algorithm("MlpPolicy", env, **{**network, "learning_starts": 60, "seed": 5, "device": "cpu", **kwargs})
    model.learn(60)  # fills the buffer and sets up the logger; no update yet
    assert model._n_updates == 0
    return model


def shared_state(model):
    return {name: tensor.clone() for name, tensor in model.policy.state_dict().items()}


@pytest.mark.parametrize(
    ("plain", "prioritised"), [(DQN, PrioritizedDQN), (TD3, PrioritizedTD3), (SAC, PrioritizedSAC)]
)
@pytest.mark.parametrize("n_steps", [1, 3])
def test_with_weights_of_one_the_training_step_is_that_of_sb3(plain, prioritised, n_steps):
    theirs, ours = make(plain, n_steps=n_steps), make(prioritised, n_steps=n_steps, replay_buffer_kwargs=UNIFORM)
    assert np.array_equal(theirs.replay_buffer.observations, ours.replay_buffer.observations)
    batches = []
    draw = ours.replay_buffer.sample
    ours.replay_buffer.sample = lambda *arguments: batches.append(draw(*arguments)) or batches[-1]
    torch.manual_seed(0)
    ours.train(6, 16)
    theirs.replay_buffer.sample = lambda *_, **__: batches.pop(0)
    torch.manual_seed(0)
    theirs.train(6, 16)
    assert ours._n_updates == theirs._n_updates == 6
    before, after = shared_state(make(plain)), shared_state(ours)
    assert any(not torch.equal(before[name], after[name]) for name in after)
    for name, tensor in shared_state(theirs).items():
        assert torch.allclose(after[name], tensor, rtol=1e-5, atol=1e-7), name
    logged = theirs.logger.name_to_value
    assert {name for name in logged if name.startswith("train/")} <= set(ours.logger.name_to_value)
    for name in logged:
        if name.startswith("train/"):
            assert ours.logger.name_to_value[name] == pytest.approx(logged[name], rel=1e-4), name


def spread_priorities(model):
    filled = np.arange(len(model.replay_buffer.sampler))
    model.replay_buffer.update_priorities(filled, 0.01 + filled**2)


def captured(model):
    """The batches that the model will draw."""
    batches = []
    draw = model.replay_buffer.sample
    model.replay_buffer.sample = lambda *arguments: batches.append(draw(*arguments)) or batches[-1]
    return batches


def written_priorities(model, indices):
    """What the law says was written, up to a common factor."""
    return model.replay_buffer.sampler.probabilities(indices, 1) ** (1 / model.replay_buffer.sampler.alpha)


def test_one_step_of_dqn_is_that_of_the_weighted_loss_written_by_hand():
    model = make(PrioritizedDQN, replay_buffer_kwargs=TEXTBOOK, max_grad_norm=0.05)
    spread_priorities(model)
    network, target_network = copy.deepcopy(model.q_net), copy.deepcopy(model.q_net_target)
    batches = captured(model)
    model.train(1, 32)
    (batch,) = batches
    assert batch.weights.max() == 1.0
    assert batch.weights.min() < 0.5
    with torch.no_grad():
        target = batch.rewards + 0.99 * (1 - batch.dones) * target_network(batch.next_observations).max(1)[0][:, None]
    value = network(batch.observations)[torch.arange(32), batch.actions[:, 0]][:, None]
    error = (value - target).abs()
    huber = torch.where(error < 1, 0.5 * error**2, error - 0.5)
    loss = (batch.weights * huber).sum() / 32
    optimiser = torch.optim.Adam(network.parameters(), lr=model.learning_rate)
    loss.backward()
    assert torch.nn.utils.clip_grad_norm_(network.parameters(), 0.05) > 0.05
    optimiser.step()
    assert model.logger.name_to_value["train/loss"] == pytest.approx(loss.item(), rel=1e-5)
    for ours, by_hand in zip(model.q_net.parameters(), network.parameters(), strict=True):
        assert torch.allclose(ours, by_hand, atol=1e-7)
        assert torch.allclose(ours.grad, by_hand.grad, atol=1e-7)
    written = written_priorities(model, batch.indices)
    expected = error.detach().numpy()[:, 0] + 1e-6
    assert written / written[0] == pytest.approx(expected / expected[0], rel=1e-3)


@pytest.mark.parametrize("algorithm", [PrioritizedTD3, PrioritizedSAC])
def test_critics_learn_by_the_weighted_loss_and_the_larger_error_is_the_priority(algorithm):
    model = make(algorithm, replay_buffer_kwargs={"alpha": 0.7, "beta": 0.9})
    spread_priorities(model)
    before = copy.deepcopy(model.critic)
    optimiser = torch.optim.Adam(before.parameters(), lr=model.learning_rate)
    policy = copy.deepcopy(model.policy)
    batches = captured(model)
    torch.manual_seed(0)
    model.train(1, 32)
    (batch,) = batches
    torch.manual_seed(0)
    with torch.no_grad():
        if algorithm is PrioritizedTD3:
            noise = (torch.randn_like(batch.actions) * 0.2).clamp(-0.5, 0.5)
            actions, entropy = (policy.actor_target(batch.next_observations) + noise).clamp(-1, 1), 0.0
        else:
            policy.actor.action_log_prob(batch.observations)
            actions, log_prob = policy.actor.action_log_prob(batch.next_observations)
            entropy = log_prob[:, None]  # the coefficient is 1 at first
        following = torch.min(*policy.critic_target(batch.next_observations, actions)) - entropy
        target = batch.rewards + 0.99 * (1 - batch.dones) * following
    first, second = before(batch.observations, batch.actions)
    loss = (batch.weights * ((first - target) ** 2 + (second - target) ** 2)).mean()
    loss = loss if algorithm is PrioritizedTD3 else loss / 2
    loss.backward()
    optimiser.step()
    assert model.logger.name_to_value["train/critic_loss"] == pytest.approx(loss.item(), rel=1e-5)
    for ours, by_hand in zip(model.critic.parameters(), before.parameters(), strict=True):
        assert torch.allclose(ours, by_hand, atol=1e-6)
    # The noise gives each row its own target, and of a slot drawn twice the last row counts.
    rows = list({slot: row for row, slot in enumerate(batch.indices.tolist())}.values())
    assert len(rows) > 20
    written = written_priorities(model, batch.indices[rows])
    expected = torch.max((first - target).abs(), (second - target).abs()).detach().numpy()[rows, 0] + 1e-6
    assert written / written[0] == pytest.approx(expected / expected[0], rel=1e-3)


@pytest.mark.parametrize("algorithm", [PrioritizedTD3, PrioritizedSAC])
def test_actor_critic_has_no_rare_share_unless_it_is_asked_for(algorithm):
    assert make(algorithm).replay_buffer.sampler.rare_fraction == 0.0
    asked = make(algorithm, replay_buffer_kwargs={"rare_fraction": 0.1})
    assert asked.replay_buffer.sampler.rare_fraction == 0.1


@pytest.mark.parametrize(
    ("kwargs", "first", "last"),
    [
        ({"beta": 0.4}, 0.4, 1.0),
        ({"beta": LinearSchedule(0.2, 0.3, 10)}, None, None),
        ({"beta": 0.1, "beta_increment": 0.0}, None, None),
    ],
)
def test_beta_rises_with_the_training_unless_a_schedule_is_given(kwargs, first, last):
    model = make(PrioritizedDQN, replay_buffer_kwargs=kwargs, learning_starts=60)
    betas = []
    draw = model.replay_buffer.sample
    model.replay_buffer.sample = lambda n, env, beta: betas.append(beta) or draw(n, env, beta)
    model.learn(400)
    assert len(betas) > 50
    if first is None:
        assert set(betas) == {None}
    else:
        assert betas[0] == pytest.approx(first + (1 - first) * 64 / 400, abs=0.02)
        assert betas[-1] == last == model.logger.name_to_value["train/beta"]
        assert betas == sorted(betas)


def test_n_steps_reach_the_buffer_without_a_warning():
    model = make(PrioritizedDQN, n_steps=3, gamma=0.9)
    assert (model.replay_buffer.n_steps, model.replay_buffer.gamma) == (3, 0.9)


def test_other_buffer_classes_are_refused():
    with pytest.raises(TypeError, match=r"replay_buffer_class must be SB3PrioritizedReplayBuffer.*not ReplayBuffer"):
        PrioritizedDQN("MlpPolicy", "CartPole-v1", replay_buffer_class=ReplayBuffer)


class Room(gymnasium.Env):
    observation_space = spaces.Dict({"a": spaces.Box(-1, 1, (2,), np.float32), "b": spaces.Discrete(3)})
    action_space = spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.left = 8
        return self.observation_space.sample(), {}

    def step(self, action):
        self.left -= 1
        return self.observation_space.sample(), float(action), self.left == 0, False, {}


def test_dict_observations_and_several_environments_train():
    env = DummyVecEnv([Room, Room, Room])
    model = PrioritizedDQN("MultiInputPolicy", env, learning_starts=30, train_freq=1, n_steps=2, seed=0)
    model.learn(300)
    assert isinstance(model.replay_buffer, SB3PrioritizedDictReplayBuffer)
    assert model._n_updates == 90
    assert len(set(priorities(model.replay_buffer))) > 30


def priorities(buffer):
    return buffer.sampler.probabilities(np.arange(len(buffer.sampler)), 1).tolist()


def test_the_buffer_is_saved_and_loaded_whole():
    model = make(PrioritizedDQN)
    model.learn(400)
    file = io.BytesIO()
    model.save_replay_buffer(file)
    file.seek(0)
    other = make(PrioritizedDQN, seed=9)
    other.load_replay_buffer(file)
    assert priorities(other.replay_buffer) == priorities(model.replay_buffer)
    assert len(set(priorities(other.replay_buffer))) > 100
    one, two = model.replay_buffer.sample(64), other.replay_buffer.sample(64)
    assert torch.equal(one.observations, two.observations)
    assert torch.equal(one.weights, two.weights)
    other.learn(200)


def test_the_model_is_saved_and_loaded(tmp_path):
    model = make(PrioritizedDQN, replay_buffer_kwargs={"alpha": 0.3}, n_steps=2)
    model.learn(200)
    model.save(tmp_path / "model")
    loaded = PrioritizedDQN.load(tmp_path / "model", env=model.get_env())
    assert loaded.replay_buffer.sampler.alpha == 0.3
    assert loaded.replay_buffer.n_steps == 2
    for name, tensor in loaded.policy.state_dict().items():
        assert torch.equal(tensor, model.policy.state_dict()[name])
    loaded.learn(200)


def test_cartpole_is_learnt():
    model = PrioritizedDQN(
        "MlpPolicy",
        "CartPole-v1",
        learning_rate=2.3e-3,
        buffer_size=10_000,
        learning_starts=500,
        batch_size=64,
        train_freq=(64, "step"),
        gradient_steps=32,
        target_update_interval=10,
        exploration_fraction=0.16,
        exploration_final_eps=0.04,
        policy_kwargs={"net_arch": [64, 64]},
        replay_buffer_kwargs=TEXTBOOK,
        seed=0,
        device="cpu",
    )
    before, _ = evaluate_policy(model, model.get_env(), 10, warn=False)
    model.learn(8_000)
    after, _ = evaluate_policy(model, model.get_env(), 10, warn=False)
    assert before < 60
    assert after > 120
    assert np.ptp(priorities(model.replay_buffer)) > 0.0
