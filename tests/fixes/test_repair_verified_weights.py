"""Broken weights and betas are repaired so that the training is that of the sound program, and `verify` passes."""

from __future__ import annotations

import pytest

from .verified import RANKS, TRAIN, TREE, betas, is_sound, mutated, repaired, same, trained, verdicts

torch = pytest.importorskip("torch")

# ---------------------------------------------------------------- programs

LOSS = "        (torch.tensor(weights) * errors**2).mean().backward()\n"
DRAWN = "        batch, slots, weights = memory.sample(32)\n"
RETURNED = "        return [self.rows[slot] for slot in slots], slots, weights / weights.max()\n"
COLUMNS = """        q = net(states).gather(1, actions[:, None])
        with torch.no_grad():
            goals = (rewards + 0.99 * (1 - dones) * net(next_states).max(1).values)[:, None]
"""
ROWS = """        q = net(states).gather(1, actions[:, None]).squeeze(1)
        with torch.no_grad():
            goals = rewards + 0.99 * (1 - dones) * net(next_states).max(1).values
"""
AGENT = """import torch
from torch import nn


class Agent:
    def __init__(self, net, optimizer, memory):
        self.net, self.optimizer, self.memory = net, optimizer, memory
        self.criterion = nn.SmoothL1Loss(reduction="none")

    def learn(self):
        batch, slots, weights = self.memory.sample(32)
        states, actions, rewards, next_states, dones = (torch.tensor(column) for column in zip(*batch))
        q = self.net(states).gather(1, actions[:, None]).squeeze(1)
        with torch.no_grad():
            goals = rewards + 0.99 * (1 - dones) * self.net(next_states).max(1).values
        self.optimizer.zero_grad()
        self.loss(q, goals, torch.tensor(weights)).backward()
        self.optimizer.step()
        self.memory.update_priorities(slots, (goals - q).detach().numpy())

    def loss(self, q, goals, weights):
        return (weights * self.criterion(q, goals)).mean()
"""
PLAY = """from agent import Agent
from memory import Memory


def train(env, net, optimizer, steps):
    memory = Memory(1000)
    agent = Agent(net, optimizer, memory)
    state = env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(net.act(state))
        memory.add(state, net.last, reward, next_state, done)
        state = env.reset() if done else next_state
        memory.beta = min(1.0, 0.4 + 0.6 * step / steps)
        agent.learn()
"""
KERAS = """import tensorflow as tf
from memory import Memory


def train(env, net, optimizer, steps):
    memory = Memory(1000)
    state = env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(net.act(state))
        memory.add(state, net.last, reward, next_state, done)
        state = env.reset() if done else next_state
        memory.beta = min(1.0, 0.4 + 0.6 * step / steps)
        batch, slots, weights = memory.sample(32)
        states, actions, rewards, next_states, dones = (tf.convert_to_tensor(column) for column in zip(*batch))
        weights = tf.convert_to_tensor(weights, tf.float32)
        goals = rewards + 0.99 * (1.0 - dones) * tf.reduce_max(net(next_states), axis=1)
        with tf.GradientTape() as tape:
            q = tf.reduce_sum(net(states) * tf.one_hot(actions, 2), axis=1)
            errors = goals - q
            loss = tf.reduce_mean(weights * tf.square(errors))
        gradients = tape.gradient(loss, net.trainable_variables)
        optimizer.apply_gradients(zip(gradients, net.trainable_variables))
        memory.update_priorities(slots, tf.stop_gradient(errors).numpy())
"""


def one(loss, train=TRAIN, memory=TREE, **others):
    """A program with these lines of a loss."""
    lines = "".join(f"        {line}\n" for line in loss.split("\n"))
    return {"memory.py": memory, "train.py": mutated(train, LOSS, lines)} | {f"{k}.py": v for k, v in others.items()}


def put_wrong(files, sound, broken):
    """The program with the one place that is sound put wrong."""
    (path,) = [path for path, text in files.items() if sound in text]
    return files | {path: mutated(files[path], sound, broken)}


