"""TensorFlow 2: weighted means of squared TD errors under a gradient tape."""

from __future__ import annotations

import pytest

from ...rewriting import Files, check_fixed, check_refused

AGENT = """
import random
from collections import deque

import numpy as np
import tensorflow as tf
from tensorflow import keras


class Agent:
    def __init__(self, network, target_network):
        self.network, self.target_network = network, target_network
        self.optimizer = keras.optimizers.Adam(1e-3)
        self.memory = deque(maxlen=1000)

    def learn(self):
        batch = random.sample(self.memory, 32)
        states, actions, rewards, next_states, dones = map(np.array, zip(*batch))
        future = tf.reduce_max(self.target_network(next_states), axis=1)
        target = rewards + 0.9 * (1 - dones) * future
        with tf.GradientTape() as tape:
            q = tf.reduce_sum(self.network(states) * tf.one_hot(actions, 2), axis=1)
            {loss}
        gradients = tape.gradient(loss, self.network.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.network.trainable_variables))


def main(env, network, target_network):
    agent = Agent(network, target_network)
    state = env.reset()
    for step in range(5000):
        next_state, reward, done = env.step(step % 2)
        agent.memory.append((state, step % 2, reward, next_state, done))
        state = next_state
        agent.learn()
"""


def agent(loss: str) -> Files:
    return {"agent.py": AGENT.replace("{loss}", loss)}


def fixed(loss: str) -> Files:
    text = AGENT.replace("{loss}", loss)
    text = text.replace("import random\nfrom collections import deque\n\n", "")
    names = ["LinearSchedule", "PrioritizedReplayBuffer", "absolute_td_error", "importance_weighted_loss"]
    imports = "from experience_replay_optimizer import (\n" + "".join(f"    {name},\n" for name in names) + ")\n"
    text = text.replace("import tensorflow as tf\n", f"import tensorflow as tf\n{imports}")
    memory = """PrioritizedReplayBuffer(
            1000,
            beta=LinearSchedule(0.4, 1.0, steps=5000),
            reward=2,
        )"""
    text = text.replace("deque(maxlen=1000)", memory)
    text = text.replace("batch = random.sample(self.memory, 32)", "batch, weights, indices = self.memory.sample(32)")
    step = "        self.optimizer.apply_gradients(zip(gradients, self.network.trainable_variables))\n"
    update = "        self.memory.update_priorities(indices, absolute_td_error(q, target))\n"
    return {"agent.py": text.replace(step, step + update)}


@pytest.mark.parametrize(
    ("square", "weighted"),
    [
        ("tf.reduce_mean(tf.square(target - q))", "tf.square(target - q)"),
        ("tf.math.reduce_mean((q - target) ** 2)", "(q - target) ** 2"),
        ("tf.reduce_mean(0.5 * (q - target) ** 2)", "0.5 * (q - target) ** 2"),
        ("tf.reduce_mean(0.5 * tf.square(target - q))", "0.5 * tf.square(target - q)"),
        ("tf.reduce_mean(tf.square(target - q) * 0.5)", "tf.square(target - q) * 0.5"),
        ("tf.reduce_mean(tf.square(target - q) / 2)", "tf.square(target - q) / 2"),
        ("tf.reduce_mean(0.5 * tf.math.squared_difference(target, q))", "0.5 * tf.math.squared_difference(target, q)"),
        ("tf.reduce_mean(tf.math.squared_difference(target, q))", "tf.math.squared_difference(target, q)"),
    ],
)
def test_means_of_squares(square: str, weighted: str) -> None:
    check_fixed(agent(f"loss = {square}"), fixed(f"loss = importance_weighted_loss({weighted}, weights)"))


def test_squares_that_have_a_name() -> None:
    squares = "squares = 0.5 * tf.square(target - q)\n            loss = "
    after = fixed(f"{squares}importance_weighted_loss(squares, weights)")
    check_fixed(agent(f"{squares}tf.reduce_mean(squares)"), after)


@pytest.mark.parametrize("function", ["keras.losses.MSE", "tf.keras.losses.mean_squared_error"])
def test_losses_of_keras_that_average_the_last_axis(function: str) -> None:
    after = fixed("loss = importance_weighted_loss((target - q) ** 2, weights)")
    assumption = "what the loss at agent.py:22 compares has one value a transition"
    check_fixed(agent(f"loss = {function}(target, q)"), after, unsafe=assumption)


def test_a_loss_object() -> None:
    def with_object(files: Files) -> Files:
        adam = "keras.optimizers.Adam(1e-3)\n"
        text = files["agent.py"].replace(adam, f"{adam}        self.loss = keras.losses.MeanSquaredError()\n")
        return {"agent.py": text}

    after = with_object(fixed("loss = importance_weighted_loss((target - q) ** 2, weights)"))
    check_fixed(with_object(agent("loss = self.loss(target, q)")), after, unsafe="one value a transition")


def test_an_actor_under_a_second_tape_and_a_critic_with_two_heads() -> None:
    files = agent("loss = tf.reduce_mean(tf.square(target - q)) + tf.reduce_mean(tf.square(target - q2))")
    text = files["agent.py"].replace(
        "            loss =", "            q2 = self.network.second(states)\n            loss ="
    )
    last = "        self.optimizer.apply_gradients(zip(gradients, self.network.trainable_variables))\n"
    actor = """        with tf.GradientTape() as tape:
            actor_loss = -tf.reduce_mean(self.network(states))
        gradients = tape.gradient(actor_loss, self.network.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.network.trainable_variables))
"""
    before = {"agent.py": text.replace(last, last + actor)}
    weighted = (
        "loss = importance_weighted_loss(tf.square(target - q), weights)"
        " + importance_weighted_loss(tf.square(target - q2), weights)"
    )
    after = (
        fixed(weighted)["agent.py"].replace("reward=2", "rare_fraction=0").replace("(q, target)", "((q, q2), target)")
    )
    after = after.replace("            loss =", "            q2 = self.network.second(states)\n            loss =")
    update = "        self.memory.update_priorities(indices, absolute_td_error((q, q2), target))\n"
    check_fixed(before, {"agent.py": after.replace(update, update + actor)})


@pytest.mark.parametrize(
    ("loss", "reason"),
    [
        ("loss = keras.losses.Huber()(target, q)", "is Keras's Huber"),
        ("loss = keras.losses.MSE(y_true=target, y_pred=q)", "options that are not understood"),
    ],
)
def test_refused(loss: str, reason: str) -> None:
    check_refused(agent(loss), reason)


def test_code_that_is_traced_into_a_graph_is_refused() -> None:
    files = agent("loss = tf.reduce_mean(tf.square(target - q))")
    text = files["agent.py"].replace("    def learn(self)", "    @tf.function\n    def learn(self)")
    check_refused({"agent.py": text}, "may be traced into a graph (tf.function)")
