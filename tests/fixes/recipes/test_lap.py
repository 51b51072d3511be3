"""Loss-adjusted replay: Huber's loss in the place of weights, on the way through every recipe."""

from __future__ import annotations

import pytest

from ..rewriting import Files, agent, check_fixed, check_refused, run
from .containers import test_index_swap
from .containers.test_container_swap import changed
from .learning import test_delegated, test_fitted_rows, test_taped

IMPORTS = """\
import torch
import torch.nn as nn
import torch.nn.functional as F
"""
UPDATE = "        self.memory.update_priorities(indices, absolute_td_error({}, {}))\n"


def learning(loss: str) -> str:
    return f"loss = {loss}\nself.optimizer.zero_grad()\nloss.backward()\nself.optimizer.step()\n"


def fixed(before: Files, old: str, new: str, *pairs: tuple[str, str], names: str = ", lap_loss") -> Files:
    """The agent as it must be: its buffer, its loss and what follows from them."""
    return changed(
        before,
        ("import random\nfrom collections import deque\n\n", ""),
        (IMPORTS, IMPORTS + f"from experience_replay_optimizer import LapReplayBuffer, absolute_td_error{names}\n"),
        ("deque(maxlen=1000)", "LapReplayBuffer(1000)"),
        ("batch = random.sample(self.memory, 32)", "batch, _, indices = self.memory.sample(32)"),
        (old, new),
        ("        self.optimizer.step()\n", "        self.optimizer.step()\n" + UPDATE.format("q", "target")),
        *pairs,
    )


@pytest.mark.parametrize(
    ("loss", "adjusted"),
    [
        ("((q - target) ** 2).mean()", "lap_loss(q, target)"),
        ("(q - (target)).pow(2).mean()", "lap_loss(q, target)"),
        ("torch.mean((target - q) ** 2)", "lap_loss(target=target, prediction=q)"),
        ("nn.functional.mse_loss(q, target.detach(), reduction='mean')", "lap_loss(q, target.detach())"),
    ],
)
def test_losses(loss: str, adjusted: str) -> None:
    before = agent(learning(loss), "SmoothL1Loss()")
    result = check_fixed(before, fixed(before, loss, adjusted), buffer="lap")
    assert any("half of the squared" in step for step in result.applied[0].steps)


@pytest.mark.parametrize("loss", ["0.5 * F.mse_loss(q, target)", "F.mse_loss(q, target) / 2"])
def test_a_half_is_in_the_loss_already(loss: str) -> None:
    before = agent(learning(loss), "SmoothL1Loss()")
    after = fixed(before, loss, "lap_loss(q, target)")
    after = changed(after, ("import torch.nn.functional as F\n", ""))
    result = check_fixed(before, after, buffer="lap")
    assert not any("half of the squared" in step for step in result.applied[0].steps)


@pytest.mark.parametrize("loss", ["(0.5 * (q - target).pow(2)).mean()", "((q - target).pow(2) / 2).mean()"])
def test_a_half_of_the_squares(loss: str) -> None:
    before = agent(learning(loss), "SmoothL1Loss()")
    result = check_fixed(before, fixed(before, loss, "lap_loss(q, target)"), buffer="lap")
    assert not any("half of the squared" in step for step in result.applied[0].steps)


TWIN = "F.mse_loss(q1, target_q) + F.mse_loss(q2, target_q)"


@pytest.mark.parametrize(
    ("losses", "adjusted"),
    [
        ("{} + {}", "{} + {}"),
        ("{} / 2 + 0.5 * {}", "{} + {}"),
        ("{} + {} / 2", "{} + {} / 2"),
        ("0.5 * {} + {}", "0.5 * {} + {}"),
    ],
)
def test_the_balance_of_two_critics_stays(losses: str, adjusted: str) -> None:
    loss = losses.format("F.mse_loss(q1, target_q)", "F.mse_loss(q2, target_q)")
    result, found = run(changed(test_index_swap.FILES, (TWIN, loss)), unsafe=True, buffer="lap")
    assert adjusted.format("lap_loss(q1, target_q)", "lap_loss(q2, target_q)") + "\n" in "".join(found.values())
    assert any("half of the squared" in step for step in result.applied[0].steps) == ("2 + 0.5" not in losses)


@pytest.mark.parametrize(
    "loss",
    [
        "F.smooth_l1_loss(q1, target_q) + F.mse_loss(q2, target_q)",
        "(0.5 * (q1 - target_q) ** 2).mean() + F.mse_loss(q2, target_q)",
        "(2 * (q1 - target_q) ** 2).mean() + (2 * (q2 - target_q) ** 2).mean()",
        "0.5 * (0.5 * (q1 - target_q) ** 2).mean() + F.mse_loss(q2, target_q) / 2",
    ],
)
def test_a_balance_that_would_change_is_refused(loss: str) -> None:
    reason = "has a factor" if loss.startswith(("(2", "0.5")) else "would count less"
    check_refused(changed(test_index_swap.FILES, (TWIN, loss)), reason, buffer="lap")


