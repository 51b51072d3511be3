"""A library's own prioritised buffer takes the place of its uniform one, where its algorithms do the rest."""

from __future__ import annotations

import pytest

from ...rewriting import Files, check_fixed, check_refused
from ..containers.test_container_swap import changed

LOOP = """
import tianshou as ts
from tianshou.algorithm import DQN
from tianshou.data import Collector, VectorReplayBuffer

STEPS = 20_000


def main(envs, policy, optim):
    algorithm = DQN(policy=policy, optim=optim, gamma=0.9)
    buffer = VectorReplayBuffer(20_000, 10)
    collector = Collector(policy, envs, buffer)
    for step in range(STEPS):
        collector.collect(n_step=10)
        if step > 100:
            algorithm.update(buffer=buffer, sample_size=64)
"""
FILES = {"train.py": LOOP}
MADE = ("VectorReplayBuffer(20_000, 10)", "PrioritizedVectorReplayBuffer(20_000, 10, alpha=0.6, beta=0.4)")
IMPORTED = ("import Collector, VectorReplayBuffer", "import Collector, PrioritizedVectorReplayBuffer")
UPDATE = "            algorithm.update(buffer=buffer, sample_size=64)\n"
ANNEALED = (UPDATE, f"            buffer.set_beta(0.4 + 0.6 * step / STEPS)\n{UPDATE}")
FIXED: Files = changed(FILES, IMPORTED, MADE, ANNEALED)
TRAINER = (
    LOOP[LOOP.index("    for step") :],
    "    algorithm.run_training(params(training_collector=collector))\n",
)


def test_a_loop_of_updates():
    assert check_fixed(FILES, FIXED).applied[0].recipe == "library-own"


def test_an_attribute_of_the_package():
    old = ("buffer = VectorReplayBuffer(", "buffer = ts.data.VectorReplayBuffer(")
    alone = ("import Collector, VectorReplayBuffer", "import Collector")
    before = changed(FILES, old, alone)
    after = changed(FILES, alone, ("buffer = Vector", "buffer = ts.data.Vector"), MADE, ANNEALED)
    check_fixed(before, after)


def test_other_uses_of_the_class_keep_its_import():
    use = ("def main(", "def size(buffer: VectorReplayBuffer):\n    return len(buffer)\n\n\ndef main(")
    both = ("Collector, VectorReplayBuffer", "Collector, PrioritizedVectorReplayBuffer, VectorReplayBuffer")
    check_fixed(changed(FILES, use), changed(FILES, both, MADE, ANNEALED, use))


def test_where_nothing_counts_the_updates_beta_is_the_user_s():
    before = changed(FILES, TRAINER)
    check_fixed(before, changed(before, IMPORTED, MADE), unsafe="beta stays 0.4: let it rise to 1 by the end")


def test_options_stay():
    before = changed(FILES, ("20_000, 10)", "\n        total_size=20_000,\n        buffer_num=10,\n    )"))
    made = "PrioritizedVectorReplayBuffer(\n        total_size=20_000,\n        buffer_num=10,\n"
    (old, _), new = MADE, f"{made}        alpha=0.6,\n        beta=0.4,\n    )"
    check_fixed(before, changed(FILES, IMPORTED, (old, new), ANNEALED))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("gamma=0.9)", "gamma=0.9, huber_loss_delta=1.0)", "with huber_loss_delta (train.py:8) tianshou leaves"),
        ("import DQN\n", "import Algorithm as DQN\n", "no algorithm of tianshou that trains from"),
        ("(20_000, 10)", "(*SIZES)", "options that are not understood"),
    ],
)
def test_refused(old: str, new: str, reason: str) -> None:
    result = check_refused(changed(FILES, (old, new), ("import tianshou as ts\n", "")), reason)
    assert "replay of a library (tianshou)" in result.refused[0].reason


def test_refused_where_another_file_trains_otherwise():
    other = {
        "other.py": "from tianshou.algorithm import PPO\n\n\ndef learner(policy):\n    return PPO(policy=policy)\n"
    }
    files = changed(FILES, ("import tianshou as ts\n", "from other import learner\n"))
    check_refused(files | other, "PPO of tianshou may train from VectorReplayBuffer as well")


def test_refused_under_another_name():
    files = changed(FILES, ("= VectorReplayBuffer(", "= B("), (", VectorReplayBuffer", ", VectorReplayBuffer as B"))
    check_refused(files, "under another name")
