"""What learns the drawn reward itself is a model of it: no critic, and no TD error."""

from __future__ import annotations

import pytest

from ...rewriting import agent, check_fixed, check_refused, fixed_agent

STEP = """
self.optimizer.zero_grad()
loss.backward()
self.optimizer.step()
"""
LOSS = "loss = F.mse_loss(q, {})" + STEP
WEIGHTED = (
    'loss = importance_weighted_loss(F.mse_loss(q, {0}, reduction="none"), weights)'
    + STEP
    + "self.memory.update_priorities(indices, absolute_td_error(q, {0}))\n"
)
FORMS = {
    "the column": "F.mse_loss(self.model(states), rewards)",
    "another shape": "F.mse_loss(self.model(states), rewards.unsqueeze(1).detach())",
    "a tensor of it": "F.mse_loss(self.model(states), torch.as_tensor(rewards))",
    "the other way round": "F.mse_loss(rewards, self.model(states))",
    "written out": "((self.model(states) - rewards) ** 2).mean()",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_model_of_the_reward_keeps_its_loss(form: str) -> None:
    model = f"model_loss = {FORMS[form]}\nself.keep(model_loss)\n"
    check_fixed(agent(model + LOSS.format("target")), fixed_agent(model + WEIGHTED.format("target")))


def test_a_name_of_the_column() -> None:
    model = "truth = rewards.float()\ntruth = truth.unsqueeze(1)\nself.keep(F.mse_loss(self.model(states), truth))\n"
    check_fixed(agent(model + LOSS.format("target")), fixed_agent(model + WEIGHTED.format("target")))


@pytest.mark.parametrize(
    "change", ["rewards += 0.9 * target", "rewards[dones == 0] += 0.9 * target", "rewards.add_(0.9 * target)"]
)
def test_rewards_to_which_the_rest_is_added_are_a_target(change: str) -> None:
    check_fixed(agent(f"{change}\n{LOSS.format('rewards')}"), fixed_agent(f"{change}\n{WEIGHTED.format('rewards')}"))


def test_a_model_of_the_reward_alone_is_refused() -> None:
    check_refused(agent(LOSS.format("rewards")), "no TD loss that can be weighted")


def test_a_target_that_is_computed_elsewhere_is_one() -> None:
    pair = "q, goal = self.pair(q, rewards, target)\n"
    method = "\n    def pair(self, q, rewards, rest):\n        return q, rewards + 0.9 * rest\n"
    before = agent(f"{pair}{LOSS.format('goal')}")
    after = fixed_agent(f"{pair}{WEIGHTED.format('goal')}")
    for files in (before, after):
        files["agent.py"] = files["agent.py"].replace("\n\n\ndef main", f"\n{method}\n\ndef main")
    check_fixed(before, after)
