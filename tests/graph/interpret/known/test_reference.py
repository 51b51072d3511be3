"""Projects that use the reference package: those that use it rightly are clean, those that forget a step are told."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from per_audit.audit import audit
from per_audit.findings import Finding, Severity
from per_audit.settings import Settings

PACKAGE = "experience_replay_optimizer"
HEAD = f"import torch.nn.functional as F\nfrom {PACKAGE} import *\n"
# How a project fills a buffer, learns from it, weighs the loss and gives the priorities back.
ADD = """
state = env.reset()
for step in range(10_000):
    next_state, reward, done, info = env.step(0)
    {add}
    state = next_state
"""
LEARN = """
    {draw}
    target = net.target({batch})
    values = net({batch})
    loss = {loss}
    loss.backward()
    optimizer.step()
    {update}
"""


@pytest.fixture
def found(tmp_path: Path):
    """The findings in a project of one file, errors and warnings alone."""

    def run(text: str) -> list[Finding]:
        (tmp_path / "train.py").write_text(textwrap.dedent(text))
        result = audit(tmp_path, [tmp_path], Settings(tmp_path))
        return [finding for finding in result.report.findings if finding.severity is not Severity.INFO]

    return run


def project(make: str, **parts: str) -> str:
    """A training script; `parts` replace those of the usual loop."""
    usual = {
        "add": "memory.add(state, 0, reward, next_state, done)",
        "draw": "batch, weights, indices = memory.sample(32)",
        "batch": "batch",
        "loss": 'importance_weighted_loss(F.mse_loss(values, target, reduction="none"), weights)',
        "update": "memory.update_priorities(indices, absolute_td_error(values, target))",
    }
    return HEAD.replace("*", NAMES) + make + (ADD + LEARN).format(**{**usual, **parts})


NAMES = """(
    AdvancedReplayBuffer, CombinedReplayBuffer, HindsightExperienceReplay, LapSampler, NStep, PrioritizedReplayBuffer,
    PrioritizedSampler, RankBasedSampler, ReplayBuffer, SequenceReplayBuffer, TensorReplayBuffer, UniformSampler,
    absolute_td_error, as_tensors, importance_weighted_loss, lap_loss, pal_loss, train_with_prioritized_replay,
)"""
PRIORITISED = {
    "prioritised": project("memory = PrioritizedReplayBuffer(1000)\n"),
    "around a sampler": project("memory = ReplayBuffer(PrioritizedSampler(1000))\n"),
    "by rank": project("memory = ReplayBuffer(sampler=RankBasedSampler(1000, alpha=0.7))\n"),
    "a sampler with a name": project("sampler = RankBasedSampler(1000)\nmemory = ReplayBuffer(sampler)\n"),
    "several environments": project(
        "memory = PrioritizedReplayBuffer(1000)\n", add="memory.add_batch(state, [0], reward, next_state, done)"
    ),
    "keywords": project(
        "memory = PrioritizedReplayBuffer(1000)\n",
        add="memory.add(done=done, state=state, action=0, reward=reward, next_state=next_state)",
    ),
    "a tuple": project(
        "memory = PrioritizedReplayBuffer(1000)\n",
        add="transition = (state, 0, reward, next_state, done)\n    memory.add(*transition)",
    ),
    "objects": project(
        "memory = PrioritizedReplayBuffer(1000)\n", add="memory.append((state, 0, reward, next_state, done))"
    ),
    "tensors": project("memory = TensorReplayBuffer(1000, device='cuda')\n"),
    "as tensors": project(
        "memory = CombinedReplayBuffer(1000)\n", draw="batch, weights, indices = as_tensors(memory.sample(32), 'cuda')"
    ),
    "sequences": project("memory = SequenceReplayBuffer(1000, 10)\n"),
    "fields of the sample": project(
        "memory = PrioritizedReplayBuffer(1000)\n",
        draw="drawn = memory.sample(32)",
        batch="drawn.batch",
        loss='importance_weighted_loss(F.mse_loss(values, target, reduction="none"), drawn.weights)',
        update="memory.update_priorities(drawn.indices, values - target)",
    ),
    "n steps": project(
        "memory = PrioritizedReplayBuffer(1000)\nsteps = NStep(3, 0.99, memory)\n",
        add="steps.add(state, 0, reward, next_state, done, False)",
    ),
    "n steps alone": project(
        "memory = NStep(3, 0.99, PrioritizedReplayBuffer(1000))\n",
        draw="batch, weights, indices = memory.buffer.sample(32)",
        update="memory.buffer.update_priorities(indices, values - target)",
    ),
    "hindsight": project(
        "memory = PrioritizedReplayBuffer(1000)\nher = HindsightExperienceReplay(env.compute_reward, buffer=memory)\n",
        add="her.add(state, 0, reward, next_state, done)",
    ),
    "a recorder": project(
        f"from {PACKAGE}.adapters.gymnasium import Recorder\n"
        "memory = PrioritizedReplayBuffer(1000)\nenv = Recorder(env, memory)\n",
        add="pass",
    ),
    "the part that keeps priorities": project(
        "memory = AdvancedReplayBuffer(1000)\n", update="memory.prioritized_buffer.update_priorities(indices, values)"
    ),
    "dqn": project(
        f"from {PACKAGE}.dqn import PrioritizedReplayBuffer\nmemory = PrioritizedReplayBuffer(1000, beta_frames=9)\n",
        add="memory.push(state, 0, reward, next_state, done)",
        draw="states, actions, rewards, next_states, dones, weights, indices = memory.sample(32)",
        batch="states",
    ),
    "dqn by its module": project(
        f"from {PACKAGE} import dqn\nmemory = dqn.PrioritizedReplayBuffer(1000, beta_frames=9)\n",
        add="memory.push(state, 0, reward, next_state, done)",
        draw="*batch, weights, indices = memory.sample(32)",
    ),
    "memory": project(
        f"from {PACKAGE}.memory import PrioritizedReplayMemory\nmemory = PrioritizedReplayMemory(1000)\n",
        add="memory.store(state, 0, reward, next_state, done, memory.get_max_priority())",
        draw="batch, indices, weights = memory.sample(32, beta=0.4)",
        update="for i, error in zip(indices, values - target):\n        memory.update_priority(i, abs(error) + 1e-6)",
    ),
    "per": project(
        f"from {PACKAGE}.per import PER\nmemory = PER((4,), 1000, 32, 0.7, 0.5, 1e-4)\n",
        add="memory.add_experience(state, 0, reward, next_state, done)",
        draw="batch = memory.draw_samples()",
        batch="batch.obs",
        loss='importance_weighted_loss(F.mse_loss(values, target, reduction="none"), batch.weights)',
        update="memory.update_priority(batch.idxs, values - target)",
    ),
    "probabilities": project(
        f"from {PACKAGE}.tensors_out import PrioritizedReplayBuffer\nmemory = PrioritizedReplayBuffer(1000)\n",
        add="memory.push(state, 0, reward, next_state, done)",
        draw="states, actions, rewards, next_states, dones, indices, probabilities = memory.sample(32)\n"
        "    weights = (len(memory) * probabilities) ** -0.4",
        batch="states",
        loss='(weights / weights.max() * F.mse_loss(values, target, reduction="none")).mean()',
    ),
    "priorities assigned": project(
        f"from {PACKAGE}.tensors_out import PrioritizedReplayBuffer\nmemory = PrioritizedReplayBuffer(1000)\n",
        add="memory.push(state, 0, reward, next_state, done)",
        draw="states, actions, rewards, next_states, dones, indices, probabilities = memory.sample(32)\n"
        "    weights = (len(memory) * probabilities).pow(-0.4)",
        batch="states",
        update="memory.priorities[indices] = abs(values - target) + 1e-6",
    ),
    "CleanRL": project(
        f"from {PACKAGE}.adapters.cleanrl import ReplayBuffer\n"
        "memory = ReplayBuffer(1000, env.observation_space, env.action_space, device)\n",
        add="memory.add(state, next_state, 0, reward, done, info)",
        draw="data = memory.sample(32)",
        batch="data.observations",
        loss='importance_weighted_loss(F.mse_loss(values, target, reduction="none"), data.weights)',
        update="memory.update_priorities(data.indices, values - target)",
    ),
}
UNWEIGHTED = "F.mse_loss(values, target)"
NO_UPDATE = "pass"


@pytest.mark.parametrize("text", PRIORITISED.values(), ids=PRIORITISED.keys())
def test_right_use_is_clean(found, text):
    assert found(text) == []


@pytest.mark.parametrize("name", PRIORITISED)
def test_forgotten_updates_are_reported(found, name):
    lines = [
        line
        for line in PRIORITISED[name].splitlines()
        if "update_priorit" not in line and ".priorities[" not in line and "zip(indices" not in line
    ]
    assert [finding.rule for finding in found("\n".join(lines))] == ["PER003"]


@pytest.mark.parametrize("name", PRIORITISED)
def test_forgotten_weights_are_reported(found, name):
    lines = [
        f"    loss = {UNWEIGHTED}" if line.startswith("    loss =") else line for line in PRIORITISED[name].splitlines()
    ]
    assert [finding.rule for finding in found("\n".join(lines))] == ["PER005"]


def test_draws_in_tests_train_nothing(tmp_path):
    text = project("memory = PrioritizedReplayBuffer(1000)\n", loss=UNWEIGHTED, update=NO_UPDATE)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_memory.py").write_text(text)
    assert audit(tmp_path, [tmp_path], Settings(tmp_path)).report.findings == []


LAP = project(
    "memory = ReplayBuffer(LapSampler(1000))\n", draw="batch, _, indices = memory.sample(32)",
    loss="lap_loss(values, target)",
)  # fmt: skip


def test_lap_needs_its_loss_and_no_weights(found):
    assert found(LAP) == []
    assert found(LAP.replace("ReplayBuffer(LapSampler(1000))", "LapReplayBuffer(1000)")) == []
    assert [finding.rule for finding in found(LAP.replace("lap_loss(values, target)", UNWEIGHTED))] == ["PER005"]
    assert [finding.rule for finding in found(LAP.replace("memory.update", "print"))] == ["PER003"]


UNIFORM = {
    "around a sampler": project("memory = ReplayBuffer(UniformSampler(1000))\n", loss=UNWEIGHTED, update=NO_UPDATE),
    "dqn": project(
        f"from {PACKAGE}.dqn import ReplayBuffer\nmemory = ReplayBuffer(1000)\n",
        add="memory.push(state, 0, reward, next_state, done)",
        draw="batch, actions, rewards, next_states, dones = memory.sample(32)",
        loss=UNWEIGHTED,
        update=NO_UPDATE,
    ),
    "memory": project(
        f"from {PACKAGE}.memory import ReplayMemory\nmemory = ReplayMemory(1000)\n",
        add="memory.append((state, 0, reward, next_state, done))",
        draw="batch = memory.sample(32)",
        loss=UNWEIGHTED,
        update=NO_UPDATE,
    ),
}


@pytest.mark.parametrize("text", UNIFORM.values(), ids=UNIFORM.keys())
def test_uniform_draws_are_reported(found, text):
    assert [finding.rule for finding in found(text)] == ["PER001"]
    assert found(text.replace(UNWEIGHTED, "pal_loss(values, target)")) == []


def test_a_training_step_of_the_package_does_it_all(found):
    made = "memory = PrioritizedReplayBuffer(1000)\n"
    text = HEAD.replace("*", NAMES) + made + ADD.format(add="memory.add(state, 0, reward, next_state, done)")
    step = "    loss, error = train_with_prioritized_replay(agent, memory, 32)\n"
    assert found(text + step) == []
    uniform = text.replace("PrioritizedReplayBuffer(1000)", "ReplayBuffer(UniformSampler(1000))")
    assert [finding.rule for finding in found(uniform + step)] == ["PER001"]


def test_a_rank_based_training_step_does_it_all(found):
    made = f"from {PACKAGE}.per import PER, rank_based_training_step\nmemory = PER((4,), 1000, 32, 0.7, 0.5, 1e-4)\n"
    text = made + ADD.format(add="memory.add_experience(state, 0, reward, next_state, done)")
    assert found(text + "    rank_based_training_step(memory, net, target_net, optimizer)\n") == []


def test_algorithms_of_the_package_do_it_all(found):
    text = f"""
    from {PACKAGE}.adapters.stable_baselines3 import PrioritizedDQN

    model = PrioritizedDQN("MlpPolicy", "CartPole-v1", replay_buffer_kwargs=dict(alpha=0.6, beta=0.4))
    model.learn(50_000)
    """
    assert found(text) == []


@pytest.mark.parametrize("package", [f".{PACKAGE}", f"shop.{PACKAGE}", f".{PACKAGE}.prioritized_buffer"])
def test_a_copy_inside_a_package_of_the_project(tmp_path, package):
    make = f"from {package} import PrioritizedReplayBuffer\nmemory = PrioritizedReplayBuffer(1000)\n"
    folder = tmp_path / "shop" / PACKAGE
    folder.mkdir(parents=True)
    (tmp_path / "shop/__init__.py").write_text("reward = 1\n")
    (tmp_path / "shop/train.py").write_text(project(make, update=NO_UPDATE))
    (folder / "__init__.py").write_text(
        "# Copied by per-audit\nfrom .prioritized_buffer import PrioritizedReplayBuffer\n"
    )
    report = audit(tmp_path, [tmp_path], Settings(tmp_path)).report
    assert [finding.rule for finding in report.findings] == ["PER003", "PER006"]


def test_a_buffer_around_an_unknown_sampler_is_not_judged(found):
    assert found(project("memory = ReplayBuffer(make_sampler())\n", loss=UNWEIGHTED, update=NO_UPDATE)) == []


RING = f"""
import numpy as np
import torch.nn.functional as F
from {PACKAGE} import RankBasedSampler, importance_weighted_loss


