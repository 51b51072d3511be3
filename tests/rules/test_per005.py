"""PER005 tells of a learner that drops the weights, be it that it learns by what it gives the batch to."""

import pytest

from per_audit.facts import extract
from per_audit.graph import link
from per_audit_rules.per005_missing_importance_weights import MissingImportanceWeights
from per_audit_rules.per401_linear_time_sampling import LinearTimeSampling

MEMORY = """
import numpy as np


class Memory:
    def __init__(self, size):
        self.rows, self.mass, self.at = [None] * size, np.zeros(size), 0

    def put(self, *row):
        self.rows[self.at], self.mass[self.at] = row, self.mass.max() or 1.0
        self.at = (self.at + 1) % len(self.rows)

    def some(self, n, beta):
        shares = self.mass / self.mass.sum()
        slots = np.random.choice(len(self.rows), n, p=shares)
        weights = (len(self.rows) * shares[slots]) ** -beta
        states, actions, rewards, following, ends = map(np.array, zip(*[self.rows[slot] for slot in slots]))
        return states, actions, rewards, following, ends, slots, weights / weights.max()

    def rate(self, slots, errors):
        self.mass[slots] = abs(errors) + 1e-6


class Weighing:
    def __init__(self, net):
        self.net, self.memory = net, Memory(1000)

    def learn(self, beta):
        states, actions, rewards, following, ends, slots, weights = self.memory.some(32, beta)
        errors = self.net.errors(states, actions, rewards, following, ends)
        (weights * errors**2).mean().backward()
        self.memory.rate(slots, errors)


class ByHelpers:
    def __init__(self, net):
        self.net, self.memory = net, Memory(1000)

    def step(self, beta):
        self.learn(self.memory.some(32, beta))

    def learn(self, batch):
        states, actions, rewards, following, ends, slots, weights = batch
        self.memory.rate(slots, self.critic(CALL))
        self.look(states)

    def critic(self, GIVEN):
        errors = self.net.errors(states, actions, rewards, following, ends)
        LOSS
        return errors

    def look(self, states):
        print(states)


def train(env, net, steps):
    for step in range(steps):
        for agent in (Weighing(net), ByHelpers(net)):
            agent.memory.put(*env.turn())
            (agent.learn if agent.old else agent.step)(min(1.0, 0.4 + step / steps))
"""
ROW = "states, actions, rewards, following, ends"


@pytest.mark.parametrize(
    ("call", "given", "loss", "expected"),
    [
        (ROW, ROW, "(errors**2).mean().backward()", ["ByHelpers.learn"]),
        (f"{ROW}, weights", f"{ROW}, weights", "(weights * errors**2).mean().backward()", []),
        (ROW, ROW, "print(errors)", []),  # whatever learns is out of sight
    ],
)
def test_a_learner_may_learn_by_what_it_gives_the_batch_to(call, given, loss, expected):
    text = MEMORY.replace("CALL", call).replace("GIVEN", given).replace("LOSS", loss)
    found = MissingImportanceWeights().check(link([extract("main.py", text.encode())]))
    assert [finding.symbol for finding in found if "drops the importance" in finding.message] == expected


HANDED_ON = """
import numpy as np


class Rows:
    def __init__(self, size, width):
        self.states, self.after = np.zeros((size, width)), np.zeros((size, width))
        self.actions, self.rewards, self.ends = np.zeros(size), np.zeros(size), np.zeros(size)
        self.mass, self.size, self.at = np.zeros(size), 0, 0

    def add(self, state, action, reward, following, end):
        self.states[self.at], self.after[self.at] = state, following
        self.actions[self.at], self.rewards[self.at], self.ends[self.at] = action, reward, end
        self.mass[self.at] = self.mass.max() or 1.0
        self.at, self.size = (self.at + 1) % len(self.mass), min(self.size + 1, len(self.mass))

    def sample(self, n, beta=None):
        return self._by_priority(n, beta or 0.4)

    def _by_priority(self, n, beta):
        shares = self.mass[: self.size] / self.mass[: self.size].sum()
        slots = np.random.choice(self.size, n, p=shares)
        weights = (self.size * shares[slots]) ** -beta
        columns = {"states": self.states[slots], "after": self.after[slots], "actions": self.actions[slots]}
        others = {"rewards": self.rewards[slots], "ends": self.ends[slots]}
        return {**columns, **others, "slots": slots, "weights": weights / weights.max()}

    def rate(self, slots, errors):
        self.mass[slots] = abs(errors) + 1e-6


"""
BODY = """\
    rows, state = Rows(100_000, 4), env.reset()
    for step in range(200_000):
        action = net.act(state)
        following, reward, end, _ = env.step(action)
        rows.add(state, action, reward, following, end)
        state = env.reset() if end else following
        batch = rows.sample(32, beta=0.5)
        targets = batch["rewards"] + 0.99 * (1 - batch["ends"]) * net(batch["after"]).max(1)
        errors = targets - net(batch["states"], batch["actions"])
        LOSS.mean().backward()
        rows.rate(batch["slots"], errors)
"""


