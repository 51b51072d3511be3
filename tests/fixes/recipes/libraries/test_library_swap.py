"""Scripts with a buffer of Stable-Baselines3 or CleanRL get one with the same interface that draws by priority."""

from __future__ import annotations

import pytest

from ...rewriting import Files, check_fixed, check_refused
from ..containers.test_container_swap import changed

SCRIPT = """
import numpy as np
import torch
import torch.nn.functional as F
from stable_baselines3.common.buffers import ReplayBuffer


def main(envs, network, target_network, device):
    optimizer = torch.optim.Adam(network.parameters())
    rb = ReplayBuffer(
        10000,
        envs.single_observation_space,
        envs.single_action_space,
        device,
        handle_timeout_termination=False,
    )
    obs, _ = envs.reset(seed=1)
    for step in range(500_000):
        actions = np.array([envs.single_action_space.sample()])
        next_obs, rewards, terminations, truncations, infos = envs.step(actions)
        rb.add(obs, next_obs, actions, rewards, terminations, infos)
        obs = next_obs
        if step > 10_000 and step % 10 == 0:
            data = rb.sample(128)
            with torch.no_grad():
                best, _ = target_network(data.next_observations).max(dim=1)
                target = data.rewards.flatten() + 0.99 * best * (1 - data.dones.flatten())
            value = network(data.observations).gather(1, data.actions).squeeze()
            loss = F.mse_loss(target, value)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
"""
FILES = {"script.py": SCRIPT}
FIXED: Files = changed(
    FILES,
    (
        "from stable_baselines3.common.buffers import ReplayBuffer\n",
        "from experience_replay_optimizer import (\n"
        "    LinearSchedule,\n    absolute_td_error,\n    importance_weighted_loss,\n)\n"
        "from experience_replay_optimizer.adapters.cleanrl import ReplayBuffer\n",
    ),
    (
        "        handle_timeout_termination=False,\n",
        "        handle_timeout_termination=False,\n        beta=LinearSchedule(0.4, 1.0, steps=50_000),\n",
    ),
    (
        "F.mse_loss(target, value)\n",
        "importance_weighted_loss(\n"
        '                F.mse_loss(target, value, reduction="none"),\n'
        "                data.weights,\n            )\n",
    ),
    (
        "            optimizer.step()\n",
        "            optimizer.step()\n"
        "            rb.update_priorities(data.indices, absolute_td_error(value, target))\n",
    ),
)


@pytest.mark.parametrize("module", ["stable_baselines3.common.buffers", "cleanrl_utils.buffers"])
def test_a_script(module: str) -> None:
    before = changed(FILES, ("stable_baselines3.common.buffers", module))
    result = check_fixed(before, FIXED)
    assert result.applied[0].recipe == "library-swap"
    assert result.applied[0].imports["script.py"] >= {"adapters.cleanrl", "LinearSchedule"}


def test_the_copy_holds_the_adapter(tmp_path) -> None:  # type: ignore[no-untyped-def]
    from per_audit.fixes.plan import FixOptions
    from per_audit.fixes.run import fix
    from per_audit.settings import Settings

    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / ".git").mkdir()
    fix(tmp_path, [], Settings(tmp_path), FixOptions(allow_dirty=True, delivery="vendor"))
    copy = tmp_path / "experience_replay_optimizer"
    assert (copy / "adapters" / "cleanrl.py").is_file()
    assert not (copy / "adapters" / "stable_baselines3.py").exists()
    assert "adapters" not in (copy / "__init__.py").read_text()
    again = fix(tmp_path, [], Settings(tmp_path), FixOptions(allow_dirty=True, delivery="vendor"))
    assert (again.changes, again.copied) == ([], [])


def test_an_actor_means_no_share_for_rare_events() -> None:
    last = "            optimizer.step()\n"
    actor = (
        "            loss = -network(data.observations).mean()\n"
        "            optimizer.zero_grad()\n"
        "            loss.backward()\n"
        "            optimizer.step()\n"
    )
    update = "            rb.update_priorities(data.indices, absolute_td_error(value, target))\n"
    after = FIXED["script.py"].replace(update, update + actor)
    after = after.replace("steps=50_000),\n", "steps=50_000),\n        rare_fraction=0,\n")
    check_fixed({"script.py": SCRIPT.replace(last, last + actor)}, {"script.py": after})


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("        obs = next_obs\n", "        obs = next_obs\n        print(rb.pos)\n", "rb is used in an unknown way"),
        ("            loss =", "            look(data)\n            loss =", "the batch is used as a whole"),
        ("import ReplayBuffer", "import ReplayBuffer, RolloutBuffer", "together with other names"),
        ("        device,\n", "        device,\n        custom=1,\n", "options that are not understood"),
        ("F.mse_loss(target, value)", "network.loss(target, value)", "no TD loss"),
    ],
)
def test_refused(old: str, new: str, reason: str) -> None:
    result = check_refused(changed(FILES, (old, new)), reason)
    assert "replay of a library (Stable-Baselines3)" in result.refused[0].reason
