import copy
from types import SimpleNamespace

import numpy as np
import pytest

from experience_replay_optimizer import AdvancedReplayBuffer, LinearSchedule, PrioritizedReplayBuffer

torch = pytest.importorskip("torch")

from experience_replay_optimizer.tensor_buffer import TensorReplayBuffer  # noqa: E402
from experience_replay_optimizer.training import train_with_prioritized_replay  # noqa: E402

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
STATES, ACTIONS, GAMMA = 4, 2, 0.9


@pytest.fixture(params=DEVICES)
def device(request):
    return request.param


@pytest.fixture(params=["prioritised", "advanced", "tensors"])
def make_buffer(request, device):
    if request.param == "tensors":
        return lambda capacity=64, **options: TensorReplayBuffer(capacity, device=device, **{"seed": 0, **options})
    make = PrioritizedReplayBuffer if request.param == "prioritised" else AdvancedReplayBuffer
    return lambda capacity=64, **options: make(capacity, **{"seed": 0, **options})


def agent_of(values, following=None, rate=0.1, device="cpu"):
    """Q-networks that are tables: state s, one-hot, has the values values[s]."""
    networks = []
    for table in (values, values if following is None else following):
        table = torch.as_tensor(table, dtype=torch.float32)
        network = torch.nn.Linear(table.shape[0], table.shape[1], bias=False)
        network.weight.data = table.T.clone()
        networks.append(network.to(device))
    optimizer = torch.optim.SGD(networks[0].parameters(), lr=rate)
    return SimpleNamespace(q_network=networks[0], target_network=networks[1], gamma=GAMMA, optimizer=optimizer)


def one_hot(state):
    return np.eye(STATES, dtype=np.float32)[state]


def fill(buffer, transitions, **extras):
    for state, action, reward, next_state, done in transitions:
        buffer.add(one_hot(state), action, reward, one_hot(next_state), done, **extras)


TRANSITIONS = [(0, 0, 1.0, 1, False), (1, 1, -2.0, 2, False), (2, 0, 5.0, 3, True), (0, 1, 0.0, 0, False)]
VALUES = np.array([[0.5, 0.1], [0.3, -1.0], [2.0, 0.0], [9.0, 9.0]])
FOLLOWING = np.array([[0.2, 0.4], [1.0, 0.6], [-0.5, -0.1], [7.0, 8.0]])


def expected_errors(discount=GAMMA):
    return np.array(
        [
            reward + discount * FOLLOWING[next_state].max() * (not done) - VALUES[state, action]
            for state, action, reward, next_state, done in TRANSITIONS
        ]
    )