@pytest.mark.parametrize("around", ['if __name__ == "__main__":\n', "def main(env, net):\n"])
@pytest.mark.parametrize(
    ("loss", "known"), [("(errors ** 2)", {"PER005", "PER401"}), ('(batch["weights"] * errors ** 2)', {"PER401"})]
)
def test_a_file_that_trains_at_its_top_level_is_looked_into_as_a_function_is(around, loss, known):
    end = "" if around.startswith("if") else "\n\nmain(make_env(), make_net())\n"
    source = HANDED_ON + around + BODY.replace("LOSS", loss) + end
    graph = link([extract("main.py", source.encode())])
    assert {f.rule for rule in (MissingImportanceWeights(), LinearTimeSampling()) for f in rule.check(graph)} == known


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        ("states, actions, _, _, _, slots, _", []),
        ("states, actions, rewards, _, _, slots, _", ["ByHelpers.learn"]),
        ("states, actions, _, following, ends, slots, _", ["ByHelpers.learn"]),
    ],
)
def test_who_reads_neither_rewards_nor_what_came_after_makes_no_errors(batch, expected):
    row = ", ".join(name for name in batch.split(", ") if name not in ("_", "slots"))
    text = MEMORY.replace(f"{ROW}, slots, weights = batch", f"{batch} = batch")
    text = text.replace("CALL", row).replace("GIVEN", row).replace("LOSS", "(errors**2).mean().backward()")
    found = MissingImportanceWeights().check(link([extract("main.py", text.encode())]))
    assert [finding.symbol for finding in found if "drops the importance" in finding.message] == expected


SHARED = (
    MEMORY[: MEMORY.index("class ByHelpers")]
    + """
def a_batch(memory, beta):
    return memory.some(32, beta) if memory.at else None


class Plain:
    def losses(self, values, goals, weights):
        return LOSS


class ByObjective:
    def __init__(self, net, optimizer):
        self.net, self.optimizer, self.memory, self.objective = net, optimizer, Memory(1000), Plain()

    def learn(self, beta):
        states, actions, rewards, following, ends, slots, weights = a_batch(self.memory, beta)
        values, goals = self.net(states, actions), rewards + (1 - ends) * self.net(following)
        losses = self.objective.losses(values, goals, weights)
        self.descend(losses.mean())
        self.memory.rate(slots, (values - goals).detach())

    def descend(self, loss):
        loss.backward()
        self.optimizer.step()


def train(env, net, optimizer, steps):
    for step in range(steps):
        for agent in (Weighing(net), ByObjective(net, optimizer)):
            agent.memory.put(*env.turn())
            agent.learn(min(1.0, 0.4 + step / steps))
"""
)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("(values - goals) ** 2", ["ByObjective.learn"]),
        ("weights * (values - goals) ** 2", []),
        ("scaled(values - goals, weights)", []),  # by whatever that is
    ],
)
def test_weights_that_are_handed_to_who_does_not_read_them_are_dropped(loss, expected):
    found = MissingImportanceWeights().check(link([extract("main.py", SHARED.replace("LOSS", loss).encode())]))
    assert [finding.symbol for finding in found if "drops the importance" in finding.message] == expected