def in_a_dictionary(train):
    """A training whose memory gives a dictionary."""
    train = mutated(train, DRAWN, "        drawn = memory.sample(32)\n")
    return mutated(mutated(train, "*batch", '*drawn["rows"]'), "(slots, ", '(drawn["slots"], ')


PLAIN = one("(torch.tensor(weights) * errors**2).mean().backward()")
COLUMN = mutated(mutated(TRAIN, ROWS, COLUMNS), "errors.detach().numpy()", "errors.detach().numpy()[:, 0]")
DICTIONARY = mutated(
    TREE,
    RETURNED,
    """        rows = [self.rows[slot] for slot in slots]
        return {"rows": rows, "slots": slots, "weights": weights / weights.max()}
""",
)
NAMED = mutated(
    TREE.replace("import numpy as np\n", "from collections import namedtuple\n\nimport numpy as np\n").replace(
        "\n\nclass", '\nDrawn = namedtuple("Drawn", "rows slots weights")\n\n\nclass'
    ),
    RETURNED,
    "        return Drawn([self.rows[slot] for slot in slots], slots, weights / weights.max())\n",
)
OF_NAMES = in_a_dictionary(TRAIN).replace('drawn["rows"]', "drawn.rows").replace('drawn["slots"]', "drawn.slots")
LOSSES = """import torch


def weighted(weights, errors):
    return (torch.as_tensor(weights) * errors.pow(2)).mean()
"""
ELSEWHERE = {
    "memory.py": TREE,
    "losses.py": LOSSES,
    "train.py": "from losses import weighted\n"
    + mutated(TRAIN, LOSS, "        weighted(weights, errors).backward()\n"),
}
AGENTS = {"memory.py": TREE, "agent.py": AGENT, "train.py": PLAY}
TENSORFLOW = {"memory.py": TREE, "train.py": KERAS}
F = "torch.nn.functional"
ANNEALED = "        memory.beta = min(1.0, 0.4 + 0.6 * step / 1000)\n"
LINEAR = """import numpy as np
from memory import Memory


def train(env, net, optimizer, steps):
    memory, table, state = Memory(1000), np.zeros((3, 2)), env.reset()
    for step in range(1000):
        action = np.random.randint(2)
        next_state, reward, done, _ = env.step(action)
        memory.add(np.array(state), action, reward, np.array(next_state), done)
        state = env.reset() if done else next_state
        memory.beta = min(1.0, 0.4 + 0.6 * step / 1000)
        batch, slots, weights = memory.sample(32)
        errors = np.zeros(len(batch))
        for k, (before, chosen, gain, after, end) in enumerate(batch):
            errors[k] = gain + 0.99 * (1 - end) * (after @ table).max() - before @ table[:, chosen]
            table[:, chosen] += 0.05 * weights[k] * errors[k] * before
        memory.update_priorities(slots, errors)
"""
SET = "self.capacity, self.alpha, self.beta = capacity, alpha, beta\n"
USED = "        weights = (self.size * p) ** -self.beta\n"
BOUND = "        self.beta = min(1.0, self.beta + self.beta_step)\n"
RISING = mutated(TREE, USED, BOUND + USED)
# Memories that raise beta themselves: by a step that they are given, and over as many draws as they are told.
BY_STEP = mutated(
    mutated(RISING, "beta=0.4)", "beta=0.4, beta_step=6e-6)"), SET, SET + "        self.beta_step = beta_step\n"
)
BY_LENGTH = mutated(
    mutated(RISING, "beta=0.4)", "beta=0.4, beta_steps=100_000)"),
    SET,
    SET + "        self.beta_step = (1.0 - beta) / beta_steps\n",
)
BY_COUNT = mutated(
    mutated(
        mutated(TREE, "beta=0.4)", "beta=0.4, beta_steps=100_000)"),
        SET,
        SET + "        self.draws, self.first_beta, self.beta_steps = 0, beta, beta_steps\n",
    ),
    USED,
    """        self.draws += 1
        self.beta = self.first_beta + (1.0 - self.first_beta) * min(1.0, self.draws / self.beta_steps)
"""
    + USED,
)
ALONE = mutated(LINEAR, ANNEALED, "")
GIVEN_STEP = mutated(ALONE, "Memory(1000)", "Memory(1000, beta_step=(1.0 - 0.4) / 1_000)")
GIVEN_LENGTH = mutated(ALONE, "Memory(1000)", "Memory(1000, beta_steps=1_000)")
REPLACED = mutated(RANKS, "(self.size, n, p=p)", "(self.size, n, replace=True, p=p)")
BY_TORCH = mutated(
    RANKS.replace("import numpy as np\n", "import numpy as np\nimport torch\n"),
    "np.random.choice(self.size, n, p=p)",
    "torch.multinomial(torch.tensor(p), n, replacement=True).numpy()",
)


