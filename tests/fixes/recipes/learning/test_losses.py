"""Which losses are weighted, and how the lines look afterwards."""

from __future__ import annotations

import pytest

from ...rewriting import Files, agent, check_fixed, check_refused, dedented, fixed_agent

STEP = """
self.optimizer.zero_grad()
loss.backward()
self.optimizer.step()
"""
UPDATE = "self.memory.update_priorities(indices, absolute_td_error({}, {}))\n"

# The loss before and after, and what the TD error is the difference of.
FORMS = {
    "functional": (
        "loss = F.mse_loss(q, target)",
        'loss = importance_weighted_loss(F.mse_loss(q, target, reduction="none"), weights)',
    ),
    "by keyword": (
        "loss = F.l1_loss(input=q, target=target)",
        """
        loss = importance_weighted_loss(
            F.l1_loss(input=q, target=target, reduction="none"),
            weights,
        )""",
    ),
    "with the mean written out": (
        "loss = F.mse_loss(q, target, reduction='mean')",
        'loss = importance_weighted_loss(F.mse_loss(q, target, reduction="none"), weights)',
    ),
    "with an option": (
        "loss = F.huber_loss(q, target, delta=2.0)",
        """
        loss = importance_weighted_loss(
            F.huber_loss(q, target, delta=2.0, reduction="none"),
            weights,
        )""",
    ),
    "target first": (
        "loss = F.mse_loss(target, q)",
        'loss = importance_weighted_loss(F.mse_loss(target, q, reduction="none"), weights)',
    ),
    "target detached": (
        "loss = F.mse_loss(q, target.detach())",
        'loss = importance_weighted_loss(F.mse_loss(q, target.detach(), reduction="none"), weights)',
    ),
    "local object": (
        "criterion = nn.SmoothL1Loss()\nloss = criterion(q, target)",
        'criterion = nn.SmoothL1Loss(reduction="none")\nloss = importance_weighted_loss(criterion(q, target), weights)',
    ),
    "object made in place": (
        "loss = nn.MSELoss()(q, target)",
        'loss = importance_weighted_loss(nn.MSELoss(reduction="none")(q, target), weights)',
    ),
    "power of a difference": (
        "loss = ((q - target) ** 2).mean()",
        "loss = importance_weighted_loss((q - target) ** 2, weights)",
    ),
    "pow": (
        "loss = (q - target).pow(2).mean()",
        "loss = importance_weighted_loss((q - target).pow(2), weights)",
    ),
    "named error": (
        "td = target - q\nloss = td.pow(2).mean()",
        "td = target - q\nloss = importance_weighted_loss(td.pow(2), weights)",
    ),
    "torch.mean": (
        "loss = torch.mean((q - target) ** 2)",
        "loss = importance_weighted_loss((q - target) ** 2, weights)",
    ),
    "torch.square": (
        "loss = torch.mean(torch.square(target - q))",
        "loss = importance_weighted_loss(torch.square(target - q), weights)",
    ),
    "torch.pow": (
        "loss = torch.mean(torch.pow(q - target, 2))",
        "loss = importance_weighted_loss(torch.pow(q - target, 2), weights)",
    ),
    "half of it": (
        "loss = 0.5 * (q - target).pow(2).mean()",
        "loss = 0.5 * importance_weighted_loss((q - target).pow(2), weights)",
    ),
    "half inside, behind": (
        "loss = ((q - target).pow(2) / 2).mean()",
        "loss = importance_weighted_loss((q - target).pow(2) / 2, weights)",
    ),
    "squares with a name": (
        "squares = 0.5 * (q - target) ** 2\nloss = squares.mean()",
        "squares = 0.5 * (q - target) ** 2\nloss = importance_weighted_loss(squares, weights)",
    ),
    "half inside": (
        "loss = (0.5 * (q - target).pow(2)).mean()",
        "loss = importance_weighted_loss(0.5 * (q - target).pow(2), weights)",
    ),
    "absolute": (
        "loss = (q - target).abs().mean()",
        "loss = importance_weighted_loss((q - target).abs(), weights)",
    ),
    "with a penalty": (
        "loss = F.mse_loss(q, target) + 0.01 * self.network.penalty()",
        """
        loss = importance_weighted_loss(
            F.mse_loss(q, target, reduction="none"),
            weights,
        ) + 0.01 * self.network.penalty()""",
    ),
    "stacked": (
        """
        loss = F.mse_loss(
            q,
            target,
        )""",
        """
        loss = importance_weighted_loss(
            F.mse_loss(
                q,
                target,
                reduction="none",
            ),
            weights,
        )""",
    ),
    "stacked with comments": (
        """
        loss = F.mse_loss(
            q,  # taken
            target  # bootstrap
        )""",
        """
        loss = importance_weighted_loss(
            F.mse_loss(
                q,  # taken
                target,  # bootstrap
                reduction="none"
            ),
            weights,
        )""",
    ),
    "aligned": (
        """
        loss = F.mse_loss(q,
                          target)""",
        """
        loss = importance_weighted_loss(
            F.mse_loss(q,
                       target,
                       reduction="none"),
            weights,
        )""",
    ),
    "in parentheses": (
        """
        loss = (
            F.mse_loss(q, target)
        )""",
        """
        loss = importance_weighted_loss(
            F.mse_loss(q, target, reduction="none"),
            weights,
        )""",
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_loss(name):
    before, after = (dedented(text) + STEP for text in FORMS[name])
    check_fixed(agent(before), fixed_agent(after + UPDATE.format("q", "target")))


def test_a_loss_object_of_the_class():
    check_fixed(
        agent("loss = self.criterion(q, target)" + STEP),
        fixed_agent(
            "loss = importance_weighted_loss(self.criterion(q, target), weights)" + STEP + UPDATE.format("q", "target"),
            criterion='MSELoss(reduction="none")',
        ),
    )


MSE, HUBER = 'MSELoss(reduction="none")', 'nn.SmoothL1Loss(reduction="none")'
KINDS = "class Agent:\n    KINDS = {{'mse': {}, 'huber': {}}}\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("MSELoss() if network else nn.SmoothL1Loss()", f"{MSE} if network else {HUBER}"),
        (
            "MSELoss()\n        if network.robust:\n            self.criterion = nn.SmoothL1Loss()",
            f"{MSE}\n        if network.robust:\n            self.criterion = {HUBER}",
        ),
        ("MSELoss() if network else nn.SmoothL1Loss(reduction='mean')", f"{MSE} if network else {HUBER}"),
    ],
)
def test_a_choice_of_loss_objects(before: str, after: str) -> None:
    weighted = "loss = importance_weighted_loss(self.criterion(q, target), weights)"
    check_fixed(
        agent("loss = self.criterion(q, target)" + STEP, before),
        fixed_agent(weighted + STEP + UPDATE.format("q", "target"), after),
    )


