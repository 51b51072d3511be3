"""PER106 says whose agents were published with a constant beta of that number."""

import pytest

from per_audit.facts import extract
from per_audit.graph import link
from per_audit_rules.per106_beta_not_annealed import BetaNotAnnealed

WRITTEN = """
import math

import numpy as np
import tensorflow as tf
import torch


class Memory:
    def __init__(self, size, beta=0.4):
        self.rows, self.mass, self.at, self.beta = [None] * size, np.zeros(size), 0, beta

    def put(self, state, action, reward, next_state, done):
        self.rows[self.at], self.mass[self.at] = (state, action, reward, next_state, done), self.mass.max() or 1.0
        self.at = (self.at + 1) % len(self.rows)

    def some(self, n):
        size, beta, shares = len(self.rows), self.beta, self.mass / self.mass.sum()
        slots = np.random.choice(size, n, p=shares)
        p = shares[slots]
        weights = WEIGHTS
        return [self.rows[slot] for slot in slots], slots, weights / weights.max()

    def rate(self, slots, errors):
        self.mass[slots] = abs(errors) + 1e-6


def train(env, net, optimizer):
    memory = Memory(10_000)
    for _ in range(100_000):
        memory.put(*env.turn())
        rows, slots, weights = memory.some(32)
        errors = net.errors(rows)
        (torch.as_tensor(weights) * errors**2).mean().backward()
        optimizer.step()
        memory.rate(slots, errors.detach().numpy())
"""


@pytest.mark.parametrize(
    ("beta", "told"), [("0.6", "as in R2D2, which"), ("0.5", "as in Dopamine's Rainbow, which"), ("0.4", None)]
)
def test_what_was_published_so_is_said(beta, told):
    files = BetaNotAnnealed.bad[0].plain
    text = files["memory.py"].replace("beta=0.4", f"beta={beta}")
    modules = {**files, "memory.py": text}
    graph = link([extract(path, source.encode()) for path, source in modules.items()])
    (finding,) = BetaNotAnnealed().check(graph)
    assert ("published so" in finding.message) is (told is not None)
    assert told is None or told in finding.message


@pytest.mark.parametrize(
    "weights",
    [
        "(size * p) ** -beta",
        "(size * p) ** (-1 * beta)",
        "(size * p) ** (beta * -1.0)",
        "(size * p) ** (0 - beta)",
        "np.power(size * p, -beta)",
        "np.power(size * p, -1 * beta)",
        "1 / (size * p) ** beta",
        "np.power(1 / (size * p), beta)",
        "np.array([math.pow(size * each, -beta) for each in p])",
        "np.array([math.pow(1 / (size * each), beta) for each in p])",
        "torch.pow(torch.as_tensor(size * p), -beta).numpy()",
        "tf.pow(size * p, -beta).numpy()",
        "np.exp(-beta * np.log(size * p))",
    ],
)
def test_a_constant_beta_is_known_however_the_power_is_written(weights):
    (finding,) = BetaNotAnnealed().check(link([extract("memory.py", WRITTEN.replace("WEIGHTS", weights).encode())]))
    assert "`beta`" in finding.message or "`0.4`" in finding.message
