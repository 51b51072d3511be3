"""Masks that are what the latest step said."""

import pytest

from per_audit.facts import extract
from per_audit.graph import link
from per_audit.rule import all_rules

PROGRAM = """
import random
from collections import deque

import gymnasium as gym
import numpy as np
import torch
import torch.nn.functional as F


def train(net, target, optimizer, model):
    env, rows = gym.make("CartPole-v1"), deque(maxlen=10_000)
    for episode in range(400):
        state, done = env.reset(), False
        while not done:
            action = net.act(state)
            {step}
            rows.append((state, action, reward, next_state, done))
            state = next_state
            {learn}
        {later}
"""
LEARN = """s, a, r, s2, d = map(torch.tensor, zip(*random.sample(rows, 32)))
            best = target(s2).max(dim=1).values.detach()
            y = {target}
            loss = F.mse_loss(net(s).gather(1, a[:, None]).squeeze(1), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()"""
ONE = "next_state, reward, done, _ = env.step(action)"
TWO = "next_state, reward, over, cut, _ = env.step(action)\n            done = over or cut"
MASKED = "r + 0.99 * (1 - done) * best"
OWN = "r + 0.99 * (1 - d.float()) * best"
BOTH = "r + 0.99 * (1 - d.float()) * (1 - done) * best"
DRAWN = "_, r, done, _ = model.step(s, a)\n            y = r + 0.99 * (1 - done) * best"


@pytest.mark.parametrize(
    ("step", "target", "is_stray"),
    [
        (ONE, MASKED, True),
        (TWO, MASKED, True),
        (ONE, "r + 0.99 * best * (not done)", True),
        (ONE, OWN, False),
        (ONE, BOTH, False),
        (ONE, f"0\n            {DRAWN}", False),
        (ONE, "r + 0.99 * (1 - model.ends(s2)) * best", False),
    ],
)
def test_a_flag_of_the_latest_step_is_none_of_the_batch(step, target, is_stray):
    program = PROGRAM.format(step=step, learn=LEARN.format(target=target), later="")
    assert said(program) == (["is of the latest step, the same for the whole batch)"] if is_stray else [])


def test_what_is_learnt_once_the_flag_is_raised_is_no_step_of_the_episode():
    later = LEARN.format(target=MASKED).replace("\n    ", "\n")
    assert said(PROGRAM.format(step=ONE, learn="pass", later=later)) == []


@pytest.mark.parametrize("step", [ONE, TWO])
def test_a_loop_that_lasts_until_its_own_step_ends_the_episode_is_no_mask(step):
    (message,) = said(PROGRAM.format(step=step, learn=LEARN.format(target="r + 0.99 * best"), later=""))
    assert not message  # nothing is said of a mask


def said(program: str) -> list[str]:
    (rule,) = (rule for rule in all_rules() if rule.code == "PER501")
    graph = link([extract("train.py", program.encode())])
    return [finding.message.partition("` ")[2].partition("` ")[2] for finding in rule.check(graph)]