def test_an_error_that_has_a_name() -> None:
    before = agent("error = q - target\n" + learning("error.pow(2).mean()"), "SmoothL1Loss()")
    check_fixed(before, fixed(before, "error.pow(2).mean()", "lap_loss(q, target)"), buffer="lap")


def test_a_loss_object_without_another_use_goes() -> None:
    before = agent(learning("self.criterion(target, q)"))
    gone = ("        self.criterion = nn.MSELoss()\n", ""), ("import torch.nn as nn\n", "")
    after = fixed(before, "self.criterion(target, q)", "lap_loss(target=target, prediction=q)", *gone)
    check_fixed(before, after, buffer="lap")


def test_a_loss_object_with_another_use_stays() -> None:
    learn = learning("self.criterion(q, target)") + "print(self.criterion(states, next_states))\n"
    before = agent(learn)
    check_fixed(before, fixed(before, "self.criterion(q, target)", "lap_loss(q, target)"), buffer="lap")


@pytest.mark.parametrize("criterion", ["SmoothL1Loss()", "HuberLoss(delta=1.0)", 'SmoothL1Loss(reduction="mean")'])
def test_a_huber_loss_stays(criterion: str) -> None:
    before = agent(learning("self.criterion(q, target)"), criterion)
    result = check_fixed(before, fixed(before, "", "", names=""), buffer="lap")
    assert [step for step in result.applied[0].steps if "minimum" in step]


def test_twin_critics_and_a_ring_of_arrays() -> None:
    update = "        self.critic_optimizer.step()\n"
    after = changed(
        test_index_swap.FILES,
        ("import numpy as np\nimport torch\n", "import numpy as np\nimport torch\n"
         "from experience_replay_optimizer import LapSampler\n"),
        ("        self.not_done = np.zeros((max_size, 1))\n", "        self.not_done = np.zeros((max_size, 1))\n"
         "        self.priorities = LapSampler(max_size)\n"),
        ("1.0 - done\n", "1.0 - done\n        self.priorities.add(self.ptr)\n"),
        ("ind = np.random.randint(0, self.size, size=batch_size)", "ind, _ = self.priorities.sample(batch_size)"),
        ("            torch.FloatTensor(self.not_done[ind]),\n        )\n",
         "            torch.FloatTensor(self.not_done[ind]),\n            ind,\n        )\n\n"
         "    def update_priorities(self, indices, td_errors):\n        self.priorities.update(indices, td_errors)\n"),
        ("import torch.nn.functional as F\n", "from experience_replay_optimizer import absolute_td_error, lap_loss\n"),
        ("reward, not_done = replay_buffer", "reward, not_done, indices = replay_buffer"),
        ("F.mse_loss(q1, target_q) + F.mse_loss(q2, target_q)", "lap_loss(q1, target_q) + lap_loss(q2, target_q)"),
        (update, update + "        replay_buffer.update_priorities(indices, absolute_td_error((q1, q2), target_q))\n"),
    )  # fmt: skip
    result = check_fixed(test_index_swap.FILES, after, buffer="lap")
    assert any("JAIR 2023" in step and "LAP was made for such code" in step for step in result.applied[0].steps)


def test_functions_that_hold_the_loss_take_no_weights() -> None:
    files = {path: text.removeprefix("\n") for path, text in test_delegated.programs().items()}
    result, found = run(files, buffer="lap")
    assert result.refused == []
    training = found["training.py"]
    assert "weights" not in training
    assert "loss = lap_loss(q, backup)" in training
    assert "batch, indices = store.draw(64)" in training
    assert "td_errors = update(data=batch)" in training


def test_under_a_tape() -> None:
    files = {
        path: text.removeprefix("\n") for path, text in test_taped.agent("loss = keras.losses.MSE(target, q)").items()
    }
    result, found = run(files, buffer="lap")
    assert result.refused == []
    assert "loss = lap_loss(target=target, prediction=q)\n" in "".join(found.values())


def test_fitted_rows_are_compiled_with_hubers_loss() -> None:
    files = {path: text.removeprefix("\n") for path, text in test_fitted_rows.program(test_fitted_rows.SINGLY).items()}
    result, found = run(files, buffer="lap")
    assert result.refused == []
    assert 'self.model.compile(loss="huber", optimizer="adam")' in "".join(found.values())
    assert "sample_weight" not in "".join(found.values())
    own = {path: text.replace('loss="mse"', 'loss="mae"') for path, text in files.items()}
    check_refused(own, 'the loss "mae" of the model', buffer="lap")


def test_rows_of_all_actions_are_refused() -> None:
    learn = "rows = self.network(states)\ngoal = rows.detach().clone()\ngoal[range(32), actions] = target\n"
    check_refused(agent(learn + learning("F.mse_loss(rows, goal)")), "rows of all actions", buffer="lap")


def test_options_are_refused() -> None:
    check_refused(agent(learning("F.smooth_l1_loss(q, target, beta=0.5)")), "not understood", buffer="lap")


def test_a_choice_of_loss_objects_is_refused() -> None:
    files = agent(learning("self.criterion(q, target)"), "MSELoss() if network else nn.SmoothL1Loss()")
    check_refused(files, "one of several, and LAP", buffer="lap")