def test_a_dictionary_of_loss_objects() -> None:
    def chosen(files: Files, first: str, second: str) -> Files:
        text = files["agent.py"].replace("class Agent:\n", KINDS.format(first, second))
        return {"agent.py": text.replace("self.criterion = nn.X", "self.criterion = self.KINDS[network.kind]")}

    weighted = "loss = importance_weighted_loss(self.criterion(q, target), weights)"
    check_fixed(
        chosen(agent("loss = self.criterion(q, target)" + STEP, "X"), "nn.MSELoss()", "nn.SmoothL1Loss()"),
        chosen(fixed_agent(weighted + STEP + UPDATE.format("q", "target"), "X"), f"nn.{MSE}", HUBER),
    )


def test_a_dictionary_of_classes_of_losses() -> None:
    def chosen(files: Files, made: str) -> Files:
        text = files["agent.py"].replace("class Agent:\n", KINDS.format("nn.MSELoss", "nn.SmoothL1Loss"))
        return {"agent.py": text.replace("self.criterion = nn.X", f"self.criterion = self.KINDS[network.kind]({made})")}

    weighted = "loss = importance_weighted_loss(self.criterion(q, target), weights)"
    check_fixed(
        chosen(agent("loss = self.criterion(q, target)" + STEP, "X"), ""),
        chosen(fixed_agent(weighted + STEP + UPDATE.format("q", "target"), "X"), 'reduction="none"'),
    )


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ("MSELoss() if network else nn.SmoothL1Loss(reduction='sum')", "has reduction='sum'"),
        ("MSELoss() if network else nn.CrossEntropyLoss()", "is a CrossEntropyLoss"),
        ("MSELoss() if network else own_loss", "may be a loss object, and something else"),
    ],
)
def test_a_choice_of_which_one_has_no_elements_is_refused(choice: str, reason: str) -> None:
    files = agent("loss = self.criterion(q, target)" + STEP, choice)
    own = "\n\ndef own_loss(q, target):\n    return ((q - target) ** 2).mean()\n"
    check_refused({"agent.py": files["agent.py"] + own}, reason)


