"""Where the TD errors are given back."""

from __future__ import annotations

import pytest

from ...rewriting import agent, check_fixed, check_refused, fixed_agent

LOSS = "loss = F.mse_loss(q, target)\n"
WEIGHTED = 'loss = importance_weighted_loss(F.mse_loss(q, target, reduction="none"), weights)\n'
UPDATE = "self.memory.update_priorities(indices, absolute_td_error(q, target))\n"
STEP = "self.optimizer.zero_grad()\nloss.backward()\nself.optimizer.step()\n"


def indented(text: str, step: str = "    ") -> str:
    return "".join(step + line for line in text.splitlines(keepends=True))


@pytest.mark.parametrize(
    ("before_update", "after_update"),
    [
        (STEP, ""),
        (STEP, "self.soft_update(self.network)\nreturn loss.item()\n"),
        (
            "self.optimizer.zero_grad()\nloss.backward()\nclip(self.network)\nself.optimizer.step()\n",
            "self.steps = 1\n",
        ),
        ("self.optimizer.zero_grad()\nloss.backward()\nself.optimizer.step()  # the step\n", ""),
        ("loss.backward()\n", "self.apply(self.optimizer)\n"),
        (
            "self.scaler.scale(loss).backward()\nself.scaler.step(self.optimizer)\nself.scaler.update()\n",
            "return loss\n",
        ),
        ("", "self.optimize(loss)\n"),
        ("", "q = q.mean()\nself.optimizer.zero_grad()\nloss.backward()\nself.optimizer.step()\n"),
        ("", "loss.backward()\nfor q in states:\n    print(q)\nself.optimizer.step()\n"),
        (STEP, "self.actor_optimizer.zero_grad()\nself.actor_optimizer.step()\n"),
    ],
)
def test_after_the_step_that_used_them(before_update, after_update):
    check_fixed(
        agent(LOSS + before_update + after_update),
        fixed_agent(WEIGHTED + before_update + UPDATE + after_update),
    )


def test_inside_a_loop():
    check_fixed(
        agent("for _ in range(2):\n" + indented(LOSS + STEP) + "self.steps = 1\n"),
        fixed_agent("for _ in range(2):\n" + indented(WEIGHTED + STEP + UPDATE) + "self.steps = 1\n"),
    )


def test_outside_a_context_in_which_only_the_loss_is_computed():
    check_fixed(
        agent("with torch.autocast('cpu'):\n" + indented(LOSS) + STEP),
        fixed_agent("with torch.autocast('cpu'):\n" + indented(WEIGHTED) + STEP + UPDATE),
    )


def test_inside_a_context_that_holds_the_step():
    check_fixed(
        agent("with torch.autocast('cpu'):\n" + indented(LOSS + STEP)),
        fixed_agent("with torch.autocast('cpu'):\n" + indented(WEIGHTED + STEP + UPDATE)),
    )


def test_a_loss_that_is_differentiated_in_place():
    check_fixed(
        agent("self.optimizer.zero_grad()\nF.mse_loss(q, target).backward()\nself.optimizer.step()\n"),
        fixed_agent(
            "self.optimizer.zero_grad()\n"
            'importance_weighted_loss(F.mse_loss(q, target, reduction="none"), weights).backward()\n'
            "self.optimizer.step()\n" + UPDATE
        ),
    )


def test_names_that_are_taken():
    taken = "weights = list(self.network.parameters())\nindices = range(len(weights))\n"
    check_fixed(
        agent(taken + LOSS + STEP),
        fixed_agent(
            taken
            + WEIGHTED.replace("weights", "is_weights").replace("importance_is_weighted", "importance_weighted")
            + STEP
            + UPDATE.replace("indices", "batch_indices"),
            weights="is_weights",
            indices="batch_indices",
        ),
    )


def test_all_names_taken():
    taken = "weights = is_weights = importance_weights = 1\nindices = batch_indices = drawn_indices = 2\n"
    check_fixed(
        agent(taken + LOSS + STEP),
        fixed_agent(
            taken
            + 'loss = importance_weighted_loss(\n    F.mse_loss(q, target, reduction="none"),\n'
            + "    importance_weights2,\n)\n"
            + STEP
            + UPDATE.replace("indices", "drawn_indices2"),
            weights="importance_weights2",
            indices="drawn_indices2",
        ),
    )


@pytest.mark.parametrize(("priority", "option"), [("max", ""), ("mean", ', reduce="mean"')])
def test_several_critics(priority, option):
    twin = "q2 = self.network(states)\n"
    second = LOSS.replace("(q,", "(q2,").replace("loss =", "loss +=")
    check_fixed(
        agent(twin + LOSS + second + STEP),
        fixed_agent(
            twin
            + WEIGHTED
            + WEIGHTED.replace("(q,", "(q2,").replace("loss =", "loss +=")
            + STEP
            + f"self.memory.update_priorities(indices, absolute_td_error((q, q2), target{option}))\n"
        ),
        priority=priority,
    )


def test_the_mean_says_nothing_where_there_is_one_critic():
    check_fixed(agent(LOSS + STEP), fixed_agent(WEIGHTED + STEP + UPDATE), priority="mean")


@pytest.mark.parametrize(
    ("learn", "reason"),
    [
        ("return F.mse_loss(q, target)\n", "no TD loss that can be weighted"),
        (LOSS + "return loss\n", "no TD loss that can be weighted"),
        ("if step:\n    return F.mse_loss(q, target)\n" + STEP, "is returned; its step is taken elsewhere"),
        ("loss = F.mse_loss(q, target); loss.backward()\n", "shares its line"),
        (LOSS + "loss.backward(); self.optimizer.step()\n", "shares its line"),
        ("if step: loss = F.mse_loss(q, target)\n", "shares its line"),
        ("if F.mse_loss(self.network(states), target) > 0:\n    pass\n", "stands in a condition"),
    ],
)
def test_refused(learn, reason):
    check_refused(agent(learn), reason)


@pytest.mark.parametrize("whole", ["", "total = loss + 0.1 * q.sum()\n"])
def test_the_step_of_another_loss_comes_first(whole):
    other = "actor_loss = -self.network(states).mean()\nactor_loss.backward()\nself.optimizer.step()\n"
    own = (whole + STEP).replace("loss.backward", "total.backward") if whole else STEP
    option = "rare_fraction=0"
    check_fixed(agent(LOSS + other + own), fixed_agent(WEIGHTED + other + own + UPDATE, option=option))
