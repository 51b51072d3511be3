import numpy as np
import pytest

from experience_replay_optimizer import absolute_td_error, importance_weighted_loss
from experience_replay_optimizer.losses import lap_loss, pal_loss

torch = pytest.importorskip("torch")

WEIGHTS = np.array([1.0, 0.5, 0.25], np.float32)


@pytest.mark.parametrize("shape", [(3,), (3, 1), (3, 4), (3, 2, 2)])
@pytest.mark.parametrize("weights", [WEIGHTS, torch.from_numpy(WEIGHTS), WEIGHTS.tolist(), WEIGHTS[:, None]])
def test_each_row_gets_its_own_weight(shape, weights):
    values = torch.arange(float(np.prod(shape))).reshape(shape).requires_grad_()
    loss = importance_weighted_loss(values, weights)
    rows = values.detach().numpy().reshape(3, -1)
    assert loss.shape == ()
    assert loss.item() == pytest.approx((rows * WEIGHTS[:, None]).mean())
    loss.backward()
    gradient = np.broadcast_to(WEIGHTS[:, None] / rows.size, rows.shape)
    np.testing.assert_allclose(values.grad.numpy().reshape(3, -1), gradient, rtol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_weights_take_the_dtype_of_the_loss(dtype):
    loss = importance_weighted_loss(torch.ones(3, 1, dtype=dtype), WEIGHTS.astype(np.float64))
    assert loss.dtype == dtype
    assert importance_weighted_loss(torch.ones(3, dtype=dtype), torch.from_numpy(WEIGHTS)).dtype == dtype


def test_weights_get_no_gradient():
    weights = torch.ones(2, requires_grad=True)
    importance_weighted_loss(torch.ones(2, requires_grad=True), weights).backward()
    assert weights.grad is None


def test_no_weights_count_every_row_the_same():
    assert importance_weighted_loss(np.array([[2.0], [4.0]]), None) == 3.0
    assert importance_weighted_loss(torch.tensor([2.0, 4.0]), None).item() == 3.0


def test_numpy_losses():
    assert importance_weighted_loss(np.array([[2.0], [4.0], [8.0]]), WEIGHTS) == pytest.approx(2.0)
    assert importance_weighted_loss(np.ones(3), torch.from_numpy(WEIGHTS)) == pytest.approx(WEIGHTS.mean())


@pytest.mark.parametrize(
    ("loss", "weights", "error", "message"),
    [
        (torch.tensor(1.0), WEIGHTS, ValueError, "reduction"),
        (np.float64(1.0), WEIGHTS, TypeError, "tensor"),
        (np.array(1.0), WEIGHTS, ValueError, "reduction"),
        (torch.ones(4), WEIGHTS, ValueError, r"\(3,\) do not fit a loss of shape \(4,\)"),
        (torch.ones(1, 3), WEIGHTS, ValueError, "do not fit"),
        (torch.ones(3), np.ones((3, 3)), ValueError, "do not fit"),
        (torch.ones(3), 1.0, ValueError, "do not fit"),
        ([1.0, 2.0, 3.0], WEIGHTS, TypeError, "sample_weight"),
    ],
)
def test_refused_losses(loss, weights, error, message):
    with pytest.raises(error, match=message):
        importance_weighted_loss(loss, weights)


@pytest.mark.parametrize("left", [(3,), (3, 1)])
@pytest.mark.parametrize("right", [(3,), (3, 1)])
def test_td_errors_of_columns_and_rows(left, right):
    prediction = torch.tensor([1.0, 2.0, 3.0], requires_grad=True).reshape(left)
    target = torch.tensor([2.0, 2.0, 0.0]).reshape(right)
    errors = absolute_td_error(prediction, target)
    assert isinstance(errors, np.ndarray)
    assert errors.tolist() == [1.0, 0.0, 3.0]


def test_several_critics():
    first, second, target = torch.tensor([[1.0], [5.0]]), torch.tensor([[3.0], [4.0]]), torch.tensor([[2.0], [2.0]])
    first = first + torch.tensor([[0.0], [0.0]])
    assert absolute_td_error((first, second), target).tolist() == [1.0, 3.0]
    assert absolute_td_error([first, second], target, reduce="mean").tolist() == [1.0, 2.5]


def test_rows_of_several_values_are_averaged():
    assert absolute_td_error(np.array([[1.0, 3.0], [0.0, 0.0]]), np.zeros((2, 2))).tolist() == [2.0, 0.0]


def test_a_squeezed_batch_of_one():
    assert absolute_td_error(torch.tensor(3.0), torch.tensor([[1.0]])).tolist() == [2.0]


def test_half_precision_is_subtracted_in_double():
    errors = absolute_td_error(torch.ones(2, dtype=torch.bfloat16), torch.full((2,), 3.0, dtype=torch.bfloat16))
    assert errors.dtype == np.float64
    assert errors.tolist() == [2.0, 2.0]


@pytest.mark.parametrize(
    ("prediction", "target", "message"),
    [
        (torch.ones(3, 1), torch.ones(4), "broadcast"),
        (torch.ones(3, 2), torch.ones(3), "broadcast"),
        (torch.ones(1, 3), torch.ones(3), "broadcast"),
        (torch.ones(3), torch.tensor(1.0), "broadcast"),
        ((torch.ones(3), torch.ones(2)), torch.ones(3), "broadcast"),
        ((), torch.ones(3), "empty"),
    ],
)
def test_refused_td_errors(prediction, target, message):
    with pytest.raises(ValueError, match=message):
        absolute_td_error(prediction, target)


def test_refused_reduction():
    with pytest.raises(ValueError, match="reduce"):
        absolute_td_error(np.ones(2), np.ones(2), reduce="min")


ERRORS = np.array([-3.0, -1.0, -0.5, 0.0, 0.25, 0.5, 1.0, 2.0, 10.0])


@pytest.mark.parametrize("minimum", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_lap_is_the_huber_loss(minimum, shape):
    prediction = torch.tensor(ERRORS + 4.0).reshape(shape).requires_grad_()
    loss = lap_loss(prediction, torch.full((9,), 4.0), minimum)
    reference = torch.nn.functional.huber_loss(torch.tensor(ERRORS), torch.zeros(9), delta=minimum)
    assert loss.item() == pytest.approx(reference.item())
    loss.backward()
    gradient = np.clip(ERRORS, -minimum, minimum) / 9
    np.testing.assert_allclose(prediction.grad.reshape(-1), gradient, rtol=1e-12)
    assert lap_loss(ERRORS, np.zeros((9, 1)), minimum) == pytest.approx(loss.item())


@pytest.mark.parametrize("minimum", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("alpha", [0.0, 0.4, 1.0])
def test_pal_has_the_expected_gradient_of_lap(minimum, alpha):
    prediction = torch.tensor(ERRORS, requires_grad=True)
    loss = pal_loss(prediction, torch.zeros(9, 1), alpha, minimum)
    loss.backward()
    density = np.maximum(np.abs(ERRORS), minimum) ** alpha
    density /= density.sum()
    np.testing.assert_allclose(prediction.grad, density * np.clip(ERRORS, -minimum, minimum), rtol=1e-12)
    assert pal_loss(ERRORS, np.zeros(9), alpha, minimum) == pytest.approx(loss.item())


def test_pal_has_the_values_of_the_paper_up_to_a_constant():
    # Minimum 1: e^2 / 2 up to 1, beyond it |e|^(1 + alpha) / (1 + alpha), over the mean of max(|e|^alpha, 1).
    one, four = pal_loss(np.array([0.5]), np.zeros(1)), pal_loss(np.array([4.0]), np.zeros(1))
    assert one == pytest.approx(0.125)
    assert four * 4.0**0.4 == pytest.approx(4.0**1.4 / 1.4 + 0.5 - 1 / 1.4)
    assert pal_loss(np.array([1.0 + 1e-9]), np.zeros(1)) == pytest.approx(pal_loss(np.ones(1), np.zeros(1)))


def test_losses_of_several_critics_are_added():
    first, second, target = np.array([[3.0], [0.5]]), np.array([[0.25], [6.0]]), np.array([[0.0], [0.0]])
    assert lap_loss((first, second), target) == pytest.approx(lap_loss(first, target) + lap_loss(second, target))
    both = pal_loss([first, second], target)
    largest = np.array([3.0, 6.0])
    divisors = [(np.maximum(np.abs(one), 1.0) ** 0.4).mean() for one in (first, second, largest)]
    undivided = pal_loss(first, target) * divisors[0] + pal_loss(second, target) * divisors[1]
    assert both == pytest.approx(undivided / divisors[2])
    tensors = [torch.tensor(one, requires_grad=True) for one in (first, second)]
    loss = pal_loss(tensors, torch.tensor(target))
    assert loss.item() == pytest.approx(both)
    loss.backward()
    np.testing.assert_allclose(tensors[0].grad.reshape(-1), np.array([3.0**0.4, 0.5]) / divisors[2] / 2, rtol=1e-12)


@pytest.mark.parametrize("loss_of", [lap_loss, pal_loss])
def test_no_gradient_flows_into_the_target(loss_of):
    prediction, target = torch.ones(3, requires_grad=True), torch.zeros(3, requires_grad=True)
    loss_of(prediction, target).backward()
    assert target.grad is None
    assert prediction.grad is not None


@pytest.mark.parametrize("loss_of", [lap_loss, pal_loss])
def test_large_errors_in_single_precision(loss_of):
    prediction = torch.tensor([1e20, 1.0], requires_grad=True)
    loss = loss_of(prediction, torch.zeros(2))
    loss.backward()
    assert loss.isfinite()
    assert prediction.grad.isfinite().all()


@pytest.mark.parametrize("loss_of", [lap_loss, pal_loss])
@pytest.mark.parametrize(
    ("prediction", "target", "error", "message"),
    [
        (torch.ones(3, 1), torch.ones(4), ValueError, r"\(3, 1\) and target of shape \(4,\)"),
        (torch.ones(3, 2), torch.ones(3, 2), ValueError, "one value a transition"),
        (torch.ones(1, 3), torch.ones(3), ValueError, "one value a transition"),
        (torch.tensor(1.0), torch.tensor(1.0), ValueError, "not reduced"),
        (torch.ones(3), torch.tensor(1.0), ValueError, "not broadcast"),
        ((torch.ones(3), torch.ones(2)), torch.ones(3), ValueError, "not broadcast"),
        ((), torch.ones(3), ValueError, "empty"),
        (np.ones(3), torch.ones(3), TypeError, "both"),
        (torch.ones(3), np.ones(3), TypeError, "not Tensor and ndarray"),
        ([1.0, 2.0], np.ones(2), TypeError, "not float and ndarray"),
    ],
)
def test_refused_critics(loss_of, prediction, target, error, message):
    with pytest.raises(error, match=message):
        loss_of(prediction, target)


@pytest.mark.parametrize("loss_of", [lap_loss, pal_loss])
@pytest.mark.parametrize("minimum", [0.0, -1.0, np.nan])
def test_refused_minima(loss_of, minimum):
    with pytest.raises(ValueError, match="minimum"):
        loss_of(np.ones(2), np.ones(2), minimum=minimum)


def test_refused_alpha():
    with pytest.raises(ValueError, match="alpha"):
        pal_loss(np.ones(2), np.ones(2), alpha=-0.1)


@pytest.mark.parametrize("weights", [[0.5], np.array([[0.5]], np.float32), torch.tensor([0.5])])
def test_a_batch_of_one_that_was_squeezed(weights):
    value = torch.tensor(3.0, requires_grad=True)
    loss = importance_weighted_loss((value - 1.0) ** 2, weights)
    assert (loss.shape, loss.item()) == ((), 2.0)
    loss.backward()
    assert value.grad.item() == 2.0
    assert importance_weighted_loss(np.array(4.0), weights) == 2.0
    with pytest.raises(ValueError, match="averaged already"):
        importance_weighted_loss(value, [0.5, 0.5])
