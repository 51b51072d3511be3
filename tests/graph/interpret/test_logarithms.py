"""Importance-sampling weights that are computed by logarithms."""

import pytest

MEMORY = """
    import math
    import numpy as np
    import torch
    import jax.numpy as jnp

    class Memory:
        def __init__(self, size):
            self.rows, self.mass, self.size = [None] * size, np.ones(size), size

        def sample(self, k, beta, b, policy):
            p = self.mass / self.mass.sum()
            at = np.random.choice(self.size, k, p=p)
            rows = [self.rows[i] for i in at]
            q = p[at]
            {before}
            made = {made}
            return rows, made
"""


def weights(project, value_of, made, before=""):
    """Whether the expression counts as weights in a memory's draw."""
    return bool(value_of(project(MEMORY.format(made=made, before=before or "pass")), made).tagged("isw"))


@pytest.mark.parametrize(
    "made",
    [
        "np.exp(-b * (np.log(self.size) + np.log(q)))",
        "np.exp(beta * -np.log(self.size * q))",
        "np.exp(-beta * np.log(self.size * p[at]))",
        "torch.exp(-b * torch.log(torch.as_tensor(self.size * q)))",
        "(torch.as_tensor(q).log() * -b).exp()",
        "jnp.exp(-(beta * jnp.log(q)))",
        "np.exp(-np.log(q) * b)",
        "np.exp(b * (-np.log(self.size) - np.log(p[at])))",
        "np.exp(-np.log(self.size * p[at]))",
        "np.exp(-0.5 * np.log(self.size * p[at]))",
        "np.exp(-b * np.log(p)[at])",
        "[math.exp(-b * math.log(self.size * p[i])) for i in at]",
    ],
)
def test_the_exponential_of_a_multiple_of_a_logarithm_is_a_weight(project, value_of, made):
    assert weights(project, value_of, made)


@pytest.mark.parametrize(
    "before",
    [
        "v = -b * np.log(self.size * q)",
        "v = -b * np.log(self.size * q); v = v - v.max()",
        "v = -b * np.log(self.size * q); v -= np.max(v)",
        "v = torch.as_tensor(-b * np.log(self.size * q)).float().unsqueeze(1)",
        "v = np.log(self.size * q); v = -b * (v - v.min())",
    ],
)
def test_logarithms_are_followed_through_sums_and_forms(project, value_of, before):
    assert weights(project, value_of, "np.exp(v)", before)


@pytest.mark.parametrize(
    "made",
    [
        "np.exp(np.log(q))",
        "np.exp(-b * q)",
        "-b * np.log(self.size * q)",
        "np.exp(-b * np.log(self.size))",
        "np.exp(-b * policy(np.log(q)))",
        "np.exp(-b * np.log(q) ** 2)",
        "np.exp(-b * np.tanh(np.log(q)))",
        # the ratio of two policies, of which one is stored with the rows
        "np.exp(np.log(policy(rows)) - np.log(self.mass[at]))",
    ],
)
def test_other_exponentials_are_no_weights(project, value_of, made):
    assert not weights(project, value_of, made)