def test_an_operand_that_is_computed_in_place_is_computed_once():
    check_fixed(
        agent("loss = F.mse_loss(self.network(states).max(1).values, target)" + STEP),
        fixed_agent(
            "prediction = self.network(states).max(1).values\n"
            'loss = importance_weighted_loss(F.mse_loss(prediction, target, reduction="none"), weights)'
            + STEP
            + UPDATE.format("prediction", "target")
        ),
    )


def test_views_are_taken_again():
    check_fixed(
        agent("loss = F.mse_loss(q, target.unsqueeze(1))" + STEP),
        fixed_agent(
            "loss = importance_weighted_loss(\n"
            '    F.mse_loss(q, target.unsqueeze(1), reduction="none"),\n    weights,\n)'
            + STEP
            + UPDATE.format("q", "target.unsqueeze(1)")
        ),
    )


TWIN = "q2 = self.network.second(states)\n"


def test_twin_critics_in_one_sum():
    check_fixed(
        agent(TWIN + "loss = F.mse_loss(q, target) + F.mse_loss(q2, target)" + STEP),
        fixed_agent(
            TWIN
            + "loss = importance_weighted_loss(\n"
            + '    F.mse_loss(q, target, reduction="none") + F.mse_loss(q2, target, reduction="none"),\n'
            + "    weights,\n)"
            + STEP
            + UPDATE.format("(q, q2)", "target")
        ),
    )


def test_half_of_the_sum_of_twin_critics():
    check_fixed(
        agent(TWIN + "loss = 0.5 * (F.mse_loss(q, target) + F.mse_loss(q2, target))" + STEP),
        fixed_agent(
            TWIN
            + "loss = 0.5 * importance_weighted_loss(\n"
            + '    F.mse_loss(q, target, reduction="none") + F.mse_loss(q2, target, reduction="none"),\n'
            + "    weights,\n)"
            + STEP
            + UPDATE.format("(q, q2)", "target")
        ),
    )


def test_twin_critics_in_two_statements():
    first, second = (
        f'importance_weighted_loss(F.mse_loss({q}, target, reduction="none"), weights)' for q in ("q", "q2")
    )
    check_fixed(
        agent(TWIN + "loss1 = F.mse_loss(q, target)\nloss2 = F.mse_loss(q2, target)\nloss = loss1 + loss2" + STEP),
        fixed_agent(
            TWIN
            + f"loss1 = {first}\nloss2 = {second}\nloss = loss1 + loss2"
            + STEP
            + UPDATE.format("(q, q2)", "target")
        ),
    )


def test_one_object_for_twin_critics_is_changed_once():
    check_fixed(
        agent(TWIN + "loss = self.criterion(q, target) + self.criterion(q2, target)" + STEP),
        fixed_agent(
            TWIN
            + "loss = importance_weighted_loss(\n"
            + "    self.criterion(q, target) + self.criterion(q2, target),\n    weights,\n)"
            + STEP
            + UPDATE.format("(q, q2)", "target"),
            criterion='MSELoss(reduction="none")',
        ),
    )


@pytest.mark.parametrize(
    "actor",
    [
        "actor_loss = -self.network(states).mean()\nactor_loss.backward()\n",
        "cloning_loss = F.mse_loss(self.network.act(states), actions)\ncloning_loss.backward()\n",
        "actor_loss = (0.2 * self.network.entropy(states) - self.network(states)).mean()\nactor_loss.backward()\n",
    ],
)
def test_the_actors_loss_stays(actor):
    loss = 'loss = importance_weighted_loss(F.mse_loss(q, target, reduction="none"), weights)'
    check_fixed(
        agent("loss = F.mse_loss(q, target)" + STEP + actor),
        fixed_agent(loss + STEP + UPDATE.format("q", "target") + actor, option="rare_fraction=0"),
    )


def test_what_is_measured_without_gradients_stays():
    measured = "with torch.no_grad():\n    error = F.mse_loss(q, target)\n"
    loss = 'loss = importance_weighted_loss(F.mse_loss(q, target, reduction="none"), weights)'
    check_fixed(
        agent("loss = F.mse_loss(q, target)" + STEP + measured),
        fixed_agent(loss + STEP + UPDATE.format("q", "target") + measured),
    )