class Ring:
    def __init__(self, size):
        self.states, self.rewards, self.next_states = np.zeros((size, 4)), np.zeros(size), np.zeros((size, 4))
        self.dones = np.zeros(size)
        self.sampler = RankBasedSampler(size, seed=np.random.randint(2**31 - 1))
        self.at = 0

    def add(self, state, reward, next_state, done):
        self.states[self.at], self.rewards[self.at] = state, reward
        self.next_states[self.at], self.dones[self.at] = next_state, done
        self.sampler.add(self.at, reward)
        self.at = self.sampler.next_slot(self.at)

    def sample(self, n):
        slots, weights = self.sampler.sample(n)
        return self.states[slots], self.rewards[slots], self.next_states[slots], self.dones[slots], weights, slots


def learn(ring, net, optimizer):
    states, rewards, next_states, dones, weights, slots = ring.sample(32)
    errors = rewards + (1 - dones) * net(next_states) - net(states)
    loss = importance_weighted_loss(weights=weights, elementwise=errors**2)
    loss.backward()
    optimizer.step()
    ring.sampler.update(slots, errors.detach())


learn(Ring(1000), net, optimizer)
"""


def test_a_sampler_over_arrays(found):
    assert found(RING) == []
    assert [finding.rule for finding in found(RING.replace("ring.sampler.update(", "print("))] == ["PER003"]
    weighted = "importance_weighted_loss(weights=weights, elementwise=errors**2)"
    assert [finding.rule for finding in found(RING.replace(weighted, "(errors**2).mean()"))] == ["PER005"]


def test_a_seed_that_was_drawn_makes_no_replay_of_what_the_generator_draws(found):
    text = """
    import numpy as np


    class Past:
        def __init__(self, size):
            self.rng = np.random.default_rng(np.random.randint(2**31))
            self.rows = np.zeros((size, 5))

        def keep(self, state, action, reward, next_state, done):
            self.rows[self.rng.integers(10)] = (state, action, reward, next_state, done)


    Past(10).keep(1, 2, 3, 4, 5)
    """
    assert found(text) == []