# ---------------------------------------------------------------- tests


@pytest.mark.parametrize("memory", [TREE, RANKS, DICTIONARY, NAMED])
def test_the_memories_are_sound(memory, capsys):
    train = {DICTIONARY: in_a_dictionary(TRAIN), NAMED: OF_NAMES}.get(memory, TRAIN)
    assert is_sound(verdicts(capsys, {"memory.py": memory, "train.py": train}))


@pytest.mark.parametrize(
    ("code", "files", "sound", "broken"),
    [
        pytest.param(*case[1:], id=f"{case[1]}-{case[0]}")
        for case in [
            # weights after the reduction
            (
                "a mean of the elements",
                "PER101",
                one("(torch.tensor(weights) * errors.pow(2)).mean().backward()"),
                "errors.pow(2)",
                "errors.pow(2).mean()",
            ),
            (
                "torch.mean",
                "PER101",
                one("loss = torch.mul(torch.tensor(weights), torch.square(errors))\nloss.mean().backward()"),
                "torch.square(errors)",
                "torch.mean(torch.square(errors))",
            ),
            (
                "a loss under a name",
                "PER101",
                one(
                    f'loss = {F}.mse_loss(q, goals, reduction="none")\n'
                    "loss = (loss * torch.tensor(weights)).mean()\nloss.backward()"
                ),
                ', reduction="none"',
                "",
            ),
            (
                "a reduction that is written out",
                "PER101",
                one(f'({F}.l1_loss(q, goals, reduction="none") * torch.tensor(weights)).mean().backward()'),
                '"none"',
                '"mean"',
            ),
            (
                "a local loss object",
                "PER101",
                one(
                    'criterion = torch.nn.HuberLoss(reduction="none")\n'
                    "(torch.tensor(weights) * criterion(q, goals)).mean().backward()"
                ),
                'reduction="none"',
                "",
            ),
            (
                "a power in parentheses",
                "PER101",
                PLAIN,
                "errors**2",
                "(errors**2).mean()",
            ),
            (
                "a loss object with options",
                "PER101",
                put_wrong(AGENTS, 'nn.SmoothL1Loss(reduction="none")', 'nn.SmoothL1Loss(beta=0.5, reduction="none")'),
                ', reduction="none"',
                "",
            ),
            (
                "a loss object whose reduction is written out",
                "PER101",
                AGENTS,
                'reduction="none"',
                'reduction="mean"',
            ),
            (
                "a loss function as attribute",
                "PER101",
                put_wrong(
                    put_wrong(AGENTS, 'nn.SmoothL1Loss(reduction="none")', "nn.functional.mse_loss"),
                    "self.criterion(q, goals)",
                    'self.criterion(q, goals, reduction="none")',
                ),
                ', reduction="none"',
                "",
            ),
            ("a loss object as attribute, a method", "PER101", AGENTS, 'reduction="none"', ""),
            ("a function in another file", "PER101", ELSEWHERE, "errors.pow(2)", "errors.pow(2).mean()"),
            (
                "weights in a dictionary",
                "PER101",
                one(
                    '(torch.tensor(drawn["weights"]) * errors.pow(2)).mean().backward()',
                    in_a_dictionary(TRAIN),
                    DICTIONARY,
                ),
                "errors.pow(2)",
                "errors.pow(2).mean()",
            ),
            (
                "weights in a named tuple",
                "PER101",
                one("(torch.tensor(drawn.weights) * errors.pow(2)).mean().backward()", OF_NAMES, NAMED),
                "errors.pow(2)",
                "torch.mean(errors.pow(2))",
            ),
            (
                "TensorFlow 2",
                "PER101",
                TENSORFLOW,
                "tf.square(errors)",
                "tf.reduce_mean(tf.square(errors))",
            ),
            # weights of another shape than the loss
            (
                "rows times columns",
                "PER102",
                one("(torch.tensor(weights)[:, None] * errors**2).mean().backward()", COLUMN),
                "torch.tensor(weights)[:, None]",
                "torch.tensor(weights)",
            ),
            (
                "columns times rows",
                "PER102",
                PLAIN,
                "torch.tensor(weights)",
                "torch.tensor(weights).unsqueeze(1)",
            ),
            (
                "columns by an index times rows",
                "PER102",
                PLAIN,
                "torch.tensor(weights)",
                "torch.tensor(weights)[:, None]",
            ),
            (
                "rows times columns, TensorFlow 2",
                "PER102",
                TENSORFLOW,
                "weights * tf",
                "weights[:, None] * tf",
            ),
            (
                "a loss of columns",
                "PER102",
                one(
                    f'loss = {F}.mse_loss(q, goals, reduction="none")\n'
                    "loss = loss * torch.tensor(weights)[:, None]\nloss.mean().backward()",
                    COLUMN,
                ),
                "torch.tensor(weights)[:, None]",
                "torch.tensor(weights)",
            ),
            (
                "weights in a dictionary",
                "PER102",
                one(
                    '(torch.tensor(drawn["weights"])[:, None] * errors**2).mean().backward()',
                    in_a_dictionary(COLUMN),
                    DICTIONARY,
                ),
                "[:, None] * errors",
                " * errors",
            ),
            (
                "weights in a named tuple",
                "PER102",
                one(
                    "(torch.tensor(drawn.weights)[:, None] * errors**2).mean().backward()",
                    mutated(
                        mutated(OF_NAMES, ROWS, COLUMNS), "errors.detach().numpy()", "errors.detach().numpy()[:, 0]"
                    ),
                    NAMED,
                ),
                "[:, None] * errors",
                " * errors",
            ),
            (
                "a function in another file",
                "PER102",
                ELSEWHERE,
                "torch.as_tensor(weights) ",
                "torch.as_tensor(weights).reshape(-1, 1) ",
            ),
            # weights inside of what is squared
            (
                "a power",
                "PER103",
                one("(torch.tensor(weights) * errors.pow(2)).mean().backward()"),
                "errors.pow(2)).mean()",
                "errors).pow(2).mean()",
            ),
            (
                "torch.square",
                "PER103",
                one("(torch.tensor(weights) * torch.square(errors)).mean().backward()"),
                "(torch.tensor(weights) * torch.square(errors))",
                "torch.square(torch.tensor(weights) * errors)",
            ),
            (
                "both sides of a loss",
                "PER103",
                one(
                    "weights = torch.tensor(weights)\n"
                    f'loss = (weights * {F}.smooth_l1_loss(q, goals, reduction="none")).mean()\nloss.backward()'
                ),
                f'(weights * {F}.smooth_l1_loss(q, goals, reduction="none")).mean()',
                f"{F}.smooth_l1_loss(weights * q, weights * goals)",
            ),
            (
                "a function in another file",
                "PER103",
                ELSEWHERE,
                "(torch.as_tensor(weights) * errors.pow(2)).mean()",
                "(torch.as_tensor(weights) * errors).pow(2).mean()",
            ),
            (
                "weights in a dictionary",
                "PER103",
                one(
                    '(torch.tensor(drawn["weights"]) * errors ** 2).mean().backward()',
                    in_a_dictionary(TRAIN),
                    DICTIONARY,
                ),
                '(torch.tensor(drawn["weights"]) * errors ** 2)',
                '((torch.tensor(drawn["weights"]) * errors) ** 2)',
            ),
            (
                "TensorFlow 2",
                "PER103",
                TENSORFLOW,
                "weights * tf.square(errors)",
                "tf.square(weights * errors)",
            ),
        ]
    ],
)
def test_the_training_is_the_sound_one_again(code, files, sound, broken):
    defective = put_wrong(files, sound, broken)
    assert repaired(defective, code) == files
    assert not same(trained(files), trained(defective))


