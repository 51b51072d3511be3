"""Keras models that are fitted to predictions in which targets have overwritten an element of each row."""

from __future__ import annotations

import pytest

from ...rewriting import Files, check_fixed, check_refused
from ..containers.test_container_swap import changed

HEAD = """
import random
from collections import deque

import numpy as np
from keras.models import Sequential


class Agent:
    def __init__(self):
        self.memory = deque(maxlen=2000)
        self.model = Sequential()
        self.model.compile(loss="mse", optimizer="adam")

    def remember(self, state, action, reward, next_state, done):
        self.memory.append((state, action, reward, next_state, done))

    def replay(self, batch_size):
        minibatch = random.sample(self.memory, batch_size)
"""
MAIN = """
from agent import Agent


def main(env):
    agent = Agent()
    state = env.reset()
    for step in range(20_000):
        next_state, reward, done = env.step(0)
        agent.remember(state, 0, reward, next_state, done)
        state = next_state
        if step > 64:
            agent.replay(32)
"""
FIXED_HEAD = """
import numpy as np
from experience_replay_optimizer import LinearSchedule, PrioritizedReplayBuffer
from keras.models import Sequential


class Agent:
    def __init__(self):
        self.memory = PrioritizedReplayBuffer(
            2000,
            beta=LinearSchedule(0.4, 1.0, steps=20_000),
            reward=2,
        )
        self.model = Sequential()
        self.model.compile(loss="mse", optimizer="adam")

    def remember(self, state, action, reward, next_state, done):
        self.memory.append((state, action, reward, next_state, done))

    def replay(self, batch_size):
        minibatch, weights, indices = self.memory.sample(batch_size)
"""
LOOP = "        for state, action, reward, next_state, done in minibatch:\n"
ONE = """\
            target = reward if done else reward + 0.9 * np.amax(self.model.predict(next_state)[0])
            row = self.model.predict(state)
            row[0][action] = target
"""
FIT_ONE = "            self.model.fit(state, row, verbose=0)\n"
SINGLY = LOOP + ONE + FIT_ONE
START = "        td_errors = []\n"
UPDATE = "        self.memory.update_priorities(indices, td_errors)\n"
BY_NAME = "            td_errors.append(abs(target - row[0][action]))\n            row[0][action] = target\n"
FIXED_ONE = ONE.replace("            row[0][action] = target\n", BY_NAME)
FIXED_LOOP = (
    "        for (state, action, reward, next_state, done), weight in zip(minibatch, weights.reshape(-1, 1)):\n"
)
FIXED_SINGLY = (
    START + FIXED_LOOP + FIXED_ONE + FIT_ONE.replace("verbose=0)", "verbose=0, sample_weight=weight)") + UPDATE
)


def program(replay: str, head: str = HEAD) -> Files:
    return {"agent.py": head + replay, "main.py": MAIN}


def check(before: str, after: str, *pairs: tuple[str, str]) -> None:
    check_fixed(changed(program(before), *pairs), changed(program(after, FIXED_HEAD), *pairs))


def test_one_fit_a_transition():
    check(SINGLY, FIXED_SINGLY)


def test_a_loop_with_brackets():
    before = SINGLY.replace(
        "for state, action, reward, next_state, done in", "for (state, action, reward, next_state, done) in"
    )
    check(before, FIXED_SINGLY)


def test_rows_that_are_collected():
    before = f"        xs, ys = [], []\n{LOOP}{ONE}            xs.append(state[0])\n            ys.append(row[0])\n"
    fit = "        return_value = self.model.train_on_batch(np.array(xs), np.array(ys){})\n"
    after = before.replace(LOOP + ONE, START + LOOP + FIXED_ONE) + fit.format(", sample_weight=weights") + UPDATE
    check(before + fit.format(""), after)


def test_two_ways_to_a_target():
    branches = """\
            row = self.model.predict(state)
{}            if done:
                row[0][action] = reward
            else:
                row[0][action] = reward + 0.9 * np.amax(self.model.predict(next_state)[0])
{}"""
    taken = "            prediction = row[0][action]\n"
    given = "            td_errors.append(abs(row[0][action] - prediction))\n"
    fit = FIT_ONE.replace("verbose=0)", "verbose=0, sample_weight=weight)")
    check(
        LOOP + branches.format("", "") + FIT_ONE,
        START + FIXED_LOOP + branches.format(taken, given) + fit + UPDATE,
    )


