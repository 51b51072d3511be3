"""Buffers of libraries that are filled and never learnt from."""

import textwrap

import pytest

_PROGRAM = """
from tianshou.algorithm import DQN
from tianshou.data import AsyncCollector, Collector, VectorReplayBuffer


def main(policy, student, envs, trainer, kl):
    memory = VectorReplayBuffer(1000, 4)
"""


def _found(project, body):
    return len(project(_PROGRAM + textwrap.indent(textwrap.dedent(body).strip(), "    ") + "\n").library)


@pytest.mark.parametrize(
    "body",
    [
        "gatherer = Collector(policy, envs, memory)\ngatherer.collect(n_step=9)\nmemory.save_hdf5('seen.h5')",
        "gatherer = Collector(policy, envs, buffer=memory)\nprint(len(memory))\nfound = gatherer.collect(n_step=9)",
        "AsyncCollector(policy, envs, memory).collect(n_step=9)",
        "memory.add(policy.play(envs))\npickle.dump(memory, file)",
        "memory.add(policy.play(envs))\nbefore = memory\nmemory = before\npickle.dump(before, file)",
    ],
)
def test_what_is_filled_and_saved_is_no_memory(project, body):
    assert _found(project, body) == 0


@pytest.mark.parametrize(
    "body",
    [
        "gatherer = Collector(policy, envs, memory)\ntrainer(policy, gatherer).run()",
        "gatherer = Collector(policy, envs, memory)\ngatherer.collect(n_step=9)\npolicy.update(64, gatherer.buffer)",
        "gatherer = Collector(policy, envs, memory)\nreturn gatherer",
        "gatherer = Collector(policy, envs, memory)\npolicy.update(64, memory)",
        "self.gatherer = Collector(policy, envs, memory)",
        "gatherer, tester = Collector(policy, envs, memory), 1\npolicy.update(64, memory)",
        "before = memory\nmemory = before\npolicy.update(64, before)",
        "def train():\n    trainer(policy, gatherer)\ngatherer = Collector(policy, envs, memory)\ntrain()",
        "gatherer = Collector(policy, envs, memory)\nonce = lambda: trainer(policy, gatherer)\nonce()",
    ],
)
def test_what_may_be_trained_from_is_one(project, body):
    assert _found(project, body) == 1


def test_a_function_inside_has_names_of_its_own(project):
    body = """
    def look():
        memory = VectorReplayBuffer(10, 1)
        gatherer = Collector(policy, envs, memory)
        gatherer.collect(n_step=9)
    gatherer = Collector(policy, envs, memory)
    look()
    trainer(policy, gatherer)
    """
    assert _found(project, body) == 1


_ROUND = """
gatherer = Collector(policy, envs, memory)
while True:
    gatherer.collect(n_step=9)
    batch, indices = gatherer.buffer.sample(64)
    loss = {loss}
    student.optim.zero_grad()
    loss.backward()
    student.optim.step()
"""


@pytest.mark.parametrize(
    ("loss", "found"),
    [
        ("kl(policy.forward(batch).logits, student.forward(batch).logits)", 0),
        ("kl(policy.forward(batch).logits, student.model(batch.obs))", 0),
        ("kl(batch.rew + policy.forward(batch).logits, student.forward(batch).logits)", 1),
        ("student.learn(batch)", 1),
        ("kl(*map(policy.forward, [batch, batch]))", 1),
    ],
)
def test_what_networks_alone_answer_has_no_td_error(project, loss, found):
    assert _found(project, _ROUND.format(loss=loss)) == found


def test_what_a_loss_of_another_library_is_computed_from_is_learnt_from(project):
    graph = project("""
    from cpprb import ReplayBuffer


    def main(env, losses, optimizer):
        memory = ReplayBuffer(1000, {"obs": {}, "act": {}, "rew": {}, "next_obs": {}, "done": {}})
        while True:
            memory.add(**env.turn())
            batch = memory.sample(64)
            losses.forward(batch).backward()
            optimizer.step()
    """)
    assert len(graph.library) == 1