FED = (
    MEMORY[: MEMORY.index("class Weighing")]
    + """
import tensorflow as tf


class Learner:
    def __init__(self, session, values, states):
        self.session, self.states, self.memory = session, states, Memory(1000)
        self.goals, self.weights = tf.placeholder(tf.float32, [None]), None
        self.given = tf.placeholder(tf.float32, [None, 4])
        self.errors = self.goals - values
        self.step = tf.train.AdamOptimizer(1e-3).minimize(tf.reduce_mean(LOSS))

    def learn(self, beta):
        states, actions, rewards, following, ends, slots, weights = self.memory.some(32, beta)
        goals = rewards + 0.99 * (1 - ends) * self.values(following)
        each = np.transpose(np.tile(weights, (4, 1)))
        fed = {self.states: states, self.goals: goals, self.given: each}
        _, errors = self.session.run([self.step, self.errors], feed_dict=fed)
        self.memory.rate(slots, errors)


def train(env, session, values, states, steps):
    learner = Learner(session, values, states)
    for step in range(steps):
        learner.memory.put(*env.turn())
        learner.learn(min(1.0, 0.4 + step / steps))
"""
)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [("tf.square(self.errors)", ["Learner.learn"]), ("self.given[:, 0] * tf.square(self.errors)", [])],
)
def test_weights_that_are_fed_to_a_graph_which_makes_nothing_of_them_are_dropped(loss, expected):
    found = MissingImportanceWeights().check(link([extract("main.py", FED.replace("LOSS", loss).encode())]))
    assert [finding.symbol for finding in found] == expected


REMOTE = (
    """
import ray
import torch
"""
    + MEMORY[: MEMORY.index("class Weighing")].replace("class Memory", "@ray.remote\nclass Memory")
    + """
def learn(net, target_net, optimizer, steps):
    memory = Memory.remote(100_000)
    for step in range(steps):
        drawn = ray.get(memory.some.remote(32, 0.4 + 0.6 * step / steps))
        states, actions, rewards, following, ends, slots, weights = drawn
        actions, rewards, ends, weights = map(torch.as_tensor, (actions, rewards, ends, weights))
        q = net(states).gather(1, actions[:, None])[:, 0]
        with torch.no_grad():
            errors = rewards + 0.99 * (1 - ends) * target_net(following).amax(1) - q
        loss = LOSS
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        memory.rate.remote(slots, errors.numpy())


def play(memory, env):
    memory.put.remote(*env.turn())
"""
)


@pytest.mark.parametrize(("loss", "count"), [("(errors**2).mean()", 1), ("(weights * errors**2).mean()", 0)])
def test_weights_that_are_fetched_and_converted_are_in_no_loss_by_that(loss, count):
    found = list(MissingImportanceWeights().check(link([extract("main.py", REMOTE.replace("LOSS", loss).encode())])))
    assert len(found) == count


@pytest.mark.parametrize(("loss", "count"), [("(errors**2).mean()", 1), ("(weights * errors**2).mean()", 0)])
def test_weights_behind_the_parts_of_a_batch_that_are_handed_on_with_a_star(loss, count):
    text = MEMORY[: MEMORY.index("class Weighing")].replace(
        "states, actions, rewards, following, ends = map(np.array, zip(*[self.rows[slot] for slot in slots]))",
        "columns = [np.array(column) for column in zip(*[self.rows[slot] for slot in slots])]",
    )
    text = text.replace("return states, actions, rewards, following, ends, slots,", "return columns, slots,")
    text = (
        text.replace("put(self, *row)", f"put(self, {ROW})")
        .replace("] = row,", f"] = ({ROW}),")
        .replace("mass", "priorities")
    )
    text += f"""

import torch


def improve(net, target_net, optimizer, states, actions, rewards, following, ends, weights):
    q = net(states).gather(1, actions[:, None])[:, 0]
    with torch.no_grad():
        goals = rewards + 0.99 * (1 - ends) * target_net(following).amax(1)
    errors = goals - q
    optimizer.zero_grad()
    {loss}.backward()
    optimizer.step()
    return errors.detach().numpy()


def train(env, net, target_net, optimizer, steps):
    memory, state = Memory(1000), env.reset()
    for step in range(steps):
        action = net.act(state)
        following, reward, end, _ = env.step(action)
        memory.put(state, action, reward, following, end)
        state = env.reset() if end else following
        columns, slots, weights = memory.some(32, min(1.0, 0.4 + step / steps))
        memory.rate(slots, improve(net, target_net, optimizer, *columns, weights))
"""
    found = list(MissingImportanceWeights().check(link([extract("main.py", text.encode())])))
    assert len(found) == count