@pytest.mark.parametrize("rows", ["enumerate(minibatch)", "range(len(minibatch))", "range(batch_size)"])
def test_rows_by_their_number(rows):
    names = "i, (s, a, r, n, d)" if rows.startswith("enumerate") else "i"
    own = "" if rows.startswith("enumerate") else "            s, a, r, n, d = minibatch[i]\n"
    text = f"""\
        states = np.array([t[0] for t in minibatch])
        targets = self.model.predict(states)
{{}}        for {names} in {rows}:
{own}            goal = r if d else r + 0.9 * np.max(self.model.predict(n))
{{}}            targets[i][a] = goal
        self.model.fit(states, targets, epochs=1{{}})
{{}}"""
    taken = "            td_errors.append(abs(goal - targets[i][a]))\n"
    check(text.format("", "", "", ""), text.format(START, taken, ", sample_weight=weights", UPDATE))


@pytest.mark.parametrize("copied", ["self.model.predict(states)", "np.copy(before)", "before[:]", "before.copy()"])
def test_all_rows_at_once(copied):
    text = f"""\
        states, actions, rewards, later, dones = map(np.array, zip(*minibatch))
        before = self.model.predict(states)
        targets = {copied}
        rows = np.arange(batch_size)
{{}}        targets[rows, actions] = rewards + 0.9 * np.max(self.model.predict(later), axis=1) * (1 - dones)
{{}}        self.model.train_on_batch(states, targets{{}})
{{}}"""
    taken = "        prediction = targets[rows, actions]\n"
    given = "        td_errors = abs(targets[rows, actions] - prediction)\n"
    check(text.format("", "", "", ""), text.format(taken, given, ", sample_weight=weights", UPDATE))


@pytest.mark.parametrize("copied", ["other.predict(states)", "np.copy(other.predict(states))"])
def test_rows_of_another_model_are_an_assumption(copied):
    text = f"""\
        states, actions, rewards, later, dones = map(np.array, zip(*minibatch))
        other = self.behind
        targets = {copied}
        rows = np.arange(batch_size)
{{}}        targets[rows, actions] = rewards + 0.9 * np.max(other.predict(later), axis=1) * (1 - dones)
{{}}        self.model.train_on_batch(states, targets{{}})
{{}}"""
    taken = "        prediction = targets[rows, actions]\n"
    given = "        td_errors = abs(targets[rows, actions] - prediction)\n"
    after = program(text.format(taken, given, ", sample_weight=weights", UPDATE), FIXED_HEAD)
    check_fixed(program(text.format("", "", "", "")), after, unsafe="are predictions of other")


@pytest.mark.parametrize("library", ["tensorflow.keras.models", "tf_keras.models"])
def test_keras_under_other_names(library):
    pair = ("from keras.models", f"from {library}")
    check_fixed(changed(program(SINGLY), pair), changed(program(FIXED_SINGLY, FIXED_HEAD), pair))


def test_a_loss_that_takes_one_mean_keeps_the_batch_axis():
    loss = "def huber(true, predicted):\n    return K.mean(K.abs(true - predicted){})\n\n\nclass Agent"
    pairs = (("from keras.models", "from keras import backend as K\nfrom keras.models"), ('loss="mse"', "loss=huber"))
    before = changed(program(SINGLY), *pairs, ("class Agent", loss.format("")))
    after = changed(program(FIXED_SINGLY, FIXED_HEAD), *pairs, ("class Agent", loss.format(", axis=-1")))
    check_fixed(before, after)


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        (('loss="mse"', "loss=make_loss()"), "is not known to keep one value a row"),
        ((LOOP, LOOP + "            if done:\n                continue\n"), "leaves transitions out"),
        (("in minibatch:", "in reversed(minibatch):"), "is not known to visit every drawn transition"),
        (("verbose=0)", "verbose=0, class_weight=state)"), "has weights already"),
        (("verbose=0)\n", "verbose=0)\n        self.model.fit(state, row)\n"), "is fitted in several places"),
        (("row[0][action] =", "row[0] ="), "no TD loss that can be weighted"),
        (("from keras.models", "from tflearn"), "is of tflearn, whose fit may take no weights of rows"),
        (("from keras.models", "from sklearn.neural_network"), "is of sklearn, whose fit may take no weights of rows"),
    ],
)
def test_refused(pair, reason):
    check_refused(changed(program(SINGLY), pair), reason)