@pytest.mark.parametrize(
    ("code", "files", "sound", "broken", "seen_by"),
    [
        pytest.param(
            "PER107",
            {"memory.py": BY_STEP, "train.py": GIVEN_STEP},
            ", beta_step=(1.0 - 0.4) / 1_000",
            "",
            "",
            id="PER107-the default of a step",
        ),
        pytest.param(
            "PER107",
            {"memory.py": BY_LENGTH, "train.py": GIVEN_LENGTH},
            ", beta_steps=1_000",
            "",
            "",
            id="PER107-the default of a length",
        ),
        pytest.param(
            "PER107",
            {"memory.py": BY_COUNT, "train.py": GIVEN_LENGTH},
            ", beta_steps=1_000",
            "",
            "",
            id="PER107-the default of a length for a count of draws",
        ),
        pytest.param(
            "PER108",
            {"memory.py": BY_STEP, "train.py": GIVEN_STEP},
            "min(1.0, self.beta",
            "max(1.0, self.beta",
            "as-configured",
            id="PER108-a bound the wrong way round",
        ),
        pytest.param(
            "PER108",
            {"memory.py": TREE, "train.py": mutated(LINEAR, "0.4 + 0.6 * step / 1000", "memory.beta + 2e-3")},
            "min(1.0, memory.beta + 2e-3)",
            "memory.beta + 2e-3",
            "",
            id="PER108-no bound",
        ),
    ],
)
def test_beta_is_the_sound_one_again(code, files, sound, broken, seen_by, capsys):
    defective = put_wrong(files, sound, broken)
    assert repaired(defective, code) == files
    rises, is_wrong = betas(files), betas(defective)
    assert rises[0] < 0.41
    assert rises[-1] == pytest.approx(1.0, abs=1e-3)
    assert max(abs(one - other) for one, other in zip(rises, is_wrong, strict=True)) > 0.1
    if seen_by:
        assert verdicts(capsys, defective, seen_by) == {seen_by: "FAIL"}
    assert is_sound(verdicts(capsys, files))