@pytest.mark.parametrize("extras", [{}, {"discount": 0.25}])
def test_loss_step_and_priorities_are_those_of_the_formulas(make_buffer, device, extras):
    buffer = make_buffer(8, normalise=None, epsilon=1e-6)
    fill(buffer, TRANSITIONS, **extras)
    buffer.update_priorities(np.arange(4), np.array([1.0, 2.0, 3.0, 4.0]))
    probe = copy.deepcopy(buffer) if not isinstance(buffer, TensorReplayBuffer) else None
    agent = agent_of(VALUES, FOLLOWING, device=device)
    before = agent.q_network.weight.detach().cpu().numpy().copy()
    drawn = []
    sample = buffer.sample
    buffer.sample = lambda count: drawn.append(sample(count)) or drawn[0]
    loss, mean_error = train_with_prioritized_replay(agent, buffer, 4)
    _, weights, indices = drawn[0]
    rows, weights = np.asarray(torch.as_tensor(indices).cpu()), np.asarray(torch.as_tensor(weights).cpu(), float)
    errors = expected_errors(extras.get("discount", GAMMA))
    assert loss == pytest.approx((weights * errors[rows] ** 2).mean(), rel=1e-5)
    assert mean_error == pytest.approx(np.abs(errors[rows]).mean(), rel=1e-5)
    gradient = np.zeros((ACTIONS, STATES))
    for row, weight in zip(rows, weights, strict=True):
        state, action = TRANSITIONS[row][:2]
        gradient[action, state] -= 2 * weight * errors[row] / 4
    gradient /= max(1.0, np.linalg.norm(gradient))
    after = agent.q_network.weight.detach().cpu().numpy()
    np.testing.assert_allclose(after, before - 0.1 * gradient, rtol=1e-4, atol=1e-6)
    # The priorities are those of the TD errors before the step.
    priorities = np.array([1.0, 2.0, 3.0, 4.0]) + 1e-6
    priorities[rows] = np.abs(errors[rows]) + 1e-6
    if probe is not None:
        probe.update_priorities(np.arange(4), priorities - 1e-6)
        expected = probe.sampler.probabilities(np.arange(4), 4)
    else:
        expected = priorities**0.6 / (priorities**0.6).sum()
    found = torch.as_tensor(buffer.sampler.probabilities(np.arange(4), 4)).cpu()
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_it_learns_a_chain(make_buffer, device):
    """Right ends the chain with 1, left ends it with 0.2: the values of right are gamma^(steps to the end)."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    buffer = make_buffer(400, beta=LinearSchedule(0.4, 1.0, 400))
    while len(buffer) < 400:
        state = int(rng.integers(STATES))
        if rng.random() < 0.5:
            end = state == STATES - 1
            fill(buffer, [(state, 1, float(end), min(state + 1, STATES - 1), end)])
        else:
            fill(buffer, [(state, 0, 0.2, 0, True)])
    agent = agent_of(rng.normal(size=(STATES, ACTIONS)), device=device)
    agent.optimizer = torch.optim.Adam(agent.q_network.parameters(), lr=0.05)
    first = np.mean([train_with_prioritized_replay(agent, buffer)[0] for _ in range(20)])
    for step in range(400):
        loss, error = train_with_prioritized_replay(agent, buffer)
        if step % 10 == 0:
            agent.target_network.load_state_dict(agent.q_network.state_dict())
    values = agent.q_network.weight.detach().cpu().numpy().T
    np.testing.assert_allclose(values[:, 1], GAMMA ** np.arange(STATES - 1, -1, -1), atol=0.02)
    np.testing.assert_allclose(values[:, 0], 0.2, atol=0.02)
    assert loss < 1e-3 * first
    assert error < 0.02


@pytest.mark.parametrize("column", [lambda value: [value], lambda value: np.array([value])])
def test_columns_of_one_value_are_rows(column):
    buffer, plain = (PrioritizedReplayBuffer(8, seed=0) for _ in range(2))
    fill(plain, TRANSITIONS, discount=0.5)
    for state, action, reward, next_state, done in TRANSITIONS:
        buffer.add(one_hot(state), column(action), reward, one_hot(next_state), done, discount=column(0.5))
    results = [train_with_prioritized_replay(agent_of(VALUES, FOLLOWING), one, 4) for one in (buffer, plain)]
    assert results[0] == results[1]


def test_the_value_behind_the_end_does_not_count():
    buffer = PrioritizedReplayBuffer(8, seed=0)
    fill(buffer, TRANSITIONS[2:3])
    agent = agent_of(VALUES, FOLLOWING)
    agent.target_network = lambda states: torch.full((1, 2), torch.nan)
    assert train_with_prioritized_replay(agent, buffer, 1) == (9.0, 3.0)


def test_observations_take_the_dtype_of_the_network():
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(3, 2)

        def forward(self, states):
            return self.layer(torch.cat([states["goal"]["xy"], states["speed"][:, None]], 1))

    torch.manual_seed(0)
    for dtype in (torch.float32, torch.float64):
        network = Net().to(dtype)
        agent = SimpleNamespace(
            q_network=network,
            target_network=network,
            gamma=0.9,
            optimizer=torch.optim.SGD(network.parameters(), lr=0.1),
        )
        buffer = PrioritizedReplayBuffer(8, seed=0)
        for number in range(8):
            state = {"goal": {"xy": np.array([number, 1], np.uint8)}, "speed": number / 7}
            buffer.add(state, number % 2, 1.0, state, False)
        loss, _ = train_with_prioritized_replay(agent, buffer, 8)
        assert loss > 0


@pytest.mark.parametrize(
    ("action", "values", "error", "message"),
    [
        (0.0, VALUES, TypeError, "actions must be integers, not torch.float64"),
        (np.float32([0.5]), VALUES, TypeError, "actions must be integers, not torch.float32"),
        ([0, 1], VALUES, ValueError, r"one integer a transition, not of shape \(2, 2\)"),
        (2, VALUES, ValueError, "actions are between 2 and 2, and q_network has values for 2"),
        (-1, VALUES, ValueError, "actions are between -1 and -1"),
        (0, np.full((4, 2), np.inf), ValueError, "the loss is (inf|nan)"),
    ],
)
def test_refused_batches_change_nothing(action, values, error, message):
    buffer = PrioritizedReplayBuffer(8, seed=0)
    for _ in range(4):
        buffer.add(one_hot(0), action, 1.0, one_hot(1), False)
    agent = agent_of(values, FOLLOWING)
    before = agent.q_network.weight.detach().clone()
    with pytest.raises(error, match=message):
        train_with_prioritized_replay(agent, buffer, 2)
    assert torch.equal(agent.q_network.weight, before)
    assert buffer.max_priority == 1.0


@pytest.mark.parametrize("name", ["q_network", "target_network"])
def test_networks_of_another_shape_are_refused(name):
    agent = agent_of(VALUES, FOLLOWING)
    getattr(agent, name).register_forward_hook(lambda module, inputs, values: values[:, 0])
    buffer = PrioritizedReplayBuffer(8, seed=0)
    fill(buffer, TRANSITIONS)
    with pytest.raises(ValueError, match=rf"{name} must return the shape \(3, number of actions\), not \(3,\)"):
        train_with_prioritized_replay(agent, buffer, 3)


def test_a_gradient_that_is_not_finite_changes_nothing():
    agent = agent_of(VALUES, FOLLOWING)
    agent.q_network.weight.register_hook(lambda gradient: gradient * torch.inf)
    before = agent.q_network.weight.detach().clone()
    buffer = PrioritizedReplayBuffer(8, seed=0)
    fill(buffer, TRANSITIONS)
    with pytest.raises(RuntimeError, match="non-finite"):
        train_with_prioritized_replay(agent, buffer, 4)
    assert torch.equal(agent.q_network.weight, before)
    assert buffer.max_priority == 1.0


def test_objects_and_discounts_out_of_range_are_refused():
    buffer = PrioritizedReplayBuffer(8, seed=0)
    buffer.append((one_hot(0), 0, 1.0, one_hot(1), False))
    with pytest.raises(TypeError, match=r"add\(\) come as a Batch"):
        train_with_prioritized_replay(agent_of(VALUES), buffer, 1)
    buffer = PrioritizedReplayBuffer(8, seed=0)
    fill(buffer, TRANSITIONS)
    agent = agent_of(VALUES)
    agent.gamma = 99
    with pytest.raises(ValueError, match=r"agent\.gamma"):
        train_with_prioritized_replay(agent, buffer, 4)
