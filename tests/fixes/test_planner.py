"""The plans: what they resolve, when they are safe, what a person must do where there is no recipe."""

from __future__ import annotations

import io
import random
import tokenize
import types
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from per_audit.findings import Applicability
from per_audit.fixes.result import Why

from .rewriting import Files, agent, check_fixed, check_refused, dedented, fixed_agent, run

STEP = "self.optimizer.zero_grad()\nloss.backward()\nself.optimizer.step()\n"
LEARN = "loss = F.mse_loss(q, target)\n" + STEP
UPDATE = "self.memory.update_priorities(indices, absolute_td_error(q, target))\n"
FIXED = 'loss = importance_weighted_loss(F.mse_loss(q, target, reduction="none"), weights)\n' + STEP + UPDATE

KERAS = """
import random
from collections import deque

import numpy as np


class Agent:
    def __init__(self, model):
        self.model = model
        self.memory = deque(maxlen=2000)

    def remember(self, state, action, reward, next_state, done):
        self.memory.append((state, action, reward, next_state, done))

    def replay(self, batch_size):
        minibatch = random.sample(self.memory, batch_size)
        states = np.array([t[0] for t in minibatch])
        actions = np.array([t[1] for t in minibatch])
        rewards = np.array([t[2] for t in minibatch])
        next_states = np.array([t[3] for t in minibatch])
        dones = np.array([t[4] for t in minibatch])
        targets = self.model.predict(states, verbose=0)
        updated = rewards + 0.9 * (1 - dones) * self.model.predict(next_states, verbose=0).max(axis=1)
        targets = self.model.with_targets(targets, actions, updated)
        self.model.fit(states, targets, epochs=1, verbose=0)


def main(env, model):
    agent = Agent(model)
    state = env.reset()
    for step in range(2000):
        next_state, reward, done = env.step(0)
        agent.remember(state, 0, reward, next_state, done)
        state = next_state
        agent.replay(32)
"""


def test_a_plan():
    result = check_fixed(agent(LEARN), fixed_agent(FIXED))
    (plan,) = result.applied
    assert (plan.pipeline, plan.recipe) == ("agent.py:Agent.memory", "container-swap")
    assert plan.title == "draw from Agent.memory by priority"
    assert plan.applicability is Applicability.SAFE
    assert plan.reason == ""
    assert len(plan.findings) == 1
    assert all(edit.note for edit in plan.edits)
    assert [finding.rule for finding in result.report.findings if finding.rule == "PER001"] == []


def test_keras_is_refused_with_steps():
    result = check_refused({"agent.py": KERAS}, "no TD loss that can be weighted was found in Agent.replay (agent.py)")
    (refusal,) = result.refused
    assert refusal.plan.recipe == "container-swap"
    assert refusal.plan.edits == []
    assert "per-audit verify" in refusal.plan.steps[-1]


def test_a_shape_that_is_not_converted():
    files = agent(LEARN)
    text = files["agent.py"].replace(
        "batch = random.sample(self.memory, 32)",
        "batch = [self.memory[i] for i in np.random.randint(0, len(self.memory), 32)]",
    )
    result = check_refused({"agent.py": "import numpy as np\n" + text}, "draws one transition at a time")
    assert result.refused[0].plan.recipe == "container-swap"


def test_unsafe_without_a_budget():
    before, after = agent(LEARN), fixed_agent(FIXED)
    loop = ("for step in range(5000):", "for step in itertools.count():")
    before["agent.py"], after["agent.py"] = (files["agent.py"].replace(*loop) for files in (before, after))
    after["agent.py"] = after["agent.py"].replace("steps=5000", "steps=100_000")
    check_fixed(before, after, unsafe="set steps= of LinearSchedule(0.4, 1.0, steps=100_000)")


def test_one_buffer_is_fixed_and_another_refused():
    files = agent(LEARN) | {"keras_agent.py": dedented(KERAS)}
    result, found = run(files)
    assert found == fixed_agent(FIXED) | {"keras_agent.py": files["keras_agent.py"]}
    assert [plan.pipeline for plan in result.applied] == ["agent.py:Agent.memory"]
    assert [refusal.why for refusal in result.refused] == [Why.MANUAL]


def test_two_copies_are_both_fixed():
    files = agent(LEARN) | {"copy.py": agent(LEARN)["agent.py"]}
    result, found = run(files)
    assert found == {path: fixed_agent(FIXED)["agent.py"] for path in files}
    assert len(result.applied) == 2


def test_nothing_to_plan():
    files = fixed_agent(FIXED)
    result, found = run(files)
    assert (found, result.applied, result.refused) == (files, [], [])


# Properties over small programs

WORDS = st.sampled_from(["memory", "replay", "buffer_", "pool", "mémoire", "store"])
COMMENTS = st.lists(
    st.sampled_from(["# why", "# größer als 0", "#", "# weights, indices = 1", "# TODO: 'quote"]), max_size=3
)


