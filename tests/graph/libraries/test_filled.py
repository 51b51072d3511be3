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


ROUNDS = """
    import flashbax as fbx
    from search import rounds, train

    def main(net, length, least):
        buffer = fbx.make_trajectory_buffer(
            add_batch_size=8, sample_batch_size=32, sample_sequence_length=2, period=1,
            min_length_time_axis={least}, max_length_time_axis={most},
        )
        state = buffer.init(net.row)
        for _ in range(1000):
            rows = rounds(net).reshape(8, {added}, -1)
            state = buffer.add(state, rows)
            net = train(net, buffer.sample(state, net.key))
"""


@pytest.mark.parametrize(
    ("least", "most", "added", "found"),
    [
        ("length", "length", "length", 0),
        ("least", "length", "length", 1),
        ("length", "length", "least", 1),
        ("100", "100", "100", 1),
    ],
)
def test_what_each_turn_adds_takes_the_place_of_all_that_was_there(project, least, most, added, found):
    assert len(project(ROUNDS.format(least=least, most=most, added=added)).library) == found