@pytest.mark.parametrize(
    ("loss", "reason"),
    [
        ("loss = F.mse_loss(q, target, reduction='sum')", "reduction='sum', whose weighting is not known"),
        ("loss = F.mse_loss(q, target, size_average=True)", "options that are not understood"),
        ("loss = F.mse_loss(q, target, None)", "positional options"),
        ("loss = F.cross_entropy(q, target)", "is a cross_entropy, whose TD error is no difference"),
        ("loss = self.criterion(q, target)\nother = self.criterion(q, states)", "its loss object is also used at"),
        ("loss = ((q - target) ** 2).sum()", "no TD loss that can be weighted"),
        ("loss = self.network.loss(q, target)", "no TD loss that can be weighted"),
    ],
)
def test_refused(loss, reason):
    check_refused(agent(loss + STEP), reason)


def test_two_critics_with_different_targets_are_refused():
    check_refused(
        agent("goal = target + 1\nloss = F.mse_loss(q, target) + F.mse_loss(q, goal)" + STEP), "different targets"
    )


WEIGHTED = 'importance_weighted_loss(F.{}(q, target, reduction="none"), weights)'


def chosen(loss: str) -> str:
    """One of three losses of the same values."""
    first, second, third = (loss.format(name) for name in ("huber_loss", "l1_loss", "mse_loss"))
    return (
        f"if self.huber:\n    loss = {first}\nelif self.robust:\n    loss = {second}\n"
        f"else:\n    scale = 1\n    loss = {third}"
    )


def test_a_choice_of_losses():
    update = "\nself.memory.update_priorities(indices, absolute_td_error(q, target))\n"
    after = chosen(WEIGHTED) + STEP.rstrip("\n") + update
    check_fixed(agent(chosen("F.{}(q, target)") + STEP), fixed_agent(after))


@pytest.mark.parametrize("rest", ["return", "if step:\n        raise ValueError", "for _ in range(2):\n        return"])
def test_a_choice_with_a_branch_that_leaves_is_refused(rest):
    check_refused(agent(chosen("F.{}(q, target)") + f"\n    {rest}" + STEP), "leaves before the priorities are updated")


@pytest.mark.parametrize("jump", ["break", "continue"])
def test_a_choice_with_a_branch_that_leaves_the_loop_is_refused(jump):
    choice = (chosen("F.{}(q, target)") + f"\n    {jump}" + STEP).replace("\n", "\n    ").rstrip(" ")
    check_refused(agent(f"for _ in range(2):\n    {choice}"), "leaves before the priorities are updated")


def test_a_choice_with_a_loop_of_its_own_that_ends():
    loop = "\n    for scale in range(3):\n        if scale:\n            break\n        pass\n    pass"
    update = "\nself.memory.update_priorities(indices, absolute_td_error(q, target))\n"
    after = chosen(WEIGHTED) + loop + STEP.rstrip("\n") + update
    check_fixed(agent(chosen("F.{}(q, target)") + loop + STEP), fixed_agent(after))


@pytest.mark.parametrize(
    "branches",
    [
        "if self.huber:\n    loss = F.huber_loss(q, target)\nelse:\n    loss = F.mse_loss(q * 2, target)",
        "if self.huber:\n    loss = F.huber_loss(q, target)\nloss = F.mse_loss(q, target)",
        "loss = 0\nif self.huber:\n    loss = F.huber_loss(q, target)\n    loss = F.mse_loss(q, target)\nelse:\n"
        "    loss = F.mse_loss(q, target)",
        "loss = 0\nif self.huber:\n    loss = F.huber_loss(q, target)\n"
        "elif self.robust:\n    loss = F.mse_loss(q, target)",
    ],
)
def test_losses_in_different_blocks_are_refused(branches):
    check_refused(agent(branches + STEP), "different blocks")


@pytest.mark.parametrize("read", ["(target - q).abs().mean().item()", "(q - target).pow(2).mean().detach()"])
def test_an_error_that_is_only_read_stays_as_it_is(read):
    loss, weighted = FORMS["functional"]
    logged = f"\nlogged = {read}"
    check_fixed(
        agent(loss + logged + STEP + "return logged\n"),
        fixed_agent(weighted + logged + STEP + UPDATE.format("q", "target") + "return logged\n"),
    )
