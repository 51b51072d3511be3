"""Containers that are joined to more, and take their own place."""

import pytest

from per_audit.graph import UNIFORM

_ROW = "(state, action, reward, next_state, done)"
_MATRIX = "np.empty((0, 5))"


def kinds(graph):
    return [buffer.kind for buffer in graph.buffers]


_LOOP = """
    import random
    import numpy as np
    import torch

    {begun}
    for episode in range(500):
        state, done = env.reset(), False
        {anew}
        while not done:
            action = net(state)
            next_state, reward, done, _ = env.step(action)
            {stored}
            state = next_state
            {drawn}
"""
_DRAWN = "learn(past[np.random.choice(len(past), 32)])"


@pytest.mark.parametrize(
    ("begun", "stored"),
    [
        (_MATRIX, f"past = np.vstack((past, {_ROW}))"),
        (_MATRIX, f"past = np.append(past, [{_ROW}], axis=0)"),
        (_MATRIX, f"past = np.concatenate([{_ROW}, past])"),
        (_MATRIX, f"past = np.vstack((past, {_ROW}))[-10000:]"),
        ("torch.empty(0, 5)", f"past = torch.cat((past, torch.tensor({_ROW})[None]))"),
        ("[]", f"past = [*past, {_ROW}]"),
        ("[]", f"past = [{_ROW}, *past]"),
        ("[]", f"past = [*past, {_ROW}][-10000:]"),
        ("[]", f"past = [{_ROW}] + past"),
        ("()", f"past = (*past, {_ROW})"),
    ],
)
@pytest.mark.parametrize("drawn", [_DRAWN, "learn(random.sample(list(past), 32))"])
def test_what_is_joined_to_a_name_is_stored_under_it(project, begun, stored, drawn):
    graph = project(_LOOP.format(begun=f"past = {begun}", anew="pass", stored=stored, drawn=drawn))
    assert kinds(graph) == [UNIFORM]


@pytest.mark.parametrize(
    "stored",
    [
        f"past = {_ROW} if past is None else np.vstack((past, {_ROW}))",
        f"past = np.vstack((past, {_ROW})) if past is not None else np.array([{_ROW}])",
    ],
)
def test_what_begins_as_nothing_is_a_container_of_the_transitions_that_are_joined_to_it(project, stored):
    code = _LOOP.format(begun="past = None", anew="pass", stored=stored, drawn="draw()")
    graph = project(code + f"\n\n    def draw():\n        {_DRAWN}\n")
    assert kinds(graph) == [UNIFORM]


@pytest.mark.parametrize(("cut", "grows"), [("", True), ("[-10000:]", False)])
def test_a_list_that_is_cut_as_it_is_joined_does_not_grow_for_ever(project, cut, grows):
    drawn = "learn(random.sample(past, 32))"
    graph = project(_LOOP.format(begun="past = []", anew="pass", stored=f"past = [*past, {_ROW}]{cut}", drawn=drawn))
    (buffer,) = graph.buffers
    assert bool(graph.growing_stores(buffer)) is grows


@pytest.mark.parametrize(
    ("begun", "anew", "stored", "drawn"),
    [
        # what stands beside another, and takes no place
        (f"past = {_MATRIX}", "pass", f"last = np.vstack((past, {_ROW}))", _DRAWN),
        ("past = []", "pass", f"last = [*past, {_ROW}]", "learn(random.sample(past, 32))"),
        # scores, and frames that are stacked
        (_MATRIX, "past = np.zeros(1)", "past = np.append(past, reward)", _DRAWN),
        (_MATRIX, "past = np.zeros(4)", "past = np.append(past[1:], next_state)", _DRAWN),
    ],
)
def test_what_is_joined_is_no_memory_by_that_alone(project, begun, anew, stored, drawn):
    assert kinds(project(_LOOP.format(begun=begun, anew=anew, stored=stored, drawn=drawn))) == []


@pytest.mark.parametrize(("begun", "anew", "expected"), [("past = {}", "pass", [UNIFORM]), ("pass", "past = {}", [])])
@pytest.mark.parametrize(
    ("made", "stored"), [(_MATRIX, f"past = np.vstack((past, {_ROW}))"), ("[]", f"past = [*past, {_ROW}]")]
)
def test_what_each_episode_begins_anew_is_a_rollout(project, begun, anew, expected, made, stored):
    code = _LOOP.format(begun=begun.format(made), anew=anew.format(made), stored=stored, drawn="pass")
    drawn = "learn(random.sample(list(past), 32))"
    assert kinds(project(f"{code}\n        for epoch in range(4):\n            {drawn}\n")) == expected