@st.composite
def programs(draw: Any) -> str:
    """The agent with another name, order, layout and with comments and code around it."""
    losses = [
        "loss = F.mse_loss(q, target)\n",
        "loss = ((q - target) ** 2).mean()\n",
        "loss = F.smooth_l1_loss(\n    q,\n    target,\n)\n",
        "criterion = nn.HuberLoss()\nloss = criterion(q, target)\n",
    ]
    text = agent(draw(st.sampled_from(losses)) + STEP)["agent.py"]
    text = text.replace("memory", draw(WORDS))
    fields = draw(st.permutations(["state", "action", "reward", "next_state", "done"]))
    text = text.replace("state, action, reward, next_state, done))", ", ".join(fields) + "))")
    text = text.replace(
        "states, actions, rewards, next_states, dones =", ", ".join(f"{field}s" for field in fields) + " ="
    )
    lines = text.split("\n")
    for comment in draw(COMMENTS):
        place = draw(st.sampled_from([i for i, line in enumerate(lines) if line and "import" not in line]))
        lines[place] += f"  {comment}"
    other = draw(
        st.sampled_from(["", "\n\ndef other(a, b=[1,2] ):\n    x = { 'a':1 }\n    return  x\n", "\n\nz=1;y = 2 \n"])
    )
    text = "\n".join(lines) + other
    text = text.replace("    ", draw(st.sampled_from(["    ", "\t", "  "])))
    return text.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))


def comments(text: str) -> list[str]:
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return sorted(token.string for token in tokens if token.type == tokenize.COMMENT)


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(programs(), st.sampled_from(["per", "combined"]))
def test_a_fix_of_any_program(text, buffer):
    result, found = run({"agent.py": text}, buffer=buffer)
    assert len(result.applied) == 1, result.refused
    after = found["agent.py"]
    compile(after, "agent.py", "exec")
    assert comments(after) == comments(text)
    assert ("\r\n" in after) == ("\r\n" in text)
    assert after.count("\r\n") in (0, after.count("\n"))
    assert ("\t" in after) == ("\t" in text)
    for piece in ("def main", "    def other", "z=1"):
        _, _, tail = text.partition(piece)
        assert after.endswith(tail)
    again, same = run(found, buffer=buffer)
    assert (again.applied, same) == ([], found)


# What the rewritten program computes


class Recorder:
    """Stands for the memory of a rewritten agent: a batch with known weights; notes what comes back."""

    def __init__(self, batch: list[tuple[Any, ...]], weights: Any) -> None:
        self.batch, self.weights = batch, weights
        self.errors: Any = None

    def sample(self, size: int) -> tuple[Any, ...]:
        return self.batch, self.weights, list(range(len(self.batch)))

    def update_priorities(self, indices: Any, errors: Any) -> None:
        self.errors = errors


@pytest.mark.parametrize(
    ("loss", "elementwise"),
    [
        ("loss = F.mse_loss(q, target)\n", lambda td: td**2),
        ("loss = 0.5 * (target - q).pow(2).mean()\n", lambda td: 0.5 * td**2),
        ("loss = torch.mean(torch.abs(q - target))\n", abs),
        ("loss = nn.MSELoss()(q.unsqueeze(1), target.unsqueeze(1))\n", lambda td: td**2),
        ("loss = F.mse_loss(q, target) + F.l1_loss(q, target)\n", lambda td: td**2 + abs(td)),
        (
            "loss = F.mse_loss(self.network(states).gather(1, actions.unsqueeze(1)).squeeze(1), target)\n",
            lambda td: td**2,
        ),
    ],
)
def test_weights_multiply_the_elements(loss, elementwise):
    torch = pytest.importorskip("torch")
    np = pytest.importorskip("numpy")
    _, found = run(agent(loss + STEP + "return loss.item()\n"))
    module = types.ModuleType("rewritten")
    exec(compile(found["agent.py"], "agent.py", "exec"), module.__dict__)  # noqa: S102
    torch.manual_seed(0)
    networks = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    learner = module.Agent(*networks)  # type: ignore[attr-defined]
    generator = random.Random(0)
    batch = [
        (
            [generator.random() for _ in range(3)],
            row % 2,
            generator.random(),
            [generator.random() for _ in range(3)],
            0.0,
        )
        for row in range(8)
    ]
    weights = np.linspace(0.1, 1.0, 8)
    columns = [torch.tensor(column) for column in zip(*batch, strict=True)]
    with torch.no_grad():
        q = networks[0](columns[0])[range(8), columns[1]]
        target = columns[2] + 0.9 * networks[1](columns[3]).max(1).values
        expected = (torch.tensor(weights) * elementwise(q - target)).mean()
    learner.memory = Recorder(batch, weights)
    assert learner.learn() == pytest.approx(float(expected), rel=1e-5)
    assert learner.memory.errors == pytest.approx((q - target).abs().numpy(), rel=1e-5)


def test_a_rewritten_program_trains():
    torch = pytest.importorskip("torch")

    class Env:
        def reset(self) -> list[float]:
            return [0.0, 0.0, 1.0]

        def step(self, action: int) -> tuple[list[float], float, float]:
            return [random.random(), 0.0, 1.0], float(action), 0.0

    files: Files = agent(LEARN)
    files["agent.py"] = files["agent.py"].replace("range(5000)", "range(1000)").replace("step > 100", "step > 950")
    _, found = run(files)
    module = types.ModuleType("rewritten")
    exec(compile(found["agent.py"], "agent.py", "exec"), module.__dict__)  # noqa: S102
    network = torch.nn.Linear(3, 2)
    before = network.weight.detach().clone()
    module.main(Env(), network, torch.nn.Linear(3, 2))  # type: ignore[attr-defined]
    assert not torch.equal(before, network.weight)
