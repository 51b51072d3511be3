"""Keras' losses of two rows, which newer versions average over their only axis."""

import pytest

from per_audit.facts import extract
from per_audit.graph import link
from per_audit_rules.per101_weights_after_reduction import WeightsAfterReduction

_LOSS = "loss = tf.keras.losses.Huber()(goals, chosen)\n            loss = tf.reduce_mean(loss * importance)"


@pytest.mark.parametrize(
    ("loss", "rated", "found"),
    [
        ("Huber()", "error", 1),
        ("Huber(reduction=tf.keras.losses.Reduction.NONE)", "error", 1),
        ("Huber(reduction=tf.keras.losses.Reduction.NONE)", "apart", 0),  # a number cannot be gone through
        ("Huber()", "apart", 1),
        ("MeanSquaredError(reduction=tf.keras.losses.Reduction.NONE)", "apart", 1),  # averaged by every version
    ],
)
def test_a_loss_of_rows_that_becomes_priorities_one_by_one_is_no_number(loss, rated, found):
    (example,) = (each for each in WeightsAfterReduction.bad if _LOSS in each.plain.get("agent.py", ""))
    made = f"apart = tf.keras.losses.{loss}(goals, chosen)\n            loss = tf.reduce_mean(apart * importance)"
    texts = {
        path: text.replace(_LOSS, made).replace("correct(slots, error)", f"correct(slots, {rated})")
        for path, text in example.plain.items()
    }
    graph = link([extract(path, text.encode()) for path, text in texts.items()])
    assert len(list(WeightsAfterReduction().check(graph))) == found


@pytest.mark.parametrize(
    ("scaled", "found"),
    [
        ("p.grad.data *= np.mean(weights)", 1),
        ("p.grad *= weights.mean()", 1),
        ("p.grad.mul_(torch.as_tensor(weights).mean())", 1),
        ("p.grad.data *= 0.5", 0),
        ("p.grad.data *= weights[0]", 0),  # of one transition at a time, perhaps
        ("p.data *= weights.mean()", 0),
    ],
)
def test_the_mean_of_the_weights_multiplies_every_gradient(scaled, found):
    (example,) = (each for each in WeightsAfterReduction.bad if each.title == "a functional loss, PyTorch")
    before, product, rest = example.plain["learn.py"].partition("(torch.as_tensor(weights) * F.mse_loss")
    loss = "(F.mse_loss"
    lines = (before + loss + rest).splitlines()
    at = next(number for number, line in enumerate(lines) if ".backward()" in line)
    lines[at + 1 : at + 1] = ["        for p in self.net.parameters():", f"            {scaled}"]
    graph = link([extract("learn.py", "\n".join(lines).encode())])
    assert product
    assert len(list(WeightsAfterReduction().check(graph))) == found


@pytest.mark.parametrize(
    ("beside", "found"),
    [
        ("self.share_coef * second", 1),
        ("0.5 * second", 1),
        ("self.advantages * second", 0),  # one for each transition, perhaps
    ],
)
def test_losses_that_settings_scale_are_averaged_as_they_were(beside, found):
    (example,) = (each for each in WeightsAfterReduction.bad if each.title == "a functional loss, PyTorch")
    made, loss = "        loss = ", "F.mse_loss(q, torch.as_tensor(targets))"
    text = example.plain["learn.py"].replace(loss, f"({loss} + {beside})")
    text = text.replace(made, f"        second = F.mse_loss(q, q.detach() + 1)\n{made}")
    text += "\n    def tell(self, given):\n        self.share_coef, self.advantages = given\n"
    graph = link([extract("learn.py", text.encode())])
    assert len(list(WeightsAfterReduction().check(graph))) == found
