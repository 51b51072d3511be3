"""Drives the agent of one repository that learns with Keras, and watches it from outside.

`real_training.py` starts it as it does `real_training_torch.py`. The repositories are written for Keras 2, which is the
package tf-keras today: it stands in the place of `keras`.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

os.environ.update(TF_USE_LEGACY_KERAS="1", TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")

import numpy as np
import tensorflow as tf
import tf_keras
from real_training_watch import Quiet, Watch, drive, follow, make, stub

if TYPE_CHECKING:
    from collections.abc import Callable

for part in ("", ".models", ".layers", ".optimizers", ".losses", ".regularizers", ".initializers", ".utils"):
    sys.modules[f"keras{part}"] = importlib.import_module(f"tf_keras{part}")
sys.modules["keras.backend"] = tf_keras.backend

CLOSE = 1e-4  # relative; the losses are float32


class KerasWatch(Watch):
    """Counts the calls of `fit` and `train_on_batch`, and compares the loss of each with the weighted mean by hand."""

    def wrap_learning(self) -> None:
        self.fitted: list[float] = []  # the weights of the rows of the last draw that were learnt so far
        self.sum = 0.0
        for name in ("fit", "train_on_batch"):
            self.wrap(tf_keras.Model, name, self.on_fit)

    def on_fit(
        self, call: Callable[..., Any], model: Any, x: Any, y: Any, *args: Any, sample_weight: Any = None, **kwargs: Any
    ) -> Any:
        self.count()
        if not self.is_watching or sample_weight is None:
            return call(model, x, y, *args, sample_weight=sample_weight, **kwargs)
        weights = np.asarray(sample_weight).reshape(-1)
        if len(self.fitted) == len(self.slots):
            self.fitted, self.sum = [], 0.0
        # One batch, or else the loss that Keras gives is a mean of several with other parameters.
        expected = self.expected(model, x, y, weights) if len(x) <= kwargs.get("batch_size", 32) else None
        result = call(model, x, y, *args, sample_weight=sample_weight, **kwargs)
        loss = result.history["loss"][0] if hasattr(result, "history") else float(np.ravel(result)[0])
        self.alien += expected is not None and not np.isclose(loss, expected, rtol=CLOSE, atol=1e-7)
        self.fitted += weights.tolist()
        self.sum += loss * len(weights)
        if len(self.fitted) >= len(self.slots):  # all rows of the draw, in one call or one after the other
            self.note(self.fitted, len(self.fitted), self.sum / len(self.fitted))
        return result

    @staticmethod
    def expected(model: Any, x: Any, y: Any, weights: Any) -> float:
        """The mean of the weighted losses of the rows, each of them computed alone."""
        given = model.loss
        losses = tf_keras.losses.get(given)(tf.convert_to_tensor(y, model.dtype), model(x, training=False)).numpy()
        return float(np.mean(np.reshape(losses, -1) * weights))


# ------------------------------------------------------------------------------------------------ drivers


def row(state: Any) -> Any:
    """A state as a batch of one."""
    return np.reshape(state, (1, -1))


def one_by_one(module: str, name: str, act: str, store: str, batch: int) -> None:
    """Agents whose `replay` takes the size of the batch."""
    for tool in ("matplotlib", "matplotlib.pyplot", "tqdm"):
        stub(tool, tqdm=Quiet)
    agent = getattr(importlib.import_module(module), name)(4, 2)
    follow(
        "CartPole-v1",
        getattr(agent, act),
        getattr(agent, store),
        lambda: agent.replay(batch),
        warmup=100,
        shape=row,
    )


def marload(kind: str) -> None:
    stub("wandb", init=Quiet, log=lambda *_: None)
    importlib.import_module(f"{kind}_Discrete").Agent(make("CartPole-v1")).train(10**6)


def anita_hu() -> None:
    stub("imageio")
    agent = importlib.import_module("TF2_DQN_Basic").DQN(make("CartPole-v1"), time_steps=1)
    follow(
        "CartPole-v1",
        lambda state: (agent.update_states(state), agent.act())[1],
        lambda s, a, r, n, d: agent.remember(row(s), a, r, row(n), d),
        lambda: (agent.replay(), agent.target_update()),
        warmup=100,
    )


def lessons() -> None:
    stub("pylab", figure=Quiet)
    agent = importlib.import_module("Cartpole_Double_DDQN_TF2").DQNAgent("CartPole-v1")
    agent.train_start = 100
    follow("CartPole-v1", agent.act, agent.remember, agent.replay, warmup=100, shape=row)


DRIVERS: dict[str, Callable[[], None]] = {
    "keon/dqn": lambda: one_by_one("dqn", "DQNAgent", "act", "memorize", 8),
    "keon/ddqn": lambda: one_by_one("ddqn", "DQNAgent", "act", "memorize", 8),
    "keon/dqn_batch": lambda: one_by_one("dqn_batch", "DQNAgent", "act", "memorize", 8),
    "shivamsaboo17/dqn": lambda: one_by_one("dqn", "DQN", "select_action", "remember", 8),
    "marload/dqn": lambda: marload("DQN"),
    "marload/double": lambda: marload("DoubleDQN"),
    "tf2-rl/dqn": anita_hu,
    "pylessons/ddqn": lessons,
}


def main() -> None:
    """Drive the agent that the command line names."""
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.random.set_seed(0)
    drive(DRIVERS, KerasWatch)


if __name__ == "__main__":
    main()
