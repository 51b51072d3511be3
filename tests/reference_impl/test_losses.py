import numpy as np
import pytest

from experience_replay_optimizer import absolute_td_error, importance_weighted_loss

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
