"""Library buffers whose learners never look at a reward."""

import pytest

BUILDER = """
import jax
import reverb

from losses import density_loss


def with_rewards(params, batch):
    return (batch.reward - params).mean()


def without(params, batch):
    return (batch.observation - params).mean()


class Learner:
    def __init__(self, batches, shown, loss={loss}):
        self.batches, self.shown, self.params, self.loss = batches, shown, 0.0, loss

    def step(self):
        batch, shown = next(self.batches).data, next(self.shown)

        def ratio(params):
            return {ratio}

        self.params -= jax.grad(ratio)(self.params)


class Actor:
    def __init__(self, client):
        self.client = client

    def observe(self, timestep):
        self.client.update(timestep.reward)


class Builder:
    def tables(self):
        return [reverb.Table("t", reverb.selectors.Uniform(), reverb.selectors.Fifo(), 9_000, None)]

    def learner(self, batches, shown):
        return {made}

    def actor(self, client):
        return Actor(client)
"""
RATIO = "(batch.observation - shown.observation).mean() - params"


@pytest.mark.parametrize(
    ("loss", "ratio", "made", "found"),
    [
        ("None", RATIO, "Learner(batches, shown)", 0),
        ("None", f"{RATIO} + (0 if batch.reward.shape else 1)", "Learner(batches, shown)", 0),
        ("None", f"{RATIO} + batch.reward.mean()", "Learner(batches, shown)", 1),
        ("None", f"{RATIO} + batch['reward'].mean()", "Learner(batches, shown)", 1),
        ("None", "self.loss(params, batch)", "Learner(batches, shown, with_rewards)", 1),
        ("None", "self.loss(params, batch)", "Learner(batches, shown, loss=without)", 0),
        ("None", "self.loss(params, batch)", "Learner(batches, shown, loss=density_loss)", 1),  # nobody can tell
        ("None", RATIO, "unknown(batches, shown)", 1),
    ],
)
def test_a_memory_of_which_no_rewards_are_read_is_drawn_from_evenly(project, loss, ratio, made, found):
    text = BUILDER.format(loss=loss, ratio=ratio, made=made)
    assert len(project(text + "\n\nBuilder().learner([], []).step()\n").library) == found