@pytest.mark.parametrize(
    ("memory", "train"),
    [
        pytest.param(TREE, ALONE, id="a beta that nothing changes"),
        pytest.param(mutated(BY_STEP, BOUND, ""), GIVEN_STEP, id="a step that nothing adds"),
        pytest.param(
            DICTIONARY,
            mutated(
                mutated(ALONE, "batch, slots, weights =", "drawn ="),
                "errors = np",
                'batch, slots, weights = drawn["rows"], drawn["slots"], drawn["weights"]\n        errors = np',
            ),
            id="weights in a dictionary",
        ),
    ],
)
def test_a_beta_that_stays_rises_over_the_training(memory, train, capsys):
    files = {"memory.py": memory, "train.py": train}
    assert set(betas(files)) == {0.4}
    found = repaired(files, "PER106")
    linear = [0.4 + 0.6 * (step + 1) / 1000 for step in range(1000)]
    assert betas(found) == pytest.approx(linear)
    assert is_sound(verdicts(capsys, found))


@pytest.mark.parametrize(
    ("memory", "sound", "broken"),
    [
        pytest.param(REPLACED, "replace=True", "replace=False", id="numpy"),
        pytest.param(BY_TORCH, ", replacement=True", "", id="torch"),
    ],
)
def test_draws_are_put_back_again(memory, sound, broken, capsys):
    files = {"memory.py": memory, "train.py": TRAIN}
    defective = put_wrong(files, sound, broken)
    assert repaired(defective, "PER110") == files
    assert is_sound(verdicts(capsys, files))
