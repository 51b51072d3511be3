"""Rows that hold the action which was taken next."""

import pytest

from per_audit.graph.recognise.rows.followed import holds_next_actions

PROGRAM = """
    import random
    from collections import deque

    def train(env, net, optimizer):
        recent = deque(maxlen=1000)
        state = env.reset()
        action = net.act(state)
        while True:
            next_state, reward, done, _ = env.step(action)
            {following} = net.act(next_state)
            recent.append({row})
            batch = random.sample(recent, 32)
            loss = net.loss(batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            state, action = next_state, {following}
"""


@pytest.mark.parametrize(
    ("following", "row", "found"),
    [
        ("next_action", "(state, action, reward, next_state, done, next_action)", True),
        ("next_action", "(state, int(action), reward, next_state, float(done), int(next_action))", True),
        ("a_prime", "(state, action, reward, next_state, done, a_prime)", True),
        ("next_action", "(state, action, reward, next_state, done)", False),
        ("later", "(state, action, reward, next_state, done, later)", False),
        ("next_legal_actions", "(state, action, reward, next_state, done, next_legal_actions)", False),
        ("next_action_mask", "(state, action, reward, next_state, next_action_mask, done)", False),
        ("next_actions", "(state, action, reward, next_state, done, next_actions)", False),
    ],
)
def test_the_action_that_was_taken_next(project, following, row, found):
    (buffer,) = project(PROGRAM.replace("{following}", following).replace("{row}", row)).buffers
    assert holds_next_actions(buffer) is found
